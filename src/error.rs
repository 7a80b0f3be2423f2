//! The one error of the public API, with what an administrator can do about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::entra::aadsts;
use crate::ids::TenantId;
use crate::time::UnixTime;

pub use crate::crypto::{CertificateError, NoRandomness};
pub use crate::dsig::DsigError;
pub use crate::encoding::Quoted;
pub use crate::ids::InvalidId;
pub use crate::saml::{BindingError, MessageError, MetadataError, Status};
pub use crate::time::InvalidTime;
pub use crate::xml::XmlError;

/// What went wrong, where, and what to change.
///
/// `Display` is for the log of an administrator; it holds no attribute values and no secrets, and whatever comes from a
/// message is shortened and escaped. For the person at the browser there is
/// [`public_message`](Self::public_message), which is the same for every kind.
#[derive(Debug)]
pub struct Error {
    kind: Box<ErrorKind>,
}

/// The kinds of [`Error`], by who is to blame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting of ours cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The metadata of the identity provider cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The form is not one that carries a message.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The message is not one that we read.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// No trusted key vouches for the message.
    #[error(transparent)]
    Signature(#[from] DsigError),
    /// The identity provider says no.
    #[error("the answer, which nobody vouches for, says {}", describe(.0))]
    Refused(Status),
    /// The message is not one that we may accept.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The request is not one that our routes take.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no such connection, or it cannot be used now.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// Metadata could not be fetched (feature `fetch`).
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// What is wrong with a setting, or with this machine.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A name or URL is none.
    #[error(transparent)]
    InvalidId(#[from] InvalidId),
    /// An instant is none.
    #[error(transparent)]
    InvalidTime(#[from] InvalidTime),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The operating system has no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The binding that was chosen is not one of the identity provider's.
    #[error("the identity provider has no single sign-on endpoint for the configured binding")]
    NoSuchBinding,
    /// The identity provider names no place to send logout messages to.
    #[error("the identity provider has no single logout endpoint")]
    NoLogoutEndpoint,
    /// Requests or metadata are to be signed, but there is no key.
    #[error("requests, logout messages or metadata are to be signed, but no signing key is configured")]
    NoSigningKey,
    /// The certificate with this SHA-256 thumbprint has another key than the private key that it came with.
    #[error("the certificate {0} does not belong to the private key that it is configured with")]
    KeyMismatch(Box<str>),
    /// An authentication context is asked for, but no class is named.
    #[error("an authentication context is asked for, but no class is named (RequestedAuthnContext)")]
    NoContextClass,
    /// What must be remembered of a login needs a cookie of so many bytes; so many are safe.
    #[error("the pending login needs a cookie of {0} bytes; browsers and proxies are safe with {1}")]
    StateTooLarge(usize, usize),
}

/// Names that were found where others were expected; any of several would have done.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mismatch {
    /// What stands in the message; empty if nothing does.
    pub found: Vec<Quoted>,
    /// What should stand there; empty if nothing should.
    pub expected: Vec<Quoted>,
}

impl Mismatch {
    pub(crate) fn new<'a>(
        found: impl IntoIterator<Item = &'a str>, expected: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let quote = Quoted::new;
        Self { found: found.into_iter().map(quote).collect(), expected: expected.into_iter().map(quote).collect() }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found {}, expected {}", list(&self.found), list(&self.expected))
    }
}

/// A bound in time that was crossed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bound {
    /// What has the bound: the assertion, its subject confirmation, or the session.
    pub what: &'static str,
    /// The bound.
    pub limit: UnixTime,
    /// When it was looked at, by our clock.
    pub now: UnixTime,
    /// What the clocks may differ by.
    pub skew: Duration,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, now, skew, .. } = self;
        let missed = limit.since(*now).max(now.since(*limit)).as_secs();
        let skew = skew.as_secs();
        write!(f, "{limit}; it is {now} here, {missed} s off, and {skew} s of difference are allowed")
    }
}

/// Why an answer was not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The response is addressed to another place than our assertion consumer service.
    #[error("the response is addressed elsewhere (Destination): {0}")]
    DestinationMismatch(Mismatch),
    /// The logout message is addressed to another place than our single logout service.
    #[error("the logout message is addressed elsewhere (Destination): {0}")]
    LogoutDestinationMismatch(Mismatch),
    /// The response or the assertion comes from another identity provider than the one we asked.
    #[error("the {0} comes from somebody else (Issuer): {1}")]
    IssuerMismatch(&'static str, Mismatch),
    /// The response or its confirmation answers another request than ours, or none.
    #[error("the {0} answers another request (InResponseTo): {1}")]
    InResponseToMismatch(&'static str, Mismatch),
    /// It names another person than the request did.
    #[error("the assertion is about another person than the request asked for (Subject)")]
    OtherSubject,
    /// It names nobody.
    #[error("the assertion has no Subject with a NameID that is not empty")]
    NoNameId,
    /// Nothing in it says that whoever brings it may use it.
    #[error("the assertion has no bearer SubjectConfirmation with SubjectConfirmationData")]
    NoBearerConfirmation,
    /// It was made for delivery to another place than our assertion consumer service.
    #[error("the assertion is for delivery elsewhere (Recipient): {0}")]
    RecipientMismatch(Mismatch),
    /// A bearer confirmation has a `NotBefore`, or no `NotOnOrAfter` (SAML Profiles 4.1.4.2).
    #[error("the bearer SubjectConfirmation {0}")]
    ConfirmationShape(&'static str),
    /// Its time is over.
    #[error("the {what} ended {0}", what = .0.what)]
    Expired(Bound),
    /// Its time has not begun.
    #[error("the {what} begins {0}", what = .0.what)]
    NotYetValid(Bound),
    /// It does not say whom it is for.
    #[error("the assertion has no AudienceRestriction")]
    NoAudience,
    /// It is for somebody else.
    #[error("the assertion is for somebody else (Audience): {0}")]
    AudienceMismatch(Mismatch),
    /// It does not say that anybody authenticated.
    #[error("the assertion has no AuthnStatement")]
    NoAuthnStatement,
    /// The person authenticated in another way than was asked for.
    #[error("the person authenticated in another way (AuthnContextClassRef): {0}")]
    AuthnContextMismatch(Mismatch),
    /// The person authenticated at the first instant, but was to do so anew after the second.
    #[error("the person authenticated {0}, but was to do so anew after {1}")]
    AuthenticationTooOld(UnixTime, UnixTime),
    /// This browser has no login begun that this could answer.
    #[error("this browser has no login begun that the answer belongs to")]
    NoPendingLogin,
    /// This browser has no logout begun that this could answer.
    #[error("this browser has no logout begun that the answer belongs to")]
    NoPendingLogout,
    /// The identity provider, which has signed this, says that it did not sign the person out.
    #[error("the identity provider did not sign the person out: {}", describe(.0))]
    LogoutRefused(Status),
    /// The login or logout was begun too long ago.
    #[error("the login or logout could be finished until {limit}; it is {now}")]
    PendingLoginExpired {
        /// Its end.
        limit: UnixTime,
        /// When the answer came.
        now: UnixTime,
    },
    /// The login, logout or session was begun with another identity provider than this one, or under other names.
    #[error("it was begun under other settings than with {0}: provider, entity ID, address or customer")]
    OtherProvider(Quoted),
    /// This login was finished before; the browser sent the form again.
    #[error("this login was finished before: a reload, or the Back button")]
    AlreadyAnswered,
    /// The assertion, or the logout request, was used before.
    #[error("the assertion or logout request was used before")]
    Replayed,
    /// The replay cache is full of assertions that are still valid.
    #[error("the replay cache is full of assertions that are still valid, so nobody can sign in")]
    ReplayCacheFull,
    /// The replay cache gave no answer.
    #[error("the replay cache gave no answer, so the assertion may have been used before")]
    ReplayCacheUnavailable,
    /// Nobody asked, and the assertion ends at the first instant; where customers share a store, those that end after the
    /// second are not taken.
    #[error("nobody asked for this answer, and its assertion is good until {0}; until {1} is allowed")]
    LivesTooLong(UnixTime, UnixTime),
    /// It is not encrypted, and this connection takes none that is not.
    #[error("the assertion is not encrypted, and this connection takes only encrypted ones")]
    EncryptionRequired,
    /// It is encrypted with CBC in a response that is not signed, and this connection does not take that.
    #[error("the assertion is encrypted with CBC, which proves nothing, in a response that is not signed")]
    EncryptionNotAuthenticated,
    /// Nobody asked, and answers without a question are not taken.
    #[error("nobody asked for this answer, and unsolicited answers are not allowed")]
    Unsolicited,
}

/// Why a request is not one that our routes take.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request has this method, the route takes that one.
    #[error("the request is {0}, the route takes {1}")]
    Method(Quoted, &'static str),
    /// Somebody opened the assertion consumer service like a page.
    #[error("the assertion consumer service was opened by GET; answers come by POST")]
    AcsOpened,
    /// The body has this content type; it is no form.
    #[error("the request has the content type {0}, not application/x-www-form-urlencoded")]
    ContentType(Quoted),
    /// Another site sent the browser to sign the person out.
    #[error("the logout was asked for by another site (Sec-Fetch-Site: {0})")]
    CrossSite(Quoted),
    /// This parameter of the query cannot be used, and why.
    #[error("the parameter `{0}` cannot be used: {1}")]
    Parameter(&'static str, &'static str),
}

/// Why a customer's connection cannot be used, or stays as it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// There is none of this name.
    #[error("there is no connection {0}")]
    Unknown(Quoted),
    /// No live connection has this domain.
    #[error("no live connection has the e-mail domain {0}")]
    UnknownDomain(Quoted),
    /// It was switched off.
    #[error("the connection {0} is disabled")]
    Disabled(TenantId),
    /// Its metadata was never installed.
    #[error("the metadata for the connection {0} was never fetched, so nothing is known of its identity provider")]
    NotReady(TenantId),
    /// The domain is another connection's.
    #[error("the e-mail domain {0} belongs to the connection {1}")]
    DomainTaken(Quoted, TenantId),
    /// What came to an address that several share may be meant for each of these.
    #[error("the message may be meant for several connections: {}", .0.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "))]
    Ambiguous(Vec<TenantId>),
    /// The settings give the connection a name of ours that is made for another one.
    #[error("the entity ID {0} is that of another connection")]
    NameTaken(Quoted),
    /// The settings hold more of something than anybody needs: what, how many, and how many there may be.
    #[error("the settings of the connection hold {1} {0}; at most {2} are allowed")]
    TooMany(&'static str, usize, usize),
    /// The connection was changed, or has newer metadata, since the ticket was handed out.
    #[error("the connection {0} was changed or refreshed since this ticket was handed out")]
    StaleTicket(TenantId),
    /// This date of the new metadata lies before that of the one that stands.
    #[error("the metadata is older than what stands: its {0} is {1}, and was {2}")]
    OlderMetadata(&'static str, UnixTime, UnixTime),
    /// The snapshot is about another address or another identity provider than the settings.
    #[error(
        "the snapshot of the connection {0} is from another address, or of another identity provider, than its settings name"
    )]
    OtherSnapshot(TenantId),
}

/// Why metadata could not be fetched.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, no TLS, no such name, no HTTP.
    #[error("the metadata cannot be fetched: {0}")]
    Unreachable(Quoted),
    /// It took too long.
    #[error("the metadata cannot be fetched in time")]
    Timeout,
    /// There is no document there.
    #[error("the address of the metadata answers with the status {0}")]
    Status(u16),
    /// It leads to another host, from TLS to none, or round and round.
    #[error("the address of the metadata leads on to {0}, which is not followed")]
    Redirect(Quoted),
    /// It is longer than this many bytes.
    #[error("the metadata is longer than {0} bytes")]
    TooLarge(u64),
}

/// What an administrator can do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Hint {
    /// One sentence in the imperative.
    pub action: Cow<'static, str>,
    /// Where, as a path of menu names in the Entra admin center.
    pub place: Option<&'static str>,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{} ({place})", self.action),
            None => f.write_str(&self.action),
        }
    }
}

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// A name that stays the same from release to release, such as `saml.audience_mismatch`: the heading in the
    /// [manual](crate::manual::errors).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &*self.kind {
            ErrorKind::Configuration(error) => configuration(error).0,
            ErrorKind::Metadata(error) => error.code(),
            ErrorKind::Binding(error) => error.code(),
            ErrorKind::Message(error) => error.code(),
            ErrorKind::Signature(error) => error.code(),
            ErrorKind::Refused(_) => "saml.refused",
            ErrorKind::Rejected(error) => rejection(error).0,
            ErrorKind::Request(error) => request(error).0,
            ErrorKind::Tenant(error) => tenant(error).0,
            ErrorKind::Fetch(error) => fetch(error).0,
        }
    }

    /// What an administrator can change, and where.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        let (action, place) = match &*self.kind {
            ErrorKind::Configuration(error) => advice(configuration(error)),
            ErrorKind::Metadata(error) => metadata_hint(error),
            ErrorKind::Binding(error) => binding_hint(error),
            ErrorKind::Message(error) => message_hint(error),
            ErrorKind::Signature(error) => signature_hint(error),
            ErrorKind::Refused(status) => refused_hint(status),
            ErrorKind::Rejected(error) => rejection_hint(error),
            ErrorKind::Request(error) => advice(request(error)),
            ErrorKind::Tenant(error) => advice(tenant(error)),
            ErrorKind::Fetch(error) => advice(fetch(error)),
        };
        Some(Hint { action, place })
    }

    /// Whether newer metadata of the identity provider may help: its keys may have changed. That may be behind a failed
    /// decryption, too, which does not say whether it was the signature inside.
    #[must_use]
    pub fn suggests_metadata_refresh(&self) -> bool {
        matches!(
            &*self.kind,
            ErrorKind::Signature(DsigError::UnknownKey { .. } | DsigError::CertificateNotValid { .. })
                | ErrorKind::Message(MessageError::DecryptionFailed)
        )
    }

    /// What the person at the browser may read. The same for every kind, so that it tells an attacker nothing.
    #[must_use]
    pub fn public_message(&self) -> &'static str {
        "We could not sign you in. Please try again, or ask your administrator."
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.kind)
    }
}

macro_rules! into_error {
    ($($source:ty => $kind:ident),* $(,)?) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self { kind: Box::new(ErrorKind::$kind(source.into())) }
            }
        }
    )*};
}

into_error! {
    ConfigurationError => Configuration,
    InvalidId => Configuration,
    InvalidTime => Configuration,
    CertificateError => Configuration,
    NoRandomness => Configuration,
    MetadataError => Metadata,
    BindingError => Binding,
    MessageError => Message,
    XmlError => Message,
    DsigError => Signature,
    Status => Refused,
    Rejection => Rejected,
    RequestError => Request,
    TenantError => Tenant,
    FetchError => Fetch,
}

fn list(items: &[Quoted]) -> String {
    let shown: Vec<String> = items.iter().take(5).map(Quoted::to_string).collect();
    match items.len() {
        0 => "none".into(),
        1..=5 => shown.join(" or "),
        more => format!("{} and {} more", shown.join(", "), more - 5),
    }
}

fn describe(status: &Status) -> String {
    let more = status.subcode.iter().chain(&status.message);
    more.fold(status.code.to_string(), |out, part| format!("{out} / {part}"))
}

// ---- what to do about it ----

type Advice = (Cow<'static, str>, Option<&'static str>);

macro_rules! place {
    ($($under:literal)?) => {
        Some(concat!("Enterprise applications › your application › Single sign-on" $(, " › ", $under)?))
    };
}

const BASIC: Option<&str> = place!("Basic SAML Configuration");
const CERTIFICATES: Option<&str> = place!("SAML Certificates");
const CLAIMS: Option<&str> = place!("Attributes & Claims");
const SET_UP: Option<&str> = place!("Set up your application");
const ENCRYPTION: Option<&str> = Some("Enterprise applications › your application › Token encryption");
const LOGS: Option<&str> = Some("Entra ID › Monitoring & health › Sign-in logs");

/// In the settings of this application, or on this server.
const HERE: Option<&str> = None;

/// For answers that nobody asked for.
const START_HERE: &str = "Set *Sign on URL* to the login address of this application, so that My Apps starts there.";

/// For what Entra ID never sends.
const EVIDENCE: &str = "Keep the message as evidence: Entra ID does not send this, so look for an attack or for a proxy that changes messages.";

/// Code, action, place.
type Row = (&'static str, &'static str, Option<&'static str>);

fn advice((_, action, place): Row) -> Advice {
    (action.into(), place)
}

#[rustfmt::skip]
fn configuration(error: &ConfigurationError) -> Row {
    use ConfigurationError as C;
    match error {
        C::InvalidId(_) => ("config.invalid_value", "Correct the value in the settings of this application.", HERE),
        C::InvalidTime(_) => ("config.invalid_time", "Correct the time in the settings of this application.", HERE),
        C::Certificate(error) => certificate(error),
        C::NoRandomness(_) => ("config.no_randomness", "Restart the server.", HERE),
        C::NoSuchBinding => ("config.no_such_binding", "Choose a binding that the identity provider's metadata offers.", HERE),
        C::NoLogoutEndpoint => ("config.no_logout_endpoint", "Ask the identity provider's administrator for metadata with a SingleLogoutService, or sign people out of this application only.", HERE),
        C::NoSigningKey => ("config.no_signing_key", "Configure a signing key, or sign neither requests nor metadata.", HERE),
        C::KeyMismatch(_) => ("config.key_mismatch", "Configure the certificate that was made for the private key.", HERE),
        C::NoContextClass => ("config.no_context_class", "Name at least one class, or ask for no authentication context.", HERE),
        C::StateTooLarge(..) => ("config.state_too_large", "Shorten the return path or the list of authentication contexts.", HERE),
    }
}

#[rustfmt::skip]
fn certificate(error: &CertificateError) -> Row {
    let (action, place) = match error {
        CertificateError::IsPrivateKey =>
            ("Paste the certificate, not the private key; replace that key if it has left its machine.", CERTIFICATES),
        CertificateError::WeakKey { .. } | CertificateError::UnsupportedKey { .. } =>
            ("Create a new signing certificate with an RSA key of 2048 bits or more, and make it active.", CERTIFICATES),
        CertificateError::PrivateKey =>
            ("Configure an unencrypted RSA private key in PEM, such as `openssl genpkey -algorithm RSA` writes.", HERE),
        _ => ("Download *Certificate (Base64)* and paste the whole file, with its BEGIN and END lines.", CERTIFICATES),
    };
    (error.code(), action, place)
}

#[rustfmt::skip]
fn metadata_hint(error: &MetadataError) -> Advice {
    use MetadataError as M;
    let (action, place) = match error {
        M::NotMetadata { .. } | M::Xml(_) =>
            ("Use what *App Federation Metadata Url* or *Federation Metadata XML* gives, unchanged; a saved web page is not it.", CERTIFICATES),
        M::OtherEntity { .. } =>
            ("Use the metadata of the tenant that is configured: its entityID must be the expected issuer.", CERTIFICATES),
        M::SeveralEntities { .. } => ("Name the identity provider by its entity ID.", HERE),
        M::NotAnIdentityProvider { .. } =>
            ("Use the metadata of the identity provider; this document describes a service provider.", CERTIFICATES),
        M::NoSigningKey { .. } | M::NoUsableKey { .. } =>
            ("Create a signing certificate and make it active, then fetch the metadata again.", CERTIFICATES),
        M::NoSsoEndpoint { .. } | M::InvalidValue(_) =>
            ("Ask the identity provider's administrator for metadata with an https endpoint for HTTP-Redirect or HTTP-POST.", HERE),
        M::RepeatedEntity(_) | M::AmbiguousKey(_) =>
            ("Ask the publisher of the metadata for a document that describes each entity once, with one certificate for each KeyDescriptor.", HERE),
        M::NotOverTls(_) => ("Fetch the metadata from an https address.", CERTIFICATES),
        M::Expired { .. } => ("Fetch the metadata again; if it is current, check the clock of this server.", HERE),
        M::Signature(_) =>
            ("Compare the certificate that is to have signed the metadata with the one that its publisher names.", HERE),
    };
    (action.into(), place)
}

#[rustfmt::skip]
fn binding_hint(error: &BindingError) -> Advice {
    let (action, place) = match error {
        BindingError::Missing("SAMLResponse") =>
            ("Make sure that Reply URL is the address of the assertion consumer service, and that no proxy drops the body of the POST.", BASIC),
        BindingError::Missing("SAMLRequest") =>
            ("Do nothing if somebody opened the address by hand; otherwise look for what drops the query or the body.", HERE),
        BindingError::TooLarge { .. } => ("Send fewer groups: choose *Groups assigned to the application* in the groups claim.", CLAIMS),
        BindingError::WrongBinding(_) => ("Have the identity provider send its responses by HTTP-POST.", BASIC),
        _ => ("Check what stands between browser and application: the form arrives changed.", HERE),
    };
    (action.into(), place)
}

#[rustfmt::skip]
fn message_hint(error: &MessageError) -> Advice {
    let (action, place) = match error {
        MessageError::Encrypted { .. } =>
            ("Look whether Entra encrypts for this application, and configure the decryption key (feature `encryption`) if it is to.", ENCRYPTION),
        MessageError::EncryptionAlgorithm(..) =>
            ("Have the identity provider encrypt with AES-GCM (or CBC) and RSA-OAEP, as our metadata says.", ENCRYPTION),
        MessageError::DecryptionFailed =>
            ("Compare the thumbprint of the active certificate with those of our decryption keys; if it is one of them, fetch the metadata again, because the key that signs inside may be new, and keep the message as evidence.", ENCRYPTION),
        MessageError::UnexpectedMessage(_, expected) if expected.starts_with("Logout") =>
            ("Make sure that Logout Url is the address of the single logout service, and that nothing but logout messages goes there.", BASIC),
        MessageError::UnexpectedMessage { .. } =>
            ("Make sure that the identity provider sends Responses of SAML 2.0 to this address, and its logout messages elsewhere.", BASIC),
        _ => (EVIDENCE, HERE),
    };
    (action.into(), place)
}

#[rustfmt::skip]
fn signature_hint(error: &DsigError) -> Advice {
    let (action, place) = match error {
        DsigError::Missing(place) if ["Logout", "SAMLRe"].iter().any(|logout| place.as_ref().starts_with(logout)) =>
            ("Have the identity provider sign its logout messages, as Entra ID does; if it does, look who else sends them.", HERE),
        DsigError::Missing { .. } => ("Set Signing Option to *Sign SAML assertion* or *Sign SAML response and assertion*.", CERTIFICATES),
        DsigError::Sha1 { .. } => ("Set Signing Algorithm to SHA-256.", CERTIFICATES),
        DsigError::UnknownKey { .. } =>
            ("Fetch the metadata again from *App Federation Metadata Url*: with `?appid=` and the application ID, because without it the document lists other keys than this application's.", CERTIFICATES),
        DsigError::CertificateNeeded(_) =>
            ("Configure the certificate itself, or metadata that has it, in the place of its fingerprint; or have logout messages sent by HTTP-POST.", HERE),
        DsigError::CertificateNotValid { .. } =>
            ("Create a new signing certificate, make it active, and fetch the metadata again; if the dates are right, check the clock of this server.", CERTIFICATES),
        DsigError::Algorithm { .. } =>
            ("Have the identity provider sign with RSA-SHA256 and exclusive canonicalization, as Entra ID does.", CERTIFICATES),
        DsigError::Shape(_) | DsigError::Reference { .. } => (EVIDENCE, HERE),
        DsigError::SecondOpinion(..) =>
            ("Have the identity provider sign with RSA-SHA256; if it does, keep the message as evidence and report it to the makers of this crate, because one of the two verifiers is wrong.", CERTIFICATES),
        _ => ("Keep the message as evidence: it was changed after the identity provider signed it, by an attacker or by a proxy.", HERE),
    };
    (action.into(), place)
}

#[rustfmt::skip]
fn refused_hint(status: &Status) -> Advice {
    if let Some(advice) = aadsts::advice_for(status.message.as_ref().map_or("", AsRef::as_ref)) {
        return (advice.action.into(), advice.place);
    }
    let (action, place) = match status.subcode.as_ref().map_or("", AsRef::as_ref) {
        "NoAuthnContext" => ("Look in the sign-in log how the person authenticated, and compare with the context that is asked for.", HERE),
        "NoPassive" => ("Start the login again without IsPassive: the person must see a page.", HERE),
        "InvalidNameIDPolicy" => ("Compare the Format of the NameIDPolicy with those that the identity provider knows.", HERE),
        _ => ("Look the sign-in up in the identity provider's log, by the time of this entry.", LOGS),
    };
    (action.into(), place)
}

#[rustfmt::skip]
fn rejection(error: &Rejection) -> Row {
    use Rejection as R;
    match error {
        R::DestinationMismatch(_) => ("saml.destination_mismatch", "", BASIC),
        R::LogoutDestinationMismatch(_) => ("saml.logout_destination_mismatch", "", BASIC),
        R::IssuerMismatch(..) => ("saml.issuer_mismatch", "Compare both with *Microsoft Entra Identifier*, and configure the metadata of the tenant that people sign in to.", SET_UP),
        R::InResponseToMismatch(_, Mismatch { expected, .. }) if expected.is_empty() =>
            ("saml.in_response_to_mismatch", START_HERE, BASIC),
        R::InResponseToMismatch(..) => ("saml.in_response_to_mismatch", EVIDENCE, HERE),
        R::OtherSubject => ("saml.subject_mismatch", "Sign out at the identity provider, and sign in as the person whom the application asked for.", HERE),
        R::NoNameId => ("saml.name_id_missing", "Give *Unique User Identifier (Name ID)* a source attribute that every person has.", CLAIMS),
        R::NoBearerConfirmation => ("saml.no_bearer_confirmation", EVIDENCE, HERE),
        R::RecipientMismatch(_) => ("saml.recipient_mismatch", "", BASIC),
        R::ConfirmationShape(_) => ("saml.confirmation_invalid", EVIDENCE, HERE),
        R::Expired(_) => ("saml.expired", "Check that the clock of this server is synchronized; if it is, the person took too long and should sign in again.", HERE),
        R::NotYetValid(_) => ("saml.not_yet_valid", "Check that the clock of this server is synchronized: it is slow.", HERE),
        R::NoAudience => ("saml.audience_missing", EVIDENCE, HERE),
        R::AudienceMismatch(_) => ("saml.audience_mismatch", "", BASIC),
        R::NoAuthnStatement => ("saml.authn_statement_missing", EVIDENCE, HERE),
        R::AuthnContextMismatch(_) => ("saml.authn_context_mismatch", "Set a Conditional Access policy that demands the method, and look for it with `entra::did_mfa`: Entra ID says Password whatever was used.", HERE),
        R::AuthenticationTooOld(..) => ("saml.authentication_too_old", "Sign in again.", HERE),
        R::NoPendingLogin => ("saml.no_pending_login", "Check the three usual causes: the site was opened by http or under another host name than Reply URL has; cookies are blocked; a proxy drops Set-Cookie or SameSite=None; for logins that begin at My Apps, set *Sign on URL* to the login address.", BASIC),
        R::NoPendingLogout => ("saml.no_pending_logout", "Do nothing if a person reloaded the page; otherwise look whether cookies are blocked, or a proxy drops Set-Cookie or SameSite=None.", HERE),
        R::LogoutRefused(_) => ("saml.logout_refused", "Look the logout up in the identity provider's log, by the time of this entry.", LOGS),
        R::PendingLoginExpired { .. } => ("saml.pending_login_expired", "Sign in again.", HERE),
        R::OtherProvider(_) => ("saml.other_provider", "Give all replicas the same settings, and do not change them while logins are under way.", HERE),
        R::AlreadyAnswered => ("saml.already_answered", "Do nothing: the person was led on to where the login went.", HERE),
        R::Replayed => ("saml.replayed", "Do nothing if a person reloaded the page; otherwise keep the message as evidence of a theft.", HERE),
        R::ReplayCacheFull => ("saml.replay_cache_full", "Give the replay cache more room.", HERE),
        R::ReplayCacheUnavailable => ("saml.replay_cache_unavailable", "Check the connection to the store behind the replay cache, and the clock of this server.", HERE),
        R::LivesTooLong(..) => ("saml.lives_too_long", "Have the identity provider make assertions that end within a day, as Entra ID's end within an hour.", HERE),
        R::EncryptionRequired => ("saml.encryption_required", "Import our encryption certificate and activate it.", ENCRYPTION),
        R::EncryptionNotAuthenticated => ("saml.encryption_not_authenticated", "Set Signing Option to *Sign SAML response and assertion*, or have the identity provider encrypt with AES-GCM.", CERTIFICATES),
        R::Unsolicited => ("saml.unsolicited", START_HERE, BASIC),
    }
}

/// The hints that name what to set are made here, the others stand in the table.
#[rustfmt::skip]
fn rejection_hint(error: &Rejection) -> Advice {
    let first = |names: &[Quoted]| names.first().map(Quoted::to_string).unwrap_or_default();
    let (_, action, place) = rejection(error);
    (match error {
        Rejection::DestinationMismatch(names) | Rejection::RecipientMismatch(names) =>
            format!("Set Reply URL (Assertion Consumer Service URL) to exactly {}, and make it the default.", first(&names.expected)).into(),
        Rejection::LogoutDestinationMismatch(names) =>
            format!("Set Logout Url to exactly {}.", first(&names.expected)).into(),
        Rejection::AudienceMismatch(names) =>
            format!("Set Identifier (Entity ID) to exactly {}; a slash at the end and `spn:` in front count.", first(&names.expected)).into(),
        _ => action.into(),
    }, place)
}

#[rustfmt::skip]
fn request(error: &RequestError) -> Row {
    match error {
        RequestError::AcsOpened => ("http.acs_opened", "Start at the login address; set *Sign on URL* to it, not to the Reply URL.", BASIC),
        RequestError::Parameter(..) => ("http.parameter", "Link to the login address with a `return_to` that is a path of this site.", HERE),
        RequestError::CrossSite(_) => ("http.cross_site", "Link to the logout address from pages of this site only.", HERE),
        RequestError::Method(..) => ("http.method", "Use the addresses that the metadata names, each as it is meant.", HERE),
        RequestError::ContentType(_) => ("http.content_type", "Let the browser post the form unchanged: something between it and the application changes the body.", HERE),
    }
}

#[rustfmt::skip]
fn tenant(error: &TenantError) -> Row {
    use TenantError as T;
    match error {
        T::Unknown(_) => ("tenant.unknown", "Correct the link: it must end with the name of a connection.", HERE),
        T::UnknownDomain(_) => ("tenant.unknown_domain", "Add the domain to the connection of its owner, once you have seen proof.", HERE),
        T::Disabled(_) => ("tenant.disabled", "Set the connection's state to live or test, if people shall sign in by it.", HERE),
        T::NotReady(_) => ("tenant.not_ready", "Look why its metadata cannot be fetched or installed; until then nobody can sign in by it.", HERE),
        T::DomainTaken(..) => ("tenant.domain_taken", "Take the domain out of the other connection first.", HERE),
        T::Ambiguous(_) => ("tenant.ambiguous", "Give each of these connections addresses of its own, and enter them as Reply URL and Identifier.", BASIC),
        T::NameTaken(_) => ("tenant.name_taken", "Take the entity ID out of the settings, or choose one that is neither the address of our metadata nor below it.", HERE),
        T::TooMany(..) => ("tenant.too_many", "Leave out what is not in use any more.", HERE),
        T::StaleTicket(_) => ("tenant.stale_ticket", "Do nothing: the next ticket takes its place.", HERE),
        T::OlderMetadata(..) => ("tenant.older_metadata", "Look whether something between you and the identity provider hands out old documents; if the publisher shortened its dates, put the connection in anew.", HERE),
        T::OtherSnapshot(_) => ("tenant.other_snapshot", "Do nothing if the settings were changed: the metadata is fetched anew.", HERE),
    }
}

#[rustfmt::skip]
fn fetch(error: &FetchError) -> Row {
    use FetchError as F;
    match error {
        F::Unreachable(_) => ("fetch.unreachable", "Look whether this server can open the address: name, firewall, proxy, certificate; an address inside your own network has to be allowed.", HERE),
        F::Timeout => ("fetch.timeout", "Look whether this server can open the address, and how long that takes.", HERE),
        F::Status(_) => ("fetch.status", "Compare the address with *App Federation Metadata Url*.", CERTIFICATES),
        F::Redirect(_) => ("fetch.redirect", "Configure the address at which the metadata really is.", HERE),
        F::TooLarge(_) => ("fetch.too_large", "Compare the address with *App Federation Metadata Url*: metadata is shorter.", CERTIFICATES),
    }
}
