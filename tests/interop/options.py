"""What the hooks of the two identity providers in Python share: the options of the moment, and paths of our own."""
import html
import http.server
import json
import os
import urllib.parse

PATHS = {}
Handler = http.server.BaseHTTPRequestHandler
parse_http = Handler.parse_request


def options():
    """Without the file nothing has been told yet."""
    path = os.environ["INTEROP_RUN"] + "/options.json"
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def option(name):
    return options().get(name, False)


def serve(path):
    """The function answers this path instead of the web part: function(handler, fields, how they were sent, by POST)."""
    def keep(function):
        PATHS[path] = function
        return function
    return keep


def parse_request(self):
    found = parse_http(self)
    if found and urllib.parse.urlsplit(self.path).path in PATHS:
        self.asked, self.command = self.command, "OURS"
    return found


def do_ours(self):
    url, posted = urllib.parse.urlsplit(self.path), self.asked == "POST"
    raw = self.rfile.read(int(self.headers["Content-Length"])).decode() if posted else url.query
    with self.server.lock:
        try:
            PATHS[url.path](self, dict(urllib.parse.parse_qsl(raw, keep_blank_values=True)), raw, posted)
        except Exception as e:  # as the web parts do
            self.send("%s: %s" % (type(e).__name__, html.escape(str(e))), 400)


def form(action, **fields):
    inputs = "".join('<input type="hidden" name="%s" value="%s">' % (k, html.escape(v)) for k, v in fields.items() if v)
    return '<!DOCTYPE html><form method="post" action="%s">%s</form>' % (html.escape(action), inputs)


Handler.parse_request, Handler.do_OURS = parse_request, do_ours
