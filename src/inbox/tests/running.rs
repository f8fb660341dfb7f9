//! Entries that pass from one worker to the next.

use super::*;
use crate::store::{Grant, Held};

#[test]
fn an_attempt_counts_when_its_handler_begins() {
    let mut scene = Scene::accepted();
    assert_eq!(scene.take(&take(1), 0), TakeOutcome::Taken);
    assert_eq!(scene.entry().attempts, 0, "being taken costs none");
    assert_eq!(scene.take(&take(2), 9), TakeOutcome::NotNow, "one holder");
    // It died before it began, so nothing counts.
    assert_eq!(scene.take(&take(2), 10), TakeOutcome::Taken);
    assert_eq!((scene.entry().attempts, scene.entry().deaths), (0, 0));
    assert_eq!(scene.run(&begin(1), 11), Begun::Fenced, "it was taken over");
    let Begun::Granted(grant) = scene.run(&begin(2), 11) else {
        panic!("it holds");
    };
    assert_eq!(
        grant,
        Grant {
            attempt: 1,
            fence: at(11).as_micros(),
            corrected: false
        }
    );
    assert_eq!(
        scene.run(&begin(2), 15),
        Begun::Granted(grant),
        "sent again"
    );
    let given_back = Verdict::GiveBack {
        after: Duration::ZERO,
    };
    assert_eq!(scene.run(&finish(2, given_back), 16), Held::Held);
    assert_eq!(scene.entry().attempts, 0, "given back costs none");
    assert!(
        scene.begun(3, 16).fence > grant.fence,
        "the fence grows all the same"
    );
}

#[test]
fn a_failed_attempt_waits_and_says_why() {
    let mut scene = Scene::accepted();
    scene.begun(1, 0);
    assert_eq!(scene.run(&finish(1, retry(60)), 5), Held::Held);
    assert_eq!(scene.status(5), EntryStatus::Waiting);
    assert_eq!(scene.take(&take(2), 64), TakeOutcome::NotNow);
    assert_eq!(scene.begun(2, 65).attempt, 2);
    let failed = scene.entry().history.last().unwrap();
    assert_eq!(
        (failed.attempt, failed.at, &*failed.reason),
        (1, at(5), "the ledger is closed")
    );
}

#[test]
fn every_end_is_found_again_by_who_sends_it_twice_and_by_nobody_else() {
    for verdict in [
        Verdict::Done,
        retry(60),
        bury(),
        Verdict::GiveBack { after: LEASE },
    ] {
        let mut scene = Scene::accepted();
        scene.begun(1, 0);
        assert_eq!(scene.run(&finish(2, verdict.clone()), 1), Held::Fenced);
        assert_eq!(scene.run(&finish(1, verdict.clone()), 1), Held::Held);
        let once = scene.clone();
        assert_eq!(scene.run(&finish(1, verdict.clone()), 3), Held::Held);
        assert_eq!(scene.run(&finish(2, verdict.clone()), 3), Held::Fenced);
        assert_eq!(scene, once, "sent twice, done once");
        let extend = Extend::new(key(), token(101), LEASE);
        assert_eq!(scene.run(&extend, 3), Held::Fenced);
        assert_eq!(scene, once);
    }
}

#[test]
fn a_holder_that_is_late_but_alone_still_holds() {
    let mut scene = Scene::accepted();
    scene.begun(1, 0);
    assert_eq!(scene.status(50), EntryStatus::Lapsed);
    assert_eq!(
        scene.run(&Extend::new(key(), token(101), LEASE), 50),
        Held::Held
    );
    assert_eq!(scene.status(59), EntryStatus::Running);
    assert_eq!(scene.take(&take(2), 59), TakeOutcome::NotNow);
    assert_eq!(scene.take(&take(2), 60), TakeOutcome::Taken);
    assert_eq!(
        scene.run(&finish(1, Verdict::Done), 61),
        Held::Fenced,
        "it was overtaken"
    );
    assert_eq!(scene.status(61), EntryStatus::Running);
}

#[test]
fn an_entry_whose_worker_died_twice_is_taken_alone_and_dies_with_its_last_attempt() {
    let mut scene = Scene::accepted();
    let alone = |who| Take {
        lone: true,
        ..take(who)
    };
    scene.begun(1, 0);
    assert_eq!(scene.take(&alone(2), 10), TakeOutcome::NotNow);
    assert_eq!(
        scene.begun(2, 10).attempt,
        2,
        "the attempts of the dead count"
    );
    assert_eq!(scene.entry().deaths, 1);
    // The second death: it goes back, for takes of lone entries.
    assert_eq!(scene.take(&take(3), 20), TakeOutcome::NotNow);
    assert_eq!(scene.entry().deaths, 2);
    assert_eq!(scene.take(&take(3), 20), TakeOutcome::NotNow);
    assert_eq!(scene.take(&alone(3), 20), TakeOutcome::Taken);
    assert!(matches!(
        scene.run(&begin(3), 20),
        Begun::Granted(Grant { attempt: 3, .. })
    ));
    assert_eq!(
        scene.take(&alone(4), 30),
        TakeOutcome::Buried,
        "three attempts are all"
    );
    assert_eq!(scene.status(30), EntryStatus::Dead);
    assert_eq!(scene.entry().history.iter().count(), 3);
}

#[test]
fn an_operator_moves_what_no_worker_has() {
    let redrive = Redrive::new(key()).after(Duration::from_secs(5));
    let discard = Discard::new(key(), DAY);
    let mut scene = Scene::default();
    assert_eq!(scene.run(&redrive, 0), Moved::Absent);
    assert_eq!(scene.run(&discard, 0), Moved::Absent);
    scene.run(&accept(1), 0);
    assert_eq!(scene.run(&redrive, 0), Moved::NotFrom(EntryStatus::Queued));
    scene.begun(1, 0);
    assert_eq!(scene.run(&discard, 1), Moved::NotFrom(EntryStatus::Running));
    scene.run(&finish(1, bury()), 1);
    assert_eq!(scene.run(&redrive, 2), Moved::Done);
    assert_eq!(scene.run(&redrive, 3), Moved::Done, "sent again");
    let another = Redrive::new(key());
    let once = Moved::NotFrom(EntryStatus::Queued);
    assert_eq!(scene.run(&another, 3), once);
    assert_eq!(scene.take(&take(2), 6), TakeOutcome::NotNow);
    assert_eq!(scene.begun(2, 7).attempt, 1, "fresh attempts");
    assert_eq!(
        scene.entry().history.iter().count(),
        1,
        "its history is kept"
    );
    scene.run(&finish(2, bury()), 8);
    assert_eq!(scene.run(&discard, 9), Moved::Done);
    assert_eq!(scene.status(9), EntryStatus::Discarded);
    assert_eq!(scene.entry().due(), None, "nobody takes it any more");
}
