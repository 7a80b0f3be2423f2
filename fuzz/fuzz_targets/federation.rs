//! Connections are put in, changed, refreshed and taken out in any order: every lookup finds what stands, and an answer signs
//! in only where its own key is trusted.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::tenants::{ConnectionState, Fetched, Refresh, Settings, Tenants, Trust, UnsolicitedPolicy};
use entra_sso::testing::{TestIdp, TestKey};
use entra_sso::{EntityId, PostedResponse, ReplayCache, TenantId, UnixTime};
use libfuzzer_sys::fuzz_target;

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const KEYS: [TestKey; 2] = [TestKey::Idp, TestKey::Other];
const NAMES: [&str; 3] = ["a", "b", "c"];
const DOMAINS: [&str; 3] = ["a.example", "b.example", "c.example"];

/// Remembers nothing, so that an answer can be tried again and again.
#[derive(Debug)]
struct Always;

impl ReplayCache for Always {
    fn claim(&self, _: &ReplayKey, _: UnixTime, _: UnixTime) -> Result<(), ClaimError> {
        Ok(())
    }
}

/// Metadata of two identity providers, each with either key, both, or none, and with a date or without.
static DOCUMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for tenant in ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"] {
        for keys in [&KEYS[..1], &KEYS[1..], &KEYS[..], &[]] {
            for dates in [
                "",
                "validUntil=\"2027-01-16T00:00:00Z\"",
                "validUntil=\"2027-01-17T00:00:00Z\" cacheDuration=\"PT5M\"",
            ] {
                all.push(TestIdp::of_tenant(tenant).publishing(keys).with_metadata_attributes(dates).metadata());
            }
        }
    }
    all
});

/// Unsolicited answers for each connection's own address, by each identity provider and key.
static ANSWERS: LazyLock<Vec<(usize, usize, TestKey, PostedResponse)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (name, id) in NAMES.iter().enumerate() {
        for (number, tenant) in
            ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"].iter().enumerate()
        {
            for key in KEYS {
                let (acs, audience) =
                    (format!("https://app.example/saml/acs/{id}"), format!("https://app.example/saml/metadata/{id}"));
                let answer = TestIdp::of_tenant(tenant).signing_with(key).unsolicited(&acs, &audience, START);
                all.push((name, number, key, answer.posted()));
            }
        }
    }
    all
});

fn id(number: u8) -> TenantId {
    NAMES[usize::from(number) % 3].parse().expect("an ID")
}

fn issuer(number: usize) -> EntityId {
    format!("https://sts.windows.net/00000000-0000-4000-8000-00000000000{}/", ["a", "b"][number % 2])
        .parse()
        .expect("a name")
}

fuzz_target!(|steps: &[u8]| {
    let tenants = Tenants::at(&"https://app.example/saml".parse().expect("a URL"), Arc::new(Always));
    let mut tickets: Vec<Refresh> = Vec::new();
    let mut now = START;
    for step in steps.chunks_exact(3).take(200) {
        let [operation, first, second] = *step else { return };
        match operation % 8 {
            0 | 1 => {
                let trust = match second % 4 {
                    0 | 1 => Trust::MetadataUrl {
                        url: format!("https://idp.example/{}", second % 2).parse().expect("a URL"),
                        entity_id: None,
                    },
                    2 => Trust::MetadataXml {
                        xml: DOCUMENTS[usize::from(second) % DOCUMENTS.len()].clone(),
                        entity_id: None,
                    },
                    _ => Trust::MetadataUrl {
                        url: "https://idp.example/".parse().expect("a URL"),
                        entity_id: Some(issuer(first.into())),
                    },
                };
                let mut settings = Settings::new(id(first), trust);
                settings.state = [ConnectionState::Live, ConnectionState::Test, ConnectionState::Disabled]
                    [usize::from(first / 3) % 3];
                settings.listed = first & 64 != 0;
                settings.unsolicited = UnsolicitedPolicy::Accept;
                settings.verified_domains = (0..3)
                    .filter(|bit| (second >> 4) & (1 << bit) != 0)
                    .map(|bit| DOMAINS[bit].parse().expect("a domain"))
                    .collect();
                let _ = tenants.put(settings, now);
            }
            2 => drop(tenants.remove(&id(first))),
            3 => {
                let state =
                    [ConnectionState::Live, ConnectionState::Test, ConnectionState::Disabled][usize::from(second) % 3];
                let _ = tenants.set_state(&id(first), state);
            }
            4 => now = now.plus(Duration::from_secs(u64::from(first) * 60)),
            5 => tickets.extend(tenants.due(now)),
            6 if !tickets.is_empty() => {
                let ticket = tickets.swap_remove(usize::from(first) % tickets.len());
                let document = &DOCUMENTS[usize::from(second) % DOCUMENTS.len()];
                let fetched = if second == 255 { Fetched::NotModified } else { Fetched::document(document.as_str()) };
                let _ = tenants.install(ticket, fetched, now);
            }
            _ => {
                let (name, number, key, posted) = &ANSWERS[usize::from(first) % ANSWERS.len()];
                let known = tenants.get(&id(u8::try_from(*name).expect("small")));
                let trusted = known.as_ref().and_then(|known| known.identity_provider()).is_some_and(|idp| {
                    idp.entity_id() == &issuer(*number) && idp.certificates().contains(&key.certificate())
                });
                let may = known.is_some_and(|known| known.state() != ConnectionState::Disabled);
                let taken =
                    tenants.finish_unsolicited(Some(&id(u8::try_from(*name).expect("small"))), posted, now).is_ok();
                assert!(!taken || (trusted && may), "taken without trust");
            }
        }
        check(&tenants);
    }
});

/// Every index says what the connections say.
fn check(tenants: &Tenants) {
    let all: Vec<_> = tenants.iter().collect();
    assert!(all.len() <= 3);
    let mut domains = BTreeMap::new();
    for connection in &all {
        for domain in connection.settings().verified_domains.iter().collect::<std::collections::BTreeSet<_>>() {
            assert!(domains.insert(domain.clone(), connection.id().clone()).is_none(), "one domain, two connections");
        }
    }
    for domain in DOMAINS {
        let found = tenants.by_email(&format!("x@{domain}")).map(|found| found.id().clone());
        let wanted = domains.get(&domain.parse().expect("a domain")).filter(|id| {
            all.iter().any(|connection| connection.id() == *id && connection.state() == ConnectionState::Live)
        });
        assert_eq!(found.as_ref(), wanted);
    }
    for number in 0..2 {
        let mut found: Vec<_> = tenants.by_issuer(&issuer(number)).iter().map(|found| found.id().clone()).collect();
        let of = |connection: &&Arc<entra_sso::tenants::Connection>| {
            let named = match &connection.settings().trust {
                Trust::MetadataUrl { entity_id, .. } => entity_id.as_ref(),
                _ => None,
            };
            connection.identity_provider().map(|idp| idp.entity_id()).or(named) == Some(&issuer(number))
        };
        let mut wanted: Vec<_> = all.iter().filter(of).map(|connection| connection.id().clone()).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }
    assert!(tenants.next_due().is_none() || !all.is_empty());
}
