//! What is told of what is lost, waits, runs or was never there.

use std::time::Duration;

use tower_webhook::inbox::{
    Begin, EntryStatus, Finish, Inbox, List, Route, SqliteInbox, Take, Verdict,
};
use tower_webhook::store::{Claim, ClaimOutcome, Complete, Release, StoredResponse, Token};
use tower_webhook::{
    EventKey, Fingerprint, Name, RouterExt, SqliteStore, Store, Webhook, provider,
};

use super::keeping::journal;
use super::program::{Folder, webhook};
use super::receiver::{in_memory, keys, serve, with_inbox};

const LEASE: Duration = Duration::from_secs(60);

fn key(provider: &'static str, id: &str) -> EventKey {
    EventKey::new(Name::new(provider).unwrap(), [id]).unwrap()
}

/// A record that was claimed for so long, and released where it is said so.
async fn attempted(store: &SqliteStore, key: &EventKey, lease: Duration, is_released: bool) {
    let token = Token::random().unwrap();
    let fingerprint = Fingerprint::of(b"{}");
    let claim = Claim::new(key.clone(), token, fingerprint, lease, LEASE * 10);
    store.claim(&claim).await.unwrap();
    if is_released {
        let release = Release::new(key.clone(), token, LEASE * 10);
        store.release(&release).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_is_lost_of_senders_that_do_not_retry() {
    let folder = Folder::new();
    let file = folder.path("records.db");
    let store = SqliteStore::connect(&file).await.unwrap();
    // Stripe comes again; nobody knows whether a sender of one's own does.
    for known in ["stripe", "acme"] {
        attempted(&store, &key(known, "evt_1"), LEASE, true).await;
    }
    let doctor = || webhook(["doctor", "--store", &file]).run_beside();
    doctor().await.says(0, "0 lapsed, 2 released\n");
    attempted(&store, &key("github", "1"), LEASE, true).await;
    attempted(&store, &key("github", "2"), LEASE, true).await;
    attempted(&store, &key("blox", "3"), Duration::from_secs(1), false).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    doctor()
        .await
        .says(
            1,
            "at risk  lost: github: 0 lapsed, 2 released: this sender does not retry",
        )
        .says(1, "`webhook records unfinished github` lists them")
        .says(1, "at risk  lost: blox: 1 lapsed, 0 released: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_tells_when_it_runs_next_and_the_doctor_how_old_the_oldest_is() {
    let folder = Folder::new();
    let file = folder.path("inbox.db");
    let inbox = SqliteInbox::connect(&file).await.unwrap();
    // No worker serves its route.
    let blendfi = Webhook::new(provider::blendfi(keys())).inbox(inbox.clone());
    let blendfi = blendfi.build().unwrap();
    let app = axum::Router::new().webhook("/webhooks/blendfi", blendfi, async || "");
    let url = serve(app).await;
    let send = ["send", "blendfi", "--url", &url, "--repeat", "3", "--fresh"];
    let sent = webhook(send).with_secret().run_beside().await;
    sent.says(0, "sent of 3: 200: 3");
    let route = Route::parse("blendfi").unwrap();
    let token = Token::random().unwrap();
    let take = Take::new(vec![route], token, 2, LEASE);
    let taken = inbox.take(&take).await.unwrap();
    assert_eq!(taken.len(), 2);
    for one in &taken {
        let begin = Begin::new(one.key.clone(), token, token, LEASE);
        inbox.begin(&begin).await.unwrap();
    }
    let after = Duration::from_secs(600);
    let reason = "the ledger is closed".to_owned();
    let retry = Verdict::Retry { after, reason };
    let first = &taken[0];
    let finish = Finish::new(first.key.clone(), token, retry, LEASE);
    inbox.finish(&finish).await.unwrap();
    let list = async |status: &str| {
        let list = ["inbox", "list", status, "--store", &file];
        webhook(list).run_beside().await
    };
    list("waiting")
        .await
        .says(0, " waiting on route blendfi, attempts 1, runs next at 20");
    list("running").await.says(
        0,
        " running on route blendfi, attempts 1, its lease ends at 20",
    );
    let json = webhook(["--json", "inbox", "list", "waiting", "--store", &file]);
    let json = json.run_beside().await.json();
    assert!(
        json[0]["due"].is_string() && json[0]["lease_ends"].is_null(),
        "{json:?}"
    );
    let queued = inbox.list(&List::of(EntryStatus::Queued)).await.unwrap();
    assert_eq!(queued.len(), 1);
    webhook(["doctor", "--store", &file])
        .run_beside()
        .await
        .says(
            0,
            "1 queued, 1 waiting, 1 running, 0 lapsed, 0 dead; the oldest queued one came ",
        );
    let which = webhook(["inbox", "list", "--store", &file])
        .run_beside()
        .await;
    assert_eq!(
        (which.status, which.err.as_str()),
        (
            2,
            "webhook: inbox list: which entries? name one of queued, waiting, running, lapsed, done, dead, discarded, \
             stale, mismatched\n"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_of_what_was_handled_inline_says_that_it_is_a_record() {
    let folder = Folder::new();
    let file = folder.path("both.db");
    let store = SqliteStore::connect(&file).await.unwrap();
    let _receiver = with_inbox(&file, provider::blendfi(keys())).await;
    let redrive = async |id: &str| {
        let redrive = ["redrive", "blendfi", id, "--store", &file];
        webhook(redrive).run_beside().await
    };
    redrive("evt_1")
        .await
        .says(1, "neither an entry nor a record");
    attempted(&store, &key("blendfi", "evt_1"), LEASE, true).await;
    redrive("evt_1").await.says(
        1,
        "no entry: it is handled inline, and its record is not done",
    );
    // Once it is done, another delivery alone runs it again, and not before its record is gone.
    let token = Token::random().unwrap();
    let (done, fingerprint) = (key("blendfi", "evt_2"), Fingerprint::of(b"{}"));
    let claim = Claim::new(done.clone(), token, fingerprint, LEASE, LEASE * 10);
    let ClaimOutcome::Claimed(grant) = store.claim(&claim).await.unwrap() else {
        panic!("it is new");
    };
    let response = StoredResponse::new(200);
    let complete = Complete::new(done, token, grant, fingerprint, response, LEASE * 10);
    store.complete(&complete).await.unwrap();
    redrive("evt_2").await.says(
        1,
        "no entry: it was handled inline, and its record is done: after `webhook records forget blendfi:evt_2` its next",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_adds_the_path_and_says_of_a_key_that_no_line_has_it() {
    let folder = Folder::new();
    let file = folder.file("journal.jsonl", journal());
    let url = in_memory().await;
    let replay = async |more: &[&str]| {
        let all = ["replay", &file, "--provider", "blendfi", "--url", &url];
        let all = all.into_iter().chain(more.iter().copied());
        webhook(all).with_secret().run_beside().await
    };
    replay(&["--key", "blendfi:evt_8"])
        .await
        .says(1, "no line of the journal has the key blendfi:evt_8\n");
    replay(&["--key", "blendfi:evt_9"])
        .await
        .says(0, "1 blendfi:evt_9  200\nsent 1, ");
}
