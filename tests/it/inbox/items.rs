//! Deliveries that hold a list of events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Request as HttpRequest;
use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox, RedisInbox};
use tower_webhook::layer::Verdict;
use tower_webhook::{
    Delivery, EventKey, Name, RetriedStatuses, RetrySchedule, SenderContract, Webhook, WebhookLayer,
};

use super::{Working, entry, entry_with, send_http};
use crate::batches::{TOKEN, list, pix, retrying};
use crate::redis_support::Server as Redis;
use crate::support::observer::Recorder;
use crate::support::wait::LIMIT;

fn key(id: &str) -> EventKey {
    EventKey::new(Name::new("pix").unwrap(), [id]).unwrap()
}

async fn deliver(layer: &WebhookLayer, ids: &[&str]) -> u16 {
    let request = HttpRequest::post(format!("/{TOKEN}")).body(list(ids).into());
    send_http(layer, request.unwrap()).await.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_list_is_an_entry_of_its_own() {
    let (inbox, seen) = (MemoryInbox::new(), Recorder::new());
    let webhook = Webhook::new(pix(retrying())).observer(seen.clone());
    let layer = webhook.inbox(inbox.clone()).build().unwrap();
    assert_eq!(deliver(&layer, &["a", "b", "b", "c"]).await, 200);
    assert_eq!(inbox.counts().await.unwrap().queued, 3);
    assert_eq!(seen.seen().last().unwrap().verdict, Verdict::Queued);
    assert_eq!(deliver(&layer, &["a", "b"]).await, 200);
    assert_eq!(seen.seen().last().unwrap().verdict, Verdict::Duplicate);

    let places = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let places = Arc::clone(&places);
        move |delivery: Delivery| {
            let place = delivery.item().map(|item| (item.index, item.count));
            let id = delivery.key().to_string();
            assert!(delivery.body().starts_with(br#"{"endToEndId":"#));
            assert_eq!(delivery.envelope().unwrap(), r#"{"pix":[]}"#);
            places.lock().unwrap().push((id, place));
            std::future::ready(())
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    for id in ["a", "b", "c"] {
        entry_with(&inbox, &key(id), EntryStatus::Done).await;
    }
    working.end().await;
    let mut places = places.lock().unwrap().clone();
    places.sort();
    let of = |id: &str, index| (id.to_owned(), Some((index, 4)));
    assert_eq!(places, [of("a", 0), of("b", 1), of("c", 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_long_body_around_a_list_is_not_kept_with_each_item() {
    let inbox = MemoryInbox::new();
    let layer = Webhook::new(pix(retrying())).inbox(inbox.clone());
    let layer = layer.build().unwrap();
    let long = format!(
        r#"{{"note":"{}",{}"#,
        "n".repeat(16 * 1024),
        &list(["a"])[1..]
    );
    let request = HttpRequest::post(format!("/{TOKEN}")).body(long.into());
    assert_eq!(send_http(&layer, request.unwrap()).await.status(), 200);
    let ran = Arc::new(Mutex::new(None));
    let handler = {
        let ran = Arc::clone(&ran);
        move |delivery: Delivery| {
            *ran.lock().unwrap() = Some((delivery.item().is_some(), delivery.envelope()));
            std::future::ready(())
        }
    };
    let working = Working::on(&inbox, &layer, handler);
    entry_with(&inbox, &key("a"), EntryStatus::Done).await;
    working.end().await;
    assert_eq!(*ran.lock().unwrap(), Some((true, None)));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_accepted_in_part_is_finished_by_its_retry() {
    let inbox = MemoryInbox::with_capacity(2);
    let webhook = Webhook::new(pix(retrying())).inbox(inbox.clone());
    let layer = webhook.build().unwrap();
    assert_eq!(
        deliver(&layer, &["a", "b", "c"]).await,
        503,
        "no success before all are held"
    );
    assert_eq!(inbox.counts().await.unwrap().queued, 2);
    let working = Working::on(&inbox, &layer, async || {});
    for id in ["a", "b"] {
        entry_with(&inbox, &key(id), EntryStatus::Done).await;
    }
    assert_eq!(deliver(&layer, &["a", "b", "c"]).await, 200);
    entry_with(&inbox, &key("c"), EntryStatus::Done).await;
    working.end().await;
    assert_eq!(entry(&inbox, &key("a")).await.entry.attempts, 1);
}

/// It would not come again for what is lost then.
#[tokio::test]
async fn a_sender_that_comes_once_is_told_no_success_before_its_list_is_held() {
    let redis = Redis::start();
    let inbox = RedisInbox::builder(redis.url()).deadline(LIMIT);
    let once = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let webhook = Webhook::new(pix(once.waits(Duration::from_secs(1))));
    let webhook = webhook.inbox(inbox.connect().await.unwrap());
    let layer = webhook.build().unwrap();
    assert_eq!(deliver(&layer, &["a"]).await, 200);
    redis.freeze();
    let told = deliver(&layer, &["b", "c"]).await;
    redis.thaw();
    assert_eq!(told, 503);
}
