//! A canonical form is its own canonical form, of the whole document and of any element in it, whatever prefixes are
//! listed.
#![no_main]

use entra_sso::inside::canonical;
use libfuzzer_sys::fuzz_target;

const LISTS: &[&[&str]] =
    &[&[], &["#default"], &["a"], &["a", "b", "#default"], &["samlp", "xs", "xsi"], &["xml", "a"]];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, document)) = bytes.split_first() else { return };
    let (apex, list) = (usize::from(choice >> 3), LISTS[usize::from(choice & 7) % LISTS.len()]);
    let Ok(octets) = canonical(document, apex, list) else { return };
    assert!(!octets.is_empty() && octets.len() <= 4 * 256 * 1024 + document.len());
    if octets.len() <= 256 * 1024 {
        assert_eq!(canonical(octets.as_bytes(), 0, list).as_deref(), Ok(&*octets));
        let plain = canonical(octets.as_bytes(), 0, &[]);
        assert_eq!(plain, canonical(document, apex, &[]), "a list moves declarations and changes nothing else");
    }
});
