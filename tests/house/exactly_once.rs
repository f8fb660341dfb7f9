//! Everything that `docs/exactly-once.md` says is shown must be shown.

use std::fs;
use std::path::Path;

/// The tests that a page names in its table: functions, and trials by their description.
fn named(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    last.skip(1)
        .flat_map(|cell| cell.split(", "))
        .filter_map(|name| {
            let function = name.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
            function.map(|it| format!("fn {it}("))
        })
        .chain(
            page.split('"')
                .skip(1)
                .step_by(2)
                .map(|it| format!("\"{it}\"")),
        )
        .collect()
}

fn texts(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            *into += &fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn each_line_of_the_page_on_exactly_once_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/exactly-once.md")).unwrap();
    let mut all = String::new();
    texts(&root.join("tests"), &mut all);
    let names = named(&page);
    assert!(names.len() >= 12, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !all.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
