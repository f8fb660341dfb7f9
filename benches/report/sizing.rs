//! What a load needs, worked out from what was measured.

use crate::tables::{Cell, Parts, all};

/// What was measured of one delivery, or of its claim and complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Time on a receiver's core, all in all, with one Redis.
    pub(crate) receiver_micros: f64,
    /// The claim and complete in it, and what they are with a Cluster.
    pub(crate) client_micros: f64,
    pub(crate) client_micros_in_cluster: f64,
    /// Time on the core of a master, that is kept busy, and that gets one call at a time.
    pub(crate) master_micros: f64,
    pub(crate) master_micros_alone: f64,
    pub(crate) record_bytes: f64,
    pub(crate) bytes_to_redis: f64,
    pub(crate) bytes_from_redis: f64,
}

/// Where each number stands; in the order of the fields.
pub(crate) const CELLS: [(Cell, &str, &str); 8] = [
    (
        Cell {
            part: "stack",
            under: "The whole stack",
            row: "`Webhook`: signature, key, Redis",
            column: "µs of the core",
        },
        "a whole delivery of 1 KiB on a receiver's core, with one Redis",
        "µs",
    ),
    (
        Cell {
            part: "growth",
            under: "Receiver processes on one Redis",
            row: "1",
            column: "client CPU of a pair",
        },
        "its claim and complete alone, on a receiver's core, with one Redis",
        "µs",
    ),
    (
        Cell {
            part: "growth",
            under: "Masters of a Cluster",
            row: "3",
            column: "client CPU of a pair",
        },
        "the same with a Cluster of three masters",
        "µs",
    ),
    (
        Cell {
            part: "growth",
            under: "Masters of a Cluster",
            row: "3",
            column: "CPU of all masters, of a pair",
        },
        "a claim and complete on the masters' cores, when they are busy",
        "µs",
    ),
    (
        Cell {
            part: "store",
            under: "Claim and complete on Redis",
            row: "1",
            column: "Redis CPU",
        },
        "the same when one call comes at a time",
        "µs",
    ),
    (
        Cell {
            part: "store",
            under: "Redis memory of",
            row: "finished record",
            column: "bytes each",
        },
        "a finished record in Redis",
        "bytes",
    ),
    (
        Cell {
            part: "growth",
            under: "Receiver processes on one Redis",
            row: "1",
            column: "bytes of a pair, to Redis",
        },
        "a claim and complete, to Redis",
        "bytes",
    ),
    (
        Cell {
            part: "growth",
            under: "Receiver processes on one Redis",
            row: "1",
            column: "from Redis",
        },
        "their answers",
        "bytes",
    ),
];

impl Measured {
    pub(crate) fn of(parts: &Parts) -> Result<Self, String> {
        let [
            receiver_micros,
            client_micros,
            client_micros_in_cluster,
            master_micros,
            master_micros_alone,
            record_bytes,
            bytes_to_redis,
            bytes_from_redis,
        ] = all(CELLS.map(|(cell, _, _)| parts.cell(cell)))?;
        Ok(Self {
            receiver_micros,
            client_micros,
            client_micros_in_cluster,
            master_micros,
            master_micros_alone,
            record_bytes,
            bytes_to_redis,
            bytes_from_redis,
        })
    }
}

/// What is asked for, and what is taken for granted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) hours: f64,
    pub(crate) body_bytes: f64,
    /// Head of the request, TLS and TCP.
    pub(crate) other_bytes: f64,
    /// How much of each core is planned for.
    pub(crate) of_a_core: f64,
    pub(crate) master_bytes: f64,
    /// How much of a master's memory is planned for.
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
    /// Of a delivery, with a Cluster.
    pub(crate) receiver_micros: f64,
    pub(crate) receiver_cores: f64,
    /// Masters that have work enough for their cores.
    pub(crate) masters_by_core: f64,
    /// As many as would do if each call came alone.
    pub(crate) masters_by_core_alone: f64,
    pub(crate) records: f64,
    pub(crate) bytes: f64,
    pub(crate) masters_by_memory: f64,
    /// How long the masters that the cores ask for could keep the records.
    pub(crate) hours_by_core: f64,
    /// Deliveries a second at which one master's memory and core are as full as is planned.
    pub(crate) full_memory_at: f64,
    pub(crate) full_core_at: f64,
    pub(crate) gigabits_in: f64,
    pub(crate) gigabits_to_redis: f64,
    pub(crate) gigabits_from_redis: f64,
}

impl Need {
    pub(crate) fn of(load: Load, measured: Measured) -> Self {
        let more = measured.client_micros_in_cluster - measured.client_micros;
        let receiver_micros = measured.receiver_micros + more.max(0.0);
        let cores = |micros: f64| (load.per_second * micros / 1e6 / load.of_a_core).ceil();
        let masters_by_core = cores(measured.master_micros);
        let records = load.per_second * load.hours * 3_600.0;
        let bytes = records * measured.record_bytes;
        let usable = load.master_bytes * load.of_a_master;
        let an_hour = load.per_second * 3_600.0 * measured.record_bytes;
        let gigabits = |bytes: f64| load.per_second * bytes * 8.0 / 1e9;
        Self {
            receiver_micros,
            receiver_cores: cores(receiver_micros),
            masters_by_core,
            masters_by_core_alone: cores(measured.master_micros_alone),
            records,
            bytes,
            masters_by_memory: (bytes / usable).ceil(),
            hours_by_core: masters_by_core * usable / an_hour,
            full_memory_at: usable / (load.hours * 3_600.0 * measured.record_bytes),
            full_core_at: load.of_a_core * 1e6 / measured.master_micros,
            gigabits_in: gigabits(load.body_bytes + load.other_bytes),
            gigabits_to_redis: gigabits(measured.bytes_to_redis),
            gigabits_from_redis: gigabits(measured.bytes_from_redis),
        }
    }

    pub(crate) fn masters(&self) -> f64 {
        self.masters_by_core.max(self.masters_by_memory)
    }

    pub(crate) fn memory_first(&self) -> bool {
        self.masters_by_memory > self.masters_by_core
    }
}
