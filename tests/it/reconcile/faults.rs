//! Each fault of an API has a clear answer, and the key goes nowhere else.

use std::time::{Duration, Instant};

use tower_webhook::provider;
use tower_webhook::reconcile::{
    ApiClient, ApiError, ApiErrorKind, ApiKey, BlendFiApi, BloxApi, Pace, Reconciler, Report,
    RunEnd,
};
use tower_webhook::testing::{ApiFault, BlendFiStandIn, BloxStandIn, Sample};
use tower_webhook::{MemoryStore, RouterExt, Webhook};

use crate::support::blox::checkout;
use crate::support::presets::{Preset, answering_in, tokens};
use crate::support::server::Server;

const KEY: &str = "blox_test_9f8e7d6c5b4a";
const ID: &str = "8f14e45f-ceea-467f-a830-5e3e3c7e2b8a";
const HUGE: u64 = 100 * 1024 * 1024;

fn key() -> ApiKey {
    ApiKey::new(KEY).unwrap()
}

async fn blox() -> (BloxStandIn, BloxApi) {
    let server = BloxStandIn::start(KEY).await.unwrap();
    server.set(ID, "COMPLETED", "15000");
    let client = ApiClient::at(server.server().url()).key_header("blox-api-key", key());
    let client = client.timeout(Duration::from_millis(500)).build().unwrap();
    (server, BloxApi::on(client))
}

/// A fault, what it is told as, and whether to ask again.
fn faults(elsewhere: &str) -> Vec<(ApiFault, ApiErrorKind)> {
    vec![
        (ApiFault::Down, ApiErrorKind::Unreachable),
        (ApiFault::CutOff, ApiErrorKind::Unreachable),
        (ApiFault::Hang, ApiErrorKind::TimedOut),
        (
            ApiFault::Slow(Duration::from_secs(2)),
            ApiErrorKind::TimedOut,
        ),
        (ApiFault::Status(500), ApiErrorKind::Failed),
        (ApiFault::Status(502), ApiErrorKind::Failed),
        (ApiFault::Status(401), ApiErrorKind::Unauthorized),
        (ApiFault::Status(403), ApiErrorKind::Unauthorized),
        (ApiFault::Status(400), ApiErrorKind::Refused),
        (ApiFault::NotJson, ApiErrorKind::Malformed),
        (ApiFault::Huge(HUGE), ApiErrorKind::TooLarge),
        (
            ApiFault::RedirectTo(elsewhere.to_owned()),
            ApiErrorKind::Redirected,
        ),
        (
            ApiFault::RetryAfter(Duration::from_secs(1)),
            ApiErrorKind::TooManyRequests,
        ),
    ]
}

#[tokio::test]
async fn each_fault_is_told_as_what_it_is_and_the_key_goes_nowhere_else() {
    let (server, api) = blox().await;
    // What is only late is right.
    server
        .server()
        .fault(ApiFault::Slow(Duration::from_millis(50)), 1);
    assert!(api.checkout(ID).await.unwrap().unwrap().status.is_final());
    let elsewhere = BloxStandIn::start(KEY).await.unwrap();
    for (fault, kind) in faults(&elsewhere.server().url()) {
        server.server().fault(fault.clone(), 1);
        let error = api.checkout(ID).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(
            !format!("{error} {error:?}").contains("9f8e7d6c"),
            "{error:?}"
        );
    }
    assert_eq!(elsewhere.server().requests(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let (server, api) = blox().await;
    drop(server);
    let error = api.checkout(ID).await.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Unreachable);
}

#[tokio::test]
async fn an_id_chooses_no_other_question() {
    let (server, api) = blox().await;
    server.set("..", "COMPLETED", "1");
    for id in ["", ".", "..", &"x".repeat(257)] {
        assert_eq!(
            api.checkout(id).await.unwrap_err().kind(),
            ApiErrorKind::Malformed
        );
    }
    assert_eq!(server.server().requests(), 0);
    for id in ["../checkout/x", "a/b", "a?b", "a#b", "%2e%2e"] {
        assert_eq!(api.checkout(id).await.unwrap(), None, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_refused_kept_waiting_or_believed_as_the_api_says() {
    let (server, api) = blox().await;
    server.set("open", "PENDING", "15000");
    let blox = provider::blox(tokens()).checked_by(&api);
    let blox = answering_in(Duration::from_secs(2), blox);
    let webhook = Webhook::new(blox)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let router = axum::Router::new().webhook("/hooks", webhook, async || {});
    let receiver = Server::start(router).await;
    let answer = async |id: &str, status: &str, amount: &str| {
        let answer = checkout(id, status, amount).send(receiver.address).await;
        (answer.status, answer.header("retry-after").is_some())
    };
    assert_eq!(
        answer(ID, "COMPLETED", "1").await,
        (400, false),
        "another amount"
    );
    assert_eq!(
        answer(ID, "FAILED", "15000").await,
        (400, false),
        "another status"
    );
    assert_eq!(
        answer("invented", "COMPLETED", "15000").await,
        (400, false),
        "unknown"
    );
    assert_eq!(
        answer("open", "COMPLETED", "15000").await,
        (503, true),
        "not final"
    );
    for fault in [
        ApiFault::Down,
        ApiFault::Status(500),
        ApiFault::Status(401),
        ApiFault::NotJson,
        ApiFault::RetryAfter(Duration::from_secs(30)),
    ] {
        server.server().fault(fault.clone(), 1_000);
        assert_eq!(
            answer(ID, "COMPLETED", "15000").await,
            (503, true),
            "{fault:?}"
        );
        server.server().heal();
    }
    // An API that wants to be left alone for half a minute is, and nobody waits so long for it.
    assert_eq!(answer(ID, "COMPLETED", "15000").await.0, 503);
}

/// What one run over 3 pages comes to, and how many requests it took.
async fn reconciled(fault: Option<(ApiFault, u32)>) -> (Report, u64) {
    let signer = Preset::BlendFi.provider();
    let server = BlendFiStandIn::start(KEY, &signer).await.unwrap();
    server.page_size(2);
    for number in 0..6 {
        server.missed(Sample::BlendFi.body(number));
    }
    // What is asked for goes nowhere.
    server.deliver_to("http://127.0.0.1:1/");
    if let Some((fault, times)) = fault {
        server.server().fault(fault, times);
    }
    let client = ApiClient::at(server.server().url()).bearer(key());
    let client = client.timeout(Duration::from_millis(300)).build().unwrap();
    let api = BlendFiApi::on(client);
    let list = api
        .deliveries("we_1")
        .unwrap()
        .items("/data")
        .delivery_id("/id");
    let list = list
        .member("/id", "/event_id")
        .pages("cursor", "/next_cursor");
    let webhook = Webhook::new(signer)
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let reconciler = Reconciler::of(&webhook, list.on(api.client()).unwrap())
        .pace(Pace::new().concurrency(1))
        .build()
        .unwrap();
    (reconciler.run_once().await, server.server().requests())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_over_what_passes_and_ends_at_what_does_not() {
    let (report, requests) = reconciled(None).await;
    assert_eq!(
        (report.end, report.seen, report.requested),
        (RunEnd::Complete, 6, 6)
    );
    assert_eq!((report.pages, requests), (3, 9));
    for fault in [
        ApiFault::Down,
        ApiFault::CutOff,
        ApiFault::Hang,
        ApiFault::Status(503),
    ] {
        let (report, _) = reconciled(Some((fault.clone(), 2))).await;
        assert_eq!(
            (report.end, report.requested),
            (RunEnd::Complete, 6),
            "{fault:?}"
        );
    }
    for (fault, kind) in [
        (ApiFault::Status(401), ApiErrorKind::Unauthorized),
        (ApiFault::NotJson, ApiErrorKind::Malformed),
        (ApiFault::Huge(HUGE), ApiErrorKind::TooLarge),
        (
            ApiFault::RedirectTo("http://192.0.2.1/".to_owned()),
            ApiErrorKind::Redirected,
        ),
    ] {
        let (report, requests) = reconciled(Some((fault.clone(), 1))).await;
        assert_eq!(
            (report.end, requests),
            (RunEnd::Source(kind), 1),
            "{fault:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_again_ends_a_run() {
    let (report, requests) = reconciled(Some((ApiFault::FirstPageAgain, 1_000))).await;
    assert_eq!(report.end, RunEnd::Source(ApiErrorKind::Repeated));
    assert!(requests <= 6, "{requests}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_heeded() {
    let begun = Instant::now();
    let (report, _) = reconciled(Some((ApiFault::RetryAfter(Duration::from_secs(1)), 1))).await;
    assert_eq!((report.end, report.requested), (RunEnd::Complete, 6));
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_has_enough_and_names_no_time_to_wait_is_not_asked_again_at_once() {
    let begun = Instant::now();
    let (report, _) = reconciled(Some((ApiFault::RetryAfter(Duration::ZERO), 2))).await;
    assert_eq!((report.end, report.requested), (RunEnd::Complete, 6));
    // The shortest pauses of the first two tries.
    assert!(
        begun.elapsed() >= Duration::from_millis(750),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn an_error_tells_the_remedy() {
    let error = ApiError::new(ApiErrorKind::Redirected, "GET /v1/checkout/c: 307");
    assert_eq!(
        error.to_string(),
        "the API answered with another place, where the key is not sent: set the base URL to the right \
         one: GET /v1/checkout/c: 307"
    );
}
