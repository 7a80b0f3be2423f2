//! Rules for identity providers that are met often.

use crate::entra::claims::{
    DISPLAY_NAME, EMAIL, GIVEN_NAME, NAME, OBJECT_ID, SURNAME, TENANT_ID, UPN,
};
use crate::mapping::{Rule, Source};

/// Rules to begin with: `username`, which must be there, and `email`, `first_name`, `last_name` and
/// `display_name`, which may be.
///
/// Groups and roles are left to you, since they mean something to your program only. None of these
/// fields is a key to find a person by, but for the two that only Entra has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Preset {
    /// Microsoft Entra ID. `tenant_id` and `object_id` must be there as well, and together they are
    /// the key. `email` falls back to the user principal name, which takes no mail if it holds `#EXT#`.
    Entra,
    /// Active Directory Federation Services, with the claim types of its rule templates. `username` is
    /// the user principal name, or else the `NameID`, which is often transient there.
    Adfs,
    /// Okta, with names that are usual: an administrator types them in.
    Okta,
    /// Google Workspace, likewise. The `NameID` is the primary address unless an administrator chose
    /// otherwise, so `email` falls back to it.
    Google,
    /// A university's identity provider: eduPerson in the X.500/LDAP attribute profile (SAML Profiles
    /// 8.2), with names of the form `urn:oid:`, or else friendly names.
    EduPerson,
}

impl Preset {
    pub(super) fn rules(self) -> Vec<Rule> {
        match self {
            Self::Entra => entra(),
            Self::Adfs => {
                let username = [Source::name(UPN), Source::NameId];
                person(
                    username,
                    names([EMAIL]),
                    names([GIVEN_NAME]),
                    names([SURNAME]),
                    names([NAME]),
                )
            }
            Self::Okta => typed_in(names(["email"])),
            Self::Google => typed_in([Source::name("email"), Source::NameId]),
            Self::EduPerson => edu_person(),
        }
    }
}

fn entra() -> Vec<Rule> {
    let email = names([EMAIL, UPN, NAME]);
    let (first_name, last_name) = (names([GIVEN_NAME]), names([SURNAME]));
    let mut rules = person([Source::NameId], email, first_name, last_name, names([DISPLAY_NAME]));
    let key = [("tenant_id", TENANT_ID), ("object_id", OBJECT_ID)];
    rules.extend(key.map(|(field, name)| Rule::new(field, names([name])).lower_case()));
    rules
}

fn typed_in(email: impl IntoIterator<Item = Source>) -> Vec<Rule> {
    let (first_name, last_name) = (names(["firstName"]), names(["lastName"]));
    person([Source::NameId], email, first_name, last_name, names(["displayName"]))
}

fn edu_person() -> Vec<Rule> {
    let ldap = |oid: &str, friendly: &str| {
        [Source::Name(format!("urn:oid:{oid}")), Source::FriendlyName(friendly.to_owned())]
    };
    let principal = ldap("1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName");
    person(
        principal.into_iter().chain(ldap("0.9.2342.19200300.100.1.1", "uid")),
        ldap("0.9.2342.19200300.100.1.3", "mail"),
        ldap("2.5.4.42", "givenName"),
        ldap("2.5.4.4", "sn"),
        ldap("2.16.840.1.113730.3.1.241", "displayName"),
    )
}

/// The display name falls back to the first and the last name.
fn person(
    username: impl IntoIterator<Item = Source>,
    email: impl IntoIterator<Item = Source>,
    first_name: impl IntoIterator<Item = Source> + Clone,
    last_name: impl IntoIterator<Item = Source> + Clone,
    display_name: impl IntoIterator<Item = Source>,
) -> Vec<Rule> {
    let parts = first_name.clone().into_iter().zip(last_name.clone());
    let full_name = parts.map(|(first, last)| {
        Source::template("{first} {last}", [("first", first), ("last", last)])
    });
    let full_name: Vec<_> = full_name.collect();
    vec![
        Rule::new("username", username),
        Rule::new("email", email).optional().trim(),
        Rule::new("first_name", first_name).optional().trim(),
        Rule::new("last_name", last_name).optional().trim(),
        Rule::new("display_name", display_name.into_iter().chain(full_name)).optional().trim(),
    ]
}

fn names<const N: usize>(names: [&str; N]) -> [Source; N] {
    names.map(Source::name)
}
