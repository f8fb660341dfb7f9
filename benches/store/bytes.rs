//! The space of a finished record in Redis.

use redis::Client;

use crate::common::measured::{Bound, Table};
use crate::event::{RETENTION, portions};
use crate::pairs::{Ours, redis_key, run, store};
use crate::redis_support::Server;

const IN_FLIGHT: u32 = 512;

/// Relative to the bytes of a plain key.
const REQUIRED: Bound = Bound::AtMost(1.15);

async fn finished(records: u32) -> f64 {
    let server = Server::start();
    let ours = Ours(store(&server).await);
    // Loads the scripts and allocates buffers.
    run(&server, &ours, IN_FLIGHT, 0..IN_FLIGHT).await;
    server.ask(&["FLUSHALL"]);
    let before = server.steadily_used();
    for portion in portions(records) {
        run(&server, &ours, IN_FLIGHT, portion).await;
    }
    let bytes = server.steadily_used() - before;
    assert_eq!(server.ask(&["DBSIZE"]), records.to_string());
    bytes / f64::from(records)
}

async fn plain(records: u32) -> f64 {
    let server = Server::start();
    let client = Client::open(server.url()).unwrap();
    let mut conn = client.get_multiplexed_async_connection().await.unwrap();
    let before = server.steadily_used();
    for portion in portions(records) {
        let mut numbers = portion;
        while !numbers.is_empty() {
            let mut pipeline = redis::pipe();
            for number in numbers.by_ref().take(500) {
                let mut set = redis::cmd("SET");
                set.arg(redis_key(number)).arg([b'x'; 34].as_slice());
                set.arg("PX").arg(RETENTION.as_millis().to_string());
                pipeline.add_command(set);
            }
            let () = pipeline.ignore().query_async(&mut conn).await.unwrap();
        }
    }
    let bytes = server.steadily_used() - before;
    assert_eq!(server.ask(&["DBSIZE"]), records.to_string());
    bytes / f64::from(records)
}

pub(crate) async fn print(records: u32) {
    let plain = plain(records).await;
    let ours = finished(records).await;
    let table = Table::new("store", "Redis memory of finished records");
    table.put(
        "`SET` of 34 bytes with a TTL, same key",
        "each",
        "bytes",
        plain,
    );
    let row = "finished record";
    table.put(row, "each", "bytes", ours);
    table.require(row, "of the plain key", "", ours / plain, REQUIRED);
}
