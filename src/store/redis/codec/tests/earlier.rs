//! Bytes of an earlier build are read as they were meant, so that its data in Redis stays usable.

use super::*;

const RECORDS: &str = include_str!("../../../../../tests/data/redis_records.tsv");

/// The moment of the first line's claim, taken from its bytes.
const FIRST: u64 = 0x0006_6161_c4e8_aec8;

fn earlier(what: &str) -> Stored {
    let lines = RECORDS.lines().filter_map(|line| line.split_once('\t'));
    let (_, hex) = { lines }.find(|(name, _)| *name == what).unwrap();
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
    decode(bytes.into()).unwrap()
}

fn token(who: u8) -> Token {
    Token::from_bytes([who; 16])
}

fn content(what: u8) -> Option<Fingerprint> {
    Some(Fingerprint::from_bytes([what; 16]))
}

#[test]
fn a_claim_of_an_earlier_build_holds_with_its_content_and_its_end() {
    let Stored { record, key } = earlier("claimed");
    assert_eq!(key, None);
    let expected = Record {
        state: State::Claimed {
            token: token(1),
            lease_ends: UnixTime::from_micros(FIRST + 600_000_000),
            lease: None,
            corrected: false,
        },
        attempt: 1,
        fence: FIRST,
        fingerprint: content(7),
        kept_until: UnixTime::from_micros(FIRST + 3_600_000_000),
    };
    assert_eq!(record, expected);
    // An event that was not yet confirmed refuses no other content.
    let unconfirmed = earlier("claimed before it was confirmed").record;
    assert_eq!((unconfirmed.fingerprint, unconfirmed.attempt), (None, 1));
    let hashed = earlier("claimed under a hashed name");
    assert_eq!(
        hashed.key.unwrap().encoded(),
        format!("acme:{}", "a".repeat(90))
    );
    let corrected = earlier("claimed again with other content").record;
    assert_eq!((corrected.attempt, corrected.fingerprint), (2, content(8)));
    assert!(matches!(
        corrected.state,
        State::Claimed { corrected: true, token: by, .. } if by == token(2)
    ));
}

#[test]
fn what_an_earlier_build_released_or_finished_stays_so() {
    let released = earlier("released").record;
    assert_eq!(released.state, State::Released { token: token(1) });
    assert_eq!((released.attempt, released.fingerprint), (1, content(7)));

    let done = earlier("done").record;
    let expected = State::Done {
        token: token(1),
        response: StoredResponse::new(204),
    };
    assert_eq!((done.state, done.fingerprint), (expected, content(7)));
    let with_body = earlier("done with a body under a hashed name");
    assert!(with_body.key.is_some());
    let expected = State::Done {
        token: token(1),
        response: StoredResponse::new(200).body(&br#"{"ok":true}"#[..]),
    };
    assert_eq!(with_body.record.state, expected);
}
