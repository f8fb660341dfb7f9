use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;

use super::authenticated::{Authenticated, Proof};
use super::endpoint::EndpointConfig;
use super::rejection_cause::RejectionCause;
use super::request_clock::{ClockReadings, RequestClock};
use crate::event::Name;
use crate::path::{PathTokens, ShownToken};
use crate::rejection::Reason;
use crate::signature::Verified;

/// What was proved of a delivery so far; once a gate lets it through, an [`Authenticated`].
#[derive(Clone)]
pub(crate) struct AuthState {
    pub(super) readings: ClockReadings,
    /// Whether a gate of another provider stood before this one.
    pub(super) is_foreign: bool,
    pub(super) provider: Name,
    pub(super) secret_path: Option<ShownToken>,
    pub(super) client: Option<IpAddr>,
    pub(super) signature: Option<Verified>,
    pub(super) body: Option<Bytes>,
}

impl AuthState {
    pub(super) fn none_yet(provider: Name, readings: ClockReadings) -> Self {
        Self {
            readings,
            is_foreign: false,
            provider,
            secret_path: None,
            client: None,
            signature: None,
            body: None,
        }
    }

    /// What the gates outside have proved, taken out of the request.
    pub(crate) fn take(parts: &mut Parts, endpoint: &EndpointConfig) -> Self {
        let ours = &endpoint.provider;
        let mut auth = match parts.extensions.remove::<Authenticated>() {
            None => Self::none_yet(ours.clone(), ClockReadings::default()),
            Some(mark) if mark.provider() == ours => mark.into_proofs(),
            Some(mark) => Self {
                is_foreign: true,
                ..Self::none_yet(ours.clone(), mark.into_proofs().readings)
            },
        };
        if endpoint.is_timed() {
            auth.arrival(endpoint);
        }
        auth
    }

    /// When the request came. The first layer that lets it through notes that; the others keep to
    /// it.
    pub(crate) fn arrival(&mut self, endpoint: &EndpointConfig) -> RequestClock {
        self.readings.arrival(endpoint)
    }

    /// Refuses what a gate of another provider has let through.
    pub(crate) fn check_provider(&self) -> Result<(), RejectionCause> {
        if self.is_foreign {
            return Err(RejectionCause::because(
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
