//! Deliveries that wait for a fetch, and the time of the next one.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many fetches begin within a minute.
const PER_MINUTE: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// The limit of waiting ids: beyond it, a new id takes the place of another or gets none.
const MAX_WAITING: usize = 1024;

/// The ids that are waited for, each with the number of its waiters.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<(Box<str>, usize)>,
    began: VecDeque<Instant>,
}

impl Queue {
    /// Adds a waiter for this id. Returns false if there is no room and chance decides against it:
    /// `chance` is a random number.
    pub(super) fn enter(&mut self, name: &str, chance: usize) -> bool {
        if let Some((_, count)) = self.waiting.iter_mut().find(|(other, _)| **other == *name) {
            *count = count.saturating_add(1);
            return true;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((name.into(), 1));
            return true;
        }
        // Half of the new ids take a place, so that the first ones do not block the queue.
        match self.waiting.get_mut(chance % (2 * MAX_WAITING)) {
            Some(place) => {
                *place = (name.into(), 1);
                true
            }
            None => false,
        }
    }

    /// Whether this id is waited for.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.waiting.iter().any(|(other, _)| **other == *name)
    }

    /// Removes a waiter; the id goes with its last waiter.
    pub(super) fn leave(&mut self, name: &str) {
        self.waiting.retain_mut(|(other, count)| {
            if **other == *name {
                *count = count.saturating_sub(1);
            }
            *count > 0
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes out an id to fetch, drawn by `chance`, or returns when the next one may be fetched.
    pub(super) fn draw(
        &mut self,
        now: Instant,
        chance: usize,
    ) -> Result<Box<str>, Option<Instant>> {
        let Some(place) = chance.checked_rem(self.waiting.len()) else {
            return Err(None);
        };
        while (self.began.front())
            .is_some_and(|began| now.saturating_duration_since(*began) >= MINUTE)
        {
            self.began.pop_front();
        }
        if self.began.len() >= PER_MINUTE {
            return Err(self
                .began
                .front()
                .and_then(|began| began.checked_add(MINUTE)));
        }
        self.began.push_back(now);
        Ok(self.waiting.swap_remove(place).0)
    }
}

/// A random number. If none is available, always the same one.
pub(super) fn chance() -> usize {
    let mut bytes = [0; 4];
    let _ = getrandom::fill(&mut bytes);
    usize::try_from(u32::from_ne_bytes(bytes)).unwrap_or_default()
}
