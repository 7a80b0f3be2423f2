//! What we must know of an identity provider before we believe it (SAML Metadata 2.4.3).

use std::time::Duration;

use super::{HTTP_POST, HTTP_REDIRECT, Kind, MD, SAMLP, instant};
use crate::crypto::{Certificate, CertificateError, Fingerprint};
use crate::dsig::{DS, DsigError, Leniency, Policy, TrustedKeys, verify};
use crate::encoding::{Quoted, trim_xml};
use crate::ids::{EndpointUrl, EntityId, InvalidId};
use crate::time::{UnixTime, duration};
use crate::xml::{Document, Element, Limits, XmlError};

/// Publication information about metadata (MDRPI 1.0).
const MDRPI: &str = "urn:oasis:names:tc:SAML:metadata:rpi";

/// How a message is carried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "snake_case"))]
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
///
/// With the feature `serde` it can be kept and read again, as trusted as the place where it was kept; the two `danger_`
/// settings are not kept with it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(try_from = "Kept", into = "Kept"))]
pub struct IdentityProvider {
    entity_id: EntityId,
    sso: Vec<(Binding, EndpointUrl)>,
    slo: Vec<(Binding, EndpointUrl)>,
    /// Where answers go, if not to where requests go (`ResponseLocation`, SAML Metadata 2.2.2).
    slo_responses: Vec<(Binding, EndpointUrl)>,
    keys: TrustedKeys,
    wants_requests_signed: bool,
    lifetime: Lifetime,
    leniency: Leniency,
}

/// What metadata says of its own age (SAML Metadata 2.3.1, 2.3.2; publication information, MDRPI 2.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Lifetime {
    /// From when on it must not be used any more: the earliest `validUntil` around the entity.
    pub valid_until: Option<UnixTime>,
    /// How long it may be kept at most before it is fetched again: the shortest `cacheDuration`.
    pub cache_duration: Option<Duration>,
    /// When it was made, if it says so: `creationInstant`.
    pub created: Option<UnixTime>,
}

/// How an identity provider is kept: all of it but the `danger_` settings.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    entity_id: EntityId,
    sso: Vec<(Binding, EndpointUrl)>,
    #[serde(default)]
    slo: Vec<(Binding, EndpointUrl)>,
    #[serde(default)]
    slo_responses: Vec<(Binding, EndpointUrl)>,
    #[serde(default)]
    certificates: Vec<Certificate>,
    #[serde(default)]
    fingerprints: Vec<Fingerprint>,
    #[serde(default)]
    wants_requests_signed: bool,
    #[serde(default)]
    lifetime: Lifetime,
}

#[cfg(feature = "serde")]
impl From<IdentityProvider> for Kept {
    fn from(idp: IdentityProvider) -> Self {
        let IdentityProvider { entity_id, sso, slo, slo_responses, keys, wants_requests_signed, lifetime, leniency: _ } =
            idp;
        let (certificates, fingerprints) = (keys.certificates().to_vec(), keys.fingerprints().to_vec());
        Self { entity_id, sso, slo, slo_responses, certificates, fingerprints, wants_requests_signed, lifetime }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Kept> for IdentityProvider {
    type Error = MetadataError;

    fn try_from(kept: Kept) -> Result<Self, MetadataError> {
        let Kept { entity_id, sso, slo, slo_responses, certificates, fingerprints, wants_requests_signed, lifetime } =
            kept;
        let name = || Quoted::new(entity_id.as_ref());
        if sso.is_empty() {
            return Err(MetadataError::NoSsoEndpoint(name()));
        }
        let keys = keys_of(certificates, fingerprints, &entity_id)?;
        let all = [sso, slo, slo_responses].map(|all| firsts(all.into_iter().map(Ok::<_, MetadataError>)));
        let [sso, slo, slo_responses] = all;
        let (sso, slo, slo_responses, leniency) = (sso?, slo?, slo_responses?, Leniency::default());
        Ok(Self { entity_id, sso, slo, slo_responses, keys, wants_requests_signed, lifetime, leniency })
    }
}

/// Why the caller believes these bytes of metadata. There is no default.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MetadataTrust<'a> {
    /// An administrator put the file there.
    ConfiguredByAdmin,
    /// The caller fetched it over TLS, with the certificate checked, from this URL. For Entra that is the trust there
    /// is: the key of the signature inside stands inside as well.
    FetchedOverTls(&'a EndpointUrl),
    /// It has a signature by this certificate. Where the owner of the key signs documents about several entities, say
    /// which one is meant ([`IdentityProvider::from_metadata_for`]): each has a good signature.
    SignedBy(&'a Certificate),
}

texts! {
    pub fn code;
    /// Why the metadata was not taken.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum MetadataError {
        /// Not XML as we read it.
        #[error("the metadata cannot be read: {0}")]
        Xml(#[from] XmlError) = error.code(), of error;
        /// Another document than metadata, a login page for example: the name of its root.
        #[error("the document is {0}, not metadata of SAML 2.0")]
        NotMetadata(Quoted) = "saml.metadata_unexpected_document";
        /// It describes others (the first few) than the entity that was asked for.
        #[error("the metadata describes {0}, not {1}")]
        OtherEntity(String, Quoted) = "saml.metadata_other_entity";
        /// So many identity providers are in it, and nobody said which.
        #[error("the metadata describes {0} identity providers; say which one by its entity ID")]
        SeveralEntities(usize) = "saml.metadata_several_entities";
        /// The entity is no identity provider of SAML 2.0.
        #[error("the metadata of {0} has no IDPSSODescriptor for SAML 2.0")]
        NotAnIdentityProvider(Quoted) = "saml.metadata_not_an_idp";
        /// The entity is described more than once, so two readers may take different keys for its.
        #[error("the metadata describes {0} more than once")]
        RepeatedEntity(Quoted) = "saml.metadata_repeated_entity";
        /// One description of a key holds certificates of several keys, such as a chain: nobody says which one signs.
        #[error("a KeyDescriptor in the metadata of {0} holds certificates of several keys")]
        AmbiguousKey(Quoted) = "saml.metadata_ambiguous_key";
        /// The document is said to come over TLS from this address, which has none.
        #[error("metadata from {0} did not come over TLS")]
        NotOverTls(Quoted) = "saml.metadata_not_over_tls";
        /// No key for signing is named for the entity.
        #[error("the metadata of {0} names no key for signing")]
        NoSigningKey(Quoted) = "saml.metadata_no_signing_key";
        /// So many keys are named for the entity, but none can be used; why not the first.
        #[error("no signing key in the metadata of {0} can be used ({1} tried): {2}")]
        NoUsableKey(Quoted, usize, CertificateError) = "saml.metadata_no_usable_key";
        /// There is no place to send a person to.
        #[error("the metadata of {0} has no SingleSignOnService with HTTP-Redirect or HTTP-POST")]
        NoSsoEndpoint(Quoted) = "saml.metadata_no_sso_endpoint";
        /// A name or URL in it is none.
        #[error("the metadata holds a value that cannot be used: {0}")]
        InvalidValue(#[from] InvalidId) = "saml.metadata_invalid_value";
        /// Its time is over: when it ended, and when it was read.
        #[error("the metadata was valid until {0}; it is {1}")]
        Expired(UnixTime, UnixTime) = "saml.metadata_expired";
        /// Its signature is not by the certificate that was named.
        #[error("the metadata is not signed by the certificate that was named: {0}")]
        Signature(#[from] DsigError) = "saml.metadata_signature";
    }
}

/// More than any identity provider publishes; Entra has three at most.
const MAX_KEYS: usize = 32;

/// Keys that somebody typed in or kept: as few as metadata may have, because each is tried on each message.
pub(crate) fn keys_of(
    certificates: Vec<Certificate>, fingerprints: Vec<Fingerprint>, entity: &EntityId,
) -> Result<TrustedKeys, MetadataError> {
    if certificates.len() + fingerprints.len() > MAX_KEYS {
        return Err(XmlError::TooMuch("keys", MAX_KEYS).into());
    }
    TrustedKeys::of(certificates, fingerprints).ok_or_else(|| MetadataError::NoSigningKey(Quoted::new(entity.as_ref())))
}

impl IdentityProvider {
    /// One key and one endpoint (by HTTP-Redirect), set by hand.
    #[must_use]
    pub fn pinned(entity_id: EntityId, sso: EndpointUrl, key: Certificate) -> Self {
        Self::by_hand(entity_id, sso, None, TrustedKeys::one(key))
    }

    /// As [`pinned`](Self::pinned), by the fingerprint of the certificate alone, for a settings page on which somebody
    /// types it. Its answers must enclose the certificate, as Entra's do; [`certificates`](Self::certificates) has none to
    /// show.
    #[must_use]
    pub fn pinned_by_fingerprint(entity_id: EntityId, sso: EndpointUrl, key: Fingerprint) -> Self {
        Self::by_hand(entity_id, sso, None, TrustedKeys::one_fingerprint(key))
    }

    /// Both endpoints by HTTP-Redirect.
    pub(crate) fn by_hand(entity_id: EntityId, sso: EndpointUrl, slo: Option<EndpointUrl>, keys: TrustedKeys) -> Self {
        Self {
            entity_id,
            sso: vec![(Binding::Redirect, sso)],
            slo: slo.map(|slo| (Binding::Redirect, slo)).into_iter().collect(),
            slo_responses: Vec::new(),
            keys,
            wants_requests_signed: false,
            lifetime: Lifetime::default(),
            leniency: Leniency::default(),
        }
    }

    /// Reads the metadata of an identity provider, the only one in the document.
    ///
    /// # Errors
    /// When the document is not such metadata, has expired, is not signed as `trust` says, or names no usable key for
    /// signing or no endpoint for single sign-on; when it describes one entity twice, or one key with certificates of
    /// several.
    pub fn from_metadata(xml: &[u8], trust: MetadataTrust<'_>, now: UnixTime) -> Result<Self, MetadataError> {
        Self::read(xml, None, trust, now, str::parse)
    }

    /// Reads the metadata of one identity provider out of a document that may describe many.
    ///
    /// # Errors
    /// As [`from_metadata`](Self::from_metadata), and when `entity` is not described.
    pub fn from_metadata_for(
        entity: &EntityId, xml: &[u8], trust: MetadataTrust<'_>, now: UnixTime,
    ) -> Result<Self, MetadataError> {
        Self::read(xml, Some(entity), trust, now, str::parse)
    }

    /// `endpoint` says which endpoints may be in it: by `https` only, or by plain `http` too.
    pub(crate) fn read(
        xml: &[u8], wanted: Option<&EntityId>, trust: MetadataTrust<'_>, now: UnixTime,
        endpoint: fn(&str) -> Result<EndpointUrl, InvalidId>,
    ) -> Result<Self, MetadataError> {
        match trust {
            MetadataTrust::FetchedOverTls(url) if !url.is_https() => {
                return Err(MetadataError::NotOverTls(Quoted::new(url.as_ref())));
            }
            _ => {}
        }
        let signed;
        let mut document = Document::parse(xml, &Limits::METADATA)?;
        if let MetadataTrust::SignedBy(certificate) = trust {
            let policy = Policy { now, skew: Duration::ZERO, leniency: Leniency::default() };
            signed = verify(document.root(), &TrustedKeys::one(certificate.clone()), &policy)?;
            // From here on what was signed, and nothing else.
            document = Document::parse_str(signed.octets(), &Limits::METADATA.of_octets())?;
        }
        let entity = find_entity(document.root(), wanted)?;
        // SAML Metadata 2.3.1: the earliest validUntil on the way down holds.
        for element in std::iter::successors(Some(entity), |inner| inner.parent()) {
            must_be_current(element, now)?;
        }
        let entity_id: EntityId = entity.required("entityID")?.parse()?;
        let name = || Quoted::new(entity_id.as_ref());
        let roles: Vec<Element<'_>> = entity.elements().filter(|role| is_idp_role(*role)).collect();
        if roles.is_empty() {
            return Err(MetadataError::NotAnIdentityProvider(name()));
        }
        for role in &roles {
            must_be_current(*role, now)?;
        }
        let keys = signing_keys(&roles, name())?;
        let sso: Vec<_> = firsts(services(&roles, "SingleSignOnService", "Location", endpoint))?;
        if sso.is_empty() {
            return Err(MetadataError::NoSsoEndpoint(name()));
        }
        let mut wants = roles.iter().filter_map(|role| role.attribute("WantAuthnRequestsSigned"));
        let wants_requests_signed = wants.any(|text| matches!(trim_xml(text), "true" | "1"));
        // One that cannot be used keeps nobody from signing in.
        let logout = |place| firsts(services(&roles, "SingleLogoutService", place, endpoint).filter(Result::is_ok));
        let (slo, slo_responses) = (logout("Location")?, logout("ResponseLocation")?);
        let lifetime = lifetime(entity, &roles)?;
        let leniency = Leniency::default();
        Ok(Self { entity_id, sso, slo, slo_responses, keys, wants_requests_signed, lifetime, leniency })
    }

    setters! {
        /// Accepts SHA-1 in signatures and digests of this identity provider. Collisions of SHA-1 are practical: use it
        /// only until its administrator has chosen SHA-256 (for Entra: *Single sign-on › SAML Certificates › Signing
        /// Algorithm*).
        #[must_use]
        danger_allow_sha1() { leniency.sha1 = true }
        /// Accepts signatures by keys whose certificate is outside its dates. Entra goes on signing with an expired
        /// certificate until an administrator makes another one active.
        #[must_use]
        danger_allow_expired_certificates() { leniency.expired_certificates = true }
    }

    getters! {
        /// Its name: the issuer that its assertions must name.
        pub fn entity_id(&self) -> &EntityId { &self.entity_id }
        /// The certificates whose keys are trusted, in no particular order.
        pub fn certificates(&self) -> &[Certificate] { self.keys.certificates() }
        /// Whether it says that it takes signed requests only.
        pub fn wants_requests_signed(&self) -> bool { self.wants_requests_signed }
        /// Where to send a person by this binding.
        pub fn sso_url(&self, binding: Binding) -> Option<&EndpointUrl> {
            self.sso.iter().find(|(known, _)| *known == binding).map(|(_, url)| url)
        }
        /// Where to send a person who signs out, by this binding.
        pub fn slo_url(&self, binding: Binding) -> Option<&EndpointUrl> {
            self.slo.iter().find(|(known, _)| *known == binding).map(|(_, url)| url)
        }
        /// What its metadata says of its own age; nothing, for one that was set by hand. Reading the metadata has looked
        /// at it once: a program that keeps it for longer looks again ([`Tenants`](crate::tenants::Tenants) does).
        pub fn lifetime(&self) -> Lifetime { self.lifetime }
        /// SHA-256 of certificates that are trusted though they are not known; see
        /// [`pinned_by_fingerprint`](Self::pinned_by_fingerprint).
        pub fn fingerprints(&self) -> &[Fingerprint] { self.keys.fingerprints() }
        pub(crate) fn keys(&self) -> &TrustedKeys { &self.keys }
        pub(crate) fn leniency(&self) -> Leniency { self.leniency }
    }

    /// The binding to ask by, unless somebody says otherwise: Redirect where there is one.
    pub(crate) fn preferred_sso(&self) -> Option<(Binding, &EndpointUrl)> {
        [Binding::Redirect, Binding::Post].into_iter().find_map(|binding| Some((binding, self.sso_url(binding)?)))
    }

    /// Where to send a logout message, by `wanted` if that can be had, otherwise by Redirect.
    pub(crate) fn preferred_slo(&self, kind: Kind, wanted: Option<Binding>) -> Option<(Binding, &EndpointUrl)> {
        let elsewhere = |binding| self.slo_responses.iter().find(|(known, _)| *known == binding).map(|(_, url)| url);
        let all = wanted.into_iter().chain([Binding::Redirect, Binding::Post]);
        all.into_iter().find_map(|binding| {
            let response = elsewhere(binding).filter(|_| kind == Kind::Response);
            Some((binding, response.or_else(|| self.slo_url(binding))?))
        })
    }
}

/// The entity that is wanted, or the only identity provider.
fn find_entity<'d>(root: Element<'d>, wanted: Option<&EntityId>) -> Result<Element<'d>, MetadataError> {
    let entities: Vec<Element<'d>> = root.descendants().filter(|inner| is_listed(*inner)).collect();
    let first = *entities.first().ok_or_else(|| MetadataError::NotMetadata(root.quoted()))?;
    let Some(wanted) = wanted else {
        let mut providers = entities.iter().filter(|entity| entity.elements().any(is_idp_role));
        return match (providers.next(), providers.count()) {
            (Some(only), 0) => Ok(*only),
            (Some(_), others) => Err(MetadataError::SeveralEntities(others + 1)),
            (None, _) => Ok(first),
        };
    };
    let name = |entity: &Element<'d>| entity.attribute("entityID").unwrap_or_default();
    let mut found = entities.iter().copied().filter(|entity| name(entity) == wanted.as_ref());
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(MetadataError::RepeatedEntity(Quoted::new(wanted.as_ref()))),
        (None, _) => {
            let others = entities.iter().take(3).map(|entity| Quoted::new(name(entity)).to_string());
            let others = others.collect::<Vec<_>>().join(", ");
            Err(MetadataError::OtherEntity(others, Quoted::new(wanted.as_ref())))
        }
    }
}

/// The document's `EntityDescriptor`, or one in lists and nothing else. One in somebody's `Extensions` could describe
/// another member of the federation, with keys of its author's.
fn is_listed(element: Element<'_>) -> bool {
    let mut outer = std::iter::successors(element.parent(), |outer| outer.parent());
    element.is(MD, "EntityDescriptor") && outer.all(|outer| outer.is(MD, "EntitiesDescriptor"))
}

/// An `IDPSSODescriptor` of SAML 2.0. Entra's `RoleDescriptor`s, which come first, are none.
fn is_idp_role(element: Element<'_>) -> bool {
    let protocols = element.attribute("protocolSupportEnumeration").unwrap_or_default();
    element.is(MD, "IDPSSODescriptor") && protocols.split_ascii_whitespace().any(|uri| uri == SAMLP)
}

fn must_be_current(element: Element<'_>, now: UnixTime) -> Result<(), MetadataError> {
    let Some(text) = element.attribute("validUntil") else { return Ok(()) };
    match instant(element, text)? {
        valid_until if now < valid_until => Ok(()),
        valid_until => Err(MetadataError::Expired(valid_until, now)),
    }
}

/// The earliest end, the shortest time to keep it, and when the whole was made.
fn lifetime(entity: Element<'_>, roles: &[Element<'_>]) -> Result<Lifetime, MetadataError> {
    let around = std::iter::successors(Some(entity), |inner| inner.parent());
    let mut known = Lifetime::default();
    for element in around.chain(roles.iter().copied()) {
        let until = element.attribute("validUntil").map(|text| instant(element, text)).transpose()?;
        known.valid_until = known.valid_until.into_iter().chain(until).min();
        // What cannot be read as a duration says nothing.
        let cache = element.attribute("cacheDuration").and_then(|text| duration(trim_xml(text)));
        known.cache_duration = known.cache_duration.into_iter().chain(cache).min();
        let extensions = element.elements().filter(|child| child.is(MD, "Extensions"));
        let published = extensions.flat_map(Element::elements).find(|inner| inner.is(MDRPI, "PublicationInfo"));
        if let Some((info, text)) = published.and_then(|info| Some((info, info.attribute("creationInstant")?))) {
            known.created = known.created.max(Some(instant(info, text)?));
        }
    }
    Ok(known)
}

/// Addresses of one kind of service, by bindings that we know.
fn services(
    roles: &[Element<'_>], name: &'static str, place: &'static str,
    endpoint: fn(&str) -> Result<EndpointUrl, InvalidId>,
) -> impl Iterator<Item = Result<(Binding, EndpointUrl), MetadataError>> {
    inside(roles, name).filter_map(move |service| {
        let read = || {
            let binding = Binding::from_uri(trim_xml(service.required("Binding")?));
            let url = |binding| Ok((binding, endpoint(trim_xml(service.required(place)?))?));
            binding.map(url).transpose()
        };
        read().transpose()
    })
}

/// The first address of each kind, because no other is ever asked: a document has room for a hundred thousand.
fn firsts<E>(all: impl Iterator<Item = Result<(Binding, EndpointUrl), E>>) -> Result<Vec<(Binding, EndpointUrl)>, E> {
    let mut kept: Vec<(Binding, EndpointUrl)> = Vec::new();
    for one in all {
        let (binding, url) = one?;
        if !kept.iter().any(|(known, _)| *known == binding) {
            kept.push((binding, url));
        }
    }
    Ok(kept)
}

/// The elements of this name that are directly in one of the roles.
fn inside<'d>(roles: &[Element<'d>], name: &'static str) -> impl Iterator<Item = Element<'d>> {
    roles.iter().flat_map(|role| role.elements()).filter(move |child| child.is(MD, name))
}

/// Every key that may sign: `use="signing"`, or no `use` at all (SAML Metadata 2.4.1.1). A key that cannot be used is
/// passed over as long as another one can, but not for the sake of another certificate beside it: with a chain inside, the
/// key of an authority would sign logins.
fn signing_keys(roles: &[Element<'_>], entity: Quoted) -> Result<TrustedKeys, MetadataError> {
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut problems = Vec::new();
    let may_sign = |key: &Element<'_>| matches!(key.attribute("use"), None | Some("signing"));
    for descriptor in inside(roles, "KeyDescriptor").filter(may_sign) {
        let mut first = None;
        for found in descriptor.descendants().filter(|inner| inner.is(DS, "X509Certificate")) {
            let read = Certificate::from_base64(found.text()?);
            let key = read.as_ref().ok().map(Certificate::key).cloned();
            if *first.get_or_insert_with(|| key.clone()) != key {
                return Err(MetadataError::AmbiguousKey(entity));
            }
            match read {
                Ok(certificate) if certificates.contains(&certificate) => {}
                Ok(certificate) => certificates.push(certificate),
                Err(problem) => problems.push(problem),
            }
            if certificates.len() + problems.len() > MAX_KEYS {
                return Err(XmlError::TooMuch("keys", MAX_KEYS).into());
            }
        }
    }
    let count = problems.len();
    match (TrustedKeys::of(certificates, Vec::new()), problems.into_iter().next()) {
        (Some(keys), _) => Ok(keys),
        (None, Some(first)) => Err(MetadataError::NoUsableKey(entity, count, first)),
        (None, None) => Err(MetadataError::NoSigningKey(entity)),
    }
}
