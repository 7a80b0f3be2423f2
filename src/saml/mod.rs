//! The messages of SAML 2.0 that a service provider reads and writes.

mod attributes;

pub use attributes::{Attribute, Attributes, Claims, NameId};
