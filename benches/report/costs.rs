//! The table of costs in the README.

use crate::numbers::{Numbers, Place};

const BEGIN: &str = "<!-- costs: written by scripts/bench -->\n";
const END: &str = "<!-- end of costs -->";

const WHOLE: &str = "The whole stack against what one would write by hand";

/// The statement for each row, its subject and its places; if there are several places, the lowest
/// number is used.
const ROWS: [(&str, &str, &[Place]); 6] = [
    (
        "verifying 1 KiB, beside the MAC alone (`hmac`, `sha2`)",
        "of its time",
        &[[
            "peers",
            "Ratios of one delivery",
            "ours (`hmac`, `sha2`) ÷ MAC alone: `hmac`, `sha2`",
            "1 KiB",
        ]],
    ),
    (
        "whole stack, records in memory, beside a handler with a MAC check and no more",
        "of its requests/s",
        &[[
            "stack",
            WHOLE,
            "`Webhook`: signature, key, memory",
            "of the row above",
        ]],
    ),
    (
        "whole stack, records in Redis, beside a handler that does the same by hand",
        "of its requests/s",
        &[[
            "stack",
            WHOLE,
            "`Webhook`: signature, key, Redis",
            "of the row above",
        ]],
    ),
    (
        "refusing for path, address or signature, whichever takes most, beside a handler that reads the body",
        "of its requests/s",
        &[
            refusal("wrong path token: 404"),
            refusal("address not on the list: 403"),
            refusal("no signature header: 401"),
        ],
    ),
    (
        "`RedisStore` with 64 events in flight, beside the same script calls by hand",
        "of their rate",
        &[[
            "store",
            "Claim and complete on Redis",
            "64 in flight",
            "of the rate by hand",
        ]],
    ),
    (
        "whole stack in memory, beside `webhook-verify` and `idempotent` in memory",
        "of their requests/s",
        &[[
            "peers-stack",
            "One delivery over loopback",
            "our `Webhook`, `MemoryStore`",
            "of the row above",
        ]],
    ),
];

const fn refusal(row: &'static str) -> Place {
    ["stack", "Refusals", row, "of the handler alone"]
}

/// The text, with a new table between the two marks.
pub(crate) fn renew(text: &str, numbers: &Numbers) -> Result<String, String> {
    let marks = || format!("no {BEGIN:?} and {END:?} after it");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let (mut rows, mut missing) = (String::new(), Vec::new());
    for (what, of, places) in ROWS {
        let mut lowest = f64::INFINITY;
        for place in places {
            match numbers.at([*place]) {
                Ok([ratio]) => lowest = lowest.min(ratio),
                Err(which) => missing.push(which),
            }
        }
        rows += &format!("| {what} | {lowest:.2} {of} |\n");
    }
    if !missing.is_empty() {
        return Err(missing.join("\n"));
    }
    Ok(format!(
        "{before}{BEGIN}| | |\n| --- | ---: |\n{rows}{END}{after}"
    ))
}
