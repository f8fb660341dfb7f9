//! Several records, looked up in as few calls as can be.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::event::EventKey;
use crate::store::command::RecordView;
use crate::store::error::StoreError;

use super::error::spans_slots;
use super::scripts::{self, Answer, Call};
use super::{RedisStore, codec};

/// How many records one script call reads: others get their turn between two.
const LOOKUPS_PER_CALL: usize = 100;
/// So many of these calls are under way at a time: in a cluster there are as many as there are partitions.
const CALLS_AT_A_TIME: usize = 16;

/// The records of these events, in the order of their keys.
pub(super) async fn many(
    store: &RedisStore,
    keys: &[EventKey],
) -> Result<Vec<Option<RecordView>>, StoreError> {
    let in_slots = store.in_slots.load(Ordering::Relaxed);
    match grouped(store, keys, in_slots).await {
        // A cluster behind one address.
        Err(error) if !in_slots && spans_slots(&error) => {
            store.in_slots.store(true, Ordering::Relaxed);
            grouped(store, keys, true).await
        }
        result => result,
    }
}

async fn grouped(
    store: &RedisStore,
    keys: &[EventKey],
    in_slots: bool,
) -> Result<Vec<Option<RecordView>>, StoreError> {
    let mut groups: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for (number, key) in keys.iter().enumerate() {
        let place = store.place(key);
        let group = if in_slots { place.partition } else { 0 };
        groups
            .entry(group)
            .or_default()
            .push(((number, key), place));
    }
    let mut calls = Vec::new();
    for mut members in groups.into_values() {
        while !members.is_empty() {
            let rest = members.split_off(members.len().min(LOOKUPS_PER_CALL));
            let (asked, places): (Vec<_>, Vec<_>) = members.into_iter().unzip();
            let call = Call::lookups(&places);
            calls.push(async move {
                let answer = store.link.call(&call).await?;
                let Answer { outcome, now } = scripts::lookups_answer(answer, asked.len())?;
                let views = asked
                    .into_iter()
                    .zip(outcome)
                    .map(|((number, key), value)| {
                        let Some(value) = value else {
                            return Ok((number, None));
                        };
                        let record = codec::decode(value).ok_or_else(scripts::unreadable)?.record;
                        let view = record.is_kept(now).then(|| record.view(key.clone(), now));
                        Ok((number, view))
                    });
                views.collect::<Result<Vec<_>, StoreError>>()
            });
            members = rest;
        }
    }
    let calls = stream::iter(calls).buffer_unordered(CALLS_AT_A_TIME);
    let mut views: Vec<_> = calls.try_concat().await?;
    views.sort_unstable_by_key(|(number, _)| *number);
    Ok(views.into_iter().map(|(_, view)| view).collect())
}
