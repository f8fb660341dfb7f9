//! Whether a receiver is ready, by what its deliveries met.

use std::time::Duration;

use axum::http::StatusCode;
use tower_webhook::health::{Health, HealthStatus};
use tower_webhook::source::AddressFeed;
use tower_webhook::store::StoreErrorKind;
use tower_webhook::testing::{Fault, FaultyStore, Operation};
use tower_webhook::{
    Allowlist, Clock as _, DedupeConfig, Drain, FailureShare, KeyRing, MemoryStore, Provider,
    RetriedStatuses, RetrySchedule, SenderContract, SigningKey, SigningSecret, UnixTime, Webhook,
    provider,
};

use crate::support::blendfi::{event, webhook};
use crate::support::presets::{NOW, Preset, SECRET, blendfi_signature, clock};
use crate::support::stage::Stage;
use crate::support::wait::within;

/// The code and the status of each reason.
fn told(health: &Health) -> Vec<(&'static str, HealthStatus)> {
    let reasons = health.reasons().iter();
    reasons
        .map(|reason| (reason.code().code(), reason.status()))
        .collect()
}

use HealthStatus::{Degraded, Failing};

#[tokio::test]
async fn a_store_that_is_out_of_reach_is_failing_until_it_is_back() {
    let store = FaultyStore::new(MemoryStore::new());
    let webhook = webhook(store.clone());
    let layer = webhook.build().unwrap();
    assert_eq!(layer.health().await.to_string(), "ready");
    // Without a single delivery: it is asked.
    store.inject(Fault::fail(StoreErrorKind::Unavailable));
    let health = layer.health().await;
    assert_eq!(told(&health), [("store_out_of_reach", Failing)]);
    assert!(!health.is_ready());
    assert!(
        health.to_string().contains("the store cannot be reached"),
        "{health}"
    );
    store.heal();
    assert_eq!(layer.health().await.status(), HealthStatus::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_answered_for_within_a_second() {
    let store = FaultyStore::new(MemoryStore::new());
    let layer = webhook(store.clone()).build().unwrap();
    store.inject(Fault::stall(Duration::from_secs(3_600)));
    let asked = tokio::time::Instant::now();
    let health = layer.health().await;
    assert_eq!(told(&health), [("store_out_of_reach", Failing)]);
    assert_eq!(asked.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_store_that_reads_and_does_not_write_is_degraded_until_a_delivery_gets_through() {
    let store = FaultyStore::new(MemoryStore::new());
    let webhook = webhook(store.clone());
    let layer = webhook.build().unwrap();
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    store.inject(
        Fault::fail(StoreErrorKind::Refused)
            .on(Operation::Claim)
            .times(1),
    );
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 503);
    assert_eq!(
        told(&layer.health().await),
        [("store_out_of_reach", Degraded)]
    );
    tokio::time::sleep(Duration::from_millis(2)).await;
    event("evt_1", "{}").send(server.address).await;
    assert_eq!(told(&layer.health().await), []);
}

/// The task: see an endpoint's health before its sender pauses it.
#[tokio::test]
async fn half_of_the_failures_that_pause_an_endpoint_are_told() {
    let share = FailureShare::percent(80).unwrap().of_at_least(10);
    let contract = SenderContract::new(
        RetrySchedule::Fixed {
            interval: Duration::from_secs(30),
            attempts: 5,
        },
        RetriedStatuses::AllButSuccess,
    )
    .pauses_at(share);
    let provider = Preset::BlendFi.provider().replace_contract(contract);
    let webhook = Webhook::new(provider)
        .clock(clock())
        .store(MemoryStore::new());
    let layer = webhook.build().unwrap();
    let fails = |body: &[u8]| body.windows(4).any(|part| part == b"fail");
    let handler = move |body: axum::body::Bytes| async move {
        match fails(&body) {
            true => StatusCode::INTERNAL_SERVER_ERROR,
            false => StatusCode::OK,
        }
    };
    let server = Preset::BlendFi.serve(&webhook, handler).await;
    let send = async |n: u32, data: &str| {
        event(&format!("evt_{n}"), data)
            .send(server.address)
            .await
            .status
    };
    // What strangers try does not count.
    for n in 0..20 {
        let forged = event(&format!("evt_{n}"), "{}").body("{}");
        assert_eq!(forged.send(server.address).await.status, 401);
    }
    for n in 0..6 {
        assert_eq!(send(n, "{}").await, 200);
    }
    for n in 6..9 {
        assert_eq!(send(n, r#""fail""#).await, 500);
    }
    // 3 of 9 are less than 40 of 100.
    assert_eq!(told(&layer.health().await), []);
    assert_eq!(send(9, r#""fail""#).await, 500);
    let health = layer.health().await;
    assert_eq!(told(&health), [("failure_share", Degraded)]);
    assert!(health.is_ready(), "deliveries are taken all the same");
    let words =
        "4 of 10 deliveries of the last 60 min failed: the sender pauses an endpoint at 80 of 100";
    assert!(health.to_string().contains(words), "{health}");
    assert_eq!(send(10, "{}").await, 200);
    assert_eq!(told(&layer.health().await), []);
}

/// The task: see clock skew.
#[tokio::test]
async fn a_clock_that_is_wrong_is_told_with_its_size() {
    let (now, store) = (clock(), MemoryStore::new());
    let webhook = webhook(store).clock(now.clone());
    let layer = webhook.build().unwrap();
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    let send = async |n: u32| {
        event(&format!("evt_{n}"), "{}")
            .send(server.address)
            .await
            .status
    };
    now.advance(Duration::from_secs(3_600));
    for n in 0..3 {
        assert_eq!(told(&layer.health().await), []);
        assert_eq!(send(n).await, 401);
    }
    let health = layer.health().await;
    assert_eq!(told(&health), [("clock_suspected", Degraded)]);
    assert!(
        health
            .to_string()
            .contains("3600 s old: our clock may be fast"),
        "{health}"
    );
    now.set(UnixTime::from_secs(NOW));
    assert_eq!(send(3).await, 204);
    assert_eq!(told(&layer.health().await), []);
}

#[tokio::test(start_paused = true)]
async fn keys_that_no_delivery_is_signed_with_are_told() {
    let webhook = webhook(MemoryStore::new());
    let layer = webhook.build().unwrap();
    let inside = tower::service_fn(async |_: axum::extract::Request| {
        Ok::<_, std::convert::Infallible>(axum::response::Response::new(axum::body::Body::empty()))
    });
    use tower::{Layer as _, ServiceExt as _};
    let service = layer.layer(inside);
    let send = async |request: crate::support::http::Request| {
        let answer = service
            .clone()
            .oneshot(request.to_http::<axum::body::Body>());
        answer.await.unwrap().status()
    };
    let wrong = |n: u32| {
        let body = crate::support::blendfi::body(&format!("evt_{n}"), "{}");
        let signature = blendfi_signature(NOW, "whsec_test_of_the_sandbox", body.as_bytes());
        event(&format!("evt_{n}"), "{}")
            .without("x-blendfi-signature")
            .header("x-blendfi-signature", signature)
    };
    for n in 0..3 {
        assert_eq!(send(wrong(n)).await, 401);
    }
    // Each could be a stranger's: it is told once nothing else has come for a while.
    assert_eq!(told(&layer.health().await), []);
    tokio::time::advance(Duration::from_secs(60)).await;
    let health = layer.health().await;
    assert_eq!(told(&health), [("keys_silent", Degraded)]);
    assert!(
        health.to_string().contains("no key has matched"),
        "{health}"
    );
    assert_eq!(send(event("evt_9", "{}")).await, 200);
    assert_eq!(told(&layer.health().await), []);
}

#[tokio::test]
async fn keys_that_have_expired_are_failing() {
    let now = clock();
    let end = UnixTime::from_secs(NOW + 86_400 * 2);
    let secret = SigningSecret::from_text(SECRET).unwrap();
    let ring = KeyRing::new([SigningKey::new("old", secret).expires_at(end)]).unwrap();
    let webhook = Webhook::new(provider::blendfi(ring)).clock(now.clone());
    let layer = webhook.store(MemoryStore::new()).build().unwrap();
    assert_eq!(told(&layer.health().await), []);
    now.advance(Duration::from_secs(86_400));
    assert_eq!(told(&layer.health().await), [("keys_expired", Degraded)]);
    now.advance(Duration::from_secs(86_400));
    assert_eq!(told(&layer.health().await), [("keys_expired", Failing)]);
}

fn bloquo(list: Allowlist) -> Provider {
    provider::bloquo(list)
}

/// The task: replace the allowlist, while the receiver runs.
#[tokio::test]
async fn an_allowlist_is_replaced_while_the_receiver_runs() {
    let list = Allowlist::parse(["192.0.2.0/24"]).unwrap();
    let webhook = Webhook::new(bloquo(list.clone()))
        .clock(clock())
        .store(MemoryStore::new());
    let server = Preset::Bloquo.serve(&webhook, Stage::new().counter()).await;
    let send = async || Preset::Bloquo.delivery(1).send(server.address).await.status;
    assert_eq!(send().await, 403);
    list.replace(["127.0.0.1", "192.0.2.0/24"]).unwrap();
    assert_eq!(send().await, 204);
    // One that is wrong changes nothing.
    let refused = list.replace(["0.0.0.0/0"]).unwrap_err().to_string();
    assert!(refused.contains("0.0.0.0/0"), "{refused}");
    assert_eq!(list.to_string(), "127.0.0.1/32, 192.0.2.0/24");
}

#[tokio::test]
async fn an_allowlist_whose_names_do_not_resolve_admits_nobody_and_is_failing() {
    let list = Allowlist::parse(["hooks.invalid"]).unwrap();
    let layer = Webhook::new(bloquo(list.clone()))
        .clock(clock())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    assert_eq!(
        told(&layer.health().await),
        [("allowlist_unresolved", Failing)]
    );
    let list_of_both = Allowlist::parse(["hooks.invalid", "192.0.2.1"]).unwrap();
    let both = Webhook::new(bloquo(list_of_both))
        .clock(clock())
        .store(MemoryStore::new());
    assert_eq!(
        told(&both.build().unwrap().health().await),
        [("allowlist_stale", Degraded)]
    );
    // A good answer ends it, until that is old.
    let now = clock().now();
    list.learn(&list.hosts()[0], ["203.0.113.9".parse().unwrap()], now);
    assert_eq!(told(&layer.health().await), []);
}

const FEED: &str = "https://hooks.example/ranges.txt";

#[tokio::test]
async fn a_feed_that_admits_senders_keeps_a_list_ready_whose_names_do_not_resolve() {
    let feed = AddressFeed::lines(FEED);
    let list = Allowlist::parse(["hooks.invalid"]).unwrap();
    let list = list.feed(feed.clone());
    let layer = Webhook::new(bloquo(list.clone()))
        .clock(clock())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let unresolved = [("allowlist_unresolved", Failing)];
    assert_eq!(told(&layer.health().await), unresolved);
    list.learn_feed(&feed, b"203.0.113.9", clock().now())
        .unwrap();
    let health = layer.health().await;
    assert_eq!(told(&health), [("allowlist_stale", Degraded)], "{health}");
}

#[tokio::test]
async fn a_list_of_feeds_is_failing_before_the_first_is_read_and_when_their_time_is_over() {
    let (now, feed) = (clock(), AddressFeed::lines(FEED));
    let list = Allowlist::of_feeds([feed.clone()]).unwrap();
    let webhook = Webhook::new(bloquo(list.clone())).clock(now.clone());
    let webhook = webhook.store(MemoryStore::new());
    let layer = webhook.build().unwrap();
    let server = Preset::Bloquo.serve(&webhook, Stage::new().counter()).await;
    let send = async || Preset::Bloquo.delivery(1).send(server.address).await.status;
    let health = layer.health().await;
    assert_eq!(told(&health), [("allowlist_unresolved", Failing)]);
    assert!(
        health.to_string().contains("a feed was never read"),
        "{health}"
    );
    assert_eq!(send().await, 503);

    list.learn_feed(&feed, b"203.0.113.9", now.now()).unwrap();
    assert_eq!(told(&layer.health().await), []);
    assert_eq!(send().await, 403);
    let half = Duration::from_secs(7 * 86_400 / 2);
    now.advance(half);
    let health = layer.health().await;
    assert_eq!(told(&health), [("allowlist_stale", Degraded)]);
    assert!(
        health.to_string().contains("a feed was last read 3 days"),
        "{health}"
    );
    assert_eq!(send().await, 403);
    now.advance(half);
    let unresolved = [("allowlist_unresolved", Failing)];
    assert_eq!(told(&layer.health().await), unresolved);
    assert_eq!(send().await, 503);
}

#[tokio::test]
async fn a_receiver_that_shuts_down_is_not_ready() {
    let drain = Drain::new();
    let config = DedupeConfig::new().drain(drain.clone());
    let layer = webhook(MemoryStore::new()).dedupe(config).build().unwrap();
    assert_eq!(told(&layer.health().await), []);
    drain.begin();
    assert_eq!(told(&layer.health().await), [("draining", Failing)]);
}

#[cfg(feature = "inbox")]
mod inbox {
    use tower_webhook::Name;
    use tower_webhook::inbox::{Inbox, MemoryInbox};
    use tower_webhook::worker::InboxExt;

    use super::*;

    #[tokio::test]
    async fn a_provider_that_is_paused_is_told_by_its_webhook_and_by_the_inbox() {
        let inbox = MemoryInbox::new();
        let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
        let layer = webhook.inbox(inbox.clone()).build().unwrap();
        assert_eq!(told(&layer.health().await), []);
        let name = Name::new("blendfi").unwrap();
        inbox.set_paused(&name, true).await.unwrap();
        assert_eq!(told(&layer.health().await), [("paused", Degraded)]);
        assert_eq!(told(&inbox.health().await), [("paused", Degraded)]);
        inbox.set_paused(&name, false).await.unwrap();
        assert_eq!(told(&layer.health().await), []);
    }

    #[tokio::test]
    async fn a_worker_is_ready_while_it_works() {
        let inbox = MemoryInbox::new();
        let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
        let layer = webhook.inbox(inbox.clone()).build().unwrap();
        let worker = inbox.worker().on(&layer, async || {}).build().unwrap();
        assert_eq!(told(&worker.health()), [("worker_stopped", Failing)]);
        let working = tokio::spawn({
            let worker = worker.clone();
            async move { worker.run().await }
        });
        within("a worker at work", async {
            while !told(&worker.health()).is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        worker.drain().begin();
        working.await.unwrap();
        assert_eq!(told(&worker.health()), [("draining", Failing)]);
    }
}
