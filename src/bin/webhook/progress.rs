//! The progress of many deliveries, shown if they take longer than a second.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Nothing is shown before this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts outcomes, and shows them regularly on the standard error.
pub(crate) struct Progress {
    begun: Instant,
    total: u32,
    /// Whether the line before is overwritten.
    is_terminal: bool,
    is_shown: bool,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    by_status: BTreeMap<String, u32>,
    done: u32,
    last: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(total: u32, is_forced: bool, is_quiet: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal() && !is_forced;
        Self {
            begun: Instant::now(),
            total,
            is_terminal,
            is_shown: (is_terminal && !is_quiet) || is_forced,
            counted: Mutex::default(),
        }
    }

    pub(crate) fn count(&self, status: &str) {
        let Ok(mut counted) = self.counted.lock() else {
            return;
        };
        let count = counted.by_status.entry(status.to_owned()).or_default();
        *count = count.saturating_add(1);
        counted.done = counted.done.saturating_add(1);
        let every = if self.is_terminal {
            PATIENCE / 5
        } else {
            PATIENCE
        };
        let last = counted.last.unwrap_or(self.begun);
        if self.is_shown && self.begun.elapsed() >= PATIENCE && last.elapsed() >= every {
            counted.last = Some(Instant::now());
            let begin = if self.is_terminal { "\r\x1b[K" } else { "" };
            let end = if self.is_terminal { "" } else { "\n" };
            let _ = write!(std::io::stderr(), "{begin}{}{end}", self.line(&counted));
        }
    }

    fn line(&self, counted: &Counted) -> String {
        let (done, total) = (counted.done, self.total);
        let filled = u64::from(done) * 20 / u64::from(total.max(1));
        let bar: String = (0..20)
            .map(|at| if at < filled { '#' } else { '.' })
            .collect();
        let rate = f64::from(done) / self.begun.elapsed().as_secs_f64().max(0.001);
        format!(
            "[{bar}] {done}/{total}  {rate:.0}/s  {}",
            listed(&counted.by_status)
        )
    }

    /// Removes the line, and returns how often each status came.
    pub(crate) fn end(self) -> BTreeMap<String, u32> {
        let counted = self.counted.into_inner().unwrap_or_default();
        if self.is_terminal && counted.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        counted.by_status
    }
}

/// `200: 118  503: 2`.
pub(crate) fn listed(by_status: &BTreeMap<String, u32>) -> String {
    let all: Vec<_> = by_status
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    all.join("  ")
}
