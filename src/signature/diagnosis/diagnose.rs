use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::keys::KeyBytes;
use crate::secret::KeyRing;
use crate::signature::scheme::Scheme;
use crate::signature::verifier::Verifier;

/// Finds the reason why a [`Verifier`] refuses deliveries.
///
/// Clones share the keys with the verifier.
#[derive(Clone)]
#[must_use = "it finds nothing out until `delivery`"]
pub struct Diagnose {
    pub(super) verifier: Verifier,
    pub(super) secrets: Vec<KeyBytes>,
    pub(super) others: Vec<(Cow<'static, str>, KeyRing)>,
    pub(super) schemes: KnownSchemes,
    pub(super) most: u64,
}

/// Schemes by the names of their senders.
pub(crate) type KnownSchemes = Arc<[(Cow<'static, str>, Scheme)]>;

/// The maximum number of bytes to hash, unless set.
const MOST: u64 = 64 * 1024 * 1024;

impl Diagnose {
    /// Diagnoses the refusals of this verifier.
    pub fn new(verifier: &Verifier) -> Self {
        Self {
            verifier: verifier.clone(),
            secrets: Vec::new(),
            others: Vec::new(),
            schemes: Arc::new([]),
            most: MOST,
        }
    }

    /// Also tries this secret, exactly as it is in the settings or was pasted. It is wiped.
    ///
    /// ```
    /// use tower_webhook::provider::{self, github};
    /// use tower_webhook::signature::diagnosis::{Cause, Diagnose};
    /// use tower_webhook::UnixTime;
    ///
    /// // Signed by `openssl dgst -sha256 -hmac "  It's a Secret to Everybody"`, without the spaces.
    /// let request = http::Request::post("/")
    ///     .header(
    ///         "x-hub-signature-256",
    ///         "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ///     )
    ///     .body("Hello, World!")?;
    /// let github = provider::github(github::keys(["another-secret-1f0a"])?);
    /// let diagnose = Diagnose::new(github.verifier().ok_or("GitHub signs")?)
    ///     .secret("  It's a Secret to Everybody\n");
    /// let diagnosis = diagnose.delivery(&request, request.body().as_bytes(), UnixTime::now());
    /// assert_eq!(diagnosis.cause(), Some(Cause::SecretWhiteSpace));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn secret(mut self, text: &str) -> Self {
        self.secrets.push(Zeroizing::new(text.as_bytes().to_vec()));
        self
    }

    /// Also tries the keys of another environment or account, with this name in the finding.
    ///
    /// ```
    /// use tower_webhook::provider::{self, stripe};
    /// use tower_webhook::signature::diagnosis::Diagnose;
    ///
    /// let live = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let diagnose = Diagnose::new(live.verifier().ok_or("Stripe signs")?)
    ///     .other_keys("test mode", stripe::keys(["whsec_test_0a1b2c3d4e5f"])?)
    ///     .hash_at_most(1024 * 1024);
    /// # drop(diagnose);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn other_keys(mut self, name: impl Into<Cow<'static, str>>, keys: KeyRing) -> Self {
        self.others.push((name.into(), keys));
        self
    }

    /// Also tries these schemes, by the names of their senders:
    /// [`Provider::diagnose`](crate::Provider::diagnose) adds those of all presets.
    ///
    /// ```
    /// use tower_webhook::provider::{self, github, stripe};
    /// use tower_webhook::signature::diagnosis::Diagnose;
    ///
    /// let stripe = provider::stripe(stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let github = provider::github(github::keys(["another-secret-1f0a"])?);
    /// let other = github.verifier().ok_or("GitHub signs")?.scheme().clone();
    /// let diagnose = Diagnose::new(stripe.verifier().ok_or("Stripe signs")?)
    ///     .other_schemes([("github".into(), other)]);
    /// # drop(diagnose);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn other_schemes(
        mut self,
        schemes: impl IntoIterator<Item = (Cow<'static, str>, Scheme)>,
    ) -> Self {
        self.schemes = schemes.into_iter().collect();
        self
    }

    /// The same with shared schemes.
    pub(crate) fn known_schemes(mut self, schemes: KnownSchemes) -> Self {
        self.schemes = schemes;
        self
    }

    /// Hashes at most this many bytes for one delivery. 64 MiB unless set, which takes less than a
    /// second.
    pub fn hash_at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }
}

impl fmt::Debug for Diagnose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verifier,
            secrets,
            others,
            schemes,
            most,
        } = self;
        f.debug_struct("Diagnose")
            .field("verifier", verifier)
            .field("secrets", &secrets.len())
            .field("others", others)
            .field("schemes", &schemes.len())
            .field("most", most)
            .finish()
    }
}
