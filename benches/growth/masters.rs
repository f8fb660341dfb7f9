//! Masters of a Cluster: the cost of a claim and complete for one receiver if one, two or three
//! masters share the records. All masters are on one core, which bounds the rate: it cannot grow
//! with them.

use crate::common::Result;
use crate::common::measured::Table;
use crate::receiver::Receiver;
use crate::receivers::{Samples, pin, round};
use crate::redis_support::Cluster;

const MOST: u32 = 3;

/// A cluster with one receiver.
struct Setup {
    cluster: Cluster,
    receiver: [Receiver; 1],
    samples: Samples,
    /// The number of keys on each master after each round, added up.
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

    /// The largest share of the keys on one master.
    fn largest_share(&self) -> f64 {
        let all: f64 = self.keys.iter().sum();
        self.keys.iter().copied().fold(0.0, f64::max) / all
    }
}

pub(crate) fn measure(rounds: u32) -> Result<()> {
    let mut setups = Vec::new();
    for masters in 1..=MOST {
        setups.push(Setup::start(masters)?);
    }
    for _ in 0..rounds {
        for setup in &mut setups {
            setup.round()?;
        }
    }
    let table = Table::new("growth", "Masters of a Cluster");
    for (size, setup) in (1..).zip(&setups) {
        let row = format!("masters: {size}");
        setup.samples.tell(&table, &row);
        table.put(&row, "largest share of the keys", "", setup.largest_share());
    }
    let sizes: Vec<Samples> = setups.into_iter().map(|setup| setup.samples).collect();
    Samples::tell_growth("masters of a Cluster", &sizes);
    Ok(())
}
