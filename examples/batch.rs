//! A receiver of Pix: each delivery holds a list of payments, as in BACEN's API, and is sent to a
//! secret path, to which some banks append `/pix`.
//!
//! `cargo run --example batch` serves it on 127.0.0.1:3002. Then, in a second terminal:
//!
//! ```sh
//! url=http://127.0.0.1:3002
//! webhook send pix --url $url --items 3 --repeat 2   # runs three, then none
//! webhook send pix --url $url --tamper token         # 404
//! ```

use std::time::Duration;

use axum::Router;
use serde::Deserialize;
use tower_webhook::event::{EventRule, Shape};
use tower_webhook::runtime::Failure;
use tower_webhook::{
    ConfigError, Decimal, Delivery, Event, MemoryStore, Name, PathTokens, Permanent, Provider,
    RetriedStatuses, RetrySchedule, RouterExt, SenderContract, Webhook, event_handler,
};

/// For development only: `openssl rand -hex 24` makes a real one.
const TOKEN: &str = "token-for-development-only";

/// One payment of the list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pix {
    end_to_end_id: String,
    txid: Option<String>,
    valor: Decimal,
}

/// `{"pix":[{"endToEndId":…,"txid":…,"valor":…,"horario":…}]}`, or the list alone.
fn pix(tokens: PathTokens) -> Result<Provider, ConfigError> {
    let payment = Shape::new("pix", ["/endToEndId"])?
        .fingerprint(["/valor", "/txid"])?
        .time("/horario")?;
    let rule = EventRule::each("/pix|", EventRule::members([payment])?)?;
    // The schedule and its length are not documented, and differ from bank to bank.
    let schedule = RetrySchedule::Unstated {
        interval: Duration::from_secs(30),
        horizon: Duration::from_secs(24 * 3_600),
    };
    let contract = SenderContract::new(schedule, RetriedStatuses::AllButSuccess);
    Ok(Provider::by_secret_path(
        Name::new("pix")?,
        tokens,
        rule,
        contract,
    ))
}

/// Runs once for each payment; the sender gets success once all payments in its list are done.
async fn on_pix(Event(pix): Event<Pix>, delivery: Delivery) -> Result<(), Failure> {
    let Some(txid) = pix.txid else {
        // No retry helps: the payment counts as done, and the failure is logged.
        return Err(Permanent("a payment that belongs to no charge of ours").into());
    };
    let place = delivery.item().map_or(0, |item| item.index);
    println!(
        "{place}: {} of {} for {txid}, attempt {}",
        pix.end_to_end_id,
        pix.valor,
        delivery.attempt(),
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    // The bank gets the URL with the token, and may append `/pix` to it.
    let tokens = PathTokens::parse([TOKEN])?.or_followed_by("pix")?;
    let webhook = Webhook::new(pix(tokens)?)
        .store(MemoryStore::new())
        .build()?;
    let app = Router::new().webhook("/webhooks/pix", webhook, event_handler(on_pix));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3002").await?;
    println!(
        "Pix on http://{}/webhooks/pix/{TOKEN}",
        listener.local_addr()?
    );
    Ok(axum::serve(listener, app).await?)
}
