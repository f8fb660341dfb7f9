#[cfg(feature = "senders")]
use crate::challenge::Challenge;
use crate::clock::Tolerance;
use crate::contract::SenderContract;
use crate::coverage::Coverage;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::{EventRule, Name};
#[cfg(feature = "senders")]
use crate::layer::Challenges;
use crate::path::PathTokens;
use crate::prove::{OwnProof, Prove};
use crate::runtime::{Confirm, ConfirmSubject, SharedConfirm};
use crate::signature::Verifier;
use crate::source::Allowlist;

/// A sender: its proof of origin, the key rule of its events and its delivery contract.
///
/// Each constructor takes a proof, so no provider is without one. More proofs can be added, and a
/// delivery must satisfy all of them.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::signature::{Component, Scheme, Verifier};
/// use tower_webhook::{
///     SenderContract, Encoding, Provider, Name, RetriedStatuses, RetrySchedule,
///     SigningSecret, Tolerance,
/// };
///
/// let scheme = Scheme::builder("x-acme-signature")
///     .pairs("t", "v1", Encoding::Hex)
///     .content([Component::Timestamp, Component::literal("."), Component::Body])
///     .build()?;
/// let secret = SigningSecret::from_text("acme-9f8e7d6c5b4a")?;
/// let rule = EventRule::members([Shape::new("event", ["/id"])?.fingerprint(["/data"])?])?;
/// let contract = SenderContract::new(
///     RetrySchedule::Exponential { first: Duration::from_secs(60), attempts: 8 },
///     RetriedStatuses::AllButSuccess,
/// );
/// let acme = Provider::signed(Name::new("acme")?, Verifier::new(scheme, secret), rule, contract);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) name: Name,
    pub(crate) tenant: Option<Name>,
    /// One of several hooks of the provider whose keys never coincide.
    pub(crate) hook: Option<&'static str>,
    pub(crate) contract: SenderContract,
    pub(crate) rule: EventRule,
    pub(crate) paths: Vec<PathTokens>,
    pub(crate) sources: Vec<Allowlist>,
    pub(crate) signature: Option<Verifier>,
    pub(crate) custom: Option<OwnProof>,
    pub(crate) confirms: Vec<SharedConfirm>,
    /// Whether content that no signature covers is trusted.
    pub(crate) unconfirmed: bool,
    /// The challenges that the sender sends before events flow.
    #[cfg(feature = "senders")]
    pub(crate) challenges: Vec<Challenge>,
}

impl Provider {
    fn new(name: Name, rule: EventRule, contract: SenderContract) -> Self {
        Self {
            name,
            tenant: None,
            hook: None,
            contract,
            rule,
            paths: Vec::new(),
            sources: Vec::new(),
            signature: None,
            custom: None,
            confirms: Vec::new(),
            unconfirmed: false,
            #[cfg(feature = "senders")]
            challenges: Vec::new(),
        }
    }

    /// A sender that signs its deliveries.
    ///
    /// If the signature covers a time, the contract takes it from the scheme.
    pub fn signed(
        name: Name,
        verifier: Verifier,
        rule: EventRule,
        contract: SenderContract,
    ) -> Self {
        Self {
            signature: Some(verifier),
            ..Self::new(name, rule, contract)
        }
        .learn_signed_time()
    }

    /// A sender that is identified by its source addresses alone.
    pub fn from_source(
        name: Name,
        allowlist: Allowlist,
        rule: EventRule,
        contract: SenderContract,
    ) -> Self {
        Self {
            sources: vec![allowlist],
            ..Self::new(name, rule, contract)
        }
    }

    /// A sender that is identified by a secret in the path alone.
    pub fn by_secret_path(
        name: Name,
        tokens: PathTokens,
        rule: EventRule,
        contract: SenderContract,
    ) -> Self {
        Self {
            paths: vec![tokens],
            ..Self::new(name, rule, contract)
        }
    }

    /// A sender that is identified by a proof of your own alone.
    ///
    /// If the proof [covers a time](Prove::signs_time), the contract takes it.
    pub fn proved_by(
        name: Name,
        proof: impl Prove,
        rule: EventRule,
        contract: SenderContract,
    ) -> Self {
        Self {
            custom: Some(OwnProof::new(proof)),
            ..Self::new(name, rule, contract)
        }
        .learn_signed_time()
    }

    /// Demands a proof of your own in addition to those already demanded.
    ///
    /// Of two proofs, the one that covers more determines the coverage and the proved id.
    ///
    /// ```
    /// use tower_webhook::provider::{self, stripe};
    ///
    /// // Of two secrets, both must have signed.
    /// let first = stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
    /// let second = provider::stripe(stripe::keys(["whsec_test_0a1b2c3d4e5f"])?);
    /// let both = provider::stripe(first).and_proved_by(second.verifier().expect("it signs").clone());
    /// # drop(both);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn and_proved_by(mut self, proof: impl Prove) -> Self {
        let proof = OwnProof::new(proof);
        self.custom = Some(match self.custom.take() {
            Some(first) => first.and(proof),
            None => proof,
        });
        self.learn_signed_time()
    }

    /// Also demands one of these source addresses. With several lists, the address must be on each.
    #[must_use]
    pub fn and_from_source(mut self, allowlist: Allowlist) -> Self {
        self.sources.push(allowlist);
        self
    }

    /// Also demands a secret in the path. With several sets, each must contain the token that ends
    /// the path: if they have none in common, nothing is accepted.
    #[must_use]
    pub fn and_by_secret_path(mut self, tokens: PathTokens) -> Self {
        self.paths.push(tokens);
        self
    }

    /// Queries whether an event is true before it is claimed. If several confirmations are added,
    /// all must agree.
    #[must_use]
    pub fn confirm(mut self, confirm: impl Confirm) -> Self {
        self.confirms.push(SharedConfirm::new(confirm));
        self
    }

    /// Like [`confirm`](Self::confirm), with one question for all deliveries about one subject.
    #[must_use]
    pub fn confirm_subject(mut self, confirm: impl ConfirmSubject) -> Self {
        self.confirms.push(SharedConfirm::by_subject(confirm));
        self
    }

    /// Answers this challenge of the sender in the layer, without a claim. The webhook does not
    /// build if an answer could be the signature of an event.
    #[cfg(feature = "senders")]
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// The headers in which a handshake carries a secret.
    #[cfg(feature = "senders")]
    pub(crate) fn brought_in(&self) -> Vec<http::HeaderName> {
        let headers = self.challenges.iter().map(Challenge::secret_header);
        headers.flatten().collect()
    }

    /// The challenges that the layers answer, if any.
    #[cfg(feature = "senders")]
    pub(crate) fn challenges(&self) -> Option<Challenges> {
        Challenges::of(&self.challenges, self.verifier().map(Verifier::keys))
    }

    /// Trusts the body of every delivery although the signature
    /// [does not cover it](crate::layer::Coverage::Id). Such a webhook builds only with this or a
    /// question that [confirms](Self::confirm) its events.
    ///
    /// Anyone who holds one delivery can then combine any other body with its signature. The key
    /// comes from the signed data, so the event runs once; fetch the object that it names, and
    /// trust only that.
    ///
    /// ```
    /// # #[cfg(feature = "senders")] {
    /// use tower_webhook::{MemoryStore, Webhook, provider};
    /// use tower_webhook::provider::mercado_pago;
    ///
    /// let keys = mercado_pago::keys(["a-secret-of-mercado-pago"])?;
    /// let unchecked = Webhook::new(provider::mercado_pago(keys)).store(MemoryStore::new());
    /// // Its signature covers the id and the time alone.
    /// assert!(unchecked.build().is_err());
    /// let keys = mercado_pago::keys(["a-secret-of-mercado-pago"])?;
    /// let provider = provider::mercado_pago(keys).without_confirmation();
    /// Webhook::new(provider).store(MemoryStore::new()).build()?;
    /// # }
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn without_confirmation(mut self) -> Self {
        self.unconfirmed = true;
        self
    }

    /// The proofs as the layers use them: a signature that is checked while the body arrives, and
    /// proofs that need the whole body.
    pub(crate) fn proofs(&self) -> (Option<Verifier>, Option<OwnProof>) {
        match &self.signature {
            Some(verifier) if verifier.judges_whole_body() => {
                let signed = OwnProof::new(verifier.clone());
                let own = self.custom.clone();
                (
                    None,
                    Some(own.map_or(signed.clone(), |own| signed.and(own))),
                )
            }
            signature => (signature.clone(), self.custom.clone()),
        }
    }

    /// Refuses a signature that does not cover the body if nothing else confirms the body, a key
    /// that is not made of covered data, and a challenge whose answer could sign an event.
    pub(crate) fn check_coverage(&self, asks_elsewhere: bool) -> Result<(), ConfigError> {
        let refused = |what: &'static str| Err(ConfigError::new(ConfigErrorKind::Proof, what));
        #[cfg(feature = "senders")]
        Challenges::check(&self.challenges, self.verifier().map(Verifier::scheme))?;
        #[cfg(feature = "senders")]
        if self.challenges.iter().any(Challenge::is_handshake) && self.demands_several() {
            return refused(
                "a handshake that brings a secret comes before any proof: demand another one once the \
                 secret is there, and until then a source address or a secret path",
            );
        }
        self.signature.iter().try_for_each(Verifier::check_keys)?;
        let signs_part = (self.signature.as_ref())
            .is_some_and(|verifier| verifier.scheme().covers() == Coverage::Id);
        let (_, own) = self.proofs();
        if !signs_part || own.is_some_and(|own| own.covers().includes_body()) {
            return Ok(());
        }
        if !self.rule.takes_signed_id() {
            return refused(
                "the signature does not cover the body: events are known by what it covers, by \
                 EventRule::signed_id",
            );
        }
        if self.confirms.is_empty() && !asks_elsewhere && !self.unconfirmed {
            return refused(
                "the signature does not cover the body: say by `confirm` how an event is asked for, \
                 or by `without_confirmation` that what it says is not believed",
            );
        }
        Ok(())
    }

    /// Whether a delivery needs more than one proof in addition to its address and path.
    #[cfg(feature = "senders")]
    fn demands_several(&self) -> bool {
        (self.custom.as_ref()).is_some_and(|own| self.signature.is_some() || own.is_several())
    }

    /// Separates this sender's events from those of the same sender's other accounts.
    #[must_use]
    pub fn tenant(mut self, tenant: Name) -> Self {
        self.tenant = Some(tenant);
        self
    }

    pub(super) fn hook(mut self, name: &'static str) -> Self {
        self.hook = Some(name);
        self
    }

    /// The sender's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The verifier of its signatures, if it signs: for tests, queues and other frameworks.
    pub fn verifier(&self) -> Option<&Verifier> {
        self.signature.as_ref()
    }

    /// The rule that identifies its events: for code without HTTP, which passes it what the
    /// [`verifier`](Self::verifier) has proved.
    ///
    /// ```
    /// use tower_webhook::provider::{self, stripe};
    /// use http::HeaderMap;
    /// use tower_webhook::UnixTime;
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let headers = HeaderMap::from_iter([(
    ///     "stripe-signature".parse()?,
    ///     "t=1777899600,v1=08325ebbc85e7149a1d118232b1f0e701c642b78ee160a831315049066d4c60b".parse()?,
    /// )]);
    /// let body = br#"{"id":"evt_1","object":"event","type":"charge.succeeded","created":1777899600,"data":{"object":{"id":"ch_1","amount":1500}}}"#;
    /// let now = UnixTime::from_secs(1_777_899_600);
    /// // The parts of a delivery that a queue stores: its headers and its body.
    /// let verified = stripe.verifier().ok_or("Stripe signs")?.verify(&headers, body, now)?;
    /// let event = stripe.rule().identify(stripe.name(), &headers, verified.id(), body)?;
    /// assert_eq!(event.key.to_string(), "evt_1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rule(&self) -> &EventRule {
        &self.rule
    }

    /// How the sender delivers.
    pub fn contract(&self) -> &SenderContract {
        &self.contract
    }

    /// Replaces the delivery contract, for a sender whose facts have changed.
    #[must_use]
    pub fn replace_contract(mut self, contract: SenderContract) -> Self {
        self.contract = contract;
        self.learn_signed_time()
    }

    /// Sets how long a captured delivery is fresh in the contract: the longest of the covered
    /// times. A signed time in the contract that the scheme does not cover is ignored.
    fn learn_signed_time(mut self) -> Self {
        let signed = self.signature.as_ref().and_then(|v| v.scheme().tolerance());
        let own = self.custom.as_ref().and_then(OwnProof::signs_time);
        let has_proof = self.signature.is_some() || self.custom.is_some();
        self.contract = match signed.max(own) {
            Some(tolerance) => self.contract.signs_time(tolerance),
            None if has_proof => self.contract.signs_no_time(),
            None => self.contract,
        };
        self
    }

    /// Accepts signed times within this tolerance of the local time, if the signature covers a
    /// time.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.signature = self.signature.map(|verifier| verifier.tolerance(tolerance));
        self.learn_signed_time()
    }

    /// Replaces the key rule of its events.
    #[must_use]
    pub fn replace_rule(mut self, rule: EventRule) -> Self {
        self.rule = rule;
        // Its keys are now like those of any other rule.
        self.hook = None;
        self
    }
}
