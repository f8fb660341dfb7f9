//! A part of the records, behind one lock.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use hashbrown::HashTable;
use hashbrown::hash_table::OccupiedEntry;
use tokio::sync::watch;

use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::store::record::{Command, Record, Step};

use super::chunks::Chunks;
use super::room::Room;

/// A key and its hash, computed once for all lookups.
#[derive(Clone, Copy)]
pub(super) struct Hashed<'a> {
    pub(super) hash: u64,
    pub(super) key: &'a EventKey,
}

#[derive(Default)]
pub(super) struct Shard {
    records: HashTable<Slot>,
    entries: Chunks<Entry>,
    /// When to check which record. Each record has an item at `Entry::scheduled`. If a record's
    /// retention was extended, it is found alive at that time and put back, so extending costs
    /// nothing here.
    due: BinaryHeap<Due>,
}

struct Slot {
    /// The hash of the key, needed again when a table grows.
    hash: u64,
    place: usize,
}

struct Entry {
    key: EventKey,
    record: Record,
    scheduled: UnixTime,
    /// Tasks that wait for the record hold a receiver; dropping the sender wakes them all.
    news: Option<watch::Sender<()>>,
}

/// A record was to be written anew, but there was no room for it.
#[derive(Debug)]
pub(super) struct NoRoom;

/// A command was carried out.
pub(super) struct Ran<O> {
    pub(super) outcome: O,
    /// Whether the store has just become four fifths full.
    pub(super) crowded: bool,
    /// Dropping it, best outside the lock, wakes the tasks that wait for the record.
    pub(super) woken: Option<watch::Sender<()>>,
}

impl Shard {
    /// The place of the record of this key.
    fn place(&self, key: Hashed<'_>) -> Option<usize> {
        let is_it = |slot: &Slot| is_of(&self.entries, slot, key);
        Some(self.records.find(key.hash, is_it)?.place)
    }

    fn entry_mut(&mut self, key: Hashed<'_>) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.entries.get_mut(place)
    }

    pub(super) fn get(&self, key: Hashed<'_>, now: UnixTime) -> Option<&Record> {
        let record = &self.entries.get(self.place(key)?)?.record;
        record.is_kept(now).then_some(record)
    }

    pub(super) fn iter(&self, now: UnixTime) -> impl Iterator<Item = (&EventKey, &Record)> {
        self.entries
            .iter()
            .map(|entry| (&entry.key, &entry.record))
            .filter(move |(_, record)| record.is_kept(now))
    }

    pub(super) fn run<C: Command>(
        &mut self,
        command: &C,
        key: Hashed<'_>,
        now: UnixTime,
        room: &Room,
    ) -> Result<Ran<C::Outcome>, NoRoom> {
        let entry = self.entry_mut(key);
        let Step { write, outcome } = command.apply(entry.as_deref().map(|e| &e.record), now);
        let mut ran = Ran {
            outcome,
            crowded: false,
            woken: None,
        };
        let Some(record) = write else {
            return Ok(ran);
        };
        let at = record.kept_until;
        let sooner = match entry {
            Some(entry) => {
                // A lease that lasts as long as announced, or longer, is no news to waiting tasks.
                if record.lease_ends() < entry.record.lease_ends() {
                    ran.woken = entry.news.take();
                }
                entry.record = record;
                let sooner = at < entry.scheduled;
                entry.scheduled = entry.scheduled.min(at);
                sooner
            }
            None => {
                ran.crowded = room.take().ok_or(NoRoom)?.crowded;
                let place = self.entries.insert(Entry {
                    key: key.key.clone(),
                    record,
                    scheduled: at,
                    news: None,
                });
                let hash = key.hash;
                self.records
                    .insert_unique(hash, Slot { hash, place }, |slot| slot.hash);
                true
            }
        };
        if sooner {
            let hash = key.hash;
            self.due.push(Due { at, hash });
            self.drop_stale_items();
        }
        Ok(ran)
    }

    /// Removes a record. Returns whether there was one, and a value whose drop wakes its waiters.
    pub(super) fn forget(
        &mut self,
        key: Hashed<'_>,
        now: UnixTime,
        only_done: bool,
        room: &Room,
    ) -> (bool, Option<watch::Sender<()>>) {
        let Self {
            records, entries, ..
        } = self;
        let Ok(found) = records.find_entry(key.hash, |slot| is_of(entries, slot, key)) else {
            return (false, None);
        };
        let is_done = |entry: &Entry| entry.record.is_done(now);
        if only_done && !entries.get(found.get().place).is_some_and(is_done) {
            return (false, None);
        }
        let Some(entry) = remove(entries, found) else {
            return (false, None);
        };
        room.give_back(1);
        (entry.record.is_kept(now), entry.news)
    }

    /// Removes records whose time is over, checking at most `at_most` of them.
    pub(super) fn purge(&mut self, now: UnixTime, at_most: usize, room: &Room) {
        let mut freed = 0_usize;
        for _ in 0..at_most {
            if self.due.peek().is_none_or(|due| due.at > now) {
                break;
            }
            let Some(due) = self.due.pop() else { break };
            let Self {
                records, entries, ..
            } = self;
            let is_due = |slot: &Slot| {
                let entry = entries.get(slot.place);
                slot.hash == due.hash && entry.is_some_and(|entry| entry.scheduled == due.at)
            };
            // If two have the same hash and time, either may be found; the item of the other then
            // finds the other.
            let Ok(found) = records.find_entry(due.hash, is_due) else {
                // Forgotten, or already checked because of an earlier item.
                continue;
            };
            match entries.get_mut(found.get().place) {
                Some(entry) if entry.record.is_kept(now) => {
                    let (at, hash) = (entry.record.kept_until, due.hash);
                    entry.scheduled = at;
                    self.due.push(Due { at, hash });
                }
                _ => {
                    // Tasks that waited for it were woken by the end of its lease.
                    remove(entries, found);
                    freed = freed.saturating_add(1);
                }
            }
        }
        if freed > 0 {
            room.give_back(freed);
        }
    }

    /// Forgetting a record, or shortening its retention, leaves an item behind. Once such items are
    /// the majority, the heap is rebuilt; as many pushes have paid for that.
    fn drop_stale_items(&mut self) {
        if self.due.len() > self.records.len().saturating_mul(2).saturating_add(64) {
            let items = self.records.iter().filter_map(|slot| {
                let entry = self.entries.get(slot.place)?;
                let (at, hash) = (entry.scheduled, slot.hash);
                Some(Due { at, hash })
            });
            self.due = items.collect();
        }
    }

    /// Learns when the record is finished or forgotten; `None` if there is no record.
    pub(super) fn watch(&mut self, key: Hashed<'_>) -> Option<watch::Receiver<()>> {
        let news = &mut self.entry_mut(key)?.news;
        let sender = news.get_or_insert_with(|| watch::channel(()).0);
        Some(sender.subscribe())
    }

    /// Drops a sender that nobody listens to any more.
    pub(super) fn unwatch(&mut self, key: Hashed<'_>) {
        let news = self.entry_mut(key).map(|entry| &mut entry.news);
        if let Some(news) = news
            && news
                .as_ref()
                .is_some_and(|sender| sender.receiver_count() == 0)
        {
            *news = None;
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> Sizes {
        let senders = || (self.entries.iter()).filter_map(|entry| entry.news.as_ref());
        Sizes {
            records: self.records.len(),
            items: self.due.len(),
            waiters: senders().count(),
            listeners: senders().map(watch::Sender::receiver_count).sum(),
        }
    }
}

fn is_of(entries: &Chunks<Entry>, slot: &Slot, key: Hashed<'_>) -> bool {
    let entry = entries.get(slot.place);
    slot.hash == key.hash && entry.is_some_and(|entry| entry.key == *key.key)
}

fn remove(entries: &mut Chunks<Entry>, found: OccupiedEntry<'_, Slot>) -> Option<Entry> {
    let (slot, _) = found.remove();
    entries.remove(slot.place)
}

#[cfg(test)]
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) records: usize,
    pub(super) items: usize,
    pub(super) waiters: usize,
    pub(super) listeners: usize,
}

/// A record to check; the earliest is the greatest, as the heap needs it.
struct Due {
    at: UnixTime,
    /// The hash of the key. With the time it also finds the record, without cloning the key.
    hash: u64,
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}
