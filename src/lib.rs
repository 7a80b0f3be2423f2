//! Sign-in with Microsoft Entra ID, or any SAML 2.0 identity provider.
#![allow(dead_code, missing_docs)] // WIP
mod crypto;
mod dsig;
mod encoding;
mod ids;
mod time;
mod xml;
pub mod saml;
pub use crate::ids::{EndpointUrl, EntityId, InvalidId, MessageId, RelayState, ReturnTo};
pub use crate::time::UnixTime;
