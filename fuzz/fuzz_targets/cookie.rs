//! A cookie that we did not seal is nobody's pending login.
#![no_main]

use entra_sso::{CookieKey, PendingLogin, RelayState, UnixTime};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let relay: RelayState = "AAAAAAAAAAAAAAAAAAAAAA".parse().expect("a relay state");
    let key = CookieKey::new([7; 32]);
    for header in [text.to_owned(), format!("__Host-sso-AAAAAAAAAAAAAAAAAAAAAA={text}")] {
        assert!(PendingLogin::from_cookies(&header, Some(&relay), &key, UnixTime::from_secs(1)).is_err());
    }
});
