//! What is told of the places that are named, and nothing made in them.

#[cfg(feature = "asymmetric")]
use std::process::{Command, Stdio};

#[cfg(feature = "asymmetric")]
use serde_json::json;

use tower_webhook::RedisStore;
#[cfg(feature = "postgres")]
use tower_webhook::inbox::PostgresInbox;
#[cfg(feature = "postgres")]
use tower_webhook::store::PostgresStore;

use super::keeping::journal;
use super::program::{Folder, Ran, webhook};
use super::receiver::{with_records, with_store};
use super::redis_support::Server;
#[cfg(feature = "postgres")]
use super::sql_support::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_is_not_made_where_there_are_records_alone() {
    let folder = Folder::new();
    let file = folder.path("records.db");
    let url = with_records(&file).await;
    let send = ["send", "blendfi", "--url", &url, "--id", "evt_1"];
    webhook(send)
        .with_secret()
        .run_beside()
        .await
        .says(0, "  200  ");
    for words in [
        &["inbox", "counts"][..],
        &["dead"],
        &["pause", "blendfi"],
        &["redrive", "blendfi", "evt_1"],
        &["discard", "--all"],
    ] {
        let all = words.iter().copied().chain(["--store", &*file]);
        let ran = webhook(all).run_beside().await;
        let text = format!(
            "webhook: --store: {file}: it holds records and no inbox: look into it by `webhook records`\n"
        );
        assert_eq!((ran.status, ran.err), (2, text), "{words:?}");
    }
    let show = ["show", "blendfi", "evt_1", "--store", &file];
    webhook(show)
        .run_beside()
        .await
        .says(0, "blendfi:evt_1 done with 200");
    let tables = std::fs::read(&file).unwrap();
    let wal = std::fs::read(format!("{file}-wal")).unwrap_or_default();
    let name = b"tower_webhook_inbox";
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|part| part == name);
    assert!(
        !holds(&tables) && !holds(&wal),
        "tables of an inbox were made"
    );
}

/// What only looks, of a place that `--store` names.
const LOOKS: [&[&str]; 5] = [
    &["show", "blendfi", "evt_1"],
    &["records", "counts"],
    &["records", "lookup", "blendfi", "evt_1"],
    &["dead"],
    &["inbox", "counts"],
];

/// What the program says of a place.
async fn look(place: &str, words: &[&str], more: &[&str]) -> Ran {
    let all = words.iter().chain(more).copied();
    let all = all.chain(["--store", place]);
    webhook(all).run_beside().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_makes_nothing_in_redis_and_needs_no_number_of_partitions() {
    let server = Server::start();
    let place = server.url();
    let look = async |words: &[&str], more: &[&str]| look(&place, words, more).await;
    for words in LOOKS.into_iter().chain([&["doctor"][..]]) {
        let ran = look(words, &[]).await;
        let text = "webhook: --store: no receiver keeps anything there in the namespace default; name the receiver's by \
                    --namespace\n";
        assert_eq!((ran.status, ran.err.as_str()), (2, text), "{words:?}");
        let ran = look(words, &["--namespace", "mistyped"]).await;
        assert!(
            ran.status == 2 && ran.err.contains("namespace mistyped"),
            "{ran:?}"
        );
    }
    assert_eq!(server.ask(&["DBSIZE"]), "0", "a look has written");
    let store = RedisStore::builder(&*place)
        .partitions(8)
        .connect()
        .await
        .unwrap();
    let url = with_store(store).await;
    let send = ["send", "blendfi", "--url", &url, "--id", "evt_1"];
    webhook(send)
        .with_secret()
        .run_beside()
        .await
        .says(0, "  200  ");
    let keys = server.ask(&["DBSIZE"]);
    look(&["show", "blendfi", "evt_1"], &[])
        .await
        .says(0, "blendfi:evt_1 done with 200");
    look(&["records", "counts"], &[]).await.says(0, "done 1");
    look(&["dead"], &[]).await.says(0, "");
    look(&["inbox", "counts"], &[]).await.says(0, "queued 0");
    let other = look(&["dead"], &["--partitions", "9"]).await;
    assert!(
        other.status != 0 && other.err.contains("8 partitions"),
        "{other:?}"
    );
    assert_eq!(server.ask(&["DBSIZE"]), keys);
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn records_alone_are_shown_on_postgres_too() {
    let server = Postgres::start();
    let place = server.url();
    let look = async |words: &[&str], more: &[&str]| look(&place, words, more).await;
    for words in LOOKS {
        let ran = look(words, &[]).await;
        let text = "webhook: --store: the place that was given: no receiver keeps anything in it; name the receiver's\n";
        assert_eq!((ran.status, ran.err.as_str()), (2, text), "{words:?}");
    }
    let store = PostgresStore::builder(&*place).migrate();
    let url = with_store(store.connect().await.unwrap()).await;
    let send = ["send", "blendfi", "--url", &url, "--id", "evt_1"];
    webhook(send)
        .with_secret()
        .run_beside()
        .await
        .says(0, "  200  ");
    look(&["show", "blendfi", "evt_1"], &[])
        .await
        .says(0, "blendfi:evt_1 done with 200");
    look(&["doctor"], &[])
        .await
        .says(1, "ok       store: reached; 1 done");
    for words in [
        &["dead"][..],
        &["inbox", "counts"],
        &["pause", "blendfi"],
        &["redrive", "--all"],
    ] {
        let ran = look(words, &[]).await;
        let text = "webhook: --store: the place that was given: it holds records and no inbox: look into it by \
                    `webhook records`\n";
        assert_eq!((ran.status, ran.err.as_str()), (2, text), "{words:?}");
    }
    // Tables that go by other names.
    let elsewhere = ["--table-prefix", "wh_"];
    assert_eq!(look(&["dead"], &elsewhere).await.status, 2);
    let inbox = PostgresInbox::builder(&*place)
        .table_prefix("wh_")
        .migrate();
    drop(inbox.connect().await.unwrap());
    look(&["inbox", "counts"], &elsewhere)
        .await
        .says(0, "queued 0");
    look(&["show", "blendfi", "evt_1"], &elsewhere)
        .await
        .says(1, "neither an entry");
    let folder = Folder::new();
    let file = folder.file("records.db", "");
    let ran = webhook(["dead", "--schema", "app", "--store", &file]).run();
    assert!(
        ran.status == 2 && ran.err.contains("of Postgres alone"),
        "{ran:?}"
    );
}

#[cfg(feature = "asymmetric")]
#[test]
fn the_doctor_tells_until_when_certificates_are_valid() {
    let folder = Folder::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates");
    // A chain as it is given to a server.
    let chain =
        ["leaf", "root"].map(|name| std::fs::read_to_string(format!("{data}/{name}.pem")).unwrap());
    let chain = folder.file("chain.pem", chain.concat());
    let ran = webhook(["doctor", "--certificate", &chain]).run();
    // Both by `openssl x509 -noout -subject -issuer -enddate`.
    ran.says(0, "ok       certificate: \"CN=certs.sender.example\" by \"CN=Root\" is valid until 2126-11-05T13:35:44Z, ")
        .says(0, "ok       certificate: \"CN=Root\" by \"CN=Root\" is valid until 2126-11-05T13:35:42Z, ");
    let (brief, key) = (folder.path("brief.pem"), folder.path("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-subj",
            "/CN=brief",
            "-days",
            "5",
            "-keyout",
            &key,
            "-out",
            &brief,
        ])
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let ran = webhook([
        "doctor",
        "--certificate",
        &chain,
        "--certificate",
        &brief,
        "--json",
    ])
    .run();
    assert_eq!(ran.status, 1, "{ran:?}");
    let json = ran.json();
    assert_eq!(
        (&json[1]["ok"], &json[2]["ok"]),
        (&json!(true), &json!(false))
    );
    let found = json[2]["found"].as_str().unwrap();
    assert!(
        found.starts_with("\"CN=brief\" by \"CN=brief\" is valid until ")
            && found.ends_with(", 4 days"),
        "{found}"
    );
    let none = webhook(["doctor", "--certificate", &key]).run();
    assert!(
        none.status == 2 && none.err.contains("no certificates in PEM"),
        "{none:?}"
    );
    assert!(!none.err.contains("PRIVATE"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_store_clock_keys_and_allowlist() {
    let folder = Folder::new();
    let file = folder.path("records.db");
    with_records(&file).await;
    let journal = folder.file("journal.jsonl", journal());
    let arguments = [
        "doctor",
        "--store",
        &file,
        "--provider",
        "blendfi",
        "--allow",
        "127.0.0.0/8,localhost",
        "--journal",
        &journal,
    ];
    let secrets = "2026-06:whsec_test_9f8e7d6c5b4a,2026-05:whsec_test_0a1b2c3d4e5f";
    let ran = webhook(arguments)
        .env("WEBHOOK_SECRET", secrets)
        .run_beside()
        .await;
    ran.says(0, "ok       store: reached; 0 done");
    // On a busy machine a part of a second goes by between the two readings.
    ran.says(0, "ok       clock: the store's is 0.");
    ran.says(0, "key: \"2026-06\" last matched at 2026-05-04T13:00:00Z");
    ran.says(0, "key: \"2026-05\" never matched in this journal");
    ran.says(0, "allowlist: localhost is ").says(0, "127.0.0.1");
    // A journal tells of a sender's keys; of nobody's it tells nothing.
    let of_nobody = ["doctor", "--store", &file, "--journal", &journal];
    let of_nobody = webhook(of_nobody).run_beside().await;
    assert!(
        of_nobody.status == 2 && of_nobody.err.contains("--provider"),
        "{of_nobody:?}"
    );
    // In any case, and by a search list where that is asked for.
    let local = webhook(["doctor", "--allow", "LocalHost,search(localhost)"]).run();
    local.says(0, "allowlist: localhost is 127.0.0.1");
    local.says(0, "allowlist: search(localhost) is 127.0.0.1");
    let unresolved = webhook(["doctor", "--allow", "no-such-host.invalid"]).run();
    unresolved.says(
        1,
        "at risk  allowlist: no-such-host.invalid is not resolved",
    );
    webhook(["doctor", "--allow", "No-Such-Host.invalid"])
        .run()
        .says(
            1,
            "at risk  allowlist: no-such-host.invalid is not resolved",
        );
    // A store that is out of reach keeps nobody from the rest.
    let of_list = [
        "doctor",
        "--store",
        "redis://127.0.0.1:1",
        "--allow",
        "203.0.113.0/24",
    ];
    let of_list = webhook(of_list).run_beside().await;
    of_list.says(3, "ok       allowlist: 203.0.113.0/24\n");
    assert!(of_list.err.starts_with("webhook: --store: "), "{of_list:?}");
    // It leaves nothing behind.
    webhook(["records", "--store", &file, "counts"])
        .run_beside()
        .await
        .says(0, "claimed 0\nlapsed 0\nreleased 0\ndone 0");
}
