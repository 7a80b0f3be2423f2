//! Prints the messages of a service provider, for other programs to check.
//!
//! ```text
//! sp_messages metadata           --base URL [--idp-metadata FILE] [--sign] [--decrypt] [--everything]
//! sp_messages authn-request      --base URL --idp-metadata FILE   [--sign] [--everything] [--url]
//! sp_messages authn-request-post --base URL --idp-metadata FILE   [--sign] [--everything]
//! sp_messages logout-request     --base URL --idp-metadata FILE    --sign  [--url]
//! sp_messages logout-request-post --base URL --idp-metadata FILE   --sign
//! sp_messages logout-response    --base URL                        --sign
//! ```
//!
//! `--sign` signs requests with a published test key, and the metadata too if it is to have `--everything` that can be
//! in it; `--decrypt` shows the key there that `sp_routes` decrypts with. `--url` prints the URL that carries the
//! request instead of the XML. The last line of standard error is a JSON object with `request_id` and `relay_state`.

use std::error::Error;

use entra_sso::danger;
use entra_sso::saml::{AuthnRequest, Binding, Comparison, Contact, ContactType, NameId, Organization, Outgoing};
use entra_sso::sp::{LogoutHandle, LogoutReply, LogoutStyle, Service};
use entra_sso::testing::{ReceivedLogout, ReceivedRequest, TestIdp, TestKey};
use entra_sso::{MemoryReplayCache, MetadataTrust, ReturnTo, ServiceProvider, SystemRandom, UnixTime};

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

#[derive(Default)]
struct Arguments {
    command: String,
    base: String,
    idp_metadata: Option<String>,
    sign: bool,
    decrypt: bool,
    everything: bool,
    url: bool,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut found = Self { command: words.next().unwrap_or_default(), ..Self::default() };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--base" => found.base = value()?,
                "--idp-metadata" => found.idp_metadata = Some(value()?),
                "--sign" => found.sign = true,
                "--decrypt" => found.decrypt = true,
                "--everything" => found.everything = true,
                "--url" => found.url = true,
                _ => return Err(format!("{word} is no option")),
            }
        }
        Ok(found)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let sp = service_provider(&arguments)?;
    match arguments.command.as_str() {
        "metadata" => println!("{}", sp.metadata()?),
        "authn-request" => print_request(&sp, Binding::Redirect, &arguments)?,
        "authn-request-post" => print_request(&sp, Binding::Post, &arguments)?,
        "logout-request" => print_logout(&sp, Binding::Redirect, arguments.url)?,
        "logout-request-post" => print_logout(&sp, Binding::Post, arguments.url)?,
        "logout-response" => print_logout_response(&sp)?,
        other => return Err(format!("{other:?} is no command; see the head of this file").into()),
    }
    Ok(())
}

fn service_provider(arguments: &Arguments) -> Result<ServiceProvider, Box<dyn Error>> {
    let now = UnixTime::now();
    let idp = match &arguments.idp_metadata {
        Some(file) => {
            let trust = MetadataTrust::ConfiguredByAdmin;
            danger::metadata_with_plain_http(None, &std::fs::read(file)?, trust, now)?
        }
        None => TestIdp::new().identity_provider(now)?,
    };
    let mut sp = ServiceProvider::at(&danger::plain_http(&arguments.base)?, idp);
    let mut service = Service::new();
    if arguments.sign {
        let key = TestKey::ServiceProvider;
        service = service.with_signing_key(key.signing_key(), key.certificate())?;
        sp = sp.signing_requests();
    }
    if arguments.decrypt {
        let key = TestKey::Other;
        service = service.with_decryption_key(key.decryption_key(), key.certificate())?;
    }
    if arguments.sign && arguments.everything {
        service = service.signing_metadata();
    }
    if arguments.everything {
        let page = "https://www.example.org/?a=1&b=2".parse()?;
        service = service
            .publishing_signing_certificate(TestKey::Other.certificate())
            .with_decryption_key(TestKey::ServiceProvider.decryption_key(), TestKey::ServiceProvider.certificate())?
            .publishing_encryption_certificate(TestKey::Other.certificate())
            .with_name_id_format(PERSISTENT)
            .with_name_id_format(EMAIL)
            .with_organization(Organization::new("Example & Co", "Beispiel <Österreich>", page))
            .with_contact(Contact::new(ContactType::Technical, "it@example.org").named("Zoë O'Neil"))
            .with_contact(Contact::new(ContactType::Support, "help@example.org"));
    }
    Ok(sp.with_service(service))
}

fn everything() -> Result<AuthnRequest, Box<dyn Error>> {
    let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";
    let idps = vec!["https://idp.example/".parse()?, "https://other.example/".parse()?];
    Ok(AuthnRequest::new()
        .force_authn()
        .is_passive()
        .provider_name("Example & \"Co\" <Österreich>")
        .subject(NameId::new("zoë@example.org", Some(EMAIL)))
        .name_id_policy(PERSISTENT, true)
        .requested_authn_context(Comparison::Exact, [class, "urn:example:class"])
        .scoping(Some(2), idps, vec!["https://requester.example/".parse()?])
        .login_hint("zoë@example.org")
        .domain_hint("example.org"))
}

fn print_request(sp: &ServiceProvider, binding: Binding, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let request = if arguments.everything { everything()? } else { AuthnRequest::new() };
    let sp = sp.clone().with_request_binding(binding);
    let started = sp.start_login_with(&request, ReturnTo::default(), UnixTime::now(), &SystemRandom::default())?;
    match &started.outgoing {
        Outgoing::Redirect(url) if arguments.url => println!("{url}"),
        outgoing => {
            let sent = ReceivedRequest::from_outgoing(outgoing).ok_or("the request is no request")?;
            println!("{}", sent.xml);
        }
    }
    let (id, relay_state) = (started.pending.request_id(), started.pending.relay_state());
    eprintln!("{}", serde_json::json!({ "request_id": id.as_ref(), "relay_state": relay_state.as_ref() }));
    Ok(())
}

/// For the sessions of somebody with every qualifier that there is.
fn print_logout(sp: &ServiceProvider, binding: Binding, url: bool) -> Result<(), Box<dyn Error>> {
    let handle: LogoutHandle = serde_json::from_value(serde_json::json!({
        "issuer": sp.identity_provider().entity_id(), "name_id": "zoë & <co>", "format": PERSISTENT,
        "name_qualifier": "https://idp.example/", "sp_name_qualifier": "a\"b", "session_indexes": ["_1", "2 & 3"],
    }))?;
    let sp = sp.clone().with_request_binding(binding).with_logout_style(LogoutStyle::Saml);
    let started = sp.start_logout(&handle, ReturnTo::default(), UnixTime::now(), &SystemRandom::default())?;
    match &started.outgoing {
        Outgoing::Redirect(location) if url => println!("{location}"),
        outgoing => println!("{}", ReceivedLogout::from_outgoing(outgoing).ok_or("no logout message")?.xml),
    }
    Ok(())
}

/// To a request of the identity provider of `testing`.
fn print_logout_response(sp: &ServiceProvider) -> Result<(), Box<dyn Error>> {
    let (now, rng) = (UnixTime::now(), SystemRandom::default());
    let handle: LogoutHandle =
        serde_json::from_value(serde_json::json!({ "issuer": TestIdp::new().entity_id(), "name_id": "zoë" }))?;
    let request = TestIdp::new().logout_request(&handle, sp.single_logout_service(), now).message();
    let sp = sp.clone().with_logout_style(LogoutStyle::Saml);
    let request = sp.finish_logout_request(&request, now, &MemoryReplayCache::default())?;
    let LogoutReply::Message(outgoing) = sp.answer_logout(&request, true, now, &rng)? else {
        return Err("no answer".into());
    };
    println!("{}", ReceivedLogout::from_outgoing(&outgoing).ok_or("no logout message")?.xml);
    Ok(())
}
