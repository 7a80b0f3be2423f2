//! A query is nobody's login and leads nowhere else; what we write into one, an identity provider reads back.
#![no_main]

use std::sync::LazyLock;

use entra_sso::http::{HttpRequest, Outcome, Routes};
use entra_sso::testing::{ReceivedRequest, TestIdp};
use entra_sso::{AuthnRequest, CookieKey, MemoryReplayCache, ReturnTo, ServiceProvider, SystemRandom};
use entra_sso_fuzz::{NOW, SP};
use libfuzzer_sys::fuzz_target;

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    let sp = ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), idp);
    Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::with_capacity(16))
});

static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::default);

struct Get<'a>(&'static str, &'a str);

impl HttpRequest for Get<'_> {
    fn method(&self) -> &str {
        "GET"
    }
    fn path(&self) -> &str {
        self.0
    }
    fn query(&self) -> Option<&str> {
        Some(self.1)
    }
    fn header(&self, name: &str) -> Vec<&[u8]> {
        if name == "cookie" { vec![self.1.as_bytes()] } else { Vec::new() }
    }
    fn body(&self) -> &[u8] {
        self.1.as_bytes()
    }
}

fuzz_target!(|text: &str| {
    if let Some(received) = ReceivedRequest::from_query(text) {
        assert!(received.xml.len() <= 256 * 1024);
    }
    for path in ["/saml/login", "/saml/acs", "/saml/metadata"] {
        let response = match ROUTES.handle_at(&Get(path, text), NOW, &*RANDOM) {
            Outcome::Respond(response) => response,
            Outcome::Refused(error, response) => {
                assert!(!error.to_string().contains(char::is_control));
                response
            }
            other => panic!("nobody signed in: {other:?}"),
        };
        for (name, value) in &response.headers {
            assert!(!value.contains(|c: char| c.is_control() || !c.is_ascii()), "{name}");
            assert!(
                *name != "location"
                    || value.starts_with("https://login.microsoftonline.com/")
                    || value.starts_with('/')
            );
        }
    }
    if let Ok(path) = text.parse::<ReturnTo>() {
        assert!(path.as_ref().starts_with('/') && !path.as_ref().starts_with("//"));
    }
    let request = AuthnRequest::new().login_hint(text).domain_hint(text).provider_name(text);
    let started = SP.start_login_with(&request, ReturnTo::default(), NOW, &*RANDOM).expect("a request");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("what we write can be read");
    assert_eq!(received.id, started.pending.request_id().as_ref());
});
