//! Sign-in with Microsoft Entra ID, or any other SAML 2.0 identity provider, for a web application in any framework.
//!
//! You hand over the bytes that the browser brought; you get a [`Login`], or an [`Error`] that tells an administrator
//! what to change and where.
//!
//! ```text
//!         browser                        your application           this crate
//!
//!   GET /saml/login         ───────────▶                ─start_login──▶ StartedLogin
//!   303 to Entra ID, cookie ◀───────────                ◀── AuthnRequest, PendingLogin
//!   … the person signs in at Entra ID …
//!   POST /saml/acs, cookie  ───────────▶                ─judge_login──▶ UnclaimedLogin
//!                                        INSERT … ONCE  ─── settle ───▶ Login | Error + hint
//!   303 to where it began   ◀─────────── your session
//! ```
//!
//! # What it does not do
//! It opens no sockets and starts no threads (but for the features `fetch` and `redis`), and keeps no sessions. Bytes,
//! time and randomness come in as arguments; only [`http::Routes::handle`] and [`UnixTime::now`] read the clock. What waits (a database, a download of metadata) is
//! yours, between two calls. It does not decide who may do what:
//! [`mapping`] says what your own record should hold, [`directory`] finds and writes it, and the rest is your program's.
//! What your sessions are, and which of them end when somebody [signs out](manual::logout), is yours too.
//!
//! # Getting started
//! In the Entra admin center, follow the [manual](manual::portal). In your program, five routes under one path;
//! [`http::HttpRequest`] is five methods for a framework without the types of the `http` crate, and [`ServiceProvider`]
//! has each step by itself.
//! ```
#![doc = include_str!("../examples/add_login.rs")]
//! ```
//!
//! For many customers, each with an identity provider of its own, there is [`Tenants`]; the
//! [manual](manual::federation) says what happens in the years after the first login.
//!
//! # What cannot be switched off
//! There is no setting that skips a check. What leaves the safe path has a name with `danger` in it, and [`danger`]
//! lists it all. Most checks are types, so that leaving one out does not compile; the
//! [manual](manual::attacks) says for each published attack which one stops it.
//!
//! A pending login answers once, because judging takes it by value:
//! ```compile_fail,E0382
//! # use entra_sso::{PendingLogin, PostedResponse, ServiceProvider, UnixTime};
//! # fn twice(sp: ServiceProvider, pending: PendingLogin, a: PostedResponse, b: PostedResponse, now: UnixTime) {
//! let first = sp.judge_login(pending, &a, now);
//! let again = sp.judge_login(pending, &b, now);
//! # }
//! ```
//! and because there is no second one:
//! ```compile_fail,E0599
//! # fn copy(pending: entra_sso::PendingLogin) {
//! let another = pending.clone();
//! # }
//! ```
//! An assertion comes out of octets that a trusted key signed, and from nowhere else:
//! ```compile_fail,E0451
//! # fn change(signed: entra_sso::saml::Assertion, mine: entra_sso::saml::Attributes) {
//! let forged = entra_sso::saml::Assertion { attributes: mine, ..signed };
//! # }
//! ```
//! So does a login:
//! ```compile_fail,E0451
//! # fn wrap(assertion: entra_sso::saml::Assertion, old: entra_sso::Login) {
//! let forged = entra_sso::Login { assertion, ..old };
//! # }
//! ```
//! Nobody reads a name before the assertion was recorded as used:
//! ```compile_fail,E0599
//! # fn peek(unclaimed: entra_sso::sp::UnclaimedLogin) {
//! let name = unclaimed.attributes();
//! # }
//! ```
//!
//! # Features
//! | Feature | What it adds |
//! | --- | --- |
//! | `encryption` | [`DecryptionKey`]: encrypted assertions, names and attributes, by aws-lc-rs, which needs a C compiler |
//! | `fetch` | [`fetch::Fetcher`]: fetches metadata over TLS, by ureq with rustls on ring |
//! | `http` | [`http::HttpRequest`] for `http::Request`, and [`http::HttpResponse`] into `http::Response` |
//! | `redis` | `redis::RedisReplayCache`: what was used, for an application that runs as several processes |
//! | `serde` | [`tenants::Settings`], [`mapping::Rules`] and [`directory::Policy`] from files and columns; never messages or logins |
//! | `tracing` | an event for each verdict, with its code or the ID of the assertion, and no names; and for metadata |
//! | `testing` | an identity provider in Entra's shape, for your tests |
//! | `full` | all of these |
//! | `xmlsec` | libxmlsec1 as a second verifier that must agree; not in `full`, needs the C library |
//!
//! None is on by default. A feature adds names, and never changes what another caller of this crate gets; `xmlsec` is
//! the exception, and can only refuse more.
//!
//! # A second opinion
//! With the feature `xmlsec`, an answer is accepted, and signed metadata is read, only if libxmlsec1 finds the same
//! signature good with the same key ([`DsigError::SecondOpinion`](error::DsigError::SecondOpinion) if not). It guards
//! against a fault in our verifier, by one of another make and in another language. It never sees a message: what our
//! verifier has accepted is written anew as a document of its own, in canonical form and without its `KeyInfo`, because
//! the library fetches what references and keys name before it looks at a signature, and takes the first signature
//! anywhere for the one that counts.
//!
//! The price: libxmlsec1 1.2 with OpenSSL (1.3 does not build with the crate `xmlsec` 0.3) and libxml2 where the program
//! runs, and their headers, `pkg-config` and libclang where it is built (on Debian: `libxmlsec1-dev`, `pkg-config`,
//! `libclang-dev`); two libraries in C that parse what the identity provider has signed; about a quarter of a
//! millisecond for each signature; no RSA-PSS and no Ed25519, which 1.2 does not know, so these are refused. The library
//! writes its complaints to standard error. When in doubt, leave it off: nothing else in this crate is less strict
//! without it.

#[macro_use]
mod shorthand;

mod crypto;
mod dsig;
mod encoding;
mod ids;
mod time;
mod xml;

pub mod danger;
pub mod directory;
pub mod entra;
pub mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod http;
#[cfg(any(fuzzing, feature = "testing"))]
#[doc(hidden)]
pub mod inside;
pub mod manual;
pub mod mapping;
#[cfg(feature = "redis")]
pub mod redis;
pub mod saml;
pub mod sp;
pub mod tenants;
#[cfg(feature = "testing")]
pub mod testing;

// The paved path. Everything else keeps its one name, in the module that defines it.
#[cfg(feature = "encryption")]
pub use crate::crypto::DecryptionKey;
pub use crate::crypto::{Certificate, CertificateError, Fingerprint, SecureRandom, SigningKey, SystemRandom};
pub use crate::encoding::Quoted;
pub use crate::error::{Error, ErrorKind, Hint, Rejection};
pub use crate::ids::{EmailDomain, EndpointUrl, EntityId, InvalidId, MessageId, RelayState, ReturnTo, TenantId};
pub use crate::saml::{AuthnRequest, IdentityProvider, MetadataTrust, PostedResponse};
pub use crate::sp::{CookieKey, Login, MemoryReplayCache, PendingLogin, ReplayCache, ServiceProvider};
pub use crate::tenants::Tenants;
pub use crate::time::UnixTime;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
