//! How a claim ends: completed, released, sent again or lost.

use super::*;

#[test]
fn a_late_holder_still_holds_while_nobody_else_came() {
    for finish in [true, false] {
        let mut story = Story::default();
        story.on(0, &claim(1, 1));
        assert_eq!(story.on(20, &renew(1)), Held::Held);
        assert_eq!(
            story.untouched_by(34, &claim(2, 1)),
            ClaimOutcome::InProgress
        );
        let outcome = if finish {
            story.on(100, &complete(1, 1))
        } else {
            story.on(100, &release(1))
        };
        assert_eq!(outcome, Held::Held);
    }
}

#[test]
fn a_failure_keeps_count_and_lets_a_correction_in() {
    let mut story = Story::default();
    story.on(0, &claim(1, 1));
    assert_eq!(
        story.untouched_by(1, &claim(2, 2)),
        ClaimOutcome::OtherInProgress,
        "other content while it runs"
    );
    assert_eq!(story.on(2, &release(1)), Held::Held);
    assert_eq!(story.state(2), RecordState::Released);
    assert_eq!(story.kept_until(), at(602));
    assert_eq!(story.untouched_by(3, &release(1)), Held::Held, "sent again");
    assert_eq!(story.untouched_by(3, &release(2)), Held::Fenced);
    assert_eq!(story.untouched_by(3, &renew(1)), Held::Fenced);
    assert_eq!(
        story.untouched_by(3, &complete(1, 1)),
        Held::Fenced,
        "it gave the claim back itself"
    );

    assert_eq!(story.on(4, &claim(2, 1)), granted(2, fence_at(4)));
    story.on(5, &release(2));
    let corrected = granted_corrected(3, fence_at(6));
    assert_eq!(story.on(6, &claim(3, 2)), corrected);
    assert_eq!(
        story.untouched_by(7, &claim(4, 1)),
        ClaimOutcome::OtherInProgress,
        "the new content is what counts now"
    );
}

#[test]
fn a_finish_that_is_sent_again_changes_nothing() {
    let mut story = Story::default();
    story.on(0, &claim(1, 1));
    story.on(1, &complete(1, 1));
    let later = Complete {
        response: answer(500),
        ..complete(1, 2)
    };
    assert_eq!(story.untouched_by(2, &later), Held::Held);
    assert_eq!(story.untouched_by(2, &complete(2, 1)), Held::Fenced);
    assert_eq!(
        story.untouched_by(2, &release(1)),
        Held::Fenced,
        "what is done stays done"
    );
    assert_eq!(story.untouched_by(2, &renew(1)), Held::Fenced);
}

#[test]
fn a_lost_record_is_written_anew_by_complete_alone() {
    let mut story = Story::default();
    assert_eq!(story.untouched_by(0, &release(1)), Held::Held);
    assert_eq!(story.untouched_by(0, &renew(1)), Held::Fenced);
    assert_eq!(story.on(0, &complete(1, 5)), Held::Held);
    let expected = Record {
        state: State::Done {
            token: token(1),
            response: answer(200),
        },
        attempt: 7,
        fence: 77,
        fingerprint: Some(content(5)),
        kept_until: at(600),
    };
    assert_eq!(story.0, Some(expected));
    assert_eq!(story.untouched_by(1, &complete(1, 5)), Held::Held);
}

#[test]
fn complete_keeps_what_the_store_counted() {
    let mut story = Story::default();
    story.on(0, &claim(1, 1));
    story.on(1, &complete(1, 3));
    let record = story.0.unwrap();
    assert_eq!((record.attempt, record.fence), (1, fence_at(0)));
    assert_eq!(record.fingerprint, Some(content(3)));
}
