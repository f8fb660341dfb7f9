//! Applies the readers to an answer. The error of each is the one that its caller would get.

use bytes::Bytes;
use redis::{RedisError, Value};

use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::store::command::{ClaimOutcome, Held};
use crate::store::error::StoreErrorKind;
use crate::store::fuzzing::Kept;

use super::check::{RedisReport, Settings};
use super::codec;
use super::error::{Fault, Remedy};
use super::keys::{Layout, Shown};
use super::scan;
use super::scripts::{self, Answer};

#[cfg(feature = "inbox")]
pub use super::inbox::fuzzing as inbox;

/// The result of reading.
pub type Read<T> = Result<T, StoreErrorKind>;

fn told<T>(answer: Result<Answer<T>, Fault>) -> Read<(UnixTime, T)> {
    let Answer { outcome, now } = answer.map_err(|fault| fault.kind())?;
    Ok((now, outcome))
}

/// The answer to a claim.
pub fn claim(answer: Value) -> Read<(UnixTime, ClaimOutcome)> {
    told(scripts::claim_answer(answer))
}

/// The answer to a finish.
pub fn held(answer: &Value) -> Read<(UnixTime, Held)> {
    told(scripts::held_answer(&answer))
}

/// The answer to this many renewals.
pub fn renew(answer: Value, asked: usize) -> Read<(UnixTime, Vec<Held>)> {
    told(scripts::renew_answer(answer, asked))
}

/// The answer to a lookup of a record.
pub fn lookup(answer: Value) -> Read<(UnixTime, Option<Bytes>)> {
    told(scripts::lookup_answer(answer))
}

/// The answer to a query for the end of a lease, in microseconds from now.
pub fn peek(answer: &Value) -> Read<u64> {
    scripts::peek_answer(answer).map_err(|fault| fault.kind())
}

/// A whole record, and its key if it holds one.
pub fn record(value: Bytes) -> Option<(Kept, Option<EventKey>)> {
    let stored = codec::decode(value)?;
    Some((stored.record.into(), stored.key))
}

/// The length of the part of a value that holds its state.
pub const HEAD: usize = codec::HEAD;

/// A record without its body, from the first [`HEAD`] bytes.
pub fn state(value: Bytes) -> Option<Kept> {
    codec::decode_state(value).map(Kept::from)
}

/// Some keys of a scan.
pub type Batch = (Option<u64>, Vec<(String, Option<EventKey>)>);

/// The answer to `SCAN` in this namespace.
pub fn scan(answer: Value, namespace: Name, partitions: u32) -> Read<Batch> {
    let layout = Layout::new(namespace, partitions);
    let (next, keys) = scan::batch(answer, &layout, None).map_err(|fault| fault.kind())?;
    let keys = keys.into_iter().map(|(text, shown)| match shown {
        Shown::Key(key) => (text, Some(key)),
        Shown::Hashed => (text, None),
    });
    Ok((next, keys.collect()))
}

/// The Redis key of a record, and the name that the record itself holds.
pub fn place(key: &EventKey, namespace: Name, partitions: u32) -> (String, Option<String>) {
    let place = Layout::new(namespace, partitions).place(key);
    (place.key, place.name)
}

/// The answer to `TIME`.
pub fn time(answer: Value) -> Read<UnixTime> {
    scan::moment(answer).map_err(|fault| fault.kind())
}

/// The answers to `INFO` and `CONFIG GET`.
pub fn report(info: Option<Value>, config: impl IntoIterator<Item = Value>) -> RedisReport {
    let mut settings = Settings::default();
    if let Some(info) = info {
        settings.take_info(info);
    }
    for pairs in config {
        settings.take_config(pairs);
    }
    RedisReport::of_server(None, &settings)
}

/// The treatment of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind that the caller would get.
    pub kind: StoreErrorKind,
    /// Whether the call is sent again.
    pub again: bool,
    /// Whether the server has reported that it did nothing.
    pub changed_nothing: bool,
    /// Whether the whole script is sent.
    pub is_no_script: bool,
    /// Whether the query is not allowed.
    pub is_denied: bool,
    /// The text in the log.
    pub text: String,
}

/// The treatment of an error.
pub fn failure(error: RedisError) -> Failure {
    let fault = Fault::from(error);
    Failure {
        kind: fault.kind(),
        again: matches!(fault.remedy(), Remedy::AskAgain | Remedy::Reconnect),
        changed_nothing: fault.changed_nothing(),
        is_no_script: fault.is_no_script(),
        is_denied: fault.is_denied(),
        text: fault.to_string(),
    }
}
