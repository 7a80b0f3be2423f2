//! Reads the requests that this crate sends, as an identity provider would.

use crate::encoding::{base64_decode, inflate, pairs, percent_decode};
use crate::saml::{Outgoing, SAML, SAMLP};
use crate::xml::{Document, Limits};

/// A request, as an identity provider reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// Its `ID`.
    pub id: String,
    /// Who asks.
    pub issuer: String,
    /// Where the answer is to go.
    pub acs: String,
    /// What is to come back beside the answer.
    pub relay_state: Option<String>,
    /// The message itself.
    pub xml: String,
}

impl ReceivedRequest {
    /// Reads what a service provider hands to the browser.
    #[must_use]
    pub fn from_outgoing(outgoing: &Outgoing) -> Option<Self> {
        match outgoing {
            Outgoing::Redirect(url) => Self::from_query(url.split_once('?')?.1),
            Outgoing::Post(form) => {
                let field = |wanted| form.fields().find(|(name, _)| *name == wanted);
                let xml = base64_decode(field("SAMLRequest")?.1, Limits::MESSAGE.bytes).ok()?;
                Self::from_xml(xml, field("RelayState").map(|(_, value)| value.to_owned()))
            }
        }
    }

    /// Reads the query of a request by HTTP-Redirect.
    #[must_use]
    pub fn from_query(query: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let found = pairs(query.as_bytes()).find(|(name, _)| *name == wanted.as_bytes())?;
            percent_decode(found.1).ok()
        };
        let packed = base64_decode(&field("SAMLRequest")?, Limits::MESSAGE.bytes).ok()?;
        let xml = inflate(&packed, Limits::MESSAGE.bytes).ok()?;
        Self::from_xml(xml, field("RelayState"))
    }

    fn from_xml(xml: Vec<u8>, relay_state: Option<String>) -> Option<Self> {
        let xml = String::from_utf8(xml).ok()?;
        let document = Document::parse_str(&xml, &Limits::MESSAGE).ok()?;
        let root = Some(document.root()).filter(|root| root.is(SAMLP, "AuthnRequest"))?;
        let issuer = root.elements().find(|child| child.is(SAML, "Issuer"))?.text().ok()?.to_owned();
        let acs = root.attribute("AssertionConsumerServiceURL")?.to_owned();
        let id = root.attribute("ID")?.to_owned();
        drop(document);
        Some(Self { id, issuer, acs, relay_state, xml })
    }
}
