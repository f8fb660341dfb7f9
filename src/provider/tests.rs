//! Properties that the presets share, and values derived from each sender's contract.

mod keys;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::*;
use crate::clock::UnixTime;
use crate::event::{EventError, Identity, Name};
use crate::layer::in_words_of;
use crate::path::PathTokens;
use crate::secret::{KeyRing, SecretFormat, SigningSecret};
use crate::source::Allowlist;
use crate::store::MemoryStore;
use crate::webhook::Webhook;

pub(super) fn identify(provider: &Provider, body: &str) -> Result<Identity, EventError> {
    provider
        .rule
        .identify(&provider.name, &HeaderMap::new(), None, body.as_bytes())
}

#[track_caller]
pub(super) fn event(provider: &Provider, body: &str) -> Identity {
    identify(provider, body).unwrap()
}

/// The event that a signed delivery proves, or the reason why it proves none.
pub(super) fn receive(
    provider: &Provider,
    headers: &[(&str, &str)],
    body: &str,
    now: u64,
) -> Result<Identity, String> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect();
    let verified = (provider.verifier().unwrap())
        .verify(&headers, body.as_bytes(), UnixTime::from_secs(now))
        .map_err(|error| error.to_string())?;
    provider
        .rule
        .identify(&provider.name, &headers, verified.id(), body.as_bytes())
        .map_err(|error| error.to_string())
}

pub(super) fn tokens() -> PathTokens {
    PathTokens::parse(["3f9d1c0b7a5e48d2"]).unwrap()
}

fn presets() -> [Provider; 10] {
    let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a").unwrap();
    [
        blendfi(secret.clone()),
        bloquo(Allowlist::parse(["192.0.2.1"]).unwrap()),
        blox(tokens()).without_status_check(),
        bloque_accounts(tokens()),
        bloque_payments(secret.clone()),
        github(secret.clone()),
        shopify(secret.clone()),
        slack(secret.clone()),
        standard_webhooks(Name::new("acme").unwrap(), secret.clone()),
        stripe(secret),
    ]
}

#[test]
fn each_preset_demands_the_proof_that_its_sender_gives() {
    let proofs = presets().map(|preset| {
        let proofs = [
            preset.signature.is_some(),
            !preset.sources.is_empty(),
            !preset.paths.is_empty(),
        ];
        (preset.name.to_string(), proofs)
    });
    let expected = [
        ("blendfi", [true, false, false]),
        ("bloquo", [false, true, false]),
        ("blox", [false, false, true]),
        ("bloque", [false, false, true]),
        ("bloque", [true, false, false]),
        ("github", [true, false, false]),
        ("shopify", [true, false, false]),
        ("slack", [true, false, false]),
        ("acme", [true, false, false]),
        ("stripe", [true, false, false]),
    ];
    assert_eq!(
        proofs,
        expected.map(|(name, proofs)| (name.to_owned(), proofs))
    );
}

#[test]
fn what_follows_from_how_each_delivers() {
    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;
    // Deadline, lease, renewal ceiling, retention, retry horizon: in seconds.
    let numbers = presets().map(|preset| {
        let contract = preset.contract();
        [
            contract.deadline(),
            contract.default_lease(),
            contract.default_renewal_ceiling(),
            contract.default_retention(),
            contract.schedule().horizon(),
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
            [8, 15, 900, 30 * DAY, 0],
            [4, 15, 900, 30 * DAY, 4 * HOUR],
            [2, 15, 264, 3 * DAY, 661],
            [12, 15, 900, 30 * DAY, 37 * HOUR + 35 * 60 + 5],
            [4, 15, 900, 30 * DAY, 3 * DAY],
        ]
    );
    let intervals = presets().map(|preset| preset.contract().schedule().interval());
    assert_eq!(
        intervals,
        [
            Some(30),
            Some(60),
            None,
            Some(30),
            Some(30),
            None,
            Some(30),
            Some(1),
            Some(5),
            Some(30),
        ]
        .map(|secs| secs.map(Duration::from_secs))
    );
}

#[test]
fn each_preset_makes_a_layer_with_nothing_else_set() {
    for preset in presets() {
        let name = preset.name.clone();
        let layer = Webhook::new(preset).store(MemoryStore::new()).build();
        assert!(layer.is_ok(), "{name}: {layer:?}");
    }
}

#[test]
fn the_statuses_that_each_retries() {
    let retried = presets().map(|preset| {
        [200, 204, 302, 400, 404, 408, 409, 422, 425, 429, 500, 503]
            .into_iter()
            .filter(|status| {
                let status = StatusCode::from_u16(*status).unwrap();
                preset.contract().retries(status)
            })
            .collect::<Vec<_>>()
    });
    let all = vec![302, 400, 404, 408, 409, 422, 425, 429, 500, 503];
    let blendfi = vec![408, 409, 425, 429, 500, 503];
    let none = vec![];
    let expected = [
        &blendfi, &all, &none, &all, &all, &none, &all, &all, &all, &all,
    ];
    assert_eq!(retried.each_ref(), expected);
}

/// For senders that are known to issue no such secret.
#[test]
fn what_a_sender_never_issues_is_refused_as_its_secret() {
    let refused = [
        stripe::keys(["sk_live_51NxYzABCDEFGHIJKLMNOP"]),
        stripe::keys(["rk_live_51NxYzABCDEFGHIJKLMNOP"]),
        stripe::keys(["we_1NxYzABCDEFGHIJKLMNOP"]),
        stripe::keys(["WHSEC_9f8e7d6c5b4a9f8e7d6c5b4a"]),
        slack::keys(["xoxb-17653672481-19874698323"]),
        slack::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
        shopify::keys(["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"]),
        shopify::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
        github::keys(["ghp_16C7e42F292c6912E7710c838347Ae178B4a"]),
        github::keys(["sk_live_51NxYzABCDEFGHIJKLMNOP"]),
        blendfi::keys(["sk_test_51NxYzABCDEFGHIJKLMNOP"]),
        standard_webhooks::keys(["sk_live_51NxYzABCDEFGHIJKLMNOP"]),
        standard_webhooks::keys(["polar_whs_0123456789abcdef"]),
    ];
    for (position, result) in refused.into_iter().enumerate() {
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains("signing secret: number 1: "),
            "{position}: {error}"
        );
    }
    // GitHub's secret is any text, and Shopify's once had another form.
    assert!(github::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).is_ok());
    assert!(shopify::keys(["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"]).is_ok());
    assert!(standard_webhooks::text_keys(["polar_whs_0123456789abcdef"]).is_ok());
}

#[test]
fn keys_can_be_named_in_every_preset() {
    let secrets = [
        ("new", "whsec_test_the_new_one"),
        ("old", "whsec_test_the_old_one"),
    ];
    let texts = [
        ("new", "the new one of the two"),
        ("old", "the old one of the two"),
    ];
    let base64 = [("new", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    for ring in [
        blendfi::keys(secrets),
        stripe::keys(&secrets),
        github::keys(texts),
        slack::keys(texts),
        shopify::keys(texts.map(|(name, text)| (name.to_owned(), text.to_owned()))),
        standard_webhooks::text_keys(texts),
        bloque::keys(texts),
        KeyRing::parse(&SecretFormat::Text, texts),
    ] {
        assert_eq!(ring.unwrap().ids(), ["new".into(), "old".into()]);
    }
    let ring = standard_webhooks::keys(base64).unwrap();
    assert_eq!(ring.ids(), ["new".into()]);
    let twice = stripe::keys([
        ("a", "whsec_test_the_new_one"),
        ("a", "whsec_test_the_old_one"),
    ]);
    assert_eq!(
        twice.unwrap_err().to_string(),
        "stripe: signing secret: two keys are named \"a\""
    );
}

/// A preset whose sender would count a handler's answer as a failure fails here.
#[test]
fn each_is_told_success_in_words_that_its_sender_counts() {
    for preset in presets() {
        let (name, contract) = (preset.name().clone(), preset.contract());
        contract.check_words().unwrap();
        for status in [200, 201, 202, 204, 206] {
            let mut told = http::Response::new(bytes::Bytes::from_static(b"done"));
            *told.status_mut() = StatusCode::from_u16(status).unwrap();
            in_words_of(contract, &mut told, |body| body);
            let is_success = (contract.success()).is_given_by(told.status(), told.body());
            assert!(is_success, "{name}, {status}: {told:?}");
        }
        for status in [400, 404, 422, 500, 503] {
            let told = contract.failure(StatusCode::from_u16(status).unwrap());
            let comes_again = contract.retries(told) || !contract.retries_at_all();
            assert!(comes_again, "{name}, {status}: {told}");
        }
    }
}
