//! The expected results: the chances of every attempt, calculated rather than simulated.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::time::Duration;

use tower_webhook::RetrySchedule;

use crate::receiver::{FAILS, WORK};
use crate::{EVENTS, EVERY, OUTAGE, POLL_EVERY, Trouble};

/// The expected number of events with each outcome, averaged over all seeds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    pub(crate) acknowledged: f64,
    pub(crate) lost: f64,
    pub(crate) attempts: f64,
    pub(crate) twice: f64,
}

impl AddAssign for Expected {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.attempts += other.attempts;
        self.twice += other.twice;
    }
}

/// For all events: each attempt by the provider and, if there is a poll, by the poll. Without
/// jitter.
pub(crate) fn expected(
    sent: &RetrySchedule,
    polled: Option<&RetrySchedule>,
    trouble: Trouble,
) -> Expected {
    let attempts = attempts(sent, polled);
    let mut all = Expected::default();
    let mut begins = Duration::ZERO;
    for _ in 0..EVENTS {
        all += of_one(&attempts, begins, trouble);
        begins = begins.saturating_add(EVERY);
    }
    all
}

/// An attempt: its time after the event's start, and whether it is counted.
type Attempt = (Duration, bool);

fn attempts(sent: &RetrySchedule, polled: Option<&RetrySchedule>) -> Vec<Attempt> {
    let sent = times(sent).into_iter().map(|at| (at, polled.is_none()));
    let polls = polled.map(times).unwrap_or_default();
    let polls = polls.into_iter().map(|at| (POLL_EVERY + at, true));
    let mut attempts: Vec<_> = sent.chain(polls).collect();
    attempts.sort();
    attempts
}

/// The state of an event in progress: its effects so far, two at most, and whether the store knows
/// it.
type State = (u8, bool);

fn of_one(attempts: &[Attempt], begins: Duration, trouble: Trouble) -> Expected {
    let fails = f64::from(FAILS) / 100.0;
    let away = OUTAGE..OUTAGE.saturating_add(trouble.lasts());
    let mut one = Expected::default();
    let mut states = HashMap::from([((0, false), 1.0)]);
    let mut restarts = trouble == Trouble::Restart;
    let end = |one: &mut Expected, effects: u8, chance: f64| match effects {
        0 => one.lost += chance,
        1 => {}
        _ => one.twice += chance,
    };
    for (after, counted) in attempts {
        let at = begins.saturating_add(*after);
        let at_work = !away.is_empty() && at < OUTAGE && at + WORK > OUTAGE;
        // The memory's content is lost once.
        let forgets = restarts && at >= OUTAGE;
        restarts = restarts && !forgets;
        let mut next: HashMap<State, f64> = HashMap::new();
        for ((effects, known), chance) in states {
            let known = known && !forgets;
            if *counted {
                one.attempts += chance;
            }
            let mut goes_on = |state, chance| *next.entry(state).or_default() += chance;
            if away.contains(&at) {
                goes_on((effects, known), chance);
                continue;
            }
            let (done, effects_then) = if known {
                (chance, effects)
            } else {
                goes_on((effects, false), chance * fails);
                (chance * (1.0 - fails), effects.saturating_add(1).min(2))
            };
            // A duplicate is answered at once.
            if *counted && (known || !at_work) {
                one.acknowledged += done;
                end(&mut one, effects_then, done);
            } else {
                goes_on((effects_then, true), done);
            }
        }
        states = next;
    }
    for ((effects, _), chance) in states {
        end(&mut one, effects, chance);
    }
    one
}

/// The times of the attempts at an event, counted from the first.
fn times(schedule: &RetrySchedule) -> Vec<Duration> {
    let (first, factor, attempts) = match *schedule {
        RetrySchedule::Fixed { interval, attempts } => (interval, 1, attempts),
        RetrySchedule::Exponential { first, attempts } => (first, 2, attempts),
        // As in the simulated sender: doubling, within a day.
        RetrySchedule::Unstated { interval, .. } => (interval, 2, 12),
        _ => (Duration::ZERO, 1, 1),
    };
    let waits = (0..attempts).scan(first, |wait, _| {
        let this = *wait;
        *wait = wait.saturating_mul(factor);
        Some(this)
    });
    waits
        .scan(Duration::ZERO, |sum, wait| {
            let this = *sum;
            *sum = sum.saturating_add(wait);
            Some(this)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand, for 1,000 events that fail in 30 of 100 cases: 1,000 x 0.3^5 are lost,
    /// and 1,000 x (1 + 0.3 + 0.3^2 + 0.3^3 + 0.3^4) attempts are made.
    #[test]
    fn five_attempts_come_to_what_they_come_to_by_hand() {
        let five = RetrySchedule::Fixed {
            interval: Duration::from_secs(30),
            attempts: 5,
        };
        let Expected {
            acknowledged,
            lost,
            attempts,
            twice,
        } = expected(&five, None, Trouble::Handler);
        for (found, by_hand) in [
            (acknowledged, 997.57),
            (lost, 2.43),
            (attempts, 1_425.1),
            (twice, 0.0),
        ] {
            assert!((found - by_hand).abs() < 1e-6, "{found}, not {by_hand}");
        }
    }

    /// One attempt at each event. Eight of them are running when the store goes down: 0.7 x 8 of
    /// those take effect and cannot report it. 240 arrive while it is down.
    #[test]
    fn a_single_shot_that_meets_an_outage_is_lost() {
        let found = expected(&RetrySchedule::Never, None, Trouble::Store);
        for (found, by_hand) in [
            (found.lost, 240.0 + 760.0 * 0.3),
            (found.acknowledged, 752.0 * 0.7),
            (found.attempts, 1_000.0),
        ] {
            assert!((found - by_hand).abs() < 1e-6, "{found}, not {by_hand}");
        }
    }
}
