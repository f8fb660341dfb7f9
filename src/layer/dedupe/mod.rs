mod confirm;
pub(crate) use confirm::SharedConfirm;
pub use confirm::{Confirm, Confirmation, Unconfirmed};
