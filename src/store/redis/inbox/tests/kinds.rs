//! The contract on every kind of Redis.

use super::support::{Cluster, Sentinel};
use super::*;

use crate::testing::check_inbox;

#[tokio::test(flavor = "multi_thread")]
async fn one_server_keeps_the_contract() {
    for program in programs() {
        let server = Server::of(program, &[]);
        check_inbox(inbox(&server, 256).await).await.unwrap();
        let newer = builder(server.url() + "?protocol=resp3");
        check_inbox(newer.connect().await.unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_keep_the_contract_side_by_side_in_one_partition_too() {
    for partitions in [1, 32] {
        let server = Server::start();
        let (first, second) = (inbox(&server, partitions), inbox(&server, partitions));
        let (first, second) = tokio::join!(first, second);
        let (first, second) = tokio::join!(check_inbox(first), check_inbox(second));
        first.unwrap();
        second.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_that_sentinel_names_keeps_the_contract() {
    let sentinel = Sentinel::start();
    let inbox = builder(sentinel.url()).connect().await.unwrap();
    check_inbox(inbox).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_two_and_of_three_keep_the_contract() {
    for count in [2, 3] {
        let cluster = Cluster::of(count, &[]);
        let inbox = builder(cluster.url()).partitions(32).connect().await;
        check_inbox(inbox.unwrap()).await.unwrap();
        for master in &cluster.masters {
            let keys: u32 = master.ask(&["DBSIZE"]).parse().unwrap();
            assert!(keys > 10, "each master has its share: {keys}");
        }
    }
}
