//! Deliveries that hold a list of events, or in another form than one in JSON.

mod answers;
mod bounds;
mod choice;
mod deadlines;
mod effects;
mod ends;
mod forms;
mod overlaps;
mod paths;
mod round_trips;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower::ServiceExt;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::testing::TestDelivery;
use tower_webhook::{
    Delivery, Event, Name, PathTokens, Permanent, Provider, RetriedStatuses, RetrySchedule,
    RouterExt, SenderContract, Store, Webhook,
};

use crate::support::observer::Recorder;

pub(crate) const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";

/// What BACEN's API of Pix tells of a payment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pix {
    end_to_end_id: String,
    valor: String,
}

pub(crate) fn retrying() -> SenderContract {
    let schedule = RetrySchedule::Fixed {
        interval: Duration::from_secs(30),
        attempts: 5,
    };
    SenderContract::new(schedule, RetriedStatuses::AllButSuccess)
}

pub(crate) fn pix(contract: SenderContract) -> Provider {
    let pix = Shape::new("pix", ["/endToEndId"])
        .and_then(|shape| shape.fingerprint(["/valor"]))
        .and_then(|shape| shape.time("/horario"))
        .unwrap();
    let rule = EventRule::each("/pix|", EventRule::members([pix]).unwrap()).unwrap();
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    Provider::by_secret_path(Name::new("pix").unwrap(), tokens, rule, contract)
}

/// Payments of these ids.
pub(crate) fn list(ids: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let item = |id| {
        format!(
            r#"{{"endToEndId":"{id}","txid":"tx{id}","valor":"10.00","horario":"2026-05-04T13:00:00.000Z"}}"#
        )
    };
    let items: Vec<_> = ids.into_iter().map(item).collect();
    format!(r#"{{"pix":[{}]}}"#, items.join(","))
}

/// How often each payment was run, and how often each is to fail first; 0 is for ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    runs: Arc<Mutex<HashMap<String, u32>>>,
    effects: Arc<Mutex<HashMap<String, u32>>>,
    fails: Arc<Mutex<HashMap<String, u32>>>,
    /// Ids whose handlers stay for as long.
    stay: Arc<Mutex<HashMap<String, Duration>>>,
}

impl Book {
    pub(crate) fn fails(&self, id: &str, times: u32) {
        self.fails.lock().unwrap().insert(id.to_owned(), times);
    }

    pub(crate) fn stays(&self, id: &str, time: Duration) {
        self.stay.lock().unwrap().insert(id.to_owned(), time);
    }

    /// How many payments took effect, and how often one did at most.
    pub(crate) fn effects(&self) -> (usize, u32) {
        let effects = self.effects.lock().unwrap();
        (effects.len(), effects.values().copied().max().unwrap_or(0))
    }

    pub(crate) fn runs(&self) -> u32 {
        self.runs.lock().unwrap().values().sum()
    }

    pub(crate) fn runs_of(&self, id: &str) -> u32 {
        self.runs.lock().unwrap().get(id).copied().unwrap_or(0)
    }
}

async fn on_pix(State(book): State<Book>, Event(pix): Event<Pix>, delivery: Delivery) -> Response {
    let id = pix.end_to_end_id;
    assert_eq!(delivery.key().to_string(), id);
    assert!(delivery.item().is_some_and(|item| item.index < item.count));
    assert!(delivery.envelope().unwrap().len() > delivery.body().len());
    let run = {
        let mut runs = book.runs.lock().unwrap();
        let run = runs.entry(id.clone()).or_default();
        *run += 1;
        *run
    };
    let stay = book.stay.lock().unwrap().get(&id).copied();
    if let Some(time) = stay {
        tokio::time::sleep(time).await;
    }
    let fails = book.fails.lock().unwrap().get(&id).copied();
    if fails.is_some_and(|times| times == 0 || run <= times) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if pix.valor == "0.00" {
        return Permanent(StatusCode::GONE).into_response();
    }
    *book.effects.lock().unwrap().entry(id).or_default() += 1;
    StatusCode::NO_CONTENT.into_response()
}

/// A receiver of payments.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) provider: Provider,
    pub(crate) app: Router,
    pub(crate) book: Book,
    pub(crate) seen: Recorder,
}

impl Stage {
    pub(crate) fn new(contract: SenderContract, store: impl Store) -> Self {
        Self::with(contract, store, |webhook| webhook)
    }

    pub(crate) fn with(
        contract: SenderContract,
        store: impl Store,
        set: impl FnOnce(Webhook) -> Webhook,
    ) -> Self {
        Self::of(pix(contract), store, set)
    }

    pub(crate) fn of(
        provider: Provider,
        store: impl Store,
        set: impl FnOnce(Webhook) -> Webhook,
    ) -> Self {
        let (book, seen) = (Book::default(), Recorder::new());
        let webhook = Webhook::new(provider.clone())
            .store(store)
            .observer(seen.clone());
        let webhook = set(webhook).build().unwrap();
        let app = Router::new()
            .webhook("/pix", webhook, on_pix)
            .with_state(book.clone());
        Self {
            provider,
            app,
            book,
            seen,
        }
    }

    pub(crate) fn delivery(&self, body: impl Into<bytes::Bytes>) -> TestDelivery {
        TestDelivery::new(&self.provider, body)
            .to("/pix")
            .token(TOKEN)
    }

    /// Delivers this body once, and tells the status and whether it was a duplicate.
    pub(crate) async fn deliver(&self, body: impl Into<bytes::Bytes>) -> (u16, bool) {
        let request = self.delivery(body).request::<axum::body::Body>().unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let is_duplicate = response.headers().contains_key("idempotent-replayed");
        (response.status().as_u16(), is_duplicate)
    }
}
