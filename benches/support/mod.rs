//! What the benchmarks share: an agreement, an answer to judge, the floor, and a median.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::aead;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey};
use entra_sso::mapping::Mapping;
use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::testing::{ReceivedRequest, TestIdp};
use entra_sso::{PostedResponse, ReplayCache, ServiceProvider, UnixTime, danger};
use ring::{digest, signature};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

pub(crate) fn sp() -> ServiceProvider {
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, TestIdp::new().identity_provider(NOW).expect("metadata"))
}

pub(crate) const REQUEST_ID: &str = "_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

pub(crate) fn request(sp: &ServiceProvider) -> ReceivedRequest {
    let started = sp.start_login(entra_sso::ReturnTo::default(), NOW, &entra_sso::SystemRandom::default());
    let mut received = ReceivedRequest::from_outgoing(&started.expect("a login").outgoing).expect("a request");
    received.id = REQUEST_ID.to_owned();
    received
}

/// From the body of the request to the mapped user.
#[inline(never)] // a name for profilers
pub(crate) fn judge(sp: &ServiceProvider, form: &[u8]) -> bool {
    let Ok(posted) = PostedResponse::from_form(form) else { return false };
    let pending = danger::captured_login(sp, REQUEST_ID, NOW);
    let mapping = mapping();
    let login = sp.finish_login(pending, &posted, NOW, &Always);
    login.is_ok_and(|login| mapping.apply(login.claims()).is_ok())
}

pub(crate) fn mapping() -> &'static Mapping {
    static MAPPING: std::sync::OnceLock<Mapping> = std::sync::OnceLock::new();
    MAPPING.get_or_init(Mapping::entra)
}

/// Forgets at once, so that the same answer can be judged again.
#[derive(Debug)]
pub(crate) struct Always;

impl ReplayCache for Always {
    fn claim(&self, _: &ReplayKey, _: UnixTime, _: UnixTime) -> Result<(), ClaimError> {
        Ok(())
    }
}

/// The work that nobody can leave out: base64, and for each signature the hash of what it signs and one verification. For
/// what is encrypted, one RSA operation with the private key, AES, and base64 once more.
pub(crate) struct Floor {
    base64: String,
    /// What is signed, without the signature in it.
    signed: Vec<String>,
    info: Vec<u8>,
    key: Vec<u8>,
    signature: Vec<u8>,
    encrypted: Option<Encrypted>,
}

struct Encrypted {
    key: OaepPrivateDecryptingKey,
    wrapped: Vec<u8>,
    content_key: aead::LessSafeKey,
    base64: String,
}

impl Floor {
    pub(crate) fn of(xml: &str) -> Self {
        let pair = ring::rsa::KeyPair::from_pkcs8(include_bytes!("../../src/testing/idp.key.der")).expect("a key");
        let info = vec![b'x'; 800]; // what Entra's SignedInfo comes to
        let mut signature = vec![0; pair.public().modulus_len()];
        let rng = ring::rand::SystemRandom::new();
        pair.sign(&signature::RSA_PKCS1_SHA256, &rng, &info, &mut signature).expect("a signature");
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, xml);
        let (before, assertion) = xml.split_at(xml.find("<Assertion").expect("an assertion"));
        let assertion = assertion.split_inclusive("</Assertion>").next().expect("its end");
        let mut signed = vec![without_signature(assertion)];
        if before.contains("<Signature") {
            signed.push(without_signature(xml));
        }
        Self { base64, signed, info, key: pair.public().as_ref().to_vec(), signature, encrypted: None }
    }

    /// The same for the message `xml`, in which the assertion is encrypted. AES-GCM stands for CBC, too, which is slower.
    pub(crate) fn encrypted_as(mut self, xml: &str) -> Self {
        let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let key = PrivateDecryptingKey::from_pkcs8(include_bytes!("../../src/testing/sp.key.der")).expect("a key");
        let public = OaepPublicEncryptingKey::new(key.public_key()).expect("its public half");
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&OAEP_SHA1_MGF1SHA1, &[7; 32], &mut wrapped, None).expect("a content key");
        let content_key = aead::UnboundKey::new(&aead::AES_256_GCM, &[7; 32]).expect("a content key");
        let content_key = aead::LessSafeKey::new(content_key);
        let mut content = self.signed.concat().into_bytes();
        let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
        content_key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut content).expect("a ciphertext");
        let key = OaepPrivateDecryptingKey::new(key).expect("a key");
        self.base64 = encode(xml.as_bytes());
        self.encrypted = Some(Encrypted { key, wrapped, content_key, base64: encode(&content) });
        self
    }

    pub(crate) fn run(&self) -> bool {
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &self.base64);
        black_box(decoded.is_ok());
        if let Some(Encrypted { key, wrapped, content_key, base64 }) = &self.encrypted {
            let mut out = vec![0; key.min_output_size()];
            assert!(key.decrypt(&OAEP_SHA1_MGF1SHA1, wrapped, &mut out, None).is_ok());
            let content = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64);
            let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
            assert!(content_key.open_in_place(nonce, aead::Aad::empty(), &mut content.expect("base64")).is_ok());
        }
        self.signed.iter().all(|signed| {
            black_box(digest::digest(&digest::SHA256, signed.as_bytes()));
            let algorithm = &signature::RSA_PKCS1_2048_8192_SHA256;
            let key = signature::UnparsedPublicKey::new(algorithm, &self.key);
            key.verify(&self.info, &self.signature).is_ok()
        })
    }
}

fn without_signature(element: &str) -> String {
    let (before, rest) = element.split_once("<Signature ").unwrap_or((element, ""));
    before.to_owned() + rest.split_once("</Signature>").map_or("", |(_, after)| after)
}

/// The median time of each, taken in turns, so that both see the same machine.
pub(crate) fn medians(
    rounds: usize, mut one: impl FnMut() -> bool, mut other: impl FnMut() -> bool,
) -> (Duration, Duration) {
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

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
