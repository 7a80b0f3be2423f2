//! Five routes for any web framework, for one identity provider or many. The only file that reads the clock.

mod chooser;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use chooser::Chooser;
use chooser::LISTED_AT_MOST;

use crate::crypto::{SecureRandom, SystemRandom};
use crate::encoding::{Quoted, pairs, percent_decode};
use crate::error::{Error, ErrorKind, MessageError, Mismatch, Rejection, RequestError, TenantError};
use crate::ids::{EndpointUrl, InvalidId, ReturnTo, TenantId};
use crate::saml::{AuthnRequest, BindingError, FORM_LIMIT, Kind, LogoutMessage, Outgoing, PostedResponse};
use crate::sp::{
    CookieKey, Login, LogoutHandle, LogoutReply, LogoutRequest, PendingLogin, PendingLogout, ReplayCache,
    ServiceProvider, SetCookie, SignedOut, StartedLogin, StartedLogout, State, Subject, Unsolicited, begun_since, open,
    surplus,
};
use crate::tenants::{Choices, Connection, Tenants, Unasked};
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

    /// A page of yours, such as one on which people choose, with its `Content-Security-Policy`.
    #[must_use]
    pub fn html(status: u16, content_security_policy: &str, html: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", html)
            .with("content-security-policy", content_security_policy.to_owned())
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
    /// Somebody wants to sign out, and then go there. End the session that the browser's cookie names, and send what
    /// [`Routes::sign_out`] makes of the handle that you kept with it.
    LogoutWanted(ReturnTo),
    /// Somebody whom [`Routes::sign_out`] sent to the identity provider is back, and is signed out there too. Send this,
    /// which leads to where the person wanted to go.
    SignedOut(SignedOut, HttpResponse),
    /// The identity provider ends sessions. First end those of yours that [`LogoutRequest::ends`] names, and the one that
    /// the browser's cookie names if [`LogoutRequest::ends_in_this_browser`] says so; then send this, which tells the
    /// identity provider that they have ended. If you could not end them, send what [`Routes::logout_failed`] gives.
    LogoutRequested(Box<LogoutRequest>, HttpResponse),
    /// Nobody signed in, or the logout was not finished: log the error with its hint, send the response.
    Refused(Error, HttpResponse),
}

/// `login`, `acs`, `logout`, `slo` and `metadata`, under one path.
///
/// | route | does |
/// | --- | --- |
/// | `GET login?return_to=/path` | sends the person to the identity provider |
/// | `POST acs` | judges the answer |
/// | `GET logout?return_to=/path` (or POST) | says that the person wants to sign out |
/// | `GET slo`, `POST slo` | judges logout messages of the identity provider |
/// | `GET metadata` | serves our metadata |
///
/// The paths are those of the service provider's addresses: with
/// [`ServiceProvider::at`]`("https://app.example/saml", …)` they are `/saml/login`, `/saml/acs` and so
/// on. The host in a request is never looked at.
///
/// With [`Tenants`] there are `login/{tenant}`, `acs/{tenant}`, `slo/{tenant}` and `metadata/{tenant}` as well. `GET login`
/// then leads to the only live connection, or by `email=` to the one that has the domain of this address, or else to a page
/// on which the person chooses. A link to `login` or `login/{tenant}` may be a bookmark; it may have a `login_hint` and a
/// `domain_hint`, which are passed on.
pub struct Routes {
    site: Site,
    cookie_key: CookieKey,
    login: EndpointUrl,
    logout: EndpointUrl,
    metadata: EndpointUrl,
    chooser: Arc<ChooserPage>,
}

type ChooserPage = dyn Fn(&Chooser) -> HttpResponse + Send + Sync;

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("site", &self.site).field("login", &self.login).finish_non_exhaustive()
    }
}

/// Whom the routes serve.
#[derive(Debug)]
enum Site {
    One(Box<ServiceProvider>, Box<dyn ReplayCache>),
    Many(Arc<Tenants>),
}

/// Which route a path is, and for whom.
#[derive(Debug)]
enum Route<'p> {
    Login(Option<&'p str>),
    Acs(Option<&'p str>),
    Metadata(Option<&'p str>),
    Logout,
    Slo(Option<&'p str>),
}

/// How a login begins.
#[derive(Debug, Default)]
struct Start {
    tenant: Option<TenantId>,
    request: AuthnRequest,
    return_to: ReturnTo,
}

/// Five tabs at a time; more would grow the header of every request.
const LOGINS_AT_ONCE: usize = 5;

/// How often an answer that nobody asked for begins a login in one browser, in how long: nobody clicks faster.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(60);

impl Routes {
    /// The largest body that a request may have.
    pub const BODY_LIMIT: usize = FORM_LIMIT;

    /// Keeps pending logins in sealed cookies, and used assertions in `replay_cache`.
    #[must_use]
    pub fn new(sp: ServiceProvider, cookie_key: CookieKey, replay_cache: impl ReplayCache + 'static) -> Self {
        let acs = sp.assertion_consumer_service();
        let [login, logout, metadata] = ["login", "logout", "metadata"].map(|name| acs.sibling(name));
        let site = Site::One(Box::new(sp), Box::new(replay_cache));
        Self { site, cookie_key, login, logout, metadata, chooser: Arc::new(Chooser::page) }
    }

    /// Serves many customers; used assertions are kept in the cache that `tenants` have.
    #[must_use]
    pub fn for_tenants(tenants: Arc<Tenants>, cookie_key: CookieKey) -> Self {
        let [login, logout, metadata] = ["login", "logout", "metadata"].map(|name| tenants.base().child(name));
        Self { site: Site::Many(tenants), cookie_key, login, logout, metadata, chooser: Arc::new(Chooser::page) }
    }

    /// Your own page on which people choose, in your colours and your language. Escape what you put into it.
    #[must_use]
    pub fn with_chooser(mut self, page: impl Fn(&Chooser) -> HttpResponse + Send + Sync + 'static) -> Self {
        self.chooser = Arc::new(page);
        self
    }

    getters! {
        /// Where a login begins: what *Sign on URL* in the Entra admin center should be. For one of many customers, its name
        /// stands behind: `login/{tenant}`.
        pub fn login_url(&self) -> &EndpointUrl { &self.login }
        /// Where somebody signs out: what a link or a button of yours leads to.
        pub fn logout_url(&self) -> &EndpointUrl { &self.logout }
        /// The service provider behind the routes; `None` if they serve many customers.
        pub fn service_provider(&self) -> Option<&ServiceProvider> {
            match &self.site { Site::One(sp, _) => Some(sp), Site::Many(_) => None }
        }
    }

    /// Answers one request, by the system's clock and randomness.
    pub fn handle(&self, request: &impl HttpRequest) -> Outcome {
        self.handle_at(request, UnixTime::now(), &SystemRandom::default())
    }

    /// As [`handle`](Self::handle), by a clock and randomness of your own.
    pub fn handle_at(&self, request: &impl HttpRequest, now: UnixTime, rng: &dyn SecureRandom) -> Outcome {
        let outcome = match self.route(request.path()) {
            Some(Route::Login(tenant)) => self.login(request, tenant, now, rng),
            Some(Route::Acs(tenant)) => self.acs(request, tenant, now, rng),
            Some(Route::Metadata(tenant)) => self.metadata(request, tenant),
            Some(Route::Logout) => {
                // A click on a page of ours is no other site's.
                let here = format!("<p><a href=\"{}\">Sign out</a></p>", escape_html(self.logout.path()));
                return self.logout(request).unwrap_or_else(|error| refused(error, NOT_SIGNED_OUT, &here));
            }
            Some(Route::Slo(tenant)) => {
                let outcome = self.slo(request, tenant, now, rng);
                return self.alike(outcome.unwrap_or_else(|error| refused(error, NOT_SIGNED_OUT, "")));
            }
            None => return Outcome::NotOurs,
        };
        outcome.unwrap_or_else(|error| self.refuse(error))
    }

    /// Sends a person who wants to sign out to the identity provider, to sign out there too. `handle` is what you kept with
    /// the session ([`Login::logout_handle`]), which you have ended by now. Without one, where the identity provider has
    /// no single logout, and where nothing is known of it any more, this leads to `return_to` at once.
    pub fn sign_out(
        &self, request: &impl HttpRequest, handle: Option<&LogoutHandle>, return_to: ReturnTo, now: UnixTime,
        rng: &dyn SecureRandom,
    ) -> Outcome {
        let here = HttpResponse::see_other(return_to.as_ref());
        let started = handle.map(|handle| match &self.site {
            Site::One(sp, _) => sp.start_logout(handle, return_to, now, rng),
            Site::Many(tenants) => tenants.start_logout(handle, return_to, now, rng),
        });
        let sent = started.map(|started| {
            let StartedLogout { outgoing, pending, .. } = started?;
            Ok(self.carrying(request, send_out(outgoing), pending.into_cookie(&self.cookie_key, rng)?))
        });
        match sent {
            None => Outcome::Respond(here),
            Some(Ok(response)) => Outcome::Respond(response),
            Some(Err(error)) if has_no_logout(&error) => Outcome::Respond(here),
            Some(Err(error)) => refused(error, NOT_SIGNED_OUT, ""),
        }
    }

    /// Tells the identity provider that the sessions could not be ended.
    #[must_use]
    pub fn logout_failed(&self, request: &LogoutRequest, now: UnixTime, rng: &dyn SecureRandom) -> HttpResponse {
        match self.answer(request, false, now, rng) {
            Ok(LogoutReply::Message(outgoing)) => send_out(outgoing),
            _ => HttpResponse::new(500, "text/plain; charset=utf-8", String::new()),
        }
    }

    fn answer(
        &self, request: &LogoutRequest, have_ended: bool, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<LogoutReply, Error> {
        match &self.site {
            Site::One(sp, _) => sp.answer_logout(request, have_ended, now, rng),
            Site::Many(tenants) => tenants.answer_logout(request, have_ended, now, rng),
        }
    }

    fn logout(&self, request: &impl HttpRequest) -> Result<Outcome, Error> {
        must_be(request, &["GET", "POST"])?;
        must_be_of_this_site(request)?;
        let read = |text: &str| match &self.site {
            Site::One(sp, _) => sp.return_to(text),
            Site::Many(_) => text.parse(),
        };
        Ok(Outcome::LogoutWanted(return_to(request.query().unwrap_or_default(), read)?))
    }

    fn slo(
        &self, request: &impl HttpRequest, tenant: Option<&str>, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        must_be(request, &["GET", "POST"])?;
        let message = match request.method() {
            "GET" => LogoutMessage::from_query(request.query().unwrap_or_default())?,
            _ => LogoutMessage::from_form(form(request)?)?,
        };
        let at_its_address = |found: &Connection| {
            must_be_at(request.path(), found.single_logout_service(), Rejection::LogoutDestinationMismatch)
        };
        if message.kind() == Kind::Response {
            let pending = PendingLogout::from_cookies(&cookies(request), &message, &self.cookie_key)?;
            let done = match &self.site {
                Site::One(sp, _) => sp.finish_logout(pending, &message, now)?,
                Site::Many(tenants) => {
                    let id = pending.tenant().ok_or(Rejection::NoPendingLogout)?;
                    at_its_address(&*tenants.known(id)?)?;
                    tenants.finish_logout(pending, &message, now)?
                }
            };
            let response = HttpResponse::see_other(done.return_to().as_ref());
            let response = response.with("set-cookie", done.spent_cookie().into_string());
            return Ok(Outcome::SignedOut(done, response));
        }
        let theirs = match &self.site {
            Site::One(sp, replay_cache) => sp.finish_logout_request(&message, now, &**replay_cache)?,
            Site::Many(tenants) => {
                let addressed = tenant.map(|name| tenants.named(name)).transpose()?;
                addressed.as_deref().map(at_its_address).transpose()?;
                tenants.finish_logout_request(addressed.as_ref().map(|found| found.id()), &message, now)?
            }
        };
        // The sessions must end, whatever becomes of the answer.
        let response = match self.answer(&theirs, true, now, rng) {
            Ok(LogoutReply::Message(outgoing)) => send_out(outgoing),
            // Entra ID shows it in a frame, so nothing forbids that.
            Ok(LogoutReply::EmptyPage) | Err(_) => {
                HttpResponse::html(200, "default-src 'none'", "<!DOCTYPE html><title></title>".to_owned())
            }
        };
        Ok(Outcome::LogoutRequested(Box::new(theirs), response))
    }

    /// Has the person who is signed in authenticate anew, before something that cannot be undone. `tenant` and `subject` are
    /// what the login of this session said ([`Login::tenant`], [`Login::subject`]). The answer comes as
    /// [`Outcome::SignedIn`], and its login says [`is_reauthentication`](Login::is_reauthentication).
    pub fn reauthenticate(
        &self, request: &impl HttpRequest, tenant: Option<&TenantId>, subject: &Subject, return_to: ReturnTo,
        now: UnixTime, rng: &dyn SecureRandom,
    ) -> Outcome {
        let started = match (&self.site, tenant) {
            (Site::One(sp, _), _) => sp.start_reauthentication(subject, return_to, now, rng),
            (Site::Many(tenants), Some(id)) => tenants.start_reauthentication(id, subject, return_to, now, rng),
            (Site::Many(_), None) => Err(TenantError::Unknown(Quoted::new("")).into()),
        };
        let outcome = started.and_then(|started| self.send(request, started, rng));
        outcome.unwrap_or_else(|error| self.refuse(error))
    }

    fn route<'p>(&self, path: &'p str) -> Option<Route<'p>> {
        let below = |base: &str| path.strip_prefix(base)?.strip_prefix('/').filter(|name| !name.contains('/'));
        let own = |base: &str| matches!(self.site, Site::Many(_)).then(|| below(base)).flatten();
        let (acs, slo) = match &self.site {
            Site::One(sp, _) => (sp.assertion_consumer_service().clone(), sp.served_logout().cloned()),
            Site::Many(tenants) => (tenants.base().child("acs"), Some(tenants.base().child("slo"))),
        };
        let slo = slo.as_ref().map(EndpointUrl::path);
        let (acs, login, metadata) = (acs.path(), self.login.path(), self.metadata.path());
        match path {
            path if path == acs => Some(Route::Acs(None)),
            path if path == login => Some(Route::Login(None)),
            path if path == metadata => Some(Route::Metadata(None)),
            path if path == self.logout.path() => Some(Route::Logout),
            path if Some(path) == slo => Some(Route::Slo(None)),
            _ => own(acs)
                .map(|tenant| Route::Acs(Some(tenant)))
                .or_else(|| own(login).map(|tenant| Route::Login(Some(tenant))))
                .or_else(|| own(metadata).map(|tenant| Route::Metadata(Some(tenant))))
                .or_else(|| slo.and_then(own).map(|tenant| Route::Slo(Some(tenant)))),
        }
    }

    fn metadata(&self, request: &impl HttpRequest, tenant: Option<&str>) -> Result<Outcome, Error> {
        must_be(request, &["GET", "HEAD"])?;
        let metadata = match (&self.site, tenant) {
            (Site::One(sp, _), _) => sp.metadata()?,
            (Site::Many(tenants), None) => tenants.shared_metadata()?,
            (Site::Many(tenants), Some(name)) => {
                let found = tenants.named(name)?;
                found.must_be_enabled()?;
                found.metadata()?
            }
        };
        Ok(Outcome::Respond(HttpResponse::new(200, "application/samlmetadata+xml", metadata)))
    }

    fn login(
        &self, request: &impl HttpRequest, tenant: Option<&str>, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        must_be(request, &["GET", "HEAD"])?;
        let query = request.query().unwrap_or_default();
        let (email, login_hint) = (hint(query, "email")?, hint(query, "login_hint")?);
        let connection = match (&self.site, tenant) {
            (Site::One(..), _) => None,
            (Site::Many(tenants), Some(name)) => Some(tenants.named(name)?),
            (Site::Many(tenants), None) => match &email {
                Some(address) => Some(found_by(tenants, address)?),
                None => match tenants.choices(LISTED_AT_MOST) {
                    Choices::Only(id) => Some(tenants.known(&id)?),
                    Choices::Several { listed, by_email } => {
                        let return_to = return_to(query, str::parse)?;
                        let listed: Vec<TenantId> = listed.into_iter().map(|(_, id)| id).collect();
                        let chooser = Chooser::of(tenants, &self.login, return_to, &listed, by_email);
                        return Ok(Outcome::Respond((self.chooser)(&chooser)));
                    }
                },
            },
        };
        let sp = match (&self.site, &connection) {
            (Site::One(sp, _), _) => Some(&**sp),
            (Site::Many(_), connection) => connection.as_deref().map(|found| found.provider(now)).transpose()?,
        };
        let return_to = return_to(query, |text| match sp {
            Some(sp) => sp.return_to(text),
            None => text.parse(),
        })?;
        let mut ask = AuthnRequest::new();
        ask = login_hint.or(email).into_iter().fold(ask, AuthnRequest::login_hint);
        ask = hint(query, "domain_hint")?.into_iter().fold(ask, AuthnRequest::domain_hint);
        let tenant = connection.map(|found| found.id().clone());
        self.start(request, Start { tenant, request: ask, return_to }, now, rng)
    }

    /// Sends the person to the identity provider, and from there to where it is to lead.
    fn start(
        &self, request: &impl HttpRequest, start: Start, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        let Start { tenant, request: ask, return_to } = start;
        // Back to the login would ask the identity provider once more.
        let path = return_to.as_ref().split(['?', '#']).next().unwrap_or_default();
        let round = matches!(self.route(path), Some(Route::Login(_)));
        let return_to = if round { ReturnTo::default() } else { return_to };
        let started = match (&self.site, &tenant) {
            (Site::One(sp, _), _) => sp.start_login_with(&ask, return_to, now, rng)?,
            (Site::Many(tenants), Some(id)) => tenants.start_login(id, &ask, return_to, now, rng)?,
            (Site::Many(_), None) => return Err(TenantError::Unknown(Quoted::new("")).into()),
        };
        self.send(request, started, rng)
    }

    fn send(
        &self, request: &impl HttpRequest, started: StartedLogin, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        let cookie = started.pending.into_cookie(&self.cookie_key, rng)?;
        Ok(Outcome::Respond(self.carrying(request, send_out(started.outgoing), cookie)))
    }

    /// With the cookie of what has begun, and without those of what was begun long before.
    fn carrying(&self, request: &impl HttpRequest, response: HttpResponse, cookie: SetCookie) -> HttpResponse {
        let dropped = surplus(&cookies(request), &self.cookie_key, LOGINS_AT_ONCE - 1);
        let all = std::iter::once(cookie).chain(dropped);
        all.fold(response, |response, cookie| response.with("set-cookie", cookie.into_string()))
    }

    fn acs(
        &self, request: &impl HttpRequest, tenant: Option<&str>, now: UnixTime, rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        let carries = |query: &str| pairs(query.as_bytes()).any(|(name, _)| name == b"SAMLResponse");
        match (request.method(), request.query()) {
            ("GET" | "HEAD", Some(query)) if carries(query) => {
                return Err(BindingError::WrongBinding("HTTP-Redirect").into());
            }
            ("GET" | "HEAD", _) => return Err(RequestError::AcsOpened.into()),
            _ => must_be(request, &["POST"])?,
        }
        let posted = PostedResponse::from_form(form(request)?)?;
        let state = open(&cookies(request), posted.relay_state(), &self.cookie_key, now);
        let pending = match state {
            Ok(State::Pending(pending)) => pending,
            Ok(State::SigningOut(_)) => return Err(Rejection::NoPendingLogin.into()),
            Ok(State::Answered(return_to)) => {
                return Ok(already_answered(Rejection::AlreadyAnswered.into(), &return_to));
            }
            Err(error) => {
                let outcome = self.unsolicited(request, tenant, &posted, error, now, rng);
                return Ok(self.alike(outcome.unwrap_or_else(|error| self.refuse(error))));
            }
        };
        // One that was begun with wishes of the application's own is not ours to begin anew: it would ask for less.
        let ours = !pending.forces_authn() && !pending.asks_for_more();
        let return_to = pending.return_to().clone();
        let tenant = pending.tenant().cloned();
        match self.finish(request.path(), pending, &posted, now) {
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
            // The session at the identity provider is older than it may be, and we did not ask for a new one yet.
            Err(error) if is_too_old(&error) && ours => {
                self.start(request, Start { tenant, request: AuthnRequest::new().force_authn(), return_to }, now, rng)
            }
            Err(error) => Err(error),
        }
    }

    fn finish(
        &self, path: &str, pending: PendingLogin, posted: &PostedResponse, now: UnixTime,
    ) -> Result<Login, Error> {
        match &self.site {
            Site::One(sp, replay_cache) => sp.finish_login(pending, posted, now, &**replay_cache),
            Site::Many(tenants) => {
                if let Some(id) = pending.tenant() {
                    must_be_at(path, tenants.known(id)?.assertion_consumer_service(), Rejection::DestinationMismatch)?;
                }
                tenants.finish_login(pending, posted, now)
            }
        }
    }

    /// Without a pending login an answer can only be an unsolicited one, where those are taken.
    fn unsolicited(
        &self, request: &impl HttpRequest, tenant: Option<&str>, posted: &PostedResponse, error: Error, now: UnixTime,
        rng: &dyn SecureRandom,
    ) -> Result<Outcome, Error> {
        let begin = |start: Start| {
            // An identity provider that pays no heed to requests answers each as it did before, and no person in between.
            match begun_since(&cookies(request), &self.cookie_key, now.minus(ROUND)) < ROUNDS {
                true => self.start(request, start, now, rng),
                false => Err(Rejection::Unsolicited.into()),
            }
        };
        let restart = |tenant, return_to| begin(Start { tenant, return_to, ..Start::default() });
        let verdict = match (&self.site, tenant) {
            (Site::One(sp, _), _) => match sp.unsolicited() {
                Unsolicited::Refuse => return Err(error),
                Unsolicited::Restart => return restart(None, sp.restart_unsolicited(posted, now)?),
                Unsolicited::Accept { .. } => sp.finish_unsolicited(posted, now).map(Unasked::Accepted),
            },
            (Site::Many(tenants), name) => {
                let addressed = name.map(|name| tenants.named(name)).transpose()?;
                if let Some(found) = &addressed {
                    must_be_at(request.path(), found.assertion_consumer_service(), Rejection::DestinationMismatch)?;
                }
                tenants.finish_unsolicited(addressed.as_ref().map(|found| found.id()), posted, now)
            }
        };
        match verdict {
            Ok(Unasked::Accepted(login)) => {
                let response = HttpResponse::see_other(login.return_to().as_ref());
                Ok(Outcome::SignedIn(Box::new(login), response))
            }
            Ok(Unasked::Restart(tenant, return_to)) => restart(Some(tenant), return_to),
            Err(refused) if is_too_old(&refused) && (tenant.is_some() || self.service_provider().is_some()) => {
                let tenant = tenant.and_then(|name| name.parse().ok());
                let ask = AuthnRequest::new().force_authn();
                begin(Start { tenant, request: ask, ..Start::default() })
            }
            // Nobody asked: that this browser did not begin a login says more.
            Err(refused) if matches!(refused.kind(), ErrorKind::Rejected(Rejection::Unsolicited)) => Err(error),
            Err(refused) => Err(refused),
        }
    }

    /// Of several customers: how far a message comes that anybody can send must not tell who is one.
    fn alike(&self, outcome: Outcome) -> Outcome {
        match (&self.site, outcome) {
            (Site::Many(_), Outcome::Refused(error, response)) if matches!(response.status, 400 | 500) => {
                Outcome::Refused(error, HttpResponse { status: 403, ..response })
            }
            (_, outcome) => outcome,
        }
    }

    /// The person learns that it did not work and how to try again, and nothing more.
    fn refuse(&self, error: Error) -> Outcome {
        let again = format!("<p><a href=\"{}\">Sign in again</a></p>", escape_html(self.login.path()));
        refused(error, "Not signed in", &again)
    }
}

const NOT_SIGNED_OUT: &str = "Not signed out everywhere";

/// A page that says nothing of the reason; `more` is HTML.
fn refused(error: Error, title: &str, more: &str) -> Outcome {
    let (status, allow) = match error.kind() {
        ErrorKind::Request(RequestError::Method(_, expected)) => (405, Some(*expected)),
        ErrorKind::Request(RequestError::AcsOpened) => (405, Some("POST")),
        ErrorKind::Request(RequestError::ContentType(_)) => (415, None),
        ErrorKind::Binding(BindingError::TooLarge(_)) => (413, None),
        // As what comes after it, so that nobody can tell where a forged ciphertext fails.
        ErrorKind::Message(MessageError::DecryptionFailed) => (403, None),
        ErrorKind::Request(_) | ErrorKind::Binding(_) | ErrorKind::Message(_) => (400, None),
        ErrorKind::Configuration(_) | ErrorKind::Metadata(_) => (500, None),
        ErrorKind::Rejected(Rejection::ReplayCacheFull | Rejection::ReplayCacheUnavailable) => (503, None),
        _ => (403, None),
    };
    let message = match title {
        NOT_SIGNED_OUT => "To be safe, close all windows of this browser.",
        _ => error.public_message(),
    };
    let body = format!("<p>{message}</p>{more}");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
    let response = HttpResponse::html(status, policy, document(title, &body));
    let response = allow.iter().fold(response, |out, method| out.with("allow", (*method).to_owned()));
    Outcome::Refused(error, response)
}

/// Another site must not sign people out: a picture would do (browsers have sent the header since 2023).
fn must_be_of_this_site(request: &impl HttpRequest) -> Result<(), RequestError> {
    let site = request.header("sec-fetch-site").first().map(|value| String::from_utf8_lossy(value).into_owned());
    match site.filter(|site| !matches!(site.as_str(), "same-origin" | "same-site" | "none")) {
        Some(site) => Err(RequestError::CrossSite(Quoted::new(&site))),
        None => Ok(()),
    }
}

/// The person has no session of ours any more, and there is nobody to tell.
fn has_no_logout(error: &Error) -> bool {
    use crate::error::ConfigurationError::NoLogoutEndpoint;
    matches!(error.kind(), ErrorKind::Tenant(_) | ErrorKind::Metadata(_) | ErrorKind::Configuration(NoLogoutEndpoint))
}

/// The browser takes it away.
fn send_out(outgoing: Outgoing) -> HttpResponse {
    match outgoing {
        Outgoing::Redirect(url) => HttpResponse::see_other(&url),
        Outgoing::Post(form) => HttpResponse::html(200, &form.content_security_policy(), form.html()),
    }
}

/// The body, if it is a form and not too long.
fn form(request: &impl HttpRequest) -> Result<&[u8], Error> {
    if request.body().len() > Routes::BODY_LIMIT {
        return Err(BindingError::TooLarge(Routes::BODY_LIMIT).into());
    }
    must_be_form(request)?;
    Ok(request.body())
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

/// A message comes to the address of its connection. At an address that several share, who posts it could otherwise say
/// which of them is meant, by the name of one in the path.
fn must_be_at(path: &str, address: &EndpointUrl, otherwise: fn(Mismatch) -> Rejection) -> Result<(), Rejection> {
    match address.path() == path {
        true => Ok(()),
        false => Err(otherwise(Mismatch::new([path], [address.as_ref()]))),
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

/// A page of ours: readable on any screen, and in the dark.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;\
         margin:15vh auto;padding:0 1rem}}input,button{{font:inherit}}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

fn is_too_old(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Rejected(Rejection::AuthenticationTooOld(..)))
}

/// The connection that an address leads to.
fn found_by(tenants: &Tenants, address: &str) -> Result<Arc<Connection>, Error> {
    let domain = address.rsplit('@').next().unwrap_or_default();
    Ok(tenants.by_email(address).ok_or_else(|| TenantError::UnknownDomain(Quoted::new(domain)))?)
}

/// A parameter that stands at most once.
fn parameter(query: &str, name: &'static str) -> Result<Option<String>, RequestError> {
    let broken = |reason| RequestError::Parameter(name, reason);
    let mut values = pairs(query.as_bytes()).filter(|(found, _)| *found == name.as_bytes());
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => {
            percent_decode(value).map(Some).map_err(|_| broken("its percent-encoding is broken"))
        }
        (Some(_), Some(_)) => Err(broken("it stands twice")),
    }
}

/// The longest address that mail is delivered to (RFC 5321 4.5.3.1).
const HINT_LIMIT: usize = 320;

/// What is passed on to the identity provider.
fn hint(query: &str, name: &'static str) -> Result<Option<String>, RequestError> {
    match parameter(query, name)? {
        Some(text) if text.len() > HINT_LIMIT || text.contains(char::is_control) => {
            Err(RequestError::Parameter(name, "it is longer than 320 bytes or holds control characters"))
        }
        Some(text) if text.is_empty() => Ok(None),
        other => Ok(other),
    }
}

fn return_to(query: &str, read: impl Fn(&str) -> Result<ReturnTo, InvalidId>) -> Result<ReturnTo, RequestError> {
    match parameter(query, "return_to")? {
        None => Ok(ReturnTo::default()),
        Some(text) => read(&text).map_err(|error| RequestError::Parameter("return_to", error.reason)),
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
