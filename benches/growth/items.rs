//! Events that arrive together in one delivery: the cost of each from request to answer, over one
//! connection, with the records in Redis.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Router;
use axum::http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::{
    Name, PathTokens, Provider, RedisStore, RetriedStatuses, RetrySchedule, RouterExt,
    SenderContract, Webhook, event_handler,
};

use crate::common::Result;
use crate::common::measured::{Bound, Table};
use crate::common::medians::median;
use crate::redis_support::Server as Redis;
use crate::rows::growth;

const TOKEN: &str = "a-token-for-benches-alone";
/// The number of events in each round at each size.
const EVENTS: usize = 1_000;
const SIZES: [usize; 4] = [1, 10, 100, 1_000];
/// A list of a hundred may take at most this fraction of the time of a hundred deliveries.
const AT_MOST: f64 = 0.2;

fn provider() -> Result<Provider> {
    let payment = Shape::new("pix", ["/endToEndId"])?.fingerprint(["/valor"])?;
    let rule = EventRule::each("/pix", EventRule::members([payment])?)?;
    let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let tokens = PathTokens::parse([TOKEN])?;
    Ok(Provider::by_secret_path(
        Name::new("pix")?,
        tokens,
        rule,
        contract,
    ))
}

/// Serves in its own thread and runtime.
fn serve(redis: &Redis) -> Result<SocketAddr> {
    let (told, address) = std::sync::mpsc::channel();
    let url = redis.url();
    let webhook = provider()?;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = RedisStore::connect(&url).await.unwrap();
            let webhook = Webhook::new(webhook).store(store).build().unwrap();
            let app = Router::new().webhook("/pix", webhook, event_handler(async || {}));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    Ok(address.recv()?)
}

/// A sender that creates each event once.
struct Sender {
    connection: http1::SendRequest<Full<Bytes>>,
    sent: usize,
}

impl Sender {
    async fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self {
            connection,
            sent: 0,
        })
    }

    /// Sends [`EVENTS`] events, so many per delivery, one delivery at a time. Returns the
    /// nanoseconds per event.
    async fn send(&mut self, in_each: usize) -> Result<f64> {
        let bodies: Vec<_> = (0..EVENTS / in_each).map(|_| self.list(in_each)).collect();
        let begun = Instant::now();
        for body in bodies {
            let request = Request::post(format!("/pix/{TOKEN}"))
                .header("host", "localhost")
                .body(Full::from(body))?;
            self.connection.ready().await?;
            let answer = self.connection.send_request(request).await?;
            assert_eq!(answer.status(), 200);
            answer.into_body().collect().await?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1e9 / f64::from(u32::try_from(EVENTS)?))
    }

    fn list(&mut self, count: usize) -> String {
        let items: Vec<_> = (self.sent..self.sent + count)
            .map(|number| {
                format!(
                    r#"{{"endToEndId":"E{number:031}","valor":"100.50","horario":"2026-05-04T13:00:00Z"}}"#
                )
            })
            .collect();
        self.sent += count;
        format!(r#"{{"pix":[{}]}}"#, items.join(","))
    }
}

/// Measures, and returns whether the bound is met.
pub(crate) fn measure(rounds: u32) -> Result<bool> {
    let redis = Redis::start();
    let address = serve(&redis)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut times = SIZES.map(|_| Vec::new());
    runtime.block_on(async {
        let mut sender = Sender::connect(address).await?;
        // Loads the scripts.
        sender.send(1).await?;
        for _ in 0..rounds {
            for (size, times) in SIZES.iter().zip(&mut times) {
                times.push(sender.send(*size).await?);
            }
        }
        Result::Ok(())
    })?;
    let table = Table::new(
        "growth",
        "An event from request to answer, Redis, by events in one delivery",
    );
    let times = times.map(median);
    let [alone, ..] = times;
    let mut is_reached = true;
    let mut points = Vec::new();
    for (size, time) in SIZES.iter().zip(times) {
        points.push((f64::from(u32::try_from(*size)?), time));
        let row = size.to_string();
        table.put(&row, "time", "ns", time);
        let share = time / alone;
        if *size == 100 {
            is_reached = table.require(&row, "of one alone", "", share, Bound::AtMost(AT_MOST));
        } else {
            table.put(&row, "of one alone", "", share);
        }
    }
    growth(&table, &points);
    Ok(is_reached)
}
