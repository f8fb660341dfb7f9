//! Requests out of a journal that are sent through again.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use tower::service_fn;
use tower_webhook::journal::{JournalFilter, JournalLine};
use tower_webhook::{
    MemoryStore, Name, Reason, Replay, ReplayErrorKind, Replayed, Webhook, WebhookLayer,
};

use super::{Kept, told};
use crate::support::blendfi::{self, event, key};
use crate::support::presets::{Preset, clock};
use crate::support::stage::Stage;
use crate::support::wait;

/// Sends a request through again to a handler that counts its runs.
async fn again(
    layer: &WebhookLayer,
    runs: &Stage,
    replay: Replay<'_>,
) -> Result<Replayed, ReplayErrorKind> {
    let runs = runs.clone();
    let handler = service_fn(move |request: Request<Body>| {
        assert!(
            request
                .extensions()
                .get::<tower_webhook::Authenticated>()
                .is_some()
        );
        runs.enter();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        std::future::ready(Ok::<_, Infallible>(response))
    });
    layer
        .replay(&replay, handler)
        .await
        .map_err(|error| error.kind())
}

/// The line of an answer with this verdict.
async fn line(kept: &Kept, verdict: &str) -> JournalLine {
    let lines = kept.lines().await;
    lines
        .into_iter()
        .find(|line| line.verdict == verdict)
        .unwrap()
}

#[tokio::test]
async fn what_failed_is_sent_through_again_once_and_keeps_its_key() {
    let kept = Kept::start();
    let store = MemoryStore::new();
    let webhook = blendfi::webhook(store.clone()).journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::INTERNAL_SERVER_ERROR).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 500);
    let failed = line(&kept, "failed").await;
    drop(server);

    let (layer, runs) = (webhook.build().unwrap(), Stage::new());
    let first = again(&layer, &runs, Replay::of(&failed)).await.unwrap();
    assert_eq!((first.status, first.reason), (StatusCode::NO_CONTENT, None));
    assert_eq!(runs.runs(), 1);
    wait::done(&store, &key("evt_1")).await;

    // It is done: another one is a duplicate, unless somebody wants it so.
    let second = again(&layer, &runs, Replay::of(&failed)).await.unwrap();
    assert_eq!(second.reason, Some(Reason::AlreadyDone));
    assert_eq!(runs.runs(), 1);
    let forced = again(&layer, &runs, Replay::of(&failed).force())
        .await
        .unwrap();
    assert_eq!(
        (forced.status, forced.reason),
        (StatusCode::NO_CONTENT, None)
    );
    assert_eq!(runs.runs(), 2);

    // They are requests like any other, and say what they were.
    let lines = kept.lines().await;
    let replays: Vec<_> = lines
        .iter()
        .filter(|line| line.replay_of.is_some())
        .cloned()
        .collect();
    assert!(
        replays
            .iter()
            .all(|line| line.replay_of.as_ref() == Some(&failed.id))
    );
    assert!(
        replays
            .iter()
            .all(|line| line.event_key() == Some(key("evt_1")))
    );
    assert_eq!(told(&replays).last(), Some(&(true, "handled", None)));
}

#[tokio::test]
async fn what_was_not_proved_or_not_kept_whole_is_not_sent_through() {
    let kept = Kept::with(|builder| builder.bodies(150, 150));
    let webhook = blendfi::webhook(MemoryStore::new()).journal(&kept.journal);
    let server = blendfi::serve(&webhook, async || StatusCode::NO_CONTENT).await;
    event("evt_1", "{}").body("{}").send(server.address).await;
    event("evt_2", &format!(r#"{{"pad":"{}"}}"#, "x".repeat(200)))
        .send(server.address)
        .await;
    event("evt_3", "{}").send(server.address).await;
    let lines = kept.lines().await;
    drop(server);
    let [forged, long, right] = &*lines else {
        panic!("{lines:?}");
    };
    let (layer, runs) = (webhook.build().unwrap(), Stage::new());
    let kind =
        async |line: &JournalLine| again(&layer, &runs, Replay::of(line).force()).await.err();
    assert_eq!(kind(forged).await, Some(ReplayErrorKind::NotAuthenticated));
    assert_eq!(kind(long).await, Some(ReplayErrorKind::NoWholeBody));
    // Nobody makes a forged one authentic by a word.
    let mut claimed = forged.clone();
    claimed.authenticated = true;
    assert_eq!(
        kind(&claimed).await,
        Some(ReplayErrorKind::NotAuthenticated)
    );
    let mut other = right.clone();
    other.key = Some(key("evt_9").encoded());
    assert_eq!(kind(&other).await, Some(ReplayErrorKind::OtherKey));
    let mut bare = right.clone();
    bare.request = None;
    assert_eq!(kind(&bare).await, Some(ReplayErrorKind::NoRequest));
    assert_eq!(runs.runs(), 0);
    let elsewhere = blendfi::webhook(MemoryStore::new()).consumer(Name::new("billing").unwrap());
    let elsewhere = elsewhere.build().unwrap();
    let refused = again(&elsewhere, &runs, Replay::of(right)).await;
    assert_eq!(refused, Err(ReplayErrorKind::OtherWebhook));

    // A webhook that demands more than was proved takes it no more.
    let provider = Preset::BlendFi.provider();
    let stricter =
        provider.and_from_source(tower_webhook::Allowlist::parse(["192.0.2.1"]).unwrap());
    let stricter = Webhook::new(stricter)
        .clock(clock())
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let refused = again(&stricter, &runs, Replay::of(right)).await;
    assert_eq!(refused, Err(ReplayErrorKind::NotProved));
}

#[tokio::test]
async fn what_a_secret_path_has_proved_is_sent_through_without_its_token() {
    let kept = Kept::start();
    let preset = Preset::BloqueAccounts;
    let webhook = Webhook::new(preset.provider())
        .clock(clock())
        .store(MemoryStore::new());
    let webhook = webhook.journal(&kept.journal);
    let server = preset
        .serve(&webhook, async || StatusCode::INTERNAL_SERVER_ERROR)
        .await;
    assert_eq!(preset.delivery(1).send(server.address).await.status, 500);
    let failed = line(&kept, "failed").await;
    drop(server);
    let runs = Stage::new();
    let replayed = again(&webhook.build().unwrap(), &runs, Replay::of(&failed)).await;
    assert_eq!(replayed.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(runs.runs(), 1);
}

#[cfg(feature = "inbox")]
#[tokio::test]
async fn with_an_inbox_it_is_queued_again() {
    use tower_webhook::inbox::{EntryStatus, Inbox, MemoryInbox};
    let kept = Kept::start();
    let inbox = MemoryInbox::new();
    let webhook = Webhook::new(Preset::BlendFi.provider()).clock(clock());
    let webhook = webhook.inbox(inbox.clone()).journal(&kept.journal);
    let layer = webhook.build().unwrap();
    let route = axum::routing::post(async || StatusCode::NO_CONTENT).layer(layer.clone());
    let app = axum::Router::new().route("/hooks", route);
    let server = crate::support::server::Server::start(app).await;
    assert_eq!(event("evt_1", "{}").send(server.address).await.status, 200);
    let queued = line(&kept, "queued").await;
    let runs = Stage::new();
    // It waits for a worker: there is nothing to force.
    let second = again(&layer, &runs, Replay::of(&queued).force())
        .await
        .unwrap();
    assert_eq!(second.reason, Some(Reason::AlreadyDone));
    assert!(inbox.forget(&key("evt_1")).await.unwrap());
    let third = again(&layer, &runs, Replay::of(&queued)).await.unwrap();
    assert_eq!(third.reason, Some(Reason::Queued));
    let view = inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!(view.status, EntryStatus::Queued);
    assert_eq!(runs.runs(), 0);
    let filter = JournalFilter::new().key(key("evt_1"));
    kept.lines().await;
    assert_eq!(kept.files.read(&filter, None, 9).unwrap().lines.len(), 3);
}
