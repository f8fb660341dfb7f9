//! Claim and complete through the store, compared with the same scripts sent directly.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Script, Value};
use sha2::{Digest, Sha256};
use tower_webhook::RedisStore;
use tower_webhook::store::{Claim, ClaimOutcome, Held, Store};

use crate::code;
use crate::common::measured::{Bound, Table};
use crate::common::medians::Medians;
use crate::event::{self, LEASE, RETENTION};
use crate::processor::of_process;
use crate::redis_support::Server;

/// Longer than any call takes, however busy the machine is; both sides use it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The number in flight, and of pairs per round, which takes some tenths of a second.
const LEVELS: [(u32, u32); 3] = [(1, 1_000), (64, 6_400), (512, 10_240)];

/// Relative to the pairs/s of the scripts sent directly, at each level.
const REQUIRED: Bound = Bound::AtLeast(0.9);

/// A way to claim and complete.
pub(crate) trait Side: Clone + Send + Sync + 'static {
    type Work: Send + Sync + 'static;

    /// Runs before the time is taken.
    fn prepare(&self, number: u32) -> Self::Work;

    fn pair(&self, work: &Self::Work) -> impl Future<Output = ()> + Send;
}

#[derive(Clone)]
pub(crate) struct Ours(pub(crate) RedisStore);

impl Side for Ours {
    type Work = Claim;

    fn prepare(&self, number: u32) -> Claim {
        event::claim(number)
    }

    async fn pair(&self, claim: &Claim) {
        let ClaimOutcome::Claimed(grant) = self.0.claim(claim).await.unwrap() else {
            panic!("a new event is granted");
        };
        let complete = event::complete(claim, grant);
        assert_eq!(self.0.complete(&complete).await.unwrap(), Held::Held);
    }
}

/// The `redis` crate alone; even the commands are built beforehand.
#[derive(Clone)]
pub(crate) struct Raw {
    conn: MultiplexedConnection,
    claim: Arc<str>,
    complete: Arc<str>,
}

impl Raw {
    async fn new(server: &Server) -> Self {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let client = Client::open(server.url()).unwrap();
        let conn = client.get_multiplexed_async_connection_with_config(&config);
        let mut conn = conn.await.unwrap();
        let mut hashes = Vec::new();
        for code in [code::CLAIM, code::COMPLETE] {
            let script = Script::new(code);
            script.load_async(&mut conn).await.unwrap();
            hashes.push(script.get_hash().into());
        }
        Self {
            conn,
            claim: Arc::clone(&hashes[0]),
            complete: Arc::clone(&hashes[1]),
        }
    }

    async fn ask(&self, cmd: &Cmd) -> Value {
        cmd.query_async(&mut self.conn.clone()).await.unwrap()
    }
}

impl Side for Raw {
    type Work = (Cmd, Cmd);

    fn prepare(&self, number: u32) -> (Cmd, Cmd) {
        let micros = |span: Duration| span.as_micros().to_string();
        let event = event::claim(number);
        let (token, fingerprint) = (event.token.as_bytes(), event.fingerprint.as_bytes());
        let [mut claim, mut complete] = [&self.claim, &self.complete].map(|script| {
            let mut call = redis::cmd("EVALSHA");
            call.arg(&**script).arg(1).arg(redis_key(number));
            call
        });
        claim.arg(token).arg(fingerprint).arg("1");
        claim.arg(micros(LEASE)).arg(micros(RETENTION));
        claim.arg(kept_by_redis()).arg("");
        complete.arg(token).arg(&[1_u8, 2 | 8]).arg(&[0_u8; 12]);
        complete.arg([fingerprint.as_slice(), &[0, 200]].concat());
        complete.arg(micros(RETENTION)).arg(kept_by_redis());
        (claim, complete)
    }

    async fn pair(&self, (claim, complete): &(Cmd, Cmd)) {
        for cmd in [claim, complete] {
            let answer = self.ask(cmd).await;
            assert!(matches!(answer, Value::Int(1..)), "{answer:?}");
        }
    }
}

/// In milliseconds.
fn kept_by_redis() -> String {
    (RETENTION + Duration::from_secs(1)).as_millis().to_string()
}

/// The key of an event's record in the store.
pub(crate) fn redis_key(number: u32) -> String {
    let encoded = event::key(number).encoded();
    let digest = Sha256::digest(encoded.as_bytes());
    // The number of partitions divides 256, so the last of four bytes decides.
    format!("wh:default:{{{}}}:{encoded}", digest[3])
}

pub(crate) async fn store(server: &Server) -> RedisStore {
    let store = RedisStore::builder(server.url()).deadline(PATIENCE);
    store.connect().await.unwrap()
}

/// Checks that both sides do the same work: the same key, and a record of the same length.
async fn check_that_both_do_the_same(server: &Server, raw: &Raw, ours: &Ours) {
    let key = redis_key(0);
    let mut lengths = Vec::new();
    ours.pair(&ours.prepare(0)).await;
    lengths.push(server.ask(&["STRLEN", &key]));
    server.ask(&["FLUSHALL"]);
    raw.pair(&raw.prepare(0)).await;
    lengths.push(server.ask(&["STRLEN", &key]));
    assert_ne!(lengths[0], "0", "the store keeps its record elsewhere");
    assert_eq!(lengths[0], lengths[1]);
}

/// The cost of a round of pairs.
pub(crate) struct Took {
    pub(crate) pairs_per_second: f64,
    /// Processor time of this process and of Redis; 0 if it is unknown.
    pub(crate) client_micros: f64,
    pub(crate) redis_micros: f64,
}

/// Claims and completes every number of `numbers` once.
pub(crate) async fn run<S: Side>(
    server: &Server,
    side: &S,
    in_flight: u32,
    numbers: Range<u32>,
) -> Took {
    let count = f64::from(numbers.end - numbers.start);
    let mut shares: Vec<Vec<_>> = (0..in_flight).map(|_| Vec::new()).collect();
    for (number, share) in numbers.zip((0..shares.len()).cycle()) {
        shares[share].push(side.prepare(number));
    }
    let redis = server.info("process_id").unwrap();
    let busy = [of_process("self"), of_process(&redis)];
    let begun = Instant::now();
    let tasks: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let side = side.clone();
            tokio::spawn(async move {
                for work in &share {
                    side.pair(work).await;
                }
                // Dropped after the time is taken.
                share
            })
        })
        .collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    let micros = |process: &str, before| {
        let spent = of_process(process).saturating_sub(before);
        spent.as_secs_f64() * 1e6 / count
    };
    Took {
        pairs_per_second: count / begun.elapsed().as_secs_f64(),
        client_micros: micros("self", busy[0]),
        redis_micros: micros(&redis, busy[1]),
    }
}

pub(crate) async fn print(rounds: usize) {
    let server = Server::start();
    let raw = Raw::new(&server).await;
    let ours = Ours(store(&server).await);
    check_that_both_do_the_same(&server, &raw, &ours).await;
    let table = Table::new("store", "Claim and complete on Redis");
    for (in_flight, count) in LEVELS {
        let (mut rates, mut client, mut redis, mut all) = (vec![], vec![], vec![], vec![]);
        // The first round is a warm-up.
        for round in 0..=rounds {
            server.ask(&["FLUSHALL"]);
            let first = run(&server, &raw, in_flight, 0..count).await;
            server.ask(&["FLUSHALL"]);
            let second = run(&server, &ours, in_flight, 0..count).await;
            if round > 0 {
                rates.push((first.pairs_per_second, second.pairs_per_second));
                client.push((first.client_micros, second.client_micros));
                redis.push((first.redis_micros, second.redis_micros));
                let sum = |took: &Took| took.client_micros + took.redis_micros;
                // In reverse order, as less is better.
                all.push((sum(&second), sum(&first)));
            }
        }
        let [rates, client, redis, all] = [rates, client, redis, all].map(Medians::of);
        let row = format!("{in_flight} in flight");
        table.put(&row, "`EVALSHA` by hand", "pairs/s", rates.first);
        table.put(&row, "`RedisStore`", "pairs/s", rates.second);
        table.require(&row, "of the rate by hand", "", rates, REQUIRED);
        table.put(&row, "the same by processor time", "", all);
        table.put(&row, "client's core, by hand", "µs", client.first);
        table.put(&row, "client's core", "µs", client.second);
        table.put(&row, "Redis' core, by hand", "µs", redis.first);
        table.put(&row, "Redis' core", "µs", redis.second);
    }
}
