//! Single logout (SAML Profiles 4.4): begun by us or by the identity provider, with the rules by which its messages are
//! judged.

use std::time::Duration;

use super::replay::{ClaimError, ReplayCache, ReplayKey};
use super::state::{self, CookieKey, SetCookie, State, spent};
use super::web_sso::{MARGIN, must_answer, must_be_issuer, must_hold};
use super::{Login, ServiceProvider, Subject, settled};
use crate::crypto::{Certificate, SecureRandom};
use crate::dsig::Policy;
use crate::encoding::Quoted;
use crate::entra::Cloud;
use crate::error::{ConfigurationError, Error, Mismatch, Rejection};
use crate::ids::{EntityId, MessageId, RelayState, ReturnTo, TenantId};
use crate::saml::{
    ClaimedLogout, Extent, Head, Kind, LogoutEnvelope, LogoutMessage, MessageError, NameId, Outgoing,
    ReceivedLogoutRequest, ReceivedLogoutResponse, Sent, claimed_logout,
};
use crate::time::{UnixTime, Validity};

/// How an identity provider does single logout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LogoutStyle {
    /// By the standard: a `LogoutRequest` names the person as the login did, and is answered with a signed
    /// `LogoutResponse`.
    Saml,
    /// As Entra ID does it: its requests come into an invisible frame, name the person otherwise than the login did, and
    /// want no message back but an empty page, because it answers one with an error. It takes unsigned requests.
    Entra,
}

impl LogoutStyle {
    /// Entra's, if the name is one that Entra ID gives its tenants.
    pub(super) fn of(issuer: &EntityId) -> Self {
        if Cloud::of_issuer(issuer).is_some() { Self::Entra } else { Self::Saml }
    }
}

/// What to keep with a session so that it can be ended, by us or by the identity provider: whose it is, in the words of
/// who signed the person in. Keep it in your session store (feature `serde`), never in a cookie that is not sealed.
/// `Debug` prints no name.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct LogoutHandle {
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    tenant: Option<TenantId>,
    issuer: EntityId,
    name_id: String,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    format: Option<String>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    name_qualifier: Option<String>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    sp_name_qualifier: Option<String>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    session_indexes: Vec<String>,
}

impl std::fmt::Debug for LogoutHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("LogoutHandle");
        out.field("tenant", &self.tenant).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl LogoutHandle {
    getters! {
        /// Which of your customers the person signed in for; `None` without [`Tenants`](crate::tenants::Tenants).
        pub fn tenant(&self) -> Option<&TenantId> { self.tenant.as_ref() }
        /// Who signed the person in.
        pub fn issuer(&self) -> &EntityId { &self.issuer }
        /// The sessions at the identity provider; nearly always one. An index to find sessions by, if you have many: what
        /// [`LogoutRequest::ends`] says is what counts.
        pub fn session_indexes(&self) -> &[String] { &self.session_indexes }
    }

    fn name_id(&self) -> NameId {
        let mut name = NameId::new(&self.name_id, self.format.as_deref());
        name.name_qualifier.clone_from(&self.name_qualifier);
        name.sp_name_qualifier.clone_from(&self.sp_name_qualifier);
        name
    }
}

impl Login {
    /// What to keep with the session that you open, so that the person can sign out everywhere.
    #[must_use]
    pub fn logout_handle(&self) -> LogoutHandle {
        let name = self.name_id();
        let statements = self.assertion().authn_statements().iter();
        LogoutHandle {
            tenant: self.tenant().cloned(),
            issuer: self.issuer.clone(),
            name_id: name.value.clone(),
            format: name.format.clone(),
            name_qualifier: name.name_qualifier.clone(),
            sp_name_qualifier: name.sp_name_qualifier.clone(),
            session_indexes: statements.filter_map(|statement| statement.session_index.clone()).collect(),
        }
    }
}

/// A logout that has begun.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "keep `pending`, or the answer cannot be accepted"]
pub struct StartedLogout {
    /// For the browser.
    pub outgoing: Outgoing,
    /// For the same browser's return.
    pub pending: PendingLogout,
}

/// What we asked, of whom, and for which browser. As a pending login it answers once, and is kept in a sealed cookie only.
#[derive(Debug)]
pub struct PendingLogout {
    pub(super) request_id: MessageId,
    pub(super) relay_state: RelayState,
    pub(super) agreement: [u8; 16],
    pub(super) tenant: Option<TenantId>,
    pub(super) return_to: ReturnTo,
    pub(super) begun: UnixTime,
    pub(super) expires: UnixTime,
}

impl PendingLogout {
    getters! {
        /// The ID of our request.
        pub fn request_id(&self) -> &MessageId { &self.request_id }
        /// For which of your customers it was begun.
        pub fn tenant(&self) -> Option<&TenantId> { self.tenant.as_ref() }
    }

    /// Seals it into a cookie for the browser that began the logout.
    ///
    /// # Errors
    /// When there is no randomness, or it does not fit into a cookie.
    pub fn into_cookie(self, key: &CookieKey, rng: &dyn SecureRandom) -> Result<SetCookie, Error> {
        let (relay_state, begun, expires) = (self.relay_state.clone(), self.begun, self.expires);
        state::seal(&State::SigningOut(self), &relay_state, key, rng, expires.since(begun))
    }

    /// Finds and opens the cookie of the logout that `message` says it answers, in a `Cookie` header (several joined by
    /// `; `). Not by its `RelayState`, which not every identity provider sends back.
    ///
    /// # Errors
    /// When this browser has no such logout begun; when `message` is none that can be read.
    pub fn from_cookies(header: &str, message: &LogoutMessage, key: &CookieKey) -> Result<Self, Error> {
        let wanted = claimed(message)?.in_response_to.unwrap_or_default();
        let found = state::all(header, key).find_map(|state| match state {
            State::SigningOut(pending) if pending.request_id.is(&wanted) => Some(pending),
            _ => None,
        });
        Ok(found.ok_or(Rejection::NoPendingLogout)?)
    }
}

/// A logout of ours is done.
#[derive(Debug)]
#[must_use]
pub struct SignedOut {
    extent: Extent,
    return_to: ReturnTo,
    relay_state: RelayState,
}

impl SignedOut {
    getters! {
        /// How far it went.
        pub fn extent(&self) -> Extent { self.extent }
        /// Where the person wanted to go.
        pub fn return_to(&self) -> &ReturnTo { &self.return_to }
        /// What removes the cookie of the pending logout.
        pub fn spent_cookie(&self) -> SetCookie { spent(&self.relay_state) }
    }
}

/// The identity provider ends sessions: an authentic request, current, meant for us, and the first of its ID.
///
/// End every session of yours that [`ends`](Self::ends) names, before you answer.
#[derive(Debug)]
#[must_use]
pub struct LogoutRequest {
    message: ReceivedLogoutRequest,
    issuer: EntityId,
    tenant: Option<TenantId>,
    style: LogoutStyle,
    relay_state: Option<String>,
}

impl LogoutRequest {
    getters! {
        /// Its `ID`.
        pub fn id(&self) -> &MessageId { &self.message.head.id }
        /// Who asks.
        pub fn issuer(&self) -> &EntityId { &self.issuer }
        /// Of which of your customers the sessions are.
        pub fn tenant(&self) -> Option<&TenantId> { self.tenant.as_ref() }
        /// Whose sessions are to end. Entra ID writes another name here than into its assertions.
        pub fn name_id(&self) -> &NameId { &self.message.name_id }
        /// Which sessions are to end; none means all.
        pub fn session_indexes(&self) -> &[String] { &self.message.session_indexes }
    }

    /// Whose sessions are to end, as [`Login::subject`] says it: to find them by, if you have many. Of Entra ID it is
    /// nobody's, because the name is another one.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject(self.name_id().fingerprint(self.issuer.as_ref(), self.tenant.as_ref()))
    }

    /// Whether it ends the session that this handle was kept for: it is the same identity provider's and the same
    /// customer's, of the person that is named, and one of the sessions that are, if any are (SAML Core 3.7.3.1). Of Entra
    /// ID's requests only the session counts, because the name is another one.
    #[must_use]
    pub fn ends(&self, handle: &LogoutHandle) -> bool {
        let named = &self.message.session_indexes;
        let is_named = handle.session_indexes.iter().any(|index| named.contains(index));
        self.is_about(handle)
            && match self.style {
                LogoutStyle::Entra => is_named,
                // Indexes may be small numbers that come again with other people (SAML Core 2.7.2).
                LogoutStyle::Saml => {
                    let of = |name: &NameId| name.fingerprint(self.issuer.as_ref(), None);
                    of(&handle.name_id()) == of(self.name_id()) && (named.is_empty() || is_named)
                }
            }
    }

    /// As [`ends`](Self::ends), for the session of the browser that brought the request, by its own cookie. Of Entra ID it
    /// ends this one whatever it names: that it came through this browser is what says whose session it is. The cookie
    /// reaches the frame that Entra ID opens only with `SameSite=None`.
    #[must_use]
    pub fn ends_in_this_browser(&self, handle: &LogoutHandle) -> bool {
        self.ends(handle) || (self.style == LogoutStyle::Entra && self.is_about(handle))
    }

    fn is_about(&self, handle: &LogoutHandle) -> bool {
        handle.issuer == self.issuer && handle.tenant == self.tenant
    }
}

/// An authentic request that nobody has claimed yet: shows its replay key and nothing else.
#[must_use = "claim its replay key, then `settle` it"]
pub struct UnclaimedLogoutRequest {
    key: ReplayKey,
    expires: UnixTime,
    certificate: Certificate,
    request: LogoutRequest,
}

/// Prints what is to be claimed, and nothing of what it says.
impl std::fmt::Debug for UnclaimedLogoutRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("UnclaimedLogoutRequest");
        out.field("key", &self.key).field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl UnclaimedLogoutRequest {
    getters! {
        /// What to record.
        pub fn replay_key(&self) -> &ReplayKey { &self.key }
        /// Until when to keep it.
        pub fn expires(&self) -> UnixTime { self.expires }
        /// Whose key signed it.
        pub(crate) fn certificate(&self) -> &Certificate { &self.certificate }
    }

    /// Turns the outcome of recording into the request.
    ///
    /// # Errors
    /// When `claim` says that the key was there before, or may have been.
    pub fn settle(self, claim: Result<(), ClaimError>) -> Result<LogoutRequest, Error> {
        settled(claim).map(|()| self.request)
    }
}

/// What to send for a request of the identity provider.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub enum LogoutReply {
    /// An empty page with status 200: for Entra ID, and where there is nowhere to send a message to or no key to sign it.
    EmptyPage,
    /// A `LogoutResponse`.
    Message(Outgoing),
}

/// How long our own request is good for: the browser takes it there at once.
const OURS_FOR: Duration = Duration::from_secs(5 * 60);

/// How long one of theirs is good for that does not say; Entra's are taken there at once.
const THEIRS_FOR: Duration = Duration::from_secs(10 * 60);

/// What one of theirs may say at most: its ID is remembered for as long, in a store that customers share, and a login waits
/// no longer.
const THEIRS_AT_MOST: Duration = Duration::from_secs(30 * 60);

impl ServiceProvider {
    /// Begins a logout at the identity provider for the session that `handle` was kept with. End your own session first:
    /// the answer may never come.
    ///
    /// # Errors
    /// When `handle` is another identity provider's or another customer's; when this one has no single logout endpoint;
    /// when there is no key to sign with (Entra ID takes unsigned requests); when there is no randomness.
    pub fn start_logout(
        &self, handle: &LogoutHandle, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogout, Error> {
        if handle.issuer != *self.idp.entity_id() || handle.tenant != self.tenant {
            return Err(Rejection::OtherProvider(Quoted::new(self.idp.entity_id().as_ref())).into());
        }
        let (request_id, relay_state) = super::fresh(rng)?;
        let slo = self.idp.preferred_slo(Kind::Request, self.binding);
        let (binding, destination) = slo.ok_or(ConfigurationError::NoLogoutEndpoint)?;
        let envelope = LogoutEnvelope { id: &request_id, issue_instant: now, destination, issuer: &self.entity_id };
        let xml = envelope.request(now.plus(OURS_FOR), &handle.name_id(), &handle.session_indexes);
        // SAML Profiles 4.4.4.1: a request through the browser is signed. Entra may not know our key.
        let signing = match self.logout_style {
            LogoutStyle::Entra if !self.sign_requests => None,
            _ => Some(self.service.signing()?),
        };
        let relay = Some(relay_state.as_ref());
        let sent = Sent { kind: Kind::Request, destination, xml: &xml, relay_state: relay };
        let outgoing = super::send(binding, sent, signing, &[])?;
        Ok(StartedLogout { outgoing, pending: self.pending_logout(request_id, relay_state, return_to, now) })
    }

    fn pending_logout(
        &self, request_id: MessageId, relay_state: RelayState, return_to: ReturnTo, begun: UnixTime,
    ) -> PendingLogout {
        let (agreement, tenant, expires) = (self.agreement, self.tenant.clone(), begun.plus(self.pending_for));
        PendingLogout { request_id, relay_state, agreement, tenant, return_to, begun, expires }
    }

    /// A pending logout for a request that was captured, not made: named `danger` where it is public.
    pub(crate) fn pending_logout_for_captured(&self, request_id: MessageId, now: UnixTime) -> PendingLogout {
        self.pending_logout(request_id, RelayState::from_random([0; 16]), ReturnTo::default(), now)
    }

    /// Judges the answer to `pending`.
    ///
    /// # Errors
    /// When it is not an authentic answer to `pending`, meant for us; when the identity provider says that it did not sign
    /// the person out.
    pub fn finish_logout(
        &self, pending: PendingLogout, message: &LogoutMessage, now: UnixTime,
    ) -> Result<SignedOut, Error> {
        let verdict = self.judge_logout_response(&pending, message, now);
        report_logout(verdict.as_ref().map(|_| &pending.request_id));
        let PendingLogout { return_to, relay_state, .. } = pending;
        Ok(SignedOut { extent: verdict?, return_to, relay_state })
    }

    fn judge_logout_response(
        &self, pending: &PendingLogout, message: &LogoutMessage, now: UnixTime,
    ) -> Result<Extent, Error> {
        if pending.agreement != self.agreement {
            return Err(Rejection::OtherProvider(Quoted::new(self.idp.entity_id().as_ref())).into());
        }
        if now >= pending.expires {
            return Err(Rejection::PendingLoginExpired { limit: pending.expires, now }.into());
        }
        must_be(Kind::Response, message)?;
        let signed = message.signed(self.idp.keys(), &self.policy(now))?;
        let response = ReceivedLogoutResponse::from_signed(&signed)?;
        self.judge_head("LogoutResponse", &response.head)?;
        must_answer("LogoutResponse", response.in_response_to.as_deref(), Some(&pending.request_id))?;
        Ok(response.outcome.map_err(Rejection::LogoutRefused)?)
    }

    /// Judges a request of the identity provider to end sessions, and claims its ID in `replay_cache`.
    ///
    /// # Errors
    /// When it is not an authentic, current, first request of its ID, meant for us.
    pub fn finish_logout_request(
        &self, message: &LogoutMessage, now: UnixTime, replay_cache: &dyn ReplayCache,
    ) -> Result<LogoutRequest, Error> {
        let unclaimed = self.judge_logout_request(message, now)?;
        let claim = replay_cache.claim(unclaimed.replay_key(), unclaimed.expires(), now);
        unclaimed.settle(claim)
    }

    /// As [`finish_logout_request`](Self::finish_logout_request), up to the replay cache: for a store behind `await`.
    ///
    /// # Errors
    /// As `finish_logout_request`, except for a replay.
    pub fn judge_logout_request(
        &self, message: &LogoutMessage, now: UnixTime,
    ) -> Result<UnclaimedLogoutRequest, Error> {
        let verdict = self.judge_request(message, now);
        report_logout(verdict.as_ref().map(|unclaimed| unclaimed.request.id()));
        verdict
    }

    /// As `judge_logout_request`, and reports nothing.
    pub(crate) fn judge_request(
        &self, message: &LogoutMessage, now: UnixTime,
    ) -> Result<UnclaimedLogoutRequest, Error> {
        must_be(Kind::Request, message)?;
        let signed = message.signed(self.idp.keys(), &self.policy(now))?;
        let received = ReceivedLogoutRequest::from_signed(&signed, &self.service.decryption())?;
        self.judge_head("LogoutRequest", &received.head)?;
        let begin = received.head.issue_instant;
        let end = received.not_on_or_after.unwrap_or_else(|| begin.plus(THEIRS_FOR)).min(begin.plus(THEIRS_AT_MOST));
        let validity = Validity { not_before: Some(begin), not_on_or_after: Some(end) };
        must_hold("logout request", self, validity, now)?;
        let issuer = self.idp.entity_id().clone();
        Ok(UnclaimedLogoutRequest {
            key: ReplayKey::new(issuer.clone(), received.head.id.clone(), self.tenant.clone()),
            expires: end.plus(self.clock_skew).plus(MARGIN),
            certificate: signed.certificate().clone(),
            request: LogoutRequest {
                message: received,
                issuer,
                tenant: self.tenant.clone(),
                style: self.logout_style,
                relay_state: message.relay_state().map(str::to_owned),
            },
        })
    }

    /// What to send for a request, once its sessions have ended, or if they could not be (`have_ended`).
    ///
    /// # Errors
    /// When the request is another identity provider's; when there is no randomness.
    pub fn answer_logout(
        &self, request: &LogoutRequest, have_ended: bool, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<LogoutReply, Error> {
        if request.issuer != *self.idp.entity_id() || request.tenant != self.tenant {
            return Err(Rejection::OtherProvider(Quoted::new(self.idp.entity_id().as_ref())).into());
        }
        let slo = self.idp.preferred_slo(Kind::Response, self.binding);
        let (Some((binding, destination)), Ok(signing)) = (slo, self.service.signing()) else {
            return Ok(LogoutReply::EmptyPage);
        };
        if self.logout_style == LogoutStyle::Entra {
            return Ok(LogoutReply::EmptyPage);
        }
        let (id, _) = super::fresh(rng)?;
        let envelope = LogoutEnvelope { id: &id, issue_instant: now, destination, issuer: &self.entity_id };
        let xml = envelope.response(request.id(), have_ended);
        let relay_state = request.relay_state.as_deref();
        let sent = Sent { kind: Kind::Response, destination, xml: &xml, relay_state };
        Ok(LogoutReply::Message(super::send(binding, sent, Some(signing), &[])?))
    }

    fn policy(&self, now: UnixTime) -> Policy {
        Policy { now, skew: self.clock_skew, leniency: self.idp.leniency() }
    }

    /// SAML Bindings 3.4.5.2 and 3.5.5.2: a signed message says where it goes. Profiles 4.4.4.1: its issuer is the identity
    /// provider.
    fn judge_head(&self, what: &'static str, head: &Head) -> Result<(), Rejection> {
        let ours = self.slo.as_ref();
        match head.destination.as_deref() {
            Some(found) if found == ours => {}
            // The samples that Microsoft publishes have none. Its key is this application's, so nobody else was meant.
            None if self.logout_style == LogoutStyle::Entra => {}
            found => return Err(Rejection::LogoutDestinationMismatch(Mismatch::new(found, [ours]))),
        }
        must_be_issuer(self, what, &head.issuer.value, head.issuer.format.as_deref())
    }
}

/// A request in the place of a response is refused before anything of it is looked at; and what is not of the schema.
fn must_be(kind: Kind, message: &LogoutMessage) -> Result<(), Error> {
    match (kind, message.kind()) {
        (Kind::Request, Kind::Response) => {
            Err(MessageError::UnexpectedMessage(Quoted::new("SAMLResponse"), "LogoutRequest").into())
        }
        (Kind::Response, Kind::Request) => {
            Err(MessageError::UnexpectedMessage(Quoted::new("SAMLRequest"), "LogoutResponse").into())
        }
        _ => claimed(message).map(|_| ()),
    }
}

/// What a message says of itself, before anybody vouches for it.
pub(crate) fn claimed(message: &LogoutMessage) -> Result<ClaimedLogout, Error> {
    Ok(claimed_logout(message.claimed(), message.kind() == Kind::Request)?)
}

/// An event at each verdict, with the code of an error or the ID of our request or theirs; no names.
#[cfg(feature = "tracing")]
pub(crate) fn report_logout(verdict: Result<&MessageId, &Error>) {
    match verdict {
        Ok(id) => tracing::info!(request = %id, "logout accepted"),
        Err(error) => tracing::warn!(code = error.code(), %error, "logout refused"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn report_logout(_: Result<&MessageId, &Error>) {}
