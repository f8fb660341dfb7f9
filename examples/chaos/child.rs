//! The processes that are killed: receivers and workers.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Postgres, Sqlite, SqlitePool};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_webhook::event::{EventRule, OrderRule, Shape};
use tower_webhook::inbox::{PostgresInbox, RedisInbox, SharedInbox, SqliteInbox};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{Backoff, InboxExt};
use tower_webhook::{
    DedupeConfig, Delivery, Event, Name, PathTokens, Provider, RetriedStatuses, RetrySchedule,
    RouterExt, SenderContract, SqliteStore, Tx, Webhook, event_handler,
};

use crate::args::{Backend, hash};
use crate::flaws::{WatchedInbox, short};
use crate::hub::Teller;

/// Claims of dead processes are free after this time.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
pub(crate) const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";

/// The settings that a process gets when it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) is_worker: bool,
    pub(crate) backend: Backend,
    /// The URL of the server, or the path of a file.
    pub(crate) place: String,
    pub(crate) hub: SocketAddr,
    pub(crate) flaw: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Paid {
    id: String,
}

/// Prints its address, and runs until it is killed or its standard input ends.
pub(crate) async fn run(orders: Orders) -> ExitCode {
    let teller = Teller::connect(orders.hub).await;
    let (inbox, pool) = open(&orders, &teller).await;
    let plain = webhook("plain").inbox(inbox.clone()).build().unwrap();
    let mut app = Router::new().webhook("/plain", plain.clone(), event_handler(async || {}));
    let is_blind = orders.flaw.as_deref() == Some("fence-not-compared");
    let handler = {
        let teller = teller.clone();
        move |Event(paid): Event<Paid>, delivery: Delivery| {
            let teller = teller.clone();
            async move { on_event(paid, delivery, teller, is_blind).await }
        }
    };
    let mut worker = inbox
        .worker()
        .lease(LEASE)
        .concurrency(8)
        .max_attempts(1_000)
        .poll_every(Duration::from_millis(200))
        .backoff(Backoff::new(Duration::from_millis(50), Duration::from_secs(1)).unwrap())
        .on(&plain, handler);
    match pool {
        Some(Pool::Postgres) => {
            let tx = webhook("tx").inbox(inbox.clone()).build().unwrap();
            app = app.webhook("/tx", tx.clone(), event_handler(async || {}));
            worker = worker.on(&tx, in_postgres);
        }
        // In a file, handlers have their transactions inline, while the sender waits.
        Some(Pool::Sqlite(store)) => {
            let lease = DedupeConfig::new().lease(LEASE);
            let tx = webhook("tx").store(store).dedupe(lease).build().unwrap();
            app = app.webhook("/tx", tx, event_handler(in_a_file));
        }
        None => {}
    }
    let app = app.route("/ready", post(async || StatusCode::NO_CONTENT));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    if orders.is_worker {
        worker.build().unwrap().run().await;
        return ExitCode::SUCCESS;
    }
    axum::serve(listener, app).await.unwrap();
    ExitCode::SUCCESS
}

/// The pool in which handlers' transactions begin.
enum Pool {
    Postgres,
    Sqlite(SqliteStore),
}

async fn open(orders: &Orders, teller: &Teller) -> (SharedInbox, Option<Pool>) {
    let watched = |inbox: SharedInbox| {
        let watched = WatchedInbox::new(inbox, teller.clone(), orders.flaw.clone());
        SharedInbox::new(watched)
    };
    let place = &orders.place;
    match orders.backend {
        Backend::Redis | Backend::Sentinel | Backend::Cluster => {
            let inbox = RedisInbox::builder(place).connect().await.unwrap();
            (watched(SharedInbox::new(inbox)), None)
        }
        Backend::Postgres => {
            let pool = PgPoolOptions::new()
                .max_connections(10)
                .acquire_timeout(LEASE);
            let pool = pool.connect_lazy(place).unwrap();
            let inbox = PostgresInbox::on_pool(pool).connect().await.unwrap();
            (watched(SharedInbox::new(inbox)), Some(Pool::Postgres))
        }
        Backend::Sqlite => {
            let inbox = SqliteInbox::connect(place.clone()).await.unwrap();
            let options = SqliteConnectOptions::new().filename(format!("{place}.tx"));
            let pool = SqlitePool::connect_with(options).await.unwrap();
            let store = SqliteStore::on_pool(&pool).connect().await.unwrap();
            (watched(SharedInbox::new(inbox)), Some(Pool::Sqlite(store)))
        }
    }
}

fn webhook(name: &'static str) -> Webhook<tower_webhook::NoStore> {
    let name = Name::new(name).unwrap();
    let event = || Shape::new("event", ["/id"]).unwrap();
    let order = || {
        OrderRule::by(["/account"])
            .and_then(|it| it.version_number("/version"))
            .unwrap()
    };
    let rule = || EventRule::members([event()]).unwrap();
    // Events that run inline have no order.
    let rule = match name.as_str() {
        "plain" => {
            let ordered = || rule().ordered(order());
            ordered().or_each("/events", ordered()).unwrap()
        }
        _ => rule(),
    };
    let contract = SenderContract::new(
        RetrySchedule::listed(vec![Duration::from_secs(60); 10]),
        RetriedStatuses::AllButSuccess,
    );
    let tokens = PathTokens::parse([TOKEN]).unwrap();
    Webhook::new(Provider::by_secret_path(name, tokens, rule, contract))
}

/// A handler that takes some time and sometimes fails, as its event decides.
async fn on_event(
    paid: Paid,
    delivery: Delivery,
    teller: Teller,
    is_blind: bool,
) -> Result<(), Failure> {
    let (key, fence) = (short(delivery.key()), delivery.fence());
    let chance = hash(&format!("{}/{}", paid.id, delivery.attempt()));
    teller
        .tell(
            "run",
            &key,
            fence,
            &format!("attempt {}", delivery.attempt()),
        )
        .await;
    if hash(&paid.id) % 400 == 7 {
        teller.tell("gave-up", &key, fence, "").await;
        return Err(Failure::permanent("it can never be done"));
    }
    if chance % 50 == 1 {
        teller
            .tell("failed", &key, fence, "before its effect")
            .await;
        return Err(Failure::retry("it fails before its effect"));
    }
    let pause = match chance % 16 {
        2 => 700,
        quick => quick,
    };
    // A call in flight continues, even if nobody waits for it anymore.
    let effect = tokio::spawn({
        let (teller, key) = (teller.clone(), key.clone());
        async move {
            sleep(Duration::from_millis(pause)).await;
            let verb = if is_blind { "blind" } else { "effect" };
            teller.tell(verb, &key, fence, &paid.id).await
        }
    });
    let answer = effect.await.map_err(Failure::retry)?;
    if answer == "Refused" {
        return Err(Failure::retry("another one has it"));
    }
    if chance % 50 == 3 {
        teller
            .tell("failed", &key, fence, "behind its effect")
            .await;
        return Err(Failure::retry("it fails behind its effect"));
    }
    Ok(())
}

/// Nothing in the table is unique, so an effect that happens twice is there twice.
async fn in_postgres(Event(paid): Event<Paid>, mut tx: Tx<Postgres>) -> Result<(), Failure> {
    sqlx::query("INSERT INTO effects (event) VALUES ($1)")
        .bind(&paid.id)
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}

async fn in_a_file(Event(paid): Event<Paid>, mut tx: Tx<Sqlite>) -> Result<(), Failure> {
    sqlx::query("INSERT INTO effects (event) VALUES (?)")
        .bind(&paid.id)
        .execute(tx.connection().await?)
        .await?;
    Ok(())
}
