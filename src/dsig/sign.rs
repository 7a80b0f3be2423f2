//! Signing what we send, and what the `testing` identity provider sends.

use super::DS;
use super::signed_info::{ENVELOPED, EXC_C14N};
use crate::crypto::{Certificate, DigestMethod, NoRandomness, SignatureMethod, SigningKey, digest};
use crate::encoding::base64_encode;
use crate::xml::{Document, Limits, Writer, canonicalize};

/// Where in the element the signature goes, as the schemas have it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Placement {
    /// Before all other children: metadata.
    First,
    /// After the `Issuer`: protocol messages and assertions.
    AfterIssuer,
}

/// How the elements of the signature are named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureStyle {
    /// `ds:Signature`, as most write it.
    Prefixed,
    /// `Signature` with a default namespace, as Entra writes it.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "Entra's shape"))]
    DefaultNamespace,
}

/// Signs the root of `xml`, which must have an `ID`, with RSA-SHA256, and puts the signature into it.
///
/// `xml` is a document of our own making. `None` if it is not one that we could read ourselves.
pub(crate) fn sign_element(
    xml: &str,
    placement: Placement,
    style: SignatureStyle,
    key: &SigningKey,
    certificate: &Certificate,
) -> Result<Option<String>, NoRandomness> {
    let Ok(document) = Document::parse_str(xml, &Limits::METADATA) else { return Ok(None) };
    let root = document.root();
    let mut octets = String::with_capacity(xml.len());
    let (Some(id), Ok(())) = (root.attribute("ID"), canonicalize(root, None, &[], &mut octets))
    else {
        return Ok(None);
    };
    let info = signed_info(style, id, digest(DigestMethod::Sha256, octets.as_bytes()).as_ref());
    let Some(canonical) = canonical_info(&info) else { return Ok(None) };
    let value = key.sign(canonical.as_bytes())?;
    let signature = signature(style, &info, &value, certificate);
    Ok(insert(xml, placement, &signature))
}

fn name(style: SignatureStyle, prefixed: &'static str) -> &'static str {
    match style {
        SignatureStyle::Prefixed => prefixed,
        SignatureStyle::DefaultNamespace => prefixed.strip_prefix("ds:").unwrap_or(prefixed),
    }
}

fn xmlns(style: SignatureStyle) -> &'static str {
    match style {
        SignatureStyle::Prefixed => "xmlns:ds",
        SignatureStyle::DefaultNamespace => "xmlns",
    }
}

/// Declares its namespace itself, so that it can be canonicalized on its own.
fn signed_info(style: SignatureStyle, id: &str, digest: &[u8]) -> String {
    let mut out = Writer::new();
    let n = |prefixed| name(style, prefixed);
    let algorithm = |out: &mut Writer, element, uri: &str| {
        out.start(n(element)).attribute("Algorithm", uri).end();
    };
    out.start(n("ds:SignedInfo")).attribute(xmlns(style), DS);
    algorithm(&mut out, "ds:CanonicalizationMethod", EXC_C14N);
    algorithm(&mut out, "ds:SignatureMethod", SignatureMethod::RsaSha256.uri());
    out.start(n("ds:Reference")).attribute("URI", &format!("#{id}"));
    out.start(n("ds:Transforms"));
    algorithm(&mut out, "ds:Transform", ENVELOPED);
    algorithm(&mut out, "ds:Transform", EXC_C14N);
    out.end();
    algorithm(&mut out, "ds:DigestMethod", DigestMethod::Sha256.uri());
    out.leaf(n("ds:DigestValue"), &base64_encode(digest));
    out.finish()
}

fn canonical_info(info: &str) -> Option<String> {
    let document = Document::parse_str(info, &Limits::MESSAGE).ok()?;
    let mut octets = String::with_capacity(info.len());
    canonicalize(document.root(), None, &[], &mut octets).ok().map(|()| octets)
}

fn signature(style: SignatureStyle, info: &str, value: &[u8], certificate: &Certificate) -> String {
    let mut out = Writer::new();
    let n = |prefixed| name(style, prefixed);
    out.start(n("ds:Signature")).attribute(xmlns(style), DS);
    // The namespace is in scope already; the canonical form is the same without the declaration.
    out.element(&info.replacen(&format!(" {}=\"{DS}\"", xmlns(style)), "", 1));
    out.leaf(n("ds:SignatureValue"), &base64_encode(value));
    out.start(n("ds:KeyInfo")).start(n("ds:X509Data"));
    out.leaf(n("ds:X509Certificate"), &certificate.to_base64());
    out.finish()
}

fn insert(xml: &str, placement: Placement, signature: &str) -> Option<String> {
    let at = match placement {
        // The writer escapes > in values, so the first one ends the start tag.
        Placement::First => xml.find('>')? + 1,
        Placement::AfterIssuer => xml.match_indices("</").find_map(|(at, _)| {
            let tag = xml.get(at..)?;
            let end = tag.find('>')?;
            tag.get(..end)?.ends_with("Issuer").then_some(at + end + 1)
        })?,
    };
    let (before, after) = xml.split_at_checked(at)?;
    Some([before, signature, after].concat())
}
