//! Encrypted assertions, names and attributes, as identity providers send them. What attackers send is in `attacks.rs`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use entra_sso::entra::claims;
use entra_sso::saml::{LogoutMessage, NameId};
use entra_sso::sp::Service;
use entra_sso::tenants::{Settings, Trust};
use entra_sso::testing::{TestEncryption, TestIdp, TestKey, TestKeyPlace, TestResponse, TestSigning};
use entra_sso::{
    AuthnRequest, CertificateError, DecryptionKey, Error, Login, MemoryReplayCache, PostedResponse, ReturnTo,
    ServiceProvider, SystemRandom, TenantId, Tenants, UnixTime, danger,
};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

fn sp() -> ServiceProvider {
    sp_with(&[TestKey::ServiceProvider])
}

fn service(keys: &[TestKey]) -> Service {
    keys.iter().fold(Service::new(), |service, key| {
        service.with_decryption_key(key.decryption_key(), key.certificate()).expect("the certificate is the key's")
    })
}

fn sp_with(keys: &[TestKey]) -> ServiceProvider {
    let idp = TestIdp::new().identity_provider(NOW).expect("metadata");
    ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), idp).with_service(service(keys))
}

fn answered(sp: &ServiceProvider, change: impl FnOnce(TestResponse) -> TestResponse) -> Result<Login, Error> {
    let started = sp.start_login(ReturnTo::default(), NOW, &SystemRandom::default())?;
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    sp.finish_login(started.pending, &change(answer).posted(), NOW, &MemoryReplayCache::default())
}

fn to_us() -> TestEncryption {
    TestEncryption::new(TestKey::ServiceProvider)
}

fn content(name: &str) -> String {
    let namespace = if name.ends_with("gcm") { XENC11 } else { XENC };
    format!("{namespace}{name}")
}

fn is_ada(login: Result<Login, Error>, what: &str) {
    let login = login.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(login.name_id().value, "ada@contoso.example", "{what}");
    assert_eq!(login.attributes().single(claims::DISPLAY_NAME), Some("Ada Lovelace"), "{what}");
}

#[test]
fn an_encrypted_assertion_signs_in_however_it_is_encrypted() {
    let (oaep, oaep11) = (format!("{XENC}rsa-oaep-mgf1p"), format!("{XENC11}rsa-oaep"));
    let (mask1, mask256) = (format!("{XENC11}mgf1sha1"), format!("{XENC11}mgf1sha256"));
    let transports = [
        (&oaep, None, None),
        (&oaep, Some(SHA1), None),
        (&oaep, Some(SHA1), Some(&mask1)),
        (&oaep11, None, None),
        (&oaep11, Some(SHA1), Some(&mask1)),
        (&oaep11, Some(SHA256), Some(&mask256)),
    ];
    for cipher in ["aes128-gcm", "aes192-gcm", "aes256-gcm", "aes128-cbc", "aes192-cbc", "aes256-cbc"] {
        for (uri, digest, mask) in transports {
            for signing in [TestSigning::Assertion, TestSigning::Response, TestSigning::Both] {
                for place in [TestKeyPlace::Inside, TestKeyPlace::Beside, TestKeyPlace::Retrieved] {
                    let mask = mask.map(String::as_str);
                    let how = to_us().content(&content(cipher)).key_transport(uri, digest, mask).place(place);
                    let login = answered(&sp(), |answer| answer.signing(signing).encrypted(how));
                    is_ada(login, &format!("{cipher} {uri} {digest:?} {mask:?} {signing:?} {place:?}"));
                }
            }
        }
    }
}

/// XML Encryption 1.1, 5.5.2: the schema gives them no order, and the example there has the mask first.
#[test]
fn digest_and_mask_may_come_in_either_order_but_once() {
    let mask = format!("{XENC11}mgf1sha256");
    let how = to_us().key_transport(&format!("{XENC11}rsa-oaep"), Some(SHA256), Some(&mask));
    let first = format!("<ds:DigestMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"{SHA256}\"/>");
    let second = format!("<xenc11:MGF xmlns:xenc11=\"{XENC11}\" Algorithm=\"{mask}\"/>");
    let changed = |to: String| {
        answered(&sp(), |answer| answer.encrypted(how.clone()).replace_after_signing(&(first.clone() + &second), &to))
    };
    is_ada(changed(second.clone() + &first), "the mask first");
    let twice = [first.repeat(2) + &second, first.clone() + &second.repeat(2), first.clone() + &second + &first];
    let digest_of_others = first.replace("xmldsig#\"", "xmldsig\"") + &second;
    let mask_of_others = first.clone() + &second.replace(&format!("=\"{XENC11}\""), &format!("=\"{XENC}\""));
    for wrong in twice.into_iter().chain([digest_of_others, mask_of_others]) {
        let verdict = changed(wrong.clone()).map(drop).map_err(|error| error.code());
        assert_eq!(verdict, Err("saml.xml_schema"), "{wrong}");
    }
}

/// XML Signature 4.5: `KeyInfo` may name the key in many ways, none of which is needed where the key is tried.
#[test]
fn names_and_certificates_beside_an_encrypted_key_change_nothing() {
    let key_info = "<ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">";
    let names = "<ds:KeyName>ours</ds:KeyName><ds:X509Data><ds:X509SKI>AA==</ds:X509SKI></ds:X509Data>\
        <xenc:AgreementMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#dh\"/>";
    let answer =
        |answer: TestResponse| answer.encrypted(to_us()).replace_after_signing(key_info, &format!("{key_info}{names}"));
    is_ada(answered(&sp(), answer), "names");
}

#[test]
fn what_a_message_may_cost_counts_every_key_of_ours() {
    let sp = sp_with(&[TestKey::Other, TestKey::ServiceProvider]);
    let attributes = |count: usize| {
        let hidden = to_us().encrypt("EncryptedAttribute", "<Attribute Name=\"a\"/>");
        let all = (0..count).map(|number| hidden.replace("_key0", &format!("_key{number}"))).collect::<String>();
        let statement = format!("<AttributeStatement>{all}");
        answered(&sp, |answer| answer.replace_before_signing("<AttributeStatement>", &statement))
    };
    is_ada(attributes(32), "two keys of ours, 64 trials");
    assert_eq!(attributes(33).map(drop).map_err(|error| error.code()), Err("saml.xml_too_large"));
}

#[test]
fn a_name_and_an_attribute_may_be_encrypted_by_themselves() {
    for signing in [TestSigning::Assertion, TestSigning::Response] {
        for cipher in ["aes256-gcm", "aes256-cbc"] {
            let how = to_us().content(&content(cipher));
            let login = answered(&sp(), |answer| answer.signing(signing).encrypted_name_id(how.clone()));
            is_ada(login, "a name");
            let plain = format!(
                "<Attribute Name=\"{}\"><AttributeValue>Ada Lovelace</AttributeValue></Attribute>",
                claims::DISPLAY_NAME
            );
            let own = plain.replace("<Attribute ", "<Attribute xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ");
            let hidden = how.encrypt("EncryptedAttribute", &own);
            let login = |to: &str| answered(&sp(), |a| a.signing(signing).replace_before_signing(&plain, to));
            is_ada(login(&hidden), "an attribute");
            let of_others = hidden.replacen("xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"", "xmlns=\"urn:x\"", 1);
            assert_ne!(of_others, hidden);
            assert_eq!(login(&of_others).map(drop).map_err(|error| error.code()), Err("saml.xml_schema"));
        }
    }
}

#[test]
fn while_a_key_is_changed_both_decrypt_and_the_metadata_shows_the_newer() {
    let sp = sp_with(&[TestKey::Other, TestKey::ServiceProvider]);
    for key in [TestKey::Other, TestKey::ServiceProvider] {
        is_ada(answered(&sp, |answer| answer.encrypted(TestEncryption::new(key))), "either key");
    }
    let metadata = sp.metadata().expect("metadata");
    assert_eq!(metadata.matches("use=\"encryption\"").count(), 1);
    let base64 =
        |key: TestKey| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.certificate().der());
    assert!(metadata.contains(&base64(TestKey::Other)) && !metadata.contains(&base64(TestKey::ServiceProvider)));
    let methods: Vec<_> = metadata.split("<md:EncryptionMethod Algorithm=\"").skip(1).collect();
    assert_eq!(methods.len(), 8, "{metadata}");
    assert!(methods.first().is_some_and(|first| first.starts_with("http://www.w3.org/2009/xmlenc11#aes256-gcm")));
    // With its digest: there are identity providers that put SHA-256 where none is named, whatever the standard says.
    let oaep = methods.last().filter(|last| last.starts_with(&format!("{XENC}rsa-oaep-mgf1p\"")));
    assert!(oaep.is_some_and(|oaep| oaep.contains(SHA1)), "{metadata}");
}

#[test]
fn of_several_recipients_we_are_one() {
    let to = |keys: &[TestKey]| to_us().recipients(keys);
    let ours = TestKey::ServiceProvider;
    for keys in [[ours, TestKey::Other], [TestKey::Other, ours]] {
        for place in [TestKeyPlace::Inside, TestKeyPlace::Beside] {
            is_ada(answered(&sp(), |answer| answer.encrypted(to(&keys).place(place))), "one of two");
        }
    }
    let others = answered(&sp(), |answer| answer.encrypted(to(&[TestKey::Other; 2])));
    assert_eq!(others.map(drop).map_err(|error| error.code()), Err("saml.decryption_failed"));
}

#[test]
fn what_was_encrypted_has_the_namespaces_of_its_place() {
    let declared = |signing| {
        answered(&sp(), |answer| {
            let xml = answer.clone().signing(TestSigning::Assertion).xml();
            let start = xml.find("<Assertion").unwrap_or_default();
            let assertion = xml.get(start..).and_then(|rest| rest.split_once("</samlp:Response>")).expect("one").0;
            // As libxml2 cuts an element out: what an ancestor declares is not repeated.
            let namespace = " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"";
            let plain = assertion.replacen(namespace, "", 1);
            answer.signing(signing).encrypted(to_us().plaintext(&plain))
        })
    };
    is_ada(declared(TestSigning::Assertion), "from the place");
    is_ada(declared(TestSigning::Both), "from what was signed");
}

#[test]
fn without_a_key_what_is_encrypted_is_refused() {
    let bare = sp_with(&[]);
    let refused = |change: fn(TestResponse) -> TestResponse| answered(&bare, change).map(drop).map_err(|e| e.code());
    assert_eq!(refused(|answer| answer.encrypted(to_us())), Err("saml.encrypted"));
    assert_eq!(refused(|answer| answer.encrypted_name_id(to_us())), Err("saml.encrypted"));
}

#[test]
fn a_connection_can_insist() {
    let code = |sp: &ServiceProvider, change: fn(TestResponse) -> TestResponse| {
        answered(sp, change).map_err(|error| error.code()).err()
    };
    let (strict, cautious) = (sp().requiring_encryption(), sp().refusing_unauthenticated_encryption());
    assert_eq!(code(&strict, |answer| answer), Some("saml.encryption_required"));
    assert_eq!(code(&strict, |answer| answer.encrypted_name_id(to_us())), Some("saml.encryption_required"));
    assert_eq!(code(&strict, |answer| answer.encrypted(to_us())), None);
    let cbc: fn(TestResponse) -> TestResponse = |answer| answer.encrypted(to_us().content(&content("aes256-cbc")));
    assert_eq!(code(&sp(), cbc), None);
    assert_eq!(code(&cautious, cbc), Some("saml.encryption_not_authenticated"));
    assert_eq!(code(&cautious, |answer| answer.encrypted(to_us())), None);
    let signed: fn(TestResponse) -> TestResponse =
        |answer| answer.signing(TestSigning::Response).encrypted(to_us().content(&content("aes256-cbc")));
    assert_eq!(code(&cautious, signed), None);
}

#[test]
fn a_decryption_key_is_read_strictly_and_printed_never() {
    let der = include_bytes!("../src/testing/sp.key.der");
    let key = DecryptionKey::parse(der).expect("PKCS#8");
    assert_eq!(format!("{key:?}"), "DecryptionKey([redacted])");
    // PKCS#8 wraps PKCS#1 in 26 bytes.
    let pkcs1 = der.get(26..).expect("a key");
    let base64 = |der: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    for (label, der) in [("PRIVATE KEY", der.as_slice()), ("RSA PRIVATE KEY", pkcs1)] {
        let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der));
        assert!(DecryptionKey::parse(pem.as_bytes()).is_ok(), "{label}");
        assert!(DecryptionKey::parse(der).is_ok(), "{label}");
    }
    let short = der.get(..der.len() - 1).expect("a key");
    for bad in [b"".as_slice(), b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", short] {
        assert!(matches!(DecryptionKey::parse(bad), Err(CertificateError::PrivateKey)));
    }
    let other = Service::new().with_decryption_key(key, TestKey::Other.certificate());
    assert_eq!(other.map(drop).map_err(|error| error.code()), Err("config.key_mismatch"));
    let service = Arc::new(service(&[TestKey::ServiceProvider]));
    assert!(format!("{service:?}").contains("[redacted]"));
}

#[test]
fn a_logout_request_may_name_the_person_in_encrypted_form() {
    let sp = sp_with(&[TestKey::ServiceProvider]);
    let handle = answered(&sp, |answer| answer).expect("a login").logout_handle();
    let name = NameId::new("ada@contoso.example", None);
    let plain = "<NameID xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">ada@contoso.example</NameID>";
    let request = TestIdp::new().logout_request(&handle, sp.single_logout_service(), NOW).name_id(name.clone());
    let asked = |sp: &ServiceProvider, how: &TestEncryption, signed_so: bool| {
        let hidden = how.encrypt("EncryptedID", plain);
        assert!(request.xml().contains(plain));
        let message = match signed_so {
            true => request.clone().replace_before_signing(plain, &hidden).message(),
            false => {
                let form = request.clone().replace_after_signing(plain, &hidden).form();
                LogoutMessage::from_form(&form).expect("a message")
            }
        };
        let judged = sp.finish_logout_request(&message, NOW, &MemoryReplayCache::default());
        judged.map(|request| request.name_id().clone()).map_err(|error| error.code())
    };
    for mode in ["aes256-gcm", "aes256-cbc"] {
        assert_eq!(asked(&sp, &to_us().content(&content(mode)), true), Ok(name.clone()));
    }
    let other = TestEncryption::new(TestKey::Other);
    assert_eq!(asked(&sp, &other, true), Err("saml.decryption_failed"));
    assert_eq!(asked(&sp_with(&[]), &to_us(), true), Err("saml.encrypted"));
    for how in [to_us(), other] {
        assert_eq!(asked(&sp, &how, false), Err("saml.digest_mismatch"), "nothing is decrypted that nobody signed");
    }
}

#[test]
fn what_a_connection_insists_on_is_a_setting() {
    let code = |change: fn(&mut Settings), how: Option<TestEncryption>| {
        let base = "https://app.example/saml".parse().expect("a URL");
        let cache = Arc::new(MemoryReplayCache::default());
        let tenants = Tenants::at(&base, cache).with_service(service(&[TestKey::ServiceProvider]));
        let id: TenantId = "contoso".parse().expect("an ID");
        let trust = Trust::MetadataXml { xml: TestIdp::new().metadata(), entity_id: None };
        let mut settings = Settings::new(id.clone(), trust);
        change(&mut settings);
        tenants.put(settings, NOW).expect("good settings");
        let started =
            tenants.start_login(&id, &AuthnRequest::new(), ReturnTo::default(), NOW, &SystemRandom::default());
        let started = started.expect("a login");
        let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
        let answer = how.into_iter().fold(answer, TestResponse::encrypted);
        tenants.finish_login(started.pending, &answer.posted(), NOW).map_err(|error| error.code()).err()
    };
    let cbc = || Some(to_us().content(&content("aes256-cbc")));
    assert_eq!(code(|_| {}, None), None);
    assert_eq!(code(|_| {}, cbc()), None);
    assert_eq!(code(|settings| settings.require_encryption = true, None), Some("saml.encryption_required"));
    assert_eq!(code(|settings| settings.require_encryption = true, cbc()), None);
    let cautious: fn(&mut Settings) = |settings| settings.refuse_unauthenticated_encryption = true;
    assert_eq!(code(cautious, cbc()), Some("saml.encryption_not_authenticated"));
    assert_eq!(code(cautious, Some(to_us())), None);
    let json = r#"{"id":"a","trust":{"metadata_url":{"url":"https://idp.example/m"}},"require_encryption":true}"#;
    let read: Settings = serde_json::from_str(json).expect("settings");
    assert!(read.require_encryption && !read.refuse_unauthenticated_encryption);
}

// ---- xmlsec1.sh ----

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("XMLSEC1_FOLDER").expect("called by xmlsec1.sh"))
}

#[test]
#[ignore = "called by xmlsec1.sh"]
fn what_xmlsec1_encrypts() {
    let sp = sp();
    let started = sp.start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    let xml = answer.in_response_to(Some("_request")).xml();
    let namespace = " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"";
    // The assertion has its namespace from around it.
    let (before, assertion) = xml.split_once("<Assertion ").expect("an assertion");
    let assertion =
        assertion.replacen(namespace, "", 1).replacen("</Assertion>", "</Assertion></EncryptedAssertion>", 1);
    let plain = format!("{before}<EncryptedAssertion{namespace}><Assertion {assertion}");
    fs::write(folder().join("plain.xml"), plain).expect("a file");
    let base64 = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        TestKey::ServiceProvider.certificate().der(),
    );
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    fs::write(folder().join("sp.pem"), pem).expect("a file");
}

#[test]
#[ignore = "called by xmlsec1.sh"]
fn what_xmlsec1_has_encrypted() {
    let (mut sign_in, mut refused) = (0, 0);
    for number in 0.. {
        let Ok(xml) = fs::read(folder().join(format!("{number}.answer"))) else { break };
        let expected = fs::read_to_string(folder().join(format!("{number}.expected"))).expect("a verdict");
        let field = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &xml);
        let posted = PostedResponse::from_fields(&field, None).expect("a message");
        let pending = danger::captured_login(&sp(), "_request", NOW);
        let login = sp().finish_login(pending, &posted, NOW, &MemoryReplayCache::default());
        let code = login.as_ref().map_or_else(Error::code, |_| "-");
        assert_eq!(code, expected, "{number}: {}", String::from_utf8_lossy(&xml));
        match login {
            Ok(_) => (is_ada(login, "xmlsec1"), sign_in += 1).1,
            Err(_) => refused += 1,
        }
    }
    println!("\nxmlsec1: {sign_in} sign in, {refused} are refused");
}
