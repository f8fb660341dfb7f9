use std::io;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::deliveries::{Deliveries, Made};
use super::server::{ApiServer, Asked, Said};
use crate::provider::Provider;

/// A stand-in for a notifications API as Bloquo may have one. Its documentation names no paths or
/// members, so all of them are made up, as an account's settings would define them.
///
/// ```
/// use tower_webhook::reconcile::{ApiClient, ApiKey, DeliveryList, Source};
/// use tower_webhook::testing::{BloquoStandIn, Sample};
/// use tower_webhook::{Allowlist, provider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = provider::bloquo(Allowlist::parse(["127.0.0.1"])?);
/// let bloquo = BloquoStandIn::start("sk_test_9f8e7d6c", &sender).await?;
/// bloquo.missed(Sample::Bloquo.body(1042));
///
/// let client = ApiClient::at(bloquo.server().url()).key_header("x-api-key", ApiKey::new("sk_test_9f8e7d6c")?);
/// let source = DeliveryList::at("/notifications")
///     .items("/items")
///     .delivery_id("/uuid")
///     .member("/OrderId", "/order/id")
///     .member("/Status", "/order/status")
///     .pages("page", "/nextPage")
///     .resend("/notifications/{id}/resend")
///     .on(&client.build()?)?;
/// assert_eq!(source.page(None).await?.found().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BloquoStandIn {
    server: ApiServer,
    deliveries: Deliveries,
}

impl BloquoStandIn {
    /// Starts an API that accepts this key in `x-api-key`.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start(key: &str, provider: &Provider) -> io::Result<Self> {
        let deliveries = Deliveries::new(provider);
        let own = deliveries.clone();
        let answer = move |asked: &Asked| -> Said {
            let segments = asked.segments();
            match (&asked.method, &*segments) {
                (&Method::GET, ["notifications"]) => {
                    let (made, next) = own.page(asked, "page");
                    let items: Vec<_> = made.iter().map(shown).collect();
                    Ok(json!({"items": items, "nextPage": next}))
                }
                (&Method::POST, ["notifications", id, "resend"]) => own
                    .again(id)
                    .then_some(Value::Null)
                    .ok_or(StatusCode::NOT_FOUND),
                _ => Err(StatusCode::NOT_FOUND),
            }
        };
        let server = ApiServer::start(("x-api-key", key.to_owned()), answer).await?;
        Ok(Self { server, deliveries })
    }

    /// Sets the URL that notifications are sent to again.
    pub fn deliver_to(&self, url: &str) {
        self.deliveries.to(url);
    }

    /// Adds a notification that was not acknowledged, and returns its id.
    pub fn missed(&self, body: Bytes) -> String {
        self.deliveries.missed(body)
    }

    /// The number of notifications not yet acknowledged.
    pub fn undelivered(&self) -> usize {
        self.deliveries.undelivered()
    }

    /// The server, with its URL and its faults.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }
}

fn shown(made: &Made) -> Value {
    let event: Value = serde_json::from_slice(&made.body).unwrap_or_default();
    json!({
        "uuid": made.id,
        "order": {"id": event.get("OrderId"), "status": event.get("Status")},
        "taken": made.is_delivered,
    })
}
