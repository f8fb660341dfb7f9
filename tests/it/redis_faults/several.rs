//! Where other servers are left: behind Sentinel, and in a Cluster.

use super::*;

#[tokio::test]
async fn the_master_that_sentinel_chose_is_found_after_a_death() {
    let mut servers = Sentinel::start();
    let store = RedisStore::connect(servers.url()).await.unwrap();
    let (done, running) = (claim("done"), claim("running"));
    let grant = granted(store.claim(&done).await.unwrap());
    store.complete(&complete(&done, grant)).await.unwrap();
    let earlier = granted(store.claim(&running).await.unwrap());
    servers.until_in_step();

    servers.master.kill();
    let unreachable = [StoreErrorKind::Unavailable, StoreErrorKind::TimedOut];
    let begun = Instant::now();
    if let Err(error) = store.claim(&running).await {
        assert!(unreachable.contains(&error.kind()), "{error:?}");
        assert!(begun.elapsed() < DEADLINE_AND_A_BUSY_MACHINE);
    }
    // The replica takes over, and knows what it was told.
    assert_eq!(granted(claim_at_last(&store, &running).await), earlier);
    assert_eq!(servers.replica.info("role").as_deref(), Some("master"));
    let duplicate = store.claim(&claim("done")).await.unwrap();
    assert!(matches!(duplicate, ClaimOutcome::Done(_)), "{duplicate:?}");
}

#[tokio::test]
async fn the_master_that_sentinel_chose_is_found_after_the_two_change_places() {
    let servers = Sentinel::start();
    let store = RedisStore::connect(servers.url()).await.unwrap();
    let running = claim("running");
    let earlier = granted(store.claim(&running).await.unwrap());
    servers.until_in_step();
    until("the sentinel lets them", || {
        servers.sentinel.ask(&["SENTINEL", "FAILOVER", "main"]) == "OK"
    });
    until("they change places", || {
        servers.master.info("role").as_deref() == Some("slave")
            && servers.replica.info("role").as_deref() == Some("master")
    });
    // The old master is there, and refuses to write.
    assert_eq!(granted(claim_at_last(&store, &running).await), earlier);
    assert_eq!(store.release(&release(&running)).await.unwrap(), Held::Held);
}

#[tokio::test]
async fn a_frozen_master_is_left_for_the_one_that_sentinel_chose() {
    let servers = Sentinel::start();
    let store = RedisStore::connect(servers.url()).await.unwrap();
    let running = claim("running");
    let earlier = granted(store.claim(&running).await.unwrap());
    servers.until_in_step();
    servers.master.freeze();
    assert_eq!(granted(claim_at_last(&store, &running).await), earlier);
    servers.master.thaw();
}

/// One key on each master.
async fn spread(store: &RedisStore, cluster: &Cluster) -> Vec<Claim> {
    let mut claims: Vec<Option<Claim>> = vec![None, None, None];
    for number in 0.. {
        if claims.iter().all(Option::is_some) {
            break;
        }
        let before: Vec<_> = cluster
            .masters
            .iter()
            .map(|it| it.ask(&["DBSIZE"]))
            .collect();
        let claim = claim(&format!("{number}"));
        granted(store.claim(&claim).await.unwrap());
        let changed = |(it, before): (&Server, &String)| it.ask(&["DBSIZE"]) != *before;
        let at = cluster
            .masters
            .iter()
            .zip(&before)
            .position(changed)
            .unwrap();
        claims[at].get_or_insert(claim);
    }
    claims.into_iter().flatten().collect()
}

#[tokio::test]
async fn one_dead_master_of_a_cluster_takes_only_its_own_records_with_it() {
    let mut cluster = Cluster::start();
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    let claims = spread(&store, &cluster).await;
    cluster.masters[1].kill();
    let begun = Instant::now();
    let error = store.claim(&claims[1]).await.unwrap_err();
    assert!(begun.elapsed() < DEADLINE_AND_A_BUSY_MACHINE);
    let unreachable = [StoreErrorKind::Unavailable, StoreErrorKind::TimedOut];
    assert!(unreachable.contains(&error.kind()), "{error:?}");
    for held in [&claims[0], &claims[2]] {
        assert_eq!(granted(claim_at_last(&store, held).await).attempt, 1);
    }
    cluster.masters[1].restart();
    granted(claim_at_last(&store, &claims[1]).await);
}

#[tokio::test]
async fn one_frozen_master_of_a_cluster_keeps_nobody_past_the_deadline() {
    let cluster = Cluster::start();
    let store = RedisStore::connect(cluster.url()).await.unwrap();
    let claims = spread(&store, &cluster).await;
    cluster.masters[2].freeze();
    for _ in 0..6 {
        let begun = Instant::now();
        assert!(store.claim(&claims[2]).await.is_err());
        assert!(begun.elapsed() < DEADLINE_AND_A_BUSY_MACHINE);
        for held in [&claims[0], &claims[1]] {
            assert_eq!(granted(claim_at_last(&store, held).await).attempt, 1);
        }
    }
    cluster.masters[2].thaw();
    assert_eq!(granted(claim_at_last(&store, &claims[2]).await).attempt, 1);
}

#[tokio::test]
async fn a_record_of_a_cluster_is_forgotten_once_although_the_reply_was_lost() {
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let proxy = Proxy::before(server.port).await;
    let (_, port) = proxy
        .url()
        .rsplit_once(':')
        .map(|(host, port)| (host.to_owned(), port.to_owned()))
        .unwrap();
    for (name, value) in [
        ("cluster-announce-ip", "127.0.0.1"),
        ("cluster-announce-port", &port),
    ] {
        server.ask(&["CONFIG", "SET", name, value]);
    }
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until("the cluster stands", || {
        server
            .ask(&["CLUSTER", "INFO"])
            .contains("cluster_state:ok")
    });
    let store = patient(format!("redis-cluster://127.0.0.1:{port}")).await;
    let (first, second) = (claim("evt_1"), claim("evt_2"));
    granted(store.claim(&first).await.unwrap());
    granted(store.claim(&second).await.unwrap());
    assert!(store.forget(&first.key).await.unwrap());
    assert!(!store.forget(&first.key).await.unwrap());
    let has_cut = Arc::new(AtomicBool::new(false));
    let cuts = Arc::clone(&has_cut);
    proxy.plan(move |_| match cuts.swap(true, Ordering::Relaxed) {
        false => Fault::CutsAfter,
        true => Fault::Passes,
    });
    assert!(store.forget(&second.key).await.unwrap(), "there was one");
    assert!(has_cut.load(Ordering::Relaxed));
    assert_eq!(store.lookup(&second.key).await.unwrap(), None);
    assert_eq!(store.counts().await.unwrap(), Default::default());
}
