//! Settings and snapshots are taken or refused; what is taken is written and read again as the same, and can be put in.
#![no_main]

use std::sync::Arc;

use entra_sso::tenants::{Settings, Snapshot, Tenants};
use entra_sso::{MemoryReplayCache, UnixTime};
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fuzz_target!(|text: &str| {
    let tenants =
        Tenants::at(&"https://app.example/saml".parse().expect("a URL"), Arc::new(MemoryReplayCache::default()));
    if let Ok(settings) = serde_json::from_str::<Settings>(text) {
        let written = serde_json::to_string(&settings).expect("JSON");
        let again: Settings = serde_json::from_str(&written).expect("what we wrote");
        assert_eq!(format!("{settings:?}"), format!("{again:?}"));
        let id = settings.id.clone();
        if let Ok(connection) = tenants.put(settings, NOW) {
            assert!(connection.metadata().is_ok());
            assert!(tenants.get(&id).is_some());
        }
    }
    if let Ok(snapshot) = serde_json::from_str::<Snapshot>(text) {
        let written = serde_json::to_string(&snapshot).expect("JSON");
        assert!(serde_json::from_str::<Snapshot>(&written).is_ok());
        tenants.restore(snapshot, NOW);
    }
});
