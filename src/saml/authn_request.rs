//! The question that we send (SAML Core 3.4.1).

use super::{HTTP_POST, NameId, SAML, SAMLP};
use crate::ids::{EndpointUrl, EntityId, MessageId};
use crate::time::UnixTime;
use crate::xml::Writer;

texts! {
    pub(crate) fn as_str;
    /// How strictly [`AuthnRequest::requested_authn_context`] is meant (SAML Core 3.3.2.2.1).
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    #[non_exhaustive]
    pub enum Comparison {
        /// One of the listed classes. The only one that Entra takes (AADSTS900235).
        #[default]
        Exact = "exact";
        /// At least as strong as one of them, as the identity provider ranks them.
        Minimum = "minimum";
        /// Stronger than all of them.
        Better = "better";
        /// As strong as possible, but no stronger than one of them.
        Maximum = "maximum";
    }
}

/// What to ask for in one login, beyond "who is this?". Entra works best with the default, nothing: it fails people
/// without a password when a context is requested (AADSTS75011), and a `NameIDPolicy` overrides what the administrator
/// chose.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct AuthnRequest {
    force_authn: bool,
    is_passive: bool,
    provider_name: Option<String>,
    /// Format and `AllowCreate`.
    name_id_policy: Option<(String, bool)>,
    contexts: Option<(Comparison, Vec<String>)>,
    scoping: Option<Scoping>,
    subject: Option<NameId>,
    login_hint: Option<String>,
    domain_hint: Option<String>,
}

/// `ProxyCount`, `IDPList` and each `RequesterID`.
type Scoping = (Option<u32>, Vec<EntityId>, Vec<EntityId>);

/// What every request says, whatever is asked.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) id: &'a MessageId,
    pub(crate) issue_instant: UnixTime,
    pub(crate) destination: &'a EndpointUrl,
    pub(crate) acs: &'a EndpointUrl,
    pub(crate) issuer: &'a EntityId,
}

impl AuthnRequest {
    /// Asks for nothing in particular.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The person must authenticate anew; an answer about an earlier time is refused.
        force_authn() { force_authn = true }
        /// The identity provider must show nothing. Without a session Entra answers AADSTS50058.
        is_passive() { is_passive = true }
        /// Our name for people to read. Entra ignores it.
        provider_name(name: impl Into<String>) { provider_name = Some(name.into()) }
        /// The kind of `NameID` that we want. For Entra it overrides what the administrator chose; only `persistent`,
        /// `emailAddress`, `unspecified`, `transient` are known (AADSTS75016). The answer is not held to it: look at the format of the name that came.
        name_id_policy(format: impl Into<String>, allow_create: bool) {
            name_id_policy = Some((format.into(), allow_create))
        }
        /// Which identity providers a proxy may ask, how many proxies there may be, and for whom (SAML Core 3.4.1.2).
        /// Entra supports none of it.
        scoping(proxy_count: Option<u32>, idp_list: Vec<EntityId>, requester_ids: Vec<EntityId>) {
            scoping = Some((proxy_count, idp_list, requester_ids))
        }
        /// Whom the answer must be about, in the message itself: one about another name, or the same in another format,
        /// is refused (SAML Core 3.4.1). Not for Entra, which refuses it (AADSTS900236): use
        /// [`login_hint`](Self::login_hint).
        subject(name_id: NameId) { subject = Some(name_id) }
        /// Fills in the user name on Entra's page: a query parameter beside the message.
        login_hint(hint: impl Into<String>) { login_hint = Some(hint.into()) }
        /// Leads straight to the home realm of this domain: a query parameter, like `whr`.
        domain_hint(hint: impl Into<String>) { domain_hint = Some(hint.into()) }
    }

    /// How the person must authenticate: classes such as `urn:oasis:names:tc:SAML:2.0:ac:classes:X509`. With
    /// [`Comparison::Exact`] the answer is refused unless it names one of them; of the others only the identity provider
    /// knows what is stronger, so look at [`Login::authn_statement`](crate::Login::authn_statement). Without any class no
    /// login begins. See the warning above about Entra.
    pub fn requested_authn_context<S: Into<String>>(
        mut self, comparison: Comparison, classes: impl IntoIterator<Item = S>,
    ) -> Self {
        self.contexts = Some((comparison, classes.into_iter().map(Into::into).collect()));
        self
    }

    getters! {
        pub(crate) fn must_authenticate_anew(&self) -> bool { self.force_authn }
        pub(crate) fn names_no_context(&self) -> bool {
            self.contexts.as_ref().is_some_and(|(_, classes)| classes.is_empty())
        }
        pub(crate) fn about(&self) -> Option<&NameId> { self.subject.as_ref() }
        /// The classes of which the answer must name one.
        pub(crate) fn exact_contexts(&self) -> &[String] {
            match &self.contexts { Some((Comparison::Exact, classes)) => classes, _ => &[] }
        }
    }

    /// Parameters beside the message.
    pub(crate) fn hints(&self) -> Vec<(&'static str, &str)> {
        let hints = [("login_hint", &self.login_hint), ("domain_hint", &self.domain_hint)];
        hints.into_iter().filter_map(|(name, hint)| Some((name, hint.as_deref()?))).collect()
    }

    /// The message, in the order of the schema. There is no `AssertionConsumerServiceIndex`: it and the URL exclude
    /// each other.
    pub(crate) fn to_xml(&self, envelope: &Envelope<'_>) -> String {
        let mut out = Writer::new();
        out.start("samlp:AuthnRequest").attribute("xmlns:samlp", SAMLP).attribute("xmlns:saml", SAML);
        out.attribute("ID", envelope.id.as_ref()).attribute("Version", "2.0");
        out.attribute("IssueInstant", &envelope.issue_instant.to_string());
        out.attribute("Destination", envelope.destination.as_ref());
        out.optional("ForceAuthn", self.force_authn.then_some("true"));
        out.optional("IsPassive", self.is_passive.then_some("true"));
        out.attribute("ProtocolBinding", HTTP_POST);
        out.attribute("AssertionConsumerServiceURL", envelope.acs.as_ref());
        out.optional("ProviderName", self.provider_name.as_deref());
        out.leaf("saml:Issuer", envelope.issuer.as_ref());
        if let Some(name) = &self.subject {
            name.write(out.start("saml:Subject"));
            out.end();
        }
        if let Some((format, create)) = &self.name_id_policy {
            out.start("samlp:NameIDPolicy").attribute("Format", format);
            out.optional("AllowCreate", create.then_some("true")).end();
        }
        if let Some((comparison, classes)) = &self.contexts {
            out.start("samlp:RequestedAuthnContext").attribute("Comparison", comparison.as_str());
            for class in classes {
                out.leaf("saml:AuthnContextClassRef", class);
            }
            out.end();
        }
        if let Some((proxies, idps, requesters)) = &self.scoping {
            let count = proxies.map(|count| count.to_string());
            out.start("samlp:Scoping").optional("ProxyCount", count.as_deref());
            if !idps.is_empty() {
                out.start("samlp:IDPList");
                for idp in idps {
                    out.start("samlp:IDPEntry").attribute("ProviderID", idp.as_ref()).end();
                }
                out.end();
            }
            for requester in requesters {
                out.leaf("samlp:RequesterID", requester.as_ref());
            }
        }
        out.finish()
    }
}
