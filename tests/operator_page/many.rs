//! Each view over many events, held against the one indexed query that it cannot do without.

use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};
use tower::ServiceExt;
use tower_webhook::inbox::{Inbox, PostgresInbox, SharedInbox, SqliteInbox};
use tower_webhook::journal::{Journal, JournalLines, PostgresJournal, SqliteJournal};
use tower_webhook::operator::{self, Page};
use tower_webhook::runtime::Failure;
use tower_webhook::store::{PostgresStore, SqliteStore};
use tower_webhook::testing::TestDelivery;
use tower_webhook::worker::InboxExt;
use tower_webhook::{Name, SharedStore, Webhook};

use super::sql_support::Postgres;
use super::{Folder, sender, view};

/// Every view may take so many times its query.
const MOST: u32 = 50;
/// With fewer events than this nothing is told from the noise.
const TOLD_FROM: u64 = 100_000;

fn events() -> u64 {
    let set = std::env::var("OPERATOR_EVENTS").ok();
    set.map_or(2_000, |text| text.parse().unwrap())
}

/// One of each kind, by the ways that all events go; the others are made after them.
async fn page(
    inbox: SharedInbox,
    store: SharedStore,
    journal: &Journal,
    lines: JournalLines,
) -> Router {
    let page = Page::new();
    let queued = Webhook::new(sender())
        .observer(page.observer())
        .journal(journal)
        .inbox(inbox.clone());
    let queued = queued.build().unwrap();
    let inline = Webhook::new(sender())
        .consumer(Name::new("mail").unwrap())
        .observer(page.observer())
        .journal(journal)
        .store(store);
    let inline = inline.build().unwrap();
    let page = page
        .webhook(&queued)
        .webhook(&inline)
        .journal(journal, lines);
    let app = Router::new()
        .route("/queued", post(async || {}).layer(queued.clone()))
        .route("/inline", post(async || {}).layer(inline))
        .nest("/operator", operator::router(&page));
    let send = async |path: &str, id: &str| {
        let body = format!(
            r#"{{"id":"{id}","object":"event","type":"charge.succeeded","created":{},"data":{{"object":{{"id":"ch_1"}}}}}}"#,
            tower_webhook::UnixTime::now().as_micros() / 1_000_000,
        );
        let request = TestDelivery::new(&sender(), body)
            .to(path)
            .request::<axum::body::Body>()
            .unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    };
    send("/queued", "evt_done_0").await;
    send("/queued", "evt_dead_0").await;
    send("/inline", "evt_0").await;
    let handler = |delivery: tower_webhook::Delivery| {
        std::future::ready(match delivery.key().to_string().contains("dead") {
            true => Err(Failure::permanent("it cannot be done")),
            false => Ok(()),
        })
    };
    let worker = inbox.worker().on(&queued, handler).build().unwrap();
    let running = tokio::spawn({
        let worker = worker.clone();
        async move { worker.run().await }
    });
    let begun = Instant::now();
    loop {
        let counts = inbox.counts().await.unwrap();
        if (counts.done, counts.dead) == (1, 1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{counts:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    worker.drain().begin();
    running.await.unwrap();
    assert!(journal.flush(Duration::from_secs(60)).await);
    app
}

const RECORD: &str = "name, state, token, attempt, fence, fingerprint, kept_until, lease_ends, lease, corrected, \
                      status, content_type, body";
const ENTRY: &str = "name, route, state, due, token, lease, attempts, deaths, fence, fingerprint, corrected, \
                     accepted_at, revived_at, since, kept_until, history, size, order_key, version, order_flags";

/// The statements that make many of one, in a dialect: a row source of the numbers up to `many`.
fn filling(numbers: &str, many: u64, record_key: &str, entry_id: &str) -> Vec<String> {
    let dead = (many / 100).max(200);
    let entry = |kind: &str, many: u64, behind: u64| {
        let (columns, ids) = match entry_id {
            "" => ("", String::new()),
            id => ("id, ", format!("{id} + n + {behind}, ")),
        };
        let source = numbers.replace("MANY", &many.to_string());
        format!(
            "INSERT INTO tower_webhook_inbox ({columns}namespace, key, {ENTRY})
             SELECT {ids}namespace, 'stripe:evt_{kind}_' || n, {ENTRY}
             FROM tower_webhook_inbox, {source} WHERE key = 'stripe:evt_{kind}_0'"
        )
    };
    let source = numbers.replace("MANY", &many.to_string());
    vec![
        format!(
            "INSERT INTO tower_webhook_records (namespace, key, {RECORD})
             SELECT namespace, 'stripe/mail:evt_' || n, {RECORD} FROM tower_webhook_records, {source}
             WHERE key = '{record_key}'"
        ),
        entry("done", many, 0),
        entry("dead", dead, many),
        format!(
            "INSERT INTO tower_webhook_journal (at, authenticated, id, provider, key, line)
             SELECT at, authenticated, id, provider, 'stripe:evt_done_' || n,
                 replace(line, 'evt_done_0', 'evt_done_' || n)
             FROM tower_webhook_journal, {source}
             WHERE key = 'stripe:evt_done_0' AND line LIKE '%\"verdict\":\"queued\"%'"
        ),
    ]
}

/// A view, and the query that it cannot do without.
const VIEWS: [(&str, &str); 8] = [
    (
        "/operator",
        "SELECT state FROM tower_webhook_records WHERE namespace = 'default' AND key = 'stripe/mail:evt_7'",
    ),
    (
        "/operator/deliveries",
        "SELECT line FROM tower_webhook_journal ORDER BY PLACE DESC LIMIT 50",
    ),
    (
        "/operator/deliveries?provider=stripe&outcome=queued",
        "SELECT line FROM tower_webhook_journal ORDER BY PLACE DESC LIMIT 50",
    ),
    // What no line says: it is looked for in as many as are looked at.
    (
        "/operator/deliveries?reason=signature_mismatch",
        "SELECT line FROM tower_webhook_journal ORDER BY PLACE DESC LIMIT 2000",
    ),
    (
        "/operator/event?key=stripe:evt_done_7",
        "SELECT * FROM tower_webhook_journal WHERE key = 'stripe:evt_done_7'",
    ),
    (
        "/operator/dead",
        "SELECT * FROM tower_webhook_inbox WHERE namespace = 'default' AND state = 5 ORDER BY key LIMIT 50",
    ),
    (
        "/operator/dead?provider=stripe",
        "SELECT * FROM tower_webhook_inbox WHERE namespace = 'default' AND state = 5 AND key > 'stripe/' ORDER BY key LIMIT 50",
    ),
    (
        "/operator/queue",
        "SELECT provider FROM tower_webhook_inbox_paused WHERE namespace = 'default'",
    ),
];

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Shows the times, and holds them to the bound where there are enough events.
async fn judge(backend: &str, app: &Router, place: &str, mut query: impl AsyncFnMut(String)) {
    // What is counted behind the views is counted: the next time is fifty times as far away.
    let done = format!("<dd>{}</dd>", events() + 1);
    let begun = Instant::now();
    while events() >= TOLD_FROM && view(app, "/operator/queue").await.matches(&done).count() < 2 {
        assert!(
            begun.elapsed() < Duration::from_secs(600),
            "{backend}: it is not counted"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let list = view(app, "/operator/deliveries").await;
    let (_, line) = list.split_once("href=\"/operator/line?").unwrap();
    let line = line.split_once('"').unwrap().0.replace("&amp;", "&");
    let line = format!("/operator/line?{line}");
    let of_line = "SELECT line FROM tower_webhook_journal ORDER BY PLACE DESC LIMIT 1";
    let runs = if events() >= TOLD_FROM { 51 } else { 5 };
    for (path, sql) in VIEWS.into_iter().chain([(&*line, of_line)]) {
        let sql = sql.replace("PLACE", place);
        let (mut views, mut queries) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            let begun = Instant::now();
            query(sql.clone()).await;
            queries.push(begun.elapsed());
            let begun = Instant::now();
            let text = view(app, path).await;
            views.push(begun.elapsed());
            assert!(!text.contains("cannot be read"), "{path}: {text}");
        }
        let (view, query) = (median(views), median(queries));
        let ratio = view.as_secs_f64() / query.as_secs_f64();
        println!("{backend} {path}: {view:?}, its query {query:?}: {ratio:.1} times");
        if events() >= TOLD_FROM {
            assert!(view < query * MOST, "{backend} {path}: {ratio:.1} times");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_in_sqlite() {
    let folder = Folder::new();
    let path = folder.0.join("all.db");
    let inbox = SqliteInbox::builder(&path)
        .capacity(100_000_000)
        .connect()
        .await
        .unwrap();
    let store = SqliteStore::builder(&path).connect().await.unwrap();
    let table = SqliteJournal::open(&path).unwrap();
    let journal = Journal::start(table.clone()).unwrap();
    let app = page(
        SharedInbox::new(inbox),
        SharedStore::new(store),
        &journal,
        table.into(),
    )
    .await;
    let url = format!("sqlite://{}", path.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let numbers = "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < MANY) SELECT n FROM t)";
    for sql in filling(numbers, events(), "stripe/mail:evt_0", "1000") {
        raw_sql(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    judge("sqlite", &app, "seq", async |sql: String| {
        sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut conn)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_in_postgres() {
    let server = Postgres::start();
    let url = server.url();
    let inbox = PostgresInbox::builder(&url)
        .migrate()
        .capacity(100_000_000)
        .connect()
        .await
        .unwrap();
    let store = PostgresStore::builder(&url)
        .migrate()
        .connect()
        .await
        .unwrap();
    let table = PostgresJournal::new(&url).unwrap().migrate();
    let journal = Journal::start(table.clone()).unwrap();
    let app = page(
        SharedInbox::new(inbox),
        SharedStore::new(store),
        &journal,
        table.into(),
    )
    .await;
    for sql in filling(
        "generate_series(1, MANY) AS n",
        events(),
        "stripe/mail:evt_0",
        "",
    ) {
        server.ask(&sql);
    }
    server.ask("VACUUM ANALYZE");
    let mut conn = PgConnection::connect(&url).await.unwrap();
    judge("postgres", &app, "xid DESC, seq", async |sql: String| {
        sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut conn)
            .await
            .unwrap();
    })
    .await;
}
