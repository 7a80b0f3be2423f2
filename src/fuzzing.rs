//! What the fuzz targets see of the inside. Compiled by `cargo fuzz` only, which sets `cfg(fuzzing)`.

use crate::xml::{Document, Limits, canonicalize};

/// The canonical form of the element that is number `apex` in document order, counted around, or the code of the error.
///
/// # Errors
/// When the bytes are no document, or have no canonical form.
pub fn canonical(bytes: &[u8], apex: usize, prefixes: &[&str]) -> Result<String, &'static str> {
    let document = Document::parse(bytes, &Limits::MESSAGE).map_err(|error| error.code())?;
    let count = document.root().descendants().count();
    let apex = document.root().descendants().nth(apex % count.max(1)).unwrap_or_else(|| document.root());
    let mut octets = String::new();
    canonicalize(apex, None, prefixes, &mut octets).map_err(|error| error.code())?;
    Ok(octets)
}
