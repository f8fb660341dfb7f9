use std::borrow::Cow;

#[cfg(feature = "senders")]
use crate::digest::Digest;
#[cfg(feature = "senders")]
use crate::encoding::Encoding;

/// A piece of what a signature covers. The names follow RFC 9421 where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// The timestamp, byte for byte as it was received.
    Timestamp,
    /// The delivery's id, byte for byte as it was received.
    Id,
    /// The raw body.
    Body,
    /// Fixed text between the others. See [`Component::literal`].
    Literal(Cow<'static, str>),
    /// The method, in capitals.
    #[cfg(feature = "senders")]
    Method,
    /// The [public URL](super::PublicUrl), byte for byte as it was configured.
    #[cfg(feature = "senders")]
    PublicUrl,
    /// The public URL with the query that was received in place of its own.
    #[cfg(feature = "senders")]
    RequestUrl,
    /// The same with the port that is its scheme's by default, where none is written.
    #[cfg(feature = "senders")]
    RequestUrlWithPort,
    /// The path as it was received, which must be the sender's. With the feature `axum` it is the whole one in a
    /// nested router too; nothing else may have cut it.
    #[cfg(feature = "senders")]
    Path,
    /// The query as it was received, without its `?`.
    #[cfg(feature = "senders")]
    Query,
    /// The path, and behind a `?` the query as one escaped value, all of it escaped once more: as JavaScript's
    /// `querystring.escape` and `encodeURI` do (Contentful). What stands behind a second `?` is left out.
    #[cfg(feature = "senders")]
    EscapedTarget,
    /// One parameter of the query, decoded.
    #[cfg(feature = "senders")]
    Parameter(Cow<'static, str>),
    /// The value of a header.
    #[cfg(feature = "senders")]
    Header(Cow<'static, str>),
    /// The headers that this one lists. See [`Component::headers_listed_in`].
    #[cfg(feature = "senders")]
    HeadersListedIn(Cow<'static, str>),
    /// The headers that the token lists, in its order, each as `name: value` and a line feed, with the name as
    /// it is spelled there: of a [JWS](crate::signature::Jws) that
    /// [lists them](crate::signature::Jws::headers_listed_by).
    #[cfg(feature = "jwt")]
    ListedHeaders,
    /// The member of the JSON body at this pointer: the text of a string, the digits of an integer.
    #[cfg(feature = "senders")]
    Member(Cow<'static, str>),
    /// The member of the JSON body at this pointer as compact JSON. See [`Component::compact_member`].
    #[cfg(feature = "senders")]
    CompactMember(Cow<'static, str>),
    /// One field of the form that the body is, decoded.
    #[cfg(feature = "senders")]
    FormField(Cow<'static, str>),
    /// All fields of the form that the body is, sorted by name and then by value, each as its name and
    /// its value with nothing between. One that is there twice with one value counts once.
    ///
    /// Where one field ends and the next begins is not signed: such a scheme takes what it signs as
    /// the event's id, by [`SchemeBuilder::content_is_id`](super::SchemeBuilder::content_is_id).
    #[cfg(feature = "senders")]
    SortedForm,
    /// The hash of the body, spelled so, or its raw bytes.
    #[cfg(feature = "senders")]
    BodyDigest(Digest, Option<Encoding>),
    /// The CRC-32 (IEEE) of the body in decimal. It covers nothing: another body with the same one
    /// is easily made.
    #[cfg(feature = "senders")]
    BodyCrc32,
    /// The secret itself: for plain hashes, see [`Algorithm::Hash`](super::Algorithm::Hash).
    #[cfg(feature = "senders")]
    Secret,
    /// A text that must have exactly this many bytes, so that nothing need stand beside it.
    #[cfg(feature = "senders")]
    OfLength(Box<Component>, usize),
    /// A text that must have more than this many bytes, so that it is none that a
    /// [challenge](crate::challenge::ChallengeText) is answered with.
    #[cfg(feature = "senders")]
    LongerThan(Box<Component>, usize),
    /// The same text in lower case.
    #[cfg(feature = "senders")]
    LowerCase(Box<Component>),
    /// These, or nothing where one of them is not there.
    ///
    /// What they add could stand in the next piece too where they are not there: such a scheme takes
    /// what it signs as the event's id, by
    /// [`SchemeBuilder::content_is_id`](super::SchemeBuilder::content_is_id).
    #[cfg(feature = "senders")]
    Optional(Vec<Component>),
    /// Adds nothing: where it does not hold, this is not the content.
    #[cfg(feature = "senders")]
    Demand(Demand),
}

impl Component {
    /// Fixed text between the others, such as `.`: written in the code, or read from a file.
    pub fn literal(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Literal(text.into())
    }
}

#[cfg(feature = "senders")]
impl Component {
    /// One parameter of the query.
    pub fn parameter(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Parameter(name.into())
    }

    /// The value of a header.
    pub fn header(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Header(name.into())
    }

    /// The member of the JSON body at this pointer.
    pub fn member(pointer: impl Into<Cow<'static, str>>) -> Self {
        Self::Member(pointer.into())
    }

    /// The member of the JSON body at this pointer as compact JSON: without the blanks between its tokens, and
    /// else as it is written, in its order and with its numbers and escapes.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Scheme};
    ///
    /// // As Bitso signs.
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Base64)
    ///     .content([Component::compact_member("/payload")])
    ///     .content_is_id()
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn compact_member(pointer: impl Into<Cow<'static, str>>) -> Self {
        Self::CompactMember(pointer.into())
    }

    /// The headers that this one lists between commas, sorted by name: each as `name:value`, the name in lower
    /// case and the value without blanks around it, with `;` between.
    ///
    /// The list must name itself, and the header of the timestamp where one is read. A delivery is refused where
    /// a header that it names is not there, or where a value could be read as another header.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Place, Scheme, TimeFormat};
    ///
    /// // As Contentful signs: the time is one of the headers.
    /// let line = || Component::literal("\n");
    /// let headers = Component::headers_listed_in("x-signed-headers");
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Hex)
    ///     .timestamp_at(Place::header("x-timestamp"), TimeFormat::Milliseconds)
    ///     .content([Component::Method, line(), Component::EscapedTarget, line(), headers, line(), Component::Body])
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn headers_listed_in(name: impl Into<Cow<'static, str>>) -> Self {
        Self::HeadersListedIn(name.into())
    }

    /// One field of the form that the body is.
    pub fn form_field(name: impl Into<Cow<'static, str>>) -> Self {
        Self::FormField(name.into())
    }

    /// This text, which must have exactly `len` bytes.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Scheme};
    ///
    /// // With nothing between the two there must be one way to cut them apart.
    /// let id = Component::header("x-delivery-id").of_length(36);
    /// let scheme = Scheme::builder("x-signature").single("", Encoding::Hex).content([id, Component::Body]).build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn of_length(self, len: usize) -> Self {
        Self::OfLength(Box::new(self), len)
    }

    /// This text, which must have more than `len` bytes.
    ///
    /// ```
    /// use tower_webhook::signature::Component;
    ///
    /// // Braintree answers challenges of 32 letters with the key that signs its payloads.
    /// let payload = Component::form_field("bt_payload").longer_than(32);
    /// # drop(payload);
    /// ```
    #[must_use]
    pub fn longer_than(self, len: usize) -> Self {
        Self::LongerThan(Box::new(self), len)
    }

    /// This text in lower case.
    #[must_use]
    pub fn lower_case(self) -> Self {
        Self::LowerCase(Box::new(self))
    }

    /// These, or nothing where one of them is not there.
    pub fn optional(pieces: impl IntoIterator<Item = Self>) -> Self {
        Self::Optional(pieces.into_iter().collect())
    }

    /// Whether only the wider model can say it.
    pub(super) fn is_general(&self) -> bool {
        !matches!(
            self,
            Self::Timestamp | Self::Id | Self::Body | Self::Literal(_)
        )
    }
}

/// What must hold where a content is to be taken.
#[cfg(feature = "senders")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// The query has no such parameter.
    NoParameter(Cow<'static, str>),
    /// This parameter of the query is the hash of the body, in lower-case hex.
    ParameterIsBodyDigest(Cow<'static, str>, Digest),
    /// There is no such header.
    NoHeader(Cow<'static, str>),
    /// This header is there and reads so.
    HeaderIs(Cow<'static, str>, Cow<'static, str>),
    /// If this header is there, it reads so.
    HeaderIsIfThere(Cow<'static, str>, Cow<'static, str>),
    /// This header is there, and one of the elements between its commas reads so.
    HeaderLists(Cow<'static, str>, Cow<'static, str>),
}
