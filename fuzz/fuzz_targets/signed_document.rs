//! A signed answer, taken apart and put together again by an attacker, names the same person or nobody.
#![no_main]

use entra_sso::PostedResponse;
use entra_sso_fuzz::{ANSWERS, edit, encode, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let Some((first, script)) = script.split_first() else { return };
    let xml = edit(ANSWERS[usize::from(*first) % 3].clone(), script);
    if let Ok(posted) = PostedResponse::from_fields(&encode(xml), None) {
        judge(&posted);
    }
});
