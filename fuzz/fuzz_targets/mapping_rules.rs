//! A file of rules is taken or refused, and what is taken can be applied to a person.
#![no_main]

use std::sync::LazyLock;

use entra_sso::mapping::Mapping;
use entra_sso::{Login, PostedResponse};
use entra_sso_fuzz::{ANSWERS, encode, judge};
use libfuzzer_sys::fuzz_target;

static ADA: LazyLock<Login> = LazyLock::new(|| {
    let posted = PostedResponse::from_fields(&encode(&ANSWERS[0]), None).expect("a form");
    judge(&posted).expect("a login")
});

fuzz_target!(|text: &str| {
    let Ok(mapping) = toml::from_str::<Mapping>(text) else { return };
    match mapping.apply(ADA.claims()) {
        Ok(mapped) => assert_eq!(mapping.apply(ADA.claims()).as_ref(), Ok(&mapped)),
        Err(error) => assert!(!error.to_string().contains("Lovelace")),
    }
});
