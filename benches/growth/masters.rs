//! Masters of a Cluster: what a pair of claim and complete costs one receiver when one, two or three
//! share the records.

use std::fmt::Write as _;

use crate::common::Result;
use crate::receiver::Receiver;
use crate::receivers::{Samples, pin, print_rows, round};
use crate::redis_support::Cluster;

const MOST: u32 = 3;

/// A cluster, and a receiver for it alone.
struct Setup {
    cluster: Cluster,
    receiver: [Receiver; 1],
    samples: Samples,
    /// What each master held after the rounds, added up.
    keys: Vec<f64>,
}

impl Setup {
    fn start(masters: u32) -> Result<Self> {
        let cluster = Cluster::of(masters, &[]);
        for master in &cluster.masters {
            pin(master)?;
        }
        Ok(Self {
            receiver: [Receiver::start(&cluster.url(), masters)?],
            samples: Samples::default(),
            keys: vec![0.0; cluster.masters.len()],
            cluster,
        })
    }

    fn round(&mut self) -> Result<()> {
        let sample = round(&mut self.receiver, &self.cluster.masters)?;
        self.samples.0.push(sample);
        for (keys, master) in self.keys.iter_mut().zip(&self.cluster.masters) {
            *keys += master.ask(&["DBSIZE"]).parse::<f64>()?;
        }
        Ok(())
    }

    /// Each master's hundredths of all keys.
    fn shares(&self) -> String {
        let all: f64 = self.keys.iter().sum();
        let shares = self.keys.iter().map(|keys| keys / all * 100.0);
        let shares: Vec<_> = shares.map(|share| format!("{share:.1} %")).collect();
        shares.join(", ")
    }
}

/// Prints the rows, and gives what is to be told below the table.
pub(crate) fn measure(rounds: u32) -> Result<String> {
    let mut setups = Vec::new();
    for masters in 1..=MOST {
        setups.push(Setup::start(masters)?);
    }
    for _ in 0..rounds {
        for setup in &mut setups {
            setup.round()?;
        }
    }
    let mut text = format!(
        "### Masters of a Cluster, medians of {rounds} rounds\n\n\
         | masters | pairs/s | CPU of all masters, of a pair | client CPU of a pair \
         | masters at work | keys on each |\n\
         | ---: | ---: | ---: | ---: | ---: | --- |\n"
    );
    for (size, setup) in (1..).zip(&setups) {
        let samples = &setup.samples;
        writeln!(
            text,
            "| {size} | {:.0} | {:.2} µs | {:.2} µs | {:.0} % | {} |",
            samples.median(|sample| sample.pairs_per_second),
            samples.median(|sample| sample.redis_nanos) / 1e3,
            samples.median(|sample| sample.client_nanos) / 1e3,
            samples.median(|sample| sample.redis_busy),
            setup.shares(),
        )?;
    }
    write!(
        text,
        "\nOne receiver as above, and all masters on one core: pairs/s is bounded by it and cannot \
         grow with\nthe masters. An exponent of 0 means that so many masters do so many times the \
         work of one when\neach has a core. The keys are shared out by the 256 partitions of a \
         namespace.\n"
    )?;
    let sizes: Vec<Samples> = setups.into_iter().map(|setup| setup.samples).collect();
    print_rows("masters of a Cluster", &sizes);
    Ok(text)
}
