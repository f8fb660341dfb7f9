//! Which floor a file stands on. It imports from its own floor and those below, never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Crate, files};

/// The floors from the lowest, by what the paths of their files begin with; the longest counts.
const FLOORS: [(usize, &[&str]); 7] = [
    (
        0,
        &[
            "clock.rs",
            "contract",
            "counter.rs",
            "coverage.rs",
            "digest.rs",
            "encoding.rs",
            "error.rs",
            "head.rs",
            "joined.rs",
            "mac.rs",
            "name.rs",
            "printable.rs",
            "reason.rs",
            "request_clock.rs",
            "secret",
            "text.rs",
        ],
    ),
    (
        1,
        &[
            "authenticated.rs",
            "challenge",
            "event/",
            "observer/",
            "path.rs",
            "payload.rs",
            "signature/",
            "source/",
        ],
    ),
    (2, &["prove.rs", "rejection_cause.rs", "store/"]),
    (3, &["runtime/"]),
    (4, &["layer/", "rejection.rs"]),
    (5, &["extract.rs", "provider/", "router.rs", "webhook"]),
    (6, &["guide/", "testing/"]),
];

/// The map of the crate, which stands beside the floors.
const MAP: &str = "lib.rs";

fn floor(file: &str) -> Option<usize> {
    FLOORS
        .iter()
        .flat_map(|(floor, prefixes)| {
            prefixes
                .iter()
                .map(move |prefix| (prefix.len(), *floor, *prefix))
        })
        .filter(|(_, _, prefix)| file.starts_with(prefix))
        .max()
        .map(|(_, floor, _)| floor)
}

/// Every circle of files, each once, from its first file in the order of names.
fn circles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    // What can be reached from each file.
    let mut reach = imports.clone();
    loop {
        let before: usize = reach.values().map(BTreeSet::len).sum();
        for file in imports.keys() {
            let further: BTreeSet<_> = (reach[file].iter())
                .filter_map(|next| reach.get(next))
                .flatten()
                .copied()
                .collect();
            reach.get_mut(file).unwrap().extend(further);
        }
        if before == reach.values().map(BTreeSet::len).sum::<usize>() {
            break;
        }
    }
    let mut found: BTreeSet<Vec<&str>> = BTreeSet::new();
    for (file, to) in &reach {
        let circle: Vec<_> = (to.iter())
            .filter(|other| reach.get(*other).is_some_and(|back| back.contains(file)))
            .copied()
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

#[test]
fn nothing_imports_from_a_floor_above() {
    let files = files();
    let parsed = Crate::parse(&files);
    let mut wrong = Vec::new();
    for (file, to) in parsed.imports() {
        if file == MAP {
            continue;
        }
        let here = floor(file).unwrap_or_else(|| panic!("{file} stands on no floor"));
        for other in to.into_iter().filter(|other| *other != MAP) {
            let there = floor(other).unwrap_or_else(|| panic!("{other} stands on no floor"));
            if there > here {
                wrong.push(format!("{file} (F{here}) imports from {other} (F{there})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = files();
    let parsed = Crate::parse(&files);
    let mut imports = parsed.imports();
    imports.remove(MAP);
    let circles = circles(&imports);
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let to = |files: &[&'static str]| files.iter().copied().collect::<BTreeSet<_>>();
    let imports = BTreeMap::from([
        ("a", to(&["b"])),
        ("b", to(&["c"])),
        ("c", to(&["b", "d"])),
        ("d", to(&[])),
    ]);
    assert_eq!(circles(&imports), [vec!["b", "c"]]);
}
