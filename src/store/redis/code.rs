//! The scripts, put together from their files. The benches and tests that call them by hand include
//! this file.

/// One claim.
pub(crate) const CLAIM: &str = concat!(
    include_str!("layout.lua"),
    include_str!("claim_new.lua"),
    include_str!("record.lua"),
    include_str!("claim.lua"),
);

/// One completion.
pub(crate) const COMPLETE: &str = concat!(
    include_str!("layout.lua"),
    include_str!("complete_own.lua"),
    include_str!("record.lua"),
    include_str!("complete.lua"),
);

/// Claims that go together.
pub(crate) const CLAIMS: &str = concat!(
    include_str!("layout.lua"),
    include_str!("record.lua"),
    "local function one(KEYS, ARGV)\n",
    include_str!("claim_new.lua"),
    include_str!("claim.lua"),
    "end\n",
    include_str!("each.lua"),
);

/// Completions that go together.
pub(crate) const COMPLETIONS: &str = concat!(
    include_str!("layout.lua"),
    include_str!("record.lua"),
    "local function one(KEYS, ARGV)\n",
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

/// What a record holds.
pub(crate) const LOOKUP: &str = concat!(include_str!("layout.lua"), include_str!("lookup.lua"));

/// How long a lease still is.
pub(crate) const PEEK: &str = concat!(
    include_str!("layout.lua"),
    include_str!("peek.lua"),
    include_str!("record.lua"),
    include_str!("peek_again.lua"),
);

/// A record's end.
pub(crate) const FORGET: &str = include_str!("forget.lua");
