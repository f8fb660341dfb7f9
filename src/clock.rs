//! Time as a value, and the window in which a signed time is accepted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::error::{ConfigError, ConfigErrorKind};

/// A moment on the Unix clock, never before 1970.
///
/// It holds every whole second that fits a `u64`, so a hostile timestamp of nineteen digits is a
/// value like any other. All arithmetic saturates.
///
/// ```
/// use tower_webhook::UnixTime;
///
/// let signed = UnixTime::from_secs(1_614_265_330);
/// assert!(signed < UnixTime::now());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Duration);

impl UnixTime {
    /// The first moment: 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The moment this many seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The moment this many microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// The present time of the system's clock.
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// Whole microseconds since the epoch, at most `u64::MAX`.
    pub fn as_micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    /// The whole second in UTC, in the format of RFC 3339; for a moment after the year 9999, the
    /// number of seconds, as in `Display`.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    ///
    /// assert_eq!(UnixTime::from_secs(1_777_899_600).to_rfc3339(), "2026-05-04T13:00:00Z");
    /// assert_eq!(UnixTime::from_secs(u64::MAX).to_rfc3339(), u64::MAX.to_string());
    /// ```
    pub fn to_rfc3339(self) -> String {
        let seconds = i64::try_from(self.as_secs()).ok();
        let Some(date) = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()) else {
            return self.to_string();
        };
        let (hour, minute, second) = date.to_hms();
        format!("{}T{hour:02}:{minute:02}:{second:02}Z", date.date())
    }

    /// This moment plus `span`, or the last moment there is.
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// This moment minus `span`, or the epoch.
    #[must_use]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// The time since `earlier`, or zero if `earlier` is later.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::UnixTime;
    ///
    /// let (minute, noon) = (Duration::from_secs(60), UnixTime::from_secs(1_777_896_000));
    /// assert_eq!(noon.saturating_since(noon.saturating_sub(minute)), minute);
    /// assert_eq!(noon.saturating_since(noon.saturating_add(minute)), Duration::ZERO);
    /// assert_eq!(noon.to_system_time().map(UnixTime::from), Some(noon));
    /// ```
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The same moment as a [`SystemTime`], if the platform can represent it.
    pub fn to_system_time(self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(self.0)
    }
}

impl From<SystemTime> for UnixTime {
    /// A time before 1970 becomes the epoch.
    fn from(time: SystemTime) -> Self {
        Self(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "UnixTime({}.{:06})",
            self.0.as_secs(),
            self.0.subsec_micros()
        )
    }
}

impl fmt::Display for UnixTime {
    /// Whole seconds, as senders write them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_secs().fmt(f)
    }
}

/// A source of the time.
///
/// Decisions in this crate take the time as an argument; the layers get it from a `Clock`.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        UnixTime::now()
    }
}

/// A clock that moves only when it is set, for tests. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::{Clock, ManualClock, UnixTime};
///
/// let clock = ManualClock::new(UnixTime::from_secs(1_000));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), UnixTime::from_secs(1_005));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `now`, to the microsecond.
    pub fn new(now: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_micros())))
    }

    /// Shows another time from now on.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves the time forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().saturating_add(span));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// How far a signed time may differ from the receiver's own, in both directions, inclusive.
///
/// Five minutes by default, as in BlendFi, Stripe and the Standard Webhooks libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tolerance(u64);

impl Tolerance {
    /// Five minutes.
    pub const DEFAULT: Self = Self(300);
    const MAX_SECS: u64 = 86_400;

    /// A tolerance of whole seconds.
    ///
    /// # Errors
    ///
    /// `secs` is zero, which would refuse every delivery, or more than a day, which would no longer
    /// be a replay window.
    pub fn from_secs(secs: u64) -> Result<Self, ConfigError> {
        if (1..=Self::MAX_SECS).contains(&secs) {
            Ok(Self(secs))
        } else {
            Err(ConfigError::new(
                ConfigErrorKind::Tolerance,
                format!("{secs} s is outside 1 to {} s", Self::MAX_SECS),
            ))
        }
    }

    /// The tolerance in seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Checks that `signed` lies in the window around `now`, compared in whole seconds.
    pub(crate) fn check(self, signed: UnixTime, now: UnixTime) -> Result<(), Skew> {
        let (signed, now) = (signed.as_secs(), now.as_secs());
        if now.saturating_sub(signed) > self.0 {
            Err(Skew::Old(now.saturating_sub(signed)))
        } else if signed.saturating_sub(now) > self.0 {
            Err(Skew::Ahead(signed.saturating_sub(now)))
        } else {
            Ok(())
        }
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// By how many seconds a signed time missed the receiver's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skew {
    Old(u64),
    Ahead(u64),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_is_inclusive_on_both_sides_and_saturates() {
        let window = Tolerance::DEFAULT;
        let at = |signed: u64, now: u64| {
            window.check(UnixTime::from_secs(signed), UnixTime::from_secs(now))
        };
        assert_eq!(at(1_000, 1_300), Ok(()));
        assert_eq!(at(1_000, 1_301), Err(Skew::Old(301)));
        assert_eq!(at(1_300, 1_000), Ok(()));
        assert_eq!(at(1_301, 1_000), Err(Skew::Ahead(301)));
        assert_eq!(at(0, 300), Ok(()));
        assert_eq!(at(300, 0), Ok(()));
        assert_eq!(at(u64::MAX, 0), Err(Skew::Ahead(u64::MAX)));
        assert_eq!(at(0, u64::MAX), Err(Skew::Old(u64::MAX)));
        assert_eq!(at(u64::MAX, u64::MAX), Ok(()));
    }

    #[test]
    fn a_fraction_of_a_second_does_not_narrow_the_window() {
        let now = UnixTime::from_micros(1_300_999_999);
        assert_eq!(
            Tolerance::DEFAULT.check(UnixTime::from_secs(1_000), now),
            Ok(())
        );
    }

    #[test]
    fn a_tolerance_is_at_least_a_second_and_at_most_a_day() {
        assert!(Tolerance::from_secs(0).is_err());
        let day = Tolerance::from_secs(86_400).unwrap();
        assert_eq!(day.as_secs(), 86_400);
        assert_eq!(
            Tolerance::from_secs(86_401).unwrap_err().to_string(),
            "tolerance: 86401 s is outside 1 to 86400 s"
        );
    }

    #[test]
    fn no_time_is_out_of_range() {
        let last = UnixTime::from_secs(u64::MAX);
        assert_eq!(last.as_micros(), u64::MAX);
        assert!(last.saturating_add(Duration::MAX) >= last);
        assert_eq!(
            UnixTime::EPOCH.saturating_sub(Duration::MAX),
            UnixTime::EPOCH
        );
        assert_eq!(last.to_system_time(), None);
        let moment = UnixTime::from_micros(1_500_000_250);
        let then = SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_000_250);
        assert_eq!(moment.to_system_time(), Some(then));
        assert_eq!(UnixTime::from(then), moment);
        assert_eq!(format!("{moment:?} {moment}"), "UnixTime(1500.000250) 1500");
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(UnixTime::from(before), UnixTime::EPOCH);
    }

    #[test]
    fn a_manual_clock_moves_when_told_to_and_for_all_clones() {
        let clock = ManualClock::new(UnixTime::from_secs(1_000));
        let shared = clock.clone();
        clock.advance(Duration::from_secs(5));
        assert_eq!(shared.now(), UnixTime::from_secs(1_005));
        clock.set(UnixTime::from_secs(7));
        assert_eq!(shared.now(), UnixTime::from_secs(7));
    }

    /// Times near both ends of the range of a `u64`, and near each other.
    fn near() -> impl Strategy<Value = u64> {
        let away = 0_u64..200_000;
        prop_oneof![
            away.clone(),
            away.clone().prop_map(|n| u64::MAX - n),
            away.prop_map(|n| u64::MAX / 2 + n),
            any::<u64>(),
        ]
    }

    proptest! {
        #[test]
        fn the_window_is_a_distance_at_both_ends_of_time(
            signed in near(), now in near(), secs in 1_u64..=86_400,
        ) {
            // With numbers that can't overflow.
            let (past, tolerance) = (i128::from(now) - i128::from(signed), i128::from(secs));
            let expected = if past > tolerance {
                Err(Skew::Old(u64::try_from(past).unwrap()))
            } else if -past > tolerance {
                Err(Skew::Ahead(u64::try_from(-past).unwrap()))
            } else {
                Ok(())
            };
            let window = Tolerance::from_secs(secs).unwrap();
            let check = window.check(UnixTime::from_secs(signed), UnixTime::from_secs(now));
            prop_assert_eq!(check, expected);
        }

        #[test]
        fn arithmetic_stays_between_the_ends_of_time(a in near(), b in near()) {
            let (x, y) = (UnixTime::from_secs(a), UnixTime::from_secs(b));
            let span = Duration::from_secs(b);
            prop_assert_eq!(x.saturating_add(span).as_secs(), a.saturating_add(b));
            prop_assert_eq!(x.saturating_sub(span).as_secs(), a.saturating_sub(b));
            prop_assert_eq!(x.saturating_since(y).as_secs(), a.saturating_sub(b));
            prop_assert_eq!(x.as_micros(), a.saturating_mul(1_000_000));
            prop_assert_eq!(UnixTime::from_micros(a).as_micros(), a);
            prop_assert_eq!(x.to_string(), a.to_string());
        }
    }
}
