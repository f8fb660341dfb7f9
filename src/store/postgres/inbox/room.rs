//! How full the inbox is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often at most it is counted: other processes may have filled it, or made room.
const COUNT_EVERY: Duration = Duration::from_secs(10);
const COUNT_FULL_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Room {
    capacity: u64,
    state: Mutex<State>,
}

struct State {
    /// How many entries are not over, as far as this process knows; `None` until they were counted.
    open: Option<u64>,
    /// How many places are kept free for commands that are under way.
    reserved: u64,
    count_at: Option<Instant>,
}

impl Room {
    pub(super) fn new(capacity: u64) -> Self {
        let state = State {
            open: None,
            reserved: 0,
            count_at: None,
        };
        Self {
            capacity,
            state: Mutex::new(state),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Whether it is to be counted again; whoever is told so does it.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let every = match state.open.is_some_and(|open| open >= self.capacity) {
            true => COUNT_FULL_EVERY,
            false => COUNT_EVERY,
        };
        let is_due = state.count_at.is_none_or(|at| now >= at + every);
        if is_due {
            state.count_at = Some(now);
        }
        is_due
    }

    /// Whether it was never counted.
    pub(super) fn is_unknown(&self) -> bool {
        self.state().open.is_none()
    }

    /// Nobody can tell yet how many there are: none, until it is counted.
    pub(super) fn assume_room(&self) {
        self.state().open.get_or_insert(0);
    }

    /// So many there are.
    pub(super) fn counted(&self, open: u64, now: Instant) {
        let mut state = self.state();
        state.open = Some(open);
        state.count_at = Some(now);
    }

    /// So many more there are.
    pub(super) fn opened(&self, more: i64) {
        let mut state = self.state();
        state.open = state.open.map(|open| open.saturating_add_signed(more));
    }

    /// Keeps up to so many places free until that is dropped.
    pub(super) fn reserve(self: &Arc<Self>, wanted: usize) -> Reserved {
        let mut state = self.state();
        let taken = state.open.unwrap_or(0).saturating_add(state.reserved);
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let places = self.capacity.saturating_sub(taken).min(wanted);
        state.reserved = state.reserved.saturating_add(places);
        Reserved {
            room: Arc::clone(self),
            places,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing can fail half-way while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places that are kept free.
pub(super) struct Reserved {
    room: Arc<Room>,
    pub(super) places: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut state = self.room.state();
        state.reserved = state.reserved.saturating_sub(self.places);
    }
}
