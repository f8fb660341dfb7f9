//! From a proved delivery to one that is confirmed: nothing else claims.
//!
//! The store is only read here. Which of several confirmed deliveries runs is decided by the claim.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::call::CALL_LIMIT;
use super::claim::Queue;
use super::confirm::{Confirmation, Unconfirmed};
use super::ticket::{Stop, Ticket};
use crate::event::{Fingerprint, Handling};
use crate::layer::refusal::Refusal;
use crate::layer::within::within;
use crate::rejection::Reason;
use crate::store::{ClaimOutcome, RecordState, RecordView, Store};

/// The times between two questions to a [`Confirm`](super::Confirm) that could not tell.
const FIRST_ASK_AGAIN: Duration = Duration::from_millis(100);
const LONGEST_ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a claim of this content would get from a record; none where it would be granted. The rules
/// of the record say the same.
fn standing(view: Option<RecordView>, fingerprint: Fingerprint) -> Option<ClaimOutcome> {
    let view = view?;
    let differs = view.fingerprint.is_some_and(|it| it != fingerprint);
    match view.state {
        RecordState::Lapsed { .. } | RecordState::Released => None,
        RecordState::Claimed { .. } if differs => Some(ClaimOutcome::OtherInProgress),
        RecordState::Claimed { .. } => Some(ClaimOutcome::InProgress),
        RecordState::Done(response) if differs => Some(ClaimOutcome::OtherDone(response)),
        RecordState::Done(response) => Some(ClaimOutcome::Done(response)),
    }
}

impl<RB, E> Ticket<RB, E> {
    /// Has the event confirmed by everyone who is to be asked. What is handled already, or being
    /// handled, is not asked about.
    pub(super) async fn confirm(&mut self) -> Result<(), Stop> {
        let facts = Arc::clone(&self.facts);
        let core = &*facts.core;
        if facts.known.identity.handling != Handling::Answered {
            self.until_open().await?;
        }
        tokio::select! {
            biased;
            () = core.drain.begun() => Err(Reason::Draining.into()),
            confirmed = self.ask() => confirmed.map_err(Stop::from),
        }
    }

    /// Waits until nobody is at work on the event, or it is done.
    async fn until_open(&mut self) -> Result<(), Stop> {
        let facts = Arc::clone(&self.facts);
        let (core, deadline) = (&*facts.core, facts.arrival.deadline);
        let (key, fingerprint) = {
            let identity = &facts.known.identity;
            (&identity.key, identity.fingerprint)
        };
        let mut queue = Queue::default();
        loop {
            if core.drain.has_begun() {
                return Err(Reason::Draining.into());
            }
            let now = Instant::now();
            let limit = CALL_LIMIT.min(deadline.saturating_duration_since(now));
            let refusal: Refusal = match within(now + limit, core.store.lookup(key)).await {
                Some(Ok(view)) => match standing(view, fingerprint) {
                    None => return Ok(()),
                    Some(outcome) => {
                        self.may_wait(outcome)?;
                        self.wait_for_other(&mut queue, key).await?;
                        continue;
                    }
                },
                Some(Err(error)) => error.into(),
                None => Reason::StoreTooSlow.into(),
            };
            // Whether it may run all the same is for the claim to find out.
            return if core.fail_open {
                Ok(())
            } else {
                Err(refusal.into())
            };
        }
    }

    /// Asks one after the other, until it can be told or time is up.
    async fn ask(&self) -> Result<(), Refusal> {
        let deadline = self.facts.arrival.deadline;
        let mut wait = FIRST_ASK_AGAIN;
        let mut confirms = self.facts.core.confirms.iter();
        let mut next = confirms.next();
        while let Some(confirm) = next {
            let event = Unconfirmed {
                key: self.facts.known.identity.key.clone(),
                body: self.facts.mark.body().cloned().unwrap_or_default(),
            };
            let asked = AssertUnwindSafe(async { confirm.confirm(event).await }).catch_unwind();
            match timeout_at(deadline, asked).await {
                Ok(Ok(Confirmation::Confirmed)) => {
                    next = confirms.next();
                    continue;
                }
                Ok(Ok(Confirmation::Mismatch)) => return Err(Reason::ConfirmMismatch.into()),
                Ok(Ok(Confirmation::TryAgain) | Err(_)) => {}
                Err(_) => return Err(Reason::ConfirmTryAgain.into()),
            }
            let again = Instant::now() + wait;
            if again >= deadline {
                return Err(Reason::ConfirmTryAgain.into());
            }
            sleep_until(again).await;
            wait = (wait * 2).min(LONGEST_ASK_AGAIN);
        }
        Ok(())
    }
}
