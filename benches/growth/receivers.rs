//! Receiver processes on one Redis: the cost of a claim and complete if one, two, three or four
//! share it. Redis has one core and all processes share the other, which bounds the rate: the cost
//! of a pair shows what the rate would be on more cores. Creating the events counts as client time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::Result;
use crate::common::measured::Table;
use crate::common::medians::median;
use crate::processor::of_process;
use crate::receiver::Receiver;
use crate::redis_support::Server;
use crate::rows;

const MOST: u32 = 4;
const SPAN: Duration = Duration::from_millis(500);
/// The core of all Redis servers.
const CORE: &str = "0";

/// The results of a round, per pair of claim and complete unless stated otherwise.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) pairs_per_second: f64,
    pub(crate) redis_nanos: f64,
    pub(crate) client_nanos: f64,
    /// The fraction of the time that the servers were busy, on one core.
    pub(crate) redis_busy: f64,
    pub(crate) bytes_to_redis: f64,
    pub(crate) bytes_from_redis: f64,
}

/// Pins a server to its core.
pub(crate) fn pin(server: &Server) -> Result<()> {
    let process = server.info("process_id").ok_or("Redis tells no process")?;
    let pinned = Command::new("taskset")
        .args(["-a", "-p", "-c", CORE, &process])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("taskset: {error}; scripts/bench installs it"))?;
    match pinned.success() {
        true => Ok(()),
        false => Err("taskset does not keep Redis to a core".into()),
    }
}

/// Lets the receivers work at the same time, on servers that are emptied first.
pub(crate) fn round(receivers: &mut [Receiver], servers: &[Server]) -> Result<Sample> {
    for server in servers {
        server.ask(&["FLUSHALL"]);
    }
    let seen = || -> Result<[f64; 3]> {
        let mut sums = [0.0; 3];
        for server in servers {
            let tell = |name: &str| server.info(name).ok_or("Redis has gone");
            let [busy, to, from] = &mut sums;
            *busy += of_process(&tell("process_id")?).as_secs_f64();
            *to += tell("total_net_input_bytes")?.parse::<f64>()?;
            *from += tell("total_net_output_bytes")?.parse::<f64>()?;
        }
        Ok(sums)
    };
    let before = seen()?;
    let begun = Instant::now();
    for receiver in &mut *receivers {
        receiver.order(SPAN)?;
    }
    let (mut pairs, mut rate, mut client) = (0.0, 0.0, 0.0);
    for receiver in receivers {
        let done = receiver.done()?;
        pairs += done.pairs;
        rate += done.pairs / done.seconds;
        client += done.busy;
    }
    let took = begun.elapsed().as_secs_f64();
    let after = seen()?;
    let redis = after[0] - before[0];
    Ok(Sample {
        pairs_per_second: rate,
        redis_nanos: redis * 1e9 / pairs,
        client_nanos: client * 1e9 / pairs,
        redis_busy: redis / took,
        bytes_to_redis: (after[1] - before[1]) / pairs,
        bytes_from_redis: (after[2] - before[2]) / pairs,
    })
}

/// The samples for one size.
#[derive(Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    pub(crate) fn median(&self, of: fn(&Sample) -> f64) -> f64 {
        median(self.0.iter().map(of).collect())
    }

    /// Prints the cost of a pair at one size.
    pub(crate) fn tell(&self, table: &Table, row: &str) {
        let put = |column: &str, unit: &str, of: fn(&Sample) -> f64| {
            table.put(row, column, unit, self.median(of));
        };
        put("rate", "pairs/s", |sample| sample.pairs_per_second);
        put("Redis' core", "µs", |sample| sample.redis_nanos / 1e3);
        put("client's core", "µs", |sample| sample.client_nanos / 1e3);
        put("Redis at work", "", |sample| sample.redis_busy);
        put("to Redis", "bytes", |sample| sample.bytes_to_redis);
        put("from Redis", "bytes", |sample| sample.bytes_from_redis);
    }

    /// Prints how that grows.
    pub(crate) fn tell_growth(of: &str, sizes: &[Self]) {
        for whose in ["Redis'", "the client's"] {
            let value = match whose {
                "Redis'" => |sample: &Sample| sample.redis_nanos,
                _ => |sample: &Sample| sample.client_nanos,
            };
            let points: Vec<_> = (1_u32..)
                .zip(sizes)
                .map(|(size, samples)| (f64::from(size), samples.median(value)))
                .collect();
            rows::tell(
                &format!("{whose} core for a claim and complete"),
                of,
                &points,
            );
        }
    }
}

pub(crate) fn measure(rounds: u32) -> Result<()> {
    let servers = [Server::start()];
    pin(&servers[0])?;
    let mut receivers = Vec::new();
    for number in 0..MOST {
        receivers.push(Receiver::start(&servers[0].url(), number)?);
    }
    let mut sizes: Vec<Samples> = receivers.iter().map(|_| Samples::default()).collect();
    for _ in 0..rounds {
        for (last, samples) in sizes.iter_mut().enumerate() {
            samples.0.push(round(&mut receivers[..=last], &servers)?);
        }
    }
    let table = Table::new("growth", "Receiver processes on one Redis");
    for (size, samples) in (1..).zip(&sizes) {
        samples.tell(&table, &format!("receivers: {size}"));
    }
    Samples::tell_growth("receiver processes on one Redis", &sizes);
    Ok(())
}
