//! Contentful, signed requests
//! (<https://www.contentful.com/developers/docs/extensibility/app-framework/request-verification/>).
//!
//! ```
//! use tower_webhook::provider::{self, contentful};
//!
//! let sender = provider::contentful(contentful::keys(["5hG7kQ2mW9xZ4tB8vN3c5hG7kQ2mW9xZ4tB8vN3c5hG7kQ2mW9xZ4tB8vN3cq1Zr"])?);
//! assert_eq!(sender.name().as_str(), "contentful");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("contentful");

/// Contentful, proved by the signature of the request.
///
/// - `x-contentful-signature: <hex>`, HMAC-SHA256 over four lines: the method; path and query, escaped twice; the
///   headers that `x-contentful-signed-headers` lists; the body. Register the URL with the path that arrives here:
///   a proxy that shortens it breaks the signature. In the query, text after a second `?` is not signed.
/// - `x-contentful-timestamp` is in milliseconds. Five minutes of tolerance; Contentful's own code
///   uses 30 s, and sets no bound ahead.
/// - One event is one body, by its digest: the body contains a version, and `X-Contentful-Topic` is
///   signed only if it is listed.
/// - Retries for an hour after 5xx are assumed.
pub fn contentful(keys: impl Into<KeyRing>) -> Provider {
    let line = || Component::literal("\n");
    let scheme = Scheme::builder("x-contentful-signature")
        .single("", Encoding::Hex)
        .timestamp_at(
            Place::header("x-contentful-timestamp"),
            TimeFormat::Milliseconds,
        )
        .content([
            Component::Method,
            line(),
            Component::EscapedTarget,
            line(),
            Component::headers_listed_in("x-contentful-signed-headers"),
            line(),
            Component::Body,
        ])
        .known();
    let contract = SenderContract::new(retries_for(hours(1)), server_errors());
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "contentful",
    "The app's or the space's signing secrets, of 64 letters and digits"
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "contentful",
    title: "Contentful, signed requests",
    proof: "HMAC-SHA256 over method, path and query, listed headers and body in `x-contentful-signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm @contentful/node-apps-toolkit 3.16.1 `lib/requests`, which signs and verifies alike",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(contentful(keys([secret])?)),
}];

vectors! {
    {
        of: "contentful",
        secret: "CONTENTFUL0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ01234567",
        url: "https://hooks.example/in?tenant=7",
        uri: "/in?tenant=7",
        headers: &[
            ("content-type", "application/vnd.contentful.management.v1+json; charset=utf-8"),
            ("x-contentful-topic", "ContentManagement.Entry.publish"),
            ("x-contentful-signed-headers", "content-type,x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic"),
            ("x-contentful-timestamp", "1777899600123"),
            ("x-contentful-signature", "518988df5dcfad40f007596dfeb1e69d93b6148c5dab540575ef27221a100ea3"),
        ],
        body: r#"{"metadata":{"tags":[]},"fields":{"title":{"en-US":"Hello"}},"sys":{"type":"Entry","id":"5KsDBWseXY6QegucYAoacS","space":{"sys":{"type":"Link","linkType":"Space","id":"cfexampleapi"}},"createdAt":"2026-05-04T12:59:00.000Z","updatedAt":"2026-05-04T13:00:00.000Z","publishedVersion":4,"revision":2}}"#,
        key: "sha256:53717f9276e02f56e1910e9e3a09a407761dc98c5c37c9fc30dc88479f0817fb",
    }
}
