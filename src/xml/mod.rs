//! A read-only XML document: no DTD, no entities of its own, bounded in bytes, depth and nodes.

mod c14n;
mod name;
mod parse;
mod read;
mod write;

pub(crate) use c14n::canonicalize;
pub(crate) use read::{Children, Element};
pub(crate) use write::{Writer, escape_html};

use crate::encoding::Quoted;

/// The namespace that the prefix `xml` is bound to (Namespaces in XML 1.0, section 3).
const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace that the prefix `xmlns` is bound to.
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// How much a document may hold. Crossing one is an error at the byte where it is crossed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of the document.
    pub(crate) bytes: usize,
    /// Elements inside each other. The deepest SAML message, with everything that the schemas
    /// allow, is 16 deep; libxml2 stops at 256, uppsala at 128.
    pub(crate) depth: u16,
    /// Elements, texts and comments.
    pub(crate) nodes: usize,
    /// Attributes of one element. SAML's `AuthnRequest` has at most 12; the duplicate check is
    /// pairwise, so this also bounds its cost (RUSTSEC-2026-0194 was a quadratic one).
    pub(crate) attributes: usize,
    /// Namespace declarations in scope at once. WS-Federation metadata of Entra has six; lookups
    /// scan the scope, so this bounds their cost (RUSTSEC-2026-0195).
    pub(crate) namespaces: usize,
}

impl Limits {
    /// For what a browser brings. 150 groups, the most that Entra writes, make 15 kB; this is
    /// sixteen times that, and what ruby-saml allows.
    pub(crate) const MESSAGE: Self =
        Self { bytes: 256 * 1024, depth: 64, nodes: 16 * 1024, attributes: 64, namespaces: 64 };

    /// For metadata, which an administrator or a trusted host supplies. A federation's aggregate of
    /// a thousand providers at Entra's 20 kB is 20 MB.
    pub(crate) const METADATA: Self =
        Self { bytes: 32 << 20, depth: 64, nodes: 2 << 20, attributes: 64, namespaces: 64 };
}

/// Where in the input a text lies, or in the side buffer for text that had to be changed.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

/// Set in `Span::start` for the side buffer; so inputs are shorter than 2 GiB ([`Limits`] are).
const IN_SCRATCH: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Element,
    Text,
    Comment,
}

/// A node of the arena, in document order. The subtree of node `i` is `i..nodes[i].end`.
#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// Index of the parent; the root is its own.
    parent: u32,
    /// One past the last node of the subtree.
    end: u32,
    /// Of an element: its name as written. Of a text or comment: its content in `local`.
    prefix: Span,
    local: Span,
    /// Index into `declarations` plus [`NS_BASE`], or [`NO_NS`] or [`NS_XML`].
    namespace: u32,
    /// Range of `attributes`.
    attributes: (u32, u32),
    /// Range of `declarations`.
    declarations: (u32, u32),
}

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
    /// Namespaces in XML 1.0 errata and Canonical XML 1.0 section 1.3: a relative URI has no
    /// canonical form.
    relative: bool,
}

const NO_NS: u32 = 0;
const NS_XML: u32 = 1;
const NS_BASE: u32 = 2;

/// One parsed document. Knows nothing of signatures or SAML.
///
/// Names and values are slices of the input, except those with references or line breaks to
/// normalize, which are copied once into a side buffer.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    text: &'a str,
    scratch: String,
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    declarations: Vec<Declaration>,
    /// Bytes that a canonical form may have.
    canonical_limit: usize,
}

/// Stands in for an index that is out of range, which no code here makes.
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

impl Document<'_> {
    fn node(&self, index: u32) -> &Node {
        self.nodes.get(to_usize(index)).unwrap_or(&NOTHING)
    }

    fn str(&self, span: Span) -> &str {
        let (buffer, start) = match span.start & IN_SCRATCH {
            0 => (self.text, span.start),
            _ => (self.scratch.as_str(), span.start & !IN_SCRATCH),
        };
        let range = to_usize(start)..to_usize(start) + to_usize(span.len);
        buffer.get(range).unwrap_or_default()
    }

    fn uri(&self, namespace: u32) -> &str {
        match namespace {
            NO_NS => "",
            NS_XML => XML_NS,
            _ => self
                .declarations
                .get(to_usize(namespace - NS_BASE))
                .map_or("", |declaration| self.str(declaration.uri)),
        }
    }

    /// The document element.
    pub(crate) fn root(&self) -> Element<'_> {
        Element::new(self, 0)
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

/// Why the bytes are not a document that we read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Not UTF-8, or declares another encoding.
    #[error("the document is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Bytes before the fault.
        at: usize,
    },
    /// There is a document type declaration, and with it entities (CVE-2016-10127, CVE-2025-25291).
    #[error("the document has a DOCTYPE at byte {at}; SAML messages have none")]
    Doctype {
        /// Bytes before the fault.
        at: usize,
    },
    /// Not well-formed (XML 1.0) or not namespace-well-formed (Namespaces in XML 1.0).
    #[error("the document is not well-formed at byte {at}: {rule}")]
    Malformed {
        /// Bytes before the fault, or before the tag that has it.
        at: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// More than we read of anything.
    #[error("the document has more than {limit} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// An element that the schema demands is not there.
    #[error("{parent} has no `{child}` where the schema wants it")]
    MissingElement {
        /// The element that should hold it.
        parent: Quoted,
        /// The element that is missing.
        child: &'static str,
    },
    /// An element stands where the schema has none, or once too often.
    #[error("{parent} holds {found} where the schema does not allow it")]
    UnexpectedElement {
        /// The element that holds it.
        parent: Quoted,
        /// The element that does not belong there.
        found: Quoted,
    },
    /// Text stands between elements, or an element or comment stands inside a value.
    #[error("{element} mixes text with elements or comments")]
    MixedContent {
        /// The element in question.
        element: Quoted,
    },
    /// An attribute that the schema demands is not there.
    #[error("{element} has no attribute `{attribute}`")]
    MissingAttribute {
        /// The element that should have it.
        element: Quoted,
        /// Its name.
        attribute: &'static str,
    },
    /// A value is not of the type that the schema gives it.
    #[error("{element} holds a value that is no {expected}")]
    InvalidValue {
        /// The element that holds the value.
        element: Quoted,
        /// The type.
        expected: &'static str,
    },
    /// Its namespaces have no canonical form (Canonical XML 1.0 section 1.3).
    #[error("{element} declares a relative namespace URI, which has no canonical form")]
    RelativeNamespace {
        /// The element that declares it.
        element: Quoted,
    },
}

impl XmlError {
    /// A name that stays the same from release to release.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "saml.xml_not_utf8",
            Self::Doctype { .. } => "saml.xml_doctype",
            Self::Malformed { .. } => "saml.xml_malformed",
            Self::TooMuch { .. } => "saml.xml_too_large",
            Self::RelativeNamespace { .. } => "saml.xml_relative_namespace",
            Self::MissingElement { .. }
            | Self::UnexpectedElement { .. }
            | Self::MixedContent { .. }
            | Self::MissingAttribute { .. }
            | Self::InvalidValue { .. } => "saml.xml_schema",
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/xml.rs"]
mod tests;
