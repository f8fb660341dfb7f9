//! Reads for inspecting an inbox.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{EntryCounts, EntryStatus, EntryView, List};
use crate::store::error::StoreError;
use crate::store::redis::scripts::{Answer, unreadable};

use super::answers::{self, Looked};
use super::codec;
use super::place::{EntryPlace, PartitionPlace};
use super::{RedisInbox, scripts};

/// How many indexes, or how many entries, one script reads.
const INDEXES_PER_CALL: usize = 64;
const ENTRIES_PER_CALL: usize = 100;
/// How many members of an index are read at once.
const MEMBERS_PER_CALL: usize = 500;
/// How many partitions are queried at a time.
const PARTITIONS_AT_ONCE: usize = 32;

impl RedisInbox {
    pub(super) async fn view_of(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        let place = self.place(key);
        let (looked, now) = self.look(&[place], true).await?;
        let Some((Some(value), history)) = looked.into_iter().next() else {
            return Ok(None);
        };
        let stored = codec::decode(value, history).ok_or_else(unreadable)?;
        let body = stored.content.map(|content| content.body);
        if !stored.entry.is_kept(now) {
            return Ok(None);
        }
        let view = EntryView::new(key.clone(), stored.route, stored.entry, now);
        Ok(Some(view.body(body)))
    }

    pub(super) async fn look(
        &self,
        places: &[EntryPlace],
        whole: bool,
    ) -> Result<(Vec<Looked>, UnixTime), StoreError> {
        let call = scripts::look(places, whole);
        let answer = self.store.link.call(&call).await?;
        let Answer { outcome, now } = answers::look_answer(answer, places.len())?;
        Ok((outcome, now))
    }

    /// Lists entries by partition and by name within it, so each entry keeps its place.
    pub(super) async fn listed(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        let after = list.after.as_ref().map(|key| self.place(key));
        let first = after.as_ref().map_or(0, |place| place.partition);
        let behind = self.partitions().iter().filter(|it| it.partition >= first);
        let behind: Vec<_> = behind.collect();
        if list.status == EntryStatus::Dead {
            return self.dead(list, after.as_ref(), &behind).await;
        }
        let mut views = Vec::new();
        for some in behind.chunks(PARTITIONS_AT_ONCE) {
            let names = some.iter().map(|place| self.names(place, list.status));
            let names: Result<Vec<_>, _> = join_all(names).await.into_iter().collect();
            for (place, names) in some.iter().zip(names?) {
                let after = (after.as_ref()).filter(|after| after.partition == place.partition);
                let wanted = names.into_iter().filter(|name| {
                    let provider = list.provider.as_ref();
                    after.is_none_or(|after| *name > after.name)
                        && provider.is_none_or(|provider| is_of(name, provider))
                });
                let wanted: Vec<_> = wanted.collect();
                self.views(place, wanted, list, &mut views).await?;
                if views.len() >= list.limit {
                    views.truncate(list.limit);
                    return Ok(views);
                }
            }
        }
        Ok(views)
    }

    /// The same for dead entries, which are in the index in the order of their names. It reads no more than
    /// requested, so that reading page by page reads each entry once.
    async fn dead(
        &self,
        list: &List,
        after: Option<&EntryPlace>,
        partitions: &[&PartitionPlace],
    ) -> Result<Vec<EntryView>, StoreError> {
        let (most, end) = (list.limit.clamp(1, MEMBERS_PER_CALL), b"(e");
        let mut views = Vec::new();
        for some in partitions.chunks(PARTITIONS_AT_ONCE) {
            let first = some.iter().map(async |place| {
                let after = after.filter(|after| after.partition == place.partition);
                let from = after.map_or_else(|| "[d".to_owned(), |it| format!("(d{}", it.name));
                self.range(place, from.as_bytes(), end, most).await
            });
            let first: Result<Vec<_>, _> = join_all(first).await.into_iter().collect();
            for (place, mut members) in some.iter().zip(first?) {
                loop {
                    let names = members.iter().filter_map(|it| codec::decode_member(it));
                    let wanted = names.filter(|(_, name)| {
                        let provider = list.provider.as_ref();
                        provider.is_none_or(|provider| is_of(name, provider))
                    });
                    let wanted = wanted.map(|(_, name)| name.to_owned()).collect();
                    self.views(place, wanted, list, &mut views).await?;
                    if views.len() >= list.limit {
                        views.truncate(list.limit);
                        return Ok(views);
                    }
                    let Some(last) = members.last().filter(|_| members.len() >= most) else {
                        break;
                    };
                    let from = [b"(", last.as_slice()].concat();
                    members = self.range(place, &from, end, most).await?;
                }
            }
        }
        Ok(views)
    }

    /// The names of the entries of a partition that may have this status, in their order.
    async fn names(
        &self,
        partition: &PartitionPlace,
        status: EntryStatus,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut names = BTreeSet::new();
        self.members(partition, kind(status), |_, name| {
            names.insert(name.to_owned());
        })
        .await?;
        Ok(names)
    }

    /// Passes each member of one kind in the index of a partition to `each`, with its time if it has one.
    async fn members(
        &self,
        partition: &PartitionPlace,
        kind: u8,
        mut tell: impl FnMut(Option<u64>, &str),
    ) -> Result<(), StoreError> {
        let (mut from, to) = (vec![b'[', kind], [b'(', kind.saturating_add(1)]);
        loop {
            let members = self.range(partition, &from, &to, MEMBERS_PER_CALL).await?;
            for (at, name) in members.iter().filter_map(|it| codec::decode_member(it)) {
                tell(at, name);
            }
            match members.last() {
                Some(last) if members.len() >= MEMBERS_PER_CALL => {
                    from = [b"(", last.as_slice()].concat();
                }
                _ => return Ok(()),
            }
        }
    }

    /// Adds the views of the entries with these names that have the requested status, until there are enough.
    async fn views(
        &self,
        partition: &PartitionPlace,
        names: Vec<String>,
        list: &List,
        views: &mut Vec<EntryView>,
    ) -> Result<(), StoreError> {
        for names in names.chunks(ENTRIES_PER_CALL) {
            let named = |name: &String| {
                EntryPlace::named(&self.store.layout, partition.partition, name.clone())
            };
            let places: Vec<_> = names.iter().map(named).collect();
            let (looked, now) = self.look(&places, false).await?;
            for (place, (value, history)) in places.iter().zip(looked) {
                let Some(stored) = value.and_then(|value| codec::decode(value, history)) else {
                    continue;
                };
                let named = || EventKey::decode(&place.name).ok();
                let Some(key) = stored.key.or_else(named) else {
                    continue;
                };
                let view = EntryView::new(key, stored.route, stored.entry, now);
                if view.status == list.status && view.entry.is_kept(now) {
                    views.push(view);
                }
            }
            if views.len() >= list.limit {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn counted(&self) -> Result<EntryCounts, StoreError> {
        loop {
            let in_slots = self.in_slots();
            let at_once = if in_slots { 1 } else { INDEXES_PER_CALL };
            let counting = (self.partitions().chunks(at_once)).map(|some| self.count(some));
            let counted: Result<Vec<_>, _> = join_all(counting).await.into_iter().collect();
            if !self.crossed(in_slots, &counted) {
                let all = counted?.into_iter();
                return Ok(all.fold(EntryCounts::default(), EntryCounts::and));
            }
        }
    }

    async fn count(&self, partitions: &[PartitionPlace]) -> Result<EntryCounts, StoreError> {
        let answer = self.store.link.call(&scripts::count(partitions)).await?;
        let Answer { outcome, now } = answers::count_answer(answer)?;
        let [
            queued,
            waiting,
            held,
            dead,
            done,
            discarded,
            stale,
            mismatched,
        ] = outcome;
        let mut lapsed = 0_u64;
        if held > 0 {
            for partition in partitions {
                self.members(partition, kind(EntryStatus::Lapsed), |ends, _| {
                    let is_over = ends.is_some_and(|ends| ends <= now.as_micros());
                    lapsed = lapsed.saturating_add(is_over.into());
                })
                .await?;
            }
        }
        let mut counts = EntryCounts::default();
        for (status, count) in [
            (EntryStatus::Queued, queued),
            (EntryStatus::Waiting, waiting),
            (EntryStatus::Running, held.saturating_sub(lapsed)),
            (EntryStatus::Lapsed, lapsed),
            (EntryStatus::Done, done),
            (EntryStatus::Dead, dead),
            (EntryStatus::Discarded, discarded),
            (EntryStatus::Stale, stale),
            (EntryStatus::Mismatched, mismatched),
        ] {
            counts.add(status, count);
        }
        Ok(counts)
    }
}

/// The byte that members for entries with this status begin with.
fn kind(status: EntryStatus) -> u8 {
    match status {
        EntryStatus::Queued => b'a',
        EntryStatus::Waiting => b'b',
        EntryStatus::Running | EntryStatus::Lapsed => b'c',
        EntryStatus::Dead => b'd',
        EntryStatus::Done => b'e',
        EntryStatus::Discarded => b'f',
        EntryStatus::Stale => b'g',
        EntryStatus::Mismatched => b'h',
    }
}

/// Whether a name belongs to an entry of this provider.
fn is_of(name: &str, provider: &Name) -> bool {
    let rest = name.strip_prefix(provider.as_str());
    rest.is_some_and(|rest| rest.starts_with([':', '@', '/', '?']))
}
