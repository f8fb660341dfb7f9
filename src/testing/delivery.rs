mod draft;
mod names;
mod proof;
#[cfg(feature = "senders")]
mod sealed;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use self::draft::Draft;
use super::edit::Edit;
use super::tamper::{Shift, Tampers};
use super::wire::{SendError, SendErrorKind, Target, send_within};
use crate::clock::UnixTime;
use crate::error::ConfigError;
use crate::layer::PeerAddr;
use crate::provider::Provider;
use crate::secret::{KeyId, Material, SigningSecret};

/// Any port will do: only the address matters.
const PORT: u16 = 50_000;

/// A delivery as a provider makes it, to send to a handler under test. Anything that is not set is
/// correct.
///
/// It is signed at the current time with the first key of the provider's own ring, for the event
/// that its body holds. Two things must be given, because a secret cannot be read back and a sender
/// has more than one address: the [token](Self::token) of a secret path, and the [source
/// address](Self::from).
///
/// Methods that end in `_changed` make it wrong, and so do [`wrong_secret`](Self::wrong_secret),
/// [`wrong_token`](Self::wrong_token), [`header_id`](Self::header_id), [`timestamp`](Self::timestamp),
/// [`without_signature`](Self::without_signature), [`without_header`](Self::without_header), and
/// [`aged`](Self::aged) and [`ahead`](Self::ahead) beyond the tolerance.
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http::Request;
/// use tower_webhook::provider::{self, blendfi};
/// use tower_webhook::testing::{Sample, TestDelivery};
/// use tower_webhook::{PathTokens, UnixTime};
///
/// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
/// let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(7)).to("/webhooks/blendfi");
/// let request: Request<Bytes> = delivery.request()?;
/// assert_eq!(request.headers()["x-blendfi-event-id"], "evt_00000000000000000000000007");
///
/// // The verifier alone, without a server or handler.
/// let verify = |delivery: TestDelivery| {
///     let (parts, body) = delivery.request::<Bytes>().unwrap().into_parts();
///     blendfi.verifier().unwrap().verify(&parts.headers, &body, UnixTime::now())
/// };
/// assert!(verify(delivery.clone()).is_ok());
/// assert!(verify(delivery.clone().body_changed()).is_err());
/// assert!(verify(delivery.aged(Duration::from_secs(400))).unwrap_err().is_stale());
///
/// // BLOX signs nothing: its URL ends in a token.
/// let token = "3f9d1c0b7a5e48d26c90b1f4a7e35d82";
/// let blox = provider::blox(PathTokens::parse([token])?).without_status_check();
/// let delivery = TestDelivery::new(&blox, Sample::Blox.body(7)).to("/webhooks/blox").token(token);
/// assert_eq!(delivery.request::<Bytes>()?.uri(), &*format!("/webhooks/blox/{token}"));
/// # Ok::<(), tower_webhook::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a delivery is sent nowhere until `request`"]
pub struct TestDelivery {
    provider: Provider,
    body: Bytes,
    method: Method,
    path: String,
    token: Option<String>,
    peer: Option<IpAddr>,
    secret: Option<Material>,
    family: Option<String>,
    id: Option<String>,
    /// What tells it from every other one, where nothing that is signed does.
    unsigned_id: String,
    key_id: Option<KeyId>,
    time: Option<UnixTime>,
    shift: Option<Shift>,
    timestamp: Option<String>,
    tampers: Tampers,
    edits: Vec<Edit>,
}

impl TestDelivery {
    /// A delivery of this event by this provider, to `/`.
    pub fn new(provider: &Provider, body: impl Into<Bytes>) -> Self {
        Self {
            provider: provider.clone(),
            body: body.into(),
            method: first_method(provider),
            path: "/".to_owned(),
            token: None,
            peer: None,
            secret: None,
            family: None,
            id: None,
            unsigned_id: names::fresh(),
            key_id: None,
            time: None,
            shift: None,
            timestamp: None,
            tampers: Tampers::default(),
            edits: Vec::new(),
        }
    }

    /// Sends it to this path or URL, to which a [token](Self::token) is added.
    pub fn to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds this token to the path.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends it from this address, given as [`PeerAddr`].
    ///
    /// Without an address the request names no peer, as with a server that does not provide it.
    pub fn from(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Sends it at this time, which is also the signed time. The default is the time of the
    /// request.
    pub fn at(mut self, time: UnixTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Signs with this secret, such as the old one during a rollover.
    pub fn signed_by(mut self, secret: SigningSecret) -> Self {
        self.secret = Some(Material::Secret(secret));
        self
    }

    /// Signs with this private key, for providers whose signatures are verified with public keys.
    ///
    /// The default is the provider's own key, if it is a [private](crate::SigningKey::private) one.
    ///
    /// ```
    /// use tower_webhook::provider;
    /// use tower_webhook::signature::PublicKeyAlgorithm;
    /// use tower_webhook::testing::{PrivateKey, TestDelivery};
    ///
    /// let key = PrivateKey::for_tests(PublicKeyAlgorithm::Ed25519);
    /// let discord = provider::discord(key.public().clone());
    /// let delivery = TestDelivery::new(&discord, r#"{"id":"1","type":2}"#).signed_by_key(key);
    /// assert!(delivery.request::<bytes::Bytes>().is_ok());
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    #[cfg(feature = "asymmetric")]
    pub fn signed_by_key(mut self, key: crate::testing::PrivateKey) -> Self {
        self.secret = Some(Material::Private(key.into()));
        self
    }

    /// Signs a time this far in the past.
    pub fn aged(mut self, age: Duration) -> Self {
        self.shift = Some(Shift::Back(age));
        self
    }

    /// Signs a time this far in the future.
    pub fn ahead(mut self, span: Duration) -> Self {
        self.shift = Some(Shift::Ahead(span));
        self
    }

    /// Signs this text as the timestamp: the signature is correct, but the timestamp may not be.
    pub fn timestamp(mut self, text: &str) -> Self {
        self.timestamp = Some(text.to_owned());
        self
    }

    /// Sends another time than the signed one: one second later, or with a digit appended if it is
    /// not a number.
    pub fn timestamp_changed(mut self) -> Self {
        self.tampers.timestamp = true;
        self
    }

    /// Signs with a secret that no receiver has.
    pub fn wrong_secret(mut self) -> Self {
        self.tampers.secret = true;
        self
    }

    /// Changes one bit of the signature: it is well-formed but not correct.
    pub fn signature_changed(mut self) -> Self {
        self.tampers.signature = true;
        self
    }

    /// Sends it to a path with a token that no receiver has.
    pub fn wrong_token(mut self) -> Self {
        self.tampers.token = true;
        self
    }

    /// Adds a space to the body after signing: the same JSON in other bytes.
    pub fn body_changed(mut self) -> Self {
        self.tampers.body = true;
        self
    }

    /// Puts this id in its header, whatever was signed and whatever the body says.
    pub fn header_id(mut self, id: &str) -> Self {
        self.tampers.header_id = Some(id.to_owned());
        self
    }

    /// Leaves out every header of the scheme.
    pub fn without_signature(mut self) -> Self {
        self.tampers.unsigned = true;
        self
    }

    /// Uses a method other than the provider's first delivery method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets this header, replacing its present value.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        (self.edits).push(Edit::Set(name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds another line of this header.
    pub fn another_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        (self.edits).push(Edit::Add(name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Leaves out this header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.edits.push(Edit::Remove(name.to_owned()));
        self
    }

    /// The delivery as a request. Each call makes a new one, signed anew.
    ///
    /// # Errors
    ///
    /// If it cannot be a request: an invalid path or header, or a timestamp or id that no header
    /// can hold. If a secret path lacks its token. And if a setting would change nothing, so that
    /// the test would prove nothing: a part of a signature, a time or an id that the provider does
    /// not sign or send.
    pub fn request<B: From<Bytes>>(&self) -> Result<Request<B>, ConfigError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut draft = Draft {
            uri: self.uri()?,
            headers,
            body: self.body.clone(),
        };
        self.add_proof(&mut draft)?;
        let Draft {
            uri,
            mut headers,
            mut body,
        } = draft;
        for edit in &self.edits {
            edit.apply(&mut headers)?;
        }
        if self.tampers.body {
            body = body.iter().copied().chain([b' ']).collect();
        }
        let mut request = Request::new(B::from(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if let Some(peer) = self.peer {
            (request.extensions_mut()).insert(PeerAddr(SocketAddr::new(peer, PORT)));
        }
        Ok(request)
    }

    /// Sends it over HTTP to this URL instead of its path, and waits for the answer as long as its
    /// provider would.
    ///
    /// A [token](Self::token) is added to the URL. A [source address](Self::from) must belong to
    /// this machine; on Linux each `127.x.y.z` does.
    ///
    /// ```
    /// use axum::{Router, http::StatusCode, routing::post};
    /// use tower_webhook::MemoryStore;
    /// use tower_webhook::Webhook;
    /// use tower_webhook::provider::{self, blendfi};
    /// use tower_webhook::testing::{Sample, TestDelivery};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let blendfi = provider::blendfi(blendfi::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let webhook = Webhook::new(blendfi.clone()).store(MemoryStore::new());
    /// let on_event = || async { StatusCode::NO_CONTENT };
    /// let app = Router::new().route("/hooks", post(on_event).layer(webhook.build()?));
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let url = format!("http://{}/hooks", listener.local_addr()?);
    /// tokio::spawn(async { axum::serve(listener, app).await });
    ///
    /// let delivery = TestDelivery::new(&blendfi, Sample::BlendFi.body(1));
    /// assert_eq!(delivery.send_to(&url).await?.status(), StatusCode::NO_CONTENT);
    /// let forged = delivery.wrong_secret();
    /// assert_eq!(forged.send_to(&url).await?.status(), StatusCode::UNAUTHORIZED);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Whatever [`TestDelivery::request`] refuses, a URL that is not plain HTTP, and an answer that
    /// is not complete in time. The status of the answer is never an error.
    pub async fn send_to(&self, url: &str) -> Result<Response<Bytes>, SendError> {
        let refused = |error| SendError::new(SendErrorKind::Delivery, error);
        let delivery = self.clone().to(url);
        let request = delivery.request().map_err(refused)?;
        Target::of(request.uri()).map_err(refused)?;
        send_within(self.provider.contract().time_to_answer(), request).await
    }
}

fn first_method(provider: &Provider) -> Method {
    let methods = provider.contract().delivering_methods();
    methods.first().cloned().unwrap_or(Method::POST)
}

impl fmt::Debug for TestDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            body,
            method,
            path: _,
            token: _,
            peer,
            secret: _,
            family,
            id,
            unsigned_id,
            key_id,
            time,
            shift,
            timestamp,
            tampers,
            edits,
        } = self;
        f.debug_struct("TestDelivery")
            .field("provider", provider.name())
            .field("body_len", &body.len())
            .field("method", method)
            .field("peer", peer)
            .field("family", family)
            .field("id", id)
            .field("unsigned_id", unsigned_id)
            .field("key_id", key_id)
            .field("time", time)
            .field("shift", shift)
            .field("timestamp", timestamp)
            .field("tampers", tampers)
            .field("edits", edits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
