//! Names of the protocol as types, so that one cannot stand where another belongs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use crate::encoding::{Quoted, base64url_encode, hex};

/// The text is not a value of the type it was parsed into.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{found} is no {expected}: {reason}")]
#[non_exhaustive]
pub struct InvalidId {
    /// The type that refused the text.
    pub expected: &'static str,
    /// The text, shortened and escaped.
    pub found: Quoted,
    /// The rule that it breaks.
    pub reason: &'static str,
}

/// The rule that a text breaks, if it breaks one.
pub(crate) type Verdict = Result<(), &'static str>;

pub(crate) fn checked(text: &str, expected: &'static str, verdict: Verdict) -> Result<Arc<str>, InvalidId> {
    match verdict {
        Ok(()) => Ok(text.into()),
        Err(reason) => Err(InvalidId { expected, found: Quoted::new(text), reason }),
    }
}

/// Types for text that the check lets pass, kept as it came or folded.
macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident: $check:expr $(=> $folded:ident)?;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(std::sync::Arc<str>);

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let kept: &str = &text$(.$folded())?;
                $crate::ids::checked(kept, stringify!($name), $check(text)).map(Self)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::shorthand::serde_as_text!($name);
    )* };
}

pub(crate) use text_types;

text_types! {
    /// The name of a SAML entity, ours or the identity provider's: a URI of at most 1024 characters (SAML Core 8.3.6).
    /// Compared byte for byte. Entra also knows names that are no URI, such as a bare application ID, so the form of a
    /// URI is not demanded.
    EntityId: entity_id;

    /// Where the browser takes a message: an absolute `https` URL without user information or fragment. Compared byte
    /// for byte, as `Recipient` and `Destination` are.
    ///
    /// For development over `http` there is [`danger::plain_http`](crate::danger::plain_http).
    EndpointUrl: https_url;

    /// The `ID` of one message or assertion: an `xs:ID`, so it begins with a letter or `_`. Entra answers AADSTS7500529
    /// to one that begins with a digit.
    MessageId: message_id;

    /// The opaque value that travels beside a message: at most 80 bytes (SAML Bindings 3.4.3). Ours is random and names
    /// a pending login; it is never a URL.
    RelayState: relay_state;

    /// A path on our own site to come back to, with query and fragment: begins with one `/`, holds no `\`, no white
    /// space, nothing beyond ASCII, at most 512 bytes. So it cannot name another host (an open redirect, CWE-601) or
    /// break out of a header. An address on another site of ours comes from
    /// [`ServiceProvider::return_to`](crate::ServiceProvider::return_to) only.
    ReturnTo: return_to;

    /// Your name for a customer's connection: 1 to 64 of `a-z`, `A-Z`, `0-9`, `-`, `_`, so that it can stand in a path. It
    /// is compared with case, and says nothing secret: it stands in addresses.
    TenantId: tenant_id;
}

fn entity_id(text: &str) -> Verdict {
    match text {
        "" => Err("it is empty"),
        _ if text.chars().count() > 1024 => Err("SAML Core 8.3.6 allows 1024 characters"),
        _ if text.chars().any(|c| c.is_control() || c.is_whitespace()) => Err("it holds white space"),
        _ => Ok(()),
    }
}

fn https_url(text: &str) -> Verdict {
    endpoint(text, &["https"])
}

/// Longer than any endpoint that is published; Entra allows 256 characters in a reply URL.
const URL_LIMIT: usize = 1000;

fn endpoint(text: &str, schemes: &[&str]) -> Verdict {
    // RFC 3986 has no such characters, and a browser reads `\` as `/`.
    let stray = |byte| matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    if text.len() > URL_LIMIT || text.bytes().any(|byte| !byte.is_ascii_graphic() || stray(byte)) {
        return Err("it holds more than 1000 characters, or some that no URL has");
    }
    let url = Url::parse(text).map_err(|_| "it is not an absolute URL")?;
    match url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        _ if !schemes.contains(&url.scheme()) => Err("only https is allowed"),
        _ if !url.has_host() => Err("it names no host"),
        // `https:/a` and `https:\\a` parse, but are not what is compared and written.
        _ if !text.to_ascii_lowercase().starts_with(&format!("{}://", url.scheme())) => {
            Err("the scheme must be followed by //")
        }
        // `https:///a` and `https://@a` parse as `https://a`, by repair.
        _ if text.split(['/', '?', '#']).nth(2).is_none_or(|host| host.is_empty() || host.contains('@')) => {
            Err("it has user information, or // is not followed by a host")
        }
        true => Err("it has a fragment or user information"),
        false => Ok(()),
    }
}

fn message_id(text: &str) -> Verdict {
    let mut chars = text.chars();
    let start = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    match start && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        // Nobody's IDs are longer; they become keys of the replay cache.
        true if text.len() <= 256 => Ok(()),
        true => Err("it is longer than 256 bytes"),
        false => Err("an xs:ID begins with a letter or _, and goes on with letters, digits, . - _"),
    }
}

fn relay_state(text: &str) -> Verdict {
    match text {
        "" => Err("it is empty"),
        _ if text.len() > 80 => Err("SAML Bindings 3.4.3 allows 80 bytes"),
        _ if text.chars().any(char::is_control) => Err("it holds control characters"),
        _ => Ok(()),
    }
}

fn return_to(text: &str) -> Verdict {
    let bytes = text.as_bytes();
    match bytes {
        _ if bytes.len() > ReturnTo::LIMIT => Err("it is longer than 512 bytes"),
        _ if !bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\') => {
            Err("it holds white space, a backslash, or more than ASCII")
        }
        [b'/', b'/', ..] => Err("it names a host"),
        [b'/', ..] => Ok(()),
        _ => Err("it must begin with /"),
    }
}

fn tenant_id(text: &str) -> Verdict {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match (1..=64).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(()),
        false => Err("1 to 64 letters, digits, - and _ are wanted"),
    }
}

/// A domain of e-mail addresses, such as `contoso.com`: in lower case, and in ASCII whatever script it was written in (as
/// `xn--…`). Compared as a whole: a domain does not stand for those below it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EmailDomain(Arc<str>);

impl EmailDomain {
    /// The domain of an address; `None` if it is none that we would send mail to.
    #[must_use]
    pub fn of_address(address: &str) -> Option<Self> {
        let (local, domain) = address.trim().rsplit_once('@')?;
        let fits =
            !local.is_empty() && local.len() <= 64 && !local.contains(|c: char| c.is_whitespace() || c.is_control());
        domain.parse().ok().filter(|_| fits)
    }
}

impl FromStr for EmailDomain {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = |reason| InvalidId { expected: "EmailDomain", found: Quoted::new(text), reason };
        // RFC 1035 2.3.4: 253 characters; what is longer in another script cannot be shorter in ASCII.
        if text.len() > 4 * 253 || text.contains(|c: char| c == '%' || c.is_whitespace()) {
            return Err(refuse("it holds white space or a percent sign, or is too long"));
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(domain)) if domain.len() <= 253 && is_below_another(&domain) => {
                Ok(Self(domain.into()))
            }
            Ok(url::Host::Domain(_)) => Err(refuse("a name with at least one dot inside is wanted")),
            _ => Err(refuse("it is not the name of a domain")),
        }
    }
}

fn is_below_another(domain: &str) -> bool {
    domain.contains('.') && domain.split('.').all(|label| !label.is_empty() && label.len() <= 63)
}

impl AsRef<str> for EmailDomain {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::shorthand::serde_as_text!(EmailDomain);

impl EndpointUrl {
    /// `http` as well; named `danger` where the public sees it.
    pub(crate) fn with_plain_http(text: &str) -> Result<Self, InvalidId> {
        checked(text, "EndpointUrl", endpoint(text, &["https", "http"])).map(Self)
    }

    /// A URL that this crate itself puts together from parts that fit.
    pub(crate) fn fixed(url: String) -> Self {
        Self(url.into())
    }

    /// Scheme, host and port: what a `form-action` of a content security policy names. And the path that a request to
    /// this endpoint has, without the query.
    fn origin_and_path(&self) -> (&str, &str) {
        let whole = self.0.split_once('?').map_or(&*self.0, |(url, _)| url);
        let host = whole.find("://").map_or(0, |at| at + 3);
        let path = whole.get(host..).and_then(|rest| rest.find('/')).map(|at| host + at);
        whole.split_at_checked(path.unwrap_or(whole.len())).unwrap_or((whole, ""))
    }

    pub(crate) fn origin(&self) -> &str {
        self.origin_and_path().0
    }

    /// Scheme, host and port are the same text; nothing is left to how a browser reads them.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.origin() == other.origin()
    }

    /// What stands behind the origin: at least `/`.
    pub(crate) fn path_and_query(&self) -> String {
        match self.0.get(self.origin().len()..).unwrap_or_default() {
            rest if rest.starts_with('/') => rest.to_owned(),
            rest => format!("/{rest}"),
        }
    }

    /// Where a redirect leads, if it stays on this host and is by `https`.
    #[cfg(feature = "fetch")]
    pub(crate) fn redirected(&self, location: &str) -> Option<Self> {
        let joined = Url::parse(&self.0).ok()?.join(location).ok()?;
        let there: Self = joined.as_str().parse().ok()?;
        there.same_origin(self).then_some(there)
    }

    /// The address, where a number in any spelling stands in the place of a name.
    #[cfg(feature = "fetch")]
    pub(crate) fn address(&self) -> Option<std::net::IpAddr> {
        match Url::parse(&self.0).ok()?.host()? {
            url::Host::Ipv4(v4) => Some(v4.into()),
            url::Host::Ipv6(v6) => Some(v6.into()),
            url::Host::Domain(_) => None,
        }
    }

    pub(crate) fn is_https(&self) -> bool {
        self.origin().to_ascii_lowercase().starts_with("https://")
    }

    pub(crate) fn path(&self) -> &str {
        match self.origin_and_path() {
            (_, "") => "/",
            (_, path) => path,
        }
    }

    /// The endpoint beside this one: the last segment of the path becomes `name`.
    pub(crate) fn sibling(&self, name: &str) -> Self {
        let (origin, path) = self.origin_and_path();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self(format!("{origin}{parent}/{name}").into())
    }

    /// The endpoint below this one.
    pub(crate) fn child(&self, name: &str) -> Self {
        let (origin, path) = self.origin_and_path();
        Self(format!("{origin}{}/{name}", path.trim_end_matches('/')).into())
    }
}

impl EntityId {
    /// An endpoint's address as a name; endpoints are shorter than names may be.
    pub(crate) fn from_url(url: &EndpointUrl) -> Self {
        Self(url.0.clone())
    }

    /// Host and segments of the path of a name that is an address, in lower case: who folds cases, ports or dots takes
    /// names with the same of these for one.
    pub(crate) fn place(&self) -> Option<Vec<String>> {
        let url = Url::parse(&self.0).ok()?;
        let segments = url.path().split('/').filter(|segment| !segment.is_empty());
        Some(url.host_str().into_iter().chain(segments).map(str::to_ascii_lowercase).collect())
    }
}

impl MessageId {
    /// `_` and 160 random bits in hexadecimal: an `xs:ID` by construction, and more than the 128 bits that SAML Core
    /// 1.3.4 asks for.
    pub(crate) fn from_random(bytes: [u8; 20]) -> Self {
        Self(format!("_{}", hex(&bytes)).into())
    }

    /// The ID of somebody else's request, which need not be an `xs:ID`: only equality matters.
    pub(crate) fn captured(text: &str) -> Self {
        Self(text.into())
    }

    /// What an identity provider wrote, of which only equality matters.
    pub(crate) fn is(&self, text: &str) -> bool {
        *self.0 == *text
    }
}

impl RelayState {
    /// 128 random bits: opaque, unguessable, and short enough for any identity provider.
    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(base64url_encode(&bytes).into())
    }
}

impl ReturnTo {
    /// It travels in a cookie, beside everything else that must be remembered.
    pub(crate) const LIMIT: usize = 512;

    /// An address on a site that somebody listed.
    pub(crate) fn elsewhere(url: &EndpointUrl) -> Self {
        Self(url.0.clone())
    }

    /// What we have written down ourselves: a path or an address.
    pub(crate) fn kept(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| Some(Self::elsewhere(&EndpointUrl::with_plain_http(text).ok()?)))
    }
}

/// The front page of our own site.
impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".into())
    }
}

#[cfg(test)]
#[path = "../tests/unit/ids.rs"]
mod tests;
