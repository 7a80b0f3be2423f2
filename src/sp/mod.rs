//! A service provider: asks, and judges the answer by the Web Browser SSO profile.

#[cfg(test)]
#[path = "../../tests/unit/corpus_sp.rs"]
mod corpus;
mod login;
mod logout;
mod replay;
mod service;
mod state;
mod web_sso;

use std::sync::Arc;
use std::time::Duration;

pub use login::{Login, PendingLogin, StartedLogin, Subject, UnclaimedLogin};
pub use logout::{
    LogoutHandle, LogoutReply, LogoutRequest, LogoutStyle, PendingLogout, SignedOut, StartedLogout,
    UnclaimedLogoutRequest,
};
pub(crate) use logout::{claimed, report_logout};
pub use replay::{ClaimError, MemoryReplayCache, ReplayCache, ReplayKey};
pub use service::Service;
pub use state::{CookieKey, SetCookie};
pub(crate) use state::{State, begun_since, open, surplus};

use crate::crypto::{SecureRandom, short_digest};
use crate::dsig::Placement;
use crate::encoding::Quoted;
use crate::error::{ConfigurationError, Error, Rejection};
use crate::ids::{EndpointUrl, EntityId, MessageId, RelayState, ReturnTo, TenantId};
use crate::saml::{
    AuthnRequest, AuthnRequestEnvelope, Binding, IdentityProvider, Kind, NameId, Outgoing, PostedResponse, Sent, post,
    redirect,
};
use crate::time::UnixTime;
use login::Answered;
use service::Signing;
use web_sso::{Asked, judge};

/// Entra's tokens begin five minutes early, others' at the very second; three minutes bridge clocks that are kept by
/// NTP and leave nothing to collect.
const CLOCK_SKEW: Duration = Duration::from_secs(3 * 60);

/// Kerberos allows five between two machines; this is the clock of one set by hand.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

/// Long enough to enrol a second factor, short enough that forgotten logins do not pile up.
const PENDING_FOR: Duration = Duration::from_secs(30 * 60);

/// Whether to take answers that nobody asked for (SAML Profiles 4.1.5): a tile in My Apps sends them.
///
/// Whoever can have a person's browser post a form can sign that person in as somebody else with one (login CSRF), so
/// the default is to refuse.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Unsolicited {
    /// Refuse them.
    #[default]
    Refuse,
    /// Judge them, throw them away, and begin a login of our own in their place. It costs the person nothing, who has a
    /// session at the identity provider, and leaves nothing of a login CSRF: what counts is what this browser asked for.
    Restart,
    /// Take each once.
    Accept {
        /// Where used ones are kept. Nothing else stands between a stolen answer and its second use.
        replay_cache: Arc<dyn ReplayCache>,
    },
}

/// Our side of the agreement with one identity provider.
///
/// Three facts make it: our name, our address, and the identity provider. Everything else has a default that works with
/// Entra ID.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceProvider {
    entity_id: EntityId,
    acs: EndpointUrl,
    slo: EndpointUrl,
    serves_logout: bool,
    logout_style: LogoutStyle,
    idp: IdentityProvider,
    tenant: Option<TenantId>,
    /// Digest of these four. A pending login is bound to it: it can be answered only under the same agreement.
    agreement: [u8; 16],
    audiences: Vec<String>,
    clock_skew: Duration,
    pending_for: Duration,
    unsolicited: Unsolicited,
    return_origins: Vec<EndpointUrl>,
    binding: Option<Binding>,
    service: Arc<Service>,
    sign_requests: bool,
    says_signed: Option<bool>,
    force_authn: bool,
    max_authn_age: Option<Duration>,
    requires_encryption: bool,
    refuses_unauthenticated_encryption: bool,
}

impl ServiceProvider {
    /// The usual layout below `base`: our name is `base/metadata`, answers go to `base/acs`, logout messages to `base/slo`.
    pub fn at(base: &EndpointUrl, idp: IdentityProvider) -> Self {
        Self::new(EntityId::from_url(&base.child("metadata")), base.child("acs"), idp)
    }

    /// The three facts that both sides must agree on: our name, where answers go, and whom we ask.
    pub fn new(entity_id: EntityId, acs: EndpointUrl, idp: IdentityProvider) -> Self {
        Self {
            agreement: agreement(&idp, &entity_id, &acs, None),
            tenant: None,
            slo: acs.sibling("slo"),
            serves_logout: true,
            logout_style: LogoutStyle::of(idp.entity_id()),
            audiences: audiences(&entity_id),
            entity_id,
            acs,
            idp,
            clock_skew: CLOCK_SKEW,
            pending_for: PENDING_FOR,
            unsolicited: Unsolicited::Refuse,
            return_origins: Vec::new(),
            binding: None,
            service: Arc::default(),
            sign_requests: false,
            says_signed: None,
            force_authn: false,
            max_authn_age: None,
            requires_encryption: false,
            refuses_unauthenticated_encryption: false,
        }
    }

    // ---- settings ----

    builders! {
        /// What the clocks of both sides may differ by; three minutes unless said otherwise, and ten at most: more is
        /// taken as ten, because a longer one would switch the checks of time off.
        pub fn with_clock_skew(mut self, skew: Duration) { self.clock_skew = skew.min(MAX_CLOCK_SKEW) }
        /// How long a login may take; half an hour unless said otherwise.
        pub fn with_login_timeout(mut self, timeout: Duration) { self.pending_for = timeout }
        /// Another name under which assertions may be meant for us, such as what *Override audience claim* says. Compared
        /// byte for byte.
        pub fn with_audience(mut self, audience: impl Into<String>) { self.audiences.push(audience.into()) }
        /// Whether to take answers that nobody asked for.
        pub fn with_unsolicited(mut self, unsolicited: Unsolicited) { self.unsolicited = unsolicited }
        /// How to send requests. Without this, by Redirect where the identity provider takes it.
        pub fn with_request_binding(mut self, binding: Binding) { self.binding = Some(binding) }
        /// Another site of ours, by any address on it, that logins may lead to: its scheme, host and port are compared byte
        /// for byte. May be called several times; our own site always is one.
        pub fn with_return_origin(mut self, site: EndpointUrl) { self.return_origins.push(site) }
        /// Our keys, and who we are.
        pub fn with_service(mut self, service: impl Into<Arc<Service>>) { self.service = service.into() }
        /// Signs every request, and says so in the metadata (`AuthnRequestsSigned`).
        pub fn signing_requests(mut self) { self.sign_requests = true }
        /// What the metadata says in `AuthnRequestsSigned`, if it is not to say whether requests are signed: `false` while
        /// the identity provider does not know the key yet, for example.
        pub fn with_authn_requests_signed(mut self, says: bool) { self.says_signed = Some(says) }
        /// Has every person authenticate anew at every login (`ForceAuthn`), whatever is asked for otherwise.
        pub fn always_authenticating(mut self) { self.force_authn = true }
        /// Where logout messages go, if not to `slo` beside the assertion consumer service.
        pub fn with_single_logout_service(mut self, url: EndpointUrl) { self.slo = url }
        /// Leaves single logout out of the metadata and out of [`Routes`](crate::http::Routes): for an application that takes no
        /// logout messages.
        pub fn without_single_logout(mut self) { self.serves_logout = false }
        /// How the identity provider does single logout, if its name does not tell: Entra ID is known by it.
        pub fn with_logout_style(mut self, style: LogoutStyle) { self.logout_style = style }
        /// How long ago a person may have authenticated at the identity provider. An answer about an earlier time is
        /// refused; [`Routes`](crate::http::Routes) then ask once more, with `ForceAuthn`.
        pub fn with_max_authn_age(mut self, age: Duration) { self.max_authn_age = Some(age) }
        /// Takes only encrypted assertions: for who must know that no browser, and nothing that sees its traffic, can read
        /// them. See `Service::with_decryption_key` (feature `encryption`).
        pub fn requiring_encryption(mut self) { self.requires_encryption = true }
        /// Takes AES-CBC only in a signed response. Without this, an assertion that is signed inside is taken from CBC as
        /// well, which Entra ID is known to use; the [manual](crate::manual::portal#token-encryption) says what that costs.
        pub fn refusing_unauthenticated_encryption(mut self) { self.refuses_unauthenticated_encryption = true }
    }

    getters! {
        /// Our name.
        pub fn entity_id(&self) -> &EntityId { &self.entity_id }
        /// Where answers go.
        pub fn assertion_consumer_service(&self) -> &EndpointUrl { &self.acs }
        /// Where logout messages go: what *Logout Url* in the Entra admin center should be.
        pub fn single_logout_service(&self) -> &EndpointUrl { &self.slo }
        /// Whom we ask.
        pub fn identity_provider(&self) -> &IdentityProvider { &self.idp }
        pub(crate) fn served_logout(&self) -> Option<&EndpointUrl> { self.serves_logout.then_some(&self.slo) }
        pub(crate) fn unsolicited(&self) -> &Unsolicited { &self.unsolicited }
    }

    /// For one of many customers: a login that was begun for one is finished for no other, though both ask the same
    /// identity provider under the same names.
    pub(crate) fn for_tenant(mut self, tenant: TenantId) -> Self {
        self.agreement = agreement(&self.idp, &self.entity_id, &self.acs, Some(&tenant));
        self.tenant = Some(tenant);
        self
    }

    /// Reads where a login is to lead: a path on our own site, or an address on it or on a site that
    /// [`with_return_origin`](Self::with_return_origin) names.
    ///
    /// # Errors
    /// When it leads anywhere else.
    pub fn return_to(&self, text: &str) -> Result<ReturnTo, crate::ids::InvalidId> {
        let other = |url: EndpointUrl| match &self.acs {
            ours if url.same_origin(ours) => url.path_and_query().parse().ok(),
            _ => self.return_origins.iter().any(|site| url.same_origin(site)).then(|| ReturnTo::elsewhere(&url)),
        };
        let short = text.len() <= ReturnTo::LIMIT;
        text.parse().or_else(|error| text.parse().ok().filter(|_| short).and_then(other).ok_or(error))
    }

    // ---- asking ----

    /// Begins a login: what to send, and what to keep until the answer comes.
    ///
    /// # Errors
    /// When there is no randomness, or the settings contradict each other.
    pub fn start_login(
        &self, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        self.start_login_with(&AuthnRequest::new(), return_to, now, rng)
    }

    /// As [`start_login`](Self::start_login), asking for more.
    ///
    /// # Errors
    /// As `start_login`.
    pub fn start_login_with(
        &self, request: &AuthnRequest, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        self.start(request, None, return_to, now, rng)
    }

    /// Has the person of an earlier login authenticate anew, before something that cannot be undone: the answer must be
    /// about the same person ([`Login::subject`], which you kept in your session), who authenticates after this instant
    /// less what the clocks may differ by. So whoever has the browser of somebody who signed in within that time (three
    /// minutes, unless said otherwise) can take `ForceAuthn` out of the request, and nobody is asked again. The login that
    /// comes of it says [`is_reauthentication`](Login::is_reauthentication). For identity providers that give a person the
    /// same `NameID` at each login, as Entra does unless *transient* was chosen. When the answer comes, see that the session
    /// still is that person's: compare its `subject` with the login's once more.
    ///
    /// # Errors
    /// As [`start_login`](Self::start_login).
    pub fn start_reauthentication(
        &self, subject: &Subject, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        self.start(&AuthnRequest::new().force_authn(), Some(subject), return_to, now, rng)
    }

    fn start(
        &self, request: &AuthnRequest, again: Option<&Subject>, return_to: ReturnTo, now: UnixTime,
        rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        if request.names_no_context() {
            return Err(ConfigurationError::NoContextClass.into());
        }
        let forced = self.force_authn.then(|| request.clone().force_authn());
        let request = forced.as_ref().unwrap_or(request);
        let (request_id, relay_state) = fresh(rng)?;
        let (binding, destination) = match self.binding {
            Some(binding) => self.idp.sso_url(binding).map(|url| (binding, url)),
            None => self.idp.preferred_sso(),
        }
        .ok_or(ConfigurationError::NoSuchBinding)?;
        let xml = request.to_xml(&AuthnRequestEnvelope {
            id: &request_id,
            issue_instant: now,
            destination,
            acs: &self.acs,
            issuer: &self.entity_id,
        });
        let signing = match self.sign_requests {
            true => Some(self.service.signing()?),
            false => None,
        };
        let relay = Some(relay_state.as_ref());
        let sent = Sent { kind: Kind::Request, destination, xml: &xml, relay_state: relay };
        let outgoing = send(binding, sent, signing, &request.hints())?;
        let mut pending = self.pending(request, request_id, relay_state, return_to, now);
        if let Some(Subject(digest)) = again {
            (pending.subject, pending.reauthenticates) = (Some(*digest), true);
        }
        Ok(StartedLogin { outgoing, pending })
    }

    // ---- judging ----

    /// Judges the answer to `pending`, and claims it in `replay_cache`.
    ///
    /// # Errors
    /// When the answer is not an authentic, current, first answer to `pending`, meant for us.
    pub fn finish_login(
        &self, pending: PendingLogin, posted: &PostedResponse, now: UnixTime, replay_cache: &dyn ReplayCache,
    ) -> Result<Login, Error> {
        let unclaimed = self.judge_login(pending, posted, now)?;
        let claim = replay_cache.claim(unclaimed.replay_key(), unclaimed.expires(), now);
        unclaimed.settle(claim)
    }

    /// As [`finish_login`](Self::finish_login), up to the replay cache: for a store behind `await`.
    ///
    /// # Errors
    /// As `finish_login`, except for a replay.
    pub fn judge_login(
        &self, pending: PendingLogin, posted: &PostedResponse, now: UnixTime,
    ) -> Result<UnclaimedLogin, Error> {
        let verdict = self.pending_is_good(&pending, now).and_then(|asked| judge(self, posted.xml(), Some(asked), now));
        let answered = Answered {
            request_id: Some(pending.request_id),
            relay_state: Some(pending.relay_state),
            return_to: pending.return_to,
            reauthenticates: pending.reauthenticates,
            tenant: self.tenant.clone(),
        };
        let verdict = verdict.map(|judged| UnclaimedLogin::new(self.idp.entity_id().clone(), judged, answered));
        report_answer(verdict.as_ref());
        verdict
    }

    /// What was asked, if it was asked under these settings and not too long ago.
    fn pending_is_good<'p>(&self, pending: &'p PendingLogin, now: UnixTime) -> Result<Asked<'p>, Error> {
        if pending.agreement != self.agreement {
            return Err(Rejection::OtherProvider(Quoted::new(self.idp.entity_id().as_ref())).into());
        }
        pending.must_not_have_expired(now)?;
        let (request_id, at, until) = (&pending.request_id, pending.begun, pending.expires);
        let (subject, contexts) = (pending.subject.as_ref(), pending.contexts.as_slice());
        Ok(Asked { request_id, at, until, force_authn: pending.force_authn, subject, contexts })
    }

    /// Judges an answer that nobody asked for, and claims it in the cache that
    /// [`Unsolicited::Accept`] names.
    ///
    /// # Errors
    /// When such answers are not allowed, when this one answers a request, or as `finish_login`.
    pub fn finish_unsolicited(&self, posted: &PostedResponse, now: UnixTime) -> Result<Login, Error> {
        let unclaimed = self.judge_unsolicited(posted, now)?;
        let claim = match &self.unsolicited {
            Unsolicited::Accept { replay_cache } => {
                replay_cache.claim(unclaimed.replay_key(), unclaimed.expires(), now)
            }
            Unsolicited::Refuse | Unsolicited::Restart => return Err(Rejection::Unsolicited.into()),
        };
        unclaimed.settle(claim)
    }

    /// Judges an answer that nobody asked for, where they are to be begun anew ([`Unsolicited::Restart`]), and returns
    /// where the login that is now to begin should lead. Nobody is signed in by this.
    ///
    /// # Errors
    /// As [`judge_unsolicited`](Self::judge_unsolicited).
    pub fn restart_unsolicited(&self, posted: &PostedResponse, now: UnixTime) -> Result<ReturnTo, Error> {
        let verdict = match &self.unsolicited {
            Unsolicited::Restart => self.judge_unasked(posted, now),
            Unsolicited::Refuse | Unsolicited::Accept { .. } => Err(Rejection::Unsolicited.into()),
        };
        report_answer(verdict.as_ref());
        verdict.map(UnclaimedLogin::into_return_to)
    }

    /// As [`finish_unsolicited`](Self::finish_unsolicited), up to the replay cache.
    ///
    /// # Errors
    /// As `finish_unsolicited`, except for a replay.
    pub fn judge_unsolicited(&self, posted: &PostedResponse, now: UnixTime) -> Result<UnclaimedLogin, Error> {
        let verdict = match &self.unsolicited {
            Unsolicited::Refuse | Unsolicited::Restart => Err(Rejection::Unsolicited.into()),
            Unsolicited::Accept { .. } => self.judge_unasked(posted, now),
        };
        report_answer(verdict.as_ref());
        verdict
    }

    /// Judges an answer that nobody asked for as if such were taken here, and reports nothing.
    pub(crate) fn judge_unasked(&self, posted: &PostedResponse, now: UnixTime) -> Result<UnclaimedLogin, Error> {
        let judged = judge(self, posted.xml(), None, now)?;
        let (return_to, tenant) = (self.wanted(posted), self.tenant.clone());
        let answered = Answered { request_id: None, relay_state: None, return_to, reauthenticates: false, tenant };
        Ok(UnclaimedLogin::new(self.idp.entity_id().clone(), judged, answered))
    }

    /// Where an answer that nobody asked for wants to lead: its relay state, if we go there.
    fn wanted(&self, posted: &PostedResponse) -> ReturnTo {
        posted.relay_state().and_then(|relay| self.return_to(relay.as_ref()).ok()).unwrap_or_default()
    }

    /// Any difference of clocks, however long: named `danger` where it is public.
    pub(crate) fn with_any_clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// A pending login for a request that was captured, not made: named `danger` where it is public.
    pub(crate) fn pending_for_captured(&self, request_id: MessageId, now: UnixTime) -> PendingLogin {
        let relay_state = RelayState::from_random([0; 16]);
        self.pending(&AuthnRequest::new(), request_id, relay_state, ReturnTo::default(), now)
    }

    fn pending(
        &self, request: &AuthnRequest, request_id: MessageId, relay_state: RelayState, return_to: ReturnTo,
        now: UnixTime,
    ) -> PendingLogin {
        PendingLogin {
            request_id,
            relay_state,
            agreement: self.agreement,
            tenant: self.tenant.clone(),
            return_to,
            reauthenticates: false,
            begun: now,
            expires: now.plus(self.pending_for),
            force_authn: request.must_authenticate_anew(),
            subject: request.about().map(|name| self.fingerprint_of(name)),
            contexts: request.exact_contexts().to_vec(),
        }
    }

    /// By what a name is known again that this identity provider gives for this customer.
    fn fingerprint_of(&self, name: &NameId) -> [u8; 16] {
        name.fingerprint(self.idp.entity_id().as_ref(), self.tenant.as_ref())
    }

    // ---- telling ----

    /// Our metadata, for the identity provider to import.
    ///
    /// # Errors
    /// When it is to be signed and there is no key.
    pub fn metadata(&self) -> Result<String, Error> {
        let requests_signed = self.says_signed.unwrap_or(self.sign_requests);
        self.service.metadata(&self.entity_id, &self.acs, self.served_logout(), requests_signed)
    }
}

/// An ID for a message of ours, and what travels beside it.
fn fresh(rng: &dyn SecureRandom) -> Result<(MessageId, RelayState), Error> {
    let (mut id, mut relay) = ([0; 20], [0; 16]);
    rng.fill(&mut id)?;
    rng.fill(&mut relay)?;
    Ok((MessageId::from_random(id), RelayState::from_random(relay)))
}

/// Signs a message, if it is to be, and makes it ready for the browser.
fn send(
    binding: Binding, sent: Sent<'_>, signing: Option<&Signing>, extra: &[(&str, &str)],
) -> Result<Outgoing, Error> {
    Ok(match (binding, signing) {
        (Binding::Redirect, signing) => Outgoing::Redirect(redirect(sent, signing.map(|signing| &signing.key), extra)?),
        (Binding::Post, None) => Outgoing::Post(post(sent)),
        (Binding::Post, Some(signing)) => {
            let xml = signing.sign(sent.xml, Placement::AfterIssuer)?;
            Outgoing::Post(post(Sent { xml: &xml, ..sent }))
        }
    })
}

/// What a claim in the replay cache comes to.
fn settled(claim: Result<(), ClaimError>) -> Result<(), Error> {
    claim.map_err(|error| match error {
        ClaimError::Replayed => Rejection::Replayed.into(),
        ClaimError::Full => Rejection::ReplayCacheFull.into(),
        ClaimError::Unavailable => Rejection::ReplayCacheUnavailable.into(),
    })
}

/// Whom we ask, under which name, where the answer goes, and for which of our customers.
fn agreement(idp: &IdentityProvider, entity_id: &EntityId, acs: &EndpointUrl, tenant: Option<&TenantId>) -> [u8; 16] {
    let names = [idp.entity_id().as_ref(), entity_id.as_ref(), acs.as_ref(), tenant.map_or("", AsRef::as_ref)];
    short_digest(names.join("\n").as_bytes())
}

/// Our entity ID; and as Entra writes it, with `spn:` in front, when it is no URI.
fn audiences(entity_id: &EntityId) -> Vec<String> {
    let name = entity_id.as_ref();
    let spn = (!name.contains(':')).then(|| format!("spn:{name}"));
    std::iter::once(name.to_owned()).chain(spn).collect()
}

/// An event at each verdict, with the code of an error or the ID of the assertion; no names.
#[cfg(feature = "tracing")]
pub(crate) fn report_answer(verdict: Result<&UnclaimedLogin, &Error>) {
    match verdict {
        Ok(unclaimed) => tracing::info!(assertion = %unclaimed.replay_key().parts().1, "answer accepted"),
        Err(error) => tracing::warn!(code = error.code(), %error, "answer refused"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn report_answer(_: Result<&UnclaimedLogin, &Error>) {}
