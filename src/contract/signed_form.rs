/// Which form of a compressed body a sender signs; see [`SenderContract::gzip`](super::SenderContract::gzip).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedForm {
    /// The bytes as sent, like any other body. Nothing is decoded before they are proved.
    Compressed,
    /// The content, as QuickNode signs it. Bodies from strangers are decoded too, but only up to
    /// the largest body, and not past the deadline. A maliciously built file takes some five
    /// microseconds per byte.
    Decoded,
}
