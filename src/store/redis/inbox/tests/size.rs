//! How much memory an entry takes in Redis, and for how long.

use super::*;

/// A typical key, the envelope after a signature, and a body of this size.
fn usual(number: u32, body: usize) -> Accept {
    let id = format!("evt_1QkT4kLkdIwHu7ix{number:08}");
    let mut accept = accept(&id, "a");
    let envelope = br#"{"r":1777899600123456,"s":"event","t":1777899600000000,"v":{"k":["key-1"],"t":1777899600000000}}"#;
    accept.content = Content::new(Bytes::from_static(envelope), Bytes::from(vec![b'x'; body]));
    accept
}

fn used(server: &Server) -> u64 {
    server.info("used_memory").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_queued_event_takes_little_more_than_its_body() {
    for program in programs() {
        let server = Server::of(program, &[]);
        let inbox = inbox(&server, 16).await;
        inbox.accept(&accept("warm", "up")).await.unwrap();
        for body in [1_024, 4_096] {
            server.ask(&["FLUSHALL", "SYNC"]);
            let before = used(&server);
            const EVENTS: u32 = 20_000;
            for some in (0..EVENTS).collect::<Vec<_>>().chunks(200) {
                let accepts: Vec<_> = some.iter().map(|it| usual(*it, body)).collect();
                for accepted in join_all(accepts.iter().map(|it| inbox.accept(it))).await {
                    assert_eq!(accepted.unwrap(), Accepted::Queued);
                }
            }
            let each = (used(&server) - before) / u64::from(EVENTS);
            let most = u64::try_from(body * 13 / 10 + 400).unwrap();
            eprintln!("{program}: {each} bytes for a body of {body}, {most} allowed");
            assert!(each <= most, "{program}: {each} bytes for a body of {body}");
        }
    }
}

#[tokio::test]
async fn what_is_queued_has_no_expiry_and_what_is_done_leaves_its_body() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    let accept = usual(1, 10_000);
    inbox.accept(&accept).await.unwrap();
    let place = inbox.place(&accept.key);
    let ttl = |key: &str| -> i64 { server.ask(&["PTTL", key]).parse().unwrap() };
    let size = |key: &str| -> u64 { server.ask(&["STRLEN", key]).parse().unwrap() };
    let end = async |verdict| {
        let take = take(1);
        assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
        let token = Token::random().unwrap();
        let begin = Begin::new(accept.key.clone(), take.token, token, LEASE);
        inbox.begin(&begin).await.unwrap();
        let finish = Finish::new(accept.key.clone(), token, verdict, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    };
    end(Verdict::Retry {
        after: Duration::ZERO,
        reason: "down".to_owned(),
    })
    .await;
    assert_eq!((ttl(&place.entry), ttl(&place.history)), (-1, -1));
    assert!(size(&place.entry) > 10_000);
    end(Verdict::Done).await;
    for key in [&place.entry, &place.history] {
        let ttl = ttl(key);
        assert!((86_000_000..=86_400_001).contains(&ttl), "{ttl}");
    }
    assert!(size(&place.entry) < 120, "{}", size(&place.entry));
}

#[tokio::test]
async fn what_is_over_leaves_the_index_in_time() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    for number in 0..50 {
        let id = format!("old_{number}");
        inbox.accept(&accept(&id, "a")).await.unwrap();
        let discard = Discard::new(key(&id), Duration::from_millis(1));
        assert_eq!(inbox.discard(&discard).await.unwrap(), Moved::Done);
    }
    for number in 0..200 {
        let accept = accept(&format!("new_{number}"), "a");
        inbox.accept(&accept).await.unwrap();
    }
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.queued, counts.discarded), (200, 0));
    let members = server.ask(&["ZCARD", &inbox.partitions()[0].index]);
    let members: u32 = members.parse().unwrap();
    assert!(members < 250, "{members}");
}

/// The usual read covers routes of up to 68 bytes.
#[tokio::test]
async fn an_entry_ends_alike_however_long_its_route_is() {
    let server = Server::start();
    let inbox = inbox(&server, 1).await;
    for length in [4, 66, 67, 68, 69, 70, 160, 200] {
        // Of the provider `acme`, with a hook of this name.
        let hook = "h".repeat(usize::saturating_sub(length, 5));
        let route = match hook.as_str() {
            "" => route(),
            hook => Route::parse(&format!("acme#{hook}")).unwrap(),
        };
        assert_eq!(route.as_str().len(), length);
        let id = format!("evt_{length}");
        let accept = Accept {
            route: route.clone(),
            ..accept(&id, "a")
        };
        inbox.accept(&accept).await.unwrap();
        let mut take = Take::new(vec![route], Token::random().unwrap(), 1, LEASE);
        (take.begin, take.max_attempts) = (true, 5);
        let taken = inbox.take(&take).await.unwrap();
        assert_eq!(taken.len(), 1, "{length}");
        let finish = Finish::new(key(&id), take.token, Verdict::Done, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        let seen = inbox.lookup(&key(&id)).await.unwrap().unwrap();
        assert_eq!(seen.status, EntryStatus::Done, "{length}");
    }
    assert_eq!(inbox.counts().await.unwrap().done, 8);
}
