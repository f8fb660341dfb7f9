//! When a sender makes its next attempt.

use std::time::Duration;

use crate::contract::RetrySchedule;
use crate::testing::random::Random;

/// The times between the attempts at one event.
#[derive(Debug)]
pub(super) struct Waits {
    schedule: RetrySchedule,
    random: Random,
    /// The number of attempts made, and the next wait without jitter.
    made: u32,
    wait: Duration,
    /// The sum of all waits, without jitter.
    waited: Duration,
}

impl Waits {
    pub(super) fn new(schedule: RetrySchedule, seed: u64) -> Self {
        Self {
            wait: schedule.interval().unwrap_or_default(),
            schedule,
            random: Random::new(seed),
            made: 1,
            waited: Duration::ZERO,
        }
    }

    /// The wait plus up to a half of it.
    fn with_jitter(&mut self, wait: Duration) -> Duration {
        let thousandths = u32::try_from(self.random.number() % 500).unwrap_or_default();
        wait.saturating_add((wait / 1_000).saturating_mul(thousandths))
    }
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if let RetrySchedule::Listed(waits) = &self.schedule {
            let made = usize::try_from(self.made).unwrap_or(usize::MAX);
            self.made = self.made.saturating_add(1);
            // The first attempt has been made already.
            return waits.get(made.saturating_sub(1)).copied();
        }
        let wait = self.wait;
        let waited = self.waited.saturating_add(wait);
        let (goes_on, grows) = match self.schedule {
            RetrySchedule::Never | RetrySchedule::Listed(_) => (false, false),
            RetrySchedule::Fixed { attempts, .. } => (self.made < attempts, false),
            RetrySchedule::Exponential { attempts, .. } => (self.made < attempts, true),
            RetrySchedule::Unstated { horizon, .. } => (waited <= horizon, true),
        };
        if !goes_on {
            return None;
        }
        self.made = self.made.saturating_add(1);
        self.waited = waited;
        if !grows {
            return Some(wait);
        }
        self.wait = wait.saturating_mul(2);
        Some(self.with_jitter(wait))
    }
}
