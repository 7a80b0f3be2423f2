//! The answer of the test identity provider, with a knob for everything that can be wrong in it.

use std::time::Duration;

#[cfg(feature = "encryption")]
use super::TestEncryption;
use super::{ADA, TestIdp, sign};
use crate::crypto::{Certificate, DigestMethod, SigningKey, digest};
use crate::dsig::Placement;
use crate::encoding::{base64_encode, hex, percent_encode};
use crate::entra::claims;
use crate::saml::{PostedResponse, SAML, SAMLP};
use crate::time::UnixTime;
use crate::xml::Writer;

/// What is signed: the three choices of Entra's *Signing Option*, and the one it does not have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TestSigning {
    /// The assertion: Entra's default.
    #[default]
    Assertion,
    /// The response.
    Response,
    /// Both.
    Both,
    /// Neither.
    Neither,
}

/// Whose key signs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TestKey {
    /// The identity provider's, which its metadata names.
    #[default]
    Idp,
    /// The same key with a certificate that ended in 2023.
    Expired,
    /// Another one, with a certificate of the same name.
    Other,
    /// That of a service provider, for signing requests and metadata.
    ServiceProvider,
}

impl TestKey {
    fn read(self) -> (Certificate, SigningKey) {
        let (certificate, key) = self.der();
        let certificate = Certificate::from_der(certificate).expect("one that tests have read");
        (certificate, SigningKey::parse(key).expect("one that tests have read"))
    }

    fn der(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Idp => (include_bytes!("idp.cert.der"), include_bytes!("idp.key.der")),
            Self::Expired => (include_bytes!("expired.cert.der"), include_bytes!("idp.key.der")),
            Self::Other => (include_bytes!("other.cert.der"), include_bytes!("other.key.der")),
            Self::ServiceProvider => (include_bytes!("sp.cert.der"), include_bytes!("sp.key.der")),
        }
    }

    /// The same private half, for decryption (feature `encryption`).
    ///
    /// # Panics
    /// Never: tests have read it.
    #[cfg(feature = "encryption")]
    #[must_use]
    pub fn decryption_key(&self) -> crate::crypto::DecryptionKey {
        crate::crypto::DecryptionKey::parse(self.der().1).expect("one that tests have read")
    }

    getters! {
        /// Its certificate.
        pub fn certificate(&self) -> Certificate { self.read().0 }
        /// Its private half. It is published: nobody may trust it outside a test.
        pub fn signing_key(&self) -> SigningKey { self.read().1 }
    }
}

/// An answer under preparation. As it comes from [`TestIdp`] it is good; each method makes one thing different. `None`
/// leaves the thing out.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestResponse {
    id: String,
    now: UnixTime,
    issuer: String,
    destination: Option<String>,
    recipient: Option<String>,
    response_to: Option<String>,
    confirmed_request: Option<String>,
    audience: Option<String>,
    conditions: (Option<UnixTime>, Option<UnixTime>),
    confirmed_until: Option<UnixTime>,
    authn_instant: UnixTime,
    context_class: String,
    status: Option<(String, String)>,
    name_id: (String, String),
    attributes: Vec<(String, Vec<String>)>,
    signing: TestSigning,
    key: TestKey,
    relay_state: Option<String>,
    before_signing: Vec<(String, String)>,
    after_signing: Vec<(String, String)>,
    #[cfg(feature = "encryption")]
    encrypted: Option<TestEncryption>,
    #[cfg(feature = "encryption")]
    encrypted_name_id: Option<TestEncryption>,
}

/// Holds the place of the assertion in the response.
const HERE: &str = "<Assertion/>";

/// Entra writes no more groups than this into a SAML token.
const MAX_GROUPS: usize = 150;
const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

impl TestResponse {
    pub(super) fn new(idp: &TestIdp, acs: &str, audience: &str, now: UnixTime) -> Self {
        let seed = format!("{acs}\n{audience}\n{}", now.as_millis());
        let hash = hex(digest(DigestMethod::Sha256, seed.as_bytes()).as_ref());
        let end = Some(now.plus(Duration::from_secs(60 * 60)));
        // Entra writes `spn:` before an audience that is no URI.
        let spn = if audience.contains(':') { "" } else { "spn:" };
        Self {
            id: hash.chars().take(32).collect(),
            now,
            issuer: idp.entity_id().to_owned(),
            destination: Some(acs.to_owned()),
            recipient: Some(acs.to_owned()),
            response_to: None,
            confirmed_request: None,
            audience: Some(format!("{spn}{audience}")),
            conditions: (Some(now.minus(Duration::from_secs(5 * 60))), end),
            confirmed_until: end,
            authn_instant: now.minus(Duration::from_secs(7)),
            context_class: PASSWORD.to_owned(),
            status: None,
            name_id: pair("ada@contoso.example", EMAIL_FORMAT),
            attributes: default_claims(idp),
            signing: TestSigning::Assertion,
            key: idp.signs,
            relay_state: None,
            before_signing: Vec::new(),
            after_signing: Vec::new(),
            #[cfg(feature = "encryption")]
            encrypted: None,
            #[cfg(feature = "encryption")]
            encrypted_name_id: None,
        }
    }

    setters! {
        /// Both IDs, behind `_r` and `_a`. The same again is a replay, or another one of that name.
        id(id: &str) { id = id.to_owned() }
        /// `Issuer`, in both places.
        issuer(issuer: &str) { issuer = issuer.to_owned() }
        /// `Destination` of the response.
        destination(destination: Option<&str>) { destination = destination.map(str::to_owned) }
        /// `Recipient` of the subject confirmation.
        recipient(recipient: Option<&str>) { recipient = recipient.map(str::to_owned) }
        /// `InResponseTo`, in both places.
        in_response_to(id: Option<&str>) {
            response_to = id.map(str::to_owned), confirmed_request = id.map(str::to_owned)
        }
        /// `InResponseTo` of the subject confirmation only.
        confirming(id: Option<&str>) { confirmed_request = id.map(str::to_owned) }
        /// `Audience`; `None` leaves out the restriction.
        audience(audience: Option<&str>) { audience = audience.map(str::to_owned) }
        /// `NotBefore` and `NotOnOrAfter` of the conditions.
        conditions(not_before: Option<UnixTime>, not_on_or_after: Option<UnixTime>) {
            conditions = (not_before, not_on_or_after)
        }
        /// `NotOnOrAfter` of the subject confirmation.
        confirmed_until(not_on_or_after: Option<UnixTime>) { confirmed_until = not_on_or_after }
        /// When the person authenticated.
        authn_instant(instant: UnixTime) { authn_instant = instant }
        /// How the person authenticated.
        context_class(class: &str) { context_class = class.to_owned() }
        /// Refuses, as Entra does: with a code below `Responder`, a message, and no assertion.
        refuse(subcode: &str, message: &str) { status = Some(pair(subcode, message)) }
        /// The name of the person, and its format.
        name_id(value: &str, format: &str) { name_id = pair(value, format) }
        /// What is signed.
        signing(signing: TestSigning) { signing = signing }
        /// Whose key signs.
        key(key: TestKey) { key = key }
        /// What comes back beside the answer.
        relay_state(relay_state: Option<&str>) { relay_state = relay_state.map(str::to_owned) }
    }

    /// An attribute: replaces the values of one that is there, or adds it. No values remove it.
    pub fn attribute(mut self, name: &str, values: &[&str]) -> Self {
        self.attributes.retain(|(known, _)| known != name);
        if !values.is_empty() {
            self.attributes.push(claim(name, values));
        }
        self
    }

    /// Replaces text in the XML before it is signed: what a strange identity provider would do.
    pub fn replace_before_signing(mut self, from: &str, to: &str) -> Self {
        self.before_signing.push(pair(from, to));
        self
    }

    /// Replaces text in the XML after it was signed: what an attacker would do.
    pub fn replace_after_signing(mut self, from: &str, to: &str) -> Self {
        self.after_signing.push(pair(from, to));
        self
    }

    /// Encrypts the assertion, once it is signed and before the response is (feature `encryption`).
    #[cfg(feature = "encryption")]
    pub fn encrypted(mut self, how: TestEncryption) -> Self {
        self.encrypted = Some(how);
        self
    }

    /// Encrypts the `NameID` (feature `encryption`).
    #[cfg(feature = "encryption")]
    pub fn encrypted_name_id(mut self, how: TestEncryption) -> Self {
        self.encrypted_name_id = Some(how);
        self
    }

    getters! {
        /// As a service provider reads it.
        ///
        /// # Panics
        /// When it was edited so that none can: too large, or a relay state too long.
        pub fn posted(&self) -> PostedResponse {
            PostedResponse::from_form(&self.form()).expect("a form that can be read")
        }
    }

    /// The message.
    #[must_use]
    pub fn xml(&self) -> String {
        let finish = |xml, part| match [part, TestSigning::Both].contains(&self.signing) {
            true => sign(xml, Placement::AfterIssuer, self.key),
            false => String::from(xml),
        };
        let assertion = edit(self.assertion(), &self.before_signing);
        // What is signed already is not edited again.
        let response = edit(self.response(HERE), &self.before_signing);
        let assertion = finish(assertion.as_str(), TestSigning::Assertion);
        #[cfg(feature = "encryption")]
        let assertion = match &self.encrypted {
            Some(how) => how.encrypt("EncryptedAssertion", &assertion),
            None => assertion,
        };
        let response = response.replacen(HERE, &assertion, 1);
        edit(finish(&response, TestSigning::Response), &self.after_signing)
    }

    /// The fields of the form that the browser posts.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let message = base64_encode(self.xml().as_bytes());
        let relay = self.relay_state.iter().map(|relay| ("RelayState", relay.clone()));
        std::iter::once(("SAMLResponse", message)).chain(relay).collect()
    }

    /// The body of the request that carries it.
    #[must_use]
    pub fn form(&self) -> Vec<u8> {
        let pair = |(name, value): (_, String)| format!("{name}={}", percent_encode(&value));
        self.fields().into_iter().map(pair).collect::<Vec<_>>().join("&").into_bytes()
    }

    /// On one line, with default namespaces, statements in this order: as Entra writes it.
    fn assertion(&self) -> String {
        let mut out = Writer::new();
        let id = format!("_a{}", self.id);
        let time = |time: Option<UnixTime>| time.map(|time| time.to_string());
        out.start("Assertion").attribute("ID", &id).attribute("IssueInstant", &self.now.to_string());
        out.attribute("Version", "2.0").attribute("xmlns", SAML).leaf("Issuer", &self.issuer);
        let mut name_id = Writer::new();
        name_id.start("NameID").attribute("Format", &self.name_id.1).text(&self.name_id.0);
        let name_id = name_id.finish();
        #[cfg(feature = "encryption")]
        let name_id = match &self.encrypted_name_id {
            // Without a namespace of its own: it has that of its place.
            Some(how) => how.encrypt("EncryptedID", &name_id),
            None => name_id,
        };
        out.start("Subject").element(&name_id);
        let bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
        out.start("SubjectConfirmation").attribute("Method", bearer);
        out.start("SubjectConfirmationData");
        out.optional("InResponseTo", self.confirmed_request.as_deref());
        out.optional("NotOnOrAfter", time(self.confirmed_until).as_deref());
        out.optional("Recipient", self.recipient.as_deref()).end().end().end();
        out.start("Conditions").optional("NotBefore", time(self.conditions.0).as_deref());
        out.optional("NotOnOrAfter", time(self.conditions.1).as_deref());
        if let Some(audience) = &self.audience {
            out.start("AudienceRestriction").leaf("Audience", audience).end();
        }
        out.end().start("AttributeStatement");
        for (name, values) in &self.attributes {
            out.start("Attribute").attribute("Name", name);
            for value in values {
                out.leaf("AttributeValue", value);
            }
            out.end();
        }
        out.end().start("AuthnStatement");
        out.attribute("AuthnInstant", &self.authn_instant.to_string()).attribute("SessionIndex", &id);
        out.start("AuthnContext").leaf("AuthnContextClassRef", &self.context_class);
        out.finish()
    }

    fn response(&self, assertion: &str) -> String {
        let mut out = Writer::new();
        out.start("samlp:Response").attribute("ID", &format!("_r{}", self.id));
        out.attribute("Version", "2.0").attribute("IssueInstant", &self.now.to_string());
        out.optional("Destination", self.destination.as_deref());
        out.optional("InResponseTo", self.response_to.as_deref()).attribute("xmlns:samlp", SAMLP);
        out.start("Issuer").attribute("xmlns", SAML).text(&self.issuer).end();
        out.start("samlp:Status").start("samlp:StatusCode");
        let urn = |code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
        if let Some((subcode, message)) = &self.status {
            out.attribute("Value", &urn("Responder")).start("samlp:StatusCode");
            out.attribute("Value", &urn(subcode)).end().end().leaf("samlp:StatusMessage", message);
        } else {
            out.attribute("Value", &urn("Success")).end().end().element(assertion);
        }
        out.finish()
    }
}

fn edit(xml: String, edits: &[(String, String)]) -> String {
    edits.iter().fold(xml, |xml, (from, to)| xml.replace(from.as_str(), to))
}

fn pair(first: &str, second: &str) -> (String, String) {
    (first.to_owned(), second.to_owned())
}

fn claim(name: &str, values: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
}

/// What Entra sends for an enterprise application unless somebody changes it.
fn default_claims(idp: &TestIdp) -> Vec<(String, Vec<String>)> {
    let (tenant, groups) = (idp.tenant.as_str(), idp.groups);
    let method = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
    let mut out = vec![
        claim(claims::TENANT_ID, &[tenant]),
        claim(claims::OBJECT_ID, &[ADA]),
        claim(claims::DISPLAY_NAME, &["Ada Lovelace"]),
        claim(claims::IDENTITY_PROVIDER, &[idp.entity_id()]),
        claim(claims::AUTHN_METHODS, &[method, claims::MULTIPLE_AUTHN]),
        claim(claims::GIVEN_NAME, &["Ada"]),
        claim(claims::SURNAME, &["Lovelace"]),
        claim(claims::EMAIL, &["ada.lovelace@contoso.example"]),
        claim(claims::NAME, &["ada@contoso.example"]),
    ];
    if groups > MAX_GROUPS {
        let link = format!("https://graph.windows.net/{tenant}/users/{ADA}/getMemberObjects");
        out.push(claim(claims::GROUPS_LINK, &[&link]));
    } else if groups > 0 {
        let ids = (0..groups).map(|number| format!("{number:08x}-9d4e-4b6f-8a2c-1d3e5f7a9b0c"));
        out.push((claims::GROUPS.to_owned(), ids.collect()));
    }
    out
}
