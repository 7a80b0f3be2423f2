#!/usr/bin/env bash
# Holds the messages we send against the schemas of SAML 2.0: metadata and AuthnRequests, from the barest to
# those with every optional element, and what comes back out of a redirect URL. Signatures are verified by xmlsec1.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need_packages opensaml-schemas xmltooling-schemas libxml2-utils openssl python3 xmlsec1
build_examples

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
saml=/usr/share/xml/opensaml signature=/usr/share/xml/xmltooling

# The schemas name one another by their address on the web: this says where those are on this machine.
cat >"$work/catalog.xml" <<XML
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <system systemId="http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd" uri="file://$signature/xmldsig-core-schema.xsd"/>
  <system systemId="http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd" uri="file://$signature/xenc-schema.xsd"/>
  <system systemId="http://www.w3.org/2001/xml.xsd" uri="file://$signature/xml.xsd"/>
</catalog>
XML
# One schema that knows every namespace, so that what stands in an Extensions element is looked at too.
cat >"$work/all.xsd" <<XML
<schema xmlns="http://www.w3.org/2001/XMLSchema">
  <import namespace="http://www.w3.org/2000/09/xmldsig#" schemaLocation="file://$signature/xmldsig-core-schema.xsd"/>
  <import namespace="http://www.w3.org/2001/04/xmlenc#" schemaLocation="file://$signature/xenc-schema.xsd"/>
  <import namespace="http://www.w3.org/2009/xmlenc11#" schemaLocation="file://$signature/xenc11-schema.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:2.0:assertion" schemaLocation="file://$saml/saml-schema-assertion-2.0.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:2.0:protocol" schemaLocation="file://$saml/saml-schema-protocol-2.0.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:2.0:metadata" schemaLocation="file://$saml/saml-schema-metadata-2.0.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:metadata:ui" schemaLocation="file://$saml/sstc-saml-metadata-ui-v1.0.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:metadata:attribute" schemaLocation="file://$saml/sstc-metadata-attr.xsd"/>
  <import namespace="urn:oasis:names:tc:SAML:metadata:algsupport" schemaLocation="file://$saml/sstc-saml-metadata-algsupport-v1.0.xsd"/>
</schema>
XML
export XML_CATALOG_FILES=$work/catalog.xml

check() { xmllint --nonet --noout --schema "$work/all.xsd" "$1" 2>"$work/why"; }

valid=0
must_be_valid() {
  check "$1" || { echo "schemas: $(basename "$1") is not valid:" >&2; head -5 "$work/why" >&2; head -c 3000 "$1" >&2; exit 1; }
  echo "schemas: valid    $(basename "$1" .xml)  $(wc -c <"$1") bytes"
  valid=$((valid + 1))
}
refused=0
# must_be_refused NAME FILE FROM TO - FILE with FROM replaced by TO; FROM must be there, and the schema must object.
must_be_refused() {
  local broken=$work/$1.xml
  python3 -c 'import sys; t = open(sys.argv[1]).read(); assert sys.argv[3] in t, "nothing to break: " + sys.argv[3]
open(sys.argv[2], "w").write(t.replace(sys.argv[3], sys.argv[4], 1))' "$2" "$broken" "$3" "$4"
  if check "$broken"; then echo "schemas: $1 was found valid, so this test tests nothing" >&2; exit 1; fi
  grep -q 'Schemas validity error' "$work/why" || { cat "$work/why" >&2; exit 1; }
  echo "schemas: refused  $1"
  refused=$((refused + 1))
}

cat >"$work/idp.xml" <<'XML'
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://idp.example/"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>CERTIFICATE</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/slo"/><md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/slo"/><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso?tenant=a&amp;b=c"/><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso?tenant=a&amp;b=c"/></md:IDPSSODescriptor></md:EntityDescriptor>
XML
openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days 30 -subj /CN=idp.example -keyout "$work/idp.key" -out "$work/idp.crt" 2>/dev/null
sed -i "s|CERTIFICATE|$(grep -v -- ----- "$work/idp.crt" | tr -d '\n')|" "$work/idp.xml"
must_be_valid "$work/idp.xml"

known=(--idp-metadata "$work/idp.xml")
message() { # message NAME ARGUMENT... - keeps what the example prints in NAME.xml and checks it
  local name=$1; shift
  "$SP_MESSAGES" "$@" --base https://app.example/saml "${known[@]}" >"$work/$name.xml" 2>"$work/stderr" ||
    { echo "schemas: sp_messages $* failed:" >&2; cat "$work/stderr" >&2; exit 1; }
  must_be_valid "$work/$name.xml"
}
message metadata-minimal metadata
message metadata-signing metadata --sign
message metadata-everything metadata --sign --everything
message request-minimal authn-request
message request-everything authn-request --everything
message post-minimal authn-request-post
message post-signed authn-request-post --sign
message post-everything authn-request-post --sign --everything
message logout logout-request --sign
message logout-signed logout-request-post --sign
known=() # the identity provider of our tests, which asks
message logout-response logout-response --sign

signatures=0
# verified NAME ELEMENT - the signature of NAME.xml is good for another verifier, and no longer after a change.
verified() {
  local verify=(xmlsec1 --verify --pubkey-cert-pem "$work/signer.pem" --id-attr:ID "$2")
  python3 -c 'import sys, base64, ssl, xml.etree.ElementTree as e
signer = e.parse(sys.argv[1]).find("{*}Signature//{*}X509Certificate").text
print(ssl.DER_cert_to_PEM_cert(base64.b64decode(signer)))' "$work/$1.xml" >"$work/signer.pem"
  "${verify[@]}" "$work/$1.xml" 2>"$work/why" || { echo "schemas: the signature of $1 is bad:" >&2; cat "$work/why" >&2; exit 1; }
  sed 's|app\.example/saml/[am]|app.example/saml/x|' "$work/$1.xml" >"$work/changed.xml"
  ! cmp -s "$work/$1.xml" "$work/changed.xml" || { echo "schemas: nothing to change in $1" >&2; exit 1; }
  ! "${verify[@]}" "$work/changed.xml" 2>/dev/null || { echo "schemas: $1 may be changed" >&2; exit 1; }
  echo "schemas: verified $1"
  signatures=$((signatures + 1))
}
verified metadata-everything urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor
verified post-signed urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest
verified post-everything urn:oasis:names:tc:SAML:2.0:protocol:AuthnRequest
verified logout-signed urn:oasis:names:tc:SAML:2.0:protocol:LogoutRequest

# The same request again as it travels: out of the query of a signed redirect.
"$SP_MESSAGES" authn-request --url --sign --everything --base https://app.example/saml --idp-metadata "$work/idp.xml" 2>/dev/null |
  python3 -c 'import sys, base64, zlib, urllib.parse as u
query = u.parse_qs(u.urlsplit(sys.stdin.read().strip()).query)
assert query["tenant"] == ["a"], "the query that the endpoint had is lost"
sys.stdout.buffer.write(zlib.decompress(base64.b64decode(query["SAMLRequest"][0], validate=True), -15))' >"$work/redirect.xml"
must_be_valid "$work/redirect.xml"

must_be_refused broken-metadata "$work/metadata-minimal.xml" ' index="' ' number="'
must_be_refused broken-request "$work/request-minimal.xml" ' Version="2.0"' ''
must_be_refused broken-logout "$work/logout.xml" ' IssueInstant="' ' Instant="'
must_be_refused broken-order "$work/request-everything.xml" ' ID="_' ' ID="1'
[ "$valid $refused $signatures" = "13 4 4" ] || { echo "schemas: a check was left out" >&2; exit 1; }
echo "schemas: $valid documents valid, $refused broken ones refused, $signatures signatures verified"
