//! The life of a federation: many customers, keys that roll over, logins that begin at the identity provider.

#![expect(clippy::indexing_slicing, reason = "lists and texts of a known shape")]

use std::sync::Arc;
use std::time::Duration;

use entra_sso::http::{HttpResponse, Outcome, Routes};
use entra_sso::sp::{ClaimError, CookieKey, ReplayKey, Service};
use entra_sso::tenants::{
    Addresses, ConnectionState, Fetched, KeyChanges, Settings, Snapshot, Tenants, Trust, Unasked, UnsolicitedPolicy,
};
use entra_sso::testing::{ADA, ReceivedRequest, TENANT, TestIdp, TestKey, TestResponse};
use entra_sso::{
    AuthnRequest, Error, Login, MemoryReplayCache, PendingLogin, ReplayCache, ReturnTo, SystemRandom, TenantId,
    UnixTime, entra,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const FABRIKAM: &str = "00000000-0000-4000-8000-00000000fab0";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn id(text: &str) -> TenantId {
    text.parse().expect("an ID")
}

fn url_of(tenant: &str) -> Trust {
    let url = format!("https://login.microsoftonline.com/{tenant}/federationmetadata.xml");
    Trust::MetadataUrl { url: url.parse().expect("a URL"), entity_id: None }
}

fn xml_of(idp: &TestIdp) -> Trust {
    Trust::MetadataXml { xml: idp.metadata(), entity_id: None }
}

fn live(name: &str, trust: Trust) -> Settings {
    let mut settings = Settings::new(id(name), trust);
    settings.state = ConnectionState::Live;
    settings
}

fn nobody() -> Tenants {
    let base = "https://app.example/saml".parse().expect("a URL");
    Tenants::at(&base, Arc::new(MemoryReplayCache::default()))
}

/// One live connection by uploaded metadata, made different.
fn with(change: impl FnOnce(&mut Settings)) -> Tenants {
    let tenants = nobody();
    let mut settings = live("contoso", xml_of(&TestIdp::new()));
    change(&mut settings);
    tenants.put(settings, NOW).expect("good settings");
    tenants
}

fn start(tenants: &Tenants, name: &str, now: UnixTime) -> Result<(PendingLogin, ReceivedRequest), Error> {
    let started = tenants.start_login(&id(name), &AuthnRequest::new(), ReturnTo::default(), now, &rng())?;
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    Ok((started.pending, received))
}

fn login(
    tenants: &Tenants, name: &str, idp: &TestIdp, now: UnixTime, change: impl FnOnce(TestResponse) -> TestResponse,
) -> Result<Login, Error> {
    let (pending, received) = start(tenants, name, now)?;
    tenants.finish_login(pending, &change(idp.respond(&received, now)).posted(), now)
}

fn code<T>(result: Result<T, Error>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "accepted")
}

fn same(answer: TestResponse) -> TestResponse {
    answer
}

fn fetch(tenants: &Tenants, idp: &TestIdp, now: UnixTime) -> Result<KeyChanges, Error> {
    let mut due = tenants.due(now);
    assert_eq!(due.len(), 1, "one ticket");
    tenants.install(due.remove(0), Fetched::document(idp.metadata()), now)
}

// ---- three ways to trust ----

#[test]
fn an_administrator_can_choose_between_an_address_a_file_a_certificate_and_a_fingerprint() {
    let (idp, certificate) = (TestIdp::new(), TestKey::Idp.certificate());
    let by_hand = |certificates, fingerprints| Trust::ByHand {
        entity_id: idp.entity_id().parse().expect("a name"),
        sso_url: format!("https://login.microsoftonline.com/{TENANT}/saml2").parse().expect("a URL"),
        slo_url: None,
        certificates,
        fingerprints,
    };
    let fingerprint = certificate.thumbprint_sha256().parse().expect("a fingerprint");
    let ways = [
        ("url", url_of(TENANT)),
        ("file", xml_of(&idp)),
        ("certificate", by_hand(vec![certificate], Vec::new())),
        ("fingerprint", by_hand(Vec::new(), vec![fingerprint])),
    ];
    for (name, trust) in ways {
        let tenants = nobody();
        tenants.put(live(name, trust), NOW).expect(name);
        if name == "url" {
            assert_eq!(code(start(&tenants, name, NOW)), "tenant.not_ready");
            let changes = fetch(&tenants, &idp, NOW).expect("metadata");
            assert_eq!((changes.added.len(), changes.removed.len(), changes.ending.len()), (1, 0, 0));
        }
        assert!(tenants.due(NOW).is_empty(), "{name}");
        assert_eq!(code(login(&tenants, name, &idp, NOW, same)), "accepted", "{name}");
        let forged = login(&tenants, name, &idp, NOW, |answer| answer.key(TestKey::Other));
        assert!(["saml.unknown_signing_key", "saml.signature_invalid"].contains(&code(forged)), "{name}");
    }
    let nothing = nobody().put(live("nothing", by_hand(Vec::new(), Vec::new())), NOW);
    assert_eq!(code(nothing), "saml.metadata_no_signing_key");
}

#[test]
fn an_application_in_entra_is_named_by_two_guids() {
    let tenant = TENANT.parse().expect("a GUID");
    let app = entra::EntraApp::new(tenant, "1f3b7a50-0000-4000-8000-000000000002".parse().expect("a GUID"));
    let tenants = nobody();
    tenants.put(live("contoso", Trust::Entra(app.clone())), NOW).expect("good settings");
    let mut due = tenants.due(NOW);
    assert_eq!(due[0].url(), &app.metadata_url());
    // Another tenant's document is refused though it comes from the right address: the issuer is pinned from the start.
    let ticket = due.remove(0);
    let foreign = Fetched::document(TestIdp::of_tenant(FABRIKAM).metadata());
    assert_eq!(code(tenants.install(ticket, foreign, NOW)), "saml.metadata_other_entity");
    let later = NOW.plus(minutes(6));
    fetch(&tenants, &TestIdp::new(), later).expect("metadata");
    assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), later, same)), "accepted");
}

#[test]
fn settings_are_kept_as_json_and_read_again() {
    let text = r#"{
        "id": "contoso", "name": "Contoso", "state": "live",
        "trust": { "metadata_url": { "url": "https://login.microsoftonline.com/common/metadata.xml" } },
        "verified_domains": ["contoso.example"], "listed": true, "unsolicited": "restart",
        "return_origins": ["https://shop.app.example/"], "max_authn_age": 3600,
        "mapping": { "preset": "entra" }
    }"#;
    let settings: Settings = serde_json::from_str(text).expect("settings");
    let kept = serde_json::to_string(&settings).expect("JSON");
    let again: Settings = serde_json::from_str(&kept).expect("the same settings");
    assert_eq!(format!("{settings:?}"), format!("{again:?}"));
    assert!(kept.contains(r#""mapping":{"preset":"entra""#), "{kept}");
    assert_eq!(again.state, ConnectionState::Live);

    for (wrong, what) in [
        (text.replace("https://login", "http://login"), "only https is allowed"),
        (text.replace("contoso.example", "localhost"), "dot inside"),
        (text.replace("\"listed\"", "\"lsited\""), "unknown field `lsited`"),
        (text.replace("\"id\": \"contoso\"", "\"id\": \"a/b\""), "letters, digits"),
        (text.replace("\"preset\": \"entra\"", "\"rule\": []"), "neither preset nor rule"),
        (text.replace("restart", "whatever"), "unknown variant"),
    ] {
        let error = serde_json::from_str::<Settings>(&wrong).expect_err(what).to_string();
        assert!(error.contains(what), "{error} should speak of {what}");
    }
    let thumbprint = r#"{"id":"c","trust":{"by_hand":{"entity_id":"urn:idp","sso_url":"https://idp.example/sso",
        "fingerprints":["2C7A1B0F9E8D7C6B5A493827160504F3E2D1C0BF"]}}}"#;
    let error = serde_json::from_str::<Settings>(thumbprint).expect_err("SHA-1").to_string();
    assert!(error.contains("SHA-1 is no basis for trust"), "{error}");
}

// ---- tenants ----

#[test]
fn a_login_that_was_begun_for_one_customer_is_finished_for_no_other() {
    let tenants = nobody();
    // Two customers who share an identity provider, its keys and all our addresses.
    for name in ["contoso", "contoso-hr"] {
        let mut settings = live(name, xml_of(&TestIdp::new()));
        settings.addresses = Addresses::Shared;
        tenants.put(settings, NOW).expect("good settings");
    }
    let (pending, received) = start(&tenants, "contoso", NOW).expect("a login");
    let key = CookieKey::new([7; 32]);
    let relay_state = pending.relay_state().clone();
    let cookie = pending.into_cookie(&key, &rng()).expect("a cookie").into_string();
    let header = cookie.split(';').next().expect("a cookie").to_owned();
    let pending = PendingLogin::from_cookies(&header, Some(&relay_state), &key, NOW).expect("ours");
    assert_eq!(pending.tenant(), Some(&id("contoso")));
    let posted = TestIdp::new().respond(&received, NOW).posted();
    let other = tenants.get(&id("contoso-hr")).expect("a connection");
    assert_eq!(other.assertion_consumer_service().as_ref(), "https://app.example/saml/acs");
    let login = tenants.finish_login(pending, &posted, NOW).expect("a login");
    assert_eq!(login.tenant(), Some(&id("contoso")));
}

#[test]
fn the_keys_of_one_connection_verify_no_message_for_another() {
    let tenants = nobody();
    // Fabrikam's provider has Contoso's name and a key of its own.
    tenants.put(live("contoso", xml_of(&TestIdp::new())), NOW).expect("good settings");
    let evil = TestIdp::new().publishing(&[TestKey::Other]).signing_with(TestKey::Other);
    tenants.put(live("fabrikam", xml_of(&evil)), NOW).expect("good settings");
    assert_eq!(code(login(&tenants, "contoso", &evil, NOW, same)), "saml.unknown_signing_key");
    assert_eq!(code(login(&tenants, "fabrikam", &TestIdp::new(), NOW, same)), "saml.unknown_signing_key");
    assert_eq!(code(login(&tenants, "fabrikam", &evil, NOW, same)), "accepted");
    // It signs an answer for its own login as if it were Contoso's.
    let (pending, received) = start(&tenants, "contoso", NOW).expect("a login");
    assert_eq!(
        code(tenants.finish_login(pending, &evil.respond(&received, NOW).posted(), NOW)),
        "saml.unknown_signing_key"
    );
    let issuer = TestIdp::new().entity_id().parse().expect("a name");
    let mut both: Vec<_> = tenants.by_issuer(&issuer).iter().map(|found| found.id().to_string()).collect();
    both.sort();
    assert_eq!(both, ["contoso", "fabrikam"]);
}

#[test]
fn the_state_is_looked_at_again_when_the_answer_comes() {
    let tenants = with(|_| {});
    let (pending, received) = start(&tenants, "contoso", NOW).expect("a login");
    tenants.set_state(&id("contoso"), ConnectionState::Disabled).expect("a connection");
    let posted = TestIdp::new().respond(&received, NOW).posted();
    assert_eq!(code(tenants.finish_login(pending, &posted, NOW)), "tenant.disabled");
    assert_eq!(code(start(&tenants, "contoso", NOW)), "tenant.disabled");
    tenants.set_state(&id("contoso"), ConnectionState::Test).expect("a connection");
    let (pending, received) = start(&tenants, "contoso", NOW).expect("a login");
    tenants.remove(&id("contoso")).expect("it was there");
    let posted = TestIdp::new().respond(&received, NOW).posted();
    assert_eq!(code(tenants.finish_login(pending, &posted, NOW)), "tenant.unknown");
    assert_eq!(code(tenants.set_state(&id("contoso"), ConnectionState::Live)), "tenant.unknown");
    let issuer = TestIdp::new().entity_id().parse().expect("a name");
    assert!(tenants.by_issuer(&issuer).is_empty());
}

#[test]
fn settings_that_cannot_be_used_change_nothing() {
    let tenants = with(|settings| settings.verified_domains = vec!["contoso.example".parse().expect("a domain")]);
    let broken = Trust::MetadataXml { xml: "<html/>".to_owned(), entity_id: None };
    assert_eq!(code(tenants.put(live("contoso", broken), NOW)), "saml.metadata_unexpected_document");
    let mut thief = live("fabrikam", xml_of(&TestIdp::of_tenant(FABRIKAM)));
    thief.verified_domains = vec!["Contoso.Example".parse().expect("a domain")];
    assert_eq!(code(tenants.put(thief, NOW)), "tenant.domain_taken");
    assert!(tenants.get(&id("fabrikam")).is_none());
    assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), NOW, same)), "accepted");
}

#[test]
fn an_email_address_leads_to_the_live_connection_that_has_its_whole_domain() {
    let tenants = with(|settings| settings.verified_domains = vec!["contoso.example".parse().expect("a domain")]);
    let found = |address: &str| tenants.by_email(address).map(|found| found.id().to_string());
    let contoso = Some("contoso".to_owned());
    assert_eq!(found("ada@contoso.example"), contoso);
    assert_eq!(found(" \"a@b\"@CONTOSO.example "), contoso, "what stands behind the last @ is the domain");
    for nobody in
        ["contoso.example", "@contoso.example", "a@sub.contoso.example", "a@contoso.example.evil.example", "a@", ""]
    {
        assert_eq!(found(nobody), None, "{nobody}");
    }
    tenants.set_state(&id("contoso"), ConnectionState::Test).expect("a connection");
    assert_eq!(found("ada@contoso.example"), None);
    // In another script.
    let mut settings = live("mueller", xml_of(&TestIdp::new()));
    settings.verified_domains = vec!["Müller.example".parse().expect("a domain")];
    tenants.put(settings, NOW).expect("good settings");
    assert_eq!(found("a@xn--mller-kva.example"), Some("mueller".to_owned()));
    assert_eq!(found("a@MÜLLER.example"), Some("mueller".to_owned()));
    // A domain that was given up is nobody's.
    tenants.put(live("mueller", xml_of(&TestIdp::new())), NOW).expect("good settings");
    assert_eq!(found("a@xn--mller-kva.example"), None);
}

#[test]
fn a_person_is_found_by_a_key_that_no_other_connection_can_name() {
    use entra_sso::directory::PersonKey;
    let tenants = with(|_| {});
    tenants.put(live("fabrikam", xml_of(&TestIdp::new())), NOW).expect("good settings");
    let app = entra::EntraApp::new(TENANT.parse().expect("a GUID"), TENANT.parse().expect("a GUID"));
    tenants.put(live("by-guids", Trust::Entra(app)), NOW).expect("good settings");
    let _ = fetch(&tenants, &TestIdp::new(), NOW).expect("metadata");
    let key = |name: &str, change: fn(TestResponse) -> TestResponse| {
        let login = login(&tenants, name, &TestIdp::new(), NOW, change).expect("a login");
        let connection = tenants.get(&id(name)).expect("a connection");
        connection.person_key(&login).map(|key: PersonKey| key.to_string()).map_err(|error| error.code())
    };
    assert_eq!(key("contoso", same), Ok(format!("contoso:entra:{TENANT}/{ADA}")));
    assert_eq!(key("fabrikam", |answer| answer.id("f")), Ok(format!("fabrikam:entra:{TENANT}/{ADA}")));
    let elsewhere = |answer: TestResponse| answer.id("e").attribute(entra::claims::TENANT_ID, &[FABRIKAM]);
    assert_eq!(key("by-guids", elsewhere), Err("directory.key_missing"), "a person of another tenant");
    assert_eq!(key("by-guids", |answer| answer.id("g")), Ok(format!("by-guids:entra:{TENANT}/{ADA}")));
    let without = |answer: TestResponse| answer.id("w").attribute(entra::claims::OBJECT_ID, &[]);
    assert_eq!(key("contoso", without), Err("directory.name_id_not_persistent"));
    let stranger = login(&tenants, "contoso", &TestIdp::new(), NOW, |answer| answer.id("s")).expect("a login");
    assert!(tenants.get(&id("fabrikam")).expect("a connection").person_key(&stranger).is_err());
}

// ---- refresh ----

#[test]
fn a_ticket_is_handed_out_once_and_comes_again_if_it_is_dropped() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..7 {
        assert_eq!(tenants.due(now).len(), 1);
        assert!(tenants.due(now).is_empty(), "handed out");
        let asked = now;
        while tenants.next_due().is_some_and(|next| next > now) {
            now = now.plus(minutes(1));
        }
        waits.push(now.since(asked).as_secs() / 60);
    }
    // 5, 10, 20, 40 and then 60 minutes, a tenth more or less.
    for (waited, wanted) in waits.iter().zip([5, 10, 20, 40, 60, 60, 60_u64]) {
        let slack = wanted / 10 + 1;
        assert!((wanted.max(5 + slack) - slack..=wanted + slack).contains(waited), "{waits:?}");
    }
}

#[test]
fn metadata_is_fetched_hourly_and_as_often_as_it_asks_for_itself() {
    for (attributes, at_least, at_most) in [
        ("", 54, 66),
        ("cacheDuration=\"PT10M\"", 9, 11),
        ("cacheDuration=\"PT1S\"", 4, 6),
        ("cacheDuration=\"P1D\"", 54, 66),
        ("cacheDuration=\"soon\"", 54, 66),
        ("validUntil=\"2027-01-15T08:40:00Z\"", 18, 22),
    ] {
        let tenants = nobody();
        tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
        fetch(&tenants, &TestIdp::new().with_metadata_attributes(attributes), NOW).expect("metadata");
        let wait = tenants.next_due().expect("a date").since(NOW).as_secs() / 60;
        assert!((at_least..=at_most).contains(&wait), "{attributes}: {wait} minutes");
    }
}

#[test]
fn an_unknown_key_asks_for_one_refresh_at_most_every_five_minutes() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    fetch(&tenants, &TestIdp::new(), NOW).expect("metadata");
    let now = NOW.plus(minutes(1));
    let new_key = |answer: TestResponse| answer.key(TestKey::Other);
    for _ in 0..20 {
        assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), now, new_key)), "saml.unknown_signing_key");
    }
    assert!(tenants.due(now).is_empty(), "fetched a minute ago");
    let now = NOW.plus(minutes(5));
    let rolled = TestIdp::new().publishing(&[TestKey::Idp, TestKey::Other]).signing_with(TestKey::Other);
    let changes = fetch(&tenants, &rolled, now).expect("metadata");
    assert_eq!((changes.added.len(), changes.removed.len()), (1, 0));
    assert_eq!(code(login(&tenants, "contoso", &rolled, now, same)), "accepted");
    // A message that is merely wrong asks for nothing.
    let later = now.plus(minutes(6));
    assert_eq!(
        code(login(&tenants, "contoso", &rolled, later, |answer| answer.audience(Some("urn:x")))),
        "saml.audience_mismatch"
    );
    assert!(tenants.due(later).is_empty());
}

#[test]
fn a_bad_document_changes_nothing() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    let dated = TestIdp::new().with_metadata_attributes("validUntil=\"2027-03-01T00:00:00Z\"");
    fetch(&tenants, &dated, NOW).expect("metadata");
    let mut now = NOW;
    let none = TestIdp::new().publishing(&[]).metadata();
    let older = TestIdp::new().with_metadata_attributes("validUntil=\"2027-02-01T00:00:00Z\"").metadata();
    let over = TestIdp::new().with_metadata_attributes("validUntil=\"2026-02-01T00:00:00Z\"").metadata();
    let foreign = TestIdp::of_tenant(FABRIKAM).metadata();
    let huge = vec![b' '; 33 << 20];
    for (body, wanted) in [
        (b"<html><body>Sign in</body></html>".to_vec(), "saml.metadata_other_entity"),
        (b"".to_vec(), "saml.xml_malformed"),
        (none.into_bytes(), "saml.metadata_no_signing_key"),
        (older.into_bytes(), "tenant.older_metadata"),
        (over.into_bytes(), "saml.metadata_expired"),
        (foreign.into_bytes(), "saml.metadata_other_entity"),
        (huge, "saml.xml_too_large"),
    ] {
        now = now.plus(2 * HOUR);
        let ticket = tenants.due(now).pop().expect("a ticket");
        let found = code(tenants.install(ticket, Fetched::document(body), now));
        assert!(
            found == wanted || (wanted == "saml.metadata_other_entity" && found == "saml.metadata_unexpected_document"),
            "{found}, not {wanted}"
        );
        assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), now, same)), "accepted", "after {wanted}");
    }
    // Once its own time is over, what stands is no longer good.
    let end: UnixTime = "2027-03-01T00:00:00Z".parse().expect("a time");
    assert_eq!(code(start(&tenants, "contoso", end)), "saml.metadata_expired");
    assert_eq!(code(start(&tenants, "contoso", end.minus(minutes(1)))), "accepted");
}

#[test]
fn a_ticket_is_for_one_connection_one_address_and_one_time() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    let slow = tenants.due(NOW).pop().expect("a ticket");
    let later = NOW.plus(minutes(10));
    let quick = tenants.due(later).pop().expect("another ticket");
    let rolled = TestIdp::new().publishing(&[TestKey::Other]);
    tenants.install(quick, Fetched::document(rolled.metadata()), later).expect("metadata");
    let old = Fetched::document(TestIdp::new().metadata());
    assert_eq!(code(tenants.install(slow, old, later)), "tenant.stale_ticket", "the answer that was overtaken");

    let mut now = later.plus(2 * HOUR);
    let ticket = tenants.due(now).pop().expect("a ticket");
    tenants.put(live("contoso", url_of("elsewhere")), now).expect("other settings");
    let document = Fetched::document(TestIdp::new().metadata());
    assert_eq!(code(tenants.install(ticket, document.clone(), now)), "tenant.stale_ticket", "another address by now");
    assert_eq!(code(start(&tenants, "contoso", now)), "tenant.not_ready", "what came from the old address is gone");

    now = now.plus(minutes(10));
    let ticket = tenants.due(now).pop().expect("a ticket");
    tenants.remove(&id("contoso")).expect("it was there");
    assert_eq!(code(tenants.install(ticket, document, now)), "tenant.unknown");
}

#[test]
fn what_is_not_modified_stays_as_it_is() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    let ticket = tenants.due(NOW).pop().expect("a ticket");
    assert_eq!(ticket.etag(), None);
    let later = NOW.plus(minutes(10));
    assert_eq!(code(tenants.install(ticket, Fetched::NotModified, NOW)), "tenant.stale_ticket", "nothing stands yet");
    let ticket = tenants.due(later).pop().expect("a ticket");
    let body = TestIdp::new().metadata().into_bytes();
    tenants.install(ticket, Fetched::Document { body, etag: Some("\"1\"".into()) }, later).expect("metadata");
    let later = later.plus(2 * HOUR);
    let ticket = tenants.due(later).pop().expect("a ticket");
    assert_eq!(ticket.etag(), Some("\"1\""));
    let changes = tenants.install(ticket, Fetched::NotModified, later).expect("what stands");
    assert!(changes.added.is_empty() && changes.removed.is_empty());
    assert_eq!(tenants.get(&id("contoso")).and_then(|found| found.refreshed()), Some(later));
    assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), later, same)), "accepted");
}

#[test]
fn a_snapshot_lets_an_application_start_while_the_identity_provider_is_down() {
    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    tenants.put(live("fabrikam", url_of(FABRIKAM)), NOW).expect("good settings");
    for ticket in tenants.due(NOW) {
        let of = if ticket.tenant() == &id("contoso") { TENANT } else { FABRIKAM };
        tenants.install(ticket, Fetched::document(TestIdp::of_tenant(of).metadata()), NOW).expect("metadata");
    }
    let kept = serde_json::to_string(&tenants.snapshot()).expect("JSON");

    let tenants = nobody();
    tenants.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    tenants.put(live("fabrikam", url_of("elsewhere")), NOW).expect("other settings by now");
    let read = || serde_json::from_str::<Snapshot>(&kept).expect("a snapshot");
    let refused = tenants.restore(read(), NOW);
    let refused: Vec<_> = refused.iter().map(|(id, error)| (id.to_string(), error.code())).collect();
    assert_eq!(refused, [("fabrikam".to_owned(), "tenant.other_snapshot")]);
    assert_eq!(code(login(&tenants, "contoso", &TestIdp::new(), NOW, same)), "accepted");
    assert_eq!(tenants.due(NOW).len(), 2, "both are fetched all the same");
    // The other provider's name is still pinned.
    let later = NOW.plus(minutes(10));
    let ticket = tenants.due(later).into_iter().find(|ticket| ticket.tenant() == &id("contoso")).expect("a ticket");
    let foreign = Fetched::document(TestIdp::of_tenant(FABRIKAM).metadata());
    assert_eq!(code(tenants.install(ticket, foreign, later)), "saml.metadata_other_entity");

    for (from, to) in [
        ("\"certificates\":[\"MII", "\"certificates\":[\"XXI"),
        ("https://login", "http://login"),
        ("\"sso\"", "\"sos\""),
    ] {
        assert!(serde_json::from_str::<Snapshot>(&kept.replace(from, to)).is_err(), "{to}");
    }
    let without = serde_json::from_str::<serde_json::Value>(&kept).expect("JSON");
    let mut without = without;
    without[0]["idp"]["certificates"] = serde_json::json!([]);
    assert!(serde_json::from_value::<Snapshot>(without).is_err(), "no key, no identity provider");
}

#[test]
fn certificates_that_end_soon_are_told() {
    let tenants = with(|_| {});
    let certificate = TestKey::Idp.certificate();
    let end = certificate.not_after();
    assert_eq!(tenants.expiring(end.minus(31 * DAY), 30 * DAY).count(), 0);
    let soon: Vec<_> = tenants.expiring(end.minus(29 * DAY), 30 * DAY).collect();
    assert_eq!(soon.len(), 1);
    assert_eq!(soon[0].expiring(end.minus(29 * DAY), 30 * DAY).collect::<Vec<_>>(), [&certificate]);
    let by_url = nobody();
    by_url.put(live("contoso", url_of(TENANT)), NOW).expect("good settings");
    let late = end.minus(10 * DAY);
    let changes = fetch(&by_url, &TestIdp::new(), late).expect("metadata");
    assert_eq!(changes.ending, [certificate]);
}

// ---- answers that nobody asked for ----

fn unsolicited(acs: &str, audience: &str) -> TestResponse {
    TestIdp::new().unsolicited(acs, audience, NOW)
}

const OWN_ACS: &str = "https://app.example/saml/acs/contoso";
const OWN_NAME: &str = "https://app.example/saml/metadata/contoso";

#[test]
fn an_unsolicited_answer_is_taken_only_where_that_was_chosen() {
    let tenants = with(|_| {});
    let answer = unsolicited(OWN_ACS, OWN_NAME).posted();
    assert_eq!(code(tenants.finish_unsolicited(Some(&id("contoso")), &answer, NOW)), "saml.unsolicited");
    assert_eq!(code(tenants.finish_unsolicited(None, &answer, NOW)), "saml.unsolicited");

    let tenants = with(|settings| settings.unsolicited = UnsolicitedPolicy::Accept);
    let outcome = tenants.finish_unsolicited(Some(&id("contoso")), &answer, NOW).expect("a login");
    let Unasked::Accepted(login) = outcome else { panic!("a login") };
    assert_eq!(login.tenant(), Some(&id("contoso")));
    assert_eq!(code(tenants.finish_unsolicited(Some(&id("contoso")), &answer, NOW)), "saml.replayed");
    let solicited = unsolicited(OWN_ACS, OWN_NAME).id("b").in_response_to(Some("_x")).posted();
    assert_eq!(code(tenants.finish_unsolicited(Some(&id("contoso")), &solicited, NOW)), "saml.in_response_to_mismatch");
    assert_eq!(code(tenants.finish_unsolicited(None, &answer, NOW)), "saml.unsolicited", "it has addresses of its own");

    let tenants = with(|settings| settings.unsolicited = UnsolicitedPolicy::Restart);
    let outcome = tenants.finish_unsolicited(Some(&id("contoso")), &answer, NOW).expect("a restart");
    let Unasked::Restart(tenant, return_to) = outcome else { panic!("a restart") };
    assert_eq!((tenant, return_to.as_ref()), (id("contoso"), "/"));
}

#[test]
fn at_a_shared_address_each_candidate_judges_by_its_own_keys() {
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    let shared = |name: &str, idp: &TestIdp| {
        let mut settings = live(name, xml_of(idp));
        (settings.addresses, settings.unsolicited) = (Addresses::Shared, UnsolicitedPolicy::Accept);
        settings
    };
    let tenants = nobody();
    let other_app = TestIdp::new().publishing(&[TestKey::Other]);
    tenants.put(shared("contoso", &TestIdp::new()), NOW).expect("good settings");
    tenants.put(shared("contoso-hr", &other_app), NOW).expect("good settings");
    for (key, wanted) in [(TestKey::Idp, "contoso"), (TestKey::Other, "contoso-hr")] {
        let answer = unsolicited(acs, name).id(wanted).key(key).posted();
        let outcome = tenants.finish_unsolicited(None, &answer, NOW).expect("a login");
        let Unasked::Accepted(login) = outcome else { panic!("a login") };
        assert_eq!(login.tenant(), Some(&id(wanted)));
    }
    let forged = unsolicited(acs, name).key(TestKey::ServiceProvider).posted();
    assert_eq!(code(tenants.finish_unsolicited(None, &forged, NOW)), "saml.unknown_signing_key");
    let late = unsolicited(acs, name).id("late").posted();
    assert_eq!(
        code(tenants.finish_unsolicited(None, &late, NOW.plus(2 * HOUR))),
        "saml.expired",
        "who knew the key says why"
    );
    let unknown = unsolicited(acs, name).issuer("urn:nobody").posted();
    assert_eq!(code(tenants.finish_unsolicited(None, &unknown, NOW)), "saml.unsolicited");
    // A second one with the same key: nobody can say which is meant.
    tenants.put(shared("contoso-test", &TestIdp::new()), NOW).expect("good settings");
    let answer = unsolicited(acs, name).id("twice").posted();
    assert_eq!(code(tenants.finish_unsolicited(None, &answer, NOW)), "tenant.ambiguous");
    tenants.set_state(&id("contoso-test"), ConnectionState::Disabled).expect("a connection");
    assert_eq!(code(tenants.finish_unsolicited(None, &answer, NOW)), "tenant.ambiguous", "one to come back");
    tenants.remove(&id("contoso-test")).expect("a connection");
    assert_eq!(code(tenants.finish_unsolicited(None, &answer, NOW)), "accepted");
    // So many that somebody could have us verify signatures all day.
    for number in 0..9 {
        tenants.put(shared(&format!("more-{number}"), &TestIdp::new()), NOW).expect("good settings");
    }
    assert_eq!(
        code(tenants.finish_unsolicited(None, &unsolicited(acs, name).id("many").posted(), NOW)),
        "tenant.ambiguous"
    );
}

/// Where relay states of the shared vectors lead, by the origins that are ours.
#[test]
fn a_relay_state_leads_to_our_own_site_or_a_listed_one_and_nowhere_else() {
    let base: entra_sso::EndpointUrl = "https://sp.example.com/saml".parse().expect("a URL");
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    let sp = entra_sso::ServiceProvider::at(&base, idp);
    let listed = sp.clone().with_return_origin("https://shop.example.com/".parse().expect("a URL"));
    let leads = |sp: &entra_sso::ServiceProvider, text: &str| sp.return_to(text).map(|path| path.to_string()).ok();
    assert_eq!(leads(&sp, "https://sp.example.com/after?a=1").as_deref(), Some("/after?a=1"));
    assert_eq!(leads(&sp, "https://sp.example.com").as_deref(), Some("/"));
    assert_eq!(leads(&sp, "https://sp.example.com?a=1").as_deref(), Some("/?a=1"));
    assert_eq!(leads(&sp, "https://sp.example.com//evil.example/"), None);
    assert_eq!(leads(&sp, "https://shop.example.com/cart"), None);
    assert_eq!(leads(&listed, "https://shop.example.com/cart").as_deref(), Some("https://shop.example.com/cart"));
    for elsewhere in [
        "https://shop.example.com:444/",
        "https://shop.example.com.evil.example/",
        "https://shop.example.com@evil.example/",
        "http://shop.example.com/",
    ] {
        assert_eq!(leads(&listed, elsewhere), None, "{elsewhere}");
    }

    let file = std::path::Path::new("../shared/corpus/relaystate.jsonl");
    let Ok(text) = std::fs::read_to_string(file) else {
        assert!(std::env::var_os("CI").is_none(), "CI needs {}", file.display());
        return println!("no {}: 0 vectors ran", file.display());
    };
    let mut ran = 0;
    for line in text.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).expect("a vector");
        let relay_state = vector["relay_state"].as_str().expect("a text");
        let found = leads(&sp, relay_state);
        ran += 1;
        match vector["redirect"].as_str().expect("a verdict") {
            "yes" => assert!(found.as_deref().is_some_and(|path| path.starts_with('/')), "{line:.200}"),
            "no" | "default" => assert_eq!(found, None, "{line:.200}"),
            // A matter of policy: if it leads anywhere, then to a path on our own site.
            _ => assert!(found.is_none_or(|path| path.starts_with('/') && !path.starts_with("//")), "{line:.200}"),
        }
    }
    println!("{ran} vectors ran");
    assert_eq!(ran, 44);
}

// ---- in a browser ----

fn routes(tenants: Tenants) -> (Routes, Arc<Tenants>) {
    let tenants = Arc::new(tenants);
    (Routes::for_tenants(Arc::clone(&tenants), CookieKey::new([7; 32])), tenants)
}

fn header<'r>(response: &'r HttpResponse, name: &str) -> Option<&'r str> {
    response.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
}

fn respond(outcome: Outcome) -> HttpResponse {
    match outcome {
        Outcome::Respond(response) | Outcome::Refused(_, response) | Outcome::SignedIn(_, response) => response,
        other => panic!("{other:?}"),
    }
}

fn text(response: &HttpResponse) -> &str {
    std::str::from_utf8(&response.body).expect("text")
}

/// What the browser was sent to the identity provider with, and the cookie that it got.
fn sent(response: &HttpResponse) -> (ReceivedRequest, String, String) {
    let location = header(response, "location").expect("a redirect").to_owned();
    let query = location.split_once('?').expect("a query").1;
    let received = ReceivedRequest::from_query(query).expect("a request");
    let cookie = header(response, "set-cookie").expect("a cookie").split(';').next().expect("a cookie").to_owned();
    (received, cookie, location)
}

fn answer(path: &'static str, cookie: &str, answer: &TestResponse) -> Request {
    let mut request = post(&[cookie], answer.form());
    request.path = path;
    request
}

#[test]
fn a_direct_link_goes_straight_to_the_identity_provider_and_back() {
    let (routes, tenants) = routes(with(|_| {}));
    let fabrikam = live("fabrikam", xml_of(&TestIdp::of_tenant(FABRIKAM)));
    tenants.put(fabrikam, NOW).expect("good settings");
    let query = "return_to=%2Freports&login_hint=ada%40contoso.example&domain_hint=contoso.example";
    let response = respond(routes.handle_at(&get("/saml/login/contoso", Some(query)), NOW, &rng()));
    assert_eq!(response.status, 303);
    let (received, cookie, location) = sent(&response);
    assert!(location.ends_with("&login_hint=ada%40contoso.example&domain_hint=contoso.example"), "{location}");
    assert_eq!((received.issuer.as_str(), received.acs.as_str()), (OWN_NAME, OWN_ACS));
    let good = TestIdp::new().respond(&received, NOW);
    // Another connection's address is another place.
    let elsewhere = routes.handle_at(&answer("/saml/acs/fabrikam", &cookie, &good), NOW, &rng());
    let Outcome::Refused(error, _) = elsewhere else { panic!("{elsewhere:?}") };
    assert_eq!(error.code(), "saml.destination_mismatch");
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", &cookie, &good), NOW, &rng());
    let Outcome::SignedIn(login, response) = outcome else { panic!("{outcome:?}") };
    assert_eq!((login.tenant(), header(&response, "location")), (Some(&id("contoso")), Some("/reports")));
    let metadata = respond(routes.handle_at(&get("/saml/metadata/contoso", None), NOW, &rng()));
    assert!(text(&metadata).contains(OWN_ACS) && text(&metadata).contains(OWN_NAME));
    let shared = respond(routes.handle_at(&get("/saml/metadata", None), NOW, &rng()));
    assert!(text(&shared).contains("entityID=\"https://app.example/saml/metadata\""));
}

#[test]
fn an_unknown_tenant_a_disabled_one_and_an_unknown_domain_look_the_same() {
    let (routes, tenants) = routes(with(|_| {}));
    tenants.put(live("fabrikam", xml_of(&TestIdp::of_tenant(FABRIKAM))), NOW).expect("good settings");
    let mut pages = Vec::new();
    tenants.set_state(&id("fabrikam"), ConnectionState::Disabled).expect("a connection");
    for (path, query, wanted) in [
        ("/saml/login/nobody", None, "tenant.unknown"),
        ("/saml/login/no%20body", None, "tenant.unknown"),
        ("/saml/login/fabrikam", None, "tenant.disabled"),
        ("/saml/login", Some("email=ada%40nobody.example"), "tenant.unknown_domain"),
        ("/saml/login", Some("email=ada"), "tenant.unknown_domain"),
        ("/saml/metadata/nobody", None, "tenant.unknown"),
        ("/saml/metadata/fabrikam", None, "tenant.disabled"),
    ] {
        let outcome = routes.handle_at(&get(path, query), NOW, &rng());
        let Outcome::Refused(error, response) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code(), wanted, "{path}");
        pages.push((response.status, response.headers, response.body));
    }
    assert!(pages.windows(2).all(|two| two[0] == two[1]), "one page for all");
    for path in ["/saml/login/", "/saml/login/a/b", "/saml/acs/", "/saml/other"] {
        let outcome = routes.handle_at(&get(path, None), NOW, &rng());
        assert!(!matches!(outcome, Outcome::Respond(_) | Outcome::SignedIn(..)), "{path}");
    }
}

#[test]
fn a_person_chooses_on_a_plain_page_that_tells_no_more_than_is_listed() {
    let (routes, tenants) = routes(nobody());
    let page = |query: Option<&str>| respond(routes.handle_at(&get("/saml/login", query), NOW, &rng()));
    assert!(text(&page(None)).contains("Please use the link that your organisation gave you."));
    let put = |name: &str, title: &str, listed: bool, domain: Option<&str>| {
        let mut settings = live(name, xml_of(&TestIdp::new()));
        (settings.name, settings.listed) = (title.to_owned(), listed);
        settings.verified_domains = domain.into_iter().map(|domain| domain.parse().expect("a domain")).collect();
        tenants.put(settings, NOW).expect("good settings");
    };
    put("contoso", "Contoso <& Sons>", true, None);
    assert_eq!(page(None).status, 303, "the only one");
    put("secret", "Secret Customer", false, Some("secret.example"));
    put("alpha", "alpha", true, None);
    let shown = page(Some("return_to=%2Fa%3Fb%3D%22%3E"));
    let html = text(&shown);
    assert_eq!((shown.status, header(&shown, "cache-control")), (200, Some("no-store")));
    assert!(
        html.contains("href=\"/saml/login/contoso?return_to=%2Fa%3Fb%3D%22%3E\">Contoso &lt;&amp; Sons&gt;</a>"),
        "{html}"
    );
    assert!(html.find(">alpha<").expect("listed") < html.find(">Contoso").expect("listed"), "by name");
    assert!(!html.contains("ecret") && html.contains("type=\"email\""), "{html}");
    assert!(html.contains("name=\"return_to\" value=\"/a?b=&quot;&gt;\""), "{html}");
    assert!(!html.contains("<script") && !html.contains("onclick"));
    let refused = routes.handle_at(&get("/saml/login", Some("return_to=%2F%2Fevil.example")), NOW, &rng());
    assert!(matches!(refused, Outcome::Refused(error, _) if error.code() == "http.parameter"));
    let by_email = page(Some("email=eve%40secret.example&return_to=%2Fx"));
    let (received, _, location) = sent(&by_email);
    assert!(received.issuer.ends_with("/secret") && location.contains("login_hint=eve%40secret.example"));
    // Who is listed and what a domain leads to follow the state.
    for name in ["contoso", "alpha"] {
        tenants.set_state(&id(name), ConnectionState::Test).expect("a connection");
    }
    assert_eq!(page(None).status, 303, "the only live one");
    let own = Routes::for_tenants(Arc::clone(&tenants), CookieKey::new([7; 32])).with_chooser(|chooser| {
        HttpResponse::html(200, "default-src 'none'", format!("{} names", chooser.choices.len()))
    });
    tenants.set_state(&id("alpha"), ConnectionState::Live).expect("a connection");
    assert_eq!(text(&respond(own.handle_at(&get("/saml/login", None), NOW, &rng()))), "1 names");
}

#[test]
fn a_click_in_my_apps_begins_a_login_of_our_own() {
    let (routes, _) = routes(with(|settings| settings.unsolicited = UnsolicitedPolicy::Restart));
    let tile = unsolicited(OWN_ACS, OWN_NAME).relay_state(Some("https://app.example/reports"));
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", "", &tile), NOW, &rng());
    let Outcome::Respond(response) = outcome else { panic!("{outcome:?}") };
    let (received, cookie, _) = sent(&response);
    let good = TestIdp::new().respond(&received, NOW);
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", &cookie, &good), NOW, &rng());
    let Outcome::SignedIn(login, response) = outcome else { panic!("{outcome:?}") };
    assert_eq!((login.in_response_to().is_some(), header(&response, "location")), (true, Some("/reports")));
}

// ---- sessions ----

#[test]
fn an_old_session_at_the_identity_provider_is_asked_to_begin_anew_by_itself() {
    let (routes, _) = routes(with(|settings| settings.max_authn_age = Some(3600)));
    let old = |answer: TestResponse| answer.authn_instant(NOW.minus(2 * HOUR));
    let response = respond(routes.handle_at(&get("/saml/login", Some("return_to=%2Fpay")), NOW, &rng()));
    let (received, cookie, _) = sent(&response);
    assert!(!received.xml.contains("ForceAuthn"));
    let first = old(TestIdp::new().respond(&received, NOW));
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", &cookie, &first), NOW, &rng());
    let Outcome::Respond(response) = outcome else { panic!("{outcome:?}") };
    let (received, cookie, _) = sent(&response);
    assert!(received.xml.contains("ForceAuthn=\"true\""));
    // One that pays no heed is refused, and not asked for ever.
    let again = old(TestIdp::new().respond(&received, NOW));
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", &cookie, &again), NOW, &rng());
    let Outcome::Refused(error, _) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.code(), "saml.authentication_too_old");
    let fresh = TestIdp::new().respond(&received, NOW).id("fresh").authn_instant(NOW.plus(minutes(1)));
    let outcome = routes.handle_at(&answer("/saml/acs/contoso", &cookie, &fresh), NOW.plus(minutes(1)), &rng());
    let Outcome::SignedIn(_, response) = outcome else { panic!("{outcome:?}") };
    assert_eq!(header(&response, "location"), Some("/pay"));
}

#[test]
fn a_person_authenticates_anew_before_something_that_cannot_be_undone() {
    let (routes, tenants) = routes(with(|_| {}));
    let session = login(&tenants, "contoso", &TestIdp::new(), NOW, same).expect("a login");
    assert!(!session.is_reauthentication());
    let kept = session.subject().to_string();
    let subject = kept.parse().expect("what was kept");
    let begin = || {
        let path = "/transfer".parse().expect("a path");
        let outcome = routes.reauthenticate(&get("/transfer", None), Some(&id("contoso")), &subject, path, NOW, &rng());
        sent(&respond(outcome))
    };
    let try_with = |change: fn(TestResponse) -> TestResponse| {
        let (received, cookie, _) = begin();
        assert!(received.xml.contains("ForceAuthn=\"true\"") && !received.xml.contains("<saml:Subject"));
        let anew = TestIdp::new().respond(&received, NOW).id(&received.id).authn_instant(NOW);
        routes.handle_at(&answer("/saml/acs/contoso", &cookie, &change(anew)), NOW, &rng())
    };
    let Outcome::SignedIn(login, response) = try_with(same) else { panic!("the same person") };
    assert!(login.is_reauthentication() && header(&response, "location") == Some("/transfer"));
    let other = try_with(|answer| {
        answer.name_id("eve@contoso.example", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
    });
    assert!(matches!(other, Outcome::Refused(error, _) if error.code() == "saml.subject_mismatch"));
    let lazy = try_with(|answer| answer.authn_instant(NOW.minus(HOUR)));
    assert!(matches!(lazy, Outcome::Refused(error, _) if error.code() == "saml.authentication_too_old"));
    assert!("short".parse::<entra_sso::sp::Subject>().is_err());
}

// ---- our own keys ----

#[test]
fn our_own_key_rolls_over_without_an_outage_on_either_side() {
    let pair = |key: TestKey| (key.signing_key(), key.certificate());
    let (next, old) = (TestKey::Other.certificate(), TestKey::ServiceProvider.certificate());
    let ((key, certificate), (next_key, next_certificate)) = (pair(TestKey::ServiceProvider), pair(TestKey::Other));
    let before =
        Service::new().with_signing_key(key, certificate).expect("a pair").publishing_signing_certificate(next);
    let after = Service::new()
        .with_signing_key(next_key, next_certificate)
        .expect("a pair")
        .publishing_signing_certificate(old);
    for (service, signs) in [(before, TestKey::ServiceProvider), (after, TestKey::Other)] {
        let base = "https://app.example/saml".parse().expect("a URL");
        let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default())).with_service(service);
        let mut settings = live("contoso", xml_of(&TestIdp::new()));
        (settings.sign_requests, settings.authn_requests_signed) = (true, Some(false));
        settings.request_binding = Some(entra_sso::saml::Binding::Post);
        let connection = tenants.put(settings, NOW).expect("good settings");
        let metadata = connection.metadata().expect("metadata");
        assert!(metadata.contains("AuthnRequestsSigned=\"false\""), "a switch of its own");
        assert_eq!(metadata.matches("use=\"signing\"").count(), 2);
        let (_, received) = start(&tenants, "contoso", NOW).expect("a login");
        let der = signs.certificate();
        let enclosed = received.xml.replace(['\n', ' '], "");
        assert!(enclosed.contains(&base64(der.der())), "signed by {signs:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([0, 0].iter()).take(3).fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        for at in 0..4 {
            let sign = char::from(alphabet[word >> (18 - 6 * at) & 63]);
            out.push(if at <= chunk.len() { sign } else { '=' });
        }
    }
    out
}

// ---- a year ----

/// What nobody could reach: claims fail while it is down.
#[derive(Debug, Default)]
struct Store {
    memory: MemoryReplayCache,
    down: std::sync::atomic::AtomicBool,
}

impl ReplayCache for Store {
    fn claim(&self, key: &ReplayKey, expires: UnixTime, now: UnixTime) -> Result<(), ClaimError> {
        match self.down.load(std::sync::atomic::Ordering::Relaxed) {
            true => Err(ClaimError::Unavailable),
            false => self.memory.claim(key, expires, now),
        }
    }
}

/// One federation through a year, hour by hour: metadata is fetched when it is due, every twelve hours somebody signs in, and
/// somebody tries what must not work.
#[test]
fn in_a_year_no_good_login_is_lost_and_no_bad_one_is_accepted() {
    let store = Arc::new(Store::default());
    let tenants = Tenants::at(&"https://app.example/saml".parse().expect("a URL"), store.clone());
    let start_of_year = TestKey::Idp.certificate().not_before().max(NOW);
    tenants.put(live("contoso", url_of(TENANT)), start_of_year).expect("good settings");
    let at = |day: u64| start_of_year.plus(DAY * u32::try_from(day).expect("a day"));
    // Day 100: a new key is announced; day 130: it signs; day 160: the old one is gone.
    let both = TestIdp::new().publishing(&[TestKey::Idp, TestKey::Other]);
    let last = TestIdp::new().publishing(&[TestKey::Other]).signing_with(TestKey::Other);
    let phases = [TestIdp::new(), both.clone(), both.signing_with(TestKey::Other), last].map(|idp| {
        let metadata = idp.metadata();
        (idp, metadata)
    });
    let foreign = TestIdp::of_tenant(FABRIKAM).publishing(&[TestKey::ServiceProvider]).metadata();
    let (mut good, mut bad, mut fetched, mut failed, mut told) = (0, 0, 0, 0, Vec::new());
    let mut now = start_of_year;
    while now < at(365) {
        let during = |from: u64, to: u64| now >= at(from) && now < at(to);
        let phase = [100, 130, 160].iter().filter(|day| now >= at(**day)).count();
        let (idp, metadata) = &phases[phase];
        for ticket in tenants.due(now) {
            let document = match () {
                // Day 50: nothing can be fetched for a day. Day 60: a page of a proxy's. Day 70: another tenant's.
                () if during(50, 51) => {
                    failed += 1;
                    continue;
                }
                () if during(60, 61) => "<html><body>Please sign in to the network</body></html>".to_owned(),
                () if during(70, 71) => foreign.clone(),
                () => metadata.clone(),
            };
            match tenants.install(ticket, Fetched::document(document), now) {
                Ok(changes) => {
                    fetched += 1;
                    let day = now.since(start_of_year).as_secs() / 86_400;
                    if !changes.added.is_empty() || !changes.removed.is_empty() {
                        told.push((day, changes.added.len(), changes.removed.len()));
                    }
                }
                Err(_) => failed += 1,
            }
        }
        let hour = now.since(start_of_year).as_secs() / 3600;
        if !hour.is_multiple_of(12) {
            now = now.plus(HOUR);
            continue;
        }
        // Somebody signs in, and takes five minutes.
        let (pending, received) = start(&tenants, "contoso", now).expect("a login begins");
        // Day 200: the connection is disabled in the middle of a login, for four hours. Day 210: the store is away.
        let disabled = during(200, 201) && now < at(200).plus(4 * HOUR);
        let state = if disabled { ConnectionState::Disabled } else { ConnectionState::Live };
        let away = during(210, 211);
        store.down.store(away, std::sync::atomic::Ordering::Relaxed);
        tenants.set_state(&id("contoso"), state).expect("a connection");
        let later = now.plus(minutes(5));
        let posted = idp.respond(&received, later).posted();
        // The key signs from the minute that it is switched; who asked by the old one is answered by the new one.
        let verdict = code(tenants.finish_login(pending, &posted, later));
        match () {
            () if disabled => assert_eq!(verdict, "tenant.disabled"),
            () if away => assert_eq!(verdict, "saml.replay_cache_unavailable"),
            () => {
                assert_eq!(verdict, "accepted", "{now}");
                good += 1;
            }
        }
        tenants.set_state(&id("contoso"), ConnectionState::Live).expect("a connection");
        store.down.store(false, std::sync::atomic::Ordering::Relaxed);
        // What must not work: a stranger's key, a key that is gone or not there yet, another tenant's answer.
        let gone = if now >= at(160).plus(2 * HOUR) { TestKey::Idp } else { TestKey::ServiceProvider };
        let early = if now < at(100) { TestKey::Other } else { TestKey::ServiceProvider };
        for evil in [
            TestIdp::new().signing_with(TestKey::ServiceProvider),
            TestIdp::new().signing_with(gone),
            TestIdp::new().signing_with(early),
            TestIdp::of_tenant(FABRIKAM),
        ] {
            let verdict = code(login(&tenants, "contoso", &evil, now, same));
            assert!(["saml.unknown_signing_key", "saml.issuer_mismatch"].contains(&verdict), "{now}: {verdict}");
            bad += 1;
        }
        now = now.plus(HOUR);
    }
    println!("{good} good logins, {bad} bad ones, {fetched} documents, {failed} failures, changes {told:?}");
    assert_eq!(good, 365 * 2 - 1 - 2);
    assert_eq!(told, [(0, 1, 0), (100, 1, 0), (160, 0, 1)]);
    assert!(fetched > 15 * 360 && failed > 20, "{fetched} {failed}");
}
