//! The building blocks of the senders' files.

pub(super) use std::time::Duration;

pub(super) use crate::clock::Tolerance;

pub(super) use super::facts::{Confidence, SenderFacts};
pub(super) use http::Method;

pub(super) use crate::challenge::{Challenge, ChallengeAnswer, ChallengeText, Handshake};
#[cfg(feature = "gzip")]
pub(super) use crate::contract::SignedForm;
pub(super) use crate::contract::{
    FailureShare, RetriedStatuses, RetrySchedule, SenderContract, SuccessAnswer,
};
pub(super) use crate::digest::Digest;
pub(super) use crate::encoding::Encoding;
pub(super) use crate::error::ConfigError;
pub(super) use crate::event::{EventRule, KnownShape, Name};
pub(super) use crate::provider::Provider;
pub(super) use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key};
pub(super) use crate::signature::{
    Algorithm, Component, Demand, Place, PublicUrl, Scheme, TimeFormat, Verifier,
};

#[cfg(feature = "asymmetric")]
pub(super) use crate::certificate::{CertificateMatch, CertificateProof};
#[cfg(feature = "asymmetric")]
pub(super) use crate::keys::{CertificateUrl, KeyDocument};
#[cfg(feature = "asymmetric")]
pub(super) use crate::signature::{Curve, EcdsaForm, KeyKind, PublicKeyAlgorithm, PublicKeyFormat};

#[cfg(feature = "jwt")]
pub(super) use crate::signature::{Jws, JwsAlgorithm};

/// A function `keys` that reads this sender's secrets, which are text unless stated otherwise.
macro_rules! keys {
    ($provider:literal, $what:literal) => {
        keys!($provider, $what, SecretFormat::Text, &[]);
    };
    ($provider:literal, $what:literal, $format:expr, $not_issued:expr) => {
        #[doc = concat!(
            $what,
            ", named `1`, `2` and so on in their order unless they [bring a name](NamedSecret)."
        )]
        ///
        /// # Errors
        ///
        /// As [`KeyRing::parse`].
        pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
        where
            I: IntoIterator,
            I::Item: NamedSecret,
        {
            KeyRing::of_provider($provider, &$format, $not_issued, secrets)
        }
    };
}
pub(super) use keys;

/// Deliveries that this crate did not make, which the tests try with all senders. An omitted member
/// is that of `Vector::USUAL`.
macro_rules! vectors {
    ($({ $($member:tt)* })*) => {
        #[cfg(test)]
        #[allow(clippy::needless_update)]
        pub(super) const VECTORS: &[super::tests::Vector] = &[
            $(super::tests::Vector { $($member)* ..super::tests::Vector::USUAL }),*
        ];
    };
}
pub(super) use vectors;

/// The same for senders that show a certificate, and whose deliveries contain no proof.
#[cfg(feature = "asymmetric")]
macro_rules! certified {
    ($($vector:tt)*) => {
        #[cfg(test)]
        pub(super) const VECTORS: &[super::tests::Vector] = &[];

        #[cfg(test)]
        pub(super) const CERTIFIED: &[super::tests::Certified] = &[$(super::tests::Certified $vector),*];
    };
}
#[cfg(feature = "asymmetric")]
pub(super) use certified;

/// The proof for the one certificate with this SHA-256.
#[cfg(feature = "asymmetric")]
pub(super) fn known_by(sha256: &str) -> Result<CertificateProof, ConfigError> {
    CertificateProof::of([CertificateMatch::sha256(sha256)?])
}

pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

pub(super) const fn hours(count: u64) -> Duration {
    Duration::from_secs(3_600 * count)
}

/// A tolerance of this many seconds in both directions, which must be an allowed one.
pub(super) fn tolerance(seconds: u64) -> Tolerance {
    Tolerance::from_secs(seconds).unwrap_or_default()
}

/// Retries at unknown times and of unknown number: the first as soon as half a minute later, the
/// last within this time.
pub(super) fn retries_for(horizon: Duration) -> RetrySchedule {
    RetrySchedule::Unstated {
        interval: seconds(30),
        horizon,
    }
}

/// The statuses that any sender treats as a failure.
pub(super) fn server_errors() -> RetriedStatuses {
    RetriedStatuses::server_errors_and(&[])
}

/// A sender whose deliveries are proved by its scheme with these keys.
pub(super) fn signed(
    name: Name,
    scheme: Scheme,
    keys: impl Into<KeyRing>,
    rule: EventRule,
    contract: SenderContract,
) -> Provider {
    Provider::signed(name, Verifier::new(scheme, keys), rule, contract)
}

/// A sender in the format of the Standard Webhooks specification, with headers of these families.
pub(super) fn framed(
    name: Name,
    [first, second]: [&str; 2],
    secrets: SecretFormat,
    keys: impl Into<KeyRing>,
    contract: SenderContract,
) -> Provider {
    let dot = || Component::literal(".");
    let builder = Scheme::builder(format!("{first}-signature"))
        .timestamp_header(format!("{first}-timestamp"))
        .id_header(format!("{first}-id"));
    let builder = match second.is_empty() {
        true => builder,
        false => builder
            .or_family(format!("{second}-signature"))
            .timestamp_header(format!("{second}-timestamp"))
            .id_header(format!("{second}-id")),
    };
    let content = [
        Component::Id,
        dot(),
        Component::Timestamp,
        dot(),
        Component::Body,
    ];
    let scheme = builder
        .list("v1,", Encoding::Base64)
        .content(content)
        .secrets(secrets)
        .known();
    signed(name, scheme, keys, EventRule::signed_id(), contract)
}

/// `{time}.{body}`, or with another separator.
pub(super) fn time_and_body(between: &'static str) -> [Component; 3] {
    [
        Component::Timestamp,
        Component::literal(between),
        Component::Body,
    ]
}

/// Keys an event on one member of the body, the sender's own id. A body without it is identified by
/// its digest, because an unknown shape must not be lost.
pub(super) fn by_id(pointer: &'static str) -> EventRule {
    let event = KnownShape::new("event", [pointer]).own_id().when(pointer);
    EventRule::known([event]).or_body("event")
}

/// Makes each item of the list at this pointer an event; a body without a list is identified by its
/// digest.
pub(super) fn each(list: &str, item: EventRule) -> EventRule {
    let rule = EventRule::body().or_each(list, item);
    debug_assert!(rule.is_ok(), "{list}");
    rule.unwrap_or_else(|_| EventRule::body())
}

/// Keys an event on these members together; a body without one of them is identified by its digest.
pub(super) fn by_members<const N: usize>(pointers: [&'static str; N]) -> EventRule {
    let mut event = KnownShape::new("event", pointers);
    for pointer in pointers {
        event = event.when(pointer);
    }
    EventRule::known([event]).or_body("event")
}
