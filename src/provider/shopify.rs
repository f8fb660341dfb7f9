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
//! Nothing but the body is signed. `X-Shopify-Topic`, `X-Shopify-Shop-Domain`,
//! `X-Shopify-Webhook-Id` and the others can be made up by whoever holds one captured delivery.
//!
//! # Events without a moment of their own
//!
//! Bodies of the topics `…/delete`, `…/remove` and `inventory_levels/disconnect` name what is gone and
//! no time, so that a second true event agrees with the first in every byte: a product is removed from
//! a sales channel, added, and removed again. They are told apart by `X-Shopify-Webhook-Id` together
//! with the body. Retries keep that id. What counts is the signed body, never `X-Shopify-Topic`: a body
//! with no members but `id` and `admin_graphql_api_id`, an inventory item and a location and nothing
//! else, the listing of a collection or a product with nothing but its id, and what `customers/delete`
//! sends. A body with other members is keyed on its content alone, whatever its topic: those of
//! `fulfillment_events/delete` or `discounts/delete` hold a time, and those of `metaobjects/delete` or
//! `customer_groups/delete` can't be told from other topics'. So are orders.
//!
//! **A captured delivery of these bodies runs again under another id**: nothing that is signed tells
//! it from a true one. [`Provider::key_on_content_alone`] is the strict choice.
//!
//! # One URL and tenant for each topic
//!
//! Two topics can send one and the same body, such as `orders/create` and `orders/paid` of an order
//! that is paid at once. On one URL the second is taken for a duplicate of the first and never handled.
//! Give each topic a URL of its own, and each of these a [`Provider::tenant`]: then a topic is also
//! known by the URL it came to, not by a header that anyone can write.

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
///   delivery never grows stale: only its record stops a replay.
/// - One event is one body, by its digest: see [the module](self) for topics that share theirs, and
///   for those that are told apart by `X-Shopify-Webhook-Id` too.
/// - Bodies of up to 10 MiB. Shopify states no limit for HTTPS; what it sends passes 1 MB
///   (<https://shopify.dev/changelog/amazon-eventbridge-webhook-payload-size-limit-increased-to-1-mb>),
///   and 10 MB are the most that Pub/Sub, its other way of delivery, takes.
/// - Eight retries within four hours, after every answer but 2xx, each attempt waiting 5 s. The
///   waits grow and are not stated: at least 30 s are assumed. There is no redelivery by hand. A
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

/// The id of a delivery, which retries keep; else that of the event.
const ID_HEADERS: [&str; 4] = [
    "X-Shopify-Webhook-Id",
    "Shopify-Webhook-Id",
    "X-Shopify-Event-Id",
    "Shopify-Event-Id",
];

/// Bodies that name what was deleted or removed and say nothing else.
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
/// [bring a name](NamedSecret). The key is the text itself.
/// After a rotation the old one can go on signing for an hour: keep both in the ring.
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
        // The same bytes in another spelling.
        let hex = "6e2a304a2e5c1c354d884585262010b261c05afc268ffe802f8c5db6db74e16e";
        assert!(deliver(hex, "orders/create", BODY).is_err());
        assert!(deliver(MAC.trim_end_matches('='), "orders/create", BODY).is_err());
    }
}
