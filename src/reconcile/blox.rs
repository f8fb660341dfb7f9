//! The API of BLOX, which reports the status of checkouts: to confirm deliveries and to find those
//! that never arrived.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::client::{ApiClient, read, segment};
use super::error::{ApiError, ApiErrorKind};
use super::run::share;
use crate::error::ConfigError;
use crate::provider::Provider;
use crate::provider::blox::{BloxBuilder, CheckoutStatus};
use crate::secret::ApiKey;

/// The header for BLOX's API key.
const KEY_HEADER: &str = "blox-api-key";
/// The poll interval that BLOX recommends, and the time by which a checkout has ended.
const POLL_EVERY: Duration = Duration::from_secs(5);
const POLL_FOR: Duration = Duration::from_secs(20 * 60);

/// Queries BLOX about checkouts: `GET /v1/checkout/{id}` with the header `blox-api-key`.
///
/// ```no_run
/// use tower_webhook::reconcile::{ApiKey, BloxApi, Reconciler};
/// use tower_webhook::{Delivery, PathTokens, SqliteStore, Webhook, provider};
///
/// # async fn our_open_checkouts(_after: Option<String>) -> Result<Vec<String>, std::io::Error> { Ok(Vec::new()) }
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// async fn on_event(delivery: Delivery) {
///     println!("{}", delivery.key());
/// }
///
/// let api = BloxApi::at("https://api.blox.example/", ApiKey::from_env("BLOX_API_KEY")?)?;
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4a7e35d82"])?;
/// // The API confirms or refutes each delivery.
/// let blox = provider::blox(tokens).checked_by(&api);
/// let webhook = Webhook::new(blox).store(SqliteStore::connect("webhooks.db").await?).build()?;
///
/// // Missed checkouts are found.
/// let source = api.open_checkouts(our_open_checkouts);
/// let reconciler = Reconciler::of(&webhook, source).handler(on_event).build()?;
/// reconciler.run().await;
///
/// // A customer is waiting on the page.
/// let ended = api.wait_for_final("8f14e45f-ceea-467f-a830-5e3e3c7e2b8a").await?;
/// println!("{:?}", ended.map(|checkout| checkout.status));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BloxApi {
    client: ApiClient,
    unknown: Arc<[u16]>,
}

/// The other members that are read from a checkout.
#[derive(Deserialize)]
pub(super) struct Times {
    #[serde(rename = "updatedAt")]
    pub(super) updated_at: Option<String>,
}

impl BloxApi {
    /// The API at this base URL, with the default limits of a client.
    ///
    /// # Errors
    ///
    /// As [`ApiClientBuilder::build`](super::ApiClientBuilder::build).
    pub fn at(base_url: impl Into<String>, key: ApiKey) -> Result<Self, ConfigError> {
        let client = ApiClient::at(base_url).key_header(KEY_HEADER, key);
        let client = client.build().map_err(|error| error.of_provider("blox"))?;
        Ok(Self::on(client))
    }

    /// The API that this client calls, with the key in `blox-api-key`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_webhook::reconcile::{ApiClient, ApiKey, BloxApi};
    ///
    /// let key = ApiKey::new("blox_test_9f8e7d6c5b4a")?;
    /// let client = ApiClient::at("https://api.blox.example/").key_header("blox-api-key", key);
    /// let api = BloxApi::on(client.timeout(Duration::from_secs(2)).build()?).unknown_statuses([404, 422]);
    /// # drop(api);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn on(client: ApiClient) -> Self {
        Self {
            client,
            unknown: Arc::new([404, 410]),
        }
    }

    /// The statuses that mean that there is no such checkout. The default is 404 and 410, as the
    /// documentation names none.
    #[must_use]
    pub fn unknown_statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.unknown = statuses.into_iter().collect();
        self
    }

    /// What the API reports for this checkout; `None` if it knows none of that name.
    ///
    /// # Errors
    ///
    /// If the API cannot be queried, or its answer cannot be read.
    pub async fn checkout(&self, id: &str) -> Result<Option<CheckoutStatus>, ApiError> {
        Ok(self.ask(id).await?.map(|(status, _)| status))
    }

    pub(super) fn client(&self) -> &ApiClient {
        &self.client
    }

    pub(super) async fn ask(&self, id: &str) -> Result<Option<(CheckoutStatus, Times)>, ApiError> {
        let path = format!("/v1/checkout/{}", segment(id)?);
        let answer = match self.client.ask(http::Method::GET, &path, &[], None).await {
            Ok(answer) => answer,
            Err(error) if error.status().is_some_and(|it| self.unknown.contains(&it)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let status = read(&answer, "GET", &path)?;
        Ok(Some((status, read(&answer, "GET", &path)?)))
    }

    /// Polls about every 5 s until the checkout is final, for up to 20 min; `None` if the API knows
    /// none of that name.
    ///
    /// # Errors
    ///
    /// If the checkout is not final by then, the API does not accept the key, or it answers with
    /// another checkout. A transient error costs one query, and polling continues.
    pub async fn wait_for_final(&self, id: &str) -> Result<Option<CheckoutStatus>, ApiError> {
        until_final(id, || self.checkout(id)).await
    }
}

impl BloxBuilder {
    /// Checks each event against this API before it is claimed, as
    /// [`status_check`](BloxBuilder::status_check) does with your own function. An answer without
    /// an amount confirms nothing, and the event is tried again.
    pub fn checked_by(self, api: &BloxApi) -> Provider {
        let api = api.clone();
        self.status_check(move |id| {
            let api = api.clone();
            async move { with_amount(api.checkout(&id).await?) }
        })
    }
}

/// Rejects an answer without an amount, by which no delivery can be judged.
fn with_amount(found: Option<CheckoutStatus>) -> Result<Option<CheckoutStatus>, ApiError> {
    match found {
        Some(found) if found.amount.is_none() => {
            let place = "a checkout without an amount";
            Err(ApiError::new(ApiErrorKind::Malformed, place))
        }
        found => Ok(found),
    }
}

/// Polls until the checkout is final.
async fn until_final<Fut>(
    id: &str,
    ask: impl Fn() -> Fut,
) -> Result<Option<CheckoutStatus>, ApiError>
where
    Fut: Future<Output = Result<Option<CheckoutStatus>, ApiError>>,
{
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(None) => return Ok(None),
            Ok(Some(found)) if found.id != id => {
                return Err(ApiError::new(
                    ApiErrorKind::Malformed,
                    "another checkout's id",
                ));
            }
            Ok(Some(found)) if found.status.is_final() => return Ok(Some(found)),
            Ok(Some(_)) => {}
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error),
        }
        let pause = share(POLL_EVERY / 5).saturating_add(POLL_EVERY - POLL_EVERY / 5);
        if begun.elapsed().saturating_add(pause) > POLL_FOR {
            let place = format!("a checkout, after {} s", begun.elapsed().as_secs());
            return Err(ApiError::new(ApiErrorKind::NotFinal, place));
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    type Said = Result<Option<CheckoutStatus>, ApiError>;

    /// Polls `say`, which gets the number of the query, from 1; returns how many queries it took
    /// and how long.
    async fn polled(say: impl Fn(u32) -> Said) -> (Said, u32, Duration) {
        let (asked, begun) = (Mutex::new(0), Instant::now());
        let ended = until_final("c", || {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            let said = say(*asked);
            async { said }
        });
        let ended = ended.await;
        let asked = *asked.lock().unwrap();
        (ended, asked, begun.elapsed())
    }

    fn checkout(status: &str) -> Said {
        Ok(Some(CheckoutStatus::new("c", status)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_checkout_is_polled_every_five_seconds_until_it_is_final() {
        let (ended, asked, took) = polled(|number| match number {
            1 => checkout("PENDING"),
            2 => Err(ApiError::new(ApiErrorKind::Unreachable, "down")),
            3 => Err(ApiError::new(ApiErrorKind::TooManyRequests, "429")),
            _ => checkout("COMPLETED"),
        })
        .await;
        assert!(ended.unwrap().unwrap().status.is_final());
        assert_eq!(asked, 4);
        assert!(
            took > Duration::from_secs(13) && took <= Duration::from_secs(15),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_checkout_that_never_ends_is_given_up_after_twenty_minutes() {
        let (ended, asked, took) = polled(|_| checkout("PENDING")).await;
        assert_eq!(ended.unwrap_err().kind(), ApiErrorKind::NotFinal);
        assert!((240..=300).contains(&asked), "{asked}");
        assert!(took <= POLL_FOR && took > POLL_FOR - POLL_EVERY, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_question_can_mend_ends_at_once() {
        let (unknown, asked, _) = polled(|_| Ok(None)).await;
        assert_eq!((unknown.unwrap(), asked), (None, 1));
        let wrong_key = |_| Err(ApiError::new(ApiErrorKind::Unauthorized, "401"));
        assert_eq!(polled(wrong_key).await.1, 1);
        let (another, ..) = polled(|_| Ok(Some(CheckoutStatus::new("C", "COMPLETED")))).await;
        assert_eq!(another.unwrap_err().kind(), ApiErrorKind::Malformed);
    }

    #[test]
    fn an_answer_without_an_amount_confirms_none() {
        let without = CheckoutStatus::new("c", "COMPLETED");
        let error = with_amount(Some(without.clone())).unwrap_err();
        assert_eq!(error.kind(), ApiErrorKind::Malformed);
        let amount = crate::event::Decimal::parse("15000").unwrap();
        let with = Some(without.amount(amount));
        assert_eq!(with_amount(with.clone()).unwrap(), with);
        assert_eq!(with_amount(None).unwrap(), None);
    }
}
