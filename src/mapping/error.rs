//! What a mapping says to the administrator who can put it right.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use crate::encoding::Quoted;
use crate::mapping::{Rule, Source};
use crate::saml::Attributes;

/// Rules that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the mapping cannot be used: {}{reason}", prefix(.field.as_ref()))]
#[non_exhaustive]
pub struct InvalidMapping {
    /// The field whose rule is wrong; `None` if it is the rules as a whole.
    pub field: Option<Quoted>,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl InvalidMapping {
    /// A name for this error that never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "mapping.invalid_rules"
    }

    pub(super) fn of_file(reason: &'static str) -> Self {
        Self { field: None, reason }
    }

    pub(super) fn of_rule(rule: &Rule, reason: &'static str) -> Self {
        Self { field: Some(Quoted::new(&rule.field)), reason }
    }
}

fn prefix(field: Option<&Quoted>) -> String {
    field.map_or_else(String::new, |field| format!("rule for {field}: "))
}

/// The claims do not fill the fields: everything that is wrong, and the names of what came. Never a
/// value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MappingError {
    /// One problem a field, the highest kind first. Never empty.
    pub problems: Vec<Problem>,
    /// The names of the attributes that came, each once and at most 40 of them.
    pub received: Vec<Quoted>,
    /// How many names are not listed.
    pub more: usize,
}

/// Entra sends nine attributes by default; more than these would not be read in one line.
const MAX_RECEIVED: usize = 40;

impl MappingError {
    /// The code of the first problem. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problems.first().map_or("mapping.missing", |problem| problem.kind.code())
    }

    pub(super) fn new(mut problems: Vec<Problem>, attributes: &Attributes) -> Self {
        problems.sort_by_key(|problem| Reverse(problem.kind));
        let names: BTreeSet<_> = attributes.iter().map(|a| a.name()).collect();
        let received: Vec<_> =
            names.iter().take(MAX_RECEIVED).map(|name| Quoted::new(name)).collect();
        Self { problems, more: names.len() - received.len(), received }
    }
}

impl fmt::Display for MappingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            write!(f, "{problem}; ")?;
        }
        match self.received.is_empty() {
            true => f.write_str("no attributes were received")?,
            false => write!(f, "received were {}", listed(&self.received, ", "))?,
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl std::error::Error for MappingError {}

/// One field that could not be filled.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// The field.
    pub field: Quoted,
    /// The names that its rule looks for.
    pub wanted: Vec<Quoted>,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl Problem {
    pub(super) fn new(rule: &Rule, kind: ProblemKind) -> Self {
        let wanted = rule.from.iter().flat_map(names).map(Quoted::new).collect();
        Self { field: Quoted::new(&rule.field), wanted, kind }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, wanted) = (&self.field, listed(&self.wanted, " or "));
        match self.kind {
            ProblemKind::Missing => write!(f, "{field} needs a value, and {wanted} has none"),
            ProblemKind::Unmatched => {
                write!(f, "{field} needs a value that its table knows, and {wanted} has none")
            }
            ProblemKind::Ambiguous { count } => {
                write!(f, "{field} takes one value, and {wanted} has {count}")
            }
            ProblemKind::GroupsOverage => {
                write!(f, "{field} needs all groups, and Entra left them out as too many")
            }
        }
    }
}

/// Why a field could not be filled, from the plainest to the one that explains the most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No source has a value.
    Missing,
    /// Values came, and the rule's table has none of them.
    Unmatched,
    /// There are several values for a field of one.
    Ambiguous {
        /// How many.
        count: usize,
    },
    /// Entra sent `groups.link` in place of the groups.
    GroupsOverage,
}

impl ProblemKind {
    const fn code(self) -> &'static str {
        match self {
            Self::Missing | Self::Unmatched => "mapping.missing",
            Self::Ambiguous { .. } => "mapping.ambiguous",
            Self::GroupsOverage => "mapping.groups_overage",
        }
    }
}

/// The names that a source looks for; a constant is always there.
fn names(source: &Source) -> Vec<&str> {
    match source {
        Source::Name(name) | Source::FriendlyName(name) => vec![name],
        Source::NameId => vec!["NameID"],
        Source::Constant(_) => Vec::new(),
        Source::Template { with, .. } => with.values().flat_map(names).collect(),
        Source::Groups { claim, .. } => vec![claim],
    }
}

fn listed(names: &[Quoted], between: &str) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
