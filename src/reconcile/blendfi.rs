//! The API of BlendFi: its endpoints, deliveries and conversions.

use std::fmt;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::client::{ApiClient, segment};
use super::error::{ApiError, ApiErrorKind};
use super::listed::DeliveryList;
use crate::clock::UnixTime;
use crate::error::ConfigError;
use crate::provider::blendfi;
use crate::secret::{ApiKey, KeyId, KeyRing, SigningKey};

/// Calls BlendFi's API with a bearer key.
///
/// Documented paths are built in. The shapes of the answers are not documented, so the caller says
/// where each value is. BlendFi never says which event a conversion has led to, so no `evt_…` can
/// be derived from one: missed events are [delivered again](Self::deliveries).
///
/// ```no_run
/// use tower_webhook::reconcile::{ApiKey, BlendFiApi, Reconciler};
/// use tower_webhook::{SqliteStore, Webhook, provider::{self, blendfi}};
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let api = BlendFiApi::at("https://api.blendfi.example/", ApiKey::from_env("BLENDFI_API_KEY")?)?;
/// let keys = blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?;
/// let webhook = Webhook::new(provider::blendfi(keys)).store(SqliteStore::connect("webhooks.db").await?);
/// let webhook = webhook.build()?;
///
/// // According to the answers of your account.
/// let list = api.deliveries("we_1")?.items("/data").delivery_id("/id").member("/id", "/event_id");
/// let source = list.pages("cursor", "/next_cursor").on(api.client())?;
/// let reconciler = Reconciler::of(&webhook, source).build()?;
/// println!("{}", reconciler.run_once().await);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BlendFiApi {
    client: ApiClient,
}

impl BlendFiApi {
    /// The API at this base URL, with the default limits of a client.
    ///
    /// # Errors
    ///
    /// As [`ApiClientBuilder::build`](super::ApiClientBuilder::build).
    pub fn at(base_url: impl Into<String>, key: ApiKey) -> Result<Self, ConfigError> {
        let client = ApiClient::at(base_url).bearer(key).build();
        Ok(Self::on(
            client.map_err(|error| error.of_provider("blendfi"))?,
        ))
    }

    /// The API that this client calls, with the key as a bearer token.
    pub fn on(client: ApiClient) -> Self {
        Self { client }
    }

    /// The client, for calls without a function here, such as the sandbox's test helpers.
    ///
    /// ```no_run
    /// use tower_webhook::reconcile::{ApiError, BlendFiApi};
    /// # async fn simulate(api: &BlendFiApi, path_of_the_helper: &str) -> Result<(), ApiError> {
    /// let amount = serde_json::json!({"amount": "10.00"});
    /// let _: serde_json::Value = api.client().post(path_of_the_helper, Some(&amount)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client(&self) -> &ApiClient {
        &self.client
    }

    /// The deliveries of an endpoint: `GET /v1/webhook_endpoints/{id}/deliveries`, and
    /// `POST /v1/webhook_deliveries/{id}/redeliver` for another delivery. You still have to set
    /// where the values are in an answer.
    ///
    /// # Errors
    ///
    /// If the id cannot be in a path.
    pub fn deliveries(&self, endpoint: &str) -> Result<DeliveryList, ApiError> {
        let path = format!("/v1/webhook_endpoints/{}/deliveries", segment(endpoint)?);
        Ok(DeliveryList::at(path).resend("/v1/webhook_deliveries/{id}/redeliver"))
    }

    /// One delivery, at a path that no document names: `{id}` in it is replaced by the delivery.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::get`].
    pub async fn delivery(&self, path: &str, delivery: &str) -> Result<Value, ApiError> {
        self.client
            .get(&path.replace("{id}", &segment(delivery)?), &[])
            .await
    }

    /// Requests another delivery: `POST /v1/webhook_deliveries/{id}/redeliver`.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::post`].
    pub async fn redeliver(&self, delivery: &str) -> Result<(), ApiError> {
        let path = format!("/v1/webhook_deliveries/{}/redeliver", segment(delivery)?);
        self.client.tell(&path).await
    }

    /// A conversion: `GET /v1/conversions/{id}`, for occasional queries; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::get`].
    pub async fn conversion(&self, id: &str) -> Result<Option<Value>, ApiError> {
        let path = format!("/v1/conversions/{}", segment(id)?);
        match self.client.get(&path, &[]).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ApiErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Registers an endpoint for these types of event, as few as possible:
    /// `POST /v1/webhook_endpoints` with `url` and `events`, and whatever else the account needs.
    ///
    /// The answer contains the endpoint's secret, which does not belong in a log.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::post`].
    ///
    /// ```no_run
    /// use tower_webhook::reconcile::{ApiError, BlendFiApi};
    /// # async fn register(api: &BlendFiApi) -> Result<(), ApiError> {
    /// let types = ["conversion.completed", "conversion.failed"];
    /// let other = serde_json::json!({"description": "orders"});
    /// api.register_endpoint("https://shop.example/webhooks/blendfi", &types, Some(other)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn register_endpoint(
        &self,
        url: &str,
        types: &[&str],
        other: Option<Value>,
    ) -> Result<Value, ApiError> {
        let mut body = json!({"url": url, "events": types});
        if let (Some(body), Some(Value::Object(other))) = (body.as_object_mut(), other) {
            body.extend(other);
        }
        self.client.post("/v1/webhook_endpoints", Some(&body)).await
    }

    /// Replaces an endpoint's secret with `POST /v1/webhook_endpoints/{id}/rotate_secret`, and adds
    /// the new one to the ring. The old ones are accepted until `old_until`, because BlendFi does
    /// not state how long it continues to sign with them.
    ///
    /// `secret_at` is where the answer has the new secret. **Store it at once**: after a restart,
    /// the ring is built from the stored secrets. [`Observation::signed_by`](crate::Observation)
    /// says which key signed each delivery, and so whether the old one is no longer used.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::post`], and if the ring is full, before any request: take a key out of it. Also if the
    /// answer has no secret at the given place: BlendFi has a new one all the same, so rotate once more.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use tower_webhook::{KeyRing, UnixTime};
    /// use tower_webhook::reconcile::BlendFiApi;
    /// # async fn roll_over(api: &BlendFiApi, ring: &KeyRing) -> Result<(), Box<dyn std::error::Error>> {
    ///
    /// let in_a_day = UnixTime::now().saturating_add(Duration::from_secs(86_400));
    /// let rotated = api.rotate_secret("we_1", "/secret", ring, in_a_day).await?;
    /// std::fs::write("/run/secrets/blendfi", rotated.expose())?;
    /// println!("new key {:?}", rotated.key_id());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn rotate_secret(
        &self,
        endpoint: &str,
        secret_at: &str,
        ring: &KeyRing,
        old_until: UnixTime,
    ) -> Result<RotatedSecret, ApiError> {
        let path = format!("/v1/webhook_endpoints/{}/rotate_secret", segment(endpoint)?);
        ring.check_room().map_err(|error| {
            let why = format!("POST {path} was not asked: {error}");
            ApiError::new(ApiErrorKind::Unsupported, why)
        })?;
        let answer: Value = self.client.post(&path, None).await?;
        let wrong =
            |why: String| ApiError::new(ApiErrorKind::Malformed, format!("POST {path}: {why}"));
        let secret = answer.pointer(secret_at).and_then(Value::as_str);
        let secret = secret.ok_or_else(|| wrong(format!("no secret at {secret_at}")))?;
        let secret = Zeroizing::new(secret.to_owned());
        let parsed = blendfi::secret_format().parse(&secret);
        let parsed = parsed.map_err(|error| wrong(error.to_string()))?;
        let key_id = KeyId::from(format!("rotated-{}", UnixTime::now()).as_str());
        ring.rotate(SigningKey::new(key_id.clone(), parsed), old_until)
            .map_err(|error| wrong(error.to_string()))?;
        Ok(RotatedSecret { key_id, secret })
    }
}

/// A secret that a sender has generated for us. It never prints, and is wiped when dropped.
pub struct RotatedSecret {
    key_id: KeyId,
    secret: Zeroizing<String>,
}

impl RotatedSecret {
    /// The name of its key in the ring.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The secret, to be stored.
    pub fn expose(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for RotatedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key_id, secret: _ } = self;
        f.debug_struct("RotatedSecret")
            .field("key_id", key_id)
            .field("secret", &format_args!("[REDACTED]"))
            .finish()
    }
}
