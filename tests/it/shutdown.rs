//! Draining: what runs is waited for, what waits or comes is told to come again.

use std::time::Duration;

use crate::support::blendfi::{self, event, key};
use crate::support::blox;
use crate::support::http::Connection;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done, done_with, is_claimed, record, until, within};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::layer::{Budget, Verdict};
use tower_webhook::{Confirmation, DedupeConfig, Drain, MemoryStore, Reason, Webhook};

const TEN_SECONDS: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_running_handler_is_waited_for_and_everybody_else_comes_again() {
    let (store, stage, recorder) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let (drain, budget) = (Drain::new(), Budget::default());
    let webhook = blendfi::webhook(store.clone())
        .observer(recorder.clone())
        .budget(budget.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let address = server.address;
    let duplicate = event("evt_1", "{}");
    let first = duplicate.spawn(address);
    stage.begun(1).await;
    let waiters: Vec<_> = (0..3).map(|_| duplicate.spawn(address)).collect();
    until("the duplicates to wait", || budget.waiting() == 3).await;
    assert_eq!(drain.running(), 4);

    let drained = tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait(TEN_SECONDS).await }
    });
    // The waiters and whoever comes are answered while the handler stands.
    for waiter in waiters {
        let answer = waiter.await.unwrap();
        assert!(answer.is_not_now(), "{answer:?}");
    }
    for id in ["evt_1", "evt_2"] {
        let answer = event(id, "{}").send(address).await;
        assert!(answer.is_not_now(), "{answer:?}");
    }
    assert_eq!(recorder.count(Verdict::Refused, Some(Reason::Draining)), 5);
    assert_eq!(record(&store, &key("evt_2")).await, None);
    assert!(!drained.is_finished() && !first.is_finished());
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert!(is_claimed(&view), "{view:?}");

    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    assert_eq!(within("the drain", drained).await.unwrap(), 0);
    let view = record(&store, &key("evt_1")).await.unwrap();
    assert_eq!((done_with(&view), view.attempt), (Some(204), 1));

    // Another receiver goes on where this one has stopped.
    let next = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().shares_name());
    let server = blendfi::serve(&next, stage.handler()).await;
    stage.let_go(1);
    assert!(
        event("evt_1", "{}")
            .send(server.address)
            .await
            .is_replayed()
    );
    assert_eq!(event("evt_2", "{}").send(server.address).await.status, 204);
    assert_eq!(stage.runs(), 2);
}

#[tokio::test]
async fn a_drain_tells_how_many_it_could_not_wait_for() {
    let (store, stage, drain) = (MemoryStore::new(), Stage::new(), Drain::new());
    let webhook = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().drain(drain.clone()));
    let server = blendfi::serve(&webhook, stage.handler()).await;
    let address = server.address;
    let mut senders = Vec::new();
    for id in ["evt_1", "evt_2"] {
        let mut sender = Connection::open(address).await;
        sender.send(&event(id, "{}").bytes()).await;
        senders.push(sender);
    }
    stage.begun(2).await;
    // One sender does not wait for the answer; its handler is waited for all the same.
    senders.pop().unwrap().hang_up();
    assert_eq!(drain.wait(Duration::from_millis(50)).await, 2);
    stage.let_go(1);
    until("one to end", || drain.running() == 1).await;
    assert_eq!(drain.wait(Duration::from_millis(50)).await, 1);
    stage.let_go(1);
    assert_eq!(drain.wait(TEN_SECONDS).await, 0);
    for id in ["evt_1", "evt_2"] {
        assert_eq!(done_with(&done(&store, &key(id)).await), Some(204));
    }
    assert_eq!(senders[0].response().await.unwrap().status, 204);
}

#[tokio::test]
async fn one_drain_is_for_all_the_webhooks_of_a_process() {
    let (drain, stage) = (Drain::new(), Stage::new());
    let accounts = Preset::BloqueAccounts;
    let bloque = Webhook::new(accounts.provider())
        .store(MemoryStore::new())
        .dedupe(DedupeConfig::new().drain(drain.clone()));
    let blendfi =
        blendfi::webhook(MemoryStore::new()).dedupe(DedupeConfig::new().drain(drain.clone()));
    let router = Router::new()
        .route(
            "/hooks",
            post(stage.handler()).layer(blendfi.build().unwrap()),
        )
        .route(
            accounts.route(),
            post(stage.handler()).layer(bloque.build().unwrap()),
        );
    let server = Server::start(router).await;
    let address = server.address;
    let first = accounts.delivery(1).spawn(address);
    stage.begun(1).await;
    drain.begin();
    assert!(event("evt_1", "{}").send(address).await.is_not_now());
    assert_eq!(drain.running(), 1);
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    assert_eq!(drain.wait(TEN_SECONDS).await, 0);
}

#[tokio::test]
async fn a_delivery_that_arrived_in_part_before_the_drain_runs_no_handler_after_it() {
    let (store, stage, drain) = (MemoryStore::new(), Stage::new(), Drain::new());
    stage.let_go(10);
    let signed = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().drain(drain.clone()));
    let by_path = blox::webhook(store.clone()).dedupe(DedupeConfig::new().drain(drain.clone()));
    let router = Router::new()
        .route(
            "/hooks",
            post(stage.handler()).layer(signed.build().unwrap()),
        )
        .route(
            Preset::Blox.route(),
            post(stage.handler()).layer(by_path.build().unwrap()),
        );
    // Tells when a request's head is there.
    let heads = Stage::new();
    let router = router.layer(axum::middleware::map_request({
        let heads = heads.clone();
        move |request: axum::extract::Request| {
            heads.enter();
            std::future::ready(request)
        }
    }));
    let server = Server::start(router).await;
    let mut halves = Vec::new();
    for (event, key) in [
        (event("evt_1", "{}"), key("evt_1")),
        (
            blox::checkout("c1", "COMPLETED", "1"),
            blox::key("c1", "COMPLETED"),
        ),
    ] {
        let bytes = event.bytes();
        let (begin, end) = bytes.split_at(bytes.len() - 10);
        let mut sender = Connection::open(server.address).await;
        sender.send(begin).await;
        halves.push((sender, end.to_vec(), key));
    }
    heads.begun(2).await;
    assert_eq!(drain.wait(TEN_SECONDS).await, 0);
    for (mut sender, end, key) in halves {
        sender.send(&end).await;
        let answer = sender.response().await.unwrap();
        assert!(answer.is_not_now(), "{answer:?}");
        assert_eq!(
            record(&store, &key).await,
            None,
            "nothing is claimed any more"
        );
    }
    assert_eq!(stage.runs(), 0);
}

#[tokio::test]
async fn a_confirmation_that_cannot_tell_does_not_hold_up_the_shutdown() {
    let (store, asked, drain) = (MemoryStore::new(), Stage::new(), Drain::new());
    let confirm = {
        let asked = asked.clone();
        move |_| {
            asked.enter();
            std::future::ready(Confirmation::TryAgain)
        }
    };
    // Its own time to answer is far away.
    let webhook = blendfi::webhook_answering_in(Duration::from_secs(120), store.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()).confirm(confirm));
    let server = blendfi::serve(&webhook, || async { StatusCode::NO_CONTENT }).await;
    let address = server.address;
    let sender = event("evt_1", "{}").spawn(address);
    asked.begun(1).await;
    assert_eq!(drain.wait(TEN_SECONDS).await, 0);
    assert!(sender.await.unwrap().is_not_now());
    assert_eq!(record(&store, &key("evt_1")).await, None);
    let next = blendfi::webhook(store.clone()).dedupe(DedupeConfig::new().shares_name());
    let server = blendfi::serve(&next, || async { StatusCode::NO_CONTENT }).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 204);
}
