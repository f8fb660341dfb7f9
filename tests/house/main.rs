//! The structure of `src`: which floor a file stands on, what it imports, how long it is.
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
