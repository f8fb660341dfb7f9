//! What becomes of an event when its handler, or its sender, does not do what it should; and what a
//! handler is given.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod answers;
mod ends;
mod given;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
