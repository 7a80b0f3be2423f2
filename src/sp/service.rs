//! What we are to every identity provider: our keys with their roles, and what our metadata shows beside the addresses.

use std::sync::Arc;

use crate::crypto::{Certificate, DecryptionKey, PublicKey, SigningKey};
use crate::dsig::{Placement, SignatureStyle, sign_element};
use crate::error::{ConfigurationError, Error};
use crate::ids::{EndpointUrl, EntityId};
use crate::saml::{Contact, Decryption, Organization, Published, SpMetadata};

/// Our keys, and who we are: the same for all identity providers.
///
/// A key is changed without an outage in three steps, each when the one before has reached every identity provider:
/// publish the certificate of the next key; sign with the next key and go on publishing the old certificate; drop the old
/// one. Entra ID tries the two newest certificates that were uploaded for verification.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Service {
    signing: Option<Arc<Signing>>,
    /// Newest first.
    decryption: Vec<Arc<DecryptionKey>>,
    sign_metadata: bool,
    published: Published,
}

#[derive(Debug)]
pub(super) struct Signing {
    pub(super) key: SigningKey,
    certificate: Certificate,
}

impl Service {
    /// Without keys, and without a word about who we are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Our key for signing, with its certificate, which the metadata shows. Having one does not sign anything yet: see
    /// [`ServiceProvider::signing_requests`](crate::ServiceProvider::signing_requests).
    ///
    /// # Errors
    /// When the certificate is not the key's.
    pub fn with_signing_key(mut self, key: SigningKey, certificate: Certificate) -> Result<Self, Error> {
        must_belong(&certificate, &key.public_key())?;
        self.signing = Some(Arc::new(Signing { key, certificate }));
        Ok(self)
    }

    /// A key of ours for decryption, with its certificate. May be called several times, the newest key first: all of them
    /// decrypt, and the metadata shows the certificate of the first. To change the key, put the next one in front, have its
    /// certificate imported and activated at every identity provider, and only then drop the old one.
    ///
    /// # Errors
    /// When the certificate is not the key's.
    #[cfg(feature = "encryption")]
    pub fn with_decryption_key(mut self, key: DecryptionKey, certificate: Certificate) -> Result<Self, Error> {
        must_belong(&certificate, key.public_key())?;
        self.published.decrypted_with.get_or_insert(certificate);
        Ok(self.with_unpublished_decryption_key(key))
    }

    /// A key of ours for decryption that the metadata does not show.
    #[cfg(feature = "encryption")]
    pub fn with_unpublished_decryption_key(mut self, key: DecryptionKey) -> Self {
        self.decryption.push(Arc::new(key));
        self
    }

    builders! {
        /// Signs the metadata.
        pub fn signing_metadata(mut self) { self.sign_metadata = true }
        /// Shows another signing certificate in the metadata: the next one, before it is used, or the last one, until
        /// nobody needs it.
        pub fn publishing_signing_certificate(mut self, certificate: Certificate) { self.published.signing.push(certificate) }
        /// Shows a certificate in the metadata for the identity provider to encrypt to, where something else decrypts.
        pub fn publishing_encryption_certificate(mut self, certificate: Certificate) { self.published.encryption.push(certificate) }
        /// Who runs the service, for the metadata.
        pub fn with_organization(mut self, organization: Organization) { self.published.organization = Some(organization) }
        /// Whom to ask, for the metadata; may be called several times.
        pub fn with_contact(mut self, contact: Contact) { self.published.contacts.push(contact) }
        /// A kind of `NameID` that we can use, for the metadata; may be called several times.
        pub fn with_name_id_format(mut self, format: impl Into<String>) { self.published.name_id_formats.push(format.into()) }
    }

    /// Our keys, for one message.
    pub(crate) fn decryption(&self) -> Decryption<'_> {
        Decryption::new(&self.decryption)
    }

    pub(super) fn signing(&self) -> Result<&Signing, Error> {
        Ok(self.signing.as_deref().ok_or(ConfigurationError::NoSigningKey)?)
    }

    /// Metadata for these addresses; `requests_signed` is what it says in `AuthnRequestsSigned`.
    pub(crate) fn metadata(
        &self, entity_id: &EntityId, acs: &EndpointUrl, slo: Option<&EndpointUrl>, requests_signed: bool,
    ) -> Result<String, Error> {
        let current = self.signing.as_deref().map(|signing| &signing.certificate);
        let metadata = SpMetadata { entity_id, acs, slo, requests_signed, current, published: &self.published };
        if !self.sign_metadata {
            return Ok(metadata.to_xml(None));
        }
        // The same ID each time: the document is the same, and nobody answers it.
        self.signing()?.sign(&metadata.to_xml(Some("metadata")), Placement::First)
    }
}

fn must_belong(certificate: &Certificate, key: &PublicKey) -> Result<(), Error> {
    match certificate.key() == key {
        true => Ok(()),
        false => Err(ConfigurationError::KeyMismatch(certificate.thumbprint_sha256().into()).into()),
    }
}

impl Signing {
    pub(super) fn sign(&self, xml: &str, placement: Placement) -> Result<String, Error> {
        let style = SignatureStyle::Prefixed;
        let signed = sign_element(xml, placement, style, &self.key, &self.certificate)?;
        signed.ok_or_else(|| ConfigurationError::NoSigningKey.into())
    }
}
