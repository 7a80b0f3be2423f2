//! Which assertions have been used, in Redis: for an application that runs as several processes (feature `redis`).

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use ::redis::{Client, Connection, ConnectionLike as _, IntoConnectionInfo as _, Value};

use crate::crypto::{NoRandomness, SecureRandom as _, SystemRandom, sha256};
use crate::encoding::{Quoted, hex};
use crate::sp::{ClaimError, ReplayCache, ReplayKey};
use crate::time::UnixTime;

/// For several processes that share a Redis (6.2 or newer, or Valkey): what one of them accepts, none accepts again.
///
/// ```no_run
/// use entra_sso::redis::RedisReplayCache;
///
/// let used = RedisReplayCache::new("redis://127.0.0.1/")?;
/// used.check()?; // when the program starts: says what is wrong with the server
/// # Ok::<(), entra_sso::redis::RedisError>(())
/// ```
///
/// # A claim
/// is one round trip: a script that the server runs as one step. It fails closed. When the server cannot be reached, is
/// late, or answers anything but what the script returns, the claim is [`ClaimError::Unavailable`], and it is not tried
/// again: a reply that was lost may have said that the key is recorded now. The next claim connects anew. When the
/// server has no memory left, and when an assertion would have to be kept for more than 25 hours, the claim is
/// [`ClaimError::Full`]. The feature `tracing` tells the reason, as a warning.
///
/// A claim takes at most five times the time-out ([`with_timeout`](Self::with_timeout)): to wait for a connection, to
/// see whether it still stands, to make one, to look at the server, and to ask. Beside that stand the look-up of a name,
/// which has the time that the system gives it, and a reply that comes in pieces, each of which has the whole time.
///
/// # Clocks
/// The server forgets a key by its own clock, and whether it may have forgotten is asked of that clock and of no other.
/// A key is kept for 20 minutes beyond its assertion, and a claim that comes more than 10 minutes after the end of its
/// assertion, by the server's clock, is refused. So the clock of the server may be 10 minutes ahead of ours; if it is
/// further ahead, logins fail, and none succeeds twice. The script also notes the time, and if it has gone back by more
/// than 10 minutes, does as for a loss of memory. Not noticed is a clock that jumps ahead and back between two claims.
///
/// # A server that has forgotten
/// A Redis that is killed comes back with what it had on disk, which may be nothing. Therefore it keeps, in one more key,
/// a random name of its memory, how many claims there were, and the latest end and longest life of what was claimed. Each
/// claim compares name and number with those that this process has seen. If they have gone, or gone back, the server
/// from then on refuses, to all processes, each assertion that ends before everything that can have been claimed until
/// now has ended: the latest end seen, or the longest life seen from now on and 10 minutes. New assertions of a provider
/// whose assertions all live equally long end later, and are taken again after these 10 minutes.
///
/// What cannot be noticed, because nobody who asks remembers:
/// * a process that has just started, and finds an empty server, takes it for a new one until a process that remembers
///   makes a claim;
/// * claims that were lost from the end, all by other processes, when the server still saves to an append-only file; and
///   those that a replica had not received when it took over.
///
/// # How to set up the server
/// * `appendonly yes`: without it a restart brings back the last snapshot. A process that sees the server restarted
///   without an append-only file takes it for a loss of memory.
/// * `appendfsync always`: otherwise the last second of claims is lost with the machine.
/// * `maxmemory-policy noeviction`: any other forgets keys that live, to make room. A server with a limit and another
///   policy is refused; it is looked at when a connection is made.
/// * One server. Replication does not wait for the replica, and a cluster is refused.
/// * A user of its own that may run `EVAL`, `TIME`, `HMGET`, `HSET` and `SET` on its keys, `INFO` and `PING`.
/// * Across a network `rediss://`, because whoever can answer in the server's place can say that nothing was ever used.
///   Have the crate `redis` among your dependencies, with its feature `tls-rustls`.
pub struct RedisReplayCache {
    client: Client,
    prefix: String,
    connections: usize,
    timeout: Duration,
    state: Mutex<State>,
    /// Somebody has given a connection back.
    freed: Condvar,
}

/// Prints no address, which may hold a password.
impl fmt::Debug for RedisReplayCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplayCache").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Why a Redis cannot keep what was used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The address is none. It is not repeated, because it may hold a password.
    #[error("the address is not of the form redis://[user:password@]host[:port][/database]: {0}")]
    Address(String),
    /// The server gave no answer, or one that is none.
    #[error("no answer from Redis: {0}")]
    Unanswered(String),
    /// The server may forget keys that live. Set `maxmemory-policy noeviction`.
    #[error("Redis may forget what was used: maxmemory-policy is {0}, and must be noeviction")]
    Forgets(String),
    /// The server has no memory left.
    #[error("Redis has no memory left")]
    Full,
    /// All connections were in use for longer than the time-out.
    #[error("all connections to Redis are in use")]
    Busy,
    /// The server has lost its memory, and the assertion may have been claimed before that.
    #[error("Redis has forgotten what was used before; assertions from before that are refused")]
    Forgot,
    /// By the server's clock the assertion has ended so long ago that it may have been forgotten.
    #[error("by the clock of Redis the assertion ended more than 10 minutes ago; compare the clocks")]
    ClockAhead,
    /// By the caller's clock the assertion has ended, or ends later than it can be kept.
    #[error("the assertion has ended, or lives for more than 25 hours")]
    Lifetime,
    /// There is no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl RedisError {
    getters! {
        /// A name for this error that never changes.
        pub fn code(&self) -> &'static str { self.row().0 }
        /// What an administrator can do, in one sentence.
        pub fn hint(&self) -> &'static str { self.row().1 }
    }

    #[rustfmt::skip]
    const fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::Address(_) => ("redis.address", "Correct the address of Redis in the settings of this application."),
            Self::Unanswered(_) => ("redis.unanswered", "Look whether Redis runs, can be reached from this server, and lets this user run the commands that the documentation names."),
            Self::Forgets(_) => ("redis.forgets", "Set `maxmemory-policy` to `noeviction`."),
            Self::Full => ("redis.full", "Give Redis more memory."),
            Self::Busy => ("redis.busy", "Give the cache more connections, or look why Redis is slow."),
            Self::Forgot => ("redis.forgot", "Set `appendonly yes` and `appendfsync always`; people can sign in again once what was used before has ended."),
            Self::ClockAhead => ("redis.clock_ahead", "Set the clocks of Redis and of this server by NTP."),
            Self::Lifetime => ("redis.lifetime", "Have the identity provider make assertions that end within a day; if they do, check the clock of this server."),
            Self::Randomness(_) => ("redis.no_randomness", "Restart the server."),
        }
    }
}

/// Says no more than the library does, which does not print passwords.
impl From<::redis::RedisError> for RedisError {
    fn from(error: ::redis::RedisError) -> Self {
        match error.code() {
            Some("OOM") => Self::Full,
            _ => Self::Unanswered(error.to_string()),
        }
    }
}

#[derive(Default)]
struct State {
    idle: Vec<Idle>,
    busy: usize,
    known: Known,
}

struct Idle {
    connection: Connection,
    used: UnixTime,
}

/// What this process knows of the server's memory.
#[derive(Clone, Default)]
struct Known {
    /// How often it was found lost. Replies to what was asked before the last time prove nothing.
    losses: u64,
    /// One run of the server, from its start to its end.
    run: Option<String>,
    /// Began to run without what the run before it knew.
    restarted_empty: bool,
    /// The random name; empty until the first reply.
    name: String,
    count: u64,
    longest_life: u64,
    latest_end: u64,
}

/// What the script returns.
type Reply = (String, String, u64, u64, u64, bool);

/// `KEYS`: the assertion; the memory. `ARGV`: what this process knows (name, count, longest life, latest end), a name in
/// case there is none, now, the end of the assertion, and how far clocks may be apart. Times are in milliseconds.
///
/// The first write is the one that counts. If it fails for want of memory, nothing was written; after it the server lets
/// a script go on.
const CLAIM: &str = r"
local name, count, life, last = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now, expires, apart = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local clock = redis.call('TIME')
local time = clock[1] * 1000 + math.floor(clock[2] / 1000)
local kept = redis.call('HMGET', KEYS[2], 'name', 'count', 'life', 'last', 'time', 'closed')
local kept_count, kept_time, closed = tonumber(kept[2] or 0), tonumber(kept[5] or 0), tonumber(kept[6] or 0)
life, last = math.max(life, tonumber(kept[3] or 0)), math.max(last, tonumber(kept[4] or 0))
local lost = name ~= '' and (name ~= kept[1] or count > kept_count)
local back = kept_time > time + apart
if lost or back then closed = math.max(closed, last, now + life + apart) end
local verdict
if time > expires + apart then verdict = 'ended'
elseif expires <= closed then verdict = 'closed'
elseif redis.call('SET', KEYS[1], '', 'NX', 'PXAT', string.format('%.0f', expires + 2 * apart)) then
  verdict = 'new'
  kept_count, life, last = kept_count + 1, math.max(life, expires - now), math.max(last, expires)
else verdict = 'used' end
name = kept[1] or ARGV[5]
if verdict == 'new' or lost or back or not kept[1] or time > kept_time + 60000 then
  if back or time > kept_time then kept_time = time end
  local text = function(number) return string.format('%.0f', number) end
  redis.call('HSET', KEYS[2], 'name', name, 'count', text(kept_count), 'life', text(life), 'last', text(last),
    'time', text(kept_time), 'closed', text(closed))
end
return { verdict, name, kept_count, life, last, lost and 1 or 0 }
";

/// Twice what a careful administrator of Kerberos allows; as much as [`ServiceProvider`](crate::ServiceProvider) does.
const CLOCKS_APART: Duration = Duration::from_secs(10 * 60);

/// A tenant of Entra can have its assertions live for a day at most. Longer ones would fill the server, and keep it shut
/// after a loss of memory.
const LONGEST_LIFE: Duration = Duration::from_secs(25 * 60 * 60);

/// Firewalls and servers close what has been idle for minutes; this is less than any of them waits.
const FRESH_FOR: Duration = Duration::from_secs(30);

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_CONNECTIONS: usize = 8;

impl RedisReplayCache {
    /// At `redis://[user:password@]host[:port][/database]`, or `rediss://…`. Connects with the first claim.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(address: &str) -> Result<Self, RedisError> {
        let unusable = |error: ::redis::RedisError| RedisError::Address(error.category().to_owned());
        let info = address.into_connection_info().map_err(unusable)?;
        // The name of the library would be two more round trips for each connection, or an error for an old server.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self {
            client: Client::open(info.set_redis_settings(settings)).map_err(unusable)?,
            prefix: "entra-sso:".to_owned(),
            connections: DEFAULT_CONNECTIONS,
            timeout: DEFAULT_TIMEOUT,
            state: Mutex::default(),
            freed: Condvar::new(),
        })
    }

    builders! {
        /// What the names of all keys begin with: `entra-sso:` unless said otherwise. Processes that share a server share
        /// what was used only if they share this.
        #[must_use]
        pub fn with_prefix(mut self, prefix: &str) { prefix.clone_into(&mut self.prefix) }
        /// How many claims can be under way at once; 8 unless said otherwise. The others wait.
        #[must_use]
        pub fn with_connections(mut self, connections: usize) { self.connections = connections.max(1) }
        /// How long to wait for each of: a free connection, a new connection, each read and each write. Two seconds
        /// unless said otherwise; a millisecond at least.
        #[must_use]
        pub fn with_timeout(mut self, timeout: Duration) { self.timeout = timeout.max(Duration::from_millis(1)) }
    }

    /// Makes a connection and looks at the server: for the start of a program, and for its page of health.
    ///
    /// # Errors
    /// When the server gives no answer, or may forget keys that live.
    pub fn check(&self) -> Result<(), RedisError> {
        self.connect().map(drop)
    }

    fn try_claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<bool, RedisError> {
        if expires <= now || expires.since(now) > LONGEST_LIFE {
            return Err(RedisError::Lifetime);
        }
        let mut fresh = [0; 16];
        SystemRandom::default().fill(&mut fresh)?;
        let _seat = self.seat()?;
        let asked = self.connection(now).and_then(|mut connection| {
            let known = self.state()?.known.clone();
            let reply = self.command(key, expires, now, &known, &hex(&fresh)).query(&mut connection)?;
            let reply = read(&reply).ok_or_else(|| RedisError::Unanswered("a reply of another form".to_owned()))?;
            Ok((connection, known, reply))
        });
        let mut state = self.state()?;
        let Ok((connection, sent, reply)) = asked else {
            // What ended this connection has most likely ended the others.
            state.idle.clear();
            return asked.map(|_| false);
        };
        state.idle.push(Idle { connection, used: now });
        let current = state.known.learn(&sent, &reply);
        drop(state);
        match (reply.0.as_str(), current) {
            ("new", true) => Ok(true),
            ("used", _) => Ok(false),
            ("closed" | "new", _) => Err(RedisError::Forgot),
            ("ended", _) => Err(RedisError::ClockAhead),
            _ => Err(RedisError::Unanswered("a verdict that the script does not give".to_owned())),
        }
    }

    fn command(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime, known: &Known, fresh: &str) -> ::redis::Cmd {
        let (issuer, id) = key.parts();
        // The length in front keeps (ab, c) and (a, bc) apart; the digest bounds what the server must keep.
        let named = format!("{}:{issuer}{id}", issuer.as_ref().len());
        let mut command = ::redis::cmd("EVAL");
        command.arg(CLAIM).arg(2);
        command.arg(format!("{}used:{}", self.prefix, hex(&sha256(named.as_bytes())))).arg(self.memory());
        command.arg(if known.restarted_empty { "restarted" } else { &known.name }).arg(known.count);
        command.arg(known.longest_life).arg(known.latest_end).arg(fresh);
        command.arg(now.as_millis()).arg(expires.as_millis()).arg(millis(CLOCKS_APART));
        command
    }

    fn memory(&self) -> String {
        format!("{}memory", self.prefix)
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, RedisError> {
        // A thread that panicked while it held the lock may have left half of what it learnt.
        self.state.lock().map_err(|_| RedisError::Busy)
    }

    /// Waits for one of the connections that may be open at once.
    fn seat(&self) -> Result<Seat<'_>, RedisError> {
        let full = |state: &mut State| state.busy >= self.connections;
        let waited = self.freed.wait_timeout_while(self.state()?, self.timeout, full);
        let (mut state, waited) = waited.map_err(|_| RedisError::Busy)?;
        if waited.timed_out() {
            return Err(RedisError::Busy);
        }
        state.busy += 1;
        Ok(Seat(self))
    }

    /// One that was used before, if it still stands, or a new one.
    fn connection(&self, now: UnixTime) -> Result<Connection, RedisError> {
        let Some(Idle { mut connection, used }) = self.state()?.idle.pop() else { return self.connect() };
        let fresh = used <= now && now.since(used) < FRESH_FOR;
        if connection.is_open() && (fresh || connection.check_connection()) {
            return Ok(connection);
        }
        self.state()?.idle.clear();
        self.connect()
    }

    fn connect(&self) -> Result<Connection, RedisError> {
        let mut connection = self.client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        let server = Server::read(&::redis::cmd("INFO").query::<String>(&mut connection)?)?;
        self.state()?.known.meet(server);
        Ok(connection)
    }
}

impl ReplayCache for RedisReplayCache {
    fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError> {
        match self.try_claim(key, expires, now) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ClaimError::Replayed),
            Err(error) => {
                #[cfg(feature = "tracing")]
                tracing::warn!(%error, "assertion not claimed");
                match error {
                    RedisError::Full => Err(ClaimError::Full),
                    RedisError::Lifetime if expires > now => Err(ClaimError::Full),
                    _ => Err(ClaimError::Unavailable),
                }
            }
        }
    }
}

struct Seat<'a>(&'a RedisReplayCache);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.state() {
            state.busy = state.busy.saturating_sub(1);
        }
        self.0.freed.notify_one();
    }
}

/// What `INFO` says of the server.
struct Server {
    run: String,
    appends: bool,
}

impl Server {
    fn read(info: &str) -> Result<Self, RedisError> {
        let field = |name: &str| {
            let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.ok_or_else(|| RedisError::Unanswered(format!("INFO has no {name}")))
        };
        // Until it has read its files it knows nothing, and says of itself that it has none.
        if field("loading")? != "0" {
            return Err(RedisError::Unanswered("it is still reading its files".to_owned()));
        }
        let policy = field("maxmemory_policy")?;
        if field("maxmemory")? != "0" && policy != "noeviction" {
            return Err(RedisError::Forgets(Quoted::new(policy).to_string()));
        }
        Ok(Self { run: field("run_id")?.to_owned(), appends: field("aof_enabled")? == "1" })
    }
}

impl Known {
    /// Has a new connection to a server.
    fn meet(&mut self, server: Server) {
        let restarted = self.run.as_ref().is_some_and(|run| *run != server.run);
        // Before the first claim there is nothing that could be forgotten.
        if restarted && !server.appends && !self.name.is_empty() {
            self.restarted_empty = true;
            self.losses += 1;
        }
        self.run = Some(server.run);
    }

    /// Takes over what a reply says. False if the question was asked of a memory that is no longer there.
    fn learn(&mut self, sent: &Self, reply: &Reply) -> bool {
        let (_, name, count, life, last, lost) = reply;
        self.longest_life = self.longest_life.max(*life);
        self.latest_end = self.latest_end.max(*last);
        if self.losses != sent.losses {
            return false;
        }
        if *lost {
            self.losses += 1;
            self.restarted_empty = false;
            self.name.clone_from(name);
            self.count = *count;
            return true;
        }
        if self.name.is_empty() {
            self.name.clone_from(name);
        }
        // Of two that knew nothing, and met a server before and after it lost its memory, one is here too late.
        if self.name != *name {
            return false;
        }
        self.count = self.count.max(*count);
        true
    }
}

/// Exactly what the script returns. The library's own conversions would take text for numbers, and -1 for a large one.
fn read(reply: &Value) -> Option<Reply> {
    let Value::Array(fields) = reply else { return None };
    let [Value::BulkString(verdict), Value::BulkString(name), rest @ ..] = fields.as_slice() else { return None };
    let [Value::Int(count), Value::Int(life), Value::Int(last), Value::Int(lost)] = rest else { return None };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let number = |number: &i64| u64::try_from(*number).ok();
    Some((text(verdict)?, text(name)?, number(count)?, number(life)?, number(last)?, *lost != 0))
}

fn millis(span: Duration) -> u64 {
    UnixTime::default().plus(span).as_millis()
}

#[cfg(test)]
#[path = "../tests/unit/redis.rs"]
mod tests;
