//! What judging one answer costs, against the floor: base64, hashing and one RSA verification of the same document,
//! measured in the same run. Prints one `ratio` line a case.

use std::hint::black_box;
use std::time::{Duration, Instant};

use entra_sso::mapping::Mapping;
use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::testing::{ReceivedRequest, TestIdp, TestKey, TestResponse, TestSigning};
use entra_sso::{PostedResponse, ReplayCache, ServiceProvider, UnixTime, danger};
use ring::{digest, signature};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// `cargo bench` measures; with `--test` each case runs once, to see that it works; with `--profile CASE` that case runs
/// fifty times and nothing is timed, for a profiler that counts instructions.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let once = arguments.iter().any(|argument| argument == "--test");
    let profiled = arguments.iter().skip_while(|argument| *argument != "--profile").nth(1);
    let sp = sp();
    for (name, groups, change) in cases() {
        let idp = TestIdp::new().with_groups(groups);
        let answer = change(idp.respond(&request(&sp), NOW));
        let form = answer.form();
        let verifications = if name == "both" { 2 } else { 1 };
        let floor = Floor::of(&answer.xml(), verifications);
        let judge = || judge(&sp, &form);
        if let Some(profiled) = profiled {
            if profiled == name {
                (0..50).for_each(|_| assert_eq!(black_box(judge()), !name.starts_with("refused")));
            }
            continue;
        }
        judge(); // what is made once is no cost of a login
        let count = allocation_counter::measure(|| {
            black_box(judge());
        });
        let rounds = if once { 1 } else { 4000 };
        let (floor, ours) = medians(rounds, || floor.run(), judge);
        println!(
            "ratio judge/{name} {:.2}  ({:.1} us against {:.1} us; {} bytes of XML, {} allocations, {} bytes allocated)",
            ours.as_secs_f64() / floor.as_secs_f64(),
            micros(ours),
            micros(floor),
            answer.xml().len(),
            count.count_total,
            count.bytes_total,
        );
    }
}

type Change = fn(TestResponse) -> TestResponse;

fn cases() -> Vec<(&'static str, usize, Change)> {
    vec![
        ("entra", 0, |answer| answer),
        ("groups150", 150, |answer| answer),
        ("both", 0, |answer| answer.signing(TestSigning::Both)),
        ("refused_expired", 0, |answer| answer.conditions(None, Some(NOW.minus(Duration::from_secs(600))))),
        ("refused_wrong_key", 0, |answer| answer.key(TestKey::Other)),
        ("refused_unsigned", 0, |answer| answer.signing(TestSigning::Neither)),
    ]
}

fn sp() -> ServiceProvider {
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, TestIdp::new().identity_provider(NOW).expect("metadata"))
}

const REQUEST_ID: &str = "_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

fn request(sp: &ServiceProvider) -> ReceivedRequest {
    let started = sp.start_login(entra_sso::ReturnTo::default(), NOW, &entra_sso::SystemRandom::default());
    let mut received = ReceivedRequest::from_outgoing(&started.expect("a login").outgoing).expect("a request");
    received.id = REQUEST_ID.to_owned();
    received
}

/// From the body of the request to the mapped user.
#[inline(never)] // a name for profilers
fn judge(sp: &ServiceProvider, form: &[u8]) -> bool {
    let posted = PostedResponse::from_form(form).expect("a form");
    let pending = danger::captured_login(sp, REQUEST_ID, NOW);
    let mapping = mapping();
    let login = sp.finish_login(pending, &posted, NOW, &Always);
    login.is_ok_and(|login| mapping.apply(login.claims()).is_ok())
}

fn mapping() -> &'static Mapping {
    static MAPPING: std::sync::OnceLock<Mapping> = std::sync::OnceLock::new();
    MAPPING.get_or_init(Mapping::entra)
}

/// Forgets at once, so that the same answer can be judged again.
#[derive(Debug)]
struct Always;

impl ReplayCache for Always {
    fn claim(&self, _: &ReplayKey, _: UnixTime, _: UnixTime) -> Result<(), ClaimError> {
        Ok(())
    }
}

/// The work that nobody can leave out.
struct Floor {
    base64: String,
    element: Vec<u8>,
    info: Vec<u8>,
    key: Vec<u8>,
    signature: Vec<u8>,
    verifications: usize,
}

impl Floor {
    fn of(xml: &str, verifications: usize) -> Self {
        let pair = ring::rsa::KeyPair::from_pkcs8(include_bytes!("../src/testing/idp.key.der")).expect("a key");
        let start = xml.find("<Assertion").unwrap_or(0);
        let element = xml.as_bytes().get(start..).unwrap_or_default().to_vec();
        let info = vec![b'x'; 800]; // what Entra's SignedInfo comes to
        let mut signature = vec![0; pair.public().modulus_len()];
        let rng = ring::rand::SystemRandom::new();
        pair.sign(&signature::RSA_PKCS1_SHA256, &rng, &info, &mut signature).expect("a signature");
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, xml);
        Self { base64, element, info, key: pair.public().as_ref().to_vec(), signature, verifications }
    }

    fn run(&self) -> bool {
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &self.base64);
        black_box(decoded.is_ok());
        (0..self.verifications).all(|_| {
            black_box(digest::digest(&digest::SHA256, &self.element));
            let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
            let key = signature::UnparsedPublicKey::new(algorithm, &self.key);
            key.verify(&self.info, &self.signature).is_ok()
        })
    }
}

/// The median time of each, taken in turns, so that both see the same machine.
fn medians(rounds: usize, mut one: impl FnMut() -> bool, mut other: impl FnMut() -> bool) -> (Duration, Duration) {
    let time = |work: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    };
    let (mut ones, mut others): (Vec<_>, Vec<_>) = (0..rounds).map(|_| (time(&mut one), time(&mut other))).unzip();
    let middle = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times.get(rounds / 2).copied().unwrap_or_default()
    };
    (middle(&mut ones), middle(&mut others))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
