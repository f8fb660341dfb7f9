//! What the presets have in common, and what follows from how each sender delivers.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::*;
use crate::event::{EventError, Identity};
use crate::path::PathTokens;
use crate::secret::SigningSecret;
use crate::source::Allowlist;

pub(super) fn identify(provider: &Provider, body: &str) -> Result<Identity, EventError> {
    provider
        .rule
        .identify(&provider.name, &HeaderMap::new(), None, body.as_bytes())
}

#[track_caller]
pub(super) fn event(provider: &Provider, body: &str) -> Identity {
    identify(provider, body).unwrap()
}

pub(super) fn tokens() -> PathTokens {
    PathTokens::parse(["3f9d1c0b7a5e48d2"]).unwrap()
}

fn presets() -> [Provider; 5] {
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
    [
        blendfi(secret.clone()).unwrap(),
        bloquo(Allowlist::parse(["192.0.2.1"]).unwrap()).unwrap(),
        blox(tokens()).without_status_check().unwrap(),
        bloque_accounts(tokens()).unwrap(),
        bloque_payments(secret).unwrap(),
    ]
}

#[test]
fn each_preset_demands_the_proof_that_its_sender_gives() {
    let proofs = presets().map(|preset| {
        let proofs = [
            preset.signature.is_some(),
            preset.source.is_some(),
            preset.path.is_some(),
        ];
        (preset.name.to_string(), proofs)
    });
    let expected = [
        ("blendfi", [true, false, false]),
        ("bloquo", [false, true, false]),
        ("blox", [false, false, true]),
        ("bloque", [false, false, true]),
        ("bloque", [true, false, false]),
    ];
    assert_eq!(
        proofs,
        expected.map(|(name, proofs)| (name.to_owned(), proofs))
    );
}

#[test]
fn what_follows_from_how_each_delivers() {
    const DAY: u64 = 86_400;
    // Deadline, lease, renewal ceiling, retention, retry horizon: in seconds.
    let numbers = presets().map(|preset| {
        let profile = preset.profile();
        [
            profile.deadline(),
            profile.default_lease(),
            profile.default_renewal_ceiling(),
            profile.default_retention(),
            profile.schedule().horizon(),
        ]
        .map(|duration| duration.as_secs())
    });
    assert_eq!(
        numbers,
        [
            [4, 15, 60, 30 * DAY, 150],
            [4, 15, 900, 30 * DAY, 1023 * 60],
            [8, 15, 900, 30 * DAY, 0],
            [4, 15, 900, 30 * DAY, DAY],
            [4, 15, 900, 30 * DAY, DAY],
        ]
    );
    let intervals = presets().map(|preset| preset.profile().schedule().interval());
    assert_eq!(
        intervals,
        [Some(30), Some(60), None, Some(30), Some(30)].map(|secs| secs.map(Duration::from_secs))
    );
}

#[test]
fn the_statuses_that_each_retries() {
    let retried = presets().map(|preset| {
        [200, 204, 302, 400, 404, 408, 409, 422, 425, 429, 500, 503]
            .into_iter()
            .filter(|status| {
                let status = StatusCode::from_u16(*status).unwrap();
                preset.profile().retries(status)
            })
            .collect::<Vec<_>>()
    });
    let all = vec![302, 400, 404, 408, 409, 422, 425, 429, 500, 503];
    let blendfi = vec![408, 409, 425, 429, 500, 503];
    assert_eq!(retried, [blendfi, all.clone(), vec![], all.clone(), all]);
}
