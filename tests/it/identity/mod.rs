//! What is the same event, and what is another one.

mod consumers;
mod observed;
mod questions;
mod repeats;
mod senders;
