"""interop.py IDPS RUNS - signs in at real identity providers and compares our verdicts with what must come out.

IDPS is the folder with a start.sh and a login.py for each identity provider, RUNS an empty folder for what they
write. SP_MESSAGES and INSPECT name our two programs. Started by interop.sh, which stops the servers.
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
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
import zlib

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

IDPS, RUNS = (os.path.abspath(a) for a in sys.argv[1:3])
BASE = "http://127.0.0.1:9900/saml"
ENTITY_ID, ACS = BASE + "/metadata", BASE + "/acs"
NS = {"p": "urn:oasis:names:tc:SAML:2.0:protocol", "a": "urn:oasis:names:tc:SAML:2.0:assertion",
      "m": "urn:oasis:names:tc:SAML:2.0:metadata", "d": "http://www.w3.org/2000/09/xmldsig#"}
RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-"
RSA_SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
ODD_NAME = "zoë.o'neil+\"a\"&<b>]]>@example.org"


class Pysaml2:
    name, alice = "pysaml2", ("alice@example.org", "secret")
    odd = (ODD_NAME, "secret")

    @staticmethod
    def options(signed, algorithm, **_):
        return {"sign_response": "r" in signed, "sign_assertion": "a" in signed, "sig": algorithm}


class SimpleSamlPhp:
    name, alice = "simplesamlphp", ("alice", "secret")
    odd = ("zoe", "secret")
    users = {"alice:secret": {"uid": ["alice"], "mail": ["alice@example.org"], "groups": ["staff", "admins"]},
             "zoe:secret": {"uid": ["zoe"], "mail": [ODD_NAME], "displayName": ["Bjørn \"Bob\" <O'Neil> & Søn"]}}

    @staticmethod
    def options(signed, algorithm, check_requests):
        return {"saml20.sign.response": "r" in signed, "saml20.sign.assertion": "a" in signed,
                "signature.algorithm": RSA_SHA1 if algorithm == "sha1" else RSA + algorithm,
                "validate.authnrequest": check_requests, "redirect.validate": check_requests}


class Browser(requests.Session):
    """A session that keeps the last page, and whose first GET is a POST if it is given the fields of a form."""

    def __init__(self, fields=None):
        super().__init__()
        self.fields, self.page = fields, ""

    def get(self, url, **how):
        fields, self.fields = self.fields, None
        return self.post(url, fields) if fields else super().get(url, **how)

    def request(self, *what, **how):
        answer = super().request(*what, **how)
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
    """One running identity provider, and the cases that are to be judged."""

    def __init__(self, kind):
        self.kind, self.run = kind, os.path.join(RUNS, kind.name)
        self.folder = os.path.join(IDPS, kind.name)
        self.cases, self.failures, self.shown = [], [], 0
        os.makedirs(self.run)
        if hasattr(kind, "users"):
            write(self.run + "/users.json", json.dumps(kind.users))
        self.sp_metadata, _ = sp_messages("metadata", "--sign")
        write(self.run + "/our-metadata.xml", self.sp_metadata)
        started = subprocess.run([self.folder + "/start.sh", str(free_port()), self.run + "/our-metadata.xml", self.run],
                                 stdout=subprocess.PIPE, text=True, check=True, stdin=subprocess.DEVNULL)
        words = started.stdout.split()
        where = dict(zip(words[::2], words[1::2]))
        self.entity, self.sso, self.metadata = where["entity"], where["sso"], self.run + "/idp-metadata.xml"
        with urllib.request.urlopen(where["metadata"]) as page:
            write(self.metadata, page.read().decode())
        spec = importlib.util.spec_from_file_location(kind.name + "_login", self.folder + "/login.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.sign_in = module.login

    def configure(self, signed="a", algorithm="sha256", check_requests=False):
        write(self.run + "/options.json", json.dumps(self.kind.options(signed, algorithm, check_requests=check_requests)))
        # SimpleSAMLphp signs assertions and wants signed requests whenever our metadata says so, and reads it from
        # this file every time: it must say what this case is about.
        text = self.sp_metadata
        for attribute, value in (("WantAssertionsSigned", "a" in signed), ("AuthnRequestsSigned", check_requests)):
            text, found = re.subn(attribute + r'="\w+"', '%s="%s"' % (attribute, str(value).lower()), text)
            assert found == 1, "our metadata does not say " + attribute
        write(self.run + "/sp.xml", text)

    def request(self, binding="redirect", sign=False, damage=None):
        """Asks for a request; returns its ID, its RelayState, and the URL or the fields of the form."""
        arguments = ["authn-request", "--url"] if binding == "redirect" else ["authn-request-post"]
        out, told = sp_messages(*arguments, "--idp-metadata", self.metadata, *(["--sign"] if sign else []))
        told = json.loads(told.strip().splitlines()[-1])
        if binding == "redirect":
            if sign:
                self.check_redirect_signature(out)
            if damage:
                out = out.replace("&RelayState=", "&RelayState=x") if "&RelayState=" in out else out.replace("&SigAlg", "A&SigAlg")
            return told["request_id"], told["relay_state"], out, None
        if sign:
            assert "SignatureValue" in out, "the request to be posted is not signed"
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
        """A whole login; returns the request's ID (None if the identity provider began) and the response's XML."""
        request_id, relay_state, url, fields = self.request(**request)
        self.browser = Browser(fields)
        form = self.sign_in(url, *user, session=self.browser)
        assert form["action"] == ACS, form["action"]
        assert form.get("RelayState") == relay_state, "RelayState came back changed"
        return request_id, base64.b64decode(form["SAMLResponse"]).decode()

    def judge(self, name, xml, expected, same_as=None, **fields):
        """Remembers a response to be judged; `same_as` is the document whose content must come out."""
        question = {"kind": "response", "text": base64.b64encode(xml.encode()).decode(), "encoding": "base64",
                    "binding": "post", "idp_metadata_file": self.metadata, "sp_entity_id": ENTITY_ID, "acs_url": ACS,
                    "now": rfc3339(), **fields}
        self.cases.append((name, {k: v for k, v in question.items() if v is not ...}, expected, same_as))

    def accept(self, name, user, signed, algorithm="sha256", **request):
        """A login that must be accepted, and must not be once its NameID is changed."""
        self.configure(signed, algorithm, check_requests=request.get("sign", False))
        request_id, xml = self.login(user, **request)
        has = {"r": ET.fromstring(xml).find("d:Signature", NS), "a": ET.fromstring(xml).find("a:Assertion/d:Signature", NS)}
        assert {k for k, v in has.items() if v is not None} == set(signed), "%s: signed otherwise than asked" % name
        assert not signed or RSA + algorithm in xml or algorithm == "sha1" and RSA_SHA1 in xml, algorithm
        self.judge(name, xml, "accept", same_as=xml, in_response_to=request_id)
        self.judge(name + ", NameID changed", change_name_id(xml), "reject", in_response_to=request_id)
        return request_id, xml

    def must_not_log_in(self, name, **request):
        """A damaged request, which the identity provider refuses: so it did look at our signatures before."""
        self.configure(check_requests=True)
        try:
            self.login(self.kind.alice, **request)
        except (requests.HTTPError, StopIteration):  # StopIteration: a page without the form to sign in
            if re.search("ignature|signed correctly", self.browser.page):
                return self.show(name, "refused by the identity provider")
        self.show(name, "not refused by the identity provider")
        self.failures.append("%s: %s: not refused for its signature: %s" % (self.kind.name, name, self.browser.page[:2000]))

    def show(self, name, verdict):
        self.shown += 1
        print("interop: %-14s %-52s %s" % (self.kind.name, name, verdict), flush=True)

    def finish(self):
        lines = "".join(json.dumps({"id": i, **question}) + "\n" for i, (_, question, _, _) in enumerate(self.cases))
        out = subprocess.run([os.environ["INSPECT"], "--jsonl"], input=lines, stdout=subprocess.PIPE, text=True, check=True)
        answers = [json.loads(line) for line in out.stdout.splitlines()]
        assert [a["id"] for a in answers] == list(range(len(self.cases))), "inspect lost a line: %s" % out.stdout[:2000]
        for (name, question, expected, same_as), answer in zip(self.cases, answers):
            self.show(name, "%s %s" % (answer["verdict"], answer.get("code") or (answer.get("name_id") or {}).get("value", "")))
            wrong = [] if answer["verdict"] == expected else ["verdict %s, not %s" % (answer["verdict"], expected)]
            if same_as and not wrong:
                wrong = differences(content(same_as), answer)
            if expected == "reject" and not (answer.get("code") and answer.get("message")):
                wrong.append("a refusal without code or message")
            if wrong:
                self.failures.append("%s: %s: %s\n    %s" % (self.kind.name, name, "; ".join(wrong), json.dumps(answer)))


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


def cases(p):
    alice = p.kind.alice
    p.cases.append(("metadata of the identity provider", {"kind": "metadata", "file": p.metadata, "encoding": "xml", "now": rfc3339()}, "accept", None))

    request_id, xml = p.accept("assertion signed", alice, "a")
    assert content(xml)["name_id"]["value"] == "alice@example.org", content(xml)
    other = p.request()[0]
    assert other != request_id
    p.judge("answer to another request", xml, "reject", in_response_to=other)
    p.judge("answer although none was asked for", xml, "reject", in_response_to=None)
    p.judge("for another service provider", xml, "reject", in_response_to=request_id, sp_entity_id="http://127.0.0.1:9901/saml/metadata")
    p.judge("at another address", xml, "reject", in_response_to=request_id, acs_url=ACS + "2")
    p.judge("an hour too late", xml, "reject", in_response_to=request_id, now=rfc3339(hours=1))
    p.judge("an hour too early", xml, "reject", in_response_to=request_id, now=rfc3339(hours=-1))
    subprocess.run([IDPS + "/common/mkkeys.sh", p.run, "stranger"], check=True)
    p.judge("signed by a key that is not trusted", xml, "reject", in_response_to=request_id, idp_metadata_file=...,
            idp_cert_file=p.run + "/stranger.crt", idp_entity_id=p.entity)
    p.judge("the key pinned by its certificate", xml, "accept", same_as=xml, in_response_to=request_id, idp_metadata_file=...,
            idp_cert_file=p.run + "/idp.crt", idp_entity_id=p.entity)
    p.judge("signatures taken out", re.sub(r"(?s)<(\w+:)?Signature[ >].*?</(\w+:)?Signature>", "", xml), "reject", in_response_to=request_id)

    p.accept("response signed", alice, "r")
    p.accept("both signed", alice, "ra")
    p.accept("both signed with SHA-384", alice, "ra", "sha384")
    p.accept("both signed with SHA-512, signed request", alice, "ra", "sha512", sign=True)
    p.accept("posted request", alice, "a", binding="post")
    p.accept("posted signed request", alice, "ra", binding="post", sign=True)
    _, xml = p.accept("a name full of markup", p.kind.odd, "a")
    assert content(xml)["name_id"]["value"] == ODD_NAME, content(xml)

    p.configure("")
    request_id, xml = p.login(alice)
    assert "SignatureValue" not in xml
    p.judge("nothing signed", xml, "reject", in_response_to=request_id)
    p.configure("ra", "sha1")
    request_id, xml = p.login(alice)
    assert RSA_SHA1 in xml
    p.judge("SHA-1", xml, "reject", in_response_to=request_id)
    p.judge("SHA-1, allowed for this identity provider", xml, "accept", same_as=xml, in_response_to=request_id, allow_sha1=True)

    p.must_not_log_in("damaged signed request by POST", binding="post", sign=True, damage=True)
    if p.kind is not Pysaml2:  # this server of pysaml2's does not check the signature of a query
        p.must_not_log_in("damaged signed request by redirect", sign=True, damage=True)
    if p.kind is SimpleSamlPhp:
        p.configure()
        form = p.sign_in(p.sso + "?" + urllib.parse.urlencode({"spentityid": ENTITY_ID}), *alice)
        xml = base64.b64decode(form["SAMLResponse"]).decode()
        assert "InResponseTo" not in xml
        p.judge("begun by the identity provider", xml, "reject", in_response_to=None)
        p.judge("begun by the identity provider, allowed", xml, "accept", same_as=xml, in_response_to=None, allow_unsolicited=True)


def main():
    shown, failures = 0, []
    for kind in (Pysaml2, SimpleSamlPhp):
        provider = Provider(kind)
        try:
            cases(provider)
        except Exception:
            print("interop: the log of %s ends with:\n%s" % (kind.name, read(provider.run + "/log")[-3000:]), file=sys.stderr)
            raise
        provider.finish()
        assert provider.shown >= 25, "too few cases"
        shown, failures = shown + provider.shown, failures + provider.failures
    for failure in failures:
        print("interop: FAILED %s" % failure)
    print("interop: %d passed, %d failed" % (shown - len(failures), len(failures)))
    sys.exit(bool(failures))


main()
