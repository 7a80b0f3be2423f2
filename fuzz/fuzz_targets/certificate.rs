//! Certificates and keys, however they are pasted, are read or refused.
#![no_main]

use entra_sso::{Certificate, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificates) = Certificate::parse_all(bytes) {
        for certificate in certificates {
            assert_eq!(Certificate::parse(certificate.der()).as_ref(), Ok(&certificate));
        }
    }
    let _ = SigningKey::parse(bytes);
});
