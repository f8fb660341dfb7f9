//! Our inbox.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;
use tower_webhook::inbox::{Inbox, SharedInbox};
use tower_webhook::worker::InboxExt;
use tower_webhook::{RouterExt, UnixTime, Webhook, WebhookLayer, event_handler};

use crate::common::{self, Result, SIGNATURE, Sender, event};
use crate::queue::{Handled, Queue};

#[derive(Clone)]
pub(crate) struct Ours {
    app: Router,
    inbox: SharedInbox,
    webhook: WebhookLayer,
    sender: Arc<Sender>,
}

impl Ours {
    pub(crate) fn of(inbox: impl Inbox) -> Result<Self> {
        let inbox = SharedInbox::new(inbox);
        let webhook = Webhook::new(common::blendfi()?).inbox(inbox.clone());
        let webhook: WebhookLayer = webhook.build()?;
        let app = Router::new().webhook("/hooks", webhook.clone(), event_handler(async || {}));
        Ok(Self {
            app,
            inbox,
            webhook,
            sender: Arc::new(Sender::new()?),
        })
    }
}

impl Queue for Ours {
    type Event = Request<Body>;

    fn event(&self, number: u32) -> Request<Body> {
        let body = event(&format!("evt_{number:026}"));
        let signature = self.sender.sign(UnixTime::now().as_secs(), &body);
        let request = Request::post("/hooks").header(SIGNATURE, signature);
        request.body(body.into()).unwrap()
    }

    async fn accept(&self, event: Request<Body>) {
        let answer = self.app.clone().oneshot(event).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    fn work(&self, handled: Handled) -> impl Future<Output = ()> + Send + 'static {
        let handler = move || {
            handled.count();
            std::future::ready(())
        };
        let worker = self.inbox.worker().concurrency(64);
        let worker = worker.on(&self.webhook, handler).build().unwrap();
        async move { worker.run().await }
    }

    async fn done(&self) -> u32 {
        let done = self.inbox.counts().await.unwrap().done;
        u32::try_from(done).unwrap()
    }
}
