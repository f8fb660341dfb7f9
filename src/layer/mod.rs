//! The layers.
mod dedupe;
pub(crate) use dedupe::SharedConfirm;
pub use dedupe::{Confirm, Confirmation, Unconfirmed};
