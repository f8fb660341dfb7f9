//! By what the head of a request says: its method, its path and where it comes from.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tower_webhook::{MemoryStore, Provider, Reason, Webhook};

use super::{ALLOW, elsewhere};
use crate::support::http::{Connection, Request};
use crate::support::observer::Recorder;
use crate::support::presets::{Preset, TOKEN, WRONG_TOKEN, clock};
use crate::support::receiver::Receiver;
use crate::support::server::Server;

#[tokio::test]
async fn another_method_is_405_with_one_allow_whatever_the_path_token() {
    const METHODS: [&str; 8] = [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
    ];
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        for method in METHODS {
            let request = preset.delivery(1).method(method);
            let response = receiver.send(&request).await;
            receiver
                .assert_refused(&response, 405, ALLOW, Reason::MethodNotAllowed)
                .await;
            let guess = preset.route().replace("{token}", WRONG_TOKEN);
            let response = receiver.send(&request.target(&guess)).await;
            receiver
                .assert_refused(&response, 405, ALLOW, Reason::MethodNotAllowed)
                .await;
        }
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_wrong_path_token_looks_like_a_route_that_was_never_there() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let receiver = Receiver::start(preset).await;
        let unknown = |path: &str| preset.delivery(1).target(path);
        let nowhere = receiver.send(&unknown("/nowhere/else")).await;
        assert_eq!(
            nowhere.without_date(),
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "what axum answers to an unknown route"
        );
        let encoded = format!("%33{}", &TOKEN[1..]);
        let mut tricks = vec![
            WRONG_TOKEN.to_owned(),
            TOKEN.to_uppercase(),
            TOKEN[..23].to_owned(),
            format!("{TOKEN}4"),
            format!("{TOKEN}%00"),
            format!("{TOKEN}%2F"),
            format!("%2F{TOKEN}"),
            format!("{TOKEN};a=b"),
            encoded,
            "%ff%fe".to_owned(),
            "%zz".to_owned(),
            "..".to_owned(),
            "%2e%2e".to_owned(),
            "x".repeat(6_000),
        ];
        for trick in &mut tricks {
            let response = receiver.send(&unknown(&format!("/hooks/{trick}"))).await;
            assert_eq!(
                response.without_date(),
                nowhere.without_date(),
                "{preset:?} {trick}"
            );
            // Percent-encoded bytes that are no UTF-8 still reach the gate.
            let seen = receiver.seen.next().await;
            assert_eq!(seen.reason, Some(Reason::UnknownPath), "{trick}");
        }
        for path in [
            "/hooks/",
            "/hooks",
            "//",
            "/hooks//",
            &format!("/hooks/{TOKEN}/"),
            &format!("/hooks/{TOKEN}/extra"),
            &format!("/hooks/extra/{TOKEN}"),
            &format!("//hooks/{TOKEN}"),
            &format!("/hooks?{TOKEN}"),
        ] {
            let response = receiver.send(&unknown(path)).await;
            assert_eq!(response.without_date(), nowhere.without_date(), "{path}");
        }
        assert_eq!(receiver.seen.take(), [], "those are no routes at all");
        receiver.assert_untouched("wrong paths").await;

        // A query does not spoil a right token, nor does the absolute form.
        let absolute = format!("http://localhost/hooks/{TOKEN}?a=b");
        let response = receiver.send(&unknown(&absolute)).await;
        assert_eq!(response.status, 204);
    }
}

#[tokio::test]
async fn a_404_is_the_same_with_a_large_body_that_is_never_sent_or_never_read() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let receiver = Receiver::start(preset).await;
        let mut unsent = Vec::new();
        let mut unread = Vec::new();
        for path in ["/nowhere/else".to_owned(), format!("/hooks/{WRONG_TOKEN}")] {
            let request = preset.delivery(1).target(&path);
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(1_500_000)).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.header("connection"), None);
            // What becomes of the connection tells nothing either.
            connection.finish().await;
            unsent.push((response.without_date(), connection.is_closed().await));

            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&request.head_announcing(1_500_000)).await;
            connection.send(&[b' '; 100_000]).await;
            let response = connection.response().await.unwrap();
            connection.finish().await;
            unread.push((response.without_date(), connection.is_closed().await));

            let chunked = request.head_chunked();
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&chunked).await;
            let response = connection.response().await.unwrap();
            assert_eq!(response.without_date(), unsent[0].0);
        }
        assert_eq!(unsent[0], unsent[1], "{preset:?}");
        assert_eq!(unread[0], unread[1], "{preset:?}");
        assert_eq!(unsent[0], unread[0], "{preset:?}");

        // The rest of a body is not read on either: each of the two is closed while a refusal whose
        // body is thrown away is still being read, although that one began earlier.
        let gzip = preset.delivery(1).header("content-encoding", "gzip");
        for path in ["/nowhere/else".to_owned(), format!("/hooks/{WRONG_TOKEN}")] {
            let mut discarded = Connection::open(receiver.server.address).await;
            discarded.send(&gzip.head_announcing(1_500_000)).await;
            assert_eq!(discarded.response().await.unwrap().status, 415);
            let request = preset.delivery(1).target(&path);
            let mut refused = Connection::open(receiver.server.address).await;
            refused.send(&request.head_announcing(1_500_000)).await;
            assert_eq!(refused.response().await.unwrap().status, 404);
            assert!(refused.is_closed().await, "{preset:?} {path}");
            assert!(discarded.is_idle().await, "{preset:?} {path}: read on");
        }
    }
}

#[tokio::test]
async fn forms_of_request_targets_that_are_no_paths_are_answered() {
    for preset in Preset::ALL {
        let receiver = Receiver::start(preset).await;
        // The same layer around a whole router sees what matches no route.
        let store = MemoryStore::new();
        let webhook = Webhook::new(preset.provider()).store(store).clock(clock());
        let around = Router::new()
            .route("/hooks", post(async || StatusCode::NO_CONTENT))
            .fallback(async || StatusCode::OK)
            .layer(webhook.build().unwrap());
        let around = Server::start(around).await;

        for server in [receiver.server.address, around.address] {
            for (method, target) in [
                ("OPTIONS", "*"),
                ("POST", "*"),
                ("CONNECT", "localhost:443"),
                ("POST", "http://localhost"),
                ("POST", "/"),
                ("GET", "/?"),
            ] {
                let request = preset.delivery(1).method(method).target(target);
                let response = request.send(server).await;
                // The fallback of the second one is a handler like any other.
                let fallback = server == around.address && method == "POST";
                let known = matches!(response.status, 404 | 405);
                assert!(
                    known || (fallback && response.status == 200),
                    "{preset:?} {method} {target}: {response:?}"
                );
            }
        }
        let star = preset.delivery(1).method("OPTIONS").target("*");
        assert_eq!(receiver.send(&star).await.status, 404);
        assert_eq!(star.send(around.address).await.status, 405);
        receiver.assert_untouched("odd targets").await;
        receiver.assert_takes_the_right_one().await;
    }
}

#[tokio::test]
async fn a_token_route_works_inside_a_nest() {
    for preset in Preset::ALL.into_iter().filter(|p| p.has_path_token()) {
        let seen = Recorder::new();
        let layer = Webhook::new(preset.provider())
            .store(MemoryStore::new())
            .observer(seen.clone())
            .build()
            .unwrap();
        let inner = Router::new().route("/hooks/{token}", post(echo_uris).layer(layer));
        let app = Router::new().nest("/api", Router::new().nest("/v1", inner));
        let server = Server::start(app).await;

        let right = preset
            .delivery(1)
            .target(&format!("/api/v1/hooks/{TOKEN}?a=b"));
        let response = right.send(server.address).await;
        let body = String::from_utf8(response.body).unwrap();
        assert_eq!(
            (response.status, body.as_str()),
            (200, "/hooks?a=b /api/v1/hooks?a=b")
        );

        let unknown = right
            .clone()
            .target("/api/v1/nowhere/at-all")
            .send(server.address)
            .await;
        for path in [
            format!("/api/v1/hooks/{WRONG_TOKEN}"),
            "/api/v1/hooks/".to_owned(),
        ] {
            let response = right.clone().target(&path).send(server.address).await;
            assert_eq!(response.without_date(), unknown.without_date(), "{path}");
        }
    }
}

async fn echo_uris(
    axum::extract::OriginalUri(original): axum::extract::OriginalUri,
    uri: axum::http::Uri,
) -> String {
    format!("{uri} {original}")
}

#[tokio::test]
async fn an_address_that_is_not_on_the_list_is_403_for_every_sender() {
    for preset in Preset::ALL {
        let refused = |provider: Provider| provider.and_from_source(elsewhere());
        let receiver = Receiver::start_with(preset, refused, |webhook| webhook).await;
        let response = receiver.send(&preset.delivery(1)).await;
        receiver
            .assert_refused(&response, 403, &[], Reason::SourceRefused)
            .await;
    }
}

#[tokio::test]
async fn what_is_cheaper_to_refuse_is_refused_first() {
    let refused = |provider: Provider| provider.and_from_source(elsewhere());
    for preset in Preset::ALL {
        let closed = Receiver::start_with(preset, refused, |w| w.max_body_bytes(200)).await;
        let open = Receiver::start_with(preset, |p| p, |w| w.max_body_bytes(200)).await;
        // Wrong in every way: each answer is the next cheapest reason.
        let mut wrong = Request::post(&preset.route().replace("{token}", WRONG_TOKEN))
            .header("content-encoding", "gzip");
        let head = |request: &Request| request.head_announcing(5_000_000);
        let send = async |receiver: &Receiver, request: &Request| {
            let mut connection = Connection::open(receiver.server.address).await;
            connection.send(&head(request)).await;
            connection.response().await.unwrap().status
        };
        let by_get = wrong.clone().method("GET");
        assert_eq!(send(&closed, &by_get).await, 405);
        if preset.has_path_token() {
            assert_eq!(send(&closed, &wrong).await, 404);
            wrong = wrong.target(&preset.path());
        }
        assert_eq!(send(&closed, &wrong).await, 403);
        assert_eq!(send(&open, &wrong).await, 415);
        wrong = wrong.without("content-encoding");
        if let Some(name) = preset.signature_header() {
            assert_eq!(send(&open, &wrong).await, 401);
            wrong = wrong.header(name, preset.signature(preset.body(1)).unwrap());
        }
        assert_eq!(send(&open, &wrong).await, 413);
        closed.assert_untouched("cheap refusals").await;
        open.assert_untouched("cheap refusals").await;
    }
}
