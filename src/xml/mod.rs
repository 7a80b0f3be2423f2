//! A read-only XML document: no DTD, no entities of its own, bounded in bytes, depth and nodes.

mod c14n;
#[cfg(test)]
#[path = "../../tests/unit/corpus_xml.rs"]
mod corpus;
mod name;
mod parse;
mod read;
mod write;

pub(crate) use c14n::canonicalize;
pub(crate) use read::{Children, Element};
pub(crate) use write::{Writer, escape_html};

use crate::encoding::Quoted;

/// What the prefixes `xml` and `xmlns` are bound to (Namespaces in XML 1.0, section 3).
const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// How much a document may hold. Crossing one is an error at the byte where it is crossed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    /// Elements inside each other. The deepest SAML message, with everything that the schemas allow, is 16 deep;
    /// libxml2 stops at 256, uppsala at 128.
    pub(crate) depth: u16,
    /// Elements, texts and comments.
    pub(crate) nodes: usize,
    /// Of one element; SAML's `AuthnRequest` has at most 12. Duplicate checks elsewhere were quadratic
    /// (RUSTSEC-2026-0194).
    pub(crate) attributes: usize,
    /// Declarations in scope at once. WS-Federation metadata of Entra has six; lookups scan the scope, so this bounds
    /// their cost (RUSTSEC-2026-0195).
    pub(crate) namespaces: usize,
}

impl Limits {
    /// For what a browser brings. 150 groups, the most that Entra writes, make 15 kB; this is sixteen times that, and
    /// what ruby-saml allows.
    pub(crate) const MESSAGE: Self =
        Self { bytes: 256 * 1024, depth: 64, nodes: 16 * 1024, attributes: 64, namespaces: 64 };

    /// For metadata, which an administrator or a trusted host supplies. A federation's aggregate of a thousand
    /// providers at Entra's 20 kB is 20 MB.
    pub(crate) const METADATA: Self = Self { bytes: 32 << 20, nodes: 2 << 20, ..Self::MESSAGE };

    /// For the canonical form of what these let pass. It can be longer than what was read: `<a/>` becomes `<a></a>`, `>`
    /// becomes `&gt;`.
    pub(crate) const fn of_octets(self) -> Self {
        Self { bytes: 4 * self.bytes, ..self }
    }
}

/// Where in the input a text lies, or in the side buffer for text that had to be changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Span {
    start: u32,
    len: u32,
}

/// Set in `Span::start` for the side buffer; so inputs are shorter than 2 GiB ([`Limits`] are).
const IN_SCRATCH: u32 = 1 << 31;

impl Span {
    fn new(start: usize, len: usize) -> Self {
        Self { start: to_u32(start), len: to_u32(len) }
    }

    fn in_scratch(self) -> bool {
        self.start & IN_SCRATCH != 0
    }

    fn range(self) -> std::ops::Range<usize> {
        let start = to_usize(self.start & !IN_SCRATCH);
        start..start + to_usize(self.len)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Element,
    Text,
    Comment,
}

/// A node of the arena, in document order. The subtree of an element `i` is `i..nodes[i].end`; a leaf has no `end`.
#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// Index of the parent; the root is its own.
    parent: u32,
    end: u32,
    /// Of an element: its name as written. Of a text or comment: its content in `local`.
    prefix: Span,
    local: Span,
    /// Index into `declarations` plus [`NS_BASE`], or [`NO_NS`] or [`NS_XML`]. A declaration that undeclares the default
    /// namespace has an empty URI, as [`NO_NS`] has.
    namespace: u32,
    /// Range of `Document::attributes`, in the order of the canonical form.
    attributes: (u32, u32),
    /// Range of `Document::declarations`.
    declarations: (u32, u32),
}

/// What a leaf does not have; also stands in for an index out of range, which no code here makes.
static NOTHING: Node = Node {
    kind: Kind::Comment,
    parent: 0,
    end: 0,
    prefix: Span { start: 0, len: 0 },
    local: Span { start: 0, len: 0 },
    namespace: NO_NS,
    attributes: (0, 0),
    declarations: (0, 0),
};

#[derive(Clone, Copy, Debug)]
struct Attribute {
    prefix: Span,
    local: Span,
    namespace: u32,
    /// After normalization (XML 1.0 section 3.3.3).
    value: Span,
}

/// A namespace declaration; prefix empty for the default namespace, URI empty to undeclare it.
#[derive(Clone, Copy, Debug)]
struct Declaration {
    prefix: Span,
    uri: Span,
    /// No absolute URI, so without canonical form (Namespaces in XML 1.0 errata, Canonical XML 1.0 section 1.3).
    relative: bool,
    /// Index of the declaration before it in scope.
    outer: Option<u32>,
}

const NO_NS: u32 = 0;
const NS_XML: u32 = 1;
const NS_BASE: u32 = 2;

/// One parsed document. Knows nothing of signatures or SAML. Names and values are slices of the input, except those
/// with references or line breaks to normalize, copied once into `scratch`.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    text: &'a str,
    scratch: String,
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    declarations: Vec<Declaration>,
    /// Bytes that a canonical form may have.
    canonical_limit: usize,
}

impl Document<'_> {
    /// The document element.
    pub(crate) fn root(&self) -> Element<'_> {
        Element::new(self, 0)
    }

    fn node(&self, index: u32) -> &Node {
        self.nodes.get(to_usize(index)).unwrap_or(&NOTHING)
    }

    fn attributes_of(&self, node: &Node) -> &[Attribute] {
        let (first, last) = node.attributes;
        self.attributes.get(to_usize(first)..to_usize(last)).unwrap_or_default()
    }

    fn declarations_of(&self, node: &Node) -> &[Declaration] {
        let (first, last) = node.declarations;
        self.declarations.get(to_usize(first)..to_usize(last)).unwrap_or_default()
    }

    fn str(&self, span: Span) -> &str {
        let buffer: &str = if span.in_scratch() { &self.scratch } else { self.text };
        buffer.get(span.range()).unwrap_or_default()
    }

    /// The bytes of a name, which is never in the side buffer.
    fn name(&self, span: Span) -> &[u8] {
        self.text.as_bytes().get(span.range()).unwrap_or_default()
    }

    /// Whether two names are the same.
    fn same(&self, one: Span, other: Span) -> bool {
        one.len == other.len && (one.len == 0 || self.name(one) == self.name(other))
    }

    /// A name as written; names are never changed, so both parts lie side by side in the input.
    fn qname(&self, prefix: Span, local: Span) -> &str {
        self.text.get(prefix.range().start..local.range().end).unwrap_or_default()
    }

    fn uri(&self, namespace: u32) -> &str {
        if namespace == NS_XML { XML_NS } else { self.str(self.uri_span(namespace)) }
    }

    fn uri_span(&self, namespace: u32) -> Span {
        let index = namespace.checked_sub(NS_BASE).map_or(usize::MAX, to_usize);
        self.declarations.get(index).map(|found| found.uri).unwrap_or_default()
    }
}

/// Lossless on every machine that this crate runs on (ring needs at least 32 bits).
fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Lossless below [`Limits`], which `parse` checks first.
fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

texts! {
    pub fn code;
    /// Why the bytes are not a document that we read. Faults are located by the bytes before them, or before the tag that
    /// has them.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum XmlError {
        /// Not UTF-8, or declares another encoding: where.
        #[error("the document is not UTF-8 at byte {0}")]
        NotUtf8(usize) = "saml.xml_not_utf8";
        /// A document type declaration, and with it entities (CVE-2016-10127, CVE-2025-25291): where.
        #[error("the document has a DOCTYPE at byte {0}; SAML messages have none")]
        Doctype(usize) = "saml.xml_doctype";
        /// Breaks a rule of XML 1.0 or of Namespaces in XML 1.0: where, and which.
        #[error("the document is not well-formed at byte {0}: {1}")]
        Malformed(usize, &'static str) = "saml.xml_malformed";
        /// More than we read: of what, and how much is allowed.
        #[error("the document has more than {1} {0}")]
        TooMuch(&'static str, usize) = "saml.xml_too_large";
        /// An element has no child that the schema demands: the element, the child.
        #[error("{0} has no `{1}` where the schema wants it")]
        MissingElement(Quoted, &'static str) = "saml.xml_schema";
        /// An element has a child that the schema does not allow, or not twice: the element, the child.
        #[error("{0} holds {1} where the schema does not allow it")]
        UnexpectedElement(Quoted, Quoted) = "saml.xml_schema";
        /// Text stands between elements, or an element or comment stands inside a value: in which.
        #[error("{0} mixes text with elements or comments")]
        MixedContent(Quoted) = "saml.xml_schema";
        /// An element has no attribute that the schema demands: the element, the attribute.
        #[error("{0} has no attribute `{1}`")]
        MissingAttribute(Quoted, &'static str) = "saml.xml_schema";
        /// A value is not of the type that the schema gives it: the element that holds it, the type.
        #[error("{0} holds a value that is no {1}")]
        InvalidValue(Quoted, &'static str) = "saml.xml_schema";
        /// The namespaces of this element have no canonical form (Canonical XML 1.0 section 1.3).
        #[error("{0} declares a namespace that is no absolute URI, so the document has no canonical form")]
        RelativeNamespace(Quoted) = "saml.xml_relative_namespace";
    }
}

#[cfg(test)]
#[path = "../../tests/unit/xml.rs"]
mod tests;
