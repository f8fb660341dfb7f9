//! A store that dies, stands still or loses everything, between a claim and its end.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::store::{RecordState, RedisStore};
use tower_webhook::{DedupeConfig, Delivery, Store, Webhook};

use crate::redis_support::Server as Redis;
use crate::support::blendfi::{event, key, webhook_answering_in};
use crate::support::http::Response;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::within;

const KEPT: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const TIME: Duration = Duration::from_secs(20);

/// Sends the event again, as its sender would, until it is answered with success.
async fn until_success(id: &str, to: std::net::SocketAddr) -> Response {
    within("success", async {
        loop {
            let answer = event(id, "{}").send(to).await;
            if answer.is_success() {
                return answer;
            }
            assert!(answer.is_not_now(), "{answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

async fn is_done(store: &RedisStore, id: &str) -> bool {
    within("a record", async {
        loop {
            match store.lookup(&key(id)).await {
                Ok(Some(view)) if matches!(view.state, RecordState::Done(_)) => return true,
                Ok(None) => return false,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
}

/// Redis is killed while a handler is at work, and comes back before or behind its end.
async fn killed_at_work(kept: bool, back_first: bool) {
    let mut redis = Redis::with(if kept { &KEPT } else { &[] });
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let stage = Stage::new();
    let webhook = webhook_answering_in(TIME, store.clone());
    let server = crate::support::blendfi::serve(&webhook, stage.handler()).await;
    let sent = event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    redis.kill();
    // Who comes now is told to come again, and runs nothing.
    let other = event("evt_2", "{}").send(server.address).await;
    assert!(other.is_not_now(), "{other:?}");
    if back_first {
        redis.restart();
        stage.let_go(1);
    } else {
        stage.let_go(1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        redis.restart();
    }
    // Acknowledged once it is recorded, and not before.
    let answer = sent.await.unwrap();
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(is_done(&store, "evt_1").await);
    assert!(until_success("evt_1", server.address).await.is_replayed());
    stage.let_go(1);
    until_success("evt_2", server.address).await;
    assert_eq!(stage.runs(), 2);
}

#[tokio::test]
async fn redis_killed_between_claim_and_end_costs_no_second_run_where_it_keeps_its_records() {
    killed_at_work(true, true).await;
    killed_at_work(true, false).await;
}

#[tokio::test]
async fn redis_killed_between_claim_and_end_costs_no_second_run_where_it_loses_them() {
    killed_at_work(false, true).await;
    killed_at_work(false, false).await;
}

/// Both receivers wait for one event; Redis dies under the one that works and the one that waits.
#[tokio::test]
async fn redis_killed_under_a_duplicate_that_waits_makes_it_no_second_run() {
    let mut redis = Redis::with(&KEPT);
    let (stage, mut servers) = (Stage::new(), Vec::new());
    for _ in 0..2 {
        let store = RedisStore::connect(redis.url()).await.unwrap();
        let webhook = webhook_answering_in(TIME, store).dedupe(DedupeConfig::new().shares_name());
        servers.push(crate::support::blendfi::serve(&webhook, stage.handler()).await);
    }
    let first = event("evt_1", "{}").spawn(servers[0].address);
    stage.begun(1).await;
    let waiting = [0, 1, 1].map(|at: usize| event("evt_1", "{}").spawn(servers[at].address));
    tokio::time::sleep(Duration::from_millis(100)).await;
    redis.kill();
    tokio::time::sleep(Duration::from_millis(600)).await;
    redis.restart();
    stage.let_go(1);
    assert_eq!(first.await.unwrap().status, 204);
    for answer in waiting {
        let answer = answer.await.unwrap();
        assert!(answer.is_replayed() || answer.is_not_now(), "{answer:?}");
    }
    for server in &servers {
        assert!(until_success("evt_1", server.address).await.is_replayed());
    }
    assert_eq!(stage.runs(), 1);
}

/// Redis stands still for longer than the lease, under a handler that asks before its effect.
#[tokio::test]
async fn redis_that_stands_still_past_a_lease_lets_one_of_two_have_its_effect() {
    let redis = Redis::start();
    let (stage, effects) = (Stage::new(), Stage::new());
    let mut servers = Vec::new();
    for _ in 0..2 {
        let store = RedisStore::connect(redis.url()).await.unwrap();
        let webhook = webhook_answering_in(TIME, store).dedupe(
            DedupeConfig::new()
                .lease(Duration::from_secs(1))
                .shares_name(),
        );
        let (stage, effects) = (stage.clone(), effects.clone());
        let handler = move |delivery: Delivery| async move {
            stage.stand().await;
            if delivery.lease().is_lost() {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            effects.enter();
            StatusCode::NO_CONTENT
        };
        servers.push(crate::support::blendfi::serve(&webhook, handler).await);
    }
    let first = event("evt_1", "{}").spawn(servers[0].address);
    stage.begun(1).await;
    let second = event("evt_1", "{}").spawn(servers[1].address);
    tokio::time::sleep(Duration::from_millis(100)).await;
    redis.freeze();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    redis.thaw();
    // Whoever is at work now: the first one's lease is over, and it knows.
    stage.let_go(10);
    let answers = [first.await.unwrap(), second.await.unwrap()];
    for server in &servers {
        until_success("evt_1", server.address).await;
    }
    assert_eq!(effects.runs(), 1, "{answers:?}");
}

/// Everything is lost while two receivers are at work and at rest.
#[tokio::test]
async fn records_thrown_away_under_work_are_written_anew_by_who_holds_them() {
    let redis = Redis::start();
    let store = RedisStore::connect(redis.url()).await.unwrap();
    let stage = Stage::new();
    let webhook: Webhook = webhook_answering_in(TIME, store.clone());
    let route = post(stage.handler()).layer(webhook.build().unwrap());
    let server = Server::start(Router::new().route("/hooks", route)).await;
    let sent = [1, 2, 3].map(|n| event(&format!("evt_{n}"), "{}").spawn(server.address));
    stage.begun(3).await;
    // By hand, by eviction, or by a failover to a replica that had none of it.
    redis.ask(&["FLUSHALL"]);
    stage.let_go(3);
    for answer in sent {
        assert_eq!(answer.await.unwrap().status, 204);
    }
    redis.ask(&["SCRIPT", "FLUSH"]);
    for n in 1..=3 {
        assert!(
            until_success(&format!("evt_{n}"), server.address)
                .await
                .is_replayed()
        );
    }
    assert_eq!(stage.runs(), 3);
}
