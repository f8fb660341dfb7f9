//! Detects whether the clock of a server advances at the same rate as ours.
//!
//! Each answer holds the time of the server. Compared with our monotonic clock, it gives the
//! difference between the two, up to the duration of the call. If that difference suddenly changes by
//! more than calls and drift explain, a clock has been stepped.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::UnixTime;

/// A smaller change is no step: leases last seconds.
const STEP: u64 = 1_000_000;
/// The same step again within this time is seen on another partition of the same server.
const SAME: Duration = Duration::from_secs(600);
const UNKNOWN: i64 = i64::MIN;

/// How far the clock of a server is ahead of ours, for each partition of a cluster.
pub(in crate::store) struct ServerClock {
    since: Instant,
    /// In microseconds.
    ahead: Box<[AtomicI64]>,
    told: Mutex<Option<(Instant, i64)>>,
}

impl ServerClock {
    /// For one server, or for this many partitions, which may be on several servers.
    pub(in crate::store) fn new(partitions: u32) -> Self {
        let partitions = partitions.max(1);
        Self {
            since: Instant::now(),
            ahead: (0..partitions).map(|_| AtomicI64::new(UNKNOWN)).collect(),
            told: Mutex::default(),
        }
    }

    /// Notes the server time `told` in the answer to a call, given when the call was sent and
    /// answered. Returns by how many microseconds the clock has moved, once for each step.
    pub(in crate::store) fn step(
        &self,
        partition: u32,
        sent: Instant,
        told: UnixTime,
    ) -> Option<i64> {
        self.step_at(partition, sent, Instant::now(), told)
    }

    fn step_at(
        &self,
        partition: u32,
        sent: Instant,
        answered: Instant,
        told: UnixTime,
    ) -> Option<i64> {
        let place = usize::try_from(partition).ok()?;
        let ahead = self.ahead.get(place).or_else(|| self.ahead.first())?;
        let told = i64::try_from(told.as_micros()).ok()?;
        let apart = |moment: Instant| told.saturating_sub(self.micros(moment));
        // The server read its clock after the call was sent and before the answer arrived.
        let (least, most) = (apart(answered), apart(sent));
        let before = ahead.load(Ordering::Relaxed);
        if (least..=most).contains(&before) {
            return None;
        }
        let after = if before < least { least } else { most };
        let moved = after.saturating_sub(before);
        if before == UNKNOWN || moved.unsigned_abs() < STEP {
            ahead.store(after, Ordering::Relaxed);
            return None;
        }
        // Of several calls that see the step, one reports it.
        ahead
            .compare_exchange(before, after, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        self.is_news(answered, moved).then_some(moved)
    }

    /// The server's time at this moment, or slightly less; `None` if no call has reported one yet.
    #[cfg(all(feature = "redis", feature = "inbox"))]
    pub(in crate::store) fn shown(&self, partition: u32, moment: Instant) -> Option<UnixTime> {
        let ahead = self.ahead.get(usize::try_from(partition).ok()?)?;
        let ahead = ahead.load(Ordering::Relaxed);
        let micros = self
            .micros(moment)
            .checked_add(ahead)
            .filter(|_| ahead != UNKNOWN)?;
        u64::try_from(micros).ok().map(UnixTime::from_micros)
    }

    fn is_news(&self, now: Instant, moved: i64) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let several = self.ahead.len() > 1;
        let is_same = told.is_some_and(|(when, step)| {
            several
                && now.saturating_duration_since(when) < SAME
                && moved.saturating_sub(step).unsigned_abs() < STEP
        });
        *told = Some((now, moved));
        !is_same
    }

    fn micros(&self, moment: Instant) -> i64 {
        let span = moment.saturating_duration_since(self.since);
        i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerClock")
    }
}

/// Logs that the clock of a server of this kind has moved by this many microseconds.
pub(in crate::store) fn log(kind: &'static str, server: &impl fmt::Display, moved: i64) {
    let seconds = moved / 1_000_000;
    let why = "it was set, or another server has taken over, or this machine has slept";
    if moved > 0 {
        tracing::warn!(
            target: "tower_webhook",
            %server,
            seconds,
            "the clock of {kind} has gone forward at once: {why}. Leases may have ended early, and two \
             receivers may be at work on one event"
        );
    } else {
        tracing::warn!(
            target: "tower_webhook",
            %server,
            seconds,
            "the clock of {kind} has gone back at once: {why}. Records are kept longer by as much"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000_000;

    struct Story(ServerClock, Instant);

    impl Story {
        fn new(partitions: u32) -> Self {
            let clock = ServerClock::new(partitions);
            let since = clock.since;
            Self(clock, since)
        }

        /// A call from `sent` to `answered` that reported `told`, all in milliseconds since the
        /// start.
        fn call(&self, partition: u32, sent: u64, answered: u64, told: i64) -> Option<i64> {
            let at = |millis| self.1 + Duration::from_millis(millis);
            let told = UnixTime::from_micros(START.saturating_add_signed(told * 1_000));
            self.0.step_at(partition, at(sent), at(answered), told)
        }
    }

    #[cfg(all(feature = "redis", feature = "inbox"))]
    #[test]
    fn what_the_clock_showed_is_never_told_as_later_than_it_was() {
        let story = Story::new(2);
        let shown = |partition, millis| {
            let moment = story.1 + Duration::from_millis(millis);
            Some(story.0.shown(partition, moment)?.as_micros() - START)
        };
        assert_eq!(shown(0, 0), None);
        // The server's clock was read at some moment during the call.
        assert_eq!(story.call(0, 10, 30, 525), None);
        assert_eq!(shown(0, 30), Some(525_000));
        assert_eq!(shown(0, 5), Some(500_000));
        assert_eq!(shown(1, 5), None, "another server's");
        // A shorter call is more precise.
        assert_eq!(story.call(0, 40, 42, 550), None);
        assert_eq!(shown(0, 42), Some(550_000));
    }

    #[test]
    fn a_step_is_told_once() {
        let story = Story::new(1);
        assert_eq!(story.call(0, 0, 10, 5), None, "the first");
        assert_eq!(story.call(0, 1_000, 1_010, 1_004), None);
        assert_eq!(story.call(0, 2_000, 7_000, 6_900), None, "a slow call");
        let back = story.call(0, 8_000, 8_010, 8_005 - 3_600_000).unwrap();
        assert_eq!(back / 1_000_000, -3_599, "as far as calls can tell");
        assert_eq!(story.call(0, 9_000, 9_010, 9_005 - 3_600_000), None);
        let forth = story.call(0, 9_100, 9_110, 9_105).unwrap();
        assert_eq!(forth / 1_000_000, 3_599);
        assert_eq!(story.call(0, 9_200, 9_210, 9_205), None);
    }

    #[test]
    fn drift_is_no_step() {
        let story = Story::new(1);
        for call in 0..1_000 {
            let told = i64::try_from(call * 1_001).unwrap();
            assert_eq!(story.call(0, call * 1_000, call * 1_000 + 1, told), None);
        }
    }

    #[test]
    fn servers_of_a_cluster_may_differ_and_step_alone() {
        let story = Story::new(3);
        assert_eq!(story.call(0, 0, 10, 5), None);
        assert_eq!(story.call(1, 0, 10, 60_000), None);
        assert_eq!(story.call(2, 0, 10, 60_000), None);
        assert!(story.call(1, 100, 110, 90_105).is_some());
        assert_eq!(story.call(2, 200, 210, 90_205), None, "of the same server");
        assert!(story.call(0, 300, 310, -89_695).is_some());
    }
}
