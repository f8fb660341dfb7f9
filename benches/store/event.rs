//! The claimed and completed events, as BlendFi's preset defines them.

use std::ops::Range;
use std::time::Duration;

use tower_webhook::store::{Claim, Complete, Grant, StoredResponse, Token};
use tower_webhook::{EventKey, Fingerprint, Name};

pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// 30 days, because BlendFi redelivers by hand.
pub(crate) const RETENTION: Duration = Duration::from_secs(30 * 86_400);

pub(crate) fn key(number: u32) -> EventKey {
    let provider = Name::new("blendfi").unwrap();
    EventKey::new(provider, [format!("evt_01HX4Y6Z7A8B9C0D{number:010}")]).unwrap()
}

pub(crate) fn claim(number: u32) -> Claim {
    let key = key(number);
    let fingerprint = Fingerprint::of(key.encoded().as_bytes());
    Claim::new(key, Token::random().unwrap(), fingerprint, LEASE, RETENTION)
}

pub(crate) fn complete(claim: &Claim, grant: Grant) -> Complete {
    Complete::new(
        claim.key.clone(),
        claim.token,
        grant,
        claim.fingerprint,
        StoredResponse::new(200),
        RETENTION,
    )
}

/// The numbers of so many events, in portions that need little memory.
pub(crate) fn portions(records: u32) -> impl Iterator<Item = Range<u32>> {
    let starts = (0..records).step_by(50_000);
    starts.map(move |start| start..records.min(start + 50_000))
}
