//! The keys in use for one provider.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::{KeyId, NamedSecret, NotIssued, SecretFormat, Secrets, SigningSecret, refused};
use crate::clock::UnixTime;
use crate::error::ConfigError;

/// A secret with a name and, during a roll-over, the time it ends.
#[derive(Debug, Clone)]
pub struct SigningKey {
    id: KeyId,
    secret: SigningSecret,
    expires_at: Option<UnixTime>,
}

impl SigningKey {
    /// A key that does not expire.
    pub fn new(id: impl Into<KeyId>, secret: SigningSecret) -> Self {
        Self {
            id: id.into(),
            secret,
            expires_at: None,
        }
    }

    /// The same key, refused from this moment on.
    #[must_use]
    pub fn expires_at(mut self, moment: UnixTime) -> Self {
        self.expires_at = Some(moment);
        self
    }

    /// The key's name.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn secret(&self) -> &SigningSecret {
        &self.secret
    }

    pub(crate) fn is_active(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The keys in use for one provider; clones share them.
///
/// During a roll-over the old and the new secret are both in the ring. [`KeyRing::replace`] swaps
/// the keys of a running receiver; a delivery under way goes on with those it started with.
///
/// ```
/// use tower_webhook::{KeyRing, SigningKey, SigningSecret, UnixTime};
///
/// let old = SigningSecret::from_text("whsec_test_the_old_one")?;
/// let new = SigningSecret::from_text("whsec_test_the_new_one")?;
/// let ring = KeyRing::new([
///     SigningKey::new("2026-06", new.clone()),
///     SigningKey::new("2026-05", old).expires_at(UnixTime::from_secs(1_782_864_000)),
/// ])?;
/// // Later, when the old one has fallen silent:
/// ring.replace([SigningKey::new("2026-06", new)])?;
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Arc<[SigningKey]>>>);

/// A body is hashed once for each active key: more keys than this is work for strangers to cause.
const MAX_KEYS: usize = 8;

impl KeyRing {
    /// A ring of these keys.
    ///
    /// # Errors
    ///
    /// No key, more than eight, or two of the same name.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(RwLock::new(checked(keys)?))))
    }

    /// A ring of secrets in the given format, named `1`, `2` and so on in their order, or as they
    /// are [named](NamedSecret) themselves.
    ///
    /// # Errors
    ///
    /// As [`KeyRing::new`] and [`SecretFormat::parse`]; the text names the secret's position.
    pub fn parse<I>(format: &SecretFormat, secrets: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: NamedSecret,
    {
        Self::parse_of(format, &[], secrets)
    }

    /// A ring of the secrets that a variable of the environment lists, each of which is the key
    /// itself, with its prefix: `SECRETS=whsec_…`, or `SECRETS=2026-06:whsec_…,2026-05:whsec_…` with
    /// names. A comma or a line break separates them; see [`Secrets`].
    ///
    /// The `keys` of a preset know more of what its sender issues, and the formats of those whose
    /// secrets are not the key itself: they take `Secrets::from_env(…)?` too.
    ///
    /// ```
    /// use tower_webhook::KeyRing;
    ///
    /// let error = KeyRing::from_env("ACME_WEBHOOK_SECRETS").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "signing secret ACME_WEBHOOK_SECRETS: the environment has no variable of this name: \
    ///      set it to the sender's secret",
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Secrets::from_env`] and [`KeyRing::parse`].
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        Self::parse(&SecretFormat::Text, Secrets::from_env(variable)?)
    }

    /// The same for this sender, which issues no such secrets.
    pub(crate) fn of_provider<I>(
        provider: &'static str,
        format: &SecretFormat,
        not_issued: &[NotIssued],
        secrets: I,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: NamedSecret,
    {
        Self::parse_of(format, not_issued, secrets).map_err(|error| error.of_provider(provider))
    }

    fn parse_of<I>(
        format: &SecretFormat,
        not_issued: &[NotIssued],
        secrets: I,
    ) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: NamedSecret,
    {
        let mut setting = None;
        let keys: Result<Vec<_>, _> = (1..)
            .zip(secrets)
            .map(|(position, named): (u32, _)| {
                let text = named.text();
                setting = named.setting().map(str::to_owned);
                let secret = match not_issued.iter().find_map(|why| why(text)) {
                    Some(what) => Err(refused(what)),
                    None => format.parse(text),
                }
                .map_err(|error| {
                    let error = refused(format!("number {position}: {}", error.message()));
                    match named.setting() {
                        Some(setting) => error.in_setting(setting.to_owned()),
                        None => error,
                    }
                })?;
                let id = (named.name()).map_or_else(|| position.to_string().into(), KeyId::from);
                Ok(SigningKey::new(id, secret))
            })
            .collect();
        Self::new(keys?).map_err(|error| match setting {
            Some(setting) => error.in_setting(setting),
            None => error,
        })
    }

    /// Replaces the keys of every clone of this ring. Waits for calls of
    /// [`Verifier::verify`](crate::signature::Verifier::verify) that are hashing a body.
    ///
    /// # Errors
    ///
    /// As [`KeyRing::new`]; the old keys then stay.
    pub fn replace(&self, keys: impl IntoIterator<Item = SigningKey>) -> Result<(), ConfigError> {
        let keys = checked(keys)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The names of the keys, expired ones included.
    pub fn ids(&self) -> Vec<KeyId> {
        self.snapshot().iter().map(|key| key.id.clone()).collect()
    }

    /// Keys that are only tried: as many as there are.
    pub(crate) fn for_trial(keys: impl IntoIterator<Item = SigningKey>) -> Self {
        Self(Arc::new(RwLock::new(keys.into_iter().collect())))
    }

    pub(crate) fn snapshot(&self) -> Arc<[SigningKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys, which can't be replaced meanwhile: it should be a short while.
    #[inline]
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, Arc<[SigningKey]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checked(keys: impl IntoIterator<Item = SigningKey>) -> Result<Arc<[SigningKey]>, ConfigError> {
    let keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
    if keys.is_empty() {
        return Err(refused("a key ring needs at least one key"));
    }
    if keys.len() > MAX_KEYS {
        return Err(refused(format!("a key ring holds at most {MAX_KEYS} keys")));
    }
    for (position, key) in keys.iter().enumerate() {
        if keys.iter().take(position).any(|other| other.id == key.id) {
            return Err(refused(format!("two keys are named {:?}", key.id.as_str())));
        }
    }
    Ok(keys.into())
}

impl From<SigningSecret> for KeyRing {
    /// A ring of one key, named `1`.
    fn from(secret: SigningSecret) -> Self {
        Self(Arc::new(RwLock::new(Arc::new([SigningKey::new(
            "1", secret,
        )]))))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.snapshot().iter()).finish()
    }
}
