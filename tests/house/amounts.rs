//! Tests that do more in the second part of the checks must be run there.

use crate::source::files_beside;

const SCRIPT: &str = include_str!("../../scripts/test");

/// The path prefixes of the tests that the script runs in their long form.
fn run_long() -> Vec<&'static str> {
    let (_, rest) = SCRIPT.split_once("test(/^(").expect("a choice of tests");
    let (names, _) = rest.split_once(")::/").expect("its end");
    names.split('|').collect()
}

/// The path of the tests in a file; `None` if all tests of its program are run.
fn path(file: &str) -> Option<String> {
    let is_run_whole = file.split('/').any(|part| part.ends_with("_faults"));
    let short = file.strip_prefix("tests/it/").or(file.strip_prefix("src/"));
    (!is_run_whole).then(|| short.unwrap_or(file).replace('/', "::"))
}

#[test]
fn what_has_a_long_form_is_run_in_it() {
    let asking = files_beside().into_iter().filter(|(file, text)| {
        text.contains("short_or_long(") && !file.starts_with("tests/house/")
    });
    let run = run_long();
    let mut paths = 0;
    for path in asking.filter_map(|(file, _)| path(&file)) {
        if path == "tests::support::amount.rs" {
            continue;
        }
        paths += 1;
        assert!(
            run.iter().any(|name| path.starts_with(name)),
            "{path}: scripts/test names it in long_forms"
        );
    }
    assert!(paths > 8, "{paths} are too few to be all");
}
