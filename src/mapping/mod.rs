//! Rules that turn the claims of a login into your own record of a person.
//!
//! [`Rules`] are written in Rust or, with the feature `serde`, in a file, and checked once, when your
//! program starts and makes a [`Mapping`] of them. [`Mapping::apply`] then fills the fields at each login, and reports
//! everything that is missing at once. It never guesses: a field of one value that gets two is an error, and so are
//! groups that Entra left out because there are too many.
//!
//! ```
//! use entra_sso::entra::claims;
//! use entra_sso::mapping::{Mapping, Preset, Rule, Rules, Source};
//!
//! let roles = Rule {
//!     field: "roles".into(),
//!     from: vec![Source::Groups(claims::GROUPS.into())],
//!     many: true,
//!     default: Some("member".into()),
//!     table: Some([("5d0f2c11-0a1b-4c5d-8e9f-000000000003".into(), "admin".into())].into()),
//!     ignore_case: true,
//!     ..Rule::default()
//! };
//! let mapping = Mapping::try_from(Rules { preset: Some(Preset::Entra), rules: vec![roles] })?;
//! # Ok::<(), entra_sso::mapping::InvalidMapping>(())
//! ```
//!
//! The same in TOML, read as a `Mapping`, or as `Rules` for an error of our own type:
//!
//! ```toml
//! preset = "entra"
//! [[rule]]
//! field = "roles"
//! from = [{ groups = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups" }]
//! many = true
//! default = "member"
//! table = { "5d0f2c11-0a1b-4c5d-8e9f-000000000003" = "admin" }
//! ignore_case = true
//! ```

mod error;
mod preset;
mod rules;
#[cfg(test)]
#[path = "../../tests/unit/mapping.rs"]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::entra::{Groups, claims};
use crate::saml::{Attributes, Claims};

pub use error::{InvalidMapping, MappingError, Problem, ProblemKind};
pub use preset::Preset;
use rules::MAX_JOINED;
pub use rules::{Rule, Rules, Source};

/// Rules that were checked; made of [`Rules`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(try_from = "Rules", into = "Rules"))]
pub struct Mapping {
    /// Each with the name of its field, which every login shares.
    rules: Vec<(Arc<str>, Rule)>,
    written: Rules,
}

impl Mapping {
    /// Of rules that were checked, and that were written like this.
    fn of(rules: Vec<Rule>, written: Rules) -> Self {
        Self { rules: rules.into_iter().map(|rule| (rule.field.as_str().into(), rule.folded())).collect(), written }
    }
}

/// The rules as they were written.
impl From<Mapping> for Rules {
    fn from(mapping: Mapping) -> Self {
        mapping.written
    }
}

impl Mapping {
    /// What Entra sends by default; see [`Preset::Entra`].
    #[must_use]
    pub fn entra() -> Self {
        Self::of(Preset::Entra.rules(), Rules { preset: Some(Preset::Entra), rules: Vec::new() })
    }

    /// The names of the fields that it can fill.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|(field, _)| &**field)
    }

    /// Applies every rule.
    ///
    /// # Errors
    /// When a field that must have a value gets none, a field of one value gets several, or groups were left out; all
    /// such fields at once.
    pub fn apply(&self, claims: Claims<'_>) -> Result<Mapped, MappingError> {
        let (mut fields, mut problems) = (Vec::with_capacity(self.rules.len()), Vec::new());
        for (field, rule) in &self.rules {
            match rule.apply(claims) {
                Ok(None) => {}
                Ok(Some(values)) => {
                    fields.push(Field { name: field.clone(), values, on_create: rule.on_create });
                }
                Err(kind) => problems.push(Problem::new(rule, kind)),
            }
        }
        match problems.is_empty() {
            true => Ok(Mapped { fields }),
            false => Err(MappingError::new(problems, claims.attributes)),
        }
    }
}

/// What is known of one person. Two can be compared, to see what changed since the last login.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Mapped {
    /// The fields that were filled, in the order of the rules.
    pub fields: Vec<Field>,
}

impl Mapped {
    /// The value of a field: `None` if it was left out or has not exactly one value.
    #[must_use]
    pub fn one(&self, field: &str) -> Option<&str> {
        match self.field(field)?.values.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// A field by name. `None` means that nothing was said about it: keep what you have. A field with no values means
    /// that there are none: remove what you have.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| *field.name == *name)
    }
}

/// One field of a [`Mapped`] person.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name that the rule gave it.
    pub name: Arc<str>,
    /// Its values, each once, in the order of the assertion.
    pub values: Vec<String>,
    /// Whether to write it only when the person is created; see [`Rule::on_create`].
    pub on_create: bool,
}

/// Prints the name, never values.
impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Field").field(&self.name).finish()
    }
}

/// What a source gave. `None`: nothing was said. An empty list: it was said that there is nothing.
type Found<'a> = Result<Option<Vec<Cow<'a, str>>>, ProblemKind>;

impl Rule {
    /// The values of the field; `None` if it is left out.
    fn apply<'a>(&'a self, claims: Claims<'a>) -> Result<Option<Vec<String>>, ProblemKind> {
        // The first source that says something is taken, even if it then says too much.
        let mut found = self.from.iter().map(|source| self.read(source, claims));
        let found = found.find(|found| *found != Ok(None)).unwrap_or(Ok(None))?;
        let (said, came) = (found.is_some(), found.as_ref().is_some_and(|all| !all.is_empty()));
        let shaped = found.unwrap_or_default().into_iter().filter_map(|value| self.shape(value));
        let mut values: Vec<_> = distinct(shaped.collect()).into_iter().map(Cow::into_owned).collect();
        // Made in the place of all that came, of which little may be left; fewer than four have no smaller place.
        values.shrink_to(4);
        match (values.len(), &self.default) {
            (count @ 2.., _) if !self.many => Err(ProblemKind::Ambiguous(count)),
            (1.., _) => Ok(Some(values)),
            (0, Some(default)) => Ok(Some(vec![default.clone()])),
            (0, None) if self.optional => Ok((self.many && said).then_some(values)),
            (0, None) if came => Err(ProblemKind::Unmatched),
            (0, None) => Err(ProblemKind::Missing),
        }
    }

    /// With the keys of a table that ignores case in lower case, no two of which are the same: so a value is looked up,
    /// and not compared with each of them.
    fn folded(mut self) -> Self {
        if self.ignore_case {
            let fold = |(key, ours): (String, String)| (key.to_ascii_lowercase(), ours);
            self.table = self.table.map(|table| table.into_iter().map(fold).collect());
        }
        self
    }

    /// Trims, looks up, and lower-cases what is not from the table.
    fn shape<'a>(&'a self, value: Cow<'a, str>) -> Option<Cow<'a, str>> {
        let trimmed = if self.trim { value.trim() } else { &value };
        if let Some(table) = &self.table {
            let ours = match self.ignore_case {
                true => table.get(&trimmed.to_ascii_lowercase()),
                false => table.get(trimmed),
            };
            if let Some(ours) = ours {
                return Some(ours.into());
            }
            if !self.keep_unmatched {
                return None;
            }
        }
        let folds = self.lower_case && trimmed.bytes().any(|byte| byte.is_ascii_uppercase());
        match value {
            _ if folds => Some(trimmed.to_ascii_lowercase().into()),
            Cow::Owned(value) if self.trim => Some(value.trim().to_owned().into()),
            Cow::Borrowed(value) if self.trim => Some(value.trim().into()),
            value => Some(value),
        }
    }

    fn read<'a>(&'a self, source: &'a Source, claims: Claims<'a>) -> Found<'a> {
        let attributes = claims.attributes;
        match source {
            Source::Groups(name) => self.read_groups(attributes, name),
            // By any road to this claim, its absence must not pass for membership of nothing.
            Source::Name(name) if name == claims::GROUPS => self.read_groups(attributes, name),
            Source::Name(name) => Ok(given(attributes.values(name))),
            Source::FriendlyName(name) => {
                let named = attributes.iter().filter(|a| a.friendly_name() == Some(name));
                Ok(given(named.flat_map(|attribute| attribute.values())))
            }
            Source::NameId => Ok(given([claims.name_id.value.as_str()])),
            Source::Constant(value) => Ok(Some(vec![value.into()])),
            Source::Joined(parts) => self.join(parts, claims),
        }
    }

    fn join<'a>(&'a self, parts: &'a [Source], claims: Claims<'a>) -> Found<'a> {
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            match distinct(self.read(part, claims)?.unwrap_or_default()).as_mut_slice() {
                [] => return Ok(None),
                [value] => values.push(std::mem::take(value)),
                several => return Err(ProblemKind::Ambiguous(several.len())),
            }
        }
        // Before it is copied: every other field may join it too.
        if values.iter().map(|value| value.len()).sum::<usize>() > MAX_JOINED {
            return Err(ProblemKind::TooLong);
        }
        let joined = values.concat();
        Ok((!joined.trim().is_empty()).then(|| vec![joined.into()]))
    }

    fn read_groups<'a>(&self, attributes: &'a Attributes, claim: &str) -> Found<'a> {
        match Groups::named(attributes, claim) {
            Groups::Present(groups) => Ok(Some(given(groups).unwrap_or_default())),
            Groups::Overage { .. } if self.empty_on_overage => Ok(Some(Vec::new())),
            Groups::Overage { .. } => Err(ProblemKind::GroupsOverage),
            Groups::Absent => Ok(None),
        }
    }
}

/// Values that hold more than white space. Entra does not send empty claims; others do, for what is empty in their
/// directory.
fn given<'a, I: IntoIterator<Item = &'a str>>(values: I) -> Option<Vec<Cow<'a, str>>> {
    let said = values.into_iter().filter(|value| !value.trim().is_empty());
    let said: Vec<_> = said.map(Cow::from).collect();
    (!said.is_empty()).then_some(said)
}

/// Each value once, where it came first: a repeated value is no second one.
fn distinct(mut values: Vec<Cow<'_, str>>) -> Vec<Cow<'_, str>> {
    if values.len() > 1 {
        let mut seen = BTreeSet::new();
        let is_first: Vec<_> = values.iter().map(|value| seen.insert(&**value)).collect();
        let mut is_first = is_first.into_iter();
        values.retain(|_| is_first.next().unwrap_or(true));
    }
    values
}
