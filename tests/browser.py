"""browser.py WEBDRIVER PICTURES PROFILE - a person signs in at examples/entra_login with headless Chromium.

Speaks plain WebDriver over HTTP, with the standard library alone. PICTURES is the folder for screenshots, PROFILE an
empty one for the browser. Application (localhost) and identity provider (127.0.0.1) are two sites, as in life: the
browser sends no SameSite=Lax cookie with the POST that brings the response. Started by browser.sh.
"""
import base64
import datetime
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

APP, IDP = "http://localhost:3000", "http://127.0.0.1:3001"
ACS, ME = APP + "/saml/acs", APP + "/me"
# The one user of the demo identity provider.
USER = {"email": "ada.lovelace@contoso.example", "name": "Ada Lovelace"}
# What nobody should ever see in a browser.
LEAKS = ("<saml", "&lt;saml", "samlp:", "urn:oasis", "panicked at", "backtrace", "src/", ".rs:", "SAMLResponse=")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    def __init__(self, driver, pictures, profile, more_flags=(), **more):
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--window-size=1000,700", "--user-data-dir=" + profile, *more_flags]
        wanted = {**more, "browserName": "chrome", "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
                  "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": flags}}
        self.pictures, self.shots, self.responses, self.requests, self.complaints = pictures, 0, [], [], []
        self.url = driver
        self.url += "/session/" + self.call("POST", "/session", capabilities={"alwaysMatch": wanted})["sessionId"]

    def call(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError("%s: %s" % (value["error"], value["message"].splitlines()[0])) from None

    def open(self, url):
        self.call("POST", "/url", url=url)

    def where(self):
        return self.call("GET", "/url")

    def source(self):
        return self.call("GET", "/source")

    def elements(self, css):
        return [e[ELEMENT] for e in self.call("POST", "/elements", using="css selector", value=css)]

    def wait_for(self, css, seconds=15):
        """The one element of this selector, as soon as the page has it."""
        end = time.time() + seconds
        while not (found := self.elements(css)):
            assert time.time() < end, "no %s at %s:\n%s" % (css, self.where(), self.source()[:3000])
            time.sleep(0.05)
        assert len(found) == 1, "%d elements are %s" % (len(found), css)
        return found[0]

    def text(self, css):
        return self.call("GET", "/element/%s/text" % self.wait_for(css)).strip()

    def type(self, css, text):
        self.call("POST", "/element/%s/value" % self.wait_for(css), text=text)

    def click(self, css):
        self.call("POST", "/element/%s/click" % self.wait_for(css))

    def wait_until_at(self, prefix, seconds=15):
        end = time.time() + seconds
        while not self.where().startswith(prefix):
            assert time.time() < end, "at %s, not %s:\n%s" % (self.where(), prefix, self.source()[:3000])
            time.sleep(0.05)

    def picture(self, name):
        self.shots += 1
        with open("%s/%02d-%s.png" % (self.pictures, self.shots, name), "wb") as f:
            f.write(base64.b64decode(self.call("GET", "/screenshot")))

    def new_tab(self):
        handle = self.call("POST", "/window/new", type="tab")["handle"]
        self.switch(handle)
        return handle

    def switch(self, handle):
        self.call("POST", "/window", handle=handle)

    def devtools(self, cmd, **params):
        return self.call("POST", "/goog/cdp/execute", cmd=cmd, params=params)

    def cookies(self):
        """All cookies of the application, whatever page is shown."""
        every = self.devtools("Network.getAllCookies")["cookies"]
        return [c for c in every if c["domain"] == "localhost"]

    def pending(self):
        """Those that a cross-site POST brings along: {name: cookie}."""
        return {c["name"]: c for c in self.cookies() if c.get("sameSite") == "None"}

    def traffic(self):
        """Status and address of the pages that came since the last time; self.requests gets what was asked for.

        Chromium tells the address of a request in one event and the headers it really sent in another.
        """
        responses = []
        for entry in self.call("POST", "/se/log", type="performance"):
            event = json.loads(entry["message"])["message"]
            what, params = event["method"], event.get("params", {})
            if what == "Network.requestWillBeSent" and params.get("type") == "Document":
                self.requests.append({"id": params["requestId"], "method": params["request"]["method"],
                                      "url": params["request"]["url"], "headers": {},
                                      "body": params["request"].get("postData", "")})
                if "redirectResponse" in params:
                    responses.append((params["redirectResponse"]["status"], params["redirectResponse"]["url"]))
            elif what == "Network.requestWillBeSentExtraInfo":
                for request in self.requests:
                    if request["id"] == params["requestId"] and not request["headers"]:
                        request["headers"] = {k.lower(): v for k, v in params["headers"].items()}
                        break
            elif what == "Network.responseReceived" and params.get("type") == "Document":
                responses.append((params["response"]["status"], params["response"]["url"]))
        for entry in self.call("POST", "/se/log", type="browser"):
            if "Content Security Policy" in entry["message"] or "Content-Security-Policy" in entry["message"]:
                self.complaints.append(entry["message"])
        self.responses += responses
        return responses


def logout_request(session):
    """The query with which Entra ID ends a session: in a frame, under another name, with escapes in lower case."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    tenant = "7a1f9c2e-4b3d-4f6a-9e8b-2c5d7f0a1b3c"
    xml = ("<samlp:LogoutRequest ID='_frame' Version='2.0' IssueInstant='%s' xmlns:samlp="
           "'urn:oasis:names:tc:SAML:2.0:protocol'><Issuer xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>"
           "https://sts.windows.net/%s/</Issuer><NameID xmlns='urn:oasis:names:tc:SAML:2.0:assertion'>pairwise</NameID>"
           "<samlp:SessionIndex>%s</samlp:SessionIndex></samlp:LogoutRequest>" % (now, tenant, session))
    packer = zlib.compressobj(wbits=-15)

    def escaped(data):
        text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
        return urllib.parse.quote(text, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d")

    query = "SAMLRequest=" + escaped(packer.compress(xml.encode()) + packer.flush())
    query += "&SigAlg=" + escaped("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
    key = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../src/testing/idp.key.der")
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, "-keyform", "DER"], input=query.encode(),
                               stdout=subprocess.PIPE, check=True).stdout
    return query + "&Signature=" + escaped(signature)


class Steps:
    def __init__(self, browser):
        self.b, self.passed = browser, 0

    def step(self, what):
        self.passed += 1
        print("browser: %2d  %s" % (self.passed, what), flush=True)

    def no_leak(self):
        """The page is one for people: no error of the server's, nothing of its inside."""
        source, text = self.b.source(), self.b.text("body")
        for leak in LEAKS:
            assert leak not in source, "the page at %s shows %r:\n%s" % (self.b.where(), leak, source[:3000])
        assert len(text) >= 15, "an empty page at %s: %r" % (self.b.where(), source[:500])
        for status, url in self.b.traffic():
            assert status < 500, "status %d from %s" % (status, url)


class Story(Steps):
    """The steps, in the order in which a person would do them."""

    def begin(self):
        """From the start page to the identity provider's."""
        self.b.open(APP + "/")
        self.b.click("#sign-in")
        self.b.wait_until_at(IDP)
        self.b.wait_for("#continue")

    def signed_in(self):
        """The page of the user who is signed in."""
        self.b.wait_until_at(ME)
        assert self.b.where() == ME, self.b.where()
        shown = self.b.text("#user")
        assert USER["name"] in shown or USER["email"] in shown, "#user says %r" % shown
        assert self.b.text("[data-field=email]") == USER["email"]
        assert self.b.text("[data-field=name]") == USER["name"]

    def signed_out(self):
        assert not self.b.elements("#user"), "still signed in at " + self.b.where()

    def first_login(self):
        b = self.b
        b.open(ME)
        self.signed_out()
        self.no_leak()
        self.step("/me shows nobody before signing in")

        before = b.pending()
        b.open(APP + "/")
        b.wait_for("#sign-in")
        b.picture("start")
        self.no_leak()
        self.step("start page")

        b.click("#sign-in")
        b.wait_until_at(IDP)
        b.wait_for("#continue")
        b.picture("identity-provider")
        self.step("signing in leads to the identity provider")

        new = [c for name, c in b.pending().items() if name not in before]
        assert len(new) == 1, "cookies of the pending login: %s" % b.cookies()
        pending = new[0]
        assert pending["secure"] and pending["httpOnly"] and pending["size"] < 1024, pending
        self.step("the pending login is one cookie: HttpOnly, Secure, SameSite=None, %d bytes" % pending["size"])

        b.traffic()
        b.requests.clear()
        b.click("#continue")
        self.signed_in()
        b.picture("signed-in")
        self.no_leak()
        self.step("the user is shown with the mapped fields: " + b.text("#user").replace("\n", " "))

        posts = [r for r in b.requests if r["url"] == ACS]
        assert [r["method"] for r in posts] == ["POST"], b.requests
        headers = posts[0]["headers"]
        assert headers.get("sec-fetch-site") == "cross-site", headers
        assert headers.get("origin") in (IDP, "null"), headers
        assert pending["name"] in headers.get("cookie", ""), headers
        self.step("the response came by a cross-site POST, from " + IDP)

        spent = b.pending()[pending["name"]]
        assert spent["value"] != pending["value"] and spent["expires"] < pending["expires"], (pending, spent)
        assert all(c["httpOnly"] for c in b.cookies()) and b.cookies(), b.cookies()
        self.step("the pending login is gone: its cookie only says that it was answered; scripts can read no cookie")

        b.call("POST", "/refresh")
        self.signed_in()
        self.step("reloading keeps the session")

    def go_back(self):
        b = self.b
        b.call("POST", "/back")
        time.sleep(0.3)  # the page may go on by itself
        if b.elements("#continue"):
            b.click("#continue")
            b.wait_until_at(APP)
        b.picture("back-and-again")
        self.no_leak()
        self.step("Back and sending the form again ends at %s, without an error page" % b.where())
        b.open(ME)
        self.signed_in()
        self.step("and the session is still there")

    def sign_out(self):
        b = self.b
        before = b.pending()
        b.click("#sign-out")
        b.wait_for("#sign-in")
        assert b.where() == APP + "/", b.where()
        assert b.pending().keys() <= before.keys(), "the cookie of the logout is still there"
        b.open(ME)
        self.signed_out()
        self.no_leak()
        b.picture("signed-out")
        self.step("signing out leads by the identity provider, and ends the session")

    def two_tabs(self):
        b = self.b
        first, before = b.call("GET", "/window"), b.pending()
        self.begin()
        second = b.new_tab()
        self.begin()
        assert len(b.pending().keys() - before) == 2, b.cookies()
        b.click("#continue")
        self.signed_in()
        self.no_leak()
        b.switch(first)
        b.click("#continue")
        self.signed_in()
        self.no_leak()
        self.step("two tabs, each with its own pending login, both finish")
        b.switch(second)
        b.call("DELETE", "/window")
        b.switch(first)

    def ended_in_a_frame(self):
        b = self.b
        b.open(ME)
        session = b.text("[data-field=session]")
        slo = APP + "/saml/slo?" + logout_request(session)
        b.traffic()
        b.open(IDP + "/frames")
        b.call("POST", "/execute/sync", args=[slo], script="""
            const frame = document.createElement('iframe');
            frame.src = arguments[0];
            document.body.append(frame);""")
        end, seen = time.time() + 15, []
        while not (found := [status for status, url in seen if url == slo]):
            assert time.time() < end, seen
            seen += b.traffic()
            time.sleep(0.05)
        assert found == [200], found
        sent = [request for request in b.requests if request["url"] == slo]
        assert sent and "session=" not in sent[-1]["headers"].get("cookie", ""), sent
        b.open(ME)
        self.signed_out()
        self.no_leak()
        self.step("the identity provider ends the session in a frame, to which the browser sends no session cookie")

    def strange_requests(self):
        b = self.b
        b.traffic()
        b.open(ACS)
        self.no_leak()
        b.picture("acs-by-get")
        status = [s for s, url in b.responses if url == ACS and s != 303][-1]
        assert b.elements("a[href]") or b.where() != ACS, "no way out of this page"
        self.step("GET of the ACS shows a page for people (status %d)" % status)

        b.open(APP + "/saml/login?return_to=" + urllib.parse.quote("//127.0.0.1:3001/elsewhere", safe=""))
        if b.elements("#continue"):
            b.click("#continue")
            b.wait_until_at(APP)
        assert b.where().startswith(APP + "/"), b.where()
        self.no_leak()
        self.step("return_to cannot lead to another site: ended at " + b.where())

        # A response from nowhere, sent by a page of the identity provider's site.
        self.begin()
        b.call("POST", "/execute/sync", args=[], script="""
            const form = document.createElement('form');
            form.method = 'POST'; form.action = '%s';
            form.innerHTML = '<input name=SAMLResponse value="PHNhbWxwOlJlc3BvbnNlLz4=">';
            document.body.append(form); form.submit();""" % ACS)
        b.wait_until_at(ACS)
        self.no_leak()
        b.picture("refused")
        status = [s for s, url in b.traffic() + b.responses if url == ACS][-1]
        assert 400 <= status < 500, status
        self.step("a response that is none is refused with a page for people (status %d)" % status)

    def policy(self):
        self.b.traffic()
        assert not self.b.complaints, self.b.complaints
        self.step("nothing was blocked by a Content Security Policy")


def main():
    browser = Browser(*sys.argv[1:4])
    story = Story(browser)
    try:
        story.first_login()
        story.go_back()
        story.sign_out()
        story.two_tabs()
        story.ended_in_a_frame()
        story.strange_requests()
        story.policy()
    except Exception:
        browser.picture("failed")
        raise
    finally:
        browser.call("DELETE", "")
    assert story.passed >= 16
    print("browser: %d steps passed" % story.passed)


if __name__ == "__main__":
    main()
