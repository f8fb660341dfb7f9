//! BLOX: checkouts, proved by a secret path and a query to its API.
//!
//! BLOX signs nothing. Give it a URL that ends in a secret token, and also query its API whether
//! each delivery is true: a token in a URL ends up in logs.
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
//! BLOX sends each final status once and never retries. A delivery that was missed, or answered
//! with anything except 2xx, is found only by polling the API: every 5 s, for up to 20 min.

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

/// BLOX, proved by a secret path; the builder is complete once you choose how events are checked.
///
/// - One event is one `checkoutId` and `status`. BLOX's documentation adds `timestamp`, which nothing
///   protects: a duplicate with a new `timestamp` would be fulfilled twice, although each final
///   status is sent once for a checkout. [`BloxBuilder::documented_key`] follows the documentation.
/// - The fingerprint covers `amount`; the event's time is `timestamp`.
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

/// BLOX, before you choose how its events are checked.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `status_check` or `without_status_check`"]
pub struct BloxBuilder {
    tokens: PathTokens,
    documented_key: bool,
    limits: ConfirmLimits,
}

impl BloxBuilder {
    /// Adds `timestamp` to the event key, as the documentation of BLOX does.
    ///
    /// Anyone who knows the path can then send a duplicate with another time, and it runs again.
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

    /// Bounds the queries that a [status check](Self::status_check) makes at once, and the
    /// deliveries that may wait for the answers.
    pub fn check_limits(mut self, limits: ConfirmLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks each event against `GET /v1/checkout/{id}` before it is claimed.
    ///
    /// `check` gets the checkout's id: 1 to 64 letters, digits, `-` and `_`, so that it is safe in
    /// a URL. An event with any other id is refused without a query. The event is confirmed if the
    /// answer has the same id, the statuses are final and equal, and the amounts are equal by value
    /// if the answer has one. It is tried again while the API shows no final status, or if `check`
    /// fails; then the error's text is logged, so it must not contain the API key. `Ok(None)`, for
    /// a checkout that the API does not know, refuses the event at once. Every other answer means
    /// that the event is not true.
    ///
    /// One query at a time is made about a checkout, and its answer decides every delivery that
    /// waits, whatever its content: see [`ConfirmSubject`](crate::ConfirmSubject). A check that
    /// takes longer than half of the 8 s that a delivery has is abandoned if others have arrived
    /// since.
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

    /// Accepts every event unchecked: anyone who learns the path can forge any event.
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
