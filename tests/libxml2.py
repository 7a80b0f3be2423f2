"""Asks libxml2 about documents and canonical forms that `tests/unit/oracles.rs` has written: whether it takes the same
documents, and whether each canonical form is the one that it makes, octet by octet. Called by libxml2.sh.

libxml2 is called as a library, in this process: so there can be a hundred thousand documents, and forms of an element
inside its document and with a list of prefixes, which no command line of it can ask for."""

import base64
import collections
import ctypes
import ctypes.util
import json
import re
import sys

NAME = ctypes.util.find_library("xml2")
if not NAME:
    sys.exit("libxml2: there is no such library")
XML = ctypes.CDLL(NAME)


class Error(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_int), ("code", ctypes.c_int), ("message", ctypes.c_char_p), ("level", ctypes.c_int)]


class NodeSet(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int), ("room", ctypes.c_int), ("nodes", ctypes.POINTER(ctypes.c_void_p))]


class XPathObject(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("nodes", ctypes.POINTER(NodeSet))]


def declare(name, result, *arguments):
    function = getattr(XML, name)
    function.restype, function.argtypes = result, arguments
    return function


P, I, S = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
read_memory = declare("xmlReadMemory", P, S, I, S, S, I)
free_doc = declare("xmlFreeDoc", None, P)
internal_subset = declare("xmlGetIntSubset", P, P)
new_context = declare("xmlXPathNewContext", P, P)
free_context = declare("xmlXPathFreeContext", None, P)
evaluate = declare("xmlXPathEvalExpression", ctypes.POINTER(XPathObject), S, P)
free_object = declare("xmlXPathFreeObject", None, ctypes.POINTER(XPathObject))
c14n = declare("xmlC14NDocDumpMemory", I, P, ctypes.POINTER(NodeSet), I, ctypes.POINTER(S), I, ctypes.POINTER(P))
free = ctypes.CFUNCTYPE(None, P)(ctypes.c_void_p.in_dll(XML, "xmlFree").value)
Handler = ctypes.CFUNCTYPE(None, P, ctypes.POINTER(Error))

# Without the first, a namespace with &amp; keeps it as &#38; in canonical forms.
ENTITIES, NO_NETWORK, EXCLUSIVE, NO_COMMENTS, ERROR = 1 << 1, 1 << 11, 1, 0, 2
# It calls it an error if a namespace is no URI; for XML it is a name, whatever it looks like.
NO_URI = 99
errors = []


@Handler
def note(_, error):
    found = error.contents
    if found.level >= ERROR:
        errors.append((found.code, (found.message or b"").decode(errors="replace").strip()))


declare("xmlSetStructuredErrorFunc", None, P, Handler)(None, note)


class Document:
    def __init__(self, data):
        errors.clear()
        self.doc = read_memory(data, len(data), None, None, ENTITIES | NO_NETWORK)
        self.faults = [error for error in errors if error[0] != NO_URI]
        self.context = new_context(self.doc) if self.doc else None

    def close(self):
        if self.doc:
            free_context(self.context)
            free_doc(self.doc)

    def taken(self):
        return bool(self.doc) and not self.faults

    def has(self, xpath):
        result = evaluate(xpath.encode(), self.context)
        count = result.contents.nodes.contents.count if result.contents.nodes else 0
        free_object(result)
        return count > 0

    def inside(self, apex, without):
        """Selects the nodes inside the element with this number, without those of another one in it."""
        nodes = f"(//*)[{apex}]/descendant-or-self::node()"
        return nodes + f"[not(ancestor-or-self::*[count(.|(//*)[{without}])=1])]" if without else nodes

    def form(self, apex, without, prefixes):
        """The canonical form; None where there is none."""
        inside = self.inside(apex, without)
        nodes = f"{inside} | {inside}/@* | {inside}/namespace::*"
        result = evaluate(nodes.encode(), self.context)
        out, names = P(), (S * (len(prefixes) + 1))(*[name.encode() for name in prefixes], None)
        length = c14n(self.doc, result.contents.nodes, EXCLUSIVE, names, NO_COMMENTS, ctypes.byref(out))
        text = ctypes.string_at(out, length).decode() if length >= 0 else None
        if out:
            free(out)
        free_object(result)
        return text


def is_taken(data):
    document = Document(data)
    document.close()
    return document.taken()


def disagreement(document, data, code, rule):
    """What libxml2 takes and we refuse: which of the known reasons it is, by what libxml2 itself sees."""
    if code == "saml.xml_doctype" and internal_subset(document.doc):
        return "we refuse a DOCTYPE"
    if rule == "a processing instruction" and document.has("//processing-instruction()"):
        return "we refuse processing instructions"
    if code == "saml.xml_too_large":
        return "we have limits"
    if b"\0" in data and is_taken(data.split(b"\0")[0]):
        return "it reads up to a NUL behind the root"
    head = re.match(rb"(?:\xef\xbb\xbf)?<\?xml([^>]*)\?>", data)
    declared = re.search(rb"encoding\s*=\s*.([A-Za-z0-9._-]+)", head[1]) if head else None
    if code == "saml.xml_not_utf8" and declared and declared[1].lower() != b"utf-8":
        return "we read no other encoding than UTF-8"
    if rule == "a broken XML declaration" and re.search(rb"version\s*=\s*.1\.(?!0['\"])", head[1] if head else b""):
        return "we read no other version than 1.0"
    if rule == "an attribute stands twice" and re.search(rb"<[^<]*\sxmlns:xml\s*=[^<]*\sxmlns:xml\s*=", data):
        return "it takes xmlns:xml='…' twice"
    if rule == 'an attribute is not written name="value"' and head and re.search(rb"['\"]standalone", head[1]):
        return "it wants no space before standalone"
    return None


def with_bare_ampersands(form):
    """The form with its namespaces as libxml2 writes them, so that it is no XML: Canonical XML 1.0 section 2.3 has
    references for & in them as in attributes."""
    def bare(tag):
        return re.sub(r' xmlns(?::[^= ]*)?="[^"]*"', lambda found: found[0].replace("&amp;", "&"), tag[0])

    return re.sub(r'<[^\s<>"]+(?: [^\s="]+="[^"]*")+>', bare, form or "")


def main(path):
    counts, faults = collections.Counter(), []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            data = base64.b64decode(case["document"])
            document = Document(data)
            ours, rule = case["ours"], case["rule"]
            fault = None
            if document.taken() == (ours == "taken"):
                counts["both take it" if ours == "taken" else "both refuse it"] += 1
            elif ours == "taken":
                fault = f"we take it, libxml2 says {document.faults}"
            else:
                known = disagreement(document, data, ours, rule)
                counts[f"libxml2 takes it: {known}"] += 1
                fault = None if known else f"libxml2 takes it, we say {ours}: {rule}"
            if fault:
                faults.append(f"{case['number']}: {fault}\n    {data[:2000]!r}")
            if document.doc:
                for form in case["forms"]:
                    theirs = document.form(form["apex"], form["without"], form["prefixes"])
                    counts["forms"] += 1
                    counts["forms with prefixes"] += bool(form["prefixes"])
                    counts["forms of an inner element"] += form["apex"] > 1
                    counts["forms without a signature"] += bool(form["without"])
                    if theirs is None and form["form"] is None:
                        counts["no form: a namespace is relative"] += 1
                    elif theirs != form["form"] and theirs == with_bare_ampersands(form["form"]):
                        counts["the same form but for &amp; in a namespace"] += 1
                    elif theirs != form["form"]:
                        faults.append(f"{case['number']} {form}\n    theirs: {theirs!r}\n    {data[:2000]!r}")
            document.close()
    for outcome, count in sorted(counts.items()):
        print(f"libxml2: {count:7} {outcome}")
    for fault in faults[:20]:
        print(f"libxml2: FAULT in document {fault}", file=sys.stderr)
    print(f"libxml2: {len(faults)} differences")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
