//! Fetches metadata over TLS, for programs without an HTTP client of their own (feature `fetch`).
//!
//! It blocks: call it from a thread of its own. In an asynchronous program, `tokio::task::spawn_blocking` does, or your own
//! client: see the [manual](crate::manual::federation#refresh).

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate as RootCertificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error as Failure};

use crate::crypto::Certificate;
use crate::encoding::Quoted;
use crate::error::{Error, FetchError};
use crate::ids::{EndpointUrl, TenantId};
use crate::tenants::{Fetched, KeyChanges, Refresh, Tenants};
use crate::time::UnixTime;

/// What is read at most: as much as the reader of metadata takes.
const BODY_LIMIT: u64 = 32 << 20;

/// For all of one document, from the name to the last byte. Entra's take half a second.
const TIMEOUT: Duration = Duration::from_secs(30);

/// From `http://…/` to `https://…/` or to another path: more is a loop.
const REDIRECTS: usize = 3;

/// Fetches metadata: by `https` only, 32 MiB at most, half a minute at most, following redirects on the same host only,
/// and from public addresses only.
///
/// The last, because the address may have been typed in by a customer: it must not lead into your own network (server-side
/// request forgery, CWE-918). Names are looked up once, and what was looked up is what is connected to. Proxies that the
/// environment names are used, as everywhere; then it is the proxy that looks names up, and must keep your network to
/// itself.
#[derive(Debug)]
#[must_use]
pub struct Fetcher {
    timeout: Duration,
    roots: Vec<Certificate>,
    private_addresses: bool,
    by_proxy: bool,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self { timeout: TIMEOUT, roots: Vec::new(), private_addresses: false, by_proxy: true }
    }
}

/// Documents at a time: together they hold a quarter of a gigabyte at most.
const AT_ONCE: usize = 8;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fetcher {
    /// With the roots of the web (Mozilla's) to judge certificates by.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// How long one document may take; half a minute unless said otherwise.
        with_timeout(timeout: Duration) { timeout = timeout }
        /// Takes certificates by these authorities, in the place of the web's: for an identity provider inside your network.
        with_roots(roots: Vec<Certificate>) { roots = roots }
        /// Connects to addresses that are not public too: for an identity provider inside your network. Whoever can enter an
        /// address can then have you ask any host in it that speaks TLS with a certificate you trust.
        allowing_private_addresses() { private_addresses = true }
        /// Pays no heed to proxies that the environment names.
        without_proxy() { by_proxy = false }
    }

    /// Fetches and installs what is due, eight at a time, so that servers that are dead keep nobody waiting for long; returns
    /// what became of each. Whatever goes wrong, what stands stays, and the ticket comes again.
    pub fn refresh(&self, tenants: &Tenants, now: UnixTime) -> Vec<(TenantId, Result<KeyChanges, Error>)> {
        let (agent, begun) = (self.agent(), Instant::now());
        let due = tenants.due(now);
        let helpers = due.len().min(AT_ONCE).saturating_sub(1);
        let (tickets, outcomes, reading) = (Mutex::new(due.into_iter()), Mutex::new(Vec::new()), Mutex::new(()));
        let one = |ticket: Refresh| {
            let fetched = get(self, &agent, ticket.url(), ticket.etag())?;
            // A large document takes many times its size to read: one after the other.
            let _reading = locked(&reading);
            // A round of many takes its time, and what was fetched is judged by the time at which it came.
            tenants.install(ticket, fetched, now.plus(begun.elapsed()))
        };
        let next = || locked(&tickets).next();
        let work = || {
            while let Some(ticket) = next() {
                let outcome = (ticket.tenant().clone(), one(ticket));
                locked(&outcomes).push(outcome);
            }
        };
        thread::scope(|scope| {
            for _ in 0..helpers {
                // Where no more threads are to be had, this one does the work.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches one document.
    ///
    /// # Errors
    /// When it cannot be had within the bounds.
    pub fn fetch(&self, ticket: &Refresh) -> Result<Fetched, Error> {
        Ok(get(self, &self.agent(), ticket.url(), ticket.etag())?)
    }

    fn agent(&self) -> Agent {
        let roots: Vec<_> = self.roots.iter().map(|root| RootCertificate::from_der(root.der()).to_owned()).collect();
        let roots = if roots.is_empty() { RootCerts::WebPki } else { roots.into() };
        let config = Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(64 << 10)
            .max_idle_connections(0)
            .user_agent(concat!("entra-sso/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        let config = if self.by_proxy { config } else { config.proxy(None) };
        let resolver = Guarded { private_addresses: self.private_addresses, system: DefaultResolver::default() };
        Agent::with_parts(config.build(), DefaultConnector::default(), resolver)
    }
}

fn get(fetcher: &Fetcher, agent: &Agent, url: &EndpointUrl, etag: Option<&str>) -> Result<Fetched, FetchError> {
    let (mut here, begun) = (url.clone(), Instant::now());
    // A proxy connects to whatever address it is told; a redirect leads to no other host.
    if !fetcher.private_addresses && url.address().is_some_and(|address| !is_public(address)) {
        return Err(failed(&Failure::HostNotFound));
    }
    for _ in 0..=REDIRECTS {
        // All redirects share the time of the one document.
        let left = fetcher.timeout.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(FetchError::Timeout);
        }
        let request = agent.get(here.as_ref()).config().timeout_global(Some(left)).build();
        let request = etag.iter().fold(request, |request, etag| request.header(IF_NONE_MATCH, *etag));
        let mut response = request.call().map_err(|failure| failed(&failure))?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        match response.status() {
            StatusCode::OK => {
                let etag = header(ETAG).filter(|etag| etag.len() <= 256);
                let mut body = Vec::new();
                let reader = response.body_mut().as_reader().take(BODY_LIMIT + 1);
                let read = { reader }.read_to_end(&mut body);
                read.map_err(|failure| failed(&Failure::from(failure)))?;
                return match u64::try_from(body.len()) {
                    Ok(length) if length <= BODY_LIMIT => Ok(Fetched::Document { body, etag }),
                    _ => Err(FetchError::TooLarge(BODY_LIMIT)),
                };
            }
            StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Fetched::NotModified),
            status if status.is_redirection() => {
                let to = header(LOCATION).unwrap_or_default();
                here = here.redirected(&to).ok_or_else(|| FetchError::Redirect(Quoted::new(&to)))?;
            }
            status => return Err(FetchError::Status(status.as_u16())),
        }
    }
    Err(FetchError::Redirect(Quoted::new(here.as_ref())))
}

fn failed(failure: &Failure) -> FetchError {
    match failure {
        Failure::Timeout(_) => FetchError::Timeout,
        Failure::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => FetchError::Timeout,
        other => FetchError::Unreachable(Quoted::new(&other.to_string())),
    }
}

/// Looks names up as the system does, and leaves out what is not public.
#[derive(Debug)]
struct Guarded {
    private_addresses: bool,
    system: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Failure> {
        let all = self.system.resolve(uri, config, timeout)?;
        // The proxy is named by whoever runs the program, and is inside nearly always.
        let anywhere = self.private_addresses || config.proxy().is_some_and(|proxy| proxy.uri() == uri);
        let mut allowed = self.empty();
        all.iter().filter(|found| anywhere || is_public(found.ip())).for_each(|found| allowed.push(*found));
        let any: Option<&SocketAddr> = allowed.iter().next();
        match any {
            Some(_) => Ok(allowed),
            None => Err(Failure::HostNotFound),
        }
    }
}

/// Whether an address is on the public internet, by IANA's registries of special-purpose addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped().or_else(|| embedded(v6)) {
            Some(v4) => is_public_v4(v4),
            // 2000::/3 is all that has been given out; of it 2001::/23 (protocols) and 2001:db8::/32 (documentation) are not.
            None => match v6.segments() {
                [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
                [0x3fff, second, ..] => second >= 0x1000,
                [first, ..] => first & 0xe000 == 0x2000,
            },
        },
    }
}

/// An IPv4 address inside: translated (`64:ff9b::/96`, RFC 6052) or tunnelled (`2002::/16`, RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let special = match v4.octets() {
        // This network, shared by carriers, protocols and documentation, benchmarks, and everything from multicast on.
        [0, ..] | [100, 64..=127, ..] | [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => true,
        [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] | [224..=255, ..] => true,
        // In no registry, but every virtual machine in Azure has its own host behind it (wire server).
        [168, 63, 129, 16] => true,
        _ => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
    };
    !special
}

#[cfg(test)]
#[path = "../tests/unit/fetch.rs"]
mod tests;
