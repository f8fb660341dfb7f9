//! What changes something: only what a page of ours asks for, a while after it was shown.

use tower_webhook::Clock as _;
use tower_webhook::inbox::{EntryState, EntryStatus};

use super::*;
use crate::support::blendfi::key;

async fn status(shown: &Shown, id: &str) -> Option<EntryStatus> {
    let view = shown.inbox.lookup(&key(id)).await.unwrap();
    view.map(|view| view.status)
}

/// Its name, the view that offers it, and what it is told besides.
type Action = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ACTIONS: [Action; 8] = [
    (
        "redrive",
        "/dead",
        &[("inbox", "0"), ("key", "|blendfi:evt_1")],
    ),
    (
        "force",
        "/event?key=blendfi:evt_1",
        &[("inbox", "0"), ("key", "|blendfi:evt_1")],
    ),
    (
        "discard",
        "/dead",
        &[("inbox", "0"), ("key", "|blendfi:evt_1")],
    ),
    ("redrive-all", "/dead", &[("inbox", "0")]),
    ("discard-all", "/dead", &[("inbox", "0")]),
    (
        "forget",
        "/event?key=blendfi:evt_1",
        &[("key", "|blendfi:evt_1")],
    ),
    (
        "pause",
        "/queue",
        &[("inbox", "0"), ("provider", "blendfi")],
    ),
    (
        "resume",
        "/queue",
        &[("inbox", "0"), ("provider", "blendfi")],
    ),
];

#[tokio::test]
async fn nothing_is_changed_without_the_token_of_that_action_or_with_a_stale_one() {
    let shown = Shown::new();
    shown.die(&["evt_1", "evt_2"], "it died").await;
    let name = tower_webhook::Name::new("blox").unwrap();
    // So that both can be asked for.
    shown.inbox.set_paused(&name, true).await.unwrap();
    let ours = [
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "same-origin"),
    ];
    for (action, path, fields) in ACTIONS {
        let token = shown.token(path, action).await;
        let (other, other_path) = if action == "pause" {
            ("forget", "/event?key=blendfi:evt_1")
        } else {
            ("pause", "/queue")
        };
        let of_another = shown.token(other_path, other).await;
        let field = format!("token.{action}");
        let with = |token: &str| {
            let mut all = fields.to_vec();
            all.push(("act", action));
            all.push((&field, token));
            form_urlencoded(&all)
        };
        let mut without = fields.to_vec();
        without.push(("act", action));
        let changed = token.replace(['0', '1'], "2");
        let tried = [
            ("no token", form_urlencoded(&without)),
            ("an empty one", with("")),
            ("another's", with(&of_another)),
            ("a changed one", with(&changed)),
        ];
        for (what, body) in tried {
            let mut request = form(&[], &ours);
            *request.body_mut() = Body::from(body);
            assert_eq!(shown.ask(request).await.status, 403, "{action}: {what}");
        }
        // A right one, asked for by another site, or by another operator.
        for headers in [
            [
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            [
                ("origin", "http://localhost:3000"),
                ("sec-fetch-site", "cross-site"),
            ],
            [
                ("origin", "http://localhost:3000"),
                ("sec-fetch-site", "same-site"),
            ],
            [
                ("origin", "http://localhost:3001"),
                ("sec-fetch-site", "same-origin"),
            ],
            [("origin", "null"), ("sec-fetch-site", "same-origin")],
        ] {
            let mut request = form(&[], &headers);
            *request.body_mut() = Body::from(with(&token));
            assert_eq!(
                shown.ask(request).await.status,
                403,
                "{action}: {headers:?}"
            );
        }
        let mut request = form(&[], &ours);
        *request.body_mut() = Body::from(with(&token));
        request
            .extensions_mut()
            .insert(OperatorAccess::named("mallory"));
        assert_eq!(
            shown.ask(request).await.status,
            403,
            "{action}: of another operator"
        );
        // A right one that is an hour old.
        shown.clock.advance(Duration::from_secs(3_601));
        let mut request = form(&[], &ours);
        *request.body_mut() = Body::from(with(&token));
        assert_eq!(shown.ask(request).await.status, 403, "{action}: stale");
        // What only looks at a form changes nothing either.
        let mut request = from_here(&format!("/operator/act?{}", with(&token)));
        *request.method_mut() = axum::http::Method::GET;
        assert_eq!(shown.ask(request).await.status, 405, "{action}: GET");
    }
    assert_eq!(status(&shown, "evt_1").await, Some(EntryStatus::Dead));
    assert_eq!(status(&shown, "evt_2").await, Some(EntryStatus::Dead));
    assert_eq!(shown.inbox.paused().await.unwrap(), [name]);
    assert_eq!(shown.noted().await, []);
}

async fn done(shown: &Shown, action: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let token = shown.token(path, action).await;
    let field = format!("token.{action}");
    let mut all = fields.to_vec();
    all.extend([("act", action), (&*field, &*token)]);
    let answer = shown.act(&all).await;
    assert_eq!(answer.status, 303, "{action}: {}", answer.text);
    let to = answer.headers[header::LOCATION].to_str().unwrap();
    shown.view(to.strip_prefix("/operator").unwrap()).await
}

#[tokio::test]
async fn what_a_page_asks_for_is_done_and_written_down() {
    let shown = Shown::new();
    shown
        .die(&["evt_1", "evt_2", "evt_3"], "the ledger is closed")
        .await;
    let dead = shown.view("/dead").await;
    assert!(dead.contains("the ledger is closed"));
    let value = |id: &str| {
        let (_, rest) = dead.split_once(&format!("|blendfi:{id}\"")).unwrap();
        assert!(!rest.is_empty());
        let (before, _) = dead.split_once(&format!("|blendfi:{id}\"")).unwrap();
        format!("{}|blendfi:{id}", before.rsplit_once('"').unwrap().1)
    };

    let chosen = [
        ("inbox", "0"),
        ("key", &*value("evt_1")),
        ("key", "1|blendfi:evt_2"),
    ];
    let told = done(&shown, "redrive", "/dead", &chosen).await;
    // The second one died at another time than the form says.
    assert!(told.contains("1 queued again."), "{told}");
    assert!(told.contains("1 had changed meanwhile"), "{told}");
    assert_eq!(status(&shown, "evt_1").await, Some(EntryStatus::Queued));
    assert_eq!(status(&shown, "evt_2").await, Some(EntryStatus::Dead));

    let one = [("inbox", "0"), ("key", &*value("evt_2")), ("from", "event")];
    let told = done(&shown, "discard", "/event?key=blendfi:evt_2", &one).await;
    assert!(
        told.contains("1 discarded.") && told.contains("blendfi:evt_2"),
        "{told}"
    );
    assert_eq!(status(&shown, "evt_2").await, Some(EntryStatus::Discarded));

    done(
        &shown,
        "redrive-all",
        "/dead",
        &[("inbox", "0"), ("provider", "blendfi")],
    )
    .await;
    assert_eq!(status(&shown, "evt_3").await, Some(EntryStatus::Queued));

    let blendfi = [("inbox", "0"), ("provider", "blendfi")];
    done(&shown, "pause", "/queue", &blendfi).await;
    assert_eq!(shown.inbox.paused().await.unwrap().len(), 1);
    done(&shown, "resume", "/queue", &blendfi).await;
    assert_eq!(shown.inbox.paused().await.unwrap(), []);

    let forgotten = [("key", "|blendfi:evt_2")];
    done(&shown, "forget", "/event?key=blendfi:evt_2", &forgotten).await;
    assert_eq!(status(&shown, "evt_2").await, None);

    let noted = shown.noted().await;
    let noted: Vec<_> = noted
        .iter()
        .map(|line| (line.key.as_deref(), line.detail.as_deref().unwrap()))
        .collect();
    assert_eq!(
        noted,
        [
            (Some("blendfi:evt_1"), "redrive by an operator: done"),
            (
                Some("blendfi:evt_2"),
                "redrive by an operator: changed since, and left as it is"
            ),
            (Some("blendfi:evt_2"), "discard by an operator: done"),
            (
                None,
                "redrive-all by an operator: 1 done, 0 overtaken, 0 changed since"
            ),
            (None, "pause by an operator: done"),
            (None, "resume by an operator: done"),
            (Some("blendfi:evt_2"), "forget by an operator: done"),
        ]
    );
    let life = shown.view("/event?key=blendfi:evt_2").await;
    assert!(life.contains("discard by an operator: done"), "{life}");
}

#[tokio::test]
async fn a_form_that_makes_no_sense_changes_nothing() {
    let shown = Shown::new();
    shown.die(&["evt_1"], "it died").await;
    let token = shown.token("/dead", "redrive").await;
    let tries: [&[(&str, &str)]; 4] = [
        &[("inbox", "7"), ("key", "|blendfi:evt_1")],
        &[("inbox", "0")],
        &[("inbox", "0"), ("key", "|no key")],
        &[("inbox", "0"), ("key", "never|blendfi:evt_1")],
    ];
    for fields in tries {
        let mut all = fields.to_vec();
        all.extend([("act", "redrive"), ("token.redrive", &*token)]);
        assert_eq!(shown.act(&all).await.status, 400, "{fields:?}");
    }
    let long = "x".repeat(300 * 1024);
    let all = [
        ("act", "redrive"),
        ("token.redrive", &*token),
        ("key", &*long),
    ];
    assert_eq!(shown.act(&all).await.status, 413);
    assert_eq!(status(&shown, "evt_1").await, Some(EntryStatus::Dead));
}

/// In a process that has workers alone no webhook says for how long: a sender's retry must not run it again.
#[tokio::test]
async fn what_is_discarded_with_all_others_is_known_as_long_as_what_is_discarded_alone() {
    let shown = Shown::new();
    shown.die(&["evt_1"], "it died").await;
    let page = Page::with_clock(shown.clock.clone()).inbox(shown.inbox.clone());
    let app = Router::new().nest("/operator", operator::router(&page));
    let ask = async |request: Request<Body>| {
        let answer = app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    };
    let (_, dead) = ask(from_here("/operator/dead")).await;
    let token = token_in(&dead, "discard-all");
    let fields = [
        ("act", "discard-all"),
        ("token.discard-all", &*token),
        ("inbox", "0"),
    ];
    assert_eq!(ask(form(&fields, &[])).await.0, 303);
    let view = shown.inbox.lookup(&key("evt_1")).await.unwrap().unwrap();
    let EntryState::Discarded { kept_until } = view.entry.state else {
        panic!("{view:?}");
    };
    let days = kept_until.saturating_since(shown.clock.now()).as_secs() / 86_400;
    assert!(days >= 29, "{kept_until:?}");
}
