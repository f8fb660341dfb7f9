//! Which events share a subject, and which of two is newer.

mod rule;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::key::escape_into;

pub use rule::OrderRule;

/// The subject and version of an event: workers run the events of one order key one at a time, and
/// skip those older than one that they have completed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Order {
    /// The subject.
    pub key: OrderKey,
    /// The version, if its content states one.
    pub version: Option<Version>,
    /// Whether other events of the key wait while this one is a dead letter.
    pub dead_hold_back: bool,
    /// Whether an operator forces it to run although it is older than a completed one.
    pub forced: bool,
}

impl Order {
    /// The order of an event that holds nothing back when it is dead.
    ///
    /// ```
    /// use tower_webhook::event::{Order, OrderKey, Version};
    ///
    /// let key = OrderKey::new(["1042"]).ok_or("no parts")?;
    /// let order = Order::new(key, Some(Version::new(3)));
    /// assert!(order.version < Some(Version::new(4)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(key: OrderKey, version: Option<Version>) -> Self {
        Self {
            key,
            version,
            dead_hold_back: false,
            forced: false,
        }
    }
}

/// The subject of an event, such as an order or an account: at most [`OrderKey::MAX_LEN`] bytes of
/// visible ASCII. Clones share their text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(Arc<str>);

/// Marks a hash. In an escaped part `%` is always followed by two hexadecimal digits.
const HASHED: &str = "%~";

impl OrderKey {
    /// The longest key, in bytes.
    pub const MAX_LEN: usize = 96;

    /// The key of these parts; `None` if there is no part or an empty one.
    ///
    /// Parts that are long, or contain anything except visible ASCII, are hashed with SHA-256.
    ///
    /// ```
    /// use tower_webhook::event::OrderKey;
    ///
    /// let key = OrderKey::new(["acct:7", "1042"]).map(|key| key.to_string());
    /// assert_eq!(key.as_deref(), Some("acct%3A7:1042"));
    /// assert_eq!(OrderKey::new([""]), None);
    /// ```
    pub fn new(parts: impl IntoIterator<Item = impl AsRef<str>>) -> Option<Self> {
        let mut joined = String::new();
        for part in parts {
            let part = part.as_ref();
            if part.is_empty() {
                return None;
            }
            if !joined.is_empty() {
                joined.push(':');
            }
            escape_into(part, &mut joined);
        }
        if let Some(key) = Self::parse(&joined) {
            return Some(key);
        }
        let hash = data_encoding::BASE64URL_NOPAD.encode(&Sha256::digest(joined.as_bytes()));
        (!joined.is_empty()).then(|| Self(format!("{HASHED}{hash}").into()))
    }

    /// Reads back the result of [`OrderKey::as_str`]; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        let plain = fits && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| Self(text.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderKey({})", self.0)
    }
}

/// The version of an event within its order key: a newer event has a larger number.
///
/// A time is in nanoseconds, and a status is its position in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(i64);

impl Version {
    /// The version with this number.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
