use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::layer::room::{LARGE, Rooms};

const MIB: usize = 1024 * 1024;
const KIB: usize = 1024;

fn rooms() -> Arc<Rooms> {
    Arc::new(Rooms::new(64 * MIB))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(8)
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A body that was let in at once.
fn let_in(part: &Arc<Part>, whole: usize) -> HeldBytes {
    let mut held = HeldBytes::of(part);
    assert!(held.try_reserve(whole), "{whole}");
    held
}

#[test]
fn large_bodies_take_half_and_leave_an_eighth_to_small_ones() {
    let rooms = rooms();
    let (one, two) = (rooms.part(), rooms.part());
    let _first = let_in(&one, 25 * MIB);
    let _second = let_in(&one, 7 * MIB);
    assert!(!HeldBytes::of(&one).try_reserve(LARGE), "half is taken");
    let _third = let_in(&two, 24 * MIB);
    assert!(
        !HeldBytes::of(&two).try_reserve(LARGE),
        "seven eighths are taken"
    );

    // Small bodies of one layer fill the rest, and no more.
    let mut small: Vec<_> = (0..128).map(|_| HeldBytes::of(&one)).collect();
    assert!(small.iter_mut().all(|held| held.grow(64 * KIB)));
    assert!(!HeldBytes::of(&one).grow(1) && !HeldBytes::of(&two).grow(1));
    assert_eq!(rooms.used(), 64 * MIB);
    small.clear();
    assert!(HeldBytes::of(&two).grow(64 * KIB));
}

#[test]
fn no_layer_takes_all_with_small_bodies() {
    let rooms = rooms();
    let (one, two) = (rooms.part(), rooms.part());
    let mut small: Vec<_> = (0..640).map(|_| HeldBytes::of(&one)).collect();
    assert!(small.iter_mut().all(|held| held.grow(64 * KIB)));
    assert!(!HeldBytes::of(&one).grow(1), "five eighths");
    assert!(HeldBytes::of(&two).grow(64 * KIB));
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_first_come_first_served() {
    let rooms = rooms();
    let part = rooms.part();
    let first = let_in(&part, 25 * MIB);
    let (mut second, mut third, mut late) = (
        HeldBytes::of(&part),
        HeldBytes::of(&part),
        HeldBytes::of(&part),
    );
    let mut second = Box::pin(second.reserve(20 * MIB, 8 * KIB, soon()));
    let mut third = Box::pin(third.reserve(MIB, 8 * KIB, soon()));
    assert!(poll(second.as_mut()).is_pending());
    // There would be room for the third, and for one that arrives now.
    assert!(poll(third.as_mut()).is_pending());
    assert!(!late.try_reserve(MIB));
    assert_eq!((rooms.queued(), rooms.used()), (2, 25 * MIB + 16 * KIB));
    drop(first);
    assert_eq!(poll(second.as_mut()), Poll::Ready(true));
    assert_eq!(poll(third.as_mut()), Poll::Ready(true));
    drop((second, third));
    // The bytes that they had in hand are part of their room.
    assert_eq!(rooms.used(), 21 * MIB);
    assert_eq!(rooms.in_hand.used(), 0);
    assert!(late.try_reserve(MIB));
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_gives_its_place_to_the_next() {
    let rooms = rooms();
    let part = rooms.part();
    let first = let_in(&part, 25 * MIB);
    let mut second = HeldBytes::of(&part);
    let mut second = Box::pin(second.reserve(25 * MIB, 8 * KIB, soon()));
    let mut last = HeldBytes::of(&part);
    let mut third = Box::pin(last.reserve(7 * MIB, 8 * KIB, soon()));
    assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
    // Before it was its turn,
    drop(second);
    assert_eq!(poll(third.as_mut()), Poll::Ready(true));

    // and when it was given room but has not been notified yet.
    drop(third);
    drop(last);
    let mut fourth = HeldBytes::of(&part);
    let mut fourth = Box::pin(fourth.reserve(32 * MIB, 8 * KIB, soon()));
    let mut fifth = HeldBytes::of(&part);
    let mut fifth = Box::pin(fifth.reserve(32 * MIB, 8 * KIB, soon()));
    assert!(poll(fourth.as_mut()).is_pending() && poll(fifth.as_mut()).is_pending());
    drop(first);
    assert_eq!(rooms.queued(), 1, "the fourth has been served");
    assert!(poll(fifth.as_mut()).is_pending());
    drop(fourth);
    assert_eq!(poll(fifth.as_mut()), Poll::Ready(true));
    drop(fifth);
    assert_eq!((rooms.queued(), rooms.in_hand.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn one_whose_time_is_up_holds_nothing() {
    let rooms = rooms();
    let part = rooms.part();
    let _first = let_in(&part, 32 * MIB);
    let mut late = HeldBytes::of(&part);
    let started = Instant::now();
    assert!(!late.reserve(MIB, 8 * KIB, soon()).await);
    assert_eq!(started.elapsed(), Duration::from_secs(8));
    drop(late);
    assert_eq!((rooms.queued(), rooms.used()), (0, 32 * MIB));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_has_used_up_its_part_holds_up_no_other() {
    let rooms = rooms();
    let (one, two, three) = (rooms.part(), rooms.part(), rooms.part());
    let _full = let_in(&one, 32 * MIB);
    let mut waiting = HeldBytes::of(&one);
    let mut waiting = pin!(waiting.reserve(MIB, 0, soon()));
    assert!(poll(waiting.as_mut()).is_pending());
    let mut other = HeldBytes::of(&two);
    assert!(other.reserve(20 * MIB, 0, soon()).await);
    // But no body overtakes the first one that waits for the whole budget: 4 MiB of seven eighths
    // are left.
    let mut wide = HeldBytes::of(&two);
    let mut wide = Box::pin(wide.reserve(5 * MIB, 0, soon()));
    let mut narrow = HeldBytes::of(&three);
    let mut narrow = pin!(narrow.reserve(MIB, 0, soon()));
    assert!(poll(wide.as_mut()).is_pending() && poll(narrow.as_mut()).is_pending());
    drop(wide);
    assert_eq!(poll(narrow.as_mut()), Poll::Ready(true));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_uses_up_its_part_while_it_waits_lets_others_pass_at_once() {
    let rooms = rooms();
    let (one, two, three) = (rooms.part(), rooms.part(), rooms.part());
    let (mut of_one, mut of_two) = (HeldBytes::of(&one), HeldBytes::of(&two));
    assert!(of_one.grow(20 * MIB) && of_two.grow(30 * MIB));
    let (mut wide, mut narrow) = (HeldBytes::of(&one), HeldBytes::of(&three));
    // The whole budget has no room for the first, and no body passes it,
    let mut wide = pin!(wide.reserve(15 * MIB, 0, soon()));
    let mut narrow = pin!(narrow.reserve(5 * MIB, 0, soon()));
    assert!(poll(wide.as_mut()).is_pending() && poll(narrow.as_mut()).is_pending());
    // until its own layer is what it waits for.
    assert!(of_one.grow(6 * MIB));
    assert_eq!(poll(narrow.as_mut()), Poll::Ready(true));
    assert!(poll(wide.as_mut()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_large_body_that_waits_for_small_ones_is_let_in_when_they_go() {
    let rooms = rooms();
    let (one, two) = (rooms.part(), rooms.part());
    let mut small: Vec<_> = (0..640).map(|_| HeldBytes::of(&one)).collect();
    assert!(small.iter_mut().all(|held| held.grow(64 * KIB)));
    let mut large = HeldBytes::of(&two);
    let mut large = Box::pin(large.reserve(25 * MIB, 8 * KIB, soon()));
    assert!(poll(large.as_mut()).is_pending());
    small.truncate(39 * 16);
    assert_eq!(poll(large.as_mut()), Poll::Ready(true));
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_has_in_hand_is_a_sixteenth_and_one_layer_has_half_of_that() {
    let rooms = rooms();
    let (part, other) = (rooms.part(), rooms.part());
    let _full = let_in(&part, 32 * MIB);
    let mut bodies: Vec<_> = (0..257).map(|_| HeldBytes::of(&part)).collect();
    let mut queueing: Vec<_> = (bodies.iter_mut())
        .map(|held| Box::pin(held.reserve(MIB, 8 * KIB, soon())))
        .collect();
    for waiting in &mut queueing[..256] {
        assert!(poll(waiting.as_mut()).is_pending());
    }
    assert_eq!(poll(queueing[256].as_mut()), Poll::Ready(false), "at once");
    assert_eq!(
        (rooms.in_hand.used(), part.in_hand.used()),
        (2 * MIB, 2 * MIB)
    );
    // Bodies of another layer still queue, and are let in.
    let mut large = HeldBytes::of(&other);
    assert_eq!(
        poll(Box::pin(large.reserve(MIB, 8 * KIB, soon())).as_mut()),
        Poll::Ready(true)
    );
    // Small bodies still find room.
    assert!(HeldBytes::of(&part).grow(64 * KIB));
    drop(queueing);
    assert_eq!((rooms.in_hand.used(), part.in_hand.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn unused_room_is_spared_for_those_who_wait() {
    let rooms = rooms();
    let part = rooms.part();
    let mut slow = let_in(&part, 25 * MIB);
    assert_eq!(slow.spare_all_but(MIB), Spared::NotWanted);
    let mut other = HeldBytes::of(&part);
    let mut next = Box::pin(other.reserve(25 * MIB, 8 * KIB, soon()));
    assert!(poll(next.as_mut()).is_pending());
    // If one of them keeps 8 MiB, there is no room for the other.
    assert_eq!(slow.spare_all_but(8 * MIB), Spared::NotEnough);
    assert_eq!(slow.room(), 25 * MIB);
    assert_eq!(slow.spare_all_but(7 * MIB), Spared::Given);
    assert_eq!(slow.room(), 7 * MIB);
    assert_eq!(poll(next.as_mut()), Poll::Ready(true));
    // It returns at the end of the queue.
    let mut again = Box::pin(slow.reserve(25 * MIB, 8 * KIB, soon()));
    assert!(poll(again.as_mut()).is_pending());
    drop(next);
    drop(other);
    assert_eq!(poll(again.as_mut()), Poll::Ready(true));
    drop(again);
    drop(slow);
    assert_eq!(rooms.used(), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Small { part: usize, bytes: usize },
    Large { part: usize, bytes: usize },
    Poll(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize, 1..2_000_usize).prop_map(|(part, bytes)| Step::Small { part, bytes }),
        (0..3_usize, 1..9_000_usize).prop_map(|(part, bytes)| Step::Large { part, bytes }),
        (0..20_usize).prop_map(Step::Poll),
        (0..20_usize).prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 1..60)
}

type Queueing = Pin<Box<dyn Future<Output = Option<HeldBytes>>>>;

proptest! {
    /// Whatever arrives and leaves: the bytes held stay within the limits, every body that can be
    /// let in is let in, and in the end nothing is held.
    #[test]
    fn nothing_is_lost_and_nobody_is_forgotten(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _guard = runtime.enter();
        let rooms = Arc::new(Rooms::new(16_000));
        let parts = [rooms.part(), rooms.part(), rooms.part()];
        let mut held: Vec<(bool, HeldBytes)> = Vec::new();
        let mut queueing: Vec<(usize, usize, Queueing)> = Vec::new();
        for step in steps {
            match step {
                Step::Small { part, bytes } => {
                    let mut body = HeldBytes::of(&parts[part]);
                    if body.grow(bytes) {
                        held.push((false, body));
                    }
                }
                Step::Large { part, bytes } if bytes <= parts[part].largest() => {
                    let mut body = HeldBytes::of(&parts[part]);
                    let deadline = soon();
                    let future: Queueing = Box::pin(async move {
                        body.reserve(bytes, 1, deadline).await.then_some(body)
                    });
                    queueing.push((part, bytes, future));
                }
                Step::Large { .. } => {}
                Step::Poll(at) if at < queueing.len() => {
                    if let Poll::Ready(body) = poll(queueing[at].2.as_mut()) {
                        drop(queueing.remove(at));
                        held.extend(body.map(|body| (true, body)));
                    }
                }
                Step::Poll(_) => {}
                Step::Drop(at) if at < held.len() => drop(held.remove(at)),
                Step::Drop(at) if at < queueing.len() => drop(queueing.remove(at)),
                Step::Drop(_) => {}
            }
            prop_assert!(rooms.used() <= 16_000);
            prop_assert!(rooms.large.used() <= 14_000);
            for part in &parts {
                prop_assert!(part.large.used() <= 8_000 && part.bytes.used() <= 16_000);
            }
            let counted: usize = held.iter().map(|(_, body)| body.small + body.large).sum();
            prop_assert!(counted <= rooms.used());
            // No waiting body could be let in: on another try, there is still no room for any.
            let again = rooms.next_to_serve(&rooms.queue());
            prop_assert_eq!(again, None);
        }
        drop(held);
        drop(queueing);
        for counter in [&rooms.bytes, &rooms.large, &rooms.in_hand] {
            prop_assert_eq!(counter.used(), 0);
        }
        for part in &parts {
            prop_assert_eq!((part.bytes.used(), part.large.used()), (0, 0));
            prop_assert_eq!(part.in_hand.used(), 0);
        }
        prop_assert_eq!(rooms.queued(), 0);
    }
}
