//! Reads an assertion out of signed octets.

use super::response::version;
use super::{Attributes, Decryption, MessageError, NameId, SAML, SAMLP, XSI, instant};
use crate::dsig::Signed;
use crate::encoding::{Quoted, trim_xml};
use crate::ids::MessageId;
use crate::time::{UnixTime, Validity};
use crate::xml::{Children, Document, Element, Limits, XmlError};

/// What the identity provider says of a person (SAML Core 2.3.3). Authentic by construction: it comes only from octets
/// that a trusted key has signed.
#[derive(Clone, Debug)]
pub struct Assertion {
    id: MessageId,
    issue_instant: UnixTime,
    /// With its `Format`.
    pub(crate) issuer: NameId,
    pub(crate) name_id: Option<NameId>,
    pub(crate) confirmations: Vec<SubjectConfirmation>,
    pub(crate) conditions: Option<Conditions>,
    authn_statements: Vec<AuthnStatement>,
    attributes: Attributes,
}

/// `SubjectConfirmation` with its data (SAML Core 2.4.1.1, 2.4.1.2).
#[derive(Clone, Debug)]
pub(crate) struct SubjectConfirmation {
    /// Whether its `Method` is that of a bearer.
    pub(crate) is_bearer: bool,
    /// Whether there is a `SubjectConfirmationData`.
    pub(crate) has_data: bool,
    pub(crate) recipient: Option<String>,
    pub(crate) in_response_to: Option<String>,
    pub(crate) validity: Validity,
}

/// `Conditions` (SAML Core 2.5.1).
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) validity: Validity,
    /// Each restriction must name us; inside one, any name will do (SAML Core 2.5.1.4).
    pub(crate) audiences: Vec<Vec<String>>,
    pub(crate) one_time_use: bool,
}

/// How and when the person was authenticated (SAML Core 2.7.2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuthnStatement {
    /// When. Entra's sessions live for months, so this can be days ago.
    pub authn_instant: UnixTime,
    /// The session at the identity provider, for logout. Entra's is the ID of the assertion.
    pub session_index: Option<String>,
    /// When our session must end; Entra does not say.
    pub session_not_on_or_after: Option<UnixTime>,
    /// How. Entra says `Password` even after MFA; see [`entra::did_mfa`](crate::entra::did_mfa).
    pub context_class: Option<String>,
}

impl Assertion {
    /// Reads the assertion that was signed, or the one in the response that was; with `ours`, what is encrypted in it.
    pub(crate) fn from_signed(signed: &Signed, ours: &Decryption<'_>) -> Result<Self, MessageError> {
        let document = Document::parse_str(signed.octets(), &Limits::MESSAGE.of_octets())?;
        let root = document.root();
        if root.is(SAML, "Assertion") {
            return Self::read(root, ours);
        }
        if !root.is(SAMLP, "Response") {
            return Err(MessageError::UnexpectedMessage(root.quoted(), "Response"));
        }
        let assertions = root.elements().filter(|child| child.is(SAML, "Assertion"));
        match assertions.collect::<Vec<_>>().as_slice() {
            [only] => Self::read(*only, ours),
            more => Err(MessageError::AssertionCount(more.len())),
        }
    }

    fn read(element: Element<'_>, ours: &Decryption<'_>) -> Result<Self, MessageError> {
        version(element)?;
        let id = element.required("ID")?.parse().map_err(|_| element.invalid("ID"))?;
        let issue_instant = instant(element, element.required("IssueInstant")?)?;
        let mut parts = element.children()?;
        let issuer = read_name_id(parts.one(SAML, "Issuer")?)?;
        let subject = parts.optional(SAML, "Subject").map(|subject| read_subject(subject, ours)).transpose()?;
        let (name_id, confirmations) = subject.unwrap_or_default();
        let conditions = parts.optional(SAML, "Conditions").map(read_conditions).transpose()?;
        parts.optional(SAML, "Advice"); // carries no authority (SAML Core 2.6.1): never read
        let (mut authn_statements, mut attributes) = (Vec::with_capacity(1), Attributes::default());
        loop {
            // Statements come in any order: Entra sends `AttributeStatement` first.
            if let Some(statement) = parts.optional(SAML, "AuthnStatement") {
                authn_statements.push(read_authn_statement(statement)?);
            } else if let Some(statement) = parts.optional(SAML, "AttributeStatement") {
                read_attributes(statement, ours, &mut attributes)?;
            } else if parts.optional(SAML, "AuthzDecisionStatement").is_none()
                && parts.optional(SAML, "Statement").is_none()
            {
                break parts.end()?;
            }
        }
        Ok(Self { id, issue_instant, issuer, name_id, confirmations, conditions, authn_statements, attributes })
    }

    getters! {
        /// Its `ID`.
        pub fn id(&self) -> &MessageId { &self.id }
        /// Who made it: the entity ID of the identity provider.
        pub fn issuer(&self) -> &str { &self.issuer.value }
        /// When it was made, by the clock of the identity provider.
        pub fn issue_instant(&self) -> UnixTime { self.issue_instant }
        /// How and when the person was authenticated; at least one for a login.
        pub fn authn_statements(&self) -> &[AuthnStatement] { &self.authn_statements }
        /// The attributes of the person.
        pub fn attributes(&self) -> &Attributes { &self.attributes }
        /// Whether it is not to be kept (SAML Core 2.5.1.5). Here each one is used once anyway.
        pub fn one_time_use(&self) -> bool {
            self.conditions.as_ref().is_some_and(|conditions| conditions.one_time_use)
        }
    }
}

fn validity(element: Element<'_>) -> Result<Validity, XmlError> {
    let bound = |name| element.attribute(name).map(|text| instant(element, text)).transpose();
    Ok(Validity { not_before: bound("NotBefore")?, not_on_or_after: bound("NotOnOrAfter")? })
}

fn owned(element: Element<'_>, attribute: &str) -> Option<String> {
    element.attribute(attribute).map(str::to_owned)
}

type Subject = (Option<NameId>, Vec<SubjectConfirmation>);

/// SAML Core 2.4.1: one identifier, then confirmations.
fn read_subject(element: Element<'_>, ours: &Decryption<'_>) -> Result<Subject, MessageError> {
    let mut parts = element.children()?;
    let name_id = read_identifier(&mut parts, ours)?;
    let mut confirmations = Vec::with_capacity(1);
    while let Some(confirmation) = parts.optional(SAML, "SubjectConfirmation") {
        confirmations.push(read_confirmation(confirmation, ours)?);
    }
    parts.end()?;
    Ok((name_id, confirmations))
}

/// `NameID`, plain or encrypted; the third of SAML Core 2.2, `BaseID`, is nobody's name.
pub(crate) fn read_identifier(parts: &mut Children<'_>, ours: &Decryption<'_>) -> Result<Option<NameId>, MessageError> {
    match parts.optional(SAML, "EncryptedID") {
        Some(encrypted) => ours.open(encrypted, "NameID", |name| Ok(Some(read_name_id(name)?))),
        None => Ok(parts.optional(SAML, "NameID").map(read_name_id).transpose()?),
    }
}

pub(super) fn read_name_id(element: Element<'_>) -> Result<NameId, XmlError> {
    let mut name = NameId::new(element.text()?, element.attribute("Format"));
    name.name_qualifier = owned(element, "NameQualifier");
    name.sp_name_qualifier = owned(element, "SPNameQualifier");
    Ok(name)
}

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

fn read_confirmation(element: Element<'_>, ours: &Decryption<'_>) -> Result<SubjectConfirmation, MessageError> {
    let is_bearer = element.required("Method")? == BEARER;
    let mut parts = element.children()?;
    read_identifier(&mut parts, ours)?; // who may confirm: for a bearer, whoever bears it
    let data = parts.optional(SAML, "SubjectConfirmationData");
    parts.end()?;
    Ok(SubjectConfirmation {
        is_bearer,
        has_data: data.is_some(),
        recipient: data.and_then(|data| owned(data, "Recipient")),
        in_response_to: data.and_then(|data| owned(data, "InResponseTo")),
        validity: data.map(validity).transpose()?.unwrap_or_default(),
    })
}

fn read_conditions(element: Element<'_>) -> Result<Conditions, MessageError> {
    let (mut parts, validity) = (element.children()?, validity(element)?);
    let mut conditions = Conditions { validity, audiences: Vec::new(), one_time_use: false };
    let unknown = |name| Err(MessageError::UnknownCondition(Quoted::new(name)));
    while let Some(condition) = parts.any() {
        match condition.local_name() {
            name if condition.namespace() != SAML => return unknown(name),
            "AudienceRestriction" => conditions.audiences.push(read_audiences(condition)?),
            "OneTimeUse" => conditions.one_time_use = true,
            "ProxyRestriction" => {} // binds whoever issues assertions in turn (SAML Core 2.5.1.6)
            name => return unknown(name),
        }
    }
    Ok(conditions)
}

fn read_audiences(element: Element<'_>) -> Result<Vec<String>, XmlError> {
    let mut parts = element.children()?;
    let mut audiences = vec![parts.one(SAML, "Audience")?.text()?.to_owned()];
    while let Some(audience) = parts.optional(SAML, "Audience") {
        audiences.push(audience.text()?.to_owned());
    }
    parts.end().map(|()| audiences)
}

fn read_authn_statement(element: Element<'_>) -> Result<AuthnStatement, XmlError> {
    let mut parts = element.children()?;
    parts.optional(SAML, "SubjectLocality");
    let context_class = read_context(parts.one(SAML, "AuthnContext")?)?;
    parts.end()?;
    let end = element.attribute("SessionNotOnOrAfter");
    Ok(AuthnStatement {
        authn_instant: instant(element, element.required("AuthnInstant")?)?,
        session_index: owned(element, "SessionIndex"),
        session_not_on_or_after: end.map(|text| instant(element, text)).transpose()?,
        context_class,
    })
}

/// SAML Core 2.7.2.2: a class, a declaration, or both; then whoever else was asked.
fn read_context(element: Element<'_>) -> Result<Option<String>, XmlError> {
    let mut parts = element.children()?;
    let class = parts.optional(SAML, "AuthnContextClassRef").map(Element::text).transpose()?;
    let declared = parts.optional(SAML, "AuthnContextDecl");
    let declared = declared.or_else(|| parts.optional(SAML, "AuthnContextDeclRef"));
    if class.is_none() && declared.is_none() {
        parts.one(SAML, "AuthnContextClassRef")?;
    }
    while parts.optional(SAML, "AuthenticatingAuthority").is_some() {}
    parts.end().map(|()| class.map(|text| trim_xml(text).to_owned()))
}

fn read_attributes(statement: Element<'_>, ours: &Decryption<'_>, out: &mut Attributes) -> Result<(), MessageError> {
    let mut parts = statement.children()?;
    let (names, (nodes, bytes)) = (statement.elements().count(), statement.extent());
    out.reserve(names, nodes.saturating_sub(names) / 2, bytes); // nearly every value has one text
    while let Some(found) = parts.any() {
        match found.local_name() {
            "Attribute" if found.namespace() == SAML => read_attribute(found, out)?,
            "EncryptedAttribute" if found.namespace() == SAML => {
                ours.open(found, "Attribute", |attribute| Ok(read_attribute(attribute, out)?))?;
            }
            _ => return Err(XmlError::UnexpectedElement(statement.quoted(), found.quoted()).into()),
        }
    }
    Ok(())
}

fn read_attribute(attribute: Element<'_>, out: &mut Attributes) -> Result<(), XmlError> {
    let name = attribute.required("Name")?;
    out.push(name, attribute.attribute("NameFormat"), attribute.attribute("FriendlyName"));
    let mut values = attribute.children()?;
    while let Some(value) = values.optional(SAML, "AttributeValue") {
        match value.text() {
            Ok(text) if !is_nil(value) => out.push_value(text),
            // Elements (as eduPersonTargetedID has) are no text, and null is no value (Core 2.7.3.1.1); text beside
            // them is an error. Comments are in no canonical form.
            _ => value.children().map(|_| ())?,
        }
    }
    values.end()
}

fn is_nil(element: Element<'_>) -> bool {
    element.attributes().any(|found| matches!(found, (XSI, "nil", "true" | "1")))
}
