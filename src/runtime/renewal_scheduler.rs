//! The holds that are too young to be renewed.
//!
//! Nearly every handler ends before its first renewal is due. Until shortly before that, a hold
//! costs a place in a table and no timer. Then it gets its own task, which renews it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;
use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::apart;
use super::held_claim::HeldClaim;

pub(super) struct RenewalScheduler {
    /// Whether the store can be called from a runtime other than the holder's.
    apart: bool,
    /// How often the table is checked.
    every: Duration,
    /// The age from which a hold is renewed.
    grown_up: Duration,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    places: Slab<Child>,
    /// The families that a task attends to. A runtime that is blocked, or ends, costs no other
    /// runtime its leases.
    attended: Vec<Family>,
}

/// The holds that one task attends to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Family {
    /// The runtime of the tasks that hold them.
    runtime: Id,
    /// Whether they are renewed in a separate runtime.
    apart: bool,
}

struct Child {
    family: Family,
    stage: Stage,
}

enum Stage {
    Expected,
    Young(Arc<HeldClaim>),
    Renewed(AbortHandle),
}

impl RenewalScheduler {
    /// The schedule of claims with this lease, whose first renewal is due after a quarter of it at
    /// the earliest; `apart` if the store can be called from any runtime.
    pub(super) fn new(lease: Duration, apart: bool) -> Self {
        let every = lease / 15;
        Self {
            apart,
            every,
            grown_up: every * 2,
            table: Mutex::default(),
        }
    }

    /// Reserves a place for a hold that will soon be taken in this runtime, the current one.
    ///
    /// Spawn the work on the hold after this call: the task that attends to it must not be queued
    /// after one that blocks its thread. The task spawned last is the next to run on a thread, and
    /// no other thread takes it over.
    pub(super) fn reserve(self: &Arc<Self>, runtime: &Handle) -> RenewalSlot {
        let mut table = self.table();
        let attended = table.attended.iter();
        let known = attended.copied().find(|it| it.runtime == runtime.id());
        let is_new = known.is_none();
        // The clocks are compared only if the runtime is still unknown.
        let own = (is_new && self.apart).then(apart::runtime).flatten();
        let family = known.unwrap_or_else(|| Family {
            runtime: runtime.id(),
            apart: own.is_some(),
        });
        let number = table.places.insert(Child {
            family,
            stage: Stage::Expected,
        });
        if is_new {
            table.attended.push(family);
        }
        drop(table);
        if is_new {
            let attend = Arc::clone(self).attend(family);
            own.unwrap_or(runtime).spawn(attend);
        }
        RenewalSlot {
            renewal_scheduler: Arc::clone(self),
            number,
        }
    }

    /// Attends to the holds of a family as long as there are young ones. They are renewed in the
    /// runtime of this task.
    async fn attend(self: Arc<Self>, family: Family) {
        loop {
            sleep(self.every).await;
            if !self.look_after(family) {
                return;
            }
        }
    }

    /// Starts the renewal of the holds of a family that are old enough. Returns whether others are
    /// young or expected.
    fn look_after(&self, family: Family) -> bool {
        let now = Instant::now();
        let mut any_left = false;
        let mut table = self.table();
        for (_, child) in &mut table.places {
            if child.family != family {
                continue;
            }
            match &child.stage {
                Stage::Young(hold)
                    if now.saturating_duration_since(hold.claimed_at) >= self.grown_up =>
                {
                    let (hold, span) = (Arc::clone(hold), hold.span.clone());
                    let renewed = async move { match hold.renew_for_ever().await {} };
                    let task = tokio::spawn(renewed.instrument(span));
                    child.stage = Stage::Renewed(task.abort_handle());
                }
                Stage::Expected | Stage::Young(_) => any_left = true,
                Stage::Renewed(_) => {}
            }
        }
        if !any_left {
            table.attended.retain(|attended| *attended != family);
        }
        any_left
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic leaves the table in a valid state.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the schedule. The hold in it is renewed until this is dropped.
pub(super) struct RenewalSlot {
    renewal_scheduler: Arc<RenewalScheduler>,
    number: usize,
}

impl RenewalSlot {
    pub(super) fn fill(&self, hold: Arc<HeldClaim>) {
        if let Some(child) = self.renewal_scheduler.table().places.get_mut(self.number) {
            child.stage = Stage::Young(hold);
        }
    }
}

impl Drop for RenewalSlot {
    fn drop(&mut self) {
        let child = self
            .renewal_scheduler
            .table()
            .places
            .try_remove(self.number);
        if let Some(Child {
            stage: Stage::Renewed(task),
            ..
        }) = child
        {
            task.abort();
        }
    }
}

impl fmt::Debug for RenewalScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenewalScheduler")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
