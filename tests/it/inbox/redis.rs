//! Workers on one Redis, as of several processes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower_webhook::inbox::{Inbox, RedisInbox};
use tower_webhook::worker::InboxExt;

use super::workers::{self, layer, until_counted};
use super::{Working, send};
use crate::redis_support::proxy::{Fault, Proxy};
use crate::redis_support::{Cluster, Server, programs};
use crate::support::blendfi::event;
use crate::support::wait::{LIMIT, within};

async fn inbox(url: String) -> RedisInbox {
    let builder = RedisInbox::builder(url).partitions(24).deadline(LIMIT);
    builder.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_each_event_once_and_poison_stops_none() {
    for program in programs() {
        let server = Server::of(program, &[]);
        let (first, second) = (inbox(server.url()).await, inbox(server.url()).await);
        workers::two_workers_run_each_event_once_and_poison_stops_none(first, second).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_on_a_cluster_run_each_event_once_and_poison_stops_none() {
    let cluster = Cluster::start();
    let (first, second) = (inbox(cluster.url()).await, inbox(cluster.url()).await);
    workers::two_workers_run_each_event_once_and_poison_stops_none(first, second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_retries_that_are_due_at_once_are_all_worked_off() {
    let server = Server::start();
    workers::retries_that_are_due_at_once_are_all_worked_off(inbox(server.url()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_bytes_is_taken_once_some_are_left() {
    let server = Server::start();
    workers::what_waits_for_bytes_is_taken_once_some_are_left(inbox(server.url()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_held_that_vanished_is_taken_over_by_another() {
    let server = Server::start();
    let (accepting, other) = (inbox(server.url()).await, inbox(server.url()).await);
    workers::what_a_worker_held_that_vanished_is_taken_over_by_another(accepting, other).await;
}

/// Of every dozen requests the reply of one is lost, and the scripts of Redis now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_go_on_while_replies_and_scripts_are_lost() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let inbox = inbox(proxy.url()).await;
    let layer = layer(&inbox);
    let passed = AtomicU32::new(0);
    proxy.plan(move |_| match passed.fetch_add(1, Ordering::Relaxed) % 12 {
        11 => Fault::CutsAfter,
        _ => Fault::Passes,
    });
    let builder = inbox.worker().concurrency(8).lease(Duration::from_secs(1));
    let working = Working::start(builder.on(&layer, async || {}));
    for number in 0..200 {
        let event = event(&format!("evt_{number}"), "{}");
        // What is answered "not now" is sent again.
        let sending = async { while send(&layer, &event).await.status().as_u16() != 200 {} };
        within("an event to be accepted", sending).await;
        if number % 20 == 0 {
            server.ask(&["SCRIPT", "FLUSH"]);
        }
    }
    until_counted(&inbox, 200, 0).await;
    working.end().await;
    assert_eq!(inbox.counts().await.unwrap().queued, 0);
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_on_redis_with_two_processes_too() {
    let server = Server::start();
    let (first, second) = (inbox(server.url()).await, inbox(server.url()).await);
    super::ordering::shuffled_and_thrice([&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgeries_over_sockets_before_and_after_the_truth_change_nothing() {
    let server = Server::start();
    super::unconfirmed::forged_over_sockets(&inbox(server.url()).await).await;
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_on_a_cluster_are_applied_in_rising_versions() {
    let cluster = Cluster::start();
    let (first, second) = (inbox(cluster.url()).await, inbox(cluster.url()).await);
    super::ordering::shuffled_and_thrice([&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_forgeries_before_and_after_the_truth_change_nothing() {
    let server = Server::start();
    super::unconfirmed::forged_before_and_after(&inbox(server.url()).await, 2_000).await;
}

/// Without what the server keeps for connections, such as room for their next commands.
#[cfg(feature = "testing")]
fn used(server: &Server) -> u64 {
    let bytes = |field| -> u64 { server.info(field).unwrap().parse().unwrap() };
    bytes("used_memory") - bytes("mem_clients_normal")
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_mebibyte_takes_less_than_three() {
    for program in programs() {
        let server = Server::of(program, &[]);
        let inbox = inbox(server.url()).await;
        super::sizes::a_batch(&inbox, async || used(&server)).await;
    }
}

#[cfg(feature = "testing")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_event_takes_little_more_than_its_body() {
    for program in programs() {
        let server = Server::of(program, &[]);
        let (inbox, lengths) = (inbox(server.url()).await, super::sizes::lengths());
        super::sizes::queued(&inbox, &lengths, async || used(&server)).await;
    }
}
