//! The answer to a delivery, by the status of its entry.

use super::*;
use crate::store::StoredResponse;
use crate::store::record::{Record, State};

/// An entry with each status, at second 100.
fn planted(status: EntryStatus) -> Scene {
    let mut scene = Scene::accepted();
    match status {
        EntryStatus::Queued => {}
        EntryStatus::Waiting => {
            scene.begun(1, 1);
            scene.run(&finish(1, retry(500)), 2);
        }
        EntryStatus::Running => {
            scene.begun(1, 95);
        }
        EntryStatus::Lapsed => {
            scene.begun(1, 1);
        }
        EntryStatus::Done => {
            scene.begun(1, 1);
            scene.run(&finish(1, Verdict::Done), 2);
        }
        EntryStatus::Dead => {
            scene.begun(1, 1);
            scene.run(&finish(1, bury()), 2);
        }
        EntryStatus::Mismatched => {
            scene.take(&take(1), 1);
            let untrue = Finish::new(key(), token(1), Verdict::Mismatched, DAY);
            assert_eq!(scene.run(&untrue, 2), Held::Held);
            assert_eq!(scene.run(&untrue, 3), Held::Held, "sent again");
        }
        EntryStatus::Discarded => {
            scene.run(&Discard::new(key(), DAY), 1);
        }
        EntryStatus::Stale => {
            if let Some(entry) = &mut scene.0 {
                let kept_until = at(100 + 86_400);
                entry.state = EntryState::Stale { kept_until };
            }
        }
    }
    assert_eq!(scene.status(100), status);
    scene
}

#[test]
fn each_status_has_its_answer_and_only_three_take_new_content() {
    let same = Accepted::Duplicate { differs: false };
    let other = Accepted::Duplicate { differs: true };
    for (status, to_same, to_other, to_other_of_own_id) in [
        (EntryStatus::Queued, same, Accepted::Conflict, other),
        (
            EntryStatus::Waiting,
            same,
            Accepted::Corrected,
            Accepted::Corrected,
        ),
        (EntryStatus::Running, same, Accepted::Conflict, other),
        (EntryStatus::Lapsed, same, Accepted::Conflict, other),
        (EntryStatus::Done, same, Accepted::Conflict, other),
        (
            EntryStatus::Dead,
            Accepted::Revived,
            Accepted::Revived,
            Accepted::Revived,
        ),
        (EntryStatus::Discarded, same, Accepted::Conflict, other),
        (EntryStatus::Stale, same, Accepted::Conflict, other),
        // Other content is treated as if there were no entry.
        (
            EntryStatus::Mismatched,
            same,
            Accepted::Queued,
            Accepted::Queued,
        ),
    ] {
        let own = Accept {
            has_own_id: true,
            ..accept(2)
        };
        for (accept, expected) in [
            (accept(1), to_same),
            (accept(2), to_other),
            (own, to_other_of_own_id),
        ] {
            let mut scene = planted(status);
            let before = scene.clone();
            let step = accept.apply(scene.0.as_ref(), at(100));
            assert_eq!(step.outcome, expected, "{status:?} {accept:?}");
            let is_new = expected == Accepted::Queued;
            let takes = is_new || matches!(expected, Accepted::Corrected | Accepted::Revived);
            assert_eq!(step.takes_content, takes, "{status:?}");
            scene.run(&accept, 100);
            if takes {
                assert_eq!(scene.entry().fingerprint, accept.fingerprint);
                let corrected = !is_new && accept.fingerprint != content(1);
                assert_eq!(scene.entry().corrected, corrected);
            } else {
                assert_eq!(scene, before, "nothing else is changed");
            }
        }
    }
}

#[test]
fn a_dead_entry_is_revived_at_once_and_then_no_sooner_than_the_pace_allows() {
    let mut scene = planted(EntryStatus::Dead);
    assert_eq!(scene.run(&accept(2), 100), Accepted::Revived);
    assert_eq!(scene.status(100), EntryStatus::Queued);
    let grant = scene.begun(2, 101);
    assert_eq!(
        (grant.attempt, grant.corrected),
        (1, true),
        "fresh attempts"
    );
    scene.run(&finish(2, bury()), 102);
    assert_eq!(
        scene.run(&accept(2), 399),
        Accepted::Dead,
        "300 s have not passed"
    );
    assert_eq!(scene.status(399), EntryStatus::Dead);
    assert_eq!(scene.run(&accept(2), 400), Accepted::Revived);
    let reasons: Vec<_> = scene.entry().history.iter().map(|it| &*it.reason).collect();
    assert_eq!(
        reasons,
        ["no order of ours", "no order of ours"],
        "its history is kept"
    );
}

#[test]
fn what_is_done_or_discarded_is_new_again_after_its_retention() {
    for status in [EntryStatus::Done, EntryStatus::Discarded] {
        let mut scene = planted(status);
        assert_eq!(scene.run(&accept(2), 86_400), Accepted::Conflict);
        assert_eq!(scene.run(&accept(2), 86_403), Accepted::Queued);
    }
    for status in [
        EntryStatus::Queued,
        EntryStatus::Waiting,
        EntryStatus::Lapsed,
        EntryStatus::Dead,
    ] {
        let scene = planted(status);
        assert!(
            scene.entry().is_kept(UnixTime::from_secs(u64::MAX)),
            "{status:?} has no end"
        );
    }
}

#[test]
fn a_record_of_an_inline_run_is_no_entry_unless_it_is_done_or_held() {
    let record = |state, what| Record::new(state, 1, 1, Some(content(what)), at(1_000));
    let claimed = |secs| State::Claimed {
        token: token(1),
        lease_ends: at(secs),
        lease: Some(LEASE),
        corrected: false,
    };
    let done = State::Done {
        token: token(1),
        response: StoredResponse::new(200),
    };
    let released = State::Released { token: token(1) };
    for (state, what, expected) in [
        (claimed(101), 1, Some(Accepted::HeldInline)),
        (claimed(100), 1, None),
        (released, 1, None),
        (
            done.clone(),
            1,
            Some(Accepted::Duplicate { differs: false }),
        ),
        (done.clone(), 2, Some(Accepted::Conflict)),
    ] {
        let record = record(state, what);
        assert_eq!(accept(1).against_record(Some(&record), at(100)), expected);
    }
    let over = record(done, 1);
    assert_eq!(accept(1).against_record(Some(&over), at(1_000)), None);
    assert_eq!(accept(1).against_record(None, at(100)), None);
}
