//! Acknowledgments while handlers are slow.

use std::time::Duration;

use axum::Router;
use tower_webhook::inbox::SqliteInbox;
use tower_webhook::worker::InboxExt;
use tower_webhook::{RouterExt, Webhook, event_handler};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::common::{self, Result};
use crate::folder;
use crate::rates::PATIENCE;
use crate::senders::{Server, send};

const EVENTS: usize = 3_200;
/// BlendFi's limit, in milliseconds.
const ASKED: f64 = 500.0;

/// The time that 99 of 100 acknowledgments did not exceed, in milliseconds, with handlers that take
/// this long.
async fn p99(path: std::path::PathBuf, takes: Duration) -> Result<f64> {
    let inbox = SqliteInbox::builder(path)
        .deadline(PATIENCE)
        .connect()
        .await?;
    let webhook = Webhook::new(common::blendfi()?)
        .inbox(inbox.clone())
        .build()?;
    let handler = move || tokio::time::sleep(takes);
    let worker = inbox.worker().concurrency(64).on(&webhook, handler);
    let worker = worker.build()?;
    let working = tokio::spawn(async move { worker.run().await });
    let app = Router::new().webhook("/hooks", webhook, event_handler(handler));
    let server = Server::start(app).await?;
    let sent = send(server.address, EVENTS).await?;
    working.abort();
    Ok(sent.p99())
}

pub(crate) async fn sqlite(rounds: usize) -> Result<()> {
    let folder = folder("bench-inbox-slow");
    let mut all = Vec::new();
    for round in 0..=rounds {
        let quick = p99(folder.join(format!("quick-{round}.db")), Duration::ZERO).await?;
        let slow = p99(
            folder.join(format!("slow-{round}.db")),
            Duration::from_secs(2),
        )
        .await?;
        if round > 0 {
            all.push((quick, slow));
        }
    }
    let medians = Medians::of(all);
    let table = Table::new(
        "inbox",
        "99 of 100 acknowledgements, SQLite, 1 KiB, 64 connections, with a worker beside them",
    );
    let row = "handlers of 2 s beside handlers of no time";
    table.put(row, "no time", "ms", medians.first);
    table.require(row, "2 s", "ms", medians.second, Bound::AtMost(ASKED));
    table.require(row, "ratio", "", medians, Bound::AtMost(3.0));
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
