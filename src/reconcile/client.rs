//! The client through which all requests to a sender's API go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::{ApiError, ApiErrorKind};
use super::pace::Pace;
use super::retry_after::retry_after;
use crate::clock::UnixTime;
use crate::secret::ApiKey;

/// The characters that need no escaping in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The longest id that is accepted.
const MAX_SEGMENT: usize = 256;

/// Queries a sender's API over HTTPS, with a key, within limits of time and length, and never any
/// other host.
///
/// - An answer that leads elsewhere is an error: no redirect is followed, so the key goes nowhere else.
/// - At most [`max_answer_bytes`](super::ApiClientBuilder::max_answer_bytes) of an answer are read.
/// - 429 and `Retry-After` are heeded by everything that shares the client.
/// - Neither the key nor the answer appears in an error, in `Debug` or in a log line.
///
/// Certificates are verified against the system's trust store. Clones are the same client.
///
/// ```no_run
/// use serde::Deserialize;
/// use tower_webhook::reconcile::{ApiClient, ApiKey};
///
/// #[derive(Deserialize)]
/// struct Payment {
///     status: String,
/// }
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ApiClient::at("https://api.acme.example/")
///     .bearer(ApiKey::from_env("ACME_API_KEY")?)
///     .build()?;
/// let payment: Payment = client.get("/v1/payments/42", &[("expand", "status")]).await?;
/// let _: serde_json::Value = client.post("/v1/payments/42/resend", None).await?;
/// println!("{}", payment.status);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiClient(Arc<Shared>);

pub(super) struct Shared {
    pub(super) http: reqwest::Client,
    pub(super) base: Url,
    pub(super) key: Option<(HeaderName, KeyForm, ApiKey)>,
    pub(super) pace: Pace,
    pub(super) timeout: Duration,
    pub(super) max_answer: usize,
}

/// The form of a key in its header.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyForm {
    Plain,
    Bearer,
}

impl ApiClient {
    pub(super) fn of(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Gets this path with these query parameters, and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// If there is no answer, a status other than 2xx, or an answer that is too long or not of this
    /// type.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        let answer = self.ask(Method::GET, path, query, None).await?;
        read(&answer, "GET", path)
    }

    /// Posts this JSON, or nothing, and reads the answer; an empty answer is `null`.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::get`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<T, ApiError> {
        let answer = self.ask(Method::POST, path, &[], body).await?;
        let answer: &[u8] = if answer.is_empty() { b"null" } else { &answer };
        read(answer, "POST", path)
    }

    /// Posts and ignores the answer.
    pub(super) async fn tell(&self, path: &str) -> Result<(), ApiError> {
        self.ask(Method::POST, path, &[], None).await.map(drop)
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    /// Sends one request. The bytes of its answer are wiped once they are read.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let Shared {
            http,
            base,
            pace,
            timeout: limit,
            ..
        } = &*self.0;
        let place = || format!("{method} {path}");
        // If the API wants to be left alone for long, the request fails instead of waiting.
        let turn = pace.turn_unless_held(*limit).await;
        let _turn = turn.map_err(|wait| {
            ApiError::new(ApiErrorKind::TooManyRequests, place()).retry_after(wait)
        })?;
        let mut url = base.clone();
        url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.with_key(http.request(method.clone(), url));
        if let Some(body) = body {
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let broke = |error: reqwest::Error| {
            let kind = match error.is_timeout() {
                true => ApiErrorKind::TimedOut,
                false => ApiErrorKind::Unreachable,
            };
            ApiError::new(kind, place()).caused_by(error.without_url())
        };
        let mut response = request.send().await.map_err(broke)?;
        if !response.status().is_success() {
            let error = refused(&response, &place());
            if let Some(wait) = error.wait() {
                pace.hold(wait);
            }
            return Err(error);
        }
        let most = self.0.max_answer;
        let too_large = || ApiError::new(ApiErrorKind::TooLarge, place());
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(most).unwrap_or(u64::MAX) {
            return Err(too_large());
        }
        let mut answer = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(broke)? {
            if answer.len().saturating_add(chunk.len()) > most {
                return Err(too_large());
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    fn with_key(&self, request: RequestBuilder) -> RequestBuilder {
        let Some((name, form, key)) = &self.0.key else {
            return request;
        };
        let text = match form {
            KeyForm::Plain => Zeroizing::new(key.expose().to_owned()),
            KeyForm::Bearer => Zeroizing::new(format!("Bearer {}", key.expose())),
        };
        let Ok(mut value) = HeaderValue::from_str(&text) else {
            return request;
        };
        value.set_sensitive(true);
        request.header(name.clone(), value)
    }
}

/// The header for a bearer key.
pub(super) const BEARER: HeaderName = AUTHORIZATION;

/// An id as a path segment, escaped so that it cannot change which resource is requested.
pub(super) fn segment(id: &str) -> Result<String, ApiError> {
    if id.is_empty() || id.len() > MAX_SEGMENT || id.bytes().all(|byte| byte == b'.') {
        return Err(ApiError::new(
            ApiErrorKind::Malformed,
            "an id that cannot stand in a path",
        ));
    }
    Ok(utf8_percent_encode(id, SEGMENT).to_string())
}

/// Reads JSON. An error is reported by its position only, because serde's own text quotes the
/// content.
pub(super) fn read<T: DeserializeOwned>(
    answer: &[u8],
    method: &str,
    path: &str,
) -> Result<T, ApiError> {
    serde_json::from_slice(answer).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let place = format!("{method} {path}: line {line}, column {column} of the answer");
        ApiError::new(ApiErrorKind::Malformed, place)
    })
}

fn refused(response: &Response, place: &str) -> ApiError {
    let status = response.status();
    let wait = retry_after(response.headers(), UnixTime::now());
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => ApiErrorKind::TooManyRequests,
        StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => ApiErrorKind::TooManyRequests,
        StatusCode::REQUEST_TIMEOUT => ApiErrorKind::TimedOut,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ApiErrorKind::Unauthorized,
        StatusCode::NOT_FOUND | StatusCode::GONE => ApiErrorKind::NotFound,
        _ if status.is_redirection() => ApiErrorKind::Redirected,
        _ if status.is_server_error() => ApiErrorKind::Failed,
        _ => ApiErrorKind::Refused,
    };
    let error = ApiError::new(kind, format!("{place}: {}", status.as_u16()));
    let error = error.of_status(status.as_u16());
    match wait.filter(|_| kind == ApiErrorKind::TooManyRequests) {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared {
            http: _,
            base,
            key,
            pace,
            timeout,
            max_answer,
        } = &*self.0;
        f.debug_struct("ApiClient")
            .field("origin", &base.origin().ascii_serialization())
            .field("key", &key.as_ref().map(|(name, form, _)| (name, form)))
            .field("pace", pace)
            .field("timeout", timeout)
            .field("max_answer_bytes", max_answer)
            .finish_non_exhaustive()
    }
}
