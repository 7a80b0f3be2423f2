//! The answer of the test identity provider, with a knob for everything that can be wrong in it.

use std::time::Duration;

use super::{ADA, TENANT, TestIdp, sign};
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
    /// Its certificate.
    #[must_use]
    pub fn certificate(self) -> Certificate {
        let der: &[u8] = match self {
            Self::Idp => include_bytes!("idp.cert.der"),
            Self::Expired => include_bytes!("expired.cert.der"),
            Self::Other => include_bytes!("other.cert.der"),
            Self::ServiceProvider => include_bytes!("sp.cert.der"),
        };
        Certificate::from_der(der).expect("a certificate that a test of this file has read")
    }

    /// Its private half. It is published: nobody may trust it outside a test.
    #[must_use]
    pub fn signing_key(self) -> SigningKey {
        let der: &[u8] = match self {
            Self::Idp | Self::Expired => include_bytes!("idp.key.der"),
            Self::Other => include_bytes!("other.key.der"),
            Self::ServiceProvider => include_bytes!("sp.key.der"),
        };
        SigningKey::parse(der).expect("a key that a test of this file has read")
    }
}

/// An answer under preparation. As it comes from [`TestIdp`] it is good; each method makes one thing
/// different. `None` leaves the thing out.
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
    not_before: Option<UnixTime>,
    not_on_or_after: Option<UnixTime>,
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
}

/// Holds the place of the assertion in the response.
const HERE: &str = "<Assertion/>";

/// Entra writes no more groups than this into a SAML token.
const MAX_GROUPS: usize = 150;

impl TestResponse {
    pub(super) fn new(
        idp: &TestIdp,
        acs: &str,
        audience: &str,
        now: UnixTime,
        groups: usize,
    ) -> Self {
        let seed = format!("{acs}\n{audience}\n{}", now.as_millis());
        let hash = hex(digest(DigestMethod::Sha256, seed.as_bytes()).as_ref());
        let end = Some(now.plus(Duration::from_secs(60 * 60)));
        // Entra writes `spn:` before an audience that is no URI.
        let audience =
            if audience.contains(':') { audience.to_owned() } else { format!("spn:{audience}") };
        Self {
            id: hash.chars().take(32).collect(),
            now,
            issuer: idp.entity_id().to_owned(),
            destination: Some(acs.to_owned()),
            recipient: Some(acs.to_owned()),
            response_to: None,
            confirmed_request: None,
            audience: Some(audience),
            not_before: Some(now.minus(Duration::from_secs(5 * 60))),
            not_on_or_after: end,
            confirmed_until: end,
            authn_instant: now.minus(Duration::from_secs(7)),
            context_class: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password".to_owned(),
            status: None,
            name_id: (
                "ada@contoso.example".to_owned(),
                "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress".to_owned(),
            ),
            attributes: default_claims(groups),
            signing: TestSigning::Assertion,
            key: TestKey::Idp,
            relay_state: None,
            before_signing: Vec::new(),
            after_signing: Vec::new(),
        }
    }

    // ---- knobs ----

    /// Both IDs: the response gets this one with `_r`, the assertion with `_a` in front. The same ID
    /// again is a replay, or another answer under the same name.
    pub fn id(mut self, id: &str) -> Self {
        self.id = id.to_owned();
        self
    }

    /// `Issuer`, in both places.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = issuer.to_owned();
        self
    }

    /// `Destination` of the response.
    pub fn destination(mut self, destination: Option<&str>) -> Self {
        self.destination = destination.map(str::to_owned);
        self
    }

    /// `Recipient` of the subject confirmation.
    pub fn recipient(mut self, recipient: Option<&str>) -> Self {
        self.recipient = recipient.map(str::to_owned);
        self
    }

    /// `InResponseTo`, in both places.
    pub fn in_response_to(mut self, id: Option<&str>) -> Self {
        self.response_to = id.map(str::to_owned);
        self.confirming(id)
    }

    /// `InResponseTo` of the subject confirmation only.
    pub fn confirming(mut self, id: Option<&str>) -> Self {
        self.confirmed_request = id.map(str::to_owned);
        self
    }

    /// `Audience`; `None` leaves out the restriction.
    pub fn audience(mut self, audience: Option<&str>) -> Self {
        self.audience = audience.map(str::to_owned);
        self
    }

    /// `NotBefore` and `NotOnOrAfter` of the conditions.
    pub fn conditions(
        mut self,
        not_before: Option<UnixTime>,
        not_on_or_after: Option<UnixTime>,
    ) -> Self {
        (self.not_before, self.not_on_or_after) = (not_before, not_on_or_after);
        self
    }

    /// `NotOnOrAfter` of the subject confirmation.
    pub fn confirmed_until(mut self, not_on_or_after: Option<UnixTime>) -> Self {
        self.confirmed_until = not_on_or_after;
        self
    }

    /// When the person authenticated.
    pub fn authn_instant(mut self, instant: UnixTime) -> Self {
        self.authn_instant = instant;
        self
    }

    /// How the person authenticated.
    pub fn context_class(mut self, class: &str) -> Self {
        self.context_class = class.to_owned();
        self
    }

    /// Refuses, as Entra does: with a code below `Responder`, a message, and no assertion.
    pub fn refuse(mut self, subcode: &str, message: &str) -> Self {
        self.status = Some((subcode.to_owned(), message.to_owned()));
        self
    }

    /// The name of the person, and its format.
    pub fn name_id(mut self, value: &str, format: &str) -> Self {
        self.name_id = (value.to_owned(), format.to_owned());
        self
    }

    /// An attribute: replaces the values of one that is there, or adds it. No values remove it.
    pub fn attribute(mut self, name: &str, values: &[&str]) -> Self {
        self.attributes.retain(|(known, _)| known != name);
        if !values.is_empty() {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            self.attributes.push((name.to_owned(), values));
        }
        self
    }

    /// What is signed.
    pub fn signing(mut self, signing: TestSigning) -> Self {
        self.signing = signing;
        self
    }

    /// Whose key signs.
    pub fn key(mut self, key: TestKey) -> Self {
        self.key = key;
        self
    }

    /// What comes back beside the answer.
    pub fn relay_state(mut self, relay_state: Option<&str>) -> Self {
        self.relay_state = relay_state.map(str::to_owned);
        self
    }

    /// Replaces text in the XML before it is signed: what a strange identity provider would do.
    pub fn replace_before_signing(mut self, from: &str, to: &str) -> Self {
        self.before_signing.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Replaces text in the XML after it was signed: what an attacker would do.
    pub fn replace_after_signing(mut self, from: &str, to: &str) -> Self {
        self.after_signing.push((from.to_owned(), to.to_owned()));
        self
    }

    // ---- what comes out ----

    /// The message.
    #[must_use]
    pub fn xml(&self) -> String {
        let mut assertion = edit(self.assertion(), &self.before_signing);
        if matches!(self.signing, TestSigning::Assertion | TestSigning::Both) {
            assertion = sign(&assertion, Placement::AfterIssuer, self.key);
        }
        // What is signed already is not edited again.
        let mut response = edit(self.response(HERE), &self.before_signing);
        response = response.replacen(HERE, &assertion, 1);
        if matches!(self.signing, TestSigning::Response | TestSigning::Both) {
            response = sign(&response, Placement::AfterIssuer, self.key);
        }
        edit(response, &self.after_signing)
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
        let pairs: Vec<String> = self
            .fields()
            .into_iter()
            .map(|(name, value)| format!("{name}={}", percent_encode(&value)))
            .collect();
        pairs.join("&").into_bytes()
    }

    /// As a service provider reads it.
    ///
    /// # Panics
    /// When it was edited so that no service provider can: too large, or a relay state too long.
    #[must_use]
    pub fn posted(&self) -> PostedResponse {
        PostedResponse::from_form(&self.form()).expect("a form that can be read")
    }

    /// On one line, with default namespaces, statements in this order: as Entra writes it.
    fn assertion(&self) -> String {
        let mut out = Writer::new();
        let id = format!("_a{}", self.id);
        let time = |time: &Option<UnixTime>| time.map(|time| time.to_string());
        out.start("Assertion")
            .attribute("ID", &id)
            .attribute("IssueInstant", &self.now.to_string())
            .attribute("Version", "2.0")
            .attribute("xmlns", SAML)
            .leaf("Issuer", &self.issuer);
        out.start("Subject").start("NameID").attribute("Format", &self.name_id.1);
        out.text(&self.name_id.0).end();
        out.start("SubjectConfirmation")
            .attribute("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer");
        out.start("SubjectConfirmationData")
            .optional("InResponseTo", self.confirmed_request.as_deref())
            .optional("NotOnOrAfter", time(&self.confirmed_until).as_deref())
            .optional("Recipient", self.recipient.as_deref())
            .end();
        out.end().end();
        out.start("Conditions")
            .optional("NotBefore", time(&self.not_before).as_deref())
            .optional("NotOnOrAfter", time(&self.not_on_or_after).as_deref());
        if let Some(audience) = &self.audience {
            out.start("AudienceRestriction").leaf("Audience", audience).end();
        }
        out.end();
        out.start("AttributeStatement");
        for (name, values) in &self.attributes {
            out.start("Attribute").attribute("Name", name);
            for value in values {
                out.leaf("AttributeValue", value);
            }
            out.end();
        }
        out.end();
        out.start("AuthnStatement")
            .attribute("AuthnInstant", &self.authn_instant.to_string())
            .attribute("SessionIndex", &id);
        out.start("AuthnContext").leaf("AuthnContextClassRef", &self.context_class);
        out.finish()
    }

    fn response(&self, assertion: &str) -> String {
        let mut out = Writer::new();
        out.start("samlp:Response")
            .attribute("ID", &format!("_r{}", self.id))
            .attribute("Version", "2.0")
            .attribute("IssueInstant", &self.now.to_string())
            .optional("Destination", self.destination.as_deref())
            .optional("InResponseTo", self.response_to.as_deref())
            .attribute("xmlns:samlp", SAMLP);
        out.start("Issuer").attribute("xmlns", SAML).text(&self.issuer).end();
        out.start("samlp:Status").start("samlp:StatusCode");
        match &self.status {
            None => {
                out.attribute("Value", "urn:oasis:names:tc:SAML:2.0:status:Success").end().end();
                out.element(assertion);
            }
            Some((subcode, message)) => {
                let urn = |code| format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
                out.attribute("Value", &urn("Responder"));
                out.start("samlp:StatusCode").attribute("Value", &urn(subcode)).end().end();
                out.leaf("samlp:StatusMessage", message).end();
            }
        }
        out.finish()
    }
}

fn edit(xml: String, edits: &[(String, String)]) -> String {
    edits.iter().fold(xml, |xml, (from, to)| xml.replace(from.as_str(), to))
}

/// What Entra sends for an enterprise application unless somebody changes it.
fn default_claims(groups: usize) -> Vec<(String, Vec<String>)> {
    let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    let method = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
    let mut out = vec![
        one(claims::TENANT_ID, TENANT),
        one(claims::OBJECT_ID, ADA),
        one(claims::DISPLAY_NAME, "Ada Lovelace"),
        one(claims::IDENTITY_PROVIDER, &format!("https://sts.windows.net/{TENANT}/")),
        (
            claims::AUTHN_METHODS.to_owned(),
            vec![method.to_owned(), claims::MULTIPLE_AUTHN.to_owned()],
        ),
        one(claims::GIVEN_NAME, "Ada"),
        one(claims::SURNAME, "Lovelace"),
        one(claims::EMAIL, "ada.lovelace@contoso.example"),
        one(claims::NAME, "ada@contoso.example"),
    ];
    if groups > MAX_GROUPS {
        let link = format!("https://graph.windows.net/{TENANT}/users/{ADA}/getMemberObjects");
        out.push(one(claims::GROUPS_LINK, &link));
    } else if groups > 0 {
        let ids = (0..groups).map(|number| format!("{number:08x}-9d4e-4b6f-8a2c-1d3e5f7a9b0c"));
        out.push((claims::GROUPS.to_owned(), ids.collect()));
    }
    out
}
