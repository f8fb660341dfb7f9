//! Runs a handler once for each event of a delivery that holds several, and answers once for all.
//!
//! `identified` finds the items. `batch` runs a limited number of them at a time, each as a
//! separate event, and learns from the `caller` of each how it ended. `repeats` knows which items
//! are the same event. `tally` combines all outcomes into one answer.

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
