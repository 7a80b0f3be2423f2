//! What happens to a signed answer on its way: first what means nothing, then what an attacker does.

use std::ops::Range;

use crate::documents::Dice;
use crate::{DS, SAML};

/// What an attacker puts in.
const PIECES: [&str; 30] = [
    "<!---->",
    "<![CDATA[",
    "]]>",
    "<?x y?>",
    "<!DOCTYPE a>",
    "eve@evil.example",
    " ID=\"_assertion\"",
    " Id=\"_assertion\"",
    " xml:id=\"_assertion\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:samlp=\"urn:x\"",
    " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
    " xmlns:u=\"urn:x\"",
    " xmlns:u=\"relative\"",
    " xmlns=\"\"",
    " a:b=\"c\"",
    "&#101;",
    "&#0;",
    "&amp;",
    "&nbsp;",
    "<Object xmlns=\"http://www.w3.org/2000/09/xmldsig#\">",
    "</Object>",
    "<samlp:Extensions>",
    "</samlp:Extensions>",
    "<NameID>eve@evil.example</NameID>",
    "\r\n",
    "\t",
    " ",
    "\u{0}",
    "\u{85}\u{2028}\u{e9}",
];

/// Pairs of texts; the first is replaced by the second once.
const REPLACEMENTS: [(&str, &str); 22] = [
    ("ada@contoso.example", "eve@contoso.example"),
    ("ada@contoso.example", "ada@contoso.example<!---->.evil"),
    ("#_assertion", "#_response"),
    ("#_response", "#_assertion"),
    ("#_assertion", ""),
    ("#_assertion", "#xpointer(/)"),
    ("#_assertion", "#xpointer(id('_assertion'))"),
    ("ID=\"_assertion\"", "ID=\"_other\""),
    ("ID=\"_response\"", "ID=\"_assertion\""),
    ("xml-exc-c14n#\"", "xml-exc-c14n#WithComments\""),
    ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    ("#enveloped-signature", "#base64"),
    ("rsa-sha256", "hmac-sha256"),
    ("rsa-sha256", "rsa-sha1"),
    ("xmlenc#sha256", "xmlenc#sha512"),
    ("PrefixList=\"", "PrefixList=\"xs u "),
    ("DigestValue>", "DigestValue> "),
    ("SignatureValue>", "SignatureValue>\n"),
    ("SignatureValue>", "SignatureValue>AA"),
    ("https://app.example/saml/acs", "https://app.example/saml/ACS"),
    ("_request", "_another"),
    ("status:Success", "status:Requester"),
];

/// Changes what no reader of XML may notice: where comments stand between elements, the order and the quotes of
/// attributes, white space in tags, the way a character is written.
pub(crate) fn harmless(xml: &str, dice: &mut Dice) -> String {
    let mut xml = xml.to_owned();
    for _ in 0..=dice.below(4) {
        let tag = start_tag(&xml, dice);
        let inside = xml[tag.clone()].to_owned();
        match dice.below(9) {
            0 => xml.insert_str(tag.end, dice.pick(&[" ", "\n", "\t\r\n"])),
            1 => xml.replace_range(tag, &swapped(&inside, dice)),
            2 => xml.replace_range(tag, &requoted(&inside, dice)),
            3 => xml.insert_str(tag.end, " xmlns:zz=\"urn:zz\""),
            4 => xml.replace_range(tag, &in_references(&inside, dice)),
            5 => xml.insert_str(tag.end + 1, "<!-- <Signature/> -->"),
            6 => xml.push_str(dice.pick(&["\n", "<!-- end -->", "\r\n<!---->\t"])),
            7 => xml = text_rewritten(&xml, dice),
            _ => xml = unfolded(&xml, dice),
        }
    }
    xml
}

/// Changes something that may matter.
pub(crate) fn hostile(xml: &str, dice: &mut Dice) -> String {
    let mut xml = match dice.below(4) {
        0 => wrapped(xml, dice),
        _ => xml.to_owned(),
    };
    for _ in 0..dice.below(3) {
        let places: Vec<usize> = xml.match_indices(['<', '>', '"']).map(|(at, _)| at).collect();
        if places.is_empty() || xml.len() > 100_000 {
            break;
        }
        let (start, other, target) = (dice.pick(&places), dice.pick(&places), dice.pick(&places));
        let range = start.min(other)..start.max(other);
        let piece = xml[range.clone()].to_owned();
        match dice.below(9) {
            0 => xml.insert_str(target, &piece),
            1 => xml.insert_str(target + 1, dice.pick(&PIECES)),
            2 => xml.insert_str(target, dice.pick(&PIECES)),
            3 => xml.replace_range(range, ""),
            4 => {
                xml.replace_range(range.clone(), "");
                xml.insert_str(if target < range.start { target } else { range.start }, &piece);
            }
            5 => xml = one_byte(&xml, dice),
            6 => xml = element_moved(&xml, dice),
            _ => {
                let (from, to) = dice.pick(&REPLACEMENTS);
                xml = xml.replacen(from, to, 1);
            }
        }
    }
    xml
}

/// Between the name of a random element and the end of its start tag.
fn start_tag(xml: &str, dice: &mut Dice) -> Range<usize> {
    let mut tags = Vec::new();
    for (at, _) in xml.match_indices('<') {
        let rest = &xml[at + 1..];
        let end = rest.find(['>', '<']).unwrap_or(0);
        let name = rest.find([' ', '/', '>']).unwrap_or(0);
        // A `<` before the end is a CDATA section; a slash at the end belongs to the tag.
        if rest.starts_with(char::is_alphabetic) && rest[end..].starts_with('>') && name <= end {
            let end = if rest[..end].ends_with('/') { end - 1 } else { end };
            tags.push(at + 1 + name..at + 1 + end);
        }
    }
    if tags.is_empty() { 0..0 } else { dice.pick(&tags) }
}

/// The attributes of a tag, each with the white space before it.
fn attributes(tag: &str) -> Vec<&str> {
    let (mut out, mut quote, mut start) = (Vec::new(), None, 0);
    for (at, c) in tag.char_indices() {
        match quote {
            Some(open) if open == c => {
                out.push(&tag[start..=at]);
                (quote, start) = (None, at + 1);
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
    }
    out.push(&tag[start..]);
    out
}

fn swapped(tag: &str, dice: &mut Dice) -> String {
    let mut all = attributes(tag);
    let last = all.pop().unwrap_or_default();
    if all.len() > 1 {
        let (from, to) = (dice.below(all.len()), dice.below(all.len()));
        all.swap(from, to);
    }
    all.push(last);
    all.concat()
}

fn requoted(tag: &str, dice: &mut Dice) -> String {
    let change = |attribute: &str| match attribute.contains('\'') || dice.one_in(2) {
        true => attribute.to_owned(),
        false => attribute.replace('"', "'"),
    };
    attributes(tag).into_iter().map(change).collect()
}

/// Writes a letter of a value as a reference.
fn in_references(tag: &str, dice: &mut Dice) -> String {
    let letter = dice.pick(&['e', 'a', 's', '.']);
    let change = |attribute: &str| match attribute.split_once('=') {
        Some((name, value)) => {
            let written = if dice.one_in(2) {
                format!("&#{};", u32::from(letter))
            } else {
                format!("&#x{:x};", u32::from(letter))
            };
            // Inside a reference a letter is none.
            let value = if value.contains('&') { value.to_owned() } else { value.replacen(letter, &written, 1) };
            format!("{name}={value}")
        }
        None => attribute.to_owned(),
    };
    attributes(tag).into_iter().map(change).collect()
}

/// Writes a text in another way: as CDATA, or a character of it as a reference.
fn text_rewritten(xml: &str, dice: &mut Dice) -> String {
    let mut texts = Vec::new();
    for (at, _) in xml.match_indices('>') {
        let text = &xml[at + 1..];
        let text = &text[..text.find('<').unwrap_or(0)];
        let plain = !text.contains(['&', ']', '\r', '-', '>']) && !text.trim().is_empty();
        if plain && !xml[..at].ends_with("]]") && !xml[..at].ends_with("--") {
            texts.push(at + 1..at + 1 + text.len());
        }
    }
    if texts.is_empty() {
        return xml.to_owned();
    }
    let range = dice.pick(&texts);
    let text = &xml[range.clone()];
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (before, after) = text.split_at(middle);
    let first = after.chars().next().map(u32::from).unwrap_or_default();
    let rest = &after[after.chars().next().map_or(0, char::len_utf8)..];
    let new = match dice.below(3) {
        0 => format!("<![CDATA[{text}]]>"),
        1 => format!("{before}<![CDATA[{after}]]>"),
        _ => format!("{before}&#{first};{rest}"),
    };
    [&xml[..range.start], &new, &xml[range.end..]].concat()
}

/// Writes an empty element as a pair of tags.
fn unfolded(xml: &str, dice: &mut Dice) -> String {
    let ends: Vec<usize> = xml.match_indices("/>").map(|(at, _)| at).collect();
    if ends.is_empty() {
        return xml.to_owned();
    }
    let end = dice.pick(&ends);
    let Some(start) = xml[..end].rfind('<') else { return xml.to_owned() };
    let name: String = xml[start + 1..end].chars().take_while(|c| !c.is_whitespace()).collect();
    format!("{}></{name}>{}", &xml[..end], &xml[end + 2..])
}

fn one_byte(xml: &str, dice: &mut Dice) -> String {
    let mut bytes = xml.as_bytes().to_vec();
    let at = dice.below(bytes.len());
    match dice.below(3) {
        0 => bytes[at] ^= 1 << dice.below(7),
        1 => drop(bytes.remove(at)),
        _ => bytes.insert(at, b'!' + u8::try_from(dice.below(90)).expect("ASCII")),
    }
    String::from_utf8(bytes).unwrap_or_else(|_| xml.to_owned())
}

/// A random element, from its start tag to its end tag.
fn element(xml: &str, dice: &mut Dice) -> Option<Range<usize>> {
    let tag = start_tag(xml, dice);
    let start = xml[..tag.start].rfind('<')?;
    let end = format!("</{}>", &xml[start + 1..tag.start]);
    if xml[tag.end..].starts_with("/>") {
        return Some(start..tag.end + 2);
    }
    let found = xml[tag.end..].find(&end)?;
    Some(start..tag.end + found + end.len())
}

/// Moves, copies or drops a whole element, so that the document stays well-formed.
fn element_moved(xml: &str, dice: &mut Dice) -> String {
    let Some(range) = element(xml, dice) else { return xml.to_owned() };
    let piece = xml[range.clone()].to_owned();
    let mut out = xml.to_owned();
    if dice.one_in(2) {
        out.replace_range(range, "");
    }
    if dice.one_in(3) || !out.contains('<') {
        return out;
    }
    let target = start_tag(&out, dice);
    let at = if dice.one_in(2) { out[..target.start].rfind('<').unwrap_or(0) } else { target.end + 1 };
    if out.is_char_boundary(at) {
        out.insert_str(at, &piece);
    }
    out
}

/// Signature wrapping: a forged assertion beside the genuine one, which hides where a careless reader does not look.
fn wrapped(xml: &str, dice: &mut Dice) -> String {
    let whole = || {
        let end = xml.rfind("Assertion>")?;
        let name = xml[..end].rfind("</").map(|at| &xml[at + 2..end + "Assertion".len()])?;
        let start = xml.find(&format!("<{name}"))?;
        Some(start..end + "Assertion>".len())
    };
    let Some(range) = whole() else { return xml.to_owned() };
    let genuine = &xml[range.clone()];
    let mut forged = genuine.replace("ada@contoso", "eve@contoso");
    if dice.one_in(2) {
        forged = forged.replacen("\"_assertion\"", "\"_forged\"", 1);
    }
    let hidden = match dice.below(6) {
        0 => format!("<e xmlns=\"urn:x\">{genuine}</e>"),
        1 => format!("<Object xmlns=\"{DS}\">{genuine}</Object>"),
        2 => format!("<Advice xmlns=\"{SAML}\">{genuine}</Advice>"),
        _ => genuine.to_owned(),
    };
    let at = forged.find("Signature>").filter(|_| dice.one_in(3));
    let new = match (dice.below(4), at) {
        (_, Some(at)) => format!("{}{hidden}{}", &forged[..at + 10], &forged[at + 10..]),
        (0, _) => format!("{hidden}{forged}"),
        (1, _) => format!("{forged}{hidden}"),
        (2, _) => forged.replacen("Subject>", &format!("Subject>{hidden}"), 1),
        _ => forged,
    };
    [&xml[..range.start], &new, &xml[range.end..]].concat()
}
