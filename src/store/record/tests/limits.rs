//! How long a record is kept, and the limits of its numbers.

use super::*;

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
