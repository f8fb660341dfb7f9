//! What an operator sees of all records, while other things stand in Redis or it fails.

use crate::commands::{LONG, claim, granted, patient, release};
use crate::redis_support::{Cluster, Server};
use tokio::io::{AsyncReadExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tower_webhook::Name;
use tower_webhook::store::{RedisStore, Store};

#[tokio::test]
async fn what_is_no_record_is_neither_counted_nor_listed() {
    let (server, cluster) = (Server::start(), Cluster::start());
    for (url, servers) in [
        (server.url(), std::slice::from_ref(&server)),
        (cluster.url(), &cluster.masters),
    ] {
        let store = RedisStore::builder(url).deadline(LONG).partitions(1);
        let store = store.connect().await.unwrap();
        let failed = claim("failed");
        granted(store.claim(&failed).await.unwrap());
        store.release(&release(&failed)).await.unwrap();
        granted(store.claim(&claim("running")).await.unwrap());
        // Of a cluster's servers one has the slot, and the others refuse.
        for server in servers {
            server.ask(&["SET", "wh:default:{0}:acme:text", "no record"]);
            server.ask(&["HSET", "wh:default:{0}:acme:hash", "a", "b"]);
            server.ask(&["XADD", "wh:default:{0}:acme:stream", "*", "a", "b"]);
        }
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.released, counts.claimed), (1, 1));
        assert_eq!((counts.done, counts.lapsed), (0, 0));
        let unfinished = store.unfinished(failed.key.provider(), 10).await.unwrap();
        let keys: Vec<_> = unfinished.into_iter().map(|view| view.key).collect();
        assert_eq!(keys, [failed.key]);
    }
}

/// A port whose first connection leads to one server, and breaks once so many bytes have come from
/// there; those after it lead to the other.
async fn one_and_then_the_other(one: u16, other: u16, bytes: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut to, mut most) = (one, bytes);
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let mut from_server = from_server.take(most);
                tokio::select! {
                    _ = copy(&mut from_client, &mut to_server) => {}
                    _ = copy(&mut from_server, &mut to_client) => {}
                }
            });
            (to, most) = (other, u64::MAX);
        }
    });
    port
}

/// Each server has an order of its own: where one has got to says nothing to another.
#[tokio::test]
async fn no_record_is_missed_although_another_server_takes_over_half_way() {
    let records = 4_000;
    let (one, other) = (Server::start(), Server::start());
    let store = patient(one.url()).await;
    for number in 0..records {
        let failed = claim(&format!("{number}"));
        granted(store.claim(&failed).await.unwrap());
        store.release(&release(&failed)).await.unwrap();
    }
    other.follow(&one);
    other.ask(&["REPLICAOF", "NO", "ONE"]);
    let provider = Name::new("acme").unwrap();
    // About 100 bytes come back for each record.
    for bytes in [150_000, 250_000] {
        let way = || one_and_then_the_other(one.port, other.port, bytes);
        let store = async || {
            let url = format!("redis://127.0.0.1:{}", way().await);
            patient(url).await
        };
        let counts = store().await.counts().await.unwrap();
        assert_eq!(counts.released, records);
        let unfinished = store().await.unfinished(&provider, 10_000).await.unwrap();
        assert_eq!(u64::try_from(unfinished.len()).unwrap(), records);
    }
}
