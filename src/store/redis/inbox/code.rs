//! The scripts of the inbox, assembled from their files.

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

/// The arguments of an acceptance, after its keys.
macro_rules! accept_words {
    () => {
        "fingerprint, has_own_id, revive_every, names, route, size, content, room, order_key, order"
    };
}

/// Reads the record of a store in the same namespace. Other names of ../record.lua are changed here.
macro_rules! read_record {
    () => {
        concat!(
            "local read_record\ndo\n",
            include_str!("../record.lua"),
            "read_record = read\nend\n",
        )
    };
}

/// The arguments of a beginning, after its keys.
macro_rules! begin_words {
    () => {
        "taken, token, lease"
    };
}

/// The arguments of an end, after its keys.
macro_rules! finish_words {
    () => {
        "token, verdict, span, reason"
    };
}

/// Accepts an event, whether new or known.
pub(crate) const ACCEPT: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    concat!("local keys, ", accept_words!(), " = KEYS, unpack(ARGV)\n"),
    include_str!("accept_new.lua"),
    read_record!(),
    include_str!("entry.lua"),
    include_str!("accept.lua"),
);

/// Finds due entries.
pub(crate) const PEEK: &str = indexes!("peek.lua");
/// Takes entries that were due.
pub(crate) const TAKE: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("plain.lua"),
    include_str!("entry.lua"),
    include_str!("take.lua"),
);
/// The beginning of an attempt.
pub(crate) const BEGIN: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("entry.lua"),
    concat!("local keys, ", begin_words!(), " = KEYS, unpack(ARGV)\n"),
    include_str!("begin.lua"),
);
/// Extends leases.
pub(crate) const EXTEND: &str = entries!("extend.lua");
/// The end of an attempt.
pub(crate) const FINISH: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("plain.lua"),
    include_str!("entry.lua"),
    concat!("local keys, ", finish_words!(), " = KEYS, unpack(ARGV)\n"),
    include_str!("finish.lua"),
);
/// Carries out a command of an operator.
pub(crate) const MOVE: &str = entries!("move.lua");
/// Removes an entry.
pub(crate) const FORGET: &str = entries!("forget.lua");
/// Reads entries.
pub(crate) const LOOK: &str = entries!("look.lua");
/// Counts entries.
pub(crate) const COUNT: &str = indexes!("count.lua");
/// Reads and changes the state of order keys.
pub(crate) const ORDER: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("order.lua"),
    include_str!("orders.lua"),
);
/// Acceptances, beginnings, ends and order keys in one call.
pub(crate) const EACH: &str = concat!(
    include_str!("../layout.lua"),
    include_str!("layout.lua"),
    include_str!("plain.lua"),
    include_str!("entry.lua"),
    include_str!("order.lua"),
    concat!("local function accept(keys, ", accept_words!(), ")\n"),
    include_str!("accept_new.lua"),
    read_record!(),
    include_str!("accept.lua"),
    "end\n",
    concat!("local function begin(keys, ", begin_words!(), ")\n"),
    include_str!("begin.lua"),
    "end\n",
    concat!("local function finish(keys, ", finish_words!(), ")\n"),
    include_str!("finish.lua"),
    "end\n",
    "local function order_alone(keys, ...) return { now, order(keys[1], ...) } end\n",
    include_str!("each.lua"),
);
/// Pauses or resumes a provider.
pub(crate) const PAUSE: &str = include_str!("pause.lua");
/// The rates of providers.
pub(crate) const RATE: &str = indexes!("rate.lua");
