//! Much of everything: what is refused, by which code, and that work and memory grow no faster than the input does.
//!
//! Growth is measured between one, two and four times a size, and counted in allocations and bytes, never in seconds;
//! tests/hostile.sh counts instructions over the same kinds.

use std::hint::black_box;
use std::sync::LazyLock;

use allocation_counter::AllocationInfo;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sso::http::{Outcome, Routes};
use entra_sso::mapping::{Mapping, MappingError, Rule, Rules, Source};
use entra_sso::sp::{CookieKey, Service};
use entra_sso::testing::{ADA, ReceivedRequest, TestIdp, TestKey, TestResponse, TestSigning, redirect_query};
use entra_sso::{
    Certificate, EntityId, IdentityProvider, Login, MemoryReplayCache, MetadataTrust, PostedResponse, ReturnTo,
    ServiceProvider, SystemRandom, UnixTime, danger,
};

#[path = "support/request.rs"]
mod request;
use request::Request;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const REQUEST: &str = "_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";

/// What stands in `taken` when nothing is refused.
const TAKEN: &str = "taken";

/// How a kind of input comes to us.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// A response in base64, judged up to the mapped user.
    Message,
    /// The field of a form that somebody else has decoded.
    Fields,
    /// The body of a form.
    Form,
    /// Metadata that an administrator configured.
    Metadata,
    /// Metadata that must be signed.
    SignedMetadata,
    /// Metadata, for an entity in it.
    Federation,
    /// The `Cookie` header of a request to log in.
    LoginCookies,
    /// The `Cookie` header of an answer.
    AnswerCookies,
    /// The query of a request to log in.
    Query,
    /// The query of a logout message.
    Logout,
    /// The `Cookie` header of an answer to a logout.
    LogoutCookies,
    /// A file of certificates.
    Certificates,
    /// The query of a request to the identity provider of `testing`.
    Inflate,
    /// Values of an attribute, a line each, and a table of as many by a customer who writes both.
    Table,
    /// Values of an attribute, a line each, and by the same customer as many fields as there may be, which look for
    /// them in as many sources as there may be.
    Sources,
    /// The same for fields that join the values.
    Joined,
}

/// A kind of input: its name, the way in, the verdict, and what it looks like at a size. `size` is the smallest of
/// three, which double.
type Kind = (&'static str, Door, &'static str, usize, fn(usize) -> String);

/// Sizes are such that the largest message fits into its limit, or crosses it.
#[rustfmt::skip]
const KINDS: &[Kind] = &[
    // Refused by the parser, at the limit: what comes behind it costs nothing.
    ("attributes", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&format!("<a{}/>", many(n, |n| format!(" a{n}=''"))))),
    ("attributes with values", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&format!("<a{}/>", many(n, |n| format!(" a{n}='&amp;{n}'"))))),
    ("the same attribute", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&format!("<a{}/>", " a=''".repeat(n)))),
    ("namespaces", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&format!("<a{}/>", many(n, |n| format!(" xmlns:a{n}='urn:{n}'"))))),
    ("namespaces in each other", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&many(n, |n| format!("<a xmlns:a{n}='urn:{n}'>")))),
    ("depth", Door::Metadata, "saml.xml_too_large", 25_000, |n| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n))),
    ("depth without end", Door::Metadata, "saml.xml_too_large", 25_000, |n| "<a>".repeat(n)),
    ("a namespace of a megabyte", Door::Metadata, "saml.xml_too_large", 250_000, |n| format!("<a xmlns='urn:{}'/>", "x".repeat(n))),
    ("an end tag of a megabyte", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a></a{}>", " b".repeat(n / 2))),
    ("end tags without beginning", Door::Metadata, "saml.xml_malformed", 25_000, |n| "</a>".repeat(n)),
    ("a tag without end", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a b='{}", "<>".repeat(n / 2))),
    ("a comment without end", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a><!--{}", "->".repeat(n / 2))),
    ("CDATA without end", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a><![CDATA[{}", "]]".repeat(n / 2))),
    ("an instruction without end", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a><?p {}", "? ".repeat(n / 2))),
    ("a reference without end", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a>&{}", "a".repeat(n))),
    ("references without end in a value", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a b='{}'/>", "&".repeat(n))),
    ("a reference with many digits", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a>&#{}1;</a>", "9".repeat(n))),
    ("a DOCTYPE", Door::Metadata, "saml.xml_doctype", 25_000, |n| format!("<!DOCTYPE a [{}]><a/>", "<!ENTITY a 'b'>".repeat(n))),
    ("a DOCTYPE without end", Door::Metadata, "saml.xml_doctype", 250_000, |n| format!("<!DOCTYPE a [{}", "<!".repeat(n / 2))),
    ("entity references", Door::Metadata, "saml.xml_malformed", 25_000, |n| format!("<a>{}</a>", "&lol;".repeat(n))),
    ("instructions", Door::Metadata, "saml.xml_malformed", 25_000, |n| format!("<a>{}</a>", "<?p?>".repeat(n))),
    ("controls", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a>{}</a>", "\u{1}".repeat(n))),
    ("brackets in an instruction", Door::Metadata, "saml.xml_malformed", 250_000, |n| format!("<a><?p {}?></a>", ">".repeat(n))),
    ("brackets in a DOCTYPE", Door::Metadata, "saml.xml_doctype", 250_000, |n| format!("<!DOCTYPE a [{}]><a/>", "<>".repeat(n / 2))),
    // Read to the end, for there is no limit but bytes and nodes; no metadata all the same.
    ("a name of a megabyte", Door::Metadata, "saml.metadata_unexpected_document", 250_000, |n| format!("<{0}></{0}>", "n".repeat(n))),
    ("a prefix of a megabyte", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<{0}:a xmlns:{0}='urn:x'/>", "n".repeat(n))),
    ("an attribute of a megabyte", Door::Metadata, "saml.metadata_unexpected_document", 250_000, |n| format!("<a b='{}'/>", "x".repeat(n))),
    ("references in a value", Door::Metadata, "saml.metadata_unexpected_document", 25_000, |n| format!("<a b='{}'/>", "&amp;".repeat(n))),
    ("spaces in a value", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a b='{}'/>", "\r\n".repeat(n / 2))),
    ("characters by reference", Door::Metadata, "saml.metadata_unexpected_document", 25_000, |n| format!("<a>{}</a>", "&#65;".repeat(n))),
    ("references", Door::Metadata, "saml.metadata_unexpected_document", 25_000, |n| format!("<a>x{}</a>", "&lt;".repeat(n))),
    ("line ends", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a>{}</a>", "\r".repeat(n))),
    ("text and references", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("<a>{}</a>", "x&gt;\r".repeat(n))),
    ("CDATA sections", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("<a>{}</a>", "<![CDATA[x]]>".repeat(n))),
    ("brackets", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a>{}</a>", "]".repeat(n))),
    ("brackets in CDATA", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a><![CDATA[{}]]></a>", "]>".repeat(n / 2))),
    ("brackets in a comment", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a><!--{}--></a>", "->".repeat(n / 2))),
    ("brackets in a value", Door::Metadata, "saml.metadata_unexpected_document", 125_000, |n| format!("<a b='{}'/>", "/>".repeat(n / 2))),
    ("names in a scope of long ones", Door::Metadata, "saml.metadata_unexpected_document", 2_500, |n| format!("<a{}>{}</a>", many(60, |at| format!(" xmlns:{:x<1$}{at}='urn:{at}'", "x", 1000)), format!("<{:x<1$}9:b/>", "x", 1000).repeat(n / 100))),
    ("comments", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("<a>{}</a>", "<!---->".repeat(n))),
    ("text between comments", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("<a>{}</a>", "x<!---->".repeat(n))),
    ("comments before the root", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("{}<a/>", "<!-- -->".repeat(n))),
    ("elements", Door::Metadata, "saml.metadata_unexpected_document", 12_500, |n| format!("<a>{}</a>", "<b/>".repeat(n))),
    ("elements with all that is allowed", Door::Metadata, "saml.metadata_unexpected_document", 60, |n| format!("<a>{}</a>", wide().repeat(n))),
    ("deep elements", Door::Metadata, "saml.metadata_unexpected_document", 250, |n| format!("<a>{}</a>", format!("{}{}", "<b>".repeat(60), "</b>".repeat(60)).repeat(n))),
    // Metadata: what is in it.
    ("the same key", Door::Metadata, TAKEN, 50, |n| entity(&role(&key().repeat(n)))),
    ("keys that nobody can read", Door::Metadata, "saml.xml_too_large", 2_500, |n| entity(&role(&key_of("AAAA").repeat(n)))),
    ("keys for encryption", Door::Metadata, "saml.metadata_no_signing_key", 2_500, |n| entity(&role(&key_of("AAAA").replace("signing", "encryption").repeat(n)))),
    ("a certificate of a megabyte", Door::Metadata, "saml.metadata_no_usable_key", 250_000, |n| entity(&role(&key_of(&"QUFB".repeat(n / 4))))),
    ("a certificate of spaces", Door::Metadata, "saml.metadata_no_usable_key", 125_000, |n| entity(&role(&key_of(&" ".repeat(n))))),
    ("a certificate of armour", Door::Metadata, "saml.metadata_no_usable_key", 12_500, |n| entity(&role(&key_of(&"-----BEGIN ".repeat(n))))),
    ("a certificate of line breaks", Door::Metadata, "saml.metadata_no_usable_key", 62_500, |n| entity(&role(&key_of(&"\\n".repeat(n))))),
    ("roles", Door::Metadata, TAKEN, 1_250, |n| entity(&format!("{}{}", role(&key()), "<IDPSSODescriptor protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'/>".repeat(n)))),
    ("protocols of a role", Door::Metadata, "saml.metadata_not_an_idp", 12_500, |n| entity(&format!("<IDPSSODescriptor protocolSupportEnumeration='{}'/>", "urn:x ".repeat(n)))),
    ("endpoints", Door::Metadata, TAKEN, 2_500, |n| entity(&role(&format!("{}{}", key(), sso().repeat(n))))),
    ("an endpoint of a megabyte", Door::Metadata, "saml.metadata_invalid_value", 250_000, |n| entity(&role(&format!("{}{}", key(), sso().replace("/sso", &format!("/{}", "x".repeat(n))))))),
    ("entities", Door::Metadata, "saml.metadata_several_entities", 500, |n| federation(&many(n, named))),
    ("entities without a role", Door::Metadata, "saml.metadata_not_an_idp", 25_000, |n| federation(&format!("<EntityDescriptor entityID='urn:x'/>{}", "<EntityDescriptor/>".repeat(n - 1)))),
    ("entities and the last of them", Door::Federation, TAKEN, 500, |n| federation(&many(n, |at| named(n - 1 - at)))),
    ("entities and none of them", Door::Federation, "saml.metadata_other_entity", 25_000, |n| federation(&many(n, |n| format!("<EntityDescriptor entityID='{n}'/>")))),
    ("entities deep inside", Door::Federation, "saml.metadata_other_entity", 5_000, |n| deep_federation(&many(n, |n| format!("<EntityDescriptor entityID='{n}'/>")))),
    ("entities in extensions", Door::Federation, "saml.metadata_unexpected_document", 12_500, |n| federation(&format!("<Extensions>{}</Extensions>", "<EntityDescriptor/>".repeat(n)))),
    // Metadata: the signature, before anybody's key was seen.
    ("References", Door::SignedMetadata, "saml.metadata_signature", 12_500, |n| signed(&"<Reference/>".repeat(n), "")),
    ("comments in SignedInfo", Door::SignedMetadata, "saml.metadata_signature", 12_500, |n| signed("", &"<!---->".repeat(n))),
    ("spaces in SignedInfo", Door::SignedMetadata, "saml.metadata_signature", 125_000, |n| signed("", &"&#13;".repeat(n / 5))),
    ("prefixes", Door::SignedMetadata, "saml.metadata_signature", 12_500, |n| signed("", "").replace("PREFIXES", &"x ".repeat(n))),
    ("Signatures", Door::SignedMetadata, "saml.metadata_signature", 12_500, |n| entity(&format!("<Signature xmlns='{DS}'/>").repeat(n))),
    ("a SignatureValue of a megabyte", Door::SignedMetadata, "saml.metadata_signature", 250_000, |n| signed("", "").replace("AAAA", &"A".repeat(n))),
    ("a DigestValue of a megabyte", Door::SignedMetadata, "saml.metadata_signature", 250_000, |n| signed("", "").replace("BBBB", &"B".repeat(n))),
    ("an enclosed certificate of a megabyte", Door::SignedMetadata, "saml.metadata_signature", 250_000, |n| signed("", "").replace("CCCC", &"C".repeat(n))),
    ("enclosed certificates", Door::SignedMetadata, "saml.metadata_signature", 12_500, |n| signed("", "").replace("CCCC", &"CCCC</X509Certificate><X509Certificate>".repeat(n))),
    ("a Reference of a megabyte", Door::SignedMetadata, "saml.metadata_signature", 250_000, |n| signed("", "").replace("#_x", &"#".repeat(n))),
    // Messages that nobody signed.
    ("elements in a message", Door::Message, TAKEN, 3_500, |n| extended(&"<a/>".repeat(n))),
    ("IDs", Door::Message, TAKEN, 1_750, |n| extended(&many(n, |n| format!("<a ID='{n}'/>")))),
    ("the same ID", Door::Message, "saml.duplicate_id", 1_750, |n| extended(&"<a ID='x'/>".repeat(n))),
    ("assertions", Door::Message, "saml.assertion_count", 1_000, |n| answer().replacen("<Assertion ", &format!("{}<Assertion ", "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>".repeat(n)), 1)),
    ("Signatures in a message", Door::Message, "saml.signature_misplaced", 1_000, |n| extended(&format!("<Signature xmlns='{DS}'/>").repeat(n))),
    ("Signatures in an assertion", Door::Message, "saml.signature_misplaced", 1_000, |n| answer().replacen("<Subject>", &format!("{}<Subject>", format!("<Signature xmlns='{DS}'/>").repeat(n)), 1)),
    ("text in a message", Door::Message, TAKEN, 55_000, |n| extended(&"x".repeat(n))),
    ("what the canonical form makes longer", Door::Message, TAKEN, 25_000, |n| respond().signing(TestSigning::Response).replace_before_signing("<samlp:Status>", &format!("<samlp:Extensions>{}</samlp:Extensions><samlp:Status>", ">&#13;".repeat(n / 6))).xml()),
    ("a status message", Door::Message, "saml.refused", 50_000, |n| answer().replace("Success\"/>", &format!("Responder\"/><samlp:StatusMessage>{}</samlp:StatusMessage>", "AADSTS50105 ".repeat(n / 12)))),
    ("a destination", Door::Message, "saml.destination_mismatch", 50_000, |n| answer().replace("Destination=\"", &format!("Destination=\"{}", "x".repeat(n)))),
    ("a message above the limit", Door::Message, "saml.message_too_large", 4_000_000, |n| "x".repeat(n)),
    ("base64 with spaces", Door::Fields, "saml.message_too_large", 4_000_000, |n| "A ".repeat(n)),
    ("spaces for base64", Door::Fields, "saml.xml_malformed", 500_000, |n| " ".repeat(n)),
    // Messages that the identity provider did sign.
    ("values", Door::Message, TAKEN, 1_000, |n| respond().attribute("urn:x", &vec!["x"; n]).xml()),
    ("groups", Door::Message, TAKEN, 600, |n| { let all: Vec<_> = (0..n).map(|n| format!("{n:08x}-9d4e-4b6f-8a2c-1d3e5f7a9b0c")).collect(); respond().attribute("http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", &all.iter().map(String::as_str).collect::<Vec<_>>()).xml() }),
    ("attributes of a person", Door::Message, TAKEN, 600, |n| inserted("<AttributeStatement>", &many(n, |n| format!("<Attribute Name=\"urn:{n}\"><AttributeValue>x</AttributeValue></Attribute>")))),
    ("confirmations", Door::Message, TAKEN, 400, |n| inserted("</NameID>", &"<SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><SubjectConfirmationData Recipient=\"x\"/></SubjectConfirmation>".repeat(n))),
    ("audiences", Door::Message, "saml.audience_mismatch", 800, |n| respond().audience(Some("x")).replace_before_signing("<Audience>x", &format!("{}<Audience>x", "<Audience>urn:x</Audience>".repeat(n))).xml()),
    ("restrictions", Door::Message, "saml.audience_mismatch", 600, |n| inserted("<AudienceRestriction>", &"<Audience>urn:x</Audience></AudienceRestriction><AudienceRestriction>".repeat(n))),
    ("statements", Door::Message, TAKEN, 150, |n| inserted("</AttributeStatement>", &"<AuthnStatement AuthnInstant=\"2027-01-15T08:00:00Z\"><AuthnContext><AuthnContextClassRef>urn:x</AuthnContextClassRef></AuthnContext></AuthnStatement>".repeat(n))),
    // Forms, headers, files.
    ("fields", Door::Form, "saml.form_field_missing", 50_000, |n| "a&".repeat(n)),
    ("equals signs", Door::Form, "saml.form_field_missing", 100_000, |n| "=".repeat(n)),
    ("an answer among other fields", Door::Form, TAKEN, 40_000, |n| format!("{}&{}", form(), "a=&".repeat(n))),
    ("a field of escapes", Door::Form, "saml.form_encoding", 30_000, |n| format!("SAMLResponse={}", "%2D".repeat(n))),
    ("a field of pluses", Door::Form, "saml.form_field_missing", 100_000, |n| format!("x={}", "+".repeat(n))),
    ("a relay state", Door::Form, "saml.relay_state_invalid", 100_000, |n| format!("SAMLResponse=AAAA&RelayState={}", "x".repeat(n))),
    ("a form above the limit", Door::Form, "saml.message_too_large", 6_000_000, |n| "x".repeat(n)),
    ("cookies of others", Door::LoginCookies, TAKEN, 25_000, |n| "a=b; ".repeat(n)),
    ("cookies that look like ours", Door::LoginCookies, TAKEN, 2_500, |n| many(n, |n| format!("__Host-sso-{n}=x;"))),
    ("a cookie of a megabyte", Door::LoginCookies, TAKEN, 250_000, |n| format!("__Host-sso-x={}", "x".repeat(n))),
    ("semicolons", Door::LoginCookies, TAKEN, 250_000, |n| ";".repeat(n)),
    ("cookies of an answer", Door::AnswerCookies, "saml.no_pending_login", 25_000, |n| "a=b; ".repeat(n)),
    ("cookies of this name", Door::AnswerCookies, "saml.no_pending_login", 2_500, |n| "__Host-sso-relay=AAAA; ".repeat(n)),
    ("large cookies of this name", Door::AnswerCookies, "saml.no_pending_login", 250, |n| format!("__Host-sso-relay={}; ", "A".repeat(1000)).repeat(n)),
    ("parameters", Door::Query, TAKEN, 50_000, |n| "a=b&".repeat(n)),
    ("a place to return to", Door::Query, "http.parameter", 250_000, |n| format!("return_to=/{}", "%41".repeat(n / 3))),
    ("certificates", Door::Certificates, "certificate.malformed", 25_000, |n| "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".repeat(n / 50)),
    ("certificates that are good", Door::Certificates, TAKEN, 16, |n| pem().repeat(n)),
    ("armour", Door::Certificates, "certificate.missing", 12_500, |n| "-----BEGIN ".repeat(n)),
    ("a file above the limit", Door::Certificates, "certificate.malformed", 11_000_000, |n| "x".repeat(n)),
    // Logout messages, and what is encrypted.
    ("parameters of a logout", Door::Logout, "saml.form_field_missing", 30_000, |n| "a=b&".repeat(n)),
    ("a logout above the limit", Door::Logout, "saml.message_too_large", 6_000_000, |n| "x".repeat(n)),
    ("escapes in a logout", Door::Logout, "saml.form_encoding", 30_000, |n| format!("SAMLRequest={}", "%41".repeat(n))),
    ("a bomb in a logout", Door::Logout, "saml.message_too_large", 10_000, |n| bomb(n * 1000)),
    ("a relay state in a logout", Door::Logout, "saml.relay_state_invalid", 100_000, |n| format!("{}&RelayState={}", logout(1, None), "x".repeat(n))),
    ("sessions in a logout", Door::Logout, "saml.signature_missing", 1_000, |n| logout(n, None)),
    ("cookies of a logout", Door::LogoutCookies, "saml.no_pending_logout", 10_000, |n| many(n, |n| format!("__Host-sso-{n}=AAAA; "))),
    ("sealed cookies of a logout", Door::LogoutCookies, "saml.no_pending_logout", 500, |n| many(n, |n| format!("__Host-sso-{n}={}; ", "A".repeat(400)))),
    ("encrypted keys", Door::Message, "saml.xml_too_large", 120, |n| encrypted(&WRAPPED.repeat(n), "AAAA")),
    ("an encrypted key of a kilobyte", Door::Message, "saml.xml_schema", 10_000, |n| encrypted(&WRAPPED.replace("<e:CipherValue>", &format!("<e:CipherValue>{}", "AAAA".repeat(n))), "AAAA")),
    ("a ciphertext", Door::Message, "saml.decryption_failed", 10_000, |n| encrypted(&WRAPPED, &"AAAA".repeat(n))),
    ("namespaces around a ciphertext", Door::Message, "saml.decryption_failed", 200, |n| encrypted(&WRAPPED, "AAAA").replacen("<e:EncryptedData ", &format!("<e:EncryptedData {} ", many(40, |at| format!("xmlns:a{at}='urn:{}' ", "x".repeat(n)))), 1)),
    // The largest has as many entries as a table may have.
    ("values and entries of a table", Door::Table, TAKEN, 300, |n| many(n, |n| format!("a-role-of-many-of-the-same-beginning-{n:04}\n"))),
    ("a value of blanks", Door::Sources, TAKEN, 18_000, |n| "\u{3000}".repeat(n)),
    ("a value behind blanks", Door::Sources, TAKEN, 18_000, |n| format!("{}x", "\u{3000}".repeat(n))),
    ("the same value in many fields", Door::Sources, TAKEN, 1_000, |n| "x\n".repeat(n)),
    ("a long value that is joined", Door::Joined, "mapping.too_long", 54_000, |n| "x".repeat(n)),
    ("a value of blanks that is joined", Door::Joined, TAKEN, 18_000, |n| "\u{3000}".repeat(n)),
    ("the same value that is joined", Door::Joined, TAKEN, 1_000, |n| "x\n".repeat(n)),
    ("values that are joined", Door::Joined, "mapping.ambiguous", 1_000, |n| many(n, |n| format!("{n}\n"))),
    ("a bomb of DEFLATE", Door::Inflate, "not a request", 2_000, |n| bomb(n * 1000)),
];

// ---- what inputs are made of ----

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

fn entity(inside: &str) -> String {
    format!("<EntityDescriptor xmlns='{MD}' entityID='https://idp.example/' ID='_x'>{inside}</EntityDescriptor>")
}

fn federation(inside: &str) -> String {
    format!("<EntitiesDescriptor xmlns='{MD}'>{inside}</EntitiesDescriptor>")
}

fn deep_federation(inside: &str) -> String {
    let deeper = format!("{}{inside}{}", "<EntitiesDescriptor>".repeat(60), "</EntitiesDescriptor>".repeat(60));
    federation(&deeper)
}

fn named(number: usize) -> String {
    let role = role(&format!("{}{}", key(), sso()));
    format!("<EntityDescriptor entityID='urn:idp:{number}'>{role}</EntityDescriptor>")
}

fn role(inside: &str) -> String {
    let sso = if inside.contains("SingleSignOnService") { String::new() } else { sso() };
    let protocol = "urn:oasis:names:tc:SAML:2.0:protocol";
    format!("<IDPSSODescriptor protocolSupportEnumeration='{protocol}'>{inside}{sso}</IDPSSODescriptor>")
}

fn sso() -> String {
    let binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    format!("<SingleSignOnService Binding='{binding}' Location='https://idp.example/sso'/>")
}

fn key() -> String {
    key_of(&STANDARD.encode(TestKey::Idp.certificate().der()))
}

fn key_of(certificate: &str) -> String {
    let data = format!("<X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>");
    format!("<KeyDescriptor use='signing'><KeyInfo xmlns='{DS}'>{data}</KeyInfo></KeyDescriptor>")
}

fn pem() -> String {
    let base64 = STANDARD.encode(TestKey::Idp.certificate().der());
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

/// An element with as many attributes as one may have, each in a namespace of its own as long as one may be.
fn wide() -> String {
    let declared = many(32, |n| format!(" xmlns:p{n}='urn:{n:0>1000}'"));
    format!("<b{declared}{}/>", many(32, |n| format!(" p{n}:a=''")))
}

/// Metadata with a signature of the right shape by nobody's key, and more in its `SignedInfo`.
fn signed(references: &str, more: &str) -> String {
    let algorithm = |name: &str, uri: &str| format!("<{name} Algorithm='{uri}'/>");
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let list = format!("<InclusiveNamespaces xmlns='{exclusive}' PrefixList='PREFIXES'/>");
    let transforms = [
        algorithm("Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
        format!("<Transform Algorithm='{exclusive}'>{list}</Transform>"),
    ];
    let info = [
        algorithm("CanonicalizationMethod", exclusive),
        algorithm("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        format!("<Reference URI='#_x'><Transforms>{}</Transforms>", transforms.concat()),
        algorithm("DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256"),
        format!("<DigestValue>BBBB</DigestValue></Reference>{references}{more}"),
    ];
    let certificate = "<KeyInfo><X509Data><X509Certificate>CCCC</X509Certificate></X509Data></KeyInfo>";
    entity(&format!(
        "<Signature xmlns='{DS}'><SignedInfo>{}</SignedInfo><SignatureValue>AAAA</SignatureValue>{certificate}</Signature>",
        info.concat()
    ))
}

fn respond() -> TestResponse {
    let sp = sp();
    let (acs, name) = (sp.assertion_consumer_service().as_ref(), sp.entity_id().as_ref());
    TestIdp::new().unsolicited(acs, name, NOW).in_response_to(Some(REQUEST))
}

fn answer() -> String {
    respond().xml()
}

/// A good answer with `more` where nobody signed it.
fn extended(more: &str) -> String {
    answer().replacen("<samlp:Status>", &format!("<samlp:Extensions>{more}</samlp:Extensions><samlp:Status>"), 1)
}

/// A good answer with `more` behind `place`, signed.
fn inserted(place: &str, more: &str) -> String {
    respond().replace_before_signing(place, &format!("{place}{more}")).xml()
}

fn form() -> String {
    String::from_utf8(respond().form()).expect("ASCII")
}

/// A query with a logout of so many sessions.
fn logout(sessions: usize, key: Option<TestKey>) -> String {
    let sessions = many(sessions, |n| format!("<p:SessionIndex>_{n}</p:SessionIndex>"));
    redirect_query("SAMLRequest", &logout_xml("LogoutRequest", &format!("<NameID>y</NameID>{sessions}")), key)
}

fn logout_xml(name: &str, inside: &str) -> String {
    format!(
        "<p:{name} xmlns:p='urn:oasis:names:tc:SAML:2.0:protocol' xmlns='{SAML}' ID='_1' Version='2.0' \
         IssueInstant='2027-01-15T08:00:00Z'><Issuer>x</Issuer>{inside}</p:{name}>"
    )
}

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";

/// A content key that nobody wrapped.
static WRAPPED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "<e:EncryptedKey><e:EncryptionMethod Algorithm='{XENC}rsa-oaep-mgf1p'/><e:CipherData><e:CipherValue>{}</e:CipherValue>\
         </e:CipherData></e:EncryptedKey>",
        STANDARD.encode([7; 256])
    )
});

/// An answer with an encrypted assertion that nobody encrypted: by GCM, because what comes of CBC under a chance key is
/// another text each time.
fn encrypted(keys: &str, content: &str) -> String {
    let answer = answer();
    let (head, _) = answer.split_once("<Assertion").expect("an assertion");
    format!(
        "{head}<EncryptedAssertion xmlns='{SAML}'><e:EncryptedData xmlns:e='{XENC}'><e:EncryptionMethod \
         Algorithm='http://www.w3.org/2009/xmlenc11#aes256-gcm'/><KeyInfo xmlns='{DS}'>{keys}</KeyInfo><e:CipherData><e:CipherValue>{content}\
         </e:CipherValue></e:CipherData></e:EncryptedData></EncryptedAssertion></samlp:Response>"
    )
}

fn bomb(bytes: usize) -> String {
    use std::io::Write as _;
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b'x'; bytes]).expect("memory");
    let message = STANDARD.encode(packed.finish().expect("memory"));
    format!("SAMLRequest={}", message.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"))
}

// ---- how they are judged ----

static SP: LazyLock<ServiceProvider> = LazyLock::new(|| {
    let base = "https://app.example/saml".parse().expect("a URL");
    let key = TestKey::ServiceProvider;
    let service = Service::new().with_decryption_key(key.decryption_key(), key.certificate()).expect("a pair");
    ServiceProvider::at(&base, TestIdp::new().identity_provider(NOW).expect("metadata")).with_service(service)
});
static ROUTES: LazyLock<Routes> =
    LazyLock::new(|| Routes::new(sp().clone(), CookieKey::new([7; 32]), MemoryReplayCache::default()));
static KEY: LazyLock<Certificate> = LazyLock::new(|| TestKey::Idp.certificate());
static MAPPING: LazyLock<Mapping> = LazyLock::new(Mapping::entra);

fn sp() -> &'static ServiceProvider {
    &SP
}

/// What a server makes once, before anything is counted.
fn start() {
    LazyLock::force(&ROUTES);
    LazyLock::force(&KEY);
    LazyLock::force(&MAPPING);
    // The first decryption of a process has aws-lc gather entropy, which takes half a billion instructions.
    judge(PostedResponse::from_fields(&STANDARD.encode(encrypted(&WRAPPED, "AAAA")), None));
}

/// The verdict. Its name is what tests/hostile.sh counts.
#[inline(never)]
fn judge_hostile_input(door: Door, input: &Input) -> &'static str {
    match door {
        Door::Message | Door::Fields => judge(PostedResponse::from_fields(&input.text, None)),
        Door::Form => judge(PostedResponse::from_form(input.text.as_bytes())),
        Door::Metadata => metadata(None, &input.text, MetadataTrust::ConfiguredByAdmin),
        Door::SignedMetadata => metadata(None, &input.text, MetadataTrust::SignedBy(&KEY)),
        Door::Federation => metadata(Some("urn:idp:0"), &input.text, MetadataTrust::ConfiguredByAdmin),
        Door::LoginCookies | Door::AnswerCookies | Door::Query | Door::Logout | Door::LogoutCookies => {
            match ROUTES.handle_at(&input.request, NOW, &SystemRandom::default()) {
                Outcome::Refused(error, _) => error.code(),
                _ => TAKEN,
            }
        }
        Door::Certificates => {
            Certificate::parse_all(input.text.as_bytes()).map_or_else(|error| error.code(), |_| TAKEN)
        }
        Door::Inflate => ReceivedRequest::from_query(&input.text).map_or("not a request", |_| TAKEN),
        Door::Table => {
            let (mapping, login) = input.mapped.as_ref().expect("a table");
            let mapped = mapping.apply(login.claims()).expect("a user");
            assert_eq!(mapped.field("roles").map(|roles| roles.values.len()), Some(input.text.lines().count()));
            TAKEN
        }
        Door::Sources | Door::Joined => {
            let (mapping, login) = input.mapped.as_ref().expect("rules");
            let told = |error: MappingError| {
                black_box(format!("{error} {}", error.hint()));
                error.code()
            };
            mapping.apply(login.claims()).map_or_else(told, |_| TAKEN)
        }
    }
}

fn judge(posted: Result<PostedResponse, entra_sso::saml::BindingError>) -> &'static str {
    let posted = match posted {
        Ok(posted) => posted,
        Err(error) => return error.code(),
    };
    let pending = danger::captured_login(sp(), REQUEST, NOW);
    match sp().judge_login(pending, &posted, NOW).and_then(|unclaimed| unclaimed.settle(Ok(()))) {
        Ok(login) => {
            let mapped = MAPPING.apply(login.claims()).expect("a user");
            assert_eq!(mapped.one("entra_object_id").unwrap_or(ADA), ADA);
            TAKEN
        }
        Err(error) => {
            // Somebody logs it.
            black_box(format!("{error} {:?}", error.hint()));
            error.code()
        }
    }
}

fn metadata(entity: Option<&str>, xml: &str, trust: MetadataTrust<'_>) -> &'static str {
    let read = match entity {
        Some(name) => {
            let name: EntityId = name.parse().expect("a name");
            IdentityProvider::from_metadata_for(&name, xml.as_bytes(), trust, NOW)
        }
        None => IdentityProvider::from_metadata(xml.as_bytes(), trust, NOW),
    };
    read.map_or_else(
        |error| {
            black_box(error.to_string());
            error.code()
        },
        |_| TAKEN,
    )
}

/// What comes in, made before anything is counted.
struct Input {
    text: String,
    request: Request,
    mapped: Option<(Mapping, Login)>,
}

impl Input {
    fn of(&(_, door, _, _, make): &Kind, size: usize) -> Self {
        let text = make(size);
        let login = request::get("/saml/login", None);
        let mapped = match door {
            Door::Table => Some((by_table(&text), login_of(&text))),
            Door::Sources => Some((by_sources(|all| all), login_of(&text))),
            Door::Joined => Some((by_sources(|all| vec![Source::Joined(all)]), login_of(&text))),
            _ => None,
        };
        match door {
            Door::Message => Self { text: STANDARD.encode(text), request: login, mapped },
            Door::LoginCookies => Self { request: Request { cookie: vec![text.clone()], ..login }, text, mapped },
            Door::AnswerCookies => {
                let body = b"SAMLResponse=AAAA&RelayState=relay".to_vec();
                Self { request: request::post(std::slice::from_ref(&text), body), text, mapped }
            }
            Door::Query => Self { request: request::get("/saml/login", Some(&text)), text, mapped },
            Door::Logout => Self { request: request::get("/saml/slo", Some(&text)), text, mapped },
            Door::LogoutCookies => {
                let status = "<p:Status><p:StatusCode Value='urn:x'/></p:Status>";
                let answer = redirect_query("SAMLResponse", &logout_xml("LogoutResponse", status), None);
                Self {
                    request: Request { cookie: vec![text.clone()], ..request::get("/saml/slo", Some(&answer)) },
                    text,
                    mapped,
                }
            }
            _ => Self { text, request: login, mapped },
        }
    }
}

/// A mapping by a table of all lines, in a case that no value has.
fn by_table(text: &str) -> Mapping {
    let (table, from) =
        (text.lines().map(|line| (line.to_ascii_uppercase(), line.into())), vec![Source::Name("roles".into())]);
    let table = Some(table.collect());
    let rule = Rule { field: "roles".into(), from, many: true, table, ignore_case: true, ..Rule::default() };
    Mapping::try_from(Rules { preset: None, rules: vec![rule] }).expect("good rules")
}

/// A mapping of as many fields, and as many sources of them, as there may be.
fn by_sources(from: fn(Vec<Source>) -> Vec<Source>) -> Mapping {
    let (name, friendly) = (Source::Name("roles".into()), Source::FriendlyName("roles".into()));
    let rule = |at| {
        let from = from(vec![name.clone(), friendly.clone(), Source::Constant("x".into())]);
        Rule { field: format!("f{at}"), from, optional: true, trim: true, ..Rule::default() }
    };
    Mapping::try_from(Rules { preset: None, rules: (0..100).map(rule).collect() }).expect("good rules")
}

/// A login with all lines as values of an attribute, which is friendly too.
fn login_of(text: &str) -> Login {
    let started = sp().start_login(ReturnTo::default(), NOW, &SystemRandom::default()).expect("a login");
    let answer = TestIdp::new().answer(&started.outgoing, NOW).expect("a request");
    let answer = answer.attribute("roles", &text.lines().collect::<Vec<_>>());
    let name = "<Attribute Name=\"roles\"";
    let posted = answer.replace_before_signing(name, &format!("{name} FriendlyName=\"roles\"")).posted();
    let unclaimed = sp().judge_login(started.pending, &posted, NOW).expect("a good answer");
    unclaimed.settle(Ok(())).expect("a login")
}

// ---- how they are counted ----

/// Bytes in use at once, for each byte that comes in: an element of four bytes is a node of 48, and a list of nodes that
/// grows is there twice for a moment.
const PEAK: u64 = 40;
/// Bytes allocated in all, for each byte that comes in.
const TOTAL: u64 = 80;
/// In a mapping that much for each source, of which there are so many: each may make a list of all values.
const SOURCES: u64 = 300;
/// Whatever comes in: packing a request by DEFLATE takes 320 kB, and unpacking one to its limit of 256 kB takes that and
/// its half.
const FLOOR: u64 = 1 << 20;

/// Four times the input may take four times as much, and as lists double when they grow, eight times; work that grows
/// with the square would take sixteen.
fn grows_linearly([small, middle, large]: [u64; 3], slack: u64) -> bool {
    middle <= 4 * small + slack && large <= 4 * middle + slack && large <= 8 * small + slack
}

/// What sizes are divided by: `HOSTILE_DIVISOR`. Small ones for a build without optimization, full ones for
/// tests/hostile.sh.
fn divisor() -> usize {
    std::env::var("HOSTILE_DIVISOR").map_or(10, |divisor| divisor.parse().expect("a number"))
}

#[test]
fn memory_grows_no_faster_than_what_comes_in() {
    start();
    for kind in KINDS {
        let &(name, door, expected, size, _) = kind;
        let size = size.div_ceil(divisor());
        let counted = [size, 2 * size, 4 * size].map(|size| {
            let input = Input::of(kind, size);
            let mut verdict = "";
            let count = allocation_counter::measure(|| verdict = judge_hostile_input(door, &input));
            assert_eq!(verdict, expected, "{name} ({size})");
            (u64::try_from(input.text.len()).expect("a length"), count)
        });
        let (bytes, large) = counted[2];
        println!(
            "{name:40} {bytes:9} bytes in, {:9} allocated, {:9} at once, {:6} allocations",
            large.bytes_total, large.bytes_max, large.count_total
        );
        for (bytes, count) in counted {
            // At the routes a page says so; a bomb is unpacked as far as a message may go.
            let is_copied = count.count_total != 0 && !matches!(door, Door::Logout);
            assert!(expected != "saml.message_too_large" || !is_copied, "{name} is copied first");
            assert!(count.bytes_max <= PEAK * bytes + FLOOR, "{name}: {count:?} for {bytes} bytes");
            let looks = if matches!(door, Door::Sources | Door::Joined) { SOURCES } else { 1 };
            assert!(count.bytes_total <= looks * TOTAL * bytes + FLOOR, "{name}: {count:?} for {bytes} bytes");
        }
        let of = |field: fn(&AllocationInfo) -> u64| counted.map(|(_, count)| field(&count));
        let linear = grows_linearly(of(|count| count.bytes_total), 64 << 10)
            && grows_linearly(of(|count| count.bytes_max), 64 << 10)
            && grows_linearly(of(|count| count.count_total), 64);
        assert!(linear, "{name}: {counted:#?}");
    }
}

/// 32 MiB, which an aggregate of a thousand identity providers may need; the full size only where that is quick.
#[test]
fn metadata_is_read_up_to_its_limit_and_not_looked_at_above_it() {
    const LIMIT: usize = 32 << 20;
    let known = entity(&role(&key()));
    let filled = |bytes: usize| {
        let more = format!("<!--{}--></EntityDescriptor>", "x".repeat(bytes - known.len() - "<!---->".len()));
        known.replace("</EntityDescriptor>", &more)
    };
    let read = |text: &str| {
        let mut verdict = "";
        let count = allocation_counter::measure(|| {
            verdict = metadata(None, text, MetadataTrust::ConfiguredByAdmin);
        });
        (verdict, count.bytes_max)
    };
    let (verdict, at_once) = read(&filled(LIMIT + 1));
    assert_eq!(verdict, "saml.xml_too_large");
    assert!(at_once < 1024, "{at_once}");
    if divisor() == 1 {
        let (verdict, at_once) = read(&filled(LIMIT));
        println!("{LIMIT} bytes of metadata take {at_once} bytes at once");
        assert_eq!(verdict, TAKEN);
        assert!(at_once < 50_000_000, "{at_once}");
    }
}

/// All kinds that are looked at, at three sizes, of which each is twice the one before; tests/hostile.sh has the
/// instructions of each judgement counted.
#[test]
#[ignore = "tests/hostile.sh runs it"]
fn every_kind_is_judged_for_counting() {
    start();
    for kind in KINDS.iter().filter(|(_, _, expected, ..)| *expected != "saml.message_too_large") {
        let &(name, door, expected, size, _) = kind;
        for size in [1, 2, 4].map(|times| times * size.div_ceil(divisor())) {
            let input = Input::of(kind, size);
            println!("judged {}\t{name}", input.text.len());
            assert_eq!(judge_hostile_input(door, &input), expected, "{name} ({size})");
        }
    }
}
