//! What a sender publishes, fetched over a real connection, and who is let in by it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::http::Request;
use crate::support::server::Server;
use axum::Router;
use axum::routing::get;
use tower_webhook::source::AddressFeed;
use tower_webhook::{Allowlist, FeedRefresher, TrustedProxies};

use super::{Bloquo, Peer, REFUSED, UNRESOLVED};

#[tokio::test]
async fn a_published_list_lets_its_networks_in_once_it_was_read() {
    let published = Arc::new(Mutex::new(String::from("busy")));
    let served = Arc::clone(&published);
    let page = get(move || std::future::ready(served.lock().unwrap().clone()));
    let publisher = Server::start(Router::new().route("/ranges.json", page)).await;
    let at = publisher.address;

    let feed = AddressFeed::json("https://hooks.example/ranges.json", "/hooks");
    let list = Allowlist::of_feeds([feed]).unwrap();
    let refresh = |list: &Allowlist| {
        FeedRefresher::new(list, move |url: Arc<str>| async move {
            assert_eq!(&*url, "https://hooks.example/ranges.json");
            let answer = Request::new("GET", "/ranges.json").send(at).await;
            Ok::<_, std::io::Error>(answer.body)
        })
        .start()
        .unwrap();
    };
    let inside = Peer::Mock("203.0.113.9");
    let bloquo = Bloquo::start(list.clone(), TrustedProxies::none(), inside).await;

    // Another form than declared: nobody is let in, and nobody refused for good.
    refresh(&list);
    bloquo.expect(&[], Err(UNRESOLVED)).await;

    r#"{"hooks":["203.0.113.0/28","10.0.0.0/8"]}"#.clone_into(&mut published.lock().unwrap());
    refresh(&list);
    bloquo.until_let_in().await;
    let elsewhere = Peer::Mock("203.0.113.16");
    let bloquo = Bloquo::start(list.clone(), TrustedProxies::none(), elsewhere).await;
    bloquo.expect(&[], Err(REFUSED)).await;
    // Whatever is published, our own network is no sender.
    let inside = Peer::Mock("10.0.0.9");
    let bloquo = Bloquo::start(list, TrustedProxies::none(), inside).await;
    bloquo.expect(&[], Err(REFUSED)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_a_failed_one_and_the_next_one_is_made() {
    let list = Allowlist::of_feeds([AddressFeed::github()]).unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let called = Arc::clone(&calls);
    FeedRefresher::new(&list, move |_: Arc<str>| {
        let call = called.fetch_add(1, Ordering::SeqCst);
        assert!(call != 1, "as a function may");
        async move {
            assert!(call != 0, "as a future may");
            Ok::<_, std::io::Error>(br#"{"hooks":["192.0.2.0/24"]}"#.to_vec())
        }
    })
    .start()
    .unwrap();
    // Half a minute after the first, a minute after the second.
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    tokio::time::sleep(Duration::from_secs(7 * 3_600)).await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}
