//! `SignedInfo` as a type: one reference, two transforms, known algorithms.

use super::{DS, DsigError, Leniency};
use crate::crypto::{DigestMethod, Method, SignatureMethod};
use crate::encoding::{Quoted, XML_SPACE, base64_decode};
use crate::xml::{Element, XmlError};

/// Exclusive canonicalization without comments: the algorithm, and the namespace of its parameter.
pub(super) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// More prefixes than a list has ever had; Okta sends one (`xs`).
const MAX_PREFIXES: usize = 32;

/// What a signature says it signs, and how. Nothing is left to check in it: there is one reference, to the parent,
/// through the enveloped-signature transform and exclusive C14N.
#[derive(Debug)]
pub(super) struct SignedInfo<'d> {
    pub(super) method: SignatureMethod,
    pub(super) digest_method: DigestMethod,
    pub(super) digest: Vec<u8>,
    /// `InclusiveNamespaces` for the canonical form of the signed element.
    pub(super) prefixes: Vec<&'d str>,
    /// `InclusiveNamespaces` for the canonical form of `SignedInfo` itself.
    pub(super) own_prefixes: Vec<&'d str>,
}

impl<'d> SignedInfo<'d> {
    /// Reads `SignedInfo` (XML Signature 4.4) in a signature whose parent is `signed`.
    pub(super) fn read(element: Element<'d>, signed: Element<'d>, leniency: Leniency) -> Result<Self, DsigError> {
        let mut parts = element.children()?;
        let own_prefixes = exclusive_c14n(parts.one(DS, "CanonicalizationMethod")?, "canonicalization")?;
        let method = allowed(parts.one(DS, "SignatureMethod")?, "signature method", leniency)?;
        let reference = parts.one(DS, "Reference")?;
        // A second reference is where other data hide (CVE-2025-29774, CVE-2026-33487).
        parts.end()?;
        refers_to(reference, signed)?;

        let mut parts = reference.children()?;
        let prefixes = transforms(parts.one(DS, "Transforms")?)?;
        let digest_method = allowed(parts.one(DS, "DigestMethod")?, "digest method", leniency)?;
        let value = parts.one(DS, "DigestValue")?;
        parts.end()?;
        let digest = base64_decode(value.text()?, 64).map_err(|_| value.invalid("base64Binary of at most 64 bytes"))?;
        Ok(Self { method, digest_method, digest, prefixes, own_prefixes })
    }
}

/// SAML Core 5.4.2: the one reference is `#` and the ID of the element that holds the signature. Compared, never looked
/// up: so duplicate IDs, `XPointer`s, URLs and files have nobody to resolve them (CVE-2024-8698, CVE-2015-20108).
fn refers_to(reference: Element<'_>, signed: Element<'_>) -> Result<(), DsigError> {
    let uri = reference.attribute("URI");
    let id = signed.required("ID")?;
    match uri.and_then(|uri| uri.strip_prefix('#')) {
        Some(found) if found == id && !id.is_empty() => Ok(()),
        _ => Err(DsigError::Reference(Quoted::new(uri.unwrap_or("nothing")))),
    }
}

/// SAML Core 5.4.4: enveloped-signature, then exclusive C14N; nothing else, in no other order. What is not in this list
/// has no code here: no XSLT, no `XPath` (CVE-2022-47966, GHSA-7mf5-fjj8-mvjc).
fn transforms(element: Element<'_>) -> Result<Vec<&str>, DsigError> {
    let mut parts = element.children()?;
    let enveloped = parts.one(DS, "Transform")?;
    if algorithm(enveloped)? != ENVELOPED {
        return Err(not_allowed("transform", algorithm(enveloped)?));
    }
    enveloped.children()?.end()?;
    let prefixes = exclusive_c14n(parts.one(DS, "Transform")?, "transform")?;
    parts.end()?;
    Ok(prefixes)
}

/// The prefix list of an element that names exclusive C14N.
fn exclusive_c14n<'d>(element: Element<'d>, role: &'static str) -> Result<Vec<&'d str>, DsigError> {
    if algorithm(element)? != EXC_C14N {
        return Err(not_allowed(role, algorithm(element)?));
    }
    let mut parts = element.children()?;
    let list = match parts.optional(EXC_C14N, "InclusiveNamespaces") {
        Some(parameter) => {
            parameter.children()?.end()?;
            parameter.required("PrefixList")?
        }
        None => "",
    };
    parts.end()?;
    let prefixes: Vec<&str> = list.split(XML_SPACE).filter(|name| !name.is_empty()).collect();
    match prefixes.len() <= MAX_PREFIXES {
        true => Ok(prefixes),
        false => Err(XmlError::TooMuch("prefixes", MAX_PREFIXES).into()),
    }
}

/// The method that an element names, if it is known and, where it is SHA-1, allowed. Parameters are refused: no
/// `HMACOutputLength` (CVE-2009-0217).
fn allowed<T: Method>(element: Element<'_>, role: &'static str, leniency: Leniency) -> Result<T, DsigError> {
    element.children()?.end()?;
    named(role, algorithm(element)?, leniency)
}

/// The method of this name, on the same terms.
pub(super) fn named<T: Method>(role: &'static str, uri: &str, leniency: Leniency) -> Result<T, DsigError> {
    match T::from_uri(uri) {
        Some(method) if method == T::SHA1 && !leniency.sha1 => Err(DsigError::Sha1(Quoted::new(uri))),
        Some(method) => Ok(method),
        None => Err(not_allowed(role, uri)),
    }
}

fn algorithm(element: Element<'_>) -> Result<&str, XmlError> {
    element.required("Algorithm")
}

fn not_allowed(role: &'static str, algorithm: &str) -> DsigError {
    DsigError::Algorithm(role, Quoted::new(algorithm))
}
