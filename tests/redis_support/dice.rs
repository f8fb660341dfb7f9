//! Repeatable randomness.

use std::time::{SystemTime, UNIX_EPOCH};

/// Xorshift: the same seed gives the same history.
pub(crate) struct Dice(u64);

impl Dice {
    /// Takes the seed from `TOWER_WEBHOOK_SEED`, or a new one each time, and prints it.
    pub(crate) fn seeded() -> Self {
        let seed = match std::env::var("TOWER_WEBHOOK_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                u64::from(now.subsec_nanos()) << 20 | now.as_secs() & 0xf_ffff
            }
        };
        eprintln!("TOWER_WEBHOOK_SEED={seed}");
        Self(seed.max(1))
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(crate) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        let number = self.roll(u64::try_from(choices.len()).unwrap());
        choices[usize::try_from(number).unwrap()].clone()
    }
}
