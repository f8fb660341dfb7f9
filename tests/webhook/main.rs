//! The program `webhook`, as it is built, against receivers over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

mod errors;
mod keeping;
mod pipes;
mod places;
mod program;
mod receiver;
#[path = "../redis_support/mod.rs"]
mod redis_support;
mod replaying;
mod sending;
#[cfg(feature = "postgres")]
#[path = "../sql_support/mod.rs"]
mod sql_support;
mod tasks;
mod telling;
mod terminal;
mod verifying;
