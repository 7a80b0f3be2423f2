//! A login from its beginning to its end: started, pending, unclaimed, done.

use super::replay::{ClaimError, ReplayKey};
use super::settled;
use super::state::{self, CookieKey, SetCookie, State};
use super::web_sso::Judged;
use crate::crypto::{Certificate, SecureRandom};
use crate::encoding::{Quoted, base64url_decode, base64url_encode};
use crate::error::{Error, Rejection};
use crate::ids::{EntityId, InvalidId, MessageId, RelayState, ReturnTo, TenantId};
use crate::saml::{Assertion, Attributes, AuthnStatement, Claims, NameId, Outgoing};
use crate::time::UnixTime;

/// A login that has begun.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "keep `pending`, or the answer cannot be accepted"]
pub struct StartedLogin {
    /// For the browser.
    pub outgoing: Outgoing,
    /// For the same browser's return.
    pub pending: PendingLogin,
}

/// What we asked, of whom, and for which browser. It answers once: it cannot be cloned, and judging takes it by value.
///
/// It is kept in a sealed cookie, and there is no other way to keep it. One that lay in a database under its
/// `RelayState` would answer to any browser: an attacker could begin a login, and have the victim's browser finish it
/// as the attacker (login CSRF).
#[derive(Debug)]
pub struct PendingLogin {
    pub(super) request_id: MessageId,
    pub(super) relay_state: RelayState,
    /// Digest of the names of both sides and of the address between them.
    pub(super) agreement: [u8; 16],
    pub(super) tenant: Option<TenantId>,
    pub(super) return_to: ReturnTo,
    pub(super) begun: UnixTime,
    pub(super) expires: UnixTime,
    pub(super) force_authn: bool,
    /// Of the person whom the answer must be about.
    pub(super) subject: Option<[u8; 16]>,
    /// The person authenticates anew, in the middle of a session of ours.
    pub(super) reauthenticates: bool,
    pub(super) contexts: Vec<String>,
}

impl PendingLogin {
    getters! {
        /// The ID of our request.
        pub fn request_id(&self) -> &MessageId { &self.request_id }
        /// What travels beside the request and comes back with the answer.
        pub fn relay_state(&self) -> &RelayState { &self.relay_state }
        /// Where the person wants to go.
        pub fn return_to(&self) -> &ReturnTo { &self.return_to }
        /// Until when it can be answered.
        pub fn expires(&self) -> UnixTime { self.expires }
        /// For which of your customers it was begun; `None` without [`Tenants`](crate::tenants::Tenants). The answer has no
        /// say in that.
        pub fn tenant(&self) -> Option<&TenantId> { self.tenant.as_ref() }
        /// Whether the person is to authenticate anew.
        pub fn forces_authn(&self) -> bool { self.force_authn }
        /// Whether the answer must be about somebody, or name a way to authenticate.
        pub(crate) fn asks_for_more(&self) -> bool { self.subject.is_some() || !self.contexts.is_empty() }
    }

    /// Seals it into a cookie for the browser that began the login.
    ///
    /// # Errors
    /// When there is no randomness, or it does not fit into a cookie.
    pub fn into_cookie(self, key: &CookieKey, rng: &dyn SecureRandom) -> Result<SetCookie, Error> {
        let relay_state = self.relay_state.clone();
        let (begun, expires) = (self.begun, self.expires);
        state::seal(&State::Pending(self), &relay_state, key, rng, expires.since(begun))
    }

    /// Finds and opens the cookie for `relay_state` in a `Cookie` header (several joined by `; `).
    ///
    /// # Errors
    /// When this browser did not begin the login, began it too long ago, or has finished it.
    pub fn from_cookies(
        header: &str, relay_state: Option<&RelayState>, key: &CookieKey, now: UnixTime,
    ) -> Result<Self, Error> {
        match state::open(header, relay_state, key, now)? {
            State::Pending(pending) => Ok(pending),
            State::Answered(_) => Err(Rejection::AlreadyAnswered.into()),
            State::SigningOut(_) => Err(Rejection::NoPendingLogin.into()),
        }
    }

    pub(super) fn must_not_have_expired(&self, now: UnixTime) -> Result<(), Rejection> {
        match now < self.expires {
            true => Ok(()),
            false => Err(Rejection::PendingLoginExpired { limit: self.expires, now }),
        }
    }
}

/// An authentic answer that nobody has claimed yet. Shows its replay key and nothing else, so that nobody reads a name
/// before the claim is recorded.
#[must_use = "claim its replay key, then `settle` it"]
pub struct UnclaimedLogin {
    key: ReplayKey,
    expires: UnixTime,
    login: Login,
}

/// Prints what is to be claimed, and nothing of what it says.
impl std::fmt::Debug for UnclaimedLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnclaimedLogin").field("key", &self.key).field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl UnclaimedLogin {
    pub(super) fn new(issuer: EntityId, judged: Judged, answered: Answered) -> Self {
        let Judged { assertion, certificate, expires } = judged;
        let key = ReplayKey::new(issuer.clone(), assertion.id().clone(), answered.tenant.clone());
        Self { key, expires, login: Login { assertion, certificate, issuer, answered } }
    }

    getters! {
        /// What to record.
        pub fn replay_key(&self) -> &ReplayKey { &self.key }
        /// Until when to keep it.
        pub fn expires(&self) -> UnixTime { self.expires }
        /// Whose key signed it.
        pub(crate) fn certificate(&self) -> &Certificate { &self.login.certificate }
    }

    /// Where it would lead, when it is thrown away.
    pub(crate) fn into_return_to(self) -> ReturnTo {
        self.login.answered.return_to
    }

    /// Turns the outcome of recording into a login.
    ///
    /// # Errors
    /// When `claim` says that the key was there before, or may have been.
    pub fn settle(self, claim: Result<(), ClaimError>) -> Result<Login, Error> {
        settled(claim).map(|()| self.login)
    }
}

/// What a login answers.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) request_id: Option<MessageId>,
    pub(super) relay_state: Option<RelayState>,
    pub(super) return_to: ReturnTo,
    pub(super) reauthenticates: bool,
    pub(super) tenant: Option<TenantId>,
}

/// By what a person is known again when the same identity provider names the person once more, for the same customer: a
/// digest, which tells nothing by itself. Keep its text in your session; see
/// [`ServiceProvider::start_reauthentication`](crate::ServiceProvider::start_reauthentication).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject(pub(super) [u8; 16]);

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base64url_encode(&self.0))
    }
}

impl std::str::FromStr for Subject {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes = base64url_decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let reason = "22 characters that `Login::subject` gave are wanted";
        bytes.map(Self).ok_or_else(|| InvalidId { expected: "Subject", found: Quoted::new(text), reason })
    }
}

crate::shorthand::serde_as_text!(Subject);

/// Somebody has signed in.
///
/// There is one way here: an assertion that a trusted key signed, that passed every rule, and that was claimed in a
/// replay cache.
#[derive(Debug)]
pub struct Login {
    assertion: Assertion,
    certificate: Certificate,
    pub(super) issuer: EntityId,
    answered: Answered,
}

impl Login {
    getters! {
        /// What the identity provider says of the person.
        pub fn assertion(&self) -> &Assertion { &self.assertion }
        /// The name of the person, with format and qualifiers.
        pub fn name_id(&self) -> &NameId { self.claims().name_id }
        /// The attributes of the person, in order.
        pub fn attributes(&self) -> &Attributes { self.assertion.attributes() }
        /// Who says so: the entity ID of the identity provider.
        pub fn issuer(&self) -> &str { self.assertion.issuer() }
        /// How and when the person authenticated: the first statement; there is nearly always one.
        pub fn authn_statement(&self) -> Option<&AuthnStatement> { self.assertion.authn_statements().first() }
        /// The session at the identity provider, for logout.
        pub fn session_index(&self) -> Option<&str> { self.authn_statement()?.session_index.as_deref() }
        /// When the application's session must end at the latest, if the identity provider says so (Entra does not).
        pub fn session_not_on_or_after(&self) -> Option<UnixTime> {
            self.assertion.authn_statements().iter().filter_map(|s| s.session_not_on_or_after).min()
        }
        /// The request that was answered; `None` for an unsolicited answer.
        pub fn in_response_to(&self) -> Option<&MessageId> { self.answered.request_id.as_ref() }
        /// The certificate of the key that signed, for an audit log.
        pub fn signed_by(&self) -> &Certificate { &self.certificate }
        /// Where the person wanted to go.
        pub fn return_to(&self) -> &ReturnTo { &self.answered.return_to }
        /// Which of your customers the person signed in for; `None` without [`Tenants`](crate::tenants::Tenants).
        pub fn tenant(&self) -> Option<&TenantId> { self.answered.tenant.as_ref() }
        /// By what to know the person again, who is another one for every customer and every identity provider.
        pub fn subject(&self) -> Subject { Subject(self.name_id().fingerprint(self.issuer(), self.tenant())) }
        /// Whether this answers
        /// [`start_reauthentication`](crate::ServiceProvider::start_reauthentication): it is about the person whom the session
        /// was about, who authenticated after it began. It is no new session. Compare [`subject`](Self::subject) with the
        /// session that the browser has now: somebody else may have signed in meanwhile, in another window.
        pub fn is_reauthentication(&self) -> bool { self.answered.reauthenticates }
    }

    /// Name and attributes, for [`Mapping::apply`](crate::mapping::Mapping::apply).
    #[must_use]
    pub fn claims(&self) -> Claims<'_> {
        static NOBODY: NameId = NameId::nobody();
        // `web_sso` lets nobody through without a name.
        Claims { name_id: self.assertion.name_id.as_ref().unwrap_or(&NOBODY), attributes: self.assertion.attributes() }
    }

    /// What replaces the cookie of the pending login: a mark that it was answered, so that the Back button and a second
    /// click lead on instead of to an error. `None` for an unsolicited answer.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn spent_cookie(&self, key: &CookieKey, rng: &dyn SecureRandom) -> Result<Option<SetCookie>, Error> {
        let Some(relay_state) = &self.answered.relay_state else { return Ok(None) };
        let answered = State::Answered(self.answered.return_to.clone());
        state::seal(&answered, relay_state, key, rng, state::ANSWERED_FOR).map(Some)
    }
}
