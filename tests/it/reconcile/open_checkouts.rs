//! Open checkouts of BLOX, at a rate of our own and with single ones that cannot be asked about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_webhook::reconcile::{
    ApiClient, ApiErrorKind, ApiKey, BloxApi, Pace, Reconciler, Report, RunEnd, Source,
};
use tower_webhook::{MemoryStore, Webhook};

use crate::support::server::Server;

/// Shorter than what a rate has anybody wait here, and long for a server on this machine.
const LIMIT: Duration = Duration::from_millis(500);
const SECOND: Duration = Duration::from_secs(1);

/// An API that answers by the id that it is asked for: `500-…` with that status, `hang-…` never, and any
/// other with a checkout that has ended.
struct Blox {
    server: Server,
    asked: Arc<AtomicU32>,
}

impl Blox {
    async fn start() -> Self {
        let asked = Arc::new(AtomicU32::new(0));
        let own = Arc::clone(&asked);
        let answer = move |Path(id): Path<String>| {
            let number = own.fetch_add(1, Ordering::Relaxed);
            async move { answer(&id, number).await }
        };
        let server = Server::start(Router::new().route("/v1/checkout/{id}", get(answer))).await;
        Self { server, asked }
    }

    fn api(&self, pace: Pace) -> BloxApi {
        let client = ApiClient::at(format!("http://{}/", self.server.address));
        BloxApi::on(client.timeout(LIMIT).pace(pace).build().unwrap())
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(id: &str, number: u32) -> Response {
    match id.split('-').next().unwrap_or_default() {
        "hang" => std::future::pending().await,
        // Each second request is one too many.
        "busy" if number % 2 == 1 => {
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "0")]).into_response()
        }
        status => match status.parse().map(StatusCode::from_u16) {
            Ok(Ok(status)) => status.into_response(),
            _ => {
                let (amount, at) = ("15000", "2026-02-03T15:05:30.000Z");
                let ended = format!(
                    r#"{{"id":"{id}","status":"COMPLETED","amount":"{amount}","updatedAt":"{at}"}}"#
                );
                ended.into_response()
            }
        },
    }
}

/// These checkouts, in one page, as a table lists them.
fn open(api: &BloxApi, ids: &str) -> impl Source + use<> {
    let mut ids: Vec<String> = ids.split(' ').map(str::to_owned).collect();
    ids.sort();
    api.open_checkouts(move |after| {
        let behind = ids.iter().filter(|id| after.as_ref() < Some(*id));
        let behind: Vec<_> = behind.cloned().collect();
        async { Ok::<_, std::io::Error>(behind) }
    })
}

/// What one run with these limits comes to.
async fn run(source: impl Source, call_limit: Duration) -> Report {
    let webhook = Webhook::new(crate::support::blox::provider()).store(MemoryStore::new());
    let webhook = webhook.build().unwrap();
    let reconciler = Reconciler::of(&webhook, source).handler(async || {});
    let reconciler = reconciler.call_limit(call_limit).build().unwrap();
    reconciler.run_once().await
}

#[tokio::test]
async fn all_of_a_page_are_found_at_the_rate_of_the_client() {
    let blox = Blox::start().await;
    // 15 requests take 1.4 s at this rate: longer than the client's time, and than that of a page.
    let api = blox.api(Pace::new().per_minute(600).concurrency(64));
    let begun = Instant::now();
    let fifteen: Vec<_> = (10..25).map(|number| format!("c{number}")).collect();
    let report = run(open(&api, &fifteen.join(" ")), SECOND).await;
    assert_eq!(
        (report.end, report.recovered, report.failed),
        (RunEnd::Complete, 15, 0),
        "{report}"
    );
    assert_eq!(blox.asked(), 15);
    assert!(begun.elapsed() >= Duration::from_millis(1_400));
}

#[tokio::test]
async fn who_asks_one_by_one_waits_for_the_rate_and_is_not_told_of_too_many_requests() {
    let blox = Blox::start().await;
    let api = blox.api(Pace::new().per_minute(75));
    for id in ["c1", "c2"] {
        let found = api.checkout(id).await;
        assert!(found.unwrap().unwrap().status.is_final(), "{id}");
    }
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() {
    let blox = Blox::start().await;
    let app = get(async || (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "30")]));
    let busy = Server::start(Router::new().route("/v1/checkout/{id}", app)).await;
    let busy = Blox {
        server: busy,
        ..blox
    };
    let api = busy.api(Pace::new());
    let begun = Instant::now();
    for number in 0..3 {
        let error = api.checkout("c").await.unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::TooManyRequests);
        // Who is told so without a request knows for how long, too.
        let wait = error.wait().unwrap_or_default();
        assert!(wait > Duration::from_secs(25), "{number}: {wait:?}");
    }
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_checkout_that_is_not_answered_holds_up_no_other() {
    let blox = Blox::start().await;
    let api = blox.api(Pace::new().concurrency(64));
    for (broken, pending, failed) in [
        ("500-each-time", 1, 0),
        ("503-each-time", 1, 0),
        ("hang-each-time", 1, 0),
        ("403-not-ours", 0, 1),
        ("400-what", 0, 1),
    ] {
        let report = run(open(&api, &format!("a {broken} c")), SECOND).await;
        assert_eq!(
            (report.end, report.recovered, report.pending, report.failed),
            (RunEnd::Complete, 2, pending, failed),
            "{broken}: {report}"
        );
    }
}

#[tokio::test]
async fn a_page_fails_where_none_was_answered_or_none_can_be() {
    let blox = Blox::start().await;
    let api = blox.api(Pace::new().concurrency(1));
    for (ids, kind) in [
        ("500-a 500-b", ApiErrorKind::Failed),
        ("hang-a", ApiErrorKind::TimedOut),
        // An id that cannot be asked for is no answer.
        (".. 500-a", ApiErrorKind::Failed),
        ("403-a 403-b", ApiErrorKind::Unauthorized),
        ("0 401-a c", ApiErrorKind::Unauthorized),
        ("0 307-a c", ApiErrorKind::Redirected),
    ] {
        let error = open(&api, ids).page(None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{ids}");
    }
    let asked = blox.asked();
    assert!(open(&api, "401-a b c").page(None).await.is_err());
    assert_eq!(blox.asked(), asked + 1, "no more is asked with that key");
}

#[tokio::test]
async fn an_api_that_has_enough_ends_a_page_which_goes_on_behind_what_it_answered() {
    let blox = Blox::start().await;
    let api = blox.api(Pace::new().concurrency(1));
    let ids = "busy-1 busy-2 busy-3";
    let page = open(&api, ids).page(None).await.unwrap();
    assert_eq!((page.found().len(), page.next()), (1, Some("busy-1")));
    let report = run(open(&api, ids), SECOND).await;
    assert_eq!(
        (report.end, report.seen, report.recovered, report.pending),
        (RunEnd::Complete, 3, 3, 0),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_table_that_never_answers_costs_the_time_of_a_page() {
    let key = ApiKey::new("blox_test_9f8e7d6c5b4a").unwrap();
    let api = BloxApi::at("http://127.0.0.1:1/", key).unwrap();
    let never =
        api.open_checkouts(|_| std::future::pending::<Result<Vec<String>, std::io::Error>>());
    let begun = tokio::time::Instant::now();
    let report = run(never, SECOND).await;
    assert_eq!(report.end, RunEnd::Source(ApiErrorKind::TimedOut));
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}
