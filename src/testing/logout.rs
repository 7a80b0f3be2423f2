//! Single logout from the other side: reads our messages, and makes those of the identity provider.

use super::{TestIdp, TestKey};
use crate::crypto::{Method as _, SignatureMethod, SigningKey};
use crate::dsig::{Placement, SignatureStyle, sign_element};
use crate::encoding::{base64_decode, base64_encode, deflate, inflate, pairs, percent_decode, percent_encode};
use crate::ids::EndpointUrl;
use crate::saml::{LogoutMessage, NameId, Outgoing, SAML, SAMLP};
use crate::sp::LogoutHandle;
use crate::time::UnixTime;
use crate::xml::{Document, Element, Limits, Writer};

/// A logout message of ours, as an identity provider reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReceivedLogout {
    /// `LogoutRequest` or `LogoutResponse`.
    pub kind: String,
    /// Its `ID`.
    pub id: String,
    /// Who asks or answers.
    pub issuer: String,
    /// Where it goes.
    pub destination: String,
    /// Of a request: who is to be signed out, and in which format the name is.
    pub name_id: Option<(String, Option<String>)>,
    /// Of a request: the sessions that are to end.
    pub session_indexes: Vec<String>,
    /// Of a response: the request that it answers.
    pub in_response_to: Option<String>,
    /// Of a response: the top-level code of its status.
    pub status: Option<String>,
    /// What travels beside it.
    pub relay_state: Option<String>,
    /// Whether a signature stands in the query or in the message; nobody looked whether it is good.
    pub is_signed: bool,
    /// The message itself.
    pub xml: String,
}

impl ReceivedLogout {
    /// Reads what a service provider hands to the browser; `None` if it is no logout message.
    #[must_use]
    pub fn from_outgoing(outgoing: &Outgoing) -> Option<Self> {
        let (fields, is_redirect): (Vec<(String, String)>, _) = match outgoing {
            Outgoing::Redirect(url) => {
                let query = pairs(url.split_once('?')?.1.as_bytes());
                let text = |part| percent_decode(part).ok();
                (query.map(|(name, value)| Some((text(name)?, text(value)?))).collect::<Option<_>>()?, true)
            }
            Outgoing::Post(form) => {
                (form.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), false)
            }
        };
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let bytes =
            base64_decode(field("SAMLRequest").or_else(|| field("SAMLResponse"))?, Limits::MESSAGE.bytes).ok()?;
        let bytes = if is_redirect { inflate(&bytes, Limits::MESSAGE.bytes).ok()? } else { bytes };
        let xml = String::from_utf8(bytes).ok()?;
        let document = Document::parse_str(&xml, &Limits::MESSAGE).ok()?;
        let root = document.root();
        let child = |namespace, name| root.elements().find(|child| child.is(namespace, name));
        let text = |element: Element<'_>| element.text().ok().map(str::to_owned);
        let name = child(SAML, "NameID");
        let indexes = root.elements().filter(|child| child.is(SAMLP, "SessionIndex"));
        let code = child(SAMLP, "Status").and_then(|status| status.elements().next());
        let received = Self {
            kind: root.local_name().to_owned(),
            id: root.attribute("ID")?.to_owned(),
            issuer: text(child(SAML, "Issuer")?)?,
            destination: root.attribute("Destination")?.to_owned(),
            name_id: name.and_then(|name| Some((text(name)?, name.attribute("Format").map(str::to_owned)))),
            session_indexes: indexes.filter_map(text).collect(),
            in_response_to: root.attribute("InResponseTo").map(str::to_owned),
            status: code.and_then(|code| code.attribute("Value")).map(str::to_owned),
            relay_state: field("RelayState"),
            is_signed: field("Signature").is_some() || crate::dsig::signature_of(root).is_some(),
            xml: String::new(),
        };
        drop(document);
        Some(Self { xml, ..received })
    }
}

/// A logout message under preparation. As it comes from [`TestIdp`] it is good; each method makes one thing different.
/// `None` leaves the thing out.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestLogout {
    in_response_to: Option<String>,
    /// Of a response only: its code, and one below it.
    status: Option<(String, Option<String>)>,
    id: String,
    now: UnixTime,
    issuer: String,
    destination: Option<String>,
    name_id: Option<NameId>,
    session_indexes: Vec<String>,
    not_on_or_after: Option<UnixTime>,
    relay_state: Option<String>,
    key: Option<TestKey>,
    lower_case: bool,
    algorithm: String,
    before_signing: Vec<(String, String)>,
    after_signing: Vec<(String, String)>,
}

impl TestIdp {
    /// Prepares a request to end the session that `handle` was kept for, as Entra ID sends it: under another name, without
    /// a format.
    pub fn logout_request(&self, handle: &LogoutHandle, slo: &EndpointUrl, now: UnixTime) -> TestLogout {
        let mut request = TestLogout::new(self, slo, now);
        request.name_id = Some(NameId::new("pairwise-name", None));
        request.session_indexes = handle.session_indexes().to_vec();
        request
    }

    /// Prepares the answer to a request of ours; `None` if it is none.
    #[must_use]
    pub fn logout_response(&self, request: &Outgoing, slo: &EndpointUrl, now: UnixTime) -> Option<TestLogout> {
        let request = ReceivedLogout::from_outgoing(request).filter(|found| found.kind == "LogoutRequest")?;
        let mut response = TestLogout::new(self, slo, now);
        response.in_response_to = Some(request.id);
        response.status = Some(("Success".to_owned(), None));
        response.relay_state = request.relay_state;
        Some(response)
    }
}

impl TestLogout {
    fn new(idp: &TestIdp, slo: &EndpointUrl, now: UnixTime) -> Self {
        Self {
            in_response_to: None,
            status: None,
            id: format!("_l{}", now.as_millis()),
            now,
            issuer: idp.entity_id().to_owned(),
            destination: Some(slo.to_string()),
            name_id: None,
            session_indexes: Vec::new(),
            not_on_or_after: None,
            relay_state: None,
            key: Some(idp.signs),
            lower_case: true,
            algorithm: SignatureMethod::RsaSha256.uri().to_owned(),
            before_signing: Vec::new(),
            after_signing: Vec::new(),
        }
    }

    setters! {
        /// Its `ID`. The same again is a replay.
        id(id: &str) { id = id.to_owned() }
        /// `Issuer`.
        issuer(issuer: &str) { issuer = issuer.to_owned() }
        /// `Destination`.
        destination(destination: Option<&str>) { destination = destination.map(str::to_owned) }
        /// Of a request: who is to be signed out.
        name_id(name: NameId) { name_id = Some(name) }
        /// Of a request: which sessions are to end.
        session_indexes(indexes: &[&str]) { session_indexes = indexes.iter().map(|index| (*index).to_owned()).collect() }
        /// Of a request: until when it is good.
        not_on_or_after(end: Option<UnixTime>) { not_on_or_after = end }
        /// When it was made.
        issue_instant(instant: UnixTime) { now = instant }
        /// Of a response: the request that it answers.
        in_response_to(id: Option<&str>) { in_response_to = id.map(str::to_owned) }
        /// Of a response: what became of it, with a code below.
        status(code: &str, subcode: Option<&str>) {
            status = Some((code.to_owned(), subcode.map(str::to_owned)))
        }
        /// What travels beside it.
        relay_state(relay_state: Option<&str>) { relay_state = relay_state.map(str::to_owned) }
        /// Whose key signs; `None` for no signature.
        key(key: Option<TestKey>) { key = key }
        /// Writes percent-encoding in upper case; Entra's is in lower case.
        upper_case() { lower_case = false }
        /// What `SigAlg` says; RSA-SHA256 is used all the same.
        algorithm(uri: &str) { algorithm = uri.to_owned() }
    }

    /// Replaces text in the XML before it is signed: what a strange identity provider would do.
    pub fn replace_before_signing(mut self, from: &str, to: &str) -> Self {
        self.before_signing.push((from.to_owned(), to.to_owned()));
        self
    }

    /// Replaces text in the XML after it was signed, for [`form`](Self::form): what an attacker would do.
    pub fn replace_after_signing(mut self, from: &str, to: &str) -> Self {
        self.after_signing.push((from.to_owned(), to.to_owned()));
        self
    }

    const fn parameter(&self) -> &'static str {
        if self.status.is_some() { "SAMLResponse" } else { "SAMLRequest" }
    }

    /// The message, without a signature.
    #[must_use]
    pub fn xml(&self) -> String {
        let mut out = Writer::new();
        out.start(if self.status.is_some() { "samlp:LogoutResponse" } else { "samlp:LogoutRequest" });
        out.attribute("ID", &self.id).attribute("Version", "2.0");
        out.attribute("IssueInstant", &self.now.to_string());
        out.optional("Destination", self.destination.as_deref());
        let end = self.not_on_or_after.map(|end| end.to_string());
        out.optional("NotOnOrAfter", end.as_deref());
        out.optional("InResponseTo", self.in_response_to.as_deref()).attribute("xmlns:samlp", SAMLP);
        out.start("Issuer").attribute("xmlns", SAML).text(&self.issuer).end();
        if let Some((code, subcode)) = &self.status {
            let urn = |code: &str| format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
            out.start("samlp:Status").start("samlp:StatusCode").attribute("Value", &urn(code));
            if let Some(subcode) = subcode {
                out.start("samlp:StatusCode").attribute("Value", &urn(subcode)).end();
            }
        } else if let Some(name) = &self.name_id {
            out.start("NameID").attribute("xmlns", SAML).optional("Format", name.format.as_deref());
            out.optional("NameQualifier", name.name_qualifier.as_deref());
            out.optional("SPNameQualifier", name.sp_name_qualifier.as_deref());
            out.text(&name.value).end();
            for index in &self.session_indexes {
                out.leaf("samlp:SessionIndex", index);
            }
        }
        self.before_signing.iter().fold(out.finish(), |xml, (from, to)| xml.replace(from.as_str(), to))
    }

    /// The query of the GET request that carries it.
    #[must_use]
    pub fn query(&self) -> String {
        let encode = |text: &str| {
            let encoded = percent_encode(text);
            if self.lower_case { lower_case(&encoded) } else { encoded }
        };
        let message = encode(&base64_encode(&deflate(self.xml().as_bytes())));
        let mut query = format!("{}={message}", self.parameter());
        if let Some(relay_state) = &self.relay_state {
            query.extend(["&RelayState=", &encode(relay_state)]);
        }
        if let Some(key) = self.key {
            query.extend(["&SigAlg=", &encode(&self.algorithm)]);
            let signature = sign_octets(&key.signing_key(), query.as_bytes());
            query.extend(["&Signature=", &encode(&base64_encode(&signature))]);
        }
        query
    }

    /// The body of the POST request that carries it.
    #[must_use]
    pub fn form(&self) -> Vec<u8> {
        let (xml, style) = (self.xml(), SignatureStyle::DefaultNamespace);
        let sign = |key: TestKey| {
            sign_element(&xml, Placement::AfterIssuer, style, &key.signing_key(), &key.certificate()).ok().flatten()
        };
        let signed = self.key.and_then(sign).unwrap_or_else(|| xml.clone());
        let edited = self.after_signing.iter().fold(signed, |xml, (from, to)| xml.replace(from.as_str(), to));
        let mut form = format!("{}={}", self.parameter(), percent_encode(&base64_encode(edited.as_bytes())));
        if let Some(relay_state) = &self.relay_state {
            form.extend(["&RelayState=", &percent_encode(relay_state)]);
        }
        form.into_bytes()
    }

    getters! {
        /// As a service provider reads it in a query.
        ///
        /// # Panics
        /// When it was edited so that none can.
        pub fn message(&self) -> LogoutMessage {
            LogoutMessage::from_query(&self.query()).expect("a query that can be read")
        }
    }
}

/// The query that carries a message of any kind, signed by a key or by nobody: what an attacker makes, or a careless
/// identity provider.
#[must_use]
pub fn redirect_query(parameter: &str, xml: &str, key: Option<TestKey>) -> String {
    let mut query = format!("{parameter}={}", percent_encode(&base64_encode(&deflate(xml.as_bytes()))));
    if let Some(key) = key {
        query.extend(["&SigAlg=", &percent_encode(SignatureMethod::RsaSha256.uri())]);
        query.extend([
            "&Signature=",
            &percent_encode(&base64_encode(&sign_octets(&key.signing_key(), query.as_bytes()))),
        ]);
    }
    query
}

/// Signs octets as a query is signed, with RSA-SHA256; empty without randomness.
#[must_use]
pub fn sign_octets(key: &SigningKey, octets: &[u8]) -> Vec<u8> {
    key.sign(octets).unwrap_or_default()
}

/// Nothing in a percent-encoded value but its escapes has a `%` before it.
fn lower_case(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len());
    let mut left = 0_u8;
    for c in encoded.chars() {
        out.push(if left > 0 { c.to_ascii_lowercase() } else { c });
        left = if c == '%' { 2 } else { left.saturating_sub(1) };
    }
    out
}
