//! The backend: the only file that names ring.

use ::ring::rand::SecureRandom as _;
use ::ring::{aead, digest as hash, rand, rsa, signature};

use super::certificate::private_key_der;
use super::{CertificateError, DigestMethod, KeyKind, NoRandomness, PublicKey, SecureRandom, SignatureMethod};

/// Randomness from the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        rand::SystemRandom::new().fill(bytes).map_err(|_| NoRandomness)
    }
}

/// Hashes `bytes`.
pub(crate) fn digest(method: DigestMethod, bytes: &[u8]) -> impl AsRef<[u8]> + use<> {
    let algorithm = match method {
        DigestMethod::Sha1 => &hash::SHA1_FOR_LEGACY_USE_ONLY,
        DigestMethod::Sha256 => &hash::SHA256,
        DigestMethod::Sha384 => &hash::SHA384,
        DigestMethod::Sha512 => &hash::SHA512,
    };
    hash::digest(algorithm, bytes)
}

/// Whether `key` made `signed` over `message`. A method goes with one kind of key, and a key of another never did: the
/// message does not choose.
pub(crate) fn verify(method: SignatureMethod, key: &PublicKey, message: &[u8], signed: &[u8]) -> bool {
    use SignatureMethod as M;
    let (kind, algorithm): (_, &dyn signature::VerificationAlgorithm) = match method {
        M::RsaSha1 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        M::RsaSha256 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA256),
        M::RsaSha384 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA384),
        M::RsaSha512 => (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA512),
        M::RsaPssSha256 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA256),
        M::RsaPssSha384 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA384),
        M::RsaPssSha512 => (KeyKind::Rsa, &signature::RSA_PSS_2048_8192_SHA512),
        // RFC 9231 2.3.6: r and s of fixed length, end to end; not the ASN.1 of X.509.
        M::EcdsaP256Sha256 => (KeyKind::P256, &signature::ECDSA_P256_SHA256_FIXED),
        M::EcdsaP384Sha384 => (KeyKind::P384, &signature::ECDSA_P384_SHA384_FIXED),
        M::Ed25519 => (KeyKind::Ed25519, &signature::ED25519),
    };
    kind == key.kind && signature::UnparsedPublicKey::new(algorithm, &key.bytes).verify(message, signed).is_ok()
}

/// An RSA key of ours that signs what we send, with RSA-SHA256.
///
/// `Debug` prints no part of it, and it cannot be cloned or serialized.
pub struct SigningKey(rsa::KeyPair);

impl SigningKey {
    /// Reads PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`), as PEM or DER. The key must have 2048 to
    /// 4096 bits.
    ///
    /// # Errors
    /// When it is no such key, or is encrypted.
    pub fn parse(input: &[u8]) -> Result<Self, CertificateError> {
        let der = private_key_der(input)?;
        let key = rsa::KeyPair::from_pkcs8(&der).or_else(|_| rsa::KeyPair::from_der(&der));
        key.map(Self).map_err(|_| CertificateError::PrivateKey)
    }

    /// The public half, as `RSAPublicKey` in DER.
    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey { kind: KeyKind::Rsa, bytes: self.0.public().as_ref().into() }
    }

    /// Signs with RSA-SHA256 (PKCS#1 v1.5), which is deterministic; the randomness only blinds.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let mut out = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&signature::RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut out)
            .map(|()| out)
            .map_err(|_| NoRandomness)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

/// A key for AES-256-GCM. Sealing puts a nonce of 96 bits in front and a tag of 128 bits behind.
pub(crate) struct SealingKey(aead::LessSafeKey);

impl SealingKey {
    pub(crate) fn new(bytes: &[u8; 32]) -> Option<Self> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, bytes).ok()?;
        Some(Self(aead::LessSafeKey::new(key)))
    }

    /// Encrypts `plain` and binds it to `context`. With random nonces a key is good for 2³² cookies (NIST SP 800-38D
    /// 8.3).
    pub(crate) fn seal(&self, rng: &dyn SecureRandom, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let mut nonce = [0; aead::NONCE_LEN];
        rng.fill(&mut nonce)?;
        let mut body = plain.to_vec();
        let used = aead::Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.seal_in_place_append_tag(used, aead::Aad::from(context), &mut body);
        sealed.map(|()| [nonce.as_slice(), &body].concat()).map_err(|_| NoRandomness)
    }

    /// Decrypts what [`seal`](Self::seal) made in the same `context`, and nothing else.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_first_chunk()?;
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let mut body = body.to_vec();
        let plain = self.0.open_in_place(nonce, aead::Aad::from(context), &mut body).ok()?.len();
        body.truncate(plain);
        Some(body)
    }
}
