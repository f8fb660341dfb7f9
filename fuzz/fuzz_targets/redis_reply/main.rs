//! Whatever Redis answers: each reader gives what a naive reading gives, or refuses; what the
//! scripts write is read as it was meant, in both protocols, and cut short it is refused.
//!
//! The first byte of the input chooses a reader, or `+` for a record and answers that are made up;
//! the rest is what stands on the wire, or, after `v`, the value of a record.
#![no_main]

mod errors;
mod made_up;
mod models;
mod records;
mod wire;

use libfuzzer_sys::fuzz_target;
use redis::Value;
use tower_webhook::Name;
use tower_webhook::store::fuzzing::redis as read;
use tower_webhook::store::{RedisReport, RedisSetting, RedisVerdict, StoreErrorKind as Kind};

use crate::errors::parse;
use crate::made_up::made_up;
use crate::models::{
    claim_model, held_model, lookup_model, natural, number, renew_model, time_model, words,
};
use crate::records::record;

fn acme() -> Name {
    Name::new("acme").unwrap()
}

/// What is refused is refused as corrupt.
fn agree<T: PartialEq + std::fmt::Debug>(ours: Result<T, Kind>, model: Option<T>, value: &Value) {
    assert_eq!(ours, model.ok_or(Kind::Corrupt), "{value:?}");
}

fn scan(value: Value) {
    let right = match words(&value) {
        [cursor, Value::Array(keys)] => {
            let text = |key: &Value| matches!(key, Value::BulkString(_));
            number(cursor).is_some() && keys.iter().all(text)
        }
        _ => false,
    };
    let read = read::scan(value.clone(), acme(), 16);
    assert_eq!(read.is_ok(), right, "{value:?}");
    let Ok((next, keys)) = read else { return };
    assert_ne!(next, Some(0));
    for (text, key) in keys {
        assert!(text.starts_with("wh:acme:{"), "{text}");
        if let Some(key) = key {
            assert_eq!(read::place(&key, acme(), 16), (text, None));
        }
    }
}

/// Nothing is called sound that the server did not say in so many words.
fn judged(report: &RedisReport, said: &[u8]) {
    let says = |word: &str| said.windows(word.len()).any(|part| part == word.as_bytes());
    let settings = [
        RedisSetting::Eviction,
        RedisSetting::Persistence,
        RedisSetting::Replication,
    ];
    let found: Vec<_> = report
        .findings()
        .iter()
        .map(|finding| finding.setting())
        .collect();
    assert_eq!(found, settings);
    for finding in report.findings() {
        assert!(!finding.found().is_empty() && !finding.risk().is_empty());
        if finding.verdict() == RedisVerdict::Sound {
            match finding.setting() {
                RedisSetting::Eviction => assert!(says("noeviction"), "{finding}"),
                RedisSetting::Persistence => assert!(says("always"), "{finding}"),
                _ => {
                    let counts = finding
                        .found()
                        .split(|c: char| !c.is_ascii_alphanumeric())
                        .filter_map(|word| word.parse::<u64>().ok())
                        .filter(|count| *count > 0);
                    assert!(counts.count() >= 2, "{finding}");
                }
            }
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((selector, rest)) = input.split_first() else {
        return;
    };
    match selector {
        b'+' => {
            let _ = made_up(rest);
            return;
        }
        b'v' => return record(rest),
        _ => {}
    }
    let Some(value) = parse(rest) else { return };
    match selector {
        b'c' => agree(read::claim(value.clone()), claim_model(&value), &value),
        b'h' => agree(read::held(&value), held_model(&value), &value),
        b'0'..=b'9' => {
            let asked = usize::from(selector - b'0');
            agree(
                read::renew(value.clone(), asked),
                renew_model(&value, asked),
                &value,
            );
        }
        b'l' => {
            agree(read::lookup(value.clone()), lookup_model(&value), &value);
            if let Some((_, Some(stored))) = lookup_model(&value) {
                record(&stored);
            }
        }
        b'p' => agree(read::peek(&value), natural(&value), &value),
        b't' => agree(read::time(value.clone()), time_model(&value), &value),
        b'k' => scan(value),
        b'i' => judged(&read::report(Some(value), []), rest),
        _ => {
            let info = b"$27\r\nconnected_slaves:1\r\na:b\r\nc:\r\n";
            judged(&read::report(parse(info), [value]), rest);
        }
    }
});
