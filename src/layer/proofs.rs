use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;

use super::arrival::{Arrival, Arriving};
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
    pub(super) arriving: Arriving,
    /// Whether a gate of another provider stood before this one.
    pub(super) is_foreign: bool,
    pub(super) provider: ProviderName,
    pub(super) secret_path: Option<ShownToken>,
    pub(super) client: Option<IpAddr>,
    pub(super) signature: Option<Verified>,
    pub(super) body: Option<Bytes>,
}

impl Proofs {
    pub(super) fn none_yet(provider: ProviderName, arriving: Arriving) -> Self {
        Self {
            arriving,
            is_foreign: false,
            provider,
            secret_path: None,
            client: None,
            signature: None,
            body: None,
        }
    }

    /// What the gates outside have proved, taken out of the request.
    pub(crate) fn take(parts: &mut Parts, reception: &Reception) -> Self {
        let ours = &reception.provider;
        let mut proofs = match parts.extensions.remove::<Authenticated>() {
            None => Self::none_yet(ours.clone(), Arriving::default()),
            Some(mark) if mark.provider() == ours => mark.into_proofs(),
            Some(mark) => Self {
                is_foreign: true,
                ..Self::none_yet(ours.clone(), mark.into_proofs().arriving)
            },
        };
        if reception.is_timed() {
            proofs.arrival(reception);
        }
        proofs
    }

    /// When the request came. The first layer that lets it through notes that; the others keep to
    /// it.
    pub(crate) fn arrival(&mut self, reception: &Reception) -> Arrival {
        self.arriving.arrival(reception)
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
