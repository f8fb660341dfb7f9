//! Runs a handler once for each event of a delivery that holds several, and answers once for all.
//!
//! `identified` finds the items; `batch` has so many of them run at a time, each as an event of its own,
//! and hears from the `caller` of each how it ended; `repeats` knows which items are the same event;
//! `tally` makes one answer of all.

#[cfg(feature = "inbox")]
mod accept;
mod batch;
mod caller;
mod identified;
mod repeats;
mod tally;
mod turns;
mod waiting;

pub(crate) use identified::IdentifiedItem;
pub(crate) use waiting::WaitingForItems;
