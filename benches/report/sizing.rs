//! The resources that a load needs, calculated from the measurements, and the page that shows it
//! step by step.

use crate::measured::grouped;
use crate::numbers::{Numbers, Place};

/// The page, with the names of calculated values in braces.
const PAGE: &str = include_str!("sizing.md");
/// Its section about an inbox.
const SECTION: &str = include_str!("sizing_inbox.md");

/// Retentions other than the requested one, in hours.
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

/// The measurements of one delivery, or of its claim and complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs {
    /// The total time on a receiver's core, with one Redis.
    pub(crate) receiver_micros: f64,
    /// The part of the claim and complete, and the same with a Cluster.
    pub(crate) client_micros: f64,
    pub(crate) client_micros_in_cluster: f64,
    /// The time on a master's core, if it is kept busy and if it gets one call at a time.
    pub(crate) master_micros: f64,
    pub(crate) master_micros_alone: f64,
    pub(crate) record_bytes: f64,
    pub(crate) bytes_to_redis: f64,
    pub(crate) bytes_from_redis: f64,
}

const RECEIVERS: &str = "Receiver processes on one Redis";
const MASTERS: &str = "Masters of a Cluster";

/// The place of each number, in field order, with its meaning and unit.
const PLACES: [(Place, &str, &str); 8] = [
    (
        [
            "stack",
            "The whole stack against what one would write by hand",
            "`Webhook`: signature, key, Redis",
            "core",
        ],
        "a whole delivery of 1 KiB on a receiver's core, with one Redis",
        "µs",
    ),
    (
        ["growth", RECEIVERS, "receivers: 1", "client's core"],
        "its claim and complete alone, on a receiver's core, with one Redis",
        "µs",
    ),
    (
        ["growth", MASTERS, "masters: 3", "client's core"],
        "the same with a Cluster of three masters",
        "µs",
    ),
    (
        ["growth", MASTERS, "masters: 3", "Redis' core"],
        "a claim and complete on the masters' cores, when they are busy",
        "µs",
    ),
    (
        [
            "store",
            "Claim and complete on Redis",
            "1 in flight",
            "Redis' core",
        ],
        "the same when one call comes at a time",
        "µs",
    ),
    (
        [
            "store",
            "Redis memory of finished records",
            "finished record",
            "each",
        ],
        "a finished record in Redis",
        "bytes",
    ),
    (
        ["growth", RECEIVERS, "receivers: 1", "to Redis"],
        "a claim and complete, to Redis",
        "bytes",
    ),
    (
        ["growth", RECEIVERS, "receivers: 1", "from Redis"],
        "their answers",
        "bytes",
    ),
];

impl Inputs {
    fn of(numbers: [f64; PLACES.len()]) -> Self {
        let [
            receiver_micros,
            client_micros,
            client_micros_in_cluster,
            master_micros,
            master_micros_alone,
            record_bytes,
            bytes_to_redis,
            bytes_from_redis,
        ] = numbers;
        Self {
            receiver_micros,
            client_micros,
            client_micros_in_cluster,
            master_micros,
            master_micros_alone,
            record_bytes,
            bytes_to_redis,
            bytes_from_redis,
        }
    }
}

/// The requested load, and assumptions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) hours: f64,
    pub(crate) body_bytes: f64,
    /// The head of the request, TLS and TCP.
    pub(crate) other_bytes: f64,
    /// The fraction of each core to plan for.
    pub(crate) of_a_core: f64,
    pub(crate) master_bytes: f64,
    /// The fraction of a master's memory to plan for.
    pub(crate) of_a_master: f64,
}

pub(crate) const LOAD: Load = Load {
    per_second: 100_000.0,
    hours: 72.0,
    body_bytes: 1_024.0,
    other_bytes: 500.0,
    of_a_core: 0.6,
    master_bytes: 64e9,
    of_a_master: 0.75,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The time of a delivery, with a Cluster.
    pub(crate) receiver_micros: f64,
    pub(crate) receiver_cores: f64,
    /// The number of masters whose cores are busy.
    pub(crate) masters_by_core: f64,
    /// The number of masters needed if each call came alone.
    pub(crate) masters_by_core_alone: f64,
    pub(crate) records: f64,
    pub(crate) bytes: f64,
    pub(crate) masters_by_memory: f64,
    /// How long the records fit on the masters that the cores require.
    pub(crate) hours_by_core: f64,
    /// The deliveries per second at which one master's memory and core are as full as planned.
    pub(crate) full_memory_at: f64,
    pub(crate) full_core_at: f64,
    pub(crate) gigabits_in: f64,
    pub(crate) gigabits_to_redis: f64,
    pub(crate) gigabits_from_redis: f64,
}

impl Need {
    pub(crate) fn of(load: Load, inputs: Inputs) -> Self {
        let more = inputs.client_micros_in_cluster - inputs.client_micros;
        let receiver_micros = inputs.receiver_micros + more.max(0.0);
        let cores = |micros: f64| (load.per_second * micros / 1e6 / load.of_a_core).ceil();
        let masters_by_core = cores(inputs.master_micros);
        let records = load.per_second * load.hours * 3_600.0;
        let bytes = records * inputs.record_bytes;
        let usable = load.master_bytes * load.of_a_master;
        let an_hour = load.per_second * 3_600.0 * inputs.record_bytes;
        let gigabits = |bytes: f64| load.per_second * bytes * 8.0 / 1e9;
        Self {
            receiver_micros,
            receiver_cores: cores(receiver_micros),
            masters_by_core,
            masters_by_core_alone: cores(inputs.master_micros_alone),
            records,
            bytes,
            masters_by_memory: (bytes / usable).ceil(),
            hours_by_core: masters_by_core * usable / an_hour,
            full_memory_at: usable / (load.hours * 3_600.0 * inputs.record_bytes),
            full_core_at: load.of_a_core * 1e6 / inputs.master_micros,
            gigabits_in: gigabits(load.body_bytes + load.other_bytes),
            gigabits_to_redis: gigabits(inputs.bytes_to_redis),
            gigabits_from_redis: gigabits(inputs.bytes_from_redis),
        }
    }

    pub(crate) fn masters(&self) -> f64 {
        self.masters_by_core.max(self.masters_by_memory)
    }

    /// The resource that requires the most masters.
    pub(crate) fn first(&self) -> &'static str {
        match self.masters_by_memory > self.masters_by_core {
            true => "memory",
            false => "cores",
        }
    }
}

/// The space of an event in an inbox: waiting and done, in Redis, SQLite and Postgres.
const INBOX: [Place; 6] = [
    ["inbox", ENTRIES, "Redis", "waiting"],
    ["inbox", ENTRIES, "Redis", "done"],
    ["inbox", ENTRIES, "SQLite", "waiting"],
    ["inbox", ENTRIES, "SQLite", "done"],
    ["inbox", ENTRIES, "Postgres", "waiting"],
    ["inbox", ENTRIES, "Postgres", "done"],
];
const ENTRIES: &str = "An event of 1 KiB in an inbox";

/// The needs of an inbox; empty if they were not measured.
fn inbox(numbers: &Numbers, load: Load) -> String {
    let Ok(values) = numbers.at(INBOX) else {
        return String::new();
    };
    let [redis_waiting, redis_done, ..] = values;
    let usable = load.master_bytes * load.of_a_master;
    let an_hour = load.per_second * 3_600.0;
    let (backlog, done) = (an_hour * redis_waiting, an_hour * load.hours * redis_done);
    let names = [
        "redis waiting",
        "redis done",
        "sqlite waiting",
        "sqlite done",
        "postgres waiting",
        "postgres done",
    ];
    let bytes = values.map(|bytes| grouped(bytes.round()));
    let worked_out = [
        ("backlog", format!("{:.2}", backlog / 1e12)),
        ("hour masters", (backlog / usable).ceil().to_string()),
        ("done", format!("{:.2}", done / 1e12)),
        ("done masters", (done / usable).ceil().to_string()),
    ];
    let mut text = SECTION.to_owned();
    for (name, value) in names.into_iter().zip(bytes).chain(worked_out) {
        text = text.replace(&format!("{{{name}}}"), &value);
    }
    text
}

pub(crate) fn page(numbers: &Numbers) -> Result<String, String> {
    let values = numbers.at(PLACES.map(|(place, ..)| place))?;
    let measured = PLACES.iter().zip(values);
    let measured = measured.map(|(([part, table, row, _], what, unit), value)| {
        format!("| {what} | {value} {unit} | {part} | {table}: {row} |")
    });
    let measured: Vec<_> = measured.collect();
    let (load, inputs) = (LOAD, Inputs::of(values));
    let retentions = RETENTIONS.map(|(hours, words)| {
        let need = Need::of(Load { hours, ..load }, inputs);
        let (terabytes, masters) = (need.bytes / 1e12, need.masters());
        format!(
            "| {words} | {terabytes:.2} TB | {masters} | {} |",
            need.first()
        )
    });
    let mut page = PAGE
        .replace("{inbox}", &inbox(numbers, load))
        .replace("{measured}", &measured.join("\n"))
        .replace("{retentions}", &retentions.join("\n"));
    for (name, value) in worked_out(load, inputs, &Need::of(load, inputs)) {
        page = page.replace(&format!("{{{name}}}"), &value);
    }
    Ok(page)
}

fn worked_out(load: Load, inputs: Inputs, need: &Need) -> Vec<(&'static str, String)> {
    let work = |micros: f64| load.per_second * micros / 1e6;
    let two = |number: f64| format!("{number:.2}");
    let plain = |number: f64| number.to_string();
    let share = |micros: f64| two(work(micros) / load.of_a_core);
    let (by_core, by_memory) = (need.masters_by_core, need.masters_by_memory);
    let (core, memory) = (need.full_core_at, need.full_memory_at);
    let client_more = inputs.client_micros_in_cluster - inputs.client_micros;
    vec![
        ("rate", grouped(load.per_second)),
        ("hours", plain(load.hours)),
        ("body", grouped(load.body_bytes)),
        ("other", plain(load.other_bytes)),
        ("request", grouped(load.body_bytes + load.other_bytes)),
        ("of core", plain(load.of_a_core)),
        ("percent of core", plain(load.of_a_core * 100.0)),
        ("gigabytes", plain(load.master_bytes / 1e9)),
        ("of memory", plain(load.of_a_master)),
        ("percent of memory", plain(load.of_a_master * 100.0)),
        ("client", two(inputs.client_micros)),
        ("client cluster", two(inputs.client_micros_in_cluster)),
        ("client more", two(client_more)),
        ("receiver alone", two(inputs.receiver_micros)),
        ("receiver more", two(client_more.max(0.0))),
        ("receiver", two(need.receiver_micros)),
        ("receiver work", two(work(need.receiver_micros))),
        ("receiver share", share(need.receiver_micros)),
        ("receiver cores", plain(need.receiver_cores)),
        ("master", two(inputs.master_micros)),
        ("master work", two(work(inputs.master_micros))),
        ("master share", share(inputs.master_micros)),
        ("masters by core", plain(by_core)),
        ("master alone", two(inputs.master_micros_alone)),
        ("alone work", two(work(inputs.master_micros_alone))),
        ("alone share", share(inputs.master_micros_alone)),
        ("masters alone", plain(need.masters_by_core_alone)),
        ("records", two(need.records / 1e9)),
        ("record bytes", plain(inputs.record_bytes)),
        ("terabytes", two(need.bytes / 1e12)),
        (
            "memory share",
            two(need.bytes / (load.master_bytes * load.of_a_master)),
        ),
        ("masters by memory", plain(by_memory)),
        ("in", two(need.gigabits_in)),
        ("to redis bytes", plain(inputs.bytes_to_redis)),
        ("to redis", two(need.gigabits_to_redis)),
        ("from redis bytes", plain(inputs.bytes_from_redis)),
        ("from redis", two(need.gigabits_from_redis)),
        ("first", need.first().to_owned()),
        (
            "times",
            format!("{:.0}", by_core.max(by_memory) / by_core.min(by_memory)),
        ),
        ("full memory", grouped(memory.floor())),
        ("full core", grouped(core.floor())),
        (
            "full percent",
            format!("{:.0}", memory.min(core) / memory.max(core) * 100.0),
        ),
        (
            "full receiver",
            grouped((load.of_a_core * 1e6 / need.receiver_micros).floor()),
        ),
        ("hours by core", format!("{:.1}", need.hours_by_core)),
        ("partitions", format!("{:.1}", 256.0 / need.masters())),
        ("masters", plain(need.masters())),
    ]
}
