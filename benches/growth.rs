//! Cost against size: what a byte costs at each size, relative to the smallest one. A row that grows is a way to stall a
//! server with few bytes.
//!
//! Each row says what a byte costs, and what each byte costs that was added since the size before: the RSA verification,
//! which costs the same for every size, hides nothing in that. The last accepted size is the largest that the limits let
//! through.

#![expect(clippy::indexing_slicing, reason = "lists of one length")]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use entra_sso::testing::{TestIdp, TestResponse};
use entra_sso::{IdentityProvider, MetadataTrust};
use support::{NOW, judge, micros, request, sp};

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
        let forms: Vec<_> = sizes
            .iter()
            .map(|size| change(idp.respond(&request(&sp), NOW), *size))
            .map(|answer| (answer.xml().len(), answer.form()))
            .collect();
        for (at, (_, form)) in forms.iter().enumerate() {
            assert_eq!(judge(&sp, form), at < *accepted, "{name} {}", sizes[at]);
        }
        let mut row = Row::default();
        let times = fastest(once, forms.len(), |at| judge(&sp, &forms[at].1));
        for (at, (time, (bytes, _))) in times.into_iter().zip(&forms).enumerate() {
            if at == *accepted {
                row = Row::default(); // what is refused is compared with what is refused
            }
            let verdict = if at < *accepted { "accepted" } else { "refused" };
            row.print(&format!("{name} {} {verdict}", sizes[at]), *bytes, time);
        }
    }
    metadata(once);
}

/// A federation's metadata of so many entities, and the one in the middle is wanted.
fn metadata(once: bool) {
    let one = TestIdp::new().metadata();
    let one = one.get(one.find("<EntityDescriptor").expect("an entity")..).expect("text");
    let sizes = [1, 10, 100, 1_000];
    let documents: Vec<_> = sizes
        .iter()
        .map(|size| {
            let named = |at: usize| one.replacen("entityID=\"", &format!("entityID=\"urn:{at}:"), 1);
            let own_id = |at: usize| named(at).replacen("_metadata", &format!("_{at}"), 1);
            let entities: String = (0..*size).map(own_id).collect();
            let list = "EntitiesDescriptor";
            format!("<{list} xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\">{entities}</{list}>")
        })
        .collect();
    let read = |at: usize| {
        let wanted = format!("urn:{}:{}", sizes[at] / 2, TestIdp::new().entity_id()).parse().expect("a name");
        let trust = MetadataTrust::ConfiguredByAdmin;
        IdentityProvider::from_metadata_for(&wanted, documents[at].as_bytes(), trust, NOW).is_ok()
    };
    assert!((0..sizes.len()).all(read));
    let mut row = Row::default();
    for ((size, document), time) in sizes.iter().zip(&documents).zip(fastest(once, sizes.len(), read)) {
        row.print(&format!("entities {size} accepted"), document.len(), time);
    }
}

/// What was measured so far of one thing that grows.
#[derive(Default)]
struct Row {
    /// Bytes and nanoseconds of the size before.
    before: Option<(f64, f64)>,
    /// Nanoseconds a byte of the smallest size, and a further byte of the second.
    first: (Option<f64>, Option<f64>),
}

impl Row {
    fn print(&mut self, what: &str, bytes: usize, time: Duration) {
        let (bytes, nanos) = (f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)), time.as_secs_f64() * 1e9);
        let each = nanos / bytes;
        let relative = each / *self.first.0.get_or_insert(each);
        print!(
            "growth {what} {bytes} bytes: {:.1} us, {each:.2} ns a byte, {relative:.2} of the smallest",
            micros(time)
        );
        if let Some((bytes_before, before)) = self.before.filter(|(bytes_before, _)| *bytes_before < bytes) {
            let further = (nanos - before) / (bytes - bytes_before);
            let relative = further / *self.first.1.get_or_insert(further);
            print!("; a further byte {further:.2} ns, {relative:.2} of the first step");
        }
        println!();
        self.before = Some((bytes, nanos));
    }
}

/// The fastest time of each of so many works. They take turns for a while: what else runs on the machine only adds, and
/// comes and goes.
fn fastest(once: bool, count: usize, work: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; count];
    for _ in 0..if once { 1 } else { 15 } {
        for (at, best) in best.iter_mut().enumerate() {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(if once { 1 } else { 20 }) {
                let round = Instant::now();
                black_box(work(at));
                *best = (*best).min(round.elapsed());
            }
        }
    }
    best
}
