//! The numbers of a campaign.

use std::collections::BTreeMap;

use crate::args::Backend;
use crate::hub::Fault;
use crate::senders::Sent;
use crate::verdict::Found;

/// The numbers for a person to read.
pub(crate) fn text(sent: &Sent, faults: &[Fault], found: &Found) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in faults {
        // How far a clock was set does not make another kind.
        let kind = fault.text.split(" by ").next().unwrap_or_default();
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds = kinds
        .iter()
        .map(|(kind, times)| format!("  {times:4}  {kind}\n"));
    format!(
        "{} events in {} attempts; {} faults:\n{}\
         done {}, stale {}, dead {}, lost {}; effects {}, committed with their records {}; {} runs, {} of them \
         behind one that had not failed, {} refused for their fence",
        sent.events,
        sent.attempts,
        faults.len(),
        kinds.collect::<String>(),
        found.done,
        found.stale,
        found.dead,
        found.lost,
        found.effects,
        found.committed,
        found.runs,
        found.extra_runs,
        found.refused,
    )
}

/// The numbers as a row of `docs/guarantees.md`.
pub(crate) fn row(
    backend: Backend,
    seed: u64,
    sent: &Sent,
    faults: usize,
    found: &Found,
) -> String {
    let name = match backend {
        Backend::Sqlite => "SQLite",
        Backend::Postgres => "Postgres",
        Backend::Redis => "Redis, AOF `always`",
        Backend::Sentinel => "Redis with Sentinel",
        Backend::Cluster => "Redis Cluster",
    };
    let seed = seed.to_string();
    let committed = match backend.has_tx() {
        true => grouped(found.committed),
        false => String::new(),
    };
    let numbers = [
        sent.events,
        sent.attempts,
        faults,
        found.done,
        found.stale,
        found.dead,
        found.effects,
    ]
    .map(grouped);
    let last = [
        found.extra_runs,
        found.refused,
        found.lost,
        found.violations.len(),
    ]
    .map(grouped);
    let cells = [name.to_owned(), seed].into_iter().chain(numbers);
    let cells = cells.chain([committed]).chain(last);
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// A number with commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let places = (1..=digits.len()).rev();
    let mut text = String::new();
    for (digit, left) in digits.chars().zip(places) {
        text.push(digit);
        if left > 1 && left % 3 == 1 {
            text.push(',');
        }
    }
    text
}
