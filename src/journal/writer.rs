//! The thread that writes what was queued.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::queue::{Shared, Taken};
use crate::clock::UnixTime;
use crate::recorded::JournalLine;
use crate::recorded::{JournalSink, Retained};

/// So long the writer waits for more, so that some hundred lines are one write.
const GATHER: Duration = Duration::from_millis(20);
/// How often it removes what is over.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How soon it tries again after a write has failed, at first and at last.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(2);
/// When the journal is closed, it tries no longer than this.
const LAST_TRIES: Duration = Duration::from_secs(2);

pub(super) struct Writer<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) sink: S,
    pub(super) process: u32,
    pub(super) retention: Duration,
    pub(super) retention_of_refused: Duration,
}

impl<S: JournalSink> Writer<S> {
    pub(super) fn run(mut self) {
        let mut prune_at = Instant::now();
        loop {
            let now = Instant::now();
            if now >= prune_at {
                prune_at = now + self.prune();
            }
            let taken = (self.shared).take(prune_at.saturating_duration_since(now));
            let lines = self.lines(&taken);
            if !lines.is_empty() {
                let was_written = self.write(&lines);
                self.shared.give_back(&taken.outcomes);
                if !was_written {
                    return;
                }
            }
            let Some(flush) = taken.drains else {
                continue;
            };
            self.shared.flushed(flush);
            if taken.is_last {
                return;
            }
            if !lines.is_empty() {
                std::thread::sleep(GATHER);
            }
        }
    }

    fn lines(&self, taken: &Taken) -> Vec<JournalLine> {
        let outcomes = taken.outcomes.iter();
        let mut lines: Vec<_> = outcomes.map(|it| it.line(self.process)).collect();
        #[cfg(feature = "page")]
        for (number, note) in taken.notes.iter().enumerate() {
            let id = format!(
                "{:016x}-{:08x}-operator{number}",
                note.at.as_micros(),
                self.process
            );
            let mut line = JournalLine::new(id, note.at, note.provider.clone(), "operator");
            line.authenticated = true;
            line.key.clone_from(&note.key);
            line.detail = Some(note.detail.clone());
            lines.push(line);
        }
        for (lost, is_proved) in taken.lost.into_iter().zip([true, false]) {
            if lost > 0 {
                let now = UnixTime::now();
                let id = format!("{:016x}-{:08x}-lost", now.as_micros(), self.process);
                let mut line = JournalLine::new(id, now, String::new(), "lost");
                line.authenticated = is_proved;
                line.lost = Some(lost);
                lines.push(line);
            }
        }
        lines
    }

    /// Writes these lines, however long that takes; `false` where the journal is closed meanwhile and it does not
    /// work out.
    fn write(&mut self, lines: &[JournalLine]) -> bool {
        let mut pause = SOON;
        let mut closed_at = None;
        loop {
            let Err(error) = self.sink.write(lines) else {
                let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
                self.shared.written.fetch_add(count, Ordering::Relaxed);
                return true;
            };
            if pause == SOON {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    target: "tower_webhook",
                    %error,
                    cause,
                    "the journal cannot be written; what finds no room until then is counted"
                );
            }
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
            if self.shared.is_closed() {
                let since = *closed_at.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_TRIES {
                    tracing::error!(
                        target: "tower_webhook",
                        lines = lines.len(),
                        "the journal has ended and could not be written: the last lines are missing"
                    );
                    return false;
                }
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(LATER);
        }
    }

    /// Removes some of what is over; gives how long to wait before the next time.
    fn prune(&mut self) -> Duration {
        let retained = Retained {
            proved: self.retention,
            refused: self.retention_of_refused,
            now: UnixTime::now(),
        };
        match self.sink.prune(&retained) {
            Ok(true) => SOON,
            Ok(false) => PRUNE_EVERY,
            Err(error) => {
                tracing::warn!(target: "tower_webhook", %error, "the journal cannot be pruned");
                PRUNE_EVERY
            }
        }
    }
}
