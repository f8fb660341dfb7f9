//! The outcome of 1,000 events of each sender when things fail, as a Markdown table.
//!
//! `cargo run --example outages --features testing`. It takes hours of virtual time but seconds of
//! real time, and prints the same table each time; a number after `--` sets another seed.

mod arithmetic;
mod receiver;

use std::error::Error;
use std::fmt::Display;
use std::sync::PoisonError;
use std::time::Duration;

use arithmetic::expected;
use receiver::Operator;
use tokio::time::sleep;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::testing::{History, Sample, Sender, TestDelivery, TokioClock};
use tower_webhook::{
    Allowlist, Clock, PathTokens, Provider, RetriedStatuses, RetrySchedule, SenderContract,
    UnixTime,
};

const EVENTS: u64 = 1_000;
/// The time from one event to the next: all begin within 250 s.
const EVERY: Duration = Duration::from_millis(250);
/// When the store or receiver goes down, never at the same time as an attempt. The next two are the
/// durations.
const OUTAGE: Duration = Duration::from_millis(100_100);
const STORE_DOWN: Duration = Duration::from_secs(60);
const RESTART: Duration = Duration::from_secs(20);
/// The polling that BLOX recommends in addition to its webhooks.
const POLL_EVERY: Duration = Duration::from_secs(5);
const POLLS: u32 = 240;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Handler,
    Store,
    Restart,
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Store => "handler; store down 60 s",
            Self::Restart => "handler; restart of 20 s, memory lost",
        }
    }

    fn lasts(self) -> Duration {
        match self {
            Self::Handler => Duration::ZERO,
            Self::Store => STORE_DOWN,
            Self::Restart => RESTART,
        }
    }
}

struct Case {
    name: &'static str,
    sample: Sample,
    provider: Provider,
    polled: bool,
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seed = match std::env::args().nth(1) {
        Some(seed) => seed.parse()?,
        None => 1,
    };
    print!("{}", table(seed).await?);
    Ok(())
}

async fn table(seed: u64) -> Result<String, Box<dyn Error>> {
    let mut table = "| sender | what fails | acknowledged | slowest | lost | attempts \
                     | took effect twice |\n\
                     | --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for trouble in [Trouble::Handler, Trouble::Store, Trouble::Restart] {
        for case in cases()? {
            table.push_str(&row(&case, trouble, seed).await?);
        }
    }
    Ok(table)
}

fn cases() -> Result<[Case; 5], Box<dyn Error>> {
    let tokens = PathTokens::parse([TOKEN])?;
    let blox = || provider::blox(tokens.clone()).without_status_check();
    let case = |name, sample, provider| Case {
        name,
        sample,
        provider,
        polled: false,
    };
    let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    let bloquo = provider::bloquo(Allowlist::parse(["192.0.2.7"])?);
    let bloque = provider::bloque_accounts(PathTokens::parse([TOKEN])?);
    Ok([
        case("BlendFi", Sample::BlendFi, blendfi),
        case("Bloquo", Sample::Bloquo, bloquo),
        case("Bloque", Sample::BloqueCard, bloque),
        case("BLOX", Sample::Blox, blox()),
        Case {
            polled: true,
            ..case("BLOX, polled", Sample::Blox, blox())
        },
    ])
}

async fn row(case: &Case, trouble: Trouble, seed: u64) -> Result<String, Box<dyn Error>> {
    let clock = TokioClock::starting_at(UnixTime::from_secs(1_777_899_600));
    let (operator, receiver) = Operator::start(case.provider.clone(), clock.clone(), seed)?;
    let bodies: Vec<_> = (1..=EVENTS)
        .map(|number| case.sample.body_at(number, clock.now()))
        .collect();
    let events = bodies.iter().map(|body| {
        let event = TestDelivery::new(&case.provider, body.clone());
        match case.sample {
            Sample::Bloquo => event.from([192, 0, 2, 7].into()),
            Sample::BlendFi => event,
            _ => event.token(TOKEN),
        }
    });
    let sender = |contract: SenderContract| {
        let sender = Sender::new(contract).clock(clock.clone());
        sender.seed(seed).every(EVERY)
    };
    let (provider, poller) = (sender(case.provider.contract().clone()), sender(poll()));
    let (sent, polled, outage) = tokio::join!(
        provider.deliver(receiver.clone(), events.clone()),
        async {
            sleep(POLL_EVERY).await;
            let events = events.clone().filter(|_| case.polled);
            poller.deliver(receiver.clone(), events).await
        },
        async {
            sleep(OUTAGE).await;
            match trouble {
                Trouble::Handler => {}
                Trouble::Store => operator.lose_store(STORE_DOWN).await,
                Trouble::Restart => operator.restart(RESTART).await?,
            }
            Ok::<_, tower_webhook::ConfigError>(())
        },
    );
    outage?;
    let polled = polled?;
    let histories = if case.polled { &polled } else { &sent? };

    let effects = operator
        .effects
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let effects_of = |body| effects.get(body).map_or(0, |event| event.effects);
    let (mut acknowledged, mut lost, mut twice) = (0_u32, 0_u32, 0_u32);
    for (history, body) in histories.iter().zip(&bodies) {
        let (taken, times) = (!history.is_lost(), effects_of(body));
        if taken && times == 0 {
            return Err("an event was acknowledged and took no effect".into());
        }
        acknowledged = acknowledged.saturating_add(taken.into());
        lost = lost.saturating_add((times == 0).into());
        twice = twice.saturating_add((times > 1).into());
    }
    let slowest = histories
        .iter()
        .filter_map(History::acknowledged_after)
        .max();
    let attempts: usize = histories
        .iter()
        .map(|history| history.attempts().len())
        .sum();
    let poll = poll();
    let polled = case.polled.then_some(poll.schedule());
    let expected = expected(case.provider.contract().schedule(), polled, trouble);
    Ok(format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        case.name,
        trouble.name(),
        beside(acknowledged, expected.acknowledged, 1),
        slowest.map_or_else(|| "-".to_owned(), text),
        beside(lost, expected.lost, 3),
        beside(attempts, expected.attempts, 1),
        beside(twice, expected.twice, 1),
    ))
}

/// A poll of the status API, whose answers take the same path as webhooks: through the same record.
fn poll() -> SenderContract {
    let schedule = RetrySchedule::Fixed {
        interval: POLL_EVERY,
        attempts: POLLS,
    };
    SenderContract::new(schedule, RetriedStatuses::AllButSuccess).waits(Duration::from_secs(10))
}

/// The result, followed by the expected value.
fn beside(found: impl Display, expected: f64, digits: usize) -> String {
    if expected < 0.001 {
        format!("{found} (0)")
    } else {
        format!("{found} ({expected:.digits$})")
    }
}

fn text(time: Duration) -> String {
    let secs = time.as_secs();
    match (secs / 3_600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, minutes, secs) => format!("{minutes} min {secs} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_docs_show_what_the_command_prints() {
        let docs = include_str!("../../docs/outages.md");
        let table = table(1).await.unwrap();
        assert!(
            docs.contains(&table),
            "put this into docs/outages.md:\n{table}"
        );
    }
}
