//! No bytes of anybody's are a login, as the body of a form, as a field, or as a message, unless they say what was
//! signed.
#![no_main]

use entra_sso::PostedResponse;
use entra_sso_fuzz::{encode, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let ways = [
        PostedResponse::from_form(bytes),
        PostedResponse::from_fields(&text, Some(&text)),
        PostedResponse::from_fields(&encode(bytes), None),
    ];
    for posted in ways.iter().flatten() {
        judge(posted);
    }
});
