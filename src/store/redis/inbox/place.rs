//! The Redis keys of an entry.

use sha2::{Digest, Sha256};

use crate::event::{EventKey, OrderKey};
use crate::inbox::Route;
use crate::store::redis::keys::Layout;

/// The key under which a command leaves a mark that it was carried out, and how long the mark stays.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) key: String,
    pub(super) millis: u64,
}

/// The partition that stores the rates of all.
pub(super) const RATES_STAND_IN: u32 = 0;

/// The keys of one entry. Like the record of a store in the same namespace, all are in one slot, and
/// thus within reach of one script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryPlace {
    pub(super) partition: u32,
    /// The record of a store in the same namespace.
    pub(super) record: String,
    /// The name that is unique within its partition.
    pub(super) name: String,
    /// The encoded event key, if the name only hashes it.
    pub(super) hashed: Option<String>,
    pub(super) entry: String,
    pub(super) history: String,
    pub(super) index: String,
}

/// The keys of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionPlace {
    pub(super) partition: u32,
    pub(super) index: String,
    /// The providers that are paused.
    pub(super) paused: String,
}

/// The key that holds the state of an order key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderPlace {
    pub(super) partition: u32,
    pub(super) key: String,
}

/// The hash that identifies an order key of a route.
pub(super) fn order_hash(route: &Route, order: &OrderKey) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(route.as_str());
    digest.update([0]);
    digest.update(order.as_str());
    let mut hash = [0; 16];
    let bytes = digest.finalize();
    hash.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    hash
}

impl OrderPlace {
    pub(super) fn of(layout: &Layout, hash: &[u8; 16]) -> Self {
        let partition = layout.partition_of(hash);
        let name = data_encoding::BASE64URL_NOPAD.encode(hash);
        Self {
            partition,
            key: key(layout, partition, &["~o:", &name]),
        }
    }
}

fn key(layout: &Layout, partition: u32, rest: &[&str]) -> String {
    let number = partition.to_string();
    let head = ["wh:", layout.namespace().as_str(), ":{", &number, "}:"].concat();
    head + &rest.concat()
}

impl EntryPlace {
    pub(super) fn of(layout: &Layout, event: &EventKey) -> Self {
        let place = layout.place(event);
        // Only the text after the hash tag.
        let name = place.key.split_once("}:").map_or("", |(_, name)| name);
        let mut own = Self::named(layout, place.partition, name.to_owned());
        own.hashed = place.name;
        own.record = place.key;
        own
    }

    /// The name of the entry that an order key stores for its holder.
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.partition, self.name)
    }

    /// The entry with that name.
    pub(super) fn of_id(layout: &Layout, id: &str) -> Option<Self> {
        let (partition, name) = id.split_once(':')?;
        let partition = partition.parse().ok()?;
        Some(Self::named(layout, partition, name.to_owned()))
    }

    /// The entry with this name in a partition.
    pub(super) fn named(layout: &Layout, partition: u32, name: String) -> Self {
        Self {
            partition,
            record: String::new(),
            hashed: None,
            entry: key(layout, partition, &["~i:", &name]),
            history: key(layout, partition, &["~h:", &name]),
            index: key(layout, partition, &["~q"]),
            name,
        }
    }
}

impl PartitionPlace {
    pub(super) fn of(layout: &Layout, partition: u32) -> Self {
        Self {
            partition,
            index: key(layout, partition, &["~q"]),
            paused: key(layout, partition, &["~p"]),
        }
    }

    /// The key that holds the rates of all partitions.
    pub(super) fn rates(layout: &Layout) -> String {
        key(layout, RATES_STAND_IN, &["~r"])
    }

    pub(super) fn all(layout: &Layout) -> Vec<Self> {
        (0..layout.partitions().number())
            .map(|partition| Self::of(layout, partition))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;

    #[test]
    fn an_entry_stands_in_the_slot_of_the_record_and_is_none() {
        let layout = Layout::new(Name::new("live").unwrap(), 256);
        let acme = Name::new("acme").unwrap();
        let event = EventKey::new(acme.clone(), ["evt_1"]).unwrap();
        let place = EntryPlace::of(&layout, &event);
        assert_eq!(place.record, "wh:live:{134}:acme:evt_1");
        assert_eq!(place.entry, "wh:live:{134}:~i:acme:evt_1");
        assert_eq!(place.history, "wh:live:{134}:~h:acme:evt_1");
        assert_eq!(place.index, "wh:live:{134}:~q");
        let long = EventKey::new(acme, ["x".repeat(200)]).unwrap();
        let hashed = EntryPlace::of(&layout, &long);
        assert_eq!(hashed.hashed, Some(long.encoded()));
        let paused = PartitionPlace::of(&layout, 134).paused;
        assert_eq!(paused, "wh:live:{134}:~p");
        for key in [
            &place.entry,
            &place.history,
            &place.index,
            &paused,
            &hashed.entry,
        ] {
            assert_eq!(layout.read(key), None, "{key}");
        }
    }
}
