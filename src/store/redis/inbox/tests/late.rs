//! Commands on an order key that arrive so late that another run of its event already holds it.

use std::sync::atomic::{AtomicU32, Ordering};

use super::support::proxy::{Fault, Proxy};
use super::*;
use crate::event::{Order, OrderKey, Version};

fn ordered(id: &str, version: i64) -> Accept {
    let key = OrderKey::new(["1042"]).unwrap();
    Accept {
        order: Some(Box::new(Order::new(key, Some(Version::new(version))))),
        ..accept(id, id)
    }
}

/// Runs alongside the work in progress, as another process would.
fn beside<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(work())
        });
        run.join().unwrap()
    })
}

/// The first run is buried, and the command that frees its order key is in flight for so long that the event is
/// redriven and runs again.
#[tokio::test(flavor = "multi_thread")]
async fn what_frees_a_key_late_leaves_it_to_the_next_run_of_the_event() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let inbox = builder(proxy.url()).partitions(1).connect().await.unwrap();
    for (id, version) in [("warm", 1), ("evt_1", 2), ("evt_2", 3)] {
        inbox.accept(&ordered(id, version)).await.unwrap();
    }
    let warm = take(1);
    assert_eq!(inbox.take(&warm).await.unwrap().len(), 1);
    let finish = Finish::new(key("warm"), warm.token, Verdict::Done, DAY);
    inbox.finish(&finish).await.unwrap();
    let first = take(1);
    assert_eq!(inbox.take(&first).await.unwrap().len(), 1);
    let (url, passed) = (server.url(), AtomicU32::new(0));
    proxy.plan(move |_| {
        // After the end of the entry comes the command that frees its key.
        if passed.fetch_add(1, Ordering::Relaxed) == 1 {
            let ids = beside(async || {
                let other = builder(url.clone()).partitions(1).connect().await.unwrap();
                let redrive = Redrive::new(key("evt_1"));
                assert_eq!(other.redrive(&redrive).await.unwrap(), Moved::Done);
                let ids = taken(&other, 1).await;
                // For longer than the end of the first run was in flight.
                tokio::time::sleep(Duration::from_millis(300)).await;
                ids
            });
            assert_eq!(ids, ["evt_1"]);
        }
        Fault::Passes
    });
    let finish = Finish::new(key("evt_1"), first.token, bury(), DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let running = inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
    assert_eq!(running.status, EntryStatus::Running);
    assert!(taken(&inbox, 5).await.is_empty(), "two of one key");
}

/// A process that does not know the clock of Redis yet, such as one of an operator.
#[tokio::test]
async fn who_has_asked_nothing_before_frees_the_key_of_what_it_discards() {
    for cluster in [false, true] {
        let cluster = cluster.then(|| support::Cluster::of(2, &[]));
        let server = Server::start();
        let url = cluster.as_ref().map_or(server.url(), support::Cluster::url);
        let connect = async || builder(url.clone()).partitions(6).connect().await.unwrap();
        let inbox = connect().await;
        for (id, version) in [("evt_1", 1), ("evt_2", 2)] {
            inbox.accept(&ordered(id, version)).await.unwrap();
        }
        let take = take(1);
        let first = inbox.take(&take).await.unwrap().remove(0).key;
        let after = Verdict::Retry {
            after: DAY,
            reason: "down".to_owned(),
        };
        let finish = Finish::new(first.clone(), take.token, after, DAY);
        assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        assert!(taken(&inbox, 1).await.is_empty());
        let operator = connect().await;
        let discard = Discard::new(first, DAY);
        assert_eq!(operator.discard(&discard).await.unwrap(), Moved::Done);
        assert_eq!(taken(&connect().await, 1).await.len(), 1);
    }
}
