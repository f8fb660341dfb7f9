//! Runs a handler once for each event that arrives in a request.
//!
//! `state` checks that a request is proved and names its event. `handle` passes it to the runtime,
//! with the inner service as its `work`, and waits for the answer, which `responder` gives in the
//! sender's terms. `context` is what is kept of the request and shown to the observer. `items` does
//! the same for a request that holds several events.

mod again;
mod builder;
mod config;
mod context;
#[cfg(feature = "inbox")]
mod enqueue;
#[cfg(feature = "inbox")]
mod enqueue_layer;
mod handle;
mod items;
mod kept_in;
mod names;
mod polled;
mod replay;
mod responder;
mod service;
mod state;
mod work;

pub use again::{Replay, ReplayError, ReplayErrorKind, Replayed};
pub use builder::{DedupeBuilder, DedupeLayer};
pub use config::DedupeConfig;
#[cfg(feature = "inbox")]
pub use enqueue_layer::EnqueueLayer;
pub(crate) use handle::{Waiting, check_outermost};
pub(crate) use items::{IdentifiedItem, WaitingForItems};
pub(crate) use kept_in::KeptIn;
pub(crate) use names::{Owner, TakenName};
pub(crate) use polled::{IdentifiedPolled, PolledEnd, PolledEvent, Standing};
pub use service::Dedupe;
pub(crate) use state::DedupeState;
