//! What the builder of a scheme takes beyond HMAC-SHA256 over time, id and body.

use std::borrow::Cow;

use http::HeaderMap;

use super::algorithm::Algorithm;
use super::component::Component;
use super::general::{Content, General, Layout, Outgoing, Parsed, Proof, Said, Settings};
use super::header::Grammar;
use super::place::{Place, TimeFormat};
use super::public_url::PublicUrl;
use super::scheme::{FamilyNames, Scheme, SchemeBuilder, refused};
use super::signer::{self, Signer};
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::ConfigError;

impl Scheme {
    /// Starts a scheme whose signature stands in this place.
    pub fn at(place: Place) -> SchemeBuilder {
        let mut builder = Self::builder("");
        builder.families.clear();
        builder.settings.places.push(place);
        builder
    }

    /// Starts a scheme without a signature: a secret that both know stands in this place. It proves
    /// who has sent a delivery, and nothing of what it says.
    ///
    /// ```
    /// use tower_webhook::signature::{Place, Scheme, Verifier};
    /// use tower_webhook::{SigningSecret, UnixTime};
    ///
    /// let scheme = Scheme::token(Place::header("asaas-access-token")).build()?;
    /// let verifier = Verifier::new(scheme, SigningSecret::from_text("5hG7kQ2mW9xZ4tB8")?);
    /// let sent = |token: &str| http::Request::post("/").header("asaas-access-token", token).body(());
    /// let now = UnixTime::now();
    /// assert!(verifier.verify(&sent("5hG7kQ2mW9xZ4tB8")?, b"{}", now).is_ok());
    /// assert!(verifier.verify(&sent("5hG7kQ2mW9xZ4tB9")?, b"{}", now).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn token(place: Place) -> SchemeBuilder {
        let mut builder = Self::at(place).content([]);
        builder.settings.is_token = true;
        builder
    }

    /// The same, as `Authorization: Bearer <token>` (RFC 6750).
    ///
    /// ```
    /// use tower_webhook::signature::Scheme;
    ///
    /// let scheme = Scheme::bearer().build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn bearer() -> SchemeBuilder {
        let mut builder =
            Self::token(Place::header("authorization")).single("Bearer ", Encoding::Hex);
        builder.settings.any_case_prefix = true;
        builder
    }

    /// The same, as `Authorization: Basic <base64>` (RFC 7617). The secret is `user:password`.
    ///
    /// ```
    /// use tower_webhook::signature::{Scheme, Verifier};
    /// use tower_webhook::SigningSecret;
    ///
    /// let secret = SigningSecret::from_text("hooks:a-password-of-some-length")?;
    /// let verifier = Verifier::new(Scheme::basic().build()?, secret);
    /// # drop(verifier);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn basic() -> SchemeBuilder {
        let mut builder =
            Self::token(Place::header("authorization")).single("Basic ", Encoding::Hex);
        builder.settings.any_case_prefix = true;
        builder.settings.basic = true;
        builder
    }
}

impl Scheme {
    /// Whether a text of such bytes alone, under HMAC-SHA256 with this scheme's key, may be what signs a
    /// delivery.
    pub(crate) fn may_sign_only(&self, bytes: impl Fn(u8) -> bool) -> bool {
        let only = |piece: &Component| match piece {
            Component::Literal(text) => text.bytes().all(&bytes),
            _ => true,
        };
        let Some(general) = &self.general else {
            return self.content.iter().all(only);
        };
        // The body then holds a bracket.
        let bracket =
            |content: &Content| content.demands_bracket() && !b"{[}]".iter().any(|b| bytes(*b));
        general.proof == Proof::Signed(Algorithm::Hmac(Digest::Sha256))
            && (general.contents.iter())
                .any(|content| content.pieces.iter().all(only) && !bracket(content))
    }
}

impl SchemeBuilder {
    /// How the signature is made. HMAC-SHA256 unless set.
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

    /// A signature may stand in this place too: one that is right is enough.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Place, Scheme, TimeFormat};
    ///
    /// // As Box signs, with the old key and the new one.
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

    /// The header may stand on several lines that differ, each with a signature: one that is right
    /// is enough. Otherwise that is refused.
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

    /// The timestamp stands in this place, written so.
    pub fn timestamp_at(mut self, place: Place, format: TimeFormat) -> Self {
        self.settings.time_place = Some(place);
        self.settings.time_format = format;
        self
    }

    /// How the timestamp is written. In seconds unless set.
    pub fn time_format(mut self, format: TimeFormat) -> Self {
        self.settings.time_format = format;
        self
    }

    /// The delivery's id stands in this place.
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

    /// What stands between two pairs, or two entries of a list: a comma between pairs and a blank
    /// between entries unless set.
    pub fn separator(mut self, separator: char) -> Self {
        self.settings.separator = u8::try_from(separator).ok();
        self
    }

    /// The header is the timestamp and, behind commas, one signature or more.
    pub fn positional(mut self, encoding: Encoding) -> Self {
        self.settings.positional = true;
        self.encoding = encoding;
        self
    }

    /// This may be what was signed too, where the first content is not. It costs a hash for each key.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Component, Scheme, TimeFormat};
    ///
    /// // As Mercado Pago signs a parameter of the query, as it stands or in lower case.
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

    /// What is signed is the event's [id](super::Verified::id): the content as it stands where it is
    /// a short text, else its SHA-256. For signatures that do not cover the body, and for contents
    /// whose pieces could be cut elsewhere: another reading is then the same event.
    pub fn content_is_id(mut self) -> Self {
        self.settings.content_is_id = true;
        self
    }

    /// The body must be JSON that begins with a bracket, or the delivery is refused: for senders that
    /// have other texts signed by the same key, such as challenges.
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

    /// The URL that the sender was given, where that is signed.
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

    /// Members are those of the only element of the array at this pointer. A longer array is refused.
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

    /// Whether the model of the first edition cannot say it.
    pub(super) fn is_general(&self) -> bool {
        let bare_touch = (self.content.iter().zip(self.content.iter().skip(1))).any(|pair| {
            matches!(
                pair,
                (Component::Timestamp, Component::Body) | (Component::Body, Component::Timestamp)
            )
        });
        self.settings.is_used()
            || bare_touch
            || self.content.iter().any(Component::is_general)
            || matches!(self.encoding, Encoding::HexUpper | Encoding::Base64Url)
    }

    fn general(&self) -> Result<General, ConfigError> {
        let Settings {
            separator,
            positional,
            any_case_prefix,
            is_token,
            content_is_id,
            ..
        } = &self.settings;
        let layout = match &self.grammar {
            _ if *positional => Layout::Positional {
                separator: separator.unwrap_or(b','),
            },
            Grammar::Single { prefix } => Layout::Single {
                prefix: prefix.clone(),
                any_case: *any_case_prefix,
            },
            Grammar::Pairs {
                timestamp,
                signature,
            } => {
                if timestamp == signature || signature.is_empty() {
                    return Err(refused("timestamp and signature need two different names"));
                }
                Layout::Pairs {
                    separator: separator.unwrap_or(b','),
                    timestamp: (!timestamp.is_empty()).then(|| timestamp.clone()),
                    signature: signature.clone(),
                }
            }
            Grammar::List { prefix } => Layout::List {
                separator: separator.unwrap_or(b' '),
                prefix: prefix.clone(),
            },
        };
        if *is_token && *content_is_id {
            return Err(refused("a token signs no content"));
        }
        if *content_is_id && self.content.contains(&Component::Secret) {
            return Err(refused("the content holds the secret, and is no id"));
        }
        let own = match self.families.as_slice() {
            [] => None,
            [
                FamilyNames {
                    signature,
                    timestamp,
                    id,
                },
            ] => Some((&**signature, timestamp.as_deref(), id.as_deref())),
            _ => return Err(refused("this kind of scheme has one family of headers")),
        };
        let (signature, timestamp, id) = own.map_or((None, None, None), |(signature, time, id)| {
            (Some(signature), time, id)
        });
        Parsed {
            settings: &self.settings,
            layout,
            encoding: self.encoding,
            signature_header: signature,
            timestamp_header: timestamp,
            id_header: id,
            content: &self.content,
        }
        .general()
        .map_err(refused)
    }

    pub(super) fn build_general(self) -> Result<Scheme, ConfigError> {
        let general = self.general()?;
        let shown = self.shown()?;
        let mut scheme = self.assemble(Box::new([]), shown);
        scheme.general = Some(general.into());
        Ok(scheme)
    }

    /// Of a preset; where it is wrong, which a test would have told, nothing passes it: it has no
    /// family of headers to read.
    pub(super) fn known_general(self) -> Scheme {
        let general = self.general();
        let shown = self.shown().unwrap_or_default();
        let mut scheme = self.assemble(Box::new([]), shown);
        scheme.general = general.ok().map(Into::into);
        scheme
    }
}

impl Signer {
    /// The headers of a request to `/`, or to the query of the URL that is signed.
    pub(super) fn sign_alone(
        &self,
        time: &str,
        id: &str,
        body: &[u8],
    ) -> Result<HeaderMap, ConfigError> {
        let mut out = Outgoing {
            method: http::Method::POST,
            uri: http::Uri::from_static("/"),
            headers: HeaderMap::new(),
            body: body.to_vec(),
        };
        let said = Said { time, id };
        self.seal(&mut out, said, said, false)?;
        if out.body != body || out.uri.query().is_some() {
            return Err(signer::refused(
                "what it signs does not stand in headers alone".to_owned(),
            ));
        }
        Ok(out.headers)
    }

    /// Signs `signed` into a request and tells `told` in it; `spoil` changes one bit of the signature.
    pub(crate) fn seal(
        &self,
        out: &mut Outgoing,
        signed: Said<'_>,
        told: Said<'_>,
        spoil: bool,
    ) -> Result<(), ConfigError> {
        match &self.scheme.general {
            Some(general) => general
                .seal(self.secret.bytes(), out, signed, told, spoil)
                .map_err(signer::refused),
            None => Err(signer::refused(
                "is one that signs headers alone".to_owned(),
            )),
        }
    }

    /// Whether its scheme is of the wider model.
    #[cfg(feature = "testing")]
    pub(crate) fn is_general(&self) -> bool {
        self.scheme.general.is_some()
    }

    /// Whether an id stands beside what is signed.
    #[cfg(feature = "testing")]
    pub(crate) fn tells_id(&self) -> bool {
        (self.scheme.general.as_ref()).is_some_and(|general| general.id.is_some())
    }

    /// This id, cut or repeated to the length that the scheme demands.
    #[cfg(feature = "testing")]
    pub(crate) fn fit_id(&self, id: String) -> String {
        let pieces = self
            .scheme
            .general
            .iter()
            .flat_map(|general| &general.contents);
        let mut pieces = pieces.flat_map(|content| &content.pieces);
        let len = pieces.find_map(|piece| match piece {
            Component::OfLength(inner, len) if **inner == Component::Id => Some(*len),
            _ => None,
        });
        match len {
            Some(len) => id.chars().cycle().take(len).collect(),
            None => id,
        }
    }

    /// Whether the body is a form.
    #[cfg(feature = "testing")]
    pub(crate) fn signs_form(&self) -> bool {
        (self.scheme.general.as_ref()).is_some_and(|general| general.reads_form())
    }

    /// This time as the scheme writes it.
    #[cfg(feature = "testing")]
    pub(crate) fn write_time(&self, time: crate::clock::UnixTime) -> String {
        match self
            .scheme
            .general
            .as_ref()
            .and_then(|general| general.time.as_ref())
        {
            Some(written) => written.format.print(time),
            None => time.to_string(),
        }
    }
}
