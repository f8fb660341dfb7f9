//! Reads the value of a record, whose layout is described in `layout.lua`. The scripts write it; for a
//! finished record, they use parts that are made here.

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
/// The beginning of a claimed record's name, before the length of its lease in microseconds.
const LEASE: &str = "-lease:";

/// The length of the part of a value that holds its state: everything before the name and the body.
pub(super) const HEAD: usize = 62;

/// The longest span that is passed to a script: far beyond any lease or retention, and within the
/// precision of Lua's numbers.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A span in whole microseconds, as scripts take it.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.min(LONGEST).as_micros()).unwrap_or(u64::MAX)
}

/// How much longer Redis stores a record than it counts. Redis may count from a moment before the
/// one that a script used, and must not drop a record that the rules still keep.
const SPARE: Duration = Duration::from_secs(1);

/// For how many milliseconds Redis keeps the value of a record that is kept for `span`.
pub(super) fn millis_to_keep(span: Duration) -> u64 {
    micros(span)
        .div_ceil(1_000)
        .saturating_add(u64::try_from(SPARE.as_millis()).unwrap_or(u64::MAX))
}

/// The parts of a finished record that are known before a script writes it: all but token and time.
pub(super) struct Done {
    pub(super) head: [u8; 2],
    /// Fence and attempt.
    pub(super) grant: [u8; 12],
    /// The bytes that follow them.
    pub(super) tail: Vec<u8>,
}

/// The record that a completion writes; `name` is the event key if the Redis key only hashes it.
pub(super) fn done(complete: &Complete, name: Option<&str>) -> Done {
    let StoredResponse {
        status,
        body,
        content_type,
    } = &complete.response;
    let (name, body) = (name.unwrap_or_default(), body.as_deref());
    // Without a body, a type would be meaningless.
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
    /// The event, if the Redis key only hashes it.
    pub(super) key: Option<EventKey>,
}

/// Reads a value; `None` if this version does not write such a value.
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

/// Reads the event key, the type of the body, or both. A key holds no zero byte, because it encodes
/// control characters as `%00`.
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

/// Reads an event key. A log line may spell it in other ways, but a stored key may not.
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
            // It is in the name.
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
    // An earlier version claimed before confirmation: that refuses no other content.
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
    /// Takes the length of the lease from the name of a claimed record, and returns the event key.
    fn read_lease<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Stage::Claimed { lease, .. } = &mut self.stage
            && let Some(rest) = text.strip_prefix(LEASE)
        {
            let (micros, name) = match rest.split_once(':') {
                Some((micros, name)) => (micros, Some(name)),
                None => (rest, None),
            };
            // Only the spelling that is written counts.
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
mod tests;
