//! What happens to your own record of a person at a login: found again, created, updated, linked, or refused.
//!
//! A login says who somebody is in words of the identity provider. Your tables have records of their own, and the way
//! from one to the other is where accounts are taken over. It has three parts here. A [`PersonKey`] is what a record is
//! found by: not a name or an address, which change hands. A [`Policy`] says who gets a record and what a login writes
//! into it. And a [`Directory`] is your table, in four methods.
//!
//! ```
//! use entra_sso::directory::{FirstLogin, MemoryDirectory, Outcome, Person, PersonKey, Policy};
//! # use entra_sso::{MemoryReplayCache, ReturnTo, ServiceProvider, SystemRandom, UnixTime};
//! # use entra_sso::entra::EntraApp;
//! # use entra_sso::mapping::Mapping;
//! # let (idp, now) = (entra_sso::testing::TestIdp::new(), UnixTime::from_secs(1_800_000_000));
//! # let sp = ServiceProvider::at(&"https://app.example/saml".parse()?, idp.identity_provider(now)?);
//! # let started = sp.start_login(ReturnTo::default(), now, &SystemRandom::default())?;
//! # let posted = idp.answer(&started.outgoing, now).ok_or("no request")?.posted();
//! # let login = sp.finish_login(started.pending, &posted, now, &MemoryReplayCache::default())?;
//! # let application = "1f3b7a50-0000-4000-8000-000000000002".parse()?;
//! # let app = EntraApp::new(entra_sso::testing::TENANT.parse()?, application);
//! let (mapping, policy) = (Mapping::entra(), Policy { first_login: FirstLogin::Create, ..Policy::default() });
//! policy.check(&mapping)?;
//! let people = MemoryDirectory::default(); // yours implements `Directory`
//!
//! // At a login of the connection that you call `acme`:
//! let user = app.user_key(login.attributes()).ok_or("nobody of this tenant")?;
//! let key = PersonKey::entra(&"acme".parse()?, &user);
//! let mapped = mapping.apply(login.claims())?;
//! let done = policy.sign_in(&people, Person::new(&key, &mapped))?;
//! assert_eq!(done.outcome, Outcome::Created);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A store behind `await`
//! [`Policy::sign_in`] is a loop over [`Step`], which asks and decides, and never waits. With a store of yours that
//! does, write the loop yourself; there is no step that it could leave out, because each takes the answer to the one
//! before.
//!
//! ```
//! use entra_sso::directory::*;
//! # struct Table;
//! # type Id = i64;
//! # type StoreError = std::io::Error;
//! # impl Table {
//! #     async fn find_by_key(&self, _: &PersonKey) -> Result<Option<Record<Id>>, StoreError> { Ok(None) }
//! #     async fn find_by_field(&self, _: &Lookup<'_>) -> Result<Vec<Record<Id>>, StoreError> { Ok(Vec::new()) }
//! #     async fn create(&self, _: &PersonKey, _: &[entra_sso::mapping::Field]) -> Result<Created<Id>, StoreError> { Ok(Created::Yes(1)) }
//! #     async fn update(&self, _: &Id, _: &Changes) -> Result<Updated, StoreError> { Ok(Updated::Yes) }
//! # }
//!
//! async fn sign_in(table: &Table, policy: &Policy, person: Person<'_>) -> Result<Done<Id>, SignInError<StoreError>> {
//!     let mut step = policy.begin(person);
//!     loop {
//!         step = match step {
//!             Step::FindByKey(ask) => {
//!                 let found = table.find_by_key(ask.key()).await.map_err(SignInError::Unavailable)?;
//!                 ask.answer(found)?
//!             }
//!             Step::FindByField(ask) => {
//!                 let found = table.find_by_field(ask.lookup()).await.map_err(SignInError::Unavailable)?;
//!                 ask.answer(found)?
//!             }
//!             Step::Create(ask) => {
//!                 let created = table.create(ask.key(), ask.fields()).await.map_err(SignInError::Unavailable)?;
//!                 ask.answer(created)?
//!             }
//!             Step::Update(ask) => {
//!                 let updated = table.update(ask.id(), ask.changes()).await.map_err(SignInError::Unavailable)?;
//!                 ask.answer(updated)?
//!             }
//!             Step::Done(done) => return Ok(done),
//!         }
//!     }
//! }
//! ```

mod error;
mod key;
mod memory;
mod policy;
mod step;
#[cfg(test)]
#[path = "../../tests/unit/directory.rs"]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ids::TenantId;
use crate::mapping::Field;

pub use error::{DirectoryError, InvalidPolicy, SignInError};
pub use key::{KeyError, PersonKey};
pub use memory::MemoryDirectory;
pub use policy::{FirstLogin, LaterLogins, MatchBy, Policy, Unique};
pub use step::{Create, Done, FindByField, FindByKey, Outcome, Person, Step, Update};

/// Where your records of people are. Nothing here decides: the [`Policy`] does.
///
/// The table needs a unique column for the key. It, and not what was looked up before, keeps two logins at once from
/// making two records of one person. For other columns that are unique, tell the policy ([`Policy::unique`]), so that
/// an error can say which one is in the way. It needs a place for each field that the mapping fills: what is not kept is
/// new at each login.
///
/// `examples/just_in_time` implements it in SQL.
pub trait Directory {
    /// What a record is called in your tables.
    type Id: Clone + PartialEq;
    /// Why the store gives no answer.
    type Error;

    /// The record with this key, if there is one, deactivated or not.
    ///
    /// # Errors
    /// When the store gives no answer.
    fn find_by_key(&self, key: &PersonKey) -> Result<Option<Record<Self::Id>>, Self::Error>;

    /// All records with this value in this field, with and without a key, deactivated or not. Those that a collation of
    /// the store finds beyond the lookup are not taken; those that it leaves out are not found.
    ///
    /// # Errors
    /// When the store gives no answer.
    fn find_by_field(&self, lookup: &Lookup<'_>) -> Result<Vec<Record<Self::Id>>, Self::Error>;

    /// Makes a record with this key and these fields, in one step with the check that the key is new: `INSERT … ON
    /// CONFLICT DO NOTHING`. If anything that must be unique is there already, it writes nothing, and says so.
    ///
    /// # Errors
    /// When the store gives no answer.
    fn create(&self, key: &PersonKey, fields: &[Field]) -> Result<Created<Self::Id>, Self::Error>;

    /// Changes these fields of a record, and leaves all others. Gives it the key, if there is one among the changes, in
    /// one step with the check that it has none (`WHERE id = … AND key IS NULL`): all that, or nothing.
    ///
    /// # Errors
    /// When the store gives no answer.
    fn update(&self, id: &Self::Id, changes: &Changes) -> Result<Updated, Self::Error>;
}

/// A record, as a [`Directory`] finds it. There is no default for any part: what a store forgot to say would be taken
/// for leave.
#[derive(Clone, Eq, PartialEq)]
pub struct Record<Id> {
    /// What it is called.
    pub id: Id,
    /// Whether it has a key, of whatever connection.
    pub has_key: bool,
    /// Whether the person may sign in.
    pub is_active: bool,
    /// The values of all fields that a mapping fills or a policy names; a field without any may be left out.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl<Id> Record<Id> {
    /// Whether a field has these values, in any order, which says nothing.
    fn has(&self, field: &Field) -> bool {
        let values = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
        values(self.values(&field.name)) == values(&field.values)
    }

    fn values(&self, field: &str) -> &[String] {
        self.fields.get(field).map_or(&[], Vec::as_slice)
    }
}

/// Prints the names of fields, never values.
impl<Id: fmt::Debug> fmt::Debug for Record<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.fields.keys().collect();
        let mut out = f.debug_struct("Record");
        out.field("id", &self.id).field("has_key", &self.has_key).field("is_active", &self.is_active);
        out.field("fields", &fields).finish()
    }
}

/// A value to look for.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lookup<'a> {
    /// The connection for whose person it is. Where each customer has people of its own, look among this customer's
    /// only: else one whose identity provider writes an address of another can be in the way there.
    pub connection: &'a TenantId,
    /// The name of the field.
    pub field: &'a str,
    /// The value, which any one of the field's may be.
    pub value: &'a str,
    /// Whether the case of `A` to `Z` does not count. That of other letters always does.
    pub ignore_case: bool,
}

impl Lookup<'_> {
    /// Whether a record has the value. For stores that look through all they have; whoever has an index uses that.
    #[must_use]
    pub fn finds<Id>(&self, record: &Record<Id>) -> bool {
        record.values(self.field).iter().any(|value| match self.ignore_case {
            true => value.eq_ignore_ascii_case(self.value),
            false => value == self.value,
        })
    }
}

/// Prints the field, never the value.
impl fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Lookup");
        out.field("connection", &self.connection).field("field", &self.field);
        out.field("ignore_case", &self.ignore_case).finish_non_exhaustive()
    }
}

/// What to change in a record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// The key to give it, if it has none.
    pub key: Option<PersonKey>,
    /// Fields with their new values. One with no values is to be emptied; one that is not here is to be left.
    pub fields: Vec<Field>,
}

/// What came of creating a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Created<Id> {
    /// It is made, and this is what it is called.
    Yes(Id),
    /// Nothing was written, because something that must be unique is there already: the key, if another login of the
    /// same person was faster, or the value of another column. It will be looked up anew.
    AlreadyThere,
}

/// What came of changing a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Updated {
    /// It is changed.
    Yes,
    /// Nothing was written: the record is gone, it has got a key meanwhile, or a value that must be unique is there
    /// already. It will be looked up anew.
    Overtaken,
}
