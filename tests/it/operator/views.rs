//! What the views say, also of what is not there.

use super::*;
use crate::support::blendfi::webhook;

#[tokio::test]
async fn a_view_whose_source_is_off_says_so() {
    let app = Router::new().nest("/operator", operator::router(&Page::new()));
    let view = async |path: &str| {
        let response = app
            .clone()
            .oneshot(from_here(&format!("/operator{path}")))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    for (path, words) in [
        ("", "No webhook was given to this page"),
        (
            "/deliveries",
            "neither a journal nor this page&#39;s observer was given",
        ),
        ("/line?at=1", "No journal was given to this page"),
        (
            "/event?key=acme:1",
            "No store or inbox of this page knows this event",
        ),
        ("/event", "An event is asked for by its key"),
        ("/dead", "No webhook of this page has an inbox"),
        (
            "/queue",
            "Neither a webhook nor a store or an inbox was given",
        ),
    ] {
        let text = view(path).await;
        let words = words.replace("&#39;", "'");
        assert!(text.contains(&words), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_webhook_without_the_observer_or_an_inbox_says_so() {
    let layer = webhook(MemoryStore::new()).build().unwrap();
    let page = Page::new().webhook(&layer);
    let app: Router = Router::new().nest("/page", operator::router(&page));
    for (path, words) in [
        ("/page", "Rates and times are off"),
        ("/page/dead", "has an inbox"),
        ("/page/queue", "handlers run before the sender is answered"),
    ] {
        let response = app.clone().oneshot(from_here(path)).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(words), "{path}: {text}");
        // Where it is nested, its links lead.
        assert!(text.contains(r#"href="/page/dead""#), "{text}");
    }
}

#[tokio::test]
async fn an_event_shows_its_whole_life() {
    let shown = Shown::new();
    shown.die(&["evt_1"], "the ledger is closed").await;
    assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
    assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
    let life = shown.view("/event?key=blendfi:evt_1").await;
    for words in [
        "Entry in the inbox",
        "dead",
        "the ledger is closed",
        "Fence",
        "queued",
        "evt_1",
    ] {
        assert!(life.contains(words), "{words}: {life}");
    }
    let life = shown.view("/event?key=blox:chk-1:COMPLETED").await;
    for words in ["Record", "answered 200", "handled", "duplicate"] {
        assert!(life.contains(words), "{words}: {life}");
    }
    let endpoints = shown.view("").await;
    for words in [
        "blendfi",
        "blox",
        "ready",
        "Duplicates",
        "1 (50 %)",
        "Last match",
    ] {
        assert!(endpoints.contains(words), "{words}: {endpoints}");
    }
}

/// By the place of the last one, and no other way: what comes meanwhile moves nothing.
#[tokio::test]
async fn deliveries_are_read_page_by_page() {
    for has_journal in [true, false] {
        let shown = Shown::with(has_journal);
        for number in 0..120 {
            assert_eq!(shown.send(&Preset::Blox.delivery(number)).await, 200);
            shown.clock.advance(Duration::from_secs(1));
        }
        let (mut path, mut found) = ("/deliveries".to_owned(), Vec::new());
        loop {
            let text = shown.view(&path).await;
            for piece in text.split("<bdi>blox:chk-").skip(1) {
                let (number, _) = piece.split_once(':').unwrap();
                found.push(number.parse::<u32>().unwrap());
            }
            assert_eq!(
                shown
                    .send(&Preset::Blox.delivery(1_000 + u32::try_from(found.len()).unwrap()))
                    .await,
                200
            );
            let Some((_, next)) = text.split_once("class=\"more\"><a href=\"/operator") else {
                break;
            };
            path = next.split_once('"').unwrap().0.replace("&amp;", "&");
        }
        let wanted: Vec<u32> = (0..120).rev().collect();
        assert_eq!(found, wanted, "{has_journal}");
    }
}

#[tokio::test]
async fn deliveries_are_filtered() {
    for has_journal in [true, false] {
        let shown = Shown::with(has_journal);
        for _ in 0..2 {
            shown.send(&Preset::Blox.delivery(1)).await;
            shown.send(&event("evt_1", "{}")).await;
            shown.clock.advance(Duration::from_secs(100));
        }
        let forged = event("evt_2", "{}").without("x-blendfi-signature");
        shown.send(&forged).await;
        for (filter, rows) in [
            ("", 5),
            ("provider=blox", 2),
            ("provider=blox&outcome=duplicate", 1),
            ("outcome=queued", 1),
            ("reason=signature_header", 1),
            ("key=blendfi:evt_1", 2),
            ("until=2026-05-04T13:01", 2),
            ("until=2026-05-04T13:01:30&provider=blendfi", 1),
            ("outcome=failed", 0),
        ] {
            let text = shown.view(&format!("/deliveries?{filter}")).await;
            let found = text.matches("data-label=\"Outcome\"").count();
            assert_eq!(found, rows, "{filter} {has_journal}: {text}");
        }
        let text = shown.view("/deliveries?until=yesterday&key=nothing").await;
        assert!(text.contains("The time reads") && text.contains("The event is no key"));
    }
}

/// A browser that listens is told of what comes; no more listen than there are places.
#[tokio::test(start_paused = true)]
async fn pages_are_told_what_is_new() {
    let shown = Shown::with(false);
    let stream = async || {
        shown
            .app
            .clone()
            .oneshot(from_here("/operator/live"))
            .await
            .unwrap()
    };
    let first = stream().await;
    assert_eq!(first.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut more = Vec::new();
    for _ in 1..64 {
        more.push(stream().await);
    }
    assert_eq!(stream().await.status(), 503);
    shown.send(&Preset::Blox.delivery(1)).await;
    let told = axum::body::to_bytes(first.into_body(), usize::MAX)
        .await
        .unwrap();
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert_eq!(told.matches("event: seen").count(), 1, "{told}");
    // The place of one that has ended is another's.
    assert_eq!(stream().await.status(), 200);
}
