//! Senders: events in batches and singly, out of order, in duplicate at once, repeated until
//! acknowledged, and once more by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::args::{Args, Random};
use crate::child::TOKEN;
use crate::hub::{Hub, What};

/// The number of deliveries in flight at once.
const IN_FLIGHT: usize = 48;
/// Events of one account have increasing versions.
const PER_ACCOUNT: u64 = 8;
/// How far a delivery may be moved from its place in the order.
const SHUFFLED: usize = 24;

/// A delivery: the ids of its events, its path and its body.
#[derive(Debug, Clone)]
struct Delivery {
    ids: Vec<String>,
    path: String,
    body: String,
}

/// The number of events and of attempts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) events: usize,
    pub(crate) attempts: usize,
}

fn event(number: u64, has_tx: bool) -> (bool, String, String) {
    if has_tx && number.is_multiple_of(4) {
        let id = format!("t{number}");
        return (true, format!(r#"{{"id":"{id}"}}"#), id);
    }
    let id = format!("p{number}");
    // Every third event has an order key and a version.
    let body = match number % 3 {
        0 => {
            let (account, version) = (number / 3 / PER_ACCOUNT, number / 3 % PER_ACCOUNT);
            format!(r#"{{"id":"{id}","account":"a{account}","version":{version}}}"#)
        }
        _ => format!(r#"{{"id":"{id}"}}"#),
    };
    (false, body, id)
}

/// The account and version of a plain event, if it has them.
pub(crate) fn order_of(id: &str) -> Option<(u64, u64)> {
    let number: u64 = id.strip_prefix('p')?.parse().ok()?;
    let of = number / 3;
    (number.is_multiple_of(3)).then_some((of / PER_ACCOUNT, of % PER_ACCOUNT))
}

/// All deliveries in sending order.
fn deliveries(events: u64, has_tx: bool, random: &mut Random) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut batch: Vec<(String, String)> = Vec::new();
    for number in 0..events {
        let (is_tx, body, id) = event(number, has_tx);
        let path = format!("/{}/{TOKEN}", if is_tx { "tx" } else { "plain" });
        if !is_tx && random.below(4) == 0 {
            batch.push((body, id));
            if batch.len() as u64 > 1 + random.below(6) {
                let (bodies, ids): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                let body = format!(r#"{{"events":[{}]}}"#, bodies.join(","));
                all.push(Delivery { ids, path, body });
            }
            continue;
        }
        let ids = vec![id];
        all.push(Delivery { ids, path, body });
    }
    for (body, id) in batch {
        let path = format!("/plain/{TOKEN}");
        all.push(Delivery {
            ids: vec![id],
            path,
            body,
        });
    }
    for place in 0..all.len() {
        let reach = u64::try_from(SHUFFLED.min(all.len() - place)).unwrap();
        all.swap(place, place + usize::try_from(random.below(reach)).unwrap());
    }
    all
}

/// Sends everything until all of it is acknowledged.
pub(crate) async fn send_all(
    args: Args,
    hub: Arc<Hub>,
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
) -> Sent {
    let mut random = Random(args.seed ^ 0x5e4d);
    let events = args.rate * args.time.as_secs();
    let has_tx = args.backend.has_tx();
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let begun = Instant::now();
    let mut under_way = JoinSet::new();
    let mut sent_events = 0_u64;
    for delivery in deliveries(events, has_tx, &mut random) {
        // At the given rate, regardless of earlier deliveries.
        sent_events += u64::try_from(delivery.ids.len()).unwrap();
        sleep_until(begun + args.time.mul_f64(sent_events as f64 / events as f64)).await;
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let (hub, addresses) = (Arc::clone(&hub), Arc::clone(&addresses));
        let (is_twice, again) = (random.below(10) < 3, random.below(40));
        let by_hand = (again < 2).then(|| Duration::from_millis(200 + again * random.below(6_000)));
        let mut dice = Random(random.number());
        under_way.spawn(async move {
            let first = acknowledged(&delivery, &hub, &addresses, dice.number());
            let mut attempts = match is_twice {
                true => {
                    let second = acknowledged(&delivery, &hub, &addresses, dice.number());
                    let (first, second) = tokio::join!(first, second);
                    first + second
                }
                false => first.await,
            };
            drop(place);
            if let Some(wait) = by_hand {
                sleep(wait).await;
                attempts += acknowledged(&delivery, &hub, &addresses, dice.number()).await;
            }
            attempts
        });
    }
    let attempts = under_way.join_all().await.into_iter().sum();
    Sent {
        events: usize::try_from(events).unwrap(),
        attempts,
    }
}

/// Sends a delivery repeatedly, at the pace of a sender whose minutes are milliseconds. Returns the
/// number of attempts.
async fn acknowledged(
    delivery: &Delivery,
    hub: &Hub,
    addresses: &Mutex<Vec<SocketAddr>>,
    first: u64,
) -> usize {
    let mut pause = Duration::from_millis(20);
    for attempt in 0.. {
        let address = {
            let addresses = addresses.lock().unwrap();
            let which = usize::try_from(first % 64).unwrap() + attempt;
            addresses[which % addresses.len()]
        };
        let answer = timeout(Duration::from_secs(15), post(address, delivery)).await;
        if let Ok(Ok(status)) = answer
            && (200..300).contains(&status)
        {
            for id in &delivery.ids {
                hub.note(What::Acked, id, 0, 0, "");
            }
            return attempt + 1;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    0
}

/// The status of the answer.
async fn post(address: SocketAddr, delivery: &Delivery) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let (path, body) = (&delivery.path, &delivery.body);
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}
