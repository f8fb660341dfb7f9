//! A claim that is held: its renewal while the handler runs, and its end.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::core::Core;
use super::delivery::Lease;
use crate::event::{EventKey, Fingerprint};
use crate::store::{
    Claim, Complete, Grant, Held, Release, Renew, Store, StoreError, StoredResponse, Token,
};

/// How long one call to a store may take, and how soon it is tried again.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(1);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// An event that this receiver holds.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) core: Arc<Core>,
    pub(super) key: EventKey,
    pub(super) fingerprint: Fingerprint,
    pub(super) token: Token,
    pub(super) grant: Grant,
    pub(super) claimed_at: Instant,
    pub(super) lease: Lease,
    /// Whether the store was told how it ended, or is being told in the background.
    finished: AtomicBool,
}

impl Hold {
    pub(super) fn new(
        core: Arc<Core>,
        claim: Claim,
        grant: Grant,
        claimed_at: Instant,
        lease: Lease,
    ) -> Self {
        let Claim {
            key,
            token,
            fingerprint,
            bind: _,
            lease: _,
            retention: _,
        } = claim;
        Self {
            core,
            key,
            fingerprint,
            token,
            grant,
            claimed_at,
            lease,
            finished: AtomicBool::new(false),
        }
    }

    /// Does `work`, and keeps the claim alive meanwhile.
    pub(super) async fn while_renewing<F: Future>(&self, work: F) -> F::Output {
        tokio::select! {
            biased;
            output = work => output,
            never = self.renew_for_ever() => match never {},
        }
    }

    async fn renew_for_ever(&self) -> Infallible {
        let lease = self.core.lease;
        let last_end = self.claimed_at + self.core.renewal_ceiling;
        let mut ends = self.claimed_at + lease;
        let mut next = self.claimed_at + lease / 3;
        loop {
            sleep_until(next.min(ends)).await;
            let asked = Instant::now();
            if asked >= ends || asked + lease > last_end {
                sleep_until(ends).await;
                self.lease.lose();
                return pending().await;
            }
            match timeout(CALL_LIMIT.min(ends - asked), self.renew(None)).await {
                Ok(Ok(Held::Held)) => {
                    ends = asked + lease;
                    next = asked + lease / 3;
                }
                Ok(Ok(Held::Fenced)) => {
                    self.lease.lose();
                    return pending().await;
                }
                Ok(Err(_)) | Err(_) => next = Instant::now() + (lease / 10).min(LONGEST_WAIT),
            }
        }
    }

    /// Extends the lease, and binds the fingerprint if one is given.
    pub(super) async fn renew(&self, bind: Option<Fingerprint>) -> Result<Held, StoreError> {
        let renewal = Renew {
            key: self.key.clone(),
            token: self.token,
            bind,
            lease: self.core.lease,
            retention: self.core.retention,
        };
        let outcomes = self
            .core
            .store
            .renew(std::slice::from_ref(&renewal))
            .await?;
        // A store that answers for fewer keys than it was asked about has not renewed this one.
        Ok(outcomes.into_iter().next().unwrap_or(Held::Fenced))
    }

    /// Records the event as done, however long that takes; calls `overdue` once if it is not done
    /// by `deadline`.
    pub(super) async fn complete(
        &self,
        response: StoredResponse,
        deadline: Instant,
        overdue: impl FnOnce(),
    ) -> Held {
        let complete = Complete {
            key: self.key.clone(),
            token: self.token,
            attempt: self.grant.attempt,
            fence: self.grant.fence,
            fingerprint: self.fingerprint,
            response,
            retention: self.core.retention,
        };
        let mut overdue = Some(overdue);
        let mut wait = FIRST_WAIT;
        loop {
            let now = Instant::now();
            let until_deadline = deadline.saturating_duration_since(now);
            let limit = if overdue.is_some() {
                CALL_LIMIT.min(until_deadline)
            } else {
                CALL_LIMIT
            };
            if let Ok(Ok(held)) = timeout(limit, self.core.store.complete(&complete)).await {
                self.finished.store(true, Ordering::Relaxed);
                return held;
            }
            if Instant::now() + wait >= deadline
                && let Some(overdue) = overdue.take()
            {
                overdue();
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Gives the event back: at once if the store answers by `answer_by`, else in the background.
    pub(super) async fn release(&self, answer_by: Option<Instant>) {
        let release = self.release_command();
        let limit = answer_by.map_or(CALL_LIMIT, |moment| {
            CALL_LIMIT.min(moment.saturating_duration_since(Instant::now()))
        });
        if !matches!(
            timeout(limit, self.core.store.release(&release)).await,
            Ok(Ok(_))
        ) {
            self.core.release_later(release);
        }
        self.finished.store(true, Ordering::Relaxed);
    }

    fn release_command(&self) -> Release {
        Release {
            key: self.key.clone(),
            token: self.token,
            retention: self.core.retention,
        }
    }
}

/// A task that was dropped, or that an observer or a response's shape made panic, gives the event
/// back too: the sender's next attempt need not wait for the end of the lease.
impl Drop for Hold {
    fn drop(&mut self) {
        if !*self.finished.get_mut() && Handle::try_current().is_ok() {
            self.core.release_later(self.release_command());
        }
    }
}

impl Core {
    pub(super) fn release_of(&self, claim: &Claim) -> Release {
        Release {
            key: claim.key.clone(),
            token: claim.token,
            retention: self.retention,
        }
    }

    /// Releases in the background, until the store has heard it or the lease is over anyway.
    pub(super) fn release_later(&self, release: Release) {
        let store = self.store.clone();
        let give_up = Instant::now() + self.lease;
        self.drain.spawn(async move {
            let mut wait = FIRST_WAIT;
            while Instant::now() < give_up {
                if matches!(
                    timeout(CALL_LIMIT, store.release(&release)).await,
                    Ok(Ok(_))
                ) {
                    return;
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
    }
}
