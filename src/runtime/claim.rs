//! The way from a proved and, if required, confirmed delivery to a claim that is held.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::caller::Caller;
use super::context::Claimed;
use super::delivery_task::DeliveryTask;
use super::held_claim::ClaimGuard;
use super::outcome::ClaimError;
use super::release::release_later;
use super::waiting::WaitingPlace;
use super::within::{CALL_LIMIT, within};
use crate::event::{EventKey, Handling};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::store::{Claim, ClaimOutcome, Release, Store, StoreErrorKind};

/// A store that had less time to answer does not count as unavailable.
const LEAST_ASKED: Duration = Duration::from_millis(50);

/// The pauses of a waiting duplicate if its store's `wait` returns at once.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The place where a duplicate waits for another delivery's outcome.
pub(super) struct Queue {
    place: Option<WaitingPlace>,
    pause: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            place: None,
            pause: FIRST_PAUSE,
        }
    }
}

impl<C> DeliveryTask<C> {
    /// Claims the event, waiting for the outcome of another delivery that is at work. `None` if the
    /// handler should run without a claim: the store is out of reach, or there is nothing to claim.
    pub(super) async fn claim<A>(&mut self) -> Result<Option<ClaimGuard>, ClaimError>
    where
        C: Caller<A>,
    {
        let context = Arc::clone(&self.context);
        let (terms, settings) = (&context.state.terms, &context.state.settings);
        if context.event.identity.handling == Handling::Answered {
            return Ok(None);
        }
        let claim = Claim {
            key: context.event.identity.key.clone(),
            token: match context.hold {
                Some(hold) => hold.token,
                None => settings.token().map_err(RejectionCause::from)?,
            },
            fingerprint: context.event.identity.fingerprint,
            lease: terms.lease,
            retention: terms.retention,
        };
        let mut queue = Queue::default();
        loop {
            // Its body may have arrived after the drain began. This task is counted by now, so the
            // drain either waits for it or is noticed here.
            if context.is_draining() {
                return Err(Reason::Draining.into());
            }
            let asked_at = Instant::now();
            let hold = context.hold.filter(|hold| hold.is_young(terms.lease));
            let claimed_at = hold.map_or(asked_at, |hold| hold.since);
            let left = context
                .request_clock
                .deadline
                .saturating_duration_since(asked_at);
            // A handler that runs unchecked needs time as well.
            let limit = CALL_LIMIT.min(if settings.fail_open { left / 2 } else { left });
            let mut is_late = settings.is_timed;
            let until = || {
                is_late = true;
                asked_at + limit
            };
            let cause: RejectionCause = match within(until, terms.store.claim(&claim)).await {
                Some(Ok(ClaimOutcome::Claimed(grant))) => {
                    #[cfg(any(feature = "postgres", feature = "sqlite"))]
                    let token = claim.token;
                    let hold = ClaimGuard::new(Arc::clone(terms), claim, grant, claimed_at);
                    let moment = if is_late { Instant::now() } else { claimed_at };
                    let lease = hold.lease();
                    let _ = context.claimed.set(Claimed {
                        moment,
                        grant,
                        #[cfg(any(feature = "postgres", feature = "sqlite"))]
                        token,
                        lease,
                    });
                    self.slot.fill(hold.shared());
                    return Ok(Some(hold));
                }
                Some(Ok(outcome)) => {
                    self.may_wait(outcome)?;
                    // Boxed, like everything that most deliveries do without.
                    Box::pin(self.wait_for_other(&mut queue, &claim.key)).await?;
                    continue;
                }
                Some(Err(error)) if error.kind() == StoreErrorKind::Full => {
                    return Err(RejectionCause::from(error).into());
                }
                Some(Err(error)) => error.into(),
                None => Reason::StoreTooSlow.into(),
            };
            // The claim may have been granted although its reply was lost.
            let Claim {
                key,
                token,
                retention,
                ..
            } = claim;
            release_later(
                terms,
                Release {
                    key,
                    token,
                    retention,
                    begun: false,
                },
            );
            return match queue.place {
                // Another receiver was at work a moment ago: whatever is wrong now, this is a
                // duplicate.
                Some(_) if limit < LEAST_ASKED => Err(still_running().into()),
                None if settings.fail_open && limit >= LEAST_ASKED => {
                    context.unchecked.store(true, Ordering::Relaxed);
                    Ok(None)
                }
                Some(_) | None => Err(cause.into()),
            };
        }
    }

    /// Whether to wait for the holder of the event, given the store's answer.
    pub(super) fn may_wait(&self, outcome: ClaimOutcome) -> Result<(), ClaimError> {
        let differs = matches!(
            outcome,
            ClaimOutcome::OtherInProgress | ClaimOutcome::OtherDone(_)
        );
        if differs {
            if !self.context.event.has_own_id() {
                return Err(RejectionCause::conflict().into());
            }
            self.context.content_differs.store(true, Ordering::Relaxed);
        }
        match outcome {
            ClaimOutcome::Done(response) | ClaimOutcome::OtherDone(response) => {
                Err(ClaimError::Duplicate(response))
            }
            ClaimOutcome::InProgress | ClaimOutcome::OtherInProgress | ClaimOutcome::Claimed(_) => {
                Ok(())
            }
        }
    }

    /// Waits until it is worth checking again whether another receiver is at work on the event.
    pub(super) async fn wait_for_other<A>(
        &mut self,
        queue: &mut Queue,
        key: &EventKey,
    ) -> Result<(), ClaimError>
    where
        C: Caller<A>,
    {
        let context = Arc::clone(&self.context);
        let (state, deadline) = (&context.state, context.request_clock.deadline);
        if queue.place.is_none() {
            queue.place = Some(state.settings.waiting.enter().ok_or(Reason::BudgetUsedUp)?);
        }
        let began = Instant::now();
        let left = deadline.saturating_duration_since(began);
        tokio::select! {
            biased;
            () = sleep_until(deadline) => return Err(still_running().into()),
            () = context.drain_begun() => return Err(Reason::Draining.into()),
            // Nobody waits for this answer.
            () = self.caller.gone() => return Err(Reason::InProgress.into()),
            () = state.terms.store.wait(key, left) => {}
        }
        if began.elapsed() < FIRST_PAUSE {
            sleep(queue.pause).await;
            queue.pause = (queue.pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Whether a claimed event may still begin.
    pub(super) fn may_begin(&self) -> Result<(), RejectionCause> {
        let now = self.context.claimed_at().unwrap_or_else(Instant::now);
        if now >= self.context.request_clock.deadline {
            return Err(Reason::StoreTooSlow.into());
        }
        if self.context.is_draining() {
            return Err(Reason::Draining.into());
        }
        Ok(())
    }
}

/// The refusal if another attempt outlasts the time to answer.
#[cold]
fn still_running() -> RejectionCause {
    RejectionCause::because(
        Reason::InProgress,
        "another attempt at this event was still at work when time was up: the sender's next one finds what became \
         of that",
    )
}
