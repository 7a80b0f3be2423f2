//! What the fuzz targets share: one service provider, the answers of its identity provider, and an attacker's edits.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::saml::NameId;
use entra_sso::sp::{ClaimError, Service};
use entra_sso::testing::{ReceivedRequest, TestEncryption, TestIdp, TestKey, TestResponse, TestSigning};
use entra_sso::{Login, PostedResponse, ReturnTo, ServiceProvider, SystemRandom, UnixTime, danger};

/// When everything happens.
pub const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// The person whom all answers name.
pub const NAME: &str = "ada@contoso.example";

/// How many attributes an answer has.
const ATTRIBUTES: usize = 10;

/// How many values those have.
const VALUES: usize = 12;

/// The service provider of all targets.
pub static SP: LazyLock<ServiceProvider> = LazyLock::new(|| {
    let known = TestIdp::new().identity_provider(NOW).expect("metadata");
    ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), known)
});

/// The same one, with a key that decrypts.
pub static DECRYPTING: LazyLock<ServiceProvider> = LazyLock::new(|| {
    let key = TestKey::ServiceProvider;
    SP.clone().with_service(Service::new().with_unpublished_decryption_key(key.decryption_key()))
});

fn answer(signing: TestSigning) -> TestResponse {
    let started = SP.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let mut received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    received.id = "_request".to_owned();
    TestIdp::new().respond(&received, NOW).id("1").signing(signing)
}

const SIGNED: [TestSigning; 3] = [TestSigning::Assertion, TestSigning::Response, TestSigning::Both];

/// The same answer to the request `_request`, signed in each of Entra's three ways.
pub static ANSWERS: LazyLock<[String; 3]> = LazyLock::new(|| SIGNED.map(|signing| answer(signing).xml()));

/// The same, encrypted by GCM and by CBC.
pub static ENCRYPTED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let modes = ["http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc"];
    let to_us = |mode| TestEncryption::new(TestKey::ServiceProvider).content(mode);
    let each = modes.into_iter().flat_map(|mode| SIGNED.map(|signing| answer(signing).encrypted(to_us(mode)).xml()));
    each.collect()
});

/// Logout messages that the identity provider signed, as queries: requests, and an answer to `_request`.
pub static GENUINE_LOGOUTS: LazyLock<[String; 4]> = LazyLock::new(|| {
    let (idp, slo) = (TestIdp::new(), SP.single_logout_service());
    let started = SP.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let posted = idp.answer(&started.outgoing, NOW).expect("a request").posted();
    let unclaimed = SP.judge_login(started.pending, &posted, NOW).expect("an answer");
    let handle = unclaimed.settle(Ok::<(), ClaimError>(())).expect("claimed").logout_handle();
    let asked = SP.start_logout(&handle, ReturnTo::default(), NOW, &SystemRandom::default()).expect("a logout");
    let request = idp.logout_request(&handle, slo, NOW);
    let response = idp.logout_response(&asked.outgoing, slo, NOW).expect("an answer");
    [
        request.query(),
        request.clone().upper_case().relay_state(Some("https://idp.example/?a=1&b=2")).query(),
        response.in_response_to(Some("_request")).relay_state(Some("ours")).query(),
        request.name_id(NameId::new("ada@contoso.example", None)).relay_state(Some("x")).query(),
    ]
});

/// A message as HTTP-POST carries it.
pub fn encode(xml: impl AsRef<[u8]>) -> String {
    STANDARD.encode(xml)
}

/// Judges an answer to `_request`. Whoever signs in is the one whom the identity provider named, with what it said.
pub fn judge(posted: &PostedResponse) -> Option<Login> {
    judge_by(&SP, posted)
}

/// As [`judge`], by this one.
pub fn judge_by(sp: &ServiceProvider, posted: &PostedResponse) -> Option<Login> {
    let pending = danger::captured_login(sp, "_request", NOW);
    match sp.judge_login(pending, posted, NOW) {
        Ok(unclaimed) => {
            let login = unclaimed.settle(Ok::<(), ClaimError>(())).expect("claimed");
            assert_eq!(login.name_id().value, NAME);
            assert_eq!(login.attributes().len(), ATTRIBUTES);
            assert_eq!(login.attributes().iter().map(|attribute| attribute.values().len()).sum::<usize>(), VALUES);
            Some(login)
        }
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control) && !error.code().is_empty());
            None
        }
    }
}

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
    " xml:id=\"_a1\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:samlp=\"urn:x\"",
    " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
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

/// Each four bytes of the script cut, copy, move, rename or insert at places that they name.
pub fn edit(mut xml: String, script: &[u8]) -> String {
    for step in script.chunks_exact(4).take(12) {
        let [kind, from, length, to] = step else { continue };
        // Places are the beginnings and ends of tags, where edits mean something.
        let places: Vec<usize> = xml.match_indices(['<', '>', '"']).map(|(at, _)| at).collect();
        let place = |byte: &u8| places.get(usize::from(*byte) * places.len() / 256).copied().unwrap_or(0);
        let (start, target) = (place(from), place(to));
        let end = place(length).max(start);
        let piece = xml.get(start..end).unwrap_or_default().to_owned();
        let constant = PIECES[usize::from(*from) % PIECES.len()];
        match kind % 8 {
            0 => xml.insert_str(target, &piece),
            1 => xml.insert_str(target + usize::from(target < xml.len()), constant),
            2 => xml.insert_str(target, constant),
            3 => xml.replace_range(start..end, ""),
            4 => {
                // Wraps a piece in another element.
                xml.insert_str(end, &format!("</{}>", WRAPPERS[usize::from(*to) % WRAPPERS.len()]));
                xml.insert_str(start, &format!("<{}>", WRAPPERS[usize::from(*to) % WRAPPERS.len()]));
            }
            5 => xml = element(&xml, *from).map_or(xml.clone(), |found| move_to(&xml, found, *to, true)),
            6 => xml = element(&xml, *from).map_or(xml.clone(), |found| move_to(&xml, found, *to, false)),
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

const WRAPPERS: &[&str] =
    &["x", "samlp:Extensions", "Advice", "Object", "Assertion", "samlp:Response", "Signature", "KeyInfo"];

/// The extent of one whole element, chosen by a byte.
fn element(xml: &str, byte: u8) -> Option<std::ops::Range<usize>> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let count = document.descendants().filter(roxmltree::Node::is_element).count();
    let chosen = usize::from(byte) * count / 256;
    let node = document.descendants().filter(roxmltree::Node::is_element).nth(chosen)?;
    Some(node.range())
}

/// Copies or moves an element to before another one.
fn move_to(xml: &str, from: std::ops::Range<usize>, to: u8, copy: bool) -> String {
    let piece = xml[from.clone()].to_owned();
    let rest = if copy { xml.to_owned() } else { [&xml[..from.start], &xml[from.end..]].concat() };
    let target = element(&rest, to).map_or(rest.len(), |found| found.start);
    [&rest[..target], &piece, &rest[target..]].concat()
}
