//! Reading a `Document`: elements, their attributes, and children in the order of a schema.

use super::{Document, Kind, NO_NS, Node, XmlError, to_usize};
use crate::encoding::{Quoted, is_space};

/// One element of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) index: u32,
    node: &'d Node,
}

/// Two elements are equal if they are the same element of the same document.
impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.index == other.index
    }
}

impl<'d> Element<'d> {
    pub(super) fn new(document: &'d Document<'d>, index: u32) -> Self {
        Self { document, index, node: document.node(index) }
    }

    /// The name without prefix.
    pub(crate) fn local_name(self) -> &'d str {
        self.document.str(self.node.local)
    }

    /// The URI of the namespace; empty for none.
    pub(crate) fn namespace(self) -> &'d str {
        self.document.uri(self.node.namespace)
    }

    /// Whether this is its expanded name. Never compare less.
    pub(crate) fn is(self, namespace: &str, local: &str) -> bool {
        self.local_name() == local && self.namespace() == namespace
    }

    /// The parent element, unless this is the root.
    pub(crate) fn parent(self) -> Option<Self> {
        (self.index != 0).then(|| Self::new(self.document, self.node.parent))
    }

    /// This element and all elements inside it, in document order.
    pub(crate) fn descendants(self) -> impl Iterator<Item = Self> {
        (self.index..self.node.end)
            .map(move |index| Self::new(self.document, index))
            .filter(|element| element.node.kind == Kind::Element)
    }

    /// How many nodes are inside, and about how many bytes they were written in: enough to make room for what is read.
    pub(crate) fn extent(self) -> (usize, usize) {
        let last = self.document.node(self.node.end.saturating_sub(1)).local.range();
        let bytes = last.end.saturating_sub(self.node.local.range().start);
        (to_usize(self.node.end.saturating_sub(self.index + 1)), bytes)
    }

    fn child_nodes(self) -> impl Iterator<Item = Self> {
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            (next < self.node.end).then(|| {
                let child = Self::new(self.document, next);
                next = child.node.end.max(next + 1);
                child
            })
        })
    }

    /// The elements directly inside.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> {
        self.child_nodes().filter(|child| child.node.kind == Kind::Element)
    }

    /// The elements directly inside, to be read in the order of the schema. Comments are skipped; text that is not
    /// white space is an error.
    pub(crate) fn children(self) -> Result<Children<'d>, XmlError> {
        let is_text = |child: Self| child.node.kind == Kind::Text && !child.local_name().bytes().all(is_space);
        match self.child_nodes().any(is_text) {
            true => Err(XmlError::MixedContent(self.quoted())),
            false => Ok(Children { parent: self, at: self.index + 1 }),
        }
    }

    /// The text inside. An element or comment among it is an error, because two readers would differ about what the
    /// value is (CVE-2017-11427).
    pub(crate) fn text(self) -> Result<&'d str, XmlError> {
        let mut nodes = self.child_nodes();
        match (nodes.next(), nodes.next()) {
            (None, _) => Ok(""),
            (Some(only), None) if only.node.kind == Kind::Text => Ok(only.local_name()),
            _ => Err(XmlError::MixedContent(self.quoted())),
        }
    }

    /// The value of the attribute of this name and of no namespace.
    pub(crate) fn attribute(self, name: &str) -> Option<&'d str> {
        self.document
            .attributes_of(self.node)
            .iter()
            .find(|found| found.namespace == NO_NS && self.document.str(found.local) == name)
            .map(|found| self.document.str(found.value))
    }

    /// Namespace, local name and value of each attribute.
    pub(crate) fn attributes(self) -> impl Iterator<Item = (&'d str, &'d str, &'d str)> {
        let document = self.document;
        document
            .attributes_of(self.node)
            .iter()
            .map(move |found| (document.uri(found.namespace), document.str(found.local), document.str(found.value)))
    }

    /// Prefix and URI of each namespace in scope; of the default one, the prefix is empty.
    pub(crate) fn namespaces(self) -> Vec<(&'d str, &'d str)> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let mut next = Some(self);
        while let Some(element) = next {
            for declaration in self.document.declarations_of(element.node) {
                let prefix = self.document.str(declaration.prefix);
                if found.iter().all(|(inner, _)| *inner != prefix) {
                    found.push((prefix, self.document.str(declaration.uri)));
                }
            }
            next = element.parent();
        }
        found
    }

    /// As [`attribute`](Self::attribute), when the schema demands it.
    pub(crate) fn required(self, name: &'static str) -> Result<&'d str, XmlError> {
        self.attribute(name).ok_or_else(|| XmlError::MissingAttribute(self.quoted(), name))
    }

    /// The value is not of the type that the schema gives it.
    pub(crate) fn invalid(self, expected: &'static str) -> XmlError {
        XmlError::InvalidValue(self.quoted(), expected)
    }

    /// The name, for an error.
    pub(crate) fn quoted(self) -> Quoted {
        Quoted::new(self.local_name())
    }
}

/// The children of an element, taken in the order of a schema's `xs:sequence`.
#[derive(Debug)]
pub(crate) struct Children<'d> {
    parent: Element<'d>,
    at: u32,
}

impl<'d> Children<'d> {
    /// The next child, without taking it.
    pub(crate) fn peek(&mut self) -> Option<Element<'d>> {
        while self.at < self.parent.node.end {
            let child = Element::new(self.parent.document, self.at);
            if child.node.kind == Kind::Element {
                return Some(child);
            }
            self.at += 1;
        }
        None
    }

    /// The next child, whatever it is.
    pub(crate) fn any(&mut self) -> Option<Element<'d>> {
        let child = self.peek()?;
        self.at = child.node.end;
        Some(child)
    }

    /// The next child, if it has this name (`minOccurs="0"`).
    pub(crate) fn optional(&mut self, namespace: &str, local: &str) -> Option<Element<'d>> {
        self.peek().filter(|child| child.is(namespace, local)).and_then(|_| self.any())
    }

    /// The next child, which must have this name.
    pub(crate) fn one(&mut self, namespace: &str, local: &'static str) -> Result<Element<'d>, XmlError> {
        let parent = self.parent;
        self.optional(namespace, local).ok_or_else(|| XmlError::MissingElement(parent.quoted(), local))
    }

    /// The end of the sequence: another child is an error.
    pub(crate) fn end(mut self) -> Result<(), XmlError> {
        match self.peek() {
            None => Ok(()),
            Some(found) => Err(XmlError::UnexpectedElement(self.parent.quoted(), found.quoted())),
        }
    }
}
