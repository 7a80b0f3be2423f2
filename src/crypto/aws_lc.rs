//! Decryption (feature `encryption`): the only file that names aws-lc-rs.

use ::aws_lc_rs::encoding::AsDer as _;
use ::aws_lc_rs::rsa::{self, OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use ::aws_lc_rs::signature::KeyPair as _;
use ::aws_lc_rs::{aead, cipher};

use super::certificate::private_key_der;
use super::{CertificateError, Cipher, KeyKind, KeyTransport, PublicKey};

/// An RSA key of ours that opens what was encrypted to us, by RSA-OAEP.
///
/// `Debug` prints no part of it, and it cannot be cloned or serialized. Let it be another key than the one that signs.
pub struct DecryptionKey {
    key: PrivateDecryptingKey,
    public: PublicKey,
}

impl DecryptionKey {
    /// Reads PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`), as PEM or DER. The key must have 2048 to
    /// 4096 bits.
    ///
    /// # Errors
    /// When it is no such key, or is encrypted.
    pub fn parse(input: &[u8]) -> Result<Self, CertificateError> {
        let der = private_key_der(input)?;
        let pair = rsa::KeyPair::from_pkcs8(&der).or_else(|_| rsa::KeyPair::from_der(&der)).ok();
        let key = pair.as_ref().and_then(|pair| PrivateDecryptingKey::from_pkcs8(pair.as_der().ok()?.as_ref()).ok());
        match (pair, key) {
            (Some(pair), Some(key)) if (2048..=4096).contains(&key.key_size_bits()) => {
                Ok(Self { key, public: PublicKey { kind: KeyKind::Rsa, bytes: pair.public_key().as_ref().into() } })
            }
            _ => Err(CertificateError::PrivateKey),
        }
    }

    /// The public half, as `RSAPublicKey` in DER.
    pub(crate) fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Whether this can have been encrypted to it, by its length: which anybody can see.
    pub(crate) fn takes(&self, wrapped: &[u8]) -> bool {
        wrapped.len() == self.key.key_size_bytes()
    }

    /// The content key that was encrypted to this key, if one was.
    pub(crate) fn unwrap_key(&self, transport: KeyTransport, wrapped: &[u8]) -> Option<Vec<u8>> {
        let key = OaepPrivateDecryptingKey::new(self.key.clone()).ok()?;
        let mut out = vec![0; key.min_output_size()];
        let length = key.decrypt(oaep(transport), wrapped, &mut out, None).ok()?.len();
        out.truncate(length);
        Some(out)
    }

    /// Encrypts a content key to this key, as whoever has its certificate can.
    #[cfg(feature = "testing")]
    pub(crate) fn wrap_key(&self, transport: KeyTransport, content_key: &[u8]) -> Option<Vec<u8>> {
        let key = rsa::OaepPublicEncryptingKey::new(self.key.public_key()).ok()?;
        let mut out = vec![0; key.ciphertext_size()];
        key.encrypt(oaep(transport), content_key, &mut out, None).ok()?;
        Some(out)
    }
}

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecryptionKey([redacted])")
    }
}

fn oaep(transport: KeyTransport) -> &'static OaepAlgorithm {
    match transport {
        KeyTransport::OaepSha1 => &rsa::OAEP_SHA1_MGF1SHA1,
        KeyTransport::OaepSha256 => &rsa::OAEP_SHA256_MGF1SHA256,
    }
}

/// AES in the one mode or the other.
enum Mode {
    Gcm(&'static aead::Algorithm),
    Cbc(&'static cipher::Algorithm),
}

fn mode(cipher: Cipher) -> Mode {
    match cipher {
        Cipher::Aes128Gcm => Mode::Gcm(&aead::AES_128_GCM),
        Cipher::Aes192Gcm => Mode::Gcm(&aead::AES_192_GCM),
        Cipher::Aes256Gcm => Mode::Gcm(&aead::AES_256_GCM),
        Cipher::Aes128Cbc => Mode::Cbc(&cipher::AES_128),
        Cipher::Aes192Cbc => Mode::Cbc(&cipher::AES_192),
        Cipher::Aes256Cbc => Mode::Cbc(&cipher::AES_256),
    }
}

/// Decrypts content with a key of the right length. GCM says whether it is what the holder of the key encrypted; CBC
/// says nothing.
pub(crate) fn decrypt(cipher: Cipher, key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    match mode(cipher) {
        Mode::Gcm(algorithm) => {
            // XML Encryption 1.1, 5.2.4: a nonce of 96 bits in front, a tag of 128 behind.
            let (nonce, body) = content.split_first_chunk()?;
            let (mut body, nonce) = (body.to_vec(), aead::Nonce::assume_unique_for_key(*nonce));
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?);
            let length = key.open_in_place(nonce, aead::Aad::empty(), &mut body).ok()?.len();
            body.truncate(length);
            Some(body)
        }
        Mode::Cbc(algorithm) => {
            let (iv, body) = content.split_first_chunk::<16>()?;
            let (mut body, iv) = (body.to_vec(), cipher::DecryptionContext::Iv128(iv.into()));
            let key = cipher::UnboundCipherKey::new(algorithm, key).and_then(cipher::DecryptingKey::cbc).ok()?;
            key.decrypt(&mut body, iv).ok()?;
            remove_padding(&mut body);
            Some(body)
        }
    }
}

/// XML Encryption 5.2.1: the last byte says how many to drop, and the others may be anything. To refuse another count
/// here would take less time than to read what was decrypted; so that is put off, by a byte with which no document ends.
fn remove_padding(body: &mut Vec<u8>) {
    match body.last() {
        Some(count @ 1..=16) => body.truncate(body.len().saturating_sub((*count).into())),
        _ => body.push(b'<'),
    }
}

/// A content key that nobody knows, in the place of one that could not be unwrapped.
pub(crate) fn random_key(length: usize) -> Option<Vec<u8>> {
    let mut key = vec![0; length];
    ::aws_lc_rs::rand::fill(&mut key).ok().map(|()| key)
}

/// Encrypts content; for CBC, with its padding already there.
#[cfg(feature = "testing")]
pub(crate) fn encrypt(cipher: Cipher, key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let mut body = content.to_vec();
    match mode(cipher) {
        Mode::Gcm(algorithm) => {
            let mut nonce = [0; aead::NONCE_LEN];
            ::aws_lc_rs::rand::fill(&mut nonce).ok()?;
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?);
            let used = aead::Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(used, aead::Aad::empty(), &mut body).ok()?;
            Some([nonce.as_slice(), &body].concat())
        }
        Mode::Cbc(algorithm) => {
            let key = cipher::UnboundCipherKey::new(algorithm, key).and_then(cipher::EncryptingKey::cbc).ok()?;
            let context = key.encrypt(&mut body).ok()?;
            let iv: &[u8] = (&context).try_into().ok()?;
            Some([iv, &body].concat())
        }
    }
}
