//! The Redis key of a record.

use sha2::{Digest, Sha256};

use crate::event::{EventKey, Name, Scope};
use crate::store::token::Token;

use super::partitions::Partitions;

/// An encoded key of up to this length is used in the Redis key as it is.
const READABLE: usize = 96;
/// Marks a hash. In an encoded key `%` is always followed by two hexadecimal digits.
const HASHED: &str = "%~";

/// `wh:<namespace>:{<partition>}:<provider>:<key>`.
///
/// All keys of one script are in one partition, and thus in one slot of a cluster. A key that is
/// long, or holds anything but visible ASCII, is hashed; its record then holds the key itself.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    namespace: Name,
    partitions: Partitions,
}

/// The place of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) partition: u32,
    /// The encoded event key, if the Redis key does not contain it.
    pub(super) name: Option<String>,
}

/// The event key in a Redis key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Key(EventKey),
    /// It is a hash: the record names the key.
    Hashed,
}

impl Layout {
    pub(super) fn new(namespace: Name, partitions: impl Into<Partitions>) -> Self {
        Self {
            namespace,
            partitions: partitions.into(),
        }
    }

    pub(super) fn namespace(&self) -> &Name {
        &self.namespace
    }

    pub(super) fn partitions(&self) -> &Partitions {
        &self.partitions
    }

    /// The partition for a hash that begins so. It is meaningless until their number is known.
    pub(super) fn partition_of(&self, hash: &[u8]) -> u32 {
        let head = hash.iter().take(4);
        let number = head.fold(0, |number: u32, byte| (number << 8) | u32::from(*byte));
        number.checked_rem(self.partitions.number()).unwrap_or(0)
    }

    /// The key that holds the number of partitions.
    pub(super) fn partitions_key(&self) -> String {
        format!("wh:{}:partitions", self.namespace)
    }

    pub(super) fn place(&self, key: &EventKey) -> Place {
        let encoded = key.encoded();
        let digest = Sha256::digest(encoded.as_bytes());
        let partition = self.partition_of(&digest);
        let key_of = |name: &str| {
            let number = partition.to_string();
            // In one allocation, because every call needs one.
            ["wh:", self.namespace.as_str(), ":{", &number, "}:", name].concat()
        };
        if encoded.len() <= READABLE && encoded.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Place {
                key: key_of(&encoded),
                partition,
                name: None,
            };
        }
        let hash = data_encoding::BASE64URL_NOPAD.encode(&digest);
        Place {
            key: key_of(&format!("{}:{HASHED}{hash}", key.encoded_scope())),
            partition,
            name: Some(encoded),
        }
    }

    /// The key under which a command leaves a mark that it was carried out, in the slot of the
    /// record; every record's name has a colon, so it cannot be taken for one.
    pub(super) fn mark(&self, place: &Place, command: &Token) -> String {
        self.mark_in(place.partition, command)
    }

    /// The same in the slot of a partition.
    pub(super) fn mark_in(&self, partition: u32, command: &Token) -> String {
        let name = data_encoding::BASE64URL_NOPAD.encode(command.as_bytes());
        format!("wh:{}:{{{partition}}}:~{name}", self.namespace)
    }

    /// The pattern of all records, or of those of one provider. It may also match other keys.
    pub(super) fn pattern(&self, provider: Option<&Name>) -> String {
        match provider {
            Some(provider) => format!("wh:{}:{{*}}:{provider}[:@/]*", self.namespace),
            None => format!("wh:{}:{{*}}:*", self.namespace),
        }
    }

    /// Reads a Redis key back; `None` if it does not belong to a record of this namespace.
    pub(super) fn read(&self, key: &str) -> Option<(Name, Shown)> {
        let rest = key.strip_prefix("wh:")?;
        let rest = rest.strip_prefix(self.namespace.as_str())?;
        let (partition, encoded) = rest.strip_prefix(":{")?.split_once("}:")?;
        let partition: u32 = partition.parse().ok()?;
        let (scope, parts) = encoded.split_once(':')?;
        if parts.starts_with(HASHED) {
            let (provider, _) = Scope::decode(scope).ok()?;
            return Some((provider, Shown::Hashed));
        }
        let event = EventKey::decode(encoded).ok()?;
        let place = self.place(&event);
        (place.partition == partition && place.key == key)
            .then(|| (event.provider().clone(), Shown::Key(event)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout() -> Layout {
        Layout::new(Name::new("live").unwrap(), 256)
    }

    fn key(parts: &[&str]) -> EventKey {
        EventKey::new(Name::new("acme").unwrap(), parts).unwrap()
    }

    #[test]
    fn the_mark_of_a_command_is_in_the_slot_of_the_record_and_is_none() {
        let place = layout().place(&key(&["evt_1"]));
        let mark = layout().mark(&place, &Token::from_bytes([0xff; 16]));
        assert_eq!(mark, "wh:live:{134}:~_____________________w");
        assert_eq!(layout().read(&mark), None);
    }

    #[test]
    fn a_short_plain_key_can_be_read_in_redis() {
        // `printf acme:evt_1 | sha256sum` begins with e7d27386, and 0x86 is 134.
        let place = layout().place(&key(&["evt_1"]));
        assert_eq!(place.key, "wh:live:{134}:acme:evt_1");
        assert_eq!(place.name, None);
        let tenant = Some(Name::new("shop-7").unwrap());
        let place = layout().place(&key(&["1042", "a:b"]).of_tenant(tenant));
        assert!(
            place.key.ends_with(":acme@shop-7:1042:a%3Ab"),
            "{}",
            place.key
        );
    }

    #[test]
    fn a_long_or_strange_key_is_hashed_and_says_so() {
        let (short, long) = ("x".repeat(91), "x".repeat(92));
        assert_eq!(layout().place(&key(&[&short])).name, None, "96 bytes");
        for part in [&long, "a b", "\u{e9}", "a\nb\u{7f}\u{e9}"] {
            let place = layout().place(&key(&[part]));
            let (_, tail) = place.key.split_once("}:").unwrap();
            let hash = tail.strip_prefix("acme:%~").unwrap();
            assert_eq!(hash.len(), 43, "{part:?}");
            assert_eq!(place.name, Some(key(&[part]).encoded()));
            let provider = Name::new("acme").unwrap();
            assert_eq!(layout().read(&place.key), Some((provider, Shown::Hashed)));
        }
        assert_eq!(
            layout().place(&key(&["%~abc"])).name,
            None,
            "no hash, but a key that looks so"
        );
    }

    #[test]
    fn foreign_keys_are_not_read() {
        let own = layout().place(&key(&["evt_1"])).key;
        assert!(layout().read(&own).is_some());
        let elsewhere = Layout::new(Name::new("liv").unwrap(), 256);
        assert_eq!(elsewhere.read(&own), None);
        for foreign in [
            "",
            "wh:live:partitions",
            "wh:live:{x}:acme:evt_1",
            "wh:live:{999}:acme:evt_1",
            "wh:live:{1}:acme",
            "wh:live:{1}:acme:",
            "wh:lively:{1}:acme:evt_1",
        ] {
            assert_eq!(layout().read(foreign), None, "{foreign:?}");
        }
    }

    proptest! {
        #[test]
        fn places_are_injective_and_readable_back(
            a in prop::collection::vec(".{1,60}", 1..4),
            b in prop::collection::vec("[a-z%~:]{1,60}", 1..4),
        ) {
            let provider = Name::new("acme").unwrap();
            let keys = [a, b].map(|parts| EventKey::new(provider.clone(), &parts).unwrap());
            let places = keys.each_ref().map(|key| layout().place(key));
            prop_assert_eq!(keys[0] == keys[1], places[0].key == places[1].key);
            for (key, place) in keys.iter().zip(&places) {
                prop_assert!(place.partition < 256);
                let (of, shown) = layout().read(&place.key).unwrap();
                prop_assert_eq!(&of, key.provider());
                match shown {
                    Shown::Key(read) => prop_assert_eq!(&read, key),
                    Shown::Hashed => prop_assert_eq!(
                        &EventKey::decode(place.name.as_deref().unwrap()).unwrap(), key
                    ),
                }
            }
        }
    }
}
