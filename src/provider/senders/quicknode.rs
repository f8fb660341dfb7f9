//! QuickNode Streams
//! (<https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages>).
//!
//! ```
//! use tower_webhook::provider::{self, quicknode};
//!
//! let sender = provider::quicknode(quicknode::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "quicknode");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("quicknode");

/// QuickNode Streams, proved by its signature.
///
/// - `X-QN-Signature: <hex>`, HMAC-SHA256 over `{nonce}{time}{body}` without separators. The time in
///   `X-QN-Timestamp` must therefore have ten digits, and the body must begin with the first bracket.
/// - A stream with compression signs the content and sends it with gzip, which is accepted with the
///   feature `gzip`.
/// - Five minutes of tolerance are assumed.
/// - One event is one body, by its digest: each attempt has another nonce.
/// - The number of retries is set for each stream: a day is assumed, after every answer except 2xx.
pub fn quicknode(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("X-QN-Signature")
        .single("", Encoding::Hex)
        .timestamp_header("X-QN-Timestamp")
        .content([
            Component::header("X-QN-Nonce"),
            Component::Timestamp.of_length(10),
            Component::Body,
        ])
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess);
    #[cfg(feature = "gzip")]
    let contract = contract.gzip(SignedForm::Decoded);
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!("quicknode", "The streams' security tokens");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "quicknode",
    title: "QuickNode Streams",
    proof: "HMAC-SHA256 over `{nonce}{time}{body}` in `X-QN-Signature`",
    event: "the body, by its digest",
    challenge: "none",
    confidence: Confidence::Documents,
    source: "quicknode.com guide on validating Streams messages; quiknode-labs/streams-webhook-validate-signature",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(quicknode(keys([secret])?)),
}];

vectors! {
    {
        of: "quicknode",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-qn-nonce", "c0ffee-7f1c2d3e"), ("x-qn-timestamp", "1777899600"), ("x-qn-signature", "7493f9d24d9859e671b62e9ed0f85decfced657a7636d58a8388c416b32cb738")],
        body: r#"[{"hash":"0x5f","number":"0x1388","transactions":[]}]"#,
        key: "sha256:6950c1dec2b9c69201f98a5ff02df517ec8e9c3ebac53872d39986f27b0361c7",
    }
}
