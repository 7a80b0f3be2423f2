//! Where an enterprise application is, and what its portal page wants to know from us.

use crate::entra::{ApplicationId, TenantGuid, UserKey};
use crate::ids::{EndpointUrl, EntityId};
use crate::saml::Attributes;

/// Which Microsoft cloud a tenant is in. The German cloud was closed in October 2021.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Cloud {
    /// The public cloud, `login.microsoftonline.com`.
    #[default]
    Global,
    /// The cloud of the United States government. Its tokens name the issuer of the public cloud.
    UsGovernment,
    /// The cloud in China, run by 21Vianet, with an issuer of its own.
    China,
}

impl Cloud {
    /// The cloud whose tenant gives this name as the issuer of SAML messages; `None` for anybody else.
    #[must_use]
    pub fn of_issuer(issuer: &EntityId) -> Option<Self> {
        [Self::Global, Self::China].into_iter().find(|cloud| {
            let rest = issuer.as_ref().strip_prefix("https://").and_then(|rest| rest.strip_prefix(cloud.hosts().1));
            let tenant = rest.and_then(|rest| rest.strip_prefix('/')?.split('/').next());
            tenant.is_some_and(|tenant| tenant.parse::<TenantGuid>().is_ok())
        })
    }

    /// The host that people sign in at and that publishes metadata, and the host in the `Issuer` of SAML messages, from
    /// which nothing is fetched.
    const fn hosts(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("login.microsoftonline.com", "sts.windows.net"),
            Self::UsGovernment => ("login.microsoftonline.us", "sts.windows.net"),
            Self::China => ("login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
        }
    }
}

/// An enterprise application in one tenant: the two GUIDs from which all addresses follow. They also name a connection,
/// because a signing certificate belongs to one application in one tenant.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(deny_unknown_fields))]
pub struct EntraApp {
    /// The cloud that the tenant is in.
    #[cfg_attr(feature = "serde", serde(default))]
    pub cloud: Cloud,
    /// The tenant.
    pub tenant: TenantGuid,
    /// The application.
    pub application: ApplicationId,
}

impl EntraApp {
    /// An application in the public cloud.
    #[must_use]
    pub fn new(tenant: TenantGuid, application: ApplicationId) -> Self {
        Self { cloud: Cloud::default(), tenant, application }
    }

    /// *App Federation Metadata Url* of the portal. Without `appid` Entra answers with keys that all tenants share, and
    /// the application's own key is not among them.
    #[must_use]
    pub fn metadata_url(&self) -> EndpointUrl {
        let path = "federationmetadata/2007-06/federationmetadata.xml";
        self.at(self.cloud.hosts().0, &format!("{path}?appid={}", self.application))
    }

    getters! {
        /// *Login URL* and *Logout URL* of the portal: both are the same.
        pub fn sso_url(&self) -> EndpointUrl { self.at(self.cloud.hosts().0, "saml2") }
        /// *Microsoft Entra Identifier* of the portal: the `Issuer` of responses and assertions.
        ///
        /// It ends with a slash. If *Append application ID to issuer* is set under *Attributes & Claims*, Entra writes
        /// another one, and that must be pinned instead.
        pub fn issuer(&self) -> EntityId { EntityId::from_url(&self.at(self.cloud.hosts().1, "")) }
    }

    /// Who signed in, if the claims name a person of this tenant. Any identity provider can write the claims of a
    /// [`UserKey`]: if a customer of yours may bring his own, this is what keeps him from naming a person of another
    /// tenant.
    #[must_use]
    pub fn user_key(&self, attributes: &Attributes) -> Option<UserKey> {
        UserKey::of(attributes).filter(|key| key.tenant == self.tenant)
    }

    /// Our hosts and paths and a GUID make an `https` URL that is short and ASCII.
    fn at(&self, host: &str, path: &str) -> EndpointUrl {
        EndpointUrl::fixed(format!("https://{host}/{}/{path}", self.tenant))
    }
}

/// Where to paste the [`portal_values`], as a path of menu names in the Entra admin center.
pub const PORTAL_PLACE: &str = "Enterprise applications › your application › Single sign-on › Basic SAML Configuration";

/// What the portal asks for, in its order and under its labels; what is not given should stay empty.
///
/// With a sign-on URL, a click in My Apps begins at our login and is answered like any other; without one Entra sends a
/// response that nobody asked for, which is refused by default.
#[must_use]
pub fn portal_values(
    entity_id: &EntityId, acs: &EndpointUrl, sign_on_url: Option<&EndpointUrl>, logout: Option<&EndpointUrl>,
) -> Vec<(&'static str, String)> {
    let rows = [
        ("Identifier (Entity ID)", Some(entity_id.to_string())),
        ("Reply URL (Assertion Consumer Service URL)", Some(acs.to_string())),
        ("Sign on URL", sign_on_url.map(ToString::to_string)),
        ("Logout Url", logout.map(ToString::to_string)),
    ];
    rows.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}
