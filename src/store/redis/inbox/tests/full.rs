//! A Redis that is out of memory, and which parts of a take are refused.

use super::*;
use crate::event::{Order, OrderKey, Version};

/// An event of this provider and this order key.
fn ordered(provider: &str, id: &str) -> Accept {
    let order = OrderKey::new([id]).unwrap();
    Accept {
        key: EventKey::new(Name::new(provider.to_owned()).unwrap(), [id]).unwrap(),
        route: Route::parse(provider).unwrap(),
        order: Some(Box::new(Order::new(order, Some(Version::new(1))))),
        ..accept(id, id)
    }
}

async fn sets_both_rates(inbox: &RedisInbox, provider: &Name) {
    let rate = Rate::new(5, DAY).unwrap();
    for of in [RateOf::Provider, RateOf::EachOrderKey] {
        assert!(inbox.set_rate(provider, of, Some(rate)).await.unwrap());
    }
}

#[tokio::test]
async fn a_redis_that_is_full_hands_out_what_has_an_order_key_or_a_rate_too() {
    for partitions in [1, 4] {
        let server = Server::with(&["--maxmemory-policy", "noeviction"]);
        let inbox = inbox(&server, partitions).await;
        let shop = Name::new("shop").unwrap();
        sets_both_rates(&inbox, &shop).await;
        for id in ["free_1", "free_2"] {
            inbox.accept(&accept(id, "a")).await.unwrap();
        }
        for (provider, id) in [("acme", "ordered"), ("shop", "rated")] {
            inbox.accept(&ordered(provider, id)).await.unwrap();
        }
        server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        let mut take = take(10);
        take.routes.push(Route::parse("shop").unwrap());
        let taken = inbox.take(&take).await.unwrap();
        let mut ids: Vec<_> = taken.iter().map(|it| it.key.to_string()).collect();
        ids.sort();
        assert_eq!(ids, ["free_1", "free_2", "ordered", "rated"]);
        for entry in taken {
            let finish = Finish::new(entry.key, take.token, Verdict::Done, DAY);
            assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        }
        let places = server.ask(&["KEYS", "wh:*:~o:*"]);
        assert_eq!(places.lines().count(), 2);
        for place in places.lines() {
            assert_eq!(server.ask(&["HMGET", place, "h", "n"]).trim(), "");
            assert_eq!(server.ask(&["HEXISTS", place, "v"]), "1");
        }
    }
}

#[tokio::test]
async fn a_redis_that_is_full_pauses_and_resumes_and_sets_rates() {
    let server = Server::with(&["--maxmemory-policy", "noeviction"]);
    let inbox = inbox(&server, 4).await;
    inbox.accept(&accept("evt_1", "a")).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let acme = Name::new("acme").unwrap();
    assert!(inbox.set_paused(&acme, true).await.unwrap());
    assert_eq!(inbox.paused().await.unwrap(), std::slice::from_ref(&acme));
    assert!(taken(&inbox, 5).await.is_empty());
    assert!(inbox.set_paused(&acme, false).await.unwrap());
    sets_both_rates(&inbox, &acme).await;
    assert_eq!(inbox.rates().await.unwrap().len(), 2);
    assert_eq!(taken(&inbox, 5).await, ["evt_1"]);
}

#[tokio::test]
async fn a_hold_that_is_refused_keeps_back_its_own_events_alone() {
    let server = Server::start();
    let (inbox, set_rights) = as_user(&server).await;
    for id in ["ordered_1", "ordered_2"] {
        inbox.accept(&ordered("acme", id)).await.unwrap();
    }
    for id in ["free_1", "free_2", "free_3"] {
        inbox.accept(&accept(id, "a")).await.unwrap();
    }
    set_rights(&["-hset"]);
    // The first entry is refused, and does not block the others.
    assert_eq!(taken(&inbox, 1).await, ["free_1"]);
    assert_eq!(taken(&inbox, 5).await, ["free_2", "free_3"]);
    // If there is nothing else, the error is returned.
    inbox.take(&take(5)).await.unwrap_err();
    let places = server.ask(&["KEYS", "wh:*:~o:*"]);
    assert_eq!(places.trim(), "", "what is refused changes nothing");
    set_rights(&[]);
    assert_eq!(taken(&inbox, 5).await, ["ordered_1", "ordered_2"]);
}
