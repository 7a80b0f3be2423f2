//! Sign-in with Entra ID in an axum application: `cargo run --example entra_login`, then open <http://localhost:3000>.
//!
//! By itself it brings an identity provider to try things with. To use yours, make an enterprise application in the
//! Entra admin center, and set its identifiers, which fetches its metadata:
//!
//! ```text
//! ENTRA_TENANT_ID=… ENTRA_APP_ID=… cargo run --example entra_login
//! ```
//!
//! or save its *Federation Metadata XML*, and set `ENTRA_METADATA_FILE` to the file. Either way it first prints the
//! values that the portal wants.
//!
//! Chromium and Firefox keep `Secure` cookies of `http://localhost`; Safari may not.

mod demo;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, SET_COOKIE};
use axum::http::request::{Parts, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use axum::{Router, serve};
use demo::{APP, Page, Sessions, escape, idp};
use entra_sso::entra::{EntraApp, Groups, PORTAL_PLACE, UserKey, did_mfa, portal_values};
use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::mapping::Mapping;
use entra_sso::{CookieKey, IdentityProvider, Login, MemoryReplayCache, MetadataTrust};
use entra_sso::{EndpointUrl, ServiceProvider, SystemRandom, UnixTime, danger};
use tokio::net::TcpListener;

struct App {
    saml: Routes,
    mapping: Mapping,
    sessions: Sessions<User>,
}

/// What `/me` shows: the name of a field, what people call it, and its value.
type User = Vec<(&'static str, &'static str, String)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    // Yours is `"https://…".parse()?`: plain http is for this machine only.
    let base = danger::plain_http(&format!("{APP}/saml"))?;
    let identity_provider = match from_environment()? {
        Some(entra) => entra,
        None => {
            println!("Using the demo identity provider, which knows two people and no passwords.");
            let page = get(ask).post(answer);
            let site = Router::new().route(&idp::path(), page);
            tokio::spawn(serve(listen(idp::ADDRESS).await?, site).into_future());
            idp::idp()?.identity_provider(UnixTime::now())?
        }
    };
    let sp = ServiceProvider::at(&base, identity_provider);
    // A key that is made here dies with the process; with replicas, take one from your secret store.
    let key = CookieKey::random(&SystemRandom::default())?;
    let app = App {
        saml: Routes::new(sp, key, MemoryReplayCache::default()),
        mapping: Mapping::entra(),
        sessions: Sessions::new(),
    };
    let site = Router::new()
        .route("/", get(start))
        .route("/me", get(me))
        .route("/saml/{route}", any(saml).layer(DefaultBodyLimit::max(Routes::BODY_LIMIT)))
        .with_state(Arc::new(app));
    // `localhost` is either of two addresses; not every machine has the second.
    match listen("[::1]:3000").await {
        Ok(listener) => drop(tokio::spawn(serve(listener, site.clone()).into_future())),
        Err(error) => eprintln!("going on without {error}"),
    }
    let listener = listen("127.0.0.1:3000").await?;
    println!("Open {APP}");
    Ok(serve(listener, site).await?)
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"))
}

// ---- signing in ----

/// Everything below `/saml`.
async fn saml(State(app): State<Arc<App>>, head: Parts, body: Bytes) -> Response {
    let request = Request::from_parts(head, body);
    let cookies = cookies(request.headers());
    match app.saml.handle(&request) {
        Outcome::SignedIn(login, response) => app.open_session(&login, response),
        Outcome::Refused(error, response) | Outcome::AlreadyAnswered(error, response) => {
            eprintln!("{}", explain(&error));
            response.into()
        }
        Outcome::Respond(response) => response.into(),
        Outcome::LogoutWanted(return_to) => {
            let handle = app.sessions.close(&cookies);
            let (now, rng) = (UnixTime::now(), SystemRandom::default());
            match app.saml.sign_out(&request, handle.as_ref(), return_to, now, &rng) {
                Outcome::Respond(response) => forgetting(response),
                Outcome::Refused(error, response) => {
                    eprintln!("{}", explain(&error));
                    forgetting(response)
                }
                _ => StatusCode::NOT_FOUND.into_response(),
            }
        }
        Outcome::LogoutRequested(request, response) => {
            app.sessions.end(&request, &cookies);
            response.into()
        }
        Outcome::SignedOut(_, response) => response.into(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The browser has no session any more.
fn forgetting(response: HttpResponse) -> Response {
    let mut response: Response = response.into();
    response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(Sessions::<User>::FORGET));
    response
}

impl App {
    fn open_session(&self, login: &Login, response: HttpResponse) -> Response {
        let opened = self.user(login).and_then(|user| Ok(self.sessions.open(user, login.logout_handle())?.parse()?));
        match opened {
            Ok(cookie) => {
                let mut response: Response = response.into();
                response.headers_mut().append(SET_COOKIE, cookie);
                response
            }
            Err(error) => {
                eprintln!("signed in, but not let in: {error}");
                (StatusCode::FORBIDDEN, Page::not_let_in()).into_response()
            }
        }
    }

    /// What we keep of a person. Find yours by the key: addresses and names change hands.
    fn user(&self, login: &Login) -> Result<User, Box<dyn Error>> {
        let key = UserKey::of(login.attributes()).ok_or("no tenant or object identifier")?;
        let fields = self.mapping.apply(login.claims())?;
        let field = |name| fields.one(name).unwrap_or_default().to_owned();
        let groups = match Groups::of(login.attributes()) {
            Groups::Present(groups) => groups.join(", "),
            Groups::Overage { .. } => "too many to be listed: ask Microsoft Graph".to_owned(),
            _ => "not said".to_owned(),
        };
        let mfa = if did_mfa(login.attributes()) { "yes" } else { "no" };
        println!("{key} signed in");
        Ok(vec![
            ("name", "Name", field("display_name")),
            ("email", "E-mail", field("email")),
            ("username", "User name", field("username")),
            ("groups", "Groups", groups),
            ("mfa", "Second factor", mfa.to_owned()),
            ("issuer", "Issuer", login.issuer().to_owned()),
            ("session", "Session there", login.session_index().unwrap_or("not said").to_owned()),
            ("key", "User key", key.to_string()),
            ("certificate", "Signed by", login.signed_by().thumbprint_sha1().to_owned()),
        ])
    }
}

/// For the administrator. The person at the browser sees a page without reasons.
fn explain(error: &entra_sso::Error) -> String {
    let hint = error.hint().map(|hint| format!("\n    {hint}")).unwrap_or_default();
    format!("{}: {error}{hint}", error.code())
}

// ---- whom to ask ----

/// The identity provider that the environment names, if it names one.
fn from_environment() -> Result<Option<IdentityProvider>, Box<dyn Error>> {
    let given = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let now = UnixTime::now();
    let read = match (given("ENTRA_METADATA_FILE"), given("ENTRA_TENANT_ID"), given("ENTRA_APP_ID")) {
        (None, None, None) => return Ok(None),
        (Some(file), ..) => {
            print_portal_values()?;
            let xml = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
            IdentityProvider::from_metadata(&xml, MetadataTrust::ConfiguredByAdmin, now)
        }
        (None, Some(tenant), Some(app)) => {
            let entra = EntraApp::new(tenant.parse()?, app.parse()?);
            print_portal_values()?;
            let url = entra.metadata_url();
            let xml = fetch(&url).map_err(|error| {
                format!("{url}\n{error}: save this document, and set ENTRA_METADATA_FILE to the file")
            })?;
            let trust = MetadataTrust::FetchedOverTls(&url);
            IdentityProvider::from_metadata_for(&entra.issuer(), &xml, trust, now)
        }
        _ => return Err("ENTRA_TENANT_ID and ENTRA_APP_ID belong together".into()),
    };
    let entra = read.map_err(|error| explain(&error.into()))?;
    println!("Asking {}", entra.entity_id());
    Ok(Some(entra))
}

fn fetch(url: &EndpointUrl) -> Result<Vec<u8>, ureq::Error> {
    let request = ureq::get(url.as_ref()).config().https_only(true).max_redirects(0);
    let request = request.timeout_global(Some(Duration::from_secs(20))).build();
    request.call()?.body_mut().with_config().limit(1024 * 1024).read_to_vec()
}

fn print_portal_values() -> Result<(), Box<dyn Error>> {
    let url = |path| danger::plain_http(&format!("{APP}/saml/{path}"));
    let (name, acs, login, slo) = (format!("{APP}/saml/metadata"), url("acs")?, url("login")?, url("slo")?);
    println!("Paste into {PORTAL_PLACE}:\n");
    for (label, value) in portal_values(&name.parse()?, &acs, Some(&login), Some(&slo)) {
        println!("{label}: {value}");
    }
    Ok(())
}

// ---- pages ----

async fn start() -> Page {
    Page::start()
}

async fn me(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(user) = app.sessions.user(&cookies(&headers)) else {
        return (StatusCode::UNAUTHORIZED, Page::sign_in_first()).into_response();
    };
    let name = user.first().map(|(_, _, name)| escape(name)).unwrap_or_default();
    let rows = user.iter().map(|(field, label, value)| {
        format!("<tr><th scope=\"row\">{label}</th><td data-field=\"{field}\">{}</td></tr>", escape(value))
    });
    let content = format!(
        "<h1 id=\"user\">{name}</h1><table>{}</table>\
         <p class=\"buttons\"><a class=\"button\" id=\"sign-out\" href=\"/saml/logout\">Sign out</a></p>",
        rows.collect::<String>()
    );
    Page::of_app(&name, &content).into_response()
}

async fn ask(RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    idp::signed_out(&query).map_or_else(|| idp::ask(&query).into_response(), |url| Redirect::to(&url).into_response())
}

async fn answer(RawQuery(query): RawQuery, choice: String) -> Page {
    idp::answer(&query.unwrap_or_default(), &choice)
}

fn cookies(headers: &HeaderMap) -> String {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join("; ")
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_SECURITY_POLICY, self.policy), (CACHE_CONTROL, "no-store".to_owned())];
        (headers, Html(self.html)).into_response()
    }
}
