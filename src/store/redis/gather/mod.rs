//! Claims and completions that come while a call is under way, and go to Redis together in the next one.
//!
//! Whoever comes while hardly anything is under way asks at once, for itself. What came meanwhile goes in
//! one script call when an answer is there, and so on until nobody waits: no timer, and no wait for a call
//! to be full. On one server there is one such lane, in a cluster one for each partition, since a script
//! keeps to one slot there, and since a master that is silent is to keep nobody waiting for another.
//!
//! One call of a script and no pipeline: commands that share a connection are pipelined as it is. What is
//! saved is Redis' work for each call.
//!
//! Each command is one of its own: what is wrong with one is told to its caller alone. A caller that goes
//! away before its command is sent asks nothing; after that it is carried out all the same, as one that
//! is sent alone is.

mod lane;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::store::error::{StoreError, StoreErrorKind};

use super::error::{Fault, Remedy, spans_slots};
use super::link::{Link, Told, ask_script};
use super::scripts::{Call, each_answer, strange};

use self::lane::Lane;

/// Sends commands over one connection, those that can together.
pub(super) struct Gatherer {
    link: Arc<Link>,
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
    pub(super) fn new(link: Arc<Link>, in_slots: Arc<AtomicBool>) -> Self {
        Self {
            link,
            in_slots,
            lanes: Mutex::default(),
        }
    }

    /// Asks for a claim or a completion of a record in this partition.
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

    async fn send(&self, mut batch: Vec<Asked>) {
        // Whoever waits no more asks nothing.
        batch.retain(|asked| !asked.tell.is_closed());
        let Some(latest) = batch.last().map(|asked| asked.deadline) else {
            return;
        };
        let sent = std::time::Instant::now();
        if batch.len() == 1 {
            for asked in batch {
                let answer = self.link.call_until(latest, &asked.call).await;
                let answer = answer.map(|value| Answered { value, sent });
                let _ = asked.tell.send(answer);
            }
            return;
        }
        let call = Call::each(batch.iter().map(|asked| &asked.call));
        let (answers, failed) = self.ask_each(latest, &call, batch.len()).await;
        if failed.as_ref().is_some_and(spans_slots) && !self.in_slots() {
            // A cluster behind one address. What was carried out bears being sent again.
            self.in_slots.store(true, Ordering::Relaxed);
            let mut partitions: BTreeMap<u32, Vec<Asked>> = BTreeMap::new();
            for asked in batch {
                partitions.entry(asked.partition).or_default().push(asked);
            }
            let calls = partitions.into_values().map(|batch| self.send(batch));
            Box::pin(join_all(calls)).await;
            return;
        }
        let failed = failed.map(|error| (not_full(error.kind()), Arc::new(error)));
        let mut answers = answers.into_iter();
        for asked in batch {
            let answer = match (answers.next(), &failed) {
                (Some(Ok(value)), _) => Ok(Answered { value, sent }),
                (_, Some((kind, error))) => {
                    Err(StoreError::new(*kind).with_source(Arc::clone(error)))
                }
                (Some(Err(error)), None) => Err(error),
                (None, None) => Err(strange().into()),
            };
            let _ = asked.tell.send(answer);
        }
    }

    /// What each command was answered; and where another try at some of them might have helped and has
    /// not, or at all of them, why.
    async fn ask_each(
        &self,
        deadline: Instant,
        call: &Call,
        count: usize,
    ) -> (Vec<Result<Value, StoreError>>, Option<StoreError>) {
        let latest = Mutex::new(Vec::new());
        let asking = self.link.run_until(deadline, |mut conn| {
            let latest = &latest;
            async move {
                let answers = each_answer(ask_script(&mut conn, call).await?, count)?;
                let passing = answers.iter().filter_map(|answer| answer.as_ref().err());
                let passing = passing.filter(|fault| fault.remedy() != Remedy::Nothing);
                match passing.min_by_key(|fault| fault.remedy() != Remedy::Reconnect) {
                    None => Ok(answers),
                    Some(fault) => {
                        let fault = fault.clone();
                        *lock(latest) = answers;
                        Err(fault)
                    }
                }
            }
        });
        match asking.await {
            Ok(Told { value, unsure, .. }) => {
                let own = |fault: Fault| match fault.kind() {
                    // An earlier attempt may have been carried out.
                    StoreErrorKind::Full if unsure => {
                        StoreError::new(StoreErrorKind::Unavailable).with_source(fault)
                    }
                    _ => StoreError::from(fault),
                };
                let answers = value.into_iter().map(|answer| answer.map_err(own));
                (answers.collect(), None)
            }
            Err(error) => {
                let answers = std::mem::take(&mut *lock(&latest)).into_iter();
                let answers = answers.map(|answer| answer.map_err(StoreError::from));
                (answers.collect(), Some(error))
            }
        }
    }

    fn in_slots(&self) -> bool {
        self.in_slots.load(Ordering::Relaxed)
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<u32, Lane<Asked>>> {
        lock(&self.lanes)
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
                Some(batch) => turn.gatherer.send(batch).await,
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
