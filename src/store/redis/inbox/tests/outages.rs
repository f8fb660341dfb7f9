//! Servers that fail, and keys that move from one server to another.

use std::collections::HashMap;

use super::support::{Cluster, Sentinel};
use super::*;
use crate::event::{Order, OrderKey};
use crate::store::redis::inbox::ahead::LASTS;
use crate::store::redis::inbox::place::{OrderPlace, order_hash};

/// Retries until there is an answer.
async fn at_last<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < 6 * PATIENCE, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_the_replica_was_told_is_there_after_the_master_has_died() {
    let mut servers = Sentinel::start();
    let builder = RedisInbox::builder(servers.url()).partitions(4);
    let inbox = builder.connect().await.unwrap();
    for id in ["evt_1", "evt_2"] {
        let accept = accept(id, id);
        at_last(async || inbox.accept(&accept).await).await;
    }
    let take = take(1);
    assert_eq!(at_last(async || inbox.take(&take).await).await.len(), 1);
    let begin = begin(&take, "evt_1");
    at_last(async || inbox.begin(&begin).await).await;
    servers.until_in_step();
    servers.master.kill();
    let finish = Finish::new(key("evt_1"), begin.token, Verdict::Done, DAY);
    assert_eq!(
        at_last(async || inbox.finish(&finish).await).await,
        Held::Held
    );
    let next = super::take(5);
    let taken = at_last(async || inbox.take(&next).await).await;
    let bodies: Vec<_> = taken.iter().map(|it| it.content.body.clone()).collect();
    assert_eq!(bodies, ["evt_2"]);
}

#[tokio::test]
async fn one_dead_master_of_a_cluster_keeps_nothing_of_the_others_back() {
    let mut cluster = Cluster::of(3, &[]);
    let builder = RedisInbox::builder(cluster.url()).partitions(12);
    let inbox = builder.connect().await.unwrap();
    let ids: Vec<_> = (0..60).map(|number| format!("evt_{number}")).collect();
    for id in &ids {
        let accept = accept(id, "a");
        at_last(async || inbox.accept(&accept).await).await;
    }
    cluster.masters[1].kill();
    let mut found = Vec::new();
    let begun = Instant::now();
    while found.len() < 30 {
        assert!(begun.elapsed() < 6 * PATIENCE, "{found:?}");
        if let Ok(taken) = inbox.take(&take(10)).await {
            found.extend(taken.into_iter().map(|it| it.key.to_string()));
        }
    }
    assert!(found.len() < 60, "it had a share");
    // It returns without data, and accepts new events.
    cluster.masters[1].restart();
    for id in &ids {
        let accept = accept(&format!("{id} again"), "a");
        at_last(async || inbox.accept(&accept).await).await;
    }
}

/// It stores the rates, and a share of the order keys.
#[tokio::test]
async fn a_master_that_says_nothing_holds_up_one_look_and_not_each_one() {
    let cluster = Cluster::of(3, &[]);
    let patience = Duration::from_secs(2);
    let builder = RedisInbox::builder(cluster.url()).partitions(12);
    let inbox = builder.deadline(patience).connect().await.unwrap();
    for number in 0..60 {
        let mut accept = accept(&format!("evt_{number}"), "a");
        if number % 2 == 0 {
            let key = OrderKey::new([number.to_string()]).unwrap();
            accept.order = Some(Box::new(Order::new(key, None)));
        }
        at_last(async || inbox.accept(&accept).await).await;
    }
    // So short that no results are kept for the next take.
    let looks = |limit| Take::new(vec![route()], Token::random().unwrap(), limit, LASTS / 2);
    at_last(async || inbox.take(&looks(1)).await).await;
    let rates = PartitionPlace::rates(&inbox.store.layout);
    let share = usize::try_from(cluster.slot_of(&rates) * 3 / 16_384).unwrap();
    cluster.masters[share].freeze();
    let mut taken = 0;
    // The first scan detects it.
    let _ = inbox.take(&looks(1)).await;
    let begun = Instant::now();
    for _ in 0..4 {
        taken += inbox.take(&looks(5)).await.map_or(0, |taken| taken.len());
    }
    let took = begun.elapsed();
    cluster.masters[share].thaw();
    assert!(taken > 0);
    assert!(took < patience, "{took:?}");
}

/// Keys left behind by dead workers: one held for an entry on the master that is down, and one for an entry on
/// another master.
#[tokio::test]
async fn who_cannot_be_asked_about_one_order_key_frees_the_others() {
    let mut cluster = Cluster::of(3, &[]);
    let builder = RedisInbox::builder(cluster.url()).partitions(12);
    let patience = Duration::from_secs(2);
    let inbox = builder.deadline(patience).connect().await.unwrap();
    let layout = inbox.store.layout.clone();
    let share = |key: &str| usize::try_from(cluster.slot_of(key) * 3 / 16_384).unwrap();
    // The master with the rates answers.
    let dead = (share(&PartitionPlace::rates(&layout)) + 1) % 3;
    let lives = |on: &str| share(on) != dead;
    let id_of = |prefix: &str, is_alive: bool| {
        let mut ids = (0..).map(|number| format!("{prefix}_{number}"));
        let is_so = |id: &String| lives(&inbox.place(&key(id)).entry) == is_alive;
        ids.find(is_so).unwrap()
    };
    let mut orders = (0..)
        .map(|number| OrderKey::new([format!("order {number}")]).unwrap())
        .filter(|order| lives(&OrderPlace::of(&layout, &order_hash(&route(), order)).key));
    let [mut unknown, mut freed] = [(); 2].map(|()| (String::new(), String::new()));
    for (held, is_alive, prefix) in [(&mut unknown, false, "evt"), (&mut freed, true, "next")] {
        let order = orders.next().unwrap();
        let id = id_of(prefix, true);
        let mut event = accept(&id, "a");
        event.order = Some(Box::new(Order::new(order.clone(), None)));
        at_last(async || inbox.accept(&event).await).await;
        let hash = order_hash(&route(), &order);
        let gone = inbox.place(&key(&id_of("gone", is_alive)));
        let token = Token::random().unwrap();
        let hold = [OrderCommand::hold(hash, &gone, token, None)];
        at_last(async || inbox.ask_orders(&hold).await).await;
        *held = (OrderPlace::of(&layout, &hash).key, id);
    }
    for (place, _) in [&unknown, &freed] {
        // Old enough to be verified.
        let set = cluster.masters[share(place)].ask(&["HSET", place, "s", "1"]);
        assert_eq!(set, "0");
    }
    cluster.masters[dead].kill();
    let first = at_last(async || inbox.take(&take(5)).await).await;
    let mut ids: Vec<_> = first.iter().map(|it| it.key.to_string()).collect();
    // From now on, each take gets an answer.
    for _ in 0..20 {
        ids.extend(taken(&inbox, 5).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ids, [freed.1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_accepted_and_run_once_while_every_slot_moves() {
    let cluster = Cluster::of(2, &[]);
    let connect = async || {
        builder(cluster.url())
            .partitions(6)
            .connect()
            .await
            .unwrap()
    };
    let (inbox, worker) = (connect().await, connect().await);
    let slots: Vec<u32> = (0..6)
        .map(|partition| {
            let key = format!("wh:default:{{{partition}}}:~q");
            cluster.slot_of(&key)
        })
        .collect();
    let events = 1_200;
    let accepting = async {
        for number in 0..events {
            let accept = accept(&format!("evt_{number}"), "a");
            at_last(async || inbox.accept(&accept).await).await;
        }
    };
    let mut runs: HashMap<String, u32> = HashMap::new();
    let working = async {
        while runs.len() < events {
            let take = take(16);
            let taken = at_last(async || worker.take(&take).await).await;
            for entry in taken {
                let begin = Begin::new(
                    entry.key.clone(),
                    take.token,
                    Token::random().unwrap(),
                    LEASE,
                );
                let begun = at_last(async || worker.begin(&begin).await).await;
                assert!(matches!(begun, Begun::Granted(_)), "{entry:?}");
                *runs.entry(entry.key.to_string()).or_default() += 1;
                let finish = Finish::new(entry.key, begin.token, Verdict::Done, DAY);
                let held = at_last(async || worker.finish(&finish).await).await;
                assert_eq!(held, Held::Held);
            }
        }
    };
    let moving = async {
        tokio::task::spawn_blocking(move || {
            for _ in 0..2 {
                slots.iter().for_each(|slot| cluster.move_slot(*slot, 3));
            }
            cluster
        })
        .await
        .unwrap()
    };
    let (_cluster, (), ()) = tokio::join!(moving, accepting, working);
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
    let counts = worker.counts().await.unwrap();
    assert_eq!((counts.done, counts.queued), (1_200, 0));
}
