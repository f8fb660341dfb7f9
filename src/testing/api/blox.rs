use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::json;

use super::server::{ApiServer, Said};

/// A stand-in for the status API of BLOX, as documented: `GET /v1/checkout/{id}` with
/// `blox-api-key`.
///
/// ```
/// use tower_webhook::reconcile::{ApiKey, BloxApi};
/// use tower_webhook::testing::BloxStandIn;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let blox = BloxStandIn::start("blox_test_9f8e7d6c").await?;
/// blox.set("8f14e45f", "COMPLETED", "15000");
///
/// let api = BloxApi::at(blox.server().url(), ApiKey::new("blox_test_9f8e7d6c")?)?;
/// let found = api.checkout("8f14e45f").await?.ok_or("a checkout")?;
/// assert!(found.status.is_final());
/// assert!(api.checkout("another").await?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BloxStandIn {
    server: ApiServer,
    checkouts: Arc<Mutex<HashMap<String, (String, String)>>>,
}

impl BloxStandIn {
    /// Starts an API without checkouts that accepts this key.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start(key: &str) -> io::Result<Self> {
        let checkouts: Arc<Mutex<HashMap<String, (String, String)>>> = Arc::default();
        let own = Arc::clone(&checkouts);
        let answer = move |asked: &super::server::Asked| -> Said {
            let segments = asked.segments();
            let [version, kind, id] = &*segments else {
                return Err(StatusCode::NOT_FOUND);
            };
            if asked.method != Method::GET || (*version, *kind) != ("v1", "checkout") {
                return Err(StatusCode::NOT_FOUND);
            }
            let checkouts = own.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, amount) = checkouts.get(*id).ok_or(StatusCode::NOT_FOUND)?;
            Ok(json!({
                "id": id,
                "status": status,
                "amount": amount,
                "fee": "150",
                "createdAt": "2026-02-03T15:00:00.000Z",
                "updatedAt": "2026-02-03T15:05:30.000Z",
                "expiresAt": "2026-02-03T15:20:00.000Z",
            }))
        };
        let server = ApiServer::start(("blox-api-key", key.to_owned()), answer).await?;
        Ok(Self { server, checkouts })
    }

    /// Sets the status and amount of this checkout; `amount` is in cents.
    pub fn set(&self, id: &str, status: &str, amount: &str) {
        let mut checkouts = self
            .checkouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        checkouts.insert(id.to_owned(), (status.to_owned(), amount.to_owned()));
    }

    /// The server, with its URL and its faults.
    pub fn server(&self) -> &ApiServer {
        &self.server
    }
}
