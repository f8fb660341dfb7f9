//! The name of an event, and the digest of its meaning.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::scope::Scope;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::name::Name;
use crate::printable::{Printable, is_hidden};
use crate::text::Text;

/// The name of one event: its provider, its tenant and its consumer if there are several, and the
/// parts by which its sender identifies events.
///
/// Two keys are equal only where every part is: `["a:b", "c"]` is never `["a", "b:c"]`. Clones
/// share their text.
///
/// [`Display`](fmt::Display) writes the parts for people, joined by colons, without provider, tenant and consumer.
/// Two events may read the same, so nothing may be unique on this text. [`EventKey::encoded`] writes the whole key
/// so that no two read the same, and [`EventKey::escaped`] does so in a form that is safe in a log line.
///
/// ```
/// use tower_webhook::{EventKey, Name};
///
/// let bloquo = Name::new("bloquo")?;
/// let key = EventKey::new(bloquo, ["1042", "COMPLETED"])?;
/// assert_eq!(key.to_string(), "1042:COMPLETED");
/// assert_eq!(key.encoded(), "bloquo:1042:COMPLETED");
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EventKey {
    provider: Name,
    /// `None` for most keys.
    scope: Option<Arc<Scope>>,
    /// The parts, each escaped, joined by colons.
    parts: Text<46>,
}

impl Hash for EventKey {
    /// In as few steps as possible: stores in memory hash each key twice for a delivery.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.provider.as_str().as_bytes());
        state.write(self.parts.as_bytes());
        if let Some(scope) = &self.scope {
            scope.hash(state);
        }
    }
}

impl EventKey {
    /// The key with these parts, in their order.
    ///
    /// # Errors
    ///
    /// No part, or an empty one.
    pub fn new<I>(provider: Name, parts: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut parts = parts.into_iter().fuse();
        let (first, second) = (parts.next(), parts.next());
        // Most keys have one part that needs no escaping and is then copied once.
        if let (Some(only), None) = (&first, &second)
            && is_plain(only.as_ref())
        {
            return Ok(Self {
                provider,
                scope: None,
                parts: Text::from(only.as_ref()),
            });
        }
        let mut joined = String::new();
        for part in first.into_iter().chain(second).chain(parts) {
            let part = part.as_ref();
            if part.is_empty() {
                return Err(refused("a part of an event key is empty"));
            }
            if !joined.is_empty() {
                joined.push(':');
            }
            escape_into(part, &mut joined);
        }
        if joined.is_empty() {
            return Err(refused("an event key needs at least one part"));
        }
        Ok(Self {
            provider,
            scope: None,
            parts: Text::from(&*joined),
        })
    }

    /// The same key for one tenant of several.
    #[must_use]
    pub fn of_tenant(self, tenant: Option<Name>) -> Self {
        let consumer = self.consumer().cloned();
        self.of_scope(
            Scope {
                tenant,
                consumer,
                ..Scope::default()
            }
            .shared(),
        )
    }

    /// The same key as one consumer of several sees it.
    ///
    /// ```
    /// use tower_webhook::{EventKey, Name};
    ///
    /// let key = EventKey::new(Name::new("stripe")?, ["evt_1"])?;
    /// let billing = key.clone().of_consumer(Some(Name::new("billing")?));
    /// assert_ne!(key, billing);
    /// assert_eq!(billing.of_consumer(None), key);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_consumer(self, consumer: Option<Name>) -> Self {
        let tenant = self.tenant().cloned();
        self.of_scope(
            Scope {
                tenant,
                consumer,
                ..Scope::default()
            }
            .shared(),
        )
    }

    pub(crate) fn of_scope(mut self, scope: Option<Arc<Scope>>) -> Self {
        self.scope = scope;
        self
    }

    /// The key under which an inbox holds unconfirmed content of this event. Several contents have
    /// a place each. No sender's event has this key.
    #[cfg(feature = "inbox")]
    pub(crate) fn unconfirmed(&self, place: u8) -> Self {
        self.placed(Some(place))
    }

    /// The key of the event itself.
    #[cfg(feature = "inbox")]
    pub(crate) fn confirmed(&self) -> Self {
        self.placed(None)
    }

    #[cfg(feature = "inbox")]
    fn placed(&self, unconfirmed: Option<u8>) -> Self {
        let scope = Scope {
            tenant: self.tenant().cloned(),
            consumer: self.consumer().cloned(),
            unconfirmed,
        };
        self.clone().of_scope(scope.shared())
    }

    /// Whether an inbox holds unconfirmed content under this key.
    ///
    /// ```
    /// use tower_webhook::EventKey;
    ///
    /// assert!(EventKey::decode("blox?3:1042:paid")?.is_unconfirmed());
    /// assert!(!EventKey::decode("blox:1042:paid")?.is_unconfirmed());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn is_unconfirmed(&self) -> bool {
        (self.scope.as_deref()).is_some_and(|scope| scope.unconfirmed.is_some())
    }

    /// The same key with one more part.
    pub(crate) fn with_part(self, part: &str) -> Self {
        let mut parts = self.parts.as_str().to_owned();
        parts.push(':');
        escape_into(part, &mut parts);
        Self {
            parts: Text::from(&*parts),
            ..self
        }
    }

    /// The provider of the event.
    pub fn provider(&self) -> &Name {
        &self.provider
    }

    /// The tenant of the event, if there are several.
    pub fn tenant(&self) -> Option<&Name> {
        self.scope.as_ref()?.tenant.as_ref()
    }

    /// The consumer whose view of the event this is, if there are several.
    pub fn consumer(&self) -> Option<&Name> {
        self.scope.as_ref()?.consumer.as_ref()
    }

    /// The parts as the sender wrote them.
    pub fn parts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.parts.as_str().split(':').map(unescape)
    }

    /// The whole key in one unambiguous line.
    ///
    /// It consists of the provider, `@tenant` and `/consumer` if any, `?` and a digit for
    /// [unconfirmed](Self::is_unconfirmed) content, and the parts, in which `:`, `%` and control
    /// characters are written as `%3A` and so on.
    pub fn encoded(&self) -> String {
        if self.scope.is_none() {
            return format!("{}:{}", self.provider, self.parts.as_str());
        }
        format!("{}:{}", self.encoded_scope(), self.parts.as_str())
    }

    /// The text before the parts.
    pub(crate) fn encoded_scope(&self) -> String {
        let scope = self.scope.as_deref();
        scope.map_or_else(
            || self.provider.to_string(),
            |scope| scope.encoded(&self.provider),
        )
    }

    /// The [encoded](Self::encoded) key for a log line.
    ///
    /// Every character that starts a new line, changes the text direction or is invisible is
    /// escaped in the same way. Equal to the encoded key if there is none; [`EventKey::decode`]
    /// reads it too.
    ///
    /// ```
    /// use tower_webhook::{EventKey, Name};
    ///
    /// let key = EventKey::new(Name::new("acme")?, ["\u{202e}1_tve"])?;
    /// assert_eq!(key.escaped(), "acme:%E2%80%AE1_tve");
    /// assert_eq!(EventKey::decode(&key.escaped())?, key);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn escaped(&self) -> String {
        let encoded = self.encoded();
        if encoded.is_ascii() {
            return encoded;
        }
        let mut line = String::with_capacity(encoded.len());
        escape(&encoded, is_hidden, &mut line);
        line
    }

    /// Whether these bytes are the parts as the sender wrote them, joined by colons.
    pub(super) fn reads(&self, bytes: &[u8]) -> bool {
        let escaped = (self.parts.as_bytes().iter()).fold(false, |any, byte| any | (*byte == b'%'));
        if escaped {
            self.parts().collect::<Vec<_>>().join(":").as_bytes() == bytes
        } else {
            self.parts.as_bytes() == bytes
        }
    }

    /// Reads back what [`EventKey::encoded`] or [`EventKey::escaped`] wrote.
    ///
    /// # Errors
    ///
    /// A text that neither method can produce.
    pub fn decode(text: &str) -> Result<Self, ConfigError> {
        let (scope, parts) = text
            .split_once(':')
            .ok_or_else(|| refused("an encoded event key reads provider:part"))?;
        let (provider, scope) = Scope::decode(scope)?;
        let key = Self::new(provider, parts.split(':').map(unescape))?.of_scope(scope.shared());
        if key.parts.as_str() == parts || key.escaped() == text {
            Ok(key)
        } else {
            Err(refused(
                "an encoded event key writes ':' and '%' as %3A and %25",
            ))
        }
    }
}

fn refused(message: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::EventRule, message)
}

fn must_escape(c: char) -> bool {
    matches!(c, ':' | '%') || c.is_control()
}

/// Whether a part is not empty and needs no escaping: nearly every one is plain ASCII.
fn is_plain(part: &str) -> bool {
    // Scanning everything is cheaper than stopping early.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b':') & (byte != b'%');
    !part.is_empty() && part.bytes().fold(true, |all, byte| all & plain(byte))
}

pub(super) fn escape_into(part: &str, out: &mut String) {
    if is_plain(part) {
        out.push_str(part);
        return;
    }
    escape(part, must_escape, out);
}

fn escape(text: &str, must: impl Fn(char) -> bool, out: &mut String) {
    let mut utf8 = [0; 4];
    for c in text.chars() {
        if must(c) {
            for byte in c.encode_utf8(&mut utf8).bytes() {
                out.push('%');
                out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
            }
        } else {
            out.push(c);
        }
    }
}

fn unescape(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
}

/// The parts alone, for people; use [`EventKey::encoded`] for uniqueness.
impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key appears in log lines, so it must not start new lines or change the text direction.
        for (position, part) in self.parts().enumerate() {
            if position > 0 {
                f.write_str(":")?;
            }
            Printable(part).fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKey({})", self.escaped())
    }
}

/// A digest of an event's meaning, stored with its key: the same key with another fingerprint is
/// not a duplicate.
///
/// It is the first 128 bits of a SHA-256 over a form in which the order of members, white space and
/// the spelling of numbers do not count.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint with these bytes, as read back from a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The fingerprint of this content.
    pub fn of(content: &[u8]) -> Self {
        Self::taken(Sha256::new_with_prefix(content))
    }

    /// The fingerprint of the content that this digest was fed.
    pub(super) fn taken(content: Sha256) -> Self {
        Self::of_digest(&content.finalize().into())
    }

    /// The fingerprint of content with this SHA-256.
    pub(super) fn of_digest(digest: &[u8; 32]) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Fingerprint({})",
            data_encoding::HEXLOWER.encode(&self.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(parts: &[&str]) -> EventKey {
        EventKey::new(Name::new("acme").unwrap(), parts).unwrap()
    }

    #[test]
    fn a_key_reads_as_a_person_writes_it() {
        let account = key(&["did:bloque:account:virtual:acc-1", "account.activated"]);
        assert_eq!(
            account.to_string(),
            "did:bloque:account:virtual:acc-1:account.activated"
        );
        assert!(account.reads(b"did:bloque:account:virtual:acc-1:account.activated"));
        assert!(!account.reads(b"did%3Abloque%3Aaccount%3Avirtual%3Aacc-1:account.activated"));
        assert_eq!(
            account.encoded(),
            "acme:did%3Abloque%3Aaccount%3Avirtual%3Aacc-1:account.activated"
        );
    }

    #[test]
    fn a_control_character_makes_no_line_of_its_own() {
        let key = key(&["a\nb", "\u{85}"]);
        assert_eq!(key.to_string(), "a\\nb:\\u{85}");
        assert_eq!(key.encoded(), "acme:a%0Ab:%C2%85");
    }

    #[test]
    fn a_key_turns_no_line_around_and_is_kept_as_it_was() {
        let key = key(&["\u{202e}a:b", "c\u{2028}"]);
        assert_eq!(key.to_string(), r"\u{202e}a:b:c\u{2028}");
        // The stored form never changes.
        assert_eq!(key.encoded(), "acme:\u{202e}a%3Ab:c\u{2028}");
        assert_eq!(key.escaped(), "acme:%E2%80%AEa%3Ab:c%E2%80%A8");
        assert_eq!(format!("{key:?}"), format!("EventKey({})", key.escaped()));
        assert_eq!(EventKey::decode(&key.escaped()).unwrap(), key);
        assert!(EventKey::decode("acme:\u{202e}a%3Ab:c%E2%80%A8").is_err());
        assert!(key.reads("\u{202e}a:b:c\u{2028}".as_bytes()));
    }

    #[test]
    fn composition_has_one_reading() {
        assert_ne!(key(&["a:b", "c"]), key(&["a", "b:c"]));
        assert_ne!(key(&["a", "b"]), key(&["a:b"]));
        assert_ne!(key(&["a%3Ab"]), key(&["a:b"]));
        assert!(EventKey::new(Name::new("acme").unwrap(), ["a", ""]).is_err());
        assert!(EventKey::new(Name::new("acme").unwrap(), [""; 0]).is_err());
    }

    #[test]
    fn tenants_are_kept_apart() {
        let tenant = |name: &'static str| Some(Name::new(name).unwrap());
        assert_ne!(
            key(&["1"]).of_tenant(tenant("a")),
            key(&["1"]).of_tenant(tenant("b"))
        );
        assert_ne!(key(&["1"]).of_tenant(tenant("a")), key(&["1"]));
        assert_eq!(key(&["1"]).of_tenant(tenant("a")).encoded(), "acme@a:1");
        let of_a = EventKey::decode("acme@a:1").unwrap();
        assert_eq!(of_a.tenant().map(Name::as_str), Some("a"));
        assert_eq!(of_a.provider().as_str(), "acme");
        assert_eq!(key(&["1"]).tenant(), None);
        assert_eq!(
            format!("{of_a:?} {:?}", of_a.provider()),
            "EventKey(acme@a:1) \"acme\""
        );
    }

    #[test]
    fn consumers_are_kept_apart_and_from_tenants() {
        let name = |name: &'static str| Some(Name::new(name).unwrap());
        let of = |tenant, consumer| key(&["1"]).of_tenant(tenant).of_consumer(consumer);
        let texts = [
            (of(None, None), "acme:1"),
            (of(name("a"), None), "acme@a:1"),
            (of(None, name("a")), "acme/a:1"),
            (of(name("a"), name("b")), "acme@a/b:1"),
            (of(name("b"), name("a")), "acme@b/a:1"),
        ];
        for (key, text) in &texts {
            assert_eq!(key.encoded(), *text);
            assert_eq!(EventKey::decode(text).as_ref(), Ok(key));
            assert_eq!(texts.iter().filter(|(other, _)| other == key).count(), 1);
        }
        let (last, _) = &texts[4];
        assert_eq!(last.consumer().map(Name::as_str), Some("a"));
        assert_eq!(last.to_string(), "1", "what a person reads is the sender's");
    }

    #[test]
    fn only_what_was_encoded_is_decoded() {
        for text in [
            "",
            "acme",
            "acme:",
            "acme::1",
            "Acme:1",
            "acme:%3a",
            "acme:%",
            "acme@:1",
            "acme/:1",
            "acme/a@b:1",
            "acme@a@b:1",
            "acme/a/b:1",
        ] {
            assert!(EventKey::decode(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_half_a_sha_256() {
        // `printf abc | openssl dgst -sha256`
        assert_eq!(
            format!("{:?}", Fingerprint::of(b"abc")),
            "Fingerprint(ba7816bf8f01cfea414140de5dae2223)"
        );
        let bytes = *Fingerprint::of(b"abc").as_bytes();
        assert_eq!(bytes[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(Fingerprint::from_bytes(bytes), Fingerprint::of(b"abc"));
    }

    proptest! {
        #[test]
        fn encoding_is_injective(
            a in prop::collection::vec(".{1,6}", 1..4),
            b in prop::collection::vec(".{1,6}", 1..4),
        ) {
            let provider = Name::new("acme").unwrap();
            let (x, y) = (
                EventKey::new(provider.clone(), &a).unwrap(),
                EventKey::new(provider, &b).unwrap(),
            );
            prop_assert_eq!(a == b, x == y);
            prop_assert_eq!(a == b, x.encoded() == y.encoded());
            prop_assert_eq!(x.parts().collect::<Vec<_>>(), a);
            prop_assert_eq!(&EventKey::decode(&x.escaped()).unwrap(), &x);
            prop_assert_eq!(EventKey::decode(&x.encoded()).unwrap(), x);
        }
    }
}
