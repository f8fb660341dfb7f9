//! What an error answer means, by its first word.

use redis::Value;
use tower_webhook::store::StoreErrorKind as Kind;
use tower_webhook::store::fuzzing::redis as read;

/// As the connection hands it on.
pub(crate) fn parse(wire: &[u8]) -> Option<Value> {
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

/// What an error answer means, by its first word; Redis 6 wraps what a script ran into, and who has no
/// place among its clients is told so in a sentence.
fn agree_on(line: &str, failure: &read::Failure) {
    let (code, detail) = line.split_once(' ').unwrap_or((line, ""));
    let wrapped = ["OOM", "READONLY", "LOADING"].into_iter().find(|code| {
        detail
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == *code)
    });
    let code = wrapped.filter(|_| code == "ERR").unwrap_or(code);
    let is_crowded = code == "ERR" && detail.starts_with("max number of clients");
    let (kind, again) = match code {
        _ if is_crowded => (Kind::Unavailable, true),
        "OOM" => (Kind::Full, false),
        "READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        | "NOREPLICAS" | "BUSY" | "UNKILLABLE" | "MAXCLIENTS" => (Kind::Unavailable, true),
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
