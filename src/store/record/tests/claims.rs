//! Which claims are granted, and with which fences.

use super::*;

#[test]
fn a_claim_whose_reply_was_lost_finds_itself() {
    let mut story = Story::default();
    story.on(0, &claim(1, 1));
    assert_eq!(story.on(10, &claim(1, 1)), granted(1, fence_at(0)));
    let claimed = RecordState::Claimed { lease_ends: at(25) };
    assert_eq!(story.state(10), claimed, "the lease is set anew");
    assert_eq!(story.kept_until(), at(610));
    assert_eq!(
        story.on(100, &claim(1, 1)),
        granted(1, fence_at(0)),
        "its lease is over, but nobody else came"
    );

    story.on(101, &release(1));
    let corrected = granted_corrected(2, fence_at(102));
    assert_eq!(story.on(102, &claim(2, 9)), corrected);
    assert_eq!(
        story.on(103, &claim(2, 9)),
        corrected,
        "the correction too is told again"
    );
    assert_eq!(story.on(104, &claim(3, 8)), ClaimOutcome::OtherInProgress);
}

#[test]
fn a_lease_that_the_clock_left_far_ahead_is_as_long_again() {
    let mut story = Story::default();
    story.on(4_000, &claim(1, 1));
    // The clock is set back by an hour, and the holder is dead.
    assert_eq!(story.on(400, &claim(2, 1)), ClaimOutcome::InProgress);
    let claimed = RecordState::Claimed {
        lease_ends: at(415),
    };
    assert_eq!(story.state(400), claimed);
    assert_eq!(story.kept_until(), at(4_600));
    assert_eq!(
        story.untouched_by(401, &claim(2, 1)),
        ClaimOutcome::InProgress,
        "one step, one correction"
    );
    assert_eq!(story.on(415, &claim(2, 1)), granted(2, fence_at(4_000) + 1));

    // A wait may be the first to read it.
    assert_eq!(story.untouched_by(420, &Look(&key())), Some(at(430)));
    assert_eq!(story.on(100, &Look(&key())), Some(at(115)));
    assert_eq!(story.untouched_by(115, &Look(&key())), None);
    // Claims with other content reset it too, and a holder that is alive continues.
    assert_eq!(story.on(50, &claim(3, 9)), ClaimOutcome::OtherInProgress);
    assert_eq!(story.state(50), RecordState::Claimed { lease_ends: at(65) });
    assert_eq!(story.on(51, &renew(2)), Held::Held);
    assert_eq!(story.on(52, &complete(2, 1)), Held::Held);
    assert_eq!(story.untouched_by(0, &Look(&key())), None);
}

#[test]
fn a_lease_whose_length_nobody_wrote_down_is_left_alone() {
    let mut story = Story::default();
    story.on(4_000, &claim(1, 1));
    if let Some(State::Claimed { lease, .. }) = story.0.as_mut().map(|record| &mut record.state) {
        *lease = None;
    }
    assert_eq!(
        story.untouched_by(400, &claim(2, 1)),
        ClaimOutcome::InProgress
    );
    assert_eq!(story.untouched_by(400, &Look(&key())), Some(at(4_015)));
}

#[test]
fn a_lapsed_claim_is_taken_over_and_its_holder_is_fenced_off() {
    let mut story = Story::default();
    story.on(0, &claim(1, 1));
    assert_eq!(
        story.untouched_by(14, &claim(2, 1)),
        ClaimOutcome::InProgress
    );
    let lapsed = RecordState::Lapsed {
        lease_ended: at(15),
    };
    assert_eq!(story.state(15), lapsed);
    assert_eq!(story.on(15, &claim(2, 1)), granted(2, fence_at(15)));

    assert_eq!(story.untouched_by(16, &complete(1, 1)), Held::Fenced);
    assert_eq!(story.untouched_by(16, &release(1)), Held::Fenced);
    assert_eq!(story.untouched_by(16, &renew(1)), Held::Fenced);
    assert_eq!(
        story.untouched_by(31, &complete(1, 1)),
        Held::Fenced,
        "also once the second has lapsed"
    );
    assert_eq!(story.on(32, &complete(2, 1)), Held::Held);
    assert_eq!(story.untouched_by(33, &complete(1, 1)), Held::Fenced);
    assert_eq!(story.untouched_by(33, &release(1)), Held::Fenced);
    assert_eq!(story.untouched_by(33, &renew(1)), Held::Fenced);
}

#[test]
fn a_claim_of_an_earlier_version_that_was_not_confirmed_refuses_nobody() {
    let claimed = State::Claimed {
        token: token(1),
        lease_ends: at(15),
        lease: Some(LEASE),
        corrected: false,
    };
    let mut story = Story(Some(Record {
        state: claimed,
        attempt: 1,
        fence: fence_at(0),
        fingerprint: None,
        kept_until: at(600),
    }));
    assert_eq!(
        story.untouched_by(1, &claim(2, 1)),
        ClaimOutcome::InProgress,
        "no conflict with what may be a forgery"
    );
    story.on(2, &release(1));
    assert_eq!(
        story.on(3, &claim(2, 1)),
        granted(2, fence_at(3)),
        "and nothing was corrected"
    );
    assert_eq!(story.content(), Some(content(1)));
}

#[test]
fn fences_grow_while_the_clock_stands_still_or_goes_back() {
    let mut story = Story::default();
    assert_eq!(story.on(50, &claim(1, 1)), granted(1, fence_at(50)));
    story.on(50, &release(1));
    assert_eq!(story.on(50, &claim(2, 1)), granted(2, fence_at(50) + 1));
    story.on(0, &release(2));
    assert_eq!(story.on(0, &claim(3, 1)), granted(3, fence_at(50) + 2));
    story.on(0, &release(3));
    assert_eq!(story.on(51, &claim(4, 1)), granted(4, fence_at(51)));
}
