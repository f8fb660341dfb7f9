//! Limits how often the entries of a provider, or of one order key, are taken.

use std::fmt;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::Name;

/// This many entries in this much time. After a pause, all of them may be taken at once; then one
/// each time its share of the time has passed.
///
/// It is a leaky bucket (the generic cell rate algorithm of ITU-T I.371, 1996, as a virtual
/// schedule): one point in time is all that is stored of the past.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::inbox::Rate;
///
/// let rate = Rate::new(100, Duration::from_secs(60))?;
/// assert_eq!(rate.to_string(), "100 in 60s");
/// assert!(Rate::new(0, Duration::from_secs(60)).is_err());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    entries: u32,
    per: Duration,
}

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(86_400);
/// Two consecutive takes may have read the clock in the opposite order, by less than this.
const SPARE: Duration = Duration::from_secs(10);

impl Rate {
    /// This many entries in this time.
    ///
    /// # Errors
    ///
    /// Zero entries (pause the provider instead). A time below a millisecond or above a day. More
    /// than one entry per microsecond.
    pub fn new(entries: u32, per: Duration) -> Result<Self, ConfigError> {
        let refused = |text: &'static str| Err(ConfigError::new(ConfigErrorKind::Limit, text));
        if entries == 0 {
            return refused("a rate of no entries: pause the provider instead");
        }
        if !(SHORTEST..=LONGEST).contains(&per) {
            return refused("the time of a rate is from a millisecond to a day");
        }
        if u128::from(entries) > per.as_micros() {
            return refused("a rate is at most one entry in a microsecond");
        }
        Ok(Self { entries, per })
    }

    /// The number of entries.
    pub fn entries(self) -> u32 {
        self.entries
    }

    /// The time that they are limited to.
    pub fn per(self) -> Duration {
        self.per
    }

    /// The share of one entry in the time, rounded up to a microsecond.
    fn share(self) -> Duration {
        let micros = self.per.as_micros().div_ceil(u128::from(self.entries));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The latest end of usage that still allows one more entry.
    pub(crate) fn may_be_used_until(self, now: UnixTime) -> UnixTime {
        now.saturating_add(self.all().saturating_sub(self.share()))
    }

    /// A usage that ends later than this is of a longer rate that was set before, or of a clock
    /// that was set back since: it counts as none.
    pub(crate) fn is_used_until(self, now: UnixTime) -> UnixTime {
        now.saturating_add(self.all()).saturating_add(SPARE)
    }

    /// The shares of all entries together.
    fn all(self) -> Duration {
        self.share().saturating_mul(self.entries)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}", self.entries, self.per)
    }
}

/// The scope of a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RateOf {
    /// All entries of a provider together.
    Provider,
    /// The entries of each order key of a provider.
    EachOrderKey,
}

impl RateOf {
    /// The scope as one stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::EachOrderKey => "each_order_key",
        }
    }
}

/// A rate that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateView {
    /// The provider whose entries it holds back.
    pub provider: Name,
    /// Its scope.
    pub of: RateOf,
    /// How many events may run in which time.
    pub rate: Rate,
    /// When the next entry may be taken, if the rate is for the whole provider.
    pub next: Option<UnixTime>,
}

impl RateView {
    /// A rate that is set; `used_until` is its stored usage, if it is for the whole provider.
    pub fn new(provider: Name, of: RateOf, rate: Rate, used_until: UnixTime) -> Self {
        let limit = Limit::new(rate, used_until);
        Self {
            provider,
            of,
            rate,
            next: (of == RateOf::Provider).then(|| limit.next()),
        }
    }
}

/// A rate with its usage so far.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::UnixTime;
/// use tower_webhook::inbox::{Limit, Rate};
///
/// let (rate, now) = (Rate::new(2, Duration::from_secs(60))?, UnixTime::now());
/// let mut limit = Limit::new(rate, UnixTime::EPOCH);
/// while limit.lets(now) {
///     limit.take_one(now);
/// }
/// assert_eq!(limit.left(now), 0);
/// assert_eq!(limit.left(now.saturating_add(Duration::from_secs(30))), 1);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// How many events may run in which time.
    pub rate: Rate,
    /// Until when earlier takes use the rate up: the only stored usage. The epoch if there was none.
    pub used_until: UnixTime,
}

impl Limit {
    /// A rate with this usage.
    pub fn new(rate: Rate, used_until: UnixTime) -> Self {
        Self { rate, used_until }
    }

    /// When one more entry may be taken.
    pub fn next(&self) -> UnixTime {
        let slack = self.rate.all().saturating_sub(self.rate.share());
        self.used_until.saturating_sub(slack)
    }

    /// Whether one more entry may be taken now. A usage that ends later than the rate allows is of
    /// another rate, or of a clock that was set back since: it counts as none.
    pub fn lets(&self, now: UnixTime) -> bool {
        self.used(now) <= self.rate.may_be_used_until(now)
    }

    fn used(&self, now: UnixTime) -> UnixTime {
        match self.used_until > self.rate.is_used_until(now) {
            true => UnixTime::EPOCH,
            false => self.used_until,
        }
    }

    /// Uses the share of one more entry.
    pub fn take_one(&mut self, now: UnixTime) {
        self.used_until = self.used(now).max(now).saturating_add(self.rate.share());
    }

    /// How many entries may be taken now.
    pub fn left(&self, now: UnixTime) -> usize {
        let used = self.used(now).saturating_since(now);
        let left = self.rate.all().saturating_sub(used).as_micros();
        let share = self.rate.share().as_micros().max(1);
        usize::try_from(left / share).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> UnixTime {
        UnixTime::from_micros((1_777_899_600_000 + millis) * 1_000)
    }

    fn limit(entries: u32, millis: u64) -> Limit {
        let rate = Rate::new(entries, Duration::from_millis(millis)).unwrap();
        Limit::new(rate, UnixTime::EPOCH)
    }

    fn takes(limit: &mut Limit, now: UnixTime) -> usize {
        let mut taken = 0;
        while limit.lets(now) {
            limit.take_one(now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn as_many_as_the_rate_says_are_taken_at_once_and_then_one_after_the_other() {
        let mut limit = limit(4, 1_000);
        assert_eq!(limit.left(at(0)), 4);
        assert_eq!(takes(&mut limit, at(0)), 4);
        assert_eq!((limit.left(at(0)), limit.next()), (0, at(250)));
        assert_eq!(takes(&mut limit, at(249)), 0);
        assert_eq!(takes(&mut limit, at(250)), 1);
        assert_eq!(takes(&mut limit, at(1_000)), 3);
        // A long pause saves up no more than one full rate.
        assert_eq!(takes(&mut limit, at(60_000)), 4);
    }

    #[test]
    fn what_a_longer_rate_was_used_or_by_a_clock_that_was_ahead_holds_nothing_back() {
        let day = 86_400_000;
        let mut limit = limit(2, 1_000);
        limit.used_until = at(day);
        assert_eq!((limit.left(at(0)), takes(&mut limit, at(0))), (2, 2));
        assert_eq!(takes(&mut limit, at(499)), 0);
        // A few seconds are not a clock step: two takes may pass each other.
        limit.used_until = at(9_000);
        assert_eq!((limit.left(at(0)), takes(&mut limit, at(0))), (0, 0));
    }

    #[test]
    fn a_rate_that_cannot_work_is_refused() {
        for (entries, per) in [
            (0, Duration::from_secs(1)),
            (1, Duration::from_micros(999)),
            (1, Duration::from_secs(86_401)),
            (1_001, Duration::from_millis(1)),
        ] {
            assert!(Rate::new(entries, per).is_err(), "{entries} {per:?}");
        }
        assert!(Rate::new(1_000, Duration::from_millis(1)).is_ok());
    }

    proptest! {
        #[test]
        fn in_any_time_no_more_are_taken_than_twice_the_rate_and_what_is_left_can_be_taken(
            entries in 1..50_u32,
            millis in 1..5_000_u64,
            pauses in prop::collection::vec(0..3_000_u64, 1..60),
        ) {
            let mut limit = limit(entries, millis);
            let (mut now, mut all) = (0, Vec::new());
            for pause in pauses {
                now += pause;
                let left = limit.left(at(now));
                prop_assert!(left <= usize::try_from(entries).unwrap());
                prop_assert_eq!(takes(&mut limit, at(now)), left);
                all.push((now, left));
            }
            // The saved-up entries plus the shares of the time.
            for (start, _) in &all {
                let within = all.iter().filter(|(at, _)| (*start..start + millis).contains(at));
                let taken: usize = within.map(|(_, taken)| taken).sum();
                prop_assert!(taken <= usize::try_from(entries * 2).unwrap());
            }
        }
    }
}
