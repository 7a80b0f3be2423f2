//! What judging one answer costs, against the floor: base64, hashing and the RSA verifications of the same document,
//! measured in the same run. Prints one `ratio` line a case, and how many logins one thread and two get through.

mod support;

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use entra_sso::sp::Service;
use entra_sso::testing::{TestEncryption, TestIdp, TestKey, TestResponse, TestSigning};
use support::{Floor, NOW, judge, medians, micros, request, sp};

/// `cargo bench` measures; with `--test` each case runs once, to see that it works; with `--profile CASE` that case runs
/// fifty times and nothing is timed, for a profiler that counts instructions.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let once = arguments.iter().any(|argument| argument == "--test");
    let profiled = arguments.iter().skip_while(|argument| *argument != "--profile").nth(1);
    let service = Service::new().with_unpublished_decryption_key(TestKey::ServiceProvider.decryption_key());
    let sp = sp().with_service(service);
    for (name, groups, change) in cases() {
        let idp = TestIdp::new().with_groups(groups);
        let answer = change(idp.respond(&request(&sp), NOW));
        let form = answer.form();
        let floor = match name.starts_with("encrypted") {
            true => Floor::of(&idp.respond(&request(&sp), NOW).xml()).encrypted_as(&answer.xml()),
            false => Floor::of(&answer.xml()),
        };
        let judge = || judge(&sp, &form);
        if let Some(profiled) = profiled {
            if profiled == name {
                (0..50).for_each(|_| assert_eq!(black_box(judge()), !name.starts_with("refused")));
            }
            continue;
        }
        judge(); // what is made once is no cost of a login
        let count = allocation_counter::measure(|| {
            black_box(judge());
        });
        let rounds = if once { 1 } else { 4000 };
        let (floor, ours) = medians(rounds, || floor.run(), judge);
        println!(
            "ratio judge/{name} {:.2}  ({:.1} us against {:.1} us; {} bytes of XML, {} allocations, {} bytes allocated)",
            ours.as_secs_f64() / floor.as_secs_f64(),
            micros(ours),
            micros(floor),
            answer.xml().len(),
            count.count_total,
            count.bytes_total,
        );
        if name == "entra" {
            let logins = if once { 1 } else { 20_000 };
            for threads in [1, 2] {
                println!(
                    "throughput judge/{name} {threads} threads {:.0} logins/s",
                    throughput(threads, logins, &judge)
                );
            }
        }
    }
}

/// Logins a second, when each thread judges so many.
fn throughput(threads: u32, logins: u32, judge: &(impl Fn() -> bool + Sync)) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..logins).for_each(|_| assert!(black_box(judge()))));
        }
    });
    f64::from(threads * logins) / start.elapsed().as_secs_f64()
}

type Change = fn(TestResponse) -> TestResponse;

fn cases() -> Vec<(&'static str, usize, Change)> {
    vec![
        ("entra", 0, |answer| answer),
        ("groups150", 150, |answer| answer),
        ("both", 0, |answer| answer.signing(TestSigning::Both)),
        ("encrypted_gcm", 0, |answer| answer.encrypted(TestEncryption::new(TestKey::ServiceProvider))),
        ("encrypted_cbc", 0, |answer| {
            let how = TestEncryption::new(TestKey::ServiceProvider);
            answer.encrypted(how.content("http://www.w3.org/2001/04/xmlenc#aes256-cbc"))
        }),
        ("refused_expired", 0, |answer| answer.conditions(None, Some(NOW.minus(Duration::from_secs(600))))),
        ("refused_wrong_key", 0, |answer| answer.key(TestKey::Other)),
        ("refused_unsigned", 0, |answer| answer.signing(TestSigning::Neither)),
    ]
}
