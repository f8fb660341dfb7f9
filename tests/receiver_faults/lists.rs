//! A receiver that is killed in the middle of a delivery that holds a list of events.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use tokio::time::sleep;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::store::Store;
use tower_webhook::{Name, PathTokens, Provider, RetriedStatuses, RetrySchedule, SenderContract};

use super::journal::What;
use super::process::{Process, within};
use super::receiver::Point;
use super::redis_support::Server;
use super::sender::connect;
use super::world::World;

const TOKEN: &str = "3f9d1c0b7a5e48d26c90b1f4";
const LEASE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
const EVENTS: usize = 100;
/// How many run at a time, and so may have had their effect and no record.
const AT_ONCE: usize = 16;

/// A sender whose deliveries are lists, at `/lists/{token}`.
pub(crate) fn provider() -> Provider {
    let schedule = RetrySchedule::Fixed {
        interval: Duration::from_secs(30),
        attempts: 5,
    };
    let rule = EventRule::members([Shape::new("event", ["/id"]).unwrap()]).unwrap();
    Provider::by_secret_path(
        Name::new("lists").unwrap(),
        PathTokens::parse([TOKEN]).unwrap(),
        EventRule::each("", rule).unwrap(),
        SenderContract::new(schedule, RetriedStatuses::AllButSuccess),
    )
}

/// The status of the answer, if there was one.
async fn send(to: SocketAddr) -> Option<u16> {
    let items: Vec<_> = (0..EVENTS)
        .map(|id| format!(r#"{{"id":"evt_{id}"}}"#))
        .collect();
    let body = Full::new(Bytes::from(format!("[{}]", items.join(","))));
    let request = Request::post(format!("/lists/{TOKEN}")).header("host", "receiver");
    let mut line = connect(to).await?;
    let response = line.send_request(request.body(body).unwrap()).await.ok()?;
    let status = response.status().as_u16();
    response.into_body().collect().await.ok()?;
    Some(status)
}

pub(crate) async fn killed_in_the_middle(point: Point) {
    let redis = Server::start();
    let world = World::around(redis.url()).await;
    let mut orders = world.orders(LEASE);
    orders.stand = Some((point, 40));
    orders.sinks = false;
    let mut first = Process::start(&orders).await;
    orders.stand = None;
    let second = Process::start(&orders).await;
    let sent = tokio::spawn(send(first.address));
    first.stands().await;
    world.kill(first).await;
    assert_eq!(sent.await.unwrap(), None, "the connection broke");
    within("all to be done", async {
        loop {
            match send(second.address).await {
                Some(200) => return,
                status => assert_eq!(status, Some(503)),
            }
            sleep(PAUSE).await;
        }
    })
    .await;
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for line in world.journal.lines() {
        if line.what == What::Effect {
            *effects.entry(line.key).or_default() += 1;
        }
    }
    assert_eq!(effects.len(), EVENTS, "nothing is lost");
    // Between effect and record is the window that a unique sink closes.
    let twice = effects.values().filter(|times| **times == 2).count();
    assert!(
        twice <= AT_ONCE && effects.values().all(|times| *times <= 2),
        "{effects:?}"
    );
    let counts = world.store.counts().await.unwrap();
    assert_eq!((counts.done, counts.claimed + counts.lapsed), (100, 0));
}
