//! An observer that remembers, and can be waited for.

use http::StatusCode;
use tokio::sync::watch;
use tower_webhook::layer::Verdict;
use tower_webhook::{Observation, Observer, Reason};

use super::wait::within;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<Reason>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) key: Option<String>,
    pub(crate) attempt: Option<u32>,
    pub(crate) corrected: bool,
    pub(crate) unchecked: bool,
    pub(crate) predates_retention: bool,
}

/// Clones share what was seen.
#[derive(Debug, Clone)]
pub(crate) struct Recorder(watch::Sender<Vec<Seen>>);

impl Recorder {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.borrow().clone()
    }

    /// How often this verdict was given for this reason.
    pub(crate) fn count(&self, verdict: Verdict, reason: Option<Reason>) -> usize {
        let seen = self.0.borrow();
        seen.iter()
            .filter(|it| it.verdict == verdict && it.reason == reason)
            .count()
    }

    /// Waits for the first outcome that is like this.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut news = self.0.subscribe();
        let seen = within(
            "an observation",
            news.wait_for(|seen| seen.iter().any(&wanted)),
        )
        .await;
        let seen = seen.unwrap();
        seen.iter().find(|it| wanted(it)).cloned().unwrap()
    }
}

impl Observer for Recorder {
    fn observe(&self, observation: &Observation<'_>) {
        let seen = Seen {
            verdict: observation.verdict,
            reason: observation.reason,
            status: observation.status,
            key: observation.key.map(ToString::to_string),
            attempt: observation.attempt,
            corrected: observation.corrected,
            unchecked: observation.unchecked,
            predates_retention: observation.predates_retention,
        };
        self.0.send_modify(|all| all.push(seen));
    }
}
