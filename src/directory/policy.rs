//! What becomes of records at a login, as it is written down.

use crate::directory::{InvalidPolicy, Lookup};
use crate::encoding::Quoted;
use crate::ids::EmailDomain;
use crate::ids::TenantId;
use crate::mapping::{Field, Mapped, Mapping};

/// Who gets a record, and what a login writes into it.
///
/// By default nobody is let in without a record that has the person's key, and a login updates that record.
///
/// In a file, with the feature `serde`:
///
/// ```toml
/// first_login = "create"
/// later_logins = "update"
/// never_update = ["display_name"]
/// match_by = { field = "email", ignore_case = true }
/// unique = [{ field = "username", ignore_case = true }]
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Policy {
    /// What becomes of a person without a record.
    pub first_login: FirstLogin,
    /// What a login writes into a record that is there.
    pub later_logins: LaterLogins,
    /// Fields that are written when the record is created, and never again: what people may edit in your program. A
    /// rule of the mapping can say the same with [`on_create`](crate::mapping::Rule::on_create).
    pub never_update: Vec<String>,
    /// Lets a person without a record have one that is there already and has no key, such as that of somebody who was
    /// invited. `None`: a record is found by its key and by nothing else.
    pub match_by: Option<MatchBy>,
    /// Fields of which no two records may have the same value. A value that another record has is refused with
    /// [`Conflict`](crate::directory::DirectoryError::Conflict) before anything is written.
    pub unique: Vec<Unique>,
}

/// What becomes of a person without a record.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FirstLogin {
    /// Nobody is let in: somebody else creates the records.
    #[default]
    Refuse,
    /// The login creates it (just in time).
    Create,
}

/// What a login writes into a record that is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LaterLogins {
    /// What has changed since the last one.
    #[default]
    Update,
    /// Nothing.
    Keep,
}

/// The field by which a person may get a record that has no key yet.
///
/// Any identity provider can write any address into a claim: whoever links by what it says hands the records of other
/// people to its administrator (in 2023 found in many applications that took Entra's `email` claim for a proof, and
/// called nOAuth). So an address counts only if its domain is one of the connection's
/// [verified domains](crate::directory::Person::with_verified_domains), a record that has a key is never linked to
/// another, and one that is linked has a key from then on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub struct MatchBy {
    /// Its name in the mapping and in the record.
    pub field: String,
    /// Compares without the case of `A` to `Z`, and of nothing else: in all of Unicode the sign for kelvin (U+212A) is
    /// a `k`, and another person's address this one's. What a store finds beyond that is not taken.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ignore_case: bool,
    /// Takes values without `@` too, such as employee numbers, which no domain vouches for. Only if
    /// [`find_by_field`](crate::directory::Directory::find_by_field) looks among this customer's records only, or if
    /// there is one customer.
    #[cfg_attr(feature = "serde", serde(default))]
    pub without_domain: bool,
}

/// A field of which no two records may have the same value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub struct Unique {
    /// Its name in the mapping and in the record.
    pub field: String,
    /// Takes values that differ only in the case of `A` to `Z` for the same.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ignore_case: bool,
}

impl Policy {
    /// Compares it with the mapping that goes with it, when your program starts: a misspelt name would leave a field
    /// unprotected, and nobody would notice.
    ///
    /// # Errors
    /// When it names a field that the mapping does not fill.
    pub fn check(&self, mapping: &Mapping) -> Result<(), InvalidPolicy> {
        let matched = self.match_by.iter().map(|by| &by.field);
        let named = matched.chain(&self.never_update).chain(self.unique.iter().map(|unique| &unique.field));
        match named.into_iter().find(|name| !mapping.fields().any(|field| field == *name)) {
            Some(field) => Err(InvalidPolicy { field: Quoted::new(field) }),
            None => Ok(()),
        }
    }

    /// What to write into a record with these values.
    pub(super) fn changes(&self, mapped: &Mapped, has: impl Fn(&Field) -> bool) -> Vec<Field> {
        let updated = |field: &&Field| {
            !field.on_create && !self.never_update.iter().any(|name| **name == *field.name) && !has(field)
        };
        match self.later_logins {
            LaterLogins::Update => mapped.fields.iter().filter(updated).cloned().collect(),
            LaterLogins::Keep => Vec::new(),
        }
    }

    /// Whom to look for in the place of a person whose key nobody has.
    pub(super) fn candidate<'a>(
        &'a self, connection: &'a TenantId, mapped: &'a Mapped,
    ) -> Option<(&'a MatchBy, Lookup<'a>)> {
        let by @ MatchBy { field, ignore_case, .. } = self.match_by.as_ref()?;
        Some((by, Lookup { connection, field, value: mapped.one(field)?, ignore_case: *ignore_case }))
    }

    /// Whose values to look for before these are written.
    pub(super) fn rivals<'a>(
        &'a self, connection: &'a TenantId, mapped: &'a Mapped, written: &[Field],
    ) -> Vec<Lookup<'a>> {
        let of = |unique: &'a Unique| {
            let Unique { field, ignore_case } = unique;
            let is_written = written.iter().any(|changed| *changed.name == **field);
            let values = mapped.field(field).filter(|_| is_written).map_or(&[][..], |field| &field.values);
            values.iter().map(|value| Lookup { connection, field, value, ignore_case: *ignore_case })
        };
        self.unique.iter().flat_map(of).collect()
    }
}

impl MatchBy {
    /// Whether a value says enough to hand over the record that has it.
    pub(super) fn must_vouch(&self, value: &str, verified_domains: &[EmailDomain]) -> Result<(), &'static str> {
        let (name, domain) = match value.split_once('@') {
            None if self.without_domain => return Ok(()),
            None => return Err("it is no address, and no domain vouches for it"),
            Some(parts) => parts,
        };
        // Of two `@` the first counts, so that what follows is no domain that anybody has.
        let is_plain = !value.chars().any(|c| c.is_whitespace() || c.is_control());
        match is_plain && !name.is_empty() && !domain.is_empty() {
            false => Err("it is no plain address"),
            true if verified_domains.iter().any(|verified| verified.as_ref().eq_ignore_ascii_case(domain)) => Ok(()),
            true => Err("its domain is not one that was verified for the connection"),
        }
    }
}
