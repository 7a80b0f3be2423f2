//! Exclusive XML Canonicalization 1.0, without comments (W3C Recommendation of 18 July 2002).

use super::{Attribute, Declaration, Document, Element, Kind, Node, Span, XmlError, to_u32};

/// Writes the canonical form of `apex` to `out`, leaving out the element `without` (the enveloped signature, XML
/// Signature 6.6.4) and everything in it.
///
/// `prefixes` is the `InclusiveNamespaces PrefixList`; `#default` is the default namespace.
///
/// It is an error if a namespace anywhere in the document is no absolute URI, as libxml2 reads it: such a document has no canonical form
/// (Canonical XML 1.0 section 1.3), and a verifier that went on with nothing would digest nothing (CVE-2025-66475). So
/// is a form of more than four times the bytes that the document may have: declarations that are rendered again and
/// again make gigabytes of kilobytes.
pub(crate) fn canonicalize(
    apex: Element<'_>, without: Option<Element<'_>>, prefixes: &[&str], out: &mut String,
) -> Result<(), XmlError> {
    let document = apex.document;
    let (rendered, open) = (Vec::new(), Vec::new());
    let mut walk = Walk { document, apex: apex.index, prefixes, rendered, open, out };
    let skip = without.map(|element| element.index);
    has_canonical_form(document)?;
    let mut index = apex.index;
    let last = document.node(index).end;
    while index < last {
        let current = document.node(index);
        walk.close_before(index);
        match current.kind {
            _ if Some(index) == skip => {
                index = current.end;
                continue;
            }
            Kind::Element => walk.start(index, current)?,
            Kind::Text => escape_text(document.str(current.local), walk.out),
            Kind::Comment => {}
        }
        index += 1;
    }
    walk.close_before(last);
    Ok(())
}

struct Walk<'d, 'o> {
    document: &'d Document<'d>,
    apex: u32,
    prefixes: &'d [&'d str],
    /// Declarations written by the elements that are open, innermost last.
    rendered: Vec<(Span, Span)>,
    /// Elements that are open, each with how many declarations were rendered before it.
    open: Vec<(u32, usize)>,
    out: &'o mut String,
}

impl<'d> Walk<'d, '_> {
    /// Writes the end tags of the elements that end before node `index`.
    fn close_before(&mut self, index: u32) {
        while let Some((open, rendered)) = self.open.last().copied() {
            let element = self.document.node(open);
            if element.end > index {
                return;
            }
            self.out.extend(["</", self.document.qname(element.prefix, element.local), ">"]);
            self.rendered.truncate(rendered);
            self.open.pop();
        }
    }

    fn start(&mut self, index: u32, element: &'d Node) -> Result<(), XmlError> {
        let document = self.document;
        if self.out.len() > document.canonical_limit {
            return Err(XmlError::TooMuch("bytes in canonical form", document.canonical_limit));
        }
        self.out.extend(["<", document.qname(element.prefix, element.local)]);
        self.open.push((index, self.rendered.len()));
        self.namespaces(index, element);
        // Canonical XML 1.0 section 2.3: by namespace URI, then by local name.
        let mut attributes: Vec<&Attribute> = document.attributes_of(element).iter().collect();
        attributes.sort_unstable_by_key(|a| (document.uri(a.namespace), document.str(a.local)));
        for found in attributes {
            let name = document.qname(found.prefix, found.local);
            attribute(self.out, [" ", name], document.str(found.value));
        }
        self.out.push('>');
        Ok(())
    }

    /// Section 3 of the recommendation: what the element visibly uses, and what the list names, where no ancestor in
    /// the output has rendered the same.
    fn namespaces(&mut self, index: u32, element: &'d Node) {
        let document = self.document;
        let first = self.rendered.len();
        self.render(element.prefix, document.uri_span(element.namespace), first);
        for attribute in document.attributes_of(element).iter().filter(|a| a.prefix.len > 0) {
            self.render(attribute.prefix, document.uri_span(attribute.namespace), first);
        }
        for prefix in self.prefixes {
            let prefix = if *prefix == "#default" { "" } else { prefix };
            // Below the apex only a declaration of its own can differ from what was rendered.
            let found = match index == self.apex {
                true => in_scope(document, index, prefix),
                false => declared(document, element, prefix),
            };
            if let Some(declaration) = found {
                self.render(declaration.prefix, declaration.uri, first);
            }
        }
        let new = self.rendered.get_mut(first..).unwrap_or_default();
        new.sort_unstable_by_key(|(prefix, _)| document.str(*prefix));
        for (prefix, uri) in new {
            let xmlns = if prefix.len > 0 { " xmlns:" } else { " xmlns" };
            attribute(self.out, [xmlns, document.str(*prefix)], document.str(*uri));
        }
    }

    /// Notes a declaration for output, unless it is in force already. From `first` on stand those of the element under
    /// work.
    fn render(&mut self, prefix: Span, uri: Span, first: usize) {
        let document = self.document;
        let (name, value) = (document.str(prefix), document.str(uri));
        if name == "xml" {
            return; // section 3: never declared, always known
        }
        let mut rendered = self.rendered.iter().enumerate();
        let known = match rendered.rfind(|(_, (known, _))| document.str(*known) == name) {
            Some((at, (_, uri))) => at >= first || document.str(*uri) == value,
            // Nothing in force is the same as the empty default namespace.
            None => value.is_empty(),
        };
        if !known {
            self.rendered.push((prefix, uri));
        }
    }
}

/// The declaration of `prefix` that the element itself has.
fn declared(document: &Document<'_>, element: &Node, prefix: &str) -> Option<Declaration> {
    let list = document.declarations_of(element).iter();
    list.copied().find(|declaration| document.str(declaration.prefix) == prefix)
}

/// The declaration of `prefix` in force at an element: its own or that of the nearest ancestor.
fn in_scope(document: &Document<'_>, index: u32, prefix: &str) -> Option<Declaration> {
    let parent = |at: &u32| (*at != 0).then(|| document.node(*at).parent);
    std::iter::successors(Some(index), parent).find_map(|at| declared(document, document.node(at), prefix))
}

/// The reference for a byte that needs one somewhere.
pub(super) const fn reference(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

/// Canonical XML 1.0 section 2.3, text nodes.
fn escape_text(text: &str, out: &mut String) {
    escape(text, out, |byte| match byte {
        b'"' | b'\t' | b'\n' => None,
        _ => reference(byte),
    });
}

/// Canonical XML 1.0 section 2.3, attribute and namespace nodes.
fn attribute(out: &mut String, name: [&str; 2], value: &str) {
    out.extend(name);
    out.push_str("=\"");
    escape(value, out, |byte| if byte == b'>' { None } else { reference(byte) });
    out.push('"');
}

/// Copies `text`, with what `replace` says in the place of single bytes (ASCII only).
pub(super) fn escape(text: &str, out: &mut String, replace: impl Fn(u8) -> Option<&'static str>) {
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(replacement) = replace(byte) {
            out.extend([text.get(copied..at).unwrap_or_default(), replacement]);
            copied = at + 1;
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
}

/// Canonical XML 1.0 section 1.3: documents with relative namespace URIs have no canonical form, wherever they stand.
fn has_canonical_form(document: &Document<'_>) -> Result<(), XmlError> {
    let Some(at) = document.declarations.iter().position(|found| found.relative).map(to_u32) else { return Ok(()) };
    let declares = |node: &Node| (node.declarations.0..node.declarations.1).contains(&at);
    let index = document.nodes.iter().position(declares).map_or(0, to_u32);
    Err(XmlError::RelativeNamespace(Element::new(document, index).quoted()))
}
