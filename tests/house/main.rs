//! Checks the structure of `src`: the floor of each file, its imports and its length.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that panics has done its work"
)]

mod amounts;
mod exactly_once;
mod features;
mod floors;
mod guesses;
mod map;
mod msrv;
mod named;
mod prose;
mod senders;
mod shown;
mod sizes;
mod source;
