use bytes::Bytes;
use http::{HeaderMap, Uri};

/// A request under construction.
pub(super) struct Draft {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}
