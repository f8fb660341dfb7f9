//! An observer that remembers.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tower_webhook::layer::Verdict;
use tower_webhook::{EventKey, Observation, Observer, Reason};

use super::LIMIT;

/// What is asserted of an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<Reason>,
    pub(crate) status: Option<u16>,
    pub(crate) key: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) signed_by: Option<String>,
    pub(crate) client: Option<String>,
}

/// Remembers every observation, in order. Clones share what they saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    news: Arc<Notify>,
}

impl Observer for Recorder {
    fn observe(&self, observation: &Observation<'_>) {
        self.seen.lock().unwrap().push(Seen {
            verdict: observation.verdict,
            reason: observation.reason,
            status: observation.status.map(|status| status.as_u16()),
            key: observation.key.map(EventKey::encoded),
            detail: observation.detail.map(|detail| detail.to_string()),
            signed_by: observation.signed_by.map(ToString::to_string),
            client: observation.client.map(|client| client.to_string()),
        });
        self.news.notify_waiters();
    }
}

impl Recorder {
    /// The oldest observation that was not taken yet; waits for one if there is none.
    pub(crate) async fn next(&self) -> Seen {
        let taken = tokio::time::timeout(LIMIT, async {
            loop {
                let news = self.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                {
                    let mut seen = self.seen.lock().unwrap();
                    if !seen.is_empty() {
                        return seen.remove(0);
                    }
                }
                news.await;
            }
        });
        taken.await.expect("nothing was observed")
    }

    /// Everything that was not taken yet.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}
