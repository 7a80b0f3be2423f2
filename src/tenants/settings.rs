//! What a product keeps of a connection in its database, and lets an administrator edit.

use std::time::Duration;

use crate::crypto::{Certificate, Fingerprint};
use crate::entra::EntraApp;
use crate::error::{Error, TenantError};
use crate::ids::{EmailDomain, EndpointUrl, EntityId, TenantId};
use crate::mapping::Mapping;
use crate::saml::{Binding, IdentityProvider, MetadataTrust, keys_of};
use crate::sp::LogoutStyle;
use crate::time::UnixTime;

/// One connection: a customer's identity provider, and how we deal with it.
///
/// With the feature `serde` it can be read from and written to a file or a column; what is left out has the default that
/// stands at the field. Every value was checked when it was read, so what cannot be used is refused there, by its name.
///
/// ```
/// use entra_sso::tenants::{ConnectionState, Settings, Trust};
///
/// let url = "https://login.microsoftonline.com/274d6cd3-0000-4000-8000-000000000001/federationmetadata/2007-06/\
///            federationmetadata.xml?appid=1f3b7a50-0000-4000-8000-000000000002";
/// let mut contoso = Settings::new("contoso".parse()?, Trust::MetadataUrl { url: url.parse()?, entity_id: None });
/// contoso.state = ConnectionState::Live;
/// # Ok::<(), entra_sso::InvalidId>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Settings {
    /// Your name for it. It stands in addresses and never changes.
    pub id: TenantId,
    /// Its name for people; the ID, if it is empty.
    #[cfg_attr(feature = "serde", serde(default))]
    pub name: String,
    /// Who may use it; at first, who has its direct link.
    #[cfg_attr(feature = "serde", serde(default))]
    pub state: ConnectionState,
    /// Why we believe the identity provider.
    pub trust: Trust,
    /// Domains of e-mail addresses whose people sign in here. Only domains that you have seen proof of, such as a TXT
    /// record: whoever holds a domain here is asked for everybody in it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub verified_domains: Vec<EmailDomain>,
    /// Shows its name on the page where people choose. Not by default: it tells everybody who your customers are.
    #[cfg_attr(feature = "serde", serde(default))]
    pub listed: bool,
    /// Our addresses for it: its own, or those of all who share them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub addresses: Addresses,
    /// Our name for it, if not the address of the metadata. Not for its administrators to choose where connections have
    /// names of your choice: what we sign goes in this name to wherever they say. What follows from the address of the
    /// metadata for another connection, or for all who share theirs, is refused.
    #[cfg_attr(feature = "serde", serde(default))]
    pub entity_id: Option<EntityId>,
    /// Other names under which assertions may be meant for us, at most 32.
    #[cfg_attr(feature = "serde", serde(default))]
    pub audiences: Vec<String>,
    /// What becomes of answers that nobody asked for.
    #[cfg_attr(feature = "serde", serde(default))]
    pub unsolicited: UnsolicitedPolicy,
    /// Other sites of ours that its logins may lead to, at most 32.
    #[cfg_attr(feature = "serde", serde(default))]
    pub return_origins: Vec<EndpointUrl>,
    /// How requests are sent; by Redirect where that can be.
    #[cfg_attr(feature = "serde", serde(default))]
    pub request_binding: Option<Binding>,
    /// Signs requests.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sign_requests: bool,
    /// What the metadata says about that, if it is not to say what is done.
    #[cfg_attr(feature = "serde", serde(default))]
    pub authn_requests_signed: Option<bool>,
    /// Has people authenticate anew at every login.
    #[cfg_attr(feature = "serde", serde(default))]
    pub force_authn: bool,
    /// How many seconds ago a person may have authenticated.
    #[cfg_attr(feature = "serde", serde(default))]
    pub max_authn_age: Option<u64>,
    /// How it does single logout, if its name does not tell: Entra ID is known by it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub logout_style: Option<LogoutStyle>,
    /// Takes only encrypted assertions.
    #[cfg_attr(feature = "serde", serde(default))]
    pub require_encryption: bool,
    /// Takes AES-CBC only in a signed response.
    #[cfg_attr(feature = "serde", serde(default))]
    pub refuse_unauthenticated_encryption: bool,
    /// What fills the fields of your own record; if nothing is said, what all connections share.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mapping: Option<Mapping>,
    /// See [`IdentityProvider::danger_allow_sha1`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub danger_allow_sha1: bool,
    /// See [`IdentityProvider::danger_allow_expired_certificates`].
    #[cfg_attr(feature = "serde", serde(default))]
    pub danger_allow_expired_certificates: bool,
}

/// Who may sign in by a connection.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ConnectionState {
    /// Nobody, not even who is in the middle of a login.
    Disabled,
    /// Who comes by its direct link, or from the identity provider: it is not offered, and no domain leads to it. What such a
    /// login may do is up to you: look at [`Connection::state`](crate::tenants::Connection::state).
    #[default]
    Test,
    /// Everybody.
    Live,
}

/// Why we believe an identity provider. Whichever is chosen, what it may say is held to the connection.
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Trust {
    /// An application in Entra ID: address of the metadata and issuer follow from it. Keeps itself current.
    Entra(EntraApp),
    /// Metadata at an address, by TLS. Keeps itself current.
    MetadataUrl {
        /// Where it is.
        url: EndpointUrl,
        /// Whose it is; if nothing is said, the only identity provider in the first document, and no other one from then on.
        #[cfg_attr(feature = "serde", serde(default))]
        entity_id: Option<EntityId>,
    },
    /// Metadata that an administrator uploaded. Somebody has to upload the next one before its certificates end: see
    /// [`Tenants::expiring`](crate::tenants::Tenants::expiring).
    MetadataXml {
        /// The document.
        xml: String,
        /// Whose it is, if it describes several.
        #[cfg_attr(feature = "serde", serde(default))]
        entity_id: Option<EntityId>,
    },
    /// What an administrator typed in: certificates, or SHA-256 fingerprints of certificates that the answers enclose.
    ByHand {
        /// The identity provider's name.
        entity_id: EntityId,
        /// Where people sign in.
        sso_url: EndpointUrl,
        /// Where people sign out; may be the same.
        #[cfg_attr(feature = "serde", serde(default))]
        slo_url: Option<EndpointUrl>,
        /// Certificates whose keys may sign.
        #[cfg_attr(feature = "serde", serde(default))]
        certificates: Vec<Certificate>,
        /// Fingerprints of certificates whose keys may sign. The SHA-1 thumbprint that the portal shows is none.
        #[cfg_attr(feature = "serde", serde(default))]
        fingerprints: Vec<Fingerprint>,
    },
}

/// Our addresses for a connection.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Addresses {
    /// `acs/{id}` and `metadata/{id}`. An answer for one connection is then addressed to no other, and several applications
    /// in one Entra tenant can be told apart.
    #[default]
    Own,
    /// `acs` and `metadata`, like all others that share them. Not where customers enter themselves whom they trust: the
    /// name and the certificate of somebody else's identity provider are public, so that another customer can enter them
    /// as well. Whoever follows that customer's login link is then signed in there, because all requests name the same
    /// address; logouts, and answers that nobody asked for, are refused as ambiguous. And what we sign for one of those
    /// who share goes in the name of all.
    Shared,
}

/// What becomes of answers that nobody asked for; see [`Unsolicited`](crate::sp::Unsolicited).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum UnsolicitedPolicy {
    /// They are refused.
    #[default]
    Refuse,
    /// They are thrown away, and a login of our own begins.
    Restart,
    /// They sign in, once.
    Accept,
}

impl Settings {
    /// A connection with a default for everything else.
    #[must_use]
    pub fn new(id: TenantId, trust: Trust) -> Self {
        Self {
            id,
            name: String::new(),
            state: ConnectionState::default(),
            trust,
            verified_domains: Vec::new(),
            listed: false,
            addresses: Addresses::default(),
            entity_id: None,
            audiences: Vec::new(),
            unsolicited: UnsolicitedPolicy::default(),
            return_origins: Vec::new(),
            request_binding: None,
            sign_requests: false,
            authn_requests_signed: None,
            force_authn: false,
            max_authn_age: None,
            logout_style: None,
            require_encryption: false,
            refuse_unauthenticated_encryption: false,
            mapping: None,
            danger_allow_sha1: false,
            danger_allow_expired_certificates: false,
        }
    }

    getters! {
        /// Its name for people.
        pub fn display_name(&self) -> &str { if self.name.is_empty() { self.id.as_ref() } else { &self.name } }
        pub(super) fn max_age(&self) -> Option<Duration> { self.max_authn_age.map(Duration::from_secs) }
    }

    pub(super) fn must_be_bounded(&self) -> Result<(), TenantError> {
        let lists = [
            ("audiences", self.audiences.len(), MAX_NAMES),
            ("return origins", self.return_origins.len(), MAX_NAMES),
            ("verified domains", self.verified_domains.len(), MAX_DOMAINS),
        ];
        match lists.into_iter().find(|(_, number, most)| number > most) {
            Some((what, number, most)) => Err(TenantError::TooMany(what, number, most)),
            None => Ok(()),
        }
    }
}

/// Each audience of a message, and there may be thousands, is compared with each of ours: room for a name of every
/// year.
const MAX_NAMES: usize = 32;

/// As many as a tenant of Entra ID can have (Microsoft: service limits, managed domain names).
const MAX_DOMAINS: usize = 5000;

impl Trust {
    /// Where its metadata is fetched, and whose it must be.
    pub(super) fn source(&self) -> Option<(EndpointUrl, Option<EntityId>)> {
        match self {
            Self::Entra(app) => Some((app.metadata_url(), Some(app.issuer()))),
            Self::MetadataUrl { url, entity_id } => Some((url.clone(), entity_id.clone())),
            Self::MetadataXml { .. } | Self::ByHand { .. } => None,
        }
    }

    /// The identity provider, where nothing has to be fetched for it.
    pub(super) fn fixed(&self, now: UnixTime) -> Result<Option<IdentityProvider>, Error> {
        let trust = MetadataTrust::ConfiguredByAdmin;
        let idp = match self {
            Self::Entra(_) | Self::MetadataUrl { .. } => return Ok(None),
            Self::MetadataXml { xml, entity_id: Some(entity) } => {
                IdentityProvider::from_metadata_for(entity, xml.as_bytes(), trust, now)?
            }
            Self::MetadataXml { xml, entity_id: None } => IdentityProvider::from_metadata(xml.as_bytes(), trust, now)?,
            Self::ByHand { entity_id, sso_url, slo_url, certificates, fingerprints } => {
                let keys = keys_of(certificates.clone(), fingerprints.clone(), entity_id)?;
                IdentityProvider::by_hand(entity_id.clone(), sso_url.clone(), slo_url.clone(), keys)
            }
        };
        Ok(Some(idp))
    }
}
