//! How often entries may be taken.

use std::collections::HashMap;
use std::time::Duration;

use redis::Value;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::inbox::{Limit, Rate, RateOf, RateView};
use crate::store::error::StoreError;
use crate::store::redis::error::Fault;
use crate::store::redis::scripts::{Call, STRANGE, Source, hash, integer};

use super::order::share_and_slack;
use super::place::PartitionPlace;
use super::{Conn, RedisInbox, code};

static RATE: Source = Source::new(code::RATE, || hash(code::RATE));

/// The rates that are set, and until when those of providers are used up.
#[derive(Debug, Default, Clone)]
pub(super) struct Rates(HashMap<(Name, RateOf), (Rate, UnixTime)>);

fn letter(of: RateOf) -> &'static str {
    match of {
        RateOf::Provider => "p",
        RateOf::EachOrderKey => "o",
    }
}

fn text(rate: Rate) -> String {
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

    fn read(value: Value) -> Result<Self, Fault> {
        let fields: HashMap<String, String> =
            redis::from_redis_value(value).map_err(|_| STRANGE)?;
        let mut rates = HashMap::new();
        for (field, text) in &fields {
            for of in [RateOf::Provider, RateOf::EachOrderKey] {
                let provider = field.strip_prefix(letter(of));
                let provider = provider.and_then(|name| Name::new(name.to_owned()).ok());
                // What a later version has set is for workers of that version.
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

impl RedisInbox {
    pub(super) async fn rates_set(&self) -> Result<Rates, StoreError> {
        let mut all = redis::cmd("HGETALL");
        all.arg(PartitionPlace::rates(&self.store.layout));
        let all = &all;
        let ask = async |mut conn: Conn| conn.ask(all).await;
        Ok(Rates::read(self.store.link.run(ask).await?)?)
    }

    pub(super) async fn write_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        let call = Call::on(&RATE, 1, 4)
            .word(PartitionPlace::rates(&self.store.layout))
            .word("set")
            .word(letter(of))
            .word(provider.as_str())
            .word(rate.map_or_else(String::new, text));
        let changed = self.store.link.call(&call).await?;
        Ok(crate::store::redis::scripts::forget_answer(&changed)?)
    }

    /// Uses the share of so many entries of a provider, or gives back what is less than 0; says how many may
    /// be taken.
    pub(super) async fn use_rate(
        &self,
        provider: &Name,
        rate: Rate,
        entries: i64,
    ) -> Result<usize, StoreError> {
        let (share, slack) = share_and_slack(rate);
        let call = Call::on(&RATE, 1, 6)
            .word(PartitionPlace::rates(&self.store.layout))
            .word("use")
            .word(provider.as_str())
            .word(text(rate))
            .word(entries)
            .word(share)
            .word(slack);
        let granted = self.store.link.call(&call).await?;
        let granted = integer(Some(&granted))?;
        Ok(usize::try_from(granted).unwrap_or(0))
    }
}
