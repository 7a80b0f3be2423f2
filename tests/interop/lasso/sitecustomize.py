"""Loaded by Python before the identity provider of Lasso: has Lasso check the signatures of requests and leave the
response unsigned on demand, and begin by itself where the request is said to be `begin`. Its web part does nothing of
that.
"""
import os

import lasso

from options import option

set_hint = lasso.Login.setSignatureVerifyHint
process = lasso.Login.processAuthnRequestMsg


def set_signature_verify_hint(self, hint):
    if not option("sign_response"):
        self.setSignatureHint(lasso.PROFILE_SIGNATURE_HINT_FORBID)
    set_hint(self, lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE if option("check_requests") else hint)


def process_authn_request_msg(self, message):
    if message != "begin":
        return process(self, message)
    self.initIdpInitiatedAuthnRequest(os.environ["INTEROP_SP"])
    self.request.nameIDPolicy.format = lasso.SAML2_NAME_IDENTIFIER_FORMAT_EMAIL
    self.request.nameIDPolicy.allowCreate = True
    return process(self, None)


lasso.Login.setSignatureVerifyHint = set_signature_verify_hint
lasso.Login.processAuthnRequestMsg = process_authn_request_msg
