//! How to set Entra ID up, who a person is, how people sign out, what each error means, and what stops each published attack.
//!
//! Text only, in Markdown files beside this one. Tests hold it to the code: every error code has its entry, and every
//! test that is named exists.

#[doc = include_str!("attacks.md")]
pub mod attacks {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("federation.md")]
pub mod federation {}

#[doc = include_str!("logout.md")]
pub mod logout {}

#[doc = include_str!("people.md")]
pub mod people {}

#[doc = include_str!("portal.md")]
pub mod portal {}
