//! The support engineer's tool: judges captured messages offline, and says why.
//!
//! For people:
//! ```text
//! inspect response answer.txt --idp-metadata idp.xml --sp-entity-id https://app.example/saml/metadata \
//!     --acs-url https://app.example/saml/acs --in-response-to _1f2e… --now 2026-01-31T12:00:00Z
//! inspect logout_request query.txt --binding redirect --idp-metadata idp.xml --sp-entity-id … --slo-url …
//! inspect metadata idp.xml
//! ```
//! For machines: `inspect --jsonl` reads one JSON object a line and writes one a line, in order.
//!
//! Of a logout message by `redirect`, the text is the query as it was sent: a signature is over its raw bytes.
//!
//! It has no way of its own to a verdict: it calls what an application calls.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use entra_sso::entra::Groups;
use entra_sso::saml::{Binding, BindingError, Extent, LogoutMessage};
use entra_sso::sp::{LogoutRequest, Service, Unsolicited};
use entra_sso::{
    Certificate, DecryptionKey, Error, IdentityProvider, Login, MemoryReplayCache, MetadataTrust, PostedResponse,
    Rejection, ServiceProvider, UnixTime, danger,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One message to judge, with everything that an application would know.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Case {
    id: Value,
    kind: String,
    text: Option<String>,
    file: Option<String>,
    encoding: Option<String>,
    binding: Option<String>,
    idp_metadata_file: Option<String>,
    idp_cert_file: Option<String>,
    idp_entity_id: Option<String>,
    sp_entity_id: Option<String>,
    audiences: Option<Vec<String>>,
    acs_url: Option<String>,
    slo_url: Option<String>,
    in_response_to: Option<String>,
    allow_unsolicited: Option<bool>,
    now: Option<String>,
    clock_skew_s: Option<u64>,
    sp_key_file: Option<String>,
    allow_sha1: Option<bool>,
    allow_expired_certificate: Option<bool>,
}

/// Either the judgement went wrong (`Refused`: that is a verdict), or the question did.
enum Problem {
    Refused(Error),
    Question(String),
}

impl<E: Into<Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

fn main() -> std::io::Result<std::process::ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--jsonl"] => judge_lines().map(|()| std::process::ExitCode::SUCCESS),
        [kind @ ("response" | "metadata" | "logout_request" | "logout_response"), rest @ ..] => {
            Ok(judge_for_people(kind, rest))
        }
        _ => {
            eprintln!("usage: inspect --jsonl | inspect KIND FILE [--flag VALUE …]");
            eprintln!("kinds: response, metadata, logout_request, logout_response");
            eprintln!("flags: the fields of --jsonl, such as --idp-metadata-file, --sp-entity-id, --now");
            Ok(std::process::ExitCode::from(2))
        }
    }
}

fn judge_lines() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().split(b'\n') {
        writeln!(out, "{}", answer_line(&line?))?;
    }
    Ok(())
}

/// The answer to one line.
pub(crate) fn answer_line(line: &[u8]) -> Value {
    // As a map first: serde would take a list for the fields in their order.
    let case = serde_json::from_slice::<Map<String, Value>>(line);
    match case.and_then(|map| serde_json::from_value::<Case>(Value::Object(map))) {
        Ok(case) => answer(&case),
        Err(error) => failure(&Value::Null, &error.to_string()),
    }
}

fn failure(id: &Value, message: &str) -> Value {
    json!({ "id": id, "verdict": "error", "code": "inspect.question", "message": message, "hint": null })
}

fn answer(case: &Case) -> Value {
    let verdict = match case.kind.as_str() {
        "response" => judge_response(case).map(|login| describe_login(&login)),
        "logout_request" => judge_logout_request(case).map(|request| describe_logout(&request)),
        "logout_response" => judge_logout_response(case).map(|extent| {
            let partly = if extent == Extent::Partly { "partly" } else { "everywhere" };
            object(json!({ "message": format!("accepted: signed out {partly}") }))
        }),
        "metadata" => judge_metadata(case).map(|idp| describe_idp(&idp)),
        other => Err(Problem::Question(format!("the kind {other:?} is not known"))),
    };
    match verdict {
        Ok(mut found) => {
            found.insert("id".to_owned(), case.id.clone());
            found.insert("verdict".to_owned(), "accept".into());
            found.insert("code".to_owned(), Value::Null);
            found.insert("hint".to_owned(), Value::Null);
            Value::Object(found)
        }
        Err(Problem::Refused(error)) => json!({
            "id": case.id, "verdict": "reject", "code": error.code(), "message": error.to_string(),
            "hint": error.hint().map(|hint| hint.to_string()),
            "issuer": null, "name_id": null, "session_index": null, "attributes": {}, "groups": "absent",
        }),
        Err(Problem::Question(message)) => failure(&case.id, &message),
    }
}

fn judge_response(case: &Case) -> Result<Login, Problem> {
    let now = now(case)?;
    let sp = service_provider(case, now)?;
    let posted = posted(case)?;
    let unclaimed = match &case.in_response_to {
        Some(request) => sp.judge_login(danger::captured_login(&sp, request, now), &posted, now),
        None => sp.judge_unsolicited(&posted, now),
    }?;
    let cache = MemoryReplayCache::default();
    let claim = entra_sso::ReplayCache::claim(&cache, unclaimed.replay_key(), unclaimed.expires(), now);
    Ok(unclaimed.settle(claim)?)
}

fn judge_logout_request(case: &Case) -> Result<LogoutRequest, Problem> {
    let now = now(case)?;
    let message = logout_message(case, "SAMLRequest")?;
    Ok(service_provider(case, now)?.finish_logout_request(&message, now, &MemoryReplayCache::default())?)
}

fn judge_logout_response(case: &Case) -> Result<Extent, Problem> {
    let now = now(case)?;
    let sp = service_provider(case, now)?;
    let message = logout_message(case, "SAMLResponse")?;
    // An application finds none in the browser's cookies.
    let request = case.in_response_to.as_ref().ok_or(Rejection::NoPendingLogout)?;
    Ok(sp.finish_logout(danger::captured_logout(&sp, request, now), &message, now)?.extent())
}

fn logout_message(case: &Case, name: &str) -> Result<LogoutMessage, Problem> {
    let text = message(case)?;
    let as_text = String::from_utf8_lossy(&text);
    let in_form = || format!("{name}={}", form_value(&field(case, &text)));
    Ok(match case.binding.as_deref() {
        Some("redirect") if ["SAMLRequest=", "SAMLResponse="].iter().any(|name| as_text.contains(name)) => {
            // The query, or the whole address with it.
            let query = as_text.trim();
            LogoutMessage::from_query(query.split_once('?').map_or(query, |(_, query)| query))?
        }
        // Without a query around it nothing can be signed; it is judged all the same.
        Some("redirect") => LogoutMessage::from_query(&in_form())?,
        None | Some("post") => LogoutMessage::from_form(in_form().as_bytes())?,
        Some(other) => return Err(Problem::Question(format!("the binding {other:?} is not known"))),
    })
}

/// Of base64 nothing else has to be escaped in a form.
fn form_value(base64: &str) -> String {
    base64.replace('+', "%2B")
}

fn judge_metadata(case: &Case) -> Result<IdentityProvider, Problem> {
    let entity = case.idp_entity_id.as_deref().map(str::parse).transpose()?;
    let trust = MetadataTrust::ConfiguredByAdmin;
    Ok(danger::metadata_with_plain_http(entity.as_ref(), &message(case)?, trust, now(case)?)?)
}

fn now(case: &Case) -> Result<UnixTime, Problem> {
    Ok(case.now.as_deref().map(str::parse).transpose()?.unwrap_or_else(UnixTime::now))
}

fn service_provider(case: &Case, now: UnixTime) -> Result<ServiceProvider, Problem> {
    let needed = |field: &Option<String>, name: &str| {
        field.clone().ok_or_else(|| Problem::Question(format!("the field {name} is missing")))
    };
    let slo = case.slo_url.as_deref().map(danger::plain_http).transpose()?;
    let acs = match &slo {
        Some(slo) if case.acs_url.is_none() => slo.clone(),
        _ => danger::plain_http(&needed(&case.acs_url, "acs_url")?)?,
    };
    let mut idp = match (&case.idp_metadata_file, &case.idp_cert_file) {
        (Some(file), _) => {
            let entity = case.idp_entity_id.as_deref().map(str::parse).transpose()?;
            let trust = MetadataTrust::ConfiguredByAdmin;
            danger::metadata_with_plain_http(entity.as_ref(), &read(file)?, trust, now)?
        }
        (None, Some(file)) => {
            let entity = needed(&case.idp_entity_id, "idp_entity_id")?.parse()?;
            // Nobody is asked here, so any address will do.
            IdentityProvider::pinned(entity, acs.clone(), Certificate::parse(&read(file)?)?)
        }
        (None, None) => {
            let wanted = "one of idp_metadata_file and idp_cert_file is needed";
            return Err(Problem::Question(wanted.to_owned()));
        }
    };
    if case.allow_sha1 == Some(true) {
        idp = idp.danger_allow_sha1();
    }
    if case.allow_expired_certificate == Some(true) {
        idp = idp.danger_allow_expired_certificates();
    }
    let entity_id = needed(&case.sp_entity_id, "sp_entity_id")?.parse()?;
    let mut sp = ServiceProvider::new(entity_id, acs, idp);
    sp = slo.into_iter().fold(sp, ServiceProvider::with_single_logout_service);
    sp = case.audiences.iter().flatten().fold(sp, ServiceProvider::with_audience);
    if let Some(file) = &case.sp_key_file {
        sp = sp.with_service(Service::new().with_unpublished_decryption_key(DecryptionKey::parse(&read(file)?)?));
    }
    if let Some(seconds) = case.clock_skew_s {
        sp = danger::with_clock_skew(sp, Duration::from_secs(seconds));
    }
    if case.allow_unsolicited == Some(true) {
        let replay_cache = Arc::new(MemoryReplayCache::default());
        sp = sp.with_unsolicited(Unsolicited::Accept { replay_cache });
    }
    Ok(sp)
}

fn posted(case: &Case) -> Result<PostedResponse, Problem> {
    match case.binding.as_deref() {
        None | Some("post") => {}
        Some("redirect") => return Err(BindingError::WrongBinding("HTTP-Redirect").into()),
        Some(other) => {
            return Err(Problem::Question(format!("the binding {other:?} is not known")));
        }
    }
    Ok(PostedResponse::from_fields(&field(case, &message(case)?), None)?)
}

/// The message as it stands in a form.
fn field(case: &Case, message: &[u8]) -> String {
    match case.encoding.as_deref() {
        Some("base64") => String::from_utf8_lossy(message).into_owned(),
        _ => base64::Engine::encode(&base64::engine::general_purpose::STANDARD, message),
    }
}

fn message(case: &Case) -> Result<Vec<u8>, Problem> {
    match (&case.text, &case.file) {
        (Some(text), _) => Ok(text.clone().into_bytes()),
        (None, Some(file)) => read(file),
        (None, None) => Err(Problem::Question("one of text and file is needed".to_owned())),
    }
}

fn read(file: &str) -> Result<Vec<u8>, Problem> {
    std::fs::read(file).map_err(|error| Problem::Question(format!("{file}: {error}")))
}

fn describe_login(login: &Login) -> Map<String, Value> {
    let mut attributes = Map::new();
    for attribute in login.attributes().iter() {
        let values = attributes.entry(attribute.name()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.extend(attribute.values().map(Value::from));
        }
    }
    let groups = match Groups::of(login.attributes()) {
        Groups::Present(_) => "present",
        Groups::Overage { .. } => "overage",
        _ => "absent",
    };
    let name = login.name_id();
    object(json!({
        "message": "accepted",
        "issuer": login.issuer(),
        "name_id": { "value": name.value, "format": name.format },
        "session_index": login.session_index(),
        "attributes": attributes,
        "groups": groups,
        "signed_by": login.signed_by().thumbprint_sha256(),
    }))
}

fn describe_logout(request: &LogoutRequest) -> Map<String, Value> {
    let name = request.name_id();
    object(json!({
        "message": "accepted",
        "issuer": request.issuer().as_ref(),
        "name_id": { "value": name.value, "format": name.format },
        "session_index": request.session_indexes().first(),
        "attributes": {},
        "groups": "absent",
    }))
}

fn describe_idp(idp: &IdentityProvider) -> Map<String, Value> {
    let bindings = [("HTTP-Redirect", Binding::Redirect), ("HTTP-POST", Binding::Post)];
    let endpoints = bindings.map(|(name, binding)| {
        let services = [("SingleSignOnService", idp.sso_url(binding)), ("SingleLogoutService", idp.slo_url(binding))];
        services.map(|(service, url)| {
            url.map(|url| json!({ "service": service, "binding": name, "location": url.as_ref() }))
        })
    });
    let keys = idp.certificates().iter().map(|key| {
        json!({
            "thumbprint_sha1": key.thumbprint_sha1(), "thumbprint_sha256": key.thumbprint_sha256(),
            "not_before": key.not_before().to_string(), "not_after": key.not_after().to_string(),
        })
    });
    object(json!({
        "message": "accepted",
        "entity_id": idp.entity_id().as_ref(),
        "endpoints": endpoints.into_iter().flatten().flatten().collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

// ---- for people ----

fn judge_for_people(kind: &str, rest: &[&str]) -> std::process::ExitCode {
    let case = match question(kind, rest) {
        Ok(case) => case,
        Err(message) => {
            eprintln!("{message}");
            return std::process::ExitCode::from(2);
        }
    };
    let answer = answer(&case);
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let accepted = text("verdict").as_deref() == Some("accept");
    println!("{}", text("verdict").unwrap_or_default().to_uppercase());
    for (label, name) in [("code", "code"), ("why", "message"), ("what to do", "hint")] {
        if let Some(value) = text(name).filter(|_| !accepted) {
            println!("  {label}: {value}");
        }
    }
    let shown =
        ["issuer", "name_id", "session_index", "groups", "signed_by", "entity_id", "endpoints", "keys", "attributes"];
    for (name, value) in shown.iter().filter_map(|name| answer.get(*name).map(|value| (name, value))) {
        if accepted {
            println!("  {name}: {}", serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', "\n  "));
        }
    }
    std::process::ExitCode::from(u8::from(!accepted))
}

/// Turns `FILE --flag value` into the object that `--jsonl` takes: numbers, `true` and texts.
fn question(kind: &str, rest: &[&str]) -> Result<Case, String> {
    let [file, flags @ ..] = rest else { return Err("a file is needed".to_owned()) };
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.into());
    object.insert("file".to_owned(), (*file).into());
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let name = flag.strip_prefix("--").ok_or_else(|| format!("{flag} is no flag"))?.replace('-', "_");
        let name = if name == "idp_metadata" { "idp_metadata_file".to_owned() } else { name };
        let value = match name.as_str() {
            "allow_unsolicited" | "allow_sha1" | "allow_expired_certificate" => Value::Bool(true),
            _ => {
                let text = flags.next().ok_or_else(|| format!("{flag} needs a value"))?;
                match name.as_str() {
                    "clock_skew_s" => text.parse::<u64>().map_err(|error| error.to_string())?.into(),
                    "audiences" => json!(text.split(',').collect::<Vec<_>>()),
                    _ => (*text).into(),
                }
            }
        };
        object.insert(name, value);
    }
    // What a browser's tools show is base64; what people save is XML.
    if !object.contains_key("encoding") {
        let xml = std::fs::read(file).is_ok_and(|bytes| bytes.contains(&b'<'));
        object.insert("encoding".to_owned(), if xml { "xml" } else { "base64" }.into());
    }
    serde_json::from_value(Value::Object(object)).map_err(|error| error.to_string())
}
