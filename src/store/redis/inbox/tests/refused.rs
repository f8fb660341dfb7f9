//! What a take cannot use: an order key that cannot be read, a rate that cannot be used.

use super::*;
use crate::event::{Order, OrderKey, Version};
use crate::store::redis::inbox::place::{OrderPlace, order_hash};

/// An event of this order key.
fn ordered(id: &str, order: &str) -> Accept {
    let order = OrderKey::new([order]).unwrap();
    Accept {
        order: Some(Box::new(Order::new(order, Some(Version::new(1))))),
        ..accept(id, id)
    }
}

/// The key that holds the state of that order key.
fn order_place(inbox: &RedisInbox, order: &str) -> String {
    let hash = order_hash(&route(), &OrderKey::new([order]).unwrap());
    OrderPlace::of(&inbox.store.layout, &hash).key
}

/// Its holder is unknown: its own events wait, but no others.
#[tokio::test]
async fn an_order_key_of_another_type_keeps_back_no_other_event() {
    for partitions in [1, 16] {
        let server = Server::start();
        let inbox = inbox(&server, partitions).await;
        inbox.accept(&ordered("evt_1", "broken")).await.unwrap();
        let broken = order_place(&inbox, "broken");
        server.ask(&["SET", &broken, "no hash"]);
        // It is queried alone, and among others.
        for (id, order) in [("evt_2", None), ("evt_3", Some("good"))] {
            let event = match order {
                Some(order) => ordered(id, order),
                None => accept(id, id),
            };
            inbox.accept(&event).await.unwrap();
            assert_eq!(taken(&inbox, 1).await, [id]);
            assert!(taken(&inbox, 5).await.is_empty());
        }
        server.ask(&["DEL", &broken]);
        assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
    }
}

#[tokio::test]
async fn what_nobody_has_written_of_an_order_key_counts_as_absent() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    let far = "4000000000000000";
    for (number, fields) in [
        ["v", "short", "u", far],
        ["v", "12345678", "u", "soon"],
        ["s", "soon", "r", "nan"],
        ["u", "inf", "r", "-1"],
        ["n", "no token", "u", far],
    ]
    .iter()
    .enumerate()
    {
        let (id, order) = (format!("evt_{number}"), format!("order {number}"));
        inbox.accept(&ordered(&id, &order)).await.unwrap();
        let place = order_place(&inbox, &order);
        server.ask(&[&["HSET", place.as_str()][..], &fields[..]].concat());
        let take = take(1);
        let taken = inbox.take(&take).await.unwrap();
        assert_eq!(taken.len(), 1, "{fields:?}");
        let finish = Finish::new(key(&id), take.token, Verdict::Done, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        assert_eq!(server.ask(&["HEXISTS", &place, "h"]), "0", "{fields:?}");
    }
    // The holder is unknown, but counts as another entry.
    inbox.accept(&ordered("last", "last")).await.unwrap();
    let place = order_place(&inbox, "last");
    let script = "return redis.call('HSET', KEYS[1], 'h', '\\255', 'n', 'x', 's', '1')";
    server.ask(&["EVAL", script, "1", &place]);
    assert!(taken(&inbox, 1).await.is_empty());
    inbox.accept(&accept("free", "a")).await.unwrap();
    assert_eq!(taken(&inbox, 1).await, ["free"]);
}

/// The rates cannot be used: entries that they limit are not taken, and the others are.
#[tokio::test]
async fn where_the_first_is_refused_the_take_of_one_goes_on() {
    let server = Server::start();
    let (inbox, set_rights) = as_user(&server).await;
    let (acme, shop) = (Name::new("acme").unwrap(), Route::parse("shop").unwrap());
    limited(&inbox, &acme, 9).await;
    for id in ["evt_1", "evt_2"] {
        inbox.accept(&accept(id, id)).await.unwrap();
    }
    let other = Accept {
        key: EventKey::new(shop.provider().clone(), ["other"]).unwrap(),
        route: shop.clone(),
        ..accept("other", "a")
    };
    inbox.accept(&other).await.unwrap();
    set_rights(&["-hset"]);
    // A token that starts with the first route.
    let mut take = take(1);
    take.token = Token::from_bytes([0; 16]);
    take.routes.push(shop);
    let taken = inbox.take(&take).await.unwrap();
    let ids: Vec<_> = taken.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(ids, ["other"]);
    set_rights(&[]);
    assert_eq!(super::taken(&inbox, 5).await, ["evt_1", "evt_2"]);
}

#[tokio::test]
async fn a_hold_that_fails_uses_nothing_of_a_rate() {
    let server = Server::start();
    let (inbox, set_rights) = as_user(&server).await;
    let acme = Name::new("acme").unwrap();
    limited(&inbox, &acme, 1).await;
    inbox.accept(&ordered("evt_1", "order")).await.unwrap();
    set_rights(&["-persist"]);
    inbox.take(&take(1)).await.unwrap_err();
    set_rights(&[]);
    assert_eq!(taken(&inbox, 1).await, ["evt_1"]);
}

/// Another entry has its key by the time it would be held: none of the rate is used for it.
#[tokio::test]
async fn what_is_held_back_at_last_uses_nothing_of_a_rate() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    let acme = Name::new("acme").unwrap();
    limited(&inbox, &acme, 2).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    inbox.accept(&ordered("evt_2", "order")).await.unwrap();
    // The scan's results keep the second entry for a later take.
    assert_eq!(taken(&inbox, 1).await, ["evt_1"]);
    let place = order_place(&inbox, "order");
    let now = UnixTime::now().as_micros().to_string();
    let held = ["h", "0:acme:another", "n", "0123456789abcdef", "s", &now];
    server.ask(&[&["HSET", place.as_str()][..], &held].concat());
    assert!(taken(&inbox, 1).await.is_empty());
    server.ask(&["DEL", &place]);
    assert_eq!(taken(&inbox, 1).await, ["evt_2"]);
}
