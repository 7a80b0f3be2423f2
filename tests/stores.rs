//! Many processes and one store, and what the stores themselves do: against the servers that tests/stores.sh starts.
//! Where the environment names none, each test says that it did nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entra_sso::inside::replay_key;
use entra_sso::redis::RedisReplayCache;
use entra_sso::sp::{ClaimError, ReplayKey};
use entra_sso::{EntityId, ReplayCache, UnixTime};
use tokio::runtime;

#[path = "../examples/replay_postgres.rs"]
#[allow(dead_code)]
mod replay_postgres;
use replay_postgres::UsedAssertions;

const HOUR: Duration = Duration::from_secs(3600);
const THREADS: usize = 64;
/// Nobody waits for a person here, and the machine may have other work.
const PATIENCE: Duration = Duration::from_secs(30);

fn from_env(name: &str) -> Option<String> {
    let found = std::env::var(name).ok();
    if found.is_none() {
        println!("nothing was tested: tests/stores.sh sets {name}");
    }
    found
}

fn key(issuer: &str, at: usize) -> ReplayKey {
    let issuer: EntityId = issuer.parse().expect("an entity ID");
    replay_key(&issuer, &format!("_{at}")).expect("an ID")
}

/// What one thread claims with.
#[allow(clippy::large_enum_variant, reason = "there are 64")]
enum Store<'a> {
    Redis(&'a RedisReplayCache),
    Postgres { url: &'a str, runtime: runtime::Runtime, connection: Option<UsedAssertions> },
}

impl Store<'_> {
    fn claim(&mut self, key: &ReplayKey) -> Result<(), ClaimError> {
        let now = UnixTime::now();
        let expires = now.plus(HOUR);
        match self {
            Self::Redis(cache) => cache.claim(key, expires, now),
            Self::Postgres { url, runtime, connection } => runtime.block_on(async {
                let used = match connection.take() {
                    Some(used) => used,
                    None => UsedAssertions::connect(url, PATIENCE).await.map_err(|_| ClaimError::Unavailable)?,
                };
                let claim = used.claim(key, expires, now).await;
                if claim != Err(ClaimError::Unavailable) {
                    *connection = Some(used);
                }
                claim
            }),
        }
    }
}

/// A process of many. For each line on standard input it presents so many assertions, each from `times` threads, and
/// says what became of them; the numbers of those that were accepted go to a file at once.
#[test]
fn of_all_who_present_an_assertion_one_is_let_in() {
    let Some(url) = from_env("STORE") else { return };
    let issuer = std::env::var("STORE_ISSUER").expect("the issuer of this run");
    let accepted = File::create(std::env::var("STORE_ACCEPTED").expect("a file")).expect("a file");
    let times: usize = std::env::var("STORE_TIMES").expect("a number").parse().expect("a number");
    let redis =
        url.starts_with("redis:").then(|| RedisReplayCache::new(&url).expect("an address").with_timeout(PATIENCE));
    let mut stores: Vec<Store<'_>> = (0..THREADS)
        .map(|_| match &redis {
            Some(cache) => Store::Redis(cache),
            None => {
                let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                Store::Postgres { url: &url, runtime, connection: None }
            }
        })
        .collect();
    for line in std::io::stdin().lines() {
        let count: usize = line.expect("a line").parse().expect("a number");
        let (turn, answers) = (AtomicUsize::new(0), [const { AtomicUsize::new(0) }; 4]);
        let [ok, replayed, unavailable, other] = &answers;
        std::thread::scope(|scope| {
            for store in &mut stores {
                scope.spawn(|| {
                    loop {
                        let turn = turn.fetch_add(1, Ordering::Relaxed);
                        if turn >= count * times {
                            break;
                        }
                        // Neighbours in time present the same.
                        let at = turn / times;
                        let answer = match store.claim(&key(&issuer, at)) {
                            Ok(()) => {
                                (&accepted).write_all(format!("{at}\n").as_bytes()).expect("a file");
                                ok
                            }
                            Err(ClaimError::Replayed) => replayed,
                            Err(ClaimError::Unavailable) => unavailable,
                            Err(_) => other,
                        };
                        answer.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let [accepted, replayed, unavailable, other] = answers.map(AtomicUsize::into_inner);
        println!("\npassed {accepted} {replayed} {unavailable} {other}");
    }
}

/// A second connection to a Redis, for what an administrator or an accident does.
struct Admin(BufReader<TcpStream>);

impl Admin {
    fn new(url: &str) -> Self {
        let address = url.trim_start_matches("redis://").trim_end_matches('/');
        Self(BufReader::new(TcpStream::connect(address).expect("a server")))
    }

    /// The first line of the answer.
    fn say(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).expect("a server");
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    fn number(&mut self, command: &str) -> u64 {
        self.say(command).trim_start_matches(':').parse().expect("a number")
    }
}

#[test]
fn a_real_redis_remembers_and_knows_when_it_does_not() {
    let Some(url) = from_env("REDIS_URL") else { return };
    let (mut admin, now) = (Admin::new(&url), UnixTime::now());
    assert_eq!(admin.say("FLUSHALL"), "+OK");
    let cache = |prefix: &str| RedisReplayCache::new(&url).expect("an address").with_prefix(prefix);
    let claim = |cache: &RedisReplayCache, at, life| cache.claim(&key("i", at), now.plus(life), now);
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let (no, used) = (Err(ClaimError::Unavailable), Err(ClaimError::Replayed));

    // Two processes, one memory.
    let (ours, theirs) = (cache("a:"), cache("a:"));
    assert_eq!(ours.check(), Ok(()));
    assert_eq!(claim(&ours, 1, HOUR), Ok(()));
    assert_eq!(claim(&ours, 1, HOUR), used);
    assert_eq!(claim(&theirs, 1, HOUR), used);
    assert_eq!(claim(&theirs, 1, minutes(1)), used);
    assert_eq!(claim(&theirs, 2, HOUR), Ok(()));
    assert_eq!(claim(&ours, 2, HOUR), used);
    // Each assertion has one key, and there is one more. It lives for 20 minutes more than its assertion.
    assert_eq!(admin.number("DBSIZE"), 3);
    assert_eq!(admin.number("DEL a:memory"), 1);
    assert_eq!(admin.number("EXISTS a:memory"), 0);
    let left = admin.number("EVAL \"return redis.call('PTTL', redis.call('KEYS', 'a:used:*')[1])\" 0");
    assert!((minutes(79).as_millis()..=minutes(80).as_millis()).contains(&u128::from(left)), "{left}");

    // It came back empty. Whoever remembers has it closed, also to those who do not.
    assert_eq!(admin.say("FLUSHALL"), "+OK");
    let stranger = cache("a:");
    assert_eq!(claim(&ours, 1, HOUR), no);
    for cache in [&ours, &theirs, &stranger] {
        assert_eq!(claim(cache, 1, HOUR), no);
        assert_eq!(claim(cache, 3, minutes(69)), no);
    }
    // What lives on after all that was used is open, and once.
    assert_eq!(claim(&stranger, 4, minutes(75)), Ok(()));
    assert_eq!(claim(&ours, 4, minutes(75)), used);
    assert_eq!(claim(&theirs, 5, minutes(80)), Ok(()));

    // It came back with less than it knew.
    let ours = cache("b:");
    for at in 1..=3 {
        assert_eq!(claim(&ours, at, HOUR), Ok(()));
    }
    assert_eq!(admin.number("HSET b:memory count 2"), 0);
    assert_eq!(claim(&ours, 4, HOUR), no);
    assert_eq!(claim(&cache("b:"), 4, HOUR), no);
    assert_eq!(claim(&ours, 4, minutes(75)), Ok(()));

    // Its clock was ahead by an hour, and goes right again.
    let ours = cache("c:");
    assert_eq!(claim(&ours, 1, HOUR), Ok(()));
    let ahead = now.plus(HOUR).as_millis();
    assert_eq!(admin.number(&format!("HSET c:memory time {ahead}")), 0);
    assert_eq!(claim(&cache("c:"), 2, HOUR), no);
    assert_eq!(claim(&ours, 3, minutes(75)), Ok(()));

    // Ours is behind by an hour, or by some minutes.
    let past = |ago, life| cache("d:").claim(&key("i", 1), now.minus(ago).plus(life), now.minus(ago));
    assert_eq!(past(HOUR, minutes(49)), no);
    assert_eq!(past(minutes(9), minutes(1)), Ok(()));
    assert_eq!(past(minutes(9), minutes(1)), used);

    // What is there is not what the script left.
    for broken in ["SET e:memory x", "HSET f:memory count many", "HSET f:memory time -"] {
        admin.say(broken);
    }
    assert_eq!(claim(&cache("e:"), 1, HOUR), no);
    assert_eq!(claim(&cache("f:"), 1, HOUR), no);

    // No memory left: nothing is forgotten to make room.
    let ours = cache("g:");
    assert_eq!(claim(&ours, 1, HOUR), Ok(()));
    assert_eq!(admin.say("CONFIG SET maxmemory 1"), "+OK");
    assert_eq!(claim(&ours, 2, HOUR), Err(ClaimError::Full));
    assert_eq!(claim(&ours, 1, HOUR), Err(ClaimError::Full));
    assert_eq!(admin.say("CONFIG SET maxmemory-policy allkeys-lru"), "+OK");
    assert!(ours.check().is_err_and(|error| error.to_string().contains("allkeys-lru")));
    assert_eq!(admin.say("CONFIG SET maxmemory-policy noeviction"), "+OK");
    assert_eq!(admin.say("CONFIG SET maxmemory 0"), "+OK");
    // By now it has evicted everything.
    assert_eq!(claim(&ours, 1, HOUR), no);
    println!("Redis was tested");
}

#[test]
fn a_real_postgresql_remembers_until_nothing_can_hold() {
    let Some(url) = from_env("DATABASE_URL") else { return };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        UsedAssertions::create(&url).await.expect("a table");
        let (used, now) = (UsedAssertions::connect(&url, PATIENCE).await.expect("a database"), UnixTime::now());
        let claim = async |at, expires| used.claim(&key("i", at), expires, now).await;
        assert_eq!(claim(1, now.plus(HOUR)).await, Ok(()));
        assert_eq!(claim(1, now.plus(HOUR)).await, Err(ClaimError::Replayed));
        assert_eq!(claim(2, now).await, Err(ClaimError::Unavailable));
        assert_eq!(claim(2, UnixTime::from_millis(u64::MAX)).await, Err(ClaimError::Unavailable));
        // Clocks that are behind that of the database, by minutes and by more.
        let behind = async |at, minutes: u64| {
            let now = now.minus(Duration::from_secs(60 * minutes));
            used.claim(&key("i", at), now.plus(Duration::from_secs(1)), now).await
        };
        assert_eq!(behind(3, 9).await, Ok(()));
        assert_eq!(behind(4, 11).await, Err(ClaimError::Replayed));
        assert_eq!(used.forget_expired().await.expect("an answer"), 0);
        assert_eq!(behind(3, 9).await, Err(ClaimError::Replayed));
    });
    println!("PostgreSQL was tested");
}
