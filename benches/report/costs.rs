//! The table of costs in the README.

use crate::tables::{Parts, all};

const BEGIN: &str = "<!-- costs: written by scripts/bench -->\n";
const END: &str = "<!-- end of costs -->";

/// What is said of each, and of what: the part, and how the line in its list begins.
const ROWS: [(&str, &str, &str, &str); 6] = [
    (
        "verifying 1 KiB, beside the MAC alone (`hmac`, `sha2`)",
        "of its time",
        "peers",
        "ours (`hmac`, `sha2`), 1 KiB:",
    ),
    (
        "whole stack, records in memory, beside a handler with a MAC check and no more",
        "of its requests/s",
        "stack",
        "`Webhook`: signature, key, memory against bare MAC, by hand:",
    ),
    (
        "whole stack, records in Redis, beside a handler that does the same by hand",
        "of its requests/s",
        "stack",
        "`Webhook`: signature, key, Redis against bare MAC and two script calls, by hand:",
    ),
    (
        "refusing for want of a signature, beside a handler that reads the body",
        "of its requests/s",
        "stack",
        "no signature header: 401 against reads the body:",
    ),
    (
        "`RedisStore` with 64 events in flight, beside the same script calls by hand",
        "of their rate",
        "store",
        "`RedisStore` against `EVALSHA` by hand, 64 in flight:",
    ),
    (
        "whole stack in memory, beside `webhook-verify` and `idempotent` in memory",
        "of their requests/s",
        "peers-stack",
        "our `Webhook`, `MemoryStore` against `webhook-verify`, `idempotent` in memory:",
    ),
];

/// The text with the table between the two marks made anew.
pub(crate) fn renew(text: &str, parts: &Parts) -> Result<String, String> {
    let marks = || format!("no {BEGIN:?} and {END:?} after it");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let ratios = all(ROWS.map(|(_, _, part, words)| parts.verdict(part, words)))?;
    let rows: String = (ROWS.iter().zip(ratios))
        .map(|((what, of, _, _), ratio)| format!("| {what} | {ratio:.2} {of} |\n"))
        .collect();
    Ok(format!(
        "{before}{BEGIN}| | |\n| --- | ---: |\n{rows}{END}{after}"
    ))
}
