//! No bytes of anybody's are a login, in the body of a form or as a message.
#![no_main]

use std::sync::LazyLock;

use entra_sso::testing::TestIdp;
use entra_sso::{PostedResponse, ServiceProvider, UnixTime, danger};
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

static SP: LazyLock<ServiceProvider> = LazyLock::new(|| {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), idp)
});

fuzz_target!(|bytes: &[u8]| {
    let sp = &*SP;
    let text = String::from_utf8_lossy(bytes);
    let ways = [PostedResponse::from_form(bytes), PostedResponse::from_fields(&text, Some(&text))];
    for posted in ways.into_iter().flatten() {
        let pending = danger::captured_login(sp, "_request", NOW);
        if let Err(error) = sp.judge_login(pending, &posted, NOW) {
            assert!(!error.to_string().contains('\n') && !error.code().is_empty());
            continue;
        }
        panic!("somebody signed in without a signature");
    }
});
