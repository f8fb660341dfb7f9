//! Content that is confirmed before it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::caller::finish_now;
use super::entry_store::EntryStore;
use super::in_flight::BytesInFlight;
use super::route_state::UnconfirmedRoute;
use crate::event::EventKey;
use crate::inbox::{Accept, Accepted, Finish, Inbox, SharedInbox, Verdict, later, settled};
use crate::runtime::{Confirmation, Drain, Unconfirmed, judged};
use crate::store::{StoreError, Token};

/// The longest time for one round of questions about content.
const ASKED_FOR: Duration = Duration::from_secs(10);
/// Content that was accepted under the key of its event keeps its place only until that can be
/// reported again.
const SETTLED: Duration = Duration::from_secs(1);

/// Content that a worker has taken to have it confirmed.
pub(super) struct UnconfirmedContent {
    pub(super) inbox: SharedInbox,
    pub(super) entries: EntryStore,
    pub(super) drain: Drain,
    pub(super) route: Arc<UnconfirmedRoute>,
    /// Its own key, with its place.
    pub(super) key: EventKey,
    pub(super) token: Token,
    pub(super) lease: Duration,
    /// Since when it is held, at the latest.
    pub(super) since: Instant,
    /// For how long it was here when it was taken, by the clock of the inbox.
    pub(super) waited: Duration,
    /// The command that accepts it once it is confirmed.
    pub(super) accept: Accept,
    pub(super) _place: OwnedSemaphorePermit,
    pub(super) _bytes: BytesInFlight,
}

impl UnconfirmedContent {
    /// Determines and reports its outcome. Each step may be repeated by a worker that takes it
    /// over.
    pub(super) async fn settle(self) {
        // Within the lease, because it is not renewed.
        let until = self.since + ASKED_FOR.min(self.lease / 2);
        let verdict = tokio::select! {
            biased;
            () = self.drain.begun() => Verdict::GiveBack { after: Duration::ZERO },
            verdict = self.verdict(until) => verdict,
        };
        let retention = match verdict {
            Verdict::Mismatched => self.route.retention,
            _ => SETTLED,
        };
        let finish = Finish::new(self.key.clone(), self.token, verdict, retention);
        finish_now(&self.inbox, &finish).await;
    }

    async fn verdict(&self, until: Instant) -> Verdict {
        let waited = self.waited.saturating_add(self.since.elapsed());
        match timeout_at(until, self.found(waited, until)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => {
                tracing::debug!(target: "tower_webhook", %error, "content cannot be confirmed now");
                later(waited)
            }
            Err(_) => later(waited),
        }
    }

    async fn found(&self, waited: Duration, until: Instant) -> Result<Verdict, StoreError> {
        if let Some(verdict) = self.settled(waited).await? {
            return Ok(verdict);
        }
        let accept = &self.accept;
        let event = Unconfirmed {
            key: accept.key.clone(),
            body: accept.content.body.clone(),
        };
        match judged(&self.route.confirms, &event, until).await {
            Confirmation::Confirmed => {}
            Confirmation::Mismatch | Confirmation::Unknown => {
                self.tell("its confirmation speaks against it");
                return Ok(Verdict::Mismatched);
            }
            Confirmation::TryAgain => return Ok(later(waited)),
        }
        match self.inbox.accept(accept).await? {
            Accepted::Queued
            | Accepted::Corrected
            | Accepted::Revived
            | Accepted::Duplicate { differs: false } => Ok(Verdict::Done),
            Accepted::Dead | Accepted::HeldInline => Ok(later(waited)),
            Accepted::Duplicate { differs: true } | Accepted::Conflict => {
                // Other content was accepted in the meantime, or handled inline before.
                Ok(self.settled(waited).await?.unwrap_or(Verdict::Mismatched))
            }
        }
    }

    /// Its outcome without asking about it.
    async fn settled(&self, waited: Duration) -> Result<Option<Verdict>, StoreError> {
        let known = self.inbox.lookup(&self.accept.key).await?;
        let verdict = known.and_then(|view| settled(&self.accept, &view, waited));
        if verdict == Some(Verdict::Mismatched) {
            self.tell("other content of the event was confirmed, and has run");
        }
        Ok(verdict)
    }

    fn tell(&self, why: &'static str) {
        tracing::warn!(
            target: "tower_webhook",
            key = %self.accept.key.escaped(),
            detail = why,
            "a queued event is mismatched, and does not run"
        );
    }
}

/// However its task ends, it is no more at work on it.
impl Drop for UnconfirmedContent {
    fn drop(&mut self) {
        self.entries.leave(&self.key);
    }
}
