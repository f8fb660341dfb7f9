//! Makes pages out of what the other benches have printed. `scripts/bench` runs it:
//!
//! - `sizing FOLDER` prints `docs/sizing.md`;
//! - `costs FOLDER README` prints the README with its table of costs made anew.
//!
//! FOLDER holds a file for each part, with the Markdown that it printed. It fails, and names what is
//! missing, where a number that is wanted is not there.

mod costs;
mod page;
mod sizing;
mod tables;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use tables::Parts;

/// The parts of `scripts/bench` that are read.
const PARTS: [&str; 5] = ["stack", "store", "growth", "peers", "peers-stack"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    // cargo adds it.
    let arguments: Vec<_> = arguments.by_ref().filter(|it| it != "--bench").collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let text = match arguments[..] {
        ["sizing", folder] => page::page(&read(folder)?),
        ["costs", folder, readme] => {
            costs::renew(&std::fs::read_to_string(readme)?, &read(folder)?)
        }
        [] => {
            println!("skipped: scripts/bench runs it");
            return Ok(ExitCode::SUCCESS);
        }
        _ => return Err(format!("what is {arguments:?}? See the top of this file").into()),
    };
    match text {
        Ok(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(missing) => {
            eprintln!("{missing}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What is not there is missed when a number of it is wanted.
fn read(folder: &str) -> std::io::Result<Parts> {
    let mut parts = Parts::default();
    for name in PARTS {
        match std::fs::read_to_string(Path::new(folder).join(name)) {
            Ok(text) => parts.add(name, text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(parts)
}
