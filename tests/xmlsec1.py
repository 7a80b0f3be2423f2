"""Encrypts the answer in a folder in many ways, and writes beside each what must become of it. Called by xmlsec1.sh."""

import base64
import pathlib
import re
import secrets
import subprocess
import sys

XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
DS = "http://www.w3.org/2000/09/xmldsig#"
CONTENTS = {f"{XENC}tripledes-cbc": "des-192"} | {
    f"{space}aes{bits}-{mode}": f"aes-{bits}" for space, mode in ((XENC, "cbc"), (XENC11, "gcm")) for bits in (128, 192, 256)
}
DIGESTS = {"sha1": f"{DS}sha1", "sha256": f"{XENC}sha256", "sha512": f"{XENC}sha512"}
SIGNS_IN, BY_NAME, FAILED = "-", "saml.encryption_algorithm_not_allowed", "saml.decryption_failed"
folder = pathlib.Path(sys.argv[1])
count = 0


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, **more)
    if done.returncode:
        sys.exit(f"xmlsec1: {command}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def template(content, key_info):
    (folder / "template.xml").write_text(
        f'<EncryptedData xmlns="{XENC}" Type="{XENC}Element"><EncryptionMethod Algorithm="{content}"/>'
        f'<KeyInfo xmlns="{DS}">{key_info}</KeyInfo><CipherData><CipherValue/></CipherData></EncryptedData>'
    )


def encrypted_key(method, value=""):
    return (
        f'<EncryptedKey xmlns="{XENC}">{method}<CipherData><CipherValue>{value}</CipherValue></CipherData></EncryptedKey>'
    )


def encrypt(*keys):
    place = ("--xml-data", folder / "plain.xml", "--node-name", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion")
    return run("xmlsec1", "--encrypt", *keys, *place, folder / "template.xml").decode()


def keep(xml, expected):
    global count
    if "Ada Lovelace" in xml or "EncryptedData" not in xml:
        sys.exit("xmlsec1: nothing was encrypted")
    (folder / f"{count}.answer").write_text(xml)
    (folder / f"{count}.expected").write_text(expected)
    count += 1


# xmlsec1 alone.
public = ("--pubkey-cert-pem", folder / "sp.pem")
sha1 = f'<DigestMethod xmlns="{DS}" Algorithm="{DIGESTS["sha1"]}"/>'
for content, session in CONTENTS.items():
    for transport, inside in ((f"{XENC}rsa-1_5", ""), (f"{XENC}rsa-oaep-mgf1p", ""), (f"{XENC}rsa-oaep-mgf1p", sha1)):
        method = f'<EncryptionMethod Algorithm="{transport}">{inside}</EncryptionMethod>'
        template(content, encrypted_key(method))
        allowed = "oaep" in transport and "tripledes" not in content
        keep(encrypt("--session-key", session, *public), SIGNS_IN if allowed else BY_NAME)

# The content by xmlsec1, with a key that openssl wraps.
run("openssl", "x509", "-in", folder / "sp.pem", "-pubkey", "-noout", "-out", folder / "public.pem")
for content in [content for content in CONTENTS if "aes" in content]:
    pairs = [("sha1", "sha1"), ("sha256", "sha256"), ("sha256", "sha1"), ("sha1", "sha256"), ("sha512", "sha512")]
    for digest, mask in pairs:
        key = secrets.token_bytes(int(re.search(r"aes(\d+)", content)[1]) // 8)
        (folder / "key").write_bytes(key)
        template(content, "<KeyName>content</KeyName>")
        xml = encrypt("--aeskey:content", folder / "key")
        options = (f"rsa_padding_mode:oaep", f"rsa_oaep_md:{digest}", f"rsa_mgf1_md:{mask}")
        options = [part for option in options for part in ("-pkeyopt", option)]
        wrapped = run("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", folder / "public.pem", *options, input=key)
        method = (
            f'<EncryptionMethod Algorithm="{XENC11}rsa-oaep"><DigestMethod xmlns="{DS}" Algorithm="{DIGESTS[digest]}"/>'
            f'<MGF xmlns="{XENC11}" Algorithm="{XENC11}mgf1{mask}"/></EncryptionMethod>'
        )
        xml = xml.replace("<KeyName>content</KeyName>", encrypted_key(method, base64.b64encode(wrapped).decode()))
        keep(xml, SIGNS_IN if digest == mask and digest != "sha512" else BY_NAME)

# That all this can fail: one bit of the ciphertext.
for content in [content for content in CONTENTS if "aes" in content]:
    template(content, encrypted_key(f'<EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"/>'))
    xml = encrypt("--session-key", CONTENTS[content], *public)
    value = max(re.findall(r"<CipherValue>([^<]*)</CipherValue>", xml), key=len)
    data = bytearray(base64.b64decode(value))
    data[40] ^= 1
    keep(xml.replace(value, base64.b64encode(data).decode()), FAILED)
