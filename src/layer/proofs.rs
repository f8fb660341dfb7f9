use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;

use super::arrival::Arrival;
use super::authenticated::{Authenticated, Proof};
use super::reception::Reception;
use super::refusal::Refusal;
use crate::event::ProviderName;
use crate::path::{PathTokens, ShownToken};
use crate::rejection::Reason;
use crate::signature::Verified;

/// What was proved of a delivery so far; once a gate lets it through, an [`Authenticated`].
#[derive(Clone)]
pub(crate) struct Proofs {
    pub(crate) arrival: Arrival,
    /// Whether a gate of another provider stood before this one.
    pub(super) is_foreign: bool,
    pub(super) provider: ProviderName,
    pub(super) secret_path: Option<ShownToken>,
    pub(super) client: Option<IpAddr>,
    pub(super) signature: Option<Verified>,
    pub(super) body: Option<Bytes>,
}

impl Proofs {
    pub(super) fn none_yet(provider: ProviderName, arrival: Arrival) -> Self {
        Self {
            arrival,
            is_foreign: false,
            provider,
            secret_path: None,
            client: None,
            signature: None,
            body: None,
        }
    }

    /// What the gates outside have proved, taken out of the request. The first layer that sees a
    /// request notes when it came; the others keep to that.
    pub(crate) fn take(parts: &mut Parts, reception: &Reception) -> Self {
        let ours = &reception.provider;
        match parts.extensions.remove::<Authenticated>() {
            None => Self::none_yet(ours.clone(), Arrival::now(reception)),
            Some(mark) if mark.provider() == ours => mark.into_proofs(),
            Some(mark) => Self {
                is_foreign: true,
                ..Self::none_yet(ours.clone(), mark.into_proofs().arrival)
            },
        }
    }

    /// Refuses what a gate of another provider has let through.
    pub(crate) fn check_provider(&self) -> Result<(), Refusal> {
        if self.is_foreign {
            return Err(Refusal::because(
                Reason::Unauthenticated,
                "a gate of another provider stands before this layer; give each provider its own \
                 route",
            ));
        }
        Ok(())
    }

    pub(crate) fn include(&self, proof: Proof) -> bool {
        match proof {
            Proof::SecretPath => self.secret_path.is_some(),
            Proof::SourceAddress => self.client.is_some(),
            Proof::Signature => self.signature.is_some(),
        }
    }

    /// Whether the token that was cut off outside is one of these.
    pub(crate) fn have_shown_one_of(&self, tokens: &PathTokens) -> bool {
        (self.secret_path.as_ref()).is_some_and(|shown| tokens.include(shown))
    }
}
