//! Random histories on Redis, compared with the rules.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::future::{Either, join_all};

use super::support::dice::Dice;
use super::*;
use crate::amount::short_or_long;
use crate::store::command::ContentType;
use crate::store::record::Command;

/// The state in Redis, next to that of the rules.
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
        Self {
            store,
            records: HashMap::new(),
            keys: keys(),
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

    /// Short ones end between two steps, and occasionally within one.
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

    fn claim(&mut self) -> Claim {
        Claim {
            key: self.key(),
            token: self.token(),
            fingerprint: self.content(),
            lease: self.span(),
            retention: self.span(),
        }
    }

    fn complete(&mut self) -> Complete {
        Complete {
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
        }
    }

    /// Applies the rules to what Redis did, at the time that Redis used, and compares the outcomes.
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
                let claim = self.claim();
                for _ in 0..=self.dice.roll(2) {
                    let answer = self.store.claim_at(&claim).await.unwrap();
                    self.agrees(&claim, &answer, &format!("claim {claim:?}"));
                }
            }
            40..60 => {
                let complete = self.complete();
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
                    begun: self.dice.roll(2) == 0,
                };
                for _ in 0..=self.dice.roll(2) {
                    let answer = self.store.release_at(&release).await.unwrap();
                    self.agrees(&release, &answer, &format!("release {release:?}"));
                }
            }
            75..85 => self.renew_some().await,
            85..94 => self.some_together().await,
            94..97 => {
                let key = self.key();
                self.store.forget(&key).await.unwrap();
                self.records.remove(&key);
            }
            97 => self.plant().await,
            _ => tokio::time::sleep(self.span().min(Duration::from_millis(4))).await,
        }
    }

    /// Writes a record with numbers that no history of this version reaches: a fence ahead of the
    /// clock, the last attempt that can be counted, a lease from before the clock was set back.
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

    /// Claims and completions that arrive at the same time, several of them on one key: the first go
    /// alone, and the others in one call.
    async fn some_together(&mut self) {
        let commands: Vec<_> = (0..3 + self.dice.roll(12))
            .map(|_| match self.dice.roll(2) {
                0 => Either::Left(self.claim()),
                _ => Either::Right(self.complete()),
            })
            .collect();
        let store = self.store.clone();
        let answers = join_all(commands.iter().map(async |command| match command {
            Either::Left(claim) => Either::Left(store.claim_at(claim).await.unwrap()),
            Either::Right(complete) => Either::Right(store.complete_at(complete).await.unwrap()),
        }));
        for (command, answer) in commands.iter().zip(answers.await) {
            match (command, answer) {
                (Either::Left(claim), Either::Left(answer)) => {
                    self.agrees(claim, &answer, &format!("claim together {claim:?}"));
                }
                (Either::Right(complete), Either::Right(answer)) => {
                    self.agrees(
                        complete,
                        &answer,
                        &format!("complete together {complete:?}"),
                    );
                }
                _ => panic!("each has its own answer"),
            }
        }
    }

    /// A kind that was not yet seen this many times.
    fn lacks(&self, times: u32) -> Option<&'static str> {
        let seen = |kind| self.seen.get(kind).copied().unwrap_or_default();
        KINDS.into_iter().find(|kind| seen(*kind) < times)
    }

    /// Checks that every record in Redis is the one of the rules.
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

/// The kinds that a history must contain to be significant.
const KINDS: [&str; 13] = [
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
];

#[tokio::test]
async fn redis_does_what_the_rules_say_on_random_histories() {
    let (steps, times) = short_or_long((4_000, 20), (20_000, 100));
    for program in programs() {
        let server = Server::of(program, &[]);
        // One partition, so that renewals of several keys go in one call.
        let mut pair = Pair::new(store(&server, 1).await);
        let mut number = 0;
        // On a slow machine, more leases end by the next step, and some kinds need more steps.
        while number < steps || (pair.lacks(times).is_some() && number < 10 * steps) {
            pair.step().await;
            if number % 4 == 0 {
                pair.compare().await;
            }
            if number % 1_000 == 0 {
                server.ask(&["SCRIPT", "FLUSH"]);
            }
            number += 1;
        }
        pair.compare().await;
        assert_eq!(pair.lacks(times), None, "{:?}", pair.seen);
    }
}
