//! `webhook doctor`: problems in a receiver's environment.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tower_webhook::inbox::{EntryStatus, Inbox, List, SharedInbox};
use tower_webhook::layer::host_addresses;
use tower_webhook::source::HostName;
use tower_webhook::store::{Claim, ClaimOutcome, RecordState, RecordView, Release, Store, Token};
use tower_webhook::{Allowlist, EventKey, Fingerprint, Name, SharedStore, UnixTime};

use crate::args::Doctor;
use crate::certificates;
use crate::failure::Failure;
use crate::journal::at;
use crate::output::{Ended, Output};
use crate::presets;
use crate::sign::preset;

/// A larger difference between two clocks is reported as a problem.
const MAX_SKEW: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(60);
/// An entry that is queued longer may be on a route that no worker serves.
const UNSERVED: Duration = Duration::from_secs(60);
/// How many entries or records are checked.
const MOST_LOOKED_AT: usize = 1_000;

/// The findings, and whether all is well.
struct Report {
    output: Output,
    is_well: bool,
}

impl Report {
    fn tell(&mut self, what: &str, is_well: bool, text: &str) {
        self.is_well &= is_well;
        let verdict = if is_well { "ok" } else { "at risk" };
        self.output.show(
            format_args!("{verdict:8} {what}: {text}"),
            || json!({"what": what, "ok": is_well, "found": text}),
        );
    }
}

pub(crate) async fn run(asked: &Doctor, output: Output) -> Result<Ended, Failure> {
    let mut report = Report {
        output,
        is_well: true,
    };
    let mut looked = false;
    // A store that is out of reach does not prevent the other checks.
    let mut store_failed = None;
    if asked.store.store.is_some() {
        looked = true;
        store_failed = store(asked, &mut report).await.err();
    }
    if let Some(name) = &asked.provider {
        looked = true;
        keys(name, asked, &mut report).await?;
    }
    if let Some(list) = &asked.allow {
        looked = true;
        allowlist(list, &mut report).await?;
    }
    for file in &asked.certificate {
        looked = true;
        for (is_well, text) in certificates::found(file)? {
            report.tell("certificate", is_well, &text);
        }
    }
    if !looked {
        return Err(Failure::usage(
            "doctor: name what to look at: --store, --provider, --certificate or --allow",
        ));
    }
    match store_failed {
        Some(failure) => Err(failure),
        None => Ok(Ended::well_if(report.is_well)),
    }
}

async fn store(asked: &Doctor, report: &mut Report) -> Result<(), Failure> {
    let (store, settings) = asked.store.store().await?;
    let counts = store.counts().await?;
    let lapsed = counts.lapsed;
    let text = format!(
        "reached; {} done, {} claimed, {lapsed} lapsed, {} released",
        counts.done, counts.claimed, counts.released
    );
    report.tell("store", true, &text);
    if counts.lapsed > 0 || counts.released > 0 {
        unretried(&store, report).await?;
    }
    // A setting that the server hides is not known to be safe.
    for (is_well, line) in settings {
        report.tell("setting", is_well, &line);
    }
    match clock(&store).await? {
        Some((ahead, by)) => {
            let way = if ahead { "ahead of" } else { "behind" };
            let text = format!("the store's is {:.1} s {way} ours", by.as_secs_f64());
            report.tell("clock", by <= MAX_SKEW, &text);
        }
        None => report.tell("clock", true, "the store does not tell its time"),
    }
    match asked.store.inbox_if_any().await? {
        Some(held) => inbox(&held, report).await,
        None => Ok(()),
    }
}

/// Entries that wait, and those that will not run by themselves.
async fn inbox(inbox: &SharedInbox, report: &mut Report) -> Result<(), Failure> {
    let counts = inbox.counts().await?;
    let (queued, waiting) = (counts.queued, counts.waiting);
    let (running, lapsed, dead) = (counts.running, counts.lapsed, counts.dead);
    let mut text = format!(
        "{queued} queued, {waiting} waiting, {running} running, {lapsed} lapsed, {dead} dead"
    );
    if let Some(oldest) = oldest(inbox, queued).await? {
        let seconds = UnixTime::now().saturating_since(oldest).as_secs();
        text.push_str(&format!("; the oldest queued one came {seconds} s ago"));
        if seconds > UNSERVED.as_secs() {
            text.push_str(": does a worker serve its route?");
        }
    }
    if dead > 0 {
        text.push_str(": `webhook dead` lists those, with their reasons");
    }
    report.tell("inbox", dead == 0, &text);
    for provider in inbox.paused().await? {
        let text = format!("{provider} is paused: its events wait for `webhook resume {provider}`");
        report.tell("inbox", false, &text);
    }
    Ok(())
}

/// When the oldest queued entry arrived, of the first few that are read.
async fn oldest(inbox: &SharedInbox, queued: u64) -> Result<Option<UnixTime>, Failure> {
    if queued == 0 {
        return Ok(None);
    }
    let list = List::of(EntryStatus::Queued).limit(MOST_LOOKED_AT);
    let found = inbox.list(&list).await?;
    Ok(found.iter().map(|view| view.entry.accepted_at).min())
}

/// Lost events: those that failed inline and whose senders do not retry, as far as the program knows them.
async fn unretried(store: &SharedStore, report: &mut Report) -> Result<(), Failure> {
    for preset in presets::all() {
        let retries = (preset.contract()).is_none_or(|contract| contract.retries_at_all());
        let (false, Some(name)) = (retries, preset.provider_name()) else {
            continue;
        };
        let open = store.unfinished(&name, MOST_LOOKED_AT).await?;
        let is_lapsed = |view: &&RecordView| matches!(view.state, RecordState::Lapsed { .. });
        let is_released = |view: &&RecordView| matches!(view.state, RecordState::Released);
        let lapsed = open.iter().filter(is_lapsed).count();
        let released = open.iter().filter(is_released).count();
        if lapsed > 0 || released > 0 {
            let more = if open.len() < MOST_LOOKED_AT {
                ""
            } else {
                " or more"
            };
            let text = format!(
                "{name}: {lapsed} lapsed, {released} released{more}: this sender does not retry, so nobody sends them \
                 again unless it is asked to: `webhook records unfinished {name}` lists them; an inbox tries again by \
                 itself"
            );
            report.tell("lost", false, &text);
        }
    }
    Ok(())
}

/// Whether the store's clock is ahead of ours, and by how much. It makes a claim, whose lease ends
/// by the store's clock, which also shows that the store is writable.
async fn clock(store: &SharedStore) -> Result<Option<(bool, Duration)>, Failure> {
    let unique = UnixTime::now().as_micros().to_string();
    let key = EventKey::new(Name::new("webhook-doctor")?, [unique.as_str()])?;
    let token = Token::random()?;
    let fingerprint = Fingerprint::of(b"webhook doctor");
    let claim = Claim::new(key.clone(), token, fingerprint, LEASE, LEASE * 10);
    let before = SystemTime::now();
    let ClaimOutcome::Claimed(_) = store.claim(&claim).await? else {
        return Ok(None);
    };
    let between = before + before.elapsed().unwrap_or_default() / 2;
    let view = store.lookup(&key).await?;
    store
        .release(&Release::new(key.clone(), token, LEASE))
        .await?;
    store.forget(&key).await?;
    let ends = view.and_then(|view| match view.state {
        RecordState::Claimed { lease_ends } => Some(lease_ends),
        _ => None,
    });
    Ok(ends.map(|ends| {
        let (theirs, ours) = (ends.saturating_sub(LEASE), UnixTime::from(between));
        let ahead = theirs.saturating_since(ours);
        match ahead.is_zero() {
            true => (false, ours.saturating_since(theirs)),
            false => (true, ahead),
        }
    }))
}

async fn keys(name: &str, asked: &Doctor, report: &mut Report) -> Result<(), Failure> {
    let preset = preset(name)?;
    let secrets = asked.secrets.needed()?;
    let provider = preset.signed(secrets, &asked.secrets.url()?)?;
    let Some(provider) = provider else {
        report.tell("keys", true, &format!("{name} signs nothing"));
        return Ok(());
    };
    let last = match &asked.journal {
        Some(file) => Some(last_matches(file, provider.name().as_str()).await?),
        None => None,
    };
    let ids = provider
        .verifier()
        .map(|verifier| verifier.keys().ids())
        .unwrap_or_default();
    for id in ids {
        let text = match last.as_ref().map(|last| last.get(id.as_str())) {
            None => format!("{:?} is well formed", id.as_str()),
            Some(None) => format!("{:?} never matched in this journal", id.as_str()),
            Some(Some(at)) => format!("{:?} last matched at {}", id.as_str(), at.to_rfc3339()),
        };
        report.tell("key", true, &text);
    }
    Ok(())
}

/// When each key of this sender last matched.
async fn last_matches(
    file: &std::path::Path,
    provider: &str,
) -> Result<BTreeMap<String, UnixTime>, Failure> {
    let lines = crate::journal::lines(file, "--journal").await?;
    let mut last = BTreeMap::new();
    for line in lines.iter().filter(|line| line.provider == provider) {
        for key in &line.signed_by {
            let latest = last.entry(key.clone()).or_insert(at(line));
            *latest = at(line).max(*latest);
        }
    }
    Ok(last)
}

/// Each entry of the list, with names as they resolve now.
async fn allowlist(list: &str, report: &mut Report) -> Result<(), Failure> {
    let entries: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    // An invalid entry is reported with the remedy.
    let parsed = Allowlist::parse(entries.iter().copied())?;
    for entry in entries {
        // An entry that is not a name is a network or an address: others have been refused above.
        let Ok(host) = HostName::new(entry) else {
            report.tell("allowlist", true, entry);
            continue;
        };
        let (is_well, text) = match host_addresses(&host).await {
            Ok(addresses) => admitted(&parsed, &host, addresses),
            Err(error) => (false, format!("{host} is not resolved: {error}")),
        };
        report.tell("allowlist", is_well, &text);
    }
    Ok(())
}

/// The addresses of a name that the list admits: none that an outside sender cannot have.
fn admitted(list: &Allowlist, host: &HostName, addresses: Vec<IpAddr>) -> (bool, String) {
    let change = list.learn(host, addresses, UnixTime::now());
    let shown = |all: &[IpAddr]| {
        let all: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    };
    let (taken, dropped) = (shown(change.added()), shown(change.dropped()));
    match (taken.is_empty(), dropped.is_empty()) {
        (false, true) => (true, format!("{host} is {taken}")),
        (false, false) => (
            true,
            format!("{host} is {taken}; not admitted: {dropped}, which no sender out there has"),
        ),
        (true, false) => (
            false,
            format!("{host} admits nobody: it is {dropped}, which no sender out there has"),
        ),
        (true, true) => (false, format!("{host} has no address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_admits_what_the_receiver_takes_of_its_addresses() {
        let list = Allowlist::parse(["Hooks.Example.com", "localhost"]).unwrap();
        let told = |name: &str, all: &[&str]| {
            let all = all.iter().map(|it| it.parse().unwrap()).collect();
            admitted(&list, &HostName::new(name).unwrap(), all)
        };
        let of_hooks = |all: &[&str]| told("hooks.example.com", all);
        let nobody = "which no sender out there has";
        assert_eq!(
            of_hooks(&["10.0.0.5"]),
            (
                false,
                format!("hooks.example.com admits nobody: it is 10.0.0.5, {nobody}")
            )
        );
        assert_eq!(
            of_hooks(&["203.0.113.7", "127.0.0.1", "198.51.100.2"]),
            (
                true,
                format!(
                    "hooks.example.com is 198.51.100.2, 203.0.113.7; not admitted: 127.0.0.1, {nobody}"
                )
            )
        );
        assert_eq!(
            told("localhost", &["127.0.0.1"]),
            (true, "localhost is 127.0.0.1".to_owned())
        );
        assert!(!told("localhost", &[]).0);
    }
}
