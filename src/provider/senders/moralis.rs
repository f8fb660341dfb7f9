//! Moralis Streams (<https://docs.moralis.com/streams-api/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, moralis};
//!
//! let sender = provider::moralis(moralis::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "moralis");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("moralis");

/// Moralis Streams, proved by a hash that includes its secret.
///
/// - `x-signature: 0x<hex>`, Keccak-256 of `{body}{secret}`, in the variant of Ethereum. It is not a MAC, but its
///   sponge construction prevents an extension of the content. It covers no time, so only its record stops a replay.
/// - Moralis' own code signs the JSON after serializing it again; here the received body is used unchanged.
/// - One event is one body, by its digest: each block arrives twice, the second time as `confirmed`. The body
///   contains the number of earlier attempts, so a repeated delivery of a handled event runs again.
/// - Retries for a day after every answer except 2xx are assumed; it can send again by hand.
pub fn moralis(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-signature")
        .single("0x", Encoding::Hex)
        .algorithm(Algorithm::Hash(Digest::Keccak256))
        .content([Component::Body, Component::Secret])
        .known();
    let contract = SenderContract::new(retries_for(hours(24)), RetriedStatuses::AllButSuccess)
        .redelivers_by_hand();
    signed(NAME, scheme, keys, EventRule::body(), contract)
}

keys!(
    "moralis",
    "The streams' secrets, or the API keys of accounts that have none"
);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "moralis",
    title: "Moralis Streams",
    proof: "Keccak-256 of `{body}{secret}` in `x-signature`",
    event: "the body, by its digest",
    challenge: "a POST of empty values, signed: answered by the handler like any other",
    confidence: Confidence::Code,
    source: "npm @moralisweb3/streams 2.27.2 `VerifySignature`, which made the vector",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(moralis(keys([secret])?)),
}];

vectors! {
    {
        of: "moralis",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        headers: &[("x-signature", "0x333287b0ade513d7623405800f3dd1c5673bfffb1f4b39b0c9ae5162f7e54c4b")],
        body: r#"{"confirmed":true,"chainId":"0x1","abi":[],"streamId":"c28d9e2e-ae9d-4fe6-9fc0-5fcde2dcdd17","tag":"demo","retries":0,"block":{"number":"15988759","hash":"0x3aa07bd98e328db97ec273ce06b3a15fc645931fbd26337fa20c48b274277f76","timestamp":"1668676247"},"logs":[],"txs":[],"txsInternal":[]}"#,
        key: "sha256:f250fac09cead0b82c365571f3529aa6265e7357a0a9c61a44d82de7a57d9a67",
    }
}
