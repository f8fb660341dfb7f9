//! Senders that add a segment to the URL that they are given.

use axum::Router;
use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::{Request, StatusCode, Uri};
use tower::ServiceExt;
use tower_webhook::{MemoryStore, PathTokens, Provider, RouterExt, Webhook};

use super::{TOKEN, list, pix, retrying};

fn provider(tokens: PathTokens) -> Provider {
    let pix = pix(retrying());
    let (name, rule) = (pix.name().clone(), pix.rule().clone());
    Provider::by_secret_path(name, tokens, rule, retrying())
}

#[tokio::test]
async fn a_token_is_found_before_the_segment_that_may_follow_it() {
    let tokens = PathTokens::parse([TOKEN])
        .unwrap()
        .or_followed_by("pix")
        .unwrap();
    let webhook = Webhook::new(provider(tokens)).store(MemoryStore::new());
    let on_pix = async |uri: Uri, OriginalUri(original): OriginalUri| {
        // Neither the token nor what followed it is handed on.
        assert_eq!(
            (uri.path(), original.path()),
            ("/webhooks/pix", "/webhooks/pix")
        );
        StatusCode::OK
    };
    let app: Router = Router::new().webhook("/webhooks/pix", webhook.build().unwrap(), on_pix);
    let wrong = TOKEN.replace('3', "4");
    for (path, status) in [
        (format!("/webhooks/pix/{TOKEN}"), 200),
        (format!("/webhooks/pix/{TOKEN}/pix"), 200),
        (format!("/webhooks/pix/{TOKEN}/other"), 404),
        (format!("/webhooks/pix/{wrong}/pix"), 404),
        ("/webhooks/pix/pix".to_owned(), 404),
    ] {
        let body = Body::from(list(["E1"]));
        let answer = app
            .clone()
            .oneshot(Request::post(&path).body(body).unwrap());
        assert_eq!(answer.await.unwrap().status().as_u16(), status, "{path}");
    }
    let error = PathTokens::parse([TOKEN])
        .unwrap()
        .or_followed_by("a/b")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"path token: no segment that can follow: "a/b""#
    );
}
