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

/// Any port will do: addresses are looked at alone.
const PORT: u16 = 50_000;

/// A delivery as a provider makes it, to be sent to a handler under test; whatever is not said is
/// right.
///
/// It is signed with the first key of the provider's own ring, now, and for the event that its body
/// holds. Two things the provider does not know, because no secret can be read back and no sender
/// has one address only: the [token](Self::token) of a secret path, and the address that it comes
/// [from](Self::from).
///
/// Those that end in `_changed` make it wrong, and so do [`wrong_secret`](Self::wrong_secret),
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
/// // The verifier alone: no server, no handler.
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

    /// Sends it to this path, or to this URL; a [token](Self::token) is added to it.
    pub fn to(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds this token to the path.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Sends it from this address, as [`PeerAddr`] tells it.
    ///
    /// Without one the request says nothing of its peer, as where a server does not tell it.
    pub fn from(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Sends it at this time, which is what is signed. When the request is made, unless set.
    pub fn at(mut self, time: UnixTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Signs with this secret: during a roll-over, for one, with the old one.
    pub fn signed_by(mut self, secret: SigningSecret) -> Self {
        self.secret = Some(Material::Secret(secret));
        self
    }

    /// Signs with this private key, where the provider's signatures are proved by public ones.
    ///
    /// The key of the provider signs unless set, if it is a
    /// [private](crate::SigningKey::private) one.
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

    /// Signs a time that lies this far back.
    pub fn aged(mut self, age: Duration) -> Self {
        self.shift = Some(Shift::Back(age));
        self
    }

    /// Signs a time that lies this far ahead.
    pub fn ahead(mut self, span: Duration) -> Self {
        self.shift = Some(Shift::Ahead(span));
        self
    }

    /// Signs this text as time, whatever it is: the signature is right, the timestamp may not be.
    pub fn timestamp(mut self, text: &str) -> Self {
        self.timestamp = Some(text.to_owned());
        self
    }

    /// Tells another time than was signed: one second later, or one more digit where it is no
    /// number.
    pub fn timestamp_changed(mut self) -> Self {
        self.tampers.timestamp = true;
        self
    }

    /// Signs with a secret that no receiver has.
    pub fn wrong_secret(mut self) -> Self {
        self.tampers.secret = true;
        self
    }

    /// Changes one bit of the signature: it is written as it should be, and is not the right one.
    pub fn signature_changed(mut self) -> Self {
        self.tampers.signature = true;
        self
    }

    /// Sends it to a path with a token that no receiver has.
    pub fn wrong_token(mut self) -> Self {
        self.tampers.token = true;
        self
    }

    /// Adds a space to the body after it was signed: the same JSON, other bytes.
    pub fn body_changed(mut self) -> Self {
        self.tampers.body = true;
        self
    }

    /// Tells this id in the header for it, whatever was signed and whatever the body says.
    pub fn header_id(mut self, id: &str) -> Self {
        self.tampers.header_id = Some(id.to_owned());
        self
    }

    /// Leaves out every header that the scheme has.
    pub fn without_signature(mut self) -> Self {
        self.tampers.unsigned = true;
        self
    }

    /// Uses another method than its provider delivers with first.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets this header instead of what would stand there.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        (self.edits).push(Edit::Set(name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds a line of this header to what stands there.
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
    /// What can be in no request: a path or a header that is none, a timestamp or id that no
    /// header can hold. A secret path without its token. And what would change nothing, so that a
    /// test proves nothing: something of a signature, a time or an id that the provider does not
    /// sign or tell.
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

    /// Sends it over HTTP to this URL, instead of the path that it has, and waits for the answer as
    /// long as its provider would.
    ///
    /// A [token](Self::token) is added to the URL. An address that it comes [from](Self::from) must
    /// be one of this machine's; on Linux each `127.x.y.z` is.
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
    /// What [`TestDelivery::request`] refuses, a URL that is none of plain HTTP, and no whole answer
    /// in time; the answer's status is none.
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
