//! The key, the dates and the thumbprints of an X.509 certificate.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use x509_parser::der_parser::asn1_rs::FromDer;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{DigestMethod, KeyKind, PublicKey, digest};
use crate::encoding::{Quoted, base64_decode, base64_encode, hex};
use crate::ids::InvalidId;
use crate::time::{UnixTime, Validity};

/// A certificate that an administrator or trusted metadata named.
///
/// Only its key is trusted, and only because somebody pinned it. There is no chain to build: Entra signs with
/// self-signed certificates without extensions, and a public authority's word would not make a key that of the identity
/// provider (CVE-2015-1796).
///
/// Cloning is cheap: clones share one copy.
#[derive(Clone, Eq, PartialEq)]
pub struct Certificate(Arc<Parts>);

#[derive(Eq, PartialEq)]
struct Parts {
    der: Box<[u8]>,
    key: PublicKey,
    not_before: UnixTime,
    not_after: UnixTime,
    sha1: Box<str>,
    sha256: Box<str>,
    subject: Quoted,
}

/// Larger than any certificate that signs SAML; Entra's have 750 bytes.
const CERTIFICATE_LIMIT: usize = 16 * 1024;

/// More than any file that somebody pastes; Entra knows two or three keys at a time.
const MAX_CERTIFICATES: usize = 64;

texts! {
    pub fn code;
    /// Why the input is no certificate or key that can be used.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum CertificateError {
        /// There is no certificate in the input.
        #[error("the input holds no certificate: neither PEM, nor base64, nor DER")]
        NoCertificate = "certificate.missing";
        /// There are this many where one is wanted.
        #[error("the input holds {0} certificates where one is wanted")]
        Several(usize) = "certificate.several";
        /// The input is or holds a private key, which has no business where a certificate is wanted.
        #[error("the input holds a private key where a certificate is wanted")]
        IsPrivateKey = "certificate.is_private_key";
        /// Not an X.509 certificate in DER, or bytes follow it.
        #[error("the certificate cannot be read as X.509")]
        Malformed = "certificate.malformed";
        /// The certificate with this name has a key of this kind, which is not used here.
        #[error("the certificate {0} has a key of a kind that is not supported: {1}")]
        UnsupportedKey(Quoted, Quoted) = "certificate.unsupported_key";
        /// The certificate with this name has an unsafe key of so many bits (NIST SP 800-131A; Bleichenbacher 2006).
        #[error("the RSA key of {0} is unsafe: {1} bits; 2048 to 8192 and an odd exponent of 65537 or more are wanted")]
        WeakKey(Quoted, usize) = "certificate.weak_key";
        /// Not an RSA private key that can be used.
        #[error("the input is not an unencrypted RSA private key of 2048 to 4096 bits in PKCS#8 or PKCS#1")]
        PrivateKey = "certificate.invalid_private_key";
    }
}

impl Certificate {
    /// Reads one certificate, as people paste it: PEM with any wrapping and any text around it, bare base64, or DER.
    ///
    /// # Errors
    /// When there is none, or more than one, or its key cannot be used.
    pub fn parse(input: &[u8]) -> Result<Self, CertificateError> {
        let mut all = Self::parse_all(input)?;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Ok(only),
            (_, others) => Err(CertificateError::Several(others + 1)),
        }
    }

    /// As [`parse`](Self::parse), for a file that holds several.
    ///
    /// # Errors
    /// When there is none, or one of them cannot be used.
    pub fn parse_all(input: &[u8]) -> Result<Vec<Self>, CertificateError> {
        if input.len() > CERTIFICATE_LIMIT * MAX_CERTIFICATES {
            return Err(CertificateError::Malformed);
        }
        let text = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
        // DER begins with a SEQUENCE of more than 127 bytes, which is no UTF-8.
        let Ok(text) = std::str::from_utf8(text) else {
            return Self::from_der(input).map(|one| vec![one]);
        };
        if text.contains("PRIVATE KEY-----") {
            return Err(CertificateError::IsPrivateKey);
        }
        let blocks: Vec<&str> = certificate_blocks(text).take(MAX_CERTIFICATES).collect();
        match blocks.is_empty() {
            false => blocks.into_iter().map(Self::from_base64).collect(),
            true if text.trim().is_empty() => Err(CertificateError::NoCertificate),
            true => match Self::from_base64(text) {
                Err(CertificateError::Malformed) if !text.trim_start().starts_with("MI") => {
                    Err(CertificateError::NoCertificate)
                }
                other => other.map(|one| vec![one]),
            },
        }
    }

    /// Reads base64, as metadata has it: with or without line breaks, some with PEM armour inside.
    pub(crate) fn from_base64(text: &str) -> Result<Self, CertificateError> {
        let body = certificate_blocks(text).next().unwrap_or(text);
        // Copied out of terminals and wikis it has no-break spaces and escaped line breaks.
        let body: Cow<'_, str> = match body.contains(['\u{a0}', '\\']) {
            true => body.replace('\u{a0}', " ").replace("\\r", "").replace("\\n", "").into(),
            false => body.into(),
        };
        let der = base64_decode(&*body, CERTIFICATE_LIMIT).map_err(|_| CertificateError::Malformed)?;
        Self::from_der(&der)
    }

    /// Reads DER.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = match X509Certificate::from_der(der) {
            Ok(([], parsed)) if der.len() <= CERTIFICATE_LIMIT => parsed,
            _ => return Err(CertificateError::Malformed),
        };
        let subject = Quoted::new(&parsed.subject().to_string());
        let seconds = |time: i64| u64::try_from(time).map(UnixTime::from_secs);
        let validity = parsed.validity();
        let parts = Parts {
            der: der.into(),
            key: public_key(parsed.public_key(), &subject)?,
            not_before: seconds(validity.not_before.timestamp()).unwrap_or_default(),
            not_after: seconds(validity.not_after.timestamp()).map_err(|_| CertificateError::Malformed)?,
            sha1: thumbprint(DigestMethod::Sha1, der),
            sha256: thumbprint(DigestMethod::Sha256, der),
            subject,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Reads base64 if what it holds has one of these fingerprints; nothing else of it is looked at.
    pub(crate) fn from_base64_if(text: &str, pinned: &[Fingerprint]) -> Option<Self> {
        let der = base64_decode(text, CERTIFICATE_LIMIT).ok()?;
        pinned.contains(&Fingerprint(thumbprint(DigestMethod::Sha256, &der))).then(|| Self::from_der(&der).ok())?
    }

    getters! {
        /// SHA-1 of the certificate, 40 hexadecimal digits in upper case, as the Entra admin center shows it under
        /// *Thumbprint*. For display and search only: nothing is trusted by it.
        pub fn thumbprint_sha1(&self) -> &str { &self.0.sha1 }
        /// SHA-256 of the certificate, 64 hexadecimal digits in upper case.
        pub fn thumbprint_sha256(&self) -> &str { &self.0.sha256 }
        /// The first second at which it is valid.
        pub fn not_before(&self) -> UnixTime { self.0.not_before }
        /// The last second at which it is valid.
        pub fn not_after(&self) -> UnixTime { self.0.not_after }
        /// Whom it names, for display.
        pub fn subject(&self) -> &str { self.0.subject.as_ref() }
        /// The certificate in DER.
        pub fn der(&self) -> &[u8] { &self.0.der }
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.0.key
    }

    pub(crate) fn to_base64(&self) -> String {
        base64_encode(&self.0.der)
    }

    /// RFC 5280 4.1.2.5: `notAfter` is the last second inside, so the end is one second later.
    pub(crate) fn validity(&self) -> Validity {
        let end = self.0.not_after.plus(std::time::Duration::from_secs(1));
        Validity { not_before: Some(self.0.not_before), not_on_or_after: Some(end) }
    }
}

/// Written as base64 of the DER, read as [`Certificate::parse`] does.
#[cfg(feature = "serde")]
impl serde::Serialize for Certificate {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.to_base64())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Certificate {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str> as serde::Deserialize>::deserialize(from)?;
        Self::parse(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// Prints the subject, the dates and the thumbprint.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.0.subject)
            .field("not_after", &self.0.not_after.to_string())
            .field("thumbprint_sha256", &self.0.sha256)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a certificate: enough to trust its key by, when the message brings the certificate itself.
///
/// Read from 64 hexadecimal digits as tools print them: in any case, with or without colons, with or without
/// `sha256 Fingerprint=` in front. The 40 digits that the Entra admin center shows under *Thumbprint* are SHA-1, for which
/// collisions are practical, and are refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint(Box<str>);

impl FromStr for Fingerprint {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = |reason| InvalidId { expected: "Fingerprint", found: Quoted::new(text), reason };
        let digits = text.rsplit('=').next().unwrap_or_default().trim().replace(':', "").to_ascii_uppercase();
        match digits.len() {
            _ if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err(invalid("it holds more than hexadecimal digits and colons"))
            }
            64 => Ok(Self(digits.into())),
            40 => Err(invalid("SHA-1 is no basis for trust; use SHA-256, or the certificate itself")),
            _ => Err(invalid("64 hexadecimal digits are wanted")),
        }
    }
}

crate::shorthand::serde_as_text!(Fingerprint);

/// Written as 64 hexadecimal digits in upper case.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn thumbprint(method: DigestMethod, der: &[u8]) -> Box<str> {
    hex(digest(method, der).as_ref()).to_ascii_uppercase().into()
}

/// SHA-256 thumbprint of a certificate that a message encloses, to tell an administrator who signed it. Nothing is read
/// from it.
pub(crate) fn thumbprint_of_base64(text: &str) -> Option<Box<str>> {
    base64_decode(text, CERTIFICATE_LIMIT).ok().map(|der| thumbprint(DigestMethod::Sha256, &der))
}

/// Label and body of what stands between armour lines (RFC 7468), whatever stands around them.
fn pem_blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        Some((label, rest.split_once("-----END ")?.0))
    })
}

/// The DER of a private key, out of PEM or as it is.
pub(super) fn private_key_der(input: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let text = std::str::from_utf8(input).unwrap_or_default();
    match pem_blocks(text).next() {
        Some(("PRIVATE KEY" | "RSA PRIVATE KEY", body)) => {
            base64_decode(body, input.len()).map_err(|_| CertificateError::PrivateKey)
        }
        _ => Ok(input.to_vec()),
    }
}

fn certificate_blocks(text: &str) -> impl Iterator<Item = &str> {
    pem_blocks(text).filter_map(|(label, body)| {
        matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE").then_some(body)
    })
}

fn public_key(spki: &SubjectPublicKeyInfo<'_>, subject: &Quoted) -> Result<PublicKey, CertificateError> {
    let unsupported = |kind: &str| CertificateError::UnsupportedKey(subject.clone(), Quoted::new(kind));
    let bytes: &[u8] = &spki.subject_public_key.data;
    let algorithm = &spki.algorithm.algorithm;
    let curve = || spki.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let kind = match algorithm {
        found if *found == oid::OID_PKCS1_RSAENCRYPTION => rsa_key(spki, subject)?,
        found if *found == oid::OID_KEY_TYPE_EC_PUBLIC_KEY => match (curve(), bytes.len()) {
            (Some(curve), 65) if curve == oid::OID_EC_P256 => KeyKind::P256,
            (Some(curve), 97) if curve == oid::OID_NIST_EC_P384 => KeyKind::P384,
            (curve, _) => {
                let name = curve.map_or_else(|| "without a name".into(), |oid| oid.to_id_string());
                return Err(unsupported(&format!("curve {name}")));
            }
        },
        found if *found == oid::OID_SIG_ED25519 && bytes.len() == 32 => KeyKind::Ed25519,
        found => return Err(unsupported(&found.to_id_string())),
    };
    Ok(PublicKey { kind, bytes: bytes.into() })
}

fn rsa_key(spki: &SubjectPublicKeyInfo<'_>, subject: &Quoted) -> Result<KeyKind, CertificateError> {
    let Ok(x509_parser::public_key::PublicKey::RSA(key)) = spki.parsed() else {
        return Err(CertificateError::Malformed);
    };
    let modulus = key.modulus.iter().skip_while(|byte| **byte == 0);
    let bits = modulus
        .clone()
        .next()
        .map_or(0, |first| modulus.count() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0));
    let safe_exponent = key.try_exponent().is_ok_and(|e| e >= 65_537 && e % 2 == 1);
    match (2048..=8192).contains(&bits) && safe_exponent {
        true => Ok(KeyKind::Rsa),
        false => Err(CertificateError::WeakKey(subject.clone(), bits)),
    }
}
