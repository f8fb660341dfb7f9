//! Many events that are known already: memory stays flat, and the time is that of looking them up.
//!
//! `RECONCILE_EVENTS=1000000 cargo nextest run --release --all-features --test it reconcile::many --no-capture`
//! is the long form, which prints what it measures.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tower_webhook::reconcile::{ApiError, Found, Page, Reconciler, Recovery, RunEnd, Source};
use tower_webhook::store::{Claim, ClaimOutcome, Complete, StoredResponse, Token};
use tower_webhook::{EventKey, Fingerprint, Name, SqliteStore, Store};

use crate::support::blox;

const PAGE: u64 = 1_000;
const DAY: Duration = Duration::from_secs(86_400);

fn events() -> u64 {
    let set = std::env::var("RECONCILE_EVENTS").ok();
    set.map_or(10_000, |text| text.parse().unwrap())
}

fn body(number: u64) -> String {
    format!(
        r#"{{"checkoutId":"c-{number:09}","status":"COMPLETED","amount":"15000","timestamp":"2026-05-04T13:00:00Z"}}"#
    )
}

fn bodies(page: u64, all: u64) -> impl Iterator<Item = String> {
    (page * PAGE..all.min((page + 1) * PAGE)).map(body)
}

struct Listed(u64);

impl Source for Listed {
    fn recovery(&self) -> Recovery {
        Recovery::members(["/checkoutId", "/status", "/amount"])
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Page, ApiError> {
        let page = cursor.map_or(0, |text| text.parse().unwrap());
        let found = Page::of(bodies(page, self.0).map(Found::event));
        Ok(match (page + 1) * PAGE < self.0 {
            true => found.then((page + 1).to_string()),
            false => found,
        })
    }
}

/// As somebody does it who knows how keys are made.
async fn by_hand(store: &SqliteStore, all: u64) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Checkout {
        checkout_id: String,
        status: String,
    }
    for page in 0..all.div_ceil(PAGE) {
        let keys: Vec<_> = bodies(page, all)
            .map(|body| {
                let Checkout {
                    checkout_id,
                    status,
                } = serde_json::from_str(&body).unwrap();
                EventKey::new(Name::new("blox").unwrap(), [checkout_id, status]).unwrap()
            })
            .collect();
        for some in keys.chunks(256) {
            let views = store.lookup_many(some).await.unwrap();
            assert!(views.iter().all(Option::is_some));
        }
    }
}

async fn handled(store: &SqliteStore, all: u64) {
    stream::iter(0..all)
        .for_each_concurrent(512, |number| async move {
            let key = blox::key(&format!("c-{number:09}"), "COMPLETED");
            let body = body(number);
            let fingerprint = fingerprint(&body);
            let token = Token::random().unwrap();
            let claim = Claim::new(key.clone(), token, fingerprint, DAY, DAY);
            let ClaimOutcome::Claimed(grant) = store.claim(&claim).await.unwrap() else {
                panic!("claimed before");
            };
            let response = StoredResponse::new(200);
            let done = Complete::new(key, token, grant, fingerprint, response, DAY);
            store.complete(&done).await.unwrap();
        })
        .await;
}

fn fingerprint(body: &str) -> Fingerprint {
    let rule = blox::provider();
    let headers = axum::http::HeaderMap::new();
    let name = Name::new("blox").unwrap();
    rule.rule()
        .identify(&name, &headers, None, body.as_bytes())
        .unwrap()
        .fingerprint
}

/// Memory that this process holds, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|text| text.trim().strip_suffix(" kB"));
    kib.map_or(0, |text| text.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn known_events_take_the_time_of_their_lookups_and_no_memory() {
    let all = events();
    let name = format!("tower-webhook-many-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    let store = SqliteStore::builder(&path).deadline(Duration::from_secs(60));
    let store = store.connect().await.unwrap();
    handled(&store, all).await;
    let webhook = blox::webhook(store.clone()).build().unwrap();
    let reconciler = Reconciler::of(&webhook, Listed(all))
        .handler(async || {})
        .build()
        .unwrap();
    // What is allocated once is allocated by then.
    by_hand(&store, all.min(10 * PAGE)).await;
    let (mut ours, mut hands, before) = (Duration::MAX, Duration::MAX, resident());
    for _ in 0..3 {
        let begun = Instant::now();
        let report = reconciler.run_once().await;
        ours = ours.min(begun.elapsed());
        assert_eq!((report.end, report.known), (RunEnd::Complete, all));
        let begun = Instant::now();
        by_hand(&store, all).await;
        hands = hands.min(begun.elapsed());
    }
    let grown = resident().saturating_sub(before);
    let ratio = ours.as_secs_f64() / hands.as_secs_f64();
    println!(
        "{all} known events: {ours:?}, by hand {hands:?}, ratio {ratio:.2}; {grown} KiB more held"
    );
    assert!(ratio <= 3.0, "{ours:?}, by hand {hands:?}");
    assert!(grown < 16 * 1024, "{grown} KiB");
    drop(store);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}
