//! How often Redis is asked for the events of one delivery.

use tower_webhook::RedisStore;

use super::{Stage, list, retrying};
use crate::redis_support::Server as Redis;

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
