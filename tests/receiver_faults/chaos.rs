//! Many events, each twice at once, to two receivers that are killed and started again all the
//! time, and to a Redis that is too.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::journal::{Line, What};
use super::process::{Process, within};
use super::receiver::Point;
use super::redis_support::Server;
use super::sender::{Answer, Receivers, deliver};
use super::world::{DURABLE, World};

const EVENTS: usize = 200;
const IN_FLIGHT: usize = 32;
/// So long that whoever lives keeps it, Redis being away for a moment, on a busy machine.
const LEASE: Duration = Duration::from_secs(5);
/// After so many acknowledged events Redis is killed.
const REDIS_KILLED_AFTER: [usize; 2] = [EVENTS / 4, EVENTS / 2];

const POINTS: [Point; 4] = [
    Point::Claimed,
    Point::Begun,
    Point::Effected,
    Point::Recorded,
];

/// Where each receiver of one of the two is killed, one after the other, and when.
type Plan = Vec<(Point, u32)>;

pub(crate) async fn run() {
    let seed = seed();
    println!("\nseed {seed}, again with RECEIVER_FAULTS_SEED={seed}");
    let mut random = Random(seed);
    let plans = [random.plan(), random.plan()];

    let redis = Server::with(&DURABLE);
    let world = Arc::new(World::around(&redis).await);
    let mut first = Vec::new();
    for plan in &plans {
        first.push(start(&world, plan.first()).await);
    }
    let addresses: Vec<_> = first.iter().map(|process| process.address).collect();
    let receivers = Receivers::at(addresses);
    let mut lives = JoinSet::new();
    for ((which, process), plan) in first.into_iter().enumerate().zip(plans.clone()) {
        lives.spawn(live(
            Arc::clone(&world),
            receivers.clone(),
            which,
            process,
            plan,
        ));
    }
    let acknowledged = watch::Sender::new(0);
    let outages = tokio::spawn(redis_dies(redis, acknowledged.subscribe()));
    let answers = send_all(&receivers, &acknowledged).await;
    let mut redis = within("the last outage", outages).await.unwrap();
    // They are alive until the end: what they still have to say to Redis they can say.
    let processes = within("the last kill", lives.join_all()).await;

    // A last time: what the records say now is what Redis has on its disk.
    redis.kill();
    redis.restart();
    let lines = world.journal.lines();
    let killed = lines.iter().filter(|line| line.what == What::Killed);
    assert_eq!(killed.count(), plans.concat().len(), "as planned");
    let (mut doubles, mut attempts) = (0, 0);
    for (number, answers) in answers.iter().enumerate() {
        let id = id(number);
        attempts += answers.len();
        doubles += explain(&lines, &id);
        let record = world.done(&id).await;
        let fences = world.sinks.fences(&id);
        assert!(fences.is_sorted_by(|one, next| one < next), "{id}");
        assert_eq!(fences.last(), Some(&record.fence), "{id}");
    }
    assert_eq!(world.sinks.unique_keys(), EVENTS);
    let refused = lines.iter().any(|line| line.what == What::FenceRefused);
    assert!(!refused, "the dead write nothing, and nobody was overtaken");
    println!("{EVENTS} events in {attempts} attempts; {doubles} effects doubled by a death");
    drop(processes);
}

/// A receiver that stands where it is told to.
async fn start(world: &World, stand: Option<&(Point, u32)>) -> Process {
    let mut orders = world.orders(LEASE);
    orders.stand = stand.copied();
    Process::start(&orders).await
}

/// Kills one receiver after the other as planned, and leaves the last one alive.
async fn live(
    world: Arc<World>,
    receivers: Receivers,
    which: usize,
    mut process: Process,
    plan: Plan,
) -> Process {
    for life in 1..=plan.len() {
        process.stands().await;
        process.kill(&world.journal).await;
        process = start(&world, plan.get(life)).await;
        receivers.set(which, process.address);
    }
    process
}

async fn redis_dies(mut redis: Server, mut acknowledged: watch::Receiver<usize>) -> Server {
    for moment in REDIS_KILLED_AFTER {
        (acknowledged.wait_for(|count| *count >= moment).await).unwrap();
        let killed = tokio::task::spawn_blocking(move || {
            redis.kill();
            redis.restart();
            redis
        });
        redis = killed.await.unwrap();
    }
    redis
}

/// What came of each attempt at each event and at its copy.
async fn send_all(
    receivers: &Receivers,
    acknowledged: &watch::Sender<usize>,
) -> Vec<Vec<Option<Answer>>> {
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let sent: Vec<_> = (0..EVENTS)
        .map(|number| {
            let (places, receivers) = (Arc::clone(&places), receivers.clone());
            let acknowledged = acknowledged.clone();
            tokio::spawn(async move {
                let _place = places.acquire().await.unwrap();
                let id = id(number);
                let event = deliver(&id, &receivers, number);
                let copy = deliver(&id, &receivers, number + 1);
                let (event, copy) = tokio::join!(event, copy);
                acknowledged.send_modify(|count| *count += 1);
                [event, copy].concat()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for sent in sent {
        answers.push(sent.await.unwrap());
    }
    answers
}

fn id(number: usize) -> String {
    format!("evt_{number}")
}

/// Fails unless each effect of this event but the last is that of a process that was killed after
/// it and before the next, and had not recorded it. Says how many those are.
#[track_caller]
fn explain(lines: &[Line], id: &str) -> usize {
    let effects: Vec<_> = (lines.iter().enumerate())
        .filter(|(_, line)| line.what == What::Effect && line.key == id)
        .collect();
    assert!(!effects.is_empty(), "{id} is acknowledged and lost");
    for ((begin, earlier), (end, later)) in effects.iter().zip(effects.iter().skip(1)) {
        let is_its_end = |line: &Line| line.what == What::Killed && line.pid == earlier.pid;
        let died = lines[*begin..*end].iter().any(is_its_end);
        let recorded = (lines.iter())
            .any(|line| line.what == What::Recorded && line.key == id && line.pid == earlier.pid);
        let story = || -> Vec<_> {
            let concerns = |line: &&Line| line.key == id || line.what == What::Killed;
            lines.iter().filter(concerns).collect()
        };
        assert!(
            died && !recorded && earlier.fence < later.fence,
            "{id}: nothing explains its second effect: {:#?}",
            story()
        );
    }
    effects.len() - 1
}

fn seed() -> u64 {
    match std::env::var("RECEIVER_FAULTS_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Each point once in random order, and one more; each the first to the sixth time that the
    /// receiver gets there.
    fn plan(&mut self) -> Plan {
        let mut points: Vec<_> = (POINTS.into_iter())
            .map(|point| (self.number(), point))
            .collect();
        points.sort_unstable_by_key(|(place, _)| *place);
        let again = points[0].1;
        (points.into_iter().map(|(_, point)| point))
            .chain([again])
            .map(|point| (point, u32::try_from(1 + self.number() % 6).unwrap()))
            .collect()
    }
}
