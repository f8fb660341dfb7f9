//! Adyen, standard
//! (<https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>).
//!
//! ```
//! use tower_webhook::provider::{self, adyen};
//!
//! let sender = provider::adyen(adyen::keys(["44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"])?);
//! assert_eq!(sender.name().as_str(), "adyen");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("adyen");

fn members() -> Vec<Component> {
    let pointers = [
        "/pspReference",
        "/originalReference",
        "/merchantAccountCode",
        "/merchantReference",
        "/amount/value",
        "/amount/currency",
        "/eventCode",
        "/success",
    ];
    let mut pieces = Vec::new();
    for pointer in pointers {
        if !pieces.is_empty() {
            pieces.push(Component::literal(":"));
        }
        let member = Component::member(format!("/NotificationRequestItem{pointer}"));
        pieces.push(Component::optional([member]));
    }
    pieces
}

/// Adyen, standard, proved by its signature.
///
/// - The item's `hmacSignature: <base64>` over `pspReference`, `originalReference`,
///   `merchantAccountCode`, `merchantReference`, `amount.value`, `amount.currency`, `eventCode` and
///   `success`, separated by colons, without escapes. A missing value is empty.
/// - **Nothing else in the body is covered**, and the boundaries of members are not signed: compare
///   amount and reference with your own record. The webhook builds only if a question confirms
///   events or [`Provider::without_confirmation`] is called.
/// - One event is the signed content. A delivery with more than one item, which JSON webhooks do
///   not send, is refused.
/// - It is answered `[accepted]`, which Adyen once demanded. Retries for 7 days after every answer
///   except 2xx are assumed.
pub fn adyen(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::at(Place::member(
        "/NotificationRequestItem/additionalData/hmacSignature",
    ))
    .single("", Encoding::Base64)
    .only_item("/notificationItems")
    .content(members())
    .content_is_id()
    .secrets(SecretFormat::Hex)
    .known();
    let contract = SenderContract::new(retries_for(hours(168)), RetriedStatuses::AllButSuccess)
        .waits(seconds(5))
        .redelivers_by_hand()
        .counts_as_success(SuccessAnswer::text("[accepted]"));
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!("adyen", "The HMAC keys, in hex", SecretFormat::Hex, &[]);

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "adyen",
    title: "Adyen, standard",
    proof: "HMAC-SHA256 over eight members of the item, in it; the rest of the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "adyen-python-api-library `test/UtilTest.py`; npm @adyen/api-library 32.1.0",
    assumed: "how long it waits, its retries",
    example: |secret, _| Ok(adyen(keys([secret])?)),
}];

vectors! {
    {
        of: "adyen",
        secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        body: r#"{"live":"false","notificationItems":[{"NotificationRequestItem":{"pspReference":"7914073381342284","merchantAccountCode":"TestMerchant","merchantReference":"TestPayment-1407325143704","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","eventDate":"2019-05-06T17:15:34.121+02:00","additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}}}]}"#,
        key: "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true",
    }
}
