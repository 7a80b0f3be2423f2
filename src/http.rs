//! Three routes for any web framework. The only file that reads the clock.

use std::time::SystemTime;

use crate::crypto::{SecureRandom, SystemRandom};
use crate::encoding::{Quoted, pairs, percent_decode};
use crate::error::{Error, ErrorKind, Rejection, RequestError};
use crate::ids::{EndpointUrl, ReturnTo};
use crate::saml::{BindingError, FORM_LIMIT, Outgoing, PostedResponse};
use crate::sp::{CookieKey, Login, ReplayCache, ServiceProvider, State, Unsolicited, open, surplus};
use crate::time::UnixTime;
use crate::xml::escape_html;

impl UnixTime {
    /// The current time by the system's clock, for the outermost caller to read once a request.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::default().plus(since)
    }
}

/// What we read of a request.
pub trait HttpRequest {
    /// The method, such as `GET`.
    fn method(&self) -> &str;
    /// The path, without the query.
    fn path(&self) -> &str;
    /// The query as it was sent, without `?`.
    fn query(&self) -> Option<&str>;
    /// The values of a header, by its name in lower case, as they came: a neighbour's cookie may hold any bytes, and must
    /// not hide ours. HTTP/2 may send `cookie` several times.
    fn header(&self, name: &str) -> Vec<&[u8]>;
    /// The whole body. Read no more than [`Routes::BODY_LIMIT`] bytes of it.
    fn body(&self) -> &[u8];
}

/// What to send. `Debug` prints no values: one of them is the cookie.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case, with values. `set-cookie` may occur several times: append, do not insert.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        write!(f, "HttpResponse({}, {names:?})", self.status)
    }
}

impl HttpResponse {
    /// Nothing of SAML is for caches, frames, or the referrer.
    fn new(status: u16, content_type: &'static str, body: String) -> Self {
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        Self { status, headers, body: body.into_bytes() }
    }

    fn page(status: u16, policy: String, html: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", html).with("content-security-policy", policy)
    }

    /// 303: whatever the method was, the next one is GET (RFC 9110 15.4.4).
    fn see_other(location: &str) -> Self {
        Self::new(303, "text/plain; charset=utf-8", String::new()).with("location", location.to_owned())
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What a request came to.
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub enum Outcome {
    /// None of our routes.
    NotOurs,
    /// Send this.
    Respond(HttpResponse),
    /// Somebody signed in: open your session (a new one, not one from before), add its cookie to the response, and send
    /// it. It leads to where the person wanted to go. Give your session cookie `SameSite=Lax`: `Strict` is not sent
    /// when the browser comes from another site.
    SignedIn(Box<Login>, HttpResponse),
    /// The browser sent a form again whose login is finished: the Back button, or a second click. Nobody signed in by
    /// this; the response leads to where the person wanted to go.
    AlreadyAnswered(Error, HttpResponse),
    /// Nobody signed in: log the error with its hint, send the response.
    Refused(Error, HttpResponse),
}

/// `login`, `acs` and `metadata`, under one path.
///
/// | route | does |
/// | --- | --- |
/// | `GET login?return_to=/path` | sends the person to the identity provider |
/// | `POST acs` | judges the answer |
/// | `GET metadata` | serves our metadata |
///
/// The paths are those of the service provider's addresses: with
/// [`ServiceProvider::at`]`("https://app.example/saml", …)` they are `/saml/login`, `/saml/acs` and
/// `/saml/metadata`. The host in a request is never looked at.
#[derive(Debug)]
pub struct Routes {
    sp: ServiceProvider,
    cookie_key: CookieKey,
    replay_cache: Box<dyn ReplayCache>,
    login: EndpointUrl,
    metadata: EndpointUrl,
}

/// Five tabs at a time; more would grow the header of every request.
const LOGINS_AT_ONCE: usize = 5;

impl Routes {
    /// The largest body that a request may have.
    pub const BODY_LIMIT: usize = FORM_LIMIT;

    /// Keeps pending logins in sealed cookies, and used assertions in `replay_cache`.
    #[must_use]
    pub fn new(sp: ServiceProvider, cookie_key: CookieKey, replay_cache: impl ReplayCache + 'static) -> Self {
        let acs = sp.assertion_consumer_service();
        let (login, metadata) = (acs.sibling("login"), acs.sibling("metadata"));
        Self { sp, cookie_key, replay_cache: Box::new(replay_cache), login, metadata }
    }

    getters! {
        /// Where a login begins: what *Sign on URL* in the Entra admin center should be.
        pub fn login_url(&self) -> &EndpointUrl { &self.login }
    }

    /// The service provider behind the routes.
    pub fn service_provider(&self) -> &ServiceProvider {
        &self.sp
    }

    /// Answers one request, by the system's clock and randomness.
    pub fn handle(&self, request: &impl HttpRequest) -> Outcome {
        self.handle_at(request, UnixTime::now(), &SystemRandom::default())
    }

    /// As [`handle`](Self::handle), by a clock and randomness of your own.
    pub fn handle_at(&self, request: &impl HttpRequest, now: UnixTime, rng: &dyn SecureRandom) -> Outcome {
        let acs = self.sp.assertion_consumer_service();
        let outcome = match request.path() {
            path if path == acs.path() => self.acs(request, now, rng),
            path if path == self.login.path() => self.login(request, now, rng),
            path if path == self.metadata.path() => self.metadata(request),
            _ => return Outcome::NotOurs,
        };
        outcome.unwrap_or_else(|error| self.refuse(error))
    }

    fn metadata(&self, request: &impl HttpRequest) -> Result<Outcome, Error> {
        must_be(request, &["GET", "HEAD"])?;
        let metadata = self.sp.metadata()?;
        Ok(Outcome::Respond(HttpResponse::new(200, "application/samlmetadata+xml", metadata)))
    }

    fn login(&self, request: &impl HttpRequest, now: UnixTime, rng: &dyn SecureRandom) -> Result<Outcome, Error> {
        must_be(request, &["GET", "HEAD"])?;
        let return_to = return_to(request.query().unwrap_or_default())?;
        self.start(request, return_to, now, rng)
    }

    /// Sends the person to the identity provider, and from there to `return_to`.
    fn start(
        &self, request: &impl HttpRequest, return_to: ReturnTo, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        // Back to the login would ask the identity provider once more.
        let path = return_to.as_ref().split(['?', '#']).next().unwrap_or_default();
        let round = path == self.login.path();
        let return_to = if round { ReturnTo::default() } else { return_to };
        let started = self.sp.start_login(return_to, now, rng)?;
        let response = match started.outgoing {
            Outgoing::Redirect(url) => HttpResponse::see_other(&url),
            Outgoing::Post(form) => HttpResponse::page(200, form.content_security_policy(), form.html()),
        };
        let cookie = started.pending.into_cookie(&self.cookie_key, rng)?;
        let dropped = surplus(&cookies(request), &self.cookie_key, LOGINS_AT_ONCE - 1);
        let all = std::iter::once(cookie).chain(dropped);
        Ok(Outcome::Respond(all.fold(response, |response, cookie| response.with("set-cookie", cookie.into_string()))))
    }

    fn acs(&self, request: &impl HttpRequest, now: UnixTime, rng: &dyn SecureRandom) -> Result<Outcome, Error> {
        let carries = |query: &str| pairs(query.as_bytes()).any(|(name, _)| name == b"SAMLResponse");
        match (request.method(), request.query()) {
            ("GET" | "HEAD", Some(query)) if carries(query) => {
                return Err(BindingError::WrongBinding("HTTP-Redirect").into());
            }
            ("GET" | "HEAD", _) => return Err(RequestError::AcsOpened.into()),
            _ => must_be(request, &["POST"])?,
        }
        if request.body().len() > Self::BODY_LIMIT {
            return Err(BindingError::TooLarge(Self::BODY_LIMIT).into());
        }
        must_be_form(request)?;
        let posted = PostedResponse::from_form(request.body())?;
        let state = open(&cookies(request), posted.relay_state(), &self.cookie_key, now);
        let pending = match state {
            Ok(State::Pending(pending)) => pending,
            Ok(State::Answered(return_to)) => {
                return Ok(already_answered(Rejection::AlreadyAnswered.into(), &return_to));
            }
            Err(error) => return self.unsolicited(request, &posted, error, now, rng),
        };
        let return_to = pending.return_to().clone();
        match self.sp.finish_login(pending, &posted, now, &*self.replay_cache) {
            Ok(login) => {
                let response = HttpResponse::see_other(return_to.as_ref());
                let spent = login.spent_cookie(&self.cookie_key, rng)?.into_iter();
                let response = spent.fold(response, |out, cookie| out.with("set-cookie", cookie.into_string()));
                Ok(Outcome::SignedIn(Box::new(login), response))
            }
            // Two clicks at once: the other one won, and this browser holds the pending login.
            Err(error) if matches!(error.kind(), ErrorKind::Rejected(Rejection::Replayed)) => {
                Ok(already_answered(error, &return_to))
            }
            Err(error) => Err(error),
        }
    }

    /// Without a pending login an answer can only be an unsolicited one, where those are taken.
    fn unsolicited(
        &self, request: &impl HttpRequest, posted: &PostedResponse, error: Error, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        match self.sp.unsolicited() {
            Unsolicited::Refuse => Err(error),
            Unsolicited::Restart => {
                let return_to = self.sp.restart_unsolicited(posted, now)?;
                self.start(request, return_to, now, rng)
            }
            Unsolicited::Accept { .. } => {
                let login = self.sp.finish_unsolicited(posted, now)?;
                let response = HttpResponse::see_other(login.return_to().as_ref());
                Ok(Outcome::SignedIn(Box::new(login), response))
            }
        }
    }

    /// The person learns that it did not work and how to try again, and nothing more.
    fn refuse(&self, error: Error) -> Outcome {
        let (status, allow) = match error.kind() {
            ErrorKind::Request(RequestError::Method(_, expected)) => (405, Some(*expected)),
            ErrorKind::Request(RequestError::AcsOpened) => (405, Some("POST")),
            ErrorKind::Request(RequestError::ContentType(_)) => (415, None),
            ErrorKind::Binding(BindingError::TooLarge(_)) => (413, None),
            ErrorKind::Request(_) | ErrorKind::Binding(_) | ErrorKind::Message(_) => (400, None),
            ErrorKind::Configuration(_) | ErrorKind::Metadata(_) => (500, None),
            ErrorKind::Rejected(Rejection::ReplayCacheFull | Rejection::ReplayCacheUnavailable) => (503, None),
            _ => (403, None),
        };
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>Not signed in</title>\
             <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}</style></head><body><h1>Not signed in</h1>\
             <p>{}</p><p><a href=\"{}\">Sign in again</a></p></body></html>",
            error.public_message(),
            escape_html(self.login.path()),
        );
        let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
        let response = HttpResponse::page(status, policy.to_owned(), html);
        let response = allow.iter().fold(response, |out, method| out.with("allow", (*method).to_owned()));
        Outcome::Refused(error, response)
    }
}

fn already_answered(error: Error, return_to: &ReturnTo) -> Outcome {
    Outcome::AlreadyAnswered(error, HttpResponse::see_other(return_to.as_ref()))
}

fn must_be(request: &impl HttpRequest, methods: &[&'static str]) -> Result<(), RequestError> {
    match methods.contains(&request.method()) {
        true => Ok(()),
        false => Err(RequestError::Method(Quoted::new(request.method()), methods.first().copied().unwrap_or_default())),
    }
}

fn must_be_form(request: &impl HttpRequest) -> Result<(), RequestError> {
    let values = request.header("content-type");
    let found = &*String::from_utf8_lossy(values.first().copied().unwrap_or_default());
    let essence = found.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        true => Ok(()),
        false => Err(RequestError::ContentType(Quoted::new(found))),
    }
}

/// HTTP/2 splits the header (RFC 9113 8.2.3); joined it reads as one.
fn cookies(request: &impl HttpRequest) -> String {
    String::from_utf8_lossy(&request.header("cookie").join(b"; ".as_slice())).into_owned()
}

fn return_to(query: &str) -> Result<ReturnTo, RequestError> {
    let broken = |reason| RequestError::Parameter("return_to", reason);
    let mut values = pairs(query.as_bytes()).filter(|(name, _)| *name == b"return_to");
    match (values.next(), values.next()) {
        (None, _) => Ok(ReturnTo::default()),
        (Some((_, value)), None) => {
            let text = percent_decode(value).map_err(|_| broken("its percent-encoding is broken"))?;
            text.parse().map_err(|error: crate::ids::InvalidId| broken(error.reason))
        }
        (Some(_), Some(_)) => Err(broken("it stands twice")),
    }
}

#[cfg(feature = "http")]
impl<B: AsRef<[u8]>> HttpRequest for ::http::Request<B> {
    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn path(&self) -> &str {
        self.uri().path()
    }

    fn query(&self) -> Option<&str> {
        self.uri().query()
    }

    fn header(&self, name: &str) -> Vec<&[u8]> {
        self.headers().get_all(name).iter().map(::http::HeaderValue::as_bytes).collect()
    }

    fn body(&self) -> &[u8] {
        self.body().as_ref()
    }
}

#[cfg(feature = "http")]
impl<B: From<Vec<u8>>> From<HttpResponse> for ::http::Response<B> {
    fn from(response: HttpResponse) -> Self {
        let mut out = Self::new(response.body.into());
        *out.status_mut() = ::http::StatusCode::from_u16(response.status).unwrap_or_default();
        for (name, value) in response.headers {
            // Ours are ASCII without control characters; what is not would be left out.
            if let Ok(value) = value.parse() {
                out.headers_mut().append(name, value);
            }
        }
        out
    }
}
