//! How messages travel through the browser: HTTP-Redirect and HTTP-POST (SAML Bindings 3.4, 3.5).

use crate::crypto::{NoRandomness, SignatureMethod, SigningKey};
use crate::encoding::{
    EncodingError, base64_decode, base64_encode, deflate, pairs, percent_decode, percent_encode,
};
use crate::ids::{EndpointUrl, RelayState};
use crate::xml::{Limits, escape_html};

/// Bytes of a posted form: a message of the largest size in base64 whose every character is
/// percent-encoded would be three times this; none is, because base64 is nearly all plain.
pub(crate) const FORM_LIMIT: usize = 512 * 1024;

/// A form that somebody posted to our assertion consumer service. Nothing in it is believed yet,
/// and nothing but the relay state can be read from it, not even by `Debug`.
pub struct PostedResponse {
    xml: Vec<u8>,
    relay_state: Option<RelayState>,
}

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
            return Err(BindingError::TooLarge { limit: FORM_LIMIT });
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
        let decode = |value, name| percent_decode(value).map_err(|_| BindingError::Encoding(name));
        let response = response.ok_or(BindingError::Missing("SAMLResponse"))?;
        let relay_state = relay_state.map(|value| decode(value, "RelayState")).transpose()?;
        Self::from_fields(&decode(response, "SAMLResponse")?, relay_state.as_deref())
    }

    /// Takes the two fields from a framework that has decoded the form. `from_form` is better: it
    /// sees a field that is given twice.
    ///
    /// # Errors
    /// When `saml_response` is too long or not base64, or `relay_state` is longer than 80 bytes.
    pub fn from_fields(
        saml_response: &str,
        relay_state: Option<&str>,
    ) -> Result<Self, BindingError> {
        let xml =
            base64_decode(saml_response, Limits::MESSAGE.bytes).map_err(|error| match error {
                EncodingError::TooLong(limit) => BindingError::TooLarge { limit },
                _ => BindingError::Encoding("SAMLResponse"),
            })?;
        let relay_state = relay_state.filter(|text| !text.is_empty()).map(str::parse).transpose();
        let relay_state = relay_state.map_err(|_| BindingError::RelayState)?;
        Ok(Self { xml, relay_state })
    }

    /// Which of our pending logins the browser says this answers.
    #[must_use]
    pub fn relay_state(&self) -> Option<&RelayState> {
        self.relay_state.as_ref()
    }

    pub(crate) fn xml(&self) -> &[u8] {
        &self.xml
    }
}

/// Why a form is not a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// The field is absent.
    #[error("the form has no field `{0}`")]
    Missing(&'static str),
    /// The field is there more than once.
    #[error("the form has the field `{0}` more than once")]
    Repeated(&'static str),
    /// The field cannot be decoded.
    #[error(
        "the form's `{0}` is not encoded as the HTTP-POST binding has it (base64, percent-encoded)"
    )]
    Encoding(&'static str),
    /// The form or the message in it is too large.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
    /// A response came by another binding than HTTP-POST, the only one that SAML allows for it
    /// (SAML Profiles 4.1.2).
    #[error("the response came by {0}; responses come by HTTP-POST only")]
    WrongBinding(&'static str),
    /// The relay state is longer than SAML allows.
    #[error("the form's `RelayState` is longer than 80 bytes or holds control characters")]
    RelayState,
}

impl BindingError {
    /// A name that stays the same from release to release.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "saml.form_field_missing",
            Self::Repeated(_) => "saml.form_field_repeated",
            Self::Encoding(_) => "saml.form_encoding",
            Self::TooLarge { .. } => "saml.message_too_large",
            Self::WrongBinding(_) => "saml.binding_not_allowed",
            Self::RelayState => "saml.relay_state_invalid",
        }
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

/// The URL for a message by HTTP-Redirect. Signed, it is signed over the very bytes that are sent
/// (SAML Bindings 3.4.4.1). `extra` parameters follow; they are no part of the binding.
pub(crate) fn redirect(
    destination: &EndpointUrl,
    request: &str,
    relay_state: &RelayState,
    key: Option<&SigningKey>,
    extra: &[(&str, &str)],
) -> Result<String, NoRandomness> {
    let message = base64_encode(&deflate(request.as_bytes()));
    let mut query = format!("SAMLRequest={}", percent_encode(&message));
    query.push_str("&RelayState=");
    query.push_str(&percent_encode(relay_state.as_ref()));
    if let Some(key) = key {
        query.push_str("&SigAlg=");
        query.push_str(&percent_encode(SignatureMethod::RsaSha256.uri()));
        let signature = key.sign(query.as_bytes())?;
        query.push_str("&Signature=");
        query.push_str(&percent_encode(&base64_encode(&signature)));
    }
    for (name, value) in extra {
        query.extend(["&", name, "=", &percent_encode(value)]);
    }
    let separator = if destination.as_ref().contains('?') { '&' } else { '?' };
    Ok(format!("{destination}{separator}{query}"))
}

/// The page for a message by HTTP-POST.
pub(crate) fn post(destination: &EndpointUrl, request: &str, relay_state: &RelayState) -> PostForm {
    PostForm {
        destination: destination.clone(),
        message: base64_encode(request.as_bytes()),
        relay_state: relay_state.clone(),
    }
}

/// A page with one form that posts itself. It works under a content security policy: its script is
/// constant, so that its hash can be allowed, or it takes your nonce. Without script there is a
/// button.
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
    /// The page, for a policy that allows the script by its hash.
    #[must_use]
    pub fn html(&self) -> String {
        self.page("<script>")
    }

    /// The page, for a policy that allows the script by a nonce.
    #[must_use]
    pub fn html_with_nonce(&self, nonce: &str) -> String {
        self.page(&format!("<script nonce=\"{}\">", escape_html(nonce)))
    }

    /// A `Content-Security-Policy` for [`html`](Self::html). It has no `form-action`, because
    /// browsers apply that to the redirects behind the form too, and Entra may send a person on to
    /// the login page of another host.
    #[must_use]
    pub fn content_security_policy(&self) -> String {
        format!(
            "default-src 'none'; script-src 'sha256-{POST_FORM_SCRIPT_SHA256}'; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    }

    /// What `form-action` must allow, if your own policy has one.
    #[must_use]
    pub fn form_action(&self) -> &str {
        self.destination.origin()
    }

    /// The fields of the form, for a page of your own.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("SAMLRequest", self.message.as_str()), ("RelayState", self.relay_state.as_ref())]
            .into_iter()
    }

    /// Where the form goes.
    #[must_use]
    pub fn destination(&self) -> &EndpointUrl {
        &self.destination
    }

    fn page(&self, script: &str) -> String {
        let inputs: String = self
            .fields()
            .map(|(name, value)| {
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape_html(value))
            })
            .collect();
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
mod tests {
    use super::*;
    use crate::crypto::{DigestMethod, digest};
    use crate::encoding::inflate;

    fn form(body: &str) -> Result<PostedResponse, &'static str> {
        PostedResponse::from_form(body.as_bytes()).map_err(|error| error.code())
    }

    #[test]
    fn the_published_hash_is_the_hash_of_the_script() {
        let hash = digest(DigestMethod::Sha256, SCRIPT.as_bytes());
        assert_eq!(POST_FORM_SCRIPT_SHA256, base64_encode(hash.as_ref()));
    }

    #[test]
    fn a_form_is_read_once_and_strictly() {
        let posted = form("SAMLResponse=PGEvPg%3D%3D&x=1&RelayState=r-1").expect("a form");
        assert_eq!(posted.xml(), b"<a/>");
        assert_eq!(posted.relay_state().map(AsRef::as_ref), Some("r-1"));
        assert!(
            form("SAMLResponse=PGEvPg%3D%3D&RelayState=").is_ok_and(|p| p.relay_state().is_none())
        );
        for (body, code) in [
            ("", "saml.form_field_missing"),
            ("RelayState=x", "saml.form_field_missing"),
            ("samlresponse=PGEvPg%3D%3D", "saml.form_field_missing"),
            ("SAMLResponse=PGEvPg%3D%3D&SAMLResponse=PGEvPg%3D%3D", "saml.form_field_repeated"),
            ("SAMLResponse=PGEvPg%3D%3D&RelayState=a&RelayState=b", "saml.form_field_repeated"),
            ("SAMLResponse=PGEvPg%3D%3D&SAMLRespons%65=PGEvPg%3D%3D", "saml.form_encoding"),
            ("SAMLResponse=PGEvPg%3", "saml.form_encoding"),
            ("SAMLResponse=PGEvPg", "saml.form_encoding"),
            ("SAMLResponse=PGEvPg-_", "saml.form_encoding"),
        ] {
            assert_eq!(form(body).map(|_| ()), Err(code), "{body}");
        }
        let long = format!("SAMLResponse=PGEvPg%3D%3D&RelayState={}", "x".repeat(81));
        assert_eq!(form(&long).map(|_| ()), Err("saml.relay_state_invalid"));
        let huge = format!("SAMLResponse={}", "A".repeat(FORM_LIMIT));
        assert_eq!(form(&huge).map(|_| ()), Err("saml.message_too_large"));
    }

    #[test]
    fn a_redirect_carries_the_message_and_keeps_the_query_of_the_endpoint() {
        let destination: EndpointUrl = "https://idp.example/sso?tenant=1".parse().expect("a URL");
        let relay: RelayState = "r+1".parse().expect("a relay state");
        let url =
            redirect(&destination, "<a/>", &relay, None, &[("login_hint", "a b&c")]).expect("ok");
        let query = url.strip_prefix("https://idp.example/sso?tenant=1&").expect("the endpoint");
        let mut parts = pairs(query.as_bytes());
        let (name, value) = parts.next().expect("a parameter");
        assert_eq!(name, b"SAMLRequest");
        let packed = base64_decode(&percent_decode(value).expect("text"), 1000).expect("base64");
        assert_eq!(inflate(&packed, 1000).as_deref(), Ok(b"<a/>".as_slice()));
        assert!(query.ends_with("&RelayState=r%2B1&login_hint=a%20b%26c"));
    }

    #[test]
    fn the_page_escapes_what_it_carries() {
        let destination: EndpointUrl = "https://idp.example/sso?a=1&b='2'".parse().expect("a URL");
        let relay: RelayState = "\"><script>".parse().expect("a relay state");
        let html = post(&destination, "<a/>", &relay).html();
        assert!(html.contains("action=\"https://idp.example/sso?a=1&amp;b=&#39;2&#39;\""));
        assert!(html.contains("value=\"&quot;&gt;&lt;script&gt;\""));
        assert!(!html.contains("onload"));
        assert_eq!(post(&destination, "", &relay).form_action(), "https://idp.example");
    }
}
