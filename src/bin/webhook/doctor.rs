//! `webhook doctor`: what is wrong with a receiver's surroundings.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tower_webhook::store::{Claim, ClaimOutcome, RecordState, Release, Store, Token};
use tower_webhook::{Allowlist, EventKey, Fingerprint, Name, SharedStore, UnixTime};

use crate::args::Doctor;
use crate::failure::Failure;
use crate::journal::at;
use crate::output::{Ended, Output};
use crate::sign::preset;

/// More than this between two clocks is told as wrong.
const MAX_SKEW: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(60);

/// What was found, and whether all is well.
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
    if asked.store.store.is_some() {
        looked = true;
        store(asked, &mut report).await?;
    }
    if let Some(name) = &asked.provider {
        looked = true;
        keys(name, asked, &mut report).await?;
    }
    if let Some(list) = &asked.allow {
        looked = true;
        allowlist(list, &mut report).await?;
    }
    if !looked {
        return Err(Failure::usage(
            "doctor: name what to look at: --store, --provider or --allow",
        ));
    }
    Ok(Ended::well_if(report.is_well))
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
    for line in settings {
        let is_well = !(line.contains("at risk") || line.contains("weak"));
        report.tell("setting", is_well, line.trim());
    }
    match clock(&store).await? {
        Some((ahead, by)) => {
            let way = if ahead { "ahead of" } else { "behind" };
            let text = format!("the store's is {:.1} s {way} ours", by.as_secs_f64());
            report.tell("clock", by <= MAX_SKEW, &text);
        }
        None => report.tell("clock", true, "the store does not tell its time"),
    }
    Ok(())
}

/// Whether the store's clock is ahead of ours, and by how much: a claim is made, and its lease ends by the
/// store's clock. It shows that the store can be written too.
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
            last.insert(key.clone(), at(line));
        }
    }
    Ok(last)
}

/// Each entry of the list, names as they are resolved now.
async fn allowlist(list: &str, report: &mut Report) -> Result<(), Failure> {
    let entries: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    // What is no entry is told with what to do.
    let parsed = Allowlist::parse(entries.iter().copied())?;
    for entry in entries {
        let is_name = parsed.hosts().iter().any(|host| host.to_string() == entry);
        if !is_name {
            report.tell("allowlist", true, entry);
            continue;
        }
        let found = tokio::net::lookup_host((entry, 443)).await;
        match found {
            Ok(addresses) => {
                let all: std::collections::BTreeSet<String> =
                    addresses.map(|it| it.ip().to_string()).collect();
                let all: Vec<_> = all.into_iter().collect();
                report.tell(
                    "allowlist",
                    !all.is_empty(),
                    &format!("{entry} is {}", all.join(", ")),
                );
            }
            Err(error) => report.tell(
                "allowlist",
                false,
                &format!("{entry} is not resolved: {error}"),
            ),
        }
    }
    Ok(())
}
