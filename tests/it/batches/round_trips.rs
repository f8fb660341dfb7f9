//! How often Redis is asked for the events of one delivery.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime;
use tower_webhook::event::Fingerprint;
use tower_webhook::store::{Claim, ClaimOutcome, Token};
use tower_webhook::{EventKey, Name, RedisStore, Store};

use super::{Stage, list, retrying};
use crate::redis_support::Server as Redis;
use crate::support::wait::within;

/// How many scripts were called so far.
fn calls(redis: &Redis) -> u32 {
    let stats = redis.ask(&["INFO", "commandstats"]);
    let of = |name: &str| {
        let line = stats.split(&format!("cmdstat_{name}:calls=")).nth(1)?;
        line.split(',').next()?.parse::<u32>().ok()
    };
    of("evalsha").unwrap_or(0) + of("eval").unwrap_or(0)
}

#[tokio::test]
async fn claims_that_go_together_are_one_call_and_so_are_completions() {
    let redis = Redis::start();
    let stage = Stage::new(retrying(), RedisStore::connect(redis.url()).await.unwrap());
    // Redis has not seen the scripts yet.
    stage.deliver(list(["first", "second"])).await;
    let before = calls(&redis);
    let ids = (0..96).map(|number| format!("E{number}"));
    assert_eq!(stage.deliver(list(ids)).await.0, 200);
    // Six times sixteen, each claimed by one call and completed by one.
    let asked = calls(&redis) - before;
    assert!((12..=16).contains(&asked), "{asked} calls");
    assert_eq!(stage.book.effects(), (98, 1));
}

fn claim(id: &str) -> Claim {
    let key = EventKey::new(Name::new("pix").unwrap(), [id]).unwrap();
    let minute = Duration::from_secs(60);
    Claim::new(
        key,
        Token::random().unwrap(),
        Fingerprint::of(b"paid"),
        minute,
        minute,
    )
}

#[test]
fn a_runtime_that_ends_before_its_commands_are_sent_keeps_nobody_from_asking() {
    let redis = Redis::start();
    let runtime = || {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let lasting = runtime();
    let store = lasting.block_on(RedisStore::connect(redis.url())).unwrap();
    let items = store.for_items().unwrap();
    let ending = runtime();
    ending.block_on(async {
        let first = claim("E1");
        let mut asked = pin!(items.claim(&first));
        let polled = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    });
    drop(ending);
    let second = claim("E2");
    let answer = lasting.block_on(within("an answer", items.claim(&second)));
    assert!(matches!(answer, Ok(ClaimOutcome::Claimed(_))), "{answer:?}");
}
