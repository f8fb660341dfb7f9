//! The medians of many rounds in which the compared things took turns.

use super::measured::Number;

/// The medians of two variants, and of the ratio of the second to the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Medians {
    pub(crate) first: f64,
    pub(crate) second: f64,
    pub(crate) ratio: f64,
    /// The quartiles of the ratios.
    quartiles: (f64, f64),
}

impl Medians {
    /// The medians of pairs that were measured one right after the other.
    pub(crate) fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let (first, second): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let ratios: Vec<_> = first.iter().zip(&second).map(|(a, b)| b / a).collect();
        let [low, ratio, high] = quarters(ratios);
        Self {
            first: median(first),
            second: median(second),
            ratio,
            quartiles: (low, high),
        }
    }
}

impl From<Medians> for Number {
    /// The ratio.
    fn from(medians: Medians) -> Self {
        (medians.ratio, medians.quartiles).into()
    }
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    let [_, middle, _] = quarters(values);
    middle
}

fn quarters(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = |quarter: usize| values.get(last * quarter / 4);
    [1, 2, 3].map(|quarter| at(quarter).copied().unwrap_or(f64::NAN))
}
