//! A claim that is held: its renewal while the handler runs, and its end.

use std::convert::Infallible;
use std::future::pending;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::Span;

use super::call::{CALL_LIMIT, call_limit};
use super::context::DeliveryContext;
use super::renewals::Answered;
use super::state::DedupeState;
use crate::event::{EventKey, Fingerprint};
use crate::layer::within::within;
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::{
    Complete, Grant, Held, Release, Renew, Store, StoreError, StoreErrorKind, StoredResponse, Token,
};

/// How soon a call to a store is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How many releases are sent again at once in the background. What finds no place is freed by the
/// end of its lease: an outage must not fill the process.
static BACKGROUND: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(256)));

/// An event that this receiver holds.
pub(super) struct HeldClaim {
    context: Arc<DeliveryContext>,
    token: Token,
    pub(super) grant: Grant,
    pub(super) claimed_at: Instant,
    /// The request's, for what is said of its renewals.
    pub(super) span: Span,
    /// Whether a handler has begun and not failed: its effect may have taken place.
    at_work: AtomicBool,
    /// Whether the store is being told how it ended: that it is not held any more is no news then.
    ending: AtomicBool,
    /// Whether a renewal was refused meanwhile.
    fenced: AtomicBool,
    /// Whether the store was told, or is being told in the background.
    finished: AtomicBool,
}

/// A hold that ends with its task, if not before.
pub(super) struct ClaimGuard(Arc<HeldClaim>);

impl ClaimGuard {
    pub(super) fn new(
        context: Arc<DeliveryContext>,
        token: Token,
        grant: Grant,
        claimed_at: Instant,
    ) -> Self {
        // From before it was sent, so that it ends no later here than in the store.
        context.hold_until(claimed_at + context.core.lease);
        Self(Arc::new(HeldClaim {
            context,
            token,
            grant,
            claimed_at,
            span: Span::current(),
            at_work: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            fenced: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        }))
    }

    /// The hold, to be renewed beside its task.
    pub(super) fn shared(&self) -> Arc<HeldClaim> {
        Arc::clone(&self.0)
    }
}

impl Deref for ClaimGuard {
    type Target = HeldClaim;

    fn deref(&self) -> &HeldClaim {
        &self.0
    }
}

impl Drop for ClaimGuard {
    /// A task that a user's code made panic before the handler began gives the event back too, so
    /// that the sender's next attempt need not wait for the end of the lease. Once a handler has
    /// begun, only that end frees the event: the effect may have taken place, or may still. So it
    /// is too where the runtime goes down.
    fn drop(&mut self) {
        if !self.0.finished.load(Ordering::Relaxed) {
            self.0.end_without_outcome();
        }
    }
}

impl HeldClaim {
    fn core(&self) -> &DedupeState {
        &self.context.core
    }

    fn key(&self) -> &EventKey {
        &self.context.event.identity.key
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.context.event.identity.fingerprint
    }

    /// From here on the event is not given back unless the handler has failed.
    pub(super) fn begin_work(&self) {
        self.at_work.store(true, Ordering::Relaxed);
    }

    /// Keeps the claim alive; the lease is told when that ends.
    pub(super) async fn renew_for_ever(&self) -> Infallible {
        let lease = self.core().lease;
        let renewals = &self.core().renewals;
        let last_end = self.claimed_at + self.core().renewal_ceiling;
        let mut ends = self.claimed_at + lease;
        let mut due = renewals.due_first(self.claimed_at);
        // After a failure: whoever it was that failed, the others of its batch must not fail with
        // it twice.
        let mut alone = false;
        loop {
            let ahead = if alone {
                Duration::ZERO
            } else {
                renewals.ahead()
            };
            sleep_until(due.checked_sub(ahead).unwrap_or(due).min(ends)).await;
            let now = Instant::now();
            let asked = due.max(now);
            if asked >= ends || asked + lease > last_end {
                sleep_until(ends).await;
                self.stop_renewing("its end has come");
                return pending().await;
            }
            let limit = (asked + CALL_LIMIT).min(ends);
            let answered = if alone {
                let outcome = timeout_at(limit, renewals.renew_alone(&self.renewal()))
                    .await
                    .ok();
                outcome.map(|outcome| Answered {
                    asked,
                    outcome: outcome.map_err(Arc::new),
                })
            } else {
                let together = renewals.renew(due, self.renewal());
                timeout_at(limit, together).await.ok().flatten()
            };
            alone = true;
            match answered {
                Some(Answered {
                    asked,
                    outcome: Ok(Held::Held),
                }) => {
                    alone = false;
                    ends = (asked + lease).min(last_end);
                    if !self.context.hold_until(ends) {
                        self.stop_renewing("its end had come before it was renewed");
                        return pending().await;
                    }
                    due = renewals.due_again(asked);
                }
                Some(Answered {
                    outcome: Ok(Held::Fenced),
                    ..
                }) => {
                    self.stop_renewing("the store has it no more, or another receiver has it");
                    return pending().await;
                }
                Some(Answered {
                    outcome: Err(error),
                    ..
                }) => {
                    self.warn("renew", Some(&error));
                    due = Instant::now() + (lease / 10).min(LONGEST_WAIT);
                }
                None => {
                    self.warn("renew", None);
                    due = Instant::now();
                }
            }
        }
    }

    /// Renewals have come to an end.
    fn stop_renewing(&self, why: &'static str) {
        if self.ending.load(Ordering::Relaxed) {
            // The store may have heard how it ended, and its reply be under way or lost.
            self.fenced.store(true, Ordering::Relaxed);
        } else {
            self.lose(why);
        }
    }

    fn lose(&self, why: &'static str) {
        tracing::warn!(
            target: "tower_webhook",
            key = %self.key().escaped(),
            attempt = self.grant.attempt,
            why,
            "a handler has lost its lease"
        );
        self.context.lease().lose();
    }

    fn renewal(&self) -> Renew {
        Renew {
            key: self.key().clone(),
            token: self.token,
            lease: self.core().lease,
            retention: self.core().retention,
        }
    }

    /// Records the event as done, however long that takes; calls `overdue` once if that is not
    /// done by `answer_by`.
    pub(super) async fn complete(
        &self,
        response: StoredResponse,
        now: Instant,
        answer_by: Option<Instant>,
        overdue: impl FnOnce(),
    ) -> Held {
        let complete = Complete {
            key: self.key().clone(),
            token: self.token,
            attempt: self.grant.attempt,
            fence: self.grant.fence,
            fingerprint: self.fingerprint(),
            response,
            retention: self.core().retention,
        };
        self.ending.store(true, Ordering::Relaxed);
        let limit = call_limit(now, answer_by);
        let error = match within(limit, self.core().store.complete(&complete)).await {
            Some(Ok(held)) => {
                self.finished.store(true, Ordering::Relaxed);
                return held;
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        let pending = answer_by.map(|moment| (moment, overdue));
        Box::pin(self.complete_again(&complete, error, pending)).await
    }

    /// Sends what the store did not take once more, until it does.
    async fn complete_again(
        &self,
        complete: &Complete,
        first_error: Option<StoreError>,
        mut pending: Option<(Instant, impl FnOnce())>,
    ) -> Held {
        let mut error = first_error;
        let mut wait = FIRST_WAIT;
        for tried in 1_u64.. {
            if tried.is_power_of_two() {
                self.warn("complete", error.as_ref());
            }
            let is_lost = self.context.is_lease_lost() || self.fenced.load(Ordering::Relaxed);
            if is_lost && error.is_some_and(|error| is_final(&error)) {
                self.finished.store(true, Ordering::Relaxed);
                break;
            }
            if let Some((_, overdue)) =
                pending.take_if(|(moment, _)| Instant::now() + wait >= *moment)
            {
                overdue();
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            let limit = call_limit(Instant::now(), pending.as_ref().map(|(moment, _)| *moment));
            error = match within(limit, self.core().store.complete(complete)).await {
                Some(Ok(held)) => {
                    self.finished.store(true, Ordering::Relaxed);
                    return held;
                }
                Some(Err(error)) => Some(error),
                None => None,
            };
        }
        Held::Fenced
    }

    /// Gives the event back, its record to be kept for `retention`: at once if the store answers by
    /// `answer_by`, else in the background.
    pub(super) async fn release(&self, retention: Duration, answer_by: Option<Instant>) {
        self.ending.store(true, Ordering::Relaxed);
        let release = self.release_command(retention);
        let limit = call_limit(Instant::now(), answer_by);
        match within(limit, self.core().store.release(&release)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                self.warn("release", Some(&error));
                self.core().release_later(release);
            }
            None => {
                self.warn("release", None);
                self.core().release_later(release);
            }
        }
        self.finished.store(true, Ordering::Relaxed);
    }

    fn end_without_outcome(&self) {
        if self.at_work.load(Ordering::Relaxed) {
            self.lose("its task ended without an outcome");
        } else {
            self.core()
                .release_later(self.release_command(self.core().retention));
        }
    }

    fn release_command(&self, retention: Duration) -> Release {
        Release {
            key: self.key().clone(),
            token: self.token,
            retention,
        }
    }

    /// What the store does not do is told at once: the record is what an operator relies on.
    fn warn(&self, command: &'static str, error: Option<&StoreError>) {
        tracing::warn!(
            target: "tower_webhook",
            key = %self.key().escaped(),
            command,
            error = error.map(|error| tracing::field::display(Printable(Chain(error)))),
            "the store did not take a command in time; it is sent again"
        );
    }
}

/// Whether trying again cannot help.
fn is_final(error: &StoreError) -> bool {
    matches!(
        error.kind(),
        StoreErrorKind::Refused | StoreErrorKind::Corrupt
    )
}

impl DedupeState {
    /// Releases in the background, until the store has heard it or the lease is over anyway. It
    /// holds up no shutdown.
    pub(super) fn release_later(&self, release: Release) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Ok(place) = Arc::clone(&BACKGROUND).try_acquire_owned() else {
            return;
        };
        let store = self.store.clone();
        let give_up = Instant::now() + self.lease;
        runtime.spawn(async move {
            let _place = place;
            let mut wait = FIRST_WAIT;
            while Instant::now() < give_up {
                match timeout(CALL_LIMIT, store.release(&release)).await {
                    Ok(Err(error)) if !is_final(&error) => {}
                    Err(_) => {}
                    Ok(Ok(_) | Err(_)) => return,
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
    }
}
