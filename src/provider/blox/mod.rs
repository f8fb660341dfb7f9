//! BLOX: checkouts, proved by a secret path and a question to its API.
//!
//! BLOX signs nothing. Give it a URL that ends in a secret token, and ask its API whether what a
//! delivery says is true: a token in a URL ends up in logs.
//!
//! ```
//! use tower_webhook::PathTokens;
//! use tower_webhook::provider::{self, blox::CheckoutStatus};
//!
//! /// `GET /v1/checkout/{id}` with the header `blox-api-key`.
//! async fn ask_blox(id: String) -> Result<CheckoutStatus, std::io::Error> {
//!     // let response = client.get(format!("{api}/v1/checkout/{id}")).send().await?;
//!     // Ok(response.json().await?)
//! #   let status = "COMPLETED";
//! #   Ok(CheckoutStatus::new(id, status))
//! }
//!
//! let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4a7e35d82"])?;
//! let blox = provider::blox(tokens).status_check(ask_blox);
//! assert_eq!(blox.name().as_str(), "blox");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```
//!
//! It sends each final status once and never again. A delivery that was missed, or answered with
//! anything but 2xx, is found only by polling the API: every 5 s, for up to 20 min.

mod check;
mod payload;

use std::fmt;
use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::event::{EventRule, KnownShape, Name};
use crate::path::PathTokens;
use crate::runtime::ConfirmLimits;
use check::StatusCheck;

pub use check::CheckoutStatus;
pub use payload::{Payload, Status};

const NAME: Name = Name::constant("blox");

/// BLOX, proved by a secret path; it is complete once it is said how its events are checked.
///
/// - One event is one `checkoutId` and `status`. Its documentation adds `timestamp`, which nothing
///   protects: a duplicate with a fresh one would be fulfilled twice, while each final status is sent
///   once for a checkout. [`BloxBuilder::documented_key`] follows the documentation.
/// - What it means is its `amount`; it happened at `timestamp`.
/// - One attempt, waiting 10 s.
///
/// ```compile_fail
/// use tower_webhook::{PathTokens, Provider, provider};
///
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4a7e35d82"]).unwrap();
/// let unchecked: Provider = provider::blox(tokens);
/// ```
pub fn blox(tokens: PathTokens) -> BloxBuilder {
    BloxBuilder {
        tokens,
        documented_key: false,
        limits: ConfirmLimits::default(),
    }
}

/// BLOX, before it is said how its events are checked.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `status_check` or `without_status_check`"]
pub struct BloxBuilder {
    tokens: PathTokens,
    documented_key: bool,
    limits: ConfirmLimits,
}

impl BloxBuilder {
    /// Tells events apart by `timestamp` too, as the documentation of BLOX does.
    ///
    /// Whoever knows the path can then send a duplicate with another time, and it runs again.
    ///
    /// ```
    /// use tower_webhook::runtime::ConfirmLimits;
    /// use tower_webhook::{PathTokens, provider};
    ///
    /// let blox = provider::blox(PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?)
    ///     .documented_key()
    ///     .check_limits(ConfirmLimits::default().questions(8))
    ///     .without_status_check();
    /// assert_eq!(blox.name().as_str(), "blox");
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn documented_key(mut self) -> Self {
        self.documented_key = true;
        self
    }

    /// Bounds the questions that a [status check](Self::status_check) asks at once, and what may
    /// wait for the answers.
    pub fn check_limits(mut self, limits: ConfirmLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks each event against what `GET /v1/checkout/{id}` says, before it is claimed.
    ///
    /// `check` is given the checkout's id: 1 to 64 letters, digits, `-` and `_`, so that it can
    /// stand in a URL; an event with another one is refused unasked. The event is confirmed where
    /// the answer has the very same id, its status is final and the API's too, and its amount is
    /// equal by value if the answer has one. It is tried again while the API shows no final status,
    /// or where `check` fails; then the error's text goes to the log, and must not hold the API
    /// key. `Ok(None)`, for a checkout that the API does not know, refuses the event at once. Every
    /// other answer means that the event is not true.
    ///
    /// One question at a time is asked about a checkout, and its answer judges every delivery that
    /// waits, however many there are and whatever they say: see
    /// [`ConfirmSubject`](crate::ConfirmSubject). A check that takes longer than half of the 8 s
    /// that a delivery has is given up where others have come meanwhile.
    pub fn status_check<F, Fut, T, E>(self, check: F) -> Provider
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Into<Option<CheckoutStatus>>,
        E: fmt::Display,
    {
        let limits = self.limits;
        self.provider()
            .confirm_subject(StatusCheck { check, limits })
    }

    /// Takes every event at its word: whoever learns the path can forge any.
    pub fn without_status_check(self) -> Provider {
        self.provider()
    }

    fn provider(self) -> Provider {
        let key: &[_] = match self.documented_key {
            true => &["/checkoutId", "/status", "/timestamp"],
            false => &["/checkoutId", "/status"],
        };
        let checkout = KnownShape::of("checkout", key)
            .fingerprint(["/amount"])
            .time("/timestamp");
        let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None)
            .waits(Duration::from_secs(10));
        Provider::by_secret_path(NAME, self.tokens, EventRule::known([checkout]), contract)
    }
}

#[cfg(test)]
mod tests;
