//! Documents in which keys are published.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::fetch::FetchError;
use super::rules::MAX_KEYS;
use crate::asymmetric::{Jwk, KeyKind, PublicKey};
use crate::secret::SigningKey;

/// The format in which a document holds public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyDocument {
    /// A JWK set (RFC 7517, section 5). Keys of unknown kinds, or not for signatures, are skipped.
    Jwks,
    /// One key, alone in the text: PEM or base64. Its name is the requested id, or its position.
    Text(KeyKind),
    /// Consecutive keys in PEM, named by their position.
    Pem(KeyKind),
    /// JSON with a list of items, in which these members hold a key and optionally its name.
    Json {
        /// The JSON pointer to the list, or to the only item; empty for the whole text.
        list: Cow<'static, str>,
        /// The pointer to the key in an item, a text or a JWK; empty for the item itself.
        key: Cow<'static, str>,
        /// The pointer to its name, if it has one.
        id: Option<Cow<'static, str>>,
        /// The kind of the keys.
        kind: KeyKind,
    },
}

/// The longest document that is accepted.
pub(super) const MAX_BYTES: usize = 256 * 1024;

impl KeyDocument {
    /// The keys in this document, as the answer to a request for this id.
    ///
    /// ```
    /// use tower_webhook::keys::KeyDocument;
    ///
    /// let document = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026",
    ///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, {"kty":"oct","k":"AA"}]}"#;
    /// let keys = KeyDocument::Jwks.keys("", document)?;
    /// assert_eq!(keys.len(), 1);
    /// assert_eq!(keys[0].id().as_str(), "2026");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the document is longer than 256 KiB or has another format, or if it holds keys but none
    /// can be used.
    pub fn keys(&self, id: &str, document: &[u8]) -> Result<Vec<SigningKey>, FetchError> {
        if document.len() > MAX_BYTES {
            return Err(FetchError::new("the document is longer than 256 KiB"));
        }
        let text = std::str::from_utf8(document);
        let text = text.map_err(|_| FetchError::new("the document is no text"))?;
        match self {
            Self::Jwks => jwks(text),
            Self::Text(kind) => {
                let key = PublicKey::parse(*kind, text).map_err(FetchError::new)?;
                let name = if id.is_empty() { "1" } else { id };
                Ok(vec![SigningKey::public(name, key)])
            }
            Self::Pem(kind) => pem(*kind, text),
            Self::Json {
                list,
                key,
                id: name,
                kind,
            } => {
                let whole: serde_json::Value =
                    serde_json::from_str(text).map_err(FetchError::new)?;
                let found = whole.pointer(list);
                let found = found.ok_or_else(|| FetchError::new("the document holds no list"))?;
                let items = match found.as_array() {
                    Some(items) => items.as_slice(),
                    None => std::slice::from_ref(found),
                };
                let text = |item: &serde_json::Value, pointer: &str| {
                    Some(item.pointer(pointer)?.as_str()?.to_owned())
                };
                let named = (1_u32..).zip(items).map(|(position, item)| {
                    let told = name.as_ref().and_then(|name| text(item, name));
                    let name = told.unwrap_or_else(|| match id {
                        "" => position.to_string(),
                        id => id.to_owned(),
                    });
                    let written = match item.pointer(key) {
                        Some(serde_json::Value::String(text)) => text.clone(),
                        Some(jwk @ serde_json::Value::Object(_)) => jwk.to_string(),
                        _ => return Err(FetchError::new("an item has no key")),
                    };
                    let key = PublicKey::parse(*kind, &written).map_err(FetchError::new)?;
                    Ok(SigningKey::public(name, key))
                });
                usable(named)
            }
        }
    }
}

fn jwks(text: &str) -> Result<Vec<SigningKey>, FetchError> {
    #[derive(serde::Deserialize)]
    struct Set<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }
    let set: Set<'_> = serde_json::from_str(text).map_err(FetchError::new)?;
    let named = (1_u32..).zip(set.keys).map(|(position, raw)| {
        let jwk: Jwk = serde_json::from_str(raw.get()).map_err(FetchError::new)?;
        let key = jwk.key().map_err(FetchError::new)?;
        let name = jwk.kid.unwrap_or_else(|| position.to_string());
        Ok(SigningKey::public(name, key))
    });
    usable(named)
}

fn pem(kind: KeyKind, text: &str) -> Result<Vec<SigningKey>, FetchError> {
    const END: &str = "-----END PUBLIC KEY-----";
    let blocks = text
        .split_inclusive(END)
        .filter(|block| block.ends_with(END));
    let named = (1_u32..).zip(blocks).map(|(position, block)| {
        let block = block.find("-----BEGIN").and_then(|at| block.get(at..));
        let key = PublicKey::parse(kind, block.unwrap_or_default()).map_err(FetchError::new)?;
        Ok(SigningKey::public(position.to_string(), key))
    });
    usable(named)
}

/// The usable keys. If there are some but none is usable, something is wrong, and the keys known
/// before remain valid.
fn usable(
    keys: impl Iterator<Item = Result<SigningKey, FetchError>>,
) -> Result<Vec<SigningKey>, FetchError> {
    let mut good = Vec::new();
    let mut wrong = None;
    for key in keys.take(MAX_KEYS) {
        match key {
            Ok(key) => good.push(key),
            Err(error) => wrong = Some(error),
        }
    }
    match wrong {
        Some(error) if good.is_empty() => Err(error),
        _ => Ok(good),
    }
}
