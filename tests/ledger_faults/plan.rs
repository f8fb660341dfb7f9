//! How much there is to do, and the dice that say what fails when.

use std::time::SystemTime;

use crate::amount::short_or_long;
use crate::trouble::Kind;

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Each is delivered twice at once, and again until it is acknowledged.
    pub(crate) events: usize,
    pub(crate) faults: Vec<Kind>,
}

impl Plan {
    /// As the environment says, with all these kinds of faults in turn, shuffled.
    pub(crate) fn of(kinds: &[Kind]) -> Self {
        let seed = variable("LEDGER_SEED")
            .unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
        let deliveries = variable("LEDGER_DELIVERIES").unwrap_or(short_or_long(800, 2_000));
        let count = variable("LEDGER_FAULTS").unwrap_or(kinds.len().try_into().unwrap());
        let mut random = Random(seed);
        let mut faults: Vec<_> = (kinds.iter().cycle())
            .take(count.try_into().unwrap())
            .map(|kind| (random.number(), *kind))
            .collect();
        faults.sort_unstable_by_key(|(place, _)| *place);
        Self {
            seed,
            events: (deliveries / 2).try_into().unwrap(),
            faults: faults.into_iter().map(|(_, kind)| kind).collect(),
        }
    }
}

impl Plan {
    /// A long run says what it is at.
    pub(crate) fn is_told(&self) -> bool {
        self.faults.len() > Kind::ALL.len()
    }
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect(name))
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> usize {
        (self.number() % limit).try_into().unwrap()
    }
}
