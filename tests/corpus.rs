//! The test data of other libraries, through the public API: every message and every piece of metadata of
//! `../shared/corpus` gets the verdict that its manifest names for a strict profile, or there is an entry in
//! `corpus-exceptions.toml` that says why we are stricter. Nothing excuses the acceptance of what should be refused.
//!
//! What has no public API is tested from inside the crate: see the folder `unit`.
#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a broken corpus is to stop the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::saml::LogoutMessage;
use entra_sso::sp::{Service, Unsolicited};
use entra_sso::{
    Certificate, DecryptionKey, EndpointUrl, EntityId, Error, IdentityProvider, Login, MemoryReplayCache, MessageId,
    MetadataTrust, PostedResponse, ReturnTo, ServiceProvider, UnixTime, danger,
};
use serde_json::Value;

#[path = "support/classes.rs"]
mod classes;
use classes::codes_of_rule;

/// `None` where the folder is not there; then nothing can be tested, except in CI, which needs it.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    match folder.join("manifest.jsonl").exists() {
        true => Some(folder),
        false if std::env::var_os("CI").is_some() => panic!("CI needs ../shared/corpus"),
        false => {
            println!("skipped: no ../shared/corpus");
            None
        }
    }
}

/// One line of a manifest.
struct Line {
    value: Value,
    folder: PathBuf,
}

fn lines(folder: &Path, name: &str) -> Vec<Line> {
    let manifest = fs::read_to_string(folder.join(name)).unwrap();
    let parse = |line: &str| Line { value: serde_json::from_str(line).unwrap(), folder: folder.to_owned() };
    manifest.lines().map(parse).collect()
}

impl Line {
    fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    fn need(&self, key: &str) -> &str {
        self.text(key).unwrap_or_else(|| panic!("{} has no {key}", self.id()))
    }

    fn list(&self, key: &str) -> Vec<&str> {
        let items = self.value.get(key).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.value.get(key)?.as_bool()
    }

    fn id(&self) -> &str {
        self.text("id").unwrap_or("?")
    }

    fn class(&self) -> &str {
        self.need("attack_class")
    }

    fn read(&self, key: &str) -> Option<Vec<u8>> {
        self.text(key).map(|name| fs::read(self.folder.join(name)).unwrap())
    }

    fn content(&self) -> Vec<u8> {
        self.read("file").unwrap()
    }

    fn now(&self) -> UnixTime {
        self.text("now").unwrap_or(NOW).parse().unwrap()
    }

    fn expected(&self, mode: Mode) -> &str {
        let expected = self.need("expected");
        match mode {
            Mode::Strict => self.text("strict_expected").unwrap_or(expected),
            Mode::Lenient => expected,
        }
    }
}

/// When the line names no instant.
const NOW: &str = "2026-06-01T12:02:00Z";

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Mode {
    /// What we ship.
    Strict,
    /// With SHA-1 where the line needs it, and with certificates outside their dates.
    Lenient,
}

/// A code of ours, and the sentence that goes with it.
type Refusal = (&'static str, String);

fn refusal(error: impl Into<Error>) -> Refusal {
    let error = error.into();
    (error.code(), error.to_string())
}

// ---- responses ----

/// Some manifests name what is no URL, and some no address at all.
fn endpoint(line: &Line) -> EndpointUrl {
    let named = line.text("acs_url").and_then(|url| danger::plain_http(url).ok());
    named.unwrap_or_else(|| "https://sp.example.com/saml/acs".parse().unwrap())
}

fn service_provider(line: &Line, mode: Mode) -> Result<ServiceProvider, Refusal> {
    let stand_in = fs::read(line.folder.join("generated/certs/idp.pem")).unwrap();
    let certificate = line.read("idp_cert_file").unwrap_or(stand_in);
    let certificate = Certificate::parse(&certificate).map_err(refusal)?;
    let entity = line.text("idp_entity_id").filter(|name| !name.is_empty());
    let entity: EntityId = entity.unwrap_or("https://idp.example.com/").parse().map_err(refusal)?;
    let sso = "https://idp.example.com/sso".parse().unwrap();
    let mut idp = IdentityProvider::pinned(entity, sso, certificate);
    if mode == Mode::Lenient {
        // Of a signature in a query the manifest does not say so.
        let in_query = || line.need("encoding") == "redirect-json" && line.text("peer_test").is_some();
        if line.list("requires").iter().any(|needed| needed.starts_with("sha1-")) || in_query() {
            idp = idp.danger_allow_sha1();
        }
        if line.class() != "idp-cert-not-valid-now" {
            idp = idp.danger_allow_expired_certificates();
        }
    }
    let name = line.text("audience").filter(|name| !name.is_empty());
    let name = name.unwrap_or("https://sp.example.com/metadata");
    let mut sp = ServiceProvider::new(name.parse().map_err(refusal)?, endpoint(line), idp);
    if let Some(skew) = line.value.get("clock_skew_s").and_then(Value::as_u64) {
        sp = sp.with_clock_skew(Duration::from_secs(skew));
    }
    // A few of these keys are too short for us: then what they open stays closed.
    if let Some(key) = line.read("sp_key_file").and_then(|pem| DecryptionKey::parse(&pem).ok()) {
        sp = sp.with_service(Service::new().with_unpublished_decryption_key(key));
    }
    if line.class() == "cbc-policy" {
        sp = sp.refusing_unauthenticated_encryption();
    }
    if line.flag("allow_unsolicited") != Some(false) {
        let replay_cache = Arc::new(MemoryReplayCache::default());
        sp = sp.with_unsolicited(Unsolicited::Accept { replay_cache });
    }
    Ok(sp)
}

fn posted(line: &Line) -> Result<PostedResponse, Refusal> {
    let content = line.content();
    let field = match line.need("encoding") {
        "xml" => STANDARD.encode(&content),
        _ => String::from_utf8(content).unwrap(),
    };
    // Some were captured as they travelled.
    let posted = match field.contains('%') && line.class() != "base64-lax" {
        true => PostedResponse::from_form(format!("SAMLResponse={}", field.trim()).as_bytes()),
        false => PostedResponse::from_fields(&field, None),
    };
    posted.map_err(refusal)
}

fn judge(line: &Line, mode: Mode) -> Result<Login, Refusal> {
    let sp = service_provider(line, mode)?;
    let now = line.now();
    match line.text("in_response_to") {
        Some(request_id) => {
            let request_id = request_id.to_owned();
            let replay_cache = MemoryReplayCache::default();
            let finish = || {
                let pending = danger::captured_login(&sp, request_id.as_ref(), now);
                sp.finish_login(pending, &posted(line)?, now, &replay_cache).map_err(refusal)
            };
            let first = finish();
            if first.is_ok() {
                assert_eq!(finish().unwrap_err().0, "saml.replayed", "{}", line.id());
            }
            first
        }
        None => sp.finish_unsolicited(&posted(line)?, now).map_err(refusal),
    }
}

fn everything_said(login: &Login) -> String {
    let mut said = login.name_id().value.clone();
    for attribute in login.attributes().iter() {
        for text in [attribute.name()].into_iter().chain(attribute.values()) {
            said.push('\n');
            said.push_str(text);
        }
    }
    said
}

/// What an accepted message must and must not say.
fn wrong_content(line: &Line, login: &Login) -> Option<String> {
    let name = &login.name_id().value;
    let said = everything_said(login);
    let foreign = line.list("must_not_nameid").into_iter().find(|other| name == other);
    let foreign = foreign.or_else(|| line.list("must_not_contain").into_iter().find(|t| said.contains(*t)));
    match (line.text("expect_nameid"), foreign) {
        (Some(expected), _) if expected != name => Some(format!("the name is {name:?}")),
        (_, Some(foreign)) => Some(format!("it says {foreign:?}")),
        _ => None,
    }
}

// ---- logout ----

/// A message as it travelled, and as XML.
fn logout_message(line: &Line) -> Result<(LogoutMessage, String), Refusal> {
    let content = line.content();
    if line.need("encoding") == "redirect-json" {
        let fields: Value = serde_json::from_slice(&content).unwrap();
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let escape = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let parts = ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature"];
        let parts = parts.iter().filter_map(|name| Some(format!("{name}={}", escape(text(name)?))));
        let rebuilt = parts.collect::<Vec<_>>().join("&");
        let query = text("query").or_else(|| text("originalQuery")).unwrap_or(&rebuilt);
        let packed = query.split('&').find_map(|part| part.strip_prefix("SAMLRe")?.split_once('=')).unwrap().1;
        let packed = url::form_urlencoded::parse(format!("v={packed}").as_bytes()).next().unwrap().1.into_owned();
        let xml = STANDARD.decode(packed).map(|packed| inflated(&packed)).unwrap_or_default();
        return Ok((LogoutMessage::from_query(query).map_err(refusal)?, xml));
    }
    let xml = match line.need("encoding") {
        "xml" => String::from_utf8(content).unwrap(),
        _ => inflated(&STANDARD.decode(String::from_utf8(content).unwrap().trim()).unwrap()),
    };
    let name = if xml.contains("LogoutResponse") { "SAMLResponse" } else { "SAMLRequest" };
    let form = format!("{name}={}", STANDARD.encode(&xml).replace('+', "%2B"));
    Ok((LogoutMessage::from_form(form.as_bytes()).map_err(refusal)?, xml))
}

fn inflated(packed: &[u8]) -> String {
    let mut out = String::new();
    let _ = std::io::Read::read_to_string(&mut flate2::read::DeflateDecoder::new(packed), &mut out);
    out
}

/// Where the manifest names no identity provider or no address, the peer's test did not look at them.
fn judge_logout(line: &Line, mode: Mode) -> Result<(), Refusal> {
    let (message, xml) = logout_message(line)?;
    let stated = |start: &str, end: char| Some(xml.split(start).nth(1)?.split(end).next()?.to_owned());
    let mut named = Line { value: line.value.clone(), folder: line.folder.clone() };
    let mut fill = |key: &str, found: Option<String>| match named.value.get_mut(key) {
        Some(value) if value.is_null() => *value = found.map_or(Value::Null, Value::String),
        _ => {}
    };
    fill("idp_entity_id", stated("Issuer>", '<').or_else(|| stated("assertion\">", '<')));
    fill("acs_url", stated("Destination=\"", '"'));
    let request = xml.contains("LogoutRequest");
    fill("in_response_to", stated("InResponseTo=\"", '"'));
    if line.text("now").is_none() {
        fill("now", stated("IssueInstant=\"", '"'));
    }
    let sp = service_provider(&named, mode)?.with_single_logout_service(endpoint(&named));
    let now = named.now();
    if request {
        let cache = MemoryReplayCache::default();
        let request = sp.finish_logout_request(&message, now, &cache).map_err(refusal)?;
        assert_eq!(request.issuer(), sp.identity_provider().entity_id());
        assert_eq!(sp.finish_logout_request(&message, now, &cache).map_err(refusal).unwrap_err().0, "saml.replayed");
        return Ok(());
    }
    let pending = danger::captured_logout(&sp, named.text("in_response_to").unwrap_or("_1"), now);
    sp.finish_logout(pending, &message, now).map(|_| ()).map_err(refusal)
}

// ---- metadata ----

/// Where the manifest names no instant, the peer's test did not look at dates.
fn read_metadata(line: &Line) -> Result<IdentityProvider, Refusal> {
    let xml = line.content();
    let certificate = line.read("idp_cert_file").map(|pem| Certificate::parse(&pem));
    let certificate = certificate.transpose().map_err(refusal)?;
    let trust = match &certificate {
        Some(certificate) => MetadataTrust::SignedBy(certificate),
        None => MetadataTrust::ConfiguredByAdmin,
    };
    let begun = certificate.as_ref().map_or_else(UnixTime::default, Certificate::not_before);
    let now = line.text("now").map_or(begun, |now| now.parse().unwrap());
    let read = |entity: Option<&EntityId>| danger::metadata_with_plain_http(entity, &xml, trust, now).map_err(refusal);
    match read(None) {
        // The manifest does not say which one of several: each must do.
        Err(("saml.metadata_several_entities", message)) => {
            let text = String::from_utf8_lossy(&xml);
            let names = text.split("entityID=\"").skip(1).filter_map(|rest| rest.split('"').next());
            let each = names.map(|name| read(Some(&name.parse().map_err(refusal)?)));
            each.reduce(Result::and).unwrap_or(Err(("saml.metadata_several_entities", message)))
        }
        other => other,
    }
}

// ---- what fits ----

/// A peer's test has this check off; the code that it has with us, where it is always on.
fn codes_of_check(check: &str) -> &'static [&'static str] {
    match check {
        "audience" => &["saml.audience_missing", "saml.audience_mismatch"],
        "recipient" => &["saml.recipient_mismatch"],
        "destination" => &["saml.destination_mismatch", "saml.logout_destination_mismatch"],
        "issuer-consistency" => &["saml.issuer_mismatch"],
        "in-response-to" => &["saml.in_response_to_mismatch"],
        _ => &[],
    }
}

/// What somebody is told whose message needs this and does not get it.
fn codes_of_requirement(requirement: &str) -> &'static [&'static str] {
    match requirement {
        "sha1-signature" | "sha1-digest" => &["saml.sha1_not_allowed"],
        "rsa<2048" => &["certificate.weak_key"],
        // Nobody is told why a CBC that no signature vouches for is refused.
        "cbc-encryption" => &["saml.decryption_failed"],
        "rsa1_5-key-transport" => &["saml.encryption_algorithm_not_allowed"],
        "inclusive-c14n" | "c14n-with-comments" | "hmac" | "md5" | "dsa" => &["saml.algorithm_not_allowed"],
        "not-enveloped" => &["saml.algorithm_not_allowed", "saml.signature_malformed"],
        "empty-reference-uri"
        | "reference-not-parent"
        | "external-reference"
        | "xpointer"
        | "reference-without-uri" => &["saml.reference_invalid"],
        "references!=1" => &["saml.signature_malformed"],
        "signature-position" => &["saml.xml_schema", "saml.signature_misplaced"],
        "unsigned" => &["saml.signature_missing"],
        "doctype" => &["saml.xml_doctype"],
        _ if requirement.starts_with("transform:") => &["saml.algorithm_not_allowed"],
        _ => &[],
    }
}

const BROKEN: &[&str] = &["saml.signature_invalid", "saml.digest_mismatch", "saml.unknown_signing_key"];

/// What an attack of this class must be refused for, however else the message is: so that no check hides behind
/// another.
fn codes_of_class(class: &str) -> &'static [&'static str] {
    const ALGORITHM: &[&str] = &["saml.algorithm_not_allowed"];
    const REFERENCE: &[&str] = &["saml.reference_invalid"];
    const SHAPE: &[&str] = &["saml.signature_malformed"];
    const XML: &[&str] = &["saml.xml_malformed"];
    const SCHEMA: &[&str] = &["saml.xml_schema"];
    const TOO_LARGE: &[&str] = &["saml.xml_too_large"];
    if let Some(codes) = codes_of_rule(class) {
        return codes;
    }
    match class {
        _ if class.starts_with("xsw") => {
            &["saml.assertion_misplaced", "saml.assertion_count", "saml.signature_misplaced", "saml.duplicate_id"]
        }
        _ if class.starts_with("tampered") => BROKEN,
        "algorithm-policy" => &["saml.algorithm_not_allowed", "saml.sha1_not_allowed"],
        "not-enveloped" => &["saml.algorithm_not_allowed", "saml.signature_malformed"],
        "algorithm-none"
        | "hmac-key-confusion"
        | "c14n-inclusive"
        | "c14n-unknown"
        | "c14n-comments"
        | "transform-xslt"
        | "transform-xpath"
        | "transform-xpath-dos"
        | "transform-base64"
        | "transform-unknown"
        | "transform-order"
        | "too-many-transforms"
        | "dos-transforms" => ALGORITHM,
        "dangling-reference"
        | "external-reference"
        | "xpointer"
        | "xpath-injection"
        | "partial-signing"
        | "reference-not-parent"
        | "reference-without-uri"
        | "empty-reference-uri" => REFERENCE,
        "multiple-signedinfo" | "signedinfo-wrapped" => &["saml.signature_malformed", "saml.assertion_misplaced"],
        "hmac-truncation"
        | "signedinfo-cardinality"
        | "digestvalue-comment"
        | "signaturevalue-comment"
        | "duplicate-issuer" => SHAPE,
        "bad-signature-value"
        | "digest-empty"
        | "digest-mismatch"
        | "void-canonicalization"
        | "multiple-signatures"
        | "wrong-certificate"
        | "keyinfo-trust"
        | "idp-key-binding" => BROKEN,
        "config-fail-open" => &["saml.unknown_signing_key", "saml.signature_missing"],
        "namespace-confusion" | "unsigned" => &["saml.signature_missing"],
        "login-csrf" => &["saml.in_response_to_mismatch"],
        "idp-cert-not-valid-now" => &["saml.certificate_not_valid"],
        "duplicate-id" => &["saml.duplicate_id", "saml.assertion_count"],
        "id-type-confusion" => &["saml.ambiguous_id", "saml.assertion_misplaced", "saml.xml_doctype"],
        "malformed-response" | "encrypted-wrapping" => &["saml.assertion_count"],
        "encrypted-injection" => &["saml.assertion_misplaced"],
        "encrypted-inner-signature" => &["saml.signature_misplaced"],
        "encrypted-unsigned" => &["saml.signature_missing", "saml.decryption_failed"],
        "encrypted-malformed" | "encrypted-nesting" | "gcm-tag" | "decrypt-malformed" | "decrypt-failure" => {
            &["saml.decryption_failed"]
        }
        "enc-alg-confusion" => &["saml.encryption_algorithm_not_allowed"],
        "cbc-policy" => &["saml.encryption_not_authenticated"],
        "decrypt-loop" => SCHEMA,
        "signature-position" => &["saml.signature_misplaced", "saml.xml_schema"],
        "xinclude" => SCHEMA,
        "schema" => &["saml.unexpected_message"],
        "weak-key" => &["certificate.weak_key"],
        "encoding" => &["saml.xml_not_utf8", "saml.xml_malformed"],
        "xxe" | "doctype-entity" => &["saml.xml_doctype"],
        "dos-depth" | "dos-attributes" | "dos-namespaces" => TOO_LARGE,
        "duplicate-attribute-xml"
        | "malformed-xml"
        | "malformed-charref"
        | "malformed-namespace"
        | "multiple-roots"
        | "pi"
        | "xml-roundtrip-colon"
        | "metadata-malformed" => XML,
        "comment-truncation" => XML,
        "logout-unsigned" | "logout-wrapping" => {
            &["saml.signature_missing", "saml.xml_schema", "saml.reference_invalid"]
        }
        "logout-tampered" => BROKEN,
        "logout-expired" => &["saml.expired"],
        "logout-issuer" => &["saml.issuer_mismatch"],
        "logout-status" => &["saml.logout_refused", "saml.xml_schema"],
        "logout-malformed" => &["saml.xml_schema"],
        "sigalg-missing" => &["saml.form_field_missing"],
        "redirect-dup-param" => &["saml.two_messages", "saml.form_field_repeated", "saml.form_encoding"],
        "redirect-param-encoding" => &["saml.form_encoding"],
        "redirect-param-injection" => &["saml.unknown_signing_key"],
        "binding-confusion" => &["saml.unexpected_message"],
        "base64-lax" => &["saml.form_encoding"],
        "binding-lax" => &["saml.xml_not_utf8"],
        "metadata-expired" => &["saml.metadata_expired"],
        "metadata-tampered" => &["saml.metadata_signature"],
        "metadata-schema" => &["saml.xml_schema", "saml.metadata_unexpected_document", "saml.metadata_not_an_idp"],
        _ => &[],
    }
}

/// The one kind of message that we take though refusing it is right, and the manifest says that taking it does no harm:
/// a comment inside a name is in no signed octets, so the name is whole.
fn is_harmless(line: &Line) -> bool {
    line.class() == "comment-truncation"
        && line.flag("accept_ok_if_safe") == Some(true)
        && line.text("expect_nameid").is_some()
}

/// Whether this is a reason to refuse what the line is about.
fn fits(line: &Line, code: &str) -> bool {
    let of_place: &[&str] = match line.text("stopped_at") {
        Some("unsigned") => &["saml.signature_missing"],
        Some("signature") => {
            &["saml.signature_invalid", "saml.digest_mismatch", "saml.unknown_signing_key", "saml.signature_malformed"]
        }
        Some("parse") => &["saml.xml_malformed"],
        _ => &[],
    };
    of_place.contains(&code)
        || codes_of_class(line.class()).contains(&code)
        || line.list("requires").into_iter().any(|needed| codes_of_requirement(needed).contains(&code))
}

/// What a message may need and we have.
const MET: &[&str] = &["cbc-encryption", "encrypted-assertion"];

// ---- the test ----

/// A line of which we think otherwise, and which code it has with us.
struct Known {
    id: String,
    /// For a refusal of what the manifest accepts; absent if both refuse.
    mode: Option<String>,
    code: String,
    used: bool,
}

/// What `corpus-exceptions.toml` holds.
fn exceptions() -> Vec<Known> {
    let table: toml::Table = include_str!("corpus-exceptions.toml").parse().unwrap();
    let read = |entry: &toml::Value| {
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let need = |key: &str| text(key).unwrap_or_else(|| panic!("no {key} in {entry}"));
        assert!(need("reason").ends_with('.') && !need("file").is_empty(), "{entry}");
        Known { id: need("id"), mode: text("mode"), code: need("ours"), used: false }
    };
    let entries = |name: &str| {
        let list = table.get(name).and_then(toml::Value::as_array).into_iter().flatten();
        list.map(|entry| (entry.get("expected").and_then(toml::Value::as_str), read(entry))).collect::<Vec<_>>()
    };
    let accepted = entries("exception");
    let refused = entries("other_reason");
    for (expected, known) in accepted.iter().chain(&refused) {
        // A code has a dot in it: that we accept is nothing that an entry could say.
        assert!(known.code.contains('.'), "{}: {}", known.id, known.code);
        assert_eq!(expected.is_some(), known.mode.is_some(), "{}", known.id);
        assert!(expected.is_none_or(|verdict| verdict == "accept"), "{}", known.id);
    }
    accepted.into_iter().chain(refused).map(|(_, known)| known).collect()
}

#[derive(Default)]
struct Report {
    known: Vec<Known>,
    counts: BTreeMap<&'static str, usize>,
    not_usable: BTreeMap<String, usize>,
    classes: BTreeMap<String, BTreeMap<&'static str, usize>>,
    faults: Vec<String>,
}

impl Report {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn not_usable(&mut self, reason: String) {
        *self.not_usable.entry(reason).or_default() += 1;
    }

    /// `Ok` holds what is wrong with what was accepted, if anything is.
    fn compare(&mut self, line: &Line, mode: Mode, verdict: &Result<Option<String>, Refusal>) {
        self.count(match mode {
            Mode::Strict => "run, strict",
            Mode::Lenient => "run, lenient",
        });
        let ours = verdict.as_ref().map_or_else(|(code, _)| *code, |_| "accept");
        *self.classes.entry(line.class().to_owned()).or_default().entry(ours).or_default() += 1;
        let outcome = match (line.expected(mode), verdict) {
            ("accept", Ok(None)) => Ok("agreed: accepted"),
            ("accept", Err(refusal)) => self.refused_alone(line, mode, refusal),
            (_, Err(refusal)) => self.refused(line, refusal),
            (_, Ok(Some(wrong))) => Err(wrong.clone()),
            (_, Ok(None)) if is_harmless(line) => Ok("accepted instead of refused, which is harmless"),
            (_, Ok(None)) => Err("must be refused; nothing excuses it".to_owned()),
        };
        match outcome {
            Ok(what) => self.count(what),
            Err(fault) => {
                let (id, file, class) = (line.id(), line.need("file"), line.class());
                self.faults.push(format!("{id} {file} ({mode:?}, {class}): {ours}; {fault}"));
            }
        }
    }

    /// We refuse what the manifest accepts.
    fn refused_alone(&mut self, line: &Line, mode: Mode, (code, message): &Refusal) -> Result<&'static str, String> {
        let relaxed = line.list("relax").into_iter().flat_map(codes_of_check).any(|c| c == code);
        let mode = format!("{mode:?}");
        let known =
            |known: &&mut Known| known.id == line.id() && known.code == *code && known.mode.as_ref() == Some(&mode);
        if line.flag("reject_also_ok") == Some(true) {
            Ok("agreed: refused, which is allowed")
        } else if relaxed {
            Ok("agreed up to a check that the peer's test has off")
        } else if let Some(known) = self.known.iter_mut().find(known) {
            known.used = true;
            Ok("exceptions: refused instead of accepted")
        } else {
            Err(format!("is to be accepted: {message}"))
        }
    }

    /// We refuse what the manifest refuses.
    fn refused(&mut self, line: &Line, (code, message): &Refusal) -> Result<&'static str, String> {
        let known = |known: &&mut Known| known.id == line.id() && known.code == *code;
        if fits(line, code) {
            Ok("agreed: refused")
        } else if let Some(known) = self.known.iter_mut().find(known) {
            known.used |= known.mode.is_none();
            Ok("agreed: refused, but for another reason")
        } else {
            Err(format!("is refused for another reason: {message}"))
        }
    }

    fn response(&mut self, line: &Line) {
        let [strict, lenient] =
            [Mode::Strict, Mode::Lenient].map(|mode| judge(line, mode).map(|login| wrong_content(line, &login)));
        self.compare(line, Mode::Strict, &strict);
        let met = |needed: &str| needed.starts_with("sha1-") || MET.contains(&needed);
        let unmet = line.list("requires").into_iter().find(|needed| !met(needed));
        match unmet {
            Some(unmet) if line.expected(Mode::Lenient) == "accept" && lenient.is_err() => {
                self.not_usable(format!("leniently: needs {unmet}"));
            }
            _ => self.compare(line, Mode::Lenient, &lenient),
        }
    }

    fn logout(&mut self, line: &Line) {
        for mode in [Mode::Strict, Mode::Lenient] {
            self.compare(line, mode, &judge_logout(line, mode).map(|()| None));
        }
    }

    fn print(&self) {
        for (what, count) in &self.counts {
            println!("{count:5} {what}");
        }
        for (reason, count) in &self.not_usable {
            println!("{count:5} not usable: {reason}");
        }
        for (class, codes) in &self.classes {
            let codes: Vec<_> = codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
            println!("{class}: {}", codes.join(", "));
        }
    }
}

#[test]
fn every_line_gets_the_verdict_of_the_manifest() {
    let Some(folder) = corpus() else { return };
    let mut report = Report { known: exceptions(), ..Report::default() };
    let lines = lines(&folder, "manifest.jsonl");
    for line in &lines {
        match line.need("kind") {
            "saml-response" => report.response(line),
            "metadata" => {
                report.compare(line, Mode::Strict, &read_metadata(line).map(|_| None));
            }
            kind @ ("c14n" | "xmldsig") => {
                report.not_usable(format!("{kind} has no public API: see tests/unit"));
            }
            "logout" => report.logout(line),
            kind => report.not_usable(format!("{kind} is not read here")),
        }
    }
    println!("{:5} lines", lines.len());
    report.print();
    for stale in report.known.iter().filter(|known| !known.used) {
        report.faults.push(format!("{} no longer says {}", stale.id, stale.code));
    }
    assert!(report.faults.is_empty(), "\n{}", report.faults.join("\n"));
    assert!(lines.len() > 800, "the corpus has shrunk");
}

/// Whatever the file is: as a response and as metadata, by every way in, to a service provider that allows all it can,
/// and whose one trusted key signed nothing in the corpus.
#[test]
fn nothing_in_the_corpus_makes_us_panic_or_trust_a_stranger() {
    let Some(folder) = corpus() else { return };
    let stranger = fs::read(folder.join("generated/certs/idp-b.pem")).unwrap();
    let stranger = Certificate::parse(&stranger).unwrap();
    for line in lines(&folder, "manifest.jsonl") {
        let (id, content, now) = (line.id(), line.content(), line.now());
        let text = String::from_utf8_lossy(&content);
        let sp = obliging(&line, &stranger);
        let ways = [
            PostedResponse::from_form(&content),
            PostedResponse::from_form(&[b"SAMLResponse=", content.as_slice()].concat()),
            PostedResponse::from_fields(&text, Some(&text)),
            PostedResponse::from_fields(&text, None),
            PostedResponse::from_fields(&STANDARD.encode(&content), None),
        ];
        let request_id = line.text("in_response_to").and_then(|id| id.parse().ok());
        let request_id: MessageId = request_id.unwrap_or_else(|| "_1".parse().unwrap());
        for posted in ways.into_iter().flatten() {
            let pending = danger::captured_login(&sp, request_id.as_ref(), now);
            let answered = sp.judge_login(pending, &posted, now);
            let verdicts = [answered, sp.judge_unsolicited(&posted, now)];
            // One line is signed by this very key, to be taken for another's.
            let signed = line.value.get("trusted_idps").is_some();
            assert!(signed || verdicts.iter().all(Result::is_err), "{id}");
            for error in verdicts.into_iter().filter_map(Result::err) {
                let told = format!("{error} {error:?} {:?}", error.hint());
                assert!(!told.contains(char::is_control), "{id}: {told}");
            }
        }
        let by_stranger = MetadataTrust::SignedBy(&stranger);
        assert!(IdentityProvider::from_metadata(&content, by_stranger, now).is_err(), "{id}");
        let _ = IdentityProvider::from_metadata(&content, MetadataTrust::ConfiguredByAdmin, now);
        let _ = Certificate::parse_all(&content);
    }
}

fn obliging(line: &Line, key: &Certificate) -> ServiceProvider {
    let name = |key: &str| -> EntityId {
        let name = line.text(key).and_then(|name| name.parse().ok());
        name.unwrap_or_else(|| "https://x.example.com/".parse().unwrap())
    };
    let sso = "https://idp.example.com/sso".parse().unwrap();
    let idp = IdentityProvider::pinned(name("idp_entity_id"), sso, key.clone())
        .danger_allow_sha1()
        .danger_allow_expired_certificates();
    let replay_cache = Arc::new(MemoryReplayCache::default());
    let sp = ServiceProvider::new(name("audience"), endpoint(line), idp)
        .with_unsolicited(Unsolicited::Accept { replay_cache });
    danger::with_clock_skew(sp, Duration::from_secs(10 * 365 * 24 * 3600))
}

/// The same from outside: a path on our own site, or nothing.
#[test]
fn a_relay_state_never_leads_to_another_site() {
    let Some(folder) = corpus() else { return };
    let (mut counts, mut total) = (BTreeMap::new(), 0);
    for line in lines(&folder, "relaystate.jsonl") {
        let text = line.need("relay_state");
        let parsed = text.parse::<ReturnTo>();
        if let Ok(return_to) = &parsed {
            let base = url::Url::parse(line.need("base")).unwrap();
            let there = base.join(return_to.as_ref()).unwrap();
            assert_eq!(there.origin(), base.origin(), "{}: {text:?}", line.id());
        }
        let own_path = text.starts_with('/');
        let (expected, ours) = (line.need("redirect"), parsed.is_ok());
        match expected {
            "yes" if own_path => assert!(ours, "{}: {text:?}", line.id()),
            // An absolute URL, even to our own origin, is refused on purpose: there is nothing to compare.
            "yes" | "no" | "default" => assert!(!ours, "{}: {text:?}", line.id()),
            _ => {}
        }
        *counts.entry((expected.to_owned(), ours)).or_insert(0) += 1;
        total += 1;
    }
    for ((expected, ours), count) in counts {
        println!("{count:5} relay states: redirect {expected:?}, {}", if ours { "taken" } else { "refused" });
    }
    assert!(total >= 44, "the corpus has shrunk");
}
