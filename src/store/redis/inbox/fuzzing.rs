//! What the readers of the inbox make of what Redis holds.

use bytes::Bytes;

use crate::event::EventKey;
use crate::inbox::{Content, Entry, Route};

use super::codec;

/// An entry as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    /// All but its content.
    pub entry: Entry,
    /// Whose it is.
    pub route: Route,
    /// The event, where the value names it.
    pub key: Option<EventKey>,
    /// Envelope and body, where the value holds them.
    pub content: Option<Content>,
    /// Whether it holds its order key.
    pub holds: bool,
}

/// The value of an entry, and that of its history.
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

/// A member of an index that is due: its time, its size and its name.
pub fn due(member: &[u8], route: &str) -> Option<(u64, usize, String)> {
    let due = codec::decode_due(member, route)?;
    Some((due.at, due.size, due.name))
}

/// Time and name of a member of any kind.
pub fn member(member: &[u8]) -> Option<(Option<u64>, &str)> {
    codec::decode_member(member)
}
