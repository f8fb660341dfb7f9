//! The floor of each file: a file imports only from its own floor and those below, and never in a
//! cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Crate, files};

/// The page with the table of floors; this is a row of it: ``| F6 | `testing/*`, `guide/*` | … |``.
const PAGE: &str = include_str!("../../CONTRIBUTING.md");

/// The content of the table: the number of a floor, and the path prefix of a file on it.
fn floors() -> Vec<(usize, &'static str)> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| F"));
    let floors: Vec<_> = rows
        .flat_map(|row| {
            let (number, rest) = row.split_once(" | ").expect("a floor and its files");
            let number = number.parse().expect("a number");
            let (files, _) = rest.split_once(" | ").expect("files, and what they may");
            let names = files.split(", ").map(|name| name.trim_matches('`'));
            names.map(move |name| (number, name.trim_end_matches('*')))
        })
        .collect();
    assert!(floors.len() > 30, "{floors:?}");
    floors
}

/// The map of the crate, which is not on any floor.
const MAP: &str = "lib.rs";

fn floor(file: &str, floors: &[(usize, &str)]) -> usize {
    let found = floors.iter().find(|(_, name)| match name.ends_with('/') {
        true => file.starts_with(name),
        false => file == *name,
    });
    found
        .unwrap_or_else(|| panic!("{file} stands on no floor"))
        .0
}

/// Every cycle of files, each once, starting at its first file by name.
fn circles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    // The files that can be reached from each file.
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
    let floors = floors();
    let mut wrong = Vec::new();
    for (file, to) in parsed.imports() {
        if file == MAP {
            continue;
        }
        let here = floor(file, &floors);
        for other in to.into_iter().filter(|other| *other != MAP) {
            let there = floor(other, &floors);
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
