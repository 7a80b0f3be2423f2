//! Generated documents: that roxmltree takes what we take and sees the same in it, that canonical forms are fixed
//! points, and what a third one, libxml2, is asked (tests/libxml2.sh).
#![expect(clippy::indexing_slicing, clippy::string_slice, reason = "numbers that were made to fit")]

use std::collections::BTreeMap;
use std::io::Write as _;

use super::*;

#[path = "documents.rs"]
mod documents;
use documents::{Random, damaged, prefix_list, tokens_of, well_formed};

/// As many documents as `ORACLE_DOCUMENTS` says, or as a test may take; the same ones each time. Of six two are
/// well-formed, three damaged, and one damaged that was a signed message or the metadata.
fn documents() -> impl Iterator<Item = (usize, Vec<u8>)> {
    use entra_sso::testing::{TestIdp, TestSigning};
    let (idp, now) = (TestIdp::new(), entra_sso::UnixTime::from_secs(1_800_000_000));
    let answer = |signing| idp.unsolicited("https://app.example/acs", "urn:app", now).signing(signing).xml();
    let answers = [TestSigning::Assertion, TestSigning::Response, TestSigning::Both].map(answer);
    let samples: Vec<_> = answers.iter().chain([&idp.metadata()]).map(|xml| tokens_of(xml)).collect();
    (0..count()).map(move |number| {
        let mut random = Random::of(number);
        let tokens = match number % 6 {
            0 | 1 => return (number, well_formed(&mut random).concat().into_bytes()),
            2..5 => well_formed(&mut random),
            _ => samples[random.below(samples.len())].clone(),
        };
        (number, damaged(&mut random, tokens))
    })
}

fn count() -> usize {
    std::env::var("ORACLE_DOCUMENTS").map_or(DOCUMENTS, |count| count.parse().expect("a number"))
}

const DOCUMENTS: usize = 4_000;

/// What we refuse and roxmltree takes: the rule, where the text that breaks it begins with (or nothing in particular),
/// and why. libxml2 refuses all of these but the first.
const LAXER: &[(&str, &str, &str)] = &[
    ("a processing instruction", "<?", "we refuse them all: SAML has none"),
    ("a name is no QName", "<", "it takes a name that begins with a colon (Namespaces in XML, production 7)"),
    ("a namespace declaration that is not allowed", "<", "it takes xmlns:p='' and xmlns:xmlns='…' (section 3)"),
    ("an attribute stands twice", "<", "it takes xmlns='…' twice (XML 1.0 section 3.1)"),
    ("an end tag does not match its start tag", "</:", "it takes </:a> for the end of a"),
    ("a prefix is not declared", "<", "it takes q:xmlns='…' for a declaration"),
    ("a reference to something that is no character", "", "&#xD800; is U+FFFD for it (XML 1.0 section 4.1)"),
];

/// Why roxmltree may take the text that we refuse for `error`.
fn explained(error: &XmlError, text: &str, theirs: &roxmltree::Document<'_>) -> Option<&'static str> {
    let (at, rule) = match error {
        XmlError::TooMuch(..) => return Some("we have limits"),
        XmlError::Malformed(0, rule) if text.starts_with("<?xml") && *rule != "a processing instruction" => {
            return Some("it does not read the XML declaration");
        }
        XmlError::NotUtf8(_) if text.starts_with("<?xml") => return Some("it does not look for another encoding"),
        XmlError::Malformed(at, rule) => (*at, *rule),
        _ => return None,
    };
    let mut fitting = LAXER.iter().filter(|(known, ..)| *known == rule);
    let (.., why) = fitting.find(|(_, start, _)| text[at..].starts_with(start))?;
    let seen = match rule {
        "a processing instruction" => theirs.descendants().any(|node| node.is_pi()),
        "a prefix is not declared" => declares_nothing(&text[at..]),
        "a reference to something that is no character" => !text.contains('\u{fffd}'),
        _ => true,
    };
    seen.then_some(*why)
}

/// Whether an attribute of the name `xmlns` has a prefix, so that it declares nothing (Namespaces in XML, section 3).
fn declares_nothing(text: &str) -> bool {
    let mut rests = text.split(":xmlns").skip(1);
    rests.any(|rest| rest.starts_with(['=', ' ', '\t', '\r', '\n']))
}

#[test]
fn roxmltree_takes_what_we_take_and_sees_the_same_in_it() {
    let (mut counts, mut faults) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (number, bytes) in documents() {
        let ours = Document::parse(&bytes, &Limits::MESSAGE);
        // XML 1.0 section 2.11 has line ends normalized first. It forgets to, for a CR before a reference.
        let text = std::str::from_utf8(&bytes).ok();
        let lines = text.map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
        let text = text.unwrap_or_default().trim_start_matches('\u{feff}');
        let theirs = lines.as_deref().map(roxmltree::Document::parse);
        let outcome = match (&ours, &theirs) {
            (Ok(ours), Some(Ok(theirs))) => match outline(ours.root()) == their_outline(theirs.root_element()) {
                true => Ok("both take it".to_owned()),
                false if declares_nothing(text) => {
                    Ok("both take it, but it takes q:xmlns='…' for a declaration".to_owned())
                }
                false => Err("it sees another tree".to_owned()),
            },
            (Ok(_), Some(Err(error))) => Err(format!("it says {error}")),
            (Ok(_), None) => Err("it is no UTF-8".to_owned()),
            (Err(_), None | Some(Err(_))) => Ok("both refuse it".to_owned()),
            (Err(error), Some(Ok(theirs))) => match explained(error, text, theirs) {
                Some(why) => Ok(format!("only we refuse it: {why}")),
                None => Err(format!("only we refuse it: {error}")),
            },
        };
        match outcome {
            Ok(outcome) => *counts.entry(outcome).or_default() += 1,
            Err(fault) => faults.push(format!("{number}: {fault}\n{:?}", String::from_utf8_lossy(&bytes))),
        }
    }
    for (outcome, count) in &counts {
        println!("{count:7} {outcome}");
    }
    assert!(faults.is_empty(), "{} differences\n{}", faults.len(), faults.join("\n"));
    let taken = counts.get("both take it").copied().unwrap_or_default();
    assert!(taken > count() / 4 && taken < count() / 2, "{counts:?}");
    let needed = |why: &str| counts.keys().any(|outcome| outcome.ends_with(why));
    let idle = LAXER.iter().find(|(.., why)| !needed(why));
    assert!(count() < DOCUMENTS || idle.is_none(), "nothing needs this explanation: {idle:?}");
}

/// An element of a document, another one in it that is left out, and a list of prefixes: by their numbers among all
/// elements.
struct Selection {
    apex: usize,
    without: Option<usize>,
    prefixes: Vec<&'static str>,
    form: Result<String, XmlError>,
}

/// The canonical form of the whole document; and of an element in it with a list of prefixes, without one inside it, as
/// a signature would name them.
fn selections(number: usize, document: &Document<'_>) -> [Selection; 2] {
    let elements: Vec<_> = document.root().descendants().collect();
    let mut random = Random::of(usize::MAX - number);
    let apex = random.below(elements.len());
    let inside = elements[apex].descendants().count() - 1;
    let without = (inside > 0 && random.one_in(2)).then(|| apex + 1 + random.below(inside));
    [(0, None, Vec::new()), (apex, without, prefix_list(&mut random))].map(|(apex, without, prefixes)| {
        let mut form = String::new();
        let made = canonicalize(elements[apex], without.map(|at| elements[at]), &prefixes, &mut form);
        Selection { apex, without, prefixes, form: made.map(|()| form) }
    })
}

#[test]
fn canonical_forms_of_elements_are_fixed_points() {
    let (mut forms, mut relative) = (0, 0);
    for (number, bytes) in documents() {
        let Ok(document) = Document::parse(&bytes, &Limits::MESSAGE) else { continue };
        for selection in selections(number, &document) {
            let once = match selection.form {
                Ok(form) => form,
                Err(error) => {
                    assert_eq!(error.code(), "saml.xml_relative_namespace", "{number}");
                    relative += 1;
                    continue;
                }
            };
            let again = Document::parse(once.as_bytes(), &Limits::METADATA).expect(&once);
            let mut twice = String::new();
            canonicalize(again.root(), None, &selection.prefixes, &mut twice).expect(&once);
            assert_eq!(once, twice, "{number}");
            forms += 1;
        }
    }
    println!("{forms} canonical forms are fixed points, {relative} documents have a relative namespace");
    assert!(forms > count() / 2 && relative > count() / 1000);
}

/// Writes a line of JSON for each document to the file that `LIBXML2_QUESTIONS` names.
#[test]
#[ignore = "tests/libxml2.sh runs it"]
fn what_libxml2_is_asked() {
    let path = std::env::var_os("LIBXML2_QUESTIONS").expect("the name of a file");
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    for (number, bytes) in documents() {
        let parsed = Document::parse(&bytes, &Limits::MESSAGE);
        let (ours, rule) = match &parsed {
            Ok(_) => ("taken", ""),
            Err(XmlError::Malformed(_, rule)) => ("saml.xml_malformed", *rule),
            Err(error) => (error.code(), ""),
        };
        let selections = parsed.iter().flat_map(|document| selections(number, document));
        let forms = selections.map(|Selection { apex, without, prefixes, form }| {
            let (apex, without) = (apex + 1, without.map(|at| at + 1));
            serde_json::json!({ "apex": apex, "without": without, "prefixes": prefixes, "form": form.ok() })
        });
        let forms: Vec<_> = forms.collect();
        let document = crate::encoding::base64_encode(&bytes);
        let line =
            serde_json::json!({ "number": number, "document": document, "ours": ours, "rule": rule, "forms": forms });
        writeln!(out, "{line}").expect("room on the disk");
    }
    out.flush().expect("room on the disk");
}
