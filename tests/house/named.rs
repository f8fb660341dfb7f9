//! Checks that code names on the pages exist, so that a renamed item is renamed there too.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{files, files_beside};

/// Pages that may name only what exists. The changelog names removed items, `docs/mutants.md` names
/// what was judged, and `docs/by-hand.md` names other crates.
const PAGES: [&str; 15] = [
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "docs/attacks.md",
    "docs/benchmarks.md",
    "docs/benchmarks.notes.md",
    "docs/compared.md",
    "docs/exactly-once.md",
    "docs/fuzzing.md",
    "docs/inbox.md",
    "docs/map.md",
    "docs/outages.md",
    "docs/schemes.md",
    "docs/stability.md",
    "docs/stricter.md",
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// The names in backticks in a page's prose: words with an inner capital or an underscore.
fn named(page: &str) -> BTreeSet<&str> {
    let code = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    code.flat_map(words).filter(|word| is_name(word)).collect()
}

fn is_name(word: &str) -> bool {
    let mut inner = word.chars().skip(1);
    word.contains('_') || (inner.any(char::is_uppercase) && word.contains(char::is_lowercase))
}

/// The names that are words in the code, in its file names, or in the files around it.
fn there(names: &BTreeSet<&str>) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = [
        "Cargo.toml",
        "scripts/test",
        "scripts/bench",
        "scripts/ledger-faults",
    ];
    let mut all: BTreeSet<String> = BTreeSet::new();
    let texts = (files().into_iter().chain(files_beside()))
        .filter(|(file, _)| !file.ends_with("house/named.rs"))
        .chain(beside.map(|file| {
            let text = std::fs::read_to_string(root.join(file));
            (file.to_owned(), text.expect("a text"))
        }));
    for (file, text) in texts {
        let found = words(&file).chain(words(&text));
        // Most words are short and not names, so they need not be looked up.
        let found = found.filter(|word| is_name(word) && names.contains(word));
        all.extend(found.map(str::to_owned));
    }
    all
}

#[test]
fn every_name_on_the_pages_is_there() {
    let pages = PAGES.map(|page| {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page));
        (page, text.expect("a page"))
    });
    let there = there(&pages.iter().flat_map(|(_, text)| named(text)).collect());
    for (page, text) in &pages {
        let gone: Vec<_> = named(text)
            .into_iter()
            .filter(|name| !there.contains(*name))
            .collect();
        assert!(gone.is_empty(), "{page}: {gone:?}");
    }
}

#[test]
fn a_name_is_found_in_prose() {
    let page = "Take `EventRule::with_no_such` or `Tx`, not `get`.\nA `HashMap`";
    let found: Vec<_> = named(page).into_iter().collect();
    assert_eq!(found, ["EventRule", "HashMap", "with_no_such"]);
}
