//! What is particular to Microsoft Entra ID: its clouds and addresses, the values that its portal
//! asks for, the names of its claims, groups and their overage, and its error codes.
//!
//! Nothing here judges a message. An [`EntraApp`] says where an enterprise application is and which
//! issuer to pin; [`Groups`], [`UserKey`] and [`did_mfa`] read the claims of a finished login.
//!
//! ```
//! use entra_sso::entra::{EntraApp, portal_values};
//!
//! let app = EntraApp::new(
//!     "274d6cd3-0000-4000-8000-000000000001".parse()?,
//!     "1f3b7a50-0000-4000-8000-000000000002".parse()?,
//! );
//! println!("fetch {}", app.metadata_url());
//! println!("{}", portal_values(&"https://app.example/saml/metadata".parse()?,
//!     &"https://app.example/saml/acs".parse()?, None, None));
//! # Ok::<(), entra_sso::InvalidId>(())
//! ```

pub mod aadsts;
mod app;
pub mod claims;
mod groups;
mod guid;
mod user;

pub use app::{Cloud, EntraApp, PortalValues, portal_values};
pub use groups::Groups;
pub use guid::{ApplicationId, ObjectId, TenantGuid};
pub use user::{UserKey, did_mfa};
