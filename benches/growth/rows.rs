//! The time of a step at each size, and how it grows.

use std::time::Instant;

use crate::common::measured::Table;
use crate::common::medians::median;

/// A size, and a function that returns the nanoseconds at it.
pub(crate) type Size<'a> = (u32, Box<dyn FnMut() -> f64 + 'a>);

/// Measures all sizes in turn.
pub(crate) fn row(what: &str, of: &str, rounds: u32, mut sizes: Vec<Size<'_>>) {
    let mut times = vec![Vec::new(); sizes.len()];
    for _ in 0..rounds {
        for ((_, once), times) in sizes.iter_mut().zip(&mut times) {
            times.push(once());
        }
    }
    let points: Vec<(f64, f64)> = (sizes.iter().zip(times))
        .map(|((size, _), times)| (f64::from(*size), median(times)))
        .collect();
    tell(what, of, &points);
}

/// Prints the measurements: sizes and nanoseconds.
pub(crate) fn tell(what: &str, of: &str, points: &[(f64, f64)]) {
    let table = Table::new("growth", &format!("{what}, by {of}"));
    for (size, time) in points {
        table.put(&size.to_string(), "time", "ns", *time);
    }
    growth(&table, points);
}

/// Prints how they grow.
pub(crate) fn growth(table: &Table, points: &[(f64, f64)]) {
    table.put("each more", "time", "ns", slope(points));
    table.put("exponent", "time", "", exponent(points));
}

/// The exponent of the power law that fits best: 1 is linear, 0 is constant.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = (points.iter())
        .map(|(size, time)| (size.ln(), time.ln()))
        .collect();
    slope(&logs)
}

/// The slope of a least-squares fit.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count: f64 = points.iter().map(|_| 1.0).sum();
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let above: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    above / below
}

/// The nanoseconds that `work` takes per call, over so many calls.
pub(crate) fn time(times: u32, mut work: impl FnMut(u32)) -> f64 {
    let begun = Instant::now();
    for number in 0..times {
        work(number);
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}
