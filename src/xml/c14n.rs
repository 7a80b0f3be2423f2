//! Exclusive XML Canonicalization 1.0, without comments (W3C Recommendation of 18 July 2002).

use memchr::{memchr, memchr3};

use super::{Declaration, Document, Element, Kind, Node, Span, XmlError, to_u32};

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
    has_canonical_form(document)?;
    out.reserve(document.text.len().min(document.canonical_limit));
    let mut walk = Walk { document, apex: apex.index, open: None, prefixes, rendered: Vec::with_capacity(8), out };
    let skip = without.map(|element| element.index);
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
            Kind::Text => escape_text(document, current.local, walk.out),
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
    /// The innermost element whose end tag is still to be written.
    open: Option<u32>,
    prefixes: &'d [&'d str],
    /// Declarations written by the elements that are open, innermost last, each with its element.
    rendered: Vec<(u32, Span, Span)>,
    out: &'o mut String,
}

impl<'d> Walk<'d, '_> {
    /// Writes the end tags of the elements that end before node `index`.
    fn close_before(&mut self, index: u32) {
        while let Some(open) = self.open {
            let element = self.document.node(open);
            if element.end > index {
                return;
            }
            self.out.extend(["</", self.document.qname(element.prefix, element.local), ">"]);
            while self.rendered.pop_if(|(owner, ..)| *owner == open).is_some() {}
            self.open = (open != self.apex).then_some(element.parent);
        }
    }

    fn start(&mut self, index: u32, element: &'d Node) -> Result<(), XmlError> {
        let document = self.document;
        if self.out.len() > document.canonical_limit {
            return Err(XmlError::TooMuch("bytes in canonical form", document.canonical_limit));
        }
        self.out.extend(["<", document.qname(element.prefix, element.local)]);
        let parent = self.open.replace(index).map(|parent| document.node(parent));
        let settled = |parent: &Node| {
            // Then its namespace is the parent's as well.
            document.same(parent.prefix, element.prefix)
                && element.declarations.0 == element.declarations.1
                && document.attributes_of(element).iter().all(|attribute| attribute.prefix.len == 0)
        };
        // What the parent uses is in force, and most elements use the same.
        if !parent.is_some_and(settled) {
            self.namespaces(index, element);
        }
        for found in document.attributes_of(element) {
            let name = document.qname(found.prefix, found.local);
            attribute(document, [" ", name], found.value, self.out);
        }
        self.out.push('>');
        Ok(())
    }

    /// Section 3 of the recommendation: what the element visibly uses, and what the list names, where no ancestor in
    /// the output has rendered the same.
    fn namespaces(&mut self, index: u32, element: &'d Node) {
        let document = self.document;
        let first = self.rendered.len();
        self.render(index, element.prefix, document.uri_span(element.namespace), first);
        for attribute in document.attributes_of(element).iter().filter(|a| a.prefix.len > 0) {
            self.render(index, attribute.prefix, document.uri_span(attribute.namespace), first);
        }
        for prefix in self.prefixes {
            let prefix = if *prefix == "#default" { "" } else { prefix };
            // Below the apex only a declaration of its own can differ from what was rendered.
            let found = match index == self.apex {
                true => in_scope(document, index, prefix),
                false => declared(document, element, prefix),
            };
            if let Some(declaration) = found {
                self.render(index, declaration.prefix, declaration.uri, first);
            }
        }
        let new = self.rendered.get_mut(first..).unwrap_or_default();
        new.sort_unstable_by_key(|(_, prefix, _)| document.str(*prefix));
        for (_, prefix, uri) in new {
            let xmlns = if prefix.len > 0 { " xmlns:" } else { " xmlns" };
            attribute(document, [xmlns, document.str(*prefix)], *uri, self.out);
        }
    }

    /// Notes a declaration for output, unless it is in force already. From `first` on stand those of the element under
    /// work.
    fn render(&mut self, index: u32, prefix: Span, uri: Span, first: usize) {
        let document = self.document;
        let (name, value) = (document.str(prefix), document.str(uri));
        if name == "xml" {
            return; // section 3: never declared, always known
        }
        let mut rendered = self.rendered.iter().enumerate();
        let known = match rendered.rfind(|(_, (_, known, _))| document.str(*known) == name) {
            Some((at, (.., uri))) => at >= first || document.str(*uri) == value,
            // Nothing in force is the same as the empty default namespace.
            None => value.is_empty(),
        };
        if !known {
            self.rendered.push((index, prefix, uri));
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

/// Canonical XML 1.0 section 2.3, text nodes. Text as it stands in the input has no line break to escape: the parser
/// copies such into the side buffer.
fn escape_text(document: &Document<'_>, span: Span, out: &mut String) {
    let text = document.str(span);
    if !span.in_scratch() && memchr3(b'&', b'<', b'>', text.as_bytes()).is_none() {
        return out.push_str(text);
    }
    escape(text, out, |byte| match byte {
        b'"' | b'\t' | b'\n' => None,
        _ => reference(byte),
    });
}

/// Canonical XML 1.0 section 2.3, attribute and namespace nodes. A value as it stands in the input holds nothing to
/// escape but quotation marks, between apostrophes.
fn attribute(document: &Document<'_>, name: [&str; 2], value: Span, out: &mut String) {
    out.extend(name);
    out.push_str("=\"");
    let text = document.str(value);
    match !value.in_scratch() && memchr(b'"', text.as_bytes()).is_none() {
        true => out.push_str(text),
        false => escape(text, out, |byte| if byte == b'>' { None } else { reference(byte) }),
    }
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
