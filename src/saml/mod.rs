//! The messages of SAML 2.0 that a service provider reads and writes.

mod assertion;
mod attributes;
mod authn_request;
mod binding;
mod decrypt;
mod idp_metadata;
mod logout;
mod response;
mod sp_metadata;

pub(crate) use assertion::SubjectConfirmation;
pub use assertion::{Assertion, AuthnStatement};
pub use attributes::{Attribute, Attributes, Claims, NameId};
pub(crate) use authn_request::Envelope as AuthnRequestEnvelope;
pub use authn_request::{AuthnRequest, Comparison};
pub use binding::{BindingError, LogoutMessage, Outgoing, POST_FORM_SCRIPT_SHA256, PostForm, PostedResponse};
pub(crate) use binding::{FORM_LIMIT, Kind, Sent, post, redirect};
#[cfg(all(feature = "encryption", feature = "testing"))]
pub(crate) use decrypt::XENC11;
pub(crate) use decrypt::{Decryption, Encrypted, only, parse};
pub(crate) use idp_metadata::keys_of;
pub use idp_metadata::{Binding, IdentityProvider, Lifetime, MetadataError, MetadataTrust};
pub use logout::Extent;
pub(crate) use logout::{
    ClaimedLogout, Head, LogoutEnvelope, ReceivedLogoutRequest, ReceivedLogoutResponse, claimed_logout,
};
pub(crate) use response::{Envelope, claimed_issuer};
pub use response::{MessageError, Status};
pub use sp_metadata::{Contact, ContactType, Organization};
pub(crate) use sp_metadata::{Published, SpMetadata};

use crate::encoding::trim_xml;
use crate::time::UnixTime;
use crate::xml::{Element, XmlError};

/// SAML Core 1.2: protocol messages.
pub(crate) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// SAML Core 1.2: assertions.
pub(crate) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// SAML Metadata 1.1.
pub(crate) const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// SAML Bindings 3.5.
pub(crate) const HTTP_POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// SAML Bindings 3.4.
pub(crate) const HTTP_REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// SAML Core 8.3.6: the name of a SAML entity.
pub(crate) const ENTITY_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
/// XML Encryption.
pub(crate) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// XML Schema, in documents.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The value of an attribute of `element` that is an instant.
fn instant(element: Element<'_>, text: &str) -> Result<UnixTime, XmlError> {
    trim_xml(text).parse().map_err(|_| element.invalid("dateTime with a time zone"))
}
