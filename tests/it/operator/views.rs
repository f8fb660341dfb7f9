//! What the views say, also of what is not there.

use super::*;
use tower_webhook::{DedupeConfig, Drain};

use crate::support::blendfi::{key, webhook};

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

/// As `docs/operator.md` says: what is nested as a router has no path with a slash at its end.
#[tokio::test]
async fn nested_as_a_service_it_stands_at_a_path_with_a_slash_too() {
    let layer = webhook(MemoryStore::new()).build().unwrap();
    let page = Page::new().webhook(&layer);
    let app: Router = Router::new().nest_service("/page", operator::router(&page));
    for path in ["/page", "/page/"] {
        let response = app.clone().oneshot(from_here(path)).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX);
        let text = String::from_utf8(bytes.await.unwrap().to_vec()).unwrap();
        assert!(text.contains(r#"href="/page/dead""#), "{path}: {text}");
    }
}

#[tokio::test]
async fn an_event_shows_its_whole_life() {
    let shown = Shown::new();
    shown.die(&["evt_1"], "the ledger is closed").await;
    assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
    assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
    let life = shown.view("/event?key=blendfi:evt_1").await;
    let entry = shown.inbox.lookup(&key("evt_1")).await.unwrap();
    let worker = entry.unwrap().entry.worker().unwrap().to_string();
    for words in [
        &*worker,
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

/// What came while nobody listened is told first: after the view was made, or between two streams.
#[tokio::test(start_paused = true)]
async fn pages_are_told_what_came_before_they_listened() {
    let shown = Shown::with(false);
    let view = shown.view("/deliveries").await;
    let (_, live) = view.split_once("data-live=\"").unwrap();
    let live = live.split_once('"').unwrap().0.to_owned();
    shown.send(&Preset::Blox.delivery(1)).await;
    let told = shown.ask(from_here(&live)).await.text;
    assert_eq!(told.matches("event: seen").count(), 1, "{told}");
    let (_, last) = told.split_once("id: ").unwrap();
    let last = last.split('\n').next().unwrap().to_owned();
    let again = async || {
        let mut request = from_here(&live);
        let value = last.parse().unwrap();
        request.headers_mut().insert("last-event-id", value);
        shown.ask(request).await.text
    };
    let told = again().await;
    assert_eq!(told.matches("event: seen").count(), 0, "{told}");
    shown.send(&Preset::Blox.delivery(2)).await;
    let told = again().await;
    assert_eq!(told.matches("event: seen").count(), 1, "{told}");
}

/// An open page holds no shutdown up: its stream ends soon after the drain has begun.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_once_a_drain_has_begun() {
    let drain = Drain::new();
    let layer = webhook(MemoryStore::new())
        .dedupe(DedupeConfig::new().drain(drain.clone()))
        .build()
        .unwrap();
    let page = Page::new().webhook(&layer);
    let app: Router = Router::new().nest("/operator", operator::router(&page));
    let stream = app.oneshot(from_here("/operator/live")).await.unwrap();
    drain.begin();
    let begun = tokio::time::Instant::now();
    let told = axum::body::to_bytes(stream.into_body(), usize::MAX).await;
    assert!(told.is_ok() && begun.elapsed() < Duration::from_secs(5));
}

/// What is renewed is known by its name: no two parts have the same.
#[tokio::test]
async fn no_two_parts_of_a_view_have_the_same_name() {
    let clock = clock();
    let webhook = |preset: Preset| {
        Webhook::new(preset.provider())
            .clock(clock.clone())
            .store(MemoryStore::new())
            .build()
            .unwrap()
    };
    let (blox, other) = (webhook(Preset::Blox), webhook(Preset::BlendFi));
    let page = Page::with_clock(clock.clone())
        .webhook(&blox)
        .webhook(&other);
    let app = Router::new().nest("/operator", operator::router(&page));
    for path in ["", "/dead", "/queue"] {
        let request = from_here(&format!("/operator{path}"));
        let answer = app.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let parts = text.split("data-part=\"").skip(1);
        let mut parts: Vec<_> = parts.map(|it| it.split('"').next()).collect();
        let count = parts.len();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), count, "{path}: {text}");
    }
}

/// An event has more than a page of deliveries, or has them further back than is looked at: a link leads there.
#[tokio::test]
async fn an_event_leads_to_what_of_its_life_is_not_shown() {
    for has_journal in [true, false] {
        let shown = Shown::with(has_journal);
        for _ in 0..53 {
            assert_eq!(shown.send(&Preset::Blox.delivery(1)).await, 200);
        }
        let life = shown.view("/event?key=blox:chk-1:COMPLETED").await;
        assert_eq!(life.matches("data-label=\"Outcome\"").count(), 50);
        let (before, _) = life.split_once("\">Look further back").unwrap();
        let (_, path) = before.rsplit_once("/operator").unwrap();
        let further = shown.view(&path.replace("&amp;", "&")).await;
        assert_eq!(
            further.matches("data-label=\"Outcome\"").count(),
            3,
            "{further}"
        );
        let few = shown.view("/event?key=blox:chk-2:COMPLETED").await;
        assert_eq!(few.matches("No delivery of it is known.").count(), 1);
    }
}
