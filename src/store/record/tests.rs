mod histories;

use std::time::Duration;

use bytes::Bytes;

use super::super::command::{Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew};
use super::*;
use crate::event::EventKey;
use crate::event::Name;
use crate::store::command::ContentType;

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_000_000 + secs)
}

/// The fence of a first claim at that time: microseconds.
fn fence_at(secs: u64) -> u64 {
    (1_000_000 + secs) * 1_000_000
}

fn key() -> EventKey {
    EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap()
}

fn token(name: u8) -> Token {
    Token::from_bytes([name; 16])
}

fn content(name: u8) -> Fingerprint {
    Fingerprint::from_bytes([name; 16])
}

fn answer(status: u16) -> StoredResponse {
    StoredResponse {
        status,
        body: Some(Bytes::from_static(b"ok")),
        content_type: ContentType::new("text/plain"),
    }
}

fn claim(who: u8, what: u8) -> Claim {
    Claim {
        key: key(),
        token: token(who),
        fingerprint: content(what),
        lease: LEASE,
        retention: RETENTION,
    }
}

fn complete(who: u8, what: u8) -> Complete {
    Complete {
        key: key(),
        token: token(who),
        attempt: 7,
        fence: 77,
        fingerprint: content(what),
        response: answer(200),
        retention: RETENTION,
    }
}

fn release(who: u8) -> Release {
    Release {
        key: key(),
        token: token(who),
        retention: RETENTION,
    }
}

fn renew(who: u8) -> Renew {
    Renew {
        key: key(),
        token: token(who),
        lease: LEASE,
        retention: RETENTION,
    }
}

/// One record and what happens to it.
#[derive(Default)]
struct Story(Option<Record>);

impl Story {
    fn on<C: Command>(&mut self, secs: u64, command: &C) -> C::Outcome {
        let step = command.apply(self.0.as_ref(), at(secs));
        if step.write.is_some() {
            self.0 = step.write;
        }
        step.outcome
    }

    /// As `on`, and the record must stay as it is.
    #[track_caller]
    fn untouched_by<C: Command>(&mut self, secs: u64, command: &C) -> C::Outcome {
        let step = command.apply(self.0.as_ref(), at(secs));
        assert_eq!(step.write, None, "nothing is to be written");
        step.outcome
    }

    fn state(&self, secs: u64) -> RecordState {
        self.0.as_ref().unwrap().public_state(at(secs))
    }

    fn kept_until(&self) -> UnixTime {
        self.0.as_ref().unwrap().kept_until
    }

    fn content(&self) -> Option<Fingerprint> {
        self.0.as_ref().unwrap().fingerprint
    }
}

fn granted(attempt: u32, fence: u64) -> ClaimOutcome {
    ClaimOutcome::Claimed(Grant {
        attempt,
        fence,
        corrected: false,
    })
}

fn granted_corrected(attempt: u32, fence: u64) -> ClaimOutcome {
    ClaimOutcome::Claimed(Grant {
        attempt,
        fence,
        corrected: true,
    })
}

#[test]
fn an_event_is_claimed_handled_and_answered_from_the_record() {
    let mut story = Story::default();
    assert_eq!(story.on(0, &claim(1, 1)), granted(1, fence_at(0)));
    let claimed = RecordState::Claimed { lease_ends: at(15) };
    assert_eq!(story.state(0), claimed);
    assert_eq!(story.0.as_ref().unwrap().lease_ends(), Some(at(15)));
    assert_eq!(
        story.untouched_by(1, &claim(2, 1)),
        ClaimOutcome::InProgress
    );
    assert_eq!(story.on(2, &complete(1, 1)), Held::Held);
    assert_eq!(story.state(2), RecordState::Done(answer(200)));
    assert_eq!(story.0.as_ref().unwrap().lease_ends(), None);
    assert_eq!(story.kept_until(), at(602));

    let done = ClaimOutcome::Done(answer(200));
    assert_eq!(story.untouched_by(3, &claim(2, 1)), done);
    assert_eq!(
        story.untouched_by(4, &claim(1, 1)),
        done,
        "its own claim, late"
    );
    assert_eq!(
        story.untouched_by(5, &claim(2, 9)),
        ClaimOutcome::OtherDone(answer(200)),
        "other content"
    );
    assert_eq!(story.untouched_by(601, &claim(3, 1)), done);
    assert_eq!(
        story.on(602, &claim(3, 9)),
        granted(1, fence_at(602)),
        "the retention is over"
    );
}

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
    // The clock is set back by an hour; the holder is dead.
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

    // Who waits is the first to look.
    assert_eq!(story.untouched_by(420, &Look(&key())), Some(at(430)));
    assert_eq!(story.on(100, &Look(&key())), Some(at(115)));
    assert_eq!(story.untouched_by(115, &Look(&key())), None);
    // Other content too, and a holder that lives goes on.
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

#[test]
fn a_record_outlives_its_lease() {
    let long = Claim {
        lease: 2 * RETENTION,
        ..claim(1, 1)
    };
    let mut story = Story::default();
    story.on(0, &long);
    assert_eq!(story.kept_until(), at(1_200));
    assert_eq!(
        story.untouched_by(700, &claim(2, 1)),
        ClaimOutcome::InProgress
    );
    let longer = Renew {
        lease: 2 * RETENTION,
        ..renew(1)
    };
    story.on(700, &longer);
    assert_eq!(story.kept_until(), at(1_900));
}

#[test]
fn no_number_overflows() {
    let mut story = Story::default();
    let last = Record {
        state: State::Released { token: token(1) },
        attempt: u32::MAX,
        fence: u64::MAX,
        fingerprint: None,
        kept_until: at(1),
    };
    story.0 = Some(last);
    let forever = Claim {
        lease: Duration::MAX,
        retention: Duration::MAX,
        ..claim(2, 1)
    };
    assert_eq!(story.on(0, &forever), granted(u32::MAX, u64::MAX));
    assert!(story.kept_until() > UnixTime::from_secs(u64::MAX - 1));
}
