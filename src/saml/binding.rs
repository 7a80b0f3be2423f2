//! How messages travel through the browser: HTTP-Redirect and HTTP-POST (SAML Bindings 3.4, 3.5).

use crate::crypto::{Method as _, NoRandomness, SignatureMethod, SigningKey};
use crate::dsig::{DsigError, Policy, Signed, TrustedKeys, verify, verify_detached};
use crate::encoding::{
    EncodingError, Quoted, base64_decode, base64_encode, deflate, inflate, pairs, percent_decode, percent_decode_bytes,
    percent_encode,
};
use crate::ids::{EndpointUrl, RelayState};
use crate::xml::{Document, Limits, escape_html};

/// Bytes of a posted form: a message of the largest size in base64 whose every character is percent-encoded would be
/// three times this; none is, because base64 is nearly all plain.
pub(crate) const FORM_LIMIT: usize = 512 * 1024;

/// A form that somebody posted to our assertion consumer service. Nothing in it is believed yet, and nothing but the
/// relay state can be read from it.
pub struct PostedResponse {
    xml: Vec<u8>,
    relay_state: Option<RelayState>,
}

/// Prints the length of the message only: in a log the message could be used by whoever reads it.
impl std::fmt::Debug for PostedResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostedResponse").field("bytes", &self.xml.len()).finish_non_exhaustive()
    }
}

impl PostedResponse {
    /// Reads an `application/x-www-form-urlencoded` body.
    ///
    /// # Errors
    /// When `SAMLResponse` is absent, given twice, too long, or not base64.
    pub fn from_form(body: &[u8]) -> Result<Self, BindingError> {
        if body.len() > FORM_LIMIT {
            return Err(BindingError::TooLarge(FORM_LIMIT));
        }
        let [response, relay_state] = fields(body, [RESPONSE, RELAY_STATE])?;
        let response = response.ok_or(BindingError::Missing(RESPONSE))?;
        let response = percent_decode_bytes(response).map_err(|_| BindingError::Encoding(RESPONSE))?;
        Self::new(&response, relay_state.map(|raw| decoded(RELAY_STATE, raw)).transpose()?.as_deref())
    }

    /// Takes the two fields from a framework that has decoded the form. `from_form` is better: it sees a field that is
    /// given twice.
    ///
    /// # Errors
    /// When `response` is too long or not base64, or `relay_state` is longer than 80 bytes.
    pub fn from_fields(response: &str, relay_state: Option<&str>) -> Result<Self, BindingError> {
        Self::new(response.as_bytes(), relay_state)
    }

    /// What is no base64 needs no look at whether it is UTF-8.
    fn new(response: &[u8], relay_state: Option<&str>) -> Result<Self, BindingError> {
        let xml = message_of(base64_decode(response, Limits::MESSAGE.bytes), RESPONSE)?;
        let relay_state = relay_state.filter(|text| !text.is_empty()).map(str::parse).transpose();
        let relay_state = relay_state.map_err(|_| BindingError::RelayState)?;
        Ok(Self { xml, relay_state })
    }

    getters! {
        /// Which of our pending logins the browser says this answers.
        pub fn relay_state(&self) -> Option<&RelayState> { self.relay_state.as_ref() }
        pub(crate) fn xml(&self) -> &[u8] { &self.xml }
    }
}

const REQUEST: &str = "SAMLRequest";
const RESPONSE: &str = "SAMLResponse";
const RELAY_STATE: &str = "RelayState";
const SIG_ALG: &str = "SigAlg";
const SIGNATURE: &str = "Signature";
const ENCODING: &str = "SAMLEncoding";

/// SAML Bindings 3.4.4: the only encoding.
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";
/// As long as the longest key makes it: RSA with 8192 bits.
const SIGNATURE_LIMIT: usize = 1024;

/// The undecoded values of the fields of a form or query that have these names; whatever has another name is not ours.
fn fields<'b, const N: usize>(text: &'b [u8], names: [&'static str; N]) -> Result<[Option<&'b [u8]>; N], BindingError> {
    let mut found = [None; N];
    for (name, value) in pairs(text) {
        // A name that needs decoding would be another reader's SAMLResponse.
        if name.contains(&b'%') {
            return Err(BindingError::Encoding("field name"));
        }
        let slot = names.iter().zip(&mut found).find(|(known, _)| known.as_bytes() == name);
        // Two values are two readers that take different ones (CVE-2025-27773).
        if let Some((name, slot)) = slot
            && slot.replace(value).is_some()
        {
            return Err(BindingError::Repeated(name));
        }
    }
    Ok(found)
}

fn decoded(name: &'static str, raw: &[u8]) -> Result<String, BindingError> {
    percent_decode(raw).map_err(|_| BindingError::Encoding(name))
}

fn message_of<T>(decoded: Result<T, EncodingError>, name: &'static str) -> Result<T, BindingError> {
    decoded.map_err(|error| match error {
        EncodingError::TooLong(limit) => BindingError::TooLarge(limit),
        _ => BindingError::Encoding(name),
    })
}

/// A logout message as it came to our single logout service: a request or a response, in the query of a URL or in a
/// form. Nothing in it is believed yet.
pub struct LogoutMessage {
    kind: Kind,
    /// Theirs goes back to them as it came; of ours nothing is read.
    relay_state: Option<String>,
    carrier: Carrier,
}

/// Which of the two parameters carries a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Request,
    Response,
}

impl Kind {
    const fn parameter(self) -> &'static str {
        match self {
            Self::Request => REQUEST,
            Self::Response => RESPONSE,
        }
    }
}

/// How a message came, with what is needed to find out who signed it.
enum Carrier {
    /// What a signature in the query is over (SAML Bindings 3.4.4.1): slices of the query as they came, in the order of the
    /// standard. What is believed of the message is read from them. Beside them the algorithm and the signature, if both
    /// came, and the message as it is claimed, for what has to be known before.
    Redirect { octets: Vec<u8>, signature: Option<(String, Vec<u8>)>, claimed: Vec<u8> },
    /// The message, with a signature inside.
    Post(Vec<u8>),
}

/// Prints which message it is only: in a log it could be used by whoever reads it.
impl std::fmt::Debug for LogoutMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogoutMessage").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Longer than SAML allows, because identity providers do not keep to it: it comes back to whoever sent it.
const THEIR_RELAY_STATE: usize = 1024;

impl LogoutMessage {
    /// Reads the query of a GET request by HTTP-Redirect, exactly as it was sent: a signature is over its raw bytes, and
    /// Entra writes its percent-encoding in lower case.
    ///
    /// # Errors
    /// When there is not exactly one message in it, something stands twice, or it cannot be decoded.
    pub fn from_query(query: &str) -> Result<Self, BindingError> {
        if query.len() > FORM_LIMIT {
            return Err(BindingError::TooLarge(FORM_LIMIT));
        }
        let names = [REQUEST, RESPONSE, RELAY_STATE, SIG_ALG, SIGNATURE, ENCODING];
        let [request, response, relay_state, sig_alg, signature, encoding] = fields(query.as_bytes(), names)?;
        let (kind, raw) = only(request, response)?;
        if encoding.is_some_and(|raw| decoded(ENCODING, raw).as_deref() != Ok(DEFLATE)) {
            return Err(BindingError::Encoding(ENCODING));
        }
        let signature = match (sig_alg, signature) {
            (Some(algorithm), Some(raw)) => {
                let value = base64_decode(decoded(SIGNATURE, raw)?, SIGNATURE_LIMIT);
                Some((decoded(SIG_ALG, algorithm)?, message_of(value, SIGNATURE)?))
            }
            // All or nothing: half a signature is neither none nor one by some algorithm of our choice.
            (None, Some(_)) => return Err(BindingError::Missing(SIG_ALG)),
            (Some(_), None) => return Err(BindingError::Missing(SIGNATURE)),
            (None, None) => None,
        };
        let signed = [(kind.parameter(), Some(raw)), (RELAY_STATE, relay_state), (SIG_ALG, sig_alg)];
        let signed = signed.iter().filter_map(|(name, raw)| Some([name.as_bytes(), b"=", (*raw)?].concat()));
        let octets = signed.collect::<Vec<_>>().join(b"&".as_slice());
        let claimed = message_in(&octets)?;
        Self::new(kind, relay_state, Carrier::Redirect { octets, signature, claimed })
    }

    /// Reads the `application/x-www-form-urlencoded` body of a POST request.
    ///
    /// # Errors
    /// As [`from_query`](Self::from_query).
    pub fn from_form(body: &[u8]) -> Result<Self, BindingError> {
        if body.len() > FORM_LIMIT {
            return Err(BindingError::TooLarge(FORM_LIMIT));
        }
        let [request, response, relay_state] = fields(body, [REQUEST, RESPONSE, RELAY_STATE])?;
        let (kind, raw) = only(request, response)?;
        let message = percent_decode_bytes(raw).map_err(|_| BindingError::Encoding(kind.parameter()))?;
        let xml = message_of(base64_decode(message, Limits::MESSAGE.bytes), kind.parameter())?;
        Self::new(kind, relay_state, Carrier::Post(xml))
    }

    fn new(kind: Kind, relay_state: Option<&[u8]>, carrier: Carrier) -> Result<Self, BindingError> {
        let relay_state = relay_state.map(|raw| decoded(RELAY_STATE, raw)).transpose()?;
        match &relay_state {
            Some(text) if text.len() > THEIR_RELAY_STATE || text.contains(char::is_control) => {
                Err(BindingError::RelayState)
            }
            _ => Ok(Self { kind, relay_state: relay_state.filter(|text| !text.is_empty()), carrier }),
        }
    }

    getters! {
        pub(crate) fn kind(&self) -> Kind { self.kind }
        pub(crate) fn relay_state(&self) -> Option<&str> { self.relay_state.as_deref() }
    }

    /// The message itself, as nobody vouches for it: good for finding who may judge it.
    pub(crate) fn claimed(&self) -> &[u8] {
        match &self.carrier {
            Carrier::Redirect { claimed: xml, .. } | Carrier::Post(xml) => xml,
        }
    }

    /// What a trusted key has signed of it. There must be a signature: without one anybody could sign people out (SAML
    /// Profiles 4.4.4.1; GHSA-pcgw-qcv5-h8ch).
    pub(crate) fn signed(&self, keys: &TrustedKeys, policy: &Policy) -> Result<Signed, DsigError> {
        match &self.carrier {
            Carrier::Redirect { octets, signature, .. } => {
                let missing = || DsigError::Missing(Quoted::new(self.kind.parameter()));
                let (algorithm, value) = signature.as_ref().ok_or_else(missing)?;
                let read = |octets: &[u8]| String::from_utf8(message_in(octets).ok()?).ok();
                verify_detached(octets, algorithm, value, keys, policy, read)
            }
            Carrier::Post(xml) => verify(Document::parse(xml, &Limits::MESSAGE)?.root(), keys, policy),
        }
    }
}

/// One message: two are two readers that take different ones (CVE-2025-27773).
fn only<'b>(request: Option<&'b [u8]>, response: Option<&'b [u8]>) -> Result<(Kind, &'b [u8]), BindingError> {
    match (request, response) {
        (Some(raw), None) => Ok((Kind::Request, raw)),
        (None, Some(raw)) => Ok((Kind::Response, raw)),
        (None, None) => Err(BindingError::Missing(REQUEST)),
        (Some(_), Some(_)) => Err(BindingError::TwoMessages),
    }
}

/// The message in what a signature is over: behind the first `=`.
fn message_in(octets: &[u8]) -> Result<Vec<u8>, BindingError> {
    let (_, raw) = pairs(octets).next().unwrap_or_default();
    let packed = percent_decode_bytes(raw).map_err(|_| BindingError::Encoding("message"))?;
    let packed = message_of(base64_decode(packed, Limits::MESSAGE.bytes), "message")?;
    message_of(inflate(&packed, Limits::MESSAGE.bytes), "message")
}

texts! {
    pub fn code;
    /// Why a form or a query is not a message.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum BindingError {
        /// The field is absent.
        #[error("the form or query has no `{0}`")]
        Missing(&'static str) = "saml.form_field_missing";
        /// The field is there more than once.
        #[error("the form or query has `{0}` more than once")]
        Repeated(&'static str) = "saml.form_field_repeated";
        /// A request and a response came together.
        #[error("the form or query has both a `SAMLRequest` and a `SAMLResponse`")]
        TwoMessages = "saml.two_messages";
        /// The field cannot be decoded.
        #[error("the `{0}` is not encoded as its binding has it (base64, in a query DEFLATE below it, percent-encoded)")]
        Encoding(&'static str) = "saml.form_encoding";
        /// The form or the message in it is larger than this many bytes.
        #[error("the message is larger than {0} bytes")]
        TooLarge(usize) = "saml.message_too_large";
        /// A response came by another binding than HTTP-POST, its only one (SAML Profiles 4.1.2).
        #[error("the response came by {0}; responses come by HTTP-POST only")]
        WrongBinding(&'static str) = "saml.binding_not_allowed";
        /// The relay state is longer than SAML allows; for a logout message, than 1024 bytes.
        #[error("the `RelayState` is longer than 80 bytes (in a logout: 1024) or holds control characters")]
        RelayState = "saml.relay_state_invalid";
    }
}

/// A message for the browser to carry away. `Debug` prints where it goes: a logout names a person.
#[derive(Clone)]
#[non_exhaustive]
pub enum Outgoing {
    /// Send the browser to this URL (302 or 303).
    Redirect(String),
    /// Send this page, which posts itself.
    Post(PostForm),
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Redirect(url) => write!(f, "Redirect({:?})", url.split('?').next().unwrap_or_default()),
            Self::Post(form) => write!(f, "Post({form:?})"),
        }
    }
}

/// A message that is to go somewhere, with what travels beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) kind: Kind,
    pub(crate) destination: &'a EndpointUrl,
    pub(crate) xml: &'a str,
    pub(crate) relay_state: Option<&'a str>,
}

/// The URL for a message by HTTP-Redirect. Signed, it is signed over the very bytes that are sent (SAML Bindings
/// 3.4.4.1). `extra` parameters follow; they are no part of the binding.
pub(crate) fn redirect(
    sent: Sent<'_>, key: Option<&SigningKey>, extra: &[(&str, &str)],
) -> Result<String, NoRandomness> {
    let Sent { kind, destination, xml, relay_state } = sent;
    let message = base64_encode(&deflate(xml.as_bytes()));
    let mut query = format!("{}={}", kind.parameter(), percent_encode(&message));
    let add = |query: &mut String, name: &str, value: &str| {
        query.extend(["&", name, "=", &percent_encode(value)]);
    };
    relay_state.into_iter().for_each(|text| add(&mut query, RELAY_STATE, text));
    if let Some(key) = key {
        add(&mut query, SIG_ALG, SignatureMethod::RsaSha256.uri());
        let signature = base64_encode(&key.sign(query.as_bytes())?);
        add(&mut query, SIGNATURE, &signature);
    }
    for (name, value) in extra {
        add(&mut query, name, value);
    }
    let separator = if destination.as_ref().contains('?') { '&' } else { '?' };
    Ok(format!("{destination}{separator}{query}"))
}

/// The page for a message by HTTP-POST.
pub(crate) fn post(sent: Sent<'_>) -> PostForm {
    let Sent { kind, destination, xml, relay_state } = sent;
    let (destination, relay_state) = (destination.clone(), relay_state.map(str::to_owned));
    PostForm { kind, destination, message: base64_encode(xml.as_bytes()), relay_state }
}

/// A page with one form that posts itself, under a content security policy too: its script is constant, so that its
/// hash can be allowed, or takes your nonce. Without script it has a button.
#[derive(Clone)]
pub struct PostForm {
    kind: Kind,
    destination: EndpointUrl,
    message: String,
    relay_state: Option<String>,
}

impl std::fmt::Debug for PostForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostForm").field("destination", &self.destination).finish_non_exhaustive()
    }
}

const SCRIPT: &str = "document.forms[0].submit();";

/// SHA-256 of the script of [`PostForm`] in base64, as `script-src 'sha256-…'` wants it.
pub const POST_FORM_SCRIPT_SHA256: &str = "8lDeP0UDwCO6/RhblgeH/ctdBzjVpJxrXizsnIk3cEQ=";

impl PostForm {
    getters! {
        /// The page, for a policy that allows the script by its hash.
        pub fn html(&self) -> String { self.page("<script>") }
        /// The page, for a policy that allows the script by a nonce.
        pub fn html_with_nonce(&self, nonce: &str) -> String {
            self.page(&format!("<script nonce=\"{}\">", escape_html(nonce)))
        }
        /// A `Content-Security-Policy` for [`html`](Self::html). It has no `form-action`, because browsers apply that
        /// to the redirects behind the form too, and Entra may send a person on to the login page of another host.
        pub fn content_security_policy(&self) -> String {
            format!("default-src 'none'; script-src 'sha256-{POST_FORM_SCRIPT_SHA256}'; base-uri 'none'{}", self.frames())
        }
        /// What `form-action` must allow, if your own policy has one.
        pub fn form_action(&self) -> &str { self.destination.origin() }
        /// Where the form goes.
        pub fn destination(&self) -> &EndpointUrl { &self.destination }
    }

    /// Identity providers have people sign out of several applications at once, each in a frame.
    const fn frames(&self) -> &'static str {
        match self.kind {
            Kind::Request => "; frame-ancestors 'none'",
            Kind::Response => "",
        }
    }

    /// The fields of the form, for a page of your own.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let relay_state = self.relay_state.iter().map(|text| (RELAY_STATE, text.as_str()));
        std::iter::once((self.kind.parameter(), self.message.as_str())).chain(relay_state)
    }

    fn page(&self, script: &str) -> String {
        let input = |(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape_html(value));
        let inputs: String = self.fields().map(input).collect();
        format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>One moment</title></head><body>\
             <form method=\"post\" action=\"{}\">{inputs}\
             <noscript><p>Your browser runs no scripts.</p><button>Continue</button></noscript>\
             </form>{script}{SCRIPT}</script></body></html>",
            escape_html(self.destination.as_ref())
        )
    }
}

#[cfg(test)]
#[path = "../../tests/unit/binding.rs"]
mod tests;
