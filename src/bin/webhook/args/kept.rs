//! What receivers keep: where it is, and which of it is meant.

use clap::{Args, Subcommand};

use super::KEY;

/// Where receivers keep their records and entries.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// A file of SQLite, redis://…, redis+sentinel://…, redis-cluster://…, postgres://…
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
    /// The receivers' partitions, on Redis; as it says itself unless set
    #[arg(long, global = true, value_name = "N")]
    pub(crate) partitions: Option<u32>,
    /// The schema of the receivers' tables, on Postgres
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// What the names of the receivers' tables begin with, on Postgres
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
        /// Whose they are
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
        /// Of this provider alone
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
    /// Take no more of a provider than so many in so many seconds
    Rate {
        /// Whose entries
        provider: String,
        /// off, or how many
        entries: String,
        /// In how many seconds
        seconds: Option<u64>,
        /// Of each order key instead of all of the provider
        #[arg(long)]
        each_order_key: bool,
    },
}

/// Which dead events.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Of this provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Whose last reason holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// That died within so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) newer_than: Option<u64>,
    /// That died longer ago
    #[arg(long, value_name = "SECONDS")]
    pub(crate) older_than: Option<u64>,
    /// So many of them at most; 1,000 unless set
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}
