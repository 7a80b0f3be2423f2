//! Which assertions have been used.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use crate::ids::{EntityId, MessageId};
use crate::time::UnixTime;

/// Remembers assertions until they expire.
///
/// SAML Profiles 4.1.4.5: a service provider must make sure that a bearer assertion is not replayed. An `Err` for an
/// assertion that was not used merely asks the person to sign in again; an `Ok` for one that was used lets a thief in.
/// When in doubt, `Err`.
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

/// Names one assertion: who made it, and its ID.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReplayKey {
    issuer: EntityId,
    id: MessageId,
}

impl ReplayKey {
    pub(crate) fn new(issuer: EntityId, id: MessageId) -> Self {
        Self { issuer, id }
    }

    /// For a database: issuer and ID, together unique.
    #[must_use]
    pub fn parts(&self) -> (&EntityId, &MessageId) {
        (&self.issuer, &self.id)
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
/// ([`ClaimError::Full`]), because a forgotten entry is a replay that succeeds.
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
    /// The latest time that was seen. What ended before it has been forgotten, and stays so if the clock is set back.
    latest: UnixTime,
}

/// Entra's assertions live for 65 minutes: room for 25 logins a second, in about 30 MB.
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
            }
        }
        if entries.known.contains(key) {
            return Err(ClaimError::Replayed);
        }
        if entries.known.len() >= self.capacity {
            return Err(ClaimError::Full);
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
