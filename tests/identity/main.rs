//! What is the same event, and what is another one.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/mod.rs"]
mod support;

mod consumers;
mod observed;
mod questions;
mod repeats;
mod senders;
