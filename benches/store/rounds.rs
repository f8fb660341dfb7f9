//! Two ways of doing the same work, in turns.

/// The medians of what both did, and of the ratio of the second to the first.
pub(crate) struct Medians {
    pub(crate) first: f64,
    pub(crate) second: f64,
    pub(crate) ratio: f64,
    /// Between which the middle half of the ratios lies.
    pub(crate) middle: (f64, f64),
}

impl Medians {
    /// Of pairs that were measured one right after the other.
    pub(crate) fn of(pairs: &[(f64, f64)]) -> Self {
        let sorted = |number: fn(&(f64, f64)) -> f64| {
            let mut numbers: Vec<_> = pairs.iter().map(number).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers
        };
        let ratios = sorted(|(first, second)| second / first);
        Self {
            first: at_quarter(&sorted(|pair| pair.0), 2),
            second: at_quarter(&sorted(|pair| pair.1), 2),
            ratio: at_quarter(&ratios, 2),
            middle: (at_quarter(&ratios, 1), at_quarter(&ratios, 3)),
        }
    }
}

fn at_quarter(sorted: &[f64], quarters: usize) -> f64 {
    sorted[(sorted.len() - 1) * quarters / 4]
}
