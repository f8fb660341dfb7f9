//! Random histories of several holders with several keys.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// An action of one of several holders on one of several keys.
#[derive(Debug, Clone)]
enum Deed {
    Claim(usize, u8, u64),
    Complete(usize, u8, u64),
    Release(usize, u8, u64),
    Renew(usize, u8, u64),
    Forget(usize),
    Pass(u64),
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = (0..12_usize, 0..3_u8, 20..700_u64);
    prop_oneof![
        4 => at.clone().prop_map(|(key, who, kept)| Deed::Claim(key, who, kept)),
        2 => at.clone().prop_map(|(key, who, kept)| Deed::Complete(key, who, kept)),
        2 => at.clone().prop_map(|(key, who, kept)| Deed::Release(key, who, kept)),
        2 => at.prop_map(|(key, who, kept)| Deed::Renew(key, who, kept)),
        1 => (0..12_usize).prop_map(Deed::Forget),
        2 => (0..300_u64).prop_map(Deed::Pass),
    ]
}

/// The rules over a plain map, with the same number of places.
struct Plain {
    records: HashMap<EventKey, Record>,
    now: UnixTime,
    places: usize,
}

impl Plain {
    fn run<C: Command>(&mut self, command: &C) -> Result<C::Outcome, StoreErrorKind> {
        let now = self.now;
        self.records.retain(|_, record| record.is_kept(now));
        let step = command.apply(self.records.get(command.key()), now);
        if let Some(record) = step.write {
            let new = !self.records.contains_key(command.key());
            if new && self.records.len() == self.places {
                return Err(StoreErrorKind::Full);
            }
            self.records.insert(command.key().clone(), record);
        }
        Ok(step.outcome)
    }
}

proptest! {
    #[test]
    fn it_does_what_the_rules_say(
        places in 6..14_usize,
        deeds in prop::collection::vec(deed(), 1..120),
    ) {
        let clock = manual();
        let store = MemoryStore::with_capacity_and_clock(places, clock.clone()).unwrap();
        let mut plain = Plain { records: HashMap::new(), now: clock.now(), places };
        for deed in deeds {
            let kept = Duration::from_secs;
            match deed {
                Deed::Claim(key, who, secs) => {
                    let command = Claim { retention: kept(secs), ..claim(key, who) };
                    prop_assert_eq!(now(store.claim(&command)), plain.run(&command));
                }
                Deed::Complete(key, who, secs) => {
                    let command = Complete { retention: kept(secs), ..complete(key, who) };
                    prop_assert_eq!(now(store.complete(&command)), plain.run(&command));
                }
                Deed::Release(key, who, secs) => {
                    // Half of them before their handlers have begun.
                    let begun = secs % 2 == 0;
                    let command = Release { retention: kept(secs), begun, ..release(key, who) };
                    prop_assert_eq!(now(store.release(&command)), plain.run(&command));
                }
                Deed::Renew(number, who, secs) => {
                    let command = Renew {
                        key: key(number),
                        token: token(who),
                        lease: LEASE,
                        retention: kept(secs),
                    };
                    let outcome = now(store.renew(std::slice::from_ref(&command)));
                    prop_assert_eq!(outcome, plain.run(&command).map(|held| vec![held]));
                }
                Deed::Forget(number) => {
                    let known = plain.records.remove(&key(number));
                    let kept = known.is_some_and(|record| record.is_kept(plain.now));
                    prop_assert_eq!(now(store.forget(&key(number))), Ok(kept));
                }
                Deed::Pass(secs) => {
                    // More than a second, so that a full store may be swept again.
                    clock.advance(kept(secs + 2));
                    plain.now = clock.now();
                }
            }
            for number in 0..12 {
                let expected = plain.records.get(&key(number))
                    .filter(|record| record.is_kept(plain.now))
                    .map(|record| record.view(key(number), plain.now));
                prop_assert_eq!(now(store.lookup(&key(number))), Ok(expected));
            }
            let sizes = sizes(&store);
            prop_assert_eq!(store.pool.room.taken(), sizes.records, "no place is lost");
            prop_assert!(sizes.items >= sizes.records, "each record will be looked at");
        }
        clock.advance(2 * RETENTION);
        store.pool.sweep();
        prop_assert_eq!(sizes(&store), Sizes::default(), "nothing is left over");
    }
}
