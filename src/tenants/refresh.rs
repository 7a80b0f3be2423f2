//! Metadata that keeps itself current: tickets to fetch it, what becomes of what was fetched, and a snapshot to start from.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Connection, Tenants};
use crate::crypto::{Certificate, sha256};
use crate::error::{Error, TenantError};
use crate::ids::{EndpointUrl, EntityId, TenantId};
use crate::saml::{IdentityProvider, MetadataTrust};
use crate::time::UnixTime;

/// Entra publishes a new certificate when an administrator adds it, and it may sign an hour later.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The least time between two requests for one connection's metadata, whatever its metadata or a stranger's messages say.
const LEAST: Duration = Duration::from_secs(5 * 60);

/// A ticket to fetch the metadata of one connection, over TLS.
///
/// It is for that connection and that address: what was fetched by it cannot be installed for another. One that is dropped,
/// because the network was down, is handed out again after five minutes, then ten, twenty, forty, then every hour.
#[derive(Debug)]
#[must_use = "fetch it, then hand both to `Tenants::install`"]
pub struct Refresh {
    tenant: TenantId,
    url: EndpointUrl,
    etag: Option<String>,
    number: u64,
}

impl Refresh {
    getters! {
        /// Whose metadata it is.
        pub fn tenant(&self) -> &TenantId { &self.tenant }
        /// Where to fetch it. Follow no redirect to another host.
        pub fn url(&self) -> &EndpointUrl { &self.url }
        /// For the header `If-None-Match`, if the last answer had an `ETag`.
        pub fn etag(&self) -> Option<&str> { self.etag.as_deref() }
    }
}

/// What the server said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fetched {
    /// 200, with this body and `ETag`.
    Document {
        /// The body.
        body: Vec<u8>,
        /// The header, if there was one.
        etag: Option<String>,
    },
    /// 304: what stands is current.
    NotModified,
}

impl Fetched {
    /// A document without `ETag`.
    #[must_use]
    pub fn document(body: impl Into<Vec<u8>>) -> Self {
        Self::Document { body: body.into(), etag: None }
    }
}

/// What a refresh changed, for your audit log.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KeyChanges {
    /// Trusted from now on.
    pub added: Vec<Certificate>,
    /// Not trusted any more.
    pub removed: Vec<Certificate>,
    /// Trusted, and within a month of their end.
    pub ending: Vec<Certificate>,
}

/// As Entra's reminders: the first one is sent 60 days before, the next one 30.
const ENDING: Duration = Duration::from_secs(30 * 86_400);

/// What was fetched for a connection and stands.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) idp: IdentityProvider,
    pub(super) at: UnixTime,
    url: EndpointUrl,
    etag: Option<String>,
    number: u64,
}

impl Installed {
    /// Whether it comes from there and speaks of whom it must.
    pub(super) fn is_from(&self, source: Option<&(EndpointUrl, Option<EntityId>)>) -> bool {
        source.is_some_and(|(url, entity)| {
            *url == self.url && entity.as_ref().is_none_or(|entity| entity == self.idp.entity_id())
        })
    }
}

/// What has been fetched for all connections, to start from when an identity provider cannot be reached. It holds nothing
/// secret, but is believed: keep it where nobody else writes.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(transparent))]
pub struct Snapshot {
    saved: Vec<Saved>,
}

/// One connection in a [`Snapshot`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(deny_unknown_fields))]
pub struct Saved {
    tenant: TenantId,
    url: EndpointUrl,
    at: UnixTime,
    etag: Option<String>,
    idp: IdentityProvider,
}

impl Tenants {
    /// What to fetch now: call it every minute or so. Each connection's ticket is handed out once until its next time: at
    /// the start and when its address is changed, then about every hour (a tenth more or less, so that not all come at once), sooner if the metadata says so,
    /// and soon after a message with a key that nobody knows; never more often than every five minutes.
    #[must_use]
    pub fn due(&self, now: UnixTime) -> Vec<Refresh> {
        let handed_out = self.schedule().take_due(now);
        let ticket = |(tenant, number): (TenantId, u64)| {
            let connection = self.get(&tenant)?;
            connection.must_be_enabled().ok()?;
            let (url, _) = connection.settings.trust.source()?;
            let etag = connection.installed.as_ref().and_then(|installed| installed.etag.clone());
            Some(Refresh { tenant, url, etag, number })
        };
        handed_out.into_iter().filter_map(ticket).collect()
    }

    /// When [`due`](Self::due) has something to hand out: for a timer that sleeps until then.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixTime> {
        self.schedule().queue.first().map(|(at, _)| *at)
    }

    /// Takes what was fetched. Whatever is wrong with it, what stands stays.
    ///
    /// # Errors
    /// When it is not metadata of the identity provider that stands or that the settings name; when it has expired, names
    /// no key that can be used, or is older than what stands; when the connection is gone, or was given another address.
    pub fn install(&self, ticket: Refresh, fetched: Fetched, now: UnixTime) -> Result<KeyChanges, Error> {
        #[cfg(feature = "tracing")]
        let tenant = ticket.tenant.clone();
        let outcome = self.install_quietly(ticket, fetched, now);
        #[cfg(feature = "tracing")]
        if let Err(error) = &outcome {
            tracing::warn!(%tenant, code = error.code(), %error, "metadata refused");
        }
        outcome
    }

    fn install_quietly(&self, ticket: Refresh, fetched: Fetched, now: UnixTime) -> Result<KeyChanges, Error> {
        let stale = || TenantError::StaleTicket(ticket.tenant.clone());
        let read = |pinned: Option<&EntityId>, body: &[u8]| {
            let trust = MetadataTrust::FetchedOverTls(&ticket.url);
            match pinned {
                Some(entity) => IdentityProvider::from_metadata_for(entity, body, trust, now),
                None => IdentityProvider::from_metadata(body, trust, now),
            }
        };
        // Reading takes a while, so nobody waits for it; who changes the connection meanwhile wins.
        let before = self.known(&ticket.tenant)?;
        let pinned = before.pinned();
        let (idp, etag) = match fetched {
            Fetched::Document { body, etag } => (Some(read(pinned.as_ref(), &body)?), etag),
            Fetched::NotModified => (None, ticket.etag.clone()),
        };
        let _editing = self.edit();
        let old = self.known(&ticket.tenant)?;
        let source = old.settings.trust.source();
        let still_wanted = source.as_ref().is_some_and(|(url, _)| *url == ticket.url) && old.pinned() == pinned;
        let standing = old.installed.as_ref();
        if !still_wanted || standing.is_some_and(|standing| standing.number >= ticket.number) {
            return Err(stale().into());
        }
        let idp = match (idp, standing) {
            (Some(idp), _) => idp,
            (None, Some(standing)) => standing.idp.clone(),
            (None, None) => return Err(stale().into()),
        };
        if let Some(standing) = standing {
            must_not_be_older(&idp, standing, now)?;
        }
        self.schedule().succeeded(&ticket.tenant, now, &idp);
        let installed = Installed { idp, at: now, url: ticket.url, etag, number: ticket.number };
        Ok(self.put_installed(&old, installed, now))
    }

    /// Everything that has been fetched, to be kept across a restart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let saved = |connection: Arc<Connection>| {
            let installed = connection.installed.as_deref()?;
            let Installed { idp, at, url, etag, number: _ } = installed;
            let (idp, url, etag) = (idp.clone(), url.clone(), etag.clone());
            Some(Saved { tenant: connection.id().clone(), url, at: *at, etag, idp })
        };
        Snapshot { saved: self.iter().filter_map(saved).collect() }
    }

    /// Takes what was kept, for connections that have nothing better: call it after [`put`](Self::put), at the start. Each
    /// is fetched anew all the same. Returns what could not be taken, and why; it does no harm.
    pub fn restore(&self, snapshot: Snapshot, now: UnixTime) -> Vec<(TenantId, Error)> {
        let refused = |saved: Saved| {
            let tenant = saved.tenant.clone();
            self.restore_one(saved, now).err().map(|error| (tenant, error))
        };
        snapshot.saved.into_iter().filter_map(refused).collect()
    }

    fn restore_one(&self, saved: Saved, now: UnixTime) -> Result<(), Error> {
        let Saved { tenant, url, at, etag, idp } = saved;
        if let Some(until) = idp.lifetime().valid_until.filter(|until| *until <= now) {
            return Err(crate::saml::MetadataError::Expired(until, now).into());
        }
        let _editing = self.edit();
        let old = self.known(&tenant)?;
        if old.installed.is_some() {
            return Ok(());
        }
        // Number 0: whatever is fetched from now on is newer.
        let installed = Installed { idp, at: at.min(now), url, etag, number: 0 };
        if !installed.is_from(old.settings.trust.source().as_ref()) {
            return Err(TenantError::OtherSnapshot(tenant).into());
        }
        self.put_installed(&old, installed, now);
        Ok(())
    }

    fn put_installed(&self, old: &Connection, installed: Installed, now: UnixTime) -> KeyChanges {
        let before = old.identity_provider().map(IdentityProvider::certificates).unwrap_or_default();
        let after = installed.idp.certificates();
        let without = |all: &[Certificate], others: &[Certificate]| {
            all.iter().filter(|key| !others.contains(key)).cloned().collect()
        };
        let ending = |key: &&Certificate| key.not_after() <= now.plus(ENDING);
        let changes = KeyChanges {
            added: without(after, before),
            removed: without(before, after),
            ending: after.iter().filter(ending).cloned().collect(),
        };
        #[cfg(feature = "tracing")]
        tracing::info!(tenant = %old.id(), added = changes.added.len(), removed = changes.removed.len(), "metadata installed");
        let settings = super::Settings::clone(&old.settings);
        self.swap(Some(old), Connection::of(self, settings, Some(Arc::new(installed)), None));
        changes
    }
}

impl Connection {
    /// Whose metadata it must be: as the settings say, or else as the first document said.
    fn pinned(&self) -> Option<EntityId> {
        let (_, named) = self.settings.trust.source()?;
        named.or_else(|| self.installed.as_ref().map(|installed| installed.idp.entity_id().clone()))
    }
}

/// How long an earlier end is taken for an older document.
const SHORTENED: Duration = Duration::from_secs(86_400);

/// An old document that somebody replays would bring back a key that was taken away. TLS speaks against it; this does too
/// where the document has a date. What stands and was made in the future has none, or a clock that was wrong for a moment
/// would shut out the next keys until then.
fn must_not_be_older(new: &IdentityProvider, standing: &Installed, now: UnixTime) -> Result<(), TenantError> {
    let stands_since = standing.at;
    let (new, mut standing) = (new.lifetime(), standing.idp.lifetime());
    standing.created = standing.created.filter(|created| *created <= now);
    let older = |what, new: Option<UnixTime>, standing: Option<UnixTime>| match (new, standing) {
        (Some(found), Some(known)) if found < known => Err(TenantError::OlderMetadata(what, found, known)),
        _ => Ok(()),
    };
    match (new.created, standing.created) {
        (Some(_), Some(_)) => older("creationInstant", new.created, standing.created),
        // The end says less: a publisher may shorten it, and then says the same for longer than any cache.
        _ if now > stands_since.plus(SHORTENED) => Ok(()),
        _ => older("validUntil", new.valid_until, standing.valid_until),
    }
}

/// When to fetch what.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    queue: BTreeSet<(UnixTime, TenantId)>,
    entries: HashMap<TenantId, Entry>,
    /// Of the last ticket.
    number: u64,
}

#[derive(Debug, Default)]
struct Entry {
    at: UnixTime,
    handed_out: Option<UnixTime>,
    /// Since the last success.
    failures: u32,
}

impl Schedule {
    /// A connection is there, or has new settings: fetched at once, unless something stands that may be good.
    pub(super) fn put(&mut self, tenant: &TenantId, now: UnixTime, known: bool) {
        match self.entries.contains_key(tenant) && known {
            true => {}
            false => self.at(tenant, now),
        }
    }

    pub(super) fn remove(&mut self, tenant: &TenantId) {
        if let Some(entry) = self.entries.remove(tenant) {
            self.queue.remove(&(entry.at, tenant.clone()));
        }
    }

    fn at(&mut self, tenant: &TenantId, at: UnixTime) {
        let entry = self.entries.entry(tenant.clone()).or_default();
        self.queue.remove(&(entry.at, tenant.clone()));
        entry.at = at;
        self.queue.insert((at, tenant.clone()));
    }

    fn take_due(&mut self, now: UnixTime) -> Vec<(TenantId, u64)> {
        let mut due = Vec::new();
        // Nothing is planned for longer than the interval and a tenth: the clock was ahead for a while.
        let furthest = now.plus(INTERVAL * 2);
        while let Some((_, tenant)) = self.queue.last().filter(|(at, _)| *at > furthest).cloned() {
            self.at(&tenant, now);
        }
        // All are taken out before one is planned anew: behind a clock at the end of time nothing can be planned.
        let is_due = |(at, _): &&(UnixTime, TenantId)| *at <= now;
        let number = self.queue.iter().take_while(is_due).count();
        let all: Vec<_> = (0..number).filter_map(|_| self.queue.pop_first()).collect();
        for (_, tenant) in all {
            let entry = self.entries.entry(tenant.clone()).or_default();
            let doubled = LEAST.saturating_mul(1 << entry.failures.min(4)).min(INTERVAL);
            entry.handed_out = Some(now);
            // Until it is installed it counts as failed.
            entry.failures = entry.failures.saturating_add(1);
            self.number += 1;
            due.push((tenant.clone(), self.number));
            let again = now.plus(spread(doubled, &tenant, now).max(LEAST));
            self.at(&tenant, again);
        }
        due
    }

    pub(super) fn succeeded(&mut self, tenant: &TenantId, now: UnixTime, idp: &IdentityProvider) {
        let lifetime = idp.lifetime();
        // Half of what is left, so that there is a second try.
        let left = lifetime.valid_until.map(|until| until.since(now) / 2);
        let wanted = lifetime.cache_duration.into_iter().chain(left).fold(INTERVAL, Ord::min).max(LEAST);
        if let Some(entry) = self.entries.get_mut(tenant) {
            entry.failures = 0;
        }
        self.at(tenant, now.plus(spread(wanted, tenant, now).max(LEAST)));
    }

    /// One that was disabled is not any more: as soon as may be.
    pub(super) fn enable(&mut self, tenant: &TenantId) {
        let soonest = |entry: &Entry| entry.handed_out.map(|last| last.plus(LEAST)).unwrap_or_default();
        if let Some(soonest) = self.entries.get(tenant).map(soonest) {
            self.at(tenant, soonest);
        }
    }

    /// As soon as may be.
    pub(super) fn hurry(&mut self, tenant: &TenantId, now: UnixTime) {
        let Some(entry) = self.entries.get(tenant) else { return };
        // A time to come is one of a clock that was ahead.
        let last = entry.handed_out.filter(|last| *last <= now);
        let soonest = last.map_or(now, |last| now.max(last.plus(LEAST)));
        if soonest < entry.at {
            self.at(tenant, soonest);
        }
    }
}

/// A tenth more or less, by name and time: no two connections and no two replicas keep in step.
fn spread(span: Duration, tenant: &TenantId, now: UnixTime) -> Duration {
    let [a, b, ..] = sha256(format!("{tenant}\n{}", now.as_millis()).as_bytes());
    let thousandths = 900 + u32::from(u16::from_be_bytes([a, b])) * 200 / 65_536;
    span * thousandths / 1000
}
