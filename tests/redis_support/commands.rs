//! Commands for stores, and what is expected of most of them.

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
    Claim {
        key: key(part),
        token: Token::random().unwrap(),
        fingerprint: Fingerprint::of(b"a"),
        lease: LONG,
        retention: LONG,
    }
}

pub(crate) fn complete(claim: &Claim, grant: Grant) -> Complete {
    Complete {
        key: claim.key.clone(),
        token: claim.token,
        attempt: grant.attempt,
        fence: grant.fence,
        fingerprint: claim.fingerprint,
        response: StoredResponse {
            status: 200,
            body: None,
            content_type: None,
        },
        retention: LONG,
    }
}

pub(crate) fn release(claim: &Claim) -> Release {
    Release {
        key: claim.key.clone(),
        token: claim.token,
        retention: LONG,
    }
}

#[track_caller]
pub(crate) fn granted(outcome: ClaimOutcome) -> Grant {
    match outcome {
        ClaimOutcome::Claimed(grant) => grant,
        other => panic!("not granted but {other:?}"),
    }
}

/// Claims again until the store answers.
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
