//! What is asked for.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::*;
use tower_webhook::Name;

use crate::USAGE;

/// What is looked into.
pub(crate) enum Place {
    Store(String),
    Inbox(String),
}

pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) namespace: Option<Name>,
    pub(crate) partitions: Option<u32>,
    pub(crate) filter: Filter,
    /// So long many are spread over, or are duplicates.
    pub(crate) within: Duration,
    pub(crate) retention: Duration,
    pub(crate) force: bool,
    pub(crate) each_order_key: bool,
    words: Vec<String>,
}

/// Which dead entries are meant.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) all: bool,
    pub(crate) provider: Option<Name>,
    pub(crate) reason: Option<String>,
    pub(crate) newer_than: Option<Duration>,
    pub(crate) older_than: Option<Duration>,
    pub(crate) limit: Option<usize>,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Options {
    pub(crate) fn parse() -> Result<Self, Box<dyn Error>> {
        let mut place = None;
        let mut options = Self {
            place: Place::Store(String::new()),
            namespace: None,
            partitions: None,
            filter: Filter::default(),
            within: Duration::ZERO,
            retention: DAY,
            force: false,
            each_order_key: false,
            words: Vec::new(),
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            let name = match argument {
                Long(name) => name.to_owned(),
                Short('h') => "help".to_owned(),
                Value(word) => {
                    options.words.push(word.string()?);
                    continue;
                }
                other @ Short(_) => return Err(other.unexpected().into()),
            };
            let mut text = || arguments.value()?.string();
            let seconds = |text: String| number(&name, &text).map(Duration::from_secs);
            let filter = &mut options.filter;
            match name.as_str() {
                "store" => place = Some(Place::Store(text()?)),
                "inbox" => place = Some(Place::Inbox(text()?)),
                "namespace" => options.namespace = Some(Name::new(text()?)?),
                "partitions" => options.partitions = Some(number(&name, &text()?)?),
                "provider" => filter.provider = Some(Name::new(text()?)?),
                "reason" => filter.reason = Some(text()?),
                "newer-than" => filter.newer_than = Some(seconds(text()?)?),
                "older-than" => filter.older_than = Some(seconds(text()?)?),
                "limit" => filter.limit = Some(number(&name, &text()?)?),
                "all" => filter.all = true,
                "within" => options.within = seconds(text()?)?,
                "for" => options.retention = seconds(text()?)?,
                "force" => options.force = true,
                "each-order-key" => options.each_order_key = true,
                "help" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                other => return Err(format!("there is no --{other}\n{USAGE}").into()),
            }
        }
        options.place = place.ok_or(USAGE)?;
        Ok(options)
    }

    pub(crate) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

fn number<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Box<dyn Error>> {
    (text.parse()).map_err(|error| format!("--{name} {text:?}: {error}").into())
}
