//! Sign-in with Microsoft Entra ID, or any SAML 2.0 identity provider.
#![allow(missing_docs)] // WIP

mod crypto;
mod dsig;
mod encoding;
mod ids;
mod time;
mod xml;

pub mod danger;
pub mod entra;
pub mod error;
pub mod http;
pub mod mapping;
pub mod saml;
pub mod sp;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::crypto::{Certificate, CertificateError, SecureRandom, SigningKey, SystemRandom};
pub use crate::encoding::Quoted;
pub use crate::error::{Error, ErrorKind, Hint, Rejection};
pub use crate::ids::{EndpointUrl, EntityId, InvalidId, MessageId, RelayState, ReturnTo};
pub use crate::saml::{AuthnRequest, IdentityProvider, MetadataTrust, PostedResponse};
pub use crate::sp::{
    CookieKey, Login, MemoryReplayCache, PendingLogin, ReplayCache, ServiceProvider,
};
pub use crate::time::UnixTime;
