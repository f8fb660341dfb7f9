//! The startup message: the settings, and how to try the receiver.

use std::net::SocketAddr;

use crate::settings::{DEVELOPMENT_SECRET, DEVELOPMENT_TOKEN, Settings};
use crate::store::Kept;

/// Prints the settings and a `curl` line for each provider. Configured secrets are shown by the
/// name of their variable, development secrets in full.
pub(crate) fn print_welcome(settings: &Settings, address: SocketAddr, kept: &Kept, words: &str) {
    let shown = |name: &'static str, development: &str| {
        if std::env::var(name).is_ok() {
            format!("\"${{{name}%%,*}}\"")
        } else {
            format!("'{development}'")
        }
    };
    // A secret's name precedes a colon and is not part of the secret.
    let secret = |name| {
        let is_named = |text: String| text.split(',').next().is_some_and(|it| it.contains(':'));
        match std::env::var(name).is_ok_and(is_named) {
            true => format!("\"$(printf %s \"${{{name}%%,*}}\" | cut -d: -f2-)\""),
            false => shown(name, DEVELOPMENT_SECRET),
        }
    };
    let blendfi = secret("BLENDFI_WEBHOOK_SECRETS");
    let payments = secret("BLOQUE_PAYMENTS_SECRETS");
    let blox = shown("BLOX_PATH_TOKENS", DEVELOPMENT_TOKEN);
    let accounts = shown("BLOQUE_PATH_TOKENS", DEVELOPMENT_TOKEN);
    let Settings {
        handler_delay,
        handler_fail_first,
        max_body_bytes,
        bloquo_sources,
        worker_concurrency,
        ..
    } = settings;
    let worker = match (kept, worker_concurrency) {
        (Kept::Store(_), _) => String::new(),
        (Kept::Inbox(_), 0) => {
            "WORKER_CONCURRENCY       0: `cargo run --example worker` runs the handlers\n"
                .to_owned()
        }
        (Kept::Inbox(_), number) => format!("WORKER_CONCURRENCY       {number}\n"),
    };
    println!(
        r#"listening on http://{address}
{words}

BLENDFI_WEBHOOK_SECRETS  {blendfi}
BLOQUO_ALLOWED_SOURCES   {bloquo_sources}
BLOX_PATH_TOKENS         {blox}
BLOQUE_PATH_TOKENS       {accounts}
BLOQUE_PAYMENTS_SECRETS  {payments}
HANDLER_DELAY_MS         {delay}
HANDLER_FAIL_FIRST       {handler_fail_first}
MAX_BODY_BYTES           {max_body_bytes}
{worker}
BlendFi:
  t=$(date +%s); body='{{"id":"evt_01HXEXAMPLE","type":"conversion.completed","created_at":"'$(date -u +%FT%TZ)'","data":{{"object":"conversion","id":"cnv_1","status":"completed"}}}}'; curl -i http://{address}/webhooks/blendfi -H 'content-type: application/json' -H 'x-blendfi-event-id: evt_01HXEXAMPLE' -H "x-blendfi-signature: t=$t,v1=$(printf '%s.%s' $t "$body" | openssl dgst -sha256 -hmac {blendfi} -r | cut -d' ' -f1)" --data-binary "$body"

Bloquo:
  curl -i http://{address}/webhooks/bloquo -H 'content-type: application/json' --data-binary '{{"OrderId":1042,"Status":"COMPLETED","OrderType":"Deposit","RequestedAmount":100.50,"TotalAmount":100.50}}'

BLOX:
  curl -i http://{address}/webhooks/blox/{blox} -H 'content-type: application/json' --data-binary '{{"checkoutId":"8f14e45f-ceea-467f-a830-5e3e3c7e2b8a","status":"COMPLETED","amount":"15000","timestamp":"'$(date -u +%FT%TZ)'"}}'

Bloque, accounts and cards:
  curl -i http://{address}/webhooks/bloque/accounts/{accounts} -H 'content-type: application/json' --data-binary '{{"type":"authorization","event":"purchase","transaction_id":"tx_1","direction":"debit","amount":"10500000","asset":"DUSD/6"}}'

Bloque, payments:
  body='{{"id":"evt_1","type":"payment.succeeded","data":{{"id":"pay_123"}}}}'; curl -i http://{address}/webhooks/bloque/payments -H 'content-type: application/json' -H "x-bloque-signature: $(printf '%s' "$body" | openssl dgst -sha256 -hmac {payments} -r | cut -d' ' -f1)" --data-binary "$body"

What the handlers of this process did:
  curl -s http://{address}/effects

What arrived, what ran, what waits and what died, in a browser:
  http://{address}/operator

How well it is, and its numbers:
  curl -s http://{address}/readyz
  curl -s http://{address}/metrics
"#,
        delay = handler_delay.as_millis(),
    );
}
