//! Reads the answers of the inbox's scripts.

use bytes::Bytes;
use redis::Value;

use crate::clock::UnixTime;
use crate::inbox::{Accepted, Begun, EntryStatus, Moved, Route};
use crate::store::command::{Grant, Held};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::redis::error::Fault;
use crate::store::redis::scripts::{
    Answer, STRANGE, bytes, end, integer, renew_answer, time, unreadable,
};

use super::codec::{OrderSeen, decode_seen};

type Words = std::vec::IntoIter<Value>;

fn words(value: Value) -> Result<Words, Fault> {
    match value {
        Value::Array(words) => Ok(words.into_iter()),
        _ => Err(STRANGE),
    }
}

fn number<T: TryFrom<i64>>(words: &mut Words) -> Result<T, Fault> {
    let number = integer(words.next().as_ref())?;
    number.try_into().map_err(|_| STRANGE)
}

/// The code and the time with which most answers begin.
fn coded(value: Value) -> Result<(i64, UnixTime, Words), Fault> {
    let mut words = words(value)?;
    let code = number(&mut words)?;
    let now = time(words.next().as_ref())?;
    Ok((code, now, words))
}

/// An order at the end of an answer, if there is one.
fn order(words: &mut Words) -> Result<Option<OrderSeen>, Fault> {
    match words.next() {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::BulkString(bytes)) => {
            let mut bytes = Bytes::from(bytes);
            decode_seen(&mut bytes).map(Some).ok_or(STRANGE)
        }
        Some(_) => Err(STRANGE),
    }
}

pub(super) enum ToldOfAccept {
    /// The result for an event, and the order whose key its entry no longer holds; a full inbox is an error
    /// of its own.
    Became(Result<Accepted, StoreError>, Option<OrderSeen>),
    /// It is known by this route, for which its order must be given.
    KnownBy(Route),
}

pub(super) fn accept_answer(value: Value) -> Result<Answer<ToldOfAccept>, Fault> {
    let (code, now, mut words) = coded(value)?;
    if code == 10 {
        let route = bytes(words.next())?.ok_or(STRANGE)?;
        end(words)?;
        let route = std::str::from_utf8(&route).ok().and_then(Route::parse);
        let outcome = ToldOfAccept::KnownBy(route.ok_or(STRANGE)?);
        return Ok(Answer { outcome, now });
    }
    let left = order(&mut words)?;
    end(words)?;
    let outcome = match code {
        0 => return Err(unreadable()),
        1 => Ok(Accepted::Queued),
        2 => Ok(Accepted::Corrected),
        3 => Ok(Accepted::Revived),
        4 => Ok(Accepted::Duplicate { differs: false }),
        5 => Ok(Accepted::Duplicate { differs: true }),
        6 => Ok(Accepted::Conflict),
        7 => Ok(Accepted::Dead),
        8 => Ok(Accepted::HeldInline),
        9 => Err(StoreError::new(StoreErrorKind::Full)),
        _ => return Err(STRANGE),
    };
    let outcome = ToldOfAccept::Became(outcome, left);
    Ok(Answer { outcome, now })
}

pub(super) fn begin_answer(value: Value) -> Result<Answer<Begun>, Fault> {
    let (code, now, mut words) = coded(value)?;
    let outcome = match code {
        0 => return Err(unreadable()),
        1 => {
            let attempt = number(&mut words)?;
            let fence = match words.next() {
                Some(Value::BulkString(bytes)) => bytes.try_into().map_err(|_| STRANGE)?,
                _ => return Err(STRANGE),
            };
            let corrected = match number(&mut words)? {
                0_i64 => false,
                1 => true,
                _ => return Err(STRANGE),
            };
            Begun::Granted(Grant {
                attempt,
                fence: u64::from_be_bytes(fence),
                corrected,
            })
        }
        2 => Begun::Fenced,
        _ => return Err(STRANGE),
    };
    end(words)?;
    Ok(Answer { outcome, now })
}

/// Whether it was held; and, if its order key is freed, its order and until when that is known.
pub(super) type ToldOfFinish = (Held, Option<(OrderSeen, UnixTime)>);

pub(super) fn finish_answer(value: Value) -> Result<Answer<ToldOfFinish>, Fault> {
    let (code, now, mut words) = coded(value)?;
    let held = match code {
        0 => return Err(unreadable()),
        1 => Held::Held,
        2 => Held::Fenced,
        _ => return Err(STRANGE),
    };
    let freed = match order(&mut words)? {
        None => None,
        Some(order) => match words.next() {
            Some(Value::BulkString(at)) => {
                let at = u64::from_be_bytes(at.try_into().map_err(|_| STRANGE)?);
                Some((order, UnixTime::from_micros(at)))
            }
            _ => return Err(STRANGE),
        },
    };
    end(words)?;
    let outcome = (held, freed);
    Ok(Answer { outcome, now })
}

/// Whether there was an entry, and the order that it had.
pub(super) fn forget_answer(value: Value) -> Result<Answer<(bool, Option<OrderSeen>)>, Fault> {
    let (code, now, mut words) = coded(value)?;
    let existed = match code {
        0 => false,
        1 => true,
        _ => return Err(STRANGE),
    };
    let outcome = (existed, order(&mut words)?);
    end(words)?;
    Ok(Answer { outcome, now })
}

/// The result, and the order whose key is free if the entry is discarded.
pub(super) type ToldOfMove = (Moved, Option<OrderSeen>);

pub(super) fn move_answer(value: Value) -> Result<Answer<ToldOfMove>, Fault> {
    let (code, now, mut words) = coded(value)?;
    let outcome = match code {
        0 => return Err(unreadable()),
        1 => Moved::Done,
        2 => Moved::NotFrom(match words.next() {
            Some(Value::BulkString(letter)) => match letter.as_slice() {
                b"q" => EntryStatus::Queued,
                b"w" => EntryStatus::Waiting,
                b"r" => EntryStatus::Running,
                b"l" => EntryStatus::Lapsed,
                b"e" => EntryStatus::Done,
                b"d" => EntryStatus::Dead,
                b"x" => EntryStatus::Discarded,
                b"s" => EntryStatus::Stale,
                b"m" => EntryStatus::Mismatched,
                _ => return Err(STRANGE),
            },
            _ => return Err(STRANGE),
        }),
        3 => Moved::Absent,
        4 => Moved::Stale,
        _ => return Err(STRANGE),
    };
    let outcome = (outcome, order(&mut words)?);
    end(words)?;
    Ok(Answer { outcome, now })
}

/// Entries and how their attempts failed, out of this many that were requested.
pub(super) fn look_answer(value: Value, asked: usize) -> Result<Answer<Vec<Looked>>, Fault> {
    let mut words = words(value)?;
    let now = time(words.next().as_ref())?;
    let mut outcome = Vec::with_capacity(asked);
    for _ in 0..asked {
        let value = bytes(words.next())?;
        outcome.push((value, bytes(words.next())?));
    }
    end(words)?;
    Ok(Answer { outcome, now })
}

/// An entry and its history, as far as there are any.
pub(super) type Looked = (Option<Bytes>, Option<Bytes>);

/// The due entries of partitions.
pub(super) struct Peeked {
    pub(super) now: UnixTime,
    /// How many partitions were scanned.
    pub(super) partitions: usize,
    /// Those whose index is of another type.
    pub(super) broken: Vec<usize>,
    /// The partition, the route, and the member of the index.
    pub(super) due: Vec<(usize, usize, Vec<u8>)>,
}

pub(super) fn peek_answer(value: Value) -> Result<Answer<Peeked>, Fault> {
    let mut words = words(value)?;
    let now = time(words.next().as_ref())?;
    let partitions = number(&mut words)?;
    let broken = self::words(words.next().ok_or(STRANGE)?)?;
    let index = |word: Value| usize::try_from(integer(Some(&word))?).map_err(|_| STRANGE);
    let broken = broken.map(index).collect::<Result<_, _>>()?;
    let mut due = Vec::with_capacity(words.len() / 3);
    while words.len() > 0 {
        let (partition, route) = (number(&mut words)?, number(&mut words)?);
        let Some(Value::BulkString(member)) = words.next() else {
            return Err(STRANGE);
        };
        due.push((partition, route, member));
    }
    let outcome = Peeked {
        now,
        partitions,
        broken,
        due,
    };
    Ok(Answer { outcome, now })
}

/// The result for an entry that was to be taken.
#[derive(Debug)]
pub(super) enum TakenOrNot {
    Taken(Bytes, Option<Bytes>),
    /// It was changed, and is not for this worker.
    Changed,
    /// A newer event of its order key was completed.
    Stale,
    /// Its attempts are used up.
    Buried,
    /// It was not in the state in which it was seen.
    Missed,
    /// Enough other entries were taken.
    Spared,
    Unreadable,
}

pub(super) fn take_answer(value: Value, asked: usize) -> Result<Answer<Vec<TakenOrNot>>, Fault> {
    let mut answers = words(value)?;
    let now = time(answers.next().as_ref())?;
    let outcome = answers.map(|answer| {
        let mut words = words(answer)?;
        let outcome = match number(&mut words)? {
            0_i64 => TakenOrNot::Unreadable,
            1 => {
                let Some(Value::BulkString(mut value)) = words.next() else {
                    return Err(STRANGE);
                };
                let history = bytes(words.next())?;
                if let Some(written) = words.next() {
                    let written = bytes(Some(written))?.ok_or(STRANGE)?;
                    let head = value.get_mut(1..).ok_or(STRANGE)?;
                    let head = head.get_mut(..written.len()).ok_or(STRANGE)?;
                    head.copy_from_slice(&written);
                }
                TakenOrNot::Taken(value.into(), history)
            }
            2 => TakenOrNot::Changed,
            3 => TakenOrNot::Missed,
            4 => TakenOrNot::Stale,
            5 => TakenOrNot::Buried,
            6 => TakenOrNot::Spared,
            _ => return Err(STRANGE),
        };
        end(words)?;
        Ok(outcome)
    });
    let outcome = outcome.collect::<Result<Vec<_>, _>>()?;
    if outcome.len() != asked {
        return Err(STRANGE);
    }
    Ok(Answer { outcome, now })
}

/// How many are queued, waiting, taken or begun, dead, done, discarded, stale, and mismatched.
pub(super) fn count_answer(value: Value) -> Result<Answer<[u64; 8]>, Fault> {
    let mut words = words(value)?;
    let now = time(words.next().as_ref())?;
    let mut outcome = [0; 8];
    for count in &mut outcome {
        *count = number(&mut words)?;
    }
    end(words)?;
    Ok(Answer { outcome, now })
}

/// The answer of a script that reports for each of several entries whether it is held.
pub(super) fn extend_answer(value: Value, asked: usize) -> Result<Answer<Vec<Held>>, Fault> {
    renew_answer(value, asked)
}

/// Members of an index.
pub(super) fn members(value: Value) -> Result<Vec<Vec<u8>>, Fault> {
    let words = match value {
        // In the newer protocol, a set is another kind of answer.
        Value::Array(words) | Value::Set(words) => words,
        _ => return Err(STRANGE),
    };
    let member = |word| match word {
        Value::BulkString(member) => Ok(member),
        _ => Err(STRANGE),
    };
    words.into_iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    /// Reads a take of one entry from these words after the first.
    fn taken(words: &[Value]) -> Option<(Bytes, Option<Bytes>)> {
        let answer = [&[Value::Int(1)], words].concat();
        let answer = Value::Array(vec![Value::Int(5), Value::Array(answer)]);
        let outcome = take_answer(answer, 1).ok()?.outcome;
        match outcome.into_iter().next()? {
            TakenOrNot::Taken(value, history) => Some((value, history)),
            _ => None,
        }
    }

    #[test]
    fn what_stands_behind_the_first_byte_by_now_is_read_over_what_stood_there() {
        let (value, history) = taken(&[word("abcdef"), word("h"), word("XYZ")]).unwrap();
        assert_eq!(
            (&*value, history.as_deref()),
            (&b"aXYZef"[..], Some(&b"h"[..]))
        );
        let (value, history) = taken(&[word("abcdef"), Value::Nil]).unwrap();
        assert_eq!((&*value, history), (&b"abcdef"[..], None));
    }

    #[test]
    fn no_version_of_a_script_answers_so() {
        for words in [
            &[word("abc"), Value::Nil, word("XYZ")][..],
            &[word(""), Value::Nil, word("X")],
            &[word("abcdef"), Value::Nil, Value::Nil],
            &[word("abcdef"), Value::Nil, word("X"), word("Y")],
            &[Value::Nil, Value::Nil],
            &[word("abcdef")],
        ] {
            assert_eq!(taken(words), None, "{words:?}");
        }
    }
}
