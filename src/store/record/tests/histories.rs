//! Random histories of several holders with one key.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// An action of one of several holders on one key.
#[derive(Debug, Clone)]
enum Deed {
    Claim { who: u8, what: u8 },
    Complete { who: u8, what: u8 },
    Release { who: u8, begun: bool },
    Renew { who: u8 },
    Pass { secs: u64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let who = 0..5_u8;
    let what = 0..3_u8;
    prop_oneof![
        4 => (who.clone(), what.clone()).prop_map(|(who, what)| Deed::Claim { who, what }),
        1 => (who.clone(), what).prop_map(|(who, what)| Deed::Complete { who, what }),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, begun)| Deed::Release { who, begun }),
        2 => who.prop_map(|who| Deed::Renew { who }),
        2 => prop_oneof![0..20_u64, Just(15), Just(600), 590..700_u64]
            .prop_map(|secs| Deed::Pass { secs }),
    ]
}

/// The knowledge of the claimers from their answers, and thus what they may rely on.
#[derive(Default)]
struct Known {
    now: u64,
    /// The last holder that was granted the key and has not finished, and when its lease ends.
    holder: Option<(u8, u64)>,
    grant: Option<Grant>,
    /// The content that was completed, and how long that is valid.
    done: Option<(u8, u64)>,
    /// When the record is forgotten, if there is one.
    kept_until: Option<u64>,
}

impl Known {
    fn pass(&mut self, secs: u64) {
        self.now += secs;
        if self.kept_until.is_some_and(|end| end <= self.now) {
            self.kept_until = None;
            self.holder = None;
            self.done = None;
        }
    }

    fn claimed(&mut self, who: u8, grant: Grant) {
        assert!(self.done.is_none(), "done stays done");
        if let Some((holder, lease_ends)) = self.holder {
            assert!(
                holder == who || lease_ends <= self.now,
                "two live holders at once"
            );
        }
        let same = self.holder.is_some_and(|(holder, _)| holder == who);
        match self.grant {
            Some(before) if same => assert_eq!(grant, before, "the same grant again"),
            Some(before) => {
                assert!(grant.fence > before.fence, "the fence grows");
                let expected = if self.kept_until.is_some() {
                    before.attempt + 1
                } else {
                    1
                };
                assert_eq!(grant.attempt, expected, "one attempt a grant");
            }
            None => assert_eq!(grant.attempt, 1),
        }
        self.grant = Some(grant);
        self.holder = Some((who, self.now + 15));
        self.kept_until = Some(self.now + 600);
    }

    fn others_claim(&self, who: u8, what: u8, outcome: &ClaimOutcome) {
        match outcome {
            ClaimOutcome::Claimed(_) => {}
            ClaimOutcome::Done(_) => assert_eq!(self.done.unwrap().0, what),
            ClaimOutcome::OtherDone(_) => assert_ne!(self.done.unwrap().0, what),
            ClaimOutcome::InProgress | ClaimOutcome::OtherInProgress => {
                assert_eq!(self.done, None);
                self.held_by_another(who);
            }
        }
    }

    fn held_by_another(&self, who: u8) {
        let (holder, lease_ends) = self.holder.unwrap();
        assert!(holder != who && lease_ends > self.now);
    }
}

/// Carries a command out, and repeats it as if its reply had been lost.
fn twice<C: Command>(record: &mut Option<Record>, secs: u64, command: &C) -> C::Outcome
where
    C::Outcome: PartialEq + std::fmt::Debug,
{
    let first = command.apply(record.as_ref(), at(secs));
    if first.write.is_some() {
        *record = first.write;
    }
    let again = command.apply(record.as_ref(), at(secs));
    assert_eq!(again.outcome, first.outcome, "sent twice, answered alike");
    if let Some(rewritten) = again.write {
        assert_eq!(Some(rewritten), *record, "sent twice, done once");
    }
    first.outcome
}

proptest! {
    #[test]
    fn whatever_happens_the_promises_hold(deeds in prop::collection::vec(deed(), 1..80)) {
        let mut record: Option<Record> = None;
        let mut known = Known::default();
        for deed in deeds {
            let before = record.clone();
            let kept = before.as_ref().filter(|record| record.is_kept(at(known.now)));
            let holds = |who: u8| known.holder.is_some_and(|(holder, _)| holder == who);
            match deed {
                Deed::Pass { secs } => known.pass(secs),
                Deed::Claim { who, what } => {
                    let outcome = twice(&mut record, known.now, &claim(who, what));
                    known.others_claim(who, what, &outcome);
                    if let ClaimOutcome::Claimed(grant) = outcome {
                        known.claimed(who, grant);
                    } else {
                        prop_assert_eq!(&record, &before, "a refused claim changes nothing");
                    }
                }
                Deed::Complete { who, what } => {
                    // A completion without a record: its writer knew its own grant.
                    let grant = known.grant.unwrap_or(Grant { attempt: 1, fence: 1, corrected: false });
                    let command = Complete {
                        attempt: grant.attempt,
                        fence: grant.fence,
                        ..complete(who, what)
                    };
                    let may = holds(who) || kept.is_none();
                    let outcome = twice(&mut record, known.now, &command);
                    if may {
                        prop_assert_eq!(outcome, Held::Held);
                        known.holder = None;
                        known.done = Some((what, known.now + 600));
                        known.kept_until = Some(known.now + 600);
                        known.grant = Some(grant);
                    } else {
                        prop_assert_eq!(&record, &before, "only the holder completes");
                    }
                }
                Deed::Release { who, begun } => {
                    let may = holds(who);
                    let release = Release { begun, ..release(who) };
                    let outcome = twice(&mut record, known.now, &release);
                    if may {
                        prop_assert_eq!(outcome, Held::Held);
                        known.holder = None;
                        if let Some(grant) = known.grant.as_mut().filter(|_| !begun) {
                            grant.attempt -= 1;
                        }
                        known.kept_until = Some(known.now + 600);
                    } else {
                        prop_assert_eq!(&record, &before, "only the holder releases");
                    }
                }
                Deed::Renew { who } => {
                    let may = holds(who);
                    let outcome = twice(&mut record, known.now, &renew(who));
                    prop_assert_eq!(outcome == Held::Held, may, "only the holder renews");
                    if may {
                        known.holder = Some((who, known.now + 15));
                        known.kept_until = Some(known.now + 600);
                    } else {
                        prop_assert_eq!(&record, &before, "fenced changes nothing");
                    }
                }
            }
            let kept = record.as_ref().filter(|record| record.is_kept(at(known.now)));
            prop_assert_eq!(kept.is_some(), known.kept_until.is_some(), "retention");
            if let Some((what, until)) = known.done {
                prop_assert!(until > known.now);
                prop_assert_eq!(kept.unwrap().fingerprint, Some(content(what)));
                prop_assert_eq!(kept.unwrap().public_state(at(known.now)), RecordState::Done(answer(200)));
            }
            if let Some(record) = kept {
                prop_assert!(record.lease_ends().is_none_or(|end| end <= record.kept_until));
            }
        }
    }

    #[test]
    fn a_later_claim_has_a_larger_fence_even_after_the_record_was_lost(
        first in 1..u64::from(u32::MAX),
        later in 1..u64::from(u32::MAX),
    ) {
        let fence = |now: UnixTime| match claim(1, 1).apply(None, now).outcome {
            ClaimOutcome::Claimed(grant) => grant.fence,
            other => panic!("{other:?}"),
        };
        let now = UnixTime::from_micros(first);
        prop_assert!(fence(now.saturating_add(Duration::from_micros(later))) > fence(now));
        prop_assert!(fence(now.saturating_add(SECOND)) > fence(now));
    }
}
