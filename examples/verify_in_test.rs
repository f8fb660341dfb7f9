//! Tests a webhook without a server: the verifier alone, and a handler within its layer.
//!
//! `cargo run --example verify_in_test`, or copy the two functions below into your tests. The
//! signature was made with `printf '%s.%s' "$T" "$BODY" | openssl dgst -sha256 -hmac "$SECRET"`.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use tower::ServiceExt;
use tower_webhook::provider::{self, blendfi};
use tower_webhook::signature::SignatureErrorKind;
use tower_webhook::{Event, ManualClock, MemoryStore, UnixTime, Webhook};

const SECRET: &str = "whsec_test_9f8e7d6c5b4a";
const SIGNED_AT: UnixTime = UnixTime::from_secs(1_777_899_600);
const BODY: &str =
    r#"{"id":"evt_1","type":"user.kyc_approved","created_at":"2026-05-04T13:00:00Z","data":{}}"#;
const SIGNATURE: &str =
    "t=1777899600,v1=8f632700b26a730ce3336878aa995ddd9aacdf16f66935ae53361c3c47f787e2";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    verify_alone()?;
    handle_behind_the_layer().await?;
    println!("both held");
    Ok(())
}

/// Without a server, async or a clock: headers, bytes and a time.
fn verify_alone() -> Result<(), Box<dyn std::error::Error>> {
    let blendfi = provider::blendfi(blendfi::keys([SECRET])?);
    let verifier = blendfi.verifier().ok_or("BlendFi signs")?;
    let mut headers = HeaderMap::new();
    headers.insert("x-blendfi-signature", SIGNATURE.parse()?);

    let verified = verifier.verify(&headers, BODY.as_bytes(), SIGNED_AT)?;
    assert_eq!(verified.signed_at(), Some(SIGNED_AT));

    let refused = verifier.verify(&headers, b"{}", SIGNED_AT);
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(SignatureErrorKind::Mismatch)
    );
    Ok(())
}

/// The handler as in production, with a clock that does not move.
async fn handle_behind_the_layer() -> Result<(), Box<dyn std::error::Error>> {
    async fn on_event(event: Event<blendfi::Payload>) -> StatusCode {
        assert_eq!(event.id, "evt_1");
        StatusCode::NO_CONTENT
    }

    let webhook = Webhook::new(provider::blendfi(blendfi::keys([SECRET])?))
        .store(MemoryStore::new())
        .clock(ManualClock::new(SIGNED_AT));
    let app: Router = Router::new().route("/", post(on_event).layer(webhook.build()?));
    let deliver = |body: &'static str| {
        let request = Request::post("/").header("x-blendfi-signature", SIGNATURE);
        app.clone()
            .oneshot(request.body(Body::from(body)).unwrap_or_default())
    };

    assert_eq!(deliver(BODY).await?.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        deliver(BODY).await?.headers()["idempotent-replayed"],
        "true"
    );
    assert_eq!(deliver("{}").await?.status(), StatusCode::UNAUTHORIZED);
    Ok(())
}
