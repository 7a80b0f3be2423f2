//! What a reviewer should see: everything that leaves the safe path, by name, in one place.
//!
//! Two more dangers concern one identity provider, and are its methods: [`IdentityProvider::danger_allow_sha1`] and
//! [`IdentityProvider::danger_allow_expired_certificates`].

use std::time::Duration;

use crate::error::Error;
use crate::ids::{EndpointUrl, EntityId, InvalidId, MessageId};
use crate::saml::{IdentityProvider, MetadataTrust};
use crate::sp::{PendingLogin, PendingLogout, ServiceProvider};
use crate::time::UnixTime;

/// An endpoint that may be `http`. Tokens on the wire can be stolen: for development on this machine, and for judging
/// captured messages.
///
/// # Errors
/// When it is not an absolute URL by `http` or `https`.
pub fn plain_http(url: &str) -> Result<EndpointUrl, InvalidId> {
    EndpointUrl::with_plain_http(url)
}

/// As [`IdentityProvider::from_metadata_for`], with endpoints that may be `http`; `entity` may be left out.
///
/// # Errors
/// As there.
pub fn metadata_with_plain_http(
    entity: Option<&EntityId>, xml: &[u8], trust: MetadataTrust<'_>, now: UnixTime,
) -> Result<IdentityProvider, Error> {
    Ok(IdentityProvider::read(xml, entity, trust, now, EndpointUrl::with_plain_http)?)
}

/// As [`ServiceProvider::with_clock_skew`], with no upper end: for judging captured messages whose time is over. A server
/// with an hour here accepts what was stolen an hour ago, and signatures by certificates that ended an hour ago.
pub fn with_clock_skew(sp: ServiceProvider, skew: Duration) -> ServiceProvider {
    sp.with_any_clock_skew(skew)
}

/// A pending login for a request that was captured elsewhere, to judge its answer offline. A server that made one of
/// these for each answer would accept answers that its browser never asked for.
#[must_use]
pub fn captured_login(sp: &ServiceProvider, request_id: &str, now: UnixTime) -> PendingLogin {
    sp.pending_for_captured(MessageId::captured(request_id), now)
}

/// As [`captured_login`], for a logout.
#[must_use]
pub fn captured_logout(sp: &ServiceProvider, request_id: &str, now: UnixTime) -> PendingLogout {
    sp.pending_logout_for_captured(MessageId::captured(request_id), now)
}
