//! A part of the records, behind one lock.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use tokio::sync::watch;

use crate::clock::UnixTime;
use crate::event::EventKey;
use crate::store::record::{Command, Record, Step};

use super::room::Room;

#[derive(Default)]
pub(super) struct Shard {
    records: HashMap<EventKey, Entry>,
    /// When to look at which record. Each record has an item at `Entry::scheduled`; a record that
    /// is kept longer meanwhile is found alive then and put back, so keeping it longer costs
    /// nothing here.
    due: BinaryHeap<Due>,
    /// Whoever waits for a record holds a receiver; dropping the sender wakes them all.
    waiters: HashMap<EventKey, watch::Sender<()>>,
}

struct Entry {
    record: Record,
    scheduled: UnixTime,
}

/// A record was to be written anew and there was no room for it.
#[derive(Debug)]
pub(super) struct NoRoom;

/// A command was carried out.
pub(super) struct Ran<O> {
    pub(super) outcome: O,
    /// Whether the store has just come to be four fifths full.
    pub(super) crowded: bool,
    /// Dropping it, best outside the lock, wakes those that wait for the record.
    pub(super) woken: Option<watch::Sender<()>>,
}

impl Shard {
    pub(super) fn get(&self, key: &EventKey, now: UnixTime) -> Option<&Record> {
        let record = &self.records.get(key)?.record;
        record.is_kept(now).then_some(record)
    }

    pub(super) fn iter(&self, now: UnixTime) -> impl Iterator<Item = (&EventKey, &Record)> {
        self.records
            .iter()
            .map(|(key, entry)| (key, &entry.record))
            .filter(move |(_, record)| record.is_kept(now))
    }

    pub(super) fn run<C: Command>(
        &mut self,
        command: &C,
        now: UnixTime,
        room: &Room,
    ) -> Result<Ran<C::Outcome>, NoRoom> {
        let key = command.key();
        let entry = self.records.get_mut(key);
        let Step { write, outcome } = command.apply(entry.as_deref().map(|e| &e.record), now);
        let mut ran = Ran {
            outcome,
            crowded: false,
            woken: None,
        };
        let Some(record) = write else {
            return Ok(ran);
        };
        let kept_until = record.kept_until;
        let sooner = match entry {
            Some(entry) => {
                // A lease that goes on as it was said to, or longer, is no news to who waits.
                if record.lease_ends() < entry.record.lease_ends() {
                    ran.woken = self.waiters.remove(key);
                }
                entry.record = record;
                let sooner = kept_until < entry.scheduled;
                entry.scheduled = entry.scheduled.min(kept_until);
                sooner
            }
            None => {
                ran.crowded = room.take().ok_or(NoRoom)?.crowded;
                let entry = Entry {
                    record,
                    scheduled: kept_until,
                };
                self.records.insert(key.clone(), entry);
                true
            }
        };
        if sooner {
            self.due.push(Due {
                at: kept_until,
                key: key.clone(),
            });
            self.drop_stale_items();
        }
        Ok(ran)
    }

    /// Removes a record. Says whether there was one, and what to drop so as to wake its waiters.
    pub(super) fn forget(
        &mut self,
        key: &EventKey,
        now: UnixTime,
        room: &Room,
    ) -> (bool, Option<watch::Sender<()>>) {
        let Some(entry) = self.records.remove(key) else {
            return (false, None);
        };
        room.give_back(1);
        (entry.record.is_kept(now), self.waiters.remove(key))
    }

    /// Removes records whose time is over, looking at no more than `at_most` of them.
    pub(super) fn purge(&mut self, now: UnixTime, at_most: usize, room: &Room) {
        let mut freed = 0_usize;
        for _ in 0..at_most {
            if self.due.peek().is_none_or(|due| due.at > now) {
                break;
            }
            let Some(due) = self.due.pop() else { break };
            match self.records.get_mut(&due.key) {
                // Forgotten, or looked at by an earlier item.
                None => {}
                Some(entry) if entry.scheduled != due.at => {}
                Some(entry) if entry.record.is_kept(now) => {
                    let at = entry.record.kept_until;
                    entry.scheduled = at;
                    self.due.push(Due { at, key: due.key });
                }
                Some(_) => {
                    self.records.remove(&due.key);
                    freed = freed.saturating_add(1);
                }
            }
        }
        if freed > 0 {
            room.give_back(freed);
        }
    }

    /// Forgetting a record, or keeping it shorter, leaves an item behind. Once those are the
    /// majority the heap is made anew, which as many pushes have paid for.
    fn drop_stale_items(&mut self) {
        if self.due.len() > self.records.len().saturating_mul(2).saturating_add(64) {
            let items = self.records.iter().map(|(key, entry)| Due {
                at: entry.scheduled,
                key: key.clone(),
            });
            self.due = items.collect();
        }
    }

    /// A receiver that learns when the record is finished or forgotten.
    pub(super) fn watch(&mut self, key: &EventKey) -> watch::Receiver<()> {
        if let Some(sender) = self.waiters.get(key) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(());
        self.waiters.insert(key.clone(), sender);
        receiver
    }

    /// Forgets a sender that nobody listens to any more.
    pub(super) fn unwatch(&mut self, key: &EventKey) {
        if self
            .waiters
            .get(key)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            self.waiters.remove(key);
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            records: self.records.len(),
            items: self.due.len(),
            waiters: self.waiters.len(),
        }
    }
}

#[cfg(test)]
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) records: usize,
    pub(super) items: usize,
    pub(super) waiters: usize,
}

/// A record to look at; the earliest is the greatest, as the heap wants it.
struct Due {
    at: UnixTime,
    key: EventKey,
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
