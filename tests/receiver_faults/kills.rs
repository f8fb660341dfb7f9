//! A receiver that is killed at a certain point of an event, while another one is there.

use std::time::Duration;

use super::journal::What;
use super::process::{Process, within};
use super::receiver::Point;
use super::redis_support::Server;
use super::sender::{Answer, Line, Receivers, deliver};
use super::world::World;

const LEASE: Duration = Duration::from_secs(2);
const EVENT: &str = "evt_1";

const HANDLED: Answer = Answer {
    status: 204,
    replayed: false,
    retry_after: false,
};
const COPY: Answer = Answer {
    status: 200,
    replayed: true,
    retry_after: false,
};

pub(crate) async fn killed_at(point: Point) {
    let redis = Server::start();
    let world = World::around(redis.url()).await;
    let mut first = Process::start(&world.orders(LEASE).standing_at(point)).await;
    let second = Process::start(&world.orders(LEASE)).await;
    let (killed, other) = (first.pid, second.pid);
    let receivers = Receivers::at([first.address, second.address]);
    let sent = tokio::spawn(async move { deliver(EVENT, &receivers, 0).await });
    within("the receiver to stand", first.stands()).await;
    let before = world.record(EVENT).await;
    first.kill(&world.journal).await;
    let answers = within("the event to be acknowledged", sent).await.unwrap();
    assert_eq!(answers[0], None, "the dead do not answer");

    // Who has run it, and what the sender was told in the end.
    let (ran, told): (&[u32], _) = match point {
        // Its record says so to whoever gets the retry.
        Point::Recorded => (&[killed], COPY),
        // The window between effect and record: the event runs again, with a higher fence.
        Point::Effected => (&[killed, other], HANDLED),
        _ => (&[other], HANDLED),
    };
    assert_eq!(*answers.last().unwrap(), Some(told), "{answers:?}");
    let effects = world.journal.of(What::Effect, EVENT);
    let pids: Vec<_> = effects.iter().map(|(_, pid)| *pid).collect();
    assert_eq!(pids, ran);
    assert!(effects.is_sorted_by(|one, next| one.0 < next.0));
    // The unique sink closes the window: one, by whoever came first.
    assert_eq!(world.journal.of(What::Unique, EVENT), effects[..1]);
    // A fence stops who is overtaken, and here nobody is: it takes a repeat.
    assert_eq!(world.journal.of(What::FenceTook, EVENT), effects);

    let record = world.done(EVENT).await;
    assert_eq!(record.fence, effects.last().unwrap().0);
    if told == COPY {
        assert_eq!(record, before, "it was done when its receiver died");
    } else {
        assert_eq!((before.attempt, record.attempt), (1, 2));
    }

    // The dead one is started again, and somebody sends the event by hand.
    let restarted = Process::start(&world.orders(LEASE)).await;
    assert_eq!(Line::to(restarted.address).send(EVENT).await, Some(COPY));
    assert_eq!(world.journal.of(What::Effect, EVENT), effects);
    assert_eq!(world.record(EVENT).await, record);
}
