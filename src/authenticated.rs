use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Extensions;

pub use crate::coverage::Coverage;
use crate::event::Name;
use crate::path::ShownToken;
use crate::recorded::Recorded;
use crate::request_clock::ClockReadings;
use crate::signature::Verified;

/// One way in which a delivery's origin is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// A secret token in the path.
    SecretPath,
    /// The client's address is on the allowlist.
    SourceAddress,
    /// A signature over the body.
    Signature,
    /// A proof of the user's own that covers this; only a [`Webhook`](crate::Webhook) asks for one.
    Custom(Coverage),
}

/// What a proof has found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proved {
    verified: Option<Verified>,
    id: Option<Box<str>>,
}

impl Proved {
    /// The origin, and nothing beside it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with an id of the event that is proved as well: for
    /// [`EventRule::signed_id`](crate::event::EventRule::signed_id).
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// What was verified, where the proof is made of a [`Verifier`](crate::signature::Verifier).
    pub(crate) fn verified(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }

    /// The id that is proved.
    pub(crate) fn proved_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// This beside what another proof has found out: what that verified counts where this one has
    /// verified nothing, and so does its id where it covers as much.
    pub(crate) fn beside(self, other: Self, covers_as_much: bool) -> Self {
        Self {
            id: self.id.or(other.id.filter(|_| covers_as_much)),
            verified: self.verified.or(other.verified),
        }
    }
}

impl From<Verified> for Proved {
    fn from(verified: Verified) -> Self {
        Self {
            id: verified.id().map(Box::from),
            verified: Some(verified),
        }
    }
}

/// The mark of a delivery whose origin was proved.
///
/// Only the gates of this crate make it, and put it in the request's extensions; what comes after
/// them demands it, so that nothing unproved is ever claimed, queued or handed to an extractor.
/// Clones share it.
#[derive(Clone)]
pub struct Authenticated {
    auth: Arc<AuthState>,
    body: Option<Bytes>,
}

impl Authenticated {
    /// Marks a delivery with what was proved of it.
    pub(crate) fn by(mut auth: AuthState) -> Self {
        Self {
            body: auth.body.take(),
            auth: Arc::new(auth),
        }
    }

    /// Marks a delivery with what was proved of it, and its body, which is kept apart: what was
    /// proved is needed for longer.
    pub(crate) fn of(auth: &Arc<AuthState>, body: Option<Bytes>) -> Self {
        Self {
            auth: Arc::clone(auth),
            body,
        }
    }

    /// What was proved, to be added to.
    pub(crate) fn into_proofs(self) -> AuthState {
        let mut auth = Arc::unwrap_or_clone(self.auth);
        auth.body = self.body;
        auth
    }

    /// Whose delivery it is.
    pub fn provider(&self) -> &Name {
        &self.auth.provider
    }

    /// Whether this proof was passed.
    pub fn proves(&self, proof: Proof) -> bool {
        self.auth.include(proof)
    }

    /// What is vouched for by the strongest of the proofs that were passed.
    pub fn covers(&self) -> Coverage {
        let own = self.auth.custom.as_ref().map(|own| own.0);
        let signed = self.auth.signature.as_ref().map(|_| Coverage::Body);
        (own.into_iter().chain(signed))
            .max_by_key(|covers| covers.rank())
            .unwrap_or(Coverage::Connection)
    }

    /// The client's address, where the allowlist was asked about it.
    pub fn client(&self) -> Option<IpAddr> {
        self.auth.client
    }

    /// What the signature proved: the provider's, or one that a proof of the user's own has verified.
    pub fn signature(&self) -> Option<&Verified> {
        self.auth.verified()
    }

    /// The proved body: the bytes that were signed, or that came from the proved address or path.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }
}

impl fmt::Debug for Authenticated {
    /// A body may hold what does not belong in a log: only its length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AuthState {
            readings: _,
            is_foreign: _,
            provider,
            secret_path,
            client,
            signature,
            custom,
            polled: _,
            body: _,
            recorded: _,
        } = &*self.auth;
        f.debug_struct("Authenticated")
            .field("provider", provider)
            .field("secret_path", secret_path)
            .field("client", client)
            .field("signature", signature)
            .field("custom", &custom.as_ref().map(|own| own.0))
            .field("body_len", &self.body.as_ref().map(Bytes::len))
            .finish()
    }
}

/// An event that was found by asking its sender: nobody has delivered it.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    /// The id that the sender would have signed.
    pub(crate) id: Option<Box<str>>,
    /// Whether the answer is the very one that a confirmation would ask for.
    pub(crate) is_confirmed: bool,
}

/// What was proved of a delivery so far; once a gate lets it through, an [`Authenticated`].
#[derive(Clone)]
pub(crate) struct AuthState {
    pub(crate) readings: ClockReadings,
    /// Whether a gate of another provider stood before this one.
    pub(crate) is_foreign: bool,
    pub(crate) provider: Name,
    pub(crate) secret_path: Option<ShownToken>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) signature: Option<Verified>,
    /// Behind a pointer, as everything that most deliveries do without.
    pub(crate) custom: Option<Box<(Coverage, Proved)>>,
    /// Where no delivery brought the event. Behind a pointer too.
    pub(crate) polled: Option<Box<Polled>>,
    pub(crate) body: Option<Bytes>,
    /// The request, where a journal takes it down.
    pub(crate) recorded: Option<Recorded>,
}

impl AuthState {
    #[inline]
    pub(crate) fn none_yet(provider: Name, readings: ClockReadings) -> Self {
        Self {
            readings,
            is_foreign: false,
            provider,
            secret_path: None,
            client: None,
            signature: None,
            custom: None,
            polled: None,
            body: None,
            recorded: None,
        }
    }

    /// Adds what the gates outside have proved of a delivery, taken out of its request. Most bring no mark.
    #[inline]
    pub(crate) fn take(&mut self, extensions: &mut Extensions) {
        if let Some(mark) = extensions.remove::<Authenticated>() {
            self.add(mark);
        }
    }

    /// What the gates outside have proved, or that they were another provider's.
    #[inline(never)]
    fn add(&mut self, mark: Authenticated) {
        let is_foreign = *mark.provider() != self.provider;
        let outside = mark.into_proofs();
        match is_foreign {
            true => {
                self.is_foreign = true;
                self.readings = outside.readings;
            }
            false => *self = outside,
        }
    }

    pub(crate) fn include(&self, proof: Proof) -> bool {
        match proof {
            Proof::SecretPath => self.secret_path.is_some(),
            Proof::SourceAddress => self.client.is_some(),
            Proof::Signature => {
                // A signature of the wider model is judged as a proof of a user's own is.
                let own =
                    |own: &(Coverage, Proved)| own.0.includes_body() && own.1.verified().is_some();
                self.signature.is_some() || self.custom.as_deref().is_some_and(own)
            }
            Proof::Custom(covers) => (self.custom.as_ref()).is_some_and(|own| own.0 == covers),
        }
    }

    /// What was verified, by the provider's signature or by a proof of the user's own.
    pub(crate) fn verified(&self) -> Option<&Verified> {
        let own = || self.custom.as_ref()?.1.verified();
        self.signature.as_ref().or_else(own)
    }

    /// The id that is proved, in the signature or by a proof of the user's own.
    pub(crate) fn proved_id(&self) -> Option<&str> {
        let own = || self.custom.as_ref()?.1.id.as_deref();
        let polled = || self.polled.as_ref()?.id.as_deref();
        self.signed_id().or_else(own).or_else(polled)
    }

    /// Whether what gives that id covers the body too, so that both belong together.
    pub(crate) fn id_covers_body(&self) -> bool {
        self.signed_id().is_some()
            || (self.custom.as_ref()).is_some_and(|own| own.0.includes_body())
            || (self.polled.as_ref()).is_some_and(|polled| polled.id.is_some())
    }

    fn signed_id(&self) -> Option<&str> {
        self.signature.as_ref()?.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_does_not_print() {
        let acme = Name::new("acme").unwrap();
        let mut auth = AuthState::none_yet(acme, ClockReadings::default());
        auth.secret_path = Some(ShownToken::of(b"3f9d1c0b7a5e").unwrap());
        auth.body = Some(Bytes::from_static(b"{\"iban\":\"DE89\"}"));
        let mark = Authenticated::by(auth);
        assert_eq!(
            format!("{mark:?}"),
            "Authenticated { provider: \"acme\", secret_path: Some([REDACTED]), client: None, \
             signature: None, custom: None, body_len: Some(15) }"
        );
    }
}
