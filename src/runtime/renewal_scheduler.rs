//! The holds that are too young to be renewed.
//!
//! Nearly every handler ends before its first renewal is due. Until shortly before that, a hold
//! costs a place in a table and no timer; then it gets a task of its own that renews it.

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
    /// Whether the store can be asked from another runtime than that of the holder.
    apart: bool,
    /// How often it is looked after.
    every: Duration,
    /// From this age on a hold is renewed.
    grown_up: Duration,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    places: Slab<Child>,
    /// Those whose holds a task looks after. A runtime that stands still, or ends, costs no other its
    /// leases.
    attended: Vec<Family>,
}

/// The holds that one task looks after.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Family {
    /// Where the tasks are that hold them.
    runtime: Id,
    /// Whether they are renewed apart from that.
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
    /// The schedule of claims with this lease, whose first renewal is due when a quarter of it is
    /// over, at the soonest; `apart` where the store can be asked from any runtime.
    pub(super) fn new(lease: Duration, apart: bool) -> Self {
        let every = lease / 15;
        Self {
            apart,
            every,
            grown_up: every * 2,
            table: Mutex::default(),
        }
    }

    /// Keeps a place for a hold that is about to come in this runtime, the current one.
    ///
    /// The work on the hold is to be spawned behind this call: the task that looks after it must not
    /// stand behind one that blocks its thread. What was spawned last is the next to run on a thread,
    /// and no other takes it over.
    pub(super) fn reserve(self: &Arc<Self>, runtime: &Handle) -> RenewalSlot {
        let mut table = self.table();
        let attended = table.attended.iter();
        let known = attended.copied().find(|it| it.runtime == runtime.id());
        let is_new = known.is_none();
        // The clocks are looked at only where nothing is known of the runtime.
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

    /// Looks after the holds of a family as long as there are young ones. They are renewed in the
    /// runtime of this task.
    async fn attend(self: Arc<Self>, family: Family) {
        loop {
            sleep(self.every).await;
            if !self.look_after(family) {
                return;
            }
        }
    }

    /// Has those holds of a family renewed that are of an age; tells whether others of it are there
    /// or expected.
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
        // What a panic leaves behind is a table like any other.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the schedule. What is in it is renewed until it is dropped.
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
