"""Loaded by Python before the identity provider of Lasso: has Lasso check the signatures of requests on demand, and
begin by itself where the request is said to be `begin`. The web part around Lasso does neither.
"""
import os

import lasso

from options import checks_requests

set_hint = lasso.Login.setSignatureVerifyHint
process = lasso.Login.processAuthnRequestMsg


def set_signature_verify_hint(self, hint):
    set_hint(self, lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE if checks_requests() else hint)


def process_authn_request_msg(self, message):
    if message != "begin":
        return process(self, message)
    self.initIdpInitiatedAuthnRequest(os.environ["INTEROP_SP"])
    self.request.nameIDPolicy.format = lasso.SAML2_NAME_IDENTIFIER_FORMAT_EMAIL
    self.request.nameIDPolicy.allowCreate = True
    return process(self, None)


lasso.Login.setSignatureVerifyHint = set_signature_verify_hint
lasso.Login.processAuthnRequestMsg = process_authn_request_msg
