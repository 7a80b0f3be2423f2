//! Without the feature `encryption` there is no key that decrypts, so what needs one cannot be reached.

use super::{Cipher, KeyTransport};

#[derive(Debug)]
pub(crate) enum DecryptionKey {}

impl DecryptionKey {
    pub(crate) fn takes(&self, _: &[u8]) -> bool {
        match *self {}
    }

    pub(crate) fn unwrap_key(&self, _: KeyTransport, _: &[u8]) -> Option<Vec<u8>> {
        match *self {}
    }
}

pub(crate) fn decrypt(_: Cipher, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    None
}

pub(crate) fn random_key(_: usize) -> Option<Vec<u8>> {
    None
}
