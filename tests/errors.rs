//! Every kind of error, as an administrator reads it: code, sentence and hint, in a snapshot that is reviewed like
//! prose. `UPDATE_SNAPSHOT=1 cargo test --test errors` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use entra_sso::directory::{DirectoryError, KeyError, PersonKey, Policy, SignInError};
use entra_sso::entra::{aadsts, claims};
use entra_sso::error::{
    BindingError, ConfigurationError, DsigError, FetchError, InvalidTime, MessageError, MetadataError, NoRandomness,
    Quoted, RequestError, TenantError, XmlError,
};
use entra_sso::mapping::{Mapping, Rule, Rules, Source};
use entra_sso::redis::RedisError;
use entra_sso::saml::{Comparison, NameId};
use entra_sso::sp::Unsolicited;
use entra_sso::testing::{TestIdp, TestLogout, TestResponse};
use entra_sso::{
    AuthnRequest, CertificateError, Error, InvalidId, Login, MemoryReplayCache, Rejection, ReturnTo, SecureRandom,
    ServiceProvider, TenantId, UnixTime,
};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const PRINT: &str = "6D1C3F0E9A7B5D2488C0F1E2D3B4A5968778695A4B3C2D1E0F1A2B3C4D5E6F70";
const OTHER: &str = "0F1A2B3C4D5E6F706D1C3F0E9A7B5D2488C0F1E2D3B4A5968778695A4B3C2D1E";

/// The same bytes each time, so that the same IDs stand in the snapshot.
#[derive(Debug)]
struct NoChance;

impl SecureRandom for NoChance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(0x5a);
        Ok(())
    }
}

/// What one kind of error says.
struct Told {
    kind: &'static str,
    code: &'static str,
    says: String,
    hint: Option<(String, Option<&'static str>)>,
}

fn told(kind: &'static str, error: impl Into<Error>) -> Told {
    let error = error.into();
    let variant = kind.rsplit("::").next().unwrap_or(kind);
    let debug = format!("{:?}", error.kind());
    assert!(debug.contains(variant) || kind.starts_with("InvalidId"), "{kind} is {debug}");
    let hint = error.hint().map(|hint| (hint.action.into_owned(), hint.place));
    Told { kind, code: error.code(), says: error.to_string(), hint }
}

macro_rules! kinds {
    ($($kind:path => $error:expr;)*) => { vec![$(told(stringify!($kind), $error)),*] };
}

fn quoted(text: &str) -> Quoted {
    Quoted::new(text)
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn sp() -> ServiceProvider {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), idp)
}

/// What a login comes to whose answer is made different.
fn answered(change: impl FnOnce(TestResponse) -> TestResponse) -> Error {
    asked_and_answered(&AuthnRequest::new(), change)
}

fn asked_and_answered(request: &AuthnRequest, change: impl FnOnce(TestResponse) -> TestResponse) -> Error {
    let sp = sp();
    let started = sp.start_login_with(request, ReturnTo::default(), NOW, &NoChance).expect("a login");
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    let verdict = sp.judge_login(started.pending, &change(answer).posted(), NOW);
    verdict.expect_err("refused")
}

fn unsolicited_in_response_to(id: &str) -> Error {
    let replay_cache = Arc::new(MemoryReplayCache::default());
    let sp = sp().with_unsolicited(Unsolicited::Accept { replay_cache });
    let acs = sp.assertion_consumer_service().as_ref().to_owned();
    let answer = TestIdp::new().unsolicited(&acs, sp.entity_id().as_ref(), NOW);
    let posted = answer.in_response_to(Some(id)).posted();
    sp.judge_unsolicited(&posted, NOW).expect_err("refused")
}

fn no_name() -> InvalidId {
    "http://app.example/saml".parse::<entra_sso::EndpointUrl>().expect_err("no https")
}

fn contoso() -> TenantId {
    "contoso".parse().expect("an ID")
}

fn no_time() -> InvalidTime {
    "today".parse::<UnixTime>().expect_err("no time")
}

#[rustfmt::skip]
fn xml() -> Vec<Told> {
    kinds! {
        XmlError::NotUtf8 => XmlError::NotUtf8(38);
        XmlError::Doctype => XmlError::Doctype(38);
        XmlError::Malformed => XmlError::Malformed(412, "an end tag must match its start tag");
        XmlError::TooMuch => XmlError::TooMuch("levels", 64);
        XmlError::MissingElement => XmlError::MissingElement(quoted("Response"), "Status");
        XmlError::UnexpectedElement => XmlError::UnexpectedElement(quoted("Signature"), quoted("Object"));
        XmlError::MixedContent => XmlError::MixedContent(quoted("NameID"));
        XmlError::MissingAttribute => XmlError::MissingAttribute(quoted("Response"), "ID");
        XmlError::InvalidValue => XmlError::InvalidValue(quoted("Assertion"), "dateTime with a time zone");
        XmlError::RelativeNamespace => XmlError::RelativeNamespace(quoted("Assertion"));
    }
}

#[rustfmt::skip]
fn message() -> Vec<Told> {
    kinds! {
        MessageError::Xml => XmlError::Doctype(0);
        MessageError::UnexpectedMessage => MessageError::UnexpectedMessage(quoted("LogoutResponse"), "Response");
        MessageError::UnexpectedMessage => MessageError::UnexpectedMessage(quoted("Response"), "LogoutResponse");
        MessageError::Version => MessageError::Version(quoted("1.1"));
        MessageError::DuplicateId => MessageError::DuplicateId(quoted("_8c68"));
        MessageError::AmbiguousId => MessageError::AmbiguousId(quoted("Assertion"), quoted("Id"));
        MessageError::MisplacedSignature => MessageError::MisplacedSignature(quoted("Extensions"));
        MessageError::AssertionCount => MessageError::AssertionCount(2);
        MessageError::MisplacedAssertion => MessageError::MisplacedAssertion(quoted("Object"));
        MessageError::Encrypted => MessageError::Encrypted(quoted("EncryptedAssertion"));
        MessageError::EncryptionAlgorithm => MessageError::EncryptionAlgorithm("key transport", quoted("http://www.w3.org/2001/04/xmlenc#rsa-1_5"));
        MessageError::DecryptionFailed => MessageError::DecryptionFailed;
        MessageError::UnknownCondition => MessageError::UnknownCondition(quoted("DelegationRestriction"));
        BindingError::Missing => BindingError::Missing("SAMLResponse");
        BindingError::Missing => BindingError::Missing("SAMLRequest");
        BindingError::Missing => BindingError::Missing("SigAlg");
        BindingError::TwoMessages => BindingError::TwoMessages;
        BindingError::Repeated => BindingError::Repeated("SAMLResponse");
        BindingError::Encoding => BindingError::Encoding("SAMLResponse");
        BindingError::TooLarge => BindingError::TooLarge(262_144);
        BindingError::WrongBinding => BindingError::WrongBinding("HTTP-Redirect");
        BindingError::RelayState => BindingError::RelayState;
    }
}

#[rustfmt::skip]
fn signature() -> Vec<Told> {
    kinds! {
        DsigError::Missing => DsigError::Missing(quoted("LogoutRequest"));
        DsigError::Missing => DsigError::Missing(quoted("Assertion"));
        DsigError::Shape => DsigError::Shape(XmlError::UnexpectedElement(quoted("SignedInfo"), quoted("Reference")));
        DsigError::Algorithm => DsigError::Algorithm("signature method", quoted("http://www.w3.org/2000/09/xmldsig#hmac-sha1"));
        DsigError::Sha1 => DsigError::Sha1(quoted("http://www.w3.org/2000/09/xmldsig#rsa-sha1"));
        DsigError::Reference => DsigError::Reference(quoted("#_other"));
        DsigError::UnknownKey => DsigError::UnknownKey(Some(OTHER.into()), vec![PRINT.into()]);
        DsigError::UnknownKey => DsigError::UnknownKey(None, vec![PRINT.into()]);
        DsigError::CertificateNeeded => DsigError::CertificateNeeded(vec![PRINT.into()]);
        DsigError::BadSignature => DsigError::BadSignature(PRINT.into());
        DsigError::CertificateNotValid => DsigError::CertificateNotValid(PRINT.into(), UnixTime::from_secs(1_600_000_000), UnixTime::from_secs(1_700_000_000), NOW);
        DsigError::DigestMismatch => DsigError::DigestMismatch(quoted("Assertion"));
        DsigError::SecondOpinion => DsigError::SecondOpinion(quoted("Assertion"), "it finds the signature or the digest wrong");
    }
}

#[rustfmt::skip]
fn rejection() -> Vec<Told> {
    let cut = |from: &'static str, to: &'static str| answered(move |answer| answer.replace_before_signing(from, to));
    kinds! {
        Rejection::DestinationMismatch => answered(|a| a.destination(Some("https://app.example/sso")));
        Rejection::LogoutDestinationMismatch => signed_out(|a| a.destination(Some("https://app.example/logout")));
        Rejection::IssuerMismatch => answered(|a| a.issuer("https://sts.windows.net/0b1c2d3e-0000-4000-8000-000000000000/"));
        Rejection::InResponseToMismatch => answered(|a| a.in_response_to(Some("_another")));
        Rejection::InResponseToMismatch => answered(|a| a.in_response_to(None));
        Rejection::InResponseToMismatch => unsolicited_in_response_to("_another");
        Rejection::OtherSubject => asked_and_answered(&AuthnRequest::new().subject(NameId::new("eve@contoso.example", None)), |a| a);
        Rejection::NoNameId => answered(|a| a.name_id(" ", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"));
        Rejection::NoBearerConfirmation => cut("cm:bearer", "cm:sender-vouches");
        Rejection::RecipientMismatch => answered(|a| a.recipient(Some("https://app.example/sso")));
        Rejection::RecipientMismatch => answered(|a| a.recipient(None));
        Rejection::ConfirmationShape => answered(|a| a.confirmed_until(None));
        Rejection::Expired => answered(|a| a.conditions(None, Some(NOW.minus(minutes(7)))));
        Rejection::NotYetValid => answered(|a| a.conditions(Some(NOW.plus(minutes(7))), None));
        Rejection::NoAudience => answered(|a| a.audience(None));
        Rejection::AudienceMismatch => answered(|a| a.audience(Some("spn:1f3b7a50-0000-4000-8000-000000000002")));
        Rejection::NoAuthnStatement => cut("AuthnStatement", "Statement");
        Rejection::AuthnContextMismatch => asked_and_answered(
            &AuthnRequest::new().requested_authn_context(Comparison::Exact, ["urn:oasis:names:tc:SAML:2.0:ac:classes:X509"]), |a| a);
        Rejection::AuthenticationTooOld => asked_and_answered(
            &AuthnRequest::new().force_authn(), |a| a.authn_instant(NOW.minus(minutes(60 * 24 * 5))));
        Rejection::NoPendingLogin => Rejection::NoPendingLogin;
        Rejection::NoPendingLogout => Rejection::NoPendingLogout;
        Rejection::LogoutRefused => signed_out(|a| a.status("Responder", Some("RequestDenied")));
        Rejection::PendingLoginExpired => Rejection::PendingLoginExpired { limit: NOW.minus(minutes(5)), now: NOW };
        Rejection::OtherProvider => Rejection::OtherProvider(quoted("https://sts.windows.net/7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c/"));
        Rejection::AlreadyAnswered => Rejection::AlreadyAnswered;
        Rejection::Replayed => Rejection::Replayed;
        Rejection::ReplayCacheFull => Rejection::ReplayCacheFull;
        Rejection::ReplayCacheUnavailable => Rejection::ReplayCacheUnavailable;
        Rejection::LivesTooLong => Rejection::LivesTooLong(NOW.plus(minutes(2880)), NOW.plus(minutes(1440)));
        Rejection::EncryptionRequired => Rejection::EncryptionRequired;
        Rejection::EncryptionNotAuthenticated => Rejection::EncryptionNotAuthenticated;
        Rejection::Unsolicited => Rejection::Unsolicited;
    }
}

#[rustfmt::skip]
fn set_up() -> Vec<Told> {
    let entity = || quoted("https://idp.example/");
    kinds! {
        ConfigurationError::InvalidId => no_name();
        ConfigurationError::InvalidTime => no_time();
        ConfigurationError::Certificate => CertificateError::NoCertificate;
        ConfigurationError::NoRandomness => NoRandomness::default();
        ConfigurationError::NoSuchBinding => ConfigurationError::NoSuchBinding;
        ConfigurationError::NoLogoutEndpoint => ConfigurationError::NoLogoutEndpoint;
        ConfigurationError::NoSigningKey => ConfigurationError::NoSigningKey;
        ConfigurationError::KeyMismatch => ConfigurationError::KeyMismatch(PRINT.into());
        ConfigurationError::NoContextClass => ConfigurationError::NoContextClass;
        ConfigurationError::StateTooLarge => ConfigurationError::StateTooLarge(1311, 1023);
        CertificateError::NoCertificate => CertificateError::NoCertificate;
        CertificateError::Several => CertificateError::Several(2);
        CertificateError::IsPrivateKey => CertificateError::IsPrivateKey;
        CertificateError::Malformed => CertificateError::Malformed;
        CertificateError::UnsupportedKey => CertificateError::UnsupportedKey(quoted("CN=idp"), quoted("1.2.840.10040.4.1"));
        CertificateError::WeakKey => CertificateError::WeakKey(quoted("CN=idp"), 1024);
        CertificateError::PrivateKey => CertificateError::PrivateKey;
        MetadataError::Xml => MetadataError::Xml(XmlError::Malformed(15, "an end tag must match its start tag"));
        MetadataError::NotMetadata => MetadataError::NotMetadata(quoted("html"));
        MetadataError::OtherEntity => MetadataError::OtherEntity(entity().to_string(), quoted("https://other.example/"));
        MetadataError::RepeatedEntity => MetadataError::RepeatedEntity(quoted(TestIdp::new().entity_id()));
        MetadataError::AmbiguousKey => MetadataError::AmbiguousKey(quoted(TestIdp::new().entity_id()));
        MetadataError::NotOverTls => MetadataError::NotOverTls(quoted("http://login.example/metadata"));
        MetadataError::SeveralEntities => MetadataError::SeveralEntities(3);
        MetadataError::NotAnIdentityProvider => MetadataError::NotAnIdentityProvider(entity());
        MetadataError::NoSigningKey => MetadataError::NoSigningKey(entity());
        MetadataError::NoUsableKey => MetadataError::NoUsableKey(entity(), 1, CertificateError::Malformed);
        MetadataError::NoSsoEndpoint => MetadataError::NoSsoEndpoint(entity());
        MetadataError::InvalidValue => MetadataError::InvalidValue(no_name());
        MetadataError::Expired => MetadataError::Expired(NOW.minus(minutes(60)), NOW);
        MetadataError::Signature => MetadataError::Signature(DsigError::Missing(quoted("EntityDescriptor")));
        RequestError::Method => RequestError::Method(quoted("PUT"), "POST");
        RequestError::AcsOpened => RequestError::AcsOpened;
        RequestError::ContentType => RequestError::ContentType(quoted("application/json"));
        RequestError::CrossSite => RequestError::CrossSite(quoted("cross-site"));
        RequestError::Parameter => RequestError::Parameter("return_to", "it names a host");
        TenantError::Unknown => TenantError::Unknown(quoted("fabrikam"));
        TenantError::UnknownDomain => TenantError::UnknownDomain(quoted("fabrikam.example"));
        TenantError::Disabled => TenantError::Disabled(contoso());
        TenantError::NotReady => TenantError::NotReady(contoso());
        TenantError::DomainTaken => TenantError::DomainTaken(quoted("contoso.example"), contoso());
        TenantError::Ambiguous => TenantError::Ambiguous(vec![contoso(), "contoso-hr".parse().expect("an ID")]);
        TenantError::NameTaken => TenantError::NameTaken(quoted("https://app.example/saml/metadata/contoso"));
        TenantError::TooMany => TenantError::TooMany("audiences", 33, 32);
        TenantError::StaleTicket => TenantError::StaleTicket(contoso());
        TenantError::OlderMetadata => TenantError::OlderMetadata("validUntil", NOW, NOW.plus(minutes(60)));
        FetchError::Unreachable => FetchError::Unreachable(quoted("io: Connection refused"));
        FetchError::Timeout => FetchError::Timeout;
        FetchError::Status => FetchError::Status(404);
        FetchError::Redirect => FetchError::Redirect(quoted("http://login.example/"));
        FetchError::TooLarge => FetchError::TooLarge(33_554_432);
        TenantError::OtherSnapshot => TenantError::OtherSnapshot(contoso());
    }
}

/// What an answer to a logout of ours is refused for.
fn signed_out(change: impl FnOnce(TestLogout) -> TestLogout) -> Error {
    let (sp, handle) = (sp(), login(|answer| answer).logout_handle());
    let started = sp.start_logout(&handle, ReturnTo::default(), NOW, &NoChance).expect("a logout");
    let answer = TestIdp::new().logout_response(&started.outgoing, sp.single_logout_service(), NOW);
    let message = change(answer.expect("a request")).message();
    sp.finish_logout(started.pending, &message, NOW).expect_err("refused")
}

/// Refusals: by SAML's own codes, and by each code of Entra's that there is advice for.
fn refused() -> Vec<Told> {
    let refused =
        |subcode: &str, message: &str| told("ErrorKind::Refused", answered(|answer| answer.refuse(subcode, message)));
    let mut all: Vec<Told> = ["AuthnFailed", "NoAuthnContext", "NoPassive", "InvalidNameIDPolicy"]
        .map(|subcode| refused(subcode, "no"))
        .into();
    for code in aadsts_codes() {
        let told = refused("RequestDenied", &format!("AADSTS{code}: …"));
        match all.last_mut().filter(|last| last.hint == told.hint) {
            Some(last) => last.says.push_str(&format!(" (AADSTS{code} alike)")),
            None => all.push(told),
        }
    }
    all
}

/// Each number in the table that its own code finds advice for.
fn aadsts_codes() -> Vec<u32> {
    let text = source("src/entra/aadsts.rs");
    let table = text.split("#[cfg(test)]").next().unwrap_or_default();
    let numbers = table.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    let known = |code: &u32| aadsts::advice_for(&format!("AADSTS{code}")).is_some_and(|found| found.code == *code);
    let mut codes: Vec<u32> = numbers.filter(known).collect();
    codes.dedup();
    assert!(codes.len() > 30, "{codes:?}");
    codes
}

fn login(change: impl FnOnce(TestResponse) -> TestResponse) -> Login {
    let sp = sp();
    let started = sp.start_login(ReturnTo::default(), NOW, &NoChance).expect("a login");
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    let posted = change(answer).posted();
    let cache = MemoryReplayCache::default();
    sp.finish_login(started.pending, &posted, NOW, &cache).expect("a login")
}

fn mapping() -> Vec<Told> {
    let link = "https://graph.windows.net/t/users/3e6f8a1c-5d2b-4c7e-8f9a-0b1c2d3e4f5a/getMemberObjects";
    let person = login(|answer| answer.attribute("role", &["a", "b"]).attribute(claims::GROUPS_LINK, &[link]));
    let rule = |field: &str, source| Rule { field: field.into(), from: vec![source], ..Rule::default() };
    let name = |name: &str| Source::Name(name.into());
    let failed = |kind, rule: Rule| {
        let mapping = Mapping::try_from(Rules { preset: None, rules: vec![rule] }).expect("rules");
        let error = mapping.apply(person.claims()).expect_err("a problem");
        assert!(format!("{error:?}").contains(kind), "{kind} is {error:?}");
        (error.code(), error.to_string())
    };
    let admins = Some([("c".to_owned(), "admin".to_owned())].into());
    let roles = Rule { many: true, table: admins, ..rule("role", name("role")) };
    // The last of it does not fit beside the name ID.
    let note = Source::Joined(vec![Source::Constant("x".repeat(4095)), Source::NameId]);
    let twice = Rules { preset: None, rules: vec![rule("email", name("a")), rule("email", name("b"))] };
    let twice = Mapping::try_from(twice).expect_err("two rules");
    [
        ("ProblemKind::Missing", failed("Missing", rule("phone", name("phone")))),
        ("ProblemKind::Unmatched", failed("Unmatched", roles)),
        ("ProblemKind::Ambiguous", failed("Ambiguous", rule("role", name("role")))),
        ("ProblemKind::TooLong", failed("TooLong", rule("note", note))),
        ("ProblemKind::GroupsOverage", failed("GroupsOverage", rule("teams", name(claims::GROUPS)))),
        ("InvalidMapping", (twice.code(), twice.to_string())),
    ]
    .map(|(kind, (code, says))| Told { kind, code, says, hint: None })
    .into()
}

#[rustfmt::skip]
fn directory() -> Vec<Told> {
    let acme = "acme".parse().expect("a connection");
    let redis = |kind, error: RedisError| Told {
        kind,
        code: error.code(),
        says: error.to_string(),
        hint: Some((error.hint().to_owned(), None)),
    };
    let no_key = |kind, error: KeyError| Told {
        kind, code: error.code(), says: error.to_string(), hint: Some((error.hint().to_owned(), None)),
    };
    let refused = |kind, error: SignInError<std::fmt::Error>| Told {
        kind, code: error.code(), says: error.to_string(), hint: Some((error.hint().to_owned(), None)),
    };
    let transient = NameId::new("eve", Some("urn:oasis:names:tc:SAML:2.0:nameid-format:transient"));
    let policy = Policy { never_update: vec!["nick".to_owned()], ..Policy::default() };
    let misspelt = policy.check(&Mapping::entra()).expect_err("no such field");
    let hint = Some((misspelt.hint().to_owned(), None));
    use DirectoryError as D;
    vec![
        no_key("KeyError::NotPersistent", PersonKey::name_id(&acme, &transient).expect_err("transient")),
        no_key("KeyError::Empty", PersonKey::value(&acme, "employee", "").expect_err("empty")),
        redis("RedisError::Address", RedisError::Address("no host".into())),
        redis("RedisError::Unanswered", RedisError::Unanswered("Connection refused".into())),
        redis("RedisError::Forgets", RedisError::Forgets("allkeys-lru".into())),
        redis("RedisError::Full", RedisError::Full),
        redis("RedisError::Busy", RedisError::Busy),
        redis("RedisError::Forgot", RedisError::Forgot),
        redis("RedisError::ClockAhead", RedisError::ClockAhead),
        redis("RedisError::Lifetime", RedisError::Lifetime),
        redis("RedisError::Randomness", NoRandomness::default().into()),
        refused("DirectoryError::UnknownPerson", D::UnknownPerson.into()),
        refused("DirectoryError::Deactivated", D::Deactivated.into()),
        refused("DirectoryError::Ambiguous", D::Ambiguous(quoted("email"), 2).into()),
        refused("DirectoryError::NotLinkable", D::NotLinkable(quoted("email"), "its domain is not one that was verified for the connection").into()),
        refused("DirectoryError::Conflict", D::Conflict(quoted("username")).into()),
        refused("DirectoryError::Contended", D::Contended(3).into()),
        refused("SignInError::Unavailable", SignInError::Unavailable(std::fmt::Error)),
        Told { kind: "InvalidPolicy", code: misspelt.code(), says: misspelt.to_string(), hint },
    ]
}

static ALL: LazyLock<Vec<Told>> = LazyLock::new(|| {
    let parts = [rejection(), signature(), message(), xml(), refused(), set_up(), mapping(), directory()];
    parts.into_iter().flatten().collect()
});

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn source(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_error_says_what_the_snapshot_says() {
    let mut now = String::new();
    for Told { kind, code, says, hint } in ALL.iter() {
        writeln!(now, "{kind}\n  code:  {code}\n  says:  {says}").expect("a string");
        if let Some((action, place)) = hint {
            writeln!(now, "  hint:  {action}").expect("a string");
            place.iter().for_each(|place| writeln!(now, "  place: {place}").expect("a string"));
        }
        now.push('\n');
    }
    let file = path("tests/errors.snapshot.txt");
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        fs::write(&file, &now).expect("the snapshot is writable");
    }
    let before = fs::read_to_string(&file).unwrap_or_default();
    let changed = now.lines().zip(before.lines()).find(|(now, before)| now != before);
    assert!(
        now == before,
        "what errors say has changed, first here: {changed:#?}\n\
         Read it, and if it is meant: UPDATE_SNAPSHOT=1 cargo test --test errors"
    );
}

/// Every variant of every public error, found in the source, so that a new one cannot be forgotten.
#[test]
fn no_kind_is_left_out() {
    let walked: BTreeSet<&str> = ALL.iter().map(|told| told.kind).collect();
    let mut found = 0;
    for text in sources(&path("src")) {
        for block in text.split("pub enum ").skip(1) {
            let (name, body) = block.split_once(" {\n").expect("an enum");
            let told = name.ends_with("Error") || ["Rejection", "ProblemKind"].contains(&name);
            // Of these two, one never leaves the crate and the other becomes a rejection.
            if !told || ["EncodingError", "ClaimError"].contains(&name) {
                continue;
            }
            // Variants stand where the first line of the body begins; their fields stand deeper.
            let margin = body.len() - body.trim_start().len();
            let variants = body
                .lines()
                .take_while(|line| line.trim_start() == "" || indent(line) >= margin)
                .filter(|line| indent(line) == margin)
                .map(str::trim_start)
                .filter(|line| line.starts_with(char::is_uppercase));
            for line in variants {
                let variant = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let kind = format!("{name}::{variant}");
                assert!(walked.contains(kind.as_str()), "{kind} is not in this file");
                found += 1;
            }
        }
    }
    assert!(found > 80, "the search found only {found} kinds");
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let read = |path: PathBuf| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|end| end == "rs") => {
            vec![fs::read_to_string(&path).expect("text")]
        }
        false => Vec::new(),
    };
    entries.flat_map(read).collect()
}

/// Kinds that mean the same to an administrator, and so share a code.
const SHARED: &[&str] = &[
    "saml.xml_schema", // five ways of not being as the schema has it
    "saml.refused",    // the identity provider's reason stands in the sentence
    "mapping.missing", // no value at all, or none that the table knows
];

#[test]
fn a_code_has_one_meaning() {
    let mut meanings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for told in ALL.iter() {
        let (area, words) = told.code.split_once('.').unwrap_or_default();
        let lower = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        assert!(lower(area) && lower(words), "`{}` is not area.words", told.code);
        // The outer kind of an error that stands inside another.
        let outer = ["MessageError::Xml", "MetadataError::Xml", "ConfigurationError::Certificate"];
        if !outer.contains(&told.kind) {
            meanings.entry(told.code).or_default().insert(told.kind);
        }
    }
    for (code, kinds) in meanings {
        assert!(kinds.len() == 1 || SHARED.contains(&code), "{code} means all of {kinds:?}");
    }
}

/// What a hint may begin with.
const VERBS: &str = "Add Ask Assign Begin Check Choose Compare Configure Correct Create Do Download \
    Fetch Give Have Import Keep Leave Let Link Look Make Name Paste Restart Send Set Shorten Sign \
    Start Switch Take Use";

#[test]
fn sentences_are_for_one_line_of_a_log_and_hints_are_orders() {
    for Told { kind, says, hint, .. } in ALL.iter() {
        assert!(!says.contains(['\n', '\r']) && !says.contains("  "), "{kind}: {says}");
        assert!(!says.ends_with('.') && !says.contains("``"), "{kind}: {says}");
        let Some((action, _)) = hint else { continue };
        let verb = action.split(' ').next().unwrap_or_default();
        assert!(VERBS.split_whitespace().any(|known| known == verb), "{kind}: {action}");
        assert!(action.ends_with('.') && !action.contains(". "), "{kind}: {action}");
        assert!(!action.contains('\n') && !action.contains("  "), "{kind}: {action}");
    }
}

#[test]
fn the_manual_explains_every_code_and_no_other() {
    let manual = source("src/manual/errors.md");
    let headings = manual.lines().filter_map(|line| line.strip_prefix("### `"));
    let explained: Vec<&str> = headings.filter_map(|line| line.strip_suffix('`')).collect();
    let codes: BTreeSet<&str> = ALL.iter().map(|told| told.code).collect();
    for code in &codes {
        let entries = explained.iter().filter(|heading| *heading == code).count();
        assert_eq!(entries, 1, "entries for {code} in src/manual/errors.md");
    }
    let gone: Vec<_> = explained.iter().filter(|heading| !codes.contains(*heading)).collect();
    assert!(gone.is_empty(), "no error has these codes: {gone:?}");
}
