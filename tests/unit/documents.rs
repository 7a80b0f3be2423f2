//! Documents to try a parser with, the same ones each time: well-formed ones with all that namespaces, text and
//! attributes can be, and such with a fault.
#![expect(clippy::indexing_slicing, reason = "numbers that were made to fit")]

/// Splitmix64 (Steele, Lea, Flood, OOPSLA 2014): small, and the same numbers for the same seed everywhere.
pub(crate) struct Random(u64);

impl Random {
    /// The numbers for the document with this number.
    pub(crate) fn of(number: usize) -> Self {
        Self(u64::try_from(number).expect("at most 64 bits"))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.next() % end).expect("a small number")
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

const PREFIXES: &[&str] = &["", "", "p", "q", "ds", "\u{e9}", "_.-1"];
const LOCALS: &[&str] = &["a", "b", "c", "Id", "b-1", "_", "\u{e9}", "x\u{300}", "\u{4e00}.", "\u{10400}", "xmlns2"];
/// Among them two that are the same, written in two ways.
const URIS: &[&str] =
    &["urn:1", "urn:2", "urn:&#50;", "http://x/?a=1&amp;b=2", "x-1.+:", "http://www.w3.org/2000/09/xmldsig#"];
/// No URI by RFC 3986, but absolute.
const ODD: &[&str] = &["urn:\u{e9}", "x:\"", "urn:a&#9;b"];
const RELATIVE: &[&str] = &["u", "./u", "//x/y", "1:u", "u/a:b", "#x", "\u{e9}:u"];
const TEXTS: &[&str] = &[
    "x",
    " ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "]]",
    "]",
    ">",
    "\u{e9}",
    "\u{feff}",
    "\u{10ffff}",
    "\u{7f}\u{85}",
    "--",
    "\"",
];
const REFERENCES: &[&str] =
    &["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#65;", "&#xD;", "&#9;", "&#xA;", "&#x20AC;", "&#0000000000065;"];
const COMMENTS: &[&str] = &["<!---->", "<!--c-->", "<!-- <a> & ]]> - -->", "<!--\r\n\u{e9}-->"];
const SPACES: &[&str] = &[" ", " ", " ", "  ", "\n", "\r\n\t", "\r"];

/// One document under way, token by token.
struct Author<'r> {
    random: &'r mut Random,
    out: Vec<String>,
    /// Declared prefixes with their namespaces; innermost last.
    scope: Vec<(&'static str, &'static str)>,
    unusual: &'static [&'static str],
}

/// The tokens of a well-formed document. One in twenty has processing instructions, as many have relative
/// namespaces or such as are no URI.
pub(crate) fn well_formed(random: &mut Random) -> Vec<String> {
    let (instructions, unusual) = (
        random.one_in(20),
        match random.below(40) {
            0 => RELATIVE,
            1 => ODD,
            _ => URIS,
        },
    );
    let mut author = Author { random, out: Vec::new(), scope: Vec::new(), unusual };
    author.prolog();
    author.outside();
    author.element(0);
    author.outside();
    let mut tokens = author.out;
    if instructions {
        let at = tokens.iter().rposition(|token| token.starts_with("<!--")).unwrap_or(tokens.len());
        tokens.insert(at, random.pick(&["<?p?>", "<?p q ?>", "<?xml-stylesheet href=''?>"]).to_owned());
    }
    tokens
}

impl Author<'_> {
    fn put(&mut self, token: impl Into<String>) {
        self.out.push(token.into());
    }

    fn put_one_of(&mut self, list: &[&str]) {
        let token = self.random.pick(list);
        self.put(token);
    }

    fn prolog(&mut self) {
        if self.random.one_in(8) {
            self.put("\u{feff}");
        }
        if self.random.one_in(3) {
            self.put_one_of(&["<?xml version='1.0'", "<?xml\tversion = \"1.0\""]);
            self.put_one_of(&["", " encoding='UTF-8'", "\nencoding=\"utf-8\" "]);
            self.put_one_of(&["", " standalone='yes'", " standalone=\"no\" "]);
            self.put("?>");
        }
    }

    /// Before and behind the root.
    fn outside(&mut self) {
        for _ in 0..self.random.below(3) {
            let space = self.random.one_in(2);
            self.put_one_of(if space { SPACES } else { COMMENTS });
        }
    }

    fn element(&mut self, depth: usize) {
        let outer = self.scope.len();
        let declared = self.declarations();
        let known = self.known();
        let prefix = match self.random.one_in(3) {
            true => "",
            false => self.random.pick(&known),
        };
        let name = qualified(prefix, self.random.pick(LOCALS));
        self.put(format!("<{name}"));
        let mut attributes = self.attributes(&known);
        attributes.extend(declared);
        while !attributes.is_empty() {
            let next = self.random.below(attributes.len());
            let (name, value) = attributes.swap_remove(next);
            self.attribute(&name, &value);
        }
        if self.random.one_in(4) {
            self.put_one_of(SPACES);
        }
        if self.random.one_in(5) {
            self.put("/>");
        } else {
            self.put(">");
            self.content(depth);
            self.put(format!("</{name}"));
            self.put_one_of(&["", "", "", " ", "\r\n"]);
            self.put(">");
        }
        self.scope.truncate(outer);
    }

    /// Adds to the scope, and returns as attributes, what an element declares.
    fn declarations(&mut self) -> Vec<(String, String)> {
        let (outer, mut out) = (self.scope.len(), Vec::new());
        for _ in 0..self.random.pick(&[0, 0, 1, 1, 2, 3]) {
            let prefix = self.random.pick(PREFIXES);
            let uri = match prefix {
                "" if self.random.one_in(3) => "",
                _ if self.random.one_in(4) => self.random.pick(self.unusual),
                _ => self.random.pick(URIS),
            };
            if self.scope.iter().skip(outer).all(|(known, _)| *known != prefix) {
                self.scope.push((prefix, uri));
                let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
                out.push((name, uri.to_owned()));
            }
        }
        if self.random.one_in(50) {
            out.push(("xmlns:xml".to_owned(), "http://www.w3.org/XML/1998/namespace".to_owned()));
        }
        out
    }

    /// Prefixes in scope; at least the empty one.
    fn known(&self) -> Vec<&'static str> {
        let mut known: Vec<&str> = self.scope.iter().map(|(prefix, _)| *prefix).chain([""]).collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    fn attributes(&mut self, known: &[&'static str]) -> Vec<(String, String)> {
        let (mut names, mut out) = (Vec::new(), Vec::new());
        for _ in 0..self.random.pick(&[0, 0, 1, 2, 4]) {
            let prefix = if self.random.one_in(8) { "xml" } else { self.random.pick(known) };
            let local = self.random.pick(LOCALS);
            let uri = self.scope.iter().rfind(|(found, _)| *found == prefix && !prefix.is_empty());
            // The one namespace that is written in two ways.
            let uri = uri.map_or(prefix, |(_, uri)| if *uri == "urn:&#50;" { "urn:2" } else { uri });
            if !names.contains(&(uri, local)) {
                names.push((uri, local));
                let mut value = String::new();
                for _ in 0..self.random.below(4) {
                    let reference = self.random.one_in(3);
                    value += self.random.pick(if reference { REFERENCES } else { TEXTS });
                }
                out.push((qualified(prefix, local), value));
            }
        }
        out
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let double = !value.contains('"') && self.random.one_in(2);
        let quote = if double || value.contains('\'') { '"' } else { '\'' };
        let value = value.replace(quote, "&#34;");
        let space = self.random.pick(SPACES);
        let equals = self.random.pick(&["=", "=", "=", " = ", "=\n"]);
        self.put(format!("{space}{name}{equals}{quote}{value}{quote}"));
    }

    fn content(&mut self, depth: usize) {
        for _ in 0..self.random.below(6) {
            match self.random.below(9) {
                0..=2 if depth < 7 && self.out.len() < 120 => self.element(depth + 1),
                0..=4 => self.text(),
                5 => self.put_one_of(REFERENCES),
                6 => self.put_one_of(COMMENTS),
                7 => self.put_one_of(&[
                    "<![CDATA[]]>",
                    "<![CDATA[x]]>",
                    "<![CDATA[<&]]]>",
                    "<![CDATA[ ]]>",
                    "<![CDATA[\r]]>",
                ]),
                _ => self.put(" "),
            }
        }
    }

    /// Never `]]>`, whatever stands before it.
    fn text(&mut self) {
        let text = self.random.pick(TEXTS);
        let bracket = self.out.last().is_some_and(|last| last.ends_with(']') && !last.starts_with('<'));
        self.put(if bracket && text != "x" { "x" } else { text });
    }
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

/// A `PrefixList`, of prefixes that a document may have.
pub(crate) fn prefix_list(random: &mut Random) -> Vec<&'static str> {
    let known = ["p", "q", "ds", "\u{e9}", "_.-1", "samlp", "xsi", "xml", "none", "#default"];
    (0..random.below(5)).map(|_| random.pick(&known)).collect()
}

/// Tokens that do harm in most places.
const HARMFUL: &[&str] = &[
    "<?xml version='1.0'?>",
    "<?xml version='1.0' encoding='UTF-16'?>",
    "<?xml version='1.1'?>",
    "<?xml?>",
    "<?xml version='1.0' standalone='maybe'?>",
    "<?xml version='2.0'?>",
    "<?xml version='1.0' encoding='latin1'?>",
    "<!DOCTYPE a>",
    "<!DOCTYPE a [<!ENTITY e 'x'>]>",
    "&e;",
    "&#0;",
    "&#1;",
    "&#xD800;",
    "&#x110000;",
    "&#xFFFE;",
    "&#4294967361;",
    "&#X41;",
    "&#;",
    "&;",
    "&amp",
    "& ",
    "&AMP;",
    "&#+65;",
    "]]>",
    "<",
    ">",
    "/>",
    "</",
    "<a",
    "<a>",
    "<a/>",
    "</a>",
    "</p:a>",
    "<p:a>",
    "<!--",
    "-->",
    "<!-- -- -->",
    "<!--->",
    "<![CDATA[",
    "<![cdata[x]]>",
    "<!a>",
    "<?",
    "?>",
    "<? p?>",
    "<?XML p?>",
    "<?p:q?>",
    "<?1?>",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\0",
    "\u{1}",
    "\u{b}",
    "\u{c}",
    "\u{1b}",
    "\u{a0}",
    "\u{2028}",
    " xmlns='http://www.w3.org/XML/1998/namespace'",
    " xmlns='http://www.w3.org/2000/xmlns/'",
    " xmlns:p=''",
    " xmlns:p='http://www.w3.org/XML/1998/namespace'",
    " xmlns:p='http://www.w3.org/2000/xmlns/'",
    " xmlns:xml='urn:1'",
    " xmlns:xmlns='urn:1'",
    " xmlns:='urn:1'",
    " xmlns:p='urn:1'",
    " xmlns:q='urn:1'",
    " xmlns='urn:1'",
    " p:a=''",
    " q:a=''",
    " xmlns:a=''",
    " a=''",
    " a='1'b='2'",
    " a",
    " a=",
    " a=x",
    " a='",
    " a='<'",
    " a='&'",
    " :a=''",
    " :b='1'",
    " p:xmlns='urn:1'",
    " q:xmlns='urn:1'",
    "<:a/>",
    " a:=''",
    " p:a:b=''",
    " 1='1'",
    " xml:lang='1'",
    " xmlns",
    " xmlns=",
    " XMLNS:p=''",
    " a='\u{1}'",
    " a='&#1;'",
    " a==''",
    " / ",
    ":",
    "x",
];

/// Bytes that do harm in most places; some break UTF-8.
const BYTES: &[&[u8]] = &[
    b"<",
    b">",
    b"&",
    b"'",
    b"\"",
    b"=",
    b"/",
    b"!",
    b"?",
    b"-",
    b"[",
    b"]",
    b":",
    b"#",
    b";",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\0",
    b"\x0B",
    b"\x1F",
    b"\x7F",
    b"a",
    b"p",
    b"x",
    b"1",
    b"\xC2\xA0",
    b"\xEF\xBF\xBE",
    b"\xEF\xBB\xBF",
    b"\xC0\xBC",
    b"\xFF",
    b"\xED\xA0\x80",
    b"\xCC\x80",
    b"\xC3\x97",
];

/// The document with a few faults: tokens, then bytes, that are gone, twice there, elsewhere, or new.
pub(crate) fn damaged(random: &mut Random, mut tokens: Vec<String>) -> Vec<u8> {
    if random.one_in(16) {
        tokens.insert(
            0,
            random.pick(&["<?xml version='1.0' encoding='UTF-16'?>", "<?xml version='1.1'?>", "\u{feff}"]).to_owned(),
        );
    }
    let by_token = random.below(3);
    for _ in 0..by_token {
        let (at, other) = (random.below(tokens.len()), random.below(tokens.len()));
        match random.below(6) {
            0 if tokens.len() > 1 => drop(tokens.remove(at)),
            1 => tokens.insert(at, tokens[other].clone()),
            2 => tokens.swap(at, other),
            3 => tokens[at] = random.pick(HARMFUL).to_owned(),
            _ => tokens.insert(at, random.pick(HARMFUL).to_owned()),
        }
    }
    if let Some(end) = tokens.iter_mut().rfind(|token| token.starts_with("</")).filter(|_| random.one_in(50)) {
        end.insert(2, ':');
    }
    let mut bytes = tokens.concat().into_bytes();
    let by_byte = if by_token == 0 { 1 + random.below(3) } else { random.below(2) };
    for _ in 0..by_byte {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(3)).min(bytes.len());
        match random.below(8) {
            0 | 1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            3 => drop(bytes.splice(at..end, random.pick(BYTES).iter().copied())),
            4 if random.one_in(4) => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, random.pick(BYTES).iter().copied())),
        }
    }
    bytes
}

/// The tokens of a document from elsewhere: cut before each `<` and behind each `>`.
pub(crate) fn tokens_of(xml: &str) -> Vec<String> {
    xml.split_inclusive('>')
        .flat_map(|part| {
            let (before, tag) = part.split_at(part.find('<').unwrap_or(part.len()));
            [before, tag].map(str::to_owned)
        })
        .filter(|token| !token.is_empty())
        .collect()
}
