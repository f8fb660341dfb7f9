//! The results of the benches, one per line.

use serde::{Deserialize, Serialize};

use crate::measured::Measured;

/// A line of the file: a number, or a fact about the run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Measured(Measured),
    Fact { fact: String, value: String },
}

/// Part, table, row and column of a number.
pub(crate) type Place = [&'static str; 4];

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) measured: Vec<Measured>,
    pub(crate) facts: Vec<(String, String)>,
}

impl Numbers {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut numbers = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            match serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))? {
                Line::Measured(measured) => numbers.measured.push(measured),
                Line::Fact { fact, value } => numbers.facts.push((fact, value)),
            }
        }
        Ok(numbers)
    }

    /// The numbers at these places, or the names of all that are missing.
    pub(crate) fn at<const N: usize>(&self, places: [Place; N]) -> Result<[f64; N], String> {
        let found = places.map(|place| {
            let is_it = |it: &&Measured| [&it.part, &it.table, &it.row, &it.column] == place;
            let measured = self.measured.iter().find(is_it).map(|it| it.value);
            measured.ok_or_else(|| format!("not measured: {}", place.join(", ")))
        });
        let missing: Vec<_> = found.iter().filter_map(|it| it.as_ref().err()).collect();
        if missing.is_empty() {
            return Ok(found.map(|number| number.unwrap_or(f64::NAN)));
        }
        let lines: Vec<_> = missing.into_iter().map(String::as_str).collect();
        Err(lines.join("\n"))
    }
}
