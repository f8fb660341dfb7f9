//! From a proved delivery to a claim that is held and confirmed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::call::CALL_LIMIT;
use super::confirm::{Confirmation, Unconfirmed};
use super::hold::{Hold, Kept};
use super::ticket::{Stop, Ticket};
use crate::event::Handling;
use crate::layer::refusal::Refusal;
use crate::layer::within::within;
use crate::rejection::Reason;
use crate::store::{Claim, ClaimOutcome, Held, Release, Store, StoreErrorKind, Token};

/// The times between two questions to a [`Confirm`](super::Confirm) that could not tell.
const FIRST_ASK_AGAIN: Duration = Duration::from_millis(100);
const LONGEST_ASK_AGAIN: Duration = Duration::from_secs(1);

/// A store that was given less time to answer was not asked in earnest.
const LEAST_ASKED: Duration = Duration::from_millis(50);

/// The pauses of a waiting copy whose store says at once that it need not wait any longer.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl<RB, E> Ticket<RB, E> {
    /// Claims the event, waiting for another's outcome if there is one at work. `None` where the
    /// handler is to run all the same: the store cannot be asked, or there is nothing to claim.
    pub(super) async fn claim(&mut self) -> Result<Option<Kept>, Stop> {
        let facts = Arc::clone(&self.facts);
        let core = &*facts.core;
        if facts.known.identity.handling == Handling::Answered {
            return Ok(None);
        }
        let claim = Claim {
            key: facts.known.identity.key.clone(),
            token: Token::random().map_err(Refusal::from)?,
            fingerprint: facts.known.identity.fingerprint,
            // What is not confirmed yet must not refuse the true delivery.
            bind: core.confirms.is_empty(),
            lease: core.lease,
            retention: core.retention,
        };
        let mut place = None;
        let mut pause = FIRST_PAUSE;
        loop {
            // Its body may have come in after the drain began. This task is counted by now, so the
            // drain either waits for it or is seen here.
            if core.drain.has_begun() {
                return Err(Reason::Draining.into());
            }
            let claimed_at = Instant::now();
            let left = facts.arrival.deadline.saturating_duration_since(claimed_at);
            // A handler that is run unchecked needs time as well.
            let limit = CALL_LIMIT.min(if core.fail_open { left / 2 } else { left });
            let refusal: Refusal = match within(claimed_at + limit, core.store.claim(&claim)).await
            {
                Some(Ok(ClaimOutcome::Claimed(grant))) => {
                    let moment = core.reception.is_timed().then(Instant::now);
                    let _ = facts.claimed.set((moment, grant));
                    let hold = Kept::new(facts, claim.token, grant, claimed_at);
                    self.place.fill(hold.shared());
                    return Ok(Some(hold));
                }
                Some(Ok(ClaimOutcome::Done(response))) => return Err(Stop::Copy(response)),
                Some(Ok(ClaimOutcome::OtherInProgress | ClaimOutcome::OtherDone(_)))
                    if !facts.known.has_own_id() =>
                {
                    return Err(Reason::Conflict.into());
                }
                Some(Ok(ClaimOutcome::OtherDone(response))) => {
                    facts.content_differs.store(true, Ordering::Relaxed);
                    return Err(Stop::Copy(response));
                }
                Some(Ok(outcome @ (ClaimOutcome::InProgress | ClaimOutcome::OtherInProgress))) => {
                    if outcome == ClaimOutcome::OtherInProgress {
                        facts.content_differs.store(true, Ordering::Relaxed);
                    }
                    if place.is_none() {
                        place = Some(core.reception.budget.wait().ok_or(Reason::BudgetUsedUp)?);
                    }
                    let began = Instant::now();
                    // Behind a pointer, as everything that most deliveries do without.
                    Box::pin(self.wait_for_other(&claim)).await?;
                    if began.elapsed() < FIRST_PAUSE {
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    continue;
                }
                Some(Err(error)) if error.kind() == StoreErrorKind::Full => {
                    return Err(Refusal::from(error).into());
                }
                Some(Err(error)) => error.into(),
                None => Reason::StoreTooSlow.into(),
            };
            // The claim may stand although its reply was lost.
            let Claim {
                key,
                token,
                retention,
                ..
            } = claim;
            core.release_later(Release {
                key,
                token,
                retention,
            });
            return match place {
                // Another receiver was at work a moment ago: whatever is wrong now, this is a copy.
                Some(_) if limit < LEAST_ASKED => Err(Reason::InProgress.into()),
                None if core.fail_open && limit >= LEAST_ASKED => {
                    facts.unchecked.store(true, Ordering::Relaxed);
                    Ok(None)
                }
                Some(_) | None => Err(refusal.into()),
            };
        }
    }

    async fn wait_for_other(&mut self, claim: &Claim) -> Result<(), Stop> {
        let facts = Arc::clone(&self.facts);
        let (core, deadline) = (&facts.core, facts.arrival.deadline);
        let left = deadline.saturating_duration_since(Instant::now());
        tokio::select! {
            biased;
            () = sleep_until(deadline) => Err(Reason::InProgress.into()),
            () = core.drain.begun() => Err(Reason::Draining.into()),
            () = self.abandoned() => Err(Stop::Abandoned),
            () = core.store.wait(&claim.key, left) => Ok(()),
        }
    }

    /// Asks everyone who is to be asked whether the event is true, and then binds what it means.
    pub(super) async fn confirm(&self, hold: Option<&Hold>) -> Result<(), Refusal> {
        let core = &self.facts.core;
        let now = if core.confirms.is_empty() {
            self.facts.claimed.get().and_then(|(moment, _)| *moment)
        } else {
            Box::pin(self.ask_and_bind(hold)).await?;
            None
        };
        if now.unwrap_or_else(Instant::now) >= self.facts.arrival.deadline {
            return Err(Reason::StoreTooSlow.into());
        }
        if core.drain.has_begun() {
            return Err(Reason::Draining.into());
        }
        Ok(())
    }

    async fn ask_and_bind(&self, hold: Option<&Hold>) -> Result<(), Refusal> {
        let (core, deadline) = (&self.facts.core, self.facts.arrival.deadline);
        tokio::select! {
            biased;
            () = core.drain.begun() => return Err(Reason::Draining.into()),
            confirmed = self.ask() => confirmed?,
        }
        let Some(hold) = hold else {
            return Ok(());
        };
        match timeout_at(deadline, hold.renew(Some(hold.fingerprint()))).await {
            Ok(Ok(Held::Held)) => Ok(()),
            Ok(Ok(Held::Fenced)) => Err(Reason::InProgress.into()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Reason::StoreTooSlow.into()),
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
