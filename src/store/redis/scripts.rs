//! The commands as script calls, and their answers.

mod each;

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use redis::{Arg, Cmd, Script, ToSingleRedisArg, Value};

use crate::clock::UnixTime;
use crate::store::command::{
    Claim, ClaimOutcome, Complete, ContentType, Grant, Held, Release, Renew, StoredResponse,
};

use super::code;
use super::codec::{self, Done, micros, millis_to_keep};
use super::error::Fault;
use super::keys::Place;

pub(super) use self::each::each_answer;

/// A script, and the hash by which Redis knows it.
#[derive(Debug)]
pub(super) struct Source {
    /// The name of the script in a call of several commands.
    name: &'static str,
    code: &'static str,
    hash: LazyLock<String>,
}

impl Source {
    pub(super) const fn new(name: &'static str, code: &'static str, hash: fn() -> String) -> Self {
        Self {
            name,
            code,
            hash: LazyLock::new(hash),
        }
    }
}

macro_rules! source {
    ($name:ident, $called:literal) => {
        pub(super) static $name: Source = Source::new($called, code::$name, || hash(code::$name));
    };
}

source!(CLAIM, "claim");
source!(COMPLETE, "complete");
source!(EACH, "each");
source!(RELEASE, "release");
source!(RENEW, "renew");
source!(LOOKUP, "lookup");
source!(LOOKUPS, "lookups");
source!(PEEK, "peek");
source!(FORGET, "forget");

pub(super) fn hash(code: &str) -> String {
    Script::new(code).get_hash().to_owned()
}

/// The size in bytes that suffices for most calls.
const USUAL_SIZE: usize = 256;

/// How many arguments follow the key of a claim, and of a completion.
const WORDS: usize = 6;

/// One call of a script.
pub(super) struct Call {
    source: &'static Source,
    keys: usize,
    by_hash: Cmd,
}

impl Call {
    /// A call with this many keys, to be added first, and then this many arguments.
    pub(super) fn on(source: &'static Source, keys: usize, args: usize) -> Self {
        let mut by_hash =
            Cmd::with_capacity(keys.saturating_add(args).saturating_add(3), USUAL_SIZE);
        by_hash.arg("EVALSHA").arg(&*source.hash).arg(keys);
        Self {
            source,
            keys,
            by_hash,
        }
    }

    pub(super) fn word(mut self, word: impl ToSingleRedisArg) -> Self {
        self.by_hash.arg(word);
        self
    }

    /// The call by the script's hash, which is sent first.
    pub(super) fn by_hash(&self) -> &Cmd {
        &self.by_hash
    }

    /// The call with the script itself, if Redis does not know it.
    pub(super) fn by_code(&self) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("EVAL").arg(self.source.code);
        for word in self.by_hash.args_iter().skip(2) {
            if let Arg::Simple(word) = word {
                cmd.arg(word);
            }
        }
        cmd
    }

    pub(super) fn claim(claim: &Claim, place: &Place) -> Self {
        let kept = claim.retention.max(claim.lease);
        Self::on(&CLAIM, 1, WORDS)
            .word(&place.key)
            .word(claim.token.as_bytes().as_slice())
            .word(claim.fingerprint.as_bytes().as_slice())
            .word(micros(claim.lease))
            .word(micros(kept))
            .word(millis_to_keep(kept))
            .word(place.name.as_deref().unwrap_or_default())
    }

    pub(super) fn complete(complete: &Complete, place: &Place) -> Self {
        let Done { head, grant, tail } = codec::done(complete, place.name.as_deref());
        Self::on(&COMPLETE, 1, WORDS)
            .word(&place.key)
            .word(complete.token.as_bytes().as_slice())
            .word(head.as_slice())
            .word(grant.as_slice())
            .word(tail.as_slice())
            .word(micros(complete.retention))
            .word(millis_to_keep(complete.retention))
    }

    pub(super) fn release(release: &Release, place: &Place) -> Self {
        Self::on(&RELEASE, 1, 3)
            .word(&place.key)
            .word(release.token.as_bytes().as_slice())
            .word(micros(release.retention))
            .word(u8::from(release.begun))
    }

    /// Renewals; in a cluster, those of one partition.
    pub(super) fn renew(renewals: &[(&Renew, Place)]) -> Self {
        let count = renewals.len();
        let mut call = Self::on(&RENEW, count, count.saturating_mul(3));
        for (_, place) in renewals {
            call = call.word(&place.key);
        }
        for (renew, _) in renewals {
            call = call
                .word(renew.token.as_bytes().as_slice())
                .word(micros(renew.lease))
                .word(micros(renew.retention));
        }
        call
    }

    pub(super) fn lookup(place: &Place) -> Self {
        Self::on(&LOOKUP, 1, 0).word(&place.key)
    }

    /// Lookups; in a cluster, those of one partition.
    pub(super) fn lookups(places: &[Place]) -> Self {
        let call = Self::on(&LOOKUPS, places.len(), 0);
        (places.iter()).fold(call, |call, place| call.word(&place.key))
    }

    pub(super) fn peek(place: &Place) -> Self {
        Self::on(&PEEK, 1, 0).word(&place.key)
    }

    /// With `mark`, kept for `kept`, the script distinguishes a repeated command from a new one.
    pub(super) fn forget(place: &Place, mark: &str, kept: Duration, only_done: bool) -> Self {
        Self::on(&FORGET, 2, 2)
            .word(&place.key)
            .word(mark)
            .word(u64::try_from(kept.as_millis()).unwrap_or(u64::MAX))
            .word(u8::from(only_done))
    }
}

/// A script's answer, and the time that it used.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) outcome: T,
    pub(super) now: UnixTime,
}

const UNREADABLE: Fault = Fault::Garbled("the value is not a record that this version can read");
pub(super) const STRANGE: Fault =
    Fault::Garbled("a script gave an answer that no version of it gives");

pub(super) fn claim_answer(value: Value) -> Result<Answer<ClaimOutcome>, Fault> {
    let words = match value {
        // The usual answer to a claim: the event is new, and the time is its fence.
        Value::Int(_) => {
            let now = time(Some(&value))?;
            let grant = Grant {
                attempt: 1,
                fence: now.as_micros(),
                corrected: false,
            };
            return Ok(Answer {
                outcome: ClaimOutcome::Claimed(grant),
                now,
            });
        }
        Value::Array(words) => words,
        _ => return Err(STRANGE),
    };
    let mut words = words.into_iter();
    let code = integer(words.next().as_ref())?;
    let now = time(words.next().as_ref())?;
    let outcome = match code {
        0 => return Err(UNREADABLE),
        1 => ClaimOutcome::Claimed(Grant {
            attempt: integer(words.next().as_ref())?
                .try_into()
                .map_err(|_| STRANGE)?,
            fence: match words.next() {
                Some(Value::BulkString(bytes)) => {
                    u64::from_be_bytes(bytes.try_into().map_err(|_| STRANGE)?)
                }
                _ => return Err(STRANGE),
            },
            corrected: match integer(words.next().as_ref())? {
                0 => false,
                1 => true,
                _ => return Err(STRANGE),
            },
        }),
        2 => ClaimOutcome::InProgress,
        3 => ClaimOutcome::OtherInProgress,
        4 => ClaimOutcome::Done(response(&mut words)?),
        5 => ClaimOutcome::OtherDone(response(&mut words)?),
        _ => return Err(STRANGE),
    };
    end(words)?;
    Ok(Answer { outcome, now })
}

fn content_type(word: Value) -> Result<ContentType, Fault> {
    let Value::BulkString(bytes) = word else {
        return Err(STRANGE);
    };
    let text = std::str::from_utf8(&bytes).ok();
    text.and_then(ContentType::new).ok_or(STRANGE)
}

fn response(words: &mut impl Iterator<Item = Value>) -> Result<StoredResponse, Fault> {
    Ok(StoredResponse {
        status: integer(words.next().as_ref())?
            .try_into()
            .map_err(|_| STRANGE)?,
        body: bytes(words.next())?,
        content_type: words.next().map(content_type).transpose()?,
    })
}

pub(super) fn held_answer(value: &Value) -> Result<Answer<Held>, Fault> {
    let signed = integer(Some(value))?;
    let outcome = match signed {
        0 => return Err(UNREADABLE),
        1.. => Held::Held,
        _ => Held::Fenced,
    };
    Ok(Answer {
        outcome,
        now: UnixTime::from_micros(signed.unsigned_abs()),
    })
}

pub(super) fn renew_answer(value: Value, asked: usize) -> Result<Answer<Vec<Held>>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
    };
    let mut words = words.into_iter();
    let now = time(words.next().as_ref())?;
    let outcome = words
        .map(|word| held(integer(Some(&word))?))
        .collect::<Result<Vec<_>, _>>()?;
    if outcome.len() != asked {
        return Err(STRANGE);
    }
    Ok(Answer { outcome, now })
}

pub(super) fn lookup_answer(value: Value) -> Result<Answer<Option<Bytes>>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
    };
    let mut words = words.into_iter();
    let now = time(words.next().as_ref())?;
    let outcome = bytes(words.next())?;
    end(words)?;
    Ok(Answer { outcome, now })
}

pub(super) fn lookups_answer(
    value: Value,
    asked: usize,
) -> Result<Answer<Vec<Option<Bytes>>>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
    };
    let mut words = words.into_iter();
    let now = time(words.next().as_ref())?;
    let outcome: Vec<_> = words
        .map(|word| bytes(Some(word)))
        .collect::<Result<_, _>>()?;
    if outcome.len() != asked {
        return Err(STRANGE);
    }
    Ok(Answer { outcome, now })
}

/// The remaining microseconds of a live claim.
pub(super) fn peek_answer(value: &Value) -> Result<u64, Fault> {
    integer(Some(value))?.try_into().map_err(|_| STRANGE)
}

/// Whether there was a record to remove.
pub(super) fn forget_answer(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(STRANGE),
    }
}

pub(super) fn unreadable() -> Fault {
    UNREADABLE
}

pub(super) fn strange() -> Fault {
    STRANGE
}

fn held(code: i64) -> Result<Held, Fault> {
    match code {
        0 => Err(UNREADABLE),
        1 => Ok(Held::Held),
        2 => Ok(Held::Fenced),
        _ => Err(STRANGE),
    }
}

pub(super) fn integer(value: Option<&Value>) -> Result<i64, Fault> {
    match value {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(STRANGE),
    }
}

pub(super) fn time(value: Option<&Value>) -> Result<UnixTime, Fault> {
    let micros = integer(value)?.try_into().map_err(|_| STRANGE)?;
    Ok(UnixTime::from_micros(micros))
}

/// Checks that an answer has no further words.
pub(super) fn end(mut words: impl Iterator<Item = Value>) -> Result<(), Fault> {
    match words.next() {
        None => Ok(()),
        Some(_) => Err(STRANGE),
    }
}

pub(super) fn bytes(value: Option<Value>) -> Result<Option<Bytes>, Fault> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(Some(bytes.into())),
        // RESP3 has its own null, and a boolean for false.
        Some(Value::Nil | Value::Boolean(false)) => Ok(None),
        _ => Err(STRANGE),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::error::StoreErrorKind;

    use super::*;

    fn ints(numbers: &[i64]) -> Value {
        Value::Array(numbers.iter().copied().map(Value::Int).collect())
    }

    #[test]
    fn an_answer_with_too_many_words_is_no_answer() {
        let corrupt = |fault: Fault| fault.kind() == StoreErrorKind::Corrupt;
        assert!(claim_answer(ints(&[2, 1_000])).is_ok());
        assert!(claim_answer(ints(&[2, 1_000, 1])).is_err_and(corrupt));
        assert!(claim_answer(ints(&[])).is_err_and(corrupt));
        let none = Value::Array(vec![Value::Int(1_000), Value::Nil]);
        assert!(lookup_answer(none).is_ok());
        let more = Value::Array(vec![Value::Int(1_000), Value::Nil, Value::Nil]);
        assert!(lookup_answer(more).is_err_and(corrupt));
    }

    #[test]
    fn the_sign_tells_who_held_a_claim() {
        let told = |number: i64| held_answer(&Value::Int(number));
        for (number, expected) in [(1_000, Held::Held), (-1_000, Held::Fenced)] {
            let Answer { outcome, now } = told(number).unwrap();
            assert_eq!((outcome, now.as_micros()), (expected, 1_000));
        }
        assert_eq!(told(0).unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert!(held_answer(&ints(&[1_000])).is_err());
    }

    #[test]
    fn a_new_event_is_granted_with_the_time_as_its_fence() {
        let Answer { outcome, now } = claim_answer(Value::Int(1_000)).unwrap();
        let grant = Grant {
            attempt: 1,
            fence: 1_000,
            corrected: false,
        };
        assert_eq!(outcome, ClaimOutcome::Claimed(grant));
        assert_eq!(now.as_micros(), 1_000);
        assert!(claim_answer(Value::Int(-1)).is_err());
    }

    #[test]
    fn a_grant_was_corrected_or_not() {
        let granted = |corrected: i64| {
            let fence = Value::BulkString(vec![0, 0, 0, 0, 0, 0, 0, 9]);
            let words = [1, 1_000, 1].map(Value::Int).into_iter();
            claim_answer(Value::Array(
                words.chain([fence, Value::Int(corrected)]).collect(),
            ))
        };
        for (corrected, expected) in [(0, false), (1, true)] {
            let grant = Grant {
                attempt: 1,
                fence: 9,
                corrected: expected,
            };
            assert_eq!(
                granted(corrected).unwrap().outcome,
                ClaimOutcome::Claimed(grant)
            );
        }
        assert!(granted(2).is_err());
    }
}
