//! What each key promises, told from the answers alone.

use std::time::Duration;

use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew, StoredResponse, Token,
};
use tower_webhook::{Fingerprint, UnixTime};

/// What the answers of one key amount to.
#[derive(Default)]
pub(crate) struct Witness {
    /// From when on it counts as absent, where there is one.
    pub(crate) kept_until: Option<UnixTime>,
    /// Who holds, until when, and what was granted.
    holder: Option<(Token, UnixTime, Grant)>,
    /// How long the lease was when it was set last.
    lease: Duration,
    /// By whom it was finished, how, and of what content.
    done: Option<(Token, StoredResponse, Fingerprint)>,
    released_by: Option<Token>,
    pub(crate) attempt: u32,
    /// The one granted last while the record was kept, and the largest of all.
    last_fence: u64,
    fence: u64,
    /// What other content is measured against.
    pub(crate) content: Option<Fingerprint>,
}

impl Witness {
    pub(crate) fn is_kept(&self, now: UnixTime) -> bool {
        self.kept_until.is_some_and(|until| until > now)
    }

    /// Nothing is known of the record any more, but what was granted was granted.
    pub(crate) fn lose(&mut self) {
        *self = Self {
            fence: self.fence,
            ..Self::default()
        };
    }

    fn keep(&mut self, now: UnixTime, retention: Duration) {
        self.kept_until = Some(now.saturating_add(retention));
    }

    pub(crate) fn claim(&mut self, claim: &Claim, outcome: &ClaimOutcome, now: UnixTime) {
        if !self.is_kept(now) {
            self.lose();
        }
        let differs = self
            .content
            .is_some_and(|content| content != claim.fingerprint);
        if let Some((_, response, content)) = &self.done {
            if *content == claim.fingerprint {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::Done(response.clone()),
                    "done stays done"
                );
            } else {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::OtherDone(response.clone()),
                    "done stays done"
                );
            }
            return;
        }
        let lease_ends = now.saturating_add(claim.lease);
        match self.holder {
            Some((token, _, grant)) if token == claim.token => {
                assert_eq!(
                    *outcome,
                    ClaimOutcome::Claimed(grant),
                    "sent twice, granted once"
                );
                self.holder = Some((token, lease_ends, grant));
                self.lease = claim.lease;
            }
            Some((token, live_until, grant)) if live_until > now => {
                // After a step back of the clock it is as long again.
                let live_until = live_until.min(now.saturating_add(self.lease));
                self.holder = Some((token, live_until, grant));
                let refused = if differs {
                    ClaimOutcome::OtherInProgress
                } else {
                    ClaimOutcome::InProgress
                };
                assert_eq!(*outcome, refused, "one holder");
                return;
            }
            _ => {
                let ClaimOutcome::Claimed(grant) = *outcome else {
                    panic!("nobody is at work, and a claim gets {outcome:?}");
                };
                assert_eq!(grant.attempt, self.attempt + 1, "attempts are counted");
                assert_eq!(grant.corrected, differs);
                // There is a largest one.
                assert!(
                    grant.fence > self.last_fence || grant.fence == u64::MAX,
                    "fences grow"
                );
                // Where the record was lost, the clock makes them grow.
                assert!(grant.fence > self.fence.min(now.as_micros().saturating_sub(1)));
                self.last_fence = grant.fence;
                self.attempt = grant.attempt;
                self.fence = self.fence.max(grant.fence);
                self.holder = Some((claim.token, lease_ends, grant));
                self.lease = claim.lease;
                self.released_by = None;
                self.content = Some(claim.fingerprint);
            }
        }
        self.keep(now, claim.retention.max(claim.lease));
    }

    fn holds(&self, token: Token) -> bool {
        self.holder.is_some_and(|(holder, ..)| holder == token)
    }

    pub(crate) fn complete(&mut self, complete: &Complete, held: Held, now: UnixTime) {
        if self.is_kept(now) {
            let again = self
                .done
                .as_ref()
                .is_some_and(|(by, ..)| *by == complete.token);
            assert_eq!(held == Held::Held, again || self.holds(complete.token));
            if held == Held::Fenced || again {
                return;
            }
        } else {
            assert_eq!(held, Held::Held, "a lost record is written anew");
            self.lose();
            self.attempt = complete.attempt;
        }
        self.holder = None;
        self.content = Some(complete.fingerprint);
        self.done = Some((
            complete.token,
            complete.response.clone(),
            complete.fingerprint,
        ));
        self.keep(now, complete.retention);
    }

    pub(crate) fn release(&mut self, release: &Release, held: Held, now: UnixTime) {
        if !self.is_kept(now) {
            assert_eq!(held, Held::Held, "there is nothing to give back");
            return;
        }
        let again = self.released_by == Some(release.token);
        assert_eq!(held == Held::Held, again || self.holds(release.token));
        if held == Held::Held && !again {
            self.holder = None;
            self.released_by = Some(release.token);
            self.attempt -= u32::from(!release.begun);
            self.keep(now, release.retention);
        }
    }

    pub(crate) fn renew(&mut self, renew: &Renew, held: Held, now: UnixTime) {
        let holds = self.is_kept(now) && self.holds(renew.token);
        assert_eq!(held == Held::Held, holds);
        if let (true, Some((token, _, grant))) = (holds, self.holder) {
            self.holder = Some((token, now.saturating_add(renew.lease), grant));
            self.lease = renew.lease;
            self.keep(now, renew.retention.max(renew.lease));
        }
    }
}
