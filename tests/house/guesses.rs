//! Checks that the tests and scripts named in `docs/wrong-guesses.md` exist, that it names all
//! scripts, and that `docs/interop.md` covers the versions that `interop` installs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{files, files_beside};

const GUESSES: &str = include_str!("../../docs/wrong-guesses.md");
const INTEROP: &str = include_str!("../../docs/interop.md");
/// A comparison needs at least this many senders.
const FEWEST_SENDERS: usize = 35;
const FEWEST_GUESSES: usize = 20;

/// The cells of a page's rows with this many cells, without headings.
fn rows(page: &str, cells: usize) -> Vec<Vec<&str>> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .filter(|row| row.len() == cells && !row.iter().all(|cell| cell.starts_with("---")))
        .collect()
}

fn in_backticks(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_guess_has_a_test_that_is_there() {
    let mut code = files_beside();
    code.extend(
        files()
            .into_iter()
            .map(|(file, text)| (format!("src/{file}"), text)),
    );
    let guesses: Vec<_> = rows(GUESSES, 4)
        .into_iter()
        .filter(|row| row[0] != "guess")
        .collect();
    assert!(guesses.len() >= FEWEST_GUESSES, "{}", guesses.len());
    for row in guesses {
        let [file, test] = in_backticks(row[3])[..] else {
            panic!("{}: a file and a test are needed", row[0]);
        };
        let text = (code.get(file)).unwrap_or_else(|| panic!("{}: no file {file}", row[0]));
        assert!(text.contains(&format!("fn {test}(")), "{file}: no {test}");
    }
}

#[test]
fn each_script_of_a_finding_stands_on_the_page_and_says_what_it_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let named: BTreeSet<_> = (GUESSES.lines())
        .filter_map(|line| line.strip_prefix("- [`findings/")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for part in [
            "# Guess: ",
            "# Seen:  ",
            "# Versions: ",
            "# Source: ",
            "mktemp -d",
        ] {
            assert!(text.contains(part), "{}: no {part:?}", path.display());
        }
        there.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(named, there);
}

#[test]
fn the_page_of_sdks_is_of_the_versions_that_are_installed() {
    let packages = include_str!("../../interop/package.json");
    let requirements = include_str!("../../interop/requirements.txt");
    let (_, packages) = packages.split_once("\"dependencies\"").unwrap();
    let npm = packages.lines().filter_map(|line| {
        let mut texts = line.split('"').skip(1).step_by(2);
        Some((format!("{} (npm)", texts.next()?), texts.next()?))
    });
    let pypi = (requirements.lines())
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| (format!("{name} (PyPI)"), version));
    let installed: BTreeSet<_> = npm.chain(pypi).collect();

    let told: Vec<_> = rows(INTEROP, 5)
        .into_iter()
        .filter(|row| row[0].starts_with('`'))
        .collect();
    let on_page: BTreeSet<_> = (told.iter())
        .map(|row| (row[1].to_owned(), row[2]))
        .collect();
    assert_eq!(on_page, installed);

    let senders: BTreeSet<_> = told.iter().map(|row| row[0]).collect();
    assert!(senders.len() >= FEWEST_SENDERS, "{}", senders.len());
    let constructors = files().into_values().collect::<String>();
    for sender in senders {
        let constructor = format!("pub fn {}(", sender.trim_matches('`'));
        assert!(constructors.contains(&constructor), "{sender}");
    }
}
