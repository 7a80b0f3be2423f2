//! Bytes to `Document`. The only file that names quick-xml: its reader finds where tokens begin and end; what stands in
//! them is judged here, because the reader accepts far more than XML allows.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::name::{first_non_char, is_absolute_uri, is_char, is_ncname, split_qname};
use super::{
    Attribute, Declaration, Document, IN_SCRATCH, Kind, Limits, NO_NS, NOTHING, NS_BASE, NS_XML, Node, Span, XML_NS,
    XMLNS_NS, XmlError, to_u32, to_usize,
};
use crate::encoding::{XML_SPACE, is_space};

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
        // quick-xml would drop a second byte order mark without a word.
        if text.starts_with(BOM) {
            return Err(XmlError::Malformed(0, "text stands before the root element"));
        }
        let document = Document {
            text,
            // Entra's messages have a node for each 50 bytes and an attribute for each 90.
            nodes: Vec::with_capacity(text.len() / 48 + 8),
            attributes: Vec::with_capacity(text.len() / 80 + 8),
            canonical_limit: limits.bytes.saturating_mul(4),
            ..Document::default()
        };
        let (open, scope, tag) = (Vec::new(), Vec::new(), Vec::new());
        Parser { document, limits, open, scope, tag, at: 0, in_text: false }.run()
    }
}

struct Parser<'a, 'l> {
    document: Document<'a>,
    limits: &'l Limits,
    /// Indices of the elements that are open.
    open: Vec<u32>,
    /// Indices of the declarations in scope, innermost last.
    scope: Vec<u32>,
    /// Attributes of the tag under work, whose namespaces are not resolved yet.
    tag: Vec<Attribute>,
    /// Where the token under work begins.
    at: usize,
    /// Whether the last node is a text that the next token may continue.
    in_text: bool,
}

impl<'a> Parser<'a, '_> {
    fn run(mut self) -> Result<Document<'a>, XmlError> {
        let text = self.document.text;
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false; // compared here, byte for byte
        config.allow_unmatched_ends = true; // counted here
        loop {
            let event = reader.read_event().map_err(|_| self.fault("a broken tag or reference"))?;
            let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let token = text.get(self.at..end).ok_or_else(|| self.fault("a broken token"))?;
            match event {
                Event::Eof => break,
                Event::Start(_) => self.start_tag(inside(token, "<", ">"), false)?,
                Event::Empty(_) => self.start_tag(inside(token, "<", "/>"), true)?,
                Event::End(_) => self.end_tag(token)?,
                Event::Text(_) => self.text(token)?,
                Event::GeneralRef(_) => self.reference(token)?,
                Event::CData(_) => self.cdata(token)?,
                Event::Comment(_) => self.comment(token)?,
                Event::Decl(_) => self.declaration(token)?,
                Event::PI(_) => return Err(self.fault("a processing instruction")),
                Event::DocType(_) => return Err(XmlError::Doctype(self.at)),
            }
            self.at = end;
        }
        // quick-xml reports a plain end of input inside an open element.
        match self.open.is_empty() && !self.document.nodes.is_empty() {
            true => Ok(self.document),
            false => Err(self.fault("the root element is missing or does not end")),
        }
    }

    fn fault(&self, rule: &'static str) -> XmlError {
        XmlError::Malformed(self.at, rule)
    }

    fn push(&mut self, node: Node) -> Result<(), XmlError> {
        if self.document.nodes.len() >= self.limits.nodes {
            return Err(XmlError::TooMuch("nodes", self.limits.nodes));
        }
        self.document.nodes.push(node);
        Ok(())
    }

    fn leaf(&mut self, kind: Kind, local: Span) -> Result<(), XmlError> {
        match (self.open.last().copied(), kind) {
            (Some(parent), _) => self.push(Node { kind, parent, local, ..NOTHING }),
            (None, Kind::Comment) => Ok(()), // before or after the root: no part of what we read
            (None, _) => Err(self.fault("text stands outside the root element")),
        }
    }

    // ---- tags ----

    /// `tag` is the token without its brackets.
    fn start_tag(&mut self, tag: Option<&'a str>, empty: bool) -> Result<(), XmlError> {
        self.in_text = false;
        let tag = tag.ok_or_else(|| self.fault("a broken tag"))?;
        if self.open.is_empty() && !self.document.nodes.is_empty() {
            return Err(self.fault("there is a second root element"));
        }
        let depth = usize::from(self.limits.depth);
        if self.open.len() >= depth {
            return Err(XmlError::TooMuch("levels", depth));
        }
        let (name, rest) = tag.split_at_checked(tag.find(XML_SPACE).unwrap_or(tag.len())).unwrap_or((tag, ""));
        let (prefix, local) = self.qname(name, self.at + 1)?;
        let declarations = to_u32(self.document.declarations.len());
        self.attributes(rest, self.at + 1 + name.len())?;
        let declared = to_u32(self.document.declarations.len());
        self.scope.extend(declarations..declared);
        if self.scope.len() > self.limits.namespaces {
            return Err(XmlError::TooMuch("namespaces", self.limits.namespaces));
        }
        // That includes the prefix `xmlns`, which nothing declares.
        let namespace = self.resolve(prefix, true)?;
        let attributes = to_u32(self.document.attributes.len());
        self.resolve_attributes(declarations)?;
        let attributes = (attributes, to_u32(self.document.attributes.len()));
        let declarations = (declarations, declared);
        let index = to_u32(self.document.nodes.len());
        let (kind, parent) = (Kind::Element, self.open.last().copied().unwrap_or(index));
        let end = 0; // until `close` knows
        self.push(Node { kind, parent, end, prefix, local, namespace, attributes, declarations })?;
        self.open.push(index);
        if empty {
            self.close();
        }
        Ok(())
    }

    fn end_tag(&mut self, token: &str) -> Result<(), XmlError> {
        self.in_text = false;
        let name = inside(token, "</", ">").map(|name| name.trim_end_matches(XML_SPACE));
        let open = self.open.last().map(|index| self.document.node(*index));
        if open.map(|open| self.document.qname(open.prefix, open.local)) != name || name.is_none() {
            return Err(self.fault("an end tag does not match its start tag"));
        }
        self.close();
        Ok(())
    }

    /// Ends the innermost element, and with it the scope of its declarations.
    fn close(&mut self) {
        let end = to_u32(self.document.nodes.len());
        let Some(index) = self.open.pop() else { return };
        if let Some(node) = self.document.nodes.get_mut(to_usize(index)) {
            node.end = end;
            let (first, last) = node.declarations;
            self.scope.truncate(self.scope.len().saturating_sub(to_usize(last - first)));
        }
    }

    /// Prefix and local part, where `name` begins at byte `start` of the input.
    fn qname(&self, name: &str, start: usize) -> Result<(Span, Span), XmlError> {
        let (prefix, local) = split_qname(name).ok_or_else(|| self.fault("a name is no QName"))?;
        let local_start = start + name.len() - local.len();
        Ok((Span::new(start, prefix.len()), Span::new(local_start, local.len())))
    }

    /// `rest` is what follows the name in a tag; it begins at byte `start` of the input.
    fn attributes(&mut self, rest: &str, start: usize) -> Result<(), XmlError> {
        let bytes = rest.as_bytes();
        let declarations = self.document.declarations.len();
        let mut at = 0;
        loop {
            let spaces = count(bytes, at, is_space);
            at += spaces;
            if at == bytes.len() {
                return Ok(());
            }
            let name_end = at + count(bytes, at, |byte| byte != b'=' && !is_space(byte));
            let equals = name_end + count(bytes, name_end, is_space);
            let open = equals + 1 + count(bytes, equals + 1, is_space);
            let quote = match (bytes.get(equals), bytes.get(open)) {
                (Some(b'='), Some(quote @ (b'"' | b'\''))) if spaces > 0 => *quote,
                _ => return Err(self.fault("an attribute is not written name=\"value\"")),
            };
            let close = open + 1 + count(bytes, open + 1, |byte| byte != quote);
            let (Some(name), Some(value), Some(_)) =
                (rest.get(at..name_end), rest.get(open + 1..close), bytes.get(close))
            else {
                return Err(self.fault("an attribute value does not end"));
            };
            let (prefix, local) = self.qname(name, start + at)?;
            let value = self.attribute_value(value, start + open + 1)?;
            match (self.document.str(prefix), self.document.str(local)) {
                ("", "xmlns") => self.declare(Span::default(), value)?,
                ("xmlns", _) => self.declare(local, value)?,
                _ => self.tag.push(Attribute { prefix, local, namespace: NO_NS, value }),
            }
            if self.tag.len() + self.document.declarations.len() - declarations > self.limits.attributes {
                return Err(XmlError::TooMuch("attributes", self.limits.attributes));
            }
            at = close + 1;
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
        self.document.declarations.push(Declaration { prefix, uri, relative });
        Ok(())
    }

    /// The namespace of a name; only elements take the default one.
    fn resolve(&self, prefix: Span, default: bool) -> Result<u32, XmlError> {
        let name = self.document.str(prefix);
        match name {
            "xml" => return Ok(NS_XML),
            "" if !default => return Ok(NO_NS),
            _ => {}
        }
        let declared = self.scope.iter().rev().find_map(|index| {
            let found = self.document.declarations.get(to_usize(*index))?;
            (self.document.str(found.prefix) == name).then_some((*index, found.uri.len))
        });
        match declared {
            Some((index, 1..)) => Ok(index + NS_BASE),
            None if !name.is_empty() => Err(self.fault("a prefix is not declared")),
            _ => Ok(NO_NS), // the default namespace is not declared, or undeclared
        }
    }

    /// Resolves the attributes of the tag under work, and demands that each name and each declared prefix is unique
    /// (XML 1.0 section 3.1, Namespaces in XML section 6.3).
    fn resolve_attributes(&mut self, declarations: u32) -> Result<(), XmlError> {
        let mut tag = std::mem::take(&mut self.tag);
        for attribute in &mut tag {
            attribute.namespace = self.resolve(attribute.prefix, false)?;
        }
        let document = &mut self.document;
        let key = |a: &Attribute| (document.str(a.local), document.uri(a.namespace));
        tag.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        let declared = document.declarations.get(to_usize(declarations)..).unwrap_or_default();
        let twice = has_pair(declared, |a, b| document.str(a.prefix) == document.str(b.prefix))
            || tag.iter().zip(tag.iter().skip(1)).any(|(a, b)| key(a) == key(b));
        document.attributes.append(&mut tag);
        self.tag = tag; // empty again, for the next
        match twice {
            true => Err(self.fault("an attribute stands twice")),
            false => Ok(()),
        }
    }

    // ---- character data ----

    /// XML 1.0 sections 2.11 and 3.3.3: references are replaced, white space becomes spaces.
    fn attribute_value(&mut self, raw: &str, at: usize) -> Result<Span, XmlError> {
        if raw.contains('<') {
            return Err(self.fault("< stands in an attribute value"));
        }
        if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
            return Ok(Span::new(at, raw.len()));
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

    fn text(&mut self, token: &'a str) -> Result<(), XmlError> {
        if token.is_empty() || (self.open.is_empty() && token.bytes().all(is_space)) {
            return Ok(());
        }
        if token.contains("]]>") {
            return Err(self.fault("]]> stands in text"));
        }
        self.character_data(token, self.at)
    }

    fn reference(&mut self, token: &str) -> Result<(), XmlError> {
        let character = self.referenced(inside(token, "&", ";").unwrap_or_default())?;
        self.text_in_scratch(|scratch| scratch.push(character))
    }

    fn cdata(&mut self, token: &'a str) -> Result<(), XmlError> {
        let content = inside(token, "<![CDATA[", "]]>");
        let content = content.ok_or_else(|| self.fault("a broken CDATA section"))?;
        if content.is_empty() && !self.open.is_empty() {
            return Ok(()); // is in no tree: neither in ours nor in the canonical form
        }
        self.character_data(content, self.at + "<![CDATA[".len())
    }

    /// Text as written, from byte `at` of the input on; only its line ends are normalized.
    fn character_data(&mut self, text: &'a str, at: usize) -> Result<(), XmlError> {
        if self.in_text || text.contains('\r') {
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

    fn comment(&mut self, token: &str) -> Result<(), XmlError> {
        self.in_text = false;
        match inside(token, "<!--", "-->") {
            Some(content) if !content.contains("--") && !content.ends_with('-') => {
                self.leaf(Kind::Comment, Span::new(self.at + 4, content.len()))
            }
            _ => Err(self.fault("a broken comment")),
        }
    }

    /// XML 1.0 production 23; only at the very start, only version 1.0, only UTF-8.
    fn declaration(&mut self, token: &'a str) -> Result<(), XmlError> {
        let content = inside(token, "<?xml", "?>").filter(|_| self.at == 0);
        let content = content.ok_or_else(|| self.fault("a misplaced XML declaration"))?;
        self.attributes(content, "<?xml".len())?;
        let mut seen = 0;
        for Attribute { prefix, local, value, .. } in std::mem::take(&mut self.tag) {
            // In this order, each at most once.
            let place = match (self.document.qname(prefix, local), self.document.str(value)) {
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
        match seen > 0 && self.document.declarations.is_empty() {
            true => Ok(()),
            false => Err(self.fault("a broken XML declaration")),
        }
    }
}

/// What stands between the brackets of a token.
fn inside<'t>(token: &'t str, open: &str, close: &str) -> Option<&'t str> {
    token.strip_prefix(open)?.strip_suffix(close)
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

/// How many bytes from `at` on satisfy `test`.
fn count(bytes: &[u8], at: usize, test: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| !test(*byte)).unwrap_or(rest.len())
}

/// Whether any two are the same. Pairwise, which is fastest for the few that limits allow.
fn has_pair<T>(items: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    items.iter().enumerate().any(|(at, a)| items.iter().skip(at + 1).any(|b| same(a, b)))
}
