//! The command line of the rig.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

const USAGE: &str = "\
usage: chaos --backend sqlite|postgres|redis|sentinel|cluster [--seed S] [--minutes M | --seconds N] [--rate R] [--flaw NAME]
             [--ledger FILE]
       chaos --flaws   lists the deliberate faults in the product that the rig has to find";

/// The place where events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    Redis,
    Sentinel,
    Cluster,
}

impl Backend {
    /// Whether handlers can have their effects in its transactions.
    pub(crate) fn has_tx(self) -> bool {
        matches!(self, Self::Sqlite | Self::Postgres)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Args {
    pub(crate) backend: Backend,
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    /// Events per second.
    pub(crate) rate: u64,
    pub(crate) flaw: Option<String>,
    pub(crate) ledger: String,
    pub(crate) lists_flaws: bool,
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut args = Self {
            backend: Backend::Sqlite,
            seed: now.as_secs(),
            time: Duration::from_secs(120),
            rate: 170,
            flaw: None,
            ledger: String::new(),
            lists_flaws: false,
        };
        while let Some(word) = words.next() {
            if word == "--flaws" {
                args.lists_flaws = true;
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{word} {value}\n{USAGE}"))
            };
            match &*word {
                "--backend" => {
                    args.backend = match &*value {
                        "sqlite" => Backend::Sqlite,
                        "postgres" => Backend::Postgres,
                        "redis" => Backend::Redis,
                        "sentinel" => Backend::Sentinel,
                        "cluster" => Backend::Cluster,
                        _ => return Err(USAGE.to_owned()),
                    }
                }
                "--seed" => args.seed = number()?,
                "--minutes" => args.time = Duration::from_secs(number()?.saturating_mul(60)),
                "--seconds" => args.time = Duration::from_secs(number()?),
                "--rate" => args.rate = number()?.max(1),
                "--flaw" => args.flaw = Some(value),
                "--ledger" => args.ledger = value,
                _ => return Err(USAGE.to_owned()),
            }
        }
        if args.ledger.is_empty() {
            let name = format!("chaos-{:?}-{}.ledger", args.backend, args.seed).to_lowercase();
            args.ledger = std::env::temp_dir().join(name).display().to_string();
        }
        Ok(args)
    }
}

/// SplitMix64: the same seed gives the same plan.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }
}

pub(crate) fn mixed(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number derived from a text, the same in every process.
pub(crate) fn hash(text: &str) -> u64 {
    mixed(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}
