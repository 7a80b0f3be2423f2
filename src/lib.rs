//! Sign-in with Microsoft Entra ID, or any SAML 2.0 identity provider.
#![allow(dead_code, missing_docs)] // WIP
mod encoding;
pub mod entra;
mod ids;
pub mod mapping;
mod time;
pub mod saml;
pub use crate::ids::{EndpointUrl, EntityId, InvalidId, MessageId, RelayState, ReturnTo};
pub use crate::time::UnixTime;
