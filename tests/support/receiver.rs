//! A preset behind a real socket, with everything that can be observed of it.

use tower_webhook::{EventKey, MemoryStore, Provider, Reason, Store, Webhook};

use super::http::{Request, Response};
use super::observer::Recorder;
use super::presets::{Preset, clock};
use super::server::Server;
use super::stage::Stage;

#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) preset: Preset,
    pub(crate) server: Server,
    pub(crate) store: MemoryStore,
    pub(crate) seen: Recorder,
    pub(crate) runs: Stage,
}

impl Receiver {
    /// The unchanged preset.
    pub(crate) async fn start(preset: Preset) -> Self {
        Self::start_with(preset, |provider| provider, |webhook| webhook).await
    }

    /// The preset, with a changed provider and webhook.
    pub(crate) async fn start_with(
        preset: Preset,
        provider: impl FnOnce(Provider) -> Provider,
        webhook: impl FnOnce(Webhook) -> Webhook,
    ) -> Self {
        let (store, seen, runs) = (MemoryStore::new(), Recorder::new(), Stage::new());
        let built = Webhook::new(provider(preset.provider()))
            .store(store.clone())
            .clock(clock())
            .observer(seen.clone());
        Self {
            preset,
            server: preset.serve(&webhook(built), runs.counter()).await,
            store,
            seen,
            runs,
        }
    }

    pub(crate) async fn send(&self, request: &Request) -> Response {
        request.send(self.server.address).await
    }

    /// Whether there is no record at all of this event.
    pub(crate) async fn knows_nothing_of(&self, key: &EventKey) -> bool {
        self.store.lookup(key).await.unwrap().is_none()
    }

    /// Checks that the answer is exactly this refusal, that no handler ran, and that event 1 has no
    /// record.
    #[track_caller]
    pub(crate) fn assert_refused<'a>(
        &'a self,
        response: &'a Response,
        status: u16,
        extra: &'a [(&'a str, &'a str)],
        reason: Reason,
    ) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let preset = self.preset;
            let what = format!("{preset:?} at {at}: {response:?}");
            assert_eq!(response.status, status, "{what}");
            assert!(response.body.is_empty(), "{what}");
            let mut headers: Vec<_> = (response.headers.iter())
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .filter(|(name, _)| *name != "date")
                .collect();
            headers.sort_unstable();
            let mut expected = [&[("content-length", "0")], extra].concat();
            expected.sort_unstable();
            assert_eq!(headers, expected, "{what}");
            let seen = self.seen.next().await;
            assert_eq!(seen.reason, Some(reason), "{what}: {seen:?}");
            assert_eq!(seen.status, Some(status), "{what}: {seen:?}");
            assert_eq!(self.seen.take(), [], "{what}: observed twice");
            self.assert_untouched(&what).await;
        }
    }

    pub(crate) async fn assert_untouched(&self, what: &str) {
        assert_eq!(self.runs.runs(), 0, "{what}");
        assert!(self.knows_nothing_of(&self.preset.key(1)).await, "{what}");
    }

    /// Checks that the next correct delivery runs.
    pub(crate) async fn assert_takes_the_right_one(&self) {
        let response = self.send(&self.preset.delivery(1)).await;
        assert_eq!(response.status, 204, "{:?}: {response:?}", self.preset);
        assert_eq!(self.runs.runs(), 1, "{:?}", self.preset);
    }
}
