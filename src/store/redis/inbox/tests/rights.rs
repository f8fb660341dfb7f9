//! The rights of a dedicated Redis user as listed in the README: they suffice, and each is needed.

use super::*;
use crate::event::{Order, OrderKey};

const EVERY: &str = "+eval +evalsha +get +getrange +set +del +time";
const INBOX: &str = "+exists +hdel +hget +hgetall +hmget +hset +persist +pexpireat +sadd +setrange \
                     +sismember +smembers +srem +zadd +zlexcount +zrangebylex +zrem";

#[test]
fn the_readme_lists_what_is_tested_here() {
    let readme = include_str!("../../../../../README.md");
    for listed in [format!("`{EVERY} +scan`"), format!("`{INBOX}`")] {
        assert!(readme.contains(&listed), "{listed}");
    }
}

/// Every operation of an inbox.
async fn does_all(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let builder = RedisInbox::builder(url).partitions(2);
    let inbox = builder.deadline(Duration::from_secs(2)).connect().await?;
    let run = Token::random()?;
    let run = format!("{run:?} {:?}", Instant::now());
    let id = |number: u32| format!("{run} {number}");
    for number in 0..8 {
        let mut accept = accept(&id(number), "a");
        if number % 2 == 0 {
            let key = OrderKey::new([id(number)]).ok_or("no key")?;
            accept.order = Some(Box::new(Order::new(key, None)));
        }
        inbox.accept(&accept).await?;
        inbox.accept(&accept).await?;
    }
    let acme = Name::new("acme")?;
    let rate = Rate::new(1_000, Duration::from_secs(1))?;
    for of in [RateOf::Provider, RateOf::EachOrderKey] {
        inbox.set_rate(&acme, of, Some(rate)).await?;
    }
    assert_eq!(inbox.rates().await?.len(), 2);
    inbox.set_paused(&acme, true).await?;
    assert_eq!(inbox.paused().await?.len(), 1);
    assert!(inbox.take(&take(8)).await?.is_empty());
    inbox.set_paused(&acme, false).await?;
    let take = take(8);
    let taken = inbox.take(&take).await?;
    if taken.len() != 8 {
        return Err(format!("{} of 8", taken.len()).into());
    }
    for (number, entry) in taken.into_iter().enumerate() {
        let begin = Begin::new(entry.key.clone(), take.token, Token::random()?, LEASE);
        inbox.begin(&begin).await?;
        let extend = Extend::new(entry.key.clone(), begin.token, LEASE);
        inbox.extend(&[extend]).await?;
        let end = if number < 4 { Verdict::Done } else { bury() };
        let finish = Finish::new(entry.key.clone(), begin.token, end, DAY);
        inbox.finish(&finish).await?;
        let view = inbox.lookup(&entry.key).await?.ok_or("it is lost")?;
        if view.status == EntryStatus::Dead {
            inbox.redrive(&Redrive::new(entry.key.clone())).await?;
            inbox.discard(&Discard::new(entry.key.clone(), DAY)).await?;
        }
        inbox.counts().await?;
        inbox.list(&List::of(EntryStatus::Done)).await?;
        inbox.forget(&entry.key).await?;
    }
    // A stale event that is forced to run is kept again.
    let order = |version| {
        let key = OrderKey::new([&run]).ok_or("no key")?;
        Ok::<_, &str>(Box::new(Order::new(
            key,
            Some(crate::event::Version::new(version)),
        )))
    };
    for version in [2, 1] {
        let mut accept = accept(&id(100 + u32::try_from(version)?), "a");
        accept.order = Some(order(version)?);
        inbox.accept(&accept).await?;
        let take = super::take(1);
        for entry in inbox.take(&take).await? {
            let finish = Finish::new(entry.key, take.token, Verdict::Done, DAY);
            inbox.finish(&finish).await?;
        }
    }
    let forced = Redrive::new(key(&id(101))).force();
    if inbox.redrive(&forced).await? != Moved::Done {
        return Err("it is not stale".into());
    }
    Ok(())
}

#[tokio::test]
async fn an_inbox_needs_these_and_no_others() {
    let server = Server::start();
    let rights: Vec<_> = EVERY.split(' ').chain(INBOX.split_whitespace()).collect();
    let url = server.url().replace("://", "://app:pw@");
    let allow = |rights: &[&str]| {
        let user = ["ACL", "SETUSER", "app", "reset", "on", ">pw", "~wh:*"];
        assert_eq!(server.ask(&[&user[..], rights].concat()), "OK");
        // As after a restart: scripts are sent anew.
        server.ask(&["SCRIPT", "FLUSH"]);
        server.ask(&["FLUSHALL"]);
    };
    allow(&rights);
    does_all(&url).await.unwrap();
    for without in &rights {
        let fewer: Vec<_> = rights
            .iter()
            .filter(|right| *right != without)
            .copied()
            .collect();
        allow(&fewer);
        assert!(does_all(&url).await.is_err(), "{without} is not needed");
    }
}
