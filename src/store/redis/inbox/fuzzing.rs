//! Applies the readers of the inbox to values from Redis.

use bytes::Bytes;

use crate::event::EventKey;
use crate::inbox::{Content, Entry, Route};

use super::codec;

/// An entry as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    /// The entry without its content.
    pub entry: Entry,
    /// The route of the entry.
    pub route: Route,
    /// The event, if the value names it.
    pub key: Option<EventKey>,
    /// Envelope and body, if the value holds them.
    pub content: Option<Content>,
    /// Whether it holds its order key.
    pub holds: bool,
}

/// Reads the value of an entry and that of its history.
pub fn entry(value: Bytes, history: Option<Bytes>) -> Option<Read> {
    let stored = codec::decode(value, history)?;
    Some(Read {
        entry: stored.entry,
        route: stored.route,
        key: stored.key,
        content: stored.content,
        holds: stored.holds,
    })
}

/// Reads a member of the index for a due entry: its time, its size and its name.
pub fn due(member: &[u8], route: &str) -> Option<(u64, usize, String)> {
    let due = codec::decode_due(member, route)?;
    Some((due.at, due.size, due.name))
}

/// Reads the time and name of a member of any kind.
pub fn member(member: &[u8]) -> Option<(Option<u64>, &str)> {
    codec::decode_member(member)
}
