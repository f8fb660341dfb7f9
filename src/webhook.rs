use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Extensions;
use tower_layer::Layer;

use crate::clock::Clock;
use crate::error::ConfigError;
use crate::event::Name;
use crate::layer::{
    Authenticator, Budget, Checks, DedupeLayer, EndpointConfig, NamedSteps, Origin, Owner,
    PeerSource, SecretPathGate, Settings, SourceGate, WebhookService,
};
use crate::observer::Observer;
use crate::provider::Provider;
use crate::rejection::RejectionResponse;
use crate::runtime::{Confirm, ConfirmSubject, Drain, SharedConfirm};
use crate::source::TrustedProxies;
use crate::store::{MemoryStore, SharedStore, Store};

/// Everything that one provider's deliveries pass, in the right order, as one layer.
///
/// Method, secret path, source address, header shape, body, signature, time window, event key,
/// confirmation, claim, handler, record: what a provider does not need is left out, what is refused
/// early costs no body.
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
/// let bloque = Webhook::new(provider::bloque_accounts(tokens)).dedupe(MemoryStore::new());
/// let app: Router = Router::new()
///     .route("/webhooks/bloque/{token}", post(on_event).layer(bloque.layer()?));
///
/// let to = |path: &str| {
///     let event = r#"{"type":"authorization","event":"purchase","transaction_id":"tx_1"}"#;
///     app.clone().oneshot(Request::post(path).body(Body::from(event)).unwrap())
/// };
/// let accepted = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
/// assert_eq!(accepted.status(), StatusCode::NO_CONTENT);
/// let copy = to("/webhooks/bloque/3f9d1c0b7a5e48d26c90b1f4").await?;
/// assert_eq!(copy.headers()["idempotent-replayed"], "true");
/// let forged = to("/webhooks/bloque/guessed-token").await?;
/// assert_eq!(forged.status(), StatusCode::NOT_FOUND);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a webhook does nothing until its layer is used"]
pub struct Webhook {
    provider: Provider,
    endpoint: EndpointConfig,
    proxies: TrustedProxies,
    peer: PeerSource,
    store: SharedStore,
    settings: Settings,
    owner: Owner,
}

impl Webhook {
    /// A webhook of this provider, with records in memory: [`Webhook::dedupe`] keeps them
    /// elsewhere.
    #[track_caller]
    pub fn new(provider: Provider) -> Self {
        let mut endpoint = EndpointConfig::new(provider.name.clone(), provider.contract.clone());
        if let Some(verifier) = &provider.signature {
            endpoint.learn(verifier.scheme());
        }
        if let Some(proof) = &provider.custom {
            endpoint.learn_secret(proof.secret_headers());
        }
        let settings = Settings {
            confirms: provider.confirms.clone(),
            ..Settings::default()
        };
        Self {
            provider,
            endpoint,
            proxies: TrustedProxies::none(),
            peer: PeerSource::Extension,
            store: SharedStore::new(MemoryStore::new()),
            settings,
            owner: Owner::here(),
        }
    }

    /// Keeps the records in this store.
    ///
    /// **Two webhooks that keep their records in one store under one name take each other's events
    /// for duplicates**: of two services on one Redis, or two handlers of one provider, each event
    /// then reaches one. Give every consumer that is to see the events for itself a name by
    /// [`Webhook::consumer`], or a namespace of its own in the store. In one process a second
    /// webhook is refused when its layer is built; across processes nothing can tell it from a
    /// second receiver of the same.
    pub fn dedupe(mut self, store: impl Store) -> Self {
        self.store = SharedStore::new(store);
        self
    }

    /// Names this consumer of the events: the name is part of every event's key, so that several
    /// consumers of one store each see an event once.
    ///
    /// The name belongs to one webhook with all its clones, layers and services, on several paths
    /// too. A webhook without one takes the name that is none, and another one then needs one.
    ///
    /// To name a consumer on a live route forgets its past: events that it handled before run again
    /// if they are sent again. Leave the first one unnamed.
    ///
    /// ```
    /// use tower_webhook::{MemoryStore, Name, Webhook, provider};
    ///
    /// let endpoint = |secret: &str| provider::stripe::keys([secret]).map(provider::stripe);
    /// let store = MemoryStore::new();
    /// let orders = Webhook::new(endpoint("whsec_test_9f8e7d6c5b4a")?).dedupe(store.clone());
    /// let orders = orders.layer()?;
    ///
    /// let billing = Webhook::new(endpoint("whsec_test_0a1b2c3d4e5f")?).dedupe(store);
    /// let refused = billing.layer().unwrap_err().to_string();
    /// assert!(refused.contains("both keep their records as stripe"), "{refused}");
    /// let billing = billing.consumer(Name::new("billing")?).layer()?;
    /// # drop((orders, billing));
    /// # Ok::<(), tower_webhook::ConfigError>(())
    /// ```
    pub fn consumer(mut self, name: Name) -> Self {
        self.endpoint = self.endpoint.consumer(name);
        self
    }

    /// Lets the layer keep its records under a name that another webhook of this process has, in
    /// the same store: while a configuration is read anew, or where one process plays several
    /// receivers.
    pub fn shares_name(mut self) -> Self {
        self.settings.shares_name = true;
        self
    }

    /// Believes these proxies about the client's address.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Takes the peer's address from elsewhere in the request's extensions.
    pub fn peer_from(
        mut self,
        find: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = PeerSource::Custom(Arc::new(find));
        self
    }

    /// Refuses longer bodies with 413, announced or not. The
    /// [largest](crate::SenderContract::largest_body) that the sender sends unless set.
    ///
    /// One layer's large bodies take at most half of its [`Budget`]: longer ones are told "not now".
    pub fn max_body_bytes(mut self, limit: usize) -> Self {
        self.endpoint = self.endpoint.max_body_bytes(limit);
        self
    }

    /// Shares a budget for bodies and waiting copies with other webhooks.
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

    /// Asks whether an event is true before it is claimed, beside what the provider itself asks:
    /// all must agree.
    pub fn confirm(mut self, confirm: impl Confirm) -> Self {
        self.settings.confirms.push(SharedConfirm::new(confirm));
        self
    }

    /// The same, with one question for all deliveries about one subject.
    pub fn confirm_subject(mut self, confirm: impl ConfirmSubject) -> Self {
        self.settings
            .confirms
            .push(SharedConfirm::by_subject(confirm));
        self
    }

    /// Lets this drain wait for the handlers.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.settings.drain = drain;
        self
    }

    /// How long a record is kept. See
    /// [`SenderContract::default_retention`](crate::SenderContract::default_retention).
    pub fn retention(mut self, retention: Duration) -> Self {
        self.settings.retention = Some(retention);
        self
    }

    /// How long a claim lasts without renewal: what a receiver that dies holds an event for. See
    /// [`SenderContract::default_lease`](crate::SenderContract::default_lease).
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = Some(lease);
        self
    }

    /// How long a claim is renewed for in all. See
    /// [`SenderContract::default_renewal_ceiling`](crate::SenderContract::default_renewal_ceiling).
    pub fn renewal_ceiling(mut self, ceiling: Duration) -> Self {
        self.settings.renewal_ceiling = Some(ceiling);
        self
    }

    /// Refuses, with 422, events that happened before the retention began: that they are no copies
    /// is not certain.
    pub fn refuse_old_events(mut self) -> Self {
        self.settings.refuse_old = true;
        self
    }

    /// Keeps response bodies of up to this many bytes (at most 4 KiB) with the record, and answers
    /// copies with the first one's status, body and `Content-Type` instead of an empty 200. See
    /// [`DedupeBuilder::replay_responses`](crate::layer::DedupeBuilder::replay_responses).
    pub fn replay_responses(mut self, max_body_bytes: usize) -> Self {
        self.settings.replay_body = Some(max_body_bytes);
        self
    }

    /// Runs handlers while the store cannot be asked.
    ///
    /// # Insecure
    ///
    /// As [`DedupeBuilder::with_insecure_fail_open`](crate::layer::DedupeBuilder::with_insecure_fail_open).
    pub fn with_insecure_fail_open(mut self) -> Self {
        self.settings.fail_open = true;
        self
    }

    /// The layer, for a method router, a router or any service.
    ///
    /// The service inside is asked whether it is ready once an event is claimed for it, and called in a
    /// task of its own: what a middleware outside hands on stands in the request's extensions, no
    /// `task_local!` of the request's task is seen. No other dedupe layer may stand inside.
    ///
    /// # Errors
    ///
    /// Whatever [`DedupeBuilder::build`](crate::layer::DedupeBuilder::build) and
    /// [`RequireSourceIpLayer::new`](crate::layer::RequireSourceIpLayer::new) refuse; among it a
    /// name that another webhook has taken in the same store.
    pub fn layer(&self) -> Result<WebhookLayer, ConfigError> {
        let of = |error: ConfigError| error.of_provider(self.provider.name.to_string());
        self.build_layer().map_err(of)
    }

    fn build_layer(&self) -> Result<WebhookLayer, ConfigError> {
        let Provider {
            name: _,
            tenant,
            hook,
            contract: _,
            rule,
            path,
            source,
            signature,
            custom,
            confirms: _,
        } = &self.provider;
        let source = match source {
            Some(allowlist) => {
                let mut gate = SourceGate::new(allowlist.clone(), &self.endpoint.clock)?;
                gate.proxies = self.proxies.clone();
                gate.peer = self.peer.clone();
                Some(gate)
            }
            None => None,
        };
        let checks = Checks {
            post_only: true,
            path: path.clone().map(SecretPathGate::new),
            source,
            signature: signature.clone(),
            custom: custom.clone(),
        };
        let mut builder = DedupeLayer::builder(&self.endpoint, rule.clone(), checks.proofs())
            .settings(self.settings.clone())
            .owned_by(self.owner.clone(), *hook);
        if let Some(tenant) = tenant {
            builder = builder.tenant(tenant.clone());
        }
        let mut endpoint = self.endpoint.clone();
        endpoint.origin = Origin {
            peer: self.peer.clone(),
            proxies: self.proxies.clone(),
        };
        let authenticator = Authenticator {
            endpoint,
            checks,
            observe_passed: false,
        };
        let steps = builder.steps(authenticator, self.store.clone())?;
        Ok(WebhookLayer { steps })
    }
}

/// The layer of a [`Webhook`].
#[derive(Debug, Clone)]
pub struct WebhookLayer {
    steps: Arc<NamedSteps>,
}

impl<S> Layer<S> for WebhookLayer {
    type Service = WebhookService<S>;

    fn layer(&self, inner: S) -> WebhookService<S> {
        WebhookService::new(inner, Arc::clone(&self.steps))
    }
}
