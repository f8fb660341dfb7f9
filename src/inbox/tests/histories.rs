//! Random histories, compared with a model that knows only what the parties see.

use proptest::prelude::*;

use super::*;
use crate::store::Held;

#[derive(Debug, Clone)]
enum Deed {
    Accept { what: u8, own: bool },
    Take { who: u8, lone: bool, begin: bool },
    Begin { who: u8 },
    Extend { who: u8 },
    Finish { who: u8, verdict: Verdict },
    Redrive,
    Discard,
    Pass { secs: u64 },
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let after = || (0..40_u64).prop_map(Duration::from_secs);
    prop_oneof![
        Just(Verdict::Done),
        Just(Verdict::Mismatched),
        Just(bury()),
        (0..40_u64).prop_map(retry),
        after().prop_map(|after| Verdict::GiveBack { after }),
    ]
}

fn deeds() -> impl Strategy<Value = Deed> {
    let who = || 1..4_u8;
    prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(what, own)| Deed::Accept { what, own }),
        4 => (who(), prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(who, lone, begin)| Deed::Take { who, lone, begin }),
        5 => who().prop_map(|who| Deed::Begin { who }),
        1 => who().prop_map(|who| Deed::Extend { who }),
        4 => (who(), verdicts()).prop_map(|(who, verdict)| Deed::Finish { who, verdict }),
        1 => Just(Deed::Redrive),
        1 => Just(Deed::Discard),
        4 => prop_oneof![0..15_u64, Just(10), Just(86_400)].prop_map(|secs| Deed::Pass { secs }),
    ]
}

/// The joint knowledge of all parties from their answers.
#[derive(Debug, Default)]
struct Known {
    now: u64,
    /// Whether an event was accepted that is not done, discarded or forgotten.
    owed: bool,
    /// The content that will run or has run, and until when a content that has run is known.
    what: u8,
    known_until: Option<u64>,
    /// Whether it is only known to be untrue.
    untrue: bool,
    dead: bool,
    holder: Option<Holder>,
    fence: u64,
    attempts: u32,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    who: u8,
    begun: bool,
    until: u64,
}

impl Known {
    fn is_known(&self) -> bool {
        self.owed || self.known_until.is_some_and(|end| end > self.now)
    }

    fn accepted(&mut self, what: u8, own: bool, outcome: Accepted) {
        match outcome {
            Accepted::Queued => {
                let other = self.untrue && what != self.what;
                assert!(!self.is_known() || other, "what is known is not new");
                if other {
                    // The fence of a new entry is a time, so within the same instant it does not
                    // grow.
                    self.fence = self.fence.saturating_sub(1);
                }
                self.untrue = false;
                (self.owed, self.what, self.known_until) = (true, what, None);
                (self.attempts, self.dead, self.holder) = (0, false, None);
            }
            Accepted::Corrected => {
                assert!(self.owed && !self.dead && self.holder.is_none() && what != self.what);
                self.what = what;
            }
            Accepted::Revived => {
                assert!(self.dead, "only the dead are revived");
                (self.dead, self.what, self.attempts) = (false, what, 0);
            }
            Accepted::Dead => assert!(self.dead),
            Accepted::Duplicate { differs } => {
                assert!(self.is_known(), "nothing is told to be known that is not");
                assert!(
                    !self.dead,
                    "a sender is not told that the dead are taken care of"
                );
                assert_eq!(differs, what != self.what);
                assert!(
                    !differs || own,
                    "other content is a duplicate by the sender's id alone"
                );
            }
            Accepted::Conflict => {
                assert!(self.is_known() && !self.untrue && what != self.what && !own);
            }
            Accepted::HeldInline => panic!("there is no record"),
        }
    }

    fn taken(&mut self, who: u8, outcome: TakeOutcome) {
        let silent = self.holder.is_none_or(|it| it.until <= self.now);
        match outcome {
            TakeOutcome::Taken => {
                assert!(self.owed && !self.dead && silent, "one holder");
                let until = self.now + 10;
                self.holder = Some(Holder {
                    who,
                    begun: false,
                    until,
                });
            }
            TakeOutcome::Buried => {
                assert!(self.holder.is_some_and(|it| it.begun) && silent && self.attempts >= 3);
                (self.dead, self.holder) = (true, None);
            }
            TakeOutcome::Stale => panic!("it is in no order"),
            TakeOutcome::NotNow => {}
        }
    }

    fn began(&mut self, who: u8, outcome: Begun) {
        match outcome {
            Begun::Granted(grant) => {
                let holder = self.holder.as_mut().unwrap();
                assert_eq!(holder.who, who);
                if !std::mem::replace(&mut holder.begun, true) {
                    self.attempts += 1;
                    assert!(grant.fence > self.fence, "fences grow");
                    self.fence = grant.fence;
                }
                holder.until = self.now + 10;
                assert_eq!((grant.attempt, grant.fence), (self.attempts, self.fence));
            }
            Begun::Fenced => assert!(self.holder.is_none_or(|it| it.who != who)),
        }
    }

    fn finished(&mut self, who: u8, verdict: &Verdict) {
        assert!(self.holder.is_some_and(|it| it.who == who && it.begun));
        self.holder = None;
        match verdict {
            Verdict::Done | Verdict::Mismatched => {
                (self.owed, self.known_until) = (false, Some(self.now + 86_400));
                self.untrue = *verdict == Verdict::Mismatched;
            }
            Verdict::Bury { .. } => self.dead = true,
            Verdict::GiveBack { .. } => self.attempts -= 1,
            Verdict::Retry { .. } => {}
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_promises_hold(deeds in prop::collection::vec(deeds(), 1..120)) {
        let (mut scene, mut known) = (Scene::default(), Known::default());
        for deed in deeds {
            let now = known.now;
            match deed {
                Deed::Pass { secs } => known.now += secs,
                Deed::Accept { what, own } => {
                    let accept = Accept { has_own_id: own, ..accept(what) };
                    let outcome = scene.run(&accept, now);
                    known.accepted(what, own, outcome);
                }
                Deed::Take { who, lone, begin } => {
                    let Some(entry) = scene.0.clone().filter(|entry| entry.is_kept(at(now))) else {
                        continue;
                    };
                    let waits = matches!(entry.state, EntryState::Queued { .. });
                    let begins = begin && !lone && waits && (entry.attempts, entry.deaths) == (0, 0);
                    let own = token(if begins { who + 100 } else { who });
                    let outcome = scene.take(&Take { lone, begin, token: own, ..take(who) }, now);
                    known.taken(who, outcome);
                    if begins && outcome == TakeOutcome::Taken {
                        known.began(who, Begun::Granted(scene.entry().grant()));
                    }
                    // A worker's death makes an entry lone.
                    if outcome == TakeOutcome::NotNow && *scene.entry() != entry {
                        known.holder = None;
                        prop_assert!(scene.entry().is_lone());
                    }
                }
                Deed::Begin { who } => known.began(who, scene.run(&begin(who), now)),
                Deed::Extend { who } => {
                    let held = scene.run(&Extend::new(key(), token(who + 100), LEASE), now);
                    let holds = known.holder.filter(|it| it.who == who && it.begun);
                    prop_assert_eq!(held == Held::Held, holds.is_some());
                    if let Some(holder) = known.holder.as_mut().filter(|_| holds.is_some()) {
                        holder.until = now + 10;
                    }
                }
                Deed::Finish { who, verdict } => {
                    let before = scene.clone();
                    let held = scene.run(&finish(who, verdict.clone()), now);
                    if scene != before {
                        prop_assert_eq!(held, Held::Held);
                        known.finished(who, &verdict);
                    }
                }
                Deed::Redrive => match scene.run(&Redrive::new(key()), now) {
                    Moved::Done => {
                        prop_assert!(known.dead);
                        (known.dead, known.attempts) = (false, 0);
                    }
                    Moved::NotFrom(_) => prop_assert!(known.is_known() && !known.dead),
                    Moved::Absent => prop_assert!(!known.is_known()),
                    Moved::Stale => panic!("it is in no order"),
                },
                Deed::Discard => match scene.run(&Discard::new(key(), DAY), now) {
                    Moved::Done => {
                        prop_assert!(known.owed && known.holder.is_none());
                        (known.owed, known.dead) = (false, false);
                        (known.known_until, known.untrue) = (Some(now + 86_400), false);
                    }
                    Moved::NotFrom(_) => prop_assert!(known.is_known()),
                    Moved::Absent => prop_assert!(!known.is_known()),
                    Moved::Stale => panic!("it is in no order"),
                },
            }
            // An accepted event stays until it is done or discarded, whatever happens.
            let kept = scene.0.as_ref().is_some_and(|entry| entry.is_kept(at(known.now)));
            prop_assert_eq!(kept, known.is_known());
            prop_assert!(!known.owed || scene.entry().needs_content());
        }
    }
}
