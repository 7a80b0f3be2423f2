//! Our own metadata, for the identity provider to import (SAML Metadata 2.3, 2.4.4).

use super::decrypt::{MGF1_SHA256, OAEP, OAEP_11, XENC11};
use super::{HTTP_POST, HTTP_REDIRECT, MD, SAMLP};
use crate::crypto::{Certificate, Cipher, DigestMethod, Method as _};
use crate::dsig::DS;
use crate::ids::{EndpointUrl, EntityId};
use crate::xml::Writer;

/// Who runs the service (SAML Metadata 2.3.2.1).
#[derive(Clone, Debug)]
#[must_use]
pub struct Organization {
    name: String,
    display_name: String,
    url: EndpointUrl,
    language: String,
}

impl Organization {
    /// Its name, its name for people to read, and its page; in English.
    pub fn new(name: impl Into<String>, display_name: impl Into<String>, url: EndpointUrl) -> Self {
        Self { name: name.into(), display_name: display_name.into(), url, language: "en".into() }
    }

    setters! {
        /// In another language (an `xml:lang` such as `de`).
        in_language(language: impl Into<String>) { language = language.into() }
    }
}

texts! {
    pub(crate) fn as_str;
    /// What a contact is for (SAML Metadata 2.3.2.2).
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    #[non_exhaustive]
    pub enum ContactType {
        /// Whom an administrator asks when something does not work.
        Technical = "technical";
        /// Whom a person asks.
        Support = "support";
        /// Whom a manager asks.
        Administrative = "administrative";
        /// Who sends the bill.
        Billing = "billing";
        /// Anybody else.
        Other = "other";
    }
}

/// Somebody to turn to (SAML Metadata 2.3.2.2).
#[derive(Clone, Debug)]
#[must_use]
pub struct Contact {
    kind: ContactType,
    name: Option<String>,
    email: String,
}

impl Contact {
    /// An e-mail address, without `mailto:`.
    pub fn new(kind: ContactType, email: impl Into<String>) -> Self {
        Self { kind, name: None, email: email.into() }
    }

    setters! {
        /// With a name.
        named(name: impl Into<String>) { name = Some(name.into()) }
    }
}

/// What only our metadata shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Published {
    pub(crate) signing: Vec<Certificate>,
    /// Of our newest key that decrypts.
    pub(crate) decrypted_with: Option<Certificate>,
    pub(crate) encryption: Vec<Certificate>,
    pub(crate) organization: Option<Organization>,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) name_id_formats: Vec<String>,
}

/// What our metadata says. There is no `validUntil`: metadata that ends by itself is an outage.
#[derive(Debug)]
pub(crate) struct SpMetadata<'a> {
    pub(crate) entity_id: &'a EntityId,
    pub(crate) acs: &'a EndpointUrl,
    pub(crate) slo: Option<&'a EndpointUrl>,
    pub(crate) requests_signed: bool,
    /// The certificate that signs now.
    pub(crate) current: Option<&'a Certificate>,
    pub(crate) published: &'a Published,
}

impl SpMetadata<'_> {
    /// The document, in the order of the schema.
    pub(crate) fn to_xml(&self, id: Option<&str>) -> String {
        let mut out = Writer::new();
        out.start("md:EntityDescriptor").attribute("xmlns:md", MD).optional("ID", id);
        out.attribute("entityID", self.entity_id.as_ref()).start("md:SPSSODescriptor");
        out.attribute("AuthnRequestsSigned", if self.requests_signed { "true" } else { "false" });
        out.attribute("WantAssertionsSigned", "true").attribute("protocolSupportEnumeration", SAMLP);
        let signing = self.current.into_iter().chain(&self.published.signing);
        signing.for_each(|key| key_descriptor(&mut out, "signing", key, false));
        self.published.decrypted_with.iter().for_each(|key| key_descriptor(&mut out, "encryption", key, true));
        self.published.encryption.iter().for_each(|key| key_descriptor(&mut out, "encryption", key, false));
        for (binding, slo) in self.slo.iter().flat_map(|slo| [(HTTP_REDIRECT, slo), (HTTP_POST, slo)]) {
            out.start("md:SingleLogoutService").attribute("Binding", binding);
            out.attribute("Location", slo.as_ref()).end();
        }
        for format in &self.published.name_id_formats {
            out.leaf("md:NameIDFormat", format);
        }
        out.start("md:AssertionConsumerService").attribute("Binding", HTTP_POST);
        out.attribute("Location", self.acs.as_ref());
        out.attribute("index", "0").attribute("isDefault", "true").end().end();
        if let Some(organization) = &self.published.organization {
            out.start("md:Organization");
            for (name, text) in [
                ("md:OrganizationName", organization.name.as_str()),
                ("md:OrganizationDisplayName", &organization.display_name),
                ("md:OrganizationURL", organization.url.as_ref()),
            ] {
                out.start(name).attribute("xml:lang", &organization.language).text(text).end();
            }
            out.end();
        }
        for contact in &self.published.contacts {
            out.start("md:ContactPerson").attribute("contactType", contact.kind.as_str());
            if let Some(name) = &contact.name {
                out.leaf("md:GivenName", name);
            }
            out.leaf("md:EmailAddress", &format!("mailto:{}", contact.email)).end();
        }
        out.finish()
    }
}

/// With `decrypted`, also how to encrypt to it (SAML Metadata 2.4.1.1): what is listed is all that is taken.
fn key_descriptor(out: &mut Writer, purpose: &str, certificate: &Certificate, decrypted: bool) {
    out.start("md:KeyDescriptor").attribute("use", purpose);
    out.start("ds:KeyInfo").attribute("xmlns:ds", DS).start("ds:X509Data");
    out.leaf("ds:X509Certificate", &certificate.to_base64()).end().end();
    if decrypted {
        for (_, uri) in Cipher::ALL {
            out.start("md:EncryptionMethod").attribute("Algorithm", uri).end();
        }
        out.start("md:EncryptionMethod").attribute("Algorithm", OAEP_11).start("ds:DigestMethod");
        out.attribute("xmlns:ds", DS).attribute("Algorithm", DigestMethod::Sha256.uri()).end();
        out.start("xenc11:MGF").attribute("xmlns:xenc11", XENC11).attribute("Algorithm", MGF1_SHA256).end().end();
        // Its digest would be this one anyway, but some put their own where none is named.
        out.start("md:EncryptionMethod").attribute("Algorithm", OAEP).start("ds:DigestMethod");
        out.attribute("xmlns:ds", DS).attribute("Algorithm", DigestMethod::Sha1.uri()).end().end();
    }
    out.end();
}
