//! What is due and waits for its order key.

use std::collections::{HashMap, HashSet};

use super::candidate::Candidate;
use super::order_kept::OrderHash;

/// So many are kept in mind.
const MOST: usize = 1_024;

/// What may run once its order key is free, by that key: all that was seen of it, or nothing.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    /// Each with the number of its route.
    by_key: HashMap<OrderHash, Vec<(usize, Candidate)>>,
    count: usize,
    /// Keys of which something was seen that is not kept in mind: no entry behind it may run before another look.
    left_out: HashSet<OrderHash>,
}

impl PassedOver {
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(super) fn add(&mut self, route: usize, candidate: Candidate) {
        let Some(order) = candidate.order else { return };
        if self.is_left_out(&order.hash) {
            return;
        }
        if self.count >= MOST {
            return self.leave_out(order.hash);
        }
        self.count = self.count.saturating_add(1);
        let of_key = self.by_key.entry(order.hash).or_default();
        of_key.push((route, candidate));
    }

    /// Keeps nothing of this key in mind.
    pub(super) fn leave_out(&mut self, key: OrderHash) {
        let forgotten = self.by_key.remove(&key).map_or(0, |some| some.len());
        self.count = self.count.saturating_sub(forgotten);
        self.left_out.insert(key);
    }

    pub(super) fn is_left_out(&self, key: &OrderHash) -> bool {
        self.left_out.contains(key)
    }

    /// Takes out the one of this key whose turn comes first.
    pub(super) fn take_first(&mut self, key: &OrderHash) -> Option<(usize, Candidate)> {
        let of_key = self.by_key.get_mut(key)?;
        let places = of_key.iter().enumerate();
        let (first, _) = places.min_by(|(_, (_, a)), (_, (_, b))| a.turn().cmp(&b.turn()))?;
        let taken = of_key.swap_remove(first);
        self.count = self.count.saturating_sub(1);
        if of_key.is_empty() {
            self.by_key.remove(key);
        }
        Some(taken)
    }

    /// Forgets those of which this does not hold: later ones than those of which it does.
    pub(super) fn retain(&mut self, holds: impl Fn(usize, &Candidate) -> bool) {
        for of_key in self.by_key.values_mut() {
            of_key.retain(|(route, candidate)| holds(*route, candidate));
        }
        self.by_key.retain(|_, of_key| !of_key.is_empty());
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}
