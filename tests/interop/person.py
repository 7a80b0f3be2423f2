"""A person with a browser, and examples/sp_routes as the site that the browser knows at BASE."""
import base64
import email.message
import html
import json
import os
import re
import subprocess
import types
import urllib.parse
import zlib

import requests

from provider import BASE, IDPS, Browser

SITE = BASE[:BASE.index("/", 8) + 1]


class Site(requests.adapters.BaseAdapter):
    """Our service provider, with the metadata of an identity provider in this file; `told` is what came of each request."""

    def __init__(self, metadata, *flags):
        super().__init__()
        command = [os.environ["SP_ROUTES"], "--base", BASE, "--idp-metadata", metadata, "--sign", *flags]
        self.told = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, method, target, headers=(), body=None, now=None):
        question = {"method": method, "target": target, "headers": list(headers), "body": body, "now": now}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "sp_routes has ended, asked for %s" % target
        self.told.append(json.loads(line))
        return self.told[-1]

    def send(self, request, **_how):
        headers = [(k, v) for k, v in request.headers.items() if k.lower() in ("cookie", "content-type")]
        told = self.ask(request.method, request.path_url, headers, request.body)
        answer, message = requests.Response(), email.message.Message()
        for name, value in told["headers"]:
            # To a browser, loopback is as safe as https; to this one it is not.
            message[name] = value.replace("; Secure", "")
        answer.status_code, answer.url, answer.request = told["status"], request.url, request
        answer.headers.update(dict(told["headers"]))
        answer._content, answer._content_consumed, answer.encoding = told["body"].encode(), True, "utf-8"
        answer.raw = types.SimpleNamespace(_original_response=types.SimpleNamespace(msg=message))
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Hop:
    """What a browser is about to send, and what of SAML it carries."""

    def __init__(self, url, fields=None):
        self.url, self.fields, self.binding = url, fields, "post" if fields else "redirect"
        carried = fields or dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        self.relay_state = carried.get("RelayState")
        self.kind = next((kind for kind in ("SAMLRequest", "SAMLResponse") if kind in carried), None)
        self.ours = url.startswith(SITE)
        self.path = "/" + url[len(SITE):].split("?")[0]
        if self.kind:
            packed = base64.b64decode(carried[self.kind])
            self.xml = (packed if fields else zlib.decompress(packed, -15)).decode()

    def with_xml(self, xml):
        """The same with another message; what vouches for it stays as it was."""
        if self.fields:
            return Hop(self.url, {**self.fields, self.kind: base64.b64encode(xml.encode()).decode()})
        packed = zlib.compress(xml.encode(), wbits=-15)
        value = urllib.parse.quote(base64.b64encode(packed).decode(), safe="")
        url, found = re.subn(r"(%s=)[^&]+" % self.kind, lambda m: m[1] + value, self.url)
        assert found == 1, self.url
        return Hop(url)

    def changed(self):
        """Sent in another second than it says: nothing but the signature can tell."""
        xml, found = re.subn(r'(IssueInstant="[^"]*:\d)(\d)', lambda m: m[1] + str((int(m[2]) + 1) % 10), self.xml, count=1)
        assert found == 1, self.xml
        return self.with_xml(xml)

    def unsigned(self):
        if self.fields:
            xml, found = re.subn(r"(?s)<(?:\w+:)?Signature[ >].*?</(?:\w+:)?Signature>", "", self.xml)
            assert found == 1, self.xml
            return self.with_xml(xml)
        url, found = re.subn(r"&(?:SigAlg|Signature)=[^&]+", "", self.url)
        assert found == 2, self.url
        return Hop(url)

    def ask(self, site, headers=(), **how):
        """Sent to one of our sites by somebody with these cookies; returns what came of it."""
        target = self.url[len(SITE) - 1:]
        if not self.fields:
            return site.ask("GET", target, headers, **how)
        form = ("content-type", "application/x-www-form-urlencoded")
        return site.ask("POST", target, [form, *headers], urllib.parse.urlencode(self.fields), **how)


class Person(Browser):
    """Follows redirects, forms and the first frame of a page, from hop to hop."""

    def __init__(self, p, site):
        super().__init__()
        self.mount(SITE, site)
        self.p, self.site = p, site

    def go(self, hop, until):
        """Until a hop that is asked for, which is not done and returned; or until a page, with None."""
        while True:
            how = {"method": "POST", "data": hop.fields} if hop.fields else {"method": "GET"}
            answer = self.request(url=hop.url, allow_redirects=False, **how)
            if answer.is_redirect:
                hop = Hop(urllib.parse.urljoin(hop.url, answer.headers["location"]))
            else:
                form, frame = self.p.form(answer.text), re.search(r'<iframe src="([^"]+)"', answer.text)
                if form:
                    url = form.pop("action")
                    hop = Hop(url, form)
                elif frame:
                    hop = Hop(urllib.parse.urljoin(hop.url, html.unescape(frame[1])))
                else:
                    self.at = hop
                    return None
            if until(hop):
                return hop

    def sign_in(self, user):
        """The whole login; returns what the site learnt."""
        hop = self.go(Hop(BASE + "/login?return_to=/in"), until=lambda hop: not hop.ours)
        self.fields = hop.fields
        form = self.p.sign_in(hop.url, *user, session=self)
        url = form.pop("action")
        self.go(Hop(url, form), until=lambda hop: not hop.ours)
        told = next(told for told in reversed(self.site.told) if told["outcome"] != "NotOurs")
        assert told["outcome"] == "SignedIn", told
        return told["login"]

    def session(self):
        """Who the site says is signed in here."""
        self.go(Hop(SITE + "in"), until=lambda hop: True)
        return self.site.told[-1]["session"]

    def cookie_header(self):
        return [("cookie", "; ".join("%s=%s" % (c.name, c.value) for c in self.cookies))]


def other_key(p):
    """The metadata with a key that is not the identity provider's."""
    subprocess.run([IDPS + "/common/mkkeys.sh", p.run, "stranger"], check=True)
    with open(p.run + "/stranger.crt", encoding="ascii") as f:
        body = "".join(line.strip() for line in f if "-----" not in line)
    return p.metadata_with(r"(<(?:\w+:)?X509Certificate[^>]*>)[^<]+", lambda m: m[1] + body)
