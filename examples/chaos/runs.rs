//! The runs of one event, and of the events of one order key: their order, and its reasons.

use std::collections::{BTreeSet, HashMap};

use crate::child::LEASE;
use crate::explain::{Held, forgotten_by};
use crate::hub::{Fault, Line, What};
use crate::senders::order_of;
use crate::verdict::{Found, of};

/// How long a handler may run after its last report, in microseconds.
const LONGEST_HANDLER: u64 = 1_000_000;

/// A run, and its handler's last report.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    begun: &'a Line,
    last: Option<&'a Line>,
}

impl Run<'_> {
    fn held(&self) -> Held {
        Held {
            pid: self.begun.pid,
            from: self.begun.at,
            to: (self.last).map_or(self.begun.at + LONGEST_HANDLER, |line| line.at),
        }
    }

    /// Whether its handler had reported a failure by then.
    fn had_failed(&self, at: u64) -> bool {
        let fails = |line: &Line| matches!(line.what, What::Failed | What::GaveUp);
        self.last.is_some_and(|last| fails(last) && last.at <= at)
    }

    /// The fault that ended its hold before then; if it was heard of only later, the fault that delayed that.
    fn ended_by(&self, faults: &[Fault], at: u64) -> Option<String> {
        let held = self.held();
        if self.begun.at <= at {
            return held.ended_by(faults, at);
        }
        let lease = u64::try_from(LEASE.as_micros()).unwrap();
        let granted = Held {
            from: at.saturating_sub(lease),
            to: self.begun.at,
            ..held
        };
        granted.ended_by(faults, self.begun.at)
    }
}

/// Checks that each later run is explained by the failure of the run before it, or by a fault that
/// ended its hold.
pub(crate) fn runs(id: &str, life: &[&Line], faults: &[Fault], found: &mut Found) {
    let of_life = |what| life.iter().copied().filter(move |line| line.what == what);
    let mut runs: Vec<_> = of_life(What::Run)
        .map(|begun| Run {
            begun,
            last: life
                .iter()
                .copied()
                .rfind(|it| it.fence == begun.fence && it.fence > 0 && it.what != What::Run),
        })
        .collect();
    runs.sort_by_key(|run| run.begun.fence);
    let mut taken_over = BTreeSet::new();
    for pair in runs.windows(2) {
        let [first, second] = pair else { continue };
        let (fence, at) = (first.begun.fence, second.begun.at);
        if second.begun.fence == fence {
            found.wrong(id, format!("two runs with the fence {fence}"));
            continue;
        }
        if first.had_failed(at) {
            continue;
        }
        found.extra_runs += 1;
        match (first.ended_by(faults, at)).or_else(|| forgotten_by(faults, first.begun.at)) {
            Some(why) => {
                taken_over.insert(fence);
                let text = format!(
                    "{id} runs again in process {} at {}.{:03} s: {why}",
                    second.begun.pid,
                    at / 1_000_000,
                    at / 1_000 % 1_000
                );
                found.explained.push(text);
            }
            None => found.wrong(id, "runs again, and no fault explains it"),
        }
    }
    let done = of_life(What::Done).next();
    if let Some(done) = done {
        for run in runs.iter().filter(|run| run.begun.at > done.at) {
            let is_late = taken_over.contains(&run.begun.fence);
            match forgotten_by(faults, done.at) {
                Some(why) => found
                    .explained
                    .push(format!("{id} runs although it was done: {why}")),
                None if is_late => {}
                None => found.wrong(id, "runs although it is done"),
            }
        }
        if !life
            .iter()
            .any(|line| matches!(line.what, What::Took | What::Again) && line.at <= done.at)
        {
            found.wrong(id, "done before its effect");
        }
    }
    effects(id, life, &taken_over, found);
}

/// Checks the effects that reached the sink, and those that it refused.
fn effects(id: &str, life: &[&Line], taken_over: &BTreeSet<u64>, found: &mut Found) {
    let mut highest = 0;
    for line in life {
        match line.what {
            What::Took | What::Again => {
                if line.fence < highest {
                    let text = format!("the effect of fence {} behind {highest}", line.fence);
                    found.wrong(id, text);
                }
                highest = highest.max(line.fence);
            }
            What::Refused => {
                found.refused += 1;
                if !taken_over.contains(&line.fence) {
                    found.wrong(id, "refused for its fence, and no fault explains it");
                }
            }
            _ => {}
        }
    }
    for what in [What::Done, What::Took] {
        if let Some(line) = life.iter().find(|line| line.what == what)
            && !life
                .iter()
                .any(|run| run.what == What::Run && run.at <= line.at)
        {
            found.wrong(id, format!("{what:?} without a run"));
        }
    }
}

/// Checks that effects of one account happen in the order of their versions, one at a time.
pub(crate) fn orders(
    lines: &[Line],
    lives: &HashMap<&str, Vec<&Line>>,
    faults: &[Fault],
    found: &mut Found,
) {
    let mut accounts: HashMap<u64, Vec<(&Line, u64)>> = HashMap::new();
    for line in of(lines, What::Took) {
        if let Some((account, version)) = order_of(&line.key) {
            accounts.entry(account).or_default().push((line, version));
        }
    }
    for effects in accounts.values() {
        for pair in effects.windows(2) {
            let [(first, older), (second, newer)] = pair else {
                continue;
            };
            if older <= newer {
                continue;
            }
            // One of the two had lost its hold on the order key, or given it back.
            let run_of = |line: &Line| {
                let own = |it: &&&Line| it.fence == line.fence;
                let life = &lives[&*line.key];
                let begun = life
                    .iter()
                    .filter(own)
                    .find(|it| it.what == What::Run)
                    .copied()?;
                let last = life.iter().rfind(own).copied();
                Some(Run { begun, last })
            };
            let (Some(of_first), Some(of_second)) = (run_of(first), run_of(second)) else {
                continue;
            };
            let why = of_first
                .ended_by(faults, second.at)
                .or_else(|| of_second.held().ended_by(faults, second.at))
                .or_else(|| forgotten_by(faults, first.at));
            let text = format!("version {newer} behind {older} of {}", first.key);
            match why {
                _ if of_first.had_failed(second.at) => {}
                Some(why) => found
                    .explained
                    .push(format!("{}: {text}: {why}", second.key)),
                None => {
                    found.wrong(&second.key, text);
                    found.keys.insert(first.key.clone());
                }
            }
        }
    }
}
