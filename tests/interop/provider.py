"""The identity providers: what each is told, how one is started, asked for a login, and judged by examples/inspect."""
import base64
import datetime
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
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
ENTITY_ID, ACS, SLO = BASE + "/metadata", BASE + "/acs", BASE + "/slo"
NS = {"p": "urn:oasis:names:tc:SAML:2.0:protocol", "a": "urn:oasis:names:tc:SAML:2.0:assertion",
      "m": "urn:oasis:names:tc:SAML:2.0:metadata", "d": "http://www.w3.org/2000/09/xmldsig#"}
RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
XMLENC, XMLENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
NAME = "alice@example.org"
ODD_NAME = "zoë.o'neil+\"a\"&<b>]]>@example.org"

# What must come of a case, if not a refusal of ours with a code: we accept, or the identity provider itself refuses.
OK, THEY = "ok", "they"
# Reasons for what several cannot do.
ALWAYS_SIGNS = "it signs the assertion, always"
NO_NAMES = "it does not encrypt names alone"
ONE_CIPHER = "it encrypts with AES-128-CBC and RSA-OAEP only"
OTHER_CIPHERS = "aes128-gcm, aes192-gcm, aes256-gcm, aes192-cbc, aes256-cbc, 3des, rsa15, enc bare gcm"
NO_AES192 = "it does not know AES-192"
ENCRYPTS_LAST = "it signs the response when everything in it is encrypted"
ALWAYS_OUT = "it always answers that it signed the person out"


def why(columns_of):
    """{reason: columns} turned round."""
    return {column: reason for reason, columns in columns_of.items() for column in columns.split(", ")}


def cipher_uri(cipher):
    return (XMLENC11 if "gcm" in cipher else XMLENC) + {"3des-cbc": "tripledes-cbc"}.get(cipher, cipher)


class Kind:
    """What one sort of identity provider is told, and what it cannot do: {column: reason}."""

    usual, cannot, restarts = "a", {}, False
    alice, odd = (NAME, "secret"), (ODD_NAME, "secret")
    refusal = None  # what its page says when it refuses a request for its signature
    logout_refusal = None  # and a logout message, if not the same
    environment = {}
    slo_by_metadata = False  # whether our metadata says how it is to send logout messages
    usual_cipher, hides_name = "aes128-gcm", False  # what it encrypts with; whether an encrypted name is another one
    costly = False  # whether a logout that it refuses leaves its session behind
    signed_out = "^signed out$"  # the page that shows that it has taken the answer to its logout

    @staticmethod
    def logout_options(check, post):
        return {"slo_by_post": post}

    @classmethod
    def begin_logout(cls, p, login):
        """Where a browser begins a logout of this login there."""
        fields = {"sp": ENTITY_ID, "name": login["name_id"]["value"], "index": login["session_index"] or "", "rs": "rs&1"}
        return urllib.parse.urljoin(p.sso, "/logout") + "?" + urllib.parse.urlencode(fields)

    @classmethod
    def begin(cls, p, browser):
        """The page of an answer that nobody asked for, by the form that it shows to people."""
        return browser.post(urllib.parse.urljoin(p.sso, "/login"), {"username": NAME, "password": "secret"})


class Pysaml2(Kind):
    name, refusal, logout_refusal = "pysaml2", "IncorrectlySigned", "IncorrectlySigned|SignatureError"
    environment = {"PYTHONPATH": HERE + "/pysaml2:" + HERE}
    cannot = why({NO_NAMES: "enc name, in name", ENCRYPTS_LAST: "enc late"})

    @staticmethod
    def options(signed, algorithm, check):
        return {"sign_response": "r" in signed, "sign_assertion": "a" in signed, "sig": algorithm, "check_requests": check}

    @staticmethod
    def encryption(element, cipher, key="rsa-oaep"):
        return {"enc": cipher, "key_enc": key}

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

    slo_by_metadata, signed_out, usual_cipher = True, "metadata=1", "aes128-cbc"
    cannot = why({ONE_CIPHER: OTHER_CIPHERS, ENCRYPTS_LAST: "enc late", ALWAYS_OUT: "answer failed",
                  "it says so only where another application failed": "answer partly"})

    @staticmethod
    def encryption(element, cipher):
        return {"assertion.encryption" if element == "EncryptedAssertion" else "nameid.encryption": True}

    @staticmethod
    def logout_options(check, post):
        return {"validate.logout": check}

    @staticmethod
    def begin_logout(p, login):
        back = urllib.parse.urljoin(p.sso, "/saml2/idp/metadata.php?metadata=1")
        return urllib.parse.urljoin(p.sso, "SingleLogoutService.php?ReturnTo=" + urllib.parse.quote(back))

    @staticmethod
    def begin(p, browser):
        browser.unsolicited = p.sign_in(p.sso + "?" + urllib.parse.urlencode({"spentityid": ENTITY_ID}), *p.kind.alice, session=browser)


class LemonLdap(Kind):
    name, alice, odd, usual = "lemonldap", ("alice", "alice"), ("zoe", "zoe"), "ra"
    refusal = 'trmsg="57"'  # PE_SAML_SIGNATURE_ERROR
    restarts = True  # it reads its options when it starts
    users = {"alice": {"uid": "alice", "mail": NAME, "cn": "Alice Example", "groups": ["staff", "admins"]},
             "zoe": {"uid": "zoe", "mail": ODD_NAME, "cn": "Bjørn \"Bob\" <O'Neil> & Søn", "groups": ["staff"]}}
    cannot = why({
        ALWAYS_SIGNS: "response, unsigned, enc response, enc bare cbc", ONE_CIPHER: OTHER_CIPHERS, ENCRYPTS_LAST: "enc late",
        "it shows success whatever our answer is": "in bad redirect, in bad post, in bare redirect, in bare post",
        "it leaves the name as it is, though it is told to encrypt it": "enc name, in name",
        "it shows a page of its own instead": "answer failed", ALWAYS_OUT: "answer partly",
    })
    slo_by_metadata = costly = True
    logout_refusal, usual_cipher, signed_out = "Signature is not valid", "aes128-cbc", "icons/ok.png"

    @staticmethod
    def encryption(element, cipher):
        return {"samlSPMetaDataOptionsEncryptionMode": "assertion"}

    @staticmethod
    def logout_options(check, post):
        return {"samlSPMetaDataOptionsCheckSLOMessageSignature": int(check)}

    @staticmethod
    def begin_logout(p, login):
        return urllib.parse.urljoin(p.sso, "/?logout=1")

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
    cannot = why({"it knows RSA with SHA-1 and SHA-256": "sha384, sha512", NO_NAMES: "enc name, in name",
                  NO_AES192: "aes192-gcm, aes192-cbc", "it encrypts keys with RSA-OAEP only": "rsa15",
                  ENCRYPTS_LAST: "enc late", "it says PartialLogout whatever failed": "answer failed"})

    @staticmethod
    def encryption(element, cipher):
        return {"encrypt": True, "encryptionAlgorithm": cipher_uri(cipher),
                "disallowEncryptionWithInsecureAlgorithm": False}

    @staticmethod
    def options(signed, algorithm, check):
        return {"signResponse": "r" in signed, "signAssertion": "a" in signed, "signatureAlgorithm": "rsa-" + algorithm,
                "digestAlgorithm": algorithm, "check_requests": check}

    signed_out = "^200$"

    @staticmethod
    def logout_options(check, post):
        return {"sloBinding": "POST" if post else "Redirect"}

    @staticmethod
    def begin_logout(p, login):
        return urllib.parse.urljoin(p.sso, "/slo")


class Samlify(Kind):
    name, refusal = "samlify", "SIGNATURE|SIG_ALG"
    environment = {"NODE_OPTIONS": '--require "%s/node.cjs"' % HERE}
    cannot = why({"it does not know RSA with SHA-384": "sha384", NO_NAMES: "enc name, in name",
                  "it signs the response when it does not sign the assertion": "unsigned, enc bare gcm, enc bare cbc",
                  NO_AES192: "aes192-gcm, aes192-cbc", ALWAYS_OUT: "answer failed, answer partly"})

    @staticmethod
    def encryption(element, cipher, key="rsa-oaep-mgf1p"):
        return {"enc": cipher_uri(cipher), "keyEnc": XMLENC + key}

    encrypts_late = {"encryptThenSign": False}

    @staticmethod
    def options(signed, algorithm, check):
        return {"signResponse": "r" in signed, "signAssertion": "a" in signed, "sig": algorithm, "check_requests": check}


class Lasso(Kind):
    name, usual, refusal = "lasso", "ra", r"^Ds\w+Error"
    logout_refusal = r"^(?:Ds\w+|ProfileCannotVerifySignature)Error"
    environment = {"PYTHONPATH": HERE + "/lasso:" + HERE, "INTEROP_SP": ENTITY_ID}
    cannot = why({ALWAYS_SIGNS: "response, unsigned, enc response, enc bare cbc", ENCRYPTS_LAST: "enc late",
                  "it encrypts with AES-128-CBC, AES-256-CBC and Triple DES only": "aes128-gcm, aes192-gcm, aes256-gcm, aes192-cbc, enc bare gcm",
                  "it knows of one application only": "answer partly"})
    usual_cipher, hides_name = "aes128-cbc", True

    @staticmethod
    def encryption(element, cipher, key="OAEP"):
        return {"encrypt": "assertion" if element == "EncryptedAssertion" else "nameid", "key": {"rsa-1_5": "PKCS1"}.get(key, key),
                "sym": {"aes128-cbc": "AES_128", "aes256-cbc": "AES_256", "3des-cbc": "3DES"}[cipher]}

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

    def __init__(self, kind, columns):
        self.kind, self.columns, self.run = kind, columns, os.path.join(RUNS, kind.name)
        self.folder, self.port, self.told = os.path.join(IDPS, kind.name), free_port(), None
        self.cases, self.results, self.failures = [], {column: [] for column in columns}, []
        self.first, self.browser, self.changed = None, None, 0
        os.makedirs(self.run)
        if hasattr(kind, "users"):
            write(self.run + "/users.json", json.dumps(kind.users))
        self.sp_metadata, _ = sp_messages("metadata", "--sign", "--decrypt")
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

    def form(self, page):
        return self.module.saml_form(page)

    def metadata_with(self, pattern, replacement, least=1):
        """The name of a file with the identity provider's metadata, changed."""
        text, found = re.subn(pattern, replacement, read(self.metadata))
        assert found >= least, "nothing to change in the metadata: " + pattern
        self.changed += 1
        path = "%s/metadata-%d.xml" % (self.run, self.changed)
        write(path, text)
        return path

    def can(self, column):
        return column not in self.kind.cannot

    def tell(self, options, metadata=None):
        if self.told == (options, metadata):
            return
        write(self.run + "/options.json", json.dumps(options))
        if self.kind.restarts:
            self.stop()
            self.start()
        self.told = options, metadata

    def configure(self, signed, algorithm="sha256", check=False, logout="redirect", **more):
        # SimpleSAMLphp signs assertions and wants signed requests whenever our metadata says so, and reads it from
        # this file every time: it must say what this case is about.
        text = self.sp_metadata
        for attribute, value in (("WantAssertionsSigned", "a" in signed), ("AuthnRequestsSigned", check)):
            text, found = re.subn(attribute + r'="\w+"', '%s="%s"' % (attribute, str(value).lower()), text)
            assert found == 1, "our metadata does not say " + attribute
        # It sends logout messages by Redirect wherever our metadata has that.
        if logout == "post" and self.kind.slo_by_metadata:
            text, found = re.subn(r'<md:SingleLogoutService [^>]*HTTP-Redirect"[^>]*/>', "", text)
            assert found == 1, "our metadata has no place for logout messages by Redirect"
        if self.kind.restarts:
            write(self.run + "/our-metadata.xml", text)  # start.sh copies it
        else:
            write(self.run + "/sp.xml", text)
        options = {**self.kind.options(signed, algorithm, check), **self.kind.logout_options(check, logout == "post"), **more}
        self.tell(options, text)

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
            self.failures.append("%s: %s: %s" % (self.kind.name, self.columns[column][0], why))

    def must_refuse(self, column, told):
        """What sp_routes told of a request that one of our sites refuses."""
        expected = self.columns[column][1]
        good = (told["outcome"], told.get("code")) == ("Refused", expected) and bool(told["message"]) and not told.get("ended")
        self.result(column, good, "not refused with %s: %s" % (expected, without_page(told)))

    def finish(self):
        lines = "".join(json.dumps({"id": i, **question}) + "\n" for i, (_, question, _) in enumerate(self.cases))
        out = subprocess.run([os.environ["INSPECT"], "--jsonl"], input=lines, stdout=subprocess.PIPE, text=True, check=True)
        answers = [json.loads(line) for line in out.stdout.splitlines()]
        assert [a["id"] for a in answers] == list(range(len(self.cases))), "inspect lost a line: %s" % out.stdout[:2000]
        for (column, question, same_as), answer in zip(self.cases, answers):
            expected = self.columns[column][1]
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
        for column in self.columns:
            if bool(self.results[column]) == (column in self.kind.cannot):
                self.failures.append("%s: %s: %s" % (self.kind.name, self.columns[column][0], "done though it cannot be"
                                                     if self.results[column] else "left out without a reason"))


def without_page(told):
    return {k: v for k, v in told.items() if k not in ("headers", "body")}


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
