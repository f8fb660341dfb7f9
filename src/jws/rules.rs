use std::borrow::Cow;

use super::algorithm::JwsAlgorithm;
use super::token::Token;
use crate::asymmetric::PublicKeyAlgorithm;
use crate::coverage::Coverage;
use crate::encoding::Encoding;
use crate::secret::SigningKey;

/// The rules for a sender's token: its algorithms and claims.
///
/// ```
/// use tower_webhook::Encoding;
/// use tower_webhook::signature::{Jws, JwsAlgorithm, Place, Scheme};
///
/// // Plaid's rules.
/// let token = Jws::new([JwsAlgorithm::Es256])
///     .key_by_kid()
///     .body_hash("request_body_sha256", Encoding::Hex)
///     .issued_at();
/// let scheme = Scheme::jws(Place::header("Plaid-Verification"), token).build()?;
/// # drop(scheme);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Jws {
    pub(super) algorithms: Vec<JwsAlgorithm>,
    pub(super) key_by: KeyBy,
    pub(super) payload: Payload,
    pub(super) listed: Option<Cow<'static, str>>,
    pub(super) body_hash: Option<(Cow<'static, str>, Encoding)>,
    pub(super) url_hash: Option<Cow<'static, str>>,
    pub(super) equal: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub(super) demanded: Vec<Cow<'static, str>>,
    pub(super) id: Option<Cow<'static, str>>,
    pub(super) issued_at: bool,
    pub(super) expires: bool,
}

/// The place of the key's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyBy {
    Nothing,
    Kid,
    Claim(Cow<'static, str>),
}

/// The signed payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// Claims, inside the token.
    Claims,
    /// The scheme's content, which the token omits.
    Detached,
}

impl Jws {
    /// A token of claims, signed by one of these algorithms.
    pub fn new(algorithms: impl IntoIterator<Item = JwsAlgorithm>) -> Self {
        Self {
            algorithms: algorithms.into_iter().collect(),
            key_by: KeyBy::Nothing,
            payload: Payload::Claims,
            listed: None,
            body_hash: None,
            url_hash: None,
            equal: Vec::new(),
            demanded: Vec::new(),
            id: None,
            issued_at: false,
            expires: false,
        }
    }

    /// The token omits its payload, which is the scheme's content: the body unless set.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm, Place, Scheme};
    ///
    /// // Fireblocks' rules.
    /// let token = Jws::new([JwsAlgorithm::Rs512]).key_by_kid().detached();
    /// let scheme = Scheme::jws(Place::header("Fireblocks-Webhook-Signature"), token).build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.payload = Payload::Detached;
        self
    }

    /// This member of the token's header lists the signed request headers, separated by commas.
    ///
    /// [`Component::ListedHeaders`](crate::signature::Component) sets their place in the content.
    ///
    /// ```
    /// use tower_webhook::signature::{Component, Jws, JwsAlgorithm, Place, Scheme};
    ///
    /// // TrueLayer's rules.
    /// let token = Jws::new([JwsAlgorithm::Es512]).key_by_kid().detached().headers_listed_by("tl_headers");
    /// let scheme = Scheme::jws(Place::header("Tl-Signature"), token)
    ///     .content([
    ///         Component::Method,
    ///         Component::literal(" "),
    ///         Component::Path,
    ///         Component::literal("\n"),
    ///         Component::ListedHeaders,
    ///         Component::Body,
    ///     ])
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn headers_listed_by(mut self, member: impl Into<Cow<'static, str>>) -> Self {
        self.listed = Some(member.into());
        self
    }

    /// The member `kid` of the header names the key.
    #[must_use]
    pub fn key_by_kid(mut self) -> Self {
        self.key_by = KeyBy::Kid;
        self
    }

    /// This claim names the key. It is read before anything is proved, and only selects among the
    /// receiver's own keys.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm};
    ///
    /// // LiveKit names its API key.
    /// let token = Jws::new([JwsAlgorithm::Hs256]).key_by_claim("iss");
    /// # drop(token);
    /// ```
    #[must_use]
    pub fn key_by_claim(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.key_by = KeyBy::Claim(claim.into());
        self
    }

    /// This claim is the SHA-256 of the body, in this encoding.
    #[must_use]
    pub fn body_hash(mut self, claim: impl Into<Cow<'static, str>>, spelled: Encoding) -> Self {
        self.body_hash = Some((claim.into(), spelled));
        self
    }

    /// This claim is the SHA-256 of the public URL, in hex.
    ///
    /// ```
    /// use tower_webhook::Encoding;
    /// use tower_webhook::signature::{Jws, JwsAlgorithm, Place, PublicUrl, Scheme};
    ///
    /// let token = Jws::new([JwsAlgorithm::Hs256])
    ///     .body_hash("payload_hash", Encoding::Hex)
    ///     .url_hash("url_hash");
    /// let scheme = Scheme::jws(Place::header("x-jwt"), token)
    ///     .public_url(PublicUrl::parse("https://example.com/hooks")?)
    ///     .build()?;
    /// # drop(scheme);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn url_hash(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.url_hash = Some(claim.into());
        self
    }

    /// This claim has this value, or is a list that contains it.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm};
    ///
    /// let token = Jws::new([JwsAlgorithm::Hs256]).claim("iss", "netlify");
    /// # drop(token);
    /// ```
    #[must_use]
    pub fn claim(
        mut self,
        claim: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.equal.push((claim.into(), text.into()));
        self
    }

    /// This claim must be present.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm};
    ///
    /// let token = Jws::new([JwsAlgorithm::Hs256]).demands("jti");
    /// # drop(token);
    /// ```
    #[must_use]
    pub fn demands(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.demanded.push(claim.into());
        self
    }

    /// This claim is the delivery's id.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm};
    ///
    /// let token = Jws::new([JwsAlgorithm::Rs256]).id("event_id");
    /// # drop(token);
    /// ```
    #[must_use]
    pub fn id(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.id = Some(claim.into());
        self
    }

    /// `iat` must be present, and within the scheme's tolerance.
    #[must_use]
    pub fn issued_at(mut self) -> Self {
        self.issued_at = true;
        self
    }

    /// `exp` must be present. A present `exp` or `nbf` is always checked, with the scheme's
    /// tolerance or five minutes, whichever is less.
    ///
    /// ```
    /// use tower_webhook::signature::{Jws, JwsAlgorithm};
    ///
    /// let token = Jws::new([JwsAlgorithm::Hs256]).expires();
    /// # drop(token);
    /// ```
    #[must_use]
    pub fn expires(mut self) -> Self {
        self.expires = true;
        self
    }

    /// Whether it covers a time.
    pub(crate) fn is_timed(&self) -> bool {
        self.issued_at || self.expires
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.payload == Payload::Detached
    }

    pub(crate) fn reads_url(&self) -> bool {
        self.url_hash.is_some()
    }

    /// The coverage of the claims.
    pub(crate) fn covers(&self, is_body: bool) -> Coverage {
        match self.body_hash.is_some() || is_body {
            true => Coverage::Body,
            false => Coverage::Connection,
        }
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

    /// Refuses rules that state nothing, or contradict each other.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.algorithms.is_empty() {
            return Err("a JWS needs an algorithm");
        }
        let claims = self.body_hash.is_some()
            || self.url_hash.is_some()
            || self.id.is_some()
            || self.is_timed()
            || !self.equal.is_empty()
            || !self.demanded.is_empty()
            || matches!(self.key_by, KeyBy::Claim(_));
        match self.is_detached() && claims {
            true => Err("a JWS without its payload holds no claims"),
            false => Ok(()),
        }
    }

    /// The name of the key in a token.
    pub(crate) fn key_name(&self, token: &Token<'_>) -> Option<String> {
        match &self.key_by {
            KeyBy::Nothing => None,
            KeyBy::Kid => token.says.kid.clone(),
            KeyBy::Claim(claim) => token.claims()?.get(&**claim)?.as_str().map(str::to_owned),
        }
    }

    /// The headers that a token lists; empty if the rules define no list.
    pub(crate) fn listed(&self, token: &Token<'_>) -> Option<String> {
        match &self.listed {
            Some(member) => token.member(member),
            None => Some(String::new()),
        }
    }

    /// Whether a token lists the signed headers.
    pub(crate) fn lists_headers(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether a token must name its key.
    pub(crate) fn names_key(&self) -> bool {
        self.key_by != KeyBy::Nothing
    }
}
