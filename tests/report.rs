//! What `scripts/bench` makes of what was measured: `docs/benchmarks.md`, `docs/sizing.md` and the
//! README's table of costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../benches/report/benchmarks.rs"]
mod benchmarks;
#[path = "../benches/report/costs.rs"]
mod costs;
#[path = "../benches/common/measured.rs"]
mod measured;
#[path = "../benches/report/numbers.rs"]
mod numbers;
#[path = "../benches/report/sizing.rs"]
mod sizing;

use measured::{Bound, Measured, Table};
use numbers::Numbers;
use sizing::{Inputs, LOAD, Load, Need};

const MEASURED: Inputs = Inputs {
    receiver_micros: 31.5,
    client_micros: 6.25,
    client_micros_in_cluster: 9.75,
    master_micros: 23.7,
    master_micros_alone: 61.2,
    record_bytes: 224.8,
    bytes_to_redis: 475.0,
    bytes_from_redis: 77.0,
};

const LINES: &str = include_str!("data/measured.jsonl");

fn numbers() -> Numbers {
    Numbers::parse(LINES).unwrap()
}

/// All but what is in the lines with these words.
fn without(words: &str) -> Numbers {
    let left = LINES.lines().filter(|line| !line.contains(words));
    let left: Vec<_> = left.collect();
    assert!(left.len() < LINES.lines().count(), "{words}: in no line");
    Numbers::parse(&left.join("\n")).unwrap()
}

#[track_caller]
fn is(value: f64, expected: f64) {
    assert!(
        (value / expected - 1.0).abs() < 1e-12,
        "{value}, not {expected}"
    );
}

/// The expected values are worked out in decimals:
///
/// ```sh
/// python3 -c 'from decimal import Decimal as D; from math import ceil
/// rate, usable, b = D(100000), D(64 * 10**9) * D("0.75"), D("224.8")
/// a_core = lambda us: rate * us / 10**6 / D("0.6")
/// for us in ["35", "23.7", "61.2"]: print(a_core(D(us)), ceil(a_core(D(us))))
/// print(rate * 72 * 3600, rate * 72 * 3600 * b, rate * 72 * 3600 * b / usable)
/// print(4 * usable / (rate * 3600 * b), usable / (72 * 3600 * b), 600000 / D("23.7"))'
/// ```
#[test]
fn a_load_needs_what_arithmetic_says() {
    let need = Need::of(LOAD, MEASURED);
    is(need.receiver_micros, 35.0);
    is(need.receiver_cores, 6.0);
    is(need.masters_by_core, 4.0);
    is(need.masters_by_core_alone, 11.0);
    is(need.records, 25_920_000_000.0);
    is(need.bytes, 5_826_816_000_000.0);
    is(need.masters_by_memory, 122.0);
    is(need.hours_by_core, 2.372_479_240_806_643);
    is(need.full_memory_at, 823.777_514_168_973_2);
    is(need.full_core_at, 25_316.455_696_202_53);
    is(need.gigabits_in, 1.2192);
    is(need.gigabits_to_redis, 0.38);
    is(need.gigabits_from_redis, 0.0616);
    assert_eq!(need.first(), "memory");
    is(need.masters(), 122.0);
}

/// 100,000 × 3,600 × 224.8 bytes are 1.686 times 48 GB.
#[test]
fn with_a_short_retention_the_cores_decide() {
    let need = Need::of(Load { hours: 1.0, ..LOAD }, MEASURED);
    is(need.masters_by_memory, 2.0);
    assert_eq!(need.first(), "cores");
    is(need.masters(), 4.0);
}

#[test]
fn a_cluster_never_makes_a_delivery_cheaper() {
    let measured = Inputs {
        client_micros_in_cluster: 6.0,
        ..MEASURED
    };
    is(Need::of(LOAD, measured).receiver_micros, 31.5);
}

#[test]
fn the_page_shows_the_steps_with_the_numbers_of_the_tables() {
    let page = sizing::page(&numbers()).unwrap();
    assert!(
        !page.contains(['{', '}']),
        "a name without a number: {page}"
    );
    for step in [
        "# What 100,000 deliveries a second need",
        "| a finished record in Redis | 224.8 bytes | store | Redis memory of finished records: finished record |",
        "| the same when one call comes at a time | 61.2 µs |",
        "9.75 µs − 6.25 µs = 3.50 µs",
        "31.50 µs + 3.50 µs = 35.00 µs",
        "3.50 cores at work; ÷ 0.6 = 5.83: **6 receiver cores**",
        "2.37 cores at work; ÷ 0.6 = 3.95: **4 masters**",
        "6.12; ÷ 0.6 = 10.20: 11 masters at the most",
        "= 25.92 billion records",
        "**5.83 TB**",
        "= 121.39: **122 masters**",
        "**1.22 Gbit/s**",
        "**The memory of Redis**",
        "full at 823 deliveries a second, and its core at 25,316",
        "| 1 h | 0.08 TB | 4 | cores |",
        "| Postgres | 2,000 bytes | 400 bytes |",
        // 100,000 × 3,600 × 1,500 = 540 billion; ÷ 48 billion = 11.25
        "**0.54 TB an hour**, or 12\n  masters",
        // 100,000 × 72 × 3,600 × 250 = 6,480 billion; ÷ 48 billion = 135
        "**6.48 TB**, or 135 masters.",
    ] {
        assert!(page.contains(step), "{step}: not in\n{page}");
    }
}

#[test]
fn a_page_without_a_number_says_which_one_is_missing() {
    let nothing = sizing::page(&Numbers::default()).unwrap_err();
    assert_eq!(nothing.lines().count(), 8, "each is named: {nothing}");
    // An inbox is left out.
    let page = sizing::page(&without("an inbox")).unwrap();
    assert!(
        !page.contains("### An inbox") && !page.contains('{'),
        "{page}"
    );
    for (words, missing) in [
        (
            "finished record",
            "not measured: store, Redis memory of finished records, finished record, each",
        ),
        // The other row and the other columns of its table are there.
        (
            r#""masters: 3","column":"Redis' core""#,
            "not measured: growth, Masters of a Cluster, masters: 3, Redis' core",
        ),
    ] {
        assert_eq!(sizing::page(&without(words)).unwrap_err(), missing);
    }
}

#[test]
fn a_line_that_is_no_measurement_is_refused_by_its_number() {
    let no_number = r#"{"part":"p","table":"t","row":"r","column":"c","value":null}"#;
    for wrong in ["| 1 | 2 |", no_number] {
        let text = format!("{}\n{wrong}\n", LINES.trim_end());
        let error = Numbers::parse(&text).unwrap_err();
        assert!(error.starts_with("line 26: "), "{error}");
    }
}

#[test]
fn the_page_of_benchmarks_has_each_table_with_its_bounds_and_notes() {
    let notes = "# Notes\n\n## stack\n\nIt is the kernel.\n\n## store\n\n## growth\n";
    let (page, unexplained) = benchmarks::page(&numbers(), notes);
    assert_eq!(unexplained, ["peers-stack"], "the other one has a note");
    for piece in [
        "| date | 2026-11-25 18:11 UTC |\n",
        "\n## What is required\n\n\
         | part | of | what | measured | required | |\n| --- | --- | --- | ---: | --- | --- |\n\
         | stack | The whole stack against what one would write by hand: `Webhook`: signature, key, \
         memory | of the row above | 0.534 (0.517 to 0.552) | at least 0.8 | **missed by 0.266** |\n\
         | stack | The whole stack against what one would write by hand: `Webhook`: signature, key, \
         Redis | of the row above | 0.903 | at least 0.9 | reached |\n\
         | peers-stack | One delivery over loopback: our `Webhook`, `MemoryStore` | of the row above \
         | 1.31 | aim: at least 1.4 | **missed by 0.09** |\n\
         | peers | Ratios of one delivery: ours (`hmac`, `sha2`) ÷ MAC alone: `hmac`, `sha2` | 1 KiB \
         | 1.043 | at most 1.08 | reached |\n",
        "\n**Not measured**: stack-ring, peers-others, sql, peers-inbox, peers-ring, peers-layers, peers-stores, \
         public-keys, timing, instructions.\n",
        "\n### The whole stack against what one would write by hand\n\n\
         | | rate | of the row above | core |\n| --- | ---: | ---: | ---: |\n\
         | nothing | 99,273 requests/s |  |  |\n\
         | `Webhook`: signature, key, memory |  | 0.534 (0.517 to 0.552) |  |\n\
         | `Webhook`: signature, key, Redis |  | 0.903 | 31.5 µs |\n\
         \n### Refusals\n",
        "\n### Why, and what would help\n\nIt is the kernel.\n\n## A delivery of 1 KiB over loopback, \
         to the layers",
    ] {
        assert!(page.contains(piece), "{piece}\n: not in\n{page}");
    }
    assert_eq!(page.matches("### Why").count(), 1, "{page}");
}

/// What a bench writes is what the pages are made of.
#[test]
fn what_is_measured_is_rounded_but_judged_as_it_is() {
    let table = Table::new("store", "Table");
    let missed = table.measured(
        "row",
        "ratio",
        "",
        0.799_96.into(),
        Some(Bound::AtLeast(0.8)),
    );
    let line = serde_json::to_string(&missed).unwrap();
    assert_eq!(
        line,
        r#"{"part":"store","table":"Table","row":"row","column":"ratio","value":0.8,"required":{"at_least":0.8,"reached":false}}"#
            .replace("\"store\"", &format!("{:?}", missed.part))
    );
    let read: Measured = serde_json::from_str(&line).unwrap();
    assert_eq!(read.verdict(), "**missed by 0**");
    for (value, shown) in [
        (61_618.4, "61,618 µs"),
        (1_234_567.0, "1,234,567 µs"),
        (224.84, "224.8 µs"),
        (18.126, "18.13 µs"),
        (0.000_1, "0 µs"),
        (-0.000_1, "0 µs"),
        (-1_000.0, "-1,000 µs"),
    ] {
        let measured = table.measured("row", "time", "µs", value.into(), None);
        assert_eq!(measured.cell(), shown);
    }
    for (value, bound, reached) in [
        (1.08, Bound::AtMost(1.08), true),
        (1.081, Bound::AtMost(1.08), false),
        (0.45, Bound::AimedAt(0.45), true),
        (f64::NAN, Bound::AtMost(1.08), false),
    ] {
        let required = table.measured("row", "ratio", "", value.into(), Some(bound));
        assert_eq!(required.required.unwrap().reached, reached, "{value}");
    }
}

#[test]
fn the_costs_are_made_anew_between_their_marks() {
    let text =
        "before\n<!-- costs: written by scripts/bench -->\nold\n<!-- end of costs -->\nafter\n";
    let renewed = costs::renew(text, &numbers()).unwrap();
    assert!(renewed.starts_with("before\n<!-- costs: written by scripts/bench -->\n| | |\n"));
    assert!(renewed.ends_with("|\n<!-- end of costs -->\nafter\n"));
    assert!(!renewed.contains("old"));
    let ratios = ["1.04", "0.53", "0.90", "0.87", "0.99", "1.31"];
    let rows = renewed.lines().filter(|line| line.contains(" of "));
    let shown: Vec<_> = rows
        .filter_map(|row| row.rsplit_once("| ")?.1.split(' ').next())
        .filter(|word| word.parse::<f64>().is_ok())
        .collect();
    assert_eq!(shown[..], ratios);
    assert_eq!(costs::renew(&renewed, &numbers()).unwrap(), renewed);
}

#[test]
fn costs_without_marks_or_numbers_are_refused() {
    let marked = "<!-- costs: written by scripts/bench -->\n<!-- end of costs -->";
    assert!(costs::renew("no marks", &numbers()).is_err());
    assert!(costs::renew("<!-- end of costs -->", &numbers()).is_err());
    let missing = costs::renew(marked, &without("1 KiB")).unwrap_err();
    assert!(missing.starts_with("not measured: peers, "), "{missing}");
    assert_eq!(
        costs::renew(marked, &Numbers::default())
            .unwrap_err()
            .lines()
            .count(),
        8
    );
}

/// The README has the marks that are looked for.
#[test]
fn the_readme_has_a_place_for_the_costs() {
    let readme = include_str!("../README.md");
    costs::renew(readme, &numbers()).unwrap();
}
