//! Bytes to `Document`, in one pass: where a token ends and what may stand in it are decided together, because two
//! readers of one tag are two parsers.

use std::cmp::Ordering;

use memchr::{memchr, memchr2, memchr3};

use super::name::{first_non_char, is_absolute_uri, is_char, is_ncname, scan_qname};
use super::{
    Attribute, Declaration, Document, IN_SCRATCH, Kind, Limits, NO_NS, NOTHING, NS_BASE, NS_XML, Node, Span, XML_NS,
    XMLNS_NS, XmlError, to_u32, to_usize,
};
use crate::encoding::{XML_SPACE, any_byte, is_space};

/// Longer than any namespace in use. Names are compared with their URIs, and the canonical form may repeat a URI at
/// each element, so this bounds what one costs.
const MAX_URI: usize = 1024;

const BOM: char = '\u{FEFF}';

impl<'a> Document<'a> {
    /// Reads a document in UTF-8, with or without byte order mark (Entra's metadata has one). It must be well-formed
    /// and namespace-well-formed, and cross no limit.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, XmlError> {
        if bytes.len() > limits.bytes {
            return Err(XmlError::TooMuch("bytes", limits.bytes));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| XmlError::NotUtf8(error.valid_up_to()))?;
        Self::parse_str(text.strip_prefix(BOM).unwrap_or(text), limits)
    }

    /// As [`parse`](Self::parse), for text without byte order mark.
    pub(crate) fn parse_str(text: &'a str, limits: &Limits) -> Result<Self, XmlError> {
        if text.len() > limits.bytes {
            return Err(XmlError::TooMuch("bytes", limits.bytes));
        }
        if let Some(at) = first_non_char(text) {
            return Err(XmlError::Malformed(at, "a character that XML does not allow"));
        }
        let canonical_limit = limits.of_octets().bytes;
        let mut document = Document { text, canonical_limit, ..Document::default() };
        // Entra's messages have a node for each 50 bytes and an attribute for each 90.
        document.nodes.reserve(text.len() / 48 + 8);
        document.attributes.reserve(text.len() / 80 + 8);
        document.declarations.reserve(8);
        let controls = any_byte(text, |byte| matches!(byte, 0..0x20));
        Parser { document, limits, controls, open: None, depth: 0, innermost: None, in_scope: 0, at: 0, in_text: false }
            .run()
    }
}

struct Parser<'a, 'l> {
    document: Document<'a>,
    limits: &'l Limits,
    /// Whether there is any white space but the space itself. Without, as in most messages, there is none to normalize.
    controls: bool,
    /// Index of the innermost element that is open; the others are its ancestors.
    open: Option<u32>,
    /// How many elements are open.
    depth: usize,
    /// Index of the innermost declaration in scope; each leads to the next outer one.
    innermost: Option<u32>,
    /// How many declarations are in scope.
    in_scope: usize,
    /// Where the token under work begins.
    at: usize,
    /// Whether the last node is a text that the next token may continue.
    in_text: bool,
}

impl<'a> Parser<'a, '_> {
    fn run(mut self) -> Result<Document<'a>, XmlError> {
        let text = self.document.text;
        while let Some(rest) = text.get(self.at..).filter(|rest| !rest.is_empty()) {
            self.at = match rest.as_bytes() {
                [b'<', b'/', ..] => self.end_tag()?,
                [b'<', b'!', b'-', ..] => self.comment(rest)?,
                [b'<', b'!', b'[', ..] => self.cdata(rest)?,
                [b'<', b'!', name @ ..] if starts_doctype(name) => return Err(XmlError::Doctype(self.at)),
                [b'<', b'?', ..] => self.declaration(rest)?,
                [b'<', ..] => self.start_tag()?,
                [b'&', ..] => self.reference(rest)?,
                _ => self.text(rest)?,
            };
        }
        match self.open.is_none() && !self.document.nodes.is_empty() {
            true => Ok(self.document),
            false => Err(self.fault("the root element is missing or does not end")),
        }
    }

    fn fault(&self, rule: &'static str) -> XmlError {
        XmlError::Malformed(self.at, rule)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.document.text.as_bytes().get(at).copied()
    }

    /// Where white space that begins at `at` ends.
    fn after_space(&self, at: usize) -> usize {
        let rest = self.document.text.as_bytes().get(at..).unwrap_or_default();
        at + rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len())
    }

    fn push(&mut self, node: Node) -> Result<(), XmlError> {
        if self.document.nodes.len() >= self.limits.nodes {
            return Err(XmlError::TooMuch("nodes", self.limits.nodes));
        }
        self.document.nodes.push(node);
        Ok(())
    }

    fn leaf(&mut self, kind: Kind, local: Span) -> Result<(), XmlError> {
        match (self.open, kind) {
            (Some(parent), _) => self.push(Node { kind, parent, local, ..NOTHING }),
            (None, Kind::Comment) => Ok(()), // before or after the root: no part of what we read
            (None, _) => Err(self.fault("text stands outside the root element")),
        }
    }

    // ---- tags; each of these returns where its token ends ----

    fn start_tag(&mut self) -> Result<usize, XmlError> {
        self.in_text = false;
        if self.open.is_none() && !self.document.nodes.is_empty() {
            return Err(self.fault("there is a second root element"));
        }
        let depth = usize::from(self.limits.depth);
        if self.depth >= depth {
            return Err(XmlError::TooMuch("levels", depth));
        }
        let (prefix, local, after) = self.qname(self.at + 1)?;
        let (attributes, declarations) = (self.document.attributes.len(), self.document.declarations.len());
        let after = self.attributes(after)?;
        let (empty, end) = match (self.byte(after), self.byte(after + 1)) {
            (Some(b'>'), _) => (false, after + 1),
            (Some(b'/'), Some(b'>')) => (true, after + 2),
            _ => return Err(self.fault("a tag does not end")),
        };
        let declarations = (to_u32(declarations), to_u32(self.document.declarations.len()));
        if declarations.0 != declarations.1 {
            self.enter_scope(declarations.0)?;
        }
        // That includes the prefix `xmlns`, which nothing declares.
        let namespace = match self.open.map(|parent| self.document.node(parent)) {
            // Most elements are of their parent's vocabulary.
            Some(parent) if declarations.0 == declarations.1 && self.document.same(parent.prefix, prefix) => {
                parent.namespace
            }
            _ => self.resolve(prefix)?,
        };
        if attributes != self.document.attributes.len() {
            self.resolve_attributes(attributes)?;
        }
        let attributes = (to_u32(attributes), to_u32(self.document.attributes.len()));
        let index = to_u32(self.document.nodes.len());
        let (kind, parent) = (Kind::Element, self.open.unwrap_or(index));
        // The end of the subtree is not known before `close`.
        self.push(Node { kind, parent, end: 0, prefix, local, namespace, attributes, declarations })?;
        self.open = Some(index);
        self.depth += 1;
        if empty {
            self.close(index);
        }
        Ok(end)
    }

    fn end_tag(&mut self) -> Result<usize, XmlError> {
        self.in_text = false;
        let open = self.open.map(|index| (index, self.document.node(index)));
        let name = open.map_or("", |(_, open)| self.document.qname(open.prefix, open.local));
        let rest = self.document.text.get(self.at + 2..).unwrap_or_default();
        let after = self.after_space(self.at + 2 + name.len());
        match open {
            Some((index, _)) if rest.starts_with(name) && self.byte(after) == Some(b'>') => self.close(index),
            _ => return Err(self.fault("an end tag does not match its start tag")),
        }
        Ok(after + 1)
    }

    /// Ends the innermost element, and with it the scope of its declarations.
    fn close(&mut self, index: u32) {
        let end = to_u32(self.document.nodes.len());
        let Some(node) = self.document.nodes.get_mut(to_usize(index)) else { return };
        node.end = end;
        self.open = Some(node.parent).filter(|parent| *parent != index);
        self.depth -= 1;
        if let [first, ..] = self.document.declarations_of(self.document.node(index)) {
            self.innermost = first.outer;
        }
        let (first, last) = self.document.node(index).declarations;
        self.in_scope -= to_usize(last - first);
    }

    /// Prefix and local part of the name at byte `at`, and where it ends.
    fn qname(&self, at: usize) -> Result<(Span, Span, usize), XmlError> {
        let (local, end) = scan_qname(self.document.text, at).ok_or_else(|| self.fault("a name is no QName"))?;
        Ok((Span::new(at, (local - at).saturating_sub(1)), Span::new(local, end - local), end))
    }

    /// Reads attributes from byte `at` on, and returns where something else begins. Their namespaces are not resolved
    /// yet.
    fn attributes(&mut self, mut at: usize) -> Result<usize, XmlError> {
        let text = self.document.text;
        let (attributes, declarations) = (self.document.attributes.len(), self.document.declarations.len());
        loop {
            let name = self.after_space(at);
            if matches!(self.byte(name), None | Some(b'>' | b'/' | b'?')) {
                return Ok(name);
            }
            let (prefix, local, end) = self.qname(name)?;
            let equals = self.after_space(end);
            let open = self.after_space(equals + 1);
            let quote = match (self.byte(equals), self.byte(open)) {
                (Some(b'='), Some(quote @ (b'"' | b'\''))) if name > at => quote,
                _ => return Err(self.fault("an attribute is not written name=\"value\"")),
            };
            let rest = text.as_bytes().get(open + 1..).unwrap_or_default();
            let length = memchr(quote, rest).ok_or_else(|| self.fault("an attribute value does not end"))?;
            let value = self.attribute_value(open + 1, length)?;
            match (self.document.name(prefix), self.document.name(local)) {
                (b"", b"xmlns") => self.declare(Span::default(), value)?,
                (b"xmlns", _) => self.declare(local, value)?,
                _ => self.document.attributes.push(Attribute { prefix, local, namespace: NO_NS, value }),
            }
            let (all, declared) = (self.document.attributes.len(), self.document.declarations.len());
            if all - attributes + declared - declarations > self.limits.attributes {
                return Err(XmlError::TooMuch("attributes", self.limits.attributes));
            }
            at = open + 1 + length + 1;
        }
    }

    /// Namespaces in XML 1.0 section 3, and the constraints of sections 2.2 and 5.
    fn declare(&mut self, prefix: Span, uri: Span) -> Result<(), XmlError> {
        let (name, value) = (self.document.str(prefix), self.document.str(uri));
        let reserved = value == XML_NS || value == XMLNS_NS;
        let allowed = match name {
            "xmlns" => false,
            "xml" => value == XML_NS,
            "" => !reserved,
            _ => !value.is_empty() && !reserved,
        };
        if !allowed {
            return Err(self.fault("a namespace declaration that is not allowed"));
        }
        if value.len() > MAX_URI {
            return Err(XmlError::TooMuch("bytes in a namespace URI", MAX_URI));
        }
        let relative = !value.is_empty() && !is_absolute_uri(value);
        self.document.declarations.push(Declaration { prefix, uri, relative, outer: None });
        Ok(())
    }

    /// The namespace of a prefix; without one, the default namespace, which only elements take.
    fn resolve(&self, prefix: Span) -> Result<u32, XmlError> {
        let document = &self.document;
        if document.name(prefix) == b"xml" {
            return Ok(NS_XML);
        }
        let mut next = self.innermost;
        while let Some((index, found)) = next.and_then(|at| Some((at, document.declarations.get(to_usize(at))?))) {
            match document.same(found.prefix, prefix) {
                true => return Ok(index + NS_BASE),
                false => next = found.outer,
            }
        }
        match prefix.len {
            0 => Ok(NO_NS),
            _ => Err(self.fault("a prefix is not declared")),
        }
    }

    /// Brings the declarations of the tag under work into scope, from index `first` on. Each prefix must be unique.
    fn enter_scope(&mut self, first: u32) -> Result<(), XmlError> {
        let mut all = std::mem::take(&mut self.document.declarations);
        let tag = all.get_mut(to_usize(first)..).unwrap_or_default();
        tag.sort_unstable_by_key(|declaration| self.document.name(declaration.prefix));
        let twice = tag.iter().zip(tag.iter().skip(1)).any(|(a, b)| self.document.same(a.prefix, b.prefix));
        for (index, declaration) in (first..).zip(tag) {
            declaration.outer = self.innermost.replace(index);
            self.in_scope += 1;
        }
        self.document.declarations = all;
        match twice {
            true => Err(self.fault("an attribute stands twice")),
            false if self.in_scope > self.limits.namespaces => {
                Err(XmlError::TooMuch("namespaces", self.limits.namespaces))
            }
            false => Ok(()),
        }
    }

    /// Resolves the attributes of the tag under work, from index `first` on, and brings them into the order of the
    /// canonical form: by namespace URI, then by local name (Canonical XML 1.0 section 2.3). Each expanded name must be
    /// unique (XML 1.0 section 3.1, Namespaces in XML section 6.3).
    fn resolve_attributes(&mut self, first: usize) -> Result<(), XmlError> {
        let mut all = std::mem::take(&mut self.document.attributes);
        let tag = all.get_mut(first..).unwrap_or_default();
        for attribute in tag.iter_mut().filter(|attribute| attribute.prefix.len > 0) {
            attribute.namespace = self.resolve(attribute.prefix)?;
        }
        let document = &self.document;
        let order = |a: &Attribute, b: &Attribute| {
            let namespaces = match a.namespace == b.namespace {
                true => Ordering::Equal,
                false => document.uri(a.namespace).cmp(document.uri(b.namespace)),
            };
            namespaces.then_with(|| document.name(a.local).cmp(document.name(b.local)))
        };
        tag.sort_unstable_by(order);
        let twice = tag.iter().zip(tag.iter().skip(1)).any(|(a, b)| order(a, b) == Ordering::Equal);
        self.document.attributes = all;
        match twice {
            true => Err(self.fault("an attribute stands twice")),
            false => Ok(()),
        }
    }

    // ---- character data ----

    /// XML 1.0 sections 2.11 and 3.3.3: references are replaced, white space becomes spaces.
    fn attribute_value(&mut self, at: usize, length: usize) -> Result<Span, XmlError> {
        let raw = self.document.text.get(at..at + length).unwrap_or_default();
        match memchr2(b'<', b'&', raw.as_bytes()) {
            None if !self.controls => return Ok(Span::new(at, length)),
            Some(_) if raw.contains('<') => return Err(self.fault("< stands in an attribute value")),
            _ => {}
        }
        if !raw.contains(['&', '\t', '\n', '\r']) {
            return Ok(Span::new(at, length));
        }
        let start = self.document.scratch.len();
        let mut rest = raw;
        while let Some(found) = rest.find(['&', '\t', '\n', '\r']) {
            let (plain, special) = rest.split_at_checked(found).unwrap_or((rest, ""));
            self.document.scratch.push_str(plain);
            rest = if let Some(after) = special.strip_prefix('&') {
                let (name, after) = after.split_once(';').ok_or_else(|| self.fault("a reference does not end"))?;
                let character = self.referenced(name)?;
                self.document.scratch.push(character);
                after
            } else {
                self.document.scratch.push(' ');
                special.strip_prefix("\r\n").or_else(|| special.get(1..)).unwrap_or_default()
            };
        }
        self.document.scratch.push_str(rest);
        Ok(self.scratch_from(start))
    }

    fn scratch_from(&self, start: usize) -> Span {
        let span = Span::new(start, self.document.scratch.len() - start);
        Span { start: span.start | IN_SCRATCH, ..span }
    }

    /// What stands between `&` and `;`: one of the five, or a character (XML 1.0 section 4.1).
    fn referenced(&self, name: &str) -> Result<char, XmlError> {
        let number = name.strip_prefix('#').and_then(|digits| {
            let hexadecimal = digits.strip_prefix('x').map(|digits| (digits, 16));
            let (digits, radix) = hexadecimal.unwrap_or((digits, 10));
            // `from_str_radix` takes a sign, XML does not.
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u32::from_str_radix(digits, radix).ok().filter(|_| plain)
        });
        match name {
            "amp" => Ok('&'),
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => number
                .and_then(char::from_u32)
                .filter(|c| is_char(*c))
                .ok_or_else(|| self.fault("a reference to something that is no character")),
        }
    }

    fn text(&mut self, rest: &'a str) -> Result<usize, XmlError> {
        let bytes = rest.as_bytes();
        let mut length = memchr3(b'<', b'&', b']', bytes).unwrap_or(bytes.len());
        let bracket = bytes.get(length) == Some(&b']');
        if bracket {
            length = memchr2(b'<', b'&', bytes).unwrap_or(bytes.len());
        }
        let text = rest.get(..length).unwrap_or_default();
        let end = self.at + length;
        if self.open.is_none() && text.bytes().all(is_space) {
            return Ok(end);
        }
        if bracket && text.contains("]]>") {
            return Err(self.fault("]]> stands in text"));
        }
        self.character_data(text, self.at).map(|()| end)
    }

    fn reference(&mut self, rest: &str) -> Result<usize, XmlError> {
        let length = memchr(b';', rest.as_bytes()).ok_or_else(|| self.fault("a reference does not end"))?;
        let character = self.referenced(rest.get(1..length).unwrap_or_default())?;
        self.text_in_scratch(|scratch| scratch.push(character)).map(|()| self.at + length + 1)
    }

    fn cdata(&mut self, rest: &'a str) -> Result<usize, XmlError> {
        let content = rest.strip_prefix(CDATA).and_then(|rest| rest.split_once("]]>"));
        let (content, _) = content.ok_or_else(|| self.fault("a broken CDATA section"))?;
        let (start, end) = (self.at + CDATA.len(), self.at + CDATA.len() + content.len() + "]]>".len());
        if content.is_empty() && self.open.is_some() {
            return Ok(end); // is in no tree: neither in ours nor in the canonical form
        }
        self.character_data(content, start).map(|()| end)
    }

    /// Text as written, from byte `at` of the input on; only its line ends are normalized.
    fn character_data(&mut self, text: &'a str, at: usize) -> Result<(), XmlError> {
        if self.in_text || (self.controls && text.contains('\r')) {
            return self.text_in_scratch(|scratch| push_lines(scratch, text));
        }
        self.in_text = true;
        self.leaf(Kind::Text, Span::new(at, text.len()))
    }

    /// Adds text that is not as it stands in the input, to the text under way or as a new one.
    fn text_in_scratch(&mut self, write: impl FnOnce(&mut String)) -> Result<(), XmlError> {
        let Document { text, scratch, nodes, .. } = &mut self.document;
        let so_far = nodes.last().filter(|_| self.in_text).map(|node| node.local);
        let start = match so_far {
            // A text under way is the last thing in the side buffer, if it is there at all.
            Some(span) if span.in_scratch() => span.range().start,
            _ => scratch.len(),
        };
        if let Some(span) = so_far.filter(|span| !span.in_scratch()) {
            scratch.push_str(text.get(span.range()).unwrap_or_default());
        }
        write(scratch);
        let content = self.scratch_from(start);
        match self.document.nodes.last_mut() {
            Some(node) if self.in_text => node.local = content,
            _ => self.leaf(Kind::Text, content)?,
        }
        self.in_text = true;
        Ok(())
    }

    /// XML 1.0 production 15: it ends at the first `--`, which `>` must follow.
    fn comment(&mut self, rest: &str) -> Result<usize, XmlError> {
        self.in_text = false;
        let content = rest.strip_prefix("<!--").and_then(|rest| rest.split_once("--"));
        match content {
            Some((content, after)) if after.starts_with('>') => {
                let start = self.at + "<!--".len();
                self.leaf(Kind::Comment, Span::new(start, content.len()))?;
                Ok(start + content.len() + "-->".len())
            }
            _ => Err(self.fault("a broken comment")),
        }
    }

    /// XML 1.0 production 23; only at the very start, only version 1.0, only UTF-8.
    fn declaration(&mut self, rest: &str) -> Result<usize, XmlError> {
        // `<?xml-stylesheet` is an instruction too.
        let is_declaration = rest.strip_prefix("<?xml").is_some_and(|rest| rest.starts_with(XML_SPACE));
        if self.at > 0 || !is_declaration {
            return Err(self.fault("a processing instruction"));
        }
        let end = self.attributes("<?xml".len())?;
        let mut seen = 0;
        for Attribute { prefix, local, value, .. } in &self.document.attributes {
            // In this order, each at most once.
            let place = match (self.document.qname(*prefix, *local), self.document.str(*value)) {
                _ if value.in_scratch() => 0, // no reference stands for any of this
                ("version", "1.0") => 1,
                ("encoding", name) if name.eq_ignore_ascii_case("utf-8") => 2,
                ("encoding", name) if is_ncname(name) => return Err(XmlError::NotUtf8(self.at)),
                ("standalone", "yes" | "no") => 3,
                _ => 0,
            };
            if place <= seen || (seen == 0 && place != 1) {
                return Err(self.fault("a broken XML declaration"));
            }
            seen = place;
        }
        self.document.attributes.clear();
        let ends = (self.byte(end), self.byte(end + 1)) == (Some(b'?'), Some(b'>'));
        match ends && seen > 0 && self.document.declarations.is_empty() {
            true => Ok(end + 2),
            false => Err(self.fault("a broken XML declaration")),
        }
    }
}

const CDATA: &str = "<![CDATA[";

/// In any case: `<!doctype` is no XML either, but the error should say what it is.
fn starts_doctype(name: &[u8]) -> bool {
    name.get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"DOCTYPE"))
}

/// Copies text with its line ends normalized (XML 1.0 section 2.11).
fn push_lines(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        out.extend([line, "\n"]);
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
}
