//! Scans all records, a batch at a time.

use std::collections::HashSet;

use bytes::Bytes;
use redis::Value;

use crate::clock::UnixTime;
use crate::event::Name;
use crate::store::command::{Counts, RecordView};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::record::Record;

use super::codec::{self, HEAD};
use super::connection::{Conn, Node};
use super::error::Fault;
use super::keys::{Layout, Shown};
use super::link::{Link, Told};
use super::scripts::strange;

/// How many keys Redis examines for one answer.
const BATCH: usize = 1_000;
/// How often the scan of a server starts again before it fails.
const MOST_BEGINNINGS: u32 = 3;

/// Iterates over the records of a namespace, on every master.
pub(super) struct Scan<'a> {
    link: &'a Link,
    layout: &'a Layout,
    provider: Option<&'a Name>,
}

/// Where to continue, if there is more, and some keys.
type Batch = (Option<u64>, Vec<(String, Shown)>);

/// The progress of the scan of a server.
struct Walk {
    /// Where to continue, if there is more.
    cursor: Option<u64>,
    /// The connection that returned this cursor.
    number: u64,
    beginnings: u32,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            cursor: Some(0),
            number: 0,
            beginnings: 0,
        }
    }
}

/// Some keys of a server, and the event keys in them.
struct Page {
    /// Whether the scan starts here, so that earlier keys come again.
    is_first: bool,
    keys: Vec<(String, Shown)>,
}

/// A record that a scan found.
struct Found {
    redis_key: String,
    shown: Shown,
    record: Record,
}

impl<'a> Scan<'a> {
    pub(super) fn new(link: &'a Link, layout: &'a Layout, provider: Option<&'a Name>) -> Self {
        Self {
            link,
            layout,
            provider,
        }
    }

    pub(super) async fn counts(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::default();
        for node in self.nodes().await? {
            let before = counts;
            let mut walk = Walk::default();
            while let Some(page) = self.next(&node, &mut walk).await? {
                if page.is_first {
                    counts = before;
                }
                let (now, found) = self.states(&node, page.keys).await?;
                for Found { record, .. } in found {
                    counts.add(&record.public_state(now));
                }
            }
        }
        Ok(counts)
    }

    pub(super) async fn unfinished(&self, limit: usize) -> Result<Vec<RecordView>, StoreError> {
        let (mut views, mut seen) = (Vec::new(), HashSet::new());
        if limit == 0 {
            return Ok(views);
        }
        for node in self.nodes().await? {
            let mut walk = Walk::default();
            while let Some(page) = self.next(&node, &mut walk).await? {
                let (now, mut found) = self.states(&node, page.keys).await?;
                found.retain(|found| found.record.public_state(now).is_unfinished());
                // A scan may return a key twice.
                found.retain(|found| seen.insert(found.redis_key.clone()));
                found.truncate(limit.saturating_sub(views.len()));
                views.extend(self.views(&node, found).await?);
                if views.len() >= limit {
                    return Ok(views);
                }
            }
        }
        Ok(views)
    }

    /// The next keys of a server, or the first ones again if its connection was replaced. A cursor
    /// of one server is invalid on another, and on the same one after a restart.
    async fn next(&self, node: &Node, walk: &mut Walk) -> Result<Option<Page>, StoreError> {
        let Some(cursor) = walk.cursor else {
            return Ok(None);
        };
        let ((mut next, mut keys), mut number) = self.keys(node, cursor).await?;
        let mut is_first = cursor == 0;
        if !is_first && walk.number != number {
            walk.beginnings = walk.beginnings.saturating_add(1);
            if walk.beginnings > MOST_BEGINNINGS {
                return Err(StoreError::new(StoreErrorKind::Unavailable));
            }
            ((next, keys), number) = self.keys(node, 0).await?;
            is_first = true;
        }
        walk.cursor = next;
        walk.number = number;
        Ok(Some(Page { is_first, keys }))
    }

    async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let ask = |mut conn: super::connection::Conn| async move { conn.nodes().await };
        self.link.run(ask).await
    }

    /// Some keys, and where to continue.
    async fn keys(&self, node: &Node, cursor: u64) -> Result<(Batch, u64), StoreError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(self.layout.pattern(self.provider))
            .arg("COUNT")
            .arg(BATCH);
        let scan = &scan;
        let ask = |mut conn: Conn| async move { conn.ask_node(node, scan).await };
        let Told { value, number, .. } = self.link.run_until(self.link.latest(), ask).await?;
        Ok((batch(value, self.layout, self.provider)?, number))
    }

    /// The records under these keys, without their bodies.
    async fn states(
        &self,
        node: &Node,
        keys: Vec<(String, Shown)>,
    ) -> Result<(UnixTime, Vec<Found>), StoreError> {
        let mut commands = vec![redis::cmd("TIME")];
        for (key, _) in &keys {
            let mut get = redis::cmd("GETRANGE");
            get.arg(key).arg(0).arg(HEAD - 1);
            commands.push(get);
        }
        let (now, values) = self.ask_many(node, commands).await?;
        let mut found = Vec::new();
        for ((redis_key, shown), value) in keys.into_iter().zip(values) {
            // Removed in the meantime, or not a string.
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            // An unreadable record is neither counted nor listed; `lookup` reports it.
            let record = codec::decode_state(value).filter(|record| record.is_kept(now));
            found.extend(record.map(|record| Found {
                redis_key,
                shown,
                record,
            }));
        }
        Ok((now, found))
    }

    /// Reads the whole records again, since only the record holds a hashed key.
    async fn views(&self, node: &Node, found: Vec<Found>) -> Result<Vec<RecordView>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = vec![redis::cmd("TIME")];
        for Found { redis_key, .. } in &found {
            let mut get = redis::cmd("GET");
            get.arg(redis_key);
            commands.push(get);
        }
        let (now, values) = self.ask_many(node, commands).await?;
        let mut views = Vec::new();
        for (found, value) in found.into_iter().zip(values) {
            let Some(value) = value else {
                continue;
            };
            let Some(stored) = codec::decode(value) else {
                continue;
            };
            let key = match found.shown {
                Shown::Key(key) => Some(key),
                Shown::Hashed => stored.key,
            };
            let Some(key) = key else {
                continue;
            };
            let view = stored.record.view(key, now);
            if stored.record.is_kept(now) && view.state.is_unfinished() {
                views.push(view);
            }
        }
        Ok(views)
    }

    /// Sends commands after a first `TIME`; returns the time and the other answers.
    async fn ask_many(
        &self,
        node: &Node,
        commands: Vec<redis::Cmd>,
    ) -> Result<(UnixTime, Vec<Option<Bytes>>), StoreError> {
        let commands = &commands;
        let answers = self
            .link
            .run(|mut conn| async move { conn.ask_many(node, commands.clone()).await })
            .await?;
        let mut answers = answers.into_iter();
        let now = moment(answers.next().ok_or_else(strange)?)?;
        let values = answers.map(bytes).collect::<Result<_, _>>()?;
        Ok((now, values))
    }
}

/// Reads an answer to `SCAN`: where to continue, and the keys of this namespace.
pub(super) fn batch(
    answer: Value,
    layout: &Layout,
    provider: Option<&Name>,
) -> Result<Batch, Fault> {
    let [next, Value::Array(keys)] = words(answer)? else {
        return Err(strange());
    };
    let next = number(&next)?;
    let mut own = Vec::new();
    for key in keys {
        let Value::BulkString(key) = key else {
            return Err(strange());
        };
        let Ok(key) = String::from_utf8(key) else {
            continue;
        };
        let Some((of, shown)) = layout.read(&key) else {
            continue;
        };
        if provider.is_none_or(|wanted| *wanted == of) {
            own.push((key, shown));
        }
    }
    Ok(((next != 0).then_some(next), own))
}

/// Reads an answer to `TIME`.
pub(super) fn moment(answer: Value) -> Result<UnixTime, Fault> {
    let [secs, micros] = words(answer)?;
    let micros = number(&secs)?
        .saturating_mul(1_000_000)
        .saturating_add(number(&micros)?);
    Ok(UnixTime::from_micros(micros))
}

fn words<const COUNT: usize>(answer: Value) -> Result<[Value; COUNT], Fault> {
    match answer {
        Value::Array(words) => words.try_into().map_err(|_| strange()),
        _ => Err(strange()),
    }
}

/// A number as text, as in these two answers.
fn number(word: &Value) -> Result<u64, Fault> {
    match word {
        Value::BulkString(digits) => std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(strange),
        _ => Err(strange()),
    }
}

fn bytes(answer: Value) -> Result<Option<Bytes>, Fault> {
    match answer {
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        Value::Nil => Ok(None),
        _ => Err(strange()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn is_strange<T>(answer: &Result<T, Fault>) -> bool {
        matches!(answer, Err(Fault::Garbled(_)))
    }

    #[test]
    fn a_time_is_two_numbers_and_nothing_else() {
        let time = moment(Value::Array(vec![text("1700000000"), text("60")])).unwrap();
        assert_eq!(time, UnixTime::from_micros(1_700_000_000_000_060));
        for words in [
            vec![],
            vec![text("1700000000")],
            vec![text("1700000000"), text("60"), text("0")],
            vec![text("1700000000"), Value::Double(60.0)],
            vec![text("1700000000"), text("-1")],
            vec![text("1700000000"), text("")],
        ] {
            assert!(
                is_strange(&moment(Value::Array(words.clone()))),
                "{words:?}"
            );
        }
        let words = vec![text("1700000000"), text("60")];
        assert!(is_strange(&moment(Value::Set(words))));
    }

    #[test]
    fn a_batch_is_a_cursor_and_keys() {
        let layout = Layout::new(Name::new("live").unwrap(), 256);
        let own = || text("wh:live:{134}:acme:evt_1");
        let read = |words: Vec<Value>| batch(Value::Array(words), &layout, None);
        let keys = Value::Array(vec![own(), text("another"), Value::BulkString(vec![0xff])]);
        let (next, found) = read(vec![text("17"), keys]).unwrap();
        assert_eq!((next, found.len()), (Some(17), 1));
        let (next, found) = read(vec![text("0"), Value::Array(vec![])]).unwrap();
        assert_eq!((next, found.len()), (None, 0));
        for words in [
            vec![text("0")],
            vec![text("x"), Value::Array(vec![])],
            vec![text("0"), Value::Set(vec![own()])],
            vec![text("0"), Value::Array(vec![Value::Int(1)])],
            vec![text("0"), Value::Array(vec![]), Value::Nil],
        ] {
            assert!(is_strange(&read(words.clone())), "{words:?}");
        }
    }
}
