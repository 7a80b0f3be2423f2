//! What a mapping says to the administrator who can put it right.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::encoding::Quoted;
use crate::mapping::rules::MAX_JOINED;
use crate::mapping::{Rule, Source};
use crate::saml::Attributes;

/// Rules that cannot be used: none or too many, two for one field, or one that cannot be applied.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the mapping cannot be used: {}{reason}",
    .field.as_ref().map_or_else(String::new, |field| format!("rule for {field}: ")))]
#[non_exhaustive]
pub struct InvalidMapping {
    /// The field whose rule is wrong; `None` if it is the rules as a whole.
    pub field: Option<Quoted>,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl InvalidMapping {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { "mapping.invalid_rules" }
        /// What to do, in one sentence.
        pub fn hint(&self) -> &'static str { "Correct the rule that is named in the file of rules, then load it again." }
    }
}

/// The claims do not fill the fields: all that is wrong, and the names of what came. Never a value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}; {count} attributes received: {}", listed(.problems, "; "), listed(.received, ", "))]
#[non_exhaustive]
pub struct MappingError {
    /// One problem a field, the highest kind first. Never empty.
    pub problems: Vec<Problem>,
    /// The names of the attributes that came, each once and at most 40 of them.
    pub received: Vec<Quoted>,
    /// How many names came.
    pub count: usize,
}

/// Entra sends nine attributes by default; more than these would not be read in one line.
const MAX_RECEIVED: usize = 40;

impl MappingError {
    getters! {
        /// The code of the first problem. It never changes.
        pub fn code(&self) -> &'static str { self.row().0 }
        /// What an administrator can do about the first problem, in one sentence.
        pub fn hint(&self) -> &'static str { self.row().1 }
    }

    #[rustfmt::skip]
    fn row(&self) -> (&'static str, &'static str) {
        match self.problems.first().map(|problem| problem.kind) {
            Some(ProblemKind::GroupsOverage) =>
                ("mapping.groups_overage", "Choose *Groups assigned to the application* in the groups claim, or let the rule read too many groups as none."),
            Some(ProblemKind::Ambiguous(_)) => ("mapping.ambiguous", "Send one value for the claim, or let the field take many."),
            Some(ProblemKind::TooLong) => ("mapping.too_long", "Send shorter values for the claims that the rule joins, or join fewer."),
            _ => ("mapping.missing", "Add the claim under *Attributes & Claims*, or name one that is received in the rule."),
        }
    }

    pub(super) fn new(mut problems: Vec<Problem>, attributes: &Attributes) -> Self {
        problems.sort_by_key(|problem| Reverse(problem.kind));
        let names: BTreeSet<_> = attributes.iter().map(|a| a.name()).collect();
        let received: Vec<_> = names.iter().copied().take(MAX_RECEIVED).map(Quoted::new).collect();
        Self { problems, received, count: names.len() }
    }
}

/// One field that could not be filled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} {kind} from {}", listed(.wanted, " or "))]
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

/// Why a field could not be filled, from the plainest to the one that explains the most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No source has a value.
    #[error("needs a value and gets none")]
    Missing,
    /// Values came, and the rule's table has none of them.
    #[error("needs a value that its table knows and gets none")]
    Unmatched,
    /// So many values came for a field of one.
    #[error("takes one value and gets {0}")]
    Ambiguous(usize),
    /// What is joined is longer than 4,096 bytes.
    #[error("takes at most {MAX_JOINED} bytes in one and gets more")]
    TooLong,
    /// Entra sent `groups.link` in place of the groups.
    #[error("needs all groups, which Entra left out as too many,")]
    GroupsOverage,
}

/// The names that a source looks for; a constant is always there.
fn names(source: &Source) -> Vec<&str> {
    match source {
        Source::Name(name) | Source::FriendlyName(name) | Source::Groups(name) => vec![name],
        Source::NameId => vec!["NameID"],
        Source::Constant(_) => Vec::new(),
        Source::Joined(parts) => parts.iter().flat_map(names).collect(),
    }
}

fn listed<T: ToString>(all: &[T], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
