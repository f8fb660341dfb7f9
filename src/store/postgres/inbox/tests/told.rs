//! Notifications of new events: to whom, and when.

use super::*;
use crate::store::postgres::tests::sql_support::proxy::{Fault, Proxy};

/// Longer than any test: a wait that returns earlier was notified.
const EVER: Duration = Duration::from_secs(600);

/// Waits until the inbox relies on notifications.
pub(super) async fn until_it_hears(inbox: &PostgresInbox) {
    let begun = std::time::Instant::now();
    let news = &inbox.server.database.commands().news;
    while !news.hears() {
        assert!(begun.elapsed() < PATIENCE);
        inbox.wait(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn another_process_is_told_of_an_event() {
    let server = Postgres::start();
    let (accepting, working) = (inbox(&server).await, inbox(&server).await);
    until_it_hears(&working).await;
    accepting.accept(&accept("evt_1", "a")).await.unwrap();
    let begun = std::time::Instant::now();
    while working.take(&take(1)).await.unwrap().is_empty() {
        working.wait(EVER).await;
    }
    assert!(begun.elapsed() < PATIENCE);
    // No task waits here, so nothing listens.
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    assert_eq!(server.ask(listens), "1");
}

/// Events within one pause share a notification, which is sent even if nothing follows.
#[tokio::test]
async fn another_process_is_told_of_the_last_of_many() {
    let server = Postgres::start();
    let (accepting, working) = (inbox(&server).await, inbox(&server).await);
    until_it_hears(&working).await;
    for number in 0..60 {
        accepting
            .accept(&accept(&number.to_string(), "a"))
            .await
            .unwrap();
        // For every second one, the last notification may be more recent than one pause.
        if number % 2 == 1 {
            let begun = std::time::Instant::now();
            let mut taken = 0;
            while taken < 2 {
                taken += working.take(&take(2)).await.unwrap().len();
                assert!(begun.elapsed() < PATIENCE);
                if taken < 2 {
                    working.wait(PATIENCE).await;
                }
            }
        }
    }
}

/// Notifying is separate from working: a failing batch loses its connection, but no notification.
#[tokio::test]
async fn another_process_is_told_of_what_was_accepted_beside_what_failed() {
    let server = Postgres::start();
    let (accepting, working) = (inbox(&server).await, inbox(&server).await);
    until_it_hears(&working).await;
    server.ask("ALTER TABLE tower_webhook_inbox ADD CHECK (key NOT LIKE '%refused')");
    let events: Vec<_> = ["evt_1", "evt_refused", "evt_2"]
        .map(|id| accept(id, "a"))
        .into();
    let outcomes = join_all(events.iter().map(|event| accepting.accept(event))).await;
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 2);
    let begun = std::time::Instant::now();
    let mut taken = 0;
    while taken < 2 {
        taken += working.take(&take(2)).await.unwrap().len();
        if taken < 2 {
            working.wait(EVER).await;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[tokio::test]
async fn who_has_lost_its_connection_looks_by_itself_and_listens_again() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    until_it_hears(&inbox).await;
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    let news = &inbox.server.database.commands().news;
    until("it is noticed", || !news.hears());
    until_it_hears(&inbox).await;
}

/// All clients share a pooler's sessions. A listener there would pass notifications to others that never asked
/// for them, and `sqlx` gives up a connection that receives one in the middle of a command.
#[tokio::test(flavor = "multi_thread")]
async fn behind_pgbouncer_a_worker_looks_by_itself_and_does_not_listen() {
    let server = Postgres::start();
    // With its default settings, it refuses the setting that a listener requests.
    let bouncer = PgBouncer::with(&server, 4, "ignore_startup_parameters = options");
    let proxy = Proxy::before(bouncer.port).await;
    let looked = Arc::new(AtomicU32::new(0));
    let listened = Arc::new(AtomicU32::new(0));
    let counts = [
        (&b"tower_webhook.listener"[..], Arc::clone(&looked)),
        (b"LISTEN \"", Arc::clone(&listened)),
    ];
    proxy.plan(move |message| {
        for (word, count) in &counts {
            let says = message.windows(word.len()).any(|bytes| bytes == *word);
            count.fetch_add(u32::from(says), Ordering::Relaxed);
        }
        Fault::Passes
    });
    let (accepting, working) = (
        builder(proxy.url()).migrate().connect().await.unwrap(),
        builder(proxy.url()).connect().await.unwrap(),
    );
    let begun = std::time::Instant::now();
    working.wait(EVER).await;
    accepting.accept(&accept("evt_1", "a")).await.unwrap();
    while working.take(&take(1)).await.unwrap().is_empty() {
        working.wait(EVER).await;
    }
    // Until it has tried once more.
    while looked.load(Ordering::Relaxed) < 2 && listened.load(Ordering::Relaxed) == 0 {
        working.wait(EVER).await;
    }
    assert!(begun.elapsed() < PATIENCE);
    assert!(!working.server.database.commands().news.hears());
    assert_eq!(listened.load(Ordering::Relaxed), 0);
}

/// While a transaction is open for minutes, taken entries stay in the index: a scan starts after them.
#[tokio::test]
async fn a_look_does_not_go_through_what_was_taken_before() {
    let server = Postgres::start();
    let inbox = inbox(&server).await;
    let mut reader = server.session(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT count(*) FROM pg_class;\n\\echo reads",
    );
    reader.says("reads");
    server.ask(
        "WITH entry AS (
             INSERT INTO tower_webhook_inbox (namespace, key, route, state, due, attempts, deaths, fence,
                 fingerprint, corrected, accepted_at, size)
             SELECT 'default', 'acme:' || n, 'acme', 1, n, 0, 0, 1, '0123456789abcdef', false, 1, 1
             FROM generate_series(1, 20000) n RETURNING id)
         INSERT INTO tower_webhook_inbox_content (id, envelope, body) SELECT id, '{}', 'a' FROM entry",
    );
    let mut taken = 0;
    while taken < 20_000 {
        taken += inbox.take(&take(2_000)).await.unwrap().len();
    }
    assert!(inbox.take(&take(1)).await.unwrap().is_empty());
    let name = Name::new("default").unwrap();
    let front = &inbox.server.database.commands().looks.front;
    let from = front.known(&(name, route(), false)).unwrap();
    // The buffers that a scan from there reads, and one from the beginning.
    let buffers = |from: i64| -> u64 {
        let plan = server.ask(&format!(
            "EXPLAIN (ANALYZE, BUFFERS, COSTS off, TIMING off, SUMMARY off)
             SELECT due FROM tower_webhook_inbox WHERE namespace = 'default' AND route = 'acme'
                 AND due IS NOT NULL AND deaths < 2 AND due >= {from} ORDER BY due, id LIMIT 1"
        ));
        let hit = plan.split("shared hit=").nth(1).unwrap();
        let digits: String = hit.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let (all, few) = (buffers(0), buffers(from));
    assert!(few * 20 < all, "{few} {all}");
    drop(reader);
}
