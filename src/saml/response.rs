//! The `Response` around assertions: status, destination, and where signatures sit. No identity.

use super::{SAML, SAMLP, XENC};
use crate::dsig::DS;
use crate::encoding::Quoted;
use crate::xml::{Document, Element, XmlError};

/// Why a document is not a message that we read. Nothing here needs a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not XML as we read it, or not of SAML's schema.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// Another message than the one that belongs here.
    #[error("the message is {found}, not a Response of SAML 2.0")]
    UnexpectedMessage {
        /// The name of the document element.
        found: Quoted,
    },
    /// Another version of SAML.
    #[error("the message has version {found}; only 2.0 is spoken here")]
    Version {
        /// The version.
        found: Quoted,
    },
    /// Two elements have the same ID.
    #[error("the ID {id} stands twice in the message")]
    DuplicateId {
        /// The ID.
        id: Quoted,
    },
    /// An attribute that some other reader could take for the ID.
    #[error("{element} has an attribute {attribute}, which could be taken for its ID")]
    AmbiguousId {
        /// The element.
        element: Quoted,
        /// The name of the attribute.
        attribute: Quoted,
    },
    /// A signature stands where none belongs.
    #[error("a signature stands inside {parent}, where SAML has none")]
    MisplacedSignature {
        /// The element that holds it.
        parent: Quoted,
    },
    /// There is not exactly one assertion in the message.
    #[error("the message holds {found} assertions; exactly one is wanted")]
    AssertionCount {
        /// How many.
        found: usize,
    },
    /// An assertion stands elsewhere than directly in the response.
    #[error("an assertion stands inside {parent}; it must stand directly in the Response")]
    MisplacedAssertion {
        /// The element that holds it.
        parent: Quoted,
    },
    /// Something is encrypted that we cannot decrypt.
    #[error("the message holds {what}, which cannot be decrypted here")]
    Encrypted {
        /// The encrypted element.
        what: Quoted,
    },
    /// A condition that we do not know, so we cannot say that it holds (SAML Core 2.5.1).
    #[error("the assertion has the condition {found}, which is not known")]
    UnknownCondition {
        /// Its name.
        found: Quoted,
    },
}

impl MessageError {
    /// A name that stays the same from release to release.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Xml(error) => error.code(),
            Self::UnexpectedMessage { .. } => "saml.unexpected_message",
            Self::Version { .. } => "saml.version",
            Self::DuplicateId { .. } => "saml.duplicate_id",
            Self::AmbiguousId { .. } => "saml.ambiguous_id",
            Self::MisplacedSignature { .. } => "saml.signature_misplaced",
            Self::AssertionCount { .. } => "saml.assertion_count",
            Self::MisplacedAssertion { .. } => "saml.assertion_misplaced",
            Self::Encrypted { .. } => "saml.encrypted",
            Self::UnknownCondition { .. } => "saml.condition_unknown",
        }
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

/// The `Response`, of which nothing but these may be used before its signature is known to be good;
/// and these only to refuse.
#[derive(Debug)]
pub(crate) struct Envelope<'d> {
    pub(crate) response: Element<'d>,
    pub(crate) issuer: Option<Element<'d>>,
    pub(crate) destination: Option<&'d str>,
    pub(crate) in_response_to: Option<&'d str>,
    /// `Err` when it is anything but Success.
    pub(crate) status: Result<(), Status>,
    pub(crate) assertions: Vec<Element<'d>>,
}

impl<'d> Envelope<'d> {
    /// Reads the envelope by the schema (SAML Core 3.2.2 and 3.3.3).
    pub(crate) fn read(document: &'d Document<'d>) -> Result<Self, MessageError> {
        let response = document.root();
        if !response.is(SAMLP, "Response") {
            return Err(MessageError::UnexpectedMessage { found: response.quoted() });
        }
        take_census(document)?;
        version(response)?;
        response.required("ID")?;
        let instant = response.required("IssueInstant")?;
        instant.parse::<crate::time::UnixTime>().map_err(|_| response.invalid("dateTime"))?;
        let mut parts = response.children()?;
        let issuer = parts.optional(SAML, "Issuer");
        parts.optional(DS, "Signature");
        parts.optional(SAMLP, "Extensions");
        let status = status(parts.one(SAMLP, "Status")?)?;
        let mut assertions = Vec::with_capacity(1);
        while let Some(assertion) = parts.optional(SAML, "Assertion") {
            assertions.push(assertion);
        }
        if let Some(encrypted) = parts.optional(SAML, "EncryptedAssertion") {
            return Err(MessageError::Encrypted { what: encrypted.quoted() });
        }
        parts.end()?;
        Ok(Self {
            response,
            issuer,
            destination: response.attribute("Destination"),
            in_response_to: response.attribute("InResponseTo"),
            status,
            assertions,
        })
    }

    /// The one assertion.
    pub(crate) fn assertion(&self) -> Result<Element<'d>, MessageError> {
        match self.assertions.as_slice() {
            [only] => Ok(*only),
            more => Err(MessageError::AssertionCount { found: more.len() }),
        }
    }
}

/// SAML Core 3.2.1 and 2.3.3: exactly 2.0.
pub(super) fn version(element: Element<'_>) -> Result<(), MessageError> {
    match element.required("Version")? {
        "2.0" => Ok(()),
        found => Err(MessageError::Version { found: Quoted::new(found) }),
    }
}

/// Looks at every element of the message once: assertions stand directly in the response, signatures
/// directly in the response or in such an assertion, no ID stands twice, and nothing else looks like
/// an ID. What hides elsewhere (Extensions, Object, Advice, AttributeValue, StatusDetail) is how
/// signature wrapping works (Somorovsky et al., USENIX Security 2012).
fn take_census(document: &Document<'_>) -> Result<(), MessageError> {
    let response = document.root();
    let mut ids: Vec<&str> = Vec::with_capacity(4);
    let mut assertions = 0;
    for element in response.descendants() {
        ids.extend(own_id(element)?);
        let Some(parent) = element.parent() else { continue };
        if element.is(DS, "Signature") {
            let in_assertion = parent.is(SAML, "Assertion") && parent.parent() == Some(response);
            if parent != response && !in_assertion {
                return Err(MessageError::MisplacedSignature { parent: parent.quoted() });
            }
        } else if element.is(SAML, "Assertion") || element.is(SAML, "EncryptedAssertion") {
            assertions += 1;
            if parent != response {
                return Err(MessageError::MisplacedAssertion { parent: parent.quoted() });
            }
        }
    }
    if assertions > 1 {
        return Err(MessageError::AssertionCount { found: assertions });
    }
    ids.sort_unstable();
    match ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a == b) {
        Some((id, _)) => Err(MessageError::DuplicateId { id: Quoted::new(id) }),
        None => Ok(()),
    }
}

/// The ID of an element. SAML names it `ID`, XML Signature and Encryption name it `Id`; any other
/// spelling on their elements is what another reader could resolve (CVE-2025-66567).
fn own_id(element: Element<'_>) -> Result<Option<&str>, MessageError> {
    let expected = match element.namespace() {
        SAML | SAMLP => Some("ID"),
        DS | XENC => Some("Id"),
        _ => None,
    };
    let mut id = None;
    for (namespace, name, value) in element.attributes() {
        if !name.eq_ignore_ascii_case("id") {
            continue;
        }
        match expected {
            Some(expected) if !namespace.is_empty() || name != expected => {
                let attribute = Quoted::new(name);
                return Err(MessageError::AmbiguousId { element: element.quoted(), attribute });
            }
            _ => id = Some(value),
        }
    }
    Ok(id)
}

fn status(element: Element<'_>) -> Result<Result<(), Status>, MessageError> {
    let mut parts = element.children()?;
    let code = parts.one(SAMLP, "StatusCode")?;
    let message = parts.optional(SAMLP, "StatusMessage").map(Element::text).transpose()?;
    parts.optional(SAMLP, "StatusDetail");
    parts.end()?;
    let mut inner = code.children()?;
    let subcode = inner.optional(SAMLP, "StatusCode").map(|inner| inner.required("Value"));
    inner.end()?;
    let (code, subcode) = (code.required("Value")?, subcode.transpose()?);
    // A code below Success would say both: a Success that is not one is refused.
    Ok(match (code, subcode) {
        (SUCCESS, None) => Ok(()),
        _ => Err(Status {
            code: short(code),
            subcode: subcode.map(short),
            message: message.map(Quoted::new),
        }),
    })
}

/// Without the prefix that all of SAML's codes share.
fn short(code: &str) -> Quoted {
    Quoted::new(code.strip_prefix("urn:oasis:names:tc:SAML:2.0:status:").unwrap_or(code))
}
