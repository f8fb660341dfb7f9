//! `docs/misuse.md`, held to what is really said.

use std::collections::BTreeMap;
use std::path::Path;

use super::{at_build, at_work};

const TABLE: &str = include_str!("../../../docs/misuse.md");
/// Fewer are no guide.
const FEWEST: usize = 30;

/// A row of the table: what is done, who says so, and the text.
fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    (TABLE.lines())
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .skip(2)
        .map(|row| {
            let cells: Vec<_> = row.split(" | ").collect();
            cells.try_into().expect("three cells")
        })
}

#[tokio::test]
async fn each_misuse_says_what_the_table_says() {
    // Outside of a runtime, as a `main` that is not async.
    let at_build = std::thread::spawn(at_build::cases).join().unwrap();
    let at_work = at_work::cases().await;
    let mut said: BTreeMap<_, _> = at_build.into_iter().chain(at_work).collect();
    let mut compared = 0;
    for [misuse, by, text] in rows() {
        let has_database = cfg!(any(feature = "postgres", feature = "sqlite"));
        let is_off = (by == "an assertion" && !cfg!(feature = "testing"))
            || (misuse.starts_with("an inbox route") && !cfg!(feature = "inbox"))
            || (misuse.contains("with a `Tx`") && !has_database);
        if is_off {
            continue;
        }
        let found = match by.strip_prefix("the compiler (`") {
            Some(case) => {
                let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
                let file = format!("{}.stderr", case.trim_end_matches("`)"));
                std::fs::read_to_string(ui.join(file)).unwrap()
            }
            None => said
                .remove(misuse)
                .unwrap_or_else(|| panic!("nobody does this: {misuse}")),
        };
        assert!(
            found.contains(text),
            "{misuse}: {text:?} is not in {found:?}"
        );
        compared += 1;
    }
    assert!(compared >= FEWEST, "{compared}");
    assert!(said.is_empty(), "in no row: {said:?}");
}
