//! A file of rules is taken or refused, and what is taken can be applied.
#![no_main]

use entra_sso::mapping::Mapping;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = toml::from_str::<Mapping>(text);
});
