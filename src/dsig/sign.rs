//! Signing what we send, and what the `testing` identity provider sends.

use super::DS;
use super::signed_info::{ENVELOPED, EXC_C14N};
use crate::crypto::{Certificate, DigestMethod, Method as _, NoRandomness, SignatureMethod, SigningKey, digest};
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

/// Signs the root of `xml`, a document of our own making, with RSA-SHA256, and puts the signature into it. `None` if we
/// could not read it ourselves, or it has no `ID`.
pub(crate) fn sign_element(
    xml: &str, placement: Placement, style: SignatureStyle, key: &SigningKey, certificate: &Certificate,
) -> Result<Option<String>, NoRandomness> {
    let Some((Some(id), octets)) = canonical(xml) else { return Ok(None) };
    let info = signed_info(&id, digest(DigestMethod::Sha256, octets.as_bytes()).as_ref());
    let Some((_, octets)) = canonical(&styled(style, &info)) else { return Ok(None) };
    let signature = signature(&info, &key.sign(octets.as_bytes())?, certificate);
    Ok(insert(xml, placement, &styled(style, &signature)))
}

/// The `ID` of the root, and its canonical form.
fn canonical(xml: &str) -> Option<(Option<String>, String)> {
    let document = Document::parse_str(xml, &Limits::METADATA).ok()?;
    let mut octets = String::with_capacity(xml.len());
    canonicalize(document.root(), None, &[], &mut octets).ok()?;
    Some((document.root().attribute("ID").map(Into::into), octets))
}

/// Only names have a colon after `ds`; no value of a signature has.
fn styled(style: SignatureStyle, signature: &str) -> String {
    match style {
        SignatureStyle::Prefixed => signature.into(),
        SignatureStyle::DefaultNamespace => signature.replace("ds:", "").replace("xmlns:ds=", "xmlns="),
    }
}

/// Declares its namespace itself, so that it can be canonicalized on its own.
fn signed_info(id: &str, digest: &[u8]) -> String {
    let mut out = Writer::new();
    let algorithm = |out: &mut Writer, element, uri: &str| {
        out.start(element).attribute("Algorithm", uri).end();
    };
    out.start("ds:SignedInfo").attribute("xmlns:ds", DS);
    algorithm(&mut out, "ds:CanonicalizationMethod", EXC_C14N);
    algorithm(&mut out, "ds:SignatureMethod", SignatureMethod::RsaSha256.uri());
    out.start("ds:Reference").attribute("URI", &format!("#{id}"));
    out.start("ds:Transforms");
    algorithm(&mut out, "ds:Transform", ENVELOPED);
    algorithm(&mut out, "ds:Transform", EXC_C14N);
    out.end();
    algorithm(&mut out, "ds:DigestMethod", DigestMethod::Sha256.uri());
    out.leaf("ds:DigestValue", &base64_encode(digest));
    out.finish()
}

fn signature(info: &str, value: &[u8], certificate: &Certificate) -> String {
    let mut out = Writer::new();
    out.start("ds:Signature").attribute("xmlns:ds", DS);
    // The namespace is in scope already; the canonical form is the same without the declaration.
    out.element(&info.replacen(&format!(" xmlns:ds=\"{DS}\""), "", 1));
    out.leaf("ds:SignatureValue", &base64_encode(value));
    out.start("ds:KeyInfo").start("ds:X509Data");
    out.leaf("ds:X509Certificate", &certificate.to_base64());
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
