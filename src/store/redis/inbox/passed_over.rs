//! Due entries that wait for their order keys.

use std::collections::{HashMap, HashSet};

use super::candidate::Candidate;
use super::order_kept::OrderHash;

/// How many are remembered.
const MOST: usize = 1_024;

/// Entries that may run once their order key is free, by that key: all that were seen of it, or none.
#[derive(Debug, Default)]
pub(super) struct PassedOver {
    /// Each entry with the number of its route.
    by_key: HashMap<OrderHash, Vec<(usize, Candidate)>>,
    count: usize,
    /// Keys with entries that were seen but not remembered: no later entry of theirs may run before another scan.
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

    /// Forgets the entries of this key, and remembers no more.
    pub(super) fn leave_out(&mut self, key: OrderHash) {
        let forgotten = self.by_key.remove(&key).map_or(0, |some| some.len());
        self.count = self.count.saturating_sub(forgotten);
        self.left_out.insert(key);
    }

    pub(super) fn is_left_out(&self, key: &OrderHash) -> bool {
        self.left_out.contains(key)
    }

    /// Takes out the first entry of this key in order.
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

    /// Forgets entries for which this is false: they are later than the others.
    pub(super) fn retain(&mut self, holds: impl Fn(usize, &Candidate) -> bool) {
        for of_key in self.by_key.values_mut() {
            of_key.retain(|(route, candidate)| holds(*route, candidate));
        }
        self.by_key.retain(|_, of_key| !of_key.is_empty());
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}
