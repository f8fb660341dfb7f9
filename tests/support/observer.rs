//! An observer that remembers, and that tests can wait for.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tower_webhook::layer::Verdict;
use tower_webhook::{Observation, Observer, Reason};

use super::wait::within;

/// The asserted parts of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<Reason>,
    pub(crate) status: Option<u16>,
    pub(crate) key: Option<String>,
    pub(crate) attempt: Option<u32>,
    pub(crate) corrected: bool,
    pub(crate) unchecked: bool,
    pub(crate) predates_retention: bool,
    pub(crate) detail: Option<String>,
    pub(crate) signed_by: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) item: Option<usize>,
    pub(crate) items: Option<usize>,
}

/// Remembers every observation, in order. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    all: watch::Sender<Vec<Seen>>,
    /// The number of observations taken.
    taken: Arc<Mutex<usize>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Everything, taken or not.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.all.borrow().clone()
    }

    /// How often this verdict was reported with this reason.
    pub(crate) fn count(&self, verdict: Verdict, reason: Option<Reason>) -> usize {
        let seen = self.all.borrow();
        seen.iter()
            .filter(|it| it.verdict == verdict && it.reason == reason)
            .count()
    }

    /// Waits for the first observation that matches.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut news = self.all.subscribe();
        let seen = within(
            "an observation",
            news.wait_for(|seen| seen.iter().any(&wanted)),
        )
        .await;
        let seen = seen.unwrap();
        seen.iter().find(|it| wanted(it)).cloned().unwrap()
    }

    /// The oldest observation not yet taken; waits if there is none.
    pub(crate) async fn next(&self) -> Seen {
        let mut news = self.all.subscribe();
        let at = *self.taken.lock().unwrap();
        let seen = within("an observation", news.wait_for(|seen| seen.len() > at)).await;
        *self.taken.lock().unwrap() = at + 1;
        seen.unwrap()[at].clone()
    }

    /// Everything not yet taken.
    pub(crate) fn take(&self) -> Vec<Seen> {
        let mut taken = self.taken.lock().unwrap();
        let rest = self.all.borrow()[*taken..].to_vec();
        *taken += rest.len();
        rest
    }
}

impl Observer for Recorder {
    fn observe(&self, observation: &Observation<'_>) {
        let seen = Seen {
            verdict: observation.verdict,
            reason: observation.reason,
            status: observation.status.map(|status| status.as_u16()),
            key: observation.key.map(ToString::to_string),
            attempt: observation.attempt,
            corrected: observation.corrected,
            unchecked: observation.unchecked,
            predates_retention: observation.predates_retention,
            detail: observation.detail.map(|detail| detail.to_string()),
            signed_by: observation.signed_by.map(ToString::to_string),
            client: observation.client.map(|client| client.to_string()),
            item: observation.item.map(|item| item.index),
            items: observation.items,
        };
        self.all.send_modify(|all| all.push(seen));
    }
}
