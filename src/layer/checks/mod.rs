//! The gates that a delivery passes before its body is read, cheapest first.

mod secret_path;
mod source;

use bytes::Bytes;
use http::Method;
use http::request::Parts;

#[cfg(feature = "senders")]
use super::challenge::Challenges;
use super::coding::check_encoding;
use super::endpoint::EndpointConfig;
use crate::authenticated::AuthState;
use crate::authenticated::Proof;
#[cfg(feature = "senders")]
use crate::clock::UnixTime;
use crate::contract::MethodUse;
use crate::head::RequestHead;
use crate::prove::{HeadTime, OwnBody, OwnProof, ProofHead, Prove};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::secret::KeyRing;
use crate::signature::{Verification, Verifier};

pub(crate) use secret_path::SecretPathGate;
pub(crate) use source::SourceGate;

/// The gates that are set, in the order in which they check.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// Whether the sender's contract decides which methods are let through.
    pub(crate) by_method: bool,
    pub(crate) path: Option<SecretPathGate>,
    /// An address must pass them all.
    pub(crate) sources: Vec<SourceGate>,
    pub(crate) signature: Option<Verifier>,
    pub(crate) custom: Option<OwnProof>,
    #[cfg(feature = "senders")]
    pub(crate) challenges: Option<Challenges>,
}

/// The proofs that still need the body.
#[derive(Default)]
pub(crate) struct Pending {
    /// Boxed: futures that hold it stay small, and it is dropped once it is judged.
    pub(crate) signature: Option<Box<Verification>>,
    /// Boxed, like everything that most deliveries do without.
    pub(crate) custom: Option<Box<OwnBody>>,
}

impl Pending {
    /// Feeds the next bytes that may be signed.
    pub(super) fn update(&mut self, frame: &Bytes) {
        if let Some(check) = &mut self.signature {
            check.update(frame);
        }
    }

    /// Whether the head alone has proved everything.
    pub(crate) fn is_nothing(&self) -> bool {
        self.signature.is_none() && self.custom.is_none()
    }
}

impl Checks {
    /// Whether these gates apply to this request: a gate around a whole application guards one path
    /// only.
    pub(crate) fn guard(&self, parts: &Parts) -> bool {
        self.path
            .as_ref()
            .is_none_or(|gate| gate.guards(parts.uri.path()))
    }

    /// The keys of a sender that signs.
    pub(crate) fn keys(&self) -> Option<&KeyRing> {
        self.signature.as_ref().map(Verifier::keys)
    }

    /// The proofs of a delivery that has passed all gates.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = Proof> {
        let Self {
            by_method: _,
            path,
            sources,
            signature,
            custom,
            #[cfg(feature = "senders")]
                challenges: _,
        } = self;
        [
            path.as_ref().map(|_| Proof::SecretPath),
            (!sources.is_empty()).then_some(Proof::SourceAddress),
            signature.as_ref().map(|_| Proof::Signature),
            custom.as_ref().map(|own| Proof::Custom(own.covers())),
        ]
        .into_iter()
        .flatten()
    }

    /// Checks each gate. Proofs that need the body are put into `pending`, still to be fed and
    /// judged. They are filled in place because they are large.
    pub(crate) fn admit(
        &self,
        parts: &mut Parts,
        auth: &mut AuthState,
        endpoint: &EndpointConfig,
        pending: &mut Pending,
    ) -> Result<(), RejectionCause> {
        check_provider(auth)?;
        let method = match self.by_method {
            true => endpoint.contract.methods().use_of(&parts.method),
            false => MethodUse::Delivery,
        };
        if method == MethodUse::Foreign && !self.asks_with(&parts.method) {
            return Err(RejectionCause::of_method(&parts.method));
        }
        // A gate outside may have checked the token already and cut it off.
        let path = (self.path.as_ref()).filter(|gate| !gate.has_seen(auth.secret_path.as_ref()));
        let time = HeadTime::new(&*endpoint.clock, auth.readings.received());
        if let Some(gate) = path {
            auth.secret_path = Some(gate.head(&head_of(parts, &time))?);
        }
        let admitted = self.admit_from(parts, auth, endpoint, method, &time, pending);
        auth.readings.note(time.read());
        // Done last: most refused requests do not need the other path.
        match (path, &admitted) {
            (Some(gate), Ok(_)) => gate.cut(parts)?,
            // Only the observer sees a refused request.
            (Some(gate), Err(_)) if endpoint.interest().headers => gate.hide(parts),
            (Some(_), Err(_)) | (None, _) => {}
        }
        if admitted.is_ok() {
            endpoint.start_clock(&mut auth.readings);
        }
        admitted
    }

    /// Checks the gates that follow the path.
    fn admit_from(
        &self,
        parts: &Parts,
        auth: &mut AuthState,
        endpoint: &EndpointConfig,
        method: MethodUse,
        time: &HeadTime<'_>,
        pending: &mut Pending,
    ) -> Result<(), RejectionCause> {
        let mut head = head_of(parts, time);
        for gate in &self.sources {
            auth.client = Some(gate.head(&head)?.0);
        }
        #[cfg(feature = "senders")]
        if let Some(challenges) = &self.challenges {
            challenges.ask_head(head.request(), time.now())?;
        }
        if method == MethodUse::Foreign {
            return Err(RejectionCause::of_method(&parts.method));
        }
        if method == MethodUse::Probe {
            return Err(Reason::Probe.into());
        }
        if self.signature.is_none() && self.custom.is_none() {
            return Ok(());
        }
        check_encoding(&parts.headers, &endpoint.contract)?;
        head.client = auth.client;
        // There is no key yet: `ask_body` ends this request in any case.
        #[cfg(feature = "senders")]
        if (self.challenges.as_ref()).is_some_and(|challenges| challenges.await_secret(time.now()))
        {
            return Ok(());
        }
        if let Some(verifier) = &self.signature {
            pending.signature = Some(Box::new(verifier.head(&head)?));
        }
        if let Some(proof) = &self.custom {
            let client = || {
                endpoint
                    .origin
                    .known_client(&parts.extensions, &parts.headers)
            };
            head.client = head.client.or_else(client);
            head.request = as_sent(parts);
            #[cfg(feature = "asymmetric")]
            {
                head.peer = endpoint.origin.peer.find(&parts.extensions);
                let declared = |peer| endpoint.origin.proxies.include(peer);
                head.is_proxied = head.peer.is_some_and(declared);
            }
            pending.custom = Some(Box::new(proof.head(&head)?));
        }
        Ok(())
    }
}

impl Checks {
    /// Whether the sender makes challenges with this method.
    fn asks_with(&self, method: &Method) -> bool {
        #[cfg(feature = "senders")]
        let asks =
            (self.challenges.as_ref()).is_some_and(|challenges| challenges.come_with(method));
        #[cfg(not(feature = "senders"))]
        let asks = {
            let _ = method;
            false
        };
        asks
    }

    /// Ends a proved delivery that makes a challenge.
    #[cfg(feature = "senders")]
    pub(crate) fn ask_body(&self, auth: &AuthState, now: UnixTime) -> Result<(), RejectionCause> {
        match (&self.challenges, &auth.body) {
            (Some(challenges), Some(body)) => challenges.ask_body(body, now),
            (None, _) | (_, None) => Ok(()),
        }
    }
}

/// The head that every proof checks, before the client is known.
#[inline]
fn head_of<'a>(parts: &'a Parts, time: &'a HeadTime<'a>) -> ProofHead<'a> {
    ProofHead {
        request: parts.into(),
        extensions: &parts.extensions,
        client: None,
        #[cfg(feature = "asymmetric")]
        peer: None,
        #[cfg(feature = "asymmetric")]
        is_proxied: false,
        time,
    }
}

#[cfg(feature = "senders")]
impl Checks {
    /// Whether the head was let in without a proof because a secret is awaited.
    pub(crate) fn is_unproved(&self, auth: &AuthState) -> bool {
        let lacks = (self.signature.is_some() && auth.signature.is_none())
            || (self.custom.is_some() && auth.custom.is_none());
        lacks && self.challenges.is_some()
    }

    /// Ends such a delivery in any case.
    pub(crate) fn ask_unproved(&self, auth: &AuthState, now: UnixTime) -> RejectionCause {
        let body = auth.body.as_deref().unwrap_or_default();
        match &self.challenges {
            Some(challenges) => challenges.ask_unproved(body, now),
            None => Reason::ProofRefused.into(),
        }
    }
}

/// The head with the path that the sender called: axum strips the prefix for nested routers.
#[cfg(feature = "axum")]
fn as_sent(parts: &Parts) -> RequestHead<'_> {
    use axum::extract::OriginalUri;

    match parts.extensions.get() {
        Some(OriginalUri(uri)) => RequestHead::new(&parts.method, uri, &parts.headers),
        None => parts.into(),
    }
}

#[cfg(not(feature = "axum"))]
fn as_sent(parts: &Parts) -> RequestHead<'_> {
    parts.into()
}

/// Refuses a request that a gate of another provider has let through.
fn check_provider(auth: &AuthState) -> Result<(), RejectionCause> {
    if auth.is_foreign {
        return Err(RejectionCause::because(
            Reason::Unauthenticated,
            "a gate of another provider stands before this layer; give each provider its own route",
        ));
    }
    Ok(())
}
