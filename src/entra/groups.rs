//! Groups, and what Entra sends when there are too many.

use std::fmt;

use crate::entra::{ObjectId, claims};
use crate::saml::Attributes;

/// The groups of a person, as far as the assertion tells.
///
/// Three cases, because two of them look the same to a reader of the `groups` claim alone: somebody
/// who is in 151 groups must not be taken for somebody who is in none.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Groups<'a> {
    /// All groups. GUIDs unless the administrator chose names; take names as opaque.
    Present(Vec<&'a str>),
    /// There are more groups than Entra puts into an assertion (150), and none is listed.
    Overage {
        /// Where Microsoft Graph lists them (`POST`, with a token of yours). `None` if Entra sent
        /// no address, or one of another form: it is never passed on, because a token goes there.
        link: Option<String>,
    },
    /// Nothing was said about groups. Either there are none, or the claim is not configured.
    Absent,
}

impl<'a> Groups<'a> {
    /// Reads the `groups` claim under its usual name.
    #[must_use]
    pub fn of(attributes: &'a Attributes) -> Self {
        Self::named(attributes, claims::GROUPS)
    }

    /// Reads the groups from a claim that the administrator renamed, or from [`claims::ROLE`].
    #[must_use]
    pub fn named(attributes: &'a Attributes, name: &str) -> Self {
        if attributes.contains(claims::GROUPS_LINK) {
            let link = attributes.single(claims::GROUPS_LINK).and_then(graph_link);
            return Self::Overage { link };
        }
        match attributes.contains(name) {
            true => Self::Present(attributes.values(name).collect()),
            false => Self::Absent,
        }
    }
}

/// Prints the case and the count: membership tells about a person.
impl fmt::Debug for Groups<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(groups) => write!(f, "Present({})", groups.len()),
            Self::Overage { .. } => f.write_str("Overage"),
            Self::Absent => f.write_str("Absent"),
        }
    }
}

/// Entra still writes `graph.windows.net`, which was retired. Of the address only the object ID is
/// taken over.
fn graph_link(link: &str) -> Option<String> {
    let hosts = ["https://graph.windows.net/", "https://graph.microsoft.com/"];
    let path = hosts.iter().find_map(|host| link.strip_prefix(host))?;
    let (_, person) = path.split_once("/users/")?;
    let object: ObjectId = person.strip_suffix("/getMemberObjects")?.parse().ok()?;
    Some(format!("https://graph.microsoft.com/v1.0/users/{object}/getMemberObjects"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000003";

    fn attributes(pairs: &[(&str, &[&str])]) -> Attributes {
        let mut attributes = Attributes::default();
        for (name, values) in pairs {
            attributes.push(name, None, None);
            values.iter().for_each(|value| attributes.push_value(value));
        }
        attributes
    }

    #[test]
    fn groups_that_came_are_all_there_are() {
        let few = attributes(&[(claims::GROUPS, &["a", "b"]), ("Group", &["c"])]);
        assert_eq!(Groups::of(&few), Groups::Present(vec!["a", "b"]));
        assert_eq!(Groups::named(&few, "Group"), Groups::Present(vec!["c"]));
        assert_eq!(Groups::named(&few, "group"), Groups::Absent);
        assert_eq!(format!("{:?}", Groups::of(&few)), "Present(2)");
    }

    #[test]
    fn a_link_is_an_overage_and_leads_to_the_graph_of_today() {
        let old = format!("https://graph.windows.net/274d6cd3/users/{OID}/getMemberObjects");
        let many = attributes(&[(claims::GROUPS_LINK, &[&old])]);
        let link = Some(format!("https://graph.microsoft.com/v1.0/users/{OID}/getMemberObjects"));
        assert_eq!(Groups::of(&many), Groups::Overage { link: link.clone() });
        assert_eq!(Groups::named(&many, claims::ROLE), Groups::Overage { link });
    }

    #[test]
    fn a_link_to_elsewhere_is_an_overage_without_a_link() {
        for values in [
            &[][..],
            &["https://evil.example/x/users/5d0f2c11-0a1b-4c5d-8e9f-000000000003/getMemberObjects"],
            &["https://graph.windows.net/t/users/../../x/getMemberObjects"],
            &["https://graph.windows.net.evil.example/t/users/x/getMemberObjects"],
            &["a", "b"],
        ] {
            let many = attributes(&[(claims::GROUPS, &["a"]), (claims::GROUPS_LINK, values)]);
            assert_eq!(Groups::of(&many), Groups::Overage { link: None }, "{values:?}");
        }
    }
}
