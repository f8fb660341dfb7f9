//! Receivers of the first edition and of this one together on one Redis. The scripts of the first
//! edition are unchanged.

use redis::{Cmd, Value};

use super::*;

const CLAIM: &str = include_str!("first_edition/claim.lua");
const COMPLETE: &str = include_str!("first_edition/complete.lua");
const RENEW: &str = include_str!("first_edition/renew.lua");
const PEEK: &str = include_str!("first_edition/peek.lua");

/// A lease that ends within a test, and one that does not.
const BRIEF: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

/// The answer of the first edition to a call with these arguments.
async fn then(store: &RedisStore, code: &str, key: &str, words: &[&[u8]]) -> Value {
    let mut eval = Cmd::new();
    eval.arg("EVAL").arg(code).arg(1).arg(key);
    for word in words {
        eval.arg(*word);
    }
    let eval = &eval;
    let ask = |mut conn: connection::Conn| async move { conn.ask(eval).await };
    store.link.run(ask).await.unwrap()
}

async fn stored(store: &RedisStore, key: &EventKey) -> Record {
    let value = store.link.call(&Call::lookup(&store.place(key))).await;
    let answer = scripts::lookup_answer(value.unwrap()).unwrap();
    codec::decode(answer.outcome.unwrap()).unwrap().record
}

fn lease_of(record: &Record) -> Option<Duration> {
    match record.state {
        State::Claimed { lease, .. } => lease,
        _ => None,
    }
}

fn outcome(value: Value) -> ClaimOutcome {
    scripts::claim_answer(value).unwrap().outcome
}

#[tokio::test]
async fn receivers_of_the_first_edition_read_what_this_one_writes_and_the_other_way_round() {
    for program in programs() {
        let server = Server::of(program, &[]);
        let store = store(&server, 16).await;
        for key in &keys() {
            side_by_side(&store, key).await;
        }
    }
}

async fn side_by_side(store: &RedisStore, key: &EventKey) {
    let place = store.place(key);
    let claim = |who: u8, what: u8, lease: Duration| Claim {
        key: key.clone(),
        token: Token::from_bytes([who; 16]),
        fingerprint: Fingerprint::from_bytes([what; 16]),
        lease,
        retention: LONG,
    };
    let renew = |who: u8| Renew {
        key: key.clone(),
        token: Token::from_bytes([who; 16]),
        lease: LONG,
        retention: LONG,
    };
    let name = place.name.as_deref().unwrap_or_default().as_bytes();
    let long = LONG.as_micros().to_string();
    let (long, long_in_redis) = (long.as_bytes(), b"601000");
    let old_claim = async |who: u8, what: u8| {
        let words: [&[u8]; 7] = [
            &[who; 16],
            &[what; 16],
            b"1",
            long,
            long,
            long_in_redis,
            name,
        ];
        outcome(then(store, CLAIM, &place.key, &words).await)
    };

    // A claim of this edition is also one for the first edition, with its content and its end.
    let first = claim(1, 7, BRIEF);
    let ClaimOutcome::Claimed(grant) = store.claim(&first).await.unwrap() else {
        panic!("it is new");
    };
    assert_eq!(lease_of(&stored(store, key).await), Some(BRIEF));
    store.claim(&claim(1, 7, LONG)).await.unwrap();
    assert_eq!(old_claim(2, 7).await, ClaimOutcome::InProgress);
    assert_eq!(old_claim(2, 8).await, ClaimOutcome::OtherInProgress);
    let left = scripts::peek_answer(&then(store, PEEK, &place.key, &[]).await).unwrap();
    assert!(left > 500_000_000, "{left}");
    store.claim(&first).await.unwrap();
    store.wait(key, LONG).await;

    // After its end, the first edition takes it, and continues the count. It writes no length.
    let ClaimOutcome::Claimed(second) = old_claim(2, 8).await else {
        panic!("the lease is over");
    };
    assert_eq!((second.attempt, second.corrected), (2, true));
    assert!(second.fence > grant.fence);
    assert_eq!(lease_of(&stored(store, key).await), None);
    let fenced = store.renew(&[renew(1)]).await.unwrap();
    assert_eq!(fenced, [Held::Fenced]);
    let third = claim(3, 8, LONG);
    assert_eq!(store.claim(&third).await.unwrap(), ClaimOutcome::InProgress);
    let words: [&[u8]; 4] = [&[2; 16], b"", long, long];
    let renewed = then(store, RENEW, &place.key, &words).await;
    let renewed = scripts::renew_answer(renewed, 1).unwrap();
    assert_eq!(renewed.outcome, [Held::Held]);

    // It also finishes it for both.
    let head = [1, 2 | 8 | if name.is_empty() { 0 } else { 64 }];
    let (fence, attempt) = (second.fence.to_be_bytes(), second.attempt.to_be_bytes());
    let grant = [fence.as_slice(), &attempt].concat();
    let length = u32::try_from(name.len()).unwrap().to_be_bytes();
    let length: &[u8] = if name.is_empty() { &[] } else { &length };
    let tail = [&[8; 16], 204_u16.to_be_bytes().as_slice(), length, name].concat();
    let words: [&[u8]; 6] = [&[2; 16], &head, &grant, &tail, long, long_in_redis];
    let held = then(store, COMPLETE, &place.key, &words).await;
    assert_eq!(scripts::held_answer(&held).unwrap().outcome, Held::Held);
    let done = ClaimOutcome::Done(StoredResponse {
        status: 204,
        body: None,
        content_type: None,
    });
    assert_eq!(store.claim(&third).await.unwrap(), done);
}
