//! Several who take the events of one sender, on one store.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof};
use tower_webhook::{
    ConfigErrorKind, DedupeConfig, Delivery, MemoryStore, Name, SharedStore, Store, Webhook,
};

use crate::identity::senders::{Ran, from_stripe, serve, stripe, told, webhook};
use crate::support::presets::Preset;
use crate::support::server::Server;
use crate::support::stage::Stage;

const EVENT: &str = r#"{"id":"evt_1","type":"charge.succeeded","created":1777899600,"data":{}}"#;

fn name(name: &'static str) -> Name {
    Name::new(name).unwrap()
}

fn on(store: &MemoryStore) -> Webhook {
    webhook(stripe()).store(store.clone())
}

#[tokio::test]
async fn each_consumer_sees_an_event_once() {
    let store = MemoryStore::new();
    let (orders, seen_by_orders) = serve(&on(&store)).await;
    let (billing, seen_by_billing) = serve(&on(&store).consumer(name("billing"))).await;
    for server in [&orders, &billing] {
        assert_eq!(told(from_stripe(EVENT), server).await, "run");
        assert_eq!(told(from_stripe(EVENT), server).await, "duplicate");
    }
    assert_eq!((seen_by_orders.count(), seen_by_billing.count()), (1, 1));
    let unfinished = store.unfinished(&name("stripe"), 10).await.unwrap();
    assert!(unfinished.is_empty());
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.done, 2);
}

#[tokio::test]
async fn a_name_is_taken_by_one_webhook_with_all_its_layers_and_clones() {
    let store = MemoryStore::new();
    let first = on(&store);
    let layers = [first.build().unwrap(), first.build().unwrap()];
    let clone = first.clone().build().unwrap();

    let second = on(&store);
    let error = second.build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Name);
    let text = error.to_string();
    assert_eq!(
        text.matches("tests/it/identity/senders.rs:").count(),
        2,
        "{text}"
    );
    assert!(text.contains(" as stripe in one store"), "{text}");
    // Any handle to the same records is the same store, and none to others.
    let handle = webhook(stripe()).store(SharedStore::new(store.clone()));
    assert!(handle.build().is_err());
    let apart = webhook(stripe()).store(store.namespace(name("sandbox")));
    assert!(apart.build().is_ok());
    assert!(on(&MemoryStore::new()).build().is_ok());

    // Other names: another consumer, another tenant, another sender.
    let billing = second.clone().consumer(name("billing")).build().unwrap();
    let error = on(&store).consumer(name("billing")).build().unwrap_err();
    assert!(
        error.to_string().contains("as stripe/billing in"),
        "{error}"
    );
    let tenant = webhook(stripe().tenant(name("billing")));
    assert!(tenant.store(store.clone()).build().is_ok());
    let other = webhook(Preset::BlendFi.provider()).store(store.clone());
    assert!(other.build().is_ok());

    assert!(
        second
            .clone()
            .dedupe(DedupeConfig::new().shares_name())
            .build()
            .is_ok(),
        "where it was said"
    );
    drop((layers, clone));
    let third = on(&store).build().unwrap();
    assert!(second.build().is_err(), "taken by another one now");
    drop((third, billing));
    assert!(second.build().is_ok(), "free again");
}

/// Bloque's two hooks have keys that are never alike.
#[tokio::test]
async fn the_two_hooks_of_bloque_share_a_store_as_they_are() {
    let store = MemoryStore::new();
    let hook = |preset: Preset| Webhook::new(preset.provider()).store(store.clone());
    let accounts = hook(Preset::BloqueAccounts).build().unwrap();
    let payments = hook(Preset::BloquePayments).build().unwrap();
    assert!(hook(Preset::BloquePayments).build().is_err());
    drop((accounts, payments));
    let any = || EventRule::body();
    let hook = |preset: Preset| Webhook::new(preset.provider().replace_rule(any()));
    let accounts = hook(Preset::BloqueAccounts).store(store.clone());
    let accounts = accounts.build().unwrap();
    let payments = hook(Preset::BloquePayments).store(store);
    assert!(payments.build().is_err(), "with other rules they may be");
    drop(accounts);
}

/// A reload must not wait for what is still handled.
#[tokio::test]
async fn a_handler_that_still_runs_holds_no_name() {
    let (store, stage) = (MemoryStore::new(), Stage::new());
    let app = |webhook: &Webhook| {
        let layer = webhook.build().unwrap();
        Router::new().route("/hooks", post(stage.handler()).layer(layer))
    };
    let first = on(&store);
    let service = app(&first);
    let answer =
        tower::ServiceExt::oneshot(service, from_stripe(EVENT).to_http::<axum::body::Body>());
    let answer = tokio::spawn(answer);
    stage.begun(1).await;
    assert!(on(&store).build().is_ok());
    stage.let_go(1);
    assert_eq!(
        answer.await.unwrap().unwrap().status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn services_and_standing_layers_hold_names_too() {
    let store = MemoryStore::new();
    let (server, _) = serve(&on(&store)).await;
    assert!(on(&store).build().is_err(), "its service lives");

    let layer = |consumer: Option<&'static str>, shares: bool| {
        let endpoint = EndpointConfig::new(name("stripe"), stripe().contract().clone());
        let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
        let builder = DedupeLayer::builder(&endpoint, rule, [Proof::Signature]);
        let builder = match consumer {
            Some(consumer) => builder.consumer(name(consumer)),
            None => builder,
        };
        let builder = if shares {
            builder.config(DedupeConfig::new().shares_name())
        } else {
            builder
        };
        builder.build(store.clone())
    };
    let error = layer(None, false).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("tests/it/identity/consumers.rs:"),
        "{error}"
    );
    assert!(layer(None, true).is_ok());
    let ledger = layer(Some("ledger"), false).unwrap();
    assert!(layer(Some("ledger"), false).is_err());
    let service = tower::Layer::layer(&ledger, tower::service_fn(never));
    drop(ledger);
    assert!(layer(Some("ledger"), false).is_err(), "its service lives");
    drop(service);
    assert!(layer(Some("ledger"), false).is_ok());
    drop(server);
}

async fn never(
    _: axum::http::Request<axum::body::Body>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    panic!("nothing is sent to it")
}

/// The handler sees whose delivery it is, and its key keeps the name apart.
#[tokio::test]
async fn a_consumer_is_told_to_handler_and_store() {
    let store = MemoryStore::new();
    let ran = Ran::default();
    let noted = ran.clone();
    let handler = move |delivery: Delivery| async move {
        noted.note(&delivery);
        assert_eq!(delivery.consumer(), Some(&name("billing")));
        assert_eq!(delivery.key().encoded(), "stripe/billing:evt_1");
        assert_eq!(delivery.key().to_string(), "evt_1");
        StatusCode::NO_CONTENT
    };
    let layer = on(&store).consumer(name("billing")).build().unwrap();
    let app = Router::new().route("/hooks", post(handler).layer(layer));
    let server = Server::start(app).await;
    assert_eq!(told(from_stripe(EVENT), &server).await, "run");
    assert_eq!(ran.count(), 1);
}
