//! Runs a handler once for each event.
//!
//! `service` takes a request to `handle`, which sees to it that it is proved and named, starts `run` in
//! a task of its own and waits for its answer. There `ask` has the event confirmed, if that is asked
//! for, with one `inquiry` for many, `claim` takes it, the service inside is made ready, the handler
//! runs, and `hold` records the outcome. A hold that is not over soon leaves the `nursery` and is renewed,
//! `apart` in a runtime of its own where the store bears it; `renewals` sends those due at one time
//! together. `facts` is what is known of a delivery, `ticket` carries its answer.

mod apart;
mod ask;
mod builder;
mod call;
mod claim;
mod confirm;
mod core;
mod delivery;
mod drain;
mod facts;
mod handle;
mod hold;
mod inquiry;
mod lease;
mod names;
mod never_again;
mod nursery;
mod renewals;
mod replay;
mod run;
mod service;
mod ticket;

pub(crate) use builder::Settings;
pub use builder::{DedupeBuilder, DedupeLayer};
pub(crate) use confirm::SharedConfirm;
pub use confirm::{Confirm, ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};
pub(crate) use core::{Core, Known};
pub use delivery::Delivery;
pub use drain::Drain;
pub(crate) use handle::{Waiting, check_outermost};
pub use lease::Lease;
pub(crate) use names::{Owner, TakenName};
pub use never_again::NeverAgain;
pub use service::Dedupe;
pub(crate) use ticket::Answer;
