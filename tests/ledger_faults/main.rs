//! A ledger that credits each payment in the transaction of its event, and what is left of that when
//! receivers are killed and frozen, connections cut, and Postgres killed.
//!
//! This binary is both the tests and the receiver: it starts itself. `LEDGER_DELIVERIES` and `LEDGER_FAULTS`
//! say how much there is to do, `LEDGER_SEED` has it done again. `scripts/ledger-faults` is the long run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../support/amount.rs"]
mod amount;
mod campaign;
mod plan;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../receiver_faults/process.rs"]
mod process;
mod receiver;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../receiver_faults/sender.rs"]
mod sender;
#[path = "../sql_support/mod.rs"]
mod sql_support;
mod trouble;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if let Some(orders) = process::orders() {
        return on_threads(receiver::run(orders));
    }
    let mut arguments = Arguments::from_args();
    // Leases are in real time: one test's load must not stall another's receivers.
    arguments.test_threads.get_or_insert(1);
    let tests = vec![
        test(
            "each payment is credited once in Postgres, whatever fails",
            campaign::on_postgres,
        ),
        test(
            "each payment is credited once in a file, whenever its only receiver is killed",
            campaign::on_sqlite,
        ),
    ];
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn test<F>(name: &str, story: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    Trial::test(name, move || {
        on_threads(story());
        Ok(())
    })
}

fn on_threads<F: Future>(work: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(work)
}
