//! What the parts of a login cost, and what stands beside it: metadata, requests, cookies, the replay cache.

mod support;

use std::hint::black_box;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use divan::Bencher;
use entra_sso::inside::{Parsed, replay_key};
use entra_sso::redis::RedisReplayCache;
use entra_sso::sp::{ReplayKey, Service};
use entra_sso::testing::{TestIdp, TestKey};
use entra_sso::{
    CookieKey, IdentityProvider, MemoryReplayCache, MetadataTrust, PendingLogin, PostedResponse, ReplayCache, ReturnTo,
    ServiceProvider, SystemRandom, UnixTime, danger,
};
use ring::digest;
use support::{NOW, REQUEST_ID, request, sp};

fn main() {
    divan::main();
}

/// The message, and its assertion in canonical form.
struct Message {
    form: Vec<u8>,
    xml: String,
    assertion: usize,
    octets: String,
}

impl Message {
    fn with_groups(groups: usize) -> Self {
        let answer = TestIdp::new().with_groups(groups).respond(&request(&sp()), NOW);
        let xml = answer.xml();
        let before = xml.split("<Assertion").next().expect("what stands before it");
        let assertion = before.matches('<').count() - before.matches("</").count();
        let octets = Parsed::new(xml.as_bytes()).expect("XML").canonical(assertion, &[]).expect("octets");
        assert!(octets.starts_with("<Assertion"));
        Self { form: answer.form(), xml, assertion, octets }
    }
}

static ENTRA: LazyLock<Message> = LazyLock::new(|| Message::with_groups(0));
static GROUPS: LazyLock<Message> = LazyLock::new(|| Message::with_groups(150));

fn message(name: &str) -> &'static Message {
    if name == "entra" { &ENTRA } else { &GROUPS }
}

const MESSAGES: [&str; 2] = ["entra", "groups150"];

#[divan::bench(args = MESSAGES)]
fn form_to_bytes(bencher: Bencher<'_, '_>, name: &str) {
    let message = message(name);
    bencher.bench(|| PostedResponse::from_form(black_box(&message.form)).is_ok());
}

#[divan::bench(args = MESSAGES)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let message = message(name);
    bencher.bench(|| Parsed::new(black_box(message.xml.as_bytes())).is_ok());
}

#[divan::bench(args = MESSAGES)]
fn canonicalize(bencher: Bencher<'_, '_>, name: &str) {
    let message = message(name);
    let parsed = Parsed::new(message.xml.as_bytes()).expect("XML");
    bencher.bench_local(|| black_box(&parsed).canonical(message.assertion, &[]).is_ok());
}

#[divan::bench(args = MESSAGES)]
fn digest_octets(bencher: Bencher<'_, '_>, name: &str) {
    let message = message(name);
    bencher.bench(|| digest::digest(&digest::SHA256, black_box(message.octets.as_bytes())));
}

#[divan::bench(args = MESSAGES)]
fn parse_again(bencher: Bencher<'_, '_>, name: &str) {
    let message = message(name);
    bencher.bench(|| Parsed::new(black_box(message.octets.as_bytes())).is_ok());
}

/// As large as Entra's, which lists the claims that it can send.
#[divan::bench]
fn metadata_of_20_kb(bencher: Bencher<'_, '_>) {
    let claims: String = (0..60)
        .map(|at| format!("<auth:ClaimType xmlns:auth=\"urn:auth\" Uri=\"urn:claim:{at}\"><auth:DisplayName>A claim</auth:DisplayName><auth:Description>What it says of a person in the directory.</auth:Description></auth:ClaimType>"))
        .collect();
    let xml = TestIdp::new().metadata().replacen(
        "<KeyDescriptor",
        &format!("<fed:ClaimTypesOffered>{claims}</fed:ClaimTypesOffered><KeyDescriptor"),
        1,
    );
    assert!((15_000..25_000).contains(&xml.len()), "{}", xml.len());
    let read = || IdentityProvider::from_metadata(xml.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW);
    assert!(read().is_ok());
    bencher.bench(|| read().is_ok());
}

fn start(sp: &ServiceProvider) -> PendingLogin {
    sp.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login").pending
}

#[divan::bench]
fn request_by_redirect(bencher: Bencher<'_, '_>) {
    let sp = sp();
    bencher.bench(|| start(&sp));
}

#[divan::bench]
fn request_by_redirect_signed(bencher: Bencher<'_, '_>) {
    let service = Service::new().with_signing_key(TestKey::Idp.signing_key(), TestKey::Idp.certificate());
    let sp = sp().with_service(service.expect("a pair")).signing_requests();
    bencher.bench(|| start(&sp));
}

#[divan::bench]
fn cookie_seal(bencher: Bencher<'_, '_>) {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    bencher
        .with_inputs(|| danger::captured_login(&sp, REQUEST_ID, NOW))
        .bench_values(|pending| pending.into_cookie(&key, &SystemRandom::default()).is_ok());
}

#[divan::bench]
fn cookie_open(bencher: Bencher<'_, '_>) {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    let pending = start(&sp);
    let relay_state = pending.relay_state().clone();
    let cookie = pending.into_cookie(&key, &SystemRandom::default()).expect("a cookie").into_string();
    let header = cookie.split(';').next().expect("a pair");
    let open = || PendingLogin::from_cookies(header, Some(&relay_state), &key, NOW);
    assert!(open().is_ok());
    bencher.bench(|| open().is_ok());
}

/// Keys to claim again and again: time moves so that each is forgotten before its turn comes.
static KEYS: LazyLock<Vec<ReplayKey>> = LazyLock::new(|| {
    let (sp, idp) = (sp(), TestIdp::new());
    let request = request(&sp);
    let key = |at| {
        let posted = idp.respond(&request, NOW).id(&format!("{at}")).posted();
        let pending = danger::captured_login(&sp, REQUEST_ID, NOW);
        sp.judge_login(pending, &posted, NOW).expect("a login").replay_key().clone()
    };
    (0..512).map(key).collect()
});

#[divan::bench(threads = [1, 2, 8])]
fn replay_claim(bencher: Bencher<'_, '_>) {
    let cache = MemoryReplayCache::default();
    let (keys, turn, taken) = (&*KEYS, AtomicU64::new(0), AtomicUsize::new(0));
    bencher.bench(|| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let key = keys.get(usize::try_from(turn).unwrap_or(0) % keys.len()).expect("a key");
        let now = NOW.plus(Duration::from_millis(turn));
        let claimed = cache.claim(key, now.plus(Duration::from_millis(200)), now).is_ok();
        taken.fetch_add(usize::from(claimed), Ordering::Relaxed);
    });
    assert!(taken.into_inner() > 0, "no key was ever free");
}

/// As above, of a Redis at `REDIS_URL`, whose round trip and whose disk it measures. Without one it says so.
#[divan::bench(threads = [1, 8])]
fn replay_claim_redis(bencher: Bencher<'_, '_>) {
    let Ok(url) = std::env::var("REDIS_URL") else {
        return println!("not measured: REDIS_URL is not set");
    };
    let cache = RedisReplayCache::new(&url).expect("an address").with_prefix("entra-sso-bench:");
    let issuer = format!("https://idp.example/{}", UnixTime::now()).parse().expect("an entity ID");
    let (turn, taken) = (AtomicU64::new(0), AtomicU64::new(0));
    bencher.bench(|| {
        let key = replay_key(&issuer, &format!("_{}", turn.fetch_add(1, Ordering::Relaxed))).expect("an ID");
        let now = UnixTime::now();
        let claimed = cache.claim(&key, now.plus(Duration::from_secs(60)), now).is_ok();
        taken.fetch_add(u64::from(claimed), Ordering::Relaxed);
    });
    assert_eq!(taken.into_inner(), turn.into_inner(), "some claims failed");
}
