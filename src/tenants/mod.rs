//! Many customers, each with an identity provider of its own: who they are, in what state, and whose keys may speak for
//! whom.
//!
//! [`Settings`] are what your database keeps of a [`Connection`]; [`Tenants`] holds them all, for many threads at once. A
//! login is begun for one connection and can be finished for no other: it is bound to it in the sealed cookie, and the
//! answer has no say in that. What changes (a key, a state, an address) is swapped as a whole, while logins go on with
//! what they have; the state is looked at again when the answer comes.
//!
//! Metadata keeps itself current by three calls: [`Tenants::due`] says what to fetch, you fetch it (or let
//! the feature `fetch` do so), and [`Tenants::install`] takes it, or keeps what stands.
//!
#![doc = "```"]
#![doc = include_str!("../../examples/many_tenants.rs")]
#![doc = "```"]

mod refresh;
mod settings;
mod shards;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub use refresh::{Fetched, KeyChanges, Refresh, Saved, Snapshot};
pub use settings::{Addresses, ConnectionState, Settings, Trust, UnsolicitedPolicy};

use crate::crypto::{Certificate, SecureRandom};
use crate::directory::{KeyError, PersonKey};
use crate::encoding::Quoted;
use crate::entra::UserKey;
use crate::error::{Error, Mismatch, Rejection, TenantError};
use crate::ids::{EmailDomain, EndpointUrl, EntityId, ReturnTo, TenantId};
use crate::mapping::Mapping;
use crate::saml::{AuthnRequest, IdentityProvider, LogoutMessage, MetadataError, PostedResponse, claimed_issuer};
use crate::sp::{
    Login, LogoutHandle, LogoutReply, LogoutRequest, PendingLogin, PendingLogout, ReplayCache, Service,
    ServiceProvider, SignedOut, StartedLogin, StartedLogout, Subject, UnclaimedLogin, UnclaimedLogoutRequest,
    Unsolicited, claimed, report_answer, report_logout,
};
use crate::time::UnixTime;
use refresh::{Installed, Schedule};
use shards::Shards;

/// The connections of all customers. One object for the whole program, shared between threads.
#[derive(Debug)]
pub struct Tenants {
    base: EndpointUrl,
    service: Arc<Service>,
    mapping: Arc<Mapping>,
    replay_cache: Arc<dyn ReplayCache>,
    connections: Shards<TenantId, Arc<Connection>>,
    /// Who may be meant by an issuer; each is looked at again in its connection, which alone decides.
    by_issuer: Shards<EntityId, Arc<[TenantId]>>,
    by_domain: Shards<EmailDomain, TenantId>,
    live: RwLock<Live>,
    schedule: Mutex<Schedule>,
    /// Held by who changes something, never by a login.
    editing: Mutex<()>,
}

/// Whom a person can choose.
#[derive(Debug, Default)]
struct Live {
    all: BTreeSet<TenantId>,
    /// By name.
    listed: BTreeSet<(String, TenantId)>,
    with_domain: usize,
}

/// One connection as it stands: it never changes; what changes takes its place.
#[derive(Debug)]
pub struct Connection {
    settings: Arc<Settings>,
    entity_id: EntityId,
    acs: EndpointUrl,
    slo: EndpointUrl,
    service: Arc<Service>,
    mapping: Arc<Mapping>,
    installed: Option<Arc<Installed>>,
    provider: Option<ServiceProvider>,
    /// The name of the identity provider, as far as it is known.
    issuer: Option<EntityId>,
}

impl Connection {
    getters! {
        /// Your name for it.
        pub fn id(&self) -> &TenantId { &self.settings.id }
        /// Who may use it.
        pub fn state(&self) -> ConnectionState { self.settings.state }
        /// All its settings.
        pub fn settings(&self) -> &Settings { &self.settings }
        /// What fills the fields of your own record.
        pub fn mapping(&self) -> &Mapping { &self.mapping }
        /// Our name for it.
        pub fn entity_id(&self) -> &EntityId { &self.entity_id }
        /// Where its answers go.
        pub fn assertion_consumer_service(&self) -> &EndpointUrl { &self.acs }
        /// Where its logout messages go.
        pub fn single_logout_service(&self) -> &EndpointUrl { &self.slo }
        /// The identity provider, if its metadata has been installed.
        pub fn identity_provider(&self) -> Option<&IdentityProvider> {
            self.provider.as_ref().map(ServiceProvider::identity_provider)
        }
        /// When its metadata was fetched last; `None` if it was not, or does not have to be.
        pub fn refreshed(&self) -> Option<UnixTime> { self.installed.as_ref().map(|installed| installed.at) }
    }

    /// Our metadata for it, also before anything is known of the identity provider.
    ///
    /// # Errors
    /// When it is to be signed and there is no key.
    pub fn metadata(&self) -> Result<String, Error> {
        let signed = self.settings.authn_requests_signed.unwrap_or(self.settings.sign_requests);
        self.service.metadata(&self.entity_id, &self.acs, Some(&self.slo), signed)
    }

    /// What to find the record of who signed in by. For an application in Entra ID the claims must name a person of its
    /// tenant; otherwise it is the tenant and the object that the claims name, or else a persistent `NameID`. The connection
    /// is part of the key, so whatever the claims say, it is nobody of another connection.
    ///
    /// # Errors
    /// When the login is another connection's, or its claims have nothing that would be the same tomorrow: then choose an
    /// attribute that is, with [`PersonKey::value`].
    pub fn person_key(&self, login: &Login) -> Result<PersonKey, KeyError> {
        let user = match &self.settings.trust {
            _ if login.tenant() != Some(self.id()) => return Err(KeyError::Empty),
            Trust::Entra(app) => Some(app.user_key(login.attributes()).ok_or(KeyError::Empty)?),
            _ => UserKey::of(login.attributes()),
        };
        match user {
            Some(user) => Ok(PersonKey::entra(self.id(), &user)),
            None => PersonKey::name_id(self.id(), login.name_id()),
        }
    }

    /// Certificates of the identity provider that end within `span` of `now`, or have ended. When that is all of them,
    /// nobody can sign in soon.
    pub fn expiring(&self, now: UnixTime, span: Duration) -> impl Iterator<Item = &Certificate> {
        let all = self.identity_provider().map(IdentityProvider::certificates).unwrap_or_default();
        all.iter().filter(move |certificate| certificate.not_after() <= now.plus(span))
    }

    pub(crate) fn must_be_enabled(&self) -> Result<(), TenantError> {
        match self.settings.state {
            ConnectionState::Disabled => Err(TenantError::Disabled(self.id().clone())),
            ConnectionState::Test | ConnectionState::Live => Ok(()),
        }
    }

    /// The service provider, if it may be used now.
    pub(crate) fn provider(&self, now: UnixTime) -> Result<&ServiceProvider, Error> {
        self.must_be_enabled()?;
        self.signing_out(now)
    }

    /// As `provider`, for ending sessions, which a connection that was switched off may have left.
    fn signing_out(&self, now: UnixTime) -> Result<&ServiceProvider, Error> {
        let provider = self.provider.as_ref().ok_or_else(|| TenantError::NotReady(self.id().clone()))?;
        match provider.identity_provider().lifetime().valid_until {
            Some(until) if until <= now => Err(MetadataError::Expired(until, now).into()),
            _ => Ok(provider),
        }
    }

    fn allows_unsolicited(&self) -> bool {
        self.settings.unsolicited != UnsolicitedPolicy::Refuse && self.settings.state != ConnectionState::Disabled
    }

    fn shares_addresses(&self) -> bool {
        self.settings.addresses == Addresses::Shared
    }

    /// Whether it may trust the key of `signer`: nothing is known of that before its metadata is there.
    fn may_hold(&self, signer: &Certificate) -> bool {
        self.identity_provider().is_none_or(|idp| idp.keys().may_hold(signer))
    }

    /// The connection by these settings, with what was fetched for it.
    fn of(
        tenants: &Tenants, settings: Settings, installed: Option<Arc<Installed>>, fixed: Option<IdentityProvider>,
    ) -> Self {
        let [acs, slo, metadata] = ["acs", "slo", "metadata"].map(|name| match settings.addresses {
            Addresses::Own => tenants.base.child(name).child(settings.id.as_ref()),
            Addresses::Shared => tenants.base.child(name),
        });
        let entity_id = settings.entity_id.clone().unwrap_or_else(|| EntityId::from_url(&metadata));
        let idp = fixed.or_else(|| installed.as_ref().map(|installed| installed.idp.clone()));
        let provider = idp.map(|idp| tenants.provider(&settings, &entity_id, &acs, idp));
        let provider = provider.map(|provider| provider.with_single_logout_service(slo.clone()));
        let named = || settings.trust.source().and_then(|(_, named)| named);
        let issuer = provider.as_ref().map(|sp| sp.identity_provider().entity_id().clone()).or_else(named);
        let mapping = settings.mapping.clone().map_or_else(|| Arc::clone(&tenants.mapping), Arc::new);
        let (settings, service) = (Arc::new(settings), Arc::clone(&tenants.service));
        Self { settings, entity_id, acs, slo, service, mapping, installed, provider, issuer }
    }
}

/// What became of an answer that nobody asked for.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub enum Unasked<L> {
    /// It is accepted.
    Accepted(L),
    /// It is genuine and was thrown away: begin a login for this connection, which leads there.
    Restart(TenantId, ReturnTo),
}

impl Tenants {
    /// No customers yet, with addresses below `base`, and one store for the assertions that were used. Without such a store
    /// a stolen answer could be used twice, so there is no way to leave it out.
    #[must_use]
    pub fn at(base: &EndpointUrl, replay_cache: Arc<dyn ReplayCache>) -> Self {
        Self {
            base: base.clone(),
            service: Arc::default(),
            mapping: Arc::new(Mapping::entra()),
            replay_cache,
            connections: Shards::default(),
            by_issuer: Shards::default(),
            by_domain: Shards::default(),
            live: RwLock::default(),
            schedule: Mutex::default(),
            editing: Mutex::default(),
        }
    }

    builders! {
        /// Our keys, and who we are; before the first connection is put in.
        #[must_use]
        pub fn with_service(mut self, service: Service) { self.service = Arc::new(service) }
        /// What fills the fields of your own record where a connection has no rules of its own; [`Mapping::entra`] unless
        /// said otherwise. Before the first connection is put in.
        #[must_use]
        pub fn with_mapping(mut self, mapping: Mapping) { self.mapping = Arc::new(mapping) }
    }

    getters! {
        pub(crate) fn base(&self) -> &EndpointUrl { &self.base }
    }

    // ---- who they are ----

    /// Puts a connection in, or new settings in the place of old ones. What was fetched for it stays, if it comes from the
    /// same address and speaks of the same identity provider.
    ///
    /// # Errors
    /// When the metadata in the settings cannot be used, when a domain or the entity ID is another connection's, or when
    /// there is more of something than anybody needs; whatever was there stays.
    pub fn put(&self, settings: Settings, now: UnixTime) -> Result<Arc<Connection>, Error> {
        let fixed = settings.trust.fixed(now)?;
        self.put_with(settings, fixed, now)
    }

    /// As [`put`](Self::put), for what your database holds, at the start: metadata that has expired since it was uploaded
    /// keeps its place, its name and its domains, so that nobody else comes to them. Nobody signs in by it
    /// (`saml.metadata_expired`) until it is renewed.
    ///
    /// # Errors
    /// As `put`, but for metadata that has expired.
    pub fn load(&self, settings: Settings, now: UnixTime) -> Result<Arc<Connection>, Error> {
        // At the beginning of time nothing has expired; each use looks at the time again.
        let fixed = settings.trust.fixed(UnixTime::default())?;
        self.put_with(settings, fixed, now)
    }

    fn put_with(
        &self, settings: Settings, fixed: Option<IdentityProvider>, now: UnixTime,
    ) -> Result<Arc<Connection>, Error> {
        settings.must_be_bounded()?;
        self.must_not_be_named_as_another(&settings)?;
        let _editing = self.edit();
        let taken = settings.verified_domains.iter().find_map(|domain| {
            let owner = self.by_domain.get(domain).filter(|owner| *owner != settings.id)?;
            Some(TenantError::DomainTaken(Quoted::new(domain.as_ref()), owner))
        });
        if let Some(taken) = taken {
            return Err(taken.into());
        }
        let old = self.connections.get(&settings.id);
        let source = settings.trust.source();
        let fits = |installed: &Arc<Installed>| installed.is_from(source.as_ref());
        let installed = old.as_ref().and_then(|old| old.installed.clone()).filter(fits);
        if source.is_some() {
            let known = installed.is_some();
            self.schedule().put(&settings.id, now, known);
        } else {
            self.schedule().remove(&settings.id);
        }
        Ok(self.swap(old.as_deref(), Connection::of(self, settings, installed, fixed)))
    }

    /// Our requests for a connection go, signed by our key, to where its settings say: not in the name that is another's.
    fn must_not_be_named_as_another(&self, settings: &Settings) -> Result<(), TenantError> {
        let Some(chosen) = settings.entity_id.as_ref() else { return Ok(()) };
        let names = self.base.child("metadata");
        let own = match settings.addresses {
            Addresses::Own => EntityId::from_url(&names.child(settings.id.as_ref())),
            Addresses::Shared => EntityId::from_url(&names),
        };
        let elsewhere = || Some(!chosen.place()?.starts_with(&EntityId::from_url(&names).place()?));
        match *chosen == own || elsewhere().unwrap_or(true) {
            true => Ok(()),
            false => Err(TenantError::NameTaken(Quoted::new(chosen.as_ref()))),
        }
    }

    /// Changes who may use a connection, and nothing else. Whoever is in the middle of a login is judged by the new state.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn set_state(&self, id: &TenantId, state: ConnectionState) -> Result<(), Error> {
        let _editing = self.edit();
        let old = self.known(id)?;
        let settings = Settings { state, ..Settings::clone(&old.settings) };
        if old.state() == ConnectionState::Disabled {
            self.schedule().enable(id);
        }
        let fixed = old.identity_provider().filter(|_| old.installed.is_none()).cloned();
        self.swap(Some(&old), Connection::of(self, settings, old.installed.clone(), fixed));
        Ok(())
    }

    /// Takes a connection out.
    pub fn remove(&self, id: &TenantId) -> Option<Arc<Connection>> {
        let _editing = self.edit();
        let old = self.connections.remove(id)?;
        self.schedule().remove(id);
        self.index(Some(&old), None);
        Some(old)
    }

    /// The connection of this name.
    #[must_use]
    pub fn get(&self, id: &TenantId) -> Option<Arc<Connection>> {
        self.connections.get(id)
    }

    /// The live connection to which an e-mail address leads, if its domain is somebody's.
    #[must_use]
    pub fn by_email(&self, address: &str) -> Option<Arc<Connection>> {
        let domain = EmailDomain::of_address(address)?;
        let found = self.by_domain.get(&domain).and_then(|id| self.get(&id))?;
        let is_its = found.settings.verified_domains.contains(&domain) && found.state() == ConnectionState::Live;
        is_its.then_some(found)
    }

    /// All connections that trust an identity provider of this name, also those whose metadata is yet to come, where their
    /// settings give the name. Which of them a message is for, its name does not say.
    #[must_use]
    pub fn by_issuer(&self, issuer: &EntityId) -> Vec<Arc<Connection>> {
        self.trusting(issuer).collect()
    }

    fn trusting(&self, issuer: &EntityId) -> impl Iterator<Item = Arc<Connection>> {
        let ids: Arc<[TenantId]> = self.by_issuer.get(issuer).unwrap_or_default();
        let number = ids.len();
        let all = (0..number).filter_map(move |at| self.get(ids.get(at)?));
        all.filter(move |found| found.issuer.as_ref() == Some(issuer))
    }

    /// All connections, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Arc<Connection>> {
        self.connections.all()
    }

    /// Connections with certificates that end within `span` of `now`, or have ended: for a daily look. Those whose metadata
    /// is fetched appear only when the identity provider itself is late.
    pub fn expiring(&self, now: UnixTime, span: Duration) -> impl Iterator<Item = Arc<Connection>> {
        self.iter().filter(move |connection| connection.expiring(now, span).next().is_some())
    }

    // ---- logins ----

    /// Begins a login for a connection.
    ///
    /// # Errors
    /// When there is no such connection, it is disabled, or nothing is known of its identity provider yet; and as
    /// [`ServiceProvider::start_login`].
    pub fn start_login(
        &self, id: &TenantId, request: &AuthnRequest, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        self.known(id)?.provider(now)?.start_login_with(request, return_to, now, rng)
    }

    /// Has the person of an earlier login authenticate anew; see [`ServiceProvider::start_reauthentication`].
    ///
    /// # Errors
    /// As [`start_login`](Self::start_login).
    pub fn start_reauthentication(
        &self, id: &TenantId, subject: &Subject, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogin, Error> {
        self.known(id)?.provider(now)?.start_reauthentication(subject, return_to, now, rng)
    }

    /// Judges the answer to `pending`, by the keys of the connection that it was begun for and in the state that this is in
    /// now, and claims it.
    ///
    /// # Errors
    /// As [`ServiceProvider::finish_login`], and when the connection is gone or disabled.
    pub fn finish_login(&self, pending: PendingLogin, posted: &PostedResponse, now: UnixTime) -> Result<Login, Error> {
        self.claim(self.judge_login(pending, posted, now)?, now)
    }

    /// As [`finish_login`](Self::finish_login), up to the replay cache: for a store behind `await`. If that takes long, look
    /// at the [`state`](Connection::state) once more when it has answered.
    ///
    /// # Errors
    /// As `finish_login`, except for a replay.
    pub fn judge_login(
        &self, pending: PendingLogin, posted: &PostedResponse, now: UnixTime,
    ) -> Result<UnclaimedLogin, Error> {
        let id = pending.tenant().cloned().ok_or(Rejection::NoPendingLogin)?;
        self.noticing(&id, now, self.known(&id)?.provider(now)?.judge_login(pending, posted, now))
    }

    /// Judges an answer that nobody asked for, and claims it. It came to the address of `addressed`, or to the one that is
    /// shared: then each connection that has this address, trusts an identity provider of the issuer's name and takes such
    /// answers judges it by its own keys. What one accepts is for nobody if another that has this address, in whatever
    /// state, may have the key that signed it.
    ///
    /// `addressed` is the connection whose own address was posted to, never one that a message or a parameter names: what
    /// is good for the shared address is good for each connection that has it.
    ///
    /// # Errors
    /// As [`ServiceProvider::finish_unsolicited`]; when no connection takes it; when several would.
    pub fn finish_unsolicited(
        &self, addressed: Option<&TenantId>, posted: &PostedResponse, now: UnixTime,
    ) -> Result<Unasked<Login>, Error> {
        Ok(match self.judge_unsolicited(addressed, posted, now)? {
            Unasked::Accepted(unclaimed) => Unasked::Accepted(self.claim(unclaimed, now)?),
            Unasked::Restart(id, return_to) => Unasked::Restart(id, return_to),
        })
    }

    /// As [`finish_unsolicited`](Self::finish_unsolicited), up to the replay cache.
    ///
    /// # Errors
    /// As `finish_unsolicited`, except for a replay.
    pub fn judge_unsolicited(
        &self, addressed: Option<&TenantId>, posted: &PostedResponse, now: UnixTime,
    ) -> Result<Unasked<UnclaimedLogin>, Error> {
        let verdict = self.judge_unasked(addressed, posted, now);
        report_answer(verdict.as_ref().map(|(_, unclaimed)| unclaimed));
        let (connection, unclaimed) = verdict?;
        Ok(match connection.settings.unsolicited {
            UnsolicitedPolicy::Restart => Unasked::Restart(connection.id().clone(), unclaimed.into_return_to()),
            UnsolicitedPolicy::Accept | UnsolicitedPolicy::Refuse => Unasked::Accepted(unclaimed),
        })
    }

    fn judge_unasked(
        &self, addressed: Option<&TenantId>, posted: &PostedResponse, now: UnixTime,
    ) -> Result<(Arc<Connection>, UnclaimedLogin), Error> {
        let candidates = match addressed {
            Some(id) => vec![self.known(id)?],
            None => self.candidates(claimed_issuer(posted.xml())?, Connection::allows_unsolicited)?,
        };
        let judge = |connection: &Connection| {
            let provider = connection.provider(now)?;
            match connection.allows_unsolicited() {
                true => provider.judge_unasked(posted, now),
                false => Err(Rejection::Unsolicited.into()),
            }
        };
        self.only_one(candidates, now, judge, UnclaimedLogin::certificate)
    }

    /// The verdict of the only candidate that accepts what `signer` signed, if it can be meant for no other connection.
    fn only_one<T>(
        &self, candidates: Vec<Arc<Connection>>, now: UnixTime, judge: impl Fn(&Connection) -> Result<T, Error>,
        signer: impl Fn(&T) -> &Certificate,
    ) -> Result<(Arc<Connection>, T), Error> {
        let mut refused = Vec::new();
        for connection in candidates {
            match self.noticing(connection.id(), now, judge(&connection)) {
                Ok(verdict) => {
                    self.must_be_for_no_other(&connection, signer(&verdict), now)?;
                    return Ok((connection, verdict));
                }
                Err(error) => refused.push(error),
            }
        }
        // The keys tell connections apart, so that one who knew the key says more than the others.
        let told = refused.iter().position(|error| !error.suggests_metadata_refresh()).unwrap_or_default();
        Err(refused.into_iter().nth(told).unwrap_or_else(|| Rejection::Unsolicited.into()))
    }

    /// Anybody can enter the name and the certificate of somebody else's identity provider, and ask for less than the one
    /// whose it is. So what came to an address that connections share is for nobody, if another of them may have the key
    /// that signed it: whatever that one would say of it, whether it is enabled, and also before its metadata is there and
    /// after it has expired.
    fn must_be_for_no_other(&self, found: &Connection, signer: &Certificate, now: UnixTime) -> Result<(), TenantError> {
        let Some(issuer) = found.issuer.as_ref().filter(|_| found.shares_addresses()) else { return Ok(()) };
        let others = self.sharing(issuer).filter(|other| other.id() != found.id());
        // Who does not know the key may be about to: a key is published before it is used.
        let (others, strangers): (Vec<_>, Vec<_>) = others.partition(|other| other.may_hold(signer));
        strangers.iter().for_each(|other| self.schedule().hurry(other.id(), now));
        let others: Vec<_> = others.iter().take(MAX_CANDIDATES).map(|other| other.id().clone()).collect();
        match others.is_empty() {
            true => Ok(()),
            false => Err(TenantError::Ambiguous(std::iter::once(found.id().clone()).chain(others).collect())),
        }
    }

    /// Who is to judge what came to the shared address; nobody, if none of them takes it.
    fn candidates(
        &self, issuer: Option<EntityId>, takes: impl Fn(&Connection) -> bool,
    ) -> Result<Vec<Arc<Connection>>, Error> {
        let Some(issuer) = issuer else { return Ok(Vec::new()) };
        let all = self.sharing(&issuer).filter(|found| takes(found));
        let candidates: Vec<_> = all.take(MAX_CANDIDATES + 1).collect();
        match candidates.len() > MAX_CANDIDATES {
            true => Err(TenantError::Ambiguous(candidates.iter().map(|found| found.id().clone()).collect()).into()),
            false => Ok(candidates),
        }
    }

    /// All that have the shared addresses and trust an identity provider of this name.
    fn sharing(&self, issuer: &EntityId) -> impl Iterator<Item = Arc<Connection>> {
        self.trusting(issuer).filter(|found| found.shares_addresses())
    }

    fn claim(&self, unclaimed: UnclaimedLogin, now: UnixTime) -> Result<Login, Error> {
        let claim = self.replay_cache.claim(unclaimed.replay_key(), unclaimed.expires(), now);
        unclaimed.settle(claim)
    }

    /// A key that nobody knows may be a new one: its metadata is asked for soon.
    fn noticing<T>(&self, id: &TenantId, now: UnixTime, verdict: Result<T, Error>) -> Result<T, Error> {
        if verdict.as_ref().is_err_and(Error::suggests_metadata_refresh) {
            self.schedule().hurry(id, now);
        }
        verdict
    }

    // ---- logouts ----

    /// Begins a logout for the connection that the handle is of. One that was switched off still signs people out.
    ///
    /// # Errors
    /// When there is no such connection; and as [`ServiceProvider::start_logout`].
    pub fn start_logout(
        &self, handle: &LogoutHandle, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<StartedLogout, Error> {
        self.of(handle.tenant())?.signing_out(now)?.start_logout(handle, return_to, now, rng)
    }

    /// Judges the answer to `pending`.
    ///
    /// # Errors
    /// As [`ServiceProvider::finish_logout`].
    pub fn finish_logout(
        &self, pending: PendingLogout, message: &LogoutMessage, now: UnixTime,
    ) -> Result<SignedOut, Error> {
        let connection = self.of(pending.tenant())?;
        self.noticing(connection.id(), now, connection.signing_out(now)?.finish_logout(pending, message, now))
    }

    /// Judges a request of an identity provider to end sessions, and claims its ID. It came to the address of `addressed`,
    /// or to the one that is shared: then each connection that has this address and trusts an identity provider of the
    /// issuer's name judges it by its own keys.
    ///
    /// # Errors
    /// As [`ServiceProvider::finish_logout_request`]; when several connections would take it.
    pub fn finish_logout_request(
        &self, addressed: Option<&TenantId>, message: &LogoutMessage, now: UnixTime,
    ) -> Result<LogoutRequest, Error> {
        let unclaimed = self.judge_logout_request(addressed, message, now)?;
        let claim = self.replay_cache.claim(unclaimed.replay_key(), unclaimed.expires(), now);
        unclaimed.settle(claim)
    }

    /// As [`finish_logout_request`](Self::finish_logout_request), up to the replay cache.
    ///
    /// # Errors
    /// As `finish_logout_request`, except for a replay.
    pub fn judge_logout_request(
        &self, addressed: Option<&TenantId>, message: &LogoutMessage, now: UnixTime,
    ) -> Result<UnclaimedLogoutRequest, Error> {
        let verdict = self.judge_request(addressed, message, now);
        report_logout(verdict.as_ref().map(|unclaimed| unclaimed.replay_key().parts().1));
        verdict
    }

    fn judge_request(
        &self, addressed: Option<&TenantId>, message: &LogoutMessage, now: UnixTime,
    ) -> Result<UnclaimedLogoutRequest, Error> {
        let candidates = match addressed {
            Some(id) => vec![self.known(id)?],
            None => {
                let issuer = claimed(message)?.issuer;
                let names = Mismatch::new(issuer.iter().map(AsRef::as_ref), []);
                let candidates = self.candidates(issuer, |_| true)?;
                (!candidates.is_empty())
                    .then_some(candidates)
                    .ok_or(Rejection::IssuerMismatch("logout message", names))?
            }
        };
        let judge = |connection: &Connection| connection.signing_out(now)?.judge_request(message, now);
        Ok(self.only_one(candidates, now, judge, UnclaimedLogoutRequest::certificate)?.1)
    }

    /// What to send for a request, as [`ServiceProvider::answer_logout`].
    ///
    /// # Errors
    /// As `answer_logout`.
    pub fn answer_logout(
        &self, request: &LogoutRequest, have_ended: bool, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<LogoutReply, Error> {
        self.of(request.tenant())?.signing_out(now)?.answer_logout(request, have_ended, now, rng)
    }

    fn of(&self, tenant: Option<&TenantId>) -> Result<Arc<Connection>, Error> {
        self.known(tenant.ok_or_else(|| TenantError::Unknown(Quoted::new("")))?)
    }

    // ---- for routes ----

    /// Our metadata for all who share the addresses.
    pub(crate) fn shared_metadata(&self) -> Result<String, Error> {
        let [acs, slo, name] = ["acs", "slo", "metadata"].map(|name| self.base.child(name));
        self.service.metadata(&EntityId::from_url(&name), &acs, Some(&slo), false)
    }

    /// The only live connection; or up to so many that are listed, by name, and whether an e-mail address can lead to one.
    pub(crate) fn choices(&self, at_most: usize) -> Choices {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        match (live.all.first(), live.all.len()) {
            (Some(only), 1) => Choices::Only(only.clone()),
            _ => Choices::Several {
                listed: live.listed.iter().take(at_most).cloned().collect(),
                by_email: live.with_domain > 0,
            },
        }
    }

    /// The connection of a name that stands in a path.
    pub(crate) fn named(&self, name: &str) -> Result<Arc<Connection>, Error> {
        let found = name.parse().ok().and_then(|id| self.get(&id));
        Ok(found.ok_or_else(|| TenantError::Unknown(Quoted::new(name)))?)
    }

    pub(crate) fn known(&self, id: &TenantId) -> Result<Arc<Connection>, Error> {
        Ok(self.get(id).ok_or_else(|| TenantError::Unknown(Quoted::new(id.as_ref())))?)
    }

    // ---- changing ----

    fn edit(&self) -> std::sync::MutexGuard<'_, ()> {
        self.editing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn schedule(&self) -> std::sync::MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the new one in the place of the old one. Who looks something up in between finds either.
    fn swap(&self, old: Option<&Connection>, new: Connection) -> Arc<Connection> {
        let new = Arc::new(new);
        self.connections.set(new.id().clone(), Arc::clone(&new));
        self.index(old, Some(&new));
        new
    }

    fn index(&self, old: Option<&Connection>, new: Option<&Connection>) {
        let domains = |of: Option<&Connection>| {
            of.map(|of| of.settings.verified_domains.iter().cloned().collect::<BTreeSet<_>>()).unwrap_or_default()
        };
        let (before, after) = (domains(old), domains(new));
        before.difference(&after).for_each(|gone| drop(self.by_domain.remove(gone)));
        if let Some(new) = new {
            after.into_iter().for_each(|domain| self.by_domain.set(domain, new.id().clone()));
        }
        let issuer = |of: Option<&Connection>| of?.issuer.clone();
        let (before, after) = (issuer(old), issuer(new));
        if before != after {
            let ids = |of: &EntityId| self.by_issuer.get(of).map(|ids| ids.to_vec()).unwrap_or_default();
            if let (Some(issuer), Some(old)) = (before, old) {
                let left: Vec<_> = ids(&issuer).into_iter().filter(|id| id != old.id()).collect();
                match left.is_empty() {
                    true => drop(self.by_issuer.remove(&issuer)),
                    false => self.by_issuer.set(issuer, left.into()),
                }
            }
            if let (Some(issuer), Some(new)) = (after, new) {
                let all = ids(&issuer).into_iter().chain([new.id().clone()]);
                let all: BTreeSet<_> = all.collect();
                self.by_issuer.set(issuer, all.into_iter().collect());
            }
        }
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let is_live = |of: &&Connection| of.state() == ConnectionState::Live;
        let entry = |of: &Connection| (of.settings.display_name().to_lowercase(), of.id().clone());
        if let Some(old) = old.filter(is_live) {
            live.all.remove(old.id());
            live.listed.remove(&entry(old));
            live.with_domain -= usize::from(!old.settings.verified_domains.is_empty());
        }
        if let Some(new) = new.filter(is_live) {
            live.all.insert(new.id().clone());
            live.with_domain += usize::from(!new.settings.verified_domains.is_empty());
            if new.settings.listed {
                live.listed.insert(entry(new));
            }
        }
    }

    fn provider(
        &self, settings: &Settings, entity_id: &EntityId, acs: &EndpointUrl, mut idp: IdentityProvider,
    ) -> ServiceProvider {
        if settings.danger_allow_sha1 {
            idp = idp.danger_allow_sha1();
        }
        if settings.danger_allow_expired_certificates {
            idp = idp.danger_allow_expired_certificates();
        }
        let unsolicited = match settings.unsolicited {
            UnsolicitedPolicy::Refuse => Unsolicited::Refuse,
            UnsolicitedPolicy::Restart => Unsolicited::Restart,
            UnsolicitedPolicy::Accept => Unsolicited::Accept { replay_cache: Arc::clone(&self.replay_cache) },
        };
        let mut sp = ServiceProvider::new(entity_id.clone(), acs.clone(), idp)
            .with_service(Arc::clone(&self.service))
            .with_unsolicited(unsolicited)
            .for_tenant(settings.id.clone());
        sp = settings.audiences.iter().fold(sp, ServiceProvider::with_audience);
        sp = settings.return_origins.iter().fold(sp, |sp, site| sp.with_return_origin(site.clone()));
        sp = settings.request_binding.into_iter().fold(sp, ServiceProvider::with_request_binding);
        sp = settings.authn_requests_signed.into_iter().fold(sp, ServiceProvider::with_authn_requests_signed);
        sp = settings.max_age().into_iter().fold(sp, ServiceProvider::with_max_authn_age);
        sp = settings.logout_style.into_iter().fold(sp, ServiceProvider::with_logout_style);
        sp = if settings.require_encryption { sp.requiring_encryption() } else { sp };
        sp = if settings.refuse_unauthenticated_encryption { sp.refusing_unauthenticated_encryption() } else { sp };
        sp = if settings.sign_requests { sp.signing_requests() } else { sp };
        if settings.force_authn { sp.always_authenticating() } else { sp }
    }
}

/// More applications of one identity provider behind one address than anybody runs; each costs a verification.
const MAX_CANDIDATES: usize = 8;

/// Whom a person can choose.
#[derive(Debug)]
pub(crate) enum Choices {
    Only(TenantId),
    Several { listed: Vec<(String, TenantId)>, by_email: bool },
}
