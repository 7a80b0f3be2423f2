//! Keeps the metadata of all connections current: reads settings from a JSON file, starts from the snapshot of the last run,
//! and fetches what is due, for ever or once.
//!
//! ```text
//! echo '[{ "id": "contoso", "trust": { "entra": { "tenant": "…", "application": "…" } } }]' > connections.json
//! cargo run --example keep_fresh -- connections.json snapshot.json --once
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, thread};

use entra_sso::fetch::Fetcher;
use entra_sso::tenants::Settings;
use entra_sso::{MemoryReplayCache, Tenants, UnixTime};

/// Certificates that end within this time are told each time.
const SOON: Duration = Duration::from_secs(30 * 86_400);

fn load(settings: &str, snapshot: &Path) -> Result<Tenants, Box<dyn Error>> {
    let now = UnixTime::now();
    let tenants = Tenants::at(&"https://app.example/saml".parse()?, Arc::new(MemoryReplayCache::default()));
    for connection in serde_json::from_str::<Vec<Settings>>(settings)? {
        let id = connection.id.clone();
        if let Err(error) = tenants.load(connection, now) {
            eprintln!("{id}: {}: {error}", error.code());
        }
    }
    if let Ok(kept) = fs::read_to_string(snapshot) {
        for (id, error) in tenants.restore(serde_json::from_str(&kept)?, now) {
            eprintln!("{id}: not taken from the snapshot: {error}");
        }
    }
    Ok(tenants)
}

/// Fetches what is due, and keeps what stands for the next start.
fn refresh(tenants: &Tenants, fetcher: &Fetcher, snapshot: &Path) -> Result<(), Box<dyn Error>> {
    let now = UnixTime::now();
    for (id, outcome) in fetcher.refresh(tenants, now) {
        match outcome {
            Ok(changes) => println!("{id}: {} keys added, {} removed", changes.added.len(), changes.removed.len()),
            Err(error) => {
                let hint = error.hint().map(|hint| hint.to_string()).unwrap_or_default();
                eprintln!("{id}: {}: {error}; what stands stays. {hint}", error.code());
            }
        }
    }
    for connection in tenants.expiring(now, SOON) {
        for certificate in connection.expiring(now, SOON) {
            println!("{}: {} ends {}", connection.id(), certificate.thumbprint_sha1(), certificate.not_after());
        }
    }
    // Written beside and renamed, so that a crash leaves the old one.
    let beside = snapshot.with_extension("new");
    fs::write(&beside, serde_json::to_string(&tenants.snapshot())?)?;
    Ok(fs::rename(&beside, snapshot)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [settings, snapshot, more @ ..] = arguments.as_slice() else {
        return Err("usage: keep_fresh CONNECTIONS.json SNAPSHOT.json [--once]".into());
    };
    let (snapshot, once) = (Path::new(snapshot), more.iter().any(|flag| flag == "--once"));
    let tenants = load(&fs::read_to_string(settings)?, snapshot)?;
    loop {
        refresh(&tenants, &Fetcher::new(), snapshot)?;
        if once {
            return Ok(());
        }
        // Not until the next date: an unknown key can bring it forward.
        thread::sleep(Duration::from_secs(60));
    }
}
