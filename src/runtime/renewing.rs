//! The renewal of a claim while its handler runs.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::held_claim::HeldClaim;
use super::release::LONGEST_WAIT;
use super::renewals::Answered;
use super::within::CALL_LIMIT;
use crate::store::{Held, Renew};

impl HeldClaim {
    /// Keeps the claim alive, and notifies the lease when that ends.
    pub(super) async fn renew_for_ever(&self) -> Infallible {
        let lease = self.terms.lease;
        let renewals = &self.terms.renewals;
        let last_end = self.claimed_at + self.terms.renewal_ceiling;
        let mut ends = self.claimed_at + lease;
        let mut due = renewals.due_first(self.claimed_at);
        // Set after a failure: whichever claim caused it, the others of its batch must not fail
        // with it twice.
        let mut alone = false;
        // Whether the handler was told that its lease is lost. It may be at work for long after that: the sooner its
        // event is held again, the less likely is another run beside it.
        let mut is_lost = false;
        loop {
            let ahead = if alone {
                Duration::ZERO
            } else {
                renewals.ahead()
            };
            let wake = due.checked_sub(ahead).unwrap_or(due);
            sleep_until(if is_lost { wake } else { wake.min(ends) }).await;
            let now = Instant::now();
            let asked = due.max(now);
            let is_last = asked + lease > last_end;
            if !is_lost && (asked >= ends || is_last) {
                sleep_until(ends).await;
                self.stop_renewing("its end has come");
                is_lost = true;
            }
            if is_last {
                return pending().await;
            }
            let limit = asked + CALL_LIMIT;
            let limit = if is_lost { limit } else { limit.min(ends) };
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
                    if !self.lease.renewed_until(ends) && !is_lost {
                        self.stop_renewing("its end had come before it was renewed");
                        is_lost = true;
                    }
                    due = renewals.due_again(asked);
                }
                Some(Answered {
                    outcome: Ok(Held::Fenced),
                    ..
                }) => {
                    if !is_lost {
                        self.stop_renewing("the store has it no more, or another receiver has it");
                    }
                    return pending().await;
                }
                Some(Answered {
                    outcome: Err(error),
                    ..
                }) => {
                    if !is_lost {
                        self.warn("renew", Some(&error));
                    }
                    due = Instant::now() + (lease / 10).min(LONGEST_WAIT);
                }
                None if is_lost => due = Instant::now() + (lease / 10).min(LONGEST_WAIT),
                None => {
                    self.warn("renew", None);
                    due = Instant::now();
                }
            }
        }
    }

    /// Renewals have ended.
    fn stop_renewing(&self, why: &'static str) {
        if self.ending.load(Ordering::Relaxed) {
            // The store may know the outcome already, while its reply is in transit or lost.
            self.fenced.store(true, Ordering::Relaxed);
        } else {
            self.lose(why);
        }
    }

    fn renewal(&self) -> Renew {
        Renew {
            key: self.claim.key.clone(),
            token: self.claim.token,
            lease: self.terms.lease,
            retention: self.terms.retention,
        }
    }
}
