//! An effect in a transaction with its record, compared with a hand-written version.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tower::{Layer, ServiceExt};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::layer::{DedupeLayer, EndpointConfig, Proof};
use tower_webhook::runtime::{EventHandler, Failure, Run};
use tower_webhook::{
    Delivery, Name, PostgresStore, RetriedStatuses, RetrySchedule, SenderContract, Tx,
};

use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::event;
use crate::hand_postgres::{Hand, TABLE};
use crate::pairs::{CONNECTIONS, PATIENCE};
use crate::sql_support::Postgres;

const IN_FLIGHT: u32 = 64;
const EVENTS: u32 = 1_600;
const EFFECT: &str = "INSERT INTO effects (key) VALUES ($1)";

async fn on_event(delivery: Delivery, mut tx: Tx<sqlx::Postgres>) -> Result<(), Failure> {
    let effect = sqlx::query(EFFECT).bind(delivery.key().encoded());
    effect.execute(tx.connection().await?).await?;
    Ok(())
}

/// The layer alone: it accepts any delivery, so that no signature is made or checked.
fn layer(store: PostgresStore) -> DedupeLayer {
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None).waits(PATIENCE);
    let endpoint = EndpointConfig::new(Name::new("blendfi").unwrap(), contract);
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    let layer = DedupeLayer::builder(&endpoint, rule, [Proof::Signature]);
    layer.with_insecure_unauthenticated().build(store).unwrap()
}

/// Makes so many runs, so many at a time, and returns the events/s.
async fn rate<F>(run: impl Fn(u32) -> F + Clone + Send + Sync + 'static) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let begun = Instant::now();
    let tasks = (0..IN_FLIGHT).map(|place| {
        let run = run.clone();
        tokio::spawn(async move {
            for number in (place..EVENTS).step_by(IN_FLIGHT.try_into().unwrap()) {
                run(number).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    f64::from(EVENTS) / begun.elapsed().as_secs_f64()
}

/// The most common hand-written form: a unique key, inserted with the effect.
async fn plain(pool: PgPool, number: u32) {
    let mut tx = pool.begin().await.unwrap();
    let key = event::key(number).encoded();
    let seen = "INSERT INTO seen (key) VALUES ($1) ON CONFLICT DO NOTHING";
    let seen = sqlx::query(seen).bind(key.clone()).execute(&mut *tx).await;
    if seen.unwrap().rows_affected() == 1 {
        let effect = sqlx::query(EFFECT).bind(key);
        effect.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(crate) async fn print(rounds: usize) {
    let server = Postgres::start();
    server.ask(TABLE);
    server
        .ask("CREATE TABLE effects (key text NOT NULL); CREATE TABLE seen (key text PRIMARY KEY)");
    let hand = Hand::new(&server.url(), 2 * CONNECTIONS).await;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS + 1)
        .acquire_timeout(Duration::from_secs(60));
    let pool = pool.connect(&server.url()).await.unwrap();
    let store = PostgresStore::on_pool(pool.clone())
        .deadline(PATIENCE)
        .connections(CONNECTIONS);
    let store = store.migrate().connect().await.unwrap();
    let service = layer(store).layer(tower::service_fn(async |request: Request<Full<Bytes>>| {
        let delivery = request.extensions().get::<Delivery>().unwrap().clone();
        let done = EventHandler::call(&on_event, Run::new(&delivery, &())).await;
        let mut response = Response::new(Full::<Bytes>::default());
        if done.is_err() {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok::<_, Infallible>(response)
    }));
    let (mut rates, mut plains) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        server.ask("TRUNCATE by_hand, tower_webhook_records, effects, seen");
        let own = hand.clone();
        let first = rate(move |number| {
            let (hand, claim) = (own.clone(), event::claim(number));
            async move { hand.with_effect(&claim, EFFECT).await }
        });
        let first = first.await;
        let own = service.clone();
        let second = rate(move |number| {
            let service = own.clone();
            let body = format!(r#"{{"id":"evt_01HX4Y6Z7A8B9C0D{number:010}"}}"#);
            async move {
                let request = Request::post("/").body(Full::from(body)).unwrap();
                let answer = service.oneshot(request).await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
        });
        let second = second.await;
        assert_eq!(
            server.ask("SELECT count(*) FROM effects"),
            (2 * EVENTS).to_string()
        );
        let own = pool.clone();
        let third = rate(move |number| plain(own.clone(), number)).await;
        if round > 0 {
            rates.push((first, second));
            plains.push((third, second));
        }
    }
    let (medians, plains) = (Medians::of(rates), Medians::of(plains));
    let table = Table::new(
        "sql",
        "An effect and its record in one transaction of Postgres, 64 in flight",
    );
    let row = "`Tx` beside the same statements by hand";
    table.put(row, "by hand", "events/s", medians.first);
    table.put(row, "`Tx`", "events/s", medians.second);
    table.require(row, "ratio", "", medians, Bound::AtLeast(0.9));
    let row = "`Tx` beside a unique key and the effect in one transaction by hand";
    table.put(row, "by hand", "events/s", plains.first);
    table.put(row, "ratio", "", plains.ratio);
}
