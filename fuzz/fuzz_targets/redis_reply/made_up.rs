//! A record that is made up, and the answers of the scripts that it leads to.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use redis::Value;
use tower_webhook::store::fuzzing::redis as read;
use tower_webhook::store::fuzzing::{Kept, Stage};
use tower_webhook::store::{
    ClaimOutcome, ContentType, Grant, Held, StoreErrorKind as Kind, StoredResponse, Token,
};
use tower_webhook::{EventKey, Fingerprint, UnixTime};

use crate::acme;
use crate::records::{encode, without_body};
use crate::wire::Wire;

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

pub(crate) fn made_up(bytes: &[u8]) -> arbitrary::Result<()> {
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
