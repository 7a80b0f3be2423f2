//! Why somebody who is authentic is not let in, and what an administrator can do about it.

use crate::encoding::Quoted;

/// The record of a person cannot be found, made or changed. Holds names of fields, never a value.
///
/// The person is who the identity provider says. Show the browser the same page as for any other failed login.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Nobody has this key, and the policy does not create people.
    #[error("no record belongs to this person, and people are not created when they first sign in")]
    UnknownPerson,
    /// The record says that the person may not sign in.
    #[error("the record of this person is deactivated")]
    Deactivated,
    /// Several records have the value of this field.
    #[error("{1} records have the {0} of this person, so none can be chosen")]
    Ambiguous(Quoted, usize),
    /// A record has the value of this field, but that does not show that it is this person's.
    #[error("a record has the {0} of this person, but {1}")]
    NotLinkable(Quoted, &'static str),
    /// The record of somebody else has the value of this field.
    #[error("another record has the {0} of this person, and is not this person's by its key")]
    Conflict(Quoted),
    /// The directory refused to write so many times, and what it then showed gave no reason.
    #[error("the directory refused to write the record {0} times, and shows no record that is in the way")]
    Contended(usize),
}

impl DirectoryError {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { self.row().0 }
        /// What an administrator can do, in one sentence.
        pub fn hint(&self) -> &'static str { self.row().1 }
    }

    #[rustfmt::skip]
    fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownPerson =>
                ("directory.unknown_person", "Create the record, or let the policy create people when they first sign in."),
            Self::Deactivated =>
                ("directory.deactivated", "Do nothing unless the person should be let in; then activate the record."),
            Self::Ambiguous(..) =>
                ("directory.ambiguous", "Leave the value in one of the records, and remove or change it in the others."),
            Self::NotLinkable(..) =>
                ("directory.not_linkable", "Have the customer prove that the domain is theirs, or give the record the key of the person by hand."),
            Self::Conflict(_) =>
                ("directory.conflict", "Look who has the name now: if that record is the same person's, give it the new key; if not, change the name in it."),
            Self::Contended(_) =>
                ("directory.contended", "Sign in again; if it stays so, name every column that must be unique under `unique` in the policy."),
        }
    }
}

/// A policy names a field that no rule of the mapping fills, so that part of it would do nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the policy names the field {field}, which the mapping does not fill")]
#[non_exhaustive]
pub struct InvalidPolicy {
    /// The field.
    pub field: Quoted,
}

impl InvalidPolicy {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { "directory.invalid_policy" }
        /// What to do, in one sentence.
        pub fn hint(&self) -> &'static str { "Correct the name of the field in the policy, or add a rule for it to the mapping." }
    }
}

/// Why [`Policy::sign_in`](crate::directory::Policy::sign_in) came to no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError<E> {
    /// The person may not have one.
    #[error(transparent)]
    Refused(#[from] DirectoryError),
    /// The directory gave no answer.
    #[error("the directory gave no answer")]
    Unavailable(#[source] E),
}

impl<E> SignInError<E> {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { self.row().0 }
        /// What an administrator can do, in one sentence.
        pub fn hint(&self) -> &'static str { self.row().1 }
    }

    fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::Refused(error) => error.row(),
            Self::Unavailable(_) => ("directory.unavailable", "Check the connection to the store of people."),
        }
    }
}
