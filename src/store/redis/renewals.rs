//! Renewals in as few calls as possible.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;

use crate::store::command::{Held, Renew};
use crate::store::error::StoreError;

use super::RedisStore;
use super::keys::Place;
use super::scripts::{self, Answer, Call};

/// How many renewals go in one script call: other calls get their turn in between.
const RENEWALS_PER_CALL: usize = 100;

impl RedisStore {
    /// Renewals in one call.
    pub(super) async fn renew_at(
        &self,
        renewals: &[(&Renew, Place)],
    ) -> Result<Answer<Vec<Held>>, StoreError> {
        let (call, sent) = (Call::renew(renewals), Instant::now());
        let answer = self.link.call(&call).await?;
        let answer = scripts::renew_answer(answer, renewals.len())?;
        let Some((_, place)) = renewals.first() else {
            return Ok(answer);
        };
        Ok(self.noted(place.partition, sent, answer))
    }

    /// Renewals in as few calls as possible.
    pub(super) async fn renew_grouped(
        &self,
        renewals: &[Renew],
        in_slots: bool,
    ) -> Result<Vec<Held>, StoreError> {
        let mut groups: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for (number, renew) in renewals.iter().enumerate() {
            let place = self.place(&renew.key);
            let group = if in_slots { place.partition } else { 0 };
            let members = groups.entry(group).or_default();
            members.push((number, renew, place));
        }
        let mut calls = Vec::new();
        for mut members in groups.into_values() {
            while !members.is_empty() {
                let rest = members.split_off(members.len().min(RENEWALS_PER_CALL));
                let (numbers, renewals): (Vec<_>, Vec<_>) = members
                    .into_iter()
                    .map(|(number, renew, place)| (number, (renew, place)))
                    .unzip();
                calls.push(async move {
                    let held = self.renew_at(&renewals).await?.outcome;
                    Ok::<_, StoreError>(numbers.into_iter().zip(held))
                });
                members = rest;
            }
        }
        // Each call runs to its end, even if one fails: it must not stop the others.
        let answers: Result<Vec<_>, _> = join_all(calls).await.into_iter().collect();
        let mut outcomes: Vec<_> = answers?.into_iter().flatten().collect();
        outcomes.sort_unstable_by_key(|(number, _)| *number);
        Ok(outcomes.into_iter().map(|(_, held)| held).collect())
    }
}
