//! Adds sign-in with Entra ID to an application. Send every request under `/saml` to `saml`.

use entra_sso::http::{Outcome, Routes};
use entra_sso::{CookieKey, Error, IdentityProvider, Login, MemoryReplayCache, MetadataTrust};
use entra_sso::{ServiceProvider, UnixTime};
use http::{Request, Response};

fn routes(metadata: &[u8], key: [u8; 32]) -> Result<Routes, Error> {
    let trust = MetadataTrust::ConfiguredByAdmin;
    let entra = IdentityProvider::from_metadata(metadata, trust, UnixTime::now())?;
    let sp = ServiceProvider::at(&"https://app.example/saml".parse()?, entra);
    Ok(Routes::new(sp, CookieKey::new(key), MemoryReplayCache::default()))
}

fn saml(routes: &Routes, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match routes.handle(request) {
        Outcome::SignedIn(login, response) => open_session(&login, response.into()),
        Outcome::Refused(error, response) => {
            let hint = error.hint().map(|hint| hint.to_string()).unwrap_or_default();
            eprintln!("{}: {error}. {hint}", error.code());
            response.into()
        }
        Outcome::Respond(response) | Outcome::AlreadyAnswered(_, response) => response.into(),
        _ => not_found(),
    }
}

// ---- yours ----

fn open_session(login: &Login, response: Response<Vec<u8>>) -> Response<Vec<u8>> {
    println!("{:?} signed in", login.name_id().value);
    response // with the cookie of a new session
}

fn not_found() -> Response<Vec<u8>> {
    Response::default()
}

/// A browser clicks on *Sign in*, and is sent to the identity provider.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let metadata = entra_sso::testing::TestIdp::new().metadata();
    let routes = routes(metadata.as_bytes(), [7; 32])?;
    let request = Request::get("/saml/login?return_to=/reports").body(Vec::new())?;
    println!("{:#?}", saml(&routes, &request));
    Ok(())
}
