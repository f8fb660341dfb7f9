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

/// Whether a ratio is as it is required to be.
#[derive(Clone, Copy)]
pub(crate) enum Required {
    AtLeast(f64),
    AtMost(f64),
}

impl Required {
    /// The end of the line that tells of the ratio.
    pub(crate) fn verdict(self, ratio: f64) -> String {
        let (words, bound, lacks) = match self {
            Self::AtLeast(bound) => ("", bound, bound - ratio),
            Self::AtMost(bound) => ("at most ", bound, ratio - bound),
        };
        // What is not a number is not reached.
        if lacks <= 0.0 {
            format!("Required: {words}{bound:.2}: **reached**.")
        } else {
            format!("Required: {words}{bound:.2}: **missed by {lacks:.3}**.")
        }
    }
}
