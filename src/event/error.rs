use std::fmt;

/// The reason why a body has no usable event key.
///
/// The text names the field and never contains a byte of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    kind: EventErrorKind,
    field: Option<Box<str>>,
}

impl EventError {
    pub(crate) fn new(kind: EventErrorKind) -> Self {
        Self { kind, field: None }
    }

    pub(crate) fn at(kind: EventErrorKind, field: impl fmt::Display) -> Self {
        Self {
            kind,
            field: Some(field.to_string().into()),
        }
    }

    /// What is wrong with the body.
    pub fn kind(&self) -> EventErrorKind {
        self.kind
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(self.kind.text())
    }
}

impl std::error::Error for EventError {}

/// The fault of a body, or of an id header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventErrorKind {
    /// The body is not JSON.
    NotJson,
    /// The body is JSON of no shape that the rule knows: a field is missing, or the whole is not an
    /// object.
    UnknownShape,
    /// A field of the key is neither a string nor an integer, or is empty or over 1 KiB.
    WrongType,
    /// A field that is read, or a member on the path to it, occurs twice.
    DuplicateMember,
    /// Two spellings of one field are present and differ.
    Ambiguous,
    /// A query parameter occurs twice.
    RepeatedParameter,
    /// A field of the key holds bytes that are not UTF-8, or half of a surrogate pair.
    NotText,
    /// The id header disagrees with the body in one of its lines.
    IdHeaderDisagrees,
    /// The header that the rule keys on is missing, repeated, or not 1 to 256 visible ASCII
    /// characters.
    NoIdHeader,
    /// The key is made of the body's content, but the body is empty or only white space.
    EmptyBody,
    /// The body has a list of more events than the limit.
    TooManyItems,
    /// The event is addressed to another recipient than the rule
    /// [accepts](super::EventRule::only_for).
    NotOurs,
    /// The event is of a type that the rule does not [select](super::EventRule::only_types).
    Filtered,
    /// The rule needs a signed id, and the signature covers none.
    NoSignedId,
}

impl EventErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::NotJson => "the body is not JSON",
            Self::UnknownShape => "not there: the event has no known shape",
            Self::WrongType => "neither an integer nor a string with content",
            Self::DuplicateMember => "there twice, or in an object that is",
            Self::Ambiguous => "two spellings of the field are there and differ",
            Self::RepeatedParameter => "the query has it twice",
            Self::NotText => "not text: bytes that are not UTF-8, or half of a surrogate pair",
            Self::IdHeaderDisagrees => "the id header disagrees with the body",
            Self::NoIdHeader => "not there once with 1 to 256 visible ASCII characters",
            Self::EmptyBody => "the body is empty: it tells no event from another",
            Self::TooManyItems => "the list has more items than are taken at once",
            Self::NotOurs => "the event is somebody else's",
            Self::Filtered => "the event is of a type that is not wanted",
            Self::NoSignedId => "the signature covers no id",
        }
    }
}
