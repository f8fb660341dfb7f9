//! Mercado Pago
//! (<https://www.mercadopago.com.br/developers/en/docs/your-integrations/notifications/webhooks>).
//!
//! ```
//! use tower_webhook::provider::{self, mercado_pago};
//!
//! let sender = provider::mercado_pago(mercado_pago::keys(["5hG7kQ2mW9xZ4tB8vN3c"])?);
//! assert_eq!(sender.name().as_str(), "mercado-pago");
//! # Ok::<(), tower_webhook::ConfigError>(())
//! ```

use super::prelude::*;

const NAME: Name = Name::constant("mercado-pago");

fn manifest(data_id: Component) -> [Component; 4] {
    let part = |name: &'static str, value: Component| {
        Component::optional([Component::literal(name), value, Component::literal(";")])
    };
    [
        part("id:", data_id),
        part("request-id:", Component::header("x-request-id")),
        Component::literal("ts:"),
        Component::Timestamp,
    ]
}

fn content(data_id: Component) -> Vec<Component> {
    let mut pieces = manifest(data_id).to_vec();
    pieces.push(Component::literal(";"));
    pieces
}

/// Mercado Pago, proved by its signature.
///
/// - `x-signature: ts=<time>,v1=<hex>` over `id:{data.id};request-id:{x-request-id};ts:{time};`. A
///   part is omitted if its value is missing. `data.id` is the parameter of the URL, as it arrives
///   or in lower case: Mercado Pago's documentation and code disagree. The time is in seconds or
///   milliseconds, because it has sent both.
/// - **The body is not covered**: fetch the object that `data.id` names and trust only that. The
///   webhook builds only if a question confirms events or [`Provider::without_confirmation`] is
///   called.
/// - One event is the signed content: an attempt that is signed anew runs again, which is harmless
///   with a fetch.
/// - The tolerance is a day, the longest possible, because it states none and may not sign its
///   retries anew. Retries for 7 days after every answer except 200 and 201 are assumed.
///   Notifications of QR codes are not signed, and are refused.
pub fn mercado_pago(keys: impl Into<KeyRing>) -> Provider {
    let scheme = Scheme::builder("x-signature")
        .pairs("ts", "v1", Encoding::Hex)
        .time_format(TimeFormat::SecondsOrMilliseconds)
        .content(content(Component::parameter("data.id")))
        .or_content(content(Component::parameter("data.id").lower_case()))
        .content_is_id()
        .tolerance(tolerance(86_400))
        .known();
    let contract = SenderContract::new(retries_for(hours(168)), server_errors())
        .waits(seconds(5))
        .counts_as_success(SuccessAnswer::exactly(200));
    signed(NAME, scheme, keys, EventRule::signed_id(), contract)
}

keys!("mercado-pago", "The application's secret signatures");

pub(super) const FACTS: &[SenderFacts] = &[SenderFacts {
    name: "mercado_pago",
    title: "Mercado Pago",
    proof: "HMAC-SHA256 over `data.id`, `x-request-id` and time in `x-signature`; the body is not covered",
    event: "what is signed",
    challenge: "none",
    confidence: Confidence::Code,
    source: "npm mercadopago 3.6.1 `utils/webhook`; sdk-nodejs and its spec",
    assumed: "the window, how long it waits, its retries",
    example: |secret, _| Ok(mercado_pago(keys([secret])?)),
}];

vectors! {
    {
        of: "mercado_pago",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        uri: "/in?data.id=999999999&type=payment",
        headers: &[("x-request-id", "bb56a2f1-6aae-46ac-982e-9dcd3581d08e"), ("x-signature", "ts=1777899600,v1=7e693496f13cc4074625a0c46d5b1f0fcf6bce87ffcc33de2bf603214c26939c")],
        body: r#"{"id":123456789,"type":"payment","action":"payment.updated","date_created":"2026-05-04T13:00:00Z","live_mode":true,"data":{"id":"999999999"}}"#,
        key: "id:999999999;request-id:bb56a2f1-6aae-46ac-982e-9dcd3581d08e;ts:1777899600;",
    }
    {
        of: "mercado_pago",
        secret: "5hG7kQ2mW9xZ4tB8vN3c",
        uri: "/in?data.id=ABC123&type=order",
        headers: &[("x-request-id", "bb56a2f1-6aae-46ac-982e-9dcd3581d08e"), ("x-signature", "ts=1777899600000,v1=042353e00ca464ba0dc6a9fa05b2597f2c9a06d370793c2cf68d431645b301ee")],
        body: r#"{"id":123456789,"type":"payment","action":"payment.updated","date_created":"2026-05-04T13:00:00Z","live_mode":true,"data":{"id":"999999999"}}"#,
        key: "id:abc123;request-id:bb56a2f1-6aae-46ac-982e-9dcd3581d08e;ts:1777899600000;",
    }
}
