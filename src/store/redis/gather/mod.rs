//! Commands that come while a call is under way, and go to Redis together in the next one: claims and
//! completions of records, and what is said of the entries of an inbox.
//!
//! Whoever comes while hardly anything is under way asks at once, for itself. What came meanwhile goes in
//! one script call when an answer is there, and so on until nobody waits: no timer, and no wait for a call
//! to be full. On one server there is one such lane, in a cluster one for each partition, since a script
//! keeps to one slot there, and since a master that is silent is to keep nobody waiting for another.
//!
//! One call of a script and no pipeline: commands that share a connection are pipelined as it is. What is
//! saved is Redis' work for each call.
//!
//! Each command is one of its own: what is wrong with one is told to its caller alone, and keeps nobody
//! waiting who has an answer. A caller that goes away before its command is sent asks nothing; after that it
//! is carried out all the same, as one that is sent alone is. It is not sent again for a caller that has
//! gone: who goes may give back what it asked for, and a claim that came again after that would hold the
//! event for nobody.

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

/// Sends commands over one connection, those that can together.
pub(super) struct Gatherer {
    link: Arc<Link>,
    /// The script that carries out several.
    each: &'static Source,
    /// Whether one script call must keep to one slot.
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

/// What was answered, and when that was asked.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) value: Value,
    pub(super) sent: std::time::Instant,
}

/// Whom a command goes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// It goes at once where hardly a call is under way.
    Any,
    /// Others come at the same time: it lets them come first.
    Expected,
}

enum Place {
    /// It goes at once.
    First(Turn, Call),
    Waits(oneshot::Receiver<Result<Answered, StoreError>>),
}

impl Gatherer {
    /// For commands that this script knows.
    pub(super) fn new(link: Arc<Link>, each: &'static Source, in_slots: Arc<AtomicBool>) -> Self {
        Self {
            link,
            each,
            in_slots,
            lanes: Mutex::default(),
        }
    }

    /// Asks for a command on what is in this partition.
    pub(super) async fn ask(
        self: &Arc<Self>,
        call: Call,
        partition: u32,
        company: Company,
    ) -> Result<Answered, StoreError> {
        let (deadline, place) = self.enter(call, partition, company);
        let told = match place {
            Place::First(turn, call) => {
                // Dropped with this future too: the others go on.
                let _lead = Lead(Some(turn));
                let sent = std::time::Instant::now();
                // Boxed: where many come, hardly anybody goes alone, and all would carry it.
                let value = Box::pin(self.link.call_until(deadline, &call)).await?;
                return Ok(Answered { value, sent });
            }
            Place::Waits(told) => told,
        };
        match timeout_at(deadline, told).await {
            Ok(Ok(result)) => result,
            // The runtime that was to ask has gone down.
            Ok(Err(_)) => Err(StoreError::new(StoreErrorKind::Unavailable)),
            Err(_) => Err(self.link.out_of_time()),
        }
    }

    /// The place of a command among the others.
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
                // Behind those that are ready to run, who ask too.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                rest.go_on().await;
            });
        }
        (deadline, Place::Waits(told))
    }

    /// Sends commands; `unsure` where they may have been carried out before.
    async fn send(&self, mut batch: Vec<Asked>, unsure: bool) {
        // Whoever waits no more asks nothing.
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
                // One after the other: the client announces each to the other server by an `ASKING`, and a
                // command that comes between the two would use it up.
                for asked in batch {
                    self.send_one(latest, asked, unsure).await;
                }
            }
            // What was gathered before that was known is of several partitions still.
            Err(error) if spans_slots(&error) && are_of_several_partitions(&batch) => {
                // A cluster behind one address. What was carried out bears being sent again.
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

    /// Sends a command for as long as somebody waits for its answer.
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

    /// What each command was answered, unless another try at all of them might have helped and has not.
    /// `None` where their slot is on its way to another server, and neither of the two has all of the records.
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
                // Asked together they would be told so until the whole slot has moved.
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
            // Nobody hears those in between.
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

/// An error as the caller is told it; an earlier attempt may have been carried out where it is `unsure`.
fn told_of(error: StoreError, unsure: bool) -> StoreError {
    match error.kind() {
        StoreErrorKind::Full if unsure => {
            StoreError::new(StoreErrorKind::Unavailable).with_source(error)
        }
        _ => error,
    }
}

/// Of several commands some may have been carried out: that is not the promise of `Full`.
fn not_full(kind: StoreErrorKind) -> StoreErrorKind {
    match kind {
        StoreErrorKind::Full => StoreErrorKind::Unavailable,
        kind => kind,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing can fail half-way while one is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to ask on one lane.
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

/// A caller's turn for its own command. At its end, or where the caller goes away, those who came
/// meanwhile are sent by a task.
struct Lead(Option<Turn>);

impl Drop for Lead {
    fn drop(&mut self) {
        let Some(turn) = self.0.take() else { return };
        if turn.lane(|lane| lane.goes_on(turn.number)) {
            let rest = Rest(Some(turn));
            // Outside of any runtime those who wait are told so.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(rest.go_on());
            }
        }
    }
}

/// The turn of those who wait. Where its runtime goes down they are told so, and the next to ask begins
/// another.
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
