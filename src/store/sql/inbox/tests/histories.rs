//! Random histories, on an inbox and on the rules over a plain map.

use proptest::prelude::*;

use super::*;
use crate::clock::{Clock, ManualClock, UnixTime};
use crate::event::{Order, OrderKey, Version};
use crate::inbox::{
    Discard, EntryStatus, Extend, Finish, List, MemoryInbox, Rate, RateOf, Redrive, Verdict,
};

pub(in crate::store) const START: UnixTime = UnixTime::from_secs(1_777_899_600);

#[derive(Debug, Clone)]
pub(in crate::store) enum Deed {
    Accept {
        id: u8,
        what: u8,
        own: bool,
        order: Option<(u8, Option<i64>, bool)>,
    },
    Take {
        who: u8,
        limit: usize,
        bytes: usize,
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
        of: RateOf,
        entries: u32,
    },
    Pass {
        secs: u64,
    },
}

/// One of two order keys, with a version or none.
fn orders() -> impl Strategy<Value = Option<(u8, Option<i64>, bool)>> {
    let order = (0..2_u8, prop::option::of(-1..3_i64), any::<bool>());
    prop::option::weighted(0.8, order)
}

pub(in crate::store) fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let (id, who) = (|| 0..6_u8, || 0..4_u8);
    let deed = prop_oneof![
        6 => (id(), 0..3_u8, any::<bool>(), orders())
            .prop_map(|(id, what, own, order)| Deed::Accept { id, what, own, order }),
        4 => (who(), 0..5_usize, 0..200_usize, (prop::bool::weighted(0.2), any::<bool>()), 0..20_u64)
            .prop_map(|(who, limit, bytes, (lone, begin), lease)| {
                Deed::Take { who, limit, bytes, lone, begin, lease }
            }),
        6 => (id(), who()).prop_map(|(id, who)| Deed::Begin { id, who }),
        1 => (prop::collection::vec(id(), 0..4), who())
            .prop_map(|(ids, who)| Deed::Extend { ids, who }),
        5 => (id(), who(), 0..5_u8, 0..20_u64)
            .prop_map(|(id, who, end, after)| Deed::Finish { id, who, end, after }),
        2 => (id(), any::<bool>()).prop_map(|(id, force)| Deed::Redrive { id, force }),
        1 => id().prop_map(|id| Deed::Discard { id }),
        1 => id().prop_map(|id| Deed::Forget { id }),
        1 => any::<bool>().prop_map(|paused| Deed::Pause { paused }),
        1 => (any::<bool>(), 0..4_u32).prop_map(|(all, entries)| Deed::Rate {
            of: if all { RateOf::Provider } else { RateOf::EachOrderKey },
            entries,
        }),
        4 => prop_oneof![0..25_u64, Just(400), Just(86_400)].prop_map(|secs| Deed::Pass { secs }),
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
    // One is hashed in its row.
    let part = if id == 5 {
        "é".repeat(90)
    } else {
        format!("evt_{id}")
    };
    let key = EventKey::new(Name::new(provider).unwrap(), [part]).unwrap();
    (key, Route::parse(route).unwrap())
}

fn token(who: u8, begun: bool) -> Token {
    Token::from_bytes([who + 100 * u8::from(begun); 16])
}

/// The result of a deed as text, to compare two inboxes.
async fn said(inbox: &impl Inbox, deed: &Deed, clock: &ManualClock) -> String {
    match deed {
        Deed::Accept {
            id,
            what,
            own,
            order,
        } => {
            let (key, route) = event(*id);
            let body = vec![*what; usize::from(*what) * 50];
            let order = order.map(|(key, version, dead_hold_back)| {
                let key = OrderKey::new([format!("order {key}")]).unwrap();
                let mut order = Order::new(key, version.map(Version::new));
                order.dead_hold_back = dead_hold_back;
                Box::new(order)
            });
            let accept = Accept {
                order,
                key,
                route,
                fingerprint: Fingerprint::from_bytes([*what; 16]),
                has_own_id: *own,
                content: Content::new(Bytes::from_static(b"{}"), Bytes::from(body)),
                revive_every: Duration::from_secs(60),
                was_held: false,
            };
            format!("{:?}", inbox.accept(&accept).await.unwrap())
        }
        Deed::Take {
            who,
            limit,
            bytes,
            lone,
            begin,
            lease,
        } => {
            let routes = ["acme", "acme/mail", "shop#cards"];
            let routes = routes.map(|route| Route::parse(route).unwrap()).into();
            let mut take = Take::new(
                routes,
                token(*who, *begin),
                *limit,
                Duration::from_secs(*lease),
            );
            (take.max_bytes, take.lone, take.max_attempts) = (*bytes, *lone, 3);
            take.begin = *begin;
            format!("{:?}", inbox.take(&take).await.unwrap())
        }
        Deed::Begin { id, who } => {
            let begin = Begin::new(event(*id).0, token(*who, false), token(*who, true), LEASE);
            format!("{:?}", inbox.begin(&begin).await.unwrap())
        }
        Deed::Extend { ids, who } => {
            let extend = |id: &u8| Extend::new(event(*id).0, token(*who, true), LEASE);
            let extensions: Vec<_> = ids.iter().map(extend).collect();
            format!("{:?}", inbox.extend(&extensions).await.unwrap())
        }
        Deed::Finish {
            id,
            who,
            end,
            after,
        } => {
            let after = Duration::from_secs(*after);
            let end = match end {
                0 => Verdict::Done,
                1 => Verdict::Retry {
                    after,
                    reason: "closed\0é'".to_owned(),
                },
                2 => Verdict::GiveBack { after },
                3 => Verdict::Mismatched,
                _ => Verdict::Bury {
                    reason: "no".to_owned(),
                },
            };
            let finish = Finish::new(event(*id).0, token(*who, true), end, DAY);
            format!("{:?}", inbox.finish(&finish).await.unwrap())
        }
        Deed::Redrive { id, force } => {
            let mut redrive = Redrive::new(event(*id).0);
            redrive.token = Some(Token::from_bytes([*id; 16]));
            redrive.force = *force;
            format!("{:?}", inbox.redrive(&redrive).await.unwrap())
        }
        Deed::Discard { id } => {
            let discard = Discard::new(event(*id).0, DAY);
            format!("{:?}", inbox.discard(&discard).await.unwrap())
        }
        Deed::Forget { id } => format!("{:?}", inbox.forget(&event(*id).0).await.unwrap()),
        Deed::Pause { paused } => {
            let provider = Name::new("shop").unwrap();
            format!("{:?}", inbox.set_paused(&provider, *paused).await.unwrap())
        }
        Deed::Rate { of, entries } => {
            let provider = Name::new("shop").unwrap();
            let rate = Rate::new(*entries, Duration::from_secs(60)).ok();
            format!("{:?}", inbox.set_rate(&provider, *of, rate).await.unwrap())
        }
        Deed::Pass { .. } => format!("{:?}", clock.now()),
    }
}

/// The visible state of an inbox.
async fn seen(inbox: &impl Inbox) -> String {
    let (counts, rates) = (inbox.counts().await, inbox.rates().await);
    let mut seen = format!("{:?} {:?} ", counts.unwrap(), rates.unwrap());
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
    seen
}

/// Carries the same out on both, and compares their answers and contents.
///
/// # Panics
///
/// They differ.
pub(in crate::store) async fn compare(inbox: &impl Inbox, clock: &ManualClock, deeds: Vec<Deed>) {
    clock.set(START);
    let memory = MemoryInbox::with_clock(clock.clone());
    for (step, deed) in deeds.iter().enumerate() {
        if let Deed::Pass { secs } = deed {
            clock.advance(Duration::from_secs(*secs));
        }
        let told = said(inbox, deed, clock).await;
        assert_eq!(told, said(&memory, deed, clock).await, "{step} {deed:?}");
    }
    assert_eq!(seen(inbox).await, seen(&memory).await);
}
