//! A store whose calls fail as the test specifies, around one that works.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tower_webhook::store::{
    Claim, ClaimOutcome, Complete, Counts, Held, RecordView, Release, Renew, Store, StoreError,
    StoreErrorKind,
};
use tower_webhook::{EventKey, MemoryStore, Name};

use super::wait::{LIMIT, within};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Claim,
    Complete,
    Release,
    Renew,
    Lookup,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing happens, and the store reports this error.
    Fails(StoreErrorKind),
    /// Nothing happens and no answer comes.
    Hangs,
    /// It happens, but an error is returned instead of the answer.
    LosesReply,
    /// It happens, and no answer comes.
    HangsAfter,
    /// The record is lost first.
    Forgets,
    /// Nothing happens, and the store reports that somebody else holds the event.
    Fences,
    /// It happens once the gate is open.
    Waits,
    /// The same, but the thread is blocked until then.
    Stands,
}

/// Clones share their faults.
#[derive(Debug, Clone)]
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    plan: Arc<Mutex<Plan>>,
    calls: watch::Sender<Vec<Op>>,
    gate: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Plan {
    next: HashMap<Op, VecDeque<Fault>>,
    always: HashMap<Op, Fault>,
}

impl FaultyStore {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            plan: Arc::default(),
            calls: watch::Sender::new(Vec::new()),
            gate: watch::Sender::new(false),
        }
    }

    /// A store whose calls all fail in this way.
    pub(crate) fn broken(fault: Fault) -> Self {
        let store = Self::new(MemoryStore::new());
        for op in [Op::Claim, Op::Complete, Op::Release, Op::Renew, Op::Lookup] {
            store.always(op, fault);
        }
        store
    }

    /// The next calls fail in these ways, one after another.
    pub(crate) fn next(&self, op: Op, faults: impl IntoIterator<Item = Fault>) {
        let mut plan = self.plan.lock().unwrap();
        plan.next.entry(op).or_default().extend(faults);
    }

    /// Every call fails in this way until [`FaultyStore::heal`].
    pub(crate) fn always(&self, op: Op, fault: Fault) {
        self.plan.lock().unwrap().always.insert(op, fault);
    }

    pub(crate) fn heal(&self, op: Op) {
        let mut plan = self.plan.lock().unwrap();
        plan.always.remove(&op);
        plan.next.remove(&op);
    }

    /// Releases all calls that wait at the gate, now and later.
    pub(crate) fn open_the_gate(&self) {
        self.gate.send_replace(true);
    }

    /// The number of calls.
    pub(crate) fn calls(&self, op: Op) -> usize {
        count(&self.calls.borrow(), op)
    }

    /// Waits until there have been this many calls.
    pub(crate) async fn called(&self, op: Op, times: usize) {
        let mut news = self.calls.subscribe();
        let what = format!("call {times} of {op:?}");
        let _ = within(&what, news.wait_for(|calls| count(calls, op) >= times)).await;
    }

    async fn run<T>(
        &self,
        op: Op,
        keys: &[&EventKey],
        fenced: Option<T>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.calls.send_modify(|calls| calls.push(op));
        let fault = {
            let mut plan = self.plan.lock().unwrap();
            let next = plan.next.get_mut(&op).and_then(VecDeque::pop_front);
            next.or_else(|| plan.always.get(&op).copied())
        };
        match fault {
            None => work.await,
            Some(Fault::Fails(kind)) => Err(StoreError::new(kind)),
            Some(Fault::Hangs) => pending().await,
            Some(Fault::LosesReply) => {
                work.await?;
                Err(StoreError::new(StoreErrorKind::TimedOut))
            }
            Some(Fault::HangsAfter) => {
                work.await?;
                pending().await
            }
            Some(Fault::Forgets) => {
                for key in keys {
                    self.inner.forget(key).await?;
                }
                work.await
            }
            Some(Fault::Waits) => {
                let mut gate = self.gate.subscribe();
                let _ = gate.wait_for(|open| *open).await;
                work.await
            }
            Some(Fault::Stands) => {
                // Ends a test that hangs.
                let until = Instant::now() + LIMIT;
                while !*self.gate.borrow() && Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(1));
                }
                work.await
            }
            Some(Fault::Fences) => Ok(fenced.expect("this call can't be fenced")),
        }
    }
}

fn count(calls: &[Op], op: Op) -> usize {
    calls.iter().filter(|call| **call == op).count()
}

impl Store for FaultyStore {
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.run(Op::Claim, &[&claim.key], None, self.inner.claim(claim))
            .await
    }

    async fn complete(&self, complete: &Complete) -> Result<Held, StoreError> {
        let work = self.inner.complete(complete);
        self.run(Op::Complete, &[&complete.key], Some(Held::Fenced), work)
            .await
    }

    async fn release(&self, release: &Release) -> Result<Held, StoreError> {
        let work = self.inner.release(release);
        self.run(Op::Release, &[&release.key], Some(Held::Fenced), work)
            .await
    }

    async fn renew(&self, renewals: &[Renew]) -> Result<Vec<Held>, StoreError> {
        let keys: Vec<_> = renewals.iter().map(|renewal| &renewal.key).collect();
        let fenced = vec![Held::Fenced; renewals.len()];
        let work = self.inner.renew(renewals);
        self.run(Op::Renew, &keys, Some(fenced), work).await
    }

    async fn wait(&self, key: &EventKey, limit: Duration) {
        self.inner.wait(key, limit).await;
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<RecordView>, StoreError> {
        self.run(Op::Lookup, &[key], None, self.inner.lookup(key))
            .await
    }

    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget(key).await
    }

    async fn forget_done(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.inner.forget_done(key).await
    }

    async fn unfinished(
        &self,
        provider: &Name,
        limit: usize,
    ) -> Result<Vec<RecordView>, StoreError> {
        self.inner.unfinished(provider, limit).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.inner.counts().await
    }
}
