//! Guides: prose whose examples run. The modules hold no code.
//!
//! | guide | tells |
//! | --- | --- |
//! | [`quick_start`] | from nothing to a receiver |
//! | [`handlers`] | what a handler is told, and what it can answer |
//! | `inbox` (feature `inbox`) | answering at once, and working later |
//! | [`order_of_layers`] | what stands outside of a webhook's layer, and what inside |
//! | [`proxies`] | whose address counts behind a proxy |
//! | `client_certificates` (feature `asymmetric`) | senders that are known by a TLS certificate |
//! | [`roll_over`] | changing a secret without losing a delivery |
//! | [`missed`] | events that never arrived: finding them by asking their sender |
//! | [`unauthorized`] | my sender gets 401 |
//! | [`guarantees`] | exactly what is guaranteed, and what is not |
//! | [`settings`] | what can be set, and when it is worth it |
//! | [`own_sender`] | a sender that has no preset, written as data |
//! | [`upgrades`] | replacing a receiver while deliveries come in |
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
