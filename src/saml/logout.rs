//! The messages of single logout (SAML Core 3.7): a request, and the answer to it.

use super::assertion::{read_identifier, read_name_id};
use super::response::{Status, is_partial, status, version};
use super::{Decryption, MessageError, NameId, SAML, SAMLP, instant};
use crate::dsig::{DS, Signed};
use crate::encoding::trim_xml;
use crate::ids::{EndpointUrl, EntityId, MessageId};
use crate::time::UnixTime;
use crate::xml::{Children, Document, Element, Limits, Writer, XmlError};

/// What every message says, whatever it is.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) id: MessageId,
    pub(crate) issue_instant: UnixTime,
    pub(crate) destination: Option<String>,
    /// With its `Format`.
    pub(crate) issuer: NameId,
}

/// `LogoutRequest` (SAML Core 3.7.1), as a trusted key signed it.
#[derive(Debug)]
pub(crate) struct ReceivedLogoutRequest {
    pub(crate) head: Head,
    pub(crate) not_on_or_after: Option<UnixTime>,
    pub(crate) name_id: NameId,
    pub(crate) session_indexes: Vec<String>,
}

/// `LogoutResponse` (SAML Core 3.7.2), as a trusted key signed it.
#[derive(Debug)]
pub(crate) struct ReceivedLogoutResponse {
    pub(crate) head: Head,
    pub(crate) in_response_to: Option<String>,
    pub(crate) outcome: Result<Extent, Status>,
}

/// How far a logout went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Extent {
    /// All sessions have ended, as far as the identity provider knows.
    Everywhere,
    /// The identity provider could not reach some of the other applications (`PartialLogout`, SAML Core 3.7.3.2): to be
    /// sure, the person closes the browser.
    Partly,
}

/// What a logout message says of itself, before anybody vouches for it: good for finding who may judge it, and for
/// nothing else.
#[derive(Debug, Default)]
pub(crate) struct ClaimedLogout {
    pub(crate) issuer: Option<EntityId>,
    pub(crate) in_response_to: Option<String>,
}

const LOGOUT_REQUEST: &str = "LogoutRequest";
const LOGOUT_RESPONSE: &str = "LogoutResponse";

/// Reads what a message claims, and sees that it is of the schema as it came: a signature, if one is inside, stands behind
/// the `Issuer`.
pub(crate) fn claimed_logout(xml: &[u8], is_request: bool) -> Result<ClaimedLogout, MessageError> {
    let document = Document::parse(xml, &Limits::MESSAGE)?;
    let root = document.root();
    let name = if is_request { LOGOUT_REQUEST } else { LOGOUT_RESPONSE };
    let (head, mut parts) = head(root, name, true)?;
    match is_request {
        // Nothing is decrypted for somebody whom nobody knows.
        true if parts.optional(SAML, "EncryptedID").is_some() => {}
        true => drop(parts.one(SAML, "NameID")?),
        false => drop(parts.one(SAMLP, "Status")?),
    }
    let issuer = trim_xml(&head.issuer.value).parse().ok();
    Ok(ClaimedLogout { issuer, in_response_to: root.attribute("InResponseTo").map(str::to_owned) })
}

impl ReceivedLogoutRequest {
    pub(crate) fn from_signed(signed: &Signed, ours: &Decryption<'_>) -> Result<Self, MessageError> {
        let document = Document::parse(signed.octets().as_bytes(), &Limits::MESSAGE.of_octets())?;
        let root = document.root();
        let (head, mut parts) = head(root, LOGOUT_REQUEST, false)?;
        // `BaseID`, which no profile of SAML 2.0 uses, is not read.
        let name_id = match read_identifier(&mut parts, ours)? {
            Some(name_id) => name_id,
            None => read_name_id(parts.one(SAML, "NameID")?)?,
        };
        let mut session_indexes = Vec::new();
        while let Some(index) = parts.optional(SAMLP, "SessionIndex") {
            if session_indexes.len() == MAX_INDEXES {
                return Err(XmlError::TooMuch("session indexes", MAX_INDEXES).into());
            }
            session_indexes.push(index.text()?.to_owned());
        }
        parts.end()?;
        let end = root.attribute("NotOnOrAfter").map(|text| instant(root, text)).transpose()?;
        Ok(Self { head, not_on_or_after: end, name_id, session_indexes })
    }
}

/// More sessions than anybody has at one application; each is compared with each of ours.
const MAX_INDEXES: usize = 256;

impl ReceivedLogoutResponse {
    pub(crate) fn from_signed(signed: &Signed) -> Result<Self, MessageError> {
        let document = Document::parse(signed.octets().as_bytes(), &Limits::MESSAGE.of_octets())?;
        let root = document.root();
        let (head, mut parts) = head(root, LOGOUT_RESPONSE, false)?;
        let outcome = match status(parts.one(SAMLP, "Status")?)? {
            Ok(()) => Ok(Extent::Everywhere),
            Err(status) if is_partial(&status) => Ok(Extent::Partly),
            Err(status) => Err(status),
        };
        parts.end()?;
        Ok(Self { head, in_response_to: root.attribute("InResponseTo").map(str::to_owned), outcome })
    }
}

/// SAML Core 3.2.1 and 3.2.2, up to what only one of the two has. By HTTP-Redirect no signature may be inside (SAML Bindings
/// 3.4.4.1), and the canonical form of what was signed has none any more.
fn head<'d>(root: Element<'d>, name: &'static str, may_be_signed: bool) -> Result<(Head, Children<'d>), MessageError> {
    if !root.is(SAMLP, name) {
        return Err(MessageError::UnexpectedMessage(root.quoted(), name));
    }
    version(root)?;
    let id = root.required("ID")?.parse().map_err(|_| root.invalid("ID"))?;
    let issue_instant = instant(root, root.required("IssueInstant")?)?;
    let mut parts = root.children()?;
    let issuer = read_name_id(parts.one(SAML, "Issuer")?)?;
    if may_be_signed {
        parts.optional(DS, "Signature");
    }
    parts.optional(SAMLP, "Extensions");
    let destination = root.attribute("Destination").map(str::to_owned);
    Ok((Head { id, issue_instant, destination, issuer }, parts))
}

/// What every logout message of ours says.
#[derive(Debug)]
pub(crate) struct LogoutEnvelope<'a> {
    pub(crate) id: &'a MessageId,
    pub(crate) issue_instant: UnixTime,
    pub(crate) destination: &'a EndpointUrl,
    pub(crate) issuer: &'a EntityId,
}

impl LogoutEnvelope<'_> {
    /// A request to sign somebody out who has these sessions.
    pub(crate) fn request(&self, until: UnixTime, name_id: &NameId, session_indexes: &[String]) -> String {
        let mut out = Writer::new();
        self.begin(&mut out, "samlp:LogoutRequest");
        out.attribute("NotOnOrAfter", &until.to_string()).leaf("saml:Issuer", self.issuer.as_ref());
        name_id.write(&mut out);
        for index in session_indexes {
            out.leaf("samlp:SessionIndex", index);
        }
        out.finish()
    }

    /// The answer to a request: the sessions have ended, or could not be.
    pub(crate) fn response(&self, in_response_to: &MessageId, has_ended: bool) -> String {
        let mut out = Writer::new();
        self.begin(&mut out, "samlp:LogoutResponse");
        out.attribute("InResponseTo", in_response_to.as_ref()).leaf("saml:Issuer", self.issuer.as_ref());
        let code = if has_ended { "Success" } else { "Responder" };
        out.start("samlp:Status").start("samlp:StatusCode");
        out.attribute("Value", &format!("urn:oasis:names:tc:SAML:2.0:status:{code}"));
        out.finish()
    }

    fn begin(&self, out: &mut Writer, name: &'static str) {
        out.start(name).attribute("xmlns:samlp", SAMLP).attribute("xmlns:saml", SAML);
        out.attribute("ID", self.id.as_ref()).attribute("Version", "2.0");
        out.attribute("IssueInstant", &self.issue_instant.to_string());
        out.attribute("Destination", self.destination.as_ref());
    }
}
