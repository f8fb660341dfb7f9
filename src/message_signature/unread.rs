/// Why a signature is none that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// There is no such header at all.
    NoHeader,
    TooLong,
    Malformed,
    /// A parameter that is not known may change what is meant.
    UnknownParameter,
    /// There is none under the label, or with the tag.
    NotNamed,
    /// Something that must be covered is not.
    NotCovered,
    /// Something that is covered is not there.
    NotThere,
    /// What is covered has two readings.
    Ambiguous,
    /// It covers the URL, and nobody has said which one that is.
    NoUrl,
    NoKnownDigest,
    OtherAlgorithm,
    BadTime,
    TooMany,
}
