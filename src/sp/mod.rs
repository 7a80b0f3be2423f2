//! A service provider: asks, and judges the answer by the Web Browser SSO profile.

#[cfg(test)]
#[path = "../../tests/unit/corpus_sp.rs"]
mod corpus;
mod login;
mod replay;
mod state;
mod web_sso;

use std::sync::Arc;
use std::time::Duration;

pub use login::{Login, PendingLogin, StartedLogin, UnclaimedLogin};
pub use replay::{ClaimError, MemoryReplayCache, ReplayCache, ReplayKey};
pub use state::{CookieKey, SetCookie};
pub(crate) use state::{State, open, surplus};

use crate::crypto::{Certificate, SecureRandom, SigningKey, sha256};
use crate::dsig::{Placement, SignatureStyle, sign_element};
use crate::encoding::Quoted;
use crate::error::{ConfigurationError, Error, Rejection};
use crate::ids::{EndpointUrl, EntityId, MessageId, RelayState, ReturnTo};
use crate::saml::{
    AuthnRequest, AuthnRequestEnvelope, Binding, Contact, IdentityProvider, Organization, Outgoing, PostedResponse,
    Published, SpMetadata, post, redirect,
};
use crate::time::UnixTime;
use login::Answered;
use web_sso::{Asked, Judged, judge};

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
    idp: IdentityProvider,
    /// Digest of these three. A pending login is bound to it: it can be answered only under the same agreement.
    agreement: [u8; 32],
    audiences: Vec<String>,
    clock_skew: Duration,
    pending_for: Duration,
    unsolicited: Unsolicited,
    binding: Option<Binding>,
    signing: Option<Arc<Signing>>,
    sign_requests: bool,
    sign_metadata: bool,
    published: Published,
}

#[derive(Debug)]
struct Signing {
    key: SigningKey,
    certificate: Certificate,
}

impl ServiceProvider {
    /// The usual layout below `base`: our name is `base/metadata`, and answers go to `base/acs`.
    pub fn at(base: &EndpointUrl, idp: IdentityProvider) -> Self {
        Self::new(EntityId::from_url(&base.child("metadata")), base.child("acs"), idp)
    }

    /// The three facts that both sides must agree on: our name, where answers go, and whom we ask.
    pub fn new(entity_id: EntityId, acs: EndpointUrl, idp: IdentityProvider) -> Self {
        let names = [idp.entity_id().as_ref(), entity_id.as_ref(), acs.as_ref()];
        Self {
            agreement: sha256(names.join("\n").as_bytes()),
            audiences: audiences(&entity_id),
            entity_id,
            acs,
            idp,
            clock_skew: CLOCK_SKEW,
            pending_for: PENDING_FOR,
            unsolicited: Unsolicited::Refuse,
            binding: None,
            signing: None,
            sign_requests: false,
            sign_metadata: false,
            published: Published::default(),
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
    }

    /// Our key for signing, with its certificate, which the metadata shows. Having one does not sign anything yet: see
    /// [`signing_requests`](Self::signing_requests).
    ///
    /// # Errors
    /// When the certificate is not the key's.
    pub fn with_signing_key(mut self, key: SigningKey, certificate: Certificate) -> Result<Self, Error> {
        if key.public_key() != *certificate.key() {
            let thumbprint = certificate.thumbprint_sha256().into();
            return Err(ConfigurationError::KeyMismatch(thumbprint).into());
        }
        self.signing = Some(Arc::new(Signing { key, certificate }));
        Ok(self)
    }

    builders! {
        /// Signs every request, and says so in the metadata (`AuthnRequestsSigned`).
        pub fn signing_requests(mut self) { self.sign_requests = true }
        /// Signs the metadata.
        pub fn signing_metadata(mut self) { self.sign_metadata = true }
        /// Shows another signing certificate in the metadata: the next one, before it is used, or the last one, until
        /// nobody needs it.
        pub fn publishing_signing_certificate(mut self, certificate: Certificate) { self.published.signing.push(certificate) }
        /// Shows a certificate in the metadata for the identity provider to encrypt to.
        pub fn publishing_encryption_certificate(mut self, certificate: Certificate) { self.published.encryption.push(certificate) }
        /// Who runs the service, for the metadata.
        pub fn with_organization(mut self, organization: Organization) { self.published.organization = Some(organization) }
        /// Whom to ask, for the metadata; may be called several times.
        pub fn with_contact(mut self, contact: Contact) { self.published.contacts.push(contact) }
        /// A kind of `NameID` that we can use, for the metadata; may be called several times.
        pub fn with_name_id_format(mut self, format: impl Into<String>) { self.published.name_id_formats.push(format.into()) }
    }

    getters! {
        /// Our name.
        pub fn entity_id(&self) -> &EntityId { &self.entity_id }
        /// Where answers go.
        pub fn assertion_consumer_service(&self) -> &EndpointUrl { &self.acs }
        /// Whom we ask.
        pub fn identity_provider(&self) -> &IdentityProvider { &self.idp }
        pub(crate) fn unsolicited(&self) -> &Unsolicited { &self.unsolicited }
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
        if request.names_no_context() {
            return Err(ConfigurationError::NoContextClass.into());
        }
        let (mut id, mut relay) = ([0; 20], [0; 16]);
        rng.fill(&mut id)?;
        rng.fill(&mut relay)?;
        let (request_id, relay_state) = (MessageId::from_random(id), RelayState::from_random(relay));
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
            true => Some(self.signing.as_deref().ok_or(ConfigurationError::NoSigningKey)?),
            false => None,
        };
        let outgoing = match (binding, signing) {
            (Binding::Redirect, signing) => {
                let key = signing.map(|signing| &signing.key);
                Outgoing::Redirect(redirect(destination, &xml, &relay_state, key, &request.hints())?)
            }
            (Binding::Post, None) => Outgoing::Post(post(destination, &xml, &relay_state)),
            (Binding::Post, Some(signing)) => {
                let signed = signing.sign(&xml, Placement::AfterIssuer)?;
                Outgoing::Post(post(destination, &signed, &relay_state))
            }
        };
        let pending = self.pending(request, request_id, relay_state, return_to, now);
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
        report(&verdict);
        let answered = Answered {
            request_id: Some(pending.request_id),
            relay_state: Some(pending.relay_state),
            return_to: pending.return_to,
        };
        Ok(UnclaimedLogin::new(self.idp.entity_id().clone(), verdict?, answered))
    }

    /// What was asked, if it was asked under these settings and not too long ago.
    fn pending_is_good<'p>(&self, pending: &'p PendingLogin, now: UnixTime) -> Result<Asked<'p>, Error> {
        if pending.agreement != self.agreement {
            return Err(Rejection::OtherProvider(Quoted::new(self.idp.entity_id().as_ref())).into());
        }
        pending.must_not_have_expired(now)?;
        let (request_id, at, force_authn) = (&pending.request_id, pending.begun, pending.force_authn);
        let (subject, contexts) = (pending.subject.as_ref(), pending.contexts.as_slice());
        Ok(Asked { request_id, at, force_authn, subject, contexts })
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
            Unsolicited::Restart => judge(self, posted.xml(), None, now),
            Unsolicited::Refuse | Unsolicited::Accept { .. } => Err(Rejection::Unsolicited.into()),
        };
        report(&verdict);
        verdict.map(|_| wanted(posted))
    }

    /// As [`finish_unsolicited`](Self::finish_unsolicited), up to the replay cache.
    ///
    /// # Errors
    /// As `finish_unsolicited`, except for a replay.
    pub fn judge_unsolicited(&self, posted: &PostedResponse, now: UnixTime) -> Result<UnclaimedLogin, Error> {
        let verdict = match &self.unsolicited {
            Unsolicited::Refuse | Unsolicited::Restart => Err(Rejection::Unsolicited.into()),
            Unsolicited::Accept { .. } => judge(self, posted.xml(), None, now),
        };
        report(&verdict);
        let answered = Answered { request_id: None, relay_state: None, return_to: wanted(posted) };
        Ok(UnclaimedLogin::new(self.idp.entity_id().clone(), verdict?, answered))
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
            return_to,
            begun: now,
            expires: now.plus(self.pending_for),
            force_authn: request.must_authenticate_anew(),
            subject: request.about().map(crate::saml::NameId::fingerprint),
            contexts: request.exact_contexts().to_vec(),
        }
    }

    // ---- telling ----

    /// Our metadata, for the identity provider to import.
    ///
    /// # Errors
    /// When it is to be signed and there is no key.
    pub fn metadata(&self) -> Result<String, Error> {
        let current = self.signing.as_deref().map(|signing| &signing.certificate);
        let metadata = SpMetadata {
            entity_id: &self.entity_id,
            acs: &self.acs,
            requests_signed: self.sign_requests,
            current,
            published: &self.published,
        };
        if !self.sign_metadata {
            return Ok(metadata.to_xml(None));
        }
        let signing = self.signing.as_deref().ok_or(ConfigurationError::NoSigningKey)?;
        // The same ID each time: the document is the same, and nobody answers it.
        signing.sign(&metadata.to_xml(Some("metadata")), Placement::First)
    }
}

impl Signing {
    fn sign(&self, xml: &str, placement: Placement) -> Result<String, Error> {
        let style = SignatureStyle::Prefixed;
        let signed = sign_element(xml, placement, style, &self.key, &self.certificate)?;
        signed.ok_or_else(|| ConfigurationError::NoSigningKey.into())
    }
}

/// Our entity ID; and as Entra writes it, with `spn:` in front, when it is no URI.
fn audiences(entity_id: &EntityId) -> Vec<String> {
    let name = entity_id.as_ref();
    let spn = (!name.contains(':')).then(|| format!("spn:{name}"));
    std::iter::once(name.to_owned()).chain(spn).collect()
}

/// Where an answer that nobody asked for wants to lead: its relay state, if that is a path on our own site.
fn wanted(posted: &PostedResponse) -> ReturnTo {
    posted.relay_state().and_then(|relay| relay.as_ref().parse().ok()).unwrap_or_default()
}

/// An event at each verdict, with the code of an error or the ID of the assertion; no names.
#[cfg(feature = "tracing")]
fn report(verdict: &Result<Judged, Error>) {
    match verdict {
        Ok(judged) => tracing::info!(assertion = %judged.assertion.id(), "answer accepted"),
        Err(error) => tracing::warn!(code = error.code(), %error, "answer refused"),
    }
}

#[cfg(not(feature = "tracing"))]
const fn report(_: &Result<Judged, Error>) {}
