//! Reads the value of a record; `layout.lua` says how it is laid out. The scripts write it, a finished
//! one from parts that are made here.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint};
use crate::store::command::{Complete, ContentType, StoredResponse};
use crate::store::record::{Record, State};
use crate::store::token::Token;

const VERSION: u8 = 1;
const CLAIMED: u8 = 1;
const DONE: u8 = 2;
const RELEASED: u8 = 3;
const STATE: u8 = 7;
const FINGERPRINT: u8 = 8;
const BOUND: u8 = 16;
const CORRECTED: u8 = 32;
const NAMED: u8 = 64;
const BODY: u8 = 128;
/// What the name of a claimed record begins with: the length of its lease, in microseconds.
const LEASE: &str = "-lease:";

/// As much of a value as tells its state: everything before the name and the body.
pub(super) const HEAD: usize = 62;

/// The longest span that a script is told: far beyond any lease or retention, and short enough
/// for the numbers of Lua.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A span in whole microseconds, as scripts take it.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.min(LONGEST).as_micros()).unwrap_or(u64::MAX)
}

/// So much longer than a record counts Redis keeps its value. Redis may count from a moment before
/// the one that a script went by, and must drop no record that the rules still keep.
const SPARE: Duration = Duration::from_secs(1);

/// For how many milliseconds Redis keeps the value of a record that is kept for `span`.
pub(super) fn millis_to_keep(span: Duration) -> u64 {
    micros(span)
        .div_ceil(1_000)
        .saturating_add(u64::try_from(SPARE.as_millis()).unwrap_or(u64::MAX))
}

/// What is known of a finished record before a script writes it: all but token and time.
pub(super) struct Done {
    pub(super) head: [u8; 2],
    /// Fence and attempt.
    pub(super) grant: [u8; 12],
    /// What stands behind them.
    pub(super) tail: Vec<u8>,
}

/// The record that a completion writes; `name` is the event key, where the Redis key only hashes it.
pub(super) fn done(complete: &Complete, name: Option<&str>) -> Done {
    let StoredResponse {
        status,
        body,
        content_type,
    } = &complete.response;
    let (name, body) = (name.unwrap_or_default(), body.as_deref());
    // Without a body there is nothing that it could be the type of.
    let content_type = content_type.as_ref().filter(|_| body.is_some());
    let mut flags = DONE | FINGERPRINT;
    let mut grant = [0; 12];
    let (fence, attempt) = grant.split_at_mut(8);
    fence.copy_from_slice(&complete.fence.to_be_bytes());
    attempt.copy_from_slice(&complete.attempt.to_be_bytes());
    let mut tail = Vec::with_capacity(
        (16 + 2 + 4 + 1_usize)
            .saturating_add(name.len())
            .saturating_add(content_type.map_or(0, |it| it.as_str().len()))
            .saturating_add(body.map_or(0, <[u8]>::len)),
    );
    tail.extend_from_slice(complete.fingerprint.as_bytes());
    tail.extend_from_slice(&status.to_be_bytes());
    if !name.is_empty() || content_type.is_some() {
        flags |= NAMED;
        let behind = content_type.map_or(0, |it| it.as_str().len().saturating_add(1));
        let length = u32::try_from(name.len().saturating_add(behind)).unwrap_or(u32::MAX);
        tail.extend_from_slice(&length.to_be_bytes());
        tail.extend_from_slice(name.as_bytes());
        if let Some(content_type) = content_type {
            tail.push(0);
            tail.extend_from_slice(content_type.as_str().as_bytes());
        }
    }
    if let Some(body) = body {
        flags |= BODY;
        tail.extend_from_slice(body);
    }
    Done {
        head: [VERSION, flags],
        grant,
        tail,
    }
}

/// A record as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) record: Record,
    /// The event, where the Redis key only hashes it.
    pub(super) key: Option<EventKey>,
}

/// Reads a value; `None` where it is not one that this version writes.
pub(super) fn decode(mut value: Bytes) -> Option<Stored> {
    let (flags, mut head) = decode_head(&mut value)?;
    let (key, content_type) = if flags & NAMED == 0 {
        (None, None)
    } else {
        let length = usize::try_from(value.try_get_u32().ok()?).ok()?;
        if value.len() < length {
            return None;
        }
        let text = value.split_to(length);
        match head.read_lease(std::str::from_utf8(&text).ok()?) {
            Some(name) => decode_name(name)?,
            None => (None, None),
        }
    };
    let body = (flags & BODY != 0).then(|| std::mem::take(&mut value));
    if !value.is_empty() || (content_type.is_some() && body.is_none()) {
        return None;
    }
    Some(Stored {
        record: head.into_record(body, content_type),
        key,
    })
}

/// Reads the event key, the type of the body, or both. A key holds no zero byte: it writes control
/// characters as `%00`.
fn decode_name(name: &str) -> Option<(Option<EventKey>, Option<ContentType>)> {
    let Some((key, content_type)) = name.split_once('\0') else {
        return Some((Some(decode_key(name)?), None));
    };
    let content_type = ContentType::new(content_type)?;
    let key = match key {
        "" => None,
        key => Some(decode_key(key)?),
    };
    Some((key, Some(content_type)))
}

/// Reads an event key. A log line may write it otherwise; here it is not.
fn decode_key(encoded: &str) -> Option<EventKey> {
    let key = EventKey::decode(encoded).ok()?;
    (key.encoded() == encoded).then_some(key)
}

/// Reads the state from the first [`HEAD`] bytes of a value; a body is left out.
pub(super) fn decode_state(mut value: Bytes) -> Option<Record> {
    let (_, head) = decode_head(&mut value)?;
    Some(head.into_record(None, None))
}

struct Head {
    token: Token,
    kept_until: UnixTime,
    fence: u64,
    attempt: u32,
    fingerprint: Option<Fingerprint>,
    stage: Stage,
}

enum Stage {
    Claimed {
        lease_ends: UnixTime,
        lease: Option<Duration>,
        corrected: bool,
    },
    Done {
        status: u16,
    },
    Released,
}

fn decode_head(value: &mut Bytes) -> Option<(u8, Head)> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let flags = value.try_get_u8().ok()?;
    let token = Token::from_bytes(sixteen(value)?);
    let kept_until = UnixTime::from_micros(value.try_get_u64().ok()?);
    let fence = value.try_get_u64().ok()?;
    let attempt = value.try_get_u32().ok()?;
    let fingerprint = if flags & FINGERPRINT == 0 {
        None
    } else {
        Some(Fingerprint::from_bytes(sixteen(value)?))
    };
    let stage = match flags & STATE {
        CLAIMED => Stage::Claimed {
            lease_ends: UnixTime::from_micros(value.try_get_u64().ok()?),
            // It stands in the name.
            lease: None,
            corrected: flags & CORRECTED != 0,
        },
        DONE => Stage::Done {
            status: value.try_get_u16().ok()?,
        },
        RELEASED => Stage::Released,
        _ => return None,
    };
    let meant = match stage {
        Stage::Claimed { .. } => BOUND | CORRECTED,
        Stage::Done { .. } => BODY,
        Stage::Released => 0,
    };
    if flags & (BOUND | CORRECTED | BODY) & !meant != 0 {
        return None;
    }
    // An earlier version claimed before the event was confirmed: that refuses no other content.
    let is_unbound = matches!(stage, Stage::Claimed { .. }) && flags & BOUND == 0;
    let fingerprint = fingerprint.filter(|_| !is_unbound);
    let head = Head {
        token,
        kept_until,
        fence,
        attempt,
        fingerprint,
        stage,
    };
    Some((flags, head))
}

fn sixteen(value: &mut Bytes) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    value.try_copy_to_slice(&mut bytes).ok()?;
    Some(bytes)
}

impl Head {
    /// Takes the length of the lease from the name of a claimed record, and leaves the event key.
    fn read_lease<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Stage::Claimed { lease, .. } = &mut self.stage
            && let Some(rest) = text.strip_prefix(LEASE)
        {
            let (micros, name) = match rest.split_once(':') {
                Some((micros, name)) => (micros, Some(name)),
                None => (rest, None),
            };
            // As it is written, and no other spelling.
            if let Ok(number) = micros.parse::<u64>()
                && number.to_string() == micros
            {
                *lease = Some(Duration::from_micros(number));
                return name;
            }
        }
        Some(text)
    }

    fn into_record(self, body: Option<Bytes>, content_type: Option<ContentType>) -> Record {
        let Self {
            token,
            kept_until,
            fence,
            attempt,
            fingerprint,
            stage,
        } = self;
        let state = match stage {
            Stage::Claimed {
                lease_ends,
                lease,
                corrected,
            } => State::Claimed {
                token,
                lease_ends,
                lease,
                corrected,
            },
            Stage::Done { status } => State::Done {
                token,
                response: StoredResponse {
                    status,
                    body,
                    content_type,
                },
            },
            Stage::Released => State::Released { token },
        };
        Record {
            state,
            attempt,
            fence,
            fingerprint,
            kept_until,
        }
    }
}

#[cfg(test)]
mod earlier;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written out by hand after the table in `layout.lua`.
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
        // There is no type without a body.
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
}
