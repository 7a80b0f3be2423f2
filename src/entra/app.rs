//! Where an enterprise application is, and what its portal page wants to know from us.

use std::fmt;
use std::str::FromStr;

use crate::entra::{ApplicationId, TenantGuid, UserKey};
use crate::ids::{EndpointUrl, EntityId, InvalidId};
use crate::saml::Attributes;

/// Which Microsoft cloud a tenant is in. The German cloud was closed in October 2021.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
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
    /// The host that people sign in at and that publishes metadata.
    #[must_use]
    pub const fn login_host(self) -> &'static str {
        match self {
            Self::Global => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }

    /// The host in the `Issuer` of SAML messages. Nothing is fetched from it.
    #[must_use]
    pub const fn issuer_host(self) -> &'static str {
        match self {
            Self::Global | Self::UsGovernment => "sts.windows.net",
            Self::China => "sts.chinacloudapi.cn",
        }
    }
}

/// An enterprise application in one tenant: the two GUIDs from which all addresses follow.
///
/// A signing certificate belongs to one application in one tenant, so this pair is also what names a
/// connection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[must_use]
pub struct EntraApp {
    cloud: Cloud,
    tenant: TenantGuid,
    application: ApplicationId,
}

impl EntraApp {
    /// An application in the public cloud.
    pub fn new(tenant: TenantGuid, application: ApplicationId) -> Self {
        Self { cloud: Cloud::default(), tenant, application }
    }

    /// The same application in another cloud.
    pub fn in_cloud(self, cloud: Cloud) -> Self {
        Self { cloud, ..self }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantGuid {
        &self.tenant
    }

    /// The application.
    #[must_use]
    pub fn application(&self) -> &ApplicationId {
        &self.application
    }

    /// *App Federation Metadata Url* of the portal.
    ///
    /// Without `appid` Entra answers with keys that all tenants share, and the application's own key
    /// is not among them.
    #[must_use]
    pub fn metadata_url(&self) -> EndpointUrl {
        let path = "federationmetadata/2007-06/federationmetadata.xml";
        self.at_login_host(&format!("{path}?appid={}", self.application))
    }

    /// *Login URL* and *Logout URL* of the portal: both are the same.
    #[must_use]
    pub fn sso_url(&self) -> EndpointUrl {
        self.at_login_host("saml2")
    }

    /// *Microsoft Entra Identifier* of the portal: the `Issuer` of responses and assertions.
    ///
    /// It ends with a slash. If *Append application ID to issuer* is set under *Attributes & Claims*,
    /// Entra writes another one, and that must be pinned instead.
    #[must_use]
    pub fn issuer(&self) -> EntityId {
        let issuer = format!("https://{}/{}/", self.cloud.issuer_host(), self.tenant);
        made_of_constants_and_guids(&issuer)
    }

    /// Who signed in, if the claims name a person of this tenant.
    ///
    /// Any identity provider can write the claims that a [`UserKey`] is read from. If a customer of
    /// yours may bring his own, this is what keeps him from naming a person of another tenant.
    #[must_use]
    pub fn user_key(&self, attributes: &Attributes) -> Option<UserKey> {
        UserKey::of(attributes).filter(|key| key.tenant == self.tenant)
    }

    fn at_login_host(&self, path: &str) -> EndpointUrl {
        let url = format!("https://{}/{}/{path}", self.cloud.login_host(), self.tenant);
        made_of_constants_and_guids(&url)
    }
}

/// Our hosts and paths and a GUID make an `https` URL that is short and ASCII, so this cannot fail.
fn made_of_constants_and_guids<T: FromStr<Err = InvalidId>>(url: &str) -> T {
    url.parse().expect("constants and GUIDs make a URL")
}

/// What the Entra admin center asks for, under the labels that it uses.
///
/// `Display` writes one `label: value` a line. Optional fields that were not given are left out, and
/// should stay empty in the portal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PortalValues {
    rows: Vec<(&'static str, Box<str>)>,
}

impl PortalValues {
    /// Where to paste them, as a path of menu names.
    pub const PLACE: &'static str = "Enterprise applications › your application › Single sign-on › \
                                     Basic SAML Configuration";

    /// Labels and values, in the order of the portal.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'static str, &str)> {
        self.rows.iter().map(|(label, value)| (*label, &**value))
    }
}

impl fmt::Display for PortalValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(label, value)| writeln!(f, "{label}: {value}"))
    }
}

/// The values to paste into *Basic SAML Configuration*.
///
/// With a sign-on URL, a click in My Apps begins at our login and is answered like any other; without
/// one Entra sends a response that nobody asked for, which is refused by default.
#[must_use]
pub fn portal_values(
    entity_id: &EntityId,
    acs: &EndpointUrl,
    sign_on_url: Option<&EndpointUrl>,
    logout: Option<&EndpointUrl>,
) -> PortalValues {
    let rows = [
        ("Identifier (Entity ID)", Some(entity_id.as_ref())),
        ("Reply URL (Assertion Consumer Service URL)", Some(acs.as_ref())),
        ("Sign on URL", sign_on_url.map(AsRef::as_ref)),
        ("Logout Url", logout.map(AsRef::as_ref)),
    ];
    let given = rows.into_iter().filter_map(|(label, value)| Some((label, value?.into())));
    PortalValues { rows: given.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "274d6cd3-0a1b-4c5d-8e9f-000000000001";

    fn app() -> EntraApp {
        let application = "1F3B7A50-0A1B-4C5D-8E9F-000000000002";
        EntraApp::new(TENANT.parse().expect("a GUID"), application.parse().expect("a GUID"))
    }

    #[test]
    fn the_addresses_follow_from_two_guids() {
        assert_eq!(
            app().metadata_url().as_ref(),
            format!(
                "https://login.microsoftonline.com/{TENANT}/federationmetadata/2007-06/\
                 federationmetadata.xml?appid=1f3b7a50-0a1b-4c5d-8e9f-000000000002"
            )
        );
        assert_eq!(app().issuer().as_ref(), format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(
            app().sso_url().as_ref(),
            format!("https://login.microsoftonline.com/{TENANT}/saml2")
        );
    }

    #[test]
    fn the_government_cloud_has_its_own_login_but_not_its_own_issuer() {
        let app = app().in_cloud(Cloud::UsGovernment);
        assert_eq!(app.issuer().as_ref(), format!("https://sts.windows.net/{TENANT}/"));
        assert!(app.sso_url().as_ref().starts_with("https://login.microsoftonline.us/"));
    }

    #[test]
    fn the_cloud_in_china_has_both() {
        let app = app().in_cloud(Cloud::China);
        assert_eq!(app.issuer().as_ref(), format!("https://sts.chinacloudapi.cn/{TENANT}/"));
        assert!(
            app.metadata_url().as_ref().starts_with("https://login.partner.microsoftonline.cn/")
        );
    }

    #[test]
    fn portal_values_are_lines_to_paste() {
        let entity_id = "https://app.example/saml/metadata".parse().expect("an entity ID");
        let acs = "https://app.example/saml/acs".parse().expect("a URL");
        let login = "https://app.example/saml/login".parse().expect("a URL");
        assert_eq!(
            portal_values(&entity_id, &acs, Some(&login), None).to_string(),
            "Identifier (Entity ID): https://app.example/saml/metadata\n\
             Reply URL (Assertion Consumer Service URL): https://app.example/saml/acs\n\
             Sign on URL: https://app.example/saml/login\n"
        );
    }
}
