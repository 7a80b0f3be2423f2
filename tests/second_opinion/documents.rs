//! Answers in many shapes: prefixes, places of declarations, prefix lists, algorithms, white space, ways to write text.

use crate::library::{Key, sign};
use crate::{ACS, AUDIENCE, DS, ENTITY_ID, SAML, SAMLP};

const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const XS: &str = "http://www.w3.org/2001/XMLSchema";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

macro_rules! key {
    ($private:literal, $certificate:literal) => {
        Key { private: include_bytes!($private), certificate: include_bytes!($certificate) }
    };
}

/// RSA with 2048 bits, P-256 and P-384.
pub(crate) static KEYS: [Key; 3] = [
    key!("../../src/testing/idp.key.der", "../../src/testing/idp.cert.der"),
    key!("keys/p256.key.der", "keys/p256.cert.der"),
    key!("keys/p384.key.der", "keys/p384.cert.der"),
];

/// What each key signs with, and URIs of digests; the last of each is one that we refuse.
pub(crate) const METHODS: [&[&str]; 3] = [
    &[
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    ],
    &["http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"],
    &["http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"],
];
pub(crate) const DIGESTS: [&str; 4] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
    "http://www.w3.org/2000/09/xmldsig#sha1",
];

/// Ways to write an attribute's value; none is empty, because an edit looks for text.
const TEXTS: [&str; 12] = [
    "Ada",
    "Ada &amp; Eve &lt;3",
    "&#x41;da&#13;",
    "zwölf \u{1F600}",
    "<![CDATA[a <b> & c]]>",
    "a<![CDATA[]]>b",
    "x ]]&gt; y > z",
    "tab\tline\nend",
    "  spaced  ",
    "\"quoted\" 'twice'",
    "line\r\nline\rline",
    "&#9;&#10;&#x20;",
];
const ATTRIBUTE_VALUES: [&str; 5] =
    ["plain", "a&#10;b&#9;c&#13;", "two\nlines\tand", "&lt;&quot;&amp;'>", "é&#x1F600;"];
const SPACES: [&str; 8] = ["", "", "\n", "\n    ", "\r\n\t", " ", "<!-- said -->", "\n<!---->\n"];
const PROLOGUES: [&str; 5] = [
    "",
    "",
    "<?xml version=\"1.0\"?>",
    "<?xml version='1.0' encoding='utf-8' standalone=\"yes\"?>\r\n",
    "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- first -->\n",
];

/// Numbers that only look random (`SplitMix64`), so that each document can be made again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).expect("64 bits");
        usize::try_from(self.next() % limit).expect("below a usize")
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of.get(self.below(of.len())).expect("one of them").clone()
    }
}

/// How an answer is written and signed.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Prefixes of the protocol, of assertions and of signatures; empty for the default namespace.
    pub(crate) prefixes: [&'static str; 3],
    /// Whether the latter two are declared at the response, where they can be.
    pub(crate) hoisted: [bool; 2],
    /// Where `xs` and `xsi` are declared: at the response, the assertion, the value, or nowhere.
    pub(crate) types: usize,
    /// Declarations that nothing uses: at the response, the assertion, the subject, an attribute.
    pub(crate) noise: [String; 4],
    /// What is signed: the response, the assertion.
    pub(crate) signed: [bool; 2],
    pub(crate) key: usize,
    pub(crate) method: &'static str,
    pub(crate) digest: &'static str,
    /// The algorithm of `CanonicalizationMethod` and of the second transform.
    pub(crate) c14n: [&'static str; 2],
    /// The `PrefixList` of each; empty for none.
    pub(crate) lists: [String; 2],
    /// In the signatures of the response and of the assertion.
    pub(crate) key_info: [String; 2],
    /// Content of the attribute `displayname`, in XML.
    pub(crate) value: String,
    /// An attribute's value, in XML.
    pub(crate) friendly_name: &'static str,
    /// In the response before its status, in XML.
    pub(crate) extensions: String,
    /// Additional attributes of the assertion, in XML.
    pub(crate) attributes: String,
    pub(crate) prologue: &'static str,
}

impl Shape {
    /// As Entra writes it.
    pub(crate) fn entra() -> Self {
        Self {
            prefixes: ["samlp", "", ""],
            hoisted: [false, false],
            types: 3,
            noise: Default::default(),
            signed: [false, true],
            key: 0,
            method: METHODS[0][0],
            digest: DIGESTS[0],
            c14n: [EXC_C14N; 2],
            lists: Default::default(),
            key_info: Default::default(),
            value: "Ada Lovelace".to_owned(),
            friendly_name: "",
            extensions: String::new(),
            attributes: String::new(),
            prologue: "",
        }
    }

    pub(crate) fn random(dice: &mut Dice) -> Self {
        let prefixes = [
            dice.pick(&["samlp", "samlp", "saml2p", "p", ""]),
            dice.pick(&["saml", "saml2", "a", "", ""]),
            dice.pick(&["ds", "dsig", "", ""]),
        ];
        let key = dice.pick(&[0, 0, 0, 1, 2]);
        // Mostly what we accept, and now and then what only the library does.
        let accepted = METHODS[key].len() - 1;
        let method = if dice.one_in(40) { METHODS[key][accepted] } else { METHODS[key][dice.below(accepted)] };
        let digest = if dice.one_in(40) { DIGESTS[3] } else { DIGESTS[dice.below(3)] };
        let c14n = |dice: &mut Dice| match dice.below(100) {
            0 => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
            1 => "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
            2 => "http://www.w3.org/2006/12/xml-c14n11",
            _ => EXC_C14N,
        };
        let c14n = [c14n(dice), c14n(dice)];
        let list = |dice: &mut Dice, c14n| {
            let names = ["xs", "xsi", "u", "v", "#default", "nowhere", "xml", prefixes[0], prefixes[1], prefixes[2]];
            let count = if dice.one_in(2) && c14n == EXC_C14N { dice.below(4) } else { 0 };
            let separator = dice.pick(&[" ", "\n", "\t"]); // never two: see `the_library_has_faults_of_its_own`
            let names: Vec<_> = (0..count).map(|_| dice.pick(&names)).filter(|name| !name.is_empty()).collect();
            names.join(separator)
        };
        let lists = [list(dice, c14n[0]), list(dice, c14n[1])];
        let noise = [(); 4].map(|()| noise(dice, &prefixes));
        let signed = dice.pick(&[[false, true], [false, true], [true, false], [true, true]]);
        let key_info = [(); 2].map(|()| {
            dice.pick(&[
                "",
                "<KeyName>of nobody</KeyName>",
                "<X509Data><X509Certificate>AAAA</X509Certificate></X509Data>",
            ])
        });
        Self {
            prefixes,
            hoisted: [dice.one_in(2), dice.one_in(2)],
            types: dice.below(4),
            noise,
            signed,
            key,
            method,
            digest,
            c14n,
            lists,
            key_info: key_info.map(str::to_owned),
            value: dice.pick(&TEXTS).to_owned(),
            friendly_name: dice.pick(&ATTRIBUTE_VALUES),
            extensions: String::new(),
            attributes: String::new(),
            prologue: dice.pick(&PROLOGUES),
        }
    }

    /// The answer, signed by libxmlsec1.
    pub(crate) fn signed(&self, dice: &mut Dice) -> String {
        let mut xml = String::new();
        for (at, piece) in self.template().split('~').enumerate() {
            let space = if at > 0 { dice.pick(&SPACES) } else { "" };
            xml.extend([space, piece]);
        }
        sign(&xml, &KEYS[self.key])
    }

    /// With `~` where white space and comments mean nothing.
    fn template(&self) -> String {
        let [p, a, _] =
            self.prefixes.map(|prefix| if prefix.is_empty() { String::new() } else { format!("{prefix}:") });
        let hoisted = |which: usize, uri| match self.hoisted[which] && !self.prefixes[which + 1].is_empty() {
            true => declaration(self.prefixes[which + 1], uri),
            false => String::new(),
        };
        let local = |which: usize, uri| match hoisted(which, uri).is_empty() {
            true => declaration(self.prefixes[which + 1], uri),
            false => String::new(),
        };
        let (here, saml) = (declaration(self.prefixes[0], SAMLP), local(0, SAML));
        let typed = [declaration("xs", XS), declaration("xsi", XSI)].concat();
        let types = |at| if self.types == at { typed.as_str() } else { "" };
        let [response_noise, assertion_noise, subject_noise, attribute_noise] = &self.noise;
        let string = if self.types < 3 { " xsi:type=\"xs:string\"" } else { "" };
        let response_signature = self.signature(0, "_response", &local(1, DS));
        let assertion_signature = self.signature(1, "_assertion", &local(1, DS));
        let (value, friendly_name, extensions) = (&self.value, self.friendly_name, &self.extensions);
        let extensions = match extensions.is_empty() {
            true => String::new(),
            false => format!("<{p}Extensions>{extensions}</{p}Extensions>"),
        };
        format!(
            "{prologue}<{p}Response{here}{hoisted_saml}{hoisted_ds}{types_0}{response_noise} ID=\"_response\" \
             Version=\"2.0\" IssueInstant=\"2027-01-15T08:00:00Z\" Destination=\"{ACS}\" InResponseTo=\"_request\">~\
             <{a}Issuer{saml}>{ENTITY_ID}</{a}Issuer>~{response_signature}{extensions}<{p}Status>~\
             <{p}StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>~</{p}Status>~\
             <{a}Assertion{saml}{types_1}{assertion_noise} Version=\"2.0\" ID=\"_assertion\" \
             IssueInstant=\"2027-01-15T08:00:00Z\"{attributes}>~<{a}Issuer>{ENTITY_ID}</{a}Issuer>~{assertion_signature}\
             <{a}Subject{subject_noise}>~<{a}NameID>ada@contoso.example</{a}NameID>~\
             <{a}SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">~\
             <{a}SubjectConfirmationData NotOnOrAfter=\"2027-01-15T09:00:00Z\" Recipient=\"{ACS}\" \
             InResponseTo=\"_request\"/>~</{a}SubjectConfirmation>~</{a}Subject>~\
             <{a}Conditions NotBefore=\"2027-01-15T07:55:00Z\" NotOnOrAfter=\"2027-01-15T09:00:00.000Z\">\
             <{a}AudienceRestriction>~<{a}Audience>{AUDIENCE}</{a}Audience>~</{a}AudienceRestriction></{a}Conditions>~\
             <{a}AttributeStatement>~<{a}Attribute{attribute_noise} Name=\"displayname\" \
             FriendlyName=\"{friendly_name}\">~<{a}AttributeValue{types_2}{string}>{value}</{a}AttributeValue>~\
             </{a}Attribute>~</{a}AttributeStatement>~<{a}AuthnStatement AuthnInstant=\"2027-01-15T07:59:53Z\">\
             <{a}AuthnContext><{a}AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password\
             </{a}AuthnContextClassRef>~</{a}AuthnContext></{a}AuthnStatement>~</{a}Assertion></{p}Response>~",
            prologue = self.prologue,
            hoisted_saml = hoisted(0, SAML),
            hoisted_ds = hoisted(1, DS),
            types_0 = types(0),
            types_1 = types(1),
            types_2 = types(2),
            attributes = self.attributes,
        )
    }

    fn signature(&self, which: usize, id: &str, declared: &str) -> String {
        if !self.signed[which] {
            return String::new();
        }
        let d = if self.prefixes[2].is_empty() { String::new() } else { format!("{}:", self.prefixes[2]) };
        let [own, transform] = [0, 1].map(|at: usize| match self.lists[at].as_str() {
            "" => format!(" Algorithm=\"{}\"/>", self.c14n[at]),
            list => format!(
                " Algorithm=\"{}\">~<ec:InclusiveNamespaces PrefixList=\"{list}\" xmlns:ec=\"{EXC_C14N}\"/></{d}{}>",
                self.c14n[at],
                ["CanonicalizationMethod", "Transform"][at],
            ),
        });
        let key_info = match self.key_info[which].as_str() {
            "" => String::new(),
            content => format!("<KeyInfo xmlns=\"{DS}\">{content}</KeyInfo>"),
        };
        format!(
            "<{d}Signature{declared}>~<{d}SignedInfo>~<{d}CanonicalizationMethod{own}~\
             <{d}SignatureMethod Algorithm=\"{}\"/>~<{d}Reference URI=\"#{id}\">~<{d}Transforms>~\
             <{d}Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>~\
             <{d}Transform{transform}~</{d}Transforms>~<{d}DigestMethod Algorithm=\"{}\"/>~\
             <{d}DigestValue></{d}DigestValue>~</{d}Reference>~</{d}SignedInfo>~\
             <{d}SignatureValue></{d}SignatureValue>~{key_info}~</{d}Signature>",
            self.method, self.digest,
        )
    }
}

/// Declarations that no name uses, which exclusive canonicalization leaves out unless a list names them.
fn noise(dice: &mut Dice, prefixes: &[&str; 3]) -> String {
    let mut out = String::new();
    if dice.one_in(3) {
        out.push_str(&declaration("u", dice.pick(&["urn:noise:1", "urn:noise:2"])));
    }
    if dice.one_in(4) {
        out.push_str(&declaration("v", "urn:noise:&#x41;"));
    }
    // A default namespace that is in force only where no name lacks a prefix.
    if prefixes.iter().take(2).all(|prefix| !prefix.is_empty()) && dice.one_in(4) {
        out.push_str(&declaration("", dice.pick(&["", "urn:default"])));
    }
    out
}

fn declaration(prefix: &str, uri: &str) -> String {
    match prefix {
        "" => format!(" xmlns=\"{uri}\""),
        _ => format!(" xmlns:{prefix}=\"{uri}\""),
    }
}
