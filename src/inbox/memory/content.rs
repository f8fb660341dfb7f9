//! What an inbox in memory keeps of a delivery.

use bytes::Bytes;

use crate::inbox::command::Content;

/// A body counts against the budget of requests until its last clone is dropped: what waits here is no clone of it.
pub(super) fn copied(content: &Content) -> Content {
    Content {
        envelope: Bytes::copy_from_slice(&content.envelope),
        body: Bytes::copy_from_slice(&content.body),
    }
}
