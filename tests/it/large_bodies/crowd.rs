//! Many of the largest bodies at once: in the long form a hundred.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use allocation_counter::measure;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tower_webhook::Delivery;
use tower_webhook::layer::Budget;

use super::*;
use crate::support::amount::short_or_long;
use crate::support::blendfi::{self, event};
use crate::support::wait::until;

#[test]
fn of_many_at_once_each_is_handled_or_told_not_now_and_small_ones_pass() {
    // All on this thread, whose allocations are counted: the senders' and the server's too.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let filling = Arc::new(Filling::of(CAP));
    let mut told = String::new();
    let counted = measure(|| told = runtime.block_on(many_at_once(filling)));
    println!("{told}; {} bytes were allocated at most", counted.bytes_max);
    assert!(
        usize::try_from(counted.bytes_max).unwrap() < 64 * MIB,
        "{counted:?}"
    );
}

async fn many_at_once(filling: Arc<Filling>) -> String {
    let bodies = short_or_long(40, 100);
    let budget = Budget::default();
    let provider = provider::github(github::keys([SECRET]).unwrap());
    // Half as long again as GitHub waits, for a machine that has much else to do.
    let provider = answering_in(Duration::from_secs(15), provider);
    let github = Webhook::new(provider)
        .store(MemoryStore::new())
        .budget(budget.clone());
    let blendfi = blendfi::webhook(MemoryStore::new()).budget(budget.clone());
    // A handler that holds its body for a while: its room is taken as long.
    let slow = |delivery: Delivery| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(delivery);
        StatusCode::NO_CONTENT
    };
    let app = Router::new()
        .route("/github", post(slow).layer(github.build().unwrap()))
        .route("/hooks", post(handled).layer(blendfi.build().unwrap()));
    let server = Server::start(app).await;

    let (most, waited) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let watch = tokio::spawn({
        let (budget, most, waited) = (budget.clone(), Arc::clone(&most), Arc::clone(&waited));
        async move {
            loop {
                most.fetch_max(budget.body_bytes(), Ordering::Relaxed);
                waited.fetch_max(budget.queued_bodies(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut senders = JoinSet::new();
    for n in 0..bodies {
        let (filling, to) = (Arc::clone(&filling), server.address);
        senders.spawn(async move { filling.send(n, to).await });
    }
    until("a queue", || budget.queued_bodies() >= bodies / 2).await;
    for n in 0..20 {
        let other = event(&format!("evt_{n}"), "{}").send(server.address).await;
        assert_eq!(other.status, 204, "{n}");
        let same = delivery(format!(r#"{{"zen":"{n}"}}"#))
            .send(server.address)
            .await;
        assert_eq!(same.status, 204, "{n}");
    }
    let mut statuses = Vec::new();
    while let Some(status) = senders.join_next().await {
        statuses.push(status.unwrap());
    }
    watch.abort();
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    let (handled, not_now) = (count(204), count(503));
    let (most, waited) = (most.load(Ordering::Relaxed), waited.load(Ordering::Relaxed));
    let told = format!(
        "of {bodies} bodies of 25 MiB at once {handled} were handled and {not_now} told \"not now\"; \
         {waited} waited at one time; the budget of 64 MiB held {most} bytes at most"
    );
    assert_eq!(handled + not_now, bodies, "{statuses:?}");
    assert!(handled > 0);
    assert!(waited >= bodies / 2);
    // One of them has room at a time, and what the others have in hand.
    assert!((CAP..=CAP + 4 * MIB).contains(&most), "{most}");
    until("all is given back", || budget.body_bytes() == 0).await;
    assert_eq!(budget.queued_bodies(), 0);
    told
}
