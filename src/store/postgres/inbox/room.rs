//! How full the inbox is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often at most entries are counted: other processes may have filled the inbox, or made room.
const COUNT_EVERY: Duration = Duration::from_secs(10);
const COUNT_FULL_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Room {
    capacity: u64,
    state: Mutex<State>,
}

struct State {
    /// How many unfinished entries this process knows of; `None` until they are counted.
    open: Option<u64>,
    /// How many places are reserved for commands that are under way.
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

    /// Whether the entries must be counted again; the caller that gets `true` does it.
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

    /// Whether the entries were never counted.
    pub(super) fn is_unknown(&self) -> bool {
        self.state().open.is_none()
    }

    /// Assumes none until they are counted, because nobody knows yet how many there are.
    pub(super) fn assume_room(&self) {
        self.state().open.get_or_insert(0);
    }

    /// Notes that there are this many.
    pub(super) fn counted(&self, open: u64, now: Instant) {
        let mut state = self.state();
        state.open = Some(open);
        state.count_at = Some(now);
    }

    /// Notes that there are this many more.
    pub(super) fn opened(&self, more: i64) {
        let mut state = self.state();
        state.open = state.open.map(|open| open.saturating_add_signed(more));
    }

    /// Reserves up to this many places until the result is dropped.
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
        // No code that holds the lock can fail half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places that are reserved.
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
