//! The deliveries that a sender has made, and redelivers on request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;

use super::server::Asked;
use crate::provider::Provider;
use crate::secret::SigningSecret;
use crate::testing::delivery::TestDelivery;
use crate::testing::wire::send_within;

const TIME_TO_ANSWER: Duration = Duration::from_secs(5);

/// Clones share the same deliveries.
#[derive(Debug, Clone)]
pub(super) struct Deliveries(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    provider: Provider,
    secret: Option<SigningSecret>,
    to: Option<String>,
    page_size: usize,
    all: Vec<Made>,
    /// How many deliveries are under way.
    under_way: usize,
}

/// One delivery.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) body: Bytes,
    pub(super) is_delivered: bool,
}

impl Deliveries {
    pub(super) fn new(provider: &Provider) -> Self {
        Self(Arc::new(Mutex::new(State {
            provider: provider.clone(),
            secret: None,
            to: None,
            page_size: 50,
            all: Vec::new(),
            under_way: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn page_size(&self, size: usize) {
        self.state().page_size = size.max(1);
    }

    pub(super) fn to(&self, url: &str) {
        self.state().to = Some(url.to_owned());
    }

    pub(super) fn signed_by(&self, secret: SigningSecret) {
        self.state().secret = Some(secret);
    }

    /// Records an event whose delivery has failed, and returns the delivery's id.
    pub(super) fn missed(&self, body: Bytes) -> String {
        let mut state = self.state();
        let id = format!("dlv_{}", state.all.len());
        state.all.push(Made {
            id: id.clone(),
            body,
            is_delivered: false,
        });
        id
    }

    /// A page, and the cursor of the next page.
    pub(super) fn page(&self, asked: &Asked, cursor: &str) -> (Vec<Made>, Option<String>) {
        let state = self.state();
        let from = asked.parameter(cursor).filter(|_| !asked.first_page_again);
        let from = from.and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        let end = from.saturating_add(state.page_size);
        let made = state.all.iter().skip(from).take(state.page_size).cloned();
        (
            made.collect(),
            (end < state.all.len()).then(|| end.to_string()),
        )
    }

    pub(super) fn one(&self, id: &str) -> Option<Made> {
        self.state().all.iter().find(|made| made.id == id).cloned()
    }

    /// Delivers again in the background; `false` if there is no such delivery or no receiver.
    pub(super) fn again(&self, id: &str) -> bool {
        let own = self.clone();
        let (made, delivery) = {
            let mut state = self.state();
            let made = state.all.iter().find(|made| made.id == id).cloned();
            let (Some(made), Some(to)) = (made, &state.to) else {
                return false;
            };
            let mut delivery = TestDelivery::new(&state.provider, made.body.clone()).to(to);
            if let Some(secret) = &state.secret {
                delivery = delivery.signed_by(secret.clone());
            }
            state.under_way = state.under_way.saturating_add(1);
            (made, delivery)
        };
        tokio::spawn(async move {
            let is_delivered = match delivery.request::<Full<Bytes>>() {
                Ok(request) => (send_within(TIME_TO_ANSWER, request).await)
                    .is_ok_and(|answer| answer.status().is_success()),
                Err(_) => false,
            };
            let mut state = own.state();
            state.under_way = state.under_way.saturating_sub(1);
            let found = state.all.iter_mut().find(|it| it.id == made.id);
            if let Some(it) = found.filter(|_| is_delivered) {
                it.is_delivered = true;
            }
        });
        true
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state().under_way == 0
    }

    pub(super) fn undelivered(&self) -> usize {
        let state = self.state();
        state.all.iter().filter(|made| !made.is_delivered).count()
    }
}
