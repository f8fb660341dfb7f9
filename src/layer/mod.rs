//! The layers, each of which works alone on any Tower HTTP service.
//!
//! | layer | lets through |
//! | --- | --- |
//! | [`RequireSecretPathLayer`] | paths that end in a right token, which it cuts off |
//! | [`RequireSourceIpLayer`] | clients on an allowlist |
//! | [`VerifySignatureLayer`] | bodies with a right signature |
//! | [`DedupeLayer`] | proved events that were not handled before |
//!
//! [`Webhook`](crate::Webhook) stacks the layers that a provider needs. When stacked by hand, they
//! go in this order. The gates leave an [`Authenticated`] mark in the request's extensions, and
//! [`DedupeLayer`] demands it.
//!
//! They accept requests with any body of [`Bytes`](bytes::Bytes), such as axum's `Body`, hyper's
//! `Incoming` and the types that outer layers make of them. A layer that reads the body
//! ([`VerifySignatureLayer`], [`DedupeLayer`], [`WebhookLayer`](crate::WebhookLayer)) calls the
//! inner service with a body of the same type. If that type cannot be made of bytes, as with
//! `Incoming`, `handler_body` sets another one. The other gates pass the body on unchanged.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_webhook::event::{EventRule, Shape};
//! use tower_webhook::layer::{DedupeLayer, Proof, EndpointConfig, VerifySignatureLayer};
//! use tower_webhook::signature::{Scheme, Verifier};
//! use tower_webhook::{
//!     SenderContract, Encoding, MemoryStore, Name, RetriedStatuses, RetrySchedule,
//!     SigningSecret,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
//! let endpoint = EndpointConfig::new(Name::new("acme")?, contract);
//! let scheme = Scheme::builder("x-acme-signature").single("sha256=", Encoding::Hex).build()?;
//! let verifier = Verifier::new(scheme, SigningSecret::from_text("whsec_test_9f8e7d6c5b4a")?);
//! let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
//! let service = ServiceBuilder::new()
//!     .layer(VerifySignatureLayer::new(&endpoint, verifier))
//!     .layer(DedupeLayer::builder(&endpoint, rule, [Proof::Signature]).build(MemoryStore::new())?)
//!     .service_fn(|_: Request<Full<Bytes>>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//!     });
//!
//! // printf '{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_9f8e7d6c5b4a
//! let signature = "sha256=ea3ea7f29826edca7a5ff8dc4ff328dde20266a78a1a39fcc990204762af1091";
//! let deliver = |body: &'static str| {
//!     let request = Request::post("/").header("x-acme-signature", signature);
//!     service.clone().oneshot(request.body(Full::from(body)).unwrap())
//! };
//! let accepted = deliver(r#"{"id":"evt_1"}"#).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//! let refused = deliver(r#"{"id":"evt_2"}"#).await?;
//! assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```

mod authenticator;
mod budget;
#[cfg(feature = "senders")]
mod challenge;
mod checks;
mod clock_watch;
mod coding;
mod dedupe;
mod diagnosed;
mod diagnosis_sampler;
mod endpoint;
mod feed_refresher;
mod gated;
#[cfg(feature = "gzip")]
mod gzip;
mod handler_body;
mod held;
mod host_addresses;
mod limits;
mod lingering_body;
mod peer;
mod permanent;
mod receive;
mod refuse;
mod reject_future;
mod resolver;
mod response_body;
mod response_future;
mod room;
mod secret_path;
mod source_ip;
mod unproved;
mod verify;
mod webhook;
mod whole;
mod words;

pub(crate) use authenticator::Authenticator;
pub use budget::Budget;
#[cfg(feature = "senders")]
pub(crate) use challenge::Challenges;
pub(crate) use checks::{Checks, SecretPathGate, SourceGate};
#[cfg(feature = "inbox")]
pub use dedupe::EnqueueLayer;
pub use dedupe::{
    Dedupe, DedupeBuilder, DedupeConfig, DedupeLayer, Replay, ReplayError, ReplayErrorKind,
    Replayed,
};
pub(crate) use dedupe::{DedupeState, IdentifiedPolled, PolledEnd, PolledEvent, Standing};
pub(crate) use dedupe::{KeptIn, Owner};
pub use endpoint::EndpointConfig;
pub use feed_refresher::FeedRefresher;
pub use gated::Gated;
pub use handler_body::{BodyAs, HandlerBody, SameBody};
pub use host_addresses::host_addresses;
pub use peer::PeerAddr;
pub(crate) use peer::{Origin, PeerSource};
pub use response_body::ResponseBody;
pub use response_future::ResponseFuture;
pub use secret_path::RequireSecretPathLayer;
pub use source_ip::RequireSourceIpLayer;
pub use verify::{VerifySignature, VerifySignatureLayer};
pub use webhook::WebhookService;
pub(crate) use webhook::{NamedSteps, Pipeline};
#[cfg(test)]
pub(crate) use words::in_words_of;

pub use crate::authenticated::{Authenticated, Coverage, Proof, Proved};
pub use crate::observer::{
    ClaimedId, Detail, Diagnosed, Interest, MaskedHeaders, Observation, Observer, Timings,
    TracingObserver, Verdict,
};
pub use crate::prove::{NotProved, ProofHead, Prove, ProveBody};
