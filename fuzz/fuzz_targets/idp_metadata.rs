//! Metadata is taken whole or refused with a reason, and never without a key and an endpoint.
#![no_main]

use entra_sso::{MetadataTrust, UnixTime, danger};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let now = UnixTime::from_secs(1_800_000_000);
    match danger::metadata_with_plain_http(None, bytes, MetadataTrust::ConfiguredByAdmin, now) {
        Ok(idp) => assert!(!idp.certificates().is_empty()),
        Err(error) => assert!(error.hint().is_some() && !error.to_string().contains('\n')),
    }
});
