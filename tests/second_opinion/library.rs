//! libxmlsec1, asked directly. It signs what the tests make, and judges documents that our verifier may have refused,
//! which the crate itself never shows to it.

use libxml::parser::{Parser, ParserOptions};
use libxml::tree::{Document, Node};
use xmlsec::{XmlSecDocumentExt as _, XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

use crate::{DS, SAML};

/// A key pair; the library reads both halves by itself.
pub(crate) struct Key {
    pub(crate) private: &'static [u8],
    pub(crate) certificate: &'static [u8],
}

/// What the library says of a document.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Opinion {
    /// There is a signature on the response or on its assertion, and each such signature is good.
    Good,
    /// Anything else.
    Bad(&'static str),
    /// The document could make the library open something, so nobody asked.
    NotShown,
}

pub(crate) fn parse(xml: &str) -> Option<Document> {
    // Initializes the library, before any of its types is used.
    drop(XmlSecSignatureContext::new());
    let options =
        ParserOptions { recover: false, no_error: true, no_warning: true, no_net: true, ..ParserOptions::default() };
    Parser::default().parse_string_with_options(xml, options).ok()
}

/// Fills the empty digest and signature values of a template, the innermost signature first. Nothing else of the
/// template changes, not even by a byte.
pub(crate) fn sign(template: &str, key: &Key) -> String {
    let count = empty(template, "SignatureValue").len();
    (0..count).rev().fold(template.to_owned(), |xml, which| sign_one(&xml, which, key))
}

fn sign_one(xml: &str, which: usize, key: &Key) -> String {
    let document = parse(xml).unwrap_or_else(|| panic!("not well-formed:\n{xml}"));
    document.specify_idattr("//*[@ID]", "ID", None).expect("IDs");
    let signature =
        all(&document, "Signature").into_iter().nth(which).unwrap_or_else(|| panic!("no signature {which}:\n{xml}"));
    let mut context = XmlSecSignatureContext::new();
    context.insert_key(XmlSecKey::from_memory(key.private, XmlSecKeyFormat::Der, None).expect("a key"));
    context.sign_node(&signature).unwrap_or_else(|_| panic!("libxmlsec1 cannot sign:\n{xml}"));
    let text = |name| {
        let found = all(&document, name).into_iter().nth(which);
        found.map(|node| node.get_content()).expect("a value")
    };
    let digest = fill(xml, "DigestValue", which, &text("DigestValue"));
    fill(&digest, "SignatureValue", which, &text("SignatureValue"))
}

/// Those before it are filled later, so the one that is meant stands at `which` among those that are empty.
fn fill(xml: &str, name: &str, which: usize, value: &str) -> String {
    let (before, after) = xml.split_at(*empty(xml, name).get(which).expect("an empty value"));
    [before, value, after].concat()
}

/// Where the content of the empty elements of this name would stand.
fn empty(xml: &str, name: &str) -> Vec<usize> {
    let tags = xml.match_indices('<').filter_map(|(at, _)| {
        let end = at + xml[at..].find('>')? + 1;
        let starts = !xml[at..].starts_with("</") && xml[..end - 1].ends_with(name);
        (starts && xml[end..].starts_with("</")).then_some(end)
    });
    tags.collect()
}

/// Elements of XML Signature, in document order.
fn all(document: &Document, name: &str) -> Vec<Node> {
    let root = document.get_root_element().expect("a root");
    let path = format!("//*[local-name()='{name}' and namespace-uri()='{DS}']");
    root.findnodes(&path).expect("a good path")
}

/// What libxmlsec1 says of the signatures that a service provider looks at.
pub(crate) fn opinion(xml: &str, key: &Key) -> Opinion {
    // What the library would expand, run or follow. None of it is in a document that we accept.
    if ["<!DOCTYPE", "<!ENTITY", "REC-xslt", "REC-xpath", "xmldsig-filter2", "Manifest"]
        .iter()
        .any(|piece| xml.contains(piece))
    {
        return Opinion::NotShown;
    }
    let Some(document) = parse(xml) else { return Opinion::Bad("not well-formed") };
    let outside = |reference: &Node| reference.ancestors().iter().all(|outer| !is(outer, DS, "KeyInfo"));
    let references = all(&document, "Reference").into_iter().filter(outside);
    if references
        .map(|reference| reference.get_property("URI"))
        .any(|uri| uri.is_none_or(|uri| !uri.is_empty() && !uri.starts_with('#')))
    {
        return Opinion::NotShown;
    }
    drop(document);
    let mut good = 0;
    while let Some(verdict) = nth_signature(xml, good, key) {
        match verdict {
            Ok(()) => good += 1,
            Err(reason) => return Opinion::Bad(reason),
        }
    }
    if good > 0 { Opinion::Good } else { Opinion::Bad("no signature") }
}

/// Judges one signature in a document of its own, because taking out its `KeyInfo` would change what an outer signature
/// covers.
fn nth_signature(xml: &str, which: usize, key: &Key) -> Option<Result<(), &'static str>> {
    let document = parse(xml)?;
    let root = document.get_root_element()?;
    let assertions = root.get_child_elements().into_iter().filter(|child| is(child, SAML, "Assertion"));
    let holders: Vec<Node> = std::iter::once(root.clone()).chain(assertions).collect();
    let signed = |holder: &Node| {
        let signature = holder.get_child_elements().into_iter().find(|child| is(child, DS, "Signature"));
        signature.map(|signature| (holder.get_property_no_ns("ID"), signature))
    };
    let (id, signature) = holders.iter().filter_map(signed).nth(which)?;
    let children = signature.get_child_elements();
    for mut key_info in children.into_iter().filter(|child| is(child, DS, "KeyInfo")) {
        key_info.unlink();
    }
    if document.specify_idattr("//*[@ID]", "ID", None).is_err() {
        return Some(Err("an ID stands twice"));
    }
    let references = || signature.findnodes("./*[local-name()='SignedInfo']/*[local-name()='Reference']");
    let own = |reference: &Node| Some(reference.get_property("URI")) == id.as_ref().map(|id| Some(format!("#{id}")));
    if !references().is_ok_and(|found| found.len() == 1 && found.iter().all(own)) {
        return Some(Err("refers to another element"));
    }
    let mut context = XmlSecSignatureContext::new();
    let read = XmlSecKey::from_memory(key.certificate, XmlSecKeyFormat::CertDer, None);
    context.insert_key(read.expect("a certificate"));
    Some(match context.verify_node(&signature) {
        Ok(true) => Ok(()),
        Ok(false) => Err("wrong signature or digest"),
        Err(_) => Err("gives up"),
    })
}

fn is(node: &Node, namespace: &str, name: &str) -> bool {
    node.get_name() == name && node.get_namespace().is_some_and(|found| found.get_href() == namespace)
}
