//! The outcomes of an endpoint's deliveries, minute by minute.

use std::time::Duration;

use crate::clock::UnixTime;
use crate::observer::Verdict;

/// The number of minutes kept.
pub(super) const MINUTES: usize = 60;
const MICROS: u64 = 60_000_000;
/// Step n counts deliveries that took less than 2^n ms; the last step also counts all longer ones.
const STEPS: usize = 18;
/// The value drawn for times beyond the last step.
pub(super) const LONGEST: Duration = Duration::from_millis(1 << (STEPS - 1));

/// The kind that a delivery is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Done,
    Duplicate,
    Refused,
    Failed,
    Other,
}

impl Kind {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Done, "done"),
        (Self::Duplicate, "duplicate"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
        (Self::Other, "other"),
    ];

    pub(super) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed | Verdict::Handled | Verdict::Queued => Self::Done,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Refused => Self::Refused,
            Verdict::Failed | Verdict::Unfinished => Self::Failed,
            Verdict::Filtered | Verdict::NotOurs | Verdict::Probed => Self::Other,
        }
    }

    fn index(self) -> usize {
        let place = Self::ALL.iter().position(|(kind, _)| *kind == self);
        place.unwrap_or_default()
    }
}

/// The counts of a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    kinds: [u64; Kind::ALL.len()],
    steps: [u64; STEPS],
}

impl Counted {
    pub(super) fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(kind.index()).copied().unwrap_or_default()
    }

    pub(super) fn all(&self) -> u64 {
        self.kinds.iter().fold(0, |sum, it| sum.saturating_add(*it))
    }

    /// The percentage of this kind.
    pub(super) fn percent(&self, kind: Kind) -> u64 {
        let of = self.of(kind).saturating_mul(100);
        // Rounded, but zero only if there are none.
        let all = self.all().max(1);
        let rounded = of.saturating_add(all / 2) / all;
        rounded.max(u64::from(of > 0))
    }

    /// The time within which this percentage was answered; `None` if there were none, or if that
    /// time is in the last step.
    pub(super) fn within(&self, hundredths: u64) -> Option<Duration> {
        let all = self
            .steps
            .iter()
            .fold(0, |sum: u64, it| sum.saturating_add(*it));
        let wanted = all.saturating_mul(hundredths).div_ceil(100);
        let mut below = 0_u64;
        for (step, count) in (0_u32..).zip(self.steps) {
            below = below.saturating_add(count);
            if all > 0 && below >= wanted {
                let last = u32::try_from(STEPS.saturating_sub(1)).unwrap_or(step);
                return (step < last).then(|| Duration::from_millis(1 << step));
            }
        }
        None
    }

    fn add(&mut self, kind: Kind, took: Duration) {
        if let Some(count) = self.kinds.get_mut(kind.index()) {
            *count = count.saturating_add(1);
        }
        let millis = took.as_millis();
        let step = (0..STEPS).find(|step| millis < (1 << *step));
        let step = step.unwrap_or(STEPS.saturating_sub(1));
        if let Some(count) = self.steps.get_mut(step) {
            *count = count.saturating_add(1);
        }
    }

    fn and(mut self, other: &Self) -> Self {
        for (sum, more) in self.kinds.iter_mut().zip(other.kinds) {
            *sum = sum.saturating_add(more);
        }
        for (sum, more) in self.steps.iter_mut().zip(other.steps) {
            *sum = sum.saturating_add(more);
        }
        self
    }
}

/// The last hour, in a ring buffer.
#[derive(Debug, Clone)]
pub(super) struct Minutes {
    ring: Box<[(u64, Counted)]>,
}

impl Default for Minutes {
    fn default() -> Self {
        Self {
            ring: vec![(0, Counted::default()); MINUTES].into(),
        }
    }
}

fn slot(minute: u64) -> usize {
    let length = u64::try_from(MINUTES).unwrap_or(1);
    usize::try_from(minute % length).unwrap_or_default()
}

impl Minutes {
    pub(super) fn add(&mut self, now: UnixTime, kind: Kind, took: Duration) {
        let minute = now.as_micros() / MICROS;
        if let Some(kept) = self.ring.get_mut(slot(minute)) {
            if kept.0 != minute {
                *kept = (minute, Counted::default());
            }
            kept.1.add(kind, took);
        }
    }

    /// Each of the last minutes, with the current one last.
    pub(super) fn last(&self, now: UnixTime) -> Vec<Counted> {
        let this = now.as_micros() / MICROS;
        let first = this.saturating_sub(u64::try_from(MINUTES).unwrap_or(1).saturating_sub(1));
        let of = |minute: u64| {
            let kept = self.ring.get(slot(minute));
            kept.filter(|(of, _)| *of == minute)
                .map(|(_, counted)| *counted)
                .unwrap_or_default()
        };
        (first..=this).map(of).collect()
    }
}

/// The sum of these.
pub(super) fn sum(minutes: &[Counted]) -> Counted {
    let none = Counted::default();
    minutes.iter().fold(none, Counted::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_what_is_older_is_gone() {
        let at = |minute: u64| UnixTime::from_secs(minute * 60 + 7);
        let mut minutes = Minutes::default();
        for minute in 100..170 {
            for _ in 0..2 {
                minutes.add(at(minute), Kind::Done, Duration::from_millis(3));
            }
            minutes.add(at(minute), Kind::Duplicate, Duration::from_millis(200));
        }
        let last = minutes.last(at(169));
        assert_eq!(last.len(), 60);
        let all = sum(&last);
        assert_eq!((all.of(Kind::Done), all.of(Kind::Duplicate)), (120, 60));
        assert_eq!(
            (all.percent(Kind::Done), all.percent(Kind::Refused)),
            (67, 0)
        );
        assert_eq!(all.within(50), Some(Duration::from_millis(4)));
        assert_eq!(all.within(95), Some(Duration::from_millis(256)));
        assert_eq!(sum(&minutes.last(at(199))).all(), 90);
        assert_eq!(sum(&minutes.last(at(500))), Counted::default());
    }

    #[test]
    fn what_took_very_long_is_told_as_such() {
        let mut counted = Counted::default();
        counted.add(Kind::Failed, Duration::from_secs(3_600));
        assert_eq!(counted.within(50), None);
        assert_eq!(counted.percent(Kind::Failed), 100);
    }
}
