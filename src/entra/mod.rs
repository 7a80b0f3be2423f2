//! What is particular to Microsoft Entra ID: its clouds and addresses, the values that its portal asks for, the names
//! of its claims, groups and their overage, and its error codes.
//!
//! Nothing here judges a message. An [`EntraApp`] says where an enterprise application is and which issuer to pin;
//! [`Groups`], [`UserKey`] and [`did_mfa`] read the claims of a finished login.
//!
//! ```
//! use entra_sso::entra::{EntraApp, portal_values};
//!
//! let tenant = "274d6cd3-0000-4000-8000-000000000001".parse()?;
//! let app = EntraApp::new(tenant, "1f3b7a50-0000-4000-8000-000000000002".parse()?);
//! println!("fetch {}", app.metadata_url());
//! let (entity_id, acs) = ("https://app.example/saml".parse()?, "https://app.example/acs".parse()?);
//! println!("paste {:#?}", portal_values(&entity_id, &acs, None, None));
//! # Ok::<(), entra_sso::InvalidId>(())
//! ```

pub mod aadsts;
mod app;
pub mod claims;
mod guid;
mod person;
#[cfg(test)]
#[path = "../../tests/unit/entra.rs"]
mod tests;

pub use app::{Cloud, EntraApp, PORTAL_PLACE, portal_values};
pub use guid::{ApplicationId, ObjectId, TenantGuid};
pub use person::{Groups, UserKey, did_mfa};
