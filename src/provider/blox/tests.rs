use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::*;
use crate::clock::UnixTime;
use crate::event::Decimal;
use crate::provider::tests::{event, identify, tokens};
use crate::runtime::{Confirmation, Unconfirmed};
use Confirmation::{Confirmed, Mismatch, TryAgain, Unknown};

const ID: &str = "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a";
const COMPLETED: &str = r#"{"checkoutId":"8f14e45f-ceea-467f-a830-5e3e3c7e2b8a","status":"COMPLETED","amount":"15000","timestamp":"2026-02-03T15:05:30.000Z"}"#;

fn preset() -> Provider {
    blox(tokens()).without_status_check()
}

#[test]
fn a_duplicate_with_a_fresh_time_is_the_same_event_unless_the_documented_key_is_asked_for() {
    let completed = event(&preset(), COMPLETED);
    assert_eq!(
        completed.key.to_string(),
        "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a:COMPLETED"
    );
    assert_eq!(completed.shape.as_deref(), Some("checkout"));
    // `date -u -d 2026-02-03T15:05:30Z +%s`
    assert_eq!(completed.time, Some(UnixTime::from_secs(1_770_131_130)));

    let fresh = COMPLETED.replace("15:05", "15:06");
    assert_eq!(completed.key, event(&preset(), &fresh).key);
    assert_eq!(completed.fingerprint, event(&preset(), &fresh).fingerprint);
    let dearer = COMPLETED.replace("15000", "15001");
    assert_ne!(completed.fingerprint, event(&preset(), &dearer).fingerprint);

    let documented = blox(tokens()).documented_key().without_status_check();
    assert_eq!(
        event(&documented, COMPLETED).key.to_string(),
        "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a:COMPLETED:2026-02-03T15:05:30.000Z"
    );
    assert_ne!(
        event(&documented, COMPLETED).key,
        event(&documented, &fresh).key
    );
}

#[test]
fn a_checkout_is_read_and_what_is_new_is_kept() {
    let checkout: Payload = serde_json::from_str(COMPLETED).unwrap();
    assert_eq!(checkout.checkout_id, "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a");
    assert_eq!(checkout.status, Status::Completed);
    assert_eq!(checkout.amount.as_str(), "15000");
    assert_eq!(checkout.timestamp, "2026-02-03T15:05:30.000Z");

    let odd = r#"{"checkoutId":"c","status":"REFUNDED","amount":12345678901234567890.123456789,"timestamp":"t","fee":0.10}"#;
    let odd: Payload = serde_json::from_str(odd).unwrap();
    assert_eq!(odd.status, Status::Other("REFUNDED".to_owned()));
    assert_eq!(odd.amount.as_str(), "12345678901234567890.123456789");
    assert_eq!(format!("{:?}", odd.other), r#"{"fee": 0.10}"#);
}

#[test]
fn what_has_another_form_is_refused() {
    let refused = |from, to| {
        let body = COMPLETED.replace(from, to);
        serde_json::from_str::<Payload>(&body)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused("\"15000\"", "\"150,00\""),
        "amount: of another type"
    );
    assert_eq!(refused("amount", "Amount"), "amount: not there");
    assert_eq!(refused("\"COMPLETED\"", "null"), "status: of another type");
    for (from, to) in [("\"COMPLETED\"", "null"), ("checkoutId", "id"), ("{", "[{")] {
        assert!(
            identify(&preset(), &COMPLETED.replace(from, to)).is_err(),
            "{to}"
        );
    }
}

/// The verdict of a status check on the body if it gets this answer, and the ids that it queried.
async fn verdict(
    body: &str,
    answer: Result<impl Into<Option<CheckoutStatus>> + Clone + Send + Sync + 'static, &'static str>,
) -> (Confirmation, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let checked = blox(tokens()).status_check(move |id| {
        log.lock().unwrap().push(id);
        std::future::ready(answer.clone())
    });
    let event = Unconfirmed {
        key: event(&checked, body).key,
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let time = Duration::from_millis(50);
    let verdict = checked.confirms[0].judged(event, time).await;
    let asked = asked.lock().unwrap().clone();
    (verdict, asked)
}

#[tokio::test(start_paused = true)]
async fn an_event_is_what_the_api_says_of_it() {
    let found = |status: &str, amount: &str| {
        let found = CheckoutStatus::new(ID, status);
        Ok(match Decimal::parse(amount) {
            Some(amount) => found.amount(amount),
            None => found,
        })
    };
    for (answer, expected) in [
        (found("COMPLETED", "15000"), Confirmed),
        (found("COMPLETED", "15000.00"), Confirmed),
        (found("COMPLETED", "1.5e4"), Confirmed),
        (found("COMPLETED", ""), Confirmed),
        (found("COMPLETED", "15000.0000000000000000001"), Mismatch),
        (found("COMPLETED", "1"), Mismatch),
        (found("FAILED", "15000"), Mismatch),
        (found("CANCELLED", ""), Mismatch),
        (found("PENDING", "15000"), TryAgain),
        (found("PENDING", "1"), TryAgain),
        (found("completed", "15000"), TryAgain),
        (Err("connection refused"), TryAgain),
    ] {
        let (verdict, asked) = verdict(COMPLETED, answer.clone()).await;
        assert_eq!(verdict, expected, "{answer:?}");
        assert_eq!(asked, [ID]);
    }
    // A status that BLOX never sends does not become true because the API shows it too.
    let pending = COMPLETED.replace("COMPLETED", "PENDING");
    assert_eq!(
        verdict(&pending, found("PENDING", "15000")).await.0,
        TryAgain
    );
    assert_eq!(
        verdict(&pending, found("COMPLETED", "15000")).await.0,
        Mismatch
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_that_would_choose_another_question_is_never_asked_for() {
    let long = "a".repeat(65);
    for id in ["../payouts", "a/b", "a?b", "a%2Fb", ".", "a b", "é", &long] {
        let body = COMPLETED.replace("8f14e45f-ceea-467f-a830-5e3e3c7e2b8a", id);
        let (verdict, asked) = verdict(&body, Ok(CheckoutStatus::new(ID, "COMPLETED"))).await;
        assert_eq!(verdict, Mismatch, "{id}");
        assert!(asked.is_empty(), "{id}");
    }
    let no_amount = COMPLETED.replace("amount", "Amount");
    let (verdict, asked) = verdict(&no_amount, Ok(CheckoutStatus::new(ID, "COMPLETED"))).await;
    assert!(verdict == Mismatch && asked.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_id_is_confirmed_in_the_spelling_of_the_answer_alone() {
    let completed = || Ok(CheckoutStatus::new(ID, "COMPLETED"));
    for spelling in [
        "8F14E45F-CEEA-467F-A830-5E3E3C7E2B8A",
        "8f14e45fceea467fa8305e3e3c7e2b8a",
        "8f14e45f-ceea467f-a830-5e3e3c7e2b8a",
        "8f14e45f-ceea-467f-a830-5e3e3c7e2b8A",
    ] {
        let body = COMPLETED.replace(ID, spelling);
        assert_eq!(verdict(&body, completed()).await.0, Mismatch, "{spelling}");
    }
    // The same text with other escapes is the same key.
    let escaped = COMPLETED.replace("8f14", "\\u0038f14");
    assert_eq!(verdict(&escaped, completed()).await.0, Confirmed);
    let pending = Ok(CheckoutStatus::new(ID.to_uppercase(), "PENDING"));
    assert_eq!(verdict(COMPLETED, pending).await.0, Mismatch);
}

#[tokio::test(start_paused = true)]
async fn a_checkout_that_the_api_does_not_know_is_no_event() {
    let unknown = Ok(None::<CheckoutStatus>);
    assert_eq!(verdict(COMPLETED, unknown).await.0, Unknown);
}

#[test]
fn the_answer_of_the_api_must_say_its_id() {
    let read = serde_json::from_str::<CheckoutStatus>;
    assert!(read(r#"{"status":"COMPLETED","amount":"15000"}"#).is_err());
    let found = read(r#"{"id":"c-1","status":"COMPLETED","amount":"15000","fee":"1"}"#).unwrap();
    assert_eq!((&*found.id, found.status), ("c-1", Status::Completed));
}
