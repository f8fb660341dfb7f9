//! How often entries may be taken.

use crate::event::Name;
use crate::inbox::{Rate, RateOf};
use crate::store::error::StoreError;
use crate::store::redis::connection::Conn;
use crate::store::redis::scripts::{Call, forget_answer, integer};

use super::RedisInbox;
use super::place::PartitionPlace;
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
        let call = Call::on(&RATE, 1, 4)
            .word(PartitionPlace::rates(&self.store.layout))
            .word("set")
            .word(letter(of))
            .word(provider.as_str())
            .word(rate.map_or_else(String::new, text));
        let changed = self.store.link.call(&call).await?;
        Ok(forget_answer(&changed)?)
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
