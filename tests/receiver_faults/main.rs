//! Receivers as processes that share a Redis, and what becomes of events when they are killed,
//! stopped, or raced, and Redis fails.
//!
//! This binary is both the tests and the receiver: it starts itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/amount.rs"]
mod amount;
mod blocked;
mod chaos;
mod duplicates;
mod journal;
mod kills;
mod lists;
mod outages;
mod process;
mod receiver;
#[path = "../redis_support/mod.rs"]
mod redis_support;
mod sender;
mod sinks;
#[cfg(feature = "postgres")]
#[path = "../sql_support/mod.rs"]
mod sql_support;
mod stops;
mod world;

use std::process::ExitCode;

use chaos::Plan;
use libtest_mimic::{Arguments, Trial};
use receiver::Point;

fn main() -> ExitCode {
    if let Some(orders) = process::orders::<receiver::Orders>() {
        return on_threads(orders.threads, receiver::run(orders));
    }
    let mut arguments = Arguments::from_args();
    // Leases are in real time: one test's load must not stall another's receivers.
    arguments.test_threads.get_or_insert(1);
    #[allow(unused_mut, reason = "there are more with more features")]
    let mut tests = vec![
        test(
            "a receiver killed between claim and handler leaves its event to the next",
            || kills::killed_at(Point::Claimed),
        ),
        test(
            "a receiver killed before the effect leaves its event to the next",
            || kills::killed_at(Point::Begun),
        ),
        test(
            "a receiver killed between effect and record is the window that a unique sink closes",
            || kills::killed_at(Point::Effected),
        ),
        test(
            "a receiver killed between record and answer has done its work",
            || kills::killed_at(Point::Recorded),
        ),
        test(
            "a receiver killed in the middle of a list loses nothing of it",
            || lists::killed_in_the_middle(Point::Begun),
        ),
        test(
            "a receiver killed in the middle of a list doubles only what was not recorded",
            || lists::killed_in_the_middle(Point::Effected),
        ),
        test(
            "a receiver stopped past its lease is the window that a fence closes",
            stops::stopped_and_stubborn,
        ),
        test(
            "a receiver stopped past its lease does nothing more if it heeds the notice",
            stops::stopped_and_heeding,
        ),
        test(
            "a handler that was stopped past its lease learns so from its first question",
            stops::stopped_and_asking,
        ),
        test(
            "a handler that was stopped past its lease is told before its timer",
            stops::stopped_and_selecting,
        ),
        test(
            "handlers that block both threads past their leases keep their events",
            || blocked::all_threads(2),
        ),
        test(
            "a handler that blocks the only thread past its lease keeps its event",
            || blocked::all_threads(1),
        ),
        test(
            "a receiver cut off between effect and record is the window that a unique sink closes",
            stops::cut_off_after_the_effect,
        ),
        test(
            "no event is lost, and each double is explained, whoever is killed",
            || chaos::run(Plan::deaths()),
        ),
        test(
            "a Redis that comes back empty doubles only what it had forgotten",
            || chaos::run(Plan::emptied()),
        ),
        test(
            "a failover of Sentinel doubles only what the new master was not told",
            || chaos::run(Plan::sentinel()),
        ),
        test(
            "a master of a cluster that dies doubles only what its replica was not told",
            || chaos::run(Plan::cluster()),
        ),
        test(
            "a Redis that forgets its scripts again and again doubles nothing",
            || chaos::run(Plan::scripts()),
        ),
        test(
            "a Redis that sleeps past every lease doubles only what was not recorded",
            || chaos::run(Plan::sleep()),
        ),
        test("a Redis without memory doubles nothing", || {
            chaos::run(Plan::full())
        }),
        test(
            "two receivers that get each event at once run it once",
            duplicates::run,
        ),
    ];
    let points = [
        ("between claim and handler", Point::Claimed),
        ("before the effect", Point::Begun),
        ("between effect and record", Point::Effected),
        ("between record and answer", Point::Recorded),
    ];
    for (place, point) in points {
        #[cfg(feature = "sqlite")]
        tests.push(test(
            &format!("a receiver with its records in a file, killed {place}"),
            move || kills::killed_with_a_file(point),
        ));
        #[cfg(feature = "postgres")]
        tests.push(test(
            &format!("a receiver with its records in Postgres, killed {place}"),
            move || kills::killed_with_postgres(point),
        ));
        // Unused where neither is there.
        let _ = (place, point);
    }
    #[cfg(feature = "postgres")]
    tests.push(test(
        "a receiver killed at any statement loses no event and doubles none but in the window",
        kills::killed_at_each_statement,
    ));
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn test<F>(name: &str, story: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    Trial::test(name, move || {
        on_threads(THREADS, story());
        Ok(())
    })
}

/// One thread may stand for ever at a point while the others go on.
const THREADS: usize = 4;

fn on_threads<F: Future>(threads: usize, work: F) -> F::Output {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
