//! Histories of several claimants: the memory store does what the rules do on a plain map, record
//! by record; and whatever happens, of each key one claim at most is live, fences grow, attempts are
//! counted, what is done stays done as long as it is kept, and who does not hold changes nothing.
//! The promises are checked on the answers alone, without the rules.
//!
//! The input is text. The first line says how many records there is room for. Each line after it is
//! a command: its letter, the key, who, the content, the lease and the retention; or `+` and `-` and
//! a span by which the clock is moved. Any byte means something, a missing one too.
#![no_main]

mod history;
mod input;
mod witness;

use libfuzzer_sys::fuzz_target;

use crate::history::History;
use crate::input::{KEYS, pick};

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|b| *b == b'\n');
    let room = 1 + pick(lines.next().and_then(<[u8]>::first), KEYS);
    let mut history = History::new(room);
    for line in lines.take(300) {
        history.step(line);
        history.compare();
    }
    history.look();
});
