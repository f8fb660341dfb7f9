//! The amount of work that a test does.
#![allow(dead_code, reason = "not each set of features has a test that asks")]

/// `short` by default; `long` if `LONG_TESTS` is set, as `scripts/test --long` sets it.
pub(crate) fn short_or_long<T>(short: T, long: T) -> T {
    match std::env::var_os("LONG_TESTS") {
        Some(_) => long,
        None => short,
    }
}
