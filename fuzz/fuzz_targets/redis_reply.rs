//! Whatever Redis answers: each reader gives what a naive reading gives, or refuses; what the
//! scripts write is read as it was meant, in both protocols, and cut short it is refused.
//!
//! The first byte of the input chooses a reader, or `+` for a record and answers that are made up;
//! the rest is what stands on the wire, or, after `v`, the value of a record.
#![no_main]

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use redis::Value;
use tower_webhook::store::fuzzing::redis as read;
use tower_webhook::store::fuzzing::{Kept, Stage};
use tower_webhook::store::{
    ClaimOutcome, ContentType, Grant, Held, RedisReport, RedisSetting, RedisVerdict,
    StoreErrorKind as Kind, StoredResponse, Token,
};
use tower_webhook::{EventKey, Fingerprint, Name, UnixTime};

fn acme() -> Name {
    Name::new("acme").unwrap()
}

/// As the connection hands it on.
fn parse(wire: &[u8]) -> Option<Value> {
    let parsed = redis::parse_redis_value(wire).and_then(Value::extract_error);
    match parsed {
        Ok(value) => Some(value),
        Err(error) => {
            let failure = read::failure(error);
            if let Some(line) = wire.strip_prefix(b"-") {
                let line = line.split(|b| *b == b'\r').next().unwrap_or_default();
                if let Ok(line) = std::str::from_utf8(line)
                    && wire[1..].starts_with(format!("{line}\r\n").as_bytes())
                {
                    agree_on(line, &failure);
                }
            }
            None
        }
    }
}

/// What an error answer means, by its first word; Redis 6 wraps what a script ran into.
fn agree_on(line: &str, failure: &read::Failure) {
    let (code, detail) = line.split_once(' ').unwrap_or((line, ""));
    let wrapped = ["OOM", "READONLY", "LOADING"].into_iter().find(|code| {
        detail
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == *code)
    });
    let code = wrapped.filter(|_| code == "ERR").unwrap_or(code);
    let (kind, again) = match code {
        "OOM" => (Kind::Full, false),
        "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        | "NOREPLICAS" | "BUSY" | "UNKILLABLE" => (Kind::Unavailable, true),
        "WRONGTYPE" => (Kind::Corrupt, false),
        "NOAUTH" | "WRONGPASS" => (Kind::Refused, true),
        _ => (Kind::Refused, false),
    };
    assert_eq!((failure.kind, failure.again), (kind, again), "{line:?}");
    assert!(failure.changed_nothing, "{line:?}");
    assert_eq!(failure.is_no_script, code == "NOSCRIPT", "{line:?}");
    if failure.is_denied {
        assert!(line.starts_with("ERR") || code == "NOPERM", "{line:?}");
    }
}

fn words(value: &Value) -> &[Value] {
    match value {
        Value::Array(words) => words,
        _ => &[],
    }
}

fn natural(value: &Value) -> Option<u64> {
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
fn claim_model(value: &Value) -> Option<(UnixTime, ClaimOutcome)> {
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

fn held_model(value: &Value) -> Option<(UnixTime, Held)> {
    let told = |number: i64, held| Some((UnixTime::from_micros(number.unsigned_abs()), held));
    match value {
        Value::Int(held @ 1..) => told(*held, Held::Held),
        Value::Int(fenced @ ..=-1) => told(*fenced, Held::Fenced),
        _ => None,
    }
}

fn renew_model(value: &Value, asked: usize) -> Option<(UnixTime, Vec<Held>)> {
    match words(value) {
        [now, codes @ ..] if codes.len() == asked => {
            let codes = codes.iter().map(held).collect::<Option<_>>()?;
            Some((time(now)?, codes))
        }
        _ => None,
    }
}

fn lookup_model(value: &Value) -> Option<(UnixTime, Option<Bytes>)> {
    match words(value) {
        [now, stored] => Some((time(now)?, body(stored)?)),
        _ => None,
    }
}

/// What is refused is refused as corrupt.
fn agree<T: PartialEq + std::fmt::Debug>(ours: Result<T, Kind>, model: Option<T>, value: &Value) {
    assert_eq!(ours, model.ok_or(Kind::Corrupt), "{value:?}");
}

/// A value as `layout.lua` says that it is laid out.
fn encode(kept: &Kept, key: Option<&str>) -> Vec<u8> {
    let mut name = key.map(str::to_owned);
    let (mut flags, tail, body, content_type) = match &kept.stage {
        Stage::Claimed {
            lease_ends,
            lease,
            corrected,
        } => {
            if let Some(lease) = lease {
                let colon = key.map_or(String::new(), |key| format!(":{key}"));
                name = Some(format!("-lease:{}{colon}", lease.as_micros()));
            }
            (
                // Other content is refused where there is any: what has no flag for that has none.
                1 | u8::from(kept.fingerprint.is_some()) << 4 | u8::from(*corrected) << 5,
                lease_ends.as_micros().to_be_bytes().to_vec(),
                None,
                None,
            )
        }
        Stage::Done(StoredResponse {
            status,
            body,
            content_type,
            ..
        }) => (
            2,
            status.to_be_bytes().to_vec(),
            body.clone(),
            content_type.clone(),
        ),
        Stage::Released => (3, Vec::new(), None, None),
    };
    if let Some(it) = content_type {
        name = Some(format!("{}\0{}", name.unwrap_or_default(), it.as_str()));
    }
    flags |= u8::from(kept.fingerprint.is_some()) << 3;
    flags |= u8::from(name.is_some()) << 6;
    flags |= u8::from(body.is_some()) << 7;
    let mut value = vec![1, flags];
    value.extend(kept.token.as_bytes());
    value.extend(kept.kept_until.as_micros().to_be_bytes());
    value.extend(kept.fence.to_be_bytes());
    value.extend(kept.attempt.to_be_bytes());
    value.extend(kept.fingerprint.iter().flat_map(Fingerprint::as_bytes));
    value.extend(tail);
    if let Some(name) = name {
        value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        value.extend(name.as_bytes());
    }
    value.extend(body.unwrap_or_default());
    value
}

/// What stands before the name and the body.
fn without_body(mut kept: Kept) -> Kept {
    match &mut kept.stage {
        Stage::Done(response) => {
            response.body = None;
            response.content_type = None;
        }
        Stage::Claimed { lease, .. } => *lease = None,
        Stage::Released => {}
    }
    kept
}

/// Where the fingerprint stands in a value that has one.
const FINGERPRINT: std::ops::Range<usize> = 38..54;

/// Bytes that are read as a record are those that it would be written as.
fn record(value: &[u8]) {
    let whole = read::record(Bytes::copy_from_slice(value));
    let head = &value[..value.len().min(read::HEAD)];
    let state = read::state(Bytes::copy_from_slice(head));
    if let Some((kept, key)) = whole {
        let name = key.as_ref().map(EventKey::encoded);
        // A claim that says it is bound and has no content is written by nobody, and read as one that
        // is not bound.
        let mut written = value.to_vec();
        if kept.fingerprint.is_none() && matches!(kept.stage, Stage::Claimed { .. }) {
            // An earlier version wrote the content of a claim that was not bound to it.
            if written[1] & 24 == 8 {
                written[1] &= !8;
                written.drain(FINGERPRINT);
            }
            written[1] &= !16;
        }
        assert_eq!(encode(&kept, name.as_deref()), written);
        assert_eq!(state, Some(without_body(kept)));
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

fn time_model(value: &Value) -> Option<UnixTime> {
    match words(value) {
        [secs, micros] => {
            let micros = u128::from(number(secs)?) * 1_000_000 + u128::from(number(micros)?);
            Some(UnixTime::from_micros(micros.try_into().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
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

#[derive(Arbitrary, Debug)]
enum MadeStage {
    Claimed(u64, Option<u64>, bool),
    Done(u16, Option<Vec<u8>>, String),
    Released,
}

#[derive(Arbitrary, Debug)]
struct Made {
    stage: MadeStage,
    token: [u8; 16],
    fingerprint: Option<[u8; 16]>,
    attempt: u32,
    fence: u64,
    kept_until: u64,
    parts: Option<Vec<String>>,
    tenant: bool,
    now: u64,
    cut: usize,
    /// Whether the answers are in the newer protocol.
    newer: bool,
}

/// Writes answers as Redis does.
struct Wire(Vec<u8>, bool);

impl Wire {
    fn array(newer: bool, length: usize) -> Self {
        Self(format!("*{length}\r\n").into_bytes(), newer)
    }

    fn int(mut self, number: u64) -> Self {
        self.0.extend(format!(":{number}\r\n").as_bytes());
        self
    }

    fn bulk(mut self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => {
                self.0.extend(format!("${}\r\n", bytes.len()).as_bytes());
                self.0.extend(bytes);
                self.0.extend(b"\r\n");
            }
            None => self
                .0
                .extend(if self.1 { &b"_\r\n"[..] } else { b"$-1\r\n" }),
        }
        self
    }

    /// The answer and one word more.
    fn and_more(&self) -> Value {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let at = self.0.iter().position(|b| *b == b'\r').unwrap();
        let length: usize = text(&self.0[1..at]).parse().unwrap();
        let head = format!("*{}", length + 1).into_bytes();
        let wire = [&head, &self.0[at..], b":1\r\n"].concat();
        redis::parse_redis_value(&wire).unwrap()
    }

    /// The answer as it is parsed; cut short, it is none.
    fn value(self, cut: usize) -> Value {
        let short = &self.0[..cut % self.0.len()];
        assert!(redis::parse_redis_value(short).is_err());
        redis::parse_redis_value(&self.0).unwrap()
    }
}

fn made_up(bytes: &[u8]) -> arbitrary::Result<()> {
    let made = Made::arbitrary(&mut Unstructured::new(bytes))?;
    let stage = match made.stage {
        MadeStage::Claimed(lease_ends, lease, corrected) => Stage::Claimed {
            lease_ends: UnixTime::from_micros(lease_ends),
            lease: lease.map(Duration::from_micros),
            corrected,
        },
        MadeStage::Done(status, body, content_type) => {
            let content_type = ContentType::new(&content_type).filter(|_| body.is_some());
            let mut response = StoredResponse::new(status).content_type(content_type);
            response.body = body.map(Bytes::from);
            Stage::Done(response)
        }
        MadeStage::Released => Stage::Released,
    };
    let kept = Kept {
        stage,
        token: Token::from_bytes(made.token),
        attempt: made.attempt,
        fence: made.fence,
        fingerprint: made.fingerprint.map(Fingerprint::from_bytes),
        kept_until: UnixTime::from_micros(made.kept_until),
    };
    let key = made
        .parts
        .and_then(|parts| EventKey::new(acme(), parts).ok());
    let key = key.map(|key| key.of_tenant(made.tenant.then(acme)));

    // The place, and what a scan makes of it.
    if let Some(key) = &key {
        let (text, name) = read::place(key, acme(), 16);
        let wire = Wire::array(made.newer, 2).bulk(Some(b"0")).0;
        let wire = [
            wire,
            Wire::array(made.newer, 1).bulk(Some(text.as_bytes())).0,
        ]
        .concat();
        let shown = name.is_none().then(|| key.clone());
        let value = redis::parse_redis_value(&wire).unwrap();
        assert_eq!(
            read::scan(value, acme(), 16),
            Ok((None, vec![(text, shown)]))
        );
        assert!(name.is_none_or(|name| name == key.encoded()));
    }

    // The record, on its way through `lookup`.
    let name = key.as_ref().map(EventKey::encoded);
    let value = encode(&kept, name.as_deref());
    let now = made.now >> 1;
    let at = UnixTime::from_micros(now);
    let answer = Wire::array(made.newer, 2).int(now).bulk(Some(&value));
    assert_eq!(read::lookup(answer.and_more()), Err(Kind::Corrupt));
    let (told, stored) = read::lookup(answer.value(made.cut)).unwrap();
    assert_eq!(told, at);
    assert_eq!(read::record(stored.unwrap()), Some((kept.clone(), key)));
    let head = value[..value.len().min(read::HEAD)].to_vec();
    assert_eq!(read::state(head.into()), Some(without_body(kept.clone())));
    let body = match &kept.stage {
        Stage::Done(response) => response.body.clone(),
        _ => None,
    };
    let most = value.len() - body.as_ref().map_or(0, Bytes::len);
    let short = value[..made.cut % most].to_vec();
    assert_eq!(read::record(short.into()), None);
    if body.is_none() {
        assert_eq!(read::record([value, vec![0]].concat().into()), None);
    }

    // The answer to a claim that finds it.
    let (wire, outcome) = match &kept.stage {
        Stage::Claimed { corrected, .. } => {
            let wire = Wire::array(made.newer, 5)
                .int(1)
                .int(now)
                .int(made.attempt.into());
            let wire = wire
                .bulk(Some(&made.fence.to_be_bytes()))
                .int((*corrected).into());
            let grant = Grant {
                attempt: made.attempt,
                fence: made.fence,
                corrected: *corrected,
            };
            (wire, ClaimOutcome::Claimed(grant))
        }
        Stage::Done(response) => {
            let other = response.status % 2 == 1;
            let content_type = response.content_type.as_ref();
            let wire = Wire::array(made.newer, 4 + usize::from(content_type.is_some()))
                .int(if other { 5 } else { 4 })
                .int(now)
                .int(response.status.into());
            let mut wire = wire.bulk(response.body.as_deref());
            if let Some(content_type) = content_type {
                wire = wire.bulk(Some(content_type.as_str().as_bytes()));
            }
            let outcome = match other {
                true => ClaimOutcome::OtherDone(response.clone()),
                false => ClaimOutcome::Done(response.clone()),
            };
            (wire, outcome)
        }
        Stage::Released => {
            let wire = Wire::array(made.newer, 2).int(2).int(now);
            (wire, ClaimOutcome::InProgress)
        }
    };
    assert_eq!(read::claim(wire.and_more()), Err(Kind::Corrupt));
    assert_eq!(read::claim(wire.value(made.cut)), Ok((at, outcome)));

    // The answer to a finish, and to as many renewals.
    let answers = [("", Ok((at, Held::Held))), ("-", Ok((at, Held::Fenced)))];
    for (sign, outcome) in answers {
        let value = redis::parse_redis_value(format!(":{sign}{now}\r\n").as_bytes()).unwrap();
        let outcome = if now == 0 {
            Err(Kind::Corrupt)
        } else {
            outcome
        };
        assert_eq!(read::held(&value), outcome);
        assert_eq!(read::held(&Value::Array(vec![value])), Err(Kind::Corrupt));
    }
    let wire = Wire::array(made.newer, 3).int(now).int(2).int(1);
    assert_eq!(read::renew(wire.and_more(), 2), Err(Kind::Corrupt));
    let renewed = vec![Held::Fenced, Held::Held];
    assert_eq!(read::renew(wire.value(made.cut), 2), Ok((at, renewed)));
    Ok(())
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
