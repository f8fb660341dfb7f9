//! What strangers try, by programs that are kept: each module is a topic, each test an attack.
//! `docs/attacks.md` lists them with what held; whoever adds a test adds its line there.
#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

mod logs;
mod names;
#[path = "../support/mod.rs"]
mod support;
