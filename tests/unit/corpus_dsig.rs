//! The signatures of `../shared/corpus` that are not SAML's: HMAC, DSA, many references, transforms, manifests,
//! external data. None of them may hold here, whatever else verifies it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::xml::{Document, Limits};

#[test]
fn no_signature_of_another_shape_than_samls_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let Ok(manifest) = fs::read_to_string(folder.join("manifest.jsonl")) else {
        assert!(std::env::var_os("CI").is_none(), "CI needs ../shared/corpus");
        return;
    };
    let stand_in = fs::read(folder.join("generated/certs/idp.pem")).expect("a certificate");
    let mut counts = BTreeMap::<&str, usize>::new();
    for line in manifest.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |name| line.get(name).and_then(Value::as_str);
        if text("kind") != Some("xmldsig") {
            continue;
        }
        let id = text("id").expect("an ID");
        assert_eq!(text("strict_expected"), Some("reject"), "{id}");
        let own = text("idp_cert_file").and_then(|name| fs::read(folder.join(name)).ok());
        let own = own.and_then(|pem| Certificate::parse(&pem).ok());
        let key = own.unwrap_or_else(|| Certificate::parse(&stand_in).expect("a certificate"));
        let bytes = fs::read(folder.join(text("file").expect("a name"))).expect("a file");
        let document = match Document::parse(&bytes, &Limits::METADATA) {
            Ok(document) => document,
            Err(error) => {
                *counts.entry(error.code()).or_default() += 1;
                continue;
            }
        };
        let leniency = Leniency { sha1: true, expired_certificates: true };
        let now = key.not_before();
        let policy = Policy { now, skew: Duration::ZERO, leniency };
        let keys = TrustedKeys::one(key);
        let signatures = document.root().descendants().filter(|found| found.is(DS, "Signature"));
        for signature in signatures {
            let verdict = signature.parent().map(|parent| verify(parent, &keys, &policy));
            let code = match verdict {
                None => "the signature is the document",
                Some(Err(error)) => error.code(),
                Some(Ok(_)) => panic!("{id}: a signature holds"),
            };
            *counts.entry(code).or_default() += 1;
        }
    }
    for (code, count) in &counts {
        println!("{count:5} {code}");
    }
}
