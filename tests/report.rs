//! What `scripts/bench` works out from what was measured: `docs/sizing.md` and the README's table of
//! costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../benches/report/costs.rs"]
mod costs;
#[path = "../benches/report/page.rs"]
mod page;
#[path = "../benches/report/sizing.rs"]
mod sizing;
#[path = "../benches/report/tables.rs"]
mod tables;

use sizing::{LOAD, Load, Measured, Need};
use tables::{Cell, Parts};

const MEASURED: Measured = Measured {
    receiver_micros: 31.5,
    client_micros: 6.25,
    client_micros_in_cluster: 9.75,
    master_micros: 23.7,
    master_micros_alone: 61.2,
    record_bytes: 224.8,
    bytes_to_redis: 475.0,
    bytes_from_redis: 77.0,
};

const STACK: &str = "\
### Layer by layer

| a handler that reads the body, behind | requests/s | µs of the core |
| --- | ---: | ---: |
| `Webhook`: signature, key, Redis | 9 | 99.9 |

### The whole stack against what one would write by hand

| a handler that reads the body, behind | requests/s | µs of the core |
| --- | ---: | ---: |
| nothing | 99273 | 10.0 |
| `Webhook`: signature, key, Redis | 29340 | 31.5 |

- `Webhook`: signature, key, memory against bare MAC, by hand: 0.534 of the requests/s (0.517 to 0.552).
- `Webhook`: signature, key, Redis against bare MAC and two script calls, by hand: 0.903 of the requests/s.
- no signature header: 401 against reads the body: 0.902 of the requests/s (0.766 to 0.939).
";

const STORE: &str = "\
### Claim and complete on Redis, medians of 31 rounds

| in flight | client CPU | Redis CPU |
| ---: | ---: | ---: |
| 1 | 53.9 → 54.3 µs | 68.3 → 61.2 µs |

### Redis memory of 1000000 finished records

| | bytes each |
| --- | ---: |
| finished record | 224.8 |

- `RedisStore` against `EVALSHA` by hand, 1 in flight: 0.970 of the pairs/s.
- `RedisStore` against `EVALSHA` by hand, 64 in flight: 0.986 of the pairs/s.
";

const GROWTH: &str = "\
### Receiver processes on one Redis, medians of 31 rounds

| processes | client CPU of a pair | bytes of a pair, to Redis | from Redis |
| ---: | ---: | ---: | ---: |
| 1 | 6.25 µs | 475 | 77 |

### Masters of a Cluster, medians of 31 rounds

| masters | CPU of all masters, of a pair | client CPU of a pair |
| ---: | ---: | ---: |
| 1 | 18.00 µs | 7.00 µs |
| 3 | 23.70 µs | 9.75 µs |
";

const PEERS: &str = "- ours (`hmac`, `sha2`), 1 KiB: 1.043 of the time of the MAC alone.\n";
const PEERS_STACK: &str = "- our `Webhook`, `MemoryStore` against `webhook-verify`, `idempotent` \
                           in memory: 1.310 of the requests/s.\n";

fn parts(texts: &[(&'static str, &str)]) -> Parts {
    let mut parts = Parts::default();
    for (part, text) in texts {
        parts.add(part, (*text).to_owned());
    }
    parts
}

const ALL: [(&str, &str); 5] = [
    ("stack", STACK),
    ("store", STORE),
    ("growth", GROWTH),
    ("peers", PEERS),
    ("peers-stack", PEERS_STACK),
];

/// All but the text of one part, which is as given.
fn with(part: &str, text: &'static str) -> Parts {
    parts(&ALL.map(|(name, usual)| (name, if name == part { text } else { usual })))
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
    assert!(need.memory_first());
    is(need.masters(), 122.0);
}

/// 100,000 × 3,600 × 224.8 bytes are 1.686 times 48 GB.
#[test]
fn with_a_short_retention_the_cores_decide() {
    let need = Need::of(Load { hours: 1.0, ..LOAD }, MEASURED);
    is(need.masters_by_memory, 2.0);
    assert!(!need.memory_first());
    is(need.masters(), 4.0);
}

#[test]
fn a_cluster_never_makes_a_delivery_cheaper() {
    let measured = Measured {
        client_micros_in_cluster: 6.0,
        ..MEASURED
    };
    is(Need::of(LOAD, measured).receiver_micros, 31.5);
}

#[test]
fn the_page_shows_the_steps_with_the_numbers_of_the_tables() {
    let page = page::page(&parts(&ALL)).unwrap();
    for step in [
        "# What 100,000 deliveries a second need",
        "| a finished record in Redis | 224.8 bytes | `cargo bench --bench store` |",
        "| the same when one call comes at a time | 61.2 µs |",
        "9.75 µs − 6.25 µs = 3.50 µs",
        "31.50 µs + 3.50 µs = 35.00 µs",
        "3.50 cores at work; ÷ 0.6 = 5.83: **6 receiver cores**",
        "2.37 cores at work; ÷ 0.6 = 3.95: **4 masters**",
        "= 25.92 billion records",
        "**5.83 TB**",
        "= 121.39: **122 masters**",
        "**1.22 Gbit/s**",
        "**The memory of Redis**",
        "full at 823 deliveries a second, and its core at 25,316",
        "| 1 h | 0.08 TB | 4 | cores |",
    ] {
        assert!(page.contains(step), "{step}: not in\n{page}");
    }
}

#[test]
fn without_a_number_there_is_no_page() {
    let missing = |parts: &Parts| page::page(parts).unwrap_err();
    let nothing = missing(&Parts::default());
    assert_eq!(nothing.lines().count(), 8, "each is named: {nothing}");
    for (part, text, says) in [
        ("stack", "", "no such table"),
        (
            "growth",
            "### Receiver processes on one Redis\n",
            "no such table",
        ),
        (
            "store",
            "### Redis memory of 9\n\n| | bytes |\n| --- | ---: |\n",
            "no such column",
        ),
        (
            "store",
            "### Redis memory of 9\n\n| | bytes each |\n| --- | ---: |\n| plain | 1 |\n",
            "no such row",
        ),
        (
            "store",
            "### Redis memory of 9\n\n| | bytes each |\n| --- | ---: |\n| finished record | NaN |\n",
            "no number in \"NaN\"",
        ),
        (
            "store",
            "### Redis memory of 9\n\n| | bytes each |\n| --- | ---: |\n| finished record |\n",
            "too short",
        ),
    ] {
        let said = missing(&with(part, text));
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_cell_is_that_of_its_own_table_and_column() {
    let cell = Cell {
        part: "stack",
        under: "The whole stack",
        row: "nothing",
        column: "requests/s",
    };
    is(parts(&ALL).cell(cell).unwrap(), 99_273.0);
    let elsewhere = Cell {
        under: "Layer by layer",
        ..cell
    };
    assert!(
        parts(&ALL).cell(elsewhere).is_err(),
        "the row of another table"
    );
}

#[test]
fn the_costs_are_made_anew_between_their_marks() {
    let text =
        "before\n<!-- costs: written by scripts/bench -->\nold\n<!-- end of costs -->\nafter\n";
    let renewed = costs::renew(text, &parts(&ALL)).unwrap();
    assert!(renewed.starts_with("before\n<!-- costs: written by scripts/bench -->\n| | |\n"));
    assert!(renewed.ends_with("|\n<!-- end of costs -->\nafter\n"));
    assert!(!renewed.contains("old"));
    let ratios = ["1.04", "0.53", "0.90", "0.90", "0.99", "1.31"];
    let rows = renewed.lines().filter(|line| line.contains(" of "));
    let shown: Vec<_> = rows
        .filter_map(|row| row.rsplit_once("| ")?.1.split(' ').next())
        .filter(|word| word.parse::<f64>().is_ok())
        .collect();
    assert_eq!(shown[..], ratios);
    assert_eq!(costs::renew(&renewed, &parts(&ALL)).unwrap(), renewed);
}

#[test]
fn costs_without_marks_or_numbers_are_refused() {
    let marked = "<!-- costs: written by scripts/bench -->\n<!-- end of costs -->";
    assert!(costs::renew("no marks", &parts(&ALL)).is_err());
    assert!(costs::renew("<!-- end of costs -->", &parts(&ALL)).is_err());
    let missing = costs::renew(marked, &with("peers", "")).unwrap_err();
    assert!(missing.contains("peers"), "{missing}");
    assert_eq!(
        costs::renew(marked, &Parts::default())
            .unwrap_err()
            .lines()
            .count(),
        6
    );
}

/// The README has the marks that are looked for.
#[test]
fn the_readme_has_a_place_for_the_costs() {
    let readme = include_str!("../README.md");
    costs::renew(readme, &parts(&ALL)).unwrap();
}
