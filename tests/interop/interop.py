"""interop.py IDPS RUNS NAME... - signs in at real identity providers and compares our verdicts with what must come out.

IDPS is the folder with a start.sh and a login.py for each identity provider, RUNS an empty folder for what they
write, NAME the identity providers. SP_MESSAGES and INSPECT name our two programs. Started by interop.sh, which
installs what is needed and stops the servers.

KEEP, if it is set, names a folder that gets what inspect was asked wherever its answer was wrong. inspect judges every
line with a fresh replay cache, so a second use of an answer is not asked about here: see ../browser_idp.py.
"""
import base64
import datetime
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import traceback
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

IDPS, RUNS = (os.path.abspath(a) for a in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
BASE = "http://127.0.0.1:9900/saml"
ENTITY_ID, ACS = BASE + "/metadata", BASE + "/acs"
NS = {"p": "urn:oasis:names:tc:SAML:2.0:protocol", "a": "urn:oasis:names:tc:SAML:2.0:assertion",
      "m": "urn:oasis:names:tc:SAML:2.0:metadata", "d": "http://www.w3.org/2000/09/xmldsig#"}
RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
NAME = "alice@example.org"
ODD_NAME = "zoë.o'neil+\"a\"&<b>]]>@example.org"

# What is tried at every identity provider, and what must come of it: we accept (OK), the identity provider itself
# refuses (THEY), or we refuse with this code.
OK, THEY = "ok", "they"
COLUMNS = {
    "metadata": ("its metadata is read", OK),
    "redirect": ("login, our request by Redirect", OK),
    "post": ("login, our request by POST", OK),
    "signed redirect": ("login, our signed request by Redirect, checked", OK),
    "signed post": ("login, our signed request by POST, checked", OK),
    "bad redirect": ("signed request by Redirect, changed", THEY),
    "bad post": ("signed request by POST, changed", THEY),
    "bare redirect": ("unsigned request by Redirect, though signed ones are wanted", THEY),
    "bare post": ("unsigned request by POST, though signed ones are wanted", THEY),
    "assertion": ("only the assertion signed", OK),
    "response": ("only the response signed", OK),
    "both": ("both signed", OK),
    "sha384": ("signed with SHA-384", OK),
    "sha512": ("signed with SHA-512", OK),
    "odd name": ("a name full of markup", OK),
    "allowed": ("begun by the identity provider, allowed", OK),
    "unsolicited": ("begun by the identity provider", "saml.unsolicited"),
    "answer unasked": ("answer to a request, taken for one begun there", "saml.in_response_to_mismatch"),
    "unasked answer": ("begun there, taken for the answer to our request", "saml.in_response_to_mismatch"),
    "other request": ("answer to another request of ours", "saml.in_response_to_mismatch"),
    "pinned": ("trust in its certificate instead of its metadata", OK),
    "other key": ("trust in another certificate", "saml.unknown_signing_key"),
    "other idp": ("trust in another identity provider of this table", "saml.issuer_mismatch"),
    "other name": ("trust in its key under another name", "saml.issuer_mismatch"),
    "audience": ("judged by another service provider", "saml.audience_mismatch"),
    "acs": ("delivered to another address of ours", "saml.destination_mismatch"),
    "late": ("two days too late", "saml.expired"),
    "early": ("an hour too early, whatever the dates of the certificate", "saml.not_yet_valid"),
    "certificate": ("an hour too early, when there was no certificate yet", "saml.certificate_not_valid"),
    "changed": ("the name changed, in every login that was accepted", "saml.digest_mismatch"),
    "stripped": ("the signatures taken out", "saml.signature_missing"),
    "unsigned": ("nothing signed", "saml.signature_missing"),
    "sha1": ("signed with SHA-1", "saml.sha1_not_allowed"),
    "sha1 allowed": ("signed with SHA-1, allowed for it", OK),
}
NO_SHA384 = "it does not know RSA with SHA-384"
ALWAYS_SIGNS = "it signs the assertion, always"


class Kind:
    """What one sort of identity provider is told, and what it cannot do: {column: reason}."""

    usual, cannot, restarts = "a", {}, False
    alice, odd = (NAME, "secret"), (ODD_NAME, "secret")
    refusal = None  # what its page says when it refuses a request for its signature
    environment = {}

    @classmethod
    def begin(cls, p, browser):
        """The page of an answer that nobody asked for, by the form that it shows to people."""
        return browser.post(urllib.parse.urljoin(p.sso, "/login"), {"username": NAME, "password": "secret"})


class Pysaml2(Kind):
    name, refusal = "pysaml2", "IncorrectlySigned"
    environment = {"PYTHONPATH": HERE + "/pysaml2:" + HERE}

    @staticmethod
    def options(signed, algorithm, check):
        return {"sign_response": "r" in signed, "sign_assertion": "a" in signed, "sig": algorithm, "check_requests": check}

    @staticmethod
    def begin(p, browser):
        p.tell({**Pysaml2.options("a", "sha256", False), "in_response_to": None})
        fields = {"id": "none", "sp": ENTITY_ID, "username": NAME, "password": "secret"}
        return browser.post(urllib.parse.urljoin(p.sso, "/login"), fields)


class SimpleSamlPhp(Kind):
    name, alice, odd, refusal = "simplesamlphp", ("alice", "secret"), ("zoe", "secret"), "Unable to validate signature|no signature found"
    users = {"alice:secret": {"uid": ["alice"], "mail": [NAME], "groups": ["staff", "admins"]},
             "zoe:secret": {"uid": ["zoe"], "mail": [ODD_NAME], "displayName": ["Bjørn \"Bob\" <O'Neil> & Søn"]}}

    @staticmethod
    def options(signed, algorithm, check):
        return {"saml20.sign.response": "r" in signed, "saml20.sign.assertion": "a" in signed,
                "signature.algorithm": RSA_SHA1 if algorithm == "sha1" else RSA + algorithm,
                "validate.authnrequest": check, "redirect.validate": check}

    @staticmethod
    def begin(p, browser):
        browser.unsolicited = p.sign_in(p.sso + "?" + urllib.parse.urlencode({"spentityid": ENTITY_ID}), *p.kind.alice, session=browser)


class LemonLdap(Kind):
    name, alice, odd, usual = "lemonldap", ("alice", "alice"), ("zoe", "zoe"), "ra"
    refusal = 'trmsg="57"'  # PE_SAML_SIGNATURE_ERROR
    restarts = True  # it reads its options when it starts
    users = {"alice": {"uid": "alice", "mail": NAME, "cn": "Alice Example", "groups": ["staff", "admins"]},
             "zoe": {"uid": "zoe", "mail": ODD_NAME, "cn": "Bjørn \"Bob\" <O'Neil> & Søn", "groups": ["staff"]}}
    cannot = {"response": ALWAYS_SIGNS, "unsigned": ALWAYS_SIGNS}

    @staticmethod
    def options(signed, algorithm, check):
        return {"samlSPMetaDataOptionsSignSSOMessage": int("r" in signed), "samlServiceSignatureMethod": "RSA_" + algorithm.upper(),
                "samlSPMetaDataOptionsCheckSSOMessageSignature": int(check)}

    @staticmethod
    def begin(p, browser):
        browser.unsolicited = p.sign_in(p.sso + "?IDPInitiated=1&spConfKey=sp", *p.kind.alice, session=browser)


class Samlp(Kind):
    name, refusal = "samlp", "Signature check errors|MUST be signed"
    environment = {"NODE_OPTIONS": '--require "%s/node.cjs"' % HERE}
    cannot = {"sha384": "it knows RSA with SHA-1 and SHA-256", "sha512": "it knows RSA with SHA-1 and SHA-256"}

    @staticmethod
    def options(signed, algorithm, check):
        return {"signResponse": "r" in signed, "signAssertion": "a" in signed, "signatureAlgorithm": "rsa-" + algorithm,
                "digestAlgorithm": algorithm, "check_requests": check}


class Samlify(Kind):
    name, refusal = "samlify", "SIGNATURE|SIG_ALG"
    environment = {"NODE_OPTIONS": '--require "%s/node.cjs"' % HERE}
    cannot = {"sha384": NO_SHA384, "unsigned": "it signs the response when it does not sign the assertion"}

    @staticmethod
    def options(signed, algorithm, check):
        return {"signResponse": "r" in signed, "signAssertion": "a" in signed, "sig": algorithm, "check_requests": check}


class Lasso(Kind):
    name, usual, refusal = "lasso", "ra", r"^Ds\w+Error"
    environment = {"PYTHONPATH": HERE + "/lasso:" + HERE, "INTEROP_SP": ENTITY_ID}
    cannot = {"response": ALWAYS_SIGNS, "unsigned": ALWAYS_SIGNS}

    @staticmethod
    def options(signed, algorithm, check):
        return {"sign_response": "r" in signed, "sig": "RSA_" + algorithm.upper(), "check_requests": check}

    @staticmethod
    def begin(p, browser):
        return browser.post(urllib.parse.urljoin(p.sso, "/login"), {"message": "begin", "username": NAME, "password": "secret"})


KINDS = {kind.name: kind for kind in (Pysaml2, SimpleSamlPhp, LemonLdap, Samlp, Samlify, Lasso)}


class NoAnswer(Exception):
    """The identity provider shows a page without an answer for us."""


class Browser(requests.Session):
    """A session that keeps the last page, and whose first GET is a POST if it is given the fields of a form."""

    def __init__(self, fields=None):
        super().__init__()
        self.trust_env = False  # no proxy stands between us and loopback
        self.fields, self.page, self.unsolicited = fields, "", None

    def get(self, url, **how):
        fields, self.fields = self.fields, None
        return self.post(url, fields) if fields else super().get(url, **how)

    def request(self, *what, **how):
        answer = super().request(*what, timeout=60, **how)
        self.page = answer.text
        return answer


def sp_messages(*arguments):
    done = subprocess.run([os.environ["SP_MESSAGES"], *arguments, "--base", BASE], capture_output=True, text=True)
    if done.returncode:
        sys.exit("interop: sp_messages %s failed:\n%s" % (" ".join(arguments), done.stderr))
    return done.stdout.strip(), done.stderr


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rfc3339(**later):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Provider:
    """One running identity provider, the cases that are to be judged, and what came of them."""

    def __init__(self, kind):
        self.kind, self.run = kind, os.path.join(RUNS, kind.name)
        self.folder, self.port, self.told = os.path.join(IDPS, kind.name), free_port(), None
        self.cases, self.results, self.failures = [], {column: [] for column in COLUMNS}, []
        self.first = self.browser = None
        os.makedirs(self.run)
        if hasattr(kind, "users"):
            write(self.run + "/users.json", json.dumps(kind.users))
        self.sp_metadata, _ = sp_messages("metadata", "--sign")
        write(self.run + "/our-metadata.xml", self.sp_metadata)
        where = self.start()
        self.entity, self.sso, self.metadata = where["entity"], where["sso"], self.run + "/idp-metadata.xml"
        with urllib.request.urlopen(where["metadata"]) as page:
            write(self.metadata, page.read().decode())
        spec = importlib.util.spec_from_file_location(kind.name + "_login", self.folder + "/login.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def start(self):
        started = subprocess.run([self.folder + "/start.sh", str(self.port), self.run + "/our-metadata.xml", self.run],
                                 stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL,
                                 env={**os.environ, "INTEROP_RUN": self.run, **self.kind.environment,
                                      "NODE_DIR": os.path.join(os.environ["NODE_CACHE"], self.kind.name)})
        words = started.stdout.split()
        return dict(zip(words[::2], words[1::2]))

    def stop(self):
        subprocess.run([IDPS + "/common/stop.sh", self.run], check=True)

    def sign_in(self, url, user, password, session):
        form = self.module.login(url, user, password, session=session)
        if form is None:
            raise NoAnswer
        return form

    def can(self, column):
        return column not in self.kind.cannot

    def tell(self, options):
        if options == self.told:
            return
        write(self.run + "/options.json", json.dumps(options))
        if self.kind.restarts:
            self.stop()
            self.start()
        self.told = options

    def configure(self, signed, algorithm="sha256", check=False):
        # SimpleSAMLphp signs assertions and wants signed requests whenever our metadata says so, and reads it from
        # this file every time: it must say what this case is about.
        text = self.sp_metadata
        for attribute, value in (("WantAssertionsSigned", "a" in signed), ("AuthnRequestsSigned", check)):
            text, found = re.subn(attribute + r'="\w+"', '%s="%s"' % (attribute, str(value).lower()), text)
            assert found == 1, "our metadata does not say " + attribute
        if self.kind.restarts:
            write(self.run + "/our-metadata.xml", text)  # start.sh copies it
        else:
            write(self.run + "/sp.xml", text)
        self.tell(self.kind.options(signed, algorithm, check))

    def request(self, binding="redirect", sign=False, damage=False):
        """Asks for a request; returns its ID, its RelayState, and the URL or the fields of the form."""
        arguments = ["authn-request", "--url"] if binding == "redirect" else ["authn-request-post"]
        out, told = sp_messages(*arguments, "--idp-metadata", self.metadata, *(["--sign"] if sign else []))
        told = json.loads(told.strip().splitlines()[-1])
        if binding == "redirect":
            if sign:
                self.check_redirect_signature(out)
            if damage:
                out, found = re.subn("(&RelayState=[^&]+)", r"\1x", out)
                assert found == 1, "no RelayState to change"
            return told["request_id"], told["relay_state"], out, None
        assert ("SignatureValue" in out) == sign, "the request to be posted is signed otherwise than asked"
        if damage:
            out, found = re.subn(r'(IssueInstant="[^"]*:\d)(\d)', lambda m: m[1] + str((int(m[2]) + 1) % 10), out)
            assert found == 1
        fields = {"SAMLRequest": base64.b64encode(out.encode()).decode(), "RelayState": told["relay_state"]}
        return told["request_id"], told["relay_state"], self.sso, fields

    def check_redirect_signature(self, url):
        """Bindings 3.4.4.1 with another library than ours: the certificate of our metadata fits the raw query."""
        query = urllib.parse.urlsplit(url).query
        covered, signature = re.fullmatch(r"(?:.*&)?(SAMLRequest=[^&]+(?:&RelayState=[^&]*)?&SigAlg=[^&]+)&Signature=([^&]+)", query).groups()
        assert urllib.parse.unquote(covered.split("SigAlg=")[1]) == RSA + "sha256", covered
        certificate = ET.fromstring(self.sp_metadata).find(".//m:KeyDescriptor[@use='signing']//d:X509Certificate", NS)
        key = x509.load_der_x509_certificate(base64.b64decode(certificate.text)).public_key()
        key.verify(base64.b64decode(urllib.parse.unquote(signature), validate=True), covered.encode(),
                   padding.PKCS1v15(), hashes.SHA256())

    def login(self, user, **request):
        """A whole login; returns the request's ID and the response's XML."""
        request_id, relay_state, url, fields = self.request(**request)
        self.browser = Browser(fields)
        form = self.sign_in(url, *user, session=self.browser)
        assert form["action"] == ACS, form["action"]
        assert form.get("RelayState") == relay_state, "RelayState came back changed"
        return request_id, base64.b64decode(form["SAMLResponse"]).decode()

    def begin(self):
        """An answer that nobody asked for."""
        browser = Browser()
        page = self.kind.begin(self, browser)
        if page is not None:
            page.raise_for_status()
            browser.unsolicited = self.module.saml_form(page.text)
        assert browser.unsolicited["action"] == ACS, browser.unsolicited
        return base64.b64decode(browser.unsolicited["SAMLResponse"]).decode()

    def judge(self, column, xml, same_as=None, **fields):
        """Remembers a response to be judged; `same_as` is the document whose content must come out."""
        question = {"kind": "response", "text": base64.b64encode(xml.encode()).decode(), "encoding": "base64",
                    "binding": "post", "idp_metadata_file": self.metadata, "sp_entity_id": ENTITY_ID, "acs_url": ACS,
                    "now": rfc3339(), **fields}
        self.cases.append((column, {k: v for k, v in question.items() if v is not ...}, same_as))

    def accept(self, columns, user, signed, algorithm="sha256", **request):
        """A login that must be accepted, and must not be once its name is changed."""
        self.configure(signed, algorithm, check=request.get("sign", False))
        request_id, xml = self.login(user, **request)
        has = {"r": ET.fromstring(xml).find("d:Signature", NS), "a": ET.fromstring(xml).find("a:Assertion/d:Signature", NS)}
        assert {k for k, v in has.items() if v is not None} == set(signed), "%s: signed otherwise than asked" % columns
        assert RSA + algorithm in xml, algorithm
        for column in columns:
            self.judge(column, xml, same_as=xml, in_response_to=request_id)
        self.judge("changed", change_name_id(xml), in_response_to=request_id)
        return request_id, xml

    def must_not_log_in(self, column, **request):
        """A request that the identity provider refuses: so it did look at our signatures before."""
        self.configure(self.kind.usual, check=True)
        try:
            self.login(self.kind.alice, **request)
            refused = False
        except (requests.HTTPError, NoAnswer, StopIteration):  # StopIteration: a page without the form to sign in
            refused = bool(re.search(self.kind.refusal, self.browser.page))
        except AssertionError:  # an answer, though not as it should be
            refused = False
        self.result(column, refused, "not refused for its signature: %s" % self.browser.page[:9000])

    def result(self, column, good, why):
        self.results[column].append(good)
        if not good:
            self.failures.append("%s: %s: %s" % (self.kind.name, COLUMNS[column][0], why))

    def finish(self):
        lines = "".join(json.dumps({"id": i, **question}) + "\n" for i, (_, question, _) in enumerate(self.cases))
        out = subprocess.run([os.environ["INSPECT"], "--jsonl"], input=lines, stdout=subprocess.PIPE, text=True, check=True)
        answers = [json.loads(line) for line in out.stdout.splitlines()]
        assert [a["id"] for a in answers] == list(range(len(self.cases))), "inspect lost a line: %s" % out.stdout[:2000]
        for (column, question, same_as), answer in zip(self.cases, answers):
            expected = COLUMNS[column][1]
            if expected == OK:
                wrong = [] if answer["verdict"] == "accept" else ["not accepted"]
                if same_as and not wrong:
                    wrong = differences(content(same_as), answer)
            else:
                wrong = [] if (answer["verdict"], answer.get("code")) == ("reject", expected) else ["not refused with " + expected]
                if not wrong and not answer.get("message"):
                    wrong = ["a refusal without a message"]
            keep = {k: v for k, v in answer.items() if k in ("verdict", "code", "message", "name_id", "attributes")}
            self.result(column, not wrong, "; ".join(wrong) + "\n    " + json.dumps(keep))
            if wrong and os.environ.get("KEEP"):
                write("%s/%s-%s.json" % (os.environ["KEEP"], self.kind.name, column.replace(" ", "-")), json.dumps(question))
        for column in COLUMNS:
            if bool(self.results[column]) == (column in self.kind.cannot):
                self.failures.append("%s: %s: %s" % (self.kind.name, COLUMNS[column][0], "done though it cannot be"
                                                     if self.results[column] else "left out without a reason"))


def change_name_id(xml):
    """The same document with the first letter of the NameID replaced."""
    changed, found = re.subn(r"(<(?:\w+:)?NameID\b[^>]*>)([a-z])", lambda m: m[1] + ("b" if m[2] != "b" else "c"), xml)
    assert found == 1, "no NameID to change"
    return changed


def content(xml):
    """What another XML parser reads in the response: the fields of an answer of inspect."""
    assertion = ET.fromstring(xml).find("a:Assertion", NS)
    name_id = assertion.find("a:Subject/a:NameID", NS)
    return {"issuer": assertion.find("a:Issuer", NS).text,
            "name_id": {"value": name_id.text, "format": name_id.get("Format")},
            "session_index": assertion.find("a:AuthnStatement", NS).get("SessionIndex"),
            "attributes": {a.get("Name"): [v.text or "" for v in a.findall("a:AttributeValue", NS)]
                           for a in assertion.iterfind("a:AttributeStatement/a:Attribute", NS)}}


def differences(expected, answer):
    return ["%s is %s, not %s" % (k, json.dumps(answer.get(k)), json.dumps(v)) for k, v in expected.items() if answer.get(k) != v]


def must_be_alice(xml):
    """The person that the identity provider was told of, by name and by attribute."""
    found = content(xml)
    assert found["name_id"]["value"] == NAME, found
    assert [NAME] in found["attributes"].values(), found


def cases(p):
    alice, usual = p.kind.alice, p.kind.usual
    p.cases.append(("metadata", {"kind": "metadata", "file": p.metadata, "encoding": "xml", "now": rfc3339()}, None))

    request_id, xml = p.accept(["redirect"], alice, usual)
    must_be_alice(xml)
    p.first = request_id, xml
    other = p.request()[0]
    assert other != request_id
    p.judge("other request", xml, in_response_to=other)
    p.judge("answer unasked", xml, in_response_to=None, allow_unsolicited=True)
    p.judge("audience", xml, in_response_to=request_id, sp_entity_id="http://127.0.0.1:9901/saml/metadata")
    p.judge("acs", xml, in_response_to=request_id, acs_url=ACS + "2")
    p.judge("late", xml, in_response_to=request_id, now=rfc3339(days=2))
    p.judge("early", xml, in_response_to=request_id, now=rfc3339(hours=-1), allow_expired_certificate=True)
    p.judge("certificate", xml, in_response_to=request_id, now=rfc3339(hours=-1))
    subprocess.run([IDPS + "/common/mkkeys.sh", p.run, "stranger"], check=True)
    p.judge("other key", xml, in_response_to=request_id, idp_metadata_file=..., idp_cert_file=p.run + "/stranger.crt",
            idp_entity_id=p.entity)
    p.judge("pinned", xml, same_as=xml, in_response_to=request_id, idp_metadata_file=..., idp_cert_file=p.run + "/idp.crt",
            idp_entity_id=p.entity)
    p.judge("other name", xml, in_response_to=request_id, idp_metadata_file=..., idp_cert_file=p.run + "/idp.crt",
            idp_entity_id=p.entity + "/")
    stripped, found = re.subn(r"(?s)<(?:\w+:)?Signature[ >].*?</(?:\w+:)?Signature>", "", xml)
    assert found == len(usual), "%d signatures taken out" % found
    p.judge("stripped", stripped, in_response_to=request_id)

    _, xml = p.accept(["post"], alice, usual, binding="post")
    must_be_alice(xml)
    _, xml = p.accept(["odd name"], p.kind.odd, usual)
    assert content(xml)["name_id"]["value"] == ODD_NAME, content(xml)
    for column, signed in (("assertion", "a"), ("response", "r"), ("both", "ra")):
        if p.can(column):
            p.accept([column], alice, signed)

    p.configure(usual)
    xml = p.begin()
    must_be_alice(xml)
    assert "InResponseTo" not in xml
    p.judge("allowed", xml, same_as=xml, in_response_to=None, allow_unsolicited=True)
    p.judge("unsolicited", xml, in_response_to=None)
    p.judge("unasked answer", xml, in_response_to=other, allow_unsolicited=True)

    p.accept(["signed redirect"], alice, usual, sign=True)
    p.accept(["signed post"], alice, usual, binding="post", sign=True)
    p.must_not_log_in("bad redirect", sign=True, damage=True)
    p.must_not_log_in("bad post", binding="post", sign=True, damage=True)
    p.must_not_log_in("bare redirect")
    p.must_not_log_in("bare post", binding="post")

    for algorithm in ("sha384", "sha512"):
        if p.can(algorithm):
            p.accept([algorithm], alice, "ra", algorithm)
    p.configure(usual, "sha1")
    request_id, xml = p.login(alice)
    assert RSA_SHA1 in xml
    p.judge("sha1", xml, in_response_to=request_id)
    p.judge("sha1 allowed", xml, same_as=xml, in_response_to=request_id, allow_sha1=True)
    if p.can("unsigned"):
        p.configure("")
        request_id, xml = p.login(alice)
        assert "SignatureValue" not in xml
        p.judge("unsigned", xml, in_response_to=request_id)


def print_table(providers):
    reasons = []
    wide = max(len(p.kind.name) for p in providers)
    print("\n%-*s  %s" % (wide, "", " ".join("%3d" % (i + 1) for i in range(len(COLUMNS)))))
    for p in providers:
        cells = []
        for column, (_, expected) in COLUMNS.items():
            results, reason = p.results[column], p.kind.cannot.get(column)
            if not results and reason:
                if reason not in reasons:
                    reasons.append(reason)
                cells.append("–" + chr(ord("a") + reasons.index(reason)))
            else:
                cells.append("BAD" if not results or not all(results) else "ok" if expected == OK else "ref")
        print("%-*s  %s" % (wide, p.kind.name, " ".join("%3s" % cell for cell in cells)))
    print("\nok: accepted, with the name and the attributes that another parser reads; ref: refused, by whom and how stands here")
    for number, (title, expected) in enumerate(COLUMNS.values(), 1):
        print("%3d  %s%s" % (number, title, "" if expected == OK else ": by the identity provider" if expected == THEY else ": " + expected))
    for number, reason in enumerate(reasons):
        print(" –%s  %s" % (chr(ord("a") + number), reason))


def main():
    providers = []
    for name in sys.argv[3:]:
        begun = time.time()
        provider = Provider(KINDS[name])
        try:
            cases(provider)
        except Exception:  # the others are tried all the same, and what is missing here counts as a failure
            provider.failures.append("%s: its cases ended with\n%s" % (name, traceback.format_exc()))
            page = provider.browser.page if provider.browser else ""
            print("interop: %s: the last page:\n%s\nand the log:\n%s" % (name, page[:3000], read(provider.run + "/log")[-3000:]))
        provider.stop()
        providers.append(provider)
        print("interop: %-14s %d answers to be judged, in %d s" % (name, len(provider.cases), time.time() - begun), flush=True)
    for p, other in zip(providers, providers[1:] + providers[:1]):
        if p is other:
            p.kind.cannot = {**p.kind.cannot, "other idp": "only this identity provider was started"}
        elif p.first:
            request_id, xml = p.first
            p.judge("other idp", xml, in_response_to=request_id, idp_metadata_file=other.metadata)
        p.finish()
    print_table(providers)
    failures = [failure for p in providers for failure in p.failures]
    passed = sum(sum(results) for p in providers for results in p.results.values())
    for failure in failures:
        print("interop: FAILED %s" % failure)
    print("\ninterop: %d identity providers: %s" % (len(providers), ", ".join(p.kind.name for p in providers)))
    print("interop: %d passed, %d failed" % (passed, len(failures)))
    sys.exit(bool(failures) or passed < 35 * len(providers))


main()
