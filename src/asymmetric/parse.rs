//! Reads public keys from their encodings.
//!
//! ```text
//! text = PEM / base64( PEM ) / base64( DER ) / JWK / hex( point ) / base64( point )
//! PEM  = "-----BEGIN PUBLIC KEY-----" base64( DER ) "-----END PUBLIC KEY-----"
//! DER  = SubjectPublicKeyInfo of RFC 5280
//! JWK  = a JSON object of RFC 7517
//! ```

use std::borrow::Cow;

use data_encoding::{BASE64_MIME_PERMISSIVE, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use rsa::BoxedUint;
use rsa::pkcs8::spki::{
    DecodePublicKey, EncodePublicKey, ObjectIdentifier, SubjectPublicKeyInfoRef,
};
use rsa::traits::PublicKeyParts;
use serde::Deserialize;

use super::algorithm::{Curve, KeyKind};
use super::key::{Key, PublicKey};
use crate::error::{ConfigError, ConfigErrorKind};

/// A longer text is not a key: one of 8192 bits has some 1,500 letters.
const MAX_TEXT: usize = 16 * 1024;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The format of a sender's public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeyFormat {
    kind: KeyKind,
    prefix: Cow<'static, str>,
}

impl PublicKeyFormat {
    /// Keys of this kind: as PEM, as the base64 of PEM or DER, as a JWK, or as the bare point in hex or base64.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKeyFormat};
    /// use tower_webhook::{KeyRing, SecretFormat};
    ///
    /// let format = SecretFormat::PublicKey(PublicKeyFormat::new(KeyKind::Ed25519));
    /// let ring = KeyRing::parse(&format, ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"])?;
    /// # drop(ring);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn new(kind: KeyKind) -> Self {
        Self {
            kind,
            prefix: Cow::Borrowed(""),
        }
    }

    /// The same format after this prefix, which may be absent.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKeyFormat};
    ///
    /// // Standard Webhooks.
    /// let format = PublicKeyFormat::new(KeyKind::Ed25519).prefixed("whpk_");
    /// # drop(format);
    /// ```
    #[must_use]
    pub fn prefixed(self, prefix: impl Into<Cow<'static, str>>) -> Self {
        Self {
            prefix: prefix.into(),
            ..self
        }
    }

    pub(crate) fn parse(&self, text: &str) -> Result<PublicKey, ConfigError> {
        PublicKey::parse(self.kind, text.strip_prefix(&*self.prefix).unwrap_or(text))
    }
}

impl PublicKey {
    /// Reads a key of this kind from PEM, the base64 of PEM or DER, a JWK, or, for Ed25519 and
    /// curves, the bare point in hex or base64.
    ///
    /// # Errors
    ///
    /// A text that is none of these; a key of another kind, off its curve, of small order, shorter
    /// than the kind allows or with an even exponent; a private key.
    pub fn parse(kind: KeyKind, text: &str) -> Result<Self, ConfigError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(refused("empty"));
        }
        if text.len() > MAX_TEXT {
            return Err(refused("longer than a public key is"));
        }
        if text.contains("PRIVATE KEY") {
            return Err(refused(
                "a private key, which only the sender has: its public key belongs here",
            ));
        }
        if text.starts_with("whsec_") || text.starts_with("whsk_") {
            return Err(refused("a secret, the sender's public key belongs here"));
        }
        let key = if text.starts_with('{') {
            Self::from_jwk(text.as_bytes())?
        } else {
            let bytes = decode(text).ok_or_else(|| refused("neither PEM, base64 nor hex"))?;
            match bytes.starts_with(b"-----BEGIN ") {
                true => Self::from_pem(&String::from_utf8_lossy(&bytes))?,
                false => Self::from_bytes(kind, &bytes)?,
            }
        };
        key.of_kind(kind)
    }

    fn of_kind(self, wanted: KeyKind) -> Result<Self, ConfigError> {
        match self.kind().fits(wanted) {
            true => Ok(self),
            false => Err(refused(format!(
                "{} where {} belongs",
                self.kind().words(),
                wanted.words()
            ))),
        }
    }

    /// The key between the PEM lines of `-----BEGIN PUBLIC KEY-----`.
    fn from_pem(text: &str) -> Result<Self, ConfigError> {
        let inner = armoured(text, "PUBLIC KEY");
        let bytes = inner.ok_or_else(|| refused("PEM, but of no PUBLIC KEY"))?;
        Self::from_der(&bytes)
    }

    /// The bare point, or its SubjectPublicKeyInfo.
    fn from_bytes(kind: KeyKind, bytes: &[u8]) -> Result<Self, ConfigError> {
        match (kind, bytes.first()) {
            (KeyKind::Ed25519, _) if bytes.len() == 32 => ed25519(bytes),
            (KeyKind::Ecdsa(curve), Some(4)) => point(curve, bytes),
            _ => Self::from_der(bytes),
        }
    }

    /// The key of a SubjectPublicKeyInfo (RFC 5280) in DER.
    ///
    /// ```
    /// use tower_webhook::signature::PublicKey;
    ///
    /// assert!(PublicKey::from_der(b"no key").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PublicKey::parse`].
    pub fn from_der(bytes: &[u8]) -> Result<Self, ConfigError> {
        let broken = || refused("no SubjectPublicKeyInfo");
        let info = SubjectPublicKeyInfoRef::try_from(bytes).map_err(|_| broken())?;
        let algorithm = info.algorithm;
        if algorithm.oid == RSA {
            let key = rsa::PublicKey::from_public_key_der(bytes);
            return rsa_key(key.map_err(|_| refused("no RSA key that is taken"))?);
        }
        let point_bytes = info.subject_public_key.as_bytes().ok_or_else(broken)?;
        if algorithm.oid == ED25519 {
            return ed25519(point_bytes);
        }
        let curve = match algorithm.parameters_oid() {
            Ok(oid) if algorithm.oid == EC && oid == P256 => Curve::P256,
            Ok(oid) if algorithm.oid == EC && oid == P384 => Curve::P384,
            Ok(oid) if algorithm.oid == EC && oid == P521 => Curve::P521,
            Ok(oid) if algorithm.oid == EC && oid == SECP256K1 => Curve::Secp256k1,
            _ => return Err(refused("a key of an algorithm that is not known here")),
        };
        point(curve, point_bytes)
    }

    /// Its SubjectPublicKeyInfo in DER.
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKey};
    ///
    /// let key = PublicKey::parse(
    ///     KeyKind::Ed25519,
    ///     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    /// )?;
    /// assert_eq!(PublicKey::from_der(&key.to_der())?.to_der(), key.to_der());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn to_der(&self) -> Vec<u8> {
        let document = match self.key() {
            Key::Ed25519(key) => key.to_public_key_der(),
            Key::P256(key) => key.to_public_key_der(),
            Key::P384(key) => key.to_public_key_der(),
            Key::P521(key) => key.to_public_key_der(),
            Key::Secp256k1(key) => key.to_public_key_der(),
            Key::Rsa(key) => key.to_public_key_der(),
        };
        // A key that was read can be encoded.
        document
            .map(|document| document.as_bytes().to_vec())
            .unwrap_or_default()
    }

    /// The key of a JWK (RFC 7517; RFC 7518, section 6; RFC 8037).
    ///
    /// ```
    /// use tower_webhook::signature::{KeyKind, PublicKey};
    ///
    /// // RFC 8037, appendix A.2.
    /// let jwk = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// assert_eq!(PublicKey::from_jwk(jwk.as_bytes())?.kind(), KeyKind::Ed25519);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PublicKey::parse`].
    pub fn from_jwk(text: &[u8]) -> Result<Self, ConfigError> {
        let jwk = serde_json::from_slice::<Jwk>(text).map_err(|_| refused("no JWK"))?;
        jwk.key()
    }
}

/// The members that are read from a JWK.
#[derive(Debug, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kid: Option<String>,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    #[serde(rename = "use")]
    usage: Option<String>,
}

impl Jwk {
    pub(crate) fn key(&self) -> Result<PublicKey, ConfigError> {
        if self.d.is_some() {
            return Err(refused("a private key, which only the sender has"));
        }
        if self.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err(refused("a JWK that is not for signatures"));
        }
        let number = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| text.len() <= MAX_TEXT);
            let bytes = text.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
            bytes.ok_or_else(|| refused("a JWK whose numbers are not base64url"))
        };
        let curve = match (&*self.kty, self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => return ed25519(&number(&self.x)?),
            ("RSA", _) => {
                let (n, e) = (number(&self.n)?, number(&self.e)?);
                let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
                let key = rsa::PublicKey::new(number(&n), number(&e));
                return rsa_key(key.map_err(|_| refused("no RSA key that is taken"))?);
            }
            ("EC", Some("P-256")) => Curve::P256,
            ("EC", Some("P-384")) => Curve::P384,
            ("EC", Some("P-521")) => Curve::P521,
            ("EC", Some("secp256k1")) => Curve::Secp256k1,
            _ => return Err(refused("a JWK of an algorithm that is not known here")),
        };
        let (x, y) = (number(&self.x)?, number(&self.y)?);
        if x.len() != curve.len() || y.len() != curve.len() {
            return Err(refused("a JWK whose point is not as long as its curve's"));
        }
        point(curve, &[&[4], x.as_slice(), y.as_slice()].concat())
    }
}

fn ed25519(bytes: &[u8]) -> Result<PublicKey, ConfigError> {
    let bytes = <&[u8; 32]>::try_from(bytes).map_err(|_| refused("not of 32 bytes"))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes);
    let key = key.map_err(|_| refused("no point of the curve"))?;
    // The library accepts unreduced y-coordinates, which would give one key two encodings.
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    if key.is_weak() || !canonical {
        return Err(refused(
            "a point of small order, or one that is not reduced",
        ));
    }
    Ok(Key::Ed25519(Box::new(key)).into())
}

/// A point of a curve in the encoding of SEC 1, not at infinity.
fn point(curve: Curve, bytes: &[u8]) -> Result<PublicKey, ConfigError> {
    let refused = |_| refused("no point of the curve");
    Ok(match curve {
        Curve::P256 => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes);
            Key::P256(Box::new(key.map_err(refused)?))
        }
        Curve::P384 => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(bytes);
            Key::P384(Box::new(key.map_err(refused)?))
        }
        Curve::P521 => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes);
            Key::P521(Box::new(key.map_err(refused)?))
        }
        Curve::Secp256k1 => {
            let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes);
            Key::Secp256k1(Box::new(key.map_err(refused)?))
        }
    }
    .into())
}

/// The library has already refused keys shorter than 1024 bits or longer than 8192, and exponents
/// that are too large. The remaining check is for an exponent that proves nothing.
fn rsa_key(key: rsa::PublicKey) -> Result<PublicKey, ConfigError> {
    let exponent = key.e_bytes();
    let is_odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !is_odd || *exponent == [1] {
        return Err(refused("an RSA key whose exponent is even, or 1"));
    }
    Ok(Key::Rsa(Box::new(key)).into())
}

/// The bytes that a text encodes in hex or base64, or the text itself if it is PEM.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.starts_with("-----BEGIN ") {
        return Some(text.as_bytes().to_vec());
    }
    let bytes = text.as_bytes();
    // No key in base64 consists of hex digits alone: DER begins with `M`, and 32 bytes have padding.
    if let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(bytes) {
        return Some(bytes);
    }
    let lines: Vec<u8> = (bytes.iter().copied())
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let digits = lines.strip_suffix(b"==").or(lines.strip_suffix(b"="));
    let digits = digits.unwrap_or(&lines);
    (BASE64_NOPAD.decode(digits))
        .or_else(|_| BASE64URL_NOPAD.decode(digits))
        .ok()
}

/// The content of PEM (RFC 7468) with this label.
pub(crate) fn armoured(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inner, _) = rest.split_once(&format!("-----END {label}-----"))?;
    BASE64_MIME_PERMISSIVE
        .decode(inner.trim_ascii().as_bytes())
        .ok()
}

fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Secret, message)
}
