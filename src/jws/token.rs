use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

/// A compact JWS (RFC 7515, section 7.1), with nothing proved yet.
///
/// ```text
/// token   = header "." payload "." signature   ; each base64url without padding
/// payload = nothing, where it is detached (RFC 7515, appendix F)
/// ```
#[derive(Debug)]
pub(crate) struct Token<'t> {
    /// The first two parts with the dot between them, as written.
    pub(super) front: &'t [u8],
    pub(super) header: &'t [u8],
    pub(super) payload: &'t [u8],
    pub(super) signature: Vec<u8>,
    pub(super) says: Header,
}

/// The members that are read from a token's header.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    /// Extensions that must be understood: none is supported.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    /// Whether the payload is not base64 (RFC 7797): not supported.
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

/// True if a member is present, even with the value `null`.
fn is_there<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(value).map(|_| true)
}

/// A longer text is no token: the payload of a JWT has only some members.
const MAX_TOKEN: usize = 16 * 1024;
const MAX_SIGNATURE: usize = 1024;

impl<'t> Token<'t> {
    /// The token in this text, if it is one.
    pub(crate) fn parse(text: &'t [u8]) -> Option<Self> {
        if text.len() > MAX_TOKEN {
            return None;
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || signature.is_empty() || signature.len() > 2 * MAX_SIGNATURE {
            return None;
        }
        let says: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if says.crit || says.b64 {
            return None;
        }
        let front = header.len().checked_add(1)?.checked_add(payload.len())?;
        Some(Self {
            front: text.get(..front)?,
            header,
            payload,
            signature: decode(signature)?,
            says,
        })
    }

    /// The text of this member of the header.
    pub(super) fn member(&self, name: &str) -> Option<String> {
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&decode(self.header)?).ok()?;
        members.get(name)?.as_str().map(str::to_owned)
    }

    /// The JSON of the payload.
    pub(super) fn claims(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(&decode(self.payload)?).ok()
    }
}

/// Decodes base64url, of which only one encoding is accepted.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text).ok()
}
