//! A login on its way to a record: what to ask the directory next, and what its answers come to.

use std::fmt;
use std::sync::Arc;

use crate::directory::{
    Changes, Created, Directory, DirectoryError, FirstLogin, Lookup, MatchBy, PersonKey, Policy, Record, SignInError,
    Updated,
};
use crate::encoding::Quoted;
use crate::ids::EmailDomain;
use crate::mapping::{Field, Mapped};

/// Somebody who has signed in, on the way to a record.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Person<'a> {
    key: &'a PersonKey,
    mapped: &'a Mapped,
    verified_domains: &'a [EmailDomain],
}

impl<'a> Person<'a> {
    /// The key, and what the login says, both from the same login.
    pub fn new(key: &'a PersonKey, mapped: &'a Mapped) -> Self {
        Self { key, mapped, verified_domains: &[] }
    }

    setters! {
        /// The domains that are the customer's, as you have verified it (with a record in the DNS, say): for
        /// [`Policy::match_by`]. Subdomains count only if they are named. Without this there are none.
        with_verified_domains(domains: &'a [EmailDomain]) { verified_domains = domains }
    }
}

impl Policy {
    /// Finds, creates, links or updates the record of a person.
    ///
    /// # Errors
    /// When the person may not have one, or the directory gives no answer.
    pub fn sign_in<D: Directory>(
        &self, directory: &D, person: Person<'_>,
    ) -> Result<Done<D::Id>, SignInError<D::Error>> {
        let unavailable = SignInError::Unavailable;
        let mut step = self.begin(person);
        loop {
            step = match step {
                Step::FindByKey(ask) => {
                    let found = directory.find_by_key(ask.key()).map_err(unavailable)?;
                    ask.answer(found)?
                }
                Step::FindByField(ask) => {
                    let found = directory.find_by_field(ask.lookup()).map_err(unavailable)?;
                    ask.answer(found)?
                }
                Step::Create(ask) => {
                    let created = directory.create(ask.key(), ask.fields()).map_err(unavailable)?;
                    ask.answer(created)?
                }
                Step::Update(ask) => {
                    let updated = directory.update(ask.id(), ask.changes()).map_err(unavailable)?;
                    ask.answer(updated)?
                }
                Step::Done(done) => return Ok(done),
            }
        }
    }

    /// The same, one question at a time.
    pub fn begin<'a, Id>(&'a self, person: Person<'a>) -> Step<'a, Id> {
        Step::FindByKey(FindByKey(Flow { policy: self, person, lost: 0, is_sure: false }))
    }
}

/// What to ask the directory next. Each has an `answer`, which takes what the directory said and gives the next step.
#[derive(Debug)]
#[must_use = "the person has no record before `Done`"]
#[expect(clippy::exhaustive_enums, reason = "a loop over it must deal with every step")]
pub enum Step<'a, Id> {
    /// [`Directory::find_by_key`].
    FindByKey(FindByKey<'a>),
    /// [`Directory::find_by_field`].
    FindByField(FindByField<'a, Id>),
    /// [`Directory::create`].
    Create(Create<'a>),
    /// [`Directory::update`].
    Update(Update<'a, Id>),
    /// Nothing.
    Done(Done<Id>),
}

/// The record of a person who has signed in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Done<Id> {
    /// What it is called.
    pub id: Id,
    /// What happened to it.
    pub outcome: Outcome,
    /// The names of the fields that were written, for an audit log.
    pub written: Vec<Arc<str>>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was there without a key, and has got this person's.
    Linked,
    /// Fields of it were changed.
    Updated,
    /// Nothing.
    Unchanged,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Linked => "linked",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        })
    }
}

/// How often a write may be overtaken. Each time somebody else has written, nearly always another login of the same
/// person, whose record is then found; a directory that goes on refusing has another reason.
const MAX_LOST: usize = 3;

/// What every question of one login shares.
#[derive(Clone, Copy, Debug)]
struct Flow<'a> {
    policy: &'a Policy,
    person: Person<'a>,
    /// How many writes were overtaken.
    lost: usize,
    /// Whether the key was looked up once more after somebody was seen to be in the way: that can be this person's
    /// own record, which another login has made in between.
    is_sure: bool,
}

type Next<'a, Id> = Result<Step<'a, Id>, DirectoryError>;

impl<'a> Flow<'a> {
    fn known<Id>(self, record: Record<Id>, link: bool) -> Next<'a, Id> {
        if !record.is_active {
            return Err(DirectoryError::Deactivated);
        }
        let fields = self.policy.changes(self.person.mapped, |field| record.has(field));
        match fields.is_empty() && !link {
            true => Ok(Step::Done(Done { id: record.id, outcome: Outcome::Unchanged, written: Vec::new() })),
            false => Ok(self.write(Some(record.id), link, fields)),
        }
    }

    fn unknown<Id>(self) -> Next<'a, Id> {
        match self.policy.candidate(self.person.key.connection(), self.person.mapped) {
            Some((by, lookup)) => Ok(Step::FindByField(FindByField { flow: self, lookup, why: Why::Link(by) })),
            None => self.new_record(),
        }
    }

    fn new_record<Id>(self) -> Next<'a, Id> {
        match self.policy.first_login {
            FirstLogin::Refuse => Err(DirectoryError::UnknownPerson),
            FirstLogin::Create => {
                let filled = self.person.mapped.fields.iter().filter(|field| !field.values.is_empty());
                Ok(self.write(None, false, filled.cloned().collect()))
            }
        }
    }

    fn write<Id>(self, id: Option<Id>, link: bool, fields: Vec<Field>) -> Step<'a, Id> {
        let rivals = self.policy.rivals(self.person.key.connection(), self.person.mapped, &fields);
        self.go_on(Plan { id, link, fields, rivals: rivals.into_iter() })
    }

    /// Looks for the next one who may be in the way, and writes when there is none left.
    fn go_on<Id>(self, mut plan: Plan<'a, Id>) -> Step<'a, Id> {
        match (plan.rivals.next(), plan.id) {
            (Some(lookup), id) => {
                Step::FindByField(FindByField { flow: self, lookup, why: Why::Write(Plan { id, ..plan }) })
            }
            (None, None) => Step::Create(Create { flow: self, fields: plan.fields }),
            (None, Some(id)) => {
                let key = plan.link.then(|| self.person.key.clone());
                Step::Update(Update { flow: self, id, changes: Changes { key, fields: plan.fields } })
            }
        }
    }

    fn in_the_way<Id>(self, field: &str) -> Next<'a, Id> {
        match self.is_sure {
            true => Err(DirectoryError::Conflict(Quoted::new(field))),
            false => Ok(Step::FindByKey(FindByKey(Self { is_sure: true, ..self }))),
        }
    }

    fn overtaken<Id>(self) -> Next<'a, Id> {
        let lost = self.lost.saturating_add(1);
        match lost < MAX_LOST {
            true => Ok(Step::FindByKey(FindByKey(Self { lost, is_sure: false, ..self }))),
            false => Err(DirectoryError::Contended(lost)),
        }
    }
}

/// What is to be written, and whom to look for before.
#[derive(Debug)]
struct Plan<'a, Id> {
    /// `None` for a new record.
    id: Option<Id>,
    link: bool,
    fields: Vec<Field>,
    rivals: std::vec::IntoIter<Lookup<'a>>,
}

/// Who has this key?
#[derive(Debug)]
#[must_use = "take its `answer`"]
pub struct FindByKey<'a>(Flow<'a>);

impl<'a> FindByKey<'a> {
    getters! {
        /// What to look for.
        pub fn key(&self) -> &'a PersonKey { self.0.person.key }
    }

    /// Goes on with what [`Directory::find_by_key`] found.
    ///
    /// # Errors
    /// When the person may not sign in.
    pub fn answer<Id>(self, found: Option<Record<Id>>) -> Result<Step<'a, Id>, DirectoryError> {
        match found {
            Some(record) => self.0.known(record, false),
            None => self.0.unknown(),
        }
    }
}

/// Who has this value?
#[derive(Debug)]
#[must_use = "take its `answer`"]
pub struct FindByField<'a, Id> {
    flow: Flow<'a>,
    lookup: Lookup<'a>,
    why: Why<'a, Id>,
}

#[derive(Debug)]
enum Why<'a, Id> {
    /// To find a record that may become this person's.
    Link(&'a MatchBy),
    /// To write this if nobody is in the way.
    Write(Plan<'a, Id>),
}

impl<'a, Id: PartialEq> FindByField<'a, Id> {
    getters! {
        /// What to look for.
        pub fn lookup(&self) -> &Lookup<'a> { &self.lookup }
    }

    /// Goes on with all that [`Directory::find_by_field`] found.
    ///
    /// # Errors
    /// When the person may not sign in.
    pub fn answer(self, found: Vec<Record<Id>>) -> Result<Step<'a, Id>, DirectoryError> {
        let Self { flow, lookup, why } = self;
        // A collation may have found more, such as `é` for `e`.
        let mut found = found.into_iter().filter(|record| lookup.finds(record));
        let by = match why {
            Why::Link(by) => by,
            Why::Write(plan) if found.all(|record| plan.id.as_ref() == Some(&record.id)) => return Ok(flow.go_on(plan)),
            Why::Write(_) => return flow.in_the_way(lookup.field),
        };
        let Some(record) = found.next() else { return flow.new_record() };
        let others = found.count();
        if others > 0 {
            return Err(DirectoryError::Ambiguous(Quoted::new(lookup.field), others.saturating_add(1)));
        }
        if record.has_key {
            return flow.in_the_way(lookup.field);
        }
        let vouched = by.must_vouch(lookup.value, flow.person.verified_domains);
        vouched.map_err(|why| DirectoryError::NotLinkable(Quoted::new(lookup.field), why))?;
        flow.known(record, true)
    }
}

/// Make a record.
#[derive(Debug)]
#[must_use = "take its `answer`"]
pub struct Create<'a> {
    flow: Flow<'a>,
    fields: Vec<Field>,
}

impl<'a> Create<'a> {
    getters! {
        /// Its key.
        pub fn key(&self) -> &'a PersonKey { self.flow.person.key }
        /// Its fields.
        pub fn fields(&self) -> &[Field] { &self.fields }
    }

    /// Goes on with what came of [`Directory::create`].
    ///
    /// # Errors
    /// When the directory has refused too often.
    pub fn answer<Id>(self, created: Created<Id>) -> Result<Step<'a, Id>, DirectoryError> {
        match created {
            Created::Yes(id) => Ok(Step::Done(Done { id, outcome: Outcome::Created, written: names(&self.fields) })),
            Created::AlreadyThere => self.flow.overtaken(),
        }
    }
}

/// Change a record.
#[derive(Debug)]
#[must_use = "take its `answer`"]
pub struct Update<'a, Id> {
    flow: Flow<'a>,
    id: Id,
    changes: Changes,
}

impl<'a, Id> Update<'a, Id> {
    getters! {
        /// Which.
        pub fn id(&self) -> &Id { &self.id }
        /// What to change.
        pub fn changes(&self) -> &Changes { &self.changes }
    }

    /// Goes on with what came of [`Directory::update`].
    ///
    /// # Errors
    /// When the directory has refused too often.
    pub fn answer(self, updated: Updated) -> Result<Step<'a, Id>, DirectoryError> {
        let outcome = if self.changes.key.is_some() { Outcome::Linked } else { Outcome::Updated };
        match updated {
            Updated::Yes => Ok(Step::Done(Done { id: self.id, outcome, written: names(&self.changes.fields) })),
            Updated::Overtaken => self.flow.overtaken(),
        }
    }
}

fn names(fields: &[Field]) -> Vec<Arc<str>> {
    fields.iter().map(|field| Arc::clone(&field.name)).collect()
}
