//! The scripts, assembled from their files. The benches and tests that call them by hand include
//! this file.

/// The arguments of a claim, after its key.
macro_rules! claim_words {
    () => {
        "token, fingerprint, lease, kept, kept_by_redis, name"
    };
}

/// The arguments of a completion, after its key.
macro_rules! complete_words {
    () => {
        "token, head, grant, tail, retention, kept_by_redis"
    };
}

/// One claim.
pub(crate) const CLAIM: &str = concat!(
    include_str!("layout.lua"),
    concat!("local key, ", claim_words!(), " = KEYS[1], unpack(ARGV)\n"),
    include_str!("claim_new.lua"),
    include_str!("record.lua"),
    include_str!("claim.lua"),
);

/// One completion.
pub(crate) const COMPLETE: &str = concat!(
    include_str!("layout.lua"),
    concat!(
        "local key, ",
        complete_words!(),
        " = KEYS[1], unpack(ARGV)\n"
    ),
    include_str!("complete_own.lua"),
    include_str!("record.lua"),
    include_str!("complete.lua"),
);

/// Claims and completions in one call.
pub(crate) const EACH: &str = concat!(
    include_str!("layout.lua"),
    include_str!("record.lua"),
    concat!("local function claim(key, ", claim_words!(), ")\n"),
    include_str!("claim_new.lua"),
    include_str!("claim.lua"),
    "end\n",
    concat!("local function complete(key, ", complete_words!(), ")\n"),
    include_str!("complete_own.lua"),
    include_str!("complete.lua"),
    "end\n",
    include_str!("each.lua"),
);

/// One release.
pub(crate) const RELEASE: &str = concat!(
    include_str!("layout.lua"),
    include_str!("record.lua"),
    include_str!("release.lua"),
);

/// Renewals.
pub(crate) const RENEW: &str = concat!(
    include_str!("layout.lua"),
    include_str!("record.lua"),
    include_str!("renew.lua"),
);

/// Reads a record.
pub(crate) const LOOKUP: &str = concat!(include_str!("layout.lua"), include_str!("lookup.lua"));

/// Reads several records.
pub(crate) const LOOKUPS: &str = concat!(include_str!("layout.lua"), include_str!("lookups.lua"));

/// Reads how long a lease still lasts.
pub(crate) const PEEK: &str = concat!(
    include_str!("layout.lua"),
    include_str!("peek.lua"),
    include_str!("record.lua"),
    include_str!("peek_again.lua"),
);

/// Removes a record.
pub(crate) const FORGET: &str = include_str!("forget.lua");
