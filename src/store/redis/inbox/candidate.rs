use crate::inbox::Route;

use super::codec::{OrderSeen, VersionBytes};
use super::place::EntryPlace;

/// An entry that was due when it was seen.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) route: Route,
    pub(super) place: EntryPlace,
    pub(super) paused: String,
    /// The member of the index.
    pub(super) member: Vec<u8>,
    pub(super) at: u64,
    pub(super) size: usize,
    pub(super) order: Option<OrderSeen>,
    /// The newest version of its order key that was completed.
    pub(super) applied: Option<VersionBytes>,
    /// Whether it holds its order key, or has none.
    pub(super) may_run: bool,
}

impl Candidate {
    /// The values by which entries are ordered.
    pub(super) fn turn(&self) -> (u64, &str) {
        (self.at, &self.place.name)
    }
}
