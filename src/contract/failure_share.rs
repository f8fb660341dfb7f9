use std::time::Duration;

use crate::error::{ConfigError, ConfigErrorKind};

const HOUR: Duration = Duration::from_secs(3_600);
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// When a sender pauses an endpoint, or gives it up: at this share of failed deliveries.
///
/// [Health](crate::health) raises the alarm at half of it, while there is time to act.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::{FailureShare, RetriedStatuses, RetrySchedule, SenderContract};
///
/// // 95 of 100 in an hour, if there were at least a thousand.
/// let share = FailureShare::percent(95)?.within(Duration::from_secs(3_600))?.of_at_least(1_000);
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).pauses_at(share);
/// let known = contract.failure_share();
/// assert_eq!((known.pause_percent(), known.alarm_percent()), (95, 47.5));
/// assert_eq!((known.window().as_secs(), known.least_deliveries()), (3_600, 1_000));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureShare {
    percent: u8,
    window: Duration,
    at_least: u32,
}

impl FailureShare {
    /// For a sender that states none: half of the deliveries of an hour, if there were at least
    /// twenty.
    pub(super) const ASSUMED: Self = Self {
        percent: 50,
        window: HOUR,
        at_least: 20,
    };

    /// All deliveries, `in_a_row` times.
    #[cfg(any(test, feature = "senders"))]
    pub(crate) const fn all(in_a_row: u32, window: Duration) -> Self {
        Self {
            percent: 100,
            window,
            at_least: in_a_row,
        }
    }

    /// The same as a constant, for presets.
    pub(crate) const fn known(percent: u8, window: Duration, at_least: u32) -> Self {
        Self {
            percent,
            window,
            at_least,
        }
    }

    /// This percentage of the deliveries within an hour, if there were at least twenty.
    ///
    /// # Errors
    ///
    /// `percent` is zero or over a hundred.
    pub fn percent(percent: u8) -> Result<Self, ConfigError> {
        if !(1..=100).contains(&percent) {
            return Err(refused(format!(
                "{percent} failures of a hundred deliveries are no share: name one from 1 to 100"
            )));
        }
        Ok(Self {
            percent,
            ..Self::ASSUMED
        })
    }

    /// Counts over this span of time.
    ///
    /// # Errors
    ///
    /// It is less than a minute, or more than 30 days.
    pub fn within(mut self, window: Duration) -> Result<Self, ConfigError> {
        if window < Duration::from_secs(60) || window > LONGEST {
            return Err(refused(format!(
                "failures are counted over a minute at least and 30 days at most, not over {window:?}"
            )));
        }
        self.window = window;
        Ok(self)
    }

    /// Counts only if there were at least this many deliveries in that time.
    #[must_use]
    pub fn of_at_least(mut self, deliveries: u32) -> Self {
        self.at_least = deliveries;
        self
    }

    /// The share at which the sender pauses the endpoint, in percent.
    pub fn pause_percent(&self) -> u8 {
        self.percent
    }

    /// The share that raises the alarm, in percent: half of that.
    pub fn alarm_percent(&self) -> f64 {
        f64::from(self.percent) / 2.0
    }

    /// The span of time over which it is counted.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The least number of deliveries.
    pub fn least_deliveries(&self) -> u32 {
        self.at_least
    }

    /// Whether this many failures among this many deliveries raise the alarm: at half of the share,
    /// and with at least half as many deliveries.
    pub(crate) fn is_alarming(&self, failed: u64, total: u64) -> bool {
        let enough = total.saturating_mul(2) >= u64::from(self.at_least);
        let share = failed.saturating_mul(200) >= total.saturating_mul(self.percent.into());
        failed > 0 && enough && share
    }
}

fn refused(message: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Contract, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_share_is_refused() {
        for wrong in [0, 101] {
            let refused = FailureShare::percent(wrong).unwrap_err();
            assert_eq!(refused.kind(), ConfigErrorKind::Contract);
        }
        let half = FailureShare::percent(50).unwrap();
        assert!(half.within(Duration::from_secs(59)).is_err());
        assert!(half.within(LONGEST + Duration::from_secs(1)).is_err());
        assert!(half.within(Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn half_of_the_share_of_half_of_the_deliveries_is_alarming() {
        let share = FailureShare::percent(95).unwrap().of_at_least(1_000);
        // 47.5 percent.
        for (failed, total, expected) in [
            (475, 1_000, true),
            (474, 1_000, false),
            (238, 500, true),
            (237, 500, false),
            (499, 499, false),
            (0, 0, false),
        ] {
            assert_eq!(
                share.is_alarming(failed, total),
                expected,
                "{failed} of {total}"
            );
        }
        let in_a_row = FailureShare::all(8, HOUR);
        assert!(in_a_row.is_alarming(4, 4));
        assert!(!in_a_row.is_alarming(3, 3));
        assert!(!in_a_row.is_alarming(0, 100));
    }
}
