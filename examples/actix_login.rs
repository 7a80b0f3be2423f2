//! Sign-in with Entra ID in an actix-web application: `cargo run --example actix_login`, then open
//! <http://localhost:3000>.
//!
//! It signs in with a demo identity provider; `entra_login` shows how to read the metadata of yours.

mod demo;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION};
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use demo::{APP, Page, Sessions, escape, idp};
use entra_sso::http::{self, Outcome, Routes};
use entra_sso::mapping::Mapping;
use entra_sso::{CookieKey, Login, MemoryReplayCache, ServiceProvider, SystemRandom, UnixTime};

struct State {
    saml: Routes,
    mapping: Mapping,
    sessions: Sessions<String>,
}

/// A request of actix-web with its body, as `Routes` reads it.
struct Whole(HttpRequest, Bytes);

impl http::HttpRequest for Whole {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn path(&self) -> &str {
        self.0.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn header(&self, name: &str) -> Vec<&[u8]> {
        self.0.headers().get_all(name).map(HeaderValue::as_bytes).collect()
    }

    fn body(&self) -> &[u8] {
        &self.1
    }
}

fn send(response: http::HttpResponse, cookie: Option<String>) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or_default();
    let mut out = HttpResponse::build(status);
    let cookie = cookie.map(|cookie| ("set-cookie", cookie));
    for header in response.headers.into_iter().chain(cookie) {
        out.append_header(header);
    }
    out.body(response.body)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Yours is `"https://…".parse()?`: plain http is for this machine only.
    let base = entra_sso::danger::plain_http(&format!("{APP}/saml"))?;
    let sp = ServiceProvider::at(&base, idp::idp()?.identity_provider(UnixTime::now())?);
    let key = CookieKey::random(&SystemRandom::default())?;
    let state = Data::new(State {
        saml: Routes::new(sp, key, MemoryReplayCache::default()),
        mapping: Mapping::entra(),
        sessions: Sessions::new(),
    });
    let site = move || {
        App::new()
            .app_data(state.clone())
            .app_data(PayloadConfig::new(Routes::BODY_LIMIT))
            .route("/", web::get().to(start))
            .route("/me", web::get().to(me))
            .route("/saml/{route}", web::to(saml))
    };
    let idp = || App::new().service(web::resource(idp::path()).route(web::get().to(ask)).route(web::post().to(answer)));
    rt::spawn(HttpServer::new(idp).workers(1).bind(idp::ADDRESS)?.run());
    println!("Open {APP}");
    Ok(HttpServer::new(site).workers(2).bind("localhost:3000")?.run().await?)
}

async fn saml(state: Data<State>, head: HttpRequest, body: Bytes) -> HttpResponse {
    let cookies = cookies(&head);
    let request = Whole(head, body);
    match state.saml.handle(&request) {
        Outcome::SignedIn(login, response) => match open_session(&state, &login) {
            Ok(cookie) => send(response, Some(cookie)),
            Err(error) => {
                eprintln!("signed in, but not let in: {error}");
                page(StatusCode::FORBIDDEN, Page::not_let_in())
            }
        },
        Outcome::Refused(error, response) => {
            eprintln!("{}: {error}", error.code());
            if let Some(hint) = error.hint() {
                eprintln!("    {hint}");
            }
            send(response, None)
        }
        Outcome::Respond(response) | Outcome::AlreadyAnswered(_, response) => send(response, None),
        Outcome::LogoutWanted(return_to) => {
            let handle = state.sessions.close(&cookies);
            let (now, rng) = (UnixTime::now(), SystemRandom::default());
            let forget = Some(Sessions::<String>::FORGET.to_owned());
            match state.saml.sign_out(&request, handle.as_ref(), return_to, now, &rng) {
                Outcome::Respond(response) | Outcome::Refused(_, response) => send(response, forget),
                _ => HttpResponse::NotFound().finish(),
            }
        }
        Outcome::LogoutRequested(request, response) => {
            state.sessions.end(&request, &cookies);
            send(response, None)
        }
        Outcome::SignedOut(_, response) => send(response, None),
        _ => HttpResponse::NotFound().finish(),
    }
}

fn open_session(state: &State, login: &Login) -> Result<String, Box<dyn std::error::Error>> {
    let fields = state.mapping.apply(login.claims())?;
    let name = fields.one("display_name").unwrap_or("somebody without a name");
    Ok(state.sessions.open(name.to_owned(), login.logout_handle())?)
}

async fn start() -> HttpResponse {
    page(StatusCode::OK, Page::start())
}

async fn me(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(name) = state.sessions.user(&cookies(&request)) else {
        return page(StatusCode::UNAUTHORIZED, Page::sign_in_first());
    };
    let name = escape(&name);
    let content = format!(
        "<h1 id=\"user\">{name}</h1>\
         <p class=\"buttons\"><a class=\"button\" id=\"sign-out\" href=\"/saml/logout\">Sign out</a></p>"
    );
    page(StatusCode::OK, Page::of_app(&name, &content))
}

async fn ask(request: HttpRequest) -> HttpResponse {
    match idp::signed_out(request.query_string()) {
        Some(url) => HttpResponse::SeeOther().append_header((LOCATION, url)).finish(),
        None => page(StatusCode::OK, idp::ask(request.query_string())),
    }
}

async fn answer(request: HttpRequest, choice: String) -> HttpResponse {
    page(StatusCode::OK, idp::answer(request.query_string(), &choice))
}

fn cookies(request: &HttpRequest) -> String {
    let values = request.headers().get_all("cookie").filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join("; ")
}

fn page(status: StatusCode, page: Page) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, page.policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page.html)
}
