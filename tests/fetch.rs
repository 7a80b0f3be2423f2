//! Metadata fetched over TLS from a server on this machine, which misbehaves in every way that a server can.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use entra_sso::fetch::Fetcher;
use entra_sso::tenants::{Fetched, Settings, Tenants, Trust};
use entra_sso::testing::TestIdp;
use entra_sso::{Certificate, Error, MemoryReplayCache, UnixTime};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ETAG: &str = "\"7\"";

type Tls = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A server by TLS on loopback, and its port. It ends with the test.
fn server() -> u16 {
    let listener = TcpListener::bind(("localhost", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let certificate = CertificateDer::from(include_bytes!("support/tls/localhost.cert.der").as_slice());
    let key = PrivatePkcs8KeyDer::from(include_bytes!("support/tls/localhost.key.der").as_slice());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .map(Arc::new)
        .expect("a pair");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            // Whoever hangs up in the middle has seen enough.
            thread::spawn(move || answer(StreamOwned::new(connection, stream), port).ok());
        }
    });
    port
}

fn answer(mut stream: Tls, port: u16) -> std::io::Result<()> {
    let (mut path, mut known) = (String::new(), false);
    for line in BufReader::new(&mut stream).lines() {
        let line = line?;
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        known |= line.eq_ignore_ascii_case(&format!("if-none-match: {ETAG}"));
        if line.is_empty() {
            break;
        }
    }
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let head = match path.as_str() {
        "/metadata" if known => "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
        "/metadata" => {
            let body = TestIdp::new().metadata();
            format!("HTTP/1.1 200 OK\r\nETag: {ETAG}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
        "/moved" => redirect("/metadata"),
        "/moved-here" => redirect(&format!("https://localhost:{port}/metadata")),
        "/away" => redirect(&format!("https://127.0.0.1:{port}/metadata")),
        "/down" => redirect(&format!("http://localhost:{port}/metadata")),
        "/port" => redirect("https://localhost:1/metadata"),
        "/file" => redirect("file:///etc/hosts"),
        "/nowhere" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/loop" => redirect("/loop"),
        "/short" => "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<EntityDescriptor".to_owned(),
        "/page" => "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>".to_owned(),
        "/endless" | "/slow" => "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        "/unasked" => "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
        "/garbage" => "\0\u{1}\u{2} 200\r\n\r\n".to_owned(),
        "/headers" => "HTTP/1.1 200 OK\r\n".to_owned(),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    match path.as_str() {
        "/endless" => loop {
            stream.write_all(&[b' '; 16 << 10])?;
        },
        "/headers" => loop {
            stream.write_all(b"X-More: and more\r\n")?;
        },
        // Until the other side gives up.
        "/slow" => stream.read(&mut [0; 1]).map(drop),
        _ => {
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn root() -> Certificate {
    Certificate::parse(include_bytes!("support/tls/root.cert.der")).expect("a certificate")
}

fn fetcher() -> Fetcher {
    Fetcher::new().with_roots(vec![root()]).allowing_private_addresses().without_proxy()
}

/// One connection with this address for its metadata.
fn tenants(url: &str) -> Tenants {
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    let trust = Trust::MetadataUrl { url: url.parse().expect("a URL"), entity_id: None };
    tenants.put(Settings::new("contoso".parse().expect("an ID"), trust), NOW).expect("good settings");
    tenants
}

fn fetched(fetcher: &Fetcher, url: &str) -> Result<Fetched, Error> {
    fetcher.fetch(&tenants(url).due(NOW).pop().expect("a ticket"))
}

#[test]
fn metadata_is_fetched_installed_and_asked_for_again_by_its_etag() {
    let port = server();
    let tenants = tenants(&format!("https://localhost:{port}/metadata"));
    let mut refreshed = fetcher().refresh(&tenants, NOW);
    let (id, outcome) = refreshed.pop().expect("one connection");
    assert_eq!((id.as_ref(), outcome.expect("metadata").added.len()), ("contoso", 1));
    let later = NOW.plus(Duration::from_secs(2 * 3600));
    let ticket = tenants.due(later).pop().expect("a ticket");
    assert_eq!(ticket.etag(), Some(ETAG));
    let again = fetcher().fetch(&ticket).expect("an answer");
    assert!(matches!(again, Fetched::NotModified), "{again:?}");
    let changes = tenants.install(ticket, again, later).expect("what stands");
    assert!(changes.added.is_empty() && changes.removed.is_empty());
    assert!(fetcher().refresh(&tenants, later).is_empty(), "nothing is due");
}

#[test]
fn only_a_redirect_on_the_same_host_is_followed() {
    let port = server();
    let of = |path: &str| fetched(&fetcher(), &format!("https://localhost:{port}{path}"));
    for path in ["/moved", "/moved-here"] {
        assert!(matches!(of(path), Ok(Fetched::Document { .. })), "{path}");
    }
    for path in ["/away", "/down", "/port", "/file", "/loop"] {
        assert_eq!(of(path).expect_err(path).code(), "fetch.redirect", "{path}");
    }
}

#[test]
fn a_server_that_misbehaves_does_no_harm() {
    let port = server();
    let quick = || fetcher().with_timeout(Duration::from_millis(500));
    for (path, fetcher, wanted) in [
        ("/missing", fetcher(), "fetch.status"),
        ("/nowhere", fetcher(), "fetch.redirect"),
        ("/unasked", fetcher(), "fetch.redirect"),
        ("/endless", fetcher(), "fetch.too_large"),
        ("/slow", quick(), "fetch.timeout"),
        ("/short", fetcher(), "fetch.unreachable"),
        ("/garbage", fetcher(), "fetch.unreachable"),
        ("/headers", fetcher(), "fetch.unreachable"),
    ] {
        let tenants = tenants(&format!("https://localhost:{port}{path}"));
        let (_, outcome) = fetcher.refresh(&tenants, NOW).pop().expect("one connection");
        assert_eq!(outcome.expect_err(path).code(), wanted, "{path}");
        assert!(tenants.next_due().is_some_and(|next| next > NOW), "it is asked again later: {path}");
    }
    let tenants = tenants(&format!("https://localhost:{port}/page"));
    let (_, outcome) = fetcher().refresh(&tenants, NOW).pop().expect("one connection");
    assert_eq!(outcome.expect_err("a page").code(), "saml.metadata_unexpected_document");
}

#[test]
fn servers_that_do_not_answer_keep_no_other_from_being_asked() {
    let port = server();
    let base = "https://app.example/saml".parse().expect("a URL");
    let tenants = Tenants::at(&base, Arc::new(MemoryReplayCache::default()));
    for number in 0..40 {
        let path = if number < 15 { "slow" } else { "metadata" };
        let url = format!("https://localhost:{port}/{path}").parse().expect("a URL");
        let id = format!("c-{number}").parse().expect("an ID");
        tenants.put(Settings::new(id, Trust::MetadataUrl { url, entity_id: None }), NOW).expect("good settings");
    }
    let outcomes = fetcher().with_timeout(Duration::from_secs(5)).refresh(&tenants, NOW);
    let good = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    assert_eq!((outcomes.len(), good), (40, 25));
}

#[test]
fn whoever_cannot_show_a_trusted_certificate_for_the_name_is_not_asked() {
    let port = server();
    let url = format!("https://localhost:{port}/metadata");
    let of_the_web = Fetcher::new().allowing_private_addresses().without_proxy();
    assert_eq!(fetched(&of_the_web, &url).expect_err("an unknown root").code(), "fetch.unreachable");
    let other_name = format!("https://127.0.0.1:{port}/metadata");
    assert_eq!(fetched(&fetcher(), &other_name).expect_err("another name").code(), "fetch.unreachable");
}

#[test]
fn an_address_inside_a_network_is_not_asked_unless_that_was_allowed() {
    let port = server();
    let outside = Fetcher::new().with_roots(vec![root()]).without_proxy();
    for host in ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1"] {
        let error = fetched(&outside, &format!("https://{host}:{port}/metadata")).expect_err(host);
        assert_eq!(error.code(), "fetch.unreachable", "{host}");
        assert!(error.to_string().contains("host not found"), "{error}");
    }
}
