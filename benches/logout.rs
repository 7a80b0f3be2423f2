//! What a logout message costs, against its floor: base64 and one RSA verification over what was signed; for the answer
//! that we send, one RSA signature. Both are measured in the same run. Prints one `ratio` line a case.

mod support;

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::saml::LogoutMessage;
use entra_sso::sp::{LogoutStyle, Service};
use entra_sso::testing::{ReceivedLogout, TestIdp, TestKey, TestLogout};
use entra_sso::{ReturnTo, ServiceProvider, SystemRandom, danger};
use ring::rand::SystemRandom as Random;
use ring::{digest, rsa, signature};
use support::{Always, NOW, medians, micros, sp};

const REQUEST_ID: &str = "_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

fn main() {
    let once = std::env::args().any(|argument| argument == "--test");
    let rounds = if once { 1 } else { 4000 };
    let sp = standard();
    let (request, response) = messages(&sp);
    let (query, form, answer) = (request.query(), request.form(), response.query());
    let unsigned = request.clone().key(None).query();
    let changed = query.replacen("SAMLRequest=", "SAMLRequest=A", 1);

    let judge_query = |query: &str| {
        LogoutMessage::from_query(query).is_ok_and(|message| sp.finish_logout_request(&message, NOW, &Always).is_ok())
    };
    let judge_form = || {
        LogoutMessage::from_form(&form).is_ok_and(|message| sp.finish_logout_request(&message, NOW, &Always).is_ok())
    };
    let judge_answer = || {
        let pending = danger::captured_logout(&sp, REQUEST_ID, NOW);
        LogoutMessage::from_query(&answer).is_ok_and(|message| sp.finish_logout(pending, &message, NOW).is_ok())
    };
    let theirs = LogoutMessage::from_query(&query).expect("a message");
    let theirs = sp.finish_logout_request(&theirs, NOW, &Always).expect("a request");
    let send_answer = || sp.answer_logout(&theirs, true, NOW, &SystemRandom::default()).is_ok();

    let floor = Floor::of(&request.xml());
    let cases: [(_, _, &dyn Fn() -> bool); 5] = [
        ("request_redirect", true, &|| judge_query(&query)),
        ("request_post", true, &judge_form),
        ("response_redirect", true, &judge_answer),
        ("refused_unsigned", false, &|| judge_query(&unsigned)),
        ("refused_changed", false, &|| judge_query(&changed)),
    ];
    for (name, is_good, ours) in cases {
        assert_eq!(ours(), is_good, "{name}");
        print(name, ours, || floor.verify(), rounds);
    }
    assert!(send_answer(), "an answer");
    print("answer_redirect", &send_answer, || floor.sign(), rounds);
}

fn print(name: &str, ours: &dyn Fn() -> bool, floor: impl FnMut() -> bool, rounds: usize) {
    let count = allocation_counter::measure(|| {
        black_box(ours());
    });
    let (floor, ours) = medians(rounds, floor, ours);
    println!(
        "ratio logout/{name} {:.2}  ({:.1} us against {:.1} us; {} allocations)",
        ours.as_secs_f64() / floor.as_secs_f64(),
        micros(ours),
        micros(floor),
        count.count_total,
    );
}

fn standard() -> ServiceProvider {
    let key = TestKey::ServiceProvider;
    let service = Service::new().with_signing_key(key.signing_key(), key.certificate()).expect("a pair");
    sp().with_service(service).with_logout_style(LogoutStyle::Saml)
}

/// A request of the identity provider, and its answer to one of ours.
fn messages(sp: &ServiceProvider) -> (TestLogout, TestLogout) {
    let (idp, slo, rng) = (TestIdp::new(), sp.single_logout_service(), SystemRandom::default());
    let started = sp.start_login(ReturnTo::default(), NOW, &rng).expect("a login");
    let posted = idp.answer(&started.outgoing, NOW).expect("a request").posted();
    let handle = sp.finish_login(started.pending, &posted, NOW, &Always).expect("a login").logout_handle();
    let started = sp.start_logout(&handle, ReturnTo::default(), NOW, &rng).expect("a logout");
    assert!(ReceivedLogout::from_outgoing(&started.outgoing).expect("a message").is_signed);
    let response = idp.logout_response(&started.outgoing, slo, NOW).expect("an answer");
    (idp.logout_request(&handle, slo, NOW), response.in_response_to(Some(REQUEST_ID)))
}

/// What nobody can leave out, by the same key and over as many bytes.
struct Floor {
    base64: String,
    octets: Vec<u8>,
    key: rsa::KeyPair,
    signature: Vec<u8>,
}

impl Floor {
    fn of(xml: &str) -> Self {
        let key = rsa::KeyPair::from_pkcs8(include_bytes!("../src/testing/idp.key.der")).expect("a key");
        let mut signature = vec![0; key.public().modulus_len()];
        let octets = xml.as_bytes().to_vec();
        key.sign(&signature::RSA_PKCS1_SHA256, &Random::new(), &octets, &mut signature).expect("a signature");
        Self { base64: STANDARD.encode(xml), octets, key, signature }
    }

    fn verify(&self) -> bool {
        black_box(STANDARD.decode(&self.base64).is_ok());
        black_box(digest::digest(&digest::SHA256, &self.octets));
        let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
        let key = signature::UnparsedPublicKey::new(algorithm, self.key.public().as_ref());
        key.verify(&self.octets, &self.signature).is_ok()
    }

    fn sign(&self) -> bool {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&signature::RSA_PKCS1_SHA256, &Random::new(), &self.octets, &mut signature).is_ok()
    }
}
