//! The views, as HTML.

pub(super) mod dead;
pub(super) mod deliveries;
pub(super) mod entry;
pub(super) mod event;
pub(super) mod frame;
pub(super) mod line;
pub(super) mod overview;
pub(super) mod queue;
