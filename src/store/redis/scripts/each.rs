//! Claims and completions in one call.

use redis::{Arg, Value};

use super::super::error::Fault;
use super::{CLAIM, Call, EACH, STRANGE, WORDS};

/// What stands before the key of a call: the command, the script's hash and the number of keys.
const BEFORE_KEY: usize = 3;

impl Call {
    /// These claims and completions together, in a cluster all of one partition.
    pub(crate) fn each<'a>(calls: impl ExactSizeIterator<Item = &'a Self> + Clone) -> Self {
        let count = calls.len();
        let mut each = Self::on(&EACH, count, count.saturating_mul(WORDS + 1));
        let words = |call: &'a Self, skipped: usize| {
            let words = call.by_hash.args_iter().skip(skipped);
            words.filter_map(|word| match word {
                Arg::Simple(word) => Some(word),
                _ => None,
            })
        };
        for call in calls.clone() {
            for key in words(call, BEFORE_KEY).take(1) {
                each = each.word(key);
            }
        }
        for call in calls {
            let is_claim = std::ptr::eq(call.source, &CLAIM);
            each = each.word(if is_claim { "claim" } else { "complete" });
            for word in words(call, BEFORE_KEY + 1) {
                each = each.word(word);
            }
        }
        each
    }

    /// How many bytes its words have.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.by_hash.args_iter().map(|word| match word {
            Arg::Simple(word) => word.len(),
            _ => 0,
        });
        sizes.fold(0, usize::saturating_add)
    }
}

/// What each of so many commands was answered.
pub(crate) fn each_answer(value: Value, asked: usize) -> Result<Vec<Result<Value, Fault>>, Fault> {
    match value {
        Value::Array(answers) if answers.len() == asked => {
            Ok(answers.into_iter().map(own_answer).collect())
        }
        _ => Err(STRANGE),
    }
}

/// No claim or completion is answered with a text: it is that of an error.
fn own_answer(value: Value) -> Result<Value, Fault> {
    let Value::BulkString(text) = value else {
        return Ok(value);
    };
    let text = String::from_utf8_lossy(&text).replace(['\r', '\n'], " ");
    match redis::parse_redis_value(format!("-{text}\r\n").as_bytes()) {
        Ok(error) => Err(error.extract_error().err().map_or(STRANGE, Fault::from)),
        Err(_) => Err(STRANGE),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::error::StoreErrorKind;

    use super::*;

    #[test]
    fn an_error_is_that_of_one_command() {
        let oom = "OOM command not allowed when used memory > 'maxmemory'.";
        let answers = vec![
            Value::Int(1_000),
            Value::BulkString(oom.into()),
            Value::Array(vec![Value::Int(2), Value::Int(1_000)]),
        ];
        let told = each_answer(Value::Array(answers.clone()), 3).unwrap();
        let [Ok(first), Err(fault), Ok(last)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!((first, last), (&answers[0], &answers[2]));
        assert_eq!(fault.kind(), StoreErrorKind::Full);
        assert!(fault.to_string().contains("used memory"), "{fault}");
        assert!(each_answer(Value::Array(answers), 2).is_err());
        assert!(each_answer(Value::Int(1_000), 1).is_err());
    }
}
