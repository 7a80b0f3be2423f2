//! An identity provider in Entra's exact shape, for your tests and ours (feature `testing`).
//!
//! It answers a request as Entra ID would: in the same XML, with the same claims, dates and algorithms. Everything in
//! an answer can be made wrong, to see what your handler does with it. Its keys are published with this crate: whoever
//! trusts them trusts everybody.
//!
//! ```
//! use entra_sso::testing::TestIdp;
//! use entra_sso::{MemoryReplayCache, ReturnTo, ServiceProvider, SystemRandom, UnixTime};
//!
//! let (idp, now) = (TestIdp::new(), UnixTime::from_secs(1_800_000_000));
//! let sp = ServiceProvider::at(&"https://app.example/saml".parse()?, idp.identity_provider(now)?);
//! let started = sp.start_login(ReturnTo::default(), now, &SystemRandom::default())?;
//! let posted = idp.answer(&started.outgoing, now).expect("a request").posted();
//! let login = sp.finish_login(started.pending, &posted, now, &MemoryReplayCache::default())?;
//! assert_eq!(login.name_id().value, "ada@contoso.example");
//! # Ok::<(), entra_sso::Error>(())
//! ```

#[cfg(feature = "encryption")]
mod encryption;
mod logout;
mod request;
mod response;

#[cfg(feature = "encryption")]
pub use encryption::{TestEncryption, TestKeyPlace};
pub use logout::{ReceivedLogout, TestLogout, redirect_query, sign_octets};
pub use request::ReceivedRequest;
pub use response::{TestKey, TestResponse, TestSigning};

use crate::dsig::{DS, Placement, SignatureStyle, sign_element};
use crate::error::Error;
use crate::ids::{EndpointUrl, InvalidId};
use crate::saml::{HTTP_POST, HTTP_REDIRECT, IdentityProvider, MD, MetadataTrust, Outgoing, SAMLP, XSI};
use crate::time::UnixTime;
use crate::xml::escape_html;

/// The tenant of [`TestIdp`].
pub const TENANT: &str = "7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c";
/// The object ID of the person whom [`TestIdp`] signs in.
pub const ADA: &str = "3e6f8a1c-5d2b-4c7e-8f9a-0b1c2d3e4f5a";

const WS_FEDERATION: &str = "http://docs.oasis-open.org/wsfed/federation/200706";

/// An identity provider in Entra's shape.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestIdp {
    tenant: String,
    entity_id: String,
    sso: EndpointUrl,
    groups: usize,
    published: Vec<TestKey>,
    signs: TestKey,
    attributes: String,
}

impl Default for TestIdp {
    fn default() -> Self {
        Self::new()
    }
}

impl TestIdp {
    /// One with Entra's addresses, for tests in process.
    pub fn new() -> Self {
        Self::of_tenant(TENANT)
    }

    /// The one of another tenant, by its GUID: with another name, and the same keys and people.
    pub fn of_tenant(tenant: &str) -> Self {
        let sso = format!("https://login.microsoftonline.com/{tenant}/saml2");
        Self {
            tenant: tenant.to_owned(),
            entity_id: format!("https://sts.windows.net/{tenant}/"),
            sso: EndpointUrl::fixed(sso),
            groups: 2,
            published: vec![TestKey::Idp],
            signs: TestKey::Idp,
            attributes: String::new(),
        }
    }

    /// One that listens at `sso`, which may be `http`: for a demonstration in a browser.
    ///
    /// # Errors
    /// When `sso` is no URL.
    pub fn at(sso: &str) -> Result<Self, InvalidId> {
        Ok(Self { sso: EndpointUrl::with_plain_http(sso)?, ..Self::new() })
    }

    setters! {
        /// How many groups the person is in. For more than 150 it sends a link, as Entra does.
        with_groups(groups: usize) { groups = groups }
        /// Whose certificates its metadata shows, for a key that rolls over.
        publishing(keys: &[TestKey]) { published = keys.to_vec() }
        /// Whose key signs its answers and its metadata.
        signing_with(key: TestKey) { signs = key }
        /// Further attributes of the `EntityDescriptor`, such as `validUntil`, as they are to stand there.
        with_metadata_attributes(xml: &str) { attributes = xml.to_owned() }
    }

    getters! {
        /// Its name.
        pub fn entity_id(&self) -> &str { &self.entity_id }
    }

    /// What a service provider knows of it, by way of its metadata.
    ///
    /// # Errors
    /// None that can happen before the year 2120.
    pub fn identity_provider(&self, now: UnixTime) -> Result<IdentityProvider, Error> {
        let (metadata, trust) = (self.metadata(), MetadataTrust::ConfiguredByAdmin);
        let endpoint = EndpointUrl::with_plain_http;
        Ok(IdentityProvider::read(metadata.as_bytes(), None, trust, now, endpoint)?)
    }

    /// Its metadata, as Entra publishes it: byte order mark, signature, a WS-Federation role first.
    #[must_use]
    pub fn metadata(&self) -> String {
        let descriptor = |key: &TestKey| {
            let key = key.certificate().to_base64();
            format!(
                "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"{DS}\"><X509Data><X509Certificate>{key}\
                 </X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
            )
        };
        let key: String = self.published.iter().map(descriptor).collect();
        let (entity_id, more) = (self.entity_id(), &self.attributes);
        let location = escape_html(self.sso.as_ref());
        let service = |name, binding| format!("<{name} Binding=\"{binding}\" Location=\"{location}\"/>");
        let xml = format!(
            "<EntityDescriptor ID=\"_metadata\" entityID=\"{entity_id}\" {more} xmlns=\"{MD}\">\
             <RoleDescriptor xsi:type=\"fed:SecurityTokenServiceType\" protocolSupportEnumeration=\"{WS_FEDERATION}\" \
             xmlns:xsi=\"{XSI}\" xmlns:fed=\"{WS_FEDERATION}\">{key}</RoleDescriptor>\
             <IDPSSODescriptor protocolSupportEnumeration=\"{SAMLP}\">{key}{}{}{}</IDPSSODescriptor></EntityDescriptor>",
            service("SingleLogoutService", HTTP_REDIRECT),
            service("SingleSignOnService", HTTP_REDIRECT),
            service("SingleSignOnService", HTTP_POST),
        );
        let signed = sign(&xml, Placement::First, self.signs);
        format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>{signed}")
    }

    /// Prepares the answer that Entra would give to a request; `None` if it is none.
    #[must_use]
    pub fn answer(&self, request: &Outgoing, now: UnixTime) -> Option<TestResponse> {
        Some(self.respond(&ReceivedRequest::from_outgoing(request)?, now))
    }

    /// Prepares the answer to a request that was read before.
    pub fn respond(&self, request: &ReceivedRequest, now: UnixTime) -> TestResponse {
        TestResponse::new(self, &request.acs, &request.issuer, now)
            .in_response_to(Some(&request.id))
            .relay_state(request.relay_state.as_deref())
    }

    /// Prepares an answer that nobody asked for, as a tile in My Apps sends it.
    pub fn unsolicited(&self, acs: &str, audience: &str, now: UnixTime) -> TestResponse {
        TestResponse::new(self, acs, audience, now)
    }
}

/// Signs what this module wrote; what cannot be signed stays unsigned.
fn sign(xml: &str, placement: Placement, key: TestKey) -> String {
    let style = SignatureStyle::DefaultNamespace;
    let signed = sign_element(xml, placement, style, &key.signing_key(), &key.certificate());
    signed.ok().flatten().unwrap_or_else(|| xml.to_owned())
}
