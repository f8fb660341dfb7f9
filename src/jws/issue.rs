//! Tokens as a simulated sender makes them.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Map, Value, json};

use super::algorithm::JwsAlgorithm;
use super::rules::{Jws, KeyBy};
use crate::digest::Digest;
use crate::secret::Material;

/// The lifetime of a test token in seconds.
const LIFE: u64 = 60;

/// The content of a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'d> {
    pub(crate) time: u64,
    pub(crate) id: &'d str,
    /// The name of the key.
    pub(crate) key_id: &'d str,
    pub(crate) body: &'d [u8],
    pub(crate) url: Option<&'d str>,
    /// Whether the body contains the claims.
    pub(crate) is_body: bool,
    /// The signed headers, if a token lists them.
    pub(crate) listed: &'d str,
}

impl<'d> Draft<'d> {
    /// A text that is not a time counts as zero.
    pub(crate) fn of(
        time: &'d str,
        id: &'d str,
        body: &'d [u8],
        url: Option<&'d str>,
        is_body: bool,
    ) -> Self {
        Self {
            time: time.parse().unwrap_or_default(),
            id,
            key_id: "",
            body,
            url,
            is_body,
            listed: "",
        }
    }
}

impl Jws {
    /// A token that is signed over `signed` and states `told`; `spoil` changes one bit of the
    /// signature.
    pub(crate) fn issue(
        &self,
        material: &Material,
        signed: Draft<'_>,
        told: Draft<'_>,
        spoil: bool,
    ) -> Option<String> {
        let key_algorithm = |it: &&JwsAlgorithm| match material {
            Material::Secret(_) => it.hmac().is_some(),
            Material::Private(key) => {
                (it.public()).is_some_and(|it| key.public().kind().fits(it.key_kind()))
            }
            Material::Public(_) => false,
        };
        let algorithm = self.algorithms.iter().find(key_algorithm)?;
        let mut header = json!({ "alg": algorithm.name(), "typ": "JWT" });
        if let (KeyBy::Kid, Some(header)) = (&self.key_by, header.as_object_mut()) {
            header.insert("kid".to_owned(), signed.key_id.into());
        }
        if let (Some(member), Some(header)) = (&self.listed, header.as_object_mut()) {
            header.insert(member.to_string(), signed.listed.into());
        }
        let header = BASE64URL_NOPAD.encode(header.to_string().as_bytes());
        let payload = |draft| BASE64URL_NOPAD.encode(&self.payload(draft));
        let input = format!("{header}.{}", payload(signed));
        let mut signature = match material {
            Material::Secret(secret) => {
                (algorithm.hmac()?).hmac(secret.bytes(), [input.as_bytes()])?
            }
            Material::Private(key) => key.sign(algorithm.public()?, input.as_bytes())?,
            Material::Public(_) => return None,
        };
        if spoil && let Some(first) = signature.first_mut() {
            *first ^= 1;
        }
        let signature = BASE64URL_NOPAD.encode(&signature);
        Some(match self.is_detached() {
            true => format!("{header}..{signature}"),
            false => format!("{header}.{}.{signature}", payload(told)),
        })
    }

    fn payload(&self, draft: Draft<'_>) -> Vec<u8> {
        if self.is_detached() {
            return draft.body.to_vec();
        }
        let mut claims = match serde_json::from_slice(draft.body) {
            Ok(Value::Object(members)) if draft.is_body => members,
            _ => Map::new(),
        };
        let mut set = |claim: &str, value: Value| claims.insert(claim.to_owned(), value);
        set("iat", draft.time.into());
        set("nbf", draft.time.into());
        set("exp", draft.time.saturating_add(LIFE).into());
        if let KeyBy::Claim(claim) = &self.key_by {
            set(claim, draft.key_id.into());
        }
        for claim in self.demanded.iter().chain(&self.id) {
            set(claim, draft.id.into());
        }
        for (claim, text) in &self.equal {
            set(claim, text.clone().into());
        }
        if let Some((claim, spelled)) = &self.body_hash {
            set(
                claim,
                spelled.encode(&Digest::Sha256.hash([draft.body])).into(),
            );
        }
        if let (Some(claim), Some(url)) = (&self.url_hash, draft.url) {
            set(
                claim,
                HEXLOWER
                    .encode(&Digest::Sha256.hash([url.as_bytes()]))
                    .into(),
            );
        }
        Value::Object(claims).to_string().into_bytes()
    }
}
