//! The sizes of stores and inboxes over time: counted in the background, never for a view.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::UnixTime;
use crate::inbox::{EntryCounts, Inbox, SharedInbox};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::{Counts, SharedStore, Store};

/// The number of samples kept: at ten seconds each, two hours.
const SAMPLES: usize = 720;
const EVERY: Duration = Duration::from_secs(10);
/// Counting takes at most this fraction of the time.
const SHARE: u32 = 50;

/// The counts of one store or inbox.
pub(super) struct Depth<C> {
    kept: Mutex<Kept<C>>,
}

struct Kept<C> {
    samples: VecDeque<(UnixTime, C)>,
    error: Option<String>,
}

impl<C: Clone> Depth<C> {
    pub(super) fn new() -> Self {
        let kept = Kept {
            samples: VecDeque::new(),
            error: None,
        };
        Self {
            kept: Mutex::new(kept),
        }
    }

    /// The samples, newest last, and the error of the last count if it failed.
    pub(super) fn samples(&self) -> (Vec<(UnixTime, C)>, Option<String>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.samples.iter().cloned().collect(), kept.error.clone())
    }

    fn keep(&self, at: UnixTime, counted: Result<C, String>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match counted {
            Ok(counts) => {
                while kept.samples.len() >= SAMPLES {
                    kept.samples.pop_front();
                }
                kept.samples.push_back((at, counts));
                kept.error = None;
            }
            Err(error) => kept.error = Some(error),
        }
    }

    /// Counts once, and returns how long to wait before the next count.
    async fn count(
        &self,
        at: UnixTime,
        counting: impl Future<Output = Result<C, crate::store::StoreError>>,
    ) -> Duration {
        let begun = Instant::now();
        let counted = counting.await;
        let counted = counted.map_err(|error| Printable(Chain(&error)).to_string());
        self.keep(at, counted);
        EVERY.max(begun.elapsed().saturating_mul(SHARE))
    }
}

/// A store or inbox to count.
pub(super) enum Source {
    Store(SharedStore, Depth<Counts>),
    Inbox(SharedInbox, Depth<EntryCounts>),
}

impl Source {
    pub(super) fn inbox(&self) -> Option<&SharedInbox> {
        match self {
            Self::Inbox(inbox, _) => Some(inbox),
            Self::Store(..) => None,
        }
    }

    pub(super) fn store(&self) -> Option<&SharedStore> {
        match self {
            Self::Store(store, _) => Some(store),
            Self::Inbox(..) => None,
        }
    }

    pub(super) async fn count(&self, at: UnixTime) -> Duration {
        match self {
            Self::Store(store, depth) => depth.count(at, store.counts()).await,
            Self::Inbox(inbox, depth) => depth.count(at, inbox.counts()).await,
        }
    }
}

/// The number of entries that wait for a worker.
pub(super) fn waiting(counts: &EntryCounts) -> u64 {
    let EntryCounts {
        queued,
        waiting,
        running,
        lapsed,
        ..
    } = counts;
    [queued, waiting, running, lapsed]
        .into_iter()
        .fold(0, |sum, it| sum.saturating_add(*it))
}
