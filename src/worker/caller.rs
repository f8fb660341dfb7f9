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

/// How long an entry that could not begin is left alone, unless the worker is ending.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// How often, and how far apart, the worker tries to give an entry back.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// How long the inbox may take each time.
const TRY_LIMIT: Duration = Duration::from_secs(5);

/// The caller that has taken an entry, and learns how its attempt has ended.
pub(super) struct EntryCaller {
    pub(super) entries: EntryStore,
    pub(super) inbox: SharedInbox,
    pub(super) key: EventKey,
    pub(super) taken: Token,
    #[cfg(feature = "metrics")]
    pub(super) started: tokio::time::Instant,
    /// Held until the attempt is over, or the entry is given back.
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
            // The run has reported it.
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
            // Another worker has it, or it has ended: no attempt was made here.
            Outcome::Duplicate(_) => return,
        };
        let took = (!matches!(end, AttemptEnd::GivenBack)).then(|| self.started.elapsed());
        attempt_ended(self.key.provider(), end, took);
    }
}

/// Gives back a taken entry that does not run. If the inbox does not respond, another worker may
/// take the entry once its lease is over, and an attempt begun with the take counts. Its place is
/// held until then, so that the worker does not end before.
pub(super) fn give_back(
    inbox: SharedInbox,
    key: EventKey,
    taken: Token,
    after: Duration,
    place: Option<OwnedSemaphorePermit>,
) {
    finish_later(inbox, key, taken, Verdict::GiveBack { after }, place);
}

/// Reports the outcome of a taken entry that does not run.
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

/// The same, until the inbox has taken it or does not answer.
pub(super) async fn finish_now(inbox: &SharedInbox, finish: &Finish) {
    for _ in 0..TRIES {
        match timeout(TRY_LIMIT, inbox.finish(finish)).await {
            Ok(Ok(Held::Held | Held::Fenced)) => return,
            Ok(Err(_)) => sleep(PAUSE).await,
            Err(_) => {}
        }
    }
}
