"""Loaded by Python before the identity provider of pysaml2: has pysaml2 check the signatures of what it gets on demand,
answer a logout by POST too, begin one at /logout, and read the answer to it.

The web part around pysaml2 does not hand over the signature of a query, without which pysaml2 cannot check it.
"""
import http.server
import urllib.parse

import saml2.server
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.s_utils import error_status_factory
from saml2.sigver import verify_redirect_signature

from options import form, option, serve

STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
asked = {"path": "", "logout": None}
parse_http = http.server.BaseHTTPRequestHandler.parse_request
parse_saml = saml2.server.Server.parse_authn_request


def parse_request(self):
    found = parse_http(self)
    asked["path"] = getattr(self, "path", "")
    return found


def signature_of(query):
    return {"relay_state": query.get("RelayState"), "sigalg": query.get("SigAlg"), "signature": query.get("Signature")}


def parse_authn_request(self, enc_request, binding):
    import maker
    for mode, place in (("cbc", "2001/04/xmlenc#"), ("gcm", "2009/xmlenc11#")):
        maker.ENC["aes192-" + mode] = ("http://www.w3.org/%saes192-%s" % (place, mode), "aes-192")
    self.config.setattr("idp", "want_authn_requests_signed", option("check_requests"))
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked["path"]).query, keep_blank_values=True))
    return parse_saml(self, enc_request, binding, **signature_of(query))


def endpoint(idp, sp):
    """By which binding logout messages go, and where to."""
    binding = BINDING_HTTP_POST if option("slo_by_post") else BINDING_HTTP_REDIRECT
    return idp.pick_binding("single_logout_service", [binding], "spsso", entity_id=sp)


def send(handler, to, name, xml, relay_state):
    import base64
    import maker
    if option("slo_by_post"):
        return handler.send(form(to, **{name: base64.b64encode(xml.encode()).decode(), "RelayState": relay_state}))
    url = maker.redirect(handler.server.idp, to, xml, relay_state, name == "SAMLResponse")
    return handler.send("", 302, Location=url)


@serve("/logout")
def begin(handler, query, _raw, _posted):
    import maker
    idp = handler.server.idp
    _, to = endpoint(idp, query["sp"])
    asked["logout"], xml = maker.make_logout_request(
        idp, to, query["sp"], query["name"], session_index=query["index"], sign=bool(option("slo_by_post")))
    send(handler, to, "SAMLRequest", xml, query["rs"])


@serve("/slo")
def slo(handler, query, _raw, posted):
    import maker
    idp = handler.server.idp
    binding = BINDING_HTTP_POST if posted else BINDING_HTTP_REDIRECT
    if "SAMLResponse" in query:
        return read_answer(handler, idp, query, binding)
    idp.config.setattr("idp", "want_authn_requests_signed", option("check_requests"))
    request = idp.parse_logout_request(query["SAMLRequest"], binding, **signature_of(query)).message
    assert request.name_id.text and request.session_index, "nobody is to be signed out"
    _, to = endpoint(idp, request.issuer.text)
    status = option("slo_status") and error_status_factory((STATUS + option("slo_status"), "as it was told to say"))
    xml = maker.make_logout_response(idp, to, request.id, sign=bool(option("slo_by_post")), status=status or None)
    send(handler, to, "SAMLResponse", xml, query.get("RelayState", ""))


def read_answer(handler, idp, query, binding):
    """pysaml2 reads it; that it is signed we have to ask of it."""
    response = idp.parse_logout_request_response(query["SAMLResponse"], binding)
    if response is None or response.in_response_to != asked["logout"]:
        raise ValueError("not the answer to our request")
    if option("check_requests"):
        if binding == BINDING_HTTP_POST:
            idp.sec.correctly_signed_logout_response(response.xmlstr, must=True)
        else:
            certificates = idp.metadata.certs(response.response.issuer.text, "any", "signing")
            if "Signature" not in query or not any(
                    verify_redirect_signature(query, idp.sec.sec_backend, c) for _, c in certificates):
                raise saml2.sigver.IncorrectlySigned("the answer is not signed correctly")
    handler.send("signed out")


http.server.BaseHTTPRequestHandler.parse_request = parse_request
saml2.server.Server.parse_authn_request = parse_authn_request
