//! Cost against size: what a byte costs at each size, relative to the smallest one. A row that grows is a way to stall a
//! server with few bytes.
//!
//! An accepted answer is measured against its floor (see `support`), and what is left is our own work, so that the constant
//! RSA verification hides nothing. A refused one is measured whole. The last accepted size is the largest that the limits
//! let through.

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use entra_sso::testing::{TestIdp, TestResponse};
use entra_sso::{IdentityProvider, MetadataTrust};
use support::{Floor, NOW, judge, micros, request, sp};

type Change = fn(TestResponse, usize) -> TestResponse;

/// What grows, the sizes, and how many of these are accepted.
const ROWS: &[(&str, &[usize], usize, Change)] = &[
    ("attributes", &[10, 100, 1_000, 2_000, 10_000], 4, |answer, n| {
        (0..n).fold(answer, |answer, at| answer.attribute(&format!("urn:example:claim:{at}"), &["value"]))
    }),
    ("group values", &[10, 150, 1_000, 3_000, 10_000], 4, |answer, n| {
        let groups: Vec<_> = (0..n).map(|at| format!("5d0f2c11-0a1b-4c5d-8e9f-{at:012}")).collect();
        answer.attribute(GROUPS, &groups.iter().map(String::as_str).collect::<Vec<_>>())
    }),
    ("nesting", &[8, 16, 32, 58, 100, 1_000, 10_000], 4, |answer, n| {
        let nested = format!("{}{}", "<b xmlns=\"urn:b\">".repeat(n), "</b>".repeat(n));
        answer.replace_before_signing(VALUE, &format!("<AttributeValue>{nested}</AttributeValue>"))
    }),
    ("namespaces on the root", &[8, 16, 32, 56, 100, 1_000, 10_000], 4, |answer, n| {
        let declared: String = (0..n).map(|at| format!(" xmlns:n{at}=\"urn:n{at}\"")).collect();
        let used: String = (0..n).map(|at| format!("<n{at}:a/>")).collect();
        answer
            .replace_before_signing("<Assertion ", &format!("<Assertion{declared} "))
            .replace_before_signing(VALUE, &format!("<AttributeValue>{used}</AttributeValue>"))
    }),
    ("XML attributes", &[8, 16, 32, 63, 100, 1_000, 10_000], 4, |answer, n| {
        let attributes: String = (0..n).map(|at| format!(" a{at}=\"{at}\"")).collect();
        answer.replace_before_signing(VALUE, &format!("<AttributeValue{attributes}>Ada</AttributeValue>"))
    }),
    ("XML attributes of many elements", &[8, 64, 150], 3, |answer, n| {
        let attributes: String = (0..60).map(|at| format!(" a{at}=\"{at}\"")).collect();
        let elements = format!("<b{attributes}/>").repeat(n);
        answer.replace_before_signing(VALUE, &format!("<AttributeValue>{elements}</AttributeValue>"))
    }),
];

const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
/// A value of the answer that is replaced by what grows.
const VALUE: &str = "<AttributeValue>Ada</AttributeValue>";

/// `cargo bench` measures; with `--test` each row runs once, to see that it works.
fn main() {
    let once = std::env::args().any(|argument| argument == "--test");
    let sp = sp();
    let idp = TestIdp::new();
    for (name, sizes, accepted, change) in ROWS {
        let mut smallest = None;
        for (at, size) in sizes.iter().enumerate() {
            let answer = change(idp.respond(&request(&sp), NOW), *size);
            let (xml, form) = (answer.xml(), answer.form());
            assert_eq!(judge(&sp, &form), at < *accepted, "{name} {size}");
            let whole = fastest(once, || judge(&sp, &form));
            let floor = Floor::of(&xml);
            let floor = if at < *accepted { fastest(once, || floor.run()) } else { Duration::ZERO };
            let verdict = if at < *accepted { "accepted" } else { "refused" };
            print_row(name, *size, verdict, xml.len(), whole, whole.saturating_sub(floor), &mut smallest);
        }
    }
    metadata(once);
}

/// A federation's metadata of so many entities, and the one in the middle is wanted.
fn metadata(once: bool) {
    let one = TestIdp::new().metadata();
    let one = one.get(one.find("<EntityDescriptor").expect("an entity")..).expect("text");
    let mut smallest = None;
    for size in [1, 10, 100, 1_000] {
        let entities: String = (0..size)
            .map(|at| {
                one.replacen("entityID=\"", &format!("entityID=\"urn:{at}:"), 1).replacen(
                    "_metadata",
                    &format!("_{at}"),
                    1,
                )
            })
            .collect();
        let xml = format!(
            "<EntitiesDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\">{entities}</EntitiesDescriptor>"
        );
        let wanted = format!("urn:{}:{}", size / 2, TestIdp::new().entity_id()).parse().expect("a name");
        let read = || {
            IdentityProvider::from_metadata_for(&wanted, xml.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW).is_ok()
        };
        assert!(read(), "metadata of {size}");
        let whole = fastest(once, read);
        print_row("entities", size, "accepted", xml.len(), whole, whole, &mut smallest);
    }
}

fn print_row(
    name: &str, size: usize, verdict: &str, bytes: usize, whole: Duration, own: Duration, smallest: &mut Option<f64>,
) {
    let per_byte = own.as_secs_f64() * 1e9 / f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
    let first = *smallest.get_or_insert(per_byte);
    println!(
        "growth {name} {size} {verdict} {bytes} bytes: {:.1} us, own {:.1} us, {per_byte:.2} ns a byte, {:.2} of the smallest",
        micros(whole),
        micros(own),
        per_byte / first,
    );
}

/// The fastest of several: what else runs on the machine only adds.
fn fastest(once: bool, mut work: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    let mut best = Duration::MAX;
    loop {
        let round = Instant::now();
        black_box(work());
        best = best.min(round.elapsed());
        if once || start.elapsed() > Duration::from_millis(300) {
            return best;
        }
    }
}
