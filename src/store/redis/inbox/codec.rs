//! Reads entries and members of the index, whose layout is described in `layout.lua`.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::clock::UnixTime;
use crate::event::{EventKey, Fingerprint, Order, OrderKey, Version};
use crate::inbox::{Content, Entry, EntryState, FailedAttempt, History, Route};
use crate::store::token::Token;

const VERSION: u8 = 1;
const STATE: u8 = 7;
const BY: u8 = 8;
const REVIVED: u8 = 16;
const OTHER_CONTENT: u8 = 32;
const HOLDS: u8 = 64;
const UNTRUE: u8 = 128;

/// An entry as it is stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) entry: Entry,
    pub(crate) route: Route,
    /// The event, if the Redis key only hashes it.
    pub(crate) key: Option<EventKey>,
    /// The content, if the whole value was read and holds any.
    pub(crate) content: Option<Content>,
    /// Whether it holds its order key.
    pub(crate) holds: bool,
    pub(crate) order: Option<OrderSeen>,
}

/// Reads a value, or the part of it before its content; `None` if this version does not write such a
/// value.
pub(crate) fn decode(mut value: Bytes, history: Option<Bytes>) -> Option<Stored> {
    if value.try_get_u8().ok()? != VERSION {
        return None;
    }
    let flags = value.try_get_u8().ok()?;
    if flags & UNTRUE != 0 && flags & STATE != 4 {
        return None;
    }
    let token = Token::from_bytes(sixteen(&mut value)?);
    let token = (flags & BY != 0).then_some(token);
    let at = UnixTime::from_micros(value.try_get_u64().ok()?);
    let lease = Duration::from_micros(value.try_get_u64().ok()?);
    let attempts = value.try_get_u32().ok()?;
    let deaths = value.try_get_u32().ok()?;
    let fence = value.try_get_u64().ok()?;
    let fingerprint = Fingerprint::from_bytes(sixteen(&mut value)?);
    let accepted_at = UnixTime::from_micros(value.try_get_u64().ok()?);
    let revived_at = UnixTime::from_micros(value.try_get_u64().ok()?);
    let size = usize::try_from(value.try_get_u32().ok()?).ok()?;
    let state = match flags & STATE {
        1 => EntryState::Queued { due: at, by: token },
        number @ (2 | 3) => EntryState::Running {
            token: token?,
            lease_ends: at,
            lease,
            begun: number == 3,
        },
        4 if flags & UNTRUE != 0 => EntryState::Mismatched {
            token: token?,
            kept_until: at,
        },
        4 => EntryState::Done {
            token: token?,
            kept_until: at,
        },
        5 => EntryState::Dead { token, since: at },
        6 => EntryState::Discarded { kept_until: at },
        7 => EntryState::Stale { kept_until: at },
        _ => return None,
    };
    let route = Route::parse(&short_text(&mut value)?)?;
    let length = usize::try_from(value.try_get_u32().ok()?).ok()?;
    let key = match text(&mut value, length)? {
        key if key.is_empty() => None,
        key => Some(EventKey::decode(&key).ok()?),
    };
    let mut order = None;
    let mut entry = Entry::new(state, fingerprint, accepted_at);
    let order_key = short_text(&mut value)?;
    if !order_key.is_empty() {
        let (seen, own) = decode_order(&mut value, OrderKey::parse(&order_key)?)?;
        (order, entry.order) = (Some(seen), Some(Box::new(own)));
    }
    entry.attempts = attempts;
    entry.deaths = deaths;
    entry.fence = fence;
    entry.corrected = flags & OTHER_CONTENT != 0;
    entry.revived_at = (flags & REVIVED != 0).then_some(revived_at);
    entry.history = decode_history(history.unwrap_or_default())?;
    let content = match (value.is_empty(), entry.needs_content()) {
        (true, _) => None,
        (false, true) => Some(decode_content(value, size)?),
        (false, false) => return None,
    };
    Some(Stored {
        entry,
        route,
        key,
        content,
        holds: flags & HOLDS != 0,
        order,
    })
}

/// Flags of an order.
const HAS_VERSION: u8 = 1;
const HOLDS_BACK: u8 = 2;
const FORCED: u8 = 4;

/// A version as bytes that sort like its number.
pub(crate) type VersionBytes = [u8; 8];

const SIGN: u64 = 1 << 63;

fn version_bytes(version: Version) -> VersionBytes {
    let bits = u64::from_be_bytes(version.number().to_be_bytes());
    (bits ^ SIGN).to_be_bytes()
}

fn version(bytes: VersionBytes) -> Version {
    let bits = u64::from_be_bytes(bytes) ^ SIGN;
    Version::new(i64::from_be_bytes(bits.to_be_bytes()))
}

/// The order of an entry, without its order key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderSeen {
    pub(crate) hash: [u8; 16],
    pub(crate) version: Option<VersionBytes>,
    pub(crate) holds_back: bool,
    pub(crate) forced: bool,
}

impl OrderSeen {
    /// Whether it is older than the completed version, and was not forced to run nevertheless.
    pub(crate) fn is_overtaken(&self, applied: Option<VersionBytes>) -> bool {
        let version = self.version.filter(|_| !self.forced);
        version
            .zip(applied)
            .is_some_and(|(own, applied)| own < applied)
    }
}

/// Encodes an order for entry and index.
pub(crate) fn encode_order(order: &Order, hash: [u8; 16]) -> Vec<u8> {
    let mut flags = 0;
    for (flag, is_set) in [
        (HAS_VERSION, order.version.is_some()),
        (HOLDS_BACK, order.dead_hold_back),
        (FORCED, order.forced),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    let version = order.version.map(version_bytes).unwrap_or_default();
    [&[flags][..], &version, &hash].concat()
}

/// Reads an order as `encode_order` writes it.
pub(crate) fn decode_seen(value: &mut impl Buf) -> Option<OrderSeen> {
    let flags = value.try_get_u8().ok()?;
    let bytes = value.try_get_u64().ok()?.to_be_bytes();
    if flags & !(HAS_VERSION | HOLDS_BACK | FORCED) != 0 {
        return None;
    }
    Some(OrderSeen {
        version: (flags & HAS_VERSION != 0).then_some(bytes),
        hash: sixteen(value)?,
        holds_back: flags & HOLDS_BACK != 0,
        forced: flags & FORCED != 0,
    })
}

fn decode_order(value: &mut Bytes, key: OrderKey) -> Option<(OrderSeen, Order)> {
    let seen = decode_seen(value)?;
    let mut order = Order::new(key, seen.version.map(version));
    (order.dead_hold_back, order.forced) = (seen.holds_back, seen.forced);
    Some((seen, order))
}

fn decode_content(mut value: Bytes, size: usize) -> Option<Content> {
    let length = usize::try_from(value.try_get_u32().ok()?).ok()?;
    if value.len() != size || size < length {
        return None;
    }
    let envelope = value.split_to(length);
    Some(Content::new(envelope, value))
}

fn decode_history(mut value: Bytes) -> Option<History> {
    let mut attempts = Vec::new();
    while !value.is_empty() {
        let attempt = value.try_get_u32().ok()?;
        let at = UnixTime::from_micros(value.try_get_u64().ok()?);
        attempts.push(FailedAttempt::new(attempt, at, &short_text(&mut value)?));
    }
    Some(attempts.into_iter().collect())
}

fn sixteen(value: &mut impl Buf) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    value.try_copy_to_slice(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads a text with its length before it.
fn short_text(value: &mut Bytes) -> Option<String> {
    let length = usize::from(value.try_get_u16().ok()?);
    text(value, length)
}

fn text(value: &mut Bytes, length: usize) -> Option<String> {
    if value.len() < length {
        return None;
    }
    String::from_utf8(value.split_to(length).into()).ok()
}

/// Encodes route and event key for a value; readers refuse an entry that is longer than these
/// lengths say.
pub(super) fn encode_names(route: &Route, key: Option<&str>) -> Vec<u8> {
    let (route, key) = (route.as_str(), key.unwrap_or_default());
    let size = route.len().saturating_add(key.len()).saturating_add(6);
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(&u16::try_from(route.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(route.as_bytes());
    out.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(key.as_bytes());
    out
}

/// Encodes the content for a value.
pub(super) fn encode_content(content: &Content) -> Vec<u8> {
    let Content { envelope, body } = content;
    let mut out = Vec::with_capacity(content.size().saturating_add(4));
    let length = u32::try_from(envelope.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(envelope);
    out.extend_from_slice(body);
    out
}

/// A due entry as it is in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: u64,
    pub(crate) size: usize,
    pub(crate) order: Option<OrderSeen>,
    pub(crate) name: String,
}

/// Reads a member of this route.
pub(crate) fn decode_due(member: &[u8], route: &str) -> Option<Due> {
    let mut rest = member.get(2..)?.strip_prefix(route.as_bytes())?;
    if rest.try_get_u8().ok()? != 0 {
        return None;
    }
    let (at, size) = (rest.try_get_u64().ok()?, rest.try_get_u32().ok()?);
    let order = match rest.try_get_u8().ok()? {
        0 => None,
        _ => Some(decode_seen(&mut rest)?),
    };
    Some(Due {
        at,
        size: usize::try_from(size).ok()?,
        order,
        name: std::str::from_utf8(rest).ok()?.to_owned(),
    })
}

/// The name in a member of any kind, and the time, if it has one.
pub(crate) fn decode_member(member: &[u8]) -> Option<(Option<u64>, &str)> {
    let (kind, mut rest) = member.split_first()?;
    let mut at = None;
    match kind {
        b'a' | b'b' | b'c' => {
            let zero = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(zero.checked_add(1)?..)?;
            at = Some(rest.try_get_u64().ok()?);
            rest.try_get_u32().ok()?;
            if rest.try_get_u8().ok()? != 0 {
                decode_seen(&mut rest)?;
            }
        }
        b'd' => {}
        b'e' | b'f' | b'g' | b'h' => at = Some(rest.try_get_u64().ok()?),
        _ => return None,
    }
    Some((at, std::str::from_utf8(rest).ok()?))
}
