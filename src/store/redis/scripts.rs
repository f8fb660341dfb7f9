//! The commands as script calls, and their answers.

use std::sync::LazyLock;

use bytes::Bytes;
use redis::{Cmd, Script, Value};

use crate::clock::UnixTime;
use crate::store::command::{
    Claim, ClaimOutcome, Complete, Grant, Held, Release, Renew, StoredResponse,
};

use super::codec::micros;
use super::error::Fault;
use super::keys::Place;

/// A script, and the name by which Redis knows it once it has seen it.
#[derive(Debug)]
pub(super) struct Source {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! source {
    ($name:ident, $file:literal) => {
        pub(super) static $name: Source = Source {
            code: concat!(include_str!("record.lua"), include_str!($file)),
            hash: LazyLock::new(|| {
                let code = concat!(include_str!("record.lua"), include_str!($file));
                Script::new(code).get_hash().to_owned()
            }),
        };
    };
}

source!(CLAIM, "claim.lua");
source!(COMPLETE, "complete.lua");
source!(RELEASE, "release.lua");
source!(RENEW, "renew.lua");
source!(LOOKUP, "lookup.lua");
source!(PEEK, "peek.lua");

/// One call of a script.
pub(super) struct Call {
    source: &'static Source,
    keys: usize,
    /// Keys, then arguments.
    words: Vec<Vec<u8>>,
}

impl Call {
    fn on(source: &'static Source, place: Place, args: Vec<Vec<u8>>) -> Self {
        let mut words = vec![place.key.into_bytes()];
        words.extend(args);
        Self {
            source,
            keys: 1,
            words,
        }
    }

    /// The call by the script's hash: what is sent first.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.source.hash)
    }

    /// The call with the script itself, where Redis has not seen it.
    pub(super) fn by_code(&self) -> Cmd {
        self.command("EVAL", self.source.code)
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg(verb).arg(script).arg(self.keys);
        for word in &self.words {
            cmd.arg(word.as_slice());
        }
        cmd
    }

    pub(super) fn claim(claim: &Claim, place: Place) -> Self {
        let name = name(&place);
        Self::on(
            &CLAIM,
            place,
            vec![
                claim.token.as_bytes().to_vec(),
                claim.fingerprint.as_bytes().to_vec(),
                flag(claim.bind),
                text(&micros(claim.lease)),
                text(&micros(claim.retention)),
                name,
            ],
        )
    }

    pub(super) fn complete(complete: &Complete, place: Place) -> Self {
        let name = name(&place);
        let StoredResponse { status, body } = &complete.response;
        Self::on(
            &COMPLETE,
            place,
            vec![
                complete.token.as_bytes().to_vec(),
                text(&micros(complete.retention)),
                complete.fingerprint.as_bytes().to_vec(),
                text(&complete.attempt),
                complete.fence.to_be_bytes().to_vec(),
                text(status),
                flag(body.is_some()),
                body.as_deref().unwrap_or_default().to_vec(),
                name,
            ],
        )
    }

    pub(super) fn release(release: &Release, place: Place) -> Self {
        let args = vec![
            release.token.as_bytes().to_vec(),
            text(&micros(release.retention)),
        ];
        Self::on(&RELEASE, place, args)
    }

    /// Renewals of one partition.
    pub(super) fn renew<'a>(renewals: impl Iterator<Item = (&'a Renew, Place)>) -> Self {
        let (mut words, mut args) = (Vec::new(), Vec::new());
        for (renew, place) in renewals {
            words.push(place.key.into_bytes());
            let bind = renew.bind.map(|bind| bind.as_bytes().to_vec());
            args.extend([
                renew.token.as_bytes().to_vec(),
                bind.unwrap_or_default(),
                text(&micros(renew.lease)),
                text(&micros(renew.retention)),
            ]);
        }
        let keys = words.len();
        words.extend(args);
        Self {
            source: &RENEW,
            keys,
            words,
        }
    }

    pub(super) fn lookup(place: Place) -> Self {
        Self::on(&LOOKUP, place, Vec::new())
    }

    pub(super) fn peek(place: Place) -> Self {
        Self::on(&PEEK, place, Vec::new())
    }
}

fn name(place: &Place) -> Vec<u8> {
    place.name.clone().unwrap_or_default().into_bytes()
}

fn flag(set: bool) -> Vec<u8> {
    if set { b"1".to_vec() } else { b"0".to_vec() }
}

fn text(number: &impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// What a script answered, and the time it went by.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) outcome: T,
    /// Told so that the scripts can be tested against the rules.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) now: UnixTime,
}

const UNREADABLE: Fault = Fault::Garbled("the value is not a record that this version can read");
const STRANGE: Fault = Fault::Garbled("a script gave an answer that no version of it gives");

pub(super) fn claim_answer(value: Value) -> Result<Answer<ClaimOutcome>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
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
        3 => ClaimOutcome::Conflict,
        4 => ClaimOutcome::Done(StoredResponse {
            status: integer(words.next().as_ref())?
                .try_into()
                .map_err(|_| STRANGE)?,
            body: bytes(words.next())?,
        }),
        _ => return Err(STRANGE),
    };
    end(words)?;
    Ok(Answer { outcome, now })
}

pub(super) fn held_answer(value: Value) -> Result<Answer<Held>, Fault> {
    let Value::Array(words) = value else {
        return Err(STRANGE);
    };
    let mut words = words.into_iter();
    let code = integer(words.next().as_ref())?;
    let now = time(words.next().as_ref())?;
    end(words)?;
    Ok(Answer {
        outcome: held(code)?,
        now,
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

/// The remaining microseconds of a live claim.
pub(super) fn peek_answer(value: &Value) -> Result<u64, Fault> {
    integer(Some(value))?.try_into().map_err(|_| STRANGE)
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

fn integer(value: Option<&Value>) -> Result<i64, Fault> {
    match value {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err(STRANGE),
    }
}

fn time(value: Option<&Value>) -> Result<UnixTime, Fault> {
    let micros = integer(value)?.try_into().map_err(|_| STRANGE)?;
    Ok(UnixTime::from_micros(micros))
}

/// An answer has so many words and no more.
fn end(mut words: impl Iterator<Item = Value>) -> Result<(), Fault> {
    match words.next() {
        None => Ok(()),
        Some(_) => Err(STRANGE),
    }
}

fn bytes(value: Option<Value>) -> Result<Option<Bytes>, Fault> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(Some(bytes.into())),
        // RESP3 has a null of its own, and a false.
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
        assert!(held_answer(ints(&[1, 1_000])).is_ok());
        assert!(held_answer(ints(&[1, 1_000, 1])).is_err_and(corrupt));
        let none = Value::Array(vec![Value::Int(1_000), Value::Nil]);
        assert!(lookup_answer(none).is_ok());
        let more = Value::Array(vec![Value::Int(1_000), Value::Nil, Value::Nil]);
        assert!(lookup_answer(more).is_err_and(corrupt));
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
