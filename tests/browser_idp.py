"""browser_idp.py WEBDRIVER PICTURES PROFILE LOG PORT CERT KEY - a person signs in at examples/entra_login, through
SimpleSAMLphp, with headless Chromium, and an attacker tries the same answer.

The application is http://localhost:3000. The identity provider listens on PORT of loopback, and for the browser it is
https://login.fabrikam.example, with CERT and KEY: another site by its registrable name. Both messages travel by POST.
LOG is where the application says why it refuses. Started by browser.sh.
"""
import asyncio
import re
import ssl
import sys
import threading
import urllib.parse

from browser import ACS, APP, ME, Browser, Steps

HOST = "login.fabrikam.example"
IDP = "https://" + HOST
# What browser.sh told SimpleSAMLphp of the person.
USER = {"user": "grace", "password": "amazing", "name": "Grace Hopper", "email": "grace.hopper@fabrikam.example"}


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the browser may go away at any time
    writer.close()


def terminate_tls(port, certificate, key):
    """The TLS in front of the identity provider; returns its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop, found, ready = asyncio.new_event_loop(), [], threading.Event()

    async def accept(reader, writer):
        behind, to_behind = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, to_behind), carry(behind, writer))

    async def listen():
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        found.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=lambda: loop.run_until_complete(listen()), daemon=True).start()
    assert ready.wait(10), "no TLS"
    return found[0]


class Story(Steps):
    def __init__(self, browser, log):
        super().__init__(browser)
        self.log, self.read = log, 0

    def codes(self):
        """The codes of the refusals since the last time."""
        with open(self.log, encoding="utf-8") as f:
            text = f.read()
        new, self.read = text[self.read:], len(text)
        return re.findall(r"^(saml\.\w+):", new, re.M)

    def begin(self):
        """From the start page to the form of the identity provider's; returns what was posted there."""
        self.b.traffic()
        self.b.requests.clear()
        self.b.open(APP + "/")
        self.b.click("#sign-in")
        self.b.wait_until_at(IDP)
        self.b.wait_for("input[name=username]")
        return self.post_to(IDP + "/saml2/idp/SSOService.php")

    def enter(self):
        self.b.type("input[name=username]", USER["user"])
        self.b.type("input[name=password]", USER["password"])
        self.b.click("#submit_button")

    def signed_in(self):
        self.b.wait_until_at(ME)
        assert USER["name"] in self.b.text("#user"), self.b.text("#user")
        assert self.b.text("[data-field=email]") == USER["email"]
        assert self.b.text("[data-field=issuer]") == IDP + "/idp"

    def signed_out(self):
        self.b.open(ME)
        assert not self.b.elements("#user"), "signed in at " + self.b.where()

    def forget(self, *domains):
        for cookie in self.b.devtools("Network.getAllCookies")["cookies"]:
            if cookie["domain"] in domains:
                self.b.devtools("Network.deleteCookies", name=cookie["name"], domain=cookie["domain"], path=cookie["path"])

    def set_cookie(self, cookie, **other):
        kept = {k: cookie[k] for k in ("name", "value", "path", "secure", "httpOnly", "expires", "sameSite") if k in cookie}
        done = self.b.devtools("Network.setCookie", url=APP + "/", **{**kept, **other})
        assert done["success"], cookie

    def only_pending(self):
        found = list(self.b.pending().values())
        assert len(found) == 1, self.b.cookies()
        return found[0]

    def post_to(self, url):
        """The one POST to this address since the requests were cleared."""
        self.b.traffic()
        found = [r for r in self.b.requests if r["url"].split("?")[0] == url and r["method"] == "POST"]
        assert len(found) == 1, [(r["method"], r["url"]) for r in self.b.requests]
        return found[0]

    def refused(self, code):
        """A page for people, with a status of its own; the reason is in the log only."""
        self.b.wait_until_at(ACS)
        self.no_leak()
        status = [s for s, url in self.b.traffic() + self.b.responses if url == ACS][-1]
        assert 400 <= status < 500, status
        found = self.codes()
        assert found == [code], "%s, not %s" % (found, code)
        assert code not in self.b.source()
        self.signed_out()

    def send_from_idp(self, fields):
        """A page of the identity provider's site sends this form: no more than anybody's page can do."""
        self.b.open(IDP + "/saml2/idp/metadata.php?output=xhtml")
        self.b.call("POST", "/execute/sync", args=[ACS, fields], script="""
            const form = document.createElement('form');
            form.method = 'POST'; form.action = arguments[0];
            for (const [name, value] of Object.entries(arguments[1])) {
                const input = document.createElement('input');
                input.name = name; input.value = value;
                form.append(input);
            }
            document.body.append(form); form.submit();""")

    def first_login(self):
        b = self.b
        self.signed_out()
        # A control: what the browser keeps to itself when another site posts.
        self.set_cookie({"name": "control", "value": "1", "path": "/"}, sameSite="Lax")
        asked = self.begin()
        b.picture("identity-provider")
        assert "SAMLRequest=" in asked["body"], asked
        assert asked["headers"].get("sec-fetch-site") == "cross-site" and asked["headers"].get("origin") in (APP, "null"), asked
        opened = next(r for r in b.requests if r["url"] == APP + "/")
        assert "control=1" in opened["headers"].get("cookie", ""), opened
        self.step("the request came by a cross-site POST, from " + APP)

        self.pending = self.only_pending()
        assert self.pending["secure"] and self.pending["httpOnly"] and self.pending["size"] < 1024, self.pending
        b.requests.clear()
        self.enter()
        self.signed_in()
        b.picture("signed-in")
        self.no_leak()
        self.step("the user is shown with the mapped fields: " + b.text("#user").replace("\n", " "))

        answered = self.post_to(ACS)
        headers = answered["headers"]
        assert headers.get("sec-fetch-site") == "cross-site" and headers.get("origin") in (IDP, "null"), headers
        sent = [cookie.split("=")[0] for cookie in headers.get("cookie", "").split("; ")]
        assert sent == [self.pending["name"]], sent
        self.step("the answer came by a cross-site POST, from %s, with the SameSite=None cookie and without the Lax one" % IDP)
        self.fields = dict(urllib.parse.parse_qsl(answered["body"]))
        assert self.fields.keys() == {"SAMLResponse", "RelayState"}, self.fields.keys()
        assert not self.codes(), "something was refused"

    def second_use(self):
        self.send_from_idp(self.fields)
        self.signed_in()
        assert self.codes() == ["saml.already_answered"]
        self.step("the same answer once more, as by the Back button: saml.already_answered, and still signed in")

        self.forget("localhost")
        self.send_from_idp(self.fields)
        self.refused("saml.no_pending_login")
        self.step("the same answer in another browser: saml.no_pending_login")

        # Whoever could copy the answer could copy the cookie as it was. It looks like a second click, so there is no
        # page of an error; but nobody is signed in.
        self.set_cookie(self.pending)
        self.send_from_idp(self.fields)
        self.b.wait_until_at(ME)
        assert not self.b.elements("#user"), "signed in by a copy"
        assert self.codes() == ["saml.replayed"]
        self.step("the same answer with a copy of its cookie: saml.replayed")

    def others_answer(self):
        self.forget("localhost", HOST)
        asked = dict(urllib.parse.parse_qsl(self.begin()["body"]))
        assert asked["RelayState"] != self.fields["RelayState"]
        self.send_from_idp({**self.fields, "RelayState": asked["RelayState"]})
        self.refused("saml.in_response_to_mismatch")
        self.step("the same answer to another request: saml.in_response_to_mismatch")

    def lax_cookie(self):
        self.forget("localhost", HOST)
        self.begin()
        pending = self.only_pending()
        self.forget("localhost")
        self.set_cookie(pending, sameSite="Lax")
        self.enter()
        self.refused("saml.no_pending_login")
        self.b.picture("refused")
        self.step("with a SameSite=Lax cookie nobody could sign in: saml.no_pending_login")

    def once_more(self):
        self.forget("localhost", HOST)
        self.begin()
        self.enter()
        self.signed_in()
        self.forget("localhost")
        self.signed_out()
        self.b.open(APP + "/")
        self.b.click("#sign-in")
        self.signed_in()
        self.no_leak()
        assert not self.codes(), "something was refused"
        assert not self.b.complaints, self.b.complaints
        self.step("signing in works again, the second time without a question; no Content Security Policy blocked anything")


def main():
    driver, pictures, profile, log, port, certificate, key = sys.argv[1:8]
    tls = terminate_tls(int(port), certificate, key)
    # Only these names lead anywhere.
    rules = "MAP %s 127.0.0.1:%d, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1" % (HOST, tls)
    browser = Browser(driver, pictures, profile, ["--host-resolver-rules=" + rules], acceptInsecureCerts=True)
    story = Story(browser, log)
    try:
        story.first_login()
        story.second_use()
        story.others_answer()
        story.lax_cookie()
        story.once_more()
    except Exception:
        browser.picture("failed")
        raise
    finally:
        browser.call("DELETE", "")
    assert story.passed == 9
    print("browser: %d steps with a real identity provider passed" % story.passed)


main()
