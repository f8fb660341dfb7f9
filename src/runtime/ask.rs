//! The way from a proved delivery to a confirmed one, which alone may claim.
//!
//! The store is only read here. The claim decides which of several confirmed deliveries runs.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::claim::Queue;
use super::confirm::{Confirmation, Unconfirmed};
use super::delivery_task::DeliveryTask;
use super::inquiry::{Entered, SeatGuard};
use super::outcome::ClaimError;
#[cfg(feature = "inbox")]
use super::shared_confirm::SharedConfirm;
use super::within::{CALL_LIMIT, within};
use crate::event::{Fingerprint, Handling};
use crate::reason::Reason;
use crate::store::{ClaimOutcome, RecordState, RecordView, Store};

/// The outcome of claiming this content, according to a record; `None` if the claim would be
/// granted. Mirrors the rules of the record.
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

impl<C> DeliveryTask<C> {
    /// Asks everyone who must confirm the event. An event that is done, or being handled, is not
    /// asked about.
    pub(super) async fn confirm<A>(&mut self) -> Result<(), ClaimError>
    where
        C: Caller<A>,
    {
        let context = Arc::clone(&self.context);
        let (state, deadline) = (&*context.state, context.request_clock.deadline);
        let event = Unconfirmed {
            key: context.event.identity.key.clone(),
            body: self.body.clone().unwrap_or_default(),
        };
        let evicted = CancellationToken::new();
        let mut seats = Vec::with_capacity(state.settings.confirms.len());
        for confirm in &state.settings.confirms {
            match confirm.inquiries().enter(&event, deadline, &evicted) {
                Entered::Waiting(seat) => seats.push(seat),
                Entered::Judged(judged) => verdict(judged)?,
                Entered::Full => return Err(Reason::BudgetUsedUp.into()),
            }
        }
        let confirmed = async {
            // Questions are never claimed, so there is no other run to wait for.
            if context.event.identity.handling != Handling::Answered {
                self.until_open(&seats).await?;
            }
            // Once one has confirmed it, it is not asked again while the next is.
            for seat in seats {
                verdict(seat.judge(&event).await)?;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            () = context.drain_begun() => Err(Reason::Draining.into()),
            () = evicted.cancelled() => Err(Reason::BudgetUsedUp.into()),
            confirmed = confirmed => confirmed,
        }
    }

    /// Waits until nobody is at work on the event, or it is done.
    async fn until_open<A>(&mut self, seats: &[SeatGuard]) -> Result<(), ClaimError>
    where
        C: Caller<A>,
    {
        let context = Arc::clone(&self.context);
        let (state, deadline) = (&*context.state, context.request_clock.deadline);
        let identity = &context.event.identity;
        let mut queue = Queue::default();
        loop {
            if context.is_draining() {
                return Err(Reason::Draining.into());
            }
            let now = Instant::now();
            // Time is needed for the question and the claim as well.
            let limit = CALL_LIMIT.min(deadline.saturating_duration_since(now) / 2);
            let looked_up = state.terms.store.lookup(&identity.key);
            // A store that cannot be read, or is slow under many lookups, refuses nothing yet: the
            // lookup only saves a question, and the claim decides.
            let Some(Ok(view)) = within(|| now + limit, looked_up).await else {
                return Ok(());
            };
            match standing(view, identity.fingerprint) {
                None => return Ok(()),
                Some(outcome) => {
                    self.may_wait(outcome)?;
                    seats.iter().for_each(SeatGuard::step_back);
                    self.wait_for_other(&mut queue, &identity.key).await?;
                }
            }
        }
    }
}

/// The joint verdict of all confirmations on an event by this moment.
#[cfg(feature = "inbox")]
pub(crate) async fn judged(
    confirms: &[SharedConfirm],
    event: &Unconfirmed,
    deadline: Instant,
) -> Confirmation {
    let evicted = CancellationToken::new();
    let mut seats = Vec::with_capacity(confirms.len());
    for confirm in confirms {
        match confirm.inquiries().enter(event, deadline, &evicted) {
            Entered::Waiting(seat) => seats.push(seat),
            Entered::Judged(Confirmation::Confirmed) => {}
            Entered::Judged(judged) => return judged,
            Entered::Full => return Confirmation::TryAgain,
        }
    }
    let judged = async {
        // Once one has confirmed it, it is not asked again while the next is.
        for seat in seats {
            match seat.judge(event).await {
                Confirmation::Confirmed => {}
                judged => return judged,
            }
        }
        Confirmation::Confirmed
    };
    tokio::select! {
        biased;
        () = evicted.cancelled() => Confirmation::TryAgain,
        judged = judged => judged,
    }
}

fn verdict(judged: Confirmation) -> Result<(), Reason> {
    match judged {
        Confirmation::Confirmed => Ok(()),
        Confirmation::Mismatch => Err(Reason::ConfirmMismatch),
        Confirmation::Unknown => Err(Reason::ConfirmUnknown),
        Confirmation::TryAgain => Err(Reason::ConfirmTryAgain),
    }
}
