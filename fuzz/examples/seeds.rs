//! Writes what the fuzz targets start from, under `fuzz/seeds`: our own answers, requests, metadata, certificate,
//! cookie and rules.

use std::fs;
use std::path::Path;

use entra_sso::testing::{TestIdp, TestKey};
use entra_sso::{AuthnRequest, CookieKey, ReturnTo, SystemRandom};
use entra_sso_fuzz::{ANSWERS, GENUINE_LOGOUTS, NOW, SP, encode};

const SETTINGS: &str = r#"{"id":"contoso","name":"Contoso","state":"live","listed":true,"addresses":"shared",
    "trust":{"metadata_url":{"url":"https://login.example/metadata.xml","entity_id":"urn:idp"}},
    "verified_domains":["contoso.example"],"audiences":["spn:x"],"unsolicited":"restart","request_binding":"post",
    "return_origins":["https://shop.example/"],"sign_requests":false,"authn_requests_signed":true,"force_authn":true,
    "max_authn_age":3600,"mapping":{"preset":"okta","rule":[{"field":"a","from":["name_id"]}]},"danger_allow_sha1":true}"#;

const RULES: &str = r#"preset = "entra"
[[rule]]
field = "roles"
from = [{ groups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups" }]
many = true
default = "member"
table = { "5d0f2c11-0a1b-4c5d-8e9f-000000000003" = "admin" }
ignore_case = true
"#;

const DOCUMENTS: &[&str] = &[
    "<a xmlns='urn:d'><b xmlns=''><c xmlns='urn:d'/></b></a>",
    "<a b='1' a=\"2\"><!-- gone --><![CDATA[<&>]]>\r\n&#13;</a>",
    "<z:a xmlns:z='urn:1' xmlns:y='urn:2' xmlns:x='urn:3' x:k='1' y:k='2' k='3' xml:lang='d'/>",
    "<?xml version='1.0' encoding='UTF-8'?>\n<a x='&quot;&#9;&#10;&#13;&lt;&gt;&amp;'><b xmlns:p='urn:p'/></a>\n",
    "\u{feff}<\u{e9}l\u{e9}ment xmlns:a='urn:a' xmlns:b='urn:b'><a:x b:y=''/><b:x a:y='\u{1F600}'/></\u{e9}l\u{e9}ment>",
];

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let save = |target: &str, name: String, bytes: &[u8]| {
        fs::create_dir_all(root.join(target))?;
        fs::write(root.join(target).join(name), bytes)
    };
    let idp = TestIdp::new();
    for (number, answer) in ANSWERS.iter().enumerate() {
        save("posted_response", format!("message-{number}"), answer.as_bytes())?;
        let form = format!("SAMLResponse={}", encode(answer).replace('+', "%2B").replace('=', "%3D"));
        save("posted_response", format!("form-{number}"), form.as_bytes())?;
        save("xml", format!("answer-{number}"), answer.as_bytes())?;
        save("c14n", format!("answer-{number}"), format!("\0{answer}").as_bytes())?;
        let script: Vec<u8> = (0..24).map(|at| u8::try_from(at * 37 % 251 + number).unwrap_or(0)).collect();
        save("signed_document", format!("script-{number}"), &script)?;
        for kind in 0..4 {
            save(
                "decrypt",
                format!("script-{number}-{kind}"),
                &[&[kind, u8::try_from(number).unwrap_or(0)], &script[..]].concat(),
            )?;
        }
        save("decrypt", format!("assertion-{number}"), &[&[1, 0], answer.as_bytes()].concat())?;
    }
    for (number, document) in DOCUMENTS.iter().enumerate() {
        save("xml", format!("document-{number}"), document.as_bytes())?;
        save("c14n", format!("document-{number}"), format!("\x03{document}").as_bytes())?;
    }
    save("idp_metadata", "entra".into(), idp.metadata().as_bytes())?;
    for (number, key) in [TestKey::Idp, TestKey::Expired].into_iter().enumerate() {
        save("certificate", format!("der-{number}"), key.certificate().der())?;
    }
    save("mapping_rules", "rules.toml".into(), RULES.as_bytes())?;
    save("settings", "settings.json".into(), SETTINGS.as_bytes())?;
    // Puts two in, fetches, installs, signs in, and takes one out.
    save(
        "federation",
        "life".into(),
        b"\0\x40\x10\0\x41\x22\x05\0\0\x06\0\0\x06\0\x09\x07\0\0\x04\x80\0\x05\0\0\x06\0\x03\x02\x01\0",
    )?;
    let request = AuthnRequest::new().login_hint("ada@contoso.example");
    let started = SP
        .start_login_with(&request, ReturnTo::default(), NOW, &SystemRandom::default())
        .map_err(std::io::Error::other)?;
    if let entra_sso::saml::Outgoing::Redirect(url) = &started.outgoing {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        save("redirect_query", "request".into(), query.as_bytes())?;
    }
    for (number, query) in GENUINE_LOGOUTS.iter().enumerate() {
        save("logout_query", format!("query-{number}"), format!("\0{query}").as_bytes())?;
        let steps: Vec<u8> = (0..12).map(|at| u8::try_from(at * 41 % 251).unwrap_or(0)).collect();
        save(
            "logout_query",
            format!("steps-{number}"),
            &[&[u8::try_from(number * 4 + 1).unwrap_or(1)], steps.as_slice()].concat(),
        )?;
    }
    let message = "<samlp:LogoutRequest xmlns:samlp='urn:oasis:names:tc:SAML:2.0:protocol' ID='_1' Version='2.0' \
        IssueInstant='2027-01-15T08:00:00Z' Destination='https://app.example/saml/slo'><Issuer \
        xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>x</Issuer></samlp:LogoutRequest>";
    for kind in ["\x02", "\x03"] {
        save(
            "logout_query",
            format!("xml-{}", kind.len() + usize::from(kind.as_bytes()[0])),
            format!("{kind}{message}").as_bytes(),
        )?;
    }
    save("redirect_query", "return".into(), b"return_to=%2Forders%3Fpage%3D2")?;
    let cookie = started
        .pending
        .into_cookie(&CookieKey::new([8; 32]), &SystemRandom::default())
        .map_err(std::io::Error::other)?;
    let cookie = cookie.into_string();
    let value = cookie.split(['=', ';']).nth(1).unwrap_or_default();
    save("cookie", "sealed".into(), value.as_bytes())
}
