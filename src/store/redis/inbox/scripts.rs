//! The commands of the inbox as script calls, and their answers.

use std::time::Duration;

use bytes::Bytes;
use redis::Value;

use crate::clock::UnixTime;
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryStatus, Extend, FailedAttempt, Finish, Moved,
    Redrive, Route, Take, Verdict,
};
use crate::store::command::{Grant, Held};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::redis::codec::micros;
use crate::store::redis::error::Fault;
use crate::store::redis::scripts::{
    Answer, Call, STRANGE, Source, bytes, end, hash, integer, time, unreadable,
};
use crate::store::token::Token;

use super::code;
use super::codec::{
    OrderSeen, VersionBytes, decode_seen, encode_content, encode_names, encode_order,
};
use super::due::Candidate;
use super::place::{EntryPlace, PartitionPlace, order_hash};

macro_rules! source {
    ($name:ident) => {
        static $name: Source = Source::new(code::$name, || hash(code::$name));
    };
}

source!(ACCEPT);
source!(PEEK);
source!(TAKE);
source!(BEGIN);
source!(EXTEND);
source!(FINISH);
source!(MOVE);
source!(FORGET);
source!(LOOK);
source!(COUNT);

/// The call of a script about one entry.
fn about(source: &'static Source, place: &EntryPlace, args: usize) -> Call {
    let call = Call::on(source, 3, args);
    call.word(&place.entry)
        .word(&place.history)
        .word(&place.index)
}

pub(super) fn accept(accept: &Accept, place: &EntryPlace, room: u64) -> Call {
    let order = accept.order.as_deref();
    let order_key = order.map_or("", |order| order.key.as_str());
    let order = order.map(|order| encode_order(order, order_hash(&accept.route, &order.key)));
    Call::on(&ACCEPT, 4, 10)
        .word(&place.entry)
        .word(&place.history)
        .word(&place.index)
        .word(&place.record)
        .word(accept.fingerprint.as_bytes().as_slice())
        .word(u8::from(accept.has_own_id))
        .word(micros(accept.revive_every))
        .word(encode_names(&accept.route, place.hashed.as_deref()))
        .word(accept.route.as_str())
        .word(accept.content.size())
        .word(encode_content(&accept.content))
        .word(room)
        .word(order_key)
        .word(order.unwrap_or_default())
}

pub(super) fn begin(begin: &Begin, place: &EntryPlace) -> Call {
    about(&BEGIN, place, 3)
        .word(begin.taken.as_bytes().as_slice())
        .word(begin.token.as_bytes().as_slice())
        .word(micros(begin.lease))
}

pub(super) fn extend(extensions: &[(&Extend, EntryPlace)]) -> Call {
    let count = extensions.len();
    let call = Call::on(&EXTEND, count.saturating_mul(3), count.saturating_mul(2));
    let call = extensions.iter().fold(call, |call, (_, place)| {
        call.word(&place.entry)
            .word(&place.history)
            .word(&place.index)
    });
    extensions.iter().fold(call, |call, (extend, _)| {
        call.word(extend.token.as_bytes().as_slice())
            .word(micros(extend.lease))
    })
}

pub(super) fn finish(finish: &Finish, place: &EntryPlace) -> Call {
    let cut = |reason: &str| FailedAttempt::new(0, UnixTime::EPOCH, reason).reason;
    let (verdict, span, reason) = match &finish.verdict {
        Verdict::Done => ("done", finish.retention, Box::default()),
        Verdict::Retry { after, reason } => ("retry", *after, cut(reason)),
        Verdict::GiveBack { after } => ("back", *after, Box::default()),
        Verdict::Bury { reason } => ("bury", Duration::ZERO, cut(reason)),
    };
    about(&FINISH, place, 4)
        .word(finish.token.as_bytes().as_slice())
        .word(verdict)
        .word(micros(span))
        .word(&*reason)
}

/// Buries what is held with this token.
pub(super) fn bury(token: Token, place: &EntryPlace, reason: &str) -> Call {
    about(&FINISH, place, 4)
        .word(token.as_bytes().as_slice())
        .word("bury")
        .word(0)
        .word(reason)
}

/// `applied` is the newest version of its order key that was completed.
pub(super) fn redrive(
    redrive: &Redrive,
    place: &EntryPlace,
    applied: Option<VersionBytes>,
) -> Call {
    about(&MOVE, place, 4)
        .word("redrive")
        .word(micros(redrive.after))
        .word(u8::from(redrive.force))
        .word(optional(applied.as_ref()))
}

fn optional(version: Option<&VersionBytes>) -> &[u8] {
    version.map_or(&[], VersionBytes::as_slice)
}

pub(super) fn discard(discard: &Discard, place: &EntryPlace) -> Call {
    about(&MOVE, place, 4)
        .word("discard")
        .word(micros(discard.retention))
        .word(0)
        .word("")
}

/// Under `mark` the script tells a command that comes again from another one, for so long.
pub(super) fn forget(place: &EntryPlace, mark: &str, kept: Duration) -> Call {
    Call::on(&FORGET, 4, 1)
        .word(&place.entry)
        .word(&place.history)
        .word(&place.index)
        .word(mark)
        .word(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
}

pub(super) fn look(places: &[EntryPlace], whole: bool) -> Call {
    let call = Call::on(&LOOK, places.len().saturating_mul(2), 1);
    let call = places.iter().fold(call, |call, place| {
        call.word(&place.entry).word(&place.history)
    });
    call.word(u8::from(whole))
}

/// Asks partitions for what is due, up to so many of each kind and route.
pub(super) fn peek(
    partitions: &[PartitionPlace],
    routes: &[Route],
    lone: bool,
    wanted: usize,
    most: usize,
) -> Call {
    let args = routes.len().saturating_mul(2).saturating_add(3);
    let call = Call::on(&PEEK, partitions.len().saturating_mul(2), args);
    let call = partitions.iter().fold(call, |call, place| {
        call.word(&place.index).word(&place.paused)
    });
    let call = call.word(wanted).word(u8::from(lone)).word(most);
    routes.iter().fold(call, |call, route| {
        call.word(route.as_str()).word(route.provider().as_str())
    })
}

pub(super) fn take(take: &Take, candidates: &[Candidate]) -> Call {
    let count = candidates.len();
    let args = count.saturating_mul(4).saturating_add(6);
    let call = Call::on(&TAKE, count.saturating_mul(4), args);
    let call = candidates.iter().fold(call, |call, candidate| {
        call.word(&candidate.place.entry)
            .word(&candidate.place.history)
            .word(&candidate.place.index)
            .word(&candidate.paused)
    });
    let call = call
        .word(take.token.as_bytes().as_slice())
        .word(micros(take.lease))
        .word(take.max_attempts)
        .word(u8::from(take.lone))
        .word(FailedAttempt::DIED)
        .word(micros(take.retention));
    candidates.iter().fold(call, |call, candidate| {
        call.word(candidate.member.as_slice())
            .word(candidate.route.provider().as_str())
            .word(optional(candidate.applied.as_ref()))
            .word(u8::from(candidate.may_run))
    })
}

pub(super) fn count(partitions: &[PartitionPlace]) -> Call {
    let call = Call::on(&COUNT, partitions.len(), 0);
    (partitions.iter()).fold(call, |call, place| call.word(&place.index))
}

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

/// What became of an event, and the order whose key its entry no longer holds; an inbox that is full is
/// an error of its own.
type ToldOfAccept = (Result<Accepted, StoreError>, Option<OrderSeen>);

pub(super) fn accept_answer(value: Value) -> Result<Answer<ToldOfAccept>, Fault> {
    let (code, now, mut words) = coded(value)?;
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
    let outcome = (outcome, left);
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

/// Whether it was held, and its order and until when it is known, where it holds its order key no more.
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

/// What came of it, and the order whose key is free where the entry is discarded.
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

/// What entries hold and how their attempts failed, of so many that were asked for.
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

/// What partitions have that is due.
pub(super) struct Peeked {
    pub(super) now: UnixTime,
    /// How many of them were looked at.
    pub(super) partitions: usize,
    /// Which partition, which route, and the member of the index.
    pub(super) due: Vec<(usize, usize, Vec<u8>)>,
}

pub(super) fn peek_answer(value: Value) -> Result<Answer<Peeked>, Fault> {
    let mut words = words(value)?;
    let now = time(words.next().as_ref())?;
    let partitions = number(&mut words)?;
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
        due,
    };
    Ok(Answer { outcome, now })
}

/// What became of an entry that was to be taken.
#[derive(Debug)]
pub(super) enum TakenOrNot {
    Taken(Bytes, Option<Bytes>),
    /// It was written, and is not for this worker.
    Changed,
    /// A newer one of its order key was completed.
    Stale,
    /// Its attempts are used up.
    Buried,
    /// It was not as it was seen.
    Missed,
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
                let value = bytes(words.next())?.ok_or(STRANGE)?;
                TakenOrNot::Taken(value, bytes(words.next())?)
            }
            2 => TakenOrNot::Changed,
            3 => TakenOrNot::Missed,
            4 => TakenOrNot::Stale,
            5 => TakenOrNot::Buried,
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

/// How many there are queued, waiting, taken or begun, dead, done, discarded, and stale.
pub(super) fn count_answer(value: Value) -> Result<Answer<[u64; 7]>, Fault> {
    let mut words = words(value)?;
    let now = time(words.next().as_ref())?;
    let mut outcome = [0; 7];
    for count in &mut outcome {
        *count = number(&mut words)?;
    }
    end(words)?;
    Ok(Answer { outcome, now })
}

/// What a script answers that says of each of several entries whether it is held.
pub(super) fn extend_answer(value: Value, asked: usize) -> Result<Answer<Vec<Held>>, Fault> {
    crate::store::redis::scripts::renew_answer(value, asked)
}

/// Members of an index.
pub(super) fn members(value: Value) -> Result<Vec<Vec<u8>>, Fault> {
    let words = match value {
        // A set is another kind of answer in the newer protocol.
        Value::Array(words) | Value::Set(words) => words,
        _ => return Err(STRANGE),
    };
    let member = |word| match word {
        Value::BulkString(member) => Ok(member),
        _ => Err(STRANGE),
    };
    words.into_iter().map(member).collect()
}
