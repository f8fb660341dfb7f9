//! The numbers that a receiver tells a recorder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tower_webhook::layer::TracingObserver;
use tower_webhook::metrics::{self as numbers, METRICS, Metered, MetricsObserver};
use tower_webhook::store::StoreErrorKind;
use tower_webhook::testing::{Fault, FaultyStore, Operation};
use tower_webhook::{KeyRing, MemoryStore, Name, SecretFormat, Store, UnixTime, Webhook, provider};

use crate::support::blendfi::{event, webhook};
use crate::support::presets::{Preset, SECRET, clock};
use crate::support::stage::Stage;
use crate::support::wait::until;

/// Counters and gauges by their names and labels; of histograms how often they measured.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

struct Count(Arc<AtomicU64>);

impl HistogramFn for Count {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Sums {
    /// One for this process: each test looks at providers of its own.
    fn installed() -> &'static Self {
        static SUMS: OnceLock<Sums> = OnceLock::new();
        SUMS.get_or_init(|| {
            let sums = Sums::default();
            metrics::set_global_recorder(sums.clone()).unwrap_or_else(|_| panic!("another one"));
            numbers::describe();
            sums
        })
    }

    fn number(&self, key: &Key) -> Arc<AtomicU64> {
        let labels = key
            .labels()
            .map(|it| format!("{}={}", it.key(), it.value()));
        let labels: Vec<_> = labels.collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name).or_default())
    }

    fn all(&self) -> BTreeMap<String, u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |(name, value): (&String, &Arc<AtomicU64>)| {
            (name.clone(), value.load(Ordering::Relaxed))
        };
        all.iter().map(read).collect()
    }

    fn get(&self, series: &str) -> u64 {
        self.all().get(series).copied().unwrap_or(0)
    }

    fn gauge(&self, series: &str) -> f64 {
        f64::from_bits(self.get(series))
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.number(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.number(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Count(self.number(key))))
    }
}

/// BlendFi under a consumer's name of its own, so that tests of one process do not count each other's.
fn counted(consumer: &'static str, webhook: Webhook) -> Webhook {
    webhook
        .consumer(Name::new(consumer).unwrap())
        .observer((TracingObserver, MetricsObserver::new()))
}

#[tokio::test]
async fn each_delivery_counts_once_by_its_outcome_and_reason() {
    let sums = Sums::installed();
    let webhook = counted("outcomes", webhook(MemoryStore::new()));
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    for _ in 0..3 {
        event("evt_1", "{}").send(server.address).await;
    }
    event("evt_2", "{}").send(server.address).await;
    let tampered = event("evt_3", "{}").body("{}");
    assert_eq!(tampered.send(server.address).await.status, 401);

    let deliveries = |outcome: &str, reason: &str| {
        sums.get(&format!(
            "tower_webhook_deliveries_total{{provider=blendfi,consumer=outcomes,outcome={outcome},reason={reason}}}"
        ))
    };
    assert_eq!(deliveries("handled", ""), 2);
    assert_eq!(deliveries("duplicate", "already_done"), 2);
    assert_eq!(deliveries("refused", "signature_mismatch"), 1);
    let measured = |name: &str, outcome: &str| {
        sums.get(&format!(
            "{name}{{provider=blendfi,consumer=outcomes{outcome}}}"
        ))
    };
    assert_eq!(
        measured("tower_webhook_delivery_seconds", ",outcome=handled"),
        2
    );
    assert_eq!(
        measured("tower_webhook_delivery_seconds", ",outcome=refused"),
        1
    );
    assert_eq!(measured("tower_webhook_proof_seconds", ""), 4);
    assert_eq!(measured("tower_webhook_claim_seconds", ""), 2);
}

/// Whatever strangers send: every label is a name that was given or a word of this crate.
#[tokio::test]
async fn no_label_holds_what_a_delivery_says() {
    let sums = Sums::installed();
    let webhook = counted("strangers", webhook(MemoryStore::new()));
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    for n in 0..50 {
        let id = format!("evt_stranger_{n}");
        let request = event(&id, "{}").header("x-blendfi-event-type", format!("stranger.{n}"));
        request.send(server.address).await;
        let forged = event(&id, "{}").without("x-blendfi-signature");
        let forged = forged.header("x-blendfi-signature", format!("t=1,v1={n:064}"));
        forged.send(server.address).await;
        event(&id, "{}")
            .method(&format!("STRANGER{n}"))
            .send(server.address)
            .await;
    }
    let all = sums.all();
    assert!(
        !all.keys()
            .any(|name| name.to_lowercase().contains("stranger.")),
        "{all:#?}"
    );
    assert!(!all.keys().any(|name| name.contains("evt_")), "{all:#?}");
    let of_strangers = all
        .keys()
        .filter(|name| name.contains("consumer=strangers"));
    // Outcomes and how long they took, however many there were.
    assert!(of_strangers.count() < 12, "{all:#?}");
    // And each is one of those that are listed, with its labels in their order.
    for series in all.keys() {
        let (name, labels) = series.split_once('{').unwrap();
        let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .filter(|it| !it.is_empty());
        let labels: Vec<_> = labels
            .map(|label| label.split_once('=').unwrap().0)
            .collect();
        assert_eq!(labels, metric.labels, "{series}");
    }
}

/// The task: see when the old key of a roll-over has fallen silent.
#[tokio::test]
async fn an_old_key_that_falls_silent_is_seen() {
    let sums = Sums::installed();
    // The sender signs with the old one still, which is BlendFi's of the other tests.
    let secrets = [
        "2026-06:whsec_test_the_new_one_0a1b".to_owned(),
        format!("2026-05:{SECRET}"),
    ];
    let secrets = tower_webhook::Secrets::parse(&secrets.join(",")).unwrap();
    let ring = KeyRing::parse(&SecretFormat::Text, secrets).unwrap();
    let now = clock();
    let webhook = Webhook::new(provider::blendfi(ring.clone()))
        .clock(now.clone())
        .store(MemoryStore::new());
    let webhook = counted("rollover", webhook);
    let layer = webhook.build().unwrap();
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    event("evt_1", "{}").send(server.address).await;

    let last = |key: &str| {
        layer.record_metrics();
        let name = "tower_webhook_key_last_match_timestamp_seconds";
        sums.gauge(&format!("{name}{{provider=blendfi,key={key}}}"))
    };
    assert_eq!(last("2026-05"), 1_777_899_600.0);
    assert_eq!(last("2026-06"), 0.0);
    let matches = "tower_webhook_key_matches_total{provider=blendfi,key=2026-05}";
    assert_eq!(sums.get(matches), 1);
    // The same in the process itself.
    let used: Vec<_> = ring
        .keys()
        .iter()
        .map(tower_webhook::SigningKey::last_match)
        .collect();
    assert_eq!(used, [None, Some(UnixTime::from_secs(1_777_899_600))]);
}

#[tokio::test]
async fn calls_to_the_store_are_measured_with_how_they_ended() {
    let sums = Sums::installed();
    let store = FaultyStore::new(MemoryStore::new());
    let webhook = counted("calls", webhook(Metered::new(store.clone())));
    let server = Preset::BlendFi
        .serve(&webhook, Stage::new().counter())
        .await;
    let calls = |operation: &str, outcome: &str| {
        sums.get(&format!(
            "tower_webhook_store_call_seconds{{operation={operation},outcome={outcome}}}"
        ))
    };
    let before = calls("claim", "ok");
    event("evt_1", "{}").send(server.address).await;
    assert!(calls("claim", "ok") > before);
    assert!(calls("complete", "ok") > 0);
    store.inject(
        Fault::fail(StoreErrorKind::Unavailable)
            .on(Operation::Claim)
            .times(1),
    );
    assert_eq!(event("evt_2", "{}").send(server.address).await.status, 503);
    assert_eq!(calls("claim", "unavailable"), 1);
}

#[tokio::test]
async fn several_lookups_stay_one_call_of_what_is_measured() {
    let sums = Sums::installed();
    // One store around another: the inner one sees what the outer one asks.
    let store = Metered::new(Metered::new(MemoryStore::new()));
    let keys = ["evt_1", "evt_2", "evt_3"].map(crate::support::blendfi::key);
    let calls = |operation: &str| {
        sums.get(&format!(
            "tower_webhook_store_call_seconds{{operation={operation},outcome=ok}}"
        ))
    };
    let (together, alone) = (calls("lookup_many"), calls("lookup"));
    assert_eq!(store.lookup_many(&keys).await.unwrap(), [None, None, None]);
    assert_eq!(calls("lookup_many") - together, 2);
    assert_eq!(calls("lookup"), alone);
    #[cfg(feature = "inbox")]
    {
        use tower_webhook::inbox::{Inbox, MemoryInbox};
        let inbox = Metered::new(MemoryInbox::new());
        let views = inbox.lookup_many(&keys).await.unwrap();
        assert!(views.iter().all(Option::is_none));
        assert_eq!(calls("lookup_many") - together, 3);
        assert_eq!(calls("lookup"), alone);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_counts() {
    let sums = Sums::installed();
    let store = FaultyStore::new(MemoryStore::new());
    let webhook = counted("leases", webhook(store.clone()));
    let stage = Stage::new();
    let server = Preset::BlendFi.serve(&webhook, stage.handler()).await;
    let running = event("evt_1", "{}").spawn(server.address);
    stage.begun(1).await;
    store.inject(Fault::fail(StoreErrorKind::Unavailable).on(Operation::Renew));
    let lost = || sums.get("tower_webhook_leases_lost_total{provider=blendfi}") > 0;
    until("a lost lease", lost).await;
    stage.let_go(1);
    store.heal();
    running.await.unwrap();
}

#[cfg(feature = "inbox")]
#[tokio::test]
async fn an_inbox_and_its_worker_have_numbers() {
    use tower_webhook::Delivery;
    use tower_webhook::inbox::{Inbox, MemoryInbox, SharedInbox};
    use tower_webhook::runtime::Failure;
    use tower_webhook::worker::{Backoff, InboxExt};

    let sums = Sums::installed();
    let inbox = Metered::new(MemoryInbox::new());
    let webhook: Webhook<SharedInbox> = Webhook::new(Preset::BlendFi.provider())
        .clock(clock())
        .consumer(Name::new("inbox").unwrap())
        .inbox(inbox.clone());
    let layer = webhook.build().unwrap();
    let handler = async |delivery: Delivery| {
        let id = delivery
            .key()
            .parts()
            .last()
            .map(std::borrow::Cow::into_owned);
        match (id.as_deref(), delivery.attempt()) {
            (Some("evt_2"), 1) => Err(Failure::retry("the ledger is closed")),
            (Some("evt_3"), _) => Err(Failure::permanent("no such account")),
            _ => Ok(()),
        }
    };
    let short = Backoff::new(Duration::from_millis(1), Duration::from_millis(2)).unwrap();
    let builder = inbox
        .worker()
        .backoff(short)
        .poll_every(Duration::from_millis(2));
    let worker = builder.on(&layer, handler).build().unwrap();

    // Nobody takes them yet.
    for n in 1..=3 {
        let request = event(&format!("evt_{n}"), "{}").to_http::<axum::body::Body>();
        let inside = tower::service_fn(async |_: axum::extract::Request| {
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(
                axum::body::Body::empty(),
            ))
        });
        use tower::{Layer as _, ServiceExt as _};
        layer.layer(inside).oneshot(request).await.unwrap();
    }
    let entries =
        |status: &str| sums.gauge(&format!("tower_webhook_inbox_entries{{status={status}}}"));
    numbers::record_inbox(&inbox).await.unwrap();
    assert_eq!((entries("queued"), entries("dead")), (3.0, 0.0));
    inbox
        .set_paused(&Name::new("blendfi").unwrap(), true)
        .await
        .unwrap();
    numbers::record_inbox(&inbox).await.unwrap();
    assert_eq!(sums.gauge("tower_webhook_inbox_paused_providers{}"), 1.0);
    inbox
        .set_paused(&Name::new("blendfi").unwrap(), false)
        .await
        .unwrap();

    let working = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let attempts = |outcome: &str| {
        sums.get(&format!(
            "tower_webhook_attempts_total{{provider=blendfi,outcome={outcome}}}"
        ))
    };
    until("attempts", || {
        attempts("handled") == 2 && attempts("dead") == 1
    })
    .await;
    assert_eq!(attempts("retried"), 1);
    assert_eq!(
        sums.get("tower_webhook_inbox_wait_seconds{provider=blendfi}"),
        3
    );
    assert_eq!(
        sums.get("tower_webhook_attempt_seconds{provider=blendfi}"),
        4
    );
    numbers::record_inbox(&inbox).await.unwrap();
    assert_eq!(
        (entries("queued"), entries("done"), entries("dead")),
        (0.0, 2.0, 1.0)
    );
    worker.record_metrics();
    assert_eq!(sums.gauge("tower_webhook_worker_places{}"), 16.0);
    let health = inbox.health().await;
    let codes: BTreeSet<_> = health.reasons().iter().map(|it| it.code().code()).collect();
    assert_eq!(codes, BTreeSet::from(["dead_letters"]));
    worker.drain().begin();
    working.await.unwrap();
}
