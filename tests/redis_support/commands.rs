//! Commands for stores, and the usual expectations of them.

#![allow(dead_code, reason = "each test binary uses its share")]

use std::time::{Duration, Instant};

use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Grant, RedisStore, Release, Store, StoredResponse, Token,
};
use tower_webhook::{EventKey, Fingerprint, Name};

pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) fn key(part: &str) -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), [part]).unwrap()
}

pub(crate) fn claim(part: &str) -> Claim {
    Claim::new(
        key(part),
        Token::random().unwrap(),
        Fingerprint::of(b"a"),
        LONG,
        LONG,
    )
}

pub(crate) fn complete(claim: &Claim, grant: Grant) -> Complete {
    Complete::new(
        claim.key.clone(),
        claim.token,
        grant,
        claim.fingerprint,
        StoredResponse::new(200),
        LONG,
    )
}

pub(crate) fn release(claim: &Claim) -> Release {
    Release::new(claim.key.clone(), claim.token, LONG)
}

#[track_caller]
pub(crate) fn granted(outcome: ClaimOutcome) -> Grant {
    match outcome {
        ClaimOutcome::Claimed(grant) => grant,
        other => panic!("not granted but {other:?}"),
    }
}

/// A store with a long time limit for calls.
pub(crate) async fn patient(url: impl Into<String>) -> RedisStore {
    let store = RedisStore::builder(url).deadline(LONG);
    store.connect().await.unwrap()
}

/// Repeats the claim until the store answers.
pub(crate) async fn claim_at_last(store: &RedisStore, claim: &Claim) -> ClaimOutcome {
    let begun = Instant::now();
    loop {
        match store.claim(claim).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
