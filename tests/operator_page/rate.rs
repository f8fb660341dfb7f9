//! Deliveries while the page is reloaded, held against deliveries alone, in one run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_webhook::journal::{Journal, SqliteJournal};
use tower_webhook::operator::{self, Page};
use tower_webhook::store::SqliteStore;
use tower_webhook::testing::TestDelivery;
use tower_webhook::{UnixTime, Webhook};

use super::{Folder, sender};

const CONNECTIONS: usize = 16;
const RELOADS: u64 = 50;
const LEAST: f64 = 0.9;
const VIEWS: [&str; 4] = ["", "/deliveries", "/dead", "/queue"];

/// How many rounds of each kind there are, and how long each is. Without a number nothing is told from the noise.
fn rounds() -> (usize, Duration, bool) {
    match std::env::var("OPERATOR_ROUNDS") {
        Ok(rounds) => (rounds.parse().unwrap(), Duration::from_secs(1), true),
        Err(_) => (1, Duration::from_millis(300), false),
    }
}

async fn serve(folder: &Folder) -> SocketAddr {
    let page = Page::new();
    let store = SqliteStore::connect(folder.0.join("records.db"))
        .await
        .unwrap();
    let table = SqliteJournal::open(folder.0.join("journal.db")).unwrap();
    let journal = Journal::start(table.clone()).unwrap();
    let webhook = Webhook::new(sender())
        .observer(page.observer())
        .journal(&journal)
        .store(store);
    let layer = webhook.build().unwrap();
    let page = page.webhook(&layer).journal(&journal, table);
    let app: Router = Router::new()
        .route("/", post(async || {}).layer(layer))
        .nest("/operator", operator::router(&page));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A signed delivery of a new event, byte for byte.
fn delivery(number: u64) -> Vec<u8> {
    let now = UnixTime::now().as_micros() / 1_000_000;
    let body = format!(
        r#"{{"id":"evt_{number}","object":"event","type":"charge.succeeded","created":{now},"data":{{"object":{{"id":"ch_1"}}}}}}"#
    );
    let request = TestDelivery::new(&sender(), body.clone())
        .request::<Bytes>()
        .unwrap();
    let mut bytes = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in request
        .headers()
        .iter()
        .filter(|(name, _)| *name != "content-length" && *name != "host")
    {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([b"\r\n", body.as_bytes()].concat());
    bytes
}

/// Reads one answer; the connection is kept.
async fn answer(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> u16 {
    bytes.clear();
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut block).await.unwrap();
        assert!(read > 0, "the connection was closed");
        bytes.extend_from_slice(&block[..read]);
        let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return head.split(' ').nth(1).unwrap().parse().unwrap();
        }
    }
}

/// Deliveries a second for this long.
async fn deliver(address: SocketAddr, next: &Arc<AtomicU64>, time: Duration) -> f64 {
    let begun = Instant::now();
    let senders = (0..CONNECTIONS).map(|_| {
        let next = Arc::clone(next);
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let (mut bytes, mut count) = (Vec::new(), 0_u32);
            while begun.elapsed() < time {
                let request = delivery(next.fetch_add(1, Ordering::Relaxed));
                stream.write_all(&request).await.unwrap();
                assert_eq!(answer(&mut stream, &mut bytes).await, 200);
                count += 1;
            }
            count
        })
    });
    let mut all = 0;
    for sender in senders.collect::<Vec<_>>() {
        all += sender.await.unwrap();
    }
    f64::from(all) / begun.elapsed().as_secs_f64()
}

/// Reloads the views in turn until told to end; how many there were.
async fn reload(address: SocketAddr, is_over: Arc<AtomicBool>) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / RELOADS));
    let (mut bytes, mut count) = (Vec::new(), 0);
    for view in VIEWS.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        tick.tick().await;
        let request = format!("GET /operator{view} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream, &mut bytes).await, 200);
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_keep_their_rate_while_the_page_is_reloaded() {
    let folder = Folder::new();
    let address = serve(&folder).await;
    let next = Arc::new(AtomicU64::new(0));
    let (rounds, time, is_told) = rounds();
    deliver(address, &next, time).await;
    let mut ratios = Vec::new();
    let mut reloads = 0;
    for round in 0..rounds {
        let alone_first = round % 2 == 0;
        let mut rates = [0.0; 2];
        for reloaded in [!alone_first, alone_first] {
            let is_over = Arc::new(AtomicBool::new(false));
            let reloading = reloaded.then(|| tokio::spawn(reload(address, Arc::clone(&is_over))));
            rates[usize::from(reloaded)] = deliver(address, &next, time).await;
            is_over.store(true, Ordering::Relaxed);
            if let Some(reloading) = reloading {
                reloads += reloading.await.unwrap();
            }
        }
        ratios.push(rates[1] / rates[0]);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    println!(
        "{reloads} reloads; deliveries keep {ratio:.3} of their rate, the median of {rounds} rounds"
    );
    assert!(reloads > 0);
    if is_told {
        assert!(ratio >= LEAST, "{ratios:?}");
    }
}
