//! Encryption as identity providers do it, and as attackers do: anybody can, who has the certificate.

use super::TestKey;
use crate::crypto::{Cipher, KeyTransport, encrypt, random_key};
use crate::dsig::DS;
use crate::encoding::base64_encode;
use crate::saml::{SAML, XENC, XENC11};
use crate::xml::Writer;

/// Where the key of the content goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TestKeyPlace {
    /// Into the `KeyInfo` of the data: as Microsoft does it.
    #[default]
    Inside,
    /// Beside the data.
    Beside,
    /// Beside the data, with a reference to it inside.
    Retrieved,
}

type Change = fn(Vec<u8>) -> Vec<u8>;

/// How [`TestResponse`](super::TestResponse) encrypts, with a knob for everything that can be wrong (feature
/// `encryption`). As it begins, it does what Entra ID is believed to do, but with GCM.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestEncryption {
    recipients: Vec<TestKey>,
    content: String,
    transport: (String, Option<String>, Option<String>),
    place: TestKeyPlace,
    plaintext: Option<String>,
    change_plaintext: Change,
    change_content: Change,
    change_key: Change,
}

impl TestEncryption {
    /// To one recipient, with AES-256-GCM and RSA-OAEP with SHA-1.
    pub fn new(recipient: TestKey) -> Self {
        Self {
            recipients: vec![recipient],
            content: "http://www.w3.org/2009/xmlenc11#aes256-gcm".into(),
            transport: ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p".into(), None, None),
            place: TestKeyPlace::Inside,
            plaintext: None,
            change_plaintext: |same| same,
            change_content: |same| same,
            change_key: |same| same,
        }
    }

    setters! {
        /// The algorithm for the content, by its URI. What this crate does not know is named, but not done.
        content(uri: &str) { content = uri.to_owned() }
        /// The algorithm for the key, by its URI, and those of digest and mask generation, where they are to be named. What
        /// this crate does not know is named, but not done.
        key_transport(uri: &str, digest: Option<&str>, mask: Option<&str>) {
            transport = (uri.to_owned(), digest.map(str::to_owned), mask.map(str::to_owned))
        }
        /// To several, each with an `EncryptedKey`.
        recipients(keys: &[TestKey]) { recipients = keys.to_vec() }
        /// Where the encrypted keys go.
        place(place: TestKeyPlace) { place = place }
        /// Encrypts this in the place of what it was given.
        plaintext(xml: &str) { plaintext = Some(xml.to_owned()) }
        /// Changes the bytes that are encrypted; for CBC, with their padding.
        changing_plaintext(change: fn(Vec<u8>) -> Vec<u8>) { change_plaintext = change }
        /// Changes the ciphertext of the content.
        changing_content(change: fn(Vec<u8>) -> Vec<u8>) { change_content = change }
        /// Changes the ciphertext of the key.
        changing_key(change: fn(Vec<u8>) -> Vec<u8>) { change_key = change }
    }

    /// Encrypts one element, into an `EncryptedAssertion` or what else `element` says.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn encrypt(&self, element: &'static str, xml: &str) -> String {
        let cipher = Cipher::ALL.iter().find(|(_, uri)| *uri == self.content);
        let cipher = cipher.map_or(Cipher::Aes256Gcm, |(cipher, _)| *cipher);
        let mut plain = self.plaintext.as_deref().unwrap_or(xml).as_bytes().to_vec();
        if !cipher.is_authenticated() {
            let count = u8::try_from(16 - plain.len() % 16).unwrap_or(16);
            plain.extend(std::iter::repeat_n(count, count.into()));
        }
        let (key, plain) = (random_key(cipher.key_len()).expect("randomness"), (self.change_plaintext)(plain));
        let content = (self.change_content)(encrypt(cipher, &key, &plain).expect("whole blocks"));
        let keys = || self.recipients.iter().enumerate().map(|(number, recipient)| self.key(number, *recipient, &key));

        let mut out = Writer::new();
        out.start(element).attribute("xmlns", SAML);
        out.start("xenc:EncryptedData").attribute("xmlns:xenc", XENC);
        out.attribute("Type", "http://www.w3.org/2001/04/xmlenc#Element");
        out.start("xenc:EncryptionMethod").attribute("Algorithm", &self.content).end();
        if self.place != TestKeyPlace::Beside {
            out.start("ds:KeyInfo").attribute("xmlns:ds", DS);
            match self.place {
                TestKeyPlace::Retrieved => {
                    let kind = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";
                    out.start("ds:RetrievalMethod").attribute("Type", kind).attribute("URI", "#_key0").end()
                }
                _ => out.element(&keys().collect::<String>()),
            };
            out.end();
        }
        out.start("xenc:CipherData").leaf("xenc:CipherValue", &base64_encode(&content)).end().end();
        if self.place != TestKeyPlace::Inside {
            out.element(&keys().collect::<String>());
        }
        out.finish()
    }

    fn key(&self, number: usize, recipient: TestKey, key: &[u8]) -> String {
        let (uri, digest, mask) = &self.transport;
        let sha256 = digest.as_deref().is_some_and(|digest| digest.ends_with("#sha256"));
        let transport = if sha256 { KeyTransport::OaepSha256 } else { KeyTransport::OaepSha1 };
        let wrapped = recipient.decryption_key().wrap_key(transport, key).expect("a key that fits");
        let mut out = Writer::new();
        out.start("xenc:EncryptedKey").attribute("xmlns:xenc", XENC).attribute("Id", &format!("_key{number}"));
        out.start("xenc:EncryptionMethod").attribute("Algorithm", uri);
        if let Some(digest) = digest {
            out.start("ds:DigestMethod").attribute("xmlns:ds", DS).attribute("Algorithm", digest).end();
        }
        if let Some(mask) = mask {
            out.start("xenc11:MGF").attribute("xmlns:xenc11", XENC11).attribute("Algorithm", mask).end();
        }
        out.end().start("xenc:CipherData").leaf("xenc:CipherValue", &base64_encode(&(self.change_key)(wrapped)));
        out.finish()
    }
}
