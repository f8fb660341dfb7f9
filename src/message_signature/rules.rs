use std::borrow::Cow;

use super::algorithm::MessageAlgorithm;
use super::candidate::Candidate;
use super::identifier::{Identifier, Source};
use super::target::Target;
use crate::asymmetric::PublicKeyAlgorithm;
use crate::clock::{Skew, Tolerance, UnixTime};
use crate::coverage::Coverage;
use crate::secret::SigningKey;

/// Selects the signatures of a message that count (RFC 9421): by algorithm and coverage.
///
/// Unless set otherwise, a signature must state when it was `created`, any label is accepted, and a message
/// with more than four signatures that may count is refused. A present `expires` is always checked.
///
/// ```
/// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures, PublicUrl, Scheme};
///
/// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519])
///     .covering(["@method", "@target-uri", "content-digest"])
///     .tag("webhook");
/// let scheme = Scheme::message_signatures(rules)
///     .public_url(PublicUrl::parse("https://shop.example/webhooks/acme")?)
///     .build()?;
/// # drop(scheme);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageSignatures {
    pub(super) algorithms: Vec<MessageAlgorithm>,
    covering: Option<Vec<Cow<'static, str>>>,
    /// The components of `covering`, after the check.
    demanded: Vec<Identifier>,
    pub(super) label: Option<Cow<'static, str>>,
    pub(super) tag: Option<Cow<'static, str>>,
    pub(super) created: bool,
    pub(super) expires: bool,
    pub(super) nonce: bool,
    pub(super) key_id: bool,
    pub(super) target: Option<Target>,
}

impl MessageSignatures {
    /// Signatures by one of these algorithms. Which one it is, the key says; where two take the same
    /// kind of key, the parameter `alg` does.
    pub fn new(algorithms: impl IntoIterator<Item = MessageAlgorithm>) -> Self {
        Self {
            algorithms: algorithms.into_iter().collect(),
            covering: None,
            demanded: Vec::new(),
            label: None,
            tag: None,
            created: true,
            expires: false,
            nonce: false,
            key_id: false,
            target: None,
        }
    }

    /// Demands that these components are covered.
    ///
    /// Each is a derived one (`@method`, `@target-uri`), a header (`content-digest`), or either
    /// with its parameters as they are signed (`"@query-param";name="id"`). A signature may cover
    /// more.
    ///
    /// Without `content-digest` or `repr-digest` the body is not proved.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::HmacSha256])
    ///     .covering(["@method", "content-digest", r#""@query-param";name="tenant""#]);
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn covering<T: Into<Cow<'static, str>>>(
        mut self,
        components: impl IntoIterator<Item = T>,
    ) -> Self {
        let covering = self.covering.get_or_insert_default();
        covering.extend(components.into_iter().map(Into::into));
        self
    }

    /// Accepts only the signature with this label.
    ///
    /// Set it, or the [tag](Self::tag), if proxies also sign and keys come from a
    /// [`KeySource`](crate::keys::KeySource): such a message is checked with the key that its first
    /// signature names.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).label("sig1");
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Accepts only signatures with this `tag`.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Demands `expires`.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).expires();
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn expires(mut self) -> Self {
        self.expires = true;
        self
    }

    /// Allows signatures without `created`. A captured message is then fresh until its `expires`,
    /// or for ever.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).without_created().expires();
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn without_created(mut self) -> Self {
        self.created = false;
        self
    }

    /// Demands `keyid`. A present `keyid` names the key in any case.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).names_key();
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn names_key(mut self) -> Self {
        self.key_id = true;
        self
    }

    /// Demands `nonce`, which is the delivery's id.
    ///
    /// ```
    /// use tower_webhook::signature::{MessageAlgorithm, MessageSignatures};
    ///
    /// let rules = MessageSignatures::new([MessageAlgorithm::Ed25519]).nonce_is_id();
    /// # drop(rules);
    /// ```
    #[must_use]
    pub fn nonce_is_id(mut self) -> Self {
        self.nonce = true;
        self
    }

    /// The checked rules for a sender that was given this URL.
    pub(crate) fn checked(&self, url: Option<&str>) -> Result<Self, Cow<'static, str>> {
        if self.algorithms.is_empty() {
            return Err("a message signature needs an algorithm".into());
        }
        let Some(covering) = &self.covering else {
            return Err("say what a message signature must cover".into());
        };
        let mut demanded = Vec::new();
        for text in covering {
            let Some(identifier) = Identifier::parse(text) else {
                return Err(format!("{text:?} is no component that a request can sign").into());
            };
            demanded.push(identifier);
        }
        if demanded.iter().any(|it| it.source == Source::Trailer) {
            return Err("trailers are not kept: they cannot be demanded".into());
        }
        let target = url.and_then(Target::of);
        let of_url = [Source::TargetUri, Source::Authority, Source::Scheme];
        if target.is_none() && demanded.iter().any(|it| of_url.contains(&it.source)) {
            return Err("the public URL is signed: say which it is".into());
        }
        Ok(Self {
            demanded,
            target,
            ..self.clone()
        })
    }

    pub(super) fn demanded(&self) -> &[Identifier] {
        &self.demanded
    }

    /// Whether this header must be covered as it is written: neither a single member of it nor its
    /// value as a structured field, which has more than one spelling.
    pub(crate) fn demands_header(&self, name: &http::HeaderName) -> bool {
        let is_it = |it: &Identifier| match &it.source {
            Source::Field(other, form) => other == name && form.is_literal(),
            _ => false,
        };
        self.demanded.iter().any(is_it)
    }

    /// The coverage of a signature that counts.
    pub(crate) fn covers(&self) -> Coverage {
        let demands = |source: &Source| self.demanded.iter().any(|it| it.source == *source);
        let url = demands(&Source::TargetUri)
            || demands(&Source::RequestTarget)
            || (demands(&Source::Path) && demands(&Source::Query));
        match self.demanded.iter().any(Identifier::is_digest) {
            true if url && demands(&Source::Method) => Coverage::Request,
            true => Coverage::Body,
            false if self.nonce => Coverage::Id,
            false => Coverage::Connection,
        }
    }

    /// Whether it covers a time.
    pub(crate) fn is_timed(&self) -> bool {
        self.created || self.expires
    }

    /// Whether one of its algorithms can use this key.
    pub(crate) fn takes(&self, key: &SigningKey) -> bool {
        self.algorithms.iter().any(|algorithm| algorithm.takes(key))
    }

    /// The signature algorithm, if it uses a private key.
    pub(crate) fn public_key_algorithm(&self) -> Option<PublicKeyAlgorithm> {
        self.algorithms
            .iter()
            .find_map(|algorithm| algorithm.public())
    }

    /// The id in a signature, if the rules use it.
    pub(crate) fn id<'c>(&self, candidate: &'c Candidate) -> Option<&'c str> {
        candidate.nonce.as_deref().filter(|_| self.nonce)
    }

    /// Whether this key made this signature.
    pub(crate) fn signed_by(&self, key: &SigningKey, candidate: &Candidate) -> bool {
        let named = candidate.algorithm.as_deref();
        let mut fit = (self.algorithms.iter())
            .filter(|it| named.is_none_or(|name| name == it.name()) && it.takes(key));
        fit.any(|algorithm| algorithm.verify(key, &candidate.base, &candidate.signature))
    }

    /// Judges the times of a signature that is right.
    pub(crate) fn fresh(
        &self,
        candidate: &Candidate,
        tolerance: Tolerance,
        now: UnixTime,
    ) -> Result<(), Skew> {
        if let Some(created) = candidate.created {
            tolerance.check(created, now)?;
        }
        match candidate.expires.map(|end| tolerance.check(end, now)) {
            Some(Err(skew @ Skew::Old(_))) => Err(skew),
            _ => Ok(()),
        }
    }
}
