//! No message makes the library open a file or a socket. The control shows that it would: the same library, given a
//! message as it came, fetches what a reference names before it looks at the signature.
//!
//! Two witnesses stand in the process: a listener, and a pipe whose reader would wait for ever. `tests/second_opinion.sh`
//! runs this test under strace as a third, which sees everything between the marks.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use xmlsec::{XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

use crate::documents::{Dice, KEYS, Shape};
use crate::{DS, Verdict, ada, judge, library, trusting};

/// Far more than judging takes; reached only when the library waits at the pipe.
const LONG: Duration = Duration::from_secs(60);

/// What an attacker would have opened.
struct Bait {
    listener: TcpListener,
    pipe: PathBuf,
}

impl Bait {
    fn lay(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let pipe = std::env::temp_dir().join(format!("entra-sso-{}-{name}", std::process::id()));
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        Self { listener, pipe }
    }

    fn urls(&self) -> [String; 2] {
        let port = self.listener.local_addr().expect("an address").port();
        [format!("http://127.0.0.1:{port}/bait"), format!("file://{}", self.pipe.display())]
    }

    fn nobody_connected(&self) -> bool {
        self.listener.set_nonblocking(true).expect("a listener");
        matches!(self.listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl Drop for Bait {
    fn drop(&mut self) {
        std::fs::remove_file(&self.pipe).ok();
    }
}

/// Leaves a mark in what strace writes.
fn mark(name: &str) {
    assert!(!Path::new("/mark-of-second-opinion").join(name).exists());
}

#[test]
fn no_message_makes_the_library_open_a_file_or_a_socket() {
    let bait = Bait::lay("bait");
    let messages: Vec<_> = bait.urls().iter().flat_map(|url| hostile(url)).collect();
    let (done, judged) = mpsc::channel();
    std::thread::spawn(move || {
        let sp = trusting(KEYS[0].certificate);
        // What a process does once: the settings of OpenSSL are read, for one.
        assert_eq!(judge(&sp, &Shape::entra().signed(&mut Dice(1))), ada());
        mark("begin");
        let verdicts: Vec<Verdict> = messages.iter().map(|(_, _, xml)| judge(&sp, xml)).collect();
        mark("end");
        done.send((messages, verdicts)).expect("somebody waits");
    });
    let (messages, verdicts) = judged.recv_timeout(LONG).expect("nobody waits at the pipe");
    for ((what, expected, xml), found) in messages.iter().zip(verdicts) {
        assert_eq!(found, *expected, "{what}\n{xml}");
    }
    assert!(bait.nobody_connected());
}

/// Messages that name a URL wherever one may stand, each with the verdict. Those that are accepted have been before the
/// library.
fn hostile(url: &str) -> Vec<(&'static str, Verdict, String)> {
    let signed = |shape: Shape| shape.signed(&mut Dice(1));
    let entra = signed(Shape::entra());
    let mut out = Vec::new();
    let mut refused = |what, code, xml: String| {
        assert!(xml.contains(url), "{what}: nothing was replaced");
        out.push((what, Err(code), xml));
    };
    let reference = |uri: &str| entra.replacen("#_assertion", uri, 1);
    refused("reference", "saml.reference_invalid", reference(url));
    refused("second reference", "saml.signature_malformed", {
        let start = entra.find("<Reference").expect("a reference");
        let end = entra.find("</SignedInfo>").expect("its end");
        let other = entra[start..end].replacen("#_assertion", url, 1);
        [&entra[..start], &other, &entra[start..]].concat()
    });
    let xpointer = format!("#xpointer(document('{url}'))");
    refused("pointer", "saml.reference_invalid", reference(&xpointer));
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
    let transform =
        |algorithm: &str, content: &str| entra.replacen(enveloped, &format!("{algorithm}\">{content}</Transform>"), 1);
    let sheet = format!(
        "<xsl:stylesheet xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\" version=\"1.0\"><xsl:include \
         href=\"{url}\"/><xsl:template match=\"/\"><xsl:copy-of select=\"document('{url}')\"/></xsl:template>\
         </xsl:stylesheet>"
    );
    let algorithm = "http://www.w3.org/TR/1999/REC-xslt-19991116";
    refused("stylesheet", "saml.algorithm_not_allowed", transform(algorithm, &sheet));
    let path = format!("<XPath>document('{url}')</XPath>");
    let algorithm = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    refused("path", "saml.algorithm_not_allowed", transform(algorithm, &path));
    let manifest = format!(
        "<Object><Manifest><Reference URI=\"{url}\"><DigestMethod Algorithm=\"{DS}sha1\"/><DigestValue/></Reference>\
         </Manifest></Object></Signature>"
    );
    refused("manifest", "saml.signature_malformed", entra.replacen("</Signature>", &manifest, 1));
    refused("external DTD", "saml.xml_doctype", format!("<!DOCTYPE r SYSTEM \"{url}\">{entra}"));
    let entity = entra.replacen("Ada Lovelace", "&e;", 1);
    let doctype = format!("<!DOCTYPE r [<!ENTITY e SYSTEM \"{url}\"><!ENTITY % p SYSTEM \"{url}\">%p;]>");
    refused("external entity", "saml.xml_doctype", format!("{doctype}{entity}"));
    let instruction = format!("<?xml-stylesheet href=\"{url}\" type=\"text/xsl\"?>");
    refused("style sheet", "saml.xml_malformed", format!("{instruction}{entra}"));
    refused("model", "saml.xml_malformed", format!("<?xml-model href=\"{url}\"?>{entra}"));

    let mut accepted = |what, shape: Shape| {
        let xml = signed(shape);
        assert!(xml.contains(url), "{what}: nothing was replaced");
        out.push((what, ada(), xml));
    };
    let key_infos = [
        format!("<RetrievalMethod URI=\"{url}\" Type=\"{DS}X509Data\"/>"),
        format!("<RetrievalMethod URI=\"{url}\" Type=\"{DS}rawX509Certificate\"/>"),
        format!("<KeyInfoReference xmlns=\"http://www.w3.org/2009/xmldsig11#\" URI=\"{url}\"/>"),
        format!("<X509Data><X509URL>{url}</X509URL><X509CRL>{url}</X509CRL></X509Data><KeyName>{url}</KeyName>"),
    ];
    for key_info in key_infos {
        let shape = Shape { key_info: [key_info.clone(), key_info], ..Shape::entra() };
        accepted("KeyInfo of the assertion", shape.clone());
        accepted("KeyInfo of the response", Shape { signed: [true, false], ..shape.clone() });
        // Here that of the assertion is part of what the response signs, and stays in what the library is shown.
        accepted("KeyInfo inside what is signed", Shape { signed: [true, true], ..shape });
    }
    let include = format!("<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"{url}\" parse=\"text\"/>");
    for signed in [[false, true], [true, false]] {
        let shape = Shape { signed, ..Shape::entra() };
        accepted("inclusion in extensions", Shape { extensions: include.clone(), ..shape.clone() });
        accepted("inclusion in a value", Shape { value: include.clone(), ..shape.clone() });
        let located = format!(
            " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:schemaLocation=\"urn:x {url}\" \
             i:noNamespaceSchemaLocation=\"{url}\" xml:base=\"{url}\""
        );
        accepted("schema location", Shape { attributes: located, ..shape.clone() });
        let mut named = shape;
        named.noise[1] = format!(" xmlns:n=\"{url}\"");
        named.lists[1] = "n".to_owned();
        accepted("namespace", named);
    }
    out
}

/// The control: given the message as it came, the library opens both.
#[test]
fn a_message_as_it_came_would_make_the_library_open_both() {
    let bait = Bait::lay("control");
    let [by_http, by_file] = bait.urls().map(|url| {
        let xml = Shape::entra().signed(&mut Dice(1));
        xml.replacen("#_assertion", &url, 1)
    });
    let (done, verified) = mpsc::channel();
    let pipe = bait.pipe.clone();
    std::thread::spawn(move || {
        mark("control-begin");
        verify_as_it_came(&by_http);
        done.send("http").expect("somebody waits");
        verify_as_it_came(&by_file);
        mark("control-end");
        done.send("file").expect("somebody waits");
        // Lets go of whoever still waits for a reader.
        let mut nobody = Vec::new();
        drop(File::open(&pipe).map(|mut pipe| pipe.read_to_end(&mut nobody)));
    });
    // Both wait until the library comes, or its thread has ended without.
    let connected = loop {
        bait.listener.set_nonblocking(true).expect("a listener");
        match (bait.listener.accept(), verified.try_recv()) {
            (Ok(_), _) => break true,
            (Err(_), Ok(_)) => break !bait.nobody_connected(),
            (Err(_), Err(_)) => std::thread::yield_now(),
        }
    };
    assert!(connected, "libxmlsec1 fetched nothing by HTTP: then this control controls nothing");
    let writer = OpenOptions::new().write(true).open(&bait.pipe).expect("a pipe");
    let opened = !verified.try_iter().any(|which| which == "file");
    drop(writer);
    assert!(opened, "libxmlsec1 opened no file: then this control controls nothing");
    // What is traced ends at the mark behind that, not with this test.
    while verified.recv_timeout(LONG).expect("the library comes back") != "file" {}
}

fn verify_as_it_came(xml: &str) {
    let document = library::parse(xml).expect("well-formed");
    let mut context = XmlSecSignatureContext::new();
    let key = XmlSecKey::from_memory(KEYS[0].certificate, XmlSecKeyFormat::CertDer, None);
    context.insert_key(key.expect("a certificate"));
    context.verify_document(&document).ok();
}
