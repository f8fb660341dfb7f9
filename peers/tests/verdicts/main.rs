//! Our verdict beside those of published crates, on tens of thousands of deliveries, whole and
//! broken: the same, except where a rule of `rules.rs` says otherwise. Where one of [`Stricter`]
//! holds we always refuse; we never accept what a peer refuses but for one of [`Wider`].
//!
//! Each run takes new deliveries; `PROPTEST_RNG_SEED` repeats one, `PROPTEST_CASES` asks for more.

mod delivery;
mod named;
mod rules;
mod standard;
mod stripe;
mod tally;

use rules::{Stricter, Wider};

#[test]
fn the_versions_in_the_docs_are_those_that_are_asked() {
    let docs = include_str!("../../../docs/stricter.md");
    let lock = include_str!("../../Cargo.lock");
    for peer in ["standardwebhooks", "svix", "webhook-verify"] {
        let (_, package) = lock
            .split_once(&format!("name = \"{peer}\"\nversion = \""))
            .expect("it is locked");
        let version = package.split('"').next().unwrap_or_default();
        assert!(docs.contains(&format!("`{peer}` {version}")), "{peer}");
    }
}

#[test]
fn the_rules_in_the_docs_are_those_of_the_test() {
    let docs = include_str!("../../../docs/stricter.md");
    let mut rows = 0;
    for [what, why] in Stricter::ALL
        .map(Stricter::text)
        .into_iter()
        .chain(Wider::ALL.map(Wider::text))
    {
        let row = format!("\n| {what} | {why} |\n");
        assert!(docs.contains(&row), "docs/stricter.md lacks the row{row}");
        rows += 1;
    }
    let in_docs = docs
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .count();
    // Each of the two tables has a head.
    assert_eq!(in_docs, rows + 2);
}
