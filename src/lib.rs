//! Tower layers that receive webhooks: they prove where a delivery comes from, let each event take
//! effect once, and answer in such a way that a sender that retries loses nothing.
//!
//! ```
//! use axum::{Router, body::Body, http::{Request, StatusCode}};
//! use tower::ServiceExt;
//! use tower_webhook::provider::{self, blendfi};
//! use tower_webhook::{Delivery, Event, ManualClock, MemoryStore, RouterExt, UnixTime, Webhook};
//!
//! async fn on_event(event: Event<blendfi::Payload>, delivery: Delivery) -> StatusCode {
//!     // Make the effect unique on `delivery.key().encoded()`, or guard it with `delivery.fence()`.
//!     println!("{} of {}", event.kind, delivery.key());
//!     StatusCode::NO_CONTENT
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let keys = blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?;
//!     let webhook = Webhook::new(provider::blendfi(keys))
//!         .store(MemoryStore::new())
//!         // The deliveries below were signed at that time; a real receiver uses the system clock.
//!         .clock(ManualClock::new(UnixTime::from_secs(1_777_899_600)))
//!         .build()?;
//!     let app: Router = Router::new().webhook("/webhooks/blendfi", webhook, on_event);
//!
//!     // Signed by `openssl dgst -sha256 -hmac "$SECRET"` over `{t}.{body}`.
//!     let deliver = |body: &'static str| {
//!         let request = Request::post("/webhooks/blendfi").header(
//!             "x-blendfi-signature",
//!             "t=1777899600,v1=8f632700b26a730ce3336878aa995ddd9aacdf16f66935ae53361c3c47f787e2",
//!         );
//!         app.clone().oneshot(request.body(Body::from(body)).unwrap())
//!     };
//!     let body = r#"{"id":"evt_1","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
//!     assert_eq!(deliver(body).await?.status(), StatusCode::NO_CONTENT);
//!     assert_eq!(deliver(body).await?.headers()["idempotent-replayed"], "true");
//!     assert_eq!(deliver("{}").await?.status(), StatusCode::UNAUTHORIZED);
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! - [`Webhook`] stacks all layers for one [`Provider`], and `RouterExt` mounts it on a router; the
//!   [`provider`] module has the known ones, and any other is written in a few lines.
//! - [`guide`] begins with a quick start, and explains how to change a secret, what to do when a sender gets
//!   401, and where other layers belong.
//! - A handler takes [`Event`], [`Delivery`] and [`Authenticated`]; it answers [`Permanent`] if no
//!   retry can help.
//! - [`EventHandler`] is a handler that knows nothing of HTTP; [`runtime`] runs it once, under a
//!   lease.
//! - [`layer`] has each layer alone, for any Tower HTTP service; [`signature::Verifier`] needs no
//!   HTTP server.
//! - [`store`] describes the record of an event and what follows from it; [`Store`] is the trait
//!   for other databases.
//! - With the feature `inbox`, the `inbox` module holds events until a `worker` runs them: the sender is
//!   answered at once.
//! - [`journal`] writes down every request with its outcome, and can replay one.
//! - [`reconcile`] finds events that never arrived by querying their sender, and the feature `http-client` has
//!   clients for it.
//! - [`health`] says whether a receiver can take deliveries, and if not, why.
//! - With the feature `page`, the `operator` module is a page that shows what arrived, and can run it again.
//! - [`Observer`] sees the outcome of every delivery; [`Reason`] has a stable code for each refusal.
//!
//! # What is guaranteed
//!
//! A handler runs at least once for each wanted event that its sender re-sends until it is acknowledged,
//! and at most one lease of an event is live at any time. Its effect takes place once, except in these
//! windows:
//!
//! | window | what closes it |
//! | --- | --- |
//! | between the effect and the record, the process dies, or is stopped or cut off from the store until its lease is over | a sink that is unique on [`Delivery::key`] |
//! | a handler has its effect and then answers an error or panics: the event is given back, and runs again at the sender's next attempt | a sink that is unique on the key |
//! | before its effect, a handler is paused past its lease, or runs past the renewal ceiling | a sink that refuses a lower [`Delivery::fence`]; or checking [`Delivery::lease`] before the effect, unless the machine was suspended |
//! | the store's clock is set forward past the end of a lease: two receivers run the handler, and the first one notices at its next renewal | a sink that is unique on the key |
//! | the store loses what it has acknowledged (memory: at every restart; Redis: depending on its settings) | a sink that is unique on the key |
//! | the sender sends the event again after the retention, or the store's clock is set forward by as much | a sink that is unique on the key; [`DedupeConfig::refuse_old_events`] helps only for an event that says [when it happened](Delivery::event_time), and not against the store's clock |
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `axum` (default) | the extractors, and the client's address and original URI as axum provides them |
//! | `testing` | the `testing` module: signed deliveries, stores that fail, the contract for stores of your own, simulated senders |
//! | `redis` (default) | [`RedisStore`], on one server, Sentinel or a cluster, with TLS; Valkey too |
//! | `redis-connection-manager` | a [`RedisStore`] on a `ConnectionManager` that the process already has |
//! | `senders` | more than eighty further senders, and the parts that their schemes need ([`provider`]) |
//! | `asymmetric` | signatures with public keys, and their senders; the `keys` module: keys that are fetched; the `certificate` module: client certificates |
//! | `jwt` | signatures that are a JWS or a JWT, and their senders |
//! | `sqlite` | [`SqliteStore`], in a file; SQLite is built in. Rust 1.94 or later |
//! | `postgres` | [`PostgresStore`], on PostgreSQL, through PgBouncer too. Rust 1.94 or later |
//! | `postgres-tls` | the same with TLS |
//! | `inbox` | acknowledging events at once and handling them later: the `inbox` and `worker` modules |
//! | `http-client` | an HTTPS client, with `ring` and the system's certificates: it fetches keys (the `keys` module), and queries the APIs of BLOX, BlendFi and others (the [`reconcile`] module) |
//! | `gzip` | compressed bodies, if [`SenderContract::gzip`](SenderContract) says which form is signed |
//! | `page` | a page for operators, to nest in your router: the `operator` module |
//! | `cli` | the program `webhook`: sends, verifies, says why a signature was refused, shows records and inboxes. Rust 1.94 or later |
//! | `metrics` | metrics of deliveries, stores, keys and workers, for any recorder of the crate `metrics`: the `metrics` module |
//! | `ring` | only a faster MAC on processors without instructions for SHA-256; keys are then not wiped when dropped |
#![forbid(unsafe_code)]
// Links to the items of a disabled feature are broken, so links are only checked with all features on.
#![cfg_attr(
    not(all(
        feature = "asymmetric",
        feature = "axum",
        feature = "gzip",
        feature = "http-client",
        feature = "inbox",
        feature = "jwt",
        feature = "metrics",
        feature = "page",
        feature = "postgres",
        feature = "redis",
        feature = "redis-connection-manager",
        feature = "senders",
        feature = "sqlite",
        feature = "testing"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(test)]
#[path = "../tests/support/amount.rs"]
mod amount;
#[cfg(feature = "asymmetric")]
mod asymmetric;
mod authenticated;
#[cfg(feature = "asymmetric")]
pub mod certificate;
#[cfg(feature = "senders")]
pub mod challenge;
mod clock;
mod contract;
mod counter;
mod coverage;
#[cfg(feature = "senders")]
mod digest;
mod encoding;
mod error;
pub mod event;
#[cfg(feature = "axum")]
mod extract;
pub mod guide;
mod head;
pub mod health;
#[cfg(feature = "inbox")]
pub mod inbox;
mod joined;
pub mod journal;
#[cfg(feature = "jwt")]
mod jws;
#[cfg(feature = "asymmetric")]
pub mod keys;
pub mod layer;
mod mac;
#[cfg(feature = "asymmetric")]
mod message_signature;
#[cfg(feature = "metrics")]
pub mod metrics;
mod name;
mod observer;
#[cfg(feature = "page")]
pub mod operator;
mod path;
mod payload;
mod printable;
mod prove;
pub mod provider;
mod reason;
pub mod reconcile;
mod recorded;
mod rejection;
mod rejection_cause;
mod request_clock;
#[cfg(feature = "axum")]
mod router;
pub mod runtime;
mod secret;
pub mod signature;
pub mod source;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod webhook;
#[cfg(feature = "inbox")]
pub mod worker;

pub use authenticated::Authenticated;
pub use clock::{Clock, ManualClock, SystemClock, Tolerance, UnixTime};
#[cfg(feature = "gzip")]
pub use contract::SignedForm;
pub use contract::{FailureShare, RetriedStatuses, RetrySchedule, SenderContract, SuccessAnswer};
#[cfg(feature = "senders")]
pub use digest::Digest;
pub use encoding::Encoding;
pub use error::{ConfigError, ConfigErrorKind};
pub use event::{Decimal, EventKey, Fingerprint};
#[cfg(feature = "axum")]
pub use extract::{EventRejection, MountedHandler, event_handler};
pub use head::RequestHead;
pub use health::Health;
pub use layer::{DedupeConfig, FeedRefresher, Replay, ReplayError, ReplayErrorKind, Replayed};
pub use name::Name;
pub use observer::{Observation, Observer};
pub use path::PathTokens;
pub use provider::Provider;
pub use reason::Reason;
pub use rejection::{Rejection, RejectionResponse};
#[cfg(feature = "axum")]
pub use router::RouterExt;
pub use runtime::{
    Confirm, ConfirmSubject, Confirmation, Delivery, Drain, Event, EventHandler, Lease, Permanent,
    Unconfirmed,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use runtime::{Tx, TxDatabase};
pub use secret::{
    KeyId, KeyIds, KeyRing, ListedSecret, NamedSecret, SecretFormat, Secrets, SigningKey,
    SigningSecret,
};
pub use source::{Allowlist, TrustedProxies};
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
#[cfg(feature = "redis")]
pub use store::RedisStore;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::{MemoryStore, SharedStore, Store};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use store::{TxError, TxErrorKind};
pub use webhook::{NoStore, Webhook, WebhookLayer};

/// The README: its examples are compiled with the tests.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "redis",
    feature = "sqlite",
    feature = "postgres",
    feature = "inbox",
    feature = "http-client",
    feature = "metrics"
))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The same for the pages of `docs` that contain examples.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "sqlite",
    feature = "inbox",
    feature = "senders",
    feature = "page"
))]
#[doc = include_str!("../docs/inbox.md")]
#[doc = include_str!("../docs/operator.md")]
#[doc = include_str!("../docs/schemes.md")]
struct Pages;
