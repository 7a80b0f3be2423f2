"""Loaded by Python before the identity provider of Lasso: has Lasso check the signatures of what it gets and leave the
response unsigned on demand, and begin by itself where the request is said to be `begin`; keeps the session of the last
login, begins a logout at /logout, and reads the answer to it. Its web part does nothing of that.
"""
import os
import sys

import lasso

from options import form, option, options, serve

kept = {}
set_hint = lasso.Login.setSignatureVerifyHint
process = lasso.Login.processAuthnRequestMsg
build = lasso.Login.buildAuthnResponseMsg


def hint():
    return lasso.PROFILE_SIGNATURE_VERIFY_HINT_FORCE if option("check_requests") else lasso.PROFILE_SIGNATURE_VERIFY_HINT_IGNORE


def set_signature_verify_hint(self, _):
    if not option("sign_response"):
        self.setSignatureHint(lasso.PROFILE_SIGNATURE_HINT_FORBID)
    set_hint(self, hint())


def process_authn_request_msg(self, message):
    if message != "begin":
        return process(self, message)
    self.initIdpInitiatedAuthnRequest(os.environ["INTEROP_SP"])
    self.request.nameIDPolicy.format = lasso.SAML2_NAME_IDENTIFIER_FORMAT_EMAIL
    self.request.nameIDPolicy.allowCreate = True
    return process(self, None)


def build_authn_response_msg(self):
    done = build(self)
    kept["session"] = self.session.dump()
    return done


def logout(handler):
    out = lasso.Logout(sys.modules["__main__"].server(handler.server.args, options()))
    out.setSignatureVerifyHint(hint())
    if not option("slo_status"):
        out.setSessionFromDump(kept["session"])
    return out


def send(handler, out, name):
    if out.msgBody:
        return handler.send(form(out.msgUrl, **{name: out.msgBody, "RelayState": out.msgRelayState}))
    return handler.send("", 302, location=out.msgUrl)


@serve("/logout")
def begin(handler, query, _raw, _posted):
    kept["logout"] = out = logout(handler)
    out.initRequest(query["sp"], lasso.HTTP_METHOD_POST if option("slo_by_post") else lasso.HTTP_METHOD_REDIRECT)
    out.msgRelayState = query["rs"]
    out.buildRequestMsg()
    send(handler, out, "SAMLRequest")


@serve("/slo")
def slo(handler, query, raw, posted):
    if "SAMLResponse" in query:
        kept["logout"].setSignatureVerifyHint(hint())
        kept["logout"].processResponseMsg(query["SAMLResponse"] if posted else raw)
        return handler.send("signed out")
    out = logout(handler)
    out.processRequestMsg(query["SAMLRequest"] if posted else raw)
    try:
        out.validateRequest()
    except lasso.Error:
        if not option("slo_status"):
            raise  # otherwise the answer says in its status that nobody was signed out
    out.msgRelayState = query.get("RelayState")
    out.buildResponseMsg()
    return send(handler, out, "SAMLResponse")


lasso.Login.setSignatureVerifyHint = set_signature_verify_hint
lasso.Login.processAuthnRequestMsg = process_authn_request_msg
lasso.Login.buildAuthnResponseMsg = build_authn_response_msg
