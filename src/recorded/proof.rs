use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::authenticated::{AuthState, Coverage, Proved};
use crate::clock::UnixTime;
use crate::event::Name;
use crate::path::ShownToken;
use crate::request_clock::ClockReadings;
use crate::signature::Verified;

/// The proved facts of a request, without the secrets that proved them.
///
/// ```
/// use tower_webhook::journal::{RecordedCustom, RecordedProof, RecordedSignature};
///
/// let kept = r#"{"signature":{"keys":["new"],"signed_at":1777899600000000,"id":"msg_1"}}"#;
/// let proof: RecordedProof = serde_json::from_str(kept)?;
/// let signature: Option<RecordedSignature> = proof.signature;
/// assert_eq!(signature.ok_or("signed")?.keys, ["new"]);
/// let custom: Option<RecordedCustom> = proof.custom;
/// assert!(custom.is_none() && !proof.secret_path);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedProof {
    /// Whether the path had a valid token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret_path: bool,
    /// The client's address, if it is on the allowlist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The facts that the signature proves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<RecordedSignature>,
    /// The facts that a custom proof proves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<RecordedCustom>,
}

/// The facts that a signature has proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedSignature {
    /// The names of the keys that signed.
    pub keys: Vec<String>,
    /// When it was signed, in microseconds since 1970, if the time is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<u64>,
    /// The id, if it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The facts that a custom proof has proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedCustom {
    /// Its coverage: `connection`, `body`, `request` or `id`.
    pub covers: String,
    /// The proved id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The signature that it verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<RecordedSignature>,
}

/// The names of the coverages.
const COVERS: [(Coverage, &str); 4] = [
    (Coverage::Connection, "connection"),
    (Coverage::Body, "body"),
    (Coverage::Request, "request"),
    (Coverage::Id, "id"),
];

impl RecordedProof {
    pub(crate) fn of(auth: &AuthState) -> Self {
        let custom = auth.custom.as_deref();
        Self {
            secret_path: auth.secret_path.is_some(),
            client: auth.client,
            signature: auth.signature.as_ref().map(RecordedSignature::of),
            custom: custom.and_then(|(covers, proved)| {
                let (_, word) = COVERS.iter().find(|(known, _)| known == covers)?;
                Some(RecordedCustom {
                    covers: (*word).to_owned(),
                    id: proved.proved_id().map(str::to_owned),
                    signature: proved.verified().map(RecordedSignature::of),
                })
            }),
        }
    }

    /// The proved facts at that time; `None` if this version cannot read them.
    pub(crate) fn restored(&self, provider: Name) -> Option<AuthState> {
        let mut auth = AuthState::none_yet(provider, ClockReadings::default());
        // Which token it was no longer matters.
        auth.secret_path = if self.secret_path {
            ShownToken::of(b"")
        } else {
            None
        };
        auth.client = self.client;
        if let Some(signature) = &self.signature {
            auth.signature = Some(signature.verified()?);
        }
        if let Some(custom) = &self.custom {
            let (covers, _) = COVERS.iter().find(|(_, word)| *word == custom.covers)?;
            let mut proved = match &custom.signature {
                Some(signature) => Proved::from(signature.verified()?),
                None => Proved::new(),
            };
            if let Some(id) = &custom.id {
                proved = proved.id(id.clone());
            }
            auth.custom = Some(Box::new((*covers, proved)));
        }
        Some(auth)
    }
}

impl RecordedSignature {
    fn of(verified: &Verified) -> Self {
        let keys = verified.key_ids().iter();
        Self {
            keys: keys.map(|id| id.as_str().to_owned()).collect(),
            signed_at: verified.signed_at().map(UnixTime::as_micros),
            id: verified.id().map(str::to_owned),
        }
    }

    fn verified(&self) -> Option<Verified> {
        let keys = self.keys.iter().map(String::as_str);
        let signed_at = self.signed_at.map(UnixTime::from_micros);
        Verified::remembered(keys, signed_at, self.id.as_deref())
    }
}
