//! The place of a record in its table.

use sha2::{Digest, Sha256};

use crate::event::{EventKey, Name};

/// An encoded key of up to this length is stored in the table as it is.
const READABLE: usize = 96;
/// Marks a hash. In an encoded key `%` is always followed by two hexadecimal digits.
const HASHED: &str = "%~";

/// The primary key of a record.
///
/// A key that is long, or holds anything but visible ASCII, is hashed: long keys do not fit in an
/// index, and a hash does not depend on the encoding of the database. The row then holds the key
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::store) struct Place {
    pub(in crate::store) namespace: Name,
    pub(in crate::store) key: String,
    /// The encoded event key, if `key` is a hash.
    pub(in crate::store) name: Option<String>,
}

impl Place {
    pub(in crate::store) fn of(namespace: &Name, event: &EventKey) -> Self {
        let (namespace, encoded) = (namespace.clone(), event.encoded());
        if encoded.len() <= READABLE && encoded.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Self {
                namespace,
                key: encoded,
                name: None,
            };
        }
        let hash = data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(encoded.as_bytes()));
        Self {
            namespace,
            key: format!("{}:{HASHED}{hash}", event.encoded_scope()),
            name: Some(encoded),
        }
    }

    /// Reads the event back from its row; `None` if this version would have written another row.
    pub(in crate::store) fn read(
        namespace: &Name,
        key: &str,
        name: Option<&[u8]>,
    ) -> Option<EventKey> {
        let encoded = match name {
            Some(name) => std::str::from_utf8(name).ok()?,
            None => key,
        };
        let event = EventKey::decode(encoded).ok()?;
        (Self::of(namespace, &event).key == key).then_some(event)
    }
}

/// The ranges of all keys of one provider, from the first text and before the second. After the
/// provider there is a colon, or a slash or an at sign if the key has a consumer or a tenant.
pub(in crate::store) fn of_provider(provider: &Name) -> [(String, String); 3] {
    ['/', ':', '@'].map(|mark| {
        let next = match mark {
            '/' => '0',
            ':' => ';',
            _ => 'A',
        };
        (format!("{provider}{mark}"), format!("{provider}{next}"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &'static str) -> Name {
        Name::new(text).unwrap()
    }

    fn key(parts: &[&str]) -> EventKey {
        EventKey::new(name("acme"), parts).unwrap()
    }

    #[test]
    fn a_short_plain_key_can_be_read_in_the_table() {
        let place = Place::of(&name("live"), &key(&["evt_1"]));
        assert_eq!((place.key.as_str(), place.name), ("acme:evt_1", None));
    }

    #[test]
    fn a_long_or_strange_key_is_hashed_and_says_what_it_is() {
        let (short, long) = ("x".repeat(91), "x".repeat(92));
        assert_eq!(Place::of(&name("live"), &key(&[&short])).name, None);
        for part in [long.as_str(), "é", "a b"] {
            let place = Place::of(&name("live"), &key(&[part]));
            assert!(place.key.starts_with("acme:%~"), "{}", place.key);
            assert_eq!(place.key.len(), "acme:%~".len() + 43, "a SHA-256 in base64");
            assert_eq!(place.name, Some(format!("acme:{part}")));
        }
        // printf 'acme:é' | openssl dgst -sha256 -binary | basenc --base64url
        let place = Place::of(&name("live"), &key(&["é"]));
        assert_eq!(
            place.key,
            "acme:%~-st_747dOKWucLTJ1-753GC1sVCVu7tMxOk8cNQko1k"
        );
    }

    #[test]
    fn the_keys_of_a_provider_are_in_its_ranges_and_those_of_no_other() {
        let within = |text: &str| {
            let ranges = of_provider(&name("acme"));
            ranges
                .iter()
                .any(|(from, to)| (from.as_str()..to).contains(&text))
        };
        let event = key(&["evt_1"]);
        let (tenant, consumer) = (Some(name("shop")), Some(name("mail")));
        for event in [
            event.clone(),
            key(&["é"]),
            event.clone().of_tenant(tenant.clone()),
            event.clone().of_consumer(consumer.clone()),
            event.of_tenant(tenant).of_consumer(consumer),
        ] {
            let place = Place::of(&name("live"), &event);
            assert!(within(&place.key), "{}", place.key);
        }
        for other in ["acme1:a", "acme-eu:a", "acm:a", "acmf:a", "acme_x@t:a"] {
            assert!(!within(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_row_names_its_event(parts in prop::collection::vec("\\PC{1,60}", 1..4)) {
            let parts: Vec<_> = parts.iter().map(String::as_str).collect();
            let event = key(&parts);
            let Place { namespace, key, name } = Place::of(&name("live"), &event);
            let read = Place::read(&namespace, &key, name.as_deref().map(str::as_bytes));
            prop_assert_eq!(read, Some(event));
        }
    }
}
