use std::time::Duration;

use crate::error::{ConfigError, ConfigErrorKind};

/// How long a worker leaves an event alone after a failed attempt: a random time between zero and a
/// limit that doubles from one attempt to the next, up to the longest.
///
/// This is "full jitter": of many events that fail together, as few as possible return together
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::worker::Backoff;
///
/// let backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(900))?;
/// assert_eq!(backoff.limit(1), Duration::from_secs(2));
/// assert_eq!(backoff.limit(3), Duration::from_secs(8));
/// assert_eq!(backoff.limit(30), Duration::from_secs(900));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

/// Beyond this, doubling always exceeds the longest delay.
const MOST_DOUBLINGS: u32 = 64;
/// A delay that a handler asks for is no longer either.
pub(super) const LONGEST: Duration = Duration::from_secs(7 * 86_400);

impl Default for Backoff {
    /// From 2 s to 15 minutes.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(15 * 60),
        }
    }
}

impl Backoff {
    /// Up to `first` after the first attempt, and never more than `longest`.
    ///
    /// # Errors
    ///
    /// The first limit is zero or longer than the longest, or the longest is more than a week.
    pub fn new(first: Duration, longest: Duration) -> Result<Self, ConfigError> {
        if first.is_zero() || first > longest || longest > LONGEST {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!(
                    "a delay from {first:?} up to {longest:?} is none: it begins above zero, grows, and \
                     ends at a week"
                ),
            ));
        }
        Ok(Self { first, longest })
    }

    /// The longest delay after this attempt, counted from 1.
    pub fn limit(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(MOST_DOUBLINGS);
        let factor = 1_u128.checked_shl(doublings).unwrap_or(u128::MAX);
        let nanos = self.first.as_nanos().saturating_mul(factor);
        u64::try_from(nanos).map_or(self.longest, |nanos| {
            Duration::from_nanos(nanos).min(self.longest)
        })
    }

    /// The delay after this attempt, for a random number.
    pub(super) fn delay(&self, attempt: u32, random: u64) -> Duration {
        let limit = self.limit(attempt).as_nanos();
        // This fraction of the limit, in units of 2^-64.
        let nanos = limit.saturating_mul(u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_no_delay_is_refused() {
        assert!(Backoff::new(SECOND, SECOND).is_ok());
        for (first, longest) in [(0, 1), (2, 1), (1, 604_801)] {
            let refused = Backoff::new(SECOND * first, SECOND * longest);
            assert_eq!(refused.unwrap_err().kind(), ConfigErrorKind::Limit);
        }
    }

    #[test]
    fn delays_spread_evenly_over_all_of_the_limit() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1, 0), Duration::ZERO);
        assert_eq!(backoff.delay(1, u64::MAX / 2 + 1), SECOND);
        assert!(backoff.delay(1, u64::MAX) > SECOND * 2 - Duration::from_micros(1));
        assert!(backoff.delay(u32::MAX, u64::MAX) > SECOND * 899);
    }

    proptest! {
        #[test]
        fn no_delay_is_longer_than_its_limit(attempt: u32, random: u64, first in 1_u64..5_000, more in 0_u64..5_000) {
            let millis = Duration::from_millis;
            let backoff = Backoff::new(millis(first), millis(first + more)).unwrap();
            prop_assert!(backoff.delay(attempt, random) <= backoff.limit(attempt));
            prop_assert!(backoff.limit(attempt) <= millis(first + more));
            prop_assert!(backoff.limit(attempt) <= backoff.limit(attempt.saturating_add(1)));
        }
    }
}
