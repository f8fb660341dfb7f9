//! Many events, each twice at once, to two receivers that are killed and started again, and to a
//! Redis that suffers too.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::journal::{Line, What, now};
use super::outages::{Loss, Outage, Redis};
use super::process::{Process, within};
use super::receiver::Point;
use super::sender::{Answer, Receivers, deliver_saying};
use super::world::World;
use plan::{Deaths, Random, seed};

pub(crate) use plan::Plan;

pub(crate) async fn run(plan: Plan) {
    let seed = seed();
    println!("\nseed {seed}, again with RECEIVER_FAULTS_SEED={seed}");
    let mut random = Random(seed);
    let deaths = [random.deaths(plan.deaths), random.deaths(plan.deaths)];

    let redis = tokio::task::spawn_blocking(plan.redis).await.unwrap();
    let world = Arc::new(World::around(redis.url()).await);
    let mut first = Vec::new();
    for deaths in &deaths {
        first.push(start(&world, plan.lease, deaths.first()).await);
    }
    let addresses: Vec<_> = first.iter().map(|process| process.address).collect();
    let receivers = Receivers::at(addresses);
    let mut lives = JoinSet::new();
    for ((which, process), deaths) in first.into_iter().enumerate().zip(deaths.clone()) {
        lives.spawn(live(
            Arc::clone(&world),
            receivers.clone(),
            plan.lease,
            which,
            process,
            deaths,
        ));
    }
    let (acknowledged, begun) = (watch::Sender::new(0), watch::Sender::new(0));
    let outages = tokio::spawn(suffer(
        redis,
        plan.outages.clone(),
        plan.lease,
        Arc::clone(&world),
        acknowledged.subscribe(),
        begun.clone(),
    ));
    let answers = send_all(&plan, &world, &receivers, &acknowledged, &begun).await;
    let (mut redis, losses) = within("the last outage", outages).await.unwrap();
    // They are alive until the end: what they still have to say to Redis they can say.
    let processes = within("the last death", lives.join_all()).await;

    if let Redis::One(server) = &mut redis
        && !plan.has(Outage::IsEmptied)
    {
        // A last time: what the records say now is what Redis has on its disk.
        server.kill();
        server.restart();
    }
    let mut done = BTreeMap::new();
    for number in 0..plan.events {
        let id = id(number);
        if let Some(fence) = world.done_with_fence(&id).await {
            done.insert(id, fence);
        }
    }
    for loss in losses {
        loss.note(&world.journal, &done);
    }
    let lines = world.journal.lines();
    let mut forgotten = 0;
    for number in 0..plan.events {
        let id = id(number);
        let excused = may_be_missing(&lines, &id);
        if !excused {
            world.done(&id).await;
        }
        // Somebody sends it once more, by hand.
        let by_hand = send(&world, &receivers, &id, number).await;
        let replayed = by_hand.last().unwrap().unwrap().replayed;
        assert!(replayed || excused, "{id} ran again: {by_hand:?}");
        forgotten += usize::from(!replayed);
    }

    let lines = world.journal.lines();
    let mut doubles = 0;
    for number in 0..plan.events {
        let id = id(number);
        doubles += explain(&lines, &id);
        let record = world.done(&id).await;
        let fences = world.sinks.fences(&id);
        assert!(fences.is_sorted_by(|one, next| one < next), "{id}");
        assert_eq!(fences.last(), Some(&record.fence), "{id}");
    }
    assert_eq!(world.sinks.unique_keys(), plan.events);
    let count = |what| lines.iter().filter(|line| line.what == what).count();
    for number in 0..plan.events {
        taken_once(&lines, &id(number));
    }
    let (lost, slept) = (count(What::RedisLost), count(What::RedisSlept));
    if lost + slept == 0 {
        let refused = count(What::FenceRefused);
        assert_eq!(refused, 0, "the dead write nothing, nobody is overtaken");
    }

    // What was planned has happened.
    let deaths = deaths.concat();
    assert_eq!(count(What::Killed), deaths.len());
    let effected = deaths.iter().filter(|(at, _)| *at == Point::Effected);
    assert!(
        doubles >= effected.count(),
        "{doubles}: the journal has gaps"
    );
    if deaths.is_empty() && lost + slept == 0 {
        assert_eq!(doubles, 0);
    }
    if plan.has(Outage::IsEmptied) || plan.has(Outage::LosesReplica) {
        assert!(
            lost > 0 && forgotten > 0,
            "{lost} lost, {forgotten} run again"
        );
    }
    let attempts: usize = answers.iter().map(Vec::len).sum();
    println!(
        "{} events in {attempts} attempts; {doubles} effects doubled; records lost: {lost}, \
         {forgotten} of them found missing at the end",
        plan.events
    );
    drop(processes);
}

/// A receiver that stands where it is told to.
async fn start(world: &World, lease: Duration, stand: Option<&(Point, u32)>) -> Process {
    let mut orders = world.orders(lease);
    orders.stand = stand.copied();
    Process::start(&orders).await
}

/// Kills one receiver after the other as planned, and leaves the last one alive.
async fn live(
    world: Arc<World>,
    receivers: Receivers,
    lease: Duration,
    which: usize,
    mut process: Process,
    deaths: Deaths,
) -> Process {
    for life in 1..=deaths.len() {
        process.stands().await;
        world.kill(process).await;
        process = start(&world, lease, deaths.get(life)).await;
        receivers.set(which, process.address);
    }
    process
}

/// Lets Redis suffer what is planned, and tells what it has lost.
async fn suffer(
    mut redis: Redis,
    outages: Vec<(usize, Outage)>,
    lease: Duration,
    world: Arc<World>,
    mut acknowledged: watch::Receiver<usize>,
    begun: watch::Sender<usize>,
) -> (Redis, Vec<Loss>) {
    let mut losses = Vec::new();
    for (moment, outage) in outages {
        (acknowledged.wait_for(|count| *count >= moment).await).unwrap();
        begun.send_modify(|count| *count += 1);
        let world = Arc::clone(&world);
        let suffered = tokio::task::spawn_blocking(move || {
            let loss = redis.suffer(outage, lease, &world.journal);
            (redis, loss)
        });
        let loss;
        (redis, loss) = suffered.await.unwrap();
        losses.extend(loss);
    }
    (redis, losses)
}

/// What came of each attempt at each event and at its duplicate.
async fn send_all(
    plan: &Plan,
    world: &Arc<World>,
    receivers: &Receivers,
    acknowledged: &watch::Sender<usize>,
    begun: &watch::Sender<usize>,
) -> Vec<Vec<Option<Answer>>> {
    let places = Arc::new(Semaphore::new(plan.in_flight));
    let sent: Vec<_> = (0..plan.events)
        .map(|number| {
            let (places, receivers) = (Arc::clone(&places), receivers.clone());
            let (world, acknowledged) = (Arc::clone(world), acknowledged.clone());
            let (mut begun, before) = (begun.subscribe(), plan.outages_before(number));
            tokio::spawn(async move {
                // So that no outage comes when all is over.
                (begun.wait_for(|count| *count >= before).await).unwrap();
                let _place = places.acquire().await.unwrap();
                let id = id(number);
                let event = send(&world, &receivers, &id, number);
                let duplicate = send(&world, &receivers, &id, number + 1);
                let (event, duplicate) = tokio::join!(event, duplicate);
                acknowledged.send_modify(|count| *count += 1);
                [event, duplicate].concat()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for sent in sent {
        answers.push(sent.await.unwrap());
    }
    answers
}

/// Sends an event until it is acknowledged; the journal knows when each attempt began.
async fn send(world: &World, receivers: &Receivers, id: &str, first: usize) -> Vec<Option<Answer>> {
    let say = || world.journal.note(What::Asked, id, now());
    deliver_saying(id, receivers, first, say).await
}

fn id(number: usize) -> String {
    format!("evt_{number}")
}

/// Whether Redis has lost the event's record after it was asked for last: that attempt was
/// acknowledged.
fn may_be_missing(lines: &[Line], id: &str) -> bool {
    let latest = |what| {
        let moments = (lines.iter())
            .filter(|line| line.what == what && line.key == id)
            .map(|line| line.fence);
        moments.max()
    };
    let asked = latest(What::Asked);
    assert!(asked.is_some(), "{id} was never sent");
    latest(What::RedisLost) > asked
}

/// The unique sink took the event once. Whoever was killed between that and its line could not say
/// so.
fn taken_once(lines: &[Line], id: &str) {
    let of = |what| lines.iter().filter(move |line| line.what == what);
    let said = of(What::Unique).filter(|line| line.key == id).count();
    let was_killed = |pid| of(What::Killed).any(|line| line.pid == pid);
    let cut_short = of(What::Effect).any(|line| line.key == id && was_killed(line.pid));
    assert!(
        said == 1 || said == 0 && cut_short,
        "{id}: taken {said} times"
    );
}

/// Fails unless each effect of this event but the last has a cause not to be the last:
///
/// * it is that of a process that was killed after it and before the next, and had not recorded it;
/// * Redis has lost what was written of it, before the next was claimed;
/// * Redis slept past its lease before the next was claimed, and it was not recorded.
///
/// Says how many those are.
#[track_caller]
fn explain(lines: &[Line], id: &str) -> usize {
    let mut effects: Vec<_> = (lines.iter().enumerate())
        .filter(|(_, line)| line.what == What::Effect && line.key == id)
        .collect();
    assert!(!effects.is_empty(), "{id} is acknowledged and lost");
    // Where Redis has failed, the one that was claimed first may be the later one to act.
    effects.sort_by_key(|(_, line)| line.fence);
    for ((begin, earlier), (end, later)) in effects.iter().zip(effects.iter().skip(1)) {
        let is_its_end = |line: &Line| line.what == What::Killed && line.pid == earlier.pid;
        let died = begin < end && lines[*begin..*end].iter().any(is_its_end);
        let recorded = (lines.iter()).any(|line| {
            line.what == What::Recorded && line.key == id && line.fence == earlier.fence
        });
        let between = |what, key: &str| {
            (lines
                .iter()
                .filter(|line| line.what == what && line.key == key))
            .any(|line| earlier.fence < line.fence && line.fence <= later.fence)
        };
        let lost = between(What::RedisLost, id);
        let slept = between(What::RedisSlept, "");
        let story = || -> Vec<_> {
            let concerns = |line: &&Line| line.key == id || line.key.is_empty();
            lines.iter().filter(concerns).collect()
        };
        assert!(
            earlier.fence < later.fence && (lost || !recorded && (died || slept)),
            "{id}: nothing explains its second effect: {:#?}",
            story()
        );
    }
    effects.len() - 1
}
