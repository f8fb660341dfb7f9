//! Setters of a scheme's builder for the wider model.

use std::borrow::Cow;

use super::super::algorithm::Algorithm;
use super::super::component::Component;
use super::super::place::{Place, TimeFormat};
use super::super::public_url::PublicUrl;
use super::super::scheme::SchemeBuilder;
use crate::encoding::Encoding;

impl SchemeBuilder {
    /// Sets the algorithm. HMAC-SHA256 unless set.
    ///
    /// ```
    /// use tower_webhook::signature::{Algorithm, Scheme};
    /// use tower_webhook::{Digest, Encoding};
    ///
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Hex)
    ///     .algorithm(Algorithm::Hmac(Digest::Sha512))
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.settings.algorithm = Some(algorithm);
        self
    }

    /// Also accepts a signature in this place: one right signature is enough.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Place, Scheme, TimeFormat};
    ///
    /// // Box signs with the old key and the new one.
    /// let scheme = Scheme::builder("box-signature-primary")
    ///     .or_at(Place::header("box-signature-secondary"))
    ///     .single("", Encoding::Base64)
    ///     .timestamp_at(Place::header("box-delivery-timestamp"), TimeFormat::Rfc3339)
    ///     .content([Component::Body, Component::Timestamp])
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn or_at(mut self, place: Place) -> Self {
        self.settings.places.push(place);
        self
    }

    /// Allows several different lines of the header, each with a signature: one right signature is
    /// enough. Otherwise such a header is refused.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::Scheme;
    ///
    /// let scheme = Scheme::builder("x-signature").single("sha256=", Encoding::Hex).several_lines().build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn several_lines(mut self) -> Self {
        self.settings.several_lines = true;
        self
    }

    /// Allows a signature without its prefix.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::Scheme;
    ///
    /// // As Mollie's own libraries read it: `sha256=<hex>`, or `<hex>` alone.
    /// let scheme = Scheme::builder("x-mollie-signature").single("sha256=", Encoding::Hex).optional_prefix().build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn optional_prefix(mut self) -> Self {
        self.settings.optional_prefix = true;
        self
    }

    /// Reads the timestamp from this place, in this format.
    pub fn timestamp_at(mut self, place: Place, format: TimeFormat) -> Self {
        self.settings.time_place = Some(place);
        self.settings.time_format = format;
        self
    }

    /// Sets the format of the timestamp. In seconds unless set.
    pub fn time_format(mut self, format: TimeFormat) -> Self {
        self.settings.time_format = format;
        self
    }

    /// Reads the delivery's id from this place.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Place, Scheme};
    ///
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Hex)
    ///     .id_at(Place::query("id"))
    ///     .content([Component::Id, Component::literal("."), Component::Body])
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn id_at(mut self, place: Place) -> Self {
        self.settings.id_place = Some(place);
        self
    }

    /// Sets the separator of pairs or of list entries: a comma between pairs and a space between
    /// entries unless set.
    pub fn separator(mut self, separator: char) -> Self {
        self.settings.separator = u8::try_from(separator).ok();
        self
    }

    /// The sender writes a space after the separator of two pairs. A reader needs none.
    #[cfg(feature = "senders")]
    pub(crate) fn blank_behind_separator(mut self) -> Self {
        self.settings.blank_behind_separator = true;
        self
    }

    /// Reads the header as the timestamp and one or more signatures, separated by commas.
    pub fn positional(mut self, encoding: Encoding) -> Self {
        self.settings.positional = true;
        self.encoding = encoding;
        self
    }

    /// Adds an alternative for the signed content, if the first content does not match. It costs a hash for each key.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Scheme, TimeFormat};
    ///
    /// // Mercado Pago signs a query parameter, unchanged or in lower case.
    /// let signed = |id: Component| {
    ///     let request = [Component::literal(";request-id:"), Component::header("x-request-id")];
    ///     [Component::literal("id:"), id, Component::optional(request), Component::literal(";ts:"), Component::Timestamp]
    /// };
    /// let scheme = Scheme::builder("x-signature")
    ///     .pairs("ts", "v1", Encoding::Hex)
    ///     .time_format(TimeFormat::Milliseconds)
    ///     .content(signed(Component::parameter("data.id")))
    ///     .or_content(signed(Component::parameter("data.id").lower_case()))
    ///     .content_is_id()
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn or_content(mut self, pieces: impl IntoIterator<Item = Component>) -> Self {
        self.settings
            .other_contents
            .push(pieces.into_iter().collect());
        self
    }

    /// Uses the signed content as the event's [id](crate::signature::Verified::id): the content
    /// itself if it is a short text, otherwise its SHA-256.
    ///
    /// This is for signatures that do not cover the body, and for contents whose pieces could be
    /// split elsewhere: another reading is then the same event.
    pub fn content_is_id(mut self) -> Self {
        self.settings.content_is_id = true;
        self
    }

    /// Demands a body of JSON that begins with a bracket: for senders that sign other texts with
    /// the same key, such as challenges.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::Scheme;
    ///
    /// let scheme = Scheme::builder("x-signature").single("sha256=", Encoding::Base64).json_body().build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn json_body(mut self) -> Self {
        self.settings.json_body = true;
        self
    }

    /// Sets the URL that the sender was given, if the signature covers it.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, PublicUrl, Scheme};
    ///
    /// let scheme = Scheme::builder("x-signature")
    ///     .single("", Encoding::Base64)
    ///     .content([Component::PublicUrl, Component::Body])
    ///     .public_url(PublicUrl::parse("https://example.com/hooks/square")?)
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn public_url(mut self, url: PublicUrl) -> Self {
        self.settings.url = Some(url);
        self
    }

    /// Reads members from the only element of the array at this pointer. A longer array is refused.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Place, Scheme};
    ///
    /// let scheme = Scheme::at(Place::member("/signature"))
    ///     .single("", Encoding::Base64)
    ///     .only_item("/items")
    ///     .content([Component::member("/id"), Component::literal(":"), Component::member("/amount")])
    ///     .content_is_id()
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn only_item(mut self, pointer: impl Into<Cow<'static, str>>) -> Self {
        self.settings.only_item = Some(pointer.into());
        self
    }

    /// Reads the name of the signing key from this place. A [`KeySource`](crate::keys::KeySource)
    /// is queried for that key; from a ring, the key of this name is used, if there is one.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Algorithm, Place, PublicKeyAlgorithm, Scheme};
    ///
    /// // Circle.
    /// let scheme = Scheme::builder("x-circle-signature")
    ///     .single("", Encoding::Base64)
    ///     .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::ES256_DER))
    ///     .key_id_at(Place::header("x-circle-key-id"))
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn key_id_at(mut self, place: Place) -> Self {
        self.settings.key_id_place = Some(place);
        self
    }

    /// Reads base64 of a JSON object with the signature, in this encoding, and the name of the key
    /// at these pointers. Its other members are ignored: the scheme determines the algorithm.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Algorithm, PublicKeyAlgorithm, Scheme};
    ///
    /// // As eBay signs.
    /// let scheme = Scheme::builder("x-ebay-signature")
    ///     .base64_json("/signature", "/kid", Encoding::Base64)
    ///     .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::ES256_DER))
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn base64_json(
        mut self,
        signature: impl Into<Cow<'static, str>>,
        key_id: impl Into<Cow<'static, str>>,
        encoding: Encoding,
    ) -> Self {
        self.settings.envelope = Some([signature.into(), key_id.into()]);
        self.encoding = encoding;
        self
    }

    /// Refuses a delivery with more signatures than this before checking any. 64 unless set, and 2
    /// if they are verified by public keys, because each is then expensive.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Algorithm, PublicKeyAlgorithm, Scheme};
    ///
    /// let scheme = Scheme::builder("x-signature")
    ///     .list("v1=", Encoding::Hex)
    ///     .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
    ///     .most_signatures(4)
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn most_signatures(mut self, count: u8) -> Self {
        self.settings.most_signatures = Some(count.min(64));
        self
    }

    /// Accepts the prefix of the signature in any case, such as `Bearer `.
    #[cfg(feature = "jwt")]
    pub(crate) fn any_case_prefix(mut self) -> Self {
        self.settings.any_case_prefix = true;
        self
    }
}
