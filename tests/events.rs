//! What is told of each verdict (feature `tracing`). A program of its own: whether anybody listens is decided once for all
//! threads, and other tests do not listen.
#![expect(clippy::indexing_slicing, reason = "the number of events is compared before")]

use std::sync::{Arc, Mutex};

use entra_sso::saml::NameId;
use entra_sso::tenants::{Addresses, ConnectionState, Settings, Tenants, Trust, UnsolicitedPolicy};
use entra_sso::testing::{ADA, TestIdp, TestLogout, TestResponse};
use entra_sso::{MemoryReplayCache, ReturnTo, ServiceProvider, SystemRandom, UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Begins a login, has the answer made different, and returns the code of the verdict.
fn code(change: impl FnOnce(TestResponse) -> TestResponse) -> &'static str {
    let idp = TestIdp::new();
    let base = "https://app.example/saml".parse().expect("a URL");
    let sp = ServiceProvider::at(&base, idp.identity_provider(NOW).expect("metadata"));
    let started = sp.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let answer = idp.answer(&started.outgoing, NOW).expect("a request");
    let verdict = sp.judge_login(started.pending, &change(answer).posted(), NOW);
    verdict.map_or_else(|error| error.code(), |_| "accepted")
}

/// Has the identity provider ask to end the session of somebody who signed in, and returns the code of the verdict.
fn logout_code(change: impl FnOnce(TestLogout) -> TestLogout) -> &'static str {
    let idp = TestIdp::new();
    let base = "https://app.example/saml".parse().expect("a URL");
    let sp = ServiceProvider::at(&base, idp.identity_provider(NOW).expect("metadata"));
    let handle = format!("{{\"issuer\":\"{}\",\"name_id\":\"ada@contoso.example\"}}", idp.entity_id());
    let handle = serde_json::from_str(&handle).expect("a handle");
    let request = change(idp.logout_request(&handle, sp.single_logout_service(), NOW)).message();
    sp.judge_logout_request(&request, NOW).map_or_else(|error| error.code(), |_| "accepted")
}

/// Has the identity provider of so many connections send somebody to the address that all share, and ask to end a session
/// there; returns the codes.
fn codes_of(connections: &[&str]) -> [&'static str; 2] {
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    let idp = TestIdp::new();
    for name in connections {
        let trust = Trust::MetadataXml { xml: idp.metadata(), entity_id: None };
        let mut settings = Settings::new(name.parse().expect("a name"), trust);
        (settings.state, settings.addresses) = (ConnectionState::Live, Addresses::Shared);
        settings.unsolicited = UnsolicitedPolicy::Accept;
        tenants.put(settings, NOW).expect("good settings");
    }
    let [acs, name, slo] = ["acs", "metadata", "slo"].map(|name| format!("https://app.example/saml/{name}"));
    let tile = idp.unsolicited(&acs, &name, NOW).posted();
    let handle = format!("{{\"issuer\":\"{}\",\"name_id\":\"ada@contoso.example\"}}", idp.entity_id());
    let handle = serde_json::from_str(&handle).expect("a handle");
    let request = idp.logout_request(&handle, &slo.parse().expect("a URL"), NOW).message();
    [
        tenants.judge_unsolicited(None, &tile, NOW).map_or_else(|error| error.code(), |_| "accepted"),
        tenants.judge_logout_request(None, &request, NOW).map_or_else(|error| error.code(), |_| "accepted"),
    ]
}

/// Collects what is said of each verdict.
#[derive(Clone, Debug, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl tracing::field::Visit for Line {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("a list").push(line.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn each_verdict_is_an_event_and_names_nobody() {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), || {
        assert_eq!(code(|answer| answer), "accepted");
        assert_eq!(code(|answer| answer.audience(Some("urn:x"))), "saml.audience_mismatch");
        assert_eq!(logout_code(|request| request.name_id(NameId::new("ada@contoso.example", None))), "accepted");
        assert_eq!(logout_code(|request| request.key(None)), "saml.signature_missing");
        assert_eq!(codes_of(&["contoso"]), ["accepted"; 2]);
        assert_eq!(codes_of(&["contoso", "mallory"]), ["tenant.ambiguous"; 2]);
    });
    let said = listener.0.lock().expect("a list");
    assert_eq!(said.len(), 8, "{said:?}");
    assert!(said[0].starts_with("INFO") && said[0].contains("answer accepted") && said[0].contains("assertion=_"));
    assert!(said[1].starts_with("WARN") && said[1].contains("code=\"saml.audience_mismatch\""), "{said:?}");
    assert!(said[2].starts_with("INFO") && said[2].contains("logout accepted") && said[2].contains("request=_l"));
    assert!(said[3].starts_with("WARN") && said[3].contains("code=\"saml.signature_missing\""), "{said:?}");
    assert!(said[4].starts_with("INFO") && said[4].contains("answer accepted"), "{said:?}");
    assert!(said[5].starts_with("INFO") && said[5].contains("logout accepted"), "{said:?}");
    assert!(said[6].starts_with("WARN") && said[6].contains("answer refused"), "{said:?}");
    assert!(said[7].starts_with("WARN") && said[7].contains("logout refused"), "{said:?}");
    assert!(said.iter().skip(6).all(|line| line.contains("code=\"tenant.ambiguous\"")), "{said:?}");
    assert!(said.iter().all(|line| !line.contains("ada@") && !line.contains("Lovelace") && !line.contains(ADA)));
}
