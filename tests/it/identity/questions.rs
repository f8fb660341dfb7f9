//! Deliveries that are no events: they want an answer, each time.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::{Event, MemoryStore, Store};

use crate::identity::senders::{from_slack, from_stripe, slack, stripe, webhook};
use crate::support::server::Server;

#[derive(Deserialize)]
struct Handshake {
    challenge: Option<String>,
}

async fn answer(Event(handshake): Event<Handshake>) -> String {
    handshake
        .challenge
        .unwrap_or_else(|| "no challenge".to_owned())
}

#[tokio::test]
async fn slack_gets_its_challenge_back_each_time() {
    let store = MemoryStore::new();
    let layer = webhook(slack()).store(store.clone()).build().unwrap();
    let server = Server::start(Router::new().route("/hooks", post(answer).layer(layer))).await;
    let body = r#"{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    for _ in 0..3 {
        let told = from_slack(body).send(server.address).await;
        assert_eq!((told.status, told.is_replayed()), (200, false));
        assert_eq!(
            told.body,
            b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
        );
    }
    let counts = store.counts().await.unwrap();
    assert_eq!(
        counts.claimed + counts.lapsed + counts.done + counts.released,
        0
    );

    // Proved first, like everything else.
    let forged = from_slack(body).body(body.replace("3eZ", "3eX"));
    assert_eq!(forged.send(server.address).await.status, 401);
}

/// A sender of one's own: Zoom asks for an HMAC of its token, again and again.
#[tokio::test]
async fn a_question_of_any_sender_can_be_marked() {
    let event = Shape::new("event", ["/event", "/event_ts"]).unwrap();
    let question = Shape::new("validation", ["/event"])
        .and_then(|shape| shape.when_one_of("/event", ["endpoint.url_validation"]))
        .and_then(|shape| shape.when("/payload/plainToken"))
        .unwrap()
        .answered();
    let rule = EventRule::members([question, event]).unwrap();
    let store = MemoryStore::new();
    let zoom = stripe().replace_rule(rule);
    let handler = |Event(question): Event<serde_json::Value>| async move {
        let token = question["payload"]["plainToken"].as_str().unwrap_or("none");
        (StatusCode::CREATED, format!("{token} 1"))
    };
    let layer = webhook(zoom).store(store.clone()).build().unwrap();
    let server = Server::start(Router::new().route("/hooks", post(handler).layer(layer))).await;
    let asked = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1777899600,"event":"endpoint.url_validation"}"#;
    for _ in 0..2 {
        let told = from_stripe(asked).send(server.address).await;
        assert_eq!((told.status, told.is_replayed()), (201, false));
        assert_eq!(told.body, b"qgg8vlvZRS6UYooatFL8Aw 1");
    }
    assert_eq!(store.counts().await.unwrap().done, 0);
    let event = r#"{"event":"meeting.started","event_ts":1777899600,"payload":{}}"#;
    assert_eq!(from_stripe(event).send(server.address).await.status, 201);
    assert!(from_stripe(event).send(server.address).await.is_replayed());
}
