//! The canonical forms of `../shared/corpus`: what other libraries expect octet by octet, and what real signatures
//! digest. Inside the crate, because canonical octets are none of the public API.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::encoding::base64_decode;

const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let found = folder.join("manifest.jsonl").exists();
    assert!(found || std::env::var_os("CI").is_none(), "CI needs ../shared/corpus");
    found.then_some(folder)
}

struct Vector {
    line: serde_json::Value,
    folder: PathBuf,
}

impl Vector {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.line.pointer(pointer)?.as_str()
    }

    fn list(&self, pointer: &str) -> Vec<&str> {
        let items = self.line.pointer(pointer).and_then(serde_json::Value::as_array);
        items.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
    }

    fn read(&self, pointer: &str) -> Vec<u8> {
        let name = self.text(pointer).expect("a file name");
        fs::read(self.folder.join(name)).expect("a file of the corpus")
    }

    /// The document; out of base64 where it lies there as a form field.
    fn document(&self) -> Vec<u8> {
        let bytes = self.read("/file");
        match self.text("/encoding") {
            Some("xml") => bytes,
            _ => base64_decode(String::from_utf8(bytes).expect("base64"), 1 << 20).expect("base64"),
        }
    }
}

/// `Err` for a vector that we have no means to run, with the reason.
type Run = Result<Result<String, XmlError>, &'static str>;

fn canonical(apex: Element<'_>, without: Option<Element<'_>>, prefixes: &[&str]) -> Result<String, XmlError> {
    let mut out = String::new();
    canonicalize(apex, without, prefixes, &mut out).map(|()| out)
}

/// The three kinds of selection in the corpus that name elements: all of them, by local name, by path.
fn selected<'d>(root: Element<'d>, xpath: &str) -> Option<Element<'d>> {
    let by_name = ["//*[local-name(.)='", "//*[local-name()='"]
        .into_iter()
        .find_map(|start| xpath.strip_prefix(start)?.strip_suffix("']"));
    match by_name {
        _ if xpath == "//*" => Some(root),
        Some(name) => root.descendants().find(|element| element.local_name() == name),
        None => {
            let mut steps = xpath.strip_prefix('/')?.split('/');
            let first = steps.next()?;
            steps.try_fold(Some(root).filter(|root| root.local_name() == first)?, |at, step| {
                at.elements().find(|child| child.local_name() == step)
            })
        }
    }
}

fn run_selection(vector: &Vector) -> Run {
    if vector.text("/c14n_alg") != Some(EXC_C14N) {
        return Err("inclusive, or with comments");
    }
    let bytes = vector.document();
    let document = match Document::parse(&bytes, &Limits::METADATA) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error)),
    };
    let apex = vector.text("/select/xpath").and_then(|xpath| selected(document.root(), xpath));
    Ok(canonical(apex.ok_or("selects by an XPath that is none of ours")?, None, &vector.list("/inclusive_prefixes")))
}

/// The octets that a real signature digests, and its `SignedInfo`.
fn run_signature(vector: &Vector, at: usize, want_info: bool) -> Run {
    let transforms = vector.list("/select/transforms");
    if !want_info && transforms != [ENVELOPED, EXC_C14N] {
        return Err("other transforms than SAML's");
    }
    if want_info && vector.text("/signedinfo_c14n_alg") != Some(EXC_C14N) {
        return Err("SignedInfo is not by exclusive C14N");
    }
    let bytes = vector.document();
    let document = match Document::parse(&bytes, &Limits::METADATA) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error)),
    };
    let mut signatures = document.root().descendants().filter(|found| found.is(DS, "Signature"));
    let signature = signatures.nth(at).ok_or("the signature is not there")?;
    let info = signature.elements().find(|child| child.is(DS, "SignedInfo")).ok_or("no SignedInfo")?;
    let prefixes = |parent: &str| -> Vec<&str> {
        let parents = info.descendants().filter(|element| element.local_name() == parent);
        let list = parents.flat_map(Element::elements);
        let list = list.filter(|element| element.is(EXC_C14N, "InclusiveNamespaces"));
        let list = list.filter_map(|element| element.attribute("PrefixList"));
        list.flat_map(str::split_ascii_whitespace).collect()
    };
    if want_info {
        return Ok(canonical(info, None, &prefixes("CanonicalizationMethod")));
    }
    let id = vector.text("/select/reference_uri").and_then(|uri| uri.strip_prefix('#'));
    let parent = signature.parent().ok_or("the signature is the document")?;
    match id.is_some() && parent.attribute("ID") == id {
        true => Ok(canonical(parent, Some(signature), &prefixes("Transform"))),
        false => Err("refers to another element than its parent"),
    }
}

#[test]
fn canonical_forms_are_those_of_other_libraries() {
    let Some(folder) = corpus() else { return };
    let manifest = fs::read_to_string(folder.join("manifest.jsonl")).expect("a manifest");
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut faults = Vec::new();
    for line in manifest.lines() {
        let line = serde_json::from_str(line).expect("JSON");
        let vector = Vector { line, folder: folder.clone() };
        if vector.text("/kind") != Some("c14n") {
            continue;
        }
        let id = vector.text("/id").unwrap_or("?").to_owned();
        let wanted = |file| String::from_utf8(vector.read(file)).expect("UTF-8");
        let runs = match vector.line.pointer("/select/signature").and_then(serde_json::Value::as_u64) {
            None => vec![(run_selection(&vector), "/expected_output_file")],
            Some(number) => {
                let at = usize::try_from(number).expect("a small number") - 1;
                vec![
                    (run_signature(&vector, at, false), "/expected_output_file"),
                    (run_signature(&vector, at, true), "/expected_signedinfo_file"),
                ]
            }
        };
        let refused = vector.text("/strict_expected") == Some("reject");
        let ill_formed = vector.text("/libxml2_matches").is_some_and(|says| says.contains("xmlParse"));
        for (run, file) in runs {
            let outcome = match run {
                Err(reason) => reason,
                Ok(Err(XmlError::RelativeNamespace { .. })) if refused => "refused: relative namespace URI",
                Ok(Err(_)) if ill_formed => "refused: not well-formed, says libxml2 too",
                Ok(Ok(octets)) if !refused && octets == wanted(file) => "equal octets",
                Ok(ours) => {
                    let ours: String = format!("{ours:?}").chars().take(300).collect();
                    let wanted: String = wanted(file).chars().take(300).collect();
                    faults.push(format!("{id} {file}: {ours}\n  wanted (refused: {refused}): {wanted:?}"));
                    continue;
                }
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    for (outcome, count) in &counts {
        println!("{count:5} {outcome}");
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(counts.get("equal octets").is_some_and(|count| *count > 100), "{counts:?}");
}
