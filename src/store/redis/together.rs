//! Commands of the events of one delivery, which go to Redis together.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::Value;
use tokio::sync::oneshot;

use crate::event::{EventKey, Name};
use crate::store::Store;
use crate::store::command::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew,
};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::identity::StoreIdentity;
use crate::store::shared::SharedStore;

use super::error::{Fault, spans_slots};
use super::keys::{Layout, Place};
use super::link::Link;
use super::scripts::{self, Answer, Call};
use crate::store::server_clock::{self, ServerClock};

/// How many commands go in one script call: others get their turn between two.
const MOST_PER_CALL: usize = 100;

/// The records of a store, whose claims and completions are gathered for a moment and sent in one call
/// for each partition.
pub(super) struct Together<S> {
    store: S,
    shared: Arc<Shared>,
}

struct Shared {
    records: Records,
    claims: Gathered<Claim>,
    completions: Gathered<Complete>,
}

/// Where the records are.
pub(super) struct Records {
    pub(super) link: Arc<Link>,
    pub(super) layout: Layout,
    pub(super) clock: Arc<ServerClock>,
    /// Whether one script call must keep to one slot.
    pub(super) in_slots: Arc<AtomicBool>,
}

/// What several records are asked at once.
trait Grouped: Clone + Send + Sync + 'static {
    type Outcome: Send + 'static;

    fn key(&self) -> &EventKey;
    fn call(commands: &[(&Self, Place)]) -> Call;
    fn answer(value: Value) -> Result<Answer<Self::Outcome>, Fault>;
    fn gathered(shared: &Shared) -> &Gathered<Self>;
}

impl Grouped for Claim {
    type Outcome = ClaimOutcome;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn call(commands: &[(&Self, Place)]) -> Call {
        Call::claims(commands)
    }

    fn answer(value: Value) -> Result<Answer<ClaimOutcome>, Fault> {
        scripts::claim_answer(value)
    }

    fn gathered(shared: &Shared) -> &Gathered<Self> {
        &shared.claims
    }
}

impl Grouped for Complete {
    type Outcome = Held;

    fn key(&self) -> &EventKey {
        &self.key
    }

    fn call(commands: &[(&Self, Place)]) -> Call {
        Call::completions(commands)
    }

    fn answer(value: Value) -> Result<Answer<Held>, Fault> {
        scripts::held_answer(&value)
    }

    fn gathered(shared: &Shared) -> &Gathered<Self> {
        &shared.completions
    }
}

/// Commands that wait for their turn.
struct Gathered<C: Grouped>(Mutex<Vec<Asked<C>>>);

struct Asked<C: Grouped> {
    command: C,
    tell: oneshot::Sender<Result<C::Outcome, StoreError>>,
}

impl<C: Grouped> Gathered<C> {
    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Asked<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the first of those who ask owes to all of them. Where its runtime goes down before they are
/// asked for, they are told so, and the next to ask is a first again.
struct Turn<C: Grouped> {
    /// None once it has come.
    shared: Option<Arc<Shared>>,
    _commands: PhantomData<fn() -> C>,
}

impl<C: Grouped> Turn<C> {
    fn of(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Some(Arc::clone(shared)),
            _commands: PhantomData,
        }
    }

    fn asked(shared: &Shared) -> Vec<Asked<C>> {
        std::mem::take(&mut *C::gathered(shared).all())
    }

    async fn come(mut self) {
        if let Some(shared) = self.shared.take() {
            shared.records.ask_together(Self::asked(&shared)).await;
        }
    }
}

impl<C: Grouped> Drop for Turn<C> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            drop(Self::asked(&shared));
        }
    }
}

impl<S> Together<S> {
    pub(super) fn new(store: S, records: Records) -> Self {
        let shared = Shared {
            records,
            claims: Gathered::new(),
            completions: Gathered::new(),
        };
        Self {
            store,
            shared: Arc::new(shared),
        }
    }

    /// Asks with those who ask at the same time.
    async fn ask<C: Grouped>(&self, command: &C) -> Result<C::Outcome, StoreError> {
        let (tell, told) = oneshot::channel();
        let command = command.clone();
        let is_first = {
            let mut all = C::gathered(&self.shared).all();
            all.push(Asked { command, tell });
            all.len() == 1
        };
        if is_first {
            let turn = Turn::<C>::of(&self.shared);
            tokio::spawn(async move {
                // Behind those that are ready to run, who ask too.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                turn.come().await;
            });
        }
        let lost = || StoreError::new(StoreErrorKind::Unavailable);
        told.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl Records {
    async fn ask_together<C: Grouped>(&self, asked: Vec<Asked<C>>) {
        // Whoever waits no more asks nothing.
        let asked = asked.into_iter().filter(|asked| !asked.tell.is_closed());
        let in_slots = self.in_slots.load(Ordering::Relaxed);
        let mut groups: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for asked in asked {
            let place = self.layout.place(asked.command.key());
            let group = if in_slots { place.partition } else { 0 };
            groups.entry(group).or_default().push((asked, place));
        }
        let mut calls = Vec::new();
        for mut members in groups.into_values() {
            while !members.is_empty() {
                let rest = members.split_off(members.len().min(MOST_PER_CALL));
                calls.push(self.ask_group(members));
                members = rest;
            }
        }
        let spanning: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
        if !spanning.is_empty() {
            // A cluster behind one address. What was carried out bears being sent again.
            self.in_slots.store(true, Ordering::Relaxed);
            Box::pin(self.ask_together(spanning)).await;
        }
    }

    /// Asks in one call, and gives those back whose keys are found to be of several slots.
    async fn ask_group<C: Grouped>(&self, members: Vec<(Asked<C>, Place)>) -> Vec<Asked<C>> {
        let commands: Vec<_> = (members.iter())
            .map(|(asked, place)| (&asked.command, place.clone()))
            .collect();
        let (call, sent) = (C::call(&commands), Instant::now());
        let answered = self.link.call(&call).await;
        let answers = answered.and_then(|value| Ok(scripts::each_answer(value, members.len())?));
        let asked = |(asked, _): (Asked<C>, Place)| asked;
        match answers {
            Ok(answers) => {
                for ((asked, place), value) in members.into_iter().zip(answers) {
                    let answer = C::answer(value).map_err(StoreError::from);
                    let outcome = answer.map(|Answer { outcome, now }| {
                        if let Some(moved) = self.clock.step(place.partition, sent, now) {
                            server_clock::log("Redis", &self.link, moved);
                        }
                        outcome
                    });
                    let _ = asked.tell.send(outcome);
                }
                Vec::new()
            }
            Err(error) if spans_slots(&error) && !self.in_slots.load(Ordering::Relaxed) => {
                members.into_iter().map(asked).collect()
            }
            Err(error) => {
                // Of several, some may have been carried out: that is not the promise of `Full`.
                let kind = match error.kind() {
                    StoreErrorKind::Full if members.len() > 1 => StoreErrorKind::Unavailable,
                    kind => kind,
                };
                let error = Arc::new(error);
                for asked in members.into_iter().map(asked) {
                    let told = StoreError::new(kind).with_source(Arc::clone(&error));
                    let _ = asked.tell.send(Err(told));
                }
                Vec::new()
            }
        }
    }
}

impl<S: Store> Store for Together<S> {
    fn identity(&self) -> Option<StoreIdentity> {
        self.store.identity()
    }

    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.ask(claim).await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        self.ask(complete).await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        self.store.release(release).await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        self.store.renew(renewals).await
    }

    fn for_renewals(&self) -> Option<SharedStore> {
        self.store.for_renewals()
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.store.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.store.lookup(key).await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.store.forget(key).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.store.forget_done(key).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        self.store.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }
}
