//! The productions `Char`, `Name` and `QName` of XML 1.0 (fifth edition) and Namespaces in XML 1.0.

use crate::encoding::any_byte;

/// `NameStartChar` without the colon (XML 1.0 production 4).
fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon (XML 1.0 production 4a).
fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}'
            | '\u{203F}'..='\u{2040}')
}

/// `NCName` (Namespaces in XML production 4).
pub(super) fn is_ncname(text: &str) -> bool {
    ncname_end(text, 0) == Some(text.len())
}

/// `NameChar` without the colon, of the characters in ASCII.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "the compiler evaluates it, and would refuse")]
static ASCII_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// Where the `NCName` at byte `at` ends; `None` if there is none.
fn ncname_end(text: &str, at: usize) -> Option<usize> {
    let in_ascii = |byte: &u8| ASCII_NAME.get(usize::from(*byte)) == Some(&true);
    let rest = text.as_bytes().get(at..)?;
    let end = rest.iter().position(|byte| !in_ascii(byte)).unwrap_or(rest.len());
    if rest.get(end).is_some_and(|byte| !byte.is_ascii()) {
        let rest = text.get(at..)?;
        let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
        return rest.starts_with(starts_name).then_some(at + end);
    }
    matches!(rest.first(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_')).then_some(at + end)
}

/// Reads the `QName` (Namespaces in XML production 7) at byte `at`: where its local part begins, and where it ends.
pub(super) fn scan_qname(text: &str, at: usize) -> Option<(usize, usize)> {
    let end = ncname_end(text, at)?;
    match text.as_bytes().get(end) {
        Some(b':') => ncname_end(text, end + 1).map(|last| (end + 1, last)),
        _ => Some((at, end)),
    }
}

/// `Char` (XML 1.0 production 2), for a character that a reference names.
pub(super) const fn is_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Where the first character stands that is no `Char`. UTF-8 has no surrogates, so control characters and U+FFFE,
/// U+FFFF (EF BF BE, EF BF BF) are all there is to look for.
pub(super) fn first_non_char(text: &str) -> Option<usize> {
    // Nearly all pieces hold neither, and are done with sixteen bytes at a time.
    let may_be = |byte| matches!(byte, 0..=0x8 | 0xB | 0xC | 0xE..=0x1F | 0xEF);
    let bytes = text.as_bytes();
    let mut pieces = bytes.chunks(PIECE).enumerate().filter(|(_, piece)| any_byte(piece, may_be));
    pieces.find_map(|(piece, _)| {
        let found = bytes.iter().enumerate().skip(piece * PIECE).take(PIECE);
        let mut found = found.filter(|(at, byte)| match byte {
            0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
            _ => may_be(**byte),
        });
        found.next().map(|(at, _)| at)
    })
}

const PIECE: usize = 256;

/// Whether this is an absolute URI (RFC 3986 section 4.3, with a fragment): ASCII, with a scheme, and percent signs only
/// as escapes. Ports are numbers, and brackets, which stand around IPv6 addresses, are in no name of a namespace.
pub(super) fn is_absolute_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    // Unreserved and reserved characters but the brackets, and the percent sign.
    let in_uri = |byte: u8| matches!(byte, b'!' | b'#'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~');
    let escapes =
        |part: &str| part.as_bytes().first_chunk().is_some_and(|two: &[u8; 2]| two.iter().all(u8::is_ascii_hexdigit));
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let port = authority.rsplit('@').next().and_then(|host| host.split_once(':')).map(|(_, port)| port);
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && rest.bytes().all(in_uri)
        && rest.split('%').skip(1).all(escapes)
        && rest.matches('#').count() <= 1
        && authority.matches('@').count() <= 1
        && port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()))
}
