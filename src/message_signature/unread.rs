/// The reason why no signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The header is absent.
    NoHeader,
    TooLong,
    Malformed,
    /// An unknown parameter may change the meaning.
    UnknownParameter,
    /// No signature has the label or the tag.
    NotNamed,
    /// A component that must be covered is not.
    NotCovered,
    /// A covered component is absent.
    NotThere,
    /// A covered component has two readings.
    Ambiguous,
    /// It covers the URL, but none is configured.
    NoUrl,
    NoKnownDigest,
    OtherAlgorithm,
    BadTime,
    TooMany,
}
