use crate::clock::Tolerance;
use crate::delivery::DeliveryProfile;
use crate::event::{EventRule, ProviderName};
use crate::layer::{Confirm, ConfirmSubject, SharedConfirm};
use crate::path::PathTokens;
use crate::signature::Verifier;
use crate::source::Allowlist;

/// A sender: how it proves its origin, how its events are told apart and how it delivers.
///
/// There is a constructor for each proof, so that no provider is without one; more can be added,
/// and all are then demanded.
///
/// ```
/// use std::time::Duration;
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::signature::{Piece, Scheme, Verifier};
/// use tower_webhook::{
///     DeliveryProfile, Encoding, Provider, ProviderName, RetriedStatuses, RetrySchedule,
///     SigningSecret, Tolerance,
/// };
///
/// let scheme = Scheme::builder("x-acme-signature")
///     .pairs("t", "v1", Encoding::Hex)
///     .content([Piece::Timestamp, Piece::Literal("."), Piece::Body])
///     .build()?;
/// let secret = SigningSecret::from_text("acme-9f8e7d6c5b4a")?;
/// let rule = EventRule::members([Shape::new("event", ["/id"])?.fingerprint(["/data"])?])?;
/// let profile = DeliveryProfile::new(
///     RetrySchedule::Doubling { first: Duration::from_secs(60), attempts: 8 },
///     RetriedStatuses::AllButSuccess,
/// );
/// let acme = Provider::signed(ProviderName::new("acme")?, Verifier::new(scheme, secret), rule, profile);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) name: ProviderName,
    pub(crate) tenant: Option<ProviderName>,
    /// One of several hooks of the provider whose keys are never alike.
    pub(crate) hook: Option<&'static str>,
    pub(crate) profile: DeliveryProfile,
    pub(crate) rule: EventRule,
    pub(crate) path: Option<PathTokens>,
    pub(crate) source: Option<Allowlist>,
    pub(crate) signature: Option<Verifier>,
    pub(crate) confirms: Vec<SharedConfirm>,
}

impl Provider {
    fn new(name: ProviderName, rule: EventRule, profile: DeliveryProfile) -> Self {
        Self {
            name,
            tenant: None,
            hook: None,
            profile,
            rule,
            path: None,
            source: None,
            signature: None,
            confirms: Vec::new(),
        }
    }

    /// A sender that signs its deliveries.
    ///
    /// Where the signature covers a time, the profile learns it from the scheme.
    pub fn signed(
        name: ProviderName,
        verifier: Verifier,
        rule: EventRule,
        profile: DeliveryProfile,
    ) -> Self {
        let profile = match verifier.scheme().tolerance() {
            Some(tolerance) => profile.with_signed_time(tolerance),
            None => profile,
        };
        Self {
            signature: Some(verifier),
            ..Self::new(name, rule, profile)
        }
    }

    /// A sender that is known by its source addresses alone.
    pub fn from_source(
        name: ProviderName,
        allowlist: Allowlist,
        rule: EventRule,
        profile: DeliveryProfile,
    ) -> Self {
        Self {
            source: Some(allowlist),
            ..Self::new(name, rule, profile)
        }
    }

    /// A sender that is known by a secret in the path alone.
    pub fn by_secret_path(
        name: ProviderName,
        tokens: PathTokens,
        rule: EventRule,
        profile: DeliveryProfile,
    ) -> Self {
        Self {
            path: Some(tokens),
            ..Self::new(name, rule, profile)
        }
    }

    /// Demands one of these source addresses too.
    #[must_use]
    pub fn and_from_source(mut self, allowlist: Allowlist) -> Self {
        self.source = Some(allowlist);
        self
    }

    /// Demands a secret in the path too.
    #[must_use]
    pub fn and_by_secret_path(mut self, tokens: PathTokens) -> Self {
        self.path = Some(tokens);
        self
    }

    /// Asks whether an event is true before it is claimed. Where it is asked more than once, all
    /// must agree.
    #[must_use]
    pub fn confirm(mut self, confirm: impl Confirm) -> Self {
        self.confirms.push(SharedConfirm::new(confirm));
        self
    }

    /// The same, with one question for all deliveries about one subject.
    #[must_use]
    pub fn confirm_subject(mut self, confirm: impl ConfirmSubject) -> Self {
        self.confirms.push(SharedConfirm::by_subject(confirm));
        self
    }

    /// Keeps this sender's events apart from those of the same sender's other accounts.
    #[must_use]
    pub fn tenant(mut self, tenant: ProviderName) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Keys every body on its content alone, where the provider keys some on an id that nothing
    /// covers. See [`EventRule::key_on_content_alone`].
    #[must_use]
    pub fn key_on_content_alone(mut self) -> Self {
        self.rule = self.rule.key_on_content_alone();
        self
    }

    pub(super) fn hook(mut self, name: &'static str) -> Self {
        self.hook = Some(name);
        self
    }

    /// The sender's name.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// What verifies its signatures, where it signs: for tests, queues and other frameworks.
    pub fn verifier(&self) -> Option<&Verifier> {
        self.signature.as_ref()
    }

    /// How the sender delivers.
    pub fn profile(&self) -> &DeliveryProfile {
        &self.profile
    }

    /// Replaces how the sender delivers, where its facts have changed.
    #[must_use]
    pub fn with_profile(mut self, profile: DeliveryProfile) -> Self {
        self.profile = match self.signature.as_ref().and_then(|v| v.scheme().tolerance()) {
            Some(tolerance) => profile.with_signed_time(tolerance),
            None => profile,
        };
        self
    }

    /// Accepts signed times this far from ours, where the signature covers a time.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.signature = self
            .signature
            .map(|verifier| verifier.with_tolerance(tolerance));
        let profile = self.profile.clone();
        self.with_profile(profile)
    }

    /// Replaces the rule that tells its events apart.
    #[must_use]
    pub fn with_rule(mut self, rule: EventRule) -> Self {
        self.rule = rule;
        // Its keys are like any other's now.
        self.hook = None;
        self
    }
}
