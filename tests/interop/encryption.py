"""Encrypted assertions and names, in every algorithm that an identity provider offers, decrypted by examples/sp_routes."""
import re
import xml.etree.ElementTree as ET

from person import BASE, Hop, Person, Site
from provider import NAME, NS, OK, XMLENC, cipher_uri, without_page

CIPHERS = ("aes128-gcm", "aes192-gcm", "aes256-gcm", "aes128-cbc", "aes192-cbc", "aes256-cbc")
NOT_ALLOWED = "saml.encryption_algorithm_not_allowed"

# As the table of logins. An answer that is accepted says what an unencrypted one said before it.
COLUMNS = {
    **{cipher: ("encrypted with %s and RSA-OAEP, signed inside" % cipher.upper().replace("AES", "AES-"), OK) for cipher in CIPHERS},
    "enc response": ("encrypted, only the response signed", OK),
    "enc both": ("encrypted, both signed", OK),
    "enc name": ("only the name encrypted (EncryptedID)", OK),
    "3des": ("encrypted with Triple DES", NOT_ALLOWED),
    "rsa15": ("its key encrypted with RSA of PKCS#1 v1.5", NOT_ALLOWED),
    "enc bare gcm": ("encrypted with GCM, nothing signed", "saml.signature_missing"),
    "enc bare cbc": ("encrypted with CBC, nothing signed", "saml.decryption_failed"),
    "enc changed": ("the ciphertext changed", "saml.decryption_failed"),
    "strict": ("encrypted, both signed, where we are strict", OK),
    "strict plain": ("not encrypted, where we are strict", "saml.encryption_required"),
    "strict cbc": ("encrypted with CBC, signed inside, where we are strict", "saml.encryption_not_authenticated"),
    "enc late": ("the response signed before the assertion in it was encrypted", "saml.digest_mismatch"),
    "enc no key": ("encrypted, where we have no key", "saml.encrypted"),
    "in name": ("logout begun by them, their request with the name encrypted", OK),
}


class Sites:
    def __init__(self, p):
        self.ours, self.no_key = Site(p.metadata, "--decrypt"), Site(p.metadata)
        self.strict = Site(p.metadata, "--decrypt", "--strict")

    def close(self):
        for site in (self.ours, self.no_key, self.strict):
            site.close()


def first(p, mode):
    """The first cipher of this mode that it knows."""
    return next(cipher for cipher in CIPHERS if cipher.endswith(mode) and p.can(cipher))


def answered(p, site):
    """An answer on its way to us, with the person that it is about."""
    p.browser = person = Person(p, site)
    hop = person.go(Hop(BASE + "/login?return_to=/in"), until=lambda hop: not hop.ours)
    form = p.sign_in(hop.url, *p.kind.alice, session=person)
    url = form.pop("action")
    return person, Hop(url, form)


def outcome(person, hop):
    person.go(hop, until=lambda hop: True)
    return person.site.told[-1]


def attempt(p, sites, column, signed, cipher, element="EncryptedAssertion", **key):
    """An answer, encrypted as it was asked for."""
    p.configure(signed, **p.kind.encryption(element, cipher, **key))
    person, hop = answered(p, sites.ours)
    response = ET.fromstring(hop.xml)
    encrypted = response.find(".//a:" + element, NS)
    found = [method.get("Algorithm") for method in encrypted.iter("{%s}EncryptionMethod" % XMLENC)]
    wanted = [cipher_uri(cipher), XMLENC + key.get("key", "rsa-oaep-mgf1p")]
    assert found == wanted, "%s: encrypted with %s" % (column, found)
    assert (response.find("d:Signature", NS) is not None) == ("r" in signed), "%s: signed otherwise than asked" % column
    if element == "EncryptedAssertion":
        assert NAME not in hop.xml and response.find("a:Assertion", NS) is None, column
    return person, hop


def accept(p, sites, column, signed, cipher, element="EncryptedAssertion"):
    person, hop = attempt(p, sites, column, signed, cipher, element)
    if column == p.kind.usual_cipher:
        p.must_refuse("enc changed", change_ciphertext(hop).ask(sites.ours, person.cookie_header()))
        p.must_refuse("enc no key", hop.ask(sites.no_key, person.cookie_header()))
    elif column == "enc both":
        told = hop.ask(sites.strict, person.cookie_header())
        p.result("strict", told["outcome"] == "SignedIn", "not accepted: %s" % without_page(told))
    if column == first(p, "cbc"):
        p.must_refuse("strict cbc", hop.ask(sites.strict, person.cookie_header()))
    told = outcome(person, hop)
    compared = [k for k in p.plain if k != "name_id" or element == "EncryptedAssertion" or not p.kind.hides_name]
    good = told["outcome"] == "SignedIn" and all(told["login"][k] == p.plain[k] for k in compared)
    p.result(column, good, "not accepted as %s was: %s" % (p.plain, without_page(told)))


def change_ciphertext(hop):
    """One character in the middle of the longest CipherValue, which is that of the content."""
    values = list(re.finditer(r"<(?:\w+:)?CipherValue>([^<]+)<", hop.xml))
    longest = max(values, key=lambda value: len(value[1]))
    middle = (longest.start(1) + longest.end(1)) // 2
    while not hop.xml[middle].isalnum():
        middle += 1
    letter = "A" if hop.xml[middle] != "A" else "B"
    return hop.with_xml(hop.xml[:middle] + letter + hop.xml[middle + 1:])


def begun_by_them(p, sites):
    p.configure(p.kind.usual, check=True, **p.kind.encryption("EncryptedID", p.kind.usual_cipher))
    person, hop = answered(p, sites.ours)
    login = outcome(person, hop)["login"]
    request = person.go(Hop(p.kind.begin_logout(p, login)), until=lambda hop: hop.ours)
    assert ET.fromstring(request.xml).find("a:EncryptedID", NS) is not None, "the name is not encrypted"
    told = outcome(person, request)
    p.result("in name", (told["outcome"], told.get("ended")) == ("LogoutRequested", 1), "not taken: %s" % without_page(told))


def cases(p):
    sites = Sites(p)
    try:
        p.configure("a")
        person, hop = answered(p, sites.ours)
        p.must_refuse("strict plain", hop.ask(sites.strict, person.cookie_header()))
        told = outcome(person, hop)
        assert told["outcome"] == "SignedIn", without_page(told)
        p.plain = {k: told["login"][k] for k in ("issuer", "name_id", "attributes")}
        assert p.plain["name_id"]["value"] == NAME, p.plain
        usual = p.kind.usual_cipher
        for cipher in CIPHERS:
            if p.can(cipher):
                accept(p, sites, cipher, "a", cipher)
        for column, signed in (("enc response", "r"), ("enc both", "ra")):
            if p.can(column):
                accept(p, sites, column, signed, usual)
        if p.can("enc name"):
            accept(p, sites, "enc name", "a", usual, element="EncryptedID")
        if p.can("3des"):
            p.must_refuse("3des", outcome(*attempt(p, sites, "3des", "a", "3des-cbc")))
        if p.can("rsa15"):
            p.must_refuse("rsa15", outcome(*attempt(p, sites, "rsa15", "a", usual, key="rsa-1_5")))
        if p.can("enc late"):
            p.configure("r", **p.kind.encryption("EncryptedAssertion", usual), **p.kind.encrypts_late)
            p.must_refuse("enc late", outcome(*answered(p, sites.ours)))
        if p.can("in name"):
            begun_by_them(p, sites)
        for mode in ("gcm", "cbc"):
            column = "enc bare " + mode
            if p.can(column):
                p.must_refuse(column, outcome(*attempt(p, sites, column, "", first(p, mode))))
    finally:
        sites.close()
