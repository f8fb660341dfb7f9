use std::future::pending;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::entry_store::EntryStore;
use super::in_flight::BytesInFlight;
use crate::event::EventKey;
use crate::inbox::{Finish, Inbox, SharedInbox, Verdict};
use crate::reason::Reason;
use crate::runtime::{Caller, Outcome};
use crate::store::{Held, Token};

/// An entry that could not begin, for another reason than the worker's end, is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// How often, and how far apart, an entry is given back that the inbox does not take back.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// How long the inbox may take to hear it each time.
const TRY_LIMIT: Duration = Duration::from_secs(5);

/// Who has taken an entry, and is told how its attempt has ended.
pub(super) struct EntryCaller {
    pub(super) entries: EntryStore,
    pub(super) inbox: SharedInbox,
    pub(super) key: EventKey,
    pub(super) taken: Token,
    #[cfg(feature = "metrics")]
    pub(super) started: tokio::time::Instant,
    /// Kept until it is over, or given back.
    pub(super) place: Option<OwnedSemaphorePermit>,
    pub(super) has_ended: bool,
    pub(super) _bytes: BytesInFlight,
}

impl Caller<()> for EntryCaller {
    fn is_answered(&self) -> bool {
        true
    }

    async fn gone(&mut self) {
        pending::<()>().await;
    }

    fn early(&mut self, _: Reason) {}

    fn ended(&mut self, outcome: Outcome<()>) {
        #[cfg(feature = "metrics")]
        self.count(&outcome);
        if matches!(outcome, Outcome::Done(()) | Outcome::LeaseLost) {
            self.entries.ended(&self.key);
        }
        self.has_ended = true;
        if let Some(token) = self.entries.leave(&self.key) {
            // Its end was told, if at all, under the token it had before.
            give_back(
                self.inbox.clone(),
                self.key.clone(),
                token,
                LEFT_ALONE,
                None,
            );
        }
        match outcome {
            Outcome::Refused(cause) => {
                let after = match cause.reason {
                    Reason::Draining => Duration::ZERO,
                    _ => LEFT_ALONE,
                };
                let place = self.place.take();
                give_back(
                    self.inbox.clone(),
                    self.key.clone(),
                    self.taken,
                    after,
                    place,
                );
            }
            Outcome::LeaseLost => tracing::error!(
                target: "tower_webhook",
                key = %self.key.escaped(),
                worker = %self.entries.worker,
                "a queued event was handled after another worker had taken it over, or its entry was lost"
            ),
            Outcome::Done(()) => tracing::info!(
                target: "tower_webhook",
                key = %self.key.escaped(),
                worker = %self.entries.worker,
                "a queued event is handled"
            ),
            // What ran has said so.
            Outcome::Failed(..) | Outcome::Duplicate(_) => {}
        }
    }
}

/// A task that ends without an outcome leaves its entry too: its lease says when it runs again.
impl Drop for EntryCaller {
    fn drop(&mut self) {
        if !self.has_ended {
            self.entries.leave(&self.key);
        }
    }
}

#[cfg(feature = "metrics")]
impl EntryCaller {
    fn count(&self, outcome: &Outcome<()>) {
        use crate::metrics::{AttemptEnd, attempt_ended};
        let end = match outcome {
            Outcome::Done(()) => AttemptEnd::Handled,
            Outcome::LeaseLost => AttemptEnd::LeaseLost,
            Outcome::Refused(_) => AttemptEnd::GivenBack,
            Outcome::Failed(..) if self.entries.dies(&self.key) => AttemptEnd::Dead,
            Outcome::Failed(..) => AttemptEnd::Retried,
            // Another worker's, or over: no attempt was made here.
            Outcome::Duplicate(_) => return,
        };
        let took = (!matches!(end, AttemptEnd::GivenBack)).then(|| self.started.elapsed());
        attempt_ended(self.key.provider(), end, took);
    }
}

/// Gives an entry back that was taken and does not run. Where the inbox does not hear it, the entry is another's once its
/// lease is over, and what has begun with the take counts. A place that it has is kept until then: a worker ends behind it.
pub(super) fn give_back(
    inbox: SharedInbox,
    key: EventKey,
    taken: Token,
    after: Duration,
    place: Option<OwnedSemaphorePermit>,
) {
    finish_later(inbox, key, taken, Verdict::GiveBack { after }, place);
}

/// Says what became of an entry that was taken and does not run.
pub(super) fn finish_later(
    inbox: SharedInbox,
    key: EventKey,
    taken: Token,
    verdict: Verdict,
    place: Option<OwnedSemaphorePermit>,
) {
    let finish = Finish::new(key, taken, verdict, Duration::ZERO);
    tokio::spawn(async move {
        finish_now(&inbox, &finish).await;
        drop(place);
    });
}

/// The same, until the inbox has heard it or does not answer.
pub(super) async fn finish_now(inbox: &SharedInbox, finish: &Finish) {
    for _ in 0..TRIES {
        match timeout(TRY_LIMIT, inbox.finish(finish)).await {
            Ok(Ok(Held::Held | Held::Fenced)) => return,
            Ok(Err(_)) => sleep(PAUSE).await,
            Err(_) => {}
        }
    }
}
