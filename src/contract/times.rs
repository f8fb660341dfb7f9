//! How long an event is remembered, claimed and renewed, depending on how its sender delivers.

use std::time::Duration;

use super::schedule::SHORTEST_LEASE;
use super::{DAY, HOUR, MINUTE, SenderContract};
use crate::clock::Tolerance;
use crate::error::{ConfigError, ConfigErrorKind};

/// Limits of the settings, so that no sum of times overflows.
const LONGEST_RETENTION: Duration = Duration::from_secs(3_653 * 86_400);
const LONGEST_CEILING: Duration = Duration::from_secs(7 * 86_400);

impl SenderContract {
    /// How long a record is kept by default: 30 days if old events can come back (by hand, or
    /// because a captured delivery has no signed time to grow stale by), else 72 hours.
    pub fn default_retention(&self) -> Duration {
        let usual = if self.redelivery_by_hand || self.signed_time.is_none() {
            30 * DAY
        } else {
            72 * HOUR
        };
        usual.max(self.least_retention())
    }

    fn least_retention(&self) -> Duration {
        let horizon = self.schedule.horizon();
        let tolerance = self.signed_time.map_or(0, Tolerance::as_secs);
        let window = Duration::from_secs(tolerance);
        (horizon.saturating_mul(3) / 2)
            .max(window.saturating_mul(2))
            .max(MINUTE)
    }

    pub(crate) fn check_retention(&self, retention: Duration) -> Result<Duration, ConfigError> {
        let least = self.least_retention();
        if retention > LONGEST_RETENTION {
            return Err(ConfigError::new(
                ConfigErrorKind::Retention,
                format!("{retention:?} is more than the {LONGEST_RETENTION:?} of ten years"),
            ));
        }
        if retention < least {
            return Err(ConfigError::new(
                ConfigErrorKind::Retention,
                format!(
                    "{retention:?} is less than {least:?}, which 1.5 times the sender's retry \
                     horizon, twice the tolerance and a minute ask for: keep records for at least that"
                ),
            ));
        }
        Ok(retention)
    }

    /// Checks that a request has enough time to be handled.
    pub(crate) fn check_deadline(&self) -> Result<(), ConfigError> {
        let least = Duration::from_millis(100);
        if self.deadline() < least {
            return Err(ConfigError::new(
                ConfigErrorKind::Contract,
                format!(
                    "four fifths of a time to answer of {:?} are less than {least:?}",
                    self.time_to_answer
                ),
            ));
        }
        Ok(())
    }

    /// How long a claim lasts without renewal by default: 15 s, or the sender's retry interval or
    /// the renewal ceiling if one of them is shorter, and at least 1 s.
    pub fn default_lease(&self) -> Duration {
        let usual = Duration::from_secs(15).min(self.default_renewal_ceiling());
        self.schedule
            .longest_lease()
            .map_or(usual, |longest| usual.min(longest))
            .max(SHORTEST_LEASE)
    }

    pub(crate) fn check_lease(&self, lease: Duration) -> Result<Duration, ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Lease, message));
        let horizon = self.schedule.horizon();
        if self.retries_at_all() && horizon <= 2 * SHORTEST_LEASE {
            return refused(format!(
                "this sender gives up after {horizon:?}, which leaves no room for a lease of \
                 {SHORTEST_LEASE:?}: say that it never retries"
            ));
        }
        if lease < SHORTEST_LEASE {
            return refused(format!(
                "{lease:?} is less than {SHORTEST_LEASE:?}: give at least that"
            ));
        }
        if lease > HOUR {
            return refused(format!(
                "{lease:?} is more than {HOUR:?}: give at most that"
            ));
        }
        match self.schedule.longest_lease() {
            Some(longest) if lease > longest => refused(format!(
                "{lease:?} is more than the {longest:?} between two attempts of this sender: a \
                 receiver that dies must not hold an event for longer"
            )),
            _ => Ok(lease),
        }
    }

    /// How long a claim is renewed in all by default: two fifths of the retry horizon and at most
    /// 15 minutes; 15 minutes if the sender does not retry.
    pub fn default_renewal_ceiling(&self) -> Duration {
        let usual = 15 * MINUTE;
        if self.retries_at_all() {
            usual.min(self.schedule.horizon().saturating_mul(2) / 5)
        } else {
            usual
        }
    }

    pub(crate) fn check_renewal_ceiling(
        &self,
        ceiling: Duration,
        lease: Duration,
    ) -> Result<Duration, ConfigError> {
        let refused = |message| Err(ConfigError::new(ConfigErrorKind::Lease, message));
        if ceiling < lease {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is less than the lease of {lease:?}: raise it, or \
                 shorten the lease"
            ));
        }
        if ceiling > LONGEST_CEILING {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is more than {LONGEST_CEILING:?}"
            ));
        }
        let half = self.schedule.horizon() / 2;
        if self.retries_at_all() && ceiling >= half {
            return refused(format!(
                "the renewal ceiling of {ceiling:?} is not under {half:?}, half of this sender's \
                 retry horizon: the event would be held until the sender has given up"
            ));
        }
        Ok(ceiling)
    }
}
