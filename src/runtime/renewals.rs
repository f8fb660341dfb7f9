//! Sends the renewals that are due at the same time to the store together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::within::CALL_LIMIT;
use crate::store::{Held, Renew, SharedStore, Store, StoreError};

/// How many renewals go to the store in one call.
const MOST_AT_ONCE: usize = 256;
/// A renewal is due a third of the lease after the last, and a third has this many ticks: renewals
/// that are due within one tick are sent together.
const TICKS: u32 = 5;

/// Gathers the renewals of one lease in one store.
///
/// Each hold knows when it is due, and announces that a little earlier. The first one for a given
/// moment starts a task that sends, at that moment, all renewals gathered for it. While nothing is
/// held, there is neither a task nor a timer.
pub(super) struct Renewals {
    /// The store, in its form for renewals.
    store: SharedStore,
    lease: Duration,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    ticks: Option<Ticks>,
    gathered: BTreeMap<Instant, Vec<Asked>>,
}

#[derive(Clone, Copy)]
struct Ticks {
    /// The start of the ticks.
    epoch: Instant,
    /// The last moment for which a renewal was planned.
    planned: Instant,
}

struct Asked {
    renewal: Renew,
    answer: oneshot::Sender<Answered>,
}

/// The store's answer, and when the call was sent. Renewals that were sent together share an error.
pub(super) struct Answered {
    pub(super) asked: Instant,
    pub(super) outcome: Result<Held, Arc<StoreError>>,
}

impl Renewals {
    pub(super) fn new(store: SharedStore, lease: Duration) -> Self {
        Self {
            store,
            lease,
            plan: Mutex::default(),
        }
    }

    fn tick(&self) -> Duration {
        self.lease / (3 * TICKS)
    }

    /// How long before it is due a renewal is announced: all renewals that are due together must
    /// have been announced by then.
    pub(super) fn ahead(&self) -> Duration {
        self.tick() / 4
    }

    /// When to renew a claim for the first time that was made at this time.
    ///
    /// If nothing else is planned, the ticks count from here: a single hold waits a third of its
    /// lease and no less.
    pub(super) fn due_first(&self, claimed: Instant) -> Instant {
        let mut plan = self.plan();
        let ticks = plan.ticks.filter(|ticks| ticks.planned >= claimed);
        self.due(&mut plan, ticks, claimed)
    }

    /// When to renew a claim again that was renewed at this time.
    pub(super) fn due_again(&self, renewed: Instant) -> Instant {
        let mut plan = self.plan();
        let ticks = plan.ticks;
        self.due(&mut plan, ticks, renewed)
    }

    /// The last tick within a third of the lease.
    fn due(&self, plan: &mut Plan, ticks: Option<Ticks>, from: Instant) -> Instant {
        let Ticks { epoch, planned } = ticks.unwrap_or(Ticks {
            epoch: from,
            planned: from,
        });
        let (tick, latest) = (self.tick(), from + self.tick() * TICKS);
        let over = latest.saturating_duration_since(epoch).as_nanos() % tick.as_nanos().max(1);
        let over = Duration::from_nanos(u64::try_from(over).unwrap_or(0));
        let due = latest.checked_sub(over).unwrap_or(latest);
        plan.ticks = Some(Ticks {
            epoch,
            planned: planned.max(due),
        });
        due
    }

    /// Renews one claim at once and by itself.
    pub(super) async fn renew_alone(&self, renewal: &Renew) -> Result<Held, StoreError> {
        let outcomes = self.store.renew(std::slice::from_ref(renewal)).await?;
        // A store that returns fewer outcomes than keys has not renewed this one.
        Ok(outcomes.into_iter().next().unwrap_or(Held::Fenced))
    }

    /// Renews at this moment, or at once if it is past, together with all that are due then. `None`
    /// if no answer arrived in time.
    ///
    /// Claims whose holder no longer waits are left out.
    pub(super) async fn renew(self: &Arc<Self>, due: Instant, renewal: Renew) -> Option<Answered> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut plan = self.plan();
            let gathered = plan.gathered.entry(due).or_default();
            gathered.push(Asked { renewal, answer });
            gathered.len() == 1
        };
        if is_first {
            let turn = Turn {
                renewals: Arc::clone(self),
                due,
                taken: false,
            };
            tokio::spawn(turn.send());
        }
        answered.await.ok()
    }

    async fn send(&self, batch: Vec<Asked>) {
        // If several wait, there must be time left for each to try alone.
        let limit = match batch.len() {
            1 => CALL_LIMIT,
            _ => CALL_LIMIT.min(self.lease / 3),
        };
        let (renewals, answers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|Asked { renewal, answer }| (renewal, answer))
            .unzip();
        let asked = Instant::now();
        let outcomes: Result<Vec<Held>, _> = match timeout(limit, self.store.renew(&renewals)).await
        {
            Ok(result) => result.map_err(Arc::new),
            // Nobody is answered, and each renews alone.
            Err(_) => return,
        };
        for (place, answer) in answers.into_iter().enumerate() {
            let outcome = match &outcomes {
                // A store that returns fewer outcomes than keys has not renewed the others.
                Ok(outcomes) => Ok(outcomes.get(place).copied().unwrap_or(Held::Fenced)),
                Err(error) => Err(Arc::clone(error)),
            };
            let _ = answer.send(Answered { asked, outcome });
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // No code can panic half-way while it is held.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One moment for which renewals are gathered.
struct Turn {
    renewals: Arc<Renewals>,
    due: Instant,
    taken: bool,
}

impl Turn {
    async fn send(mut self) {
        sleep_until(self.due).await;
        let mut gathered = self.take();
        gathered.retain(|asked| !asked.answer.is_closed());
        let mut batches = Vec::new();
        while !gathered.is_empty() {
            let rest = gathered.split_off(gathered.len().min(MOST_AT_ONCE));
            batches.push(self.renewals.send(gathered));
            gathered = rest;
        }
        join_all(batches).await;
    }

    fn take(&mut self) -> Vec<Asked> {
        self.taken = true;
        let gathered = self.renewals.plan().gathered.remove(&self.due);
        gathered.unwrap_or_default()
    }
}

/// If its runtime shuts down before that moment, holders in another runtime renew alone.
impl Drop for Turn {
    fn drop(&mut self) {
        if !self.taken {
            drop(self.take());
        }
    }
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewals")
            .field("store", &self.store)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
