//! What our parser takes, another parser takes too, and both see the same tree: their tree of our canonical form is
//! their tree of the input.
#![no_main]

use entra_sso::inside::canonical;
use libfuzzer_sys::fuzz_target;
use roxmltree::{Document, Node};

fuzz_target!(|bytes: &[u8]| {
    let octets = match canonical(bytes, 0, &[]) {
        Ok(octets) => octets,
        Err("saml.xml_relative_namespace" | "saml.xml_too_large") => return,
        Err(code) => {
            assert!(code.starts_with("saml.xml_"));
            return;
        }
    };
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    // It leaves a line break before a reference as it is (XML 1.0 section 2.11 does not).
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let theirs = Document::parse(&text).expect("another parser takes it");
    let again = Document::parse(&octets).expect("a canonical form is a document");
    assert_eq!(outline(theirs.root_element()), outline(again.root_element()));
});

/// Elements, attributes and text in document order, without comments; text is joined across them.
fn outline(root: Node<'_, '_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut in_text = false;
    for node in root.descendants().filter(|node| !node.is_comment()) {
        let text = node.text().filter(|_| node.is_text());
        match (text, out.last_mut()) {
            (Some(""), _) => continue,
            // A text that follows an end tag belongs elsewhere: its parent says so.
            (Some(text), Some(last)) if in_text && last.starts_with(&parent(node)) => last.push_str(text),
            (Some(text), _) => out.push(format!("{}{text}", parent(node))),
            (None, _) => out.push(element(node)),
        }
        in_text = text.is_some();
    }
    out
}

fn parent(node: Node<'_, '_>) -> String {
    let elements = |node: Node<'_, '_>| node.prev_siblings().filter(Node::is_element).count();
    let depth = node.ancestors().count();
    format!("text {depth} after {}: ", elements(node))
}

fn element(node: Node<'_, '_>) -> String {
    let mut attributes: Vec<_> =
        node.attributes().map(|found| (found.namespace(), found.name(), found.value())).collect();
    attributes.sort_unstable();
    let name = node.tag_name();
    format!("{} {{{}}}{} {attributes:?}", node.ancestors().count(), name.namespace().unwrap_or(""), name.name())
}
