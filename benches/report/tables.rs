//! Numbers out of the Markdown that the benches print: so those of a page are those that one sees
//! in the report.

use std::collections::BTreeMap;

/// Which number: that of a cell in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// The part of `scripts/bench`.
    pub(crate) part: &'static str,
    /// How the headline above the table begins.
    pub(crate) under: &'static str,
    /// The first cell of the row.
    pub(crate) row: &'static str,
    /// The title of the column.
    pub(crate) column: &'static str,
}

/// What the parts have printed.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<&'static str, String>);

impl Parts {
    pub(crate) fn add(&mut self, part: &'static str, text: String) {
        self.0.insert(part, text);
    }

    /// The last number of a cell: of "by hand → ours", ours.
    pub(crate) fn cell(&self, cell: Cell) -> Result<f64, String> {
        let text = self.cell_text(cell)?;
        let mut words = text.split(' ').rev();
        let number = words.find_map(finite);
        number.ok_or_else(|| format!("no number in {text:?}, which is {cell:?}"))
    }

    fn cell_text(&self, cell: Cell) -> Result<&str, String> {
        let missing = |what: &str| format!("{what}: {cell:?}");
        let text = self.0.get(cell.part);
        let text = text.ok_or_else(|| missing("this part has not run"))?;
        let mut table = (text.lines())
            .skip_while(|line| !headline(line).is_some_and(|it| it.starts_with(cell.under)))
            .skip(1)
            .take_while(|line| headline(line).is_none())
            .map(cells)
            .filter(|cells| !cells.is_empty());
        let titles = table.next().ok_or_else(|| missing("no such table"))?;
        let column = titles.iter().position(|title| *title == cell.column);
        let column = column.ok_or_else(|| missing("no such column"))?;
        let row = table.find(|cells| cells.first() == Some(&cell.row));
        let row = row.ok_or_else(|| missing("no such row"))?;
        let text = row.get(column).copied();
        text.ok_or_else(|| missing("a row that is too short"))
    }

    /// The number right after the words that a line of a list begins with.
    pub(crate) fn verdict(&self, part: &str, words: &str) -> Result<f64, String> {
        let text = self.0.get(part);
        let text = text.ok_or_else(|| format!("the part {part} has not run"))?;
        let number = text.lines().find_map(|line| {
            let rest = line.strip_prefix("- ")?.strip_prefix(words)?;
            finite(rest.trim_start().split(' ').next()?)
        });
        number.ok_or_else(|| format!("the part {part} says nothing of {words:?}"))
    }
}

fn finite(word: &str) -> Option<f64> {
    let number: f64 = word.parse().ok()?;
    number.is_finite().then_some(number)
}

fn headline(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    Some(rest.trim_start_matches('#').trim())
}

/// Those of a line of a table; none of another line.
fn cells(line: &str) -> Vec<&str> {
    let inner = line.trim().strip_prefix('|');
    let inner = inner.and_then(|line| line.strip_suffix('|'));
    inner.map_or_else(Vec::new, |inner| inner.split('|').map(str::trim).collect())
}

/// All numbers, or all that is missing.
pub(crate) fn all<const N: usize>(numbers: [Result<f64, String>; N]) -> Result<[f64; N], String> {
    let missing: Vec<_> = numbers.iter().filter_map(|it| it.as_ref().err()).collect();
    if missing.is_empty() {
        return Ok(numbers.map(|number| number.unwrap_or(f64::NAN)));
    }
    let lines: Vec<_> = missing.iter().map(|line| line.as_str()).collect();
    Err(lines.join("\n"))
}
