//! What is found goes the way of all events: the same key, record, order and handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::Router;
use axum::routing::get;
use tower_webhook::event::OrderRule;
use tower_webhook::inbox::{Inbox, MemoryInbox};
use tower_webhook::layer::Verdict;
use tower_webhook::provider::{self, standard_webhooks};
use tower_webhook::reconcile::{
    ApiClient, ApiError, Found, Page, Reconciler, Recovery, Report, RunEnd, Source,
};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::InboxExt;
use tower_webhook::{
    Allowlist, Confirmation, Delivery, Event, MemoryStore, Observation, Observer, Permanent,
    Provider, Unconfirmed, Webhook, WebhookLayer,
};

use super::acme::AcmeEvents;
use crate::support::presets::{Preset, SECRET, tokens};
use crate::support::server::Server;
use crate::support::wait::{until, within};

/// One page of these.
#[derive(Clone)]
struct Listed(Recovery, Vec<Found>);

impl Listed {
    fn checkout(status: &str, amount: &str) -> Self {
        let body = format!(
            r#"{{"checkoutId":"c","status":"{status}","amount":"{amount}","timestamp":"2026-05-04T13:00:00Z"}}"#
        );
        let told = Recovery::members(["/checkoutId", "/status", "/amount"]);
        Self(told, vec![Found::event(body)])
    }
}

impl Source for Listed {
    fn recovery(&self) -> Recovery {
        self.0.clone()
    }

    async fn page(&self, _: Option<&str>) -> Result<Page, ApiError> {
        Ok(Page::of(self.1.clone()))
    }
}

fn built(provider: Provider) -> WebhookLayer {
    Webhook::new(provider)
        .store(MemoryStore::new())
        .build()
        .unwrap()
}

fn blox() -> Provider {
    crate::support::blox::provider()
}

#[test]
fn a_source_that_cannot_tell_the_key_is_refused() {
    let refused = |provider: Provider, told: Recovery| {
        let reconciler = Reconciler::of(&built(provider), Listed(told, Vec::new()));
        reconciler
            .handler(async || {})
            .build()
            .unwrap_err()
            .to_string()
    };
    let blendfi = || Preset::BlendFi.provider();
    let conversions = refused(blendfi(), Recovery::members(["/data/id", "/data/status"]));
    assert!(
        conversions.starts_with(
            "blendfi: event rule: /id is part of the key, and the source does not tell it"
        ),
        "{conversions}"
    );
    let documented = provider::blox(tokens())
        .documented_key()
        .without_status_check();
    let told = Recovery::members(["/checkoutId", "/status", "/amount"]);
    let refusal = refused(documented, told);
    assert!(
        refusal.contains("/timestamp is part of the key"),
        "{refusal}"
    );
    let keys = standard_webhooks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).unwrap();
    let standard = provider::standard_webhooks(tower_webhook::Name::new("acme").unwrap(), keys);
    assert!(refused(standard, Recovery::whole()).contains("the id that the sender signs"));
    let bad = refused(blox(), Recovery::members(["checkoutId"]));
    assert!(bad.contains("does not begin with '/'"), "{bad}");
    let without = Reconciler::of(&built(blox()), Listed::checkout("FAILED", "1")).build();
    assert!(without.unwrap_err().to_string().contains("handler(…)"));
    let short = Reconciler::of(&built(blox()), Listed::checkout("FAILED", "1"));
    let short = short
        .handler(async || {})
        .every(std::time::Duration::ZERO)
        .build();
    assert!(short.is_err());
}

#[derive(Clone, Default)]
struct Polled(Arc<std::sync::Mutex<Vec<(Verdict, bool)>>>);

impl Observer for Polled {
    fn observe(&self, observation: &Observation<'_>) {
        let seen = (observation.verdict, observation.polled);
        self.0.lock().unwrap().push(seen);
    }
}

#[tokio::test]
async fn what_is_found_is_marked_as_polled_and_runs_once() {
    let (observer, runs) = (Polled::default(), Arc::new(AtomicU32::new(0)));
    let webhook = Webhook::new(blox())
        .store(MemoryStore::new())
        .observer(observer.clone());
    let webhook = webhook.build().unwrap();
    let count = Arc::clone(&runs);
    let handler = move |Event(checkout): Event<provider::blox::Payload>, delivery: Delivery| {
        assert_eq!((checkout.amount.as_str(), delivery.attempt()), ("15000", 1));
        assert!(delivery.is_polled() && delivery.verified_by().is_none());
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let reconciler = Reconciler::of(&webhook, Listed::checkout("COMPLETED", "15000"));
    let reconciler = reconciler.handler(handler).build().unwrap();
    let first = reconciler.run_once().await;
    assert_eq!(
        (first.seen, first.recovered, first.end),
        (1, 1, RunEnd::Complete)
    );
    assert_eq!(reconciler.last_report(), Some(first));
    let second = reconciler.run_once().await;
    assert_eq!((second.seen, second.known, second.recovered), (1, 1, 0));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(*observer.0.lock().unwrap(), [(Verdict::Handled, true)]);
}

#[tokio::test]
async fn other_content_than_was_handled_is_a_mismatch_and_runs_nothing() {
    let webhook = built(blox());
    let run = async |amount: &str| {
        let source = Listed::checkout("COMPLETED", amount);
        Reconciler::of(&webhook, source)
            .handler(async || {})
            .build()
            .unwrap()
            .run_once()
            .await
    };
    assert_eq!(run("15000").await.recovered, 1);
    let report = run("1").await;
    assert_eq!((report.mismatched, report.recovered), (1, 0));
}

#[tokio::test]
async fn a_handler_that_fails_is_run_again_and_one_that_gives_up_is_not() {
    let fails = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&fails);
    let handler = move || {
        let fails = own.load(Ordering::Relaxed);
        std::future::ready(match fails {
            true => Err(Failure::retry("the ledger is closed")),
            false => Err(Permanent("no such order").into()),
        })
    };
    let webhook = built(blox());
    let reconciler = Reconciler::of(&webhook, Listed::checkout("FAILED", "1")).handler(handler);
    let reconciler = reconciler.build().unwrap();
    for _ in 0..2 {
        let report = reconciler.run_once().await;
        assert_eq!((report.failed, report.known), (1, 0));
    }
    fails.store(false, Ordering::Relaxed);
    assert_eq!(reconciler.run_once().await.failed, 1);
    assert_eq!(reconciler.run_once().await.known, 1);
}

#[tokio::test]
async fn a_confirmation_is_asked_unless_what_was_found_is_its_answer() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let provider = blox().confirm(move |_: Unconfirmed| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Confirmation::Mismatch)
    });
    let webhook = built(provider);
    let run = async |source: Listed| -> Report {
        Reconciler::of(&webhook, source)
            .handler(async || {})
            .build()
            .unwrap()
            .run_once()
            .await
    };
    let found = Listed::checkout("FAILED", "1");
    let report = run(found.clone()).await;
    assert_eq!((report.mismatched, asked.load(Ordering::Relaxed)), (1, 1));
    let confirmed = found.1.into_iter().map(Found::confirmed).collect();
    assert_eq!(run(Listed(found.0, confirmed)).await.recovered, 1);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn by_an_inbox_a_worker_runs_it_and_dead_letters_stay_dead() {
    let inbox = MemoryInbox::new();
    let webhook = Webhook::new(blox()).inbox(inbox.clone()).build().unwrap();
    let reconciler = Reconciler::of(&webhook, Listed::checkout("FAILED", "1"))
        .build()
        .unwrap();
    assert_eq!(reconciler.run_once().await.recovered, 1);
    let polled = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&polled);
    let handler = move |delivery: Delivery| {
        own.store(
            delivery.is_polled() && delivery.is_queued(),
            Ordering::Relaxed,
        );
        std::future::ready(Err::<(), _>(Permanent("no such order")))
    };
    let worker = inbox.worker().on(&webhook, handler).build().unwrap();
    let drain = worker.drain().clone();
    let working = tokio::spawn(async move { worker.run().await });
    until("a run", || polled.load(Ordering::Relaxed)).await;
    drain.begin();
    working.await.unwrap();
    assert_eq!(inbox.counts().await.unwrap().dead, 1);
    let again = reconciler.run_once().await;
    assert_eq!((again.known, again.recovered), (1, 0));
}

#[tokio::test]
async fn what_cannot_be_taken_up_is_counted_and_the_rest_goes_on() {
    let mut source = Listed::checkout("FAILED", "1");
    source.1.push(Found::event(r#"{"status":"FAILED"}"#));
    source.1.push(Found::event("no JSON"));
    source.1.push(Found::redelivery(
        "dlv_1",
        r#"{"checkoutId":"c","status":"FAILED"}"#,
    ));
    let webhook = built(blox());
    let reconciler = Reconciler::of(&webhook, source)
        .handler(async || {})
        .build()
        .unwrap();
    let report = reconciler.run_once().await;
    assert_eq!((report.seen, report.recovered, report.failed), (4, 1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_a_users_own_lists_whole_events() {
    let app = Router::new().route(
        "/events",
        get(|query: axum::extract::RawQuery| async move {
            match query.0.as_deref() {
                Some("after=") => r#"{"events":[{"id":"evt_1","type":"user.kyc_approved","data":{}}],"last":"evt_1"}"#,
                _ => r#"{"events":[{"id":"evt_2","type":"user.kyc_approved","data":{}}],"last":null}"#,
            }
        }),
    );
    let api = Server::start(app).await;
    let client = ApiClient::at(format!("http://{}", api.address))
        .build()
        .unwrap();
    let blendfi = provider::blendfi(provider::blendfi::keys([SECRET]).unwrap());
    let webhook = built(blendfi);
    let reconciler = Reconciler::of(&webhook, AcmeEvents { client });
    let reconciler = reconciler.handler(async || {}).build().unwrap();
    let report = reconciler.run_once().await;
    assert_eq!((report.pages, report.recovered), (2, 2));
    assert_eq!(reconciler.run_once().await.known, 2);
}

#[tokio::test]
async fn what_was_overtaken_meanwhile_is_stale_by_the_order_of_all_events() {
    let order = OrderRule::by(["/OrderId"])
        .unwrap()
        .version_time("/FinalizedAt")
        .unwrap();
    let bloquo = provider::bloquo(Allowlist::parse(["127.0.0.1"]).unwrap()).ordered(order);
    let inbox = MemoryInbox::new();
    let webhook = Webhook::new(bloquo).inbox(inbox.clone()).build().unwrap();
    let found = async |status: &str, time: &str| {
        let body = format!(
            r#"{{"OrderId":1042,"Status":"{status}","FinalizedAt":"2026-05-04T13:{time}:00Z"}}"#
        );
        let source = Listed(Recovery::whole(), vec![Found::event(body)]);
        let report = Reconciler::of(&webhook, source)
            .build()
            .unwrap()
            .run_once()
            .await;
        assert_eq!(report.recovered, 1);
    };
    let ran = Arc::new(AtomicU32::new(0));
    let own = Arc::clone(&ran);
    let handler = move || {
        own.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    };
    let worker = inbox.worker().on(&webhook, handler).build().unwrap();
    let drain = worker.drain().clone();
    let working = tokio::spawn(async move { worker.run().await });
    found("COMPLETED", "30").await;
    until("the newer one", || ran.load(Ordering::Relaxed) == 1).await;
    found("PENDING", "10").await;
    within("the older one", async {
        while inbox.counts().await.unwrap().stale == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drain.begin();
    working.await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

/// Panics at its first page.
struct Panics(AtomicBool);

impl Source for Panics {
    fn recovery(&self) -> Recovery {
        Recovery::whole()
    }

    async fn page(&self, _: Option<&str>) -> Result<Page, ApiError> {
        assert!(
            self.0.swap(true, Ordering::Relaxed),
            "a bug of a user's own"
        );
        Ok(Page::default())
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_asked_again() {
    let reconciler = Reconciler::of(&built(blox()), Panics(AtomicBool::new(false)));
    let reconciler = reconciler.handler(async || {}).build().unwrap();
    assert_eq!(reconciler.run_once().await.end, RunEnd::Complete);
}
