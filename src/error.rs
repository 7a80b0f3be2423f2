//! The one error of the public API, with what an administrator can do about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::crypto::{CertificateError, NoRandomness};
use crate::dsig::DsigError;
use crate::encoding::Quoted;
use crate::entra::aadsts;
use crate::ids::InvalidId;
use crate::saml::{BindingError, MessageError, MetadataError, Status};
use crate::time::{InvalidTime, UnixTime};
use crate::xml::XmlError;

/// What went wrong, where, and what to change.
///
/// `Display` is for the log of an administrator; it holds no attribute values and no secrets, and
/// whatever comes from a message is shortened and escaped. For the person at the browser there is
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
    #[error("the identity provider answered {}", describe(.0))]
    Refused(Status),
    /// The message is not one that we may accept.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The request is not one that our routes take.
    #[error(transparent)]
    Request(#[from] RequestError),
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
    #[error(
        "the identity provider has no single sign-on endpoint for the binding that is configured"
    )]
    NoSuchBinding,
    /// Requests are to be signed, but there is no key.
    #[error("requests or metadata are to be signed, but no signing key is configured")]
    NoSigningKey,
    /// The certificate that goes with a signing key has another key.
    #[error("the certificate {thumbprint} does not belong to the signing key")]
    KeyMismatch {
        /// SHA-256 thumbprint of the certificate.
        thumbprint: Box<str>,
    },
    /// What must be remembered of a login does not fit into a cookie.
    #[error(
        "the pending login needs a cookie of {found} bytes; browsers and proxies are safe with {limit}"
    )]
    StateTooLarge {
        /// Bytes needed.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Why an answer was not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The response was sent to another address than ours.
    #[error("the response is addressed to {}, we are {expected}", or_nobody(.found))]
    DestinationMismatch {
        /// Its `Destination`.
        found: Option<Quoted>,
        /// Our assertion consumer service.
        expected: Quoted,
    },
    /// It comes from another identity provider than the one we asked.
    #[error("the {place} was issued by {found}, we trust {expected} here")]
    IssuerMismatch {
        /// Response or assertion.
        place: &'static str,
        /// Its `Issuer`.
        found: Quoted,
        /// The entity ID of the identity provider.
        expected: Quoted,
    },
    /// It answers another request than ours, or none.
    #[error("the {place} answers the request {}, ours is {}", or_none(.found), or_none(.expected))]
    InResponseToMismatch {
        /// Response or subject confirmation.
        place: &'static str,
        /// Its `InResponseTo`.
        found: Option<Quoted>,
        /// The ID of our request; none for an unsolicited answer.
        expected: Option<Quoted>,
    },
    /// It names nobody.
    #[error("the assertion has no Subject with a NameID that is not empty")]
    NoNameId,
    /// Nothing in it says that whoever brings it may use it.
    #[error("the assertion has no bearer SubjectConfirmation with SubjectConfirmationData")]
    NoBearerConfirmation,
    /// It was made for delivery to another address than ours.
    #[error("the assertion is to be delivered to {}, we are {expected}", or_nobody(.found))]
    RecipientMismatch {
        /// Its `Recipient`.
        found: Option<Quoted>,
        /// Our assertion consumer service.
        expected: Quoted,
    },
    /// A bearer confirmation has a `NotBefore`, or lacks a `NotOnOrAfter` (SAML Profiles 4.1.4.2).
    #[error("the bearer SubjectConfirmation {0}")]
    ConfirmationShape(&'static str),
    /// Its time is over.
    #[error("the {what} ended {not_on_or_after}, it is {now} here ({} s too late; {} s of clock difference are allowed)", secs(.now.since(*.not_on_or_after)), secs(*.skew))]
    Expired {
        /// Which bound.
        what: &'static str,
        /// When it ended.
        not_on_or_after: UnixTime,
        /// When we looked.
        now: UnixTime,
        /// What the clocks may differ by.
        skew: Duration,
    },
    /// Its time has not begun.
    #[error("the {what} begins {not_before}, it is {now} here ({} s too early; {} s of clock difference are allowed)", secs(.not_before.since(*.now)), secs(*.skew))]
    NotYetValid {
        /// Which bound.
        what: &'static str,
        /// When it begins.
        not_before: UnixTime,
        /// When we looked.
        now: UnixTime,
        /// What the clocks may differ by.
        skew: Duration,
    },
    /// It does not say whom it is for.
    #[error("the assertion has no AudienceRestriction")]
    NoAudience,
    /// It is for somebody else.
    #[error("the assertion is for {}, we are {}", list(.found), list(.expected))]
    AudienceMismatch {
        /// Whom it is for.
        found: Vec<Quoted>,
        /// Our names.
        expected: Vec<Quoted>,
    },
    /// It does not say that anybody authenticated.
    #[error("the assertion has no AuthnStatement")]
    NoAuthnStatement,
    /// The person authenticated in another way than was asked for.
    #[error("the person authenticated by {}, asked for was {}", or_none(.found), list(.expected))]
    AuthnContextMismatch {
        /// The class that the assertion names.
        found: Option<Quoted>,
        /// The classes that were asked for.
        expected: Vec<Quoted>,
    },
    /// The person did not authenticate anew, as was asked for.
    #[error("the person authenticated {authn_instant}, but was to do so after {asked}")]
    AuthenticationTooOld {
        /// When the person authenticated.
        authn_instant: UnixTime,
        /// When we asked.
        asked: UnixTime,
    },
    /// This browser has no login begun that this could answer.
    #[error("this browser has no login begun that the answer belongs to")]
    NoPendingLogin,
    /// The login was begun too long ago.
    #[error("the login was begun {begun} and could be finished until {expired}; it is {now}")]
    PendingLoginExpired {
        /// When it was begun.
        begun: UnixTime,
        /// Its end.
        expired: UnixTime,
        /// When the answer came.
        now: UnixTime,
    },
    /// The login was begun with another identity provider, or for another service provider.
    #[error(
        "the login was begun with other settings than {expected}: another identity provider, entity ID or address"
    )]
    OtherProvider {
        /// The identity provider that is judging.
        expected: Quoted,
    },
    /// This login was finished before; the browser sent the form again.
    #[error("this login was finished before: the page was reloaded, or the Back button was used")]
    AlreadyAnswered,
    /// The assertion was used before.
    #[error("the assertion was used before")]
    Replayed,
    /// The replay cache is full of assertions that are still valid.
    #[error(
        "the replay cache is full; nothing is forgotten before it expires, so nobody can sign in"
    )]
    ReplayCacheFull,
    /// The replay cache gave no answer.
    #[error("the replay cache gave no answer, so the assertion may have been used before")]
    ReplayCacheUnavailable,
    /// Nobody asked, and answers without a question are not taken.
    #[error("nobody asked for this answer, and unsolicited answers are not allowed")]
    Unsolicited,
}

/// Why a request is not one that our routes take.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The method is not the route's.
    #[error("the route takes {expected}, the request is {found}")]
    Method {
        /// The method of the request.
        found: Quoted,
        /// The method of the route.
        expected: &'static str,
    },
    /// Somebody opened the assertion consumer service like a page.
    #[error("the assertion consumer service was opened by GET; answers come by POST")]
    AcsOpened,
    /// The body is no form.
    #[error("the request has the content type {found}, not application/x-www-form-urlencoded")]
    ContentType {
        /// The content type of the request.
        found: Quoted,
    },
    /// The query is broken or names a place that is not ours.
    #[error("the parameter `{parameter}` cannot be used: {reason}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

impl ConfigurationError {
    const fn code(&self) -> &'static str {
        match self {
            Self::InvalidId(_) => "config.invalid_value",
            Self::InvalidTime(_) => "config.invalid_time",
            Self::Certificate(error) => error.code(),
            Self::NoRandomness(_) => "config.no_randomness",
            Self::NoSuchBinding => "config.no_such_binding",
            Self::NoSigningKey => "config.no_signing_key",
            Self::KeyMismatch { .. } => "config.key_mismatch",
            Self::StateTooLarge { .. } => "config.state_too_large",
        }
    }
}

impl Rejection {
    const fn code(&self) -> &'static str {
        match self {
            Self::DestinationMismatch { .. } => "saml.destination_mismatch",
            Self::IssuerMismatch { .. } => "saml.issuer_mismatch",
            Self::InResponseToMismatch { .. } => "saml.in_response_to_mismatch",
            Self::NoNameId => "saml.name_id_missing",
            Self::NoBearerConfirmation => "saml.no_bearer_confirmation",
            Self::RecipientMismatch { .. } => "saml.recipient_mismatch",
            Self::ConfirmationShape(_) => "saml.confirmation_invalid",
            Self::Expired { .. } => "saml.expired",
            Self::NotYetValid { .. } => "saml.not_yet_valid",
            Self::NoAudience => "saml.audience_missing",
            Self::AudienceMismatch { .. } => "saml.audience_mismatch",
            Self::NoAuthnStatement => "saml.authn_statement_missing",
            Self::AuthnContextMismatch { .. } => "saml.authn_context_mismatch",
            Self::AuthenticationTooOld { .. } => "saml.authentication_too_old",
            Self::NoPendingLogin => "saml.no_pending_login",
            Self::PendingLoginExpired { .. } => "saml.pending_login_expired",
            Self::OtherProvider { .. } => "saml.other_provider",
            Self::AlreadyAnswered => "saml.already_answered",
            Self::Replayed => "saml.replayed",
            Self::ReplayCacheFull => "saml.replay_cache_full",
            Self::ReplayCacheUnavailable => "saml.replay_cache_unavailable",
            Self::Unsolicited => "saml.unsolicited",
        }
    }
}

impl RequestError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Method { .. } => "http.method",
            Self::AcsOpened => "http.acs_opened",
            Self::ContentType { .. } => "http.content_type",
            Self::Parameter { .. } => "http.parameter",
        }
    }
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

    /// A name that stays the same from release to release, such as `saml.audience_mismatch`: the
    /// heading in the [manual](crate::manual::errors).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &*self.kind {
            ErrorKind::Configuration(error) => error.code(),
            ErrorKind::Metadata(error) => error.code(),
            ErrorKind::Binding(error) => error.code(),
            ErrorKind::Message(error) => error.code(),
            ErrorKind::Signature(error) => error.code(),
            ErrorKind::Refused(_) => "saml.refused",
            ErrorKind::Rejected(rejection) => rejection.code(),
            ErrorKind::Request(error) => error.code(),
        }
    }

    /// What an administrator can change, and where.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        let (action, place) = match &*self.kind {
            ErrorKind::Configuration(error) => configuration_hint(error)?,
            ErrorKind::Metadata(error) => metadata_hint(error),
            ErrorKind::Binding(error) => binding_hint(error),
            ErrorKind::Message(error) => message_hint(error),
            ErrorKind::Signature(error) => signature_hint(error),
            ErrorKind::Refused(status) => refused_hint(status),
            ErrorKind::Rejected(rejection) => rejection_hint(rejection),
            ErrorKind::Request(error) => request_hint(error),
        };
        Some(Hint { action, place })
    }

    /// Whether newer metadata of the identity provider may help: its keys may have changed.
    #[must_use]
    pub fn suggests_metadata_refresh(&self) -> bool {
        matches!(
            &*self.kind,
            ErrorKind::Signature(
                DsigError::UnknownKey { .. } | DsigError::CertificateNotValid { .. }
            )
        )
    }

    /// What the person at the browser may read. The same for every kind, so that it tells an
    /// attacker nothing.
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
        Some(&*self.kind)
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
}

// ---- what Display says ----

fn secs(span: Duration) -> u64 {
    span.as_secs()
}

fn or_nobody(found: &Option<Quoted>) -> String {
    found.as_ref().map_or_else(|| "nobody".into(), Quoted::to_string)
}

fn or_none(found: &Option<Quoted>) -> String {
    found.as_ref().map_or_else(|| "none".into(), Quoted::to_string)
}

fn list(items: &[Quoted]) -> String {
    let shown: Vec<String> = items.iter().take(5).map(Quoted::to_string).collect();
    match items.len() {
        0 => "nobody".into(),
        1..=5 => shown.join(" or "),
        more => format!("{} and {} more", shown.join(", "), more - 5),
    }
}

fn describe(status: &Status) -> String {
    let mut out = status.code.to_string();
    for more in status.subcode.iter().chain(&status.message) {
        out.push_str(" / ");
        out.push_str(&more.to_string());
    }
    out
}

// ---- what to do about it ----

type Advice = (Cow<'static, str>, Option<&'static str>);

const BASIC: &str =
    "Enterprise applications › your application › Single sign-on › Basic SAML Configuration";
const CERTIFICATES: &str =
    "Enterprise applications › your application › Single sign-on › SAML Certificates";
const SETTINGS: Option<&str> = None;

fn say(action: &'static str, place: Option<&'static str>) -> Advice {
    (action.into(), place)
}

fn configuration_hint(error: &ConfigurationError) -> Option<Advice> {
    Some(match error {
        ConfigurationError::InvalidId(_) | ConfigurationError::InvalidTime(_) => {
            say("Correct the value in the settings of this application.", SETTINGS)
        }
        ConfigurationError::Certificate(error) => certificate_hint(error),
        ConfigurationError::NoRandomness(_) => return None,
        ConfigurationError::NoSuchBinding => {
            say("Choose a binding that the identity provider's metadata offers.", SETTINGS)
        }
        ConfigurationError::NoSigningKey => {
            say("Configure a signing key, or do not sign requests and metadata.", SETTINGS)
        }
        ConfigurationError::KeyMismatch { .. } => {
            say("Configure the certificate that was made for the signing key.", SETTINGS)
        }
        ConfigurationError::StateTooLarge { .. } => {
            say("Shorten the return path or the list of authentication contexts.", SETTINGS)
        }
    })
}

fn certificate_hint(error: &CertificateError) -> Advice {
    match error {
        CertificateError::IsPrivateKey => say(
            "Paste the certificate, not the private key; replace that key if it left its machine.",
            Some(CERTIFICATES),
        ),
        CertificateError::WeakKey { .. } | CertificateError::UnsupportedKey { .. } => say(
            "Create a new signing certificate with an RSA key of 2048 bits or more, and make it active.",
            Some(CERTIFICATES),
        ),
        CertificateError::PrivateKey => say(
            "Configure an unencrypted RSA private key in PEM, such as `openssl genpkey -algorithm RSA` writes.",
            SETTINGS,
        ),
        _ => say(
            "Download *Certificate (Base64)* and paste the whole file, with its BEGIN and END lines.",
            Some(CERTIFICATES),
        ),
    }
}

fn metadata_hint(error: &MetadataError) -> Advice {
    match error {
        MetadataError::NotMetadata { .. } | MetadataError::Xml(_) => say(
            "Use what *App Federation Metadata Url* or *Federation Metadata XML* gives, unchanged; a saved web page is not it.",
            Some(CERTIFICATES),
        ),
        MetadataError::OtherEntity { .. } => say(
            "Use the metadata of the tenant that is configured: its entityID must be the expected issuer.",
            Some(CERTIFICATES),
        ),
        MetadataError::SeveralEntities { .. } => {
            say("Name the identity provider by its entity ID.", SETTINGS)
        }
        MetadataError::NotAnIdentityProvider { .. } => say(
            "Use the metadata of the identity provider; this document describes a service provider.",
            Some(CERTIFICATES),
        ),
        MetadataError::NoSigningKey { .. } | MetadataError::NoUsableKey { .. } => say(
            "Create a signing certificate and make it active, then fetch the metadata again.",
            Some(CERTIFICATES),
        ),
        MetadataError::NoSsoEndpoint { .. } | MetadataError::InvalidValue(_) => say(
            "Ask the identity provider's administrator for metadata with an https endpoint for HTTP-Redirect or HTTP-POST.",
            SETTINGS,
        ),
        MetadataError::Expired { .. } => say(
            "Fetch the metadata again; if it is current, check the clock of this server.",
            SETTINGS,
        ),
        MetadataError::Signature(_) => say(
            "Compare the certificate that is to have signed the metadata with the one its publisher names.",
            SETTINGS,
        ),
    }
}

fn binding_hint(error: &BindingError) -> Advice {
    match error {
        BindingError::Missing(_) => say(
            "Make sure that Reply URL is the address of the assertion consumer service and that no proxy drops the body of the POST.",
            Some(BASIC),
        ),
        BindingError::TooLarge { .. } => say(
            "Send fewer groups: choose *Groups assigned to the application* in the groups claim.",
            Some(
                "Enterprise applications › your application › Single sign-on › Attributes & Claims › Groups",
            ),
        ),
        _ => say(
            "Check what stands between browser and application: the form arrives changed.",
            SETTINGS,
        ),
    }
}

fn message_hint(error: &MessageError) -> Advice {
    match error {
        MessageError::Encrypted { .. } => say(
            "Switch token encryption off for this application, or configure the decryption key.",
            Some("Enterprise applications › your application › Token encryption"),
        ),
        MessageError::UnexpectedMessage { .. } => say(
            "Make sure that the identity provider sends SAML 2.0 Responses to this address, and its logout messages elsewhere.",
            Some(BASIC),
        ),
        _ => say(
            "Keep the message as evidence: Entra ID does not send such messages, so look for an attack or for a proxy that changes them.",
            SETTINGS,
        ),
    }
}

fn signature_hint(error: &DsigError) -> Advice {
    match error {
        DsigError::Missing { .. } => say(
            "Set Signing Option to *Sign SAML assertion* or *Sign SAML response and assertion*.",
            Some(CERTIFICATES),
        ),
        DsigError::Sha1 { .. } => say("Set Signing Algorithm to SHA-256.", Some(CERTIFICATES)),
        DsigError::UnknownKey { .. } => say(
            "Fetch the metadata again from *App Federation Metadata Url*: with `?appid=` and the application ID, because without it the document lists other keys than this application's.",
            Some(CERTIFICATES),
        ),
        DsigError::CertificateNotValid { .. } => say(
            "Create a new signing certificate, make it active, and fetch the metadata again; if the dates are right, check the clock of this server.",
            Some(CERTIFICATES),
        ),
        _ => say(
            "Keep the message as evidence: it was changed after the identity provider signed it, by an attacker or by a proxy.",
            SETTINGS,
        ),
    }
}

fn refused_hint(status: &Status) -> Advice {
    let message = status.message.as_ref().map_or("", AsRef::as_ref);
    if let Some(advice) = aadsts::advice_for(message) {
        return (advice.action.into(), advice.place);
    }
    match status.subcode.as_ref().map_or("", AsRef::as_ref) {
        "NoAuthnContext" => say(
            "Do not ask for an authentication context, or ask for one that the person can meet.",
            SETTINGS,
        ),
        "NoPassive" => {
            say("Start the login again without IsPassive: the person must see a page.", SETTINGS)
        }
        "InvalidNameIDPolicy" => say("Do not ask for a NameIDPolicy.", SETTINGS),
        _ => say(
            "Look the sign-in up in the identity provider's log, by the time of this entry.",
            Some("Entra ID › Monitoring & health › Sign-in logs"),
        ),
    }
}

fn rejection_hint(rejection: &Rejection) -> Advice {
    match rejection {
        Rejection::DestinationMismatch { expected, .. } | Rejection::RecipientMismatch { expected, .. } => (
            format!("Set Reply URL (Assertion Consumer Service URL) to exactly {expected}, and make it the default.")
                .into(),
            Some(BASIC),
        ),
        Rejection::AudienceMismatch { expected, .. } => (
            format!(
                "Set Identifier (Entity ID) to exactly {}; a missing slash or `spn:` counts.",
                expected.first().map(Quoted::to_string).unwrap_or_default()
            )
            .into(),
            Some(BASIC),
        ),
        Rejection::IssuerMismatch { found, .. } => (
            format!(
                "Configure the metadata of the tenant that people sign in to; if {found} is right, set it as the issuer of this connection."
            )
            .into(),
            Some(CERTIFICATES),
        ),
        Rejection::Expired { now, not_on_or_after, .. } => (
            format!(
                "Check that the clock of this server is synchronized (the difference is {} s); otherwise the person took too long and should sign in again.",
                now.since(*not_on_or_after).as_secs()
            )
            .into(),
            SETTINGS,
        ),
        Rejection::NotYetValid { .. } => {
            say("Check that the clock of this server is synchronized: it is slow.", SETTINGS)
        }
        Rejection::InResponseToMismatch { expected: None, .. } | Rejection::Unsolicited => say(
            "Set *Sign on URL* to the login address of this application, so that My Apps starts there, or allow unsolicited answers.",
            Some(BASIC),
        ),
        Rejection::NoPendingLogin => say(
            "Check the three usual causes: the site was opened by http or by another host name than the Reply URL has; cookies are blocked; a proxy drops Set-Cookie or SameSite=None. If the login began at My Apps, set *Sign on URL* to the login address.",
            Some(BASIC),
        ),
        Rejection::NoNameId => say(
            "Give *Unique User Identifier (Name ID)* a source attribute that every person has.",
            Some("Enterprise applications › your application › Single sign-on › Attributes & Claims"),
        ),
        Rejection::AuthnContextMismatch { .. } => {
            say("Ask for no authentication context, or for the one that people have.", SETTINGS)
        }
        Rejection::OtherProvider { .. } => say(
            "Give all replicas the same settings, and do not change them while logins are under way.",
            SETTINGS,
        ),
        Rejection::ReplayCacheFull => say("Give the replay cache more room.", SETTINGS),
        Rejection::ReplayCacheUnavailable => {
            say("Check the connection to the store behind the replay cache.", SETTINGS)
        }
        Rejection::Replayed => say(
            "Do nothing if a person reloaded the page; otherwise keep the message as evidence of a theft.",
            SETTINGS,
        ),
        Rejection::AlreadyAnswered
        | Rejection::PendingLoginExpired { .. }
        | Rejection::AuthenticationTooOld { .. } => say("Sign in again.", SETTINGS),
        Rejection::NoAudience
        | Rejection::NoAuthnStatement
        | Rejection::NoBearerConfirmation
        | Rejection::ConfirmationShape(_)
        | Rejection::InResponseToMismatch { .. } => say(
            "Keep the message as evidence: Entra ID does not answer so; look for another identity provider behind this name.",
            SETTINGS,
        ),
    }
}

fn request_hint(error: &RequestError) -> Advice {
    match error {
        RequestError::AcsOpened => say(
            "Start at the login address; set *Sign on URL* to it, not to the Reply URL.",
            Some(BASIC),
        ),
        RequestError::Parameter { .. } => say(
            "Link to the login address with a `return_to` that is a path of this site.",
            SETTINGS,
        ),
        RequestError::Method { .. } | RequestError::ContentType { .. } => say(
            "Use the addresses that the metadata names, and let the browser post the form unchanged.",
            SETTINGS,
        ),
    }
}
