//! Finds the fault that explains a repeated run: one that could have ended its holder's lease, or
//! killed its holder, while it held the event.

use std::time::Duration;

use crate::child::LEASE;
use crate::hub::{Fault, Harm};

/// The longest delay between an action of a process and its line in the ledger.
const TOLD: Duration = Duration::from_secs(1);
/// The interval of renewals: between two outages closer than this, a holder need not have renewed.
const RENEWED: Duration = Duration::from_secs(1);
/// The time until all processes are connected again and have resent what was in flight.
const RECOVERY: Duration = Duration::from_millis(500);
/// When a fault begins, two thirds of a lease are left, except for a renewal in flight. A fault
/// shorter than this cannot end the lease.
const ENDS: Duration = LEASE.checked_div(2).unwrap();
/// A server's death may lose only what was acknowledged within this time before it.
const UNREPLICATED: Duration = Duration::from_secs(1);

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap()
}

fn shown(at: u64) -> String {
    format!("{}.{:03} s", at / 1_000_000, at / 1_000 % 1_000)
}

/// A time during which a process held an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) pid: u32,
    /// When its handler began.
    pub(crate) from: u64,
    /// When it was last heard of.
    pub(crate) to: u64,
}

impl Held {
    /// The fault that could have ended its lease before `until`.
    pub(crate) fn ended_by(&self, faults: &[Fault], until: u64) -> Option<String> {
        let from = self.from.saturating_sub(micros(TOLD));
        let to = self.recorded_by(faults).min(until);
        self.killed_by(faults, from, to)
            .or_else(|| self.kept_by(faults, from, to))
    }

    /// The time by which it had recorded its end: shortly after its last line, or after a fault
    /// that may have prevented the recording. The hold is over with its lease at the latest.
    fn recorded_by(&self, faults: &[Fault]) -> u64 {
        let mut by = self.to + micros(TOLD);
        for fault in faults {
            let keeps = match fault.harm {
                Harm::Stops(pid) => pid == self.pid,
                Harm::Away | Harm::Forgets => true,
                Harm::Kills(_) | Harm::Ahead(_) | Harm::None => false,
            };
            let over = fault.end.saturating_add(micros(RECOVERY));
            if keeps && fault.begin <= by && self.to <= over {
                by = by.max(over.saturating_add(micros(TOLD)));
            }
        }
        by.min(self.to + micros(LEASE) + micros(TOLD))
    }

    fn killed_by(&self, faults: &[Fault], from: u64, to: u64) -> Option<String> {
        let kills = |fault: &&Fault| match fault.harm {
            Harm::Kills(Some(pid)) => pid == self.pid,
            Harm::Kills(None) => true,
            _ => false,
        };
        let mut kills = faults.iter().filter(kills);
        let fault = kills.find(|fault| (from..=to).contains(&fault.begin))?;
        Some(format!(
            "{} at {}: its holder, process {}, was dead before it had recorded the end",
            fault.text,
            shown(fault.begin),
            self.pid
        ))
    }

    /// Consecutive outages that prevented renewals for as long as a lease lasts.
    fn kept_by(&self, faults: &[Fault], from: u64, to: u64) -> Option<String> {
        let mut outage: Vec<&Fault> = Vec::new();
        let (mut begin, mut end, mut lost) = (0, 0, 0);
        let ends =
            |begin: u64, end: u64, lost: u64| lost >= micros(ENDS) && begin <= to && from <= end;
        for fault in faults.iter().filter(|fault| fault.begin <= to) {
            let span = fault.end.min(to).saturating_sub(fault.begin);
            let (span, jump) = match fault.harm {
                Harm::Stops(pid) if pid == self.pid => (span, 0),
                Harm::Away | Harm::Forgets => (span + micros(RECOVERY), 0),
                Harm::Ahead(seconds) => (0, seconds * 1_000_000),
                _ => continue,
            };
            if fault.begin > end + micros(RENEWED) {
                if ends(begin, end, lost) {
                    break;
                }
                (begin, lost) = (fault.begin, 0);
                outage.clear();
            }
            lost += (fault.begin + span).saturating_sub(end.max(fault.begin)) + jump;
            end = end.max(fault.begin + span);
            outage.push(fault);
        }
        if !ends(begin, end, lost) {
            return None;
        }
        let faults = outage.iter().map(|fault| match fault.harm {
            Harm::Ahead(_) => format!("{} at {}", fault.text, shown(fault.begin)),
            _ => format!(
                "{} from {} to {}",
                fault.text,
                shown(fault.begin),
                shown(fault.end)
            ),
        });
        Some(format!(
            "{}: {} of process {}'s lease of {LEASE:?} passed without a renewal",
            faults.collect::<Vec<_>>().join(", "),
            shown(lost),
            self.pid
        ))
    }
}

/// A fault that could have undone what the store acknowledged at this time.
pub(crate) fn forgotten_by(faults: &[Fault], at: u64) -> Option<String> {
    let mut faults = faults
        .iter()
        .filter(|fault| fault.harm == Harm::Forgets)
        .filter(|it| it.begin.saturating_sub(micros(UNREPLICATED)) <= at && at <= it.end);
    let fault = faults.next()?;
    Some(format!(
        "{} at {}: what was acknowledged at {} need not have reached the replica",
        fault.text,
        shown(fault.begin),
        shown(at)
    ))
}

#[cfg(test)]
mod tests;
