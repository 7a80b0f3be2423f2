//! Published attacks on SAML and XML signatures, one test for each row of the attack map.
//!
//! The comment above a test names the row and what is known of it. Each forgery is made from an
//! answer that the identity provider really signed, and each refusal is asserted by its code: a
//! forgery that fails for another reason than the one meant would prove nothing.
#![expect(clippy::string_slice, clippy::indexing_slicing, reason = "texts of a known shape")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use entra_sso::http::{HttpRequest, HttpResponse, Outcome, Routes};
use entra_sso::saml::{Binding, Comparison};
use entra_sso::sp::{ClaimError, CookieKey, Service, Unsolicited};
use entra_sso::testing::{
    ADA, ReceivedRequest, TENANT, TestEncryption, TestIdp, TestKey, TestKeyPlace, TestResponse, TestSigning,
};
use entra_sso::{
    AuthnRequest, Certificate, EndpointUrl, IdentityProvider, MemoryReplayCache, MetadataTrust, PendingLogin,
    PostedResponse, RelayState, ReplayCache, ReturnTo, ServiceProvider, SystemRandom, UnixTime, entra,
};

#[path = "support/request.rs"]
mod request;
use request::{Request, get, post};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ADAS_NAME: &str = "ada@contoso.example";
const EVES_NAME: &str = "eve@contoso.example";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const SIGNED: [TestSigning; 3] = [TestSigning::Assertion, TestSigning::Response, TestSigning::Both];

// ---- how forgeries are made and judged ----

/// Makes a message of the parts of a genuine one: of these alone, with another text, or with a forgery and the
/// original that it hides. Or changes a part.
type Forge = fn(&Parts) -> String;
type Change = fn(&str) -> String;
type Wrap = fn(&Parts, &str) -> String;
type Hide = fn(&Parts, &str, &str) -> String;

/// The name that an answer signs in, or the code of the refusal.
type Verdict = Result<String, &'static str>;

fn ada() -> Verdict {
    Ok(ADAS_NAME.to_owned())
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

fn rng() -> SystemRandom {
    SystemRandom::default()
}

fn sp() -> ServiceProvider {
    sp_trusting(TestIdp::new().identity_provider(NOW).expect("metadata"))
}

fn sp_trusting(idp: IdentityProvider) -> ServiceProvider {
    ServiceProvider::at(&"https://app.example/saml".parse().expect("a URL"), idp)
}

/// An identity provider whose one key is that of `certificate`.
fn pinned(certificate: Certificate) -> IdentityProvider {
    let known = TestIdp::new().identity_provider(NOW).expect("metadata");
    let sso = known.sso_url(Binding::Redirect).expect("an endpoint").clone();
    IdentityProvider::pinned(known.entity_id().clone(), sso, certificate)
}

fn start(sp: &ServiceProvider) -> (PendingLogin, TestResponse) {
    start_with(sp, &AuthnRequest::new())
}

fn start_with(sp: &ServiceProvider, request: &AuthnRequest) -> (PendingLogin, TestResponse) {
    let started = sp.start_login_with(request, ReturnTo::default(), NOW, &rng()).expect("a login");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    (started.pending, TestIdp::new().respond(&received, NOW))
}

fn posted(message: &[u8]) -> PostedResponse {
    PostedResponse::from_fields(&STANDARD.encode(message), None).expect("base64")
}

fn judge(sp: &ServiceProvider, pending: PendingLogin, message: &[u8]) -> Verdict {
    let unclaimed = sp.judge_login(pending, &posted(message), NOW).map_err(|error| {
        let told = format!("{error} {:?}", error.hint());
        assert!(!told.chars().any(char::is_control), "an error is one line: {told:?}");
        assert!(told.len() < 4096, "an error is short: {}", told.len());
        error.code()
    })?;
    let login = unclaimed.settle(Ok(())).map_err(|error| error.code())?;
    Ok(login.name_id().value.clone())
}

/// What the identity provider signs after the answer was made different.
fn answered(change: impl FnOnce(TestResponse) -> TestResponse) -> Verdict {
    let sp = sp();
    let (pending, answer) = start(&sp);
    judge(&sp, pending, change(answer).xml().as_bytes())
}

/// What a strange identity provider writes in place of `from`, and signs.
fn strange(signing: TestSigning, from: &str, to: &str) -> Verdict {
    answered(|answer| {
        let answer = answer.signing(signing);
        assert!(answer.xml().contains(from), "there is no {from}");
        answer.replace_before_signing(from, to)
    })
}

/// What an attacker writes in place of `from`, after the signature was made.
fn edited(signing: TestSigning, from: &str, to: &str) -> Verdict {
    forged(signing, |parts| {
        assert!(parts.xml.contains(from), "there is no {from}");
        parts.xml.replace(from, to)
    })
}

/// What an attacker makes of the parts of a genuine answer.
fn forged(signing: TestSigning, forge: impl FnOnce(&Parts) -> String) -> Verdict {
    let sp = sp();
    let (pending, answer) = start(&sp);
    let parts = Parts::of(&answer.signing(signing).xml());
    judge(&sp, pending, forge(&parts).as_bytes())
}

/// The pieces of a genuine answer, and an assertion of the attacker's own.
#[derive(Clone, Debug)]
struct Parts {
    xml: String,
    /// The start tag of the response.
    head: String,
    /// The issuer of the response.
    issuer: String,
    status: String,
    /// The signature of the response, if it has one.
    response_signature: String,
    /// The assertion as it came.
    assertion: String,
    /// The signature of the assertion, if it has one.
    signature: String,
    /// The assertion without its signature.
    bare: String,
    /// For somebody else, under another ID, unsigned.
    evil: String,
}

impl Parts {
    fn of(xml: &str) -> Self {
        let assertion = between(xml, "<Assertion ", "</Assertion>");
        let outside = xml.replace(&assertion, "");
        let signature = between(&assertion, "<Signature ", "</Signature>");
        let bare = assertion.replace(&signature, "");
        let evil = bare.replace(ADAS_NAME, EVES_NAME).replace("\"_a", "\"_evil");
        Self {
            xml: xml.to_owned(),
            head: between(xml, "<samlp:Response ", ">"),
            issuer: between(xml, "<Issuer ", "</Issuer>"),
            status: between(xml, "<samlp:Status>", "</samlp:Status>"),
            response_signature: between(&outside, "<Signature ", "</Signature>"),
            assertion,
            signature,
            bare,
            evil,
        }
    }

    /// A response with this start tag around `children`.
    fn response(&self, children: &[&str]) -> String {
        format!("{}{}{}</samlp:Response>", self.head, self.issuer, children.concat())
    }

    /// The attacker's assertion, with `more` where a signature stands.
    fn evil_with(&self, more: &str) -> String {
        self.evil.replacen("</Issuer>", &format!("</Issuer>{more}"), 1)
    }
}

/// From `start` to `end`, both included; nothing if there is no `start`.
fn between(text: &str, start: &str, end: &str) -> String {
    let Some((_, rest)) = text.split_once(start) else { return String::new() };
    let (inside, _) = rest.split_once(end).expect(end);
    format!("{start}{inside}{end}")
}

/// `text` in `place`, just before its last tag.
fn inside(place: &str, text: &str) -> String {
    let at = place.rfind("</").expect("an end tag");
    format!("{}{text}{}", &place[..at], &place[at..])
}

// ---- A: which bytes are trusted ----

/// A1, XSW1 and XSW2: CVE-2016-5697, CVE-2017-1000452, CVE-2020-5407, CVE-2021-21238.
#[test]
fn a_response_wrapped_around_the_signed_one_is_refused() {
    for signing in [TestSigning::Response, TestSigning::Both] {
        let wrapped = |how: Wrap| {
            forged(signing, |parts| {
                let bare = parts.xml.replace(&parts.response_signature, "");
                let evil = Parts { head: parts.head.replace("\"_r", "\"_evil"), ..parts.clone() };
                how(&evil, &bare)
            })
        };
        let cases: [(&str, Wrap); 7] = [
            ("saml.assertion_misplaced", |evil, bare| {
                let signature = inside(&evil.response_signature, bare);
                evil.response(&[&signature, &evil.status, &evil.evil])
            }),
            ("saml.assertion_misplaced", |evil, bare| {
                let object = format!("<Object>{bare}</Object>");
                let signature = inside(&evil.response_signature, &object);
                evil.response(&[&signature, &evil.status, &evil.evil])
            }),
            ("saml.assertion_misplaced", |evil, bare| {
                evil.response(&[bare, &evil.response_signature, &evil.status, &evil.evil])
            }),
            ("saml.assertion_misplaced", |evil, bare| {
                evil.response(&[&evil.response_signature, &evil.status, &evil.evil, bare])
            }),
            ("saml.signature_misplaced", |evil, _| evil.response(&[&evil.status, &evil.evil, &evil.xml])),
            ("saml.signature_misplaced", |evil, _| {
                let extensions = format!("<samlp:Extensions>{}</samlp:Extensions>", evil.xml);
                evil.response(&[&extensions, &evil.status, &evil.evil])
            }),
            ("saml.unexpected_message", |evil, _| format!("<e:Envelope xmlns:e=\"urn:e\">{}</e:Envelope>", evil.xml)),
        ];
        for (number, (code, how)) in cases.into_iter().enumerate() {
            assert_eq!(wrapped(how), Err(code), "{signing:?} {number}");
        }
    }
}

/// A2, XSW3 and XSW4: CVE-2020-5390, CVE-2022-41912, CVE-2022-39299, CVE-2026-25922.
#[test]
fn a_second_assertion_is_refused_wherever_it_stands() {
    for signing in SIGNED {
        let cases: [(&str, Forge); 7] = [
            ("saml.assertion_count", |p| p.xml.replace(&p.assertion, &(p.evil.clone() + &p.assertion))),
            ("saml.assertion_count", |p| p.xml.replace(&p.assertion, &(p.assertion.clone() + &p.evil))),
            ("saml.assertion_misplaced", |p| p.xml.replace(&p.assertion, &inside(&p.evil, &p.assertion))),
            ("saml.assertion_misplaced", |p| p.xml.replace(&p.assertion, &inside(&p.assertion, &p.evil))),
            ("saml.xml_malformed", |p| p.xml.clone() + &p.evil),
            ("saml.xml_malformed", |p| p.xml.clone() + &p.xml),
            ("saml.assertion_count", |p| {
                let encrypted = format!("<EncryptedAssertion xmlns=\"{SAML}\"/>");
                p.xml.replace(&p.assertion, &(encrypted + &p.assertion))
            }),
        ];
        for (number, (code, how)) in cases.into_iter().enumerate() {
            assert_eq!(forged(signing, how), Err(code), "{signing:?} {number}");
        }
    }
}

/// Places where the schemas allow anything: there a moved original finds shelter.
const SHELTERS: [(&str, Hide); 9] = [
    ("Extensions", |p, evil, original| {
        let extensions = format!("<samlp:Extensions>{original}</samlp:Extensions>");
        p.response(&[&p.response_signature, &extensions, &p.status, evil])
    }),
    ("StatusDetail", |p, evil, original| {
        let detail = format!("<samlp:StatusDetail>{original}</samlp:StatusDetail>");
        p.response(&[&p.response_signature, &inside(&p.status, &detail), evil])
    }),
    ("Advice", |p, evil, original| {
        let advice = format!("<Advice>{original}</Advice>");
        let evil = evil.replacen("<AttributeStatement>", &(advice + "<AttributeStatement>"), 1);
        p.response(&[&p.response_signature, &p.status, &evil])
    }),
    ("AttributeValue", |p, evil, original| {
        let evil = evil.replacen("<AttributeValue>", &format!("<AttributeValue>{original}"), 1);
        p.response(&[&p.response_signature, &p.status, &evil])
    }),
    ("SubjectConfirmationData", |p, evil, original| {
        let data = between(evil, "<SubjectConfirmationData ", "/>");
        let open = data.trim_end_matches("/>");
        let full = format!("{open}>{original}</SubjectConfirmationData>");
        p.response(&[&p.response_signature, &p.status, &evil.replace(&data, &full)])
    }),
    ("AuthnContextDecl", |p, evil, original| {
        let decl = format!("<AuthnContextDecl>{original}</AuthnContextDecl></AuthnContext>");
        let evil = evil.replacen("</AuthnContext>", &decl, 1);
        p.response(&[&p.response_signature, &p.status, &evil])
    }),
    ("an assertion in another namespace", |p, evil, original| {
        let other = format!("<x:Assertion xmlns:x=\"urn:x\">{original}</x:Assertion>");
        p.response(&[&p.response_signature, &p.status, evil, &other])
    }),
    ("another element around both", |p, evil, original| {
        let list = format!("<samlp:List>{evil}{original}</samlp:List>");
        p.response(&[&p.response_signature, &p.status, &list])
    }),
    ("the issuer", |p, evil, original| {
        let response = p.response(&[&p.response_signature, &p.status, evil]);
        response.replacen("</Issuer>", &format!("{original}</Issuer>"), 1)
    }),
];

/// A3, XSW5 to XSW8 and their kin: CVE-2021-28091, CVE-2024-6202, CVE-2024-6800.
#[test]
fn an_original_that_was_moved_into_a_shelter_vouches_for_nothing() {
    for signing in SIGNED {
        for (shelter, hide) in SHELTERS {
            let code = Err("saml.assertion_misplaced");
            // The original keeps its signature, and the forgery has none.
            let whole = forged(signing, |p| hide(p, &p.evil, &p.assertion));
            assert_eq!(whole, code, "{shelter} {signing:?}");
            // The forgery takes the signature, which refers to the original.
            let taken = forged(signing, |p| hide(p, &p.evil_with(&p.signature), &p.bare));
            assert_eq!(taken, code, "{shelter} {signing:?}");
            // And the ID as well.
            let both = forged(signing, |p| {
                let evil = p.evil_with(&p.signature).replace("\"_evil", "\"_a");
                hide(p, &evil, &p.bare)
            });
            assert_eq!(both, code, "{shelter} {signing:?}");
        }
    }
}

/// A3, XSW5, XSW6 and XSW8: the original inside the signature that the forgery carries.
#[test]
fn an_original_inside_the_signature_is_refused() {
    for wrap in ["<Object>_</Object>", "<KeyInfo>_</KeyInfo>", "<Object><X>_</X></Object>", "_"] {
        for id in ["\"_evil", "\"_a"] {
            let verdict = forged(TestSigning::Assertion, |p| {
                let signature = inside(&p.signature, &wrap.replace('_', &p.bare));
                let evil = p.evil_with(&signature).replace("\"_evil", id);
                p.response(&[&p.status, &evil])
            });
            assert_eq!(verdict, Err("saml.assertion_misplaced"), "{wrap} {id}");
        }
    }
    // No Object and nothing else, even where nothing hides in it.
    for more in ["<Object/>", "<KeyInfo/>", "<X/>", "<SignedInfo/>", "<SignatureValue/>"] {
        let verdict = edited(TestSigning::Assertion, "</Signature>", &format!("{more}</Signature>"));
        assert_eq!(verdict, Err("saml.signature_malformed"), "{more}");
    }
}

/// A3: the signature itself in a place where SAML has none.
#[test]
fn a_signature_elsewhere_is_refused() {
    for (shelter, hide) in SHELTERS {
        let verdict = forged(TestSigning::Assertion, |p| hide(p, &p.bare, &p.signature));
        let code = match shelter {
            "another element around both" => "saml.assertion_misplaced",
            _ => "saml.signature_misplaced",
        };
        assert_eq!(verdict, Err(code), "{shelter}");
    }
    let beside = forged(TestSigning::Assertion, |p| p.response(&[&p.signature, &p.status, &p.bare]));
    assert_eq!(beside, Err("saml.reference_invalid"));
    let after = forged(TestSigning::Assertion, |p| p.response(&[&p.status, &p.bare, &p.signature]));
    assert_eq!(after, Err("saml.xml_schema"));
}

/// A4: CVE-2024-45409: any document that the identity provider signed was good enough.
#[test]
fn the_signature_of_another_document_vouches_for_nothing() {
    let metadata = TestIdp::new().metadata();
    let signature = between(&metadata, "<Signature ", "</Signature>");
    for signing in [TestSigning::Neither, TestSigning::Assertion] {
        let pasted = |id: &'static str| {
            forged(signing, |p| {
                let p = Parts { head: p.head.replace("\"_r", &format!("\"{id}")), ..p.clone() };
                let end = p.head.find(" Version").expect("a version");
                let head = format!("{}\"{}", between(&p.head, "<", "ID=\"") + id, &p.head[end..]);
                Parts { head, ..p.clone() }.response(&[&signature, &p.status, &p.evil])
            })
        };
        assert_eq!(pasted("_metadata"), Err("saml.digest_mismatch"));
        assert_eq!(pasted("_other"), Err("saml.reference_invalid"));
    }
    // Of an older assertion, under its ID.
    let older = answered(|answer| answer).and_then(|_| {
        forged(TestSigning::Assertion, |p| {
            let evil = p.evil_with(&p.signature).replace("\"_evil", "\"_a");
            p.response(&[&p.status, &evil])
        })
    });
    assert_eq!(older, Err("saml.digest_mismatch"));
    // As the message itself.
    let cases: [Forge; 3] = [
        |_| TestIdp::new().metadata(),
        |p| p.assertion.clone(),
        |p| p.xml.replace("samlp:Response", "samlp:LogoutResponse"),
    ];
    for document in cases {
        let verdict = forged(TestSigning::Assertion, document);
        assert_eq!(verdict, Err("saml.unexpected_message"));
    }
}

/// A5: CVE-2025-54419, CVE-2025-47949: verified one thing and read another.
#[test]
fn what_is_read_is_what_was_signed_and_not_the_document_around_it() {
    for signing in SIGNED {
        for (from, to) in [
            // Each of these has the same canonical form.
            ("<NameID ", "<NameID\t\r\n "),
            ("<AttributeStatement>", "<AttributeStatement\n>"),
            (ADAS_NAME, "ada<!-- -->@contoso<!--x-->.example"),
            (ADAS_NAME, "<![CDATA[ada]]>@contoso.ex<![CDATA[]]>ample"),
            (ADAS_NAME, "&#97;da&#x40;contoso.example"),
            ("/></SubjectConfirmation>", "></SubjectConfirmationData></SubjectConfirmation>"),
        ] {
            assert_eq!(edited(signing, from, to), ada(), "{signing:?} {to}");
        }
        for (from, to) in [
            (ADAS_NAME, EVES_NAME),
            (ADAS_NAME, " ada@contoso.example"),
            (ADAS_NAME, "ada@contoso.example<!---->.evil"),
            ("<NameID ", "<NameID NameQualifier=\"x\" "),
            ("<AttributeStatement>", "<AttributeStatement> "),
            ("<AttributeStatement>", "<AttributeStatement xmlns:x=\"urn:x\" x:y=\"z\">"),
        ] {
            assert_eq!(edited(signing, from, to), Err("saml.digest_mismatch"), "{signing:?} {to}");
        }
    }
}

/// A6: CVE-2024-8698: where the signature stands is not what it signs.
#[test]
fn a_reference_to_anything_but_the_parent_is_refused() {
    let cases: [(&str, Forge); 4] = [
        // The signature of the assertion in the place of the response's.
        ("saml.reference_invalid", |p| p.response(&[&p.signature, &p.status, &p.bare])),
        // A response that took the ID of the assertion.
        ("saml.duplicate_id", |p| {
            let id = between(&p.assertion, "\"_a", "\"");
            let head = p.head.replace(&between(&p.head, "\"_r", "\""), &id);
            Parts { head, ..p.clone() }.response(&[&p.signature, &p.status, &p.bare])
        }),
        ("saml.reference_invalid", |p| p.response(&[&p.status, &p.evil_with(&p.signature)])),
        ("saml.xml_schema", |p| {
            let evil = p.evil_with(&p.signature).replacen("ID=\"", "Id0=\"", 1);
            p.response(&[&p.status, &evil])
        }),
    ];
    for (number, (code, how)) in cases.into_iter().enumerate() {
        // An element without ID can be referred to by nobody; the signature is where that shows.
        let code = if number == 3 { "saml.signature_malformed" } else { code };
        assert_eq!(forged(TestSigning::Assertion, how), Err(code), "{number}");
    }
}

/// A7: CVE-2026-63182, CVE-2026-9487.
#[test]
fn an_id_that_stands_twice_is_refused() {
    let cases: [Wrap; 5] = [
        |p, id| p.xml.replace(&between(&p.head, "\"_r", "\""), id),
        |p, id| p.xml.replace("<AttributeStatement>", &format!("<AttributeStatement ID={id}>")),
        |p, id| p.xml.replace("<KeyInfo>", &format!("<KeyInfo Id={id}>")),
        |p, id| {
            p.xml.replace("<samlp:Status>", &format!("<samlp:Extensions><x id={id}/></samlp:Extensions><samlp:Status>"))
        },
        |p, id| {
            p.xml.replace(
                "<samlp:Status>",
                &format!("<samlp:Extensions><x xml:id={id}/></samlp:Extensions><samlp:Status>"),
            )
        },
    ];
    for (number, how) in cases.into_iter().enumerate() {
        let verdict = forged(TestSigning::Assertion, |p| how(p, &between(&p.assertion, "\"_a", "\"")));
        assert_eq!(verdict, Err("saml.duplicate_id"), "{number}");
    }
}

/// A8: CVE-2025-66567, "The Fragile Lock": `ID`, `Id`, `id` and `xml:id` for different readers.
#[test]
fn an_attribute_that_could_be_taken_for_the_id_is_refused() {
    for attribute in ["Id", "id", "iD", "xml:id", "samlp:ID", "samlp:Id"] {
        for element in ["<Assertion ", "<NameID ", "<samlp:Response ", "<samlp:StatusCode "] {
            let with = format!("{element}{attribute}=\"_x\" ");
            let verdict = edited(TestSigning::Assertion, element, &with);
            assert_eq!(verdict, Err("saml.ambiguous_id"), "{with}");
        }
        if attribute != "Id" {
            let declared = format!("<SignedInfo xmlns:samlp=\"{SAMLP}\" {attribute}=\"_x\">");
            let verdict = edited(TestSigning::Assertion, "<SignedInfo>", &declared);
            assert_eq!(verdict, Err("saml.ambiguous_id"), "{declared}");
        }
    }
    for (from, to) in [(" ID=\"_r", " Other=\"_r"), (" ID=\"_a", " Other=\"_a")] {
        for signing in SIGNED {
            let code = match (signing, from) {
                (_, " ID=\"_r") => "saml.xml_schema",
                (TestSigning::Response, _) => "saml.digest_mismatch",
                (TestSigning::Both, _) => "saml.digest_mismatch",
                _ => "saml.signature_malformed",
            };
            assert_eq!(edited(signing, from, to), Err(code), "{signing:?} {to}");
        }
    }
}

/// A9: CVE-2025-25292, CVE-2025-66567: names are compared with their namespace, byte for byte.
#[test]
fn a_name_in_another_namespace_is_another_name() {
    let xmlns = |uri: &str| format!("xmlns=\"{uri}\"");
    for (from, to, code) in [
        (xmlns(DS), xmlns(&DS.to_uppercase()), "saml.signature_missing"),
        (xmlns(DS), xmlns(DS.trim_end_matches('#')), "saml.signature_missing"),
        (xmlns(DS), xmlns(&format!("{DS} ")), "saml.signature_missing"),
        (xmlns(DS), xmlns("http://www.w3.org/2000/09/xmldsig&#x25;23"), "saml.signature_missing"),
        (xmlns(DS), "xmlns=\"\"".into(), "saml.signature_missing"),
        (xmlns(SAML), xmlns("urn:oasis:names:tc:SAML:1.0:assertion"), "saml.signature_misplaced"),
        (xmlns(SAML), xmlns(&format!("{SAML} ")), "saml.signature_misplaced"),
        (format!("\"{SAMLP}\""), "\"urn:oasis:names:tc:SAML:1.0:protocol\"".into(), "saml.unexpected_message"),
        ("samlp:Response".into(), "Response".into(), "saml.unexpected_message"),
        ("<Signature ".into(), format!("<x:Signature xmlns:x=\"{DS}\" "), "saml.xml_malformed"),
        // The same names under other prefixes are the same, but they are not what was signed.
        ("SignedInfo>".into(), "ds:SignedInfo>".into(), "saml.xml_malformed"),
        ("<SignedInfo>".into(), format!("<SignedInfo xmlns:ds=\"{DS}\">"), "accepted"),
        ("<NameID ".into(), format!("<NameID xmlns=\"{SAML}\" "), "accepted"),
        ("<NameID ".into(), "<NameID xmlns=\"\" ".into(), "saml.digest_mismatch"),
        ("<AuthnContext>".into(), "<AuthnContext xmlns=\"urn:x\">".into(), "saml.digest_mismatch"),
        (
            "<samlp:Status>".into(),
            "<samlp:Extensions xmlns=\"urn:x\"><Assertion/><Assertion/><EncryptedAssertion/><Signature/></samlp:Extensions>\
             <samlp:Status>"
                .into(),
            "accepted",
        ),
    ] {
        let verdict = edited(TestSigning::Assertion, &from, &to);
        let expected = if code == "accepted" { ada() } else { Err(code) };
        assert_eq!(verdict, expected, "{to}");
    }
    // `xmlns` and `xml` cannot be bound to anything else.
    for declaration in ["xmlns:xml=\"urn:x\"", "xmlns:xmlns=\"urn:x\"", "xmlns:x=\"\""] {
        let to = format!("<NameID {declaration} ");
        assert_eq!(edited(TestSigning::Assertion, "<NameID ", &to), Err("saml.xml_malformed"));
    }
}

/// A10: `OneUptime` 2981: the transform took away every signature, and with it what hid in them.
#[test]
fn a_second_signature_in_the_assertion_is_refused() {
    let cases: [(&str, Forge); 4] = [
        ("saml.signature_misplaced", |p| p.xml.replace(&p.signature, &p.signature.repeat(2))),
        ("saml.signature_misplaced", |p| {
            let decoy = p.signature.replace("<KeyInfo>", "<KeyInfo><X/>");
            p.xml.replace(&p.signature, &(p.signature.clone() + &decoy))
        }),
        ("saml.signature_misplaced", |p| {
            let decoy = inside(&p.signature, &format!("<Object>{}</Object>", p.evil));
            p.xml.replace(&p.signature, &(p.signature.clone() + &decoy))
        }),
        ("saml.signature_misplaced", |p| p.xml.replace(&p.signature, &inside(&p.signature, &p.signature))),
    ];
    for (number, (code, how)) in cases.into_iter().enumerate() {
        assert_eq!(forged(TestSigning::Assertion, how), Err(code), "{number}");
    }
}

/// A11, CERT VU#475445: CVE-2017-11427 to 11430, CVE-2018-0489, CVE-2018-7340.
#[test]
fn comment_inside_name_id_does_not_shorten_it() {
    let long = "ada@contoso.example.evil.example";
    for cut in [
        "ada@contoso.example<!---->.evil.example",
        "<!--x-->ada@contoso.example.evil.<!--y-->example",
        "ada@contoso.example<![CDATA[.evil.example]]>",
        "ada@contoso.example<![CDATA[.evil]]><!---->.example",
    ] {
        for signing in SIGNED {
            let sp = sp();
            let (pending, answer) = start(&sp);
            let xml = answer.name_id(long, "x").signing(signing).xml().replace(long, cut);
            assert_eq!(judge(&sp, pending, xml.as_bytes()), Ok(long.to_owned()), "{cut}");
        }
    }
    for inner in ["<?x y?>", "<?xml version=\"1.0\"?>"] {
        let verdict = edited(TestSigning::Assertion, ADAS_NAME, &format!("ada{inner}@contoso.example"));
        assert_eq!(verdict, Err("saml.xml_malformed"), "{inner}");
    }
    // An element inside a value is refused even if the identity provider signed it.
    for (from, to) in [
        (ADAS_NAME, "ada@contoso.example<x/>"),
        (ADAS_NAME, "<NameID>ada@contoso.example</NameID>"),
        ("</Audience>", "<x/></Audience>"),
        ("</Issuer><Subject", "<x/></Issuer><Subject"),
        ("</AuthnContextClassRef>", "<x/></AuthnContextClassRef>"),
    ] {
        assert_eq!(strange_inner(from, to), Err("saml.xml_schema"), "{to}");
    }
}

/// The assertion before it is signed has its `Subject` directly behind its `Issuer`.
fn strange_inner(from: &str, to: &str) -> Verdict {
    answered(|answer| answer.replace_before_signing(from, to))
}

/// A12: CVE-2026-33487: one of several was checked, and another one used.
#[test]
fn every_signature_must_be_good_and_there_is_one_for_each_element() {
    let cases: [(&str, Forge); 5] = [
        ("saml.digest_mismatch", |p| p.xml.replacen("<samlp:Status>", "<samlp:Status> ", 1)),
        ("saml.xml_schema", |p| p.xml.replace(&p.response_signature, &p.response_signature.repeat(2))),
        ("saml.reference_invalid", |p| p.xml.replace(&p.response_signature, &p.signature)),
        // A broken one beside a good one, either way round.
        ("saml.signature_invalid", |p| break_value(&p.xml, &p.response_signature)),
        ("saml.digest_mismatch", |p| break_value(&p.xml, &p.signature)),
    ];
    for (number, (code, how)) in cases.into_iter().enumerate() {
        assert_eq!(forged(TestSigning::Both, how), Err(code), "{number}");
    }
    // Signed by the right key outside and by another inside, and the other way round.
    let sp = sp();
    let (pending, answer) = start(&sp);
    let inner = Parts::of(&answer.clone().key(TestKey::Other).xml());
    let outer = answer.signing(TestSigning::Response);
    let outer = outer.replace_before_signing(&inner.bare, &inner.assertion).xml();
    assert!(outer.contains(&inner.signature));
    assert_eq!(judge(&sp, pending, outer.as_bytes()), Err("saml.unknown_signing_key"));
}

fn break_value(xml: &str, signature: &str) -> String {
    let value = between(signature, "<SignatureValue>", "</SignatureValue>");
    let zeros = format!("<SignatureValue>{}</SignatureValue>", STANDARD.encode([0; 256]));
    xml.replace(signature, &signature.replace(&value, &zeros))
}

/// A13: CVE-2012-5353, CVE-2025-40934: no signature, so nothing to check.
#[test]
fn without_a_signature_nobody_signs_in() {
    assert_eq!(answered(|answer| answer.signing(TestSigning::Neither)), Err("saml.signature_missing"));
    let cases: [(&str, TestSigning, Forge); 5] = [
        ("saml.signature_missing", TestSigning::Assertion, |p| p.xml.replace(&p.signature, "")),
        ("saml.signature_missing", TestSigning::Response, |p| p.xml.replace(&p.response_signature, "")),
        ("saml.signature_missing", TestSigning::Assertion, |p| {
            p.xml.replace(&p.signature, &format!("<!--{}-->", p.signature.replace("--", "")))
        }),
        ("saml.signature_malformed", TestSigning::Assertion, |p| {
            p.xml.replace(&p.signature, &format!("<Signature xmlns=\"{DS}\"/>"))
        }),
        ("saml.digest_mismatch", TestSigning::Both, |p| p.xml.replace(&p.signature, "")),
    ];
    for (number, (code, signing, how)) in cases.into_iter().enumerate() {
        assert_eq!(forged(signing, how), Err(code), "{number}");
    }
    // With Both, the inner one alone still signs the assertion.
    let inner = forged(TestSigning::Both, |p| p.xml.replace(&p.response_signature, ""));
    assert_eq!(inner, ada());
}

/// A14: with Entra's default the response itself is not signed: it can be a reason to refuse, never
/// one to accept.
#[test]
fn the_unsigned_envelope_can_only_refuse() {
    for (from, to, code) in [
        ("status:Success", "status:Responder", "saml.refused"),
        ("status:Success", "status:success", "saml.refused"),
        ("Destination=\"https://app", "Destination=\"https://evil", "saml.destination_mismatch"),
        (" Version=\"2.0\" Iss", " Version=\"2.1\" Iss", "saml.version"),
        (
            "<Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
            "<Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">x",
            "saml.issuer_mismatch",
        ),
    ] {
        assert_eq!(edited(TestSigning::Assertion, from, to), Err(code), "{to}");
        let signed = edited(TestSigning::Response, from, to);
        assert_eq!(signed, Err(code), "{to}");
    }
    let without = |part: fn(&Parts) -> String| forged(TestSigning::Assertion, |p| p.xml.replacen(&part(p), "", 1));
    assert_eq!(without(|p| p.status.clone()), Err("saml.xml_schema"));
    assert_eq!(
        without(|p| format!(
            " InResponseTo=\"_{}",
            between(&p.head, "InResponseTo=\"_", "\"").trim_start_matches("InResponseTo=\"_")
        )),
        Err("saml.in_response_to_mismatch")
    );
    assert_eq!(without(|p| p.issuer.clone()), ada());
}

// ---- B: the structure of a signature ----

/// B1: CVE-2025-29774: two `SignedInfo`, one verified and one digested.
#[test]
fn a_signature_has_exactly_the_children_that_saml_allows() {
    let malformed = "saml.signature_malformed";
    for (from, to) in [
        ("<SignedInfo>", "<SignedInfo/><SignedInfo>"),
        ("</SignedInfo>", "</SignedInfo><SignedInfo/>"),
        ("<SignatureValue>", "<SignatureValue/><SignatureValue>"),
        ("<SignedInfo>", "<SignedInfo>text"),
        ("<SignedInfo>", "<SignedInfo><X/>"),
        ("</SignedInfo>", "<X/></SignedInfo>"),
        ("</Reference>", "</Reference><Reference/>"),
        ("</Reference>", "<X/></Reference>"),
        ("<Transforms>", "<X/><Transforms>"),
        ("<Transforms>", "<Transforms/><Transforms>"),
        ("</Transforms>", "</Transforms><DigestMethod/>"),
        ("<DigestValue>", "<DigestValue>AAAA</DigestValue><DigestValue>"),
        ("<CanonicalizationMethod ", "<CanonicalizationMethod/><CanonicalizationMethod "),
        ("<SignatureMethod ", "<SignatureMethod/><SignatureMethod "),
        ("<SignatureValue>", "<X><SignatureValue>"),
    ] {
        let to = if to.starts_with("<X><Sig") { "<X/><SignatureValue>" } else { to };
        assert_eq!(edited(TestSigning::Assertion, from, to), Err(malformed), "{to}");
    }
    let swapped = forged(TestSigning::Assertion, |p| {
        let value = between(&p.signature, "<SignatureValue>", "</SignatureValue>");
        let without = p.signature.replace(&value, "");
        p.xml.replace(&p.signature, &without.replacen("<SignedInfo>", &(value + "<SignedInfo>"), 1))
    });
    assert_eq!(swapped, Err(malformed));
}

/// B2: CVE-2025-29775: a comment hid the digest that was compared.
#[test]
fn comments_inside_digest_or_signature_value_are_refused() {
    for comment in ["<!---->", "<!--AAAA-->"] {
        for tag in ["<DigestValue>", "<SignatureValue>", "</DigestValue>", "</SignatureValue>"] {
            for to in [format!("{tag}{comment}"), format!("{comment}{tag}")] {
                let inside = to.starts_with(tag) != tag.starts_with("</");
                let verdict = edited(TestSigning::Assertion, tag, &to);
                // Between elements a comment is nothing: no text has two halves there.
                let expected = if inside { Err("saml.signature_malformed") } else { ada() };
                assert_eq!(verdict, expected, "{to}");
            }
        }
    }
}

/// B3: CVE-2025-66568, CVE-2025-66475: what cannot be canonicalized was digested as nothing.
#[test]
fn what_has_no_canonical_form_has_no_digest() {
    for namespace in ["x", "1:x", "./x", "../x", "#x", "?x", "//x"] {
        let to = format!("<NameID xmlns:x=\"{namespace}\" ");
        let verdict = edited(TestSigning::Assertion, "<NameID ", &to);
        assert_eq!(verdict, Err("saml.signature_malformed"), "{namespace}");
        let info = format!("<SignedInfo xmlns:x=\"{namespace}\">");
        let verdict = edited(TestSigning::Assertion, "<SignedInfo>", &info);
        assert_eq!(verdict, Err("saml.signature_malformed"), "{namespace}");
    }
    // The digest of nothing is no digest of an assertion.
    let nothing = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let verdict = forged(TestSigning::Assertion, |p| {
        let digest = between(&p.signature, "<DigestValue>", "</DigestValue>");
        p.xml.replace(&digest, &format!("<DigestValue>{nothing}</DigestValue>"))
    });
    assert_eq!(verdict, Err("saml.signature_invalid"));
}

/// B4: CVE-2026-49454, CVE-2016-9814: only half of the verification was done.
#[test]
fn each_half_of_the_verification_can_refuse() {
    // The content, with the digest as it was.
    assert_eq!(edited(TestSigning::Assertion, ADAS_NAME, EVES_NAME), Err("saml.digest_mismatch"));
    // The content with its right digest, under the old signature value.
    let sp = sp();
    let (pending, answer) = start(&sp);
    let genuine = Parts::of(&answer.xml()).signature;
    let evil = Parts::of(&answer.name_id(EVES_NAME, "x").key(TestKey::Other).xml());
    let part = |text: &str, name: &str| between(text, &format!("<{name}>"), &format!("</{name}>"));
    let mixed = ["SignatureValue", "KeyInfo"]
        .into_iter()
        .fold(evil.xml.clone(), |xml, name| xml.replace(&part(&evil.signature, name), &part(&genuine, name)));
    assert_eq!(judge(&sp, pending, mixed.as_bytes()), Err("saml.signature_invalid"));
    // Each byte of the value counts, and so does its length.
    for bytes in [0, 1, 255, 257, 512, 1024] {
        let verdict = forged(TestSigning::Assertion, |p| {
            let value = between(&p.signature, "<SignatureValue>", "</SignatureValue>");
            let other = STANDARD.encode(vec![1; bytes]);
            p.xml.replace(&value, &format!("<SignatureValue>{other}</SignatureValue>"))
        });
        assert_eq!(verdict, Err("saml.signature_invalid"), "{bytes}");
    }
}

/// B5, B6, B10: CVE-2022-47966, GHSA-7mf5-fjj8-mvjc: XSLT and `XPath` ran before anything was verified.
#[test]
fn only_the_two_transforms_of_saml_are_known_in_their_order() {
    const ENVELOPED: &str = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    const C14N: &str = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
    let both = [ENVELOPED, C14N].concat();
    let not_allowed = "saml.algorithm_not_allowed";
    let malformed = "saml.signature_malformed";
    let transform = |uri: &str, inner: &str| format!("<Transform Algorithm=\"{uri}\">{inner}</Transform>");
    let xslt = transform(
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "<x:stylesheet xmlns:x=\"http://www.w3.org/1999/XSL/Transform\"/>",
    );
    let xpath = transform("http://www.w3.org/TR/1999/REC-xpath-19991116", "<XPath>not(ancestor-or-self::x)</XPath>");
    let filter = transform(
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "<x:XPath xmlns:x=\"http://www.w3.org/2002/06/xmldsig-filter2\" Filter=\"subtract\">//x</x:XPath>",
    );
    for (to, code) in [
        (xslt.clone() + C14N, not_allowed),
        (xpath.clone() + C14N, not_allowed),
        (filter.clone() + C14N, not_allowed),
        (ENVELOPED.to_owned() + &xslt, not_allowed),
        (ENVELOPED.to_owned() + &xpath, not_allowed),
        (ENVELOPED.to_owned() + &filter, not_allowed),
        (both.clone() + &xslt, malformed),
        (both.clone() + &xpath, malformed),
        (ENVELOPED.to_owned() + &transform(&format!("{DS}base64"), ""), not_allowed),
        (ENVELOPED.to_owned() + &transform("urn:unknown", ""), not_allowed),
        (ENVELOPED.to_owned() + &transform("", ""), not_allowed),
        (ENVELOPED.to_owned() + "<Transform/>", malformed),
        (C14N.to_owned() + ENVELOPED, not_allowed),
        (C14N.to_owned(), not_allowed),
        (C14N.repeat(2), not_allowed),
        (ENVELOPED.to_owned(), malformed),
        (ENVELOPED.repeat(2), not_allowed),
        (both.clone() + C14N, malformed),
        (both.clone() + &C14N.repeat(1000), malformed),
        (ENVELOPED.replace("/>", "><XPath>x</XPath></Transform>") + C14N, malformed),
        (ENVELOPED.to_owned() + &C14N.replace("/>", "><XPath>x</XPath></Transform>"), malformed),
        (String::new(), malformed),
    ] {
        assert_eq!(edited(TestSigning::Assertion, &both, &to), Err(code), "{to}");
    }
    assert_eq!(edited(TestSigning::Assertion, &format!("<Transforms>{both}</Transforms>"), ""), Err(malformed));
}

/// B7, B8: CVE-2023-36661, CVE-2015-20108: nothing is fetched, and no expression is evaluated.
#[test]
fn a_reference_is_compared_and_never_followed() {
    for uri in [
        "",
        "#",
        "_a",
        "http://evil.example/assertion.xml",
        "file:///etc/passwd",
        "#xpointer(/)",
        "#xpointer(id('_a'))",
        "#element(/1)",
        "' or '1'='1",
        "#' or '1'='1",
        "#\"]|//*[\"",
        "?x#",
    ] {
        let verdict = forged(TestSigning::Assertion, |p| {
            let reference = between(&p.signature, "<Reference URI=\"", "\"");
            let uri = uri.replace('"', "&quot;");
            p.xml.replace(&reference, &format!("<Reference URI=\"{uri}\""))
        });
        assert_eq!(verdict, Err("saml.reference_invalid"), "{uri}");
    }
    // Nearly the ID.
    for change in [
        |id: &str| format!("#{id} "),
        |id: &str| format!("##{id}"),
        |id: &str| id.to_owned(),
        |id: &str| format!("#{}", id.to_uppercase()),
        |id: &str| format!("#%5F{}", &id[1..]),
    ] {
        let verdict = forged(TestSigning::Assertion, |p| {
            let reference = between(&p.signature, "<Reference URI=\"", "\"");
            let id = reference.trim_start_matches("<Reference URI=\"#").trim_end_matches('"');
            p.xml.replace(&reference, &format!("<Reference URI=\"{}\"", change(id)))
        });
        assert_eq!(verdict, Err("saml.reference_invalid"));
    }
    let absent = forged(TestSigning::Assertion, |p| {
        p.xml.replace(&between(&p.signature, "<Reference URI=\"", "\""), "<Reference")
    });
    assert_eq!(absent, Err("saml.reference_invalid"));
    // An ID with a quote in it breaks out of nothing; it is no ID. The second verifier is not even asked.
    let code = if cfg!(feature = "xmlsec") { "saml.second_opinion" } else { "saml.xml_schema" };
    assert_eq!(strange_inner("ID=\"_a", "ID=\"_'or'a"), Err(code));
}

/// B9: digests inside a Manifest are nobody's to check.
#[test]
fn a_manifest_is_no_reference() {
    let manifest = format!("<Reference URI=\"#m\" Type=\"{DS}Manifest\"/>");
    let verdict = forged(TestSigning::Assertion, |p| {
        p.xml.replace(&between(&p.signature, "<Reference ", "</Reference>"), &manifest)
    });
    assert_eq!(verdict, Err("saml.reference_invalid"));
    let object = format!("<Object><Manifest Id=\"m\">{manifest}</Manifest></Object></Signature>");
    let verdict = edited(TestSigning::Assertion, "</Signature>", &object);
    assert_eq!(verdict, Err("saml.signature_malformed"));
}

/// B11: CVE-2023-48703, CVE-2024-32962, CVE-2021-21239: the key came with the message.
#[test]
fn the_key_that_the_message_brings_is_never_used() {
    for signing in SIGNED {
        let other = answered(|answer| answer.key(TestKey::Other).signing(signing));
        assert_eq!(other, Err("saml.unknown_signing_key"), "{signing:?}");
    }
    // Whatever KeyInfo says: it changes no verdict.
    let key = STANDARD.encode(TestKey::Other.certificate().der());
    let other = format!("<KeyInfo><X509Data><X509Certificate>{key}</X509Certificate></X509Data></KeyInfo>");
    for info in [
        "",
        "<KeyInfo/>",
        "<KeyInfo><KeyName>http://evil.example/</KeyName></KeyInfo>",
        "<KeyInfo><X509Data><X509Certificate>%%%</X509Certificate></X509Data></KeyInfo>",
        "<KeyInfo><RetrievalMethod URI=\"http://evil.example/key\"/></KeyInfo>",
        "<KeyInfo><KeyValue><RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue></KeyValue></KeyInfo>",
        &other,
    ] {
        let with_info = |answer: TestResponse| {
            let found = between(&answer.xml(), "<KeyInfo>", "</KeyInfo>");
            answer.replace_after_signing(&found, info)
        };
        assert_eq!(answered(with_info), ada(), "{info}");
        let stranger = answered(|answer| with_info(answer.key(TestKey::Other)));
        assert_eq!(stranger, Err("saml.unknown_signing_key"), "{info}");
    }
    // The certificate of the trusted key does not make another key's signature good.
    let claimed = answered(|answer| {
        let mine = between(&answer.xml(), "<X509Certificate>", "</X509Certificate>");
        let answer = answer.key(TestKey::Other);
        let found = between(&answer.xml(), "<X509Certificate>", "</X509Certificate>");
        answer.replace_after_signing(&found, &mine)
    });
    assert_eq!(claimed, Err("saml.signature_invalid"));
}

/// B11: a fingerprint needs the message to bring the certificate, and lets it bring no other.
#[test]
fn a_pinned_fingerprint_trusts_one_certificate_and_only_its_key() {
    let certificate = |key: TestKey| STANDARD.encode(key.certificate().der());
    let (pinned, other) = (certificate(TestKey::Idp), certificate(TestKey::Other));
    let verdict = |fingerprint: &str, change: &dyn Fn(TestResponse) -> TestResponse| {
        let known = TestIdp::new().identity_provider(NOW).expect("metadata");
        let sso = known.sso_url(Binding::Redirect).expect("an endpoint").clone();
        let fingerprint = fingerprint.parse().map_err(|_| "no fingerprint")?;
        let sp = sp_trusting(IdentityProvider::pinned_by_fingerprint(known.entity_id().clone(), sso, fingerprint));
        let (pending, answer) = start(&sp);
        judge(&sp, pending, change(answer).xml().as_bytes())
    };
    let ours = TestKey::Idp.certificate().thumbprint_sha256().to_owned();
    let pairs: Vec<&str> = (0..32).map(|at| &ours[2 * at..2 * at + 2]).collect();
    let spellings = [ours.clone(), ours.to_lowercase(), format!("sha256 Fingerprint={}", pairs.join(":"))];
    for signing in SIGNED {
        for spelling in &spellings {
            assert_eq!(verdict(spelling, &|answer| answer.signing(signing)), ada(), "{signing:?} {spelling}");
        }
        let stranger = verdict(&ours, &|answer| answer.signing(signing).key(TestKey::Other));
        assert_eq!(stranger, Err("saml.unknown_signing_key"), "{signing:?}");
    }
    // The certificate is there, in any company, and another key signed.
    let both = [
        format!("{pinned}</X509Certificate><X509Certificate>{other}"),
        format!("{other}</X509Certificate><X509Certificate>{pinned}"),
    ];
    for enclosed in [&pinned, &both[0], &both[1]] {
        let forged = verdict(&ours, &|answer| answer.key(TestKey::Other).replace_after_signing(&other, enclosed));
        assert!(matches!(forged, Err("saml.signature_invalid" | "saml.unknown_signing_key")), "{forged:?}");
    }
    for enclosed in &both {
        assert_eq!(verdict(&ours, &|answer| answer.replace_after_signing(&pinned, enclosed)), ada());
    }
    // Not there, or not the same to the last bit.
    let altered = pinned.replacen('A', "B", 1);
    for enclosed in ["", &other, &altered] {
        let verdict = verdict(&ours, &|answer| answer.replace_after_signing(&pinned, enclosed));
        assert_eq!(verdict, Err("saml.unknown_signing_key"), "{enclosed}");
    }
    // More than a chain has is not searched.
    let crowd = format!("{}{pinned}", format!("{other}</X509Certificate><X509Certificate>").repeat(8));
    let verdict_of_crowd = verdict(&ours, &|answer| answer.replace_after_signing(&pinned, &crowd));
    assert_eq!(verdict_of_crowd, Err("saml.unknown_signing_key"));
    // SHA-1 is what the portal shows, and no fingerprint here.
    let sha1 = TestKey::Idp.certificate().thumbprint_sha1().to_owned();
    for text in [sha1.as_str(), "", &ours[1..], &format!("{ours}00"), &ours.replace('A', "G")] {
        assert_eq!(verdict(text, &|answer| answer), Err("no fingerprint"), "{text}");
    }
}

/// B12: CVE-2015-1796: a certificate of any public authority was good.
#[test]
fn the_key_is_pinned_and_its_dates_are_a_reason_to_refuse() {
    let verdict = |idp: IdentityProvider, key| {
        let sp = sp_trusting(idp);
        let (pending, answer) = start(&sp);
        judge(&sp, pending, answer.key(key).xml().as_bytes())
    };
    let (other, expired) = (TestKey::Other.certificate(), TestKey::Expired.certificate());
    assert_eq!(verdict(pinned(other.clone()), TestKey::Other), ada());
    assert_eq!(verdict(pinned(other.clone()), TestKey::Idp), Err("saml.unknown_signing_key"));
    assert_eq!(verdict(pinned(expired.clone()), TestKey::Idp), Err("saml.certificate_not_valid"));
    let allowed = pinned(expired).danger_allow_expired_certificates();
    assert_eq!(verdict(allowed, TestKey::Idp), ada());
    // Of two certificates for one key, as a renewal leaves behind, the one in its dates counts.
    let metadata = TestIdp::new().metadata();
    let descriptor = between(&metadata, "<KeyDescriptor ", "</KeyDescriptor>");
    let base64 = |key: TestKey| STANDARD.encode(key.certificate().der());
    let old = descriptor.replace(&base64(TestKey::Idp), &base64(TestKey::Expired));
    for both in [old.clone() + &descriptor, descriptor.clone() + &old] {
        let metadata = metadata.replace(&descriptor, &both);
        let trust = MetadataTrust::ConfiguredByAdmin;
        let idp = IdentityProvider::from_metadata(metadata.as_bytes(), trust, NOW);
        assert_eq!(verdict(idp.expect("metadata"), TestKey::Idp), ada());
    }
    // The same name in another certificate means nothing.
    assert_eq!(other.subject(), TestKey::Idp.certificate().subject());
}

/// B13: code that others wrote more loosely than the standard.
#[test]
fn signed_info_is_taken_as_it_is_to_the_last_byte() {
    for (from, to) in [
        ("<SignedInfo>", "<SignedInfo> "),
        ("<SignedInfo>", "<SignedInfo>\r\n"),
        ("</SignedInfo>", "\n</SignedInfo>"),
        ("<Reference ", "<Reference Id=\"x\" "),
        ("<Reference ", "<Reference Type=\"x\" "),
        ("<SignedInfo>", "<SignedInfo Id=\"x\">"),
        ("</DigestValue>", " </DigestValue>"),
    ] {
        let verdict = edited(TestSigning::Assertion, from, to);
        assert_eq!(verdict, Err("saml.signature_invalid"), "{to}");
    }
    // What canonicalization takes away anyway.
    for (from, to) in [
        ("<SignedInfo>", "<SignedInfo >"),
        ("<SignedInfo>", "<SignedInfo xmlns:x=\"urn:x\">"),
        ("</Reference>", "<!--x--></Reference>"),
    ] {
        assert_eq!(edited(TestSigning::Assertion, from, to), ada(), "{to}");
    }
}

// ---- C: algorithms and keys ----

/// C1, C2, C3: CVE-2018-7644, CVE-2025-48994, CVE-2009-0217.
#[test]
fn an_algorithm_that_is_not_allowed_has_no_code() {
    const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let not_allowed = "saml.algorithm_not_allowed";
    for (uri, code) in [
        ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-md5", not_allowed),
        ("http://www.w3.org/2000/09/xmldsig#dsa-sha1", not_allowed),
        ("http://www.w3.org/2009/xmldsig11#dsa-sha256", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha1", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", not_allowed),
        ("http://www.w3.org/2007/05/xmldsig-more#rsa-pss", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256", not_allowed),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256 ", not_allowed),
        ("none", not_allowed),
        ("", not_allowed),
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "saml.sha1_not_allowed"),
        // Allowed, but not what the key is or what it signed.
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "saml.signature_invalid"),
        ("http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519", "saml.signature_invalid"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "saml.signature_invalid"),
        ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "saml.signature_invalid"),
    ] {
        assert_eq!(edited(TestSigning::Assertion, RSA_SHA256, uri), Err(code), "{uri}");
    }
    let method = format!("<SignatureMethod Algorithm=\"{RSA_SHA256}\"/>");
    for to in ["<HMACOutputLength>0</HMACOutputLength>", "<HMACOutputLength>8</HMACOutputLength>", "<X/>", "8"] {
        let to = format!("<SignatureMethod Algorithm=\"{RSA_SHA256}\">{to}</SignatureMethod>");
        let verdict = edited(TestSigning::Assertion, &method, &to);
        assert_eq!(verdict, Err("saml.signature_malformed"), "{to}");
    }
    assert_eq!(edited(TestSigning::Assertion, &method, "<SignatureMethod/>"), Err("saml.signature_malformed"));
}

/// C4: CVE-2020-36563: a weak digest under a strong signature.
#[test]
fn a_weak_digest_is_refused_under_any_signature() {
    const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
    for (uri, code) in [
        ("http://www.w3.org/2000/09/xmldsig#sha1", "saml.sha1_not_allowed"),
        ("http://www.w3.org/2001/04/xmldsig-more#md5", "saml.algorithm_not_allowed"),
        ("http://www.w3.org/2001/04/xmlenc#ripemd160", "saml.algorithm_not_allowed"),
        ("http://www.w3.org/2001/04/xmldsig-more#sha224", "saml.algorithm_not_allowed"),
        ("http://www.w3.org/2001/04/xmlenc#sha384", "saml.algorithm_not_allowed"),
        ("", "saml.algorithm_not_allowed"),
        ("http://www.w3.org/2001/04/xmlenc#sha512", "saml.signature_invalid"),
    ] {
        assert_eq!(edited(TestSigning::Assertion, SHA256, uri), Err(code), "{uri}");
    }
    // Allowing SHA-1 for one identity provider allows neither MD5 nor a forgery.
    let sp = sp_trusting(TestIdp::new().identity_provider(NOW).expect("metadata").danger_allow_sha1());
    for (uri, code) in [
        ("http://www.w3.org/2000/09/xmldsig#sha1", "saml.signature_invalid"),
        ("http://www.w3.org/2001/04/xmldsig-more#md5", "saml.algorithm_not_allowed"),
    ] {
        let (pending, answer) = start(&sp);
        let xml = answer.replace_after_signing(SHA256, uri).xml();
        assert_eq!(judge(&sp, pending, xml.as_bytes()), Err(code), "{uri}");
    }
}

/// RSA with 1024 bits.
const WEAK: &str = "MIIB/DCCAWWgAwIBAgIUXs+XUBCYNGXBMAO+JCYFL3qHyPswDQYJKoZIhvcNAQELBQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjIwMDM1NDFaGA8yMTI2MTAyOTAwMzU0MVowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAvzKSjV1IZ4quvc75sCm2QecfgjZ+0/uXXmBC3ewlyXlRRCgScirzmlg8L3iYdDBU1l8s6K4vOvq0LArXx5XK8rfChh10tNwyvw2z2oJWo8OYTmnViEZ/DXtvZP0aR4f17GJq2NGyFdBHO3YCLKet/hYLjP1ROzlYPej32K96zhMCAwEAAaNTMFEwHQYDVR0OBBYEFNOvxREiQvDjVoYFOZL4da5NOh8+MB8GA1UdIwQYMBaAFNOvxREiQvDjVoYFOZL4da5NOh8+MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEAWtNu8oXDh1zdgIydsWzhAYq++uSjJq9L3XueoXZklZw3UB90GyyGJYo0H0xSEdqMqBqPH/Lb08sqDQ55fXVHVY4bmHqgaqSEGBt5XeZygWYrAf4KwfTZ4fP/p9XZKM18+ji9JhZ4FXMq9Lz/aCqZHhLI5yoxhCa7bVt7vY9rQac=";
/// RSA with 2048 bits and the exponent 3.
const EXPONENT_3: &str = "MIIC+zCCAeOgAwIBAgIUS0743vo9cCWqGnDrxNhU384wrcIwDQYJKoZIhvcNAQELBQAwDTELMAkGA1UEAwwCZTMwIBcNMjYxMTIyMDAzNTQyWhgPMjEyNjEwMjkwMDM1NDJaMA0xCzAJBgNVBAMMAmUzMIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEA8UMYMUxklug5gOG5RRLmJ6NTHxKc9lHVj3qzZ65dAi1oECW8ruEOC3m+TzWZKJ9CHqVJ5eN5GIoZIkFtYSWKFH1dHsotBsdgzzfPJq4tMWmqMG9jb4iU9RwHF5MIo1jQshzwctFD+ZpwfYlsHI9fKe9ZhEY/TR78dzjEYTErTbfKKIb6YUreSRE7A77+CjMXsMJ+5lKbOBaY1tdeRBzCXNVJiGck2nna1J2UKt5KvnpZaQguavDVFIB+jkYrmpCNRwzeNYkbD8CPuCyFfdPVPlfPPZ2vVYpj0nMbxSoCpP2s1cSz1LZ01AVuBXdLXpnJCerWwoap6n+aWb6mpCtFpQIBA6NTMFEwHQYDVR0OBBYEFFy5rPH8zyJlDpYbQ4TGUo5k38VFMB8GA1UdIwQYMBaAFFy5rPH8zyJlDpYbQ4TGUo5k38VFMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAKxjtaPaNSbYHXG+KmWiTrcdya069SGwmJ6ewHmYjoylHVKs9wTyOCYA3PFhrnys2IwIpU8uCC+0xpYwvhv4zR236/FTptO38wJkVHjuX3IcDAILjsYGg3N+/xKPmVkq75WW5LnFYDYTQWIF1Jlk3S8YPpUfeRx1QZheKAZ6rjbS8KBW9hQmwRz36QfD6S22vKJp6zzjoiodhWVusYzaD3IiN8wtYCbKaFg0IXdMVVpeBXPxCWTrqu3v0XTHb1Hy26u1/ETWOHuf8CsUvnHKUWsQWiNjqxkyJKkuhHqdt8XyPT5E2SMI+DjLuTDm/gMkc+rwq7OlJz3fYYSR87BTwvM=";

/// C5: Bleichenbacher's forgery of 2006, and moduli that can be factored.
#[test]
fn a_weak_key_cannot_be_pinned() {
    for weak in [WEAK, EXPONENT_3] {
        let code = Certificate::parse(weak.as_bytes()).map(|_| ()).map_err(|error| error.code());
        assert_eq!(code, Err("certificate.weak_key"));
        let metadata = TestIdp::new().metadata();
        let strong = STANDARD.encode(TestKey::Idp.certificate().der());
        let metadata = metadata.replace(&strong, weak);
        assert_eq!(import(&metadata), Err("saml.metadata_no_usable_key"));
    }
}

/// C6: CVE-2026-123538, CVE-2026-109372: a key was good for any issuer.
#[test]
fn a_key_is_good_for_its_own_identity_provider_only() {
    // Two providers of one application: each has its key, and its name.
    let other = || sp_trusting(pinned(TestKey::Other.certificate()));
    let (pending, answer) = start(&other());
    let xml = answer.xml();
    assert_eq!(judge(&other(), pending, xml.as_bytes()), Err("saml.unknown_signing_key"));
    let issuer = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/";
    assert_eq!(answered(|answer| answer.issuer(issuer)), Err("saml.issuer_mismatch"));
}

// ---- D: parsing and canonicalization ----

/// D1, D3, D4: CVE-2025-25291, CVE-2016-10127, CVE-2026-28809, CVE-2025-23369.
#[test]
fn a_document_type_is_refused_before_anything_is_read_of_it() {
    for subset in [
        "",
        " SYSTEM \"http://evil.example/x.dtd\"",
        " PUBLIC \"x\" \"file:///etc/passwd\"",
        " [<!ENTITY x \"y\">]",
        " [<!ENTITY x SYSTEM \"file:///etc/passwd\">]",
        " [<!ENTITY % x SYSTEM \"http://evil.example/\">%x;]",
        " [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]",
        " [<!ATTLIST Assertion Other ID #IMPLIED>]",
        " [<!ELEMENT x ANY><!NOTATION n SYSTEM \"n\"><?p q?><!--x-->]",
    ] {
        for name in ["<!DOCTYPE samlp:Response", "<!doctype x"] {
            let verdict = forged(TestSigning::Assertion, |p| format!("{name}{subset}>{}", p.xml));
            assert_eq!(verdict, Err("saml.xml_doctype"), "{subset}");
        }
    }
    let inner = edited(TestSigning::Assertion, "<NameID ", "<!DOCTYPE x><NameID ");
    assert_eq!(inner, Err("saml.xml_doctype"));
    for broken in
        ["<!DOCTYPE", "<!DOCTYPE x [", "<!DOCTYPE x [<", "<!DOCTYPE x [<!", "<!DOCTYPE x [<!ENTITY", "<!DOCTYPE>"]
    {
        // Not even its end is looked for.
        let verdict = forged(TestSigning::Assertion, |_| broken.to_owned());
        assert_eq!(verdict, Err("saml.xml_doctype"), "{broken}");
    }
    for entity in ["&x;", "&nbsp;", "&#0;", "&#x110000;", "&#xD800;", "&#xFFFE;"] {
        let verdict = edited(TestSigning::Assertion, "ada@", &format!("ada{entity}@"));
        assert_eq!(verdict, Err("saml.xml_malformed"), "{entity}");
        let verdict = edited(TestSigning::Assertion, "ID=\"_a", &format!("ID=\"{entity}_a"));
        assert_eq!(verdict, Err("saml.xml_malformed"), "{entity}");
    }
}

/// D2: CVE-2020-29509, CVE-2020-29510, CVE-2020-29511: names that a round trip changes.
#[test]
fn names_that_do_not_survive_a_round_trip_are_refused() {
    for to in [
        "<:NameID ",
        "<x:y:NameID ",
        "<x: ",
        "<NameID :x=\"1\" ",
        "<NameID x:=\"1\" ",
        "<NameID x:y=\"1\" ",
        "<NameID xmlns:x=\"urn:x\" x:y:z=\"1\" ",
    ] {
        assert_eq!(edited(TestSigning::Assertion, "<NameID ", to), Err("saml.xml_malformed"), "{to}");
    }
    for to in ["</:NameID>", "</x:NameID>", "</NameID:>", "</ NameID>", "</nameid>", "</NameID x=\"1\">"] {
        assert_eq!(edited(TestSigning::Assertion, "</NameID>", to), Err("saml.xml_malformed"), "{to}");
    }
    assert_eq!(edited(TestSigning::Assertion, "</NameID>", "</NameID\t\n>"), ada());
}

/// D5: encodings in which a filter reads other text than the parser.
#[test]
fn only_utf8_is_read() {
    let recoded = |recode: fn(&str) -> Vec<u8>| {
        let sp = sp();
        let (pending, answer) = start(&sp);
        judge(&sp, pending, &recode(&answer.xml()))
    };
    assert_eq!(recoded(|xml| xml.encode_utf16().flat_map(u16::to_le_bytes).collect()), Err("saml.xml_malformed"));
    assert_eq!(recoded(|xml| xml.encode_utf16().flat_map(u16::to_be_bytes).collect()), Err("saml.xml_malformed"));
    assert_eq!(
        recoded(|xml| format!("\u{feff}{xml}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Err("saml.xml_not_utf8")
    );
    assert_eq!(
        recoded(|xml| xml
            .replace("ada@", "\u{1}\u{2}@")
            .replace('\u{1}', "\u{c0}")
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect()),
        Err("saml.xml_not_utf8")
    );
    // An overlong `<`, and a surrogate.
    let bytes = |from: &'static str, to: &'static [u8]| {
        let sp = sp();
        let (pending, answer) = start(&sp);
        let xml = answer.xml();
        let (before, after) = xml.split_once(from).expect(from);
        judge(&sp, pending, &[before.as_bytes(), to, after.as_bytes()].concat())
    };
    assert_eq!(bytes("ada@", b"\xC0\xBC"), Err("saml.xml_not_utf8"));
    assert_eq!(bytes("ada@", b"\xED\xA0\x80"), Err("saml.xml_not_utf8"));
    assert_eq!(bytes("ada@", b"\0"), Err("saml.xml_malformed"));
    for (encoding, expected) in [
        ("UTF-8", ada()),
        ("utf-8", ada()),
        ("UTF-16", Err("saml.xml_not_utf8")),
        ("UTF-7", Err("saml.xml_not_utf8")),
        ("ISO-8859-1", Err("saml.xml_not_utf8")),
        ("IBM037", Err("saml.xml_not_utf8")),
    ] {
        let verdict = forged(TestSigning::Assertion, |p| {
            format!("\u{feff}<?xml version=\"1.0\" encoding=\"{encoding}\"?>{}", p.xml)
        });
        assert_eq!(verdict, expected, "{encoding}");
    }
    let twice = forged(TestSigning::Assertion, |p| format!("\u{feff}\u{feff}{}", p.xml));
    assert_eq!(twice, Err("saml.xml_malformed"));
}

/// D6: CVE-2022-39353, CVE-2021-32796: broken XML that was repaired instead of refused.
#[test]
fn broken_xml_is_not_repaired() {
    for (from, to) in [
        ("</NameID>", ""),
        ("</samlp:Response>", ""),
        ("</samlp:Response>", "</samlp:Response>x"),
        ("<NameID ", "<NameID Format=\"x\" "),
        ("<NameID ", "<NameID x=1 "),
        ("<NameID ", "<NameID x "),
        ("<NameID ", "<NameID x=\"<\" "),
        ("<NameID ", "<NameID x='1'y='2' "),
        ("ada@", "ada]]>@"),
        ("ada@", "ada & @"),
        ("ada@", "ada\u{1}@"),
        ("ada@", "ada\u{ffff}@"),
        ("ada@", "ada<!-- -- -->@"),
        ("ada@", "ada<!--->@"),
        ("ada@", "ada<!>@"),
        ("ada@", "ada< b>@</b>"),
        ("ada@", "ada<![cdata[x]]>@"),
        ("ada@", "ada<![CDATA[x]]@"),
    ] {
        assert_eq!(edited(TestSigning::Assertion, from, to), Err("saml.xml_malformed"), "{to}");
    }
}

/// D7: ferriskey 1273, openproxy 451: what canonicalization forgot could be changed at will.
#[test]
fn nothing_that_is_read_is_outside_of_the_digest() {
    // Text that needs escaping comes out as it was signed.
    for name in [
        "a&b@x.example",
        "<a>@x.example",
        "a\"b'c@x.example",
        "a\rb@x.example",
        "ä\u{10000}@x.example",
        "a\tb\nc@x.example",
    ] {
        for signing in SIGNED {
            let verdict = answered(|answer| answer.name_id(name, "x").signing(signing));
            assert_eq!(verdict, Ok(name.to_owned()), "{name:?}");
        }
    }
    // Each attribute and each reference in a value counts, of empty elements as well.
    for (from, to) in [
        ("Recipient=\"https://app", "Recipient=\"https://App"),
        ("<AuthnStatement ", "<AuthnStatement SessionNotOnOrAfter=\"2030-01-01T00:00:00Z\" "),
        ("Method=\"urn", "Method=\"URN"),
        ("<AttributeValue>Ada", "<AttributeValue>&amp;Ada"),
        ("<AttributeValue>Ada", "<AttributeValue>amp;Ada"),
        ("<AttributeValue>Ada", "<AttributeValue>&#13;Ada"),
        ("<AttributeValue>Ada", "<AttributeValue>\rAda"),
        ("Name=\"http", "Name=\"&#9;http"),
        ("<Audience>", "<Audience/><Audience>"),
        ("<Conditions ", "<Conditions x=\"\" "),
        ("</AttributeStatement>", "<Attribute Name=\"admin\"/></AttributeStatement>"),
        (" Version=\"2.0\" xmlns", " Version=\"2.0\" Extra=\"\" xmlns"),
    ] {
        for signing in SIGNED {
            let verdict = edited(signing, from, to);
            assert_eq!(verdict, Err("saml.digest_mismatch"), "{signing:?} {to}");
        }
    }
}

/// D8, D9: what stands around the signed element changes nothing in it.
#[test]
fn namespaces_from_outside_change_neither_digest_nor_values() {
    for declared in ["xmlns:x=\"urn:x\"", "xmlns:xs=\"urn:evil\"", "xmlns:ds=\"urn:evil\"", "xmlns=\"urn:evil\""] {
        let to = format!("<samlp:Response {declared} ");
        assert_eq!(edited(TestSigning::Assertion, "<samlp:Response ", &to), ada(), "{declared}");
    }
    // The type of a value has no meaning here, so a prefix in it that is bound anew has none either.
    let typed = |declared: &'static str| {
        answered(|answer| {
            let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
            let value = format!("<AttributeValue {xsi} xsi:type=\"xs:string\">Ada<");
            answer
                .replace_before_signing("<AttributeValue>Ada<", &value)
                .replace_after_signing("<samlp:Response ", &format!("<samlp:Response {declared} "))
        })
    };
    assert_eq!(typed("xmlns:xs=\"http://www.w3.org/2001/XMLSchema\""), ada());
    assert_eq!(typed("xmlns:xs=\"urn:evil\""), ada());
    // A prefix list that the signer did not write is a change of what was signed.
    let c14n = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
    let method = "<CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
    let list =
        "<e:InclusiveNamespaces xmlns:e=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"#default samlp xs\"/>";
    for (from, end) in [(c14n, "</Transform>"), (method, "</CanonicalizationMethod>")] {
        let to = format!("{from}>{list}{end}");
        let verdict = edited(TestSigning::Assertion, &format!("{from}/>"), &to);
        assert_eq!(verdict, Err("saml.signature_invalid"), "{to}");
        let many = list.replace("#default", &"p ".repeat(33));
        let verdict = edited(TestSigning::Assertion, &format!("{from}/>"), &format!("{from}>{many}{end}"));
        assert_eq!(verdict, Err("saml.signature_malformed"));
    }
}

/// D10: inclusive canonicalization drags in what stands around, the one with comments reads them.
#[test]
fn only_exclusive_canonicalization_without_comments_is_known() {
    for other in [
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/10/xml-exc-c14n",
        "urn:x",
        "",
    ] {
        for element in ["<CanonicalizationMethod Algorithm=\"", "<Transform Algorithm=\""] {
            let from = format!("{element}http://www.w3.org/2001/10/xml-exc-c14n#\"");
            let verdict = edited(TestSigning::Assertion, &from, &format!("{element}{other}\""));
            assert_eq!(verdict, Err("saml.algorithm_not_allowed"), "{other}");
        }
    }
}

/// D11: attributes of `xml:` and `XInclude` change what other processors see.
#[test]
fn xml_base_and_xinclude_are_signed_content_or_nothing() {
    let include = "<x:include xmlns:x=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\" parse=\"text\"/>";
    for (from, to, expected) in [
        ("<samlp:Response ", "<samlp:Response xml:base=\"http://evil.example/\" ".to_owned(), ada()),
        ("<samlp:Response ", "<samlp:Response xml:space=\"preserve\" xml:lang=\"x\" ".to_owned(), ada()),
        ("<Assertion ", "<Assertion xml:base=\"http://evil.example/\" ".to_owned(), Err("saml.digest_mismatch")),
        ("ada@", format!("{include}@"), Err("saml.digest_mismatch")),
        ("<samlp:Status>", format!("<samlp:Extensions>{include}</samlp:Extensions><samlp:Status>"), ada()),
    ] {
        assert_eq!(edited(TestSigning::Assertion, from, &to), expected, "{to}");
    }
    assert_eq!(strange_inner("ada@", &format!("{include}@")), Err("saml.xml_schema"));
}

/// D12: CVE-2025-54572: base64 that is read more loosely than it is written.
#[test]
fn base64_is_strict() {
    for text in [
        "PGEvPg",
        "PGEvPg=",
        "PGEvPg===",
        "PGEvPh==",
        "PGE_Pg==",
        "PGEvPg==x",
        "P-EvPg==",
        "PGEv%Pg=",
        "=",
        "PGEvPg==PGEvPg==",
        "\u{ff30}GEvPg==",
    ] {
        let code = PostedResponse::from_fields(text, None).map(|_| ()).map_err(|error| error.code());
        assert_eq!(code, Err("saml.form_encoding"), "{text}");
    }
    assert!(PostedResponse::from_fields(" PGE\r\nvPg==\t", None).is_ok());
    for name in ["DigestValue", "SignatureValue"] {
        for change in [
            |text: &str| text.trim_end_matches('=').to_owned(),
            |text: &str| format!("{text}="),
            |text: &str| format!("{text}!"),
            |text: &str| text.replacen(['A', 'B', 'C', 'D', 'E', 'F', 'a', 'b', 'c', 'd'], "-", 1),
            |text: &str| text.repeat(20),
        ] {
            let verdict = forged(TestSigning::Assertion, |p| {
                let (start, end) = (format!("<{name}>"), format!("</{name}>"));
                let found = between(&p.signature, &start, &end);
                let value = found.trim_start_matches(&start).trim_end_matches(&end);
                p.xml.replace(&found, &format!("{start}{}{end}", change(value)))
            });
            assert_eq!(verdict, Err("saml.signature_malformed"), "{name}");
        }
        // White space is allowed in base64; in the digest it is a change of what was signed.
        let verdict = edited(TestSigning::Assertion, &format!("<{name}>"), &format!("<{name}>\n "));
        let expected = if name == "DigestValue" { Err("saml.signature_invalid") } else { ada() };
        assert_eq!(verdict, expected, "{name}");
    }
}

// ---- E: encryption ----

/// One that decrypts.
fn decrypting() -> ServiceProvider {
    let key = TestKey::ServiceProvider;
    let service = Service::new().with_decryption_key(key.decryption_key(), key.certificate()).expect("one pair");
    sp().with_service(service)
}

fn to_us() -> TestEncryption {
    TestEncryption::new(TestKey::ServiceProvider)
}

fn by_cbc() -> TestEncryption {
    to_us().content("http://www.w3.org/2001/04/xmlenc#aes256-cbc")
}

/// As `answered`, by one who decrypts.
fn decrypted(change: impl FnOnce(TestResponse) -> TestResponse) -> Verdict {
    decrypted_as(|answer| change(answer).xml())
}

fn decrypted_as(message: impl FnOnce(TestResponse) -> String) -> Verdict {
    let sp = decrypting();
    let (pending, answer) = start(&sp);
    judge(&sp, pending, message(answer).as_bytes())
}

/// What is decrypted to `plaintext`, which is made of a genuine answer, in a response that is signed or not.
fn opened(how: TestEncryption, signing: TestSigning, plaintext: impl FnOnce(&Parts) -> String) -> Verdict {
    decrypted(|answer| {
        let parts = Parts::of(&answer.xml());
        answer.signing(signing).encrypted(how.plaintext(&plaintext(&parts)))
    })
}

type Changing = fn(TestResponse) -> TestResponse;

const FAILED: Verdict = Err("saml.decryption_failed");

/// E1: CVE-2024-4985, CVE-2024-9487, CVE-2026-41005, CVE-2026-18108.
#[test]
fn an_encrypted_assertion_that_nobody_signed_is_refused() {
    assert_eq!(decrypted(|answer| answer.encrypted(to_us())), ada());
    let unsigned: Verdict = Err("saml.signature_missing");
    assert_eq!(decrypted(|answer| answer.signing(TestSigning::Neither).encrypted(to_us())), unsigned);
    assert_eq!(opened(to_us(), TestSigning::Neither, |parts| parts.evil.clone()), unsigned);
    assert_eq!(opened(by_cbc(), TestSigning::Neither, |parts| parts.evil.clone()), FAILED);
    // In the place of the one that was signed with its response.
    let swapped = |signing| {
        decrypted_as(|answer| {
            let parts = Parts::of(&answer.clone().signing(signing).xml());
            parts.xml.replace(&parts.assertion, &to_us().encrypt("EncryptedAssertion", &parts.evil))
        })
    };
    assert_eq!(swapped(TestSigning::Assertion), unsigned);
    assert_eq!(swapped(TestSigning::Response), Err("saml.digest_mismatch"));
    // The signature of the true one, around the false one.
    let wearing = opened(to_us(), TestSigning::Neither, |parts| parts.evil_with(&parts.signature));
    assert_eq!(wearing, Err("saml.reference_invalid"));
}

/// E1: one good signature does not cover for a bad one.
#[test]
fn every_signature_in_and_around_an_encrypted_assertion_must_be_good() {
    for how in [to_us(), by_cbc()] {
        let changed = opened(how.clone(), TestSigning::Response, |p| p.assertion.replace(ADAS_NAME, EVES_NAME));
        assert_eq!(changed, Err("saml.digest_mismatch"), "inside");
        let stranger = decrypted(|answer| answer.signing(TestSigning::Both).key(TestKey::Other).encrypted(how.clone()));
        assert_eq!(stranger, Err("saml.unknown_signing_key"), "both");
        let around = decrypted(|answer| {
            let (from, to) = ("<samlp:Status>", "<samlp:Status> ");
            answer.signing(TestSigning::Both).encrypted(how.clone()).replace_after_signing(from, to)
        });
        assert_eq!(around, Err("saml.digest_mismatch"), "around");
    }
    assert_eq!(decrypted(|a| a.key(TestKey::Other).encrypted(to_us())), Err("saml.unknown_signing_key"));
    assert_eq!(opened(to_us(), TestSigning::Response, |parts| parts.bare.clone()), ada());
}

/// E1: what is not stopped, and what stops it.
#[test]
fn a_decryption_key_opens_for_every_connection_that_has_it() {
    let message = start(&decrypting()).1.encrypted_name_id(to_us()).xml();
    let stolen = between(&message, "<EncryptedID ", "</EncryptedID>");
    let presented_to = |key: TestKey| {
        let service = Service::new().with_unpublished_decryption_key(key.decryption_key());
        let sp = sp_trusting(pinned(TestKey::Other.certificate())).with_service(service);
        let (pending, answer) = start(&sp);
        let own = between(&answer.xml(), "<NameID", "</NameID>");
        judge(&sp, pending, answer.key(TestKey::Other).replace_before_signing(&own, &stolen).xml().as_bytes())
    };
    assert_eq!(presented_to(TestKey::ServiceProvider), ada());
    assert_eq!(presented_to(TestKey::Other), FAILED);
}

/// E2: CVE-2026-2092: one is verified, the other is read.
#[test]
fn an_encrypted_assertion_beside_a_signed_one_is_refused() {
    for signing in SIGNED {
        let cases: [(&str, Hide); 5] = [
            ("saml.assertion_count", |p, evil, good| p.xml.replace(good, &[evil, good].concat())),
            ("saml.assertion_count", |p, evil, good| p.xml.replace(good, &[good, evil].concat())),
            ("saml.assertion_misplaced", |p, evil, good| {
                let hidden = format!("<samlp:Extensions>{good}</samlp:Extensions><samlp:Status>");
                p.xml.replace(good, evil).replacen("<samlp:Status>", &hidden, 1)
            }),
            ("saml.assertion_misplaced", |p, evil, good| p.xml.replace(good, &inside(evil, good))),
            ("saml.assertion_misplaced", |p, evil, good| p.xml.replace(good, &inside(good, evil))),
        ];
        for (number, (code, hide)) in cases.into_iter().enumerate() {
            let verdict = decrypted_as(|answer| {
                let parts = Parts::of(&answer.signing(signing).xml());
                hide(&parts, &to_us().encrypt("EncryptedAssertion", &parts.evil), &parts.assertion)
            });
            assert_eq!(verdict, Err(code), "{signing:?} {number}");
        }
    }
    let two = decrypted_as(|answer| {
        let xml = answer.encrypted(to_us()).xml();
        let one = between(&xml, "<EncryptedAssertion ", "</EncryptedAssertion>");
        xml.replace(&one, &one.repeat(2).replacen("_key0", "_key1", 1))
    });
    assert_eq!(two, Err("saml.assertion_count"));
}

/// E2: an ID of the message and the same one inside: two readers find two elements.
#[test]
fn what_was_decrypted_repeats_no_id_of_the_message() {
    let doubled = |how: TestEncryption| {
        decrypted(|answer| answer.id("1").encrypted(how).replace_after_signing("ID=\"_r1\"", "ID=\"_a1\""))
    };
    assert_eq!(doubled(to_us()), Err("saml.duplicate_id"));
    assert_eq!(doubled(by_cbc()), FAILED);
    let key = decrypted(|answer| answer.id("1").encrypted(to_us()).replace_after_signing("\"_key0\"", "\"_a1\""));
    assert_eq!(key, Err("saml.duplicate_id"));
    let hidden =
        opened(to_us(), TestSigning::Neither, |p| inside(&p.assertion, &format!("<Advice>{}</Advice>", p.evil)));
    assert_eq!(hidden, Err("saml.assertion_misplaced"));
}

/// What is changed in a ciphertext, each by itself.
fn corruptions() -> Vec<(&'static str, TestEncryption)> {
    let mut all = Vec::new();
    for (mode, how) in [("GCM", to_us()), ("CBC", by_cbc())] {
        all.extend([
            (mode, how.clone().recipients(&[TestKey::Other])),
            (mode, how.clone().changing_key(|key| key.iter().map(|byte| !byte).collect())),
            (mode, how.clone().changing_key(|key| vec![0; key.len()])),
            (mode, how.clone().changing_key(|key| key[1..].to_vec())),
            (mode, how.clone().changing_key(|_| Vec::new())),
            (mode, how.clone().changing_content(|_| Vec::new())),
            (mode, how.clone().changing_content(|bytes| bytes[..16].to_vec())),
            (mode, how.clone().changing_content(|bytes| bytes[..bytes.len() - 1].to_vec())),
            (mode, how.clone().changing_content(|bytes| bytes[..bytes.len() - 16].to_vec())),
            (mode, how.clone().changing_content(|bytes| [bytes, vec![0; 16]].concat())),
            (mode, how.clone().changing_content(|bytes| bytes.iter().map(|byte| byte ^ 1).collect())),
            (mode, how.clone().plaintext("")),
            (mode, how.clone().plaintext("<a/>")),
            (mode, how.clone().plaintext("no XML")),
            (mode, how.clone().changing_plaintext(|bytes| bytes.iter().map(|byte| byte | 0x80).collect())),
        ]);
    }
    // Padding of every length that is none, and the largest that is one, which cuts off too much.
    let paddings: [fn(Vec<u8>) -> Vec<u8>; 5] = [
        |bytes| ending_in(bytes, 0),
        |bytes| ending_in(bytes, 17),
        |bytes| ending_in(bytes, 255),
        |bytes| ending_in(bytes, b'>'),
        |bytes| ending_in(bytes[..bytes.len() - 16].to_vec(), 16),
    ];
    all.extend(paddings.map(|change| ("padding", by_cbc().changing_plaintext(change))));
    all
}

fn ending_in(mut bytes: Vec<u8>, last: u8) -> Vec<u8> {
    bytes.pop();
    bytes.push(last);
    bytes
}

/// E3: Jager and Somorovsky 2011: which of the errors it was tells a bit of the plaintext.
#[test]
fn whatever_is_wrong_with_a_ciphertext_the_error_is_one() {
    for signing in [TestSigning::Assertion, TestSigning::Both] {
        let mut told = BTreeSet::new();
        for (number, (mode, how)) in corruptions().into_iter().enumerate() {
            let sp = decrypting();
            let (pending, answer) = start(&sp);
            let answer = answer.signing(signing).encrypted(how);
            let error = sp.judge_login(pending, &answer.posted(), NOW).expect_err("refused");
            assert_eq!(error.code(), "saml.decryption_failed", "{number} {mode}");
            told.insert(format!("{error} {error:?} {:?} {:?}", error.hint(), error.suggests_metadata_refresh()));
        }
        assert_eq!(told.len(), 1, "{told:?}");
    }
    // ISO 10126 and XML Encryption: only the last byte of a padding counts.
    let other = |mut bytes: Vec<u8>| {
        let (last, count) = (bytes.len() - 1, usize::from(*bytes.last().expect("a byte")));
        bytes[last + 1 - count..last].fill(0xa5);
        bytes
    };
    assert_eq!(decrypted(|answer| answer.encrypted(by_cbc().changing_plaintext(other))), ada());
}

/// E3: the same by way of the browser, who sees a status and a page.
#[test]
fn a_browser_sees_no_difference_between_failures_of_decryption() {
    let routes = routes(decrypting());
    let mut seen = BTreeSet::new();
    let later: [Changing; 4] = [
        |answer| answer.signing(TestSigning::Neither).encrypted(to_us()),
        |answer| answer.key(TestKey::Other).encrypted(to_us()),
        |answer| answer.conditions(None, Some(NOW.minus(minutes(10)))).encrypted(to_us()),
        |answer| answer.audience(Some("urn:other")).encrypted(by_cbc()),
    ];
    let corrupted = corruptions().into_iter().map(|(_, how)| (Some(how), None));
    for (how, change) in corrupted.chain(later.map(|change| (None, Some(change)))) {
        let (answer, cookie) = begin(&routes);
        let answer = how.into_iter().fold(answer, TestResponse::encrypted);
        let answer = change.into_iter().fold(answer, |answer, change| change(answer));
        let Outcome::Refused(_, response) = routes.handle_at(&post(&[&cookie], answer.form()), NOW, &rng()) else {
            panic!("refused")
        };
        let headers: Vec<_> = response.headers.iter().filter(|(name, _)| *name != "set-cookie").collect();
        seen.insert(format!("{} {headers:?} {}", response.status, String::from_utf8_lossy(&response.body)));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// E3: what CBC decrypts to is nobody's word, so nothing is said of it.
#[test]
fn until_a_signature_vouches_for_cbc_its_bearer_learns_nothing() {
    let cases: [Forge; 8] = [
        |p| p.evil.clone(),
        |p| p.bare.clone(),
        |p| p.evil_with(&p.signature),
        |p| p.assertion.replace(ADAS_NAME, EVES_NAME),
        |p| p.assertion.replace("rsa-sha256", "rsa-sha1"),
        |p| p.assertion.replace("<SignatureValue>", "<SignatureValue>!"),
        |p| p.assertion.replace("</Signature>", "<Object/></Signature>"),
        |p| inside(&p.assertion, &p.evil),
    ];
    for (number, plaintext) in cases.into_iter().enumerate() {
        assert_eq!(opened(by_cbc(), TestSigning::Neither, plaintext), FAILED, "{number}");
        let authentic = opened(to_us(), TestSigning::Neither, plaintext);
        assert!(authentic.is_err() && authentic != FAILED, "{number}: {authentic:?}");
    }
    assert_eq!(decrypted(|answer| answer.key(TestKey::Other).encrypted(by_cbc())), FAILED);
    assert_eq!(decrypted(|answer| answer.key(TestKey::Expired).encrypted(by_cbc())), ada(), "the same key");
    // Once it is known who speaks, the error says what is wrong.
    let expired = decrypted(|answer| answer.conditions(None, Some(NOW.minus(minutes(10)))).encrypted(by_cbc()));
    assert_eq!(expired, Err("saml.expired"));
}

/// E3: blocks of a stolen message, changed, moved, doubled and left out, as the attack on CBC does it.
#[test]
fn a_stolen_ciphertext_that_is_put_together_anew_answers_nothing() {
    let sp = decrypting();
    let answer = start(&sp).1.in_response_to(Some("_request"));
    let xml = answer.encrypted(by_cbc().place(TestKeyPlace::Beside)).xml();
    let value = between(&xml, "<xenc:CipherValue>", "</xenc:CipherValue>");
    let text = value.replace("<xenc:CipherValue>", "").replace("</xenc:CipherValue>", "");
    let bytes = STANDARD.decode(&text).expect("base64");
    let blocks: Vec<&[u8]> = bytes.chunks(16).collect();
    let verdict = |blocks: &[&[u8]]| {
        let changed = xml.replacen(&text, &STANDARD.encode(blocks.concat()), 1);
        judge(&sp, entra_sso::danger::captured_login(&sp, "_request", NOW), changed.as_bytes())
    };
    assert_eq!(verdict(&blocks), ada());
    for at in 0..blocks.len() {
        let flipped: Vec<u8> = blocks[at].iter().map(|byte| byte ^ 1).collect();
        assert_eq!(verdict(&[&blocks[..at], &[&flipped], &blocks[at + 1..]].concat()), FAILED, "changed: {at}");
        assert_eq!(verdict(&[&blocks[..at], &blocks[at..at + 1], &blocks[at..]].concat()), FAILED, "doubled: {at}");
        assert_eq!(verdict(&[&blocks[..at], &blocks[at + 1..]].concat()), FAILED, "left out: {at}");
        assert_eq!(verdict(&[&blocks[at..], &blocks[..at]].concat()) == FAILED, at > 0, "turned: {at}");
    }
}

/// E3: what no signature covers, its bearer may change. With CBC that takes 16 bytes of chance that are characters of XML.
#[test]
fn a_change_that_no_signature_covers_goes_unnoticed_and_changes_nothing() {
    let enclosing = |text: &str| {
        opened(by_cbc(), TestSigning::Neither, |p| {
            let certificate = between(&p.assertion, "<X509Certificate>", "</X509Certificate>");
            p.assertion.replace(&certificate, &format!("<X509Certificate>{text}</X509Certificate>"))
        })
    };
    assert_eq!(enclosing("any text"), ada());
    assert_eq!(enclosing("\u{1}"), FAILED);
    let comment: Forge = |p| p.assertion.replacen("<Subject>", "<!-- x --><Subject>", 1);
    assert_eq!(opened(by_cbc(), TestSigning::Neither, comment), ada());
}

/// E4: Bleichenbacher 1998; Jager, Schinzel and Somorovsky 2012. And E3, for what is no AES.
#[test]
fn what_is_encrypted_in_an_unsafe_way_is_refused_by_name() {
    const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
    const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
    let (sha1, sha256) = (format!("{DS}sha1"), format!("{XENC}sha256"));
    let mgf256 = format!("{XENC11}mgf1sha256");
    let (oaep, oaep11) = (format!("{XENC}rsa-oaep-mgf1p"), format!("{XENC11}rsa-oaep"));
    let transports = [
        (format!("{XENC}rsa-1_5"), None, None, "rsa-1_5"),
        (format!("{XENC}kw-aes256"), None, None, "kw-aes256"),
        (String::new(), None, None, ""),
        (oaep.clone(), Some(&sha256), None, "mgf1sha1"),
        (oaep.clone(), Some(&sha256), Some(&mgf256), "mgf1sha256"),
        (oaep.to_uppercase(), None, None, "MGF1P"),
        (oaep11.clone(), Some(&sha256), None, "mgf1sha1"),
        (oaep11.clone(), Some(&sha1), Some(&mgf256), "mgf1sha256"),
        (oaep11, Some(&oaep), None, "rsa-oaep-mgf1p"),
    ];
    let contents = ["tripledes-cbc", "aes256-ctr", "AES256-cbc", "kw-aes128", "rsa-1_5"];
    let transports = transports.iter().map(|(uri, digest, mask, named)| {
        let (digest, mask) = (digest.map(String::as_str), mask.map(String::as_str));
        (to_us().key_transport(uri, digest, mask), *named)
    });
    let contents = contents.iter().map(|name| (to_us().content(&format!("{XENC}{name}")), *name));
    for (how, named) in transports.chain(contents) {
        for signing in SIGNED {
            // Broken as well: no key was used to find that out.
            for how in [how.clone(), how.clone().changing_key(|_| Vec::new()).changing_content(|_| Vec::new())] {
                let sp = decrypting();
                let (pending, answer) = start(&sp);
                let answer = answer.signing(signing).encrypted(how);
                let error = sp.judge_login(pending, &answer.posted(), NOW).expect_err("refused");
                assert_eq!(error.code(), "saml.encryption_algorithm_not_allowed", "{named}: {error}");
                assert!(error.to_string().contains(&format!("{named}`")), "{named}: {error}");
            }
        }
    }
}

/// E5: CVE-2026-32313, GHSA-4v26-v6cg-g6f9.
#[test]
fn a_changed_or_shortened_ciphertext_is_refused() {
    let sp = decrypting();
    let answer = start(&sp).1.in_response_to(Some("_request"));
    let xml = answer.encrypted(to_us().place(TestKeyPlace::Beside)).xml();
    let value = between(&xml, "<xenc:CipherValue>", "</xenc:CipherValue>");
    let text = value.replace("<xenc:CipherValue>", "").replace("</xenc:CipherValue>", "");
    let bytes = STANDARD.decode(&text).expect("base64");
    let verdict = |bytes: &[u8]| {
        let changed = xml.replacen(&text, &STANDARD.encode(bytes), 1);
        judge(&sp, entra_sso::danger::captured_login(&sp, "_request", NOW), changed.as_bytes())
    };
    let ends = (0..64).chain(bytes.len() - 64..bytes.len());
    for at in ends {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert_eq!(verdict(&changed), FAILED, "bit {at}");
    }
    for length in (0..40).chain(bytes.len() - 20..bytes.len()) {
        assert_eq!(verdict(&bytes[..length]), FAILED, "{length} bytes");
    }
    assert_eq!(verdict(&[&bytes[..], &[0]].concat()), FAILED);
    assert_eq!(verdict(&bytes), ada());
}

/// E6: Jager, Paterson and Somorovsky 2013.
#[test]
fn gcm_that_is_called_cbc_answers_nothing() {
    let (gcm, cbc) = ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc");
    for (how, from, to) in [(to_us(), gcm, cbc), (by_cbc(), cbc, gcm)] {
        for length in 0..32 {
            let pad = format!("{:length$}", "");
            let swapped = decrypted(|answer| {
                let parts = Parts::of(&answer.xml());
                answer.encrypted(how.clone().plaintext(&(parts.assertion + &pad))).replace_after_signing(from, to)
            });
            assert_eq!(swapped, FAILED);
        }
        for other in ["aes128", "aes192"] {
            let shorter = to.replace("aes256", other);
            assert_eq!(decrypted(|a| a.encrypted(how.clone()).replace_after_signing(from, &shorter)), FAILED);
        }
    }
    let signed =
        decrypted(|answer| answer.signing(TestSigning::Both).encrypted(to_us()).replace_after_signing(gcm, cbc));
    assert_eq!(signed, Err("saml.digest_mismatch"));
}

/// E7: GHSA-hwqm-qvj9-4jr2, and the Dec 2022 advisory of `OpenSAML`.
#[test]
fn what_was_encrypted_is_one_assertion_and_nothing_else() {
    let cases: [Forge; 18] = [
        |p| p.assertion.repeat(2),
        |p| p.assertion.clone() + &p.evil,
        |p| p.evil.clone() + &p.assertion,
        |p| p.xml.clone(),
        |p| to_us().encrypt("EncryptedAssertion", &p.assertion),
        |p| inside(&p.assertion, &to_us().encrypt("EncryptedAttribute", "<Attribute Name=\"a\"/>")),
        |p| format!("<!DOCTYPE a>{}", p.assertion),
        |p| format!("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{}", p.assertion),
        |p| format!("<?xml version=\"1.0\"?>{}", p.assertion),
        |p| format!("{}<?x y?>", p.assertion),
        |p| format!("\u{feff}{}", p.assertion),
        |p| format!("x{}", p.assertion),
        |p| format!("{}\0", p.assertion),
        |p| format!("</decrypted><decrypted>{}", p.assertion),
        |p| format!("{}</decrypted><decrypted>", p.assertion),
        |p| format!("<Object>{}</Object>", p.assertion),
        |p| p.assertion.replacen("SAML:2.0:assertion", "SAML:1.0:assertion", 1),
        |p| p.assertion.replace("Assertion>", "Assertion"),
    ];
    for (number, plaintext) in cases.into_iter().enumerate() {
        for how in [to_us(), by_cbc()] {
            for signing in [TestSigning::Neither, TestSigning::Response] {
                assert_eq!(opened(how.clone(), signing, plaintext), FAILED, "{number} {signing:?}");
            }
        }
    }
    for space in [" ", "\n", "<!-- -->"] {
        let around = |parts: &Parts| format!("{space}{}{space}", parts.assertion);
        assert_eq!(opened(to_us(), TestSigning::Neither, around), ada());
    }
    let content = decrypted(|a| a.encrypted(to_us()).replace_after_signing("xmlenc#Element\"", "xmlenc#Content\""));
    assert_eq!(content, Err("saml.xml_schema"));
}

/// E7: the same for what stands inside an assertion.
#[test]
fn a_name_or_attribute_that_was_encrypted_is_one_and_nothing_else() {
    let name = format!("<NameID>{EVES_NAME}</NameID>");
    let nested = to_us().encrypt("EncryptedID", &name);
    for plain in [&name.repeat(2), "<Issuer>x</Issuer>", "<BaseID/>", &nested, "x", "<NameID xmlns=\"\">x</NameID>"] {
        for how in [to_us(), by_cbc()] {
            assert_eq!(decrypted(|answer| answer.encrypted_name_id(how.plaintext(plain))), FAILED, "{plain}");
        }
    }
    for plain in [name.as_str(), "<Attribute Name=\"a\"/><Attribute Name=\"b\"/>", "", "<!-- -->"] {
        let hidden = format!("<AttributeStatement>{}", to_us().encrypt("EncryptedAttribute", plain));
        let verdict = decrypted(|answer| answer.replace_before_signing("<AttributeStatement>", &hidden));
        assert_eq!(verdict, FAILED, "{plain}");
    }
    let beside = decrypted(|answer| answer.replace_before_signing("<NameID", &(nested.clone() + "<NameID")));
    assert_eq!(beside, Err("saml.xml_schema"), "two names");
    // The name is in the octets that were signed, and only whoever signs them can put it there.
    let later = decrypted_as(|answer| {
        let xml = answer.xml();
        xml.replace(&between(&xml, "<NameID ", "</NameID>"), &nested)
    });
    assert_eq!(later, Err("saml.digest_mismatch"));
}

/// E8: CVE-2026-33116, and fetches before anything was verified.
#[test]
fn no_reference_of_an_encrypted_message_is_followed() {
    let retrieved = to_us().place(TestKeyPlace::Retrieved);
    assert_eq!(decrypted(|answer| answer.encrypted(retrieved.clone())), ada());
    for uri in ["http://127.0.0.1:9/key", "file:///etc/passwd", "", "#", "#_key1", "_key0", "#xpointer(id('_key0'))"] {
        let there = format!("URI=\"{uri}\"");
        let verdict = decrypted(|a| a.encrypted(retrieved.clone()).replace_after_signing("URI=\"#_key0\"", &there));
        assert_eq!(verdict, Err("saml.xml_schema"), "{uri}");
    }
    // To itself, and to what only stands somewhere.
    let elsewhere = decrypted(|answer| {
        let data = "<xenc:EncryptedData Id=\"_data\" ";
        let answer = answer.encrypted(retrieved.clone()).replace_after_signing("<xenc:EncryptedData ", data);
        answer.replace_after_signing("URI=\"#_key0\"", "URI=\"#_data\"")
    });
    assert_eq!(elsewhere, Err("saml.xml_schema"));
    let transformed = decrypted(|answer| {
        let (from, to) = ("URI=\"#_key0\"/>", "URI=\"#_key0\"><ds:Transforms/></ds:RetrievalMethod>");
        answer.encrypted(retrieved.clone()).replace_after_signing(from, to)
    });
    assert_eq!(transformed, Err("saml.xml_schema"));
    // A key that names itself is not asked for its name.
    let circle = decrypted(|answer| {
        let info = format!(
            "</xenc:EncryptionMethod><ds:KeyInfo xmlns:ds=\"{DS}\"><ds:RetrievalMethod URI=\"#_key0\"/></ds:KeyInfo>"
        );
        let method = "#rsa-oaep-mgf1p\"/>";
        answer.encrypted(retrieved.clone()).replace_after_signing(method, &format!("#rsa-oaep-mgf1p\">{info}"))
    });
    assert_eq!(circle, ada());
    let cipher = |value: &str, to: &str| {
        decrypted_as(|answer| {
            let xml = answer.encrypted(to_us()).xml();
            let all: Vec<_> = xml.match_indices("<xenc:CipherValue>").map(|(at, _)| at).collect();
            let at = if value == "key" { all[0] } else { all[1] };
            let found = between(&xml[at..], "<xenc:CipherValue>", "</xenc:CipherValue>");
            xml.replace(&found, to)
        })
    };
    let reference = "<xenc:CipherReference URI=\"http://127.0.0.1:9/\"/>";
    for part in ["key", "content"] {
        assert_eq!(cipher(part, reference), Err("saml.xml_schema"), "{part}");
        assert_eq!(cipher(part, ""), Err("saml.xml_schema"), "{part}");
        assert_eq!(cipher(part, "<xenc:CipherValue>!</xenc:CipherValue>"), Err("saml.xml_schema"), "{part}");
        assert_eq!(cipher(part, "<xenc:CipherValue/>"), FAILED, "{part}");
    }
    let keyless = decrypted(|answer| answer.encrypted(to_us().recipients(&[])));
    assert_eq!(keyless, Err("saml.xml_schema"));
}

/// E8 and K5: work before anybody is known.
#[test]
fn keys_and_ciphertext_are_bounded() {
    let to_many =
        |count| decrypted(|answer| answer.encrypted(to_us().recipients(&vec![TestKey::ServiceProvider; count])));
    assert_eq!(to_many(4), ada());
    assert_eq!(to_many(5), Err("saml.xml_too_large"));
    let attributes = |count: usize| {
        let one = to_us().encrypt("EncryptedAttribute", "<Attribute Name=\"a\"/>");
        let all = (0..count).map(|number| one.replace("_key0", &format!("_key{number}"))).collect::<String>();
        decrypted(|answer| answer.replace_before_signing("<AttributeStatement>", &format!("<AttributeStatement>{all}")))
    };
    assert_eq!(attributes(64), ada());
    assert_eq!(attributes(65), Err("saml.xml_too_large"));
    // A hundred thousand blocks are more than a message may have; what is allowed costs by its length.
    let blocks = |count: usize| to_us().plaintext(&" ".repeat(16 * count));
    let error = PostedResponse::from_form(&start(&decrypting()).1.encrypted(blocks(100_000)).form());
    assert_eq!(error.map(drop).map_err(|error| error.code()), Err("saml.message_too_large"));
    let allocated = |count: usize| {
        let sp = decrypting();
        let (pending, answer) = start(&sp);
        let posted = answer.encrypted(blocks(count)).posted();
        allocation_counter::measure(|| assert!(sp.judge_login(pending, &posted, NOW).is_err())).bytes_total
    };
    allocated(1); // what is made once
    assert!(allocated(9_000) < 12 * allocated(900), "ten times the blocks, and much more than ten times the memory");
}

/// E9: an encrypted assertion with `Conditions` that do not hold.
#[test]
fn an_encrypted_assertion_is_held_to_every_rule() {
    let cases: [(&str, Changing); 10] = [
        ("saml.expired", |a| a.conditions(None, Some(NOW.minus(minutes(10))))),
        ("saml.not_yet_valid", |a| a.conditions(Some(NOW.plus(minutes(10))), None)),
        ("saml.expired", |a| a.confirmed_until(Some(NOW.minus(minutes(10))))),
        ("saml.confirmation_invalid", |a| a.confirmed_until(None)),
        ("saml.audience_missing", |a| a.audience(None)),
        ("saml.audience_mismatch", |a| a.audience(Some("https://other.example/metadata"))),
        ("saml.recipient_mismatch", |a| a.recipient(Some("https://other.example/acs"))),
        ("saml.in_response_to_mismatch", |a| a.confirming(Some("_other"))),
        ("saml.name_id_missing", |a| a.name_id(" ", "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified")),
        ("saml.condition_unknown", |a| {
            a.replace_before_signing("<AudienceRestriction>", "<DelegationRestriction/><AudienceRestriction>")
        }),
    ];
    for (code, change) in cases {
        for how in [to_us(), by_cbc()] {
            for signing in SIGNED {
                let verdict = decrypted(|answer| change(answer.signing(signing)).encrypted(how.clone()));
                assert_eq!(verdict, Err(code), "{signing:?}");
            }
        }
    }
    // SAML Profiles 4.1.4.2: what hides its assertion says in the open whom it is from.
    let nameless = decrypted_as(|answer| {
        let xml = answer.encrypted(to_us()).xml();
        xml.replacen(&Parts::of(&xml).issuer, "", 1)
    });
    assert_eq!(nameless, Err("saml.issuer_mismatch"));
    let sp = decrypting();
    let (pending, answer) = start(&sp);
    let cache = MemoryReplayCache::default();
    let posted = answer.clone().encrypted(to_us()).posted();
    assert!(sp.finish_login(pending, &posted, NOW, &cache).is_ok());
    let (pending, _) = start(&sp);
    let again = sp.finish_login(pending, &posted, NOW, &cache).map(drop).map_err(|error| error.code());
    assert_eq!(again, Err("saml.in_response_to_mismatch"));
}

// ---- F: bindings ----

fn routes(sp: ServiceProvider) -> Routes {
    Routes::new(sp, CookieKey::new([7; 32]), MemoryReplayCache::default())
}

fn headers<'a>(response: &'a HttpResponse, name: &'a str) -> impl Iterator<Item = &'a str> {
    let found = response.headers.iter().filter(move |(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// Begins a login in a browser: what the identity provider would answer, and the browser's cookie.
fn begin(routes: &Routes) -> (TestResponse, String) {
    let outcome = routes.handle_at(&get("/saml/login", None), NOW, &rng());
    let Outcome::Respond(response) = outcome else { panic!("a redirect") };
    let location = headers(&response, "location").next().expect("a location");
    let (_, query) = location.split_once('?').expect("a query");
    let received = ReceivedRequest::from_query(query).expect("a request");
    let cookie = headers(&response, "set-cookie").next().expect("a cookie");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    (TestIdp::new().respond(&received, NOW), cookie)
}

/// The code of a refusal; `signed in` or `passed on` otherwise.
fn outcome(routes: &Routes, request: &impl HttpRequest) -> &'static str {
    match routes.handle_at(request, NOW, &rng()) {
        Outcome::SignedIn(..) => "signed in",
        Outcome::Refused(error, _) => error.code(),
        Outcome::AlreadyAnswered(error, _) => error.code(),
        _ => "passed on",
    }
}

/// F3: CVE-2026-123550: another binding, with less of a check.
#[test]
fn a_response_comes_by_post_and_by_nothing_else() {
    let routes = routes(sp());
    let (answer, cookie) = begin(&routes);
    let form = String::from_utf8(answer.form()).expect("ASCII");
    let by_get = Request { cookie: vec![cookie.clone()], ..get("/saml/acs", Some(&form)) };
    assert_eq!(outcome(&routes, &by_get), "saml.binding_not_allowed");
    let artifact = post(&[&cookie], b"SAMLart=AAQAAMFbLinlXaCM&RelayState=x".to_vec());
    assert_eq!(outcome(&routes, &artifact), "saml.form_field_missing");
    let in_query = Request { query: Some(form.clone()), ..post(&[&cookie], Vec::new()) };
    assert_eq!(outcome(&routes, &in_query), "saml.form_field_missing");
    // What one reader of a form takes, and another one does not.
    for (body, code) in [
        (form.replacen("SAMLResponse", "samlresponse", 1), "saml.form_field_missing"),
        (form.replacen("SAMLResponse", "SAMLRequest", 1), "saml.form_field_missing"),
        (form.replacen("SAMLResponse", "SAMLRespons%65", 1), "saml.form_encoding"),
        (format!("SAMLResponse=&{form}"), "saml.form_field_repeated"),
        (format!("{form}&RelayState=x"), "saml.form_field_repeated"),
        (form.replace('&', ";"), "saml.form_encoding"),
    ] {
        assert_eq!(outcome(&routes, &post(&[&cookie], body.into_bytes())), code);
    }
    // DEFLATE belongs to the other binding.
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, answer.xml().as_bytes()).expect("memory");
    let packed = packed.finish().expect("memory");
    let (sp, pending) = (sp(), start(&sp()).0);
    assert_eq!(judge(&sp, pending, &packed), Err("saml.xml_not_utf8"));
    assert_eq!(outcome(&routes, &post(&[&cookie], form.into_bytes())), "signed in");
}

/// F5: CVE-2023-1965, CVE-2026-22032, CVE-2026-29191: a relay state that leads elsewhere.
#[test]
fn no_return_path_and_no_relay_state_leads_to_another_site() {
    let replay_cache: Arc<dyn ReplayCache> = Arc::new(MemoryReplayCache::default());
    let sp = sp().with_unsolicited(Unsolicited::Accept { replay_cache });
    for (number, there) in [
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "https://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/ /evil.example",
        "/\u{2028}evil",
        "@evil.example",
        ".evil.example",
        "after",
        "?x",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(there.parse::<ReturnTo>().is_err(), "{there:?}");
        let answer = TestIdp::new()
            .unsolicited("https://app.example/saml/acs", "https://app.example/saml/metadata", NOW)
            .id(&number.to_string())
            .relay_state(Some(there));
        let login = sp.finish_unsolicited(&answer.posted(), NOW).expect("a login");
        assert_eq!(login.return_to().as_ref(), "/", "{there:?}");
    }
    for broken in ["/\t/evil.example", "x\r\nSet-Cookie: a=b", "\0", &"x".repeat(81)] {
        assert!(broken.parse::<RelayState>().is_err(), "{broken:?}");
        assert!(broken.parse::<ReturnTo>().is_err(), "{broken:?}");
    }
    // The page of a refusal shows nothing of the request.
    let routes = routes(sp);
    let script = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for request in [
        get("/saml/login", Some(&format!("return_to={script}"))),
        get("/saml/login", Some("return_to=%0d%0aSet-Cookie:%20a=b")),
        post::<&str>(&[], format!("SAMLResponse={script}&RelayState={script}").into_bytes()),
    ] {
        let Outcome::Refused(_, response) = routes.handle_at(&request, NOW, &rng()) else { panic!("refused") };
        let page = String::from_utf8(response.body.clone()).expect("text");
        assert!(!page.contains("alert") && !page.contains("Set-Cookie: a"), "{page}");
        assert!(response.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
    }
}

/// F6: CVE-2023-45683: a form or a redirect to a script.
#[test]
fn an_endpoint_is_https_wherever_it_comes_from() {
    for url in [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://idp.example/",
        "//idp.example/",
        "https:/idp.example",
        "https://a@idp.example/",
        "https://idp.example/\"><script>",
        "https://idp.example\\@evil.example/",
    ] {
        assert!(url.parse::<EndpointUrl>().is_err(), "{url}");
        let metadata = TestIdp::new().metadata();
        let sso = format!("https://login.microsoftonline.com/{TENANT}/saml2");
        let url = url.replace('"', "&quot;").replace('<', "&lt;");
        assert_eq!(import(&metadata.replace(&sso, &url)), Err("saml.metadata_invalid_value"), "{url}");
    }
}

// ---- G: what the assertion says ----

const RESTRICTION: &str =
    "<AudienceRestriction><Audience>https://app.example/saml/metadata</Audience></AudienceRestriction>";

/// What a strange identity provider signs in place of `from`: all three ways, all with one verdict.
fn signed_instead(from: &str, to: &str) -> Verdict {
    let all = SIGNED.map(|signing| strange(signing, from, to));
    assert!(all.iter().all(|verdict| *verdict == all[0]), "{to}: {all:?}");
    all[0].clone()
}

/// G1: CVE-2026-9093.
#[test]
fn every_audience_restriction_must_name_us() {
    let us = "<Audience>https://app.example/saml/metadata</Audience>";
    let them = "<Audience>https://other.example/</Audience>";
    let restriction = |names: &str| format!("<AudienceRestriction>{names}</AudienceRestriction>");
    for (to, expected) in [
        (String::new(), Err("saml.audience_missing")),
        (restriction(""), Err("saml.xml_schema")),
        (restriction("<Audience/>"), Err("saml.audience_mismatch")),
        (restriction(them), Err("saml.audience_mismatch")),
        (restriction(us) + &restriction(them), Err("saml.audience_mismatch")),
        (restriction(them) + &restriction(us), Err("saml.audience_mismatch")),
        (restriction(&(them.to_owned() + us)), ada()),
        (restriction(us).repeat(2), ada()),
        (restriction(&us.replace("https://app", " https://app")), Err("saml.audience_mismatch")),
        (restriction(&us.replace("metadata", "metadata/")), Err("saml.audience_mismatch")),
        (restriction(&us.replace("app", "APP")), Err("saml.audience_mismatch")),
        (restriction(&us.replace("metadata", "")), Err("saml.audience_mismatch")),
        (restriction(&us.replace("https:", "spn:https:")), Err("saml.audience_mismatch")),
        (restriction(&us.replace("metadata", "metadata https://x")), Err("saml.audience_mismatch")),
    ] {
        assert_eq!(signed_instead(RESTRICTION, &to), expected, "{to}");
    }
    let none = answered(|answer| {
        let conditions = between(&answer.xml(), "<Conditions ", "</Conditions>");
        answer.replace_before_signing(&conditions, "")
    });
    assert_eq!(none, Err("saml.audience_missing"));
}

/// G2: an answer for another service provider, handed on by it.
#[test]
fn recipient_and_destination_are_our_address_to_the_last_byte() {
    let ours = "https://app.example/saml/acs";
    for other in [
        "https://app.example/saml/acs/",
        "https://app.example/saml/ac",
        "https://app.example/saml/acs?x",
        "https://APP.example/saml/acs",
        "https://app.example:443/saml/acs",
        "http://app.example/saml/acs",
        " https://app.example/saml/acs",
        "https://app.example/saml/acs.evil.example",
        "https://app.example/saml/../saml/acs",
        "",
    ] {
        let to = |name: &str| (format!("{name}=\"{ours}\""), format!("{name}=\"{other}\""));
        let (from, recipient) = to("Recipient");
        assert_eq!(signed_instead(&from, &recipient), Err("saml.recipient_mismatch"), "{other}");
        let (from, destination) = to("Destination");
        assert_eq!(signed_instead(&from, &destination), Err("saml.destination_mismatch"), "{other}");
    }
    let (recipient, destination) = (format!(" Recipient=\"{ours}\""), format!(" Destination=\"{ours}\""));
    assert_eq!(signed_instead(&recipient, ""), Err("saml.recipient_mismatch"));
    assert_eq!(strange(TestSigning::Assertion, &destination, ""), ada());
    assert_eq!(strange(TestSigning::Response, &destination, ""), Err("saml.destination_mismatch"));
}

/// G3: CVE-2026-53425, CVE-2026-9098: the attacker's answer in the victim's browser.
#[test]
fn an_answer_belongs_to_the_browser_that_asked() {
    for id in [None, Some(""), Some("_x"), Some("_")] {
        let expected = Err("saml.in_response_to_mismatch");
        assert_eq!(answered(|answer| answer.in_response_to(id)), expected, "{id:?}");
        assert_eq!(answered(|answer| answer.confirming(id)), expected, "{id:?}");
    }
    let routes = routes(sp());
    let ((attackers, attackers_cookie), (_, victims_cookie)) = (begin(&routes), begin(&routes));
    let form = attackers.form();
    assert_eq!(outcome(&routes, &post(&[&victims_cookie], form.clone())), "saml.no_pending_login");
    assert_eq!(outcome(&routes, &post::<&str>(&[], form.clone())), "saml.no_pending_login");
    // With the relay state of the victim, it answers another request.
    let relay = victims_cookie.split_once('=').and_then(|(name, _)| name.strip_prefix("__Host-sso-"));
    let relayed = attackers.clone().relay_state(relay).form();
    assert_eq!(outcome(&routes, &post(&[&victims_cookie], relayed)), "saml.in_response_to_mismatch");
    let without = attackers.clone().relay_state(None).form();
    assert_eq!(outcome(&routes, &post(&[&attackers_cookie], without)), "saml.no_pending_login");
    assert_eq!(outcome(&routes, &post(&[&attackers_cookie], form)), "signed in");
}

/// G3: browsers keep a neighbour in the domain from setting `__Host-` cookies, but not from setting one
/// with white space of Unicode before that name ("Cookie Chaos", `PortSwigger` 2025).
#[test]
fn a_cookie_that_a_neighbour_planted_is_not_ours() {
    let routes = routes(sp());
    let (attackers, cookie) = begin(&routes);
    for before in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{b}", "\u{c}", "=", "x"] {
        for header in [format!("{before}{cookie}"), format!("a=b; {before}{cookie}; c=d")] {
            let request = post(&[&header], attackers.form());
            assert_eq!(outcome(&routes, &request), "saml.no_pending_login", "{before:?}");
        }
    }
    // In another case or under another name it is not ours either.
    let upper = cookie.replacen("__Host-sso-", "__HOST-sso-", 1);
    assert_eq!(outcome(&routes, &post(&[&upper], attackers.form())), "saml.no_pending_login");
    assert_eq!(outcome(&routes, &post(&[format!("a=b;\t {cookie}")], attackers.form())), "signed in");
}

/// Somebody else's cookie that is not ASCII must not lock a person out.
#[test]
fn a_foreign_cookie_of_any_bytes_does_not_hide_ours() {
    for foreign in ["city=Zürich; ".as_bytes(), b"city=Z\xfcrich; ", b"\xff\xfe=\x80; "] {
        let routes = routes(sp());
        let (answer, cookie) = begin(&routes);
        let request = http::Request::post("/saml/acs")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", http::HeaderValue::from_bytes(&[foreign, cookie.as_bytes()].concat()).expect("a header"))
            .body(answer.form())
            .expect("a request");
        assert_eq!(outcome(&routes, &request), "signed in");
    }
}

/// A name that goes from one header into another cannot bring anything along.
#[test]
fn a_strange_cookie_name_is_not_sent_back() {
    let routes = routes(sp());
    let many: String = (0..9).map(|n| format!("__Host-sso-{n}\r\nx\u{1}é =y; ")).collect();
    let request = Request { cookie: vec![many], ..get("/saml/login", None) };
    let Outcome::Respond(response) = routes.handle_at(&request, NOW, &rng()) else { panic!("a redirect") };
    assert_eq!(headers(&response, "set-cookie").count(), 1);
}

/// A line break in what is sealed would make two classes of one.
#[test]
fn a_requested_context_stays_one_when_it_is_sealed() {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
    for (class, expected) in [
        (format!("urn:x\n{password}"), Err("saml.authn_context_mismatch")),
        (format!("{password}\n"), Err("saml.authn_context_mismatch")),
        (password.to_owned(), ada()),
    ] {
        let request = AuthnRequest::new().requested_authn_context(Comparison::Exact, [class]);
        let (pending, answer) = start_with(&sp, &request);
        let relay_state = pending.relay_state().clone();
        let cookie = pending.into_cookie(&key, &rng()).expect("a cookie");
        let header = cookie.as_ref().split(';').next().expect("a pair");
        let pending = PendingLogin::from_cookies(header, Some(&relay_state), &key, NOW);
        assert_eq!(judge(&sp, pending.expect("our cookie"), answer.xml().as_bytes()), expected);
    }
}

/// G4: CVE-2026-53424, CVE-2026-44946, CVE-2026-116201, CVE-2026-122220, CVE-2026-45720.
#[test]
fn an_assertion_is_used_once_in_whatever_wrapper_and_by_however_many() {
    let (sp, cache) = (sp(), MemoryReplayCache::default());
    let (pending, answer) = start(&sp);
    let request_id = pending.request_id().clone();
    let again = || entra_sso::danger::captured_login(&sp, request_id.as_ref(), NOW);
    let wrapped = answer.clone().replace_after_signing("ID=\"_r", "ID=\"_other");
    let code = |pending, answer: &TestResponse, at| {
        let done = sp.finish_login(pending, &posted(answer.xml().as_bytes()), at, &cache);
        done.map(|_| "signed in").unwrap_or_else(|error| error.code())
    };
    // Two at once: one wins.
    let won = std::thread::scope(|scope| {
        let threads: Vec<_> = [pending, again(), again(), again()]
            .map(|pending| scope.spawn(|| code(pending, &answer, NOW)))
            .into_iter()
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert_eq!(won.iter().filter(|code| **code == "signed in").count(), 1, "{won:?}");
    assert_eq!(won.iter().filter(|code| **code == "saml.replayed").count(), 3, "{won:?}");
    assert_eq!(code(again(), &wrapped, NOW), "saml.replayed");
    // And at each later time it is either remembered or too late; the last pending login lives on.
    for minute in 1..130 {
        let at = NOW.plus(minutes(minute));
        let pending = entra_sso::danger::captured_login(&sp, request_id.as_ref(), at);
        let verdict = code(pending, &answer, at);
        assert!(["saml.replayed", "saml.expired"].contains(&verdict), "{minute}: {verdict}");
    }
}

/// G4: the store that remembers it has a say.
#[test]
fn without_an_answer_of_the_replay_cache_nobody_signs_in() {
    #[derive(Debug)]
    struct Broken(ClaimError);
    impl ReplayCache for Broken {
        fn claim(&self, _: &entra_sso::sp::ReplayKey, _: UnixTime, _: UnixTime) -> Result<(), ClaimError> {
            Err(self.0)
        }
    }
    for (claim, code) in [
        (ClaimError::Unavailable, "saml.replay_cache_unavailable"),
        (ClaimError::Full, "saml.replay_cache_full"),
        (ClaimError::Replayed, "saml.replayed"),
    ] {
        let sp = sp();
        let (pending, answer) = start(&sp);
        let done = sp.finish_login(pending, &answer.posted(), NOW, &Broken(claim));
        assert_eq!(done.map(|_| ()).map_err(|error| error.code()), Err(code));
    }
}

/// G4: an assertion with two confirmations, each for another request and another time.
#[test]
fn a_used_assertion_is_remembered_until_none_of_its_confirmations_can_hold() {
    let (sp, cache) = (sp(), MemoryReplayCache::default());
    let (first, answer) = start(&sp);
    let (second, _) = start(&sp);
    let late = NOW.plus(minutes(600));
    let answer = answer.conditions(None, None).confirmed_until(Some(NOW.plus(minutes(5))));
    let confirmation = between(&answer.xml(), "<SubjectConfirmation ", "</SubjectConfirmation>");
    let other = confirmation
        .replace(first.request_id().as_ref(), second.request_id().as_ref())
        .replace(&NOW.plus(minutes(5)).to_string(), &late.to_string());
    let answer = answer.replace_before_signing(&confirmation, &(confirmation.clone() + &other));
    let to_second = answer.clone().replace_after_signing(
        &format!("InResponseTo=\"{}\" xmlns:samlp", first.request_id()),
        &format!("InResponseTo=\"{}\" xmlns:samlp", second.request_id()),
    );
    let finish = |pending, answer: &TestResponse, at| {
        let done = sp.finish_login(pending, &posted(answer.xml().as_bytes()), at, &cache);
        done.map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(finish(first, &answer, NOW), Ok(()));
    // When the first one is over, somebody else is remembered, so that the cache forgets.
    let at = NOW.plus(minutes(20));
    let (third, fresh) = start(&sp);
    assert_eq!(finish(third, &fresh.id("fresh"), at), Ok(()));
    assert_eq!(finish(second, &to_second, at), Err("saml.replayed"));
}

/// G5: CVE-2026-9096: no end, no beginning, or one that could not be read.
#[test]
fn every_instant_is_read_strictly_and_holds() {
    let (end, begin) = ("NotOnOrAfter=\"2027-01-15T09:00:00Z\"", "NotBefore=\"2027-01-15T07:55:00Z\"");
    for broken in [
        "",
        "2027-01-15",
        "2027-01-15T09:00:00",
        "2027-01-15T9:00:00Z",
        "2027-01-15T16=7:00:00Z",
        "2027-02-30T09:00:00Z",
        "2027-01-15T24:00:00Z",
        "2027-01-15T09:00:60Z",
        "2027-01-15 09:00:00Z",
        "27-01-15T09:00:00Z",
        "+2027-01-15T09:00:00Z",
        "2027-01-15T09:00:00z",
        "2027-01-15T09:00:00Z\u{a0}",
        "1800003600",
        "never",
        "\u{662}027-01-15T09:00:00Z",
        "99999-01-15T09:00:00Z",
    ] {
        for (from, name) in [(end, "NotOnOrAfter"), (begin, "NotBefore")] {
            let verdict = strange(TestSigning::Assertion, from, &format!("{name}=\"{broken}\""));
            assert_eq!(verdict, Err("saml.xml_schema"), "{name} {broken:?}");
        }
    }
    for (from, to, expected) in [
        // An end that has come is over, but for the difference of clocks; a beginning has begun.
        (end, "NotOnOrAfter=\"2027-01-15T07:57:00Z\"", Err("saml.expired")),
        (end, "NotOnOrAfter=\"2027-01-15T07:57:00.001Z\"", ada()),
        (begin, "NotBefore=\"2027-01-15T08:03:00Z\"", ada()),
        (begin, "NotBefore=\"2027-01-15T08:03:00.001Z\"", Err("saml.not_yet_valid")),
        (end, "NotOnOrAfter=\"1970-01-01T00:00:00Z\"", Err("saml.expired")),
        (end, "NotOnOrAfter=\"2027-01-15T09:00:00+02:00\"", Err("saml.expired")),
        (end, "NotOnOrAfter=\"9999-12-31T23:59:59Z\"", ada()),
        (begin, "NotBefore=\"9999-12-31T23:59:59Z\"", Err("saml.not_yet_valid")),
    ] {
        assert_eq!(strange(TestSigning::Assertion, from, to), expected, "{to}");
    }
    assert_eq!(answered(|answer| answer.confirmed_until(None)), Err("saml.confirmation_invalid"));
    assert_eq!(answered(|answer| answer.conditions(None, None)), ada());
    let instant = answered(|a| a.replace_before_signing("AuthnInstant=\"2027", "AuthnInstant=\"x"));
    assert_eq!(instant, Err("saml.xml_schema"));
}

/// G6: somebody else's method, and halves of two confirmations put together.
#[test]
fn one_bearer_confirmation_must_hold_in_all_its_parts() {
    let cases: [(&str, Change); 14] = [
        ("saml.no_bearer_confirmation", |_| String::new()),
        ("saml.no_bearer_confirmation", |c| c.replace("cm:bearer", "cm:holder-of-key")),
        ("saml.no_bearer_confirmation", |c| c.replace("cm:bearer", "cm:sender-vouches")),
        ("saml.no_bearer_confirmation", |c| c.replace("cm:bearer", "cm:Bearer")),
        ("saml.no_bearer_confirmation", |c| c.replace("cm:bearer", "cm:bearer ")),
        ("saml.no_bearer_confirmation", |c| c.replace(&between(c, "<SubjectConfirmationData ", "/>"), "")),
        ("saml.recipient_mismatch", |c| {
            c.replace(&between(c, "<SubjectConfirmationData ", "/>"), "<SubjectConfirmationData/>")
        }),
        ("saml.confirmation_invalid", |c| {
            c.replace(" NotOnOrAfter", " NotBefore=\"2027-01-01T00:00:00Z\" NotOnOrAfter")
        }),
        ("saml.xml_schema", |c| c.replace(" Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"", "")),
        ("saml.xml_schema", |c| inside(c, "<SubjectConfirmationData/>")),
        // The right address in one that is over, the right time in one for another address.
        ("saml.expired", |c| c.replace("T09", "T06") + &c.replace("app.example", "other.example")),
        ("saml.expired", |c| c.replace("app.example", "other.example") + &c.replace("T09", "T06")),
        ("accepted", |c| c.replace("cm:bearer", "cm:holder-of-key") + c),
        ("accepted", |c| c.to_owned() + &c.replace("app.example", "other.example")),
    ];
    for (number, (code, change)) in cases.into_iter().enumerate() {
        let verdict = answered(|answer| {
            let found = between(&answer.xml(), "<SubjectConfirmation ", "</SubjectConfirmation>");
            let changed = change(&found);
            assert_ne!(found, changed, "{number}");
            answer.replace_before_signing(&found, &changed)
        });
        assert_eq!(verdict, if code == "accepted" { ada() } else { Err(code) }, "{number}");
    }
}

/// G7: CVE-2023-41890.
#[test]
fn the_issuer_is_who_we_asked_to_the_last_byte() {
    let issuer = format!("https://sts.windows.net/{TENANT}/");
    for other in [
        issuer.trim_end_matches('/').to_owned(),
        issuer.to_uppercase(),
        issuer.replace(TENANT, "common"),
        format!("{issuer}x"),
        issuer.replace("https", "http"),
        String::new(),
    ] {
        assert_eq!(answered(|a| a.issuer(&other)), Err("saml.issuer_mismatch"), "{other}");
        let bare = format!("<Issuer>{issuer}<");
        let inner = answered(|a| a.replace_before_signing(&bare, &format!("<Issuer>{other}<")));
        assert_eq!(inner, Err("saml.issuer_mismatch"), "{other}");
    }
    let bare = format!("<Issuer>{issuer}</Issuer>");
    for (to, code) in [
        (String::new(), "saml.xml_schema"),
        (bare.repeat(2), "saml.xml_schema"),
        (bare.replace("<Issuer>", "<Issuer>\n"), "saml.issuer_mismatch"),
        (
            bare.replace("<Issuer>", "<Issuer Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">"),
            "saml.issuer_mismatch",
        ),
        (bare.replace("<Issuer>", "<Issuer Format=\"\">"), "saml.issuer_mismatch"),
    ] {
        // Without an issuer our test provider finds no place for the signature.
        let verdict = answered(|a| a.signing(TestSigning::Response).replace_before_signing(&bare, &to));
        assert_eq!(verdict, Err(code), "{to}");
    }
    // SAML Profiles 4.1.4.2: a response that is signed itself says whom it is from; the assertion in it is not enough.
    for (signing, expected) in [(TestSigning::Response, Err("saml.issuer_mismatch")), (TestSigning::Assertion, ada())] {
        let sp = sp();
        let (pending, answer) = start(&sp);
        let answer = answer.signing(signing);
        let named = Parts::of(&answer.xml());
        let nameless = Parts::of(&answer.replace_before_signing(&named.issuer, "").xml());
        // Our test provider signs behind the next issuer that it finds.
        let xml = match signing {
            TestSigning::Response => {
                let signed = [nameless.signature.as_str(), &nameless.status, &nameless.bare];
                format!("{}{}</samlp:Response>", nameless.head, signed.concat())
            }
            _ => nameless.xml,
        };
        assert!(!xml.contains(&named.issuer), "{xml}");
        assert_eq!(judge(&sp, pending, xml.as_bytes()), expected, "{signing:?}");
    }
}

/// G8: an error that brings an assertion along, or a success that is none.
#[test]
fn only_success_is_success() {
    let success = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    let inner = success.replace("Success", "AuthnFailed");
    let open = |code: &str| code.replace("/>", ">");
    for (to, code) in [
        (success.replace("Success", "Responder"), "saml.refused"),
        (success.replace("Success", "success"), "saml.refused"),
        (success.replace("Success", "Success "), "saml.refused"),
        (success.replace("2.0:status", "1.0:status"), "saml.refused"),
        ("<samlp:StatusCode Value=\"\"/>".to_owned(), "saml.refused"),
        ("<samlp:StatusCode/>".to_owned(), "saml.xml_schema"),
        (String::new(), "saml.xml_schema"),
        (success.repeat(2), "saml.xml_schema"),
        (inner.clone() + success, "saml.xml_schema"),
        (format!("{}{success}</samlp:StatusCode>", open(&inner)), "saml.refused"),
        (format!("{}{inner}</samlp:StatusCode>", open(success)), "saml.refused"),
        ("Success".to_owned(), "saml.xml_schema"),
    ] {
        assert_eq!(signed_instead(success, &to), Err(code), "{to}");
    }
    let empty = forged(TestSigning::Response, |p| p.response(&[&p.response_signature, &p.status]));
    assert_eq!(empty, Err("saml.assertion_count"));
}

/// G9: a condition, a version or an element that is not known.
#[test]
fn what_is_not_known_is_refused() {
    let with = |more: &str| format!("{RESTRICTION}{more}");
    for (more, expected) in [
        ("<Condition/>", Err("saml.condition_unknown")),
        ("<x:Condition xmlns:x=\"urn:x\"/>", Err("saml.condition_unknown")),
        ("<x:OneTimeUse xmlns:x=\"urn:x\"/>", Err("saml.condition_unknown")),
        ("<DoNotCacheCondition/>", Err("saml.condition_unknown")),
        ("<OneTimeUse/>", ada()),
        ("<ProxyRestriction Count=\"0\"/>", ada()),
        ("text", Err("saml.xml_schema")),
    ] {
        assert_eq!(signed_instead(RESTRICTION, &with(more)), expected, "{more}");
    }
    for version in ["1.1", "2", "2.1", "", " 2.0", "02.0"] {
        for (from, end) in [("Version=\"2.0\" xmlns=", " xmlns="), ("Version=\"2.0\" IssueInstant", " IssueInstant")] {
            let to = format!("Version=\"{version}\"{end}");
            assert_eq!(signed_instead(from, &to), Err("saml.version"), "{to}");
        }
    }
    for (from, to) in [
        ("<AttributeStatement>", "<Unknown/><AttributeStatement>"),
        ("<Subject>", "<Conditions/><Subject>"),
        ("</Subject>", "</Subject><Subject/>"),
        ("</Conditions>", "</Conditions><Conditions/>"),
        ("<AttributeStatement>", "<AttributeStatement><Unknown/>"),
        ("<AttributeStatement>", "text<AttributeStatement>"),
        ("<samlp:Status>", "<samlp:Status/><samlp:Status>"),
    ] {
        assert_eq!(signed_instead(from, to), Err("saml.xml_schema"), "{to}");
    }
}

/// G10: nobody, somebody without a name, or two at once.
#[test]
fn the_subject_is_one_person_with_one_name() {
    let cases: [(Change, Verdict); 9] = [
        (|_| String::new(), Err("saml.name_id_missing")),
        (|_| "<NameID/>".into(), Err("saml.name_id_missing")),
        (|_| "<NameID>\u{a0}\n</NameID>".into(), Err("saml.name_id_missing")),
        (|name| name.repeat(2), Err("saml.xml_schema")),
        (|_| "<BaseID/>".into(), Err("saml.xml_schema")),
        (|_| "<EncryptedID/>".into(), Err("saml.encrypted")),
        (|name| format!("<EncryptedID/>{name}"), Err("saml.encrypted")),
        (|name| name.replace("<NameID ", "<x:NameID xmlns:x=\"urn:x\" ").replace("</", "</x:"), Err("saml.xml_schema")),
        (|name| name.replace(">ada", "> ada"), Ok(format!(" {ADAS_NAME}"))),
    ];
    for (change, expected) in cases {
        let verdict = answered(|answer| {
            let found = between(&answer.xml(), "<NameID ", "</NameID>");
            answer.replace_before_signing(&found, &change(&found))
        });
        assert_eq!(verdict, expected);
    }
    let nobody = answered(|answer| {
        let subject = between(&answer.xml(), "<Subject>", "</Subject>");
        answer.replace_before_signing(&subject, "")
    });
    assert_eq!(nobody, Err("saml.name_id_missing"));
}

/// G11: the first or the last of two attributes wins.
#[test]
fn of_two_attributes_with_one_name_neither_wins() {
    let sp = sp();
    let (pending, answer) = start(&sp);
    let second = format!(
        "<AttributeStatement><Attribute Name=\"{}\"><AttributeValue>x</AttributeValue></Attribute>",
        entra::claims::OBJECT_ID
    );
    let answer = answer.replace_before_signing("<AttributeStatement>", &second);
    let unclaimed = sp.judge_login(pending, &answer.posted(), NOW).expect("an answer");
    let login = unclaimed.settle(Ok(())).expect("a login");
    let values: Vec<_> = login.attributes().values(entra::claims::OBJECT_ID).collect();
    assert_eq!(values, ["x", ADA]);
    assert_eq!(login.attributes().single(entra::claims::OBJECT_ID), None);
    assert_eq!(entra::UserKey::of(login.attributes()), None);
    let mapped = entra_sso::mapping::Mapping::entra().apply(login.claims());
    assert_eq!(mapped.map(|_| ()).map_err(|error| error.code()), Err("mapping.ambiguous"));
}

/// G12: nobody authenticated, or not as was asked, or in a session that is over.
#[test]
fn somebody_authenticated_and_as_was_asked() {
    let without = answered(|answer| {
        let statement = between(&answer.xml(), "<AuthnStatement ", "</AuthnStatement>");
        answer.replace_before_signing(&statement, "")
    });
    assert_eq!(without, Err("saml.authn_statement_missing"));
    let session = |end: &str| {
        let to = format!("<AuthnStatement SessionNotOnOrAfter=\"{end}\" ");
        signed_instead("<AuthnStatement ", &to)
    };
    assert_eq!(session("2027-01-15T07:57:00Z"), Err("saml.expired"));
    assert_eq!(session("2027-01-15T08:00:00Z"), ada());
    assert_eq!(session("x"), Err("saml.xml_schema"));
    // A statement that is good does not make up for one that is not.
    let exact = |class: &str| AuthnRequest::new().requested_authn_context(Comparison::Exact, [class]);
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
    let two = |request: AuthnRequest, change: fn(&str) -> String| {
        let sp = sp();
        let (pending, answer) = start_with(&sp, &request);
        let statement = between(&answer.xml(), "<AuthnStatement ", "</AuthnStatement>");
        let changed = statement.clone() + &change(&statement);
        judge(&sp, pending, answer.replace_before_signing(&statement, &changed).xml().as_bytes())
    };
    assert_eq!(two(exact(password), str::to_owned), ada());
    assert_eq!(two(exact(password), |s| s.replace("Password", "X")), Err("saml.authn_context_mismatch"));
    assert_eq!(two(exact("urn:x"), str::to_owned), Err("saml.authn_context_mismatch"));
    let old = |s: &str| s.replace("AuthnInstant=\"2027", "AuthnInstant=\"2026");
    assert_eq!(two(AuthnRequest::new().force_authn(), old), Err("saml.authentication_too_old"));
}

/// G13: an assertion that the identity provider itself put into another one.
#[test]
fn an_assertion_in_advice_is_refused_even_if_it_is_signed() {
    for signing in SIGNED {
        let verdict = answered(|answer| {
            let inner = Parts::of(&answer.clone().name_id(EVES_NAME, "x").xml()).assertion;
            let advice = format!("<Advice>{inner}</Advice><AttributeStatement>");
            answer.signing(signing).replace_before_signing("<AttributeStatement>", &advice)
        });
        assert_eq!(verdict, Err("saml.assertion_misplaced"), "{signing:?}");
    }
}

// ---- H: who it is ----

/// H1, H2: nOAuth, CVE-2026-56223: another tenant's word, and an address as a key.
#[test]
fn a_person_is_a_tenant_and_an_object_and_not_an_address() {
    let other = "00000000-0000-4000-8000-000000000000";
    let app = |tenant: &str| entra::EntraApp::new(tenant.parse().expect("a GUID"), ADA.parse().expect("a GUID"));
    let login = |change: fn(TestResponse) -> TestResponse| {
        let sp = sp();
        let (pending, answer) = start(&sp);
        let unclaimed = sp.judge_login(pending, &change(answer).posted(), NOW).expect("an answer");
        unclaimed.settle(Ok(())).expect("a login")
    };
    let ada = login(|answer| answer);
    let key = app(TENANT).user_key(ada.attributes()).expect("Ada");
    assert_eq!(key.to_string(), format!("{TENANT}/{ADA}"));
    assert_eq!(app(other).user_key(ada.attributes()), None);
    // The same address, and even the same object, of another tenant is another person or nobody.
    let same = login(|answer| answer.attribute(entra::claims::TENANT_ID, &["00000000-0000-4000-8000-000000000000"]));
    assert_eq!(app(TENANT).user_key(same.attributes()), None);
    assert_ne!(entra::UserKey::of(same.attributes()), Some(key));
    let twice = login(|answer| answer.attribute(entra::claims::TENANT_ID, &[TENANT, TENANT]));
    assert_eq!(app(TENANT).user_key(twice.attributes()), None);
}

/// H3: CVE-2026-109372: asked of one provider, answered by another.
#[test]
fn a_login_is_finished_with_whom_it_was_begun() {
    let (here, there) = (sp(), sp_trusting(pinned(TestKey::Idp.certificate())));
    let elsewhere = ServiceProvider::new(
        "https://app.example/saml/metadata".parse().expect("a name"),
        "https://app.example/other/acs".parse().expect("a URL"),
        TestIdp::new().identity_provider(NOW).expect("metadata"),
    );
    let (pending, answer) = start(&here);
    assert_eq!(judge(&elsewhere, pending, answer.xml().as_bytes()), Err("saml.other_provider"));
    // New keys for the same provider are no other provider.
    let (pending, answer) = start(&here);
    assert_eq!(judge(&there, pending, answer.xml().as_bytes()), ada());
}

/// H5, L4: GitLab 435308: the message in the log can be used by whoever reads it.
#[test]
fn what_is_printed_holds_neither_the_message_nor_a_name() {
    let (sp, key) = (sp(), CookieKey::new([7; 32]));
    let (pending, answer) = start(&sp);
    let posted = answer.posted();
    let mut printed = format!("{posted:?} {pending:?} {key:?} {:?}", TestKey::Idp.signing_key());
    let unclaimed = sp.judge_login(pending, &posted, NOW).expect("an answer");
    printed += &format!("{unclaimed:?}");
    let login = unclaimed.settle(Ok(())).expect("a login");
    printed += &format!("{login:?} {:?}", login.claims());
    for secret in [ADAS_NAME, "Lovelace", "<Assertion", "60, 115, 97, 109", ADA, "SignatureValue"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

// ---- I: metadata ----

fn import(metadata: &str) -> Result<(), &'static str> {
    import_by(metadata, MetadataTrust::ConfiguredByAdmin)
}

fn import_by(metadata: &str, trust: MetadataTrust<'_>) -> Result<(), &'static str> {
    let imported = IdentityProvider::from_metadata(metadata.as_bytes(), trust, NOW);
    imported.map(|_| ()).map_err(|error| error.code())
}

/// I1: CVE-2026-28323, CVE-2026-46423, CVE-2026-16443: no key, so no check.
#[test]
fn without_a_key_there_is_no_identity_provider() {
    let metadata = TestIdp::new().metadata();
    let key = between(&metadata[metadata.find("<IDPSSO").expect("a role")..], "<KeyDescriptor ", "</KeyDescriptor>");
    for (to, code) in [
        (String::new(), "saml.metadata_no_signing_key"),
        (key.replace("signing", "encryption"), "saml.metadata_no_signing_key"),
        (key.replace("signing", "Signing"), "saml.metadata_no_signing_key"),
        (key.replace("signing", ""), "saml.metadata_no_signing_key"),
        ("<KeyDescriptor use=\"signing\"/>".to_owned(), "saml.metadata_no_signing_key"),
        (key.replace("X509Certificate>", "X509Thing>"), "saml.metadata_no_signing_key"),
        (key.replace("X509Certificate>MII", "X509Certificate>AAA"), "saml.metadata_no_usable_key"),
    ] {
        // The role of WS-Federation comes first, and its key is not the one that is meant.
        let at = metadata.rfind(&key).expect("a key");
        let changed = format!("{}{to}{}", &metadata[..at], &metadata[at + key.len()..]);
        assert_eq!(import(&changed), Err(code), "{to}");
    }
}

/// I2: metadata whose signature was stripped, swapped or wrapped, or that is over.
#[test]
fn metadata_that_is_to_be_signed_is_what_was_signed() {
    let (metadata, mine) = (TestIdp::new().metadata(), TestKey::Idp.certificate());
    let (other, trust) = (TestKey::Other.certificate(), MetadataTrust::SignedBy(&mine));
    assert_eq!(import_by(&metadata, trust), Ok(()));
    assert_eq!(import_by(&metadata, MetadataTrust::SignedBy(&other)), Err("saml.metadata_signature"));
    let signature = between(&metadata, "<Signature ", "</Signature>");
    let body = metadata.split_once("?>").expect("a declaration").1;
    let evil = body.replace(&signature, "").replace("saml2\"", "evil\"");
    let namespace = "xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"";
    for changed in [
        metadata.replace(&signature, ""),
        metadata.replace("saml2\"", "evil\""),
        metadata.replace("</EntityDescriptor>", "<Extra/></EntityDescriptor>"),
        format!("<EntitiesDescriptor {namespace}>{body}</EntitiesDescriptor>"),
        format!("<EntitiesDescriptor {namespace} ID=\"_metadata\">{signature}{evil}</EntitiesDescriptor>"),
        inside(&evil, body),
        inside(&evil, &signature),
        evil.replacen('>', &format!("><Extensions>{body}</Extensions>"), 1),
    ] {
        let code = import_by(&changed, trust);
        assert_eq!(code, Err("saml.metadata_signature"), "{}", &changed[..200]);
    }
    let until = |instant: &str| {
        let to = format!("<EntityDescriptor validUntil=\"{instant}\" ");
        import(&metadata.replace("<EntityDescriptor ", &to))
    };
    assert_eq!(until("2027-01-15T08:00:00Z"), Err("saml.metadata_expired"));
    assert_eq!(until("2027-01-15T08:00:01Z"), Ok(()));
    assert_eq!(until("soon"), Err("saml.xml_schema"));
    let role = metadata.replace("<IDPSSODescriptor ", "<IDPSSODescriptor validUntil=\"2020-01-01T00:00:00Z\" ");
    assert_eq!(import(&role), Err("saml.metadata_expired"));
}

/// I2: a member of a federation that describes another one, in the extensions of its own entry.
#[test]
fn only_an_entity_in_the_list_describes_itself() {
    let genuine = TestIdp::new().metadata();
    let genuine = genuine.split_once("?>").expect("a declaration").1;
    let namespace = "xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"";
    let strong = STANDARD.encode(TestKey::Idp.certificate().der());
    let evil = genuine.replace(&strong, &STANDARD.encode(TestKey::Other.certificate().der()));
    let entity = TestIdp::new().entity_id().parse().expect("a name");
    let keys = |list: &str| {
        let trust = MetadataTrust::ConfiguredByAdmin;
        IdentityProvider::from_metadata_for(&entity, list.as_bytes(), trust, NOW)
            .map(|idp| idp.certificates().to_vec())
            .map_err(|error| error.code())
    };
    for hidden in [
        format!("<EntityDescriptor entityID=\"urn:evil\"><Extensions>{evil}</Extensions></EntityDescriptor>"),
        format!(
            "<EntityDescriptor entityID=\"urn:evil\"><Extensions><EntitiesDescriptor>{evil}</EntitiesDescriptor></Extensions></EntityDescriptor>"
        ),
        format!("<Extensions>{evil}</Extensions>"),
    ] {
        let list = format!("<EntitiesDescriptor {namespace}>{hidden}{genuine}</EntitiesDescriptor>");
        assert_eq!(keys(&list), Ok(vec![TestKey::Idp.certificate()]), "{}", &hidden[..60]);
        let alone = format!(
            "<EntitiesDescriptor {namespace}>{hidden}<EntityDescriptor entityID=\"urn:x\"/></EntitiesDescriptor>"
        );
        assert_eq!(keys(&alone), Err("saml.metadata_other_entity"), "{}", &hidden[..60]);
    }
    let nested = format!(
        "<EntitiesDescriptor {namespace}><EntitiesDescriptor>{genuine}</EntitiesDescriptor></EntitiesDescriptor>"
    );
    assert_eq!(keys(&nested), Ok(vec![TestKey::Idp.certificate()]));
}

/// I3: a larger and laxer parser for metadata.
#[test]
fn metadata_is_read_by_the_same_strict_parser() {
    let metadata = TestIdp::new().metadata();
    let body = metadata.split_once("?>").expect("a declaration").1;
    for (text, code) in [
        (format!("<!DOCTYPE x SYSTEM \"http://evil.example/\">{body}"), "saml.xml_doctype"),
        (format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{body}"), "saml.xml_doctype"),
        (format!("{body}<x/>"), "saml.xml_malformed"),
        (body.replace("</IDPSSODescriptor>", ""), "saml.xml_malformed"),
        ("<html><body>Sign in</body></html>".to_owned(), "saml.metadata_unexpected_document"),
        ("<EntityDescriptor/>".to_owned(), "saml.metadata_unexpected_document"),
        ("{\"issuer\":\"x\"}".to_owned(), "saml.xml_malformed"),
        (String::new(), "saml.xml_malformed"),
        (body.replace("IDPSSODescriptor", "SPSSODescriptor"), "saml.metadata_not_an_idp"),
    ] {
        assert_eq!(import(&text), Err(code), "{}", text.chars().take(60).collect::<String>());
    }
}

// ---- K: resources ----

/// K1, K2, K5: GHSA-qhrp-hfff-vphr, RUSTSEC-2026-0194, RUSTSEC-2026-0195.
#[test]
fn too_much_of_anything_is_refused() {
    let in_status = |what: String| {
        forged(TestSigning::Assertion, |p| {
            p.response(&[&format!("<samlp:Extensions>{what}</samlp:Extensions>"), &p.status, &p.assertion])
        })
    };
    let count = |number: usize, one: fn(usize) -> String| (0..number).map(one).collect::<String>();
    let large = Err("saml.xml_too_large");
    assert_eq!(in_status("<a>".repeat(70)), large);
    assert_eq!(in_status("<a>".repeat(50_000)), large);
    assert_eq!(in_status("<a>".repeat(30_000) + &"</a>".repeat(30_000)), large);
    assert_eq!(in_status(format!("<a{}/>", count(10_000, |n| format!(" a{n}=\"\"")))), large);
    assert_eq!(in_status(format!("<a{}/>", count(10_000, |n| format!(" xmlns:a{n}=\"urn:x\"")))), large);
    assert_eq!(in_status(count(70, |n| format!("<a xmlns:a{n}=\"urn:x\">"))), large);
    assert_eq!(in_status("<a/>".repeat(20_000)), large);
    assert_eq!(in_status("<!---->".repeat(20_000)), large);
    assert_eq!(in_status(format!("<a{}/>", " b=\"\"".repeat(100))), large);
    // As much as is allowed is read.
    assert_eq!(in_status(format!("<{0}></{0}>", "n".repeat(100_000))), ada());
    assert_eq!(in_status(format!("<a b=\"{}\"/>", "&amp;".repeat(40_000))), ada());
    assert_eq!(in_status("&#65;".repeat(40_000)), ada());
    assert_eq!(in_status("x<![CDATA[]]>".repeat(10_000)), ada());
    assert_eq!(in_status("<a/>".repeat(10_000)), ada());
    let huge = forged_code(|p| p.xml.replace(ADAS_NAME, &"x".repeat(1 << 20)));
    assert_eq!(huge, "saml.message_too_large");
}

/// The code with which even the form is refused.
fn forged_code(forge: impl FnOnce(&Parts) -> String) -> &'static str {
    let (_, answer) = start(&sp());
    let message = STANDARD.encode(forge(&Parts::of(&answer.xml())));
    PostedResponse::from_fields(&message, None).map_or_else(|error| error.code(), |_| "read")
}

/// K2: attributes are compared pairwise, and so were the long names of their namespaces.
#[test]
fn a_namespace_is_one_however_long_it_is_and_however_often_declared() {
    let letter = |n: u32| char::from_u32(n + if n < 26 { 65 } else { 71 }).expect("a letter");
    let declared: String =
        (0..50).map(|n| format!(" xmlns:{}=\"urn:{}{n:02}\"", letter(n), "x".repeat(1000))).collect();
    let used: String = (0..50).map(|n| format!(" {}:a=\"\"", letter(n))).collect();
    let element = format!("<b{used}/>");
    let judged = |declared: &str, element: &str| {
        forged(TestSigning::Assertion, |p| {
            let extensions = format!(
                "<samlp:Extensions{declared}>{}</samlp:Extensions>",
                element.repeat(if element.len() < 400 { 300 } else { 1 })
            );
            p.response(&[&extensions, &p.status, &p.assertion])
        })
    };
    let verdict = judged(&declared, &element);
    assert_eq!(verdict, ada());
    // Two prefixes for one namespace are one name still, even if it was declared far apart.
    let same = declared.replace("01\"", "00\"");
    assert_eq!(judged(&same, &element), Err("saml.xml_malformed"));
    let inner = format!("<b xmlns:z=\"urn:{}07\" z:a=\"\" H:a=\"\"/>", "x".repeat(1000));
    assert_eq!(judged(&declared, &inner), Err("saml.xml_malformed"));
    let xml = "<b xml:lang=\"\" lang=\"\" xmlns:l=\"urn:l\" l:lang=\"\"/>";
    assert_eq!(judged("", xml), ada());
}

/// K5: whoever has any signature of a trusted key, such as that of public metadata, gets as far as the
/// digest. A namespace that is declared once is rendered by each element that uses it.
#[test]
fn a_canonical_form_does_not_outgrow_its_document() {
    let metadata = TestIdp::new().metadata();
    let signature = between(&metadata, "<Signature ", "</Signature>");
    let verdict = forged(TestSigning::Neither, |p| {
        let id = between(&p.head, "\"_r", "\"");
        let declared = format!("xmlns:p=\"urn:{}\" xmlns:samlp", "x".repeat(1000));
        let head = p.head.replace(&id, "\"_metadata\"").replace("xmlns:samlp", &declared);
        let many = format!("<samlp:Extensions>{}</samlp:Extensions>", "<p:b/>".repeat(15_000));
        Parts { head, ..p.clone() }.response(&[&signature, &many, &p.status, &p.bare])
    });
    assert_eq!(verdict, Err("saml.signature_malformed"));
}

/// K5: many signatures, references, certificates, and work before anything is known.
#[test]
fn many_signatures_and_references_are_refused_before_they_cost_anything() {
    let many = |from: &'static str, to: &'static str, count| {
        forged(TestSigning::Assertion, |p| {
            let part = between(&p.signature, from, to);
            p.xml.replace(&part, &part.repeat(count))
        })
    };
    assert_eq!(many("<Reference ", "</Reference>", 200), Err("saml.signature_malformed"));
    assert_eq!(many("<Transforms>", "</Transforms>", 500), Err("saml.signature_malformed"));
    assert_eq!(many("<SignedInfo>", "</SignedInfo>", 200), Err("saml.signature_malformed"));
    assert_eq!(many("<X509Certificate>", "</X509Certificate>", 100), ada());
    assert_eq!(many("<KeyInfo>", "</KeyInfo>", 100), Err("saml.signature_malformed"));
    let value = forged(TestSigning::Assertion, |p| {
        let value = between(&p.signature, "<SignatureValue>", "</SignatureValue>");
        let bomb = "QUFB".repeat(40_000);
        p.xml.replace(&value, &format!("<SignatureValue>{bomb}</SignatureValue>"))
    });
    assert_eq!(value, Err("saml.signature_malformed"));
    for size in [300 << 10, 10 << 20] {
        let code = PostedResponse::from_fields(&"A".repeat(size * 4 / 3), None).map(|_| ());
        assert_eq!(code.map_err(|error| error.code()), Err("saml.message_too_large"));
    }
    let spaces = PostedResponse::from_form(&[b"SAMLResponse=".as_slice(), &[b'+'; 1 << 20]].concat());
    assert_eq!(spaces.map(|_| ()).map_err(|error| error.code()), Err("saml.message_too_large"));
}

/// K3: CVE-2020-7711, CVE-2020-7731, CVE-2026-26171: broken in any place, it is refused without panic.
#[test]
fn a_message_that_is_broken_anywhere_signs_in_nobody_else() {
    let sp = sp();
    for signing in [TestSigning::Assertion, TestSigning::Both] {
        let (pending, answer) = start(&sp);
        let (request_id, xml) = (pending.request_id().clone(), answer.signing(signing).xml());
        let bytes = xml.as_bytes();
        let judge = |message: &[u8]| {
            let pending = entra_sso::danger::captured_login(&sp, request_id.as_ref(), NOW);
            judge(&sp, pending, message)
        };
        assert_eq!(judge(bytes), ada());
        let mut refused = 0;
        for (number, at) in (0..bytes.len()).step_by(23).enumerate() {
            let (before, after) = bytes.split_at(at);
            let rest = after.get(1..).unwrap_or_default();
            let put = [b'<', b'>', b'"', b'&', b' ', b'\0', 0xFF, b'A', b'/', b'='];
            let put = put[number % put.len()];
            for broken in [before.to_vec(), [before, rest].concat(), [before, &[put], rest].concat()] {
                match judge(&broken) {
                    Err(_) => refused += 1,
                    Ok(name) => assert_eq!(name, ADAS_NAME),
                }
            }
        }
        assert!(refused > bytes.len() / 23 * 2, "{refused}");
    }
}

// ---- L: what we send ----

/// L1: CVE-2026-46490, CVE-2021-37154: text that became markup in our own messages.
#[test]
fn what_is_put_into_a_request_stays_text() {
    let evil = "x\"/><samlp:Evil a='&lt;' b=\"]]>--><!--";
    let request = AuthnRequest::new()
        .provider_name(evil)
        .name_id_policy(evil, true)
        .requested_authn_context(Comparison::Exact, [evil])
        .subject(entra_sso::saml::NameId::new(evil, Some(evil)))
        .login_hint(evil)
        .domain_hint("a&SAMLRequest=b#c");
    let started = sp().start_login_with(&request, ReturnTo::default(), NOW, &rng()).expect("a login");
    let received = ReceivedRequest::from_outgoing(&started.outgoing).expect("a request");
    let document = roxmltree::Document::parse(&received.xml).expect("well-formed");
    assert!(document.descendants().all(|node| node.tag_name().name() != "Evil"));
    let texts = document.descendants().filter(|node| node.text() == Some(evil)).count();
    let values = document.descendants().flat_map(|node| node.attributes()).filter(|a| a.value() == evil);
    assert_eq!((texts >= 2, values.count()), (true, 3));
    let entra_sso::saml::Outgoing::Redirect(url) = started.outgoing else { panic!("a redirect") };
    let names: Vec<_> =
        url.split_once('?').expect("a query").1.split('&').filter_map(|pair| pair.split('=').next()).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "login_hint", "domain_hint"]);
}

/// L2: request IDs that can be guessed.
#[test]
fn request_ids_and_relay_states_are_random_and_never_the_same() {
    let sp = sp();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let pending = sp.start_login(ReturnTo::default(), NOW, &rng()).expect("a login").pending;
        let (id, relay) = (pending.request_id().to_string(), pending.relay_state().to_string());
        assert!(id.len() == 41 && id.starts_with('_'), "{id}");
        assert_eq!(relay.len(), 22, "{relay}");
        assert!(seen.insert(id) && seen.insert(relay));
    }
}

/// L4: CVE-2020-5225: line breaks and escapes of a message in the log.
#[test]
fn what_a_message_says_cannot_write_into_a_log() {
    let evil = "x&#10;2027-01-15 signed in&#13;&#x1F4A9;\u{202e}\u{200b}\u{85}\u{2028}";
    let long = "y".repeat(10_000);
    for text in [evil, &long] {
        // `judge` looks at each error.
        for (from, to) in [
            ("status:Success\"/>", format!("status:Responder\"/><samlp:StatusMessage>{text}</samlp:StatusMessage>")),
            ("status:Success", format!("status:{text}")),
            ("Destination=\"", format!("Destination=\"{text}")),
            ("InResponseTo=\"", format!("InResponseTo=\"{text}")),
            ("<Issuer xmlns", format!("<Issuer Format=\"{text}\" xmlns")),
            ("sha256\"/><Reference", format!("{text}\"/><Reference")),
            ("URI=\"#", format!("URI=\"#{text}")),
            (" Version=\"2.0\"", format!(" Version=\"{text}\"")),
        ] {
            assert!(edited(TestSigning::Assertion, from, &to).is_err(), "{to}");
        }
        assert!(
            answered(|answer| answer
                .audience(Some("x"))
                .replace_before_signing("<Audience>x", &format!("<Audience>{text}")))
            .is_err()
        );
    }
    let name = format!("<samlp:{long}/>");
    assert_eq!(
        edited(TestSigning::Assertion, "<samlp:Status>", &format!("{name}<samlp:Status>")),
        Err("saml.xml_schema")
    );
}

// ---- found by trying, by somebody who had not written the code ----

/// M1: an answer that anybody can write, and that the administrator reads about with our advice.
#[test]
fn no_advice_about_an_answer_that_anybody_can_write_loosens_the_set_up() {
    let spoken = |message: &str| {
        let sp = sp();
        let (pending, answer) = start(&sp);
        let xml = answer.refuse("AuthnFailed", message).signing(TestSigning::Neither).xml();
        let error = sp.judge_login(pending, &posted(xml.as_bytes()), NOW).expect_err("refused");
        assert_eq!(error.code(), "saml.refused");
        assert!(error.to_string().contains("nobody vouches for"), "{error}");
        error.hint().expect("a hint").to_string()
    };
    let spans = [(16_000, 17_000), (50_000, 54_000), (65_000, 66_000), (70_000, 77_000), (90_000, 91_000)];
    let long = [(501_000, 502_000), (530_000, 531_000), (650_000, 651_000), (700_000, 701_000), (750_000, 751_000)];
    let longest = [(900_000, 901_000), (7_000_000, 7_001_000), (7_500_000, 7_501_000)];
    let all = spans.into_iter().chain(long).chain(longest).flat_map(|(from, to)| from..to);
    let known = |code: &u32| entra::aadsts::advice_for(&format!("AADSTS{code}")).is_some();
    let codes: Vec<u32> = all.filter(known).collect();
    assert!(codes.len() > 40, "{codes:?}");
    let loose = [
        "Assignment required",
        "encryption off",
        "invite the",
        "Send no ",
        "Ask for no ",
        "Leave out",
        "consent.",
        "to Yes",
        "allow unsolicited",
        "SHA-1",
    ];
    for hint in codes.iter().map(|code| spoken(&format!("AADSTS{code}: x"))) {
        assert!(!loose.iter().any(|loose| hint.contains(loose)), "{hint}");
    }
    // Nor does it tell who could not sign in.
    let sp = sp();
    let (pending, answer) = start(&sp);
    let xml = answer.refuse("AuthnFailed", "AADSTS50105: The user 'ada@contoso.example' is not assigned").xml();
    let error = sp.judge_login(pending, &posted(xml.as_bytes()), NOW).expect_err("refused").to_string();
    assert!(error.contains("The user [address] is not assigned"), "{error}");
    let encrypted =
        |parts: &Parts| parts.xml.replace(&parts.assertion, &format!("<EncryptedAssertion xmlns=\"{SAML}\"/>"));
    let (pending, answer) = start(&sp);
    let message = encrypted(&Parts::of(&answer.xml()));
    let error = sp.judge_login(pending, &posted(message.as_bytes()), NOW).expect_err("refused");
    assert_eq!(error.code(), "saml.encrypted");
    assert!(!error.hint().expect("a hint").to_string().contains("off"));
    let (_, answer) = start(&sp);
    let error = sp.judge_unsolicited(&answer.posted(), NOW).expect_err("refused");
    assert_eq!(error.code(), "saml.unsolicited");
    assert!(!error.hint().expect("a hint").to_string().contains("allow"));
}

/// M2: one assertion with two confirmations, one that answers a request and one that answers none, shown to two caches.
#[test]
fn an_answer_to_a_request_is_nobodys_unsolicited_answer_too() {
    let sp = sp().with_unsolicited(Unsolicited::Accept { replay_cache: Arc::new(MemoryReplayCache::default()) });
    let (pending, answer) = start(&sp);
    let confirmation = between(&answer.xml(), "<SubjectConfirmation ", "</SubjectConfirmation>");
    let request = format!(" InResponseTo=\"{}\"", pending.request_id());
    let free = confirmation.replace(&request, "");
    assert_ne!(free, confirmation);
    let both = answer.replace_before_signing(&confirmation, &(confirmation.clone() + &free)).xml();
    assert_eq!(judge(&sp, pending, both.as_bytes()), ada());
    let stripped = both.replacen(&request, "", 1);
    let error = sp.judge_unsolicited(&posted(stripped.as_bytes()), NOW).expect_err("refused");
    assert_eq!(error.code(), "saml.in_response_to_mismatch");
}

/// M3: a difference of clocks so long that nothing ever expires.
#[test]
fn no_setting_without_danger_in_its_name_makes_time_stand_still() {
    let (sp, later) = (sp().with_clock_skew(Duration::MAX), NOW.plus(minutes(71)));
    let (pending, answer) = start(&sp);
    let answer = answer.conditions(None, Some(NOW.plus(minutes(60)))).confirmed_until(Some(NOW.plus(minutes(60))));
    let message = posted(answer.xml().as_bytes());
    let sp = sp.with_login_timeout(minutes(120));
    drop(pending);
    let in_time = NOW.plus(minutes(69));
    let request = answer.xml().split("InResponseTo=\"").nth(1).expect("one")[..41].to_owned();
    let pending = entra_sso::danger::captured_login(&sp, &request, in_time);
    assert!(sp.judge_login(pending, &message, in_time).is_ok(), "ten minutes are allowed");
    let pending = entra_sso::danger::captured_login(&sp, &request, later);
    let code = sp.judge_login(pending, &message, later).map(drop).map_err(|error| error.code());
    assert_eq!(code, Err("saml.expired"));
}

/// M4: the browser takes out of the request what an unsigned request asked for.
#[test]
fn an_answer_about_another_person_than_the_request_named_is_refused() {
    let name = |value: &str, format: &str| {
        let request = AuthnRequest::new().subject(entra_sso::saml::NameId::new(value, Some(format)));
        let sp = sp();
        let (pending, answer) = start_with(&sp, &request);
        let cookie = pending.into_cookie(&CookieKey::new([7; 32]), &rng()).expect("a cookie").into_string();
        let (cookie, relay) = (cookie.split(';').next().expect("a pair"), answer.form());
        let relay = PostedResponse::from_form(&relay).expect("a form").relay_state().cloned();
        let pending = PendingLogin::from_cookies(cookie, relay.as_ref(), &CookieKey::new([7; 32]), NOW).expect("ours");
        judge(&sp, pending, answer.xml().as_bytes())
    };
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    assert_eq!(name(ADAS_NAME, email), ada());
    assert_eq!(name(EVES_NAME, email), Err("saml.subject_mismatch"));
    assert_eq!(name("Ada@contoso.example", email), Err("saml.subject_mismatch"));
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    assert_eq!(name(ADAS_NAME, persistent), Err("saml.subject_mismatch"));
    // A question without an answer that could be refused is not asked.
    let nothing = AuthnRequest::new().requested_authn_context(Comparison::Exact, [""; 0]);
    let error = sp().start_login_with(&nothing, ReturnTo::default(), NOW, &rng()).expect_err("refused");
    assert_eq!(error.code(), "config.no_context_class");
}

/// M5: a chain in the metadata, whose authority would sign logins.
#[test]
fn a_key_descriptor_names_one_key() {
    let metadata = TestIdp::new().metadata();
    let data = between(&metadata, "<X509Certificate", "</X509Certificate>");
    let with = |key: TestKey| {
        let second =
            data.replace(&STANDARD.encode(TestKey::Idp.certificate().der()), &STANDARD.encode(key.certificate().der()));
        import(&metadata.replace(&data, &(data.clone() + &second)))
    };
    assert_eq!(with(TestKey::Other), Err("saml.metadata_ambiguous_key"));
    // Nor is one that cannot be used a reason to take the one beside it.
    let broken = metadata.replace(&data, &(data.replace("MII", "AAA") + &data));
    assert_eq!(import(&broken), Err("saml.metadata_ambiguous_key"));
    // A renewed certificate for the same key is the same key.
    assert_eq!(with(TestKey::Expired), Ok(()));
}

/// M6: two entries of one name in a federation's list; and metadata that came by plain HTTP.
#[test]
fn an_entity_that_is_described_twice_is_not_taken() {
    let metadata = TestIdp::new().metadata();
    let body = metadata.split_once("?>").expect("a declaration").1;
    let evil = body.replace("saml2\"", "evil\"");
    let namespace = "xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"";
    let entity = TestIdp::new().entity_id().parse().expect("an entity ID");
    let read = |list: String| {
        let xml = format!("<EntitiesDescriptor {namespace}>{list}</EntitiesDescriptor>");
        IdentityProvider::from_metadata_for(&entity, xml.as_bytes(), MetadataTrust::ConfiguredByAdmin, NOW)
            .map(drop)
            .map_err(|error| error.code())
    };
    assert_eq!(read(body.to_owned()), Ok(()));
    assert_eq!(read(evil.clone() + body), Err("saml.metadata_repeated_entity"));
    assert_eq!(read(body.to_owned() + &evil), Err("saml.metadata_repeated_entity"));
    let plain = entra_sso::danger::plain_http("http://login.example/metadata").expect("a URL");
    assert_eq!(import_by(&metadata, MetadataTrust::FetchedOverTls(&plain)), Err("saml.metadata_not_over_tls"));
    let tls = "https://login.example/metadata".parse().expect("a URL");
    assert_eq!(import_by(&metadata, MetadataTrust::FetchedOverTls(&tls)), Ok(()));
}

/// M7: a header full of cookies with our names; a login that leads back to the login.
#[test]
fn a_login_answers_a_flood_of_cookies_with_a_few_and_never_leads_to_itself() {
    let routes = routes(sp());
    let flood = Request { cookie: vec!["__Host-sso-a=; ".repeat(16_000)], ..get("/saml/login", None) };
    let Outcome::Respond(response) = routes.handle_at(&flood, NOW, &rng()) else { panic!("a redirect") };
    let cookies = response.headers.iter().filter(|(name, _)| *name == "set-cookie").count();
    assert!((2..=20).contains(&cookies), "{cookies} cookies");
    for (asked, led) in [("/saml/login?a=b", "/"), ("/saml/login", "/"), ("/saml/logins", "/saml/logins")] {
        let query = format!("return_to={}", asked.replace('?', "%3F").replace('=', "%3D"));
        let Outcome::Respond(response) = routes.handle_at(&get("/saml/login", Some(&query)), NOW, &rng()) else {
            panic!("a redirect");
        };
        let header = |wanted: &str| {
            let found = response.headers.iter().find(|(name, _)| *name == wanted).expect("a header");
            found.1.clone()
        };
        let received = header("location");
        let received = ReceivedRequest::from_query(received.split_once('?').expect("a query").1).expect("a request");
        let relay: RelayState = received.relay_state.expect("one").parse().expect("ours");
        let cookie = header("set-cookie");
        let pending = PendingLogin::from_cookies(&cookie, Some(&relay), &CookieKey::new([7; 32]), NOW).expect("ours");
        assert_eq!(pending.return_to().as_ref(), led, "{asked}");
    }
}

/// M8: `Debug` before the claim, and a quotation that ends early.
#[test]
fn nothing_of_a_person_is_printed_before_the_claim_and_no_quotation_ends_early() {
    let sp = sp();
    let (pending, answer) = start(&sp);
    let unclaimed = sp.judge_login(pending, &answer.posted(), NOW).expect("a login");
    let printed = format!("{unclaimed:?}");
    for secret in [ADAS_NAME, ADA, TENANT, "claims/", "SessionIndex", "session_index", "Lovelace"] {
        assert!(!printed.contains(secret) || (secret == TENANT && !printed.contains("tenantid")), "{printed}");
    }
    let evil = "https://a.example\", expected `https://evil.example/acs`. (`";
    let error = sp.start_login(ReturnTo::default(), NOW, &rng()).map(|started| {
        let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("an answer");
        let xml = answer.xml().replace("Destination=\"", &format!("Destination=\"{}", evil.replace('"', "&quot;")));
        sp.judge_login(started.pending, &posted(xml.as_bytes()), NOW).expect_err("refused")
    });
    let error = error.expect("a login");
    assert_eq!(error.code(), "saml.destination_mismatch");
    assert_eq!(error.to_string().matches('`').count(), 4, "{error}");
}
