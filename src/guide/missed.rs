//! Finding events that never arrived, by querying their sender.
//!
//! A sender that gives up, such as BLOX after its first attempt and BlendFi after two minutes, leaves a receiver that
//! was down without the event. A [`Reconciler`](crate::reconcile::Reconciler) queries the sender's API on a schedule,
//! and puts each event that it finds through the same key, record, order and handler as a delivery. An event that was
//! handled is recognized, and if a delivery of it arrives during the run, the later of the two is a duplicate. Your
//! handler needs no second code path for it.
//!
//! The reconciler queries a [`Source`](crate::reconcile::Source), which has one call that returns a page:
//!
//! ```
//! use tower_webhook::reconcile::{ApiError, Found, Page, Reconciler, Recovery, RunEnd, Source};
//! use tower_webhook::{Delivery, MemoryStore, PathTokens, Webhook, provider};
//!
//! /// Stands for the API of a sender, which reports the outcome of its checkouts.
//! struct Ended;
//!
//! impl Source for Ended {
//!     fn recovery(&self) -> Recovery {
//!         Recovery::members(["/checkoutId", "/status", "/amount"])
//!     }
//!
//!     async fn page(&self, _cursor: Option<&str>) -> Result<Page, ApiError> {
//!         let checkout = r#"{"checkoutId":"8f14e45f","status":"FAILED","amount":"15000"}"#;
//!         Ok(Page::of([Found::event(checkout)]))
//!     }
//! }
//!
//! async fn on_event(delivery: Delivery) {
//!     println!("{} {}", delivery.key(), if delivery.is_polled() { "was missed" } else { "came" });
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), tower_webhook::ConfigError> {
//!     let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
//!     let blox = provider::blox(tokens).without_status_check();
//!     let webhook = Webhook::new(blox).store(MemoryStore::new()).build()?;
//!
//!     let reconciler = Reconciler::of(&webhook, Ended).handler(on_event).build()?;
//!     // In a receiver: `tokio::spawn(async move { reconciler.run().await })`.
//!     let report = reconciler.run_once().await;
//!     assert_eq!((report.end, report.seen, report.recovered), (RunEnd::Complete, 1, 1));
//!     assert_eq!(reconciler.run_once().await.known, 1);
//!     Ok(())
//! }
//! ```
//!
//! | sender | with the feature `http-client` | a missed event |
//! | --- | --- | --- |
//! | BLOX | `BloxApi::open_checkouts` queries each open checkout of yours | is handled as the delivery would have been |
//! | BlendFi | `BlendFiApi::deliveries` lists what an endpoint was sent | is delivered again by BlendFi |
//! | Bloquo | `DeliveryList`, with the paths and members of your account | is sent again by Bloquo |
//! | any other | a `Source` of your own on an `ApiClient`, or on a client of yours | is handled as its [`Recovery`](crate::reconcile::Recovery) says |
//!
//! # What is made, and what is asked for again
//!
//! An event that is made from an API's answer must have the same key as its delivery, or it runs twice, as two
//! different events. So a source says which members its answers contain, and a pair of webhook and source that cannot
//! work is refused when it is built: BlendFi's key is an `evt_…` that no conversion contains; a key with a time of
//! sending is in no list of payments. Such a source requests [another
//! delivery](crate::reconcile::Recovery::redelivery) instead, which then arrives at the webhook, signed.
//!
//! If deliveries contain lists, an API mostly returns their items one by one: a source says so by
//! [`of_items`](crate::reconcile::Recovery::of_items). An item whose key takes a member of the envelope around its
//! list cannot be made this way.
//!
//! An event that is made was not proved by a signature, and `Delivery::is_polled` says so. Its only proof is that
//! the API was queried over HTTPS. The webhook's confirmation is still asked about it, unless the source
//! says that the event [was confirmed](crate::reconcile::Found::confirmed).
//!
//! # Runs
//!
//! One reconciler at a time asks for a webhook, of however many processes: its turn is a record with a lease of
//! 30 s beside the others (`tower-webhook:reconciler:…`), and the others' runs end as
//! [`RunEnd::Elsewhere`](crate::reconcile::RunEnd). A run that dies is begun anew by whoever comes next, at its
//! first page. It holds one page at a time, however many there are.
//!
//! | of a report | is |
//! | --- | --- |
//! | `known` | handled before, being handled, or in the inbox, its dead letters among it |
//! | `recovered` | handled now, or queued |
//! | `requested` | asked for again; it is known once it has come |
//! | `pending` | not final or not answered, somebody else is at work on it, or the store could not take it: a later run takes it up |
//! | `mismatched` | handled with other content than the sender tells now; each has a line at `ERROR` |
//! | `failed` | its handler failed, or its key could not be made; what failed is free for the next run |
//!
//! What an API answers otherwise, and what follows:
//!
//! | the API | a run |
//! | --- | --- |
//! | cannot be reached, is slow, breaks off, 5xx | asks for the page up to six times in all, with growing pauses; then it ends |
//! | the same, 403, or no JSON about one open checkout of BLOX, while others are answered | counts that one as `pending` or `failed`, and goes on |
//! | 429, or 503 with `Retry-After` | leaves it alone for so long, an hour at most, and no shorter than the pauses above |
//! | 401, 403; another place (3xx); no JSON; an answer that is too long | ends at once: no further question can help. The key is sent to no other place |
//! | the same page again | ends as `repeated` |
//! | another page for ever | ends as `too_many_pages` after 100,000, or as `out_of_time` after a day, unless the reconciler says otherwise |
//!
//! `cargo run --example reconcile --features http-client,inbox,sqlite,testing` has 500 events of BLOX and 500 of
//! BlendFi happen while nobody listens, starts a receiver, and prints its ledger.
