//! An encrypted answer whose plaintext, ciphertext or structure an attacker has changed names the same person or nobody.
#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::PostedResponse;
use entra_sso::testing::{TestEncryption, TestKey};
use entra_sso_fuzz::{ANSWERS, DECRYPTING, ENCRYPTED, edit, encode, judge_by};
use libfuzzer_sys::fuzz_target;

/// The answer that is signed inside only, before and behind its assertion, and the assertion.
static PARTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    let (before, rest) = ANSWERS[0].split_once("<Assertion ").expect("an assertion");
    let (assertion, after) = rest.split_once("</Assertion>").expect("its end");
    [before.to_owned(), after.to_owned(), format!("<Assertion {assertion}</Assertion>")]
});

fuzz_target!(|script: &[u8]| {
    let [kind, which, script @ ..] = script else { return };
    let xml = match kind % 4 {
        // What was encrypted, by whoever has the certificate.
        0 => hide(*which, &edit(PARTS[2].clone(), script)),
        1 => hide(*which, &String::from_utf8_lossy(script)),
        // The ciphertext.
        2 => flip(&ENCRYPTED[usize::from(*which) % ENCRYPTED.len()], script),
        // The message.
        _ => edit(ENCRYPTED[usize::from(*which) % ENCRYPTED.len()].clone(), script),
    };
    if let Ok(posted) = PostedResponse::from_fields(&encode(xml), None) {
        judge_by(&DECRYPTING, &posted);
    }
});

fn hide(which: u8, plaintext: &str) -> String {
    let mode = if which % 2 == 0 { "2009/xmlenc11#aes128-gcm" } else { "2001/04/xmlenc#aes256-cbc" };
    let how = TestEncryption::new(TestKey::ServiceProvider).content(&format!("http://www.w3.org/{mode}"));
    let [before, after, _] = &*PARTS;
    [before, how.encrypt("EncryptedAssertion", plaintext).as_str(), after].concat()
}

/// Changes bytes of the content: each three bytes of the script say where, and by what.
fn flip(xml: &str, script: &[u8]) -> String {
    let values = xml.split("<xenc:CipherValue>").skip(1).filter_map(|rest| rest.split_once('<'));
    let content = values.map(|(value, _)| value).max_by_key(|value| value.len()).expect("a ciphertext");
    let mut bytes = STANDARD.decode(content).expect("base64");
    for step in script.chunks_exact(3) {
        let at = usize::from(step[0]) * 256 + usize::from(step[1]);
        let length = bytes.len();
        bytes[at % length] ^= step[2];
    }
    xml.replacen(content, &STANDARD.encode(bytes), 1)
}
