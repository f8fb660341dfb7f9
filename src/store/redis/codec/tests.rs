//! Values are read according to the table in `layout.lua`, or not at all.

mod earlier;

use proptest::prelude::*;

use super::*;

/// Written by hand according to the table in `layout.lua`.
fn done() -> Vec<u8> {
    let mut value = vec![1, 2 | 8 | 128];
    value.extend([0xaa; 16]);
    value.extend([0, 0, 0, 0, 0, 0, 0x03, 0xe8]);
    value.extend([0xff; 8]);
    value.extend([0, 0, 0, 5]);
    value.extend([0xbb; 16]);
    value.extend([0x00, 0xca]);
    value.extend(b"ok");
    value
}

#[test]
fn a_finished_record_is_read() {
    let stored = decode(done().into()).unwrap();
    let record = Record {
        state: State::Done {
            token: Token::from_bytes([0xaa; 16]),
            response: StoredResponse {
                status: 202,
                body: Some(Bytes::from_static(b"ok")),
                content_type: None,
            },
        },
        attempt: 5,
        fence: u64::MAX,
        fingerprint: Some(Fingerprint::from_bytes([0xbb; 16])),
        kept_until: UnixTime::from_micros(1_000),
    };
    assert_eq!(stored, Stored { record, key: None });
}

/// The same, with a key, a type or both before the body.
fn named(name: &[u8]) -> Vec<u8> {
    let mut value = done();
    value[1] |= 64;
    let length = u32::try_from(name.len()).unwrap().to_be_bytes();
    value.splice(56..56, [&length, name].concat());
    value
}

#[test]
fn the_type_of_a_body_stands_behind_the_key_and_a_zero_byte() {
    let key = || EventKey::decode("acme:evt_1").unwrap();
    let json = || ContentType::new("application/json").unwrap();
    for (name, is_key, is_type) in [
        ("acme:evt_1", true, false),
        ("\0application/json", false, true),
        ("acme:evt_1\0application/json", true, true),
    ] {
        let Stored { record, key: found } = decode(named(name.as_bytes()).into()).unwrap();
        assert_eq!(found, is_key.then(key), "{name:?}");
        let State::Done { response, .. } = record.state else {
            panic!("{name:?}: {record:?}");
        };
        let expected = StoredResponse {
            status: 202,
            body: Some(Bytes::from_static(b"ok")),
            content_type: is_type.then(json),
        };
        assert_eq!(response, expected, "{name:?}");
    }
    for name in [
        "",
        "\0",
        "acme:evt_1\0",
        "\0a\0b",
        "\0text/plain\r\n",
        "acme\0text/plain",
    ] {
        assert_eq!(decode(named(name.as_bytes()).into()), None, "{name:?}");
    }
    // A type requires a body.
    let mut value = named(b"\0text/plain");
    value[1] &= !128;
    value.truncate(value.len() - 2);
    assert_eq!(decode(value.into()), None);
}

#[test]
fn the_length_of_a_lease_stands_before_the_name() {
    let value = |name: &str| {
        let mut value = vec![1, 1 | 8 | 16 | 64];
        value.extend([0xaa; 16]);
        value.extend([0; 20]);
        value.extend([0xbb; 16]);
        value.extend([0, 0, 0, 0, 0, 0, 0, 9]);
        value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        value.extend(name.as_bytes());
        decode(value.into())
    };
    let read = |name: &str| {
        let Stored { record, key } = value(name)?;
        let State::Claimed { lease, .. } = record.state else {
            return None;
        };
        Some((lease.map(|it| it.as_micros()), key.map(|it| it.encoded())))
    };
    assert_eq!(read("-lease:15000000"), Some((Some(15_000_000), None)));
    let named = Some("acme:evt_1".to_owned());
    assert_eq!(read("-lease:0:acme:evt_1"), Some((Some(0), named.clone())),);
    assert_eq!(read("acme:evt_1"), Some((None, named)), "the first edition");
    assert_eq!(read("-lease:1:"), None);
    for other in [
        "-lease:01",
        "-lease:+1",
        "-lease:x",
        "-lease:99999999999999999999",
    ] {
        assert_eq!(read(other), Some((None, Some(other.to_owned()))));
    }
}

#[test]
fn a_value_that_is_cut_short_or_of_another_version_is_not_read() {
    let whole = done();
    for length in 0..whole.len() - 2 {
        assert_eq!(decode(whole[..length].to_vec().into()), None, "{length}");
    }
    for (at, byte) in [(0, 0), (0, 2), (1, 0), (1, 4), (1, 2 | 64)] {
        let mut other = done();
        other[at] = byte;
        assert_eq!(decode(other.into()), None, "{at} {byte}");
    }
}

#[test]
fn a_value_that_says_more_than_its_state_does_is_not_read() {
    let with = |flags: u8, tail: &[u8]| {
        let mut value = done();
        value.truncate(54);
        value[1] = flags;
        value.extend(tail);
        value
    };
    let (claimed, released) = (with(1 | 8, &[0; 8]), with(3 | 8, b""));
    for value in [&claimed, &released, &with(2 | 8, &[0; 2])] {
        assert!(decode(value.clone().into()).is_some());
        let longer = [value.as_slice(), b"!"].concat();
        assert_eq!(decode(longer.into()), None, "{value:?}");
    }
    for value in [
        with(1 | 8 | 128, &[0; 8]),
        with(2 | 8 | 16, &[0; 2]),
        with(2 | 8 | 32, &[0; 2]),
        with(3 | 8 | 16, b""),
        with(3 | 8 | 128, b"body"),
    ] {
        assert_eq!(decode(value.clone().into()), None, "{value:?}");
        let head = value.get(..HEAD).unwrap_or(&value).to_vec();
        assert_eq!(decode_state(head.into()), None, "{value:?}");
    }
}

/// An earlier version claimed before the event was confirmed, without the flag 16.
#[test]
fn a_claim_that_was_not_confirmed_holds_no_content() {
    let claimed = |flags: u8| {
        let mut value = done();
        value.truncate(54);
        value[1] = flags;
        value.extend([0; 8]);
        value
    };
    let content = Some(Fingerprint::from_bytes([0xbb; 16]));
    for (flags, expected) in [(1 | 8 | 16, content), (1 | 8, None), (1 | 8 | 32, None)] {
        let value = claimed(flags);
        let stored = decode(value.clone().into()).unwrap();
        assert_eq!(stored.record.fingerprint, expected, "{flags}");
        let state = decode_state(value.into()).unwrap();
        assert_eq!(state.fingerprint, expected, "{flags}");
    }
}

#[test]
fn no_span_is_too_long_for_lua() {
    assert_eq!(micros(Duration::from_millis(1)), 1_000);
    let end = micros(Duration::MAX) + 2_000_000_000_000_000;
    assert!(end < 1 << 53, "{end}");
}

proptest! {
    #[test]
    fn no_value_makes_the_reader_fall_over(value: Vec<u8>, state in 1_u8..4) {
        let _ = decode(value.clone().into());
        let mut value = value;
        value.splice(0..0, [1, state | 64]);
        let _ = decode(value.into());
    }
}
