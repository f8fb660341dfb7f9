//! Limits how many questions are asked at once.
//!
//! The newest is asked first: if too many arrive, an old one is late in any case, while the newest
//! may still be in time. Repeated questions queue after new ones, but get every fourth turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// One turn in this many is for a repeated question.
const TURN: u32 = 4;
/// How many waiters that have given up are tolerated.
const CLUTTER: usize = 64;

pub(super) struct Permits {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    first: Stack,
    again: Stack,
    turn: u32,
}

/// The waiters, the newest last.
#[derive(Default)]
struct Stack {
    waiting: Vec<oneshot::Sender<Permit>>,
    /// The length at which it is swept for waiters that have given up.
    sweep_at: usize,
}

impl Stack {
    fn push(&mut self, waiter: oneshot::Sender<Permit>) {
        if self.waiting.len() >= self.sweep_at.max(CLUTTER) {
            self.waiting.retain(|waiter| !waiter.is_closed());
            self.sweep_at = self.waiting.len().saturating_mul(2);
        }
        self.waiting.push(waiter);
    }
}

impl Permits {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
        })
    }

    /// Waits for its turn; `again` if this question was asked before.
    pub(super) async fn take(self: &Arc<Self>, again: bool) -> Permit {
        let turn = {
            let mut state = self.state();
            if state.used < self.limit {
                state.used = state.used.saturating_add(1);
                None
            } else {
                let (sender, receiver) = oneshot::channel();
                match again {
                    true => state.again.push(sender),
                    false => state.first.push(sender),
                }
                Some(receiver)
            }
        };
        match turn {
            None => Permit(Some(Arc::clone(self))),
            // The sender is not dropped while the permits exist.
            Some(turn) => turn.await.unwrap_or(Permit(None)),
        }
    }

    fn give_back(self: Arc<Self>) {
        let mut permit = Permit(Some(Arc::clone(&self)));
        loop {
            let next = {
                let mut state = self.state();
                state.turn = state.turn.wrapping_add(1);
                let next = if state.turn.is_multiple_of(TURN) {
                    state
                        .again
                        .waiting
                        .pop()
                        .or_else(|| state.first.waiting.pop())
                } else {
                    state
                        .first
                        .waiting
                        .pop()
                        .or_else(|| state.again.waiting.pop())
                };
                if next.is_none() {
                    state.used = state.used.saturating_sub(1);
                }
                next
            };
            let Some(next) = next else {
                permit.0 = None;
                return;
            };
            match next.send(permit) {
                Ok(()) => return,
                Err(back) => permit = back,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to ask one question, until it is dropped.
pub(super) struct Permit(Option<Arc<Permits>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = self.0.take() {
            permits.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn the_newest_is_asked_first_and_every_fourth_turn_is_for_one_asked_again() {
        let permits = Permits::new(1);
        let held = permits.take(false).now_or_never().unwrap();
        let mut waiting: Vec<_> = [("a", true), ("b", false), ("c", false), ("d", false)]
            .into_iter()
            .map(|(name, again)| {
                let mut take = Box::pin(permits.take(again));
                assert!((&mut take).now_or_never().is_none());
                (name, take)
            })
            .collect();
        drop(held);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let at = waiting
                .iter_mut()
                .position(|(_, take)| match take.now_or_never() {
                    Some(permit) => {
                        drop(permit);
                        true
                    }
                    None => false,
                })
                .unwrap();
            order.push(waiting.remove(at).0);
        }
        assert_eq!(order, ["d", "c", "b", "a"]);
    }

    #[test]
    fn who_gives_up_costs_no_permit() {
        let permits = Permits::new(1);
        let held = permits.take(false).now_or_never().unwrap();
        for _ in 0..1_000 {
            assert!(permits.take(false).now_or_never().is_none());
        }
        assert!(permits.state().first.waiting.len() <= 2 * CLUTTER);
        drop(held);
        let held = permits.take(false).now_or_never().unwrap();
        // Handed on but not taken: it returns.
        let mut late = Box::pin(permits.take(true));
        assert!((&mut late).now_or_never().is_none());
        drop(held);
        drop(late);
        assert!(permits.take(true).now_or_never().is_some());
        assert_eq!(permits.state().used, 0);
    }
}
