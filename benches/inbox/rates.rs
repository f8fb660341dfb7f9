//! Acknowledged events per second.

use std::time::Duration;

use axum::Router;
use tower_webhook::inbox::{Inbox, PostgresInbox, RedisInbox, Route, SqliteInbox, Take};
use tower_webhook::store::Token;
use tower_webhook::{RouterExt, Webhook, event_handler};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::common::{self, Result};
use crate::senders::{Server, send};
use crate::sql_support::Postgres;
use crate::{folder, hand, redis_support};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: usize = 3_200;
const CONNECTIONS: u32 = 8;

/// A route that holds each event in this inbox, without workers.
pub(crate) fn route(inbox: impl Inbox) -> Result<Router> {
    let webhook = Webhook::new(common::blendfi()?).inbox(inbox).build()?;
    Ok(Router::new().webhook("/hooks", webhook, event_handler(async || {})))
}

async fn rate(app: Router) -> Result<f64> {
    let server = Server::start(app).await?;
    Ok(send(server.address, EVENTS).await?.rate())
}

pub(crate) async fn sqlite(rounds: usize) -> Result<()> {
    let folder = folder("bench-inbox-sqlite");
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    // The first round is a warm-up.
    for round in 0..=rounds {
        let path = |name: &str| folder.join(format!("{name}-{round}.db"));
        let by_hand = rate(hand::sqlite(&path("alone")).await).await?;
        let inbox = SqliteInbox::builder(path("inbox")).deadline(PATIENCE);
        let ours = rate(route(inbox.connect().await?)?).await?;
        let grouped = rate(hand::sqlite_together(&path("together")).await).await?;
        if round > 0 {
            alone.push((by_hand, ours));
            together.push((grouped, ours));
        }
    }
    let table = Table::new(
        "inbox",
        "Acknowledged once held in SQLite, 1 KiB, 64 connections",
    );
    tell(
        &table,
        "a handler with one `INSERT`, committed alone",
        alone,
        3.0,
    );
    tell(
        &table,
        "a bare route whose inserts are committed together",
        together,
        0.7,
    );
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

pub(crate) async fn postgres(rounds: usize) -> Result<()> {
    let server = Postgres::start();
    let by_hand = hand::postgres(&server.url(), CONNECTIONS).await;
    let builder = || PostgresInbox::builder(server.url()).deadline(PATIENCE);
    let builder = || builder().connections(CONNECTIONS).migrate();
    let ours = route(builder().connect().await?)?;
    let mut all = Vec::new();
    for round in 0..=rounds {
        let by_hand = rate(by_hand.clone()).await?;
        let ours = rate(ours.clone()).await?;
        if round > 0 {
            all.push((by_hand, ours));
        }
    }
    let table = Table::new(
        "inbox",
        "Acknowledged once held in Postgres, 1 KiB, 64 connections, 8 to the server",
    );
    tell(
        &table,
        "a handler with one `INSERT`, committed alone",
        all,
        1.5,
    );
    Ok(())
}

pub(crate) async fn redis(rounds: usize) -> Result<()> {
    let server = redis_support::Server::start();
    let inbox = RedisInbox::builder(server.url()).deadline(PATIENCE);
    let inbox = inbox.connect().await?;
    let ours = route(inbox.clone())?;
    rate(ours.clone()).await?;
    // One event shows what an inbox stores in addition to a body.
    let routes = vec![Route::parse("blendfi").ok_or("no route")?];
    let take = Take::new(routes, Token::random()?, 1, PATIENCE);
    let taken = inbox.take(&take).await?;
    let envelope = &taken.first().ok_or("nothing is queued")?.content.envelope;
    let by_hand = hand::redis(&server.url(), envelope).await;
    let length = "return redis.call('STRLEN', redis.call('KEYS', '*~i:*')[1])";
    let mut rates = Vec::new();
    for round in 0..=rounds {
        server.ask(&["FLUSHALL"]);
        let by_hand = rate(by_hand.clone()).await?;
        let kept = server.ask(&["EVAL", length, "0"]);
        server.ask(&["FLUSHALL"]);
        let ours = rate(ours.clone()).await?;
        assert_eq!(
            kept,
            server.ask(&["EVAL", length, "0"]),
            "both keep the same"
        );
        if round > 0 {
            rates.push((by_hand, ours));
        }
    }
    let table = Table::new(
        "inbox",
        "Acknowledged once held in Redis, 1 KiB, 64 connections",
    );
    tell(
        &table,
        "a bare route with the same script by hand",
        rates,
        0.85,
    );
    Ok(())
}

fn tell(table: &Table, row: &str, rates: Vec<(f64, f64)>, at_least: f64) {
    let medians = Medians::of(rates);
    table.put(row, "by hand", "events/s", medians.first);
    table.put(row, "inbox", "events/s", medians.second);
    table.require(row, "ratio", "", medians, Bound::AtLeast(at_least));
}
