//! A naive reading of each answer, as the comment at the head of its script says.

use bytes::Bytes;
use redis::Value;
use tower_webhook::UnixTime;
use tower_webhook::store::{ClaimOutcome, ContentType, Grant, Held, StoredResponse};

pub(crate) fn words(value: &Value) -> &[Value] {
    match value {
        Value::Array(words) => words,
        _ => &[],
    }
}

pub(crate) fn natural(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn time(value: &Value) -> Option<UnixTime> {
    natural(value).map(UnixTime::from_micros)
}

fn body(value: &Value) -> Option<Option<Bytes>> {
    match value {
        Value::BulkString(bytes) => Some(Some(Bytes::copy_from_slice(bytes))),
        Value::Nil | Value::Boolean(false) => Some(None),
        _ => None,
    }
}

fn held(value: &Value) -> Option<Held> {
    match value {
        Value::Int(1) => Some(Held::Held),
        Value::Int(2) => Some(Held::Fenced),
        _ => None,
    }
}

/// Each as the comment at the head of its script says.
pub(crate) fn claim_model(value: &Value) -> Option<(UnixTime, ClaimOutcome)> {
    if let Value::Int(_) = value {
        let grant = Grant {
            attempt: 1,
            fence: natural(value)?,
            corrected: false,
        };
        return Some((time(value)?, ClaimOutcome::Claimed(grant)));
    }
    Some(match words(value) {
        [
            Value::Int(1),
            now,
            attempt,
            Value::BulkString(fence),
            Value::Int(corrected @ 0..=1),
        ] => {
            let grant = Grant {
                attempt: natural(attempt)?.try_into().ok()?,
                fence: u64::from_be_bytes(fence.as_slice().try_into().ok()?),
                corrected: *corrected == 1,
            };
            (time(now)?, ClaimOutcome::Claimed(grant))
        }
        [Value::Int(2), now] => (time(now)?, ClaimOutcome::InProgress),
        [Value::Int(3), now] => (time(now)?, ClaimOutcome::OtherInProgress),
        [Value::Int(code @ 4..=5), now, status, stored, rest @ ..] => {
            let content_type = match rest {
                [] => None,
                [Value::BulkString(text)] => {
                    Some(ContentType::new(std::str::from_utf8(text).ok()?)?)
                }
                _ => return None,
            };
            let status = natural(status)?.try_into().ok()?;
            let mut response = StoredResponse::new(status).content_type(content_type);
            response.body = body(stored)?;
            let outcome = match code {
                4 => ClaimOutcome::Done(response),
                _ => ClaimOutcome::OtherDone(response),
            };
            (time(now)?, outcome)
        }
        _ => return None,
    })
}

pub(crate) fn held_model(value: &Value) -> Option<(UnixTime, Held)> {
    let told = |number: i64, held| Some((UnixTime::from_micros(number.unsigned_abs()), held));
    match value {
        Value::Int(held @ 1..) => told(*held, Held::Held),
        Value::Int(fenced @ ..=-1) => told(*fenced, Held::Fenced),
        _ => None,
    }
}

pub(crate) fn renew_model(value: &Value, asked: usize) -> Option<(UnixTime, Vec<Held>)> {
    match words(value) {
        [now, codes @ ..] if codes.len() == asked => {
            let codes = codes.iter().map(held).collect::<Option<_>>()?;
            Some((time(now)?, codes))
        }
        _ => None,
    }
}

pub(crate) fn lookup_model(value: &Value) -> Option<(UnixTime, Option<Bytes>)> {
    match words(value) {
        [now, stored] => Some((time(now)?, body(stored)?)),
        _ => None,
    }
}

pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

pub(crate) fn time_model(value: &Value) -> Option<UnixTime> {
    match words(value) {
        [secs, micros] => {
            let micros = u128::from(number(secs)?) * 1_000_000 + u128::from(number(micros)?);
            Some(UnixTime::from_micros(micros.try_into().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}
