//! What the ledger must show, and where it does not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};
use tower_webhook::inbox::{EntryStatus, Inbox, SharedInbox};
use tower_webhook::{EventKey, Name};

use crate::explain::forgotten_by;
use crate::hub::{Fault, Line, What};
use crate::runs::{orders, runs};

/// The number of events that are looked up at once.
const AT_ONCE: usize = 32;

/// The findings.
#[derive(Default)]
pub(crate) struct Found {
    /// Findings that no fault explains: each is a bug.
    pub(crate) violations: Vec<String>,
    /// Findings that a fault explains, with that fault.
    pub(crate) explained: Vec<String>,
    /// The events whose histories are to be shown.
    pub(crate) keys: BTreeSet<String>,
    pub(crate) acked: usize,
    pub(crate) done: usize,
    pub(crate) stale: usize,
    pub(crate) dead: usize,
    /// Acknowledged but lost, with a failover that explains it.
    pub(crate) lost: usize,
    pub(crate) effects: usize,
    pub(crate) committed: usize,
    pub(crate) runs: usize,
    /// Repeated runs after one that had not failed, each with its fault.
    pub(crate) extra_runs: usize,
    pub(crate) refused: usize,
}

impl Found {
    pub(crate) fn wrong(&mut self, key: &str, what: impl std::fmt::Display) {
        self.violations.push(format!("{key}: {what}"));
        self.keys.insert(key.to_owned());
    }
}

/// The effects committed with their records, with the count for each event.
pub(crate) struct Effects {
    pub(crate) committed: Vec<(String, i64)>,
    /// Whether these events are in the inbox.
    pub(crate) are_in_inbox: bool,
}

/// Judges everything. If the campaign was cut off, events may still be in progress.
pub(crate) async fn judge(
    lines: &[Line],
    faults: &[Fault],
    inbox: &SharedInbox,
    tx: Effects,
    is_cut_off: bool,
) -> Found {
    let mut found = Found::default();
    let mut lives: HashMap<&str, Vec<&Line>> = HashMap::new();
    for line in lines.iter().filter(|line| !line.key.is_empty()) {
        lives.entry(&line.key).or_default().push(line);
    }
    let acked: BTreeSet<&str> = of(lines, What::Acked).map(|line| &*line.key).collect();
    found.acked = acked.len();
    found.runs = of(lines, What::Run).count();
    let tx_in_inbox = tx.are_in_inbox;
    let tx: BTreeMap<String, i64> = tx.committed.into_iter().collect();
    for (id, times) in tx.iter().filter(|(_, times)| **times != 1) {
        found.wrong(id, format!("committed {times} times"));
    }
    let is_tx = |id: &str| id.starts_with('t');
    for id in acked.iter().filter(|id| is_tx(id)) {
        match tx.contains_key(*id) {
            true => found.committed += 1,
            false => found.wrong(id, "acknowledged, and not committed"),
        }
    }
    let in_inbox = acked.iter().filter(|id| tx_in_inbox || !is_tx(id));
    let statuses = stream::iter(in_inbox).map(|id| async move { (*id, status(inbox, id).await) });
    let statuses: Vec<_> = statuses.buffer_unordered(AT_ONCE).collect().await;
    for (id, status) in statuses {
        if is_cut_off && is_on_its_way(status) {
            continue;
        }
        ends(id, status, &lives[id], faults, &mut found);
    }
    for (id, life) in &lives {
        runs(id, life, faults, &mut found);
    }
    orders(lines, &lives, faults, &mut found);
    found.explained.sort();
    found
}

async fn status(inbox: &SharedInbox, id: &str) -> Option<EntryStatus> {
    let name = if id.starts_with('t') { "tx" } else { "plain" };
    let key = EventKey::new(Name::new(name).unwrap(), [id]).unwrap();
    inbox.lookup(&key).await.unwrap().map(|view| view.status)
}

/// Whether the event is still to be processed.
fn is_on_its_way(status: Option<EntryStatus>) -> bool {
    use EntryStatus::{Lapsed, Queued, Running, Waiting};
    matches!(status, Some(Queued | Waiting | Running | Lapsed))
}

/// Checks that an acknowledged event is done, stale or dead, with the matching effects.
fn ends(
    id: &str,
    status: Option<EntryStatus>,
    life: &[&Line],
    faults: &[Fault],
    found: &mut Found,
) {
    let times = |what| life.iter().filter(|line| line.what == what).count();
    let took = times(What::Took);
    found.effects += took;
    let expected = match status {
        Some(EntryStatus::Done) => {
            found.done += 1;
            usize::from(!id.starts_with('t'))
        }
        Some(EntryStatus::Stale) => {
            found.stale += 1;
            // It may have had its effect before a completed newer event overtook it.
            took.min(1)
        }
        Some(EntryStatus::Dead) => {
            found.dead += 1;
            if times(What::GaveUp) == 0 {
                found.wrong(id, "dead, and no handler has given it up");
            }
            0
        }
        other => {
            let acked = life.iter().filter(|line| line.what == What::Acked);
            // If two deliveries of it were acknowledged, it must have been lost after both.
            let lost = acked.map(|line| forgotten_by(faults, line.at)).collect();
            let lost: Option<Vec<_>> = lost;
            match lost.and_then(|lost| lost.into_iter().next_back()) {
                Some(why) if other.is_none() => {
                    found.lost += 1;
                    found.explained.push(format!("{id} is lost: {why}"));
                }
                _ => found.wrong(id, format!("acknowledged, and in the end {other:?}")),
            }
            return;
        }
    };
    if took != expected {
        let text = format!("{status:?}, and {took} effects in place of {expected}");
        found.wrong(id, text);
    }
}

pub(crate) fn of(lines: &[Line], what: What) -> impl Iterator<Item = &Line> {
    lines.iter().filter(move |line| line.what == what)
}
