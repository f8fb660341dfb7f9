use bytes::Bytes;

/// The stored beginning of a body, copied so that it no longer counts as a body in memory.
pub(crate) struct KeptBody {
    pub(crate) len: usize,
    pub(crate) kept: Vec<u8>,
}

impl KeptBody {
    pub(crate) fn of(body: &Bytes, most: usize) -> Self {
        let kept = body.get(..most).unwrap_or(body);
        Self {
            len: body.len(),
            kept: kept.to_vec(),
        }
    }
}
