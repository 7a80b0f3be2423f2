//! A file imports from its own module and from the floors below it, and from nowhere else. One file names each backend,
//! one reads the clock, and every file says what it is for.

use std::fs;
use std::path::{Path, PathBuf};

/// The house, from the ground up. Modules that share a floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["shorthand"],
    &["encoding", "time"],
    &["ids"],
    &["crypto", "xml"],
    &["dsig"],
    &["saml"],
    &["entra"],
    &["error", "mapping"],
    &["directory", "sp"],
    &["tenants"],
    &["danger", "fetch", "http", "redis"],
    &["inside", "testing"],
];

/// A name that only one file may say, because it is the seam to somebody else's code.
const SEAMS: &[(&str, &str)] = &[
    ("ring::", "crypto/ring.rs"),
    ("aws_lc_rs::", "crypto/aws_lc.rs"),
    ("x509_parser", "crypto/certificate.rs"),
    ("flate2::", "encoding.rs"),
    ("base64::", "encoding.rs"),
    ("redis::", "redis.rs"),
    ("url::", "ids.rs"),
    ("SystemTime", "http/mod.rs"),
    ("ureq::", "fetch.rs"),
    ("libxml::", "dsig/second_opinion.rs"),
    ("xmlsec::", "dsig/second_opinion.rs"),
];

#[test]
fn every_import_goes_down() {
    let mut imported = 0;
    for (file, text) in sources() {
        let Some(floor) = floor_of(&file) else {
            assert!(file == "lib.rs" || file.starts_with("manual"), "{file} has no floor");
            continue;
        };
        for target in imports(&text) {
            let Some(position) = FLOORS.iter().position(|names| names.contains(&target)) else {
                panic!("{file}: `crate::{target}` has no floor");
            };
            imported += 1;
            let own = file.split(['/', '.']).next() == Some(target);
            assert!(own || position < floor, "{file} reaches up or sideways to `{target}`");
        }
    }
    assert!(imported > 50, "the search for imports found only {imported}");
}

#[test]
fn one_file_names_each_backend() {
    for (name, home) in SEAMS {
        let sources = sources();
        assert!(sources.iter().any(|(file, _)| file == home), "{home} is gone");
        for (file, text) in sources.iter().filter(|(file, _)| file != home) {
            // `ring::` inside crypto names the module of that name, not the crate.
            let module = file == "crypto/mod.rs" && *name == "ring::";
            let named = code_lines(text).any(|line| {
                line.match_indices(name).any(|(at, _)| {
                    let before = line.get(..at).and_then(|before| before.chars().next_back());
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !module
                })
            });
            assert!(!named, "{file} names {name}, which is the business of {home}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} does not begin with a sentence");
    }
}

/// What judges a message: an auditor reads this, and nothing else can let anybody in.
const CORE: &[&str] = &["shorthand", "encoding", "time", "ids", "crypto", "xml", "dsig", "saml", "sp"];

/// Of these, what only logouts and decryption need: the rest is what signs somebody in.
const BESIDE_LOGINS: &[&str] =
    &["saml/logout.rs", "sp/logout.rs", "saml/decrypt.rs", "crypto/aws_lc.rs", "crypto/no_decryption.rs"];

#[test]
fn the_core_stays_small() {
    let count = |wanted: &dyn Fn(&str) -> bool| -> usize {
        sources().iter().filter(|(file, _)| wanted(file)).map(|(_, text)| text.lines().count()).sum()
    };
    let is_core = |file: &str| CORE.contains(&file.split(['/', '.']).next().unwrap_or_default());
    let (core, all) = (count(&is_core), count(&|_| true));
    let logins = core - count(&|file| BESIDE_LOGINS.contains(&file));
    println!("{logins} lines judge logins, {core} all messages, of {all} in src");
    assert!(logins < 7_200, "{logins} lines judge logins; what can be said shorter, or is not needed?");
    assert!(core > 4_000 && core < 8_500, "{core} lines judge; what can be said shorter, or is not needed?");
    assert!(all < 16_000, "src has {all} lines; what can be said shorter, or is not needed?");
}

fn floor_of(file: &str) -> Option<usize> {
    let module = file.split(['/', '.']).next()?;
    FLOORS.iter().position(|names| names.contains(&module))
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

fn imports(text: &str) -> impl Iterator<Item = &str> {
    // Tests at the foot of a file may look at whatever they need.
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    code_lines(code)
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty())
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.extend(path.extension().is_some_and(|end| end == "rs").then_some(path)),
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("under src").display().to_string();
            (name, fs::read_to_string(&path).expect("src is readable"))
        })
        .collect()
}
