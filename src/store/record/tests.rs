//! The effect of each command on one record.

mod claims;
mod finishes;
mod histories;
mod limits;

use std::time::Duration;

use bytes::Bytes;

use super::super::command::{Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew};
use super::*;
use crate::event::EventKey;
use crate::event::Name;
use crate::store::command::ContentType;

const LEASE: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(600);

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(1_000_000 + secs)
}

/// The fence of a first claim at this time: microseconds.
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
    Release::new(key(), token(who), RETENTION)
}

fn renew(who: u8) -> Renew {
    Renew {
        key: key(),
        token: token(who),
        lease: LEASE,
        retention: RETENTION,
    }
}

/// One record and its history.
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
