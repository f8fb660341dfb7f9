//! Bloquo: deposit and withdrawal orders, proved by source address alone.
//!
//! Bloquo signs nothing and sends no token. Ask Bloquo for the addresses or host names of each
//! environment, and keep sandbox and production apart.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_webhook::layer::PeerAddr;
//! use tower_webhook::{MemoryStore, Allowlist, Webhook, provider};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let webhook = Webhook::new(provider::bloquo(Allowlist::parse(["192.0.2.0/28"])?)).store(MemoryStore::new());
//! let service = ServiceBuilder::new().layer(webhook.build()?).service_fn(
//!     |_: Request<Full<Bytes>>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//!     },
//! );
//!
//! let from = |peer: &str| {
//!     let body = r#"{"OrderId":1042,"Status":"COMPLETED","OrderType":"Deposit"}"#;
//!     let mut request = Request::post("/").body(Full::from(body)).unwrap();
//!     // With axum, `ConnectInfo` does the same.
//!     request.extensions_mut().insert(PeerAddr(peer.parse().unwrap()));
//!     service.clone().oneshot(request)
//! };
//! assert_eq!(from("192.0.2.7:4711").await?.status(), StatusCode::OK);
//! assert_eq!(from("198.51.100.7:4711").await?.status(), StatusCode::FORBIDDEN);
//! # Ok(())
//! # }
//! ```
//!
//! An address proves the host, not the order. Before acting on an event, check its order and
//! end-to-end ids against your own, with [`known_orders`].

mod check;
mod payload;

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::event::{EventRule, KnownShape, Name};
use crate::source::Allowlist;

pub use check::{KnownOrder, known_orders};
pub use payload::{OrderType, Payload, Status};

const NAME: Name = Name::constant("bloquo");

/// Bloquo, proved by its source address.
///
/// - One event is one `OrderId` and `Status`; the camelCase spellings are equivalent.
/// - The fingerprint covers the requested, total and fee amounts and the order's type; the event's
///   time is `FinalizedAt`.
/// - Ten attempts, 1, 2, 4 … minutes apart, after every answer except 2xx; any can be sent again by
///   hand. Bloquo does not state how long it waits for an answer: 5 s is assumed.
pub fn bloquo(allowlist: Allowlist) -> Provider {
    let order = KnownShape::new("order", ["/OrderId|/orderId", "/Status|/status"])
        .fingerprint([
            "/RequestedAmount|/requestedAmount",
            "/TotalAmount|/totalAmount",
            "/FeeAmount|/feeAmount",
            "/OrderType|/orderType",
        ])
        .time("/FinalizedAt|/finalizedAt");
    let contract = SenderContract::new(
        RetrySchedule::Exponential {
            first: Duration::from_secs(60),
            attempts: 10,
        },
        RetriedStatuses::AllButSuccess,
    )
    .redelivers_by_hand();
    Provider::from_source(NAME, allowlist, EventRule::known([order]), contract)
}

#[cfg(test)]
mod tests;
