//! What the ledger must say, and where it does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tower_webhook::inbox::{EntryStatus, Inbox, SharedInbox};
use tower_webhook::{EventKey, Name};

use crate::hub::{Line, What};
use crate::senders::order_of;

/// A time in which something was wrong.
struct Fault {
    begin: u64,
    end: u64,
    /// With one process, or with all.
    pid: u32,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// What no fault explains: each is a mistake.
    pub(crate) violations: Vec<String>,
    /// Whose lives are to be shown.
    pub(crate) keys: BTreeSet<String>,
    pub(crate) acked: usize,
    pub(crate) done: usize,
    pub(crate) stale: usize,
    pub(crate) dead: usize,
    pub(crate) effects: usize,
    pub(crate) committed: usize,
    pub(crate) runs: usize,
    /// Runs behind one that had its effect, each with a reason.
    pub(crate) extra_runs: usize,
    pub(crate) refused: usize,
    pub(crate) faults: usize,
}

impl Found {
    fn wrong(&mut self, key: &str, what: impl std::fmt::Display) {
        self.violations.push(format!("{key}: {what}"));
        self.keys.insert(key.to_owned());
    }
}

fn faults(lines: &[Line]) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for line in lines {
        match line.what {
            What::Fault => faults.push(Fault {
                begin: line.at,
                end: u64::MAX,
                pid: line.pid,
            }),
            What::Mended => {
                if let Some(fault) = faults.iter_mut().rfind(|it| it.pid == line.pid) {
                    fault.end = line.at;
                }
            }
            _ => {}
        }
    }
    faults
}

/// Whether something was wrong with this process, or with all, between two moments.
fn explained(faults: &[Fault], pid: u32, from: u64, to: u64) -> bool {
    let concerns = |fault: &&Fault| fault.pid == 0 || fault.pid == pid;
    faults
        .iter()
        .filter(concerns)
        .any(|fault| fault.begin <= to && from <= fault.end)
}

/// Looks at everything. `tx` is how often the effect of each event was committed.
pub(crate) async fn judge(
    lines: &[Line],
    inbox: &SharedInbox,
    tx: Vec<(String, i64)>,
    tx_in_inbox: bool,
) -> Found {
    let mut found = Found::default();
    let faults = faults(lines);
    found.faults = faults.len();
    let mut lives: HashMap<&str, Vec<&Line>> = HashMap::new();
    for line in lines.iter().filter(|line| !line.key.is_empty()) {
        lives.entry(&line.key).or_default().push(line);
    }
    let acked: BTreeSet<&str> = of(lines, What::Acked).map(|line| &*line.key).collect();
    found.acked = acked.len();
    found.runs = of(lines, What::Run).count();
    let tx: BTreeMap<String, i64> = tx.into_iter().collect();
    for id in &acked {
        let is_tx = id.starts_with('t');
        if is_tx {
            match tx.get(*id) {
                Some(1) => found.committed += 1,
                times => found.wrong(id, format!("acknowledged, and committed {times:?} times")),
            }
            if !tx_in_inbox {
                continue;
            }
        }
        let name = if is_tx { "tx" } else { "plain" };
        let key = EventKey::new(Name::new(name).unwrap(), [*id]).unwrap();
        let took = lives[id]
            .iter()
            .filter(|line| line.what == What::Took)
            .count();
        let status = inbox.lookup(&key).await.unwrap().map(|view| view.status);
        let expected = match status {
            Some(EntryStatus::Done) => {
                found.done += 1;
                usize::from(!is_tx)
            }
            Some(EntryStatus::Stale) => {
                found.stale += 1;
                // It may have had its effect before it was overtaken by what another one has completed.
                took.min(1)
            }
            Some(EntryStatus::Dead) => {
                found.dead += 1;
                if !lives[id].iter().any(|line| line.what == What::GaveUp) {
                    found.wrong(id, "dead, and no handler has given it up");
                }
                0
            }
            other => {
                found.wrong(id, format!("acknowledged, and in the end {other:?}"));
                continue;
            }
        };
        found.effects += took;
        if took != expected {
            found.wrong(
                id,
                format!("{status:?}, and {took} effects in place of {expected}"),
            );
        }
    }
    for (id, life) in &lives {
        runs(id, life, &faults, &mut found);
    }
    orders(lines, &faults, &mut found);
    found
}

fn of(lines: &[Line], what: What) -> impl Iterator<Item = &Line> {
    lines.iter().filter(move |line| line.what == what)
}

/// Each run behind another one is explained: by that one's failure, or by what was wrong between the two.
fn runs(id: &str, life: &[&Line], faults: &[Fault], found: &mut Found) {
    let runs: Vec<_> = life.iter().filter(|line| line.what == What::Run).collect();
    for pair in runs.windows(2) {
        let [first, second] = pair else { continue };
        let between = |what| {
            let mut lines = life.iter().filter(move |line| line.what == what);
            lines.any(|line| first.at <= line.at && line.at <= second.at)
        };
        if second.fence <= first.fence {
            found.wrong(id, format!("fence {} behind {}", second.fence, first.fence));
        }
        if between(What::Done)
            || life
                .iter()
                .any(|line| line.what == What::Done && line.at < first.at)
        {
            found.wrong(id, "runs although it is done");
            continue;
        }
        // The handler's own failure; the sink's word; or it was dead, and a delivery has revived it.
        if [What::Failed, What::Refused, What::GaveUp]
            .into_iter()
            .any(between)
        {
            continue;
        }
        found.extra_runs += 1;
        if !explained(faults, first.pid, first.at, second.at) {
            found.wrong(id, "runs again, and no fault explains it");
        }
    }
    let mut highest = 0;
    for line in life {
        match line.what {
            What::Took | What::Again => {
                if line.fence < highest {
                    found.wrong(
                        id,
                        format!("the effect of fence {} behind {highest}", line.fence),
                    );
                }
                highest = highest.max(line.fence);
            }
            What::Refused => {
                found.refused += 1;
                let begun = runs.iter().rfind(|run| run.fence == line.fence);
                let begun = begun.map_or(line.at, |run| run.at);
                if !explained(faults, line.pid, begun, line.at) {
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
    let done = life.iter().find(|line| line.what == What::Done);
    if let Some(done) = done
        && !life
            .iter()
            .any(|line| matches!(line.what, What::Took | What::Again) && line.at <= done.at)
    {
        found.wrong(id, "done before its effect");
    }
}

/// Effects of one account come in the order of their versions, one at a time.
fn orders(lines: &[Line], faults: &[Fault], found: &mut Found) {
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
            if older > newer && !explained(faults, second.pid, first.at, second.at) {
                let text = format!("version {newer} behind {older} of {}", first.key);
                found.wrong(&second.key, text);
                found.keys.insert(first.key.clone());
            }
        }
    }
}
