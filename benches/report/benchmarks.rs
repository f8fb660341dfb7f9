//! The page of all measurements.

use crate::measured::Measured;
use crate::numbers::Numbers;

/// The parts of `scripts/bench` in page order: name, heading, and how it is measured.
const SECTIONS: [(&str, &str, &str); 16] = [
    (
        "stack",
        "A delivery of 1 KiB over loopback",
        "The server is one process on core 0, on the runtime of `#[tokio::main]` with one worker thread; \
         `wrk` with 64 connections and Redis are on core 1, or 256 connections where the table says so. Each \
         round of a second sends each variant the same pre-signed events in turn. The build before is that of \
         the commit named above, by the same bench at that commit, beside it in the same run. No `tracing` \
         subscriber is installed. A row is a handler that reads the body, behind what the row names. Where the \
         core was at work for less than 0.9 of the time, the time on the core says more than requests/s.",
    ),
    (
        "stack-ring",
        "A delivery of 1 KiB over loopback, our MAC by `ring`",
        "As above, with the feature `ring`. What is written by hand keeps `hmac` and `sha2`, so that \
         only the ratios to the handler alone are of one kind.",
    ),
    (
        "peers-stack",
        "A delivery of 1 KiB over loopback, to the layers of other crates",
        "As above, signed as Standard Webhooks does. `webhook-verify` verifies, and `idempotent` \
         remembers the id that is signed: together they do what our `Webhook` does, without what it \
         checks besides.",
    ),
    (
        "peers-others",
        "A delivery over loopback, to servers of others",
        "As above, each server one process on core 0, and the time on it that of all threads and children, to \
         a hundredth of a second. `stripe` and `svix` are those senders' packages for Node behind a bare \
         `node:http` server. Of `stripe` only the signature and its time are asked for; `svix` parses the \
         JSON too. `webhook` is Debian's, written in Go, with a hook that demands `payload-hmac-sha256` and \
         runs `/bin/true`: it forks a process for each delivery that it takes, and answers before that has \
         ended. What has a wrong signature it answers with 500, and forks nothing. Ours is the layer that \
         verifies, before a handler that reads the body. Before they are measured, all of them take what is \
         right, and refuse a wrong signature, another body and, where the time is signed, what is ten minutes old.",
    ),
    (
        "store",
        "The stores",
        "Pairs of claim and complete of new events. Core time is what a pair takes of a processor: on \
         a busy machine it tells more than the rates do.",
    ),
    (
        "sql",
        "The stores on SQL databases",
        "Pairs of claim and complete of new events. SQLite writes to a disk. Postgres and its data are in \
         memory, so that statements are compared and not disks. By hand, each command is a statement or \
         a transaction of its own; the stores carry out together what comes together.",
    ),
    (
        "inbox",
        "The inbox",
        "Events of 1 KiB from the request to the answer that they are held, over 64 connections. What is \
         written by hand stores each by an `INSERT`, or by the same script of Redis, and verifies nothing.",
    ),
    (
        "peers-inbox",
        "The inbox, against another queue",
        "From accepted to done in the database, with handlers that do nothing. *Queued* events are there when \
         a worker begins; *coming* ones are handed over meanwhile by 64 tasks, ours as signed deliveries \
         without sockets. `apalis` looks every millisecond where it finds nothing, and SQLite has \
         `synchronous=FULL` on all connections; all else is as it sets it. Ours is as it is shipped. SQLite writes to a disk, Postgres and Redis are in memory.",
    ),
    (
        "growth",
        "What grows with what",
        "Each row is a size, and each more adds so much. The exponent is that of a power law through \
         all sizes: 1 is linear, 0 is constant. Steps in one process are taken in one thread. Redis \
         servers share one core and receivers another one, so that the rates cannot grow; an exponent \
         of 0 means that one more receiver costs the others nothing, or that so many masters do so \
         many times the work of one.",
    ),
    (
        "peers",
        "Against other crates",
        "One delivery verified in one thread. All take turns in each of many short rounds.",
    ),
    (
        "peers-ring",
        "Against other crates, our MAC by `ring`",
        "As above, with the feature `ring`.",
    ),
    (
        "peers-layers",
        "Against other crates, the layers",
        "Events that are new, one after the other in one thread, through Tower services and without \
         sockets. A row is a handler behind what the row names.",
    ),
    (
        "peers-stores",
        "Against other crates, the stores",
        "Pairs of claim and complete of new events, in turn, and what the record takes that is left \
         of one.",
    ),
    (
        "public-keys",
        "Public keys",
        "One delivery of 1 KiB verified in one thread, and the bare verification of the same library. Both \
         take turns in each of many short rounds.",
    ),
    (
        "timing",
        "Secrets in the timing",
        "Whether a guess that is right for longer takes longer, by Welch's t; `benches/timing.rs` says \
         how. With a leak that is put there, it must show.",
    ),
    (
        "instructions",
        "Instructions",
        "Counted by valgrind, the same on a quiet machine and a busy one. `scripts/bench --check` \
         fails where one is over its bound by more than 2 %.",
    ),
];

/// The page, and the parts that miss a bound without an explanation in the notes.
pub(crate) fn page(numbers: &Numbers, notes: &str) -> (String, Vec<&'static str>) {
    let mut page = String::from(
        "# Benchmarks\n\n\
         Made by `scripts/bench`, which measures anew and rewrites this page; `scripts/bench --pages` \
         makes it\nanew of [benchmarks.jsonl](benchmarks.jsonl), which has the same numbers, one a \
         line. Values are medians\nof many short rounds in which what is compared took turns, ratios \
         the medians of the rounds' ratios, with\ntheir quartiles in brackets.\n\n| | |\n| --- | --- |\n",
    );
    for (fact, value) in &numbers.facts {
        page.push_str(&format!("| {fact} | {value} |\n"));
    }
    page.push_str(&requirements(numbers));
    let mut unexplained = Vec::new();
    for (part, headline, words) in SECTIONS {
        let measured: Vec<_> = numbers.measured.iter().filter(|m| m.part == part).collect();
        if measured.is_empty() {
            continue;
        }
        page.push_str(&format!("\n## {headline}\n\n{words}\n"));
        for title in firsts(&measured, |m| &m.table) {
            page.push_str(&format!("\n### {title}\n\n"));
            page.push_str(&table(&measured, title));
        }
        let misses = (measured.iter()).any(|m| m.required.is_some_and(|it| !it.reached));
        let said = note(notes, part);
        if !said.is_empty() {
            page.push_str(&format!("\n### Why, and what would help\n\n{said}\n"));
        } else if misses {
            unexplained.push(part);
        }
    }
    (page, unexplained)
}

/// All bounds, and whether they are met.
fn requirements(numbers: &Numbers) -> String {
    let mut text = String::from(
        "\n## What is required\n\n\
         | part | of | what | measured | required | |\n| --- | --- | --- | ---: | --- | --- |\n",
    );
    for (part, ..) in SECTIONS {
        for measured in numbers.measured.iter().filter(|m| m.part == part) {
            let Some(required) = measured.required else {
                continue;
            };
            text.push_str(&format!(
                "| {part} | {}: {} | {} | {} | {} | {} |\n",
                measured.table,
                measured.row,
                measured.column,
                measured.cell(),
                required.bound,
                measured.verdict()
            ));
        }
    }
    text.push_str(
        "\nThat no refusal allocates more for a longer body is held by `tests/allocations.rs`.\n",
    );
    let parts = SECTIONS.map(|(part, ..)| part).into_iter();
    let missing: Vec<_> = parts
        .filter(|part| numbers.measured.iter().all(|m| m.part != *part))
        .collect();
    if !missing.is_empty() {
        text.push_str(&format!("\n**Not measured**: {}.\n", missing.join(", ")));
    }
    text
}

/// The first text of each of several numbers, without duplicates.
fn firsts<'a>(measured: &[&'a Measured], of: fn(&Measured) -> &String) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for name in measured.iter().map(|m| of(m).as_str()) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn table(measured: &[&Measured], title: &str) -> String {
    let inside: Vec<_> = (measured.iter().copied())
        .filter(|m| m.table == title)
        .collect();
    let columns = firsts(&inside, |m| &m.column);
    let mut text = format!(
        "| | {} |\n| --- |{}\n",
        columns.join(" | "),
        " ---: |".repeat(columns.len())
    );
    for row in firsts(&inside, |m| &m.row) {
        text.push_str(&format!("| {row} |"));
        for column in &columns {
            let cell = inside.iter().find(|m| m.row == row && m.column == *column);
            let cell = cell.map_or(String::new(), |m| m.cell());
            text.push_str(&format!(" {cell} |"));
        }
        text.push('\n');
    }
    text
}

/// The hand-written note on a part.
fn note<'n>(notes: &'n str, part: &str) -> &'n str {
    let mut sections = notes.split("\n## ");
    let own = sections.find_map(|section| section.strip_prefix(part)?.strip_prefix('\n'));
    own.unwrap_or_default().trim()
}
