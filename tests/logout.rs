//! Single logout, begun by us and by the identity provider: through the public API and through the routes.

#![expect(clippy::unwrap_in_result, clippy::indexing_slicing, reason = "texts and headers of a known shape")]

use std::sync::Arc;
use std::time::Duration;

use entra_sso::entra::Cloud;
use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::saml::{Extent, LogoutMessage, NameId, Outgoing};
use entra_sso::sp::{
    LogoutHandle, LogoutReply, LogoutRequest, LogoutStyle, PendingLogout, Service, StartedLogout, Unsolicited,
};
use entra_sso::tenants::{Addresses, ConnectionState, Settings, Tenants, Trust};
use entra_sso::testing::{ReceivedLogout, TestIdp, TestKey, TestLogout};
use entra_sso::{
    CookieKey, Error, IdentityProvider, MemoryReplayCache, MetadataTrust, ReturnTo, ServiceProvider, SystemRandom,
    TenantId, UnixTime,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const SLO: &str = "https://app.example/saml/slo";

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn idp() -> TestIdp {
    TestIdp::new()
}

fn service() -> Service {
    let key = TestKey::ServiceProvider;
    Service::new().with_signing_key(key.signing_key(), key.certificate()).expect("a pair")
}

/// At Entra ID.
fn sp() -> ServiceProvider {
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, idp().identity_provider(NOW).expect("metadata"))
}

/// At somebody who does it by the standard, and has an endpoint for answers too.
fn standard() -> ServiceProvider {
    sp().with_service(service()).with_logout_style(LogoutStyle::Saml)
}

fn login(sp: &ServiceProvider) -> LogoutHandle {
    let started = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let posted = idp().answer(&started.outgoing, NOW).expect("a request").posted();
    let login = sp.finish_login(started.pending, &posted, NOW, &MemoryReplayCache::default()).expect("a login");
    login.logout_handle()
}

fn subject(sp: &ServiceProvider) -> entra_sso::sp::Subject {
    let started = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let posted = idp().answer(&started.outgoing, NOW).expect("a request").posted();
    sp.finish_login(started.pending, &posted, NOW, &MemoryReplayCache::default()).expect("a login").subject()
}

fn begin(sp: &ServiceProvider) -> StartedLogout {
    sp.start_logout(&login(sp), "/bye".parse().expect("a path"), NOW, &rng()).expect("a logout")
}

/// Begins a logout, has the answer made different, and judges it.
fn answered(change: impl FnOnce(TestLogout) -> TestLogout) -> Result<Extent, &'static str> {
    let (sp, slo) = (standard(), SLO.parse().expect("a URL"));
    let started = begin(&sp);
    let answer = change(idp().logout_response(&started.outgoing, &slo, NOW).expect("an answer"));
    let done = sp.finish_logout(started.pending, &answer.message(), NOW).map_err(with_hint)?;
    assert_eq!(done.return_to().as_ref(), "/bye");
    Ok(done.extent())
}

fn asked(change: impl FnOnce(TestLogout) -> TestLogout) -> Result<LogoutRequest, &'static str> {
    let (sp, slo) = (standard(), SLO.parse().expect("a URL"));
    let request = change(idp().logout_request(&login(&sp), &slo, NOW));
    sp.finish_logout_request(&request.message(), NOW, &MemoryReplayCache::default()).map_err(with_hint)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn with_hint(error: Error) -> &'static str {
    assert!(error.hint().is_some(), "{error}");
    error.code()
}

#[test]
fn a_handle_can_be_kept_and_read_again_and_shows_no_name() {
    let handle = login(&sp());
    let kept = serde_json::to_string(&handle).expect("JSON");
    assert_eq!(serde_json::from_str::<LogoutHandle>(&kept).expect("a handle"), handle);
    assert!(kept.contains("ada@contoso.example") && !format!("{handle:?}").contains("ada"), "{handle:?}");
    assert!(format!("{handle:?}").contains(idp().entity_id()), "{handle:?}");
    assert_eq!(handle.session_indexes().len(), 1);
    assert_eq!(handle.issuer().as_ref(), idp().entity_id());
    let newer = kept.replacen('{', "{\"from_a_newer_release\":1,", 1);
    assert_eq!(serde_json::from_str::<LogoutHandle>(&newer).expect("a handle"), handle, "after a roll-back");
}

#[test]
fn entra_is_asked_by_redirect_with_the_name_and_the_session_of_the_login() {
    let started = begin(&sp());
    let sent = ReceivedLogout::from_outgoing(&started.outgoing).expect("a message");
    let handle = login(&sp());
    assert_eq!(sent.kind, "LogoutRequest");
    assert!(sent.id.starts_with('_') && sent.id == started.pending.request_id().as_ref());
    assert_eq!(sent.issuer, "https://app.example/saml/metadata");
    assert!(sent.destination.ends_with("/saml2"), "{}", sent.destination);
    let (name, format) = sent.name_id.expect("a name");
    assert_eq!((name.as_str(), format.as_deref()), ("ada@contoso.example", Some(EMAIL)));
    assert_eq!(sent.session_indexes, handle.session_indexes());
    assert!(sent.xml.contains("NotOnOrAfter=\"2027-01-15T08:05:00Z\""), "{}", sent.xml);
    assert!(!sent.is_signed, "Entra may not know the key");
    assert!(matches!(started.outgoing, Outgoing::Redirect(_)));
}

const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

#[test]
fn entra_is_asked_with_a_signature_where_requests_are_signed() {
    let started = begin(&sp().with_service(service()).signing_requests());
    assert!(ReceivedLogout::from_outgoing(&started.outgoing).expect("a message").is_signed);
}

#[test]
fn others_are_asked_with_a_signature_or_not_at_all() {
    assert!(ReceivedLogout::from_outgoing(&begin(&standard()).outgoing).expect("a message").is_signed);
    let keyless = sp().with_logout_style(LogoutStyle::Saml);
    let started = keyless.start_logout(&login(&keyless), ReturnTo::default(), NOW, &rng());
    assert_eq!(started.expect_err("no key").code(), "config.no_signing_key");
}

#[test]
fn what_we_sign_in_a_query_is_what_we_send() {
    let Outgoing::Redirect(url) = begin(&standard()).outgoing else { panic!("not by Redirect") };
    let query = url.split_once('?').expect("a query").1;
    // What we send as a service provider, another judge of ours takes for an identity provider's.
    let theirs = TestIdp::new().signing_with(TestKey::ServiceProvider).publishing(&[TestKey::ServiceProvider]);
    let judge = ServiceProvider::at(
        &"https://app.example/saml".parse().expect("a URL"),
        theirs.identity_provider(NOW).expect("metadata"),
    );
    let verdict = |query: &str| {
        let message = LogoutMessage::from_query(query).expect("a message");
        judge.judge_logout_request(&message, NOW).expect_err("it goes to somebody else").code()
    };
    assert_eq!(verdict(query), "saml.logout_destination_mismatch", "the signature is good");
    assert_eq!(verdict(&query.replacen("RelayState=", "RelayState=a", 1)), "saml.unknown_signing_key");
}

#[test]
fn by_post_the_signature_stands_in_the_message() {
    let metadata = idp().metadata();
    let slo = "<SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\"";
    let other = "<SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" ResponseLocation=\"https://idp.example/done\"";
    let posted = metadata.replacen(slo, other, 1);
    assert_ne!(metadata, posted);
    let idp = IdentityProvider::from_metadata(posted.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW);
    let base = "https://app.example/saml".parse().expect("a URL");
    let sp = ServiceProvider::at(&base, idp.expect("metadata")).with_service(service());
    let sp = sp.with_logout_style(LogoutStyle::Saml);
    let Outgoing::Post(form) = begin(&sp).outgoing else { panic!("not by POST") };
    assert!(form.content_security_policy().contains("frame-ancestors"));
    let sent = ReceivedLogout::from_outgoing(&Outgoing::Post(form)).expect("a message");
    assert!(sent.is_signed && sent.xml.contains("<ds:Signature"), "{}", sent.xml);

    let request = TestIdp::new().logout_request(&login(&sp), &SLO.parse().expect("a URL"), NOW);
    let message = LogoutMessage::from_form(&request.relay_state(Some("theirs")).form()).expect("a form");
    let request = sp.finish_logout_request(&message, NOW, &MemoryReplayCache::default()).expect("a request");
    let reply = sp.answer_logout(&request, false, NOW, &rng()).expect("an answer");
    let LogoutReply::Message(Outgoing::Post(form)) = reply else { panic!("{reply:?}") };
    assert!(!form.content_security_policy().contains("frame-ancestors"), "it may come into a frame");
    let sent = ReceivedLogout::from_outgoing(&Outgoing::Post(form)).expect("a message");
    assert_eq!(sent.destination, "https://idp.example/done");
    assert_eq!(sent.in_response_to.as_deref(), Some(request.id().as_ref()));
    assert_eq!(sent.status.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:status:Responder"));
    assert_eq!(sent.relay_state.as_deref(), Some("theirs"));
}

#[test]
fn an_answer_is_accepted_and_says_how_far_it_went() {
    assert_eq!(answered(|answer| answer), Ok(Extent::Everywhere));
    assert_eq!(answered(TestLogout::upper_case), Ok(Extent::Everywhere));
    assert_eq!(answered(|answer| answer.status("Success", Some("PartialLogout"))), Ok(Extent::Partly));
    assert_eq!(answered(|answer| answer.status("Responder", Some("PartialLogout"))), Ok(Extent::Partly));
    assert_eq!(answered(|answer| answer.status("PartialLogout", None)), Ok(Extent::Partly));
    assert_eq!(answered(|answer| answer.status("Responder", None)), Err("saml.logout_refused"));
    assert_eq!(answered(|answer| answer.status("Success", Some("AuthnFailed"))), Err("saml.logout_refused"));
    assert_eq!(answered(|answer| answer.relay_state(None)), Ok(Extent::Everywhere), "not all send it back");
}

#[test]
fn an_answer_to_something_else_is_refused() {
    assert_eq!(answered(|answer| answer.in_response_to(Some("_other"))), Err("saml.in_response_to_mismatch"));
    assert_eq!(answered(|answer| answer.in_response_to(None)), Err("saml.in_response_to_mismatch"));
    assert_eq!(answered(|answer| answer.issuer("https://idp.example/")), Err("saml.issuer_mismatch"));
    let elsewhere = Some("https://app.example/saml/acs");
    assert_eq!(answered(|answer| answer.destination(elsewhere)), Err("saml.logout_destination_mismatch"));
    assert_eq!(answered(|answer| answer.destination(None)), Err("saml.logout_destination_mismatch"));
    assert_eq!(answered(|answer| answer.key(None)), Err("saml.signature_missing"));
    assert_eq!(answered(|answer| answer.key(Some(TestKey::Other))), Err("saml.unknown_signing_key"));
}

#[test]
fn an_answer_comes_in_time_and_under_the_same_settings() {
    let (sp, slo) = (standard(), SLO.parse().expect("a URL"));
    let answer = |started: &StartedLogout| idp().logout_response(&started.outgoing, &slo, NOW).expect("an answer");
    let started = begin(&sp);
    let message = answer(&started).message();
    let late = sp.finish_logout(started.pending, &message, NOW.plus(minutes(30))).expect_err("late");
    assert_eq!(late.code(), "saml.pending_login_expired");

    let started = begin(&sp);
    let message = answer(&started).message();
    let other = ServiceProvider::at(
        &"https://other.example/saml".parse().expect("a URL"),
        idp().identity_provider(NOW).expect("metadata"),
    );
    assert_eq!(other.finish_logout(started.pending, &message, NOW).expect_err("other").code(), "saml.other_provider");
    let started = other.start_logout(&login(&sp), ReturnTo::default(), NOW, &rng());
    assert!(started.is_ok(), "the person is the identity provider's, whatever we are called");
}

#[test]
fn a_request_of_entra_ends_the_session_that_it_names_whatever_the_person_is_called() {
    let (sp, slo) = (sp(), SLO.parse().expect("a URL"));
    let handle = login(&sp);
    let request = idp().logout_request(&handle, &slo, NOW).message();
    let request = sp.finish_logout_request(&request, NOW, &MemoryReplayCache::default()).expect("a request");
    assert_eq!(request.name_id().value, "pairwise-name");
    assert!(request.ends(&handle) && request.ends_in_this_browser(&handle));

    let unnamed = idp().logout_request(&handle, &slo, NOW).session_indexes(&[]).id("_2").message();
    let unnamed = sp.finish_logout_request(&unnamed, NOW, &MemoryReplayCache::default()).expect("a request");
    assert!(!unnamed.ends(&handle), "nobody knows whose");
    assert!(unnamed.ends_in_this_browser(&handle), "this browser's");
    let reply = sp.clone().with_service(service()).answer_logout(&unnamed, true, NOW, &rng()).expect("an answer");
    assert!(matches!(reply, LogoutReply::EmptyPage), "Entra takes no message back");
}

#[test]
fn entra_may_leave_out_where_its_message_goes_but_not_say_another_place() {
    let (sp, slo) = (sp(), SLO.parse().expect("a URL"));
    let handle = login(&sp);
    let judge = |destination| {
        let request = idp().logout_request(&handle, &slo, NOW).destination(destination).message();
        sp.judge_logout_request(&request, NOW).map(|_| ()).map_err(with_hint)
    };
    assert_eq!(judge(None), Ok(()));
    assert_eq!(judge(Some("https://other.example/saml/slo")), Err("saml.logout_destination_mismatch"));
    assert_eq!(asked(|request| request.destination(None)).expect_err("none"), "saml.logout_destination_mismatch");
}

#[test]
fn by_the_standard_a_request_ends_the_sessions_of_the_person_that_it_names() {
    let sp = standard();
    let handle = login(&sp);
    let ada = || NameId::new("ada@contoso.example", Some(EMAIL));
    let ends = |request: LogoutRequest| (request.ends(&handle), request.ends_in_this_browser(&handle));
    assert_eq!(ends(asked(|request| request).expect("a request")), (false, false), "another name");
    let elsewhere = |request: TestLogout| request.name_id(ada()).session_indexes(&["_other"]);
    assert_eq!(ends(asked(elsewhere).expect("a request")), (false, false), "another session");
    let same = |request: TestLogout| request.name_id(ada()).session_indexes(&[&handle.session_indexes()[0]]);
    assert_eq!(ends(asked(same).expect("a request")), (true, true));
    assert_eq!(asked(same).expect("a request").subject(), subject(&sp), "sessions can be found by it");
    let all = |request: TestLogout| request.name_id(ada()).session_indexes(&[]);
    assert_eq!(ends(asked(all).expect("a request")), (true, true), "all of them");
    let xml = idp().logout_request(&handle, &SLO.parse().expect("a URL"), NOW);
    let mut qualified = ada();
    qualified.sp_name_qualifier = Some("https://app.example/saml/metadata".to_owned());
    assert!(xml.name_id(qualified.clone()).xml().contains(" SPNameQualifier="), "the test kit writes what it is told");
    let qualified = |request: TestLogout| request.name_id(qualified.clone()).session_indexes(&[]);
    assert_eq!(ends(asked(qualified).expect("a request")), (true, true), "they may add qualifiers");
    let unspecified = |request: TestLogout| request.name_id(NameId::new("ada@contoso.example", None));
    assert_eq!(ends(asked(unspecified).expect("a request")), (false, false), "another kind of name");
}

#[test]
fn a_request_is_good_for_a_while_and_once() {
    let (sp, slo, cache) = (standard(), SLO.parse().expect("a URL"), MemoryReplayCache::default());
    let handle = login(&sp);
    let request = || idp().logout_request(&handle, &slo, NOW);
    let judge = |request: TestLogout, now| {
        sp.finish_logout_request(&request.message(), now, &cache).map(|_| ()).map_err(with_hint)
    };
    assert_eq!(judge(request(), NOW.plus(minutes(14))), Err("saml.expired"));
    assert_eq!(judge(request(), NOW.minus(minutes(4))), Err("saml.not_yet_valid"));
    assert_eq!(judge(request().not_on_or_after(Some(NOW)), NOW.plus(minutes(4))), Err("saml.expired"));
    let forever = || request().not_on_or_after(Some(NOW.plus(minutes(60 * 24 * 365))));
    assert_eq!(judge(forever(), NOW.plus(minutes(60 * 25))), Err("saml.expired"));
    let ahead = || forever().issue_instant(NOW.plus(minutes(4)));
    assert_eq!(judge(ahead(), NOW), Err("saml.not_yet_valid"), "or it would be remembered for a year");
    assert_eq!(judge(request(), NOW), Ok(()));
    assert_eq!(judge(request().relay_state(Some("other")), NOW), Err("saml.replayed"));
    assert_eq!(judge(request().id("_other"), NOW), Ok(()));
}

#[test]
fn a_handle_of_somebody_else_is_not_used() {
    let theirs = TestIdp::of_tenant("11111111-2222-4333-8444-555555555555");
    let base = "https://app.example/saml".parse().expect("a URL");
    let other = ServiceProvider::at(&base, theirs.identity_provider(NOW).expect("metadata"));
    let handle = login(&sp());
    let refused = other.start_logout(&handle, ReturnTo::default(), NOW, &rng()).expect_err("not its person");
    assert_eq!(refused.code(), "saml.other_provider");

    let request = asked(|request| request.session_indexes(&[&handle.session_indexes()[0]])).expect("a request");
    let refused =
        other.with_service(service()).answer_logout(&request, true, NOW, &rng()).expect_err("not its request");
    assert_eq!(refused.code(), "saml.other_provider");
}

#[test]
fn entra_is_known_by_its_name() {
    let cloud = |issuer: &str| Cloud::of_issuer(&issuer.parse().expect("a name"));
    let tenant = "7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c";
    assert_eq!(cloud(&format!("https://sts.windows.net/{tenant}/")), Some(Cloud::Global));
    assert_eq!(cloud(&format!("https://sts.windows.net/{tenant}/{tenant}")), Some(Cloud::Global));
    assert_eq!(cloud(&format!("https://sts.chinacloudapi.cn/{tenant}/")), Some(Cloud::China));
    for other in
        ["https://sts.windows.net/", "https://sts.windows.net.evil.example/7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c/"]
    {
        assert_eq!(cloud(other), None, "{other}");
    }
}

#[test]
fn the_metadata_names_the_single_logout_service_unless_there_is_none() {
    let metadata = sp().metadata().expect("metadata");
    for binding in ["HTTP-Redirect", "HTTP-POST"] {
        let service = format!(
            "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" Location=\"{SLO}\"/>"
        );
        assert!(metadata.contains(&service), "{metadata}");
    }
    assert!(!sp().without_single_logout().metadata().expect("metadata").contains("SingleLogout"));
    let elsewhere = "https://app.example/out".parse().expect("a URL");
    assert!(
        sp().with_single_logout_service(elsewhere).metadata().expect("metadata").contains("https://app.example/out\"")
    );
}

// ---- routes ----

fn routes(sp: ServiceProvider) -> Routes {
    Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::default())
}

fn header<'r>(response: &'r HttpResponse, wanted: &str) -> Vec<&'r str> {
    let found = response.headers.iter().filter(|(name, _)| *name == wanted);
    found.map(|(_, value)| value.as_str()).collect()
}

fn cookie_pair(set_cookie: &str) -> String {
    set_cookie.split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn somebody_signs_out_here_and_there() {
    let routes = routes(standard());
    let handle = login(&standard());
    let wanted = routes.handle_at(&get("/saml/logout", Some("return_to=/bye")), NOW, &rng());
    let Outcome::LogoutWanted(return_to) = wanted else { panic!("{wanted:?}") };
    let request = get("/saml/logout", None);
    let Outcome::Respond(sent) = routes.sign_out(&request, Some(&handle), return_to, NOW, &rng()) else { panic!() };
    assert_eq!(sent.status, 303);
    let location = header(&sent, "location")[0].to_owned();
    let cookie = cookie_pair(header(&sent, "set-cookie")[0]);

    let outgoing = Outgoing::Redirect(location);
    let answer = idp().logout_response(&outgoing, &SLO.parse().expect("a URL"), NOW).expect("an answer");
    let back = Request { cookie: vec![cookie.clone()], ..get("/saml/slo", Some(&answer.query())) };
    let outcome = routes.handle_at(&back, NOW, &rng());
    let Outcome::SignedOut(done, response) = outcome else { panic!("{outcome:?}") };
    assert_eq!(done.extent(), Extent::Everywhere);
    assert_eq!((response.status, header(&response, "location")), (303, vec!["/bye"]));
    let removed = header(&response, "set-cookie")[0];
    assert!(removed.starts_with(&format!("{}=;", cookie.split('=').next().unwrap_or_default())), "{removed}");
    assert!(removed.contains("Max-Age=0"));

    // By POST, and without the relay state, which not all send back.
    let form = answer.relay_state(None).form();
    let mut posted = post(&[cookie], form);
    posted.path = "/saml/slo";
    assert!(matches!(routes.handle_at(&posted, NOW, &rng()), Outcome::SignedOut(..)));
    posted.cookie.clear();
    assert_eq!(refused(routes.handle_at(&posted, NOW, &rng())), (403, "saml.no_pending_logout"));
}

fn refused(outcome: Outcome) -> (u16, &'static str) {
    let Outcome::Refused(error, response) = outcome else { panic!("{outcome:?}") };
    let page = String::from_utf8(response.body).expect("text");
    assert!(!page.contains(error.code()), "{page}");
    (response.status, with_hint(error))
}

#[test]
fn the_cookie_of_a_logout_opens_no_login_and_the_other_way_round() {
    let (sp, key) = (standard(), CookieKey::new([7; 32]));
    let started = begin(&sp);
    let answer = idp().logout_response(&started.outgoing, &SLO.parse().expect("a URL"), NOW).expect("an answer");
    let relay_state = answer.message();
    let cookie = started.pending.into_cookie(&key, &rng()).expect("a cookie");
    let cookie = cookie_pair(cookie.as_ref());
    let name = cookie.split('=').next().and_then(|name| name.strip_prefix("__Host-sso-")).expect("a name");
    let relay = name.parse().expect("a relay state");
    let opened = entra_sso::PendingLogin::from_cookies(&cookie, Some(&relay), &key, NOW);
    assert_eq!(opened.expect_err("a logout").code(), "saml.no_pending_login");
    assert!(PendingLogout::from_cookies(&cookie, &relay_state, &key).is_ok());

    let login = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let id = login.pending.request_id().to_string();
    let cookie = login.pending.into_cookie(&key, &rng()).expect("a cookie");
    let message = idp().logout_response(&begin(&sp).outgoing, &SLO.parse().expect("a URL"), NOW).expect("an answer");
    let message = message.in_response_to(Some(&id)).message();
    let opened = PendingLogout::from_cookies(&cookie_pair(cookie.as_ref()), &message, &key);
    assert_eq!(opened.expect_err("a login").code(), "saml.no_pending_logout");
}

#[test]
fn another_site_signs_nobody_out() {
    let routes = routes(standard());
    for (site, ours) in
        [("same-origin", true), ("same-site", true), ("none", true), ("cross-site", false), ("odd", false)]
    {
        let request = Request { fetch_site: Some(site), ..get("/saml/logout", None) };
        match routes.handle_at(&request, NOW, &rng()) {
            Outcome::LogoutWanted(_) => assert!(ours, "{site}"),
            outcome => assert!(!ours && refused(outcome) == (400, "http.cross_site"), "{site}"),
        }
    }
    let ours = get("/saml/logout", Some("return_to=https://app.example/bye"));
    let Outcome::LogoutWanted(there) = routes.handle_at(&ours, NOW, &rng()) else { panic!("our own address") };
    assert_eq!(there.as_ref(), "/bye");
    let away = get("/saml/logout", Some("return_to=//evil.example"));
    assert_eq!(refused(routes.handle_at(&away, NOW, &rng())), (400, "http.parameter"));
    let put = Request { method: "PUT", ..get("/saml/logout", None) };
    assert_eq!(refused(routes.handle_at(&put, NOW, &rng())), (405, "http.method"));
}

#[test]
fn where_nobody_is_to_be_told_signing_out_leads_on_at_once() {
    let bye: ReturnTo = "/bye".parse().expect("a path");
    let base = "https://app.example/saml".parse().expect("a URL");
    let key = TestKey::Idp.certificate();
    let sso = "https://login.example/".parse().expect("a URL");
    let bare =
        ServiceProvider::at(&base, IdentityProvider::pinned(idp().entity_id().parse().expect("a name"), sso, key));
    for (sp, handle) in [(sp(), None), (bare, Some(login(&sp())))] {
        let outcome = routes(sp).sign_out(&get("/saml/logout", None), handle.as_ref(), bye.clone(), NOW, &rng());
        let Outcome::Respond(response) = outcome else { panic!("{outcome:?}") };
        assert_eq!((response.status, header(&response, "location")), (303, vec!["/bye"]));
    }
}

#[test]
fn entra_ends_a_session_in_a_frame_and_gets_an_empty_page() {
    let (routes, handle) = (routes(sp()), login(&sp()));
    let query = idp().logout_request(&handle, &SLO.parse().expect("a URL"), NOW).query();
    assert!(query.contains("%3d") || query.contains("%2f") || query.contains("%2b"), "as Entra writes it: {query}");
    let outcome = routes.handle_at(&get("/saml/slo", Some(&query)), NOW, &rng());
    let Outcome::LogoutRequested(request, response) = outcome else { panic!("{outcome:?}") };
    assert!(request.ends(&handle));
    assert_eq!(response.status, 200);
    assert!(!response.headers.iter().any(|(_, value)| value.contains("frame-ancestors")), "{response:?}");
    assert_eq!(response.body, b"<!DOCTYPE html><title></title>");
    assert_eq!(refused(routes.handle_at(&get("/saml/slo", Some(&query)), NOW, &rng())), (403, "saml.replayed"));
    assert_eq!(routes.logout_failed(&request, NOW, &rng()).status, 500);
}

#[test]
fn another_identity_provider_gets_a_signed_answer_back() {
    let (routes, handle) = (routes(standard()), login(&standard()));
    let request = idp().logout_request(&handle, &SLO.parse().expect("a URL"), NOW).relay_state(Some("theirs/ä"));
    let outcome = routes.handle_at(&get("/saml/slo", Some(&request.query())), NOW, &rng());
    let Outcome::LogoutRequested(request, response) = outcome else { panic!("{outcome:?}") };
    let answer = |response: &HttpResponse| {
        ReceivedLogout::from_outgoing(&Outgoing::Redirect(header(response, "location")[0].to_owned()))
            .expect("an answer")
    };
    let sent = answer(&response);
    assert_eq!((sent.kind.as_str(), sent.is_signed), ("LogoutResponse", true));
    assert_eq!(sent.relay_state.as_deref(), Some("theirs/ä"));
    assert_eq!(sent.in_response_to.as_deref(), Some(request.id().as_ref()));
    assert_eq!(sent.status.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:status:Success"));
    let failed = answer(&routes.logout_failed(&request, NOW, &rng()));
    assert_eq!(failed.status.as_deref(), Some("urn:oasis:names:tc:SAML:2.0:status:Responder"));
}

#[test]
fn a_logout_that_was_begun_is_no_login_that_was_begun() {
    let sp = standard().with_unsolicited(Unsolicited::Restart);
    let (routes, handle) = (routes(sp.clone()), login(&sp));
    let begin = |_| {
        let request = get("/saml/logout", None);
        let outcome = routes.sign_out(&request, Some(&handle), ReturnTo::default(), NOW, &rng());
        let Outcome::Respond(sent) = outcome else { panic!("{outcome:?}") };
        cookie_pair(header(&sent, "set-cookie")[0])
    };
    let cookies: Vec<String> = (0..3).map(begin).collect();
    let posted = idp().unsolicited(sp.assertion_consumer_service().as_ref(), sp.entity_id().as_ref(), NOW).form();
    let outcome = routes.handle_at(&post(&cookies, posted), NOW, &rng());
    assert!(matches!(outcome, Outcome::Respond(_)), "a click in My Apps begins a login: {outcome:?}");
}

#[test]
fn who_comes_from_another_site_to_sign_out_is_asked() {
    let request = Request { fetch_site: Some("cross-site"), ..get("/saml/logout", None) };
    let outcome = routes(standard()).handle_at(&request, NOW, &rng());
    let Outcome::Refused(_, response) = outcome else { panic!("{outcome:?}") };
    let page = String::from_utf8(response.body).expect("text");
    assert!(page.contains("<a href=\"/saml/logout\">Sign out</a>") && !page.contains("Sign in"), "{page}");
}

#[test]
fn an_application_that_takes_no_logout_messages_has_no_address_for_them() {
    let (routes, handle) = (routes(standard().without_single_logout()), login(&standard()));
    let query = idp().logout_request(&handle, &SLO.parse().expect("a URL"), NOW).query();
    let outcome = routes.handle_at(&get("/saml/slo", Some(&query)), NOW, &rng());
    assert!(matches!(outcome, Outcome::NotOurs), "nobody is told that the session has ended: {outcome:?}");
}

#[test]
fn where_only_fingerprints_are_known_a_query_says_what_is_missing() {
    let fingerprint = TestKey::Idp.certificate().thumbprint_sha256().parse().expect("a fingerprint");
    let sso = "https://login.example/".parse().expect("a URL");
    let idp_name = idp().entity_id().parse().expect("a name");
    let base = "https://app.example/saml".parse().expect("a URL");
    let sp = ServiceProvider::at(&base, IdentityProvider::pinned_by_fingerprint(idp_name, sso, fingerprint));
    let request = idp().logout_request(&login(&standard()), &SLO.parse().expect("a URL"), NOW);
    let judge = |message: &LogoutMessage| sp.judge_logout_request(message, NOW).map(|_| ());
    let refused = judge(&request.message()).expect_err("nothing to verify it with");
    assert!(!refused.suggests_metadata_refresh(), "{refused}");
    assert_eq!(with_hint(refused), "saml.certificate_needed");
    assert!(judge(&LogoutMessage::from_form(&request.form()).expect("a form")).is_ok(), "a form encloses it");
}

#[test]
fn what_is_no_logout_message_is_refused_with_a_reason() {
    let routes = routes(standard());
    let slo = |query: Option<&str>| refused(routes.handle_at(&get("/saml/slo", query), NOW, &rng()));
    assert_eq!(slo(None), (400, "saml.form_field_missing"));
    assert_eq!(slo(Some("SAMLRequest=%%%")), (400, "saml.form_encoding"));
    let head = Request { method: "HEAD", ..get("/saml/slo", None) };
    assert_eq!(refused(routes.handle_at(&head, NOW, &rng())), (405, "http.method"));
    let Outgoing::Redirect(login) = standard().start_login(ReturnTo::default(), NOW, &rng()).expect("a login").outgoing
    else {
        panic!("not by Redirect")
    };
    assert_eq!(slo(login.split_once('?').map(|(_, query)| query)), (400, "saml.unexpected_message"));
}

// ---- many customers ----

#[test]
fn each_customer_signs_out_its_own_people() {
    let [acme, globex] =
        ["11111111-2222-4333-8444-555555555555", "66666666-7777-4888-8999-aaaaaaaaaaaa"].map(TestIdp::of_tenant);
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default())).with_service(service());
    let id = |name: &str| name.parse::<TenantId>().expect("a name");
    for (name, idp) in [("acme", &acme), ("globex", &globex)] {
        tenants.put(settings(name, idp), NOW).expect("settings");
    }
    let mut shared = settings("shared", &TestIdp::new());
    shared.addresses = Addresses::Shared;
    tenants.put(shared, NOW).expect("settings");

    let sign_in = |name: &str, idp: &TestIdp| {
        let started = tenants.start_login(&id(name), &entra_sso::AuthnRequest::new(), ReturnTo::default(), NOW, &rng());
        let started = started.expect("a login");
        let posted = idp.answer(&started.outgoing, NOW).expect("a request").posted();
        tenants.finish_login(started.pending, &posted, NOW).expect("a login").logout_handle()
    };
    let handle = sign_in("acme", &acme);
    let other = sign_in("globex", &globex);
    let third = sign_in("shared", &TestIdp::new());
    assert_eq!(handle.tenant(), Some(&id("acme")));

    let slo = |name: &str| tenants.get(&id(name)).expect("a connection").single_logout_service().clone();
    assert_eq!(slo("acme").as_ref(), "https://app.example/saml/slo/acme");
    assert_eq!(slo("shared").as_ref(), SLO);
    let message = acme.logout_request(&handle, &slo("acme"), NOW).message();
    let request = tenants.finish_logout_request(Some(&id("acme")), &message, NOW).expect("a request");
    assert!(request.ends(&handle) && !request.ends_in_this_browser(&other), "its own only");
    let wrong = tenants.finish_logout_request(Some(&id("globex")), &message, NOW).expect_err("not theirs");
    assert_eq!(wrong.code(), "saml.logout_destination_mismatch");
    let message = TestIdp::new().logout_request(&third, &slo("shared"), NOW).message();
    let request = tenants.finish_logout_request(None, &message, NOW).expect("found by its issuer");
    assert_eq!(request.tenant(), Some(&id("shared")));

    // One that was switched off may have left sessions.
    tenants.set_state(&id("acme"), ConnectionState::Disabled).expect("a connection");
    let started = tenants.start_logout(&handle, ReturnTo::default(), NOW, &rng()).expect("a logout");
    let answer = acme.logout_response(&started.outgoing, &slo("acme"), NOW).expect("an answer").message();
    assert_eq!(tenants.finish_logout(started.pending, &answer, NOW).expect("done").extent(), Extent::Everywhere);
    let kept = serde_json::to_string(&handle).expect("JSON").replace("acme", "gone");
    let gone: LogoutHandle = serde_json::from_str(&kept).expect("a handle");
    let refused = tenants.start_logout(&gone, ReturnTo::default(), NOW, &rng()).expect_err("nobody");
    assert_eq!(refused.code(), "tenant.unknown");

    let message = globex.logout_request(&other, &slo("shared"), NOW).message();
    let nobody = tenants.finish_logout_request(None, &message, NOW).expect_err("nobody shares it with that issuer");
    assert_eq!(nobody.code(), "saml.issuer_mismatch");

    let routes = Routes::for_tenants(Arc::new(tenants), CookieKey::new([7; 32]));
    let query = globex.logout_request(&other, &slo_of(&routes, "globex"), NOW).query();
    let outcome = routes.handle_at(&get("/saml/slo/globex", Some(&query)), NOW, &rng());
    assert!(matches!(outcome, Outcome::LogoutRequested(..)), "{outcome:?}");
    let outcome = routes.handle_at(&get("/saml/slo", Some(&query)), NOW, &rng());
    assert!(matches!(outcome, Outcome::Refused(..)), "nobody shares the address with that issuer: {outcome:?}");
    let outcome = routes.sign_out(&get("/saml/logout", None), Some(&gone), ReturnTo::default(), NOW, &rng());
    assert!(matches!(outcome, Outcome::Respond(_)), "{outcome:?}");
}

fn settings(name: &str, idp: &TestIdp) -> Settings {
    let trust = Trust::MetadataXml { xml: idp.metadata(), entity_id: None };
    Settings::new(name.parse().expect("a name"), trust)
}

fn slo_of(_: &Routes, name: &str) -> entra_sso::EndpointUrl {
    format!("{SLO}/{name}").parse().expect("a URL")
}
