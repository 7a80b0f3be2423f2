//! Many logins, each with an answer of its own, through one replay cache that forgets: whether memory stays where it was.
//!
//! Twenty-five people a second sign in, by a clock of its own, so that a cache of the default size is nearly full after
//! the first hour and stays so. Prints the resident size as it goes (Linux tells it, in pages of 4 kB).

mod support;

use std::time::Duration;

use entra_sso::testing::TestIdp;
use entra_sso::{MemoryReplayCache, danger};
use support::{NOW, REQUEST_ID, mapping, request, sp};

/// `cargo bench --bench endurance -- --logins 1000000`; without a number, few, and with `--test` fewer.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = arguments.iter().skip_while(|argument| *argument != "--logins").nth(1);
    let few = if arguments.iter().any(|argument| argument == "--test") { 100 } else { 10_000 };
    let logins: u64 = number.map_or(few, |number| number.parse().expect("a number"));
    let (sp, idp, cache) = (sp(), TestIdp::new(), MemoryReplayCache::default());
    let request = request(&sp);
    for count in 0..logins {
        let now = NOW.plus(Duration::from_millis(40 * count));
        let posted = idp.respond(&request, now).id(&count.to_string()).posted();
        let pending = danger::captured_login(&sp, REQUEST_ID, now);
        let login = sp.finish_login(pending, &posted, now, &cache).expect("a login");
        assert!(mapping().apply(login.claims()).is_ok());
        let again = danger::captured_login(&sp, REQUEST_ID, now);
        assert!(sp.finish_login(again, &posted, now, &cache).is_err(), "a replay");
        if (count + 1) % (logins / 10).max(1) == 0 {
            println!(
                "endurance {} logins, each tried twice: {} kB resident",
                count + 1,
                resident().unwrap_or_default()
            );
        }
    }
}

fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4)
}
