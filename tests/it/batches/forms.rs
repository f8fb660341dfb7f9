//! Deliveries whose bodies are forms, and those that have none.

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{Method, Request, StatusCode};
use serde::Deserialize;
use tower::ServiceExt;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::provider::{self, github};
use tower_webhook::testing::TestDelivery;
use tower_webhook::{
    Delivery, Event, MemoryStore, Name, PathTokens, Provider, RouterExt, Webhook, event_handler,
};

use super::{TOKEN, retrying};

#[derive(Debug, Deserialize)]
struct Push {
    after: String,
}

const FORM: &str = "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%2C%22after%22%3A%22abc%22%7D";

async fn status(app: &Router, request: Request<Body>) -> (u16, bool) {
    let answer = app.clone().oneshot(request).await.unwrap();
    let is_duplicate = answer.headers().contains_key("idempotent-replayed");
    (answer.status().as_u16(), is_duplicate)
}

#[tokio::test]
async fn a_handler_reads_the_event_in_a_form_of_github() {
    let github = provider::github(github::keys(["It's a Secret to Everybody"]).unwrap());
    let form = || TestDelivery::new(&github, FORM).request::<Body>().unwrap();
    // As a handler of axum, and as an event handler.
    let webhook = || {
        Webhook::new(github.clone())
            .store(MemoryStore::new())
            .build()
            .unwrap()
    };
    let on_push = async |Event(push): Event<Push>, delivery: Delivery| {
        assert_eq!((&*push.after, delivery.body()), ("abc", FORM.into()));
        StatusCode::ACCEPTED
    };
    let app = Router::new().webhook("/", webhook(), on_push);
    assert_eq!(status(&app, form()).await, (202, false));
    assert_eq!(status(&app, form()).await, (200, true));
    let on_push = async |Event(push): Event<Push>| assert_eq!(push.after, "abc");
    let app = Router::new().webhook("/", webhook(), event_handler(on_push));
    assert_eq!(status(&app, form()).await, (200, false));
    let other = TestDelivery::new(&github, "payload=%7B%7D")
        .request()
        .unwrap();
    assert_eq!(
        status(&app, other).await.0,
        422,
        "not of the handler's type"
    );
}

#[tokio::test]
async fn an_event_can_come_by_get_with_everything_in_its_query() {
    let rule = EventRule::members([Shape::new("notice", ["?topic", "?id"]).unwrap()]).unwrap();
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    let contract = retrying().delivers_with([Method::GET]);
    let name = Name::new("acme").unwrap();
    let acme = Provider::by_secret_path(name, tokens, rule, contract);
    let webhook = Webhook::new(acme)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    #[derive(Deserialize)]
    struct Notice {
        id: u32,
    }
    let on_notice = async |Query(notice): Query<Notice>, delivery: Delivery| {
        assert_eq!(delivery.key().to_string(), format!("payment:{}", notice.id));
        StatusCode::ACCEPTED
    };
    let app = Router::new().webhook("/", webhook, on_notice);
    let get = |query: &str| {
        Request::get(format!("/{TOKEN}?{query}"))
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(status(&app, get("topic=payment&id=42")).await, (202, false));
    assert_eq!(status(&app, get("topic=payment&id=42")).await, (200, true));
    assert_eq!(status(&app, get("topic=payment&id=43")).await, (202, false));
    assert_eq!(status(&app, get("topic=payment")).await.0, 400);
    let post = Request::post(format!("/{TOKEN}?topic=payment&id=44")).body(Body::empty());
    assert_eq!(status(&app, post.unwrap()).await.0, 405);
    let forged = Request::get("/wrong-token?topic=payment&id=44").body(Body::empty());
    assert_eq!(status(&app, forged.unwrap()).await.0, 404);
}
