//! GitHub's published example payloads, signed and sent over a socket. `scripts/github-examples`
//! fetches them and says where they are; without that there is nothing to test here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use libtest_mimic::{Arguments, Trial};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;
use support::http::{Connection, Request};
use support::server::Server;
use tower_webhook::{Delivery, MemoryStore, Webhook, provider};

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";

/// The types that hold no moment of their own.
const WITHOUT_MOMENT: [&str; 11] = [
    "github_app_authorization",
    "installation_repositories",
    "label",
    "member",
    "membership",
    "org_block",
    "organization",
    "repository_dispatch",
    "team",
    "team_add",
    "workflow_dispatch",
];

/// The examples of one type of event.
#[derive(Deserialize)]
struct Type {
    name: String,
    examples: Vec<Box<RawValue>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("GITHUB_EXAMPLES");
    let trials = folder.map(|folder| {
        Trial::test("each_example_is_an_event_of_its_own", move || {
            let examples = read(Path::new(&folder));
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(hold_to(examples));
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.into_iter().collect()).exit_code()
}

/// Each body once, with its type: the same ones stand in the folders of several servers.
fn read(folder: &Path) -> BTreeMap<String, String> {
    let mut bodies = BTreeMap::new();
    for server in std::fs::read_dir(folder).unwrap() {
        let Ok(index) = std::fs::read(server.unwrap().path().join("index.json")) else {
            continue;
        };
        for of_type in serde_json::from_slice::<Vec<Type>>(&index).unwrap() {
            for example in of_type.examples {
                let value: serde_json::Value = serde_json::from_str(example.get()).unwrap();
                bodies.insert(value.to_string(), of_type.name.clone());
            }
        }
    }
    let there: std::collections::BTreeSet<_> = bodies.values().map(String::as_str).collect();
    assert!(bodies.len() >= 400 && there.len() >= 58, "{}", bodies.len());
    assert!(WITHOUT_MOMENT.iter().all(|name| there.contains(name)));
    bodies
}

async fn hold_to(examples: BTreeMap<String, String>) {
    let keys = provider::github::keys([SECRET]).unwrap();
    let webhook = Webhook::new(provider::github(keys)).store(MemoryStore::new());
    let handler = |delivery: Delivery| async move {
        // Which type it was taken for, where it is one without a moment.
        (StatusCode::OK, delivery.shape().unwrap_or("").to_owned())
    };
    let layer = webhook.build().unwrap();
    let server = Server::start(Router::new().route("/hooks", post(handler).layer(layer))).await;
    let mut connection = Connection::open(server.address).await;
    for (number, (body, name)) in examples.iter().enumerate() {
        let deliver = |id: String, event: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(body.as_bytes());
            let mac = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
            Request::post("/hooks")
                .header("x-hub-signature-256", format!("sha256={mac}"))
                .header("x-github-event", event)
                .header("x-github-delivery", id)
                .body(body)
        };
        let repeats = WITHOUT_MOMENT.contains(&name.as_str());
        // The last one says that it is another type.
        let other = if name == "membership" {
            "push"
        } else {
            "membership"
        };
        for (what, id, event, runs) in [
            ("sent", format!("{number}-1"), &**name, true),
            ("sent again", format!("{number}-1"), name, false),
            ("sent under a new id", format!("{number}-2"), name, repeats),
            ("relabelled", format!("{number}-3"), other, repeats),
        ] {
            let answer = connection.exchange(&deliver(id, event)).await;
            assert_eq!(
                (answer.status, answer.is_replayed()),
                (200, !runs),
                "{what}: {name} {body}"
            );
            if runs {
                let taken_for = if repeats { name } else { "" };
                assert_eq!(answer.body, taken_for.as_bytes(), "{body}");
            }
        }
    }
}
