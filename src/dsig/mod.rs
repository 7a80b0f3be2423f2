//! XML signatures in the one shape that SAML allows (SAML Core 5.4).

#[cfg(test)]
#[path = "../../tests/unit/corpus_dsig.rs"]
mod corpus;
#[cfg(feature = "xmlsec")]
mod second_opinion;
mod sign;
mod signed_info;

use std::time::Duration;

pub(crate) use sign::{Placement, SignatureStyle, sign_element};
use signed_info::SignedInfo;

use crate::crypto::{self, Certificate, Fingerprint, digest, thumbprint_of_base64};
use crate::encoding::{Quoted, base64_decode};
use crate::time::UnixTime;
use crate::xml::{Element, XmlError, canonicalize};

/// The namespace of XML Signature.
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Longest signature that an allowed key makes: RSA with 8192 bits.
const SIGNATURE_LIMIT: usize = 1024;

/// The keys of one identity provider, at least one: certificates, and fingerprints of certificates that the message must
/// bring. The message never adds to them: of its `KeyInfo` nothing is read for a verdict but a certificate that was pinned
/// by its SHA-256 (CVE-2023-48703, CVE-2024-32962).
#[derive(Clone, Debug)]
pub(crate) struct TrustedKeys {
    certificates: Vec<Certificate>,
    fingerprints: Vec<Fingerprint>,
}

impl TrustedKeys {
    pub(crate) fn one(certificate: Certificate) -> Self {
        Self { certificates: vec![certificate], fingerprints: Vec::new() }
    }

    pub(crate) fn one_fingerprint(fingerprint: Fingerprint) -> Self {
        Self { certificates: Vec::new(), fingerprints: vec![fingerprint] }
    }

    /// Certificates, and fingerprints of others. `None` if there is not a single key: "no key, so no check" cannot be said
    /// (CVE-2026-28323).
    pub(crate) fn of(certificates: Vec<Certificate>, fingerprints: Vec<Fingerprint>) -> Option<Self> {
        (!certificates.is_empty() || !fingerprints.is_empty()).then_some(Self { certificates, fingerprints })
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub(crate) fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Whether these keys may be those of who holds the key of `signer`. Of a pinned certificate nothing is known but its
    /// fingerprint, and anybody can make another certificate for the same key: nothing speaks against it.
    pub(crate) fn may_hold(&self, signer: &Certificate) -> bool {
        !self.fingerprints.is_empty() || self.certificates.iter().any(|known| known.key() == signer.key())
    }

    /// The enclosed certificate whose fingerprint was pinned, if any was.
    fn enclosed(&self, key_info: Option<Element<'_>>) -> Option<Certificate> {
        let key_info = key_info.filter(|_| !self.fingerprints.is_empty())?;
        let texts = enclosed_certificates(key_info).filter_map(|found| found.text().ok());
        texts.take(MAX_ENCLOSED).find_map(|text| Certificate::from_base64_if(text, &self.fingerprints))
    }

    /// SHA-256 of all that is trusted, for an error.
    fn thumbprints(&self) -> Vec<Box<str>> {
        let certificates = self.certificates.iter().map(|key| key.thumbprint_sha256().into());
        certificates.chain(self.fingerprints.iter().map(|pinned| pinned.to_string().into())).collect()
    }
}

/// More than any chain that is enclosed.
const MAX_ENCLOSED: usize = 8;

fn enclosed_certificates(key_info: Element<'_>) -> impl Iterator<Item = Element<'_>> {
    key_info.descendants().filter(|inner| inner.is(DS, "X509Certificate"))
}

/// What a verifier may accept beyond the rule: by default, nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Leniency {
    /// SHA-1 as signature and digest algorithm. Collisions are practical since 2017.
    pub(crate) sha1: bool,
    /// Certificates outside their dates. Entra goes on signing with an expired one, but its application gallery demands
    /// that it is refused.
    pub(crate) expired_certificates: bool,
}

/// When and how strictly to verify.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) now: UnixTime,
    pub(crate) skew: Duration,
    pub(crate) leniency: Leniency,
}

/// The octets that a trusted key has signed, and which key it was. Only [`verify`] makes one.
///
/// Whoever wants to read a signed element reads these octets anew; nobody goes back to the document that they came
/// from, so there is no other element to be fooled by.
#[derive(Debug)]
pub(crate) struct Signed {
    octets: String,
    certificate: Certificate,
}

impl Signed {
    /// The canonical form of the element, without its signature.
    pub(crate) fn octets(&self) -> &str {
        &self.octets
    }

    /// What was signed in encrypted form, once a key of ours has opened it: an element that these octets hold.
    pub(crate) fn decrypted(mut self, element: Element<'_>) -> Result<Self, DsigError> {
        self.octets.clear();
        canonicalize(element, None, &[], &mut self.octets)?;
        Ok(self)
    }

    /// The certificate of the key that signed.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

texts! {
    pub fn code;
    /// Why no trusted key vouches for the element. Thumbprints are SHA-256, of certificates.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum DsigError {
        /// There is no signature on this element.
        #[error("{0} has no signature")]
        Missing(Quoted) = "saml.signature_missing";
        /// The signature is not of the one shape that SAML allows.
        #[error("the signature has a shape that SAML does not allow: {0}")]
        Shape(#[from] XmlError) = "saml.signature_malformed";
        /// An algorithm that is unknown, unsafe, or has no place in SAML: what it is for, and its URI.
        #[error("the signature names {1} as {0}, which is not allowed")]
        Algorithm(&'static str, Quoted) = "saml.algorithm_not_allowed";
        /// SHA-1, by this URI, which is allowed only where an administrator says so.
        #[error("the signature uses SHA-1 ({0}); SHA-256 is wanted")]
        Sha1(Quoted) = "saml.sha1_not_allowed";
        /// The signature refers to this, not to the element that it stands in by its ID.
        #[error("the signature refers to {0}; it must refer once, to the element that it stands in")]
        Reference(Quoted) = "saml.reference_invalid";
        /// No trusted key made the signature: the thumbprint that the message encloses, which proves nothing, and those
        /// that we trust.
        #[error(
            "the signature was made by a key that is not trusted ({}); trusted are {}",
            offered(.0.as_deref()), .1.join(", ")
        )]
        UnknownKey(Option<Box<str>>, Vec<Box<str>>) = "saml.unknown_signing_key";
        /// Only fingerprints are trusted, these, and a signature in a query encloses no certificate that could have one.
        #[error(
            "the signature stands in a query, which encloses no certificate, and of the trusted ones only fingerprints are \
             known: {}", .0.join(", ")
        )]
        CertificateNeeded(Vec<Box<str>>) = "saml.certificate_needed";
        /// The message encloses the certificate with this thumbprint, which is trusted, but the signature does not verify
        /// with it.
        #[error(
            "the signature is broken, though it claims the trusted key {0}: the message was changed \
             after signing"
        )]
        BadSignature(Box<str>) = "saml.signature_invalid";
        /// A trusted key made the signature, but its certificate is outside its dates: the thumbprint, the first and last
        /// second of its validity, and when it was judged.
        #[error("the signature was made with the certificate {0}, which is valid from {1} to {2}; it is {3}")]
        CertificateNotValid(Box<str>, UnixTime, UnixTime, UnixTime) = "saml.certificate_not_valid";
        /// The signature is good, but this element is not what was signed.
        #[error("{0} was changed after it was signed")]
        DigestMismatch(Quoted) = "saml.digest_mismatch";
        /// We accept the signature on this element, and libxmlsec1, which is asked as well (feature `xmlsec`), does not:
        /// what it says.
        #[error("libxmlsec1 does not confirm the signature of {0}, which we accept: {1}")]
        SecondOpinion(Quoted, &'static str) = "saml.second_opinion";
    }
}

fn offered(thumbprint: Option<&str>) -> String {
    thumbprint.map_or_else(|| "it encloses no certificate".into(), |print| format!("it encloses {print}"))
}

/// The signature that is a direct child of `element`, if there is one.
pub(crate) fn signature_of(element: Element<'_>) -> Option<Element<'_>> {
    element.elements().find(|child| child.is(DS, "Signature"))
}

/// Verifies the signature that stands directly inside `element`, and returns what it signs: the element without that
/// signature.
///
/// First the key, then the digest: nothing is hashed for somebody without a key (XML Signature best practices 2.1).
/// Both steps are here, so that neither can be left out (CVE-2026-49454).
pub(crate) fn verify(element: Element<'_>, keys: &TrustedKeys, policy: &Policy) -> Result<Signed, DsigError> {
    let signature = signature_of(element).ok_or_else(|| DsigError::Missing(element.quoted()))?;
    let mut parts = signature.children()?;
    let info_element = parts.one(DS, "SignedInfo")?;
    let value = parts.one(DS, "SignatureValue")?;
    let key_info = parts.optional(DS, "KeyInfo");
    // No Object: it is where a moved original finds shelter (signature wrapping, variants 1 and 6).
    parts.end()?;

    let info = SignedInfo::read(info_element, element, policy.leniency)?;
    let signature_value = base64_decode(value.text()?, SIGNATURE_LIMIT)
        .map_err(|_| value.invalid("base64Binary of at most 1024 bytes"))?;
    let mut octets = String::new();
    canonicalize(info_element, None, &info.own_prefixes, &mut octets)?;
    let enclosed = keys.enclosed(key_info);
    let candidates = keys.certificates.iter().chain(&enclosed);
    let certificate = signer(info.method, octets.as_bytes(), &signature_value, candidates, policy)
        .ok_or_else(|| nobody(keys, key_info))?;
    in_date(certificate, policy)?;

    octets.clear();
    canonicalize(element, Some(signature), &info.prefixes, &mut octets)?;
    // Both digests are public, so the time that comparing takes tells nothing.
    if digest(info.digest_method, octets.as_bytes()).as_ref() != info.digest {
        return Err(DsigError::DigestMismatch(element.quoted()));
    }
    #[cfg(feature = "xmlsec")]
    second_opinion::must_agree(element, key_info, &info, certificate)?;
    Ok(Signed { octets, certificate: certificate.clone() })
}

/// Verifies a signature that travels beside what it signs (SAML Bindings 3.4.4.1): over `octets` exactly as they came.
/// What was signed is what `read` makes of these octets, and of nothing else.
pub(crate) fn verify_detached(
    octets: &[u8], algorithm: &str, signature: &[u8], keys: &TrustedKeys, policy: &Policy,
    read: impl FnOnce(&[u8]) -> Option<String>,
) -> Result<Signed, DsigError> {
    let method = signed_info::named("signature method", algorithm, policy.leniency)?;
    if keys.certificates.is_empty() {
        return Err(DsigError::CertificateNeeded(keys.thumbprints()));
    }
    let certificate = signer(method, octets, signature, keys.certificates.iter(), policy)
        .ok_or_else(|| DsigError::UnknownKey(None, keys.thumbprints()))?;
    in_date(certificate, policy)?;
    let octets = read(octets).ok_or_else(|| DsigError::Missing(Quoted::new("message")))?;
    Ok(Signed { octets, certificate: certificate.clone() })
}

/// The trusted key that made the signature. The order of the keys means nothing, and of several certificates for the
/// same key, as renewals leave behind, one that is in its dates is taken.
fn signer<'k>(
    method: crypto::SignatureMethod, message: &[u8], signature: &[u8], keys: impl Iterator<Item = &'k Certificate>,
    policy: &Policy,
) -> Option<&'k Certificate> {
    let made_it = |key: &&Certificate| crypto::verify(method, key.key(), message, signature);
    let mut all = keys.filter(made_it);
    let first = all.next()?;
    std::iter::once(first).chain(all).find(|key| in_date(key, policy).is_ok()).or(Some(first))
}

/// Tells an administrator whether a key changed or a message did. The certificate in the message is looked at only
/// here, after the verdict, and only for its thumbprint.
fn nobody(keys: &TrustedKeys, key_info: Option<Element<'_>>) -> DsigError {
    let found = key_info
        .and_then(|info| enclosed_certificates(info).next())
        .and_then(|certificate| certificate.text().ok())
        .and_then(thumbprint_of_base64);
    let trusted = keys.thumbprints();
    match found {
        Some(thumbprint) if trusted.contains(&thumbprint) => DsigError::BadSignature(thumbprint),
        found => DsigError::UnknownKey(found, trusted),
    }
}

fn in_date(certificate: &Certificate, policy: &Policy) -> Result<(), DsigError> {
    let now = policy.now;
    match certificate.validity().must_hold_at(now, policy.skew) {
        Err(_) if !policy.leniency.expired_certificates => {
            let (start, end) = (certificate.not_before(), certificate.not_after());
            let thumbprint = certificate.thumbprint_sha256().into();
            Err(DsigError::CertificateNotValid(thumbprint, start, end, now))
        }
        _ => Ok(()),
    }
}
