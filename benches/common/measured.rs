//! The results of a bench: a line of text for each number, and a line of JSON for the pages.
//!
//! If the variable `MEASURED` names a file, each number is appended to it; `benches/report` makes
//! the pages from that.
#![allow(dead_code, reason = "benches write, the report reads")]

use std::fmt::{self, Display};
use std::io::Write;

use serde::{Deserialize, Serialize};

/// A number, and its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The part of `scripts/bench` that measured it.
    pub(crate) part: String,
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) column: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) unit: String,
    pub(crate) value: f64,
    /// The quartiles of the rounds, if the value is their median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quartiles: Option<(f64, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) required: Option<Required>,
}

/// A bound, and whether the value meets it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Required {
    #[serde(flatten)]
    pub(crate) bound: Bound,
    pub(crate) reached: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// At least this much, but not promised yet.
    AimedAt(f64),
}

impl Bound {
    fn on(self, value: f64) -> Required {
        // NaN never meets a bound.
        let reached = match self {
            Self::AtLeast(bound) | Self::AimedAt(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        };
        let bound = self;
        Required { bound, reached }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, bound) = match self {
            Self::AtLeast(bound) => ("at least", bound),
            Self::AtMost(bound) => ("at most", bound),
            Self::AimedAt(bound) => ("aim: at least", bound),
        };
        write!(f, "{words} {}", grouped(*bound))
    }
}

/// A value, with the quartiles of the rounds if it is their median.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(f64, Option<(f64, f64)>);

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self(value, None)
    }
}

impl From<(f64, (f64, f64))> for Number {
    fn from((value, quartiles): (f64, (f64, f64))) -> Self {
        Self(value, Some(quartiles))
    }
}

/// A table that is being measured.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    part: String,
    title: String,
}

impl Table {
    /// With the MAC by `ring`, a part has another name.
    pub(crate) fn new(part: &str, title: &str) -> Self {
        let ring = if cfg!(feature = "ring") { "-ring" } else { "" };
        println!("\n{title}");
        Self {
            part: format!("{part}{ring}"),
            title: title.to_owned(),
        }
    }

    pub(crate) fn put(&self, row: &str, column: &str, unit: &str, number: impl Into<Number>) {
        self.measured(row, column, unit, number.into(), None).tell();
    }

    /// The same, with a bound; returns whether it is met.
    pub(crate) fn require(
        &self,
        row: &str,
        column: &str,
        unit: &str,
        number: impl Into<Number>,
        bound: Bound,
    ) -> bool {
        let measured = self.measured(row, column, unit, number.into(), Some(bound));
        measured.tell();
        measured.required.is_some_and(|required| required.reached)
    }

    pub(crate) fn measured(
        &self,
        row: &str,
        column: &str,
        unit: &str,
        Number(value, quartiles): Number,
        bound: Option<Bound>,
    ) -> Measured {
        Measured {
            part: self.part.clone(),
            table: self.title.clone(),
            row: row.to_owned(),
            column: column.to_owned(),
            unit: unit.to_owned(),
            value: rounded(value),
            quartiles: quartiles.map(|(low, high)| (rounded(low), rounded(high))),
            required: bound.map(|bound| bound.on(value)),
        }
    }
}

impl Measured {
    fn tell(&self) {
        let (row, column) = (&self.row, &self.column);
        print!("  {row} | {column} | {}", self.cell());
        match self.required {
            Some(required) => println!(" | {} | {}", required.bound, self.verdict()),
            None => println!(),
        }
        if let Err(error) = self.append() {
            eprintln!("{} {row}, {column}: {error}", self.part);
        }
    }

    fn append(&self) -> std::io::Result<()> {
        let Some(path) = std::env::var_os("MEASURED") else {
            return Ok(());
        };
        if !self.value.is_finite() {
            return Err(std::io::Error::other("not a number"));
        }
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path)?;
        writeln!(file, "{}", serde_json::to_string(self)?)
    }

    /// The text of its table cell.
    pub(crate) fn cell(&self) -> String {
        let (value, unit) = (grouped(self.value), &self.unit);
        let space = if unit.is_empty() { "" } else { " " };
        let quartiles = self.quartiles.map_or(String::new(), |(low, high)| {
            format!(" ({} to {})", grouped(low), grouped(high))
        });
        format!("{value}{space}{unit}{quartiles}")
    }

    /// Whether the bound is met; empty if there is none.
    pub(crate) fn verdict(&self) -> String {
        match self.required {
            None => String::new(),
            Some(Required { reached: true, .. }) => "reached".to_owned(),
            Some(Required { bound, .. }) => {
                let (Bound::AtLeast(bound) | Bound::AtMost(bound) | Bound::AimedAt(bound)) = bound;
                let lacks = rounded((bound - self.value).abs());
                format!("**missed by {}**", grouped(lacks))
            }
        }
    }
}

/// Rounded to four digits, and to an integer from a thousand on: more digits vary from run to run.
fn rounded(value: f64) -> f64 {
    let digits = match value.abs() {
        1_000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    // Avoids a negative zero.
    format!("{value:.digits$}").parse().unwrap_or(value) + 0.0
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: f64) -> String {
    let text = number.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() {
        grouped
    } else {
        format!("{grouped}.{rest}")
    }
}
