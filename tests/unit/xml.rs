//! What the XML floor promises: strictness, equality with another parser, the canonical form.

use super::*;

#[path = "oracles.rs"]
mod oracles;

/// Well-formed, and nothing that we refuse on purpose.
const TAKEN: &[&str] =
    &["<a/>", "<a x='&lt;'/>", "<a x='>'/>", "<a>\u{feff}</a>", "\u{feff}<a/>", "<a></a >", "<a x='1\n2'/>"];

/// Not well-formed, not namespace-well-formed, or refused on purpose (DTD, processing instructions, other encodings). A
/// tokenizer alone lets about half of these pass.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "<a x='1' x='2'/>", "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>",
    "<a xmlns:p='u' xmlns:p='v'/>", "<a></b>", "<a></:a>", "<p:a xmlns:p='u' xmlns:q='u'></q:a>",
    "<a><b></b>", "<a></a></a>", "<p:a/>", "<a p:x='1'/>", "<r><a xmlns:p='u'/><p:b/></r>",
    "<a xmlns:xmlns='u'/>", "<xmlns:a/>", "<a xmlns:xml='urn:x'/>",
    "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "<a xmlns:p='u'><b xmlns:p=''/></a>",
    "<:a/>", "<p: xmlns:p='u'/>", "<p:a:b xmlns:p='u'/>", "<a xmlns:p='u' p:x:y='1'/>", "<1a/>",
    "<-a/>", "<a<b/>", "<a'/>", "<a&b/>", "<a\u{1}/>", "<a\u{a0}b/>", "<a 1x='1'/>", "<a x/>",
    "<a x=1/>", "<a x='1/>", "<a x='1'y='2'/>", "<a x='<'/>", "<a x='a & b'/>", "<a x='&foo;'/>",
    "<a x='\u{1}'/>", "<a x='\u{0}'/>", "<a>a & b</a>", "<a>&foo;</a>", "<a>&amp</a>",
    "<a>&;</a>", "<a>\u{1}</a>", "<a>\u{0}</a>", "<a>\u{1b}</a>", "<a>\u{fffe}</a>",
    "<a>\u{ffff}</a>", "<a>]]></a>", "<a>&#0;</a>", "<a>&#1;</a>", "<a>&#xFFFE;</a>",
    "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&#4294967361;</a>", "<a>&#X41;</a>",
    "<a>&#+65;</a>", "<a>&#x+41;</a>", "<a>&#;</a>", "<a>&# 65;</a>", "<a x='&#1;'/>",
    "<a><![CDATA[\u{1}]]></a>", "<a><![cdata[x]]></a>", "<![CDATA[x]]><a/>",
    "<a><!-- a -- b --></a>", "<a><!-- a ---></a>", "<a><!--></a>", "<a><!--\u{1}--></a>",
    "<a><?xml version='1.0'?></a>", "<a><?XmL foo?></a>", "<a><? x?></a>", "<a><?p \u{1}?></a>",
    "<a><?1p x?></a>", "<a><?p:q x?></a>", "<a/><b/>", "<a/>x", "x<a/>", "<a/>&#65;", "",
    "<!--x-->", " <?xml version='1.0'?><a/>", "<?xml version='1.0'?><?xml version='1.0'?><a/>",
    "<?xml encoding='UTF-8'?><a/>", "<?xml version='2.0'?><a/>", "<?xml version='1.1'?><a/>",
    "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
    "<?xml version='1.0' standalone='maybe'?><a/>", "<?xml version='1.0' foo='bar'?><a/>",
    "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u{e9}</a>",
    "<?xml version='1.0' encoding='UTF-16'?><a/>", "<?xml version='1.0' encoding='bogus-9'?><a/>",
    "<?xml version='1.0' encoding='1'?><a/>", "<?xml version='&#49;.0'?><a/>", "<?xml?><a/>", "<?xml ?><a/>",
    "<?xml version='1.0' xmlns='u:'?><a/>", "<?xml version='1.0'encoding='UTF-8'?><a/>",
    "<?xml version='1.0' version='1.0'?><a/>", "<?xml version='1.0' x?><a/>",
    "<!DOCTYPE a><a/>",
    "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a/><!DOCTYPE a>", "<a><!DOCTYPE a></a>",
    "<!DOCTYPE a><!DOCTYPE a><a/>", "\u{feff}\u{feff}<a/>", "< a/>", "<a></ a>", "<a></a x='1'>",
    "<a / >", "<a / x='1'/>", "<a", "<a><!foo></a>", "<a x=='1'/>", "<a\u{a0}x='1'/>",
    "<a\u{b}x='1'/>", "<a\u{c}x='1'/>",
];

/// Not UTF-8: an invalid byte, an overlong `<`, a surrogate, UTF-16.
const NOT_UTF8: &[&[u8]] = &[b"<a>\xFE</a>", b"<a>\xC0\xBC</a>", b"<a>\xED\xA0\x80</a>", b"\xFF\xFE<\0a\0/\0>\0"];

fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    Document::parse(text.as_bytes(), &Limits::MESSAGE)
}

fn canonical(text: &str) -> Result<String, XmlError> {
    canonical_with(text, &[])
}

fn canonical_with(text: &str, prefixes: &[&str]) -> Result<String, XmlError> {
    let document = parse(text)?;
    let mut out = String::new();
    canonicalize(document.root(), None, prefixes, &mut out).map(|()| out)
}

#[test]
fn what_is_well_formed_is_taken() {
    for text in TAKEN {
        assert!(parse(text).is_ok(), "{text:?}: {:?}", parse(text).err());
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in REFUSED {
        assert!(parse(text).is_err(), "{text:?}");
    }
    for bytes in NOT_UTF8 {
        let code = Document::parse(bytes, &Limits::MESSAGE).map(|_| ()).map_err(|e| e.code());
        assert_eq!(code, Err("saml.xml_not_utf8"), "{bytes:?}");
    }
}

#[test]
fn the_kinds_of_refusal_have_their_codes() {
    for (text, code) in [
        ("<!DOCTYPE a><a/>", "saml.xml_doctype"),
        ("<a/><!DOCTYPE a>", "saml.xml_doctype"),
        ("<a><!ELEMENT b ANY></a>", "saml.xml_malformed"),
        ("<a><?p q?></a>", "saml.xml_malformed"),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", "saml.xml_not_utf8"),
        ("<?xml version='1.0' encoding='1'?><a/>", "saml.xml_malformed"),
        ("<?xml version='1.0' encoding='a b'?><a/>", "saml.xml_malformed"),
        ("<a", "saml.xml_malformed"),
        ("<p:a/>", "saml.xml_malformed"),
    ] {
        assert_eq!(parse(text).map(|_| ()).map_err(|error| error.code()), Err(code), "{text}");
    }
}

/// Documents with everything that the tree distinguishes.
const TREES: &[&str] = &[
    "<a>x<!--c-->y<b/>z</a>",
    "<a>x&amp;y<![CDATA[<&>]]>z&#x20AC;</a>",
    "<a><![CDATA[]]></a>",
    "<a>x<![CDATA[]]>y</a>",
    "<a>1\r\n2\r3\n4&#13;5</a>",
    "<a x='1\r\n2\t3&#9;4&lt;&quot;'>t</a>",
    "<!--before--><a/><!--after-->",
    "<p:a xmlns:p='urn:p' p:x='1' x='2' xml:lang='de'><b xmlns='urn:d'><c xmlns=''/></b></p:a>",
    "<a xmlns='urn:1'><a xmlns='urn:2'><a/></a><a/></a>",
    "\u{feff}<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<a> <b>\u{e9}</b> </a>\n",
    "<a xmlns:p='http://x/?a=1&amp;b=2'><p:b/></a>",
];

#[test]
fn our_tree_is_the_tree_that_roxmltree_sees() {
    for text in TREES {
        let ours = parse(text).expect(text);
        let theirs = roxmltree::Document::parse(text.trim_start_matches('\u{feff}')).expect(text);
        assert_eq!(outline(ours.root()), their_outline(theirs.root_element()), "{text}");
    }
}

fn outline(element: Element<'_>) -> String {
    let mut attributes: Vec<_> = element.attributes().collect();
    attributes.sort_unstable();
    let children: String = (element.index + 1..element.document.node(element.index).end)
        .map(|index| (index, element.document.node(index)))
        .filter(|(_, node)| node.parent == element.index)
        .map(|(index, node)| match node.kind {
            Kind::Element => outline(Element::new(element.document, index)),
            Kind::Text => format!("{:?},", element.document.str(node.local)),
            Kind::Comment => format!("!{:?},", comment(element.document.str(node.local))),
        })
        .collect();
    format!("{{{}}}{} {attributes:?} [{children}],", element.namespace(), element.local_name())
}

/// We keep a comment as it is written, and nobody reads it.
fn comment(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn their_outline(node: roxmltree::Node<'_, '_>) -> String {
    let mut attributes: Vec<_> =
        node.attributes().map(|found| (found.namespace().unwrap_or(""), found.name(), found.value())).collect();
    attributes.sort_unstable();
    let children: String = node
        .children()
        // Theirs has a node for an empty CDATA section; the data model has none.
        .filter(|child| !child.is_text() || child.text() != Some(""))
        .map(|child| match child.is_element() {
            true => their_outline(child),
            false if child.is_text() => format!("{:?},", child.text().unwrap_or("")),
            false => format!("!{:?},", child.text().unwrap_or("")),
        })
        .collect();
    let name = node.tag_name();
    format!("{{{}}}{} {attributes:?} [{children}],", name.namespace().unwrap_or(""), name.name())
}

#[test]
fn the_canonical_form_is_the_one_of_the_recommendation() {
    for (text, expected) in [
        ("<a ></a >", "<a></a>"),
        ("<a b='1' a=\"2\"/>", "<a a=\"2\" b=\"1\"></a>"),
        ("<a><!-- gone --><![CDATA[<&>]]>\r\n&#13;</a>", "<a>&lt;&amp;&gt;\n&#xD;</a>"),
        ("<a x='&quot;&#9;&#10;&#13;&lt;&gt;&amp;'/>", "<a x=\"&quot;&#x9;&#xA;&#xD;&lt;>&amp;\"></a>"),
        // Declarations that nothing uses go; those in use come where they are first used.
        (
            "<a xmlns:u='urn:u' xmlns:p='urn:p'><p:b><p:c p:x='1'/></p:b></a>",
            "<a><p:b xmlns:p=\"urn:p\"><p:c p:x=\"1\"></p:c></p:b></a>",
        ),
        // The default namespace is undeclared only where one was in force.
        (
            "<a xmlns='urn:d'><b xmlns=''><c xmlns='urn:d'/></b></a>",
            "<a xmlns=\"urn:d\"><b xmlns=\"\"><c xmlns=\"urn:d\"></c></b></a>",
        ),
        // Namespaces first, then attributes by namespace URI and local name.
        (
            "<z:a xmlns:z='urn:1' xmlns:y='urn:2' xmlns:x='urn:3' x:k='1' y:k='2' k='3' xml:lang='d'/>",
            "<z:a xmlns:x=\"urn:3\" xmlns:y=\"urn:2\" xmlns:z=\"urn:1\" k=\"3\" \
             xml:lang=\"d\" y:k=\"2\" x:k=\"1\"></z:a>",
        ),
        // A prefix that is bound anew is rendered anew.
        (
            "<p:a xmlns:p='urn:1'><p:b xmlns:p='urn:2'/><p:c/></p:a>",
            "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"></p:b><p:c></p:c></p:a>",
        ),
    ] {
        assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn the_prefix_list_is_honoured() {
    let text = "<a xmlns='urn:d' xmlns:u='urn:u' xmlns:v='urn:v'><b/><c xmlns:u='urn:w'/></a>";
    assert_eq!(
        canonical_with(text, &["u"]).as_deref(),
        Ok("<a xmlns=\"urn:d\" xmlns:u=\"urn:u\"><b></b><c xmlns:u=\"urn:w\"></c></a>")
    );
    let document = parse(text).expect("well-formed");
    let inner = document.root().elements().next().expect("an element");
    let mut out = String::new();
    canonicalize(inner, None, &["#default", "v", "none"], &mut out).expect("canonical");
    assert_eq!(out, "<b xmlns=\"urn:d\" xmlns:v=\"urn:v\"></b>");
}

#[test]
fn the_left_out_element_takes_only_itself_along() {
    let document = parse("<a>1<s>2<t/></s>3<s/></a>").expect("well-formed");
    let signature = document.root().elements().next();
    let mut out = String::new();
    canonicalize(document.root(), signature, &[], &mut out).expect("canonical");
    assert_eq!(out, "<a>13<s></s></a>");
}

#[test]
fn a_relative_namespace_has_no_canonical_form() {
    for text in ["<a xmlns='u'/>", "<a xmlns:p='./u'><b/></a>", "<a><b xmlns:p='1:u'/></a>"] {
        let code = canonical(text).map_err(|error| error.code());
        assert_eq!(code, Err("saml.xml_relative_namespace"), "{text}");
    }
    // Nor has the rest of the document.
    let document = parse("<a><b/><c xmlns:p='u'/></a>").expect("well-formed");
    let inner = document.root().elements().next().expect("an element");
    let code = canonicalize(inner, None, &[], &mut String::new()).map_err(|error| error.code());
    assert_eq!(code, Err("saml.xml_relative_namespace"));
}

#[test]
fn a_namespace_is_an_absolute_uri() {
    let good = ["urn:a", "http://a.example:8080/b?c=d#e", "a+b-c.d:", "urn:%41", "http://a@b:1/", "file:///a", "x:a&b"];
    for uri in good {
        assert!(name::is_absolute_uri(uri), "{uri}");
    }
    let bad = [
        "",
        "u",
        "1:u",
        "urn:a b",
        "urn:%",
        "urn:%4",
        "urn:%%41",
        "urn:\u{e9}",
        "urn:{a}",
        "urn:a#b#c",
        "h://a:b",
        "h://[::1]",
    ];
    for uri in bad {
        assert!(!name::is_absolute_uri(uri), "{uri}");
    }
}

#[test]
fn the_canonical_form_is_a_fixed_point() {
    for text in TREES {
        let once = canonical(text).expect(text);
        assert_eq!(canonical(&once).as_ref(), Ok(&once), "{text}");
    }
}

/// What makes so much of something, its name, and how much is allowed.
type Limit<'a> = (&'a dyn Fn(usize) -> String, &'static str, usize);

#[test]
fn every_limit_is_exact() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let attributes = |count: usize| {
        let list: String = (0..count).map(|n| format!(" a{n}='1'")).collect();
        format!("<a{list}/>")
    };
    let namespaces = |count: usize| {
        let list: String = (0..count).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
        format!("<a{list}/>")
    };
    let spread = |count: usize| {
        let two = |n: usize| (n..count.min(n + 2)).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect::<String>();
        let list: String = (0..count).step_by(2).map(|n| format!("<a{}>", two(n))).collect();
        format!("{list}{}", "</a>".repeat(count.div_ceil(2)))
    };
    let nodes = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
    let limits = Limits::MESSAGE;
    let cases: [Limit<'_>; 5] = [
        (&nested, "levels", usize::from(limits.depth)),
        (&attributes, "attributes", limits.attributes),
        (&namespaces, "attributes", limits.attributes), // as they are written
        (&spread, "namespaces", limits.namespaces),
        (&nodes, "nodes", limits.nodes),
    ];
    for (make, what, limit) in cases {
        assert!(parse(&make(limit)).is_ok());
        assert_eq!(parse(&make(limit + 1)).map(|_| ()), Err(XmlError::TooMuch(what, limit)));
    }
    let fill = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
    assert!(parse(&fill(limits.bytes)).is_ok());
    assert!(parse(&fill(limits.bytes + 1)).is_err());
}

/// Each `p:b` declares anew what its parent does not use: a few bytes become many.
#[test]
fn the_canonical_form_cannot_explode() {
    let text = format!("<a xmlns:p='urn:{}'>{}</a>", "x".repeat(100_000), "<p:b/>".repeat(10_000));
    assert_eq!(canonical(&text).map(|form| form.len()).map_err(|error| error.code()), Err("saml.xml_too_large"));
}

#[test]
fn an_error_names_its_element_once() {
    let document = parse("<a/>").expect("well-formed");
    let missing = document.root().required("x").expect_err("there is none");
    assert_eq!(missing.to_string(), "`a` has no attribute `x`");
}

#[test]
fn values_are_text_and_nothing_else() {
    let document = parse("<a><b>x<!--y-->z</b><c>x<d/></c><e/><f>x&amp;<![CDATA[y]]></f></a>");
    let document = document.expect("well-formed");
    let texts: Vec<_> = document.root().elements().map(|child| child.text().map_err(|error| error.code())).collect();
    assert_eq!(texts, [Err("saml.xml_schema"), Err("saml.xml_schema"), Ok(""), Ok("x&y")]);
}

#[test]
fn children_come_in_the_order_of_the_schema() {
    let document = parse("<a xmlns='urn:x'> <b/> <!--c--> <c/> </a>").expect("well-formed");
    let mut children = document.root().children().expect("elements only");
    assert!(children.one("urn:x", "c").is_err());
    assert!(children.one("urn:x", "b").is_ok());
    assert!(children.optional("urn:y", "c").is_none());
    assert!(children.one("urn:x", "c").is_ok());
    assert_eq!(children.end(), Ok(()));
    assert!(parse("<a>text<b/></a>").expect("well-formed").root().children().is_err());
}

#[test]
fn what_is_written_is_read_back() {
    let value = "<&>\"'\t\n\r é \u{1}";
    let mut writer = Writer::new();
    writer.start("a").attribute("x", value).leaf("b", value).start("c");
    let text = writer.finish();
    let document = parse(&text).expect("well-formed");
    let expected = value.replace('\u{1}', "\u{fffd}");
    assert_eq!(document.root().attribute("x"), Some(expected.as_str()));
    let texts: Vec<_> = document.root().elements().map(Element::text).collect();
    assert_eq!(texts, [Ok(expected.as_str()), Ok("")]);
}

/// The strings of the shared collection, where it is at hand.
#[test]
fn the_shared_strings_get_their_verdicts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/xml-strictness.json");
    let Ok(file) = std::fs::read_to_string(path) else {
        assert!(std::env::var_os("CI").is_none(), "the shared folder is missing");
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    let cases = cases.as_array().expect("a list");
    for case in cases {
        let bytes = match case["text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => crate::encoding::base64_decode(case["base64"].as_str().expect("bytes"), 1 << 20).expect("base64"),
        };
        let taken = Document::parse(&bytes, &Limits::MESSAGE).is_ok();
        assert_eq!(taken, case["verdict"] == "accept", "{}: {}", case["id"], case["rule"]);
    }
    println!("{} shared strings judged", cases.len());
    assert!(cases.len() >= 120);
}

#[test]
fn the_limits_are_those_that_the_manual_names() {
    let all = |limits: Limits| (limits.bytes, limits.depth, limits.nodes, limits.attributes, limits.namespaces);
    assert_eq!(all(Limits::MESSAGE), (262_144, 64, 16_384, 64, 64));
    assert_eq!(all(Limits::METADATA), (33_554_432, 64, 2_097_152, 64, 64));
}

#[test]
fn a_canonical_form_is_as_long_as_four_times_the_document_may_be_and_no_longer() {
    // Where the second element begins, the form has 8 + 6 n bytes, and the document may have 16 + n.
    let form_of = |quotes: usize| {
        let text = format!("<a b='{}'><c/></a>", "\"".repeat(quotes));
        let limits = Limits { bytes: text.len(), ..Limits::MESSAGE };
        let document = Document::parse_str(&text, &limits).expect("well-formed");
        canonicalize(document.root(), None, &[], &mut String::new())
    };
    assert_eq!(form_of(28), Ok(()));
    assert_eq!(form_of(29), Err(XmlError::TooMuch("bytes in canonical form", 180)));
}

#[test]
fn each_of_the_five_references_is_its_character() {
    let text = "<a b='&amp;&lt;&gt;&quot;&apos;'>&amp;&lt;&gt;&quot;&apos;</a>";
    let document = parse(text).expect("well-formed");
    assert_eq!(document.root().attribute("b"), Some("&<>\"'"));
    assert_eq!(document.root().text(), Ok("&<>\"'"));
}

#[test]
fn a_namespace_has_1024_bytes_and_no_more() {
    let with = |length: usize| {
        let text = format!("<a xmlns='urn:{}'/>", "x".repeat(length - 4));
        parse(&text).map(drop).map_err(|error| error.code())
    };
    assert_eq!(with(1024), Ok(()));
    assert_eq!(with(1025), Err("saml.xml_too_large"));
}

#[test]
fn an_element_that_holds_nothing_but_another_one_has_no_text() {
    for inside in ["<b/>", "<b>t</b>", "<!---->", "t<b/>", "<b/>t", "t<!---->u"] {
        let xml = format!("<a>{inside}</a>");
        let document = Document::parse_str(&xml, &Limits::MESSAGE).expect("well-formed");
        let text = document.root().text();
        let plain = inside == "<!---->" && text == Ok("");
        assert!(plain || matches!(text, Err(XmlError::MixedContent(_))), "{inside}: {text:?}");
    }
}

#[test]
fn what_is_escaped_for_a_page_keeps_its_line_breaks() {
    assert_eq!(escape_html("a\tb\nc\rd<>&\"'"), "a\tb\nc\rd&lt;&gt;&amp;&quot;&#39;");
}
