//! Runs a handler once for each event.
//!
//! `service` sees to it that a request is proved and named and starts `run` in a task of its own:
//! `claim` takes the event, `confirm` asks about it, the handler runs while `hold` renews the claim
//! and at last records the outcome; `renewals` sends those due at one time together. `ticket` carries what is known of the delivery, and its answer.

mod builder;
mod claim;
mod confirm;
mod core;
mod delivery;
mod drain;
mod hold;
mod never_again;
mod renewals;
mod replay;
mod run;
mod service;
mod ticket;

pub(crate) use builder::Settings;
pub use builder::{DedupeBuilder, DedupeLayer};
pub(crate) use confirm::SharedConfirm;
pub use confirm::{Confirm, Confirmation, Unconfirmed};
pub use delivery::{Delivery, Lease};
pub use drain::Drain;
pub use never_again::NeverAgain;
pub use service::Dedupe;
