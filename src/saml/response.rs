//! The `Response` around assertions: status, destination, and where signatures sit. No identity.

use super::{SAML, SAMLP, XENC, instant};
use crate::dsig::DS;
use crate::encoding::{Quoted, trim_xml};
use crate::ids::EntityId;
use crate::xml::{Document, Element, Limits, XmlError};

texts! {
    pub fn code;
    /// Why a document is not a message that we read. Nothing here needs a key.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum MessageError {
        /// Not XML as we read it, or not of SAML's schema.
        #[error(transparent)]
        Xml(#[from] XmlError) = error.code(), of error;
        /// Another message than the one that belongs here: the name of the document element, and the one that does.
        #[error("the message is {0}, not a {1} of SAML 2.0")]
        UnexpectedMessage(Quoted, &'static str) = "saml.unexpected_message";
        /// Another version of SAML.
        #[error("the message has version {0}; only 2.0 is spoken here")]
        Version(Quoted) = "saml.version";
        /// Two elements have the same ID.
        #[error("the ID {0} stands twice in the message")]
        DuplicateId(Quoted) = "saml.duplicate_id";
        /// An element has an attribute that some other reader could take for the ID.
        #[error("{0} has an attribute {1}, which could be taken for its ID")]
        AmbiguousId(Quoted, Quoted) = "saml.ambiguous_id";
        /// A signature stands inside an element where none belongs.
        #[error("a signature stands inside {0}, where SAML has none")]
        MisplacedSignature(Quoted) = "saml.signature_misplaced";
        /// There is not exactly one assertion in the message, but so many.
        #[error("the message holds {0} assertions; exactly one is wanted")]
        AssertionCount(usize) = "saml.assertion_count";
        /// An assertion stands inside another element than the response.
        #[error("an assertion stands inside {0}; it must stand directly in the Response")]
        MisplacedAssertion(Quoted) = "saml.assertion_misplaced";
        /// An element is encrypted, and we cannot decrypt it.
        #[error("the message holds {0}, which cannot be decrypted here")]
        Encrypted(Quoted) = "saml.encrypted";
        /// Encrypted in a way that is unsafe or unknown: what for, and its URI.
        #[error("the message is encrypted with {1} as {0}, which is not allowed")]
        EncryptionAlgorithm(&'static str, Quoted) = "saml.encryption_algorithm_not_allowed";
        /// It could not be decrypted to what should be there. There is nothing more to know: the difference between a
        /// wrong key, a wrong padding and broken XML would tell whoever changes a ciphertext what is in it.
        #[error("what is encrypted in the message cannot be decrypted to what belongs there")]
        DecryptionFailed = "saml.decryption_failed";
        /// A condition that we do not know, so we cannot say that it holds (SAML Core 2.5.1).
        #[error("the assertion has the condition {0}, which is not known")]
        UnknownCondition(Quoted) = "saml.condition_unknown";
    }
}

/// What the identity provider says of the outcome (SAML Core 3.2.2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The top-level code: who is to blame.
    pub code: Quoted,
    /// The code below it: what happened.
    pub subcode: Option<Quoted>,
    /// The message; from Entra with a code AADSTS… in it.
    pub message: Option<Quoted>,
}

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// The `Response`, of which nothing but these may be used before its signature is known to be good; and these only to
/// refuse.
#[derive(Debug)]
pub(crate) struct Envelope<'d> {
    pub(crate) response: Element<'d>,
    pub(crate) issuer: Option<Element<'d>>,
    pub(crate) destination: Option<&'d str>,
    pub(crate) in_response_to: Option<&'d str>,
    /// `Err` when it is anything but Success.
    pub(crate) status: Result<(), Status>,
    /// Plain or encrypted; [`take_census`] has seen that there is at most one.
    assertion: Option<Element<'d>>,
    /// All IDs in it.
    ids: Vec<&'d str>,
}

/// Whom an answer names as its issuer, before anything of it has been judged: good for finding who may judge it, and for
/// nothing else.
pub(crate) fn claimed_issuer(xml: &[u8]) -> Result<Option<EntityId>, MessageError> {
    let document = Document::parse(xml, &Limits::MESSAGE)?;
    Ok(Envelope::read(&document)?.claimed_issuer()?.and_then(|name| name.parse().ok()))
}

impl<'d> Envelope<'d> {
    /// Reads the envelope by the schema (SAML Core 3.2.2 and 3.3.3).
    pub(crate) fn read(document: &'d Document<'d>) -> Result<Self, MessageError> {
        let response = document.root();
        if !response.is(SAMLP, "Response") {
            return Err(MessageError::UnexpectedMessage(response.quoted(), "Response"));
        }
        let ids = take_census(response, Vec::with_capacity(4))?;
        version(response)?;
        response.required("ID")?;
        instant(response, response.required("IssueInstant")?)?;
        let mut parts = response.children()?;
        let issuer = parts.optional(SAML, "Issuer");
        parts.optional(DS, "Signature");
        parts.optional(SAMLP, "Extensions");
        let status = status(parts.one(SAMLP, "Status")?)?;
        let assertion = parts.optional(SAML, "Assertion");
        let assertion = assertion.or_else(|| parts.optional(SAML, "EncryptedAssertion"));
        parts.end()?;
        Ok(Self {
            response,
            issuer,
            destination: response.attribute("Destination"),
            in_response_to: response.attribute("InResponseTo"),
            status,
            assertion,
            ids,
        })
    }

    /// Who it says it is from, in itself or in its assertion: nobody vouches for that.
    fn claimed_issuer(&self) -> Result<Option<&'d str>, MessageError> {
        let inner = || self.assertion?.elements().find(|child| child.is(SAML, "Issuer"));
        Ok(self.issuer.or_else(inner).map(Element::text).transpose()?.map(trim_xml))
    }

    /// The one assertion, or what it is encrypted in.
    pub(crate) fn assertion(&self) -> Result<Element<'d>, MessageError> {
        self.assertion.ok_or(MessageError::AssertionCount(0))
    }

    /// Looks at what was decrypted as at the response that it came in, and at the IDs of both.
    pub(crate) fn must_be_in_order(&self, decrypted: &Document<'_>) -> Result<(), MessageError> {
        take_census(decrypted.root(), self.ids.clone()).map(|_| ())
    }
}

/// SAML Core 3.2.1 and 2.3.3: exactly 2.0.
pub(super) fn version(element: Element<'_>) -> Result<(), MessageError> {
    match element.required("Version")? {
        "2.0" => Ok(()),
        found => Err(MessageError::Version(Quoted::new(found))),
    }
}

/// Looks at every element once: assertions stand directly in the response, signatures there or behind the Issuer of
/// such an assertion, no ID stands twice, and nothing else looks like an ID. What hides elsewhere (`Extensions`,
/// `Object`, `Advice`, `AttributeValue`, `StatusDetail`) is how signature wrapping works (Somorovsky et al., USENIX
/// Security 2012).
///
/// Returns the IDs, with those that were known before.
fn take_census<'d>(response: Element<'d>, mut ids: Vec<&'d str>) -> Result<Vec<&'d str>, MessageError> {
    let mut assertions = 0;
    for element in response.descendants() {
        note_ids(element, &mut ids)?;
        let in_place = match element.local_name() {
            "Signature" if element.namespace() == DS => match element.parent() {
                Some(parent) if parent.is(SAML, "Assertion") && parent.parent() == Some(response) => {
                    is_behind_issuer(element, parent)?
                }
                parent => parent == Some(response), // whose children are read in order
            },
            "Assertion" | "EncryptedAssertion" if element.namespace() == SAML => {
                assertions += 1;
                element.parent() == Some(response)
            }
            _ => true,
        };
        if !in_place {
            let place = element.parent().unwrap_or(response).quoted();
            return Err(match element.namespace() {
                DS => MessageError::MisplacedSignature(place),
                _ => MessageError::MisplacedAssertion(place),
            });
        }
    }
    if assertions > 1 {
        return Err(MessageError::AssertionCount(assertions));
    }
    ids.sort_unstable();
    match ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b) {
        Some((id, _)) => Err(MessageError::DuplicateId(Quoted::new(id))),
        None => Ok(ids),
    }
}

fn is_behind_issuer(signature: Element<'_>, assertion: Element<'_>) -> Result<bool, XmlError> {
    let mut parts = assertion.children()?;
    parts.one(SAML, "Issuer")?;
    Ok(parts.any() == Some(signature))
}

/// Notes every ID of an element. SAML names it `ID`, XML Signature and Encryption name it `Id`; any other spelling on
/// their elements is what another reader could resolve (CVE-2025-66567).
fn note_ids<'d>(element: Element<'d>, ids: &mut Vec<&'d str>) -> Result<(), MessageError> {
    for (namespace, name, value) in element.attributes() {
        if !name.eq_ignore_ascii_case("id") {
            continue;
        }
        let expected = match element.namespace() {
            SAML | SAMLP => Some("ID"),
            DS | XENC => Some("Id"),
            _ => None,
        };
        match expected {
            Some(expected) if !namespace.is_empty() || name != expected => {
                return Err(MessageError::AmbiguousId(element.quoted(), Quoted::new(name)));
            }
            _ => ids.push(value),
        }
    }
    Ok(())
}

pub(super) fn status(element: Element<'_>) -> Result<Result<(), Status>, MessageError> {
    let mut parts = element.children()?;
    let code = parts.one(SAMLP, "StatusCode")?;
    let message = parts.optional(SAMLP, "StatusMessage").map(Element::text).transpose()?;
    let message = message.map(|text| Quoted::new(&without_addresses(text)));
    parts.optional(SAMLP, "StatusDetail");
    parts.end()?;
    let mut inner = code.children()?;
    let subcode = inner.optional(SAMLP, "StatusCode").map(|inner| inner.required("Value"));
    inner.end()?;
    let (code, subcode) = (code.required("Value")?, subcode.transpose()?);
    // A code below Success would say both: a Success that is not one is refused.
    Ok(match (code, subcode) {
        (SUCCESS, None) => Ok(()),
        _ => Err(Status { code: short(code), subcode: subcode.map(short), message }),
    })
}

/// SAML Core 3.7.3.2: who could be reached was signed out. Some say it below Success, some below Responder, and samlp, on
/// which Auth0 is built, in their place.
pub(super) fn is_partial(status: &Status) -> bool {
    status.subcode.as_ref().unwrap_or(&status.code).as_ref() == "PartialLogout"
}

/// Microsoft writes the address of the person into some messages, and what names a person is not for logs.
fn without_addresses(text: &str) -> String {
    let words = text.split(' ').map(|word| if word.contains('@') { "[address]" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Without the prefix that all of SAML's codes share.
fn short(code: &str) -> Quoted {
    Quoted::new(code.strip_prefix("urn:oasis:names:tc:SAML:2.0:status:").unwrap_or(code))
}
