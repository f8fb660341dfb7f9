/// What a proof vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coverage {
    /// The sender, and nothing of the content: an address, a certificate, a shared secret.
    Connection,
    /// An id of the event, and nothing else of the content: whoever holds one delivery can combine
    /// its signature with another body.
    Id,
    /// The body, byte for byte.
    Body,
    /// The body, byte for byte, together with the method and the URI with its query.
    Request,
}

impl Coverage {
    /// How much it covers, for comparison.
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

    /// Whether it vouches for the query, at least by proving the sender.
    pub(crate) fn includes_query(self) -> bool {
        matches!(self, Self::Connection | Self::Request)
    }
}
