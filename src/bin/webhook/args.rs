//! The command line.

mod kept;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::presets;
use crate::tamper::Tamper;

pub(crate) use kept::{Filter, Inbox, Records, StoreArgs};

const STATUSES: &str = "\
Exit status:
  0  done; authentic; every delivery was answered with success
  1  no: refused, not found, unchanged, at risk
  2  the command or a setting makes no sense
  3  the store or the receiver is out of reach

Secrets come from a file (--secret-file) or a variable (--secret-env), never from the command line.";

const DEVELOPMENT: &str = "\
To a URL of this machine, and where no secret is named, it signs with the development secret of the example receiver,
whsec_test_for_development_only, and says so. A token in a path that is not named is token-for-development-only.";

#[derive(Debug, Parser)]
#[command(
    name = "webhook",
    version,
    about = "Sends and verifies webhooks, says why one is refused, and looks after what receivers keep",
    after_help = STATUSES,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Print JSON, one value per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the known senders, or show everything about one
    Providers {
        /// The sender to show
        #[arg(value_parser = presets::name)]
        name: Option<String>,
    },
    /// Sign a body as a sender does, and print the headers or a curl line
    Sign(Sign),
    /// Send deliveries as a sender does, correct or wrong ones
    #[command(after_help = DEVELOPMENT)]
    Send(Send),
    /// Verify a captured request, and explain why it is refused
    Verify(Verify),
    /// Inspect the records of a store
    Records {
        #[command(flatten)]
        store: StoreArgs,
        #[command(subcommand)]
        command: Records,
    },
    /// Show what became of an event: its entry in the inbox, or its record
    Show {
        #[command(flatten)]
        store: StoreArgs,
        #[arg(required = true, help = KEY)]
        key: Vec<String>,
    },
    /// Inspect an inbox, and set its rates
    Inbox {
        #[command(flatten)]
        store: StoreArgs,
        #[command(subcommand)]
        command: Inbox,
    },
    /// List the dead letters
    Dead {
        #[command(flatten)]
        store: StoreArgs,
        #[command(flatten)]
        filter: Filter,
    },
    /// Run a dead event again, or all that a filter selects
    Redrive(Redrive),
    /// Give up a dead or waiting event, or all dead ones that a filter selects: they never run
    Discard(Discard),
    /// Pause a provider: its events are accepted, but wait
    Pause {
        #[command(flatten)]
        store: StoreArgs,
        /// Whose events
        provider: String,
    },
    /// Resume a paused provider
    Resume {
        #[command(flatten)]
        store: StoreArgs,
        /// Whose events
        provider: String,
    },
    /// Resend deliveries from a journal, signed anew as their sender would: to a URL, through every check
    #[command(after_help = DEVELOPMENT)]
    Replay(Replay),
    /// Show deliveries as a journal records them
    Watch(Watch),
    /// Check for problems: store, risky settings, clock, keys, certificates, allowlist
    Doctor(Doctor),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of the program, or of one command
    Man {
        /// The command, one or two words
        command: Vec<String>,
    },
}

const KEY: &str = "The event: its provider and the parts of its key, or both in one word \
                   (blendfi evt_1, bloquo:1042:COMPLETED)";

/// Where the secrets are.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// The variable that holds the secret, or several separated by commas (default: WEBHOOK_SECRET)
    #[arg(long, value_name = "NAME")]
    pub(crate) secret_env: Option<String>,
    /// The file that holds them, one per line; - is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Refused: everybody on the machine can read a command line
    #[arg(long, hide = true, value_name = "SECRET")]
    pub(crate) secret: Option<String>,
    /// The URL that the sender was given, if it signs that
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

/// What is delivered.
#[derive(Debug, Args)]
pub(crate) struct BodyArgs {
    /// The event's id; a new one by default
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Send this instead of a made-up event, unchanged
    #[arg(long, value_name = "JSON", conflicts_with = "items")]
    pub(crate) body: Option<String>,
    /// The same, from a file; - is the standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["body", "items"])]
    pub(crate) body_file: Option<PathBuf>,
    /// How many events a delivery holds, if it holds a list of them (pix)
    #[arg(long, alias = "batch", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) items: Option<u32>,
    /// Date it so many seconds ago; a negative number is in the future
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) age: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The sender, as `webhook providers` lists it
    #[arg(value_parser = presets::name)]
    pub(crate) provider: String,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    #[command(flatten)]
    pub(crate) body: BodyArgs,
    /// Print a curl line that delivers it to this URL
    #[arg(long, value_name = "URL")]
    pub(crate) curl: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// blendfi, bloquo, blox, bloque-account, bloque-card, bloque-payment, pix, or any that
    /// `webhook providers` lists
    #[arg(value_parser = presets::name, default_value = "blendfi")]
    pub(crate) provider: String,
    /// Plain HTTP; without a path, that of the example receiver is added
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    /// The variable that holds the secret end of the path (default: WEBHOOK_TOKEN)
    #[arg(long, value_name = "NAME")]
    pub(crate) token_env: Option<String>,
    #[command(flatten)]
    pub(crate) body: BodyArgs,
    /// Make one thing wrong
    #[arg(long, value_name = "WHAT")]
    pub(crate) tamper: Option<Tamper>,
    /// Send it N times, one after another
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) repeat: Option<u32>,
    /// Send it N times at once, each over its own connection
    #[arg(long, value_name = "N", conflicts_with = "repeat", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) storm: Option<u32>,
    /// Another event each time
    #[arg(long, conflicts_with_all = ["id", "body", "body_file"])]
    pub(crate) fresh: bool,
    /// Retry after its Retry-After while the answer is 503, up to 10 times in all
    #[arg(long)]
    pub(crate) retry: bool,
    /// Show progress every second, even if the output is not a terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Raw HTTP, a curl line, a HAR, or a journal in any place; - is the standard input
    pub(crate) file: PathBuf,
    /// The sender to check against; by default, every sender is tried
    #[arg(long, value_parser = presets::name)]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    /// When it arrived, in Unix seconds or RFC 3339; by default, as the capture or its file's time says
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Also try the secrets in this variable, which belong to another environment
    #[arg(long, value_name = "NAME")]
    pub(crate) other_secret_env: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[arg(help = KEY, conflicts_with_all = ["all", "Filter"])]
    pub(crate) key: Vec<String>,
    /// All of them, where no filter is given
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Spread them over so many seconds; for a single event, its delay
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) within: u64,
    /// Also run overtaken events
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Discard {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[arg(help = KEY, conflicts_with_all = ["all", "Filter"])]
    pub(crate) key: Vec<String>,
    /// All of them, where no filter is given
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// How long their deliveries count as duplicates
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) retention: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A journal: its folder, a file of its lines or of SQLite, or a Postgres URL; - is the standard input
    pub(crate) file: PathBuf,
    /// The sender whose deliveries to send, as `webhook providers` lists it
    #[arg(long, value_parser = presets::name)]
    pub(crate) provider: String,
    /// The URL of the receiver, in plain HTTP; without a path, that of the example receiver is added
    #[arg(long)]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    /// Only the event with this key, as one word
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only deliveries with this verdict: failed, handled, …
    #[arg(long, value_parser = crate::journal::verdict)]
    pub(crate) verdict: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// A journal: its folder, a file of its lines or of SQLite, or a URL of Postgres
    pub(crate) file: PathBuf,
    /// Also show existing lines
    #[arg(long)]
    pub(crate) from_start: bool,
    /// Stop at the end of the file
    #[arg(long)]
    pub(crate) once: bool,
    /// Only of this provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Only refused or failed deliveries
    #[arg(long)]
    pub(crate) trouble: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The sender whose secrets to read
    #[arg(long, value_parser = presets::name)]
    pub(crate) provider: Option<String>,
    #[command(flatten)]
    pub(crate) secrets: SecretArgs,
    /// Networks, addresses and host names of an allowlist, separated by commas; names are resolved now
    #[arg(long, value_name = "LIST")]
    pub(crate) allow: Option<String>,
    /// Certificates in PEM: a client's, an authority's, or those that hold a sender's keys
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Vec<PathBuf>,
    /// A journal in any place: shows when each key last matched
    #[arg(long, value_name = "FILE", requires = "provider")]
    pub(crate) journal: Option<PathBuf>,
}
