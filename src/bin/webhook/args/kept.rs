//! Where receivers keep their data, and the part of it that is meant.

use clap::{Args, Subcommand};

use super::KEY;

/// Where receivers keep their records and entries.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// A SQLite file, redis://…, redis+sentinel://…, redis-cluster://…, postgres://…
    #[arg(
        long,
        global = true,
        env = "WEBHOOK_STORE",
        hide_env_values = true,
        value_name = "PLACE"
    )]
    pub(crate) store: Option<String>,
    /// The receivers' namespace
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The receivers' partitions, on Redis; by default, as stored there
    #[arg(long, global = true, value_name = "N")]
    pub(crate) partitions: Option<u32>,
    /// The schema of the receivers' tables, on Postgres
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// The prefix of the receivers' table names, on Postgres
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) table_prefix: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Records {
    /// The record of an event
    Lookup {
        #[arg(required = true, help = KEY)]
        key: Vec<String>,
    },
    /// Remove the record of an event: its next delivery runs
    Forget {
        #[arg(required = true, help = KEY)]
        key: Vec<String>,
    },
    /// Events of a provider that are not done
    Unfinished {
        /// The provider of the events
        provider: String,
        /// So many of them at most
        #[arg(default_value_t = 100)]
        limit: usize,
    },
    /// How many records are in each state
    Counts,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Inbox {
    /// How many entries have each status
    Counts,
    /// Entries with one status
    List {
        /// queued, waiting, running, lapsed, done, dead, discarded, stale or mismatched
        status: Option<String>,
        /// Only of this provider
        #[arg(long)]
        provider: Option<String>,
        /// So many of them at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// The entry of an event
    Show {
        #[arg(required = true, help = KEY)]
        key: Vec<String>,
    },
    /// Remove the entry of an event: its next delivery is accepted as the first
    Forget {
        #[arg(required = true, help = KEY)]
        key: Vec<String>,
    },
    /// Providers that are paused
    Paused,
    /// The rates that are set
    Rates,
    /// Take at most so many of a provider's entries in so many seconds
    Rate {
        /// The provider of the entries
        provider: String,
        /// off, or how many
        entries: String,
        /// In how many seconds
        seconds: Option<u64>,
        /// For each order key instead of the whole provider
        #[arg(long)]
        each_order_key: bool,
    },
}

/// A selection of dead events.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Of this provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// With this text in the last reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Dead for less than so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) newer_than: Option<u64>,
    /// Dead for longer than this
    #[arg(long, value_name = "SECONDS")]
    pub(crate) older_than: Option<u64>,
    /// At most so many of them; the default is 1,000
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}
