//! Escaping writer for the messages that we send: no template, so nothing to inject into.

use super::c14n::{escape, reference};

/// Writes one document, element by element. Names are constants of ours; every value is escaped, so that text cannot
/// become markup (CVE-2026-46490, CVE-2021-37154).
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
    open: Vec<&'static str>,
    /// Whether the last start tag can still take attributes.
    in_tag: bool,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { out: String::with_capacity(1024), ..Self::default() }
    }

    /// Opens an element.
    pub(crate) fn start(&mut self, name: &'static str) -> &mut Self {
        self.finish_tag();
        self.out.extend(["<", name]);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// Adds an attribute to the element just opened.
    pub(crate) fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(self.in_tag, "attributes come before content");
        self.out.extend([" ", name, "=\""]);
        escape_xml(value, &mut self.out);
        self.out.push('"');
        self
    }

    /// Adds an attribute, if there is a value.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// Adds text to the element that is open.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.finish_tag();
        escape_xml(text, &mut self.out);
        self
    }

    /// Closes the element that is open.
    pub(crate) fn end(&mut self) -> &mut Self {
        match (self.open.pop(), std::mem::take(&mut self.in_tag)) {
            (Some(_), true) => self.out.push_str("/>"),
            (Some(name), false) => self.out.extend(["</", name, ">"]),
            (None, _) => {}
        }
        self
    }

    /// An element that holds text only.
    pub(crate) fn leaf(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    /// Adds a whole element that another writer or the signer has made.
    pub(crate) fn element(&mut self, xml: &str) -> &mut Self {
        self.finish_tag();
        self.out.push_str(xml);
        self
    }

    /// The document, with everything closed.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn finish_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.out.push('>');
        }
    }
}

/// Escapes so that the same text comes out of any parser, in text and in attribute values.
fn escape_xml(text: &str, out: &mut String) {
    escape(text, out, |byte| match (reference(byte), byte) {
        // No XML 1.0 can hold these; a replacement is better than a message that nobody can read.
        (None, 0..0x20) => Some("\u{FFFD}"),
        (found, _) => found,
    });
}

/// Escapes for text and double-quoted attributes of HTML.
pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, &mut out, |byte| match byte {
        b'\'' => Some("&#39;"),
        b'\t' | b'\n' | b'\r' => None,
        _ => reference(byte),
    });
    out
}
