//! The gates that a delivery passes before its body is read, cheapest first.

mod secret_path;
mod source;

use http::Method;
use http::request::Parts;

use super::coding::check_encoding;
use super::endpoint::EndpointConfig;
use crate::authenticated::AuthState;
use crate::authenticated::Proof;
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::signature::{Verification, Verifier};

pub(crate) use secret_path::SecretPathGate;
pub(crate) use source::SourceGate;

/// Those gates that are set, in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    pub(crate) post_only: bool,
    pub(crate) path: Option<SecretPathGate>,
    pub(crate) source: Option<SourceGate>,
    pub(crate) signature: Option<Verifier>,
}

impl Checks {
    /// Whether this request is for them; a gate around a whole application guards one path only.
    pub(crate) fn guard(&self, parts: &Parts) -> bool {
        self.path
            .as_ref()
            .is_none_or(|gate| gate.guards(parts.uri.path()))
    }

    /// The proofs that a delivery holds when it has passed them all.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = Proof> {
        let Self {
            post_only: _,
            path,
            source,
            signature,
        } = self;
        [
            path.as_ref().map(|_| Proof::SecretPath),
            source.as_ref().map(|_| Proof::SourceAddress),
            signature.as_ref().map(|_| Proof::Signature),
        ]
        .into_iter()
        .flatten()
    }

    /// Asks each gate. The signature, if there is one, is then still to be fed and judged.
    pub(crate) fn admit(
        &self,
        parts: &mut Parts,
        auth: &mut AuthState,
        endpoint: &EndpointConfig,
    ) -> Result<Option<Verification>, RejectionCause> {
        check_provider(auth)?;
        if self.post_only && parts.method != Method::POST {
            return Err(Reason::MethodNotAllowed.into());
        }
        // A gate outside may have asked for the token already, and has then cut it off.
        let path = (self.path.as_ref()).filter(|gate| !auth.have_shown_one_of(gate.tokens()));
        if let Some(gate) = path {
            auth.secret_path = Some(gate.check(parts)?);
        }
        let admitted = self.admit_from(parts, auth, endpoint);
        // Done last, for most of what is refused needs no other path.
        match (path, &admitted) {
            (Some(_), Ok(_)) => SecretPathGate::cut(parts)?,
            // What is refused is seen by the observer alone.
            (Some(_), Err(_)) if endpoint.interest().headers => SecretPathGate::hide(parts),
            (Some(_), Err(_)) | (None, _) => {}
        }
        if admitted.is_ok() {
            endpoint.start_clock(&mut auth.readings);
        }
        admitted
    }

    /// Asks the gates behind the path.
    fn admit_from(
        &self,
        parts: &Parts,
        auth: &mut AuthState,
        endpoint: &EndpointConfig,
    ) -> Result<Option<Verification>, RejectionCause> {
        if let Some(gate) = &self.source {
            let now = || auth.readings.received_at(&*endpoint.clock);
            auth.client = Some(gate.admit(parts, now)?);
        }
        let Some(verifier) = &self.signature else {
            return Ok(None);
        };
        check_encoding(&parts.headers)?;
        let now = auth.readings.received_at(&*endpoint.clock);
        Ok(Some(verifier.begin(parts, now)?))
    }
}

/// Refuses what a gate of another provider has let through.
fn check_provider(auth: &AuthState) -> Result<(), RejectionCause> {
    if auth.is_foreign {
        return Err(RejectionCause::because(
            Reason::Unauthenticated,
            "a gate of another provider stands before this layer; give each provider its own route",
        ));
    }
    Ok(())
}
