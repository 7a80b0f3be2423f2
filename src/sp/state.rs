//! The sealed cookie that carries a pending login, and how its keys roll over.

use std::time::Duration;

use super::login::PendingLogin;
use super::logout::PendingLogout;
use crate::crypto::{SealingKey, SecureRandom, sha256};
use crate::encoding::{base64url_decode, base64url_encode};
use crate::error::{ConfigurationError, Error, Rejection};
use crate::ids::{RelayState, ReturnTo, TenantId};
use crate::time::UnixTime;

/// `__Host-`: set by this very host, for all of it, over TLS; a neighbour in the same domain cannot plant one (RFC
/// 6265bis 4.1.3.2).
const PREFIX: &str = "__Host-sso-";

/// Browsers keep 4,096 bytes a cookie, but proxies stop at 8 kB of headers: several logins at once must fit. Of
/// name and value, which is what browsers send.
const COOKIE_LIMIT: usize = 1023;

/// Long enough for anybody to press the Back button.
pub(super) const ANSWERED_FOR: Duration = Duration::from_secs(10 * 60);

/// What a cookie holds.
#[derive(Debug)]
pub(crate) enum State {
    /// The login waits for its answer.
    Pending(PendingLogin),
    /// The answer came, was accepted, and the person went there.
    Answered(ReturnTo),
    /// The logout waits for its answer.
    SigningOut(PendingLogout),
}

/// Keys of 32 bytes for sealing pending logins: one that seals, and older ones that still open.
///
/// All replicas of an application need the same ones. `Debug` does not print them.
pub struct CookieKey {
    /// Key ID and key; the first one seals.
    keys: Vec<([u8; 4], SealingKey)>,
}

impl CookieKey {
    /// Takes a key from your secret store. It must come from a random generator, not from a password.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { keys: Vec::new() }.and_previous(bytes)
    }

    /// Makes a key that dies with the process: for development, and for a single replica.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random(rng: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes)?;
        Ok(Self::new(bytes))
    }

    /// Also opens what an older key has sealed. To change the key: add the new one as `previous` on all replicas, then
    /// make it the first and the old one `previous`, then drop the old one.
    #[must_use]
    pub fn and_previous(mut self, bytes: [u8; 32]) -> Self {
        let [a, b, c, d, ..] = sha256(&[b"entra-sso cookie key id".as_slice(), &bytes].concat());
        self.keys.extend(SealingKey::new(&bytes).map(|key| ([a, b, c, d], key)));
        self
    }
}

impl std::fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieKey([redacted])")
    }
}

/// The value of a `Set-Cookie` header: `__Host-`, `Secure`, `HttpOnly`, `SameSite=None`, short-lived.
///
/// `SameSite=None` because the answer arrives as a form that another site posts.
#[derive(Clone, Eq, PartialEq)]
pub struct SetCookie(String);

/// Prints the name only.
impl std::fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetCookie({}=[redacted])", self.0.split('=').next().unwrap_or_default())
    }
}

impl SetCookie {
    fn new(name: &str, value: &str, max_age: Duration) -> Self {
        let seconds = max_age.as_secs();
        Self(format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None"))
    }

    /// As a `String`.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl AsRef<str> for SetCookie {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn cookie_name(relay_state: &RelayState) -> String {
    format!("{PREFIX}{relay_state}")
}

/// Seals `state`, bound to the name of its cookie, so that one cannot be passed off as another.
pub(super) fn seal(
    state: &State, relay_state: &RelayState, key: &CookieKey, rng: &dyn SecureRandom, max_age: Duration,
) -> Result<SetCookie, Error> {
    let name = cookie_name(relay_state);
    let (id, sealing) = key.keys.first().ok_or(ConfigurationError::NoSigningKey)?;
    let sealed = sealing.seal(rng, name.as_bytes(), encode(state).as_bytes())?;
    let value = base64url_encode(&[id.as_slice(), &sealed].concat());
    let cookie = SetCookie::new(&name, &value, max_age);
    // What comes back with each request: the name and the value.
    match name.len() + 1 + value.len() {
        found if found > COOKIE_LIMIT => Err(ConfigurationError::StateTooLarge(found, COOKIE_LIMIT).into()),
        _ => Ok(cookie),
    }
}

/// Opens the cookie that belongs to `relay_state`.
pub(crate) fn open(
    header: &str, relay_state: Option<&RelayState>, key: &CookieKey, now: UnixTime,
) -> Result<State, Error> {
    let relay_state = relay_state.ok_or(Rejection::NoPendingLogin)?;
    let name = cookie_name(relay_state);
    let state = cookies(header)
        .filter(|(found, _)| *found == name)
        .find_map(|(_, value)| unseal(&name, value, relay_state, key))
        .ok_or(Rejection::NoPendingLogin)?;
    if let State::Pending(pending) = &state {
        pending.must_not_have_expired(now)?;
    }
    Ok(state)
}

/// All that this browser has of ours.
pub(super) fn all<'h>(header: &'h str, key: &'h CookieKey) -> impl Iterator<Item = State> {
    named(header, key).filter_map(|(_, state)| state)
}

/// Removes the cookie of what waited under this name.
pub(super) fn spent(relay_state: &RelayState) -> SetCookie {
    SetCookie::new(&cookie_name(relay_state), "", Duration::ZERO)
}

/// How many logins this browser has begun since `then` and not finished.
pub(crate) fn begun_since(header: &str, key: &CookieKey, then: UnixTime) -> usize {
    all(header, key).filter(|state| matches!(state, State::Pending(login) if login.begun >= then)).count()
}

/// The cookies of logins and logouts: when each was begun, the beginning of time for what waits for nothing, and its name.
fn ours<'h>(header: &'h str, key: &'h CookieKey) -> impl Iterator<Item = (UnixTime, &'h str)> {
    named(header, key).map(|(name, state)| match state {
        Some(State::Pending(pending)) => (pending.begun, name),
        Some(State::SigningOut(pending)) => (pending.begun, name),
        Some(State::Answered(_)) | None => (UnixTime::default(), name),
    })
}

/// The cookies that have a name of ours, with what they hold, if we sealed it.
fn named<'h>(header: &'h str, key: &'h CookieKey) -> impl Iterator<Item = (&'h str, Option<State>)> {
    // A name that goes back into a header is one that can stand there.
    let fits = |name: &str| name.bytes().all(|byte| byte.is_ascii_graphic());
    cookies(header).filter(move |(name, _)| name.starts_with(PREFIX) && fits(name)).map(|(name, value)| {
        let relay_state = name.strip_prefix(PREFIX).and_then(|relay| relay.parse().ok());
        (name, relay_state.and_then(|relay| unseal(name, value, &relay, key)))
    })
}

/// More than the five that we let stand, and few enough for one response; the next request removes the next ones.
const REMOVED_AT_ONCE: usize = 16;

/// Logins that this browser has begun, beyond the newest `keep`: `Set-Cookie` values that remove them. Without this,
/// somebody who begins many logins would grow the header until servers refuse it.
pub(crate) fn surplus(header: &str, key: &CookieKey, keep: usize) -> Vec<SetCookie> {
    let mut known: Vec<(UnixTime, &str)> = ours(header, key).collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    known
        .into_iter()
        .skip(keep)
        .take(REMOVED_AT_ONCE)
        .map(|(_, name)| SetCookie::new(name, "", Duration::ZERO))
        .collect()
}

/// Only the white space of RFC 6265 is trimmed. Browsers let a neighbour in the domain set a cookie whose name is
/// U+2000 and then `__Host-…`; with all of Unicode's trimmed it would pass for ours.
fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
}

fn unseal(name: &str, value: &str, relay_state: &RelayState, key: &CookieKey) -> Option<State> {
    if value.len() > COOKIE_LIMIT {
        return None;
    }
    let bytes = base64url_decode(value).ok()?;
    let (id, sealed) = bytes.split_first_chunk::<4>()?;
    let known = key.keys.iter().filter(|(known, _)| known == id);
    let plain = known.into_iter().find_map(|(_, key)| key.open(name.as_bytes(), sealed))?;
    decode(std::str::from_utf8(&plain).ok()?, relay_state)
}

// ---- what is sealed: one text a line; none can hold a line break but a context class, and one that
// does is no URI: with a space for it, it is as little what anybody answers ----

const PENDING: &str = "1";
const ANSWERED: &str = "2";
const SIGNING_OUT: &str = "3";

fn encode(state: &State) -> String {
    match state {
        State::Pending(pending) => {
            let anew = match (pending.reauthenticates, pending.force_authn) {
                (true, _) => "2",
                (false, true) => "1",
                (false, false) => "0",
            };
            let (begun, expires) = (pending.begun.as_millis(), pending.expires.as_millis());
            let agreement = base64url_encode(&pending.agreement);
            let tenant = pending.tenant.as_ref().map_or("", AsRef::as_ref);
            let (id, return_to) = (&pending.request_id, &pending.return_to);
            let subject = pending.subject.map(|subject| base64url_encode(&subject)).unwrap_or_default();
            let head =
                format!("{PENDING}\n{anew}\n{begun}\n{expires}\n{agreement}\n{tenant}\n{id}\n{return_to}\n{subject}");
            let contexts = pending.contexts.iter().map(|class| class.replace('\n', " "));
            contexts.fold(head, |out, class| format!("{out}\n{class}"))
        }
        State::Answered(return_to) => format!("{ANSWERED}\n{return_to}"),
        State::SigningOut(pending) => {
            let (begun, expires) = (pending.begun.as_millis(), pending.expires.as_millis());
            let agreement = base64url_encode(&pending.agreement);
            let tenant = pending.tenant.as_ref().map_or("", AsRef::as_ref);
            let (id, return_to) = (&pending.request_id, &pending.return_to);
            format!("{SIGNING_OUT}\n{begun}\n{expires}\n{agreement}\n{tenant}\n{id}\n{return_to}")
        }
    }
}

fn decode(plain: &str, relay_state: &RelayState) -> Option<State> {
    let mut lines = plain.split('\n');
    let kind = lines.next()?;
    if kind == ANSWERED {
        return Some(State::Answered(ReturnTo::kept(lines.next()?)?));
    }
    let anew = if kind == PENDING { lines.next()? } else { "" };
    let begun = UnixTime::from_millis(lines.next()?.parse().ok()?);
    let expires = UnixTime::from_millis(lines.next()?.parse().ok()?);
    if kind == SIGNING_OUT {
        return Some(State::SigningOut(PendingLogout {
            relay_state: relay_state.clone(),
            begun,
            expires,
            agreement: base64url_decode(lines.next()?).ok()?.try_into().ok()?,
            tenant: tenant(lines.next()?)?,
            request_id: lines.next()?.parse().ok()?,
            return_to: ReturnTo::kept(lines.next()?)?,
        }));
    }
    (kind == PENDING).then_some(())?;
    Some(State::Pending(PendingLogin {
        relay_state: relay_state.clone(),
        force_authn: anew != "0",
        reauthenticates: anew == "2",
        begun,
        expires,
        agreement: base64url_decode(lines.next()?).ok()?.try_into().ok()?,
        tenant: tenant(lines.next()?)?,
        request_id: lines.next()?.parse().ok()?,
        return_to: ReturnTo::kept(lines.next()?)?,
        subject: match lines.next()? {
            "" => None,
            subject => Some(base64url_decode(subject).ok()?.try_into().ok()?),
        },
        contexts: lines.map(str::to_owned).collect(),
    }))
}

/// No name is that of nobody.
fn tenant(text: &str) -> Option<Option<TenantId>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}
