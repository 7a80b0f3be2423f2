//! A map that many threads read while some write: each key's part has a lock of its own, held for one lookup.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{PoisonError, RwLock};

/// Enough that a writer who makes one part grow (a thousand entries of a hundred thousand) stands in few people's way.
const PARTS: usize = 64;

#[derive(Debug)]
pub(super) struct Shards<K, V> {
    hasher: RandomState,
    first: RwLock<HashMap<K, V>>,
    others: Box<[RwLock<HashMap<K, V>>]>,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let others = (1..PARTS).map(|_| RwLock::default()).collect();
        Self { hasher: RandomState::new(), first: RwLock::default(), others }
    }
}

impl<K: Eq + Hash, V: Clone> Shards<K, V> {
    fn part(&self, key: &K) -> &RwLock<HashMap<K, V>> {
        let parts = u64::try_from(PARTS).unwrap_or(1);
        let at = usize::try_from(self.hasher.hash_one(key) % parts).unwrap_or_default();
        self.others.get(at).unwrap_or(&self.first)
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.part(key).read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn set(&self, key: K, value: V) {
        self.part(&key).write().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    pub(super) fn remove(&self, key: &K) -> Option<V> {
        self.part(key).write().unwrap_or_else(PoisonError::into_inner).remove(key)
    }

    /// All values, part after part: not one moment's picture.
    pub(super) fn all(&self) -> impl Iterator<Item = V> {
        self.others.iter().chain([&self.first]).flat_map(|part| {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            part.values().cloned().collect::<Vec<_>>()
        })
    }
}
