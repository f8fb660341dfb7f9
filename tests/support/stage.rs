//! Counts runs, and holds them until the test releases them.

use std::future::{Ready, ready};
use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

use super::wait::within;

/// Clones are the same stage.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    entered: watch::Sender<usize>,
    places: Arc<Semaphore>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            entered: watch::Sender::new(0),
            places: Arc::new(Semaphore::new(0)),
        }
    }

    /// Counts a run and returns its number, from 1.
    pub(crate) fn enter(&self) -> usize {
        self.entered.send_modify(|runs| *runs += 1);
        *self.entered.borrow()
    }

    /// Counts a run, and waits until [`Stage::let_go`]. Returns its number.
    pub(crate) async fn stand(&self) -> usize {
        let run = self.enter();
        self.places.acquire().await.unwrap().forget();
        run
    }

    /// A handler that waits here, and then answers 204.
    pub(crate) fn handler(
        &self,
    ) -> impl Fn() -> BoxFuture<'static, StatusCode> + Clone + Send + Sync + use<> {
        let stage = self.clone();
        move || {
            let stage = stage.clone();
            Box::pin(async move {
                stage.stand().await;
                StatusCode::NO_CONTENT
            })
        }
    }

    /// A handler that counts its runs here, and answers 204 at once.
    pub(crate) fn counter(&self) -> impl Fn() -> Ready<StatusCode> + Clone + Send + Sync + use<> {
        let stage = self.clone();
        move || {
            stage.enter();
            ready(StatusCode::NO_CONTENT)
        }
    }

    /// The number of runs.
    pub(crate) fn runs(&self) -> usize {
        *self.entered.borrow()
    }

    /// Waits until this many runs have begun.
    pub(crate) async fn begun(&self, runs: usize) {
        let mut news = self.entered.subscribe();
        let _ = within("a handler to begin", news.wait_for(|it| *it >= runs)).await;
    }

    /// Releases this many runs.
    pub(crate) fn let_go(&self, runs: usize) {
        self.places.add_permits(runs);
    }
}
