//! The rates that are set.

use std::collections::HashMap;
use std::time::Duration;

use redis::Value;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Limit, Rate, RateOf, RateView};
use crate::store::redis::error::Fault;
use crate::store::redis::scripts::STRANGE;

/// The rates that are set, and until when those of providers are used up.
#[derive(Debug, Default, Clone)]
pub(super) struct Rates(HashMap<(Name, RateOf), (Rate, UnixTime)>);

pub(super) fn letter(of: RateOf) -> &'static str {
    match of {
        RateOf::Provider => "p",
        RateOf::EachOrderKey => "o",
    }
}

pub(super) fn text(rate: Rate) -> String {
    format!("{}:{}", rate.entries(), rate.per().as_micros())
}

fn parse(text: &str) -> Option<Rate> {
    let (entries, per) = text.split_once(':')?;
    let per = Duration::from_micros(per.parse().ok()?);
    Rate::new(entries.parse().ok()?, per).ok()
}

impl Rates {
    pub(super) fn of(&self, provider: &Name, of: RateOf) -> Option<Rate> {
        self.0.get(&(provider.clone(), of)).map(|(rate, _)| *rate)
    }

    /// How many entries of this provider may be taken, as far as is known.
    pub(super) fn left(&self, provider: &Name, now: UnixTime) -> usize {
        let limit = self.0.get(&(provider.clone(), RateOf::Provider));
        limit.map_or(usize::MAX, |(rate, used)| {
            Limit::new(*rate, *used).left(now)
        })
    }

    pub(super) fn read(value: Value) -> Result<Self, Fault> {
        let fields: HashMap<String, String> =
            redis::from_redis_value(value).map_err(|_| STRANGE)?;
        let mut rates = HashMap::new();
        for (field, text) in &fields {
            for of in [RateOf::Provider, RateOf::EachOrderKey] {
                let provider = field.strip_prefix(letter(of));
                let provider = provider.and_then(|name| Name::new(name.to_owned()).ok());
                // A setting of a later version is for workers of that version.
                let (Some(provider), Some(rate)) = (provider, parse(text)) else {
                    continue;
                };
                let used = fields.get(&format!("u{provider}"));
                let used = used.and_then(|used| used.parse().ok()).unwrap_or(0);
                rates.insert((provider, of), (rate, UnixTime::from_micros(used)));
            }
        }
        Ok(Self(rates))
    }

    pub(super) fn views(self) -> Vec<RateView> {
        let mut rates: Vec<_> = self.0.into_iter().collect();
        rates.sort_by(|(a, _), (b, _)| a.cmp(b));
        let view = |((provider, of), (rate, used))| RateView::new(provider, of, rate, used);
        rates.into_iter().map(view).collect()
    }
}

/// The share of one entry, and how far in the future the use of a rate may end for one more entry to
/// be admitted, in microseconds.
pub(super) fn share_and_slack(rate: Rate) -> (u64, u64) {
    let mut limit = Limit::new(rate, UnixTime::EPOCH);
    limit.take_one(UnixTime::EPOCH);
    let slack = rate.may_be_used_until(UnixTime::EPOCH);
    (limit.used_until.as_micros(), slack.as_micros())
}
