//! A receiver that is stopped, or cut off from Redis, for longer than its lease, and goes on
//! afterwards.

use std::time::Duration;

use super::journal::What;
use super::process::{Process, within};
use super::receiver::Point;
use super::redis_support::{Server, until};
use super::sender::{Line, Receivers, deliver};
use super::world::{DURABLE, World};

const LEASE: Duration = Duration::from_secs(2);
const EVENT: &str = "evt_1";

/// Its handler is told, and goes on all the same.
pub(crate) async fn stopped_and_stubborn() {
    let Stopped {
        world,
        stopped,
        other,
        ..
    } = overtaken(Point::Stubborn).await;
    // The ledger, which checks nothing, has the documented double, the later fence first; the
    // sink that checks the fence has not, nor has the one that is unique.
    assert_eq!(world.journal.of(What::Effect, EVENT), [other, stopped]);
    assert_eq!(world.journal.of(What::FenceRefused, EVENT), [stopped]);
    assert_eq!(world.journal.of(What::FenceTook, EVENT), [other]);
    assert_eq!(world.journal.of(What::Unique, EVENT), [other]);
}

/// Its handler is told, and stops.
pub(crate) async fn stopped_and_heeding() {
    let Stopped { world, other, .. } = overtaken(Point::Heeding).await;
    assert_eq!(world.journal.of(What::Effect, EVENT), [other]);
}

/// Its handler waits for a timer, and asks once it is over.
pub(crate) async fn stopped_and_asking() {
    let Stopped { world, other, .. } = overtaken(Point::Asking).await;
    assert_eq!(world.journal.of(What::Effect, EVENT), [other]);
}

/// The same, and it would be told while it waits.
pub(crate) async fn stopped_and_selecting() {
    let Stopped { world, other, .. } = overtaken(Point::Selecting).await;
    assert_eq!(world.journal.of(What::Effect, EVENT), [other]);
}

/// Redis goes away after the effect, and comes back when the lease is over: the other receiver may
/// be faster to claim the event than this one is to say that it is done. Here it is.
pub(crate) async fn cut_off_after_the_effect() {
    let mut redis = Server::with(&DURABLE);
    let world = World::around(redis.url()).await;
    let mut first = Process::start(&world.orders(LEASE).standing_at(Point::CutOff)).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let address = first.address;
    let late = tokio::spawn(async move { Line::to(address).exchange(EVENT).await });
    within("the effect", first.stands()).await;
    let cut_off = (world.record(EVENT).await.fence, first.pid);
    redis.kill();
    let told = || world.journal.of(What::Told, EVENT) == [cut_off];
    until("the handler is told of its lease's end", told);
    first.stop();
    redis.restart();

    let receivers = Receivers::at([second.address]);
    within("the other to run it", deliver(EVENT, &receivers, 0)).await;
    let record = world.done(EVENT).await;
    let other = (record.fence, second.pid);
    first.go_on();
    let late = within("the late answer", late).await.unwrap().unwrap();
    assert!(late.status >= 500, "no success: {late:?}");
    assert_eq!(world.record(EVENT).await, record, "its finish is fenced");
    assert_eq!(world.journal.of(What::Effect, EVENT), [cut_off, other]);
    assert!(cut_off.0 < other.0, "so that a fence stops neither");
    assert_eq!(world.journal.of(What::FenceTook, EVENT), [cut_off, other]);
    assert_eq!(world.journal.of(What::Unique, EVENT), [cut_off]);
}

/// What is left when all is over. Both are a fence and a process.
struct Stopped {
    world: World,
    stopped: (u64, u32),
    other: (u64, u32),
    /// Dropped last.
    _redis: Server,
}

async fn overtaken(point: Point) -> Stopped {
    let redis = Server::start();
    let world = World::around(redis.url()).await;
    let mut first = Process::start(&world.orders(LEASE).standing_at(point)).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let address = first.address;
    let late = tokio::spawn(async move { Line::to(address).exchange(EVENT).await });
    within("the handler to begin", first.stands()).await;
    let stopped = (world.record(EVENT).await.fence, first.pid);
    first.stop();

    let receivers = Receivers::at([second.address]);
    let answers = within("the other to run it", deliver(EVENT, &receivers, 0)).await;
    let last = answers.last().unwrap().unwrap();
    assert_eq!((last.status, last.replayed), (204, false), "{answers:?}");
    let record = world.done(EVENT).await;
    let other = (record.fence, second.pid);
    assert_eq!(record.attempt, 2);
    assert!(stopped.0 < other.0);
    assert_eq!(world.journal.of(What::Effect, EVENT), [other]);
    assert_eq!(world.journal.of(What::Told, EVENT), []);

    first.go_on();
    let late = within("the late answer", late).await.unwrap().unwrap();
    assert!(late.status >= 500, "no success: {late:?}");
    assert_eq!(world.journal.of(What::Told, EVENT), [stopped]);
    assert_eq!(world.record(EVENT).await, record, "its finish is fenced");
    assert_eq!(world.journal.of(What::Recorded, EVENT), [other]);
    let again = Line::to(address).send(EVENT).await.unwrap();
    assert_eq!((again.status, again.replayed), (200, true));
    Stopped {
        world,
        stopped,
        other,
        _redis: redis,
    }
}
