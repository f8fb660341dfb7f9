//! Uses and gives back the rates of providers.

use crate::event::Name;
use crate::inbox::{Rate, RateOf};
use crate::store::error::StoreError;
use crate::store::redis::connection::Conn;
use crate::store::redis::scripts::{Call, forget_answer, integer};

use super::RedisInbox;
use super::place::{PartitionPlace, RATES_STAND_IN};
use super::rates::{Rates, letter, share_and_slack, text};
use super::scripts::RATE;

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
        let mark = self.mark(RATES_STAND_IN)?;
        let call = Call::on(&RATE, 2, 5)
            .word(PartitionPlace::rates(&self.store.layout))
            .word(mark.key)
            .word("set")
            .word(letter(of))
            .word(provider.as_str())
            .word(rate.map_or_else(String::new, text))
            .word(mark.millis);
        let changed = self.store.link.call(&call).await?;
        Ok(forget_answer(&changed)?)
    }

    /// Uses the rate of a provider for this many entries, and returns how many may be taken. If the reply is lost and
    /// the call is sent again, some of the rate is wasted, but no more entries are taken than the rate admits.
    pub(super) async fn use_rate(
        &self,
        provider: &Name,
        rate: Rate,
        entries: usize,
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

    /// Gives back the use of the rate for this many entries: once, however often it is sent.
    pub(super) async fn give_rate_back(
        &self,
        provider: &Name,
        rate: Rate,
        entries: usize,
    ) -> Result<(), StoreError> {
        let (share, _) = share_and_slack(rate);
        let mark = self.mark(RATES_STAND_IN)?;
        let call = Call::on(&RATE, 2, 6)
            .word(PartitionPlace::rates(&self.store.layout))
            .word(mark.key)
            .word("back")
            .word(provider.as_str())
            .word(text(rate))
            .word(entries)
            .word(share)
            .word(mark.millis);
        integer(Some(&self.store.link.call(&call).await?))?;
        Ok(())
    }
}
