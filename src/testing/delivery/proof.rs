//! The proof of a [`TestDelivery`]: signed headers, and the path with its token.

use http::{HeaderMap, Uri};

use super::super::edit::{refused, value};
use super::super::tamper::{digest, later};
use super::TestDelivery;
use super::draft::Draft;
use crate::clock::UnixTime;
use crate::error::ConfigError;
use crate::path::split_token;
use crate::provider::Provider;
use crate::secret::{Material, SigningSecret};
use crate::signature::{Content, Scheme, Signer};

/// Belongs to no receiver; used to make deliveries wrong.
const WRONG_SECRET: &str = "no receiver has this secret";
const WRONG_TOKEN: &str = "no-receiver-has-this-token";

/// A key that no receiver has, of the kind that the scheme signs with.
fn wrong(scheme: &Scheme) -> Result<Material, ConfigError> {
    #[cfg(feature = "asymmetric")]
    if let Some(algorithm) = scheme.public_key_algorithm() {
        let key = crate::asymmetric::PrivateKey::of_nobody(algorithm);
        return Ok(Material::Private(key.into()));
    }
    #[cfg(not(feature = "asymmetric"))]
    let _ = scheme;
    SigningSecret::from_text(WRONG_SECRET).map(Material::Secret)
}

impl TestDelivery {
    /// Adds the proof and the event's name.
    pub(super) fn add_proof(&self, draft: &mut Draft) -> Result<(), ConfigError> {
        self.check_signed()?;
        let signer = self.signer()?;
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let id = digest(&self.body);
                #[cfg(feature = "senders")]
                let id = signer
                    .as_ref()
                    .map_or(id.clone(), |signer| signer.fit_id(id));
                id
            }
        };
        let timestamp = self.timestamp.clone();
        let timestamp = timestamp.unwrap_or_else(|| self.signed_time(signer.as_ref()));
        let told_id = self.tampers.header_id.as_deref();
        let mut told = false;
        #[cfg(feature = "senders")]
        let signer = match signer {
            Some(signer) if signer.is_general() => {
                told = signer.tells_id();
                self.seal(&signer, draft, &timestamp, &id)?;
                None
            }
            signer => signer,
        };
        let headers = &mut draft.headers;
        if let Some(signer) = &signer {
            let signed = Content {
                timestamp: &timestamp,
                id: &id,
                body: &self.body,
            };
            let told_timestamp = if self.tampers.timestamp {
                later(&timestamp)
            } else {
                timestamp.clone()
            };
            let sent = Content {
                timestamp: &told_timestamp,
                id: told_id.unwrap_or(&id),
                ..signed
            };
            let mut mac = signer.mac(signed)?;
            if self.tampers.signature
                && let Some(first) = mac.first_mut()
            {
                *first ^= 1;
            }
            let proof = signer.print(sent, &mac)?;
            told = signer.id_header().is_some();
            if !self.tampers.unsigned {
                headers.extend(proof);
            }
        }
        if let Some(name) = self.provider.rule.id_header() {
            let named = told_id.map(str::to_owned).or_else(|| self.key(&id));
            if let Some(named) = named {
                headers.insert(name, value(name.as_str(), named.as_bytes())?);
            }
            told = true;
        }
        self.tell_unsigned_id(headers)?;
        if told_id.is_some() && !told {
            return Err(refused("this provider's id stands in no header"));
        }
        Ok(())
    }

    /// Refuses to falsify a part that the delivery does not have.
    fn check_signed(&self) -> Result<(), ConfigError> {
        let verifier = self.provider.verifier();
        let tampers = &self.tampers;
        let of_signature = tampers.secret
            || tampers.signature
            || tampers.unsigned
            || self.secret.is_some()
            || self.family.is_some()
            || self.id.is_some();
        if verifier.is_none() && of_signature {
            return Err(refused("this provider signs nothing"));
        }
        let of_time = self.shift.is_some() || self.timestamp.is_some() || tampers.timestamp;
        if of_time
            && verifier
                .and_then(|verifier| verifier.scheme().tolerance())
                .is_none()
        {
            return Err(refused("this provider signs no time"));
        }
        Ok(())
    }

    fn signer(&self) -> Result<Option<Signer>, ConfigError> {
        let Some(verifier) = self.provider.verifier() else {
            return Ok(None);
        };
        let own = match &self.secret {
            _ if self.tampers.secret => Some(wrong(verifier.scheme())?),
            Some(material) => Some(material.clone()),
            None => {
                let keys = verifier.keys().snapshot();
                keys.first().map(|key| key.material().clone())
            }
        };
        let material = own.ok_or_else(|| refused("the provider has no key to sign with"))?;
        let mut signer = Signer::with(verifier.scheme().clone(), material);
        if let Some(id) = self.signing_key_id(&signer.material, &verifier.keys().snapshot()) {
            signer.key_id = id;
        }
        match &self.family {
            Some(header) => signer.in_family(header).map(Some),
            None => Ok(Some(signer)),
        }
    }

    fn signed_time(&self, signer: Option<&Signer>) -> String {
        let time = self.time.unwrap_or_else(UnixTime::now);
        let time = self.shift.map_or(time, |shift| shift.of(time));
        #[cfg(feature = "senders")]
        let written = signer.map(|signer| signer.write_time(time));
        #[cfg(not(feature = "senders"))]
        let written = signer.map(|_| time.to_string());
        written.unwrap_or_else(|| time.to_string())
    }

    /// The event key by the provider's rule; `None` if the rule finds none.
    fn key(&self, id: &str) -> Option<String> {
        let Provider { name, rule, .. } = &self.provider;
        let identity = rule.identify(name, &HeaderMap::new(), Some(id), &self.body);
        identity.ok().map(|identity| identity.key.to_string())
    }

    pub(super) fn uri(&self) -> Result<Uri, ConfigError> {
        let path = self.path.trim_end_matches('/');
        let text = if self.tampers.token {
            format!("{path}/{WRONG_TOKEN}")
        } else if let Some(token) = &self.token {
            format!("{path}/{token}")
        } else {
            self.path.clone()
        };
        // The parser's own text would show the token.
        let uri: Uri = text
            .parse()
            .map_err(|_| refused("its path and token make no URI"))?;
        let shown = split_token(uri.path(), None).map(|(_, token)| token.as_bytes());
        if self.token.is_none()
            && !self.tampers.token
            && !(self.provider.paths.iter())
                .all(|tokens| shown.is_some_and(|token| tokens.matches(token)))
        {
            return Err(refused(
                "the provider demands a secret path, give its token with `token`",
            ));
        }
        Ok(uri)
    }
}
