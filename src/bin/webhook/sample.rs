//! Made-up events. Except for times, their content depends only on the id, so one id is one event.

use serde_json::{Value, json};
use tower_webhook::UnixTime;

/// An unused id in this sender's format.
pub(crate) fn fresh_id(provider: &str, number: u32) -> String {
    let now = UnixTime::now().as_micros();
    let unique = (u128::from(now) << 44)
        | (u128::from(std::process::id() & 0xff_ffff) << 20)
        | u128::from(number);
    match provider {
        "blendfi" => format!("evt_{unique:026X}"),
        "bloquo" => now.saturating_add(number.into()).to_string(),
        "blox" => format!("00000000-0000-4000-8000-{:012x}", unique & 0xffff_ffff_ffff),
        "bloque-account" => format!("did:bloque:account:virtual:acc-{unique:x}"),
        "bloque-card" => format!("tx_{unique:x}"),
        "pix" => format!("E{unique:x}"),
        "slack" => format!("Ev{unique:X}"),
        _ => format!("evt_{unique:x}"),
    }
}

/// The body of this event, which happened at this time.
pub(crate) fn body(provider: &str, id: &str, at: UnixTime, items: u32) -> Vec<u8> {
    let time = at.to_rfc3339().replace('Z', ".000Z");
    let secs = at.as_secs();
    let text = Value::from(id);
    let body = match provider {
        // Members are in the order in which the sender writes them.
        "blendfi" => format!(
            r#"{{"id":{text},"type":"conversion.completed","created_at":"{time}","api_version":"2026-05-01","data":{{"object":"conversion","id":"cnv_1","user_id":"usr_1","transaction_type":"pix_offramp","status":"completed"}}}}"#
        ),
        "bloquo" => format!(
            r#"{{"Status":"COMPLETED","OrderId":{id},"OrderType":"Deposit","E2EId":"E{id}","RequestedAmount":100.50,"TotalAmount":100.50,"FinalizedAt":"{time}"}}"#
        ),
        "blox" => format!(
            r#"{{"checkoutId":{text},"status":"COMPLETED","amount":"15000","timestamp":"{time}"}}"#
        ),
        "bloque-account" => format!(
            r#"{{"account_urn":{text},"medium":"virtual","event_type":"account.activated","event_data":{{"status":"active","settlement_status":"confirmed"}},"timestamp":"{time}"}}"#
        ),
        "bloque-card" => format!(
            r#"{{"account_urn":"did:bloque:account:card:acc-1","transaction_id":{text},"type":"authorization","direction":"debit","event":"purchase","amount":"10500000","asset":"DUSD/6","medium":"card"}}"#
        ),
        "bloque-payment" => {
            format!(r#"{{"id":{text},"type":"payment.succeeded","data":{{"id":"pay_1"}}}}"#)
        }
        "pix" => {
            let payment = |number| {
                let id = Value::from(format!("{id}-{number}"));
                format!(
                    r#"{{"endToEndId":{id},"txid":"charge{number}","valor":"100.50","horario":"{time}"}}"#
                )
            };
            let payments: Vec<_> = (1..=items).map(payment).collect();
            format!(r#"{{"pix":[{}]}}"#, payments.join(","))
        }
        "slack" => format!(
            r#"{{"token":"x","team_id":"T1","api_app_id":"A1","type":"event_callback","event_id":{text},"event_time":{secs},"event":{{"type":"app_mention","user":"U1","text":"hello","channel":"C1"}}}}"#
        ),
        "stripe" => format!(
            r#"{{"id":{text},"object":"event","created":{secs},"livemode":false,"type":"charge.succeeded","data":{{"object":{{"id":"ch_1","object":"charge","amount":1500,"currency":"brl"}}}}}}"#
        ),
        _ => json!({"id": id, "type": "test", "data": {"id": id, "amount": "100.50"}}).to_string(),
    };
    body.into_bytes()
}
