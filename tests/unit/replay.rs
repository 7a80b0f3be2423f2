//! A cache that forgets nothing that lives.

use super::*;

fn key(id: &str) -> ReplayKey {
    let issuer = "https://idp.example/".parse().expect("an entity ID");
    ReplayKey::new(issuer, id.parse().expect("an ID"), None)
}

fn key_of(tenant: &str, id: &str) -> ReplayKey {
    ReplayKey { tenant: Some(tenant.parse().expect("a name")), ..key(id) }
}

#[test]
fn the_name_of_an_assertion_is_the_same_for_every_customer() {
    let hash = |key: &ReplayKey| {
        let mut hasher = std::hash::DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    };
    let (one, same, other) = (key_of("contoso", "_a"), key_of("fabrikam", "_a"), key_of("contoso", "_b"));
    assert_eq!((one.tenant().map(AsRef::as_ref), key("_a").tenant()), (Some("contoso"), None));
    assert_eq!((&one, hash(&one), one.cmp(&same)), (&same, hash(&same), Ordering::Equal));
    assert_ne!((&one, hash(&one)), (&other, hash(&other)));
    assert_ne!(hash(&one), hash(&other));
    assert_eq!((one.cmp(&other), one.partial_cmp(&other)), (Ordering::Less, Some(Ordering::Less)));
}

#[test]
fn one_customer_leaves_room_for_all_others() {
    let cache = MemoryReplayCache::with_capacity(12);
    let at = UnixTime::from_secs;
    let claim = |tenant: &str, id: &str, now: u64| cache.claim(&key_of(tenant, id), at(100 + now), at(now));
    let fill =
        |tenant: &str, now: u64| (0..20).filter(|n| claim(tenant, &format!("_{tenant}{n}"), now).is_ok()).count();
    assert_eq!(fill("mallory", 1), 6, "half of what nobody else holds");
    assert_eq!(claim("mallory", "_more", 1), Err(ClaimError::Full));
    assert_eq!(fill("contoso", 1), 3, "as much as is free then");
    assert_eq!(claim("fabrikam", "_f", 1), Ok(()));
    assert_eq!(cache.claim(&key("_nobodys"), at(101), at(1)), Ok(()), "who has no customers has no shares");
    // Whoever is meant, an assertion is used once.
    assert_eq!(claim("fabrikam", "_mallory0", 1), Err(ClaimError::Replayed));
    // What has ended counts for nobody.
    assert_eq!(fill("mallory", 102), 6);
    assert_eq!(fill("contoso", 204), 6);
    assert_eq!(cache.entries.lock().expect("entries").held, HashMap::from([("contoso".parse().expect("a name"), 6)]));
}

#[test]
fn what_ended_makes_room_for_as_much_and_no_more() {
    let cache = MemoryReplayCache::with_capacity(8);
    let at = UnixTime::from_secs;
    let claim = |id: &str, end, now| cache.claim(&key_of("mallory", id), at(end), at(now));
    let held = || cache.entries.lock().expect("entries").held.values().sum::<usize>();
    for (id, end) in [("_a", 10), ("_b", 20), ("_c", 30), ("_d", 40)] {
        assert_eq!(claim(id, end, 1), Ok(()));
    }
    for (id, now) in [("_e", 11), ("_f", 21)] {
        assert_eq!((claim(id, 50, now), held()), (Ok(()), 4), "one has ended");
        assert_eq!(claim("_more", 50, now), Err(ClaimError::Full));
    }
    assert_eq!((claim("_g", 60, 51), held()), (Ok(()), 1), "all have ended");
}

#[test]
fn an_assertion_is_claimed_once_while_it_lives() {
    let cache = MemoryReplayCache::default();
    let at = UnixTime::from_secs;
    assert_eq!(cache.claim(&key("_a"), at(100), at(1)), Ok(()));
    assert_eq!(cache.claim(&key("_a"), at(100), at(2)), Err(ClaimError::Replayed));
    assert_eq!(cache.claim(&key("_a"), at(100), at(100)), Err(ClaimError::Replayed));
    assert_eq!(cache.claim(&key("_b"), at(100), at(2)), Ok(()));
}

#[test]
fn a_full_cache_refuses_and_forgets_nothing_that_lives() {
    let cache = MemoryReplayCache::with_capacity(2);
    let at = UnixTime::from_secs;
    assert_eq!(cache.claim(&key("_a"), at(100), at(1)), Ok(()));
    assert_eq!(cache.claim(&key("_b"), at(50), at(1)), Ok(()));
    assert_eq!(cache.claim(&key("_c"), at(100), at(50)), Err(ClaimError::Full));
    assert_eq!(cache.claim(&key("_c"), at(100), at(51)), Ok(()));
    assert_eq!(cache.claim(&key("_a"), at(100), at(51)), Err(ClaimError::Replayed));
}

#[test]
fn of_many_threads_one_wins() {
    let cache = MemoryReplayCache::default();
    let at = UnixTime::from_secs;
    let won = std::thread::scope(|scope| {
        let claim = || cache.claim(&key("_a"), at(100), at(1)).is_ok();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
}

#[test]
fn what_was_forgotten_stays_used_when_the_clock_is_set_back() {
    let cache = MemoryReplayCache::default();
    let at = UnixTime::from_secs;
    assert_eq!(cache.claim(&key("_a"), at(100), at(1)), Ok(()));
    assert_eq!(cache.claim(&key("_b"), at(9_000), at(7_200)), Ok(()));
    assert_eq!(cache.claim(&key("_a"), at(100), at(1)), Err(ClaimError::Unavailable));
    assert_eq!(cache.claim(&key("_c"), at(8_000), at(1)), Ok(()));
    assert_eq!(cache.claim(&key("_c"), at(8_000), at(1)), Err(ClaimError::Replayed));
}
