//! The scripts of the inbox, put together from their files.

/// A script that reads or writes any entry.
macro_rules! entries {
    ($file:literal) => {
        concat!(
            include_str!("../layout.lua"),
            include_str!("layout.lua"),
            include_str!("entry.lua"),
            include_str!($file),
        )
    };
}

/// A script that reads indexes.
macro_rules! indexes {
    ($file:literal) => {
        concat!(
            include_str!("../layout.lua"),
            include_str!("layout.lua"),
            include_str!($file),
        )
    };
}

/// A new event, and one that is known.
pub(crate) const ACCEPT: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("accept_new.lua"),
    include_str!("../record.lua"),
    include_str!("entry.lua"),
    include_str!("accept.lua"),
);

/// Which entries are due.
pub(crate) const PEEK: &str = indexes!("peek.lua");
/// Entries that were due.
pub(crate) const TAKE: &str = entries!("take.lua");
/// The beginning of an attempt.
pub(crate) const BEGIN: &str = entries!("begin.lua");
/// More time.
pub(crate) const EXTEND: &str = entries!("extend.lua");
/// The end of an attempt.
pub(crate) const FINISH: &str = entries!("finish.lua");
/// What an operator asks for.
pub(crate) const MOVE: &str = entries!("move.lua");
/// An entry's end.
pub(crate) const FORGET: &str = entries!("forget.lua");
/// What entries hold.
pub(crate) const LOOK: &str = entries!("look.lua");
/// How many entries there are.
pub(crate) const COUNT: &str = indexes!("count.lua");
/// What is kept of order keys.
pub(crate) const ORDER: &str = indexes!("order.lua");
/// The rates of providers.
pub(crate) const RATE: &str = indexes!("rate.lua");
