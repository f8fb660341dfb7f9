//! The page that works out what a load needs, step by step.

use std::fmt::Write as _;

use crate::sizing::{CELLS, LOAD, Load, Measured, Need};
use crate::tables::Parts;

/// Other retentions than the one that is asked for, in hours.
const RETENTIONS: [(f64, &str); 5] = [
    (
        720.0,
        "30 days: the default where the sender redelivers by hand or signs no time",
    ),
    (72.0, "72 h: the default of the others"),
    (24.0, "24 h"),
    (6.0, "6 h"),
    (1.0, "1 h"),
];

pub(crate) fn page(parts: &Parts) -> Result<String, String> {
    let measured = Measured::of(parts)?;
    let need = Need::of(LOAD, measured);
    let mut page = String::new();
    write(&mut page, LOAD, measured, &need, parts).map_err(|error| error.to_string())?;
    Ok(page)
}

fn write(
    page: &mut String,
    load: Load,
    measured: Measured,
    need: &Need,
    parts: &Parts,
) -> std::fmt::Result {
    let rate = grouped(load.per_second);
    writeln!(
        page,
        "# What {rate} deliveries a second need\n\n\
         Made by `scripts/bench`, which measures anew and rewrites this page. The numbers are those of\n\
         [benchmarks.md](benchmarks.md), which names the machine, and every one of them was measured \
         in the\nsame run.\n\n\
         ## Measured\n\n\
         | | | by | under |\n| --- | ---: | --- | --- |"
    )?;
    for (cell, what, unit) in CELLS {
        let value = parts.cell(cell).unwrap_or(f64::NAN);
        writeln!(
            page,
            "| {what} | {value} {unit} | `cargo bench --bench {}` | {}: {} |",
            cell.part, cell.under, cell.row
        )?;
    }
    writeln!(
        page,
        "\n## Taken for granted\n\n\
         | | |\n| --- | ---: |\n\
         | deliveries a second, each a new event | {rate} |\n\
         | retention of their records | {} h |\n\
         | body of a delivery | {} bytes |\n\
         | its head, TLS and TCP | {} bytes |\n\
         | of a core | {} % |\n\
         | memory of a master | {} GB |\n\
         | of it, for records | {} % |\n\n\
         The rest of a core is for peaks, and for what else runs there. The rest of the memory is for\n\
         fragments, for hash tables that double, for what replicas are sent and for copies while a\n\
         snapshot is written.",
        load.hours,
        grouped(load.body_bytes),
        load.other_bytes,
        load.of_a_core * 100.0,
        load.master_bytes / 1e9,
        load.of_a_master * 100.0,
    )?;
    cores(page, load, measured, need)?;
    memory(page, load, measured, need)?;
    writeln!(
        page,
        "\n### Network\n\n\
         - In: {rate} × {} bytes × 8 = **{:.2} Gbit/s**.\n\
         - To Redis: {rate} × {} bytes × 8 = **{:.2} Gbit/s**; from Redis: {rate} × {} bytes × 8 = \
         **{:.2} Gbit/s**.",
        grouped(load.body_bytes + load.other_bytes),
        need.gigabits_in,
        measured.bytes_to_redis,
        need.gigabits_to_redis,
        measured.bytes_from_redis,
        need.gigabits_from_redis,
    )?;
    first(page, load, need)?;
    follows(page, load, measured, need)
}

fn cores(page: &mut String, load: Load, measured: Measured, need: &Need) -> std::fmt::Result {
    let rate = grouped(load.per_second);
    let work = |micros: f64| load.per_second * micros / 1e6;
    writeln!(
        page,
        "\n## Worked out\n\n\
         ### Receivers\n\n\
         - A Cluster costs the client more than one Redis: {:.2} µs − {:.2} µs = {:.2} µs.\n\
         - A delivery: {:.2} µs + {:.2} µs = {:.2} µs of a core.\n\
         - {rate} × {:.2} µs = {:.2} cores at work; ÷ {} = {:.2}: **{} receiver cores**.\n\n\
         ### Masters, by their cores\n\n\
         - {rate} × {:.2} µs = {:.2} cores at work; ÷ {} = {:.2}: **{} masters**, since one uses one \
         core\n  for commands.\n\
         - If each call came alone: {rate} × {:.2} µs = {:.2}; ÷ {} = {:.2}: {} masters at the most.",
        measured.client_micros_in_cluster,
        measured.client_micros,
        measured.client_micros_in_cluster - measured.client_micros,
        measured.receiver_micros,
        need.receiver_micros - measured.receiver_micros,
        need.receiver_micros,
        need.receiver_micros,
        work(need.receiver_micros),
        load.of_a_core,
        work(need.receiver_micros) / load.of_a_core,
        need.receiver_cores,
        measured.master_micros,
        work(measured.master_micros),
        load.of_a_core,
        work(measured.master_micros) / load.of_a_core,
        need.masters_by_core,
        measured.master_micros_alone,
        work(measured.master_micros_alone),
        load.of_a_core,
        work(measured.master_micros_alone) / load.of_a_core,
        need.masters_by_core_alone,
    )
}

fn memory(page: &mut String, load: Load, measured: Measured, need: &Need) -> std::fmt::Result {
    writeln!(
        page,
        "\n### Masters, by their memory\n\n\
         - {} × {} h × 3,600 s = {:.2} billion records.\n\
         - × {} bytes = **{:.2} TB**.\n\
         - ÷ ({} GB × {}) = {:.2}: **{} masters**, and as many again for a replica of each.",
        grouped(load.per_second),
        load.hours,
        need.records / 1e9,
        measured.record_bytes,
        need.bytes / 1e12,
        load.master_bytes / 1e9,
        load.of_a_master,
        need.bytes / (load.master_bytes * load.of_a_master),
        need.masters_by_memory,
    )
}

fn first(page: &mut String, load: Load, need: &Need) -> std::fmt::Result {
    let (first, times) = if need.memory_first() {
        (
            "The memory of Redis",
            need.masters_by_memory / need.masters_by_core,
        )
    } else {
        (
            "The cores of Redis",
            need.masters_by_core / need.masters_by_memory,
        )
    };
    let (memory, core) = (need.full_memory_at, need.full_core_at);
    writeln!(
        page,
        "\n## What runs out first\n\n\
         **{first}**: it asks for {times:.0} times the masters that the other does. With {} h of records \
         a\nmaster of {} GB has its memory full at {} deliveries a second, and its core at {}: when the\n\
         one is full, the other is at {:.0} % of that. A receiver's core is full at {} deliveries a second.\n\
         Full is as full as is planned for above.",
        load.hours,
        load.master_bytes / 1e9,
        grouped(memory.floor()),
        grouped(core.floor()),
        memory.min(core) / memory.max(core) * 100.0,
        grouped((load.of_a_core * 1e6 / need.receiver_micros).floor()),
    )
}

fn follows(page: &mut String, load: Load, measured: Measured, need: &Need) -> std::fmt::Result {
    writeln!(
        page,
        "\n## What follows\n\n\
         | retention | records | masters of {} GB | decided by |\n| --- | ---: | ---: | --- |",
        load.master_bytes / 1e9
    )?;
    for (hours, words) in RETENTIONS {
        let need = Need::of(Load { hours, ..load }, measured);
        writeln!(
            page,
            "| {words} | {:.2} TB | {} | {} |",
            need.bytes / 1e12,
            need.masters(),
            if need.memory_first() {
                "memory"
            } else {
                "cores"
            },
        )?;
    }
    writeln!(
        page,
        "\n- **Keep records for as long as the sender needs, and no longer.** The {} masters that the \
         cores ask\n  for keep {:.1} h. `Webhook::retention` sets it for each provider; less than 1.5 × \
         the sender's\n  retry horizon or twice its tolerance is a `ConfigError`. A sender that \
         redelivers by hand may do so\n  after it: make those effects unique on the event's key.\n\
         - **Set it for each provider.** One that sends most and retries for minutes needs no 72 h \
         because\n  another one does; memory is the sum of rate × retention over the providers.\n\
         - Memory goes by the mean rate of the whole retention, cores and network by the peak.\n\
         - A namespace has 256 partitions unless set, which share out its records: {:.1} for each of \
         {}\n  masters, and some have none. Build the store with `partitions(65_536)` from the start; it \
         cannot\n  be changed later.\n\
         - Larger machines do as well as more of them: several masters on one, each with a core.",
        need.masters_by_core,
        need.hours_by_core,
        256.0 / need.masters(),
        need.masters(),
    )?;
    writeln!(
        page,
        "\n## What this does not count\n\n\
         - Redis kept nothing on disk. With `appendonly yes` it writes each change there too, and with\n  \
         `appendfsync always` waits for the disk: measure it on yours.\n\
         - Replicas, TLS, and a network that is slower than loopback. They cost cores and time, not \
         memory\n  for records.\n\
         - Handlers. Theirs answer at once here; what they do comes on top, and what they hold open does \
         too.\n\
         - Copies, which take no second record, and refusals, which take less."
    )
}

/// With a comma between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
