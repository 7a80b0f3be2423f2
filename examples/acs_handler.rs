//! Handlers of your own, with a replay cache behind `await`: `cargo run --example acs_handler` signs somebody in, then
//! tries to use the same answer again.

use std::collections::HashSet;
use std::error::Error;

use entra_sso::mapping::Mapping;
use entra_sso::saml::Outgoing;
use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::testing::TestIdp;
use entra_sso::{CookieKey, PendingLogin, PostedResponse, ReturnTo};
use entra_sso::{ServiceProvider, SystemRandom, UnixTime};
use tokio::sync::Mutex;

struct App {
    sp: ServiceProvider,
    key: CookieKey,
    mapping: Mapping,
    used: Mutex<HashSet<ReplayKey>>,
}

impl App {
    /// `GET /login`: what to send the browser to, and the value of the `Set-Cookie` header.
    fn login(&self, return_to: ReturnTo) -> Result<(Outgoing, String), entra_sso::Error> {
        let rng = SystemRandom::default();
        let started = self.sp.start_login(return_to, UnixTime::now(), &rng)?;
        let cookie = started.pending.into_cookie(&self.key, &rng)?;
        Ok((started.outgoing, cookie.into_string()))
    }

    /// `POST /acs`: the address of the person. Yours opens a session here.
    async fn acs(&self, cookies: &str, body: &[u8]) -> Result<String, Box<dyn Error>> {
        let now = UnixTime::now();
        let posted = PostedResponse::from_form(body)?;
        let pending = PendingLogin::from_cookies(cookies, posted.relay_state(), &self.key, now)?;
        let unclaimed = self.sp.judge_login(pending, &posted, now)?;
        let claim = self.insert_once(unclaimed.replay_key(), unclaimed.expires()).await;
        let login = unclaimed.settle(claim)?;
        let fields = self.mapping.apply(login.claims())?;
        Ok(fields.one("email").unwrap_or_default().to_owned())
    }

    /// Stands for a database:
    ///
    /// ```sql
    /// INSERT INTO used_assertions (issuer, id, expires) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
    /// ```
    ///
    /// with issuer and ID as primary key. One row inserted is `Ok`, none is `Replayed`, an error is `Unavailable`. Rows
    /// may be deleted once they have expired. The example `replay_postgres` has a real one.
    async fn insert_once(&self, key: &ReplayKey, _expires: UnixTime) -> Result<(), ClaimError> {
        match self.used.lock().await.insert(key.clone()) {
            true => Ok(()),
            false => Err(ClaimError::Replayed),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (idp, now) = (TestIdp::new(), UnixTime::now());
    let app = App {
        sp: ServiceProvider::at(&"https://app.example/saml".parse()?, idp.identity_provider(now)?),
        key: CookieKey::random(&SystemRandom::default())?,
        mapping: Mapping::entra(),
        used: Mutex::default(),
    };

    let (outgoing, set_cookie) = app.login("/reports".parse()?)?;
    let cookie = set_cookie.split(';').next().unwrap_or_default();
    let form = idp.answer(&outgoing, now).ok_or("no request")?.form();

    println!("first time:  {} signed in", app.acs(cookie, &form).await?);
    match app.acs(cookie, &form).await {
        Ok(_) => Err("the answer was taken twice".into()),
        Err(error) => {
            println!("second time: {error}");
            Ok(())
        }
    }
}
