//! What fuzz targets and benchmarks see of the inside. No part of the interface: it changes without a word.

use crate::ids::{EntityId, InvalidId};
use crate::sp::ReplayKey;
use crate::xml::{Document, Limits, canonicalize};

/// A document that was read.
#[derive(Debug)]
pub struct Parsed<'a>(Document<'a>);

impl<'a> Parsed<'a> {
    /// Reads a message, or says the code of the error.
    ///
    /// # Errors
    /// When the bytes are no document.
    pub fn new(bytes: &'a [u8]) -> Result<Self, &'static str> {
        Document::parse(bytes, &Limits::MESSAGE).map(Self).map_err(|error| error.code())
    }

    /// The canonical form of the element that is number `apex` in document order, counted around, or the code of the
    /// error.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn canonical(&self, apex: usize, prefixes: &[&str]) -> Result<String, &'static str> {
        let root = self.0.root();
        let apex = match apex {
            0 => root,
            _ => root.descendants().nth(apex % root.descendants().count().max(1)).unwrap_or(root),
        };
        let mut octets = String::new();
        canonicalize(apex, None, prefixes, &mut octets).map_err(|error| error.code())?;
        Ok(octets)
    }
}

/// Both in one.
///
/// # Errors
/// When the bytes are no document, or have no canonical form.
pub fn canonical(bytes: &[u8], apex: usize, prefixes: &[&str]) -> Result<String, &'static str> {
    Parsed::new(bytes)?.canonical(apex, prefixes)
}

/// The key of an assertion that nobody made, to claim very many.
///
/// # Errors
/// When `id` is no ID.
pub fn replay_key(issuer: &EntityId, id: &str) -> Result<ReplayKey, InvalidId> {
    Ok(ReplayKey::new(issuer.clone(), id.parse()?, None))
}
