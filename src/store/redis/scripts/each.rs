//! Several commands in one call.

use redis::{Arg, Value};

use super::super::error::Fault;
use super::{Call, STRANGE, Source};

/// The number of words before the keys of a call: the command, the script's hash and the number of keys.
const BEFORE_KEYS: usize = 3;

impl Call {
    /// These commands in one script that knows each by its name; in a cluster, all of one partition.
    pub(crate) fn each<'a>(
        each: &'static Source,
        calls: impl ExactSizeIterator<Item = &'a Self> + Clone,
    ) -> Self {
        let words = |call: &'a Self| {
            call.by_hash.args_iter().filter_map(|word| match word {
                Arg::Simple(word) => Some(word),
                _ => None,
            })
        };
        let counted = calls
            .clone()
            .fold((0_usize, 0_usize), |(keys, args), call| {
                let own = words(call).count().saturating_sub(BEFORE_KEYS);
                let keys = keys.saturating_add(call.keys);
                // The name of each precedes its arguments.
                let args = args.saturating_add(own.saturating_sub(call.keys));
                (keys, args.saturating_add(1))
            });
        let mut all = Self::on(each, counted.0, counted.1);
        for call in calls.clone() {
            for key in words(call).skip(BEFORE_KEYS).take(call.keys) {
                all = all.word(key);
            }
        }
        for call in calls {
            all = all.word(call.source.name);
            for word in words(call).skip(BEFORE_KEYS.saturating_add(call.keys)) {
                all = all.word(word);
            }
        }
        all
    }

    /// The total size of its words in bytes.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.by_hash.args_iter().map(|word| match word {
            Arg::Simple(word) => word.len(),
            _ => 0,
        });
        sizes.fold(0, usize::saturating_add)
    }
}

/// The answers to this many commands.
pub(crate) fn each_answer(value: Value, asked: usize) -> Result<Vec<Result<Value, Fault>>, Fault> {
    match value {
        Value::Array(answers) if answers.len() == asked => {
            Ok(answers.into_iter().map(own_answer).collect())
        }
        _ => Err(STRANGE),
    }
}

/// No command has a text as its answer, so a text is an error.
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
