//! Events that arrive again by another route: a known event keeps its first route.

use super::*;
use crate::event::{Order, OrderKey};
use crate::store::redis::inbox::place::{OrderPlace, order_hash};

/// An event of one order key, by this route.
fn by(route: &str, id: &str, what: &str) -> Accept {
    let mut order = Order::new(OrderKey::new(["1042"]).unwrap(), None);
    order.dead_hold_back = true;
    Accept {
        route: Route::parse(route).unwrap(),
        order: Some(Box::new(order)),
        revive_every: Duration::ZERO,
        ..accept(id, what)
    }
}

#[tokio::test]
async fn what_is_revived_by_another_route_is_in_the_order_of_its_own() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    for id in ["evt_1", "evt_2"] {
        inbox.accept(&by("acme", id, "a")).await.unwrap();
    }
    let take = take(1);
    inbox.take(&take).await.unwrap();
    let finish = Finish::new(key("evt_1"), take.token, bury(), DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    assert!(taken(&inbox, 5).await.is_empty(), "the dead one holds it");
    let again = by("acme/mail", "evt_1", "b");
    let revived = inbox.accept(&again).await.unwrap();
    assert_eq!(revived, Accepted::Revived);
    // It still holds the key of its own route, and runs alone.
    let run = super::take(5);
    let taken_again = inbox.take(&run).await.unwrap();
    let ids: Vec<_> = taken_again.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(ids, ["evt_1"]);
    let other = order_hash(&again.route, &OrderKey::new(["1042"]).unwrap());
    let other = OrderPlace::of(&inbox.store.layout, &other).key;
    assert_eq!(server.ask(&["EXISTS", &other]), "0");
    let finish = Finish::new(key("evt_1"), run.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    assert_eq!(taken(&inbox, 5).await, ["evt_2"]);
}

#[tokio::test]
async fn what_is_corrected_by_another_route_waits_for_who_runs_of_its_own() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    for id in ["evt_1", "evt_2"] {
        inbox.accept(&by("acme", id, "a")).await.unwrap();
    }
    let run = take(1);
    let first = inbox.take(&run).await.unwrap().remove(0).key;
    assert_eq!(first, key("evt_1"));
    let due = async || taken(&inbox, 5).await;
    assert!(due().await.is_empty());
    // It has failed before, so that other content may replace it.
    let place = inbox.place(&key("evt_2"));
    server.ask(&["SET", &place.history, ""]);
    let corrected = inbox.accept(&by("acme/mail", "evt_2", "b")).await.unwrap();
    assert_eq!(corrected, Accepted::Corrected);
    assert!(due().await.is_empty(), "two of one key");
    let finish = Finish::new(first, run.token, Verdict::Done, DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    assert_eq!(due().await, ["evt_2"]);
}
