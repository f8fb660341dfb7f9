//! What can be set, and when it is worth it.
//!
//! The defaults follow from the sender's [contract](crate::SenderContract). An example of most
//! settings:
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::Response;
//! use tower_webhook::layer::{Budget, TracingObserver};
//! use tower_webhook::provider::{self, stripe};
//! use tower_webhook::{
//!     Confirmation, DedupeConfig, Drain, MemoryStore, Name, Observation, Observer, Rejection,
//!     Tolerance, Unconfirmed, Webhook,
//! };
//!
//! struct Counters;
//!
//! impl Observer for Counters {
//!     fn observe(&self, seen: &Observation<'_>) {
//!         println!("{:?} of {} in {:?}", seen.verdict, seen.provider, seen.timings.total);
//!     }
//! }
//!
//! /// A real receiver queries the sender's API here; this one confirms every event.
//! async fn is_ours(event: Unconfirmed) -> Confirmation {
//!     println!("{} is confirmed", event.key);
//!     Confirmation::Confirmed
//! }
//!
//! fn with_text(rejection: &Rejection) -> Response<Bytes> {
//!     rejection.response().map(|_| Bytes::from_static(b"not taken"))
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // One budget for the process: bodies in memory, and deliveries that wait.
//!     let budget = Budget::new(128 << 20, 4_096);
//!     let drain = Drain::new();
//!     let dedupe = DedupeConfig::new()
//!         .drain(drain.clone())
//!         // For quick handlers: the events of a receiver that dies are free again sooner.
//!         .lease(Duration::from_secs(5))
//!         .renewal_ceiling(Duration::from_secs(60))
//!         .retention(Duration::from_secs(30 * 86_400))
//!         // Events from before the retention began get 422, because they may have run already.
//!         .refuse_old_events()
//!         // Duplicates get the first answer instead of an empty 200.
//!         .replay_responses(1_024)
//!         .confirm(is_ours);
//!     let keys = stripe::keys(["whsec_test_9f8e7d6c5b4a"])?;
//!     let stripe = Webhook::new(provider::stripe(keys).tolerance(Tolerance::from_secs(120)?))
//!         .store(MemoryStore::with_capacity(100_000)?)
//!         .dedupe(dedupe)
//!         .consumer(Name::new("billing")?)
//!         .budget(budget.clone())
//!         .max_body_bytes(256 * 1024)
//!         .observer((TracingObserver, Counters))
//!         .rejection_response(with_text)
//!         // A wrong clock loses no event, but strangers can tell a stale delivery from a forged one.
//!         .stale_is_not_now()
//!         .build()?;
//!     println!("{} wait, {} large bodies queue", budget.waiting(), budget.queued_bodies());
//!     drop(stripe);
//!     Ok(())
//! }
//! ```
//!
//! | setting | worth it |
//! | --- | --- |
//! | [`drain`](crate::DedupeConfig::drain) | always |
//! | [`retention`](crate::DedupeConfig::retention) | for a smaller store, or if events are sent again after weeks |
//! | [`lease`](crate::DedupeConfig::lease) | if an event of a dead receiver should run again sooner |
//! | [`renewal_ceiling`](crate::DedupeConfig::renewal_ceiling) | if handlers that hang should lose their event sooner, or slow ones keep it longer |
//! | [`budget`](crate::Webhook::budget) | with large bodies, or many webhooks in one process |
//! | [`consumer`](crate::Webhook::consumer) | if two services must each see every event |
//! | [`stale_is_not_now`](crate::Webhook::stale_is_not_now) | with senders that give up at a 401 |
//!
//! # In tests
//!
//! A layer for tests can do without proofs, and can run handlers while its store is out of reach. Both
//! are insecure, as their names say:
//!
//! ```
//! use tower_webhook::event::{EventRule, Shape};
//! use tower_webhook::layer::{DedupeLayer, EndpointConfig};
//! use tower_webhook::{
//!     ConfigError, DedupeConfig, ManualClock, MemoryStore, Name, RetriedStatuses, RetrySchedule,
//!     SenderContract, UnixTime,
//! };
//!
//! fn main() -> Result<(), ConfigError> {
//!     let clock = ManualClock::new(UnixTime::from_micros(1_777_899_600_000_000));
//!     let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
//!     let endpoint = EndpointConfig::new(Name::new("acme")?, contract).clock(clock.clone());
//!     let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
//!     let small = MemoryStore::with_capacity_and_clock(1_000, clock.clone())?;
//!     let layer = DedupeLayer::builder(&endpoint, rule.clone(), [])
//!         .with_insecure_unauthenticated()
//!         .config(DedupeConfig::new().with_insecure_fail_open())
//!         .build(small)?;
//!     // Records are timed by the clock of their store.
//!     let usual = MemoryStore::with_clock(clock);
//!     let other = DedupeLayer::builder(&endpoint, rule, []).with_insecure_unauthenticated();
//!     drop((layer, other.build(usual)?));
//!     Ok(())
//! }
//! ```
