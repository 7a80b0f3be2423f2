//! What sealing promises.

use super::*;

#[test]
fn what_is_sealed_opens_only_with_the_same_key_and_context() {
    let key = SealingKey::new(&[1; 32]).expect("32 bytes");
    let other = SealingKey::new(&[2; 32]).expect("32 bytes");
    let sealed = key.seal(&SystemRandom, b"name", b"secret").expect("randomness");
    assert_eq!(key.open(b"name", &sealed).as_deref(), Some(b"secret".as_slice()));
    assert_eq!(key.open(b"other", &sealed), None);
    assert_eq!(other.open(b"name", &sealed), None);
    for at in 0..sealed.len() {
        let mut broken = sealed.clone();
        if let Some(byte) = broken.get_mut(at) {
            *byte ^= 1;
        }
        assert_eq!(key.open(b"name", &broken), None, "byte {at}");
    }
    assert_eq!(key.open(b"name", b"short"), None);
}
