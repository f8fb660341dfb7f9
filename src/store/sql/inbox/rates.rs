//! Rates at which entries may be taken.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Limit, Rate, RateOf, RateView, Route};
use crate::store::sql::row::{from_micros, micros};

/// A rate as the columns of its row. The time is in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct RateRow {
    pub(in crate::store) provider: String,
    pub(in crate::store) of: i64,
    pub(in crate::store) entries: i64,
    pub(in crate::store) per: i64,
    pub(in crate::store) used_until: i64,
}

impl RateRow {
    pub(in crate::store) fn new((provider, of): (&Name, RateOf), rate: Rate) -> Self {
        Self {
            provider: provider.as_str().to_owned(),
            of: Self::number(of),
            entries: rate.entries().into(),
            per: i64::try_from(rate.per().as_micros()).unwrap_or(i64::MAX),
            used_until: 0,
        }
    }

    /// Never changed, because it is needed to read existing rows.
    pub(in crate::store) fn number(of: RateOf) -> i64 {
        match of {
            RateOf::Provider => 1,
            RateOf::EachOrderKey => 2,
        }
    }

    /// Reads the rate; `None` for one of a later version, which is for workers of that version.
    fn limit(&self) -> Option<((Name, RateOf), Limit)> {
        let of = [RateOf::Provider, RateOf::EachOrderKey]
            .into_iter()
            .find(|known| Self::number(*known) == self.of)?;
        let per = Duration::from_micros(u64::try_from(self.per).ok()?);
        let rate = Rate::new(u32::try_from(self.entries).ok()?, per).ok()?;
        let used_until = from_micros(self.used_until).unwrap_or(UnixTime::EPOCH);
        let provider = Name::new(self.provider.clone()).ok()?;
        Some(((provider, of), Limit::new(rate, used_until)))
    }
}

/// The rates that are set, and their use so far.
#[derive(Debug, Default)]
pub(in crate::store) struct Limits {
    limits: BTreeMap<(Name, RateOf), Limit>,
    changed: bool,
}

impl Limits {
    pub(in crate::store) fn of_rows(rows: impl IntoIterator<Item = RateRow>) -> Self {
        let limits = rows.into_iter().filter_map(|row| row.limit());
        Self {
            limits: limits.collect(),
            changed: false,
        }
    }

    pub(in crate::store) fn get(&self, route: &Route, of: RateOf) -> Option<Limit> {
        self.of(route.rated()?, of)
    }

    fn of(&self, provider: &Name, of: RateOf) -> Option<Limit> {
        self.limits.get(&(provider.clone(), of)).copied()
    }

    pub(super) fn set(&mut self, provider: &Name, of: RateOf, limit: Limit) {
        let before = self.limits.insert((provider.clone(), of), limit);
        self.changed |= before != Some(limit);
    }

    pub(in crate::store) fn views(self) -> Vec<RateView> {
        let view = |((provider, of), limit): ((Name, RateOf), Limit)| {
            RateView::new(provider, of, limit.rate, limit.used_until)
        };
        self.limits.into_iter().map(view).collect()
    }

    /// The use of rates to be written: provider, kind and time.
    pub(in crate::store) fn used(&self) -> impl Iterator<Item = (&Name, i64, i64)> {
        let of_all = |(_, of): &&(Name, RateOf)| *of == RateOf::Provider;
        let used = self.limits.keys().filter(of_all).filter(|_| self.changed);
        used.filter_map(|(provider, of)| {
            let limit = self.of(provider, *of)?;
            Some((provider, RateRow::number(*of), micros(limit.used_until)))
        })
    }
}
