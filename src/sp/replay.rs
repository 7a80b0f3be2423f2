//! Which assertions have been used.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use crate::ids::{EntityId, MessageId, TenantId};
use crate::time::UnixTime;

/// Remembers assertions until they expire.
///
/// SAML Profiles 4.1.4.5: a service provider must make sure that a bearer assertion is not replayed. An `Err` for an
/// assertion that was not used merely asks the person to sign in again; an `Ok` for one that was used lets a thief in.
/// When in doubt, `Err`.
///
/// With [`Tenants`](crate::tenants::Tenants) one store is for all customers, each of which can have its identity provider
/// sign as many people in as it likes: give each a share ([`ReplayKey::tenant`]), or limit how often each may.
///
/// For a store behind `await`, do the same between
/// [`judge_login`](crate::ServiceProvider::judge_login) and
/// [`settle`](crate::sp::UnclaimedLogin::settle).
pub trait ReplayCache: std::fmt::Debug + Send + Sync {
    /// Records `key` until `expires`, in one atomic step. What expired before `now` may be forgotten.
    ///
    /// # Errors
    /// When `key` is there already, or may be.
    fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError>;
}

impl<T: ReplayCache + ?Sized> ReplayCache for Arc<T> {
    fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError> {
        T::claim(self, key, expires, now)
    }
}

/// Names one assertion: who made it, and its ID. It is the same for all customers: an assertion is used once, wherever it
/// is taken.
#[derive(Clone, Debug)]
pub struct ReplayKey {
    issuer: EntityId,
    id: MessageId,
    tenant: Option<TenantId>,
}

impl ReplayKey {
    pub(crate) fn new(issuer: EntityId, id: MessageId, tenant: Option<TenantId>) -> Self {
        Self { issuer, id, tenant }
    }

    /// Which of your customers it is claimed for, if you have several: no part of the name. A store with little room gives
    /// each a share, or one customer's identity provider can fill it for all.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// For a database: issuer and ID, together unique.
    #[must_use]
    pub fn parts(&self) -> (&EntityId, &MessageId) {
        (&self.issuer, &self.id)
    }
}

impl PartialEq for ReplayKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for ReplayKey {}

impl PartialOrd for ReplayKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ReplayKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for ReplayKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Why an assertion could not be claimed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// It was used before.
    #[error("used before")]
    Replayed,
    /// There is no room to remember it.
    #[error("no room left")]
    Full,
    /// The store gave no answer, so it may have been used before; or the clock was set back, and it ended before the
    /// latest time that the store has seen.
    #[error("no answer")]
    Unavailable,
}

/// For one process. Bounded: when it is full of entries that are still valid it refuses new ones
/// ([`ClaimError::Full`]), because a forgotten entry is a replay that succeeds. One of several customers may hold as much as
/// is free, so half of it if nobody else has anything: whoever signs in without end is refused while there is room for
/// those who hold less.
#[derive(Debug)]
pub struct MemoryReplayCache {
    capacity: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    known: HashSet<Arc<ReplayKey>>,
    /// The same keys by the time of their end, so that forgetting costs only what is forgotten.
    by_end: BTreeMap<UnixTime, Vec<Arc<ReplayKey>>>,
    /// How many of them are a customer's.
    held: HashMap<TenantId, usize>,
    /// The latest time that was seen. What ended before it has been forgotten, and stays so if the clock is set back.
    latest: UnixTime,
}

impl Entries {
    fn let_go(&mut self, tenant: Option<&TenantId>) {
        let Some(tenant) = tenant else { return };
        match self.held.get_mut(tenant) {
            Some(held) if *held > 1 => *held -= 1,
            _ => drop(self.held.remove(tenant)),
        }
    }
}

/// Entra's assertions live for 65 minutes: room for 25 logins a second (12 of one customer, if there are several), in
/// about 30 MB.
const DEFAULT_CAPACITY: usize = 100_000;

impl Default for MemoryReplayCache {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

impl MemoryReplayCache {
    /// Room for this many assertions at once.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }
}

impl ReplayCache for MemoryReplayCache {
    fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError> {
        // A thread that panicked while it held the lock may have left half an entry.
        let mut entries = self.entries.lock().map_err(|_| ClaimError::Unavailable)?;
        entries.latest = entries.latest.max(now);
        let latest = entries.latest;
        if expires < latest {
            return Err(ClaimError::Unavailable);
        }
        while let Some(oldest) = entries.by_end.first_entry().filter(|entry| *entry.key() < latest) {
            for gone in oldest.remove() {
                entries.known.remove(&gone);
                entries.let_go(gone.tenant());
            }
        }
        if entries.known.contains(key) {
            return Err(ClaimError::Replayed);
        }
        let free = self.capacity.saturating_sub(entries.known.len());
        let held = key.tenant().and_then(|tenant| entries.held.get(tenant)).copied().unwrap_or_default();
        if free <= held {
            return Err(ClaimError::Full);
        }
        if let Some(tenant) = key.tenant() {
            entries.held.insert(tenant.clone(), held + 1);
        }
        let key = Arc::new(key.clone());
        entries.known.insert(Arc::clone(&key));
        entries.by_end.entry(expires).or_default().push(key);
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../tests/unit/replay.rs"]
mod tests;
