//! Deliveries that wait for a place of a limit, and give up on it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::support::blox::checkout;
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, answering_in, clock, tokens};
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done, done_with, record, released, until, within};
use crate::support::{blendfi, blox};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower::limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer};
use tower::{ServiceBuilder, ServiceExt};
use tower_webhook::layer::{Budget, DedupeLayer, EndpointConfig, RequireSecretPathLayer, Verdict};
use tower_webhook::{
    DedupeConfig, Delivery, Drain, MemoryStore, Name, Reason, RetriedStatuses, RetrySchedule,
    SenderContract, Webhook,
};

use super::{LONG, SECOND, by_id};

#[tokio::test]
async fn duplicates_that_wait_hold_no_place_of_a_limit() {
    let (stage, budget) = (Stage::new(), Budget::default());
    let webhook = blendfi::webhook_answering_in(LONG, MemoryStore::new()).budget(budget.clone());
    let runs = stage.clone();
    let handler = move |delivery: Delivery| async move {
        if delivery.key() == &blendfi::key("evt_1") {
            runs.stand().await;
        }
        StatusCode::NO_CONTENT
    };
    let stack = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(2));
    let server = Server::start(Router::new().route("/hooks", post(handler).layer(stack))).await;
    let event = blendfi::event("evt_1", "{}");
    let first = event.spawn(server.address);
    stage.begun(1).await;
    let duplicates = [event.spawn(server.address), event.spawn(server.address)];
    until("the duplicates to wait", || budget.waiting() == 2).await;
    let other = blendfi::event("evt_2", "{}");
    let answer = within("the other event", other.send(server.address)).await;
    assert_eq!(answer.status, 204);
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    for duplicate in duplicates {
        assert!(duplicate.await.unwrap().is_replayed());
    }
    assert_eq!((stage.runs(), budget.waiting()), (1, 0));
}

#[tokio::test]
async fn what_finds_no_place_by_its_deadline_is_given_back_where_its_sender_comes_again() {
    let (store, stage, seen) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let budget = Budget::default();
    let webhook = blendfi::webhook_answering_in(SECOND, store.clone())
        .observer(seen.clone())
        .budget(budget.clone());
    let stack = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(1));
    let route = post(stage.handler()).layer(stack);
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let first = blendfi::event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    let crowded = blendfi::event("evt_2", "{}");
    assert!(crowded.send(server.address).await.is_not_now());
    assert_eq!(seen.count(Verdict::Refused, Some(Reason::NotReady)), 1);
    let view = released(&store, &blendfi::key("evt_2")).await;
    assert_eq!((view.attempt, stage.runs()), (0, 1), "it was not begun");
    stage.let_go(2);
    assert!(first.await.unwrap().is_not_now(), "slow");
    done(&store, &blendfi::key("evt_1")).await;
    // The place that it waited for was given to nobody who is gone.
    assert_eq!(crowded.send(server.address).await.status, 204);
    assert_eq!((stage.runs(), budget.waiting()), (2, 0));
}

#[tokio::test]
async fn what_finds_no_place_by_its_deadline_is_taken_where_its_sender_does_not_come_again() {
    let (store, stage, seen, drain) = (
        MemoryStore::new(),
        Stage::new(),
        Recorder::new(),
        Drain::new(),
    );
    let webhook = Webhook::new(answering_in(SECOND, blox::provider()))
        .clock(clock())
        .observer(seen.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()))
        .store(store.clone());
    let stack = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(1));
    let route = post(stage.handler()).layer(stack);
    let server = Server::start(Router::new().route(Preset::Blox.route(), route)).await;
    let first = checkout("c1", "COMPLETED", "1").spawn(server.address);
    stage.begun(1).await;
    let second = checkout("c2", "COMPLETED", "1").send(server.address).await;
    assert_eq!((second.status, second.header("retry-after")), (202, None));
    assert_eq!(seen.count(Verdict::Unfinished, Some(Reason::NotReady)), 1);
    assert_eq!(first.await.unwrap().status, 202);
    // It was said to be taken, and a shutdown waits for it.
    let drained = tokio::spawn({
        let drain = drain.clone();
        async move { drain.wait(LONG).await }
    });
    stage.let_go(2);
    assert_eq!(within("the drain", drained).await.unwrap(), 0);
    let view = record(&store, &blox::key("c2", "COMPLETED")).await.unwrap();
    assert_eq!(
        (done_with(&view), view.attempt, stage.runs()),
        (Some(204), 1, 2)
    );
}

/// Whoever waits holds its event as whoever runs does.
#[tokio::test(start_paused = true)]
async fn a_claim_is_renewed_while_it_waits_for_a_place() {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let endpoint = EndpointConfig::new(Name::new("blendfi").unwrap(), contract);
    let layer = DedupeLayer::builder(&endpoint, by_id(), [])
        .with_insecure_unauthenticated()
        .config(DedupeConfig::new().lease(Duration::from_secs(15)))
        .build(MemoryStore::new())
        .unwrap();
    let runs = Stage::new();
    let service = {
        let runs = runs.clone();
        ServiceBuilder::new()
            .layer(layer)
            .layer(ConcurrencyLimitLayer::new(1))
            .service_fn(move |request: Request| {
                runs.enter();
                async move {
                    let delivery: &Delivery = request.extensions().get().unwrap();
                    assert!(!delivery.lease().is_lost());
                    assert_eq!(delivery.attempt(), 1);
                    sleep(Duration::from_secs(60)).await;
                    Ok::<_, Infallible>(StatusCode::NO_CONTENT.into_response())
                }
            })
    };
    let send = |id: &str| service.clone().oneshot(blendfi::event(id, "{}").to_http());
    let first = send("evt_1").await.unwrap();
    assert_eq!(first.status(), 202);
    assert_eq!(send("evt_2").await.unwrap().status(), 202);
    sleep(Duration::from_secs(40)).await;
    // The lease would have been over for long.
    assert_eq!(
        (send("evt_2").await.unwrap().status(), runs.runs()),
        (503.try_into().unwrap(), 1)
    );
    sleep(Duration::from_secs(120)).await;
    let duplicate = send("evt_2").await.unwrap();
    assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
    assert_eq!(runs.runs(), 2);
}

/// A service that is never ready keeps nothing for good: neither the event nor a place among who waits.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_that_never_comes_gives_up_with_its_lease() {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let (budget, drain, seen) = (Budget::new(1_024, 1), Drain::new(), Recorder::new());
    let endpoint = EndpointConfig::new(Name::new("blendfi").unwrap(), contract)
        .budget(budget.clone())
        .observer(seen.clone());
    let layer = DedupeLayer::builder(&endpoint, by_id(), [])
        .with_insecure_unauthenticated()
        .config(
            DedupeConfig::new()
                .lease(Duration::from_secs(15))
                .renewal_ceiling(Duration::from_secs(60))
                .drain(drain.clone()),
        )
        .build(MemoryStore::new())
        .unwrap();
    let places = Arc::new(Semaphore::new(0));
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(places))
        .service_fn(|_: Request| async {
            Ok::<_, Infallible>(StatusCode::NO_CONTENT.into_response())
        });
    let send = |id: &str| service.clone().oneshot(blendfi::event(id, "{}").to_http());
    assert_eq!(send("evt_1").await.unwrap().status(), 202);
    assert_eq!((budget.waiting(), drain.running()), (1, 1));
    sleep(Duration::from_secs(90)).await;
    assert_eq!((budget.waiting(), drain.running()), (0, 0));
    assert_eq!(seen.count(Verdict::Refused, Some(Reason::InProgress)), 1);
    assert_eq!(send("evt_2").await.unwrap().status(), 202);
}

#[tokio::test]
async fn no_more_wait_for_a_place_than_the_budget_has_room_for() {
    let (store, stage, seen) = (MemoryStore::new(), Stage::new(), Recorder::new());
    let budget = Budget::new(1024 * 1024, 1);
    let webhook = blendfi::webhook_answering_in(LONG, store.clone())
        .observer(seen.clone())
        .budget(budget.clone());
    let stack = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(1));
    let route = post(stage.handler()).layer(stack);
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let send = |id: &str| blendfi::event(id, "{}").spawn(server.address);
    let first = send("evt_1");
    stage.begun(1).await;
    let second = send("evt_2");
    until("the second to wait", || budget.waiting() == 1).await;
    assert!(send("evt_3").await.unwrap().is_not_now());
    assert_eq!(seen.count(Verdict::Refused, Some(Reason::BudgetUsedUp)), 1);
    released(&store, &blendfi::key("evt_3")).await;
    stage.let_go(2);
    assert_eq!(first.await.unwrap().status, 204);
    assert_eq!(second.await.unwrap().status, 204);
    assert_eq!(budget.waiting(), 0);
}

#[tokio::test]
async fn who_waits_for_a_place_is_told_to_come_again_when_the_receiver_shuts_down() {
    let (store, stage, drain) = (MemoryStore::new(), Stage::new(), Drain::new());
    let budget = Budget::default();
    let webhook = blendfi::webhook_answering_in(LONG, store.clone())
        .dedupe(DedupeConfig::new().drain(drain.clone()))
        .budget(budget.clone());
    let stack = ServiceBuilder::new()
        .layer(webhook.build().unwrap())
        .layer(ConcurrencyLimitLayer::new(1));
    let route = post(stage.handler()).layer(stack);
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let first = blendfi::event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    let second = blendfi::event("evt_2", "{}").spawn(server.address);
    until("the second to wait", || budget.waiting() == 1).await;
    drain.begin();
    assert!(second.await.unwrap().is_not_now());
    released(&store, &blendfi::key("evt_2")).await;
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
}

/// A gate without a dedupe layer inside waits no longer than its sender.
#[tokio::test(start_paused = true)]
async fn a_gate_waits_for_a_place_until_its_deadline_and_others_pass_it_by() {
    let schedule = RetrySchedule::Fixed {
        interval: Duration::from_secs(60),
        attempts: 3,
    };
    let contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess)
        .waits(Duration::from_secs(10));
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), contract);
    let service = ServiceBuilder::new()
        .layer(
            RequireSecretPathLayer::new(&endpoint, tokens())
                .mounted_at("/hooks")
                .unwrap(),
        )
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(async |_: Request| {
            sleep(Duration::from_secs(60)).await;
            Ok::<_, Infallible>(StatusCode::NO_CONTENT.into_response())
        });
    let to = |path: &str| {
        let request = axum::http::Request::post(path).body(axum::body::Body::empty());
        service.clone().oneshot(request.unwrap())
    };
    let right = Preset::Blox.path();
    let begun = tokio::time::Instant::now();
    let (first, second, other) = tokio::join!(to(&right), to(&right), to("/elsewhere"));
    assert_eq!(first.unwrap().status(), 204);
    let second = second.unwrap();
    let reason = second
        .extensions()
        .get()
        .map(tower_webhook::Rejection::reason);
    assert_eq!(
        (second.status().as_u16(), reason),
        (503, Some(Reason::NotReady))
    );
    // What is no business of the gate has no deadline.
    assert_eq!(other.unwrap().status(), 204);
    assert_eq!(begun.elapsed().as_secs(), 120);
}
