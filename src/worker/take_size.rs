//! Decides how many entries a worker requests at once.

/// After this many takes in time, the next one requests twice as many; at first and at most.
const FIRST_PROBE: u32 = 4;
const LATEST_PROBE: u32 = 256;

/// How many entries are requested: half as many if the last take was not in time, down to one, and
/// more again once some have arrived.
///
/// A worker could never read a batch that is too large for its inbox's deadline: it would repeat the same request for
/// ever. Each time that a larger request turns out to be too large, it is tried less often.
#[derive(Debug)]
pub(super) struct TakeSize {
    halvings: u32,
    in_time: u32,
    grows_after: u32,
    has_grown: bool,
}

impl Default for TakeSize {
    fn default() -> Self {
        Self {
            halvings: 0,
            in_time: 0,
            grows_after: FIRST_PROBE,
            has_grown: false,
        }
    }
}

impl TakeSize {
    /// The size of a request when up to `most` could be taken.
    pub(super) fn of(&self, most: usize) -> usize {
        let part = most.checked_shr(self.halvings).unwrap_or(0);
        part.max(most.min(1))
    }

    /// A take of at most this many entries was not answered in time.
    pub(super) fn was_too_slow(&mut self, asked: usize) {
        if self.has_grown {
            self.grows_after = self.grows_after.saturating_mul(2).min(LATEST_PROBE);
        }
        self.has_grown = false;
        self.in_time = 0;
        if asked > 1 {
            self.halvings = self.halvings.saturating_add(1);
        }
    }

    /// A take has brought entries.
    pub(super) fn was_in_time(&mut self) {
        if self.halvings == 0 {
            *self = Self::default();
            return;
        }
        self.in_time = self.in_time.saturating_add(1);
        if self.in_time >= self.grows_after {
            self.in_time = 0;
            self.halvings = self.halvings.saturating_sub(1);
            self.has_grown = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_down_to_one_and_grows_again() {
        let mut size = TakeSize::default();
        for expected in [16, 8, 4, 2, 1, 1, 1] {
            assert_eq!(size.of(16), expected);
            size.was_too_slow(expected);
        }
        for expected in [2, 4, 8, 16, 16] {
            (0..4).for_each(|_| size.was_in_time());
            assert_eq!(size.of(16), expected);
        }
        assert_eq!(size.of(0), 0);
    }

    #[test]
    fn what_is_too_much_again_and_again_is_asked_for_less_often() {
        let mut size = TakeSize::default();
        size.was_too_slow(16);
        for takes in [4, 8, 16, 32, 64, 128, 256, 256] {
            (1..takes).for_each(|_| size.was_in_time());
            assert_eq!(size.of(16), 8);
            size.was_in_time();
            assert_eq!(size.of(16), 16);
            size.was_too_slow(16);
        }
        (0..257).for_each(|_| size.was_in_time());
        size.was_too_slow(16);
        (0..4).for_each(|_| size.was_in_time());
        assert_eq!(size.of(16), 16, "it was good for a while");
    }
}
