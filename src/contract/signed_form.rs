/// Which form of a compressed body a sender signs; see [`SenderContract::gzip`](super::SenderContract::gzip).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedForm {
    /// The bytes that are sent, as of any other body. Nothing is decoded before they are proved.
    Compressed,
    /// The content, as QuickNode signs it. What strangers send is decoded too: at most as much as the
    /// largest body, and not past the deadline. A file that is made for it takes some five microseconds for
    /// a byte.
    Decoded,
}
