//! Whole logins, through the public API and through the routes, against an identity provider in Entra's shape.
#![expect(clippy::string_slice, clippy::indexing_slicing, reason = "texts of a known shape")]

use std::time::Duration;

use entra_sso::error::MetadataError;
use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::saml::{Binding, Comparison, Outgoing};
use entra_sso::sp::{CookieKey, Service, UnclaimedLogin, Unsolicited};
use entra_sso::testing::{ADA, ReceivedRequest, TENANT, TestIdp, TestKey, TestResponse, TestSigning};
use entra_sso::{
    AuthnRequest, Error, IdentityProvider, Login, MemoryReplayCache, MetadataTrust, PendingLogin, PostedResponse,
    ReturnTo, ServiceProvider, SystemRandom, UnixTime, entra,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn idp() -> TestIdp {
    TestIdp::new()
}

fn sp() -> ServiceProvider {
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, idp().identity_provider(NOW).expect("metadata"))
}

fn start(sp: &ServiceProvider, request: &AuthnRequest) -> (PendingLogin, ReceivedRequest) {
    let return_to: ReturnTo = "/reports?year=2027".parse().expect("a path");
    let started = sp.start_login_with(request, return_to, NOW, &rng()).expect("a login");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    (started.pending, received)
}

/// Begins a login, has the answer made different, and judges it.
fn judge(change: impl FnOnce(TestResponse) -> TestResponse) -> Result<UnclaimedLogin, &'static str> {
    judge_by(&sp(), &AuthnRequest::new(), change)
}

fn judge_by(
    sp: &ServiceProvider, request: &AuthnRequest, change: impl FnOnce(TestResponse) -> TestResponse,
) -> Result<UnclaimedLogin, &'static str> {
    let (pending, received) = start(sp, request);
    let posted = change(idp().respond(&received, NOW)).posted();
    sp.judge_login(pending, &posted, NOW).map_err(|error| {
        assert!(error.hint().is_some(), "{error}");
        error.code()
    })
}

/// The code of the refusal; `accepted` if there is none.
fn code(change: impl FnOnce(TestResponse) -> TestResponse) -> &'static str {
    judge(change).map_or_else(|code| code, |_| "accepted")
}

#[test]
fn a_good_answer_signs_somebody_in() {
    let sp = sp();
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let request_id = pending.request_id().clone();
    assert_eq!(received.issuer, "https://app.example/saml/metadata");
    assert_eq!(received.acs, "https://app.example/saml/acs");
    assert_eq!(received.id, request_id.as_ref());
    let posted = idp().respond(&received, NOW).posted();
    let cache = MemoryReplayCache::default();
    let login = sp.finish_login(pending, &posted, NOW, &cache).expect("a login");
    assert_eq!(login.name_id().value, "ada@contoso.example");
    assert_eq!(login.issuer(), format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!(login.in_response_to(), Some(&request_id));
    assert_eq!(login.return_to().as_ref(), "/reports?year=2027");
    assert_eq!(login.session_index(), Some(login.assertion().id().as_ref()));
    assert_eq!(login.session_not_on_or_after(), None);
    assert_eq!(login.signed_by(), &TestKey::Idp.certificate());
    assert_eq!(login.attributes().len(), 10);
    let user = entra::UserKey::of(login.attributes()).expect("a user");
    assert_eq!(user.to_string(), format!("{TENANT}/{ADA}"));
    assert!(entra::did_mfa(login.attributes()));
}

#[test]
fn each_of_entras_signing_options_is_good_enough() {
    for signing in [TestSigning::Assertion, TestSigning::Response, TestSigning::Both] {
        assert_eq!(code(|answer| answer.signing(signing)), "accepted", "{signing:?}");
    }
    assert_eq!(code(|answer| answer.signing(TestSigning::Neither)), "saml.signature_missing");
}

#[test]
fn each_rule_refuses_with_its_own_code() {
    let (before, after) = (NOW.minus(minutes(4)), NOW.plus(minutes(4)));
    type Change = Box<dyn FnOnce(TestResponse) -> TestResponse>;
    let cases: Vec<(&str, Change)> = vec![
        ("saml.destination_mismatch", Box::new(|a| a.destination(Some("https://app.example/saml/acs/")))),
        ("saml.issuer_mismatch", Box::new(|a| a.issuer("https://sts.windows.net/other/"))),
        ("saml.in_response_to_mismatch", Box::new(|a| a.in_response_to(Some("_other")))),
        ("saml.in_response_to_mismatch", Box::new(|a| a.in_response_to(None))),
        ("saml.in_response_to_mismatch", Box::new(|a| a.confirming(None))),
        ("saml.in_response_to_mismatch", Box::new(|a| a.confirming(Some("_other")))),
        ("saml.refused", Box::new(|a| a.refuse("AuthnFailed", "AADSTS50105: not assigned"))),
        ("saml.unknown_signing_key", Box::new(|a| a.key(TestKey::Other))),
        ("saml.unknown_signing_key", Box::new(|a| a.key(TestKey::Other).signing(TestSigning::Both))),
        ("saml.digest_mismatch", Box::new(|a| a.replace_after_signing("ada@contoso", "eve@contoso"))),
        ("saml.recipient_mismatch", Box::new(|a| a.recipient(Some("https://other.example/acs")))),
        ("saml.recipient_mismatch", Box::new(|a| a.recipient(None))),
        ("saml.confirmation_invalid", Box::new(|a| a.confirmed_until(None))),
        ("saml.expired", Box::new(move |a| a.confirmed_until(Some(before)))),
        ("saml.expired", Box::new(move |a| a.conditions(None, Some(before)))),
        ("saml.not_yet_valid", Box::new(move |a| a.conditions(Some(after), None))),
        ("saml.audience_mismatch", Box::new(|a| a.audience(Some("https://other.example")))),
        ("saml.audience_missing", Box::new(|a| a.audience(None))),
        ("saml.name_id_missing", Box::new(|a| a.name_id(" ", "x"))),
        ("accepted", Box::new(|a| a.destination(None))),
        ("saml.destination_mismatch", Box::new(|a| a.destination(None).signing(TestSigning::Response))),
    ];
    for (number, (expected, change)) in cases.into_iter().enumerate() {
        assert_eq!(code(change), expected, "case {number}");
    }
}

#[test]
fn three_minutes_of_clock_difference_are_allowed_and_not_one_millisecond_more() {
    let skew = minutes(3);
    let (one, edge) = (Duration::from_millis(1), NOW.minus(skew));
    assert_eq!(code(|a| a.conditions(None, Some(edge.plus(one)))), "accepted");
    assert_eq!(code(|a| a.conditions(None, Some(edge))), "saml.expired");
    assert_eq!(code(|a| a.conditions(Some(NOW.plus(skew)), None)), "accepted");
    assert_eq!(code(|a| a.conditions(Some(NOW.plus(skew).plus(one)), None)), "saml.not_yet_valid");
}

#[test]
fn an_authentication_context_has_the_parts_of_the_schema() {
    let before = "<AuthnContextClassRef>urn:x</AuthnContextClassRef>";
    let context = |parts: &str| code(|answer| answer.context_class("urn:x").replace_before_signing(before, parts));
    let class = "<AuthnContextClassRef>urn:y</AuthnContextClassRef>";
    let declared = "<AuthnContextDeclRef>urn:y</AuthnContextDeclRef>";
    let asked = "<AuthenticatingAuthority>urn:y</AuthenticatingAuthority>";
    assert_eq!(context(&format!("{class}{declared}{asked}{asked}")), "accepted");
    assert_eq!(context(declared), "accepted");
    assert_eq!(context(asked), "saml.xml_schema");
    assert_eq!(context(&format!("{declared}{class}")), "saml.xml_schema");
    assert_eq!(context(&format!("{class}{class}")), "saml.xml_schema");
}

#[test]
fn the_signature_of_an_assertion_stands_behind_its_issuer() {
    let moved = code(|answer| {
        let xml = answer.xml();
        let (_, rest) = xml.split_once("<Signature ").expect("a signature");
        let (inner, _) = rest.split_once("</Signature>").expect("a signature");
        let signature = format!("<Signature {inner}</Signature>");
        let last = format!("{signature}</Assertion>");
        answer.replace_after_signing(&signature, "").replace_after_signing("</Assertion>", &last)
    });
    assert_eq!(moved, "saml.signature_misplaced");
}

#[test]
fn every_spelling_of_a_foreign_id_counts() {
    let hidden = "<samlp:Extensions><x xmlns='urn:x' Id='_a7' ID='_b'/></samlp:Extensions>";
    let code = |hidden: &str| {
        let status = format!("{hidden}<samlp:Status>");
        code(|answer| answer.id("7").replace_after_signing("<samlp:Status>", &status))
    };
    assert_eq!(code(hidden), "saml.duplicate_id");
    assert_eq!(code(&hidden.replace("_a7", "_c")), "accepted");
}

#[test]
fn a_null_value_is_no_value() {
    let nil = "<AttributeValue xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'/>";
    let values = |value: &str| {
        let last = "<AttributeValue>0</AttributeValue>";
        let change = |answer: TestResponse| answer.attribute("x", &["1", "0"]);
        let judged = judge(|answer| change(answer).replace_before_signing(last, value))?;
        let login = judged.settle(Ok(())).expect("a login");
        Ok(login.attributes().values("x").map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(values(nil), Ok(vec!["1".to_owned()]));
    assert_eq!(values("<AttributeValue/>"), Ok(vec!["1".to_owned(), String::new()]));
    assert_eq!(values(&nil.replace("/>", ">x</AttributeValue>")), Err("saml.xml_schema"));
}

#[test]
fn an_attribute_value_is_text_or_elements_and_nothing_between() {
    let nil = "xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let given = |value: &str| {
        let verdict = judge(|answer| answer.replace_before_signing("<AttributeValue>Ada</AttributeValue>", value));
        let login = verdict.and_then(|unclaimed| unclaimed.settle(Ok(())).map_err(|error| error.code()))?;
        Ok(login.attributes().single(entra::claims::GIVEN_NAME).map(str::to_owned))
    };
    assert_eq!(given("<AttributeValue>Eva</AttributeValue>"), Ok(Some("Eva".to_owned())));
    for nothing in ["<x>Ada</x>", "<x/><!--c--><x/>", " <x/> "] {
        assert_eq!(given(&format!("<AttributeValue>{nothing}</AttributeValue>")), Ok(None), "{nothing}");
    }
    for nothing in ["", " ", "<!--c-->", "<x/>"] {
        assert_eq!(given(&format!("<AttributeValue {nil}>{nothing}</AttributeValue>")), Ok(None), "{nothing}");
    }
    // What was signed has no comments, and is read whole (CVE-2017-11427).
    assert_eq!(given("<AttributeValue>Eva<!--c-->line</AttributeValue>"), Ok(Some("Evaline".to_owned())));
    for unclear in ["Ada<x/>", "<x/>Ada"] {
        let verdict = given(&format!("<AttributeValue>{unclear}</AttributeValue>"));
        assert_eq!(verdict, Err("saml.xml_schema"), "{unclear}");
    }
    assert_eq!(given(&format!("<AttributeValue {nil}>Ada</AttributeValue>")), Err("saml.xml_schema"));
}

#[test]
fn an_entity_id_that_is_no_uri_is_known_by_its_spn() {
    let entity = "1f3b7a50-0000-4000-8000-000000000002".parse().expect("a name");
    let acs = "https://app.example/acs".parse().expect("a URL");
    let sp = ServiceProvider::new(entity, acs, idp().identity_provider(NOW).expect("metadata"));
    assert!(judge_by(&sp, &AuthnRequest::new(), |answer| answer).is_ok());
}

#[test]
fn an_expired_certificate_is_refused_unless_that_is_allowed_by_name() {
    // The metadata names the same key with a certificate that ended in 2023.
    let expired = |allowed: bool| {
        let known = idp().identity_provider(NOW).expect("metadata");
        let sso = known.sso_url(Binding::Redirect).expect("an endpoint").clone();
        let pinned = IdentityProvider::pinned(known.entity_id().clone(), sso, TestKey::Expired.certificate());
        let pinned = if allowed { pinned.danger_allow_expired_certificates() } else { pinned };
        let sp = ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), pinned);
        judge_by(&sp, &AuthnRequest::new(), |answer| answer).map(|_| ())
    };
    assert_eq!(expired(false), Err("saml.certificate_not_valid"));
    assert_eq!(expired(true), Ok(()));
}

#[test]
fn what_was_asked_for_must_be_what_is_answered() {
    let sp = sp();
    let x509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";
    let exact = AuthnRequest::new().requested_authn_context(Comparison::Exact, [x509]);
    let judged = judge_by(&sp, &exact, |answer| answer).map(|_| ());
    assert_eq!(judged, Err("saml.authn_context_mismatch"));
    assert!(judge_by(&sp, &exact, |answer| answer.context_class(x509)).is_ok());
    let anew = AuthnRequest::new().force_authn();
    let old = judge_by(&sp, &anew, |answer| answer.authn_instant(NOW.minus(minutes(10)))).map(|_| ());
    assert_eq!(old, Err("saml.authentication_too_old"));
    assert!(judge_by(&sp, &anew, |answer| answer).is_ok());
    // By how much the clocks may differ, to the millisecond.
    let (hourly, oldest) = (sp.with_max_authn_age(minutes(60)), NOW.minus(minutes(63)));
    let aged = |at| judge_by(&hourly, &AuthnRequest::new(), |answer| answer.authn_instant(at)).map(drop);
    assert_eq!(aged(oldest), Ok(()));
    assert_eq!(aged(oldest.minus(Duration::from_millis(1))), Err("saml.authentication_too_old"));
}

#[test]
fn the_hint_of_a_refusal_comes_from_its_aadsts_code() {
    let sp = sp();
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let message = "AADSTS50105: Your administrator has configured the application to block users.";
    let posted = idp().respond(&received, NOW).refuse("AuthnFailed", message).posted();
    let error = sp.judge_login(pending, &posted, NOW).expect_err("a refusal");
    assert!(error.to_string().contains("AADSTS50105"), "{error}");
    let hint = error.hint().expect("a hint");
    assert!(hint.action.contains("ssign"), "{hint}");
    assert!(hint.place.is_some_and(|place| place.contains("Users and groups")), "{hint}");
}

#[test]
fn an_answer_is_good_once_whatever_is_wrapped_around_it() {
    let (sp, cache) = (sp(), MemoryReplayCache::default());
    let finish = |id: &str| {
        let (pending, received) = start(&sp, &AuthnRequest::new());
        let posted = idp().respond(&received, NOW).id(id).posted();
        sp.finish_login(pending, &posted, NOW, &cache).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(finish("1"), Ok(()));
    assert_eq!(finish("2"), Ok(()));
    assert_eq!(finish("1"), Err("saml.replayed"));
}

#[test]
fn a_login_that_fails_leaves_no_trace_in_the_replay_cache() {
    let (sp, cache) = (sp(), MemoryReplayCache::with_capacity(1));
    let changes: [fn(TestResponse) -> TestResponse; 3] =
        [|a| a.key(TestKey::Other), |a| a.audience(None), |a| a.recipient(None)];
    for change in changes {
        let (pending, received) = start(&sp, &AuthnRequest::new());
        let posted = change(idp().respond(&received, NOW)).posted();
        assert!(sp.finish_login(pending, &posted, NOW, &cache).is_err());
    }
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let posted = idp().respond(&received, NOW).posted();
    assert!(sp.finish_login(pending, &posted, NOW, &cache).is_ok());
}

#[test]
fn a_login_begun_on_one_replica_is_finished_on_another() {
    let (here, there) = (CookieKey::new([7; 32]), CookieKey::new([7; 32]));
    let (pending, received) = start(&sp(), &AuthnRequest::new());
    let cookie = pending.into_cookie(&here, &rng()).expect("a cookie");
    assert!(cookie.as_ref().len() < 1024);
    let posted = idp().respond(&received, NOW).posted();
    let header = cookie.as_ref().split(';').next().expect("a pair").to_owned();
    let open = |key: &CookieKey| PendingLogin::from_cookies(&header, posted.relay_state(), key, NOW);
    assert!(sp().judge_login(open(&there).expect("sealed by the same key"), &posted, NOW).is_ok());
    let other = CookieKey::new([8; 32]);
    assert_eq!(open(&other).map(|_| ()).map_err(|e| e.code()), Err("saml.no_pending_login"));
    let rolled = CookieKey::new([8; 32]).and_previous([7; 32]);
    assert!(open(&rolled).is_ok());
    let late = PendingLogin::from_cookies(&header, posted.relay_state(), &here, NOW.plus(minutes(31)));
    assert_eq!(late.map(|_| ()).map_err(|e| e.code()), Err("saml.pending_login_expired"));
}

#[test]
fn a_login_begun_with_one_provider_is_not_finished_with_another() {
    let (pending, received) = start(&sp(), &AuthnRequest::new());
    let posted = idp().respond(&received, NOW).posted();
    let base = "https://other.example/saml".parse().expect("a URL");
    let other = ServiceProvider::at(&base, idp().identity_provider(NOW).expect("metadata"));
    let error = other.judge_login(pending, &posted, NOW).expect_err("a mix-up");
    assert_eq!(error.code(), "saml.other_provider");
}

#[test]
fn the_largest_state_fits_and_a_larger_one_is_refused() {
    let long: ReturnTo = format!("/{}", "x".repeat(511)).parse().expect("a path");
    let key = CookieKey::new([7; 32]);
    let sealed = |request: AuthnRequest| {
        let started = sp().start_login_with(&request, long.clone(), NOW, &rng()).expect("a login");
        started.pending.into_cookie(&key, &rng()).map_err(|error| error.code())
    };
    assert!(sealed(AuthnRequest::new()).is_ok_and(|cookie| cookie.as_ref().len() < 1024));
    let contexts = AuthnRequest::new().requested_authn_context(Comparison::Exact, ["urn:x"; 40]);
    assert_eq!(sealed(contexts).map(|_| ()), Err("config.state_too_large"));
}

#[test]
fn unsolicited_answers_need_to_be_allowed_and_must_answer_nothing() {
    let judge = |sp: &ServiceProvider, answer: TestResponse| {
        sp.finish_unsolicited(&answer.posted(), NOW)
            .map(|login| login.return_to().to_string())
            .map_err(|error| error.code())
    };
    let answer = || idp().unsolicited("https://app.example/saml/acs", "https://app.example/saml/metadata", NOW);
    assert_eq!(judge(&sp(), answer()), Err("saml.unsolicited"));
    let replay_cache = std::sync::Arc::new(MemoryReplayCache::default());
    let sp = sp().with_unsolicited(Unsolicited::Accept { replay_cache });
    assert_eq!(judge(&sp, answer().id("1")), Ok("/".to_owned()));
    assert_eq!(judge(&sp, answer().id("1")), Err("saml.replayed"));
    assert_eq!(judge(&sp, answer().id("2").relay_state(Some("/tile"))), Ok("/tile".to_owned()));
    assert_eq!(judge(&sp, answer().id("3").relay_state(Some("//evil.example"))), Ok("/".to_owned()));
    let solicited = answer().id("4").in_response_to(Some("_x"));
    assert_eq!(judge(&sp, solicited), Err("saml.in_response_to_mismatch"));
}

#[test]
fn requests_are_signed_where_that_is_asked_for() {
    let (key, certificate) = (TestKey::ServiceProvider.signing_key(), TestKey::ServiceProvider.certificate());
    let service = Service::new().with_signing_key(key, certificate).expect("a key and its certificate");
    let sp = sp().with_service(service).signing_requests();
    let started = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let Outgoing::Redirect(url) = &started.outgoing else { panic!("a redirect") };
    assert!(url.contains("&SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256&Signature="));
    let sp = sp.with_request_binding(Binding::Post);
    let (_, received) = start(&sp, &AuthnRequest::new());
    assert!(received.xml.contains("</saml:Issuer><ds:Signature "), "{}", received.xml);
    let wrong = Service::new().with_signing_key(TestKey::Other.signing_key(), TestKey::ServiceProvider.certificate());
    assert_eq!(wrong.map(|_| ()).map_err(|error| error.code()), Err("config.key_mismatch"));
}

#[test]
fn scoping_lists_providers_only_if_there_are_some() {
    let provider: entra_sso::EntityId = "urn:idp".parse().expect("a name");
    let xml = |idps| start(&sp(), &AuthnRequest::new().scoping(Some(2), idps, Vec::new())).1.xml;
    assert!(xml(Vec::new()).contains("<samlp:Scoping ProxyCount=\"2\"/>"));
    let listed = xml(vec![provider]);
    assert!(listed.contains("<samlp:IDPList><samlp:IDPEntry ProviderID=\"urn:idp\"/></samlp:IDPList>"), "{listed}");
}

#[test]
fn the_hints_travel_beside_the_message() {
    let request = AuthnRequest::new().login_hint("ada@contoso.example").domain_hint("contoso.example");
    let started = sp().start_login_with(&request, ReturnTo::default(), NOW, &rng()).expect("a login");
    let Outgoing::Redirect(url) = &started.outgoing else { panic!("a redirect") };
    assert!(url.ends_with("&login_hint=ada%40contoso.example&domain_hint=contoso.example"), "{url}");
    let (_, received) = start(&sp(), &AuthnRequest::new());
    for absent in ["NameIDPolicy", "RequestedAuthnContext", "Index", "Subject", "ForceAuthn"] {
        assert!(!received.xml.contains(absent), "{absent} is not for Entra by default");
    }
}

// ---- through the routes ----

fn routes() -> Routes {
    Routes::new(sp(), CookieKey::new([7; 32]), MemoryReplayCache::default())
}

fn header<'a>(response: &'a HttpResponse, name: &'a str) -> impl Iterator<Item = &'a str> {
    response.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn begin(routes: &Routes, query: Option<&str>) -> (ReceivedRequest, Vec<String>) {
    begun(routes.handle_at(&get("/saml/login", query), NOW, &rng()))
}

fn begun(outcome: Outcome) -> (ReceivedRequest, Vec<String>) {
    let Outcome::Respond(response) = outcome else { panic!("a redirect") };
    assert_eq!(response.status, 303);
    let location = header(&response, "location").next().expect("a location");
    let (_, query) = location.split_once('?').expect("a query");
    let cookies = header(&response, "set-cookie").filter_map(|cookie| cookie.split(';').next());
    let cookies = cookies.map(str::to_owned).collect();
    (ReceivedRequest::from_query(query).expect("a request"), cookies)
}

fn finish(routes: &Routes, cookies: &[String], body: Vec<u8>) -> Outcome {
    routes.handle_at(&post(cookies, body), NOW, &rng())
}

fn signed_in(outcome: Outcome) -> (Box<Login>, HttpResponse) {
    match outcome {
        Outcome::SignedIn(login, response) => (login, response),
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> (&'static str, HttpResponse) {
    match outcome {
        Outcome::Refused(error, response) => (error.code(), response),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_routes_take_a_person_there_and_back() {
    let routes = routes();
    let (received, cookies) = begin(&routes, Some("return_to=%2Freports%3Fyear%3D2027"));
    let (login, response) = signed_in(finish(&routes, &cookies, idp().respond(&received, NOW).form()));
    assert_eq!(login.name_id().value, "ada@contoso.example");
    assert_eq!(header(&response, "location").collect::<Vec<_>>(), ["/reports?year=2027"]);
    assert!(!matches!(routes.handle_at(&get("/other", None), NOW, &rng()), Outcome::Respond(_)));
}

#[test]
fn the_cookie_survives_the_post_from_another_site_and_nothing_else_can_read_it() {
    let Outcome::Respond(response) = routes().handle_at(&get("/saml/login", None), NOW, &rng()) else {
        panic!("a redirect")
    };
    let cookie = header(&response, "set-cookie").next().expect("a cookie");
    assert!(cookie.starts_with("__Host-sso-"), "{cookie}");
    for attribute in ["; Path=/;", "; Secure", "; HttpOnly", "; SameSite=None"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[test]
fn two_tabs_can_sign_in_at_once() {
    let routes = routes();
    let (first, first_cookie) = begin(&routes, Some("return_to=/one"));
    let (second, second_cookie) = begin(&routes, Some("return_to=/two"));
    let both = [first_cookie, second_cookie].concat();
    let answer = |received: &ReceivedRequest, id| idp().respond(received, NOW).id(id).form();
    let (_, response) = signed_in(finish(&routes, &both, answer(&second, "2")));
    assert_eq!(header(&response, "location").next(), Some("/two"));
    let (_, response) = signed_in(finish(&routes, &both, answer(&first, "1")));
    assert_eq!(header(&response, "location").next(), Some("/one"));
}

#[test]
fn back_and_double_click_lead_on_and_sign_nobody_in() {
    let routes = routes();
    let (received, cookies) = begin(&routes, Some("return_to=/one"));
    let form = idp().respond(&received, NOW).form();
    let (_, response) = signed_in(finish(&routes, &cookies, form.clone()));
    // A second click, before the browser has the new cookie.
    let Outcome::AlreadyAnswered(error, again) = finish(&routes, &cookies, form.clone()) else {
        panic!("answered already")
    };
    assert_eq!((error.code(), header(&again, "location").next()), ("saml.replayed", Some("/one")));
    // Back, when it has.
    let spent = header(&response, "set-cookie").filter_map(|cookie| cookie.split(';').next());
    let spent: Vec<String> = spent.map(str::to_owned).collect();
    let Outcome::AlreadyAnswered(error, again) = finish(&routes, &spent, form) else { panic!("answered already") };
    assert_eq!((error.code(), header(&again, "location").next()), ("saml.already_answered", Some("/one")));
}

#[test]
fn a_stranger_with_the_answer_but_without_the_cookie_is_refused() {
    let routes = routes();
    let (received, cookies) = begin(&routes, None);
    let form = idp().respond(&received, NOW).form();
    let (code, response) = refused(finish(&routes, &[], form.clone()));
    assert_eq!((code, response.status), ("saml.no_pending_login", 403));
    assert_eq!(header(&response, "set-cookie").count(), 0, "nobody's cookie is touched");
    // The cookie of another login does not help, even under this one's name.
    let (_, other) = begin(&routes, None);
    let name = |pair: &String| pair.split_once('=').map(|(name, _)| name.to_owned());
    let value = |pair: &String| pair.split_once('=').map(|(_, value)| value.to_owned());
    let first = |list: &[String], part: &dyn Fn(&String) -> Option<String>| list.first().and_then(part);
    let renamed = [format!("{}={}", first(&cookies, &name).expect("a name"), first(&other, &value).expect("a value"))];
    assert_eq!(refused(finish(&routes, &renamed, form.clone())).0, "saml.no_pending_login");
    // And the person is not locked out by any of it.
    signed_in(finish(&routes, &cookies, form));
}

#[test]
fn each_wrong_request_has_its_own_answer() {
    let routes = routes();
    let form = |body: &str| post::<&str>(&[], body.as_bytes().to_vec());
    let with_type = |content_type| Request { content_type, ..form("SAMLResponse=PGEvPg%3D%3D") };
    let cases = [
        (get("/saml/acs", None), "http.acs_opened", 405),
        (get("/saml/acs", Some("SAMLResponse=x")), "saml.binding_not_allowed", 400),
        (Request { method: "PUT", ..get("/saml/acs", None) }, "http.method", 405),
        (Request { method: "POST", ..get("/saml/login", None) }, "http.method", 405),
        (Request { method: "DELETE", ..get("/saml/metadata", None) }, "http.method", 405),
        (get("/saml/login", Some("return_to=//evil.example")), "http.parameter", 400),
        (get("/saml/login", Some("return_to=https://evil.example")), "http.parameter", 400),
        (get("/saml/login", Some("return_to=/a&return_to=/b")), "http.parameter", 400),
        (get("/saml/login", Some("return_to=%zz")), "http.parameter", 400),
        (with_type(None), "http.content_type", 415),
        (with_type(Some("text/plain")), "http.content_type", 415),
        (with_type(Some("multipart/form-data; boundary=x")), "http.content_type", 415),
        (form(""), "saml.form_field_missing", 400),
        (form("SAMLResponse=PGEvPg%3D%3D"), "saml.no_pending_login", 403),
        (form(&"x".repeat(Routes::BODY_LIMIT + 1)), "saml.message_too_large", 413),
    ];
    for (request, code, status) in cases {
        let (found, response) = refused(routes.handle_at(&request, NOW, &rng()));
        assert_eq!((found, response.status), (code, status), "{} {}", request.method, request.path);
        let page = String::from_utf8(response.body).expect("text");
        assert!(page.contains("/saml/login") && !page.contains("saml:") && !page.contains("Error"), "{page}");
    }
}

#[test]
fn a_browser_keeps_five_logins_and_no_more() {
    let routes = routes();
    let mut jar: Vec<String> = Vec::new();
    for number in 0..8 {
        let now = NOW.plus(Duration::from_secs(number));
        let request = Request { cookie: jar.clone(), ..get("/saml/login", None) };
        let Outcome::Respond(response) = routes.handle_at(&request, now, &rng()) else { panic!("a redirect") };
        for cookie in header(&response, "set-cookie") {
            let pair = cookie.split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            jar.retain(|known| !known.starts_with(name));
            if !value.is_empty() {
                jar.push(pair.to_owned());
            }
        }
        assert!(jar.len() <= 5);
    }
    assert_eq!(jar.len(), 5);
}

#[test]
fn metadata_is_served_and_names_our_addresses() {
    let Outcome::Respond(response) = routes().handle_at(&get("/saml/metadata", None), NOW, &rng()) else {
        panic!("metadata")
    };
    assert_eq!(header(&response, "content-type").next(), Some("application/samlmetadata+xml"));
    let metadata = String::from_utf8(response.body).expect("text");
    assert!(metadata.contains("entityID=\"https://app.example/saml/metadata\""));
    assert!(metadata.contains("Location=\"https://app.example/saml/acs\""));
    assert!(!metadata.contains("validUntil"));
}

#[test]
fn a_form_that_was_decoded_by_a_framework_is_judged_the_same() {
    let sp = sp();
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let fields = idp().respond(&received, NOW).fields();
    let field = |wanted| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let posted = PostedResponse::from_fields(field("SAMLResponse").expect("a field"), field("RelayState"));
    assert!(sp.judge_login(pending, &posted.expect("a form"), NOW).is_ok());
}

#[test]
fn a_pending_login_ends_at_its_last_millisecond() {
    let sp = sp();
    let asked = || {
        let (pending, received) = start(&sp, &AuthnRequest::new());
        assert_eq!(pending.expires(), NOW.plus(minutes(30)));
        let late = NOW.plus(minutes(60));
        let answer = idp().respond(&received, NOW).conditions(None, Some(late)).confirmed_until(Some(late));
        (pending, answer.posted())
    };
    let end = NOW.plus(minutes(30));
    let (pending, posted) = asked();
    assert!(sp.judge_login(pending, &posted, end.minus(Duration::from_millis(1))).is_ok());
    let (pending, posted) = asked();
    assert_eq!(
        sp.judge_login(pending, &posted, end).map(drop).map_err(|e| e.code()),
        Err("saml.pending_login_expired")
    );
}

#[test]
fn cookies_say_how_long_they_live_and_for_whom() {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    let attributes = |cookie: &str| {
        let (pair, rest) = cookie.split_once("; ").expect("attributes");
        (pair.split_once('=').expect("a name").0.to_owned(), rest.to_owned())
    };
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let name = format!("__Host-sso-{}", pending.relay_state());
    let rest = |seconds: u64| format!("Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None");
    let cookie = pending.into_cookie(&key, &rng()).expect("a cookie");
    assert_eq!(format!("{cookie:?}"), format!("SetCookie({name}=[redacted])"));
    assert_eq!(format!("{key:?}"), "CookieKey([redacted])");
    assert_eq!(attributes(cookie.as_ref()), (name.clone(), rest(1800)));
    let posted = idp().respond(&received, NOW).posted();
    let pair = cookie.as_ref().split(';').next().expect("a pair").to_owned();
    let pending = PendingLogin::from_cookies(&pair, posted.relay_state(), &key, NOW).expect("ours");
    let unclaimed = sp.judge_login(pending, &posted, NOW).expect("an answer");
    let printed = format!("{unclaimed:?}");
    assert!(printed.starts_with("UnclaimedLogin { key: ReplayKey") && printed.contains("expires"), "{printed}");
    let login = unclaimed.settle(Ok(())).expect("a login");
    let spent = login.spent_cookie(&key, &rng()).expect("randomness").expect("a cookie").into_string();
    assert_eq!(attributes(&spent), (name, rest(600)));
    let again = PendingLogin::from_cookies(spent.split(';').next().expect("a pair"), posted.relay_state(), &key, NOW);
    assert_eq!(again.map(drop).map_err(|error| error.code()), Err("saml.already_answered"));
}

#[test]
fn what_a_browser_sends_back_of_a_login_is_shorter_than_a_kilobyte() {
    let key = CookieKey::new([7; 32]);
    let mut lengths = Vec::new();
    for length in 1..=512 {
        let path: ReturnTo = format!("/{}", "x".repeat(length - 1)).parse().expect("a path");
        let contexts = ["c".repeat(320)];
        let request = AuthnRequest::new().requested_authn_context(Comparison::Exact, contexts);
        let started = sp().start_login_with(&request, path, NOW, &rng()).expect("a login");
        match started.pending.into_cookie(&key, &rng()) {
            Ok(cookie) => lengths.push(cookie.as_ref().split(';').next().map_or(0, str::len)),
            Err(error) => {
                assert_eq!(error.code(), "config.state_too_large");
                break;
            }
        }
    }
    // A name of 33, `=`, and base64, which does not have every length: the next one would be 1024.
    assert_eq!(lengths.last(), Some(&1022));
}

#[test]
fn a_sealed_login_still_knows_whether_the_person_was_to_authenticate_anew() {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    let verdict = |request: &AuthnRequest, authenticated: UnixTime| {
        let (pending, received) = start(&sp, request);
        let posted = idp().respond(&received, NOW).authn_instant(authenticated).posted();
        let cookie = pending.into_cookie(&key, &rng()).expect("a cookie").into_string();
        let pair = cookie.split(';').next().expect("a pair");
        let pending = PendingLogin::from_cookies(pair, posted.relay_state(), &key, NOW).expect("ours");
        sp.judge_login(pending, &posted, NOW).map(drop).map_err(|error| error.code())
    };
    let (anew, long_ago) = (AuthnRequest::new().force_authn(), NOW.minus(minutes(600)));
    assert_eq!(verdict(&AuthnRequest::new(), long_ago), Ok(()));
    assert_eq!(verdict(&anew, long_ago), Err("saml.authentication_too_old"));
    // What the clocks may differ by counts to the last millisecond.
    let edge = NOW.minus(minutes(3));
    assert_eq!(verdict(&anew, edge), Ok(()));
    assert_eq!(verdict(&anew, edge.minus(Duration::from_millis(1))), Err("saml.authentication_too_old"));
}

#[test]
fn of_confirmations_that_fail_alike_the_first_says_why() {
    let confirmed = |first: &str, second: &str| {
        judge(|answer| {
            let xml = answer.xml();
            let start = xml.find("<SubjectConfirmation ").expect("one");
            let end = xml.find("</SubjectConfirmation>").expect("its end") + "</SubjectConfirmation>".len();
            let bearer = xml[start..end].to_owned();
            let until = bearer.split("NotOnOrAfter=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an end");
            let recipient = "Recipient=\"https://app.example/saml/acs\"";
            let with = |change: &str| match change {
                "expired" => bearer.replace(until, "2020-01-01T00:00:00Z"),
                _ => bearer.replace(recipient, "Recipient=\"https://other.example/\""),
            };
            answer.replace_before_signing(&bearer, &(with(first) + &with(second)))
        })
        .map(drop)
    };
    assert_eq!(confirmed("expired", "elsewhere"), Err("saml.expired"));
    assert_eq!(confirmed("elsewhere", "expired"), Err("saml.expired"), "the one that got furthest");
    let sp = sp();
    let (pending, received) = start(&sp, &AuthnRequest::new());
    let answer = idp().respond(&received, NOW);
    let xml = answer.xml();
    let start = xml.find("<SubjectConfirmation ").expect("one");
    let end = xml.find("</SubjectConfirmation>").expect("its end") + "</SubjectConfirmation>".len();
    let bearer = xml[start..end].to_owned();
    let to = |host: &str| bearer.replace("https://app.example/saml/acs", &format!("https://{host}.example/"));
    let posted = answer.replace_before_signing(&bearer, &(to("first") + &to("second"))).posted();
    let error = sp.judge_login(pending, &posted, NOW).expect_err("refused");
    assert_eq!(error.code(), "saml.recipient_mismatch");
    assert!(error.to_string().contains("first.example"), "{error}");
}

#[test]
fn the_oldest_of_many_logins_is_the_one_that_goes() {
    let routes = Routes::new(sp(), CookieKey::new([7; 32]), MemoryReplayCache::default());
    let begin = |minute: u64, cookies: &[String]| {
        let request = Request { cookie: cookies.to_vec(), ..get("/saml/login", None) };
        let outcome = routes.handle_at(&request, NOW.plus(minutes(minute)), &rng());
        let Outcome::Respond(response) = outcome else { panic!("a redirect") };
        let set: Vec<String> = header(&response, "set-cookie").map(str::to_owned).collect();
        set
    };
    let pair = |cookie: &str| cookie.split(';').next().expect("a pair").to_owned();
    // In an order that is neither that of time nor its reverse.
    let all: Vec<String> = [3, 1, 4, 0, 2].map(|minute| pair(&begin(minute, &[])[0])).to_vec();
    let set = begin(5, &all);
    let removed: Vec<&String> = set.iter().filter(|cookie| cookie.contains("Max-Age=0")).collect();
    let oldest = all[3].split('=').next().expect("a name");
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert!(removed[0].starts_with(oldest), "{removed:?}");
}

#[test]
fn what_was_signed_may_be_four_times_as_long_as_the_message() {
    // In canonical form each of these has four bytes (Canonical XML 1.0 section 2.3).
    let long = format!("<AttributeValue>Ada{}<", ">".repeat(100_000));
    let verdict = judge(|answer| answer.replace_before_signing("<AttributeValue>Ada<", &long));
    assert_eq!(verdict.map(|_| ()), Ok(()));
}

fn describe(name: &str, inside: &str) -> String {
    format!(
        "<{name} entityID='urn:idp' xmlns='urn:oasis:names:tc:SAML:2.0:metadata' \
         xmlns:ds='http://www.w3.org/2000/09/xmldsig#'>{inside}</{name}>"
    )
}

fn role(keys: &[&str]) -> String {
    let key = |text: &&str| {
        format!(
            "<KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{text}</ds:X509Certificate></ds:X509Data>\
             </ds:KeyInfo></KeyDescriptor>"
        )
    };
    format!(
        "<IDPSSODescriptor protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>{}\
         <SingleSignOnService Binding='urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect' \
         Location='https://idp.example/'/></IDPSSODescriptor>",
        keys.iter().map(key).collect::<String>()
    )
}

fn import(metadata: &str) -> Result<IdentityProvider, MetadataError> {
    IdentityProvider::from_metadata(metadata.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW)
}

#[test]
fn an_entity_of_another_namespace_is_no_metadata() {
    let foreign = describe("EntityDescriptor", &role(&[])).replace("SAML:2.0:metadata", "SAML:2.0:data");
    assert_eq!(import(&foreign).map_err(|error| error.code()).map(|_| ()), Err("saml.metadata_unexpected_document"));
}

#[test]
fn of_several_providers_none_is_taken_and_their_number_is_told() {
    let key = TestKey::Idp.certificate();
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.der());
    let entity = describe("EntityDescriptor", &role(&[&key]));
    let three = describe("EntitiesDescriptor", &entity.repeat(3)).replacen(" entityID='urn:idp'", "", 1);
    let error = import(&three).expect_err("several");
    assert!(matches!(error, MetadataError::SeveralEntities(3)), "{error}");
}

#[test]
fn a_provider_has_32_keys_at_most_and_the_same_one_counts_once() {
    let key = TestKey::Idp.certificate();
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.der());
    let with = |good: usize, broken: usize| {
        let keys = [vec!["AAAA"; broken], vec![key.as_str(); good]].concat();
        import(&describe("EntityDescriptor", &role(&keys))).map_err(|error| error.code())
    };
    assert!(with(40, 0).is_ok());
    assert!(with(1, 31).is_ok());
    assert_eq!(with(1, 32).map(|_| ()), Err("saml.xml_too_large"));
}

#[test]
fn an_answer_that_nobody_asked_for_can_begin_a_login_of_our_own() {
    let key = || CookieKey::new([7; 32]);
    let routes = Routes::new(sp().with_unsolicited(Unsolicited::Restart), key(), MemoryReplayCache::default());
    let answer = || idp().unsolicited("https://app.example/saml/acs", "https://app.example/saml/metadata", NOW);
    let send = |answer: TestResponse| finish(&routes, &[], answer.form());
    let (received, cookies) = begun(send(answer().relay_state(Some("/tile"))));
    let (login, _) = signed_in(finish(&routes, &cookies, idp().respond(&received, NOW).form()));
    assert_eq!(login.return_to().as_ref(), "/tile");
    assert!(login.in_response_to().is_some());
    // What is not genuine begins nothing, and neither does the answer to somebody else's request.
    assert_eq!(refused(send(answer().key(TestKey::Other))).0, "saml.unknown_signing_key");
    assert_eq!(refused(send(answer().in_response_to(Some("_x")))).0, "saml.in_response_to_mismatch");
    assert_eq!(refused(send(answer().conditions(None, Some(NOW.minus(minutes(10)))))).0, "saml.expired");
    // Not by the calls that sign somebody in, nor where it was not asked for.
    let restarting = sp().with_unsolicited(Unsolicited::Restart);
    let code = |verdict: Result<(), Error>| verdict.map_err(|error| error.code());
    assert_eq!(code(restarting.finish_unsolicited(&answer().posted(), NOW).map(|_| ())), Err("saml.unsolicited"));
    assert_eq!(code(sp().restart_unsolicited(&answer().posted(), NOW).map(|_| ())), Err("saml.unsolicited"));
}
