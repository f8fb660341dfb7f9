//! The keys in use for one provider.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

#[cfg(feature = "asymmetric")]
use super::KeyLookup;
use super::{
    KeyId, KeyIds, NamedSecret, NotIssued, SecretFormat, Secrets, SigningKey, SigningSecret,
    refused,
};
#[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
use crate::asymmetric::PrivateKey;
#[cfg(feature = "asymmetric")]
use crate::asymmetric::PublicKey;
use crate::clock::UnixTime;
use crate::error::ConfigError;

/// The keys in use for one provider; clones share them.
///
/// During a roll-over, the old and the new secret are both in the ring. [`KeyRing::replace`] swaps
/// the keys of a running receiver; a delivery in progress continues with the keys that it started
/// with.
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
/// // Later, when the old key is no longer used:
/// ring.replace([SigningKey::new("2026-06", new)])?;
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<RwLock<Arc<[SigningKey]>>>,
    /// The source of the keys, if they are not in the ring.
    #[cfg(feature = "asymmetric")]
    source: Option<Arc<dyn KeyLookup>>,
}

/// A body is hashed once for each active key, so more keys would let strangers cause more work.
const MAX_KEYS: usize = 8;

impl KeyRing {
    /// A ring of these keys.
    ///
    /// # Errors
    ///
    /// No key, more than eight, or two of the same name.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, ConfigError> {
        Ok(Self::of(checked(keys)?))
    }

    /// A ring without a key. It proves nothing until one is added, by a
    /// [handshake](crate::challenge::Handshake) or by [`replace`](Self::replace). Deliveries get
    /// the not-now status until then.
    ///
    /// ```
    /// use tower_webhook::KeyRing;
    ///
    /// assert!(KeyRing::empty().ids().is_empty());
    /// ```
    #[cfg(feature = "senders")]
    pub fn empty() -> Self {
        Self::of(Arc::new([]))
    }

    fn of(keys: Arc<[SigningKey]>) -> Self {
        Self {
            keys: Arc::new(RwLock::new(keys)),
            #[cfg(feature = "asymmetric")]
            source: None,
        }
    }

    /// A ring whose keys are looked up elsewhere.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn looked_up(source: Arc<dyn KeyLookup>) -> Self {
        Self {
            source: Some(source),
            ..Self::of(Arc::new([]))
        }
    }

    /// The source of the keys, if they are not in the ring.
    #[cfg(feature = "asymmetric")]
    pub(crate) fn source(&self) -> Option<&Arc<dyn KeyLookup>> {
        self.source.as_ref()
    }

    /// A ring of secrets in the given format, named `1`, `2` and so on in order, or by their own
    /// [names](NamedSecret).
    ///
    /// # Errors
    ///
    /// The same as [`KeyRing::new`] and [`SecretFormat::parse`]; the text names the secret's
    /// position.
    pub fn parse<I>(format: &SecretFormat, secrets: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: NamedSecret,
    {
        Self::parse_of(format, &[], secrets)
    }

    /// A ring of the secrets that an environment variable lists, each of which is the key itself,
    /// including its prefix: `SECRETS=whsec_…`, or `SECRETS=2026-06:whsec_…,2026-05:whsec_…` with
    /// names. A comma or a line break separates them; see [`Secrets`].
    ///
    /// The `keys` functions of presets know more about the secrets of their senders, including
    /// formats whose secrets are not the key itself. They take `Secrets::from_env(…)?` too.
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
    /// The same as [`Secrets::from_env`] and [`KeyRing::parse`].
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        Self::parse(&SecretFormat::Text, Secrets::from_env(variable)?)
    }

    /// The same for this sender, refusing secrets that it does not issue.
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
                let material = match not_issued.iter().find_map(|why| why(text)) {
                    Some(what) => Err(refused(what)),
                    None => format.material(text),
                }
                .map_err(|error| {
                    let error = refused(format!("number {position}: {}", error.message()));
                    match named.setting() {
                        Some(setting) => error.in_setting(setting.to_owned()),
                        None => error,
                    }
                })?;
                let id = (named.name()).map_or_else(|| position.to_string().into(), KeyId::from);
                Ok(SigningKey::of(id, material))
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
    /// The same as [`KeyRing::new`], and a ring whose keys come from a source; the old keys then
    /// stay.
    pub fn replace(&self, keys: impl IntoIterator<Item = SigningKey>) -> Result<(), ConfigError> {
        #[cfg(feature = "asymmetric")]
        if self.source.is_some() {
            return Err(refused("the keys of this ring come from a source"));
        }
        let keys = checked(keys)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Puts this key into an empty ring, if `keep` then agrees; `None` if it has a key, which is
    /// left alone. No other call can add one in between.
    #[cfg(feature = "senders")]
    pub(crate) fn fill(&self, key: SigningKey, keep: impl FnOnce() -> bool) -> Option<bool> {
        #[cfg(feature = "asymmetric")]
        if self.source.is_some() {
            return None;
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if !keys.is_empty() {
            return None;
        }
        let kept = keep();
        if kept {
            *keys = Arc::new([key]);
        }
        Some(kept)
    }

    /// Puts a new key before the keys of every clone of this ring. The old keys are refused from
    /// `old_until` on, or from their own end if that is earlier. Keys that have expired by now are
    /// left out.
    ///
    /// ```
    /// use tower_webhook::{KeyRing, SigningKey, SigningSecret, UnixTime};
    ///
    /// let ring = KeyRing::from(SigningSecret::from_text("whsec_test_the_old_one")?);
    /// let new = SigningSecret::from_text("whsec_test_the_new_one")?;
    /// let in_an_hour = UnixTime::from_secs(UnixTime::now().as_secs() + 3_600);
    /// ring.rotate(SigningKey::new("2026-06", new), in_an_hour)?;
    /// assert_eq!(ring.ids(), ["2026-06".into(), "1".into()]);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`KeyRing::new`], and a ring whose keys come from a source; the old keys then
    /// stay as they were.
    pub fn rotate(&self, new: SigningKey, old_until: UnixTime) -> Result<(), ConfigError> {
        #[cfg(feature = "asymmetric")]
        if self.source.is_some() {
            return Err(refused("the keys of this ring come from a source"));
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let now = UnixTime::now();
        let old = keys.iter().filter(|key| key.is_active(now)).map(|key| {
            let end = key.end().map_or(old_until, |end| end.min(old_until));
            key.clone().expires_at(end)
        });
        let rotated = checked(std::iter::once(new).chain(old))?;
        *keys = rotated;
        Ok(())
    }

    /// Checks that [`rotate`](KeyRing::rotate) has room for another key in addition to the active
    /// ones.
    ///
    /// # Errors
    ///
    /// The same as [`KeyRing::rotate`].
    #[cfg(feature = "http-client")]
    pub(crate) fn check_room(&self) -> Result<(), ConfigError> {
        #[cfg(feature = "asymmetric")]
        if self.source.is_some() {
            return Err(refused("the keys of this ring come from a source"));
        }
        let now = UnixTime::now();
        match self.look().iter().filter(|key| key.is_active(now)).count() < MAX_KEYS {
            true => Ok(()),
            false => Err(too_many()),
        }
    }

    /// The names of the keys, expired ones included.
    pub fn ids(&self) -> Vec<KeyId> {
        self.snapshot().iter().map(|key| key.id().clone()).collect()
    }

    /// The keys, expired ones included.
    pub fn keys(&self) -> Vec<SigningKey> {
        self.snapshot().to_vec()
    }

    /// Records that these of its keys have signed a delivery.
    pub(crate) fn matched(&self, ids: &KeyIds, now: UnixTime) {
        for key in self.look().iter() {
            if ids.has(key.id()) {
                key.note_match(now);
            }
        }
    }

    /// Any number of keys that are only to be tried.
    pub(crate) fn for_trial(keys: impl IntoIterator<Item = SigningKey>) -> Self {
        Self {
            keys: Arc::new(RwLock::new(keys.into_iter().collect())),
            #[cfg(feature = "asymmetric")]
            source: None,
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<[SigningKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys, which cannot be replaced while this guard is held: keep it only briefly.
    #[inline]
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, Arc<[SigningKey]>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> ConfigError {
    refused(format!("a key ring holds at most {MAX_KEYS} keys"))
}

fn checked(keys: impl IntoIterator<Item = SigningKey>) -> Result<Arc<[SigningKey]>, ConfigError> {
    let keys: Vec<_> = keys.into_iter().take(MAX_KEYS + 1).collect();
    if keys.is_empty() {
        return Err(refused("a key ring needs at least one key"));
    }
    if keys.len() > MAX_KEYS {
        return Err(too_many());
    }
    for (position, key) in keys.iter().enumerate() {
        if keys
            .iter()
            .take(position)
            .any(|other| other.id() == key.id())
        {
            return Err(refused(format!(
                "two keys are named {:?}",
                key.id().as_str()
            )));
        }
    }
    Ok(keys.into())
}

impl From<SigningSecret> for KeyRing {
    /// A ring of one key, named `1`.
    fn from(secret: SigningSecret) -> Self {
        Self::of(Arc::new([SigningKey::new("1", secret)]))
    }
}

#[cfg(feature = "asymmetric")]
impl From<PublicKey> for KeyRing {
    /// A ring of one public key, named `1`.
    fn from(key: PublicKey) -> Self {
        Self::of(Arc::new([SigningKey::public("1", key)]))
    }
}

#[cfg(all(feature = "asymmetric", any(test, feature = "testing")))]
impl From<PrivateKey> for KeyRing {
    /// A ring of the key of a simulated sender, named `1`.
    fn from(key: PrivateKey) -> Self {
        Self::of(Arc::new([SigningKey::private("1", key)]))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "asymmetric")]
        if let Some(source) = &self.source {
            return source.fmt(f);
        }
        f.debug_list().entries(self.snapshot().iter()).finish()
    }
}
