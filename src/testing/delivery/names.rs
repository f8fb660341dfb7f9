//! What a [`TestDelivery`] calls itself and its key.

use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use http::HeaderMap;
use subtle::ConstantTimeEq as _;

use super::super::edit::value;
use super::TestDelivery;
use crate::error::ConfigError;
use crate::secret::{KeyId, Material, SigningKey};

/// An id that no other delivery has.
pub(super) fn fresh() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 16];
    // Where the system gives none, it is told from others of this process alone.
    let _ = getrandom::fill(&mut random);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", HEXLOWER.encode(&random))
}

impl TestDelivery {
    /// Signs under this id, where the scheme signs one. It is made from the body unless set, so
    /// that the same body is the same event.
    ///
    /// Where the provider's events are told apart by an id that nothing signs
    /// ([`EventRule::unsigned_id_headers`](crate::event::EventRule::unsigned_id_headers)), it is that one. Unless set,
    /// each delivery has one of its own: the delivery and its clones are one event, and another one
    /// with the same body can be another event.
    ///
    /// ```
    /// use tower_webhook::provider::{self, github};
    /// use tower_webhook::testing::TestDelivery;
    ///
    /// let github = provider::github(github::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let added = TestDelivery::new(&github, r#"{"team":{"id":1},"repository":{"id":2}}"#);
    /// let id = |delivery: &TestDelivery| {
    ///     let request = delivery.request::<bytes::Bytes>()?;
    ///     Ok::<_, tower_webhook::ConfigError>(request.headers()["x-github-delivery"].clone())
    /// };
    /// assert_eq!(id(&added)?, id(&added.clone())?);
    /// assert_eq!(id(&added.id("72d3162e-cc78-11e3-81ab-4c9367dc0958"))?, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Tells this name of the key that signs it, where the scheme tells one.
    ///
    /// Unless set, it is the name that the provider's ring gives the key, or its first one where the key is none of
    /// it; `1` where the ring holds none, as where its keys are fetched.
    ///
    /// ```
    /// use tower_webhook::provider::{self, blendfi};
    /// use tower_webhook::testing::TestDelivery;
    ///
    /// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let delivery = TestDelivery::new(&blendfi, r#"{"id":"evt_1"}"#).key_id("2026-06");
    /// # drop(delivery);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "senders")]
    pub fn key_id(mut self, id: impl Into<KeyId>) -> Self {
        self.key_id = Some(id.into());
        self
    }

    /// Uses another family of headers than the scheme's first: the one whose signature stands in
    /// this header.
    ///
    /// ```
    /// use tower_webhook::provider::{self, standard_webhooks};
    /// use tower_webhook::testing::TestDelivery;
    /// use tower_webhook::{Name, SigningSecret};
    ///
    /// let keys = standard_webhooks::keys(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])?;
    /// let acme = provider::standard_webhooks(Name::new("acme")?, keys);
    /// let delivery = TestDelivery::new(&acme, r#"{"type":"paid"}"#)
    ///     .in_family("svix-signature")
    ///     .signed_by(SigningSecret::from_text("the secret before this one")?)
    ///     .without_header("svix-timestamp");
    /// let request = delivery.request::<bytes::Bytes>()?;
    /// assert!(request.headers().contains_key("svix-signature"));
    /// assert!(!request.headers().contains_key("svix-timestamp"));
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn in_family(mut self, signature_header: &str) -> Self {
        self.family = Some(signature_header.to_owned());
        self
    }

    /// The name of the key that signs, unless its scheme's usual one will do.
    pub(super) fn signing_key_id(&self, own: &Material, ring: &[SigningKey]) -> Option<KeyId> {
        let is_own = |key: &&SigningKey| match (own, key.material()) {
            (Material::Secret(own), Material::Secret(of_ring)) => {
                own.bytes().ct_eq(of_ring.bytes()).into()
            }
            #[cfg(feature = "asymmetric")]
            _ => false,
        };
        let of_ring = || ring.iter().find(is_own).or_else(|| ring.first());
        let set = self.key_id.clone();
        set.or_else(|| of_ring().map(|key| key.id().clone()))
    }

    /// Adds the id that nothing signs, where events are told apart by one. A header that was set by hand stays.
    pub(super) fn tell_unsigned_id(&self, headers: &mut HeaderMap) -> Result<(), ConfigError> {
        let Some(name) = self.provider.rule.unsigned_id_headers().first() else {
            return Ok(());
        };
        if headers.contains_key(name) || self.edits.iter().any(|edit| edit.is_of(name)) {
            return Ok(());
        }
        let id = self.id.as_deref().unwrap_or(&self.unsigned_id);
        headers.insert(name, value(name.as_str(), id.as_bytes())?);
        Ok(())
    }
}
