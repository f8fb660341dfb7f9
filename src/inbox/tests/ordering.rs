//! Several entries of one order key: the rules for each, and for all of them together.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{Order, OrderKey, Version};

fn order(version: Option<i64>) -> Order {
    Order::new(OrderKey::new(["1042"]).unwrap(), version.map(Version::new))
}

fn accept_in(what: u8, order: Order) -> Accept {
    Accept {
        order: Some(Box::new(order)),
        ..accept(what)
    }
}

/// The entries of one order key by number, and the state of the key.
#[derive(Debug, Default)]
struct Thing {
    entries: BTreeMap<u8, Scene>,
    order: OrderState<u8>,
}

impl Thing {
    fn change(&mut self, id: u8, change: Option<OrderChange>, secs: u64) {
        if let Some(change) = change {
            self.order = std::mem::take(&mut self.order).after(id, change, at(secs));
        }
    }

    fn run<C: EntryCommand>(&mut self, id: u8, command: &C, secs: u64) -> C::Outcome {
        let scene = self.entries.entry(id).or_default();
        let step = command.apply(scene.0.as_ref(), at(secs));
        if step.write.is_some() {
            scene.0 = step.write;
        }
        self.change(id, step.order, secs);
        step.outcome
    }

    fn accept(&mut self, id: u8, version: Option<i64>) {
        let accepted = self.run(id, &accept_in(1, order(version)), 0);
        assert_eq!(accepted, Accepted::Queued);
    }

    fn take(&mut self, id: u8, take: &Take, secs: u64) -> TakeOutcome {
        let scene = self.entries.get_mut(&id).unwrap();
        let step = take.apply(&id, (&acme(), scene.entry()), Some(&self.order), at(secs));
        if step.write.is_some() {
            scene.0 = step.write;
        }
        self.change(id, step.order, secs);
        step.outcome
    }

    fn attempt(&mut self, id: u8, verdict: Verdict, secs: u64) {
        assert_eq!(self.take(id, &take(id), secs), TakeOutcome::Taken);
        assert!(matches!(self.run(id, &begin(id), secs), Begun::Granted(_)));
        self.run(id, &finish(id, verdict), secs);
    }

    fn redrive(&mut self, id: u8, redrive: &Redrive, secs: u64) -> Moved {
        let entry = self.entries[&id].entry().clone();
        match redrive.against_order(&entry, &self.order, at(secs)) {
            Some(moved) => moved,
            None => self.run(id, redrive, secs),
        }
    }

    fn status(&self, id: u8, secs: u64) -> EntryStatus {
        self.entries[&id].status(secs)
    }
}

#[test]
fn while_one_is_held_no_other_one_is_taken() {
    let mut thing = Thing::default();
    thing.accept(1, Some(1));
    thing.accept(2, Some(2));
    assert_eq!(thing.take(1, &take(1), 0), TakeOutcome::Taken);
    assert_eq!(thing.take(2, &take(2), 0), TakeOutcome::NotNow);
    thing.run(1, &begin(1), 0);
    // Nor while it waits for its next attempt, or after its worker has died.
    thing.run(1, &finish(1, retry(60)), 0);
    assert_eq!(thing.take(2, &take(2), 59), TakeOutcome::NotNow);
    assert_eq!(thing.take(1, &take(1), 60), TakeOutcome::Taken);
    thing.run(1, &begin(1), 60);
    assert_eq!(thing.take(2, &take(2), 600), TakeOutcome::NotNow);
    thing.attempt(1, Verdict::Done, 600);
    assert_eq!(thing.take(2, &take(2), 600), TakeOutcome::Taken);
}

#[test]
fn what_is_older_than_what_was_completed_is_skipped_and_nothing_else_is() {
    let mut thing = Thing::default();
    thing.accept(5, Some(5));
    thing.attempt(5, Verdict::Done, 0);
    for (id, version, outcome) in [
        (4, Some(4), TakeOutcome::Stale),
        (6, Some(5), TakeOutcome::Taken),
        (7, None, TakeOutcome::Taken),
        (8, Some(6), TakeOutcome::Taken),
    ] {
        thing.accept(id, version);
        assert_eq!(thing.take(id, &take(id), 1), outcome, "{version:?}");
        thing.run(id, &begin(id), 1);
        thing.run(id, &finish(id, Verdict::Done), 1);
    }
    assert_eq!(thing.order.applied(at(1)), Some(Version::new(6)));
    assert_eq!(thing.status(4, 1), EntryStatus::Stale);
    assert!(thing.entries[&4].entry().needs_content());
    let again = thing.run(4, &accept_in(1, order(Some(4))), 2);
    assert_eq!(again, Accepted::Duplicate { differs: false });
    // Nothing is known forever.
    let week = 7 * 86_400;
    assert!(!thing.entries[&4].entry().is_kept(at(week + 1)));
    thing.accept(9, Some(1));
    assert_eq!(thing.take(9, &take(9), 86_402), TakeOutcome::Taken);
}

#[test]
fn what_did_not_end_well_makes_nothing_stale() {
    let mut thing = Thing::default();
    thing.accept(2, Some(2));
    thing.attempt(2, bury(), 0);
    thing.accept(3, Some(3));
    thing.run(3, &Discard::new(key(), DAY), 0);
    thing.accept(1, Some(1));
    assert_eq!(thing.take(1, &take(1), 0), TakeOutcome::Taken);
}

#[test]
fn a_dead_one_holds_its_key_back_only_if_that_is_asked_for() {
    for holds in [false, true] {
        let mut thing = Thing::default();
        let mut first = order(Some(1));
        first.dead_hold_back = holds;
        thing.run(1, &accept_in(1, first), 0);
        thing.accept(2, Some(2));
        thing.attempt(1, bury(), 0);
        let expected = if holds {
            TakeOutcome::NotNow
        } else {
            TakeOutcome::Taken
        };
        assert_eq!(thing.take(2, &take(2), 0), expected, "{holds}");
        if holds {
            thing.run(1, &Discard::new(key(), DAY), 0);
            assert_eq!(thing.take(2, &take(2), 0), TakeOutcome::Taken);
        }
    }
}

#[test]
fn one_whose_workers_died_in_every_attempt_lets_the_others_go_on() {
    let mut thing = Thing::default();
    thing.accept(1, Some(1));
    thing.accept(2, Some(2));
    let last = |who| Take {
        max_attempts: 1,
        ..take(who)
    };
    assert_eq!(thing.take(1, &last(1), 0), TakeOutcome::Taken);
    thing.run(1, &begin(1), 0);
    assert_eq!(thing.take(1, &last(3), 10), TakeOutcome::Buried);
    assert_eq!(thing.take(2, &last(2), 10), TakeOutcome::Taken);
}

#[test]
fn redriving_what_was_overtaken_says_so_and_needs_force() {
    let mut thing = Thing::default();
    thing.accept(1, Some(1));
    thing.attempt(1, bury(), 0);
    thing.accept(3, Some(3));
    thing.attempt(3, Verdict::Done, 0);
    thing.accept(2, Some(2));
    assert_eq!(thing.take(2, &take(2), 0), TakeOutcome::Stale);
    for id in [1, 2] {
        let redrive = Redrive::new(key());
        assert_eq!(thing.redrive(id, &redrive, 1), Moved::Stale);
        assert_eq!(thing.redrive(id, &redrive.force(), 1), Moved::Done);
        thing.attempt(id, Verdict::Done, 1);
    }
    // The newer version remains the newest.
    assert_eq!(thing.order.applied(at(1)), Some(Version::new(3)));
}

#[test]
fn content_that_is_about_something_else_leaves_the_key_that_it_had() {
    let mut thing = Thing::default();
    thing.accept(1, Some(1));
    thing.accept(2, Some(2));
    thing.attempt(1, retry(60), 0);
    let other = Order::new(OrderKey::new(["1043"]).unwrap(), None);
    let corrected = thing.run(1, &accept_in(2, other), 0);
    assert_eq!(corrected, Accepted::Corrected);
    assert_eq!(thing.take(2, &take(2), 0), TakeOutcome::Taken);

    // Newer content of the same key holds it.
    let mut thing = Thing::default();
    thing.accept(1, Some(1));
    thing.accept(2, Some(2));
    thing.attempt(1, retry(60), 0);
    thing.run(1, &accept_in(2, order(Some(3))), 0);
    assert_eq!(thing.take(2, &take(2), 0), TakeOutcome::NotNow);
    thing.attempt(1, Verdict::Done, 60);
    assert_eq!(thing.take(2, &take(2), 60), TakeOutcome::Stale);
}

#[derive(Debug, Clone)]
enum Deed {
    Accept { id: u8, version: Option<i64> },
    Take { id: u8 },
    Begin { id: u8 },
    Finish { id: u8, verdict: Verdict },
    Redrive { id: u8 },
    Discard { id: u8 },
    Pass { secs: u64 },
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let id = || 1..6_u8;
    let verdict = prop_oneof![
        4 => Just(Verdict::Done),
        1 => Just(bury()),
        1 => (0..20_u64).prop_map(retry),
        1 => Just(Verdict::GiveBack { after: Duration::ZERO }),
    ];
    let deed = prop_oneof![
        4 => (id(), prop::option::weighted(0.9, 0..6_i64))
            .prop_map(|(id, version)| Deed::Accept { id, version }),
        6 => id().prop_map(|id| Deed::Take { id }),
        6 => id().prop_map(|id| Deed::Begin { id }),
        6 => (id(), verdict).prop_map(|(id, verdict)| Deed::Finish { id, verdict }),
        1 => id().prop_map(|id| Deed::Redrive { id }),
        1 => id().prop_map(|id| Deed::Discard { id }),
        2 => prop_oneof![0..25_u64, Just(86_400)].prop_map(|secs| Deed::Pass { secs }),
    ];
    prop::collection::vec(deed, 1..100)
}

proptest! {
    #[test]
    fn one_at_a_time_in_rising_versions_and_none_waits_for_ever(deeds in deeds()) {
        let (mut thing, mut now) = (Thing::default(), 0);
        // The newest completed version, and when it was completed.
        let mut newest: Option<(i64, u64)> = None;
        for deed in deeds {
            match deed {
                Deed::Pass { secs } => now += secs,
                Deed::Accept { id, version } => {
                    thing.run(id, &accept_in(1, order(version)), now);
                }
                Deed::Take { id } if thing.entries.get(&id).is_some_and(|it| it.0.is_some()) => {
                    let before = thing.entries[&id].clone();
                    if !before.entry().is_kept(at(now)) {
                        continue;
                    }
                    let known = newest.filter(|(_, when)| when + 86_400 > now);
                    let version = before.entry().order.as_ref().unwrap().version;
                    let is_old = version.zip(known)
                        .is_some_and(|(ours, (newest, _))| ours.number() < newest);
                    match thing.take(id, &take(id), now) {
                        TakeOutcome::Taken => prop_assert!(!is_old),
                        TakeOutcome::Stale => prop_assert!(is_old),
                        TakeOutcome::Buried | TakeOutcome::NotNow => {}
                    }
                }
                Deed::Begin { id } => {
                    thing.run(id, &begin(id), now);
                }
                Deed::Finish { id, verdict } => {
                    let version = thing.entries.get(&id).and_then(|scene| {
                        let is_held = scene.0.as_ref()?.status(at(now)) != EntryStatus::Done;
                        scene.entry().order.as_ref()?.version.filter(|_| is_held)
                    });
                    let is_done = verdict == Verdict::Done;
                    thing.run(id, &finish(id, verdict), now);
                    let ended = thing.entries[&id].0.as_ref()
                        .is_some_and(|entry| entry.status(at(now)) == EntryStatus::Done);
                    if let (Some(version), true, true) = (version, is_done, ended) {
                        let known = newest.filter(|(_, when)| when + 86_400 > now);
                        let version = known.map_or(version.number(), |it| it.0.max(version.number()));
                        newest = Some((version, now));
                    }
                }
                Deed::Redrive { id } if thing.entries.get(&id).is_some_and(|it| it.0.is_some()) => {
                    thing.redrive(id, &Redrive::new(key()), now);
                }
                Deed::Discard { id } => {
                    thing.run(id, &Discard::new(key(), DAY), now);
                }
                Deed::Take { .. } | Deed::Redrive { .. } => {}
            }
            let held: Vec<_> = thing.entries.iter()
                .filter(|(_, scene)| scene.0.as_ref()
                    .is_some_and(|entry| matches!(entry.state, EntryState::Running { .. })))
                .map(|(id, _)| *id)
                .collect();
            prop_assert!(held.len() <= 1, "{held:?}");
            prop_assert!(held.first().is_none_or(|id| thing.order.holder == Some(*id)));
            // The holder of the key is in progress: it was attempted or given back, and is open.
            if let Some(holder) = thing.order.holder {
                let entry = thing.entries[&holder].entry();
                prop_assert!(entry.is_open() && entry.due().is_some());
            }
        }
    }
}
