//! Many entries at once, and many takes.

use super::*;
use crate::amount::short_or_long;

async fn accept_all(inbox: &RedisInbox, events: u32) {
    for some in (0..events).collect::<Vec<_>>().chunks(250) {
        let accepts: Vec<_> = (some.iter())
            .map(|it| accept(&format!("evt_{it}"), "a"))
            .collect();
        for accepted in join_all(accepts.iter().map(|it| inbox.accept(it))).await {
            assert_eq!(accepted.unwrap(), Accepted::Queued);
        }
    }
}

/// Takes all entries, and ends each attempt with a verdict. Returns how many were taken.
async fn work(inbox: &RedisInbox, limit: usize, end: impl Fn() -> Verdict) -> usize {
    let mut all = 0;
    loop {
        let take = take(limit);
        let taken = inbox.take(&take).await.unwrap();
        if taken.is_empty() {
            return all;
        }
        all += taken.len();
        let finish = async |key: EventKey| {
            let begin = Begin::new(key.clone(), take.token, Token::random().unwrap(), LEASE);
            assert!(matches!(
                inbox.begin(&begin).await.unwrap(),
                Begun::Granted(_)
            ));
            let finish = Finish::new(key, begin.token, end(), DAY);
            assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
        };
        join_all(taken.into_iter().map(|it| finish(it.key))).await;
    }
}

/// How often a range of an index was read.
fn ranges(server: &Server) -> u32 {
    let calls = server.ask(&["INFO", "commandstats"]);
    let calls = calls.split("cmdstat_zrangebylex:calls=").nth(1).unwrap();
    calls.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_reads_dead_letters_page_by_page_reads_each_of_them_once() {
    let server = Server::start();
    let inbox = inbox(&server, 2).await;
    accept_all(&inbox, 1_200).await;
    assert_eq!(work(&inbox, 256, bury).await, 1_200);
    // Of another provider, to which the list is limited.
    let shop = Route::parse("shop").unwrap();
    let other = Accept {
        key: EventKey::new(shop.provider().clone(), ["other"]).unwrap(),
        route: shop.clone(),
        ..accept("other", "a")
    };
    inbox.accept(&other).await.unwrap();
    let take = Take::new(vec![shop.clone()], Token::random().unwrap(), 1, LEASE);
    assert_eq!(inbox.take(&take).await.unwrap().len(), 1);
    let finish = Finish::new(other.key.clone(), take.token, bury(), DAY);
    assert_eq!(inbox.finish(&finish).await.unwrap(), Held::Held);
    let before = ranges(&server);
    let mut list = List::of(EntryStatus::Dead).provider(Name::new("acme").unwrap());
    let mut all = Vec::new();
    loop {
        let page = inbox.list(&list).await.unwrap();
        let Some(last) = page.last() else { break };
        list.after = Some(last.key.clone());
        all.extend(page.into_iter().map(|it| it.key.to_string()));
    }
    let read = ranges(&server) - before;
    // Twelve pages and the one after them, each of which reads two partitions at most, and sometimes continues.
    assert!(read <= 32, "{read} ranges");
    assert_eq!(all.len(), 1_200);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1_200, "none twice");
    let list = List::of(EntryStatus::Dead).provider(shop.provider().clone());
    assert_eq!(inbox.list(&list).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_retries_that_are_due_at_once_are_all_worked_off() {
    let server = Server::start();
    let inbox = inbox(&server, 32).await;
    let many: u16 = short_or_long(3_000, 20_000);
    accept_all(&inbox, u32::from(many)).await;
    let retry = || Verdict::Retry {
        // Long enough that none is due again, and then all are.
        after: Duration::from_secs(600),
        reason: "down".to_owned(),
    };
    assert_eq!(work(&inbox, 256, retry).await, usize::from(many));
    let counts = inbox.counts().await.unwrap();
    assert_eq!((counts.queued, counts.waiting), (0, u64::from(many)));
    drop(inbox);
    // The same instant for all of them, as after an outage of the clock.
    for partition in 0..32 {
        let script = "
            local members = redis.call('ZRANGE', KEYS[1], 0, -1)
            for _, member in ipairs(members) do
                local zero = string.find(member, '\\0', 1, true)
                local name = string.sub(member, zero + 14)
                local due = struct.pack('>I4I4', 0, 1)
                redis.call('ZREM', KEYS[1], member)
                redis.call('ZADD', KEYS[1], 0, string.sub(member, 1, zero) .. due .. string.sub(member, zero + 9))
                redis.call('SETRANGE', ARGV[1] .. name, 18, due)
            end
            return #members";
        let index = format!("wh:default:{{{partition}}}:~q");
        let entries = format!("wh:default:{{{partition}}}:~i:");
        server.ask(&["EVAL", script, "1", &index, &entries]);
    }
    let again = builder(server.url())
        .partitions(32)
        .connect()
        .await
        .unwrap();
    assert_eq!(work(&again, 256, || Verdict::Done).await, usize::from(many));
    let counts = again.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.done), (0, u64::from(many)));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_side_by_side_take_each_entry_once_and_all_of_them() {
    let server = Server::start();
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(inbox(&server, 16).await);
    }
    accept_all(&workers[0], 3_000).await;
    let working = workers.iter().map(|it| work(it, 16, || Verdict::Done));
    let all: usize = join_all(working).await.into_iter().sum();
    assert_eq!(all, 3_000);
    assert_eq!(workers[0].counts().await.unwrap().done, 3_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_through_all_pages_whatever_becomes_of_its_last_entry() {
    let server = Server::start();
    let inbox = inbox(&server, 4).await;
    accept_all(&inbox, 1_700).await;
    for (status, verdict) in [
        (EntryStatus::Queued, None),
        (EntryStatus::Dead, Some(bury())),
    ] {
        if let Some(verdict) = verdict {
            assert_eq!(work(&inbox, 256, || verdict.clone()).await, 1_700);
        }
        let (mut found, mut page) = (
            std::collections::BTreeSet::new(),
            List::of(status).limit(300),
        );
        loop {
            let views = inbox.list(&page).await.unwrap();
            let Some(last) = views.last() else { break };
            page = page.after(last.key.clone());
            for view in &views {
                assert_eq!(view.status, status);
                assert!(found.insert(view.key.encoded()), "{:?} twice", view.key);
            }
        }
        assert_eq!(found.len(), 1_700);
    }
    let page = List::of(EntryStatus::Dead).limit(300);
    let last = inbox.list(&page).await.unwrap().pop().unwrap().key;
    inbox.forget(&last).await.unwrap();
    let next = inbox.list(&page.clone().after(last)).await.unwrap();
    let begins = inbox.list(&page.limit(1_000)).await.unwrap();
    assert_eq!(next[0].key, begins[299].key);
}
