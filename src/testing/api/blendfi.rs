use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::deliveries::{Deliveries, Made};
use super::server::{ApiServer, Asked, Said};
use crate::provider::Provider;
use crate::secret::SigningSecret;

/// A stand-in for the API of BlendFi, as far as its documentation describes it. The rest, which an
/// account's settings would define, is made up here:
/// `{"data":[{"id":"dlv_0","event_id":"evt_…","type":"…","status":"failed"}],"next_cursor":"50"}`.
///
/// ```
/// use bytes::Bytes;
/// use tower_webhook::provider::{self, blendfi};
/// use tower_webhook::reconcile::{ApiKey, BlendFiApi, Source};
/// use tower_webhook::testing::{BlendFiStandIn, Sample};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ring = blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?;
/// let sender = provider::blendfi(ring.clone());
/// let blendfi = BlendFiStandIn::start("sk_test_9f8e7d6c", &sender).await?;
/// blendfi.page_size(10);
/// for number in 0..25 {
///     blendfi.missed(Sample::BlendFi.body(number));
/// }
///
/// let api = BlendFiApi::at(blendfi.server().url(), ApiKey::new("sk_test_9f8e7d6c")?)?;
/// let list = api.deliveries("we_1")?.items("/data").delivery_id("/id").member("/id", "/event_id");
/// let source = list.pages("cursor", "/next_cursor").on(api.client())?;
/// let page = source.page(Some("20")).await?;
/// assert_eq!((page.found().len(), page.next()), (5, None));
///
/// let made = api.delivery("/v1/webhook_deliveries/{id}", "dlv_0").await?;
/// assert_eq!(made["status"], "failed");
/// blendfi.conversion("cnv_1", "completed");
/// assert!(api.conversion("cnv_1").await?.is_some());
/// // No receiver is set.
/// assert!(api.redeliver("dlv_0").await.is_err());
///
/// let until = tower_webhook::UnixTime::from_secs(4_000_000_000);
/// let rotated = api.rotate_secret("we_1", "/secret", &ring, until).await?;
/// assert_eq!(ring.ids().len(), 2);
/// assert!(!format!("{rotated:?}").contains(rotated.expose()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BlendFiStandIn {
    server: ApiServer,
    deliveries: Deliveries,
    conversions: Arc<Mutex<HashMap<String, String>>>,
}

impl BlendFiStandIn {
    /// Starts an API that accepts this bearer key and signs its deliveries as this provider does.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start(key: &str, provider: &Provider) -> io::Result<Self> {
        let deliveries = Deliveries::new(provider);
        let conversions: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let (own, known) = (deliveries.clone(), Arc::clone(&conversions));
        let rotations = Mutex::new(0_u32);
        let answer = move |asked: &Asked| -> Said {
            let segments = asked.segments();
            match (&asked.method, &*segments) {
                (&Method::GET, ["v1", "webhook_endpoints", _, "deliveries"]) => {
                    let (made, next) = own.page(asked, "cursor");
                    let data: Vec<_> = made.iter().map(shown).collect();
                    Ok(json!({"data": data, "next_cursor": next}))
                }
                (&Method::GET, ["v1", "webhook_deliveries", id]) => {
                    own.one(id).as_ref().map(shown).ok_or(StatusCode::NOT_FOUND)
                }
                (&Method::POST, ["v1", "webhook_deliveries", id, "redeliver"]) => own
                    .again(id)
                    .then_some(Value::Null)
                    .ok_or(StatusCode::NOT_FOUND),
                (&Method::GET, ["v1", "conversions", id]) => {
                    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    let status = known.get(*id).ok_or(StatusCode::NOT_FOUND)?;
                    Ok(json!({"id": id, "object": "conversion", "status": status}))
                }
                (&Method::POST, ["v1", "webhook_endpoints"]) => {
                    let (url, events) = (asked.member("url"), asked.member("events"));
                    if !url.is_string() || !events.is_array() {
                        return Err(StatusCode::BAD_REQUEST);
                    }
                    let secret = "whsec_test_of_the_new_endpoint";
                    Ok(json!({"id": "we_2", "url": url, "events": events, "secret": secret}))
                }
                (&Method::POST, ["v1", "webhook_endpoints", _, "rotate_secret"]) => {
                    let mut rotations = rotations.lock().unwrap_or_else(PoisonError::into_inner);
                    *rotations = rotations.saturating_add(1);
                    let secret = format!("whsec_test_rotated_{:08}", *rotations);
                    if let Ok(secret) = SigningSecret::from_text(&secret) {
                        own.signed_by(secret);
                    }
                    Ok(json!({"secret": secret}))
                }
                _ => Err(StatusCode::NOT_FOUND),
            }
        };
        let key = ("authorization", format!("Bearer {key}"));
        Ok(Self {
            server: ApiServer::start(key, answer).await?,
            deliveries,
            conversions,
        })
    }

    /// Sets how many deliveries a page lists; the default is 50.
    pub fn page_size(&self, size: usize) {
        self.deliveries.page_size(size);
    }

    /// Sets the URL that redeliveries go to.
    ///
    /// ```no_run
    /// # fn of(blendfi: &tower_webhook::testing::BlendFiStandIn) {
    /// blendfi.deliver_to("http://127.0.0.1:3000/webhooks/blendfi");
    /// assert!(blendfi.is_idle() && blendfi.undelivered() == 0);
    /// # }
    /// ```
    pub fn deliver_to(&self, url: &str) {
        self.deliveries.to(url);
    }

    /// Adds an event whose delivery has failed for good, and returns the delivery's id.
    pub fn missed(&self, body: Bytes) -> String {
        self.deliveries.missed(body)
    }

    /// Whether every requested delivery has been answered or has timed out.
    pub fn is_idle(&self) -> bool {
        self.deliveries.is_idle()
    }

    /// The number of deliveries that have not succeeded.
    pub fn undelivered(&self) -> usize {
        self.deliveries.undelivered()
    }

    /// Sets the status of this conversion.
    pub fn conversion(&self, id: &str, status: &str) {
        let mut known = self
            .conversions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.insert(id.to_owned(), status.to_owned());
    }

    /// The server, with its URL and its faults.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }
}

fn shown(made: &Made) -> Value {
    let event: Value = serde_json::from_slice(&made.body).unwrap_or_default();
    json!({
        "id": made.id,
        "event_id": event.get("id"),
        "type": event.get("type"),
        "status": if made.is_delivered { "delivered" } else { "failed" },
    })
}
