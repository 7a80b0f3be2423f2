//! Base64, DEFLATE, percent-encoding and hexadecimal, each strict and bounded; quoting for errors.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::{Compress, Compression, FlushCompress};
use memchr::{memchr_iter, memchr2};

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EncodingError {
    /// Not base64 as RFC 4648 section 4 has it: padded, no foreign characters, no stray bits.
    #[error("it is not base64")]
    Base64,
    /// Not a complete DEFLATE stream (RFC 1951), or bytes follow it.
    #[error("it is not a DEFLATE stream")]
    Deflate,
    /// `%` without two hexadecimal digits, or what results is not UTF-8.
    #[error("its percent-encoding is broken")]
    Percent,
    /// More than this many bytes would come out.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
}

/// White space (XML 1.0 production 3).
pub(crate) const XML_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Whether it is one of [`XML_SPACE`].
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Text of `xs:anyURI` or `xs:dateTime`, whose white space XML Schema collapses.
pub(crate) fn trim_xml(text: &str) -> &str {
    text.trim_matches(XML_SPACE)
}

/// Whether a byte passes `test`. Looks at all of them, without a branch in between, so that the compiler takes sixteen at
/// once: what is looked for is rare.
pub(crate) fn any_byte(bytes: impl AsRef<[u8]>, test: impl Fn(u8) -> bool) -> bool {
    bytes.as_ref().iter().fold(false, |any, byte| any | test(*byte))
}

/// Decodes at most `limit` bytes, without the white space that XML Schema drops from `base64Binary`. The length is
/// judged before any work is done.
pub(crate) fn base64_decode(text: impl AsRef<[u8]>, limit: usize) -> Result<Vec<u8>, EncodingError> {
    let text = text.as_ref();
    let digits = || text.iter().copied().filter(|byte| !is_space(*byte));
    let spaced = any_byte(text, is_space);
    let count = if spaced { digits().count() } else { text.len() };
    if count / 4 > limit / 3 + 1 {
        return Err(EncodingError::TooLong(limit));
    }
    let clean: Cow<'_, [u8]> = if spaced { digits().collect() } else { text.into() };
    match STANDARD.decode(&*clean) {
        Ok(out) if out.len() > limit => Err(EncodingError::TooLong(limit)),
        decoded => decoded.map_err(|_| EncodingError::Base64),
    }
}

pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 for cookies and handles: URL alphabet, no padding.
pub(crate) fn base64url_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn base64url_decode(text: &str) -> Result<Vec<u8>, EncodingError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| EncodingError::Base64)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Inflates raw DEFLATE to at most `limit` bytes. A bomb costs no more than that (CVE-2023-26483, CVE-2025-25293);
/// bytes behind the end of the stream are refused, because nothing reads them.
pub(crate) fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, EncodingError> {
    use flate2::{Decompress, FlushDecompress, Status};
    let mut state = Decompress::new(false);
    let mut out = Vec::with_capacity(limit.min(bytes.len().saturating_mul(4)).saturating_add(1));
    loop {
        let before = (state.total_in(), state.total_out());
        let read = usize::try_from(before.0).map_err(|_| EncodingError::Deflate)?;
        let rest = bytes.get(read..).ok_or(EncodingError::Deflate)?;
        let status = state.decompress_vec(rest, &mut out, FlushDecompress::None);
        let read_all = usize::try_from(state.total_in()) == Ok(bytes.len());
        match status.map_err(|_| EncodingError::Deflate)? {
            _ if out.len() > limit => return Err(EncodingError::TooLong(limit)),
            Status::StreamEnd if read_all => return Ok(out),
            Status::StreamEnd => return Err(EncodingError::Deflate),
            // No room was left: make some, but never more than one byte beyond the limit.
            _ if out.len() == out.capacity() => {
                out.reserve_exact(out.len().min(limit + 1 - out.len()));
            }
            _ if before != (state.total_in(), state.total_out()) => {}
            _ => return Err(EncodingError::Deflate),
        }
    }
}

/// Raw DEFLATE, for the Redirect binding (SAML Bindings 3.4.4.1).
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut state = Compress::new(Compression::default(), false);
    // RFC 1951 3.2.4: a stored block costs five bytes a 65,535; more than this is never used.
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 64);
    // Cannot fail: there is room, and no dictionary is set.
    let _ = state.compress_vec(bytes, &mut out, FlushCompress::Finish);
    out
}

/// Percent-encodes all but the unreserved characters of RFC 3986 section 2.3.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Decodes `application/x-www-form-urlencoded` (`+` is a space). A broken `%` is an error, not a literal: two
/// readers that differ over it are two parsers.
pub(crate) fn percent_decode_bytes(text: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr2(b'%', b'+', rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        rest = match special {
            [b'+', rest @ ..] => {
                out.push(b' ');
                rest
            }
            [_, high, low, rest @ ..] => {
                let half = |digit: &u8| char::from(*digit).to_digit(16);
                let byte = half(high).zip(half(low)).map(|(high, low)| high * 16 + low);
                out.push(byte.and_then(|byte| byte.try_into().ok()).ok_or(EncodingError::Percent)?);
                rest
            }
            _ => return Err(EncodingError::Percent),
        };
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// As [`percent_decode_bytes`], for what is to be text in UTF-8.
pub(crate) fn percent_decode(text: &[u8]) -> Result<String, EncodingError> {
    String::from_utf8(percent_decode_bytes(text)?).map_err(|_| EncodingError::Percent)
}

/// The `name=value` pairs of a query or form, undecoded and in order.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let ends = memchr_iter(b'&', text).chain([text.len()]);
    let pairs = ends.scan(0, |start, end| text.get(std::mem::replace(start, end + 1)..end));
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
    })
}

/// Text from a message, shortened and escaped so that it can stand in a log: no line breaks, no control or
/// bidirectional characters, at most 200 characters.
#[derive(Clone, Eq, PartialEq)]
pub struct Quoted(Box<str>);

impl Quoted {
    /// Longer than any entity ID or URL that Entra sends; short enough for one line of a log.
    const LIMIT: usize = 200;

    /// Shortens and escapes `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let cut = text.chars().nth(Self::LIMIT).map(|_| '…');
        // Quotes and apostrophes do no harm between backticks; a backtick would end the quotation.
        let escaped = text.chars().take(Self::LIMIT).flat_map(|c| match c {
            '\'' | '"' => vec![c],
            '`' => c.escape_unicode().collect(),
            _ => c.escape_debug().collect(),
        });
        Self(escaped.chain(cut).collect())
    }
}

impl AsRef<str> for Quoted {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

#[cfg(test)]
#[path = "../tests/unit/encoding.rs"]
mod tests;
