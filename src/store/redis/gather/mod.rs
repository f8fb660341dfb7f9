//! Gathers commands that arrive while a call is under way, and sends them to Redis together in the next
//! one: claims and completions of records, and commands on the entries of an inbox.
//!
//! A command that arrives while few calls are under way is sent at once, alone. Commands that arrive in
//! the meantime go in one script call when an answer is there, and so on until none waits: there is no
//! timer, and no wait for a call to be full. On one server there is one such lane. In a cluster there is
//! one for each partition, since a script must stay in one slot there, and a silent master must not delay
//! commands for another.
//!
//! It is one script call rather than a pipeline: commands that share a connection are pipelined anyway.
//! The gain is the work of Redis for each call.
//!
//! Each command is independent: an error of one is reported only to its caller, and delays no caller that
//! has an answer. If a caller goes away before its command is sent, the command is not sent. If it goes away
//! later, the command is carried out nevertheless, like one that is sent alone. But it is not sent again for
//! a caller that is gone: that caller may give back what it asked for, and a claim that arrived after that
//! would hold the event for nobody.

mod lane;

use std::collections::BTreeMap;
use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, join_all, select};
use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::store::error::{StoreError, StoreErrorKind};

use super::error::{Fault, Remedy, spans_slots};
use super::link::{Link, Told, ask_script};
use super::scripts::{Call, Source, each_answer, strange};

use self::lane::Lane;

/// Sends commands over one connection, together if possible.
pub(super) struct Gatherer {
    link: Arc<Link>,
    /// The script that carries out several commands.
    each: &'static Source,
    /// Whether one script call must stay in one slot.
    in_slots: Arc<AtomicBool>,
    lanes: Mutex<BTreeMap<u32, Lane<Asked>>>,
}

/// A command that waits for its answer.
struct Asked {
    call: Call,
    partition: u32,
    deadline: Instant,
    tell: oneshot::Sender<Result<Answered, StoreError>>,
}

/// An answer, and when its command was sent.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) value: Value,
    pub(super) sent: std::time::Instant,
}

/// Which other commands a command goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// It goes at once if few calls are under way.
    Any,
    /// Others arrive at the same time, so it waits for them to be queued first.
    Expected,
}

enum Place {
    /// The command goes at once.
    First(Turn, Call),
    Waits(oneshot::Receiver<Result<Answered, StoreError>>),
}

impl Gatherer {
    /// For commands that this script supports.
    pub(super) fn new(link: Arc<Link>, each: &'static Source, in_slots: Arc<AtomicBool>) -> Self {
        Self {
            link,
            each,
            in_slots,
            lanes: Mutex::default(),
        }
    }

    /// Sends a command that concerns this partition.
    pub(super) async fn ask(
        self: &Arc<Self>,
        call: Call,
        partition: u32,
        company: Company,
    ) -> Result<Answered, StoreError> {
        let (deadline, place) = self.enter(call, partition, company);
        let told = match place {
            Place::First(turn, call) => {
                // If this future is dropped, so is this, and the others continue.
                let _lead = Lead(Some(turn));
                let sent = std::time::Instant::now();
                // Boxed: under load, few commands go alone, but each future would be larger.
                let value = Box::pin(self.link.call_until(deadline, &call)).await?;
                return Ok(Answered { value, sent });
            }
            Place::Waits(told) => told,
        };
        match timeout_at(deadline, told).await {
            Ok(Ok(result)) => result,
            // The runtime that was to send the command has shut down.
            Ok(Err(_)) => Err(StoreError::new(StoreErrorKind::Unavailable)),
            Err(_) => Err(self.link.out_of_time()),
        }
    }

    /// Decides whether a command goes at once or waits with others.
    fn enter(self: &Arc<Self>, call: Call, partition: u32, company: Company) -> (Instant, Place) {
        let (now, longest) = (Instant::now(), self.link.deadline());
        let deadline = now + longest;
        let number = if self.in_slots() { partition } else { 0 };
        let mut lanes = self.lanes();
        let lane = lanes.entry(number).or_default();
        let turn = lane.begin(now, longest).map(|turn| Turn {
            gatherer: Arc::clone(self),
            lane: number,
            number: turn,
        });
        let rest = match turn {
            Some(turn) if company == Company::Any && lane.is_empty() => {
                return (deadline, Place::First(turn, call));
            }
            turn => turn.map(|turn| Rest(Some(turn))),
        };
        let (tell, told) = oneshot::channel();
        lane.wait(Asked {
            call,
            partition,
            deadline,
            tell,
        });
        drop(lanes);
        if let Some(rest) = rest {
            tokio::spawn(async move {
                // After tasks that are ready to run, which may queue commands too.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                rest.go_on().await;
            });
        }
        (deadline, Place::Waits(told))
    }

    /// Sends commands; `unsure` if they may have been carried out before.
    async fn send(&self, mut batch: Vec<Asked>, unsure: bool) {
        // Commands whose callers no longer wait are not sent.
        batch.retain(|asked| !asked.tell.is_closed());
        let Some(latest) = batch.last().map(|asked| asked.deadline) else {
            return;
        };
        if batch.len() == 1 {
            for asked in batch {
                self.send_one(latest, asked, unsure).await;
            }
            return;
        }
        let sent = std::time::Instant::now();
        match self.ask_each(latest, &batch).await {
            Ok(Told {
                value: Some(answers),
                unsure: before,
                ..
            }) => {
                let unsure = unsure || before;
                let mut again = Vec::new();
                for (asked, answer) in batch.into_iter().zip(answers) {
                    let answer = match answer {
                        Ok(value) => Ok(Answered { value, sent }),
                        Err(fault) if may_pass(&fault) => {
                            again.push(asked);
                            continue;
                        }
                        Err(fault) => Err(told_of(StoreError::from(fault), unsure)),
                    };
                    let _ = asked.tell.send(answer);
                }
                if !again.is_empty() {
                    Box::pin(self.send(again, unsure)).await;
                }
            }
            Ok(Told { unsure: before, .. }) => {
                let unsure = unsure || before;
                // One after another: the client precedes each to the other server with an `ASKING`, and a
                // command in between would use it up.
                for asked in batch {
                    self.send_one(latest, asked, unsure).await;
                }
            }
            // Commands gathered before this was known may still be of several partitions.
            Err(error) if spans_slots(&error) && are_of_several_partitions(&batch) => {
                // A cluster behind one address. Commands can safely be sent again.
                self.in_slots.store(true, Ordering::Relaxed);
                let mut partitions: BTreeMap<u32, Vec<Asked>> = BTreeMap::new();
                for asked in batch {
                    partitions.entry(asked.partition).or_default().push(asked);
                }
                let calls = partitions.into_values().map(|batch| self.send(batch, true));
                Box::pin(join_all(calls)).await;
            }
            Err(error) => {
                let kind = not_full(error.kind());
                let fault: Option<&Fault> = error.source().and_then(|it| it.downcast_ref());
                for asked in batch {
                    let told = StoreError::new(kind);
                    let told = match fault {
                        Some(fault) => told.with_source(fault.clone()),
                        None => told,
                    };
                    let _ = asked.tell.send(Err(told));
                }
            }
        }
    }

    /// Sends a command for as long as its caller waits for the answer.
    async fn send_one(&self, deadline: Instant, asked: Asked, unsure: bool) {
        let Asked { call, mut tell, .. } = asked;
        let sent = std::time::Instant::now();
        let answer = {
            let asking = pin!(self.link.call_until(deadline, &call));
            match select(asking, pin!(tell.closed())).await {
                Either::Left((answer, _)) => answer,
                Either::Right(((), _)) => return,
            }
        };
        let answer = answer.map(|value| Answered { value, sent });
        let _ = tell.send(answer.map_err(|error| told_of(error, unsure)));
    }

    /// The answer to each command, or an error if another try might have helped all of them and no try
    /// succeeded. `None` if their slot is being migrated to another server, and neither server has all of the
    /// records.
    async fn ask_each(
        &self,
        deadline: Instant,
        batch: &[Asked],
    ) -> Result<Told<Option<Vec<Result<Value, Fault>>>>, StoreError> {
        let asking = self.link.run_until(deadline, |mut conn| async move {
            let waits: Vec<_> = (batch.iter().map(|asked| !asked.tell.is_closed())).collect();
            let waiting = batch.iter().zip(&waits).filter(|(_, waits)| **waits);
            let calls: Vec<_> = waiting.map(|(asked, _)| &asked.call).collect();
            if calls.is_empty() {
                return Ok(Some(Vec::new()));
            }
            let call = Call::each(self.each, calls.iter().copied());
            let value = match ask_script(&mut conn, &call).await {
                // Sent together, they would fail like this until the whole slot has moved.
                Err(fault) if fault.is_split_slot() => return Ok(None),
                value => value?,
            };
            let answers = each_answer(value, calls.len())?;
            let passing = answers.iter().filter_map(|answer| answer.as_ref().err());
            let passing: Vec<_> = passing.filter(|fault| may_pass(fault)).collect();
            if passing.len() == answers.len() {
                let first = passing.into_iter();
                let first = first.min_by_key(|fault| fault.remedy() != Remedy::Reconnect);
                return Err(first.cloned().unwrap_or_else(strange));
            }
            // Commands without a waiting caller were not sent.
            let mut answers = answers.into_iter();
            let mut answer = |waits: &bool| waits.then(|| answers.next()).flatten();
            let answers = waits
                .iter()
                .map(|waits| answer(waits).unwrap_or_else(|| Err(strange())));
            Ok(Some(answers.collect()))
        });
        asking.await
    }

    fn in_slots(&self) -> bool {
        self.in_slots.load(Ordering::Relaxed)
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<u32, Lane<Asked>>> {
        lock(&self.lanes)
    }
}

fn are_of_several_partitions(batch: &[Asked]) -> bool {
    let mut pairs = batch.windows(2);
    pairs.any(|pair| matches!(pair, [one, other] if one.partition != other.partition))
}

/// Whether another try may help.
fn may_pass(fault: &Fault) -> bool {
    fault.remedy() != Remedy::Nothing
}

/// The error for the caller; if `unsure`, an earlier attempt may have been carried out.
fn told_of(error: StoreError, unsure: bool) -> StoreError {
    match error.kind() {
        StoreErrorKind::Full if unsure => {
            StoreError::new(StoreErrorKind::Unavailable).with_source(error)
        }
        _ => error,
    }
}

/// Some of several commands may have been carried out, which `Full` rules out.
fn not_full(kind: StoreErrorKind) -> StoreErrorKind {
    match kind {
        StoreErrorKind::Full => StoreErrorKind::Unavailable,
        kind => kind,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can fail half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to send calls on one lane.
struct Turn {
    gatherer: Arc<Gatherer>,
    lane: u32,
    number: u64,
}

impl Turn {
    fn lane<T>(&self, look: impl FnOnce(&mut Lane<Asked>) -> T) -> T {
        look(self.gatherer.lanes().entry(self.lane).or_default())
    }

    fn next(&self) -> Option<Vec<Asked>> {
        self.lane(|lane| lane.next(self.number, Instant::now(), |asked| asked.call.size()))
    }
}

/// A caller's turn for its own command. At its end, or if the caller goes away, a task sends the
/// commands that arrived in the meantime.
struct Lead(Option<Turn>);

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(turn) = self.0.take() else { return };
        if turn.lane(|lane| lane.goes_on(turn.number)) {
            let rest = Rest(Some(turn));
            // Without a runtime, the waiting commands fail.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(rest.go_on());
            }
        }
    }
}

/// A turn for waiting commands. If its runtime shuts down, they fail, and the next caller begins
/// another turn.
struct Rest(Option<Turn>);

impl Rest {
    async fn go_on(mut self) {
        while let Some(turn) = &self.0 {
            match turn.next() {
                Some(batch) => turn.gatherer.send(batch, false).await,
                None => self.0 = None,
            }
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(turn) = self.0.take() {
            drop(turn.lane(|lane| lane.give_up(turn.number)));
        }
    }
}
