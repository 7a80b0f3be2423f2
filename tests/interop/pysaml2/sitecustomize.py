"""Loaded by Python before the identity provider of pysaml2: has pysaml2 check the signatures of requests on demand.

The web part around pysaml2 does not hand over the signature of a query, without which pysaml2 cannot check it.
"""
import http.server
import urllib.parse

import saml2.server

from options import option

asked = {"path": ""}
parse_http = http.server.BaseHTTPRequestHandler.parse_request
parse_saml = saml2.server.Server.parse_authn_request


def parse_request(self):
    found = parse_http(self)
    asked["path"] = getattr(self, "path", "")
    return found


def parse_authn_request(self, enc_request, binding):
    self.config.setattr("idp", "want_authn_requests_signed", option("check_requests"))
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(asked["path"]).query, keep_blank_values=True))
    return parse_saml(self, enc_request, binding, relay_state=query.get("RelayState"), sigalg=query.get("SigAlg"),
                      signature=query.get("Signature"))


http.server.BaseHTTPRequestHandler.parse_request = parse_request
saml2.server.Server.parse_authn_request = parse_authn_request
