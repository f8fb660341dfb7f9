use bytes::Bytes;

/// The most memory that is taken ahead for announced bytes that have not arrived and are not
/// counted.
const MAX_AHEAD: usize = 64 * 1024;

/// The bytes of a body that have arrived.
pub(super) enum Whole {
    Empty,
    One(Bytes),
    Many(Vec<u8>),
}

impl Whole {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(frame) => frame.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    /// Adds a frame; `rest` more bytes are announced, and the caller has capped that number. If
    /// `room` for the whole of a large body is counted already, it is allocated at once: growing
    /// later by copying would temporarily take twice its length.
    pub(super) fn push(&mut self, data: Bytes, rest: usize, room: usize) {
        if data.is_empty() {
            return;
        }
        match self {
            Self::Empty => *self = Self::One(data),
            Self::One(first) => {
                let ahead = rest.min(MAX_AHEAD);
                let size = first.len().saturating_add(data.len()).saturating_add(ahead);
                let mut bytes = Vec::with_capacity(size.max(room));
                bytes.extend_from_slice(first);
                bytes.extend_from_slice(&data);
                *self = Self::Many(bytes);
            }
            Self::Many(bytes) => {
                bytes.reserve_exact(room.saturating_sub(bytes.len()));
                bytes.extend_from_slice(&data);
            }
        }
    }

    /// Gives back the room for bytes that have not arrived.
    pub(super) fn shrink(&mut self) {
        if let Self::Many(bytes) = self {
            bytes.shrink_to_fit();
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(frame) => frame,
            Self::Many(bytes) => bytes.into(),
        }
    }
}
