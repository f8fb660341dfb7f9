//! Checks the length of files.

use crate::source::{files, files_beside};

/// A longer file should be split.
const MOST_LINES: usize = 400;
/// Half of all files must have no more lines than this.
const MEDIAN: usize = 140;

/// The number of lines in a file before its tests.
fn lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .count()
}

#[test]
fn files_are_short() {
    let mut all: Vec<_> = files()
        .iter()
        .map(|(file, text)| (lines(text), file.clone()))
        .collect();
    all.sort();
    let long: Vec<_> = all
        .iter()
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines: {long:#?}");
    let (median, _) = all[all.len() / 2];
    assert!(
        median <= MEDIAN,
        "the median is {median} lines, not {MEDIAN}"
    );
}

#[test]
fn files_of_tests_benches_and_examples_are_short_too() {
    let long: Vec<_> = files_beside()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines: {long:#?}");
}

#[test]
fn tests_of_a_file_do_not_count() {
    assert_eq!(lines("a\nb\n#[cfg(test)]\nmod tests {}\n"), 2);
}
