//! Algorithms as values. `ring.rs` is the only file that names the backend, `aws_lc.rs` the one for decryption.

#[cfg(feature = "encryption")]
mod aws_lc;
mod certificate;
#[cfg(not(feature = "encryption"))]
mod no_decryption;
mod ring;

#[cfg(feature = "encryption")]
pub use aws_lc::DecryptionKey;
#[cfg(all(feature = "encryption", feature = "testing"))]
pub(crate) use aws_lc::encrypt;
#[cfg(feature = "encryption")]
pub(crate) use aws_lc::{decrypt, random_key};
pub(crate) use certificate::thumbprint_of_base64;
pub use certificate::{Certificate, CertificateError, Fingerprint};
#[cfg(not(feature = "encryption"))]
pub(crate) use no_decryption::{DecryptionKey, decrypt, random_key};
pub(crate) use ring::{SealingKey, digest, verify};
pub use ring::{SigningKey, SystemRandom};

/// Fills bytes that nobody can guess.
pub trait SecureRandom: std::fmt::Debug + Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system had no randomness to give.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("the operating system has no randomness to give")]
#[non_exhaustive]
pub struct NoRandomness;

/// A method of signing or digesting, and the exact URI that names it.
pub(crate) trait Method: Copy + PartialEq + 'static {
    const ALL: &'static [(Self, &'static str)];
    const SHA1: Self;

    fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == uri).map(|(method, _)| *method)
    }

    fn uri(self) -> &'static str {
        Self::ALL.iter().find(|(method, _)| *method == self).map_or("", |(_, uri)| uri)
    }
}

/// How a message is signed (`SignatureMethod`). HMAC has no variant, so a public key can never be taken for a secret
/// one (CVE-2018-7644, CVE-2025-48994); DSA has none because nobody needs it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureMethod {
    RsaSha1,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    RsaPssSha256,
    RsaPssSha384,
    RsaPssSha512,
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    Ed25519,
}

/// RFC 9231 and XML Signature 1.1.
impl Method for SignatureMethod {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::RsaSha256, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        (Self::RsaSha384, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"),
        (Self::RsaSha512, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"),
        (Self::RsaPssSha256, "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
        (Self::RsaPssSha384, "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1"),
        (Self::RsaPssSha512, "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1"),
        (Self::EcdsaP256Sha256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
        (Self::EcdsaP384Sha384, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
        (Self::Ed25519, "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"),
        (Self::RsaSha1, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
    ];
    const SHA1: Self = Self::RsaSha1;
}

/// How bytes are digested (`DigestMethod`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DigestMethod {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// XML Encryption 5.8 and RFC 9231 2.1.
impl Method for DigestMethod {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Sha256, "http://www.w3.org/2001/04/xmlenc#sha256"),
        (Self::Sha384, "http://www.w3.org/2001/04/xmldsig-more#sha384"),
        (Self::Sha512, "http://www.w3.org/2001/04/xmlenc#sha512"),
        (Self::Sha1, "http://www.w3.org/2000/09/xmldsig#sha1"),
    ];
    const SHA1: Self = Self::Sha1;
}

/// How content is encrypted (XML Encryption 1.1, 5.2). What has no variant has no code here: no Triple DES.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cipher {
    Aes128Gcm,
    Aes192Gcm,
    Aes256Gcm,
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
}

impl Cipher {
    /// With the URIs that name them, the best first.
    pub(crate) const ALL: &'static [(Self, &'static str)] = &[
        (Self::Aes256Gcm, "http://www.w3.org/2009/xmlenc11#aes256-gcm"),
        (Self::Aes192Gcm, "http://www.w3.org/2009/xmlenc11#aes192-gcm"),
        (Self::Aes128Gcm, "http://www.w3.org/2009/xmlenc11#aes128-gcm"),
        (Self::Aes256Cbc, "http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        (Self::Aes192Cbc, "http://www.w3.org/2001/04/xmlenc#aes192-cbc"),
        (Self::Aes128Cbc, "http://www.w3.org/2001/04/xmlenc#aes128-cbc"),
    ];

    pub(crate) const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc => 16,
            Self::Aes192Gcm | Self::Aes192Cbc => 24,
            Self::Aes256Gcm | Self::Aes256Cbc => 32,
        }
    }

    /// Whether what was changed on the way does not decrypt at all.
    pub(crate) const fn is_authenticated(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm)
    }
}

/// How the key of the content is encrypted to ours: RSA-OAEP, by its digest, which MGF1 shares. RSA of PKCS#1 v1.5 has no
/// variant (Bleichenbacher 1998; Jager, Schinzel and Somorovsky 2012).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyTransport {
    OaepSha1,
    OaepSha256,
}

/// SHA-256, for names of ours that no standard asks for.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest(DigestMethod::Sha256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Half of it: as hard to hit by another text as any key of 128 bits is to guess, and short enough for a cookie.
pub(crate) fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(sha256(bytes)).for_each(|(to, from)| *to = from);
    out
}

/// What a public key can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A public key in the form that the backend takes: `RSAPublicKey` in DER, an uncompressed point, or 32 bytes of
/// Ed25519.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PublicKey {
    pub(crate) kind: KeyKind,
    pub(crate) bytes: Box<[u8]>,
}

#[cfg(test)]
#[path = "../../tests/unit/crypto.rs"]
mod tests;
