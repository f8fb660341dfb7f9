//! Runs an event once, under a lease, independent of HTTP.
//!
//! An [`EventHandler`] is an async function of the parts of a [`Run`]: an [`Event<T>`](Event), a
//! [`Delivery`], with the feature `axum` its `State<S>`, and whatever else is [`FromRun`]. It
//! reports whether its event is done, must be retried, or will never succeed: see [`Failure`].
//! Until then, the event is held under a [`Lease`].
//!
//! # How it works
//!
//! `run` has an event confirmed, if required (`ask`, with one `inquiry` for many), and claims it
//! (`claim`). It waits until its `work` can begin, runs that, and has `held_claim` record the outcome
//! before its `caller` learns of it. A claim that is held for long leaves the `renewal_scheduler` and
//! is renewed (`renewing`), in the separate runtime of `apart` if the store allows that; `renewals`
//! batches those that are due together. `context` holds the facts about a run.

#[cfg(feature = "inbox")]
mod accept;
mod any_handler;
mod apart;
mod ask;
mod caller;
mod caught;
mod claim;
mod confirm;
mod context;
mod delivery;
mod delivery_task;
mod drain;
mod event;
mod failure;
mod handler;
mod held_claim;
mod identified;
#[cfg(feature = "inbox")]
mod inbox_lookups;
mod inquiry;
mod lease;
mod outcome;
mod permanent;
mod release;
mod renewal_scheduler;
mod renewals;
mod renewing;
mod run;
#[cfg(feature = "inbox")]
mod served;
mod shared_confirm;
mod span;
mod state;
mod terms;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transacted;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transaction_slot;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod tx;
mod waiting;
mod within;
mod work;

#[cfg(feature = "inbox")]
pub(crate) use accept::{Door, spawn_accept};
pub(crate) use any_handler::{AnyHandler, WithState};
#[cfg(feature = "inbox")]
pub(crate) use ask::judged;
pub(crate) use caller::Caller;
pub(crate) use caught::{Panicked, caught, caught_once};
pub use confirm::{Confirm, ConfirmLimits, ConfirmSubject, Confirmation, Unconfirmed};
#[cfg(feature = "inbox")]
pub(crate) use context::Hold;
pub(crate) use context::RunContext;
pub use delivery::Delivery;
pub use drain::Drain;
pub use event::Event;
pub use failure::{Failure, FailureKind, HandlerResult};
pub use handler::{EventHandler, FromRun, Run};
pub(crate) use identified::{Around, DeliveredItem, IdentifiedEvent};
#[cfg(feature = "inbox")]
pub(crate) use inbox_lookups::InboxLookups;
pub use lease::Lease;
pub(crate) use outcome::Outcome;
pub use permanent::Permanent;
pub(crate) use run::spawn;
#[cfg(feature = "inbox")]
pub(crate) use served::private as sealed;
#[cfg(feature = "inbox")]
pub use served::{Served, Serves};
pub(crate) use shared_confirm::SharedConfirm;
pub(crate) use state::{RunSettings, RunState};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use tx::{Tx, TxDatabase};
pub(crate) use waiting::WaitingRoom;
pub(crate) use within::within;
pub(crate) use work::{Ended, Ran, Work};

#[cfg(test)]
mod tests;
