//! Attempts on this crate by somebody who had not written it: what was found by them, and variations of published
//! attacks that nothing else here holds.
#![expect(clippy::string_slice, reason = "texts of a known shape")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::inside;
use entra_sso::mapping::{Mapping, Rule, Rules, Source};
use entra_sso::saml::LogoutMessage;
use entra_sso::sp::{LogoutStyle, Service};
use entra_sso::tenants::{
    Addresses, ConnectionState, Fetched, Settings, Snapshot, Tenants, Trust, Unasked, UnsolicitedPolicy,
};
use entra_sso::testing::{ReceivedRequest, TestIdp, TestKey, TestLogout, TestResponse, TestSigning, sign_octets};
use entra_sso::{
    Error, Login, MemoryReplayCache, PendingLogin, PostedResponse, ReturnTo, ServiceProvider, SystemRandom, UnixTime,
};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ADAS_NAME: &str = "ada@contoso.example";
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn sp() -> ServiceProvider {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    let key = TestKey::ServiceProvider;
    let service = Service::new().with_signing_key(key.signing_key(), key.certificate()).expect("a pair");
    let base = "https://app.example/saml".parse().expect("a URL");
    ServiceProvider::at(&base, idp).with_service(service).with_logout_style(LogoutStyle::Saml)
}

fn start(sp: &ServiceProvider) -> (PendingLogin, TestResponse) {
    let started = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    (started.pending, TestIdp::new().respond(&received, NOW))
}

fn judge(sp: &ServiceProvider, pending: PendingLogin, message: &[u8], now: UnixTime) -> Result<Login, Error> {
    let posted = PostedResponse::from_fields(&STANDARD.encode(message), None)?;
    sp.judge_login(pending, &posted, now)?.settle(Ok(()))
}

/// What becomes of the bytes that somebody makes of an answer: the name that signs in, or the code of the refusal.
fn verdict(make: impl FnOnce(TestResponse) -> Vec<u8>) -> String {
    let sp = sp();
    let (pending, answer) = start(&sp);
    match judge(&sp, pending, &make(answer), NOW) {
        Ok(login) => login.name_id().value.clone(),
        Err(error) => error.code().to_owned(),
    }
}

/// What the identity provider signs after `from` was replaced.
fn strange(from: &str, to: &str) -> String {
    verdict(|answer| {
        assert!(answer.xml().contains(from), "there is no {from}");
        answer.replace_before_signing(from, to).xml().into_bytes()
    })
}

/// What an attacker makes of a good answer by replacing `from`.
fn edited(signing: TestSigning, from: &str, to: &str) -> String {
    verdict(|answer| {
        let xml = answer.signing(signing).xml();
        assert!(xml.contains(from), "there is no {from}");
        xml.replacen(from, to, 1).into_bytes()
    })
}

fn login(change: impl FnOnce(TestResponse) -> TestResponse) -> Login {
    let sp = sp();
    let (pending, answer) = start(&sp);
    judge(&sp, pending, change(answer).xml().as_bytes(), NOW).expect("a login")
}

fn code<T>(result: Result<T, Error>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "accepted")
}

// ---- what was found ----

/// H3: a customer who names the identity provider of another one, its certificate (which is public), and the shared
/// address, gets no answer that was meant for the other: not even if the other takes none that it did not ask for.
#[test]
fn an_unasked_answer_for_a_customer_who_takes_none_is_not_taken_by_another_who_names_the_same_provider() {
    let shared = |name: &str, unsolicited| {
        let trust = Trust::MetadataXml { xml: TestIdp::new().metadata(), entity_id: None };
        let mut settings = Settings::new(name.parse().expect("an ID"), trust);
        (settings.state, settings.addresses) = (ConnectionState::Live, Addresses::Shared);
        settings.unsolicited = unsolicited;
        settings
    };
    for policy in [UnsolicitedPolicy::Accept, UnsolicitedPolicy::Restart] {
        let base = "https://app.example/saml".parse().expect("a URL");
        let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
        let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
        let tile = TestIdp::new().unsolicited(acs, name, NOW).posted();
        tenants.put(shared("contoso", UnsolicitedPolicy::Refuse), NOW).expect("good settings");
        assert_eq!(code(tenants.finish_unsolicited(None, &tile, NOW)), "saml.unsolicited");
        tenants.put(shared("mallory", policy), NOW).expect("good settings");
        assert_eq!(code(tenants.finish_unsolicited(None, &tile, NOW)), "tenant.ambiguous", "{policy:?}");
        // Whose keys do not know it is not meant.
        let mut other = shared("contoso", UnsolicitedPolicy::Refuse);
        let idp = TestIdp::new().publishing(&[TestKey::Other]);
        other.trust = Trust::MetadataXml { xml: idp.metadata(), entity_id: None };
        tenants.put(other, NOW).expect("good settings");
        match tenants.finish_unsolicited(None, &tile, NOW).expect("an answer for the only one") {
            Unasked::Accepted(login) => assert_eq!(login.tenant().map(AsRef::as_ref), Some("mallory")),
            Unasked::Restart(tenant, _) => assert_eq!(tenant.as_ref(), "mallory"),
            other => panic!("{other:?}"),
        }
    }
}

/// H3, the same with a customer who takes such answers, but not from sessions as old as this one.
#[test]
fn an_unasked_answer_that_is_too_old_for_one_customer_is_not_taken_by_another_who_names_the_same_provider() {
    let trust = || Trust::MetadataXml { xml: TestIdp::new().metadata(), entity_id: None };
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    for (name, oldest) in [("contoso", Some(60)), ("mallory", None)] {
        let mut settings = Settings::new(name.parse().expect("an ID"), trust());
        (settings.addresses, settings.unsolicited) = (Addresses::Shared, UnsolicitedPolicy::Accept);
        settings.max_authn_age = oldest;
        tenants.put(settings, NOW).expect("good settings");
    }
    let (acs, name) = ("https://app.example/saml/acs", "https://app.example/saml/metadata");
    let old = TestIdp::new().unsolicited(acs, name, NOW).authn_instant(NOW.minus(Duration::from_secs(3600)));
    assert_eq!(code(tenants.finish_unsolicited(None, &old.posted(), NOW)), "tenant.ambiguous");
}

/// I1: without its `entity_id` a connection believes the first document that comes. A misspelt one must not be left out.
#[test]
fn a_misspelt_word_in_a_reason_to_trust_is_refused() {
    let read = |trust: &str| serde_json::from_str::<Settings>(&format!(r#"{{"id":"contoso","trust":{trust}}}"#));
    let pinned = r#"{"metadata_url":{"url":"https://idp.example/md","entity_id":"https://idp.example/"}}"#;
    assert!(matches!(
        read(pinned).expect("good settings").trust,
        Trust::MetadataUrl { entity_id: Some(name), .. } if name.as_ref() == "https://idp.example/"
    ));
    for misspelt in ["entityId", "entity_ID", "entityID", "issuer"] {
        let error = read(&pinned.replace("entity_id", misspelt)).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains(misspelt)), "{misspelt}");
    }
}

/// I1, in what a program keeps: metadata that never ends comes of one wrong letter.
#[test]
fn a_misspelt_word_in_what_was_kept_is_refused() {
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    let trust = Trust::MetadataUrl { url: "https://idp.example/md".parse().expect("a URL"), entity_id: None };
    tenants.put(Settings::new("contoso".parse().expect("an ID"), trust), NOW).expect("good settings");
    let document = TestIdp::new().with_metadata_attributes("validUntil=\"2027-01-15T09:00:00Z\"").metadata();
    let ticket = tenants.due(NOW).pop().expect("one to fetch");
    tenants.install(ticket, Fetched::document(document), NOW).expect("metadata");
    let kept = serde_json::to_string(&tenants.snapshot()).expect("text");
    assert!(serde_json::from_str::<Snapshot>(&kept).is_ok());
    let misspelt = kept.replace("valid_until", "validUntil");
    let error = serde_json::from_str::<Snapshot>(&misspelt).expect_err("a wrong letter").to_string();
    assert!(kept != misspelt && error.contains("validUntil"), "{error}");
}

/// M8, for logouts: before the claim nothing is read of a message, in a log neither.
#[test]
fn an_unclaimed_logout_request_prints_nothing_but_what_is_to_be_claimed() {
    let sp = sp();
    let request = TestIdp::new().logout_request(&login(|same| same).logout_handle(), sp.single_logout_service(), NOW);
    let request = request.session_indexes(&["_a-session"]).relay_state(Some("their-state"));
    assert_eq!(format!("{:?}", request.message()), "LogoutMessage { kind: Request, .. }");
    let printed = format!("{:?}", sp.judge_logout_request(&request.message(), NOW).expect("a request"));
    assert!(printed.contains("_l1800000000000"), "the ID is what is claimed: {printed}");
    for secret in ["_a-session", "their-state", "session", "relay"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}

/// K2, in a mapping: each value was compared with each entry of the table. That this takes no longer for more entries is
/// counted by tests/hostile.sh ("values and entries of a table"); that each is still found, here.
#[test]
fn a_table_that_ignores_case_is_looked_up_in_any_case() {
    let role = |value: &str| {
        let table = (0..1200).map(|number| (format!("gRoup-{number:04}"), format!("Role{number}"))).collect();
        let (table, from) = (Some(table), vec![Source::Name("groups".into())]);
        let rule = Rule { field: "role".into(), from, table, ignore_case: true, optional: true, ..Rule::default() };
        let mapping = Mapping::try_from(Rules { preset: None, rules: vec![rule] }).expect("good rules");
        let login = login(|answer| answer.attribute("groups", &[value]));
        let mapped = mapping.apply(login.claims()).map_err(|error| error.code());
        mapped.map(|mapped| mapped.one("role").map(str::to_owned))
    };
    for value in ["gRoup-0007", "GROUP-0007", "group-0007"] {
        assert_eq!(role(value), Ok(Some("Role7".into())), "the name is left in its case");
    }
    assert_eq!(role("group-1200"), Ok(None));
}

/// K2, in a mapping: fifty sources of fifty parts each read all attributes 2,500 times for one field; and where no rule
/// had too many, a hundred rules had 5,000.
#[test]
fn what_is_joined_counts_among_the_sources_of_a_rule_and_of_all() {
    let rules = |fields: usize, joined: usize, parts: usize| {
        let join = |at| Source::Joined((0..parts).map(|part| Source::Name(format!("a{at}-{part}"))).collect());
        let from: Vec<_> = (0..joined).map(join).collect();
        let rule = |at| Rule { field: format!("f{at}"), from: from.clone(), optional: true, ..Rule::default() };
        let rules = (0..fields).map(rule).collect();
        Mapping::try_from(Rules { preset: None, rules }).map_err(|error| error.reason)
    };
    assert!(rules(1, 10, 5).is_ok() && rules(6, 1, 50).is_ok());
    assert_eq!(rules(1, 50, 50).err(), Some("it has more than 50 sources"));
    assert_eq!(rules(1, 10, 6).err(), Some("it has more than 50 sources"));
    assert_eq!(rules(7, 1, 50).err(), Some("its rules have more than 300 sources"));
    assert_eq!(rules(100, 50, 1).err(), Some("its rules have more than 300 sources"));
}

/// K2, in a mapping: a hundred fields that each join one long value fifty times were a billion bytes; and fifty looks at
/// a value of blanks for each field took seconds. What is left of that is counted by tests/hostile.sh.
#[test]
fn one_long_value_does_not_become_a_record_of_many() {
    let of = |from: Vec<Source>| {
        let rules = vec![Rule { field: "f".into(), from, optional: true, ..Rule::default() }];
        Mapping::try_from(Rules { preset: None, rules })
    };
    let (name, friendly) = (Source::Name("a".into()), Source::FriendlyName("a".into()));
    let again = of(vec![Source::Joined(vec![name.clone(); 50])]);
    assert_eq!(again.err().map(|error| error.reason), Some("it joins the same source twice"));
    let again = of(vec![name.clone(); 50]);
    assert_eq!(again.err().map(|error| error.reason), Some("it has the same source twice"));
    let joined = of(vec![Source::Joined(vec![friendly, Source::NameId, name])]).expect("good rules");
    let login = login(|answer| {
        let answer = answer.attribute("a", &[&"x".repeat(200_000)]);
        answer.replace_before_signing("<Attribute Name=\"a\"", "<Attribute FriendlyName=\"a\" Name=\"a\"")
    });
    assert_eq!(joined.apply(login.claims()).map(|_| ()).map_err(|error| error.code()), Err("mapping.too_long"));
}

/// G1: an empty name among our own, by a field that was left empty, makes no assertion ours that names nobody.
#[test]
fn an_empty_audience_is_nobody() {
    let sp = sp().with_audience("");
    let (pending, answer) = start(&sp);
    let answer = answer.replace_before_signing("<Audience>https://app.example/saml/metadata</Audience>", "<Audience/>");
    assert!(answer.xml().contains("<Audience/>"));
    assert_eq!(code(judge(&sp, pending, answer.xml().as_bytes(), NOW)), "saml.audience_mismatch");
}

// ---- variations that find nothing ----

/// A8: an attribute of the right name in a namespace is another attribute, in the envelope and in the assertion.
#[test]
fn an_attribute_in_a_namespace_stands_for_none_without() {
    let declared = format!("xmlns:p=\"{SAMLP}\" p:");
    let both = |name: &str| {
        edited(TestSigning::Assertion, &format!(" {name}="), &format!(" {declared}{name}=\"_evil\" {name}="))
    };
    let only = |name: &str| edited(TestSigning::Assertion, &format!(" {name}="), &format!(" {declared}{name}="));
    for name in ["InResponseTo", "Destination", "Version", "IssueInstant"] {
        assert_eq!(both(name), ADAS_NAME, "{name}");
    }
    assert_eq!(only("InResponseTo"), "saml.in_response_to_mismatch");
    assert_eq!(only("Version"), "saml.xml_schema");
    assert_eq!(only("ID"), "saml.ambiguous_id");
    let signed = |name: &str| {
        strange("<SubjectConfirmationData InResponseTo", "<SubjectConfirmationData xmlns:p=\"urn:p\" p:InResponseTo")
            + " "
            + &strange(&format!(" {name}=\""), &format!(" xmlns:q=\"urn:q\" q:{name}=\""))
    };
    assert_eq!(signed("Recipient"), "saml.in_response_to_mismatch saml.recipient_mismatch");
    assert_eq!(strange("<Attribute Name=", "<Attribute xmlns:q=\"urn:q\" q:Name="), "saml.xml_schema");
}

/// A9: what has the name of an attribute in another namespace is not read, and does not stand where attributes do.
#[test]
fn an_attribute_of_another_namespace_is_none() {
    for name in ["Attribute", "EncryptedAttribute"] {
        let other = format!("<AttributeStatement><x:{name} xmlns:x=\"urn:x\" Name=\"groups\"/>");
        assert_eq!(strange("<AttributeStatement>", &other), "saml.xml_schema", "{name}");
    }
}

/// D5, D6: bytes that some reader takes for a character, and characters that some writer drops.
#[test]
fn no_strange_byte_or_character_shortens_or_changes_a_name() {
    let put = |bytes: &[u8]| {
        verdict(|answer| {
            let xml = answer.signing(TestSigning::Response).xml();
            let (head, tail) = xml.split_at(xml.find(ADAS_NAME).expect("a name") + 3);
            [head.as_bytes(), bytes, tail.as_bytes()].concat()
        })
    };
    // Overlong, half, surrogate and far too large; then what XML leaves out; then references to the same.
    for bytes in
        [&b"\xC0\x80"[..], b"\xC1\xA1", b"\xE0\x80\xBC", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xFE\xFF", b"\x80"]
    {
        assert_eq!(put(bytes), "saml.xml_not_utf8", "{bytes:x?}");
    }
    for bytes in [
        &b"\0"[..],
        b"\x08",
        b"\x0B",
        b"\x1F",
        b"\xEF\xBF\xBE",
        b"\xEF\xBF\xBF",
        b"&#0;",
        b"&#xFFFE;",
        b"&#xD800;",
        b"&#x110000;",
        b"&#4294967361;",
        b"&#+65;",
        b"&# 65;",
        b"&#X41;",
        b"&amp",
        b"<?a?>",
        b"]]>",
    ] {
        assert_eq!(put(bytes), "saml.xml_malformed", "{bytes:x?}");
    }
    // Characters of XML that do not show: signed or not, they are part of the name.
    for text in ["\u{feff}", "\u{200b}", "\u{85}", "\u{2028}", "\u{1fffe}", "\u{e0041}", "\u{202e}"] {
        let changed = strange(ADAS_NAME, &format!("ada{text}@contoso.example"));
        assert_eq!(changed, format!("ada{text}@contoso.example"));
        assert_eq!(put(text.as_bytes()), "saml.digest_mismatch", "{text:?}");
    }
    let twice = |marks: &str| verdict(|answer| [marks.as_bytes(), answer.xml().as_bytes()].concat());
    assert_eq!(twice("\u{feff}"), ADAS_NAME);
    assert_eq!(twice("\u{feff}\u{feff}"), "saml.xml_malformed");
    assert_eq!(twice("\u{feff}<?xml version=\"1.0\"?>"), ADAS_NAME);
    assert_eq!(twice(" <?xml version=\"1.0\"?>"), "saml.xml_malformed");
}

/// Signs the assertion anew, with these lists of prefixes for the assertion and for `SignedInfo`.
fn with_prefixes(xml: &str, ours: &str, own: &str) -> String {
    let signature = |info: &str, value: &str| {
        format!(
            "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\">{info}<SignatureValue>{value}</SignatureValue></Signature>"
        )
    };
    let list = |of: &str| {
        format!("<i:InclusiveNamespaces xmlns:i=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{of}\"/>")
    };
    let c14n = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let start = xml.find("<Signature ").expect("a signature");
    let end = xml.find("</Signature>").expect("a signature") + "</Signature>".len();
    let id = xml.split_once("<Assertion ID=\"").and_then(|(_, rest)| rest.split_once('"')).expect("an ID").0;
    let octets = |text: &str, apex, prefixes: &str| {
        let prefixes: Vec<&str> = prefixes.split_ascii_whitespace().collect();
        inside::canonical(text.as_bytes(), apex, &prefixes).expect("a canonical form")
    };
    let bare = format!("{}{}", &xml[..start], &xml[end..]);
    // Response, Issuer, Status, StatusCode, Assertion.
    let digest = ring::digest::digest(&ring::digest::SHA256, octets(&bare, 4, ours).as_bytes());
    let digest = STANDARD.encode(digest.as_ref());
    let info = format!(
        "<SignedInfo><CanonicalizationMethod Algorithm=\"{c14n}\">{}</CanonicalizationMethod>\
         <SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Reference URI=\"#{id}\"><Transforms>\
         <Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/><Transform Algorithm=\"{c14n}\">{}\
         </Transform></Transforms><DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
         <DigestValue>{digest}</DigestValue></Reference></SignedInfo>",
        list(own),
        list(ours)
    );
    let placed = |value: &str| format!("{}{}{}", &xml[..start], signature(&info, value), &xml[end..]);
    // Issuer, Signature, SignedInfo.
    let value = sign_octets(&TestKey::Idp.signing_key(), octets(&placed(""), 7, own).as_bytes());
    placed(&STANDARD.encode(value))
}

/// D8: a list of prefixes that names what is not there, what needs no declaration, and the default namespace, makes
/// what is around part of what was signed, and never part of what is read.
#[test]
fn a_strange_list_of_prefixes_signs_more_and_reads_nothing_else() {
    let list = "xml xmlns #default samlp ghost ghost ID";
    let with = |ours: &'static str, own: &'static str, around: &'static str| {
        verdict(|answer| {
            let xml = with_prefixes(&answer.xml(), ours, own);
            xml.replacen("<samlp:Response ", &format!("<samlp:Response {around}"), 1).into_bytes()
        })
    };
    assert_eq!(with("", "", ""), ADAS_NAME);
    assert_eq!(with(list, list, ""), ADAS_NAME);
    assert_eq!(with(list, list, "xmlns:other=\"urn:o\" xml:lang=\"en\" "), ADAS_NAME);
    assert_eq!(with(list, "", "xmlns:ghost=\"urn:g\" "), "saml.digest_mismatch");
    assert_eq!(with("", list, "xmlns:ghost=\"urn:g\" "), "saml.unknown_signing_key");
    assert_eq!(with(list, "", "xmlns=\"urn:d\" "), ADAS_NAME, "the assertion has a default namespace of its own");
    assert_eq!(with("", "", "xmlns:other=\"rel/ative\" "), "saml.signature_malformed");
    assert_eq!(with("", "", "xmlns:xml=\"urn:x\" "), "saml.xml_malformed");
    assert_eq!(with("", "", "xmlns:xmlns=\"urn:x\" "), "saml.xml_malformed");
    assert_eq!(with("", "", "xmlns:a=\"http://www.w3.org/XML/1998/namespace\" "), "saml.xml_malformed");
}

/// F1: a query that other readers take apart in another way.
#[test]
fn a_query_that_another_reader_would_split_otherwise_signs_nobody_out() {
    let request = |change: fn(TestLogout) -> TestLogout| {
        let sp = sp();
        let handle = login(|same| same).logout_handle();
        change(TestIdp::new().logout_request(&handle, sp.single_logout_service(), NOW).relay_state(Some("theirs")))
            .query()
    };
    let good = request(|same| same);
    let by = |query: &str| {
        let judge = |message| sp().finish_logout_request(&message, NOW, &MemoryReplayCache::default());
        code(LogoutMessage::from_query(query).map_err(Into::into).and_then(judge))
    };
    let cases = [
        (good.clone(), "accepted"),
        (format!("{good}&"), "accepted"),
        (format!("&&{good}&x=1"), "accepted"),
        (format!("?{good}"), "saml.form_field_missing"),
        (good.replacen("SAMLRequest", "samlrequest", 1), "saml.form_field_missing"),
        (good.replacen("SAMLRequest", "SAMLRequest[]", 1), "saml.form_field_missing"),
        (good.replacen("SAMLRequest", "%53AMLRequest", 1), "saml.form_encoding"),
        (good.replacen("SAMLRequest", "SAMLResponse", 1), "saml.unexpected_message"),
        (good.replace('&', ";"), "saml.form_encoding"),
        (good.replace('&', "&amp;"), "saml.signature_missing"),
        (good.replacen("&RelayState=", "&relaystate=", 1), "saml.unknown_signing_key"),
        (good.replacen("&RelayState=theirs", "", 1), "saml.unknown_signing_key"),
        (good.replacen("&RelayState=theirs", "&RelayState=", 1), "saml.unknown_signing_key"),
        (good.replacen("&RelayState=theirs", "&RelayState=theirs%00", 1), "saml.relay_state_invalid"),
        (good.replacen("&RelayState=theirs", "&RelayState=%74heirs", 1), "saml.unknown_signing_key"),
        (good.replacen("&SigAlg=", "&SigAlg=+", 1), "saml.algorithm_not_allowed"),
        (good.replacen("&SigAlg=", "&SigAlg=%20", 1), "saml.algorithm_not_allowed"),
        (good.replacen("SAMLRequest=", "SAMLRequest=++++", 1), "saml.unknown_signing_key"),
        (good.replacen("SAMLRequest=", "SAMLRequest=%0a", 1), "saml.unknown_signing_key"),
        (good.replacen("SAMLRequest=", "SAMLRequest==", 1), "saml.form_encoding"),
        (
            format!("{good}&SAMLEncoding=urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:deflate"),
            "saml.form_encoding",
        ),
        (format!("{good}%"), "saml.form_encoding"),
        (format!("{good}&SAMLResponse"), "saml.two_messages"),
        (format!("{good}&Signature"), "saml.form_field_repeated"),
    ];
    for (query, wanted) in cases {
        assert_eq!(by(&query), wanted, "{query}");
    }
}

/// G5: the last instants that can be written, in the message and by our own clock.
#[test]
fn the_end_of_time_is_a_time_like_any_other() {
    let until = |end: &str| {
        let end = format!("NotOnOrAfter=\"{end}\" Recipient");
        let usual = NOW.plus(Duration::from_secs(3600));
        strange(&format!("NotOnOrAfter=\"{usual}\" Recipient"), &end)
    };
    for end in ["9999-12-31T23:59:59.999-14:00", "9999-12-31T23:59:59.9999999999999999999999999999999999999999Z"] {
        assert_eq!(until(end), ADAS_NAME, "{end}");
    }
    for end in [
        "10000-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "-2027-01-15T09:00:00Z",
        "2027-01-15T09:00:60Z",
        "2027-01-15T24:00:00Z",
        "2027-01-15T09:00:00",
        "2027-01-15T09:00:00z",
        "2027-01-15T09:00:00+14:01",
        "２027-01-15T09:00:00Z",
        "2027-01-15T09:00:00.Z",
        "2027-02-29T09:00:00Z",
        "",
    ] {
        assert_eq!(until(end), "saml.xml_schema", "{end}");
    }
    assert_eq!(until("1970-01-01T00:00:00Z"), "saml.expired");
    for (now, refused) in [(0, "saml.certificate_not_valid"), (u64::MAX, "saml.pending_login_expired")] {
        let now = UnixTime::from_millis(now);
        let sp = sp().with_login_timeout(Duration::MAX).with_max_authn_age(Duration::MAX);
        let (pending, answer) = start(&sp);
        assert_eq!(code(judge(&sp, pending, answer.xml().as_bytes(), now)), refused, "{now}");
        let base = "https://app.example/saml".parse().expect("a URL");
        let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
        let trust = Trust::MetadataUrl { url: "https://idp.example/metadata".parse().expect("a URL"), entity_id: None };
        for name in ["contoso", "fabrikam", "tailspin"] {
            tenants.put(Settings::new(name.parse().expect("an ID"), trust.clone()), now).expect("good settings");
        }
        for _ in 0..if now == UnixTime::default() { 1 } else { 2 } {
            let mut due: Vec<_> = tenants.due(now).iter().map(|ticket| ticket.tenant().to_string()).collect();
            due.sort();
            assert_eq!(due, ["contoso", "fabrikam", "tailspin"], "each connection once, at {now}");
        }
    }
}
