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

/// Those gates that are set, in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    /// Whether it is the sender's contract that says which methods are let through.
    pub(crate) by_method: bool,
    pub(crate) path: Option<SecretPathGate>,
    /// An address must pass them all.
    pub(crate) sources: Vec<SourceGate>,
    pub(crate) signature: Option<Verifier>,
    pub(crate) custom: Option<OwnProof>,
    #[cfg(feature = "senders")]
    pub(crate) challenges: Option<Challenges>,
}

/// What the body is still to prove.
#[derive(Default)]
pub(crate) struct Pending {
    /// Behind a pointer: futures that hold it are short, and it is gone once it is judged.
    pub(crate) signature: Option<Box<Verification>>,
    /// Behind a pointer, as everything that most deliveries do without.
    pub(crate) custom: Option<Box<OwnBody>>,
}

impl Pending {
    /// The next bytes of what is signed.
    pub(super) fn update(&mut self, frame: &Bytes) {
        if let Some(check) = &mut self.signature {
            check.update(frame);
        }
    }

    /// Whether the head has proved all.
    pub(crate) fn is_nothing(&self) -> bool {
        self.signature.is_none() && self.custom.is_none()
    }
}

impl Checks {
    /// Whether this request is for them; a gate around a whole application guards one path only.
    pub(crate) fn guard(&self, parts: &Parts) -> bool {
        self.path
            .as_ref()
            .is_none_or(|gate| gate.guards(parts.uri.path()))
    }

    /// The keys of a sender that signs.
    pub(crate) fn keys(&self) -> Option<&KeyRing> {
        self.signature.as_ref().map(Verifier::keys)
    }

    /// The proofs that a delivery holds when it has passed them all.
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

    /// Asks each gate. What the body proves, if anything, is then still to be fed and judged: it is put
    /// where it stays, for it is large.
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
        // A gate outside may have asked for the token already, and has then cut it off.
        let path = (self.path.as_ref()).filter(|gate| !gate.has_seen(auth.secret_path.as_ref()));
        let time = HeadTime::new(&*endpoint.clock, auth.readings.received());
        if let Some(gate) = path {
            auth.secret_path = Some(gate.head(&head_of(parts, &time))?);
        }
        let admitted = self.admit_from(parts, auth, endpoint, method, &time, pending);
        auth.readings.note(time.read());
        // Done last, for most of what is refused needs no other path.
        match (path, &admitted) {
            (Some(gate), Ok(_)) => gate.cut(parts)?,
            // What is refused is seen by the observer alone.
            (Some(gate), Err(_)) if endpoint.interest().headers => gate.hide(parts),
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
        // There is no key yet: `ask_body` ends it, whatever it is.
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
    /// Whether the sender asks for something with this method.
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

    /// Ends a delivery whose proof was passed and that asks for something.
    #[cfg(feature = "senders")]
    pub(crate) fn ask_body(&self, auth: &AuthState, now: UnixTime) -> Result<(), RejectionCause> {
        match (&self.challenges, &auth.body) {
            (Some(challenges), Some(body)) => challenges.ask_body(body, now),
            (None, _) | (_, None) => Ok(()),
        }
    }
}

/// What every proof is asked about, before the client is known.
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
    /// Whether the head was let in without a proof, because a secret is awaited.
    pub(crate) fn is_unproved(&self, auth: &AuthState) -> bool {
        let lacks = (self.signature.is_some() && auth.signature.is_none())
            || (self.custom.is_some() && auth.custom.is_none());
        lacks && self.challenges.is_some()
    }

    /// Ends such a delivery, whatever it is.
    pub(crate) fn ask_unproved(&self, auth: &AuthState, now: UnixTime) -> RejectionCause {
        let body = auth.body.as_deref().unwrap_or_default();
        match &self.challenges {
            Some(challenges) => challenges.ask_unproved(body, now),
            None => Reason::ProofRefused.into(),
        }
    }
}

/// The head with the path that the sender called: a router has cut off what leads to a nested one.
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
