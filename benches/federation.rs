//! Many customers: what one takes in memory, what it costs to find one among a hundred thousand, and whether logins notice
//! that others' settings and keys are changed meanwhile.

#![expect(clippy::indexing_slicing, reason = "indices are taken modulo the length")]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use entra_sso::tenants::{ConnectionState, Fetched, Settings, Tenants, Trust};
use entra_sso::testing::{TestIdp, TestKey};
use entra_sso::{AuthnRequest, EntityId, ReturnTo, SystemRandom, TenantId};
use support::{Always, NOW, judge, sp};

fn settings(number: usize, trust: Trust) -> Settings {
    let mut settings = Settings::new(id(number), trust);
    settings.state = ConnectionState::Live;
    settings.verified_domains = vec![format!("customer-{number}.example").parse().expect("a domain")];
    settings
}

fn id(number: usize) -> TenantId {
    format!("customer-{number}").parse().expect("an ID")
}

fn issuer(number: usize) -> EntityId {
    format!("https://sts.windows.net/{number:08}-0000-4000-8000-000000000000/").parse().expect("a name")
}

fn nobody() -> Tenants {
    Tenants::at(&"https://app.example/saml".parse().expect("a URL"), Arc::new(Always))
}

/// Certificates of one key each, but a document of its own: read anew for everybody, as it is in life.
fn by_url(tenants: &Tenants, number: usize, metadata: &str) {
    let url = format!("https://login.microsoftonline.com/{number}/metadata.xml").parse().expect("a URL");
    tenants.put(settings(number, Trust::MetadataUrl { url, entity_id: None }), NOW).expect("good settings");
    let ticket = tenants.due(NOW).pop().expect("a ticket");
    tenants.install(ticket, Fetched::document(metadata), NOW).expect("metadata");
}

fn by_hand(tenants: &Tenants, number: usize) {
    let trust = Trust::ByHand {
        entity_id: issuer(number),
        sso_url: "https://login.microsoftonline.com/saml2".parse().expect("a URL"),
        slo_url: None,
        certificates: vec![TestKey::Idp.certificate()],
        fingerprints: Vec::new(),
    };
    tenants.put(settings(number, trust), NOW).expect("good settings");
}

/// Nanoseconds for each of so many calls.
fn each(count: usize, mut call: impl FnMut(usize)) -> u64 {
    let begun = Instant::now();
    (0..count).for_each(&mut call);
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::try_from(count).unwrap_or(1).max(1)
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if is_test { &[10] } else { &[10, 1000, 100_000] };
    for &size in sizes {
        let mut tenants = nobody();
        let (mut put, begun) = (0, resident());
        let memory = allocation_counter::measure(|| {
            let begun = Instant::now();
            (0..size).for_each(|number| by_hand(&tenants, number));
            put = begun.elapsed().as_micros();
        });
        let of_each = |sum: u64| sum / u64::try_from(size).unwrap_or(1);
        println!(
            "federation {size} connections by hand: {} bytes each (resident {} kB more), {} us to put one in",
            of_each(u64::try_from(memory.bytes_current).unwrap_or_default()),
            resident().saturating_sub(begun),
            of_each(u64::try_from(put).unwrap_or_default()),
        );
        // Far enough apart that no cache helps.
        let at = |step: usize| step * 7919 % size;
        let calls = if is_test { 10 } else { 200_000 };
        let names: Vec<_> = (0..size).map(|number| (id(number), issuer(number))).collect();
        let by_id = each(calls, |step| drop(black_box(tenants.get(&names[at(step)].0))));
        let by_issuer = each(calls, |step| drop(black_box(tenants.by_issuer(&names[at(step)].1))));
        let addresses: Vec<_> = (0..size).map(|number| format!("ada@customer-{number}.example")).collect();
        let by_email = each(calls, |step| drop(black_box(tenants.by_email(&addresses[at(step)]))));
        println!("federation {size} connections: by ID {by_id} ns, by issuer {by_issuer} ns, by e-mail {by_email} ns");
        let metadata = TestIdp::new().metadata();
        tenants = nobody();
        let memory = allocation_counter::measure(|| {
            (0..size.min(1000)).for_each(|number| by_url(&tenants, number, &metadata));
        });
        let each = u64::try_from(memory.bytes_current).unwrap_or_default() / u64::try_from(size.min(1000)).unwrap_or(1);
        println!("federation {} connections by address, with metadata: {each} bytes each", size.min(1000));
    }
    under_load(if is_test { 100 } else { 100_000 }, Duration::from_millis(if is_test { 20 } else { 3000 }));
}

/// Logins that begin and answers that are judged on one thread, while another one changes nothing, or keys and settings as
/// fast as it can.
fn under_load(size: usize, span: Duration) {
    let tenants = nobody();
    (0..size).for_each(|number| by_hand(&tenants, number));
    let metadata = TestIdp::new().metadata();
    by_url(&tenants, size, &metadata);
    let sp = sp();
    let form = TestIdp::new().respond(&support::request(&sp), NOW).form();
    for changing in [false, true] {
        let (over, changes) = (AtomicBool::new(false), AtomicU64::new(0));
        let (mut logins, mut longest) = (0_u64, Duration::ZERO);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut now = NOW;
                while changing && !over.load(Ordering::Relaxed) {
                    now = now.plus(Duration::from_secs(7200));
                    for ticket in tenants.due(now) {
                        tenants.install(ticket, Fetched::document(metadata.as_str()), now).expect("metadata");
                        changes.fetch_add(1, Ordering::Relaxed);
                    }
                    for number in 0..10 {
                        by_hand(&tenants, number);
                        changes.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
            let (begun, rng) = (Instant::now(), SystemRandom::default());
            while begun.elapsed() < span {
                let before = Instant::now();
                let id = id(usize::try_from(logins).unwrap_or_default() * 7919 % size);
                let started = tenants.start_login(&id, &AuthnRequest::new(), ReturnTo::default(), NOW, &rng);
                assert!(started.is_ok() && judge(&sp, &form));
                longest = longest.max(before.elapsed());
                logins += 1;
            }
            over.store(true, Ordering::Relaxed);
        });
        println!(
            "federation under load: {} logins a second, the longest {} us, beside {} changes a second",
            logins * 1000 / u64::try_from(span.as_millis()).unwrap_or(1),
            longest.as_micros(),
            changes.into_inner() * 1000 / u64::try_from(span.as_millis()).unwrap_or(1),
        );
    }
}

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4
}
