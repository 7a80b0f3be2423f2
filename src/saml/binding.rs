//! How messages travel through the browser: HTTP-Redirect and HTTP-POST (SAML Bindings 3.4, 3.5).

use crate::crypto::{Method as _, NoRandomness, SignatureMethod, SigningKey};
use crate::encoding::{
    EncodingError, base64_decode, base64_encode, deflate, pairs, percent_decode, percent_decode_bytes, percent_encode,
};
use crate::ids::{EndpointUrl, RelayState};
use crate::xml::{Limits, escape_html};

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
        let (mut response, mut relay_state) = (None, None);
        for (name, value) in pairs(body) {
            let (name, slot) = match name {
                b"SAMLResponse" => ("SAMLResponse", &mut response),
                b"RelayState" => ("RelayState", &mut relay_state),
                // A name that needs decoding would be another reader's SAMLResponse.
                _ if name.contains(&b'%') => return Err(BindingError::Encoding("field name")),
                _ => continue,
            };
            // Two values are two readers that take different ones (CVE-2025-27773).
            if slot.replace(value).is_some() {
                return Err(BindingError::Repeated(name));
            }
        }
        let response = response.ok_or(BindingError::Missing("SAMLResponse"))?;
        let response = percent_decode_bytes(response).map_err(|_| BindingError::Encoding("SAMLResponse"))?;
        let relay_state = relay_state.map(percent_decode).transpose();
        Self::new(&response, relay_state.map_err(|_| BindingError::Encoding("RelayState"))?.as_deref())
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
        let xml = base64_decode(response, Limits::MESSAGE.bytes).map_err(|error| match error {
            EncodingError::TooLong(limit) => BindingError::TooLarge(limit),
            _ => BindingError::Encoding("SAMLResponse"),
        })?;
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

texts! {
    pub fn code;
    /// Why a form is not a message.
    #[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
    #[non_exhaustive]
    pub enum BindingError {
        /// The field is absent.
        #[error("the form has no field `{0}`")]
        Missing(&'static str) = "saml.form_field_missing";
        /// The field is there more than once.
        #[error("the form has the field `{0}` more than once")]
        Repeated(&'static str) = "saml.form_field_repeated";
        /// The field cannot be decoded.
        #[error("the form's `{0}` is not encoded as HTTP-POST has it (base64, percent-encoded)")]
        Encoding(&'static str) = "saml.form_encoding";
        /// The form or the message in it is larger than this many bytes.
        #[error("the message is larger than {0} bytes")]
        TooLarge(usize) = "saml.message_too_large";
        /// A response came by another binding than HTTP-POST, its only one (SAML Profiles 4.1.2).
        #[error("the response came by {0}; responses come by HTTP-POST only")]
        WrongBinding(&'static str) = "saml.binding_not_allowed";
        /// The relay state is longer than SAML allows.
        #[error("the form's `RelayState` is longer than 80 bytes or holds control characters")]
        RelayState = "saml.relay_state_invalid";
    }
}

/// A message for the browser to carry away.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outgoing {
    /// Send the browser to this URL (302 or 303).
    Redirect(String),
    /// Send this page, which posts itself.
    Post(PostForm),
}

/// The URL for a message by HTTP-Redirect. Signed, it is signed over the very bytes that are sent (SAML Bindings
/// 3.4.4.1). `extra` parameters follow; they are no part of the binding.
pub(crate) fn redirect(
    destination: &EndpointUrl, request: &str, relay_state: &RelayState, key: Option<&SigningKey>,
    extra: &[(&str, &str)],
) -> Result<String, NoRandomness> {
    let message = base64_encode(&deflate(request.as_bytes()));
    let mut query = format!("SAMLRequest={}", percent_encode(&message));
    let add = |query: &mut String, name: &str, value: &str| {
        query.extend(["&", name, "=", &percent_encode(value)]);
    };
    add(&mut query, "RelayState", relay_state.as_ref());
    if let Some(key) = key {
        add(&mut query, "SigAlg", SignatureMethod::RsaSha256.uri());
        let signature = base64_encode(&key.sign(query.as_bytes())?);
        add(&mut query, "Signature", &signature);
    }
    for (name, value) in extra {
        add(&mut query, name, value);
    }
    let separator = if destination.as_ref().contains('?') { '&' } else { '?' };
    Ok(format!("{destination}{separator}{query}"))
}

/// The page for a message by HTTP-POST.
pub(crate) fn post(destination: &EndpointUrl, request: &str, relay_state: &RelayState) -> PostForm {
    let (destination, relay_state) = (destination.clone(), relay_state.clone());
    PostForm { destination, message: base64_encode(request.as_bytes()), relay_state }
}

/// A page with one form that posts itself, under a content security policy too: its script is constant, so that its
/// hash can be allowed, or takes your nonce. Without script it has a button.
#[derive(Clone, Debug)]
pub struct PostForm {
    destination: EndpointUrl,
    message: String,
    relay_state: RelayState,
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
            format!(
                "default-src 'none'; script-src 'sha256-{POST_FORM_SCRIPT_SHA256}'; \
                 base-uri 'none'; frame-ancestors 'none'"
            )
        }
        /// What `form-action` must allow, if your own policy has one.
        pub fn form_action(&self) -> &str { self.destination.origin() }
        /// Where the form goes.
        pub fn destination(&self) -> &EndpointUrl { &self.destination }
    }

    /// The fields of the form, for a page of your own.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("SAMLRequest", self.message.as_str()), ("RelayState", self.relay_state.as_ref())].into_iter()
    }

    fn page(&self, script: &str) -> String {
        let input = |(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape_html(value));
        let inputs: String = self.fields().map(input).collect();
        format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <title>Signing in</title></head><body>\
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
