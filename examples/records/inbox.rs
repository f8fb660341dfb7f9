//! The entries of an inbox.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

#[cfg(feature = "postgres")]
use tower_webhook::inbox::PostgresInbox;
use tower_webhook::inbox::{
    DeadLetters, Discard, EntryStatus, EntryView, Inbox, List, ManyMoved, Moved, Rate, RateOf,
    RedisInbox, Redrive, SharedInbox, SqliteInbox,
};
use tower_webhook::{Name, UnixTime};

use crate::options::{Filter, Options};
use crate::{Outcome, USAGE, key, nothing};

/// A person waits longer than a sender.
const PATIENCE: Duration = Duration::from_secs(5);

async fn connect(place: &str, options: &Options) -> Result<SharedInbox, Box<dyn Error>> {
    let namespace = options.namespace.as_ref();
    let scheme = place.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| scheme.starts_with("redis") || scheme == "unix") {
        let mut builder = RedisInbox::builder(place).deadline(PATIENCE);
        if let Some(name) = namespace {
            builder = builder.namespace(name.clone());
        }
        if let Some(number) = options.partitions {
            builder = builder.partitions(number);
        }
        return Ok(SharedInbox::new(builder.connect().await?));
    }
    #[cfg(feature = "postgres")]
    if let Some("postgres" | "postgresql") = scheme {
        let mut builder = PostgresInbox::builder(place).deadline(PATIENCE);
        if let Some(name) = namespace {
            builder = builder.namespace(name.clone());
        }
        return Ok(SharedInbox::new(builder.connect().await?));
    }
    match scheme {
        None => {}
        Some("postgres" | "postgresql") => {
            return Err("build it with --features inbox,sqlite,postgres for that".into());
        }
        Some(other) => {
            return Err(format!("{other}: neither a URL of Redis or Postgres, nor a path").into());
        }
    }
    // One that is not there would be made, and be empty.
    if !std::path::Path::new(place).try_exists()? {
        return Err(format!("{place}: there is no such file; name the receiver's").into());
    }
    let mut builder = SqliteInbox::builder(place).deadline(PATIENCE);
    if let Some(name) = namespace {
        builder = builder.namespace(name.clone());
    }
    Ok(SharedInbox::new(builder.connect().await?))
}

pub(crate) async fn run(place: &str, options: &Options) -> Outcome {
    let inbox = connect(place, options).await?;
    match options.words().as_slice() {
        ["counts"] => counts(&inbox).await?,
        ["dead"] => {
            for view in dead(&options.filter).list(&inbox).await? {
                print(&view);
            }
        }
        ["list", status] => {
            let mut list = List::of(status_of(status)?).limit(options.filter.limit.unwrap_or(100));
            list.provider = options.filter.provider.clone();
            for view in inbox.list(&list).await? {
                print(&view);
            }
        }
        ["show", parts @ ..] => match inbox.lookup(&key(parts)?).await? {
            Some(view) => show(&view),
            None => return nothing("no entry"),
        },
        ["redrive", parts @ ..] => {
            let mut redrive = Redrive::new(key(parts)?).after(options.within);
            redrive.force = options.force;
            return told(inbox.redrive(&redrive).await?);
        }
        ["discard", parts @ ..] => {
            let discard = Discard::new(key(parts)?, options.retention);
            return told(inbox.discard(&discard).await?);
        }
        ["redrive-dead"] => {
            let mut letters = named(&options.filter)?;
            if options.force {
                letters = letters.force();
            }
            told_many(letters.redrive(&inbox, options.within).await?);
        }
        ["discard-dead"] => {
            let letters = named(&options.filter)?;
            told_many(letters.discard(&inbox, options.retention).await?);
        }
        ["paused"] => {
            for provider in inbox.paused().await? {
                println!("{provider}");
            }
        }
        [what @ ("pause" | "resume"), provider] => {
            let provider = Name::new((*provider).to_owned())?;
            if !inbox.set_paused(&provider, *what == "pause").await? {
                return nothing("it was so before");
            }
        }
        ["rates"] => rates(&inbox).await?,
        ["rate", provider, rate @ ..] => {
            let provider = Name::new((*provider).to_owned())?;
            let rate = match rate {
                ["off"] => None,
                [entries, seconds] => {
                    let per = Duration::from_secs(seconds.parse()?);
                    Some(Rate::new(entries.parse()?, per)?)
                }
                _ => return Err(USAGE.into()),
            };
            let of = match options.each_order_key {
                true => RateOf::EachOrderKey,
                false => RateOf::Provider,
            };
            if !inbox.set_rate(&provider, of, rate).await? {
                return nothing("it was so before");
            }
        }
        _ => return Err(USAGE.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn status_of(word: &str) -> Result<EntryStatus, Box<dyn Error>> {
    let mut all = EntryStatus::ALL.iter().copied();
    let found = all.find(|status| status.code() == word);
    found.ok_or_else(|| {
        let all: Vec<_> = EntryStatus::ALL.iter().map(|it| it.code()).collect();
        format!("{word:?} is none of {}", all.join(", ")).into()
    })
}

fn dead(filter: &Filter) -> DeadLetters {
    let mut letters = DeadLetters::new();
    if let Some(provider) = &filter.provider {
        letters = letters.provider(provider.clone());
    }
    if let Some(reason) = &filter.reason {
        letters = letters.reason(reason);
    }
    let now = UnixTime::now();
    if let Some(age) = filter.newer_than {
        letters = letters.since(now.saturating_sub(age));
    }
    if let Some(age) = filter.older_than {
        letters = letters.before(now.saturating_sub(age));
    }
    if let Some(limit) = filter.limit {
        letters = letters.limit(limit);
    }
    letters
}

/// The same, where something was named: nobody means all of them by saying nothing.
fn named(filter: &Filter) -> Result<DeadLetters, Box<dyn Error>> {
    let by_time = filter.newer_than.is_some() || filter.older_than.is_some();
    let named = filter.provider.is_some() || filter.reason.is_some() || by_time;
    if !named && !filter.all {
        return Err("which of them? name a provider, a reason or a time, or say --all".into());
    }
    Ok(dead(filter))
}

fn told(moved: Moved) -> Outcome {
    match moved {
        Moved::Done => println!("done"),
        Moved::Stale => {
            return nothing(
                "a newer event of its order key was completed: it runs by --force alone",
            );
        }
        Moved::NotFrom(status) => return nothing(&format!("it is {}", status.code())),
        _ => return nothing("no entry"),
    }
    Ok(ExitCode::SUCCESS)
}

fn told_many(moved: ManyMoved) {
    println!("done {}", moved.done);
    println!("overtaken {}", moved.stale);
    println!("changed meanwhile {}", moved.changed);
}

async fn counts(inbox: &SharedInbox) -> Result<(), Box<dyn Error>> {
    let counts = inbox.counts().await?;
    println!("queued {}", counts.queued);
    println!("waiting {}", counts.waiting);
    println!("running {}", counts.running);
    println!("lapsed {}", counts.lapsed);
    println!("done {}", counts.done);
    println!("dead {}", counts.dead);
    println!("discarded {}", counts.discarded);
    println!("stale {}", counts.stale);
    println!("mismatched {}", counts.mismatched);
    Ok(())
}

async fn rates(inbox: &SharedInbox) -> Result<(), Box<dyn Error>> {
    for view in inbox.rates().await? {
        print!("{} {} {}", view.provider, view.of.code(), view.rate);
        match view.next.filter(|next| *next > UnixTime::now()) {
            Some(next) => println!(", used up until {}", next.to_rfc3339()),
            None => println!(),
        }
    }
    Ok(())
}

fn print(view: &EntryView) {
    let entry = &view.entry;
    let (key, status) = (view.key.escaped(), view.status.code());
    print!(
        "{key} {status} by {}, attempts {}",
        view.route, entry.attempts
    );
    match entry.history.last() {
        Some(failed) => println!(": {:?}", failed.reason),
        None => println!(),
    }
}

fn show(view: &EntryView) {
    print(view);
    let entry = &view.entry;
    println!("accepted at {}", entry.accepted_at.to_rfc3339());
    if let Some(order) = &entry.order {
        let version = order
            .version
            .map_or("none".to_owned(), |it| it.number().to_string());
        println!("order key {}, version {version}", order.key);
    }
    for failed in entry.history.iter() {
        let (attempt, at) = (failed.attempt, failed.at.to_rfc3339());
        println!("attempt {attempt} failed at {at}: {:?}", failed.reason);
    }
    if let Some(body) = &view.body {
        println!("{}", String::from_utf8_lossy(body));
    }
}
