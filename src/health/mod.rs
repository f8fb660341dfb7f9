//! Whether a receiver can take deliveries, and what is wrong if it cannot.
//!
//! [`WebhookLayer::health`](crate::WebhookLayer::health) reports it for a webhook, `Worker::health` for a worker,
//! and `InboxExt::health` for an inbox. [`Health::and`] combines several for a readiness probe:
//!
//! ```
//! use axum::{Router, http::StatusCode, routing::get};
//! use tower_webhook::health::{Health, HealthCode, HealthStatus};
//! use tower_webhook::{MemoryStore, RouterExt, Webhook, provider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
//! let stripe = Webhook::new(provider::stripe(keys)).store(MemoryStore::new()).build()?;
//! let watched = stripe.clone();
//! let readyz = move || async move {
//!     let health = watched.health().await;
//!     let status = match health.is_ready() {
//!         true => StatusCode::OK,
//!         false => StatusCode::SERVICE_UNAVAILABLE,
//!     };
//!     (status, health.to_string())
//! };
//! let app: Router = Router::new().webhook("/stripe", stripe.clone(), async || {}).route("/readyz", get(readyz));
//!
//! let health: Health = stripe.health().await;
//! assert_eq!((health.status(), health.to_string()), (HealthStatus::Ready, "ready".to_owned()));
//! for reason in health.reasons() {
//!     let line = format!("{}: {}", reason.subject(), reason.detail());
//!     match reason.code() {
//!         HealthCode::StoreOutOfReach => eprintln!("{line}"),
//!         code => println!("{} {}: {line}", reason.status(), code.code()),
//!     }
//! }
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! A webhook that is *failing* can take no delivery now. One that is *degraded* takes them, but needs a person's
//! attention. The codes are listed in [`HealthCode`]; `docs/tasks.md` says what to do about each.

mod judge;
mod pulse;
mod window;

use std::fmt;

use crate::reason::codes;

#[cfg(feature = "inbox")]
pub(crate) use judge::span;
pub(crate) use judge::{AllowlistState, HealthState, KeysState, judge};
pub(crate) use pulse::Pulse;

/// Whether deliveries can be taken, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    reasons: Vec<HealthReason>,
}

/// The level of health, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// All is well.
    Ready,
    /// Deliveries are taken, but a person should investigate.
    Degraded,
    /// No delivery can be taken, or no event run.
    Failing,
}

/// A problem that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReason {
    code: HealthCode,
    status: HealthStatus,
    subject: String,
    detail: String,
}

/// The kind of a problem; its [code](Self::code) is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HealthCode {
    /// The store or inbox does not answer, or it answers but the last deliveries could not use it.
    StoreOutOfReach,
    /// The store or inbox recently had no room for a new event.
    StoreFull,
    /// Every key has expired, or will have within a day.
    KeysExpired,
    /// No key has signed the last deliveries.
    KeysSilent,
    /// The allowlist admits nobody: no host name has an address, no feed was read lately, and no network is on it.
    AllowlistUnresolved,
    /// Host names or feeds of the allowlist were not looked up for a while.
    AllowlistStale,
    /// Authentic deliveries are all off by about as much, so the clock is suspected.
    ClockSuspected,
    /// So many deliveries fail that at twice the share, the sender will pause the endpoint.
    FailureShare,
    /// The provider's entries are not taken from the inbox because somebody has paused it.
    Paused,
    /// There are events in the dead letters.
    DeadLetters,
    /// The worker is not running.
    WorkerStopped,
    /// Every place of the worker has been taken for a while.
    WorkerBusy,
    /// It is shutting down.
    Draining,
}

impl HealthCode {
    codes! {
        /// Every code.
        pub const ALL;
        /// The code as a single stable word.
        pub fn code {
            StoreOutOfReach => "store_out_of_reach",
            StoreFull => "store_full",
            KeysExpired => "keys_expired",
            KeysSilent => "keys_silent",
            AllowlistUnresolved => "allowlist_unresolved",
            AllowlistStale => "allowlist_stale",
            ClockSuspected => "clock_suspected",
            FailureShare => "failure_share",
            Paused => "paused",
            DeadLetters => "dead_letters",
            WorkerStopped => "worker_stopped",
            WorkerBusy => "worker_busy",
            Draining => "draining",
        }
    }
}

impl Health {
    /// The worst of its reasons.
    pub fn status(&self) -> HealthStatus {
        let worst = self.reasons.iter().map(|reason| reason.status).max();
        worst.unwrap_or(HealthStatus::Ready)
    }

    /// Whether deliveries can be taken: it is not failing.
    pub fn is_ready(&self) -> bool {
        self.status() < HealthStatus::Failing
    }

    /// The problems, the worst first.
    pub fn reasons(&self) -> &[HealthReason] {
        &self.reasons
    }

    /// Combines both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.reasons.extend(other.reasons);
        self.sorted()
    }

    pub(crate) fn add(
        &mut self,
        code: HealthCode,
        status: HealthStatus,
        subject: &str,
        detail: impl Into<String>,
    ) {
        self.reasons.push(HealthReason {
            code,
            status,
            subject: subject.to_owned(),
            detail: detail.into(),
        });
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.status));
        self
    }
}

impl HealthReason {
    /// The kind of the problem.
    pub fn code(&self) -> HealthCode {
        self.code
    }

    /// The severity of the problem.
    pub fn status(&self) -> HealthStatus {
        self.status
    }

    /// What has the problem: a provider, with its consumer if that has a name; `worker` or `inbox`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// A description for a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        })
    }
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            status,
            subject,
            detail,
        } = self;
        write!(f, "{status} {subject} {}: {detail}", code.code())
    }
}

impl fmt::Display for Health {
    /// The status, and a line for each reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status())?;
        for reason in &self.reasons {
            write!(f, "\n{reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_codes_are_the_promised_ones() {
        let page = include_str!("../../docs/stability.md");
        let (_, section) = page.split_once("\n## Codes of health\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let promised: BTreeSet<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let codes: BTreeSet<_> = HealthCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(codes, promised);
        assert_eq!(codes.len(), HealthCode::ALL.len());
    }

    #[test]
    fn several_are_as_bad_as_the_worst_and_tell_it_first() {
        let mut degraded = Health::default();
        degraded.add(HealthCode::Paused, HealthStatus::Degraded, "acme", "paused");
        assert!(degraded.is_ready());
        let mut failing = Health::default();
        failing.add(
            HealthCode::Draining,
            HealthStatus::Failing,
            "stripe",
            "it ends",
        );
        let both = degraded.and(Health::default()).and(failing);
        assert!(!both.is_ready());
        assert_eq!(
            both.to_string(),
            "failing\nfailing stripe draining: it ends\ndegraded acme paused: paused"
        );
    }
}
