//! The holds that are too young to be renewed.
//!
//! Nearly every handler ends before its first renewal is due. Until shortly before that, a hold
//! costs a place in a table and no timer; then it gets a task of its own that renews it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::hold::Hold;

pub(super) struct Nursery {
    /// How often it is looked after.
    every: Duration,
    /// From this age on a hold is renewed.
    grown_up: Duration,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    places: Slab<Child>,
    /// Whether a task looks after them.
    attended: bool,
}

enum Child {
    Expected,
    Young(Arc<Hold>, Handle),
    Renewed(AbortHandle),
}

impl Nursery {
    /// The nursery of holds with this lease, whose first renewal is due when a quarter of it is
    /// over, at the soonest.
    pub(super) fn new(lease: Duration) -> Self {
        let every = lease / 15;
        Self {
            every,
            grown_up: every * 2,
            table: Mutex::default(),
        }
    }

    /// Keeps a place for a hold that is about to come.
    ///
    /// To be called before the task of the hold is spawned: a task that looks after it must not
    /// stand behind one that blocks its thread, and what is spawned first is not the next to run on
    /// a thread.
    pub(super) fn expect(self: &Arc<Self>, runtime: &Handle) -> Place {
        let number = self.table().places.insert(Child::Expected);
        self.see_to_it(runtime);
        Place {
            number,
            nursery: Arc::clone(self),
        }
    }

    /// Has a task look after the holds, if none does.
    fn see_to_it(self: &Arc<Self>, runtime: &Handle) {
        if !std::mem::replace(&mut self.table().attended, true) {
            let attendant = Attendant {
                nursery: Arc::clone(self),
                is_done: false,
            };
            // Outside the lock: a runtime that has ended drops it at once, and that wants the lock.
            runtime.spawn(attendant.attend());
        }
    }

    /// Has those holds renewed that have reached this age; tells whether others are there or
    /// expected, which somebody must look after.
    fn look_after(&self, age: Duration) -> bool {
        let now = Instant::now();
        let mut table = self.table();
        let mut any_left = false;
        for (_, child) in &mut table.places {
            match child {
                Child::Young(hold, runtime)
                    if now.saturating_duration_since(hold.claimed_at) >= age =>
                {
                    let hold = Arc::clone(hold);
                    let task = runtime.spawn(async move { match hold.renew_for_ever().await {} });
                    *child = Child::Renewed(task.abort_handle());
                }
                Child::Expected | Child::Young(..) => any_left = true,
                Child::Renewed(_) => {}
            }
        }
        table.attended = any_left;
        any_left
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing can fail half-way while it is held.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the nursery. What is in it is renewed until it is dropped.
pub(super) struct Place {
    nursery: Arc<Nursery>,
    number: usize,
}

impl Place {
    pub(super) fn fill(&self, hold: Arc<Hold>) {
        // Without a runtime there is no task that could need it.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if let Some(child) = self.nursery.table().places.get_mut(self.number) {
            *child = Child::Young(hold, runtime.clone());
        }
        // The one that was there when this place was kept may have ended with its runtime.
        self.nursery.see_to_it(&runtime);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let child = self.nursery.table().places.try_remove(self.number);
        if let Some(Child::Renewed(task)) = child {
            task.abort();
        }
    }
}

/// The task that looks after the young, as long as there are any.
struct Attendant {
    nursery: Arc<Nursery>,
    is_done: bool,
}

impl Attendant {
    async fn attend(mut self) {
        while !self.is_done {
            sleep(self.nursery.every).await;
            self.is_done = !self.nursery.look_after(self.nursery.grown_up);
        }
    }
}

impl Drop for Attendant {
    /// Where its runtime ends first, holds of others are left: those that are there get their tasks
    /// at once, and the next one that comes brings an attendant.
    fn drop(&mut self) {
        if !self.is_done {
            self.nursery.look_after(Duration::ZERO);
            self.nursery.table().attended = false;
        }
    }
}

impl fmt::Debug for Nursery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nursery")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}
