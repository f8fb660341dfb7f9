use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use tower_layer::Layer;

use super::config::DedupeConfig;
use super::kept_in::KeptIn;
use super::names::{Owner, RegisteredName, TakenName};
use super::service::Dedupe;
use super::state::{DedupeState, RequiredProofs};
use crate::authenticated::Proof;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::{EventRule, Name, Scope};
use crate::layer::authenticator::Authenticator;
use crate::layer::checks::Checks;
use crate::layer::endpoint::EndpointConfig;
use crate::layer::handler_body::{BodyAs, SameBody};
use crate::layer::webhook::{NamedSteps, Pipeline};
use crate::runtime::{RunSettings, RunState};
use crate::store::{SharedStore, Store};

/// The most bytes of a response's body that are stored: a record should be small.
const MAX_REPLAY_BODY: usize = 4096;
/// How many events one delivery may hold, and how many of them run at a time.
const MAX_ITEMS: usize = 1_000;
const ITEM_CONCURRENCY: usize = 16;

/// Runs a handler once for each event, whatever its sender repeats.
///
/// It demands that gates in front of it have proved the origin: the [`Authenticated`](crate::Authenticated) mark
/// must hold every proof that the layer was built with, or the request gets 500. Built with
/// [`DedupeLayer::builder`]; [`Webhook`](crate::Webhook) does so for a provider.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, ServiceExt};
/// use tower_webhook::event::{EventRule, Shape};
/// use tower_webhook::layer::{DedupeLayer, Proof, EndpointConfig, RequireSecretPathLayer};
/// use tower_webhook::{
///     SenderContract, MemoryStore, PathTokens, Name, RetriedStatuses, RetrySchedule,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let contract = SenderContract::new(RetrySchedule::Never, RetriedStatuses::None);
/// let endpoint = EndpointConfig::new(Name::new("acme")?, contract);
/// let tokens = PathTokens::parse(["3f9d1c0b7a5e48d26c90b1f4"])?;
/// let rule = EventRule::members([Shape::new("event", ["/id"])?])?;
/// let service = ServiceBuilder::new()
///     .layer(RequireSecretPathLayer::new(&endpoint, tokens))
///     .layer(DedupeLayer::builder(&endpoint, rule, [Proof::SecretPath]).build(MemoryStore::new())?)
///     .service_fn(|_: Request<Full<Bytes>>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     });
///
/// let send = || {
///     let request = Request::post("/hooks/3f9d1c0b7a5e48d26c90b1f4");
///     service.clone().oneshot(request.body(Full::from(r#"{"id":"evt_1"}"#)).unwrap())
/// };
/// let first = send().await?;
/// assert_eq!((first.status(), first.headers().get("idempotent-replayed")), (StatusCode::OK, None));
/// let duplicate = send().await?;
/// assert_eq!((duplicate.status(), &duplicate.headers()["idempotent-replayed"] == "true"), (StatusCode::OK, true));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DedupeLayer<M = SameBody> {
    steps: Arc<NamedSteps>,
    _handler: PhantomData<fn() -> M>,
}

impl DedupeLayer {
    /// Starts a layer that distinguishes events by `rule` and demands these proofs.
    #[track_caller]
    pub fn builder(
        endpoint: &EndpointConfig,
        rule: EventRule,
        proofs: impl IntoIterator<Item = Proof>,
    ) -> DedupeBuilder {
        DedupeBuilder {
            endpoint: endpoint.clone(),
            rule,
            demanded: RequiredProofs::All(proofs.into_iter().collect()),
            tenant: None,
            owner: Owner::here(),
            hook: None,
            config: DedupeConfig::new(),
        }
    }
}

impl DedupeLayer {
    /// Calls the inner service with a body of this type, whatever the request's body type is. By
    /// default, the body keeps the request's type.
    pub fn handler_body<T: From<Bytes>>(self) -> DedupeLayer<BodyAs<T>> {
        DedupeLayer {
            steps: self.steps,
            _handler: PhantomData,
        }
    }
}

impl<S, M> Layer<S> for DedupeLayer<M> {
    type Service = Dedupe<S, M>;

    fn layer(&self, inner: S) -> Dedupe<S, M> {
        Dedupe::new(inner, Arc::clone(&self.steps))
    }
}

/// Builds a [`DedupeLayer`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct DedupeBuilder {
    endpoint: EndpointConfig,
    rule: EventRule,
    demanded: RequiredProofs,
    tenant: Option<Name>,
    owner: Owner,
    hook: Option<&'static str>,
    config: DedupeConfig,
}

impl DedupeBuilder {
    /// Separates the events of this account from those of the sender's other accounts.
    pub fn tenant(mut self, tenant: Name) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Names this consumer of the events, if each event must reach several consumers. See
    /// [`Webhook::consumer`](crate::Webhook::consumer).
    pub fn consumer(mut self, name: Name) -> Self {
        self.endpoint = self.endpoint.consumer(name);
        self
    }

    /// Sets how events are claimed, kept and confirmed, if the defaults do not fit.
    pub fn config(mut self, config: DedupeConfig) -> Self {
        self.config = config;
        self
    }

    /// Accepts deliveries that no gate has proved.
    ///
    /// # Insecure
    ///
    /// Anybody can then mark any event as handled. For tests.
    pub fn with_insecure_unauthenticated(mut self) -> Self {
        self.demanded = RequiredProofs::Nothing;
        self
    }

    pub(crate) fn owned_by(mut self, owner: Owner, hook: Option<&'static str>) -> Self {
        self.owner = owner;
        self.hook = hook;
        self
    }

    /// The layer, with its records in this store.
    ///
    /// # Errors
    ///
    /// Refuses: no demanded proof, or none that vouches for the query if the rule reads it; a
    /// custom proof, which no single layer gives; a name that another webhook of this process has
    /// taken in this store, while a layer or service of that webhook lives; a retention, lease or
    /// renewal ceiling that the sender's schedule does not allow (the error gives both numbers); a
    /// `replay_responses` limit of more than 4 KiB.
    pub fn build(self, store: impl Store) -> Result<DedupeLayer, ConfigError> {
        let steps = self.steps_alone(&KeptIn::Store(SharedStore::new(store)))?;
        Ok(DedupeLayer {
            steps,
            _handler: PhantomData,
        })
    }

    /// The steps without gates in the same layer.
    pub(super) fn steps_alone(self, kept_in: &KeptIn) -> Result<Arc<NamedSteps>, ConfigError> {
        let endpoint = self.endpoint.clone();
        self.alone(kept_in).map_err(|error| endpoint.refused(error))
    }

    fn alone(self, kept_in: &KeptIn) -> Result<Arc<NamedSteps>, ConfigError> {
        if self.demanded.include_own() {
            return Err(ConfigError::new(
                ConfigErrorKind::Proof,
                "one of your own is demanded, which no layer before this one gives: build a `Webhook` \
                 of a `Provider` that is `proved_by` it",
            ));
        }
        // The gates are in separate layers.
        let authenticator = Authenticator {
            endpoint: self.endpoint.clone(),
            checks: Checks::default(),
            observe_passed: false,
        };
        self.steps(authenticator, kept_in)
    }

    /// The steps that follow these gates.
    pub(crate) fn steps(
        self,
        authenticator: Authenticator,
        kept_in: &KeptIn,
    ) -> Result<Arc<NamedSteps>, ConfigError> {
        let DedupeConfig {
            confirms,
            drain,
            retention,
            lease,
            renewal_ceiling,
            refuse_old,
            replay_body,
            fail_open,
            shares_name,
            max_items,
            item_concurrency,
        } = self.config;
        let demanded = match self.demanded {
            RequiredProofs::All(proofs) if proofs.is_empty() => {
                return Err(ConfigError::new(
                    ConfigErrorKind::Proof,
                    "none is demanded, so that an unproved request would mark events as handled: name \
                     what the layers outside prove, such as `Proof::Signature`",
                ));
            }
            demanded => demanded,
        };
        if self.rule.reads_query() && !demanded.covers_query() {
            return Err(ConfigError::new(
                ConfigErrorKind::EventRule,
                "a parameter of the query is part of the key, and no signature covers the query: \
                 whoever holds a captured delivery could make new events of it; demand a secret \
                 path or a source address too",
            ));
        }
        if self.rule.lacks_envelope() {
            return Err(ConfigError::new(
                ConfigErrorKind::EventRule,
                "a member of an envelope (^/…) is part of the key, and only the items of a list have \
                 one: make the rule that of an item, by EventRule::each",
            ));
        }
        if self.rule.is_ordered() && matches!(kept_in, KeptIn::Store(_)) {
            return Err(ConfigError::new(
                ConfigErrorKind::EventRule,
                "its events are in an order, which only those have that wait in an inbox: give the \
                 webhook one by inbox(…), or leave out ordered(…)",
            ));
        }
        if let Some(asked) = replay_body
            && asked > MAX_REPLAY_BODY
        {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!(
                    "{asked} bytes of a response are more than the {MAX_REPLAY_BODY} that a record \
                     holds: keep at most so many"
                ),
            )
            .in_setting("replay_responses"));
        }
        let contract = &self.endpoint.contract;
        contract.check_words()?;
        contract.check_deadline()?;
        let lease = contract.check_lease(lease.unwrap_or_else(|| contract.default_lease()))?;
        let usual_ceiling = contract.default_renewal_ceiling().max(lease);
        let renewal_ceiling =
            contract.check_renewal_ceiling(renewal_ceiling.unwrap_or(usual_ceiling), lease)?;
        let retention =
            contract.check_retention(retention.unwrap_or_else(|| contract.default_retention()))?;
        self.endpoint.warn_of_bodies_that_never_fit();
        self.endpoint.warn_of_unconfirmed_bodies(&confirms);
        let scope = Scope {
            tenant: self.tenant,
            consumer: self.endpoint.consumer.clone(),
            ..Scope::default()
        };
        let scope = scope.shared();
        let name = RegisteredName {
            store: kept_in.identity(),
            provider: self.endpoint.provider.clone(),
            hook: self.hook,
            scope: scope.clone(),
        };
        let name = TakenName::take(name, self.owner, shares_name)?;
        let settings = RunSettings {
            confirms,
            drain,
            waiting: self.endpoint.budget.waiting_room(),
            fail_open,
            sender_retries: contract.retries_at_all(),
            is_timed: self.endpoint.is_timed(),
            is_queued: false,
            mark: None,
        };
        #[cfg(feature = "inbox")]
        let door = kept_in.door(&self.endpoint.provider, scope.as_deref(), self.hook);
        let store = kept_in.store();
        let run_state = |store, settings| {
            Arc::new(RunState::new(
                store,
                retention,
                lease,
                renewal_ceiling,
                settings,
            ))
        };
        let for_items = store.for_items().filter(|_| self.rule.has_items());
        let item_runs = for_items.map(|store| run_state(store, settings.clone()));
        let runs = run_state(store, settings);
        let core = Arc::new(DedupeState {
            endpoint: self.endpoint,
            rule: self.rule,
            scope,
            demanded,
            item_runs: item_runs.unwrap_or_else(|| Arc::clone(&runs)),
            runs,
            refuse_old,
            replay_body,
            max_items: max_items.unwrap_or(MAX_ITEMS),
            item_concurrency: item_concurrency.unwrap_or(ITEM_CONCURRENCY).max(1),
            #[cfg(feature = "inbox")]
            door,
        });
        let pipeline = Pipeline {
            authenticator,
            core,
        };
        Ok(Arc::new(NamedSteps {
            steps: Arc::new(pipeline),
            _name: name,
        }))
    }
}
