//! The number of calls for each operation.

use super::support::Cluster;
use super::*;

/// How often this command was called on these servers.
pub(in crate::store::redis) fn calls<'a>(
    servers: impl IntoIterator<Item = &'a Server>,
    of: &str,
) -> usize {
    let of_one = |server: &Server| -> usize {
        let stats = server.ask(&["INFO", "commandstats"]);
        let line = stats
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{of}:")));
        line.map_or(0, |line| {
            let (_, rest) = line.split_once("calls=").unwrap();
            rest.split_once(',').unwrap().0.parse().unwrap()
        })
    };
    servers.into_iter().map(of_one).sum()
}

/// This many claims of one holder.
pub(super) fn claims(count: u32) -> Vec<Claim> {
    let provider = Name::new("acme").unwrap();
    let token = Token::random().unwrap();
    let claim = |number: u32| Claim {
        key: EventKey::new(provider.clone(), [number.to_string()]).unwrap(),
        token,
        fingerprint: Fingerprint::of(b"a"),
        lease: PATIENCE,
        retention: PATIENCE,
    };
    (0..count).map(claim).collect()
}

fn renewal(claim: &Claim) -> Renew {
    Renew {
        key: claim.key.clone(),
        token: claim.token,
        lease: PATIENCE,
        retention: PATIENCE,
    }
}

#[tokio::test]
async fn a_claim_is_one_round_trip_and_so_is_a_finish_and_a_hundred_renewals() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let claims = claims(50);
    let release = |claim: &Claim| Release::new(claim.key.clone(), claim.token, PATIENCE);
    let renewals: Vec<_> = claims.iter().map(renewal).collect();
    let calls = || (calls([&server], "eval"), calls([&server], "evalsha"));
    // Redis does not know the scripts: each is sent whole once, unnoticed by callers.
    store.claim(&claims[0]).await.unwrap();
    store.renew(&renewals[..1]).await.unwrap();
    store.release(&release(&claims[0])).await.unwrap();
    assert_eq!(calls(), (3, 3));
    for claim in &claims {
        store.claim(claim).await.unwrap();
    }
    assert_eq!(store.renew(&renewals).await.unwrap(), [Held::Held; 50]);
    for claim in &claims {
        store.release(&release(claim)).await.unwrap();
    }
    assert_eq!(calls(), (3, 3 + 50 + 1 + 50));
    let five: Vec<_> = (0..5).flat_map(|_| renewals.clone()).collect();
    assert_eq!(store.renew(&five).await.unwrap(), [Held::Fenced; 250]);
    assert_eq!(calls(), (3, 104 + 3));
}

#[tokio::test]
async fn in_a_cluster_there_is_a_call_for_each_partition() {
    let cluster = Cluster::start();
    let builder = RedisStore::builder(cluster.url()).deadline(PATIENCE);
    let store = builder.connect().await.unwrap();
    let claims = claims(50);
    for claim in &claims {
        store.claim(claim).await.unwrap();
    }
    let renewals: Vec<_> = claims.iter().map(renewal).collect();
    let partitions = renewals.iter().map(|one| store.place(&one.key).partition);
    let partitions = partitions.collect::<std::collections::HashSet<_>>().len();
    assert!((30..50).contains(&partitions), "{partitions}");
    // The masters learn the script.
    store.renew(&renewals).await.unwrap();
    let before = calls(&cluster.masters, "evalsha");
    assert_eq!(store.renew(&renewals).await.unwrap(), [Held::Held; 50]);
    assert_eq!(calls(&cluster.masters, "evalsha") - before, partitions);
}

#[tokio::test]
async fn a_cluster_behind_the_address_of_one_server_is_found_out() {
    let bus = support::free_port().to_string();
    let server = Server::with(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    support::until("the cluster stands", || {
        server
            .ask(&["CLUSTER", "INFO"])
            .contains("cluster_state:ok")
    });
    let store = store(&server, 256).await;
    let claims = claims(50);
    for claim in &claims {
        store.claim(claim).await.unwrap();
    }
    let renewals: Vec<_> = claims.iter().map(renewal).collect();
    assert_eq!(store.renew(&renewals).await.unwrap(), [Held::Held; 50]);
    // It is refused once, and never tried again.
    let refused = || server.info("errorstat_CROSSSLOT");
    assert_eq!(refused().as_deref(), Some("count=1"));
    assert_eq!(store.renew(&renewals).await.unwrap(), [Held::Held; 50]);
    assert_eq!(refused().as_deref(), Some("count=1"));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_not_keep_the_others_from_being_renewed() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let claims = claims(3);
    for claim in &claims {
        store.claim(claim).await.unwrap();
    }
    let keys: Vec<_> = claims.iter().map(|it| store.place(&it.key).key).collect();
    server.ask(&["DEL", &keys[0]]);
    server.ask(&["HSET", &keys[0], "a", "b"]);
    server.ask(&["SET", &keys[1], "a"]);
    let longer = |claim: &Claim| Renew {
        retention: PATIENCE * 10,
        ..renewal(claim)
    };
    let renewals: Vec<_> = claims.iter().map(longer).collect();
    let error = store.renew(&renewals).await.unwrap_err();
    assert_eq!(error.kind(), crate::store::StoreErrorKind::Corrupt);
    let left: u64 = server.ask(&["PTTL", &keys[2]]).parse().unwrap();
    assert!(left > 50_000, "{left}");
}

#[tokio::test]
async fn those_who_wait_for_one_key_share_one_poll() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
    let claim = Claim {
        key: key.clone(),
        token: Token::random().unwrap(),
        fingerprint: Fingerprint::of(b"a"),
        lease: PATIENCE,
        retention: PATIENCE,
    };
    store.claim(&claim).await.unwrap();
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (store, key) = (store.clone(), key.clone());
        waiters.spawn(async move { store.wait(&key, PATIENCE).await });
    }
    while store.waiting.listeners(&store.place(&key).key) < 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.waiting.keys(), 1);
    let release = Release::new(key.clone(), claim.token, PATIENCE);
    store.release(&release).await.unwrap();
    waiters.join_all().await;
    while store.waiting.keys() > 0 {
        tokio::task::yield_now().await;
    }
    store.claim(&claim).await.unwrap();
    // A waiting task that leaves ends the poll.
    store.wait(&key, Duration::from_millis(1)).await;
    while store.waiting.keys() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_hundred_lookups_are_one_round_trip() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let claims = claims(150);
    for claim in &claims {
        store.claim(claim).await.unwrap();
    }
    // The last one was never claimed, and the first one is requested twice.
    let never = EventKey::new(Name::new("acme").unwrap(), ["never"]).unwrap();
    let keys = claims.iter().map(|claim| &claim.key);
    let keys: Vec<_> = keys.chain([&claims[0].key, &never]).cloned().collect();
    store.lookup_many(&keys).await.unwrap();
    let calls = || calls([&server], "eval") + calls([&server], "evalsha");
    let before = calls();
    let views = store.lookup_many(&keys).await.unwrap();
    assert_eq!(calls() - before, 2, "152 of them");
    let found: Vec<_> = views
        .iter()
        .map(|it| it.as_ref().map(|it| &it.key))
        .collect();
    let (known, last) = keys.split_at(151);
    assert_eq!(last, [never]);
    let wanted: Vec<_> = known.iter().map(Some).chain([None]).collect();
    assert_eq!(found, wanted);
    // A value of another type under one key must not count as "never seen".
    let place = store.place(&keys[7]).key;
    server.ask(&["DEL", &place]);
    server.ask(&["LPUSH", &place, "a list"]);
    assert!(store.lookup_many(&keys).await.is_err());
}
