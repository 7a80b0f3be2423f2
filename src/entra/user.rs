//! Who a person is in Entra, and how strongly that was shown.

use std::fmt;

use crate::entra::{ObjectId, TenantGuid, claims};
use crate::saml::Attributes;

/// The key to keep a person under: tenant and object ID.
///
/// Names and addresses change, are given to somebody else, or are chosen by another tenant; these two
/// are not. `Display` writes `tenant/object` in lower case, which is a fit key for a table.
///
/// The claims are the identity provider's word. Where customers bring their own, take the key from
/// [`EntraApp::user_key`](crate::entra::EntraApp::user_key), which compares the tenant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserKey {
    /// The tenant that the person signed in to.
    pub tenant: TenantGuid,
    /// The person in it.
    pub object: ObjectId,
}

impl UserKey {
    /// Reads the key from the claims `tenantid` and `objectidentifier`: `None` unless each has
    /// exactly one value, and that is a GUID.
    #[must_use]
    pub fn of(attributes: &Attributes) -> Option<Self> {
        let tenant = attributes.single(claims::TENANT_ID)?.parse().ok()?;
        let object = attributes.single(claims::OBJECT_ID)?.parse().ok()?;
        Some(Self { tenant, object })
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.object)
    }
}

/// Whether Entra says that the person used more than one factor, in this login or in the session it
/// belongs to.
#[must_use]
pub fn did_mfa(attributes: &Attributes) -> bool {
    attributes.values(claims::AUTHN_METHODS).any(|method| method == claims::MULTIPLE_AUTHN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::EntraApp;

    const TENANT: &str = "274D6CD3-0A1B-4C5D-8E9F-000000000001";
    const OBJECT: &str = "5d0f2c11-0a1b-4c5d-8e9f-000000000003";

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        let mut attributes = Attributes::default();
        for (name, value) in pairs {
            attributes.push(name, None, None);
            attributes.push_value(value);
        }
        attributes
    }

    #[test]
    fn a_key_is_the_same_in_any_case() {
        let person = attributes(&[(claims::TENANT_ID, TENANT), (claims::OBJECT_ID, OBJECT)]);
        let key = UserKey::of(&person).expect("a key");
        assert_eq!(key.to_string(), format!("{}/{OBJECT}", TENANT.to_lowercase()));
        assert_eq!(Ok(key.tenant), TENANT.parse());
    }

    #[test]
    fn half_a_key_or_two_keys_are_none() {
        let (tenant, object) = ((claims::TENANT_ID, TENANT), (claims::OBJECT_ID, OBJECT));
        for pairs in [
            &[tenant][..],
            &[object],
            &[tenant, object, object],
            &[tenant, (claims::OBJECT_ID, "alice")],
        ] {
            assert_eq!(UserKey::of(&attributes(pairs)), None);
        }
    }

    #[test]
    fn an_application_takes_no_person_of_another_tenant() {
        let person = attributes(&[(claims::TENANT_ID, TENANT), (claims::OBJECT_ID, OBJECT)]);
        let app = |tenant: &str| {
            EntraApp::new(tenant.parse().expect("a GUID"), OBJECT.parse().expect("a GUID"))
        };
        assert_eq!(app(TENANT).user_key(&person), UserKey::of(&person));
        assert_eq!(app(OBJECT).user_key(&person), None);
    }

    #[test]
    fn only_the_exact_value_means_more_than_one_factor() {
        let method =
            "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
        let one = (claims::AUTHN_METHODS, method);
        assert!(!did_mfa(&attributes(&[one])));
        assert!(!did_mfa(&attributes(&[("methods", claims::MULTIPLE_AUTHN)])));
        assert!(did_mfa(&attributes(&[one, (claims::AUTHN_METHODS, claims::MULTIPLE_AUTHN)])));
    }
}
