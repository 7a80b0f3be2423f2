//! Rules for identity providers that are met often.

use crate::entra::claims;
use crate::mapping::{Rule, Source};

/// Rules to begin with: `username`, which must be there, and `email`, `first_name`, `last_name` and `display_name`,
/// which may be. Groups and roles are left to you, since they mean something to your program only. No field is a key to
/// find a person by, but for the two that only Entra has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Preset {
    /// Microsoft Entra ID. `tenant_id` and `object_id` must be there as well, and together they are the key. `email`
    /// falls back to the user principal name, which takes no mail if it holds `#EXT#`.
    Entra,
    /// Active Directory Federation Services, with the claim types of its rule templates. `username` is the user
    /// principal name, or else the `NameID`, which is often transient there.
    Adfs,
    /// Okta, with names that are usual: an administrator types them in.
    Okta,
    /// Google Workspace, likewise. The `NameID` is the primary address unless an administrator chose otherwise, so
    /// `email` falls back to it.
    Google,
    /// A university's identity provider: eduPerson in the X.500/LDAP attribute profile (SAML Profiles 8.2), with names
    /// of the form `urn:oid:`, or else friendly names.
    EduPerson,
}

impl Preset {
    pub(super) fn rules(self) -> Vec<Rule> {
        use Source::NameId;
        use claims::{DISPLAY_NAME, EMAIL, GIVEN_NAME, NAME, OBJECT_ID, SURNAME, TENANT_ID, UPN};
        #[rustfmt::skip]
        let [username, email, first, last, mut display] = match self {
            Self::Entra => [vec![NameId], names(&[EMAIL, UPN, NAME]), names(&[GIVEN_NAME]), names(&[SURNAME]), names(&[DISPLAY_NAME])],
            Self::Adfs => [[names(&[UPN]), vec![NameId]].concat(), names(&[EMAIL]), names(&[GIVEN_NAME]), names(&[SURNAME]), names(&[NAME])],
            Self::Okta => [vec![NameId], names(&["email"]), names(&["firstName"]), names(&["lastName"]), names(&["displayName"])],
            Self::Google => [vec![NameId], [names(&["email"]), vec![NameId]].concat(), names(&["firstName"]), names(&["lastName"]), names(&["displayName"])],
            Self::EduPerson => [
                [ldap("1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName"), ldap("0.9.2342.19200300.100.1.1", "uid")].concat(),
                ldap("0.9.2342.19200300.100.1.3", "mail"),
                ldap("2.5.4.42", "givenName"),
                ldap("2.5.4.4", "sn"),
                ldap("2.16.840.1.113730.3.1.241", "displayName"),
            ],
        };
        // The display name falls back to the first and the last name.
        display.extend(
            first.iter().zip(&last).map(|(first, last)| {
                Source::Joined(vec![first.clone(), Source::Constant(" ".to_owned()), last.clone()])
            }),
        );
        let rule = |field: &str, from| Rule { field: field.to_owned(), from, ..Rule::default() };
        let optional = |field, from| Rule { optional: true, trim: true, ..rule(field, from) };
        let key = |field, name| Rule { lower_case: true, ..rule(field, names(&[name])) };
        let mut rules = vec![
            rule("username", username),
            optional("email", email),
            optional("first_name", first),
            optional("last_name", last),
            optional("display_name", display),
        ];
        if self == Self::Entra {
            rules.extend([key("tenant_id", TENANT_ID), key("object_id", OBJECT_ID)]);
        }
        rules
    }
}

fn names(names: &[&str]) -> Vec<Source> {
    names.iter().map(|name| Source::Name((*name).to_owned())).collect()
}

fn ldap(oid: &str, friendly_name: &str) -> Vec<Source> {
    vec![Source::Name(format!("urn:oid:{oid}")), Source::FriendlyName(friendly_name.to_owned())]
}
