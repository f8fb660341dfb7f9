use std::fmt::Write;

use super::senders;
use crate::contract::{SenderContract, Span};

/// The page of all senders, as Markdown: `docs/senders.md`.
pub fn senders_page() -> String {
    let mut page = String::from(HEAD);
    for sender in senders() {
        let contract = sender.contract().map(|contract| described(&contract));
        // Writing to a string cannot fail.
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

What the feature `senders` knows beyond the default presets. `scripts/senders` writes this
page from `src/provider/senders`, and a test compares.

\"Known from\" says where the scheme was read. What stands under \"taken cautiously\" neither the
sender's code nor its documents say: no promise is made of it, and the value was chosen so that no
delivery is lost if it is wrong.

| sender | proof | one event is | how it delivers | challenge | known from | source | taken cautiously |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

fn described(contract: &SenderContract) -> String {
    let waits = Span(contract.time_to_answer());
    format!("waits {waits}; {}", contract.schedule())
}
