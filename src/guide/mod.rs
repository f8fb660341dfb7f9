//! Guides: prose whose examples run. The modules contain no code.
//!
//! | guide | about |
//! | --- | --- |
//! | [`quick_start`] | from nothing to a receiver |
//! | [`handlers`] | what a handler receives, and what it can answer |
//! | `inbox` (feature `inbox`) | answering at once, and working later |
//! | [`order_of_layers`] | which layers belong outside a webhook's layer, and which inside |
//! | [`proxies`] | whose address counts behind a proxy |
//! | `client_certificates` (feature `asymmetric`) | senders that are identified by a TLS certificate |
//! | [`roll_over`] | changing a secret without losing a delivery |
//! | [`missed`] | finding events that never arrived, by querying their sender |
//! | [`unauthorized`] | what to do when a sender gets 401 |
//! | [`guarantees`] | exactly what is guaranteed, and what is not |
//! | [`settings`] | what can be set, and when it is worth it |
//! | [`own_sender`] | a sender that has no preset, written as data |
//! | [`upgrades`] | replacing a receiver while deliveries arrive |
//! | [`without_axum`] | running without axum, and without a server |

#[cfg(feature = "asymmetric")]
pub mod client_certificates;
pub mod guarantees;
pub mod handlers;
#[cfg(feature = "inbox")]
pub mod inbox;
pub mod missed;
pub mod order_of_layers;
pub mod own_sender;
pub mod proxies;
pub mod quick_start;
pub mod roll_over;
pub mod settings;
pub mod unauthorized;
pub mod upgrades;
pub mod without_axum;
