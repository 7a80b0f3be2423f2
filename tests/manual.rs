//! The manual names tests. Each of them must exist, and each test of an attack must be named.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of the functions under `#[test]` in a folder's files.
fn tests_in(folder: &str, only: Option<&str>) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.ends_with(".rs") || only.is_some_and(|only| only != name) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        for after in text.split("#[test]").skip(1) {
            let name = after.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            found.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    found
}

fn named_in_manual() -> BTreeSet<String> {
    let lines = include_str!("../src/manual/attacks.md").lines();
    let lines = lines.filter_map(|line| line.strip_prefix("Test: "));
    let names: BTreeSet<String> =
        lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    assert!(names.len() > 30, "the search found only {names:?}");
    names
}

#[test]
fn every_test_that_the_manual_names_exists() {
    let mut tests = tests_in("tests", None);
    tests.extend(tests_in("tests/unit", None));
    let missing: Vec<_> = named_in_manual().into_iter().filter(|n| !tests.contains(n)).collect();
    assert!(missing.is_empty(), "src/manual/attacks.md names tests that are not there: {missing:?}");
}

#[test]
fn every_test_of_an_attack_is_in_the_manual() {
    let named = named_in_manual();
    let files = ["attacks.rs", "attack_federation.rs", "attack_logout.rs", "attack_variations.rs"];
    let all = files.map(|file| tests_in("tests", Some(file)));
    assert!(all.iter().all(|tests| !tests.is_empty()), "a file of attacks is gone");
    let left_out: Vec<_> = all.into_iter().flatten().filter(|name| !named.contains(name)).collect();
    assert!(left_out.is_empty(), "src/manual/attacks.md does not name: {left_out:?}");
}
