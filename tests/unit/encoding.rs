//! What `encoding` promises.

use super::*;

#[test]
fn base64_is_strict_but_for_xml_white_space() {
    assert_eq!(base64_decode(" aGVs\r\n\tbG8= ", 100), Ok(b"hello".to_vec()));
    for text in ["aGVsbG8", "aGVsbG8==", "aGVsbG9=", "aGVs-G8=", "aGVsbG8=x", "====", "=", "a"] {
        assert_eq!(base64_decode(text, 100), Err(EncodingError::Base64), "{text}");
    }
}

#[test]
fn too_much_base64_is_refused_before_it_is_decoded() {
    assert_eq!(base64_decode("eHh4eA==", 4), Ok(b"xxxx".to_vec()));
    assert_eq!(base64_decode("eHh4eHg=", 4), Err(EncodingError::TooLong(4)));
    assert_eq!(base64_decode("!".repeat(400), 30), Err(EncodingError::TooLong(30)));
}

#[test]
fn deflate_comes_back_and_ends_where_it_ends() {
    let text = "SAML ".repeat(2000);
    let packed = deflate(text.as_bytes());
    assert!(inflate(&packed, 10_000).is_ok_and(|out| out == text.as_bytes()));
    assert_eq!(inflate(&packed, 9_999), Err(EncodingError::TooLong(9_999)));
    let trailing = [packed.as_slice(), b"x"].concat();
    assert_eq!(inflate(&trailing, 10_000), Err(EncodingError::Deflate));
    let cut = packed.get(..packed.len() - 1).unwrap_or_default();
    assert_eq!(inflate(cut, 10_000), Err(EncodingError::Deflate));
    assert_eq!(inflate(b"", 10), Err(EncodingError::Deflate));
    assert_eq!(inflate(&deflate(b""), 10), Ok(Vec::new()));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = deflate(&vec![0; 8 << 20]);
    assert_eq!(inflate(&bomb, 1000), Err(EncodingError::TooLong(1000)));
}

#[test]
fn percent_encoding_comes_back_and_broken_is_refused() {
    let text = "https://a.example/?x=1&y='é'+~_";
    assert_eq!(percent_decode(percent_encode(text).as_bytes()).as_deref(), Ok(text));
    assert_eq!(percent_decode(b"a+b%20c").as_deref(), Ok("a b c"));
    for text in ["%", "%2", "%zz", "%+1", "%ff"] {
        assert_eq!(percent_decode(text.as_bytes()), Err(EncodingError::Percent), "{text}");
    }
}

#[test]
fn a_quote_is_one_short_line() {
    let quote = Quoted::new("a\nb\u{202e}\u{1b}[31m").to_string();
    assert_eq!(quote, "`a\\nb\\u{202e}\\u{1b}[31m`");
    assert_eq!(Quoted::new("a` b").to_string(), "`a\\u{60} b`");
    assert!(Quoted::new(&"x".repeat(1000)).as_ref().chars().count() <= 201);
}
