//! Which connection a worker uses, and what it does without one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::store::postgres::batch::Batch;
use crate::store::postgres::commands::Commands;
use crate::store::postgres::error::{Cause, Fault};
use crate::store::postgres::idle::Rested;
use crate::store::postgres::link::Link;

use super::{PAUSE, Worker, jitter};

/// The longest pause between two tries to connect in the background.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long to wait for an idle connection's response, and at most a quarter of the deadline.
const ASKED_FOR: Duration = Duration::from_millis(250);

impl<C: Commands> Worker<C> {
    /// The current connection, if it can be used.
    pub(super) async fn usable(&mut self) -> Option<Link> {
        let mut link = self.link()?;
        let (idle, now) = (&self.shared.sessions.idle, Instant::now());
        match idle.judge(link.used, now) {
            Rested::Briefly => return Some(link),
            Rested::Forgotten => return None,
            Rested::Long => {}
        }
        let limit = ASKED_FOR.min(self.shared.sessions.deadline() / 4);
        match timeout(limit, link.answers()).await {
            Ok(answers) => answers.then_some(link),
            Err(_) => {
                idle.was_silent(now);
                None
            }
        }
    }

    /// The current connection, unless statements are prepared on it and must no longer be.
    pub(super) fn link(&mut self) -> Option<Link> {
        let is_on = self.shared.sessions.preparing.is_on();
        self.link.take().filter(|link| is_on || !link.has_names())
    }

    /// Keeps a connection that was used successfully.
    pub(super) fn keep(&mut self, mut link: Link) {
        link.used = Instant::now();
        self.link = Some(link);
    }

    /// A new connection for commands. The wait is short if other workers have one and can serve.
    pub(super) async fn connect(&mut self, give_up: Instant) -> Result<Link, Fault> {
        let sessions = &self.shared.sessions;
        let others_serve = self.others_serve();
        let limit = match others_serve {
            true => give_up.min(Instant::now() + sessions.deadline() / 4),
            false => give_up,
        };
        let connected = match timeout_at(limit, sessions.link()).await {
            Ok(connected) => connected,
            Err(_) if others_serve => Err(Fault::new(Cause::Connection, "no connection in time")),
            Err(_) => Err(Fault::slow()),
        };
        self.heed(&connected);
        connected
    }

    /// Notes the result of an attempt to connect.
    pub(super) fn heed(&mut self, connected: &Result<Link, Fault>) {
        self.refused = match connected {
            Ok(_) => None,
            Err(_) => self.refused.or(Some(PAUSE)),
        };
    }

    /// Whether another worker has a connection with no overdue call. This one has none.
    fn others_serve(&self) -> bool {
        let linked = self.shared.sessions.linked.load(Ordering::Relaxed);
        linked > self.shared.overdue.load(Ordering::Relaxed)
    }

    /// Whether it could not connect, and another worker can take new commands.
    pub(super) fn stands_by(&self) -> bool {
        self.refused.is_some()
            && self.link.is_none()
            && self.ready.is_empty()
            && self.others_serve()
    }

    /// Tries to connect once in the background: no command waits for it.
    pub(super) async fn connect_beside(&mut self) {
        let pause = self.refused.unwrap_or(PAUSE);
        sleep(jitter(pause)).await;
        match self.shared.sessions.link().await {
            Ok(link) => {
                self.refused = None;
                self.keep(link);
            }
            Err(_) => self.refused = Some(pause.saturating_mul(2).min(LONGEST_PAUSE)),
        }
    }

    /// Whether these failed only because this worker lacks a connection that others have.
    pub(super) fn is_for_others(&self, batch: &Batch<C>) -> bool {
        self.refused.is_some() && self.link.is_none() && !batch.unsure && self.others_serve()
    }

    /// Ends commands that met this fault, or leaves them to workers that have a connection.
    pub(super) fn fail(&mut self, batch: Batch<C>, fault: &Fault) {
        if !self.is_for_others(&batch) {
            return self.end(batch.failed(fault));
        }
        let mut jobs = batch.into_jobs();
        let mut ended = 0;
        // Commands that waited for them follow them.
        while ended < jobs.len() {
            let places = jobs.iter().skip(ended).filter_map(|job| job.place());
            let ready = self.shared.flights.end(self.number, places);
            ended = jobs.len();
            jobs.extend(ready);
        }
        for job in jobs {
            self.shared.gathering.hand_over(job, Instant::now());
        }
    }
}
