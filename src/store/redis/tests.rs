mod calls;
mod first_edition;
mod steps;
#[path = "../../../tests/redis_support/mod.rs"]
mod support;

use std::collections::HashMap;

use bytes::Bytes;

use super::*;
use crate::clock::UnixTime;
use crate::event::Fingerprint;
use crate::store::command::{ContentType, StoredResponse};
use crate::store::record::{Command, Record, State};
use crate::store::token::Token;

use support::dice::Dice;
use support::{Cluster, Server, programs};

/// The longest a test waits for one answer; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

async fn store(server: &Server, partitions: u32) -> RedisStore {
    let builder = RedisStore::builder(server.url()).deadline(PATIENCE);
    builder.partitions(partitions).connect().await.unwrap()
}

/// What Redis did, next to what the rules say.
struct Pair {
    store: RedisStore,
    records: HashMap<EventKey, Record>,
    keys: Vec<EventKey>,
    dice: Dice,
    /// How often each kind of outcome was seen.
    seen: HashMap<String, u32>,
}

const TOKENS: [u8; 4] = [1, 2, 3, 4];
const CONTENTS: [u8; 3] = [7, 8, 9];

impl Pair {
    fn new(store: RedisStore) -> Self {
        let provider = Name::new("acme").unwrap();
        let key = |part: &str| EventKey::new(provider.clone(), [part]).unwrap();
        let long = "\u{e9}\n".repeat(60);
        Self {
            store,
            records: HashMap::new(),
            keys: vec![key("a"), key("b"), key("c"), key("{d}"), key(&long)],
            dice: Dice::seeded(),
            seen: HashMap::new(),
        }
    }

    fn key(&mut self) -> EventKey {
        self.dice.one_of(&self.keys)
    }

    fn token(&mut self) -> Token {
        Token::from_bytes([self.dice.one_of(&TOKENS); 16])
    }

    fn content(&mut self) -> Fingerprint {
        Fingerprint::from_bytes([self.dice.one_of(&CONTENTS); 16])
    }

    /// Short ones end between two steps, and now and then within one.
    fn span(&mut self) -> Duration {
        Duration::from_micros(self.dice.one_of(&[0, 1, 300, 1_500, 4_000, 60_000_000]))
    }

    fn response(&mut self) -> StoredResponse {
        let body = self.dice.one_of(&[
            None,
            None,
            Some(Bytes::new()),
            Some(Bytes::from_static(b"\0\r\n$-1\r\n\xff")),
            Some(vec![b'x'; 3_000].into()),
        ]);
        let longest = "x".repeat(ContentType::MAX_LEN);
        let content_type = self.dice.one_of(&["", "text/plain", &longest]);
        StoredResponse {
            status: self.dice.one_of(&[200, 204, 0, u16::MAX]),
            content_type: ContentType::new(content_type).filter(|_| body.is_some()),
            body,
        }
    }

    /// Lets the rules decide as Redis did, at the time that Redis went by.
    #[track_caller]
    fn agrees<C: Command>(&mut self, command: &C, answer: &Answer<C::Outcome>, what: &str)
    where
        C::Outcome: PartialEq + std::fmt::Debug,
    {
        let step = command.apply(self.records.get(command.key()), answer.now);
        assert_eq!(answer.outcome, step.outcome, "{what}");
        let wrote = step.write.is_some();
        if let Some(record) = step.write {
            self.records.insert(command.key().clone(), record);
        }
        let outcome = format!("{:?}", step.outcome);
        let outcome = outcome
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap();
        let what = what.split(' ').next().unwrap();
        let kind = format!("{what} {outcome}{}", if wrote { ", written" } else { "" });
        *self.seen.entry(kind).or_default() += 1;
    }

    async fn step(&mut self) {
        match self.dice.roll(100) {
            0..40 => {
                let claim = Claim {
                    key: self.key(),
                    token: self.token(),
                    fingerprint: self.content(),
                    lease: self.span(),
                    retention: self.span(),
                };
                for _ in 0..=self.dice.roll(2) {
                    let answer = self.store.claim_at(&claim).await.unwrap();
                    self.agrees(&claim, &answer, &format!("claim {claim:?}"));
                }
            }
            40..60 => {
                let complete = Complete {
                    key: self.key(),
                    token: self.token(),
                    attempt: self.dice.one_of(&[1, 2, u32::MAX - 1, u32::MAX]),
                    fence: self.dice.one_of(&[
                        0,
                        1,
                        (1 << 32) - 1,
                        (1 << 53) + 1,
                        UnixTime::now().as_micros() | 0xffff_ffff,
                        u64::MAX - 1,
                        u64::MAX,
                    ]),
                    fingerprint: self.content(),
                    response: self.response(),
                    retention: self.span(),
                };
                for _ in 0..=self.dice.roll(2) {
                    let answer = self.store.complete_at(&complete).await.unwrap();
                    self.agrees(&complete, &answer, &format!("complete {complete:?}"));
                }
            }
            60..75 => {
                let release = Release {
                    key: self.key(),
                    token: self.token(),
                    retention: self.span(),
                };
                for _ in 0..=self.dice.roll(2) {
                    let answer = self.store.release_at(&release).await.unwrap();
                    self.agrees(&release, &answer, &format!("release {release:?}"));
                }
            }
            75..94 => self.renew_some().await,
            94..97 => {
                let key = self.key();
                self.store.forget(&key).await.unwrap();
                self.records.remove(&key);
            }
            97 => self.plant().await,
            _ => tokio::time::sleep(self.span().min(Duration::from_millis(4))).await,
        }
    }

    /// Puts a record there whose numbers no history of today leads to: a fence ahead of the clock,
    /// the last attempt that can be counted, a lease from before the clock was set back.
    async fn plant(&mut self) {
        let key = self.key();
        let (token, fingerprint) = (self.token(), self.content());
        let ahead = self.dice.one_of(&[1, 60, 3_600]);
        let claimed = State::Claimed {
            token,
            lease_ends: in_secs(ahead),
            lease: self.dice.one_of(&[
                None,
                Some(Duration::ZERO),
                Some(Duration::from_micros(300)),
                Some(Duration::from_micros(4_000)),
                Some(Duration::from_secs(30)),
            ]),
            corrected: false,
        };
        let record = Record {
            state: self.dice.one_of(&[State::Released { token }, claimed]),
            attempt: self.dice.one_of(&[1, u32::MAX - 1, u32::MAX]),
            fence: self.dice.one_of(&[
                (1 << 32) - 1,
                UnixTime::now().as_micros() | 0xffff_ffff,
                (1 << 53) + 1,
                u64::MAX - 1,
                u64::MAX,
            ]),
            fingerprint: Some(fingerprint),
            kept_until: in_secs(7_200),
        };
        put(&self.store, &key, &record).await;
        self.records.insert(key, record);
    }

    /// One call for several keys, some of them twice.
    async fn renew_some(&mut self) {
        let renewals: Vec<_> = (0..=self.dice.roll(6))
            .map(|_| Renew {
                key: self.key(),
                token: self.token(),
                lease: self.span(),
                retention: self.span(),
            })
            .collect();
        let placed: Vec<_> = renewals
            .iter()
            .map(|renew| (renew, self.store.place(&renew.key)))
            .collect();
        let Answer { outcome, now } = self.store.renew_at(&placed).await.unwrap();
        for (renew, outcome) in renewals.iter().zip(outcome) {
            let answer = Answer { outcome, now };
            self.agrees(renew, &answer, &format!("renew {renew:?}"));
        }
    }

    /// Every record as Redis keeps it is the one of the rules.
    async fn compare(&mut self) {
        for key in &self.keys {
            let call = Call::lookup(&self.store.place(key));
            let value = self.store.link.call(&call).await.unwrap();
            let Answer { outcome, now } = scripts::lookup_answer(value).unwrap();
            let record = self.records.get(key);
            match outcome {
                Some(value) => {
                    let stored = codec::decode(value).unwrap();
                    assert_eq!(Some(&stored.record), record, "{key:?}");
                    let hashed = self.store.place(key).name.is_some();
                    assert_eq!(stored.key.as_ref(), hashed.then_some(key));
                }
                None => assert!(
                    record.is_none_or(|record| !record.is_kept(now)),
                    "{key:?}: Redis has lost {record:?} at {now:?}"
                ),
            }
        }
    }
}

/// So long from now, to the microsecond, as it is written.
fn in_secs(secs: u64) -> UnixTime {
    let then = UnixTime::now().saturating_add(Duration::from_secs(secs));
    UnixTime::from_micros(then.as_micros())
}

/// Writes a released record, or a claimed one, as `layout.lua` says.
async fn put(store: &RedisStore, key: &EventKey, record: &Record) {
    let place = store.place(key);
    let mut name = place.name;
    let (flags, token, lease_ends) = match record.state {
        State::Claimed {
            token,
            lease_ends,
            lease,
            ..
        } => {
            if let Some(lease) = lease {
                let colon = name.map_or(String::new(), |name| format!(":{name}"));
                name = Some(format!("-lease:{}{colon}", lease.as_micros()));
            }
            (1 | 8 | 16, token, Some(lease_ends))
        }
        State::Released { token } => (3 | 8, token, None),
        State::Done { .. } => panic!("a finished one is written by the store"),
    };
    let mut value = vec![1, flags | if name.is_some() { 64 } else { 0 }];
    value.extend(token.as_bytes());
    value.extend(record.kept_until.as_micros().to_be_bytes());
    value.extend(record.fence.to_be_bytes());
    value.extend(record.attempt.to_be_bytes());
    value.extend(record.fingerprint.unwrap().as_bytes());
    value.extend(
        lease_ends
            .iter()
            .flat_map(|end| end.as_micros().to_be_bytes()),
    );
    if let Some(name) = name {
        value.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        value.extend(name.as_bytes());
    }
    let mut set = redis::cmd("SET");
    set.arg(place.key).arg(value);
    let set = &set;
    let ask = |mut conn: connection::Conn| async move { conn.ask(set).await };
    store.link.run(ask).await.unwrap();
}

#[tokio::test]
async fn redis_does_what_the_rules_say_on_random_histories() {
    for program in programs() {
        let server = Server::of(program, &[]);
        // One partition, so that renewals of several keys go in one call.
        let mut pair = Pair::new(store(&server, 1).await);
        for number in 0..20_000 {
            pair.step().await;
            if number % 4 == 0 {
                pair.compare().await;
            }
            if number % 5_000 == 0 {
                server.ask(&["SCRIPT", "FLUSH"]);
            }
        }
        pair.compare().await;
        let seen = &pair.seen;
        for kind in [
            "claim Claimed, written",
            "claim InProgress",
            "claim OtherInProgress",
            "claim Done",
            "claim OtherDone",
            "complete Held, written",
            "complete Held",
            "complete Fenced",
            "release Held, written",
            "release Held",
            "release Fenced",
            "renew Held, written",
            "renew Fenced",
        ] {
            assert!(
                seen.get(kind).is_some_and(|times| *times > 100),
                "{kind}: {seen:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_finished_record_takes_little_more_than_a_plain_value() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let provider = Name::new("blendfi").unwrap();
    let (mut ours, mut plain) = (0, 0);
    for number in 0..500 {
        let key = EventKey::new(provider.clone(), [format!("evt_{number:010}")]).unwrap();
        let (token, fingerprint) = (Token::random().unwrap(), Fingerprint::of(&[1]));
        let retention = Duration::from_secs(72 * 3_600);
        let claim = Claim {
            key: key.clone(),
            token,
            fingerprint,
            lease: Duration::from_secs(15),
            retention,
        };
        store.claim(&claim).await.unwrap();
        let complete = Complete {
            key: key.clone(),
            token,
            attempt: 1,
            fence: 1,
            fingerprint,
            response: StoredResponse {
                status: 200,
                body: None,
                content_type: None,
            },
            retention,
        };
        store.complete(&complete).await.unwrap();
        let key = store.place(&key).key;
        let memory = |key: &str| -> u64 { server.ask(&["MEMORY", "USAGE", key]).parse().unwrap() };
        ours += memory(&key);
        // A key of the same length.
        let other = key.replacen("wh", "zz", 1);
        server.ask(&["SET", &other, &"v".repeat(34), "PX", "259200000"]);
        plain += memory(&other);
    }
    eprintln!("{ours} bytes, plain {plain} bytes");
    assert!(ours * 100 <= plain * 115, "{ours} against {plain}");
}

#[tokio::test]
async fn redis_drops_a_record_when_its_retention_is_over() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
    let place = store.place(&key).key;
    let ttl = || -> u64 { server.ask(&["PTTL", &place]).parse().unwrap() };
    let mut claim = Claim {
        key,
        token: Token::random().unwrap(),
        fingerprint: Fingerprint::of(b"a"),
        lease: Duration::from_secs(1_000),
        retention: Duration::from_secs(10),
    };
    store.claim(&claim).await.unwrap();
    assert!(
        (900_000..=1_001_000).contains(&ttl()),
        "not before the lease is over"
    );
    claim.retention = Duration::from_secs(5_000);
    store.claim(&claim).await.unwrap();
    assert!((4_900_000..=5_001_000).contains(&ttl()));
    let release = Release {
        key: claim.key,
        token: claim.token,
        retention: Duration::from_secs(100),
    };
    store.release(&release).await.unwrap();
    assert!((90_000..=100_001).contains(&ttl()));
}
