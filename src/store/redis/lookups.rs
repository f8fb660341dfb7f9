//! Looks several records up in as few calls as possible.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::event::EventKey;
use crate::store::command::RecordView;
use crate::store::error::StoreError;

use super::codec;
use super::error::spans_slots;
use super::keys::Layout;
use super::link::Link;
use super::scripts::{self, Answer, Call};

/// How many records one script call reads: other calls get their turn in between.
const LOOKUPS_PER_CALL: usize = 100;
/// How many of these calls are under way at a time: a cluster needs as many calls as there are partitions.
const CALLS_AT_A_TIME: usize = 16;

/// The records of these events, in the order of their keys; `in_slots` says whether one call must stay in one slot.
pub(super) async fn many(
    link: &Link,
    layout: &Layout,
    in_slots: &AtomicBool,
    keys: &[EventKey],
) -> Result<Vec<Option<RecordView>>, StoreError> {
    let keeps = in_slots.load(Ordering::Relaxed);
    match grouped(link, layout, keeps, keys).await {
        // A cluster behind one address.
        Err(error) if !keeps && spans_slots(&error) => {
            in_slots.store(true, Ordering::Relaxed);
            grouped(link, layout, true, keys).await
        }
        result => result,
    }
}

async fn grouped(
    link: &Link,
    layout: &Layout,
    in_slots: bool,
    keys: &[EventKey],
) -> Result<Vec<Option<RecordView>>, StoreError> {
    let mut groups: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for (number, key) in keys.iter().enumerate() {
        let place = layout.place(key);
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
                let answer = link.call(&call).await?;
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
