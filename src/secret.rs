//! Signing secrets, and how they are parsed.

use std::borrow::Cow;
use std::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use crate::encoding::MAC_LEN;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::mac::{MacKey, MacState};

#[cfg(feature = "http-client")]
mod api_key;
mod key_id;
mod list;
mod named;
mod pasted;
mod ring;
mod signing_key;
#[cfg(feature = "asymmetric")]
mod sourced;

#[cfg(feature = "http-client")]
pub use api_key::ApiKey;
pub(crate) use key_id::Matching;
pub use key_id::{KeyId, KeyIds};
pub use list::{ListedSecret, Secrets};
pub use named::NamedSecret;
pub(crate) use pasted::NotIssued;
pub(crate) use pasted::{api_key, is_placeholder, whsec};
pub use ring::KeyRing;
pub(crate) use signing_key::Material;
pub use signing_key::SigningKey;
#[cfg(feature = "asymmetric")]
pub(crate) use sourced::{Found, KeyLookup};

/// A shared secret, ready for checking signatures.
///
/// It stores the prepared HMAC-SHA256 state instead of the secret itself, and wipes it on drop (not
/// with the `ring` feature, because `ring` cannot do it). With the `senders` feature, it also stores
/// the key's bytes, which other digests and shared tokens need, and wipes them. It never prints.
///
/// ```
/// use tower_webhook::SigningSecret;
///
/// let secret = SigningSecret::from_text("whsec_test_9f8e7d6c5b4a")?;
/// assert_eq!(format!("{secret:?}"), "SigningSecret([REDACTED])");
/// assert!(SigningSecret::from_text("   ").is_err());
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SigningSecret {
    key: MacKey,
    #[cfg(feature = "senders")]
    bytes: std::sync::Arc<Zeroizing<Vec<u8>>>,
}

/// A shorter secret can be guessed offline from one captured delivery.
const MIN_SECRET_LEN: usize = 12;

impl SigningSecret {
    /// A secret whose key is the text itself, as UTF-8, including its prefix (BlendFi, GitHub,
    /// Stripe, Slack).
    ///
    /// # Errors
    ///
    /// An empty, blank or very short text (under 12 bytes), and text that is pasted by mistake:
    /// white space, quotes or invisible characters, a placeholder (`${SECRET}`), a line of settings
    /// (`SECRET=…`), several secrets in one, a partly masked secret (`whsec_…****`), a signature,
    /// an access token, an id, a URL, and a public key. A text that some sender could have issued
    /// is accepted: one quote, blanks and `=` inside may belong to it, and some senders use their
    /// API key as the secret (`sk_live_…`). If a secret really looks like one of these,
    /// [`from_bytes`](Self::from_bytes) accepts it.
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        refuse_pasted(text)?;
        Self::from_bytes(text.as_bytes())
    }

    /// A secret whose key is the bytes that `text` spells in base64, in the standard or the
    /// URL-safe alphabet, but not in a mix; padding is optional.
    ///
    /// # Errors
    ///
    /// The same as [`SigningSecret::from_text`], and a text that is not base64. That includes text
    /// that happens to read as base64 but is surely not, such as `whsec_…`, `polar_whs_…`, an API
    /// key, or hex digits.
    pub fn from_base64(text: &str) -> Result<Self, ConfigError> {
        refuse_pasted(text)?;
        let prefixed = (text.get(..5)).is_some_and(|start| start.eq_ignore_ascii_case("whsec"));
        if prefixed {
            return Err(refused(
                "has a prefix whsec where none or exactly whsec_ belongs, remove it",
            ));
        }
        if let Some(what) = pasted::begins(NO_BASE64, text).or_else(|| api_key(text)) {
            return Err(refused(what));
        }
        if is_uuid(text) {
            return Err(refused(ID));
        }
        if is_hex(text) {
            return Err(refused(
                "looks like hex where base64 belongs: decode it and use SigningSecret::from_bytes, \
                 or put whsec_ before it if it truly is base64",
            ));
        }
        Self::decode(text)
    }

    fn decode(text: &str) -> Result<Self, ConfigError> {
        let unpadded = text.trim_end_matches('=');
        let padding = text.len().saturating_sub(unpadded.len());
        let well_padded = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
        let bytes = Some(unpadded.as_bytes())
            .filter(|_| well_padded)
            .and_then(|text| {
                (BASE64_NOPAD.decode(text))
                    .or_else(|_| BASE64URL_NOPAD.decode(text))
                    .ok()
            })
            .ok_or_else(|| {
                refused(
                    "not base64; if the sender's key is the text itself, use \
                     standard_webhooks::text_keys or SigningSecret::from_text",
                )
            })?;
        Self::from_bytes(&Zeroizing::new(bytes))
    }

    /// A secret whose key is the bytes that `text` spells in hex, in lower or upper case.
    ///
    /// ```
    /// use tower_webhook::SigningSecret;
    ///
    /// let secret = SigningSecret::from_hex("44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056")?;
    /// assert!(SigningSecret::from_hex("no hex at all").is_err());
    /// # drop(secret);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`SigningSecret::from_text`], and a text that is not hex.
    pub fn from_hex(text: &str) -> Result<Self, ConfigError> {
        refuse_pasted(text)?;
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        let bytes = bytes.map_err(|_| refused("not hex, in which this sender writes its keys"))?;
        Self::from_bytes(&Zeroizing::new(bytes))
    }

    /// A secret of raw bytes.
    ///
    /// # Errors
    ///
    /// Fewer than 12 bytes, or nothing but white space.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.is_empty() {
            return Err(refused("empty"));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(refused("blank"));
        }
        if bytes.len() < MIN_SECRET_LEN {
            let len = bytes.len();
            return Err(refused(format!(
                "{len} bytes are too few, at least {MIN_SECRET_LEN} are needed"
            )));
        }
        Self::prepare(bytes)
    }

    fn prepare(bytes: &[u8]) -> Result<Self, ConfigError> {
        let key = MacKey::new(bytes);
        let key = key.ok_or_else(|| refused("of a length that HMAC does not take"))?;
        Ok(Self {
            key,
            #[cfg(feature = "senders")]
            bytes: Zeroizing::new(bytes.to_vec()).into(),
        })
    }

    /// A key as short as in published examples.
    #[cfg(all(test, feature = "senders"))]
    pub(crate) fn prepare_short(bytes: &[u8]) -> Result<Self, ConfigError> {
        Self::prepare(bytes)
    }

    /// A key of any length, only to be tried.
    pub(crate) fn for_trial(bytes: &[u8]) -> Option<Self> {
        Self::prepare(bytes).ok()
    }

    /// The key's bytes.
    #[cfg(any(feature = "senders", feature = "testing"))]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The MAC of these pieces in sequence, under this secret.
    #[inline]
    pub(crate) fn mac<'a>(&self, pieces: impl Iterator<Item = &'a [u8]>) -> [u8; MAC_LEN] {
        self.key.mac(pieces)
    }

    /// Starts a MAC under this secret. The key block is already hashed.
    #[inline]
    pub(crate) fn start(&self) -> MacState {
        self.key.start()
    }
}

/// Secrets that use the alphabet of base64 but whose key is the text itself.
const NO_BASE64: &pasted::Beginnings = &[
    (
        "polar_whs_",
        "looks like a secret of Polar, whose key is the text itself: use \
         standard_webhooks::text_keys or SigningSecret::from_text",
    ),
    (
        "shpss_",
        "looks like a secret of Shopify, whose key is the text itself: use \
         SigningSecret::from_text",
    ),
    ("ep_", ID),
    ("msg_", ID),
    ("app_", ID),
    ("sk-proj-", pasted::API_KEY),
    ("sk-ant-", pasted::API_KEY),
];

const ID: &str = "looks like the id of an endpoint, a message or an application, the endpoint's \
                  signing secret belongs here";

/// `b54557e4-bdd9-4b37-8a5f-bf7d70bcd043` is also valid URL-safe base64.
fn is_uuid(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_hexdigit());
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex)
}

/// Whether these are the digits of a hash or key in hex, which is also valid base64.
fn is_hex(text: &str) -> bool {
    let all = |is: fn(&u8) -> bool| text.bytes().all(|b| b.is_ascii_digit() || is(&b));
    let any = |is: fn(&u8) -> bool| text.bytes().any(|b| is(&b));
    text.len() >= 32
        && text.len().is_multiple_of(2)
        && any(u8::is_ascii_digit)
        && any(u8::is_ascii_alphabetic)
        && (all(|b| matches!(b, b'a'..=b'f')) || all(|b| matches!(b, b'A'..=b'F')))
}

fn refused(message: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Secret, message)
}

/// Refuses text that was pasted by mistake.
fn refuse_pasted(text: &str) -> Result<(), ConfigError> {
    pasted::refuse(text).map_or(Ok(()), |what| Err(refused(what)))
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret([REDACTED])")
    }
}

/// How a scheme writes its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretFormat {
    /// The key is the text itself, as UTF-8, including any prefix.
    Text,
    /// The key is what the text spells in base64 after this optional prefix.
    Base64 {
        /// Cut off before decoding, such as `whsec_`.
        prefix: Cow<'static, str>,
    },
    /// The key is what the text spells in hex, in lower or upper case.
    Hex,
    /// It is a public key, not a secret.
    #[cfg(feature = "asymmetric")]
    PublicKey(crate::asymmetric::PublicKeyFormat),
}

impl SecretFormat {
    /// Base64 after this optional prefix.
    pub fn base64(prefix: impl Into<Cow<'static, str>>) -> Self {
        Self::Base64 {
            prefix: prefix.into(),
        }
    }

    /// The secret that `text` spells in this format.
    ///
    /// # Errors
    ///
    /// The same as [`SigningSecret::from_text`] and [`SigningSecret::from_base64`]; also a format
    /// of public keys, which [`KeyRing::parse`] reads.
    pub fn parse(&self, text: &str) -> Result<SigningSecret, ConfigError> {
        match self {
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(_) => Err(refused(
                "a public key is no secret: read it by KeyRing::parse",
            )),
            Self::Text => SigningSecret::from_text(text),
            Self::Base64 { prefix } => {
                // Some senders put the version of the scheme first: `v1,whsec_…`.
                let bare = text.strip_prefix("v1,").unwrap_or(text);
                match bare.strip_prefix(&**prefix).filter(|_| !prefix.is_empty()) {
                    Some(digits) => {
                        refuse_pasted(bare)?;
                        // After a prefix, the text is base64 unless it is a key, whatever else it
                        // looks like.
                        if let Some(what) = pasted::begins(pasted::SPKI, digits)
                            .or_else(|| pasted::begins(pasted::MANIFEST, digits))
                        {
                            return Err(refused(what));
                        }
                        SigningSecret::decode(digits)
                    }
                    None => SigningSecret::from_base64(text),
                }
            }
            Self::Hex => SigningSecret::from_hex(text),
        }
    }

    /// The key that `text` spells in this format.
    fn material(&self, text: &str) -> Result<Material, ConfigError> {
        match self {
            #[cfg(feature = "asymmetric")]
            Self::PublicKey(format) => Ok(Material::Public(format.parse(text)?.into())),
            _ => self.parse(text).map(Material::Secret),
        }
    }
}

#[cfg(test)]
mod tests;
