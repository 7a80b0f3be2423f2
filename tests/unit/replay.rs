//! A cache that forgets nothing that lives.

use super::*;

fn key(id: &str) -> ReplayKey {
    let issuer = "https://idp.example/".parse().expect("an entity ID");
    ReplayKey::new(issuer, id.parse().expect("an ID"))
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
