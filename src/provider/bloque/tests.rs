use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::clock::UnixTime;
use crate::event::Decimal;
use crate::provider::tests::{event, tokens};
use crate::secret::SecretFormat;
use crate::signature::SignatureErrorKind;

const ACTIVATED: &str = r#"{"account_urn":"did:bloque:account:virtual:acc-12345","medium":"virtual","event_type":"account.activated","event_data":{"status":"active","settlement_status":"confirmed","confirmed_at":"2025-03-15T14:30:00.000Z","operations_count":2},"timestamp":"2025-03-15T14:30:01.123Z"}"#;
const PURCHASE: &str = r#"{"account_urn":"did:bloque:account:card:usr-1:crd-1","transaction_id":"ctx-200","type":"authorization","direction":"debit","event":"purchase","lifecycle_status":"pending","transaction_type":"purchase","amount":"1500000","asset":"DUSD/6","local_amount":6150.50,"local_currency":"COP","exchange_rate":4100.333333333333333333,"merchant":{"name": "Café"},"medium":"card","fee_breakdown":{"total":"0.10"}}"#;
const SUCCEEDED: &str = r#"{"type":"payment.succeeded","data":{"id":"pay_123","amount":"15000"}}"#;

const SECRET: &str = "bloque_test_9f8e7d6c5b4a";
/// `printf '%s' "$SUCCEEDED" | openssl dgst -sha256 -hmac "$SECRET"`
const MAC: &str = "9f005805613e52831e63d47b6716529f2f1e3b30e98513eb1ebb3e40822b20cb";

fn accounts() -> Provider {
    bloque_accounts(tokens())
}

fn payments() -> Provider {
    bloque_payments(KeyRing::parse(&SecretFormat::Text, [SECRET]).unwrap())
}

fn read<T: serde::de::DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap()
}

#[test]
fn account_events_are_told_apart_by_account_type_and_time() {
    let activated = event(&accounts(), ACTIVATED);
    assert_eq!(activated.shape.as_deref(), Some("account"));
    assert_eq!(
        activated.key.to_string(),
        "did:bloque:account:virtual:acc-12345:account.activated:2025-03-15T14:30:01.123Z"
    );
    // `date -u -d 2025-03-15T14:30:01Z +%s`
    assert_eq!(
        activated.time,
        Some(UnixTime::from_micros(1_742_049_001_123_000))
    );
    let meaning = |from, to| event(&accounts(), &ACTIVATED.replace(from, to)).fingerprint;
    assert_eq!(activated.fingerprint, meaning("\"virtual\"", "\"us\""));
    assert_ne!(activated.fingerprint, meaning("active", "frozen"));

    let Payload::Account(account) = read(ACTIVATED) else {
        panic!("no account event");
    };
    assert_eq!(account.account_urn, "did:bloque:account:virtual:acc-12345");
    assert_eq!(account.medium, Some(Medium::Virtual));
    assert_eq!(account.event_type, "account.activated");
    assert_eq!(account.timestamp, "2025-03-15T14:30:01.123Z");
    assert_eq!(account.status(), Some(AccountStatus::Active));
    assert_eq!(account.event_data.len(), 4);
    assert!(account.other.is_empty());
}

#[test]
fn card_events_are_told_apart_as_bloque_does() {
    let purchase = event(&accounts(), PURCHASE);
    assert_eq!(purchase.shape.as_deref(), Some("card"));
    assert_eq!(purchase.key.to_string(), "authorization:purchase:ctx-200");
    assert_eq!(purchase.time, None);
    let meaning = |from, to| event(&accounts(), &PURCHASE.replace(from, to)).fingerprint;
    assert_eq!(purchase.fingerprint, meaning("pending", "settled"));
    for (from, to) in [
        ("1500000", "1500001"),
        ("DUSD/6", "DUSD/2"),
        ("debit", "credit"),
    ] {
        assert_ne!(purchase.fingerprint, meaning(from, to), "{to}");
    }

    let Payload::Card(card) = read(PURCHASE) else {
        panic!("no card event");
    };
    assert_eq!(card.transaction_id, "ctx-200");
    assert_eq!(card.kind, CardEventType::Authorization);
    assert_eq!(card.event, CardEventName::Purchase);
    assert_eq!(card.direction, Some(Direction::Debit));
    assert_eq!(card.lifecycle_status.as_deref(), Some("pending"));
    assert_eq!(card.transaction_type.as_deref(), Some("purchase"));
    assert_eq!(card.medium, Some(Medium::Card));
    assert_eq!(card.amount_in_units(), Decimal::parse("1.5"));
    assert_eq!(card.asset.unwrap().code(), "DUSD");
    assert_eq!(card.local_amount.unwrap().as_str(), "6150.50");
    assert_eq!(card.local_currency.as_deref(), Some("COP"));
    assert_eq!(
        card.exchange_rate.unwrap().as_str(),
        "4100.333333333333333333"
    );
    assert_eq!(card.merchant.unwrap().as_str(), r#"{"name": "Café"}"#);
    assert_eq!(card.fee_breakdown.unwrap().as_str(), r#"{"total":"0.10"}"#);
    assert_eq!(card.reason, None);
    assert!(card.other.is_empty());
}

#[test]
fn a_rejection_lacks_some_members_and_new_names_are_kept() {
    let body = r#"{"transaction_id":7,"type":"reversal","event":"rejected_limit","amount":{"v":0.1},"asset":"DUSD/6","medium":"solana","extra":1.10}"#;
    assert_eq!(
        event(&accounts(), body).key.to_string(),
        "reversal:rejected_limit:7"
    );
    let Payload::Card(card) = read(body) else {
        panic!("no card event");
    };
    assert_eq!(card.kind, CardEventType::Other("reversal".to_owned()));
    assert!(card.event.is_rejection());
    assert_eq!(card.medium, Some(Medium::Other("solana".to_owned())));
    assert_eq!(card.amount, None);
    assert_eq!(card.amount_in_units(), None);
    assert_eq!(
        format!("{:?}", card.other),
        r#"{"amount": {"v":0.1}, "extra": 1.10}"#
    );
}

#[test]
fn a_payment_is_verified_over_its_body_alone() {
    let verifier = payments().signature.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-bloque-signature", MAC.parse().unwrap());
    let verdict = |body: &str, secs| {
        verifier
            .verify(&headers, body.as_bytes(), UnixTime::from_secs(secs))
            .map(|verified| verified.signed_at())
            .map_err(|error| error.kind())
    };
    assert_eq!(verdict(SUCCEEDED, 0), Ok(None));
    assert_eq!(verdict(SUCCEEDED, 4_000_000_000), Ok(None));
    let forged = SUCCEEDED.replace("15000", "15001");
    assert_eq!(verdict(&forged, 0), Err(SignatureErrorKind::Mismatch));
}

#[test]
fn payments_are_told_apart_by_id_or_type_and_payment() {
    let by_payment = event(&payments(), SUCCEEDED);
    assert_eq!(by_payment.key.to_string(), "payment.succeeded:pay_123");
    assert_eq!(by_payment.shape.as_deref(), Some("payment"));
    let with_id = SUCCEEDED.replace("{\"type\"", "{\"id\":\"evt_1\",\"type\"");
    let by_id = event(&payments(), &with_id);
    assert_eq!(by_id.key.to_string(), "evt_1");
    assert_eq!(by_id.shape.as_deref(), Some("payment"));
    assert_eq!(by_id.fingerprint, by_payment.fingerprint);
    for (from, to) in [("succeeded", "failed"), ("15000", "15001")] {
        let other = event(&payments(), &with_id.replace(from, to));
        assert_ne!(by_id.fingerprint, other.fingerprint, "{to}");
    }

    let PaymentPayload::Payment(payment) = read(&with_id) else {
        panic!("no payment");
    };
    assert_eq!(payment.id.as_deref(), Some("evt_1"));
    assert_eq!(payment.event_type, "payment.succeeded");
    assert_eq!(payment.payment_id().as_deref(), Some("pay_123"));
    let odd = r#"{"id":1,"type":"payment.paused","data":[0.10],"live":true}"#;
    let PaymentPayload::Payment(payment) = read(odd) else {
        panic!("no payment");
    };
    assert_eq!(payment.id.as_deref(), Some("1"));
    assert_eq!(
        format!("{:?}", payment.other),
        r#"{"data": [0.10], "live": true}"#
    );
}

#[test]
fn an_unknown_shape_is_handed_on_as_it_was_written() {
    for body in [
        "{}",
        "[1.0]",
        "7",
        "null",
        r#"{"new": 1}"#,
        r#"{"event_type":"account.activated","timestamp":"t"}"#,
        r#"{"event_type":"a","transaction_id":"t","type":"x","event":"y"}"#,
        r#"{"account_urn":"u","event_type":"a","timestamp":1.0}"#,
        r#"{"account_urn":"","event_type":"a","timestamp":"t"}"#,
        r#"{"transaction_id":"t","type":"x"}"#,
        r#"{"type":"payment.succeeded","data":"pay_123"}"#,
        r#"{"id":{},"type":"payment.succeeded","data":{"id":"pay_123"}}"#,
    ] {
        for preset in [accounts(), payments()] {
            let identity = event(&preset, body);
            assert_eq!(identity.shape, None, "{body}");
            assert!(identity.key.to_string().contains(":sha256:"), "{body}");
        }
        assert!(matches!(read(body), Payload::Unknown(raw) if raw.as_str() == body));
        assert!(matches!(read(body), PaymentPayload::Unknown(raw) if raw.as_str() == body));
    }
    // `printf '{"new":1}' | openssl dgst -sha256`
    assert_eq!(
        event(&accounts(), r#"{"new":1}"#).key.to_string(),
        "unknown:account:sha256:0b7c6bd2d9cb71d4eb2a19342dca9d14cf90f7f4b7fc3752239638cbb1b9f616"
    );
}

/// Bodies with the members that a rule reads, holding values of every kind.
fn body(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = prop::sample::select(&[
        "null",
        "\"a\"",
        "\"\"",
        "7",
        "-0",
        "1.0",
        "true",
        "[]",
        "{}",
        "{\"id\":\"p\"}",
        "{\"id\":1.0}",
        "{\"id\":null}",
        "\"\\u0061\\n\"",
    ]);
    prop::collection::btree_map(prop::sample::select(names), value, 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("{name:?}: {value}"))
            .collect();
        format!("{{ {} }}", members.join(", "))
    })
}

proptest! {
    #[test]
    fn an_account_or_card_payload_is_of_the_shape_that_keyed_it(
        body in body(&["account_urn", "event_type", "timestamp", "transaction_id", "type", "event", "amount"]),
    ) {
        let shape = match read(&body) {
            Payload::Account(_) => Some("account"),
            Payload::Card(_) => Some("card"),
            Payload::Unknown(raw) => {
                prop_assert_eq!(raw.as_str(), &body);
                None
            }
        };
        let keyed = event(&accounts(), &body).shape;
        prop_assert_eq!(shape, keyed.as_deref());
    }

    #[test]
    fn a_payment_payload_is_of_the_shape_that_keyed_it(body in body(&["id", "type", "data"])) {
        let shape = event(&payments(), &body).shape;
        match read(&body) {
            PaymentPayload::Payment(_) => prop_assert_eq!(shape.as_deref(), Some("payment")),
            PaymentPayload::Unknown(raw) => {
                prop_assert_eq!(raw.as_str(), &body);
                // A body with an id but without a usable type has a key but is no payment.
                let kind = read::<Fields>(&body).get::<crate::provider::fields::Text>("type");
                prop_assert!(shape.is_none() || !matches!(kind, Ok(Some(_))));
            }
        }
    }
}
