mod diagnosed;
#[cfg(feature = "page")]
mod facts;
mod has_store;
mod health;
mod layer;
#[cfg(feature = "metrics")]
mod numbers;
#[cfg(feature = "inbox")]
mod served;

use std::net::IpAddr;
use std::sync::Arc;

use http::Extensions;
use tower_layer::Layer;

use crate::clock::Clock;
use crate::error::ConfigError;
use crate::event::Name;
#[cfg(feature = "inbox")]
use crate::inbox::{Inbox, SharedInbox};
use crate::journal::Journal;
use crate::layer::{
    Authenticator, Budget, Checks, DedupeConfig, DedupeLayer, EndpointConfig, KeptIn, Origin,
    Owner, PeerSource, SecretPathGate, SourceGate, WebhookService,
};
use crate::observer::Observer;
use crate::provider::Provider;
use crate::rejection::RejectionResponse;
use crate::source::{Allowlist, TrustedProxies};
use crate::store::{SharedStore, Store};

#[cfg(feature = "page")]
pub(crate) use self::facts::{EndpointFacts, KeptIn as EndpointKeptIn, KeyFacts};
use self::has_store::HasStore;
pub use self::has_store::NoStore;
pub use self::layer::WebhookLayer;

/// Everything that one provider's deliveries pass through, in the right order, as one layer.
///
/// Method, secret path, source address, header shape, body, signature, time window, event key,
/// confirmation, claim, handler, record. Steps that a provider does not need are left out. A
/// request that is refused early costs no body.
///
/// ```
/// use axum::{Router, body::Body, http::{Request, StatusCode}, routing::post};
/// use tower::ServiceExt;
/// use tower_webhook::{Delivery, MemoryStore, PathTokens, Webhook, provider};
///
/// async fn on_event(delivery: Delivery) -> StatusCode {
///     println!("attempt {} at {}", delivery.attempt(), delivery.key());
///     StatusCode::NO_CONTENT
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let bloque = Webhook::new(provider::bloque_accounts(tokens)).store(MemoryStore::new());
/// let app: Router = Router::new()
///     .route("/webhooks/bloque/{token}", post(on_event).layer(bloque.build()?));
///
/// let to = |path: &str| {
///     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
///     app.clone().oneshot(Request::post(path).body(Body::from(event)).unwrap())
/// };
/// let accepted = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
/// assert_eq!(accepted.status(), StatusCode::NO_CONTENT);
/// let duplicate = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
/// assert_eq!(duplicate.headers()["idempotent-replayed"], "true");
/// let forged = to("/webhooks/bloque/guessed-token").await?;
/// assert_eq!(forged.status(), StatusCode::NOT_FOUND);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a webhook does nothing until it is built and its layer is used"]
pub struct Webhook<S = SharedStore> {
    provider: Provider,
    endpoint: EndpointConfig,
    proxies: TrustedProxies,
    peer: PeerSource,
    store: S,
    dedupe: DedupeConfig,
    owner: Owner,
}

impl Webhook<NoStore> {
    /// A webhook of this provider. Tell it next where its records are kept, by [`Webhook::store`].
    #[track_caller]
    pub fn new(provider: Provider) -> Self {
        let mut endpoint = EndpointConfig::new(provider.name.clone(), provider.contract.clone());
        if let Some(verifier) = &provider.signature {
            endpoint.learn(verifier.scheme());
        }
        if let Some(proof) = &provider.custom {
            endpoint.learn_secret(proof.secret_headers());
        }
        #[cfg(feature = "senders")]
        endpoint.learn_secret(provider.brought_in());
        Self {
            provider,
            endpoint,
            proxies: TrustedProxies::none(),
            peer: PeerSource::Extension,
            store: NoStore::new(),
            dedupe: DedupeConfig::new(),
            owner: Owner::here(),
        }
    }
}

impl<S> Webhook<S> {
    /// Keeps the records in this store.
    ///
    /// [`MemoryStore`](crate::MemoryStore) forgets them at every restart. **Two webhooks that keep
    /// their records in one store under one name take each other's events for duplicates**: with
    /// two services on one Redis, or two handlers of one provider, each event reaches only one of
    /// them. Give every consumer that must see the events for itself a name with
    /// [`Webhook::consumer`], or its own namespace in the store. Within one process, the second
    /// webhook is refused when it is built. Across processes, it cannot be distinguished from a
    /// second receiver of the same webhook.
    pub fn store(self, store: impl Store) -> Webhook {
        self.kept_in(SharedStore::new(store))
    }

    /// Keeps the events in this inbox and answers at once, instead of running the handler. A
    /// [worker](crate::worker) runs it later, in this process or in another one.
    ///
    /// The sender gets its success as soon as the event is durably held. If the inbox is full or out of
    /// reach, it gets the not-now status. The handler on the route runs only for requests that need
    /// their answer now, such as a [question](crate::event::Shape::answered). The worker also asks for
    /// the confirmations that a provider or [`DedupeConfig`] requires, so build its webhook alike.
    ///
    /// As with [`Webhook::store`], the name belongs to one webhook. Of the settings of
    /// [`DedupeConfig`], lease, renewal ceiling and stored answers apply to inline runs only.
    #[cfg(feature = "inbox")]
    pub fn inbox(self, inbox: impl Inbox) -> Webhook<SharedInbox> {
        self.kept_in(SharedInbox::new(inbox))
    }

    fn kept_in<K>(self, store: K) -> Webhook<K> {
        let Self {
            provider,
            endpoint,
            proxies,
            peer,
            store: _,
            dedupe,
            owner,
        } = self;
        Webhook {
            provider,
            endpoint,
            proxies,
            peer,
            store,
            dedupe,
            owner,
        }
    }

    /// Sets how events are claimed, kept and confirmed: lease, retention, drain and more.
    ///
    /// Confirmations that the provider itself requires are still asked for.
    pub fn dedupe(mut self, config: DedupeConfig) -> Self {
        self.dedupe = config;
        self
    }

    /// Names this consumer of the events: the name is part of every event's key, so that several
    /// consumers of one store each see an event once.
    ///
    /// The name belongs to one webhook with all its clones, layers and services, on several paths
    /// too. Of one provider's webhooks on a store only one can do without a name.
    ///
    /// To name a consumer on a live route forgets its past: events that it handled before run again
    /// if they are sent again. Leave the first one unnamed.
    ///
    /// ```
    /// use tower_webhook::{MemoryStore, Name, Webhook, provider};
    ///
    /// let endpoint = |secret: &str| provider::stripe::keys([secret]).map(provider::stripe);
    /// let store = MemoryStore::new();
    /// let orders = Webhook::new(endpoint("whsec_test_9f8e7d6c5b4a")?).store(store.clone());
    /// let orders = orders.build()?;
    ///
    /// let billing = Webhook::new(endpoint("whsec_test_0a1b2c3d4e5f")?).store(store);
    /// let refused = billing.build().unwrap_err().to_string();
    /// assert!(refused.contains("both keep their records as stripe"), "{refused}");
    /// let billing = billing.consumer(Name::new("billing")?).build()?;
    /// # drop((orders, billing));
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn consumer(mut self, name: Name) -> Self {
        self.endpoint = self.endpoint.consumer(name);
        self
    }

    /// Trusts these proxies to report the client's address.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Takes the peer's address from elsewhere in the request's extensions.
    ///
    /// ```
    /// use std::net::IpAddr;
    /// use tower_webhook::{Allowlist, MemoryStore, Webhook, provider};
    ///
    /// /// Put into the extensions by the server.
    /// #[derive(Clone)]
    /// struct Caller(IpAddr);
    ///
    /// let bloquo = Webhook::new(provider::bloquo(Allowlist::parse(["203.0.113.0/24"])?))
    ///     .store(MemoryStore::new())
    ///     .peer_from(|extensions| extensions.get::<Caller>().map(|caller| caller.0))
    ///     .build()?;
    /// # drop(bloquo);
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn peer_from(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = PeerSource::Custom(Arc::new(find));
        self
    }

    /// Refuses longer bodies with 413, whether or not their length is announced. Defaults to the
    /// [largest](crate::SenderContract::largest_body) body that the sender sends.
    ///
    /// The large bodies of one layer take at most half of its [`Budget`]; longer ones get the
    /// not-now status.
    pub fn max_body_bytes(mut self, limit: usize) -> Self {
        self.endpoint = self.endpoint.max_body_bytes(limit);
        self
    }

    /// Shares a budget for bodies and waiting duplicates with other webhooks.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.endpoint = self.endpoint.budget(budget);
        self
    }

    /// Takes the time from another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.endpoint = self.endpoint.clock(clock);
        self
    }

    /// Shows every outcome to this observer instead of the `tracing` one.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.endpoint = self.endpoint.observer(observer);
        self
    }

    /// Records every request and its outcome in this journal. Several webhooks may share one.
    ///
    /// ```
    /// use tower_webhook::journal::{Journal, JournalError, JournalFiles};
    /// use tower_webhook::{MemoryStore, Webhook, provider};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let journal = Journal::start(JournalFiles::open("/var/log/webhooks")?)?;
    /// let stripe = provider::stripe(provider::stripe::keys(["whsec_test_9f8e7d6c5b4a"])?);
    /// let layer = Webhook::new(stripe).store(MemoryStore::new()).journal(&journal).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn journal(mut self, journal: &Journal) -> Self {
        self.endpoint
            .recorded_by(journal.port(self.provider.masks()));
        self
    }

    /// Shapes the responses to refused deliveries.
    pub fn rejection_response(mut self, response: impl RejectionResponse) -> Self {
        self.endpoint = self.endpoint.rejection_response(response);
        self
    }

    /// Answers an authentic delivery whose time is outside the window with the not-now status
    /// instead of 401. [`EndpointConfig::stale_is_not_now`] says what that costs.
    pub fn stale_is_not_now(mut self) -> Self {
        self.endpoint = self.endpoint.stale_is_not_now();
        self
    }

    /// The layer, for a method router, a router or any service.
    ///
    /// The inner service is polled for readiness once an event is claimed for it, and is called in its
    /// own task. Values that outer middleware hands on are in the request's extensions; a `task_local!`
    /// of the request's task is not visible. The inner service must not contain another dedupe layer.
    ///
    /// # Errors
    ///
    /// Whatever [`DedupeBuilder::build`](crate::layer::DedupeBuilder::build) and
    /// [`RequireSourceIpLayer::new`](crate::layer::RequireSourceIpLayer::new) refuse, including a
    /// name that another webhook has taken in the same store.
    pub fn build(&self) -> Result<WebhookLayer, ConfigError>
    where
        S: HasStore,
    {
        let of = |error: ConfigError| error.of_provider(self.provider.name.to_string());
        self.build_on(&self.store.kept_in()).map_err(of)
    }

    fn build_on(&self, kept_in: &KeptIn) -> Result<WebhookLayer, ConfigError> {
        let Provider {
            tenant,
            hook,
            rule,
            paths,
            sources,
            confirms,
            ..
        } = &self.provider;
        (self.provider).check_coverage(!self.dedupe.confirms.is_empty())?;
        let (signature, custom) = self.provider.proofs();
        let gate = |allowlist: &Allowlist| {
            let mut gate = SourceGate::new(allowlist.clone(), &self.endpoint.clock)?;
            gate.proxies = self.proxies.clone();
            gate.peer = self.peer.clone();
            Ok(gate)
        };
        let checks = Checks {
            by_method: true,
            path: (!paths.is_empty()).then(|| SecretPathGate::new(paths.clone())),
            sources: sources.iter().map(gate).collect::<Result<_, _>>()?,
            signature,
            custom,
            #[cfg(feature = "senders")]
            challenges: self.provider.challenges(),
        };
        let mut dedupe = self.dedupe.clone();
        dedupe.confirms.splice(..0, confirms.iter().cloned());
        let mut builder = DedupeLayer::builder(&self.endpoint, rule.clone(), checks.proofs())
            .config(dedupe)
            .owned_by(self.owner.clone(), *hook);
        if let Some(tenant) = tenant {
            builder = builder.tenant(tenant.clone());
        }
        let mut endpoint = self.endpoint.clone();
        endpoint.origin = Origin {
            peer: self.peer.clone(),
            proxies: self.proxies.clone(),
        };
        #[cfg(feature = "page")]
        {
            endpoint.masks = Arc::new(self.provider.masks());
        }
        let authenticator = Authenticator {
            endpoint,
            checks,
            observe_passed: false,
        };
        let steps = builder.steps(authenticator, kept_in)?;
        Ok(WebhookLayer::new(steps))
    }
}

/// A built webhook; an unbuilt [`Webhook`] is none, so that the compiler can say what is missing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer until it is built",
    label = "not a built webhook",
    note = "a webhook is built by `.build()?`, with the `?`"
)]
pub trait IsBuilt {
    #[doc(hidden)]
    fn built(&self) -> &WebhookLayer;
}

impl IsBuilt for WebhookLayer {
    fn built(&self) -> &Self {
        self
    }
}

#[doc(hidden)]
impl<S, T> Layer<S> for Webhook<T>
where
    Self: IsBuilt,
{
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> WebhookService<S> {
        self.built().layer(inner)
    }
}
