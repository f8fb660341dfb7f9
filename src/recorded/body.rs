use bytes::Bytes;

/// What is kept of a body: its beginning, copied, so that it counts no longer as one that is in hand.
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
