use bytes::Bytes;
use http::{HeaderMap, Uri};

/// A request on its way to be one.
pub(super) struct Draft {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}
