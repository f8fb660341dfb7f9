/// What a proof vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coverage {
    /// Who has sent it, and nothing of what it says: an address, a certificate, a word that both
    /// know.
    Connection,
    /// An id of the event, and nothing else of what it says: whoever holds one delivery can put
    /// another body beside its signature.
    Id,
    /// The body, byte for byte.
    Body,
    /// The body, byte for byte, and the method and the URI with its query.
    Request,
}

impl Coverage {
    /// How much it covers, beside others.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Connection => 0,
            Self::Id => 1,
            Self::Body => 2,
            Self::Request => 3,
        }
    }

    pub(crate) fn includes_body(self) -> bool {
        matches!(self, Self::Body | Self::Request)
    }

    /// Whether something vouches for the query, if only that the sender has sent it.
    pub(crate) fn includes_query(self) -> bool {
        matches!(self, Self::Connection | Self::Request)
    }
}
