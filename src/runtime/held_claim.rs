//! A claim that is held, and how it ends.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::{Instant, sleep};
use tracing::Span;

use super::lease::{Lease, LeaseState, Leased};
use super::release::{FIRST_WAIT, LONGEST_WAIT, is_final, release_later};
use super::terms::ClaimTerms;
use super::within::{call_limit, within};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::{Claim, Complete, Grant, Held, Release, Store, StoreError, StoredResponse};

/// An event that this receiver holds.
pub(super) struct HeldClaim {
    pub(super) terms: Arc<ClaimTerms>,
    pub(super) claim: Claim,
    pub(super) grant: Grant,
    pub(super) claimed_at: Instant,
    pub(super) lease: LeaseState,
    /// The request's span, for log lines about renewals.
    pub(super) span: Span,
    /// Whether a handler has begun and not failed: its effect may have taken place.
    at_work: AtomicBool,
    /// Whether the outcome is being sent to the store: then it is no news that the event is no
    /// longer held.
    pub(super) ending: AtomicBool,
    /// Whether a renewal was refused in the meantime.
    pub(super) fenced: AtomicBool,
    /// Whether the outcome was sent, or is being sent in the background.
    finished: AtomicBool,
}

impl Leased for HeldClaim {
    fn lease(&self) -> &LeaseState {
        &self.lease
    }
}

/// A hold that ends with its task at the latest.
pub(super) struct ClaimGuard(Arc<HeldClaim>);

impl ClaimGuard {
    /// A granted claim that was sent at `claimed_at`: it ends no later here than in the store.
    pub(super) fn new(
        terms: Arc<ClaimTerms>,
        claim: Claim,
        grant: Grant,
        claimed_at: Instant,
    ) -> Self {
        Self(Arc::new(HeldClaim {
            lease: LeaseState::new(claimed_at, terms.lease),
            terms,
            claim,
            grant,
            claimed_at,
            span: Span::current(),
            at_work: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            fenced: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        }))
    }

    /// The hold, to be renewed alongside its task.
    pub(super) fn shared(&self) -> Arc<HeldClaim> {
        Arc::clone(&self.0)
    }

    /// The handler's view of it.
    pub(super) fn lease(&self) -> Lease {
        let held: Arc<HeldClaim> = Arc::clone(&self.0);
        Lease::of(held)
    }
}

impl Deref for ClaimGuard {
    type Target = HeldClaim;

    fn deref(&self) -> &HeldClaim {
        &self.0
    }
}

impl Drop for ClaimGuard {
    /// A task that panics in user code before the handler began also gives the event back, so that
    /// the sender's next attempt need not wait for the end of the lease. Once a handler has begun,
    /// only the end of the lease frees the event: the effect may have taken place, or may still do
    /// so. The same holds if the runtime shuts down.
    fn drop(&mut self) {
        if !self.0.finished.load(Ordering::Relaxed) {
            self.0.end_without_outcome();
        }
    }
}

impl HeldClaim {
    /// From here on, the event is given back only if the handler fails.
    pub(super) fn begin_work(&self) {
        self.at_work.store(true, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, why: &'static str) {
        tracing::warn!(
            target: "tower_webhook",
            key = %self.claim.key.escaped(),
            attempt = self.grant.attempt,
            why,
            "a handler has lost its lease"
        );
        #[cfg(feature = "metrics")]
        crate::metrics::lease_lost(self.claim.key.provider());
        self.lease.lose();
    }

    /// The command that records the event as done. From here on, the outcome is being sent.
    pub(super) fn complete_command(&self, response: StoredResponse) -> Complete {
        self.ending.store(true, Ordering::Relaxed);
        Complete {
            key: self.claim.key.clone(),
            token: self.claim.token,
            attempt: self.grant.attempt,
            fence: self.grant.fence,
            fingerprint: self.claim.fingerprint,
            response,
            retention: self.terms.retention,
        }
    }

    /// The outcome was sent by other means, or there is none to send.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(super) fn was_told(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Records the event as done, however long that takes. Calls `overdue` once if that is not done
    /// by `answer_by`, which is called only if there is something to wait for.
    pub(super) fn complete(
        &self,
        response: StoredResponse,
        answer_by: impl Fn() -> Option<Instant> + Send + Sync,
        overdue: impl FnOnce() + Send,
    ) -> impl Future<Output = Held> + Send {
        let complete = self.complete_command(response);
        async move {
            let limit = || call_limit(Instant::now(), answer_by());
            let error = match within(limit, self.terms.store.complete(&complete)).await {
                Some(Ok(held)) => {
                    self.finished.store(true, Ordering::Relaxed);
                    return held;
                }
                Some(Err(error)) => Some(error),
                None => None,
            };
            let pending = answer_by().map(|moment| (moment, overdue));
            Box::pin(self.complete_again(&complete, error, pending)).await
        }
    }

    /// Resends a record that the store did not take, until it does.
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
            let is_lost = self.lease.is_lost() || self.fenced.load(Ordering::Relaxed);
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
            error = match within(|| limit, self.terms.store.complete(complete)).await {
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

    /// Gives the event back: at once if the store answers by `answer_by`, else in the background.
    pub(super) async fn release(&self, answer_by: impl Fn() -> Option<Instant>) {
        self.ending.store(true, Ordering::Relaxed);
        let release = self.release_command();
        let limit = || call_limit(Instant::now(), answer_by());
        let released = within(limit, self.terms.store.release(&release)).await;
        if !matches!(released, Some(Ok(_))) {
            self.warn("release", released.and_then(Result::err).as_ref());
            release_later(&self.terms, release);
        }
        self.finished.store(true, Ordering::Relaxed);
    }

    fn end_without_outcome(&self) {
        if self.at_work.load(Ordering::Relaxed) {
            self.lose("its task ended without an outcome");
        } else {
            release_later(&self.terms, self.release_command());
        }
    }

    fn release_command(&self) -> Release {
        Release {
            key: self.claim.key.clone(),
            token: self.claim.token,
            retention: self.terms.retention,
            begun: self.at_work.load(Ordering::Relaxed),
        }
    }

    /// Warns at once of a command that the store did not execute, because operators rely on the
    /// record.
    pub(super) fn warn(&self, command: &'static str, error: Option<&StoreError>) {
        tracing::warn!(
            target: "tower_webhook",
            key = %self.claim.key.escaped(),
            command,
            error = error.map(|error| tracing::field::display(Printable(Chain(error)))),
            "the store did not take a command in time; it is sent again"
        );
    }
}
