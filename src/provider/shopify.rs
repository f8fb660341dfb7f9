//! Shopify: events of a shop, signed with HMAC-SHA256
//! (<https://shopify.dev/docs/apps/build/webhooks>).
//!
//! ```
//! use http::HeaderMap;
//! use tower_webhook::UnixTime;
//! use tower_webhook::provider::{self, shopify};
//! use tower_webhook::signature::SignatureErrorKind;
//!
//! let shopify = provider::shopify(shopify::keys(["hush-hush-hush"])?);
//! let mut headers = HeaderMap::new();
//! headers.insert(
//!     "x-shopify-hmac-sha256",
//!     "biowSi5cHDVNiEWFJiAQsmHAWvwmj/6AL4xdttt04W4=".parse()?,
//! );
//!
//! let verifier = shopify.verifier().ok_or("it signs")?;
//! let body = br#"{"id":820982911946154508,"total_price":"99.00"}"#;
//! assert!(verifier.verify(&headers, body, UnixTime::now()).is_ok());
//!
//! let forged = br#"{"id":820982911946154508,"total_price":"0.99"}"#;
//! let refused = verifier.verify(&headers, forged, UnixTime::now()).unwrap_err();
//! assert_eq!(refused.kind(), SignatureErrorKind::Mismatch);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only the body is signed. Anyone who holds one captured delivery can forge `X-Shopify-Topic`,
//! `X-Shopify-Shop-Domain`, `X-Shopify-Webhook-Id` and the other headers.
//!
//! # Events without a moment of their own
//!
//! Bodies of the topics `…/delete`, `…/remove` and `inventory_levels/disconnect` name the removed
//! object and no time, so a second genuine event can equal the first in every byte: a product is
//! removed from a sales channel, added, and removed again. They are keyed on `X-Shopify-Webhook-Id`
//! together with the body. Retries keep that id. The signed body decides, never `X-Shopify-Topic`.
//! These bodies are: one with no members except `id` and `admin_graphql_api_id`, one with only an
//! inventory item and a location, the listing of a collection or a product with only its id, and
//! the body of `customers/delete`. A body with other members is keyed on its content alone,
//! whatever its topic. Those of `fulfillment_events/delete` or `discounts/delete` contain a time,
//! and those of `metaobjects/delete` or `customer_groups/delete` can't be distinguished from other
//! topics' bodies. Orders are keyed on their content too.
//!
//! **A captured delivery of these bodies runs again under another id**: nothing signed
//! distinguishes it from a genuine one. [`Provider::key_on_content_alone`] is the strict choice.
//!
//! # One URL and tenant for each topic
//!
//! Two topics can send the same body, such as `orders/create` and `orders/paid` for an order that
//! is paid at once. On one URL the second is a duplicate of the first and is never handled. Give
//! each topic its own URL and its own [`Provider::tenant`]. The URL then identifies the topic, not
//! a header that anyone can write.

use std::time::Duration;

use super::Provider;
use crate::contract::{RetriedStatuses, RetrySchedule, SenderContract};
use crate::encoding::Encoding;
use crate::error::ConfigError;
use crate::event::{EventRule, KnownShape, Name};
use crate::secret::{KeyRing, NamedSecret, SecretFormat, api_key, whsec};
use crate::signature::{Scheme, Verifier};

const NAME: Name = Name::constant("shopify");

/// Shopify, proved by its signature.
///
/// - `X-Shopify-Hmac-Sha256: <base64>` over the body alone. It covers no time, so a captured
///   delivery never becomes stale: only its record stops a replay.
/// - One event is one body, by its digest: see [the module](self) for topics that share their
///   bodies, and for those that are also keyed on `X-Shopify-Webhook-Id`.
/// - Bodies of up to 10 MiB. Shopify states no limit for HTTPS; its bodies can exceed 1 MB
///   (<https://shopify.dev/changelog/amazon-eventbridge-webhook-payload-size-limit-increased-to-1-mb>),
///   and Pub/Sub, its other way of delivery, accepts at most 10 MB.
/// - Eight retries within four hours, after every answer except 2xx, each attempt waiting 5 s. The
///   pauses grow and are not stated: at least 30 s is assumed. There is no redelivery by hand. A
///   subscription whose deliveries keep failing is removed.
pub fn shopify(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-Shopify-Hmac-Sha256")
        .or_family("Shopify-Hmac-Sha256")
        .single("", Encoding::Base64)
        .shown_id_header("X-Shopify-Webhook-Id")
        .shown_id_header("Shopify-Webhook-Id")
        .secrets(SecretFormat::Text)
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Unstated {
            interval: Duration::from_secs(30),
            horizon: Duration::from_secs(4 * 3_600),
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(Duration::from_secs(5))
    .sends_up_to(10 * 1024 * 1024);
    Provider::signed(
        NAME,
        Verifier::new(scheme, keys),
        EventRule::body().known_unsigned_id_for(&ID_HEADERS, without_moment()),
        contract,
    )
}

/// The id of a delivery, which retries keep; otherwise that of the event.
const ID_HEADERS: [&str; 4] = [
    "X-Shopify-Webhook-Id",
    "Shopify-Webhook-Id",
    "X-Shopify-Event-Id",
    "Shopify-Event-Id",
];

/// Bodies that name the deleted or removed object and contain nothing else.
fn without_moment() -> [KnownShape; 6] {
    [
        KnownShape::recognized("delete")
            .when("/id")
            .only(["id", "admin_graphql_api_id"]),
        KnownShape::recognized("inventory_levels/disconnect")
            .when("/inventory_item_id")
            .when("/location_id")
            .only(["admin_graphql_api_id", "inventory_item_id", "location_id"]),
        KnownShape::recognized("customers/delete")
            .when("/id")
            .when_there("/tax_exemptions")
            .only([
                "addresses",
                "admin_graphql_api_id",
                "email_marketing_consent",
                "id",
                "phone",
                "sms_marketing_consent",
                "tax_exemptions",
            ]),
        KnownShape::recognized("collection_listings/remove")
            .only(["collection_listing"])
            .only_in("/collection_listing", ["collection_id"]),
        KnownShape::recognized("product_listings/remove")
            .only(["product_listing"])
            .only_in("/product_listing", ["product_id"]),
        KnownShape::recognized("scheduled_product_listings/remove")
            .only(["scheduled_product_listing"])
            .only_in("/scheduled_product_listing", ["product_id"]),
    ]
}

/// The app's client secrets, named `1`, `2` and so on in their order unless they
/// [have a name](NamedSecret). The key is the text itself.
///
/// After a rotation the old secret may still sign for an hour: keep both in the ring.
///
/// # Errors
///
/// As [`KeyRing::parse`].
pub fn keys<I>(secrets: I) -> Result<KeyRing, ConfigError>
where
    I: IntoIterator,
    I::Item: NamedSecret,
{
    KeyRing::of_provider("shopify", &SecretFormat::Text, &[api_key, whsec], secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tests::receive;

    const BODY: &str = r#"{"id":820982911946154508,"total_price":"99.00"}"#;
    // printf '%s' "$BODY" | openssl dgst -sha256 -hmac hush-hush-hush -binary | openssl base64
    const MAC: &str = "biowSi5cHDVNiEWFJiAQsmHAWvwmj/6AL4xdttt04W4=";

    #[test]
    fn one_event_is_one_body_whatever_the_unsigned_headers_say() {
        let preset = || shopify(keys(["hush-hush-hush"]).unwrap());
        let deliver = |mac: &str, topic: &str, body: &str| {
            let headers = [("X-Shopify-Hmac-Sha256", mac), ("X-Shopify-Topic", topic)];
            receive(&preset(), &headers, body, 0)
        };
        let event = deliver(MAC, "orders/create", BODY).unwrap();
        // `printf '%s' "$BODY" | openssl dgst -sha256`
        assert_eq!(
            event.key.encoded(),
            "shopify:sha256:748e2b8133df5da6962197cb687a35710375acb8e25554db0a8e276bb89a3307"
        );
        assert_eq!(deliver(MAC, "orders/paid", BODY), Ok(event));
        assert!(deliver(MAC, "orders/create", "{}").is_err());
        // The same bytes in another encoding.
        let hex = "6e2a304a2e5c1c354d884585262010b261c05afc268ffe802f8c5db6db74e16e";
        assert!(deliver(hex, "orders/create", BODY).is_err());
        assert!(deliver(MAC.trim_end_matches('='), "orders/create", BODY).is_err());
    }
}
