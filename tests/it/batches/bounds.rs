//! Lists that are meant to cost much.

use std::time::Duration;

use tower_webhook::{DedupeConfig, MemoryStore, Reason, Store};

use super::{Stage, list, retrying};
use crate::support::wait::within;

#[tokio::test]
async fn a_million_empty_items_are_refused_before_any_claim() {
    let store = MemoryStore::new();
    let mut body = "[".to_owned() + &"0,".repeat(520_000);
    body += "0]";
    assert!(body.len() < 2 << 20);
    let stage = Stage::with(retrying().sends_up_to(2 << 20), store.clone(), |it| it);
    assert_eq!(within("an answer", stage.deliver(body)).await.0, 413);
    let seen = stage.seen.take();
    assert_eq!(seen.len(), 1, "one line");
    assert_eq!(seen[0].reason, Some(Reason::TooManyItems));
    assert_eq!(store.counts().await.unwrap().done, 0);
}

#[tokio::test]
async fn one_event_many_times_is_run_once() {
    let patient = retrying().waits(Duration::from_secs(60));
    let stage = Stage::with(patient, MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().max_items(10_000))
    });
    assert_eq!(stage.deliver(list(vec!["E1"; 10_000])).await.0, 200);
    assert_eq!((stage.book.effects(), stage.book.runs()), ((1, 1), 1));
    // Where it fails it is not tried again by its own repeats.
    stage.book.fails("E2", 0);
    assert_eq!(stage.deliver(list(vec!["E2"; 10_000])).await.0, 502);
    assert_eq!(stage.book.runs_of("E2"), 1);
}

/// Each content is looked at a few times, however many there are of one key, and tried once where it fails.
#[tokio::test]
async fn one_key_with_many_contents_costs_no_more_than_as_many_events() {
    let patient = retrying().waits(Duration::from_secs(60));
    let stage = Stage::with(patient, MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().max_items(10_000))
    });
    let item = |id: &str, cents: usize| format!(r#"{{"endToEndId":"{id}","valor":"{cents}"}}"#);
    let of = |id: &str, contents: usize| {
        let items: Vec<_> = (0..10_000).map(|n| item(id, n % contents)).collect();
        format!(r#"{{"pix":[{}]}}"#, items.join(","))
    };
    let answer = within("an answer", stage.deliver(of("E1", 10_000))).await;
    assert_eq!((answer, stage.book.runs_of("E1")), ((200, false), 1));
    stage.book.fails("E2", 0);
    assert_eq!(stage.deliver(of("E2", 2)).await.0, 502);
    assert_eq!(stage.book.runs_of("E2"), 2);
}

#[tokio::test]
async fn more_events_than_are_taken_claim_nothing() {
    let stage = Stage::with(retrying(), MemoryStore::new(), |webhook| {
        webhook.dedupe(DedupeConfig::new().max_items(2))
    });
    assert_eq!(stage.deliver(list(["E1", "E2", "E3"])).await.0, 413);
    assert_eq!(stage.book.runs(), 0);
    assert_eq!(stage.deliver(list(["E1", "E2"])).await.0, 200);
}

#[tokio::test]
async fn an_item_without_a_key_stops_no_other_and_has_a_line_of_its_own() {
    let stage = Stage::new(retrying(), MemoryStore::new());
    let body = r#"{"pix":[7,{"endToEndId":"E1","valor":"1.00"},{"endToEndId":["E2"]},null]}"#;
    assert_eq!(stage.deliver(body).await.0, 200);
    assert_eq!(stage.book.effects(), (1, 1));
    let details: Vec<_> = (stage.seen.take().into_iter())
        .filter(|it| it.reason == Some(Reason::NoEventKey))
        .map(|it| it.detail.unwrap())
        .collect();
    assert_eq!(
        details,
        [
            "/endToEndId (it is no object): not there: the event has no known shape",
            "/endToEndId: neither an integer nor a string with content",
            "/endToEndId (it is no object): not there: the event has no known shape",
        ]
    );
}
