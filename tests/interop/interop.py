"""interop.py IDPS RUNS NAME... - signs in and out at real identity providers, with and without encryption, and compares our
verdicts with what must come out.

IDPS is the folder with a start.sh and a login.py for each identity provider, RUNS an empty folder for what they
write, NAME the identity providers. SP_MESSAGES, SP_ROUTES and INSPECT name our programs. Started by interop.sh, which
installs what is needed and stops the servers.

KEEP, if it is set, names a folder that gets what inspect was asked wherever its answer was wrong. inspect judges every
line with a fresh replay cache, so a second use of an answer is not asked about here: see ../browser_idp.py.
"""
import re
import subprocess
import sys
import time
import traceback

import encryption
import logout
from provider import (
    ACS, IDPS, KINDS, NAME, ODD_NAME, OK, RSA_SHA1, THEY, Provider, content, read, rfc3339,
)

# What is tried at every identity provider, and what must come of it: we accept (OK), the identity provider itself
# refuses (THEY), or we refuse with this code.
LOGIN = {
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
TABLES = {"login": LOGIN, "logout": logout.COLUMNS, "encryption": encryption.COLUMNS}
COLUMNS = {column: what for table in TABLES.values() for column, what in table.items()}


def must_be_alice(xml):
    """The person that the identity provider was told of, by name and by attribute."""
    found = content(xml)
    assert found["name_id"]["value"] == NAME, found
    assert [NAME] in found["attributes"].values(), found


def login(p):
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


def print_tables(providers):
    reasons, first = [], 1
    wide = max(len(p.kind.name) for p in providers)
    for table in TABLES.values():
        print("\n%-*s  %s" % (wide, "", " ".join("%3d" % (first + i) for i in range(len(table)))))
        for p in providers:
            cells = [cell(p, column, reasons) for column in table]
            print("%-*s  %s" % (wide, p.kind.name, " ".join("%3s" % cell for cell in cells)))
        first += len(table)
    print("\nok: accepted, with the name and the attributes that another parser reads; ref: refused, by whom and how stands here")
    for number, (title, expected) in enumerate(COLUMNS.values(), 1):
        print("%3d  %s%s" % (number, title, "" if expected == OK else ": by the identity provider" if expected == THEY else ": " + expected))
    for number, reason in enumerate(reasons):
        print(" –%s  %s" % (chr(ord("a") + number), reason))


def cell(p, column, reasons):
    results, reason = p.results[column], p.kind.cannot.get(column)
    if not results and reason:
        if reason not in reasons:
            reasons.append(reason)
        return "–" + chr(ord("a") + reasons.index(reason))
    return "BAD" if not results or not all(results) else "ok" if COLUMNS[column][1] == OK else "ref"


def attempt(p, cases):
    try:
        cases(p)
    except Exception:  # the others are tried all the same, and what is missing here counts as a failure
        p.failures.append("%s: its cases ended with\n%s" % (p.kind.name, traceback.format_exc()))
        page = p.browser.page if p.browser else ""
        print("interop: %s: the last page:\n%s\nand the log:\n%s" % (p.kind.name, page[:3000], read(p.run + "/log")[-3000:]))


def main():
    providers = []
    for name in sys.argv[3:]:
        begun = time.time()
        provider = Provider(KINDS[name], COLUMNS)
        for cases in (login, logout.cases, encryption.cases):
            attempt(provider, cases)
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
    print_tables(providers)
    failures = [failure for p in providers for failure in p.failures]
    passed = sum(sum(results) for p in providers for results in p.results.values())
    for failure in failures:
        print("interop: FAILED %s" % failure)
    print("\ninterop: %d identity providers: %s" % (len(providers), ", ".join(p.kind.name for p in providers)))
    print("interop: %d passed, %d failed" % (passed, len(failures)))
    sys.exit(bool(failures) or passed < 70 * len(providers))


main()
