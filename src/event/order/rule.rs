//! Where an event states its subject and its version.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::canonical::Forms;
use super::super::field::{Field, scalar};
use super::super::members::{Found, Wanted};
use super::super::shape::refused;
use super::{Order, OrderKey, Version};
use crate::error::ConfigError;

/// Defines by members of their content which events share a subject, and which of two is newer.
///
/// It is for events that wait in an [inbox](crate::inbox). Its workers run the events of one order key one
/// at a time, and those of different keys concurrently. An event that is strictly older than a completed
/// one is *stale*: it is skipped, kept, and remains visible. An event with the same version, or with none,
/// runs. An order key belongs to its webhook: two webhooks with one provider have two orders.
///
/// An event has no order if a member of the key is missing or is neither text nor an integer. A
/// version that cannot be read counts as none.
///
/// ```
/// use http::HeaderMap;
/// use tower_webhook::Name;
/// use tower_webhook::event::{EventRule, OrderRule, Shape};
///
/// let rule = EventRule::members([Shape::new("order", ["/OrderId", "/Status"])?])?
///     .ordered(OrderRule::by(["/OrderId"])?.version_time("/FinalizedAt")?);
/// let body = br#"{"OrderId":1042,"Status":"PAID","FinalizedAt":"2026-05-04T13:00:00Z"}"#;
///
/// let order = rule.identify(&Name::new("acme")?, &HeaderMap::new(), None, body)?.order;
/// let order = order.ok_or("no order")?;
/// assert_eq!(order.key.as_str(), "1042");
/// assert_eq!(order.version.map(|it| it.number()), Some(1_777_899_600_000_000_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OrderRule {
    key: Vec<Field>,
    version: Option<(Field, Reading)>,
    dead_hold_back: bool,
    wanted: Wanted,
}

/// The format of a version.
#[derive(Debug, Clone)]
enum Reading {
    Time,
    /// In units of this many nanoseconds.
    Units(i64),
    Rank(Box<[Box<str>]>),
}

impl OrderRule {
    /// Events that agree in these members share a subject.
    ///
    /// Members are JSON pointers, with `|` between the spellings of one member. There is no version
    /// unless set.
    ///
    /// # Errors
    ///
    /// No member, or a text that is no pointer.
    pub fn by<'a>(members: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let key: Vec<_> = (members.into_iter())
            .map(Field::parse)
            .collect::<Result<_, _>>()?;
        if key.is_empty() {
            return Err(refused("an order needs a member to tell things apart by"));
        }
        let rule = Self {
            key,
            version: None,
            dead_hold_back: false,
            wanted: Wanted::default(),
        };
        Ok(rule.known())
    }

    /// The version is a time in RFC 3339, as `2026-05-04T13:00:00.25Z`.
    ///
    /// # Errors
    ///
    /// A text that is no pointer, or a version that is already set.
    pub fn version_time(self, member: &str) -> Result<Self, ConfigError> {
        self.version(member, Reading::Time)
    }

    /// The version is a time in Unix seconds, with or without a fraction.
    ///
    /// # Errors
    ///
    /// As [`OrderRule::version_time`].
    pub fn version_seconds(self, member: &str) -> Result<Self, ConfigError> {
        self.version(member, Reading::Units(1_000_000_000))
    }

    /// The version is a time in Unix milliseconds, with or without a fraction.
    ///
    /// ```
    /// use tower_webhook::event::OrderRule;
    ///
    /// OrderRule::by(["/account"])?.version_millis("/updatedAt")?;
    /// OrderRule::by(["/account"])?.version_number("/sequence")?;
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`OrderRule::version_time`].
    pub fn version_millis(self, member: &str) -> Result<Self, ConfigError> {
        self.version(member, Reading::Units(1_000_000))
    }

    /// The version is a growing integer of at most 64 bits.
    ///
    /// # Errors
    ///
    /// As [`OrderRule::version_time`].
    pub fn version_number(self, member: &str) -> Result<Self, ConfigError> {
        self.version(member, Reading::Units(1))
    }

    /// The version is a status: a later one in this list is newer. A status that is not listed is
    /// no version.
    ///
    /// ```
    /// use tower_webhook::event::OrderRule;
    ///
    /// OrderRule::by(["/data/id"])?.version_rank("/status", ["CREATED", "PAID", "REFUNDED"])?;
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`OrderRule::version_time`], and a status that occurs twice or an empty list.
    pub fn version_rank<'a>(
        self,
        member: &str,
        statuses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let statuses: Box<[Box<str>]> = statuses.into_iter().map(Into::into).collect();
        let mut sorted = statuses.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.is_empty() || sorted.len() != statuses.len() {
            return Err(refused("a rank needs statuses, each of them once"));
        }
        self.version(member, Reading::Rank(statuses))
    }

    fn version(mut self, member: &str, reading: Reading) -> Result<Self, ConfigError> {
        if self.version.is_some() {
            return Err(refused("an order has one version: it is set already"));
        }
        self.version = Some((Field::parse(member)?, reading));
        Ok(self.known())
    }

    /// A dead event holds back all others of its key until it is redriven and done, or discarded.
    /// Without this setting, they run without it.
    ///
    /// ```
    /// use tower_webhook::event::OrderRule;
    ///
    /// OrderRule::by(["/checkoutId"])?.version_time("/timestamp")?.dead_hold_back();
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[must_use]
    pub fn dead_hold_back(mut self) -> Self {
        self.dead_hold_back = true;
        self
    }

    /// Prepares the lookup of its members.
    fn known(mut self) -> Self {
        let version = self.version.iter().map(|(field, _)| field);
        let pointers = self.key.iter().chain(version).flat_map(Field::pointers);
        let pointers: Vec<_> = pointers.cloned().collect();
        self.wanted = Wanted::new(pointers.into_iter().map(|pointer| (pointer, false)));
        self
    }

    /// The order of the event with this content, if it has one.
    pub(in crate::event) fn of(&self, document: &[u8]) -> Option<Order> {
        let mut forms = Forms::new();
        let found = self.wanted.find(document, &mut forms).ok()?;
        let parts: Vec<_> = (self.key.iter())
            .map(|field| field.part(&found).ok()?)
            .collect::<Option<_>>()?;
        let version = self.version.as_ref();
        let version = version.and_then(|(field, reading)| reading.read(&one(field, &found)?));
        let mut order = Order::new(OrderKey::new(parts)?, version);
        order.dead_hold_back = self.dead_hold_back;
        Some(order)
    }
}

/// The value of a member in any of its spellings, if they agree.
fn one<'f>(field: &Field, found: &'f Found<'_>) -> Option<Cow<'f, str>> {
    let mut text = None;
    for value in field.values(found) {
        let raw = value.ok()?.raw;
        if raw == b"null" {
            continue;
        }
        let read = match scalar(raw) {
            Some(read) => read,
            // A number with a fraction cannot be part of a key, but may be a time.
            None => Cow::Borrowed(std::str::from_utf8(raw).ok()?),
        };
        if text.as_ref().is_some_and(|text| *text != read) {
            return None;
        }
        text = Some(read);
    }
    text
}

impl Reading {
    fn read(&self, text: &str) -> Option<Version> {
        let number = match self {
            Self::Time => {
                let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
                i64::try_from(time.unix_timestamp_nanos()).ok()?
            }
            Self::Units(nanos) => units(text, *nanos)?,
            Self::Rank(statuses) => {
                let rank = statuses.iter().position(|status| **status == *text)?;
                i64::try_from(rank).ok()?
            }
        };
        Some(Version::new(number))
    }
}

/// A decimal number in units of this size. A fraction of such a unit is dropped.
fn units(text: &str, each: i64) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if each > 1 && !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !is_number(digits) || !is_number(fraction) {
        return None;
    }
    let mut number = whole.parse::<i64>().ok()?.checked_mul(each)?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let mut unit = each;
    for digit in fraction.bytes() {
        unit /= 10;
        let digit = i64::from(digit.saturating_sub(b'0'));
        number = number.checked_add(sign * digit * unit)?;
    }
    Some(number)
}
