//! Checks the map of the rules: `docs/map.md` says where each rule is, and must be correct.

use std::collections::BTreeSet;
use std::path::Path;

const MAP: &str = include_str!("../../docs/map.md");
/// A map needs at least this many rules.
const FEWEST_RULES: usize = 20;

/// The rules on a page, each with the files in its row.
fn rules(page: &str) -> Vec<(&str, Vec<&str>)> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .filter_map(|row| row.rsplit_once(" | "))
        .map(|(rule, files)| (rule, files.split('`').skip(1).step_by(2).collect()))
        .filter(|(_, files): &(&str, Vec<&str>)| !files.is_empty())
        .collect()
}

#[test]
fn each_rule_stands_in_a_file_that_is_there() {
    let rules = rules(MAP);
    assert!(rules.len() >= FEWEST_RULES, "{}", rules.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (rule, files) in &rules {
        for file in files {
            assert!(file.starts_with("src/"), "{rule}: {file}");
            assert!(root.join(file).is_file(), "{rule}: no file {file}");
        }
    }
    let different: BTreeSet<_> = rules.iter().map(|(rule, _)| rule).collect();
    assert_eq!(different.len(), rules.len(), "a rule stands there twice");
}

#[test]
fn a_row_is_read_with_its_files() {
    let page = "| rule | file |\n| --- | --- |\n| One. | `src/a.rs`, `src/b.rs` |\n";
    assert_eq!(rules(page), [("One.", vec!["src/a.rs", "src/b.rs"])]);
}
