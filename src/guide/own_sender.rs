//! A sender that has no preset, written as data.
//!
//! A [`Provider`](crate::Provider) is a proof, a rule that identifies its events, and how it delivers. All
//! three are data: `examples/custom_provider.rs` is a complete one, and this guide shows what else a sender may
//! need.
//!
//! # How it signs
//!
//! ```
//! use tower_webhook::signature::{Component, Scheme};
//! use tower_webhook::{ConfigError, Encoding, SecretFormat, Tolerance};
//!
//! fn main() -> Result<(), ConfigError> {
//!     let scheme = Scheme::builder("webhook-signature")
//!         .list("v1,", Encoding::Base64)
//!         .id_header("webhook-id")
//!         .timestamp_header("webhook-timestamp")
//!         // The same headers under other names: a delivery has one family or the other.
//!         .or_family("svix-signature")
//!         .id_header("svix-id")
//!         .timestamp_header("svix-timestamp")
//!         .content([
//!             Component::Id,
//!             Component::literal("."),
//!             Component::Timestamp,
//!             Component::literal("."),
//!             Component::Body,
//!         ])
//!         .secrets(SecretFormat::base64("whsec_"))
//!         .tolerance(Tolerance::from_secs(60)?)
//!         // Shown in the log of a refusal, and trusted for nothing.
//!         .shown_id_header("x-request-id")
//!         .build()?;
//!     assert_eq!(scheme.tolerance(), Some(Tolerance::from_secs(60)?));
//!     assert_eq!(scheme.secret_format(), &SecretFormat::base64("whsec_"));
//!     Ok(())
//! }
//! ```
//!
//! A sender that signs with a private key is proved by its public key, with the feature `asymmetric`: set the
//! algorithm, and the secrets are then the sender's public keys. A token that contains the body's digest is
//! verified by its own rules, with the feature `jwt`:
//!
//! ```
//! #[cfg(feature = "jwt")]
//! fn main() -> Result<(), tower_webhook::ConfigError> {
//!     use tower_webhook::signature::{
//!         Algorithm, Component, Jws, JwsAlgorithm, Place, PublicKeyAlgorithm, Scheme, Verifier,
//!     };
//!     use tower_webhook::{Encoding, KeyRing};
//!
//!     let ed25519 = Scheme::builder("x-signature-ed25519")
//!         .single("", Encoding::Hex)
//!         .timestamp_header("x-signature-timestamp")
//!         .content([Component::Timestamp, Component::literal("."), Component::Body])
//!         .algorithm(Algorithm::PublicKey(PublicKeyAlgorithm::Ed25519))
//!         .build()?;
//!     let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
//!     let keys = KeyRing::parse(ed25519.secret_format(), [public])?;
//!     let by_public_key = Verifier::new(ed25519, keys);
//!
//!     let token = Jws::new([JwsAlgorithm::Es256])
//!         .key_by_kid()
//!         .body_hash("request_body_sha256", Encoding::Hex)
//!         .issued_at();
//!     let by_token = Scheme::jws(Place::header("acme-verification"), token).build()?;
//!     println!("{by_public_key:?}, {:?}", by_token.secret_format());
//!     Ok(())
//! }
//! #[cfg(not(feature = "jwt"))]
//! fn main() {}
//! ```
//!
//! `docs/schemes.md` lists all parts of a scheme, in the form of a settings file: among them signatures with
//! public keys, tokens, and message signatures (RFC 9421).
//!
//! # What tells its events apart
//!
//! A [`Shape`](crate::event::Shape) says when it applies, what the key is, and what the event means. Shapes
//! are tried in order:
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::Name;
//! use tower_webhook::event::{EventRule, Shape};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let test = Shape::new("test", ["/id"])?
//!         .when_one_of("/mode", ["test"])?
//!         .test_ids(["evt_0"])?;
//!     let refund = Shape::new("refund", ["/charge", "/refund/id"])?.when_there("/refund/id")?;
//!     let ping = Shape::new("ping", ["/id"])?.only_in("/data", ["zen"])?.answered();
//!     let other = Shape::new("event", ["/id"])?
//!         .own_id()?
//!         .fingerprint(["/data"])?
//!         .time("/created")?;
//!     let rule = EventRule::members([test, refund, ping, other])?
//!         // This header repeats the key: a delivery in which it differs is refused.
//!         .checked_header("x-acme-id")?
//!         // An event that no shape fits is keyed on its bytes, and not refused.
//!         .or_body("unknown");
//!
//!     let shape = |body: &str| -> Result<_, Box<dyn std::error::Error>> {
//!         let event = rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, body.as_bytes())?;
//!         Ok(event.shape.map(String::from))
//!     };
//!     assert_eq!(shape(r#"{"id":"evt_0","mode":"test"}"#)?.as_deref(), Some("test"));
//!     assert_eq!(shape(r#"{"charge":1,"refund":{"id":2}}"#)?.as_deref(), Some("refund"));
//!     assert_eq!(shape(r#"{"id":"evt_1","data":{"zen":"…"}}"#)?.as_deref(), Some("ping"));
//!     assert_eq!(shape(r#"{"id":"evt_1","data":{"amount":1}}"#)?.as_deref(), Some("event"));
//!     assert_eq!(shape(r#"{"something":"else"}"#)?, None);
//!     Ok(())
//! }
//! ```
//!
//! If no member identifies an event, [`EventRule::signed_id`](crate::event::EventRule::signed_id) takes
//! the id that the signature covers, and [`EventRule::body`](crate::event::EventRule::body) the bytes. For a
//! body with several events in a list, use [`or_each`](crate::event::EventRule::or_each).
//!
//! ```
//! use tower_webhook::ConfigError;
//! use tower_webhook::event::{EventRule, Shape};
//!
//! fn main() -> Result<(), ConfigError> {
//!     let item = EventRule::members([Shape::new("item", ["/id"])?])?;
//!     let by_id_or_list = EventRule::signed_id().or_each("/events", item)?;
//!     let by_content = EventRule::body().key_on_content_alone();
//!     println!("{by_id_or_list:?}, {by_content:?}");
//!     Ok(())
//! }
//! ```
//!
//! # How it delivers
//!
//! Lease, retention, deadline and answers follow from the sender's
//! [`SenderContract`](crate::SenderContract):
//!
//! ```
//! use std::time::Duration;
//! use http::{Method, StatusCode};
//! use tower_webhook::{ConfigError, RetriedStatuses, RetrySchedule, SenderContract, SuccessAnswer, Tolerance};
//!
//! fn main() -> Result<(), ConfigError> {
//!     let schedule = RetrySchedule::Exponential { first: Duration::from_secs(60), attempts: 8 };
//!     let contract = SenderContract::new(schedule, RetriedStatuses::server_errors_and([408, 429].as_slice()))
//!         .waits(Duration::from_secs(10))
//!         .signs_time(Tolerance::from_secs(300)?)
//!         .sends_up_to(5 << 20)
//!         .delivers_with([Method::POST, Method::PUT])
//!         .probes_with([Method::HEAD])
//!         .counts_as_success(SuccessAnswer::one_of([200, 204].as_slice()))
//!         .wants_empty_401();
//!     assert_eq!(contract.deadline(), Duration::from_secs(8));
//!     assert_eq!(contract.time_to_answer(), Duration::from_secs(10));
//!     assert_eq!(contract.largest_body(), 5 << 20);
//!     assert!(contract.retries_at_all() && contract.retries(StatusCode::TOO_MANY_REQUESTS));
//!     assert_eq!(contract.delivering_methods(), [Method::POST, Method::PUT]);
//!     assert_eq!(contract.probing_methods(), [Method::HEAD]);
//!     assert!(contract.needs_empty_401());
//!     // The defaults that follow from it.
//!     assert_eq!(contract.default_lease(), Duration::from_secs(15));
//!     assert_eq!(contract.default_renewal_ceiling(), Duration::from_secs(900));
//!     assert!(contract.default_retention() >= Duration::from_secs(72 * 3_600));
//!     Ok(())
//! }
//! ```
//!
//! # What proves it
//!
//! A signature, an address, a secret path, a [proof of your own](crate::layer::Prove), or several at once.
//! Weak ones can be confirmed by asking the sender's API before anything is claimed:
//!
//! ```
//! use tower_webhook::event::{EventRule, Shape};
//! use tower_webhook::{
//!     Allowlist, ConfigError, Confirmation, Name, PathTokens, Provider, RetriedStatuses,
//!     RetrySchedule, SenderContract, Unconfirmed,
//! };
//!
//! /// Stands for a query of the sender's API: this one confirms every event.
//! async fn ask_their_api(event: Unconfirmed) -> Confirmation {
//!     println!("GET https://api.acme.example/events/{}", event.key);
//!     Confirmation::Confirmed
//! }
//!
//! fn main() -> Result<(), ConfigError> {
//!     let (name, contract) = (
//!         Name::new("acme")?,
//!         SenderContract::new(RetrySchedule::Never, RetriedStatuses::None),
//!     );
//!     let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let addresses = Allowlist::parse(["203.0.113.0/24"])?;
//!     let by_path = Provider::by_secret_path(name.clone(), tokens.clone(), rule.clone(), contract.clone())
//!         .and_from_source(addresses.clone());
//!     let by_address = Provider::from_source(name, addresses, rule, contract.clone())
//!         .and_by_secret_path(tokens)
//!         .confirm(ask_their_api)
//!         .tenant(Name::new("shop-7")?);
//!     // A preset can be changed in the same way.
//!     let changed = by_path.replace_contract(contract).replace_rule(by_address.rule().clone());
//!     println!("{changed:?}");
//!     Ok(())
//! }
//! ```
