//! Attacks on an application with many customers: by one of them, by a stranger, by a server that hands out metadata.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use entra_sso::entra::EntraApp;
use entra_sso::fetch::Fetcher;
use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::saml::{Comparison, MetadataTrust};
use entra_sso::sp::{ClaimError, CookieKey, LogoutStyle, ReplayKey, Subject};
use entra_sso::tenants::{Addresses, ConnectionState, Fetched, Settings, Tenants, Trust, UnsolicitedPolicy};
use entra_sso::testing::{ReceivedRequest, TENANT, TestIdp, TestKey, TestResponse, redirect_query};
use entra_sso::{
    AuthnRequest, Certificate, Error, Fingerprint, IdentityProvider, Login, MemoryReplayCache, ReplayCache, ReturnTo,
    SystemRandom, TenantId, UnixTime,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const MALLORY: &str = "00000000-0000-4000-8000-0000000e711e";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn id(text: &str) -> TenantId {
    text.parse().expect("an ID")
}

fn by_url(url: &str) -> Trust {
    Trust::MetadataUrl { url: url.parse().expect("a URL"), entity_id: None }
}

fn by_file(idp: &TestIdp) -> Trust {
    Trust::MetadataXml { xml: idp.metadata(), entity_id: None }
}

fn live(name: &str, trust: Trust) -> Settings {
    let mut settings = Settings::new(id(name), trust);
    settings.state = ConnectionState::Live;
    settings
}

fn tenants_with(cache: Arc<dyn ReplayCache>) -> Tenants {
    Tenants::at(&"https://app.example/saml".parse().expect("a URL"), cache)
}

fn nobody() -> Tenants {
    tenants_with(Arc::new(MemoryReplayCache::default()))
}

/// Contoso, and beside it a customer who means harm.
fn two(change: impl Fn(&mut Settings)) -> Arc<Tenants> {
    let tenants = nobody();
    for (name, idp) in [("contoso", TestIdp::new()), ("mallory", TestIdp::of_tenant(MALLORY))] {
        let mut settings = live(name, by_file(&idp));
        change(&mut settings);
        tenants.put(settings, NOW).expect("good settings");
    }
    Arc::new(tenants)
}

fn login(
    tenants: &Tenants, name: &str, idp: &TestIdp, now: UnixTime, change: impl FnOnce(TestResponse) -> TestResponse,
) -> Result<Login, Error> {
    let started = tenants.start_login(&id(name), &AuthnRequest::new(), ReturnTo::default(), now, &rng())?;
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    let answer = idp.respond(&received, now).id(&received.id);
    tenants.finish_login(started.pending, &change(answer).posted(), now)
}

fn same(answer: TestResponse) -> TestResponse {
    answer
}

fn code<T>(result: Result<T, Error>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "accepted")
}

fn routes(tenants: &Arc<Tenants>) -> Routes {
    Routes::for_tenants(Arc::clone(tenants), CookieKey::new([7; 32]))
}

fn header<'r>(response: &'r HttpResponse, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
}

fn respond(outcome: Outcome) -> HttpResponse {
    match outcome {
        Outcome::Respond(response) => response,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> (&'static str, HttpResponse) {
    match outcome {
        Outcome::Refused(error, response) => (error.code(), response),
        other => panic!("{other:?}"),
    }
}

/// What the identity provider received, and the cookie that the browser got.
fn sent(response: &HttpResponse) -> (ReceivedRequest, String) {
    let query = header(response, "location").and_then(|to| to.split_once('?')).expect("a redirect").1;
    let cookie = header(response, "set-cookie").and_then(|all| all.split(';').next()).expect("a cookie");
    (ReceivedRequest::from_query(query).expect("a request"), cookie.to_owned())
}

fn answer(path: &'static str, cookies: &[String], answer: &TestResponse) -> Request {
    let mut request = post(&[cookies.join("; ")], answer.form());
    request.path = path;
    request
}

// ---- one customer against all others ----

/// Sees until when each assertion is to be remembered.
#[derive(Debug, Default)]
struct Watched(Mutex<Vec<UnixTime>>);

impl ReplayCache for Watched {
    fn claim(&self, _: &ReplayKey, expires: UnixTime, _: UnixTime) -> Result<(), ClaimError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(expires);
        Ok(())
    }
}

#[test]
fn assertions_that_never_end_do_not_fill_the_cache_that_all_customers_share() {
    let cache = Arc::new(Watched::default());
    let shared: Arc<dyn ReplayCache> = cache.clone();
    let tenants = tenants_with(shared);
    tenants.put(live("mallory", by_file(&TestIdp::of_tenant(MALLORY))), NOW).expect("good settings");
    let end = "9999-12-31T23:59:59Z".parse().expect("a time");
    let endless = |answer: TestResponse| answer.conditions(Some(NOW), Some(end)).confirmed_until(Some(end));
    assert_eq!(code(login(&tenants, "mallory", &TestIdp::of_tenant(MALLORY), NOW, endless)), "accepted");
    let kept = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(kept.iter().all(|until| *until < NOW.plus(HOUR)), "{kept:?}");
}

#[test]
fn a_person_of_another_customer_is_never_the_person_of_this_session() {
    let tenants = two(|_| {});
    let ada = login(&tenants, "contoso", &TestIdp::new(), NOW, same).expect("a login");
    let twin = login(&tenants, "mallory", &TestIdp::of_tenant(MALLORY), NOW, same).expect("a login");
    assert_eq!(ada.name_id().value, twin.name_id().value, "whatever another identity provider writes");
    assert_ne!(ada.subject(), twin.subject());
    // Nor does a mix-up of what was kept in the session lead to a re-authentication.
    let again = |name: &str, subject: &Subject, idp: &TestIdp| {
        let begun = tenants.start_reauthentication(&id(name), subject, ReturnTo::default(), NOW, &rng());
        let begun = begun.expect("a request");
        let received = ReceivedRequest::from_outgoing(&begun.outgoing).expect("a request");
        let anew = idp.respond(&received, NOW).id(&received.id).authn_instant(NOW);
        tenants.finish_login(begun.pending, &anew.posted(), NOW)
    };
    assert_eq!(code(again("contoso", &ada.subject(), &TestIdp::new())), "accepted");
    assert_eq!(code(again("mallory", &ada.subject(), &TestIdp::of_tenant(MALLORY))), "saml.subject_mismatch");
}

#[test]
fn metadata_with_a_hundred_thousand_endpoints_leaves_one_of_each_kind() {
    let plain = TestIdp::new().metadata();
    let (head, tail) = plain.split_once("<SingleSignOnService ").expect("an endpoint");
    let element = format!("<SingleSignOnService {}/>", tail.split_once("/>").expect("an end").0);
    let many = format!("{head}{}<SingleSignOnService {tail}", element.repeat(100_000));
    let kept = |xml: &str| {
        let idp = IdentityProvider::from_metadata(xml.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW);
        serde_json::to_string(&idp.expect("metadata")).expect("text").len()
    };
    assert_eq!(kept(&many), kept(&plain));
}

#[test]
fn a_list_of_keys_that_nobody_can_search_is_refused_wherever_it_comes_from() {
    let certificate = TestKey::Idp.certificate();
    let fingerprint: Fingerprint = certificate.thumbprint_sha256().parse().expect("a fingerprint");
    let trusting = |certificates, fingerprints| {
        let trust = Trust::ByHand {
            entity_id: TestIdp::new().entity_id().parse().expect("a name"),
            sso_url: format!("https://login.microsoftonline.com/{TENANT}/saml2").parse().expect("a URL"),
            slo_url: None,
            certificates: vec![certificate.clone(); certificates],
            fingerprints: vec![fingerprint.clone(); fingerprints],
        };
        code(nobody().put(live("mallory", trust), NOW))
    };
    for (certificates, fingerprints) in [(5000, 0), (0, 5000), (33, 0), (1, 32), (32, 1), (16, 17)] {
        assert_eq!(trusting(certificates, fingerprints), "saml.xml_too_large", "{certificates} and {fingerprints}");
    }
    for (certificates, fingerprints) in [(32, 0), (0, 32), (16, 16)] {
        assert_eq!(trusting(certificates, fingerprints), "accepted", "{certificates} and {fingerprints}");
    }
}

#[test]
fn an_answer_for_the_shared_address_is_not_taken_at_an_address_that_names_one_of_those_who_share_it() {
    let tenants = two(|settings| {
        (settings.addresses, settings.unsolicited) = (Addresses::Shared, UnsolicitedPolicy::Accept);
        settings.trust = by_file(&TestIdp::new());
    });
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    let tile = TestIdp::new().unsolicited(acs, name, NOW);
    let at = |path| refused(routes(&tenants).handle_at(&answer(path, &[], &tile), NOW, &rng())).0;
    assert_eq!(at("/saml/acs"), "tenant.ambiguous");
    assert_eq!(at("/saml/acs/mallory"), "saml.destination_mismatch");
}

// ---- strangers ----

#[test]
fn metadata_of_a_disabled_connection_looks_like_that_of_none() {
    let tenants = two(|_| {});
    tenants.set_state(&id("mallory"), ConnectionState::Disabled).expect("a connection");
    let page = |path| refused(routes(&tenants).handle_at(&get(path, None), NOW, &rng()));
    let (unknown, disabled) = (page("/saml/metadata/nobody"), page("/saml/metadata/mallory"));
    assert_eq!((unknown.0, disabled.0), ("tenant.unknown", "tenant.disabled"));
    let bare = |(_, response): (_, HttpResponse)| (response.status, response.headers, response.body);
    assert_eq!(bare(unknown), bare(disabled));
    // How far a logout request comes tells nobody either.
    let handle = format!("{{\"issuer\":\"{}\",\"name_id\":\"ada\"}}", TestIdp::new().entity_id());
    let handle = serde_json::from_str(&handle).expect("a handle");
    let slo = "https://app.example/saml/slo/mallory".parse().expect("a URL");
    let whole = TestIdp::new().logout_request(&handle, &slo, NOW);
    let queries = [
        redirect_query("SAMLRequest", "<x/>", None),
        redirect_query("SAMLRequest", "", Some(TestKey::Idp)),
        "SAMLRequest=%%%".to_owned(),
        whole.query(),
        whole.key(None).query(),
    ];
    for query in queries {
        let page = |path| refused(routes(&tenants).handle_at(&get(path, Some(&query)), NOW, &rng()));
        let (unknown, disabled) = (page("/saml/slo/nobody"), page("/saml/slo/mallory"));
        assert!(unknown.1.status == 403, "{query}: {}", unknown.0);
        assert_eq!(bare(unknown), bare(disabled), "{query}");
    }
}

#[test]
fn no_connection_is_given_the_name_that_another_has_from_the_address_of_its_metadata() {
    let tenants = two(|_| {});
    let named = |name: &str| {
        let mut settings = live("mallory", by_file(&TestIdp::of_tenant(MALLORY)));
        settings.entity_id = Some(name.parse().expect("a name"));
        code(tenants.put(settings, NOW))
    };
    for another in ["contoso", "who-is-yet-to-come", "Mallory", "mallory2", "mallory/"] {
        assert_eq!(named(&format!("https://app.example/saml/metadata/{another}")), "tenant.name_taken", "{another}");
    }
    for spelling in [
        "https://APP.example/saml/metadata/contoso",
        "https://app.example:443/saml/metadata/contoso",
        "http://app.example/saml//metadata/./Contoso/",
        "https://app.example/saml/metadata",
        "https://app.example/SAML/metadata?",
    ] {
        assert_eq!(named(spelling), "tenant.name_taken", "{spelling}");
    }
    for own in [
        "https://app.example/saml/metadata/mallory",
        "https://app.example/saml",
        "https://app.example/",
        "api://mallory",
    ] {
        assert_eq!(named(own), "accepted", "{own}");
    }
    let mut sharing = shared("mallory", by_file(&TestIdp::of_tenant(MALLORY)), |_| ());
    sharing.entity_id = Some("https://app.example/saml/metadata".parse().expect("a name"));
    assert_eq!(code(tenants.put(sharing.clone(), NOW)), "accepted", "the name of all who share");
    sharing.entity_id = Some("https://app.example/saml/metadata/mallory".parse().expect("a name"));
    assert_eq!(code(tenants.put(sharing, NOW)), "tenant.name_taken");
}

#[test]
fn settings_hold_no_more_names_than_can_be_compared_at_each_login() {
    let with = |audiences, domains, origins| {
        let mut settings = live("mallory", by_file(&TestIdp::new()));
        settings.audiences = (0..audiences).map(|number| format!("api://{number}")).collect();
        settings.verified_domains = (0..domains).map(|n| format!("d{n}.example").parse().expect("a domain")).collect();
        settings.return_origins =
            (0..origins).map(|n| format!("https://d{n}.example").parse().expect("a URL")).collect();
        code(nobody().put(settings, NOW))
    };
    assert_eq!(with(32, 5000, 32), "accepted");
    for (audiences, domains, origins) in [(33, 0, 0), (0, 5001, 0), (0, 0, 33)] {
        assert_eq!(with(audiences, domains, origins), "tenant.too_many", "{audiences} {domains} {origins}");
    }
}

#[test]
fn an_identity_provider_that_ignores_what_we_ask_is_not_asked_for_ever() {
    let tenants = two(|settings| settings.unsolicited = UnsolicitedPolicy::Restart);
    let (acs, name) = ("https://app.example/saml/acs/contoso", "https://app.example/saml/metadata/contoso");
    let tile = TestIdp::new().unsolicited(acs, name, NOW);
    let (mut cookies, mut rounds) = (Vec::new(), 0);
    let end = loop {
        let now = NOW.plus(Duration::from_secs(rounds));
        match routes(&tenants).handle_at(&answer("/saml/acs/contoso", &cookies, &tile), now, &rng()) {
            Outcome::Respond(response) if rounds < 20 => cookies.push(sent(&response).1),
            other => break other,
        }
        rounds += 1;
    };
    assert_eq!(refused(end).0, "saml.unsolicited");
    // Later on a click on the tile works again.
    let later = NOW.plus(2 * MINUTE);
    let again = routes(&tenants).handle_at(&answer("/saml/acs/contoso", &cookies, &tile), later, &rng());
    assert_eq!(respond(again).status, 303);
}

#[test]
fn a_login_that_asked_for_more_is_not_begun_anew_asking_for_less() {
    let tenants = two(|settings| settings.max_authn_age = Some(3600));
    let mfa = "http://schemas.microsoft.com/claims/multipleauthn";
    let ask = AuthnRequest::new().requested_authn_context(Comparison::Exact, [mfa]);
    let started = tenants.start_login(&id("contoso"), &ask, ReturnTo::default(), NOW, &rng()).expect("a request");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    let cookie = started.pending.into_cookie(&CookieKey::new([7; 32]), &rng()).expect("a cookie").into_string();
    let old = TestIdp::new().respond(&received, NOW).authn_instant(NOW.minus(2 * HOUR));
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    let outcome = routes(&tenants).handle_at(&answer("/saml/acs/contoso", &[cookie], &old), NOW, &rng());
    assert_eq!(refused(outcome).0, "saml.authentication_too_old");
}

// ---- metadata and its schedule ----

/// Takes metadata with these dates and says whether it stands.
fn install(tenants: &Tenants, idp: &TestIdp, attributes: &str, created: Option<&str>, now: UnixTime) -> &'static str {
    let info = created.map(|created| {
        format!(
            "<Extensions xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"><r:PublicationInfo \
             xmlns:r=\"urn:oasis:names:tc:SAML:metadata:rpi\" publisher=\"p\" creationInstant=\"{created}\"/></Extensions>"
        )
    });
    let plain = idp.metadata();
    let (head, tail) = plain.split_once("<EntityDescriptor").expect("an entity");
    let (inside, rest) = tail.split_once('>').expect("an end");
    let body = format!("{head}<EntityDescriptor {attributes} {inside}>{}{rest}", info.unwrap_or_default());
    let ticket = tenants.due(now).pop().expect("a ticket");
    code(tenants.install(ticket, Fetched::document(body), now))
}

#[test]
fn a_document_from_the_future_does_not_shut_out_those_of_today() {
    let tenants = nobody();
    tenants.put(live("contoso", by_url("https://idp.example/metadata")), NOW).expect("good settings");
    assert_eq!(install(&tenants, &TestIdp::new(), "", Some("9999-01-01T00:00:00Z"), NOW), "accepted");
    let now = NOW.plus(2 * HOUR);
    let rolled = TestIdp::new().publishing(&[TestKey::Other]);
    assert_eq!(install(&tenants, &rolled, "", Some("2027-01-15T09:00:00Z"), now), "accepted");
}

#[test]
fn no_name_and_no_metadata_has_a_connection_asked_more_often_than_every_five_minutes() {
    let tenants = nobody();
    for number in 0..50 {
        let url = format!("https://idp.example/{number}");
        tenants.put(live(&format!("c{number}"), by_url(&url)), NOW).expect("good settings");
    }
    let metadata = TestIdp::new().metadata().replacen("entityID=", "cacheDuration=\"PT1S\" entityID=", 1);
    for ticket in tenants.due(NOW) {
        tenants.install(ticket, Fetched::document(metadata.clone()), NOW).expect("metadata");
    }
    let sooner: Vec<_> = tenants.due(NOW.plus(5 * MINUTE - Duration::from_secs(1)));
    assert!(sooner.is_empty(), "{} come sooner", sooner.len());
}

#[test]
fn a_clock_that_was_wrong_for_a_moment_does_not_end_the_refresh() {
    let tenants = nobody();
    tenants.put(live("contoso", by_url("https://idp.example/metadata")), NOW).expect("good settings");
    let wrong = "2099-01-01T00:00:00Z".parse().expect("a time");
    assert_eq!(tenants.due(wrong).len(), 1);
    assert_eq!(tenants.due(NOW.plus(2 * HOUR)).len(), 1);
}

#[test]
fn the_indexes_agree_with_the_connections_whoever_changes_them_at_once() {
    let tenants = Arc::new(nobody());
    let idps = [TestIdp::new(), TestIdp::of_tenant(MALLORY)].map(|idp| idp.metadata());
    let domains: Vec<entra_sso::EmailDomain> =
        (0..6).map(|number| format!("d{number}.example").parse().expect("a domain")).collect();
    thread::scope(|scope| {
        for seed in 1..5_u64 {
            let (tenants, idps, domains) = (&tenants, &idps, &domains);
            scope.spawn(move || {
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut pick = |below: u64| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    usize::try_from(state % below).unwrap_or_default()
                };
                for step in 0..400_u64 {
                    let name = format!("t{}", pick(4));
                    let now = NOW.plus(Duration::from_secs(step * 60));
                    match pick(7) {
                        0..=2 => {
                            let trust = match pick(3) {
                                0 => by_url(&format!("https://idp.example/{}", pick(2))),
                                other => Trust::MetadataXml {
                                    xml: idps.get(other - 1).cloned().unwrap_or_default(),
                                    entity_id: None,
                                },
                            };
                            let mut settings = live(&name, trust);
                            settings.listed = pick(2) == 0;
                            settings.name = ["", "Name", "name"].get(pick(3)).copied().unwrap_or_default().to_owned();
                            settings.verified_domains = domains.iter().skip(pick(6)).take(pick(3)).cloned().collect();
                            settings.verified_domains.extend(settings.verified_domains.clone());
                            drop(tenants.put(settings, now));
                        }
                        3 => {
                            let states = [ConnectionState::Disabled, ConnectionState::Test, ConnectionState::Live];
                            drop(tenants.set_state(&id(&name), states.get(pick(3)).copied().unwrap_or_default()));
                        }
                        4 => drop(tenants.remove(&id(&name))),
                        5 => {
                            for ticket in tenants.due(now) {
                                let body = idps.get(pick(2)).cloned().unwrap_or_default();
                                drop(tenants.install(ticket, Fetched::document(body), now));
                            }
                        }
                        _ => drop(tenants.restore(tenants.snapshot(), now)),
                    }
                }
            });
        }
    });
    let all: Vec<_> = tenants.iter().collect();
    for idp in [TestIdp::new(), TestIdp::of_tenant(MALLORY)] {
        let issuer = idp.entity_id().parse().expect("a name");
        let found: BTreeSet<_> = tenants.by_issuer(&issuer).iter().map(|found| found.id().clone()).collect();
        let real = all.iter().filter(|one| one.identity_provider().is_some_and(|idp| *idp.entity_id() == issuer));
        assert_eq!(found, real.map(|one| one.id().clone()).collect());
    }
    for domain in &domains {
        let owner = all.iter().find(|one| one.settings().verified_domains.contains(domain));
        let owner = owner.filter(|one| one.state() == ConnectionState::Live).map(|one| one.id().clone());
        assert_eq!(tenants.by_email(&format!("ada@{domain}")).map(|one| one.id().clone()), owner);
    }
    for one in &all {
        drop(tenants.remove(one.id()));
    }
    let page = respond(routes(&tenants).handle_at(&get("/saml/login", None), NOW, &rng()));
    let page = String::from_utf8(page.body).expect("text");
    assert!(page.contains("Please use the link"), "nobody is left: {page}");
    assert_eq!(tenants.next_due(), None);
}

// ---- servers that hand out metadata ----

/// A server that takes connections and says nothing, or says by TLS what `answer` says after this pause.
fn server(pause: Duration, answer: Option<&'static str>) -> u16 {
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    let listener = TcpListener::bind(("localhost", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let certificate = CertificateDer::from(include_bytes!("support/tls/localhost.cert.der").as_slice());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("support/tls/localhost.key.der").as_slice());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .map(Arc::new)
        .expect("a pair");
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            let Some(answer) = answer else {
                silent.push(stream);
                continue;
            };
            let config = Arc::clone(&config);
            thread::spawn(move || -> std::io::Result<()> {
                let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
                let mut stream = rustls::StreamOwned::new(connection, stream);
                for line in BufReader::new(&mut stream).lines() {
                    if line?.is_empty() {
                        break;
                    }
                }
                thread::sleep(pause);
                stream.write_all(answer.as_bytes())?;
                stream.conn.send_close_notify();
                stream.flush()
            });
        }
    });
    port
}

fn fetcher(timeout: Duration) -> Fetcher {
    let root = Certificate::parse(include_bytes!("support/tls/root.cert.der")).expect("a certificate");
    Fetcher::new().with_roots(vec![root]).allowing_private_addresses().without_proxy().with_timeout(timeout)
}

#[test]
fn servers_that_are_dead_do_not_keep_the_others_waiting_one_after_the_other() {
    let port = server(Duration::ZERO, None);
    let tenants = nobody();
    for number in 0..16 {
        let url = format!("https://localhost:{port}/{number}");
        tenants.put(live(&format!("dead-{number}"), by_url(&url)), NOW).expect("good settings");
    }
    let begun = Instant::now();
    let outcomes = fetcher(Duration::from_millis(500)).refresh(&tenants, NOW);
    assert_eq!(outcomes.len(), 16);
    assert!(outcomes.into_iter().all(|(_, outcome)| code(outcome) == "fetch.timeout"));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn redirects_share_the_time_of_one_document() {
    let moved = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n";
    let port = server(Duration::from_millis(700), Some(moved));
    let tenants = nobody();
    tenants.put(live("slow", by_url(&format!("https://localhost:{port}/"))), NOW).expect("good settings");
    let (_, outcome) = fetcher(Duration::from_secs(1)).refresh(&tenants, NOW).pop().expect("one connection");
    assert_eq!(code(outcome), "fetch.timeout");
}

#[test]
fn the_longest_name_and_the_longest_path_fit_into_one_cookie() {
    let tenants = nobody();
    let name = "x".repeat(64);
    tenants.put(live(&name, by_file(&TestIdp::new())), NOW).expect("good settings");
    let ada = login(&tenants, &name, &TestIdp::new(), NOW, same).expect("a login").subject();
    let path: ReturnTo = format!("/{}", "a".repeat(511)).parse().expect("a path");
    let key = CookieKey::new([7; 32]);
    let begun = tenants.start_reauthentication(&id(&name), &ada, path, NOW, &rng()).expect("a request");
    let cookie = begun.pending.into_cookie(&key, &rng());
    assert_eq!(code(cookie), "accepted");
}

#[test]
fn how_far_a_message_that_anybody_can_send_comes_does_not_tell_who_is_a_customer() {
    let tenants = two(|settings| {
        (settings.addresses, settings.unsolicited) = (Addresses::Shared, UnsolicitedPolicy::Accept);
        let ending = TestIdp::new().with_metadata_attributes("validUntil=\"2027-01-15T09:00:00Z\"");
        settings.trust = by_file(&ending);
    });
    tenants.remove(&id("mallory")).expect("a connection");
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    let handle = format!("{{\"issuer\":\"{}\",\"name_id\":\"ada\"}}", TestIdp::new().entity_id());
    let handle = serde_json::from_str(&handle).expect("a handle");
    let slo = "https://app.example/saml/slo".parse().expect("a URL");
    for now in [NOW, NOW.plus(2 * HOUR)] {
        let page = |request: &Request| {
            let (code, response) = refused(routes(&tenants).handle_at(request, now, &rng()));
            assert_eq!(response.status, 403, "{code}");
            (response.headers, response.body)
        };
        let posted = |idp: &TestIdp, after: &str| {
            let tile = idp.unsolicited(acs, name, now);
            let xml = tile.xml();
            let (head, _) = xml.split_once("<Assertion ").expect("an assertion");
            let forged = tile.clone().replace_after_signing(xml.strip_prefix(head).expect("the rest"), after);
            page(&answer("/saml/acs", &[], &forged))
        };
        let (customer, stranger) = (TestIdp::new(), TestIdp::of_tenant(MALLORY));
        let none = "</samlp:Response>";
        assert_eq!(posted(&customer, none), posted(&stranger, none));
        let asked = |idp: &TestIdp| {
            let request = idp.logout_request(&handle, &slo, now).issuer(idp.entity_id()).key(None);
            page(&get("/saml/slo", Some(&request.query())))
        };
        assert_eq!(asked(&customer), asked(&stranger));
    }
}

/// Mallory names contoso's identity provider and its certificate, which are public, and the address that both share.
fn mirror() -> Settings {
    shared("mallory", by_hand(vec![TestKey::Idp.certificate()], Vec::new()), |settings| {
        settings.unsolicited = UnsolicitedPolicy::Accept;
        settings.logout_style = Some(LogoutStyle::Saml);
        settings.danger_allow_expired_certificates = true;
    })
}

fn by_hand(certificates: Vec<Certificate>, fingerprints: Vec<Fingerprint>) -> Trust {
    Trust::ByHand {
        entity_id: TestIdp::new().entity_id().parse().expect("a name"),
        sso_url: "https://idp.example/sso".parse().expect("a URL"),
        slo_url: Some("https://evil.example/slo".parse().expect("a URL")),
        certificates,
        fingerprints,
    }
}

fn shared(name: &str, trust: Trust, change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = live(name, trust);
    settings.addresses = Addresses::Shared;
    change(&mut settings);
    settings
}

/// What contoso may be like while its people sign in and out at the identity provider, and when.
fn contosos() -> Vec<(&'static str, Settings, UnixTime)> {
    let pinned = TestKey::Idp.certificate().thumbprint_sha256().parse().expect("a fingerprint");
    let ending = TestIdp::new().with_metadata_attributes("validUntil=\"2027-01-15T09:00:00Z\"");
    let object = "1f3b7a50-0000-4000-8000-000000000002";
    let app = EntraApp::new(TENANT.parse().expect("a GUID"), object.parse().expect("a GUID"));
    let contoso = |trust, change: fn(&mut Settings)| shared("contoso", trust, change);
    let by_file = |change| contoso(by_file(&TestIdp::new()), change);
    vec![
        ("as usual", by_file(|_| ()), NOW),
        ("demanding encryption", by_file(|settings| settings.require_encryption = true), NOW),
        ("demanding authentication", by_file(|settings| settings.max_authn_age = Some(1)), NOW),
        ("disabled", by_file(|settings| settings.state = ConnectionState::Disabled), NOW),
        ("with metadata that has ended", contoso(self::by_file(&ending), |_| ()), NOW.plus(2 * HOUR)),
        ("with metadata that is yet to come", contoso(Trust::Entra(app), |_| ()), NOW),
        ("with a fingerprint", contoso(by_hand(Vec::new(), vec![pinned]), |_| ()), NOW),
    ]
}

#[test]
fn an_unasked_answer_at_a_shared_address_is_for_no_mirror_of_whom_it_is_for() {
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    for takes in [UnsolicitedPolicy::Refuse, UnsolicitedPolicy::Restart, UnsolicitedPolicy::Accept] {
        for (case, contoso, now) in contosos() {
            let tenants = nobody();
            tenants.put(mirror(), NOW).expect("good settings");
            // Without the certificate, by which a fingerprint is known again.
            let tile = TestIdp::new().unsolicited(acs, name, now);
            let xml = tile.xml();
            let (_, rest) = xml.split_once("<KeyInfo").expect("a key");
            let (info, _) = rest.split_once("</KeyInfo>").expect("its end");
            let bare = tile.clone().replace_after_signing(&format!("<KeyInfo{info}</KeyInfo>"), "");
            assert!(!bare.xml().contains("X509Certificate"));
            let tile = bare.posted();
            let unasked = |to: Option<&TenantId>| code(tenants.judge_unsolicited(to, &tile, now));
            assert_eq!(unasked(None), "accepted", "{case}: there is one");
            let mut contoso = contoso;
            contoso.unsolicited = takes;
            tenants.put(contoso.clone(), NOW).expect("good settings");
            assert_eq!(unasked(None), "tenant.ambiguous", "{case}");
            assert_eq!(unasked(Some(&id("mallory"))), "tenant.ambiguous", "{case}: whoever is said to be meant");
            contoso.addresses = Addresses::Own;
            tenants.put(contoso, NOW).expect("good settings");
            assert_eq!(unasked(None), "accepted", "{case}: at an address of its own it is not meant");
        }
    }
    // Nor can a mirror at the shared address keep anything from contoso's own.
    let tenants = nobody();
    tenants.put(mirror(), NOW).expect("good settings");
    let mut contoso = live("contoso", by_file(&TestIdp::new()));
    contoso.unsolicited = UnsolicitedPolicy::Accept;
    tenants.put(contoso, NOW).expect("good settings");
    let tile = TestIdp::new().unsolicited(&format!("{acs}/contoso"), &format!("{name}/contoso"), NOW).posted();
    assert_eq!(code(tenants.judge_unsolicited(Some(&id("contoso")), &tile, NOW)), "accepted");
    // A certificate whose key is not in use any more.
    let tenants = nobody();
    let of = |key: TestKey| by_hand(vec![key.certificate()], Vec::new());
    let mut expired = mirror();
    expired.trust = of(TestKey::Expired);
    tenants.put(expired, NOW).expect("good settings");
    let tile = TestIdp::new().unsolicited(acs, name, NOW).key(TestKey::Expired).posted();
    assert_eq!(code(tenants.judge_unsolicited(None, &tile, NOW)), "accepted");
    let contoso = |trust| shared("contoso", trust, |_| ());
    tenants.put(contoso(of(TestKey::Expired)), NOW).expect("good settings");
    assert_eq!(code(tenants.judge_unsolicited(None, &tile, NOW)), "tenant.ambiguous");
    tenants.put(contoso(of(TestKey::Other)), NOW).expect("good settings");
    assert_eq!(code(tenants.judge_unsolicited(None, &tile, NOW)), "accepted", "another key is another customer");
}

#[test]
fn a_key_that_one_of_those_who_share_an_address_does_not_know_is_asked_for_at_once() {
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    let tenants = nobody();
    tenants.put(shared("contoso", by_url("https://idp.example/md"), |_| ()), NOW).expect("good settings");
    let ticket = tenants.due(NOW).pop().expect("one to fetch");
    tenants.install(ticket, Fetched::document(TestIdp::new().metadata()), NOW).expect("metadata");
    let mut next = mirror();
    next.trust = by_hand(vec![TestKey::Other.certificate()], Vec::new());
    tenants.put(next, NOW).expect("good settings");
    let later = NOW.plus(10 * MINUTE);
    assert!(tenants.due(later).is_empty());
    let tile = TestIdp::new().unsolicited(acs, name, later).key(TestKey::Other).posted();
    assert_eq!(code(tenants.judge_unsolicited(None, &tile, later)), "accepted", "nobody knows better yet");
    let ticket = tenants.due(later).pop().expect("one to fetch");
    let both = TestIdp::new().publishing(&[TestKey::Idp, TestKey::Other]).metadata();
    tenants.install(ticket, Fetched::document(both), later).expect("metadata");
    assert_eq!(code(tenants.judge_unsolicited(None, &tile, later)), "tenant.ambiguous");
}

#[test]
fn a_logout_request_at_a_shared_address_is_for_no_mirror_of_whom_it_is_for() {
    let slo = "https://app.example/saml/slo".parse().expect("a URL");
    let ada = format!("{{\"issuer\":\"{}\",\"name_id\":\"ada@contoso.example\"}}", TestIdp::new().entity_id());
    let ada = serde_json::from_str(&ada).expect("a handle");
    for (case, contoso, now) in contosos() {
        let tenants = nobody();
        tenants.put(mirror(), NOW).expect("good settings");
        let request = TestIdp::new().logout_request(&ada, &slo, now).message();
        let verdict = || code(tenants.judge_logout_request(None, &request, now));
        assert_eq!(verdict(), "accepted", "{case}: there is one");
        tenants.put(contoso, NOW).expect("good settings");
        assert_eq!(verdict(), "tenant.ambiguous", "{case}");
    }
}

#[test]
fn unasked_assertions_that_never_end_do_not_fill_the_cache_that_all_customers_share() {
    let cache = Arc::new(Watched::default());
    let shared: Arc<dyn ReplayCache> = cache.clone();
    let tenants = tenants_with(shared);
    let idp = TestIdp::of_tenant(MALLORY);
    let mut settings = live("mallory", by_file(&idp));
    settings.unsolicited = UnsolicitedPolicy::Accept;
    tenants.put(settings, NOW).expect("good settings");
    let base = "https://app.example/saml";
    let ends = |end: UnixTime| {
        let tile = idp.unsolicited(&format!("{base}/acs/mallory"), &format!("{base}/metadata/mallory"), NOW);
        let tile = tile.conditions(Some(NOW), Some(end)).confirmed_until(Some(end));
        code(tenants.finish_unsolicited(Some(&id("mallory")), &tile.posted(), NOW))
    };
    assert_eq!(ends("9999-12-31T23:59:59Z".parse().expect("a time")), "saml.lives_too_long");
    assert_eq!(ends(NOW.plus(24 * HOUR + Duration::from_secs(1))), "saml.lives_too_long");
    assert_eq!(ends(NOW.plus(24 * HOUR)), "accepted");
    let kept = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(kept.iter().all(|until| *until < NOW.plus(25 * HOUR)), "{kept:?}");
}

#[test]
fn a_customer_with_any_number_of_logins_leaves_room_for_those_of_others() {
    let tenants = tenants_with(Arc::new(MemoryReplayCache::with_capacity(40)));
    let idp = TestIdp::of_tenant(MALLORY);
    let mut settings = live("mallory", by_file(&idp));
    settings.unsolicited = UnsolicitedPolicy::Accept;
    tenants.put(settings, NOW).expect("good settings");
    tenants.put(live("contoso", by_file(&TestIdp::new())), NOW).expect("good settings");
    let base = "https://app.example/saml";
    let one = |number: usize| {
        let tile = idp.unsolicited(&format!("{base}/acs/mallory"), &format!("{base}/metadata/mallory"), NOW);
        let posted = tile.id(&format!("_m{number}")).posted();
        code(tenants.finish_unsolicited(Some(&id("mallory")), &posted, NOW))
    };
    let verdicts: Vec<_> = (0..60).map(one).collect();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == "accepted").count(), 20);
    assert!(verdicts.iter().skip(20).all(|verdict| *verdict == "saml.replay_cache_full"), "{verdicts:?}");
    for _ in 0..10 {
        assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), NOW, same)), "accepted");
    }
}

#[test]
fn the_domain_of_a_customer_whose_metadata_has_expired_is_still_this_customers() {
    let tenants = nobody();
    let expired = TestIdp::new().with_metadata_attributes("validUntil=\"2027-01-01T00:00:00Z\"");
    let domains = vec!["contoso.example".parse().expect("a domain")];
    let mut contoso = live("contoso", by_file(&expired));
    contoso.verified_domains = domains.clone();
    // A year ago this was accepted, and kept in the database.
    assert_eq!(code(tenants.put(contoso.clone(), NOW)), "saml.metadata_expired");
    drop(tenants.load(contoso, NOW).expect("what the database holds"));
    assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), NOW, same)), "saml.metadata_expired");
    let mut mallory = live("mallory", by_file(&TestIdp::of_tenant(MALLORY)));
    mallory.verified_domains = domains;
    assert_eq!(code(tenants.put(mallory, NOW)), "tenant.domain_taken");
}

#[test]
fn a_publisher_may_shorten_the_time_of_its_metadata() {
    let tenants = nobody();
    tenants.put(live("contoso", by_url("https://idp.example/metadata")), NOW).expect("good settings");
    let long = "validUntil=\"2099-01-01T00:00:00Z\"";
    assert_eq!(install(&tenants, &TestIdp::new(), long, None, NOW), "accepted");
    let (rolled, short) = (TestIdp::new().publishing(&[TestKey::Other]), "validUntil=\"2027-02-01T00:00:00Z\"");
    assert_eq!(install(&tenants, &rolled, short, None, NOW.plus(2 * HOUR)), "tenant.older_metadata");
    assert_eq!(install(&tenants, &rolled, short, None, NOW.plus(25 * HOUR)), "accepted");
}

#[test]
fn nothing_is_fetched_for_a_connection_that_is_disabled() {
    let tenants = nobody();
    tenants.put(live("mallory", by_url("https://inside.example/")), NOW).expect("good settings");
    tenants.set_state(&id("mallory"), ConnectionState::Disabled).expect("a connection");
    assert!(tenants.due(NOW).is_empty());
    tenants.set_state(&id("mallory"), ConnectionState::Live).expect("a connection");
    assert_eq!(tenants.due(NOW.plus(MINUTE * 5)).len(), 1);
}
