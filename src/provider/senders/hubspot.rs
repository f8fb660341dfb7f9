//! HubSpot
//! (<https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>).
//!
//! HubSpot's documentation first decodes twelve percent escapes of the URL, `%40` and `%2F` among
//! them. Its own code does not (npm @hubspot/api-client 13.5.0, PyPI hubspot-api-client 12.0.0),
//! and neither does this crate: register a URL without them.
//!
//! ```
//! use tower_webhook::provider::{self, hubspot};
//! use tower_webhook::signature::PublicUrl;
//!
//! let url = PublicUrl::parse("https://hooks.example/in/hubspot")?;
//! let sender = provider::hubspot(hubspot::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?, url);
//! assert_eq!(sender.name().as_str(), "hubspot");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("hubspot");

fn no_v3() -> Component {
    Component::Demand(Demand::NoHeader("X-HubSpot-Signature-v3".into()))
}

fn version(version: &'static str) -> Component {
    Component::Demand(Demand::HeaderIs(
        "X-HubSpot-Signature-Version".into(),
        version.into(),
    ))
}

/// The parts that all versions share.
fn sender(verifier: Verifier) -> Provider {
    let item = by_members(["/eventId", "/subscriptionId", "/occurredAt"]);
    let contract = SenderContract::new(retries_for(hours(72)), server_errors()).waits(seconds(5));
    Provider::signed(NAME, verifier, each("", item), contract)
}

/// HubSpot, v3, proved by its signature.
///
/// - `X-HubSpot-Signature-v3: <base64>` over method, public URL with the query as it arrives, body
///   and the milliseconds of `X-HubSpot-Request-Timestamp`; five minutes of tolerance. The body
///   must be JSON that begins and ends with a bracket, since nothing separates it from the time.
/// - Each item of the array, of which there are up to 100, is one event, by its `eventId`,
///   `subscriptionId` and `occurredAt`: `eventId` alone is not documented as unique.
/// - A workflow sends an object, which is one event by its digest. A workflow's `GET` has no body,
///   so nothing distinguishes its events: it is refused.
/// - A workflow retries for up to three days
///   (<https://knowledge.hubspot.com/workflows/how-do-i-use-webhooks-with-hubspot-workflows>); the
///   same for other deliveries, after 5xx, and 5 s to answer, are assumed.
pub fn hubspot(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("X-HubSpot-Signature-v3")
        .single("", Encoding::Base64)
        .timestamp_at(
            Place::header("X-HubSpot-Request-Timestamp"),
            TimeFormat::Milliseconds,
        )
        .content([
            Component::Method,
            Component::RequestUrl,
            Component::Body,
            Component::Timestamp,
        ])
        .public_url(url)
        .known();
    sender(Verifier::new(scheme, keys))
}

/// HubSpot, v2, proved by its signature.
///
/// - A plain hash that begins with the secret, for cards and workflow actions. A delivery that also
///   has a v3 signature is refused: use [`hubspot()`] for it.
/// - Each item of the array, of which there are up to 100, is one event, by its `eventId`,
///   `subscriptionId` and `occurredAt`: `eventId` alone is not documented as unique.
///
/// ```
/// use tower_webhook::provider::{self, hubspot};
/// use tower_webhook::signature::PublicUrl;
///
/// let keys = hubspot::keys(["the-client-secret-of-the-app"])?;
/// let url = PublicUrl::parse("https://example.com/hooks/hubspot")?;
/// let provider = provider::hubspot_v2(keys, url);
/// # drop(provider);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub fn hubspot_v2(keys: impl Into<KeyRing>, url: PublicUrl) -> Provider {
    let scheme = Scheme::builder("X-HubSpot-Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hash(Digest::Sha256))
        .content([
            no_v3(),
            version("v2"),
            Component::Secret,
            Component::Method,
            Component::RequestUrl,
            Component::Body,
        ])
        .public_url(url)
        .known();
    sender(Verifier::new(scheme, keys))
}

/// HubSpot, v1, proved by its signature.
///
/// - A plain hash that begins with the secret. A delivery that also has a v3 signature is refused:
///   use [`hubspot()`] for it.
/// - Each item of the array, of which there are up to 100, is one event, by its `eventId`,
///   `subscriptionId` and `occurredAt`: `eventId` alone is not documented as unique.
///
/// ```
/// use tower_webhook::provider::{self, hubspot};
///
/// let keys = hubspot::keys(["the-client-secret-of-the-app"])?;
/// let provider = provider::hubspot_v1(keys);
/// # drop(provider);
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
pub fn hubspot_v1(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-HubSpot-Signature")
        .single("", Encoding::Hex)
        .algorithm(Algorithm::Hash(Digest::Sha256))
        .content([no_v3(), version("v1"), Component::Secret, Component::Body])
        .known();
    sender(Verifier::new(scheme, keys))
}

keys!("hubspot", "The app's client secrets");

pub(super) const FACTS: &[SenderFacts] = &[
    SenderFacts {
        name: "hubspot",
        title: "HubSpot, v3",
        proof: "HMAC-SHA256 over `{method}{url}{body}{time}` in `X-HubSpot-Signature-v3`",
        event: "each item, by `eventId`, `subscriptionId`, `occurredAt`",
        challenge: "none",
        confidence: Confidence::Code,
        source: "npm @hubspot/api-client 13.5.0",
        assumed: "how long it waits, its retries",
        example: |secret, url| Ok(hubspot(keys([secret])?, url.clone())),
    },
    SenderFacts {
        name: "hubspot_v2",
        title: "HubSpot, v2",
        proof: "SHA-256 of `{secret}{method}{url}{body}` in `X-HubSpot-Signature`",
        event: "each item, by `eventId`, `subscriptionId`, `occurredAt`",
        challenge: "none",
        confidence: Confidence::Code,
        source: "npm @hubspot/api-client 13.5.0",
        assumed: "how long it waits, its retries",
        example: |secret, url| Ok(hubspot_v2(keys([secret])?, url.clone())),
    },
    SenderFacts {
        name: "hubspot_v1",
        title: "HubSpot, v1",
        proof: "SHA-256 of `{secret}{body}` in `X-HubSpot-Signature`",
        event: "each item, by `eventId`, `subscriptionId`, `occurredAt`",
        challenge: "none",
        confidence: Confidence::Code,
        source: "npm @hubspot/api-client 13.5.0",
        assumed: "how long it waits, its retries",
        example: |secret, _| Ok(hubspot_v1(keys([secret])?)),
    },
];

vectors! {
    {
        of: "hubspot",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hubspot-signature-v3", "Hug5c+gYF9sJ8M6zgHse1gzV/aHayoCji3T7iY596kc="), ("x-hubspot-request-timestamp", "1777899600000")],
        body: r#"[{"eventId":100,"subscriptionId":50,"portalId":62515,"appId":1160452,"occurredAt":1777899600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123}]"#,
        key: "100:50:1777899600000",
    }
    {
        of: "hubspot_v2",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hubspot-signature", "eb961874e96b74072fe9a8bd385cdb0dbd192eaabd80538b05896614636c97e7"), ("x-hubspot-signature-version", "v2")],
        body: r#"[{"eventId":100,"subscriptionId":50,"portalId":62515,"appId":1160452,"occurredAt":1777899600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123}]"#,
        key: "100:50:1777899600000",
    }
    {
        of: "hubspot_v1",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-hubspot-signature", "d1b3827e01c55eae712bb2f4c51aa1f8b82d7b7dab9c730a9132bd7a3a413a64"), ("x-hubspot-signature-version", "v1")],
        body: r#"[{"eventId":100,"subscriptionId":50,"portalId":62515,"appId":1160452,"occurredAt":1777899600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123}]"#,
        key: "100:50:1777899600000",
    }
}
