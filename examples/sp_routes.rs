//! A whole service provider on standard input: another program is its browser, and the network between them.
//!
//! ```text
//! sp_routes --base URL --idp-metadata FILE [--sign] [--decrypt [--strict]] [--post] [--slo URL]
//! in : {"method":"GET", "target":"/saml/login?return_to=/", "headers":[["cookie","…"],…], "body":"text"?, "now":"RFC 3339"?}
//! out: {"status":303, "headers":[["location","…"],…], "body":"text", "outcome":"SignedIn", "code":"saml.…"|null,
//!       "message":"…"|null, "login":{"issuer":"…", "name_id":{…}, "session_index":"…"|null, "attributes":{…}}|null,
//!       "session":"who is signed in now"|null, "ended":how many sessions ended?, "extent":"Everywhere"?}
//! ```
//! One JSON object a line, and one a line in answer, in order. `--sign` signs what it sends with a published test key,
//! `--decrypt` decrypts with another one, `--strict` takes only what is encrypted, and CBC only if somebody vouches for it,
//! `--post` sends by HTTP-POST where it has the choice, `--slo` is where logout messages come to. Whoever signs in gets a
//! session, by a cookie of that name. Addresses with `http` are allowed here.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, Write};

use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::saml::Binding;
use entra_sso::sp::{LogoutHandle, Service};
use entra_sso::testing::TestKey;
use entra_sso::{CookieKey, Login, MemoryReplayCache, MetadataTrust, ServiceProvider, SystemRandom, UnixTime, danger};
use http::Request;
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Default)]
struct Arguments {
    base: String,
    idp_metadata: String,
    slo: Option<String>,
    sign: bool,
    decrypt: bool,
    strict: bool,
    post: bool,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut found = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--base" => found.base = value()?,
                "--idp-metadata" => found.idp_metadata = value()?,
                "--slo" => found.slo = Some(value()?),
                "--sign" => found.sign = true,
                "--decrypt" => found.decrypt = true,
                "--strict" => found.strict = true,
                "--post" => found.post = true,
                _ => return Err(format!("{word} is no option")),
            }
        }
        Ok(found)
    }
}

/// One request of the browser's.
#[derive(Debug, Deserialize)]
struct Asked {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    now: Option<String>,
}

/// The application: its sessions, by the number in the cookie.
struct Application {
    routes: Routes,
    sessions: BTreeMap<usize, Session>,
    opened: usize,
}

struct Session {
    name: String,
    handle: LogoutHandle,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let sp = service_provider(&arguments)?;
    let routes = Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::default());
    let mut application = Application { routes, sessions: BTreeMap::new(), opened: 0 };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", application.answer(serde_json::from_str(&line?)?)?)?;
        out.flush()?;
    }
    Ok(())
}

fn service_provider(arguments: &Arguments) -> Result<ServiceProvider, Box<dyn Error>> {
    let (metadata, now) = (std::fs::read(&arguments.idp_metadata)?, UnixTime::now());
    let idp = danger::metadata_with_plain_http(None, &metadata, MetadataTrust::ConfiguredByAdmin, now)?;
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
    if arguments.strict {
        sp = sp.requiring_encryption().refusing_unauthenticated_encryption();
    }
    if arguments.post {
        sp = sp.with_request_binding(Binding::Post);
    }
    if let Some(slo) = &arguments.slo {
        sp = sp.with_single_logout_service(danger::plain_http(slo)?);
    }
    Ok(sp.with_service(service))
}

impl Application {
    fn answer(&mut self, asked: Asked) -> Result<Value, Box<dyn Error>> {
        let now = asked.now.map(|text| text.parse()).transpose()?.unwrap_or_else(UnixTime::now);
        let request = Request::builder().method(&*asked.method).uri(asked.target);
        let request = asked.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let request = request.body(asked.body.unwrap_or_default().into_bytes())?;
        let (mut session, before) = (session(&request), self.sessions.len());
        let rng = SystemRandom::default();
        let mut outcome = self.routes.handle_at(&request, now, &rng);
        if let Outcome::LogoutWanted(return_to) = outcome {
            let ended = session.and_then(|number| self.sessions.remove(&number));
            outcome = self.routes.sign_out(&request, ended.as_ref().map(|ended| &ended.handle), return_to, now, &rng);
        }
        let ended = before - self.sessions.len();
        let (response, mut told) = match outcome {
            Outcome::SignedIn(login, mut response) => {
                self.opened += 1;
                session = Some(self.opened);
                let opened = Session { name: login.name_id().value.clone(), handle: login.logout_handle() };
                self.sessions.insert(self.opened, opened);
                let cookie = format!("session={}; Path=/; HttpOnly; SameSite=Lax", self.opened);
                response.headers.push(("set-cookie", cookie));
                (response, json!({ "outcome": "SignedIn", "login": describe(&login) }))
            }
            Outcome::LogoutRequested(theirs, response) => {
                self.sessions.retain(|_, session| !theirs.ends(&session.handle));
                (response, json!({ "outcome": "LogoutRequested", "ended": before - self.sessions.len() }))
            }
            Outcome::SignedOut(done, response) => {
                (response, json!({ "outcome": "SignedOut", "extent": format!("{:?}", done.extent()) }))
            }
            Outcome::Respond(response) => (response, json!({ "outcome": "Respond", "ended": ended })),
            Outcome::AlreadyAnswered(error, response) => (response, problem("AlreadyAnswered", &error)),
            Outcome::Refused(error, response) => (response, problem("Refused", &error)),
            _ => (HttpResponse::html(200, "default-src 'none'", "a page".to_owned()), json!({ "outcome": "NotOurs" })),
        };
        if let Some(told) = told.as_object_mut() {
            let name = session.and_then(|number| self.sessions.get(&number)).map(|session| &session.name);
            told.insert("status".to_owned(), response.status.into());
            told.insert("headers".to_owned(), json!(response.headers));
            told.insert("body".to_owned(), String::from_utf8(response.body)?.into());
            told.insert("session".to_owned(), json!(name));
        }
        Ok(told)
    }
}

fn problem(outcome: &str, error: &entra_sso::Error) -> Value {
    json!({ "outcome": outcome, "code": error.code(), "message": error.to_string() })
}

/// The session that the browser's cookie names.
fn session(request: &Request<Vec<u8>>) -> Option<usize> {
    let mut cookies = request.headers().get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    cookies.find_map(|value| value.split("; ").find_map(|cookie| cookie.strip_prefix("session=")?.parse().ok()))
}

fn describe(login: &Login) -> Value {
    let mut attributes = Map::new();
    for attribute in login.attributes().iter() {
        let values = attributes.entry(attribute.name()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.extend(attribute.values().map(Value::from));
        }
    }
    let name = login.name_id();
    json!({
        "issuer": login.issuer(), "name_id": { "value": name.value, "format": name.format },
        "session_index": login.session_index(), "attributes": attributes,
    })
}
