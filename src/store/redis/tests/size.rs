//! How much memory a record takes in Redis, and for how long.

use super::*;

#[tokio::test]
async fn a_finished_record_takes_little_more_than_a_plain_value() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let provider = Name::new("blendfi").unwrap();
    let (mut ours, mut plain) = (0, 0);
    for number in 0..500 {
        let key = EventKey::new(provider.clone(), [format!("evt_{number:010}")]).unwrap();
        let (token, fingerprint) = (Token::random().unwrap(), Fingerprint::of(&[1]));
        let retention = Duration::from_secs(72 * 3_600);
        let claim = Claim {
            key: key.clone(),
            token,
            fingerprint,
            lease: Duration::from_secs(15),
            retention,
        };
        store.claim(&claim).await.unwrap();
        let complete = Complete {
            key: key.clone(),
            token,
            attempt: 1,
            fence: 1,
            fingerprint,
            response: StoredResponse {
                status: 200,
                body: None,
                content_type: None,
            },
            retention,
        };
        store.complete(&complete).await.unwrap();
        let key = store.place(&key).key;
        let memory = |key: &str| -> u64 { server.ask(&["MEMORY", "USAGE", key]).parse().unwrap() };
        ours += memory(&key);
        // A key of the same length.
        let other = key.replacen("wh", "zz", 1);
        server.ask(&["SET", &other, &"v".repeat(34), "PX", "259200000"]);
        plain += memory(&other);
    }
    eprintln!("{ours} bytes, plain {plain} bytes");
    assert!(ours * 100 <= plain * 115, "{ours} against {plain}");
}

#[tokio::test]
async fn redis_drops_a_record_when_its_retention_is_over() {
    let server = Server::start();
    let store = store(&server, 256).await;
    let key = EventKey::new(Name::new("acme").unwrap(), ["evt_1"]).unwrap();
    let place = store.place(&key).key;
    let ttl = || -> u64 { server.ask(&["PTTL", &place]).parse().unwrap() };
    let mut claim = Claim {
        key,
        token: Token::random().unwrap(),
        fingerprint: Fingerprint::of(b"a"),
        lease: Duration::from_secs(1_000),
        retention: Duration::from_secs(10),
    };
    store.claim(&claim).await.unwrap();
    assert!(
        (900_000..=1_001_000).contains(&ttl()),
        "not before the lease is over"
    );
    claim.retention = Duration::from_secs(5_000);
    store.claim(&claim).await.unwrap();
    assert!((4_900_000..=5_001_000).contains(&ttl()));
    let release = Release::new(claim.key, claim.token, Duration::from_secs(100));
    store.release(&release).await.unwrap();
    assert!((90_000..=100_001).contains(&ttl()));
}
