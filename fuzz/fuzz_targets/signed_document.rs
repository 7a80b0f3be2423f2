//! A signed answer, taken apart and put together again by an attacker, names the same person or nobody.
#![no_main]

use std::sync::LazyLock;

use entra_sso::sp::ClaimError;
use entra_sso::testing::{ReceivedRequest, TestIdp, TestSigning};
use entra_sso::{PostedResponse, ReturnTo, ServiceProvider, SystemRandom, UnixTime, danger};
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const NAME: &str = "ada@contoso.example";

/// What an attacker puts in, beside pieces of the message itself.
const PIECES: &[&str] = &[
    "<!---->",
    "<![CDATA[",
    "]]>",
    "<?x y?>",
    "<!DOCTYPE a>",
    "eve@evil.example",
    " ID=\"_a1\"",
    " Id=\"_a1\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:samlp=\"urn:x\"",
    " xmlns=\"\"",
    "&#101;",
    "&amp;",
    "<Object xmlns=\"http://www.w3.org/2000/09/xmldsig#\">",
    "</Object>",
    "<samlp:Extensions>",
    "</samlp:Extensions>",
    "<NameID>eve@evil.example</NameID>",
    "\r\n",
    "\t",
    " ",
    "<Advice>",
    "</Advice>",
    "#_r1",
    "#_a1",
    "\u{e9}",
];

/// The service provider, and the same answer signed in each of Entra's three ways.
static WORLD: LazyLock<(ServiceProvider, [String; 3])> = LazyLock::new(|| {
    let idp = TestIdp::new();
    let known = idp.identity_provider(NOW).expect("metadata");
    let sp = ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), known);
    let started = sp.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let mut received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    received.id = "_request".to_owned();
    let signed = |signing| idp.respond(&received, NOW).id("1").signing(signing).xml();
    let answers = [TestSigning::Assertion, TestSigning::Response, TestSigning::Both].map(signed);
    (sp, answers)
});

fuzz_target!(|script: &[u8]| {
    let (sp, answers) = &*WORLD;
    let xml = &answers[usize::from(script.first().copied().unwrap_or(0)) % 3];
    let xml = edit(xml.clone(), script);
    let message = base64(&xml);
    let Ok(posted) = PostedResponse::from_fields(&message, None) else { return };
    let pending = danger::captured_login(sp, "_request", NOW);
    if let Ok(unclaimed) = sp.judge_login(pending, &posted, NOW) {
        let login = unclaimed.settle(Ok::<(), ClaimError>(())).expect("claimed");
        assert_eq!(login.name_id().value, NAME);
        assert_eq!(login.attributes().len(), 10);
    }
});

/// Each four bytes of the script cut, copy, move or insert at places that they name.
fn edit(mut xml: String, script: &[u8]) -> String {
    for step in script.get(1..).unwrap_or_default().chunks_exact(4).take(12) {
        let [kind, from, length, to] = step else { continue };
        // Places are the beginnings and ends of tags, where edits mean something.
        let places: Vec<usize> = xml.match_indices(['<', '>', '"']).map(|(at, _)| at).collect();
        let place = |byte: &u8| places.get(usize::from(*byte) * places.len() / 256).copied().unwrap_or(0);
        let (start, target) = (place(from), place(to));
        let end = place(length).max(start);
        let piece = xml.get(start..end).unwrap_or_default().to_owned();
        let constant = PIECES[usize::from(*from) % PIECES.len()];
        match kind % 5 {
            0 => xml.insert_str(target, &piece),
            1 => xml.insert_str(target + usize::from(target < xml.len()), constant),
            2 => xml.insert_str(target, constant),
            3 => xml.replace_range(start..end, ""),
            _ => {
                xml.replace_range(start..end, "");
                let target = target.min(xml.len());
                if xml.is_char_boundary(target) {
                    xml.insert_str(target, &piece);
                }
            }
        }
        if xml.len() > 100_000 {
            break;
        }
    }
    xml
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u32| char::from(DIGITS[(number & 63) as usize]);
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let number = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend([18, 12, 6, 0].iter().take(chunk.len() + 1).map(|shift| digit(number >> shift)));
        out.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    out
}
