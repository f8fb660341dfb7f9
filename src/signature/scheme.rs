use std::borrow::Cow;

use http::HeaderName;

use super::component::Component;
#[cfg(feature = "senders")]
use super::general::{General, Settings};
use super::header::Grammar;
use super::names::{Family, Names};
use crate::clock::Tolerance;
use crate::coverage::Coverage;
use crate::encoding::Encoding;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::secret::SecretFormat;

/// How a provider signs, as plain data: with HMAC-SHA256, or in other ways with the `senders`
/// feature.
///
/// ```
/// use tower_webhook::signature::{Component, Scheme};
/// use tower_webhook::Encoding;
///
/// // Stripe and BlendFi: `t=1700000000,v1=5257a869…` over `{t}.{body}`.
/// let scheme = Scheme::builder("x-acme-signature")
///     .pairs("t", "v1", Encoding::Hex)
///     .content([Component::Timestamp, Component::literal("."), Component::Body])
///     .build()?;
///
/// // A scheme that cannot be verified cannot be built: here the timestamp is not signed.
/// let error = Scheme::builder("x-acme-signature")
///     .pairs("t", "v1", Encoding::Hex)
///     .content([Component::Body])
///     .build()
///     .unwrap_err();
/// assert_eq!(error.to_string(), "signature scheme: the timestamp is read but not signed");
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scheme {
    pub(super) families: Box<[Family]>,
    pub(super) grammar: Grammar,
    pub(super) encoding: Encoding,
    pub(super) content: Box<[Component]>,
    pub(super) names: Names,
    /// The distinct texts of the content: an id must contain none of them.
    pub(super) separators: Box<[Cow<'static, str>]>,
    pub(super) tolerance: Tolerance,
    pub(super) secrets: SecretFormat,
    pub(super) shown_ids: Box<[HeaderName]>,
    /// Judges instead of all the other fields, if they do not suffice.
    #[cfg(feature = "senders")]
    pub(super) general: Option<std::sync::Arc<General>>,
}

impl Scheme {
    /// Starts a scheme whose signature is in this header.
    pub fn builder(signature_header: impl Into<String>) -> SchemeBuilder {
        SchemeBuilder {
            families: vec![FamilyNames::new(signature_header.into())],
            grammar: Grammar::Single { prefix: "".into() },
            encoding: Encoding::Hex,
            secrets: SecretFormat::Text,
            content: vec![Component::Body],
            tolerance: None,
            shown_ids: Vec::new(),
            #[cfg(feature = "senders")]
            settings: Settings::default(),
        }
    }

    /// The format of the provider's secrets.
    pub fn secret_format(&self) -> &SecretFormat {
        &self.secrets
    }

    /// The allowed difference of a signed time from the local one; `None` if no time is signed.
    pub fn tolerance(&self) -> Option<Tolerance> {
        #[cfg(feature = "senders")]
        if let Some(general) = &self.general {
            return general.is_timed().then_some(self.tolerance);
        }
        self.content
            .contains(&Component::Timestamp)
            .then_some(self.tolerance)
    }

    /// The data that a right signature vouches for.
    pub fn covers(&self) -> Coverage {
        #[cfg(feature = "senders")]
        if let Some(general) = &self.general {
            return general.covers;
        }
        Coverage::Body
    }

    /// The headers with an id of the delivery, signed or not.
    pub(crate) fn id_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let signed = (self.families.iter()).filter_map(|family| family.id.as_ref());
        #[cfg(feature = "senders")]
        let signed = signed.chain(
            self.general
                .iter()
                .filter_map(|general| general.id_header()),
        );
        signed.chain(&self.shown_ids)
    }

    /// The headers of this scheme, which must not be logged.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        let headers = self.families.iter().map(|family| &family.signature);
        #[cfg(feature = "senders")]
        let headers = headers.chain(
            self.general
                .iter()
                .flat_map(|general| general.secret_headers()),
        );
        headers
    }

    /// The place of the shared token, if that is the proof.
    #[cfg(feature = "senders")]
    pub(crate) fn token_places(&self) -> Vec<super::Place> {
        let general = self.general.iter();
        general.flat_map(|general| general.token_places()).collect()
    }
}

/// Builds a [`Scheme`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct SchemeBuilder {
    pub(super) families: Vec<FamilyNames>,
    pub(super) grammar: Grammar,
    pub(super) encoding: Encoding,
    pub(super) secrets: SecretFormat,
    pub(super) content: Vec<Component>,
    tolerance: Option<Tolerance>,
    shown_ids: Vec<String>,
    #[cfg(feature = "senders")]
    pub(super) settings: Settings,
}

#[derive(Debug, Clone)]
pub(super) struct FamilyNames {
    pub(super) signature: String,
    pub(super) timestamp: Option<String>,
    pub(super) id: Option<String>,
}

impl SchemeBuilder {
    /// Reads the header as `t=<time>,v1=<signature>`, with one timestamp under the first name and
    /// one or more signatures under the second. Other versions (`v0=`) are ignored.
    pub fn pairs(
        mut self,
        timestamp: impl Into<Cow<'static, str>>,
        signature: impl Into<Cow<'static, str>>,
        encoding: Encoding,
    ) -> Self {
        self.grammar = Grammar::Pairs {
            timestamp: timestamp.into(),
            signature: signature.into(),
        };
        self.encoding = encoding;
        self
    }

    /// Reads the header as one signature after this prefix (`sha256=`, `v0=`, or none).
    pub fn single(mut self, prefix: impl Into<Cow<'static, str>>, encoding: Encoding) -> Self {
        self.grammar = Grammar::Single {
            prefix: prefix.into(),
        };
        self.encoding = encoding;
        self
    }

    /// Reads the header as a list of signatures separated by spaces, each after this prefix
    /// (`v1,`). Other versions (`v1a,`) are ignored.
    pub fn list(mut self, prefix: impl Into<Cow<'static, str>>, encoding: Encoding) -> Self {
        self.grammar = Grammar::List {
            prefix: prefix.into(),
        };
        self.encoding = encoding;
        self
    }

    /// Reads the timestamp from a separate header.
    pub fn timestamp_header(mut self, name: impl Into<String>) -> Self {
        if let Some(family) = self.families.last_mut() {
            family.timestamp = Some(name.into());
        }
        self
    }

    /// Reads the delivery's id from a separate header.
    pub fn id_header(mut self, name: impl Into<String>) -> Self {
        if let Some(family) = self.families.last_mut() {
            family.id = Some(name.into());
        }
        self
    }

    /// Adds another family of headers for the same signature; the timestamp and id headers that
    /// follow belong to it. A delivery with headers of two families is refused.
    pub fn or_family(mut self, signature_header: impl Into<String>) -> Self {
        self.families
            .push(FamilyNames::new(signature_header.into()));
        self
    }

    /// The sender's own, unsigned id of a delivery is in this header. If a signature is refused, it
    /// is shown to the operator ([`Observation::claimed_id`](crate::Observation::claimed_id)). It
    /// has no other use.
    pub fn shown_id_header(mut self, name: impl Into<String>) -> Self {
        self.shown_ids.push(name.into());
        self
    }

    /// Sets the covered content, in order. The raw body alone unless set.
    pub fn content(mut self, pieces: impl IntoIterator<Item = Component>) -> Self {
        self.content = pieces.into_iter().collect();
        self
    }

    /// Sets the format of the provider's secrets. Plain text unless set.
    pub fn secrets(mut self, format: SecretFormat) -> Self {
        self.secrets = format;
        self
    }

    /// Sets the allowed difference of the signed time from the local one. Five minutes unless set.
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// The scheme, if it can be verified.
    ///
    /// # Errors
    ///
    /// An invalid header name; content without the body or with it twice; a timestamp or id that is read but not
    /// signed, or signed but not read; a tolerance although no time is signed; or two varying pieces with nothing
    /// between them, since there must be one reading. With `senders`, a time may touch the body, which then begins or
    /// ends with a bracket there; so may `Id.of_length(…)`.
    pub fn build(self) -> Result<Scheme, ConfigError> {
        let has_tolerance = self.tolerance.is_some();
        let scheme = self.checked()?;
        if has_tolerance && scheme.tolerance().is_none() {
            return Err(refused(
                "a tolerance is given and no time is signed, so that a captured delivery stays good: say where the time \
                 stands and that it is signed, or leave the tolerance out",
            ));
        }
        Ok(scheme)
    }

    fn checked(self) -> Result<Scheme, ConfigError> {
        #[cfg(feature = "senders")]
        if self.is_general() {
            return self.build_general();
        }
        let families: Result<Box<[_]>, _> = self.families.iter().map(FamilyNames::parse).collect();
        let families = families?;
        self.check(&families)?;
        let shown_ids = self.shown_ids.iter().map(|name| header_name(name));
        let shown_ids = shown_ids.collect::<Result<_, _>>()?;
        Ok(self.assemble(families, shown_ids))
    }

    /// The scheme of a preset, which is known to be valid: builds with debug assertions, and
    /// therefore all tests, panic at an invalid one.
    pub(crate) fn known(self) -> Scheme {
        debug_assert!(self.clone().build().is_ok(), "{:?}", self.clone().build());
        #[cfg(feature = "senders")]
        if self.is_general() {
            return self.known_general();
        }
        let families = self.families.iter().filter_map(|names| names.parse().ok());
        let families = families.collect();
        let shown_ids = self
            .shown_ids
            .iter()
            .filter_map(|name| header_name(name).ok());
        let shown_ids = shown_ids.collect();
        self.assemble(families, shown_ids)
    }

    pub(super) fn assemble(self, families: Box<[Family]>, shown_ids: Box<[HeaderName]>) -> Scheme {
        let names = Names::of(&families);
        let mut separators = Vec::new();
        for piece in &self.content {
            if let Component::Literal(text) = piece
                && !separators.contains(text)
            {
                separators.push(text.clone());
            }
        }
        Scheme {
            families,
            grammar: self.grammar,
            encoding: self.encoding,
            content: self.content.into(),
            names,
            separators: separators.into(),
            tolerance: self.tolerance.unwrap_or(Tolerance::DEFAULT),
            secrets: self.secrets,
            shown_ids,
            #[cfg(feature = "senders")]
            general: None,
        }
    }

    /// The headers with an id to show.
    #[cfg(feature = "senders")]
    pub(super) fn shown(&self) -> Result<Box<[HeaderName]>, ConfigError> {
        self.shown_ids
            .iter()
            .map(|name| header_name(name))
            .collect()
    }
}

impl FamilyNames {
    fn new(signature: String) -> Self {
        Self {
            signature,
            timestamp: None,
            id: None,
        }
    }

    fn parse(&self) -> Result<Family, ConfigError> {
        Ok(Family {
            signature: header_name(&self.signature)?,
            timestamp: self.timestamp.as_deref().map(header_name).transpose()?,
            id: self.id.as_deref().map(header_name).transpose()?,
        })
    }
}

fn header_name(text: &str) -> Result<HeaderName, ConfigError> {
    HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| refused(format!("{text:?} is not a header name")))
}

pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Scheme, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(builder: SchemeBuilder, text: &str) {
        let error = builder.build().unwrap_err();
        assert_eq!(error.to_string(), format!("signature scheme: {text}"));
    }

    #[test]
    fn a_scheme_that_has_two_readings_is_not_built() {
        use Component::{Body, Id, Timestamp};
        let start = || Scheme::builder("x-signature");
        refuses(
            Scheme::builder("no header"),
            "\"no header\" is not a header name",
        );
        refuses(start().content([]), "the content must hold the body once");
        refuses(
            start().content([Body, Component::literal("."), Body]),
            "the content must hold the body once",
        );
        refuses(
            start().id_header("x-id").content([Id, Body]),
            "two pieces of the content have nothing between them",
        );
        refuses(start().id_header("x-id"), "the id is read but not signed");
        refuses(
            start().content([Id, Component::literal("."), Body]),
            "the id is signed but not read",
        );
        refuses(
            start().content([Timestamp, Component::literal("."), Body]),
            "the timestamp is signed but not read",
        );
        refuses(
            start().timestamp_header("x-time"),
            "the timestamp is read but not signed",
        );
        refuses(
            start()
                .timestamp_header("x-time")
                .content([Timestamp, Component::literal("0"), Body]),
            "the text after the timestamp begins with a digit",
        );
        for (time, signature) in [("t", "t"), ("", "v1"), ("t", "")] {
            refuses(
                start().pairs(time, signature, Encoding::Hex).content([
                    Timestamp,
                    Component::literal("."),
                    Body,
                ]),
                "timestamp and signature need two different names",
            );
        }
        let twice = "the content holds the timestamp or the id twice";
        refuses(
            start().timestamp_header("x-time").content([
                Timestamp,
                Component::literal("."),
                Timestamp,
                Component::literal("."),
                Body,
            ]),
            twice,
        );
        refuses(
            start().id_header("x-id").content([
                Id,
                Component::literal("."),
                Body,
                Component::literal("."),
                Id,
            ]),
            twice,
        );
        refuses(
            start().content([Body, Component::literal("")]),
            "the content holds an empty text",
        );
        refuses(
            start()
                .pairs("t", "v1", Encoding::Hex)
                .timestamp_header("x-time")
                .content([Timestamp, Component::literal("."), Body]),
            "the timestamp stands in two places",
        );
    }

    #[test]
    fn a_scheme_tells_what_it_signs_and_where() {
        let scheme = Scheme::builder("x-a-signature")
            .timestamp_header("x-a-time")
            .or_family("x-b-signature")
            .timestamp_header("x-b-time")
            .content([
                Component::Timestamp,
                Component::literal("."),
                Component::Body,
            ])
            .tolerance(Tolerance::from_secs(60).unwrap())
            .build()
            .unwrap();
        assert_eq!(scheme.tolerance().map(Tolerance::as_secs), Some(60));
        let headers: Vec<_> = scheme.headers().map(HeaderName::as_str).collect();
        assert_eq!(headers, ["x-a-signature", "x-b-signature"]);
        let timeless = Scheme::builder("x-signature");
        assert_eq!(timeless.clone().build().unwrap().tolerance(), None);
        // A tolerance would suggest that a captured delivery becomes stale.
        let believed = timeless.tolerance(Tolerance::from_secs(60).unwrap());
        let refused = believed.build().unwrap_err().to_string();
        assert!(
            refused.contains("a tolerance is given and no time is signed"),
            "{refused}"
        );
    }
}
