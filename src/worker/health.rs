//! The health of a worker and its inbox.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::run::Worker;
use crate::clock::UnixTime;
use crate::event::Name;
use crate::health::{Health, HealthCode, HealthStatus, span};
use crate::inbox::{EntryStatus, Inbox, List};
use crate::printable::Printable;
use crate::rejection_cause::Chain;
use crate::store::{StoreError, StoreErrorKind};

/// How long the inbox may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(2);
/// A worker that has taken nothing for this long because every place was taken is reported.
const BUSY_FOR: Duration = Duration::from_secs(60);

impl Worker {
    /// Its health: whether it is at work, reaches its inbox and has places left. See
    /// [`health`](crate::health). It queries nothing.
    ///
    /// ```
    /// use tower_webhook::inbox::MemoryInbox;
    /// use tower_webhook::worker::InboxExt;
    /// use tower_webhook::{PathTokens, Webhook, provider};
    ///
    /// let inbox = MemoryInbox::new();
    /// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
    /// let bloque = Webhook::new(provider::bloque_accounts(tokens)).inbox(inbox.clone()).build()?;
    /// let worker = inbox.worker().on(&bloque, async || {}).build()?;
    /// let health = worker.health();
    /// assert_eq!(health.to_string(), "failing\nfailing worker worker_stopped: nobody has called run()");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health(&self) -> Health {
        let shared = &*self.0;
        let (status, now) = (self.status(), UnixTime::now());
        let facts = WorkerFacts {
            is_draining: self.drain().has_begun(),
            is_at_work: shared.at_work.load(Ordering::Relaxed) > 0,
            failures: shared.failures.load(Ordering::Relaxed),
            last_asked: status.last_asked.map(|at| now.saturating_since(at)),
            running: status.running,
            places: shared.settings.concurrency,
        };
        facts.judge()
    }
}

#[cfg(feature = "metrics")]
impl Worker {
    /// Sets the gauges of a worker: how many handlers run, how many may, and how many consecutive polls of
    /// the inbox have failed. Call it whenever the metrics are collected, for only one worker per process.
    ///
    /// ```
    /// # fn read(worker: &tower_webhook::worker::Worker) {
    /// worker.record_metrics();
    /// # }
    /// ```
    pub fn record_metrics(&self) {
        let shared = &*self.0;
        let failures = shared.failures.load(Ordering::Relaxed);
        let places = shared.settings.concurrency;
        crate::metrics::set_worker(self.status().running, places, failures);
    }
}

/// The facts by which the health of a worker is judged.
struct WorkerFacts {
    is_draining: bool,
    is_at_work: bool,
    failures: u32,
    last_asked: Option<Duration>,
    running: usize,
    places: usize,
}

impl WorkerFacts {
    fn judge(&self) -> Health {
        let Self {
            is_draining,
            is_at_work,
            failures,
            last_asked,
            running,
            places,
        } = *self;
        let mut health = Health::default();
        let mut add = |code, status, detail: String| health.add(code, status, "worker", detail);
        if is_draining {
            let detail = format!("it takes nothing more, and {running} handlers run");
            add(HealthCode::Draining, HealthStatus::Failing, detail);
        } else if !is_at_work {
            let detail = match last_asked {
                None => "nobody has called run()",
                Some(_) => "run() was dropped",
            };
            add(
                HealthCode::WorkerStopped,
                HealthStatus::Failing,
                detail.to_owned(),
            );
        }
        if failures > 0 {
            let since = last_asked.map_or("yet".to_owned(), |ago| format!("for {}", span(ago)));
            let detail = format!(
                "the inbox has answered none of {failures} calls: nothing was taken {since}"
            );
            add(HealthCode::StoreOutOfReach, HealthStatus::Failing, detail);
        } else if running >= places && last_asked.is_some_and(|ago| ago >= BUSY_FOR) {
            let ago = last_asked.map(span).unwrap_or_default();
            let detail = format!("all of {places} handlers were busy for {ago}: others wait");
            add(HealthCode::WorkerBusy, HealthStatus::Degraded, detail);
        }
        health.sorted()
    }
}

pub(super) async fn of_inbox(inbox: &impl Inbox) -> Health {
    let mut health = Health::default();
    let mut add = |code, status, detail: String| health.add(code, status, "inbox", detail);
    // Not all entries are counted: there can be millions that are done.
    let list = List::of(EntryStatus::Dead);
    let most = list.limit;
    let asked = async { Ok((inbox.paused().await?, inbox.list(&list).await?.len())) };
    let answer = timeout(ASK_LIMIT, asked).await;
    match answer.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::TimedOut))) {
        Err(error) => {
            let detail = format!("asked just now: {}", Printable(Chain(&error)));
            add(HealthCode::StoreOutOfReach, HealthStatus::Failing, detail);
        }
        Ok((paused, dead)) => {
            if !paused.is_empty() {
                let names: Vec<_> = paused.iter().map(Name::as_str).collect();
                let detail = format!("no worker takes events of {}", names.join(", "));
                add(HealthCode::Paused, HealthStatus::Degraded, detail);
            }
            if dead > 0 {
                let more = if dead < most { "" } else { " or more" };
                let detail =
                    format!("{dead} events{more} are in the dead letters: nobody runs them again");
                add(HealthCode::DeadLetters, HealthStatus::Degraded, detail);
            }
        }
    }
    health.sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// A healthy worker.
    fn well() -> WorkerFacts {
        WorkerFacts {
            is_draining: false,
            is_at_work: true,
            failures: 0,
            last_asked: Some(secs(1)),
            running: 3,
            places: 16,
        }
    }

    #[test]
    fn a_worker_is_judged_by_its_loop_its_inbox_and_its_places() {
        let told = |spoil: fn(&mut WorkerFacts)| {
            let mut facts = well();
            spoil(&mut facts);
            let health = facts.judge();
            health
                .reasons()
                .first()
                .map(|it| (it.code().code(), it.status()))
        };
        use HealthStatus::{Degraded, Failing};
        assert_eq!(told(|_| {}), None);
        assert_eq!(
            told(|it| it.is_draining = true),
            Some(("draining", Failing))
        );
        assert_eq!(
            told(|it| it.is_at_work = false),
            Some(("worker_stopped", Failing))
        );
        assert_eq!(
            told(|it| it.failures = 1),
            Some(("store_out_of_reach", Failing))
        );
        let busy = told(|it| (it.running, it.last_asked) = (16, Some(secs(60))));
        assert_eq!(busy, Some(("worker_busy", Degraded)));
        assert_eq!(
            told(|it| (it.running, it.last_asked) = (16, Some(secs(59)))),
            None
        );
    }
}
