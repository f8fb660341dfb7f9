//! The builder of a scheme beyond HMAC-SHA256 over time, id and body.

mod layout;
mod setters;

use http::HeaderMap;

use super::algorithm::Algorithm;
use super::component::Component;
use super::general::{Content, General, Outgoing, Parsed, Proof, Said, Settings};
use super::place::Place;
use super::scheme::{FamilyNames, Scheme, SchemeBuilder, refused};
use super::signer::{self, Signer};
#[cfg(feature = "asymmetric")]
use crate::asymmetric::{PublicKeyAlgorithm, PublicKeyFormat};
use crate::digest::Digest;
use crate::encoding::Encoding;
use crate::error::ConfigError;
#[cfg(feature = "asymmetric")]
use crate::message_signature::MessageSignatures;
#[cfg(feature = "asymmetric")]
use crate::secret::SecretFormat;

impl Scheme {
    /// Starts a scheme whose signature is in this place.
    pub fn at(place: Place) -> SchemeBuilder {
        let mut builder = Self::builder("");
        builder.families.clear();
        builder.settings.places.push(place);
        builder
    }

    /// Starts a scheme without a signature: a shared secret is in this place. It proves the sender
    /// of a delivery, but not its content.
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

    /// Starts a scheme whose signature is a JWS in this place, with these rules.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Jws, JwsAlgorithm, Place, Scheme};
    ///
    /// let token = Jws::new([JwsAlgorithm::Hs256]).body_hash("sha256", Encoding::Hex);
    /// let scheme = Scheme::jws(Place::header("x-webhook-signature"), token).build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "jwt")]
    pub fn jws(place: Place, rules: crate::jws::Jws) -> SchemeBuilder {
        let mut builder = Self::at(place);
        builder.settings.jws = Some(rules);
        builder
    }

    /// Starts a scheme of message signatures (RFC 9421), with these rules.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures, Scheme};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::HmacSha256])
    ///     .covering(["@method", "@path", "content-digest"]);
    /// let scheme = Scheme::message_signatures(rules).build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn message_signatures(rules: MessageSignatures) -> SchemeBuilder {
        let mut builder = Self::at(Place::header("signature"));
        builder.settings.message = Some(rules);
        builder
    }

    /// Starts a scheme with a token as `Authorization: Bearer <token>` (RFC 6750).
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

    /// Starts a scheme with a token as `Authorization: Basic <base64>` (RFC 7617). The secret is
    /// `user:password`.
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
    /// The algorithm, if it signs with a private key.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn public_key_algorithm(&self) -> Option<PublicKeyAlgorithm> {
        let general = self.general.as_ref()?;
        match general.proof {
            Proof::Signed(Algorithm::PublicKey(algorithm)) => Some(algorithm),
            Proof::Signed(_) | Proof::Token => None,
            #[cfg(feature = "jwt")]
            Proof::Jws => general.jws.as_ref()?.public_key_algorithm(),
            Proof::Message => general.message.as_ref()?.public_key_algorithm(),
        }
    }

    /// Whether a text of only these bytes, and at most this long, may be the signed content of a
    /// delivery by this algorithm with this scheme's key.
    pub(crate) fn may_sign_only(
        &self,
        algorithm: Algorithm,
        longest: usize,
        bytes: impl Fn(u8) -> bool,
    ) -> bool {
        let only = |piece: &Component| match piece {
            Component::Literal(text) => text.bytes().all(&bytes),
            Component::LongerThan(_, len) => *len < longest,
            _ => true,
        };
        let Some(general) = &self.general else {
            let is_its = algorithm == Algorithm::Hmac(Digest::Sha256);
            return is_its && self.content.iter().all(only);
        };
        // The body then contains a bracket.
        let bracket =
            |content: &Content| content.demands_bracket() && !b"{[}]".iter().any(|b| bytes(*b));
        general.proof == Proof::Signed(algorithm)
            && (general.contents.iter())
                .any(|content| content.pieces.iter().all(only) && !bracket(content))
    }
}

impl SchemeBuilder {
    /// Whether it exceeds the model of the first edition.
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
            is_token,
            content_is_id,
            ..
        } = &self.settings;
        let layout = self.layout()?;
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

    /// Keys are public, unless set otherwise, if signatures are verified by public keys.
    #[cfg(feature = "asymmetric")]
    fn with_key_format(self) -> Self {
        if self.secrets != SecretFormat::Text {
            return self;
        }
        #[cfg(feature = "jwt")]
        let of_token = self.settings.jws.as_ref();
        #[cfg(feature = "jwt")]
        let of_token = of_token.and_then(crate::jws::Jws::public_key_algorithm);
        #[cfg(not(feature = "jwt"))]
        let of_token = None;
        let of_message = self.settings.message.as_ref();
        let of_message = of_message.and_then(MessageSignatures::public_key_algorithm);
        let of_token = of_token.or(of_message);
        match (self.settings.algorithm, of_token) {
            (_, Some(algorithm)) | (Some(Algorithm::PublicKey(algorithm)), None) => {
                let format = PublicKeyFormat::new(algorithm.key_kind());
                self.secrets(SecretFormat::PublicKey(format))
            }
            (_, None) => self,
        }
    }

    pub(super) fn build_general(self) -> Result<Scheme, ConfigError> {
        let general = self.general()?;
        #[cfg(feature = "asymmetric")]
        let this = self.with_key_format();
        #[cfg(not(feature = "asymmetric"))]
        let this = self;
        this.build_from(general)
    }

    fn build_from(self, general: General) -> Result<Scheme, ConfigError> {
        let shown = self.shown()?;
        let mut scheme = self.assemble(Box::new([]), shown);
        scheme.general = Some(general.into());
        Ok(scheme)
    }

    /// The scheme of a preset. If it were invalid, which a test would report, nothing would pass:
    /// it has no family of headers to read.
    pub(super) fn known_general(self) -> Scheme {
        let general = self.general();
        let shown = self.shown().unwrap_or_default();
        #[cfg(feature = "asymmetric")]
        let this = self.with_key_format();
        #[cfg(not(feature = "asymmetric"))]
        let this = self;
        let mut scheme = this.assemble(Box::new([]), shown);
        scheme.general = general.ok().map(Into::into);
        scheme
    }
}

impl Signer {
    /// The headers of a request to `/`, or to the query of the signed URL.
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
        let key_id = self.key_id.as_str();
        let said = Said { time, id, key_id };
        self.seal(&mut out, said, said, false)?;
        if out.body != body || out.uri.query().is_some() {
            return Err(signer::refused(
                "what it signs does not stand in headers alone".to_owned(),
            ));
        }
        Ok(out.headers)
    }

    /// Signs `signed` into a request and sends `told` in it; `spoil` changes one bit of the signature.
    pub(crate) fn seal(
        &self,
        out: &mut Outgoing,
        signed: Said<'_>,
        told: Said<'_>,
        spoil: bool,
    ) -> Result<(), ConfigError> {
        match &self.scheme.general {
            Some(general) => general
                .seal(&self.material, out, signed, told, spoil)
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

    /// Whether a delivery states an id next to the signed content.
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

    /// This time in the scheme's format.
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
