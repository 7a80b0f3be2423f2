//! libxmlsec1 as a second verifier that must agree (feature `xmlsec`): the only file that names it.
//!
//! The library opens files and sockets that a `Reference` or a key names before it looks at the signature, resolves IDs
//! anywhere in a document, and its wrapper cannot restrict any of that without unsafe code. So no message reaches it.
//! It is shown one element that our verifier has accepted, written anew: canonical, so without DTD, processing
//! instructions or what surrounds it, and without the `KeyInfo`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use libxml::parser::{Parser, ParserOptions};
use xmlsec::{XmlSecDocumentExt as _, XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

use super::signed_info::SignedInfo;
use super::{DS, DsigError};
use crate::crypto::Certificate;
use crate::xml::{Element, canonicalize};

/// Nothing is mended and nothing is fetched.
const STRICT: ParserOptions<'_> = ParserOptions {
    recover: false,
    no_def_dtd: true,
    no_error: true,
    no_warning: true,
    pedantic: false,
    no_blanks: false,
    no_net: true,
    no_implied: false,
    huge: false,
    compact: false,
    ignore_enc: false,
    encoding: None,
};

/// Refuses unless libxmlsec1 finds that the key of `certificate` signed `element`, too.
pub(super) fn must_agree(
    element: Element<'_>, key_info: Option<Element<'_>>, info: &SignedInfo<'_>, certificate: &Certificate,
) -> Result<(), DsigError> {
    let disagrees = |reason| DsigError::SecondOpinion(element.quoted(), reason);
    // The library writes the ID into an XPath expression. An xs:ID cannot break out of it; what else is here was
    // signed by a trusted key, but need not be run.
    let id = element.required("ID")?;
    if !id.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return Err(disagrees("its ID is no xs:ID"));
    }
    // Both lists, so that every prefix that either canonical form renders is bound as it was in the message.
    let prefixes: Vec<&str> = info.prefixes.iter().chain(&info.own_prefixes).copied().collect();
    let mut document = String::with_capacity(4096);
    canonicalize(element, key_info, &prefixes, &mut document)?;
    // The wrapper panics where the library cannot be initialized.
    let opinion = catch_unwind(AssertUnwindSafe(|| opinion(&document, certificate.der())));
    opinion.unwrap_or(Err("it cannot be used on this machine")).map_err(disagrees)
}

/// What libxmlsec1 says of the signature directly inside the root of `document`.
fn opinion(document: &str, certificate: &[u8]) -> Result<(), &'static str> {
    // First, because it initializes both libraries, once in a process and behind a lock.
    let mut context = XmlSecSignatureContext::new();
    // Never with a password: the wrapper passes on a pointer to freed memory.
    let key = XmlSecKey::from_memory(certificate, XmlSecKeyFormat::CertDer, None);
    context.insert_key(key.map_err(|_| "it cannot use the key, as with Ed25519, which version 1.2 does not know")?);
    let parsed = Parser::default().parse_string_with_options(document, STRICT);
    let parsed = parsed.map_err(|_| "it cannot read the element")?;
    // Of the root only, so that the reference has nothing else to find.
    parsed.specify_idattr("/*", "ID", None).map_err(|_| "it finds the ID twice")?;
    let is_signature = |node: &libxml::tree::Node| {
        node.get_name() == "Signature" && node.get_namespace().is_some_and(|found| found.get_href() == DS)
    };
    let children = parsed.get_root_element().map(|root| root.get_child_elements()).unwrap_or_default();
    let signature = children.iter().find(|child| is_signature(child)).ok_or("it finds no signature")?;
    match context.verify_node(signature) {
        Ok(true) => Ok(()),
        Ok(false) => Err("it finds the signature or the digest wrong"),
        Err(_) => Err("it gives up, as on RSA-PSS, which version 1.2 does not know"),
    }
}
