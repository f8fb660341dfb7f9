//! Deliveries that are made again, and secrets that are rotated.

use std::sync::{Arc, Mutex};

use tower_webhook::provider::{self, blendfi};
use tower_webhook::reconcile::{
    ApiClient, ApiErrorKind, ApiKey, BlendFiApi, DeliveryList, Reconciler,
};
use tower_webhook::testing::{BlendFiStandIn, BloquoStandIn, Sample};
use tower_webhook::{Delivery, MemoryStore, RouterExt, UnixTime, Webhook, event_handler};

use crate::support::presets::{Preset, SECRET};
use crate::support::server::Server;
use crate::support::wait::until;

const KEY: &str = "sk_test_9f8e7d6c5b4a";

fn key() -> ApiKey {
    ApiKey::new(KEY).unwrap()
}

/// The keys of the events whose handler ran, each with the names of the keys that signed it.
type Ran = Arc<Mutex<Vec<(String, String)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn bloquo_sends_again_what_has_not_arrived() {
    let signer = Preset::Bloquo.provider();
    let bloquo = BloquoStandIn::start(KEY, &signer).await.unwrap();
    (1..=3).for_each(|order| drop(bloquo.missed(Sample::Bloquo.body(order))));
    let ran = Ran::default();
    let own = Arc::clone(&ran);
    let handler = move |delivery: Delivery| {
        own.lock()
            .unwrap()
            .push((delivery.key().to_string(), String::new()));
        std::future::ready(())
    };
    let webhook = Webhook::new(signer)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let router = axum::Router::new().webhook("/bloquo", webhook.clone(), event_handler(handler));
    let receiver = Server::start(router).await;
    bloquo.deliver_to(&format!("http://{}/bloquo", receiver.address));
    let client = ApiClient::at(bloquo.server().url()).key_header("x-api-key", key());
    let source = DeliveryList::at("/notifications")
        .items("/items")
        .delivery_id("/uuid")
        .member("/OrderId", "/order/id")
        .member("/Status", "/order/status")
        .pages("page", "/nextPage")
        .resend("/notifications/{id}/resend")
        .on(&client.build().unwrap())
        .unwrap();
    let reconciler = Reconciler::of(&webhook, source).build().unwrap();
    assert_eq!(reconciler.run_once().await.requested, 3);
    until("three orders", || ran.lock().unwrap().len() == 3).await;
    until("their answers", || bloquo.undelivered() == 0).await;
    let again = reconciler.run_once().await;
    assert_eq!((again.known, again.requested), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_rotation_both_keys_are_taken_and_the_silent_one_shows() {
    let ring = blendfi::keys([("old", SECRET)]).unwrap();
    let signer = provider::blendfi(blendfi::keys([SECRET]).unwrap());
    let server = BlendFiStandIn::start(KEY, &signer).await.unwrap();
    let ran = Ran::default();
    let own = Arc::clone(&ran);
    let handler = move |delivery: Delivery| {
        let by = delivery
            .verified_by()
            .map(ToString::to_string)
            .unwrap_or_default();
        own.lock().unwrap().push((delivery.key().to_string(), by));
        std::future::ready(())
    };
    let webhook = Webhook::new(provider::blendfi(ring.clone())).store(MemoryStore::new());
    let webhook = webhook.build().unwrap();
    let router = axum::Router::new().webhook("/blendfi", webhook, event_handler(handler));
    let receiver = Server::start(router).await;
    server.deliver_to(&format!("http://{}/blendfi", receiver.address));
    let api = BlendFiApi::at(server.server().url(), key()).unwrap();

    let before = server.missed(Sample::BlendFi.body(1));
    api.redeliver(&before).await.unwrap();
    until("the first", || ran.lock().unwrap().len() == 1).await;
    let until_then = UnixTime::now().saturating_add(std::time::Duration::from_secs(3_600));
    let rotated = api
        .rotate_secret("we_1", "/secret", &ring, until_then)
        .await
        .unwrap();
    let behind = server.missed(Sample::BlendFi.body(2));
    api.redeliver(&behind).await.unwrap();
    until("the second", || ran.lock().unwrap().len() == 2).await;
    // What the old key has signed on its way is taken still.
    let request = signer_request(&signer, &receiver);
    assert_eq!(request.await, 200);
    let by: Vec<_> = ran
        .lock()
        .unwrap()
        .iter()
        .map(|(_, by)| by.clone())
        .collect();
    assert_eq!(by, ["old", rotated.key_id().as_str(), "old"]);
    assert!(rotated.expose().starts_with("whsec_test_rotated_"));

    let wrong = api
        .rotate_secret("we_1", "/data/secret", &ring, until_then)
        .await;
    assert_eq!(wrong.unwrap_err().kind(), ApiErrorKind::Malformed);
    assert_eq!(ring.ids().len(), 2);
}

async fn signer_request(signer: &tower_webhook::Provider, receiver: &Server) -> u16 {
    use tower_webhook::testing::{Sender, TestDelivery};
    let url = format!("http://{}/blendfi", receiver.address);
    let sender = Sender::new(signer.contract().clone());
    let event = TestDelivery::new(signer, Sample::BlendFi.body(3));
    let histories = sender.deliver_to(&url, [event]).await.unwrap();
    let status = histories[0].statuses().next().unwrap();
    status.as_u16()
}

#[tokio::test]
async fn an_endpoint_is_registered_for_what_is_wanted() {
    let server = BlendFiStandIn::start(KEY, &Preset::BlendFi.provider())
        .await
        .unwrap();
    let api = BlendFiApi::at(server.server().url(), key()).unwrap();
    let other = serde_json::json!({"description": "orders"});
    let made = api
        .register_endpoint(
            "https://shop.example/hooks",
            &["conversion.completed"],
            Some(other),
        )
        .await
        .unwrap();
    assert_eq!(made["events"], serde_json::json!(["conversion.completed"]));
    assert!(api.conversion("cnv_0").await.unwrap().is_none());
}

#[tokio::test]
async fn a_list_without_what_is_needed_is_refused_and_so_is_an_answer_without_it() {
    let server = BlendFiStandIn::start(KEY, &Preset::BlendFi.provider())
        .await
        .unwrap();
    server.missed(Sample::BlendFi.body(1));
    let api = BlendFiApi::at(server.server().url(), key()).unwrap();
    let list = || api.deliveries("we_1").unwrap().items("/data");
    for refused in [
        list().on(api.client()),
        list().delivery_id("/id").on(api.client()),
        DeliveryList::at("/x")
            .delivery_id("/id")
            .member("/id", "/id")
            .on(api.client()),
    ] {
        assert!(refused.is_err());
    }
    let webhook = Webhook::new(Preset::BlendFi.provider())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let run = async |list: DeliveryList| {
        let source = list.on(api.client()).unwrap();
        Reconciler::of(&webhook, source)
            .build()
            .unwrap()
            .run_once()
            .await
    };
    let elsewhere = list().delivery_id("/id").member("/id", "/event/id");
    let report = run(elsewhere).await;
    assert_eq!((report.seen, report.failed), (1, 1));
    let delivered = list()
        .delivery_id("/id")
        .member("/id", "/event_id")
        .only("/status", ["exhausted"]);
    assert_eq!(run(delivered).await.seen, 0);
    let no_list = api
        .deliveries("we_1")
        .unwrap()
        .delivery_id("/id")
        .member("/id", "/event_id");
    let report = run(no_list.items("/nothing")).await;
    assert_eq!(report.end.code(), "malformed");
}

#[tokio::test]
async fn of_several_attempts_at_an_event_one_is_made_again() {
    let signer = Preset::BlendFi.provider();
    let server = BlendFiStandIn::start(KEY, &signer).await.unwrap();
    for event in [1, 1, 2, 1] {
        server.missed(Sample::BlendFi.body(event));
    }
    // What is asked for goes nowhere.
    server.deliver_to("http://127.0.0.1:1/");
    let api = BlendFiApi::at(server.server().url(), key()).unwrap();
    let list = api
        .deliveries("we_1")
        .unwrap()
        .items("/data")
        .delivery_id("/id");
    let source = list.member("/id", "/event_id").on(api.client()).unwrap();
    let webhook = Webhook::new(signer)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let report = Reconciler::of(&webhook, source)
        .build()
        .unwrap()
        .run_once()
        .await;
    assert_eq!((report.seen, report.requested, report.pending), (4, 2, 2));
}
