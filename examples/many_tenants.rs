//! Many customers, keys that roll over, and logins by each customer's own identity provider.

use std::sync::Arc;

use entra_sso::tenants::{ConnectionState, Fetched, Settings, Tenants, Trust};
use entra_sso::{Error, MemoryReplayCache, UnixTime};

/// Puts in what your database holds, and starts even if an identity provider cannot be reached.
fn tenants(settings: Vec<Settings>) -> Result<Tenants, Error> {
    let used = Arc::new(MemoryReplayCache::default());
    let tenants = Tenants::at(&"https://app.example/saml".parse()?, used);
    for connection in settings {
        let id = connection.id.clone();
        if let Err(error) = tenants.load(connection, UnixTime::now()) {
            eprintln!("{id}: {}: {error}", error.code());
        }
    }
    Ok(tenants)
}

/// Call this every minute from a timer of yours. With the feature `fetch` the fetcher is there too.
fn refresh(tenants: &Tenants, get: impl Fn(&str) -> std::io::Result<Vec<u8>>) {
    for ticket in tenants.due(UnixTime::now()) {
        let id = ticket.tenant().clone();
        // A ticket that is dropped comes again.
        let Ok(body) = get(ticket.url().as_ref()) else { continue };
        match tenants.install(ticket, Fetched::document(body), UnixTime::now()) {
            Ok(changes) => println!("{id}: {} keys added, {} removed", changes.added.len(), changes.removed.len()),
            Err(error) => eprintln!("{id}: {}: {error}; the old keys stay", error.code()),
        }
    }
}

fn main() -> Result<(), Error> {
    let url = "https://login.microsoftonline.com/common/metadata.xml".parse()?;
    let mut contoso = Settings::new("contoso".parse()?, Trust::MetadataUrl { url, entity_id: None });
    contoso.state = ConnectionState::Live;
    let tenants = tenants(vec![contoso])?;
    refresh(&tenants, |_| Ok(entra_sso::testing::TestIdp::new().metadata().into_bytes()));
    for connection in tenants.iter() {
        println!("{} sends answers to {}", connection.id(), connection.assertion_consumer_service());
    }
    Ok(())
}
