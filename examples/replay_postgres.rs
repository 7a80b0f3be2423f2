//! Which assertions have been used, in a `PostgreSQL` that several processes share, behind `await`: signs somebody in,
//! then presents the same answer again. Makes a table `used_assertions` if there is none.
//!
//! ```text
//! DATABASE_URL=postgres://app:secret@localhost/app cargo run --example replay_postgres
//! ```
//!
//! The answers of the database count only if it keeps what it has confirmed: leave `fsync` and `synchronous_commit` on,
//! and where a replica takes over, have it confirm each commit (`synchronous_standby_names`). A table that comes back
//! from a backup has forgotten: before you open it to anybody, wait until all that was used has expired, 75 minutes with
//! Entra ID.

use std::error::Error;
use std::time::Duration;

use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::testing::TestIdp;
use entra_sso::{CookieKey, PendingLogin, PostedResponse, ReturnTo, ServiceProvider, SystemRandom, UnixTime};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Statement};

/// What is there before the first claim.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS used_assertions (
    issuer text, id text, expires timestamptz NOT NULL, PRIMARY KEY (issuer, id));
    CREATE INDEX IF NOT EXISTS used_assertions_expires ON used_assertions (expires)";

/// Two people at once: the second waits for the first's commit, and then inserts nothing. The clock of the database
/// alone says what may have been deleted, so nothing is inserted that has ended by it.
const INSERT: &str = "INSERT INTO used_assertions SELECT $1, $2, at FROM to_timestamp($3::bigint / 1000.0) AS at
    WHERE at + interval '10 minutes' > now() ON CONFLICT DO NOTHING";

/// Later than the last insertion by as much as the clock of the database may be set back.
const DELETE: &str = "DELETE FROM used_assertions WHERE expires + interval '20 minutes' < now()";

/// For one statement, or one connection. Whoever waits longer signs in again.
const PATIENCE: Duration = Duration::from_secs(2);

/// One connection. Have a pool of them.
#[derive(Debug)]
pub(crate) struct UsedAssertions {
    client: Client,
    insert: Statement,
    patience: Duration,
}

impl UsedAssertions {
    /// Across a network, give `connect` a connector for TLS instead of `NoTls`: whoever can answer in the place of the
    /// database can say that nothing was ever used.
    pub(crate) async fn connect(url: &str, patience: Duration) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (client, connection) = timeout(patience, tokio_postgres::connect(url, NoTls)).await??;
        // It ends when the client is dropped, and every claim fails when it ends.
        tokio::spawn(connection);
        let insert = timeout(patience, client.prepare(INSERT)).await??;
        Ok(Self { client, insert, patience })
    }

    /// Makes the table: when the application is installed.
    pub(crate) async fn create(url: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (client, connection) = timeout(PATIENCE, tokio_postgres::connect(url, NoTls)).await??;
        tokio::spawn(connection);
        Ok(timeout(PATIENCE, client.batch_execute(TABLE)).await??)
    }

    /// Records `key`, or says that it may have been used (so too if it ended 10 minutes ago by the database's clock). It is
    /// not tried again: an error or a silence may hide that the
    /// row was inserted. Throw a connection away that gave `Unavailable`.
    pub(crate) async fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError> {
        if expires <= now {
            return Err(ClaimError::Unavailable);
        }
        let (issuer, id) = key.parts();
        let at = i64::try_from(expires.as_millis()).map_err(|_| ClaimError::Unavailable)?;
        let (issuer, id): (&str, &str) = (issuer.as_ref(), id.as_ref());
        match timeout(self.patience, self.client.execute(&self.insert, &[&issuer, &id, &at])).await {
            Ok(Ok(1)) => Ok(()),
            Ok(Ok(0)) => Err(ClaimError::Replayed),
            _ => Err(ClaimError::Unavailable),
        }
    }

    /// Deletes what has expired: every hour or so, not with each login.
    pub(crate) async fn forget_expired(&self) -> Result<u64, Box<dyn Error + Send + Sync>> {
        Ok(timeout(self.patience, self.client.execute(DELETE, &[])).await??)
    }
}

struct App {
    sp: ServiceProvider,
    key: CookieKey,
    used: UsedAssertions,
}

impl App {
    /// `POST /acs`: the name of the person. Yours opens a session here.
    async fn acs(&self, cookies: &str, body: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        let now = UnixTime::now();
        let posted = PostedResponse::from_form(body)?;
        let pending = PendingLogin::from_cookies(cookies, posted.relay_state(), &self.key, now)?;
        let unclaimed = self.sp.judge_login(pending, &posted, now)?;
        let claim = self.used.claim(unclaimed.replay_key(), unclaimed.expires(), now).await;
        Ok(unclaimed.settle(claim)?.name_id().value.clone())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url =
        std::env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to postgres://user:password@host/database")?;
    UsedAssertions::create(&url).await?;
    let (idp, now, rng) = (TestIdp::new(), UnixTime::now(), SystemRandom::default());
    let app = App {
        sp: ServiceProvider::at(&"https://app.example/saml".parse()?, idp.identity_provider(now)?),
        key: CookieKey::random(&rng)?,
        used: UsedAssertions::connect(&url, PATIENCE).await?,
    };

    let started = app.sp.start_login(ReturnTo::default(), now, &rng)?;
    let cookie = started.pending.into_cookie(&app.key, &rng)?.into_string();
    let cookie = cookie.split(';').next().unwrap_or_default();
    let form = idp.answer(&started.outgoing, now).ok_or("no request")?.form();

    println!("first time:  {} signed in", app.acs(cookie, &form).await?);
    let again = app.acs(cookie, &form).await;
    println!("{} forgotten", app.used.forget_expired().await?);
    match again {
        Ok(_) => Err("the answer was taken twice".into()),
        Err(error) => {
            println!("second time: {error}");
            Ok(())
        }
    }
}
