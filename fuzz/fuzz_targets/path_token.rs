//! Secret paths: tokens are taken by their grammar, only they match, and the layer hands on the
//! same URI without its last segment, by plain text surgery.
//!
//! The input is text: the tokens on one line, then the URI on the next.
#![no_main]

use std::sync::OnceLock;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt, service_fn};
use tower_webhook::layer::{EndpointConfig, RequireSecretPathLayer};
use tower_webhook::{Name, PathTokens, RetriedStatuses, RetrySchedule, SenderContract};

const PREFIX: &str = "/hooks/a";

fn right(token: &str) -> bool {
    (8..=256).contains(&token.len())
        && token
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
        && token.chars().any(|c| c != '.')
}

/// What the inner service sees, if the request gets there.
fn model(uri: &Uri, tokens: &[&str], prefix: Option<&str>) -> Option<String> {
    let path = uri.path();
    if let Some(prefix) = prefix
        && path != prefix
        && !path.starts_with(&format!("{prefix}/"))
    {
        return Some(uri.to_string());
    }
    let at = path.rfind('/').filter(|_| path.starts_with('/'))?;
    let (head, token) = (&path[..at], &path[at + 1..]);
    let head = if head.is_empty() { "/" } else { head };
    if !tokens.contains(&token) || prefix.is_some_and(|prefix| prefix != head) {
        return None;
    }
    let mut text = String::new();
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        text.push_str(&format!("{scheme}://{authority}"));
    }
    text.push_str(head);
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    Some(text)
}

fn seen(layer: &RequireSecretPathLayer, uri: &Uri) -> Option<String> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Builder::new_current_thread().enable_time().build().unwrap());
    let service = layer.layer(service_fn(|request: Request<Full<Bytes>>| async move {
        let uri = request.uri().to_string();
        Ok::<_, std::convert::Infallible>(
            Response::builder()
                .header("uri", uri)
                .body(Full::<Bytes>::default())
                .unwrap(),
        )
    }));
    let request = Request::post(uri.clone()).body(Full::default()).unwrap();
    let response = runtime.block_on(service.oneshot(request)).unwrap();
    let uri = response
        .headers()
        .get("uri")
        .map(|uri| String::from_utf8(uri.as_bytes().to_vec()).unwrap());
    if uri.is_none() {
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
    uri
}

fuzz_target!(|input: &[u8]| {
    let (tokens, uri) = match input.iter().position(|b| *b == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, b"/hooks/a/3f9d1c0b7a5e".as_slice()),
    };
    let Ok(tokens) = std::str::from_utf8(tokens) else {
        return;
    };
    let tokens: Vec<&str> = tokens.split(' ').collect();
    let parsed = PathTokens::parse(&tokens);
    let fits = tokens.len() <= 8 && tokens.iter().all(|token| right(token));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        // What looks like nobody has filled it in is refused besides.
        Err(error) => {
            assert!(
                !fits || error.to_string().contains("placeholder"),
                "{tokens:?}"
            );
            return;
        }
    };
    assert!(fits, "{tokens:?}");
    let candidate = uri.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let known = tokens.iter().any(|token| token.as_bytes() == candidate);
    assert_eq!(parsed.matches(candidate), known);

    let Ok(uri) = Uri::try_from(uri) else { return };
    let profile = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
    let endpoint = EndpointConfig::new(Name::new("acme").unwrap(), profile);
    let layer = RequireSecretPathLayer::new(&endpoint, parsed);
    assert_eq!(seen(&layer, &uri), model(&uri, &tokens, None), "{uri:?}");
    let layer = layer.mounted_at(PREFIX).unwrap();
    assert_eq!(
        seen(&layer, &uri),
        model(&uri, &tokens, Some(PREFIX)),
        "{uri:?}"
    );
});
