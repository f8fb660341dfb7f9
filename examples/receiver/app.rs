//! The webhooks and their handlers, which are the same inline and with an inbox.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use tower_webhook::inbox::SharedInbox;
use tower_webhook::layer::{Budget, TracingObserver};
use tower_webhook::metrics::MetricsObserver;
use tower_webhook::provider::{blendfi, bloque};
use tower_webhook::runtime::Failure;
use tower_webhook::worker::{InboxExt, Worker};
use tower_webhook::{
    ConfigError, DedupeConfig, Delivery, Drain, Provider, Webhook, WebhookLayer, provider,
};

use crate::effects::Effects;
use crate::page::Watch;
use crate::settings::Settings;
use crate::store::Kept;

/// The state that the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) effects: Arc<Effects>,
    handler_delay: Duration,
    fail_first: u64,
    gives_up: bool,
}

/// A webhook for each hook of each sender.
pub(crate) struct Webhooks {
    pub(crate) blendfi: WebhookLayer,
    pub(crate) bloquo: WebhookLayer,
    pub(crate) blox: WebhookLayer,
    pub(crate) accounts: WebhookLayer,
    pub(crate) payments: WebhookLayer,
}

impl Webhooks {
    /// All of them.
    pub(crate) fn all(&self) -> [&WebhookLayer; 5] {
        let Self {
            blendfi,
            bloquo,
            blox,
            accounts,
            payments,
        } = self;
        [blendfi, bloquo, blox, accounts, payments]
    }

    pub(crate) fn new(
        settings: &Settings,
        kept: &Kept,
        drain: &Drain,
        watch: &Watch,
    ) -> Result<Self, ConfigError> {
        // One budget for everything that strangers can make the process hold.
        let budget = Budget::default();
        let webhook = |provider: Provider| {
            let webhook = Webhook::new(provider)
                .budget(budget.clone())
                .observer((TracingObserver, MetricsObserver::new(), watch.observer()))
                .dedupe(DedupeConfig::new().drain(drain.clone()))
                .trusted_proxies(settings.trusted_proxies.clone())
                .max_body_bytes(settings.max_body_bytes);
            let webhook = match watch.journal() {
                Some(journal) => webhook.journal(journal),
                None => webhook,
            };
            match kept {
                Kept::Store(store) => webhook.store(store.clone()).build(),
                Kept::Inbox(inbox) => webhook.inbox(inbox.clone()).build(),
            }
        };
        Ok(Self {
            blendfi: webhook(provider::blendfi(settings.blendfi_keys.clone()))?,
            bloquo: webhook(provider::bloquo(settings.bloquo_sources.clone()))?,
            // A real receiver queries BLOX's API here: see `provider::blox`.
            blox: webhook(provider::blox(settings.blox_tokens.clone()).without_status_check())?,
            accounts: webhook(provider::bloque_accounts(settings.bloque_tokens.clone()))?,
            payments: webhook(provider::bloque_payments(settings.bloque_keys.clone()))?,
        })
    }

    /// A worker that runs the handlers for the entries of the inbox.
    pub(crate) fn worker(
        &self,
        inbox: &SharedInbox,
        app: App,
        concurrency: usize,
        drain: &Drain,
    ) -> Result<Worker, ConfigError> {
        inbox
            .worker()
            .concurrency(concurrency)
            .drain(drain.clone())
            .with_state(app)
            .on(&self.blendfi, on_blendfi)
            .on(&self.bloquo, on_event)
            .on(&self.blox, on_event)
            .on(&self.accounts, on_bloque)
            .on(&self.payments, on_event)
            .build()
    }
}

/// A typed payload: an unknown event type is a value like any other.
pub(crate) async fn on_blendfi(State(app): State<App>, delivery: Delivery) -> Result<(), Failure> {
    if let Ok(payload) = serde_json::from_slice::<blendfi::Payload>(&delivery.body()) {
        tracing::info!(
            kind = payload.kind.as_str(),
            "BlendFi tells of {}",
            delivery.key()
        );
    }
    app.handle(&delivery).await
}

/// Account and card events arrive at the same hook.
pub(crate) async fn on_bloque(State(app): State<App>, delivery: Delivery) -> Result<(), Failure> {
    let payload = serde_json::from_slice::<bloque::Payload>(&delivery.body());
    if let Ok(bloque::Payload::Unknown(_)) = payload {
        tracing::warn!(
            "Bloque sent a shape that is not known yet: {}",
            delivery.key()
        );
    }
    app.handle(&delivery).await
}

pub(crate) async fn on_event(State(app): State<App>, delivery: Delivery) -> Result<(), Failure> {
    app.handle(&delivery).await
}

impl App {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            effects: Arc::default(),
            handler_delay: settings.handler_delay,
            fail_first: settings.handler_fail_first,
            gives_up: settings.handler_gives_up,
        }
    }

    /// Does the work configured in the settings: takes some time, and fails the first few times.
    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let name = delivery.key().encoded();
        let run = self.effects.began(&name);
        tokio::time::sleep(self.handler_delay).await;
        if self.gives_up {
            return Err(Failure::permanent("as HANDLER_GIVES_UP says"));
        }
        if run <= self.fail_first {
            return Err(Failure::retry("as HANDLER_FAIL_FIRST says"));
        }
        self.effects.completed(&name);
        Ok(())
    }
}
