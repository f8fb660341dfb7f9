//! Runs a handler once for each event.
//!
//! `service` takes a request to `handle`, which sees to it that it is proved and named, starts `run` in
//! a task of its own and waits for its answer. There `ask` has the event confirmed, if that is asked
//! for, with one `inquiry` for many, `claim` takes it, the service inside is made ready, the handler
//! runs, and `held_claim` records the outcome. A claim that is held for long leaves the
//! `renewal_scheduler` and is renewed, `apart` in a runtime of its own where the store bears it;
//! `renewals` sends those due at one time together. `context` is what is known of a delivery, and
//! `delivery_task` carries its answer.

mod apart;
mod ask;
mod builder;
mod call;
mod claim;
mod confirm;
mod context;
mod delivery;
mod delivery_task;
mod drain;
mod handle;
mod held_claim;
mod inquiry;
mod lease;
mod names;
mod permanent;
mod renewal_scheduler;
mod renewals;
mod replay;
mod run;
mod service;
mod state;

pub(crate) use builder::Settings;
pub use builder::{DedupeBuilder, DedupeLayer};
pub(crate) use confirm::SharedConfirm;
pub use confirm::{Confirm, ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};
pub use delivery::Delivery;
pub(crate) use delivery_task::Answer;
pub use drain::Drain;
pub(crate) use handle::{Waiting, check_outermost};
pub use lease::Lease;
pub(crate) use names::{Owner, TakenName};
pub use permanent::Permanent;
pub use service::Dedupe;
pub(crate) use state::{DedupeState, IdentifiedEvent};
