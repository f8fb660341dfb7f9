//! The thread that writes queued lines.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::queue::{Shared, Taken};
use crate::clock::UnixTime;
use crate::recorded::{JournalError, JournalLine, JournalSink, Retained};

/// How long the writer waits for more, so that some hundred lines are one write.
const GATHER: Duration = Duration::from_millis(20);
/// How often the writer removes what is past its retention.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How soon the writer tries again after a failed write, at first and at most.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(2);
/// How long the writer keeps trying once the journal is closed.
const LAST_TRIES: Duration = Duration::from_secs(2);

/// Lines at which the sink panics this often are given up.
const MOST_PANICS: u32 = 3;

/// The outcome of writing some lines.
enum Written {
    Yes,
    /// The sink panics at them.
    Never,
    /// The journal was closed before a write succeeded.
    TooLate,
}

/// The sink panicked.
struct Panicked;

pub(super) struct Writer<S> {
    pub(super) shared: Arc<Shared>,
    pub(super) sink: S,
    pub(super) process: u32,
    /// The number of lines.
    pub(super) lines: u64,
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
                let written = self.write(&lines);
                self.shared.give_back(&taken.outcomes);
                match written {
                    Written::Yes => {}
                    Written::Never => self.shared.lose(&taken),
                    Written::TooLate => return,
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

    fn lines(&mut self, taken: &Taken) -> Vec<JournalLine> {
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
        for line in &mut lines {
            self.lines = self.lines.saturating_add(1);
            line.number = self.lines;
        }
        lines
    }

    /// Writes these lines, however long it takes.
    fn write(&mut self, lines: &[JournalLine]) -> Written {
        let (mut pause, mut panics) = (SOON, 0_u32);
        let mut closed_at = None;
        loop {
            let error = match self.guarded(|sink| sink.write(lines)) {
                Ok(Ok(())) => {
                    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
                    self.shared.written.fetch_add(count, Ordering::Relaxed);
                    return Written::Yes;
                }
                Ok(Err(error)) => error,
                Err(Panicked) => {
                    panics = panics.saturating_add(1);
                    if panics >= MOST_PANICS {
                        return Written::Never;
                    }
                    JournalError::new("its sink has panicked")
                }
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
                    return Written::TooLate;
                }
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(LATER);
        }
    }

    /// Calls the sink; a panic in it does not end the thread.
    fn guarded<T>(&mut self, call: impl FnOnce(&mut S) -> T) -> Result<T, Panicked> {
        let sink = &mut self.sink;
        catch_unwind(AssertUnwindSafe(|| call(sink))).map_err(|_| {
            self.shared.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(target: "tower_webhook", "the sink of the journal has panicked: it is called again");
            Panicked
        })
    }

    /// Removes some of what is past its retention; returns how long to wait before the next time.
    fn prune(&mut self) -> Duration {
        let retained = Retained {
            proved: self.retention,
            refused: self.retention_of_refused,
            now: UnixTime::now(),
        };
        match self.guarded(|sink| sink.prune(&retained)) {
            Ok(Ok(true)) => SOON,
            Ok(Ok(false)) | Err(Panicked) => PRUNE_EVERY,
            Ok(Err(error)) => {
                tracing::warn!(target: "tower_webhook", %error, "the journal cannot be pruned");
                PRUNE_EVERY
            }
        }
    }
}
