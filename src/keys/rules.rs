//! The state of fetched keys, and what to fetch next: pure functions of the time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::secret::SigningKey;

/// How long fetched keys are valid, and how often they may be fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Whether each key is fetched by its id, rather than all together.
    pub(super) by_id: bool,
    /// The minimum time between two fetches of one list or one id.
    pub(super) cool_down: Duration,
    /// Older keys are fetched again, and used until that is done.
    pub(super) max_age: Duration,
    /// Older keys are no longer used.
    pub(super) kept_for: Duration,
    /// The number of ids that are remembered.
    pub(super) entries: usize,
}

/// The rest of a longer list is ignored.
pub(super) const MAX_KEYS: usize = 64;
/// The number of keys that are tried if a delivery names none: each costs a verification.
const MAX_TRIED: usize = 8;

/// The keys that were fetched together: a whole list, or those of one id.
#[derive(Debug, Clone)]
struct Document {
    keys: Arc<[SigningKey]>,
    /// When the last successful fetch began.
    good: Option<Instant>,
    /// When the last fetch began.
    tried: Option<Instant>,
    used: Instant,
}

/// What is known about the key that a delivery names.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// These keys, and whether to fetch them again.
    Keys(Arc<[SigningKey]>, bool),
    /// There is no such key.
    Absent,
    /// Unknown, and it is too early to fetch again.
    TooEarly,
    /// Unknown, and it may be fetched.
    Nothing,
}

/// All fetched keys.
#[derive(Debug, Default)]
pub(super) struct Documents(HashMap<Box<str>, Document>);

impl Document {
    /// Whether its cool-down is over.
    fn is_cool(&self, rules: &Rules, now: Instant) -> bool {
        self.tried
            .is_none_or(|tried| now.saturating_duration_since(tried) >= rules.cool_down)
    }
}

impl Rules {
    /// The document to fetch for a delivery that names this key.
    pub(super) fn document<'i>(&self, id: &'i str) -> &'i str {
        match self.by_id {
            true => id,
            false => "",
        }
    }
}

impl Documents {
    /// What is known about the key of a delivery that arrived at this time.
    pub(super) fn known(&self, rules: &Rules, id: &str, arrived: Instant, now: Instant) -> Known {
        if rules.by_id && id.is_empty() {
            return Known::Absent;
        }
        let Some(document) = self.0.get(rules.document(id)) else {
            return Known::Nothing;
        };
        let is_cool = document.is_cool(rules, now);
        let age = document
            .good
            .map(|good| now.saturating_duration_since(good));
        let keys = match (age, &document.keys) {
            (Some(age), keys) if age <= rules.kept_for => named(keys, rules, id),
            _ => Arc::new([]),
        };
        if !keys.is_empty() {
            let is_old = age.is_none_or(|age| age > rules.max_age);
            return Known::Keys(keys, is_old && is_cool);
        }
        if document.good.is_some_and(|good| good >= arrived) {
            return Known::Absent;
        }
        match is_cool {
            true => Known::Nothing,
            false => Known::TooEarly,
        }
    }

    /// Whether keys are known for this id, and newer ones may be fetched.
    pub(super) fn may_be_newer(&self, rules: &Rules, id: &str, now: Instant) -> bool {
        let is_known = matches!(self.known(rules, id, now, now), Known::Keys(..));
        let document = self.0.get(rules.document(id));
        is_known && document.is_some_and(|document| document.is_cool(rules, now))
    }

    /// Records the start of a fetch, so that the next one waits.
    pub(super) fn begin(&mut self, rules: &Rules, name: &str, now: Instant) {
        if !self.0.contains_key(name) {
            self.make_room(rules, now);
        }
        let document = self.0.entry(name.into()).or_insert_with(|| Document {
            keys: Arc::new([]),
            good: None,
            tried: None,
            used: now,
        });
        document.tried = Some(now);
        document.used = now;
    }

    /// Records the result of a fetch that began at this time; `None` if it failed, and the known
    /// keys remain.
    pub(super) fn end(&mut self, name: &str, began: Instant, fetched: Option<Vec<SigningKey>>) {
        if let (Some(document), Some(keys)) = (self.0.get_mut(name), fetched) {
            document.keys = keys.into_iter().take(MAX_KEYS).collect();
            document.good = Some(began);
        }
    }

    /// Records that the keys of this document are in use.
    pub(super) fn touch(&mut self, name: &str, now: Instant) {
        if let Some(document) = self.0.get_mut(name) {
            document.used = now;
        }
    }

    /// Drops the least useful entries: ids without a key first, then the least recently used.
    fn make_room(&mut self, rules: &Rules, now: Instant) {
        if self.0.len() < rules.entries {
            return;
        }
        self.0
            .retain(|_, document| !document.keys.is_empty() || !document.is_cool(rules, now));
        while self.0.len() >= rules.entries {
            let least = self
                .0
                .iter()
                .min_by_key(|(_, document)| (!document.keys.is_empty(), document.used));
            let Some(name) = least.map(|(name, _)| name.clone()) else {
                return;
            };
            self.0.remove(&name);
        }
    }
}

/// The keys of this name in a list; all fetched keys if each id is fetched alone, or if none is
/// named.
fn named(keys: &Arc<[SigningKey]>, rules: &Rules, id: &str) -> Arc<[SigningKey]> {
    match id {
        id if !rules.by_id && !id.is_empty() => {
            let named = keys.iter().filter(|key| key.id().as_str() == id);
            named.take(MAX_TRIED).cloned().collect()
        }
        _ if keys.len() <= MAX_TRIED => Arc::clone(keys),
        _ => keys.iter().take(MAX_TRIED).cloned().collect(),
    }
}
