//! What we must know of an identity provider before we believe it (SAML Metadata 2.4.3).

use super::{HTTP_POST, HTTP_REDIRECT, MD, SAMLP};
use crate::crypto::{Certificate, CertificateError};
use crate::dsig::{DS, DsigError, Leniency, Policy, TrustedKeys, verify};
use crate::encoding::{Quoted, trim_xml};
use crate::ids::{EndpointUrl, EntityId, InvalidId};
use crate::time::UnixTime;
use crate::xml::{Document, Element, Limits, XmlError};

/// How a message is carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Binding {
    /// In the query of a URL (SAML Bindings 3.4).
    Redirect,
    /// In a form (SAML Bindings 3.5).
    Post,
}

impl Binding {
    fn from_uri(uri: &str) -> Option<Self> {
        match uri {
            HTTP_REDIRECT => Some(Self::Redirect),
            HTTP_POST => Some(Self::Post),
            _ => None,
        }
    }
}

/// An identity provider whose keys we trust: at least one key, and at least one place to ask.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    entity_id: EntityId,
    sso: Vec<(Binding, EndpointUrl)>,
    keys: TrustedKeys,
    wants_requests_signed: bool,
    leniency: Leniency,
}

/// Why the caller believes these bytes of metadata. There is no default.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MetadataTrust<'a> {
    /// An administrator put the file there.
    ConfiguredByAdmin,
    /// The caller fetched it over TLS, with the certificate checked, from this URL. For Entra that
    /// is the trust there is: the key of the signature inside stands inside as well.
    FetchedOverTls(&'a EndpointUrl),
    /// It has a signature by this certificate.
    SignedBy(&'a Certificate),
}

/// Why the metadata was not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Not XML as we read it.
    #[error("the metadata cannot be read: {0}")]
    Xml(#[from] XmlError),
    /// Another document than metadata: a login page, for example.
    #[error("the document is {found}, not metadata of SAML 2.0")]
    NotMetadata {
        /// The name of the document element.
        found: Quoted,
    },
    /// The entity that was asked for is not in it.
    #[error("the metadata describes {found}, not {expected}")]
    OtherEntity {
        /// Who is described; the first few.
        found: String,
        /// Who was wanted.
        expected: Quoted,
    },
    /// Several identity providers are in it, and nobody said which.
    #[error("the metadata describes {found} identity providers; say which one by its entity ID")]
    SeveralEntities {
        /// How many.
        found: usize,
    },
    /// The entity is no identity provider of SAML 2.0.
    #[error("the metadata of {entity} has no IDPSSODescriptor for SAML 2.0")]
    NotAnIdentityProvider {
        /// The entity.
        entity: Quoted,
    },
    /// No key for signing is named.
    #[error("the metadata of {entity} names no key for signing")]
    NoSigningKey {
        /// The entity.
        entity: Quoted,
    },
    /// Keys for signing are named, but none can be used.
    #[error("no signing key in the metadata of {entity} can be used ({count} tried): {first}")]
    NoUsableKey {
        /// The entity.
        entity: Quoted,
        /// How many.
        count: usize,
        /// What is wrong with the first one.
        first: CertificateError,
    },
    /// There is no place to send a person to.
    #[error("the metadata of {entity} has no SingleSignOnService with HTTP-Redirect or HTTP-POST")]
    NoSsoEndpoint {
        /// The entity.
        entity: Quoted,
    },
    /// A name or URL in it is none.
    #[error("the metadata holds a value that cannot be used: {0}")]
    InvalidValue(#[from] InvalidId),
    /// Its time is over.
    #[error("the metadata was valid until {valid_until}; it is {now}")]
    Expired {
        /// Its end.
        valid_until: UnixTime,
        /// When it was read.
        now: UnixTime,
    },
    /// Its signature is not by the certificate that was named.
    #[error("the metadata is not signed by the certificate that was named: {0}")]
    Signature(#[from] DsigError),
}

impl MetadataError {
    /// A name that stays the same from release to release.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Xml(error) => error.code(),
            Self::NotMetadata { .. } => "saml.metadata_unexpected_document",
            Self::OtherEntity { .. } => "saml.metadata_other_entity",
            Self::SeveralEntities { .. } => "saml.metadata_several_entities",
            Self::NotAnIdentityProvider { .. } => "saml.metadata_not_an_idp",
            Self::NoSigningKey { .. } => "saml.metadata_no_signing_key",
            Self::NoUsableKey { .. } => "saml.metadata_no_usable_key",
            Self::NoSsoEndpoint { .. } => "saml.metadata_no_sso_endpoint",
            Self::InvalidValue(_) => "saml.metadata_invalid_value",
            Self::Expired { .. } => "saml.metadata_expired",
            Self::Signature(_) => "saml.metadata_signature",
        }
    }
}

/// More than any identity provider publishes; Entra has three at most.
const MAX_KEYS: usize = 32;

/// Canonical metadata can be longer than what was read.
const OCTETS: Limits = Limits { bytes: 4 * Limits::METADATA.bytes, ..Limits::METADATA };

impl IdentityProvider {
    /// One key and one endpoint (by HTTP-Redirect), set by hand.
    #[must_use]
    pub fn pinned(entity_id: EntityId, sso: EndpointUrl, key: Certificate) -> Self {
        Self {
            entity_id,
            sso: vec![(Binding::Redirect, sso)],
            // One certificate was given, so there is one.
            keys: TrustedKeys::one(key),
            wants_requests_signed: false,
            leniency: Leniency::default(),
        }
    }

    /// Reads the metadata of an identity provider, the only one in the document.
    ///
    /// # Errors
    /// When the document is not such metadata, has expired, is not signed as `trust` says, or names
    /// no usable key for signing or no endpoint for single sign-on.
    pub fn from_metadata(
        xml: &[u8],
        trust: MetadataTrust<'_>,
        now: UnixTime,
    ) -> Result<Self, MetadataError> {
        Self::read(xml, None, trust, now, Scheme::HttpsOnly)
    }

    /// Reads the metadata of one identity provider out of a document that may describe many.
    ///
    /// # Errors
    /// As [`from_metadata`](Self::from_metadata), and when `entity` is not described.
    pub fn from_metadata_for(
        entity: &EntityId,
        xml: &[u8],
        trust: MetadataTrust<'_>,
        now: UnixTime,
    ) -> Result<Self, MetadataError> {
        Self::read(xml, Some(entity), trust, now, Scheme::HttpsOnly)
    }

    pub(crate) fn read(
        xml: &[u8],
        wanted: Option<&EntityId>,
        trust: MetadataTrust<'_>,
        now: UnixTime,
        scheme: Scheme,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(xml, &Limits::METADATA)?;
        let MetadataTrust::SignedBy(certificate) = trust else {
            return Self::from_root(document.root(), wanted, now, scheme);
        };
        let policy = Policy { now, skew: std::time::Duration::ZERO, leniency: Leniency::default() };
        let signed = verify(document.root(), &TrustedKeys::one(certificate.clone()), &policy)?;
        let document = Document::parse_str(signed.octets(), &OCTETS)?;
        Self::from_root(document.root(), wanted, now, scheme)
    }

    fn from_root(
        root: Element<'_>,
        wanted: Option<&EntityId>,
        now: UnixTime,
        scheme: Scheme,
    ) -> Result<Self, MetadataError> {
        let entity = find_entity(root, wanted)?;
        // SAML Metadata 2.3.1: the earliest validUntil on the way down holds.
        let mut outer = Some(entity);
        while let Some(element) = outer {
            must_be_current(element, now)?;
            outer = element.parent();
        }
        let entity_id: EntityId = entity.required("entityID")?.parse()?;
        let name = || Quoted::new(entity_id.as_ref());
        let roles: Vec<Element<'_>> = entity.elements().filter(|role| is_idp_role(*role)).collect();
        if roles.is_empty() {
            return Err(MetadataError::NotAnIdentityProvider { entity: name() });
        }
        for role in &roles {
            must_be_current(*role, now)?;
        }
        let keys = signing_keys(&roles, name())?;
        let mut sso = Vec::new();
        for service in roles.iter().flat_map(|role| role.elements()) {
            if let Some(binding) = sso_binding(service)? {
                sso.push((binding, scheme.parse(trim_xml(service.required("Location")?))?));
            }
        }
        if sso.is_empty() {
            return Err(MetadataError::NoSsoEndpoint { entity: name() });
        }
        let wants = roles.iter().filter_map(|role| role.attribute("WantAuthnRequestsSigned"));
        let wants_requests_signed =
            wants.into_iter().any(|text| matches!(trim_xml(text), "true" | "1"));
        Ok(Self { entity_id, sso, keys, wants_requests_signed, leniency: Leniency::default() })
    }

    /// Accepts SHA-1 in signatures and digests of this identity provider. Collisions of SHA-1 are
    /// practical: use it only until its administrator has chosen SHA-256 (for Entra: *Single sign-on ›
    /// SAML Certificates › Signing Algorithm*).
    #[must_use]
    pub fn danger_allow_sha1(mut self) -> Self {
        self.leniency.sha1 = true;
        self
    }

    /// Accepts signatures by keys whose certificate is outside its dates. Entra goes on signing with
    /// an expired certificate until an administrator makes another one active.
    #[must_use]
    pub fn danger_allow_expired_certificates(mut self) -> Self {
        self.leniency.expired_certificates = true;
        self
    }

    /// Its name: the issuer that its assertions must name.
    #[must_use]
    pub fn entity_id(&self) -> &EntityId {
        &self.entity_id
    }

    /// Where to send a person by this binding.
    #[must_use]
    pub fn sso_url(&self, binding: Binding) -> Option<&EndpointUrl> {
        self.sso.iter().find(|(known, _)| *known == binding).map(|(_, url)| url)
    }

    /// The certificates whose keys are trusted, in no particular order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.keys.certificates()
    }

    /// Whether it says that it takes signed requests only.
    #[must_use]
    pub fn wants_requests_signed(&self) -> bool {
        self.wants_requests_signed
    }

    pub(crate) fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    pub(crate) fn leniency(&self) -> Leniency {
        self.leniency
    }

    /// The binding to ask by, unless somebody says otherwise: Redirect where there is one.
    pub(crate) fn preferred_sso(&self) -> Option<(Binding, &EndpointUrl)> {
        let redirect = self.sso_url(Binding::Redirect).map(|url| (Binding::Redirect, url));
        redirect.or_else(|| self.sso.first().map(|(binding, url)| (*binding, url)))
    }
}

/// Which endpoints may be in metadata.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    HttpsOnly,
    PlainHttpToo,
}

impl Scheme {
    fn parse(self, text: &str) -> Result<EndpointUrl, InvalidId> {
        match self {
            Self::HttpsOnly => text.parse(),
            Self::PlainHttpToo => EndpointUrl::with_plain_http(text),
        }
    }
}

/// The entity that is wanted, or the only identity provider.
fn find_entity<'d>(
    root: Element<'d>,
    wanted: Option<&EntityId>,
) -> Result<Element<'d>, MetadataError> {
    let entities: Vec<Element<'d>> = match root.local_name() {
        _ if root.namespace() != MD => Vec::new(),
        "EntityDescriptor" => vec![root],
        "EntitiesDescriptor" => {
            root.descendants().filter(|inner| inner.is(MD, "EntityDescriptor")).collect()
        }
        _ => Vec::new(),
    };
    let first =
        *entities.first().ok_or_else(|| MetadataError::NotMetadata { found: root.quoted() })?;
    let Some(wanted) = wanted else {
        let mut providers = entities.iter().filter(|entity| entity.elements().any(is_idp_role));
        return match (providers.next(), providers.count()) {
            (Some(only), 0) => Ok(*only),
            (Some(_), others) => Err(MetadataError::SeveralEntities { found: others + 1 }),
            (None, _) => Ok(first),
        };
    };
    let name = |entity: &Element<'d>| entity.attribute("entityID").unwrap_or_default();
    let found = entities.iter().copied().find(|entity| name(entity) == wanted.as_ref());
    found.ok_or_else(|| MetadataError::OtherEntity {
        found: entities
            .iter()
            .take(3)
            .map(|e| Quoted::new(name(e)).to_string())
            .collect::<Vec<_>>()
            .join(", "),
        expected: Quoted::new(wanted.as_ref()),
    })
}

/// An `IDPSSODescriptor` that speaks SAML 2.0. Entra's two `RoleDescriptor`s of WS-Federation, which
/// come first, are none.
fn is_idp_role(element: Element<'_>) -> bool {
    let protocols = element.attribute("protocolSupportEnumeration").unwrap_or_default();
    element.is(MD, "IDPSSODescriptor") && protocols.split_ascii_whitespace().any(|uri| uri == SAMLP)
}

fn must_be_current(element: Element<'_>, now: UnixTime) -> Result<(), MetadataError> {
    let Some(text) = element.attribute("validUntil") else { return Ok(()) };
    let valid_until: UnixTime =
        trim_xml(text).parse().map_err(|_| element.invalid("dateTime with a time zone"))?;
    match now < valid_until {
        true => Ok(()),
        false => Err(MetadataError::Expired { valid_until, now }),
    }
}

/// Every key that may sign: `use="signing"`, or no `use` at all (SAML Metadata 2.4.1.1). A key that
/// cannot be used is passed over as long as another one can.
fn signing_keys(roles: &[Element<'_>], entity: Quoted) -> Result<TrustedKeys, MetadataError> {
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut problems = Vec::new();
    let descriptors = roles.iter().flat_map(|role| role.elements());
    let descriptors = descriptors.filter(|child| child.is(MD, "KeyDescriptor"));
    for descriptor in
        descriptors.filter(|key| matches!(key.attribute("use"), None | Some("signing")))
    {
        for found in descriptor.descendants().filter(|inner| inner.is(DS, "X509Certificate")) {
            match Certificate::from_base64(found.text()?) {
                Ok(certificate) if certificates.contains(&certificate) => {}
                Ok(certificate) => certificates.push(certificate),
                Err(problem) => problems.push(problem),
            }
            if certificates.len() + problems.len() > MAX_KEYS {
                return Err(XmlError::TooMuch { what: "keys", limit: MAX_KEYS }.into());
            }
        }
    }
    let count = problems.len();
    match (TrustedKeys::new(certificates), problems.into_iter().next()) {
        (Some(keys), _) => Ok(keys),
        (None, Some(first)) => Err(MetadataError::NoUsableKey { entity, count, first }),
        (None, None) => Err(MetadataError::NoSigningKey { entity }),
    }
}

fn sso_binding(element: Element<'_>) -> Result<Option<Binding>, XmlError> {
    match element.is(MD, "SingleSignOnService") {
        true => Ok(Binding::from_uri(trim_xml(element.required("Binding")?))),
        false => Ok(None),
    }
}
