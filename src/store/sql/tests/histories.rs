//! Random histories of several holders and keys, on a store and on the rules over a plain map.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use crate::clock::{Clock, ManualClock, UnixTime};
use crate::event::{EventKey, Fingerprint, Name};
use crate::store::command::{Claim, Complete, ContentType, Counts, Release, Renew, StoredResponse};
use crate::store::record::{Command, Record};
use crate::store::token::Token;
use crate::store::{RecordView, Store};

const KEYS: u8 = 5;

/// An action of one of several holders on one of several keys.
#[derive(Debug, Clone)]
pub(in crate::store) enum Deed {
    Claim {
        key: u8,
        who: u8,
        what: u8,
        lease: u64,
        kept: u64,
    },
    Complete {
        key: u8,
        who: u8,
        what: u8,
        kept: u64,
    },
    Release {
        key: u8,
        who: u8,
        kept: u64,
        begun: bool,
    },
    Renew {
        keys: Vec<u8>,
        who: u8,
        lease: u64,
        kept: u64,
    },
    Forget {
        key: u8,
    },
    /// This many seconds pass, or the clock is set back by as many.
    Pass(i64),
}

pub(in crate::store) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let (key, who, what) = (0..KEYS, 0..3_u8, 0..2_u8);
    let (lease, kept) = (0..40_u64, 0..700_u64);
    let deed = prop_oneof![
        4 => (key.clone(), who.clone(), what.clone(), lease.clone(), kept.clone())
            .prop_map(|(key, who, what, lease, kept)| Deed::Claim { key, who, what, lease, kept }),
        2 => (key.clone(), who.clone(), what, kept.clone())
            .prop_map(|(key, who, what, kept)| Deed::Complete { key, who, what, kept }),
        2 => (key.clone(), who.clone(), kept.clone(), any::<bool>())
            .prop_map(|(key, who, kept, begun)| Deed::Release { key, who, kept, begun }),
        2 => (prop::collection::vec(key.clone(), 0..4), who, lease, kept)
            .prop_map(|(keys, who, lease, kept)| Deed::Renew { keys, who, lease, kept }),
        1 => key.prop_map(|key| Deed::Forget { key }),
        2 => (0..300_i64).prop_map(Deed::Pass),
        1 => (-90..0_i64).prop_map(Deed::Pass),
    ];
    prop::collection::vec(deed, 1..60)
}

/// Some are in the table as they are, others as a hash.
fn key(number: u8) -> EventKey {
    let provider = Name::new("acme").unwrap();
    let tenant = (number % 2 == 1).then(|| Name::new("shop").unwrap());
    let part = match number {
        0 => "evt'\"\\".to_owned(),
        1 => "é\u{1f980}".to_owned(),
        2 => "x".repeat(3_000),
        _ => number.to_string(),
    };
    EventKey::new(provider, [part]).unwrap().of_tenant(tenant)
}

fn token(who: u8) -> Token {
    Token::from_bytes([who; 16])
}

fn content(what: u8) -> Fingerprint {
    Fingerprint::from_bytes([what; 16])
}

fn response(what: u8) -> StoredResponse {
    StoredResponse {
        status: 200 + u16::from(what),
        body: (what > 0).then(|| Bytes::from_static(b"\0\xff ok")),
        content_type: (what > 0).then(|| ContentType::new("text/plain").unwrap()),
    }
}

/// The rules over a plain map.
#[derive(Default)]
struct Plain(HashMap<EventKey, Record>);

impl Plain {
    fn run<C: Command>(&mut self, command: &C, now: UnixTime) -> C::Outcome {
        let step = command.apply(self.0.get(command.key()), now);
        if let Some(record) = step.write {
            self.0.insert(command.key().clone(), record);
        }
        step.outcome
    }

    fn view(&self, key: &EventKey, now: UnixTime) -> Option<RecordView> {
        let record = self.0.get(key).filter(|record| record.is_kept(now));
        record.map(|record| record.view(key.clone(), now))
    }
}

/// Carries the same out on the store, which is empty and uses this clock, and on the plain map.
pub(in crate::store) async fn compare(store: &impl Store, clock: &ManualClock, deeds: Vec<Deed>) {
    let mut plain = Plain::default();
    let secs = Duration::from_secs;
    for deed in deeds {
        let now = clock.now();
        match deed.clone() {
            Deed::Claim {
                key: number,
                who,
                what,
                lease,
                kept,
            } => {
                let command = Claim {
                    key: key(number),
                    token: token(who),
                    fingerprint: content(what),
                    lease: secs(lease),
                    retention: secs(kept),
                };
                let outcome = store.claim(&command).await.unwrap();
                assert_eq!(outcome, plain.run(&command, now), "{deed:?}");
            }
            Deed::Complete {
                key: number,
                who,
                what,
                kept,
            } => {
                let command = Complete {
                    key: key(number),
                    token: token(who),
                    attempt: 7,
                    fence: 1 << 63,
                    fingerprint: content(what),
                    response: response(what),
                    retention: secs(kept),
                };
                let outcome = store.complete(&command).await.unwrap();
                assert_eq!(outcome, plain.run(&command, now), "{deed:?}");
            }
            Deed::Release {
                key: number,
                who,
                kept,
                begun,
            } => {
                let command = Release {
                    begun,
                    ..Release::new(key(number), token(who), secs(kept))
                };
                let outcome = store.release(&command).await.unwrap();
                assert_eq!(outcome, plain.run(&command, now), "{deed:?}");
            }
            Deed::Renew {
                keys,
                who,
                lease,
                kept,
            } => {
                let commands = keys.into_iter().map(|number| Renew {
                    key: key(number),
                    token: token(who),
                    lease: secs(lease),
                    retention: secs(kept),
                });
                let commands: Vec<_> = commands.collect();
                let expected: Vec<_> = commands.iter().map(|it| plain.run(it, now)).collect();
                let outcome = store.renew(&commands).await.unwrap();
                assert_eq!(outcome, expected, "{deed:?}");
            }
            Deed::Forget { key: number } => {
                let known = plain.0.remove(&key(number));
                let expected = known.is_some_and(|record| record.is_kept(now));
                assert_eq!(store.forget(&key(number)).await.unwrap(), expected);
            }
            Deed::Pass(seconds) => {
                let later = now.saturating_add(secs(seconds.max(0).unsigned_abs()));
                clock.set(later.saturating_sub(secs(seconds.min(0).unsigned_abs())));
            }
        }
        let now = clock.now();
        let mut counts = Counts::default();
        let mut unfinished = Vec::new();
        for number in 0..KEYS {
            let expected = plain.view(&key(number), now);
            if let Some(view) = &expected {
                counts.add(&view.state);
                if view.state.is_unfinished() {
                    unfinished.push(view.clone());
                }
            }
            let found = store.lookup(&key(number)).await.unwrap();
            assert_eq!(found, expected, "{deed:?}");
        }
        assert_eq!(store.counts().await.unwrap(), counts, "{deed:?}");
        let provider = Name::new("acme").unwrap();
        let mut listed = store.unfinished(&provider, 100).await.unwrap();
        let by_key = |view: &RecordView| view.key.encoded();
        listed.sort_by_key(by_key);
        unfinished.sort_by_key(by_key);
        assert_eq!(listed, unfinished, "{deed:?}");
    }
}
