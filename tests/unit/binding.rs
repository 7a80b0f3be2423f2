//! Of `src/saml/binding.rs`.

use super::*;
use crate::crypto::{DigestMethod, digest};
use crate::encoding::inflate;

fn form(body: &str) -> Result<PostedResponse, &'static str> {
    PostedResponse::from_form(body.as_bytes()).map_err(|error| error.code())
}

#[test]
fn the_published_hash_is_the_hash_of_the_script() {
    let hash = digest(DigestMethod::Sha256, SCRIPT.as_bytes());
    assert_eq!(POST_FORM_SCRIPT_SHA256, base64_encode(hash.as_ref()));
}

#[test]
fn a_form_is_read_once_and_strictly() {
    let posted = form("SAMLResponse=PGEvPg%3D%3D&x=1&RelayState=r-1").expect("a form");
    assert_eq!(posted.xml(), b"<a/>");
    assert_eq!(posted.relay_state().map(AsRef::as_ref), Some("r-1"));
    assert!(form("SAMLResponse=PGEvPg%3D%3D&RelayState=").is_ok_and(|p| p.relay_state().is_none()));
    for (body, code) in [
        ("", "saml.form_field_missing"),
        ("RelayState=x", "saml.form_field_missing"),
        ("samlresponse=PGEvPg%3D%3D", "saml.form_field_missing"),
        ("SAMLResponse=PGEvPg%3D%3D&SAMLResponse=PGEvPg%3D%3D", "saml.form_field_repeated"),
        ("SAMLResponse=PGEvPg%3D%3D&RelayState=a&RelayState=b", "saml.form_field_repeated"),
        ("SAMLResponse=PGEvPg%3D%3D&SAMLRespons%65=PGEvPg%3D%3D", "saml.form_encoding"),
        ("SAMLResponse=PGEvPg%3", "saml.form_encoding"),
        ("SAMLResponse=PGEvPg", "saml.form_encoding"),
        ("SAMLResponse=PGEvPg-_", "saml.form_encoding"),
    ] {
        assert_eq!(form(body).map(|_| ()), Err(code), "{body}");
    }
    let long = format!("SAMLResponse=PGEvPg%3D%3D&RelayState={}", "x".repeat(81));
    assert_eq!(form(&long).map(|_| ()), Err("saml.relay_state_invalid"));
    let huge = format!("SAMLResponse={}", "A".repeat(FORM_LIMIT));
    assert_eq!(form(&huge).map(|_| ()), Err("saml.message_too_large"));
    for (length, code) in [(FORM_LIMIT, "saml.form_field_missing"), (FORM_LIMIT + 1, "saml.message_too_large")] {
        assert_eq!(form(&"x".repeat(length)).map(|_| ()), Err(code), "{length}");
    }
    assert_eq!(format!("{posted:?}"), "PostedResponse { bytes: 4, .. }");
}

fn sent<'a>(destination: &'a EndpointUrl, relay_state: &'a str) -> Sent<'a> {
    Sent { kind: Kind::Request, destination, xml: "<a/>", relay_state: Some(relay_state) }
}

#[test]
fn a_redirect_carries_the_message_and_keeps_the_query_of_the_endpoint() {
    let destination: EndpointUrl = "https://idp.example/sso?tenant=1".parse().expect("a URL");
    let url = redirect(sent(&destination, "r+1"), None, &[("login_hint", "a b&c")]).expect("ok");
    let query = url.strip_prefix("https://idp.example/sso?tenant=1&").expect("the endpoint");
    let mut parts = pairs(query.as_bytes());
    let (name, value) = parts.next().expect("a parameter");
    assert_eq!(name, b"SAMLRequest");
    let packed = base64_decode(percent_decode(value).expect("text"), 1000).expect("base64");
    assert_eq!(inflate(&packed, 1000).as_deref(), Ok(b"<a/>".as_slice()));
    assert!(query.ends_with("&RelayState=r%2B1&login_hint=a%20b%26c"));
}

#[test]
fn the_page_escapes_what_it_carries() {
    let destination: EndpointUrl = "https://idp.example/sso?a=1&b='2'".parse().expect("a URL");
    let html = post(sent(&destination, "\"><script>")).html();
    assert!(html.contains("action=\"https://idp.example/sso?a=1&amp;b=&#39;2&#39;\""));
    assert!(html.contains("value=\"&quot;&gt;&lt;script&gt;\""));
    assert!(!html.contains("onload"));
    assert_eq!(post(sent(&destination, "r")).form_action(), "https://idp.example");
}
