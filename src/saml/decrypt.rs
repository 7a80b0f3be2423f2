//! Opens what was encrypted to us (SAML Core 2.2.4, 2.3.4 and 2.7.3.2; XML Encryption 1.1).
//!
//! Anybody can encrypt to a public key, so that something could be decrypted proves nothing: what comes out is as
//! untrusted as what came in, and is read by the same parser.
//!
//! CBC lets whoever changes the ciphertext change the plaintext, and watch what becomes of it: an answer to "was the
//! padding good?" or "was it XML?" is enough to decrypt a stolen message bit by bit (Jager and Somorovsky, CCS 2011). So
//! there is one error for all that can go wrong, it comes after the same work, and until a signature has vouched for
//! CBC, its bearer learns nothing else.

use std::cell::Cell;
use std::sync::Arc;

use super::{MessageError, SAML, XENC};
use crate::crypto::{Cipher, DecryptionKey, DigestMethod, KeyTransport, Method as _, decrypt, random_key};
use crate::dsig::DS;
use crate::encoding::{Quoted, base64_decode};
use crate::xml::{Document, Element, Limits, Writer, XmlError};

/// XML Encryption 1.1, for what 1.0 does not have.
pub(crate) const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
/// Says that what was encrypted is one element (SAML Core 6.1).
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
pub(super) const OAEP: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
pub(super) const OAEP_11: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
pub(super) const MGF1_SHA256: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha256";

/// More recipients than anybody has: each costs as many RSA operations as we have keys, before anything is known of the
/// sender. While two keys overlap, that makes eight, of a quarter of a millisecond with 2048 bits, three times that with
/// 3072 and six times with 4096.
const MAX_ENCRYPTED_KEYS: usize = 4;

/// RSA operations for one message: thirty encrypted names and attributes, which are read only from what a trusted key
/// signed, while two keys overlap.
const MAX_OPERATIONS: usize = 64;

/// RSA with 4096 bits.
const WRAPPED_LIMIT: usize = 512;

/// Our keys, newest first, and what one message may cost.
#[derive(Debug)]
pub(crate) struct Decryption<'k> {
    keys: &'k [Arc<DecryptionKey>],
    operations: Cell<usize>,
}

impl<'k> Decryption<'k> {
    pub(crate) fn new(keys: &'k [Arc<DecryptionKey>]) -> Self {
        Self { keys, operations: Cell::new(MAX_OPERATIONS) }
    }

    /// Whether there is a key at all.
    pub(crate) fn must_be_possible(&self, encrypted: Element<'_>) -> Result<(), MessageError> {
        match self.keys.is_empty() {
            true => Err(MessageError::Encrypted(encrypted.quoted())),
            false => Ok(()),
        }
    }

    /// Decrypts `EncryptedID` or `EncryptedAttribute`, which holds one `local` of SAML, and reads that.
    pub(crate) fn open<T>(
        &self, encrypted: Element<'_>, local: &'static str, read: impl FnOnce(Element<'_>) -> Result<T, MessageError>,
    ) -> Result<T, MessageError> {
        self.must_be_possible(encrypted)?;
        let xml = Encrypted::read(encrypted)?.decrypt(self)?;
        read(only(&parse(&xml)?, local)?)
    }
}

/// `EncryptedAssertion` and its kind (SAML Core 2.2.4): all that is read of it before a key is used.
#[derive(Debug)]
pub(crate) struct Encrypted<'d> {
    element: Element<'d>,
    cipher: Cipher,
    content: Vec<u8>,
    keys: Vec<(KeyTransport, Vec<u8>)>,
}

impl<'d> Encrypted<'d> {
    /// Reads `EncryptedData` and the `EncryptedKey`s for it, which stand in its `KeyInfo` or beside it. Nothing is looked
    /// up: a reference is compared with what stands beside (CVE-2026-33116, and the fetches of others).
    pub(crate) fn read(element: Element<'d>) -> Result<Self, MessageError> {
        let mut parts = element.children()?;
        let data = parts.one(XENC, "EncryptedData")?;
        let mut keys = Vec::with_capacity(1);
        while let Some(key) = parts.optional(XENC, "EncryptedKey") {
            keys.push(key);
        }
        parts.end()?;
        if data.attribute("Type").is_some_and(|kind| kind != ELEMENT) {
            return Err(data.invalid("encrypted element").into());
        }
        let mut parts = data.children()?;
        let method = parts.one(XENC, "EncryptionMethod")?;
        let key_info = parts.optional(DS, "KeyInfo");
        let content = cipher_value(parts.one(XENC, "CipherData")?, Limits::MESSAGE.bytes)?;
        parts.end()?;
        let uri = method.required("Algorithm")?;
        let cipher = Cipher::ALL.iter().find(|(_, known)| *known == uri).map(|(cipher, _)| *cipher);
        let cipher = cipher.ok_or_else(|| not_allowed("content encryption", uri))?;
        method.children()?.end()?;

        for found in key_info.into_iter().flat_map(Element::elements) {
            let names_sibling = |id: &str| keys.iter().any(|key| key.attribute("Id") == Some(id) && !id.is_empty());
            match found.namespace() {
                XENC if found.local_name() == "EncryptedKey" => keys.push(found),
                DS if found.local_name() == "RetrievalMethod" => {
                    let uri = found.required("URI")?.strip_prefix('#');
                    found.children()?.end()?;
                    if !uri.is_some_and(names_sibling) {
                        return Err(found.invalid("reference to an EncryptedKey beside it").into());
                    }
                }
                _ => {} // names and certificates, which prove nothing
            }
        }
        if keys.len() > MAX_ENCRYPTED_KEYS {
            return Err(XmlError::TooMuch("encrypted keys", MAX_ENCRYPTED_KEYS).into());
        }
        if keys.is_empty() {
            return Err(XmlError::MissingElement(element.quoted(), "EncryptedKey").into());
        }
        let keys = keys.into_iter().map(wrapped_key).collect::<Result<_, _>>()?;
        Ok(Self { element, cipher, content, keys })
    }

    /// Whether what was changed on the way does not decrypt at all.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.cipher.is_authenticated()
    }

    /// Decrypts, into a document for [`parse`]: an element of no name that matters, which declares the namespaces of the
    /// place where the ciphertext stood, around what came out. Senders rely on prefixes that are declared further out.
    ///
    /// Every key of ours is tried on every encrypted key, and if none fits, a random one is taken: so there is one
    /// amount of work, and no answer to what an encrypted key holds.
    pub(crate) fn decrypt(&self, ours: &Decryption<'_>) -> Result<String, MessageError> {
        let operations = self.keys.len() * ours.keys.len();
        let left = ours.operations.get().checked_sub(operations);
        ours.operations.set(left.ok_or(XmlError::TooMuch("trials of keys", MAX_OPERATIONS))?);
        let length = self.cipher.key_len();
        let (random, mut content_key) = (random_key(length), None);
        for (transport, wrapped) in &self.keys {
            for key in ours.keys.iter().filter(|key| key.takes(wrapped)) {
                let found = key.unwrap_key(*transport, wrapped).filter(|found| found.len() == length);
                content_key = content_key.or(found);
            }
        }
        let content_key = content_key.or(random).ok_or(MessageError::DecryptionFailed)?;
        let plain = decrypt(self.cipher, &content_key, &self.content).unwrap_or_default();
        let mut out = Writer::new();
        out.start("decrypted");
        for (prefix, uri) in self.element.namespaces() {
            let colon = if prefix.is_empty() { "" } else { ":" };
            out.attribute(&["xmlns", colon, prefix].concat(), uri);
        }
        match std::str::from_utf8(&plain) {
            Ok(plain) => out.element(plain),
            // No document either, but that is found out where all else is.
            Err(_) => out.element(&String::from_utf8_lossy(&plain)).element("<"),
        };
        Ok(out.finish())
    }
}

/// Reads what [`Encrypted::decrypt`] made.
pub(crate) fn parse(xml: &str) -> Result<Document<'_>, MessageError> {
    Document::parse_str(xml, &Limits::MESSAGE.of_octets()).map_err(|_| MessageError::DecryptionFailed)
}

/// The one element that was encrypted: of this name, alone, and with nothing encrypted in it.
pub(crate) fn only<'d>(document: &'d Document<'d>, local: &'static str) -> Result<Element<'d>, MessageError> {
    let mut parts = document.root().children().map_err(|_| MessageError::DecryptionFailed)?;
    let only = parts.optional(SAML, local).filter(|found| found.descendants().all(|inner| inner.namespace() != XENC));
    only.filter(|_| parts.end().is_ok()).ok_or(MessageError::DecryptionFailed)
}

/// XML Encryption 3.3. What a `CipherReference` points at is not fetched, so there must be a value.
fn cipher_value(data: Element<'_>, limit: usize) -> Result<Vec<u8>, XmlError> {
    let mut parts = data.children()?;
    let value = parts.one(XENC, "CipherValue")?;
    parts.end()?;
    base64_decode(value.text()?, limit).map_err(|_| value.invalid("base64Binary of a ciphertext"))
}

/// XML Encryption 3.5.1. `KeyInfo`, `ReferenceList`, names and the `Recipient` say nothing that trying the key does not.
fn wrapped_key(element: Element<'_>) -> Result<(KeyTransport, Vec<u8>), MessageError> {
    let mut parts = element.children()?;
    let transport = key_transport(parts.one(XENC, "EncryptionMethod")?)?;
    parts.optional(DS, "KeyInfo");
    let wrapped = cipher_value(parts.one(XENC, "CipherData")?, WRAPPED_LIMIT)?;
    Ok((transport, wrapped))
}

/// XML Encryption 1.1, 5.5.2: RSA-OAEP, by its two names, with the digest and the mask generation that stand inside, SHA-1
/// where none does. Only with one hash for both.
fn key_transport(method: Element<'_>) -> Result<KeyTransport, MessageError> {
    let uri = method.required("Algorithm")?;
    if uri != OAEP && uri != OAEP_11 {
        return Err(not_allowed("key transport", uri));
    }
    let (mut digest, mut mask) = (None, None);
    let mut parts = method.children()?;
    while let Some(found) = parts.any() {
        // In the schema the two have no order.
        let part = match found.local_name() {
            "DigestMethod" if found.namespace() == DS => &mut digest,
            "MGF" if found.namespace() == XENC11 => &mut mask,
            _ => return Err(XmlError::UnexpectedElement(method.quoted(), found.quoted()).into()),
        };
        if part.replace(found.required("Algorithm")?).is_some() {
            return Err(XmlError::UnexpectedElement(method.quoted(), found.quoted()).into());
        }
    }
    let (digest, mask) = (digest.unwrap_or_else(|| DigestMethod::Sha1.uri()), mask.unwrap_or(MGF1_SHA1));
    match (DigestMethod::from_uri(digest), mask) {
        (Some(DigestMethod::Sha1), MGF1_SHA1) => Ok(KeyTransport::OaepSha1),
        (Some(DigestMethod::Sha256), MGF1_SHA256) if uri == OAEP_11 => Ok(KeyTransport::OaepSha256),
        (Some(DigestMethod::Sha1 | DigestMethod::Sha256), other) => Err(not_allowed("mask of RSA-OAEP", other)),
        _ => Err(not_allowed("digest of RSA-OAEP", digest)),
    }
}

fn not_allowed(role: &'static str, uri: &str) -> MessageError {
    MessageError::EncryptionAlgorithm(role, Quoted::new(uri))
}
