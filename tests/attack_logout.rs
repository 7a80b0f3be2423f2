//! Attacks on single logout and on the binding that carries it, one test for each row of the attack map.
//!
//! A forced logout is a nuisance; what is at stake is that the same code verifies signatures over queries, and that
//! nobody but the identity provider ends sessions, and of nobody but its own people.

#![expect(clippy::string_slice, clippy::indexing_slicing, reason = "texts of a known shape")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::http::{Outcome, Routes};
use entra_sso::saml::{LogoutMessage, NameId, Outgoing};
use entra_sso::sp::{LogoutHandle, LogoutRequest, LogoutStyle, Service};
use entra_sso::tenants::{Settings, Tenants, Trust};
use entra_sso::testing::{TestIdp, TestKey, TestLogout};
use entra_sso::{
    CookieKey, EndpointUrl, IdentityProvider, MemoryReplayCache, MetadataTrust, ReturnTo, ServiceProvider,
    SystemRandom, TenantId, UnixTime,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";

fn slo() -> EndpointUrl {
    "https://app.example/saml/slo".parse().expect("a URL")
}

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn sp() -> ServiceProvider {
    sp_trusting(TestIdp::new().identity_provider(NOW).expect("metadata"))
}

fn sp_trusting(idp: IdentityProvider) -> ServiceProvider {
    let key = TestKey::ServiceProvider;
    let service = Service::new().with_signing_key(key.signing_key(), key.certificate()).expect("a pair");
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, idp).with_service(service).with_logout_style(LogoutStyle::Saml)
}

fn handle() -> LogoutHandle {
    let (sp, idp) = (sp(), TestIdp::new());
    let started = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let posted = idp.answer(&started.outgoing, NOW).expect("a request").posted();
    let login = sp.finish_login(started.pending, &posted, NOW, &MemoryReplayCache::default()).expect("a login");
    login.logout_handle()
}

/// One that is accepted as it is.
fn request() -> TestLogout {
    TestIdp::new().logout_request(&handle(), &slo(), NOW).relay_state(Some("theirs"))
}

type Verdict = Result<LogoutRequest, &'static str>;

fn by_query(query: &str) -> Verdict {
    let judge = |message| sp().finish_logout_request(&message, NOW, &MemoryReplayCache::default());
    LogoutMessage::from_query(query).map_err(Into::into).and_then(judge).map_err(|error| error.code())
}

fn by_form(form: &[u8]) -> Verdict {
    let judge = |message| sp().finish_logout_request(&message, NOW, &MemoryReplayCache::default());
    LogoutMessage::from_form(form).map_err(Into::into).and_then(judge).map_err(|error| error.code())
}

fn code(verdict: Verdict) -> &'static str {
    verdict.map_or_else(|code| code, |_| "accepted")
}

/// The parameters of a query, in order.
fn parts(query: &str) -> Vec<(String, String)> {
    let pair = |part: &str| part.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    query.split('&').filter_map(pair).collect()
}

fn joined<'p, I: IntoIterator<Item = &'p (String, String)>>(parts: I) -> String {
    let parts: Vec<String> = parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join("&")
}

#[test]
fn what_is_to_be_attacked_is_good() {
    assert!(by_query(&request().query()).is_ok());
    assert!(by_form(&request().form()).is_ok());
}

// F1. SimpleSAMLphp CVE-2025-27773, OpenSAML CVE-2025-31335, Spring CVE-2026-40988: a verifier that takes one of two.
#[test]
fn a_parameter_that_stands_twice_is_refused_wherever_it_stands() {
    let (good, evil) = (request().query(), request().id("_evil").query());
    let (good, evil) = (parts(&good), parts(&evil));
    for (at, (name, _)) in good.iter().enumerate() {
        for copy in [&good, &evil] {
            let again = copy.iter().find(|(other, _)| other == name).expect("the same parameters");
            let queries = [
                joined(std::iter::once(again).chain(&good)),
                joined(good.iter().chain([again])),
                joined(good.iter().take(at).chain([again]).chain(good.iter().skip(at))),
            ];
            for query in queries {
                assert_eq!(code(by_query(&query)), "saml.form_field_repeated", "{name}");
            }
        }
    }
}

// F1. CVE-2025-27773: both parameters, one signed and one read.
#[test]
fn a_request_and_a_response_do_not_come_together() {
    let good = request().query();
    let message = &parts(&good)[0].1;
    for query in [
        format!("SAMLResponse={message}&{good}"),
        format!("{good}&SAMLResponse={message}"),
        format!("{good}&SAMLResponse="),
    ] {
        assert_eq!(code(by_query(&query)), "saml.two_messages");
    }
    let form = String::from_utf8(request().form()).expect("text");
    assert_eq!(code(by_form(format!("{form}&SAMLResponse=AAAA").as_bytes())), "saml.two_messages");
}

// F1. A framework decodes the name, the verifier does not.
#[test]
fn a_parameter_under_an_encoded_name_is_refused() {
    let good = request().query();
    for name in ["SAMLRe%71uest", "%53AMLRequest", "Relay%53tate", "Sig%41lg", "Signatur%65", "SAMLRe%71uest%5B%5D"] {
        assert_eq!(code(by_query(&format!("{good}&{name}=AAAA"))), "saml.form_encoding", "{name}");
        assert_eq!(code(by_query(&format!("{name}=AAAA&{good}"))), "saml.form_encoding", "{name}");
    }
}

// F1. Entra signs what it sends, percent-encoding in lower case; others in upper case. Only the bytes that came count.
#[test]
fn a_parameter_that_is_encoded_anew_breaks_the_signature() {
    let upper =
        |text: &str| text.replace("%2b", "%2B").replace("%2f", "%2F").replace("%3d", "%3D").replace("%3a", "%3A");
    let lower = request().query();
    assert_ne!(upper(&lower), lower);
    let signed = lower.split_once("&Signature=").expect("a signature");
    let anew = format!("{}&Signature={}", upper(signed.0), signed.1);
    assert_eq!(code(by_query(&anew)), "saml.unknown_signing_key");
    assert!(
        by_query(&format!("{}&Signature={}", signed.0, upper(signed.1))).is_ok(),
        "the signature itself is not signed"
    );
    let other = request().upper_case().query();
    assert!(by_query(&other).is_ok());
    assert_eq!(code(by_query(&other.replacen("%3A", "%3a", 1))), "saml.unknown_signing_key");
    assert_eq!(code(by_query(&other.replacen("SigAlg=http", "SigAlg=%68ttp", 1))), "saml.unknown_signing_key");
    assert_eq!(code(by_query(&other.replacen("RelayState=t", "RelayState=%74", 1))), "saml.unknown_signing_key");
}

// F1. The standard gives the order; a signature over another order is none. In which order they come in the URL decides
// nothing, because what is verified and read is put together in the order of the standard.
#[test]
fn a_signature_over_another_order_is_refused() {
    let good = parts(&request().query());
    let mut turned = good.clone();
    turned.reverse();
    let read = by_query(&joined(&turned)).expect("the same message");
    assert_eq!(read.id(), by_query(&joined(&good)).expect("as it was sent").id());

    let [message, relay, algorithm, _] = good.as_slice() else { panic!("{good:?}") };
    for order in [[relay, message, algorithm], [message, algorithm, relay], [algorithm, message, relay]] {
        let signed = joined(order);
        let signature = TestKey::Idp.signing_key();
        let signature = entra_sso::testing::sign_octets(&signature, signed.as_bytes());
        let query = format!("{signed}&Signature={}", STANDARD.encode(signature).replace('+', "%2B"));
        assert_eq!(code(by_query(&query)), "saml.unknown_signing_key", "{signed}");
    }
}

// F1. One parameter in the place of two: `RelayState` swallows what follows, or hands it out.
#[test]
fn nothing_can_be_moved_between_parameters() {
    let good = parts(&request().query());
    let [message, relay, algorithm, signature] = good.as_slice() else { panic!("{good:?}") };
    let with =
        |relay: &str| format!("SAMLRequest={}{relay}&SigAlg={}&Signature={}", message.1, algorithm.1, signature.1);
    assert!(by_query(&with(&format!("&RelayState={}", relay.1))).is_ok());
    for other in ["", "&RelayState=", "&RelayState=other", "&relaystate=theirs", "&RelayState=theirs%26SigAlg%3Dx"] {
        assert_eq!(code(by_query(&with(other))), "saml.unknown_signing_key", "{other}");
    }
    let none = request().relay_state(None).query();
    assert!(by_query(&none).is_ok());
    assert_eq!(code(by_query(&none.replacen("&SigAlg", "&RelayState=x&SigAlg", 1))), "saml.unknown_signing_key");
    assert!(by_query(&format!("{none}&lang=de")).is_ok(), "what is no parameter of the binding says nothing");
}

// F2. The algorithm is the sender's to name and ours to allow; half a signature is no signature.
#[test]
fn a_signature_in_a_query_is_there_as_a_whole_or_not_at_all() {
    let good = parts(&request().query());
    let without = |gone: &str| joined(good.iter().filter(|(name, _)| name != gone));
    assert_eq!(code(by_query(&without("SigAlg"))), "saml.form_field_missing");
    assert_eq!(code(by_query(&without("Signature"))), "saml.form_field_missing");
    let emptied = |empty: &str| {
        let all: Vec<_> = good
            .iter()
            .cloned()
            .map(|(name, value)| if name == empty { (name, String::new()) } else { (name, value) })
            .collect();
        joined(&all)
    };
    assert_eq!(code(by_query(&emptied("Signature"))), "saml.unknown_signing_key");
    assert_eq!(code(by_query(&emptied("SigAlg"))), "saml.algorithm_not_allowed");
    assert_eq!(code(by_query(&request().key(None).query())), "saml.signature_missing");
}

// F2, C1–C4. HMAC with the certificate as the secret, no algorithm, SHA-1, DSA.
#[test]
fn only_allowed_algorithms_sign_a_query() {
    let by = |uri: &str| code(by_query(&request().algorithm(uri).query()));
    assert_eq!(by("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), "accepted");
    assert_eq!(by(SHA1), "saml.sha1_not_allowed");
    for uri in [
        "none",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
    ] {
        assert_eq!(by(uri), "saml.algorithm_not_allowed", "{uri}");
    }
    // Named otherwise than it was made.
    assert_eq!(by("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), "saml.unknown_signing_key");
    assert_eq!(by("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"), "saml.unknown_signing_key");
}

// F3. One decoder for each way in: no DEFLATE in forms, no plain base64 in queries, no message where another belongs.
#[test]
fn a_message_comes_by_the_binding_that_it_was_made_for() {
    let (query, form) = (request().query(), String::from_utf8(request().form()).expect("text"));
    assert_eq!(code(by_form(query.as_bytes())), "saml.xml_not_utf8", "compressed, in a form");
    assert_eq!(code(by_query(&form)), "saml.form_encoding", "not compressed, in a query");
    for (encoding, expected) in [
        ("urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE", "accepted"),
        ("urn:example:gzip", "saml.form_encoding"),
        ("", "saml.form_encoding"),
    ] {
        assert_eq!(code(by_query(&format!("{query}&SAMLEncoding={encoding}"))), expected, "{encoding}");
    }
    // A signature in the query says nothing of a form, and one in the message says nothing of a query.
    let unsigned = String::from_utf8(request().key(None).form()).expect("text");
    let signature = query.split_once("&SigAlg=").expect("a signature").1;
    assert_eq!(code(by_form(format!("{unsigned}&SigAlg={signature}").as_bytes())), "saml.signature_missing");
    let inside = STANDARD.decode(decoded(&parts(&form)[0].1)).expect("base64");
    let inside = String::from_utf8(inside).expect("text");
    assert!(inside.contains("<Signature"));
    assert_eq!(code(by_query(&packed(&inside, None))), "saml.signature_missing");
    assert_eq!(
        code(by_query(&packed(&inside, Some(TestKey::Idp)))),
        "saml.xml_schema",
        "two signatures, of which one is read"
    );
}

fn decoded(value: &str) -> String {
    value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
}

/// A query with this message, signed as it should be.
fn packed(xml: &str, key: Option<TestKey>) -> String {
    entra_sso::testing::redirect_query("SAMLRequest", xml, key)
}

// F3. Messages of other kinds, at the address for logout and at the one for logins.
#[test]
fn no_other_message_passes_for_a_logout_and_no_logout_for_a_login() {
    let routes = Routes::new(sp(), CookieKey::new([7; 32]), MemoryReplayCache::default());
    let refused = |request: Request| match routes.handle_at(&request, NOW, &rng()) {
        Outcome::Refused(error, _) => error.code(),
        outcome => panic!("{outcome:?}"),
    };
    let started = sp().start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    let at_slo = |mut request: Request| {
        request.path = "/saml/slo";
        request
    };
    assert_eq!(refused(at_slo(post::<&str>(&[], answer.form()))), "saml.unexpected_message");
    let login = packed(&answer.xml(), Some(TestKey::Idp)).replacen("SAMLRequest", "SAMLResponse", 1);
    assert_eq!(refused(get("/saml/slo", Some(&login))), "saml.unexpected_message", "a login by Redirect");
    assert_eq!(refused(post::<&str>(&[], request().form())), "saml.form_field_missing", "no response");
    let as_response = String::from_utf8(request().form()).expect("text").replacen("SAMLRequest", "SAMLResponse", 1);
    assert_eq!(refused(at_slo(post::<&str>(&[], as_response.clone().into_bytes()))), "saml.unexpected_message");
    assert_eq!(refused(post::<&str>(&[], as_response.into_bytes())), "saml.no_pending_login");
    // Each is told from the other before anybody looks at a signature.
    let sp = sp();
    let started = sp.start_logout(&handle(), ReturnTo::default(), NOW, &rng()).expect("a logout");
    let unsigned = request().key(None).message();
    let as_answer = sp.finish_logout(started.pending, &unsigned, NOW).expect_err("a request");
    assert_eq!(as_answer.code(), "saml.unexpected_message");
    let answer = TestIdp::new().logout_response(&started.outgoing, &slo(), NOW).expect("an answer").key(None);
    let as_request = sp.judge_logout_request(&answer.message(), NOW).expect_err("an answer");
    assert_eq!(as_request.code(), "saml.unexpected_message");
    // A GET has no body and a POST no query.
    let mut smuggled = get("/saml/slo", None);
    smuggled.body = request().form();
    assert_eq!(refused(smuggled), "saml.form_field_missing");
    let mut smuggled = at_slo(post::<&str>(&[], Vec::new()));
    smuggled.query = Some(request().query());
    assert_eq!(refused(smuggled), "saml.form_field_missing");
}

// F4. gosaml2 CVE-2023-26483, crewjam CVE-2023-28119, ruby-saml CVE-2025-25293, Keycloak CVE-2026-2575.
#[test]
fn a_compression_bomb_stops_at_the_size_of_a_message() {
    let xml = request().xml();
    let bomb = xml.replacen("<NameID", &format!("{}<NameID", " ".repeat(64 << 20)), 1);
    let query = packed(&bomb, Some(TestKey::Idp));
    assert!(query.len() < 400_000, "{}", query.len());
    assert_eq!(code(by_query(&query)), "saml.message_too_large");
    assert_eq!(code(by_query(&format!("SAMLRequest={}", "A".repeat(1 << 20)))), "saml.message_too_large");
    assert_eq!(code(by_form(format!("SAMLRequest={}", "A".repeat(1 << 20)).as_bytes())), "saml.message_too_large");
}

// F4. Bytes behind the end of the stream, which somebody else may read.
#[test]
fn nothing_stands_behind_a_compressed_message() {
    let query = request().key(None).query();
    let message = &parts(&query)[0].1;
    let mut bytes =
        STANDARD.decode(message.replace("%2b", "+").replace("%2f", "/").replace("%3d", "=")).expect("base64");
    bytes.extend(b"more");
    let query = format!("SAMLRequest={}", STANDARD.encode(bytes).replace('+', "%2B"));
    assert_eq!(code(by_query(&query)), "saml.form_encoding");
}

// F5. What comes back to the identity provider beside our answer was never ours: it is escaped, and leads nobody anywhere.
#[test]
fn their_relay_state_goes_back_to_them_as_text() {
    let evil = "\"><script>alert(1)</script>&SAMLResponse=x";
    let metadata = TestIdp::new().metadata().replacen("HTTP-Redirect", "HTTP-POST", 1);
    let posting = IdentityProvider::from_metadata(metadata.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW);
    for (sp, by_post) in [(sp(), false), (sp_trusting(posting.expect("metadata")), true)] {
        let routes = Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::default());
        let query = request().relay_state(Some(evil)).query();
        let outcome = routes.handle_at(&get("/saml/slo", Some(&query)), NOW, &rng());
        let Outcome::LogoutRequested(_, response) = outcome else { panic!("{outcome:?}") };
        let location = response.headers.iter().find(|(name, _)| *name == "location").map(|(_, value)| value.clone());
        let body = String::from_utf8(response.body).expect("text");
        assert_eq!(location.is_none(), by_post);
        let sent = location.unwrap_or(body);
        assert!(!sent.contains("<script>alert") && sent.matches("SAMLResponse=").count() < 2, "{sent}");
        assert!(!sent.contains("app.example/evil"));
    }
    for bad in ["a\r\nset-cookie: x=y", "\u{0}", &"a".repeat(1025)] {
        assert_eq!(code(by_query(&request().relay_state(Some(bad)).query())), "saml.relay_state_invalid");
    }
    assert_eq!(code(by_query(&request().relay_state(Some(&"a".repeat(1024))).query())), "accepted");
}

// F6. crewjam CVE-2023-45683, at the endpoint for logout: it is passed over, because it keeps nobody from signing in.
#[test]
fn a_logout_endpoint_with_a_scheme_is_none() {
    let metadata = TestIdp::new().metadata();
    let place = "<SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"";
    let (head, tail) = metadata.split_once(place).expect("an endpoint");
    let tail = tail.split_once('"').expect("an end").1;
    for evil in ["javascript:alert(1)", "http://idp.example/slo", "data:text/html,x", "//idp.example/slo"] {
        for place in
            [format!("{place}{evil}\""), format!("{place}https://idp.example/slo\" ResponseLocation=\"{evil}\"")]
        {
            let xml = format!("{head}{place}{tail}");
            let idp = IdentityProvider::from_metadata(xml.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW)
                .expect("metadata");
            let sp = sp_trusting(idp);
            if let Ok(started) = sp.start_logout(&handle(), ReturnTo::default(), NOW, &rng()) {
                let Outgoing::Redirect(url) = started.outgoing else { panic!("not by Redirect") };
                assert!(url.starts_with("https://idp.example/slo?"), "{url}");
            }
            let routes = Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::default());
            let outcome = routes.handle_at(&get("/saml/slo", Some(&request().query())), NOW, &rng());
            let Outcome::LogoutRequested(_, response) = outcome else { panic!("{outcome:?}") };
            let location = response
                .headers
                .iter()
                .find(|(name, _)| *name == "location")
                .map_or("https://idp.example/slo", |(_, value)| value);
            assert!(location.starts_with("https://idp.example/slo"), "{location}");
        }
    }
}

// J1. gosaml2 GHSA-pcgw-qcv5-h8ch, Rocket.Chat #41646, omniauth-saml #155: anybody signs anybody out.
#[test]
fn nothing_unsigned_signs_anybody_out() {
    assert_eq!(code(by_query(&request().key(None).query())), "saml.signature_missing");
    assert_eq!(code(by_form(&request().key(None).form())), "saml.signature_missing");
    for key in [TestKey::Other, TestKey::ServiceProvider] {
        assert_eq!(code(by_query(&request().key(Some(key)).query())), "saml.unknown_signing_key");
        assert_eq!(code(by_form(&request().key(Some(key)).form())), "saml.unknown_signing_key");
    }
    assert_eq!(code(by_form(&request().replace_after_signing("pairwise-name", "eve").form())), "saml.digest_mismatch");
    let empty = request().replace_after_signing("<SignatureValue>", "<SignatureValue>AAAA");
    assert_eq!(code(by_form(&empty.form())), "saml.signature_invalid");

    let sp = sp();
    let answered = |change: fn(TestLogout) -> TestLogout, by_post: bool| {
        let started = sp.start_logout(&handle(), ReturnTo::default(), NOW, &rng()).expect("a logout");
        let answer = change(TestIdp::new().logout_response(&started.outgoing, &slo(), NOW).expect("an answer"));
        let message =
            if by_post { LogoutMessage::from_form(&answer.form()) } else { LogoutMessage::from_query(&answer.query()) };
        sp.finish_logout(started.pending, &message.expect("a message"), NOW).map(|_| ()).map_err(|error| error.code())
    };
    for by_post in [false, true] {
        assert_eq!(answered(|answer| answer, by_post), Ok(()));
        assert_eq!(answered(|answer| answer.key(None), by_post), Err("saml.signature_missing"));
        assert_eq!(answered(|answer| answer.key(Some(TestKey::Other)), by_post), Err("saml.unknown_signing_key"));
    }
}

// J1. samlify #634: the only signature in the message is that of a stolen assertion.
#[test]
fn the_signature_of_something_else_inside_a_logout_counts_for_nothing() {
    let started = sp().start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let stolen = TestIdp::new().answer(&started.outgoing, NOW).expect("a request").xml();
    let assertion = &stolen[stolen.find("<Assertion").expect("one")..stolen.find("</samlp:Response>").expect("an end")];
    let signature =
        &assertion[assertion.find("<Signature").expect("one")..assertion.find("</Signature>").expect("an end") + 12];
    let xml = request().xml();
    let (head, tail) = xml.split_at(xml.find("</Issuer>").expect("an issuer") + 9);
    let form = |xml: String| format!("SAMLRequest={}", STANDARD.encode(xml).replace('+', "%2B")).into_bytes();
    let extensions = format!("<samlp:Extensions>{assertion}</samlp:Extensions>");
    assert_eq!(code(by_form(&form(format!("{head}{extensions}{tail}")))), "saml.signature_missing");
    assert_eq!(code(by_form(&form(format!("{head}{signature}{tail}")))), "saml.reference_invalid");
    assert_eq!(code(by_form(&form(format!("{head}{signature}{extensions}{tail}")))), "saml.reference_invalid");
    assert_eq!(code(by_form(&form(format!("{head}{assertion}{tail}")))), "saml.xml_schema");
    // A genuine request inside an evil one.
    let genuine = String::from_utf8(request().form()).expect("text");
    let genuine = String::from_utf8(STANDARD.decode(decoded(&parts(&genuine)[0].1)).expect("base64")).expect("text");
    let wrapped =
        format!("{head}<samlp:Extensions>{genuine}</samlp:Extensions>{tail}").replacen("pairwise-name", "eve", 1);
    assert_eq!(code(by_form(&form(wrapped))), "saml.signature_missing");
    let moved = genuine.find("<Signature").expect("one");
    let end = genuine.find("</Signature>").expect("an end") + 12;
    let evil = format!("{head}{}<samlp:Extensions>{genuine}</samlp:Extensions>{tail}", &genuine[moved..end]);
    assert_eq!(
        code(by_form(&form(evil.replacen("pairwise-name", "eve", 1).replacen("ID=\"", "ID=\"_x", 1)))),
        "saml.reference_invalid"
    );
    assert_eq!(code(by_form(&form(evil))), "saml.digest_mismatch");
}

// J1. A comment or a CDATA section shortens no name here either.
#[test]
fn what_is_read_of_a_logout_is_what_was_signed() {
    let eve = request().name_id(NameId::new("evil-pairwise-name", None));
    assert_eq!(
        code(by_form(&eve.clone().replace_after_signing("evil-", "<!--evil-->").form())),
        "saml.digest_mismatch"
    );
    let split = request().replace_after_signing("pairwise-name", "pairwise<!-- -->-name");
    let read = by_form(&split.form()).expect("a comment is in no signed octets");
    assert_eq!(read.name_id().value, "pairwise-name");
    let cdata = request().replace_after_signing("pairwise-name", "<![CDATA[pairwise-name]]>");
    assert_eq!(by_form(&cdata.form()).expect("the same octets").name_id().value, "pairwise-name");
    assert_eq!(
        code(by_query(&request().replace_before_signing("pairwise", "pair<!-- -->wise").query())),
        "saml.xml_schema"
    );
}

// J2. Another identity provider, another customer, another time, another place.
#[test]
fn a_request_of_somebody_else_or_of_another_time_is_refused() {
    let other = "https://sts.windows.net/11111111-2222-4333-8444-555555555555/";
    assert_eq!(code(by_query(&request().issuer(other).query())), "saml.issuer_mismatch", "with the same key");
    assert_eq!(code(by_query(&request().issuer(" ").query())), "saml.issuer_mismatch");
    let elsewhere = Some("https://other.example/saml/slo");
    assert_eq!(code(by_query(&request().destination(elsewhere).query())), "saml.logout_destination_mismatch");
    let login = Some("https://app.example/saml/acs");
    assert_eq!(code(by_form(&request().destination(login).form())), "saml.logout_destination_mismatch");
    assert_eq!(code(by_query(&request().issue_instant(NOW.minus(minutes(14))).query())), "saml.expired");
    assert_eq!(code(by_query(&request().issue_instant(NOW.plus(minutes(4))).query())), "saml.not_yet_valid");
    assert_eq!(code(by_query(&request().not_on_or_after(Some(NOW.minus(minutes(4)))).query())), "saml.expired");
    let format = "<Issuer Format=\"urn:example:other\" ";
    assert_eq!(code(by_query(&request().replace_before_signing("<Issuer ", format).query())), "saml.issuer_mismatch");
}

// J2. Malformed in each way that the schema knows.
#[test]
fn a_logout_that_is_not_of_the_schema_is_refused() {
    let changed = |from: &str, to: &str| code(by_query(&request().replace_before_signing(from, to).query()));
    assert_eq!(changed(" Version=\"2.0\"", " Version=\"2.1\""), "saml.version");
    assert_eq!(changed(" Version=\"2.0\"", ""), "saml.xml_schema");
    assert_eq!(changed(" ID=\"_l", " ID=\"1"), "saml.xml_schema");
    assert_eq!(changed(" ID=\"_l", " id=\"_l"), "saml.xml_schema");
    assert_eq!(changed("IssueInstant=\"", "IssueInstant=\"x"), "saml.xml_schema");
    assert_eq!(changed("<NameID", "<samlp:NameID"), "saml.xml_malformed");
    assert_eq!(changed("NameID", "Name"), "saml.xml_schema");
    assert_eq!(changed("NameID", "BaseID"), "saml.xml_schema");
    assert_eq!(changed("</samlp:LogoutRequest>", "<samlp:Other/></samlp:LogoutRequest>"), "saml.xml_schema");
    assert_eq!(changed("</samlp:LogoutRequest>", "text</samlp:LogoutRequest>"), "saml.xml_schema");
    assert_eq!(
        changed("</Issuer>", "</Issuer><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">x</Issuer>"),
        "saml.xml_schema"
    );
    assert_eq!(changed("samlp:LogoutRequest", "samlp:ManageNameIDRequest"), "saml.unexpected_message");
    assert_eq!(changed("SAML:2.0:protocol", "SAML:1.0:protocol"), "saml.unexpected_message");
    let many = vec!["_i"; 257];
    assert_eq!(code(by_query(&request().session_indexes(&many).query())), "saml.xml_too_large");
    let doctype = packed(&format!("<!DOCTYPE x []>{}", request().xml()), Some(TestKey::Idp));
    assert_eq!(code(by_query(&doctype)), "saml.xml_doctype");
}

// J2. The same request again, with another binding, another relay state, or in an unlike order.
#[test]
fn a_request_ends_sessions_once() {
    let (sp, cache) = (sp(), MemoryReplayCache::default());
    let judge = |message: LogoutMessage| {
        sp.finish_logout_request(&message, NOW, &cache).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(judge(request().message()), Ok(()));
    assert_eq!(judge(request().message()), Err("saml.replayed"));
    assert_eq!(judge(request().relay_state(None).upper_case().message()), Err("saml.replayed"));
    assert_eq!(judge(LogoutMessage::from_form(&request().form()).expect("a form")), Err("saml.replayed"));
    let late = sp.judge_logout_request(&request().message(), NOW.plus(minutes(12))).expect("still good");
    assert!(late.expires() > NOW.plus(minutes(13)), "remembered for longer than it is good");
}

// J2. A session is found by who vouched for it: the identity provider, the customer, the person and the session.
#[test]
fn nobody_ends_sessions_of_another_identity_provider_or_customer() {
    let tenants =
        ["11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"].map(TestIdp::of_tenant);
    let base = "https://app.example/saml".parse().expect("a URL");
    let all = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    let names = ["acme", "globex"].map(|name| name.parse::<TenantId>().expect("a name"));
    let mut handles = Vec::new();
    for (name, idp) in names.iter().zip(&tenants) {
        let trust = Trust::MetadataXml { xml: idp.metadata(), entity_id: None };
        all.put(Settings::new(name.clone(), trust), NOW).expect("settings");
        let started =
            all.start_login(name, &entra_sso::AuthnRequest::new(), ReturnTo::default(), NOW, &rng()).expect("a login");
        let posted = idp.answer(&started.outgoing, NOW).expect("a request").posted();
        handles.push(all.finish_login(started.pending, &posted, NOW).expect("a login").logout_handle());
    }
    let slo = |name: &TenantId| all.get(name).expect("a connection").single_logout_service().clone();
    let request = |at: usize, of: usize| {
        tenants[at].logout_request(&handles[of], &slo(&names[at]), NOW).id(&format!("_{at}{of}")).message()
    };
    let judge = |to: usize, message: &LogoutMessage| all.finish_logout_request(Some(&names[to]), message, NOW);
    let own = judge(0, &request(0, 0)).expect("its own");
    assert!(own.ends(&handles[0]));
    assert!(!own.ends(&handles[1]) && !own.ends_in_this_browser(&handles[1]));
    let foreign = judge(0, &request(0, 1)).expect("genuine");
    assert!(!foreign.ends(&handles[1]), "though it names that session");
    assert_eq!(judge(1, &request(0, 0)).expect_err("another address").code(), "saml.logout_destination_mismatch");
    let evil = tenants[0].logout_request(&handles[1], &slo(&names[1]), NOW).message();
    assert_eq!(judge(1, &evil).expect_err("another issuer").code(), "saml.issuer_mismatch");
}

// J2. Two customers at one identity provider, under one issuer and one key: the address says whose request it is.
#[test]
fn nobody_ends_sessions_of_another_customer_of_the_same_identity_provider() {
    let base = "https://app.example/saml".parse().expect("a URL");
    let all = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    let idp = TestIdp::new();
    let handles = ["acme", "globex"].map(|name| {
        let name: TenantId = name.parse().expect("a name");
        let trust = Trust::MetadataXml { xml: idp.metadata(), entity_id: None };
        all.put(Settings::new(name.clone(), trust), NOW).expect("settings");
        let started = all.start_login(&name, &entra_sso::AuthnRequest::new(), ReturnTo::default(), NOW, &rng());
        let started = started.expect("a login");
        let posted = idp.answer(&started.outgoing, NOW).expect("a request").id(name.as_ref()).posted();
        all.finish_login(started.pending, &posted, NOW).expect("a login").logout_handle()
    });
    let slo = all.get(handles[0].tenant().expect("acme")).expect("a connection").single_logout_service().clone();
    let indexes: Vec<&str> = handles.iter().flat_map(LogoutHandle::session_indexes).map(String::as_str).collect();
    let message = idp.logout_request(&handles[0], &slo, NOW).session_indexes(&indexes).message();
    let request = all.finish_logout_request(handles[0].tenant(), &message, NOW).expect("a request");
    assert!(request.ends(&handles[0]));
    assert!(!request.ends(&handles[1]) && !request.ends_in_this_browser(&handles[1]), "though it names that session");
}

// J2. By the standard, indexes may be small numbers that come again: the name counts too.
#[test]
fn a_session_index_alone_ends_nobodys_session() {
    let handle = handle();
    let named = by_query(&request().name_id(NameId::new("eve@contoso.example", None)).query()).expect("genuine");
    assert_eq!(named.session_indexes(), handle.session_indexes());
    assert!(!named.ends(&handle) && !named.ends_in_this_browser(&handle));
}

// J2. Status and partial logout: what the identity provider did not do is not reported as done.
#[test]
fn a_logout_that_failed_is_not_done() {
    let sp = sp();
    for (status, subcode) in [
        ("Responder", None),
        ("Requester", Some("RequestDenied")),
        ("Success", Some("AuthnFailed")),
        ("VersionMismatch", None),
    ] {
        let started = sp.start_logout(&handle(), ReturnTo::default(), NOW, &rng()).expect("a logout");
        let answer = TestIdp::new().logout_response(&started.outgoing, &slo(), NOW).expect("an answer");
        let message = answer.status(status, subcode).message();
        let refused = sp.finish_logout(started.pending, &message, NOW).expect_err("not done");
        assert_eq!(refused.code(), "saml.logout_refused", "{status}");
    }
}

// J, login CSRF turned round: an answer counts in the browser that asked, and there once.
#[test]
fn an_answer_counts_in_the_browser_that_asked() {
    let routes = Routes::new(sp(), CookieKey::new([7; 32]), MemoryReplayCache::default());
    let begin = || {
        let outcome = routes.sign_out(&get("/saml/logout", None), Some(&handle()), ReturnTo::default(), NOW, &rng());
        let Outcome::Respond(response) = outcome else { panic!("{outcome:?}") };
        let value =
            |wanted: &str| response.headers.iter().find(|(name, _)| *name == wanted).expect("a header").1.clone();
        let answer =
            TestIdp::new().logout_response(&Outgoing::Redirect(value("location")), &slo(), NOW).expect("an answer");
        (answer, value("set-cookie").split(';').next().unwrap_or_default().to_owned())
    };
    let ((ours, cookie), (theirs, _)) = (begin(), begin());
    let back = |answer: &TestLogout| {
        let request = Request { cookie: vec![cookie.clone()], ..get("/saml/slo", Some(&answer.query())) };
        match routes.handle_at(&request, NOW, &rng()) {
            Outcome::SignedOut(..) => Ok(()),
            Outcome::Refused(error, _) => Err(error.code()),
            outcome => panic!("{outcome:?}"),
        }
    };
    assert_eq!(back(&theirs), Err("saml.no_pending_logout"));
    assert_eq!(back(&ours.clone().key(Some(TestKey::Other))), Err("saml.unknown_signing_key"));
    assert_eq!(back(&ours), Ok(()));
}

// J2, K. A customer whose identity provider signs requests that are good for a year keeps all others from signing in for
// no longer than with logins that nobody finishes: both lie in one store.
#[test]
fn a_logout_is_remembered_for_no_longer_than_a_login_waits() {
    let longest = request().issue_instant(NOW.plus(minutes(2))).not_on_or_after(Some(NOW.plus(minutes(60 * 24 * 365))));
    let unclaimed = sp().judge_logout_request(&longest.message(), NOW).expect("good");
    assert!(unclaimed.expires() <= NOW.plus(minutes(30 + 2 + 3 + 1)), "{:?}", unclaimed.expires());
}

// L4, J. What goes through the browser names a person, and is not for logs.
#[test]
fn a_logout_that_is_printed_names_nobody() {
    let started = sp().start_logout(&handle(), ReturnTo::default(), NOW, &rng()).expect("a logout");
    let Outgoing::Redirect(url) = &started.outgoing else { panic!("not by Redirect") };
    let (place, query) = url.split_once('?').expect("a query");
    assert!(!format!("{started:?}").contains(parts(query)[0].1.as_str()), "{started:?}");
    assert_eq!(format!("{:?}", started.outgoing), format!("Redirect({place:?})"));
    let metadata = TestIdp::new().metadata().replacen("HTTP-Redirect", "HTTP-POST", 1);
    let idp = IdentityProvider::from_metadata(metadata.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW);
    let sp = sp_trusting(idp.expect("metadata"));
    let started = sp.start_logout(&handle(), ReturnTo::default(), NOW, &rng()).expect("a logout");
    let Outgoing::Post(form) = &started.outgoing else { panic!("not by POST") };
    let (_, message) = form.fields().next().expect("a message");
    assert!(!format!("{started:?}").contains(message), "{started:?}");
    let printed = format!("{:?}", started.outgoing);
    assert!(printed.starts_with("Post(PostForm { destination: ") && printed.contains(place), "{printed}");
}

// K. A megabyte of parameters, of escapes, of indexes: refused in one pass.
#[test]
fn a_large_query_is_refused_by_its_size() {
    let good = request().query();
    assert_eq!(code(by_query(&format!("{good}&{}", "a=b&".repeat(200_000)))), "saml.message_too_large");
    let padded = |query: &str, bytes: usize| format!("{query}&{}", "x".repeat(bytes - query.len() - 1));
    let form = String::from_utf8(request().form()).expect("text");
    for (bytes, expected) in [(Routes::BODY_LIMIT, "accepted"), (Routes::BODY_LIMIT + 1, "saml.message_too_large")] {
        assert_eq!(code(by_query(&padded(&good, bytes))), expected);
        assert_eq!(code(by_form(padded(&form, bytes).as_bytes())), expected);
    }
    assert_eq!(code(by_form(format!("a={}", "%41".repeat(300_000)).as_bytes())), "saml.message_too_large");
    let signature = format!("{}&Signature={}", good.split_once("&Signature").expect("one").0, "A".repeat(100_000));
    assert_eq!(code(by_query(&signature)), "saml.message_too_large");
}
