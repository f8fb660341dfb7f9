//! The two bounded queues between deliveries and the writer thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderName;
use http::request::Parts;

use crate::authenticated::AuthState;
use crate::clock::UnixTime;
use crate::observer::Observation;
use crate::recorded::{Masks, Outcome, Recorded};

/// The limits of the queues, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rooms {
    pub(super) proved: usize,
    pub(super) refused: usize,
    pub(super) proved_body: usize,
    pub(super) refused_body: usize,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            proved: 16 << 20,
            refused: 4 << 20,
            proved_body: 256 << 10,
            refused_body: 16 << 10,
        }
    }
}

/// What a user wants masked in addition.
#[derive(Debug, Default)]
pub(super) struct MoreMasks {
    pub(super) headers: Vec<String>,
    pub(super) parameters: Vec<String>,
    pub(super) members: Vec<String>,
}

/// How many of a journal's outcomes were written or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JournalStats {
    /// How many lines were written.
    pub written: u64,
    /// How many outcomes of requests whose origin was proved found no room, or were given up
    /// because the sink panicked at them.
    pub lost_proved: u64,
    /// The same for all other requests.
    pub lost_refused: u64,
    /// How many attempts to write have failed.
    pub failed_writes: u64,
    /// How often the sink has panicked.
    pub panics: u64,
}

impl JournalStats {
    /// How many outcomes found no room.
    pub fn lost(&self) -> u64 {
        self.lost_proved.saturating_add(self.lost_refused)
    }
}

/// Outcomes of one kind that wait to be written.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Box<Outcome>>,
    bytes: usize,
    /// The number lost since a line last reported it.
    lost: u64,
}

impl Lane {
    /// Moves outcomes to `taken` until that holds `most`.
    fn move_to(&mut self, taken: &mut Vec<Outcome>, most: usize) {
        while taken.len() < most
            && let Some(outcome) = self.waiting.pop_front()
        {
            taken.push(*outcome);
        }
    }
}

/// An operator's action.
#[cfg(feature = "page")]
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) at: UnixTime,
    pub(crate) provider: String,
    pub(crate) key: Option<String>,
    pub(crate) detail: String,
}

#[derive(Default)]
struct State {
    proved: Lane,
    refused: Lane,
    #[cfg(feature = "page")]
    notes: VecDeque<Note>,
    /// Whether the writer sleeps until it is woken.
    is_idle: bool,
    is_closed: bool,
    /// The number of the last requested flush, and of the last completed one.
    flush_wanted: u64,
    flushed: u64,
}

impl State {
    fn is_empty(&self) -> bool {
        #[cfg(feature = "page")]
        if !self.notes.is_empty() {
            return false;
        }
        self.proved.waiting.is_empty() && self.refused.waiting.is_empty()
    }
}

/// The state that deliveries and the writer share.
pub(super) struct Shared {
    rooms: Rooms,
    more: MoreMasks,
    state: Mutex<State>,
    wake: Condvar,
    pub(super) written: AtomicU64,
    lost_proved: AtomicU64,
    lost_refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) panics: AtomicU64,
}

/// What the writer takes in one batch.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) outcomes: Vec<Outcome>,
    #[cfg(feature = "page")]
    pub(super) notes: Vec<Note>,
    /// The numbers lost before: proved, and others.
    pub(super) lost: [u64; 2],
    /// If the queues are empty after this batch: the flush that is complete once it is written.
    pub(super) drains: Option<u64>,
    /// Whether this is the last batch.
    pub(super) is_last: bool,
}

/// The number of notes that may wait.
#[cfg(feature = "page")]
const NOTES: usize = 1_000;
/// The number of outcomes that are written together.
const BATCH: usize = 256;

impl Shared {
    pub(super) fn new(rooms: Rooms, more: MoreMasks) -> Self {
        Self {
            rooms,
            more,
            state: Mutex::default(),
            wake: Condvar::new(),
            written: AtomicU64::new(0),
            lost_proved: AtomicU64::new(0),
            lost_refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> JournalStats {
        JournalStats {
            written: self.written.load(Ordering::Relaxed),
            lost_proved: self.lost_proved.load(Ordering::Relaxed),
            lost_refused: self.lost_refused.load(Ordering::Relaxed),
            failed_writes: self.failed.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
        }
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.wake.notify_all();
    }

    pub(super) fn ask_for_flush(&self) -> u64 {
        let mut state = self.state();
        state.flush_wanted = state.flush_wanted.saturating_add(1);
        let wanted = state.flush_wanted;
        drop(state);
        self.wake.notify_all();
        wanted
    }

    pub(super) fn has_flushed(&self, wanted: u64) -> bool {
        self.state().flushed >= wanted
    }

    pub(super) fn flushed(&self, flush: u64) {
        let mut state = self.state();
        state.flushed = state.flushed.max(flush);
    }

    /// Queues an outcome, or counts it as lost. It waits only for other deliveries that do the same.
    fn push(&self, outcome: Box<Outcome>) {
        let is_proved = outcome.is_proved();
        let size = outcome.size();
        let room = if is_proved {
            self.rooms.proved
        } else {
            self.rooms.refused
        };
        let mut state = self.state();
        let lane = if is_proved {
            &mut state.proved
        } else {
            &mut state.refused
        };
        let bytes = lane.bytes.saturating_add(size);
        if bytes > room {
            lane.lost = lane.lost.saturating_add(1);
            let is_first = lane.lost == 1;
            drop(state);
            outcome.lose();
            let lost = if is_proved {
                &self.lost_proved
            } else {
                &self.lost_refused
            };
            lost.fetch_add(1, Ordering::Relaxed);
            if is_first {
                tracing::warn!(
                    target: "tower_webhook",
                    proved = is_proved,
                    "the journal is full: outcomes are counted and not written until it has room"
                );
            }
            return;
        }
        lane.bytes = bytes;
        lane.waiting.push_back(outcome);
        let wakes = std::mem::replace(&mut state.is_idle, false);
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Queues a note. A note without room is not lost, as it is also in the process's log.
    #[cfg(feature = "page")]
    pub(super) fn note(&self, note: Note) {
        let mut state = self.state();
        state.is_idle = false;
        state.notes.push_back(note);
        state.notes.truncate(NOTES);
        drop(state);
        self.wake.notify_one();
    }

    /// Takes what is queued, proved requests first; waits up to `limit` if there is nothing.
    pub(super) fn take(&self, limit: Duration) -> Taken {
        let mut state = self.state();
        let nothing = |state: &mut State| {
            let is_empty = state.is_empty();
            state.is_idle = is_empty;
            is_empty && !state.is_closed && state.flushed >= state.flush_wanted
        };
        if nothing(&mut state) {
            let waited = self.wake.wait_timeout_while(state, limit, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_idle = false;
        let mut taken = Taken::default();
        #[cfg(feature = "page")]
        taken.notes.extend(state.notes.drain(..));
        let State {
            proved, refused, ..
        } = &mut *state;
        // A quarter of the batch is for the others.
        proved.move_to(&mut taken.outcomes, BATCH / 4 * 3);
        refused.move_to(&mut taken.outcomes, BATCH);
        proved.move_to(&mut taken.outcomes, BATCH);
        let is_empty = proved.waiting.is_empty() && refused.waiting.is_empty();
        taken.lost = [
            std::mem::take(&mut proved.lost),
            std::mem::take(&mut refused.lost),
        ];
        // Everything queued before a flush was requested is in this batch, or was taken before.
        taken.drains = is_empty.then_some(state.flush_wanted);
        taken.is_last = is_empty && state.is_closed;
        taken
    }

    /// Frees the room of what was written.
    pub(super) fn give_back(&self, outcomes: &[Outcome]) {
        let mut state = self.state();
        for outcome in outcomes {
            let lane = if outcome.is_proved() {
                &mut state.proved
            } else {
                &mut state.refused
            };
            lane.bytes = lane.bytes.saturating_sub(outcome.size());
        }
    }

    /// Marks a batch as not written: the next line that is written says how many are missing.
    pub(super) fn lose(&self, taken: &Taken) {
        let [mut proved, mut refused] = taken.lost;
        for outcome in &taken.outcomes {
            outcome.lose();
            let (lost, total) = if outcome.is_proved() {
                (&mut proved, &self.lost_proved)
            } else {
                (&mut refused, &self.lost_refused)
            };
            *lost = lost.saturating_add(1);
            total.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = self.state();
        state.proved.lost = state.proved.lost.saturating_add(proved);
        state.refused.lost = state.refused.lost.saturating_add(refused);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }
}

/// The shared handle of a journal; the writer ends with the last of them.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// A journal as seen by one webhook.
#[derive(Clone)]
pub(crate) struct JournalPort {
    journal: Arc<Handle>,
    masks: Arc<Masks>,
}

impl JournalPort {
    pub(super) fn new(journal: Arc<Handle>, mut masks: Masks) -> Self {
        let more = &journal.shared.more;
        let headers = more.headers.iter();
        let headers = headers.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
        masks.headers.extend(headers);
        masks.parameters.extend(more.parameters.iter().cloned());
        masks.members.extend(more.members.iter().cloned());
        Self {
            masks: Arc::new(masks),
            journal,
        }
    }

    /// Starts recording a request.
    pub(crate) fn begin(&self, parts: &Parts, received_at: UnixTime) -> Recorded {
        Recorded::new(parts, received_at)
    }

    /// Records an outcome.
    pub(crate) fn take_down(
        &self,
        observation: &Observation<'_>,
        auth: &AuthState,
        recorded: &Recorded,
    ) {
        let shared = &self.journal.shared;
        let rooms = &shared.rooms;
        let most = if recorded.is_proved {
            rooms.proved_body
        } else {
            rooms.refused_body
        };
        let outcome = Outcome::of(observation, auth, recorded, &self.masks, most);
        shared.push(Box::new(outcome));
    }
}

impl fmt::Debug for JournalPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalPort").finish_non_exhaustive()
    }
}
