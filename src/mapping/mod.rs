//! Rules that turn the claims of a login into your own record of a person.
//!
//! [`Rules`] are written in Rust or, with the feature `serde`, in a file; [`Rules::build`] checks them
//! once, when your program starts. [`Mapping::apply`] then fills the fields at each login, and reports
//! everything that is missing at once. It never guesses: a field of one value that gets two is an
//! error, and so are groups that Entra left out because there are too many.
//!
//! ```
//! use entra_sso::entra::claims;
//! use entra_sso::mapping::{Preset, Rule, Rules, Source, Table};
//!
//! let admins = Table::new([("5d0f2c11-0a1b-4c5d-8e9f-000000000003", "admin")]).ignore_case();
//! let mapping = Rules::from(Preset::Entra)
//!     .required("email", &[claims::EMAIL])
//!     .rule(Rule::new("roles", [Source::groups()]).many().or("member").through(admins))
//!     .build()?;
//! # Ok::<(), entra_sso::mapping::InvalidMapping>(())
//! ```
//!
//! The same in TOML, read as a `Mapping`, or as `Rules` for an error of our own type:
//!
//! ```toml
//! preset = "entra"
//!
//! [[rule]]
//! field = "email"
//! from = [{ name = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" }]
//!
//! [[rule]]
//! field = "roles"
//! from = [{ groups = {} }]
//! many = true
//! presence = { default = "member" }
//! [rule.table]
//! values = { "5d0f2c11-0a1b-4c5d-8e9f-000000000003" = "admin" }
//! ignore_case = true
//! ```

mod error;
mod preset;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::iter;

use crate::entra::{Groups, claims};
use crate::saml::{Attributes, Claims};

pub use error::{InvalidMapping, MappingError, Problem, ProblemKind};
pub use preset::Preset;
pub use rules::{OnOverage, Presence, Rule, Rules, Source, Table};

use rules::Part;

/// Rules that were checked; made by [`Rules::build`] or a [`Preset`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "Rules"))]
pub struct Mapping {
    rules: Vec<Rule>,
}

impl Mapping {
    /// What Entra sends by default; see [`Preset::Entra`].
    #[must_use]
    pub fn entra() -> Self {
        Preset::Entra.into()
    }

    /// Applies every rule.
    ///
    /// # Errors
    /// When a field that must have a value gets none, a field of one value gets several, or groups
    /// were left out; all such fields at once.
    pub fn apply(&self, claims: Claims<'_>) -> Result<Mapped, MappingError> {
        let (mut fields, mut problems) = (Vec::new(), Vec::new());
        for rule in &self.rules {
            match rule.apply(claims) {
                Ok(None) => {}
                Ok(Some(values)) => {
                    fields.push(Field {
                        name: rule.field.clone(),
                        values,
                        on_create: rule.on_create,
                    });
                }
                Err(kind) => problems.push(Problem::new(rule, kind)),
            }
        }
        match problems.is_empty() {
            true => Ok(Mapped { fields }),
            false => Err(MappingError::new(problems, claims.attributes())),
        }
    }
}

impl From<Preset> for Mapping {
    fn from(preset: Preset) -> Self {
        Self { rules: preset.rules() }
    }
}

impl TryFrom<Rules> for Mapping {
    type Error = InvalidMapping;

    fn try_from(rules: Rules) -> Result<Self, InvalidMapping> {
        rules.build()
    }
}

/// The fields of one person, in the order of the rules.
///
/// Two of them can be compared, to see what changed since the last login.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mapped {
    fields: Vec<Field>,
}

impl Mapped {
    /// The value of a field: `None` if it was left out or has not exactly one value.
    #[must_use]
    pub fn one(&self, field: &str) -> Option<&str> {
        match self.many(field) {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The values of a field: empty also if it was left out, which [`field`](Self::field) tells apart.
    #[must_use]
    pub fn many(&self, field: &str) -> &[String] {
        self.field(field).map_or(&[], |field| &field.values)
    }

    /// A field by name. `None` means that nothing was said about it: keep what you have. A field
    /// with no values means that there are none: remove what you have.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.iter().find(|field| field.name == name)
    }

    /// All fields that were filled.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.fields.iter()
    }
}

/// One field of a [`Mapped`] person.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Field {
    /// The name that the rule gave it.
    pub name: String,
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
type Found = Result<Option<Vec<String>>, ProblemKind>;

impl Rule {
    /// The values of the field; `None` if it is left out.
    fn apply(&self, claims: Claims<'_>) -> Found {
        let found = self.first_found(claims)?;
        let said = found.is_some();
        let found = found.unwrap_or_default();
        let came = found.len();
        let values = distinct(found.into_iter().filter_map(|value| self.shape(value)));
        match (values.len(), &self.presence) {
            (0, Presence::Required) if came == 0 => Err(ProblemKind::Missing),
            (0, Presence::Required) => Err(ProblemKind::Unmatched),
            (0, Presence::Optional) => Ok((self.many && said).then_some(values)),
            (0, Presence::Default(value)) => Ok(Some(vec![value.clone()])),
            (count, _) if count > 1 && !self.many => Err(ProblemKind::Ambiguous { count }),
            _ => Ok(Some(values)),
        }
    }

    /// The first source that says something is taken, even if it then says too much.
    fn first_found(&self, claims: Claims<'_>) -> Found {
        let mut found = self.from.iter().map(|source| source.read(claims));
        found.find(|found| *found != Ok(None)).unwrap_or(Ok(None))
    }

    /// Trims, looks up, and lower-cases what is not from the table.
    fn shape(&self, value: String) -> Option<String> {
        let value = match self.trim {
            true => value.trim().to_owned(),
            false => value,
        };
        let kept = match self.lower_case {
            true => value.to_ascii_lowercase(),
            false => value.clone(),
        };
        match &self.table {
            None => Some(kept),
            Some(table) => table.look_up(&value).or_else(|| table.keep_unmatched.then_some(kept)),
        }
    }
}

impl Source {
    fn read(&self, claims: Claims<'_>) -> Found {
        let attributes = claims.attributes();
        match self {
            // By any road to this claim, its absence must not pass for membership of nothing.
            Self::Name(name) if name == claims::GROUPS => {
                read_groups(attributes, name, OnOverage::Refuse)
            }
            Self::Name(name) => Ok(given(attributes.values(name))),
            Self::FriendlyName(name) => {
                let named = attributes.iter().filter(|a| a.friendly_name() == Some(name));
                Ok(given(named.flat_map(|attribute| attribute.values())))
            }
            Self::NameId => Ok(given(iter::once(claims.name_id().value.as_str()))),
            Self::Constant(value) => Ok(Some(vec![value.clone()])),
            Self::Template { .. } => self.render(claims),
            Self::Groups { claim, on_overage } => read_groups(attributes, claim, *on_overage),
        }
    }

    /// Fills a template in. Says nothing unless each of its parts has a value.
    fn render(&self, claims: Claims<'_>) -> Found {
        let mut text = String::new();
        for part in self.parts().unwrap_or_default() {
            let values = match part {
                Part::Text(plain) => vec![plain.to_owned()],
                Part::Source(source) => distinct(source.read(claims)?.into_iter().flatten()),
            };
            match (values.as_slice(), values.len()) {
                ([], _) => return Ok(None),
                ([value], _) => text.push_str(value),
                (_, count) => return Err(ProblemKind::Ambiguous { count }),
            }
        }
        Ok(given(iter::once(text.as_str())))
    }
}

fn read_groups(attributes: &Attributes, claim: &str, on_overage: OnOverage) -> Found {
    match (Groups::named(attributes, claim), on_overage) {
        (Groups::Present(groups), _) => Ok(Some(given(groups.into_iter()).unwrap_or_default())),
        (Groups::Overage { .. }, OnOverage::Refuse) => Err(ProblemKind::GroupsOverage),
        (Groups::Overage { .. }, OnOverage::Empty) => Ok(Some(Vec::new())),
        (Groups::Absent, _) => Ok(None),
    }
}

/// Values that hold more than white space. Entra does not send empty claims; others do, for what is
/// empty in their directory.
fn given<S: AsRef<str>>(values: impl Iterator<Item = S>) -> Option<Vec<String>> {
    let said = values.filter(|value| !value.as_ref().trim().is_empty());
    let values: Vec<_> = said.map(|value| value.as_ref().to_owned()).collect();
    (!values.is_empty()).then_some(values)
}

/// Each value once, where it came first: a repeated value is no second one.
fn distinct(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(value.clone())).collect()
}
