use std::borrow::Cow;

#[cfg(feature = "senders")]
use crate::digest::Digest;
#[cfg(feature = "senders")]
use crate::encoding::Encoding;

/// A piece of the content that a signature covers. The names follow RFC 9421 where possible.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Component {
    /// The timestamp, byte for byte as it was received.
    Timestamp,
    /// The delivery's id, byte for byte as it was received.
    Id,
    /// The raw body.
    Body,
    /// Fixed text between other pieces. See [`Component::literal`].
    Literal(Cow<'static, str>),
    /// The method in upper case.
    #[cfg(feature = "senders")]
    Method,
    /// The [public URL](super::PublicUrl), byte for byte as it was configured.
    #[cfg(feature = "senders")]
    PublicUrl,
    /// The public URL with the received query in place of its own.
    #[cfg(feature = "senders")]
    RequestUrl,
    /// The same with the default port of its scheme, if the URL states no port.
    #[cfg(feature = "senders")]
    RequestUrlWithPort,
    /// The path as it was received, which must be the sender's. With the feature `axum` it is the
    /// full path even in a nested router; nothing else may have shortened it.
    #[cfg(feature = "senders")]
    Path,
    /// The query as it was received, without its `?`.
    #[cfg(feature = "senders")]
    Query,
    /// The path, a `?` and the query as one escaped value, all escaped once more.
    ///
    /// This follows JavaScript's `querystring.escape` and `encodeURI` (Contentful). Text after a
    /// second `?` is left out.
    #[cfg(feature = "senders")]
    EscapedTarget,
    /// A query parameter, decoded.
    #[cfg(feature = "senders")]
    Parameter(Cow<'static, str>),
    /// The value of a header.
    #[cfg(feature = "senders")]
    Header(Cow<'static, str>),
    /// The headers that this header lists. See [`Component::headers_listed_in`].
    #[cfg(feature = "senders")]
    HeadersListedIn(Cow<'static, str>),
    /// The headers that the token lists, for a [JWS](crate::signature::Jws) that
    /// [lists them](crate::signature::Jws::headers_listed_by).
    ///
    /// They follow the token's order, each as `name: value` and a line feed, with the name as the
    /// token spells it.
    #[cfg(feature = "jwt")]
    ListedHeaders,
    /// The member of the JSON body at this pointer: the text of a string, the digits of an integer.
    #[cfg(feature = "senders")]
    Member(Cow<'static, str>),
    /// The member of the JSON body at this pointer as compact JSON. See [`Component::compact_member`].
    #[cfg(feature = "senders")]
    CompactMember(Cow<'static, str>),
    /// A field of the form in the body, decoded.
    #[cfg(feature = "senders")]
    FormField(Cow<'static, str>),
    /// All fields of the form in the body, sorted by name and then by value.
    ///
    /// Each is its name and its value with nothing between. A field that occurs twice with one
    /// value counts once.
    ///
    /// The boundaries of fields are not signed, so such a scheme uses the signed content as the
    /// event's id, by [`SchemeBuilder::content_is_id`](super::SchemeBuilder::content_is_id).
    #[cfg(feature = "senders")]
    SortedForm,
    /// The hash of the body in this encoding, or its raw bytes.
    #[cfg(feature = "senders")]
    BodyDigest(Digest, Option<Encoding>),
    /// The CRC-32 (IEEE) of the body in decimal. It does not cover the body: another body with the
    /// same value is easily made.
    #[cfg(feature = "senders")]
    BodyCrc32,
    /// The secret itself: for plain hashes, see [`Algorithm::Hash`](super::Algorithm::Hash).
    #[cfg(feature = "senders")]
    Secret,
    /// A text that must have exactly this many bytes, so that it needs no separator.
    #[cfg(feature = "senders")]
    OfLength(Box<Component>, usize),
    /// A text that must have more than this many bytes, so that it cannot equal the answer to a
    /// [challenge](crate::challenge::ChallengeText).
    #[cfg(feature = "senders")]
    LongerThan(Box<Component>, usize),
    /// The same text in lower case.
    #[cfg(feature = "senders")]
    LowerCase(Box<Component>),
    /// These pieces, or nothing if one of them is absent.
    ///
    /// If they are absent, the next piece could contain the same bytes. Such a scheme therefore
    /// uses the signed content as the event's id, by
    /// [`SchemeBuilder::content_is_id`](super::SchemeBuilder::content_is_id).
    #[cfg(feature = "senders")]
    Optional(Vec<Component>),
    /// Adds nothing: if the demand is not met, this is not the signed content.
    #[cfg(feature = "senders")]
    Demand(Demand),
}

impl Component {
    /// Fixed text between other pieces, such as `.`: written in the code, or read from a file.
    pub fn literal(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Literal(text.into())
    }
}

#[cfg(feature = "senders")]
impl Component {
    /// A query parameter.
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

    /// The member of the JSON body at this pointer as compact JSON.
    ///
    /// This removes the white space between its tokens and keeps everything else as written: its
    /// order, numbers and escapes.
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

    /// The headers that this header lists, separated by commas and sorted by name.
    ///
    /// Each is `name:value` with the name in lower case and the value trimmed, joined by `;`.
    ///
    /// The list must name itself, and the header of the timestamp if one is read. A delivery is
    /// refused if a listed header is absent, or if a value could be read as another header.
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

    /// A field of the form in the body.
    pub fn form_field(name: impl Into<Cow<'static, str>>) -> Self {
        Self::FormField(name.into())
    }

    /// This text, which must have exactly `len` bytes.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Scheme};
    ///
    /// // Without a separator, there must be only one way to split the two.
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

    /// These pieces, or nothing if one of them is absent.
    pub fn optional(pieces: impl IntoIterator<Item = Self>) -> Self {
        Self::Optional(pieces.into_iter().collect())
    }

    /// Whether only the wider model supports it.
    pub(super) fn is_general(&self) -> bool {
        !matches!(
            self,
            Self::Timestamp | Self::Id | Self::Body | Self::Literal(_)
        )
    }
}

/// A condition for a content to be accepted.
#[cfg(feature = "senders")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Demand {
    /// The query has no such parameter.
    NoParameter(Cow<'static, str>),
    /// This query parameter is the hash of the body in lower-case hex.
    ParameterIsBodyDigest(Cow<'static, str>, Digest),
    /// This header is absent.
    NoHeader(Cow<'static, str>),
    /// This header is present and has this value.
    HeaderIs(Cow<'static, str>, Cow<'static, str>),
    /// If this header is present, it has this value.
    HeaderIsIfThere(Cow<'static, str>, Cow<'static, str>),
    /// This header is present, and one of its comma-separated elements has this value.
    HeaderLists(Cow<'static, str>, Cow<'static, str>),
}
