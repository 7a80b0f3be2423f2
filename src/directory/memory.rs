//! People in memory, for tests and demonstrations.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::directory::{Changes, Created, Directory, Lookup, PersonKey, Record, Updated};
use crate::mapping::Field;

/// A [`Directory`] that is gone when the program ends. It has one pool of people for all connections.
#[derive(Default)]
pub struct MemoryDirectory {
    unique: Vec<String>,
    people: Mutex<People>,
}

#[derive(Default)]
struct People {
    records: BTreeMap<u64, Record<u64>>,
    by_key: HashMap<PersonKey, u64>,
}

impl MemoryDirectory {
    /// One that keeps two records from having the same value in one of these fields, as a unique column does: without
    /// the case of `A` to `Z`.
    #[must_use]
    pub fn with_unique(fields: &[&str]) -> Self {
        Self { unique: fields.iter().map(|field| (*field).to_owned()).collect(), ..Self::default() }
    }

    /// Adds a record without a key, such as that of somebody who was invited, and says what it is called. Nothing is
    /// unique here.
    pub fn invite<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> u64 {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).collect();
        self.people().add(false, fields)
    }

    /// Lets somebody sign in, or not. Says whether there is such a record.
    pub fn set_active(&self, id: u64, is_active: bool) -> bool {
        let mut people = self.people();
        people.records.get_mut(&id).map(|record| record.is_active = is_active).is_some()
    }

    getters! {
        /// What a record is now.
        pub fn record(&self, id: u64) -> Option<Record<u64>> { self.people().records.get(&id).cloned() }
        /// How many records there are.
        pub fn len(&self) -> usize { self.people().records.len() }
        /// Whether there are none.
        pub fn is_empty(&self) -> bool { self.len() == 0 }
    }

    /// Nothing below panics between two changes, so what a panic of a thread left behind is whole.
    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody else has one of these values in a unique field.
    fn is_free(&self, people: &People, own: Option<u64>, fields: &[Field]) -> bool {
        let mut written = fields.iter().filter(|field| self.unique.iter().any(|unique| **unique == *field.name));
        written.all(|field| {
            let mut others = people.records.values().filter(|record| Some(record.id) != own);
            let same = |one: &String| field.values.iter().any(|value| value.eq_ignore_ascii_case(one));
            !others.any(|record| record.values(&field.name).iter().any(same))
        })
    }
}

impl People {
    fn add(&mut self, has_key: bool, fields: BTreeMap<String, Vec<String>>) -> u64 {
        let id = self.records.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        self.records.insert(id, Record { id, has_key, is_active: true, fields });
        id
    }
}

/// Prints how many, and nobody.
impl fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDirectory").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Directory for MemoryDirectory {
    type Id = u64;
    type Error = Infallible;

    fn find_by_key(&self, key: &PersonKey) -> Result<Option<Record<u64>>, Infallible> {
        let people = self.people();
        Ok(people.by_key.get(key).and_then(|id| people.records.get(id)).cloned())
    }

    fn find_by_field(&self, lookup: &Lookup<'_>) -> Result<Vec<Record<u64>>, Infallible> {
        Ok(self.people().records.values().filter(|record| lookup.finds(record)).cloned().collect())
    }

    fn create(&self, key: &PersonKey, fields: &[Field]) -> Result<Created<u64>, Infallible> {
        let mut people = self.people();
        if people.by_key.contains_key(key) || !self.is_free(&people, None, fields) {
            return Ok(Created::AlreadyThere);
        }
        let fields = fields.iter().map(|field| (field.name.to_string(), field.values.clone()));
        let id = people.add(true, fields.collect());
        people.by_key.insert(key.clone(), id);
        Ok(Created::Yes(id))
    }

    fn update(&self, id: &u64, changes: &Changes) -> Result<Updated, Infallible> {
        let mut people = self.people();
        let taken = changes.key.as_ref().is_some_and(|key| people.by_key.contains_key(key));
        if taken || !self.is_free(&people, Some(*id), &changes.fields) {
            return Ok(Updated::Overtaken);
        }
        let record = people.records.get_mut(id).filter(|record| changes.key.is_none() || !record.has_key);
        let Some(record) = record else { return Ok(Updated::Overtaken) };
        for field in &changes.fields {
            match field.values.is_empty() {
                true => record.fields.remove(&*field.name),
                false => record.fields.insert(field.name.to_string(), field.values.clone()),
            };
        }
        record.has_key |= changes.key.is_some();
        people.by_key.extend(changes.key.iter().map(|key| (key.clone(), *id)));
        Ok(Updated::Yes)
    }
}
