//! Diagnosis with the schemes of all known senders.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::{
    Provider, blendfi, bloque_payments, github, shopify, slack, standard_webhooks, stripe,
};
use crate::error::ConfigError;
use crate::event::Name;
use crate::secret::SigningSecret;
use crate::signature::diagnosis::Diagnose;
use crate::signature::{Scheme, Verifier};

impl Provider {
    /// Finds the reason why a signature of this sender was refused, and also tries the schemes of
    /// all presets; `None` if the sender signs nothing.
    ///
    /// ```
    /// use tower_webhook::UnixTime;
    /// use tower_webhook::provider::{self, github, stripe};
    /// use tower_webhook::signature::diagnosis::Cause;
    ///
    /// // GitHub's documented example, sent to the route of another sender.
    /// let request = http::Request::post("/webhooks/stripe")
    ///     .header(
    ///         "x-hub-signature-256",
    ///         "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    ///     )
    ///     .body("Hello, World!")?;
    /// let stripe = provider::stripe(stripe::keys(["It's a Secret to Everybody"])?);
    /// let diagnose = stripe.diagnose().ok_or("Stripe signs")?;
    /// let diagnosis = diagnose.delivery(&request, request.body().as_bytes(), UnixTime::now());
    /// assert!(matches!(diagnosis.cause(), Some(Cause::OtherScheme | Cause::Header)));
    /// assert!(diagnosis.to_string().contains("github"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn diagnose(&self) -> Option<Diagnose> {
        let diagnose = Diagnose::new(self.verifier()?);
        Some(diagnose.known_schemes(Arc::clone(&SCHEMES)))
    }
}

type Named = (Cow<'static, str>, Scheme);

/// The schemes of all presets, built once.
static SCHEMES: LazyLock<Arc<[Named]>> = LazyLock::new(|| {
    let firsts = firsts().unwrap_or_default();
    #[cfg(feature = "senders")]
    let firsts = firsts
        .into_iter()
        .chain(super::senders().filter_map(|sender| {
            let provider = sender.any()?;
            let scheme = provider.verifier()?.scheme().clone();
            Some((Cow::Borrowed(sender.name()), scheme))
        }));
    firsts.into_iter().collect()
});

/// The presets that need no feature.
fn firsts() -> Result<Vec<Named>, ConfigError> {
    // A dummy secret: a scheme depends on no secret.
    let secret = SigningSecret::from_bytes(b"a secret of nobody")?;
    let standard = Name::new("standard_webhooks")?;
    let all = [
        blendfi(secret.clone()),
        bloque_payments(secret.clone()),
        github(secret.clone()),
        shopify(secret.clone()),
        slack(secret.clone()),
        standard_webhooks(standard, secret.clone()),
        stripe(secret),
    ];
    let scheme = |it: &Provider| it.verifier().map(Verifier::scheme).cloned();
    let named = all
        .iter()
        .filter_map(|it| Some((it.name().to_string().into(), scheme(it)?)));
    Ok(named.collect())
}
