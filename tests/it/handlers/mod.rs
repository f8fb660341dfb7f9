//! What becomes of an event when its handler, or its sender, does not do what it should; and what a
//! handler is given.

mod answers;
mod ends;
mod event_handler;
mod given;
mod replays;
mod unfit;
mod user_code;

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
