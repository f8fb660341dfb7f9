//! What a webhook's deliveries record for its health: counters, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::window::{Counted, FailureWindow};
use crate::contract::SenderContract;
use crate::observer::{Observation, Verdict};
use crate::reason::Reason;

/// The layers of one webhook share this.
#[derive(Debug)]
pub(crate) struct Pulse {
    began: Instant,
    failures: FailureWindow,
    /// When a delivery last showed that the store works, that it does not, and that it is full.
    pub(crate) store_worked: Moment,
    pub(crate) store_failed: Moment,
    pub(crate) store_full: Moment,
    /// When a key last matched, and how many deliveries no key has signed since.
    pub(crate) matched: Moment,
    mismatched: AtomicU64,
}

/// The last time that was noted, in milliseconds since the start plus one; zero if there is none.
#[derive(Debug, Default)]
pub(crate) struct Moment(AtomicU64);

impl Moment {
    fn set(&self, at: u64) {
        self.0.store(at.saturating_add(1), Ordering::Relaxed);
    }

    /// How long ago it was.
    pub(crate) fn age(&self, pulse: &Pulse, now: Instant) -> Option<Duration> {
        let at = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(pulse.millis(now).saturating_sub(at)))
    }
}

impl Pulse {
    pub(crate) fn new(contract: &SenderContract) -> Self {
        Self {
            began: Instant::now(),
            failures: FailureWindow::new(contract.failure_share().window()),
            store_worked: Moment::default(),
            store_failed: Moment::default(),
            store_full: Moment::default(),
            matched: Moment::default(),
            mismatched: AtomicU64::new(0),
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        let whole = since.as_secs().saturating_mul(1_000);
        whole.saturating_add(since.subsec_millis().into())
    }

    /// Records the outcome of a delivery that arrived at this time.
    pub(crate) fn note(&self, seen: &Observation<'_>, came: Instant, contract: &SenderContract) {
        if seen.reason == Some(Reason::SignatureMismatch) {
            self.mismatched.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if seen.reason.is_some_and(is_before_proof) {
            return;
        }
        let at = self.millis(came);
        if seen.signed_by.is_some() {
            self.matched.set(at);
            if self.mismatched.load(Ordering::Relaxed) > 0 {
                self.mismatched.store(0, Ordering::Relaxed);
            }
        }
        match (seen.reason, seen.verdict) {
            (Some(Reason::StoreUnavailable | Reason::StoreTooSlow | Reason::NotRecorded), _) => {
                self.store_failed.set(at);
            }
            (Some(Reason::StoreFull), _) => self.store_full.set(at),
            (_, Verdict::Handled | Verdict::Queued | Verdict::Duplicate | Verdict::Failed)
                if !seen.unchecked =>
            {
                self.store_worked.set(at);
            }
            _ => {}
        }
        // The sender learns the outcome of a list's events only from the one answer.
        if let (Some(status), None) = (seen.status, seen.item) {
            let is_success = contract.success().has_status(status);
            self.failures.count(at, !is_success);
        }
    }

    /// The number of deliveries that no key has signed since the last match.
    pub(crate) fn mismatched(&self) -> u64 {
        self.mismatched.load(Ordering::Relaxed)
    }

    /// The deliveries of the sender's window that were answered, and those without success.
    pub(crate) fn failures(&self, now: Instant) -> Counted {
        self.failures.so_far(self.millis(now))
    }

    /// How long the webhook has been watched.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

/// Whether anybody can cause a refusal with this reason: only the sender's own deliveries are
/// counted, not those of strangers.
fn is_before_proof(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MethodNotAllowed
            | Reason::Probe
            | Reason::UnknownPath
            | Reason::SourceRefused
            | Reason::SourceUnresolved
            | Reason::SourceFault
            | Reason::ContentEncoding
            | Reason::SignatureHeader
            | Reason::NoActiveKey
            | Reason::SignatureMismatch
            | Reason::CertificateMissing
            | Reason::CertificateMalformed
            | Reason::CertificateRefused
            | Reason::CertificateExpired
            | Reason::ProofRefused
            | Reason::ProofUnavailable
            | Reason::BodyTooLarge
            | Reason::BodyTooSlow
            | Reason::BodyCutOff
            | Reason::BudgetUsedUp
            | Reason::Unauthenticated
            | Reason::Nested
    )
}
