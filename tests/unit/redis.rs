//! What a claim makes of each answer that a server can give, and of those that none should: a server of our own says
//! them on loopback. What the script does, tests/stores.sh has a real Redis show.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use super::*;

/// What the server does with one command.
#[derive(Clone, Debug)]
enum Act {
    Say(String),
    /// Says so, and closes the connection.
    SayAndClose(String),
    /// Says nothing until the other side gives up.
    Wait,
}

use Act::{Say, SayAndClose, Wait};

/// A server that does one thing after the other, over as many connections as it takes, and remembers what it was asked.
struct Fake {
    cache: RedisReplayCache,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Fake {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (acts, log) = (Arc::clone(&acts), Arc::clone(&log));
                std::thread::spawn(move || serve(&stream.expect("a connection"), &acts, &log));
            }
        });
        // Long enough for a loaded machine; what waits for it to pass has one of its own.
        let cache = RedisReplayCache::new(&format!("redis://{address}/")).expect("an address");
        Self { cache: cache.with_timeout(Duration::from_secs(20)), asked }
    }

    /// Greets, and does `act` with the first claim.
    fn greeting(act: Act) -> Self {
        Self::new([info("0", "noeviction", "1", "1"), act])
    }

    fn claim(&self) -> Result<(), ClaimError> {
        self.claim_at(0)
    }

    fn claim_at(&self, seconds: u64) -> Result<(), ClaimError> {
        let now = NOW.plus(Duration::from_secs(seconds));
        self.cache.claim(&key("https://idp.example/", "_a"), now.plus(HOUR), now)
    }

    /// The commands by their first word.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a log").iter().filter_map(|command| command.first().cloned()).collect()
    }

    /// What the last claim said that we know: name, count, longest life, latest end.
    fn said(&self) -> [String; 4] {
        let asked = self.asked.lock().expect("a log");
        let last = asked.iter().rfind(|command| command.first().is_some_and(|name| name == "EVAL"));
        // Before that stand the script, and two keys.
        last.and_then(|claim| claim.get(5..9)?.to_vec().try_into().ok()).expect("a claim")
    }

    fn said_name(&self) -> String {
        let [name, ..] = self.said();
        name
    }
}

fn serve(stream: &TcpStream, acts: &Mutex<VecDeque<Act>>, log: &Mutex<Vec<Vec<String>>>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(command) = read_command(&mut reader) {
        log.lock().expect("a log").push(command);
        let act = acts.lock().expect("the acts").pop_front();
        match act.expect("nothing was foreseen for this command") {
            Say(text) => writer.write_all(text.as_bytes()).expect("a listener"),
            SayAndClose(text) => return writer.write_all(text.as_bytes()).expect("a listener"),
            Wait => {}
        }
    }
}

/// An array of strings; nothing else is ever sent.
fn read_command(reader: &mut BufReader<&TcpStream>) -> Option<Vec<String>> {
    let number = |reader: &mut BufReader<&TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let words = number(reader)?;
    let mut command = Vec::new();
    for _ in 0..words {
        let mut word = vec![0; number(reader)? + 2];
        reader.read_exact(&mut word).ok()?;
        command.push(String::from_utf8(word).ok()?.trim_end().to_owned());
    }
    Some(command)
}

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn key(issuer: &str, id: &str) -> ReplayKey {
    ReplayKey::new(issuer.parse().expect("an entity ID"), id.parse().expect("an ID"), None)
}

fn info(maxmemory: &str, policy: &str, appends: &str, run: &str) -> Act {
    let text = format!(
        "# Server\r\nredis_version:7.0.15\r\nrun_id:{run}\r\n\r\n# Memory\r\nmaxmemory:{maxmemory}\r\n\
         maxmemory_policy:{policy}\r\n\r\n# Persistence\r\nloading:0\r\naof_enabled:{appends}\r\n"
    );
    Say(format!("${}\r\n{text}\r\n", text.len()))
}

fn verdict(verdict: &str, name: &str, count: u64, lost: bool) -> Act {
    let (verdict_length, name_length) = (verdict.len(), name.len());
    Say(format!(
        "*6\r\n${verdict_length}\r\n{verdict}\r\n${name_length}\r\n{name}\r\n:{count}\r\n:3600000\r\n:1800003600000\r\n:{}\r\n",
        u8::from(lost)
    ))
}

#[test]
fn each_verdict_of_the_script_has_its_answer() {
    for (said, answer) in [
        ("new", Ok(())),
        ("used", Err(ClaimError::Replayed)),
        ("closed", Err(ClaimError::Unavailable)),
        ("ended", Err(ClaimError::Unavailable)),
        ("NEW", Err(ClaimError::Unavailable)),
        ("", Err(ClaimError::Unavailable)),
    ] {
        assert_eq!(Fake::greeting(verdict(said, "m", 1, false)).claim(), answer, "{said}");
    }
}

#[test]
fn whatever_the_script_does_not_say_is_no() {
    let full = "-OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:1.\r\n";
    assert_eq!(Fake::greeting(Say(full.to_owned())).claim(), Err(ClaimError::Full));
    for said in [
        "+OK\r\n",
        "$-1\r\n",
        ":1\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*1\r\n$3\r\nnew\r\n",
        "$3\r\nnew\r\n",
        "*5\r\n$3\r\nnew\r\n$1\r\nm\r\n:1\r\n:1\r\n:1\r\n",
        "*6\r\n$3\r\nnew\r\n$1\r\nm\r\n:1\r\n:-1\r\n:1\r\n:0\r\n",
        "*6\r\n$3\r\nnew\r\n$1\r\nm\r\n$1\r\n1\r\n:1\r\n:1\r\n:0\r\n",
        "*7\r\n$3\r\nnew\r\n$1\r\nm\r\n:1\r\n:1\r\n:1\r\n:0\r\n:0\r\n",
        "-ERR syntax error script: 1, on @user_script:1.\r\n",
        "-NOAUTH Authentication required.\r\n",
        "-READONLY You can't write against a read only replica.\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\0\0\0\0\r\n",
    ] {
        // Some of these are the beginning of more, so nothing follows.
        assert_eq!(Fake::greeting(SayAndClose(said.to_owned())).claim(), Err(ClaimError::Unavailable), "{said:?}");
    }
}

#[test]
fn a_reply_that_breaks_off_is_no_and_the_claim_is_not_tried_again() {
    let Say(whole) = verdict("new", "m", 1, false) else { unreachable!() };
    for (at, _) in whole.char_indices() {
        let fake = Fake::greeting(SayAndClose(whole.get(..at).expect("ASCII").to_owned()));
        assert_eq!(fake.claim(), Err(ClaimError::Unavailable), "{at}");
        assert_eq!(fake.asked(), ["INFO", "EVAL"], "{at}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let greeting = info("0", "noeviction", "1", "1");
    let half = Say("*6\r\n$3\r\nnew".to_owned());
    for acts in [vec![Wait], vec![greeting.clone(), Wait], vec![greeting, half]] {
        let mut fake = Fake::new(acts);
        fake.cache = fake.cache.with_timeout(Duration::from_millis(50));
        assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
    }
}

#[test]
fn without_a_server_the_answer_is_no() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let cache = RedisReplayCache::new(&format!("redis://{closed}/")).expect("an address");
    assert_eq!(cache.claim(&key("i", "_a"), NOW.plus(HOUR), NOW), Err(ClaimError::Unavailable));
    assert!(matches!(cache.check(), Err(RedisError::Unanswered(_))));
}

#[test]
fn after_a_failure_the_next_claim_connects_anew() {
    let greeting = || info("0", "noeviction", "1", "1");
    let fake = Fake::new([
        greeting(),
        verdict("new", "m", 1, false),
        SayAndClose(String::new()),
        greeting(),
        verdict("used", "m", 2, false),
    ]);
    assert_eq!(fake.claim(), Ok(()));
    assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
    assert_eq!(fake.claim(), Err(ClaimError::Replayed));
    assert_eq!(fake.asked(), ["INFO", "EVAL", "EVAL", "INFO", "EVAL"]);
}

#[test]
fn a_connection_that_was_long_idle_is_tried_before_a_claim_is_sent() {
    let (greeting, new) = (|| info("0", "noeviction", "1", "1"), || verdict("new", "m", 1, false));
    let pong = || Say("+PONG\r\n".to_owned());
    let fake = Fake::new([
        greeting(),
        new(),
        new(),
        pong(),
        new(),
        pong(),
        new(),
        SayAndClose(String::new()),
        greeting(),
        new(),
    ]);
    // Soon, after a minute, with the clock set back, and after an hour in which it was closed.
    for at in [0, 29, 89, 80, 3680] {
        assert_eq!(fake.claim_at(at), Ok(()), "{at}");
    }
    assert_eq!(fake.asked(), ["INFO", "EVAL", "EVAL", "PING", "EVAL", "PING", "EVAL", "PING", "INFO", "EVAL"]);
}

#[test]
fn a_server_that_may_forget_is_refused() {
    for policy in ["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "allkeys-random", ""] {
        let fake = Fake::new([info("1048576", policy, "1", "1"), info("1048576", policy, "1", "1")]);
        assert_eq!(fake.claim(), Err(ClaimError::Unavailable), "{policy}");
        assert!(matches!(fake.cache.check(), Err(RedisError::Forgets(_))), "{policy}");
    }
    assert_eq!(Fake::new([info("1048576", "noeviction", "1", "1")]).cache.check(), Ok(()));
    assert_eq!(Fake::new([info("0", "allkeys-lru", "1", "1")]).cache.check(), Ok(()));
    for field in ["maxmemory", "maxmemory_policy", "run_id", "loading", "aof_enabled"] {
        let Say(text) = info("0", "noeviction", "1", "1") else { unreachable!() };
        // Of the same length, so that it is still a reply.
        let mut other = field.to_owned();
        other.replace_range(..1, "X");
        let fake = Fake::new([Say(text.replace(&format!("\n{field}:"), &format!("\n{other}:")))]);
        assert_eq!(fake.cache.check(), Err(RedisError::Unanswered(format!("INFO has no {field}"))));
    }
}

#[test]
fn what_has_ended_or_lives_too_long_is_not_even_asked() {
    let fake = Fake::new([]);
    let claim = |expires| fake.cache.claim(&key("i", "_a"), expires, NOW);
    assert_eq!(claim(NOW.minus(HOUR)), Err(ClaimError::Unavailable));
    assert_eq!(claim(NOW), Err(ClaimError::Unavailable));
    assert_eq!(claim(NOW.plus(HOUR * 25 + Duration::from_millis(1))), Err(ClaimError::Full));
    assert_eq!(claim(UnixTime::from_millis(u64::MAX)), Err(ClaimError::Full));
    assert!(fake.asked().is_empty());
}

#[test]
fn no_two_assertions_share_a_key_and_none_is_long() {
    let cache = RedisReplayCache::new("redis://127.0.0.1/").expect("an address").with_prefix("p:");
    let name = |issuer: &str, id: &str| {
        let command = cache.command(&key(issuer, id), NOW, NOW, &Known::default(), "f");
        let text = String::from_utf8(command.get_packed_command()).expect("text");
        text.lines().find(|line| line.starts_with("p:used:")).expect("a key").to_owned()
    };
    let long = "i".repeat(1024);
    let all =
        [("ab", "c"), ("a", "bc"), ("1:a", "b"), ("1", "ab"), ("11", "ab"), (&*long, "c"), ("b", "c"), ("ab", "d")];
    let names: std::collections::BTreeSet<_> = all.iter().map(|(issuer, id)| name(issuer, id)).collect();
    assert_eq!(names.len(), all.len());
    assert!(names.iter().all(|name| name.len() == "p:used:".len() + 64), "{names:?}");
    assert_eq!(name("ab", "c"), name("ab", "c"));
}

#[test]
fn what_was_learnt_is_said_with_the_next_claim() {
    let fake = Fake::new([
        info("0", "noeviction", "1", "1"),
        verdict("new", "one", 7, false),
        verdict("used", "one", 5, false),
        verdict("closed", "two", 1, true),
        verdict("new", "two", 2, false),
    ]);
    // A reply that was overtaken does not set the number back; one that says "lost" does.
    for (answer, said) in [
        (Ok(()), ["", "0", "0", "0"]),
        (Err(ClaimError::Replayed), ["one", "7", "3600000", "1800003600000"]),
        (Err(ClaimError::Unavailable), ["one", "7", "3600000", "1800003600000"]),
        (Ok(()), ["two", "1", "3600000", "1800003600000"]),
    ] {
        assert_eq!(fake.claim(), answer);
        assert_eq!(fake.said(), said);
    }
}

#[test]
fn a_restart_without_an_append_only_file_is_taken_for_a_loss() {
    for (appends, second_run, said) in [("0", "2", "restarted"), ("1", "2", "m"), ("0", "1", "m")] {
        let fake = Fake::new([
            info("0", "noeviction", "1", "1"),
            verdict("new", "m", 1, false),
            SayAndClose(String::new()),
            info("0", "noeviction", appends, second_run),
            verdict("closed", "m", 1, said != "m"),
            verdict("new", "m", 2, false),
        ]);
        assert_eq!(fake.claim(), Ok(()));
        assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
        assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
        assert_eq!(fake.said_name(), said);
        assert_eq!(fake.claim(), Ok(()));
        assert_eq!(fake.said_name(), "m");
    }
}

#[test]
fn a_server_that_is_still_reading_its_files_is_not_believed() {
    let Say(greeting) = info("0", "noeviction", "0", "2") else { unreachable!() };
    let fake = Fake::new([
        info("0", "noeviction", "1", "1"),
        verdict("new", "m", 1, false),
        SayAndClose(String::new()),
        Say(greeting.replace("loading:0", "loading:1")),
        info("0", "noeviction", "1", "2"),
        verdict("used", "m", 1, false),
    ]);
    assert_eq!(fake.claim(), Ok(()));
    assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
    assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
    assert_eq!(fake.claim(), Err(ClaimError::Replayed));
    assert_eq!(fake.said_name(), "m");
}

#[test]
fn a_reply_from_before_a_loss_proves_nothing() {
    let reply = |name: &str, lost| ("new".to_owned(), name.to_owned(), 1, 1, 1, lost);
    let mut known = Known::default();
    let sent = known.clone();
    assert!(known.learn(&sent, &reply("one", false)));
    // Asked when nothing was known, answered by a server that is empty again.
    assert!(!known.learn(&sent, &reply("two", false)));
    let sent = known.clone();
    assert!(known.learn(&sent, &reply("two", true)));
    assert!(!known.learn(&sent, &reply("one", false)));
    assert!(!known.learn(&sent, &reply("two", true)));
    assert_eq!(known.name, "two");
}

#[test]
fn claims_wait_for_a_connection_and_not_for_ever() {
    let mut fake = Fake::greeting(verdict("new", "m", 1, false));
    fake.cache = fake.cache.with_connections(1).with_timeout(Duration::from_millis(50));
    let held = fake.cache.seat().expect("a seat");
    assert_eq!(fake.claim(), Err(ClaimError::Unavailable));
    drop(held);
    fake.cache = fake.cache.with_timeout(Duration::from_secs(20));
    assert_eq!(fake.claim(), Ok(()));
}

#[test]
fn no_password_is_printed() {
    let cache = RedisReplayCache::new("redis://user:secret@127.0.0.1:1/").expect("an address");
    assert!(!format!("{cache:?} {:?}", cache.check()).contains("secret"));
    let error = RedisReplayCache::new("http://user:secret@127.0.0.1/").expect_err("not Redis");
    assert!(!format!("{error} {error:?}").contains("secret"));
}
