//! The secret of a path, guessed at and spelled in other ways.

use crate::support::http::{Connection, Request, Response};
use crate::support::presets::{Preset, TOKEN, WRONG_TOKEN};
use crate::support::receiver::Receiver;

async fn send(receiver: &Receiver, target: &str) -> Response {
    let request = Preset::BloqueAccounts.delivery(1).target(target);
    let mut connection = Connection::open(receiver.server.address).await;
    connection.exchange(&request).await
}

#[tokio::test]
async fn other_spellings_of_the_right_token_are_unknown_routes() {
    let receiver = Receiver::start(Preset::BloqueAccounts).await;
    let unknown = send(&receiver, "/nothing/here").await.without_date();
    let all_encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let upper = TOKEN.to_uppercase();
    let (first, rest) = TOKEN.split_at(1);
    let mut tried = 0;
    for target in [
        format!("/hooks/{upper}"),
        format!("/hooks/{all_encoded}"),
        format!("/hooks/{TOKEN}/"),
        format!("/hooks/{TOKEN}/x"),
        format!("/hooks/{TOKEN}%00"),
        format!("/hooks/{TOKEN}%20"),
        format!("/hooks/{TOKEN}%0a"),
        format!("/hooks/{TOKEN};v=1"),
        format!("/hooks/{TOKEN}%2f"),
        format!("/hooks/{TOKEN}%3f"),
        format!("/hooks/{TOKEN}."),
        format!("/hooks/.{TOKEN}"),
        format!("/hooks/%252{first}{rest}"),
        format!("/hooks/%25{:02x}{rest}", first.as_bytes()[0]),
        format!("/hooks/x/../{TOKEN}"),
        format!("/hooks/./{TOKEN}"),
        format!("/hooks/%2e%2e/hooks/{TOKEN}"),
        format!("//hooks/{TOKEN}"),
        format!("/hooks//{TOKEN}"),
        format!("/HOOKS/{TOKEN}"),
        format!("/hooks\\{TOKEN}"),
        format!("/hooks/?{TOKEN}"),
        format!("/hooks/?token={TOKEN}"),
        format!("/hooks/{{token}}?token={TOKEN}"),
        format!("/hooks/{WRONG_TOKEN}?token={TOKEN}"),
        format!("/hooks/{}", &TOKEN[..TOKEN.len() - 1]),
        format!("/hooks/{TOKEN}{TOKEN}"),
        format!("/hooks/{first}\u{200b}{rest}"),
        "/hooks/".to_owned(),
        "/hooks".to_owned(),
        "/hooks/%".to_owned(),
        "/hooks/%zz".to_owned(),
        "/hooks/%ff%fe".to_owned(),
    ] {
        let answer = send(&receiver, &target).await;
        // A target that is none at all is the server's to refuse.
        if answer.status != 400 {
            assert_eq!(answer.without_date(), unknown, "{target}");
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
    assert_eq!(receiver.runs.runs(), 0);
    assert!(
        send(&receiver, &format!("/hooks/{TOKEN}"))
            .await
            .is_success()
    );
    assert_eq!(receiver.runs.runs(), 1);
}

#[tokio::test]
async fn a_token_elsewhere_in_the_request_opens_nothing() {
    let receiver = Receiver::start(Preset::BloqueAccounts).await;
    let wrong = Preset::BloqueAccounts
        .delivery(1)
        .target(&format!("/hooks/{WRONG_TOKEN}"));
    let path = format!("/hooks/{TOKEN}");
    for (name, value) in [
        ("x-original-url", &*path),
        ("x-rewrite-url", &path),
        ("x-forwarded-uri", &path),
        ("x-forwarded-prefix", &path),
        ("x-original-uri", &path),
        ("referer", &path),
        ("authorization", &format!("Bearer {TOKEN}")),
        ("cookie", &format!("token={TOKEN}")),
        ("token", TOKEN),
    ] {
        let answer = receiver.send(&wrong.clone().header(name, value)).await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{name}");
    }
    assert_eq!(receiver.runs.runs(), 0);
    let absolute = Request::post(&format!("http://localhost/hooks/{WRONG_TOKEN}"));
    let absolute = absolute.body(Preset::BloqueAccounts.body(1));
    assert_eq!(receiver.send(&absolute).await.status, 404);
    assert_eq!(receiver.runs.runs(), 0);
}
