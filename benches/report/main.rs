//! Makes the pages for `scripts/bench` from the results of the benches.
//!
//! `report NUMBERS NOTES FOLDER README` writes `benchmarks.md`, `sizing.md` and the README's table
//! of costs into the folder. A page with a missing number is left unchanged: the number is named,
//! and the exit status is not zero.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod benchmarks;
mod costs;
#[path = "../common/measured.rs"]
mod measured;
mod numbers;
mod sizing;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use numbers::Numbers;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    // cargo adds the last argument.
    let [numbers, notes, folder, readme, "--bench"] = arguments[..] else {
        println!("skipped: scripts/bench runs it");
        return Ok(ExitCode::SUCCESS);
    };
    let numbers = Numbers::parse(&fs::read_to_string(numbers)?)?;
    let (page, unexplained) = benchmarks::page(&numbers, &fs::read_to_string(notes)?);
    for part in unexplained {
        eprintln!("{part} misses a bound, and {notes} does not say why");
    }
    let pages = [
        ("benchmarks.md", Ok(page)),
        ("sizing.md", sizing::page(&numbers)),
        (
            "README.md",
            costs::renew(&fs::read_to_string("README.md")?, &numbers),
        ),
    ];
    let mut status = ExitCode::SUCCESS;
    for (name, page) in pages {
        let target = match name {
            "README.md" => Path::new(readme).to_owned(),
            _ => Path::new(folder).join(name),
        };
        match page {
            Ok(page) => fs::write(&target, page)?,
            Err(missing) => {
                eprintln!("{} is left alone:\n{missing}", target.display());
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}
