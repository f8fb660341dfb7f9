use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use super::report::{Report, RunEnd};
use super::run::{Run, jittered, share};
use super::turn::Turns;
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::runtime::Drain;

/// Finds undelivered events on a schedule and handles them; the [module](super) says how. Clones
/// are the same reconciler.
#[derive(Clone)]
pub struct Reconciler(Arc<Shared>);

struct Shared {
    run: Run,
    turns: Turns,
    settings: Settings,
    last: Mutex<Option<Report>>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) interval: Duration,
    pub(super) run_limit: Duration,
    pub(super) drain: Drain,
}

impl Reconciler {
    pub(super) fn new(run: Run, turns: Turns, settings: Settings) -> Self {
        Self(Arc::new(Shared {
            run,
            turns,
            settings,
            last: Mutex::new(None),
        }))
    }

    /// Runs at once and then on its schedule, until the drain begins. No error ends it.
    ///
    /// If dropped midway, it starts nothing more; handlers already running continue in their own
    /// tasks.
    pub async fn run(&self) {
        let drain = &self.0.settings.drain;
        let mut failures = 0;
        loop {
            let report = self.run_once().await;
            failures = match report.end {
                RunEnd::Source(_) | RunEnd::Store => failures + 1,
                _ => 0,
            };
            let interval = self.0.settings.interval;
            let pause = match failures {
                // Spreads the queries of a fleet's processes over time.
                0 => share(interval).saturating_add(interval / 4),
                _ => jittered(failures + 4).min(interval),
            };
            tokio::select! {
                biased;
                () = drain.begun() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Runs once, unless another process is running. If dropped midway, it leaves only a lease of
    /// half a minute behind.
    pub async fn run_once(&self) -> Report {
        let mut report = Report::default();
        report.end = self.run_into(&mut report).await;
        if report.end != RunEnd::Elsewhere {
            tracing::info!(
                target: "tower_webhook",
                provider = %self.0.run.webhook.provider(),
                report = %report,
                "a reconciliation has ended"
            );
            *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        }
        report
    }

    async fn run_into(&self, report: &mut Report) -> RunEnd {
        let shared = &*self.0;
        let drain = &shared.settings.drain;
        if drain.has_begun() {
            return RunEnd::Draining;
        }
        let turn = match shared.turns.take().await {
            Ok(Some(turn)) => turn,
            Ok(None) => return RunEnd::Elsewhere,
            Err(error) => {
                tracing::error!(
                    target: "tower_webhook",
                    provider = %shared.run.webhook.provider(),
                    error = %Printable(Chain(&error)),
                    "a reconciler cannot take its lease"
                );
                return RunEnd::Store;
            }
        };
        let end = tokio::select! {
            biased;
            () = drain.begun() => RunEnd::Draining,
            () = turn.keep() => return RunEnd::TakenOver,
            () = sleep(shared.settings.run_limit) => RunEnd::OutOfTime,
            ended = shared.run.pages(report) => match ended {
                Ok(()) => RunEnd::Complete,
                Err(end) => end,
            },
        };
        turn.give_back().await;
        end
    }

    /// The report of this process's last run.
    pub fn last_report(&self) -> Option<Report> {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The drain whose beginning ends [`Reconciler::run`].
    pub fn drain(&self) -> &Drain {
        &self.0.settings.drain
    }
}

impl fmt::Debug for Reconciler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &*self.0;
        f.debug_struct("Reconciler")
            .field("provider", shared.run.webhook.provider())
            .field("interval", &shared.settings.interval)
            .field("pace", &shared.run.pace)
            .field("last_report", &self.last_report())
            .finish_non_exhaustive()
    }
}
