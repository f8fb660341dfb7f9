//! One attempt at an entry.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::backoff::{Backoff, LONGEST};
use super::entry_store::EntryStore;
use crate::inbox::{Verdict, WorkerId};
use crate::payload::PayloadError;
use crate::printable::Printable;
use crate::reason::Reason;
use crate::runtime::{AnyHandler, Delivery, Ended, Failure, FailureKind, Ran, Work, caught};
use crate::store::{StoredResponse, Token};

/// The settings for attempts at an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    pub(super) most: u32,
    pub(super) backoff: Backoff,
    /// How long an attempt may take.
    pub(super) time_limit: Duration,
}

impl Attempts {
    /// For how long one is held. What runs longer is dropped; its end may take some time to be written.
    pub(super) fn ceiling(&self, lease: Duration) -> Duration {
        self.time_limit.saturating_add(lease.saturating_mul(2))
    }

    /// The outcome of an entry whose attempt has failed for this reason.
    fn failed(&self, attempt: u32, reason: String, after: Option<Duration>) -> Verdict {
        if attempt >= self.most {
            return Verdict::Bury { reason };
        }
        let after = match after {
            Some(after) => after.min(LONGEST),
            None => self.backoff.delay(attempt, random()),
        };
        Verdict::Retry { after, reason }
    }

    /// The same, for the handler's failure.
    fn verdict(&self, attempt: u32, failure: &Failure) -> Verdict {
        let reason = Printable(failure).to_string();
        // Another attempt would get the same body.
        let is_final = failure.kind() == FailureKind::Permanent
            || failure.error().downcast_ref::<PayloadError>().is_some();
        if is_final {
            return Verdict::Bury { reason };
        }
        self.failed(attempt, reason, failure.retry_after())
    }
}

/// A random number; the middle of the range if the system gives none.
fn random() -> u64 {
    let Ok(token) = Token::random() else {
        return u64::MAX / 2;
    };
    let [a, b, c, d, e, f, g, h, ..] = *token.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The handler of a worker, as the work of a run.
pub(super) struct EntryWork {
    pub(super) handler: Arc<dyn AnyHandler>,
    pub(super) entries: EntryStore,
    pub(super) attempts: Attempts,
}

impl Work for EntryWork {
    type Answer = ();

    async fn run(self, delivery: Delivery) -> Ran<()> {
        let Self {
            handler,
            entries,
            attempts,
        } = self;
        let (key, attempt) = (delivery.key(), delivery.attempt());
        // The outcome if it panics.
        let panicked = attempts.failed(attempt, "the handler panicked".to_owned(), None);
        let after_panic = match &panicked {
            Verdict::Retry { after, .. } => Some(*after),
            _ => None,
        };
        entries.say(key, panicked);
        let running = timeout(attempts.time_limit, caught(|| handler.call(&delivery)));
        let verdict = match running.await {
            Ok(Ok(Ok(()))) => {
                // The outcome if its transaction cannot be committed.
                let reason = "its transaction was not committed".to_owned();
                entries.say(key, attempts.failed(attempt, reason, None));
                return Ok(Ended::Done(StoredResponse::new(200), ()));
            }
            Ok(Ok(Err(failure))) => attempts.verdict(attempt, &failure),
            Ok(Err(panicked)) => {
                tell_panicked(&delivery, entries.worker, after_panic);
                return Err(panicked);
            }
            Err(_) => {
                let limit = attempts.time_limit;
                attempts.failed(
                    attempt,
                    format!("the handler took longer than {limit:?}"),
                    None,
                )
            }
        };
        match &verdict {
            Verdict::Bury { reason } => tracing::error!(
                target: "tower_webhook",
                key = %key.escaped(),
                worker = %entries.worker,
                attempt,
                detail = reason,
                "a queued event is dead: it is run again when it is redriven, or sent again"
            ),
            Verdict::Retry { after, reason } => tracing::warn!(
                target: "tower_webhook",
                key = %key.escaped(),
                worker = %entries.worker,
                attempt,
                retry_after_ms = after.as_millis(),
                detail = reason,
                "an attempt at a queued event has failed"
            ),
            Verdict::Done | Verdict::GiveBack { .. } | Verdict::Mismatched => {}
        }
        entries.say(key, verdict);
        Ok(Ended::Failed(Reason::HandlerFailed.into(), ()))
    }
}

/// Logs a panic and the outcome of its entry.
fn tell_panicked(delivery: &Delivery, worker: WorkerId, after: Option<Duration>) {
    tracing::error!(
        target: "tower_webhook",
        key = %delivery.key().escaped(),
        %worker,
        attempt = delivery.attempt(),
        retry_after_ms = after.map(|after| after.as_millis()),
        detail = match after {
            Some(_) => "its handler panicked",
            None => "its handler panicked, in its last attempt: the event is dead, until it is redriven or sent again",
        },
        "an attempt at a queued event has failed"
    );
}
