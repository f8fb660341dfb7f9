//! Detects pages that repeat.

use std::hash::{BuildHasher, RandomState};

/// Detects cursors that form a cycle of any length, by Brent's algorithm (BIT 20, 1980), which
/// needs the same memory for any number of pages. Also detects the same page under another cursor.
#[derive(Debug)]
pub(super) struct Repeats {
    hasher: RandomState,
    kept: Option<u64>,
    steps: u64,
    limit: u64,
    last_page: Option<u64>,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            kept: None,
            steps: 0,
            limit: 1,
            last_page: None,
        }
    }

    /// Whether this cursor was seen before.
    pub(super) fn cursor(&mut self, cursor: &str) -> bool {
        let hash = self.hasher.hash_one(cursor);
        if self.kept == Some(hash) {
            return true;
        }
        self.steps = self.steps.saturating_add(1);
        if self.steps >= self.limit {
            (self.kept, self.steps) = (Some(hash), 0);
            self.limit = self.limit.saturating_mul(2);
        }
        false
    }

    /// Whether this page equals the previous one, by its bodies and deliveries.
    pub(super) fn page<'a>(
        &mut self,
        found: impl Iterator<Item = (&'a [u8], Option<&'a str>)>,
    ) -> bool {
        let found: Vec<_> = found.collect();
        let hash = (!found.is_empty()).then(|| self.hasher.hash_one(&found));
        let is_same = hash.is_some() && hash == self.last_page;
        self.last_page = hash;
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_cursors_is_met_and_a_long_way_is_none() {
        let mut straight = Repeats::new();
        assert!((0..100_000).all(|page| !straight.cursor(&page.to_string())));
        for (way, circle) in [(0, 1), (0, 2), (5, 3), (1_000, 777)] {
            let mut repeats = Repeats::new();
            let cursor = |step: usize| match step < way {
                true => step,
                false => way + (step - way) % circle,
            };
            let met = (0..).position(|step| repeats.cursor(&cursor(step).to_string()));
            let met = met.unwrap();
            assert!(
                (way + circle..=4 * (way + circle) + 1).contains(&met),
                "{way} {circle}: {met}"
            );
        }
    }

    #[test]
    fn a_page_that_comes_twice_is_met_and_empty_ones_are_not() {
        let mut repeats = Repeats::new();
        let mut page = |bodies: &[&str]| {
            let found = bodies.iter().map(|it| (it.as_bytes(), None));
            repeats.page(found)
        };
        assert!(!page(&["a", "b"]));
        assert!(!page(&["b"]));
        assert!(page(&["b"]));
        assert!(!page(&[]) && !page(&[]));
    }

    #[test]
    fn another_delivery_of_an_event_is_no_page_that_comes_twice() {
        let mut repeats = Repeats::new();
        let mut page = |delivery| repeats.page([(&b"{\"id\":1}"[..], Some(delivery))].into_iter());
        assert!(!page("first attempt"));
        assert!(!page("second attempt"));
        assert!(page("second attempt"));
    }
}
