//! Bytes to `Document`. The only file that names quick-xml: its reader finds where tokens begin and
//! end; what stands in them is judged here, because the reader accepts far more than XML allows.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::name::{first_non_char, is_absolute_uri, is_char, is_ncname, is_space, split_qname};
use super::{
    Attribute, Declaration, Document, IN_SCRATCH, Kind, Limits, NO_NS, NS_BASE, NS_XML, Node, Span,
    XML_NS, XMLNS_NS, XmlError, to_u32, to_usize,
};

const BOM: char = '\u{FEFF}';

impl<'a> Document<'a> {
    /// Reads a document in UTF-8, with or without byte order mark (Entra's metadata has one).
    ///
    /// # Errors
    /// When it is not well-formed, not namespace-well-formed, or crosses a limit.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, XmlError> {
        if bytes.len() > limits.bytes {
            return Err(XmlError::TooMuch { what: "bytes", limit: limits.bytes });
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|error| XmlError::NotUtf8 { at: error.valid_up_to() })?;
        Self::parse_str(text.strip_prefix(BOM).unwrap_or(text), limits)
    }

    /// As [`parse`](Self::parse), for text without byte order mark.
    pub(crate) fn parse_str(text: &'a str, limits: &Limits) -> Result<Self, XmlError> {
        if text.len() > limits.bytes {
            return Err(XmlError::TooMuch { what: "bytes", limit: limits.bytes });
        }
        if let Some(at) = first_non_char(text) {
            return Err(XmlError::Malformed { at, rule: "a character that XML does not allow" });
        }
        // quick-xml would drop a second byte order mark without a word.
        if text.starts_with(BOM) {
            return Err(XmlError::Malformed { at: 0, rule: "text stands before the root element" });
        }
        Parser::new(text, limits).run()
    }
}

struct Parser<'a, 'l> {
    document: Document<'a>,
    limits: &'l Limits,
    /// Indices of the elements that are open.
    open: Vec<u32>,
    /// Indices of the declarations in scope, innermost last.
    scope: Vec<u32>,
    /// Where the token under work begins.
    at: usize,
    /// Whether the last node is a text that the next token may continue.
    in_text: bool,
}

impl<'a, 'l> Parser<'a, 'l> {
    fn new(text: &'a str, limits: &'l Limits) -> Self {
        // Entra's messages have a node for each 50 bytes and an attribute for each 90.
        let document = Document {
            text,
            scratch: String::new(),
            nodes: Vec::with_capacity(text.len() / 48 + 8),
            attributes: Vec::with_capacity(text.len() / 80 + 8),
            declarations: Vec::with_capacity(16),
            canonical_limit: limits.bytes.saturating_mul(4),
        };
        let open = Vec::with_capacity(16);
        Self { document, limits, open, scope: Vec::with_capacity(16), at: 0, in_text: false }
    }

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
                Event::Start(_) => self.start_tag(token.strip_suffix('>'), false)?,
                Event::Empty(_) => self.start_tag(token.strip_suffix("/>"), true)?,
                Event::End(_) => self.end_tag(token)?,
                Event::Text(_) => self.text(token)?,
                Event::GeneralRef(_) => self.reference(token)?,
                Event::CData(_) => self.cdata(token)?,
                Event::Comment(_) => self.comment(token)?,
                Event::Decl(_) => self.declaration(token)?,
                Event::PI(_) => return Err(self.fault("a processing instruction")),
                Event::DocType(_) => return Err(XmlError::Doctype { at: self.at }),
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
        XmlError::Malformed { at: self.at, rule }
    }

    /// `slice` as it lies in the input.
    fn span(&self, slice_start: usize, len: usize) -> Span {
        Span { start: to_u32(slice_start), len: to_u32(len) }
    }

    fn push(&mut self, node: Node) -> Result<u32, XmlError> {
        let index = self.document.nodes.len();
        if index >= self.limits.nodes {
            return Err(XmlError::TooMuch { what: "nodes", limit: self.limits.nodes });
        }
        self.document.nodes.push(node);
        Ok(to_u32(index))
    }

    fn leaf(&mut self, kind: Kind, content: Span) -> Result<(), XmlError> {
        let Some(parent) = self.open.last().copied() else {
            return match kind {
                Kind::Comment => Ok(()), // before or after the root: no part of what we read
                _ => Err(self.fault("text stands outside the root element")),
            };
        };
        let end = to_u32(self.document.nodes.len()) + 1;
        self.push(Node {
            kind,
            parent,
            end,
            prefix: Span::default(),
            local: content,
            namespace: NO_NS,
            attributes: (0, 0),
            declarations: (0, 0),
        })?;
        Ok(())
    }

    // ---- tags ----

    /// `tag` is the token without its closing bracket.
    fn start_tag(&mut self, tag: Option<&'a str>, empty: bool) -> Result<(), XmlError> {
        self.in_text = false;
        let tag =
            tag.and_then(|tag| tag.strip_prefix('<')).ok_or_else(|| self.fault("a broken tag"))?;
        if self.open.is_empty() && !self.document.nodes.is_empty() {
            return Err(self.fault("there is a second root element"));
        }
        if self.open.len() >= self.limits.depth.into() {
            return Err(XmlError::TooMuch { what: "levels", limit: self.limits.depth.into() });
        }
        let name_len = tag.bytes().position(is_space).unwrap_or(tag.len());
        let (name, rest) = tag.split_at_checked(name_len).unwrap_or((tag, ""));
        let (prefix, local) = self.qname(name, self.at + 1)?;
        let attributes = to_u32(self.document.attributes.len());
        let declarations = to_u32(self.document.declarations.len());
        self.attributes(rest, self.at + 1 + name_len)?;
        let declared = to_u32(self.document.declarations.len());
        self.scope.extend(declarations..declared);
        if self.scope.len() > self.limits.namespaces {
            return Err(XmlError::TooMuch { what: "namespaces", limit: self.limits.namespaces });
        }
        if self.document.str(prefix) == "xmlns" {
            return Err(self.fault("the prefix xmlns cannot name an element"));
        }
        let namespace = self.resolve(prefix, true)?;
        self.resolve_attributes(attributes, declarations)?;
        let index = to_u32(self.document.nodes.len());
        self.push(Node {
            kind: Kind::Element,
            parent: self.open.last().copied().unwrap_or(index),
            end: index + 1,
            prefix,
            local,
            namespace,
            attributes: (attributes, to_u32(self.document.attributes.len())),
            declarations: (declarations, declared),
        })?;
        self.open.push(index);
        if empty {
            self.close();
        }
        Ok(())
    }

    fn end_tag(&mut self, token: &str) -> Result<(), XmlError> {
        self.in_text = false;
        let name = token.strip_prefix("</").and_then(|token| token.strip_suffix('>'));
        let name = name.map(|name| name.trim_end_matches([' ', '\t', '\r', '\n']));
        let open = self.open.last().and_then(|index| self.document.nodes.get(to_usize(*index)));
        let matches = open.zip(name).is_some_and(|(open, name)| {
            // Both parts lie side by side in the input, with the colon if there is a prefix.
            let (start, local) = (to_usize(open.prefix.start), open.local);
            let end = to_usize(local.start) + to_usize(local.len);
            self.document.text.get(start..end) == Some(name)
        });
        if !matches {
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
        Ok((self.span(start, prefix.len()), self.span(local_start, local.len())))
    }

    /// `rest` is what follows the name in a tag; it begins at byte `start` of the input.
    fn attributes(&mut self, rest: &'a str, start: usize) -> Result<(), XmlError> {
        let bytes = rest.as_bytes();
        let first_attribute = self.document.attributes.len();
        let first_declaration = self.document.declarations.len();
        let mut at = 0;
        loop {
            let spaces = count(bytes, at, is_space);
            at += spaces;
            if at == bytes.len() {
                return Ok(());
            }
            let name_len = count(bytes, at, |byte| byte != b'=' && !is_space(byte));
            let equals = at + name_len + count(bytes, at + name_len, is_space);
            let open = equals + 1 + count(bytes, equals + 1, is_space);
            let quote = match (bytes.get(equals), bytes.get(open)) {
                (Some(b'='), Some(quote @ (b'"' | b'\''))) if spaces > 0 => *quote,
                _ => return Err(self.fault("an attribute is not written name=\"value\"")),
            };
            let value_len = count(bytes, open + 1, |byte| byte != quote);
            let close = open + 1 + value_len;
            let (Some(name), Some(value), Some(_)) =
                (rest.get(at..at + name_len), rest.get(open + 1..close), bytes.get(close))
            else {
                return Err(self.fault("an attribute value does not end"));
            };
            self.attribute(name, start + at, value, start + open + 1)?;
            let count = self.document.attributes.len() - first_attribute
                + self.document.declarations.len()
                - first_declaration;
            if count > self.limits.attributes {
                return Err(XmlError::TooMuch {
                    what: "attributes",
                    limit: self.limits.attributes,
                });
            }
            at = close + 1;
        }
    }

    fn attribute(
        &mut self,
        name: &str,
        at: usize,
        value: &str,
        value_at: usize,
    ) -> Result<(), XmlError> {
        let (prefix, local) = self.qname(name, at)?;
        let value = self.attribute_value(value, value_at)?;
        match (self.document.str(prefix), self.document.str(local)) {
            ("", "xmlns") => self.declare(Span::default(), value),
            ("xmlns", _) => self.declare(local, value),
            _ => {
                let namespace = NO_NS; // resolved when all declarations of the tag are known
                self.document.attributes.push(Attribute { prefix, local, namespace, value });
                Ok(())
            }
        }
    }

    /// Namespaces in XML 1.0 section 3, and the constraints of sections 2.2 and 5.
    fn declare(&mut self, prefix: Span, uri: Span) -> Result<(), XmlError> {
        let (name, value) = (self.document.str(prefix), self.document.str(uri));
        let allowed = match name {
            "xmlns" => false,
            "xml" => value == XML_NS,
            "" => value != XML_NS && value != XMLNS_NS,
            _ => !value.is_empty() && value != XML_NS && value != XMLNS_NS,
        };
        if !allowed {
            return Err(self.fault("a namespace declaration that is not allowed"));
        }
        let relative = !value.is_empty() && !is_absolute_uri(value);
        self.document.declarations.push(Declaration { prefix, uri, relative });
        Ok(())
    }

    fn resolve(&self, prefix: Span, default: bool) -> Result<u32, XmlError> {
        let name = self.document.str(prefix);
        if name == "xml" {
            return Ok(NS_XML);
        }
        if name.is_empty() && !default {
            return Ok(NO_NS);
        }
        let declared = |index: &&u32| {
            let declaration = self.document.declarations.get(to_usize(**index));
            declaration.is_some_and(|declaration| self.document.str(declaration.prefix) == name)
        };
        let found = self.scope.iter().rev().find(declared).copied();
        match found
            .and_then(|index| self.document.declarations.get(to_usize(index)).zip(Some(index)))
        {
            Some((declaration, _)) if declaration.uri.len == 0 => Ok(NO_NS),
            Some((_, index)) => Ok(index + NS_BASE),
            None if name.is_empty() => Ok(NO_NS),
            None => Err(self.fault("a prefix is not declared")),
        }
    }

    /// Resolves the attributes of the tag under work, and demands that each name and each declared prefix
    /// is unique (XML 1.0 section 3.1, Namespaces in XML section 6.3).
    fn resolve_attributes(&mut self, first: u32, declarations: u32) -> Result<(), XmlError> {
        let first = to_usize(first);
        for index in first..self.document.attributes.len() {
            let Some(prefix) = self.document.attributes.get(index).map(|found| found.prefix) else {
                continue;
            };
            let namespace = self.resolve(prefix, false)?;
            if let Some(attribute) = self.document.attributes.get_mut(index) {
                attribute.namespace = namespace;
            }
        }
        let tail = self.document.attributes.get(first..).unwrap_or_default();
        let same = |a: &Attribute, b: &Attribute| {
            self.document.str(a.local) == self.document.str(b.local)
                && self.document.uri(a.namespace) == self.document.uri(b.namespace)
        };
        let twice = has_pair(tail, same);
        let declared = self.document.declarations.get(to_usize(declarations)..).unwrap_or_default();
        let twice = twice
            || has_pair(declared, |a, b| {
                self.document.str(a.prefix) == self.document.str(b.prefix)
            });
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
            return Ok(self.span(at, raw.len()));
        }
        let start = self.document.scratch.len();
        let mut rest = raw;
        while let Some(found) = rest.find(['&', '\t', '\n', '\r']) {
            let (plain, special) = rest.split_at_checked(found).unwrap_or((rest, ""));
            self.document.scratch.push_str(plain);
            rest = if let Some(after) = special.strip_prefix('&') {
                let broken = || XmlError::Malformed { at, rule: "a reference does not end" };
                let (name, after) = after.split_once(';').ok_or_else(broken)?;
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
        let len = self.document.scratch.len() - start;
        Span { start: to_u32(start) | IN_SCRATCH, len: to_u32(len) }
    }

    /// What stands between `&` and `;`: one of the five, or a character (XML 1.0 section 4.1).
    fn referenced(&self, name: &str) -> Result<char, XmlError> {
        let number = name.strip_prefix('#').and_then(|digits| {
            let (digits, radix) = match digits.strip_prefix('x') {
                Some(digits) => (digits, 16),
                None => (digits, 10),
            };
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
        if token.is_empty() {
            return Ok(());
        }
        if self.open.is_empty() && token.bytes().all(is_space) {
            return Ok(());
        }
        if token.contains("]]>") {
            return Err(self.fault("]]> stands in text"));
        }
        self.character_data(token, self.at)
    }

    fn reference(&mut self, token: &str) -> Result<(), XmlError> {
        let name = token.strip_prefix('&').and_then(|token| token.strip_suffix(';'));
        let character = self.referenced(name.unwrap_or_default())?;
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        self.text_in_scratch(|scratch| scratch.push_str(text))
    }

    fn cdata(&mut self, token: &'a str) -> Result<(), XmlError> {
        let content = token.strip_prefix("<![CDATA[").and_then(|token| token.strip_suffix("]]>"));
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
        self.leaf(Kind::Text, self.span(at, text.len()))?;
        self.in_text = true;
        Ok(())
    }

    /// Adds text that is not as it stands in the input: to the text node under way, or as a new one.
    fn text_in_scratch(&mut self, write: impl FnOnce(&mut String)) -> Result<(), XmlError> {
        if !self.in_text {
            let start = self.document.scratch.len();
            write(&mut self.document.scratch);
            self.in_text = true;
            return self.leaf(Kind::Text, self.scratch_from(start));
        }
        let Some(so_far) = self.document.nodes.last().map(|node| node.local) else {
            return Ok(());
        };
        // A text under way is the last thing in the side buffer, if it is there at all.
        let start = match so_far.start & IN_SCRATCH {
            0 => {
                let start = self.document.scratch.len();
                let range = to_usize(so_far.start)..to_usize(so_far.start + so_far.len);
                self.document.scratch.push_str(self.document.text.get(range).unwrap_or_default());
                start
            }
            _ => to_usize(so_far.start & !IN_SCRATCH),
        };
        write(&mut self.document.scratch);
        let content = self.scratch_from(start);
        if let Some(node) = self.document.nodes.last_mut() {
            node.local = content;
        }
        Ok(())
    }

    fn comment(&mut self, token: &str) -> Result<(), XmlError> {
        self.in_text = false;
        let content = token.strip_prefix("<!--").and_then(|token| token.strip_suffix("-->"));
        match content {
            Some(content) if !content.contains("--") && !content.ends_with('-') => {
                self.leaf(Kind::Comment, self.span(self.at + 4, content.len()))
            }
            _ => Err(self.fault("a broken comment")),
        }
    }

    /// XML 1.0 production 23; only at the very start, only version 1.0, only UTF-8.
    fn declaration(&mut self, token: &str) -> Result<(), XmlError> {
        let content = token.strip_prefix("<?xml").and_then(|token| token.strip_suffix("?>"));
        let content = content
            .filter(|_| self.at == 0)
            .ok_or_else(|| self.fault("a misplaced XML declaration"))?;
        let mut rest = content;
        let mut seen = 0;
        while let Some((name, value, after)) = pseudo_attribute(rest) {
            // In this order, each at most once.
            let place = match name {
                "version" if value == "1.0" => 1,
                "encoding" if value.eq_ignore_ascii_case("utf-8") => 2,
                "encoding" if is_ncname(value) => return Err(XmlError::NotUtf8 { at: self.at }),
                "standalone" if matches!(value, "yes" | "no") => 3,
                _ => 0,
            };
            if place <= seen || (seen == 0 && place != 1) {
                return Err(self.fault("a broken XML declaration"));
            }
            seen = place;
            rest = after;
        }
        match seen > 0 && rest.bytes().all(is_space) {
            true => Ok(()),
            false => Err(self.fault("a broken XML declaration")),
        }
    }
}

/// ` name="value"` at the start of `text`, and what follows it.
fn pseudo_attribute(text: &str) -> Option<(&str, &str, &str)> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let trimmed = text.trim_start_matches(SPACE);
    if trimmed.len() == text.len() {
        return None;
    }
    let (name, rest) = trimmed.split_once('=')?;
    let rest = rest.trim_start_matches(SPACE);
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, rest) = rest.get(1..)?.split_once(quote)?;
    Some((name.trim_end_matches(SPACE), value, rest))
}

/// Copies text with its line ends normalized (XML 1.0 section 2.11).
fn push_lines(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        out.push_str(line);
        out.push('\n');
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
