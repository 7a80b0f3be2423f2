//! The rules behind the signature, on the messages of other libraries. Most of their keys are too short for us and most
//! of their signatures too old, so that nothing else would be looked at. Here their signatures are taken off, the
//! assertion is signed by a key of our own, and what is wrong with it must be found all the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::crypto::{Certificate, SigningKey};
use crate::dsig::{SignatureStyle, sign_element};
use crate::encoding::{base64_decode, base64_encode, percent_decode};
use crate::error::Error;
use crate::xml::{Document, Element, Limits, canonicalize};

#[path = "../support/classes.rs"]
mod classes;
use classes::codes_of_rule;

const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

fn certificate() -> Certificate {
    Certificate::parse(include_bytes!("../../src/testing/idp.cert.der")).expect("a certificate")
}

fn key() -> SigningKey {
    SigningKey::parse(include_bytes!("../../src/testing/idp.key.der")).expect("a key")
}

fn text<'l>(line: &'l Value, name: &str) -> Option<&'l str> {
    line.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn xml_of(line: &Value, folder: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(folder.join(text(line, "file")?)).ok()?;
    match text(line, "encoding")? {
        "xml" => Some(bytes),
        _ => {
            let field = percent_decode(&String::from_utf8(bytes).ok()?.replace('+', "%2B").into_bytes());
            base64_decode(&field.ok()?, 1 << 20).ok()
        }
    }
}

fn canonical(apex: Element<'_>, without: Option<Element<'_>>) -> Option<String> {
    let mut out = String::new();
    canonicalize(apex, without, &[], &mut out).ok().map(|()| out)
}

/// Without the first signature, as long as there is one.
fn unsigned(xml: &str) -> Option<String> {
    let document = Document::parse_str(xml, &Limits::METADATA).ok()?;
    let signature = document.root().descendants().find(|element| element.is(DS, "Signature"));
    match signature {
        Some(signature) => unsigned(&canonical(document.root(), Some(signature))?),
        None => Some(xml.to_owned()),
    }
}

/// The same response, with its assertion signed by our key; if it has not exactly one, just without signatures. `None`
/// if it cannot be read at all.
fn signed_anew(xml: &[u8]) -> Option<String> {
    let xml = unsigned(std::str::from_utf8(xml).ok()?)?;
    let document = Document::parse_str(&xml, &Limits::METADATA).ok()?;
    let response = document.root();
    let mut assertions = response.elements().filter(|child| child.is(SAML, "Assertion"));
    let (Some(assertion), None) = (assertions.next(), assertions.next()) else {
        return Some(xml.clone());
    };
    let rest = canonical(response, Some(assertion))?;
    let assertion = canonical(assertion, None)?;
    let signed = [Placement::AfterIssuer, Placement::First].into_iter().find_map(|placement| {
        sign_element(&assertion, placement, SignatureStyle::Prefixed, &key(), &certificate()).ok()?
    })?;
    let end = rest.rfind("</")?;
    let (before, after) = rest.split_at_checked(end)?;
    Some([before, &signed, after].concat())
}

fn judge_line(line: &Value, xml: &str) -> Result<Login, Error> {
    let name = |key, default| text(line, key).unwrap_or(default);
    let idp = IdentityProvider::pinned(
        name("idp_entity_id", "https://idp.example.com/").parse()?,
        "https://idp.example.com/sso".parse()?,
        certificate(),
    )
    .danger_allow_expired_certificates();
    let acs = EndpointUrl::with_plain_http(name("acs_url", ""));
    let acs = acs.or_else(|_| "https://sp.example.com/saml/acs".parse())?;
    let audience = name("audience", "https://sp.example.com/metadata").parse()?;
    let replay_cache = Arc::new(MemoryReplayCache::default());
    let mut sp = ServiceProvider::new(audience, acs, idp)
        .with_unsolicited(Unsolicited::Accept { replay_cache: replay_cache.clone() });
    if let Some(skew) = line.get("clock_skew_s").and_then(Value::as_u64) {
        sp = sp.with_clock_skew(Duration::from_secs(skew));
    }
    let now: UnixTime = name("now", "2026-06-01T12:02:00Z").parse()?;
    let posted = PostedResponse::from_fields(&base64_encode(xml.as_bytes()), None)?;
    let Some(request_id) = text(line, "in_response_to") else {
        return sp.finish_unsolicited(&posted, now);
    };
    let mut pending = sp.pending_for_captured(request_id.parse()?, now);
    let contexts = line.get("required_authn_context").and_then(Value::as_array);
    pending.contexts.extend(contexts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    sp.finish_login(pending, &posted, now, &*replay_cache)
}

/// Lines with a second fault, which is found first; or whose service provider cannot be set up.
const SECOND_FAULTS: &[(&str, &str)] = &[
    ("0153", "saml.destination_mismatch"),    // a Destination that is no URL
    ("0208", "saml.xml_schema"),              // EncryptedID behind the SubjectConfirmation
    ("0249", "saml.xml_schema"),              // no Status
    ("0250", "saml.xml_schema"),              // no Status
    ("0252", "saml.destination_mismatch"),    // the template's {recipient}
    ("0253", "saml.destination_mismatch"),    // the template's {recipient}
    ("0505", "saml.destination_mismatch"),    // as wrong as the Recipient
    ("0617", "saml.in_response_to_mismatch"), // response and confirmation name two requests
    ("0618", "saml.ambiguous_id"),            // an Issuer with an Id
    ("0619", "saml.ambiguous_id"),            // an Issuer with an Id
    ("0690", "saml.destination_mismatch"),    // a Destination that is no URL
];

/// Checks that peers' tests have off.
fn relaxed(line: &Value, code: &str) -> bool {
    let checks = line.get("relax").and_then(Value::as_array).into_iter().flatten();
    checks.filter_map(Value::as_str).any(|check| match check {
        "audience" => code.starts_with("saml.audience_"),
        "in-response-to" => code == "saml.in_response_to_mismatch",
        "recipient" => code == "saml.recipient_mismatch",
        "destination" => code == "saml.destination_mismatch",
        _ => false,
    })
}

#[test]
fn what_stands_behind_the_signature_is_judged_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let Ok(manifest) = fs::read_to_string(folder.join("manifest.jsonl")) else {
        assert!(std::env::var_os("CI").is_none(), "CI needs ../shared/corpus");
        return;
    };
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut faults = Vec::new();
    for line in manifest.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let (id, class) = (text(&line, "id").expect("an ID"), text(&line, "attack_class"));
        let class = class.expect("a class");
        if text(&line, "kind") != Some("saml-response") {
            continue;
        }
        let Some(codes) = codes_of_rule(class) else {
            *counts.entry("about the signature, or no rule of ours").or_default() += 1;
            continue;
        };
        let Some(xml) = xml_of(&line, &folder).and_then(|xml| signed_anew(&xml)) else {
            *counts.entry("cannot be read, so not be signed").or_default() += 1;
            continue;
        };
        let verdict = judge_line(&line, &xml).map_err(|error| (error.code(), error.to_string()));
        let accepted = text(&line, "expected") == Some("accept");
        // A response that is not itself signed may leave out its Issuer (SAML Profiles 4.1.4.2).
        let harmless = id == "0241" && line.get("accept_ok_if_safe") == Some(&Value::Bool(true));
        let outcome = match &verdict {
            Ok(_) if accepted => "accepted",
            Ok(_) if harmless => "accepted instead of refused, which is harmless",
            Err((code, _)) if codes.contains(code) => "refused by the rule",
            Err((code, _)) if SECOND_FAULTS.contains(&(id, code)) => "refused for a second fault",
            Err((code, _)) if accepted && relaxed(&line, code) => "refused by a rule that the peer has off",
            Err(("saml.encrypted" | "saml.unexpected_message", _)) => "encrypted, or no response",
            other => {
                let other: Result<(), &(&str, String)> = other.as_ref().map(|_| ());
                faults.push(format!("{id} ({class}): {other:?}, not {codes:?}"));
                continue;
            }
        };
        *counts.entry(outcome).or_default() += 1;
    }
    for (outcome, count) in &counts {
        println!("{count:5} {outcome}");
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(counts.get("refused by the rule").is_some_and(|count| *count > 50), "{counts:?}");
}
