//! Sources that never end, and those that find the items of lists.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower::ServiceExt;
use tower_webhook::reconcile::{
    ApiError, ApiErrorKind, ApiKey, BlendFiApi, Found, Pace, Page, Reconciler, Recovery, RunEnd,
    Source,
};
use tower_webhook::testing::BlendFiStandIn;
use tower_webhook::{
    ConfigError, Delivery, KeyRing, MemoryStore, RouterExt, SigningKey, SigningSecret, UnixTime,
    Webhook, WebhookLayer, event_handler,
};

use crate::batches::{TOKEN, list, pix, retrying};
use crate::support::presets::Preset;

fn blox() -> WebhookLayer {
    let webhook = Webhook::new(crate::support::blox::provider()).store(MemoryStore::new());
    webhook.build().unwrap()
}

/// A new event under a new cursor, for ever.
#[derive(Clone, Default)]
struct Endless(Arc<AtomicU64>);

impl Source for Endless {
    fn recovery(&self) -> Recovery {
        Recovery::members(["/checkoutId", "/status", "/amount"])
    }

    async fn page(&self, _: Option<&str>) -> Result<Page, ApiError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"checkoutId":"c{number}","status":"COMPLETED","amount":"1","timestamp":"2026-05-04T13:00:00Z"}}"#
        );
        Ok(Page::of([Found::event(body)]).then(number.to_string()))
    }
}

#[tokio::test]
async fn a_run_reads_so_many_pages_and_says_that_there_were_more() {
    let webhook = blox();
    let endless = Endless::default();
    let reconciler = Reconciler::of(&webhook, endless.clone()).handler(async || {});
    let reconciler = reconciler.most_pages(50).build().unwrap();
    let report = reconciler.run_once().await;
    assert_eq!(report.end, RunEnd::TooManyPages);
    assert_eq!((report.pages, report.seen, report.recovered), (50, 50, 50));
    assert_eq!(endless.0.load(Ordering::Relaxed), 50);
    assert!(
        report
            .to_string()
            .starts_with("too_many_pages: 50 seen on 50 pages"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_when_its_time_is_over() {
    let webhook = blox();
    let reconciler = Reconciler::of(&webhook, Endless::default()).handler(async || {});
    let reconciler = reconciler
        .pace(Pace::new().per_minute(60))
        .run_limit(Duration::from_secs(90))
        .build()
        .unwrap();
    let report = reconciler.run_once().await;
    assert_eq!(
        (report.end, report.end.code()),
        (RunEnd::OutOfTime, "out_of_time")
    );
    assert!((80..=92).contains(&report.pages), "{report}");
    assert_eq!(report.recovered, report.pages);
    // Its turn was given back: the next one begins at once.
    assert_eq!(reconciler.run_once().await.end, RunEnd::OutOfTime);
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let webhook = blox();
    let built = |most, time| -> Result<Reconciler, ConfigError> {
        let reconciler = Reconciler::of(&webhook, Endless::default()).handler(async || {});
        reconciler.most_pages(most).run_limit(time).build()
    };
    let error = built(0, Duration::from_secs(1)).unwrap_err();
    assert!(
        error.to_string().ends_with("a run reads at least one page"),
        "{error}"
    );
    assert!(
        built(1, Duration::ZERO)
            .unwrap_err()
            .to_string()
            .contains("a run's time")
    );
}

/// Payments as `GET /v2/pix` lists them: those that deliveries bring in lists.
struct Payments(&'static [&'static str], Recovery);

impl Source for Payments {
    fn recovery(&self) -> Recovery {
        self.1.clone()
    }

    async fn page(&self, _: Option<&str>) -> Result<Page, ApiError> {
        let found = self.0.iter().map(|id| {
            let list = list([id]);
            let item = list.strip_prefix(r#"{"pix":["#).unwrap();
            Found::event(item.strip_suffix("]}").unwrap().to_owned())
        });
        Ok(Page::of(found))
    }
}

fn told() -> Recovery {
    Recovery::members(["/endToEndId", "/valor", "/horario"])
}

#[tokio::test]
async fn items_of_lists_are_found_by_themselves_and_run_once() {
    let ran = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&ran);
    let handler = move |delivery: Delivery| {
        own.lock()
            .unwrap()
            .push((delivery.key().to_string(), delivery.item().is_some()));
        std::future::ready(())
    };
    let webhook = Webhook::new(pix(retrying()))
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let router =
        axum::Router::new().webhook("/pix", webhook.clone(), event_handler(handler.clone()));
    let deliver = async |ids: &[&str]| {
        let request = Request::post(format!("/pix/{TOKEN}")).body(Body::from(list(ids)));
        router
            .clone()
            .oneshot(request.unwrap())
            .await
            .unwrap()
            .status()
    };
    assert_eq!(deliver(&["E1", "E2"]).await, StatusCode::OK);
    let source = Payments(&["E1", "E2", "E3"], told().of_items());
    let reconciler = Reconciler::of(&webhook, source)
        .handler(handler)
        .build()
        .unwrap();
    let report = reconciler.run_once().await;
    assert_eq!(
        (report.known, report.recovered, report.failed),
        (2, 1, 0),
        "{report}"
    );
    // What was found is a duplicate in the list that comes late.
    assert_eq!(deliver(&["E3", "E4"]).await, StatusCode::OK);
    assert_eq!(reconciler.run_once().await.known, 3);
    let mut ran = ran.lock().unwrap().clone();
    ran.sort();
    let expected = [("E1", true), ("E2", true), ("E3", false), ("E4", true)];
    assert_eq!(ran, expected.map(|(key, listed)| (key.to_owned(), listed)));
}

#[test]
fn a_source_says_whether_it_finds_items() {
    let refused = |webhook: WebhookLayer, told: Recovery| {
        let reconciler = Reconciler::of(&webhook, Payments(&[], told)).handler(async || {});
        reconciler.build().unwrap_err().to_string()
    };
    let lists = Webhook::new(pix(retrying()))
        .store(MemoryStore::new())
        .build()
        .unwrap();
    let error = refused(lists, told());
    assert!(error.contains("say by Recovery::of_items"), "{error}");
    let error = refused(blox(), told().of_items());
    assert!(error.contains("its deliveries hold none"), "{error}");
}

#[tokio::test]
async fn a_full_ring_is_told_before_a_secret_is_asked_for() {
    const KEY: &str = "sk_test_9f8e7d6c5b4a";
    let server = BlendFiStandIn::start(KEY, &Preset::BlendFi.provider())
        .await
        .unwrap();
    let api = BlendFiApi::at(server.server().url(), ApiKey::new(KEY).unwrap()).unwrap();
    let secret = |number: u32| {
        let secret = SigningSecret::from_text(&format!("whsec_test_number_{number}_9f8e")).unwrap();
        SigningKey::new(format!("{number}").as_str(), secret)
    };
    let ring = KeyRing::new((1..=8).map(secret)).unwrap();
    let until = UnixTime::now().saturating_add(Duration::from_secs(3_600));
    let error = api
        .rotate_secret("we_1", "/secret", &ring, until)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Unsupported);
    assert!(error.to_string().contains("at most 8 keys"), "{error}");
    assert_eq!(server.server().requests(), 0);
    // What has expired makes room.
    let past = UnixTime::from_secs(1_700_000_000);
    let keys = (1..=8).map(|number| match number {
        8 => secret(number).expires_at(past),
        _ => secret(number),
    });
    let ring = KeyRing::new(keys).unwrap();
    api.rotate_secret("we_1", "/secret", &ring, until)
        .await
        .unwrap();
    assert_eq!((server.server().requests(), ring.ids().len()), (1, 8));
}
