use std::fmt::Write;

use super::senders;
use crate::contract::{RetrySchedule, SenderContract};

/// The page of all senders, as Markdown: `docs/senders.md`.
pub fn senders_page() -> String {
    let mut page = String::from(HEAD);
    for sender in senders() {
        let contract = sender.contract().map(|contract| described(&contract));
        // A text cannot fail to grow.
        let _ = writeln!(
            page,
            "| {} (`{}`) | {} | {} | {} | {} | {} | {} | {} |",
            sender.title(),
            sender.name(),
            sender.proof(),
            sender.event(),
            contract.unwrap_or_default(),
            sender.challenge(),
            sender.confidence(),
            sender.source(),
            sender.assumed(),
        );
    }
    page
}

const HEAD: &str = "\
# Senders

What the feature `senders` knows beyond the first edition's presets. `scripts/senders` writes this
page from `src/provider/senders`, and a test compares.

\"Known from\" says where the scheme was read. What stands under \"taken cautiously\" neither the
sender's code nor its documents say: no promise is made of it, and the value was chosen so that no
delivery is lost if it is wrong.

| sender | proof | one event is | how it delivers | challenge | known from | source | taken cautiously |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

fn described(contract: &SenderContract) -> String {
    let seconds = |span: std::time::Duration| match span.as_secs() {
        0 => format!("{} ms", span.as_millis()),
        secs if secs >= 86_400 && secs.is_multiple_of(86_400) => format!("{} d", secs / 86_400),
        secs if secs >= 3_600 && secs.is_multiple_of(3_600) => format!("{} h", secs / 3_600),
        secs if secs >= 60 && secs.is_multiple_of(60) => format!("{} min", secs / 60),
        secs => format!("{secs} s"),
    };
    let schedule = match contract.schedule() {
        RetrySchedule::Never => "one attempt".to_owned(),
        RetrySchedule::Fixed { interval, attempts } => {
            format!("{attempts} attempts, {} apart", seconds(*interval))
        }
        RetrySchedule::Exponential { first, attempts } => {
            format!("{attempts} attempts, doubling from {}", seconds(*first))
        }
        RetrySchedule::Listed(waits) => {
            let waits: Vec<_> = waits.iter().map(|wait| seconds(*wait)).collect();
            format!("again after {}", waits.join(", "))
        }
        RetrySchedule::Unstated { horizon, .. } => {
            format!("retries for {} are assumed", seconds(*horizon))
        }
    };
    format!("waits {}; {schedule}", seconds(contract.time_to_answer()))
}
