//! Event handlers, which know nothing of HTTP, on a route.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::routing::{MethodRouter, post};
use serde::Deserialize;
use tower_webhook::layer::Verdict;
use tower_webhook::runtime::Failure;
use tower_webhook::{
    Authenticated, Delivery, Event, MemoryStore, Permanent, Reason, event_handler,
};

use crate::support::blendfi;
use crate::support::observer::Recorder;
use crate::support::presets::Preset;
use crate::support::server::Server;
use crate::support::stage::Stage;
use crate::support::wait::{done_with, record};

#[derive(Deserialize)]
struct Conversion {
    id: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    amount: u64,
}

#[derive(Clone)]
struct App {
    stage: Stage,
    name: Arc<str>,
}

impl FromRef<App> for Stage {
    fn from_ref(app: &App) -> Self {
        app.stage.clone()
    }
}

async fn convert(
    Event(conversion): Event<Conversion>,
    delivery: Delivery,
    mark: Authenticated,
    State(stage): State<Stage>,
    State(app): State<App>,
) -> Result<(), Failure> {
    assert_eq!(&*app.name, "the app");
    assert_eq!(delivery.key(), &blendfi::key(&conversion.id));
    assert_eq!(mark.body(), Some(&delivery.body()));
    stage.enter();
    match conversion.data.amount {
        0 => Err(Permanent("nothing to convert").into()),
        1 if delivery.attempt() == 1 => Err(std::io::Error::other("no rate").into()),
        99 => panic!("a bad day"),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn what_an_event_handler_says_is_answered_in_the_senders_words() {
    answered(post(event_handler(convert))).await;
}

/// A `Failure` is one, wherever it comes from.
#[tokio::test]
async fn a_handler_that_axum_mounts_can_say_the_same() {
    answered(post(convert)).await;
}

async fn answered(handler: MethodRouter<App>) {
    let (store, recorder) = (MemoryStore::new(), Recorder::new());
    let webhook = blendfi::webhook(store.clone()).observer(recorder.clone());
    let app = App {
        stage: Stage::new(),
        name: "the app".into(),
    };
    let route = handler.layer(webhook.build().unwrap());
    let router = Router::new().route(Preset::BlendFi.route(), route);
    let server = Server::start(router.with_state(app.clone())).await;

    // Its id, its data, the statuses of two attempts, and how often the handler runs for both.
    let table = [
        ("evt_done", r#"{"amount":5}"#, [200, 200], 1),
        ("evt_again", r#"{"amount":1}"#, [500, 200], 2),
        ("evt_given_up", r#"{"amount":0}"#, [200, 200], 1),
        ("evt_panics", r#"{"amount":99}"#, [500, 500], 2),
        ("evt_not_of_its_type", r#"{"amount":"5"}"#, [500, 500], 0),
    ];
    for (id, data, statuses, runs) in table {
        let before = app.stage.runs();
        for status in statuses {
            let answer = blendfi::event(id, data).send(server.address).await;
            assert_eq!((answer.status, &*answer.body), (status, &b""[..]), "{id}");
        }
        assert_eq!(app.stage.runs() - before, runs, "{id}");
    }
    for (id, status) in [("evt_done", 200), ("evt_again", 200), ("evt_given_up", 200)] {
        let view = record(&store, &blendfi::key(id)).await.unwrap();
        assert_eq!(done_with(&view), Some(status), "{id}");
    }
    let seen: Vec<_> = (recorder.seen().iter())
        .map(|seen| (seen.verdict, seen.reason))
        .collect();
    let duplicate = (Verdict::Duplicate, Some(Reason::AlreadyDone));
    let panicked = (Verdict::Failed, Some(Reason::HandlerPanicked));
    let unread = (Verdict::Failed, Some(Reason::PayloadMismatch));
    assert_eq!(
        seen,
        [
            (Verdict::Handled, None),
            duplicate,
            (Verdict::Failed, Some(Reason::HandlerFailed)),
            (Verdict::Handled, None),
            (Verdict::Handled, None),
            duplicate,
            panicked,
            panicked,
            unread,
            unread,
        ]
    );
}

#[tokio::test]
async fn an_event_handler_without_its_layer_runs_nothing() {
    let stage = Stage::new();
    let entered = stage.clone();
    let handler = move || {
        let stage = entered.clone();
        async move {
            stage.enter();
        }
    };
    let route = Router::new().route(Preset::BlendFi.route(), post(event_handler(handler)));
    let server = Server::start(route).await;
    let answer = blendfi::event("evt_1", "{}").send(server.address).await;
    assert_eq!((answer.status, stage.runs()), (500, 0));
}
