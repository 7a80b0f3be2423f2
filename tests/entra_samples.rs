//! Real messages and metadata from Entra ID, judged by `inspect`: the accepted ones with the right name and attributes,
//! the others with a fitting code.

#![expect(clippy::indexing_slicing, reason = "JSON of a known shape")]

#[path = "../examples/inspect.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod inspect;

use std::path::Path;

use serde_json::Value;

/// What the refused ones are refused for.
const REFUSALS: &[(&str, &str)] = &[
    ("fusionauth-with-tenant-metadata", "saml.unknown_signing_key"),
    ("ssoready-not-allowed", "saml.unsolicited"),
    ("fusionauth-encodedResponse-badSignature.txt", "saml.signature_invalid"),
    ("fusionauth-encodedResponse-signatureRemoved.txt", "saml.signature_missing"),
    ("fusionauth-response.xml", "saml.signature_invalid"),
    ("cbsso-entra-valid-response.xml", "saml.signature_invalid"),
    ("cbsso-entra-error-response.xml", "saml.refused"),
    ("lightsaml-entra-error-response-2013.xml", "saml.refused"),
    ("msidm-windows-ad-metadata.xml", "saml.metadata_not_an_idp"),
];

#[test]
fn real_messages_of_entra_get_their_verdicts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/entra-samples");
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.jsonl")) else {
        assert!(std::env::var_os("CI").is_none(), "the shared folder is missing");
        println!("skipped: the shared folder is not here");
        return;
    };
    let mut accepted = 0;
    let mut refused = 0;
    for line in manifest.lines() {
        let mut case: Value = serde_json::from_str(line).expect("JSON");
        for field in ["file", "idp_metadata_file", "idp_cert_file"] {
            if let Some(name) = case[field].as_str().map(|name| folder.join(name)) {
                case[field] = name.to_string_lossy().into();
            }
        }
        let answer = inspect::answer_line(case.to_string().as_bytes());
        let id = case["id"].as_str().expect("an id");
        assert_eq!(answer["id"], case["id"]);
        assert_eq!(answer["verdict"], case["expected"], "{id}: {answer}");
        match answer["verdict"].as_str() {
            Some("accept") => accepted += must_match(id, &case, &answer),
            _ => {
                let code = REFUSALS.iter().find(|(name, _)| *name == id).map(|(_, code)| *code);
                assert_eq!(answer["code"].as_str(), code, "{id}: {answer}");
                assert!(answer["hint"].is_string(), "{id}: {answer}");
                refused += 1;
            }
        }
    }
    println!("{accepted} samples accepted, {refused} refused");
    assert!(accepted >= 8 && refused >= 9);
}

fn must_match(id: &str, case: &Value, answer: &Value) -> usize {
    match case["kind"].as_str() {
        Some("response") => {
            assert_eq!(answer["issuer"], case["idp_entity_id"], "{id}");
            assert_eq!(answer["name_id"], case["expected_name_id"], "{id}");
            assert_eq!(answer["attributes"], case["expected_attributes"], "{id}");
        }
        _ => assert_eq!(answer["keys"].as_array().map(Vec::len), usize_of(&case["expected_keys"]), "{id}"),
    }
    1
}

fn usize_of(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

#[test]
fn a_line_that_is_no_question_gets_an_error_and_no_verdict() {
    for line in ["", "x", "5", "{\"kind\":5}", "[1]"] {
        let answer = inspect::answer_line(line.as_bytes());
        assert_eq!((&answer["id"], &answer["verdict"]), (&Value::Null, &"error".into()), "{line}");
    }
}
