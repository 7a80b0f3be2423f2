//! Who a person is in Entra, how strongly that was shown, and which groups the person is in.

use std::fmt;

use crate::entra::{ObjectId, TenantGuid, claims};
use crate::saml::Attributes;

/// The key to keep a person under: tenant and object ID.
///
/// Names and addresses change, are given to somebody else, or are chosen by another tenant; these two are not.
/// `Display` writes `tenant/object` in lower case, which is a fit key for a table.
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
    /// Reads the key from the claims `tenantid` and `objectidentifier`: `None` unless each has exactly one value, and
    /// that is a GUID.
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

/// Whether Entra says that more than one factor was used, in this login or in the session that it belongs to.
#[must_use]
pub fn did_mfa(attributes: &Attributes) -> bool {
    attributes.values(claims::AUTHN_METHODS).any(|method| method == claims::MULTIPLE_AUTHN)
}

/// The groups of a person, as far as the assertion tells.
///
/// Three cases, because two of them look the same to a reader of the `groups` claim alone: somebody who is in 151
/// groups must not be taken for somebody who is in none.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Groups<'a> {
    /// All groups. GUIDs unless the administrator chose names; take names as opaque.
    Present(Vec<&'a str>),
    /// There are more groups than Entra puts into an assertion (150), and none is listed.
    Overage {
        /// Where Microsoft Graph lists them (`POST`, with a token of yours). `None` if Entra sent no address, or one of
        /// another form: it is never passed on, because a token goes there.
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

/// Entra still writes `graph.windows.net`, which was retired. Only the object ID is taken over.
fn graph_link(link: &str) -> Option<String> {
    let hosts = ["https://graph.windows.net/", "https://graph.microsoft.com/"];
    let path = hosts.iter().find_map(|host| link.strip_prefix(host))?;
    let (_, person) = path.split_once("/users/")?;
    let object: ObjectId = person.strip_suffix("/getMemberObjects")?.parse().ok()?;
    Some(format!("https://graph.microsoft.com/v1.0/users/{object}/getMemberObjects"))
}
