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
    /// The user's own proof, with what it covers; only a [`Webhook`](crate::Webhook) can demand
    /// one.
    Custom(Coverage),
}

/// The findings of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proved {
    verified: Option<Verified>,
    id: Option<Box<str>>,
}

impl Proved {
    /// Proves the origin, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an id of the event that is proved as well: for
    /// [`EventRule::signed_id`](crate::event::EventRule::signed_id).
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// The verified signature, if the proof is made of a [`Verifier`](crate::signature::Verifier).
    pub(crate) fn verified(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }

    /// The proved id.
    pub(crate) fn proved_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Combines this with another proof's findings. The other verified signature counts if this one
    /// has none, and so does the other id if its proof covers as much.
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
/// Only the gates of this crate make it, and put it in the request's extensions. All later steps
/// demand it, so that nothing unproved is ever claimed, queued or handed to an extractor.
/// Clones share it.
#[derive(Clone)]
pub struct Authenticated {
    auth: Arc<AuthState>,
    body: Option<Bytes>,
}

impl Authenticated {
    /// Marks a delivery with its proofs.
    pub(crate) fn by(mut auth: AuthState) -> Self {
        Self {
            body: auth.body.take(),
            auth: Arc::new(auth),
        }
    }

    /// Marks a delivery with its proofs and its body, which are stored separately because the
    /// proofs are needed for longer.
    pub(crate) fn of(auth: &Arc<AuthState>, body: Option<Bytes>) -> Self {
        Self {
            auth: Arc::clone(auth),
            body,
        }
    }

    /// Its proofs, for adding more.
    pub(crate) fn into_proofs(self) -> AuthState {
        let mut auth = Arc::unwrap_or_clone(self.auth);
        auth.body = self.body;
        auth
    }

    /// The provider whose delivery it is.
    pub fn provider(&self) -> &Name {
        &self.auth.provider
    }

    /// Whether this proof was passed.
    pub fn proves(&self, proof: Proof) -> bool {
        self.auth.include(proof)
    }

    /// The coverage of the strongest proof that was passed.
    pub fn covers(&self) -> Coverage {
        let own = self.auth.custom.as_ref().map(|own| own.0);
        let signed = self.auth.signature.as_ref().map(|_| Coverage::Body);
        (own.into_iter().chain(signed))
            .max_by_key(|covers| covers.rank())
            .unwrap_or(Coverage::Connection)
    }

    /// The client's address, if the allowlist checked it.
    pub fn client(&self) -> Option<IpAddr> {
        self.auth.client
    }

    /// The facts that the signature proves: the provider's, or one that the user's own proof has
    /// verified.
    pub fn signature(&self) -> Option<&Verified> {
        self.auth.verified()
    }

    /// The proved body: the bytes that were signed, or that arrived from the proved address or
    /// path.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }
}

impl fmt::Debug for Authenticated {
    /// A body may hold data that does not belong in a log: only its length is shown.
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

/// An event that was found by querying its sender, without a delivery.
#[derive(Debug, Clone)]
pub(crate) struct Polled {
    /// The id that the sender would have signed.
    pub(crate) id: Option<Box<str>>,
    /// Whether the sender's answer is the same one that a confirmation would request.
    pub(crate) is_confirmed: bool,
}

/// The proofs of a delivery so far; once a gate lets it through, they become an [`Authenticated`].
#[derive(Clone)]
pub(crate) struct AuthState {
    pub(crate) readings: ClockReadings,
    /// Whether an outer gate belongs to another provider.
    pub(crate) is_foreign: bool,
    pub(crate) provider: Name,
    pub(crate) secret_path: Option<ShownToken>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) signature: Option<Verified>,
    /// Boxed, like everything that most deliveries do without.
    pub(crate) custom: Option<Box<(Coverage, Proved)>>,
    /// Set if no delivery brought the event. Also boxed.
    pub(crate) polled: Option<Box<Polled>>,
    pub(crate) body: Option<Bytes>,
    /// The request, if a journal records it.
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

    /// Takes the proofs of outer gates out of the request and adds them. Most requests have no mark.
    #[inline]
    pub(crate) fn take(&mut self, extensions: &mut Extensions) {
        if let Some(mark) = extensions.remove::<Authenticated>() {
            self.add(mark);
        }
    }

    /// Adds the proofs of outer gates, or notes that they belong to another provider.
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
                // A signature of the wider model is judged like a user's own proof.
                let own =
                    |own: &(Coverage, Proved)| own.0.includes_body() && own.1.verified().is_some();
                self.signature.is_some() || self.custom.as_deref().is_some_and(own)
            }
            Proof::Custom(covers) => (self.custom.as_ref()).is_some_and(|own| own.0 == covers),
        }
    }

    /// The verified signature, of the provider or of the user's own proof.
    pub(crate) fn verified(&self) -> Option<&Verified> {
        let own = || self.custom.as_ref()?.1.verified();
        self.signature.as_ref().or_else(own)
    }

    /// The proved id, from the signature or the user's own proof.
    pub(crate) fn proved_id(&self) -> Option<&str> {
        let own = || self.custom.as_ref()?.1.id.as_deref();
        let polled = || self.polled.as_ref()?.id.as_deref();
        self.signed_id().or_else(own).or_else(polled)
    }

    /// Whether the proof of that id covers the body too, so that both belong together.
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
