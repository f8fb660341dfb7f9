//! A dedupe layer inside another.

use std::convert::Infallible;

use crate::support::presets::{Preset, clock};
use axum::Router;
use tower::ServiceBuilder;
use tower_webhook::layer::Proof;
use tower_webhook::store::RecordState;
use tower_webhook::{DedupeConfig, MemoryStore, Reason, Store, Webhook};

use crate::layers::signature;

use super::{Misplaced, Seat};

/// Two that would wait for each other: the inner one for the outer one's claim, and that for the answer
/// of the inner one.
#[tokio::test]
async fn a_dedupe_layer_inside_another_is_500_with_one_line() {
    let right = Preset::BlendFi.delivery(1);
    let webhook = |it: &Seat| {
        let webhook = Webhook::new(Preset::BlendFi.provider())
            .store(it.store.clone())
            .observer(it.seen.clone())
            .clock(clock());
        webhook
            .dedupe(DedupeConfig::new().shares_name())
            .build()
            .unwrap()
    };
    let around_the_router = Misplaced::start(|it| {
        let layer = webhook(it);
        let route = it.handler().layer(layer.clone());
        Router::new().route("/hooks", route).layer(layer)
    });
    let twice_on_the_route = Misplaced::start(|it| {
        let layer = webhook(it);
        let route = it
            .handler()
            .layer::<_, Infallible>(layer.clone())
            .layer(layer);
        Router::new().route("/hooks", route)
    });
    let built_twice = Misplaced::start(|it| {
        let route = it
            .handler()
            .layer::<_, Infallible>(webhook(it))
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    let by_hand = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(signature())
            .layer(it.dedupe(&[Proof::Signature]))
            .layer(it.dedupe(&[Proof::Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    let inside_a_webhook = Misplaced::start(|it| {
        let stack = ServiceBuilder::new()
            .layer(webhook(it))
            .layer(it.dedupe(&[Proof::Signature]));
        Router::new().route("/hooks", it.handler().layer(stack))
    });
    // Records elsewhere: nothing would wait, but of two that take one event none is in its place.
    let with_another_store = Misplaced::start(|it| {
        let inner = Webhook::new(Preset::BlendFi.provider())
            .store(MemoryStore::new())
            .observer(it.seen.clone())
            .clock(clock());
        let route = it
            .handler()
            .layer::<_, Infallible>(inner.build().unwrap())
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    let of_another_provider = Misplaced::start(|it| {
        let inner = Webhook::new(Preset::BloquePayments.provider())
            .store(MemoryStore::new())
            .observer(it.seen.clone());
        let route = it
            .handler()
            .layer::<_, Infallible>(inner.build().unwrap())
            .layer(webhook(it));
        Router::new().route("/hooks", route)
    });
    for (what, misplaced) in [
        ("around the router", around_the_router.await),
        ("twice on the route", twice_on_the_route.await),
        ("built twice", built_twice.await),
        ("by hand", by_hand.await),
        ("inside a webhook", inside_a_webhook.await),
        ("with another store", with_another_store.await),
        ("of another provider", of_another_provider.await),
    ] {
        for attempt in 1..=2 {
            let response = right.send(misplaced.server.address).await;
            assert_eq!((response.status, response.body.len()), (500, 0), "{what}");
            let seen = misplaced.seat.seen.take();
            let [seen] = &seen[..] else {
                panic!("{what}: not one line: {seen:?}");
            };
            assert_eq!(seen.reason, Some(Reason::Nested), "{what}: {seen:?}");
            assert_eq!(
                (seen.status, seen.attempt),
                (Some(500), Some(attempt)),
                "{what}"
            );
            assert!(seen.detail.is_some(), "{what}: a clear log");
        }
        assert_eq!(misplaced.seat.runs.runs(), 0, "{what}");
        let view = misplaced.seat.store.lookup(&Preset::BlendFi.key(1)).await;
        let state = view.unwrap().unwrap().state;
        assert_eq!(state, RecordState::Released, "{what}: given back");
    }
}
