//! Random histories, on Redis and on the rules over a plain map. The clock of Redis is advanced in steps,
//! compared with which a history is short.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::amount::short_or_long;
use crate::clock::{Clock, ManualClock};
use crate::event::{Order, OrderKey, Version};
use crate::inbox::MemoryInbox;

/// The unit of all spans, in seconds.
const STEP: u64 = 200;

fn steps(count: u64) -> Duration {
    Duration::from_secs(STEP * count)
}

#[derive(Debug, Clone)]
enum Deed {
    Accept {
        id: u8,
        what: u8,
        own: bool,
        order: Option<(u8, Option<i64>, bool)>,
    },
    Take {
        who: u8,
        limit: usize,
        lone: bool,
        begin: bool,
        lease: u64,
    },
    Begin {
        id: u8,
        who: u8,
    },
    Extend {
        ids: Vec<u8>,
        who: u8,
    },
    Finish {
        id: u8,
        who: u8,
        end: u8,
        after: u64,
    },
    Redrive {
        id: u8,
        force: bool,
    },
    Discard {
        id: u8,
    },
    Forget {
        id: u8,
    },
    Pause {
        paused: bool,
    },
    Rate {
        all: bool,
        entries: u32,
    },
    Pass {
        steps: u64,
    },
}

/// One of two order keys, with a version or none.
fn orders() -> impl Strategy<Value = Option<(u8, Option<i64>, bool)>> {
    let version = prop::option::of(prop_oneof![-1..3_i64, Just(i64::MIN), Just(i64::MAX)]);
    prop::option::weighted(0.7, (0..2_u8, version, any::<bool>()))
}

/// How many, and for how long. Entries that are taken together become due together again, in an arbitrary
/// order, so takes of several entries hold them to the end.
fn takes() -> impl Strategy<Value = (usize, u64)> {
    prop_oneof![
        4 => (0..2_usize, 0..4_u64),
        1 => Just((100, 100_000)),
    ]
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let (id, who) = (|| 0..6_u8, || 0..4_u8);
    let deed = prop_oneof![
        6 => (id(), 0..3_u8, any::<bool>(), orders())
            .prop_map(|(id, what, own, order)| Deed::Accept { id, what, own, order }),
        5 => (who(), takes(), (prop::bool::weighted(0.2), any::<bool>()))
            .prop_map(|(who, (limit, lease), (lone, begin))| {
                Deed::Take { who, limit, lone, begin, lease }
            }),
        7 => (id(), who()).prop_map(|(id, who)| Deed::Begin { id, who }),
        1 => (prop::collection::vec(id(), 0..4), who())
            .prop_map(|(ids, who)| Deed::Extend { ids, who }),
        7 => (id(), who(), 0..5_u8, 0..4_u64)
            .prop_map(|(id, who, end, after)| Deed::Finish { id, who, end, after }),
        2 => (id(), any::<bool>()).prop_map(|(id, force)| Deed::Redrive { id, force }),
        1 => id().prop_map(|id| Deed::Discard { id }),
        1 => id().prop_map(|id| Deed::Forget { id }),
        1 => any::<bool>().prop_map(|paused| Deed::Pause { paused }),
        1 => (any::<bool>(), 0..3_u32).prop_map(|(all, entries)| Deed::Rate { all, entries }),
        4 => prop_oneof![0..5_u64, Just(60)].prop_map(|steps| Deed::Pass { steps }),
    ];
    prop::collection::vec(deed, 1..60)
}

/// Three of one provider by two routes, the others of another one.
fn event(id: u8) -> (EventKey, Route) {
    let (provider, route) = match id {
        0 | 1 => ("acme", "acme"),
        2 => ("acme", "acme/mail"),
        _ => ("shop", "shop#cards"),
    };
    // One is hashed.
    let part = match id {
        5 => "é".repeat(90),
        _ => format!("evt_{id}"),
    };
    let key = EventKey::new(Name::new(provider).unwrap(), [part]).unwrap();
    (key, Route::parse(route).unwrap())
}

fn token(who: u8, begun: bool) -> Token {
    Token::from_bytes([who + 100 * u8::from(begun); 16])
}

fn order((key, version, dead_hold_back): (u8, Option<i64>, bool)) -> Box<Order> {
    let key = OrderKey::new([format!("order {key}")]).unwrap();
    let mut order = Order::new(key, version.map(Version::new));
    order.dead_hold_back = dead_hold_back;
    Box::new(order)
}

/// The result of a deed as text, to compare two inboxes.
async fn said(inbox: &impl Inbox, deed: &Deed) -> String {
    match deed.clone() {
        Deed::Accept {
            id,
            what,
            own,
            order: about,
        } => {
            let (key, route) = event(id);
            let body = vec![what; usize::from(what) * 50];
            let accept = Accept {
                key,
                route,
                fingerprint: Fingerprint::from_bytes([what; 16]),
                has_own_id: own,
                order: about.map(order),
                content: Content::new(Bytes::from_static(b"{}"), Bytes::from(body)),
                revive_every: steps(2),
                was_held: false,
            };
            format!("{:?}", inbox.accept(&accept).await.unwrap())
        }
        Deed::Take {
            who,
            limit,
            lone,
            begin,
            lease,
        } => {
            let routes = ["acme", "acme/mail", "shop#cards"];
            let routes = routes.map(|route| Route::parse(route).unwrap()).into();
            let mut take = Take::new(routes, token(who, begin), limit, steps(lease));
            (take.lone, take.max_attempts, take.begin) = (lone, 3, begin);
            take.retention = steps(30);
            let mut all = Vec::new();
            loop {
                let taken = inbox.take(&take).await.unwrap();
                all.extend(taken.iter().map(|entry| format!("{entry:?}")));
                // If one is held back, how many are taken at once is arbitrary.
                if limit < 2 || taken.is_empty() {
                    break;
                }
            }
            all.sort();
            all.join(" ")
        }
        Deed::Begin { id, who } => {
            let begin = Begin::new(event(id).0, token(who, false), token(who, true), steps(2));
            format!("{:?}", inbox.begin(&begin).await.unwrap())
        }
        Deed::Extend { ids, who } => {
            let extend = |id: &u8| Extend::new(event(*id).0, token(who, true), steps(2));
            let extensions: Vec<_> = ids.iter().map(extend).collect();
            format!("{:?}", inbox.extend(&extensions).await.unwrap())
        }
        Deed::Finish {
            id,
            who,
            end,
            after,
        } => {
            let after = steps(after);
            let end = match end {
                0 => Verdict::Done,
                1 => Verdict::Retry {
                    after,
                    reason: "closed\0é'".to_owned(),
                },
                2 => Verdict::GiveBack { after },
                3 => Verdict::Mismatched,
                _ => bury(),
            };
            let finish = Finish::new(event(id).0, token(who, true), end, steps(40));
            format!("{:?}", inbox.finish(&finish).await.unwrap())
        }
        Deed::Redrive { id, force } => {
            let mut redrive = Redrive::new(event(id).0);
            redrive.token = Some(Token::from_bytes([id; 16]));
            redrive.force = force;
            format!("{:?}", inbox.redrive(&redrive).await.unwrap())
        }
        Deed::Discard { id } => {
            let discard = Discard::new(event(id).0, steps(40));
            format!("{:?}", inbox.discard(&discard).await.unwrap())
        }
        Deed::Forget { id } => format!("{:?}", inbox.forget(&event(id).0).await.unwrap()),
        Deed::Pause { paused } => {
            let provider = Name::new("shop").unwrap();
            format!("{:?}", inbox.set_paused(&provider, paused).await.unwrap())
        }
        Deed::Rate { all, entries } => {
            let provider = Name::new("shop").unwrap();
            let of = if all {
                RateOf::Provider
            } else {
                RateOf::EachOrderKey
            };
            // Its shares are whole steps, too.
            let rate = Rate::new(entries, steps(u64::from(entries) * 2)).ok();
            format!("{:?}", inbox.set_rate(&provider, of, rate).await.unwrap())
        }
        Deed::Pass { .. } => String::new(),
    }
}

/// The visible state of an inbox.
async fn seen(inbox: &impl Inbox) -> String {
    let mut seen = format!("{:?} ", inbox.counts().await.unwrap());
    for id in 0..6 {
        let view = inbox.lookup(&event(id).0).await.unwrap();
        seen.push_str(&format!("{view:?} "));
    }
    for status in EntryStatus::ALL {
        let mut listed: Vec<_> = (inbox.list(&List::of(*status)).await.unwrap().into_iter())
            .map(|view| view.key.encoded())
            .collect();
        // A hashed key has another place.
        listed.sort();
        seen.push_str(&format!("{listed:?} "));
    }
    seen + &format!("{:?} {:?}", inbox.paused().await, inbox.rates().await)
}

/// The same with times in whole steps since the start, and no fences.
fn in_steps(text: &str, start: UnixTime) -> String {
    let mut parts = text.split("UnixTime(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (time, rest) = part.split_once(')').unwrap();
        let (secs, micros) = time.split_once('.').unwrap_or((time, "0"));
        let secs: u64 = secs.parse().unwrap();
        let _: u64 = micros.parse().unwrap();
        let since = secs.saturating_sub(start.as_micros() / 1_000_000);
        out.push_str(&format!("step {}{rest}", since / STEP));
    }
    let mut parts = out.split("fence: ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|it: char| it.is_ascii_digit());
        let is_none = part.starts_with("0");
        plain.push_str(if is_none { "no fence" } else { "fence" });
        plain.push_str(rest);
    }
    plain
}

#[test]
fn redis_does_as_the_rules_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::with_clock();
    let number = std::sync::atomic::AtomicU32::new(0);
    let config = Config {
        cases: short_or_long(50, 150),
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&deeds(), |deeds| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        server.set_clock(0);
        server.ask(&["FLUSHALL"]);
        runtime.block_on(async {
            // In some runs several partitions, so that due entries come from several indexes.
            let builder =
                builder(server.url()).partitions([1, 4][usize::from(number.is_multiple_of(2))]);
            let redis = builder.connect().await.unwrap();
            let start = UnixTime::now();
            let clock = ManualClock::new(start);
            let memory = MemoryInbox::with_clock(clock.clone());
            let mut ahead = 0;
            for (place, deed) in deeds.iter().enumerate() {
                // Later entries are due later.
                clock.advance(Duration::from_millis(1));
                if let Deed::Pass { steps: count } = deed {
                    clock.advance(steps(*count));
                    ahead += i64::try_from(STEP * count).unwrap();
                    server.set_clock(ahead);
                    // This discards the results of earlier scans.
                    redis.hints.changed();
                }
                let ours = in_steps(&said(&redis, deed).await, start);
                let theirs = in_steps(&said(&memory, deed).await, start);
                prop_assert_eq!(ours, theirs, "{} {:?} at {:?}", place, deed, clock.now());
            }
            let ours = in_steps(&seen(&redis).await, start);
            prop_assert_eq!(ours, in_steps(&seen(&memory).await, start));
            Ok(())
        })
    });
    outcome.unwrap();
}
