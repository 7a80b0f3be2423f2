//! The question that we send (SAML Core 3.4.1).

use super::{HTTP_POST, NameId, SAML, SAMLP};
use crate::ids::{EndpointUrl, EntityId, MessageId};
use crate::time::UnixTime;
use crate::xml::Writer;

/// How strictly [`AuthnRequest::requested_authn_context`] is meant (SAML Core 3.3.2.2.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Comparison {
    /// One of the listed classes. The only one that Entra takes (AADSTS900235).
    #[default]
    Exact,
    /// At least as strong as one of them, as the identity provider ranks them.
    Minimum,
    /// Stronger than all of them.
    Better,
    /// As strong as possible, but no stronger than one of them.
    Maximum,
}

impl Comparison {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Minimum => "minimum",
            Self::Better => "better",
            Self::Maximum => "maximum",
        }
    }
}

/// What to ask for in one login, beyond "who is this?". The default asks for nothing more, which is
/// what Entra works best with: it fails people without a password when a context is requested
/// (AADSTS75011), and a `NameIDPolicy` overrides what the administrator chose.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct AuthnRequest {
    force_authn: bool,
    is_passive: bool,
    provider_name: Option<String>,
    name_id_policy: Option<NameIdPolicy>,
    contexts: Option<(Comparison, Vec<String>)>,
    scoping: Option<Scoping>,
    subject: Option<NameId>,
    login_hint: Option<String>,
    domain_hint: Option<String>,
}

#[derive(Clone, Debug)]
struct NameIdPolicy {
    format: String,
    allow_create: bool,
}

#[derive(Clone, Debug)]
struct Scoping {
    proxy_count: Option<u32>,
    idp_list: Vec<EntityId>,
    requester_ids: Vec<EntityId>,
}

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

    /// The person must authenticate anew, whatever session there is. The answer is refused if it
    /// speaks of an earlier authentication.
    pub fn force_authn(mut self) -> Self {
        self.force_authn = true;
        self
    }

    /// The identity provider must not show anything. Without a session Entra answers AADSTS50058.
    pub fn is_passive(mut self) -> Self {
        self.is_passive = true;
        self
    }

    /// Our name for people to read. Entra ignores it.
    pub fn provider_name(mut self, name: impl Into<String>) -> Self {
        self.provider_name = Some(name.into());
        self
    }

    /// The kind of `NameID` that we want. For Entra it overrides what the administrator chose, and
    /// only `persistent`, `emailAddress`, `unspecified` and `transient` are known (AADSTS75016).
    pub fn name_id_policy(mut self, format: impl Into<String>, allow_create: bool) -> Self {
        self.name_id_policy = Some(NameIdPolicy { format: format.into(), allow_create });
        self
    }

    /// How the person must authenticate: classes such as
    /// `urn:oasis:names:tc:SAML:2.0:ac:classes:X509`. With [`Comparison::Exact`] the answer is
    /// refused unless it names one of them. See the warning above about Entra.
    pub fn requested_authn_context<S: Into<String>>(
        mut self,
        comparison: Comparison,
        classes: impl IntoIterator<Item = S>,
    ) -> Self {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        self.contexts = (!classes.is_empty()).then_some((comparison, classes));
        self
    }

    /// Which identity providers a proxy may ask, how many proxies there may be, and for whom
    /// (SAML Core 3.4.1.2). Entra supports none of it.
    pub fn scoping(
        mut self,
        proxy_count: Option<u32>,
        idp_list: Vec<EntityId>,
        requester_ids: Vec<EntityId>,
    ) -> Self {
        self.scoping = Some(Scoping { proxy_count, idp_list, requester_ids });
        self
    }

    /// Whom the answer must be about, in the message itself. Not for Entra, which refuses it
    /// (AADSTS900236): use [`login_hint`](Self::login_hint).
    pub fn subject(mut self, name_id: NameId) -> Self {
        self.subject = Some(name_id);
        self
    }

    /// Fills in the user name on Entra's page: a query parameter beside the message.
    pub fn login_hint(mut self, hint: impl Into<String>) -> Self {
        self.login_hint = Some(hint.into());
        self
    }

    /// Sends the person straight to the home realm of this domain: a query parameter beside the
    /// message (`whr` has the same meaning).
    pub fn domain_hint(mut self, hint: impl Into<String>) -> Self {
        self.domain_hint = Some(hint.into());
        self
    }

    pub(crate) fn must_authenticate_anew(&self) -> bool {
        self.force_authn
    }

    /// The classes of which the answer must name one.
    pub(crate) fn exact_contexts(&self) -> &[String] {
        match &self.contexts {
            Some((Comparison::Exact, classes)) => classes,
            _ => &[],
        }
    }

    /// Parameters beside the message.
    pub(crate) fn hints(&self) -> Vec<(&'static str, &str)> {
        let login = self.login_hint.as_deref().map(|hint| ("login_hint", hint));
        let domain = self.domain_hint.as_deref().map(|hint| ("domain_hint", hint));
        login.into_iter().chain(domain).collect()
    }

    /// The message, in the order of the schema. There is no `AssertionConsumerServiceIndex`: it and
    /// the URL exclude each other.
    pub(crate) fn to_xml(&self, envelope: &Envelope<'_>) -> String {
        let mut out = Writer::new();
        out.start("samlp:AuthnRequest")
            .attribute("xmlns:samlp", SAMLP)
            .attribute("xmlns:saml", SAML)
            .attribute("ID", envelope.id.as_ref())
            .attribute("Version", "2.0")
            .attribute("IssueInstant", &envelope.issue_instant.to_string())
            .attribute("Destination", envelope.destination.as_ref())
            .optional("ForceAuthn", self.force_authn.then_some("true"))
            .optional("IsPassive", self.is_passive.then_some("true"))
            .attribute("ProtocolBinding", HTTP_POST)
            .attribute("AssertionConsumerServiceURL", envelope.acs.as_ref())
            .optional("ProviderName", self.provider_name.as_deref())
            .leaf("saml:Issuer", envelope.issuer.as_ref());
        self.write_subject(&mut out);
        if let Some(policy) = &self.name_id_policy {
            out.start("samlp:NameIDPolicy")
                .attribute("Format", &policy.format)
                .optional("AllowCreate", policy.allow_create.then_some("true"))
                .end();
        }
        if let Some((comparison, classes)) = &self.contexts {
            out.start("samlp:RequestedAuthnContext").attribute("Comparison", comparison.as_str());
            for class in classes {
                out.leaf("saml:AuthnContextClassRef", class);
            }
            out.end();
        }
        self.write_scoping(&mut out);
        out.finish()
    }

    fn write_subject(&self, out: &mut Writer) {
        if let Some(name) = &self.subject {
            out.start("saml:Subject").start("saml:NameID");
            out.optional("NameQualifier", name.name_qualifier.as_deref())
                .optional("SPNameQualifier", name.sp_name_qualifier.as_deref())
                .optional("Format", name.format.as_deref())
                .text(&name.value);
            out.end().end();
        }
    }

    fn write_scoping(&self, out: &mut Writer) {
        let Some(scoping) = &self.scoping else { return };
        let count = scoping.proxy_count.map(|count| count.to_string());
        out.start("samlp:Scoping").optional("ProxyCount", count.as_deref());
        if !scoping.idp_list.is_empty() {
            out.start("samlp:IDPList");
            for idp in &scoping.idp_list {
                out.start("samlp:IDPEntry").attribute("ProviderID", idp.as_ref()).end();
            }
            out.end();
        }
        for requester in &scoping.requester_ids {
            out.leaf("samlp:RequesterID", requester.as_ref());
        }
        out.end();
    }
}
