//! Box, V2 (<https://developer.box.com/guides/webhooks/v2/signatures-v2>).
//!
//! ```
//! use tower_webhook::provider::{self, box_v2};
//!
//! let sender = provider::box_v2(box_v2::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "box");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("box");

/// Box, V2, proved by its signature.
///
/// - A signature by either of the two keys is enough: put both into the ring. It covers the body
///   followed by the time of `BOX-DELIVERY-TIMESTAMP`. Ten minutes of tolerance in both directions:
///   Box's own code allows none ahead, and so refuses deliveries if the receiver's clock is a
///   second late.
/// - The body must be JSON that begins and ends with a bracket, since nothing separates it from the
///   time. Box escapes non-ASCII text; a proxy that serializes the JSON again breaks the signature.
/// - One event is one `id`; `BOX-DELIVERY-ID` changes from one attempt to the next.
/// - It retries up to 12 times in 2 h, after every answer except 2xx, and waits 30 s.
pub fn box_v2(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("BOX-SIGNATURE-PRIMARY")
        .or_at(Place::header("BOX-SIGNATURE-SECONDARY"))
        .single("", Encoding::Base64)
        .timestamp_at(Place::header("BOX-DELIVERY-TIMESTAMP"), TimeFormat::Rfc3339)
        .content([
            Component::Demand(Demand::HeaderIs("BOX-SIGNATURE-VERSION".into(), "1".into())),
            Component::Demand(Demand::HeaderIs(
                "BOX-SIGNATURE-ALGORITHM".into(),
                "HmacSHA256".into(),
            )),
            Component::Body,
            Component::Timestamp,
        ])
        .tolerance(tolerance(600))
        .shown_id_header("BOX-DELIVERY-ID")
        .known();
    let contract = SenderContract::new(
        RetrySchedule::Unstated {
            interval: seconds(60),
            horizon: hours(2),
        },
        RetriedStatuses::AllButSuccess,
    )
    .waits(seconds(30));
    signed(NAME, scheme, keys, by_id("/id"), contract)
}

keys!("box", "The primary and the secondary key");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "box_v2",
    title: "Box, V2",
    proof: "HMAC-SHA256 over `{body}{time}` in `BOX-SIGNATURE-PRIMARY` or `-SECONDARY`",
    event: "`id`",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm box-node-sdk 10.12.0, whose published vectors hold",
    assumed: "nothing",
    example: |secret, _| Ok(box_v2(keys([secret])?)),
}];

vectors! {
    {
        of: "box_v2",
        secret: "SamplePrimaryKey",
        headers: &[("box-delivery-timestamp", "2020-01-01T00:00:00-07:00"), ("box-signature-version", "1"), ("box-signature-algorithm", "HmacSHA256"), ("box-signature-primary", "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI="), ("box-signature-secondary", "v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=")],
        body: r#"{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}"#,
        now: 1577862000,
        key: "unknown:event:sha256:02e30aedd935a21940d21675866e453627d976d2cba69d224fa3810f4cb65b70",
    }
}
