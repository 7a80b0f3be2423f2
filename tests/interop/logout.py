"""Single logout with each identity provider: begun by us and by them, by Redirect and by POST, every message checked by
whom it is for.
"""
import re

from person import BASE, SITE, Hop, Person, Site, other_key
from provider import NAME, ODD_NAME, OK, SLO, THEY, rfc3339, without_page

# As the table of logins. Every refusal is about a message that is good but for what is said, and is taken afterwards. An
# accepted logout ends one session of two that the person has, and none of another person.
COLUMNS = {
    "out redirect": ("logout begun by us, by Redirect", OK),
    "out post": ("logout begun by us, by POST", OK),
    "out bad redirect": ("our request by Redirect, changed", THEY),
    "out bad post": ("our request by POST, changed", THEY),
    "out bare redirect": ("our request by Redirect, unsigned", THEY),
    "out bare post": ("our request by POST, unsigned", THEY),
    "answer changed redirect": ("their answer by Redirect, changed", "saml.unknown_signing_key"),
    "answer changed post": ("their answer by POST, changed", "saml.digest_mismatch"),
    "answer unsigned": ("their answer, unsigned", "saml.signature_missing"),
    "answer key": ("their answer, where another key is trusted", "saml.unknown_signing_key"),
    "answer address": ("their answer, at another address of ours", "saml.logout_destination_mismatch"),
    "answer browser": ("their answer, in another browser", "saml.no_pending_logout"),
    "answer failed": ("their answer, with the status of a failure", "saml.logout_refused"),
    "answer partly": ("their answer: not all applications were reached", OK),
    "answer late": ("their answer, an hour later", "saml.pending_login_expired"),
    "answer twice": ("their answer, a second time", "saml.no_pending_logout"),
    "in redirect": ("logout begun by them, by Redirect", OK),
    "in post": ("logout begun by them, by POST", OK),
    "in bad redirect": ("our answer by Redirect, changed", THEY),
    "in bad post": ("our answer by POST, changed", THEY),
    "in bare redirect": ("our answer by Redirect, unsigned", THEY),
    "in bare post": ("our answer by POST, unsigned", THEY),
    "ask changed redirect": ("their request by Redirect, changed", "saml.unknown_signing_key"),
    "ask changed post": ("their request by POST, changed", "saml.digest_mismatch"),
    "ask unsigned": ("their request, unsigned", "saml.signature_missing"),
    "ask key": ("their request, where another key is trusted", "saml.unknown_signing_key"),
    "ask name": ("their request, where their key is trusted under another name", "saml.issuer_mismatch"),
    "ask address": ("their request, at another address of ours", "saml.logout_destination_mismatch"),
    "ask late": ("their request, two days later", "saml.expired"),
    "ask twice": ("their request, a second time", "saml.replayed"),
}
ELSEWHERE = SLO + "2"


def must_be_refused(p, column, person, hop):
    """By the identity provider: it says why on a page of its own, and sends nobody back to us."""
    back = person.go(hop, until=lambda hop: hop.ours)
    good = back is None and re.search(p.kind.logout_refusal or p.kind.refusal, person.page)
    where = back.xml if back else "%s: %s" % (person.at.url, person.page[:9000])
    p.result(column, bool(good), "not refused for its signature: %s" % where)


class Sites:
    """Ours with what it trusts, and ours with what differs by one thing each."""

    def __init__(self, p, binding):
        # What they offer is theirs; by which binding we send is for us to say.
        other = {"redirect": "POST", "post": "Redirect"}[binding]
        flags = ["--post"] if binding == "post" else []
        pattern = r'(?s)<(?:\w+:)?SingleLogoutService[^>]*HTTP-%s"[^>]*?/>' % other
        usual = p.metadata_with(pattern, "", least=0)
        self.ours = Site(usual, *flags)
        self.key = Site(other_key(p), *flags)
        self.name = Site(p.metadata_with(re.escape('entityID="%s"' % p.entity), 'entityID="%s/"' % p.entity), *flags)
        self.address = Site(usual, *flags, "--slo", ELSEWHERE)

    def close(self):
        for site in (self.ours, self.key, self.name, self.address):
            site.close()


def at_another_address(hop):
    return Hop(hop.url.replace(SLO, ELSEWHERE, 1), hop.fields)


def begin_ours(p, sites, binding):
    """Signs in, and out again, up to our request."""
    person = p.browser = Person(p, sites.ours)
    person.sign_in(p.kind.alice)
    assert person.session() == NAME, sites.ours.told
    hop = person.go(Hop(BASE + "/logout?return_to=/out"), until=lambda hop: not hop.ours)
    assert sites.ours.told[-1]["ended"] == 1 and person.session() is None
    assert (hop.kind, hop.binding) == ("SAMLRequest", binding), hop.url
    return person, hop


def begun_by_us(p, sites, binding):
    person, hop = begin_ours(p, sites, binding)
    must_be_refused(p, "out bad " + binding, person, hop.changed())
    if p.kind.costly:
        person, hop = begin_ours(p, sites, binding)
    must_be_refused(p, "out bare " + binding, person, hop.unsigned())
    if p.kind.costly:
        person, hop = begin_ours(p, sites, binding)
    answer = person.go(hop, until=lambda hop: hop.ours)
    assert answer is not None, "no answer came: %s" % person.page[:3000]
    assert (answer.kind, answer.binding) == ("SAMLResponse", binding), answer.url
    cookies = person.cookie_header()
    p.must_refuse("answer changed " + answer.binding, answer.changed().ask(sites.ours, cookies))
    p.must_refuse("answer unsigned", answer.unsigned().ask(sites.ours, cookies))
    p.must_refuse("answer key", answer.ask(sites.key, cookies))
    p.must_refuse("answer address", at_another_address(answer).ask(sites.address, cookies))
    p.must_refuse("answer browser", answer.ask(sites.ours))
    p.must_refuse("answer late", answer.ask(sites.ours, cookies, now=rfc3339(hours=1)))
    person.go(answer, until=lambda hop: not hop.ours)
    told = sites.ours.told[-2]
    p.result("out " + binding, (told["outcome"], told.get("extent")) == ("SignedOut", "Everywhere")
             and person.at.url == SITE + "out", "not signed out: %s" % without_page(told))
    p.must_refuse("answer twice", answer.ask(sites.ours, person.cookie_header()))


def other_answers(p, sites, column, status):
    """What else the identity provider may say of a logout."""
    p.configure(p.kind.usual, check=True, slo_status=status)
    person, hop = begin_ours(p, sites, "redirect")
    answer = person.go(hop, until=lambda hop: hop.ours)
    person.go(answer, until=lambda hop: True)
    told = sites.ours.told[-1]
    if p.columns[column][1] == OK:
        p.result(column, (told["outcome"], told.get("extent")) == ("SignedOut", "Partly"), "not partly: %s" % without_page(told))
    else:
        p.must_refuse(column, told)


def begun_by_them(p, sites, binding):
    others = []
    for user, name in (p.kind.odd, ODD_NAME), (p.kind.alice, NAME):
        others.append((Person(p, sites.ours), name))
        others[-1][0].sign_in(user)
    person = p.browser = Person(p, sites.ours)
    login = person.sign_in(p.kind.alice)
    hop = person.go(Hop(p.kind.begin_logout(p, login)), until=lambda hop: hop.ours)
    assert hop, "no logout began: %s" % person.page[:3000]
    assert (hop.kind, hop.binding) == ("SAMLRequest", binding), hop.url
    p.must_refuse("ask changed " + binding, hop.changed().ask(sites.ours))
    p.must_refuse("ask unsigned", hop.unsigned().ask(sites.ours))
    p.must_refuse("ask key", hop.ask(sites.key))
    p.must_refuse("ask name", hop.ask(sites.name))
    p.must_refuse("ask address", at_another_address(hop).ask(sites.address))
    p.must_refuse("ask late", hop.ask(sites.ours, now=rfc3339(days=2)))
    assert person.session() == NAME, "signed out by what was refused"
    answer = person.go(hop, until=lambda hop: not hop.ours)
    told = sites.ours.told[-1]
    assert (told["outcome"], told.get("ended")) == ("LogoutRequested", 1), told
    assert person.session() is None
    for other, name in others:
        assert other.session() == name, "the logout of somebody else, or of another session, ended it"
    assert answer and (answer.kind, answer.binding) == ("SAMLResponse", binding), told
    assert answer.relay_state == hop.relay_state, "RelayState goes back changed"
    p.must_refuse("ask twice", hop.ask(sites.ours))
    if p.can("in bad " + binding):
        must_be_refused(p, "in bad " + binding, person, answer.changed())
        must_be_refused(p, "in bare " + binding, person, answer.unsigned())
    person.go(answer, until=lambda hop: hop.ours)
    good = re.search(p.kind.signed_out, person.page) or re.search(p.kind.signed_out, person.at.url)
    p.result("in " + binding, bool(good), "our answer was not taken: %s" % person.page[:9000])


def cases(p):
    for binding in ("redirect", "post"):
        p.configure(p.kind.usual, check=True, logout=binding)
        sites = Sites(p, binding)
        try:
            if p.can("out " + binding):
                begun_by_us(p, sites, binding)
            if p.can("in " + binding):
                begun_by_them(p, sites, binding)
            for column, status in (("answer failed", "RequestDenied"), ("answer partly", "PartialLogout")):
                if binding == "redirect" and p.can(column):
                    other_answers(p, sites, column, status)
        finally:
            sites.close()
