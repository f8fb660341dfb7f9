//! Small charts drawn into the page.

use std::time::Duration;

use maud::{Markup, html};

use super::minutes::{Counted, Kind, LONGEST};

const HEIGHT: u64 = 40;
const STEP: u64 = 4;
/// The number of depths that a chart has room for.
const LEAST_DEPTHS: usize = 120;

/// A bar: its segments from the bottom up, as class and value.
type Bar = Vec<(&'static str, u64)>;

/// Bars side by side, with a text alternative. The highest one fills the height, or one of value `most` would.
fn bars(words: &str, bars: &[Bar], most: Option<u64>) -> Markup {
    let sum = |bar: &Bar| {
        bar.iter()
            .fold(0_u64, |sum, (_, it)| sum.saturating_add(*it))
    };
    let highest = || bars.iter().map(sum).max().unwrap_or(0);
    let most = most.unwrap_or_else(highest).max(1);
    let width = u64::try_from(bars.len()).unwrap_or(1).saturating_mul(STEP);
    html! {
        svg.chart role="img" aria-label=(words) viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" {
            @for (x, bar) in (0_u64..).zip(bars) {
                @for (class, y, height) in stacked(bar, most) {
                    rect class=(class) x=(x.saturating_mul(STEP)) y=(y) width=(STEP.saturating_sub(1)) height=(height) {}
                }
            }
        }
    }
}

/// The top and height of a bar's segments. A value above zero is always visible.
fn stacked(bar: &Bar, most: u64) -> Vec<(&'static str, u64, u64)> {
    let mut top = HEIGHT;
    let mut places = Vec::new();
    for (class, value) in bar {
        let height = value.saturating_mul(HEIGHT) / most;
        let height = height.max(u64::from(*value > 0)).min(top);
        top = top.saturating_sub(height);
        if height > 0 {
            places.push((*class, top, height));
        }
    }
    places
}

/// The number of deliveries in each minute, by outcome.
pub(super) fn rates(minutes: &[Counted], words: &str) -> Markup {
    let bar = |counted: &Counted| {
        let kinds = Kind::ALL.iter();
        kinds
            .map(|(kind, class)| (*class, counted.of(*kind)))
            .collect()
    };
    bars(words, &minutes.iter().map(bar).collect::<Vec<_>>(), None)
}

/// The share of this kind in each minute.
pub(super) fn shares(minutes: &[Counted], kind: Kind, words: &str) -> Markup {
    let class = Kind::ALL.iter().find(|(of, _)| *of == kind);
    let class = class.map_or("other", |(_, class)| *class);
    let bar = |counted: &Counted| vec![(class, counted.percent(kind))];
    bars(
        words,
        &minutes.iter().map(bar).collect::<Vec<_>>(),
        Some(100),
    )
}

/// The time within which nearly all deliveries of each minute were answered.
pub(super) fn latencies(minutes: &[Counted], words: &str) -> Markup {
    let bar = |counted: &Counted| {
        let took = match counted.within(95) {
            Some(took) => took,
            None if counted.all() == 0 => Duration::ZERO,
            None => LONGEST,
        };
        vec![("depth", u64::try_from(took.as_millis()).unwrap_or(u64::MAX))]
    };
    bars(words, &minutes.iter().map(bar).collect::<Vec<_>>(), None)
}

/// The number of waiting and dead entries over time.
pub(super) fn depths(samples: &[(u64, u64)], words: &str) -> Markup {
    let bar = |(waiting, dead): &(u64, u64)| vec![("depth", *waiting), ("dead", *dead)];
    // The newest samples are at the right from the start.
    let before = LEAST_DEPTHS.saturating_sub(samples.len());
    let mut all = vec![Vec::new(); before];
    all.extend(samples.iter().map(bar));
    bars(words, &all, None)
}

/// The meaning of the first chart's colors.
pub(super) fn legend() -> Markup {
    html! {
        ul.legend {
            @for (_, class) in Kind::ALL {
                li { svg viewBox="0 0 1 1" aria-hidden="true" { rect class=(class) width="1" height="1" {} } (class) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_in_which_nearly_all_took_very_long_is_the_highest() {
        use crate::clock::UnixTime;
        use crate::operator::minutes::Minutes;

        let mut minutes = Minutes::default();
        for (minute, seconds) in [(1, 1), (2, 600)] {
            let took = Duration::from_secs(seconds);
            minutes.add(UnixTime::from_secs(minute * 60), Kind::Done, took);
        }
        let drawn = latencies(&minutes.last(UnixTime::from_secs(130)), "").into_string();
        let bars = drawn.matches("<rect").count();
        assert_eq!(
            (bars, drawn.matches(r#"height="40""#).count()),
            (2, 1),
            "{drawn}"
        );
    }

    #[test]
    fn what_is_little_is_seen_and_what_is_most_fills_the_height() {
        let bar = vec![("done", 1_000_000), ("failed", 1), ("other", 0)];
        let most = 1_000_001;
        assert_eq!(stacked(&bar, most), [("done", 1, 39), ("failed", 0, 1)]);
        assert_eq!(stacked(&vec![("done", 0)], 1), []);
    }
}
